"""The rebuild: read models folded again from nothing, beside the live ones, and swapped in when they are complete.

Histories are folded production by production, so that every row is written once and memory holds one production;
then the new tables get their indexes, are compared with the live ones where those stand, late or stopped as they may
be, catch up with the log and take their place in one transaction. Readers are served by the old rows until that moment.
A rebuild that was broken off is resumed behind the last page that was copied, within a production as well.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import structlog
from sqlalchemy import BigInteger, Column, Integer, Numeric, Table, Text

from events import AnyEvent
from events.bells import PROGRESSED
from events.envelope import CannotTake, Recorded
from events.group_commit import LOST
from events.ids import StreamId
from events.log import COLUMNS, Page, read, recorded, safe_position

from .past import rows_at
from .projection import Kind, Projection, Rows, metadata
from .stored import Recent, advance, copy

#: Events that are read and folded at a time, copying and catching up.
PAGE, TAIL = 5000, 1000
#: Events that are folded before whoever else waits in this process gets a turn.
SLICE = 100
#: How long the swap waits for readers of the old rows, and readers for the swap, before it is tried again.
SWAP_SECONDS = 0.5
#: No stream's name comes after this.
_END = "~"
#: No step is broken off for taking long.
LONG = 24 * 3600.0

#: The advisory lock that a process holds while it is at it.
ONE_AT_A_TIME = 18253 << 48
#: Whether a process is at it, as SQL: the lock by its two halves, as PostgreSQL shows it.
UNDER_WAY = (
    "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
    f" AND classid = {ONE_AT_A_TIME >> 32} AND objid = 0"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)

rebuilds = Table(
    "rebuilds",
    metadata,
    Column("projection", Text(collation="C"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("up_to", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("stream_id", Text(collation="C"), nullable=False),
    Column("folded", BigInteger, nullable=False),
    Column("position", BigInteger),
    Column("stream_version", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is."""

    #: The position up to which histories are copied, and how many events that is.
    up_to: int
    events: int
    #: The production whose history is being folded, and how many events were folded in all.
    stream_id: StreamId
    folded: int
    #: Where the tables stand in the log once all histories are copied and indexed.
    position: int | None
    #: The version up to which that history is folded; of its rows, those that never change are copied so far.
    stream_version: int

    @property
    def place(self) -> int:
        """The position that its rows are of, or will be once all histories are copied."""
        return self.up_to if self.position is None else self.position


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the new table does not say as the live one did."""

    table: str
    #: `rows`, or the sum of a column.
    what: str
    live: Decimal
    rebuilt: Decimal


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild led to."""

    events: int
    position: int
    #: To the live tables of the same fold, each at the position where it stood; they are replaced all the same.
    differences: tuple[Difference, ...]


@dataclass
class Differs(Exception):
    """The new tables do not say what the live ones of the same fold say: someone must look before they are replaced."""

    differences: tuple[Difference, ...]


class UnderWay(Exception):
    """Another process is rebuilding read models of this database."""


class NewerCode(Exception):
    """The read model was built by newer code: it is not ours to replace."""


class Incomplete(Exception):
    """Not every event was read: the new tables do not replace the old ones."""


_log = structlog.get_logger()

Told = Callable[[Progress], None]
Work = Callable[[], Coroutine[Any, Any, None]]
#: Of the read models that were compared with their live rows of the same fold, what these say otherwise.
Compared = dict[str, list[Difference]]


async def rebuild(
    pool: "asyncpg.Pool[asyncpg.Record]",
    projections: Sequence[Projection[Any]],
    told: Told = lambda _: None,
    *,
    replace_different: bool = False,
) -> Rebuilt:
    """Make these read models anew and put them in their place.

    Args:
        told: called with the progress, again and again.
        replace_different: also live rows of the same fold that say something else.

    Raises:
        Differs: they do, and nothing was replaced; what was made is kept for the next call.
        UnderWay: another process is at it.
        NewerCode: the live rows are of newer code; what was begun of them is forgotten.
        CannotTake: the log holds an event that this code cannot read, or that one of the read models cannot add up.
    """
    async with _alone(pool) as connection:
        await _refuse_newer(connection, projections)
        live = [row["position"] for row in await _live(connection, projections)]
        start = min(live, default=await safe_position(connection))
        made = await _stored(connection, projections)
        if made is not None and live and made.place > start:
            made = None  # it is past live rows that it was not compared with
        made = made or await _begun(connection, projections, start)
        if made.position is None:
            await _copy_histories(pool, connection, projections, made, told)
        compared: Compared = {}
        while True:
            try:
                await _compare(connection, projections, compared, told)
                if any(compared.values()) and not replace_different:
                    raise Differs(_differences(projections, compared))
                if len(compared) == len(live):
                    await _caught_up(connection, projections, await safe_position(connection), told)
                return await _swapped(connection, projections, compared, replace_different=replace_different)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                await asyncio.sleep(SWAP_SECONDS)  # the readers that were in the way, and those that waited behind us


@asynccontextmanager
async def _alone(pool: "asyncpg.Pool[asyncpg.Record]") -> AsyncIterator[Any]:
    async with pool.acquire() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ONE_AT_A_TIME):
            raise UnderWay("Another process is rebuilding read models of this database.")
        try:
            yield connection
        finally:
            with suppress(*LOST):
                await connection.execute("SELECT pg_advisory_unlock($1)", ONE_AT_A_TIME)


async def _refuse_newer(connection: Any, projections: Sequence[Projection[Any]]) -> None:
    """Before any work is done; a rebuild of the same by code as old can never take its place."""
    newer = await connection.fetch(
        "SELECT c.projection FROM checkpoints c JOIN unnest($1::text[], $2::int[]) AS mine (name, version)"
        " ON c.projection = mine.name AND c.version > mine.version ORDER BY c.projection",
        [each.name for each in projections],
        [each.version for each in projections],
    )
    if newer:
        forgotten = await connection.fetchval(
            "WITH gone AS (DELETE FROM rebuilds WHERE EXISTS (SELECT FROM rebuilds r JOIN checkpoints c"
            " USING (projection) WHERE c.version > r.version) RETURNING 1) SELECT count(*) FROM gone"
        )
        said = "; the rebuild that older code had begun is forgotten" if forgotten else ""
        raise NewerCode(f"Newer code has built {', '.join(row['projection'] for row in newer)}{said}.")


async def _stored(connection: Any, projections: Sequence[Projection[Any]]) -> Progress | None:
    """How far a rebuild of the same read models, no more and no fewer, by the same code has come."""
    rows = await connection.fetch("SELECT * FROM rebuilds")
    if {(row["projection"], row["version"]) for row in rows} != {(each.name, each.version) for each in projections}:
        return None
    [found] = {Progress(*tuple(row)[2:]) for row in rows}
    return found


async def _store(connection: Any, made: Progress) -> None:
    await connection.execute(
        "UPDATE rebuilds SET stream_id = $1, folded = $2, position = $3, stream_version = $4",
        made.stream_id,
        made.folded,
        made.position,
        made.stream_version,
    )


async def _live(connection: Any, projections: Sequence[Projection[Any]]) -> list[Any]:
    """Where live rows stand that were made by the same fold."""
    rows: list[Any] = await connection.fetch(
        "SELECT c.projection, c.position FROM checkpoints c JOIN unnest($1::text[], $2::int[]) AS mine (name, version)"
        " ON c.projection = mine.name AND c.version = mine.version WHERE c.position > 0",
        [each.name for each in projections],
        [each.version for each in projections],
    )
    return rows


async def _begun(connection: Any, projections: Sequence[Projection[Any]], up_to: int) -> Progress:
    async with connection.transaction():
        await connection.execute("SELECT begin_rebuild($1)", _tables(projections))
        events = await connection.fetchval("SELECT count(*) FROM events WHERE position <= $1", up_to, timeout=LONG)
        forgotten = await connection.fetch("DELETE FROM rebuilds RETURNING projection")
        await connection.executemany(
            "INSERT INTO rebuilds (projection, version, up_to, events, stream_id, folded, stream_version)"
            " VALUES ($1, $2, $3, $4, '', 0, 0)",
            [(each.name, each.version, up_to, events) for each in projections],
        )
    if forgotten:  # there is room for one: whoever had begun another is told
        _log.warning("rebuild_begun_before_is_forgotten", projections=sorted(row["projection"] for row in forgotten))
    return Progress(up_to, events, "", 0, None, 0)


async def _copy_histories(
    pool: Any, connection: Any, projections: Sequence[Projection[Any]], made: Progress, told: Told
) -> None:
    """Fold all histories up to a position and copy their rows; then the tables get their indexes."""
    folds = [(each, await _resumed(pool, each, made)) for each in projections]
    async with pool.acquire() as reader, _pages(reader, made) as pages, _beside() as copying:
        async for page in pages:
            for start in range(0, len(page), SLICE):
                for event in _known(page[start : start + SLICE], projections):
                    for projection, rows in folds:
                        projection.apply(rows, event)
                await asyncio.sleep(0)
            before, unfinished = made.stream_id, page[-1]["stream_id"]
            made = replace(
                made, stream_id=unfinished, stream_version=page[-1]["version"], folded=made.folded + len(page)
            )
            taken = _taken(folds, unfinished, finished=before != unfinished)
            await copying(partial(_copy, connection, taken, made, told))
        await copying(None)
    if made.folded != made.events:
        await connection.execute("DELETE FROM rebuilds")  # it could never be complete
        raise Incomplete(f"{made.folded} of {made.events} events were read.")
    made = replace(made, stream_id=_END, stream_version=0)
    await _copy(connection, _taken(folds, None), made, told)
    async with connection.transaction():
        await connection.execute("SELECT index_rebuild($1)", _tables(projections), timeout=LONG)
        await _store(connection, replace(made, position=made.up_to))


async def _resumed(pool: Any, projection: Projection[Any], made: Progress) -> Rows:
    """What the fold had come to where it was broken off: such rows of the production in hand as were not copied yet."""
    rows = Rows().know(projection.kinds)
    if projection.changes and made.stream_version:
        past = await rows_at(pool, projection, made.stream_id, made.stream_version)
        for kind in (each for each in projection.kinds if not each.final):
            unfinished: list[Any] = past.of(kind.row, made.stream_id)
            for row in unfinished:
                rows.put(row)
    return rows


def _known(page: Iterable[Any], projections: Sequence[Projection[Any]]) -> Iterator[Recorded[AnyEvent]]:
    """The events of a page, without such as cannot be read and are none of these read models' business."""
    for row in page:
        try:
            yield recorded(row)
        except CannotTake as error:
            if any(each.concerns(error.type) for each in projections):
                raise


@asynccontextmanager
async def _pages(reader: Any, made: Progress) -> AsyncIterator[AsyncIterator[list[Any]]]:
    """The histories behind what was folded, in pages; the next one is on its way while one is folded."""

    def coming(stream_id: StreamId, version: int) -> "asyncio.Task[list[Any]]":
        query = (
            f"SELECT {COLUMNS} FROM events WHERE (stream_id, version) > ($1, $2) AND position <= $3"
            " ORDER BY stream_id, version LIMIT $4"
        )
        return asyncio.create_task(reader.fetch(query, stream_id, version, made.up_to, PAGE, timeout=LONG))

    ahead = coming(made.stream_id, made.stream_version)

    async def pages() -> AsyncIterator[list[Any]]:
        nonlocal ahead
        while page := await ahead:
            ahead = coming(page[-1]["stream_id"], page[-1]["version"])
            yield page

    try:
        yield pages()
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


@asynccontextmanager
async def _beside() -> AsyncIterator[Callable[[Work | None], Awaitable[None]]]:
    """Where work is done beside the caller's, one after the other: the next is begun when the one before is done."""
    at_work: list[asyncio.Task[None]] = []

    async def begin(work: Work | None) -> None:
        while at_work:
            await at_work[0]
            at_work.pop()
        if work is not None:
            at_work.append(asyncio.create_task(work()))

    try:
        yield begin
    finally:
        for each in at_work:
            each.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


def _taken(
    folds: Sequence[tuple[Projection[Any], Rows]], unfinished: StreamId | None, *, finished: bool = True
) -> list[tuple[Kind, list[Any]]]:
    """Take out what is final: all rows of finished histories, and such of the unfinished one as never change."""
    return [
        (kind, rows.taken(kind.row, None if kind.final else unfinished))
        for projection, rows in folds
        for kind in projection.kinds
        if kind.final or finished
    ]


async def _copy(connection: Any, taken: Iterable[tuple[Kind, list[Any]]], made: Progress, told: Told) -> None:
    """Copy rows, and note how far they go."""
    async with connection.transaction():
        # The commit of the swap makes all of it durable.
        await connection.execute("SET LOCAL synchronous_commit = off")
        for kind, rows in taken:
            await copy(connection, kind, rows, "rebuilding", LONG)
        await _store(connection, made)
    told(made)


async def _caught_up(
    connection: Any, projections: Sequence[Projection[Any]], to: int, told: Told = lambda _: None
) -> Progress:
    """Take the new tables along the log to a position, as the runner does with the live ones."""
    made = await _stored(connection, projections)
    assert made is not None
    assert made.position is not None
    while made.position < to:
        try:
            page = await read(connection, made.position, to, TAIL)
        except CannotTake as error:
            if any(each.concerns(error.type) for each in projections):
                raise
            page = Page((), error.position, to)
        async with connection.transaction():
            await connection.execute("SET LOCAL search_path = rebuilding, public")
            for each in projections:
                await advance(connection, each, page.events, Recent())
            made = replace(made, position=page.reached)
            await _store(connection, made)
        told(made)
    return made


async def _compare(
    connection: Any, projections: Sequence[Projection[Any]], compared: Compared, told: Told = lambda _: None
) -> None:
    """Take the new tables to where live rows of the same fold stand, from one to the next, and compare them there.

    Live rows that have moved on meanwhile are left to the swap, which holds them still.
    """
    while left := [row for row in await _live(connection, projections) if row["projection"] not in compared]:
        made = await _caught_up(connection, projections, min(row["position"] for row in left), told)
        async with connection.transaction():
            here = await connection.fetch(
                "SELECT projection FROM checkpoints WHERE projection = ANY($1) AND position = $2"
                " ORDER BY projection FOR UPDATE",
                [row["projection"] for row in left],
                made.position,
            )
            for [name] in here:
                kinds = next(each.kinds for each in projections if each.name == name)
                compared[name] = [difference for kind in kinds for difference in await _differing(connection, kind)]
        if not here:
            return


async def _swapped(
    connection: Any, projections: Sequence[Projection[Any]], compared: Compared, *, replace_different: bool
) -> Rebuilt:
    """Put the new tables in place of the live ones, not behind them, in one transaction."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {SWAP_SECONDS * 1000:.0f}")
        names = [each.name for each in projections]
        # Whoever keeps the live ones waits here, and then finds their epoch gone.
        live = await connection.fetch(
            "SELECT * FROM checkpoints WHERE projection = ANY($1) ORDER BY projection FOR UPDATE", names
        )
        versions = {each.name: each.version for each in projections}
        if newer := [row["projection"] for row in live if row["version"] > versions[row["projection"]]]:
            raise NewerCode(f"Newer code has built {', '.join(newer)}.")
        await _compare(connection, projections, compared)
        made = await _caught_up(connection, projections, max((row["position"] for row in live), default=0))
        assert made.position is not None
        differences = _differences(projections, compared)
        if differences and not replace_different:
            raise Differs(differences)
        await connection.execute("SELECT swap_rebuild($1)", _tables(projections))
        await connection.execute(
            "INSERT INTO checkpoints AS c (projection, version, position, epoch)"
            " SELECT name, version, $3, 1 FROM unnest($1::text[], $2::int[]) AS mine (name, version)"
            " ON CONFLICT (projection) DO UPDATE"
            " SET version = excluded.version, position = excluded.position, epoch = c.epoch + 1, error = NULL",
            names,
            [each.version for each in projections],
            made.position,
        )
        await connection.execute("DELETE FROM rebuilds")
        await connection.execute("DELETE FROM marks WHERE projection = ANY($1)", names)
        await connection.execute(f"NOTIFY {PROGRESSED}")
    return Rebuilt(made.events, made.position, differences)


def _differences(projections: Sequence[Projection[Any]], compared: Compared) -> tuple[Difference, ...]:
    return tuple([difference for each in projections for difference in compared.get(each.name, ())])


async def _differing(connection: Any, kind: Kind) -> list[Difference]:
    """Counts and sums of the live table and the new one, where they differ."""
    name, columns = kind.table.name, [c.name for c in kind.table.columns if isinstance(c.type, Numeric)]
    figures = ", ".join(["count(*)::numeric", *(f'coalesce(sum("{column}"), 0)' for column in columns)])
    live, new = [
        await connection.fetchrow(f"SELECT {figures} FROM {schema}.{name}", timeout=LONG)
        for schema in ("public", "rebuilding")
    ]
    return [
        Difference(name, what, before, after)
        for what, before, after in zip(["rows", *columns], live, new, strict=True)
        if before != after
    ]


def _tables(projections: Sequence[Projection[Any]]) -> list[str]:
    return [kind.table.name for each in projections for kind in each.kinds]
