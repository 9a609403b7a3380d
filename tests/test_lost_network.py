"""A network that is lost without a word costs a time limit, and not the pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text

from service import database
from service.database import Database, connected
from tests.conftest import Urls
from tests.events.locks import terminated
from tests.handling.proxy import Wire, wired

SIZE = 3


@pytest.fixture
async def wire_and_database(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Wire, Database]]:
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 1.0)
    monkeypatch.setattr(database, "SILENCE_SECONDS", 1.0)
    monkeypatch.setitem(database.WORK, "idle_in_transaction_session_timeout", "1s")
    async with wired(urls.service) as (wire, url), connected(url, SIZE) as opened:
        yield wire, opened


class TestPool:
    async def test_gives_a_silent_statement_up_and_lays_every_connection_anew(
        self, wire_and_database: tuple[Wire, Database]
    ) -> None:
        wire, opened = wire_and_database
        before = await asyncio.gather(*(opened.pool.fetchval(self.SLOWLY) for _ in range(SIZE)))
        async with asyncio.timeout(30):
            with wire.dark(), pytest.raises(TimeoutError):
                await opened.pool.fetchval("SELECT 1")

            after = await asyncio.gather(*(opened.pool.fetchval(self.SLOWLY) for _ in range(SIZE)))

        assert len(set(before)) == len(set(after)) == SIZE  # all of them were in use at once
        assert not set(before) & set(after)

    SLOWLY = "SELECT pg_backend_pid() FROM pg_sleep(0.1)"

    async def test_asks_once_more_when_the_server_ended_the_connection(
        self, urls: Urls, wire_and_database: tuple[Wire, Database]
    ) -> None:
        _, opened = wire_and_database
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("LOCK TABLE streams")
            asking = asyncio.create_task(opened.pool.fetchval("SELECT count(*) FROM streams"))
            await terminated(admin)
        await admin.close()

        assert await asking == 0

    async def test_holds_no_lock_for_a_process_that_was_stopped_within_its_transaction(
        self, urls: Urls, wire_and_database: tuple[Wire, Database]
    ) -> None:
        _, opened = wire_and_database
        stopped = await opened.work.acquire()
        await stopped.execute("BEGIN; LOCK TABLE checkpoints IN ROW EXCLUSIVE MODE")
        admin = await asyncpg.connect(urls.admin)
        async with asyncio.timeout(30), admin.transaction():
            await admin.execute("LOCK TABLE checkpoints")
        await admin.close()
        with suppress(asyncpg.InterfaceError):  # once it is noticed, the pool has let go of it already
            stopped.terminate()


class TestEngine:
    async def test_asks_on_none_that_the_server_ended_while_nobody_used_it(
        self, urls: Urls, wire_and_database: tuple[Wire, Database]
    ) -> None:
        _, opened = wire_and_database

        async def ask() -> int:
            async with opened.engine.connect() as connection:
                return int((await connection.execute(text("SELECT pg_backend_pid() FROM pg_sleep(0.1)"))).scalar_one())

        before = await asyncio.gather(*(ask() for _ in range(SIZE)))
        admin = await asyncpg.connect(urls.admin)
        assert await admin.fetchval(
            "SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM unnest($1::int[]) pid", before
        )
        await admin.close()

        assert not {await ask() for _ in range(SIZE)} & set(before)

    async def test_gives_a_silent_statement_up_and_lays_the_connection_anew(
        self, wire_and_database: tuple[Wire, Database]
    ) -> None:
        wire, opened = wire_and_database

        async def ask() -> int:
            async with opened.engine.connect() as connection:
                return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())

        before = await ask()
        async with asyncio.timeout(30):
            with wire.dark(), pytest.raises(TimeoutError):
                await ask()

            assert await ask() != before
