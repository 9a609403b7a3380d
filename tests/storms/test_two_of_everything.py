"""Two services, two projectors, one hot production; again and again the projector at work is paused past its lease."""

import asyncio
import random
import signal
from collections.abc import Callable, Sequence

from tests.conftest import Urls
from tests.forms import either
from tests.handling.office import Office, opened
from tests.storms.load import Load, loaded, prepared, views_agree
from tests.storms.processes import PATIENCE, Process, projecting, serving, started

CLIENTS = 32
PAUSES = either(short=1, long=10)


async def at_work(office: Office, projectors: Sequence[Process]) -> Process:
    """Wait until one of the projectors holds every lease; which one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = await office.pool.fetch("SELECT DISTINCT holder FROM checkpoints WHERE held_until > now()")
            found = [each for each in projectors for row in rows if str(each.pid) in (row["holder"] or "").split("/")]
            if len(rows) == len(found) == 1:
                return found[0]
            await asyncio.sleep(0.05)


async def paused_past_its_lease(office: Office, load: Load, projectors: Sequence[Process]) -> None:
    """Stop the projector at work in its tracks, wake it when the other one is at work, and let both go on."""
    paused = await at_work(office, projectors)
    standby = next(each for each in projectors if each is not paused)
    paused.send(signal.SIGSTOP)
    try:
        assert await at_work(office, [standby]) is standby
        await moved(office)
    finally:
        paused.send(signal.SIGCONT)
    await load.reaches(len(load.accepted) + 10 * CLIENTS)
    await moved(office)
    assert await at_work(office, projectors) is standby


async def moved(office: Office) -> None:
    """Wait until every read model shows what is the newest now."""
    newest = await office.pool.fetchval("SELECT max(position) FROM events")
    async with asyncio.timeout(PATIENCE):
        while await office.pool.fetchval("SELECT min(position) FROM checkpoints") < newest:
            await asyncio.sleep(0.05)


async def test_make_one_gapless_stream_and_one_truth_in_the_views(
    urls: Urls, chance: random.Random, record_property: Callable[[str, object], None]
) -> None:
    services = [serving(urls.service, "--no-projections") for _ in range(2)]
    projectors = [projecting(urls.service) for _ in range(2)]
    async with started(*services, *projectors), opened(urls.service) as office:
        load = await prepared(office, "acme/the-long-take", services, chance)
        async with loaded(load, clients=CLIENTS):
            for _ in range(PAUSES):
                await paused_past_its_lease(office, load, projectors)
        await load.holds(office)
        await views_agree(office, load)

    record_property("commands", len(load.tries))
    record_property("calls checked", len(load.history))
    record_property("projectors paused past their lease", PAUSES)
    assert {type(call.told).__name__ for call in load.history} >= {"Accepted", "Refused", "Mismatched"}
