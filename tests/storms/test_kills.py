"""The service and PostgreSQL are killed at random moments under load: what was acknowledged is there and told, once."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg

from events.append import GENESIS_HEAD, Append
from events.group_commit import LOST
from events.log import Log
from service import verify
from service.database import migrate
from service.embedded import Server, running
from tests.events.logbook import Alone, named, sent
from tests.forms import either
from tests.handling.office import Office, opened
from tests.projections.desk import lapsed
from tests.storms.load import Load, followed, loaded, prepared, views_agree
from tests.storms.processes import PATIENCE, Service, serving, started
from tests.test_embedded import answers, postmaster, until

#: How often the service is killed, PostgreSQL, and both at once.
KILLS = {"service": either(2, 40), "postgresql": either(6, 120), "both": either(2, 40)}
CLIENTS = 16
#: Commands accepted before a kill, at the most.
LATEST = 60


def restarted(data: Path, url: str) -> Server:
    """PostgreSQL on the folder once more, after the one that was killed is dead; it recovers, and stays."""
    until(lambda: not answers(url))
    with running(data) as server:
        return server


async def drawn_in_vain(url: str) -> None:
    """Positions are drawn and rolled back: after a crash they may be drawn again, and readers must not be past them."""
    connection = await asyncpg.connect(url)
    vain = connection.transaction()
    await vain.start()
    await Log(Alone(connection)).append(Append("vain", GENESIS_HEAD, (sent("vain", *named(*["x"] * 50)),)))
    await vain.rollback()
    connection.terminate()


async def struck(what: str, data: Path, url: str, service: Service) -> None:
    """Kill it in the middle of whatever it does, and start it again."""
    if what != "service":
        os.kill(postmaster(data), signal.SIGKILL)
    if what != "postgresql":
        assert await service.end(signal.SIGKILL) == -signal.SIGKILL
    if what != "service":
        server = await asyncio.to_thread(restarted, data, url)
        assert server.service_url == url
    async with asyncio.timeout(PATIENCE):
        while not await stands(url, lapse=what != "postgresql"):
            await asyncio.sleep(0.02)
    await (service.ready() if what == "postgresql" else service.start())


async def stands(url: str, *, lapse: bool) -> bool:
    """Whether the database takes commands again; if so, the leases of the dead are over."""
    try:
        async with opened(url) as office:
            if lapse:
                await lapsed(office)
    except LOST:
        return False
    return True


async def nothing_is_amiss(office: Office, *loads: Load) -> None:
    """Every answer holds, every chain too, and the views are what a replay makes."""
    for load in loads:
        await load.holds(office)
        async with office.pool.acquire() as connection:
            assert [verdict.broken async for verdict in verify.verify(connection, load.stream)] == [None]
    await views_agree(office, *loads)


async def test_kills_lose_nothing_acknowledged_and_double_nothing(
    tmp_path: Path, chance: random.Random, record_property: Callable[[str, object], None]
) -> None:
    kills = [what for what, times in KILLS.items() for _ in range(times)]
    chance.shuffle(kills)
    loads: list[Load] = []
    told = 0
    with running(tmp_path / "data") as server:
        await migrate(server.owner_url)
        service = serving(server.service_url)
        async with started(service):
            for what in kills:
                async with opened(server.service_url) as office:
                    load = await prepared(office, f"acme/take-{len(loads)}", [service], chance)
                loads.append(load)
                async with followed(load) as seen, loaded(load, clients=CLIENTS):
                    await load.reaches(chance.randint(1, LATEST))
                    await asyncio.sleep(chance.uniform(0, 0.02))
                    await drawn_in_vain(server.service_url)
                    await asyncio.sleep(chance.uniform(0, 0.02))
                    await struck(what, tmp_path / "data", server.service_url, service)
                    await load.reaches(len(load.accepted) + 1)
                async with opened(server.service_url) as office:
                    await nothing_is_amiss(office, load)
                    history = await office.log.read_stream(load.stream)
                assert seen == [(each.position, each.event_id) for each in history], "the feed skipped or doubled"
                told += len(seen)
            async with opened(server.service_url) as office:
                await nothing_is_amiss(office, *loads)

    record_property("kills", len(kills))
    record_property("commands acknowledged", sum(len({wish.key for wish in load.accepted}) for load in loads))
    record_property("events that the feed told", told)
    record_property("sent again until they were", sum(tries > 1 for load in loads for tries in load.tries))
    assert any(tries > 1 for load in loads for tries in load.tries)
