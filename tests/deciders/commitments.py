"""Requisitions and commitments as people send them, and every way in which they are refused."""

from decimal import Decimal
from typing import Any

from events.commitment import CommitmentKind, CommitmentState
from events.ids import AccountCode, PersonId
from events.money import ExchangeRate, Money
from events.policy import Approver, Policy, RequestKind, Rule, Step, When
from events.team import Role
from service.deciders.approval import Reject
from service.deciders.command import Command
from service.deciders.commitment import (
    AmendCommitment,
    AmendedBelowInvoices,
    AmendmentIsPending,
    CancelCommitment,
    CloseCommitment,
    CommitmentIsMissing,
    CommitmentIsNot,
    CommitmentLineDoesNotFit,
    CommitmentRateDoesNotConvert,
    ContingencyTakesNoCommitment,
    DraftCommitment,
    KindIsAnother,
    LineOfCommitment,
    LineOfRequisition,
    RaiseRequisition,
    RateIsTooLow,
    ReopenCommitment,
    RequisitionIsMissing,
    RequisitionIsWithdrawn,
    SubmitCommitment,
    WithdrawRequisition,
)
from service.deciders.control import BeyondWhatIsAvailable, ControlIsNotYours
from service.deciders.estimate import EstimateDoesNotFit, EstimateFinalCost, NothingToEstimate
from service.deciders.requisition import (
    AccountsAreAnothers,
    BeyondWhatIsShown,
    RequisitionIsAnothers,
    RequisitionIsPending,
    RequisitionIsRefused,
)
from service.deciders.spend import LogSpend
from service.deciders.submission import SubmitBudget
from service.deciders.team import Appoint
from tests.deciders.rounds import COVERED, EP, adopted, says
from tests.deciders.rung import WHY, Rung
from tests.deciders.stories import (
    ART,
    CONTINGENCY,
    DEPARTMENT_HEAD,
    EDITING,
    FIRST_DAY,
    FUNDED,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    PRODUCER,
    approve,
    budget,
    inr,
    spend,
)
from tests.spec import Story

ORDERS = When((RequestKind.COMMITMENT,))
EUROS = ExchangeRate("EUR", "INR", Decimal(90))


def requisition(*lines: tuple[AccountCode, str], **more: Any) -> RaiseRequisition:
    asked_for = [LineOfRequisition(account=code, amount=Decimal(amount), what="Timber") for code, amount in lines]
    return RaiseRequisition(lines=tuple(asked_for), **more)


def _lines(lines: tuple[tuple[AccountCode, str], ...]) -> tuple[LineOfCommitment, ...]:
    return tuple(LineOfCommitment(account=code, amount=Decimal(amount), what="Timber") for code, amount in lines)


def order(*lines: tuple[AccountCode, str], **more: Any) -> DraftCommitment:
    return DraftCommitment(**({"currency": "INR", "vendor": "kala-sets", "lines": _lines(lines)} | more))


def amend(*lines: tuple[AccountCode, str], commitment: str = "PO-0001", **more: Any) -> AmendCommitment:
    return AmendCommitment(commitment=commitment, lines=_lines(lines), reason=WHY, **more)


def submit(number: int = 1, **more: Any) -> SubmitCommitment:
    return SubmitCommitment(commitment=f"PO-{number:04}", **more)


def bought(*lines: tuple[AccountCode, str], number: int = 1, **more: Any) -> Story:
    """An order, drafted and submitted."""
    return [(LINE_PRODUCER, order(*lines, **more)), (LINE_PRODUCER, submit(number))]


def invoice(
    amount: str, document: str = "KS-1", commitment: str = "PO-0001", code: AccountCode = ART, **more: Any
) -> tuple[PersonId, LogSpend]:
    return LINE_PRODUCER, spend(code, amount, document, commitment=commitment, **more)


def ruled(*rules: Rule, **terms: Any) -> Policy:
    """Those rules; for the rest, any executive producer."""
    return Policy(**({"name": "Ours", "rules": rules, "otherwise": (EP,), "alerts_at": ()} | terms))


def withdraw(number: int = 1) -> WithdrawRequisition:
    return WithdrawRequisition(requisition=f"REQ-{number}", reason=WHY)


def cancel(number: int = 1) -> CancelCommitment:
    return CancelCommitment(commitment=f"PO-{number:04}", reason=WHY)


def close(number: int = 1) -> CloseCommitment:
    return CloseCommitment(commitment=f"PO-{number:04}", reason=WHY)


def reopen(number: int = 1, **more: Any) -> ReopenCommitment:
    return ReopenCommitment(commitment=f"PO-{number:04}", reason=WHY, **more)


def estimate(amount: str | None = "290000", account: AccountCode = ART) -> EstimateFinalCost:
    figure = None if amount is None else Decimal(amount)
    return EstimateFinalCost(account=account, amount=figure, reason=WHY)


SOUND: tuple[Command, ...] = (
    requisition((ART, "300")),
    withdraw(),
    order((ART, "200")),
    submit(),
    amend((ART, "300")),
    cancel(),
    close(),
    reopen(),
    estimate(),
)

#: The head of the department is so of art.
HEADED: Story = [
    *LOCKED,
    (MAYA, Appoint(person=DEPARTMENT_HEAD, role=Role.DEPARTMENT_HEAD, from_on=FIRST_DAY, accounts=(ART,))),
]
#: Line producers approve requisitions.
ASKS = ruled(Rule("Requisitions", When((RequestKind.REQUISITION,)), (Step((Approver(Role.LINE_PRODUCER),)),)))
#: REQ-1 waits in A-3.
_WAITS: Story = [*adopted(HEADED, ASKS), (DEPARTMENT_HEAD, requisition((ART, "300")))]
DRAFTED_ORDER: Story = [*LOCKED, (LINE_PRODUCER, order((ART, "1000")))]
ORDERED: Story = [*DRAFTED_ORDER, (LINE_PRODUCER, submit())]
INVOICED: Story = [*ORDERED, invoice("400")]
CLOSED_ORDER: Story = [*INVOICED, (LINE_PRODUCER, close())]
#: An amendment to 2,000 waits in A-4 for an executive producer.
_ASKED_FOR: Story = [
    *adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)))),
    *bought((ART, "1000")),
]
AMENDED: Story = [*says(_ASKED_FOR, MAYA, "A-3"), (LINE_PRODUCER, amend((ART, "2000")))]
_WITHDRAWN: Story = [*LOCKED, (LINE_PRODUCER, requisition((ART, "300"))), (LINE_PRODUCER, withdraw())]
#: 460,000.01 of the 460,000 that there are.
_TOO_MUCH: Story = [*LOCKED, (LINE_PRODUCER, order((ART, "460000.01")))]
_IN_EUROS: Story = [*LOCKED, *bought((ART, "100"), currency="EUR", rate=EUROS)]
#: 100 euros, of which the budget in force says that each is 90 rupees; nine tenths of that would be taken.
_CHEAP = ExchangeRate("EUR", "INR", Decimal("80.99"))
_IN_FORCE: Story = [*FUNDED, (LINE_PRODUCER, budget(rates=(EUROS,))), (PRODUCER, SubmitBudget(budget="v1"))]
_TOO_CHEAP: Story = [
    *_IN_FORCE,
    (MAYA, approve(_IN_FORCE)),
    (LINE_PRODUCER, order((ART, "100"), currency="EUR", rate=_CHEAP)),
]
#: All but 100 is spent on other things by the time.
_NOTHING_LEFT: Story = [*CLOSED_ORDER, (LINE_PRODUCER, spend(ART, "459500", "KS-9"))]
_NOT_THEIRS = ControlIsNotYours((Role.LINE_PRODUCER,), Role.EXECUTIVE_PRODUCER)


def _beyond(document: str, requested: str, over: str, available: str, measured: str) -> BeyondWhatIsAvailable:
    said = f"v1 has 460,000.00 for it, less {measured}"
    figures = (inr(requested), "the total budget", inr(over), inr(available))
    return BeyondWhatIsAvailable(document, *figures, said, Role.EXECUTIVE_PRODUCER)


def _is_not(total: str, state: CommitmentState, *needed: CommitmentState) -> CommitmentIsNot:
    return CommitmentIsNot("PO-0001", inr(total), state, needed)


def is_not_open(state: CommitmentState) -> CommitmentIsNot:
    """Of an order of 1,000 that nothing can be closed of."""
    return _is_not("1000", state, CommitmentState.OPEN, CommitmentState.PARTLY_RELIEVED)


_NONE_TAKEN = "0.00 spent, 0.00 committed, 0.00 requisitioned"
RUNGS: list[Rung] = [
    Rung(
        "RaiseRequisition: on another department's account",
        HEADED,
        DEPARTMENT_HEAD,
        requisition((ART, "10"), (EDITING, "10")),
        AccountsAreAnothers(DEPARTMENT_HEAD, (ART,), (EDITING,), (f"{EDITING} is headed by nobody",)),
    ),
    Rung(
        "RaiseRequisition: a tenth of a paisa",
        LOCKED,
        LINE_PRODUCER,
        requisition((ART, "0.001")),
        CommitmentLineDoesNotFit(Decimal("0.001"), "Timber", "INR"),
    ),
    Rung(
        "RaiseRequisition: on contingency",
        LOCKED,
        LINE_PRODUCER,
        requisition((CONTINGENCY, "10")),
        ContingencyTakesNoCommitment(CONTINGENCY),
    ),
    Rung(
        "RaiseRequisition: overriding without the role",
        LOCKED,
        LINE_PRODUCER,
        requisition((ART, "10"), override=True),
        _NOT_THEIRS,
    ),
    Rung(
        "RaiseRequisition: more than there is",
        LOCKED,
        LINE_PRODUCER,
        requisition((ART, "460000.01")),
        _beyond("REQ-1", "460000.01", "0.01", "460000", _NONE_TAKEN),
    ),
    Rung(
        "RaiseRequisition: more than there is, by a department head",
        HEADED,
        DEPARTMENT_HEAD,
        requisition((ART, "460000.01")),
        BeyondWhatIsShown("REQ-1", inr("460000.01"), "the total budget", Role.EXECUTIVE_PRODUCER),
    ),
    Rung("WithdrawRequisition: no such one", LOCKED, LINE_PRODUCER, withdraw(), RequisitionIsMissing("REQ-1")),
    Rung(
        "WithdrawRequisition: another's, by a department head",
        [*HEADED, (LINE_PRODUCER, requisition((ART, "10")))],
        DEPARTMENT_HEAD,
        withdraw(),
        RequisitionIsAnothers("REQ-1", (LINE_PRODUCER,), DEPARTMENT_HEAD),
    ),
    Rung(
        "DraftCommitment: anew, of no such one",
        LOCKED,
        LINE_PRODUCER,
        order((ART, "10"), commitment="PO-0001"),
        CommitmentIsMissing("PO-0001"),
    ),
    Rung(
        "DraftCommitment: anew, of what is open",
        ORDERED,
        LINE_PRODUCER,
        order((ART, "10"), commitment="PO-0001"),
        _is_not("1000", CommitmentState.OPEN, CommitmentState.DRAFT),
    ),
    Rung(
        "DraftCommitment: anew, as a deal",
        DRAFTED_ORDER,
        LINE_PRODUCER,
        order((ART, "10"), commitment="PO-0001", kind=CommitmentKind.DEAL),
        KindIsAnother("PO-0001", CommitmentKind.PURCHASE_ORDER, CommitmentKind.DEAL),
    ),
    Rung(
        "DraftCommitment: for no such requisition",
        LOCKED,
        LINE_PRODUCER,
        order((ART, "10"), requisition="REQ-1"),
        RequisitionIsMissing("REQ-1"),
    ),
    Rung(
        "DraftCommitment: for a requisition that was withdrawn",
        _WITHDRAWN,
        LINE_PRODUCER,
        order((ART, "10"), requisition="REQ-1"),
        RequisitionIsWithdrawn("REQ-1"),
    ),
    Rung(
        "DraftCommitment: for a requisition that waits",
        _WAITS,
        LINE_PRODUCER,
        order((ART, "10"), requisition="REQ-1"),
        RequisitionIsPending("REQ-1", "A-3", (LINE_PRODUCER,)),
    ),
    Rung(
        "DraftCommitment: for a requisition that was refused",
        says(_WAITS, LINE_PRODUCER, "A-3", Reject, words=WHY),
        LINE_PRODUCER,
        order((ART, "10"), requisition="REQ-1"),
        RequisitionIsRefused("REQ-1", "A-3"),
    ),
    Rung(
        "DraftCommitment: a tenth of a paisa",
        LOCKED,
        LINE_PRODUCER,
        order((ART, "0.001")),
        CommitmentLineDoesNotFit(Decimal("0.001"), "Timber", "INR"),
    ),
    Rung(
        "DraftCommitment: foreign without a rate",
        LOCKED,
        LINE_PRODUCER,
        order((ART, "10"), currency="EUR"),
        CommitmentRateDoesNotConvert("EUR", None, "INR"),
    ),
    Rung("SubmitCommitment: no such one", LOCKED, LINE_PRODUCER, submit(), CommitmentIsMissing("PO-0001")),
    Rung(
        "SubmitCommitment: again",
        ORDERED,
        LINE_PRODUCER,
        submit(),
        _is_not("1000", CommitmentState.OPEN, CommitmentState.DRAFT),
    ),
    Rung(
        "SubmitCommitment: at a rate of its sender's own",
        _TOO_CHEAP,
        LINE_PRODUCER,
        submit(),
        RateIsTooLow("PO-0001", Money(Decimal("100.00"), "EUR"), inr("8099.00"), _CHEAP, inr("9000.00"), EUROS),
    ),
    Rung(
        "SubmitCommitment: on contingency",
        [*LOCKED, (LINE_PRODUCER, order((CONTINGENCY, "10")))],
        LINE_PRODUCER,
        submit(),
        ContingencyTakesNoCommitment(CONTINGENCY),
    ),
    Rung("SubmitCommitment: overriding", DRAFTED_ORDER, LINE_PRODUCER, submit(override=True), _NOT_THEIRS),
    Rung(
        "SubmitCommitment: more than there is",
        _TOO_MUCH,
        LINE_PRODUCER,
        submit(),
        _beyond("PO-0001", "460000.01", "0.01", "460000", _NONE_TAKEN),
    ),
    Rung("AmendCommitment: no such one", LOCKED, LINE_PRODUCER, amend((ART, "1")), CommitmentIsMissing("PO-0001")),
    Rung(
        "AmendCommitment: a draft",
        DRAFTED_ORDER,
        LINE_PRODUCER,
        amend((ART, "1")),
        _is_not(
            "1000",
            CommitmentState.DRAFT,
            CommitmentState.OPEN,
            CommitmentState.PARTLY_RELIEVED,
            CommitmentState.RELIEVED,
        ),
    ),
    Rung(
        "AmendCommitment: while an amendment waits",
        AMENDED,
        LINE_PRODUCER,
        amend((ART, "3000")),
        AmendmentIsPending("PO-0001", inr("2000")),
    ),
    Rung(
        "AmendCommitment: a tenth of a paisa",
        ORDERED,
        LINE_PRODUCER,
        amend((ART, "0.001")),
        CommitmentLineDoesNotFit(Decimal("0.001"), "Timber", "INR"),
    ),
    Rung(
        "AmendCommitment: to more than can be recorded",
        _IN_EUROS,
        LINE_PRODUCER,
        amend((ART, "999999999999999")),
        CommitmentRateDoesNotConvert("EUR", EUROS, "INR"),
    ),
    Rung(
        "AmendCommitment: below its invoices",
        INVOICED,
        LINE_PRODUCER,
        amend((ART, "399.99")),
        AmendedBelowInvoices("PO-0001", ART, inr("400"), inr("399.99")),
    ),
    Rung(
        "AmendCommitment: to contingency",
        ORDERED,
        LINE_PRODUCER,
        amend((ART, "1000"), (CONTINGENCY, "1")),
        ContingencyTakesNoCommitment(CONTINGENCY),
    ),
    Rung("AmendCommitment: overriding", ORDERED, LINE_PRODUCER, amend((ART, "2000"), override=True), _NOT_THEIRS),
    Rung(
        "AmendCommitment: to more than there is",
        ORDERED,
        LINE_PRODUCER,
        amend((ART, "460000.01")),
        _beyond("PO-0001", "459000.01", "0.01", "459000", "0.00 spent, 1,000.00 committed, 0.00 requisitioned"),
    ),
    Rung("CancelCommitment: no such one", LOCKED, LINE_PRODUCER, cancel(), CommitmentIsMissing("PO-0001")),
    Rung(
        "CancelCommitment: after an invoice",
        INVOICED,
        LINE_PRODUCER,
        cancel(),
        _is_not(
            "1000",
            CommitmentState.PARTLY_RELIEVED,
            CommitmentState.DRAFT,
            CommitmentState.PENDING,
            CommitmentState.OPEN,
        ),
    ),
    Rung("CloseCommitment: no such one", LOCKED, LINE_PRODUCER, close(), CommitmentIsMissing("PO-0001")),
    Rung(
        "CloseCommitment: a draft",
        DRAFTED_ORDER,
        LINE_PRODUCER,
        close(),
        is_not_open(CommitmentState.DRAFT),
    ),
    Rung(
        "CloseCommitment: while an amendment waits",
        AMENDED,
        LINE_PRODUCER,
        close(),
        AmendmentIsPending("PO-0001", inr("2000")),
    ),
    Rung("ReopenCommitment: no such one", LOCKED, LINE_PRODUCER, reopen(), CommitmentIsMissing("PO-0001")),
    Rung(
        "ReopenCommitment: what is open",
        ORDERED,
        LINE_PRODUCER,
        reopen(),
        _is_not("1000", CommitmentState.OPEN, CommitmentState.CLOSED_SHORT),
    ),
    Rung("ReopenCommitment: overriding", CLOSED_ORDER, LINE_PRODUCER, reopen(override=True), _NOT_THEIRS),
    Rung(
        "ReopenCommitment: more than there is by now",
        _NOTHING_LEFT,
        LINE_PRODUCER,
        reopen(),
        _beyond("PO-0001", "600", "500", "100", "459,900.00 spent, 0.00 committed, 0.00 requisitioned"),
    ),
    Rung(
        "LogSpend: for no such commitment",
        LOCKED,
        LINE_PRODUCER,
        spend(ART, "100", commitment="PO-0001"),
        CommitmentIsMissing("PO-0001"),
    ),
    Rung(
        "EstimateFinalCost: a tenth of a paisa",
        LOCKED,
        LINE_PRODUCER,
        estimate("0.001"),
        EstimateDoesNotFit(Decimal("0.001"), "INR"),
    ),
    Rung(
        "EstimateFinalCost: of no account", LOCKED, LINE_PRODUCER, estimate(account="9999"), NothingToEstimate("9999")
    ),
]
