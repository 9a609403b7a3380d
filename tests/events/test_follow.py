"""Does whoever follows the log see every event once and in order, whatever is slow, late or lost meanwhile?"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typing_extensions import override

from events import log as of_log
from events.append import GENESIS_HEAD, Append
from events.bells import Bell
from events.log import READ_PART, Log, Page, Part
from service.database import migrate
from service.embedded import running
from tests.conftest import Urls
from tests.events.logbook import Alone, appended, begun, named, sent
from tests.test_embedded import answers, postmaster, until

Pool = asyncpg.Pool
PATIENCE = 60
#: Positions in the log, streams and versions.
Seen = list[tuple[int, str, int]]


class Silent(Bell):
    """A bell without which nobody would look again; it knows when somebody listens."""

    def __init__(self) -> None:
        super().__init__()
        self.listened = asyncio.Event()

    @override
    async def heard(self, seconds: float = 10 * PATIENCE) -> None:
        self.listened.set()
        await super().heard(10 * PATIENCE)


class Counting(Log):
    """A log that counts its pages."""

    read = 0

    @override
    async def page(self, after: int, limit: int, part: Part | None = None) -> Page:
        self.read += 1
        return await super().page(after, limit, part)


async def gathered(pages: AsyncIterator[Page], count: int) -> Seen:
    """The next so many events."""
    seen: Seen = []
    async with asyncio.timeout(PATIENCE):
        while len(seen) < count:
            seen += [(each.position, each.stream_id, each.version) for each in (await anext(pages)).events]
    return seen


async def everything(pool: Pool) -> Seen:
    return [tuple(row) for row in await pool.fetch("SELECT position, stream_id, version FROM events ORDER BY position")]


async def written(log: Log, stream: str, count: int) -> None:
    """A stream of so many events, an append for each."""
    head = GENESIS_HEAD
    for number in range(count):
        head = (await appended(log, stream, head, sent(f"{stream}-{number}", *named("x")))).head


class TestFollow:
    @pytest.mark.parametrize("after", [0, 2, 5])
    async def test_shows_what_there_is_from_any_position_and_then_what_comes(
        self, log: Log, pool: Pool, after: int
    ) -> None:
        await begun(log, "acme", *"abcde")
        pages = log.follow(after, Bell(), limit=2)
        before = await gathered(pages, 5 - after)
        await begun(log, "beta", *"fg")

        assert before + await gathered(pages, 2) == (await everything(pool))[after:]

    async def test_is_woken_by_the_bell(self, log: Log) -> None:
        bell = Silent()
        pages = log.follow(0, bell)
        assert (await anext(pages)).events == ()
        waiting = asyncio.create_task(gathered(pages, 1))
        async with asyncio.timeout(PATIENCE):
            await bell.listened.wait()
        await begun(log, "acme")
        bell.ring()

        assert len(await waiting) == 1

    async def test_does_not_pass_an_append_in_flight(self, log: Log, urls: Urls) -> None:
        slow = await asyncpg.connect(urls.service)
        pages = log.follow(0, Bell())
        async with slow.transaction():
            await Log(Alone(slow)).append(Append("slow", GENESIS_HEAD, (sent("slow", *named("a")),)))
            await begun(log, "quick", "b")
            assert [(await anext(pages)).events for _ in range(3)] == [()] * 3
        await slow.close()

        assert [stream for _, stream, _ in await gathered(pages, 2)] == ["slow", "quick"]

    async def test_waits_where_it_was_told_to_begin(self, log: Log) -> None:
        """Whoever knows of an event ahead of what is complete is shown nothing twice."""
        await begun(log, "acme", *"abc")
        pages = log.follow(7, Bell())

        page = await anext(pages)
        assert (page.events, page.reached, page.complete) == ((), 7, 3)

    async def test_reads_a_page_when_it_is_asked_for_and_holds_no_connection_meanwhile(self, urls: Urls) -> None:
        async with asyncpg.create_pool(urls.service, min_size=1, max_size=1) as one:
            log = Counting(one)
            await begun(log, "acme", *["x"] * 50)
            pages = log.follow(0, Bell(), limit=5)
            for taken in range(1, 11):
                assert len((await anext(pages)).events) == 5
                assert await one.fetchval("SELECT true", timeout=PATIENCE)
                assert log.read == taken


class TestAPart:
    async def test_is_what_happens_in_a_company_its_own_stream_too(self, log: Log) -> None:
        for stream in ("acme", "acme/one", "acm/one", "acme-two/one", "acme/two", "acmf"):
            await begun(log, stream, *"ab")

        seen = await gathered(log.follow(0, Bell(), Part("acme"), limit=3), 6)
        assert [stream for _, stream, _ in seen] == [*["acme"] * 2, *["acme/one"] * 2, *["acme/two"] * 2]

    async def test_may_be_one_stream_of_it(self, log: Log) -> None:
        for stream in ("acme", "acme/one", "acme/two"):
            await begun(log, stream, *"ab")

        page = await log.page(0, 10, Part("acme", "acme/one"))
        assert [(each.stream_id, each.version) for each in page.events] == [("acme/one", 1), ("acme/one", 2)]
        assert (await log.page(0, 10, Part("rival", "acme/one"))).events == []

    async def test_may_be_some_types_of_event(self, log: Log) -> None:
        await begun(log, "acme", *"ab")

        assert len((await log.page(0, 10, Part("acme", None, ("Appointed", "CompanyFounded")))).events) == 2
        none = await log.page(0, 10, Part("acme", None, ("Appointed",)))
        assert (none.events, none.reached) == ([], 2)

    @pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
    @pytest.mark.parametrize("analyzed", [False, True])
    async def test_is_read_without_a_look_at_other_companies(self, urls: Urls, plans: str, analyzed: bool) -> None:
        """Ten events among twenty thousand of another company, before and after the planner has looked at them."""
        admin = await asyncpg.connect(urls.admin)
        fill = (
            "INSERT INTO events (position, stream_id, version, event_id, type, schema_version, payload, metadata, link)"
            " SELECT nextval('events_position'), $1 || '/' || n % 10, n, gen_random_uuid(), 'x', 1, '{}', '{}',"
            " decode(repeat('00', 32), 'hex') FROM generate_series(1, $2::int) n"
        )
        for company, count in (("small", 5), ("large", 20_000), ("tiny", 5)):
            await admin.execute(fill, company, count)
        if analyzed:
            await admin.execute("ANALYZE events")
        await admin.execute(f"SET plan_cache_mode = {plans}")
        for company, expected in (("small", 5), ("large", 100)):
            asked = (0, 10**6, 100, company, None, None)
            [plan] = json.loads(await admin.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {READ_PART}", *asked))
            [scan] = plan["Plan"]["Plans"]
            assert scan["Index Name"] == "events_of_company"
            assert (scan["Actual Rows"], scan.get("Rows Removed by Filter", 0)) == (expected, 0)
        await admin.close()


class TestWhenTheDatabaseIsLost:
    async def test_its_connections_are_killed_and_it_goes_on_from_where_it_was(
        self, log: Log, pool: Pool, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(of_log, "AGAIN_SECONDS", 0.01)
        pids: set[int] = set()

        async def remember(connection: Any) -> None:
            pids.add(connection.get_server_pid())

        admin = await asyncpg.connect(urls.admin)
        async with asyncpg.create_pool(urls.service, min_size=1, max_size=2, setup=remember) as own:
            pages = Log(own).follow(0, Bell(), limit=3)
            writing = asyncio.create_task(written(log, "acme", 200))
            seen: Seen = []
            killed = 0
            while len(seen) < 200:
                seen += await gathered(pages, min(20, 200 - len(seen)))
                killed += await admin.fetchval(
                    "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) AS done FROM unnest($1::int[]) pid) k"
                    " WHERE done",
                    pids,
                )
                pids.clear()
            await writing
        await admin.close()

        assert killed >= 5
        assert seen == await everything(pool)

    async def test_the_server_starts_again_and_it_goes_on_from_where_it_was(self, tmp_path: Path) -> None:
        """PostgreSQL that loses a process to SIGKILL ends all others and starts again."""
        with running(tmp_path / "data") as server:
            await migrate(server.owner_url)
            async with asyncpg.create_pool(server.service_url, min_size=1, max_size=2) as pool:
                log = Log(pool)
                await begun(log, "acme", *"abc")
                pages = log.follow(0, Bell(), limit=2)
                seen = await gathered(pages, 2)
                os.kill(await pool.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)

                seen += await gathered(pages, 1)
                await begun(log, "beta", *"de")
                seen += await gathered(pages, 2)
                assert seen == await everything(pool)

    async def test_and_it_crashed_after_positions_were_drawn_in_vain_it_skips_no_event_that_gets_them_again(
        self, tmp_path: Path
    ) -> None:
        """What a rollback drew was never flushed, and a killed postmaster takes it along: it is drawn again."""
        data = tmp_path / "data"
        with running(data) as server:
            await migrate(server.owner_url)
            admin = await asyncpg.connect(server.admin_url)
            await admin.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")  # or it may flush in between
            await admin.execute("SELECT pg_reload_conf()")
            async with asyncpg.create_pool(server.service_url, min_size=1, max_size=2) as pool:
                log = Log(pool)
                last = await begun(log, "acme", *"abc")
                async with pool.acquire() as connection:
                    vain = connection.transaction()
                    await vain.start()
                    await Log(Alone(connection)).append(
                        Append("vain", GENESIS_HEAD, (sent("vain", *named(*["x"] * 100)),))
                    )
                    await vain.rollback()
                page = await log.page(0, 500)
                os.kill(postmaster(data), signal.SIGKILL)
                admin.terminate()
            await asyncio.to_thread(until, lambda: not answers(server.service_url))
            with running(data):
                async with asyncpg.create_pool(server.service_url, min_size=1, max_size=2) as pool:
                    log = Log(pool)
                    again = await begun(log, "beta", *"de")
                    assert again.position <= last.position + 100, "the positions were flushed: this proves nothing"

                    seen = await gathered(log.follow(page.reached, Bell()), 2)
                    assert (page.reached, page.complete) == (last.position, last.position)
                    assert seen == (await everything(pool))[3:]
