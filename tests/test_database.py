"""What PostgreSQL is asked to end, what it is asked to leave in peace, and what it is warned of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import structlog
from sqlalchemy import text

from projections import current_budget
from projections.rebuild import rebuild
from service import database, serving
from service.app import opened
from service.database import ANSWERS, WORK, Database, connected, doubt
from service.embedded import Server
from tests.conftest import Urls
from tests.deciders.stories import ART, AUDITOR, LINE_PRODUCER, LOCKED, SPENT, spend
from tests.events.locks import blocked
from tests.handling.office import STREAM
from tests.handling.office import opened as office_on
from tests.routes.world import opened_world


@pytest.fixture
async def here(urls: Urls) -> AsyncIterator[Database]:
    async with connected(urls.service, 2) as opened_database:
        yield opened_database


@asynccontextmanager
async def held(url: str, statement: str) -> AsyncIterator[asyncpg.Connection]:
    """A lock that somebody takes and keeps."""
    somebody = await asyncpg.connect(url)
    try:
        async with somebody.transaction():
            await somebody.execute(statement)
            yield somebody
    finally:
        await somebody.close()


class TestLimits:
    @pytest.mark.parametrize("name", [each for each in ANSWERS if each != "application_name"])
    async def test_hold_wherever_an_answer_is_waited_for(self, here: Database, name: str) -> None:
        async with here.engine.connect() as connection:
            of_queries = (await connection.execute(text(f"SHOW {name}"))).scalar_one()
        listener = await here.connect()
        of_bells = await listener.fetchval(f"SHOW {name}")
        await listener.close()

        assert {await here.pool.fetchval(f"SHOW {name}"), of_queries, of_bells} == {ANSWERS[name]}

    async def test_leave_long_work_alone(self, here: Database) -> None:
        limits = {name: await here.work.fetchval(f"SHOW {name}") for name in ANSWERS}

        assert limits == dict.fromkeys(ANSWERS, "0") | WORK

    @pytest.mark.parametrize(
        ("limit", "error"),
        [
            ("statement_timeout", asyncpg.QueryCanceledError),
            ("transaction_timeout", asyncpg.PostgresConnectionError),
        ],
    )
    async def test_end_what_takes_too_long(
        self, urls: Urls, monkeypatch: pytest.MonkeyPatch, limit: str, error: type[Exception]
    ) -> None:
        monkeypatch.setitem(database.ANSWERS, limit, "100ms")

        async with connected(urls.service, 2) as here:
            with pytest.raises(error):
                await here.pool.execute("SELECT pg_sleep(10)")

    async def test_do_not_cut_a_rebuild(self, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
        async with office_on(urls.service) as office:
            await office.play(SPENT)
        monkeypatch.setitem(database.ANSWERS, "lock_timeout", "100ms")

        async with opened(urls.service, project=False) as doors:
            async with held(urls.admin, "LOCK TABLE events IN ACCESS EXCLUSIVE MODE") as somebody:
                making = asyncio.create_task(rebuild(doors.database.work, [current_budget.PROJECTION]))
                await blocked(somebody)
                with pytest.raises(asyncpg.LockNotAvailableError):
                    await doors.database.pool.execute("SELECT FROM events")
                assert not making.done()
            assert (await making).events > 0


class TestALimitThatIsReached:
    async def test_is_told_as_a_database_that_is_away(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(database.ANSWERS, "lock_timeout", "100ms")
        async with opened_world(server) as world:
            await world.play(LOCKED)
            async with held(world.admin_url, f"SELECT FROM streams WHERE stream_id = '{STREAM}' FOR UPDATE"):
                sent = await world.send(LINE_PRODUCER, spend(ART, "10", "KS-1"), Idempotency_Key="once")
            async with held(world.admin_url, "LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE"), asyncio.timeout(60):
                read = await world.get(AUDITOR, "current-budget", at_least=None)
            again = await world.send(LINE_PRODUCER, spend(ART, "10", "KS-1"), Idempotency_Key="once")

        for answer in (sent, read):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:greenlight:problem:database-is-away")
            assert answer.headers["retry-after"] == "1"
        assert (again.status_code, again.json().get("replayed", False)) == (201, False)


class TestDoubt:
    async def test_names_what_would_lose_what_was_acknowledged(self, here: Database) -> None:
        with structlog.testing.capture_logs() as logs:
            doubts = await doubt(here.pool)

        assert [each.split(":")[0] for each in doubts] == [  # the server of the tests is a hasty one
            "fsync is off",
            "full_page_writes is off",
            "synchronous_commit is off",
        ]
        assert [(line["log_level"], line["why"]) for line in logs] == [("warning", each) for each in doubts]

    async def test_names_a_role_that_may_do_more_than_append(self, urls: Urls, here: Database) -> None:
        owner = await asyncpg.connect(urls.owner)
        await owner.execute("GRANT DELETE ON events TO greenlight_service")
        await owner.close()

        assert any("the role may write facts" in each for each in await doubt(here.pool))

    async def test_is_told_by_a_process_that_serves(self, urls: Urls) -> None:
        with structlog.testing.capture_logs() as logs:
            async with serving.served(urls.service, "127.0.0.1", 0):
                pass

        assert [line["event"] for line in logs].count("database_is_not_to_be_trusted") == 3


async def test_tables_that_only_grow_are_looked_after_often(here: Database) -> None:
    for table in ("events", "commands"):
        options = await here.pool.fetchval("SELECT reloptions FROM pg_class WHERE relname = $1", table)
        assert "autovacuum_vacuum_insert_scale_factor=0.02" in options
