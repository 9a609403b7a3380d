"""Approval: a round asks its steps, one after the other, about one content.

open → approved, changes requested, rejected or recalled; a budget that is taken back is withdrawn.

A1  A round is bound to the content hash of what it asks about; an answer names the hash it saw, and a change of
    the content voids the approvals given.
A3  Nobody who proposed, edited or submitted what is asked for may approve it, nor who logged the spend behind it;
    nor may they by acting for somebody else, nor somebody else by acting for them.
A4  A round ends once.
A6  A step is answered by those whom it asks, once the steps before it have passed. A place that somebody was given
    who answers no more, or has changed what is asked about, is again theirs whose it was.
A7  One person fills one place of a round, for themselves or for another; two steps only where the policy says so.
A8  Who may answer is looked at when the answer is given and again when the round passes: what was given by somebody
    who may not give it any more has lapsed. Where a step is asked anew without it, it lapses before whoever that asks
    answers, or who deals with the step. A step stays passed over as long as who did so is who may.
A9  Conditions are met or waived by who set them, before the approval takes effect; where whoever set one is not asked
    any more, or may not approve by now, by somebody whom the step asks now and who may, or who may override it; and
    where there is neither, by an executive producer. Nobody of them had a hand in what is asked for. Whoever takes
    their approval back leaves its conditions standing; who abstains lets go of them.
A10 Where the policy names a role that may, somebody who holds it passes over a step, or gives somebody's place to
    another, for a reason; what nobody approved whom the policy asks, but who asked for it, never passes so. Nobody does
    where it is about who decides, or about cutting funding: the policy, an appointment, a source.
A11 An approval beyond the limit of a delegation, or with credentials that are not fresh enough, does not count, nor
    does an abstention beyond that limit; a condition is closed within both.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from events.approval import (
    Abstained,
    ApprovalEvent,
    ApprovalGiven,
    ApprovalRequested,
    ApprovedByPolicy,
    ApproversNudged,
    BudgetRejected,
    BudgetWithdrawn,
    ChangesRequested,
    ConditionMet,
    ConditionWaived,
    RequestRecalled,
    RequestRejected,
    StepOverridden,
    StepReassigned,
    VoteWithdrawn,
)
from events.envelope import Metadata
from events.ids import Digest, Memo, PersonId, RoundId
from events.money import Money
from events.policy import RequestKind
from events.team import Role

from .command import Command
from .delegation import beyond
from .policy import NEVER_PASSED_OVER, Chosen, Request
from .refusal import Conflicting, Forbidden, Missing
from .rounds import Approvals, Circumstances, Outcome, Round, Vote


@dataclass
class RoundIsMissing(Missing):
    """The production has no approval round {round}."""

    rule = "A4"
    otherwise = "Look up the rounds in the approval status."
    round: RoundId


@dataclass
class RoundIsClosed(Conflicting):
    """Round {round} on {subject} ended: {outcome}."""

    rule = "A4"
    otherwise = "Whoever may ask for it may open a new round with what should be decided."
    round: RoundId
    subject: str
    outcome: str


@dataclass
class ContentHasChanged(Conflicting):
    """Round {round} asks about content {asked}; you saw {seen}, {compared}."""

    rule = "A1"
    otherwise = "Read what the round asks about and decide on that content."
    round: RoundId
    #: None to whom it is not shown.
    asked: Digest | None
    seen: Digest
    compared: str

    @override
    def __str__(self) -> str:
        if self.asked is not None:
            return super().__str__()
        return self._filled("Round {round} asks about content not shown to your roles; you saw {seen}, {compared}.")


@dataclass
class ApproverSetTheBudget(Forbidden):
    """{approver} drafted it, set figures that it takes over, or submitted it, and may not approve {budget}."""

    rule = "A3"
    otherwise = (
        "Somebody else whom the round asks, who had no hand in it, may; where it asks nobody else, an executive"
        " producer may appoint somebody."
    )
    approver: PersonId
    budget: str


@dataclass
class ApproverIsSubmitter(Forbidden):
    """{approver} submitted {budget} and may not approve it."""

    rule = "A3"
    otherwise = (
        "Somebody else whom the round asks may; where it asks nobody else, an executive producer may appoint somebody."
    )
    approver: PersonId
    budget: str


@dataclass
class ApproverHadAHandInIt(Forbidden):
    """{approver} had a hand in {subject}: asked for it, submitted it, logged the spend behind it, or is paid by it."""

    rule = "A3"
    otherwise = (
        "Somebody else whom the round asks may; where it asks nobody else, an executive producer may appoint somebody."
    )
    approver: PersonId
    subject: str


@dataclass
class NotAsked(Forbidden):
    """{person} is not asked now: {round} is at step {step} of {steps}, which asks {asked}."""

    rule = "A6"
    otherwise = "They may answer, or one of them may reassign their place."
    person: PersonId
    round: RoundId
    step: int
    steps: int
    asked: tuple[PersonId, ...]

    @override
    def advice(self) -> str:
        if self.asked:
            return self._filled(self.otherwise)
        return "Nobody is what the step asks for and had no hand in it: an executive producer may appoint somebody."


@dataclass
class PersonFillsAnotherPlace(Forbidden):
    """{person} {did} in {round} already, for {seat} in step {step}; one person fills one place."""

    rule = "A7"
    otherwise = "Somebody else whom the round asks may answer, or the first answer may be withdrawn."
    person: PersonId
    round: RoundId
    seat: PersonId
    step: int
    #: Or passed over a step, which is never taken back.
    did: str = "answered"

    @override
    def advice(self) -> str:
        if self.did == _PASSED_OVER:
            return "Somebody else may do this; that a step was passed over is never taken back."
        return self._filled(self.otherwise)


@dataclass
class DealtWithIt(Forbidden):
    """{person} passed over a step of {round}, or gave somebody's place away, and answers nothing in it as well."""

    rule = "A7"
    otherwise = "Somebody else whom the round asks may answer."
    person: PersonId
    round: RoundId


@dataclass
class BeyondDelegation(Forbidden):
    """{person} acts for {grantor} on amounts up to {limit}; the amount of this is {amount}."""

    rule = "A11"
    otherwise = "{grantor} may do it in person, or delegate more; a limit is of amounts in its own currency."
    person: PersonId
    grantor: PersonId
    limit: Money
    #: None of what is not about money, which a limit is never wide enough for.
    amount: Money | None


@dataclass
class CredentialsAreNotFresh(Forbidden):
    """Approving {subject} and what counts with it takes a sign-in not older than {minutes} min; yours: {signed_in}."""

    rule = "A11"
    otherwise = "Sign in again, and send it with the new token."
    #: With the amount, if it is about one.
    subject: str
    minutes: int
    signed_in: str


@dataclass
class CannotTakeEffect(Conflicting):
    """{subject} would have its approvals, but what was asked for is not possible any more: {because}."""

    rule = "A1"
    otherwise = "Mend what is in its way and answer again, or whoever asked for it may recall it."
    subject: str
    because: str


@dataclass
class NoAnswerToWithdraw(Missing):
    """{seat} has no answer in {round} that could be withdrawn."""

    rule = "A4"
    otherwise = "Look up the answers in the approval status."
    seat: PersonId
    round: RoundId


@dataclass
class NotWhoAskedForIt(Forbidden):
    """{subject} was asked for by {requester}, and {round} is theirs."""

    rule = "A4"
    otherwise = "{requester} may do this; an approver may request changes or reject it."
    subject: str
    requester: PersonId
    round: RoundId


@dataclass
class ConditionIsMissing(Missing):
    """{round} has no open condition {condition}."""

    rule = "A9"
    otherwise = "Look up the conditions in the approval status."
    round: RoundId
    condition: int


@dataclass
class ConditionIsNotYours(Forbidden):
    """Condition {condition} of {round} was set by {setter}, and is closed by {may}."""

    rule = "A9"
    otherwise = "They say whether it is met, or waive it."
    round: RoundId
    condition: int
    setter: PersonId
    may: tuple[PersonId, ...]


@dataclass
class NobodyOverrides(Forbidden):
    """Whom the policy of {round} lets pass over a step: {role}; you are {yours}."""

    rule = "A10"
    otherwise = "Those whom the step asks may answer; another policy would let somebody override."
    round: RoundId
    role: Role | None
    yours: tuple[Role, ...]


@dataclass
class NoStepIsLeft(Conflicting):
    """Every step of {round} has passed; {subject} waits for its conditions alone: {conditions}, of {whose}."""

    rule = "A9"
    otherwise = "{whose} may say that they are met, or waive them (`close-condition`)."
    round: RoundId
    subject: str
    conditions: tuple[int, ...]
    #: Who may close one of them.
    whose: tuple[PersonId, ...]


@dataclass
class NobodyApproved(Conflicting):
    """Nobody whom the rule of {round} asks has approved {subject}; its maker's word or an override is not enough."""

    rule = "A10"
    otherwise = (
        "One whom a step asks may approve it, or to whom they gave their place themselves; a place that others gave"
        " away may be given back (`reassign-step`); or it is recalled and asked anew."
    )
    round: RoundId
    subject: str


@dataclass
class PlaceIsNotYours(Forbidden):
    """The place in {round} is {seat}'s to give away, or that of who may override the step: {role}."""

    rule = "A6"
    otherwise = "{seat} may reassign it, or set an absence with a substitute."
    round: RoundId
    seat: PersonId
    role: Role | None


@dataclass
class CannotBeReassigned(Conflicting):
    """{round} cannot be moved from {seat} to {to} in step {step}: {because}."""

    rule = "A6"
    otherwise = "Name one whom the step asks, and another who holds a role and had no hand in what is asked for."
    round: RoundId
    seat: PersonId
    to: PersonId
    step: int
    because: str


#: What somebody did who overrode.
_PASSED_OVER = "passed over a step"
#: For examples: a content as somebody saw it.
SEEN = "1ece4088d3db221f795a90f5623ca426f27543b7a42c1abb0be4c5edb0645597"

_FOUND = (RoundIsMissing, RoundIsClosed)
_ASKED = (*_FOUND, NoStepIsLeft, NotAsked, ContentHasChanged)
_PASSES = (CannotTakeEffect,)
_TAKES_EFFECT = (NobodyApproved, *_PASSES)


class OnRound(Command):
    """What is done about a round."""

    round: RoundId = Field(description="As the approval status and the inbox name it.")


class Decision(OnRound):
    """An answer to a round, on the content that was seen."""

    content_hash: Digest = Field(
        description="Of what you saw; refused when the round asks about something else by now."
    )


class Approve(Decision):
    """Somebody whom the round asks approves the content they saw; with the last approval it needs it takes effect."""

    refusals = (
        *_ASKED,
        ApproverSetTheBudget,
        ApproverIsSubmitter,
        ApproverHadAHandInIt,
        DealtWithIt,
        PersonFillsAnotherPlace,
        BeyondDelegation,
        CredentialsAreNotFresh,
        *_TAKES_EFFECT,
    )
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "Good to go."}

    words: Memo | None = None
    conditions: tuple[Memo, ...] = Field(
        (), max_length=20, description="What must be met, or waived by you, before it takes effect."
    )


class Abstain(Decision):
    """Somebody whom the round asks leaves the answer to the others, and is not waited for."""

    refusals = (
        *(*_ASKED, ApproverSetTheBudget, ApproverIsSubmitter, ApproverHadAHandInIt, DealtWithIt),
        *(PersonFillsAnotherPlace, BeyondDelegation, *_PASSES),
    )
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "The vendor is my brother."}

    words: Memo | None = None


class RequestChanges(Decision):
    """Somebody whom the round asks says what to change; the round ends, and a budget is a draft again."""

    refusals = _ASKED
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "Bring transport under 1.5 million."}

    words: Memo


class Reject(Decision):
    """Somebody whom the round asks turns it down and says why; the round ends."""

    refusals = _ASKED
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "Not at this price."}

    words: Memo


class WithdrawVote(OnRound):
    """Somebody takes their approval or abstention back while the round is open."""

    refusals = (*_FOUND, NoAnswerToWithdraw)
    example: ClassVar = {"round": "A-1", "reason": "The cover changed."}


class RecallRequest(OnRound):
    """Whoever asked for it takes it back, and the round ends; a budget is a draft again."""

    refusals = (*_FOUND, NotWhoAskedForIt)
    example: ClassVar = {"round": "A-1", "reason": "The vendor came down."}


class Nudge(OnRound):
    """Those whom the round waits for are reminded; a round that waits for nobody any more moves on."""

    refusals = (*_FOUND, *_PASSES)
    example: ClassVar = {"round": "A-1", "reason": "We shoot on Monday."}


class ReassignStep(OnRound):
    """Somebody whom the step asks gives their place to another; whoever may override the step may do it for them."""

    refusals = (
        *(*_FOUND, PlaceIsNotYours, ApproverSetTheBudget, ApproverIsSubmitter, ApproverHadAHandInIt),
        *(PersonFillsAnotherPlace, CannotBeReassigned),
    )
    example: ClassVar = {"round": "A-1", "seat": "adele", "to": "carl", "reason": "Adele is on a flight."}

    seat: PersonId = Field(description="Who is asked now.")
    to: PersonId = Field(description="Who is asked in their place: somebody with a role, who had no hand in it.")
    reason: Memo


class OverrideStep(Decision):
    """Whoever holds the role that the policy names for it passes over the step that the round is at, for a reason."""

    refusals = (
        *(*_FOUND, NobodyOverrides, ContentHasChanged, NoStepIsLeft),
        *(ApproverSetTheBudget, ApproverIsSubmitter, ApproverHadAHandInIt),
        *(DealtWithIt, PersonFillsAnotherPlace, CredentialsAreNotFresh),
        *_TAKES_EFFECT,
    )
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "reason": "The guarantor went out of business."}

    reason: Memo


class CloseCondition(OnRound):
    """Whoever set a condition says that it is met, or waives it; with the last one the approval takes effect."""

    refusals = (
        *(*_FOUND, ConditionIsMissing, ConditionIsNotYours),
        *(ApproverSetTheBudget, ApproverIsSubmitter, ApproverHadAHandInIt, BeyondDelegation, CredentialsAreNotFresh),
        *_TAKES_EFFECT,
    )
    example: ClassVar = {"round": "A-1", "condition": 1, "waived": False, "words": "The permit came."}

    condition: int = Field(ge=1, description="From 1 on, in the order they were set.")
    waived: bool = Field(description="False when it is met.")
    words: Memo


ApprovalCommand = (
    Approve
    | Abstain
    | RequestChanges
    | Reject
    | WithdrawVote
    | RecallRequest
    | Nudge
    | ReassignStep
    | OverrideStep
    | CloseCondition
)


def request_approval(request: Request, rule: Chosen, round_id: RoundId) -> list[ApprovalEvent]:
    """The round that a request opens, or that it needs none."""
    if not rule.steps:
        if rule.policy is None or rule.rule is None:
            return []
        return [
            ApprovedByPolicy(
                kind=request.kind,
                subject=request.subject,
                amount=request.amount,
                counted=rule.counted,
                accounts=request.accounts,
                vendor=request.vendor,
                policy=rule.policy,
                rule=rule.rule,
            )
        ]
    return [
        ApprovalRequested(
            round=round_id,
            kind=request.kind,
            subject=request.subject,
            content_hash=request.content_hash,
            amount=request.amount,
            counted=rule.counted,
            accounts=request.accounts,
            vendor=request.vendor,
            policy=rule.policy,
            rule=rule.rule,
            steps=rule.steps,
            one_person_may_fill_two_steps=rule.terms.one_person_may_fill_two_steps,
            override_by=None if request.kind in NEVER_PASSED_OVER else rule.terms.override_by,
            fresh_minutes=fresh_minutes(request, rule),
            excluded=tuple(sorted(request.excluded)),
            command=None if request.command is None else type(request.command).__name__,
            body=request.content if request.command is None else request.command.model_dump_json(exclude_unset=True),
        )
    ]


def fresh_minutes(request: Request, rule: Chosen) -> int | None:
    """A11: how fresh the credentials of who approves it must be; always fresh for a change of the policy itself."""
    fresh_from = rule.terms.fresh_from
    if fresh_from is None:
        return None
    reached = request.unmeasured is not None or (rule.counted is not None and rule.counted.amount >= fresh_from)
    return rule.terms.fresh_minutes if reached or request.kind is RequestKind.POLICY_CHANGE else None


def is_fresh(asked: Round, signed_in: datetime | None, at: datetime) -> bool:
    """A11: whether who signed in then may approve it now."""
    if asked.fresh_minutes is None:
        return True
    return signed_in is not None and at - signed_in <= timedelta(minutes=asked.fresh_minutes)


def approve(
    command: Approve, approvals: Approvals, around: Circumstances, metadata: Metadata, signed_in: datetime | None
) -> list[ApprovalEvent]:
    """A1, A3, A6, A7, A11; approving once more what one has approved does nothing but set further conditions."""
    if _approved_already(command, approvals, around, metadata):
        return []
    asked = _answered(command, approvals, around, metadata)
    _may_approve(command.round, asked, around, metadata, signed_in)
    stand = asked.set_by(metadata.on_behalf_of or metadata.actor)
    conditions = tuple(condition for condition in command.conditions if condition not in stand)
    given = (asked.subject, asked.content_hash, command.words, asked.step, conditions)
    return [ApprovalGiven(command.round, *given)]


def abstain(command: Abstain, approvals: Approvals, around: Circumstances, metadata: Metadata) -> list[ApprovalEvent]:
    """A1, A3, A6, A7, A11; abstaining once more does nothing."""
    asked = _answered(command, approvals, around, metadata)
    seat = metadata.on_behalf_of or metadata.actor
    vote = Vote(seat, metadata.actor, asked.step, approves=False, gave=asked.gave(seat))
    if vote in asked.votes:
        return []
    persons = metadata.persons | asked.gave(seat)
    _had_no_hand_in_it(asked, around, persons)  # or whoever asked for it could say that one place is not waited for
    _fills_one_place(command.round, asked, seat, persons)
    _within_limit(asked, around, metadata)  # where all are asked, one who abstains lets it pass
    return [Abstained(command.round, asked.subject, asked.content_hash, command.words, asked.step)]


def request_changes(
    command: RequestChanges, approvals: Approvals, around: Circumstances, metadata: Metadata
) -> list[ApprovalEvent]:
    """A1, A4, A6."""
    asked = _answered(command, approvals, around, metadata)
    return [ChangesRequested(command.round, asked.subject, asked.content_hash, command.words)]


def reject(command: Reject, approvals: Approvals, around: Circumstances, metadata: Metadata) -> list[ApprovalEvent]:
    """A1, A4, A6."""
    asked = _answered(command, approvals, around, metadata)
    no = BudgetRejected if asked.kind is RequestKind.BUDGET else RequestRejected
    return [no(command.round, asked.subject, asked.content_hash, command.words)]


def withdraw_vote(command: WithdrawVote, approvals: Approvals, metadata: Metadata) -> list[ApprovalEvent]:
    """A4."""
    asked = open_round(command.round, approvals)
    seat = metadata.on_behalf_of or metadata.actor
    if not any(vote.seat == seat and (vote.approves or vote.step not in asked.passed_over) for vote in asked.votes):
        raise NoAnswerToWithdraw(seat, command.round)
    return [VoteWithdrawn(command.round, asked.subject, seat)]


def recall_request(command: RecallRequest, approvals: Approvals, metadata: Metadata) -> list[ApprovalEvent]:
    """A4."""
    asked = open_round(command.round, approvals)
    if not metadata.persons & asked.requesters:
        raise NotWhoAskedForIt(asked.subject, asked.by, command.round)
    if asked.kind is RequestKind.BUDGET:
        return [BudgetWithdrawn(command.round, asked.subject)]
    return [RequestRecalled(command.round, asked.subject, because=None)]


def nudge(command: Nudge, approvals: Approvals, around: Circumstances) -> list[ApprovalEvent]:
    """Who has yet to answer is reminded; when nobody has, nothing happens but what was due."""
    asked = open_round(command.round, approvals)
    waits_for = around.waits_for(asked)
    return [ApproversNudged(command.round, asked.subject, waits_for)] if waits_for else []


def reassign_step(
    command: ReassignStep, approvals: Approvals, around: Circumstances, roles: Collection[Role], metadata: Metadata
) -> list[ApprovalEvent]:
    """A6; whose place it is may give it away, or who may override the step."""
    asked = open_round(command.round, approvals)
    seat, to = command.seat, command.to
    if command.seat not in metadata.persons and asked.override_by not in roles:
        raise PlaceIsNotYours(command.round, seat, asked.override_by)
    _did_not_ask_for_it(asked, around, metadata.persons)  # nobody chooses who approves what they ask for
    for vote in asked.votes if seat not in metadata.persons else ():  # nor what they have answered themselves
        if both := vote.persons & metadata.persons:
            did = _PASSED_OVER if both & asked.overriders else "answered"
            raise PersonFillsAnotherPlace(min(both), command.round, vote.seat, vote.step + 1, did)
    because: str | None = None
    if seat not in around.waits_for(asked):
        because = f"{seat} is not waited for"
    elif to in around.seats(asked, asked.step):
        because = f"{to} is asked already"
    elif not set(around.standing.roles.get(to, ())) - {Role.AUDITOR}:
        because = f"{to} holds no role that approves"
    elif not around.of_one_company(seat, to):
        because = f"{seat} and {to} are not of one company, and guests stand in for their own alone"
    elif to in around.excluded(asked):
        because = f"{to} had a hand in what is asked for"
    elif asked.other_places(seat, {to}):
        because = f"{to} fills another place of the round"
    if because is not None:
        raise CannotBeReassigned(command.round, seat, to, asked.step + 1, because)
    return [StepReassigned(command.round, asked.subject, asked.step, seat, to)]


def override_step(
    command: OverrideStep,
    approvals: Approvals,
    around: Circumstances,
    roles: Collection[Role],
    metadata: Metadata,
    signed_in: datetime | None,
) -> list[ApprovalEvent]:
    """A1, A3, A7, A10, A11."""
    asked = open_round(command.round, approvals)
    if asked.override_by is None or asked.override_by not in roles:
        raise NobodyOverrides(command.round, asked.override_by, tuple(roles))
    _seen(command, asked, around)
    _has_steps(command.round, asked, around)
    if asked.step == len(asked.steps):
        raise NobodyApproved(command.round, asked.subject)
    _did_not_ask_for_it(asked, around, metadata.persons)
    _may_approve(command.round, asked, around, metadata, signed_in)
    for vote in asked.votes:  # in the step itself as well: one's own word is not enough for the others'
        if vote.persons & metadata.persons and vote.step == asked.step:
            raise PersonFillsAnotherPlace(min(vote.persons & metadata.persons), command.round, vote.seat, vote.step + 1)
    by_others = any(vote.approves and not vote.persons & metadata.persons for vote in asked.votes)
    is_last = asked.passed_over.issuperset(range(asked.step + 1, len(asked.steps)))
    if is_last and not by_others:
        raise NobodyApproved(command.round, asked.subject)
    return [StepOverridden(command.round, asked.subject, asked.content_hash, asked.step)]


def close_condition(
    command: CloseCondition,
    approvals: Approvals,
    around: Circumstances,
    roles: Collection[Role],
    metadata: Metadata,
    signed_in: datetime | None,
) -> list[ApprovalEvent]:
    """A3, A9, A11: with the last condition it takes effect, so it is closed as it is approved."""
    asked = open_round(command.round, approvals)
    number = command.condition
    if number > len(asked.conditions) or not asked.conditions[number - 1].open:
        raise ConditionIsMissing(command.round, number)
    condition = asked.conditions[number - 1]
    heirs = around.heirs(asked, condition)
    if (metadata.on_behalf_of or metadata.actor) not in heirs:
        raise ConditionIsNotYours(command.round, number, condition.seat, heirs)
    _had_no_hand_in_it(asked, around, metadata.persons)
    _within_limit(asked, around, metadata)
    signed_in_lately(asked, metadata, signed_in)
    closed = ConditionWaived if command.waived else ConditionMet
    return [closed(command.round, asked.subject, number, command.words)]


def open_round(round_id: RoundId, approvals: Approvals) -> Round:
    """The round of that number, if it is open."""
    asked = approvals.rounds.get(round_id)
    if asked is None:
        raise RoundIsMissing(round_id)
    if asked.outcome is not Outcome.OPEN:
        raise RoundIsClosed(round_id, asked.subject, asked.outcome.value.replace("_", " "))
    return asked


def _approved_already(command: Approve, approvals: Approvals, around: Circumstances, metadata: Metadata) -> bool:
    """Whether this very approval counts, and is not asked for in one more step."""
    asked, seat = approvals.rounds.get(command.round), metadata.on_behalf_of or metadata.actor
    if asked is None or asked.content_hash != command.content_hash:
        return False
    if asked.outcome is not Outcome.OPEN:
        return asked.outcome is Outcome.APPROVED and asked.approver == metadata.actor
    if not asked.set_by(seat).issuperset(command.conditions):
        return False
    steps = [vote.step for vote in asked.votes if vote.seat == seat and vote.approves]
    return bool(steps) and (asked.step in steps or seat not in around.seats(asked, asked.step))


def _answered(command: Decision, approvals: Approvals, around: Circumstances, metadata: Metadata) -> Round:
    """A1, A6: the round, if it asks whoever answers about what they saw."""
    asked = open_round(command.round, approvals)
    _has_steps(command.round, asked, around)
    seat, seats = metadata.on_behalf_of or metadata.actor, around.seats(asked, asked.step)
    if seat not in seats:
        step, barred = min(asked.step + 1, len(asked.steps)), around.excluded(asked) | asked.dealers
        may = tuple(each for each in seats if each not in barred)
        raise NotAsked(seat, command.round, step, len(asked.steps), may)
    _seen(command, asked, around)  # of those alone whom it asks: others could try hashes until one fits
    return asked


def _has_steps(round_id: RoundId, asked: Round, around: Circumstances) -> None:
    """A9: whether it waits for more than conditions."""
    waits = {number: condition for number, condition in enumerate(asked.conditions, 1) if condition.open}
    if asked.step == len(asked.steps) and waits:
        whose = {heir for condition in waits.values() for heir in around.heirs(asked, condition)}
        raise NoStepIsLeft(round_id, asked.subject, tuple(waits), tuple(sorted(whose)))


def _seen(command: Decision, asked: Round, around: Circumstances) -> None:
    if command.content_hash != asked.content_hash:
        compared = around.compared(asked, command.content_hash)
        raise ContentHasChanged(command.round, asked.content_hash, command.content_hash, compared)


def _may_approve(
    round_id: RoundId, asked: Round, around: Circumstances, metadata: Metadata, signed_in: datetime | None
) -> None:
    """A3, A7, A11."""
    seat = metadata.on_behalf_of or metadata.actor
    persons = metadata.persons | asked.gave(seat)
    _had_no_hand_in_it(asked, around, persons)
    _fills_one_place(round_id, asked, seat, persons)
    _within_limit(asked, around, metadata)
    signed_in_lately(asked, metadata, signed_in)


def _within_limit(asked: Round, around: Circumstances, metadata: Metadata) -> None:
    """D4."""
    if (limit := beyond(around.limits, asked.amount)) is not None:
        seat = metadata.on_behalf_of or metadata.actor
        raise BeyondDelegation(metadata.actor, seat, limit, asked.amount)


def signed_in_lately(asked: Round, metadata: Metadata, signed_in: datetime | None) -> None:
    """A11."""
    if asked.fresh_minutes is not None and not is_fresh(asked, signed_in, metadata.at):
        said = "an unknown time" if signed_in is None else f"{signed_in:%Y-%m-%d %H:%M} UTC"
        subject = asked.subject if asked.amount is None else f"{asked.subject}, {asked.amount},"
        raise CredentialsAreNotFresh(subject, asked.fresh_minutes, said)


def _had_no_hand_in_it(asked: Round, around: Circumstances, persons: frozenset[PersonId]) -> None:
    """A3."""
    for person in sorted(persons & around.excluded(asked)):
        if asked.kind is not RequestKind.BUDGET:
            raise ApproverHadAHandInIt(person, asked.subject)
        if person in asked.requesters:
            raise ApproverIsSubmitter(person, asked.subject)
        raise ApproverSetTheBudget(person, asked.subject)


def _did_not_ask_for_it(asked: Round, around: Circumstances, persons: frozenset[PersonId]) -> None:
    """A3: a policy is approved by its proposer, too, but nobody else's place in it is theirs to dispose of."""
    _had_no_hand_in_it(asked, around, persons)
    for person in sorted(persons & asked.requesters):
        raise ApproverHadAHandInIt(person, asked.subject)


def _fills_one_place(round_id: RoundId, asked: Round, seat: PersonId, persons: frozenset[PersonId]) -> None:
    """A7; a new answer in the same place takes the place of the old one."""
    for person in sorted(persons & asked.dealers):
        raise DealtWithIt(person, round_id)
    for vote in asked.other_places(seat, persons):
        raise PersonFillsAnotherPlace(min(vote.persons & persons), round_id, vote.seat, vote.step + 1)
