"""Remittances: what was withheld from entries is paid over to whom it is owed, such as tax to the authority.

remitted, then voided at most once.

    withheld of the entries that stand = remitted, less what was voided + due

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .ids import RemittanceId, SpendId, Text
from .money import Amount, Money, at_rate, rounded
from .paying import PaymentMethod
from .spend import SpendKind, SpendLogged


@dataclass(frozen=True, slots=True)
class Share:
    """What of a remittance is an entry's, in base currency; below zero where too much was remitted before."""

    spend: SpendId
    amount: Amount


@dataclass(frozen=True, slots=True)
class WithheldRemitted:
    """What was withheld was paid over: all that was due of entries posted up to a day."""

    remittance: RemittanceId
    up_to: date
    #: They add up to the amount.
    shares: tuple[Share, ...]
    #: The entries of which something is due, but which nobody may pay yet.
    left_out: tuple[SpendId, ...]
    amount: Money
    paid_on: date
    method: PaymentMethod
    #: The bank's, or that of the receipt.
    reference: Text


@dataclass(frozen=True, slots=True)
class RemittanceVoided:
    """The remittance did not go through; what it had settled is due again."""

    remittance: RemittanceId
    shares: tuple[Share, ...]
    amount: Money


RemittanceEvent = WithheldRemitted | RemittanceVoided


def withheld_of(logged: SpendLogged) -> Money:
    """What is withheld of an entry that stands, in base currency: what is billed less what is paid.

    Nothing of an accrual: nobody is paid for it, so nothing was kept back from anybody.
    """
    base, billed = logged.cost.currency, logged.net + logged.tax
    if not logged.withheld or logged.kind is SpendKind.ACCRUAL:
        return Money(rounded(Decimal(0), base), base)
    whole, paid = (
        at_rate(Money(each, logged.currency), logged.rate, base) for each in (billed, billed - logged.withheld)
    )
    return Money(whole.amount - paid.amount, base)
