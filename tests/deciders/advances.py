"""Floats and deposits as people send them, and every way in which they are refused."""

from decimal import Decimal
from typing import Any

from events.advance import AdvanceKind, AdvanceState
from events.spend import SpendKind
from service.deciders.advance import (
    AdvanceIsSettled,
    AdvanceRateDoesNotConvert,
    CloseAdvance,
    FloatIsYourOwn,
    HolderIsNobodyHere,
    PayAdvance,
    ReturnAdvance,
    ReturnDoesNotFit,
    ReturnedBeyondAdvance,
    ReturnIsMissing,
    VoidReturn,
)
from service.deciders.command import Command
from service.deciders.spend import AdvanceHasItsRate, AdvanceIsMissing, DepositIsWithAnother, FloatPaysNoWages, LogSpend
from tests.deciders.rung import WHY, Rung
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    DIRECTOR,
    LINE_PRODUCER,
    LOCKED,
    STRANGER,
    TODAY,
    inr,
    rate,
    spend,
    usd,
)
from tests.spec import Story

FLOAT, DEPOSIT = "FLOAT-0001", "DEP-0001"


def pay_out(amount: str = "20000", **more: Any) -> PayAdvance:
    """A float to the director, unless it says otherwise."""
    held = {} if "vendor" in more else {"person": DIRECTOR}
    kind = AdvanceKind.DEPOSIT if "vendor" in more else AdvanceKind.FLOAT
    of: dict[str, Any] = {"kind": kind, "currency": "INR", "amount": Decimal(amount), "paid_on": TODAY}
    return PayAdvance(**(of | held | more))


def receipt_of(amount: str, document: str = "R-1", advance: str = FLOAT, **more: Any) -> LogSpend:
    """A receipt that was paid out of an advance."""
    return spend(ART, amount, document, advance=advance, kind=SpendKind.PETTY_CASH, **more)


def give_back(amount: str, advance: str = FLOAT) -> ReturnAdvance:
    return ReturnAdvance(advance=advance, amount=Decimal(amount), returned_on=TODAY, document="Cash book 17")


def void_return(number: int = 1, advance: str = FLOAT) -> VoidReturn:
    return VoidReturn(advance=advance, number=number, reason=WHY)


def close_short(advance: str = FLOAT) -> CloseAdvance:
    return CloseAdvance(advance=advance, account=ART, posted_on=TODAY, reason=WHY)


FLOATED: Story = [*LOCKED, (ACCOUNTANT, pay_out())]
DEPOSITED: Story = [*LOCKED, (ACCOUNTANT, pay_out("50000", vendor="kala-sets"))]
RETURNED: Story = [*FLOATED, (ACCOUNTANT, give_back("20000"))]
VOIDED: Story = [*RETURNED, (ACCOUNTANT, void_return())]
#: The accountant holds it; the line producer paid it out.
OF_THE_ACCOUNTANT: Story = [*LOCKED, (LINE_PRODUCER, pay_out(person=ACCOUNTANT))]

#: 200 dollars, bought at 84.
IN_DOLLARS: Story = [*LOCKED, (ACCOUNTANT, pay_out("200", currency="USD", rate=rate("USD", "INR", "84")))]
DEARER = AdvanceHasItsRate(FLOAT, usd("200.00"), rate("USD", "INR", "84"), rate("USD", "INR", "90"))

SOUND: tuple[Command, ...] = (pay_out(), give_back("1500"), void_return(), close_short())

_OWN = FloatIsYourOwn(ACCOUNTANT, inr("20000.00"))
_SETTLED = AdvanceIsSettled(FLOAT, inr("20000.00"), AdvanceState.RETURNED)

RUNGS = [
    Rung(
        "PayAdvance: to somebody who is nobody here",
        LOCKED,
        ACCOUNTANT,
        pay_out(person=STRANGER),
        HolderIsNobodyHere(STRANGER),
    ),
    Rung("PayAdvance: to oneself", LOCKED, ACCOUNTANT, pay_out(person=ACCOUNTANT), _OWN),
    Rung(
        "PayAdvance: foreign without a rate",
        LOCKED,
        ACCOUNTANT,
        pay_out(currency="USD"),
        AdvanceRateDoesNotConvert("USD", None, "INR"),
    ),
    Rung("ReturnAdvance: of none", LOCKED, ACCOUNTANT, give_back("1"), AdvanceIsMissing(FLOAT)),
    Rung("ReturnAdvance: of one's own", OF_THE_ACCOUNTANT, ACCOUNTANT, give_back("1"), _OWN),
    Rung("ReturnAdvance: of what is back already", RETURNED, ACCOUNTANT, give_back("1"), _SETTLED),
    Rung(
        "ReturnAdvance: a tenth of a paisa",
        FLOATED,
        ACCOUNTANT,
        give_back("0.001"),
        ReturnDoesNotFit(Decimal("0.001"), "INR"),
    ),
    Rung(
        "ReturnAdvance: more than is left",
        FLOATED,
        ACCOUNTANT,
        give_back("20000.01"),
        ReturnedBeyondAdvance(FLOAT, inr("20000.00"), inr("20000.00"), inr("20000.01")),
    ),
    Rung("VoidReturn: of none", LOCKED, ACCOUNTANT, void_return(), AdvanceIsMissing(FLOAT)),
    Rung("VoidReturn: of one's own", OF_THE_ACCOUNTANT, ACCOUNTANT, void_return(), _OWN),
    Rung("VoidReturn: of what never came", RETURNED, ACCOUNTANT, void_return(2), ReturnIsMissing(FLOAT, 2)),
    Rung("VoidReturn: a second time", VOIDED, ACCOUNTANT, void_return(), ReturnIsMissing(FLOAT, 1)),
    Rung("CloseAdvance: of none", LOCKED, ACCOUNTANT, close_short(), AdvanceIsMissing(FLOAT)),
    Rung("CloseAdvance: of one's own", OF_THE_ACCOUNTANT, ACCOUNTANT, close_short(), _OWN),
    Rung("CloseAdvance: of what is back already", RETURNED, ACCOUNTANT, close_short(), _SETTLED),
    Rung("LogSpend: out of no such advance", LOCKED, LINE_PRODUCER, receipt_of("100"), AdvanceIsMissing(FLOAT)),
    Rung(
        "LogSpend: out of another vendor's deposit",
        DEPOSITED,
        LINE_PRODUCER,
        receipt_of("100", advance=DEPOSIT, vendor="sona-timber"),
        DepositIsWithAnother(DEPOSIT, inr("50000.00"), "kala-sets", "sona-timber"),
    ),
    Rung(
        "LogSpend: wages out of a float",
        FLOATED,
        LINE_PRODUCER,
        receipt_of("100").model_copy(update={"kind": SpendKind.PAYROLL}),
        FloatPaysNoWages(FLOAT, DIRECTOR),
    ),
    Rung(
        "LogSpend: dearer than the dollars of the float were",
        IN_DOLLARS,
        LINE_PRODUCER,
        receipt_of("100", currency="USD", rate=rate("USD", "INR", "90")),
        DEARER,
    ),
]
