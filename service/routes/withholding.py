"""What was withheld from entries, over HTTP: how much is still owed to others, and when the rest was paid over."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from events.ids import VendorId
from projections import withholding
from projections.withholding import Wanted, WithheldView, Withholding
from service.deciders.command import AnyDay
from service.spreadsheets import CSV

from .access import At, Readable, operation_id, shown_to
from .listing import JSON, JSON_LINES, Page, answered, preferred
from .views import PRODUCTION, AsOf, AtLeast, company_of, rows_of

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)


@router.get(PRODUCTION + "/withholding", name="withholding", response_model=Withholding)
async def get_withholding(
    production: Readable,
    at: At,
    response: Response,
    due: Annotated[
        bool | None, Query(description="Whether something is due of the entry, or came to too much.")
    ] = None,
    vendor: Annotated[VendorId | None, Query(description="From whom it was withheld.")] = None,
    posted_to: Annotated[
        AnyDay | None, Query(description="Posted on this day or earlier; `payable` is what is to be remitted up to it.")
    ] = None,
    as_of: AsOf = None,
    at_least: AtLeast = None,
    accept: Annotated[
        str, Header(description="`application/json`, or the entries as `text/csv` or `application/jsonl`.")
    ] = JSON,
) -> Withholding | Response:
    """What was withheld, of which entries, how much is still owed to others, and when was the rest paid over?

    What is withheld is of pay, mostly: it is for those who may read every figure.
    """
    shown_to(production, None, "withholding")
    stream = production.stream_id
    rows, shown = await rows_of(at, withholding.PROJECTION, stream, as_of, at_least)
    named = await at.directory.vendors_of(company_of(stream))
    view = withholding.view(
        rows,
        stream,
        shown.version,
        shown.position,
        production.currency,
        Wanted(due, vendor, posted_to),
        {vendor: name for vendor, name in named if name is not None},
    )
    page = Page([], None, shown, preferred(accept, JSON, CSV, JSON_LINES))
    return answered(response, page, view, view.entries, WithheldView, "withholding", production.sight)
