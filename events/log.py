"""The log: append, read, follow. Append-only, in PostgreSQL, spoken to directly since it is the hot path.

*Append* is one call and one transaction for any number of streams, each at its expected version, with the
ledger row of every command; outcomes are values. *Read* never passes a position that may still be filled:
it goes up to the published floor of the appends in flight. Acknowledged means durable: when a connection is
lost before the answer, the outcome is unknown and said to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, SmallInteger, Table, Text, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import func
from sqlalchemy.types import UserDefinedType
from typing_extensions import override

from events import AnyEvent, codec
from events.chain import link
from events.envelope import Metadata, Recorded
from events.ids import StreamId

metadata = MetaData()
_C = Text(collation="C")


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
    Column("position", BigInteger, nullable=False),
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
)
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


class OutcomeUnknown(Exception):
    """The connection was lost before the database answered: the append may or may not have happened."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the log."""

    event_id: UUID
    event: AnyEvent
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command with what it made happen; nothing, when it changes nothing."""

    #: `company/person`: the same key of another person is another key.
    principal: str
    key: str
    #: Of the whole request: a key used again with another request is refused.
    fingerprint: bytes
    command_id: UUID
    events: tuple[NewEvent, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream stands."""

    version: int
    link: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Append:
    """What a turn adds to one stream, all of it or nothing."""

    stream_id: StreamId
    #: The head it was decided on; version 0 for a stream that does not exist yet.
    expected: Head
    commands: tuple[SentCommand, ...]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger keeps of an accepted command."""

    command_id: UUID
    stream_id: StreamId
    #: `last_version + 1` when the command changed nothing.
    first_version: int
    last_version: int
    position: int


@dataclass(frozen=True, slots=True)
class Appended:
    """The append happened; one ledger entry for each of its commands, in their order."""

    entries: tuple[LedgerEntry, ...]
    #: The link after each command.
    links: tuple[bytes, ...]
    head: Head


@dataclass(frozen=True, slots=True)
class Known:
    """Nothing happened: commands of the append are in the ledger already.

    By place in the append: the first answer, or None where the key was used with another request.
    """

    hits: dict[int, LedgerEntry | None]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing happened: the stream is at another version than expected."""

    version: int


Outcome = Appended | Known | Conflict

GENESIS_HEAD = Head(0, bytes(32), 0)

#: What a lost connection looks like from here.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_COLUMNS = "position, stream_id, version, event_id, type, schema_version, payload, metadata"
_APPEND = "SELECT * FROM append($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)"


class Log:
    """The log behind a pool of connections; autocommit, READ COMMITTED."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def append(self, *appends: Append) -> list[Outcome]:
        """Append to streams, each at its expected head; one outcome for each, in their order.

        Raises:
            OutcomeUnknown: the connection was lost before the answer.
        """
        arguments, links = _arguments(appends)
        try:
            rows = await self._call(arguments)
        except LOST as error:
            raise OutcomeUnknown(str(error)) from error
        return _outcomes(appends, links, rows)

    async def _call(self, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        for _ in range(3):
            try:
                rows: list[asyncpg.Record] = await self._pool.fetch(_APPEND, *arguments)
                return rows
            except asyncpg.UniqueViolationError:
                continue  # one key raced on two streams: whoever lost now finds it in the ledger
        raise OutcomeUnknown("one key raced on several streams too often")

    async def heads(self, *stream_ids: StreamId) -> dict[StreamId, Head]:
        """Where the streams stand; those that do not exist are left out."""
        rows = await self._pool.fetch(
            "SELECT stream_id, version, link, position FROM streams WHERE stream_id = ANY($1) AND version > 0",
            list(stream_ids),
        )
        return {row["stream_id"]: Head(row["version"], row["link"], row["position"]) for row in rows}

    async def known(self, principal: str, key: str) -> tuple[bytes, LedgerEntry] | None:
        """The fingerprint and the entry under which the ledger knows a command, if it does."""
        row = await self._pool.fetchrow("SELECT * FROM commands WHERE principal = $1 AND key = $2", principal, key)
        return None if row is None else (row["fingerprint"], _entry(row))

    async def read_stream(
        self, stream_id: StreamId, after: int = 0, up_to: int | None = None, limit: int | None = None
    ) -> list[Recorded[AnyEvent]]:
        """The stream's events after one version, up to another, in order."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM events WHERE stream_id = $1 AND version > $2 AND version <= $3"
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


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the log."""

    events: Sequence[Recorded[AnyEvent]]
    #: Where the next page goes on: nothing up to here is left out.
    reached: int


async def safe_position(connection: Any) -> int:
    """The position up to which the log is complete and stays as it is."""
    return int(await connection.fetchval("SELECT safe_position()"))


async def read(connection: Any, after: int, up_to: int, limit: int) -> Page:
    """Events of the whole log in the order of their positions.

    Args:
        connection: READ COMMITTED, so that this statement sees all that was complete at `up_to`.
        after: a position that was reached before.
        up_to: a safe position, taken by a statement before this one: in the same one it would be of the
            same snapshot and could miss an event.
        limit: events at the most.

    Raises:
        UnknownEvent: the very next event is none that this code can read; before it, the page ends.
    """
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3",
        after,
        up_to,
        limit,
    )
    events: list[Recorded[AnyEvent]] = []
    for row in rows:
        try:
            events.append(recorded(row))
        except codec.UnknownEvent:
            if not events:
                raise
            return Page(events, events[-1].position)
    return Page(events, events[-1].position if len(events) == limit else up_to)


def recorded(row: Any) -> Recorded[AnyEvent]:
    """A row of the log as an event in its place."""
    return Recorded(
        position=row["position"],
        stream_id=row["stream_id"],
        version=row["version"],
        event_id=row["event_id"],
        event=codec.decode(row["type"], row["schema_version"], row["payload"]),
        metadata=codec.decode_metadata(row["metadata"]),
    )


def _arguments(appends: Sequence[Append]) -> tuple[tuple[Any, ...], list[list[bytes]]]:
    """The columns of the call, and by append the link after each of its commands."""
    written_commands: list[tuple[Any, ...]] = []
    written_events: list[tuple[Any, ...]] = []
    links: list[list[bytes]] = []
    for place, append in enumerate(appends, 1):
        version, previous = append.expected.version, append.expected.link
        links.append([])
        for command in append.commands:
            first = version + 1
            for new in command.events:
                version += 1
                name = type(new.event).__name__
                payload, around = codec.encode(new.event), codec.encode_metadata(new.metadata)
                previous = link(
                    previous,
                    append.stream_id,
                    version,
                    str(new.event_id),
                    name,
                    codec.SCHEMA_VERSION,
                    payload,
                    around,
                )
                written_events.append(
                    (place, version, new.event_id, name, codec.SCHEMA_VERSION, payload, around, previous)
                )
            written_commands.append(
                (
                    place,
                    command.principal,
                    command.key,
                    command.fingerprint,
                    command.command_id,
                    first,
                    version,
                )
            )
            links[-1].append(previous)
    columns = (
        [append.stream_id for append in appends],
        [append.expected.version for append in appends],
        [after[-1] for after in links],
        *_columns(written_commands, 7),
        *_columns(written_events, 8),
    )
    return columns, links


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _outcomes(appends: Sequence[Append], links: Sequence[list[bytes]], rows: Sequence[asyncpg.Record]) -> list[Outcome]:
    """The answer's rows as one outcome for each append; the call numbers commands through, from 1."""
    outcomes: list[Outcome] = []
    before = 0
    for place, (append, after) in enumerate(zip(appends, links, strict=True), 1):
        mine = [row for row in rows if row["append"] == place]
        by_command = {row["command"] - before - 1: row for row in mine if row["command"] is not None}
        before += len(append.commands)
        known = {i: row for i, row in by_command.items() if row["status"] != "appended"}
        if known:
            outcomes.append(Known({i: _entry(r) if r["status"] == "replayed" else None for i, r in known.items()}))
        elif by_command:
            entries = tuple(_entry(by_command[i]) for i in range(len(append.commands)))
            head = Head(entries[-1].last_version, after[-1], entries[-1].position)
            outcomes.append(Appended(entries, tuple(after), head))
        else:
            outcomes.append(Conflict(mine[0]["last_version"] or 0))
    return outcomes


def _entry(row: asyncpg.Record) -> LedgerEntry:
    return LedgerEntry(row["command_id"], row["stream_id"], row["first_version"], row["last_version"], row["position"])
