from collections.abc import AsyncIterator

import asyncpg
import pytest

from events.log import Log
from service.embedded import Server
from tests.conftest import Urls, fresh
from tests.events.logbook import begun, stored

#: Values for every column of an event, the position last.
FORGED = "('acme', 9, gen_random_uuid(), 'CompanyFounded', 1, '{\"name\":\"x\"}', '{}', ''::bytea, 999)"
COLUMNS = "(stream_id, version, event_id, type, schema_version, payload, metadata, link, position)"
INTO_COMMANDS = "INSERT INTO commands VALUES ('acme/maya', 'z', ''::bytea, gen_random_uuid(), 'acme', 1, 1, 1)"

AS_THE_SERVICE = {
    "edit an event": "UPDATE events SET payload = '{}'",
    "delete an event": "DELETE FROM events",
    "truncate the events": "TRUNCATE events",
    "truncate everything": "TRUNCATE events, commands, streams CASCADE",
    "merge into the events": (
        "MERGE INTO events USING streams s ON events.stream_id = s.stream_id WHEN MATCHED THEN DELETE"
    ),
    "insert an event": f"INSERT INTO events {COLUMNS} VALUES {FORGED}",
    "insert an event and draw its position": (
        f"INSERT INTO events {COLUMNS} VALUES {FORGED.replace('999', 'nextval($$events_position$$)')}"
    ),
    "insert by conflict": (
        f"INSERT INTO events {COLUMNS} VALUES {FORGED} ON CONFLICT (position) DO UPDATE SET payload = '{{}}'"
    ),
    "copy into the events": "COPY events FROM PROGRAM 'true'",
    "draw a position": "SELECT nextval('events_position')",
    "set the positions": "SELECT setval('events_position', 1)",
    "restart the positions": "ALTER SEQUENCE events_position RESTART",
    "drop the trigger": "DROP TRIGGER events_stay ON events",
    "disable the triggers": "ALTER TABLE events DISABLE TRIGGER ALL",
    "disable one trigger": "ALTER TABLE events DISABLE TRIGGER events_stay",
    "change a column": "ALTER TABLE events ALTER COLUMN payload TYPE text",
    "drop the events": "DROP TABLE events",
    "claim to be a replica": "SET session_replication_role = replica",
    "make a table": "CREATE TABLE public.mine (a int)",
    "make a schema": "CREATE SCHEMA mine",
    "replace the append": (
        "CREATE OR REPLACE FUNCTION safe_position() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'"
    ),
    "edit a head": "UPDATE streams SET version = 0",
    "add a head": "INSERT INTO streams VALUES ('x', 1, ''::bytea)",
    "delete a head": "DELETE FROM streams",
    "edit the ledger": "UPDATE commands SET fingerprint = ''::bytea",
    "add to the ledger": INTO_COMMANDS,
    "delete from the ledger": "DELETE FROM commands",
    "lock out the writers": "DO $$BEGIN LOCK TABLE events IN EXCLUSIVE MODE; END$$",
    "lock a head": "SELECT FROM streams FOR UPDATE",
    "become the owner": "SET ROLE greenlight_owner",
}
AS_THE_OWNER = [
    f"{act} {table}{change}"
    for table in ("events", "commands")
    for act, change in (
        ("UPDATE", " SET stream_id = 'x'"),
        ("DELETE FROM", ""),
        ("TRUNCATE", ""),
        ("TRUNCATE streams,", ""),
    )
]


@pytest.fixture(scope="module")
async def urls(server: Server) -> AsyncIterator[Urls]:
    """One database for all: nothing here may change it."""
    async with fresh(server) as made:
        async with asyncpg.create_pool(made.service, min_size=1, max_size=1) as pool:
            await begun(Log(pool), "acme", "a", "b")
        yield made


@pytest.fixture
async def written(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """A log with facts in it, as the superuser sees it; unchanged when the test is over."""
    admin = await asyncpg.connect(urls.admin)
    before = [await stored(admin, table) for table in ("events", "streams", "commands")]

    yield admin

    after = [await stored(admin, table) for table in ("events", "streams", "commands")]
    await admin.close()
    assert after == before
    assert before[0] != []


class TestTheServicesRole:
    @pytest.mark.parametrize("statement", AS_THE_SERVICE.values(), ids=AS_THE_SERVICE)
    async def test_may_not(self, statement: str, written: asyncpg.Connection, urls: Urls) -> None:
        service = await asyncpg.connect(urls.service)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(statement)
        finally:
            await service.close()

    async def test_is_no_more_than_a_login(self, written: asyncpg.Connection) -> None:
        row = await written.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'greenlight_service'")

        assert row is not None
        assert [row[f"rol{may}"] for may in ("super", "createrole", "createdb", "replication", "bypassrls")] == [
            False
        ] * 5
        assert not await written.fetchval(
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
            " WHERE r.rolname = 'greenlight_service'"
        )


class TestTheOwnersRole:
    @pytest.mark.parametrize("statement", AS_THE_OWNER)
    async def test_may_not_change_a_fact_either(self, statement: str, written: asyncpg.Connection, urls: Urls) -> None:
        owner = await asyncpg.connect(urls.owner)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="facts are only ever added"):
                await owner.execute(statement)
        finally:
            await owner.close()

    async def test_may_not_even_when_a_superuser_claims_to_be_a_replica(self, written: asyncpg.Connection) -> None:
        async with written.transaction():
            await written.execute("SET LOCAL session_replication_role = replica")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="facts are only ever added"):
                async with written.transaction():
                    await written.execute("UPDATE events SET payload = '{}'")
