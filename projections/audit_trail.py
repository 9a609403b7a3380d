"""What happened, in order: who did what, when, why, and what changed?

Moved by: every fact of a production. Rows never change once written, so the trail *as of* a version is the
trail up to it. People and vendors stand in the sentences as marks, which the reader's page fills with names.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Index, func

from events import OfProduction
from events.advance import FloatShort
from events.approval import ConditionWaived, StepOverridden, StepReassigned, StepSkipped
from events.budget import BudgetUnlocked, DifferenceWaived
from events.commitment import AmendmentSubmitted, CommitmentReopened, CommitmentSubmitted, RequisitionRaised
from events.confidential import figures_of
from events.envelope import Metadata, Recorded
from events.ids import AccountCode, PersonId, StreamId
from events.money import Amount
from events.paying import SpendPaid
from events.period import PeriodReopened
from events.production import ProductionGreenlit, Stage, StageEntered
from events.team import Appointed, Role

from .projection import Projection, Rows, kind
from .sentences import tell, with_names


@dataclass(frozen=True, slots=True)
class TrailRow:
    """A fact in its place."""

    stream_id: StreamId
    version: int
    position: int
    event_id: UUID
    kind: str
    at: datetime
    actor: str
    on_behalf_of: str | None
    credential: str | None
    roles: tuple[str, ...]
    reason: str | None
    command: str
    command_id: UUID
    correlation_id: UUID
    sentence: str
    amount: Decimal | None
    currency: str | None
    account: str | None
    other_account: str | None
    before: dict[str, str] | None
    after: dict[str, str] | None
    #: Whose figures it tells, as `events.confidential` says; None is for those alone who may read everything.
    of_accounts: tuple[AccountCode, ...] | None
    #: Whether it is in the report of exceptions.
    is_exception: bool


TRAIL = kind(
    "audit_trail",
    TrailRow,
    "stream_id",
    "version",
    final=True,
    # What an auditor seeks that is rare; what is not is found by reading on.
    indexed=[("stream_id", by) for by in ("at", "kind", "actor", "account", "other_account", "correlation_id")],
)
#: Amounts are sought whatever their sign.
Index("audit_trail_amount", TRAIL.table.c.stream_id, func.abs(TRAIL.table.c.amount))
#: It is rare that somebody acts for another.
Index(
    "audit_trail_on_behalf_of",
    TRAIL.table.c.stream_id,
    TRAIL.table.c.on_behalf_of,
    postgresql_where=TRAIL.table.c.on_behalf_of.is_not(None),
)
Index(
    "audit_trail_exceptions",
    TRAIL.table.c.stream_id,
    TRAIL.table.c.version,
    postgresql_where=TRAIL.table.c.is_exception,
)


def fold(rows: Rows, recorded: Recorded[OfProduction]) -> None:
    """The rows after the event."""
    told, metadata = tell(recorded.event), recorded.metadata
    rows.put(
        TrailRow(
            recorded.stream_id,
            recorded.version,
            recorded.position,
            recorded.event_id,
            type(recorded.event).__name__,
            metadata.at,
            metadata.actor,
            metadata.on_behalf_of,
            metadata.credential,
            metadata.roles,
            metadata.reason,
            metadata.command,
            metadata.command_id,
            metadata.correlation_id,
            told.sentence,
            told.amount.amount if told.amount else None,
            told.amount.currency if told.amount else None,
            told.account,
            told.other_account,
            told.before,
            told.after,
            figures_of(recorded.event),
            is_exception(recorded.event, metadata),
        )
    )


#: By which part of what was booked a rate may move without anybody asking.
_PLAUSIBLE = Decimal("0.1")


def is_exception(event: OfProduction, metadata: Metadata) -> bool:
    """Whether a control was passed over, waived or lifted by it: what an auditor asks about first."""
    match event:
        case FloatShort():
            return True
        case SpendPaid(booked=booked, amount=paid):
            return abs(paid.amount - booked.amount) > booked.amount * _PLAUSIBLE
        case StepOverridden() | StepSkipped() | ConditionWaived() | DifferenceWaived() | BudgetUnlocked():
            return True
        case StepReassigned(seat=seat):
            return seat not in metadata.persons  # what is one's own to give away is no exception
        case ProductionGreenlit(results=results):
            return not all(result.passed for result in results)
        case (
            RequisitionRaised(beyond=beyond)
            | CommitmentSubmitted(beyond=beyond)
            | AmendmentSubmitted(beyond=beyond)
            | CommitmentReopened(beyond=beyond)
        ):
            return any(each.overridden for each in beyond)
        case PeriodReopened():
            return True
        case StageEntered(left=left):
            return left is Stage.CLOSED
        case Appointed(role=Role.EXECUTIVE_PRODUCER):
            # By an administrator or the operator, where nobody was left to; the first one opened the production.
            return metadata.command == "Appoint" and Role.EXECUTIVE_PRODUCER not in metadata.roles
        case _:
            return False


PROJECTION = Projection("audit_trail", frozenset(get_args(OfProduction)), 5, (TRAIL,), fold)


class TrailEntry(BaseModel):
    """A fact, told."""

    version: int
    position: int
    event_id: UUID
    kind: str
    at: datetime
    sentence: str
    actor: PersonId
    actor_name: str = Field(description="Who acted, by name; `Aris Dahl for Noor Khan` when it was for another.")
    on_behalf_of: PersonId | None = Field(description="For whom the actor acted, if for another.")
    credential: str | None = Field(description="The API key it was sent with, if with one; the actor answers for it.")
    roles: list[str]
    reason: str | None
    amount: Amount | None
    currency: str | None
    account: AccountCode | None
    other_account: AccountCode | None
    before: dict[str, str] | None
    after: dict[str, str] | None
    command: str
    command_id: UUID
    correlation_id: UUID
    withheld: str | None = Field(
        description="That its figures and its reason are not shown to the reader; then only the sentence says so."
    )


class AuditTrail(BaseModel):
    """A page of the trail, in the order in which things happened."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    entries: list[TrailEntry]
    next: str | None = Field(description="The cursor of the next page; none on the last one.")
    withheld: str | None = Field(description="That something is not shown to the reader.")


def bare(row: TrailRow, said: str) -> TrailRow:
    """The row in its place, without what it tells."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("reason", "amount", "currency", "account", "other_account", "before", "after")
    )
    return replace(row, sentence=said, **nothing)


def entry(row: TrailRow, name: Callable[[str, str], str], withheld: str | None = None) -> TrailEntry:
    """The row as its reader sees it, names filled in.

    Args:
        withheld: what its reader is told in the place of what it tells, if that is not for them.
    """
    row = row if withheld is None else bare(row, withheld)

    def named(changes: dict[str, str] | None) -> dict[str, str] | None:
        return None if changes is None else {key: with_names(value, name) for key, value in changes.items()}

    values: dict[str, Any] = {
        field: getattr(row, field) for field in TrailRow.__slots__ if field in TrailEntry.model_fields
    }
    values |= {
        "sentence": with_names(row.sentence, name),
        "actor_name": " for ".join(name("person", who) for who in (row.actor, row.on_behalf_of) if who),
        "before": named(row.before),
        "after": named(row.after),
        "withheld": withheld,
    }
    return TrailEntry.model_validate(values)
