"""What made the figures of a commitment what they are? Each fact that moved one of them, and by how much.

The same fold as the register's, one fact at a time: what a fact moved is what the register says after it, less what it
said before. So the parts of a figure add up to it, whatever the rules are that the fold follows.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from events.commitment import CommitmentState
from events.envelope import Recorded
from events.ids import CommitmentId, PersonId, SpendId, StreamId
from events.money import Amount, Currency

from . import commitment_register
from .commitment_register import KINDS, CommitmentRow, CommitmentView, ReliefRow
from .projection import Rows


class CommitmentFigures(BaseModel):
    """In base currency."""

    total: Amount
    in_progress: Amount = Field(description="Invoiced, and not released for payment yet.")
    relieved: Amount = Field(description="Invoiced, and free to be paid.")
    released: Amount = Field(description="Not going to come.")
    balance: Amount = Field(description="Still to come.")
    held: Amount = Field(description="Of what is available.")


class CommitmentPart(CommitmentFigures):
    """A fact, and by how much it moved each figure."""

    version: int = Field(description="Of the fact, in the production's stream.")
    type: str = Field(description="Of the fact, such as `CommitmentRelieved`.")
    state: CommitmentState = Field(description="Of the commitment, after it.")
    spend: SpendId | None = Field(description="The entry that it is about, if it is about one.")
    actor: PersonId
    on_behalf_of: PersonId | None
    at: datetime
    reason: str | None


class CommitmentExplanation(BaseModel):
    """A commitment, and the facts that its figures are the sums of."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    commitment: CommitmentId
    state: CommitmentState
    figures: CommitmentFigures
    parts: list[CommitmentPart] = Field(description="Figure by figure, they add up.")


_FIGURES = tuple(CommitmentFigures.model_fields)


def parts(history: Iterable[Recorded[Any]], stream: StreamId, commitment: CommitmentId) -> list[CommitmentPart]:
    """The facts that moved a figure of the commitment, in their order.

    Args:
        history: what the register reads of the production, from the beginning.
    """
    rows, before, found = Rows().know(KINDS), None, []
    for recorded in history:
        rows.changed.clear()
        commitment_register.PROJECTION.apply(rows, recorded)
        if not _is_about(rows, commitment):
            continue
        after = commitment_register.of(rows, stream, commitment)
        if after is not None and any((moved := _moved(before, after)).values()):
            found.append(_part(recorded, after, moved))
        before = after
    return found


def _is_about(rows: Rows, commitment: CommitmentId) -> bool:
    """Whether the last fact touched it; what was taken away is not told by its row, so that may be of any."""
    of_it = (row is not None and row.commitment == commitment for row in rows.changed.get(CommitmentRow, {}).values())
    reliefs = (row is None or row.commitment == commitment for row in rows.changed.get(ReliefRow, {}).values())
    return any(of_it) or any(reliefs)


def _moved(before: CommitmentView | None, after: CommitmentView) -> dict[str, Decimal]:
    def of(view: CommitmentView | None, name: str) -> Decimal:
        return after.total * 0 if view is None else getattr(view, name)

    return {name: of(after, name) - of(before, name) for name in _FIGURES}


def _part(recorded: Recorded[Any], after: CommitmentView, moved: dict[str, Decimal]) -> CommitmentPart:
    event, metadata = recorded.event, recorded.metadata
    subject = getattr(event, "spend", None) or getattr(event, "subject", None)
    return CommitmentPart(
        version=recorded.version,
        type=type(event).__name__,
        state=after.state,
        spend=subject if subject in {*after.invoices, getattr(event, "spend", None)} else None,
        actor=metadata.actor,
        on_behalf_of=metadata.on_behalf_of,
        at=metadata.at,
        reason=metadata.reason,
        **moved,
    )


def figures(view: CommitmentView) -> CommitmentFigures:
    """Those that are explained."""
    return CommitmentFigures(**{name: getattr(view, name) for name in _FIGURES})
