"""The loop that keeps the read models current, and the rebuild that makes them anew.

One reader follows the log and hands each batch to every projection. A batch is folded in memory over the rows
of the productions it touches; changed rows and the checkpoint are written in one transaction, the checkpoint
by compare-and-set on the position and epoch it had: whatever else runs, every event counts exactly once. An
event that a fold cannot take stops that projection alone, loudly; the others go on.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.dialects import postgresql

from events import AnyEvent
from events.codec import UnknownEvent
from events.envelope import Recorded
from events.group_commit import LOST
from events.ids import StreamId
from events.log import Page, read, safe_position

from . import PROJECTIONS
from .projection import Kind, Projection, Rows, metadata

PAGE = 500
REBUILD_PAGE = 5000
#: A lost wake-up costs no more than this.
POLL_SECONDS = 0.1

#: What passes by itself: the batch is tried again.
TRANSIENT = (*LOST, asyncpg.InsufficientResourcesError, asyncpg.TransactionRollbackError)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("projection", Text(collation="C"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("error", Text),
)

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a projection has come."""

    position: int
    epoch: int
    version: int
    #: Why it stopped; None while it runs.
    error: str | None


class Overtaken(Exception):
    """Another runner moved the checkpoint: this batch is its business."""


class Runner:
    """Keeps the projections of one database current."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", projections: Sequence[Projection[Any]] = PROJECTIONS):
        self._pool = pool
        self._projections = projections
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()
        self._positions: dict[str, int] = {}

    def wake(self) -> None:
        """Say that there is something to read."""
        self._wake.set()

    async def run(self) -> None:
        """Follow the log until cancelled; a lost database is waited for."""
        started = False
        while True:
            try:
                if not started:
                    await self.refresh()
                    started = True
                elif not await self.step():
                    await self._sleep()
            except TRANSIENT as error:
                _log.warning("projections_wait_for_database", error=str(error))
                await asyncio.sleep(1)
            except Exception as error:
                _log.error("projections_failed", exc_info=error)
                await asyncio.sleep(1)

    async def refresh(self) -> None:
        """Make projections whose code changed anew, and new ones from nothing; try again those that had stopped."""
        known = await self.checkpoints()
        for projection in self._projections:
            at = known.get(projection.name)
            if at is not None and at.version == projection.version:
                continue
            _log.info("projection_rebuild", projection=projection.name, version=projection.version)
            try:
                await self.rebuild(projection)
            except TRANSIENT:
                raise
            except Exception as error:
                await self._stop(projection, at or Checkpoint(0, 0, projection.version, None), error)
        names = [p.name for p in self._projections if p.name in known and known[p.name].version == p.version]
        await self._pool.execute("UPDATE checkpoints SET error = NULL WHERE projection = ANY($1)", names)

    async def checkpoints(self) -> dict[str, Checkpoint]:
        """How far each projection has come."""
        rows = await self._pool.fetch("SELECT projection, position, epoch, version, error FROM checkpoints")
        return {
            row["projection"]: Checkpoint(row["position"], row["epoch"], row["version"], row["error"]) for row in rows
        }

    async def step(self) -> bool:
        """Take every running projection one page further; whether any of them moved."""
        at = {name: point for name, point in (await self.checkpoints()).items() if point.error is None}
        due = [projection for projection in self._projections if projection.name in at]
        if not due:
            return False
        async with self._pool.acquire() as connection:
            up_to = await safe_position(connection)
            start = min(at[projection.name].position for projection in due)
            if up_to <= start:
                return False
            behind = [projection for projection in due if at[projection.name].position == start]
            try:
                page = await read(connection, start, up_to, PAGE)
            except UnknownEvent as error:
                for projection in behind:  # what it cannot be told it cannot know to be none of its business
                    await self._stop(projection, at[projection.name], error)
                return True
        for projection in due:
            if at[projection.name].position < page.reached:
                await self._advance(projection, at[projection.name], page)
        return True

    async def wait_for(self, projection: str, position: int, seconds: float) -> bool:
        """Wait until the projection shows the position; whether it does."""

        async def shown() -> None:
            while (await self._position(projection)) < position:
                async with self._progress:
                    with_poll = asyncio.wait_for(self._progress.wait(), POLL_SECONDS)
                    try:
                        await with_poll
                    except TimeoutError:
                        continue

        try:
            await asyncio.wait_for(shown(), seconds)
        except TimeoutError:
            return False
        return True

    async def rebuild(self, projection: Projection[Any]) -> int:
        """Fold the projection again from nothing, in one transaction; how many events it read.

        Readers see the old rows until it commits; a runner that was at work on it finds its epoch gone.
        """
        count = 0
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO checkpoints AS c (projection, version, position, epoch) VALUES ($1, $2, 0, 1)"
                " ON CONFLICT (projection) DO UPDATE SET version = $2, position = 0, epoch = c.epoch + 1, error = NULL",
                projection.name,
                projection.version,
            )
            for each in projection.kinds:
                await connection.execute(f"DELETE FROM {each.table.name}")
            up_to, at = await safe_position(connection), 0
            while at < up_to:
                page = await read(connection, at, up_to, REBUILD_PAGE)
                await _write(connection, await _folded(connection, projection, page.events), projection)
                at = page.reached
                count += len(page.events)
            await connection.execute(
                "UPDATE checkpoints SET position = $2 WHERE projection = $1", projection.name, up_to
            )
        await self._show(projection.name, up_to)
        return count

    async def _advance(self, projection: Projection[Any], at: Checkpoint, page: Page) -> None:
        ahead = [recorded for recorded in page.events if recorded.position > at.position]
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                # The checkpoint first: whoever else is at work on this projection waits here, not in a circle.
                done = await connection.execute(
                    "UPDATE checkpoints SET position = $1 WHERE projection = $2 AND position = $3 AND epoch = $4",
                    page.reached,
                    projection.name,
                    at.position,
                    at.epoch,
                )
                if done != "UPDATE 1":
                    raise Overtaken
                await _write(connection, await _folded(connection, projection, ahead), projection)
        except Overtaken:
            return
        except TRANSIENT:
            raise
        except Exception as error:
            await self._stop(projection, at, error)
            return
        await self._show(projection.name, page.reached)

    async def _stop(self, projection: Projection[Any], at: Checkpoint, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}"
        _log.error("projection_stopped", projection=projection.name, after=at.position, error=said, exc_info=error)
        await self._pool.execute(
            "INSERT INTO checkpoints AS c (projection, version, position, epoch, error) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (projection) DO UPDATE SET error = $5 WHERE c.position = $3 AND c.epoch = $4",
            projection.name,
            at.version,
            at.position,
            at.epoch,
            said,
        )

    async def _position(self, projection: str) -> int:
        """As this process last moved it, else as the database has it: another process may run the projection."""
        known = self._positions.get(projection, 0)
        stored = await self._pool.fetchval("SELECT position FROM checkpoints WHERE projection = $1", projection)
        return max(known, stored or 0)

    async def _show(self, projection: str, position: int) -> None:
        self._positions[projection] = position
        async with self._progress:
            self._progress.notify_all()

    async def _sleep(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
        self._wake.clear()


async def load(connection: Any, kinds: Iterable[Kind], streams: Sequence[StreamId]) -> Rows:
    """The stored rows of these productions."""
    rows = Rows().know(kinds)
    for each in kinds:
        for row in await connection.fetch(f"SELECT * FROM {each.table.name} WHERE stream_id = ANY($1)", list(streams)):
            rows.load(each.read(row))
    return rows


async def _folded(connection: Any, projection: Projection[Any], events: Sequence[Recorded[AnyEvent]]) -> Rows:
    touched = {recorded.stream_id for recorded in events if isinstance(recorded.event, projection.reads)}
    small = [each for each in projection.kinds if not each.grows]
    rows = (await load(connection, small, sorted(touched))).know(projection.kinds)
    for recorded in events:
        projection.apply(rows, recorded)
    return rows


async def _write(connection: Any, rows: Rows, projection: Projection[Any]) -> None:
    """Write what changed, a statement for what is put and one for what is removed, a kind at a time."""
    for each in projection.kinds:
        changed = rows.changed.get(each.row, {})
        if put := [each.written(row) for row in changed.values() if row is not None]:
            await connection.execute(_upsert(each), *(list(column) for column in zip(*put, strict=True)))
        if gone := [key for key, row in changed.items() if row is None]:
            await connection.execute(_delete(each), *(list(column) for column in zip(*gone, strict=True)))


def _arrays(kind: Kind, names: Iterable[str]) -> str:
    types = (kind.table.columns[name].type.compile(_DIALECT).split(" COLLATE")[0] for name in names)
    return ", ".join(f"${place}::{name}[]" for place, name in enumerate(types, 1))


def _upsert(kind: Kind) -> str:
    names = kind.columns
    columns = ", ".join(f'"{name}"' for name in names)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in kind.key)
    keys = ", ".join(kind.key)
    return (
        f"INSERT INTO {kind.table.name} ({columns}) SELECT * FROM unnest({_arrays(kind, names)})"
        f" ON CONFLICT ({keys}) DO UPDATE SET {changes}"
    )


def _delete(kind: Kind) -> str:
    keys = ", ".join(kind.key)
    return f"DELETE FROM {kind.table.name} WHERE ({keys}) IN (SELECT * FROM unnest({_arrays(kind, kind.key)}))"
