"""Which policy says who approves what; which rounds are there, what does each wait for, on whom, and who decided what?

Moved by: policies; requests, answers and what follows from them; appointments, funding, delegations and absences,
since they say who may answer; drafts, since whoever set one may not.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, get_args
from zoneinfo import ZoneInfo

from msgspec.json import Decoder
from pydantic import BaseModel, Field

from events.approval import (
    Abstained,
    AccountChange,
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
from events.budget import BudgetDrafted, DifferenceWaived
from events.delegation import AbsenceEnded, AbsenceSet, AuthorityDelegated, AuthorityRevoked, DelegationEvent, Power
from events.envelope import Recorded
from events.financing import (
    AT_LEAST_COMMITTED,
    NOT_CASH,
    FinancingEvent,
    FundingAmended,
    FundingClosed,
    FundingCommitted,
    FundingKind,
    FundingSourceIdentified,
    FundingState,
    FundingWithdrawn,
    FundsReceiptReversed,
    FundsReceived,
    LetterOfIntentRecorded,
    counted_once,
)
from events.ids import AccountCode, Digest, FundingId, PersonId, PolicyId, RoundId, StreamId
from events.money import Money
from events.policy import (
    ApprovalPolicyAdopted,
    Approver,
    Policy,
    PolicyEvent,
    RequestKind,
    Standing,
    Step,
    handed_on,
)
from events.production import ProductionOpened
from events.team import Appointed, AppointmentEnded, Role, TeamEvent

from . import english
from .projection import Projection, Rows, kind
from .sentences import with_names


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """One answer to a round, or what became of it."""

    #: Whose place it was, and who acted.
    person: PersonId
    by: PersonId
    decision: str
    step: int
    words: str | None
    at: datetime
    roles: tuple[str, ...]
    #: False once it was withdrawn, has lapsed, or is void.
    counts: bool = True


@dataclass(frozen=True, slots=True)
class ConditionSet:
    """What an approval waits for."""

    by: PersonId
    step: int
    words: str
    state: str = "open"


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round."""

    stream_id: StreamId
    number: int
    kind: RequestKind
    subject: str
    content_hash: str
    amount: Decimal | None
    currency: str | None
    #: The amount with what counts together with it.
    counted: Decimal | None
    state: str
    submitted_by: str
    on_behalf_of: str | None
    submitted_at: datetime
    submitted_because: str | None
    policy: str | None
    rule: str | None
    steps: tuple[Step, ...]
    accounts: tuple[AccountCode, ...]
    override_by: Role | None
    one_person_may_fill_two_steps: bool
    #: What takes effect when it passes, as it was sent; None for budgets and payments.
    command: str | None
    body: str | None
    #: The step that is asked, from 0 on, and since when.
    step: int
    since: datetime
    #: Steps that were skipped or passed over.
    passed_over: tuple[int, ...]
    #: Who may not approve: whoever proposed, edited or submitted it.
    excluded: tuple[PersonId, ...]
    #: Who is asked in whose place: step, whose place, who.
    reassigned: tuple[tuple[int, PersonId, PersonId], ...]
    decisions: tuple[DecisionMade, ...]
    conditions: tuple[ConditionSet, ...]
    #: What the content replaced, and the lines that changed.
    former: str | None
    changes: tuple[AccountChange, ...]
    ended_at: datetime | None
    #: What overtook it; None when somebody decided.
    ended_because: str | None


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy that was adopted; the latest is in force."""

    stream_id: StreamId
    number: int
    terms: Policy
    adopted_at: datetime


@dataclass(frozen=True, slots=True)
class AppointmentRow:
    """A role that somebody holds."""

    stream_id: StreamId
    person: str
    role: str
    from_on: str
    accounts: tuple[AccountCode, ...]


@dataclass(frozen=True, slots=True)
class DraftingRow:
    """The production, and who set a draft, or waived a difference, since its last approved version."""

    stream_id: StreamId
    title: str
    time_zone: str
    drafters: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A funding source, as far as its holder is asked."""

    stream_id: StreamId
    funding: str
    holder: str | None
    kind: FundingKind
    amount: Decimal
    lent_against: str | None
    state: FundingState


@dataclass(frozen=True, slots=True)
class SubstituteRow:
    """Who may answer for a person, on the productions of a company."""

    stream_id: StreamId
    #: The delegation, or `absence of` whom.
    by: str
    person: str
    substitute: str
    powers: tuple[Power, ...] | None
    productions: tuple[str, ...] | None
    from_on: date
    until_on: date


KINDS = (
    kind("approval_status_rounds", RoundRow, "stream_id", "number"),
    kind("approval_status_appointments", AppointmentRow, "stream_id", "person", "role", indexed=[("person",)]),
    kind("approval_status_drafting", DraftingRow, "stream_id"),
    kind("approval_status_sources", SourceRow, "stream_id", "funding"),
    kind("approval_status_substitutes", SubstituteRow, "stream_id", "by", indexed=[("substitute",)]),
    kind("approval_status_policies", PolicyRow, "stream_id", "number", final=True),
)
APPOINTMENTS, SUBSTITUTES = KINDS[1].table, KINDS[4].table

Reads = (
    ProductionOpened
    | TeamEvent
    | BudgetDrafted
    | DifferenceWaived
    | ApprovalEvent
    | PolicyEvent
    | FinancingEvent
    | DelegationEvent
)

_TERMS = Decoder(Policy)
#: What was so before a policy was adopted.
_ONE_EP = (Step((Approver(Role.EXECUTIVE_PRODUCER),)),)


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, event, metadata = recorded.stream_id, recorded.event, recorded.metadata
    if isinstance(event, FinancingEvent):
        _funded(rows, stream, event)
        return
    if isinstance(event, DelegationEvent):
        _delegated(rows, stream, event)
        return
    match event:
        case ProductionOpened(title, time_zone=time_zone):
            rows.put(DraftingRow(stream, title, time_zone, ()))
        case Appointed(person, role, from_on, accounts):
            rows.put(AppointmentRow(stream, person, role.value, from_on.isoformat(), accounts))
        case AppointmentEnded(person, role):
            rows.remove(AppointmentRow, stream, person, role.value)
        case BudgetDrafted() | DifferenceWaived():
            drafting = rows.one(DraftingRow, stream)
            rows.put(replace(drafting, drafters=tuple(sorted({*drafting.drafters, *metadata.persons}))))
        case BudgetSubmitted(round_id, budget, content_hash, total):
            excluded = {*rows.one(DraftingRow, stream).drafters, *metadata.persons}
            _opened(rows, recorded, round_id, RequestKind.BUDGET, budget, content_hash, total, excluded)
        case ApprovalPolicyAdopted(policy, terms):
            rows.put(PolicyRow(stream, int(policy.removeprefix("P-")), terms, metadata.at))
        case ApprovalRequested():
            _requested(rows, recorded, event)
        case ApprovalGiven(round_id, words=words, conditions=conditions):
            _decided(rows, recorded, round_id, "approve", words)
            row = rows.one(RoundRow, stream, _number(round_id))
            seat = metadata.on_behalf_of or metadata.actor
            set_now = (*row.conditions, *(ConditionSet(seat, row.step, condition) for condition in conditions))
            rows.put(replace(row, conditions=set_now))
        case Abstained(round_id, words=words):
            _decided(rows, recorded, round_id, "abstain", words)
            _unbound(rows, recorded, round_id)
        case StepOverridden(round_id, step=step):
            _decided(rows, recorded, round_id, "override", metadata.reason)
            _passed(rows, recorded, round_id, step, over=True)
        case ChangesRequested(round_id, words=words):
            _decided(rows, recorded, round_id, "request_changes", words)
            _ended(rows, recorded, round_id, "changes_requested")
        case BudgetRejected(round_id, words=words) | RequestRejected(round_id, words=words):
            _decided(rows, recorded, round_id, "reject", words)
            _ended(rows, recorded, round_id, "rejected")
        case BudgetWithdrawn(round_id) | RequestRecalled(round_id, because=None):
            _ended(rows, recorded, round_id, "withdrawn")
        case RequestRecalled(round_id, because=because):
            _ended(rows, recorded, round_id, "overtaken", because)
        case BudgetApproved(round_id):
            _ended(rows, recorded, round_id, "approved")
            rows.put(replace(rows.one(DraftingRow, stream), drafters=()))
        case RequestApproved(round_id):
            _ended(rows, recorded, round_id, "approved")
        case StepPassed(round_id, step=step):
            _passed(rows, recorded, round_id, step, over=False)
        case StepSkipped(round_id, step=step):
            _passed(rows, recorded, round_id, step, over=True)
        case VoteWithdrawn(round_id, seat=seat):
            _uncounted(rows, recorded, round_id, seat, None)
            _unbound(rows, recorded, round_id)
        case StepReopened(round_id, step=step):
            row = rows.one(RoundRow, stream, _number(round_id))
            rows.put(replace(row, step=step, since=metadata.at))
        case VoteLapsed(round_id, seat=seat, step=step):
            _uncounted(rows, recorded, round_id, seat, step)
        case StepReassigned(round_id, _, step, seat, to):
            row = rows.one(RoundRow, stream, _number(round_id))
            rows.put(replace(row, reassigned=(*row.reassigned, (step, seat, to))))
        case ConditionMet(round_id, _, number):
            _closed(rows, stream, round_id, number, "met")
        case ConditionWaived(round_id, _, number):
            _closed(rows, stream, round_id, number, "waived")
        case ContentReplaced():
            _replaced(rows, recorded, event)
        case BudgetSuperseded() | ApproversNudged() | ApprovedByPolicy():
            pass  # no round waits for anything else, or since another moment


def _number(round_id: RoundId) -> int:
    return int(round_id.removeprefix("A-"))


def _requested(rows: Rows, recorded: Recorded[Any], event: ApprovalRequested) -> None:
    _opened(
        rows,
        recorded,
        event.round,
        event.kind,
        event.subject,
        event.content_hash,
        event.amount,
        set(event.excluded),
        counted=None if event.counted is None else event.counted.amount,
        policy=event.policy,
        rule=event.rule,
        steps=event.steps,
        accounts=event.accounts,
        override_by=event.override_by,
        one_person_may_fill_two_steps=event.one_person_may_fill_two_steps,
        command=event.command,
        body=event.body,
    )


def _opened(
    rows: Rows,
    recorded: Recorded[Any],
    round_id: RoundId,
    kind: RequestKind,
    subject: str,
    content_hash: Digest,
    amount: Money | None,
    excluded: Iterable[PersonId],
    **terms: Any,
) -> None:
    metadata = recorded.metadata
    under: dict[str, Any] = {"policy": None, "rule": None, "steps": _ONE_EP, "accounts": (), "override_by": None}
    under |= {"counted": None, "one_person_may_fill_two_steps": False, "command": None, "body": None}
    rows.put(
        RoundRow(
            stream_id=recorded.stream_id,
            number=_number(round_id),
            kind=kind,
            subject=subject,
            content_hash=content_hash,
            amount=None if amount is None else amount.amount,
            currency=None if amount is None else amount.currency,
            state="open",
            submitted_by=metadata.actor,
            on_behalf_of=metadata.on_behalf_of,
            submitted_at=metadata.at,
            submitted_because=metadata.reason,
            step=0,
            since=metadata.at,
            passed_over=(),
            excluded=tuple(sorted(excluded)),
            reassigned=(),
            decisions=(),
            conditions=(),
            former=None,
            changes=(),
            ended_at=None,
            ended_because=None,
            **under | terms,
        )
    )


def _decided(rows: Rows, recorded: Recorded[Any], round_id: RoundId, decision: str, words: str | None) -> None:
    row, metadata = rows.one(RoundRow, recorded.stream_id, _number(round_id)), recorded.metadata
    seat = metadata.on_behalf_of or metadata.actor
    made = DecisionMade(seat, metadata.actor, decision, row.step, words, metadata.at, metadata.roles)
    before = [
        replace(d, counts=False) if (d.person, d.step) == (seat, row.step) and d.decision in _ANSWERS else d
        for d in row.decisions
    ]
    rows.put(replace(row, decisions=(*before, made)))


def _ended(rows: Rows, recorded: Recorded[Any], round_id: RoundId, state: str, because: str | None = None) -> None:
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))
    rows.put(replace(row, state=state, ended_at=recorded.metadata.at, ended_because=because))


def _passed(rows: Rows, recorded: Recorded[Any], round_id: RoundId, step: int, *, over: bool) -> None:
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))
    passed_over = (*row.passed_over, step) if over else row.passed_over
    step += 1
    while step in passed_over:
        step += 1
    rows.put(replace(row, step=step, since=recorded.metadata.at, passed_over=passed_over))


def _uncounted(rows: Rows, recorded: Recorded[Any], round_id: RoundId, seat: PersonId, step: int | None) -> None:
    """An answer counts no more, and the step it was given in is asked again; all of them when no step is named."""
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))

    def gone(made: DecisionMade) -> bool:
        return made.counts and made.person == seat and step in (None, made.step) and made.step not in row.passed_over

    decisions = tuple(replace(made, counts=made.counts and not gone(made)) for made in row.decisions)
    back = min((made.step for made in row.decisions if gone(made)), default=row.step)
    if back < row.step:
        row = replace(row, step=back, since=recorded.metadata.at)
    rows.put(replace(row, decisions=decisions))


def _unbound(rows: Rows, recorded: Recorded[Any], round_id: RoundId) -> None:
    """What somebody's approval waited for falls with it, by their own act."""
    row, metadata = rows.one(RoundRow, recorded.stream_id, _number(round_id)), recorded.metadata
    seat = metadata.on_behalf_of or metadata.actor
    if any(made.counts and (made.person, made.decision) == (seat, "approve") for made in row.decisions):
        return
    conditions = [replace(c, state="withdrawn") if (c.by, c.state) == (seat, "open") else c for c in row.conditions]
    rows.put(replace(row, conditions=tuple(conditions)))


def _closed(rows: Rows, stream: StreamId, round_id: RoundId, number: int, state: str) -> None:
    row = rows.one(RoundRow, stream, _number(round_id))
    conditions = [replace(c, state=state) if n == number else c for n, c in enumerate(row.conditions, 1)]
    rows.put(replace(row, conditions=tuple(conditions)))


def _replaced(rows: Rows, recorded: Recorded[Any], event: ContentReplaced) -> None:
    row, metadata = rows.one(RoundRow, recorded.stream_id, _number(event.round)), recorded.metadata
    rows.put(
        replace(
            row,
            subject=event.subject,
            content_hash=event.content_hash,
            amount=event.amount.amount,
            step=0,
            since=metadata.at,
            passed_over=(),
            excluded=tuple(sorted({*row.excluded, *metadata.persons})),
            decisions=tuple(replace(made, counts=False) for made in row.decisions),
            conditions=(),
            former=event.former,
            changes=event.changes,
        )
    )


def _funded(rows: Rows, stream: StreamId, event: FinancingEvent) -> None:
    match event:
        case FundingSourceIdentified(funding, terms):
            of = (terms.holder, terms.kind, terms.base_amount.amount, terms.lent_against)
            rows.put(SourceRow(stream, funding, *of, FundingState.IDENTIFIED))
        case FundingAmended(funding, after=terms, state=state):
            of = (terms.holder, terms.kind, terms.base_amount.amount, terms.lent_against)
            rows.put(SourceRow(stream, funding, *of, state))
        case LetterOfIntentRecorded(funding):
            _stated(rows, stream, funding, FundingState.SOFT_COMMITTED)
        case FundingCommitted(funding):
            _stated(rows, stream, funding, FundingState.COMMITTED)
        case FundingWithdrawn(funding):
            _stated(rows, stream, funding, FundingState.WITHDRAWN)
        case FundingClosed(funding, state=state):
            _stated(rows, stream, funding, state)
        case FundsReceived(funding=funding, state=state) | FundsReceiptReversed(funding=funding, state=state):
            _stated(rows, stream, funding, state)
        case _:
            pass  # flags say nothing of who holds what


def _stated(rows: Rows, stream: StreamId, funding: FundingId, state: FundingState) -> None:
    rows.put(replace(rows.one(SourceRow, stream, funding), state=state))


def _delegated(rows: Rows, stream: StreamId, event: DelegationEvent) -> None:
    match event:
        case AuthorityDelegated(delegation, grantor, to, powers, productions, _, from_on, until_on):
            rows.put(SubstituteRow(stream, delegation, grantor, to, powers, productions, from_on, until_on))
        case AuthorityRevoked(delegation):
            rows.remove(SubstituteRow, stream, delegation)
        case AbsenceSet(person, substitute, from_on, until_on):
            by = f"absence of {person}"
            rows.put(SubstituteRow(stream, by, person, substitute, None, None, from_on, until_on))
        case AbsenceEnded(person):
            rows.remove(SubstituteRow, stream, f"absence of {person}")


PROJECTION = Projection("approval_status", frozenset(get_args(Reads)), 5, KINDS, fold)


class Asked(BaseModel):
    """Somebody whose answer a round waits for."""

    person: PersonId
    through: list[PersonId] = Field(description="Who may answer for them today, by absence or delegation.")
    away_until: date | None = Field(description="The last day of their absence, if they are away today.")


class WaitsFor(BaseModel):
    """What an open round waits for."""

    words: str
    step: int = Field(description="From 1 on; one more than there are when only conditions are open.")
    steps: int
    asked: list[Asked] = Field(description="Who may approve and has yet to answer.")
    excluded: list[PersonId] = Field(description="Who proposed, edited or submitted it, and may not approve.")
    since: datetime
    escalates_at: datetime | None = Field(description="When others are asked, too.")
    conditions: list[int] = Field(description="The open ones, by their numbers.")


class MayDo(BaseModel):
    """What somebody may do about a round now."""

    person: PersonId
    commands: list[str]


class DecisionView(BaseModel):
    """One answer to a round."""

    person: PersonId = Field(description="Whose place it was.")
    by: PersonId = Field(description="Who acted: the person, or another for them.")
    decision: str
    step: int = Field(description="From 1 on.")
    words: str | None
    at: datetime
    roles: list[str]
    counts: bool = Field(description="False once it was withdrawn, has lapsed, or is void since the content changed.")


class ConditionView(BaseModel):
    """What an approval waits for."""

    condition: int
    by: PersonId
    words: str
    state: str


class ApprovalRound(BaseModel):
    """A round."""

    round: RoundId
    kind: RequestKind
    subject: str
    content_hash: Digest
    amount: Money | None
    counted: Money | None = Field(description="The amount with what counts together with it, which chose the rule.")
    state: str
    submitted_by: PersonId
    on_behalf_of: PersonId | None
    submitted_at: datetime
    submitted_because: str | None
    command: str | None = Field(description="What takes effect when it passes; none for budgets and payments.")
    body: dict[str, Any] | None = Field(description="Of that command, as it was sent.")
    in_english: str | None = Field(description="What takes effect when it passes, read out.")
    differences: list[str] = Field(description="Of a policy: the sentences that go and come with it.")
    policy: str | None
    rule: str | None
    steps: list[str] = Field(description="In words, in their order.")
    waits_for: WaitsFor | None
    may: list[MayDo] = Field(description="What each may do next; besides, whoever holds a role may nudge.")
    decisions: list[DecisionView]
    conditions: list[ConditionView]
    former: str | None = Field(description="What the round asked about before its content was changed.")
    changes: list[AccountChange] = Field(description="The lines in which the content differs from the former one.")
    ended_at: datetime | None
    ended_because: str | None = Field(description="What overtook it; none when somebody decided.")
    withheld: str | None = Field(
        None, description="That its amount, what was said of it, and what it asks for or changed are not shown."
    )


class PolicyView(BaseModel):
    """A policy, as it is and in words."""

    policy: PolicyId
    in_english: str
    terms: Policy
    adopted_at: datetime


class ApprovalStatus(BaseModel):
    """The policy in force, and the rounds of a production, the latest first."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    policy: PolicyView | None = Field(description="In force; none while one executive producer decides.")
    rounds: list[ApprovalRound]
    withheld: str | None = Field(None, description="That something is not shown to the reader.")


class Members(Protocol):
    """Who counts in the company at a moment."""

    def sits_as(self, person: PersonId, role: Role, /) -> bool:
        """Whether rounds wait for the person by that role."""

    def may_stand_in(self, person: PersonId, other: PersonId, /) -> bool:
        """Whether the person may act for the other, if the other lets them."""


class _Everybody:
    def sits_as(self, _person: PersonId, _role: Role, /) -> bool:
        return True

    def may_stand_in(self, _person: PersonId, _other: PersonId, /) -> bool:
        return True


#: Of a company whose members then nobody asks about.
EVERYBODY = _Everybody()


@dataclass(frozen=True, slots=True)
class NotForAll:
    """Who looks at rounds of which they may not read everything."""

    #: Themselves, and those for whom they may act.
    readers: Collection[PersonId]
    #: Whether they may read the figures of accounts.
    shows: Callable[[Iterable[AccountCode]], bool]
    said: str
    #: Whether it counts that a round asks them: it does today, and no more when the past is looked at.
    asks: bool


@dataclass(frozen=True, slots=True)
class House:
    """Who is what on a production at a moment."""

    stream: StreamId
    at: datetime
    on: date
    standing: Standing
    substitutes: list[SubstituteRow]

    @classmethod
    def of(cls, rows: Rows, stream: StreamId, at: datetime, members: Members) -> "House":
        """What the rows say of it."""
        company, _, name = stream.partition("/")
        on = at.astimezone(ZoneInfo(rows.one(DraftingRow, stream).time_zone)).date()
        roles: dict[PersonId, set[Role]] = {}
        heads: dict[PersonId, tuple[AccountCode, ...]] = {}
        for held in rows.of(AppointmentRow, stream):
            if held.from_on <= on.isoformat() and members.sits_as(held.person, Role(held.role)):
                roles.setdefault(held.person, set()).add(Role(held.role))
                if held.role == Role.DEPARTMENT_HEAD.value:
                    heads[held.person] = held.accounts
        sources = {row.funding: row for row in rows.of(SourceRow, stream) if row.state in AT_LEAST_COMMITTED}
        counted = counted_once(
            {f: row.amount for f, row in sources.items()}, {f: row.lent_against for f, row in sources.items()}
        )
        holders = {f: (sources[f].holder, counted[f]) for f in sources if sources[f].kind not in NOT_CASH}
        substitutes = [
            row
            for row in rows.of(SubstituteRow, company)
            if row.from_on <= on <= row.until_on
            and (row.productions is None or name in row.productions)
            and members.may_stand_in(row.substitute, row.person)
        ]
        return cls(stream, at, on, Standing(roles, heads, holders), substitutes)

    def asked(self, row: RoundRow) -> list[PersonId]:
        """Who is asked in the step that the round is at, and has yet to answer."""
        if row.step >= len(row.steps):
            return []
        step, late = row.steps[row.step], self.escalates_at(row)
        approvers = (*step.approvers, *step.escalates_to) if late and late <= self.at else step.approvers
        answered = {made.person for made in row.decisions if made.counts and made.step == row.step}
        return sorted(set(self.standing.asked(approvers, row.accounts, _instead(row, row.step))) - answered)

    def may_approve(self, row: RoundRow, seat: PersonId, by: PersonId) -> bool:
        """Whether that person may approve in that place: nobody who had a hand in it, or filled another place."""
        barred = {seat, by, *_gave(row, row.step, seat)} & set(row.excluded)
        return not barred and not self.filled_another(row, seat, by)

    def filled_another(self, row: RoundRow, seat: PersonId, by: PersonId) -> bool:
        """Whether who would fill that place filled another one, as far as that bars them."""
        persons = {seat, by, *_gave(row, row.step, seat)}
        return any(
            made.counts
            and made.decision in _ANSWERS
            and persons & {made.person, made.by, *_gave(row, made.step, made.person)}
            and (made.step, made.person) != (row.step, seat)
            and not (made.step != row.step and row.one_person_may_fill_two_steps)
            for made in row.decisions
        )

    def may_override(self, row: RoundRow, person: PersonId) -> bool:
        """Whether that person may pass over the step that the round is at."""
        at_last = row.step + 1 == len(row.steps)
        votes = [made for made in row.decisions if made.counts and made.decision in _VOTES]
        return (
            row.override_by in self.standing.roles.get(person, ())
            and row.step < len(row.steps)
            and person not in (row.submitted_by, row.on_behalf_of)
            and self.may_approve(row, person, person)
            and not any(person in (d.person, d.by) for d in votes if d.step == row.step)
            and not (at_last and not any(d.decision == "approve" and person not in (d.person, d.by) for d in votes))
        )

    def heirs(self, row: RoundRow, condition: ConditionSet) -> list[PersonId]:
        """Who says what becomes of an open condition: who set it, or whom the step asks where it asks them no more."""
        if condition.state != "open":
            return []
        step = row.steps[condition.step]
        approvers = (*step.approvers, *step.escalates_to)
        seats = self.standing.asked(approvers, row.accounts, _instead(row, condition.step))
        return [condition.by] if condition.by in seats else [seat for seat in seats if seat not in row.excluded]

    def escalates_at(self, row: RoundRow) -> datetime | None:
        """When a step asks others, too."""
        days = row.steps[row.step].within_days if row.step < len(row.steps) else None
        return None if days is None else row.since + timedelta(days=days)

    def through(self, person: PersonId, power: Power) -> set[PersonId]:
        """Who may use one of the powers of a substitute for the person."""
        return {
            s.substitute for s in self.substitutes if s.person == person and (s.powers is None or power in s.powers)
        }

    def away_until(self, person: PersonId) -> date | None:
        """The last day of the person's absence."""
        return next((s.until_on for s in self.substitutes if s.person == person and s.powers is None), None)


_VOTES = ("approve", "abstain")
#: What fills a place.
_ANSWERS = (*_VOTES, "override")


def _gave(row: RoundRow, step: int, seat: PersonId) -> set[PersonId]:
    """Who gave their place in a step to whoever sits there."""
    return {place for place, to in _instead(row, step).items() if to == seat}


def _instead(row: RoundRow, step: int) -> dict[PersonId, PersonId]:
    """Who is asked in whose place in a step."""
    instead: dict[PersonId, PersonId] = {}
    for at, place, to in row.reassigned:
        instead = handed_on(instead, place, to) if at == step else instead
    return instead


def view(
    rows: Rows,
    stream: StreamId,
    version: int,
    position: int,
    at: datetime,
    members: Members,
    but: NotForAll | None = None,
) -> ApprovalStatus:
    """The answer from the rows, as of the moment that it is for.

    Args:
        members: who counts in the company at that moment.
        but: what its reader may not read; None when they may read everything.
    """
    rounds = sorted(rows.of(RoundRow, stream), key=lambda row: -row.number)
    house = House.of(rows, stream, at, members) if rounds else None
    policies = {f"P-{row.number}": row.terms for row in rows.of(PolicyRow, stream)}
    return ApprovalStatus(
        production=stream,
        version=version,
        position=position,
        policy=_in_force(rows.of(PolicyRow, stream)),
        rounds=[_for(but, row, _round(row, house, policies)) for row in rounds if house is not None],
        withheld=None if but is None else but.said,
    )


def _for(but: NotForAll | None, row: RoundRow, shown: ApprovalRound) -> ApprovalRound:
    """The round as its reader may see it: whole for whoever has to do with it, else without closed figures."""
    if but is None or _concerned(shown, asked=but.asks) & set(but.readers):
        return shown
    if row.kind is RequestKind.PAYMENT or not but.shows(row.accounts):
        return _without(shown, but.said)
    changes = [change for change in shown.changes if but.shows((change.account,))]
    hidden = None if len(changes) == len(shown.changes) else but.said
    return shown.model_copy(update={"changes": changes, "withheld": hidden})


def _concerned(shown: ApprovalRound, *, asked: bool) -> set[PersonId]:
    """Who asked for it and who answered it; and whoever may do something about it now."""
    answered = {person for made in shown.decisions for person in (made.person, made.by)}
    may = {each.person for each in shown.may} if asked else set()
    return answered | may | {shown.submitted_by, shown.on_behalf_of or shown.submitted_by}


def _without(shown: ApprovalRound, said: str) -> ApprovalRound:
    """The round without its figures, and without what people said of it, which may name them."""
    waits = shown.waits_for
    if waits is not None and waits.conditions:
        waits = waits.model_copy(update={"words": said})
    return shown.model_copy(
        update={
            "amount": None,
            "counted": None,
            "submitted_because": None,
            "body": None,
            "in_english": None,
            "waits_for": waits,
            "decisions": [made.model_copy(update={"words": None}) for made in shown.decisions],
            "conditions": [each.model_copy(update={"words": said}) for each in shown.conditions],
            "changes": [],
            "withheld": said,
        }
    )


def _in_force(adopted: list[PolicyRow]) -> PolicyView | None:
    if not adopted:
        return None
    row = max(adopted, key=lambda each: each.number)
    return PolicyView(
        policy=f"P-{row.number}",
        in_english=_policy_in_words(row.terms),
        terms=row.terms,
        adopted_at=row.adopted_at,
    )


def _round(row: RoundRow, house: House, policies: Mapping[PolicyId, Policy]) -> ApprovalRound:
    proposed = _proposed(row)
    return ApprovalRound(
        round=f"A-{row.number}",
        kind=row.kind,
        subject=row.subject,
        content_hash=row.content_hash,
        amount=amount_of(row),
        counted=_in_currency(row, row.counted),
        state=row.state,
        submitted_by=row.submitted_by,
        on_behalf_of=row.on_behalf_of,
        submitted_at=row.submitted_at,
        submitted_because=row.submitted_because,
        command=row.command,
        body=None if row.body is None else json.loads(row.body),
        in_english=_in_english(row) if proposed is None else _policy_in_words(proposed),
        differences=[] if proposed is None or row.policy is None else _differences(policies[row.policy], proposed),
        policy=row.policy,
        rule=row.rule,
        steps=[_step_in_words(step) for step in row.steps],
        waits_for=_waits_for(row, house) if row.state == "open" else None,
        may=_may(row, house) if row.state == "open" else [],
        decisions=[
            DecisionView(
                person=made.person,
                by=made.by,
                decision=made.decision,
                step=made.step + 1,
                words=made.words,
                at=made.at,
                roles=list(made.roles),
                counts=made.counts,
            )
            for made in row.decisions
        ],
        conditions=[
            ConditionView(condition=number, by=c.by, words=c.words, state=c.state)
            for number, c in enumerate(row.conditions, 1)
        ],
        former=row.former,
        changes=list(row.changes),
        ended_at=row.ended_at,
        ended_because=row.ended_because,
    )


def _proposed(row: RoundRow) -> Policy | None:
    """The policy that a round asks about."""
    if row.kind is not RequestKind.POLICY_CHANGE or row.body is None:
        return None
    return _TERMS.decode(json.dumps(json.loads(row.body)["terms"]))


def _in_english(row: RoundRow) -> str:
    body = {} if row.body is None else json.loads(row.body)
    return english.request(row.kind, row.subject, amount_of(row), body)


def _policy_in_words(terms: Policy) -> str:
    return with_names(english.policy(terms), _id)


def _differences(before: Policy, after: Policy) -> list[str]:
    return [with_names(sentence, _id) for sentence in english.differences(before, after)]


def _step_in_words(asked: Step) -> str:
    return with_names(english.step(asked), _id)


def _id(_: str, who: str) -> str:
    """People are called by their ids here, in words as in the fields beside them."""
    return who


def _waits_for(row: RoundRow, house: House) -> WaitsFor:
    asked = [
        Asked(
            person=person,
            through=sorted(by for by in house.through(person, Power.APPROVE) if house.may_approve(row, person, by)),
            away_until=house.away_until(person),
        )
        for person in house.asked(row)
        if house.may_approve(row, person, person)
    ]
    conditions = [number for number, c in enumerate(row.conditions, 1) if c.state == "open"]
    return WaitsFor(
        words=_in_words(row, house, asked, conditions),
        step=row.step + 1,
        steps=len(row.steps),
        asked=asked,
        excluded=list(row.excluded),
        since=row.since,
        escalates_at=house.escalates_at(row),
        conditions=conditions,
    )


def _in_words(row: RoundRow, house: House, asked: list[Asked], conditions: list[int]) -> str:
    since = f"since {row.since:%-d %B %Y %H:%M} UTC"
    if row.step >= len(row.steps):
        closing = [row.conditions[number - 1] for number in conditions]
        words = [f"{each.words} ({' or '.join(house.heirs(row, each))})" for each in closing]
        return f"Approved; waits {since} until these are met or waived: {'; '.join(words)}."
    said = [
        each.person
        + (f" (away until {each.away_until:%-d %B %Y})" if each.away_until else "")
        + (f", or {english.listed(each.through)} for them" if each.through else "")
        for each in asked
    ]
    passes_over = [person for person in house.standing.roles if house.may_override(row, person)]
    if said:
        whom = f"waits for {english.listed(said)}"
    elif passes_over:
        whom = f"waits for nobody who may approve it; {english.listed(sorted(passes_over))} may pass over the step"
    else:
        whom = "waits for nobody who may approve it: appoint somebody, or recall it, change the policy and ask anew"
    step = f"Step {row.step + 1} of {len(row.steps)}, {_step_in_words(row.steps[row.step])}"
    return f"{step}: {whom}, {since}."


def _may(row: RoundRow, house: House) -> list[MayDo]:
    """What each may do next; whoever acts for another names them."""
    may: dict[PersonId, list[str]] = {}
    for person in house.asked(row):
        answers = house.may_approve(row, person, person)
        may[person] = [*(("approve", "abstain", "reassign_step") if answers else ()), "request_changes", "reject"]
    for person in {row.submitted_by, row.on_behalf_of or row.submitted_by}:
        if house.standing.roles.get(person):
            may.setdefault(person, []).extend(("recall_request", "nudge"))
    for person in sorted({made.person for made in row.decisions if made.counts and made.decision in _VOTES}):
        may.setdefault(person, []).append("withdraw_vote")
    for condition in row.conditions:
        for person in house.heirs(row, condition):
            if "close_condition" not in may.setdefault(person, []):
                may[person].append("close_condition")
    for person, roles in house.standing.roles.items():
        barred = (*row.excluded, row.submitted_by, row.on_behalf_of)
        if row.override_by in roles and person not in barred and row.step < len(row.steps):
            may.setdefault(person, []).append("reassign_step")
        if house.may_override(row, person):
            may[person].append("override_step")
    return [MayDo(person=person, commands=list(dict.fromkeys(each))) for person, each in sorted(may.items())]


def amount_of(row: RoundRow) -> Money | None:
    """What is asked for."""
    return _in_currency(row, row.amount)


def _in_currency(row: RoundRow, amount: Decimal | None) -> Money | None:
    return None if amount is None or row.currency is None else Money(amount, row.currency)
