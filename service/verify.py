"""Does every stream's chain hold? Walks the links from the first event to the last, as stored.

What the chain cannot show by itself: a stream that was rewritten as a whole, links and all, or cut at its end
together with its head. For that, compare with a link that someone outside the database holds.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from events.chain import GENESIS, link
from events.ids import StreamId

PAGE = 1000
CANNOT_SHOW = (
    "What the chain cannot show by itself: a stream rewritten as a whole, or cut at its end with its head. "
    "Compare with a link that someone outside holds: --expect VERSION:LINK."
)

_PAGE = (
    "SELECT stream_id, version, event_id, type, schema_version, payload, metadata, link FROM events"
    " WHERE (stream_id, version) > ($1, $2) AND ($3::text IS NULL OR stream_id = $3)"
    " ORDER BY stream_id, version LIMIT $4"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk over one stream found."""

    stream_id: StreamId
    events: int
    link: bytes
    #: The first thing that does not hold, in words; None when all does.
    broken: str | None


@dataclass(slots=True)
class _Walk:
    """The walk over one stream, as far as it has come."""

    stream_id: StreamId
    version: int = 0
    link: bytes = GENESIS
    broken: str | None = None

    def step(self, row: Mapping[str, Any]) -> None:
        if self.broken is not None:
            return
        name = f"{self.stream_id} version {row['version']}, {row['type']} {row['event_id']}"
        if row["version"] != self.version + 1:
            self.broken = f"after version {self.version} comes {name}: what was between is missing"
            return
        expected = link(
            self.link,
            self.stream_id,
            row["version"],
            str(row["event_id"]),
            row["type"],
            row["schema_version"],
            row["payload"],
            row["metadata"],
        )
        if expected != row["link"]:
            self.broken = f"{name} is not what was linked: it, or its place, was changed after it was written"
            return
        self.version, self.link = row["version"], row["link"]


async def verify(connection: Any, only: StreamId | None = None) -> AsyncIterator[Verdict]:
    """A verdict for every stream, or for one."""
    heads: dict[StreamId, asyncpg.Record] = {
        row["stream_id"]: row
        for row in await connection.fetch(
            "SELECT stream_id, version, link FROM streams WHERE version > 0 AND ($1::text IS NULL OR stream_id = $1)",
            only,
        )
    }
    walk: _Walk | None = None
    at: tuple[str, int] = ("", 0)
    while rows := await connection.fetch(_PAGE, *at, only, PAGE):
        for row in rows:
            if walk is None or walk.stream_id != row["stream_id"]:
                if walk is not None:
                    yield _verdict(walk, heads.pop(walk.stream_id, None))
                walk = _Walk(row["stream_id"])
            walk.step(row)
        at = (rows[-1]["stream_id"], rows[-1]["version"])
    if walk is not None:
        yield _verdict(walk, heads.pop(walk.stream_id, None))
    for stream_id, head in heads.items():
        yield _verdict(_Walk(stream_id), head)


def _verdict(walk: _Walk, head: Any) -> Verdict:
    broken = walk.broken
    if broken is None and (head is None or (head["version"], head["link"]) != (walk.version, walk.link)):
        ends = f"{walk.stream_id} ends at version {walk.version}"
        if head is None:
            broken = f"{ends}, but has no head: its end was cut or added to"
        elif head["version"] != walk.version:
            broken = f"{ends}, but stands at version {head['version']}: its end was cut or added to"
        else:
            broken = f"{ends} with link {walk.link.hex()}, but its head has {head['link'].hex()}: the head was changed"
    return Verdict(walk.stream_id, walk.version, walk.link, broken)


async def expected(connection: Any, stream_id: StreamId, version: int, held: str) -> str | None:
    """What is wrong with a version against a link that someone outside holds; None when nothing is."""
    stored = await connection.fetchval(
        "SELECT link FROM events WHERE stream_id = $1 AND version = $2", stream_id, version
    )
    if stored is None:
        return f"{stream_id} has no version {version}: its end was cut"
    if stored.hex() != held.lower():
        return f"{stream_id} version {version} has link {stored.hex()}, not {held}: it was rewritten"
    return None
