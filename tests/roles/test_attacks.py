"""What each role may do to the log, to what is made of it, and to the others: every cell is tried."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service import verify
from tests.events.logbook import stored
from tests.roles.conftest import World

ROLES = ("service", "projector", "reader", "auditor", "migrator", "superuser")

#: Values for every column of an event, the position last.
FORGED = (
    "('acme', 99, gen_random_uuid(), 'CompanyFounded', 1, '{\"name\":\"x\"}', '{}', decode(repeat('00', 32), 'hex'), "
)
COLUMNS = "(stream_id, version, event_id, type, schema_version, payload, metadata, link, position)"
INSERT = f"INSERT INTO public.events {COLUMNS} VALUES {FORGED}"
NOTHING = ", ".join(["'{}'"] * 22)

# denied   no right to it
# trigger  a right, and the trigger on the table refuses all the same
# found    it happens, and `greenlight verify` names it
# unseen   it happens, and the chain cannot show it: only a link that someone outside holds, or a log of statements
# rows     it happens to rows that a rebuild compares with the log, and makes anew
# may      it happens, and is the role's business or harms nothing that was acknowledged
#
# Migrator stands for the owner too, whose session it is. What is denied to the others and happens here is what roles
# cannot prevent: whoever owns the tables can take the triggers off. To become what one is already is no attack.
MATRIX = """
                                          service   projector reader    auditor   migrator  superuser
edit an event                             denied    denied    denied    denied    trigger   trigger
delete an event                           denied    denied    denied    denied    trigger   trigger
truncate the events                       denied    denied    denied    denied    trigger   trigger
truncate everything                       denied    denied    denied    denied    trigger   trigger
merge into the events                     denied    denied    denied    denied    trigger   trigger
insert by conflict                        denied    denied    denied    denied    trigger   trigger
insert at a forged position               denied    denied    denied    denied    found     found
insert at the next position               denied    denied    denied    denied    found     found
copy into the events                      denied    denied    denied    denied    denied    may
edit as a replica                         denied    denied    denied    denied    denied    trigger
edit with one trigger off                 denied    denied    denied    denied    found     found
edit with all triggers off                denied    denied    denied    denied    found     found
edit with the trigger gone                denied    denied    denied    denied    found     found
edit with the refusal replaced            denied    denied    denied    denied    found     found
change the type of what is hashed         denied    denied    denied    denied    found     found
cut a stream's end and leave its head     denied    denied    denied    denied    found     found
cut a stream's end with its head          denied    denied    denied    denied    unseen    unseen
take a whole stream away                  denied    denied    denied    denied    unseen    unseen
edit a head                               denied    denied    denied    denied    found     found
add a head                                denied    denied    denied    denied    found     found
delete a head                             denied    denied    denied    denied    found     found
edit the ledger                           denied    denied    denied    denied    trigger   trigger
delete from the ledger                    denied    denied    denied    denied    trigger   trigger
truncate the ledger                       denied    denied    denied    denied    trigger   trigger
add to the ledger                         denied    denied    denied    denied    unseen    unseen
draw a position                           denied    denied    denied    denied    may       may
set the positions                         denied    denied    denied    denied    may       may
restart the positions                     denied    denied    denied    denied    may       may
append by the function                    may       denied    denied    denied    may       may
hold a stream                             may       denied    denied    denied    may       may
lock an event                             denied    denied    denied    denied    may       may
lock a head                               denied    denied    denied    denied    may       may
lock out the writers                      denied    denied    denied    denied    may       may
hold the floor of the readers             may       may       denied    denied    may       may
ring a bell for nothing                   may       may       may       may       may       may
listen to the bells                       may       may       may       may       may       may
drop the events                           denied    denied    denied    denied    may       may
replace a function                        denied    denied    denied    denied    may       may
make a table in public                    denied    denied    denied    denied    may       may
make a table beside a rebuild             denied    denied    denied    denied    may       may
make a view for dashboards                denied    denied    denied    denied    may       may
make a schema                             denied    denied    denied    denied    may       may
make a large object                       denied    denied    denied    denied    denied    may
edit a read model                         rows      rows      denied    denied    rows      rows
move a checkpoint                         may       may       denied    denied    may       may
lay a mark                                may       may       denied    denied    may       may
begin a rebuild                           may       may       denied    denied    may       may
read the facts                            may       may       denied    may       may       may
read the names of people                  may       denied    denied    may       may       may
read the hashes of tokens                 may       denied    denied    denied    may       may
read whole tokens                         may       denied    denied    denied    may       may
read passwords                            denied    denied    denied    denied    denied    may
read a file of the server                 denied    denied    denied    denied    denied    may
make a token                              may       denied    denied    denied    may       may
read for another company                  denied    denied    denied    denied    may       may
become the owner                          denied    denied    denied    denied    may       may
become the service                        may       denied    denied    denied    denied    may
become the auditor                        denied    denied    denied    may       denied    may
become a superuser                        denied    denied    denied    denied    denied    may
log in as somebody else by session        denied    denied    denied    may       denied    may
give oneself the owner's rights           denied    denied    denied    denied    denied    may
make oneself more                         denied    denied    denied    denied    denied    may
make a login                              denied    denied    denied    denied    may       may
"""

TRIGGERS = "ALTER TABLE public.events DISABLE TRIGGER"
EDIT = "UPDATE public.events SET payload = '{}' WHERE stream_id = 'acme' AND version = 1"

STATEMENTS = {
    "edit an event": EDIT,
    "delete an event": "DELETE FROM public.events",
    "truncate the events": "TRUNCATE public.events",
    "truncate everything": "TRUNCATE public.streams, public.events, public.commands CASCADE",
    "merge into the events": (
        "MERGE INTO public.events e USING public.streams s ON e.stream_id = s.stream_id WHEN MATCHED THEN DELETE"
    ),
    "insert by conflict": (
        f"{INSERT.replace('99', '1')} 9999) ON CONFLICT (stream_id, version) DO UPDATE SET payload = '{{}}'"
    ),
    "insert at a forged position": f"{INSERT} 9999)",
    "insert at the next position": f"{INSERT} nextval('public.events_position'))",
    "copy into the events": "COPY public.events FROM PROGRAM 'true'",
    "edit as a replica": f"SET LOCAL session_replication_role = replica; {EDIT}",
    "edit with one trigger off": f"{TRIGGERS} events_stay; {EDIT}; {TRIGGERS.replace('DISABLE', 'ENABLE')} events_stay",
    "edit with all triggers off": f"{TRIGGERS} ALL; {EDIT}; {TRIGGERS.replace('DISABLE', 'ENABLE')} ALL",
    "edit with the trigger gone": f"DROP TRIGGER events_stay ON public.events; {EDIT}",
    "edit with the refusal replaced": (
        "CREATE OR REPLACE FUNCTION public.refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        f" 'BEGIN RETURN NEW; END'; {EDIT}"
    ),
    "change the type of what is hashed": (
        "ALTER TABLE public.events ALTER payload TYPE json USING (payload::jsonb || '{\"a\":1}')::json"
    ),
    "cut a stream's end and leave its head": (
        f"{TRIGGERS} ALL; DELETE FROM public.events e USING public.streams s"
        " WHERE e.stream_id = s.stream_id AND e.version = s.version"
    ),
    "cut a stream's end with its head": (
        f"{TRIGGERS} ALL; DELETE FROM public.events WHERE stream_id = 'acme' AND version > 1; UPDATE public.streams s"
        " SET version = 1, link = (SELECT link FROM public.events e WHERE e.stream_id = s.stream_id AND version = 1)"
        " WHERE stream_id = 'acme'"
    ),
    "take a whole stream away": (
        f"{TRIGGERS} ALL; DELETE FROM public.events WHERE stream_id = 'acme';"
        " DELETE FROM public.streams WHERE stream_id = 'acme'"
    ),
    "edit a head": "UPDATE public.streams SET version = version - 1",
    "add a head": "INSERT INTO public.streams VALUES ('x', 1, ''::bytea)",
    "delete a head": "DELETE FROM public.streams",
    "edit the ledger": "UPDATE public.commands SET fingerprint = ''::bytea",
    "delete from the ledger": "DELETE FROM public.commands",
    "truncate the ledger": "TRUNCATE public.commands",
    "add to the ledger": (
        "INSERT INTO public.commands VALUES ('acme/maya', 'z', ''::bytea, gen_random_uuid(), 'acme', 1, 1, 1)"
    ),
    "draw a position": "SELECT nextval('public.events_position')",
    "set the positions": "SELECT setval('public.events_position', (SELECT last_value FROM public.events_position))",
    "restart the positions": "ALTER SEQUENCE public.events_position RESTART",
    "append by the function": f"SELECT public.append({NOTHING})",
    "hold a stream": "SELECT public.hold('acme')",
    "lock an event": "SELECT FROM public.events FOR UPDATE",
    "lock a head": "SELECT FROM public.streams FOR UPDATE",
    "lock out the writers": "LOCK TABLE public.events IN EXCLUSIVE MODE",
    "hold the floor of the readers": "SELECT pg_advisory_xact_lock(18252::bigint << 48)",
    "ring a bell for nothing": "NOTIFY greenlight_appended",
    "listen to the bells": "LISTEN greenlight_appended",
    "drop the events": "DROP TABLE public.events",
    "replace a function": (
        "CREATE OR REPLACE FUNCTION public.reading_company() RETURNS text LANGUAGE sql AS 'SELECT $$rival$$'"
    ),
    "make a table in public": "CREATE TABLE public.mine (a int)",
    "make a table beside a rebuild": "CREATE TABLE rebuilding.mine (a int)",
    "make a view for dashboards": "CREATE VIEW bi.mine AS SELECT 1 AS one",
    "make a schema": "CREATE SCHEMA mine",
    "make a large object": "SELECT lo_from_bytea(0, 'x')",
    "edit a read model": "UPDATE public.current_budget_spent SET spent = 0",
    "move a checkpoint": "UPDATE public.checkpoints SET position = 0",
    "lay a mark": "INSERT INTO public.marks VALUES ('flags', 'acme/x', 1, 1, '', '[]')",
    "begin a rebuild": "SELECT public.begin_rebuild('{flags}')",
    "read the facts": "SELECT payload FROM public.events",
    "read the names of people": "SELECT name FROM public.people",
    "read the hashes of tokens": "SELECT secret_hash FROM public.tokens",
    "read whole tokens": "SELECT t FROM public.tokens t",
    "read passwords": "SELECT rolpassword FROM pg_authid",
    "read a file of the server": "SELECT pg_read_file('PG_VERSION')",
    "make a token": "INSERT INTO public.tokens VALUES ('T-1', '', 'acme', 'maya', now(), now() + interval '1 day')",
    "read for another company": "UPDATE public.readers SET company = 'rival'",
    "become the owner": "SET ROLE greenlight_owner",
    "become the service": "SET ROLE greenlight_service",
    "become the auditor": "SET ROLE greenlight_auditor",
    "become a superuser": "SET ROLE postgres",
    "log in as somebody else by session": "SET SESSION AUTHORIZATION greenlight_auditor",
    "give oneself the owner's rights": "GRANT greenlight_owner TO SESSION_USER",
    "make oneself more": "ALTER ROLE SESSION_USER BYPASSRLS",
    "make a login": "CREATE ROLE mine LOGIN",
}


def cells() -> dict[tuple[str, str], str]:
    """What is to happen, by attack and role."""
    found = {}
    for line in MATRIX.strip("\n").splitlines()[1:]:
        *words, service, projector, reader, auditor, migrator, superuser = line.split()
        for role, verdict in zip(ROLES, (service, projector, reader, auditor, migrator, superuser), strict=True):
            found[" ".join(words), role] = verdict
    return found


def test_every_attack_has_its_row() -> None:
    assert [attack for attack, role in cells() if role == "service"] == list(STATEMENTS)


@pytest.fixture(scope="module")
async def before(world: World) -> AsyncIterator[list[object]]:
    """The log as it is before all attacks, and after them."""
    admin = await asyncpg.connect(world.urls.admin)
    tables = ("events", "streams", "commands", "checkpoints", "tokens", "readers", "current_budget_spent")
    found = [await stored(admin, table) for table in tables]
    yield found
    assert [await stored(admin, table) for table in tables] == found
    await admin.close()


async def tried(connection: asyncpg.Connection, statement: str) -> str:
    """What an attack comes to; nothing of it stays."""
    # A session may lift its own limits, so they stop no attack.
    await connection.execute("SET default_transaction_read_only = off")
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(statement)
        broken = [verdict.broken async for verdict in verify.verify(connection)] if chained(statement) else []
    except asyncpg.InsufficientPrivilegeError as error:
        return "trigger" if "facts are only ever added" in str(error) else "denied"
    finally:
        await transaction.rollback()
        await connection.execute("RESET ROLE; RESET SESSION AUTHORIZATION")
    return "found" if any(broken) else "happened"


def chained(statement: str) -> bool:
    """Whether it changes what the chain is of."""
    return any(f"{act} public.{of}" in statement for act in ACTS for of in ("events", "streams", "commands"))


ACTS = ("UPDATE", "DELETE FROM", "INSERT INTO", "ALTER TABLE")


@pytest.mark.parametrize(("attack", "role"), cells(), ids=lambda value: value.replace(" ", "-"))
async def test_comes_to_what_the_table_says(world: World, before: object, attack: str, role: str) -> None:
    connection = await asyncpg.connect(world.of(role))
    try:
        outcome = await tried(connection, STATEMENTS[attack])
    finally:
        await connection.close()

    expected = cells()[attack, role]
    assert outcome == ("happened" if expected in ("unseen", "rows", "may") else expected)


class TestTheTriggers:
    async def test_on_facts_fire_always_and_for_rows_and_tables(self, admin: asyncpg.Connection) -> None:
        found = await admin.fetch(
            "SELECT tgrelid::regclass::text AS of, tgname AS name FROM pg_trigger WHERE tgenabled = 'A' ORDER BY 1, 2"
        )

        assert [tuple(row) for row in found] == [
            ("commands", "commands_remain"),
            ("commands", "commands_stay"),
            ("events", "events_remain"),
            ("events", "events_stay"),
            ("kept_documents", "kept_documents_remain"),
            ("kept_documents", "kept_documents_stay"),
        ]


class TestFunctionsThatRunAsTheOwner:
    async def test_name_their_schemas_the_sessions_own_one_last(self, admin: asyncpg.Connection) -> None:
        loose = await admin.fetch(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
            " AND NOT 'search_path=public, pg_temp' = ANY(coalesce(proconfig, '{}'))"
        )
        owners = await admin.fetchval(
            "SELECT array_agg(DISTINCT proowner::regrole::text) FROM pg_proc WHERE prosecdef"
            " AND pronamespace = 'public'::regnamespace"
        )

        assert (loose, owners) == ([], ["greenlight_owner"])

    @pytest.mark.parametrize(
        ("role", "call", "table"),
        [
            ("service", "SELECT public.safe_position()", "events_position"),
            ("service", f"SELECT status FROM public.append({NOTHING})", "commands"),
            ("service", "SELECT public.hold('acme')", "streams"),
            ("projector", "SELECT public.safe_position()", "events_position"),
            ("projector", "SELECT public.begin_rebuild('{flags}')", "flags"),
            ("reader", "SELECT count(*) FROM bi.spend_lines", "spend_register_lines"),
            ("reader", "SELECT production FROM bi.productions", "readers"),
        ],
    )
    async def test_do_not_look_where_the_caller_says(self, world: World, role: str, call: str, table: str) -> None:
        connection = await asyncpg.connect(world.of(role))
        await connection.execute("SET default_transaction_read_only = off")
        transaction = connection.transaction()
        await transaction.start()
        straight = await connection.fetch(call)
        await transaction.rollback()

        async with connection.transaction():
            await connection.execute(f"CREATE TEMP TABLE {table} (login text, company text, stream_id text)")
            await connection.execute(f"INSERT INTO {table} VALUES (session_user, 'rival', 'rival/the-heist')")
            await connection.execute("SET LOCAL search_path = pg_temp, bi, public")
            poisoned = await connection.fetch(call)
            await connection.execute("SET LOCAL search_path = bi, public")
            await connection.execute(f"DROP TABLE pg_temp.{table}")
            if "begin_rebuild" in call:
                await connection.execute("SELECT public.begin_rebuild('{}')")
        await connection.close()

        assert poisoned == straight


class TestLimits:
    @pytest.mark.parametrize(
        ("role", "limits"),
        [
            ("service", {"statement": "1min", "lock": "10s", "idle_in_transaction_session": "10s"}),
            ("projector", {"statement": "1min", "lock": "10s", "idle_in_transaction_session": "10s"}),
            ("reader", {"statement": "30s", "lock": "5s", "idle_in_transaction_session": "30s", "transaction": "2min"}),
            ("auditor", {"statement": "10min", "lock": "5s", "transaction": "30min"}),
            ("migrator", {"statement": "0", "lock": "5s", "idle_in_transaction_session": "1min", "transaction": "0"}),
        ],
    )
    async def test_come_with_the_login(self, world: World, role: str, limits: dict[str, str]) -> None:
        connection = await asyncpg.connect(world.of(role))
        found = {name: await connection.fetchval(f"SHOW {name}_timeout") for name in limits}
        await connection.close()

        assert found == limits

    @pytest.mark.parametrize("role", ["reader", "auditor"])
    async def test_who_only_looks_writes_nothing_by_mistake(self, world: World, role: str) -> None:
        connection = await asyncpg.connect(world.of(role))
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("CREATE TEMP TABLE mine (a int)")
        await connection.close()

    async def test_a_reader_has_so_many_connections_and_no_more(self, world: World) -> None:
        opened = await asyncio.gather(*(asyncpg.connect(world.rival) for _ in range(10)))
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await asyncpg.connect(world.rival)
        await asyncio.gather(*(each.close() for each in opened))
