"""Who goes with whom into the log, and what a database that only seems to have answered is taken for."""

import asyncio
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from events.append import CALL, GENESIS_HEAD, Append, Appended, written
from events.group_commit import GroupCommit, OutcomeUnknown
from events.log import Log
from service.database import migrate
from service.embedded import running
from tests.conftest import Urls
from tests.events.locks import blocked
from tests.events.logbook import appended, begun, named, sent

Pool = asyncpg.Pool


def beginning(stream: str) -> Append:
    return Append(stream, GENESIS_HEAD, (sent(f"begin {stream}", *named("a")),))


class TestWhatWaits:
    async def test_goes_together(self, log: Log, pool: Pool) -> None:
        told = await asyncio.gather(*(log.append(beginning(f"s{place}")) for place in range(200)))

        assert all(isinstance(outcome, Appended) for [outcome] in told)
        assert await pool.fetchval("SELECT count(DISTINCT tx) FROM events") <= 8

    async def test_is_not_held_up_by_a_stream_that_is(self, log: Log, urls: Urls) -> None:
        head = await begun(log, "busy")
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("SELECT FROM streams WHERE stream_id = 'busy' FOR UPDATE")
            busy = [asyncio.create_task(log.append(Append("busy", head, (sent(f"k{n}"),)))) for n in range(20)]
            await blocked(admin)
            async with asyncio.timeout(60):
                for place in range(3):
                    await appended(log, f"free-{place}", GENESIS_HEAD, sent(f"free-{place}", *named("a")))
            assert not any(task.done() for task in busy)
        await admin.close()
        assert all(isinstance(outcome, Appended) for [outcome] in await asyncio.gather(*busy))

    async def test_fails_alone_when_its_stream_cannot_be_had_in_time(self, log: Log, urls: Urls) -> None:
        head = await begun(log, "stuck")
        admin = await asyncpg.connect(urls.admin)
        limits = {"lock_timeout": "100ms"}
        async with asyncpg.create_pool(urls.service, min_size=2, server_settings=limits) as hasty, admin.transaction():
            await admin.execute("SELECT FROM streams WHERE stream_id = 'stuck' FOR UPDATE")
            commits = GroupCommit(hasty)
            async with asyncio.timeout(60):
                stuck, free = await asyncio.gather(
                    commits.append(Append("stuck", head, (sent("late", *named("a")),))),
                    commits.append(beginning("free")),
                    return_exceptions=True,
                )
        await admin.close()

        assert isinstance(stuck, asyncpg.LockNotAvailableError)
        assert isinstance(free, list)
        assert isinstance(free[0], Appended)

    async def test_goes_on_when_one_gives_up_waiting(self, log: Log) -> None:
        tasks = [asyncio.create_task(log.append(beginning(f"s{place}"))) for place in range(5)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        told = await asyncio.gather(*tasks, return_exceptions=True)

        assert isinstance(told[2], asyncio.CancelledError)
        assert {*await log.heads(*(f"s{place}" for place in range(5)))} >= {"s0", "s1", "s3", "s4"}


class TestTheCall:
    @pytest.mark.parametrize(
        ("column", "wrong", "said"),
        [
            (14 + 1, [1, 3], "gap between versions"),
            (14 + 1, [2, 3], "gap between versions"),
            (14 + 1, [1, 1], "gap between versions"),
            (4, [3], "gap between versions"),
            (4, [1], "gap between versions"),
            (14 + 7, [b"short", b"x" * 32], "events_link_is_sha256"),
        ],
    )
    async def test_refuses_a_history_that_cannot_be(
        self, pool: Pool, column: int, wrong: list[object], said: str
    ) -> None:
        arguments = [*written([(Append("acme", GENESIS_HEAD, (sent("k", *named("a", "b")),)),)])]
        arguments[column] = wrong

        with pytest.raises(asyncpg.PostgresError, match=said):
            await pool.fetch(CALL, *arguments)
        assert await pool.fetchval("SELECT count(*) FROM streams") == 0

    async def test_refuses_a_stream_that_is_named_twice(self, pool: Pool) -> None:
        twice = written([(beginning("acme"),), (beginning("acme"),)])

        with pytest.raises(asyncpg.RaiseError, match="names a stream twice"):
            await pool.fetch(CALL, *twice)


async def begun_for_ever(log: Log) -> None:
    """Streams, one after the other: the server takes a moment to learn that a standby is to be waited for."""
    for place in count(1000):
        await appended(log, f"s{place}", GENESIS_HEAD, sent(f"k{place}", *named("a")))


async def cancelled(admin: asyncpg.Connection) -> None:
    """The first wait for a standby that there is, cancelled."""
    waiting = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    while not await admin.fetchval(waiting):
        await asyncio.sleep(0.01)


class TestAStandbyThatDoesNotAnswer:
    async def test_leaves_the_outcome_unknown_when_the_wait_for_it_is_cancelled(self, tmp_path: Path) -> None:
        """PostgreSQL then says success and warns: the commit is here, but may be nowhere else."""
        with running(tmp_path / "postgres") as server:
            await migrate(server.owner_url)
            admin = await asyncpg.connect(server.admin_url)
            await admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            await admin.execute("SELECT pg_reload_conf()")
            async with asyncpg.create_pool(server.service_url, min_size=1, max_size=2) as pool:
                log = Log(pool)
                with pytest.raises(OutcomeUnknown, match="canceling wait for synchronous replication"):
                    async with asyncio.timeout(60):
                        await asyncio.gather(begun_for_ever(log), cancelled(admin))
                last = await pool.fetchrow("SELECT stream_id, version FROM streams ORDER BY stream_id DESC LIMIT 1")
                assert (await log.heads(last["stream_id"]))[last["stream_id"]].version == 1
            await admin.close()
