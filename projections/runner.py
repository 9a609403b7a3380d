"""The loop that keeps the read models current.

One reader follows the log and hands each batch to every projection. A batch is folded in memory over the rows
of the productions it touches; changed rows and the checkpoint are written in one transaction, the checkpoint
by compare-and-set on the position and epoch it had: whatever else runs, every event counts exactly once. An
event that a fold cannot take stops that projection alone, loudly; the others go on. A projection whose code
changed is rebuilt beside them.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import structlog
from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.dialects import postgresql

from events.bells import PROGRESSED, Bells
from events.envelope import CannotTake, reason
from events.group_commit import LOST
from events.ids import StreamId
from events.log import Page, read, safe_position

from . import PROJECTIONS
from .past import EVERY, rows_at
from .projection import Projection, metadata
from .rebuild import UNDER_WAY, UnderWay, rebuild
from .stored import Recent, advance

PAGE = 500
#: A log of no more than this is folded in place by a read model that is new.
SHORT = 10_000
#: How long a process that holds a read model may be silent before another takes over.
LEASE_SECONDS = 5.0
#: After which the database ends a batch: one whose process stands still keeps the others out until then. One that
#: only takes long is tried again by halves.
BATCH_SECONDS = 30

#: Who lays marks rests so long after every few events: nobody waits for them.
MARK_PAUSE_SECONDS = 0.01

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
    #: `current`, `behind`, `building`, `stopped`; `rebuilding` or `older` while it shows what older code made of it and
    #: somebody is there to make it anew, or nobody; `newer` where newer code made it, which this code cannot show.
    state: str
    position: int
    #: How many events it has yet to take, as far as they were counted, and how old the first of them is; None before
    #: it was ever built.
    events: int | None
    seconds: float | None
    #: Which process keeps it; None when nobody does.
    holder: str | None
    #: Why it stopped.
    error: str | None
    #: How much of it has been made anew, 0 to 1, when a rebuild was begun and is not over.
    rebuilt: float | None
    #: Whether a process is at that now; else it was broken off.
    rebuilding: bool


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
        self.name = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._held: dict[str, Checkpoint] = {}
        #: By projection, rows as they are stored at a position in an epoch.
        self._recent: dict[str, tuple[int, int, Recent]] = {}
        #: How often the page was halved, since a batch was broken off for taking too long.
        self._halved = 0
        #: When the leases are to be renewed, by the loop's clock.
        self._renew_at = 0.0
        self._rebuilding: asyncio.Task[None] | None = None
        #: Productions that have become longer by the distance of two marks, and their versions.
        self._longer: dict[StreamId, int] = {}
        self._marking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follow the log until cancelled; a lost database is waited for."""
        started = False
        try:
            while True:
                try:
                    if not started:
                        await self._start()
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
            beside = [task for task in (self._rebuilding, self._marking) if task is not None]
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            with suppress(*TRANSIENT, asyncpg.PostgresError):
                async with asyncio.timeout(1):
                    await self.release()

    async def claim(self, *, again: bool = False) -> None:
        """Take every lease that is free or ours, for a while; those of newer code are left alone.

        What had stopped under another holder is tried again: our code may take what theirs could not.

        Args:
            again: so is what stopped under us.
        """
        names, versions = list(self._projections), [each.version for each in self._projections.values()]
        await self._pool.execute(
            "INSERT INTO checkpoints (projection, version, position, epoch) SELECT name, 0, 0, 0"
            " FROM unnest($1::text[]) AS name ON CONFLICT DO NOTHING",
            names,
        )
        rows = await self._pool.fetch(
            "UPDATE checkpoints c SET holder = $3, held_until = clock_timestamp() + $4 * interval '1 second',"
            " epoch = epoch + (holder IS DISTINCT FROM $3)::int,"
            " error = CASE WHEN holder = $3 AND NOT $5 THEN error END"
            " FROM unnest($1::text[], $2::int[]) AS mine (name, version)"
            " WHERE c.projection = mine.name AND c.version <= mine.version"
            " AND (holder IS NULL OR holder = $3 OR held_until < clock_timestamp())"
            " RETURNING c.projection, c.position, c.epoch, c.version, c.error,"
            " old.error AS found, old.holder AS before",
            names,
            versions,
            self.name,
            LEASE_SECONDS,
            again,
        )
        for row in rows:
            if row["found"] is not None and row["error"] is None:
                _log.warning(
                    "projection_tried_again", projection=row["projection"], after=row["position"], error=row["found"]
                )
        for holder in {row["before"] for row in rows} - {None, self.name}:
            taken = [row["projection"] for row in rows if row["before"] == holder]
            _log.warning("projections_taken_over", projections=taken, holder=holder)  # who let the leases run out
        self._held = {row["projection"]: _checkpoint(row) for row in rows}
        self._renew_at = asyncio.get_running_loop().time() + LEASE_SECONDS / 3

    async def release(self) -> None:
        """Let another process take over at once."""
        self._held, self._renew_at = {}, 0.0
        await self._pool.execute("UPDATE checkpoints SET holder = NULL, held_until = NULL WHERE holder = $1", self.name)

    async def refresh(self) -> None:
        """Take what can be had, try again what had stopped, and make anew what is of other code."""
        await self._start()
        if self._rebuilding is not None:
            await self._rebuilding

    async def _start(self) -> None:
        await self.claim(again=True)
        newer = await self._pool.fetch(
            "SELECT c.projection, c.version AS theirs, mine.version AS ours FROM checkpoints c"
            " JOIN unnest($1::text[], $2::int[]) AS mine (name, version)"
            " ON c.projection = mine.name AND c.version > mine.version",
            list(self._projections),
            [each.version for each in self._projections.values()],
        )
        for row in newer:
            _log.error("projection_of_newer_code", **row)
        await self._renew()

    async def _renew(self) -> None:
        """Renew the leases, and see to it that what is new or of other code is made."""
        await self.claim()
        others = [
            self._projections[name]
            for name, at in self._held.items()
            if at.version != self._projections[name].version and at.error is None
        ]
        new = [each for each in others if self._held[each.name].version == 0]
        if new and await safe_position(self._pool) <= SHORT:
            await self._pool.execute(
                "UPDATE checkpoints c SET version = mine.version"
                " FROM unnest($1::text[], $2::int[]) AS mine (name, version)"
                " WHERE c.projection = mine.name AND c.version = 0",
                [each.name for each in new],
                [each.version for each in new],
            )
            others = [each for each in others if each not in new]
            await self.claim()
        if others and (self._rebuilding is None or self._rebuilding.done()):
            self._rebuilding = asyncio.create_task(self._rebuild(others))

    async def _rebuild(self, projections: Sequence[Projection[Any]]) -> None:
        """Make projections anew, beside everything else; when one of them cannot be, each by itself."""
        try:
            _log.info("projections_rebuild", projections=[each.name for each in projections])
            rebuilt = await rebuild(self._pool, projections)
            _log.info("projections_rebuilt", events=rebuilt.events, position=rebuilt.position)
        except (UnderWay, *TRANSIENT) as error:
            _log.warning("projections_rebuild_waits", error=str(error))
        except Exception as error:
            if len(projections) > 1:
                for each in projections:
                    await self._rebuild([each])
            elif (at := self._held.get(projections[0].name)) is not None:
                await self._stop(projections[0], at, error)
        self._renew_at = 0.0  # the epochs moved

    async def checkpoints(self) -> dict[str, Checkpoint]:
        """How far each projection has come; those that were never built are left out."""
        rows = await self._pool.fetch(
            "SELECT projection, position, epoch, version, error FROM checkpoints WHERE version > 0 OR error IS NOT NULL"
        )
        return {row["projection"]: _checkpoint(row) for row in rows}

    async def progress(self, at_most: int | None = None) -> list[Progress]:
        """How every projection stands, in their order.

        Args:
            at_most: count no more events that one has yet to take.
        """
        rows = await self._pool.fetch(
            "SELECT c.*, CASE WHEN held_until > clock_timestamp() THEN holder END AS kept_by, ahead.*,"
            f" r.folded::float / greatest(r.events, 1) AS rebuilt, {UNDER_WAY} AS rebuilding"
            " FROM checkpoints c LEFT JOIN rebuilds r USING (projection), LATERAL ("
            "  SELECT count(*) AS behind, extract(epoch FROM clock_timestamp() - min(recorded_at))::float AS seconds"
            "  FROM (SELECT e.recorded_at FROM events e WHERE e.position > c.position ORDER BY e.position LIMIT $1) e"
            " ) ahead",
            at_most,
        )
        found = {row["projection"]: row for row in rows}
        return [_progress(each, found.get(each.name)) for each in self._projections.values()]

    async def retry(self, projection: str) -> None:
        """Let a projection that stopped go on from where it stopped, by whoever holds it."""
        await self._pool.execute("UPDATE checkpoints SET error = NULL WHERE projection = $1", projection)

    async def step(self) -> bool:
        """Take every running projection that is ours one page further; whether any of them moved."""
        if asyncio.get_running_loop().time() >= self._renew_at:
            await self._renew()
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
                self._halved = 0
                return False
            clock = asyncio.get_running_loop().time
            began = clock()
            try:
                page = await read(connection, start, up_to, max(1, PAGE >> self._halved))
            except CannotTake as error:
                await self._meet(
                    connection, {name: at for name, at in due.items() if at.position < error.position}, error
                )
                return True
            try:
                behind = {name: at for name, at in due.items() if at.position < page.reached}
                await self._advance(connection, behind, page)
            except TRANSIENT:
                if clock() - began >= BATCH_SECONDS:  # it was not only the connection that was lost
                    self._halved += 1
                raise
            if self._halved and clock() - began < BATCH_SECONDS / 4:
                self._halved -= 1
        return True

    async def wait_for(self, projection: str, position: int, seconds: float) -> bool:
        """Wait until the projection shows the position, or stops; whether it does."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    point = await self._point(projection)
                    if point is not None and point.position >= position:
                        return True
                    if point is not None and point.error is not None:
                        return False
                    await self._bells.progressed.heard()
        except TimeoutError:
            return False

    async def _meet(self, connection: Any, due: dict[str, Checkpoint], error: CannotTake) -> None:
        """Stop whom an event concerns that cannot be read, and take the others past it."""
        for name, at in due.items():
            if self._projections[name].concerns(error.type):
                await self._stop(self._projections[name], at, error)
        if others := {name: at for name, at in due.items() if not self._projections[name].concerns(error.type)}:
            await self._advance(connection, others, Page((), error.position, error.position))

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
                    await self._up_to_the_fault(connection, name, at, page, error)
        else:
            for name, at in due.items():
                self._held[name] = replace(at, position=page.reached)
            self._bells.progressed.ring()
            self._longer |= {each.stream_id: each.version for each in page.events if each.version % EVERY == 0}
            if self._longer and (self._marking is None or self._marking.done()):
                self._marking = asyncio.create_task(self._mark())

    async def _up_to_the_fault(self, connection: Any, name: str, at: Checkpoint, page: Page, error: Exception) -> None:
        """Take a projection, by halves of the page, to the event that it cannot take, and stop it there."""
        ahead = [recorded for recorded in page.events if recorded.position > at.position]
        if len(ahead) > 1:
            first, rest = ahead[: len(ahead) // 2], ahead[len(ahead) // 2 :]
            reached = first[-1].position
            await self._advance(connection, {name: at}, replace(page, events=first, reached=reached))
            if (now := self._held[name]).position == reached:
                await self._advance(connection, {name: now}, replace(page, events=rest))
        elif ahead and not isinstance(error, CannotTake):
            await self._stop(self._projections[name], at, CannotTake.of(ahead[0], error))
        else:
            await self._stop(self._projections[name], at, error)

    async def _commit(self, connection: Any, due: dict[str, Checkpoint], page: Page) -> None:
        recent = {name: self._recently(name, at) for name, at in due.items()}
        async with connection.transaction():
            # A limit that runs already is not replaced, but by way of none.
            await connection.execute(
                f"SET LOCAL transaction_timeout = 0; SET LOCAL transaction_timeout = '{BATCH_SECONDS}s'"
            )
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
                await advance(connection, projection, ahead, recent[name])
            await connection.execute(f"NOTIFY {PROGRESSED}")
        self._recent |= {name: (page.reached, at.epoch, recent[name]) for name, at in due.items()}

    def _recently(self, name: str, at: Checkpoint) -> Recent:
        """What is known of its rows where it stands; known no more until the batch has come to its end."""
        position, epoch, recent = self._recent.pop(name, (0, 0, Recent()))
        return recent if (position, epoch) == (at.position, at.epoch) else Recent()

    async def _mark(self) -> None:
        """Lay the marks that the past of long productions is folded from, beside everything else."""
        while self._longer:
            stream_id, version = self._longer.popitem()
            try:
                for each in self._projections.values():
                    if each.changes:
                        await rows_at(self._pool, each, stream_id, version, MARK_PAUSE_SECONDS)
            except Exception as error:  # without marks the past takes longer, and is the same
                _log.warning("marks_are_not_laid", stream_id=stream_id, error=str(error))

    async def _stop(self, projection: Projection[Any], at: Checkpoint, error: Exception) -> None:
        said = str(error) if isinstance(error, CannotTake) else reason(error)
        _log.error("projection_stopped", projection=projection.name, after=at.position, error=said, exc_info=error)
        await self._pool.execute(
            "UPDATE checkpoints SET error = $4 WHERE projection = $1 AND position = $2 AND epoch = $3",
            projection.name,
            at.position,
            at.epoch,
            said,
        )
        self._held[projection.name] = replace(at, error=said)

    async def _point(self, projection: str) -> Checkpoint | None:
        """As this process moved it, if nobody else can; else as the database has it."""
        held = self._held.get(projection)
        if held is not None and held.version > 0 and asyncio.get_running_loop().time() < self._renew_at:
            return held
        row = await self._pool.fetchrow(
            "SELECT position, epoch, version, error FROM checkpoints WHERE projection = $1 AND version > 0", projection
        )
        return None if row is None else _checkpoint(row)


def _checkpoint(row: Any) -> Checkpoint:
    return Checkpoint(row["position"], row["epoch"], row["version"], row["error"])


def _progress(projection: Projection[Any], row: Any) -> Progress:
    name = projection.name
    if row is None:
        return Progress(name, "building", 0, None, None, None, None, None, rebuilding=False)
    told = (row["kept_by"], row["error"], row["rebuilt"], row["rebuilding"])
    if row["version"] == 0:
        return Progress(name, "stopped" if row["error"] else "building", 0, None, None, *told)
    if row["error"]:
        state = "stopped"
    elif row["version"] > projection.version:
        state = "newer"
    elif row["version"] < projection.version:
        state = "rebuilding" if row["rebuilding"] or row["kept_by"] else "older"
    else:
        state = "behind" if row["behind"] else "current"
    return Progress(name, state, row["position"], row["behind"], row["seconds"], *told)
