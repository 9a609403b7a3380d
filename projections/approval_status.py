"""Which approval rounds are there, what does each wait for and since when, and who decided what?

Moved by: submissions, decisions and withdrawals; appointments, since they say who may decide; drafts, since
whoever set one may not.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import get_args

from pydantic import BaseModel, Field

from events.approval import (
    ApprovalEvent,
    ApprovalGiven,
    BudgetApproved,
    BudgetRejected,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ChangesRequested,
)
from events.budget import BudgetDrafted
from events.envelope import Recorded
from events.ids import BudgetId, Digest, PersonId, RoundId, StreamId
from events.money import Money
from events.production import ProductionOpened
from events.team import Appointed, AppointmentEnded, Role, TeamEvent

from .projection import Projection, Rows, kind


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """One answer to a round."""

    person: PersonId
    decision: str
    words: str | None
    at: datetime
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round."""

    stream_id: StreamId
    number: int
    budget: str
    content_hash: str
    total: Decimal
    currency: str
    state: str
    submitted_by: str
    submitted_at: datetime
    submitted_because: str | None
    #: Who may not approve: whoever set a draft since the last approved version, and the submitter.
    excluded: tuple[PersonId, ...]
    decisions: tuple[DecisionMade, ...]
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppointmentRow:
    """A role that somebody holds."""

    stream_id: StreamId
    person: str
    role: str
    from_on: str


@dataclass(frozen=True, slots=True)
class DraftingRow:
    """The production, and who set a draft since its last approved version."""

    stream_id: StreamId
    title: str
    time_zone: str
    drafters: tuple[PersonId, ...]


KINDS = (
    kind("approval_status_rounds", RoundRow, "stream_id", "number"),
    kind("approval_status_appointments", AppointmentRow, "stream_id", "person", "role", indexed=[("person",)]),
    kind("approval_status_drafting", DraftingRow, "stream_id"),
)

Reads = ProductionOpened | TeamEvent | BudgetDrafted | ApprovalEvent


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, event, metadata = recorded.stream_id, recorded.event, recorded.metadata
    match event:
        case ProductionOpened(title, time_zone=time_zone):
            rows.put(DraftingRow(stream, title, time_zone, ()))
        case Appointed(person, role, from_on):
            rows.put(AppointmentRow(stream, person, role.value, from_on.isoformat()))
        case AppointmentEnded(person, role):
            rows.remove(AppointmentRow, stream, person, role.value)
        case BudgetDrafted():
            drafting = rows.one(DraftingRow, stream)
            drafters = tuple(sorted({*drafting.drafters, metadata.actor}))
            rows.put(replace(drafting, drafters=drafters))
        case BudgetSubmitted(round_id, budget, content_hash, total):
            drafters = rows.one(DraftingRow, stream).drafters
            rows.put(
                RoundRow(
                    stream_id=stream,
                    number=_number(round_id),
                    budget=budget,
                    content_hash=content_hash,
                    total=total.amount,
                    currency=total.currency,
                    state="open",
                    submitted_by=metadata.actor,
                    submitted_at=metadata.at,
                    submitted_because=metadata.reason,
                    excluded=tuple(sorted({*drafters, metadata.actor})),
                    decisions=(),
                    ended_at=None,
                )
            )
        case ApprovalGiven(round_id, words=words):
            _decided(rows, recorded, round_id, "approve", words)
        case ChangesRequested(round_id, words=words):
            _decided(rows, recorded, round_id, "request_changes", words)
            _ended(rows, recorded, round_id, "changes_requested")
        case BudgetRejected(round_id, words=words):
            _decided(rows, recorded, round_id, "reject", words)
            _ended(rows, recorded, round_id, "rejected")
        case BudgetWithdrawn(round_id):
            _ended(rows, recorded, round_id, "withdrawn")
        case BudgetApproved(round_id):
            _ended(rows, recorded, round_id, "approved")
            rows.put(replace(rows.one(DraftingRow, stream), drafters=()))
        case BudgetSuperseded():
            pass  # its round ended when it was approved


def _number(round_id: RoundId) -> int:
    return int(round_id.removeprefix("A-"))


def _decided(rows: Rows, recorded: Recorded[Reads], round_id: RoundId, decision: str, words: str | None) -> None:
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))
    metadata = recorded.metadata
    made = DecisionMade(metadata.actor, decision, words, metadata.at, metadata.roles)
    rows.put(replace(row, decisions=(*row.decisions, made)))


def _ended(rows: Rows, recorded: Recorded[Reads], round_id: RoundId, state: str) -> None:
    row = rows.one(RoundRow, recorded.stream_id, _number(round_id))
    rows.put(replace(row, state=state, ended_at=recorded.metadata.at))


PROJECTION = Projection("approval_status", frozenset(get_args(Reads)), 1, KINDS, fold)


class WaitsFor(BaseModel):
    """What an open round waits for."""

    role: Role
    decision: str
    persons: list[PersonId] = Field(description="Who holds the role and may approve.")
    excluded: list[PersonId] = Field(description="Who set a draft or submitted, and may not approve.")
    since: datetime


class DecisionView(BaseModel):
    """One answer to a round."""

    person: PersonId
    decision: str
    words: str | None
    at: datetime
    roles: list[str]


class ApprovalRound(BaseModel):
    """A round."""

    round: RoundId
    budget: BudgetId
    content_hash: Digest
    total: Money
    state: str
    submitted_by: PersonId
    submitted_at: datetime
    submitted_because: str | None
    waits_for: WaitsFor | None
    decisions: list[DecisionView]
    ended_at: datetime | None


class ApprovalStatus(BaseModel):
    """The rounds of a production, the latest first."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    rounds: list[ApprovalRound]


class InboxItem(BaseModel):
    """Something that waits for a person."""

    production: StreamId
    title: str
    waits_for: str = Field(description="What the person may do: `approve` or `revise`.")
    round: RoundId
    budget: BudgetId
    content_hash: Digest
    total: Money
    since: datetime
    from_person: PersonId
    words: str | None


class Inbox(BaseModel):
    """What waits for a person on all their productions, the oldest first."""

    person: PersonId
    position: int
    items: list[InboxItem]


def view(rows: Rows, stream: StreamId, version: int, position: int) -> ApprovalStatus:
    """The answer from the rows."""
    rounds = sorted(rows.of(RoundRow, stream), key=lambda row: -row.number)
    holders = _holders(rows, stream, Role.EXECUTIVE_PRODUCER)
    return ApprovalStatus(
        production=stream,
        version=version,
        position=position,
        rounds=[_round(row, holders) for row in rounds],
    )


def inbox(rows: Rows, streams: list[StreamId], person: PersonId, position: int) -> Inbox:
    """What waits for the person on these productions: rounds to decide, and versions sent back to revise."""
    items: list[InboxItem] = []
    for stream in streams:
        rounds = rows.of(RoundRow, stream)
        title = rows.one(DraftingRow, stream).title
        if person in _holders(rows, stream, Role.EXECUTIVE_PRODUCER):
            items += [
                _item(row, title, "approve", row.submitted_by, row.submitted_because, row.submitted_at)
                for row in rounds
                if row.state == "open" and person not in row.excluded
            ]
        if person in _holders(rows, stream, Role.PRODUCER) and rounds:
            last = rounds[-1]
            if last.state == "changes_requested":
                made = last.decisions[-1]
                items.append(_item(last, title, "revise", made.person, made.words, made.at))
    return Inbox(person=person, position=position, items=sorted(items, key=lambda item: item.since))


def _holders(rows: Rows, stream: StreamId, role: Role) -> list[PersonId]:
    return [row.person for row in rows.of(AppointmentRow, stream) if row.role == role.value]


def _round(row: RoundRow, holders: list[PersonId]) -> ApprovalRound:
    waits_for = WaitsFor(
        role=Role.EXECUTIVE_PRODUCER,
        decision="approve, request changes or reject",
        persons=[person for person in holders if person not in row.excluded],
        excluded=list(row.excluded),
        since=row.submitted_at,
    )
    return ApprovalRound(
        round=f"A-{row.number}",
        budget=row.budget,
        content_hash=row.content_hash,
        total=Money(row.total, row.currency),
        state=row.state,
        submitted_by=row.submitted_by,
        submitted_at=row.submitted_at,
        submitted_because=row.submitted_because,
        waits_for=waits_for if row.state == "open" else None,
        decisions=[
            DecisionView(person=d.person, decision=d.decision, words=d.words, at=d.at, roles=list(d.roles))
            for d in row.decisions
        ],
        ended_at=row.ended_at,
    )


def _item(
    row: RoundRow, title: str, waits_for: str, from_person: PersonId, words: str | None, since: datetime
) -> InboxItem:
    return InboxItem(
        production=row.stream_id,
        title=title,
        waits_for=waits_for,
        round=f"A-{row.number}",
        budget=row.budget,
        content_hash=row.content_hash,
        total=Money(row.total, row.currency),
        since=since,
        from_person=from_person,
        words=words,
    )
