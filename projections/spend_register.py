"""What was spent, entry by entry, and what became of each?

Moved by: spend, its reversal and its recoding. The register is kept as lines that never change, as a ledger
is: an entry is one line, its reversal another, a recoding two (out of one account, into the other). A line's
amount is signed, so running totals and the account's spend are sums of lines.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import get_args

from pydantic import BaseModel, Field

from events.envelope import Recorded
from events.ids import AccountCode, Digest, PersonId, SpendId, StreamId, VendorId
from events.money import Amount, Currency, ExchangeRate, Money
from events.spend import (
    AccountOverspent,
    DuplicateSuspected,
    PaymentReleased,
    SpendAlert,
    SpendEvent,
    SpendKind,
    SpendLogged,
    SpendOutsideBudget,
    SpendRecoded,
    SpendReversed,
)

from .projection import Projection, Rows, kind


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry as it was logged."""

    stream_id: StreamId
    spend: str
    kind: SpendKind
    currency: str
    net: Decimal
    tax: Decimal
    recoverable_tax: Decimal
    rate: ExchangeRate | None
    vendor: str
    spent_on: date
    document: str | None
    receipt_sha256: str | None
    memo: str | None


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """A line of the register."""

    stream_id: StreamId
    version: int
    #: 1, or 2 for the line that a recoding puts into the other account.
    part: int
    spend: str
    line: str
    account: str
    #: In base currency; negative where it takes back.
    amount: Decimal
    currency: str
    posted_on: date
    actor: str
    at: datetime
    reason: str | None


ENTRIES = kind("spend_register_entries", EntryRow, "stream_id", "spend", final=True)
LINES = kind(
    "spend_register_lines",
    RegisterRow,
    "stream_id",
    "version",
    "part",
    final=True,
    indexed=[("stream_id", "spend")],
)


def fold(rows: Rows, recorded: Recorded[SpendEvent]) -> None:
    """The rows after the event."""
    event = recorded.event
    match event:
        case SpendLogged():
            rows.put(
                EntryRow(
                    stream_id=recorded.stream_id,
                    spend=event.spend,
                    kind=event.kind,
                    currency=event.currency,
                    net=event.net,
                    tax=event.tax,
                    recoverable_tax=event.recoverable_tax,
                    rate=event.rate,
                    vendor=event.vendor,
                    spent_on=event.spent_on,
                    document=event.document,
                    receipt_sha256=event.receipt_sha256,
                    memo=event.memo,
                )
            )
            rows.put(_line(recorded, 1, event, "spend", event.account, event.cost, 1))
        case SpendReversed():
            rows.put(_line(recorded, 1, event, "reversal", event.account, event.cost, -1))
        case SpendRecoded():
            rows.put(_line(recorded, 1, event, "recoded_out", event.from_account, event.cost, -1))
            rows.put(_line(recorded, 2, event, "recoded_in", event.to_account, event.cost, 1))
        case SpendOutsideBudget() | AccountOverspent() | SpendAlert() | DuplicateSuspected() | PaymentReleased():
            pass  # flags have a view of their own, and so has what waits for approval


def _line(
    recorded: Recorded[SpendEvent],
    part: int,
    event: SpendLogged | SpendReversed | SpendRecoded,
    line: str,
    account: AccountCode,
    cost: Money,
    sign: int,
) -> RegisterRow:
    return RegisterRow(
        stream_id=recorded.stream_id,
        version=recorded.version,
        part=part,
        spend=event.spend,
        line=line,
        account=account,
        amount=sign * cost.amount,
        currency=cost.currency,
        posted_on=event.posted_on,
        actor=recorded.metadata.actor,
        at=recorded.metadata.at,
        reason=recorded.metadata.reason,
    )


PROJECTION = Projection("spend_register", frozenset(get_args(SpendEvent)), 1, (ENTRIES, LINES), fold)


class RegisterLine(BaseModel):
    """A line with the entry it belongs to."""

    version: int
    spend: SpendId
    line: str = Field(description="`spend`, `reversal`, `recoded_out` or `recoded_in`.")
    state: str = Field(description="Of the entry: `logged`, `recoded` or `reversed`.")
    account: AccountCode
    amount: Amount = Field(description="In base currency, signed.")
    running_total: Amount = Field(description="Of the lines that the filters let through, up to this one.")
    posted_on: date
    spent_on: date
    kind: SpendKind
    vendor: VendorId
    vendor_name: str
    document: str | None
    currency: Currency = Field(description="Of net, tax and recoverable tax.")
    net: Amount
    tax: Amount
    recoverable_tax: Amount
    rate: ExchangeRate | None
    receipt_sha256: Digest | None
    memo: str | None
    actor: PersonId
    at: datetime
    reason: str | None


class SpendRegister(BaseModel):
    """A page of the register, in the order in which things happened."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency = Field(description="The base currency.")
    total: Amount = Field(description="Of all lines that the filters let through, not of this page alone.")
    lines: list[RegisterLine]
    next: str | None = Field(description="The cursor of the next page; none on the last one.")
    withheld: str | None = Field(
        description="That pay, and entries that ever stood on an account whose figures are not shown to the reader, are"
        " left out of the lines and of every sum."
    )
