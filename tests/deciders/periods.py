"""Periods as people send them, and every way in which they are refused."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from events.ids import AccountCode, PersonId
from events.period import PeriodState
from events.team import Role
from service.deciders.command import Command
from service.deciders.cost_report import IssueCostReport
from service.deciders.period import (
    AnotherPersonConfirms,
    BalanceDoesNotFit,
    BalancesDiffer,
    ClosePeriod,
    Difference,
    Expected,
    FirstDayIsNeeded,
    LaterPeriodIsClosed,
    NoReopeningIsProposed,
    OpenPeriod,
    PeriodEndsBeforeItBegins,
    PeriodIsClosed,
    PeriodIsClosedAlready,
    PeriodIsMissing,
    PeriodIsNotClosed,
    PeriodIsSoftClosed,
    PeriodsCloseInOrder,
    PeriodsLeaveNoGap,
    ReopenPeriod,
    SoftClosePeriod,
    WithdrawReopening,
)
from service.deciders.spend import LogSpend
from tests.deciders.rung import WHY, Rung
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    EDITING,
    LINE_PRODUCER,
    LOCKED,
    PRODUCER,
    TODAY,
    inr,
    spend,
)
from tests.spec import Story

DAY, WEEK = timedelta(days=1), timedelta(days=7)


def opens(last_on: date = TODAY, first_on: date | None = None) -> OpenPeriod:
    return OpenPeriod(first_on=first_on, last_on=last_on)


def soft_closes(number: int = 1) -> SoftClosePeriod:
    return SoftClosePeriod(period=f"PER-{number}")


def closes(number: int = 1, total: str = "0", **accounts: str) -> ClosePeriod:
    """With the cost to date of the whole, and of `at_2200` and others."""
    expected = [Expected(cost=Decimal(total))]
    expected += [Expected(account=name.removeprefix("at_"), cost=Decimal(cost)) for name, cost in accounts.items()]
    return ClosePeriod(period=f"PER-{number}", expected=tuple(expected))


def reopens(number: int = 1) -> ReopenPeriod:
    return ReopenPeriod(period=f"PER-{number}", reason=WHY)


def takes_back(number: int = 1) -> WithdrawReopening:
    return WithdrawReopening(period=f"PER-{number}")


def posted(
    on: date, code: AccountCode = ART, amount: str = "100", who: PersonId = LINE_PRODUCER, document: str | None = None
) -> tuple[PersonId, LogSpend]:
    return who, spend(code, amount, document or f"D-{on}", posted_on=on)


def issues(number: int = 1, **more: Any) -> IssueCostReport:
    return IssueCostReport(period=f"PER-{number}", **more)


SOUND: tuple[Command, ...] = (
    *(opens(first_on=TODAY), soft_closes(), closes(), reopens(), takes_back()),
    IssueCostReport(posted_to=TODAY),
)

#: PER-1 is the week up to today.
IN_A_PERIOD: Story = [*LOCKED, (ACCOUNTANT, opens(TODAY, TODAY - WEEK + DAY))]
SOFT_CLOSED: Story = [*IN_A_PERIOD, (ACCOUNTANT, soft_closes())]
PERIOD_CLOSED: Story = [*IN_A_PERIOD, (ACCOUNTANT, closes())]
#: Then PER-2, up to a week from now.
SECOND: Story = [*PERIOD_CLOSED, (ACCOUNTANT, opens(TODAY + WEEK))]
BOTH_CLOSED: Story = [*SECOND, (ACCOUNTANT, closes(2))]
PROPOSED: Story = [*PERIOD_CLOSED, (ACCOUNTANT, reopens())]
REOPENED: Story = [*PROPOSED, (PRODUCER, reopens())]

_FINE = ClosePeriod(period="PER-1", expected=(Expected(cost=Decimal("0.001")),))
_SPENT = Difference(None, inr("90"), inr("150"), inr("60"))
_ON_ART = Difference(ART, inr("120"), inr("100"), inr("-20"))
RUNGS: list[Rung] = [
    Rung(
        "OpenPeriod: the first without a first day",
        LOCKED,
        ACCOUNTANT,
        opens(),
        FirstDayIsNeeded(TODAY),
    ),
    Rung(
        "OpenPeriod: with a gap",
        IN_A_PERIOD,
        ACCOUNTANT,
        opens(TODAY + WEEK, TODAY + 2 * DAY),
        PeriodsLeaveNoGap("PER-2", TODAY + DAY, TODAY + 2 * DAY),
    ),
    Rung(
        "OpenPeriod: into the last one",
        IN_A_PERIOD,
        ACCOUNTANT,
        opens(TODAY + WEEK, TODAY),
        PeriodsLeaveNoGap("PER-2", TODAY + DAY, TODAY),
    ),
    Rung(
        "OpenPeriod: without a day",
        IN_A_PERIOD,
        ACCOUNTANT,
        opens(),
        PeriodEndsBeforeItBegins("PER-2", TODAY + DAY, TODAY),
    ),
    Rung("SoftClosePeriod: no such period", IN_A_PERIOD, ACCOUNTANT, soft_closes(2), PeriodIsMissing("PER-2")),
    Rung("SoftClosePeriod: closed", PERIOD_CLOSED, ACCOUNTANT, soft_closes(), PeriodIsClosedAlready("PER-1")),
    Rung("ClosePeriod: no such period", IN_A_PERIOD, ACCOUNTANT, closes(2), PeriodIsMissing("PER-2")),
    Rung("ClosePeriod: again", PERIOD_CLOSED, ACCOUNTANT, closes(), PeriodIsClosedAlready("PER-1")),
    Rung(
        "ClosePeriod: before an earlier one",
        [*IN_A_PERIOD, (ACCOUNTANT, opens(TODAY + WEEK))],
        ACCOUNTANT,
        closes(2),
        PeriodsCloseInOrder("PER-2", "PER-1"),
    ),
    Rung(
        "ClosePeriod: with a tenth of a paisa",
        IN_A_PERIOD,
        ACCOUNTANT,
        _FINE,
        BalanceDoesNotFit(Decimal("0.001"), "INR"),
    ),
    Rung(
        "ClosePeriod: with what is not so",
        [*IN_A_PERIOD, posted(TODAY), posted(TODAY - DAY, EDITING, "50"), posted(TODAY + DAY, amount="7")],
        ACCOUNTANT,
        closes(1, "90", at_2200="120", at_5000="50"),
        BalancesDiffer("PER-1", TODAY, (_SPENT, _ON_ART)),
    ),
    Rung("ReopenPeriod: no such period", IN_A_PERIOD, ACCOUNTANT, reopens(2), PeriodIsMissing("PER-2")),
    Rung(
        "ReopenPeriod: open",
        IN_A_PERIOD,
        ACCOUNTANT,
        reopens(),
        PeriodIsNotClosed("PER-1", PeriodState.OPEN),
    ),
    Rung(
        "ReopenPeriod: soft-closed",
        SOFT_CLOSED,
        ACCOUNTANT,
        reopens(),
        PeriodIsNotClosed("PER-1", PeriodState.SOFT_CLOSED),
    ),
    Rung("ReopenPeriod: before a later one", BOTH_CLOSED, PRODUCER, reopens(), LaterPeriodIsClosed("PER-1", "PER-2")),
    Rung(
        "ReopenPeriod: alone",
        PROPOSED,
        ACCOUNTANT,
        reopens(),
        AnotherPersonConfirms("PER-1", (ACCOUNTANT,)),
    ),
    Rung("WithdrawReopening: of nothing", PERIOD_CLOSED, PRODUCER, takes_back(), NoReopeningIsProposed("PER-1")),
    Rung("WithdrawReopening: of another", PROPOSED, PRODUCER, takes_back(2), NoReopeningIsProposed("PER-2")),
    Rung("IssueCostReport: of no period", IN_A_PERIOD, PRODUCER, issues(2), PeriodIsMissing("PER-2")),
]


def of_posting(body: Command) -> list[Rung]:
    """Where the day of a posting is not open."""
    name, roles = type(body).__name__, (Role.ACCOUNTANT,)
    return [
        Rung(f"{name}: in what is closed", SECOND, ACCOUNTANT, body, PeriodIsClosed(TODAY, "PER-1", TODAY + DAY)),
        Rung(
            f"{name}: in what is soft-closed",
            SOFT_CLOSED,
            LINE_PRODUCER,
            body,
            PeriodIsSoftClosed(TODAY, "PER-1", roles, TODAY + DAY),
        ),
    ]
