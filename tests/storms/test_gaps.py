"""Does a reader of the whole log ever miss an event? Writers pause, fail and are killed in the middle."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import asyncpg
import pytest

from events.append import GENESIS_HEAD, Append, Appended
from events.group_commit import LOST, OutcomeUnknown
from events.log import Log, Part
from tests.conftest import Urls
from tests.events.logbook import Alone, named, sent
from tests.forms import either

WRITERS = either(short=24, long=32)
ENOUGH = either(short=10_000, long=100_000)
#: Loads of which one must show what goes wrong without the fence.
TRIES = 3

#: What a writer notices of its killed connection.
GONE = (OutcomeUnknown, asyncpg.PostgresError, *LOST)

Place = tuple[int, str, int]


@dataclass
class Load:
    """A storm of appends in transactions of their own, each with pauses inside."""

    url: str
    seed: int
    chance: random.Random
    written: int = 0
    rolled_back: int = 0
    killed: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    pids: dict[int, int] = field(default_factory=dict)

    async def run(self) -> None:
        killing = asyncio.create_task(self.kill())
        try:
            await asyncio.gather(*(self.write(place) for place in range(WRITERS)))
        finally:
            self.over.set()
            await killing

    async def write(self, place: int) -> None:
        streams = (f"writer-{place}/a", f"writer-{place}/b")
        turn = 0
        while self.written < ENOUGH:
            with suppress(*GONE):
                connection = await asyncpg.connect(self.url)
                self.pids[place] = connection.get_server_pid()
                try:
                    while self.written < ENOUGH:
                        turn += 1
                        await self.one_transaction(connection, streams, f"{self.seed}-{place}-{turn}")
                finally:
                    self.pids.pop(place, None)
                    connection.terminate()

    async def one_transaction(self, connection: asyncpg.Connection, streams: tuple[str, str], key: str) -> None:
        chance, log = self.chance, Log(Alone(connection))
        transaction = connection.transaction()
        await transaction.start()
        if chance.random() < 0.3:
            await connection.fetchval("SELECT pg_current_xact_id()")  # the number of the transaction is an early one
            await connection.execute("SELECT pg_sleep($1)", chance.uniform(0, 0.01))
        count = 0
        for part in range(chance.randint(1, 3)):
            heads = await log.heads(*streams)
            outcomes = await log.append(
                *(
                    Append(
                        stream,
                        heads.get(stream, GENESIS_HEAD),
                        (sent(f"{key}-{part}-{stream}", *named(*["x"] * chance.randint(1, 12))),),
                    )
                    for stream in streams
                )
            )
            assert all(isinstance(outcome, Appended) for outcome in outcomes)
            count += sum(
                entry.last_version - entry.first_version + 1
                for outcome in outcomes
                if isinstance(outcome, Appended)
                for entry in outcome.entries
            )
            await connection.execute("SELECT pg_sleep($1)", chance.uniform(0, 0.03))
        if chance.random() < 0.1:
            self.rolled_back += 1
            await transaction.rollback()
            return
        await transaction.commit()
        self.written += count

    async def kill(self) -> None:
        admin = await asyncpg.connect(self.url)
        while not self.over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self.chance.uniform(0.01, 0.05)):
                    await self.over.wait()
            if self.pids:
                pid = self.chance.choice(list(self.pids.values()))
                self.killed += await admin.fetchval("SELECT pg_terminate_backend($1)::int", pid)
        await admin.close()


Pages = Callable[[asyncpg.Connection, int], Awaitable[tuple[list[Place], int]]]


def fenced(size: int, part: Part | None = None) -> Pages:
    """Pages as they are read: up to a safe position that was taken before."""

    async def page(connection: asyncpg.Connection, after: int) -> tuple[list[Place], int]:
        found = await Log(Alone(connection)).page(after, size, part)
        return [(each.position, each.stream_id, each.version) for each in found.events], found.reached

    return page


async def naive(connection: asyncpg.Connection, after: int) -> tuple[list[Place], int]:
    """Whatever lies beyond the last position seen."""
    rows = await connection.fetch(
        "SELECT position, stream_id, version FROM events WHERE position > $1 ORDER BY position LIMIT 500", after
    )
    return [tuple(row) for row in rows], rows[-1]["position"] if rows else after


async def follow(url: str, load: Load, page: Pages) -> list[Place]:
    """Everything that a reader sees from the first page until the load is over and nothing more comes."""
    connection = await asyncpg.connect(url)
    seen: list[Place] = []
    at = 0
    while True:
        was_over = load.over.is_set()
        found, reached = await page(connection, at)
        if was_over and reached == at:
            break
        seen += found
        at = max(at, reached)
        await asyncio.sleep(0)
    await connection.close()
    return seen


PAGES = (fenced(7), fenced(500), fenced(7, Part("writer-0")), naive)


async def storm(urls: Urls, seed: int) -> tuple[Load, list[list[Place]]]:
    load = Load(urls.service, seed, random.Random(seed))
    readers = [follow(urls.service, load, page) for page in PAGES]
    _, *seen = await asyncio.gather(load.run(), *readers)
    return load, seen


class TestReaders:
    async def test_behind_the_fence_miss_nothing_that_a_naive_reader_misses(
        self, urls: Urls, seed: int, record_property: Callable[[str, object], None]
    ) -> None:
        for turn in range(TRIES):
            load, [by_seven, by_many, of_one, without] = await storm(urls, seed + turn)

            admin = await asyncpg.connect(urls.admin)
            rows = await admin.fetch("SELECT position, stream_id, version FROM events ORDER BY position")
            await admin.close()
            stored = [tuple(row) for row in rows]
            assert len(stored) >= ENOUGH
            assert load.rolled_back > 0
            assert load.killed > 0
            assert by_seven == by_many == stored
            assert of_one == [place for place in stored if place[1].startswith("writer-0/")]
            at: dict[str, int] = {}
            for _, stream, version in by_many:
                assert version == at.get(stream, 0) + 1
                at[stream] = version
            assert all(one[0] < following[0] for one, following in pairwise(by_many))

            record_property("events", len(stored))
            record_property("transactions rolled back", load.rolled_back)
            record_property("backends killed", load.killed)
            record_property("events that the naive reader missed", len(set(stored) - set(without)))
            if set(stored) - set(without):
                break
        else:
            pytest.fail("without the fence nothing was missed: the load proves nothing")
