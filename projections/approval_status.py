"""Which policy says who approves what; which rounds are there, what does each wait for, on whom, and who decided what?

Moved by: policies; requests, answers and what follows from them; appointments, funding, delegations and absences,
since they say who may answer; drafts, since whoever set one may not; stages, since a closed production asks nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args

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
)
from events.ids import AccountCode, BudgetId, Digest, FundingId, PersonId, RoundId, StreamId
from events.money import Money
from events.policy import ApprovalPolicyAdopted, Approver, Policy, PolicyEvent, RequestKind, Step
from events.production import ProductionOpened, Stage, StageEntered
from events.team import Appointed, AppointmentEnded, Role, TeamEvent

from .projection import Projection, Rows, kind


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
class PlaceGiven:
    """Somebody else is asked in the place of a person."""

    step: int
    seat: PersonId
    to: PersonId
    #: Who gave it away for its holder; nobody where they did so themselves.
    by: tuple[PersonId, ...]


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
    #: Whoever approves it has signed in within so many minutes; None when it does not matter.
    fresh_minutes: int | None
    one_person_may_fill_two_steps: bool
    #: What takes effect when it passes, as it was sent, or is to be promised; None for budgets and payments.
    command: str | None
    body: str | None
    #: The step that is asked, from 0 on, and since when.
    step: int
    since: datetime
    #: Steps that were skipped or passed over.
    passed_over: tuple[int, ...]
    #: Who may not approve: whoever proposed, edited or submitted it.
    excluded: tuple[PersonId, ...]
    #: Who is asked in whose place.
    reassigned: tuple[PlaceGiven, ...]
    #: Who passed over a step of what it asks about now.
    overriders: tuple[PersonId, ...]
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
    """The production, and who set drafts or waived differences since the last approved version of their scenario."""

    stream_id: StreamId
    title: str
    time_zone: str
    stage: Stage
    #: By scenario.
    drafters: dict[str, tuple[PersonId, ...]]
    #: By version.
    scenarios: dict[str, str]


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
    #: The largest amount; None for any.
    up_to: Money | None


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
    | StageEntered
    | TeamEvent
    | BudgetDrafted
    | DifferenceWaived
    | ApprovalEvent
    | PolicyEvent
    | FinancingEvent
    | DelegationEvent
)

VOTES = ("approve", "abstain")
#: What fills a place.
ANSWERS = (*VOTES, "override")
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
            rows.put(DraftingRow(stream, title, time_zone, Stage.DEVELOPMENT, {}, {}))
        case StageEntered(stage):
            rows.put(replace(rows.one(DraftingRow, stream), stage=stage))
        case Appointed(person, role, from_on, accounts):
            rows.put(AppointmentRow(stream, person, role.value, from_on.isoformat(), accounts))
        case AppointmentEnded(person, role):
            rows.remove(AppointmentRow, stream, person, role.value)
        case BudgetDrafted() | DifferenceWaived():
            rows.put(_drafted(rows.one(DraftingRow, stream), event, metadata.persons))
        case BudgetSubmitted(round_id, budget, content_hash, total, hands):
            drafting = rows.one(DraftingRow, stream)
            excluded = {*metadata.persons, *hands, *drafting.drafters.get(drafting.scenarios[budget], ())}
            for before in rows.of(RoundRow, stream):
                if (before.kind, before.subject) == (RequestKind.BUDGET, budget):
                    excluded |= {before.submitted_by, before.on_behalf_of or before.submitted_by}
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
        case StepOverridden():
            _overridden(rows, recorded, event)
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
        case BudgetApproved(round_id, budget):
            _ended(rows, recorded, round_id, "approved")
            rows.put(_approved(rows.one(DraftingRow, stream), budget))
        case RequestApproved(round_id):
            _ended(rows, recorded, round_id, "approved")
        case StepPassed(round_id, step=step):
            _passed(rows, recorded, round_id, step, over=False)
        case StepSkipped(round_id, step=step):
            _passed(rows, recorded, round_id, step, over=True)
        case VoteWithdrawn(round_id, seat=seat):
            _uncounted(rows, recorded, round_id, seat, None)
        case StepReopened(round_id, step=step):
            row = rows.one(RoundRow, stream, _number(round_id))
            rows.put(replace(row, step=step, since=metadata.at))
        case VoteLapsed(round_id, seat=seat, step=step):
            _uncounted(rows, recorded, round_id, seat, step)
        case StepReassigned():
            _reassigned(rows, recorded, event)
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
        fresh_minutes=event.fresh_minutes,
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
    under |= {"counted": None, "fresh_minutes": None, "one_person_may_fill_two_steps": False}
    under |= {"command": None, "body": None}
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
            overriders=(),
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
        replace(d, counts=False) if (d.person, d.step) == (seat, row.step) and d.decision in ANSWERS else d
        for d in row.decisions
    ]
    rows.put(replace(row, decisions=(*before, made)))


def _ended(rows: Rows, recorded: Recorded[Any], round_id: RoundId, state: str, because: str | None = None) -> None:
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))
    rows.put(replace(row, state=state, ended_at=recorded.metadata.at, ended_because=because))


def _drafted(
    drafting: DraftingRow, event: BudgetDrafted | DifferenceWaived, persons: Iterable[PersonId]
) -> DraftingRow:
    scenarios = drafting.scenarios
    if isinstance(event, BudgetDrafted):
        scenarios = scenarios | {event.budget: event.scenario}
    scenario = scenarios[event.budget]
    drafters = tuple(sorted({*drafting.drafters.get(scenario, ()), *persons}))
    return replace(drafting, scenarios=scenarios, drafters=drafting.drafters | {scenario: drafters})


def _approved(drafting: DraftingRow, budget: BudgetId) -> DraftingRow:
    approved = drafting.scenarios[budget]
    return replace(drafting, drafters={name: who for name, who in drafting.drafters.items() if name != approved})


def _passed(rows: Rows, recorded: Recorded[Any], round_id: RoundId, step: int, *, over: bool) -> None:
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))
    passed_over = (*row.passed_over, step) if over else row.passed_over
    step += 1
    while step in passed_over:
        step += 1
    rows.put(replace(row, step=step, since=recorded.metadata.at, passed_over=passed_over))


def _reassigned(rows: Rows, recorded: Recorded[Any], event: StepReassigned) -> None:
    persons = recorded.metadata.persons
    by = () if event.seat in persons else tuple(sorted(persons))
    if by:
        _decided(rows, recorded, event.round, "reassign_step", recorded.metadata.reason)
    row = rows.one(RoundRow, recorded.stream_id, _number(event.round))
    given = PlaceGiven(event.step, event.seat, event.to, by)
    rows.put(replace(row, reassigned=(*row.reassigned, given)))


def _overridden(rows: Rows, recorded: Recorded[Any], event: StepOverridden) -> None:
    _decided(rows, recorded, event.round, "override", recorded.metadata.reason)
    _passed(rows, recorded, event.round, event.step, over=True)
    row = rows.one(RoundRow, recorded.stream_id, _number(event.round))
    rows.put(replace(row, overriders=tuple(sorted(recorded.metadata.persons.union(row.overriders)))))


def _uncounted(rows: Rows, recorded: Recorded[Any], round_id: RoundId, seat: PersonId, step: int | None) -> None:
    """An answer counts no more, and the step it was given in is asked again; all of them when no step is named."""
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))

    def gone(made: DecisionMade) -> bool:
        stays = made.decision != "approve" and made.step in row.passed_over and made not in over
        return made.counts and made.person == seat and step in (None, made.step) and not stays

    overrode = (made for made in row.decisions if made.counts and made.decision == "override")
    over = [made for made in overrode if (made.person, made.step) == (seat, step)]
    row = replace(row, passed_over=tuple(at for at in row.passed_over if at not in {made.step for made in over}))
    decisions = tuple(replace(made, counts=made.counts and not gone(made)) for made in row.decisions)
    steps = (made.step for made in row.decisions if gone(made) and made.step not in row.passed_over)
    back = min(steps, default=row.step)
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
    more = event.amount.amount - (row.amount or 0)
    rows.put(
        replace(
            row,
            subject=event.subject,
            content_hash=event.content_hash,
            amount=event.amount.amount,
            counted=None if row.counted is None else row.counted + more,
            overriders=(),
            step=0,
            since=metadata.at,
            passed_over=(),
            excluded=tuple(sorted({*row.excluded, *metadata.persons, *event.excluded})),
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
        case AuthorityDelegated(delegation, grantor, to, powers, productions, limit, from_on, until_on):
            rows.put(SubstituteRow(stream, delegation, grantor, to, powers, productions, from_on, until_on, limit))
        case AuthorityRevoked(delegation):
            rows.remove(SubstituteRow, stream, delegation)
        case AbsenceSet(person, substitute, from_on, until_on):
            by = f"absence of {person}"
            rows.put(SubstituteRow(stream, by, person, substitute, None, None, from_on, until_on, None))
        case AbsenceEnded(person):
            rows.remove(SubstituteRow, stream, f"absence of {person}")


PROJECTION = Projection("approval_status", frozenset(get_args(Reads)), 9, KINDS, fold)


def amount_of(row: RoundRow) -> Money | None:
    """What is asked for."""
    return in_currency(row, row.amount)


def in_currency(row: RoundRow, amount: Decimal | None) -> Money | None:
    """An amount of the round with its currency."""
    return None if amount is None or row.currency is None else Money(amount, row.currency)
