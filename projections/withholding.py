"""What was withheld, of which entries, how much of it is still owed to others, and when was the rest paid over?

Moved by: entries of which something is withheld, their reversals, and remittances; and by whatever says that an entry
may not be paid yet: rounds, queries, payments, advances. A row is such an entry as it stands, another a remittance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args

from pydantic import BaseModel, Field

from events.advance import AdvanceAccounted, AdvanceExceeded
from events.approval import ApprovalRequested, ApprovedByPolicy
from events.envelope import Recorded
from events.ids import PersonId, QueryId, RemittanceId, SpendId, StreamId, VendorId
from events.money import Amount, Currency, rounded
from events.paying import PaymentMethod, PaymentVoided, QueryAnswered, QueryClosed, SpendPaid, SpendQueried
from events.policy import RequestKind
from events.remittance import RemittanceEvent, RemittanceVoided, Share, WithheldRemitted, withheld_of
from events.spend import PaymentReleased, SpendLogged, SpendReversed, entries_of

from .projection import Projection, Rows, kind


class RemittanceState(StrEnum):
    """How a remittance stands."""

    REMITTED = "remitted"
    #: It did not go through.
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class WithheldRow:
    """An entry of which something is withheld; amounts are in base currency."""

    stream_id: StreamId
    spend: str
    vendor: str
    posted_on: date
    is_reversed: bool
    #: While it stands.
    withheld: Decimal
    #: Less what was voided.
    remitted: Decimal
    #: It was paid, or was paid out of an advance.
    is_settled: bool
    #: A round holds its payment, open or turned down.
    is_asked_about: bool
    #: Those that are open on it, or on what is paid with it.
    queries: tuple[QueryId, ...]

    @property
    def due(self) -> Decimal:
        """What is still owed; below zero where too much was remitted."""
        return self.withheld - self.remitted

    @property
    def held(self) -> bool:
        """Whether it may not be paid yet."""
        return not self.is_reversed and not self.is_settled and (self.is_asked_about or bool(self.queries))


@dataclass(frozen=True, slots=True)
class RemittanceRow:
    """A remittance as it stands."""

    stream_id: StreamId
    number: int
    state: RemittanceState
    up_to: date
    amount: Decimal
    shares: tuple[Share, ...]
    left_out: tuple[SpendId, ...]
    paid_on: date
    method: PaymentMethod
    reference: str
    actor: str
    on_behalf_of: str | None
    at: datetime
    voided_by: str | None
    voided_for: str | None
    voided_at: datetime | None
    voided_because: str | None


WITHHELD = kind("withholding_entries", WithheldRow, "stream_id", "spend")
REMITTANCES = kind("withholding_remittances", RemittanceRow, "stream_id", "number")

#: Whether an entry may be paid, and is.
OfPaying = (
    ApprovalRequested
    | ApprovedByPolicy
    | PaymentReleased
    | SpendQueried
    | QueryAnswered
    | QueryClosed
    | SpendPaid
    | PaymentVoided
    | AdvanceAccounted
    | AdvanceExceeded
)
Reads = SpendLogged | SpendReversed | RemittanceEvent | OfPaying


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, event, metadata = recorded.stream_id, recorded.event, recorded.metadata
    match event:
        case SpendLogged(spend):
            withheld = withheld_of(event).amount
            if withheld:
                kept = (withheld, withheld * 0, False, False, ())
                rows.put(WithheldRow(stream, spend, event.vendor, event.posted_on, False, *kept))
        case SpendReversed(spend):
            for row in _of(rows, stream, (spend,)):
                rows.put(replace(row, is_reversed=True, withheld=row.withheld * 0))
        case WithheldRemitted():
            _move(rows, stream, event.shares, 1)
            rows.put(_remitted(recorded, event))
        case RemittanceVoided(number, shares):
            _move(rows, stream, shares, -1)
            remitted = rows.one(RemittanceRow, stream, _number(number))
            voided = replace(remitted, state=RemittanceState.VOIDED, voided_at=metadata.at)
            by, because = metadata.actor, metadata.reason
            rows.put(replace(voided, voided_by=by, voided_for=metadata.on_behalf_of, voided_because=because))
        case _:
            _follow(rows, stream, event)


def _follow(rows: Rows, stream: StreamId, event: OfPaying) -> None:
    """The rows after what says whether entries may be paid, and are."""
    match event:
        case ApprovalRequested(kind=RequestKind.PAYMENT, subject=payable):
            _ask(rows, stream, entries_of(payable), about=True)
        case ApprovedByPolicy(kind=RequestKind.PAYMENT, subject=payable):
            _ask(rows, stream, entries_of(payable), about=False)
        case PaymentReleased(spend):
            _ask(rows, stream, (spend,), about=False)
        case SpendQueried(query, payable=payable):
            for row in _of(rows, stream, entries_of(payable)):
                rows.put(replace(row, queries=(*row.queries, query)))
        case QueryAnswered(query) | QueryClosed(query):
            for row in rows.of(WithheldRow, stream):
                if query in row.queries:
                    rows.put(replace(row, queries=tuple(each for each in row.queries if each != query)))
        case SpendPaid(entries=entries):
            _settle(rows, stream, entries, settled=True)
        case PaymentVoided(entries=entries):
            _settle(rows, stream, entries, settled=False)
        case AdvanceAccounted(spend=spend):
            _settle(rows, stream, (spend,), settled=True)
        case AdvanceExceeded(spend=spend):
            _settle(rows, stream, (spend,), settled=False)
        case ApprovalRequested() | ApprovedByPolicy():
            pass  # of something else than a payment


def _of(rows: Rows, stream: StreamId, entries: Iterable[SpendId]) -> list[WithheldRow]:
    """The rows of those entries of which something is withheld."""
    found = [rows.get(WithheldRow, stream, spend) for spend in entries]
    return [row for row in found if row is not None]


def _ask(rows: Rows, stream: StreamId, entries: Iterable[SpendId], *, about: bool) -> None:
    for row in _of(rows, stream, entries):
        rows.put(replace(row, is_asked_about=about))


def _settle(rows: Rows, stream: StreamId, entries: Iterable[SpendId], *, settled: bool) -> None:
    for row in _of(rows, stream, entries):
        rows.put(replace(row, is_settled=settled))


def _move(rows: Rows, stream: StreamId, shares: Iterable[Share], sign: int) -> None:
    for share in shares:
        row = rows.one(WithheldRow, stream, share.spend)
        rows.put(replace(row, remitted=row.remitted + sign * share.amount))


def _number(remittance: RemittanceId) -> int:
    return int(remittance.removeprefix("RM-"))


def _remitted(recorded: Recorded[Reads], event: WithheldRemitted) -> RemittanceRow:
    return RemittanceRow(
        stream_id=recorded.stream_id,
        number=_number(event.remittance),
        state=RemittanceState.REMITTED,
        up_to=event.up_to,
        amount=event.amount.amount,
        shares=event.shares,
        left_out=event.left_out,
        paid_on=event.paid_on,
        method=event.method,
        reference=event.reference,
        actor=recorded.metadata.actor,
        on_behalf_of=recorded.metadata.on_behalf_of,
        at=recorded.metadata.at,
        voided_by=None,
        voided_for=None,
        voided_at=None,
        voided_because=None,
    )


PROJECTION = Projection("withholding", frozenset(get_args(Reads)), 1, (WITHHELD, REMITTANCES), fold)


class Sums(BaseModel):
    """What was withheld, in base currency: remitted and due add up to it."""

    withheld: Amount = Field(description="Of entries that stand.")
    remitted: Amount = Field(description="Paid over, without what was voided.")
    due: Amount = Field(description="Still owed; below zero where entries were reversed after it was remitted.")
    payable: Amount = Field(
        description="What `remit-withheld` pays over of that: not of entries that may not be paid yet themselves."
    )


class WithheldView(Sums):
    """An entry of which something is withheld."""

    spend: SpendId
    vendor: VendorId
    vendor_name: str
    posted_on: date
    state: str = Field(description="Of the entry: `logged` or `reversed`; of a reversed one nothing is withheld.")
    held: bool = Field(description="Whether the entry may not be paid yet, for a query or for want of an approval.")


class OfVendor(Sums):
    """All of one vendor."""

    vendor: VendorId
    vendor_name: str


class RemittanceView(BaseModel):
    """What was paid over at once."""

    remittance: RemittanceId
    state: RemittanceState
    up_to: date
    amount: Amount
    shares: list[Share] = Field(description="By entry; they add up to the amount.")
    left_out: list[SpendId] = Field(description="Entries that might not be paid then.")
    paid_on: date
    method: PaymentMethod
    reference: str
    actor: PersonId = Field(description="Who recorded it.")
    on_behalf_of: PersonId | None = Field(description="For whom they acted, if for another.")
    at: datetime
    voided_by: PersonId | None
    voided_for: PersonId | None = Field(description="For whom they acted, if for another.")
    voided_at: datetime | None
    voided_because: str | None


class Withholding(Sums):
    """What was withheld and paid over: the sums of the entries that the filters let through, and all remittances."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency = Field(description="The base currency.")
    entries: list[WithheldView]
    vendors: list[OfVendor]
    remittances: list[RemittanceView] = Field(description="All of them, the voided ones too, whatever the filters.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are asked for."""

    due: bool | None = None
    vendor: VendorId | None = None
    posted_to: date | None = None

    def has(self, row: WithheldRow) -> bool:
        """Whether an entry is one of them."""
        return (
            self.due in (None, bool(row.due))
            and self.vendor in (None, row.vendor)
            and (self.posted_to is None or row.posted_on <= self.posted_to)
        )


def view(
    rows: Rows,
    stream: StreamId,
    version: int,
    position: int,
    currency: Currency,
    wanted: Wanted,
    names: Mapping[VendorId, str],
) -> Withholding:
    """The answer from the rows.

    Args:
        names: of vendors, as the directory has them.
    """
    found = [row for row in rows.of(WithheldRow, stream) if wanted.has(row)]
    vendors = sorted({row.vendor for row in found})
    by_vendor = {vendor: [row for row in found if row.vendor == vendor] for vendor in vendors}
    return Withholding(
        **_sums(found, currency),
        production=stream,
        version=version,
        position=position,
        currency=currency,
        entries=[_entry(row, currency, names) for row in found],
        vendors=[
            OfVendor(**_sums(of, currency), vendor=vendor, vendor_name=names.get(vendor, vendor))
            for vendor, of in by_vendor.items()
        ],
        remittances=[_remittance(row) for row in rows.of(RemittanceRow, stream)],
    )


def _entry(row: WithheldRow, currency: Currency, names: Mapping[VendorId, str]) -> WithheldView:
    return WithheldView(
        **_sums([row], currency),
        spend=row.spend,
        vendor=row.vendor,
        vendor_name=names.get(row.vendor, row.vendor),
        posted_on=row.posted_on,
        state="reversed" if row.is_reversed else "logged",
        held=row.held,
    )


def _remittance(row: RemittanceRow) -> RemittanceView:
    same = {name: getattr(row, name) for name in RemittanceView.model_fields if name != "remittance"}
    return RemittanceView(remittance=f"RM-{row.number}", **same)


def _sums(of: Iterable[WithheldRow], currency: Currency) -> dict[str, Any]:
    rows, nothing = list(of), rounded(Decimal(0), currency)
    return {
        "withheld": sum((row.withheld for row in rows), nothing),
        "remitted": sum((row.remitted for row in rows), nothing),
        "due": sum((row.due for row in rows), nothing),
        "payable": sum((row.due for row in rows if not row.held), nothing),
    }
