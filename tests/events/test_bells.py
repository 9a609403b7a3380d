import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import asyncpg
import pytest

from events import bells
from events.bells import Bell, Bells
from tests.conftest import Urls


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Bells]:
    """The bells of a process, wired to those of the others."""
    rung = Bells()
    task = asyncio.create_task(rung.wire(partial(asyncpg.connect, url)))
    try:
        await rung.appended.heard(20)  # it rings when the wire is laid
        yield rung
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def heard(bell: Bell) -> bool:
    """Whether the bell rings before one has to look by oneself."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    await bell.heard(20)
    return loop.time() - started < 19


class TestBell:
    async def test_wakes_everyone_who_waits(self) -> None:
        bell = Bell()
        waiting = [asyncio.create_task(heard(bell)) for _ in range(3)]
        await asyncio.sleep(0)
        bell.ring()

        assert await asyncio.gather(*waiting) == [True] * 3

    async def test_that_does_not_ring_is_waited_for_no_longer_than_said(self) -> None:
        await asyncio.wait_for(Bell().heard(0.01), 20)


class TestTheWire:
    async def test_that_is_silent_is_felt(self, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bells, "PULSE_SECONDS", 0.02)
        admin = await asyncpg.connect(urls.admin)
        felt = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT'"
        async with wired(urls.service), asyncio.timeout(20):
            while not await admin.fetchval(felt):
                await asyncio.sleep(0.01)
        await admin.close()

    async def test_carries_an_append_to_the_other_processes(self, urls: Urls) -> None:
        async with wired(urls.service) as one, wired(urls.service) as other:
            waiting = asyncio.create_task(heard(other.appended))
            await asyncio.sleep(0)
            one.tell_appended()

            assert await waiting

    async def test_tells_of_many_appends_at_once(self, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bells, "TOGETHER_SECONDS", 0.1)  # in which even a busy machine rings many times
        listener = await asyncpg.connect(urls.service)
        told: list[str] = []
        await listener.add_listener(bells.APPENDED, lambda *_: told.append("!"))
        async with wired(urls.service) as one:
            for _ in range(500):
                one.tell_appended()
                await asyncio.sleep(0)
            async with asyncio.timeout(20):
                while not told:
                    await asyncio.sleep(0.01)
        await listener.close()

        assert len(told) < 50

    async def test_that_was_cut_is_laid_again_and_rings_for_what_was_missed(
        self, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bells, "AGAIN_SECONDS", 0.01)
        admin = await asyncpg.connect(urls.admin)
        async with wired(urls.service) as one, wired(urls.service) as other:
            waiting = asyncio.create_task(heard(other.progressed))
            ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'greenlight_service'"
            assert await admin.fetchval(f"{ended} AND datname = current_database()") == 2
            assert await waiting

            waiting = asyncio.create_task(heard(other.appended))
            async with asyncio.timeout(20):
                while not waiting.done():
                    one.tell_appended()
                    await asyncio.sleep(0.05)
            assert await waiting
        await admin.close()
