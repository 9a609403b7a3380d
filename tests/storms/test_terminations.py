"""Backends of the service are ended one after the other, at random, while it is under load."""

import asyncio
import random
from collections.abc import Callable

import asyncpg

from tests.conftest import Urls
from tests.forms import either
from tests.handling.office import opened
from tests.storms.load import loaded, prepared, views_agree
from tests.storms.processes import serving, started

SECONDS = either(short=5, long=60)
EVERY_SECONDS = 0.1
PRODUCTIONS, CLIENTS = 4, 8
#: Of the wishes, within two retries; some seconds hold too few of them to see one in a thousand.
ENOUGH = either(short=0.95, long=0.999)

A_BACKEND = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    " ORDER BY pid OFFSET $1 * (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()) LIMIT 1"
)


async def terminations(url: str, chance: random.Random) -> int:
    """End a backend again and again; how many were."""
    admin = await asyncpg.connect(url)
    ended = 0
    for _ in range(round(SECONDS / EVERY_SECONDS)):
        ended += bool(await admin.fetchval(A_BACKEND, chance.random()))
        await asyncio.sleep(EVERY_SECONDS)
    await admin.close()
    return ended


async def test_a_backend_ended_ten_times_a_second_costs_a_retry_and_nothing_else(
    urls: Urls, chance: random.Random, record_property: Callable[[str, object], None]
) -> None:
    service = serving(urls.service)
    async with started(service):
        async with opened(urls.service) as office:
            loads = [await prepared(office, f"acme/take-{n}", [service], chance) for n in range(PRODUCTIONS)]
        async with loaded(*loads, clients=CLIENTS):
            ended = await terminations(urls.admin, chance)
        async with opened(urls.service) as office:
            for load in loads:
                await load.holds(office)
            await views_agree(office, *loads)

    tries = [each for load in loads for each in load.tries]
    record_property("backends ended", ended)
    record_property("commands", len(tries))
    record_property("retried", sum(each > 1 for each in tries))
    record_property("retried more than twice", sum(each > 3 for each in tries))
    assert ended >= SECONDS / EVERY_SECONDS / 2
    assert sum(each <= 3 for each in tries) >= ENOUGH * len(tries)
