"""Batches, credits and accruals as people send them, and every way in which they are refused."""

from decimal import Decimal
from typing import Any

from events.ids import AccountCode
from events.money import ExchangeRate
from events.spend import SpendKind
from service.deciders.command import Command
from service.deciders.commitment import CommitmentIsMissing
from service.deciders.documents import BatchLine, LogBatch, LogCredit
from service.deciders.spend import (
    ActualRateDoesNotConvert,
    AdvanceIsMissing,
    DepositIsWithAnother,
    FloatPaysNoWages,
    LogSpend,
    NotAnAccrual,
    SpendIsMissing,
    SpendIsReversed,
)
from tests.deciders.advances import DEARER, DEPOSIT, DEPOSITED, FLOAT, FLOATED, IN_DOLLARS
from tests.deciders.rung import Rung
from tests.deciders.stories import ACCOUNTANT, ART, DIRECTOR, EDITING, LINE_PRODUCER, LOCKED, TODAY, inr, reverse, spend
from tests.spec import Story

DOLLARS = ExchangeRate("USD", "INR", Decimal(80))


def line(code: AccountCode, net: str, **more: Any) -> BatchLine:
    return BatchLine(account=code, net=Decimal(net), **more)


def batch(*lines: BatchLine, document: str | None = "PR-1", **more: Any) -> LogBatch:
    """A payroll."""
    details: dict[str, Any] = {"currency": "INR", "vendor": "crew-payroll", "kind": SpendKind.PAYROLL}
    details |= {"spent_on": TODAY, "posted_on": TODAY, "document": document}
    return LogBatch(**(details | more), lines=lines)


def credit(code: AccountCode, net: str, document: str | None = "C-1", **more: Any) -> LogCredit:
    details: dict[str, Any] = {"currency": "INR", "vendor": "kala-sets", "kind": SpendKind.CREDIT_NOTE}
    details |= {"spent_on": TODAY, "posted_on": TODAY, "document": document}
    return LogCredit(account=code, net=Decimal(net), **(details | more))


def accrued(code: AccountCode, net: str, **more: Any) -> LogSpend:
    return spend(code, net, kind=SpendKind.ACCRUAL, **more)


PAYROLL = batch(line(ART, "40000", withheld=Decimal(4000)), line(EDITING, "25000"), line(ART, "5200", fringe=True))
SOUND: tuple[Command, ...] = (PAYROLL, credit(ART, "500"))

ACCRUED: Story = [*LOCKED, (ACCOUNTANT, accrued(ART, "1000"))]
_INVOICED: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "1000", "KS-1"))]
_REVERSED: Story = [*ACCRUED, (ACCOUNTANT, reverse("S-000001"))]
_NO_RATE = ActualRateDoesNotConvert("USD", None, "INR")
_DOLLARS_FOR_RUPEES = ActualRateDoesNotConvert("INR", DOLLARS, "INR")
_REPLACES = spend(ART, "900", "KS-2", accrual="S-000001")

RUNGS: list[Rung] = [
    Rung(
        "LogSpend: in the place of no entry",
        LOCKED,
        ACCOUNTANT,
        spend(ART, "900", accrual="S-000009"),
        SpendIsMissing("S-000009"),
    ),
    Rung(
        "LogSpend: in the place of what is reversed",
        _REVERSED,
        ACCOUNTANT,
        _REPLACES,
        SpendIsReversed("S-000001", ART, inr("1000")),
    ),
    Rung(
        "LogSpend: in the place of an invoice",
        _INVOICED,
        ACCOUNTANT,
        _REPLACES,
        NotAnAccrual("S-000001", ART, inr("1000"), SpendKind.INVOICE),
    ),
    Rung(
        "LogBatch: for no such commitment",
        LOCKED,
        ACCOUNTANT,
        batch(line(ART, "10"), commitment="PO-0001"),
        CommitmentIsMissing("PO-0001"),
    ),
    Rung(
        "LogBatch: out of no such advance",
        LOCKED,
        ACCOUNTANT,
        batch(line(ART, "10"), advance=FLOAT),
        AdvanceIsMissing(FLOAT),
    ),
    Rung(
        "LogBatch: out of another vendor's deposit",
        DEPOSITED,
        ACCOUNTANT,
        batch(line(ART, "10"), advance=DEPOSIT),
        DepositIsWithAnother(DEPOSIT, inr("50000.00"), "kala-sets", "crew-payroll"),
    ),
    Rung(
        "LogBatch: wages out of a float",
        FLOATED,
        ACCOUNTANT,
        batch(line(ART, "10"), advance=FLOAT),
        FloatPaysNoWages(FLOAT, DIRECTOR),
    ),
    Rung(
        "LogBatch: dearer than the dollars of the float were",
        IN_DOLLARS,
        ACCOUNTANT,
        batch(
            line(ART, "10"),
            advance=FLOAT,
            kind=SpendKind.PETTY_CASH,
            currency="USD",
            rate=ExchangeRate("USD", "INR", Decimal(90)),
        ),
        DEARER,
    ),
    Rung("LogBatch: foreign without a rate", LOCKED, ACCOUNTANT, batch(line(ART, "10"), currency="USD"), _NO_RATE),
    Rung(
        "LogBatch: a rate where none is needed",
        LOCKED,
        ACCOUNTANT,
        batch(line(ART, "10"), rate=DOLLARS),
        _DOLLARS_FOR_RUPEES,
    ),
    Rung("LogCredit: foreign without a rate", LOCKED, ACCOUNTANT, credit(ART, "10", currency="USD"), _NO_RATE),
    Rung(
        "LogCredit: a rate where none is needed",
        LOCKED,
        ACCOUNTANT,
        credit(ART, "10", rate=DOLLARS),
        _DOLLARS_FOR_RUPEES,
    ),
]
