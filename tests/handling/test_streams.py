"""How much a process remembers: as much as fits, what was asked for last, and never more than it reckons with."""

import asyncio
import gc
import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from events import codec
from events.append import Head
from events.log import Log
from service import streams
from service.deciders import production
from service.streams import HistoryIsBeingRead, Loaded, Streams, weight
from tests.deciders.stories import ART, LINE_PRODUCER, LOCKED, SPENT, spend
from tests.events.examples import BY_NAME
from tests.handling.conftest import Opens
from tests.handling.office import STREAM, Office
from tests.spec import play

SPEND = json.loads(codec.encode(BY_NAME["SpendLogged"]))
BUDGET = json.loads(codec.encode(BY_NAME["BudgetDrafted"]))
FACTS: dict[str, Any] = {
    "SpendLogged": lambda n: SPEND | {"spend": f"S-{n + 1000:06}", "document": f"KS-{n}", "vendor": f"vendor-{n}"},
    "BudgetDrafted": lambda n: (
        BUDGET
        | {
            "budget": f"v{n + 10}",
            "accounts": [
                BUDGET["accounts"][0] | {"code": f"{line}", "name": f"A {line}"} for line in range(1000, 1600)
            ],
        }
    ),
}


class TestTheWeightOfAState:
    @pytest.mark.parametrize(("name", "times"), [("SpendLogged", 3000), ("BudgetDrafted", 20)])
    def test_is_at_least_what_it_takes_in_memory(self, name: str, times: int) -> None:
        world = play(LOCKED)
        state, around, reckoned = world.production, world.facts[-1][1], 0
        gc.collect()
        tracemalloc.start()
        try:
            for n in range(times):
                event = codec.decode(name, 1, json.dumps(FACTS[name](n)))
                state, reckoned = production.evolve(state, event, around), reckoned + weight(event)  # type: ignore[arg-type]
            del event
            gc.collect()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert taken <= reckoned <= 3 * taken

    @pytest.mark.parametrize("page", [1, 7, 2000])
    async def test_is_the_same_decided_here_and_read_from_the_log_in_pages(
        self, office: Office, other: Office, monkeypatch: pytest.MonkeyPatch, page: int
    ) -> None:
        await office.play(SPENT)
        monkeypatch.setattr(streams, "PAGE", page)
        here, there = await office.handling.production(STREAM), await other.handling.production(STREAM)

        assert here == there
        assert here.weight == sum(weight(each.event) for each in await office.log.read_stream(STREAM))


class TestReading:
    """A long history is read once, page by page, however many ask for it, and whether they wait for its end or not."""

    @pytest.fixture
    async def length(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> int:
        await office.play(SPENT)
        monkeypatch.setattr(streams, "PAGE", 1)
        return (await office.log.heads(STREAM))[STREAM].version

    @pytest.fixture
    def pages(self, other: Office, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The versions behind which a page was read."""
        read, pages = other.log.read_stream, list[int]()

        async def noted(stream_id: str, after: int, up_to: int) -> Any:
            pages.append(after)
            return await read(stream_id, after, up_to)

        monkeypatch.setattr(other.log, "read_stream", noted)
        return pages

    async def test_is_done_once_for_all_who_ask_meanwhile(
        self, office: Office, other: Office, length: int, pages: list[int]
    ) -> None:
        found = await asyncio.gather(*(other.handling.production(STREAM) for _ in range(12)))

        assert pages == list(range(length))
        assert found == 12 * [await office.handling.production(STREAM)]

    async def test_goes_on_when_who_asked_is_gone(self, other: Office, length: int, pages: list[int]) -> None:
        asked = asyncio.create_task(other.handling.production(STREAM))
        while len(pages) < length // 2:
            await asyncio.sleep(0)
        asked.cancel()
        while other.handling.streams.kept(STREAM) is None:
            await asyncio.sleep(0.01)

        assert pages == list(range(length))

    async def test_that_takes_longer_is_told_and_there_in_a_moment(
        self, other: Office, length: int, pages: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as impatient:
            impatient.setattr(streams, "PATIENCE_SECONDS", 0.0)
            for _ in range(2):
                with pytest.raises(HistoryIsBeingRead):
                    await other.handling.production(STREAM)

        assert (await other.handling.production(STREAM)).head.version == length
        assert pages == list(range(length))

    async def test_begins_anew_when_the_log_is_another_one_than_it_was(self, office: Office, other: Office) -> None:
        """An older copy of the database was restored under a process that stayed."""
        await office.play(LOCKED)
        truly = await office.handling.production(STREAM)
        ahead, another = Head(truly.head.version + 5, b"", 999), Head(truly.head.version, b"another", 999)
        behind = Head(truly.head.version - 2, b"behind, on another way", 997)
        for head in (ahead, another, behind):
            other.handling.streams.forget(STREAM)
            other.handling.streams.keep(STREAM, replace(truly, head=head, state=None))
            assert await other.handling.production(STREAM) == truly


class TestWhatIsKept:
    @pytest.fixture
    def kept(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> Streams:
        monkeypatch.setattr(streams, "KEPT_BYTES", 1000)
        return Streams(log)

    @pytest.fixture
    def log(self, office: Office) -> Log:
        return office.log

    @staticmethod
    def of(version: int, heavy: int) -> Loaded[str]:
        return Loaded(Head(version, b"", version), None, "state", heavy)

    def test_fits_into_the_bound_and_was_asked_for_last(self, kept: Streams) -> None:
        for name in ("a", "b", "c", "a", "d"):
            kept.keep(name, self.of(1, 300))

        assert (len(kept), kept.weight) == (3, 900)
        assert [name for name in "abcd" if kept.kept(name)] == ["a", "c", "d"]

    def test_is_reckoned_anew_as_it_grows_and_is_forgotten(self, kept: Streams) -> None:
        for version in range(1, 6):
            kept.keep("a", self.of(version, 100 * version))
        kept.keep("a", self.of(2, 200))  # of an older version
        kept.keep("b", self.of(1, 400))
        assert kept.weight == 900

        kept.forget("a")
        kept.forget("nobody")
        assert (len(kept), kept.weight) == (1, 400)

    def test_is_at_least_the_one_that_is_at_work(self, kept: Streams) -> None:
        kept.keep("small", self.of(1, 10))
        kept.keep("large", self.of(9, 5000))

        assert (len(kept), kept.weight) == (1, 5000)


async def test_a_state_that_had_to_go_is_read_again_and_decided_on_as_before(
    office: Office, open_office: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.play(LOCKED)
    await office.play(LOCKED, "rival/the-short-take")
    monkeypatch.setattr(streams, "KEPT_BYTES", 1)
    small = await open_office()

    versions = [
        (await small.send(LINE_PRODUCER, spend(ART, "10", f"KS-{n}"), company=company, production=name)).version
        for n in range(3)
        for company, name in (("acme", "the-long-take"), ("rival", "the-short-take"))
    ]

    before = (await office.log.heads(STREAM))[STREAM].version - 3
    assert versions == [before + n for n in (1, 1, 2, 2, 3, 3)]
