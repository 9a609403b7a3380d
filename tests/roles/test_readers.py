"""What a login for dashboards sees: its company as the service shows it, whatever it tries and whatever is rebuilt."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from projections import PROJECTIONS, approval_status, approval_view, current_budget, funding
from projections.house import EVERYBODY
from projections.rebuild import rebuild
from projections.stored import load
from tests.deciders.stories import ART, CONTINGENCY
from tests.events.locks import blocked
from tests.handling.office import STREAM
from tests.roles.conftest import World
from tests.spec import MORNING

VIEWS = (
    *("approval_rounds", "budget_accounts", "commitments", "costs", "funding_sources", "productions"),
    "spend_lines",
)


@pytest.fixture
async def reader(world: World) -> AsyncIterator[asyncpg.Connection]:
    """A dashboard of Acme."""
    connection = await asyncpg.connect(world.acme)
    yield connection
    await connection.close()


async def seen(connection: asyncpg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all views."""
    found = {}
    for view in VIEWS:
        rows = await connection.fetch(f"SELECT * FROM bi.{view}")
        found[view] = sorted((tuple(row) for row in rows), key=str)
    return found


class TestTheViews:
    async def test_are_of_the_logins_company_alone(self, world: World, reader: asyncpg.Connection) -> None:
        rival = await asyncpg.connect(world.rival)
        for connection, production in ((reader, "the-long-take"), (rival, "the-heist")):
            for view, rows in (await seen(connection)).items():
                none = view in ("commitments", "costs")  # which have a file of their own
                assert {row[0] for row in rows} == {production} or (none and not rows), view
        assert await rival.fetchval("SELECT stage FROM bi.productions") == "development"
        await rival.close()

    async def test_show_the_budget_as_the_service_does(
        self, world: World, reader: asyncpg.Connection, admin: asyncpg.Connection
    ) -> None:
        view = current_budget.view(await load(admin, current_budget.KINDS, [STREAM]), STREAM, 0, 0, "INR")
        assert view is not None
        assert view.shown is not None
        wanted = {
            (each.code, each.name, each.budget, each.total_budget, each.spent, each.remaining, each.over)
            for each in (*(a for level in view.shown.levels for a in level.accounts), *view.shown.charges)
        } | {(each.account, None, 0, 0, each.spent, -each.spent, each.spent) for each in view.shown.spent_outside}

        rows = await reader.fetch(
            "SELECT code, name, budgeted, total_budget, spent, remaining, over, budget FROM bi.budget_accounts"
        )

        assert {tuple(row)[:7] for row in rows} == wanted
        assert {row["budget"] for row in rows} == {view.in_force}
        assert {row["code"] for row in rows if row["over"] > 0} == {ART, CONTINGENCY, "9999"}

    async def test_show_funding_rounds_and_productions_as_the_service_does(
        self, reader: asyncpg.Connection, admin: asyncpg.Connection
    ) -> None:
        of_funding = funding.view(await load(admin, funding.KINDS, [STREAM]), STREAM, 0, 0)
        of_rounds = await load(admin, approval_status.KINDS, [STREAM])
        rounds = approval_view.view(of_rounds, STREAM, 0, 0, MORNING, EVERYBODY, {}).rounds

        sources = await reader.fetch(
            "SELECT funding, kind, state, secured, party, amount, received, base_amount, credited, carries"
            " FROM bi.funding_sources ORDER BY funding"
        )
        told = await reader.fetch(
            "SELECT round, kind, subject, amount, state, submitted_by, on_behalf_of, ended_at FROM bi.approval_rounds"
            " ORDER BY substr(round, 3)::int DESC"
        )
        [production] = await reader.fetch(
            "SELECT title, stage, currency, budget, total_budget, green_light FROM bi.productions"
        )

        assert [tuple(row) for row in sources] == [
            (
                *(s.funding, s.kind, s.state, s.secured, s.party, s.amount.amount),
                *(s.received.amount, s.base_amount, s.credited, s.carries),
            )
            for s in of_funding.sources
        ]
        assert [tuple(row) for row in told] == [
            (
                *(r.round, r.kind, r.subject, r.amount and r.amount.amount, r.state),
                *(r.submitted_by, r.on_behalf_of, r.ended_at),
            )
            for r in rounds
        ]
        told_of_it = ("The Long Take", "pre_production", "INR", of_funding.budget, of_funding.total, "none")
        assert tuple(production) == told_of_it

    async def test_show_register_lines_that_add_up_to_what_is_spent(self, reader: asyncpg.Connection) -> None:
        lines = await reader.fetch("SELECT account, sum(amount) AS spent FROM bi.spend_lines GROUP BY 1")
        accounts = await reader.fetch("SELECT code, sum(spent) AS spent FROM bi.budget_accounts GROUP BY 1")

        spent = {row["account"]: row["spent"] for row in lines if row["spent"]}
        assert spent == {row["code"]: row["spent"] for row in accounts if row["spent"]}
        assert len(spent) == 4

    async def test_show_whether_spend_may_be_paid(self, reader: asyncpg.Connection) -> None:
        lines = await reader.fetch("SELECT DISTINCT spend, payment, payment_round FROM bi.spend_lines ORDER BY 1")

        assert [tuple(row) for row in lines] == [
            *((f"S-{number:06}", "not_asked", None) for number in (1, 2, 3)),
            ("S-000004", "refused", "A-3"),
            *((f"S-{number:06}", "released", None) for number in (5, 6, 7)),
            ("S-000008", "waiting", "A-4"),
        ]

    async def test_and_every_column_of_theirs_are_described(self, admin: asyncpg.Connection) -> None:
        bare = await admin.fetch(
            "SELECT relname, attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " WHERE relnamespace = 'bi'::regnamespace AND relkind = 'v'"
            " AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"
        )
        views = await admin.fetch("SELECT viewname FROM pg_views WHERE schemaname = 'bi' ORDER BY 1")

        assert bare == []
        assert [row["viewname"] for row in views] == list(VIEWS)


class TestAReaderThatTries:
    """To see what is of another company; whose spend, like its own, is in the same tables."""

    @pytest.mark.parametrize(
        "first",
        [
            "SET ROLE greenlight_reader",
            "SET search_path = public",
            "SET row_security = off",
            "SELECT set_config('greenlight.company', 'rival', false)",
            "SELECT set_config('app.company', 'rival', false)",
            "SET application_name = 'rival'",
            "SET default_transaction_read_only = off",
        ],
    )
    async def test_settings_stays_who_it_is(self, world: World, reader: asyncpg.Connection, first: str) -> None:
        before = await seen(reader)
        try:
            await reader.execute(first)
        except asyncpg.InsufficientPrivilegeError:
            return
        assert await seen(reader) == before

    @pytest.mark.parametrize(
        "statement",
        [
            "SELECT * FROM public.spend_register_lines",
            "SELECT * FROM public.readers",
            "SELECT * FROM public.bi_spend_lines()",
            "SELECT public.reading_company()",
            "COPY public.spend_register_lines TO STDOUT",
            "CREATE MATERIALIZED VIEW bi.mine AS SELECT * FROM bi.spend_lines",
            "CREATE OR REPLACE VIEW bi.productions AS SELECT 1",
            "CREATE FUNCTION bi.leak() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER VIEW bi.productions SET (security_invoker = true)",
            "SET SESSION AUTHORIZATION postgres",
            "ALTER ROLE SESSION_USER CONNECTION LIMIT 1000",
            "ALTER ROLE greenlight_reader SET search_path = public",
        ],
    )
    async def test_what_is_not_its_own_is_denied(self, reader: asyncpg.Connection, statement: str) -> None:
        await reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(statement)

    async def test_a_function_that_tells_what_it_is_given_is_given_its_own_alone(
        self, world: World, reader: asyncpg.Connection
    ) -> None:
        told: list[str] = []
        reader.add_log_listener(lambda _, message: told.append(message.message))
        await reader.execute("SET default_transaction_read_only = off")
        await reader.execute(
            "CREATE FUNCTION pg_temp.leak(text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS"
            " $$BEGIN RAISE NOTICE '%', $1; RETURN true; END$$"
        )
        for view in VIEWS:
            await reader.execute(f"SELECT FROM bi.{view} WHERE pg_temp.leak(production) AND production = 'x'")

        assert set(told) == {"the-long-take"}

    async def test_an_error_that_names_a_value_names_its_own(self, reader: asyncpg.Connection) -> None:
        for order in ("", " DESC"):
            with pytest.raises(asyncpg.InvalidTextRepresentationError, match='"the-long-take"'):
                await reader.fetch(f"SELECT production::int FROM bi.spend_lines ORDER BY production{order}")

    async def test_a_plan_tells_of_nothing_below_its_own_rows(self, reader: asyncpg.Connection) -> None:
        plan = await reader.fetch("EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM bi.spend_lines WHERE amount > 0")
        lines = await reader.fetchval("SELECT count(*) FROM bi.spend_lines")

        text = "\n".join(row[0] for row in plan)
        assert "Function Scan on bi_spend_lines" in text
        assert "spend_register" not in text
        assert all(int(line.split(": ")[1]) < lines for line in text.splitlines() if "Removed" in line)

    async def test_the_planners_statistics_are_not_shown(
        self, reader: asyncpg.Connection, admin: asyncpg.Connection
    ) -> None:
        await admin.execute("ANALYZE spend_register_lines")
        asked = "SELECT count(*) FROM pg_stats WHERE tablename = 'spend_register_lines'"

        assert await admin.fetchval(asked) > 0
        assert await reader.fetchval(asked) == 0

    async def test_a_copy_is_of_its_own_rows(self, reader: asyncpg.Connection) -> None:
        said: list[bytes] = []

        async def take(chunk: bytes) -> None:
            said.append(chunk)

        await reader.copy_from_query("SELECT DISTINCT production FROM bi.spend_lines", output=take)

        assert b"".join(said) == b"the-long-take\n"

    @pytest.mark.parametrize("statement", ["DELETE FROM bi.spend_lines", "UPDATE bi.productions SET title = 'x'"])
    async def test_views_are_not_written_to(self, reader: asyncpg.Connection, statement: str) -> None:
        await reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
            await reader.execute(statement)

    async def test_an_older_snapshot_is_refused_in_words(self, reader: asyncpg.Connection) -> None:
        with pytest.raises(asyncpg.RaiseError, match="the views of bi need READ COMMITTED"):
            async with reader.transaction(isolation="repeatable_read"):
                await reader.fetch("SELECT * FROM bi.productions")

    @pytest.mark.parametrize("role", ["service", "projector", "auditor"])
    async def test_others_do_not_read_the_views(self, world: World, role: str) -> None:
        connection = await asyncpg.connect(world.of(role))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT * FROM bi.productions")
        await connection.close()

    async def test_who_is_no_reader_sees_nothing_there(self, admin: asyncpg.Connection) -> None:
        assert await admin.fetch("SELECT * FROM bi.productions") == []

    async def test_the_login_says_nothing_of_the_company(self, reader: asyncpg.Connection) -> None:
        """Every login of a server can list all others: what is secret is not in a name."""
        names = [row[0] for row in await reader.fetch("SELECT rolname FROM pg_roles")]

        assert not [name for name in names if "acme" in name or "rival" in name]


async def catalogue(admin: asyncpg.Connection) -> list[Any]:
    """What PostgreSQL knows of the views, beside their rows."""
    return await admin.fetch(
        "SELECT oid, relname, relacl::text, reloptions, pg_get_viewdef(oid), obj_description(oid),"
        " (SELECT array_agg(col_description(oid, attnum) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid)"
        " FROM pg_class c WHERE relnamespace = 'bi'::regnamespace ORDER BY 1"
    )


class TestARebuild:
    async def test_leaves_the_views_their_rights_and_whatever_stands_on_them(
        self, world: World, reader: asyncpg.Connection, admin: asyncpg.Connection
    ) -> None:
        await admin.execute("CREATE VIEW overspent AS SELECT * FROM bi.budget_accounts WHERE over > 0")
        before, rows = await catalogue(admin), await seen(reader)
        tables = await admin.fetchval("SELECT 'public.spend_register_lines'::regclass::oid")
        await reader.execute("PREPARE asked AS SELECT count(*) FROM bi.spend_lines")

        async with asyncpg.create_pool(world.urls.of("projector"), min_size=1, max_size=4) as pool:
            await rebuild(pool, PROJECTIONS)

        fresh = await asyncpg.connect(world.acme)
        assert await admin.fetchval("SELECT 'public.spend_register_lines'::regclass::oid") != tables
        assert await catalogue(admin) == before
        assert await seen(reader) == await seen(fresh) == rows
        assert await reader.fetchval("EXECUTE asked") == len(rows["spend_lines"])
        assert await admin.fetch("SELECT FROM overspent") == []
        await admin.execute("DROP VIEW overspent")
        await fresh.close()

    async def test_that_is_waited_for_is_seen_whole(
        self, world: World, reader: asyncpg.Connection, admin: asyncpg.Connection
    ) -> None:
        """Who asked before the swap and was let in after it sees the new rows, which were not there when it asked."""
        before = await seen(reader)
        projector = await asyncpg.connect(world.urls.of("projector"))
        async with projector.transaction():
            await projector.execute("SELECT begin_rebuild('{spend_register_lines}')")
            await projector.execute(
                "INSERT INTO rebuilding.spend_register_lines SELECT * FROM public.spend_register_lines"
            )
            await projector.execute("SELECT index_rebuild('{spend_register_lines}')")
            await projector.execute("SELECT swap_rebuild('{spend_register_lines}')")
            asking = asyncio.create_task(seen(reader))
            await blocked(admin)
        await projector.close()

        assert await asking == before

    async def test_beside_dashboards_that_never_rest_is_seen_whole_each_time(self, world: World) -> None:
        over = asyncio.Event()

        async def watch() -> set[tuple[Decimal, int]]:
            connection, found = await asyncpg.connect(world.acme), set()
            while not over.is_set():
                row = await connection.fetchrow("SELECT sum(amount) AS total, count(*) AS lines FROM bi.spend_lines")
                found.add(tuple(row))
            await connection.close()
            return found

        watching = [asyncio.create_task(watch()) for _ in range(3)]
        async with asyncpg.create_pool(world.urls.service, min_size=1, max_size=4) as pool:
            for _ in range(5):
                await rebuild(pool, PROJECTIONS)
        over.set()

        assert len(set().union(*await asyncio.gather(*watching))) == 1
