"""Budgets as files over HTTP: charts to begin with, files of other tools to read, versions to hand on."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ValidationError

from events.budget import BudgetDrafted
from events.ids import Text
from events.money import WholeAmount
from service.budget_files import pdf, reading, table, workbook
from service.budget_files.chart import Chart, budget_of
from service.budget_files.profile import Profile
from service.budget_files.reading import FileRead
from service.deciders.budget import SetBudget
from service.problems import FieldError, Problem, malformed_fields
from service.spreadsheets import CSV, XLSX, csv_of, quoted

from .access import Readable, operation_id
from .commands import media_type_of, raw
from .listing import PDF, attached
from .views import PRODUCTION

router = APIRouter(tags=["Budget files"], generate_unique_id_function=operation_id)


@router.get(PRODUCTION + "/charts/{chart}", name="chart", response_model_exclude_defaults=True)
async def get_chart(
    production: Readable, chart: Annotated[Chart, Path(description="For productions of which kind.")]
) -> SetBudget:
    """Which accounts does a production of a kind have? The body of `set-budget`, all at zero: edit it, and send it."""
    return budget_of(chart, production.currency)


#: What a file is sent as.
_SENT = {CSV: {"schema": {"type": "string"}}, XLSX: {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    PRODUCTION + "/read-budget-file",
    name="read_budget_file",
    openapi_extra={"requestBody": {"required": True, "content": _SENT}},
    response_model_exclude_defaults=True,
)
async def read_budget_file(
    production: Readable,
    request: Request,
    document: Annotated[Text, Query(max_length=200, description="What the file is called.")],
    tolerance: Annotated[
        WholeAmount | None,
        Query(description="How far a printed sum may be from its parts for every level that is summed, such as `1`."),
    ] = None,
    sheet: Annotated[
        Text | None, Query(max_length=200, description="Of a workbook; `Detail`, or the first one, unless you say it.")
    ] = None,
    profile: Annotated[
        str | None,
        Query(
            max_length=4_000,
            description='What the columns are called, as JSON: `{"account": "Konto", "total": "Summe"}`; and which'
            " account each section becomes, where there are no codes. The usual names are known.",
        ),
    ] = None,
) -> FileRead:
    """What budget does a file say? The body of `set-budget` that it says, and how far it is from what it states.

    Sent as `text/csv`, or as an XLSX workbook. Nothing is set: look at it, and send the command.
    """
    media_type = media_type_of(request)
    if media_type not in (CSV, XLSX):
        said = f"A file is sent as {CSV} or {XLSX}."
        raise Problem(415, "ContentTypeIsNoSpreadsheet", said, "Set the Content-Type and send again.")
    data = await raw(request)
    file = reading.File(document, data, media_type, _columns(profile), sheet, tolerance)
    try:
        # A large workbook takes a while, and others are not to wait for it.
        return await asyncio.to_thread(reading.read, file, production.currency)
    except reading.CannotBeRead as error:
        raise Problem(422, "FileCannotBeRead", f"{document}: {error}.", "Send a budget as CSV or XLSX.") from None


def _columns(profile: str | None) -> Profile:
    try:
        return Profile() if profile is None else Profile.model_validate_json(profile, strict=True)
    except ValidationError as error:
        said = 'send what columns are called as a JSON object, such as {"account": "Konto"}'
        rules = ((each["loc"], each["msg"] if each["loc"] else said) for each in error.errors())
        named = ((f"query profile {'/'.join(map(str, loc))}".strip(), rule) for loc, rule in rules)
        raise malformed_fields([FieldError(pointer=pointer, rule=rule) for pointer, rule in named]) from None


async def file_of(drafted: BudgetDrafted, title: str, media_type: str) -> Response:
    """A version as a file: all of it as CSV or XLSX, its top sheet as PDF.

    Args:
        title: of the production.
    """
    name = f"budget-{drafted.budget}"
    if media_type == CSV:
        rows = ([quoted(cell) for cell in row.values()] for row in table.table_of(drafted))
        return Response(csv_of([table.COLUMNS, *rows]), media_type=CSV, headers=attached(f"{name}.csv"))
    if media_type == XLSX:
        data = await asyncio.to_thread(workbook.workbook_of, drafted, title)
        return Response(data, media_type=XLSX, headers=attached(f"{name}.xlsx"))
    data = await asyncio.to_thread(pdf.top_sheet, drafted, title)
    return Response(data, media_type=PDF, headers=attached(f"{name}.pdf"))
