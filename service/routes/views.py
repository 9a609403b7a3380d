"""How a view is shown: at which version and position, now or as of then, at least as new as asked for.

Now: the stored rows, the checkpoint and the stream's version, all of one snapshot. As of: the same fold from
nothing, over the stream up to that version.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import AwareDatetime, TypeAdapter
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from events.ids import StreamId
from events.log import events
from projections.past import rows_at
from projections.projection import Projection, Rows
from projections.runner import checkpoints
from projections.stored import load
from service.problems import FieldError, Problem, malformed_fields

from .access import Doors

#: How long a view is waited for.
PATIENCE_SECONDS = 5.0

AsOf = Annotated[
    str | None,
    Query(
        description="As of a version of the stream (`12`) or an instant (`2026-11-20T18:00:00Z`); now without it.",
        max_length=40,
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
_BY_THEN = text("""
    WITH RECURSIVE between (low, high) AS (
        SELECT 0::bigint, CAST(:newest AS bigint)
        UNION ALL
        SELECT CASE WHEN by_then THEN middle ELSE low END, CASE WHEN by_then THEN high ELSE middle - 1 END
        FROM between,
        LATERAL (SELECT (low + high + 1) / 2 AS middle) halved,
        LATERAL (
            SELECT (metadata->>'at')::timestamptz <= :asked AS by_then
            FROM events WHERE stream_id = :stream_id AND version = middle
        ) found
        WHERE low < high
    )
    SELECT low FROM between WHERE low = high
""")


async def caught_up(at: Doors, projection: Projection[Any], at_least: int | None) -> None:
    """Wait for the view to show the position, for a while."""
    if at_least is None or await at.runner.wait_for(projection.name, at_least, PATIENCE_SECONDS):
        return
    point = (await at.runner.checkpoints()).get(projection.name)
    if point is not None and point.error is not None:
        raise Problem(
            503,
            "ViewIsBehind",
            f"The view {projection.name} stopped at position {point.position}, before an event that it cannot take.",
            "The operator of the service can see why; without at_least it shows what was so until then.",
            headers={"Retry-After": "60"},
        )
    newest = await at.database.pool.fetchval("SELECT coalesce(max(position), 0) FROM events")
    raise Problem(
        503,
        "ViewIsBehind",
        f"The view {projection.name} does not show position {at_least} yet; the log is at {newest}.",
        "Ask again in a moment, or without at_least for what it shows now.",
        headers={"Retry-After": "1"},
    )


@asynccontextmanager
async def snapshot(at: Doors, projection: Projection[Any]) -> AsyncIterator[tuple[AsyncConnection, int]]:
    """A connection on one snapshot, and the position that the projection shows on it."""
    tables = ", ".join(kind.table.name for kind in projection.kinds)
    async with at.database.engine.connect() as connection:
        # Before the snapshot is taken: a rebuilt table that is swapped in after it would show rows of another time.
        await connection.execute(text(f"LOCK TABLE {tables} IN ACCESS SHARE MODE"))
        shown = select(checkpoints.c.position).where(
            checkpoints.c.projection == projection.name, checkpoints.c.version > 0
        )
        position = (await connection.execute(shown)).scalar_one_or_none()
        if position is None:
            raise Problem(
                503,
                "ViewIsBuilding",
                f"The view {projection.name} is being built.",
                "Ask again in a moment.",
                headers={"Retry-After": "1"},
            )
        yield connection, position


async def shown_at(connection: AsyncConnection, stream_id: StreamId, position: int, as_of: str | None) -> Shown:
    """The version of the stream to show: the newest that the view has, or the one asked for."""
    newest = select(events.c.version, events.c.position, events.c.link).where(
        events.c.stream_id == stream_id, events.c.position <= position
    )
    newest = newest.order_by(events.c.version.desc()).limit(1)
    latest = (await connection.execute(newest)).one_or_none()
    if latest is None:
        raise _not_shown_yet(stream_id)
    if as_of is None:
        return Shown(latest.version, position, latest.link)
    asked = _as_of(as_of)
    if isinstance(asked, int):
        if asked > latest.version:
            raise _malformed("as_of", f"version {asked} is ahead: the stream is at {latest.version}")
        found = newest.where(events.c.version <= asked)
    else:
        by_then = {"stream_id": stream_id, "newest": latest.version, "asked": asked}
        found = newest.where(events.c.version == (await connection.execute(_BY_THEN, by_then)).scalar_one())
    at_that = (await connection.execute(found)).one_or_none()
    if at_that is None:
        said = f"As of {as_of} the production had not begun."
        raise Problem(404, "ProductionIsMissing", said, "Ask as of version 1, or of a later moment.")
    return Shown(at_that.version, at_that.position, at_that.link)


def _not_shown_yet(stream_id: StreamId) -> Problem:
    return Problem(
        503,
        "ViewIsBehind",
        f"The view does not show {stream_id} yet.",
        "Ask again in a moment.",
        headers={"Retry-After": "1"},
    )


async def rows_of(at: Doors, projection: Projection[Any], stream_id: StreamId, as_of: str | None) -> tuple[Rows, Shown]:
    """The rows of a state view, stored or folded, and what they show."""
    async with snapshot(at, projection) as (connection, position):
        shown = await shown_at(connection, stream_id, position, as_of)
        if as_of is None:
            driver = (await connection.get_raw_connection()).driver_connection
            return await load(driver, projection.kinds, [stream_id]), shown
    return await rows_at(at.database.pool, projection, stream_id, shown.version), shown


def stamp(response: Response, shown: Shown) -> None:
    """Say in the headers what is shown; the link is what `greenlight verify --expect` takes."""
    response.headers["Stream-Link"] = f"{shown.version}:{shown.link.hex()}"
    response.headers["ETag"] = f'"{shown.version}"'
    response.headers["Position"] = str(shown.position)
