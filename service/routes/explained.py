"""What the figures of the registers are made of, over HTTP: the facts behind a commitment's, and behind a vendor's."""

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Response

from events.ids import CommitmentId, VendorId
from events.log import COLUMNS, recorded
from projections import commitment_history, commitment_register, spend_register, vendors
from projections.commitment_history import CommitmentExplanation
from projections.past import rows_at
from projections.stored import load
from projections.vendors import VendorExplanation, VendorPart
from service.problems import Problem

from .access import At, Readable, operation_id, shown_to
from .costs import with_entries
from .views import PRODUCTION, AsOf, AtLeast, asked_for, company_of, one_moment, rows_of, shown_now, stamp

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)


@router.get(PRODUCTION + "/commitment-register/{commitment}", name="commitment")
async def get_commitment(
    production: Readable,
    commitment: Annotated[CommitmentId, Path(description="Its number, such as `PO-0001`.")],
    at: At,
    response: Response,
    as_of: AsOf = None,
    at_least: AtLeast = None,
) -> CommitmentExplanation:
    """What are the figures of a commitment made of? Each fact that moved one; they add up.

    Its facts may tell of accounts on which it was before: it is for those who may read every figure.
    """
    shown_to(production, None, commitment)
    stream, projection = production.stream_id, commitment_register.PROJECTION
    rows, shown = await rows_of(at, projection, stream, as_of, at_least)
    view = commitment_register.of(rows, stream, commitment)
    if view is None:
        said = f"The production has no commitment {commitment}."
        raise Problem(404, "CommitmentIsMissing", said, "Look it up in the commitment register.")
    history = await at.database.pool.fetch(
        f"SELECT {COLUMNS} FROM events WHERE stream_id = $1 AND version <= $2 AND type = ANY($3) ORDER BY version",
        stream,
        shown.version,
        [event.__name__ for event in projection.reads],
    )
    stamp(response, shown, production.sight)
    return CommitmentExplanation(
        production=stream,
        version=shown.version,
        position=shown.position,
        currency=production.currency,
        commitment=commitment,
        state=view.state,
        figures=commitment_history.figures(view),
        parts=commitment_history.parts(map(recorded, history), stream, commitment),
    )


@router.get(PRODUCTION + "/vendors/{vendor}", name="vendor")
async def get_vendor(
    production: Readable,
    vendor: Annotated[VendorId, Path(description="As the list of vendors has them.")],
    at: At,
    response: Response,
    days: Annotated[int, Query(ge=1, le=366, description="How many days are the last ones, today among them.")] = 30,
    as_of: AsOf = None,
    at_least: AtLeast = None,
) -> VendorExplanation:
    """What are the figures of a vendor made of? Each entry, and each order of which something is still to come."""
    shown_to(production, None, vendor)
    stream, register = production.stream_id, commitment_register.PROJECTION
    sources = (register, spend_register.PROJECTION)
    for projection in sources:
        then = await asked_for(at, projection, stream, as_of, at_least)
    lines, entries = spend_register.LINES.table, spend_register.ENTRIES.table
    async with one_moment(at, sources, company_of(stream)) as (connection, position):
        shown = then or await shown_now(at, connection, register, stream, position)
        driver = (await connection.get_raw_connection()).driver_connection
        commitments = await load(driver, register.kinds, [stream]) if then is None else None
        mine = (lines.c.stream_id == stream, lines.c.version <= shown.version, entries.c.vendor == vendor)
        asked = with_entries(*lines.c).where(*mine).order_by(lines.c.version, lines.c.part)
        found = (await connection.execute(asked)).mappings().all()
    if commitments is None:
        commitments = await rows_at(at.database.pool, register, stream, shown.version)
    since = shown.at.astimezone(ZoneInfo(production.time_zone)).date() - timedelta(days=days - 1)
    spent = [
        VendorPart(
            figure="total",
            amount=row["amount"],
            recent=row["posted_on"] >= since,
            account=row["account"],
            spend=row["spend"],
            line=row["line"],
            posted_on=row["posted_on"],
            version=row["version"],
        )
        for row in found
    ]
    to_come = [
        VendorPart(figure="open", amount=each.amount, account=each.account, commitment=each.commitment)
        for each in commitment_register.still_to_come(commitments, stream)
        if each.vendor == vendor
    ]
    known = any(row.vendor == vendor for row in commitments.of(commitment_register.CommitmentRow, stream))
    if not spent and not known:
        said = f"The production has spent nothing with {vendor}, and ordered nothing."
        raise Problem(404, "VendorIsMissing", said, "Look them up in the list of vendors.")
    stamp(response, shown, production.sight)
    name = next((said for who, said in await at.directory.vendors_of(company_of(stream)) if who == vendor), None)
    parts, currency = [*spent, *to_come], production.currency
    return VendorExplanation(
        production=stream,
        version=shown.version,
        position=shown.position,
        currency=currency,
        recent_from=since,
        vendor=vendors.line(vendor, name or vendor, parts, currency),
        parts=parts,
    )
