"""A log of many years can be cut into ranges of positions without being written anew: here it is, done once.

The table that is there becomes the first range and the next one is made beside it, while the service is connected.
What changes by it is said in DECISIONS.md, and seen here too.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from events.append import Append, Conflict
from events.log import read, safe_position
from projections import current_budget
from projections.rebuild import rebuild
from service import verify
from tests.conftest import Urls
from tests.deciders.stories import ART, LINE_PRODUCER, LOCKED, spend
from tests.events.logbook import named, sent
from tests.handling.conftest import Opens
from tests.handling.office import STREAM, Office

#: While everybody writes: the promise that the first range ends here, far enough ahead, and the look that it is so.
PROMISE = (
    "ALTER TABLE events ADD CONSTRAINT events_1_range CHECK (position >= 0 AND position < {end}) NOT VALID",
    "ALTER TABLE events VALIDATE CONSTRAINT events_1_range",
)
#: In one transaction, for a moment in which nobody writes.
ATTACH = (
    "ALTER TABLE events RENAME TO events_1",
    # The parent has its triggers cloned to every range; its own of the same name must go first.
    "DROP TRIGGER events_stay ON events_1",
    "CREATE TABLE events (LIKE events_1 INCLUDING DEFAULTS, CONSTRAINT events_link_is_sha256"
    " CHECK (octet_length(link) = 32)) PARTITION BY RANGE (position)",
    # Only what contains the position can be unique in all ranges; each range keeps its other keys for itself.
    "ALTER TABLE events ADD CONSTRAINT events_all_position_key UNIQUE (position)",
    "ALTER TABLE events ATTACH PARTITION events_1 FOR VALUES FROM (0) TO ({end})",
    "CREATE TABLE events_2 PARTITION OF events (PRIMARY KEY (stream_id, version), UNIQUE (event_id))"
    " FOR VALUES FROM ({end}) TO (MAXVALUE)",
    "CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "ALTER TABLE events ENABLE ALWAYS TRIGGER events_stay",
    # What is asked once a statement is not cloned.
    *(
        statement
        for table in ("events", "events_2")
        for statement in (
            f"CREATE TRIGGER events_remain BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER events_remain",
        )
    ),
    "GRANT SELECT ON events TO greenlight_service",
)
FILES = (
    "SELECT c.relfilenode FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid"
    " WHERE 'public.{table}'::regclass IN (c.oid, i.indrelid) ORDER BY 1"
)


@pytest.fixture
async def owner(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


async def attached(owner: asyncpg.Connection) -> list[str]:
    """Cut the log a few positions from here; what PostgreSQL told while it did."""
    end, told = 4 + await owner.fetchval("SELECT max(position) FROM events"), list[str]()
    owner.add_log_listener(lambda _, message: told.append(message.message))
    for statement in PROMISE:
        await owner.execute(statement.format(end=end))
    await owner.execute("SET client_min_messages = debug1")
    async with owner.transaction():
        for statement in ATTACH:
            await owner.execute(statement.format(end=end))
    return told


@pytest.fixture
async def cut(office: Office, owner: asyncpg.Connection) -> Office:
    """A process that was at work before the cut and is so after it, with facts on both sides."""
    await office.play(LOCKED)
    await attached(owner)
    for n in range(8):
        await office.send(LINE_PRODUCER, spend(ART, "10", f"KS-{n}"), f"entry-{n}")
    return office


async def test_the_table_that_is_there_becomes_a_range_without_being_written_or_read(
    office: Office, owner: asyncpg.Connection
) -> None:
    await office.play(LOCKED)
    before = await owner.fetch(FILES.format(table="events"))
    told = await attached(owner)

    assert len(before) == 5  # the table and its four indexes
    assert await owner.fetch(FILES.format(table="events_1")) == before
    assert 'partition constraint for table "events_1" is implied by existing constraints' in told


class TestAfterTheCut:
    async def test_facts_go_on_in_the_next_range(self, cut: Office, owner: asyncpg.Connection) -> None:
        versions = [each.version for each in await cut.log.read_stream(STREAM)]

        assert versions == list(range(1, len(versions) + 1))
        assert await owner.fetchval("SELECT count(*) FROM events_2 WHERE stream_id = $1", STREAM) == 5

    async def test_replays_and_conflicts_are_what_they_were(self, cut: Office) -> None:
        answer = await cut.send(LINE_PRODUCER, spend(ART, "10", "KS-0"), "entry-0")
        head = (await cut.log.heads(STREAM))[STREAM]
        behind = type(head)(head.version - 1, await cut.log.link_at(STREAM, head.version - 1), head.position - 1)
        [outcome] = await cut.log.append(Append(STREAM, behind, (sent("late", *named("x")),)))

        assert answer.replayed
        assert outcome == Conflict(head.version)

    async def test_the_whole_log_is_read_in_order_across_the_cut(self, cut: Office) -> None:
        positions, reached = [], 0
        async with cut.pool.acquire() as connection:
            up_to = await safe_position(connection)
            while reached < up_to:
                page = await read(connection, reached, up_to, 7)
                positions += [each.position for each in page.events]
                reached = page.reached
            assert positions == sorted({*positions})
            assert len(positions) == await connection.fetchval("SELECT count(*) FROM events")

    async def test_states_read_models_and_the_chain_are_whole(self, cut: Office, open_office: Opens) -> None:
        fresh = await open_office()
        assert await fresh.handling.production(STREAM) == await cut.handling.production(STREAM)
        assert (await rebuild(cut.pool, [current_budget.PROJECTION])).events > 8
        async with cut.pool.acquire() as connection:
            assert [each.broken async for each in verify.verify(connection)] == [None, None]

    async def test_facts_stay_in_every_range(self, cut: Office, owner: asyncpg.Connection, urls: Urls) -> None:
        admin = await asyncpg.connect(urls.admin)
        await admin.execute("SET session_replication_role = replica")
        for table in ("events", "events_1", "events_2"):
            for act in (f"UPDATE {table} SET type = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
                for somebody in (owner, admin):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="facts are only ever added"):
                        await somebody.execute(act)
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await cut.pool.execute(act)
        await admin.close()

    async def test_pages_by_position_leave_other_ranges_alone(self, cut: Office, owner: asyncpg.Connection) -> None:
        end = await owner.fetchval("SELECT min(position) FROM events_2")
        plan = await owner.fetch(f"EXPLAIN SELECT * FROM events WHERE position > {end} ORDER BY position LIMIT 7")

        assert "events_1" not in str(plan)

    async def test_a_version_is_unique_in_its_range_and_by_its_head_alone_in_all(
        self, cut: Office, owner: asyncpg.Connection
    ) -> None:
        again = (
            "INSERT INTO events (position, stream_id, version, event_id, type, schema_version, payload, metadata, link)"
            " SELECT $3::bigint, stream_id, version, gen_random_uuid(), type, schema_version, payload, metadata, link"
            " FROM events WHERE stream_id = $1 AND version = $2"
        )
        head = (await cut.log.heads(STREAM))[STREAM]
        for version, position, key in (
            (head.version, head.position + 1, "events_2_pkey"),
            (1, head.position, "events_2_position_key"),
        ):
            with pytest.raises(asyncpg.UniqueViolationError, match=key):
                await owner.execute(again, STREAM, version, position)

        await owner.execute(again, STREAM, 1, head.position + 1)  # nothing but `append` stands against it
        async with cut.pool.acquire() as connection:
            verdicts = {each.stream_id: each.broken async for each in verify.verify(connection)}
        assert "ProductionOpened" in (verdicts[STREAM] or "")
