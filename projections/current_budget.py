"""What is the budget, and how much of it is spent?

Moved by: budget versions, their approval, lock and succession; overages, transfers and draws; spend, its reversal
and recoding; flags on them; green lights.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, Field

from events.approval import (
    ApprovalGiven,
    BudgetApproved,
    BudgetRejected,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ChangesRequested,
    ContentReplaced,
)
from events.budget import (
    TOTALS,
    AccountLine,
    BudgetDrafted,
    BudgetEvent,
    BudgetLocked,
    BudgetTotals,
    BudgetUnlocked,
    ChargeBase,
    ChargeKind,
    ChargeLine,
    CreditLine,
    DifferenceWaived,
    Held,
    LabelDisagrees,
    Level,
    StatedTotal,
    TotalDisagrees,
    TotalName,
    VarianceAccepted,
)
from events.change import BudgetTransferred, ChangeEvent, ContingencyDrawn, OverageApproved
from events.envelope import Recorded
from events.ids import AccountCode, BudgetId, Digest, FlagId, PersonId, RoundId, Slug, SpendId, StreamId
from events.money import Amount, Currency, Percent
from events.production import GreenLightResult, GreenLightTest, ProductionGreenlit
from events.spend import (
    AccountOverspent,
    DuplicateSuspected,
    PaymentReleased,
    SpendAlert,
    SpendEvent,
    SpendLogged,
    SpendOutsideBudget,
    SpendRecoded,
    SpendReversed,
)

from .projection import Projection, Rows, kind


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One version."""

    stream_id: StreamId
    number: int
    state: str
    currency: str
    content_hash: str
    totals: BudgetTotals
    stated: tuple[StatedTotal, ...]
    scenario: str
    #: The version of the stream whose fact says it whole.
    set_in: int
    set_by: str
    set_on_behalf_of: str | None
    set_at: datetime
    round: str | None
    submitted_by: str | None
    submitted_on_behalf_of: str | None
    submitted_at: datetime | None
    approved_by: str | None
    approved_on_behalf_of: str | None
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class LineRow:
    """An account, charge or credit of a version, in the order of the document."""

    stream_id: StreamId
    number: int
    place: int
    section: str
    code: str
    name: str
    level: str | None
    charge: str | None
    percent: Decimal | None
    base: ChargeBase | None
    qualified: Decimal | None
    cap: Decimal | None
    held: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What a change to the locked version made of one account."""

    stream_id: StreamId
    number: int
    account: str
    #: Such as `O-1`, `T-1`, `C-1`.
    change: str
    #: Negative where the account gives.
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SpentRow:
    """What was spent on an account, whatever budget is in force."""

    stream_id: StreamId
    account: str
    spent: Decimal
    entries: int


@dataclass(frozen=True, slots=True)
class BudgetFlagRow:
    """A flag that stands on a version, an account or an entry's account."""

    stream_id: StreamId
    flag: str
    kind: str
    number: int | None
    account: str | None
    spend: str | None
    figures: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class GreenLightRow:
    """The last green light on a version."""

    stream_id: StreamId
    #: 0 when it was given while no version was in force.
    number: int
    results: tuple[GreenLightResult, ...]
    conditions: tuple[str, ...]
    given_by: str
    on_behalf_of: str | None
    given_at: datetime


KINDS = (
    kind("current_budget_versions", BudgetRow, "stream_id", "number"),
    kind("current_budget_lines", LineRow, "stream_id", "number", "place", final=True),
    kind("current_budget_changes", ChangeRow, "stream_id", "number", "account", "change", final=True),
    kind("current_budget_spent", SpentRow, "stream_id", "account"),
    kind("current_budget_flags", BudgetFlagRow, "stream_id", "flag", grows=True),
    kind("current_budget_green_lights", GreenLightRow, "stream_id", "number"),
)


Reads = (
    BudgetEvent
    | ChangeEvent
    | SpendEvent
    | BudgetSubmitted
    | BudgetWithdrawn
    | ContentReplaced
    | ChangesRequested
    | BudgetRejected
    | ApprovalGiven
    | BudgetApproved
    | BudgetSuperseded
    | ProductionGreenlit
)


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, event, metadata = recorded.stream_id, recorded.event, recorded.metadata
    for flag in getattr(event, "clears", ()):
        rows.remove(BudgetFlagRow, stream, flag)
    match event:
        case SpendLogged(account=account, cost=cost):
            _spent(rows, stream, account, cost.amount, 1)
        case SpendReversed(account=account, cost=cost):
            _spent(rows, stream, account, -cost.amount, -1)
        case SpendRecoded(from_account=left, to_account=reached, cost=cost):
            _spent(rows, stream, left, -cost.amount, -1)
            _spent(rows, stream, reached, cost.amount, 1)
        case BudgetDrafted():
            _drafted(rows, recorded, event)
        case BudgetSubmitted(round=round_id, budget=budget) | ContentReplaced(round=round_id, subject=budget):
            _change(
                rows,
                stream,
                budget,
                state="submitted",
                round=round_id,
                submitted_by=metadata.actor,
                submitted_on_behalf_of=metadata.on_behalf_of,
                submitted_at=metadata.at,
            )
        case BudgetWithdrawn(budget=budget):
            _change(rows, stream, budget, state="draft", round=None)
        case ChangesRequested(subject=subject):
            if subject.startswith("v"):
                _change(rows, stream, subject, state="draft", round=None)
        case OverageApproved(overage, budget, account, amount):
            _moved(rows, stream, budget, overage, {account: amount.amount})
        case BudgetTransferred(transfer, budget, left, reached, amount):
            _moved(rows, stream, budget, transfer, {left: -amount.amount, reached: amount.amount})
        case ContingencyDrawn(draw, budget, contingency, account, amount):
            _moved(rows, stream, budget, draw, {contingency: -amount.amount, account: amount.amount})
        case BudgetRejected(budget=budget):
            _change(rows, stream, budget, state="rejected", round=None)
        case ApprovalGiven(subject=subject):
            if subject.startswith("v"):
                whose = {"approved_by": metadata.actor, "approved_on_behalf_of": metadata.on_behalf_of}
                _change(rows, stream, subject, **whose)
        case BudgetApproved(budget=budget):
            _change(rows, stream, budget, state="approved", approved_at=metadata.at)
        case BudgetSuperseded(budget=budget):
            _change(rows, stream, budget, state="superseded")
        case BudgetLocked(budget=budget):
            _change(rows, stream, budget, state="locked")
        case BudgetUnlocked(budget=budget):
            _change(rows, stream, budget, state="approved")
        case ProductionGreenlit(budget=on, results=results, conditions=conditions):
            by = (metadata.actor, metadata.on_behalf_of, metadata.at)
            rows.put(GreenLightRow(stream, 0 if on is None else _number(on), results, conditions, *by))
        case LabelDisagrees() | TotalDisagrees() | AccountOverspent() | SpendOutsideBudget():
            rows.put(_flag(stream, event))
        case VarianceAccepted() | DifferenceWaived() | DuplicateSuspected() | SpendAlert() | PaymentReleased():
            pass  # what they clear is gone already; they change no figure


def _moved(rows: Rows, stream: StreamId, budget: BudgetId, change: str, amounts: dict[AccountCode, Decimal]) -> None:
    for account, amount in amounts.items():
        rows.put(ChangeRow(stream, _number(budget), account, change, amount))


def _spent(rows: Rows, stream: StreamId, account: AccountCode, amount: Decimal, entries: int) -> None:
    before = rows.get(SpentRow, stream, account)
    if before is not None:
        amount, entries = before.spent + amount, before.entries + entries
    rows.put(SpentRow(stream, account, amount, entries))


def _number(budget: BudgetId) -> int:
    return int(budget.removeprefix("v"))


def _change(rows: Rows, stream: StreamId, budget: BudgetId, **changes: Any) -> None:
    rows.put(replace(rows.one(BudgetRow, stream, _number(budget)), **changes))


def _drafted(rows: Rows, recorded: Recorded[Reads], event: BudgetDrafted) -> None:
    stream, number = recorded.stream_id, _number(event.budget)
    if event.replaces is not None:
        _change(rows, stream, event.replaces, state="replaced")
    rows.put(
        BudgetRow(
            stream_id=stream,
            number=number,
            state="draft",
            currency=event.currency,
            content_hash=event.content_hash,
            totals=event.totals,
            stated=event.stated,
            scenario=event.scenario,
            set_in=recorded.version,
            set_by=recorded.metadata.actor,
            set_on_behalf_of=recorded.metadata.on_behalf_of,
            set_at=recorded.metadata.at,
            round=None,
            submitted_by=None,
            submitted_on_behalf_of=None,
            submitted_at=None,
            approved_by=None,
            approved_on_behalf_of=None,
            approved_at=None,
        )
    )
    lines: tuple[AccountLine | ChargeLine | CreditLine, ...] = (*event.accounts, *event.charges, *event.credits)
    for place, line in enumerate(lines, 1):
        rows.put(_line(stream, number, place, line))


def _line(stream: StreamId, number: int, place: int, line: AccountLine | ChargeLine | CreditLine) -> LineRow:
    rests: dict[str, Any] = dict.fromkeys(("level", "charge", "percent", "base", "qualified", "cap", "held"))
    match line:
        case AccountLine(level=level, held=held):
            section = "account"
            rests |= {"level": level.value, "held": None if held is None else held.value}
        case ChargeLine(kind=of, percent=percent, base=base):
            section = "charge"
            rests |= {"charge": of.value, "percent": percent, "base": base}
        case CreditLine(percent=percent, base=base, qualified=qualified, cap=cap):
            section = "credit"
            rests |= {"percent": percent, "base": base, "qualified": qualified, "cap": cap}
    return LineRow(stream, number, place, section, line.code, line.name, amount=line.amount, **rests)


def _flag(
    stream: StreamId, event: LabelDisagrees | TotalDisagrees | AccountOverspent | SpendOutsideBudget
) -> BudgetFlagRow:
    def row(number: BudgetId | None, account: str | None, spend: str | None, **figures: Any) -> BudgetFlagRow:
        return BudgetFlagRow(
            stream_id=stream,
            flag=event.flag,
            kind=type(event).__name__,
            number=None if number is None else _number(number),
            account=account,
            spend=spend,
            figures={name: None if value is None else str(value) for name, value in figures.items()},
        )

    match event:
        case LabelDisagrees(_, budget, account, labelled, implied, _, expected, amount):
            return row(
                budget,
                account,
                None,
                labelled_percent=labelled,
                implied_percent=implied,
                expected=expected.amount,
                amount=amount.amount,
            )
        case TotalDisagrees(_, budget, total, stated, computed, difference):
            return row(
                budget,
                None if total in TOTALS else total,
                None,
                total=total,
                stated=stated.amount,
                computed=computed.amount,
                difference=difference.amount,
            )
        case AccountOverspent(_, spend, account, budget, budgeted, spent, over):
            return row(budget, account, spend, budgeted=budgeted.amount, spent=spent.amount, over=over.amount)
        case SpendOutsideBudget(_, spend, account, in_force, cost, because):
            return row(in_force, account, spend, cost=cost.amount, because=because.value)


PROJECTION = Projection("current_budget", frozenset(get_args(Reads)), 5, KINDS, fold)


class BudgetFlag(BaseModel):
    """A flag that stands."""

    flag: FlagId
    kind: str
    account: AccountCode | None
    spend: SpendId | None
    figures: dict[str, str | None]


class Figures(BaseModel):
    """Budget against spend; over is what was spent beyond the total budget, never negative."""

    budget: Amount = Field(description="As it was approved.")
    overages: Amount = Field(description="Approved beside it since it was locked.")
    moved: Amount = Field(description="What transfers and draws on the contingency brought, less what they took.")
    total_budget: Amount = Field(description="Budget, overages and what was moved.")
    spent: Amount
    remaining: Amount
    over: Amount


class AccountFigures(Figures):
    """An account."""

    code: AccountCode
    name: str
    held: Held | None = Field(description="A capped one grows by a higher rule alone, a locked one not at all.")


class LevelFigures(Figures):
    """A level and its accounts."""

    level: Level
    accounts: list[AccountFigures]
    withheld: int = Field(description="How many accounts of the level are left out: they are in its figures.")


class ChargeFigures(Figures):
    """A charge at the foot of the budget."""

    code: AccountCode
    name: str
    kind: ChargeKind
    percent: Percent | None
    base: ChargeBase | None


class CreditFigures(BaseModel):
    """A credit that comes off the grand total."""

    code: AccountCode
    name: str
    percent: Percent | None
    base: ChargeBase | None
    qualified: Percent | None = Field(description="The percentage of the base that earns it; all of it, if none.")
    cap: Amount | None
    amount: Amount


class TopSheetLine(BaseModel):
    """A total of the budget."""

    total: TotalName
    amount: Amount
    stated: Amount | None = Field(description="The total as the budget's maker stated it, if they did.")


class OutsideFigures(BaseModel):
    """Spend on a code that the budget shown has no account for."""

    account: AccountCode
    spent: Amount | None = Field(description="None when it is not shown to the reader.")


class VersionSummary(BaseModel):
    """One of the versions."""

    budget: BudgetId
    scenario: Slug
    state: str
    grand_total: Amount
    content_hash: Digest
    set_by: PersonId
    set_on_behalf_of: PersonId | None = Field(description="For whom they set it, if for another; so below.")
    set_at: datetime
    round: RoundId | None
    submitted_by: PersonId | None
    submitted_on_behalf_of: PersonId | None
    approved_by: PersonId | None = Field(description="Who gave the last approval.")
    approved_on_behalf_of: PersonId | None
    approved_at: datetime | None


class BudgetDocument(BaseModel):
    """A version in full, against what was spent."""

    budget: BudgetId
    state: str
    content_hash: Digest
    top_sheet: list[TopSheetLine]
    levels: list[LevelFigures]
    charges: list[ChargeFigures]
    credits: list[CreditFigures]
    grand_total: Amount
    approved_overages: Amount
    total_budget: Amount = Field(description="Grand total and approved overages.")
    net_total: Amount
    spent: Amount = Field(description="On accounts and charges of this version.")
    spent_outside: list[OutsideFigures]


class GreenLight(BaseModel):
    """The go decision on a version."""

    state: str = Field(description="`none`, `conditional` while something must follow, or `full`.")
    conditions: list[str] = Field(description="What must follow.")
    not_passed: list[GreenLightTest] = Field(
        description="The tests of the policy that had not passed when it was given."
    )
    given_by: PersonId | None
    on_behalf_of: PersonId | None = Field(description="For whom it was given, if for another.")
    given_at: datetime | None


class CurrentBudget(BaseModel):
    """The budget in force, or the latest version where none is, or the one asked for."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    in_force: BudgetId | None
    waiting: BudgetId | None = Field(description="The version that waits for a decision.")
    drafts: list[BudgetId] = Field(description="One of each scenario at the most.")
    green_light: GreenLight = Field(
        description="The last one on the version asked for, else on the one in force; a new one in force gets its own."
    )
    shown: BudgetDocument | None
    flags: list[BudgetFlag]
    versions: list[VersionSummary]
    withheld: str | None = Field(
        None,
        description="That something is not shown to the reader: accounts, bases of charges, figures of flags. Totals of"
        " levels and of the whole are.",
    )


def view(
    rows: Rows,
    stream: StreamId,
    version: int,
    position: int,
    currency: Currency,
    budget: BudgetId | None = None,
) -> CurrentBudget | None:
    """The answer from the rows; None when a version is asked for that does not exist."""
    versions = rows.of(BudgetRow, stream)
    states = {row.state: f"v{row.number}" for row in versions}
    in_force = states.get("locked") or states.get("approved")
    chosen = budget or in_force or (f"v{versions[-1].number}" if versions else None)
    shown = None if chosen is None else rows.get(BudgetRow, stream, _number(chosen))
    if budget is not None and shown is None:
        return None
    about = None if shown is None else shown.number
    flags = sorted(rows.of(BudgetFlagRow, stream), key=lambda row: int(row.flag.removeprefix("FLAG-")))
    return CurrentBudget(
        production=stream,
        version=version,
        position=position,
        currency=currency,
        in_force=in_force,
        waiting=states.get("submitted"),
        drafts=[f"v{row.number}" for row in versions if row.state == "draft"],
        green_light=_green_light(rows, stream, budget or in_force),
        shown=None if shown is None else _document(rows, shown),
        flags=[
            BudgetFlag(flag=row.flag, kind=row.kind, account=row.account, spend=row.spend, figures=row.figures)
            for row in flags
            if row.number in (about, None)
        ],
        versions=[_summary(row) for row in versions],
    )


@dataclass(frozen=True, slots=True)
class Budgeted:
    """What the version in force says of an account or a charge, and what changed it since."""

    code: AccountCode
    name: str
    #: None of a charge.
    level: Level | None
    budget: Decimal
    overages: Decimal
    moved: Decimal


def in_force(rows: Rows, stream: StreamId) -> tuple[BudgetId | None, list[Budgeted]]:
    """The version in force, and its accounts and charges in their order; credits come after them."""
    chosen = next((row for row in rows.of(BudgetRow, stream) if row.state in ("approved", "locked")), None)
    if chosen is None:
        return None, []
    nothing = chosen.totals.grand_total * 0
    overages: defaultdict[str, Decimal] = defaultdict(lambda: nothing)
    moved: defaultdict[str, Decimal] = defaultdict(lambda: nothing)
    for change in rows.of(ChangeRow, stream):
        if change.number == chosen.number:
            (overages if change.change.startswith("O-") else moved)[change.account] += change.amount
    lines = [line for line in rows.of(LineRow, stream) if line.number == chosen.number and line.section != "credit"]
    return f"v{chosen.number}", [
        Budgeted(
            code=line.code,
            name=line.name,
            level=None if line.level is None else Level(line.level),
            budget=line.amount,
            overages=overages[line.code],
            moved=moved[line.code],
        )
        for line in lines
    ]


def without(view: CurrentBudget, shows: Callable[[Iterable[AccountCode]], bool], said: str) -> CurrentBudget:
    """The same, without the figures that its reader may not read.

    Args:
        shows: whether the figures of accounts may be read.
    """
    flags = [flag if _is_shown(flag, shows) else flag.model_copy(update={"figures": {}}) for flag in view.flags]
    less: dict[str, Any] = {"flags": flags, "withheld": said}
    if view.shown is not None:
        outside = [
            each if shows((each.account,)) else OutsideFigures(account=each.account, spent=None)
            for each in view.shown.spent_outside
        ]
        shown = {
            "levels": [_level_without(level, shows) for level in view.shown.levels],
            "charges": [each.model_copy(update=_but_base(each, shows)) for each in view.shown.charges],
            "credits": [each.model_copy(update=_but_base(each, shows)) for each in view.shown.credits],
            "spent_outside": outside,
        }
        less["shown"] = view.shown.model_copy(update=shown)
    return view.model_copy(update=less)


def _is_shown(flag: BudgetFlag, shows: Callable[[Iterable[AccountCode]], bool]) -> bool:
    """A label's flag tells of a base; and one of an entry, which may be pay: two of them can be subtracted."""
    if flag.kind == LabelDisagrees.__name__ or flag.spend is not None:
        return False
    return flag.account is None or shows((flag.account,))


def _level_without(level: LevelFigures, shows: Callable[[Iterable[AccountCode]], bool]) -> LevelFigures:
    accounts = [account for account in level.accounts if shows((account.code,))]
    return level.model_copy(update={"accounts": accounts, "withheld": len(level.accounts) - len(accounts)})


def _but_base(line: ChargeFigures | CreditFigures, shows: Callable[[Iterable[AccountCode]], bool]) -> dict[str, None]:
    """A base of a level less an account tells of that account; so does the percentage that was taken of it."""
    if line.base is None or shows((*line.base.accounts, *line.base.less)):
        return {}
    return {"base": None, "percent": None}


def _green_light(rows: Rows, stream: StreamId, budget: BudgetId | None) -> GreenLight:
    row = rows.get(GreenLightRow, stream, 0 if budget is None else _number(budget))
    if row is None:
        return GreenLight(state="none", conditions=[], not_passed=[], given_by=None, on_behalf_of=None, given_at=None)
    return GreenLight(
        state="conditional" if row.conditions else "full",
        conditions=list(row.conditions),
        not_passed=[result.test for result in row.results if not result.passed],
        given_by=row.given_by,
        on_behalf_of=row.on_behalf_of,
        given_at=row.given_at,
    )


def _summary(row: BudgetRow) -> VersionSummary:
    return VersionSummary(
        budget=f"v{row.number}",
        scenario=row.scenario,
        state=row.state,
        grand_total=row.totals.grand_total,
        content_hash=row.content_hash,
        set_by=row.set_by,
        set_on_behalf_of=row.set_on_behalf_of,
        set_at=row.set_at,
        round=row.round,
        submitted_by=row.submitted_by,
        submitted_on_behalf_of=row.submitted_on_behalf_of,
        approved_by=row.approved_by if row.approved_at else None,
        approved_on_behalf_of=row.approved_on_behalf_of if row.approved_at else None,
        approved_at=row.approved_at,
    )


def _figures(budget: Decimal, overages: Decimal, moved: Decimal, spent: Decimal) -> dict[str, Decimal]:
    total = budget + overages + moved
    return {
        "budget": budget,
        "overages": overages,
        "moved": moved,
        "total_budget": total,
        "spent": spent,
        "remaining": total - spent,
        "over": max(spent - total, budget * 0),
    }


def _document(rows: Rows, shown: BudgetRow) -> BudgetDocument:
    lines = [line for line in rows.of(LineRow, shown.stream_id) if line.number == shown.number]
    zero = shown.totals.grand_total * 0
    spent = {row.account: row.spent for row in rows.of(SpentRow, shown.stream_id) if row.spent}
    overages: defaultdict[str, Decimal] = defaultdict(lambda: zero)
    moved: defaultdict[str, Decimal] = defaultdict(lambda: zero)
    for change in rows.of(ChangeRow, shown.stream_id):
        if change.number == shown.number:
            (overages if change.change.startswith("O-") else moved)[change.account] += change.amount

    def figures(line: LineRow, on_it: Decimal) -> dict[str, Decimal]:
        return _figures(line.amount, overages[line.code], moved[line.code], on_it)

    takes = {line.code for line in lines if line.section == "account" or _is_spendable(line)}
    levels = []
    for level in Level:
        accounts = [
            AccountFigures(
                code=x.code,
                name=x.name,
                held=None if x.held is None else Held(x.held),
                **figures(x, spent.get(x.code, zero)),
            )
            for x in lines
            if x.level == level.value
        ]
        sums = [
            sum(column, zero)
            for column in zip(*((a.budget, a.overages, a.moved, a.spent) for a in accounts), strict=True)
        ] or [zero] * 4
        levels.append(LevelFigures(level=level, accounts=accounts, withheld=0, **_figures(*sums)))
    stated = {line.total: line.amount for line in shown.stated}
    return BudgetDocument(
        budget=f"v{shown.number}",
        state=shown.state,
        content_hash=shown.content_hash,
        top_sheet=[
            TopSheetLine(total=t, amount=getattr(shown.totals, t.value), stated=stated.get(t.value)) for t in TotalName
        ],
        levels=levels,
        charges=[
            ChargeFigures(
                code=x.code,
                name=x.name,
                kind=ChargeKind(x.charge or ChargeKind.OTHER),
                percent=x.percent,
                base=x.base,
                **figures(x, spent.get(x.code, zero) if x.code in takes else zero),
            )
            for x in lines
            if x.section == "charge"
        ],
        credits=[
            CreditFigures(
                code=x.code,
                name=x.name,
                percent=x.percent,
                base=x.base,
                qualified=x.qualified,
                cap=x.cap,
                amount=x.amount,
            )
            for x in lines
            if x.section == "credit"
        ],
        grand_total=shown.totals.grand_total,
        approved_overages=sum(overages.values(), zero),
        total_budget=shown.totals.grand_total + sum(overages.values(), zero),
        net_total=shown.totals.net_total,
        spent=sum((amount for code, amount in spent.items() if code in takes), zero),
        spent_outside=[
            OutsideFigures(account=code, spent=amount) for code, amount in sorted(spent.items()) if code not in takes
        ],
    )


def _is_spendable(line: LineRow) -> bool:
    return line.section == "charge" and line.charge != ChargeKind.CONTINGENCY.value
