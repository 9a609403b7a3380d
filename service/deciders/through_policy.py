"""Rounds: what a command does where the policy wants it approved, and what follows from each answer.

A command that the policy wants approved opens a round in the place of what it would do. When the round passes, it is
decided again, against what is so then, as the act of whoever asked for it: an approval is a word, not a lock.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from events import OfProduction
from events.approval import ApprovalEvent, ApprovalGiven, ContentReplaced, RequestApproved, RequestRecalled
from events.commitment import AmendmentSubmitted, CommitmentSubmitted, RequisitionRaised
from events.ids import BudgetId, RoundId
from events.policy import BY_ASKING, RequestKind
from events.spend import PaymentReleased

from . import approval, commitment, payment, policy, submission
from .approval import (
    Abstain,
    ApprovalCommand,
    Approve,
    CannotTakeEffect,
    CloseCondition,
    Decision,
    NobodyApproved,
    Nudge,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from .authority import MAY_SEND
from .budget import SetBudget
from .change import DrawContingency, RequestOverage, TransferBudget
from .own_rules import ANEW, DirectCommand, by_own_rules, is_waiting
from .payment import RequestPayment
from .policy import AdoptApprovalPolicy, Chosen, PolicyIsProposed, Request
from .production import Production, held
from .refusal import Refusal, words
from .request import requested
from .requisition import still_available
from .rounds import Outcome, Round, lapsed, onward
from .situation import Situation, after, flags_of, situated
from .spend import RecodeSpend

#: What is held while its round is open.
HELD_MEANWHILE = (RequisitionRaised, CommitmentSubmitted, AmendmentSubmitted)


#: What is asked of executive producers while no policy is adopted; a budget's own facts say all there is to say of it.
ASKED_WITHOUT_A_POLICY = (RequestOverage, TransferBudget, DrawContingency, AdoptApprovalPolicy)


def through_policy(command: DirectCommand, happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """G2, G3: what the command makes happen, or the round that it opens instead."""
    if isinstance(command, SetBudget):
        return _replaced(happened, situation)
    production, metadata = situation.production, situation.metadata
    policies, rounds = production.policies, production.approvals
    if policies.in_force is None and not isinstance(command, ASKED_WITHOUT_A_POLICY):
        return happened
    request = requested(command, happened, production, metadata)
    if request is None:
        return happened
    if overtaken := _overtaken_by(request, situation):
        return [*overtaken, *through_policy(command, happened, situated(situation, overtaken))]
    rule = policy.chosen(request, policies, rounds.beside(request.kind, request.subject), metadata.at.date())
    if not rule.steps and isinstance(command, RequestPayment | RecodeSpend):
        steps = payment.asked_as_before(production.spending.payable(command.spend), rounds)
        rule = replace(rule, rule="What was turned down", steps=steps) if steps else rule
    if request.kind in (RequestKind.POLICY_CHANGE, *BY_ASKING):
        rule = policy.reachable(rule, situation.around.standing)
    if request.paid_out and not rule.steps:
        return happened
    round_id = f"A-{len(rounds.rounds) + 1}"
    asked = approval.request_approval(request, rule, round_id)
    if isinstance(command, RecodeSpend):
        return [*happened, *_asked_anew(request, rule, asked, situation)]
    if request.kind is RequestKind.BUDGET or is_of_an_entry(request):
        happened = [*happened, *asked]
        if rule.steps:
            return [*happened, *_onward(round_id, happened, situation)]
        at_once = request.kind is RequestKind.BUDGET
        return [*happened, *(_effects(round_id, after(happened, situation), situation) if at_once else ())]
    if not rule.steps:
        return [*asked, *happened]
    situation = replace(situation, flags=flags_of(production))  # what would have been raised was not
    if request.kind in (RequestKind.COMMITMENT, RequestKind.REQUISITION):
        opened = [*(each for each in happened if isinstance(each, HELD_MEANWHILE)), *asked]
        return [*opened, *_onward(round_id, opened, situation)]
    for number, each in _alike(request, production):
        if each.content_hash == request.content_hash:
            return []  # it is asked for already
        if each.kind is RequestKind.POLICY_CHANGE:
            raise PolicyIsProposed(each.subject, number, each.by)
    return _signed_in_lately(_consenting(round_id, asked, situation), situation)


def _overtaken_by(request: Request, situation: Situation) -> list[OfProduction]:
    """What asks for the same and can be taken further by nobody: it does not count beside what is asked for anew."""
    alike = _alike(request, situation.production)
    return [RequestRecalled(number, each.subject, ANEW) for number, each in alike if _is_orphaned(each, situation)]


def _alike(request: Request, production: Production) -> list[tuple[RoundId, Round]]:
    """The open rounds on commands that ask for the same, or for another policy."""
    approvals, changes_policy = production.approvals, request.kind is RequestKind.POLICY_CHANGE
    found = approvals.open_ones() if changes_policy else approvals.about(request.kind, request.subject)
    return [
        (number, each)
        for number, each in found
        if (each.outcome, each.kind) == (Outcome.OPEN, request.kind) and each.command is not None
    ]


def _signed_in_lately(happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """A11: the same; what passes by asking for it, as nobody else is there, takes the sign-in of who would approve."""
    passed = next((fact.round for fact in happened if isinstance(fact, RequestApproved)), None)
    if passed is not None and not any(isinstance(fact, ApprovalGiven) for fact in happened):
        asked = after(happened, situation).approvals.rounds[passed]
        approval.signed_in_lately(asked, situation.metadata, situation.signed_in)
    return happened


def _replaced(happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """A1: the same; a round whose content is another one by now goes on with that."""
    rounds = [event.round for event in happened if isinstance(event, ContentReplaced)]
    return [*happened, *(fact for number in rounds for fact in _onward(number, happened, situation))]


def is_of_an_entry(asked: Request | Round) -> bool:
    """Whether it is about paying what was spent already; else nothing is paid before it is approved, as an advance."""
    return asked.kind is RequestKind.PAYMENT and asked.command is None


def _is_orphaned(asked: Round, situation: Situation) -> bool:
    """Whether who asked for it may do so no more, or it is a policy that nobody is left to decide on."""
    nobody_decides = not is_waiting(situation.around, asked)
    return not _may_still(asked, situation) or (asked.kind is RequestKind.POLICY_CHANGE and nobody_decides)


def _may_still(asked: Round, situation: Situation) -> bool:
    """Whether who asked for it is still somebody who may."""
    theirs = replace(situation.metadata, actor=asked.by, on_behalf_of=asked.on_behalf_of)
    roles = held(situation.production, situation.company, asked.on_behalf_of or asked.by, theirs)
    return asked.command is not None and bool(set(MAY_SEND[_COMMANDS[asked.command]]) & set(roles))


def _consenting(round_id: RoundId, asked: list[ApprovalEvent], situation: Situation) -> list[OfProduction]:
    """G1: who proposes a policy, and is asked about it, approves it by proposing it."""
    opened = after(asked, situation)
    this, around = opened.approvals.rounds[round_id], situated(situation, asked).around
    seat = situation.metadata.on_behalf_of or situation.metadata.actor
    fresh = approval.is_fresh(this, situation.signed_in, situation.metadata.at)
    if this.kind is not RequestKind.POLICY_CHANGE or seat not in around.seats(this, 0) or not fresh:
        return [*asked, *_onward(round_id, asked, situation)]
    consent = ApprovalGiven(round_id, this.subject, this.content_hash, None, 0, ())
    return [*asked, consent, *_onward(round_id, [*asked, consent], situation)]


def _asked_anew(request: Request, rule: Chosen, asked: list[ApprovalEvent], situation: Situation) -> list[OfProduction]:
    """S10: the payment of what is recoded is asked about anew, under the rule for the account that it moved to."""
    rounds = situation.production.approvals.about(request.kind, request.subject)
    before, last = rounds[-1] if rounds else (None, None)
    outcome = None if last is None else last.outcome
    of_other_heads = any(approver.department_head for step in rule.steps for approver in step.approvers)
    again = last is None or outcome is Outcome.OPEN or of_other_heads or last.steps != rule.steps
    if not rule.steps and outcome is Outcome.OPEN and before is not None:
        return [RequestRecalled(before, request.subject, "it is recoded"), *asked]
    if not rule.steps or not again or outcome not in (None, Outcome.OPEN, Outcome.APPROVED):
        return []
    happened: list[OfProduction] = []
    if before is not None and outcome is Outcome.OPEN:
        happened.append(RequestRecalled(before, request.subject, "it is recoded"))
    happened += asked
    return [*happened, *_onward(f"A-{len(situation.production.approvals.rounds) + 1}", happened, situation)]


def answered(command: ApprovalCommand, situation: Situation) -> list[OfProduction]:
    """What is done about a round, and what follows from it; with the last approval it takes effect."""
    gone = _lapsed_before(command, situation)
    situation = situated(situation, gone)
    rounds, metadata, roles = situation.production.approvals, situation.metadata, situation.roles
    around = situation.around
    match command:
        case Approve():
            answered = approval.approve(command, rounds, around, metadata, situation.signed_in)
        case Abstain():
            answered = approval.abstain(command, rounds, around, metadata)
        case RequestChanges():
            answered = approval.request_changes(command, rounds, around, metadata)
        case Reject():
            answered = approval.reject(command, rounds, around, metadata)
        case WithdrawVote():
            answered = approval.withdraw_vote(command, rounds, metadata)
        case RecallRequest():
            answered = approval.recall_request(command, rounds, metadata)
        case Nudge():
            answered = approval.nudge(command, rounds, around)
        case ReassignStep():
            answered = approval.reassign_step(command, rounds, around, roles, metadata)
        case OverrideStep():
            answered = approval.override_step(command, rounds, around, roles, metadata, situation.signed_in)
        case CloseCondition():
            answered = approval.close_condition(command, rounds, around, roles, metadata, situation.signed_in)
    if not answered and not isinstance(command, Nudge):
        return []
    if isinstance(command, WithdrawVote):
        return [*gone, *answered]  # nothing takes effect by taking a yes back
    insists = isinstance(command, Approve | OverrideStep | CloseCondition)
    return [*gone, *answered, *_onward(command.round, answered, situation, insists=insists)]


def _lapsed_before(command: ApprovalCommand, situation: Situation) -> list[ApprovalEvent]:
    """A8: what counts no more, where the step that is asked without it is meant; else it lapses by what is said now."""
    approvals, around = situation.production.approvals, situation.around
    asked = approvals.rounds.get(command.round)
    if asked is None or asked.outcome is not Outcome.OPEN or not isinstance(command, Decision | ReassignStep):
        return []
    seat = situation.metadata.on_behalf_of or situation.metadata.actor
    if seat in around.seats(asked, asked.step) and not isinstance(command, OverrideStep | ReassignStep):
        return []
    gone, _ = lapsed(command.round, approvals, around, situation.metadata)
    return gone


def _onward(
    round_id: RoundId, happened: Sequence[OfProduction], situation: Situation, *, insists: bool = False
) -> list[OfProduction]:
    """A6, A8 to A10: what follows in a round, up to its effect.

    Args:
        insists: whether it was to take effect by this; else a round that nobody approved whom it asks stays open.
    """
    production = after(happened, situation)
    asked = production.approvals.rounds[round_id]
    if asked.outcome is not Outcome.OPEN:
        return []
    around = situated(situation, happened).around
    further, passes = onward(round_id, production.approvals, around, situation.metadata)
    if not passes:
        return [*further]
    if after([*happened, *further], situation).approvals.rounds[round_id].lacks_approval:
        if insists:
            raise NobodyApproved(round_id, asked.subject)
        return [*further]
    return [*further, *_effects(round_id, production, situation)]


def _effects(round_id: RoundId, production: Production, situation: Situation) -> list[OfProduction]:
    """A5, A1: what was asked for takes effect, decided again on what is so now."""
    asked = production.approvals.rounds[round_id]
    if asked.kind is RequestKind.BUDGET:
        return [
            *submission.put_in_force(
                round_id,
                asked.subject,
                production.budgets,
                production.spending,
                production.financing.shortfalls,
                situation.flags,
            ),
            *_overtaken(asked.subject, production),
        ]
    approved = RequestApproved(round_id, asked.kind, asked.subject, asked.content_hash, asked.amount)
    if asked.kind in (RequestKind.COMMITMENT, RequestKind.REQUISITION):
        known, available, roles = production.commitments, production.available, situation.roles
        try:
            if asked.kind is RequestKind.REQUISITION:
                still_available(asked.subject, known, available, roles)
                return [approved]
            return [approved, *commitment.takes_effect(asked.subject, known, available, roles, situation.flags)]
        except Refusal as refusal:
            raise CannotTakeEffect(asked.subject, str(refusal).removesuffix(".")) from None
    if is_of_an_entry(asked):
        entries = production.spending.paid_at_once(asked.subject)
        due = production.advances.due
        return [approved, *(PaymentReleased(each, entry.cost, due(each, entry)) for each, entry in entries.items())]
    assert asked.command is not None
    assert asked.body is not None
    command = _COMMANDS[asked.command].model_validate_json(asked.body)
    theirs = replace(situation.metadata, actor=asked.by, on_behalf_of=asked.on_behalf_of, reason=command.reason)
    roles = held(production, situation.company, asked.on_behalf_of or asked.by, theirs)
    if not _may_still(asked, situation):
        may = f"{words(MAY_SEND[type(command)])} may"
        raise CannotTakeEffect(asked.subject, f"{asked.on_behalf_of or asked.by} may not ask for it any more; {may}")
    try:
        effects = by_own_rules(command, replace(situation, production=production, metadata=theirs, roles=roles))
        now = requested(command, effects, production, theirs)
    except Refusal as refusal:
        raise CannotTakeEffect(asked.subject, str(refusal).removesuffix(".")) from None
    if now is not None and (now.subject, now.amount) != (asked.subject, asked.amount):
        was, is_now = (each.subject + ("" if each.amount is None else f", {each.amount},") for each in (asked, now))
        raise CannotTakeEffect(asked.subject, f"it was asked for as {was} and would be {is_now} by now")
    return [approved, *effects]


def _overtaken(budget: BudgetId, production: Production) -> list[OfProduction]:
    """M5: what was asked for beside the version that was in force."""
    beside = ((r, each) for r, each in production.approvals.open_ones() if each.kind in policy.CHANGES)
    return [RequestRecalled(r, each.subject, f"{budget} is in force") for r, each in beside]


#: Commands that may wait for approval are kept as they were sent.
_COMMANDS: dict[str, type[Any]] = {command.__name__: command for command in get_args(DirectCommand)}
