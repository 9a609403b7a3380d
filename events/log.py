"""The log: append, read, follow. Append-only, in PostgreSQL, spoken to directly since it is the hot path.

*Append* is one call and one transaction for any number of streams, each at its expected version, with the
ledger row of every command; outcomes are values. *Read* never passes a position that may still be filled:
it goes up to the newest event below the published floors of the appends in flight. Acknowledged means durable:
when a connection is lost before the answer, the outcome is unknown and said to be.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import func
from sqlalchemy.types import UserDefinedType
from typing_extensions import override

from events import AnyEvent, codec
from events.append import Append, Head, LedgerEntry, Outcome, entry
from events.bells import Bell
from events.envelope import CannotTake, Recorded, reason
from events.group_commit import AWAY, ENDED, LOST, ConnectionEnded, GroupCommit, OutcomeUnknown, heeded
from events.ids import Slug, StreamId

#: Events that a follower reads at a time.
PAGE = 500
#: A follower that has seen all rests so long before it looks again: many of them, on a busy log, leave room.
REST_SECONDS = 0.1
#: How long a follower waits for a database that is away before it asks again.
AGAIN_SECONDS = 0.5

metadata = MetaData()
_C = Text(collation="C")
_log = structlog.get_logger()


class Xid8(UserDefinedType[int]):
    """The number of a transaction, of 64 bits: never used again, unlike the 32 bits of `xid`."""

    cache_ok = True

    @override
    def get_col_spec(self, **_: Any) -> str:
        """The type's name in PostgreSQL."""
        return "XID8"


streams = Table(
    "streams",
    metadata,
    Column("stream_id", _C, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
)
events = Table(
    "events",
    metadata,
    Column("position", BigInteger, nullable=False),
    Column("tx", Xid8, nullable=False, server_default=func.pg_current_xact_id()),
    Column("stream_id", _C, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("event_id", postgresql.UUID, nullable=False),
    Column("type", Text, nullable=False),
    Column("schema_version", SmallInteger, nullable=False),
    Column("payload", postgresql.JSON, nullable=False),
    Column("metadata", postgresql.JSON, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column(
        "recorded_at",
        postgresql.TIMESTAMP(timezone=True),
        nullable=False,
        server_default=func.clock_timestamp(),
    ),
    UniqueConstraint("position", name="events_position_key"),
    UniqueConstraint("event_id", name="events_event_id_key"),
    CheckConstraint("octet_length(link) = 32", name="events_link_is_sha256"),
)
Index("events_of_company", func.split_part(events.c.stream_id, "/", 1), events.c.position)
commands = Table(
    "commands",
    metadata,
    Column("principal", _C, primary_key=True),
    Column("key", _C, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("command_id", postgresql.UUID, nullable=False),
    Column("stream_id", _C, nullable=False),
    Column("first_version", BigInteger, nullable=False),
    Column("last_version", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)


#: Of a stored event, as `recorded` takes them.
COLUMNS = "position, stream_id, version, event_id, type, schema_version, payload, metadata"
#: Company and position are compared as one: of all indexes only that of companies serves it, in any plan.
_PLACE = "(split_part(stream_id, '/', 1), position)"
READ_PART = (
    f"SELECT {COLUMNS} FROM events WHERE {_PLACE} > ($4, $1) AND {_PLACE} <= ($4, $2)"
    " AND coalesce(stream_id = $5::text, true) AND coalesce(type = ANY($6::text[]), true)"
    f" ORDER BY {_PLACE[1:-1]} LIMIT $3"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the log: what happens in a company, or some of it."""

    company: Slug
    #: One of its streams; None means all, also those that are still to come.
    stream: StreamId | None = None
    #: Names of events; None means all.
    types: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the log."""

    events: Sequence[Recorded[AnyEvent]]
    #: Where the next page goes on: nothing up to here is left out.
    reached: int
    #: How far the log was complete.
    complete: int


class Log:
    """The log behind a pool of connections; autocommit, READ COMMITTED."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.commits = GroupCommit(pool)
        self.append = self.commits.append
        #: One stream at a time: who holds one also reads, and must find a connection free.
        self._holding = asyncio.Semaphore()

    @asynccontextmanager
    async def holding(self, stream_id: StreamId) -> AsyncIterator[Callable[[Append], Awaitable[Outcome]]]:
        """How to append to a stream while nobody else can; durable when the block is left.

        Raises:
            OutcomeUnknown: the connection was lost, at the latest before the commit was answered.
        """
        async with self._holding, self._pool.acquire() as connection:
            try:
                with heeded(connection):
                    async with connection.transaction():
                        await connection.execute("SELECT hold($1)", stream_id)
                        yield partial(self.commits.within, connection)
            except LOST as error:
                raise (ConnectionEnded if isinstance(error, ENDED) else OutcomeUnknown)(str(error)) from error

    async def heads(self, *stream_ids: StreamId) -> dict[StreamId, Head]:
        """Where the streams stand; those that do not exist are left out."""
        rows = await self._pool.fetch(
            "SELECT s.stream_id, s.version, s.link, e.position FROM streams s"
            " JOIN events e ON e.stream_id = s.stream_id AND e.version = s.version WHERE s.stream_id = ANY($1)",
            list(stream_ids),
        )
        return {row["stream_id"]: Head(row["version"], row["link"], row["position"]) for row in rows}

    async def known(self, principal: str, key: str) -> tuple[bytes, LedgerEntry] | None:
        """The fingerprint and the entry under which the ledger knows a command, if it does."""
        row = await self._pool.fetchrow("SELECT * FROM commands WHERE principal = $1 AND key = $2", principal, key)
        return None if row is None else (row["fingerprint"], entry(row))

    async def read_stream(
        self, stream_id: StreamId, after: int = 0, up_to: int | None = None, limit: int | None = None
    ) -> list[Recorded[AnyEvent]]:
        """The stream's events after one version, up to another, in order."""
        rows = await self._pool.fetch(
            f"SELECT {COLUMNS} FROM events WHERE stream_id = $1 AND version > $2 AND version <= $3"
            " ORDER BY version LIMIT $4",
            stream_id,
            after,
            2**62 if up_to is None else up_to,
            limit,
        )
        return [recorded(row) for row in rows]

    async def link_at(self, stream_id: StreamId, version: int) -> bytes:
        """The link of the event at that version."""
        found: bytes | None = await self._pool.fetchval(
            "SELECT link FROM events WHERE stream_id = $1 AND version = $2", stream_id, version
        )
        if found is None:
            raise LookupError(f"{stream_id} has no version {version}")
        return found

    async def complete(self) -> int:
        """The position up to which the log is complete."""
        async with self._pool.acquire() as connection:
            return await safe_position(connection)

    async def page(self, after: int, limit: int, part: Part | None = None) -> Page:
        """What comes next after a position, as far as the log is complete.

        Raises:
            CannotTake: the very next event is none that this code can read.
        """
        async with self._pool.acquire() as connection:
            complete = await safe_position(connection)
            if complete <= after:
                return Page((), after, complete)
            return await read(connection, after, complete, limit, part)

    async def page_in_time(self, after: int, limit: int, part: Part | None = None) -> Page:
        """What comes next after a position; a database that is away is waited for.

        Raises:
            CannotTake: the very next event is none that this code can read.
        """
        while True:
            try:
                return await self.page(after, limit, part)
            except AWAY as error:
                _log.warning("follower_waits_for_database", after=after, error=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def follow(self, after: int, grown: Bell, part: Part | None = None, limit: int = PAGE) -> AsyncIterator[Page]:
        """The log after a position, page by page without a gap and without an end.

        A page is read when it is asked for, never ahead, and no connection is held while it is looked at. An empty
        page says that nothing more has happened; the next one comes when the bell rings, or a little later all the
        same. A database that is away is waited for.

        Raises:
            CannotTake: the very next event is none that this code can read.
        """
        while True:
            page = await self.page_in_time(after, limit, part)
            yield page
            moved, after = page.reached > after, page.reached
            if not moved:
                await grown.heard()
            elif len(page.events) < limit:
                await asyncio.sleep(REST_SECONDS)


async def safe_position(connection: Any) -> int:
    """The position up to which the log is complete and stays as it is, whatever crashes: its last event's."""
    return int(await connection.fetchval("SELECT safe_position()"))


async def read(connection: Any, after: int, up_to: int, limit: int, part: Part | None = None) -> Page:
    """Events of the log, or of a part of it, in the order of their positions.

    Args:
        connection: READ COMMITTED, so that this statement sees all that was complete at `up_to`.
        after: a position that was reached before.
        up_to: a safe position, taken by a statement before this one: in the same one it would be of the
            same snapshot and could miss an event.
        limit: events at the most.
        part: None means the whole log.

    Raises:
        CannotTake: the very next event is none that this code can read; before it, the page ends.
    """
    if part is None:
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3",
            after,
            up_to,
            limit,
        )
    else:
        rows = await connection.fetch(READ_PART, after, up_to, limit, part.company, part.stream, part.types)
    events: list[Recorded[AnyEvent]] = []
    for row in rows:
        try:
            events.append(recorded(row))
        except CannotTake:
            if not events:
                raise
            return Page(events, events[-1].position, up_to)
    return Page(events, events[-1].position if len(events) == limit else up_to, up_to)


def recorded(row: Any) -> Recorded[AnyEvent]:
    """A row of the log as an event in its place.

    Raises:
        CannotTake: the event, or what is known around it, cannot be read, for whatever cause.
    """
    position, stream_id, version, event_id, kind, schema_version, payload, metadata = row
    try:
        event, around = codec.decode(kind, schema_version, payload), codec.decode_metadata(metadata)
    except Exception as error:
        raise CannotTake(kind, position, stream_id, version, reason(error)) from error
    return Recorded(position, stream_id, version, event_id, event, around)
