"""Remittances: what was withheld from entries is paid over to whom it is owed, such as tax to the authority.

remitted, then voided at most once.

W1  What is due of an entry is what is withheld of it, while it stands, less what was remitted for it: less than nothing
    once an entry is reversed of which it was, so that the next remittance is smaller by that.
W2  All that is due of entries posted up to a day is remitted at once. Whoever remits states what is paid over, and the
    facts must come to the same. Nothing, or less than nothing, is not paid over.
W3  An entry that stands and may not be paid yet, for a query or for want of an approval, is left out: what is withheld
    of it is as little agreed as the rest. What is paid already, or was paid out of an advance, is not left out.
W4  A remittance that did not go through is voided, once; what it had settled is due again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import ClassVar

from immutables import Map
from pydantic import Field
from typing_extensions import override

from events.ids import Memo, RemittanceId, SpendId, Text, by_number
from events.money import Currency, Money, PositiveAmount, rounded
from events.paying import PaymentMethod
from events.remittance import RemittanceEvent, RemittanceVoided, Share, WithheldRemitted, withheld_of
from events.spend import SpendLogged, SpendReversed

from .advance import Advances
from .command import Command, Day
from .paying import Paying
from .refusal import Conflicting, Missing
from .spend import Spending

#: How many entries a refusal names: the largest.
FEW = 5


@dataclass(frozen=True, slots=True)
class Due:
    """What is due of an entry."""

    spend: SpendId
    due: Money

    @override
    def __str__(self) -> str:
        return f"{self.due} of {self.spend}"


@dataclass
class NothingIsDue(Conflicting):
    """{due} is due up to {up_to}, which is nothing to pay over; left out is {held}: {left_out}."""

    rule = "W2"
    otherwise = (
        "What is left out is due once its query is answered and its payment approved; what was remitted for entries"
        " that are reversed makes the next remittance smaller."
    )
    up_to: date
    due: Money
    held: Money
    left_out: tuple[Due, ...]


@dataclass
class AmountIsNotDue(Conflicting):
    """{due} is due up to {up_to}, not {amount} ({difference} off): {largest}; left out is {held}: {left_out}."""

    rule = "W2"
    otherwise = "Pay over {due}, or correct the entries first; `withholding` says what is due of each."
    up_to: date
    due: Money
    amount: Decimal
    #: What is due less that.
    difference: Decimal
    largest: tuple[Due, ...]
    held: Money
    left_out: tuple[Due, ...]


@dataclass
class RemittanceIsMissing(Missing):
    """The production has no remittance {remittance}."""

    rule = "W4"
    otherwise = "Look up the remittances, with what is due (`withholding`)."
    remittance: RemittanceId


@dataclass
class RemittanceIsVoided(Conflicting):
    """{remittance}, {amount}, is voided already."""

    rule = "W4"
    otherwise = "What it had settled is due again; an accountant may remit it."
    remittance: RemittanceId
    amount: Money


class RemitWithheld(Command):
    """An accountant records that what was withheld was paid over to whom it is owed, such as the tax authority."""

    refusals = (NothingIsDue, AmountIsNotDue)
    example: ClassVar = {
        "up_to": "2026-11-30",
        "amount": "6500.00",
        "paid_on": "2026-12-07",
        "method": "transfer",
        "reference": "Challan 0510308",
    }

    up_to: Day = Field(description="All that was withheld from entries posted up to this day and is not remitted yet.")
    amount: PositiveAmount = Field(
        description="What is paid over, in base currency: it must be what is due, which `withholding` says (`payable`)."
    )
    paid_on: Day
    method: PaymentMethod
    reference: Text = Field(description="The bank's, or that of the receipt.")


class VoidRemittance(Command):
    """An accountant takes a remittance back that did not go through; what it had settled is due again."""

    refusals = (RemittanceIsMissing, RemittanceIsVoided)
    example: ClassVar = {"remittance": "RM-1", "reason": "The bank returned it."}

    remittance: RemittanceId
    reason: Memo


RemittanceCommand = RemitWithheld | VoidRemittance


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept back of an entry, in base currency."""

    posted_on: date
    #: Nothing once the entry is reversed.
    withheld: Decimal
    #: Less what was voided.
    remitted: Decimal

    @property
    def due(self) -> Decimal:
        """W1."""
        return self.withheld - self.remitted


@dataclass(frozen=True, slots=True)
class Remittance:
    """What decisions remember of a remittance."""

    shares: tuple[Share, ...]
    amount: Money
    voided: bool = False


@dataclass(frozen=True, slots=True)
class Remittances:
    """What was withheld on a production, and paid over."""

    #: The entries of which something was withheld.
    kept: Map[SpendId, Kept] = Map()
    known: Map[RemittanceId, Remittance] = Map()


def may_not_be_paid(spending: Spending, paying: Paying, advances: Advances) -> Callable[[SpendId], bool]:
    """W3: whether an entry stands, is not paid, and may not be."""
    queried = {spending.payable(spend) for spend in paying.open}

    def held(spend: SpendId) -> bool:
        settled = spending.entries[spend].reversed or spend in paying.paid or advances.paid_for(spend)
        return not settled and (spend in paying.held or spending.payable(spend) in queried)

    return held


def remit_withheld(
    command: RemitWithheld, remittances: Remittances, held: Callable[[SpendId], bool], base: Currency
) -> list[RemittanceEvent]:
    """W1 to W3.

    Args:
        held: whether an entry may not be paid yet.
    """
    kept = remittances.kept
    due = {spend: kept[spend].due for spend in by_number(kept) if kept[spend].posted_on <= command.up_to}
    due = {spend: amount for spend, amount in due.items() if amount}
    left_out = {spend: amount for spend, amount in due.items() if held(spend)}
    payable = {spend: amount for spend, amount in due.items() if spend not in left_out}
    total, waits = _sum(payable.values(), base), (_sum(left_out.values(), base), _largest(left_out, base))
    if total.amount <= 0:
        raise NothingIsDue(command.up_to, total, *waits)
    if command.amount != total.amount:
        difference = total.amount - command.amount
        raise AmountIsNotDue(command.up_to, total, command.amount, difference, _largest(payable, base), *waits)
    return [
        WithheldRemitted(
            remittance=f"RM-{len(remittances.known) + 1}",
            up_to=command.up_to,
            shares=tuple(Share(spend, amount) for spend, amount in payable.items()),
            left_out=tuple(left_out),
            amount=total,
            paid_on=command.paid_on,
            method=command.method,
            reference=command.reference,
        )
    ]


def void_remittance(command: VoidRemittance, remittances: Remittances) -> list[RemittanceEvent]:
    """W4."""
    known = remittances.known.get(command.remittance)
    if known is None:
        raise RemittanceIsMissing(command.remittance)
    if known.voided:
        raise RemittanceIsVoided(command.remittance, known.amount)
    return [RemittanceVoided(command.remittance, known.shares, known.amount)]


def evolve(remittances: Remittances, event: SpendLogged | SpendReversed | RemittanceEvent) -> Remittances:
    """What was withheld and paid over, after the event."""
    kept, known = remittances.kept, remittances.known
    match event:
        case SpendLogged(spend):
            withheld = withheld_of(event).amount
            if not withheld:
                return remittances
            return replace(remittances, kept=kept.set(spend, Kept(event.posted_on, withheld, withheld * 0)))
        case SpendReversed(spend):
            if spend not in kept:
                return remittances
            return replace(remittances, kept=kept.set(spend, replace(kept[spend], withheld=kept[spend].withheld * 0)))
        case WithheldRemitted(number, _, shares, amount=amount):
            known = known.set(number, Remittance(shares, amount))
            return Remittances(_moved(kept, shares, 1), known)
        case RemittanceVoided(number, shares):
            return Remittances(_moved(kept, shares, -1), known.set(number, replace(known[number], voided=True)))


def _moved(kept: Map[SpendId, Kept], shares: Iterable[Share], sign: int) -> Map[SpendId, Kept]:
    for share in shares:
        each = kept[share.spend]
        kept = kept.set(share.spend, replace(each, remitted=each.remitted + sign * share.amount))
    return kept


def _sum(amounts: Iterable[Decimal], base: Currency) -> Money:
    return Money(sum(amounts, rounded(Decimal(0), base)), base)


def _largest(due: Mapping[SpendId, Decimal], base: Currency) -> tuple[Due, ...]:
    """A few entries by name, the largest first."""
    largest = sorted(due, key=lambda spend: (-abs(due[spend]), spend))[:FEW]
    return tuple(Due(spend, Money(due[spend], base)) for spend in largest)
