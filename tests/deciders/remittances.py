"""What is withheld, and remittances of it, as people send them, and every way in which they are refused."""

from datetime import date
from decimal import Decimal
from typing import Any

from events.ids import PersonId
from events.paying import PaymentMethod
from events.spend import SpendKind
from service.deciders.command import Command
from service.deciders.production import Production
from service.deciders.remittance import (
    AmountIsNotDue,
    Due,
    NothingIsDue,
    RemittanceIsMissing,
    RemittanceIsVoided,
    RemitWithheld,
    VoidRemittance,
    may_not_be_paid,
)
from tests.deciders.documents import PAYROLL
from tests.deciders.paying import ask
from tests.deciders.periods import DAY
from tests.deciders.rung import Rung
from tests.deciders.stories import ACCOUNTANT, ART, LINE_PRODUCER, LOCKED, PRODUCER, SPENT, TODAY, inr, reverse, spend
from tests.spec import Story


def remit(amount: str = "4000", up_to: date = TODAY, reference: str = "Challan 1") -> RemitWithheld:
    how = {"paid_on": TODAY, "method": PaymentMethod.TRANSFER, "reference": reference}
    return RemitWithheld(up_to=up_to, amount=Decimal(amount), **how)


def void_remittance(number: str = "RM-1") -> VoidRemittance:
    return VoidRemittance(remittance=number, reason="The bank returned it.")


def withheld(tax: str, net: str = "50000", document: str = "KS-9", **more: Any) -> tuple[PersonId, Command]:
    """An invoice of which so much is withheld."""
    return LINE_PRODUCER, spend(ART, net, document, withheld=Decimal(tax), **more)


def payable(production: Production, up_to: date = TODAY) -> Decimal:
    """What may be remitted."""
    held = may_not_be_paid(production.spending, production.paying, production.advances)
    kept = production.remittances.kept.items()
    return sum((each.due for spend, each in kept if each.posted_on <= up_to and not held(spend)), Decimal(0))


SOUND: tuple[Command, ...] = (remit(), void_remittance())

#: S-000001, of which 4,000 are withheld, and two more, all paid at once.
OWED: Story = [*LOCKED, (ACCOUNTANT, PAYROLL)]
REMITTED: Story = [*OWED, (ACCOUNTANT, remit())]
VOIDED: Story = [*REMITTED, (ACCOUNTANT, void_remittance())]
#: What was remitted for S-000001 was too much by that.
OVERPAID: Story = [*REMITTED, (ACCOUNTANT, reverse("S-000001"))]

_NONE = (inr("0"), ())

RUNGS: list[Rung] = [
    Rung("RemitWithheld: nothing withheld", SPENT, ACCOUNTANT, remit(), NothingIsDue(TODAY, inr("0"), *_NONE)),
    Rung("RemitWithheld: once more", REMITTED, ACCOUNTANT, remit(), NothingIsDue(TODAY, inr("0"), *_NONE)),
    Rung(
        "RemitWithheld: of what is posted later",
        OWED,
        ACCOUNTANT,
        remit(up_to=TODAY - DAY),
        NothingIsDue(TODAY - DAY, inr("0"), *_NONE),
    ),
    Rung(
        "RemitWithheld: of less than nothing", OVERPAID, ACCOUNTANT, remit(), NothingIsDue(TODAY, inr("-4000"), *_NONE)
    ),
    Rung(
        "RemitWithheld: while all is queried",
        [*OWED, (PRODUCER, ask("S-000002"))],
        ACCOUNTANT,
        remit(),
        NothingIsDue(TODAY, inr("0"), inr("4000"), (Due("S-000001", inr("4000")),)),
    ),
    Rung(
        "RemitWithheld: of an accrual",
        [*LOCKED, withheld("4000", kind=SpendKind.ACCRUAL)],
        ACCOUNTANT,
        remit(),
        NothingIsDue(TODAY, inr("0"), *_NONE),
    ),
    Rung(
        "RemitWithheld: another sum",
        [*OWED, withheld("5000"), withheld("700", document="KS-10"), (PRODUCER, ask("S-000005"))],
        ACCOUNTANT,
        remit("8999.999"),
        AmountIsNotDue(
            TODAY,
            inr("9000"),
            Decimal("8999.999"),
            Decimal("0.001"),
            (Due("S-000004", inr("5000")), Due("S-000001", inr("4000"))),
            inr("700"),
            (Due("S-000005", inr("700")),),
        ),
    ),
    Rung("VoidRemittance: none", OWED, ACCOUNTANT, void_remittance(), RemittanceIsMissing("RM-1")),
    Rung(
        "VoidRemittance: a second time", VOIDED, ACCOUNTANT, void_remittance(), RemittanceIsVoided("RM-1", inr("4000"))
    ),
]
