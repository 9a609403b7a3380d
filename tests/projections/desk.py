"""What the tests of the read models share: rows as stored, rows as replayed, and a reader's client."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from events import AnyEvent
from events.bells import Bells
from events.envelope import Recorded
from events.ids import StreamId
from events.log import Log
from projections import PROJECTIONS
from projections.projection import Projection, Rows
from projections.runner import Runner
from service.api_keys import ApiKeys
from service.app import create
from service.database import connected
from service.directory import Directory
from service.identity import Identity, Tokens
from service.oidc import Identities
from service.rates import Limits, Rates
from service.routes.access import Doors
from service.tail import Tail
from tests.deciders.stories import AUDITOR
from tests.handling.office import STREAM, Office
from tests.spec import Story, World, play

Table = list[Any]


async def stored(pool: Any, projection: Projection[Any], streams: Iterable[StreamId]) -> dict[str, Table]:
    """The rows of these productions as PostgreSQL has them, by table."""
    tables: dict[str, Table] = {}
    for kind in projection.kinds:
        rows = await pool.fetch(f"SELECT * FROM {kind.table.name} WHERE stream_id = ANY($1)", list(streams))
        tables[kind.table.name] = sorted(map(kind.read, rows), key=kind.key_of)
    return tables


def replayed(projection: Projection[Any], histories: dict[StreamId, list[Recorded[AnyEvent]]]) -> dict[str, Table]:
    """The rows that the same productions' histories add up to in memory."""
    rows = projection.replay([recorded for history in histories.values() for recorded in history])
    return {
        kind.table.name: [row for stream in sorted(histories) for row in rows.of(kind.row, stream)]
        for kind in projection.kinds
    }


def folded(projection: Projection[Any], story: Story) -> Rows:
    """The rows that a story's facts add up to, without a database."""
    return folded_of(projection, play(story))


def folded_of(projection: Projection[Any], world: World) -> Rows:
    """The rows that all facts of a world add up to."""
    return projection.replay(
        Recorded(place, STREAM, place, UUID(int=place), event, metadata)
        for place, (event, metadata) in enumerate(world.facts, 1)
    )


async def histories(log: Log, *streams: StreamId) -> dict[StreamId, list[Recorded[AnyEvent]]]:
    return {stream: await log.read_stream(stream) for stream in streams}


async def agree(office: Office, *streams: StreamId) -> None:
    """Insist that every read model's rows are what a replay of the log makes."""
    told = await histories(office.log, *streams)
    for projection in PROJECTIONS:
        live, expected = await stored(office.pool, projection, streams), replayed(projection, told)
        for table, rows in expected.items():
            assert live[table] == rows, table


async def every_table(pool: Any, *streams: StreamId) -> dict[str, Table]:
    """All rows of all read models about these productions."""
    tables: dict[str, Table] = {}
    for projection in PROJECTIONS:
        tables |= await stored(pool, projection, streams)
    return tables


@asynccontextmanager
async def running(each: Runner) -> AsyncIterator[None]:
    """The runner at work, until the block is left."""
    task = asyncio.create_task(each.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def eventually(runner: Runner, position: int) -> None:
    """Every read model shows the position, within a bound; one that stopped may be tried again meanwhile."""
    async with asyncio.timeout(60):
        for projection in PROJECTIONS:
            while not await runner.wait_for(projection.name, position, 60):
                await asyncio.sleep(0.05)


async def lapsed(office: Office) -> None:
    """Every lease is over, as it is when its holder was silent for too long."""
    await office.pool.execute("UPDATE checkpoints SET held_until = now() - interval '1 second'")


async def caught_up(runner: Runner) -> None:
    """Step until nothing moves."""
    for _ in range(1000):
        if not await runner.step():
            return
    raise AssertionError("the read models never come to rest")


@asynccontextmanager
async def reading(url: str, office: Office) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application for someone who may read everything; the read models are the test's to move."""

    def clock() -> datetime:
        return datetime.now(UTC)

    async with connected(url, 4) as database:
        pool, tokens = database.pool, Tokens(database.pool)
        app = create(url)
        app.state.doors = Doors(
            database,
            office.log,
            office.handling,
            Directory(pool),
            Identity(pool),
            tokens,
            ApiKeys(pool),
            Identities(pool),
            Rates(Limits()),
            Runner(pool),
            bells := Bells(),
            Tail(office.log, bells.appended),
            clock,
        )
        _, secret = await tokens.create("acme", AUDITOR, clock(), timedelta(hours=1))
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://greenlight.test",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
        ) as client:
            yield client


async def shown(client: httpx2.AsyncClient, path: str, **asked: Any) -> dict[str, Any]:
    """A view, which must be there."""
    response = await client.get(path, params=asked)
    assert response.status_code == 200, response.text
    view: dict[str, Any] = response.json()
    return view


async def tampered(admin_url: str, *statements: str) -> None:
    """Change facts as nobody may: the superuser with the triggers off."""
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close()
