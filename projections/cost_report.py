"""What has each account cost, what is promised, and what is it expected to come to, against its budget?

Estimates and the reports that were issued are the only rows that are its own. The rest is put together from what other
projections hold at the same moment: the budget in force with its changes, the register of spend by the day it was
posted on, and what requisitions and commitments hold. Every figure is a sum of theirs:

    total budget    = budget + overages + moved
    total cost      = actual to date + commitments
    variance        = EFC - total budget, or the other way round
    ETC             = EFC - total cost, or EFC - actual to date where orders are inside it
    available       = total budget - actual to date - actual later - commitments - pending - requisitioned
    period variance = EFC - the EFC that was issued last for days that ended before the days of this report

Available is what the control of orders measures: it knows no period, so what is posted after its end counts, too. What
currency makes of cost is said beside it: cost less the same amounts at the rates of the budget in force.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field

from events.budget import Level
from events.cost_report import AccountEfc, CostReportIssued, EtcBasis, KeptForm, VarianceSign
from events.envelope import Recorded
from events.estimate import FinalCostEstimated
from events.ids import (
    AccountCode,
    BudgetId,
    CommitmentId,
    Digest,
    PeriodId,
    PersonId,
    ReportId,
    RequisitionId,
    SpendId,
    StreamId,
)
from events.money import Amount, Currency, ExchangeRate, Money, at_rate, rounded
from events.period import PeriodState

from .commitment_register import Taken
from .current_budget import Budgeted
from .projection import Projection, Rows, kind


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """An estimate as it was entered; of an account, the last one counts."""

    stream_id: StreamId
    version: int
    account: str
    #: None: the rule again.
    estimate: Decimal | None
    actor: str
    on_behalf_of: str | None
    at: datetime
    reason: str | None


ESTIMATES = kind(
    "cost_report_estimates", EstimateRow, "stream_id", "version", final=True, indexed=[("stream_id", "account")]
)


@dataclass(frozen=True, slots=True)
class IssuedRow:
    """A report as it was issued."""

    stream_id: StreamId
    version: int
    report: str
    of_version: int
    period: str | None
    posted_from: date | None
    posted_to: date
    etc_basis: EtcBasis
    variance_sign: VarianceSign
    content_hash: str
    forms: tuple[KeptForm, ...]
    efc: tuple[AccountEfc, ...]
    compared_with: str | None
    replaces: str | None
    actor: str
    on_behalf_of: str | None
    at: datetime
    reason: str | None


ISSUED = kind("cost_report_issued", IssuedRow, "stream_id", "version", final=True, indexed=[("stream_id", "report")])

Reads = FinalCostEstimated | CostReportIssued


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    event, metadata = recorded.event, recorded.metadata
    said = (metadata.actor, metadata.on_behalf_of, metadata.at, metadata.reason)
    match event:
        case FinalCostEstimated():
            estimate = None if event.estimate is None else event.estimate.amount
            rows.put(EstimateRow(recorded.stream_id, recorded.version, event.account, estimate, *said))
        case CostReportIssued():
            rows.put(
                IssuedRow(
                    recorded.stream_id,
                    recorded.version,
                    event.report,
                    event.of_version,
                    event.period,
                    event.posted_from,
                    event.posted_to,
                    event.etc_basis,
                    event.variance_sign,
                    event.content_hash,
                    event.forms,
                    event.efc,
                    event.compared_with,
                    event.replaces,
                    *said,
                )
            )


PROJECTION = Projection("cost_report", frozenset(get_args(Reads)), 2, (ESTIMATES, ISSUED), fold)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFigures:
    """What something cost and is expected to come to, in base currency."""

    budget: Annotated[Amount, Field(description="As it was approved.")]
    overages: Annotated[Amount, Field(description="Approved beside it.")]
    moved: Annotated[
        Amount, Field(description="What transfers and draws on the contingency brought, less what they took.")
    ]
    total_budget: Annotated[Amount, Field(description="budget + overages + moved.")]
    actual_period: Annotated[Amount, Field(description="Posted in the period.")]
    actual_to_date: Annotated[Amount, Field(description="Posted up to the end of the period.")]
    commitments: Annotated[Amount, Field(description="Still to come of what is promised, at the version shown.")]
    total_cost: Annotated[Amount, Field(description="actual_to_date + commitments.")]
    etc: Annotated[
        Amount, Field(description="Estimate to complete, on the basis that the report names; negative past EFC.")
    ]
    efc: Annotated[Amount, Field(description="Estimated final cost.")]
    variance: Annotated[Amount, Field(description="Of EFC and total budget, with the sign that the report names.")]
    currency_variance: Annotated[
        Amount,
        Field(
            description="Of `actual_to_date`: what was spent in other currencies, less the same at the rate that the"
            " budget in force has for each; and exchange differences. Over is positive. Nothing is known of currencies"
            " for which it has none, which are `without_rate`."
        ),
    ]
    actual_later: Annotated[Amount, Field(description="Posted after the end of the period.")]
    pending: Annotated[Amount, Field(description="Held by orders and amendments that wait for their approval.")]
    requisitioned: Annotated[
        Amount, Field(description="Held by requisitions, with those that wait for their approval.")
    ]
    available: Annotated[
        Amount,
        Field(
            description="total_budget - actual_to_date - actual_later - commitments - pending - requisitioned: what the"
            " control of orders measures against."
        ),
    ]
    period_variance: Annotated[
        Amount | None,
        Field(description="EFC less what it was in the report that is compared with; none where there is none."),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCost(CostFigures):
    """An account, a charge, or a code that the budget in force does not have."""

    code: AccountCode
    name: str
    estimated: Annotated[
        bool, Field(description="Whether EFC was entered; else it is the larger of total budget and cost.")
    ]
    below_cost: Annotated[bool, Field(description="Whether EFC is less than what it has cost and is promised already.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCost(CostFigures):
    """A level and its accounts."""

    level: Level
    accounts: list[AccountCost]


class PeriodOfReport(BaseModel):
    """The period that the report is of, as it stands."""

    period: PeriodId
    state: PeriodState


class CostReport(BaseModel):
    """What a production costs, account by account, level by level, in all."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    budget: BudgetId | None = Field(description="The version in force; without one, every account is outside it.")
    period: PeriodOfReport | None = Field(description="None where it is of days that were asked for as such.")
    posted_from: date | None = Field(description="The first day of the period; none: from the beginning.")
    posted_to: date | None = Field(description="The last one; none: up to now.")
    etc_basis: EtcBasis
    variance_sign: VarianceSign
    compared_with: ReportId | None = Field(
        description="The report, issued last for days that ended earlier, that period variance is reckoned from."
    )
    levels: list[LevelCost]
    charges: list[AccountCost] = Field(description="At the foot of the budget, the contingency among them.")
    outside: list[AccountCost] = Field(description="Codes that the budget in force does not have.")
    total: CostFigures
    without_rate: list[Currency] = Field(
        description="Currencies in which something was spent and of which the budget in force knows no rate."
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """How the report is asked for."""

    posted_from: date | None = None
    posted_to: date | None = None
    etc_basis: EtcBasis = EtcBasis.ORDERS_OUTSIDE
    variance_sign: VarianceSign = VarianceSign.OVER
    period: PeriodOfReport | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """The report that was issued for days that ended earlier."""

    report: ReportId
    efc: Mapping[AccountCode, Decimal]


def before(issued: Iterable[IssuedRow], posted_to: date | None) -> Before | None:
    """The report to compare with: of those for days that ended before this one, of the last days the one issued last.

    Args:
        posted_to: the last day of the report that is compared; None: up to now, which every day comes before.
    """
    earlier = [each for each in issued if posted_to is None or each.posted_to < posted_to]
    if not earlier:
        return None
    last = max(earlier, key=lambda each: (each.posted_to, each.version))
    return Before(last.report, {each.account: each.efc.amount for each in last.efc})


@dataclass(frozen=True, slots=True)
class Posted:
    """What the register says of an account: in the period, up to its end, and after it."""

    period: Decimal
    to_date: Decimal
    later: Decimal


def currency_variance(cost: Decimal, spent: Money, times: int, rate: ExchangeRate, currency: Currency) -> Decimal:
    """What a currency makes of lines of the register that say the same: their cost, less that at the budget's rate.

    Each is rounded as its cost was, so that a reversal undoes it to the last digit.

    Args:
        cost: of all these lines, signed, in base currency.
        spent: of one entry: net and tax, less the tax that comes back, in its currency.
        times: how often it was spent, less how often it was taken back.
    """
    return cost - times * at_rate(spent, rate, currency).amount


@dataclass(frozen=True, slots=True)
class Costs:
    """What other projections say of each account at the same moment."""

    actual: Mapping[AccountCode, Posted]
    taken: Mapping[AccountCode, Taken]
    estimates: Mapping[AccountCode, EstimateRow]
    #: What currency makes of cost.
    currency: Mapping[AccountCode, Decimal]
    #: What was issued before, to compare with.
    before: "Before | None" = None
    #: The currencies of which nobody can say what they make of it.
    without_rate: Collection[Currency] = ()

    def accounts(self) -> set[AccountCode]:
        """All of which there is something to say."""
        estimated = {code for code, row in self.estimates.items() if row.estimate is not None}
        return {*self.actual, *self.taken, *estimated, *(self.before.efc if self.before else ())}


def latest(rows: Iterable[EstimateRow]) -> dict[AccountCode, EstimateRow]:
    """By account, the estimate that counts."""
    return {row.account: row for row in sorted(rows, key=lambda row: row.version)}


def view(
    stream: StreamId,
    version: int,
    position: int,
    currency: Currency,
    budget: BudgetId | None,
    budgeted: Sequence[Budgeted],
    costs: Costs,
    terms: Terms,
) -> CostReport:
    """The report.

    Args:
        budget: the version in force, if one is.
        budgeted: its accounts and charges.
    """
    nothing = rounded(Decimal(0), currency)
    by_level: dict[Level | None, list[AccountCost]] = {level: [] for level in (*Level, None)}
    for each in budgeted:
        by_level[each.level].append(_account(each, costs, terms, nothing))
    others = sorted(costs.accounts() - {each.code for each in budgeted})
    unbudgeted = (Budgeted(code, code, None, nothing, nothing, nothing) for code in others)
    outside = [_account(each, costs, terms, nothing) for each in unbudgeted]
    levels = [
        LevelCost(level=level, accounts=accounts, **_sums(accounts, costs, nothing))
        for level, accounts in by_level.items()
        if level is not None and budget is not None
    ]
    return CostReport(
        production=stream,
        version=version,
        position=position,
        currency=currency,
        budget=budget,
        period=terms.period,
        posted_from=terms.posted_from,
        posted_to=terms.posted_to,
        etc_basis=terms.etc_basis,
        variance_sign=terms.variance_sign,
        compared_with=None if costs.before is None else costs.before.report,
        levels=levels,
        charges=by_level[None],
        outside=outside,
        total=CostFigures(**_sums([*levels, *by_level[None], *outside], costs, nothing)),
        without_rate=sorted(costs.without_rate),
    )


def _account(line: Budgeted, costs: Costs, terms: Terms, nothing: Decimal) -> AccountCost:
    posted = costs.actual.get(line.code, Posted(nothing, nothing, nothing))
    taken, to_date = costs.taken.get(line.code, Taken(nothing, nothing, nothing)), posted.to_date
    total_budget, total_cost = line.budget + line.overages + line.moved, to_date + taken.committed
    entered = costs.estimates.get(line.code)
    estimate = None if entered is None else entered.estimate
    efc = max(total_budget, total_cost) if estimate is None else estimate
    over = efc - total_budget
    return AccountCost(
        code=line.code,
        name=line.name,
        budget=line.budget,
        overages=line.overages,
        moved=line.moved,
        total_budget=total_budget,
        actual_period=posted.period,
        actual_to_date=to_date,
        commitments=taken.committed,
        total_cost=total_cost,
        etc=efc - (total_cost if terms.etc_basis is EtcBasis.ORDERS_OUTSIDE else to_date),
        efc=efc,
        variance=over if terms.variance_sign is VarianceSign.OVER else -over,
        currency_variance=costs.currency.get(line.code, nothing),
        actual_later=posted.later,
        pending=taken.pending,
        requisitioned=taken.requisitioned,
        available=total_budget - to_date - posted.later - taken.committed - taken.pending - taken.requisitioned,
        period_variance=None if costs.before is None else efc - costs.before.efc.get(line.code, nothing),
        estimated=estimate is not None,
        below_cost=efc < total_cost,
    )


FIGURES = tuple(each.name for each in fields(CostFigures))
#: All but the last one, which not every report has.
_SUMMED = FIGURES[:-1]
_figures_of = attrgetter(*_SUMMED)


def _sums(summed: Sequence[CostFigures], costs: Costs, nothing: Decimal) -> dict[str, Any]:
    """Every figure, added up."""
    columns = zip(*map(_figures_of, summed), strict=True)
    sums = {name: sum(column, nothing) for name, column in zip(_SUMMED, columns, strict=False)}
    moved = [each.period_variance for each in summed if each.period_variance is not None]
    period_variance = None if costs.before is None else sum(moved, nothing)
    return dict.fromkeys(_SUMMED, nothing) | sums | {"period_variance": period_variance}


class CostPart(BaseModel):
    """One of the facts behind a figure."""

    figure: str = Field(description="A column of the report.")
    amount: Amount
    budget: BudgetId | None = None
    change: str | None = Field(None, description="Such as `O-1`, `T-1`, `C-1`.")
    spend: SpendId | None = None
    line: str | None = Field(None, description="Of the register: `spend`, `reversal`, `recoded_out`, `recoded_in`.")
    posted_on: date | None = None
    commitment: CommitmentId | None = None
    requisition: RequisitionId | None = None
    spent: Money | None = Field(None, description="In its currency, where that is another one.")
    rate: ExchangeRate | None = Field(None, description="At which it was spent.")
    budget_rate: ExchangeRate | None = Field(None, description="Of the budget in force.")
    version: int | None = Field(None, description="Of the fact, in the production's stream, where the register has it.")


class EstimateEntered(BaseModel):
    """An estimate of final cost, as somebody entered it."""

    version: int = Field(description="Of the fact, in the production's stream.")
    amount: Amount | None = Field(description="None: again the larger of total budget and total cost.")
    actor: PersonId
    on_behalf_of: PersonId | None
    at: datetime
    reason: str | None


class CostExplanation(BaseModel):
    """An account of the report, and the facts that each of its figures is the sum of."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    account: AccountCost
    parts: list[CostPart] = Field(
        description="Those of `budget`, `overages`, `moved`, `actual_to_date`, `actual_later`, `commitments`,"
        " `pending`, `requisitioned` and `currency_variance` add up to it; the others are reckoned from these. Those of"
        " `actual_to_date` in the period add up to `actual_period`."
    )
    estimates: list[EstimateEntered] = Field(description="Every one that was entered, the latest last.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine(AccountCost):
    """A row of the report as a spreadsheet has it."""

    section: Annotated[str, Field(description="`account`, `charge` or `outside`.")]
    level: Level | None


_NAMES = tuple(each.name for each in fields(AccountCost))


def lines(report: CostReport) -> list[CostLine]:
    """Every account, charge and code outside, in the order of the report."""
    of_levels = [("account", level.level, each) for level in report.levels for each in level.accounts]
    beside = [("charge", None, each) for each in report.charges] + [("outside", None, each) for each in report.outside]
    return [
        CostLine(section=of, level=level, **{name: getattr(each, name) for name in _NAMES})
        for of, level, each in [*of_levels, *beside]
    ]


class KeptReport(BaseModel):
    """A report that was issued."""

    report: ReportId
    version: int = Field(description="Of the fact, in the production's stream.")
    of_version: int = Field(description="Of the production's stream: the report shows all up to it.")
    period: PeriodId | None = Field(description="None where it was issued for days that are no period.")
    posted_from: date | None = Field(description="None: from the beginning.")
    posted_to: date
    etc_basis: EtcBasis
    variance_sign: VarianceSign
    compared_with: ReportId | None = Field(description="The report that its period variance is reckoned from.")
    replaces: ReportId | None = Field(description="The one that was issued for the same days before.")
    replaced_by: ReportId | None = Field(description="The one that was issued for the same days later.")
    content_hash: Digest = Field(description="SHA-256 of the figures alone: it is the same where the figures are.")
    forms: list[KeptForm] = Field(description="In which it is kept; ask for one by `Accept`.")
    issued_by: PersonId
    on_behalf_of: PersonId | None
    issued_at: datetime
    reason: str | None


class KeptReports(BaseModel):
    """The reports that were issued, in their order."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    reports: list[KeptReport]


def kept(stream: StreamId, version: int, position: int, issued: Sequence[IssuedRow]) -> KeptReports:
    """The reports that were issued."""
    later = {each.replaces: each.report for each in issued if each.replaces is not None}
    return KeptReports(
        production=stream,
        version=version,
        position=position,
        reports=[
            KeptReport(
                report=each.report,
                version=each.version,
                of_version=each.of_version,
                period=each.period,
                posted_from=each.posted_from,
                posted_to=each.posted_to,
                etc_basis=each.etc_basis,
                variance_sign=each.variance_sign,
                compared_with=each.compared_with,
                replaces=each.replaces,
                replaced_by=later.get(each.report),
                content_hash=each.content_hash,
                forms=list(each.forms),
                issued_by=each.actor,
                on_behalf_of=each.on_behalf_of,
                issued_at=each.at,
                reason=each.reason,
            )
            for each in issued
        ],
    )
