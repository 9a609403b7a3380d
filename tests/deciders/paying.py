"""Queries, payments and reconciliations as people send them, and every way in which they are refused."""

from datetime import date
from decimal import Decimal
from typing import Any

from events.ids import PersonId
from events.paying import PaymentMethod
from events.policy import Approver, RequestKind, Rule, Step, When
from events.spend import SpendKind
from events.team import Role
from service.deciders.approval import Reject
from service.deciders.command import Command
from service.deciders.paying import (
    AmountPaidDoesNotFit,
    AnswerQuery,
    ApproverMayNotPay,
    NobodyIsPaidForIt,
    NobodyToAnswer,
    PaidOutOfAdvance,
    PaymentIsNotReleased,
    PaySpend,
    QueryAsksAnother,
    QueryIsClosed,
    QueryIsMissing,
    QueryIsOpen,
    QuerySpend,
    ReconcileSpend,
    SpendIsNotPaid,
    SpendIsNotReconciled,
    SpendIsReconciled,
    UndoReconciliation,
    VoidPayment,
)
from service.deciders.period import PeriodIsClosed
from service.deciders.rounds import Outcome
from service.deciders.spend import DifferenceStaysWithItsPayment, SpendIsMissing, SpendIsPaid, SpendIsReversed
from tests.deciders.advances import FLOAT, FLOATED, receipt_of
from tests.deciders.commitments import ruled
from tests.deciders.documents import DOLLARS, accrued
from tests.deciders.periods import DAY, WEEK, closes, opens
from tests.deciders.rounds import COVERED, PAYING, adopted, says
from tests.deciders.rung import WHY, Rung
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    AUDITOR,
    DIRECTOR,
    LINE_PRODUCER,
    LOCKED,
    PRODUCER,
    SPENT,
    STRANGER,
    TODAY,
    inr,
    reverse,
    spend,
)
from tests.spec import Story

QUESTION, ANSWER = "Which set is it for?", "For the temple."


def ask(number: str = "S-000001", person: PersonId | None = None) -> QuerySpend:
    return QuerySpend(spend=number, person=person, question=QUESTION)


def answer(query: str = "Q-1") -> AnswerQuery:
    return AnswerQuery(query=query, answer=ANSWER)


def pay(number: str = "S-000001", amount: str | None = None, **more: Any) -> PaySpend:
    details: dict[str, Any] = {"paid_on": TODAY, "method": PaymentMethod.TRANSFER, "reference": "NEFT 42"}
    return PaySpend(spend=number, amount=None if amount is None else Decimal(amount), **(details | more))


def void(number: str = "S-000001") -> VoidPayment:
    return VoidPayment(spend=number, posted_on=TODAY, reason="The bank returned it.")


def reconcile(number: str = "S-000001", line: str = "118") -> ReconcileSpend:
    return ReconcileSpend(spend=number, statement="HDFC 2026-11", line=line, found_on=date(2026, 11, 30))


def undo(number: str = "S-000001") -> UndoReconciliation:
    return UndoReconciliation(spend=number, reason="That line was the next invoice.")


SOUND: tuple[Command, ...] = (ask(), answer(), pay(), void(), reconcile(), undo())


def closed(story: Story, cost: str) -> Story:
    """The same, and the week up to today is closed at that cost."""
    return [*story, (ACCOUNTANT, opens(TODAY, TODAY - WEEK + DAY)), (ACCOUNTANT, closes(1, cost))]


#: 100 dollars, booked at 80.
IN_DOLLARS: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "100", "KS-1", currency="USD", rate=DOLLARS))]
#: For which 8,130.50 left the bank.
DEARER: Story = [*IN_DOLLARS, (ACCOUNTANT, pay(amount="8130.50"))]
PAID: Story = [*SPENT, (ACCOUNTANT, pay())]
FOUND: Story = [*PAID, (ACCOUNTANT, reconcile())]
QUERIED: Story = [*SPENT, (PRODUCER, ask())]
ANSWERED: Story = [*QUERIED, (LINE_PRODUCER, answer())]
_ACCOUNTANTS = Step((Approver(Role.ACCOUNTANT),))
TO_ACCOUNTANTS = ruled(Rule("Payments", When((RequestKind.PAYMENT,)), (_ACCOUNTANTS,)))
#: A payment that one of two accountants released, in A-3.
RELEASED_BY_AN_ACCOUNTANT: Story = says(
    [*adopted(COVERED, TO_ACCOUNTANTS), (LINE_PRODUCER, spend(ART, "60000", "KS-1"))], ACCOUNTANT, "A-3"
)

_CLOSED = PeriodIsClosed(TODAY, "PER-1", TODAY + DAY)

_IS_PAID = SpendIsPaid("S-000001", TODAY, inr("50000"), "NEFT 42")
_IS_REVERSED = SpendIsReversed("S-000003", "6700", inr("5000"))
_IS_OPEN = QueryIsOpen("Q-1", "S-000001", (LINE_PRODUCER,))
_UNPAID = SpendIsNotPaid("S-000001", inr("50000"))

RUNGS: list[Rung] = [
    Rung(
        "ReverseSpend: of an exchange difference",
        DEARER,
        ACCOUNTANT,
        reverse("S-000002"),
        DifferenceStaysWithItsPayment("S-000002", inr("130.50")),
    ),
    Rung("ReverseSpend: of what is paid", PAID, ACCOUNTANT, reverse("S-000001"), _IS_PAID),
    Rung("QuerySpend: no such entry", SPENT, PRODUCER, ask("S-000009"), SpendIsMissing("S-000009")),
    Rung("QuerySpend: of what is reversed", SPENT, PRODUCER, ask("S-000003"), _IS_REVERSED),
    Rung("QuerySpend: a second one at a time", QUERIED, ACCOUNTANT, ask(), _IS_OPEN),
    Rung(
        "QuerySpend: asking an auditor",
        SPENT,
        PRODUCER,
        ask(person=AUDITOR),
        NobodyToAnswer("S-000001", (AUDITOR,)),
    ),
    Rung(
        "QuerySpend: asking somebody without a role",
        SPENT,
        PRODUCER,
        ask(person=STRANGER),
        NobodyToAnswer("S-000001", (STRANGER,)),
    ),
    Rung("AnswerQuery: none", SPENT, LINE_PRODUCER, answer(), QueryIsMissing("Q-1")),
    Rung("AnswerQuery: once more", ANSWERED, LINE_PRODUCER, answer(), QueryIsClosed("Q-1", "S-000001")),
    Rung(
        "AnswerQuery: another's",
        QUERIED,
        DIRECTOR,
        answer(),
        QueryAsksAnother("Q-1", "S-000001", (LINE_PRODUCER,), DIRECTOR),
    ),
    Rung("PaySpend: no such entry", SPENT, ACCOUNTANT, pay("S-000009"), SpendIsMissing("S-000009")),
    Rung("PaySpend: of what is reversed", SPENT, ACCOUNTANT, pay("S-000003"), _IS_REVERSED),
    Rung(
        "PaySpend: of an accrual",
        [*LOCKED, (ACCOUNTANT, accrued(ART, "1000"))],
        ACCOUNTANT,
        pay(),
        NobodyIsPaidForIt("S-000001", inr("1000"), SpendKind.ACCRUAL),
    ),
    Rung(
        "PaySpend: of an exchange difference",
        DEARER,
        ACCOUNTANT,
        pay("S-000002"),
        NobodyIsPaidForIt("S-000002", inr("130.50"), SpendKind.EXCHANGE_DIFFERENCE),
    ),
    Rung(
        "PaySpend: of what was paid out of a float",
        [*FLOATED, (LINE_PRODUCER, receipt_of("100"))],
        ACCOUNTANT,
        pay(),
        PaidOutOfAdvance("S-000001", inr("100.00"), FLOAT),
    ),
    Rung("PaySpend: a second time", PAID, ACCOUNTANT, pay(), _IS_PAID),
    Rung("PaySpend: while it is queried", QUERIED, ACCOUNTANT, pay(), _IS_OPEN),
    Rung(
        "PaySpend: while its approval is missing",
        PAYING,
        ACCOUNTANT,
        pay(),
        PaymentIsNotReleased("S-000001", inr("60000"), "A-3", Outcome.OPEN, (PRODUCER, "tara")),
    ),
    Rung(
        "PaySpend: once it was refused",
        says(PAYING, PRODUCER, "A-3", Reject, words=WHY),
        ACCOUNTANT,
        pay(),
        PaymentIsNotReleased("S-000001", inr("60000"), "A-3", Outcome.REJECTED, ()),
    ),
    Rung(
        "PaySpend: by who approved it",
        RELEASED_BY_AN_ACCOUNTANT,
        ACCOUNTANT,
        pay(),
        ApproverMayNotPay((ACCOUNTANT,), "A-3", "S-000001", inr("60000")),
    ),
    Rung(
        "PaySpend: dollars without what left the bank",
        IN_DOLLARS,
        ACCOUNTANT,
        pay(),
        AmountPaidDoesNotFit("S-000001", "USD", inr("8000"), None, "INR"),
    ),
    Rung(
        "PaySpend: rupees with what left the bank",
        SPENT,
        ACCOUNTANT,
        pay(amount="50000"),
        AmountPaidDoesNotFit("S-000001", "INR", inr("50000"), Decimal(50000), "INR"),
    ),
    Rung(
        "PaySpend: a tenth of a paisa",
        IN_DOLLARS,
        ACCOUNTANT,
        pay(amount="8000.001"),
        AmountPaidDoesNotFit("S-000001", "USD", inr("8000"), Decimal("8000.001"), "INR"),
    ),
    Rung("VoidPayment: no such entry", SPENT, ACCOUNTANT, void("S-000009"), SpendIsMissing("S-000009")),
    Rung("VoidPayment: of what is reversed", SPENT, ACCOUNTANT, void("S-000003"), _IS_REVERSED),
    Rung("VoidPayment: of what is not paid", SPENT, ACCOUNTANT, void(), _UNPAID),
    Rung("ReconcileSpend: no such entry", SPENT, ACCOUNTANT, reconcile("S-000009"), SpendIsMissing("S-000009")),
    Rung("ReconcileSpend: of what is reversed", SPENT, ACCOUNTANT, reconcile("S-000003"), _IS_REVERSED),
    Rung("ReconcileSpend: of what is not paid", SPENT, ACCOUNTANT, reconcile(), _UNPAID),
    Rung(
        "ReconcileSpend: a second time",
        FOUND,
        ACCOUNTANT,
        reconcile(line="9"),
        SpendIsReconciled("S-000001", "118", "HDFC 2026-11"),
    ),
    Rung("UndoReconciliation: no such entry", SPENT, ACCOUNTANT, undo("S-000009"), SpendIsMissing("S-000009")),
    Rung("UndoReconciliation: of what is reversed", SPENT, ACCOUNTANT, undo("S-000003"), _IS_REVERSED),
    Rung("UndoReconciliation: of what is not paid", SPENT, ACCOUNTANT, undo(), _UNPAID),
    Rung(
        "UndoReconciliation: of what was not found",
        PAID,
        ACCOUNTANT,
        undo(),
        SpendIsNotReconciled("S-000001", inr("50000")),
    ),
    Rung(
        "PaySpend: an exchange difference in what is closed",
        closed(IN_DOLLARS, "8000"),
        ACCOUNTANT,
        pay(amount="8130.50"),
        _CLOSED,
    ),
    Rung(
        "VoidPayment: an exchange difference in what is closed", closed(DEARER, "8130.50"), ACCOUNTANT, void(), _CLOSED
    ),
]
