"""What was spent, entry by entry, and what became of each?

Moved by: spend, its reversal and its recoding; what the policy says of paying it; queries, payments and what these were
reconciled with. The register is kept as lines that never change, as a ledger is: an entry is one line, its reversal
another, a recoding two (out of one account, into the other). A line's amount is signed, so running totals and the
account's spend are sums of lines. What became of an entry is kept so, too: whether it may be paid, the rounds that were
turned down, payments, where they were found, queries. What was said last counts.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import get_args

from pydantic import BaseModel, Field

from events.advance import AdvanceAccounted, AdvanceClosed, AdvanceExceeded
from events.approval import (
    ApprovalRequested,
    ApprovedByPolicy,
    ChangesRequested,
    RequestRecalled,
    RequestRejected,
)
from events.envelope import Recorded
from events.ids import AccountCode, Digest, PayableId, PersonId, QueryId, RoundId, SpendId, StreamId, VendorId
from events.money import Amount, Currency, ExchangeRate, Money
from events.paying import (
    PayingEvent,
    PaymentMethod,
    PaymentVoided,
    QueryAnswered,
    QueryClosed,
    ReconciliationUndone,
    SpendPaid,
    SpendQueried,
    SpendReconciled,
)
from events.policy import RequestKind
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
    entries_of,
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
    batch: str | None
    withheld: Decimal
    fringe: bool


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
    on_behalf_of: str | None
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """What was said of paying an entry; what was said last counts."""

    stream_id: StreamId
    version: int
    spend: str
    #: `waiting`, until its round is turned down; `released`; `by_rule`, when a rule let it be paid without a round;
    #: `by_advance`, when it was paid out of a float or a deposit.
    payment: str
    #: In which it is asked about; a release does not say it again.
    round: str | None


@dataclass(frozen=True, slots=True)
class TurnedDownRow:
    """A round that ended without what it asked for; of which kind it was, its end does not say."""

    stream_id: StreamId
    round: str
    version: int


@dataclass(frozen=True, slots=True)
class PaidRow:
    """That an entry was paid; or without a day, that the payment was voided."""

    stream_id: StreamId
    version: int
    spend: str
    #: Of an exchange difference: the entry that it is of.
    difference_of: str | None
    paid_on: date | None
    method: PaymentMethod | None
    reference: str | None
    #: What left the bank for all that was paid at once.
    paid: Decimal | None


@dataclass(frozen=True, slots=True)
class FoundRow:
    """Where on the bank's statement a payment was found; or without a line, that it was not."""

    stream_id: StreamId
    version: int
    spend: str
    statement: str | None
    statement_line: str | None
    found_on: date | None


@dataclass(frozen=True, slots=True)
class QueryRow:
    """A query on an entry."""

    stream_id: StreamId
    number: int
    version: int
    spend: str
    asked: tuple[PersonId, ...]
    question: str
    actor: str
    on_behalf_of: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class QueryEndRow:
    """That a query was answered or closed."""

    stream_id: StreamId
    number: int
    version: int


ENTRIES = kind(
    "spend_register_entries",
    EntryRow,
    "stream_id",
    "spend",
    final=True,
    indexed=[("stream_id", "currency"), ("stream_id", "kind")],
)
LINES = kind(
    "spend_register_lines",
    RegisterRow,
    "stream_id",
    "version",
    "part",
    final=True,
    indexed=[("stream_id", "spend")],
)
PAYMENTS = kind(
    "spend_register_payments",
    PaymentRow,
    *("stream_id", "version", "spend"),
    final=True,
    indexed=[("stream_id", "spend")],
)
TURNED_DOWN = kind("spend_register_turned_down", TurnedDownRow, "stream_id", "round", final=True)
PAID = kind(
    "spend_register_paid", PaidRow, "stream_id", "version", "spend", final=True, indexed=[("stream_id", "spend")]
)
FOUND = kind(
    "spend_register_found", FoundRow, "stream_id", "version", "spend", final=True, indexed=[("stream_id", "spend")]
)
QUERIES = kind("spend_register_queries", QueryRow, "stream_id", "number", final=True, indexed=[("stream_id", "spend")])
QUERY_ENDS = kind("spend_register_query_ends", QueryEndRow, "stream_id", "number", final=True)

Reads = (
    SpendEvent
    | PayingEvent
    | ApprovalRequested
    | ApprovedByPolicy
    | RequestRejected
    | RequestRecalled
    | ChangesRequested
    | AdvanceAccounted
    | AdvanceExceeded
    | AdvanceClosed
)


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, version, event = recorded.stream_id, recorded.version, recorded.event
    if isinstance(event, PayingEvent):
        return _follow_up(rows, recorded, event)
    match event:
        case SpendLogged():
            rows.put(
                EntryRow(
                    stream_id=stream,
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
                    batch=event.batch,
                    withheld=event.withheld,
                    fringe=event.fringe,
                )
            )
            rows.put(_line(recorded, 1, event, "spend", event.account, event.cost, 1))
        case SpendReversed():
            rows.put(_line(recorded, 1, event, "reversal", event.account, event.cost, -1))
        case SpendRecoded():
            rows.put(_line(recorded, 1, event, "recoded_out", event.from_account, event.cost, -1))
            rows.put(_line(recorded, 2, event, "recoded_in", event.to_account, event.cost, 1))
        case ApprovalRequested(round=round_id, kind=RequestKind.PAYMENT, subject=payable):
            for spend in entries_of(payable):
                rows.put(PaymentRow(stream, version, spend, "waiting", round_id))
        case ApprovedByPolicy(kind=RequestKind.PAYMENT, subject=payable):
            for spend in entries_of(payable):
                rows.put(PaymentRow(stream, version, spend, "by_rule", None))
        case AdvanceAccounted(spend=spend) | AdvanceClosed(spend=spend):
            rows.put(PaymentRow(stream, version, spend, "by_advance", None))
        case AdvanceExceeded(spend=spend):
            rows.put(PaymentRow(stream, version, spend, "not_asked", None))
        case PaymentReleased(spend):
            rows.put(PaymentRow(stream, version, spend, "released", None))
        case RequestRejected(round=round_id) | RequestRecalled(round=round_id) | ChangesRequested(round=round_id):
            rows.put(TurnedDownRow(stream, round_id, version))
        case ApprovalRequested() | ApprovedByPolicy():
            pass  # of something else than a payment
        case SpendOutsideBudget() | AccountOverspent() | SpendAlert() | DuplicateSuspected():
            pass  # flags have a view of their own


def _follow_up(rows: Rows, recorded: Recorded[Reads], event: PayingEvent) -> None:
    stream, version, metadata = recorded.stream_id, recorded.version, recorded.metadata
    match event:
        case SpendQueried(query, spend, _, asked, question):
            who = (metadata.actor, metadata.on_behalf_of, metadata.at)
            rows.put(QueryRow(stream, _number(query), version, spend, asked, question, *who))
        case QueryAnswered(query) | QueryClosed(query):
            rows.put(QueryEndRow(stream, _number(query), version))
        case SpendPaid():
            paid = (event.paid_on, event.method, event.reference, event.amount.amount)
            for spend in event.entries:
                rows.put(PaidRow(stream, version, spend, None, *paid))
            if event.difference is not None:
                rows.put(PaidRow(stream, version, event.difference, event.difference_of, *paid))
        case PaymentVoided(entries=entries, difference=difference, difference_of=of):
            for spend in entries:
                rows.put(PaidRow(stream, version, spend, of if spend == difference else None, None, None, None, None))
                rows.put(FoundRow(stream, version, spend, None, None, None))
        case SpendReconciled(entries=entries, statement=statement, line=line, found_on=found_on):
            for spend in entries:
                rows.put(FoundRow(stream, version, spend, statement, line, found_on))
        case ReconciliationUndone(entries=entries):
            for spend in entries:
                rows.put(FoundRow(stream, version, spend, None, None, None))


def _number(query: QueryId) -> int:
    return int(query.removeprefix("Q-"))


def _line(
    recorded: Recorded[Reads],
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
        on_behalf_of=recorded.metadata.on_behalf_of,
        at=recorded.metadata.at,
        reason=recorded.metadata.reason,
    )


KINDS = (ENTRIES, LINES, PAYMENTS, TURNED_DOWN, PAID, FOUND, QUERIES, QUERY_ENDS)
PROJECTION = Projection("spend_register", frozenset(get_args(Reads)), 5, KINDS, fold)


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
    currency: Currency = Field(description="Of net, tax, recoverable tax and what is withheld.")
    net: Amount = Field(description="Below zero where it came back.")
    tax: Amount
    recoverable_tax: Amount
    withheld: Amount = Field(description="The part that is not paid to the vendor but owed to others.")
    rate: ExchangeRate | None
    receipt_sha256: Digest | None
    memo: str | None
    fringe: bool = Field(description="Whether it is fringes on pay.")
    batch: PayableId | None = Field(description="What it is paid together with; none: it is paid by itself.")
    payment: str = Field(
        description="Whether the entry may be paid: `released`; `waiting` for the round; `refused`, when the round was"
        " turned down or taken back; `by_advance`, when it was paid out of a float or a deposit, which was asked about;"
        " `not_asked`, when no policy was adopted that says who is asked, or nobody is paid,"
        " as for accruals and credits. `paid`, once it was; `reconciled`, once the payment was found on a statement."
    )
    payment_round: RoundId | None = Field(description="In which it was asked about last; none where nobody was asked.")
    query: QueryId | None = Field(description="The query on it that is open; it is not paid meanwhile.")
    paid_on: date | None
    method: PaymentMethod | None = Field(description="How it was paid.")
    reference: str | None = Field(description="The bank's, the number of the cheque, or that of the receipt.")
    paid: Amount | None = Field(description="What left the bank for all that was paid at once, in base currency.")
    statement: str | None = Field(description="Of the bank, on which the payment was found.")
    statement_line: str | None
    found_on: date | None = Field(description="The day that the line is of.")
    difference_of: SpendId | None = Field(description="Of an exchange difference: the entry that it is of.")
    actor: PersonId
    on_behalf_of: PersonId | None = Field(description="For whom the actor acted, if for another.")
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
