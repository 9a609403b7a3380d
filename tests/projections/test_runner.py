import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import asyncpg
import httpx2
import pytest
from structlog.testing import capture_logs

from events.budget import BudgetLocked
from events.envelope import CannotTake
from events.group_commit import LOST
from events.spend import SpendLogged
from projections import PROJECTIONS, current_budget, flags, runner
from projections import stored as stored_rows
from projections.projection import Projection
from projections.rebuild import rebuild
from projections.runner import TRANSIENT, Runner
from projections.stored import Recent, advance
from service import app
from tests.conftest import Urls
from tests.deciders.stories import ART, LINE_PRODUCER, LOCKED, SPENT, STAFFED, spend
from tests.handling.office import STREAM, Office
from tests.projections.desk import agree, caught_up, eventually, every_table, lapsed, running, stored, tampered

OTHERS = [each.name for each in PROJECTIONS if each is not flags.PROJECTION]


def with_poison(document: str) -> tuple[Projection[Any], ...]:
    """The read models, but one cannot take the spend of that document."""

    def fold(rows: Any, recorded: Any) -> None:
        if isinstance(recorded.event, SpendLogged) and recorded.event.document == document:
            raise ZeroDivisionError("poison")
        flags.PROJECTION.fold(rows, recorded)

    return tuple(replace(each, fold=fold) if each is flags.PROJECTION else each for each in PROJECTIONS)


class TestRunner:
    async def test_shows_what_happened_while_it_runs(self, office: Office) -> None:
        live = Runner(office.pool)
        async with running(live):
            await office.play(LOCKED)
            answer = await office.send(LINE_PRODUCER, spend(ART, "500"))
            await eventually(live, answer.position)
        await agree(office, STREAM)

    async def test_of_two_at_once_folds_every_event_once(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "PAGE", 3)
        one, two = Runner(office.pool), Runner(office.pool)
        await asyncio.gather(one.refresh(), two.refresh())
        await office.play(SPENT)
        await office.play(LOCKED, "acme/other")

        async def follow(each: Runner) -> None:
            for _ in range(40):
                await each.step()

        sending = asyncio.gather(
            *(office.send(LINE_PRODUCER, spend(ART, f"{n + 1}", f"D-{n}")) for n in range(30)), return_exceptions=False
        )
        await asyncio.gather(follow(one), follow(two), sending)
        await caught_up(one)

        await agree(office, STREAM, "acme/other")
        assert {point.error for point in (await one.checkpoints()).values()} == {None}

    async def test_goes_on_after_its_connections_were_cut(self, office: Office, urls: Urls) -> None:
        async with asyncpg.create_pool(urls.service, min_size=1, max_size=3) as pool:
            pids: set[int] = set()

            async def remember(connection: Any) -> None:
                pids.add(connection.get_server_pid())

            async with asyncpg.create_pool(urls.service, min_size=1, max_size=3, setup=remember) as own:
                live = Runner(own)
                async with running(live):
                    await office.play(LOCKED)
                    for place in range(4):
                        await pool.fetchval("SELECT count(pg_terminate_backend(pid)) FROM unnest($1::int[]) pid", pids)
                        answer = await office.send(LINE_PRODUCER, spend(ART, "5", f"D-{place}"))
                        async with asyncio.timeout(60):
                            while True:
                                with suppress(*LOST):
                                    await eventually(live, answer.position)
                                    break
                assert {point.error for point in (await Runner(pool).checkpoints()).values()} == {None}
        await agree(office, STREAM)

    async def test_takes_in_parts_what_the_database_ends_for_taking_too_long(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "BATCH_SECONDS", 0.5)
        live, real_advance = Runner(office.pool), runner.advance
        await live.refresh()
        [*_, last] = await office.play(SPENT)
        longest = 0

        async def slow(connection: Any, projection: Projection[Any], ahead: Any, recent: Any) -> None:
            nonlocal longest
            longest = max(longest, len(ahead))
            if projection is PROJECTIONS[0]:
                await asyncio.sleep(0.05 * len(ahead))
            await real_advance(connection, projection, ahead, recent)

        monkeypatch.setattr(runner, "advance", slow)
        monkeypatch.setattr(runner, "PAGE", 16)
        with capture_logs() as told:
            async with running(live):
                await eventually(live, last.position)
        assert longest == 16
        assert [each["event"] for each in told].count("projections_wait_for_database") >= 1
        await agree(office, STREAM)

    async def test_takes_whole_pages_again_once_its_connection_is_back(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live, real_advance, real_read = Runner(office.pool), runner.advance, runner.read
        await live.refresh()
        await office.play(SPENT)
        pages: list[int] = []

        async def spied(connection: Any, start: int, up_to: int, most: int) -> Any:
            pages.append(most)
            return await real_read(connection, start, up_to, most)

        async def cut(*_: Any) -> None:
            raise asyncpg.ConnectionDoesNotExistError("cut")

        monkeypatch.setattr(runner, "PAGE", 16)
        monkeypatch.setattr(runner, "read", spied)
        for advances in (cut, cut, real_advance):
            monkeypatch.setattr(runner, "advance", advances)
            with suppress(asyncpg.ConnectionDoesNotExistError):
                await live.step()
        assert pages == [16, 16, 16]

    async def test_keeps_what_it_may_be_asked_for_again_and_not_too_much(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await Runner(office.pool).refresh()
        await office.play(SPENT)
        for projection, most, kept in ((current_budget, 30_000, True), (current_budget, 1, False), (flags, 1, False)):
            monkeypatch.setattr(stored_rows, "RECENT_AT_MOST", most)
            recent = Recent()
            async with office.pool.acquire() as connection, connection.transaction():
                history = await office.log.read_stream(STREAM)
                await advance(connection, projection.PROJECTION, history, recent)
            assert (STREAM in recent.streams) is (kept or projection is flags)
            assert (recent.rows.count() > 0) is kept  # flags are added and never asked for

    async def test_knows_nothing_of_rows_that_were_not_stored_in_the_end(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live, real_advance = Runner(office.pool), runner.advance
        await live.refresh()
        await office.play(LOCKED)
        await caught_up(live)

        async def cut(*arguments: Any) -> None:
            await real_advance(*arguments)
            if arguments[1] is PROJECTIONS[-1]:
                raise asyncpg.ConnectionDoesNotExistError("cut")

        monkeypatch.setattr(runner, "advance", cut)
        await office.send(LINE_PRODUCER, spend(ART, "500"))
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await live.step()
        monkeypatch.setattr(runner, "advance", real_advance)
        await caught_up(live)
        await agree(office, STREAM)


class TestLease:
    async def test_forgets_what_it_knew_of_rows_that_another_moved(self, office: Office) -> None:
        one, two = Runner(office.pool), Runner(office.pool)
        await one.refresh()
        await office.play(LOCKED)
        for holder, other, document in ((one, two, "D-1"), (two, one, "D-2"), (one, two, "D-3")):
            await other.release()
            await holder.refresh()
            await office.send(LINE_PRODUCER, spend(ART, "500", document))
            await caught_up(holder)
        await agree(office, STREAM)

    async def test_keeps_everyone_else_standing_by(self, office: Office) -> None:
        one, two = Runner(office.pool), Runner(office.pool)
        await one.refresh()
        await two.refresh()
        await office.play(SPENT)

        assert not await two.step()
        await caught_up(one)
        await agree(office, STREAM)

    async def test_that_lapsed_is_taken_and_who_wakes_too_late_cannot_write(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "PAGE", 5)
        paused, standby = Runner(office.pool), Runner(office.pool)
        await paused.refresh()
        await office.play(SPENT)
        await paused.step()
        await lapsed(office)

        await standby.step()
        points, tables = await standby.checkpoints(), await every_table(office.pool, STREAM, "acme/other")
        await paused.step()

        assert await standby.checkpoints() == points
        assert await every_table(office.pool, STREAM, "acme/other") == tables
        await caught_up(standby)
        assert not await paused.step()
        await agree(office, STREAM)

    async def test_that_was_lost_in_the_middle_of_a_batch_leaves_no_trace_of_it(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A holder that sleeps between its fold and its commit; meanwhile another one takes over and goes on."""
        paused, standby = Runner(office.pool), Runner(office.pool)
        await paused.refresh()
        await office.play(SPENT)
        real_read, asleep, wake = runner.read, asyncio.Event(), asyncio.Event()

        async def slow_read(*args: Any) -> Any:
            page = await real_read(*args)
            asleep.set()
            await wake.wait()
            return page

        monkeypatch.setattr(runner, "read", slow_read)
        stepping = asyncio.create_task(paused.step())
        await asleep.wait()
        monkeypatch.setattr(runner, "read", real_read)
        await lapsed(office)
        with capture_logs() as logs:
            await caught_up(standby)
        points = await standby.checkpoints()
        wake.set()
        await stepping

        assert await standby.checkpoints() == points
        [told] = [each for each in logs if each["event"] == "projections_taken_over"]
        assert (len(told["projections"]), told["holder"]) == (len(PROJECTIONS), paused.name)
        await agree(office, STREAM)

    async def test_of_a_holder_that_stands_still_in_the_middle_of_a_batch_is_taken_when_the_database_ends_it(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its rows of the checkpoints are locked until then, and nobody else gets at them."""
        monkeypatch.setattr(runner, "LEASE_SECONDS", 0.2)
        monkeypatch.setattr(runner, "BATCH_SECONDS", 1)
        paused, standby = Runner(office.pool), Runner(office.pool)
        await paused.refresh()
        await office.play(SPENT)
        real_advance, asleep, wake = runner.advance, asyncio.Event(), asyncio.Event()

        async def sleeping(*args: Any) -> None:
            asleep.set()
            await wake.wait()
            await real_advance(*args)

        monkeypatch.setattr(runner, "advance", sleeping)
        stepping = asyncio.create_task(paused.step())
        await asleep.wait()
        monkeypatch.setattr(runner, "advance", real_advance)
        await asyncio.sleep(0.3)

        await caught_up(standby)
        wake.set()
        with pytest.raises(TRANSIENT):
            await stepping
        await agree(office, STREAM)

    async def test_is_given_back_at_the_end(self, office: Office) -> None:
        one, two = Runner(office.pool), Runner(office.pool)
        async with running(one):
            [*_, last] = await office.play(SPENT)
            await eventually(one, last.position)
        await two.refresh()
        answer = await office.send(LINE_PRODUCER, spend(ART, "5"))

        assert await two.step()
        assert {point.position for point in (await two.checkpoints()).values()} == {answer.position}

    async def test_of_newer_code_is_not_taken_by_older(self, office: Office) -> None:
        newer = Runner(
            office.pool, tuple(replace(p, version=p.version + 1) if p is flags.PROJECTION else p for p in PROJECTIONS)
        )
        await newer.refresh()
        await newer.release()
        older = Runner(office.pool)
        await older.refresh()
        await office.play(SPENT)
        await caught_up(older)

        points = await older.checkpoints()
        assert (points["flags"].version, points["flags"].position) == (flags.PROJECTION.version + 1, 0)
        assert points["funding"].position > 0


class TestWaiting:
    async def test_ends_when_the_position_is_shown_by_another_process_too(self, office: Office) -> None:
        live, asked = Runner(office.pool), Runner(office.pool)
        async with running(live):
            await office.play(STAFFED)
            answer = await office.send(LINE_PRODUCER, spend(ART, "500"))
            assert await asked.wait_for("funding", answer.position, 60)

    async def test_for_what_nobody_shows_is_given_up(self, office: Office) -> None:
        idle = Runner(office.pool)
        await idle.refresh()
        [*_, last] = await office.play(STAFFED)

        assert not await idle.wait_for("funding", last.position, 0.15)
        waiting = asyncio.create_task(idle.wait_for("funding", last.position, 60))
        await caught_up(idle)
        assert await waiting

    async def test_for_what_stopped_is_given_up_at_once(self, office: Office) -> None:
        live = Runner(office.pool, with_poison("KS-2"))
        await live.refresh()
        [*_, last] = await office.play(SPENT)
        await caught_up(live)

        for asked in (live, Runner(office.pool)):
            async with asyncio.timeout(30):
                assert not await asked.wait_for("flags", last.position, 3600)

    async def test_for_what_is_shown_is_over_at_once(self, office: Office) -> None:
        idle = Runner(office.pool)
        await idle.refresh()

        assert await idle.wait_for("funding", 0, 0.0001) or await idle.wait_for("funding", 0, 5)


class TestNewCode:
    async def test_of_a_read_model_makes_it_anew_at_start(self, office: Office) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT)
        await caught_up(live)
        before = await live.checkpoints()
        await office.pool.execute("UPDATE flags SET sentence = 'as the old code said it'")
        await office.pool.execute("UPDATE audit_trail SET sentence = 'as the old code said it'")

        changed = tuple(replace(p, version=p.version + 1) if p is flags.PROJECTION else p for p in PROJECTIONS)
        newer = Runner(office.pool, changed)
        await live.release()
        await newer.refresh()

        after = await newer.checkpoints()
        assert after.pop("flags").version == flags.PROJECTION.version + 1
        before.pop("flags")
        assert {name: point.position for name, point in after.items()} == {
            name: point.position for name, point in before.items()
        }
        told = await office.pool.fetch("SELECT DISTINCT sentence FROM flags")
        assert "as the old code said it" not in {row["sentence"] for row in told}
        told = await office.pool.fetch("SELECT DISTINCT sentence FROM audit_trail")
        assert {row["sentence"] for row in told} == {"as the old code said it"}


class TestReadiness:
    async def test_tells_how_far_a_view_is_behind_and_that_nobody_keeps_it(
        self, office: Office, client: httpx2.AsyncClient
    ) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(LOCKED)
        await caught_up(live)
        kept = (await client.get("/readyz")).json()
        await live.release()
        await office.play(SPENT)
        ready = await client.get("/readyz")

        assert (kept["status"], kept["views"]["flags"]["state"]) == ("ready", "current")
        assert kept["views"]["flags"]["kept_by"] != "nobody"
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        told = ready.json()["views"]["flags"]
        behind = await office.pool.fetchval(
            "SELECT count(*) FROM events WHERE position > $1", kept["views"]["flags"]["position"]
        )
        assert (told["state"], told["kept_by"], told["events"]) == ("behind", "nobody", behind)
        assert told["seconds"] >= 0

    async def test_is_degraded_by_a_view_that_is_late(
        self, office: Office, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(LOCKED)
        assert (await client.get("/readyz")).json()["status"] == "ready"
        monkeypatch.setattr(app, "LATE_SECONDS", 0.0)
        assert (await client.get("/readyz")).json()["status"] == "degraded"

    async def test_tells_that_newer_code_made_a_view_and_that_nobody_is_there_for_an_older_one(
        self, office: Office, client: httpx2.AsyncClient
    ) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(LOCKED)
        await caught_up(live)
        await live.release()
        await office.pool.execute("UPDATE checkpoints SET version = version + 1 WHERE projection = 'flags'")
        await office.pool.execute("UPDATE checkpoints SET version = version - 1 WHERE projection = 'funding'")
        with capture_logs() as logs:
            await live.claim()
            await live.release()
            await Runner(office.pool, [flags.PROJECTION]).refresh()

        told = (await client.get("/readyz")).json()

        states = {name: view["state"] for name, view in told["views"].items()}
        assert (told["status"], states["flags"], states["funding"]) == ("degraded", "newer", "older")
        theirs = {"theirs": flags.PROJECTION.version + 1, "ours": flags.PROJECTION.version, "log_level": "error"}
        assert {"event": "projection_of_newer_code", "projection": "flags"} | theirs in logs


class TestPoison:
    async def test_stops_one_read_model_alone_and_loudly(self, office: Office, client: httpx2.AsyncClient) -> None:
        live = Runner(office.pool, with_poison("KS-2"))
        await live.refresh()
        await office.play(LOCKED)
        await caught_up(live)
        before = (await live.checkpoints())["flags"]
        assert (await client.get("/readyz")).json()["status"] == "ready"

        await office.play(SPENT)
        await caught_up(live)

        points = await live.checkpoints()
        stopped = points.pop("flags")
        [version, position] = await office.pool.fetchrow(
            "SELECT version, position FROM events WHERE payload->>'document' = 'KS-2'"
        )
        told = f"SpendLogged at position {position}, version {version} of {STREAM}: ZeroDivisionError: poison"
        assert stopped == replace(before, position=position - 1, error=told)
        known = flags.PROJECTION.replay(await office.log.read_stream(STREAM, up_to=version - 1))
        for kind in flags.PROJECTION.kinds:
            rows = (await stored(office.pool, flags.PROJECTION, [STREAM]))[kind.table.name]
            assert rows == known.of(kind.row, STREAM)
        assert {point.error for point in points.values()} == {None}
        head = (await office.log.heads(STREAM))[STREAM]
        assert {point.position for point in points.values()} == {head.position}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        said = ready.json()["views"]["flags"]["error"]
        assert said.startswith(f"stopped behind position {position - 1}; ")
        assert "poison" not in ready.text, "whoever asks bears no token"
        assert ready.json()["views"]["funding"]["state"] == "current"

    @pytest.mark.parametrize("by", ["restart", "rebuild"])
    async def test_is_digested_once_the_code_is_mended(
        self, office: Office, client: httpx2.AsyncClient, by: str
    ) -> None:
        live = Runner(office.pool, with_poison("KS-2"))
        await live.refresh()
        await office.play(SPENT)
        await caught_up(live)
        assert (await live.checkpoints())["flags"].error is not None

        mended = Runner(office.pool)
        await live.release()
        await (mended.refresh() if by == "restart" else rebuild(office.pool, [flags.PROJECTION]))
        await caught_up(mended)

        assert {point.error for point in (await mended.checkpoints()).values()} == {None}
        await agree(office, STREAM)
        assert (await client.get("/readyz")).json()["status"] == "ready"

    async def test_is_digested_by_a_standby_of_mended_code_that_takes_over(self, office: Office) -> None:
        faulty, standby = Runner(office.pool, with_poison("KS-2")), Runner(office.pool)
        await faulty.refresh()
        await standby.refresh()
        await office.play(SPENT)
        await caught_up(faulty)
        said = (await faulty.checkpoints())["flags"].error
        await faulty.claim()
        assert (await faulty.checkpoints())["flags"].error == said, "a renewal is no takeover"
        await lapsed(office)

        with capture_logs() as told:
            await standby.claim()
        await caught_up(standby)

        [line] = [each for each in told if each["event"] == "projection_tried_again"]
        assert (line["projection"], line["error"]) == ("flags", said)
        assert {point.error for point in (await standby.checkpoints()).values()} == {None}
        await agree(office, STREAM)

    @pytest.mark.parametrize("met", ["in the first build", "later"])
    async def test_is_tried_again_when_asked_and_goes_on_where_it_stopped(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, met: str
    ) -> None:
        monkeypatch.setattr(runner, "LEASE_SECONDS", 0.3)
        poisonous = [True]

        def fold(rows: Any, recorded: Any) -> None:
            if poisonous[0] and isinstance(recorded.event, SpendLogged):
                raise ZeroDivisionError("poison")
            flags.PROJECTION.fold(rows, recorded)

        live = Runner(
            office.pool, tuple(replace(each, fold=fold) if each is flags.PROJECTION else each for each in PROJECTIONS)
        )
        if met == "later":
            await live.refresh()
        [*_, last] = await office.play(SPENT)
        async with running(live):
            async with asyncio.timeout(60):
                while not (point := (await live.checkpoints()).get("flags")) or point.error is None:
                    await asyncio.sleep(0.02)
            poisonous[0] = False
            await live.retry("flags")
            await eventually(live, last.position)
        await agree(office, STREAM)

    async def test_met_at_the_first_start_stops_one_read_model_and_no_other(self, office: Office) -> None:
        await office.play(SPENT)
        live = Runner(office.pool, with_poison("KS-2"))

        await live.refresh()
        await caught_up(live)

        points = await live.checkpoints()
        assert "version" in (error := points.pop("flags").error or "")
        assert error.endswith(f" of {STREAM}: ZeroDivisionError: poison")
        assert sorted(points) == sorted(OTHERS)
        assert {point.error for point in points.values()} == {None}


class TestAFaultOfTheDatabase:
    async def test_stops_a_read_model_at_the_event_whose_row_it_does_not_take(self, office: Office, urls: Urls) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT)
        [row] = await office.pool.fetch(
            "SELECT version, position FROM events WHERE type = 'SpendLogged' AND payload->>'spend' = 'S-000002'"
        )
        owner = await asyncpg.connect(urls.owner)
        await owner.execute("ALTER TABLE spend_register_entries ADD CHECK (spend <> 'S-000002')")
        await owner.close()

        await caught_up(live)

        points = await live.checkpoints()
        stopped = points.pop("spend_register")
        assert stopped.position == row["position"] - 1
        where = (
            f"SpendLogged at position {row['position']}, version {row['version']} of {STREAM}: CheckViolationError: "
        )
        assert (stopped.error or "").startswith(where)
        assert {point.error for point in points.values()} == {None}


class TestAnUnreadableEvent:
    @pytest.mark.parametrize(
        "change",
        [
            """payload = '{"spend":"S-999999"}'""",
            """payload = '[]'""",
            """metadata = '{"actor":"maya"}'""",
            "schema_version = 9",
        ],
    )
    async def test_stops_every_read_model_that_reads_its_kind_and_the_others_pass_it(
        self, office: Office, client: httpx2.AsyncClient, urls: Urls, change: str
    ) -> None:
        await office.play(LOCKED)
        [version, position] = await office.pool.fetchrow(
            "SELECT version, position FROM events WHERE stream_id = $1 AND type = 'BudgetLocked'", STREAM
        )
        await office.play(SPENT)
        last = (await office.log.heads(STREAM))[STREAM].position
        await tampered(urls.admin, f"UPDATE events SET {change} WHERE position = {position}")
        live = Runner(office.pool)
        await live.refresh()

        await caught_up(live)

        points = await live.checkpoints()
        where = f"BudgetLocked at position {position}, version {version} of {STREAM}"
        stopped = {name for name, point in points.items() if point.error is not None}
        assert stopped == {each.name for each in PROJECTIONS if BudgetLocked in each.reads} != set(points)
        assert {points[name].position for name in stopped} == {position - 1}
        assert all((points[name].error or "").startswith(f"{where}: ") for name in stopped)
        assert {point.position for name, point in points.items() if name not in stopped} == {last}
        assert (await client.get("/readyz")).json()["status"] == "degraded"
        office.handling.streams.forget(STREAM)
        told = await client.get(f"/v1/{STREAM}/flags")
        assert (told.status_code, told.json()["type"]) == (503, "urn:greenlight:problem:event-cannot-be-taken")
        assert where in told.json()["detail"]

    async def test_of_a_production_tells_its_readers_and_its_commands_where_it_is(
        self, office: Office, client: httpx2.AsyncClient, urls: Urls
    ) -> None:
        """A fact that can be read and makes no sense: an entry is recoded that was never logged."""
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT)
        await caught_up(live)
        [version, position] = await office.pool.fetchrow(
            "SELECT version, position FROM events WHERE stream_id = $1 AND type = 'SpendRecoded'", STREAM
        )
        await tampered(
            urls.admin,
            "UPDATE events SET payload = jsonb_set(payload::jsonb, '{spend}', '\"S-999999\"')::json"
            f" WHERE position = {position}",
        )
        office.handling.streams.forget(STREAM)

        read = await client.get(f"/v1/{STREAM}/current-budget")
        with pytest.raises(CannotTake) as sent:
            await office.send(LINE_PRODUCER, spend(ART, "5"))

        where = f"SpendRecoded at position {position}, version {version} of {STREAM}"
        assert (read.status_code, read.json()["type"]) == (503, "urn:greenlight:problem:event-cannot-be-taken")
        assert read.json()["detail"].endswith(f": {where}.")
        assert sent.value.where == where
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"], ready.json()["streams_not_taken"]) == (200, "degraded", 1)


class TestUnknownEvent:
    async def test_stops_every_read_model_before_it_and_says_its_name(
        self, office: Office, client: httpx2.AsyncClient, urls: Urls
    ) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT)
        [version, position] = await office.pool.fetchrow(
            "SELECT version, position FROM events WHERE stream_id = $1 AND type = 'SpendRecoded'", STREAM
        )
        await tampered(urls.admin, f"UPDATE events SET type = 'StudioSold' WHERE position = {position}")

        await caught_up(live)

        points = await live.checkpoints()
        assert {point.position for point in points.values()} == {position - 1}
        assert all(point.error and "StudioSold" in point.error for point in points.values())
        assert (await client.get("/readyz")).json()["status"] == "degraded"
        office.handling.streams.forget(STREAM)
        told = await client.get(f"/v1/{STREAM}/flags")
        assert (told.status_code, told.json()["type"]) == (503, "urn:greenlight:problem:event-cannot-be-taken")
        assert f"StudioSold at position {position}, version {version} of {STREAM}" in told.json()["detail"]
        known = await office.log.read_stream(STREAM, up_to=version - 1)
        for projection in PROJECTIONS:
            rows = projection.replay(known)
            for kind in projection.kinds:
                live_rows = (await stored(office.pool, projection, [STREAM]))[kind.table.name]
                assert live_rows == rows.of(kind.row, STREAM)
