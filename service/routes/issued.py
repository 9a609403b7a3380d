"""Cost reports that were issued: made once, from the views, and then kept and shown byte for byte.

Making is for the edge, since decisions never read projections: the command is tried first, so that nobody has a report
made who may not issue one; the report is made at the version that the views show, which is no older than the newest one
by then; its bytes are kept; then the command is decided, and its fact names version and bytes. A command that the
ledger knows makes nothing: it is answered with the report that it made.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from events.cost_report import AccountEfc
from events.ids import Digest, ReportId
from events.money import Money
from projections import cost_report
from projections.cost_report import CostLine, CostReport, IssuedRow, KeptReports
from service import documents
from service.cost_files import pdf, workbook
from service.deciders.cost_report import Form, IssueCostReport, Made
from service.handling import Wish
from service.problems import Problem
from service.spreadsheets import CSV, XLSX

from .access import At, Doors, Person, Readable, operation_id, reading, shown_to
from .costs import Asked, found_in, report_of
from .listing import FILES, JSON, PDF, as_csv, attached, preferred
from .views import PRODUCTION, AsOf, AtLeast, rows_of, stamp

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)

#: How a report is written, with the title of its production, in each form that is kept; PDF where its typesetter is
#: installed. What is kept already does not change with these.
FORMS: Mapping[str, Callable[[CostReport, str], bytes]] = {
    JSON: lambda report, _: report.model_dump_json().encode(),
    CSV: lambda report, _: as_csv(cost_report.lines(report), CostLine).encode(),
    XLSX: workbook.workbook_of,
    **({PDF: pdf.cost_report} if PDF in FILES else {}),
}
#: How the files are called of those that are no answer to read.
_SUFFIXES = {CSV: "csv", XLSX: "xlsx", PDF: "pdf"}
#: What a report says of the moment at which it was made, and not of the production.
_OF_THE_MOMENT = {"version", "position", "period", "compared_with"}


async def with_report(at: Doors, sender: Person, wish: Wish, *, keeps: bool) -> Wish:
    """The wish with the report that it issues, if it issues one.

    Args:
        keeps: whether it is meant, and the bytes are kept.
    """
    if not isinstance(wish.command, IssueCostReport) or await at.log.known(wish.principal, wish.key) is not None:
        return wish
    await at.handling.rehearse(wish)
    made = await _made(at, sender, wish, wish.command)
    if keeps:
        await documents.keep(at.database.pool, [form.content for form in made.forms])
    return replace(wish, made=made)


async def _made(at: Doors, sender: Person, wish: Wish, command: IssueCostReport) -> Made:
    """I1: the report, at a version no older than the newest one now."""
    assert wish.production is not None
    production = await reading(at, sender, wish.company, wish.production)
    newest = (await at.handling.production(wish.stream_id)).head.position
    days = (command.posted_from, command.posted_to)
    asked = Asked(None, newest, command.period, *days, command.etc_basis, command.variance_sign)
    report = report_of(production, await found_in(at, production, asked, None))
    # Typesetting takes a while, and others are not to wait for it.
    written = {form: await asyncio.to_thread(write, report, production.title) for form, write in FORMS.items()}
    return Made(
        of_version=report.version,
        content_hash=_content_hash(report),
        forms=tuple(Form(media_type, content) for media_type, content in written.items()),
        efc=tuple(AccountEfc(each.code, Money(each.efc, report.currency)) for each in cost_report.lines(report)),
        compared_with=report.compared_with,
    )


def _content_hash(report: CostReport) -> Digest:
    return sha256(report.model_dump_json(exclude=_OF_THE_MOMENT).encode()).hexdigest()


@router.get(PRODUCTION + "/cost-reports", name="cost_reports")
async def get_cost_reports(
    production: Readable, at: At, response: Response, as_of: AsOf = None, at_least: AtLeast = None
) -> KeptReports:
    """Which cost reports were issued, for which days, and which of them were replaced?"""
    shown_to(production, None, "the cost report")
    stream = production.stream_id
    rows, shown = await rows_of(at, cost_report.PROJECTION, stream, as_of, at_least)
    stamp(response, shown)
    return cost_report.kept(stream, shown.version, shown.position, rows.of(IssuedRow, stream))


@router.get(PRODUCTION + "/cost-reports/{report}", name="issued_cost_report", response_model=CostReport)
async def get_issued_cost_report(
    production: Readable,
    report: Annotated[ReportId, Path(description="Its number.", examples=["CR-1"])],
    at: At,
    at_least: AtLeast = None,
    accept: Annotated[str, Header(description=f"`{JSON}`, `{CSV}`, `{XLSX}` or `{PDF}`.")] = JSON,
) -> Response:
    """What did the report say that was issued? Byte for byte; `Repr-Digest` is the SHA-256 that the log holds of it."""
    shown_to(production, None, "the cost report")
    rows, _ = await rows_of(at, cost_report.PROJECTION, production.stream_id, None, at_least)
    row = next((each for each in rows.of(IssuedRow, production.stream_id) if each.report == report), None)
    if row is None:
        said = f"No cost report {report} was issued."
        raise Problem(404, "ReportIsMissing", said, "Look up those that were, or issue one.")
    forms = {form.media_type: form for form in row.forms}
    form = forms[preferred(accept, *forms)]
    content = await documents.kept(at.database.pool, form.sha256)
    if content is None or sha256(content).hexdigest() != form.sha256:
        said = f"The {form.media_type} of {report} is not what was issued."
        raise Problem(
            500, "ReportIsDamaged", said, "The operator of the service can see what is so: greenlight verify."
        )
    headers = {"Repr-Digest": documents.repr_digest(form.sha256)}
    suffix = _SUFFIXES.get(form.media_type)
    named = {} if suffix is None else attached(f"{report}.{suffix}")
    return Response(content, media_type=form.media_type, headers=headers | named)
