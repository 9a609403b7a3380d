import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg
import httpx2
import pytest
from structlog.testing import capture_logs

from events.envelope import CannotTake
from projections import PROJECTIONS, flags, funding, runner, spend_register
from projections import rebuild as module
from projections.rebuild import Difference, Differs, Incomplete, NewerCode, Progress, UnderWay, rebuild
from projections.runner import Runner
from service.app import opened
from service.routes.views import snapshot
from tests.conftest import Urls
from tests.deciders.stories import ART, LINE_PRODUCER, LOCKED, SPENT, spend
from tests.events.locks import blocked
from tests.handling.office import STREAM, Office
from tests.projections.desk import agree, caught_up, eventually, every_table, running, stored, tampered

OTHER = "acme/other"
BOTH = (STREAM, OTHER)


async def filled(office: Office) -> Runner:
    """Two productions, and read models that show them."""
    live = Runner(office.pool)
    await live.refresh()
    await office.play(SPENT)
    await office.play(LOCKED, OTHER)
    await caught_up(live)
    return live


class TestRebuild:
    async def test_equals_live(self, office: Office) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT)
        await office.play(LOCKED, OTHER)
        await caught_up(live)
        before = await every_table(office.pool, *BOTH)

        for projection in PROJECTIONS:
            assert (await rebuild(office.pool, [projection])).events > 0

        assert await every_table(office.pool, *BOTH) == before
        await agree(office, *BOTH)

    async def test_mends_rows_that_were_spoilt(self, office: Office) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT)
        await caught_up(live)
        await office.pool.execute("UPDATE current_budget_spent SET spent = spent + 1")
        with pytest.raises(AssertionError):
            await agree(office, STREAM)

        for projection in PROJECTIONS:
            await rebuild(office.pool, [projection], replace_different=True)

        await agree(office, STREAM)

    async def test_beside_a_running_runner_loses_and_doubles_nothing(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "PAGE", 5)
        monkeypatch.setattr(module, "PAGE", 9)
        live = Runner(office.pool)
        async with running(live):
            await office.play(LOCKED)
            await office.play(SPENT, OTHER)

            async def send() -> int:
                position = 0
                for place in range(40):
                    position = (await office.send(LINE_PRODUCER, spend(ART, "7", f"D-{place}"))).position
                return position

            sending = asyncio.create_task(send())
            while not sending.done():
                for projection in PROJECTIONS:
                    await rebuild(office.pool, [projection])
            await eventually(live, await sending)
        await agree(office, *BOTH)

    async def test_that_meets_an_event_it_cannot_read_replaces_nothing(self, office: Office, urls: Urls) -> None:
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT)
        await caught_up(live)
        before, points = await every_table(office.pool, *BOTH), await live.checkpoints()
        await tampered(urls.admin, "UPDATE events SET type = 'StudioSold' WHERE type = 'SpendRecoded'")

        with pytest.raises(CannotTake, match="StudioSold"):
            await rebuild(office.pool, [flags.PROJECTION])

        assert await every_table(office.pool, *BOTH) == before
        assert await live.checkpoints() == points

    @pytest.mark.parametrize("met", ["in the histories", "behind them"])
    async def test_passes_an_event_that_it_cannot_read_when_no_read_model_of_it_does(
        self, office: Office, urls: Urls, monkeypatch: pytest.MonkeyPatch, met: str
    ) -> None:
        await filled(office)
        changed = replace(funding.PROJECTION, version=funding.PROJECTION.version + 1)
        if met == "behind them":
            await broken_off(office, lambda made: made.folded == made.events, [changed])
            await office.send(LINE_PRODUCER, spend(ART, "5", "LAST"))
        await tampered(
            urls.admin,
            """UPDATE events SET payload = '{"spend":"S-999999"}'"""
            " WHERE position = (SELECT max(position) FROM events WHERE type = 'SpendLogged')",
        )

        made = await rebuild(office.pool, [changed])
        with pytest.raises(CannotTake, match=f"^SpendLogged at position [0-9]+, version [0-9]+ of {STREAM}: Valid"):
            await rebuild(
                office.pool, [replace(spend_register.PROJECTION, version=spend_register.PROJECTION.version + 1)]
            )

        assert made.position == await office.pool.fetchval("SELECT max(position) FROM events")

    @pytest.mark.parametrize("stands", ["late", "stopped"])
    async def test_compares_live_rows_where_they_stand_before_it_goes_further(
        self, office: Office, stands: str
    ) -> None:
        live = await filled(office)
        if stands == "stopped":
            await office.pool.execute("UPDATE checkpoints SET error = 'poison' WHERE projection = 'spend_register'")
            await live.claim()
            await office.send(LINE_PRODUCER, spend(ART, "5", "BETWEEN"))
            await caught_up(live)
            assert len({point.position for point in (await live.checkpoints()).values()}) == 2
        await office.send(LINE_PRODUCER, spend(ART, "5", "LAST"))
        spoil = "UPDATE spend_register_lines SET amount = amount + 7 WHERE stream_id = $1 AND spend = 'S-000001'"
        assert await office.pool.execute(spoil, STREAM) != "UPDATE 0"
        before = await every_table(office.pool, *BOTH)

        for wanted in ([spend_register.PROJECTION], PROJECTIONS):
            for _ in range(2):
                with pytest.raises(Differs) as differs:
                    await rebuild(office.pool, wanted)
                assert {(each.table, each.what) for each in differs.value.differences} == {
                    ("spend_register_lines", "amount")
                }
        assert await every_table(office.pool, *BOTH) == before

        with pytest.raises(Differs):
            await rebuild(office.pool, [spend_register.PROJECTION])
        told: list[Progress] = []
        made = await rebuild(office.pool, [spend_register.PROJECTION], told.append, replace_different=True)
        assert {each.table for each in made.differences} == {"spend_register_lines"}
        assert None not in {each.position for each in told}  # what was made before is taken
        assert made.position == await office.pool.fetchval("SELECT max(position) FROM events")
        await live.refresh()
        await caught_up(live)
        await agree(office, *BOTH)

    async def test_says_where_the_live_rows_are_wrong_and_replaces_them_only_when_told_to(self, office: Office) -> None:
        await filled(office)
        [spent] = await office.pool.fetch("SELECT sum(spent) FROM current_budget_spent")
        await office.pool.execute("UPDATE current_budget_spent SET spent = spent + 7 WHERE stream_id = $1", STREAM)
        gone = await office.pool.fetchval("WITH g AS (DELETE FROM audit_trail RETURNING 1) SELECT count(*) FROM g")
        accounts = await office.pool.fetchval("SELECT count(*) FROM current_budget_spent WHERE stream_id = $1", STREAM)

        before = await every_table(office.pool, *BOTH)
        with pytest.raises(Differs) as differs:
            await rebuild(office.pool, PROJECTIONS)
        assert await every_table(office.pool, *BOTH) == before
        made = await rebuild(office.pool, PROJECTIONS, replace_different=True)
        assert made.differences == differs.value.differences

        assert Difference("current_budget_spent", "spent", spent[0] + 7 * accounts, spent[0]) in made.differences
        assert Difference("audit_trail", "rows", Decimal(0), Decimal(gone)) in made.differences
        assert {each.table for each in made.differences} == {"current_budget_spent", "audit_trail"}
        assert (await rebuild(office.pool, PROJECTIONS)).differences == ()

    async def test_leaves_tables_like_those_it_replaced(self, office: Office, urls: Urls) -> None:
        await filled(office)
        admin = await asyncpg.connect(urls.admin)
        await admin.execute("CREATE ROLE dashboards")
        try:
            await admin.execute("GRANT SELECT ON flags TO dashboards")
            await admin.execute("ALTER TABLE flags SET (fillfactor = 70)")
            before = await catalogue(admin)
            await rebuild(office.pool, PROJECTIONS)

            assert await catalogue(admin) == before
            assert await admin.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'rebuilding'") == 0
        finally:
            await admin.execute("DROP OWNED BY dashboards; DROP ROLE dashboards")
            await admin.close()

    @pytest.mark.parametrize(
        "table", ["events", "streams", "commands", "checkpoints", "nothing", "flags; DROP TABLE x"]
    )
    async def test_is_of_read_models_alone(self, office: Office, table: str) -> None:
        for function in ("begin_rebuild", "index_rebuild", "swap_rebuild"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is no read model"):
                await office.pool.execute(f"SELECT {function}($1)", [table])

    async def test_of_rows_that_newer_code_built_is_refused(self, office: Office) -> None:
        await filled(office)
        await broken_off(office, lambda made: made.folded > 5)
        await office.pool.execute("UPDATE checkpoints SET version = 9 WHERE projection = 'flags'")
        told: list[Progress] = []

        with pytest.raises(NewerCode, match="built flags; the rebuild that older code had begun is forgotten"):
            await rebuild(office.pool, PROJECTIONS, told.append)
        with pytest.raises(NewerCode, match=r"built flags\.$"):
            await rebuild(office.pool, PROJECTIONS, told.append)

        assert told == []


class TestReaders:
    async def test_on_a_snapshot_see_the_old_rows_to_the_end(self, office: Office, urls: Urls) -> None:
        await filled(office)
        await office.pool.execute("UPDATE current_budget_spent SET spent = 1")
        projection, admin = PROJECTIONS[0], await asyncpg.connect(urls.admin)
        assert projection.name == "current_budget"
        query = "SELECT DISTINCT spent FROM current_budget_spent"
        async with opened(urls.service, project=False) as doors:
            async with snapshot(doors, projection) as (connection, position):
                making = asyncio.create_task(rebuild(office.pool, PROJECTIONS, replace_different=True))
                await blocked(admin)
                rows = (await connection.exec_driver_sql(query)).scalars().all()
                assert not making.done()
            made = await making
        await admin.close()

        assert rows == [Decimal(1)]
        assert made.position == position
        await agree(office, *BOTH)

    async def test_are_never_kept_waiting_by_a_swap_that_waits_for_another(self, office: Office, urls: Urls) -> None:
        await filled(office)
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("LOCK TABLE current_budget_versions IN ACCESS SHARE MODE")  # a long look
            making = asyncio.create_task(rebuild(office.pool, PROJECTIONS))
            await blocked(admin)
            async with asyncio.timeout(60):
                for projection in PROJECTIONS:
                    await stored(office.pool, projection, BOTH)
            assert not making.done()
        await admin.close()

        await making
        await agree(office, *BOTH)


class TestBrokenOff:
    @pytest.mark.parametrize("after", [5, 25, 50])
    async def test_is_resumed_where_it_was_in_the_middle_of_a_production_as_well(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, after: int
    ) -> None:
        await filled(office)
        before = await every_table(office.pool, *BOTH)
        monkeypatch.setattr(module, "PAGE", 5)
        first = await broken_off(office, lambda made: made.folded >= after)
        again: list[Progress] = []

        await rebuild(office.pool, PROJECTIONS, again.append)

        assert again[0].folded > first.folded >= after
        assert await every_table(office.pool, *BOTH) == before
        await agree(office, *BOTH)

    @pytest.mark.parametrize("change", ["other read models", "other code"])
    async def test_begins_anew_unless_it_is_the_same(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        await filled(office)
        monkeypatch.setattr(module, "PAGE", 5)
        wanted: Any = PROJECTIONS
        if change == "other read models":
            wanted = PROJECTIONS[:2]
        elif change == "other code":
            wanted = [replace(each, version=each.version + 1) for each in PROJECTIONS]
        await broken_off(office, lambda made: made.folded > 10)
        told: list[Progress] = []

        await rebuild(office.pool, wanted, told.append)

        assert told[0].folded == 5
        await agree(office, *BOTH)

    async def test_before_the_indexes_or_after_them_goes_on_with_what_is_left(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live = await filled(office)
        monkeypatch.setattr(module, "TAIL", 3)
        copied = await broken_off(office, lambda made: made.folded == made.events)
        assert copied.position is None
        for place in range(5):
            await office.send(LINE_PRODUCER, spend(ART, "5", f"D-{place}"))
        await caught_up(live)
        caught_up_to = await broken_off(office, lambda made: made.position is not None)
        assert caught_up_to.position is not None

        made = await rebuild(office.pool, PROJECTIONS)

        assert made.position >= caught_up_to.position
        await caught_up(Runner(office.pool))
        await agree(office, *BOTH)

    async def test_among_others_never_takes_what_they_did_for_its_own(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await filled(office)
        monkeypatch.setattr(module, "PAGE", 5)
        await broken_off(office, lambda made: made.folded > 10)
        with capture_logs() as told:
            await broken_off(office, lambda made: made.folded > 60, [flags.PROJECTION])
        assert [(each["event"], each["projections"]) for each in told] == [
            ("rebuild_begun_before_is_forgotten", sorted(each.name for each in PROJECTIONS))
        ]

        assert (await rebuild(office.pool, PROJECTIONS)).differences == ()

        await agree(office, *BOTH)

    async def test_that_did_not_read_everything_replaces_nothing(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live = await filled(office)
        points = await live.checkpoints()
        monkeypatch.setattr(module, "PAGE", 5)
        await broken_off(office, lambda made: made.folded > 5)
        await office.pool.execute("UPDATE rebuilds SET events = events + 1")

        with pytest.raises(Incomplete):
            await rebuild(office.pool, PROJECTIONS)

        assert await live.checkpoints() == points
        await rebuild(office.pool, PROJECTIONS)  # it began anew
        await agree(office, *BOTH)

    async def test_by_a_lost_connection_goes_on_as_well(self, office: Office, urls: Urls) -> None:
        await filled(office)
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("LOCK TABLE flags IN ACCESS SHARE MODE")
            making = asyncio.create_task(rebuild(office.pool, PROJECTIONS))
            await blocked(admin)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await making
        await admin.close()

        await rebuild(office.pool, PROJECTIONS)
        await agree(office, *BOTH)


class TestOneAtATime:
    async def test_two_never_work_on_one_database(self, office: Office) -> None:
        await filled(office)
        second: list[BaseException] = []

        def told(_: Progress) -> None:
            if not second:
                second.append(UnderWay())  # told again and again
                trying.append(asyncio.create_task(rebuild(office.pool, PROJECTIONS)))

        trying: list[asyncio.Task[Any]] = []
        await rebuild(office.pool, PROJECTIONS, told)
        with pytest.raises(UnderWay):
            await trying[0]
        await rebuild(office.pool, PROJECTIONS)

    async def test_the_runner_goes_on_with_the_others_and_makes_its_own_when_it_can(
        self, office: Office, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "LEASE_SECONDS", 0.3)
        await (await filled(office)).release()
        newer = Runner(
            office.pool,
            tuple(
                replace(each, version=each.version + 1) if each is flags.PROJECTION else each for each in PROJECTIONS
            ),
        )
        async with office.pool.acquire() as elsewhere:
            await elsewhere.execute("SELECT pg_advisory_lock($1)", module.ONE_AT_A_TIME)
            async with running(newer):
                answer = await office.send(LINE_PRODUCER, spend(ART, "5"))
                assert await newer.wait_for("funding", answer.position, 60)
                assert (await newer.checkpoints())["flags"].version == flags.PROJECTION.version
                assert (await client.get(f"/v1/{STREAM}/flags")).status_code == 200
                await elsewhere.execute("SELECT pg_advisory_unlock_all()")
                await eventually(newer, answer.position)
                assert (await newer.checkpoints())["flags"].version == flags.PROJECTION.version + 1
        await agree(office, *BOTH)

    async def test_new_read_models_of_a_long_log_are_copied(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "SHORT", 3)
        await office.play(SPENT)
        await office.play(LOCKED, OTHER)
        live = Runner(office.pool)

        await live.refresh()

        assert {n: point.version for n, point in (await live.checkpoints()).items()} == {
            p.name: p.version for p in PROJECTIONS
        }
        assert {point.position for point in (await live.checkpoints()).values()} != {0}
        await caught_up(live)
        await agree(office, *BOTH)


async def broken_off(office: Office, when: Any, projections: Any = PROJECTIONS) -> Progress:
    """A rebuild that ends in the middle, and where."""
    reached: list[Progress] = []

    class BrokenOff(Exception):
        pass

    def told(made: Progress) -> None:
        if when(made):
            reached.append(made)
            raise BrokenOff

    with pytest.raises(BrokenOff):
        await rebuild(office.pool, projections, told)
    return reached[0]


async def catalogue(admin: Any) -> Any:
    """What PostgreSQL keeps of the tables of the read models, beside their rows."""
    tables = [kind.table.name for projection in PROJECTIONS for kind in projection.kinds]
    queries = (
        "SELECT relname, relowner, relacl::text, reloptions, relpersistence FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1) ORDER BY 1",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY($1)"
        " ORDER BY 1, 2",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid::regclass::text = ANY($1) ORDER BY 1, 2",
        "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY($1)"
        " ORDER BY 1, ordinal_position",
    )
    return [[tuple(row) for row in await admin.fetch(query, tables)] for query in queries]
