"""The loop that keeps the read models current, and the rebuild that makes them anew.

One reader follows the log and hands each batch to every projection. A batch is folded in memory over the rows
of the productions it touches; changed rows and the checkpoint are written in one transaction, the checkpoint
by compare-and-set on the position and epoch it had: whatever else runs, every event counts exactly once. An
event that a fold cannot take stops that projection alone, loudly; the others go on.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import structlog
from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.dialects import postgresql

from events import AnyEvent
from events.bells import PROGRESSED, Bells
from events.codec import UnknownEvent
from events.envelope import Recorded
from events.group_commit import LOST
from events.ids import StreamId
from events.log import Page, read, safe_position

from . import PROJECTIONS
from .projection import Kind, Projection, Rows, metadata

PAGE = 500
REBUILD_PAGE = 5000
#: How long a process that holds a read model may be silent before another takes over.
LEASE_SECONDS = 5.0

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
    Column("holder", Text(collation="C")),
    Column("held_until", postgresql.TIMESTAMP(timezone=True)),
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


@dataclass(frozen=True, slots=True)
class Progress:
    """How a projection stands, as its operator asks."""

    projection: str
    #: `current`, `behind`, `building` or `stopped`.
    state: str
    position: int
    #: How many events it has yet to take, and how old the first of them is; None before it was ever built.
    events: int | None
    seconds: float | None
    #: Which process keeps it; None when nobody does.
    holder: str | None
    #: Why it stopped.
    error: str | None


class Overtaken(Exception):
    """Another process holds the lease now: this batch is its business."""


class Runner:
    """Keeps the projections of one database current, as far as it holds their leases."""

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        projections: Sequence[Projection[Any]] = PROJECTIONS,
        bells: Bells | None = None,
    ):
        self._pool = pool
        self._projections = {each.name: each for each in projections}
        self._bells = bells or Bells()
        #: A process by its name, as the operator sees who holds what.
        self._me = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._held: dict[str, Checkpoint] = {}
        #: When the leases are to be renewed, by the loop's clock.
        self._renew_at = 0.0

    async def run(self) -> None:
        """Follow the log until cancelled; a lost database is waited for."""
        started = False
        try:
            while True:
                try:
                    if not started:
                        await self.refresh()
                        started = True
                    elif not await self.step():
                        await self._bells.appended.heard()
                except TRANSIENT as error:
                    _log.warning("projections_wait_for_database", error=str(error))
                    await asyncio.sleep(1)
                except Exception as error:
                    _log.error("projections_failed", exc_info=error)
                    await asyncio.sleep(1)
        finally:
            with suppress(*TRANSIENT, asyncpg.PostgresError):
                async with asyncio.timeout(1):
                    await self.release()

    async def claim(self) -> None:
        """Take every lease that is free or ours, for a while; those of newer code are left alone."""
        names, versions = list(self._projections), [each.version for each in self._projections.values()]
        await self._pool.execute(
            "INSERT INTO checkpoints (projection, version, position, epoch) SELECT name, 0, 0, 0"
            " FROM unnest($1::text[]) AS name ON CONFLICT DO NOTHING",
            names,
        )
        rows = await self._pool.fetch(
            "UPDATE checkpoints c SET holder = $3, held_until = clock_timestamp() + $4 * interval '1 second',"
            " epoch = epoch + (holder IS DISTINCT FROM $3)::int"
            " FROM unnest($1::text[], $2::int[]) AS mine (name, version)"
            " WHERE c.projection = mine.name AND c.version <= mine.version"
            " AND (holder IS NULL OR holder = $3 OR held_until < clock_timestamp())"
            " RETURNING c.projection, c.position, c.epoch, c.version, c.error",
            names,
            versions,
            self._me,
            LEASE_SECONDS,
        )
        self._held = {row["projection"]: _checkpoint(row) for row in rows}
        self._renew_at = asyncio.get_running_loop().time() + LEASE_SECONDS / 3

    async def release(self) -> None:
        """Let another process take over at once."""
        self._held, self._renew_at = {}, 0.0
        await self._pool.execute("UPDATE checkpoints SET holder = NULL, held_until = NULL WHERE holder = $1", self._me)

    async def refresh(self) -> None:
        """Take what can be had, try again what had stopped, and make anew what is of other code."""
        await self.claim()
        await self._pool.execute("UPDATE checkpoints SET error = NULL WHERE projection = ANY($1)", list(self._held))
        await self.claim()
        await self._build()

    async def _build(self) -> None:
        """Make projections of ours whose code changed anew, and new ones from nothing."""
        for name, at in list(self._held.items()):
            projection = self._projections[name]
            if at.version == projection.version or at.error is not None:
                continue
            _log.info("projection_rebuild", projection=name, version=projection.version)
            try:
                await self.rebuild(projection)
            except TRANSIENT:
                raise
            except Exception as error:
                await self._stop(projection, at, error)
            else:
                await self.claim()

    async def checkpoints(self) -> dict[str, Checkpoint]:
        """How far each projection has come; those that were never built are left out."""
        rows = await self._pool.fetch(
            "SELECT projection, position, epoch, version, error FROM checkpoints WHERE version > 0 OR error IS NOT NULL"
        )
        return {row["projection"]: _checkpoint(row) for row in rows}

    async def progress(self) -> list[Progress]:
        """How every projection stands, in their order."""
        rows = await self._pool.fetch(
            "SELECT c.*, CASE WHEN held_until > clock_timestamp() THEN holder END AS kept_by, ahead.*"
            " FROM checkpoints c, LATERAL ("
            "  SELECT count(*) AS events, extract(epoch FROM clock_timestamp() - min(e.recorded_at))::float AS seconds"
            "  FROM events e WHERE e.position > c.position) ahead"
        )
        found = {row["projection"]: row for row in rows}
        return [_progress(name, found.get(name)) for name in self._projections]

    async def retry(self, projection: str) -> None:
        """Let a projection that stopped go on from where it stopped, by whoever holds it."""
        await self._pool.execute("UPDATE checkpoints SET error = NULL WHERE projection = $1", projection)

    async def step(self) -> bool:
        """Take every running projection that is ours one page further; whether any of them moved."""
        if asyncio.get_running_loop().time() >= self._renew_at:
            await self.claim()
            await self._build()
        due = {
            name: at
            for name, at in self._held.items()
            if at.error is None and at.version == self._projections[name].version
        }
        if not due:
            return False
        async with self._pool.acquire() as connection:
            up_to = await safe_position(connection)
            start = min(at.position for at in due.values())
            if up_to <= start:
                return False
            try:
                page = await read(connection, start, up_to, PAGE)
            except UnknownEvent as error:
                for name, at in due.items():  # what it cannot be told it cannot know to be none of its business
                    if at.position == start:
                        await self._stop(self._projections[name], at, error)
                return True
            await self._advance(connection, {name: at for name, at in due.items() if at.position < page.reached}, page)
        return True

    async def wait_for(self, projection: str, position: int, seconds: float) -> bool:
        """Wait until the projection shows the position; whether it does."""
        try:
            async with asyncio.timeout(seconds):
                while (await self._position(projection)) < position:
                    await self._bells.progressed.heard()
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
        self._bells.progressed.ring()
        self._renew_at = 0.0
        return count

    async def _advance(self, connection: Any, due: dict[str, Checkpoint], page: Page) -> None:
        """Take projections past a page in one transaction; when one of them cannot be, each in its own."""
        try:
            await self._commit(connection, due, page)
        except Overtaken:
            self._renew_at = 0.0  # whose it is now is seen when the leases are renewed
        except TRANSIENT:
            raise
        except Exception as error:
            if len(due) > 1:
                for name, at in due.items():
                    await self._advance(connection, {name: at}, page)
            else:
                for name, at in due.items():
                    await self._stop(self._projections[name], at, error)
        else:
            for name, at in due.items():
                self._held[name] = replace(at, position=page.reached)
            self._bells.progressed.ring()

    async def _commit(self, connection: Any, due: dict[str, Checkpoint], page: Page) -> None:
        async with connection.transaction():
            # The checkpoints first: whoever else is at work on these waits here, not in a circle.
            moved = await connection.execute(
                "UPDATE checkpoints c SET position = $1"
                " FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS mine (name, position, epoch)"
                " WHERE c.projection = mine.name AND c.position = mine.position AND c.epoch = mine.epoch",
                page.reached,
                list(due),
                [at.position for at in due.values()],
                [at.epoch for at in due.values()],
            )
            if moved != f"UPDATE {len(due)}":
                raise Overtaken
            for name, at in due.items():
                projection = self._projections[name]
                ahead = [recorded for recorded in page.events if recorded.position > at.position]
                await _write(connection, await _folded(connection, projection, ahead), projection)
            await connection.execute(f"NOTIFY {PROGRESSED}")

    async def _stop(self, projection: Projection[Any], at: Checkpoint, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}"
        _log.error("projection_stopped", projection=projection.name, after=at.position, error=said, exc_info=error)
        await self._pool.execute(
            "UPDATE checkpoints SET error = $4 WHERE projection = $1 AND position = $2 AND epoch = $3",
            projection.name,
            at.position,
            at.epoch,
            said,
        )
        self._held[projection.name] = replace(at, error=said)

    async def _position(self, projection: str) -> int:
        """As this process moved it, if nobody else can; else as the database has it."""
        held = self._held.get(projection)
        if held is not None and held.version > 0 and asyncio.get_running_loop().time() < self._renew_at:
            return held.position
        stored = await self._pool.fetchval(
            "SELECT position FROM checkpoints WHERE projection = $1 AND version > 0", projection
        )
        return -1 if stored is None else int(stored)


def _checkpoint(row: Any) -> Checkpoint:
    return Checkpoint(row["position"], row["epoch"], row["version"], row["error"])


def _progress(name: str, row: Any) -> Progress:
    if row is None or row["version"] == 0:
        return Progress(name, "building", 0, None, None, row and row["kept_by"], row and row["error"])
    state = "stopped" if row["error"] else "behind" if row["events"] else "current"
    return Progress(name, state, row["position"], row["events"], row["seconds"], row["kept_by"], row["error"])


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
