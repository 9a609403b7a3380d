"""Accounting periods: what is closed stays as it was reported, until two persons reopen it.

opened one after the other; soft-closed or not; closed; reopened, which the second person confirms; closed again.

N1  Periods follow each other without a gap: the first begins on the day named for it, each further one on the day after
    the last one ends. The days before the first are open until it is closed, and then closed with it; the days after
    the last one are open. A production that opens no period has nothing closed.
N2  Into a soft-closed period nobody posts but those who may close it.
N3  Into a closed period, and into the days before it, nothing is posted: no entry, no reversal, no recoding.
N4  Periods are closed in their order, each with what its closer expects of the cost to date at its end. What differs
    refuses the closing; what was stated is kept.
N5  The period that was closed last is reopened, with a reason, by two persons: one proposes, another confirms. Nobody
    confirms what they proposed, be it for somebody else or with a key. Whoever acts for another is both.
N6  A proposal stands until it is confirmed or withdrawn, by whoever may reopen, or until another period is closed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import ClassVar

from pydantic import Field, field_validator
from typing_extensions import override

from events.envelope import Metadata
from events.ids import AccountCode, Memo, PeriodId, PersonId
from events.money import Amount, Currency, Money, exact
from events.period import (
    Balance,
    PeriodClosed,
    PeriodEvent,
    PeriodOpened,
    PeriodReopened,
    PeriodSoftClosed,
    PeriodState,
    ReopeningProposed,
    ReopeningWithdrawn,
)
from events.team import Role

from .command import Command, Day, Part
from .refusal import Conflicting, Forbidden, Missing

#: Who closes periods, and posts into one that is soft-closed.
CLOSERS = (Role.ACCOUNTANT,)


@dataclass
class PeriodIsClosed(Conflicting):
    """{posted_on} lies in or before {period}, which is closed; {open_from} is the first day that is open."""

    rule = "N3"
    otherwise = "Post it on a day that is open; an accountant and another person may reopen {period}."
    posted_on: date
    period: PeriodId
    open_from: date


@dataclass
class PeriodIsSoftClosed(Forbidden):
    """{posted_on} is in {period}, soft-closed: only {may} may post there; to you {open_from} is the first open day."""

    rule = "N2"
    otherwise = "Post it on a day that is open; or somebody posts it who is {may}."
    posted_on: date
    period: PeriodId
    may: tuple[Role, ...]
    open_from: date


@dataclass
class FirstDayIsNeeded(Conflicting):
    """The first period, up to {last_on}, begins on no day that the production knows."""

    rule = "N1"
    otherwise = "Send the first day with it; what is posted before that day is closed together with it."
    last_on: date


@dataclass
class PeriodsLeaveNoGap(Conflicting):
    """{period} begins on {begins_on}, the day after the last one ends, and not on {first_on}."""

    rule = "N1"
    otherwise = "Leave the first day out, or send that one."
    period: PeriodId
    begins_on: date
    first_on: date


@dataclass
class PeriodEndsBeforeItBegins(Conflicting):
    """{period} begins on {begins_on} and cannot end on {last_on}."""

    rule = "N1"
    otherwise = "Send a last day that is its first day or later."
    period: PeriodId
    begins_on: date
    last_on: date


@dataclass
class PeriodIsMissing(Missing):
    """The production has no period {period}."""

    rule = "N1"
    otherwise = "Look up the periods; an accountant opens the next one."
    period: PeriodId


@dataclass
class PeriodIsClosedAlready(Conflicting):
    """{period} is closed already."""

    rule = "N4"
    otherwise = "Two persons may reopen the period that was closed last."
    period: PeriodId


@dataclass
class PeriodsCloseInOrder(Conflicting):
    """{earlier} is not closed yet, and comes before {period}."""

    rule = "N4"
    otherwise = "Close {earlier} first."
    period: PeriodId
    earlier: PeriodId


@dataclass
class BalanceDoesNotFit(Conflicting):
    """{amount} has more decimals than {currency} allows."""

    rule = "N4"
    otherwise = "Send the amount in the base currency, with its decimals."
    amount: Decimal
    currency: Currency


@dataclass(frozen=True, slots=True)
class Difference:
    """An expectation that is not met."""

    #: None: of all accounts together.
    account: AccountCode | None
    expected: Money
    found: Money
    #: Found less expected.
    difference: Money

    @override
    def __str__(self) -> str:
        of = "the whole" if self.account is None else f"account {self.account}"
        return f"{self.found}, not {self.expected}, on {of} (a difference of {self.difference})"


@dataclass
class BalancesDiffer(Conflicting):
    """At the end of {period}, on {last_on}, the cost to date is {differences}."""

    rule = "N4"
    otherwise = "Post what is missing or correct what was expected; the spend register has every line."
    period: PeriodId
    last_on: date
    differences: tuple[Difference, ...]


@dataclass
class PeriodIsNotClosed(Conflicting):
    """{period} is {state}, and there is nothing to reopen."""

    rule = "N5"
    otherwise = "An accountant may post into it as it is; everybody may into a period that is open."
    period: PeriodId
    state: PeriodState


@dataclass
class LaterPeriodIsClosed(Conflicting):
    """{later} was closed after {period}, and is reopened before it."""

    rule = "N5"
    otherwise = "Reopen {later} first; or post the correction on a day that is open."
    period: PeriodId
    later: PeriodId


@dataclass
class AnotherPersonConfirms(Forbidden):
    """{proposers} proposed to reopen {period}; another person confirms it."""

    rule = "N5"
    otherwise = "An accountant, a producer or an executive producer who is somebody else may send the same."
    period: PeriodId
    proposers: tuple[PersonId, ...]


@dataclass
class NoReopeningIsProposed(Missing):
    """Nobody proposes to reopen {period}."""

    rule = "N6"
    otherwise = "Look up what is proposed among the periods."
    period: PeriodId


class OpenPeriod(Command):
    """An accountant opens the next period, of a week or however long it is."""

    refusals = (FirstDayIsNeeded, PeriodsLeaveNoGap, PeriodEndsBeforeItBegins)
    example: ClassVar = {"first_on": "2026-11-16", "last_on": "2026-11-22"}

    first_on: Day | None = Field(
        None, description="Of the first period; a further one begins on the day after the last one ends."
    )
    last_on: Day


class SoftClosePeriod(Command):
    """An accountant keeps everybody else from posting into a period, while the last entries are put right."""

    refusals = (PeriodIsMissing, PeriodIsClosedAlready)
    example: ClassVar = {"period": "PER-1"}

    period: PeriodId


class Expected(Part):
    """What the cost to date is expected to be at the end of a period."""

    account: AccountCode | None = Field(None, description="Left out: all accounts together.")
    cost: Amount = Field(description="Cost to date, in base currency.")


class ClosePeriod(Command):
    """An accountant closes a period and states what it comes to; it is closed when the facts come to the same."""

    refusals = (PeriodIsMissing, PeriodIsClosedAlready, PeriodsCloseInOrder, BalanceDoesNotFit, BalancesDiffer)
    example: ClassVar = {
        "period": "PER-1",
        "expected": [{"cost": "350000.00"}, {"account": "2200", "cost": "50000.00"}],
    }

    period: PeriodId
    expected: tuple[Expected, ...] = Field(
        min_length=1, max_length=2000, description="At least one; each account, and the whole, at most once."
    )

    @field_validator("expected", mode="after")
    @classmethod
    def _once(cls, expected: tuple[Expected, ...]) -> tuple[Expected, ...]:
        if len({each.account for each in expected}) < len(expected):
            raise ValueError("an account, or the whole, is named twice")
        return expected


class ReopenPeriod(Command):
    """One person proposes to reopen the period that was closed last, another one confirms it by sending the same."""

    refusals = (PeriodIsMissing, PeriodIsNotClosed, LaterPeriodIsClosed, AnotherPersonConfirms)
    example: ClassVar = {"period": "PER-1", "reason": "The payroll of week 47 came late."}

    period: PeriodId
    reason: Memo


class WithdrawReopening(Command):
    """Somebody who may reopen a period takes back what was proposed, by themselves or another."""

    refusals = (NoReopeningIsProposed,)
    example: ClassVar = {"period": "PER-1", "reason": "It goes into the open week."}

    period: PeriodId


PeriodCommand = OpenPeriod | SoftClosePeriod | ClosePeriod | ReopenPeriod | WithdrawReopening


@dataclass(frozen=True, slots=True)
class Period:
    """A period, as decisions remember it."""

    period: PeriodId
    first_on: date
    last_on: date
    state: PeriodState = PeriodState.OPEN


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was proposed, and the persons whose act that was."""

    period: PeriodId
    by: frozenset[PersonId]


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods of a production: those that are closed, then the others."""

    known: tuple[Period, ...] = ()
    #: How many of them are closed.
    closed: int = 0
    proposal: Proposal | None = None

    @property
    def closed_to(self) -> date | None:
        """The last day that is closed; None when none is."""
        return self.known[self.closed - 1].last_on if self.closed else None

    def open_from(self, *, closer: bool) -> date:
        """The first day after what is closed that is open to somebody.

        Args:
            closer: whether they may post into what is soft-closed.
        """
        for each in self.known[self.closed :]:
            if closer or each.state is PeriodState.OPEN:
                return each.first_on
        return self.known[-1].last_on + timedelta(days=1)

    def existing(self, period: PeriodId) -> Period:
        """The period of that number."""
        place = int(period.removeprefix("PER-"))
        if place > len(self.known):
            raise PeriodIsMissing(period)
        return self.known[place - 1]


def takes(posted_on: date, periods: Periods, roles: tuple[Role, ...]) -> None:
    """N2, N3: refuse what would be posted on a day that is not open to whoever posts it."""
    if not periods.known:
        return
    closer = not set(CLOSERS).isdisjoint(roles)
    last = periods.closed_to
    if last is not None and posted_on <= last:
        inside = next(each for each in periods.known if posted_on <= each.last_on)
        raise PeriodIsClosed(posted_on, inside.period, periods.open_from(closer=closer))
    for each in () if closer else periods.known[periods.closed :]:
        if each.state is PeriodState.SOFT_CLOSED and each.first_on <= posted_on <= each.last_on:
            raise PeriodIsSoftClosed(posted_on, each.period, CLOSERS, periods.open_from(closer=False))


def open_period(command: OpenPeriod, periods: Periods) -> list[PeriodEvent]:
    """N1."""
    period = f"PER-{len(periods.known) + 1}"
    begins_on = periods.known[-1].last_on + timedelta(days=1) if periods.known else command.first_on
    if begins_on is None:
        raise FirstDayIsNeeded(command.last_on)
    if command.first_on not in (None, begins_on):
        raise PeriodsLeaveNoGap(period, begins_on, command.first_on or begins_on)
    if command.last_on < begins_on:
        raise PeriodEndsBeforeItBegins(period, begins_on, command.last_on)
    return [PeriodOpened(period, begins_on, command.last_on)]


def soft_close_period(command: SoftClosePeriod, periods: Periods) -> list[PeriodEvent]:
    """N2; soft-closing what is soft-closed does nothing."""
    known = periods.existing(command.period)
    if known.state is PeriodState.CLOSED:
        raise PeriodIsClosedAlready(known.period)
    return [] if known.state is PeriodState.SOFT_CLOSED else [PeriodSoftClosed(known.period)]


def close_period(
    command: ClosePeriod, periods: Periods, cost: Mapping[AccountCode, Decimal], base: Currency
) -> list[PeriodEvent]:
    """N4.

    Args:
        cost: to date at the end of the period, by account.
    """
    known = periods.existing(command.period)
    if known.state is PeriodState.CLOSED:
        raise PeriodIsClosedAlready(known.period)
    first = periods.known[periods.closed]
    if first != known:
        raise PeriodsCloseInOrder(known.period, first.period)
    balances = tuple(Balance(each.account, _fits(each.cost, base)) for each in command.expected)
    differences = tuple(each for balance in balances for each in _differs(balance, cost))
    if differences:
        raise BalancesDiffer(known.period, known.last_on, differences)
    lapses = None if periods.proposal is None else periods.proposal.period
    return [PeriodClosed(known.period, known.last_on, balances, lapses)]


def _fits(amount: Decimal, currency: Currency) -> Money:
    try:
        return Money(exact(amount, currency), currency)
    except ValueError:
        raise BalanceDoesNotFit(amount, currency) from None


def _differs(stated: Balance, cost: Mapping[AccountCode, Decimal]) -> list[Difference]:
    base, nothing = stated.cost.currency, Decimal(0)
    found = sum(cost.values(), nothing) if stated.account is None else cost.get(stated.account, nothing)
    if found == stated.cost.amount:
        return []
    there = Money(exact(found, base), base)
    return [Difference(stated.account, stated.cost, there, Money(there.amount - stated.cost.amount, base))]


def reopen_period(
    command: ReopenPeriod, periods: Periods, metadata: Metadata, may: Collection[PersonId]
) -> list[PeriodEvent]:
    """N5; what somebody proposed who may no more is proposed anew.

    Args:
        may: who may reopen a period today.
    """
    known = periods.existing(command.period)
    if known.state is not PeriodState.CLOSED:
        raise PeriodIsNotClosed(known.period, known.state)
    last = periods.known[periods.closed - 1]
    if last != known:
        raise LaterPeriodIsClosed(known.period, last.period)
    if periods.proposal is None or periods.proposal.by.isdisjoint(may):
        return [ReopeningProposed(known.period)]
    if not periods.proposal.by.isdisjoint(metadata.persons):
        raise AnotherPersonConfirms(known.period, tuple(sorted(periods.proposal.by)))
    return [PeriodReopened(known.period, known.first_on, tuple(sorted(periods.proposal.by)))]


def withdraw_reopening(command: WithdrawReopening, periods: Periods) -> list[PeriodEvent]:
    """N6."""
    if periods.proposal is None or periods.proposal.period != command.period:
        raise NoReopeningIsProposed(command.period)
    return [ReopeningWithdrawn(command.period)]


def evolve(periods: Periods, event: PeriodEvent, metadata: Metadata) -> Periods:
    """The periods after the event."""
    match event:
        case PeriodOpened(period, first_on, last_on):
            return replace(periods, known=(*periods.known, Period(period, first_on, last_on)))
        case PeriodSoftClosed(period):
            return _with_state(periods, period, PeriodState.SOFT_CLOSED)
        case PeriodClosed(period):
            closed = _with_state(periods, period, PeriodState.CLOSED)
            return replace(closed, closed=periods.closed + 1, proposal=None)
        case ReopeningProposed(period):
            return replace(periods, proposal=Proposal(period, metadata.persons))
        case ReopeningWithdrawn():
            return replace(periods, proposal=None)
        case PeriodReopened(period):
            reopened = _with_state(periods, period, PeriodState.OPEN)
            return replace(reopened, closed=periods.closed - 1, proposal=None)


def _with_state(periods: Periods, period: PeriodId, state: PeriodState) -> Periods:
    known = tuple(replace(each, state=state) if each.period == period else each for each in periods.known)
    return replace(periods, known=known)
