import asyncio
from dataclasses import replace
from itertools import pairwise

import asyncpg
import pytest

from events.append import GENESIS_HEAD, Append, Appended, Conflict, Head, Known, Outcome, Withheld
from events.chain import GENESIS, link
from events.envelope import CannotTake
from events.group_commit import OutcomeUnknown
from events.log import Log, read, safe_position
from tests.conftest import Urls
from tests.events.locks import blocked, terminated
from tests.events.logbook import NOOR, Alone, again, appended, begun, named, sent, stored

Pool = asyncpg.Pool


async def names(log: Log, stream_id: str) -> list[str]:
    return [recorded.event.name for recorded in await log.read_stream(stream_id)]  # type: ignore[union-attr]


class TestAppend:
    async def test_to_a_new_stream_begins_at_version_1(self, log: Log) -> None:
        outcome = await appended(log, "acme", GENESIS_HEAD, sent("k", *named("a", "b")))

        [entry] = outcome.entries
        assert (entry.first_version, entry.last_version) == (1, 2)
        assert (outcome.head.version, outcome.head.position) == (2, entry.position)
        assert await log.heads("acme", "nobody") == {"acme": outcome.head}
        assert await names(log, "acme") == ["a", "b"]

    async def test_at_the_expected_version_goes_on_from_there(self, log: Log) -> None:
        head = await begun(log, "acme", "a", "b")

        outcome = await appended(log, "acme", head, sent("k1", *named("c")), sent("k2", *named("d", "e")))

        assert [(e.first_version, e.last_version) for e in outcome.entries] == [(3, 3), (4, 5)]
        assert await names(log, "acme") == ["a", "b", "c", "d", "e"]

    @pytest.mark.parametrize("seen", [0, 1, 3])
    async def test_at_another_version_is_a_conflict_that_names_the_actual_one(
        self, log: Log, pool: Pool, seen: int
    ) -> None:
        await begun(log, "acme", "a", "b")
        before = await stored(pool)

        outcomes = await log.append(Append("acme", Head(seen, bytes(32), 0), (sent("k", *named("x")),)))

        assert outcomes == [Conflict(2)]
        assert await stored(pool) == before
        assert await log.known("acme/maya", "k") is None

    async def test_to_a_stream_that_does_not_exist_conflicts_with_version_0(self, log: Log) -> None:
        outcomes = await log.append(Append("acme", Head(4, bytes(32), 9), (sent("k", *named("x")),)))

        assert outcomes == [Conflict(0)]
        assert await log.heads("acme") == {}

    async def test_to_several_streams_happens_for_all_of_them(self, log: Log) -> None:
        old = await begun(log, "b", "old")

        outcomes = await log.append(
            Append("c", GENESIS_HEAD, (sent("kc", *named("c1", "c2")), sent("kc2", *named("c3")))),
            Append("b", old, (sent("kb", *named("b1")),)),
        )

        assert [type(outcome) for outcome in outcomes] == [Appended, Appended]
        assert await log.heads("b", "c") == {
            "b": outcomes[1].head,  # type: ignore[union-attr]
            "c": outcomes[0].head,  # type: ignore[union-attr]
        }
        assert [await names(log, stream) for stream in "bc"] == [["old", "b1"], ["c1", "c2", "c3"]]

    async def test_to_several_streams_happens_for_none_when_one_is_in_conflict(self, log: Log, pool: Pool) -> None:
        old, other = await begun(log, "b", "old"), await begun(log, "d", "other")
        before = [await stored(pool, table) for table in ("streams", "events", "commands")]

        outcomes = await log.append(
            Append("c", GENESIS_HEAD, (sent("kc", *named("c1")),)),
            Append("b", GENESIS_HEAD, (sent("kb", *named("b1")),)),
            Append("d", other, (sent("kd", *named("d1")), sent("kd2"))),
        )

        assert outcomes == [Withheld(), Conflict(1), Withheld()]
        assert [await stored(pool, table) for table in ("streams", "events", "commands")] == before
        assert await log.heads("b", "c", "d") == {"b": old, "d": other}

    async def test_of_many_at_once_is_nothing_to_those_that_fail(self, log: Log, pool: Pool) -> None:
        """In one call: units that conflict, that are known, that are half known, and that nothing is wrong with."""
        old = await begun(log, "b", "old")
        known = sent("known", *named("k"))
        await appended(log, "known", GENESIS_HEAD, known)
        bad = replace(old, version=9)

        told = await asyncio.gather(
            *(
                log.append(*unit)
                for unit in (
                    [Append("b", bad, (sent("k1", *named("x")),))],
                    [Append("n1", GENESIS_HEAD, (sent("k2", *named("x")),))],
                    [Append("n2", GENESIS_HEAD, (sent("k3", *named("x")), again(known)))],
                    [Append("n3", GENESIS_HEAD, (sent("k4"),)), Append("n4", GENESIS_HEAD, (again(known),))],
                    [Append("n5", GENESIS_HEAD, (sent("k5", *named("y")), sent("k6"), sent("k7", *named("z", "z"))))],
                )
            )
        )

        assert [[type(outcome).__name__ for outcome in unit] for unit in told] == [
            ["Conflict"],
            ["Appended"],
            ["Known"],
            ["Withheld", "Known"],
            ["Appended"],
        ]
        assert {*await log.heads("b", "n1", "n2", "n3", "n4", "n5")} == {"b", "n1", "n5"}
        assert await names(log, "n5") == ["y", "z", "z"]
        [five] = told[4]
        assert isinstance(five, Appended)
        assert [(e.first_version, e.last_version) for e in five.entries] == [(1, 1), (2, 1), (2, 3)]
        assert five.entries[1].position == five.entries[0].position < five.entries[2].position
        for entry in five.entries:
            ledger = await pool.fetchval("SELECT position FROM commands WHERE command_id = $1", entry.command_id)
            assert ledger == entry.position

    async def test_to_one_stream_by_several_at_once_is_taken_in_turn(self, log: Log) -> None:
        head = await begun(log, "acme")
        first, second = (Append("acme", head, (sent(f"k{n}", *named(f"n{n}")),)) for n in range(2))

        [one], [two], [three] = await asyncio.gather(
            log.append(first), log.append(second), log.append(Append("beta", GENESIS_HEAD, (sent("kb", *named("b")),)))
        )

        assert (type(one), two, type(three)) == (Appended, Conflict(2), Appended)

    async def test_that_cannot_be_written_fails_alone(self, log: Log) -> None:
        command = sent("twice", *named("a"))
        await appended(log, "acme", GENESIS_HEAD, command)
        same_event = replace(command, key="other")

        one, two = await asyncio.gather(
            log.append(Append("beta", GENESIS_HEAD, (same_event,))),
            log.append(Append("gamma", GENESIS_HEAD, (sent("fine", *named("g")),))),
            return_exceptions=True,
        )

        assert isinstance(one, asyncpg.UniqueViolationError)
        assert isinstance(two, list)
        assert isinstance(two[0], Appended)

    async def test_of_racing_writers_happens_once_for_each_version(self, log: Log) -> None:
        head = await begun(log, "acme")
        outcomes = await asyncio.gather(
            *(log.append(Append("acme", head, (sent(f"k{n}", *named(f"n{n}")),))) for n in range(20))
        )

        assert [type(o) for [o] in outcomes].count(Appended) == 1
        assert [o for [o] in outcomes if isinstance(o, Conflict)] == [Conflict(2)] * 19

    async def test_of_two_streams_in_opposite_orders_never_waits_in_a_circle(self, log: Log) -> None:
        async def write(place: int) -> None:
            order = ("a", "b") if place % 2 else ("b", "a")
            for turn in range(6):
                heads = await log.heads(*order)
                await log.append(
                    *(Append(s, heads.get(s, GENESIS_HEAD), (sent(f"{place}-{turn}-{s}", *named("x")),)) for s in order)
                )

        await asyncio.gather(*(write(place) for place in range(8)))

    async def test_leaves_no_hole_between_versions_and_links_them_all(self, log: Log, pool: Pool) -> None:
        async def write(place: int) -> None:
            for turn in range(6):
                while True:
                    head = (await log.heads("acme")).get("acme", GENESIS_HEAD)
                    commands = (sent(f"{place}-{turn}", *named("x", "y")), sent(f"{place}-{turn}b", *named("z")))
                    [outcome] = await log.append(Append("acme", head, commands))
                    if isinstance(outcome, Appended):
                        break

        await asyncio.gather(*(write(place) for place in range(4)))

        rows = await pool.fetch("SELECT * FROM events ORDER BY version")
        assert [row["version"] for row in rows] == list(range(1, 4 * 6 * 3 + 1))
        assert all(one["position"] < next_["position"] for one, next_ in pairwise(rows))
        previous = GENESIS
        for row in rows:
            previous = link(
                previous,
                *(row[c] if c != "event_id" else str(row[c]) for c in ("stream_id", "version", "event_id")),
                *(row[column] for column in ("type", "schema_version", "payload", "metadata")),
            )
            assert row["link"] == previous
        assert (await log.heads("acme"))["acme"].link == previous
        assert await log.link_at("acme", 72) == previous

    async def test_under_repeatable_read_is_refused(self, urls: Urls) -> None:
        connection = await asyncpg.connect(urls.service)
        try:
            for isolation in ("repeatable_read", "serializable"):
                with pytest.raises(asyncpg.RaiseError, match="READ COMMITTED"):
                    async with connection.transaction(isolation=isolation):  # type: ignore[arg-type]
                        await Log(Alone(connection)).append(Append("acme", GENESIS_HEAD, (sent("k", *named("x")),)))
        finally:
            await connection.close()

    async def test_that_loses_its_connection_has_an_unknown_outcome(self, log: Log, urls: Urls) -> None:
        head = await begun(log, "acme")
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("SELECT FROM streams WHERE stream_id = 'acme' FOR UPDATE")
            waiting = asyncio.create_task(log.append(Append("acme", head, (sent("k", *named("x")),))))
            await terminated(admin)
            with pytest.raises(OutcomeUnknown):
                await waiting
        await admin.close()

        assert await log.known("acme/maya", "k") is None
        await appended(log, "acme", head, sent("k", *named("x")))


class TestHolding:
    async def test_keeps_everyone_else_waiting_until_what_was_appended_is_durable(self, log: Log, urls: Urls) -> None:
        old = await begun(log, "acme", "old")
        admin = await asyncpg.connect(urls.admin)
        async with log.holding("acme") as append:
            rival = asyncio.create_task(log.append(Append("acme", old, (sent("rival", *named("rival")),))))
            await blocked(admin)
            assert isinstance(await append(Append("acme", old, (sent("ours", *named("ours")),))), Appended)
            assert await names(log, "acme") == ["old"]
        await admin.close()

        assert await rival == [Conflict(2)]
        assert await names(log, "acme") == ["old", "ours"]

    async def test_of_who_loses_the_connection_leaves_the_outcome_unknown(self, log: Log, urls: Urls) -> None:
        old = await begun(log, "acme", "old")
        admin = await asyncpg.connect(urls.admin)

        async def cut_off() -> None:
            async with log.holding("acme") as append:
                await append(Append("acme", old, (sent("ours", *named("ours")),)))
                await admin.fetchval(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE state = 'idle in transaction' AND datname = current_database()"
                )

        with pytest.raises(OutcomeUnknown):
            await cut_off()
        await admin.close()

        assert await names(log, "acme") == ["old"]

    async def test_of_who_stands_still_ends(self, log: Log) -> None:
        old = await begun(log, "acme", "old")

        with pytest.raises(OutcomeUnknown):
            async with log.holding("acme"):
                await log.append(Append("acme", old, (sent("rival", *named("rival")),)))  # waits until the holder ends

        assert await names(log, "acme") == ["old", "rival"]

    async def test_of_a_key_that_another_stream_takes_leaves_the_outcome_unknown(self, log: Log, urls: Urls) -> None:
        acme, other = await begun(log, "acme"), await begun(log, "other")
        admin, rival = await asyncpg.connect(urls.admin), await asyncpg.connect(urls.service)
        async with rival.transaction():
            await Log(Alone(rival)).append(Append("other", other, (sent("key", *named("there")),)))
            racing = asyncio.create_task(held(log, Append("acme", acme, (sent("key", *named("here")),))))
            await blocked(admin)
        with pytest.raises(OutcomeUnknown):
            await racing
        for each in (admin, rival):
            await each.close()

        assert await names(log, "acme") == ["begun"]


async def held(log: Log, append: Append) -> Outcome:
    async with log.holding(append.stream_id) as append_alone:
        return await append_alone(append)


class TestLedger:
    async def test_answers_a_command_it_knows_with_its_first_entry(self, log: Log, pool: Pool) -> None:
        first = sent("k", *named("a"))
        outcome = await appended(log, "acme", GENESIS_HEAD, first)
        before = await stored(pool)

        for head in (GENESIS_HEAD, outcome.head, Head(7, bytes(32), 0)):
            assert await log.append(Append("acme", head, (again(first),))) == [Known({0: outcome.entries[0]})]
        assert await stored(pool) == before
        assert await log.known("acme/maya", "k") == (b"f" * 32, outcome.entries[0])

    async def test_says_so_when_a_key_comes_with_another_request(self, log: Log) -> None:
        head = await begun(log, "acme")
        outcome = await appended(log, "acme", head, sent("k", *named("a")))

        other = sent("k", *named("a"), fingerprint=b"g" * 32)

        assert await log.append(Append("acme", outcome.head, (other,))) == [Known({0: None})]

    async def test_keeps_the_same_key_of_two_people_apart(self, log: Log) -> None:
        one = await appended(log, "acme", GENESIS_HEAD, sent("k", *named("a")))

        await appended(log, "acme", one.head, sent("k", *named("b"), principal=NOOR))

        assert await names(log, "acme") == ["a", "b"]

    async def test_knows_a_key_on_whatever_stream_it_was_used(self, log: Log) -> None:
        first = sent("k", *named("a"))
        one = await appended(log, "acme/one", GENESIS_HEAD, first)

        assert await log.append(Append("acme/two", GENESIS_HEAD, (again(first),))) == [Known({0: one.entries[0]})]
        assert await log.heads("acme/two") == {}

    async def test_fails_the_unit_with_a_known_command_and_names_it(self, log: Log) -> None:
        first, mismatched = sent("k1", *named("a")), sent("k2", *named("b"))
        outcome = await appended(log, "acme", GENESIS_HEAD, first, mismatched)

        outcomes = await log.append(
            Append("c", GENESIS_HEAD, (sent("k7", *named("c")),)),
            Append(
                "acme",
                outcome.head,
                (
                    sent("k3", *named("d")),
                    again(first),
                    sent("k4", *named("e")),
                    sent("k2", *named("b"), fingerprint=b"g" * 32),
                ),
            ),
            Append("b", GENESIS_HEAD, (sent("k8", *named("b")), sent("k9", *named("b2")))),
        )

        assert outcomes == [Withheld(), Known({1: outcome.entries[0], 3: None}), Withheld()]
        assert await names(log, "acme") == ["a", "b"]
        assert await log.known("acme/maya", "k3") is None
        assert await log.known("acme/maya", "k9") is None

    async def test_has_a_row_for_a_command_that_changed_nothing(self, log: Log) -> None:
        head = await begun(log, "acme", "a", "b")
        nothing, something = sent("nothing"), sent("something", *named("c"))

        outcome = await appended(log, "acme", head, nothing, something, sent("nothing either"))

        spans = [(entry.first_version, entry.last_version) for entry in outcome.entries]
        assert spans == [(3, 2), (3, 3), (4, 3)]
        assert outcome.entries[0].position == head.position
        assert outcome.links == (head.link, outcome.head.link, outcome.head.link)
        assert await log.append(Append("acme", outcome.head, (again(nothing),))) == [Known({0: outcome.entries[0]})]

    async def test_of_nothing_but_doing_nothing_leaves_the_head(self, log: Log, pool: Pool) -> None:
        head = await begun(log, "acme", "a")
        before = await stored(pool)

        outcome = await appended(log, "acme", head, sent("nothing"))

        assert outcome.head == head
        assert await stored(pool) == before
        assert await log.heads("acme") == {"acme": head}

    async def test_lets_one_of_many_equal_commands_happen(self, log: Log) -> None:
        head = await begun(log, "acme")
        command = sent("k", *named("a"))
        outcomes = await asyncio.gather(*(log.append(Append("acme", head, (again(command),))) for _ in range(20)))

        flat = [outcome for [outcome] in outcomes]
        [happened] = [each for each in flat if isinstance(each, Appended)]
        known = [each for each in flat if isinstance(each, Known)]
        assert known == [Known({0: happened.entries[0]})] * 19

    async def test_lets_one_happen_when_a_key_races_on_two_streams(self, log: Log) -> None:
        for turn in range(10):
            command = sent(f"k{turn}", *named("a"))
            streams = (f"one/{turn}", f"two/{turn}")
            outcomes = await asyncio.gather(
                *(log.append(Append(stream, GENESIS_HEAD, (again(command),))) for stream in streams)
            )
            assert sorted(type(outcome).__name__ for [outcome] in outcomes) == ["Appended", "Known"]
            assert len(await log.heads(*streams)) == 1


class TestReading:
    async def test_a_stream_between_two_versions(self, log: Log) -> None:
        await begun(log, "acme", *"abcde")

        assert [e.event.name for e in await log.read_stream("acme", 1, 4)] == ["b", "c", "d"]  # type: ignore[union-attr]
        assert [e.version for e in await log.read_stream("acme", 2, limit=2)] == [3, 4]
        assert await log.read_stream("nobody") == []

    async def test_the_link_of_a_version_that_is_not_there_is_an_error(self, log: Log) -> None:
        with pytest.raises(LookupError, match="acme has no version 3"):
            await log.link_at("acme", 3)

    async def test_the_whole_log_in_pages(self, log: Log, pool: Pool) -> None:
        await begun(log, "acme", *"abc")
        await begun(log, "beta", *"de")
        async with pool.acquire() as connection:
            up_to = await safe_position(connection)
            pages, at = [], 0
            while at < up_to:
                page = await read(connection, at, up_to, 2)
                pages.append([each.event.name for each in page.events])  # type: ignore[union-attr]
                at = page.reached

        assert pages == [["a", "b"], ["c", "d"], ["e"]]
        assert at == up_to

    async def test_a_page_ends_before_an_event_that_this_code_does_not_know(
        self, log: Log, pool: Pool, urls: Urls
    ) -> None:
        await begun(log, "acme", *"abc")
        admin = await asyncpg.connect(urls.admin)
        await admin.execute("SET session_replication_role = replica")
        await admin.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        await admin.execute("UPDATE events SET type = 'StudioSold' WHERE version = 3")
        await admin.close()

        async with pool.acquire() as connection:
            page = await read(connection, 0, 3, 10)
            with pytest.raises(CannotTake, match=r"^StudioSold at position 3, version 3 of acme: UnknownEvent"):
                await read(connection, page.reached, 3, 10)

        assert [each.event.name for each in page.events] == ["a", "b"]  # type: ignore[union-attr]

    async def test_an_empty_log_is_complete_up_to_nothing(self, pool: Pool) -> None:
        async with pool.acquire() as connection:
            assert await safe_position(connection) == 0

    async def test_stops_before_an_append_in_flight_and_goes_on_after_it(
        self, urls: Urls, log: Log, pool: Pool
    ) -> None:
        head = await begun(log, "early", "a")
        slow = await asyncpg.connect(urls.service)
        async with pool.acquire() as connection:
            async with slow.transaction():
                await Log(Alone(slow)).append(Append("slow", GENESIS_HEAD, (sent("slow", *named("b")),)))
                await begun(log, "quick", "c", "d")
                floor = await safe_position(connection)
                in_flight = [each.stream_id for each in (await read(connection, 0, floor, 10)).events]
            page = await read(connection, 0, await safe_position(connection), 10)
            after = [each.stream_id for each in page.events]
        await slow.close()

        assert floor == head.position
        assert in_flight == ["early"]
        assert after == ["early", "slow", "quick", "quick"]

    async def test_goes_past_what_was_rolled_back(self, urls: Urls, log: Log, pool: Pool) -> None:
        slow = await asyncpg.connect(urls.service)
        transaction = slow.transaction()
        await transaction.start()
        await Log(Alone(slow)).append(Append("slow", GENESIS_HEAD, (sent("slow", *named("b", "c")),)))
        await transaction.rollback()
        await slow.close()
        head = await begun(log, "quick", "d")

        async with pool.acquire() as connection:
            assert await safe_position(connection) == head.position == 3

    async def test_is_not_held_up_by_an_append_in_another_database(self, urls: Urls, log: Log, pool: Pool) -> None:
        head = await begun(log, "acme", "a")
        elsewhere = await asyncpg.connect(urls.admin, database="postgres")
        await elsewhere.execute("SELECT pg_advisory_lock_shared((18252::bigint << 48))")
        try:
            async with pool.acquire() as connection:
                assert await safe_position(connection) == head.position
        finally:
            await elsewhere.close()


class TestAnAppendThatChangesNothing:
    async def test_makes_nobody_else_believe_in_what_was_not_written(self, log: Log, urls: Urls) -> None:
        head = await begun(log, "acme/take")
        first, admin = await asyncpg.connect(urls.service), await asyncpg.connect(urls.admin)
        async with first.transaction():
            await appended(Log(Alone(first)), "acme/take", head, sent("nothing"))
            second = asyncio.create_task(log.append(Append("acme/take", head, (sent("something", *named("a")),))))
            await blocked(admin)
        await first.close()
        await admin.close()

        assert await second == [Conflict(head.version)]
        assert [each.version for each in await log.read_stream("acme/take")] == [1]
