"""What dashboards are told: every number moves with what really happened, and every name stays what it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from events.append import GENESIS_HEAD, Append
from projections import PROJECTIONS, flags
from projections.rebuild import ONE_AT_A_TIME, rebuild
from service import metrics
from service.deciders.submission import SubmitBudget
from tests.deciders.stories import ADMINISTRATOR, ART, AUDITOR, LINE_PRODUCER, LOCKED, MAYA, PRODUCER, SPENT, spend
from tests.events.golden import golden
from tests.events.locks import terminated
from tests.events.logbook import named, sent
from tests.handling.office import STREAM, opened
from tests.routes.world import World

GOLDEN = Path(__file__).parent / "metrics.txt"
LOG_SPEND = "/v1/{company}/{production}/log-spend"
NAMES = {each.name for each in PROJECTIONS}

Numbers = dict[str, float]


async def text(world: World) -> str:
    answer = await world.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


async def numbers(world: World) -> Numbers:
    """Every number by its name and labels, as Prometheus reads them."""
    return {
        f"{sample.name.removeprefix('greenlight_')}{{{','.join(sample.labels.values())}}}": sample.value
        for family in text_string_to_metric_families(await text(world))
        for sample in family.samples
    }


def grown(before: Numbers, after: Numbers, *names: str) -> Numbers:
    """What was added to series of these names, where anything was."""
    added = {name: value - before.get(name, 0) for name, value in after.items() if name.split("{")[0] in names}
    return {name: value for name, value in added.items() if value}


@asynccontextmanager
async def admin(world: World, *statements: str) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, in a transaction that began with these statements."""
    connection = await asyncpg.connect(world.admin_url)
    try:
        async with connection.transaction():
            for statement in statements:
                await connection.execute(statement)
            yield connection
    finally:
        await connection.close()


@pytest.fixture
async def locked(world: World) -> World:
    """A locked budget, shown by every view."""
    await world.play(LOCKED)
    return world


class TestWhatIsCounted:
    async def test_is_every_command_by_what_its_sender_was_told(self, locked: World) -> None:
        before, entry = await numbers(locked), spend(ART, "10", "KS-1")
        for _ in range(2):
            await locked.send(LINE_PRODUCER, entry, Idempotency_Key="once")
        await locked.send(LINE_PRODUCER, spend(ART, "11", "KS-1"), Idempotency_Key="once")
        await locked.send(PRODUCER, SubmitBudget(budget="v9"))
        await locked.send(AUDITOR, entry)
        await locked.send(LINE_PRODUCER, entry, If_Match='"1"')
        after = await numbers(locked)

        assert grown(before, after, "commands_total", "refusals_total") == {
            "commands_total{accepted}": 1,
            "commands_total{replayed}": 1,
            "commands_total{key_reused}": 1,
            "commands_total{refused}": 2,
            "commands_total{version_mismatch}": 1,
            "refusals_total{budget-is-missing,B5}": 1,
            "refusals_total{role-may-not,P2}": 1,
        }
        assert grown(before, after, "appends_total", "events_appended_total") == {
            "appends_total{appended}": 1,
            "appends_total{replayed}": 1,
            "appends_total{mismatch}": 1,
            "events_appended_total{}": 1,
        }

    async def test_is_every_lost_race_and_what_it_cost(self, locked: World) -> None:
        async with opened(locked.url) as other:
            await other.send(LINE_PRODUCER, spend(ART, "10", "KS-1"))
        before = await numbers(locked)
        answer = await locked.send(LINE_PRODUCER, spend(ART, "11", "KS-2"))
        after = await numbers(locked)

        assert answer.status_code == 201
        assert grown(before, after, "appends_total") == {"appends_total{conflict}": 1, "appends_total{appended}": 1}
        assert grown(before, after, "state_cache_looks_total")["state_cache_looks_total{tail}"] == 1
        assert grown(before, after, "commit_duration_seconds_count") == {"commit_duration_seconds_count{}": 2}

    async def test_is_what_nobody_knows(self, locked: World) -> None:
        before = await numbers(locked)
        async with admin(locked, f"SELECT FROM streams WHERE stream_id = '{STREAM}' FOR UPDATE") as somebody:
            answer = asyncio.create_task(locked.send(LINE_PRODUCER, spend(ART, "10", "KS-1")))
            for _ in range(3):  # it is tried three times
                await terminated(somebody)
            assert (await answer).status_code == 503
        after = await numbers(locked)

        assert grown(before, after, "appends_total", "commands_total", "events_appended_total") == {
            "appends_total{unknown}": 3,
            "commands_total{unknown}": 1,
        }

    async def test_is_how_much_goes_together(self, locked: World) -> None:
        before, log = await numbers(locked), locked.doors.log
        twice = [Append(f"s{n}", GENESIS_HEAD, (sent(f"begin s{n}", *named("a", "b")),)) for n in range(100)]
        await asyncio.gather(*(log.append(each) for each in twice))
        after = await numbers(locked)

        added = grown(before, after, "commit_events_sum", "commit_units_sum", "commit_units_count")
        assert (added["commit_events_sum{}"], added["commit_units_sum{}"]) == (200, 100)
        assert added["commit_units_count{}"] < 20

    async def test_is_every_request_by_its_route_and_never_by_its_path(self, locked: World) -> None:
        before = await numbers(locked)
        await locked.send(LINE_PRODUCER, spend(ART, "10", "KS-1"))
        await locked.client.post("/v1/rival/the-short-take/log-spend")
        for path in ("/v1/nobody/knows/this/address", "/.env"):
            await locked.client.get(path)
        after = await numbers(locked)

        assert grown(before, after, "request_duration_seconds_count") == {
            f"request_duration_seconds_count{{{LOG_SPEND},201}}": 1,
            f"request_duration_seconds_count{{{LOG_SPEND},401}}": 1,
            "request_duration_seconds_count{none,404}": 2,
            "request_duration_seconds_count{/metrics,200}": 1,
        }

    async def test_is_the_memory_of_states(self, locked: World) -> None:
        before, streams = await numbers(locked), locked.doors.handling.streams
        await locked.send(LINE_PRODUCER, spend(ART, "10", "KS-1"))
        after = await numbers(locked)

        assert after["state_cache_states{}"] == 2  # the company and its production
        assert after["state_cache_bytes{}"] == streams.weight > before["state_cache_bytes{}"]
        assert grown(before, after, "state_cache_looks_total")["state_cache_looks_total{hit}"] > 0


class TestWhatIsBehind:
    async def test_is_every_read_model_that_has_not_seen_the_newest_event(self, locked: World) -> None:
        await locked.read(AUDITOR, "flags")
        async with admin(locked, "SELECT FROM checkpoints FOR UPDATE"):
            await locked.send(LINE_PRODUCER, spend(ART, "10", "KS-1"))
            behind = await numbers(locked)
        for name in NAMES:
            assert await locked.doors.runner.wait_for(name, await locked.last_position(), 60)
        current = await numbers(locked)

        for name in NAMES:
            assert behind[f"projection_lag_events{{{name}}}"] >= 1
            assert behind[f"projection_lag_seconds{{{name}}}"] > 0
            assert current[f"projection_lag_events{{{name}}}"] == current[f"projection_lag_seconds{{{name}}}"] == 0
            assert current[f"projection_stopped{{{name}}}"] == 0

    async def test_is_the_log_itself_behind_an_append_on_its_way(self, locked: World) -> None:
        floor = "SELECT pg_advisory_xact_lock_shared((18252::bigint << 48) | last_value) FROM events_position"
        async with admin(locked, floor):
            for n in range(3):
                await locked.send(LINE_PRODUCER, spend(ART, "10", f"KS-{n}"))
            assert (await numbers(locked))["fence_lag_positions{}"] == 3
        assert (await numbers(locked))["fence_lag_positions{}"] == 0

    async def test_is_a_read_model_that_stopped(self, locked: World) -> None:
        async with admin(locked, "UPDATE checkpoints SET error = 'poison' WHERE projection = 'flags'"):
            pass
        stopped = {name for name in NAMES if (await numbers(locked))[f"projection_stopped{{{name}}}"]}

        assert stopped == {"flags"}

    async def test_is_a_rebuild_on_its_way(self, locked: World) -> None:
        await begun_to_rebuild(locked)
        assert "rebuild_progress_ratio{flags}" not in await numbers(locked), "it was broken off"
        async with admin(locked, f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"):
            assert (await numbers(locked))["rebuild_progress_ratio{flags}"] == 0.25

        await rebuild(locked.app.state.doors.database.work, [flags.PROJECTION])
        assert "rebuild_progress_ratio{flags}" not in await numbers(locked)


async def begun_to_rebuild(world: World) -> None:
    """What a rebuild leaves that was broken off after a quarter."""
    pool = world.app.state.doors.database.pool
    await pool.execute("INSERT INTO rebuilds VALUES ('flags', 0, 99, 100, 'acme', 25, NULL, 7)")


async def test_without_the_database_the_rest_is_told_still(locked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await numbers(locked))["database_up{}"] == 1
    monkeypatch.setattr(metrics, "PATIENCE_SECONDS", 0.1)
    async with admin(locked, "LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE"):
        told = await numbers(locked)

    assert told["database_up{}"] == 0
    assert told["appends_total{appended}"] > 0
    assert not [name for name in told if "lag" in name or "stopped" in name]


@pytest.mark.gate
@pytest.mark.golden
async def test_the_names_are_those_that_dashboards_know(world: World) -> None:
    await world.play(SPENT)
    await world.send(AUDITOR, spend(ART, "10", "KS-1"))
    await begun_to_rebuild(world)
    async with admin(world, f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"):
        said = await text(world)

    shape = "".join(f"{line}\n" for line in said.splitlines() if line.startswith("#"))
    assert shape == golden(GOLDEN, shape)
    assert shape.count("# TYPE") == len(metrics.COUNTERS) + len(metrics.GAUGES) + 4
    for who in (MAYA, ADMINISTRATOR, LINE_PRODUCER, AUDITOR, "acme", "the-long-take"):
        assert who not in said
