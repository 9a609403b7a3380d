"""A log of a million events: what an append costs as it grows, a rebuild, a search of the trail, and memory."""

import logging
import sys
import time
from collections.abc import AsyncGenerator
from datetime import timedelta

import httpx2
from fastapi import Response

from events.append import Append, Appended
from projections import PROJECTIONS
from projections.cost_report import CostReport
from projections.rebuild import rebuild
from projections.runner import Runner
from service.app import create, now, opened
from service.deciders.confidential import EVERYTHING
from service.embedded import Server
from service.identity import Tokens
from service.routes import costs
from service.routes.access import Doors, Reading
from service.serving import configure_logs
from service.streams import Streams

from .appends import appends
from .facts import command
from .measure import QUICK, ROUNDS, SECONDS, Result, quantile, result, said_by
from .production import begun

#: Productions, and events of each.
PRODUCTIONS, EACH = (4, 5_000) if QUICK else (20, 50_000)
SIZES = (5_000, 20_000) if QUICK else (10_000, 100_000, 1_000_000)
BATCH = 250
#: The lines of the budget of the last production, on each of which it spends.
LINES = [str(code) for code in range(2000, 4000)]
SEARCHES = {
    "first page": {},
    "a rare kind": {"kind": "BudgetApproved"},
    "a person who did little": {"actor": "noor"},
    "an account": {"account": "2150"},
    "amounts nobody spent": {"amount_min": "900000", "amount_max": "900001"},
    "a word that is nowhere": {"text": "xylophone"},
    "another's correlation": {"correlation_id": "00000000-0000-0000-0000-000000000000"},
}


async def measured(server: Server) -> AsyncGenerator[Result, None]:
    """Every row about a large log."""
    configure_logs(logging.WARNING)
    async with opened(server.service_url, project=False) as doors:
        names = [f"take-{place}" for place in range(PRODUCTIONS)]
        for each in names[:-1]:
            await begun(doors, each)
        await begun(doors, names[-1], LINES)
        left, size = dict.fromkeys(names, EACH), 0
        for until in SIZES:
            size = await filled(doors, left, size, until)
            await appends(server.service_url, 32, SECONDS / 4)
            rounds = [await appends(server.service_url, 32, SECONDS / 2) for _ in range(ROUNDS)]
            yield result(f"appends at {until:,} events, 32 writers", "appends/s", [rate for rate, _ in rounds])
        started = time.perf_counter()
        made = await rebuild(doors.database.work, PROJECTIONS)
        rate = made.events / (time.perf_counter() - started)
        yield result(f"rebuild of all {len(PROJECTIONS)} read models, {made.events:,} events, once", "events/s", [rate])
        await caught_up(doors)
        known = [await _read(doors, f"acme/{names[-1]}") for _ in range(ROUNDS)]
        yield result(f"a production of {EACH:,} events, read by a process that is new to it", "ms", known)
        for row in await cost_reports(doors, f"acme/{names[-1]}"):
            yield row
        async for row in searched(server, doors, names[-1]):
            yield row
    yield await memory(server, names)


async def filled(doors: Doors, left: dict[str, int], size: int, until: int) -> int:
    """Append entries of spend, production after production, until the log has so many."""
    while size < until:
        name = next(each for each, count in left.items() if count > 0)
        stream = f"acme/{name}"
        head = (await doors.log.heads(stream))[stream]
        while size < until and left[name] > 0:
            count = min(BATCH, until - size, left[name])
            versions = range(head.version, head.version + count)
            sent = tuple(command(stream, version, LINES[version % len(LINES)]) for version in versions)
            [outcome] = await doors.log.append(Append(stream, head, sent))
            assert isinstance(outcome, Appended)
            head, size = outcome.head, size + count
            left[name] -= count
    return size


async def _read(doors: Doors, stream: str) -> float:
    """Milliseconds until a production's state is there that was not in memory."""
    started = time.perf_counter()
    await Streams(doors.log).newest(stream)
    return (time.perf_counter() - started) * 1000


async def caught_up(doors: Doors) -> None:
    """Every view at the newest position, so that what the cost report is put together from shows one moment."""
    runner = Runner(doors.database.work)
    await runner.refresh()
    while await runner.step():
        pass
    await runner.release()


async def cost_reports(doors: Doors, stream: str) -> list[Result]:
    """How long the cost report takes, now and as of a version."""
    version = (await doors.log.heads(stream))[stream].version
    now = [await _costs(doors, stream, None) for _ in range(100)]
    await _costs(doors, stream, version // 2)
    then = [await _costs(doors, stream, version * (place + 1) // 25) for place in range(25)]
    name = f"cost report of {len(LINES):,} lines and {version:,} entries"
    return [
        result(f"{name}, p50", "ms", [quantile(now, 0.5)]),
        result(f"{name}, p99", "ms", [quantile(now, 0.99)], aim="<= 100"),
        result(f"{name}, as of a version, p99", "ms", [quantile(then, 0.99)], aim="<= 500"),
    ]


async def _costs(doors: Doors, stream: str, version: int | None) -> float:
    """Milliseconds until the cost report is written out, now or as of a version."""
    reading = Reading(stream, "The Long Take", "INR", "Asia/Kolkata", EVERYTHING, frozenset())
    asked = costs.Asked(as_of=None if version is None else str(version))
    started = time.perf_counter()
    report = await costs.get_cost_report(reading, doors, Response(), asked)
    assert isinstance(report, CostReport)
    report.model_dump_json()
    return (time.perf_counter() - started) * 1000


async def searched(server: Server, doors: Doors, production: str) -> AsyncGenerator[Result, None]:
    """Milliseconds of a page of the audit trail over the application, by what is searched."""
    _, token = await Tokens(doors.database.pool).create("acme", "maya", now(), timedelta(hours=1))
    app = create(server.service_url, project=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://greenlight.test",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ) as client,
    ):
        for name, terms in SEARCHES.items():
            took = [await _looked(client, production, "audit-trail", terms) for _ in range(ROUNDS * 2)]
            what = f"audit trail of {EACH:,} events among {SIZES[-1]:,}: {name}"
            yield result(what, "ms", took[1:], aim="<= 20")
        then = {"as_of": str(EACH // 2)}
        took = [await _looked(client, production, "spend-register", then) for _ in range(ROUNDS * 2)]
        yield result(f"spend register of {EACH:,} events as of their middle", "ms", took[1:], aim="<= 300")


async def _looked(client: httpx2.AsyncClient, production: str, view: str, terms: dict[str, str]) -> float:
    started = time.perf_counter()
    found = await client.get(f"/v1/acme/{production}/{view}", params=terms)
    assert found.status_code == 200, found.text
    return (time.perf_counter() - started) * 1000


async def memory(server: Server, names: list[str]) -> Result:
    """What a process weighs that has decided a command for each of the productions."""
    said = await said_by(sys.executable, "-m", "benchmarks.decided", *names, DATABASE_URL=server.service_url)
    name = f"memory of a process that decided on {len(names)} productions of {EACH:,} events"
    return result(name, "MiB", [float(said)])
