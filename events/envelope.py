"""Where a fact stands and under whose hand: an event in its place, and what is known around it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from typing_extensions import override

from .ids import PersonId, StreamId

Source = Literal["api", "console", "cli", "import", "key"]

E = TypeVar("E", covariant=True)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who did it, when, by which command and why. Hashed into the chain with the event."""

    #: The person whose act it is; `operator` for the command line.
    actor: PersonId
    #: The roles that counted then, on this production or in this company: the actor's, or of whom they act for.
    roles: tuple[str, ...]
    #: The time of business, UTC; never decreasing within a stream.
    at: datetime
    command: str
    command_id: UUID
    correlation_id: UUID
    source: Source
    #: Set when the actor acts under a delegation.
    on_behalf_of: PersonId | None = None
    #: Why, in the actor's words.
    reason: str | None = None
    #: The API key it was sent with, if with one: the actor's, who answers for it.
    credential: str | None = None

    @property
    def persons(self) -> frozenset[PersonId]:
        """The natural persons whose act it is: the actor, and whom they act for."""
        return frozenset({self.actor, self.on_behalf_of or self.actor})


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E]):
    """An event in its place in the log."""

    #: Place in the whole log; may have holes.
    position: int
    stream_id: StreamId
    #: Place in its stream, 1..n without a gap.
    version: int
    event_id: UUID
    event: E
    metadata: Metadata


@dataclass
class CannotTake(Exception):
    """An event of the log that this code can neither read nor add up: newer code wrote it, or it was changed since."""

    type: str
    position: int
    stream_id: StreamId
    version: int
    #: For the operator; it may tell what the event says.
    why: str

    @classmethod
    def of(cls, recorded: Recorded[object], error: Exception) -> "CannotTake":
        """What a fold says of an event that it cannot add up."""
        return cls(
            type(recorded.event).__name__, recorded.position, recorded.stream_id, recorded.version, reason(error)
        )

    @property
    def where(self) -> str:
        """The event by its kind and its place."""
        return f"{self.type} at position {self.position}, version {self.version} of {self.stream_id}"

    @override
    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


def reason(error: Exception) -> str:
    """An error in one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
