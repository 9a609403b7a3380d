"""Hot costs over HTTP: what each day cost against what a day may cost, and the entries behind each figure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from sqlalchemy import func

from events.ids import AccountCode
from projections import current_budget, hot_costs, spend_register
from projections.current_budget import Budgeted, BudgetRow, ChangeRow, LineRow
from projections.hot_costs import HotCosts, HotExplanation, HotLine, HotPart, Sheet
from projections.past import rows_at
from projections.projection import Projection, Rows
from projections.stored import load
from service.deciders.command import AnyDay
from service.problems import FieldError, Problem, malformed_fields
from service.spreadsheets import CSV

from .access import At, Doors, Readable, Reading, operation_id, shown_to
from .costs import set_by, with_entries
from .listing import JSON, JSON_LINES, Page, answered, preferred
from .views import PRODUCTION, AsOf, AtLeast, Shown, asked_for, company_of, one_moment, shown_now, stamp

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)

SOURCES: tuple[Projection[Any], ...] = (current_budget.PROJECTION, spend_register.PROJECTION)
#: Days at a time.
AT_MOST = 92


@dataclass(frozen=True, slots=True)
class Measured:
    """How days are measured."""

    days: Annotated[
        int | None,
        Query(ge=1, le=1_000, description="How many days are shot; the budget's global `SHOOT_DAYS` without it."),
    ] = None
    as_of: AsOf = None
    at_least: AtLeast = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the sources say at one moment."""

    shown: Shown
    budgets: Rows
    #: Of the register, by `account` and `spent_on`: the `amount`; or the lines about one account.
    spent: Sequence[Any]


@router.get(PRODUCTION + "/hot-costs", name="hot_costs", response_model=HotCosts)
async def get_hot_costs(
    production: Readable,
    at: At,
    response: Response,
    spent_from: Annotated[AnyDay, Query(alias="from", description="The first day.")],
    spent_to: Annotated[AnyDay, Query(alias="to", description=f"The last day; {AT_MOST} days at the most.")],
    measured: Annotated[Measured, Depends()],
    account: Annotated[
        tuple[AccountCode, ...],
        Query(max_length=200, description="On the sheet; those of the level production without it."),
    ] = (),
    accept: Annotated[str, Header(description="`application/json`, `text/csv` or `application/jsonl`.")] = JSON,
) -> HotCosts | Response:
    """What did each day cost, account by account, against the budget of a day of shooting?

    By the day on which the money was spent; what took an entry back, or moved it, counts on the day of that entry.
    """
    shown_to(production, None, "the hot cost sheet")
    if not timedelta(0) <= spent_to - spent_from < timedelta(days=AT_MOST):
        said = f"send a last day that is not before the first one, {AT_MOST} days at the most"
        raise malformed_fields([FieldError(pointer="query to", rule=said)])
    found = await _found(at, production, measured, spent_to, None)
    sheet = await _sheet(at, production, found, measured, (spent_from, spent_to), account or None)
    if account:
        _budgeted(production, found, account)
    view = _view(production, found, sheet)
    page = Page([], None, found.shown, preferred(accept, JSON, CSV, JSON_LINES))
    lines = [] if page.media_type == JSON else hot_costs.lines(view)
    return answered(response, page, view, lines, HotLine, "hot-costs", production.sight)


@router.get(PRODUCTION + "/hot-costs/{day}/accounts/{account}", name="hot_costs_account")
async def get_hot_cost(
    production: Readable,
    day: Annotated[AnyDay, Path(description="On which the money was spent.")],
    account: Annotated[AccountCode, Path(description="An account or a charge of the budget in force.")],
    at: At,
    response: Response,
    measured: Annotated[Measured, Depends()],
) -> HotExplanation:
    """What are the figures of an account on a day made of? The entries behind each add up to it."""
    shown_to(production, None, "the hot cost sheet")
    found = await _found(at, production, measured, day, account)
    sheet = await _sheet(at, production, found, measured, (day, day), (account,))
    budgeted = _budgeted(production, found, (account,))
    stamp(response, found.shown, production.sight)
    return HotExplanation(
        production=production.stream_id,
        version=found.shown.version,
        position=found.shown.position,
        currency=production.currency,
        day=day,
        account=hot_costs.on_day(day, sheet.of(budgeted)[0], _spent(found)[account], sheet.shoot, production.currency),
        shoot_days=sheet.shoot.days,
        shoot_days_by=sheet.shoot.by,
        why=sheet.shoot.why,
        parts=[
            HotPart(figure="spent" if row["spent_on"] == day else "before", **{name: row[name] for name in _PART})
            for row in found.spent
        ],
    )


def _budgeted(production: Reading, found: Found, asked: Iterable[AccountCode]) -> list[Budgeted]:
    """What the budget in force has, if that is all that is asked for."""
    _, budgeted = current_budget.in_force(found.budgets, production.stream_id)
    known = {each.code for each in budgeted}
    for account in asked:
        if account not in known:
            said = f"The budget in force has no account {account}."
            raise Problem(404, "AccountIsMissing", said, "Look up its codes in the cost report.")
    return budgeted


_PART = ("amount", "spend", "line", "spent_on", "posted_on", "version")


def _view(production: Reading, found: Found, sheet: Sheet) -> HotCosts:
    stream, shown = production.stream_id, found.shown
    budget, budgeted = current_budget.in_force(found.budgets, stream)
    spent = _spent(found)
    return hot_costs.view(stream, shown.version, shown.position, production.currency, budget, budgeted, spent, sheet)


def _spent(found: Found) -> defaultdict[AccountCode, dict[date, Decimal]]:
    """By account and day."""
    spent: defaultdict[AccountCode, dict[date, Decimal]] = defaultdict(dict)
    for row in found.spent:
        of_account, day = spent[row["account"]], row["spent_on"]
        of_account[day] = of_account.get(day, Decimal(0)) + row["amount"]
    return spent


async def _sheet(
    at: Doors,
    production: Reading,
    found: Found,
    measured: Measured,
    days: tuple[date, date],
    accounts: Sequence[AccountCode] | None,
) -> Sheet:
    drafted = None if measured.days is not None else await set_by(at, production.stream_id, found.budgets)
    return Sheet(*days, accounts, hot_costs.shoot_days(measured.days, drafted))


async def _found(
    at: Doors, production: Reading, measured: Measured, spent_to: date, account: AccountCode | None
) -> Found:
    """What the sources say, all at one moment.

    Args:
        account: of which the lines are wanted one by one.
    """
    stream = production.stream_id
    for projection in SOURCES:
        then = await asked_for(at, projection, stream, measured.as_of, measured.at_least)
    async with one_moment(at, SOURCES, company_of(stream)) as (connection, position):
        shown = then or await shown_now(at, connection, spend_register.PROJECTION, stream, position)
        driver = (await connection.get_raw_connection()).driver_connection
        if then is None:
            wanted = [kind for kind in current_budget.KINDS if kind.row in (BudgetRow, LineRow, ChangeRow)]
            budgets = await load(driver, wanted, [stream])
        lines, entries = spend_register.LINES.table, spend_register.ENTRIES.table
        mine = (lines.c.stream_id == stream, lines.c.version <= shown.version, entries.c.spent_on <= spent_to)
        if account is None:
            by = (lines.c.account, entries.c.spent_on)
            asked = with_entries(*by, func.sum(lines.c.amount).label("amount")).where(*mine).group_by(*by)
        else:
            asked = with_entries(*lines.c, entries.c.spent_on).where(*mine, lines.c.account == account)
            asked = asked.order_by(entries.c.spent_on, lines.c.version, lines.c.part)
        spent = (await connection.execute(asked)).mappings().all()
    if then is not None:
        budgets = await rows_at(at.database.pool, current_budget.PROJECTION, stream, then.version)
    return Found(shown, budgets, spent)
