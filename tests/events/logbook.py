"""What the tests of the log write into it, and how they look at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from events import AnyEvent
from events.append import GENESIS_HEAD, Append, Appended, Head, NewEvent, SentCommand
from events.company import CompanyFounded
from events.envelope import Metadata
from events.log import Log

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
MAYA, NOOR = "acme/maya", "acme/noor"


class Alone:
    """A connection in place of a pool, so that its transaction can be held open."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.fetch = connection.fetch

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection]:
        yield self._connection


def named(*names: str) -> tuple[AnyEvent, ...]:
    """Small facts that can be told apart."""
    return tuple(CompanyFounded(name) for name in names)


def sent(key: str, *events: AnyEvent, principal: str = MAYA, fingerprint: bytes = b"f" * 32) -> SentCommand:
    """A command with what it made happen."""
    command_id = uuid4()
    around = Metadata("maya", (), NOON, "FoundCompany", command_id, UUID(int=1), "api")
    news = tuple(NewEvent(uuid4(), event, around) for event in events)
    return SentCommand(principal, key, fingerprint, command_id, news)


def again(command: SentCommand) -> SentCommand:
    """The same command, decided again: another id, other ids of its events."""
    return replace(
        command,
        command_id=uuid4(),
        events=tuple(replace(new, event_id=uuid4()) for new in command.events),
    )


async def appended(log: Log, stream_id: str, head: Head, *commands: SentCommand) -> Appended:
    """An append that must happen."""
    [outcome] = await log.append(Append(stream_id, head, commands))
    assert isinstance(outcome, Appended), outcome
    return outcome


async def begun(log: Log, stream_id: str, *names: str) -> Head:
    """A new stream with a fact of each name; its head."""
    command = sent(f"begin {stream_id}", *named(*names or ("begun",)))
    return (await appended(log, stream_id, GENESIS_HEAD, command)).head


async def stored(connection: Any, table: str = "events") -> list[asyncpg.Record]:
    """A whole table, in a stable order, as PostgreSQL compares it."""
    rows: list[asyncpg.Record] = await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY t::text")
    return rows
