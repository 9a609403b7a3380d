"""Accounting periods: the weeks or months that the books of a production are kept in.

opened, then soft-closed or not, then closed; reopened by two persons, and closed again.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import AccountCode, PeriodId, PersonId
from .money import Money


class PeriodState(StrEnum):
    """Who posts into a period."""

    OPEN = "open"
    #: Those alone who may close it.
    SOFT_CLOSED = "soft_closed"
    #: Nobody.
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Balance:
    """What was stated when a period was closed, and was so."""

    #: None: of all accounts together.
    account: AccountCode | None
    #: Cost to date at the end of the period.
    cost: Money


@dataclass(frozen=True, slots=True)
class PeriodOpened:
    """These days are a period."""

    period: PeriodId
    first_on: date
    last_on: date


@dataclass(frozen=True, slots=True)
class PeriodSoftClosed:
    """Nobody posts into the period but those who may close it."""

    period: PeriodId


@dataclass(frozen=True, slots=True)
class PeriodClosed:
    """Nobody posts into the period, nor into the days before it."""

    period: PeriodId
    last_on: date
    balances: tuple[Balance, ...]
    #: The earlier period that somebody had proposed to reopen; that is not proposed any more.
    lapses: PeriodId | None


@dataclass(frozen=True, slots=True)
class ReopeningProposed:
    """Somebody would reopen the period; another person has to confirm it."""

    period: PeriodId


@dataclass(frozen=True, slots=True)
class ReopeningWithdrawn:
    """It is not proposed any more to reopen the period."""

    period: PeriodId


@dataclass(frozen=True, slots=True)
class PeriodReopened:
    """The period is open again: a second person confirmed what the first proposed."""

    period: PeriodId
    first_on: date
    #: The person who proposed it, and for whom, if for another.
    proposed_by: tuple[PersonId, ...]


PeriodEvent = PeriodOpened | PeriodSoftClosed | PeriodClosed | ReopeningProposed | ReopeningWithdrawn | PeriodReopened
