"""Budgets: set as whole versions, submitted, approved, locked.

draft → submitted → approved → locked; rejected, replaced by a later draft, superseded by a later approval.

B1  A budget is in the production's base currency, and every code stands once in it.
B2  Every line and every charge is rounded once, half up; every total is the sum of its printed parts.
B3  A percentage states its base: levels or accounts, less exclusions.
B4  A stated amount or total that disagrees is kept and flagged; a stated total that does not add makes the
    version unreconciled until the difference is waived with a reason. Within the tolerance that the version states,
    as much for every level that is summed, a difference is recorded and accepted. No line ever balances it.
B5  A new version takes the place of the draft of its scenario, never of an approved one, and never of one that is
    submitted, unless it names the round.
B6  The version in force is locked as the baseline by an executive producer who did not submit it, while no successor
    is submitted.
B7  A line is amount x units x multiplier x rate, rounded once to the budget's currency; a global that it names gives a
    number, and what it names stands in the budget.
B8  A fringe is a percentage of the pay of its lines on an account, up to the cut-off of each person over all accounts,
    or an amount for every unit; it is rounded once for each account.
B9  A line of a sub-budget counts as often as the sub-budget is made.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from immutables import Map
from pydantic import Field, ValidationInfo, field_validator

from events.approval import (
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
    BudgetUnlocked,
    ChargeKind,
    ChargeLine,
    CreditLine,
    DifferenceWaived,
    Fringe,
    Global,
    Held,
    LabelDisagrees,
    Level,
    Stated,
    StatedTotal,
    SubBudget,
    TotalDisagrees,
    TotalName,
    VarianceAccepted,
)
from events.change import BudgetTransferred, ChangeEvent, ContingencyDrawn, OverageApproved
from events.envelope import Metadata
from events.ids import (
    AccountCode,
    BudgetId,
    Digest,
    FlagId,
    FundingId,
    Memo,
    PersonId,
    RoundId,
    Says,
    Slug,
    Text,
    by_number,
)
from events.money import Currency, ExchangeRate, Money, WholeAmount, exact, plain

from .budget_content import (
    BaseIsUnknown,
    BudgetCharge,
    BudgetCredit,
    Content,
    charge_lines,
    credit_line,
    differences,
    figure,
    fits,
    in_words,
    labels,
    totals,
)
from .budget_detail import (
    BudgetAccount,
    BudgetFringe,
    BudgetGlobal,
    BudgetPart,
    LineDoesNotConvert,
    LineIsTooLarge,
    NameIsUnknown,
    TimesIsNotWhole,
    account_lines,
    reckoning,
    whole,
)
from .command import Command, CurrencyInUse, RateInUse
from .refusal import Conflicting, Forbidden, Missing


@dataclass
class BudgetIsMissing(Missing):
    """The production has no budget {budget}."""

    rule = "B5"
    otherwise = "Look up the versions in the current budget."
    budget: BudgetId


@dataclass
class CurrencyIsNotBase(Conflicting):
    """The budget is in {currency}, but the production's base currency is {base}."""

    rule = "B1"
    otherwise = "Send the budget in the base currency."
    currency: Currency
    base: Currency


@dataclass
class BudgetIsSubmitted(Conflicting):
    """{budget} is submitted and waits for a decision in round {round}."""

    rule = "B5"
    otherwise = "Send its number as `round` to replace what it asks about; or the producer may withdraw it."
    budget: BudgetId
    round: RoundId


@dataclass
class RoundAsksForNoBudget(Conflicting):
    """{round} asks for no budget, or asks no more: nothing stands in it whose place this would take."""

    rule = "B5"
    otherwise = "Leave the round out, and send it as a draft."
    round: RoundId


@dataclass
class ScenarioIsAnother(Conflicting):
    """{round} asks about {budget}, of the scenario {asked}; a version of {scenario} does not take its place."""

    rule = "B5"
    otherwise = "Leave the scenario out, or the round."
    round: RoundId
    budget: BudgetId
    asked: Slug
    scenario: Slug


@dataclass
class NothingToWaive(Conflicting):
    """{budget} has no difference in its {total} that is open."""

    rule = "B4"
    otherwise = "The differences are among the version's flags in the current budget."
    budget: BudgetId
    total: str


@dataclass
class BudgetIsNotInForce(Conflicting):
    """{budget} is {state}; only the version in force is locked or unlocked."""

    rule = "B6"
    otherwise = "It is approved in a round first; the approval status says by whom."
    budget: BudgetId
    state: str


@dataclass
class SubmitterMayNotLock(Forbidden):
    """{submitter} submitted {budget} and may neither lock nor unlock it."""

    rule = "B6"
    otherwise = "Another executive producer may."
    submitter: PersonId
    budget: BudgetId


@dataclass
class SuccessorIsSubmitted(Conflicting):
    """{submitted}, {total}, waits for a decision in {round}, and would replace {budget}: it is not locked meanwhile."""

    rule = "B6"
    otherwise = "Wait for the decision, or the producer may withdraw {submitted}."
    budget: BudgetId
    submitted: BudgetId
    total: Money
    round: RoundId


@dataclass
class BudgetIsUnreconciled(Conflicting):
    """{budget} does not add: stated less computed, {differences}."""

    rule = "B4"
    otherwise = "Set a version that adds, or the producer may waive each difference with a reason."
    budget: BudgetId
    differences: tuple[str, ...]


@dataclass
class AnotherRuleCounts(Conflicting):
    """{budget}, {total}, would be asked of others, or otherwise, than {round} asks: another rule counts for it."""

    rule = "B5"
    otherwise = "The producer may withdraw what is submitted, and submit the new version."
    budget: BudgetId
    total: Money
    round: RoundId


#: Behind the accounts of a budget.
LINES_AT_MOST = 20_000
#: Where nobody names another one.
MAIN: Slug = "main"


class SetBudget(Command):
    """A producer or a line producer sets a whole budget version, as a draft."""

    refusals = (
        *(CurrencyIsNotBase, BudgetIsSubmitted, RoundAsksForNoBudget, ScenarioIsAnother),
        *(NameIsUnknown, TimesIsNotWhole, LineDoesNotConvert, LineIsTooLarge),
        *(BaseIsUnknown, BudgetIsUnreconciled, AnotherRuleCounts),
    )
    example: ClassVar[dict[str, Any]] = {
        "currency": "INR",
        "accounts": [
            {"code": "1100", "name": "Story and Other Rights", "level": "above_the_line", "amount": "931000"},
            {"code": "2200", "name": "Art Direction", "level": "production", "amount": "262000"},
        ],
        "charges": [
            {
                "code": "8000",
                "name": "Contingency",
                "kind": "contingency",
                "percent": "5",
                "base": {"levels": ["above_the_line", "production", "post", "other"]},
            }
        ],
        "stated": {"grand_total": "1252650"},
    }

    currency: CurrencyInUse = Field(description="The production's base currency; every amount below is in it.")
    rates: tuple[RateInUse, ...] = Field((), max_length=50, description="Of the currencies that lines are in.")
    globals: tuple[BudgetGlobal, ...] = Field((), max_length=500)
    fringes: tuple[BudgetFringe, ...] = Field((), max_length=200)
    sub_budgets: tuple[BudgetPart, ...] = Field((), max_length=50)
    accounts: Annotated[tuple[BudgetAccount, ...], Field(min_length=1, max_length=5000)]
    charges: tuple[BudgetCharge, ...] = Field((), max_length=200)
    credits: tuple[BudgetCredit, ...] = Field((), max_length=200)
    round: RoundId | None = Field(
        None, description="The open round whose content this replaces: its approvals are void and asked for again."
    )
    stated: Annotated[dict[Stated, WholeAmount], Says({"additionalProperties": False})] = Field(
        {},
        max_length=5020,
        description="Totals by their names, and accounts by their codes, as your document states them; each is compared"
        " with the sum of its parts.",
    )
    tolerance: WholeAmount = Field(
        Decimal(0),
        description="How far a stated figure may be from its parts for every level that is summed, such as one unit of"
        " the currency where your document rounds each: such a difference is recorded and accepted.",
    )
    scenario: Slug | None = Field(
        None,
        description="Drafts of one scenario, such as `low`, take each other's place, beside those of others; `main`, or"
        " that of the round, unless you say it.",
    )
    document: Text | None = Field(None, description="The file that it was read from.")
    document_sha256: Digest | None = Field(None, description="Of the bytes of that file.")

    @field_validator("rates", mode="after")
    @classmethod
    def _rates_are_to_base(cls, rates: tuple[ExchangeRate, ...], info: ValidationInfo) -> tuple[ExchangeRate, ...]:
        currency = info.data.get("currency")
        others = [rate.target if rate.source == currency else rate.source for rate in rates]
        for rate in rates if currency else ():
            if currency not in (rate.source, rate.target):
                raise ValueError(f"{rate}: a rate of a budget is between its currency, {currency}, and another one")
        return _each_once(rates, others, "currency has one rate")

    @field_validator("globals", "fringes", "sub_budgets", mode="after")
    @classmethod
    def _names_once(cls, named: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [each.code if isinstance(each, BudgetFringe) else each.name for each in named]
        return _each_once(named, names, "name stands once among them")

    @field_validator("fringes", "accounts", "charges", "credits", mode="after")
    @classmethod
    def _lines_fit_currency(cls, lines: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        currency = info.data.get("currency")
        for line in lines if currency else ():
            for name in ("amount", "cap", "cut_off", "flat"):
                if (amount := getattr(line, name, None)) is not None:
                    fits(amount, currency, f"{line.code}: ")
        return lines

    @field_validator("accounts", mode="after")
    @classmethod
    def _not_too_many(cls, accounts: tuple[BudgetAccount, ...]) -> tuple[BudgetAccount, ...]:
        lines = sum(len(account.lines) for account in accounts)
        if lines > LINES_AT_MOST:
            raise ValueError(
                f"a budget has {LINES_AT_MOST:,} lines behind its accounts at the most; these are {lines:,}"
            )
        return accounts

    @field_validator("stated", mode="after")
    @classmethod
    def _stated_is_there_and_fits(cls, stated: dict[Stated, Decimal], info: ValidationInfo) -> dict[Stated, Decimal]:
        currency, accounts = info.data.get("currency"), {each.code for each in info.data.get("accounts", ())}
        for name, amount in stated.items():
            if accounts and name not in TOTALS and name not in accounts:
                raise ValueError(f"{name} is neither a total nor an account of this budget")
            if currency:
                fits(amount, currency, f"{name}: ")
        return stated

    @field_validator("tolerance", mode="after")
    @classmethod
    def _tolerance_fits(cls, tolerance: Decimal, info: ValidationInfo) -> Decimal:
        if currency := info.data.get("currency"):
            fits(tolerance, currency, "")
        if tolerance > 1:
            raise ValueError("a tolerance is one unit of the currency at the most; more is waived, with a reason")
        return tolerance

    @field_validator("accounts", "charges", "credits", mode="after")
    @classmethod
    def _codes_once(cls, lines: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        for line in lines:
            if line.code in TOTALS:
                raise ValueError(f"{line.code} is the name of a total: choose another code")
        above = [line for name in ("accounts", "charges") for line in info.data.get(name, ())]
        return _each_once(lines, [line.code for line in (*above, *lines)], "code stands once in a budget")


def _each_once(sent: tuple[Any, ...], names: Iterable[str], rule: str) -> tuple[Any, ...]:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"every {rule}; these stand more often: {', '.join(twice)}")
    return sent


class WaiveDifference(Command):
    """The producer lets a stated figure stand beside the sum of its parts, for a reason."""

    refusals = (BudgetIsMissing, NothingToWaive)
    example: ClassVar = {"budget": "v1", "total": "grand_total", "reason": "Rounding of the old tool."}

    budget: BudgetId
    total: Stated
    reason: Memo


class LockBudget(Command):
    """An executive producer who did not submit it locks the version in force as the baseline."""

    refusals = (BudgetIsMissing, BudgetIsNotInForce, SubmitterMayNotLock, SuccessorIsSubmitted)
    example: ClassVar = {"budget": "v1"}

    budget: BudgetId


class UnlockBudget(Command):
    """An executive producer who did not submit it opens the locked version to a successor."""

    refusals = (BudgetIsMissing, BudgetIsNotInForce, SubmitterMayNotLock)
    example: ClassVar = {"budget": "v1", "reason": "The shoot grows by two weeks."}

    budget: BudgetId
    reason: Memo


BudgetCommand = SetBudget | WaiveDifference | LockBudget | UnlockBudget


class BudgetState(StrEnum):
    """Where a version stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    LOCKED = "locked"
    REJECTED = "rejected"
    REPLACED = "replaced"
    SUPERSEDED = "superseded"


#: An amount of an account, the percentage of a charge or credit, or how an account is held: whose it is, what it says.
Figure = tuple[AccountCode, str]


@dataclass(frozen=True, slots=True)
class Budget:
    """What decisions remember of a version."""

    state: BudgetState
    scenario: Slug
    content_hash: Digest
    total: Money
    #: Accounts and charges that take spend, with their amounts; contingency is none of them.
    amounts: Map[AccountCode, Decimal]
    #: The same as they were approved, before any change.
    approved: Map[AccountCode, Decimal]
    contingency: Map[AccountCode, Decimal]
    levels: Map[AccountCode, Level]
    held: Map[AccountCode, Held]
    #: What the lines are, beside their amounts, in words.
    named: Map[AccountCode, str]
    #: Everything that somebody decided on in it: amounts, and percentages with their bases, of which zeros say nothing;
    #: which accounts it holds; and which it holds otherwise than the version then in force, or has at another level.
    figures: frozenset[Figure]
    #: Differences that are open, with their flags.
    differences: Map[Stated, tuple[Money, FlagId]]
    #: Flags on labels, which stand as long as the version does.
    labels: tuple[FlagId, ...]
    #: Who ever submitted it, and for whom.
    submitters: frozenset[PersonId]
    #: Between its currency and those that its lines are in.
    rates: tuple[ExchangeRate, ...] = ()
    #: Approved beside the locked total.
    overages: Decimal = Decimal(0)

    @property
    def total_budget(self) -> Money:
        """Locked, and approved beside it."""
        return Money(self.total.amount + self.overages, self.total.currency)


@dataclass(frozen=True, slots=True)
class Budgets:
    """The versions of a production."""

    versions: Map[BudgetId, Budget] = Map()
    #: Of each scenario, the latest version, while it is a draft, submitted or rejected.
    working: Map[Slug, BudgetId] = Map()
    in_force: BudgetId | None = None
    #: By scenario, whoever set a draft, or waived a difference, since its last approved version.
    drafted_by: Map[Slug, frozenset[PersonId]] = Map()
    #: Of every figure that was set and never approved, who set it first, in whatever scenario.
    authors: Map[Figure, frozenset[PersonId]] = Map()
    #: When each version came into force, in their order.
    approved_on: tuple[tuple[date, BudgetId], ...] = ()
    #: How many of them there have been; the next one's number.
    overages: int = 0
    transfers: int = 0
    draws: int = 0
    #: By source, what it carries beside the version in force.
    carried: Map[FundingId, Decimal] = Map()

    @property
    def force(self) -> Budget | None:
        """The version in force, approved or locked."""
        return None if self.in_force is None else self.versions[self.in_force]

    @property
    def submitted(self) -> BudgetId | None:
        """The version that waits for a decision, if one does."""
        waits = (each for each in self.working.values() if self.versions[each].state is BudgetState.SUBMITTED)
        return next(waits, None)

    def had_a_hand_in(self, version: Budget) -> frozenset[PersonId]:
        """A3: whoever drafted its scenario, submitted it, or first set a figure that would be new in force.

        A draft is copied from another one in a minute, whatever scenario that was of, and whatever became of it.
        """
        force = self.force
        new = version.figures if force is None else version.figures - force.figures
        nobody: frozenset[PersonId] = frozenset()
        drafters = self.drafted_by.get(version.scenario, nobody)
        return drafters.union(version.submitters, *(self.authors.get(each, nobody) for each in new))

    def in_force_since(self, day: date) -> list[Budget]:
        """The versions that were in force at some time since a day."""
        later = [budget for on, budget in self.approved_on if on >= day]
        before = [budget for on, budget in self.approved_on if on < day][-1:]
        return [self.versions[budget] for budget in (*before, *later)]

    @property
    def locked(self) -> BudgetId | None:
        """The version that is locked, if one is."""
        return self.in_force if self.force and self.force.state is BudgetState.LOCKED else None

    def existing(self, budget: BudgetId) -> Budget:
        """The version of that number, or the refusal that there is none."""
        version = self.versions.get(budget)
        if version is None:
            raise BudgetIsMissing(budget)
        return version


def set_budget(
    command: SetBudget, budgets: Budgets, base: Currency, open_round: RoundId | None, flags: Iterator[FlagId]
) -> list[BudgetEvent]:
    """B1 to B5; setting the draft that is there does nothing."""
    if command.currency != base:
        raise CurrencyIsNotBase(command.currency, base)
    former, scenario = _takes_the_place_of(command, budgets, open_round)
    working = None if former is None else budgets.versions[former]
    content = content_of(command)
    content_hash = content.digest
    in_place = working is not None and working.state is not BudgetState.REJECTED
    if working is not None and in_place and working.content_hash == content_hash:
        return []
    drafted = BudgetDrafted(
        budget=f"v{len(budgets.versions) + 1}",
        **{part.name: getattr(content, part.name) for part in fields(content)},
        totals=totals(content.accounts, content.charges, content.credits),
        content_hash=content_hash,
        scenario=scenario,
        document=command.document,
        document_sha256=command.document_sha256,
        replaces=former if in_place else None,
        clears=() if working is None else open_flags(working),
    )
    return [drafted, *labels(drafted, flags), *differences(drafted, flags)]


def _takes_the_place_of(
    command: SetBudget, budgets: Budgets, open_round: RoundId | None
) -> tuple[BudgetId | None, Slug]:
    """B5: the latest version of the scenario, or what the round asks about that the command names."""
    submitted = budgets.submitted
    if command.round is not None and submitted is None:
        raise RoundAsksForNoBudget(command.round)
    if submitted is None or open_round is None or command.round is None:
        scenario = command.scenario or MAIN
        working = budgets.working.get(scenario)
        if working is not None and working == submitted and open_round is not None:
            raise BudgetIsSubmitted(working, open_round)
        return working, scenario
    if command.round != open_round:
        raise BudgetIsSubmitted(submitted, open_round)
    asked = budgets.versions[submitted].scenario
    if command.scenario not in (None, asked):
        raise ScenarioIsAnother(open_round, submitted, asked, command.scenario or MAIN)
    return submitted, asked


def content_of(command: SetBudget) -> Content:
    """B2, B3, B7 to B9: what the version says, reckoned."""
    base = command.currency
    names = tuple(Global(each.name, plain(each.value)) for each in command.globals)
    fringes = tuple(
        Fringe(
            f.code, f.name, None if f.percent is None else plain(f.percent), whole(f.cut_off, base), whole(f.flat, base)
        )
        for f in command.fringes
    )
    reckoned = reckoning(base, command.rates, names, fringes, command.sub_budgets)
    accounts = account_lines(command.accounts, reckoned)
    charges = charge_lines(command.charges, accounts, base)
    return Content(
        currency=base,
        rates=tuple(replace(rate, rate=plain(rate.rate)) for rate in command.rates),
        globals=names,
        fringes=fringes,
        sub_budgets=tuple(SubBudget(each.name, reckoned.times[each.name]) for each in command.sub_budgets),
        accounts=accounts,
        charges=charges,
        credits=tuple(credit_line(credit, accounts, charges, base) for credit in command.credits),
        stated=tuple(StatedTotal(name, exact(command.stated[name], base)) for name in _in_order(command)),
        tolerance=exact(command.tolerance, base),
    )


def _in_order(command: SetBudget) -> list[Stated]:
    """What is stated, in whatever order it was sent: accounts as they stand in the document, then the top sheet."""
    return [
        name for name in (*(each.code for each in command.accounts), *map(str, TotalName)) if name in command.stated
    ]


def waive_difference(command: WaiveDifference, budgets: Budgets) -> list[BudgetEvent]:
    """B4."""
    version = budgets.existing(command.budget)
    if command.total not in version.differences or version.state is not BudgetState.DRAFT:
        raise NothingToWaive(command.budget, figure(command.total))
    difference, flag = version.differences[command.total]
    return [DifferenceWaived(command.budget, command.total, difference, clears=(flag,))]


def lock_budget(
    command: LockBudget, budgets: Budgets, open_round: RoundId | None, metadata: Metadata
) -> list[BudgetEvent]:
    """B6; locking the locked version does nothing."""
    version = _in_force(command.budget, budgets, metadata)
    if version.state is BudgetState.LOCKED:
        return []
    submitted = budgets.submitted
    if submitted is not None and open_round is not None:
        raise SuccessorIsSubmitted(command.budget, submitted, budgets.versions[submitted].total, open_round)
    return [BudgetLocked(command.budget, version.content_hash, version.total)]


def unlock_budget(command: UnlockBudget, budgets: Budgets, metadata: Metadata) -> list[BudgetEvent]:
    """B6; unlocking a version that is not locked does nothing."""
    version = _in_force(command.budget, budgets, metadata)
    return [BudgetUnlocked(command.budget)] if version.state is BudgetState.LOCKED else []


#: What moves the versions.
Moves = (
    BudgetEvent
    | ChangeEvent
    | BudgetSubmitted
    | BudgetWithdrawn
    | ChangesRequested
    | ContentReplaced
    | BudgetRejected
    | BudgetApproved
    | BudgetSuperseded
)


def evolve(budgets: Budgets, event: Moves, metadata: Metadata) -> Budgets:
    """The versions after the event."""
    match event:
        case BudgetDrafted():
            replaced = {} if event.replaces is None else {event.replaces: BudgetState.REPLACED}
            drafted, version = _with_states(budgets, replaced), remembered(event)
            version = replace(version, figures=version.figures | _held_otherwise(version, budgets.force))
            news = {each: metadata.persons for each in version.figures if each not in budgets.authors}
            return replace(
                drafted,
                versions=drafted.versions.set(event.budget, version),
                authors=drafted.authors.update(news),
                working=drafted.working.set(event.scenario, event.budget),
                drafted_by=_drafted_by(drafted, event.scenario, metadata),
            )
        case LabelDisagrees(flag, budget):
            version = budgets.versions[budget]
            return _with(budgets, budget, replace(version, labels=(*version.labels, flag)))
        case TotalDisagrees(flag, budget, total, difference=difference):
            version = budgets.versions[budget]
            open_ones = version.differences.set(total, (difference, flag))
            return _with(budgets, budget, replace(version, differences=open_ones))
        case VarianceAccepted():
            return budgets
        case DifferenceWaived(budget, total):
            version = budgets.versions[budget]
            waived = _with(budgets, budget, replace(version, differences=version.differences.delete(total)))
            return replace(waived, drafted_by=_drafted_by(waived, version.scenario, metadata))
        case BudgetSubmitted(_, budget):
            return _submitted(budgets, budget, metadata.persons)
        case ContentReplaced(subject=budget, former=former):
            return _submitted(budgets, budget, metadata.persons | budgets.versions[former].submitters)
        case BudgetWithdrawn(_, budget):
            return _with_states(budgets, {budget: BudgetState.DRAFT})
        case ChangesRequested(_, subject):
            return _with_states(budgets, {subject: BudgetState.DRAFT}) if subject in budgets.versions else budgets
        case BudgetRejected(_, budget):
            return _with_states(budgets, {budget: BudgetState.REJECTED})
        case BudgetApproved(_, budget):
            approved = _with_states(budgets, {budget: BudgetState.APPROVED})
            return _came_into_force(approved, budget, metadata.at.date())
        case BudgetSuperseded(budget):
            return _with_states(budgets, {budget: BudgetState.SUPERSEDED})
        case BudgetLocked(budget):
            return _with_states(budgets, {budget: BudgetState.LOCKED})
        case BudgetUnlocked(budget):
            return _with_states(budgets, {budget: BudgetState.APPROVED})
        case OverageApproved(_, _, account, amount, funding):
            carried = budgets.carried.set(funding, budgets.carried.get(funding, Decimal(0)) + amount.amount)
            return _changed(replace(budgets, overages=budgets.overages + 1, carried=carried), {account: amount.amount})
        case BudgetTransferred(_, _, from_account, to_account, amount):
            moved = {from_account: -amount.amount, to_account: amount.amount}
            return _changed(replace(budgets, transfers=budgets.transfers + 1), moved)
        case ContingencyDrawn(_, _, contingency, account, amount):
            moved = {contingency: -amount.amount, account: amount.amount}
            return _changed(replace(budgets, draws=budgets.draws + 1), moved)


def _changed(budgets: Budgets, moved: dict[AccountCode, Decimal]) -> Budgets:
    """The version in force with its lines moved; what they do not add up to any more is an overage."""
    assert budgets.in_force is not None
    version = budgets.versions[budgets.in_force]
    amounts, contingency = version.amounts, version.contingency
    for code, amount in moved.items():
        if code in contingency:
            contingency = contingency.set(code, contingency[code] + amount)
        else:
            amounts = amounts.set(code, amounts[code] + amount)
    beside = version.overages + sum(moved.values())
    changed = replace(version, amounts=amounts, contingency=contingency, overages=beside)
    return _with(budgets, budgets.in_force, changed)


def _drafted_by(budgets: Budgets, scenario: Slug, metadata: Metadata) -> Map[Slug, frozenset[PersonId]]:
    return budgets.drafted_by.set(scenario, budgets.drafted_by.get(scenario, frozenset()) | metadata.persons)


def _came_into_force(budgets: Budgets, budget: BudgetId, on: date) -> Budgets:
    version = budgets.versions[budget]
    authors = budgets.authors
    for approved in version.figures.intersection(authors):
        authors = authors.delete(approved)
    return replace(
        budgets,
        working=budgets.working.delete(version.scenario),
        in_force=budget,
        drafted_by=budgets.drafted_by.delete(version.scenario),
        authors=authors,
        approved_on=(*budgets.approved_on, (on, budget)),
        carried=Map(),
    )


def _submitted(budgets: Budgets, budget: BudgetId, persons: frozenset[PersonId]) -> Budgets:
    version = budgets.versions[budget]
    submitted = replace(version, state=BudgetState.SUBMITTED, submitters=version.submitters | persons)
    return _with(budgets, budget, submitted)


def _in_force(budget: BudgetId, budgets: Budgets, metadata: Metadata) -> Budget:
    version = budgets.existing(budget)
    if budget != budgets.in_force:
        raise BudgetIsNotInForce(budget, version.state.value)
    for submitter in sorted(version.submitters & metadata.persons):
        raise SubmitterMayNotLock(submitter, budget)
    return version


def open_flags(version: Budget) -> tuple[FlagId, ...]:
    """The version's flags that still stand."""
    return by_number([*version.labels, *(flag for _, flag in version.differences.values())])


def remembered(drafted: BudgetDrafted) -> Budget:
    """The version as decisions remember it."""
    lines: list[AccountLine | ChargeLine] = [*drafted.accounts]
    lines += [charge for charge in drafted.charges if charge.kind is not ChargeKind.CONTINGENCY]
    amounts = Map({line.code: line.amount for line in lines})
    of_all_kinds: tuple[AccountLine | ChargeLine | CreditLine, ...]
    of_all_kinds = (*drafted.accounts, *drafted.charges, *drafted.credits)
    return Budget(
        state=BudgetState.DRAFT,
        scenario=drafted.scenario,
        content_hash=drafted.content_hash,
        total=Money(drafted.totals.grand_total, drafted.currency),
        amounts=amounts,
        approved=amounts,
        contingency=Map({c.code: c.amount for c in drafted.charges if c.kind is ChargeKind.CONTINGENCY}),
        levels=Map({line.code: line.level for line in drafted.accounts}),
        held=Map({line.code: line.held for line in drafted.accounts if line.held is not None}),
        named=Map({line.code: in_words(line) for line in of_all_kinds}),
        figures=frozenset(_figures(drafted)),
        differences=Map(),
        labels=(),
        submitters=frozenset(),
        rates=drafted.rates,
    )


def _figures(drafted: BudgetDrafted) -> Iterator[Figure]:
    percentages: tuple[ChargeLine | CreditLine, ...] = (*drafted.charges, *drafted.credits)
    for account in drafted.accounts:
        if account.amount:
            yield account.code, f"{account.amount:f}"
        if account.held is not None:
            yield account.code, account.held.value
    for line in percentages:
        if line.percent:
            yield line.code, in_words(line)
        elif line.percent is None and line.amount:
            yield line.code, f"{line.amount:f}"


def _held_otherwise(version: Budget, force: Budget | None) -> frozenset[Figure]:
    """The accounts of the version in force that another one holds otherwise, or has at another level."""
    if force is None:
        return frozenset()
    held, was = version.held.get, force.held.get
    both = ((code, level, force.levels[code]) for code, level in version.levels.items() if code in force.levels)
    return frozenset(
        (code, f"{level.value}, {held(code)}")
        for code, level, before in both
        if (level, held(code)) != (before, was(code))
    )


def _with(budgets: Budgets, budget: BudgetId, version: Budget) -> Budgets:
    return replace(budgets, versions=budgets.versions.set(budget, version))


def _with_states(budgets: Budgets, states: dict[BudgetId, BudgetState]) -> Budgets:
    for budget, state in states.items():
        budgets = _with(budgets, budget, replace(budgets.versions[budget], state=state))
    return budgets
