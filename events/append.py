"""An append: what is to happen to streams, and what became of it.

An append names one stream, the head it was decided on, and the commands with their events; several that must
happen together are one *unit*. Units go to PostgreSQL in one call of its function `append`, which answers for
each: outcomes are values. Translated here, both ways; who goes with whom is decided in `group_commit`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events import AnyEvent, codec
from events.chain import GENESIS, link
from events.envelope import Metadata
from events.ids import StreamId


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


GENESIS_HEAD = Head(0, GENESIS, 0)


@dataclass(frozen=True, slots=True)
class Append:
    """What a turn adds to one stream, all of it or nothing."""

    stream_id: StreamId
    #: The head it was decided on; version 0 for a stream that does not exist yet.
    expected: Head
    commands: tuple[SentCommand, ...]


#: Appends that happen together or not at all.
Unit = tuple[Append, ...]


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


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing happened, for the sake of another append of the same unit."""


Outcome = Appended | Known | Conflict | Withheld

CALL = f"SELECT * FROM append({','.join(f'${place}' for place in range(1, 23))})"


@dataclass(slots=True)
class _Written:
    """The columns of the call: of appends, of commands, of events."""

    a: tuple[list[Any], ...]
    c: tuple[list[Any], ...]
    e: tuple[list[Any], ...]


def written(units: Sequence[Unit]) -> tuple[Any, ...]:
    """The arguments of the call, in its order."""
    columns = _Written(_lists(6), _lists(8), _lists(8))
    place = 0
    for number, unit in enumerate(units, 1):
        for append in unit:
            place += 1
            _write(columns, number, place, append)
    return (*columns.a, *columns.c, *columns.e)


def _lists(width: int) -> tuple[list[Any], ...]:
    return tuple([] for _ in range(width))


def _write(columns: _Written, unit: int, place: int, append: Append) -> None:
    expected, stream_id = append.expected, append.stream_id
    version, previous = expected.version, expected.link
    e_append, e_version, e_id, e_type, e_schema, e_payload, e_metadata, e_link = columns.e
    for command in append.commands:
        first = version + 1
        around: Metadata | None = None
        for new in command.events:
            version += 1
            if new.metadata is not around:  # mostly one for all events of a command
                around = new.metadata
                metadata = codec.encode_metadata(around)
            name = type(new.event).__name__
            schema = codec.SCHEMA_VERSIONS[name]
            payload = codec.encode(new.event)
            previous = link(previous, stream_id, version, str(new.event_id), name, schema, payload, metadata)
            e_append.append(place)
            e_version.append(version)
            e_id.append(new.event_id)
            e_type.append(name)
            e_schema.append(schema)
            e_payload.append(payload)
            e_metadata.append(metadata)
            e_link.append(previous)
        values = (
            place,
            command.principal,
            command.key,
            command.fingerprint,
            command.command_id,
            first,
            version,
            # Its last event, by place in the call, if anything of this append happened so far.
            len(e_append) if version > expected.version else None,
        )
        for column, value in zip(columns.c, values, strict=True):
            column.append(value)
    head = (unit, stream_id, expected.version, expected.link, version - expected.version, previous)
    for column, part in zip(columns.a, head, strict=True):
        column.append(part)


def outcomes(units: Sequence[Unit], arguments: tuple[Any, ...], rows: Sequence[Any]) -> list[list[Outcome]]:
    """What became of each unit, append by append; the last row says what positions were drawn for the events."""
    *failures, last = rows
    hits = {
        row["command"]: entry(row) if row["status"] == "replayed" else None
        for row in failures
        if row["command"] is not None
    }
    conflicts = {row["append"]: row["last_version"] or 0 for row in failures if row["status"] == "conflict"}
    positions, links = last["positions"], arguments[-1]
    told: list[list[Outcome]] = []
    place = command = event = 0
    for unit in units:
        found: list[Outcome] = []
        failed = False
        for append in unit:
            place += 1
            known = {at: hits[command + at + 1] for at in range(len(append.commands)) if command + at + 1 in hits}
            command += len(append.commands)
            after = event + sum(len(sent.events) for sent in append.commands)
            if known:
                found.append(Known(known))
            elif place in conflicts:
                found.append(Conflict(conflicts[place]))
            else:
                found.append(_appended(append, positions[event:after], links[event:after]))
            failed = failed or not isinstance(found[-1], Appended)
            event = after
        told.append([Withheld() if failed and isinstance(each, Appended) else each for each in found])
    return told


def _appended(append: Append, positions: Sequence[int], links: Sequence[bytes]) -> Appended:
    version, position, link_after = append.expected.version, append.expected.position, append.expected.link
    entries, after, done = [], [], 0
    for command in append.commands:
        first = version + 1
        done += len(command.events)
        if command.events:
            version, position, link_after = version + len(command.events), positions[done - 1], links[done - 1]
        entries.append(LedgerEntry(command.command_id, append.stream_id, first, version, position))
        after.append(link_after)
    return Appended(tuple(entries), tuple(after), Head(version, link_after, position))


def entry(row: Any) -> LedgerEntry:
    """A row of the ledger."""
    return LedgerEntry(row["command_id"], row["stream_id"], row["first_version"], row["last_version"], row["position"])
