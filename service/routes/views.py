"""How a view is shown: at which version and position, now or as of then, at least as new as asked for.

Now: the stored rows, the checkpoint and the stream's version, all of one snapshot. As of: the same fold from
nothing, over the stream up to that version.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import AwareDatetime, TypeAdapter
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.envelope import CannotTake
from events.ids import Slug, StreamId
from events.log import events
from projections.past import rows_at
from projections.projection import Projection, Rows
from projections.runner import checkpoints
from projections.stored import load
from service.deciders.confidential import EVERYTHING, Sight
from service.problems import FieldError, Problem, malformed_fields

from .access import Doors

#: How long a view is waited for.
PATIENCE_SECONDS = 5.0

#: The address of a production.
PRODUCTION = "/v1/{company}/{production}"

AsOf = Annotated[
    str | None,
    Query(
        description="As of a version of the stream (`12`) or an instant (`2026-11-20T18:00:00Z`); now without it.",
        max_length=40,
        json_schema_extra={
            "type": "string",
            "maxLength": 40,
            "anyOf": [{"pattern": "^[0-9]{1,18}$"}, {"format": "date-time"}],
        },
    ),
]
AtLeast = Annotated[
    int | None, Query(ge=0, lt=2**62, description="Wait until the view shows this position of the log.")
]

_INSTANT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a view shows."""

    #: Of the stream.
    version: int
    #: Of the log.
    position: int
    #: Of the event at that version.
    link: bytes
    #: The moment it is for: now, or that event's.
    at: datetime


def _malformed(name: str, rule: str) -> Problem:
    return malformed_fields([FieldError(pointer=f"query {name}", rule=rule)])


def _as_of(asked: str) -> int | datetime:
    if asked.isascii() and asked.isdigit() and len(asked) <= 18:
        return int(asked)
    try:
        if ":" not in asked:
            raise ValueError("a number of seconds is no instant here")
        return _INSTANT.validate_strings(asked).astimezone(UTC)
    except (ValueError, OverflowError):
        rule = "send a version such as 12, or an instant with its zone such as 2026-11-20T18:00:00Z"
        raise _malformed("as_of", rule) from None


#: The last version by an instant, found by halving: the time of business never goes back within a stream.
_BY_THEN = """
    WITH RECURSIVE between (low, high) AS (
        SELECT 0::bigint, $2::bigint
        UNION ALL
        SELECT CASE WHEN by_then THEN middle ELSE low END, CASE WHEN by_then THEN high ELSE middle - 1 END
        FROM between,
        LATERAL (SELECT (low + high + 1) / 2 AS middle) halved,
        LATERAL (
            SELECT (metadata->>'at')::timestamptz <= $3 AS by_then
            FROM events WHERE stream_id = $1 AND version = middle
        ) found
        WHERE low < high
    )
    SELECT low FROM between WHERE low = high
"""


async def _then(at: Doors, stream_id: StreamId, as_of: str) -> Shown:
    """The version that is meant, by the log itself: how far a view has come does not change what was so then."""
    asked, head = _as_of(as_of), (await at.log.heads(stream_id))[stream_id]
    if isinstance(asked, datetime):
        if asked > (now := at.clock()):
            raise _malformed("as_of", f"{as_of} is ahead: it is {now.isoformat()} here")
        version = await at.database.pool.fetchval(_BY_THEN, stream_id, head.version, asked)
    elif asked > head.version:
        raise _malformed("as_of", f"version {asked} is ahead: the stream is at {head.version}")
    else:
        version = asked
    found = await at.database.pool.fetchrow(
        "SELECT version, position, link, (metadata->>'at')::timestamptz AS at FROM events"
        " WHERE stream_id = $1 AND version = $2",
        stream_id,
        version,
    )
    if found is None:
        said = f"As of {as_of} the production had not begun."
        raise Problem(404, "ProductionIsMissing", said, "Ask as of version 1, or of a later moment.")
    return Shown(*found)


async def asked_for(
    at: Doors, projection: Projection[Any], stream_id: StreamId, as_of: str | None, at_least: int | None
) -> Shown | None:
    """What the view is asked to show as of then, None for now; once it shows that, and the position asked for."""
    then = None if as_of is None else await _then(at, stream_id, as_of)
    if then is None or then.position <= (at_least or 0):
        await caught_up(at, projection, company_of(stream_id), at_least)
    elif not await at.runner.wait_for(projection.name, then.position, PATIENCE_SECONDS):
        raise await _behind(at, projection, company_of(stream_id), f"version {then.version} of {stream_id}")
    return then


async def caught_up(at: Doors, projection: Projection[Any], company: Slug, at_least: int | None) -> None:
    """Wait for the view to show the position, for a while."""
    if at_least is None or await at.runner.wait_for(projection.name, at_least, PATIENCE_SECONDS):
        return
    raise await _behind(at, projection, company, f"position {at_least}")


async def _behind(at: Doors, projection: Projection[Any], company: Slug, wanted: str) -> Problem:
    """Why the view does not show what is wanted: it is late, or it stopped; at what, its own company is told."""
    point = (await at.runner.checkpoints()).get(projection.name)
    if point is None or point.error is None:
        newest = await at.database.pool.fetchval("SELECT coalesce(max(position), 0) FROM events")
        return Problem(
            503,
            "ViewIsBehind",
            f"The view {projection.name} does not show {wanted} yet; the log is at {newest}.",
            "Ask again in a moment, or without at_least and as_of for what it shows now.",
            headers={"Retry-After": "1"},
        )
    ahead = await at.database.pool.fetchrow(
        "SELECT type, position, stream_id, version FROM events WHERE position > $1 ORDER BY position LIMIT 1",
        point.position,
    )
    cause = "an event that it cannot take"
    met = None if ahead is None else CannotTake(**ahead, why="")
    if met is not None and point.error.startswith(met.where):
        own = company_of(met.stream_id) == company
        cause += f": {met.where}" if own else f", at position {met.position}"
    return Problem(
        503,
        "ViewIsBehind",
        f"The view {projection.name} does not show {wanted}: it stopped at position {point.position}, before {cause}.",
        "The operator of the service can see why; without at_least and as_of it shows what was so until then.",
        headers={"Retry-After": "60"},
    )


def company_of(stream_id: StreamId) -> Slug:
    """The company that a stream is of."""
    return stream_id.split("/")[0]


@asynccontextmanager
async def snapshot(at: Doors, projection: Projection[Any]) -> AsyncIterator[tuple[AsyncConnection, int]]:
    """A connection on one snapshot, and the position that the projection shows on it."""
    async with _snapshot(at, [projection]) as (connection, positions):
        yield connection, positions[0]


@asynccontextmanager
async def one_moment(
    at: Doors, projections: Sequence[Projection[Any]], company: Slug
) -> AsyncIterator[tuple[AsyncConnection, int]]:
    """A connection on one snapshot, and the one position that all these projections show on it; who is late, waits."""
    while True:
        async with _snapshot(at, projections) as (connection, positions):
            newest = max(positions)
            if min(positions) == newest:
                yield connection, newest
                return
        for projection in projections:
            await caught_up(at, projection, company, newest)


@asynccontextmanager
async def _snapshot(
    at: Doors, projections: Sequence[Projection[Any]]
) -> AsyncIterator[tuple[AsyncConnection, list[int]]]:
    tables = ", ".join(kind.table.name for projection in projections for kind in projection.kinds)
    async with at.database.engine.connect() as connection:
        # Before the snapshot is taken: a rebuilt table that is swapped in after it would show rows of another time.
        await connection.execute(text(f"LOCK TABLE {tables} IN ACCESS SHARE MODE"))
        shown = select(checkpoints.c.projection, checkpoints.c.position).where(checkpoints.c.version > 0)
        found = {row.projection: row.position for row in await connection.execute(shown)}
        for projection in projections:
            if projection.name not in found:
                raise Problem(
                    503,
                    "ViewIsBuilding",
                    f"The view {projection.name} is being built.",
                    "Ask again in a moment.",
                    headers={"Retry-After": "1"},
                )
        yield connection, [found[projection.name] for projection in projections]


async def shown_now(
    at: Doors, connection: AsyncConnection, projection: Projection[Any], stream_id: StreamId, position: int
) -> Shown:
    """The newest version of the stream that the view has at a position."""
    newest = select(events.c.version, events.c.link).where(
        events.c.stream_id == stream_id, events.c.position <= position
    )
    latest = (await connection.execute(newest.order_by(events.c.version.desc()).limit(1))).one_or_none()
    if latest is None:
        raise await _behind(at, projection, company_of(stream_id), stream_id)
    return Shown(latest.version, position, latest.link, at.clock())


async def rows_of(
    at: Doors,
    projection: Projection[Any],
    stream_id: StreamId,
    as_of: str | None,
    at_least: int | None,
    *further: StreamId,
) -> tuple[Rows, Shown]:
    """The rows of a state view, stored or folded, and what they show; of further streams, for the present alone."""
    then = await asked_for(at, projection, stream_id, as_of, at_least)
    if then is not None:
        return await rows_at(at.database.pool, projection, stream_id, then.version), then
    async with snapshot(at, projection) as (connection, position):
        shown = await shown_now(at, connection, projection, stream_id, position)
        driver = (await connection.get_raw_connection()).driver_connection
        return await load(driver, projection.kinds, [stream_id, *further]), shown


def stamp(response: Response, shown: Shown, sight: Sight = EVERYTHING) -> None:
    """Say in the headers what is shown, and that not everything is; the link is what `verify --expect` takes."""
    response.headers["Stream-Link"] = f"{shown.version}:{shown.link.hex()}"
    response.headers["ETag"] = f'"{shown.version}"'
    response.headers["Position"] = str(shown.position)
    if sight.withheld is not None:
        response.headers["Withheld"] = sight.withheld
