"""Rounds: what decisions remember of them, who is asked in each, and what moves them on.

A round asks its steps one after the other about one content; its rules (A1 to A11) stand in `approval`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from immutables import Map

from events.advance import ASKED_AS
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
from events.envelope import Metadata
from events.ids import AccountCode, Digest, PersonId, RoundId, VendorId
from events.money import Money
from events.policy import BY_ASKING, Mode, RequestKind, Standing, Step, handed_on, takes
from events.spend import SpendRecoded
from events.team import Role

from .policy import ANY_EP, Asked, counted_as

#: What is asked about one document again and again counts once: as it was asked about last.
COUNTS_ONCE = (RequestKind.PAYMENT, RequestKind.COMMITMENT)


def counts_once(kind: RequestKind, subject: str) -> bool:
    """Whether it is about one document; an advance is one only once it is paid, and each that is asked for counts."""
    return kind in COUNTS_ONCE and not subject.startswith(ASKED_AS)


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
    #: Whether it is no answer, but the place that passing over the step filled.
    passes_over: bool = False
    #: What whose place it is was, at that moment.
    roles: tuple[str, ...] = field(default=(), compare=False)

    @property
    def persons(self) -> frozenset[PersonId]:
        """The natural persons behind it."""
        return self.gave | {self.seat, self.by}


@dataclass(frozen=True, slots=True)
class Condition:
    """What an approval waits for."""

    seat: PersonId
    step: int
    words: str
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
    #: Places that somebody has whom others put there, and not who gave it up; and who they were.
    imposed: Map[tuple[int, PersonId], frozenset[PersonId]] = Map()
    #: Who passed over a step.
    overriders: frozenset[PersonId] = frozenset()
    #: Who gave the approval with which it passed.
    approver: PersonId | None = None

    @property
    def requesters(self) -> frozenset[PersonId]:
        """The natural persons who asked for it."""
        return frozenset({self.by, self.on_behalf_of or self.by})

    @property
    def lacks_approval(self) -> bool:
        """A10: whether it went past those whom it asks, and none of them approved but who asked for it."""
        theirs = (
            vote.approves
            and not vote.persons & (self.requesters | self.dealers)
            and (vote.step, vote.seat) not in self.imposed
            for vote in self.votes
        )
        return bool(self.dealers) and not any(theirs)

    @property
    def dealers(self) -> frozenset[PersonId]:
        """A7: who passed over a step, or gave others' places away: none of them answers as well."""
        return self.overriders.union(*self.imposed.values())

    def set_by(self, seat: PersonId) -> frozenset[str]:
        """The conditions of somebody that are open."""
        return frozenset(condition.words for condition in self.conditions if condition.open and condition.seat == seat)

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
    #: By kind and subject, the rounds that are or were about it, in their order.
    filed: Map[tuple[RequestKind, str], tuple[RoundId, ...]] = Map()
    #: The open ones, in their order.
    waiting: tuple[RoundId, ...] = ()
    #: The one on a budget.
    open: RoundId | None = None
    #: What was asked for and not turned down, day by day, as far as it counts together with what is asked for next.
    asked: Asked = Map()
    #: What of it is each entry's and each commitment's: it counts once.
    once: Map[str, "CountsOnce"] = Map()

    def about(self, kind: RequestKind, subject: str) -> list[tuple[RoundId, Round]]:
        """The rounds of a kind on a subject, in their order."""
        found = ((number, self.rounds[number]) for number in self.filed.get((kind, subject), ()))
        return [(number, each) for number, each in found if each.subject == subject]

    def open_ones(self) -> list[tuple[RoundId, Round]]:
        """The open rounds, in their order."""
        return [(number, self.rounds[number]) for number in self.waiting]

    def on(self, subject: str, kind: RequestKind) -> RoundId | None:
        """The open round of that kind on a subject."""
        return next((number for number, each in self.about(kind, subject) if each.outcome is Outcome.OPEN), None)

    def was_granted(self, subject: str) -> bool:
        """Whether a payment or a commitment was approved before, by policy or in a round: it may have been paid."""
        return subject in self.once and self.once[subject].granted is not None

    def beside(self, kind: RequestKind, subject: str) -> Asked:
        """What counts together with a request about a subject: all that was asked, without that very document."""
        if not counts_once(kind, subject) or subject not in self.once:
            return self.asked
        return _counted(self.asked, *self.once[subject].asked, -1)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What answers are judged by, at the stream's newest version."""

    standing: Standing
    at: datetime
    #: Who may not approve what a round asks for.
    excluded: Callable[[Round], frozenset[PersonId]]
    #: Whether who gave an answer for somebody may still give it, on an amount.
    answers_for: Callable[[Vote, Money | None], bool]
    #: D6: whether two persons are of one company, as guests or as members of this one.
    of_one_company: Callable[[PersonId, PersonId], bool]
    #: What became of the content that somebody saw, in words.
    compared: Callable[[Round, Digest], str]
    #: Up to which amounts the actor acts for somebody else; none means any.
    limits: tuple[Money, ...] = ()

    def seats(self, asked: Round, step: int) -> tuple[PersonId, ...]:
        """Everyone who is asked in a step; after its deadline, those to whom it escalates, too."""
        if step >= len(asked.steps):
            return ()
        return self._seats(asked, step, escalated=self._is_late(asked, step))

    def _seats(self, asked: Round, step: int, *, escalated: bool) -> tuple[PersonId, ...]:
        of = asked.steps[step]
        approvers = (*of.approvers, *of.escalates_to) if escalated else of.approvers
        return self.standing.asked(approvers, asked.accounts, self._instead(asked, step))

    def _instead(self, asked: Round, step: int) -> dict[PersonId, PersonId]:
        """Who is asked in whose place: nobody who may not approve what was changed since they have it."""
        instead = asked.instead(step)
        excluded = self.excluded(asked) if instead else frozenset()
        return {seat: to for seat, to in instead.items() if to not in excluded}

    def _is_late(self, asked: Round, step: int) -> bool:
        """Whether the step has escalated; of a step that is over, that is left open in favour of who answered it."""
        within = asked.steps[step].within_days
        return within is not None and (step < asked.step or self.at >= asked.since + timedelta(days=within))

    def waits_for(self, asked: Round) -> tuple[PersonId, ...]:
        """Who is asked, may approve, and has yet to answer."""
        answered = {vote.seat for vote in asked.votes if vote.step == asked.step}
        return tuple(
            seat for seat in self.seats(asked, asked.step) if seat not in answered and not self._barred(asked, seat)
        )

    def _barred(self, asked: Round, seat: PersonId) -> bool:
        """A3, A7: whether whose place it is may not approve in it."""
        return seat in self.excluded(asked) | asked.dealers or bool(asked.other_places(seat, {seat}))

    def lapsed(self, asked: Round, vote: Vote) -> str | None:
        """Why an answer does not count any more, or a step is not passed over any more."""
        if vote.passes_over:
            overrides = asked.override_by in self.standing.roles.get(vote.seat, ())
            return None if overrides else "they are not who may pass over it any more"
        if not _may_go(asked, vote):
            return None
        if vote.seat not in self._seats(asked, vote.step, escalated=True):
            return "they are not asked any more"
        if vote.by != vote.seat and not self.answers_for(vote, asked.amount):
            return "who gave it does not act for them any more"
        if vote.approves and vote.persons & self.excluded(asked):
            return "they had a hand in what is asked for"
        return None

    def passes(self, asked: Round, step: int) -> bool:
        """Whether a step has as many approvals as it takes; once it is late, one of those to whom it escalates."""
        votes = [vote for vote in asked.votes if vote.step == step]
        approved = {vote.seat for vote in votes if vote.approves}
        of, instead = asked.steps[step], self._instead(asked, step)
        if self._is_late(asked, step) and approved & {*self.standing.asked(of.escalates_to, asked.accounts, instead)}:
            return True
        abstained = {vote.seat for vote in votes if not vote.approves}
        seats = {*self._seats(asked, step, escalated=False)} - abstained
        if of.mode is Mode.ALL:
            seats = {seat for seat in seats if not self._barred(asked, seat)}
        return takes(of, seats | approved, approved, self.standing, instead)

    def skips(self, asked: Round) -> str | None:
        """G5: why the step that is asked is passed over, though nobody answered it."""
        optional, seats = asked.steps[asked.step].optional, self.seats(asked, asked.step)
        if optional and not seats:
            return "nobody is what it asks for"
        if set(seats) == {asked.on_behalf_of or asked.by} and asked.kind in BY_ASKING:
            return "nobody but who asked for it is what it asks for"
        if optional and self.excluded(asked).issuperset(seats):
            return "nobody but who had a hand in it is what it asks for"
        return None

    def heirs(self, asked: Round, condition: Condition) -> tuple[PersonId, ...]:
        """A9: who says what becomes of a condition.

        Who set it; whom the step asks and who may approve, where it asks them no more or they may not; where nobody of
        them may, whoever may override, or else an executive producer: of them first who gave no answer in the round.
        """
        excluded = self.excluded(asked)
        seats = self._seats(asked, condition.step, escalated=True)
        may = tuple(seat for seat in seats if seat not in excluded | asked.dealers)
        if condition.seat in may:
            return (condition.seat,)
        answered = frozenset[PersonId]().union(*(vote.persons for vote in asked.votes))
        for beside in (excluded | answered, excluded):
            for role in (asked.override_by, Role.EXECUTIVE_PRODUCER):
                held = (person for person, roles in self.standing.roles.items() if role in roles)
                may = may or tuple(sorted(person for person in held if person not in beside))
        return may

    def falls_short(self, asked: Round) -> int | None:
        """A8: the first step that passed by a share of the funding which its approvals do not come to any more."""
        by_share = (n for n, step in enumerate(asked.steps) if step.mode is Mode.SHARE and n not in asked.passed_over)
        return next((step for step in by_share if not self.passes(asked, step)), None)


def lapsed(
    round_id: RoundId, approvals: Approvals, around: Circumstances, metadata: Metadata
) -> tuple[list[ApprovalEvent], Approvals]:
    """A8: the answers of a round that count no more, and the steps that passed before and do so without them."""
    before = approvals.rounds[round_id]
    why = ((vote, around.lapsed(before, vote)) for vote in before.votes)
    happened: list[ApprovalEvent] = [
        VoteLapsed(round_id, before.subject, vote.seat, vote.step, because)
        for vote, because in why
        if because is not None
    ]
    for event in happened:
        approvals = evolve(approvals, event, metadata)
    while (step := (asked := approvals.rounds[round_id]).step) < before.step:
        if not around.passes(replace(asked, step=before.step), step):
            break
        happened.append(StepPassed(round_id, before.subject, step))
        approvals = evolve(approvals, happened[-1], metadata)
    return happened, approvals


def onward(
    round_id: RoundId, approvals: Approvals, around: Circumstances, metadata: Metadata
) -> tuple[list[ApprovalEvent], bool]:
    """A6, A8, A9: which answers have lapsed, which steps pass or are skipped; and whether the round passes."""
    happened, approvals = lapsed(round_id, approvals, around, metadata)
    while True:
        asked = approvals.rounds[round_id]
        at_end = asked.step == len(asked.steps)
        if at_end and (short := around.falls_short(asked)) is not None:
            happened.append(
                StepReopened(round_id, asked.subject, short, "its approvals hold too little of the funding by now")
            )
        elif at_end:
            break
        elif around.passes(asked, asked.step):
            happened.append(StepPassed(round_id, asked.subject, asked.step))
        elif (because := around.skips(asked)) is not None:
            happened.append(StepSkipped(round_id, asked.subject, asked.step, because))
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
    | StepReopened
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
        return _put(approvals, event.round, asked)
    match event:
        case BudgetSubmitted(round_id, budget, content_hash, total, excluded):
            asked = Round(
                kind=RequestKind.BUDGET,
                subject=budget,
                content_hash=content_hash,
                amount=total,
                by=metadata.actor,
                on_behalf_of=metadata.on_behalf_of,
                steps=(ANY_EP,),
                since=metadata.at,
                excluded=frozenset(excluded),
            )
            return replace(_put(approvals, round_id, asked), open=round_id)
        case ApprovalRequested(round_id):
            opened = _put(approvals, round_id, _opened(event, metadata))
            return _counting(opened, event, metadata.at.date())
        case ApprovedByPolicy():
            return _counting(approvals, event, metadata.at.date())
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


def _put(approvals: Approvals, round_id: RoundId, asked: Round) -> Approvals:
    """With a round that was opened, or is otherwise now: of another subject, or open no more."""
    there, at = approvals.filed.get((asked.kind, asked.subject), ()), (asked.kind, asked.subject)
    filed = approvals.filed if round_id in there else approvals.filed.set(at, (*there, round_id))
    waiting = approvals.waiting
    if round_id not in approvals.rounds:
        waiting = (*waiting, round_id)
    elif asked.outcome is not Outcome.OPEN:
        waiting = tuple(number for number in waiting if number != round_id)
    return replace(approvals, rounds=approvals.rounds.set(round_id, asked), filed=filed, waiting=waiting)


def _moved(asked: Round, event: Moves, metadata: Metadata) -> Round:
    seat, by = metadata.on_behalf_of or metadata.actor, metadata.actor
    match event:
        case ApprovalGiven(step=step, conditions=conditions):
            votes = tuple(vote for vote in asked.votes if (vote.seat, vote.step) != (seat, step))
            set_now = (*asked.conditions, *(Condition(seat, step, words) for words in conditions))
            vote = Vote(seat, by, step, approves=True, gave=asked.gave(seat), roles=metadata.roles)
            return replace(asked, votes=(*votes, vote), conditions=set_now)
        case Abstained(step=step):
            before = [vote for vote in asked.votes if (vote.seat, vote.step) == (seat, step)]
            without = _unbound(_without(asked, before, metadata.at), seat)
            return replace(without, votes=(*without.votes, Vote(seat, by, step, approves=False, gave=asked.gave(seat))))
        case VoteWithdrawn(seat=seat):
            gone = [vote for vote in asked.votes if vote.seat == seat and _may_go(asked, vote)]
            return _without(asked, gone, metadata.at)
        case VoteLapsed(seat=seat, step=step):
            gone = [vote for vote in asked.votes if (vote.seat, vote.step) == (seat, step)]
            if any(vote.passes_over for vote in gone):
                asked = replace(asked, passed_over=asked.passed_over - {step})
            return _without(asked, gone, metadata.at)
        case StepReopened(step=step):
            return replace(asked, step=step, since=metadata.at)
        case StepPassed(step=step):
            return _on_from(asked, step, metadata.at)
        case StepSkipped(step=step):
            return _on_from(replace(asked, passed_over=asked.passed_over | {step}), step, metadata.at)
        case StepOverridden(step=step):
            # Who passes over a step has filled a place, and says neither yes nor no in it.
            votes = (*asked.votes, Vote(seat, by, step, approves=False, passes_over=True))
            overriders = asked.overriders | metadata.persons
            over = replace(asked, votes=votes, passed_over=asked.passed_over | {step}, overriders=overriders)
            return _on_from(over, step, metadata.at)
        case StepReassigned(step=step, seat=seat, to=to):
            handed = {(step, place): now for place, now in handed_on(asked.instead(step), seat, to).items()}
            return replace(asked, reassigned=asked.reassigned.update(handed), imposed=_imposed(asked, event, metadata))
        case ConditionMet(condition=number) | ConditionWaived(condition=number):
            closed = [replace(c, open=c.open and n != number) for n, c in enumerate(asked.conditions, 1)]
            return replace(asked, conditions=tuple(closed))
        case ContentReplaced():
            return replace(
                asked,
                subject=event.subject,
                content_hash=event.content_hash,
                amount=event.amount,
                excluded=asked.excluded.union(metadata.persons, event.excluded),
                votes=(),
                conditions=(),
                passed_over=frozenset(),
                overriders=frozenset(),
                step=0,
                since=metadata.at,
            )


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


#: What counts together with others of its kind.
Counting = ApprovalRequested | ApprovedByPolicy | Round


@dataclass(frozen=True, slots=True)
class CountsOnce:
    """What counts of an entry or a commitment: what was asked about it last, or granted, if that was turned down."""

    asked: tuple[Counting, date]
    granted: tuple[Counting, date] | None


def _counting(approvals: Approvals, what: ApprovalRequested | ApprovedByPolicy, on: date) -> Approvals:
    asked = _counted(approvals.beside(what.kind, what.subject), what, on, 1)
    if not counts_once(what.kind, what.subject):
        return replace(approvals, asked=asked)
    before = approvals.once.get(what.subject)
    granted = (what, on) if isinstance(what, ApprovedByPolicy) else None if before is None else before.granted
    return replace(approvals, asked=asked, once=approvals.once.set(what.subject, CountsOnce((what, on), granted)))


def _counted(asked: Asked, what: Counting, on: date, sign: int) -> Asked:
    if what.amount is not None:
        for name in counted_as(what.kind, what.accounts, what.vendor):
            days = asked.get((what.kind, name), Map())
            asked = asked.set((what.kind, name), days.set(on, days.get(on, Decimal(0)) + sign * what.amount.amount))
    return asked


def recoded(approvals: Approvals, event: SpendRecoded) -> Approvals:
    """From now on its payment counts on the account that it moved to."""
    if event.spend not in approvals.once:
        return approvals
    what, on = approvals.once[event.spend].asked
    moved = (replace(what, accounts=(event.to_account,)), on)
    granted = moved if approvals.was_granted(event.spend) else None
    asked = _counted(approvals.beside(RequestKind.PAYMENT, event.spend), *moved, 1)
    return replace(approvals, asked=asked, once=approvals.once.set(event.spend, CountsOnce(moved, granted)))


def _turned_down(approvals: Approvals, round_id: RoundId, outcome: Outcome) -> Approvals:
    """What was not granted does not count together with what is asked for next; what was granted before does again."""
    asked = approvals.rounds[round_id]
    if not counts_once(asked.kind, asked.subject):
        approvals = replace(approvals, asked=_counted(approvals.asked, asked, asked.asked_on, -1))
        return _ended(approvals, round_id, outcome, None)
    subject, granted = asked.subject, approvals.once[asked.subject].granted
    without = approvals.beside(asked.kind, subject)
    if granted is None:
        approvals = replace(approvals, asked=without, once=approvals.once.delete(subject))
    else:
        again = approvals.once.set(subject, CountsOnce(granted, granted))
        approvals = replace(approvals, asked=_counted(without, *granted, 1), once=again)
    return _ended(approvals, round_id, outcome, None)


def _ended(approvals: Approvals, round_id: RoundId, outcome: Outcome, approver: PersonId | None) -> Approvals:
    ended = replace(approvals.rounds[round_id], outcome=outcome, approver=approver)
    if outcome is Outcome.APPROVED and counts_once(ended.kind, ended.subject) and ended.subject in approvals.once:
        asked = approvals.once[ended.subject].asked
        approvals = replace(approvals, once=approvals.once.set(ended.subject, CountsOnce(asked, asked)))
    still = None if round_id == approvals.open else approvals.open
    return replace(_put(approvals, round_id, ended), open=still)


def _on_from(asked: Round, step: int, at: datetime) -> Round:
    """At the next step that nobody passed over."""
    step += 1
    while step in asked.passed_over:
        step += 1
    return replace(asked, step=step, since=at)


def _may_go(asked: Round, vote: Vote) -> bool:
    """Whether an answer can be taken back or lapse: all but what passing over a step filled."""
    return vote.approves or vote.step not in asked.passed_over


def _imposed(asked: Round, event: StepReassigned, metadata: Metadata) -> Map[tuple[int, PersonId], frozenset[PersonId]]:
    """Which places of the round others gave away, after one more is moved; a place that is back is nobody's gift."""
    step, seat, to = event.step, event.seat, event.to
    by = asked.imposed.get((step, seat), frozenset())
    by |= frozenset() if seat in metadata.persons else metadata.persons
    imposed = asked.imposed.delete((step, seat)) if (step, seat) in asked.imposed else asked.imposed
    is_back = handed_on(asked.instead(step), seat, to).get(to) == to
    return imposed if is_back or not by else imposed.set((step, to), by)


def _unbound(asked: Round, seat: PersonId) -> Round:
    """Without the conditions of who approves in no step any more, by their own word."""
    if any(vote.approves and vote.seat == seat for vote in asked.votes):
        return asked
    return replace(asked, conditions=tuple(replace(c, open=c.open and c.seat != seat) for c in asked.conditions))


def _without(asked: Round, gone: list[Vote], at: datetime) -> Round:
    """Without these answers of one place-holder, and back there."""
    asked = replace(asked, votes=tuple(vote for vote in asked.votes if vote not in gone))
    step = min((vote.step for vote in gone if vote.step not in asked.passed_over), default=asked.step)
    return asked if step >= asked.step else replace(asked, step=step, since=at)
