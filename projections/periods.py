"""Which periods are the books kept in, who may post into each, and what was stated when it was closed?

Moved by: everything that happens to a period. The days themselves are the accountant's; what was posted on them is the
spend register's to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import get_args

from pydantic import BaseModel, Field

from events.envelope import Recorded
from events.ids import AccountCode, PeriodId, PersonId, StreamId
from events.money import Money
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

from .projection import Projection, Rows, kind


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A period as it stands."""

    stream_id: StreamId
    number: int
    first_on: date
    last_on: date
    state: PeriodState
    #: What was stated when it was closed last; empty while it is not closed.
    balances: tuple[Balance, ...]
    #: Who closed it or soft-closed it, while it is.
    closed_by: str | None
    closed_at: datetime | None
    #: How often it was reopened.
    reopened: int
    #: Who would reopen it, and why, while somebody would.
    proposed_by: str | None
    proposed_for: str | None
    proposed_at: datetime | None
    proposed_because: str | None

    @property
    def period(self) -> PeriodId:
        """The number that people say."""
        return f"PER-{self.number}"


PERIODS = kind("periods", PeriodRow, "stream_id", "number")


def fold(rows: Rows, recorded: Recorded[PeriodEvent]) -> None:
    """The rows after the event."""
    event, metadata = recorded.event, recorded.metadata
    number = int(event.period.removeprefix("PER-"))
    if isinstance(event, PeriodOpened):
        opened = (recorded.stream_id, number, event.first_on, event.last_on, PeriodState.OPEN)
        rows.put(PeriodRow(*opened, (), None, None, 0, None, None, None, None))
        return
    period = rows.one(PeriodRow, recorded.stream_id, number)
    match event:
        case PeriodSoftClosed():
            soft = PeriodState.SOFT_CLOSED
            period = replace(period, state=soft, closed_by=metadata.actor, closed_at=metadata.at)
        case PeriodClosed(balances=balances, lapses=lapses):
            if lapses is not None:
                earlier = rows.one(PeriodRow, recorded.stream_id, int(lapses.removeprefix("PER-")))
                rows.put(_no_more_proposed(earlier))
            closed = replace(period, state=PeriodState.CLOSED, balances=balances)
            period = replace(closed, closed_by=metadata.actor, closed_at=metadata.at)
        case ReopeningProposed():
            period = replace(
                period,
                proposed_by=metadata.actor,
                proposed_for=metadata.on_behalf_of,
                proposed_at=metadata.at,
                proposed_because=metadata.reason,
            )
        case ReopeningWithdrawn():
            period = _no_more_proposed(period)
        case PeriodReopened():
            again = replace(_no_more_proposed(period), state=PeriodState.OPEN, balances=())
            period = replace(again, closed_by=None, closed_at=None, reopened=period.reopened + 1)
    rows.put(period)


def _no_more_proposed(period: PeriodRow) -> PeriodRow:
    return replace(period, proposed_by=None, proposed_for=None, proposed_at=None, proposed_because=None)


PROJECTION = Projection("periods", frozenset(get_args(PeriodEvent)), 1, (PERIODS,), fold)


class StatedBalance(BaseModel):
    """What was stated when the period was closed, and was so."""

    account: AccountCode | None = Field(description="None: all accounts together.")
    cost: Money = Field(description="Cost to date at the end of the period.")


class ProposedReopening(BaseModel):
    """Somebody would reopen the period; another person may confirm it."""

    by: PersonId
    on_behalf_of: PersonId | None
    at: datetime
    reason: str | None


class PeriodShown(BaseModel):
    """A period."""

    period: PeriodId
    first_on: date
    last_on: date
    state: PeriodState
    closed_by: PersonId | None = Field(description="Who closed it, or soft-closed it; none while it is open.")
    closed_at: datetime | None
    balances: list[StatedBalance] = Field(description="What was stated, and was so, when it was closed.")
    reopened: int = Field(description="How often it was.")
    reopening: ProposedReopening | None = Field(description="What is proposed, if it is.")


class PeriodsShown(BaseModel):
    """The periods of a production, in their order."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    closed_to: date | None = Field(description="The last day that is closed, with all before it; none when none is.")
    open_from: date | None = Field(description="The first day that is open, to accountants at least; none: every day.")
    periods: list[PeriodShown]
    withheld: str | None = Field(description="That balances of accounts are left out that are not shown to the reader.")


def closed_to(periods: Iterable[PeriodRow]) -> date | None:
    """The last day that is closed."""
    return max((each.last_on for each in periods if each.state is PeriodState.CLOSED), default=None)


def view(
    rows: Rows,
    stream: StreamId,
    version: int,
    position: int,
    shown: frozenset[AccountCode] | None,
    withheld: str | None,
) -> PeriodsShown:
    """The periods.

    Args:
        shown: the accounts whose balances the reader may see; None: all.
    """
    found = rows.of(PeriodRow, stream)
    closed = closed_to(found)
    return PeriodsShown(
        production=stream,
        version=version,
        position=position,
        closed_to=closed,
        open_from=None if closed is None else closed + timedelta(days=1),
        periods=[_shown(each, shown) for each in found],
        withheld=withheld,
    )


def _shown(row: PeriodRow, shown: frozenset[AccountCode] | None) -> PeriodShown:
    proposed = None
    if row.proposed_by is not None and row.proposed_at is not None:
        proposed = ProposedReopening(
            by=row.proposed_by, on_behalf_of=row.proposed_for, at=row.proposed_at, reason=row.proposed_because
        )
    return PeriodShown(
        period=row.period,
        first_on=row.first_on,
        last_on=row.last_on,
        state=row.state,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        balances=[
            StatedBalance(account=each.account, cost=each.cost)
            for each in row.balances
            if shown is None or each.account is None or each.account in shown
        ],
        reopened=row.reopened,
        reopening=proposed,
    )
