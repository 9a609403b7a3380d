"""What is out in floats and deposits, with whom, and what became of each?

Moved by: advances, and payments of what went beyond them. A row is an advance with all that was done about it; what
each came to, and what is open of it, is reckoned from that, so the parts add up to what was advanced whatever was
reversed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, Field

from events.advance import (
    UNSETTLED,
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
from events.envelope import Recorded
from events.ids import AdvanceId, PersonId, SpendId, StreamId, VendorId
from events.money import Amount, Currency, ExchangeRate, rounded
from events.paying import PaymentVoided, SpendPaid

from .projection import Projection, Rows, kind


@dataclass(frozen=True, slots=True)
class EntryOfAdvance:
    """An entry that was paid out of an advance, in its currency."""

    spend: SpendId
    accounted: Amount
    #: Beyond what was left: owed to whoever paid it.
    beyond: Amount
    #: Whether that is paid.
    paid: bool
    #: Of the entry that closed it: what did not come back.
    short: Amount


@dataclass(frozen=True, slots=True)
class ReturnOfAdvance:
    """What came back of it."""

    amount: Amount
    returned_on: date
    document: str
    #: Whether that was taken back: it did not come, or not so.
    voided: bool = False


@dataclass(frozen=True, slots=True)
class AdvanceRow:
    """An advance as it stands."""

    stream_id: StreamId
    advance: str
    kind: AdvanceKind
    person: str | None
    vendor: str | None
    currency: str
    amount: Decimal
    rate: ExchangeRate | None
    base_amount: Decimal
    paid_on: date
    due_on: date | None
    memo: str | None
    state: AdvanceState
    entries: tuple[EntryOfAdvance, ...]
    returns: tuple[ReturnOfAdvance, ...]
    paid_by: str
    on_behalf_of: str | None

    @property
    def open(self) -> Decimal:
        """What is left of it."""
        gone = sum((each.accounted + each.short for each in self.entries), self.amount * 0)
        return self.amount - gone - sum((each.amount for each in self.returns if not each.voided), self.amount * 0)

    def is_overdue(self, today: date) -> bool:
        """Whether something is left after the day on which it was due."""
        return self.due_on is not None and self.due_on < today and self.state in UNSETTLED


ADVANCES = kind("advances", AdvanceRow, "stream_id", "advance")


Reads = AdvanceEvent | SpendPaid | PaymentVoided


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, event = recorded.stream_id, recorded.event
    if isinstance(event, SpendPaid | PaymentVoided):
        _paid(rows, stream, event.entries, paid=isinstance(event, SpendPaid))
        return
    if isinstance(event, AdvancePaid):
        rows.put(_row(recorded, event))
        return
    row = rows.one(AdvanceRow, stream, event.advance)
    nothing = row.amount * 0
    match event:
        case AdvanceAccounted(_, spend, amount, state):
            entry = EntryOfAdvance(spend, amount.amount, nothing, False, nothing)
            rows.put(replace(row, entries=(*row.entries, entry), state=state))
        case AdvanceExceeded(spend=spend, owed=owed):
            before = next((each for each in row.entries if each.spend == spend), None)
            entry = replace(before or EntryOfAdvance(spend, nothing, nothing, False, nothing), beyond=owed.amount)
            rows.put(replace(row, entries=(*(each for each in row.entries if each.spend != spend), entry)))
        case AccountingReversed(_, spend, _, _, state):
            left = tuple(each for each in row.entries if each.spend != spend)
            rows.put(replace(row, entries=left, state=state))
        case AdvanceReturned(_, amount, returned_on, document, state):
            came = ReturnOfAdvance(amount.amount, returned_on, document)
            rows.put(replace(row, returns=(*row.returns, came), state=state))
        case AdvanceReturnVoided(_, number, _, state):
            returns = (replace(each, voided=each.voided or n == number) for n, each in enumerate(row.returns, 1))
            rows.put(replace(row, returns=tuple(returns), state=state))
        case AdvanceClosed(_, spend, short, state):
            entry = EntryOfAdvance(spend, nothing, nothing, False, short.amount)
            rows.put(replace(row, entries=(*row.entries, entry), state=state))
        case FloatShort():
            pass  # a flag has a view of its own


def _paid(rows: Rows, stream: StreamId, spent: Iterable[SpendId], *, paid: bool) -> None:
    """What was owed for these entries is paid, or is not after all."""
    of_it = frozenset(spent)
    for row in rows.of(AdvanceRow, stream):
        if any(each.spend in of_it for each in row.entries):
            entries = (replace(each, paid=paid) if each.spend in of_it else each for each in row.entries)
            rows.put(replace(row, entries=tuple(entries)))


def _row(recorded: Recorded[Reads], event: AdvancePaid) -> AdvanceRow:
    return AdvanceRow(
        stream_id=recorded.stream_id,
        advance=event.advance,
        kind=event.kind,
        person=event.person,
        vendor=event.vendor,
        currency=event.amount.currency,
        amount=event.amount.amount,
        rate=event.rate,
        base_amount=event.base_amount.amount,
        paid_on=event.paid_on,
        due_on=event.due_on,
        memo=event.memo,
        state=AdvanceState.OPEN,
        entries=(),
        returns=(),
        paid_by=event.by,
        on_behalf_of=event.on_behalf_of,
    )


PROJECTION = Projection("advances", frozenset(get_args(Reads)), 2, (ADVANCES,), fold)


class Sums(BaseModel):
    """What was advanced and what became of it; the parts add up to it."""

    currency: Currency
    advanced: Amount
    accounted: Amount = Field(description="By entries, which are cost.")
    returned: Amount
    short: Amount = Field(description="What did not come back: of a float, or kept by a vendor; it is cost.")
    open: Amount = Field(description="What is still out; no cost yet.")
    owed: Amount = Field(description="By how much entries went beyond it, and it is not paid: to whoever paid them.")


class AdvanceView(Sums):
    """A float or a deposit."""

    advance: AdvanceId
    kind: AdvanceKind
    state: AdvanceState
    person: PersonId | None = Field(description="Who holds it; none of a deposit.")
    vendor: VendorId | None = Field(description="With whom it is; none of a float.")
    vendor_name: str | None
    rate: ExchangeRate | None = Field(description="At which it was paid, when not in base currency.")
    base_amount: Amount = Field(description="What was advanced, in base currency.")
    paid_on: date
    due_on: date | None
    overdue: bool
    memo: str | None
    entries: list[EntryOfAdvance]
    returns: list[ReturnOfAdvance]
    paid_by: PersonId
    on_behalf_of: PersonId | None = Field(description="For whom they acted, if for another.")


class HolderView(Sums):
    """All of one holder, in one currency."""

    person: PersonId | None
    vendor: VendorId | None
    overdue: int = Field(description="How many of them are.")


class AdvancesView(BaseModel):
    """Floats and deposits, one by one and by who holds them."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    advances: list[AdvanceView]
    holders: list[HolderView]
    withheld: str | None = Field(description="That a reader who may not read every figure sees their own floats alone.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them are asked for."""

    kind: AdvanceKind | None = None
    state: AdvanceState | None = None
    person: PersonId | None = None
    vendor: VendorId | None = None
    overdue: bool | None = None

    def has(self, row: AdvanceRow, today: date) -> bool:
        """Whether an advance is one of them."""
        return (
            self.kind in (None, row.kind)
            and self.state in (None, row.state)
            and self.person in (None, row.person)
            and self.vendor in (None, row.vendor)
            and self.overdue in (None, row.is_overdue(today))
        )


def view(
    rows: Rows,
    stream: StreamId,
    version: int,
    position: int,
    today: date,
    wanted: Wanted,
    names: Mapping[VendorId, str],
    shows: Callable[[PersonId | None], bool],
    withheld: str | None,
) -> AdvancesView:
    """The answer from the rows.

    Args:
        today: the business date that is asked about.
        names: of vendors, as the directory has them.
        shows: whether the reader may read what a person holds; None: what a vendor does.
        withheld: what a reader is told who may not read everything.
    """
    found = [row for row in rows.of(AdvanceRow, stream) if wanted.has(row, today) and shows(row.person)]
    held: dict[tuple[str | None, str | None, str], list[AdvanceRow]] = {}
    for row in found:
        held.setdefault((row.person, row.vendor, row.currency), []).append(row)
    return AdvancesView(
        production=stream,
        version=version,
        position=position,
        advances=[_advance(row, today, names) for row in found],
        holders=[_holder(of, today) for of in held.values()],
        withheld=withheld,
    )


def _advance(row: AdvanceRow, today: date, names: Mapping[VendorId, str]) -> AdvanceView:
    return AdvanceView(
        **_sums([row]),
        advance=row.advance,
        kind=row.kind,
        state=row.state,
        person=row.person,
        vendor=row.vendor,
        vendor_name=None if row.vendor is None else names.get(row.vendor, row.vendor),
        rate=row.rate,
        base_amount=row.base_amount,
        paid_on=row.paid_on,
        due_on=row.due_on,
        overdue=row.is_overdue(today),
        memo=row.memo,
        entries=list(row.entries),
        returns=list(row.returns),
        paid_by=row.paid_by,
        on_behalf_of=row.on_behalf_of,
    )


def _holder(of: list[AdvanceRow], today: date) -> HolderView:
    first, overdue = of[0], sum(row.is_overdue(today) for row in of)
    return HolderView(**_sums(of), person=first.person, vendor=first.vendor, overdue=overdue)


def _sums(of: Iterable[AdvanceRow]) -> dict[str, Any]:
    """What advances in one currency come to."""
    rows = list(of)
    nothing = rounded(Decimal(0), rows[0].currency)
    entries = [each for row in rows for each in row.entries]
    return {
        "currency": rows[0].currency,
        "advanced": sum((row.amount for row in rows), nothing),
        "accounted": sum((each.accounted for each in entries), nothing),
        "returned": sum((each.amount for row in rows for each in row.returns if not each.voided), nothing),
        "short": sum((each.short for each in entries), nothing),
        "open": sum((row.open for row in rows), nothing),
        "owed": sum((each.beyond for each in entries if not each.paid), nothing),
    }
