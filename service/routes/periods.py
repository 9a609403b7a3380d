"""Accounting periods over HTTP: which there are, who may post into each, what was stated when it was closed."""

from fastapi import APIRouter, Response

from projections import periods
from projections.periods import PeriodsShown

from .access import At, Readable, operation_id
from .views import PRODUCTION, AsOf, AtLeast, rows_of, stamp

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)


@router.get(PRODUCTION + "/periods", name="periods")
async def get_periods(
    production: Readable, at: At, response: Response, as_of: AsOf = None, at_least: AtLeast = None
) -> PeriodsShown:
    """Which periods are the books kept in, what is closed, and from which day may be posted?"""
    rows, shown = await rows_of(at, periods.PROJECTION, production.stream_id, as_of, at_least)
    stamp(response, shown, production.sight)
    sight = production.sight
    return periods.view(rows, production.stream_id, shown.version, shown.position, sight.open, sight.withheld)
