"""Histories that nobody wrote: what people might send, step by step, right and wrong."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from events.commitment import CommitmentKind
from events.financing import FundingKind
from events.ids import PersonId
from events.policy import RequestKind
from events.production import Stage
from events.spend import SpendKind
from events.team import Role
from service.deciders.approval import (
    Abstain,
    Approve,
    CloseCondition,
    Nudge,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from service.deciders.budget import LockBudget, SetBudget, UnlockBudget, WaiveDifference
from service.deciders.change import DrawContingency, RequestOverage, TransferBudget
from service.deciders.command import Command
from service.deciders.commitment import (
    CancelCommitment,
    CloseCommitment,
    ReopenCommitment,
    SubmitCommitment,
    WithdrawRequisition,
)
from service.deciders.cost_report import IssueCostReport
from service.deciders.financing import AmendFunding, CloseFunding, CommitFunding, RestsOn, WithdrawFunding
from service.deciders.green_light import GreenlightProduction
from service.deciders.payment import RequestPayment
from service.deciders.period import ClosePeriod, Expected, OpenPeriod, ReopenPeriod, SoftClosePeriod, WithdrawReopening
from service.deciders.policy import AdoptApprovalPolicy, Template
from service.deciders.production import Production
from service.deciders.receipt import ReverseReceipt
from service.deciders.rounds import Outcome, Round
from service.deciders.spend import LogSpend
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget, WithdrawBudget
from service.deciders.team import EndAppointment
from tests.deciders.advances import close_short, give_back, pay_out, receipt_of, void_return
from tests.deciders.commitments import amend, order, requisition
from tests.deciders.documents import batch, credit, line
from tests.deciders.paying import answer, ask, pay, reconcile, undo, void
from tests.deciders.remittances import payable, remit, void_remittance
from tests.deciders.rounds import RICH
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    ASSOCIATE_PRODUCER,
    BOND,
    CONTINGENCY,
    DIRECTOR,
    EDITING,
    FEATURE,
    FINANCIER,
    GUARANTOR,
    INSURANCE,
    LINE_PRODUCER,
    MAYA,
    NEWCOMER,
    NOOR,
    PRODUCER,
    SMALL,
    STORY,
    STRANGER,
    TODAY,
    TWO_HATS,
    UNRECONCILED_BUDGET,
    appoint,
    budget,
    equity,
    inr,
    rate,
    receipt,
    recode,
    reverse,
    spend,
    usd,
)

#: What to do, and two numbers that choose among what there is to do it to.
Step = tuple[str, int, int]

ACCOUNTS = (ART, EDITING, STORY, INSURANCE, BOND, CONTINGENCY, "9999", "B 04")
ACTS = {
    "log spend": 8,
    "log foreign spend": 2,
    "reverse spend": 3,
    "recode spend": 4,
    "secure funding": 3,
    "commit funding": 2,
    "close funding": 2,
    "withdraw funding": 1,
    "amend funding": 3,
    "record receipt": 4,
    "reverse receipt": 2,
    "set budget": 4,
    "waive": 1,
    "submit": 4,
    "withdraw budget": 1,
    "approve": 6,
    "send back": 1,
    "lock": 2,
    "unlock": 2,
    "appoint": 2,
    "end appointment": 1,
    "enter stage": 1,
    "adopt": 2,
    "answer": 12,
    "change": 6,
    "replace": 2,
    "round": 6,
    "green light": 1,
    "batch": 2,
    "credit": 2,
    "query": 3,
    "answer query": 3,
    "pay": 6,
    "undo": 2,
    "remit": 3,
    "reconcile": 2,
    "requisition": 2,
    "order": 4,
    "commitment": 5,
    "invoice": 4,
    "float": 3,
    "out of a float": 4,
    "back": 3,
    "period": 6,
}
numbers = st.integers(0, 999)
steps = st.lists(
    st.tuples(st.sampled_from([act for act, weight in ACTS.items() for _ in range(weight)]), numbers, numbers),
    min_size=5,
    max_size=40,
)


def wished(step: Step, production: Production) -> tuple[PersonId, Command]:
    """Who sends what: made of what the production has, so that most of it is accepted."""
    act, a, b = step
    if act in _ELSEWHERE:
        return _ELSEWHERE[act](act, a, b, production)
    newest = f"v{max(len(production.budgets.versions), 1)}"
    some_spend, some_funding, some_receipt = f"S-{a % 9 + 1:06}", f"F-{a % 5 + 1}", f"R-{a % 4 + 1}"
    match act:
        case "log spend":
            document = None if b % 3 == 0 else f"D-{b % 4}"
            return (LINE_PRODUCER, ACCOUNTANT)[b % 2], spend(
                ACCOUNTS[a % 8], f"{(a % 7 + 1) * 17_000}.{b % 100:02}", document, memo="So it was." if b % 5 else None
            )
        case "log foreign spend":
            return ACCOUNTANT, LogSpend(
                account=ACCOUNTS[a % 8],
                currency="USD",
                net=Decimal(a + 1),
                tax=Decimal("10"),
                recoverable_tax=Decimal("4.5"),
                rate=rate("USD", "INR", f"8{b % 10}.{b % 100:02}1"),
                vendor=f"vendor-{b % 3}",
                spent_on=TODAY,
                posted_on=TODAY,
                kind=tuple(SpendKind)[b % 5],
                document=None,
                receipt_sha256="ab" * 32,
            )
        case "reverse spend":
            return ACCOUNTANT, reverse(some_spend)
        case "recode spend":
            return LINE_PRODUCER, recode(some_spend, ACCOUNTS[b % 8])
        case "set budget":
            bases: tuple[SetBudget, ...] = (SMALL, UNRECONCILED_BUDGET, FEATURE)
            return LINE_PRODUCER, bases[b % 3] if a % 3 == 0 else budget(str((b % 9) * 60_000))
        case "submit":
            return PRODUCER, SubmitBudget(budget=newest)
        case "withdraw budget":
            return PRODUCER, WithdrawBudget(budget=newest, reason="Not yet.")
        case "waive":
            return PRODUCER, _waive(newest)
        case "lock":
            return (MAYA, NOOR)[a % 2], LockBudget(budget=production.budgets.in_force or newest)
        case "unlock":
            return (MAYA, NOOR)[a % 2], UnlockBudget(budget=production.budgets.in_force or newest, reason="It grows.")
        case "approve" | "send back":
            return _decision(act, a, b, production)
        case "appoint":
            return MAYA, appoint((STRANGER, NEWCOMER, FINANCIER)[a % 3], tuple(Role)[b % 11])
        case "end appointment":
            return MAYA, EndAppointment(person=(STRANGER, NEWCOMER, FINANCIER, NOOR)[a % 4], role=tuple(Role)[b % 11])
        case "enter stage":
            return MAYA, EnterStage(stage=tuple(Stage)[a % 5])
        case "record receipt":
            amount = inr(f"{(b % 9 + 1) * 50_000}") if some_funding != "F-2" else usd(str(b % 9 * 100 + 1))
            credited = (
                {} if some_funding != "F-2" else {"credited": inr(str(b % 9 * 8_000 + 80)), "bank_charges": inr("7")}
            )
            return ACCOUNTANT, receipt(some_funding, amount, **credited)
        case "reverse receipt":
            return ACCOUNTANT, ReverseReceipt(receipt=some_receipt, posted_on=TODAY, reason="Recalled.")
        case _:
            return MAYA, _funding(act, b, some_funding)


_OF_PAYING = ("query", "answer query", "pay", "undo", "reconcile")


def _of_paying(act: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    """Most of it about what it can be about: an entry, a query that is open, what is paid."""
    entries, open_ = sorted(production.spending.entries), sorted(production.paying.open.values())
    paid = sorted(production.paying.paid)
    some = entries[a % len(entries)] if entries else "S-000001"
    that = paid[a % len(paid)] if paid and b % 9 else some
    match act:
        case "query":
            return (PRODUCER, ACCOUNTANT)[b % 2], ask(some, (None, LINE_PRODUCER, PRODUCER, STRANGER)[b % 4])
        case "answer query":
            return (ACCOUNTANT, LINE_PRODUCER)[b % 2], answer(open_[a % len(open_)] if open_ else "Q-1")
        case "pay":
            entry = production.spending.entries.get(some)
            foreign = entry is not None and entry.likeness[3] != "INR"
            amount = f"{b * 13 + 7_000}.50" if foreign else None
            return ACCOUNTANT, pay(some, amount, account=(None, None, ART, "9999")[b % 4])
        case "undo" if b % 2:
            return ACCOUNTANT, undo(that)
        case "undo":
            return ACCOUNTANT, void(that)
        case _:
            return ACCOUNTANT, reconcile(that, str(b))


def _of_remittances(_: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    known = sorted(production.remittances.known)
    if known and b % 3 == 0:
        return ACCOUNTANT, void_remittance(known[a % len(known)])
    return ACCOUNTANT, remit(f"{payable(production):f}" if payable(production) > 0 else "1")


def _of_documents(act: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    if act == "credit":
        return ACCOUNTANT, credit(ACCOUNTS[a % 8], str(b + 1), f"C-{a % 9}")
    lines = (
        line(ACCOUNTS[a % 8], f"{b + 1}.50", withheld=Decimal(b)),
        line(ACCOUNTS[b % 8], str(a + 1), fringe=b % 2 == 0),
    )
    order_of = {"commitment": "PO-0001"} if b % 3 == 0 and "PO-0001" in production.commitments.known else {}
    return ACCOUNTANT, batch(*lines, document=f"PR-{a % 9}", **order_of)


def _of_commitments(act: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    known = sorted(production.commitments.known)
    number = known[a % len(known)] if known else "PO-0001"
    code, amount, why = ACCOUNTS[b % 3], str(a % 90 * 100 + 100), {"reason": "It came out that way."}
    match act:
        case "requisition" if a % 4:
            return LINE_PRODUCER, requisition((code, amount), (ART, "70"))
        case "requisition":
            return LINE_PRODUCER, WithdrawRequisition(requisition=f"REQ-{b % 5 + 1}", **why)
        case "order" if b % 2:
            foreign = {"currency": "USD", "rate": rate("USD", "INR", f"8{b % 10}.5")} if a % 3 == 0 else {}
            source = f"REQ-{b % 5 + 1}" if a % 2 and production.commitments.requisitions else None
            kind = tuple(CommitmentKind)[a % 4 % 3]
            return LINE_PRODUCER, order((code, amount), (ART, "90"), requisition=source, kind=kind, **foreign)
        case "order":
            return (ACCOUNTANT, MAYA)[a % 2], SubmitCommitment(commitment=number, override=a % 6 == 1)
        case "invoice":
            document, net = f"KS-{a % 50}", str(b % 60 * 100 + 50)
            return ACCOUNTANT, spend((ART, code)[a % 2], net, document, commitment=number)
    match b % 5:
        case 0:
            return LINE_PRODUCER, CancelCommitment(commitment=number, **why)
        case 1:
            return LINE_PRODUCER, CloseCommitment(commitment=number, **why)
        case 2:
            return LINE_PRODUCER, ReopenCommitment(commitment=number, **why)
        case _:
            return LINE_PRODUCER, amend((code, amount), (ART, str(b * 10 + 90)), commitment=number)


def _of_advances(act: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    known = sorted(production.advances.known)
    number = known[a % len(known)] if known else "FLOAT-0001"
    amount, foreign = str(a % 90 * 100 + 100), {"currency": "USD", "rate": rate("USD", "INR", f"8{b % 10}.5")}
    match act:
        case "float" if b % 3:
            return ACCOUNTANT, pay_out(
                amount, person=(DIRECTOR, LINE_PRODUCER)[a % 2], **(foreign if a % 5 == 0 else {})
            )
        case "float":
            return LINE_PRODUCER, pay_out(amount, vendor="kala-sets", due_on=TODAY)
        case "out of a float":
            paid_in = foreign if a % 4 == 0 else {"tax": Decimal(b), "recoverable_tax": Decimal(b // 2)}
            net = str(b % 60 + 5) if a % 4 == 0 else str(b % 60 * 100 + 50)
            return LINE_PRODUCER, receipt_of(net, f"R-{a % 50}", number, **paid_in)
        case _ if b % 3:
            return ACCOUNTANT, give_back(str(b % 40 * 100 + 10), number)
        case _ if a % 3 == 0:
            return ACCOUNTANT, void_return(1, number)
        case _:
            return ACCOUNTANT, close_short(number)


def _of_periods(_: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    known, closed = production.periods.known, production.periods.closed
    following, last = f"PER-{closed + 1}", f"PER-{max(closed, 1)}"
    match a % 6:
        case 0 | 1:
            begun = known[-1].last_on if known else TODAY - timedelta(weeks=9)
            return ACCOUNTANT, OpenPeriod(first_on=None if known else begun, last_on=begun + timedelta(days=b % 30))
        case 2:
            return ACCOUNTANT, SoftClosePeriod(period=following)
        case 3 | 4 if closed < len(known):
            cost = production.spending.to_date(known[closed].last_on)
            expected = [
                Expected(cost=sum(cost.values(), Decimal(0))),
                Expected(account=ART, cost=cost.get(ART, Decimal(0))),
            ]
            return ACCOUNTANT, ClosePeriod(period=following, expected=tuple(expected[: b % 2 + 1]))
        case 5 if b % 4 == 3:
            return ACCOUNTANT, IssueCostReport(**({"period": last} if b % 3 else {"posted_to": TODAY}))
        case 5 if b % 4 == 0:
            return PRODUCER, WithdrawReopening(period=last)
        case _:
            return (ACCOUNTANT, PRODUCER, MAYA)[b % 3], ReopenPeriod(period=last, reason="It came late.")


def _waive(newest: str) -> WaiveDifference:
    return WaiveDifference.model_validate(
        {"budget": newest, "total": "grand_total", "reason": "A rupee."}, strict=False
    )


def _decision(act: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    opened = production.approvals.open or "A-1"
    known = production.approvals.rounds.get(opened)
    answer: dict[str, Any] = {"round": opened, "content_hash": "0" * 64 if known is None else known.content_hash}
    person = (MAYA, NOOR, TWO_HATS)[a % 3]
    if act == "approve":
        return person, Approve(**answer, words="Go." if b % 2 else None)
    return person, (RequestChanges if b % 2 else Reject)(**answer, words="Too dear.")


_OF_ROUNDS = ("adopt", "answer", "change", "replace", "round", "green light")


def _about_rounds(act: str, a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    match act:
        case "adopt":
            waits = production.approvals.on(f"P-{production.policies.adopted + 1}", RequestKind.POLICY_CHANGE)
            if waits is not None:
                seen = production.approvals.rounds[waits].content_hash
                return (MAYA, NOOR, TWO_HATS)[b % 3], Approve(round=waits, content_hash=seen)
            terms: dict[str, Any] = {"terms": RICH} if a % 2 else {"template": tuple(Template)[b % 3]}
            return (MAYA, NOOR)[b % 2], AdoptApprovalPolicy(**terms)
        case "answer":
            return _answer(a, b, production)
        case "change":
            return PRODUCER, _change(a, b)
        case "replace":
            at = production.approvals.open
            return LINE_PRODUCER, budget(str((b % 9) * 61_000)).model_copy(update={"round": at})
        case "round":
            return _on_round(a, b, production)
        case _:
            return NOOR, GreenlightProduction(conditions=("The bond is signed.",) if b % 3 else ())


def _open_round(a: int, production: Production) -> tuple[str, Round | None]:
    waiting = [number for number, each in production.approvals.rounds.items() if each.outcome is Outcome.OPEN]
    number = waiting[a % len(waiting)] if waiting else "A-1"
    return number, production.approvals.rounds.get(number)


def _answer(a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    number, known = _open_round(a, production)
    answer: dict[str, Any] = {"round": number, "content_hash": "0" * 64 if known is None else known.content_hash}
    person = (MAYA, NOOR, TWO_HATS, GUARANTOR, FINANCIER, PRODUCER)[b % 6]
    match a % 9:
        case 0:
            return person, Abstain(**answer)
        case 1:
            return person, WithdrawVote(round=number)
        case 2 if b % 3 == 0:
            return person, Reject(**answer, words="No.")
        case 3:
            return person, Approve(**answer, conditions=("The permit comes.",))
        case _:
            return person, Approve(**answer)


def _on_round(a: int, b: int, production: Production) -> tuple[PersonId, Command]:
    number, known = _open_round(a, production)
    seen = "0" * 64 if known is None else known.content_hash
    match b % 6:
        case 0:
            return PRODUCER, Nudge(round=number)
        case 1:
            return PRODUCER, RecallRequest(round=number)
        case 2:
            to = (ASSOCIATE_PRODUCER, DIRECTOR, FINANCIER)[a % 3]
            return (MAYA, NOOR)[a % 2], ReassignStep(round=number, seat=(MAYA, NOOR)[a % 2], to=to, reason="Away.")
        case 3:
            return NOOR, OverrideStep(round=number, content_hash=seen, reason="It cannot wait.")
        case 4:
            return ACCOUNTANT, RequestPayment(spend=f"S-{a % 9 + 1:06}", reason="The timesheets came.")
        case _:
            rounds = production.approvals.rounds.items()
            set_by = [(n, each.conditions[0].seat) for n, each in rounds if each.conditions and each.conditions[0].open]
            number, setter = set_by[a % len(set_by)] if set_by else (number, MAYA)
            return setter, CloseCondition(round=number, condition=1, waived=a % 4 < 2, words="So it is.")


def _change(a: int, b: int) -> Command:
    amount, why = Decimal(a % 30 * 1000 + 1), {"reason": "It came out that way."}
    match b % 3:
        case 0:
            return TransferBudget(from_account=ACCOUNTS[a % 8], to_account=ACCOUNTS[(a + 1) % 8], amount=amount, **why)
        case 1:
            return DrawContingency(account=ACCOUNTS[a % 5], amount=amount, **why)
        case _:
            return RequestOverage(account=ACCOUNTS[a % 5], amount=amount, funding=f"F-{a % 5 + 1}", **why)


def _funding(act: str, b: int, some_funding: str) -> Command:
    match act:
        case "secure funding":
            kind = tuple(FundingKind)[b % 8]
            against = "F-1" if kind is FundingKind.DEBT and b % 3 else None
            return equity(inr(str(b % 5 * 100_000 + 90_000)), kind=kind, lent_against=against)
        case "commit funding":
            return CommitFunding(funding=some_funding, rests_on=tuple(RestsOn)[b % 2], document=f"Paper {b}")
        case "close funding":
            return CloseFunding(funding=some_funding)
        case "withdraw funding":
            return WithdrawFunding(funding=some_funding, reason="Stepped back.")
        case _:
            amount = usd(str(b + 1)) if some_funding == "F-2" else inr(str(b * 1_000 + 500))
            return AmendFunding(funding=some_funding, amount=amount, reason="New terms.")


_ELSEWHERE: dict[str, Callable[[str, int, int, Production], tuple[PersonId, Command]]] = {
    **dict.fromkeys(_OF_ROUNDS, _about_rounds),
    **dict.fromkeys(_OF_PAYING, _of_paying),
    **dict.fromkeys(("batch", "credit"), _of_documents),
    **dict.fromkeys(("requisition", "order", "commitment", "invoice"), _of_commitments),
    **dict.fromkeys(("float", "out of a float", "back"), _of_advances),
    "remit": _of_remittances,
    "period": _of_periods,
}
