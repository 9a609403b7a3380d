"""One busy production, without HTTP: its commands, how soon they are seen, and what its past costs to show."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

import asyncpg

from events.budget import BudgetDrafted
from projections import approval_status, audit_trail, current_budget
from projections.rebuild import rebuild
from projections.runner import Runner
from service import streams
from service.app import opened
from service.deciders.approval import Approve
from service.deciders.budget import SetBudget
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember, CompanyCommand, FoundCompany
from service.deciders.production import OpenProduction
from service.deciders.spend import LogSpend
from service.deciders.submission import SubmitBudget
from service.deciders.team import Appoint
from service.embedded import Server
from service.handling import Wish
from service.routes.access import Doors
from service.routes.views import rows_of

from .measure import QUICK, ROUNDS, SECONDS, Result, at_rest, quantile, result, said_by

#: A process that is new to a long history has read it before anything is measured.
streams.PATIENCE_SECONDS = 600

PRODUCTION = "the-long-take"
STREAM = f"acme/{PRODUCTION}"
#: Versions of a production with a long past, and commands of a round.
LONG, ROUND = (5_000, 500) if QUICK else (100_000, 2_000)
#: Young productions a round, and how many events each has in the middle of its commands; as many are sent to it.
YOUNG, FEW = (3, 100) if QUICK else (10, 100)
PEER_EVENTS = 1_000 if QUICK else 5_000
CLIENTS = 32
ACCOUNTS = [str(code) for code in range(2000, 2200)]
NAMED = (current_budget.PROJECTION, approval_status.PROJECTION, audit_trail.PROJECTION)

_entries = count(1)


def sent(command: type[Command], **fields: Any) -> Command:
    """The command's example with other fields, read as the doors read it."""
    return command.model_validate_json(json.dumps(command.example | fields), strict=True)


async def send(doors: Doors, person: str, command: Command, production: str = PRODUCTION) -> int:
    """Handle a command; the position it reached."""
    to = None if isinstance(command, CompanyCommand) else production
    answer = await doors.handling.handle(Wish("acme", to, command, person, uuid4().hex, uuid4(), "api"))
    return answer.position


async def begun(doors: Doors, production: str = PRODUCTION, codes: Sequence[str] = ACCOUNTS) -> None:
    """A company and a production whose budget of these accounts is in force."""
    await send(doors, OPERATOR, FoundCompany(name="Acme Pictures"))
    for person in ("maya", "noor", "ravi"):
        await send(doors, OPERATOR, AdmitMember(person=person, may_open_productions=True))
    await send(doors, "maya", sent(OpenProduction), production)
    for person, role in (("noor", "producer"), ("ravi", "line_producer")):
        await send(doors, "maya", sent(Appoint, person=person, role=role, from_on="2026-01-01"), production)
    accounts = [{"code": code, "name": f"Account {code}", "level": "production", "amount": "1000000"} for code in codes]
    await send(doors, "ravi", sent(SetBudget, accounts=accounts, charges=[], stated={}), production)
    await send(doors, "noor", sent(SubmitBudget), production)
    history = [recorded.event for recorded in await doors.log.read_stream(f"acme/{production}")]
    drafted = next(event for event in history if isinstance(event, BudgetDrafted))
    await send(doors, "maya", sent(Approve, content_hash=drafted.content_hash), production)


def entry() -> Command:
    """An entry of spend within its account."""
    number = next(_entries)
    plain = {"net": "1.00", "tax": "0", "recoverable_tax": "0"}
    return sent(LogSpend, account=ACCOUNTS[number % len(ACCOUNTS)], document=f"D-{number}", **plain)


async def busy(doors: Doors, commands: int, took: list[float], production: str = PRODUCTION) -> float:
    """Commands a second by so many clients, each sending one after the other, and the milliseconds of each."""
    left = iter(range(commands))

    async def client() -> None:
        for _ in left:
            started = time.perf_counter()
            await send(doors, "ravi", entry(), production)
            took.append((time.perf_counter() - started) * 1000)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return commands / (time.perf_counter() - began)


async def seen(doors: Doors, rate: int, seconds: float) -> list[float]:
    """Milliseconds from the answer of a command until the current budget shows it, at so many commands a second."""
    delays: list[float] = []

    async def one() -> None:
        position = await send(doors, "ravi", entry())
        answered = time.perf_counter()
        assert await doors.runner.wait_for("current_budget", position, 30)
        delays.append((time.perf_counter() - answered) * 1000)

    loop, under_way = asyncio.get_running_loop(), []
    started = loop.time()
    for place in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, started + place / rate - loop.time()))
        under_way.append(asyncio.create_task(one()))
    await asyncio.gather(*under_way)
    return delays


async def measured(server: Server) -> AsyncGenerator[Result, None]:
    """Every row about one production."""
    async with opened(server.service_url, project=False) as doors:
        await begun(doors)
        for row in (*await _busy(doors), *await _past(doors, server.owner_url)):
            yield row
    async with opened(server.service_url) as doors:
        assert await doors.runner.wait_for("current_budget", 0, 60)
        for rate in (100, 500):
            await at_rest(server.admin_url)
            await seen(doors, rate, SECONDS / 4)
            for row in _visible(rate, await seen(doors, rate, SECONDS * ROUNDS / 2)):
                yield row
        unrelated = asyncio.create_task(transactions(server.service_url))
        try:
            for rate in (100, 500):
                await at_rest(server.admin_url)
                delays = await seen(doors, rate, SECONDS * ROUNDS / 2)
                for row in _visible(rate, delays, ", beside unrelated transactions of 1 s"):
                    yield row
        finally:
            unrelated.cancel()


def _visible(rate: int, delays: list[float], beside: str = "") -> list[Result]:
    name = f"answer to visible in the current budget, {rate} commands/s{beside}"
    return [
        result(f"{name}, p50", "ms", [quantile(delays, 0.5)]),
        result(f"{name}, p99", "ms", [quantile(delays, 0.99)], aim="<= 100"),
    ]


async def transactions(url: str) -> None:
    """Write, and stand still for a second before the commit, again and again."""
    connection = await asyncpg.connect(url)
    try:
        while True:
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO vendors (company, vendor, name) VALUES ('else', $1, '')", uuid4().hex
                )
                await asyncio.sleep(1)
    finally:
        connection.terminate()


async def _busy(doors: Doors) -> list[Result]:
    while (await doors.handling.production(STREAM)).head.version < LONG:
        await busy(doors, ROUND, [])
    old: list[float] = []
    young: list[float] = []
    rates = []
    for turn in range(ROUNDS):
        rates.append(await busy(doors, ROUND, []))
        for place in range(YOUNG):  # in turn, so that both have the same moments of the machine
            name = f"take-{turn}-{place}"
            await begun(doors, name)
            await busy(doors, FEW // 2, [], name)
            await busy(doors, FEW, young, name)
            await busy(doors, FEW, old)
    name = f"one hot production of {LONG:,} events, {CLIENTS} clients"
    return [
        result(name, "commands/s", rates, aim=">= 1000"),
        result(f"{name}, p50", "ms", [quantile(old, 0.5)], [quantile(young, 0.5)], f"one of about {FEW}", "<= 1.2"),
    ]


async def peer_projection(url: str) -> float:
    """Events a second that the projections of `eventsourcing` take in."""
    return float(await said_by(sys.executable, "-m", "benchmarks.peer_projection", url, PEER_EVENTS))


async def _past(doors: Doors, url: str) -> list[Result]:
    runner = Runner(doors.database.work)
    await runner.refresh()
    rebuilt: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        made = await rebuild(doors.database.work, NAMED)
        rebuilt.append(made.events / (time.perf_counter() - started))
        theirs.append(await peer_projection(url))
    await runner.refresh()
    version = (await doors.handling.production(STREAM)).head.version
    unmarked = [await _then(doors, version)]
    marked = [await _then(doors, version * (place + 1) // 25) for place in range(25)]
    name = f"current budget as of a version up to {version:,}"
    named = "rebuild of current budget, approval status and audit trail"
    return [
        result(named, "events/s", rebuilt, aim=">= 40000"),
        result(named, "events/s", rebuilt, theirs, "eventsourcing, projections of two", ">= 10"),
        result(f"{name}, from nothing, once", "ms", unmarked),
        result(f"{name}, from marks", "ms", marked, aim="<= 300"),
    ]


async def _then(doors: Doors, version: int) -> float:
    """Milliseconds until the current budget as of a version is there."""
    started = time.perf_counter()
    await rows_of(doors, current_budget.PROJECTION, STREAM, str(version), None)
    return (time.perf_counter() - started) * 1000
