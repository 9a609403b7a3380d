"""Advances: money that is paid out and is no cost yet.

float    open -> partly accounted -> accounted | returned | short
deposit  open -> partly accounted -> accounted | returned | kept

V1  Paying and returning an advance moves no cost and nothing of what is available: receipts do, as entries.
V2  A float is held by somebody of the production, a deposit by a vendor. Nobody pays, approves, returns or closes a
    float of their own, nor what is owed to them beyond it.
V3  An entry accounts for what was paid, with tax that comes back, in the advance's currency, else at its rate. What
    it is beyond what was left is owed to whoever paid it: recorded and flagged, never denied. Taken back, it is open
    again.
V4  No more comes back than is left, with the decimals of its currency. What did not come back as was recorded is
    voided, and is open again.
V5  What does not come back is closed as an entry of its own: a float's is short and flagged, a deposit's is kept.
V6  An advance is a payment: the policy is asked before it is paid out. What is paid out of it was asked about with it,
    and is asked about again only where it goes beyond it, or a rule is for its account.
V7  What is spent of it in its own currency was bought at its rate, and costs that. A float pays no wages.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Self

from immutables import Map
from pydantic import Field, ValidationInfo, field_validator, model_validator

from events import OfProduction
from events.advance import (
    PREFIXES,
    AccountingReversed,
    AdvanceAccounted,
    AdvanceClosed,
    AdvanceEvent,
    AdvanceExceeded,
    AdvanceKind,
    AdvancePaid,
    AdvanceReturned,
    AdvanceReturnVoided,
    AdvanceState,
    FloatShort,
)
from events.envelope import Metadata
from events.ids import AccountCode, AdvanceId, FlagId, Memo, PersonId, SpendId, Text, VendorId
from events.money import Currency, ExchangeRate, Money, PositiveAmount, at_rate, converted, exact, rounded
from events.spend import SpendEvent, SpendKind, SpendLogged, batch_of, entries_of

from .command import Command, CurrencyInUse, Day, RateInUse
from .refusal import Conflicting, Forbidden, Missing
from .spend import (
    AdvanceHasItsRate,
    AdvanceIsMissing,
    DepositIsWithAnother,
    Entry,
    FloatPaysNoWages,
    LogSpend,
    Measure,
    Spending,
    log_spend,
    paid,
)

NOTHING = Decimal(0)


@dataclass
class HolderIsNobodyHere(Missing):
    """{person} holds no role on this production, and is given no float of it."""

    rule = "V2"
    otherwise = "An executive producer or a producer may appoint {person} first."
    person: PersonId


@dataclass
class FloatIsYourOwn(Forbidden):
    """{person} holds this float of {amount}, or would, and neither pays, returns nor closes it."""

    rule = "V2"
    otherwise = "Another accountant or line producer may."
    person: PersonId
    amount: Money


@dataclass
class AdvanceRateDoesNotConvert(Conflicting):
    """An advance in {currency} cannot be measured in {base} by the rate sent: {rate}."""

    rule = "V1"
    otherwise = "Send the actual rate between the two currencies, and none when they are the same."
    currency: Currency
    rate: ExchangeRate | None
    base: Currency


@dataclass
class ReturnDoesNotFit(Conflicting):
    """{amount} has more decimals than {currency} allows."""

    rule = "V4"
    otherwise = "Send the amount in the currency of the advance, with its decimals."
    amount: Decimal
    currency: Currency


@dataclass
class ReturnedBeyondAdvance(Conflicting):
    """{advance} of {advanced} has {left} left; {returned} is more than that."""

    rule = "V4"
    otherwise = "Return what is left at most; an accountant may reverse an entry that accounts for too much."
    advance: AdvanceId
    advanced: Money
    left: Money
    returned: Money


@dataclass
class ReturnIsMissing(Missing):
    """{advance} has no return {number} that stands."""

    rule = "V4"
    otherwise = "Look up its returns among the advances; they are numbered from 1 on, voided ones with them."
    advance: AdvanceId
    number: int


@dataclass
class AdvanceIsSettled(Conflicting):
    """{advance} of {advanced} is {state}; nothing is left of it."""

    rule = "V5"
    otherwise = "Nothing is to be done; an accountant may reverse an entry that accounts for too much."
    advance: AdvanceId
    advanced: Money
    state: AdvanceState


class PayAdvance(Command):
    """An accountant or a line producer pays out a float or a deposit; it is no cost before it is accounted for."""

    refusals = (HolderIsNobodyHere, FloatIsYourOwn, AdvanceRateDoesNotConvert)
    example: ClassVar = {
        "kind": "float",
        "person": "ravi",
        "currency": "INR",
        "amount": "20000",
        "paid_on": "2026-11-16",
        "due_on": "2026-11-30",
        "memo": "Location department, week 1",
    }

    kind: AdvanceKind
    person: PersonId | None = Field(None, description="Of a float: who holds it, somebody of the production.")
    vendor: VendorId | None = Field(None, description="Of a deposit: with whom it is.")
    currency: CurrencyInUse
    amount: PositiveAmount
    rate: RateInUse | None = Field(None, description="The actual rate, when not in base currency.")
    paid_on: Day
    due_on: Day | None = Field(None, description="When it is to be accounted for or back; overdue after that day.")
    memo: Memo | None = None

    @field_validator("amount", mode="after")
    @classmethod
    def _fits_currency(cls, amount: Decimal, info: ValidationInfo) -> Decimal:
        currency = info.data.get("currency")
        return exact(amount, currency) if currency else amount

    @model_validator(mode="after")
    def _is_held(self) -> Self:
        is_float = self.kind is AdvanceKind.FLOAT
        if (self.person is not None, self.vendor is not None) != (is_float, not is_float):
            raise ValueError("a float is held by a person, a deposit by a vendor: send the one")
        return self


class ReturnAdvance(Command):
    """An accountant or a line producer records that a float or a deposit came back, or a part of it."""

    refusals = (AdvanceIsMissing, FloatIsYourOwn, AdvanceIsSettled, ReturnDoesNotFit, ReturnedBeyondAdvance)
    example: ClassVar = {
        "advance": "FLOAT-0001",
        "amount": "1500",
        "returned_on": "2026-11-24",
        "document": "Cash book 17",
    }

    advance: AdvanceId
    amount: PositiveAmount = Field(description="In the advance's currency.")
    returned_on: Day
    document: Text = Field(description="The number in the cash book, or of the bank.")


class VoidReturn(Command):
    """An accountant or a line producer takes back that a part of an advance had come back, and why."""

    refusals = (AdvanceIsMissing, FloatIsYourOwn, ReturnIsMissing)
    example: ClassVar = {"advance": "FLOAT-0001", "number": 1, "reason": "It was another float's."}

    advance: AdvanceId
    number: int = Field(ge=1, description="Which of its returns, from 1 on, as `advances` lists them.")
    reason: Memo


class CloseAdvance(Command):
    """An accountant or a line producer says that the rest does not come back: it becomes a cost, and why."""

    refusals = (AdvanceIsMissing, FloatIsYourOwn, AdvanceIsSettled)
    example: ClassVar = {
        "advance": "FLOAT-0001",
        "account": "2500",
        "posted_on": "2026-11-25",
        "reason": "Two receipts were lost on the river.",
    }

    advance: AdvanceId
    account: AccountCode = Field(description="Whose cost the rest becomes.")
    posted_on: Day
    reason: Memo


AdvanceCommand = PayAdvance | ReturnAdvance | VoidReturn | CloseAdvance


@dataclass(frozen=True, slots=True)
class Advance:
    """What decisions remember of an advance, in its currency."""

    paid: AdvancePaid
    accounted: Map[SpendId, Decimal] = Map()
    #: What came back, in its order; nothing of what was voided.
    returned: tuple[Decimal, ...] = ()
    #: Closed by which entries; one at a time, unless one is reversed and it is closed again.
    short: Map[SpendId, Decimal] = Map()

    @property
    def left(self) -> Money:
        """What is neither accounted for, nor returned, nor short."""
        gone = sum((*self.accounted.values(), *self.short.values(), *self.returned), NOTHING)
        return Money(self.paid.amount.amount - gone, self.paid.amount.currency)

    @property
    def state(self) -> AdvanceState:
        """How it stands."""
        if self.left.amount:
            is_whole = self.left == self.paid.amount
            return AdvanceState.OPEN if is_whole else AdvanceState.PARTLY_ACCOUNTED
        if any(self.short.values()):
            return AdvanceState.SHORT if self.paid.kind is AdvanceKind.FLOAT else AdvanceState.KEPT
        return AdvanceState.RETURNED if any(self.returned) else AdvanceState.ACCOUNTED


@dataclass(frozen=True, slots=True)
class Advances:
    """The advances of a production, and the entries that were paid out of them."""

    known: Map[AdvanceId, Advance] = Map()
    of: Map[SpendId, AdvanceId] = Map()
    #: What they were beyond what was left, in base currency.
    owing: Map[SpendId, Money] = Map()
    #: The flags that stand, with the entry of each.
    flags: Map[FlagId, SpendId] = Map()

    def flags_of(self, spend: SpendId) -> tuple[FlagId, ...]:
        """The flags that stand on an entry."""
        return tuple(flag for flag, on in self.flags.items() if on == spend)

    def paid_for(self, spend: SpendId) -> bool:
        """V6: whether an entry was paid out of an advance, whole."""
        return spend in self.of and spend not in self.owing

    def holders(self, spent: Iterable[SpendId]) -> frozenset[PersonId]:
        """Who holds the floats that entries were paid out of."""
        held = (self.known[self.of[spend]].paid.person for spend in spent if spend in self.of)
        return frozenset(person for person in held if person is not None)

    def due(self, spend: SpendId, entry: Entry) -> Money:
        """V3: what is still paid for an entry: what it was not paid out of an advance, in base currency."""
        if self.paid_for(spend):
            return Money(rounded(NOTHING, entry.paid.currency), entry.paid.currency)
        return self.owing.get(spend, entry.paid)


def existing(advances: Advances, advance: AdvanceId) -> Advance:
    """The advance of that number."""
    found = advances.known.get(advance)
    if found is None:
        raise AdvanceIsMissing(advance)
    return found


def payee(event: AdvancePaid) -> VendorId:
    """To whom it went, as the register of spend and the policy count it; a person as a vendor of the same name."""
    return event.vendor or (event.person or "").replace(".", "-")


def pay_advance(
    command: PayAdvance,
    advances: Advances,
    base: Currency,
    belongs: Iterable[PersonId],
    metadata: Metadata,
) -> list[AdvanceEvent]:
    """V1, V2.

    Args:
        belongs: who holds a role on the production.
    """
    amount = Money(command.amount, command.currency)
    if command.person is not None and command.person not in belongs:
        raise HolderIsNobodyHere(command.person)
    _not_your_own(command.person, amount, metadata.persons)
    try:
        base_amount = converted(amount, command.rate, base)
    except ValueError:
        raise AdvanceRateDoesNotConvert(command.currency, command.rate, base) from None
    alike = sum(each.paid.kind is command.kind for each in advances.known.values())
    return [
        AdvancePaid(
            advance=f"{PREFIXES[command.kind]}-{alike + 1:04}",
            kind=command.kind,
            person=command.person,
            vendor=command.vendor,
            amount=amount,
            rate=command.rate,
            base_amount=base_amount,
            paid_on=command.paid_on,
            due_on=command.due_on,
            memo=command.memo,
            by=metadata.actor,
            on_behalf_of=metadata.on_behalf_of,
        )
    ]


def return_advance(command: ReturnAdvance, advances: Advances, persons: frozenset[PersonId]) -> list[AdvanceEvent]:
    """V2, V4."""
    found = _unsettled(command.advance, advances, persons)
    currency = found.paid.amount.currency
    try:
        returned = Money(exact(command.amount, currency), currency)
    except ValueError:
        raise ReturnDoesNotFit(command.amount, currency) from None
    if returned.amount > found.left.amount:
        raise ReturnedBeyondAdvance(command.advance, found.paid.amount, found.left, returned)
    state = replace(found, returned=(*found.returned, returned.amount)).state
    return [AdvanceReturned(command.advance, returned, command.returned_on, command.document, state)]


def void_return(command: VoidReturn, advances: Advances, persons: frozenset[PersonId]) -> list[AdvanceEvent]:
    """V2, V4."""
    found, number = existing(advances, command.advance), command.number
    _not_your_own(found.paid.person, found.paid.amount, persons)
    if number > len(found.returned) or not found.returned[number - 1]:
        raise ReturnIsMissing(command.advance, number)
    came = Money(found.returned[number - 1], found.paid.amount.currency)
    return [AdvanceReturnVoided(command.advance, number, came, _not_returned(found, number).state)]


def close_advance(
    command: CloseAdvance,
    advances: Advances,
    spending: Spending,
    measure: Measure | None,
    base: Currency,
    flags: Iterator[FlagId],
    persons: frozenset[PersonId],
) -> list[AdvanceEvent | SpendEvent]:
    """V2, V5."""
    found = _unsettled(command.advance, advances, persons)
    was, short = found.paid, found.left
    is_float = was.kind is AdvanceKind.FLOAT
    cost = LogSpend(
        account=command.account,
        currency=short.currency,
        net=short.amount,
        rate=was.rate,
        vendor=was.vendor or command.advance.lower(),  # whoever took it is in no directory
        spent_on=command.posted_on,
        posted_on=command.posted_on,
        kind=SpendKind.PETTY_CASH if is_float else SpendKind.OTHER,
        document=command.advance,
        memo=command.reason,
    )
    logged = log_spend(cost, spending, measure, base, flags)
    entry = logged[0]
    assert isinstance(entry, SpendLogged)
    state = replace(found, short=found.short.set(entry.spend, short.amount)).state
    closed = AdvanceClosed(command.advance, entry.spend, short, state)
    if was.person is None:
        return [*logged, closed]
    return [*logged, closed, FloatShort(next(flags), command.advance, entry.spend, entry.account, was.person, short)]


def paid_out_of(advance: AdvanceId, command: LogSpend, advances: Advances) -> LogSpend:
    """V7: the command, at the rate of the advance that pays it; a deposit pays its own vendor."""
    was = existing(advances, advance).paid
    if was.vendor is not None and was.vendor != command.vendor:
        raise DepositIsWithAnother(advance, was.amount, was.vendor, command.vendor)
    if was.person is not None and command.kind is SpendKind.PAYROLL:
        raise FloatPaysNoWages(advance, was.person)
    if command.currency != was.amount.currency or command.rate == was.rate:
        return command
    if command.rate is not None:
        raise AdvanceHasItsRate(advance, was.amount, was.rate, command.rate)
    return command.model_copy(update={"rate": was.rate})


def account_for(
    advance: AdvanceId, entry: SpendLogged, advances: Advances, flags: Iterator[FlagId]
) -> list[AdvanceEvent]:
    """V3: what an entry accounts for, and what is owed beyond that."""
    found, in_base = advances.known[advance], paid(entry)
    currency = found.paid.amount.currency
    as_billed = Money(entry.net + entry.tax - entry.withheld, entry.currency)
    spent = as_billed if as_billed.currency == currency else at_rate(in_base, found.paid.rate, currency)
    part = Money(min(spent.amount, found.left.amount), currency)
    owed = Money(spent.amount - part.amount, currency)
    happened: list[AdvanceEvent] = []
    if part.amount or not owed.amount:  # what comes to nothing in its currency is paid out of it all the same
        after = replace(found, accounted=found.accounted.set(entry.spend, part.amount))
        happened.append(AdvanceAccounted(advance, entry.spend, part, after.state))
    if owed.amount:
        booked = rounded(in_base.amount * owed.amount / spent.amount, in_base.currency)
        beyond = (advance, entry.spend, entry.account, found.left, owed, Money(booked, in_base.currency))
        happened.append(AdvanceExceeded(next(flags), *beyond))
    return happened


def take_back(spend: SpendId, advances: Advances) -> list[AdvanceEvent]:
    """V3, V5: what is open again once an entry is taken back."""
    advance = advances.of.get(spend)
    if advance is None:
        return []
    found = advances.known[advance]
    accounted, short = found.accounted.get(spend, NOTHING), found.short.get(spend, NOTHING)
    return [AccountingReversed(advance, spend, accounted, short, _without(found, spend).state)]


def owing(happened: Iterable[OfProduction]) -> list[SpendLogged]:
    """V6: what is logged and not paid out of an advance, whole."""
    happened = list(happened)
    paid = {each.spend for each in happened if isinstance(each, AdvanceAccounted | AdvanceClosed)}
    paid -= {each.spend for each in happened if isinstance(each, AdvanceExceeded)}
    return [each for each in happened if isinstance(each, SpendLogged) and each.spend not in paid]


def holders(happened: Iterable[OfProduction], advances: Advances) -> frozenset[PersonId]:
    """V2: who holds the floats that what happens was paid out of."""
    paid = (each for each in happened if isinstance(each, AdvanceAccounted | AdvanceExceeded | AdvanceClosed))
    held = (advances.known[each.advance].paid.person for each in paid)
    return frozenset(person for person in held if person is not None)


def owed_at_once(happened: list[OfProduction]) -> list[OfProduction]:
    """V3: the entries of a batch, of which that is paid at once which goes beyond the advance."""
    left = owing(happened)
    batch = batch_of(left[0].spend, left[-1].spend) if left else None
    at_once = () if batch is None else entries_of(batch)
    named = {each.spend: each.spend in at_once for each in happened if isinstance(each, SpendLogged)}
    return [
        replace(each, batch=batch if named[each.spend] else None) if isinstance(each, SpendLogged) else each
        for each in happened
    ]


def _not_your_own(holder: PersonId | None, amount: Money, persons: frozenset[PersonId]) -> None:
    if holder is not None and holder in persons:
        raise FloatIsYourOwn(holder, amount)


def _unsettled(advance: AdvanceId, advances: Advances, persons: frozenset[PersonId]) -> Advance:
    found = existing(advances, advance)
    _not_your_own(found.paid.person, found.paid.amount, persons)
    if not found.left.amount:
        raise AdvanceIsSettled(advance, found.paid.amount, found.state)
    return found


def _without(found: Advance, spend: SpendId) -> Advance:
    accounted, short = found.accounted, found.short
    return replace(
        found,
        accounted=accounted.delete(spend) if spend in accounted else accounted,
        short=short.delete(spend) if spend in short else short,
    )


def _not_returned(found: Advance, number: int) -> Advance:
    returned = found.returned
    return replace(found, returned=(*returned[: number - 1], NOTHING, *returned[number:]))


def evolve(advances: Advances, event: AdvanceEvent) -> Advances:
    """The advances after the event."""
    known = advances.known
    if isinstance(event, AdvancePaid):
        return replace(advances, known=known.set(event.advance, Advance(event)))
    found = known[event.advance]
    match event:
        case AdvanceAccounted(number, spend, amount):
            after = replace(found, accounted=found.accounted.set(spend, amount.amount))
            return replace(advances, known=known.set(number, after), of=advances.of.set(spend, number))
        case AdvanceExceeded(flag, number, spend, booked=booked):
            of, flags = advances.of.set(spend, number), advances.flags.set(flag, spend)
            return replace(advances, of=of, flags=flags, owing=advances.owing.set(spend, booked))
        case AccountingReversed(number, spend):
            return replace(advances, known=known.set(number, _without(found, spend)), of=advances.of.delete(spend))
        case AdvanceReturned(number, amount):
            after = replace(found, returned=(*found.returned, amount.amount))
            return replace(advances, known=known.set(number, after))
        case AdvanceReturnVoided(advance, number):
            return replace(advances, known=known.set(advance, _not_returned(found, number)))
        case AdvanceClosed(number, spend, short):
            after = replace(found, short=found.short.set(spend, short.amount))
            return replace(advances, known=known.set(number, after), of=advances.of.set(spend, number))
        case FloatShort(flag, _, spend):
            return replace(advances, flags=advances.flags.set(flag, spend))


def cleared(advances: Advances, flags: Iterable[FlagId]) -> Advances:
    """The advances once these flags no longer stand."""
    left = advances.flags
    for flag in flags:
        if flag in left:
            left = left.delete(flag)
    return replace(advances, flags=left) if left is not advances.flags else advances
