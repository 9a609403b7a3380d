"""What is promised and what is asked to be promised: with whom, on which accounts, and what is still to come of it?

Moved by: requisitions and commitments; what the policy says of promising them; the entries that relieve them, whether
those may be paid, and queries on them.

    total = in progress + relieved + released + balance, of every commitment, in base currency
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args

from pydantic import BaseModel, Field

from events.approval import (
    ApprovalRequested,
    ApprovedByPolicy,
    ChangesRequested,
    RequestApproved,
    RequestRecalled,
    RequestRejected,
)
from events.commitment import (
    LIVE,
    AmendmentSubmitted,
    Beyond,
    CommitmentAmended,
    CommitmentCancelled,
    CommitmentClosed,
    CommitmentDrafted,
    CommitmentEvent,
    CommitmentExceeded,
    CommitmentKind,
    CommitmentLine,
    CommitmentOpened,
    CommitmentRelieved,
    CommitmentReopened,
    CommitmentState,
    CommitmentSubmitted,
    Hold,
    InvoicedByAnother,
    ReliefReversed,
    RequisitionLine,
    RequisitionRaised,
    RequisitionWithdrawn,
)
from events.confidential import is_pay
from events.envelope import Recorded
from events.ids import (
    AccountCode,
    CommitmentId,
    PayableId,
    PersonId,
    RequisitionId,
    RoundId,
    SpendId,
    StreamId,
    VendorId,
)
from events.money import Amount, Currency, ExchangeRate, Money, rounded
from events.paying import QueryAnswered, QueryClosed, SpendQueried
from events.policy import RequestKind
from events.relief import Excess, Promise, added, held, sums
from events.spend import PaymentReleased, entries_of

from .projection import Projection, Rows, kind

#: By account.
Amounts = dict[AccountCode, Decimal]


class RequisitionState(StrEnum):
    """How a requisition stands."""

    #: It waits for its approvers; nothing is ordered of it yet.
    PENDING = "pending"
    OPEN = "open"
    #: Nothing is left of it: commitments took it over.
    ORDERED = "ordered"
    WITHDRAWN = "withdrawn"
    #: Its approvers turned it down.
    REFUSED = "refused"


class Payment(StrEnum):
    """Whether an entry that relieves may be paid."""

    FREE = "free"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RequisitionRow:
    """One requisition."""

    stream_id: StreamId
    number: int
    lines: tuple[RequisitionLine, ...]
    total: Decimal
    needed_on: date | None
    #: What it still holds.
    left: Amounts
    state: RequisitionState
    #: In which it was asked about.
    round: str | None
    raised_by: str
    on_behalf_of: str | None
    raised_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class CommitmentRow:
    """One commitment."""

    stream_id: StreamId
    commitment: str
    kind: CommitmentKind
    vendor: str
    requisition: str | None
    #: Of its lines.
    currency: str
    rate: ExchangeRate | None
    due_when: str | None
    lines: tuple[CommitmentLine, ...]
    #: In base currency.
    base_total: Decimal
    state: CommitmentState
    #: What was invoiced, account by account: in its currency, and in base currency.
    amounts: Amounts
    relieved: Amounts
    #: Taken over from its requisition, as long as that may have to be given back.
    taken: Amounts
    #: An amendment that waits for its approval.
    amendment: tuple[CommitmentLine, ...] | None
    #: The last round in which it was asked about.
    round: str | None
    beyond: tuple[Beyond, ...]
    drafted_by: str
    on_behalf_of: str | None
    drafted_at: datetime
    opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReliefRow:
    """An entry that is for a commitment, whether it relieves it or is beyond what was left."""

    stream_id: StreamId
    spend: str
    commitment: str
    #: In base currency, account by account.
    relieved: Amounts
    payment: Payment
    excess: Excess | None
    #: False once it was taken back; what was said of its payment is kept for an entry that is recoded.
    stands: bool


@dataclass(frozen=True, slots=True)
class QueriedRow:
    """A query that is open on an entry; it is not paid meanwhile, nor is its batch."""

    stream_id: StreamId
    query: str
    payable: str


KINDS = (
    kind("commitment_register_requisitions", RequisitionRow, "stream_id", "number"),
    kind("commitment_register_commitments", CommitmentRow, "stream_id", "commitment"),
    kind("commitment_register_reliefs", ReliefRow, "stream_id", "spend"),
    kind("commitment_register_queried", QueriedRow, "stream_id", "query"),
)

Reads = (
    CommitmentEvent
    | ApprovalRequested
    | ApprovedByPolicy
    | RequestApproved
    | RequestRejected
    | RequestRecalled
    | ChangesRequested
    | PaymentReleased
    | SpendQueried
    | QueryAnswered
    | QueryClosed
)


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, event, metadata = recorded.stream_id, recorded.event, recorded.metadata
    match event:
        case RequisitionRaised(requisition, lines, total, needed_on):
            said = (metadata.actor, metadata.on_behalf_of, metadata.at, metadata.reason)
            left = sums((line.account, line.amount) for line in lines)
            number, state = _number(requisition), RequisitionState.OPEN
            rows.put(RequisitionRow(stream, number, lines, total.amount, needed_on, left, state, None, *said))
        case RequisitionWithdrawn(requisition):
            asked = rows.one(RequisitionRow, stream, _number(requisition))
            rows.put(replace(asked, left={}, state=RequisitionState.WITHDRAWN))
        case CommitmentDrafted():
            _draft(rows, recorded, event)
        case CommitmentSubmitted(number, takes_over=taken, beyond=beyond):
            row = rows.one(CommitmentRow, stream, number)
            row = replace(row, state=CommitmentState.PENDING, taken=_by_account(taken), beyond=beyond)
            _take_over(rows, row, -1)
            rows.put(row)
        case CommitmentOpened(number):
            _change(rows, stream, number, state=CommitmentState.OPEN, taken={}, opened_at=metadata.at)
        case AmendmentSubmitted(number, lines=lines, beyond=beyond, takes_over=taken):
            row = rows.one(CommitmentRow, stream, number)
            row = replace(row, amendment=lines, taken=_by_account(taken), beyond=beyond)
            _take_over(rows, row, -1)
            rows.put(row)
        case CommitmentAmended(number, lines, _, base_total, state=state):
            now = {"lines": lines, "base_total": base_total.amount, "state": state}
            _change(rows, stream, number, **now, amendment=None, taken={})
        case CommitmentRelieved() | ReliefReversed():
            _relieve(rows, stream, event)
        case CommitmentExceeded(flag, number, spend, account, excess=excess):
            rows.put(replace(_relief(rows, stream, spend, number), excess=Excess(flag, account, excess)))
        case CommitmentCancelled(number):
            row = rows.one(CommitmentRow, stream, number)
            _take_over(rows, row, 1)
            rows.put(replace(row, state=CommitmentState.CANCELLED, taken={}, amendment=None))
        case CommitmentClosed(number):
            _change(rows, stream, number, state=CommitmentState.CLOSED_SHORT)
        case CommitmentReopened(number, beyond=beyond, state=state):
            _change(rows, stream, number, state=state, beyond=beyond)
        case ApprovalRequested(round=round_id, kind=RequestKind.COMMITMENT, subject=number):
            _change(rows, stream, number, round=round_id)
        case ApprovalRequested(round=round_id, kind=RequestKind.REQUISITION, subject=requisition):
            asked = rows.one(RequisitionRow, stream, _number(requisition))
            rows.put(replace(asked, state=RequisitionState.PENDING, round=round_id))
        case RequestApproved(kind=RequestKind.REQUISITION, subject=requisition):
            asked = rows.one(RequisitionRow, stream, _number(requisition))
            rows.put(replace(asked, state=RequisitionState.OPEN))
        case ApprovalRequested(kind=RequestKind.PAYMENT, subject=payable):
            _pay(rows, stream, payable, Payment.WAITING)
        case ApprovedByPolicy(kind=RequestKind.PAYMENT, subject=payable) | PaymentReleased(payable):
            _pay(rows, stream, payable, Payment.FREE)
        case SpendQueried(query, payable=payable):
            rows.put(QueriedRow(stream, query, payable))
        case QueryAnswered(query) | QueryClosed(query):
            rows.remove(QueriedRow, stream, query)
        case RequestRejected(subject=of) | RequestRecalled(subject=of) | ChangesRequested(subject=of):
            if of.startswith("REQ-"):
                _not_granted(rows, stream, event)
            else:
                _turned_down(rows, stream, event.round, of)
        case ApprovalRequested() | ApprovedByPolicy() | RequestApproved() | InvoicedByAnother():
            pass  # of something else; or a flag alone


def _number(requisition: RequisitionId) -> int:
    return int(requisition.removeprefix("REQ-"))


def _draft(rows: Rows, recorded: Recorded[Any], event: CommitmentDrafted) -> None:
    metadata = recorded.metadata
    rows.put(
        CommitmentRow(
            stream_id=recorded.stream_id,
            commitment=event.commitment,
            kind=event.kind,
            vendor=event.vendor,
            requisition=event.requisition,
            currency=event.currency,
            rate=event.rate,
            due_when=event.due_when,
            lines=event.lines,
            base_total=event.base_total.amount,
            state=CommitmentState.DRAFT,
            amounts={},
            relieved={},
            taken={},
            amendment=None,
            round=None,
            beyond=(),
            drafted_by=metadata.actor,
            on_behalf_of=metadata.on_behalf_of,
            drafted_at=metadata.at,
            opened_at=None,
        )
    )


def _change(rows: Rows, stream: StreamId, commitment: CommitmentId, **changes: Any) -> None:
    rows.put(replace(rows.one(CommitmentRow, stream, commitment), **changes))


def _take_over(rows: Rows, row: CommitmentRow, sign: int) -> None:
    """What a commitment takes over from its requisition, or gives back to it while that stands."""
    if row.requisition is None or not row.taken:
        return
    source = rows.one(RequisitionRow, row.stream_id, _number(row.requisition))
    if source.state is RequisitionState.WITHDRAWN:
        return
    left = added(source.left, {account: sign * amount for account, amount in row.taken.items()})
    state = RequisitionState.OPEN if any(left.values()) else RequisitionState.ORDERED
    rows.put(replace(source, left=left, state=state))


def _relieve(rows: Rows, stream: StreamId, event: CommitmentRelieved | ReliefReversed) -> None:
    row, spend = rows.one(CommitmentRow, stream, event.commitment), event.spend
    if isinstance(event, CommitmentRelieved):
        based, sign = _by_account(event.relieved), 1
        relief = _relief(rows, stream, spend, event.commitment)
        excess = None if event.clears else relief.excess
        rows.put(replace(relief, relieved=added(relief.relieved, based), excess=excess))
    else:
        based, sign = _by_account(event.restored), -1
        taken_back = _relief(rows, stream, spend, event.commitment)
        rows.put(replace(taken_back, relieved={}, excess=None, stands=False))
    amounts = {account: sign * amount for account, amount in _by_account(event.amounts).items()}
    based = {account: sign * amount for account, amount in based.items()}
    after = replace(row, amounts=added(row.amounts, amounts), relieved=added(row.relieved, based))
    rows.put(replace(after, state=event.state))


def _relief(rows: Rows, stream: StreamId, spend: SpendId, commitment: CommitmentId) -> ReliefRow:
    """The row of an entry that stands."""
    row = rows.get(ReliefRow, stream, spend) or ReliefRow(stream, spend, commitment, {}, Payment.FREE, None, True)
    return replace(row, stands=True)


def _pay(rows: Rows, stream: StreamId, payable: PayableId, payment: Payment) -> None:
    for spend in entries_of(payable):
        if (row := rows.get(ReliefRow, stream, spend)) is not None:
            rows.put(replace(row, payment=payment))


def _turned_down(rows: Rows, stream: StreamId, round_id: RoundId, subject: str) -> None:
    """A payment that is refused; or a commitment that is a draft again, or goes on without its amendment."""
    if subject.startswith("S-"):
        _pay(rows, stream, subject, Payment.REFUSED)
    row = rows.get(CommitmentRow, stream, subject)
    if row is None or row.round != round_id:
        return
    _take_over(rows, row, 1)
    if row.state is CommitmentState.PENDING:
        row = replace(row, state=CommitmentState.DRAFT, beyond=())
    rows.put(replace(row, amendment=None, taken={}))


def _not_granted(rows: Rows, stream: StreamId, event: RequestRejected | RequestRecalled | ChangesRequested) -> None:
    """A requisition that is refused, or was taken back: it holds nothing."""
    row = rows.one(RequisitionRow, stream, _number(event.subject))
    taken_back = isinstance(event, RequestRecalled)
    state = RequisitionState.WITHDRAWN if taken_back else RequisitionState.REFUSED
    rows.put(replace(row, left={}, state=state))


def _by_account(holds: Iterable[Hold]) -> Amounts:
    return {each.account: each.amount for each in holds}


PROJECTION = Projection("commitment_register", frozenset(get_args(Reads)), 4, KINDS, fold)


class OfAccount(BaseModel):
    """What a commitment is on one account, in base currency."""

    account: AccountCode
    total: Amount
    balance: Amount = Field(description="What is left of it: nothing of a draft, or of what is over.")
    held: Amount = Field(description="Taken of what is available: with what an amendment adds that waits.")


class CommitmentView(BaseModel):
    """A commitment; figures are in base currency unless they say so."""

    commitment: CommitmentId
    kind: CommitmentKind
    state: CommitmentState
    vendor: VendorId
    vendor_name: str
    requisition: RequisitionId | None = Field(description="Which asked for it.")
    amount: Money = Field(description="What was promised, in its currency.")
    rate: ExchangeRate | None
    due_when: str | None = Field(description="Of a deferment: what has to come in before it is paid.")
    lines: list[CommitmentLine]
    total: Amount = Field(description="in_progress + relieved + released + balance.")
    in_progress: Amount = Field(
        description="Invoiced, and not free to be paid: its payment is not released, or a query on it is open."
    )
    relieved: Amount = Field(description="Invoiced, and free to be paid.")
    released: Amount = Field(description="Not going to come: of what is cancelled or closed short; or by rates.")
    balance: Amount = Field(description="Still to come; of a draft and of what is pending, all of it.")
    held: Amount = Field(
        description="Taken of what is available: the balance, less what was invoiced beyond it, and with what an"
        " amendment adds that waits."
    )
    exceeded: Money = Field(
        description="Invoiced beyond what was left, in its currency; as soon as there is more left, relieved."
    )
    accounts: list[OfAccount]
    invoices: list[SpendId] = Field(description="The entries that were logged for it and stand.")
    amendment: list[CommitmentLine] | None = Field(description="Lines that wait for their approval.")
    round: RoundId | None = Field(description="In which it was asked about last.")
    beyond: list[Beyond] = Field(description="How far it went beyond what was available when it was submitted.")
    drafted_by: PersonId
    on_behalf_of: PersonId | None
    drafted_at: datetime
    opened_at: datetime | None


class RequisitionView(BaseModel):
    """A requisition, in base currency."""

    requisition: RequisitionId
    state: RequisitionState
    lines: list[RequisitionLine]
    total: Amount
    left: Amount = Field(description="What it still holds, while it waits for its approval as well.")
    round: RoundId | None = Field(description="In which it was asked about; none where the policy asks nobody.")
    needed_on: date | None
    raised_by: PersonId
    on_behalf_of: PersonId | None
    raised_at: datetime
    reason: str | None


class CommitmentRegister(BaseModel):
    """What is promised and what is asked to be, in the order of their numbers."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency = Field(description="The base currency, of all figures that do not say another one.")
    requisitioned: Amount = Field(
        description="Held by the requisitions that are shown, with those that wait for their approval."
    )
    pending: Amount = Field(description="Held by the commitments and amendments shown that wait for their approval.")
    committed: Amount = Field(description="Still to come of the commitments shown that are promised.")
    requisitions: list[RequisitionView]
    commitments: list[CommitmentView]
    withheld: str | None = Field(
        description="That deals and deferments, and what is on accounts whose figures are not shown to the reader, are"
        " left out, of every sum as well."
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of them are asked for."""

    state: CommitmentState | None = None
    kind: CommitmentKind | None = None
    vendor: VendorId | None = None
    account: AccountCode | None = None

    def has(self, row: CommitmentRow) -> bool:
        """Whether a commitment is one of them."""
        return (
            self.state in (None, row.state)
            and self.kind in (None, row.kind)
            and self.vendor in (None, row.vendor)
            and (self.account is None or any(line.account == self.account for line in row.lines))
        )

    def has_requisition(self, row: RequisitionRow) -> bool:
        """Whether a requisition is: one has no vendor, and none of the states and kinds of commitments."""
        other = (self.state, self.kind, self.vendor) != (None, None, None)
        return not other and (self.account is None or any(line.account == self.account for line in row.lines))


@dataclass(frozen=True, slots=True)
class StillToCome:
    """What is promised and not invoiced yet, in base currency."""

    commitment: CommitmentId
    vendor: VendorId
    account: AccountCode
    amount: Decimal


def still_to_come(rows: Rows, stream: StreamId) -> list[StillToCome]:
    """Of each commitment, account by account."""
    return [
        StillToCome(row.commitment, row.vendor, each.account, each.balance)
        for row in rows.of(CommitmentRow, stream)
        if row.state in LIVE
        for each in _accounts(row, ())
        if each.balance
    ]


def view(
    rows: Rows,
    stream: StreamId,
    version: int,
    position: int,
    currency: Currency,
    wanted: Wanted,
    names: Mapping[VendorId, str],
    shows: Callable[[Iterable[AccountCode] | None], bool],
    withheld: str | None,
) -> CommitmentRegister:
    """The answer from the rows.

    Args:
        names: of vendors, as the directory has them.
        shows: whether the reader may read the figures of accounts.
        withheld: what a reader is told who may not read everything.
    """
    nothing, reliefs = rounded(Decimal(0), currency), dict[CommitmentId, list[ReliefRow]]()
    queried = {spend for row in rows.of(QueriedRow, stream) for spend in entries_of(row.payable)}
    for relief in rows.of(ReliefRow, stream):
        relief = replace(relief, payment=Payment.WAITING) if relief.spend in queried else relief
        reliefs.setdefault(relief.commitment, []).append(relief)
    commitments = [
        _commitment(row if withheld is None else replace(row, beyond=()), reliefs.get(row.commitment, []), names)
        for row in rows.of(CommitmentRow, stream)
        if wanted.has(row) and shows(None if is_pay(row.commitment) else [line.account for line in row.lines])
    ]
    requisitions = [
        _requisition(row)
        for row in rows.of(RequisitionRow, stream)
        if wanted.has_requisition(row) and shows([line.account for line in row.lines])
    ]
    committed = sum((each.balance for each in commitments if each.state in LIVE), nothing)
    return CommitmentRegister(
        production=stream,
        version=version,
        position=position,
        currency=currency,
        requisitioned=sum((each.left for each in requisitions), nothing),
        pending=sum((each.held for each in commitments), nothing) - committed,
        committed=committed,
        requisitions=requisitions,
        commitments=commitments,
        withheld=withheld,
    )


def _commitment(row: CommitmentRow, entries: list[ReliefRow], names: Mapping[VendorId, str]) -> CommitmentView:
    reliefs = [each for each in entries if each.stands]
    nothing = row.base_total * 0
    relieved = sum(row.relieved.values(), nothing)
    waiting = (each for each in reliefs if each.payment is not Payment.FREE)
    in_progress = sum((sum(each.relieved.values(), nothing) for each in waiting), nothing)
    beyond = [each.excess for each in reliefs if each.excess and each.excess.amount.currency == row.currency]
    accounts = _accounts(row, beyond)
    is_draft = row.state is CommitmentState.DRAFT
    balance = row.base_total if is_draft else sum((each.balance for each in accounts), nothing)
    return CommitmentView(
        commitment=row.commitment,
        kind=row.kind,
        state=row.state,
        vendor=row.vendor,
        vendor_name=names.get(row.vendor, row.vendor),
        requisition=row.requisition,
        amount=Money(sum((line.amount for line in row.lines), Decimal(0)), row.currency),
        rate=row.rate,
        due_when=row.due_when,
        lines=list(row.lines),
        total=row.base_total,
        in_progress=in_progress,
        relieved=relieved - in_progress,
        released=row.base_total - relieved - balance,
        balance=balance,
        held=sum((each.held for each in accounts), nothing),
        exceeded=Money(sum((e.amount.amount for e in beyond), rounded(Decimal(0), row.currency)), row.currency),
        accounts=accounts,
        invoices=[each.spend for each in reliefs],
        amendment=None if row.amendment is None else list(row.amendment),
        round=row.round,
        beyond=list(row.beyond),
        drafted_by=row.drafted_by,
        on_behalf_of=row.on_behalf_of,
        drafted_at=row.drafted_at,
        opened_at=row.opened_at,
    )


def _accounts(row: CommitmentRow, excess: Iterable[Excess]) -> list[OfAccount]:
    """Account by account; those of an amendment that waits come after its own."""
    nothing, promise = row.base_total * 0, Promise.of(row.currency, row.lines, row.amounts, row.relieved)
    amended = None if row.amendment is None else promise.amended(row.amendment)
    holds, is_over = held(row.state, promise, amended, excess), row.state not in {*LIVE, CommitmentState.PENDING}
    return [
        OfAccount(
            account=code,
            total=promise.base.get(code, nothing),
            balance=nothing if is_over else promise.base_left.get(code, nothing),
            held=holds.get(code, nothing),
        )
        for code in {**promise.base, **holds}
    ]


def _requisition(row: RequisitionRow) -> RequisitionView:
    return RequisitionView(
        requisition=f"REQ-{row.number}",
        state=row.state,
        lines=list(row.lines),
        total=row.total,
        left=sum(row.left.values(), row.total * 0),
        round=row.round,
        needed_on=row.needed_on,
        raised_by=row.raised_by,
        on_behalf_of=row.on_behalf_of,
        raised_at=row.raised_at,
        reason=row.reason,
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken of what an account has available, beside what is spent."""

    #: Still to come of what is promised; held by what waits for its approval; held by requisitions.
    committed: Decimal
    pending: Decimal
    requisitioned: Decimal

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.committed + other.committed, self.pending + other.pending, self.requisitioned + other.requisitioned
        )


def taken(rows: Rows, stream: StreamId) -> list[tuple[CommitmentId | RequisitionId, AccountCode, Taken]]:
    """Of each commitment and requisition, account by account."""
    beyond: dict[CommitmentId, list[Excess]] = {}
    for relief in rows.of(ReliefRow, stream):
        if relief.excess is not None:
            beyond.setdefault(relief.commitment, []).append(relief.excess)
    found: list[tuple[CommitmentId | RequisitionId, AccountCode, Taken]] = []
    for row in rows.of(CommitmentRow, stream):
        excess = [each for each in beyond.get(row.commitment, []) if each.amount.currency == row.currency]
        for of in _accounts(row, excess):
            committed = of.balance if row.state in LIVE else of.balance * 0
            found.append((row.commitment, of.account, Taken(committed, of.held - committed, of.held * 0)))
    for asked in rows.of(RequisitionRow, stream):
        for account, amount in asked.left.items():
            found.append((f"REQ-{asked.number}", account, Taken(amount * 0, amount * 0, amount)))
    return [each for each in found if each[2] != Taken(Decimal(0), Decimal(0), Decimal(0))]


def of(rows: Rows, stream: StreamId, commitment: CommitmentId) -> CommitmentView | None:
    """One commitment, if it was drafted; its vendor by the id."""
    row = rows.get(CommitmentRow, stream, commitment)
    reliefs = [each for each in rows.of(ReliefRow, stream) if each.commitment == commitment]
    return None if row is None else _commitment(row, reliefs, {})
