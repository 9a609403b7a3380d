"""The cost report over HTTP: what each account cost and will cost against its budget, and what that is made of."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events.budget import BudgetDrafted
from events.cost_report import EtcBasis, VarianceSign
from events.ids import AccountCode, PeriodId, StreamId, VendorId
from events.money import Currency, ExchangeRate, Money
from events.spend import SpendKind
from projections import commitment_register, cost_report, current_budget, periods, spend_register, vendors
from projections.commitment_register import Taken
from projections.cost_report import (
    CostExplanation,
    CostLine,
    CostPart,
    CostReport,
    Costs,
    EstimateEntered,
    EstimateRow,
    IssuedRow,
    PeriodOfReport,
    Posted,
    Terms,
)
from projections.current_budget import BudgetRow, ChangeRow, LineRow
from projections.past import rows_at
from projections.periods import PeriodRow
from projections.projection import Kind, Projection, Rows
from projections.stored import load
from projections.vendors import VendorCost, VendorLine, Vendors
from service.cost_files import pdf, workbook
from service.deciders.command import AnyDay
from service.deciders.period import PeriodIsMissing
from service.problems import FieldError, Problem, malformed_fields
from service.spreadsheets import CSV, XLSX

from .access import At, Doors, Readable, Reading, operation_id, shown_to
from .listing import FILES, JSON, JSON_LINES, PDF, Page, answered, attached, preferred
from .views import PRODUCTION, AsOf, AtLeast, Shown, asked_for, company_of, one_moment, shown_now, stamp

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)

#: What the report is put together from.
SOURCES: tuple[Projection[Any], ...] = (
    current_budget.PROJECTION,
    commitment_register.PROJECTION,
    spend_register.PROJECTION,
    cost_report.PROJECTION,
    periods.PROJECTION,
)


_RATE = TypeAdapter(ExchangeRate)


@dataclass(frozen=True, slots=True)
class Asked:
    """How the report is asked for."""

    as_of: AsOf = None
    at_least: AtLeast = None
    period: Annotated[
        PeriodId | None, Query(description="Its days, in the place of `posted_from` and `posted_to`.")
    ] = None
    posted_from: Annotated[AnyDay | None, Query(description="The first day of the period.")] = None
    posted_to: Annotated[AnyDay | None, Query(description="The last day of the period; cost is up to it.")] = None
    etc: Annotated[
        EtcBasis, Query(description="Whether open orders are outside the estimate to complete, or inside it.")
    ] = EtcBasis.ORDERS_OUTSIDE
    variance: Annotated[VarianceSign, Query(description="Whether over budget is positive, or under budget.")] = (
        VarianceSign.OVER
    )

    def terms(self, known: Sequence[PeriodRow]) -> Terms:
        """What of it is for the report.

        Args:
            known: the periods at the moment that is shown.
        """
        if self.posted_from is not None and self.posted_to is not None and self.posted_to < self.posted_from:
            raise malformed_fields([FieldError(pointer="query posted_to", rule="send a day from posted_from on")])
        if self.period is None:
            return Terms(self.posted_from, self.posted_to, self.etc, self.variance)
        if self.posted_from is not None or self.posted_to is not None:
            rule = "ask for a period, or for days from posted_from to posted_to"
            raise malformed_fields([FieldError(pointer="query period", rule=rule)])
        period = next((each for each in known if each.period == self.period), None)
        if period is None:
            raise PeriodIsMissing(self.period)
        of = PeriodOfReport(period=period.period, state=period.state)
        return Terms(period.first_on, period.last_on, self.etc, self.variance, of)


@dataclass(frozen=True, slots=True)
class Found:
    """What the sources say at one moment."""

    shown: Shown
    terms: Terms
    budgets: Rows
    commitments: Rows
    #: Of the register: `account`, `period`, `to_date` and `later`.
    actual: Sequence[Any]
    #: What was spent in other currencies, and exchange differences, up to the end of the period: `account`, `cost`,
    #: `spent`, `currency`, `times`.
    foreign: Sequence[Any]
    #: By currency, of the budget in force, of those that something was spent in.
    rates: Mapping[Currency, ExchangeRate]
    estimates: list[EstimateRow]
    issued: list[IssuedRow]
    #: The lines of the register about one account, with their entries, where one is asked about.
    lines: Sequence[Any]


@router.get(PRODUCTION + "/cost-report", name="cost_report", response_model=CostReport)
async def get_cost_report(
    production: Readable,
    at: At,
    response: Response,
    asked: Annotated[Asked, Depends()],
    accept: Annotated[
        str, Header(description=f"`{JSON}`; `{CSV}`, `{JSON_LINES}` and `{XLSX}` (one row an account), or `{PDF}`.")
    ] = JSON,
) -> CostReport | Response:
    """What has each account cost, what is promised, and what will it come to, against its budget?

    The workbook goes on reckoning: sums and what is reckoned from other figures are formulas. The PDF bears the SHA-256
    of the same report as JSON without its `position`: at the same version it is the same.
    """
    shown_to(production, None, "the cost report")
    found = await found_in(at, production, asked, None)
    report = report_of(production, found)
    media_type = preferred(accept, JSON, CSV, JSON_LINES, *(each for each in FILES if each != CSV))
    if media_type in (XLSX, PDF):
        write, name = (workbook.workbook_of, "xlsx") if media_type == XLSX else (pdf.cost_report, "pdf")
        data = await asyncio.to_thread(write, report, production.title)
        file = Response(data, media_type=media_type, headers=attached(f"cost-report.{name}"))
        stamp(file, found.shown, production.sight)
        return file
    page = Page([], None, found.shown, media_type)
    lines = [] if page.media_type == JSON else cost_report.lines(report)
    return answered(response, page, report, lines, CostLine, "cost-report", production.sight)


@router.get(PRODUCTION + "/cost-report/accounts/{account}", name="cost_report_account")
async def get_account_cost(
    production: Readable,
    account: Annotated[AccountCode, Path(description="Of an account, a charge, or a code outside the budget.")],
    at: At,
    response: Response,
    asked: Annotated[Asked, Depends()],
) -> CostExplanation:
    """What are the figures of an account made of? The facts behind each add up to it."""
    shown_to(production, None, "the cost report")
    found = await found_in(at, production, asked, account)
    report = report_of(production, found)
    row = next((each for each in cost_report.lines(report) if each.code == account), None)
    if row is None:
        said = f"The cost report has no account {account}."
        raise Problem(404, "AccountIsMissing", said, "Look up its codes in the report.")
    stamp(response, found.shown, production.sight)
    parts = [*_of_budget(production, found, account), *_of_spend(production, found, asked)]
    parts += _of_orders(production, found, account)
    return CostExplanation(
        production=production.stream_id,
        version=found.shown.version,
        position=found.shown.position,
        currency=production.currency,
        account=row,
        parts=parts,
        estimates=[
            EstimateEntered(
                version=each.version,
                amount=each.estimate,
                actor=each.actor,
                on_behalf_of=each.on_behalf_of,
                at=each.at,
                reason=each.reason,
            )
            for each in found.estimates
            if each.account == account
        ],
    )


@router.get(PRODUCTION + "/vendors", name="vendors", response_model=Vendors)
async def get_vendors(
    production: Readable,
    at: At,
    response: Response,
    days: Annotated[int, Query(ge=1, le=366, description="How many days are the last ones, today among them.")] = 30,
    as_of: AsOf = None,
    at_least: AtLeast = None,
    accept: Annotated[str, Header(description="`application/json`, `text/csv` or `application/jsonl`.")] = JSON,
) -> Vendors | Response:
    """With whom is money spent, how much of it lately, and what is still to come?"""
    shown_to(production, None, "the list of vendors")
    stream, register = production.stream_id, commitment_register.PROJECTION
    sources = (register, spend_register.PROJECTION)
    for projection in sources:
        then = await asked_for(at, projection, stream, as_of, at_least)
    async with one_moment(at, sources, company_of(stream)) as (connection, position):
        shown = then or await shown_now(at, connection, register, stream, position)
        driver = (await connection.get_raw_connection()).driver_connection
        commitments = await load(driver, register.kinds, [stream]) if then is None else None
        since = shown.at.astimezone(ZoneInfo(production.time_zone)).date() - timedelta(days=days - 1)
        spent = (await connection.execute(_by_vendor(stream, shown.version, since))).mappings().all()
    if commitments is None:
        commitments = await rows_at(at.database.pool, register, stream, shown.version)
    to_come: dict[VendorId, Decimal] = {}
    for each in commitment_register.still_to_come(commitments, stream):
        to_come[each.vendor] = to_come.get(each.vendor, Decimal(0)) + each.amount
    named = await at.directory.vendors_of(company_of(stream))
    view = vendors.view(
        stream,
        shown.version,
        shown.position,
        production.currency,
        since,
        {r["vendor"]: VendorCost(r["spent"], r["recent"] or r["spent"] * 0, r["entries"]) for r in spent},
        to_come,
        {vendor: name for vendor, name in named if name is not None},
    )
    page = Page([], None, shown, preferred(accept, JSON, CSV, JSON_LINES))
    return answered(response, page, view, view.vendors, VendorLine, "vendors", production.sight)


def _by_vendor(stream: StreamId, version: int, since: date) -> Select[Any]:
    """The sums of the register's lines: of all days, and of the last ones."""
    lines, entries = spend_register.LINES.table, spend_register.ENTRIES.table
    of_entry = and_(entries.c.stream_id == lines.c.stream_id, entries.c.spend == lines.c.spend)
    recent = func.sum(lines.c.amount).filter(lines.c.posted_on >= since).label("recent")
    count = func.count().filter(lines.c.line == "spend").label("entries")
    asked = select(entries.c.vendor, func.sum(lines.c.amount).label("spent"), recent, count)
    of_stream = asked.join(entries, of_entry).where(lines.c.stream_id == stream, lines.c.version <= version)
    return of_stream.group_by(entries.c.vendor)


def report_of(production: Reading, found: Found) -> CostReport:
    """The report, of what the sources say."""
    stream, shown, currency, terms = production.stream_id, found.shown, production.currency, found.terms
    taken: dict[AccountCode, Taken] = {}
    for _, account, amounts in commitment_register.taken(found.commitments, stream):
        taken[account] = taken[account] + amounts if account in taken else amounts
    actual = {}
    for row in found.actual:
        nothing = row["spent"] * 0
        to_date, period = row["to_date"] or nothing, row["period"] or nothing
        actual[row["account"]] = Posted(period, to_date, row["spent"] - to_date)
    of_currency: dict[AccountCode, Decimal] = {}
    without_rate = set()
    for row in found.foreign:
        rate, more = found.rates.get(row["currency"]), row["cost"]  # of a difference, all of it
        if row["currency"] != currency and rate is None:
            without_rate.add(row["currency"])
            continue
        if rate is not None:
            spent = Money(row["spent"], row["currency"])
            more = cost_report.currency_variance(row["cost"], spent, row["times"], rate, currency)
        of_currency[row["account"]] = of_currency.get(row["account"], Decimal(0)) + more
    before = cost_report.before(found.issued, terms.posted_to)
    costs = Costs(actual, taken, cost_report.latest(found.estimates), of_currency, before, without_rate)
    budget, budgeted = current_budget.in_force(found.budgets, stream)
    return cost_report.view(stream, shown.version, shown.position, currency, budget, budgeted, costs, terms)


def _of_budget(production: Reading, found: Found, account: AccountCode) -> list[CostPart]:
    """Its line of the version in force, and each change since."""
    budget, budgeted = current_budget.in_force(found.budgets, production.stream_id)
    line = next((each for each in budgeted if each.code == account), None)
    if budget is None or line is None:
        return []
    changes = [
        CostPart(
            figure="overages" if change.change.startswith("O-") else "moved",
            amount=change.amount,
            budget=budget,
            change=change.change,
        )
        for change in found.budgets.of(ChangeRow, production.stream_id)
        if change.account == account and f"v{change.number}" == budget
    ]
    return [CostPart(figure="budget", amount=line.budget, budget=budget), *changes]


def _of_spend(production: Reading, found: Found, asked: Asked) -> Iterator[CostPart]:
    """Its lines of the register, and what currency makes of each."""
    for line in found.lines:
        later = asked.posted_to is not None and line["posted_on"] > asked.posted_to
        said: dict[str, Any] = {name: line[name] for name in ("spend", "line", "posted_on", "version")}
        yield CostPart(figure="actual_later" if later else "actual_to_date", amount=line["amount"], **said)
        if line["entry_kind"] == SpendKind.EXCHANGE_DIFFERENCE and not later:
            yield CostPart(figure="currency_variance", amount=line["amount"], **said)
        if later or (budget_rate := found.rates.get(line["spent_in"])) is None:
            continue
        spent, rate = Money(line["spent"], line["spent_in"]), _RATE.validate_json(line["rate"])
        of_it = cost_report.currency_variance(line["amount"], spent, line["times"], budget_rate, production.currency)
        said |= {"spent": spent, "rate": rate, "budget_rate": budget_rate}
        yield CostPart(figure="currency_variance", amount=of_it, **said)


def _of_orders(production: Reading, found: Found, account: AccountCode) -> Iterator[CostPart]:
    """What each commitment and each requisition takes of it."""
    for number, code, taken in commitment_register.taken(found.commitments, production.stream_id):
        whose: dict[str, Any] = {"requisition" if number.startswith("REQ-") else "commitment": number}
        named = {"commitments": taken.committed, "pending": taken.pending, "requisitioned": taken.requisitioned}
        if code == account:
            yield from (CostPart(figure=name, amount=each, **whose) for name, each in named.items() if each)


async def found_in(at: Doors, production: Reading, asked: Asked, account: AccountCode | None) -> Found:
    """What the sources say, all at one moment.

    Args:
        account: whose lines of the register are wanted, too.
    """
    stream, company = production.stream_id, company_of(production.stream_id)
    for projection in SOURCES:
        then = await asked_for(at, projection, stream, asked.as_of, asked.at_least)
    known = None if then is None else await rows_at(at.database.pool, periods.PROJECTION, stream, then.version)
    async with one_moment(at, SOURCES, company) as (connection, position):
        shown = then or await shown_now(at, connection, cost_report.PROJECTION, stream, position)
        driver = (await connection.get_raw_connection()).driver_connection
        if then is None:
            wanted = [kind for kind in current_budget.KINDS if kind.row in (BudgetRow, LineRow, ChangeRow)]
            budgets = await load(driver, wanted, [stream])
            commitments = await load(driver, commitment_register.KINDS, [stream])
        known = known or await load(driver, periods.PROJECTION.kinds, [stream])
        terms = asked.terms(known.of(PeriodRow, stream))
        mine = spend_register.LINES.table.c.version <= shown.version
        mine = and_(spend_register.LINES.table.c.stream_id == stream, mine)
        actual = (await connection.execute(_by_account(mine, terms))).mappings().all()
        foreign = (await connection.execute(_by_currency(mine, terms, production.currency))).mappings().all()
        its_lines = [] if account is None else (await connection.execute(_lines_of(mine, account))).mappings().all()
        estimates, issued = [
            await _up_to(connection, kind, stream, shown.version) for kind in cost_report.PROJECTION.kinds
        ]
    if then is not None:
        budgets = await rows_at(at.database.pool, current_budget.PROJECTION, stream, then.version)
        commitments = await rows_at(at.database.pool, commitment_register.PROJECTION, stream, then.version)
    drafted = await set_by(at, stream, budgets) if foreign else None
    rates = {} if drafted is None else _rates(drafted)
    return Found(shown, terms, budgets, commitments, actual, foreign, rates, estimates, issued, its_lines)


async def _up_to(connection: AsyncConnection, kind: Kind, stream: StreamId, version: int) -> list[Any]:
    """The rows, of those that never change, up to a version."""
    table = kind.table
    of_stream = select(table).where(table.c.stream_id == stream, table.c.version <= version)
    rows = (await connection.execute(of_stream.order_by(table.c.version))).mappings().all()
    return [kind.read(dict(row)) for row in rows]


async def set_by(at: Doors, stream: StreamId, budgets: Rows) -> BudgetDrafted | None:
    """The fact that set the version in force: what it says was approved, and never changes."""
    budget, _ = current_budget.in_force(budgets, stream)
    row = None if budget is None else budgets.get(BudgetRow, stream, int(budget.removeprefix("v")))
    if row is None:
        return None
    [recorded] = await at.log.read_stream(stream, after=row.set_in - 1, up_to=row.set_in)
    assert isinstance(recorded.event, BudgetDrafted)
    return recorded.event


def _rates(drafted: BudgetDrafted) -> Mapping[Currency, ExchangeRate]:
    """By currency, what it was approved at."""
    base = drafted.currency
    return {each.source if each.target == base else each.target: each for each in drafted.rates}


def _by_account(mine: ColumnElement[bool], terms: Terms) -> Select[Any]:
    """The sums of the register's lines: in the period, up to its end, and all; one sum where they are the same."""
    lines = spend_register.LINES.table
    begun = [] if terms.posted_from is None else [lines.c.posted_on >= terms.posted_from]
    period = func.sum(lines.c.amount).filter(*begun, *_by_then(terms)).label("period")
    to_date = func.sum(lines.c.amount).filter(*_by_then(terms)).label("to_date")
    spent = func.sum(lines.c.amount).label("spent")
    return select(lines.c.account, period, to_date, spent).where(mine).group_by(lines.c.account)


def _by_then(terms: Terms) -> list[ColumnElement[bool]]:
    """That a line is posted by the end of the period, where it has one."""
    return [] if terms.posted_to is None else [spend_register.LINES.table.c.posted_on <= terms.posted_to]


_ENTRY = spend_register.ENTRIES.table.c
#: What an entry is in its currency, and whether a line adds it or takes it back.
_SPENT = _ENTRY.net + _ENTRY.tax - _ENTRY.recoverable_tax
_TIMES = case((spend_register.LINES.table.c.line.in_(("spend", "recoded_in")), 1), else_=-1)


def with_entries(*columns: ColumnElement[Any]) -> Select[Any]:
    """Lines of the register, each with its entry."""
    lines, entries = spend_register.LINES.table, spend_register.ENTRIES.table
    of_entry = and_(entries.c.stream_id == lines.c.stream_id, entries.c.spend == lines.c.spend)
    return select(*columns).select_from(lines.join(entries, of_entry))


def _by_currency(mine: ColumnElement[bool], terms: Terms, currency: Currency) -> Select[Any]:
    """What was spent in other currencies, and exchange differences: the lines that say the same amount together."""
    lines, entries = spend_register.LINES.table, spend_register.ENTRIES.table
    same = (lines.c.account, entries.c.currency, _SPENT.label("spent"))
    sums = (func.sum(lines.c.amount).label("cost"), func.sum(_TIMES).label("times"))
    # Not `!=`, for which no index is of use: most productions spend little in other currencies, and many nothing.
    differences = entries.c.kind == SpendKind.EXCHANGE_DIFFERENCE.value
    foreign = or_(entries.c.currency < currency, entries.c.currency > currency, differences)
    return with_entries(*same, *sums).where(mine, *_by_then(terms), foreign).group_by(*same)


def _lines_of(mine: ColumnElement[bool], account: AccountCode) -> Select[Any]:
    """The lines about an account, with what their entries were in their currencies."""
    lines, entries = spend_register.LINES.table, spend_register.ENTRIES.table
    of_entry = (entries.c.kind.label("entry_kind"), entries.c.currency.label("spent_in"), entries.c.rate)
    spent = (*of_entry, _SPENT.label("spent"), _TIMES.label("times"))
    of_it = with_entries(*lines.c, *spent).where(mine, lines.c.account == account)
    return of_it.order_by(lines.c.version, lines.c.part)
