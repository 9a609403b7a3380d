"""Paying: what becomes of an entry after it was logged, until the bank's statement shows it.

queried -> answered | closed, again and again
paid -> reconciled; each of them may be undone, with a reason

Y1  Whoever answers for money asks about an entry: somebody who is named, or whoever logged it, who may answer here. One
    query at a time is open on an entry.
Y2  It is answered by whom it asks, or by whoever logged the entry; an accountant or who asked may close it instead. The
    reversal of the entry closes it.
Y3  What is paid at once is paid whole, and once: an entry that somebody is paid for, or the batch that it is in; of
    what was paid out of an advance, what is owed beyond that. It is paid when no query on it is open, and when the
    policy's approval is there, where the policy asked for one.
Y4  Payer and approver are two: who approved a payment, or gave away who does, does not record that it was paid, and who
    recorded that does not approve it afterwards.
Y5  What left the bank for an entry in another currency, beyond what was booked, is an exchange difference: an entry of
    its own, below zero where less left the bank. It stays with its payment, and is taken back with it.
Y6  What was paid is not reversed, since the money is gone: it is voided first, if it did not go through.
Y7  A payment is found on one line of a statement. A payment that is voided is on none.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import ClassVar, TypeVar

from immutables import Map
from pydantic import Field

from events.approval import ApprovalEvent, ApprovalRequested, ApprovedByPolicy
from events.envelope import Metadata
from events.ids import AccountCode, AdvanceId, FlagId, Memo, PayableId, PersonId, QueryId, RoundId, SpendId, Text
from events.money import Currency, Money, PositiveAmount, exact, rounded
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
from events.spend import PaymentReleased, SpendEvent, SpendKind, SpendLogged, entries_of
from events.team import Role

from .advance import Advances
from .command import Command, Day
from .period import PeriodIsClosed
from .refusal import Conflicting, Forbidden, Missing
from .rounds import Approvals, Circumstances, Outcome
from .spend import (
    NOT_PAID,
    Entry,
    Measure,
    PostedBeforeEntry,
    Spending,
    SpendIsMissing,
    SpendIsPaid,
    SpendIsReversed,
    live,
    number_of,
    post_difference,
)

V = TypeVar("V")


@dataclass
class QueryIsOpen(Conflicting):
    """{query} on {spend} is open, and asks {asked}."""

    rule = "Y1"
    otherwise = "{asked} may answer it; an accountant or who asked may close it, with a reason."
    query: QueryId
    spend: SpendId
    asked: tuple[PersonId, ...]


@dataclass
class NobodyToAnswer(Conflicting):
    """{asked} may answer no query about {spend}: they hold no role on this production today that does."""

    rule = "Y1"
    otherwise = "Ask somebody else by `person`; every role but the auditor's answers."
    spend: SpendId
    asked: tuple[PersonId, ...]


@dataclass
class QueryIsMissing(Missing):
    """The production has no query {query}."""

    rule = "Y2"
    otherwise = "Look up the queries in the inbox, or in the spend register."
    query: QueryId


@dataclass
class QueryIsClosed(Conflicting):
    """{query} on {spend} is answered or closed already."""

    rule = "Y2"
    otherwise = "Whoever answers for money may ask again."
    query: QueryId
    spend: SpendId


@dataclass
class QueryAsksAnother(Forbidden):
    """{query} on {spend} asks {asked}, not {person}."""

    rule = "Y2"
    otherwise = "They may answer it, or whoever logged the entry; an accountant or who asked may close it."
    query: QueryId
    spend: SpendId
    asked: tuple[PersonId, ...]
    person: PersonId


@dataclass
class NobodyIsPaidForIt(Conflicting):
    """{spend}, {cost}, is {kind}: nobody is paid for it."""

    rule = "Y3"
    otherwise = "Pay the invoice that takes the place of an accrual, and the entry that a difference is of."
    spend: SpendId
    cost: Money
    kind: SpendKind


@dataclass
class PaidOutOfAdvance(Conflicting):
    """{spend}, {cost}, was paid out of {advance}, and nothing is owed beyond that."""

    rule = "Y3"
    otherwise = "Nothing is to be done; an accountant or a line producer may reverse it, if it was paid otherwise."
    spend: SpendId
    cost: Money
    advance: AdvanceId


@dataclass
class PaymentIsNotReleased(Conflicting):
    """{spend}, {owed}, is not released for payment: {round} is {outcome}, and waits for {waits_for}."""

    rule = "Y3"
    otherwise = (
        "Whoever {round} waits for may approve it; an accountant or a line producer may ask again for what was turned"
        " down (`request-payment`)."
    )
    spend: SpendId
    owed: Money
    round: RoundId
    outcome: Outcome
    waits_for: tuple[PersonId, ...]


@dataclass
class ApproverMayNotPay(Forbidden):
    """{person} had a hand in approving {round} on {payable}, {owed}, and may not record that it was paid."""

    rule = "Y4"
    otherwise = "Another accountant may record it; an executive producer appoints one."
    person: tuple[PersonId, ...]
    round: RoundId
    payable: PayableId
    owed: Money


@dataclass
class AmountPaidDoesNotFit(Conflicting):
    """{payable}, spent in {currency}, {owed}, cannot be paid by the amount sent, {amount}, in {base}."""

    rule = "Y5"
    otherwise = "Send what left the bank for an entry in another currency, and no amount for one in base currency."
    payable: PayableId
    currency: Currency
    owed: Money
    amount: Decimal | None
    base: Currency


@dataclass
class SpendIsNotPaid(Conflicting):
    """{spend}, {cost}, is not recorded as paid."""

    rule = "Y7"
    otherwise = "An accountant records that it was paid, once it was."
    spend: SpendId
    cost: Money


@dataclass
class SpendIsReconciled(Conflicting):
    """{spend} was found on line {line} of {statement} already."""

    rule = "Y7"
    otherwise = "An accountant may undo that (`undo-reconciliation`), if the line was another payment's."
    spend: SpendId
    line: str
    statement: str


@dataclass
class SpendIsNotReconciled(Conflicting):
    """{spend}, {cost}, is not found on any statement."""

    rule = "Y7"
    otherwise = "An accountant records where a payment was found."
    spend: SpendId
    cost: Money


class QuerySpend(Command):
    """Whoever answers for money asks something about an entry, which is not paid before there is an answer."""

    refusals = (SpendIsMissing, SpendIsReversed, QueryIsOpen, NobodyToAnswer)
    example: ClassVar = {"spend": "S-000001", "question": "Which set are the models for?"}

    spend: SpendId
    person: PersonId | None = Field(None, description="Whom it asks; without it, whoever logged the entry.")
    question: Memo


class AnswerQuery(Command):
    """Whom a query asks, or whoever logged the entry, answers it; an accountant or who asked closes it."""

    refusals = (QueryIsMissing, QueryIsClosed, QueryAsksAnother)
    example: ClassVar = {"query": "Q-1", "answer": "For the temple, as budgeted."}

    query: QueryId
    answer: Memo = Field(description="Or why it is closed without one.")


class PaySpend(Command):
    """An accountant records that an entry was paid, or all of the batch that it is in."""

    refusals = (
        *(SpendIsMissing, SpendIsReversed, NobodyIsPaidForIt, PaidOutOfAdvance, SpendIsPaid, QueryIsOpen),
        *(PaymentIsNotReleased, ApproverMayNotPay, AmountPaidDoesNotFit, PeriodIsClosed),
    )
    example: ClassVar = {
        "spend": "S-000001",
        "paid_on": "2026-11-23",
        "method": "transfer",
        "reference": "NEFT 2026-11-23 0042",
    }

    spend: SpendId
    paid_on: Day
    method: PaymentMethod
    reference: Text = Field(description="The bank's, the number of the cheque, or that of the receipt.")
    amount: PositiveAmount | None = Field(
        None,
        description="What left the bank, in base currency: for what was spent in another one, and only for that; none"
        " where nothing is owed.",
    )
    account: AccountCode | None = Field(
        None, description="On which the exchange difference is posted; without it, on the entry's own."
    )
    posted_on: Day | None = Field(
        None, description="When the exchange difference is posted; without it, the day of the payment."
    )


class VoidPayment(Command):
    """An accountant takes back that something was paid, since the payment did not go through."""

    refusals = (SpendIsMissing, SpendIsReversed, SpendIsNotPaid, PostedBeforeEntry, PeriodIsClosed)
    example: ClassVar = {"spend": "S-000001", "posted_on": "2026-11-25", "reason": "The bank returned it."}

    spend: SpendId = Field(description="Any entry of what was paid at once.")
    posted_on: Day = Field(description="When its exchange difference is taken back, if it has one.")
    reason: Memo


class ReconcileSpend(Command):
    """An accountant records where on a statement of the bank a payment was found."""

    refusals = (SpendIsMissing, SpendIsReversed, SpendIsNotPaid, SpendIsReconciled)
    example: ClassVar = {
        "spend": "S-000001",
        "statement": "HDFC 2026-11",
        "line": "118",
        "found_on": "2026-11-30",
    }

    spend: SpendId = Field(description="Any entry of what was paid at once.")
    statement: Text = Field(description="As the bank calls it.")
    line: Text
    found_on: Day = Field(description="The day that the line is of.")


class UndoReconciliation(Command):
    """An accountant takes back where a payment was found, since the line was another payment's."""

    refusals = (SpendIsMissing, SpendIsReversed, SpendIsNotPaid, SpendIsNotReconciled)
    example: ClassVar = {"spend": "S-000001", "reason": "That line was the next invoice."}

    spend: SpendId = Field(description="Any entry of what was paid at once.")
    reason: Memo


PayingCommand = QuerySpend | AnswerQuery | PaySpend | VoidPayment | ReconcileSpend | UndoReconciliation


@dataclass(frozen=True, slots=True)
class Query:
    """What decisions remember of a query."""

    spend: SpendId
    asked: tuple[PersonId, ...]
    #: Who asked.
    by: frozenset[PersonId]
    open: bool = True


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment, and where it was found."""

    payable: PayableId
    #: With the exchange difference.
    entries: tuple[SpendId, ...]
    paid_on: date
    amount: Money
    reference: str
    difference: SpendId | None
    difference_of: SpendId | None
    #: Who recorded it.
    by: frozenset[PersonId]
    #: The statement and its line, once it is found.
    found: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Paying:
    """What became of the entries of a production."""

    queries: Map[QueryId, Query] = Map()
    #: The query that is open on an entry.
    open: Map[SpendId, QueryId] = Map()
    #: By entry, what it was paid with; of an exchange difference, too.
    paid: Map[SpendId, Paid] = Map()
    #: The round without which an entry is not paid: open, or turned down.
    held: Map[SpendId, RoundId] = Map()

    def payers(self, payable: PayableId) -> frozenset[PersonId]:
        """Who recorded that it was paid."""
        return frozenset().union(*(self.paid[spend].by for spend in entries_of(payable) if spend in self.paid))


def query_spend(
    command: QuerySpend, spending: Spending, paying: Paying, answering: Collection[PersonId]
) -> list[PayingEvent]:
    """Y1.

    Args:
        answering: who may answer queries on the production today.
    """
    entry = live(command.spend, spending)
    _unqueried([command.spend], paying)
    asked = sorted(entry.logged_by) if command.person is None else [command.person]
    able = tuple(person for person in asked if person in answering)
    if not able:
        raise NobodyToAnswer(command.spend, tuple(asked))
    number, payable = f"Q-{len(paying.queries) + 1}", spending.payable(command.spend)
    return [SpendQueried(number, command.spend, payable, able, command.question)]


def answer_query(
    command: AnswerQuery, spending: Spending, paying: Paying, roles: Collection[Role], metadata: Metadata
) -> list[PayingEvent]:
    """Y2."""
    query, person = paying.queries.get(command.query), metadata.actor
    if query is None:
        raise QueryIsMissing(command.query)
    if not query.open:
        raise QueryIsClosed(command.query, query.spend)
    if person in {*query.asked, *spending.entries[query.spend].logged_by}:
        return [QueryAnswered(command.query, query.spend, command.answer)]
    if person in query.by or Role.ACCOUNTANT in roles:
        return [QueryClosed(command.query, query.spend, command.answer)]
    raise QueryAsksAnother(command.query, query.spend, query.asked, person)


def ended_by_reversal(spend: SpendId, paying: Paying) -> list[PayingEvent]:
    """Y2: the query on an entry that is reversed is closed."""
    query = paying.open.get(spend)
    return [] if query is None else [QueryClosed(query, spend, f"{spend} is reversed")]


def unpaid(spend: SpendId, paying: Paying) -> None:
    """Y6: refuse what is not done with an entry that was paid."""
    if (payment := paying.paid.get(spend)) is not None:
        raise SpendIsPaid(spend, payment.paid_on, payment.amount, payment.reference)


def pay_spend(
    command: PaySpend,
    spending: Spending,
    paying: Paying,
    advances: Advances,
    approvals: Approvals,
    around: Circumstances,
    measure: Measure | None,
    metadata: Metadata,
    flags: Iterator[FlagId],
) -> list[PayingEvent | SpendEvent]:
    """Y3 to Y5."""
    entry = live(command.spend, spending)
    if entry.kind in NOT_PAID:
        raise NobodyIsPaidForIt(command.spend, entry.cost, entry.kind)
    payable = spending.payable(command.spend)
    at_once = spending.paid_at_once(payable).items()
    due = {spend: advances.due(spend, each).amount for spend, each in at_once if not advances.paid_for(spend)}
    if not due:
        raise PaidOutOfAdvance(command.spend, entry.cost, advances.of[command.spend])
    for spend in due:
        unpaid(spend, paying)
    _unqueried(due, paying)
    booked = Money(sum(due.values(), Decimal(0)), entry.paid.currency)
    owed = Money(due.get(command.spend, entry.paid.amount * 0), booked.currency)
    _released(command.spend, owed, paying, approvals, around)
    _approved_by_others(payable, booked, approvals, metadata)
    amount = _left_the_bank(command, payable, entry, booked)
    posted = _difference(command, entry, Money(amount.amount - booked.amount, booked.currency), spending)
    paid = SpendPaid(
        payable=payable,
        entries=tuple(due),
        paid_on=command.paid_on,
        method=command.method,
        reference=command.reference,
        booked=booked,
        amount=amount,
        difference=None if posted is None else posted.spend,
        difference_of=None if posted is None else command.spend,
    )
    return [paid, *([] if posted is None else post_difference(posted, spending, measure, flags))]


def void_payment(command: VoidPayment, spending: Spending, paying: Paying) -> tuple[PaymentVoided, SpendId | None]:
    """Y5, Y6: the payment is taken back; and the exchange difference that goes with it."""
    payment = _payment(command.spend, spending, paying)
    what, of = (payment.payable, payment.entries, payment.amount), payment.difference_of
    return PaymentVoided(*what, payment.difference, of), payment.difference


def reconcile_spend(command: ReconcileSpend, spending: Spending, paying: Paying) -> list[PayingEvent]:
    """Y7."""
    payment = _payment(command.spend, spending, paying)
    if payment.found is not None:
        statement, line = payment.found
        raise SpendIsReconciled(command.spend, line, statement)
    where = (command.statement, command.line, command.found_on)
    return [SpendReconciled(payment.payable, payment.entries, *where)]


def undo_reconciliation(command: UndoReconciliation, spending: Spending, paying: Paying) -> list[PayingEvent]:
    """Y7."""
    payment = _payment(command.spend, spending, paying)
    if payment.found is None:
        raise SpendIsNotReconciled(command.spend, spending.entries[command.spend].cost)
    return [ReconciliationUndone(payment.payable, payment.entries, *payment.found)]


def evolve(paying: Paying, event: PayingEvent, metadata: Metadata) -> Paying:
    """What became of the entries after the event."""
    match event:
        case SpendQueried(number, spend, _, asked):
            query = Query(spend, asked, metadata.persons)
            return replace(paying, queries=paying.queries.set(number, query), open=paying.open.set(spend, number))
        case QueryAnswered(number, spend) | QueryClosed(number, spend):
            closed = replace(paying.queries[number], open=False)
            return replace(paying, queries=paying.queries.set(number, closed), open=paying.open.delete(spend))
        case SpendPaid():
            payment = _recorded(event, metadata)
            return replace(paying, paid=paying.paid.update(dict.fromkeys(payment.entries, payment)))
        case PaymentVoided(entries=entries):
            return replace(paying, paid=_without(paying.paid, entries))
        case SpendReconciled(entries=entries, statement=statement, line=line):
            found = replace(paying.paid[entries[0]], found=(statement, line))
            return replace(paying, paid=paying.paid.update(dict.fromkeys(entries, found)))
        case ReconciliationUndone(entries=entries):
            unfound = replace(paying.paid[entries[0]], found=None)
            return replace(paying, paid=paying.paid.update(dict.fromkeys(entries, unfound)))


def asked(paying: Paying, event: ApprovalEvent | PaymentReleased) -> Paying:
    """Y3: the same after what the policy says of paying something; the end of a round leaves held what it held."""
    match event:
        case ApprovalRequested(round=number, kind=RequestKind.PAYMENT, subject=payable):
            return replace(paying, held=paying.held.update(dict.fromkeys(entries_of(payable), number)))
        case ApprovedByPolicy(kind=RequestKind.PAYMENT, subject=payable):
            return replace(paying, held=_without(paying.held, entries_of(payable)))
        case PaymentReleased(spend):
            return replace(paying, held=_without(paying.held, (spend,)))
        case _:
            return paying  # of something else, or on its way


def _unqueried(entries: Iterable[SpendId], paying: Paying) -> None:
    for spend in entries:
        if (query := paying.open.get(spend)) is not None:
            raise QueryIsOpen(query, spend, paying.queries[query].asked)


def _released(spend: SpendId, owed: Money, paying: Paying, approvals: Approvals, around: Circumstances) -> None:
    if (number := paying.held.get(spend)) is None:
        return
    round_ = approvals.rounds[number]
    waits_for = around.waits_for(round_) if round_.outcome is Outcome.OPEN else ()
    raise PaymentIsNotReleased(spend, owed, number, round_.outcome, waits_for)


def _approved_by_others(payable: PayableId, owed: Money, approvals: Approvals, metadata: Metadata) -> None:
    for number, each in approvals.about(RequestKind.PAYMENT, payable):
        if each.outcome is not Outcome.APPROVED:
            continue
        approved = each.dealers.union(*(vote.persons for vote in each.votes if vote.approves))
        if both := metadata.persons & approved:
            raise ApproverMayNotPay(tuple(sorted(both)), number, payable, owed)


def _left_the_bank(command: PaySpend, payable: PayableId, entry: Entry, booked: Money) -> Money:
    """Y5: what left the bank, in base currency."""
    currency, base = entry.likeness[3], booked.currency
    if command.amount is None and (currency == base or not booked.amount):
        return booked
    try:
        if command.amount is None or currency == base:
            raise ValueError("sent where there is none to send, or not sent")
        return Money(exact(command.amount, base), base)
    except ValueError:
        raise AmountPaidDoesNotFit(payable, currency, booked, command.amount, base) from None


def _difference(command: PaySpend, entry: Entry, beyond: Money, spending: Spending) -> SpendLogged | None:
    """Y5: what left the bank beyond what was booked, as an entry in base currency."""
    if not beyond.amount:
        return None
    nothing = rounded(Decimal(0), beyond.currency)  # which has no sign
    return SpendLogged(
        spend=number_of(len(spending.entries) + 1),
        account=command.account or entry.account,
        currency=beyond.currency,
        net=beyond.amount,
        tax=nothing,
        recoverable_tax=nothing,
        rate=None,
        cost=beyond,
        vendor=entry.likeness[0],
        spent_on=command.paid_on,
        posted_on=command.posted_on or command.paid_on,
        kind=SpendKind.EXCHANGE_DIFFERENCE,
        document=command.reference,
        receipt_sha256=None,
        memo=None,
        batch=None,
        withheld=nothing,
        fringe=False,
        clears=(),
    )


def _recorded(event: SpendPaid, metadata: Metadata) -> Paid:
    return Paid(
        payable=event.payable,
        entries=event.entries if event.difference is None else (*event.entries, event.difference),
        paid_on=event.paid_on,
        amount=event.amount,
        reference=event.reference,
        difference=event.difference,
        difference_of=event.difference_of,
        by=metadata.persons,
    )


def _payment(spend: SpendId, spending: Spending, paying: Paying) -> Paid:
    entry = live(spend, spending)
    if (payment := paying.paid.get(spend)) is None:
        raise SpendIsNotPaid(spend, entry.cost)
    return payment


def _without(known: Map[SpendId, V], gone: Iterable[SpendId]) -> Map[SpendId, V]:
    for spend in gone:
        known = known.delete(spend) if spend in known else known
    return known
