"""How each fact is told, in one plain English sentence with its figures.

People and vendors stand in a sentence as marks; whoever shows it fills them with names at that moment, so that a
corrected or erased name is right everywhere at once.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from events import OfProduction
from events.advance import (
    AccountingReversed,
    AdvanceAccounted,
    AdvanceClosed,
    AdvanceEvent,
    AdvanceExceeded,
    AdvancePaid,
    AdvanceReturned,
    AdvanceReturnVoided,
    FloatShort,
)
from events.approval import (
    Abstained,
    ApprovalEvent,
    ApprovalGiven,
    ApprovalRequested,
    ApprovedByPolicy,
    ApproversNudged,
    BudgetApproved,
    BudgetRejected,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ChangesRequested,
    ConditionMet,
    ConditionWaived,
    ContentReplaced,
    RequestApproved,
    RequestRecalled,
    RequestRejected,
    StepOverridden,
    StepPassed,
    StepReassigned,
    StepReopened,
    StepSkipped,
    VoteLapsed,
    VoteWithdrawn,
)
from events.budget import (
    BudgetDrafted,
    BudgetEvent,
    BudgetLocked,
    BudgetUnlocked,
    DifferenceWaived,
    LabelDisagrees,
    TotalDisagrees,
    VarianceAccepted,
)
from events.change import BudgetTransferred, ChangeEvent, ContingencyDrawn, OverageApproved
from events.commitment import (
    AmendmentSubmitted,
    Beyond,
    CommitmentAmended,
    CommitmentCancelled,
    CommitmentClosed,
    CommitmentDrafted,
    CommitmentEvent,
    CommitmentExceeded,
    CommitmentOpened,
    CommitmentRelieved,
    CommitmentReopened,
    CommitmentSubmitted,
    Hold,
    InvoicedByAnother,
    ReliefReversed,
    RequisitionRaised,
    RequisitionWithdrawn,
)
from events.cost_report import CostReportEvent
from events.estimate import EstimateEvent
from events.financing import (
    CoverReduced,
    FinancingEvent,
    FundingAmended,
    FundingClosed,
    FundingCommitted,
    FundingSourceIdentified,
    FundingTerms,
    FundingWithdrawn,
    FundsReceiptReversed,
    FundsReceived,
    LetterOfIntentRecorded,
    ReceiptBeforeClosing,
    ReceiptBeyondCommitment,
)
from events.ids import AccountCode, PersonId
from events.money import Money
from events.paying import (
    PayingEvent,
    PaymentVoided,
    QueryAnswered,
    QueryClosed,
    ReconciliationUndone,
    SpendPaid,
    SpendQueried,
    SpendReconciled,
)
from events.period import (
    PeriodClosed,
    PeriodEvent,
    PeriodOpened,
    PeriodReopened,
    PeriodSoftClosed,
    ReopeningProposed,
    ReopeningWithdrawn,
)
from events.policy import PolicyEvent
from events.production import ProductionEvent, ProductionGreenlit, ProductionOpened, StageEntered
from events.remittance import RemittanceEvent, RemittanceVoided, WithheldRemitted
from events.spend import (
    CREDITS,
    AccountOverspent,
    AlertScope,
    DuplicateSuspected,
    PaymentReleased,
    SpendAlert,
    SpendEvent,
    SpendLogged,
    SpendOutsideBudget,
    SpendRecoded,
    SpendReversed,
)
from events.team import Appointed, AppointmentEnded, TeamEvent

from . import english


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as the trail tells it."""

    sentence: str
    amount: Money | None = None
    account: AccountCode | None = None
    #: The account it moved to, when it moved.
    other_account: AccountCode | None = None
    before: dict[str, str] | None = None
    after: dict[str, str] | None = None


def person(who: PersonId) -> str:
    """The mark of a person in a sentence."""
    return f"‹person:{who}›"


def vendor(who: str) -> str:
    """The mark of a vendor in a sentence."""
    return f"‹vendor:{who}›"


def _tell_paying(event: PayingEvent) -> Told:
    match event:
        case SpendQueried(query, spend, _, asked, question):
            return Told(f"{query} asks {english.listed([person(each) for each in asked])} about {spend}: “{question}”.")
        case QueryAnswered(query, spend, answer):
            return Told(f"Answered {query} on {spend}: “{answer}”.")
        case QueryClosed(query, spend, because):
            return Told(f"Closed {query} on {spend}: “{because}”.")
        case SpendPaid():
            booked = ""
            if event.difference is not None:
                beyond = Money(event.amount.amount - event.booked.amount, event.booked.currency)
                booked = f"; {event.booked} were booked, and {event.difference} is the difference of {beyond}"
            return Told(
                f"Paid {event.payable}, {event.amount}, by {_words(event.method)} on {_day(event.paid_on)}, "
                f"reference {event.reference}{booked}.",
                event.amount,
            )
        case PaymentVoided(payable, amount=amount):
            return Told(f"Voided the payment of {payable}, {amount}.", Money(-amount.amount, amount.currency))
        case SpendReconciled(payable, statement=statement, line=line, found_on=found_on):
            return Told(f"Found the payment of {payable} on line {line} of {statement}, of {_day(found_on)}.")
        case ReconciliationUndone(payable, statement=statement, line=line):
            return Told(f"The payment of {payable} is not line {line} of {statement}.")


def _tell_remittance(event: RemittanceEvent) -> Told:
    match event:
        case WithheldRemitted():
            of = "1 entry" if len(event.shares) == 1 else f"{len(event.shares)} entries"
            but = f"; {len(event.left_out)} left out, not to be paid yet" if event.left_out else ""
            return Told(
                f"Remitted {event.remittance}, {event.amount}, withheld of {of} posted up to {_day(event.up_to)}, by "
                f"{_words(event.method)} on {_day(event.paid_on)}, reference {event.reference}{but}.",
                event.amount,
            )
        case RemittanceVoided(number, _, amount):
            return Told(f"Voided the remittance {number}, {amount}.", Money(-amount.amount, amount.currency))


_MARK = re.compile(r"‹(person|vendor):([a-z0-9.-]+)›")


def marks(sentence: str) -> set[tuple[str, str]]:
    """The people and vendors a sentence names, as pairs of `person` or `vendor` and id."""
    return set(_MARK.findall(sentence))


def with_names(sentence: str, name: Callable[[str, str], str]) -> str:
    """The sentence with every mark filled; `name` gets `person` or `vendor`, and the id."""
    return _MARK.sub(lambda mark: name(mark[1], mark[2]), sentence)


def tell(event: OfProduction) -> Told:
    """The fact in one plain English sentence, with its figures."""
    if isinstance(event, SpendEvent):
        return _tell_spend(event)
    if isinstance(event, FinancingEvent):
        return _tell_financing(event)
    if isinstance(event, BudgetEvent):
        return _tell_budget(event)
    if isinstance(event, ApprovalEvent):
        return _tell_approval(event)
    if isinstance(event, ChangeEvent):
        return _tell_change(event)
    if isinstance(event, CommitmentEvent):
        return _tell_commitment(event)
    if isinstance(event, AdvanceEvent):
        return _tell_advance(event)
    if isinstance(event, PayingEvent):
        return _tell_paying(event)
    if isinstance(event, RemittanceEvent):
        return _tell_remittance(event)
    if isinstance(event, EstimateEvent):
        return _tell_estimate(event)
    if isinstance(event, PeriodEvent):
        return _tell_period(event)
    if isinstance(event, CostReportEvent):
        return _tell_report(event)
    if isinstance(event, PolicyEvent):
        return Told(f"Adopted {event.policy}. {english.policy(event.terms)}")
    return _tell_production(event)


def _words(value: str) -> str:
    return value.replace("_", " ")


@lru_cache(1000)
def _day(day: date) -> str:
    return f"{day:%-d %B %Y}"


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"


def _tell_production(event: ProductionEvent | TeamEvent) -> Told:
    match event:
        case ProductionOpened(title, made, currency, time_zone):
            return Told(f"Opened {title}, {_a(made.value)} budgeted in {currency}, on {time_zone} time.")
        case StageEntered(stage, left):
            sentence = f"Moved the production from {_words(left)} to {_words(stage)}."
            return Told(sentence, before={"stage": left.value}, after={"stage": stage.value})
        case ProductionGreenlit(budget, results, conditions):
            passed = _words(", ".join(result.test for result in results if result.passed)) or "none"
            failed = _words(", ".join(result.test for result in results if not result.passed))
            missing = f"; not passed: {failed}" if failed else ""
            asked = f"; conditions: {_quoted(conditions)}" if conditions else ""
            given = "Gave a conditional green light" if failed else "Gave the green light"
            return Told(f"{given} on {budget or 'no budget'}. Passed: {passed}{missing}{asked}.")
        case Appointed(who, role, from_on, accounts):
            of = f" of accounts {', '.join(accounts)}" if accounts else ""
            return Told(f"Appointed {person(who)} as {_words(role)}{of} from {_day(from_on)}.")
        case AppointmentEnded(who, role):
            return Told(f"Ended the appointment of {person(who)} as {_words(role)}.")


def _tell_financing(event: FinancingEvent) -> Told:
    match event:
        case FundingSourceIdentified(funding, terms):
            holder = "" if terms.holder is None else f", spoken for by {person(terms.holder)}"
            loan = "" if terms.lent_against is None else f", lent against {terms.lent_against}"
            rate = "" if terms.budget_rate is None else f" at {terms.budget_rate} ({terms.base_amount})"
            source = f"{terms.amount}{rate} from {terms.party}{holder}{loan}"
            return Told(
                f"Identified {funding} ({_words(terms.kind)}): {source}.", terms.base_amount, after=_terms(terms)
            )
        case LetterOfIntentRecorded(funding, document):
            return Told(f"Recorded a letter of intent for {funding}: {document}.")
        case FundingCommitted(funding, document):
            return Told(f"Committed {funding} by signed agreement: {document}.")
        case FundingAmended(funding, before, after):
            old, new = _terms(before), _terms(after)
            changed = [name for name in new if old[name] != new[name]]
            changes = "; ".join(f"{_words(name)} from {old[name]} to {new[name]}" for name in changed)
            return Told(
                f"Amended {funding}: {changes}.",
                after.base_amount,
                before={name: old[name] for name in changed},
                after={name: new[name] for name in changed},
            )
        case FundingClosed(funding, state):
            return Told(f"Closed {funding}: its conditions are met or waived, and it is {_words(state)}.")
        case FundingWithdrawn(funding, left):
            sentence = f"Withdrew {funding}, which was {_words(left)}."
            return Told(sentence, before={"state": left.value}, after={"state": "withdrawn"})
        case FundsReceived(receipt, funding, amount, credited, charges, value_on, _, reference, state):
            cost = f", after {charges} of bank charges" if charges.amount else ""
            return Told(
                f"Received {amount} of {funding} as {receipt}, credited as {credited}{cost}, "
                f"value {_day(value_on)}, bank reference {reference}; {funding} is {_words(state)}.",
                credited,
            )
        case FundsReceiptReversed(receipt, funding, amount, credited, state=state):
            sentence = f"Reversed {receipt}, {amount} of {funding}; {funding} is {_words(state)}."
            return Told(sentence, Money(-credited.amount, credited.currency))
        case ReceiptBeforeClosing(flag, receipt, funding, state):
            return Told(f"{flag}: {receipt} came in while {funding} was {_words(state)}, before closing.")
        case ReceiptBeyondCommitment(flag, receipt, funding, committed, received, over):
            by = f"with {receipt}" if receipt else "with its new terms"
            return Told(f"{flag}: {by}, {funding} has received {received} of {committed}, {over} beyond it.", over)
        case CoverReduced(flag, funding, budget, total, before, after):
            return Told(
                f"{flag}: the change to {funding} cuts the committed cover of {budget}, {total}, "
                f"from {before} to {after}.",
                after,
            )


def _terms(terms: FundingTerms) -> dict[str, str]:
    return {
        "party": terms.party,
        "holder": "nobody" if terms.holder is None else person(terms.holder),
        "amount": str(terms.amount),
        "budget_rate": "none" if terms.budget_rate is None else str(terms.budget_rate),
        "base_amount": str(terms.base_amount),
        "lent_against": terms.lent_against or "nothing",
        "expected_on": ", ".join(day.isoformat() for day in terms.expected_on) or "no date",
    }


def _tell_budget(event: BudgetEvent) -> Told:
    match event:
        case BudgetDrafted(budget, currency, accounts=accounts, totals=totals, scenario=scenario, replaces=replaces):
            total = Money(totals.grand_total, currency)
            place = "" if replaces is None else f", in place of {replaces}"
            of = "" if scenario == "main" else f", scenario {scenario}"
            read = "" if event.document is None else f", read from {event.document}"
            return Told(f"Set {budget}{of}: {len(accounts)} accounts, grand total {total}{place}{read}.", total)
        case LabelDisagrees(flag, budget, account, labelled, implied, base, expected, amount):
            of = "" if implied is None else f", which is {implied.normalize():f} % of {base}"
            return Told(
                f"{flag}: charge {account} of {budget} is labelled {labelled:f} % ({expected}) "
                f"but states {amount}{of}; the amount was kept.",
                amount,
                account,
            )
        case TotalDisagrees(flag, budget, total_name, stated, computed, difference):
            return Told(
                f"{flag}: {budget} states {stated} as its {_words(total_name)}, but its parts add up to "
                f"{computed}; the difference is {difference} and the version is unreconciled.",
                difference,
            )
        case VarianceAccepted(budget, total_name, stated, computed, difference, tolerance):
            return Told(
                f"{budget} states {stated} as its {_words(total_name)}, and its parts add up to {computed}; the"
                f" difference of {difference} is within the tolerance of {tolerance}.",
                difference,
            )
        case DifferenceWaived(budget, total_name, difference):
            return Told(f"Waived the difference of {difference} in the {_words(total_name)} of {budget}.", difference)
        case BudgetLocked(budget, content_hash, total):
            return Told(
                f"Locked {budget}, {total}, content {content_hash[:12]}, as the baseline.",
                total,
                before={"state": "approved"},
                after={"state": "locked"},
            )
        case BudgetUnlocked(budget):
            return Told(f"Unlocked {budget}.", before={"state": "locked"}, after={"state": "approved"})


def _tell_approval(event: ApprovalEvent) -> Told:
    match event:
        case BudgetSubmitted(round_id, budget, content_hash, total):
            return Told(
                f"Submitted {budget}, {total}, content {content_hash[:12]}, for approval in {round_id}.",
                total,
            )
        case ApprovalRequested():
            return _tell_request(event)
        case ApprovedByPolicy(kind, subject, amount, counted, policy=policy, rule=rule):
            of = "" if amount is None else f", {amount}"
            asked = f"{_sentence(kind)} {subject}{of}{_together(amount, counted)}"
            return Told(f"{asked} needed no approval under {policy}: {rule}.", amount)
        case BudgetWithdrawn(round_id, budget):
            return Told(f"Withdrew {budget} from {round_id}; it is a draft again.")
        case ApprovalGiven(round_id, subject, content_hash, words, step, conditions):
            asked = f", on conditions: {_quoted(conditions)}" if conditions else ""
            at = f", step {step + 1}" if step else ""
            return Told(f"Approved {subject}, content {content_hash[:12]}, in {round_id}{at}{asked}{_said(words)}.")
        case Abstained(round_id, subject, _, words, step):
            return Told(f"Abstained on {subject} in {round_id}, step {step + 1}{_said(words)}.")
        case VoteWithdrawn(round_id, subject, seat):
            return Told(f"Withdrew the answer of {person(seat)} on {subject} in {round_id}.")
        case VoteLapsed(round_id, subject, seat, step, because):
            return Told(f"The answer of {person(seat)} on {subject} in {round_id}, step {step + 1}, lapsed: {because}.")
        case StepPassed(round_id, subject, step):
            return Told(f"Step {step + 1} of {round_id} on {subject} passed.")
        case StepSkipped(round_id, subject, step, because):
            return Told(f"Step {step + 1} of {round_id} on {subject} was skipped: {because}.")
        case StepReopened(round_id, subject, step, because):
            return Told(f"Step {step + 1} of {round_id} on {subject} is asked once more: {because}.")
        case StepOverridden(round_id, subject, content_hash, step):
            return Told(
                f"Exception: passed over step {step + 1} of {round_id} on {subject}, content {content_hash[:12]}."
            )
        case StepReassigned(round_id, subject, step, seat, to):
            place = f"step {step + 1} of {round_id} on {subject}"
            return Told(f"Had {person(to)} asked in the place of {person(seat)} in {place}.")
        case ApproversNudged(round_id, subject, persons):
            return Told(f"Reminded {', '.join(map(person, persons))} of {round_id} on {subject}.")
        case ConditionMet(round_id, subject, number, words):
            return Told(f"Condition {number} of {round_id} on {subject} is met{_said(words)}.")
        case ConditionWaived(round_id, subject, number, words):
            return Told(f"Waived condition {number} of {round_id} on {subject}{_said(words)}.")
        case ContentReplaced(round_id, subject, content_hash, amount, former, _, changes, voided):
            void = f"; void: the approvals of {', '.join(map(person, voided))}" if voided else ""
            lines = ", ".join(f"{c.account} {_figure(c.before)} → {_figure(c.after)}" for c in changes)
            return Told(
                f"{round_id} asks about {subject}, {amount}, content {content_hash[:12]}, instead of {former}"
                f"{': ' if lines else ', in which no line differs'}{lines}{void}.",
                amount,
                before={"subject": former},
                after={"subject": subject},
            )
        case RequestRecalled(round_id, subject, None):
            return Told(f"Took back what {round_id} asked for: {subject}.")
        case RequestRecalled(round_id, subject, because):
            return Told(f"{round_id} on {subject} ended: {because}.")
        case ChangesRequested(round_id, subject, _, words):
            return Told(f"Asked for changes to {subject} in {round_id}{_said(words)}.")
        case RequestRejected(round_id, subject, _, words):
            return Told(f"Rejected {subject} in {round_id}{_said(words)}.")
        case RequestApproved(round_id, kind, subject, content_hash, amount):
            of = "" if amount is None else f", {amount}"
            return Told(f"{round_id} passed: {_words(kind)} {subject}{of}, content {content_hash[:12]}.", amount)
        case BudgetRejected(round_id, budget, _, words):
            return Told(f"Rejected {budget} in {round_id}{_said(words)}.")
        case BudgetApproved(round_id, budget, _, total, supersedes):
            instead = "" if supersedes is None else f" instead of {supersedes}"
            return Told(
                f"{round_id} passed: {budget}, {total}, is approved and in force{instead}.",
                total,
                before=None if supersedes is None else {"in_force": supersedes},
                after={"in_force": budget},
            )
        case BudgetSuperseded(budget, by):
            return Told(f"{budget} is superseded by {by}.", after={"in_force": by}, before={"in_force": budget})


def _tell_request(event: ApprovalRequested) -> Told:
    of = "" if event.amount is None else f", {event.amount}"
    under = "" if event.policy is None else f" under {event.policy}, {event.rule or 'its default'}"
    return Told(
        f"{event.round} asks about {_words(event.kind)} {event.subject}{of}{_together(event.amount, event.counted)}"
        f"{under}: {english.steps(event.steps)}.",
        event.amount,
        event.accounts[0] if event.accounts else None,
        event.accounts[1] if len(event.accounts) > 1 else None,
    )


def _together(amount: Money | None, counted: Money | None) -> str:
    return "" if amount == counted or counted is None else f" (with what counts together, {counted})"


def _sentence(words: str) -> str:
    return _words(words).capitalize()


def _figure(amount: Decimal | None) -> str:
    return "nothing" if amount is None else f"{amount:,f}"


def _tell_change(event: ChangeEvent) -> Told:
    match event:
        case OverageApproved(overage, budget, account, amount, funding, total_budget):
            return Told(
                f"{overage}: {amount} beside {budget} on account {account}, carried by {funding}; "
                f"the total budget is {total_budget}.",
                amount,
                account,
            )
        case BudgetTransferred(transfer, budget, left, reached, amount):
            return Told(
                f"{transfer}: moved {amount} of {budget} from account {left} to {reached}.", amount, left, reached
            )
        case ContingencyDrawn(draw, budget, contingency, account, amount, remaining):
            return Told(
                f"{draw}: drew {amount} of the contingency of {budget}, {contingency}, for account {account}; "
                f"{remaining} is left.",
                amount,
                account,
                contingency,
            )


def _tell_commitment(event: CommitmentEvent) -> Told:
    match event:
        case RequisitionRaised(requisition, lines, total, needed_on, beyond):
            what = "; ".join(f"{line.what} ({line.account}, {line.amount:,f})" for line in lines)
            by = "" if needed_on is None else f", needed on {_day(needed_on)}"
            return Told(f"Raised {requisition}, {total}{by}: {what}.{_beyond(beyond)}", total)
        case RequisitionWithdrawn(requisition, released):
            return Told(f"Withdrew {requisition}; {_held(released)} is held no more.")
        case CommitmentDrafted(number, kind, who, requisition, _, rate, lines, total, base_total, due_when):
            what = "; ".join(f"{line.what} ({line.account}, {line.amount:,f})" for line in lines)
            source = "" if requisition is None else f", for {requisition}"
            at = "" if rate is None else f" at {rate} ({base_total})"
            when = "" if due_when is None else f", due when {due_when}"
            of = f"{_a(_words(kind))} of {total}{at} with {vendor(who)}{source}{when}"
            return Told(f"Drafted {number}, {of}: {what}.", base_total)
        case CommitmentSubmitted(number, _, total, _, takes_over, beyond):
            return Told(f"Submitted {number}, {total}{_taken(takes_over)}.{_beyond(beyond)}", total)
        case CommitmentOpened(number, total):
            return Told(f"Promised {number}, {total}.", total)
        case AmendmentSubmitted(number, _, _, total, base_total, holds, beyond, takes_over):
            more = f", {_held(holds)} more" if holds else ""
            sentence = f"Submitted {number} amended to {total}{more}{_taken(takes_over)}.{_beyond(beyond)}"
            return Told(sentence, base_total)
        case CommitmentAmended(number, _, total, base_total, former):
            sentence = f"Amended {number} from {former} to {total}."
            return Told(sentence, base_total, before={"total": str(former)}, after={"total": str(total)})
        case CommitmentRelieved(number, spend, relieved, _, state):
            by = f" by {_held(relieved)}" if relieved else " by nothing that its currency could say"
            return Told(f"{spend} relieved {number}{by}; it is {_words(state)}.")
        case CommitmentExceeded(flag, number, spend, account, state, left, excess):
            return Told(
                f"{flag}: {spend} on account {account} is {excess} beyond what was left of {number}, "
                f"which is {_words(state)}: {left}.",
                excess,
                account,
            )
        case InvoicedByAnother(flag, number, spend, account, promised_to, who):
            sentence = f"{flag}: {spend} is by {vendor(who)}; {number} is with {vendor(promised_to)}."
            return Told(sentence, account=account)
        case ReliefReversed(number, spend, restored, _, state):
            by = f": {_held(restored)}" if restored else ""
            return Told(f"{spend} relieves {number} no more{by}; it is {_words(state)}.")
        case CommitmentCancelled(number, released):
            return Told(f"Cancelled {number}{_released(released)}.")
        case CommitmentClosed(number, released):
            return Told(f"Closed {number} short{_released(released)}.")
        case CommitmentReopened(number, holds, beyond, state):
            return Told(f"Reopened {number}, {_words(state)}; {_held(holds)} is held again.{_beyond(beyond)}")


def _taken(taken: Iterable[Hold]) -> str:
    return f"; it takes over {_held(taken)}" if taken else ""


def _held(held: Iterable[Hold]) -> str:
    return english.listed([f"{each.amount:,f} on {each.account}" for each in held])


def _released(released: tuple[Hold, ...]) -> str:
    return f"; {_held(released)} is released" if released else ""


def _beyond(beyond: Iterable[Beyond]) -> str:
    """How far it goes beyond what was available, a sentence each."""
    said = ""
    for each in beyond:
        of = "the total budget" if each.of is None else f"{_words(each.scope)} {_words(each.of)}"
        by = ", which was overridden" if each.overridden else ""
        said += f" It goes {each.over} beyond the {each.available} available of {of} under {each.budget}{by}."
    return said


def _tell_advance(event: AdvanceEvent) -> Told:
    match event:
        case AdvancePaid(number, kind, who, to, amount, rate, base_amount, paid_on, due_on):
            holder = f"to {person(who)}" if who is not None else f"with {vendor(to or '')}"
            at = "" if rate is None else f" at {rate} ({base_amount})"
            due = "" if due_on is None else f", due on {_day(due_on)}"
            sentence = f"Paid {number}, {_a(kind.value)} of {amount}{at}, {holder} on {_day(paid_on)}{due}."
            return Told(sentence, base_amount)
        case AdvanceAccounted(number, spend, amount, state):
            return Told(f"{spend} accounted for {amount} of {number}; it is {_words(state)}.", amount)
        case AdvanceExceeded(flag, number, spend, account, left, owed):
            beyond = f"is {owed} beyond what was left of {number}: {left}; that is owed to whoever paid it"
            return Told(f"{flag}: {spend} on account {account} {beyond}.", owed, account)
        case AccountingReversed(number, spend, accounted, short, state):
            again = f"{accounted + short:,f} of it is open again"
            return Told(f"{spend} accounts for {number} no more; {again}, and it is {_words(state)}.")
        case AdvanceReturned(number, amount, returned_on, document, state):
            on = f"on {_day(returned_on)}, document {document}"
            return Told(f"{amount} of {number} came back {on}; it is {_words(state)}.", amount)
        case AdvanceReturnVoided(advance, number, amount, state):
            back = f"{amount} of {advance} had come back"
            return Told(f"Voided return {number}, by which {back}; it is {_words(state)}.", amount)
        case AdvanceClosed(number, spend, short, state):
            return Told(f"Closed {number}; {short} of it does not come back, and is {spend}: {_words(state)}.", short)
        case FloatShort(flag, number, spend, account, who, short):
            cost = f"{number}, held by {person(who)}, is {short} short, which is {spend} on account {account}"
            return Told(f"{flag}: {cost}.", short, account)


def _tell_estimate(event: EstimateEvent) -> Told:
    rule = "the larger of its total budget and its total cost"
    before, after = (rule if each is None else str(each) for each in (event.former, event.estimate))
    sentence = f"Estimated the final cost of account {event.account} at {after}, before at {before}."
    return Told(sentence, event.estimate, event.account, before={"estimate": before}, after={"estimate": after})


def _tell_period(event: PeriodEvent) -> Told:
    match event:
        case PeriodOpened(period, first_on, last_on):
            return Told(f"Opened {period}, from {_day(first_on)} to {_day(last_on)}.")
        case PeriodSoftClosed(period):
            return Told(f"Soft-closed {period}: only those who may close it post into it.")
        case PeriodClosed(period, last_on, balances, lapses):
            stated = [
                f"{each.cost} {'in all' if each.account is None else f'on account {each.account}'}" for each in balances
            ]
            lapsed = "" if lapses is None else f" To reopen {lapses} is proposed no more."
            return Told(f"Closed {period}; cost to date on {_day(last_on)}: {english.listed(stated)}.{lapsed}")
        case ReopeningProposed(period):
            return Told(f"Proposed to reopen {period}; another person confirms it.")
        case ReopeningWithdrawn(period):
            return Told(f"Withdrew the proposal to reopen {period}.")
        case PeriodReopened(period, first_on, proposed_by):
            by = " and ".join(map(person, proposed_by))
            return Told(f"Reopened {period}, as {by} proposed; days are open from {_day(first_on)}.")


def _tell_report(event: CostReportEvent) -> Told:
    begun = "the beginning" if event.posted_from is None else _day(event.posted_from)
    of = (
        f"{event.period}, from {begun} to {_day(event.posted_to)}"
        if event.period
        else f"{begun} to {_day(event.posted_to)}"
    )
    over = "" if event.replaces is None else f"; it replaces {event.replaces}"
    return Told(f"Issued {event.report}, the cost report of {of}, as of version {event.of_version}{over}.")


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"“{each}”" for each in words)


def _said(words: str | None) -> str:
    return "" if words is None else f", saying “{words}”"


def _tell_spend(event: SpendEvent) -> Told:
    match event:
        case SpendLogged():
            number = "" if event.document is None else f", document {event.document}"
            foreign = "" if event.rate is None else f", {event.currency} at {event.rate}"
            withheld = f", of which {event.currency} {event.withheld:,f} is withheld" if event.withheld else ""
            kind = f"{_words(event.kind)}{' fringes' if event.fringe else ''}"
            batch = "" if event.batch is None else f", one of {event.batch}"
            to = "from" if event.kind in CREDITS else "to"
            return Told(
                f"Logged {event.spend}: {event.cost} {to} {vendor(event.vendor)} on account {event.account}, "
                f"{kind} of {_day(event.spent_on)}{number}{foreign}{withheld}{batch}.",
                event.cost,
                event.account,
            )
        case SpendReversed(spend, account, cost, posted_on):
            sentence = f"Reversed {spend}, {cost} on account {account}, posted on {_day(posted_on)}."
            return Told(sentence, Money(-cost.amount, cost.currency), account)
        case SpendRecoded(spend, left, reached, cost, posted_on):
            return Told(
                f"Recoded {spend}, {cost}, from account {left} to {reached}, posted on {_day(posted_on)}.",
                cost,
                left,
                reached,
                before={"account": left},
                after={"account": reached},
            )
        case SpendOutsideBudget(flag, spend, account, budget, cost, because):
            why = {
                "no_budget_in_force": "no budget is in force",
                "unknown_account": f"{budget} has no such account",
                "contingency_takes_no_spend": f"it is the contingency of {budget}, which takes no spend",
            }[because.value]
            return Told(f"{flag}: {spend}, {cost}, is outside the budget: account {account}, {why}.", cost, account)
        case AccountOverspent(flag, entry, account, budget, budgeted, spent, over):
            cause = f"With {entry}" if entry else f"Under {budget}"
            return Told(
                f"{flag}: {cause[0].lower()}{cause[1:]}, account {account} has spent {spent} "
                f"of {budgeted}, {over} over {budget}.",
                over,
                account,
            )
        case SpendAlert(flag, scope, of, percent, budget, budgeted, spent):
            about = {"account": f"account {of}", "level": f"the level {_words(of or '')}", "total": "the whole"}[scope]
            return Told(
                f"{flag}: {spent} of {budgeted} is spent on {about} of {budget}, {percent} % or more.",
                spent,
                of if scope is AlertScope.ACCOUNT else None,
            )
        case PaymentReleased(spend, paid=paid):
            return Told(f"Released {spend}, {paid}, for payment.", paid)
        case DuplicateSuspected(flag, spend, earlier):
            return Told(f"{flag}: {spend} looks like {earlier} again: same vendor, amount, date and document.")
