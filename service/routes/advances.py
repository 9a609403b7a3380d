"""Floats and deposits over HTTP: what is out, with whom, and what became of it."""

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Query, Response
from sqlalchemy import select

from events.advance import UNSETTLED, AdvanceKind, AdvanceState
from events.ids import PersonId, StreamId, VendorId
from projections import advances
from projections.advances import AdvanceRow, AdvancesView, AdvanceView, Wanted
from service.spreadsheets import CSV

from .access import At, Doors, Readable, operation_id
from .listing import JSON, JSON_LINES, Page, answered, preferred
from .views import PRODUCTION, AsOf, AtLeast, company_of, rows_of, snapshot

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)


@router.get(PRODUCTION + "/advances", name="advances", response_model=AdvancesView)
async def get_advances(
    production: Readable,
    at: At,
    response: Response,
    kind: Annotated[AdvanceKind | None, Query(description="Floats, or deposits.")] = None,
    state: Annotated[AdvanceState | None, Query(description="How it stands.")] = None,
    person: Annotated[PersonId | None, Query(description="Who holds it.")] = None,
    vendor: Annotated[VendorId | None, Query(description="With whom it is.")] = None,
    overdue: Annotated[
        bool | None, Query(description="Whether something is left after the day on which it was due.")
    ] = None,
    as_of: AsOf = None,
    at_least: AtLeast = None,
    accept: Annotated[str, Header(description="`application/json`, `text/csv` or `application/jsonl`.")] = JSON,
) -> AdvancesView | Response:
    """What is out in floats and deposits, with whom, and what became of each? A holder reads their own floats."""
    stream, sight = production.stream_id, production.sight
    rows, shown = await rows_of(at, advances.PROJECTION, stream, as_of, at_least)
    named = await at.directory.vendors_of(company_of(stream))
    view = advances.view(
        rows,
        stream,
        shown.version,
        shown.position,
        shown.at.astimezone(ZoneInfo(production.time_zone)).date(),
        Wanted(kind, state, person, vendor, overdue),
        {vendor: name for vendor, name in named if name is not None},
        lambda holder: sight.withheld is None or holder in production.readers,
        sight.withheld,
    )
    page = Page([], None, shown, preferred(accept, JSON, CSV, JSON_LINES))
    return answered(response, page, view, view.advances, AdvanceView, "advances", sight)


async def unsettled(at: Doors, streams: Sequence[StreamId]) -> list[AdvanceRow]:
    """The advances of which something is left, of all these productions."""
    table = advances.ADVANCES.table
    where = (table.c.stream_id.in_(streams), table.c.state.in_([state.value for state in UNSETTLED]))
    async with snapshot(at, advances.PROJECTION) as (connection, _):
        found = await connection.execute(select(table).where(*where).order_by(table.c.stream_id, table.c.advance))
        return [advances.ADVANCES.read(dict(row)) for row in found.mappings()]
