"""The wire between the service and its database is slow, cut, silent, and cut between a commit and its answer."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from service.app import ANSWER_SECONDS
from service.database import SILENCE_SECONDS
from tests.conftest import Urls
from tests.forms import either
from tests.handling.office import opened
from tests.handling.proxy import Wire, wired
from tests.storms.history import Accepted, Unknown
from tests.storms.load import Load, loaded, prepared, views_agree
from tests.storms.processes import Service, serving, started

ROUNDS = either(short=1, long=6)
PRODUCTIONS, CLIENTS = 4, 8
#: Until everything is served again once the wire is whole.
RECOVERY_SECONDS = either(short=30, long=10)
#: What a request that was given up may need to leave; the short form runs on machines that are busy.
SLACK_SECONDS = SILENCE_SECONDS + either(short=5, long=1)

Trouble = Callable[[Wire, random.Random], Awaitable[None]]


async def slow(wire: Wire, chance: random.Random) -> None:
    wire.delay = lambda: chance.choice((0, 0, 0.01, 0.2))
    await asyncio.sleep(1.5)
    wire.delay = float


async def cut(wire: Wire, chance: random.Random) -> None:
    for _ in range(8):
        await asyncio.sleep(chance.uniform(0.05, 0.3))
        wire.cut()


async def cut_after_the_commit(wire: Wire, chance: random.Random) -> None:
    for _ in range(8):
        await asyncio.sleep(chance.uniform(0.05, 0.3))
        before, wire.marker = wire.cuts, b"SpendLogged"  # in an append, which is one statement and commits by itself
        with suppress(TimeoutError):
            async with asyncio.timeout(RECOVERY_SECONDS / 4):  # a busy machine comes to it late
                while wire.cuts == before:
                    await asyncio.sleep(0.01)


async def silent(wire: Wire, chance: random.Random) -> None:
    with wire.dark():
        await asyncio.sleep(chance.uniform(0.5, 2))


async def silent_for_long(wire: Wire, _: random.Random) -> None:
    with wire.dark():
        await asyncio.sleep(ANSWER_SECONDS + 2)


TROUBLES: Sequence[Trouble] = (slow, cut, cut_after_the_commit, silent, *either(short=(), long=(silent_for_long,)))


async def recovered(loads: Sequence[Load], service: Service) -> None:
    """Wait until all clients are served again; the views may take longer."""
    served = [len(load.accepted) for load in loads]
    async with asyncio.timeout(RECOVERY_SECONDS):
        for load, before in zip(loads, served, strict=True):
            await load.reaches(before + 3 * CLIENTS)
    await service.ready()


async def test_every_request_ends_in_time_and_the_retry_finds_the_truth(
    urls: Urls, chance: random.Random, record_property: Callable[[str, object], None]
) -> None:
    async with wired(urls.service) as (wire, url):
        service = serving(url)
        async with started(service):
            async with opened(urls.service) as office:
                loads = [await prepared(office, f"acme/take-{n}", [service], chance) for n in range(PRODUCTIONS)]
            async with loaded(*loads, clients=CLIENTS):
                for _ in range(ROUNDS):
                    for trouble in chance.sample(TROUBLES, len(TROUBLES)):
                        await trouble(wire, chance)
                        await recovered(loads, service)
            async with opened(urls.service) as office:
                for load in loads:
                    await load.holds(office)
                await views_agree(office, *loads)

    calls = [call for load in loads for call in load.history]
    slowest = max(call.returned - call.invoked for call in calls)
    unknown = {call.key for call in calls if isinstance(call.told, Unknown)}
    record_property("calls", len(calls))
    record_property("without an answer", sum(isinstance(call.told, Unknown) for call in calls))
    record_property("commits cut off from their answer", wire.cuts)
    record_property("seconds for the slowest answer", round(slowest, 1))
    assert slowest <= ANSWER_SECONDS + SLACK_SECONDS
    assert wire.cuts >= ROUNDS * 4
    assert any(call.key in unknown for call in calls if isinstance(call.told, Accepted))
