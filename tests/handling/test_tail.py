"""Does one reader of the log serve everybody who follows it, whoever is late, slow or of another company?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress

import asyncpg
import pytest
from typing_extensions import override

from events.append import Head
from events.bells import Bell
from events.envelope import CannotTake
from events.log import Log, Page, Part
from service import tail as of_tail
from service.tail import Kept, Tail
from tests.conftest import Urls
from tests.events.logbook import appended, begun, named, sent

PATIENCE = 20
ACME = Part("acme")


class Counting(Log):
    """A log that counts its pages."""

    read = 0
    #: How many events less it has than it had: an older copy of its database was restored.
    lost = 0

    @override
    async def page(self, after: int, limit: int, part: Part | None = None) -> Page:
        self.read += 1
        if self.lost:
            return Page((), after, await self.complete() - self.lost)
        return await super().page(after, limit, part)


@pytest.fixture
async def log(urls: Urls) -> AsyncIterator[Counting]:
    async with asyncpg.create_pool(urls.service, min_size=1, max_size=4) as pool:
        yield Counting(pool)


async def grown(log: Log, bell: Bell, head: Head, count: int) -> Head:
    """So many events more, an append for each."""
    for number in range(count):
        command = sent(f"{head.version}-{number}", *named("x"))
        head = (await appended(log, "acme/take", head, command)).head
        bell.ring()
    return head


async def told(following: AsyncIterator[object], count: int) -> list[int]:
    """The positions of the next so many events."""
    positions: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(positions) < count:
            found = await anext(following)
            assert isinstance(found, list)
            positions += [each.position for each in found if isinstance(each, Kept)]
    return positions


class TestFollowers:
    async def test_are_many_before_one_reader_and_each_is_told_everything_once(self, log: Counting) -> None:
        bell = Bell()
        tail, head = Tail(log, bell), await begun(log, "acme/take", *"abc")
        async with AsyncExitStack() as stack:
            many = [await stack.enter_async_context(aclosing(tail.follow(3, ACME, 100))) for _ in range(50)]
            await asyncio.gather(*(anext(each) for each in many))
            before = log.read
            writing = asyncio.create_task(grown(log, bell, head, 40))
            seen = await asyncio.gather(*(told(each, 40) for each in many))
            await writing

        assert seen == [list(range(4, 44))] * 50
        assert log.read - before < 100

    async def test_who_wait_ask_the_database_for_nothing(self, log: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(of_tail, "WAIT_SECONDS", 0.01)
        tail = Tail(log, Bell())
        async with AsyncExitStack() as stack:
            many = [await stack.enter_async_context(aclosing(tail.follow(0, ACME, 100))) for _ in range(20)]
            await asyncio.gather(*(anext(each) for each in many))
            before = log.read
            for _ in range(30):
                await asyncio.gather(*(anext(each) for each in many))

        assert log.read - before < 30

    async def test_who_are_late_or_slow_read_pages_until_they_are_in_the_window_which_stays_small(
        self, log: Counting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(of_tail, "EVENTS", 8)
        bell = Bell()
        tail, head = Tail(log, bell), await begun(log, "acme/take", *"abc")
        async with aclosing(tail.follow(0, ACME, 5)) as slow, aclosing(tail.follow(3, ACME, 5)) as quick:
            first = await told(slow, 1)
            writing = asyncio.create_task(grown(log, bell, head, 60))
            assert await told(quick, 60) == list(range(4, 64))
            await writing
            assert len(tail._kept) <= 8

            assert first + await told(slow, 63 - len(first)) == list(range(1, 64))

    async def test_of_a_log_that_was_restored_end_and_who_comes_then_is_told_what_comes_then(
        self, log: Counting
    ) -> None:
        bell = Bell()
        tail, head = Tail(log, bell), await begun(log, "acme/take", *"abcdef")
        async with aclosing(tail.follow(6, ACME, 5)) as before:
            await anext(before)
            log.lost = 4
            async with asyncio.timeout(PATIENCE):
                while [each async for each in before]:
                    pass
            log.lost = 0
            async with aclosing(tail.follow(6, ACME, 5)) as after:
                assert await anext(after) == []
                await grown(log, bell, head, 3)
                assert await told(after, 3) == [7, 8, 9]

    async def test_who_went_leave_nothing_behind(self, log: Counting) -> None:
        tail = Tail(log, bell := Bell())
        head = await begun(log, "acme/take")
        for _ in range(3):
            async with aclosing(tail.follow(0, ACME, 5)) as following:
                await told(following, 1)
        await asyncio.sleep(0)
        before = log.read
        await grown(log, bell, head, 3)
        await asyncio.sleep(0.3)

        assert log.read == before
        assert tail._kept == []

    async def test_of_a_part_are_told_that_part_and_stopped_by_its_events_alone(
        self, log: Counting, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bell = Bell()
        tail = Tail(log, bell)
        head = await begun(log, "acme/take")
        async with (
            aclosing(tail.follow(1, ACME, 5)) as whole,
            aclosing(tail.follow(1, Part("acme", "acme/take", ("Appointed", "CompanyFounded")), 5)) as ours,
            aclosing(tail.follow(1, Part("rival"), 5)) as theirs,
        ):
            for each in (whole, ours, theirs):
                await anext(each)
            admin = await asyncpg.connect(urls.admin)
            await admin.execute("ALTER TABLE events DISABLE TRIGGER USER")
            async with admin.transaction():
                await admin.execute("SELECT pg_advisory_xact_lock_shared(18252::bigint << 48)")
                await begun(log, "acme", "odd")
                await admin.execute("UPDATE events SET type = 'StudioSold' WHERE stream_id = 'acme'")
            await admin.close()
            await begun(log, "rival/take")
            await grown(log, bell, head, 1)

            assert (await told(ours, 1), await told(theirs, 1)) == ([4], [3])
            with pytest.raises(CannotTake, match="StudioSold at position 2"):
                await told(whole, 1)


class TestWhatIsAskedAlike:
    async def test_is_asked_once_in_a_while_and_again_after_it(self) -> None:
        tail, asked = Tail(Log(None), Bell()), 0

        async def ask() -> int:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0)
            return asked

        assert await asyncio.gather(*(tail.alike("what", 60, ask) for _ in range(10))) == [1] * 10
        assert await tail.alike("other", 0, ask) == 2
        assert await tail.alike("other", 0, ask) == 3

    async def test_is_answered_to_the_others_when_the_first_one_goes(self) -> None:
        tail, go = Tail(Log(None), Bell()), asyncio.Event()

        async def ask() -> bool:
            return await go.wait()

        first, second = (asyncio.create_task(tail.alike("what", 60, ask)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        go.set()
        assert await second is True
