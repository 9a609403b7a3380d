"""Approval: a round asks its steps, one after the other, about one content.

open → approved, changes requested, rejected or recalled; a budget that is taken back is withdrawn.

A1  A round is bound to the content hash of what it asks about; an answer names the hash it saw, and a change of
    the content voids the approvals given.
A3  Nobody who proposed, edited or submitted what is asked for may approve it, nor who logged the spend behind it;
    nor may they by acting for somebody else, nor somebody else by acting for them.
A4  A round ends once.
A6  A step is answered by those whom it asks, once the steps before it have passed.
A7  One person fills one place of a round, for themselves or for another; two steps only where the policy says so.
A8  Who may answer is looked at when the answer is given and again when the round passes: what was given by somebody
    who may not give it any more has lapsed.
A9  Conditions are met or waived by who set them, before the approval takes effect.
A10 Where the policy names a role that may, somebody who holds it passes over a step, for a reason; what nobody
    approved at all never passes.
A11 An approval beyond the limit of a delegation, or with credentials that are not fresh enough, does not count.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from immutables import Map
from pydantic import Field

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
    StepSkipped,
    VoteLapsed,
    VoteWithdrawn,
)
from events.envelope import Metadata
from events.ids import AccountCode, Digest, Memo, PersonId, RoundId, VendorId
from events.money import Money
from events.policy import Mode, RequestKind, Standing, Step, handed_on, takes
from events.team import Role

from .command import Command
from .policy import ANY_EP, Asked, Chosen, Request, counted_as
from .refusal import Conflicting, Forbidden, Missing


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
    asked: Digest
    seen: Digest
    compared: str


@dataclass
class ApproverSetTheBudget(Forbidden):
    """{approver} set a draft since the last approved version and may not approve {budget}."""

    rule = "A3"
    otherwise = "Somebody else whom the round asks, who set no draft, may."
    approver: PersonId
    budget: str


@dataclass
class ApproverIsSubmitter(Forbidden):
    """{approver} submitted {budget} and may not approve it."""

    rule = "A3"
    otherwise = "Somebody else whom the round asks may."
    approver: PersonId
    budget: str


@dataclass
class ApproverHadAHandInIt(Forbidden):
    """{approver} asked for {subject}, or logged the spend behind it, and may not approve it."""

    rule = "A3"
    otherwise = "Somebody else whom the round asks may."
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


@dataclass
class PersonFillsAnotherPlace(Forbidden):
    """{person} answered in {round} already, for {seat} in step {step}; one person fills one place."""

    rule = "A7"
    otherwise = "Somebody else whom the round asks may answer, or the first answer may be withdrawn."
    person: PersonId
    round: RoundId
    seat: PersonId
    step: int


@dataclass
class BeyondDelegation(Forbidden):
    """{person} acts for {grantor} up to {limit}; this is for {amount}."""

    rule = "A11"
    otherwise = "{grantor} may do it in person, or delegate more."
    person: PersonId
    grantor: PersonId
    limit: Money
    amount: Money


@dataclass
class CredentialsAreNotFresh(Forbidden):
    """Approving {amount} needs a sign-in within the last {minutes} minutes; yours is of {signed_in}."""

    rule = "A11"
    otherwise = "Sign in again, and send it with the new token."
    amount: Money
    minutes: int
    signed_in: str


@dataclass
class CannotTakeEffect(Conflicting):
    """{subject} has its approvals, but what was asked for is not possible any more: {because}."""

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
    """Condition {condition} of {round} was set by {setter}."""

    rule = "A9"
    otherwise = "{setter} says whether it is met, or waives it."
    round: RoundId
    condition: int
    setter: PersonId


@dataclass
class NobodyOverrides(Forbidden):
    """Round {round} was opened under a policy that lets {role} pass over a step; you are {yours}."""

    rule = "A10"
    otherwise = "Those whom the step asks may answer; another policy would let somebody override."
    round: RoundId
    role: Role | None
    yours: tuple[Role, ...]


@dataclass
class NobodyApproved(Conflicting):
    """Nobody has approved {subject} in {round}, and its last step cannot be passed over."""

    rule = "A10"
    otherwise = "Somebody whom a step asks may approve it; what is to take effect has one approval at least."
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


#: For examples: a content as somebody saw it.
SEEN = "1ece4088d3db221f795a90f5623ca426f27543b7a42c1abb0be4c5edb0645597"

_FOUND = (RoundIsMissing, RoundIsClosed)
_ASKED = (*_FOUND, ContentHasChanged, NotAsked)
_PASSES = (CannotTakeEffect,)


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
        PersonFillsAnotherPlace,
        BeyondDelegation,
        CredentialsAreNotFresh,
        *_PASSES,
    )
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "Good to go."}

    words: Memo | None = None
    conditions: tuple[Memo, ...] = Field(
        (), max_length=20, description="What must be met, or waived by you, before it takes effect."
    )


class Abstain(Decision):
    """Somebody whom the round asks leaves the answer to the others, and is not waited for."""

    refusals = (*_ASKED, PersonFillsAnotherPlace, *_PASSES)
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

    refusals = (*_FOUND, PlaceIsNotYours, CannotBeReassigned)
    example: ClassVar = {"round": "A-1", "seat": "adele", "to": "carl", "reason": "Adele is on a flight."}

    seat: PersonId = Field(description="Who is asked now.")
    to: PersonId = Field(description="Who is asked in their place: somebody with a role, who had no hand in it.")
    reason: Memo


class OverrideStep(Decision):
    """Whoever holds the role that the policy names for it passes over the step that the round is at, for a reason."""

    refusals = (
        *(*_FOUND, ContentHasChanged, NobodyOverrides),
        *(ApproverSetTheBudget, ApproverIsSubmitter, ApproverHadAHandInIt),
        *(PersonFillsAnotherPlace, CredentialsAreNotFresh, NobodyApproved),
        *_PASSES,
    )
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "reason": "The guarantor went out of business."}

    reason: Memo


class CloseCondition(OnRound):
    """Whoever set a condition says that it is met, or waives it; with the last one the approval takes effect."""

    refusals = (*_FOUND, ConditionIsMissing, ConditionIsNotYours, *_PASSES)
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


class Outcome(StrEnum):
    """How a round stands."""

    OPEN = "open"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Vote:
    """An approval or an abstention that counts."""

    #: For whom it was given, and by whom.
    seat: PersonId
    by: PersonId
    step: int
    approves: bool
    #: Who gave that place away.
    gave: frozenset[PersonId] = frozenset()

    @property
    def persons(self) -> frozenset[PersonId]:
        """The natural persons behind it."""
        return self.gave | {self.seat, self.by}


@dataclass(frozen=True, slots=True)
class Condition:
    """What an approval waits for."""

    seat: PersonId
    open: bool = True


@dataclass(frozen=True, slots=True)
class Round:
    """What decisions remember of a round."""

    kind: RequestKind
    subject: str
    content_hash: Digest
    amount: Money | None
    #: Who asked for it, and for whom.
    by: PersonId
    on_behalf_of: PersonId | None
    steps: tuple[Step, ...]
    #: When the step it is at was first asked.
    since: datetime
    accounts: tuple[AccountCode, ...] = ()
    vendor: VendorId | None = None
    asked_on: date = date.min
    excluded: frozenset[PersonId] = frozenset()
    one_person_may_fill_two_steps: bool = False
    override_by: Role | None = None
    fresh_minutes: int | None = None
    command: str | None = None
    body: str | None = None
    outcome: Outcome = Outcome.OPEN
    #: The step that is asked; as many as there are when only conditions are waited for.
    step: int = 0
    votes: tuple[Vote, ...] = ()
    #: Steps that were skipped or passed over, and stay so.
    passed_over: frozenset[int] = frozenset()
    conditions: tuple[Condition, ...] = ()
    #: Who is asked in whose place, by step.
    reassigned: Map[tuple[int, PersonId], PersonId] = Map()
    #: Who gave the approval with which it passed.
    approver: PersonId | None = None

    @property
    def requesters(self) -> frozenset[PersonId]:
        """The natural persons who asked for it."""
        return frozenset({self.by, self.on_behalf_of or self.by})

    def instead(self, step: int) -> dict[PersonId, PersonId]:
        """Who is asked in whose place in a step."""
        return {seat: to for (at, seat), to in self.reassigned.items() if at == step}

    def gave(self, seat: PersonId) -> frozenset[PersonId]:
        """Who gave their place in the step that is asked to somebody."""
        return frozenset(given for given, to in self.instead(self.step).items() if to == seat)

    def other_places(self, seat: PersonId, persons: Collection[PersonId]) -> list[Vote]:
        """A7: the answers beside that place which these persons are behind, as far as that bars them."""
        return [
            vote
            for vote in self.votes
            if vote.persons & set(persons)
            and (vote.step, vote.seat) != (self.step, seat)
            and not (vote.step != self.step and self.one_person_may_fill_two_steps)
        ]


@dataclass(frozen=True, slots=True)
class Approvals:
    """The rounds of a production; at most one on a budget is open."""

    rounds: Map[RoundId, Round] = Map()
    #: The one on a budget.
    open: RoundId | None = None
    #: What was asked for and not turned down, day by day, as far as it counts together with what is asked for next.
    asked: Asked = Map()

    def on(self, subject: str, kind: RequestKind) -> RoundId | None:
        """The open round of that kind on a subject."""
        found = (
            round_id
            for round_id, each in self.rounds.items()
            if (each.outcome, each.kind, each.subject) == (Outcome.OPEN, kind, subject)
        )
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What answers are judged by, at the stream's newest version."""

    standing: Standing
    at: datetime
    #: Who may not approve what a round asks for.
    excluded: Callable[[Round], frozenset[PersonId]]
    #: Whether who gave an answer for somebody may still give it, on an amount.
    answers_for: Callable[[Vote, Money | None], bool]
    #: What became of the content that somebody saw, in words.
    compared: Callable[[Round, Digest], str]
    #: The limit of the delegation that the actor acts under.
    limit: Money | None = None

    def seats(self, asked: Round, step: int) -> tuple[PersonId, ...]:
        """Everyone who is asked in a step; after its deadline, those to whom it escalates, too."""
        if step >= len(asked.steps):
            return ()
        within = asked.steps[step].within_days
        return self._seats(asked, step, within is not None and self.at >= asked.since + timedelta(days=within))

    def _seats(self, asked: Round, step: int, escalated: bool) -> tuple[PersonId, ...]:
        of = asked.steps[step]
        approvers = (*of.approvers, *of.escalates_to) if escalated else of.approvers
        return self.standing.asked(approvers, asked.accounts, asked.instead(step))

    def waits_for(self, asked: Round) -> tuple[PersonId, ...]:
        """Who is asked, may approve, and has yet to answer."""
        answered = {vote.seat for vote in asked.votes if vote.step == asked.step}
        return tuple(
            seat for seat in self.seats(asked, asked.step) if seat not in answered and not self._barred(asked, seat)
        )

    def _barred(self, asked: Round, seat: PersonId) -> bool:
        """A3, A7: whether whose place it is may not approve in it."""
        return seat in self.excluded(asked) or bool(asked.other_places(seat, {seat}))

    def lapsed(self, asked: Round, vote: Vote) -> str | None:
        """Why an answer does not count any more."""
        if vote.step in asked.passed_over:
            return None
        if vote.seat not in self._seats(asked, vote.step, escalated=True):
            return "they are not asked any more"
        if vote.by != vote.seat and not self.answers_for(vote, asked.amount):
            return "who gave it does not act for them any more"
        if vote.approves and vote.persons & self.excluded(asked):
            return "they had a hand in what is asked for"
        return None

    def passes(self, asked: Round) -> bool:
        """Whether the step that is asked has as many approvals as it takes."""
        votes = [vote for vote in asked.votes if vote.step == asked.step]
        abstained = {vote.seat for vote in votes if not vote.approves}
        seats = set(self.seats(asked, asked.step)) - abstained
        if asked.steps[asked.step].mode is Mode.ALL:
            seats = {seat for seat in seats if not self._barred(asked, seat)}
        approved = {vote.seat for vote in votes if vote.approves}
        return takes(asked.steps[asked.step], seats | approved, approved, self.standing)


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
            override_by=rule.terms.override_by,
            fresh_minutes=fresh_minutes(request, rule),
            excluded=tuple(sorted(request.excluded)),
            command=None if request.command is None else type(request.command).__name__,
            body=None if request.command is None else request.command.model_dump_json(exclude_unset=True),
        )
    ]


def fresh_minutes(request: Request, rule: Chosen) -> int | None:
    """A11: how fresh the credentials of who approves it must be."""
    fresh_from = rule.terms.fresh_from
    if fresh_from is None or request.amount is None or request.amount.amount < fresh_from:
        return None
    return rule.terms.fresh_minutes


def approve(
    command: Approve, approvals: Approvals, around: Circumstances, metadata: Metadata, signed_in: datetime | None
) -> list[ApprovalEvent]:
    """A1, A3, A6, A7, A11; approving once more what one has approved does nothing."""
    if _approved_already(command, approvals, around, metadata):
        return []
    asked = _answered(command, approvals, around, metadata)
    _may_approve(command.round, asked, around, metadata, signed_in)
    given = (asked.subject, asked.content_hash, command.words, asked.step, command.conditions)
    return [ApprovalGiven(command.round, *given)]


def abstain(command: Abstain, approvals: Approvals, around: Circumstances, metadata: Metadata) -> list[ApprovalEvent]:
    """A1, A6, A7; abstaining once more does nothing."""
    asked = _answered(command, approvals, around, metadata)
    seat = metadata.on_behalf_of or metadata.actor
    vote = Vote(seat, metadata.actor, asked.step, approves=False, gave=asked.gave(seat))
    if vote in asked.votes:
        return []
    _fills_one_place(command.round, asked, vote.seat, metadata.persons | asked.gave(vote.seat))
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
    if not any(vote.seat == seat and vote.step not in asked.passed_over for vote in asked.votes):
        raise NoAnswerToWithdraw(seat, command.round)
    return [VoteWithdrawn(command.round, asked.subject, seat)]


def recall_request(command: RecallRequest, approvals: Approvals, metadata: Metadata) -> list[ApprovalEvent]:
    """A4."""
    asked = open_round(command.round, approvals)
    if not metadata.persons & asked.requesters:
        raise NotWhoAskedForIt(asked.subject, asked.by, command.round)
    back = BudgetWithdrawn if asked.kind is RequestKind.BUDGET else RequestRecalled
    return [back(command.round, asked.subject)]


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
    because = None
    if seat not in around.waits_for(asked):
        because = f"{seat} is not waited for"
    elif to in around.seats(asked, asked.step):
        because = f"{to} is asked already"
    elif not set(around.standing.roles.get(to, ())) - {Role.AUDITOR}:
        because = f"{to} holds no role that approves"
    elif to in around.excluded(asked):
        because = f"{to} had a hand in what is asked for"
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
    _seen(command, asked, around)
    if asked.override_by is None or asked.override_by not in roles or asked.step >= len(asked.steps):
        raise NobodyOverrides(command.round, asked.override_by, tuple(roles))
    _may_approve(command.round, asked, around, metadata, signed_in)
    if asked.step + 1 == len(asked.steps) and not any(vote.approves for vote in asked.votes):
        raise NobodyApproved(command.round, asked.subject)
    return [StepOverridden(command.round, asked.subject, asked.content_hash, asked.step)]


def close_condition(command: CloseCondition, approvals: Approvals, metadata: Metadata) -> list[ApprovalEvent]:
    """A9."""
    asked = open_round(command.round, approvals)
    number = command.condition
    if number > len(asked.conditions) or not asked.conditions[number - 1].open:
        raise ConditionIsMissing(command.round, number)
    setter = asked.conditions[number - 1].seat
    if setter != (metadata.on_behalf_of or metadata.actor):
        raise ConditionIsNotYours(command.round, number, setter)
    closed = ConditionWaived if command.waived else ConditionMet
    return [closed(command.round, asked.subject, number, command.words)]


def onward(
    round_id: RoundId, approvals: Approvals, around: Circumstances, metadata: Metadata
) -> tuple[list[ApprovalEvent], bool]:
    """A6, A8, A9: which answers have lapsed, which steps pass or are skipped; and whether the round passes."""
    happened: list[ApprovalEvent] = []
    asked = approvals.rounds[round_id]
    for vote in asked.votes:
        because = around.lapsed(asked, vote)
        if because is not None:
            happened.append(VoteLapsed(round_id, asked.subject, vote.seat, vote.step, because))
            approvals = evolve(approvals, happened[-1], metadata)
    while (asked := approvals.rounds[round_id]).step < len(asked.steps):
        if around.passes(asked):
            happened.append(StepPassed(round_id, asked.subject, asked.step))
        elif asked.steps[asked.step].optional and not around.seats(asked, asked.step):
            happened.append(StepSkipped(round_id, asked.subject, asked.step, "nobody is what it asks for"))
        else:
            return happened, False
        approvals = evolve(approvals, happened[-1], metadata)
    passes = not any(condition.open for condition in asked.conditions)
    if passes and happened and isinstance(happened[-1], StepPassed):
        happened.pop()  # that the round passes says so
    return happened, passes


#: What moves a round that stays open.
Moves = (
    ApprovalGiven
    | Abstained
    | VoteWithdrawn
    | VoteLapsed
    | StepPassed
    | StepSkipped
    | StepOverridden
    | StepReassigned
    | ConditionMet
    | ConditionWaived
    | ContentReplaced
)


def evolve(approvals: Approvals, event: ApprovalEvent, metadata: Metadata) -> Approvals:
    """The rounds after the event."""
    if isinstance(event, Moves):
        asked = _moved(approvals.rounds[event.round], event, metadata)
        return replace(approvals, rounds=approvals.rounds.set(event.round, asked))
    match event:
        case BudgetSubmitted(round_id, budget, content_hash, total):
            asked = Round(
                kind=RequestKind.BUDGET,
                subject=budget,
                content_hash=content_hash,
                amount=total,
                by=metadata.actor,
                on_behalf_of=metadata.on_behalf_of,
                steps=(ANY_EP,),
                since=metadata.at,
            )
            return replace(approvals, rounds=approvals.rounds.set(round_id, asked), open=round_id)
        case ApprovalRequested(round_id):
            counted = _counted(approvals.asked, event, metadata.at.date(), 1)
            return replace(approvals, rounds=approvals.rounds.set(round_id, _opened(event, metadata)), asked=counted)
        case ApprovedByPolicy():
            return replace(approvals, asked=_counted(approvals.asked, event, metadata.at.date(), 1))
        case RequestRecalled(round_id):
            return _turned_down(approvals, round_id, Outcome.WITHDRAWN)
        case RequestRejected(round_id) | BudgetRejected(round_id):
            return _turned_down(approvals, round_id, Outcome.REJECTED)
        case ChangesRequested(round_id):
            return _turned_down(approvals, round_id, Outcome.CHANGES_REQUESTED)
        case BudgetWithdrawn(round_id):
            return _turned_down(approvals, round_id, Outcome.WITHDRAWN)
        case BudgetApproved(round_id) | RequestApproved(round_id):
            return _ended(approvals, round_id, Outcome.APPROVED, metadata.actor)
        case BudgetSuperseded() | ApproversNudged():
            return approvals


def _moved(asked: Round, event: Moves, metadata: Metadata) -> Round:
    seat, by = metadata.on_behalf_of or metadata.actor, metadata.actor
    match event:
        case ApprovalGiven(step=step, conditions=conditions):
            votes = tuple(vote for vote in asked.votes if (vote.seat, vote.step) != (seat, step))
            set_now = (*asked.conditions, *(Condition(seat) for _ in conditions))
            vote = Vote(seat, by, step, approves=True, gave=asked.gave(seat))
            return replace(asked, votes=(*votes, vote), conditions=set_now)
        case Abstained(step=step):
            votes = tuple(vote for vote in asked.votes if (vote.seat, vote.step) != (seat, step))
            return replace(asked, votes=(*votes, Vote(seat, by, step, approves=False, gave=asked.gave(seat))))
        case VoteWithdrawn(seat=seat):
            gone = [vote for vote in asked.votes if vote.seat == seat and vote.step not in asked.passed_over]
            return _without(asked, gone, metadata.at)
        case VoteLapsed(seat=seat, step=step):
            gone = [vote for vote in asked.votes if (vote.seat, vote.step) == (seat, step)]
            return _without(asked, gone, metadata.at)
        case StepPassed(step=step):
            return _on_from(asked, step, metadata.at)
        case StepSkipped(step=step):
            return _on_from(replace(asked, passed_over=asked.passed_over | {step}), step, metadata.at)
        case StepOverridden(step=step):
            # Who passes over a step has filled a place, and says neither yes nor no in it.
            votes = (*asked.votes, Vote(seat, by, step, approves=False))
            return _on_from(replace(asked, votes=votes, passed_over=asked.passed_over | {step}), step, metadata.at)
        case StepReassigned(step=step, seat=seat, to=to):
            handed = {(step, place): now for place, now in handed_on(asked.instead(step), seat, to).items()}
            return replace(asked, reassigned=asked.reassigned.update(handed))
        case ConditionMet(condition=number) | ConditionWaived(condition=number):
            closed = [replace(c, open=c.open and n != number) for n, c in enumerate(asked.conditions, 1)]
            return replace(asked, conditions=tuple(closed))
        case ContentReplaced():
            return replace(
                asked,
                subject=event.subject,
                content_hash=event.content_hash,
                amount=event.amount,
                excluded=asked.excluded | metadata.persons,
                votes=(),
                conditions=(),
                passed_over=frozenset(),
                step=0,
                since=metadata.at,
            )


def covers(limit: Money, amount: Money) -> bool:
    """Whether an act for an amount is within a limit."""
    return limit.currency == amount.currency and amount.amount <= limit.amount


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
    steps = [vote.step for vote in asked.votes if vote.seat == seat and vote.approves]
    return bool(steps) and (asked.step in steps or seat not in around.seats(asked, asked.step))


def _answered(command: Decision, approvals: Approvals, around: Circumstances, metadata: Metadata) -> Round:
    """A1, A6: the round, if it asks whoever answers about what they saw."""
    asked = open_round(command.round, approvals)
    _seen(command, asked, around)
    seat, seats = metadata.on_behalf_of or metadata.actor, around.seats(asked, asked.step)
    if seat not in seats:
        step = min(asked.step + 1, len(asked.steps))
        raise NotAsked(seat, command.round, step, len(asked.steps), seats)
    return asked


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
    excluded = around.excluded(asked)
    for person in sorted(persons & excluded):
        if asked.kind is not RequestKind.BUDGET:
            raise ApproverHadAHandInIt(person, asked.subject)
        if person in asked.requesters:
            raise ApproverIsSubmitter(person, asked.subject)
        raise ApproverSetTheBudget(person, asked.subject)
    _fills_one_place(round_id, asked, seat, persons)
    amount = asked.amount
    if amount is None:
        return
    if around.limit is not None and not covers(around.limit, amount):
        raise BeyondDelegation(metadata.actor, seat, around.limit, amount)
    if asked.fresh_minutes is not None:
        fresh = signed_in is not None and metadata.at - signed_in <= timedelta(minutes=asked.fresh_minutes)
        if not fresh:
            said = "an unknown time" if signed_in is None else f"{signed_in:%Y-%m-%d %H:%M} UTC"
            raise CredentialsAreNotFresh(amount, asked.fresh_minutes, said)


def _fills_one_place(round_id: RoundId, asked: Round, seat: PersonId, persons: frozenset[PersonId]) -> None:
    """A7; a new answer in the same place takes the place of the old one."""
    for vote in asked.other_places(seat, persons):
        raise PersonFillsAnotherPlace(min(vote.persons & persons), round_id, vote.seat, vote.step + 1)


def _opened(event: ApprovalRequested, metadata: Metadata) -> Round:
    return Round(
        kind=event.kind,
        subject=event.subject,
        content_hash=event.content_hash,
        amount=event.amount,
        by=metadata.actor,
        on_behalf_of=metadata.on_behalf_of,
        steps=event.steps,
        since=metadata.at,
        accounts=event.accounts,
        vendor=event.vendor,
        asked_on=metadata.at.date(),
        excluded=frozenset(event.excluded),
        one_person_may_fill_two_steps=event.one_person_may_fill_two_steps,
        override_by=event.override_by,
        fresh_minutes=event.fresh_minutes,
        command=event.command,
        body=event.body,
    )


def _counted(asked: Asked, what: ApprovalRequested | ApprovedByPolicy | Round, on: date, sign: int) -> Asked:
    if what.amount is not None:
        for name in counted_as(what.accounts, what.vendor):
            days = asked.get((what.kind, name), Map())
            asked = asked.set((what.kind, name), days.set(on, days.get(on, Decimal(0)) + sign * what.amount.amount))
    return asked


def _turned_down(approvals: Approvals, round_id: RoundId, outcome: Outcome) -> Approvals:
    """What was not granted does not count together with what is asked for next."""
    asked = approvals.rounds[round_id]
    approvals = replace(approvals, asked=_counted(approvals.asked, asked, asked.asked_on, -1))
    return _ended(approvals, round_id, outcome, None)


def _ended(approvals: Approvals, round_id: RoundId, outcome: Outcome, approver: PersonId | None) -> Approvals:
    ended = replace(approvals.rounds[round_id], outcome=outcome, approver=approver)
    still = None if round_id == approvals.open else approvals.open
    return replace(approvals, rounds=approvals.rounds.set(round_id, ended), open=still)


def _on_from(asked: Round, step: int, at: datetime) -> Round:
    """At the next step that nobody passed over."""
    step += 1
    while step in asked.passed_over:
        step += 1
    return replace(asked, step=step, since=at)


def _without(asked: Round, gone: list[Vote], at: datetime) -> Round:
    """Without these answers of one place-holder, and without the conditions of whose last approval went; back there."""
    left = tuple(vote for vote in asked.votes if vote not in gone)
    bound = {vote.seat for vote in left if vote.approves}
    lost = {vote.seat for vote in gone} - bound
    conditions = tuple(replace(c, open=c.open and c.seat not in lost) for c in asked.conditions)
    asked = replace(asked, votes=left, conditions=conditions)
    step = min((vote.step for vote in gone), default=asked.step)
    return asked if step >= asked.step else replace(asked, step=step, since=at)
