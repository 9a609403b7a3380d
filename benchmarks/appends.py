"""Durable appends: ours beside `eventsourcing`, Emmett, `pgbench` and a bare insert of many rows."""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from uuid import uuid4

import asyncpg

from events.append import GENESIS_HEAD, Append, Appended
from events.log import Log
from service.embedded import Server
from service.embedded_binaries import binaries

from .facts import command, texts
from .measure import ROUNDS, SECONDS, Result, at_rest, quantile, result, said_by

ROWS = 200
#: There when node is, see the Makefile.
EMMETT = Path(__file__).parent.parent / ".venv" / ".emmett"
_TABLE = """
CREATE TABLE IF NOT EXISTS peer (LIKE events INCLUDING ALL);
ALTER TABLE peer ALTER COLUMN position SET DEFAULT nextval('events_position');
"""
_PGBENCH = """
\\set version random(1, 9000000000000000000)
INSERT INTO peer (stream_id, version, event_id, type, schema_version, payload, metadata, link)
VALUES ('bench/writer-' || :client_id, :version, gen_random_uuid(), 'SpendLogged', 1, :payload, :metadata,
        decode(repeat('ab', 32), 'hex'));
"""
_BATCH = (
    "INSERT INTO peer (stream_id, version, event_id, type, schema_version, payload, metadata, link)"
    " SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::smallint[], $6::json[], $7::json[],"
    " $8::bytea[])"
)


async def appends(url: str, writers: int, seconds: float) -> tuple[float, list[float]]:
    """Appends a second by so many writers, each on a stream of its own, and what each append took."""
    took: list[float] = []

    async def write(log: Log, stream: str) -> None:
        head = GENESIS_HEAD
        for number in count(1):
            started = time.perf_counter()
            if started > until:
                return
            [outcome] = await log.append(Append(stream, head, (command(stream, number),)))
            assert isinstance(outcome, Appended)
            head = outcome.head
            took.append(time.perf_counter() - started)

    async with asyncpg.create_pool(url, min_size=2, max_size=4, reset=_nothing) as pool:
        run, log = uuid4().hex[:8], Log(pool)
        began = time.perf_counter()
        until = began + seconds
        await asyncio.gather(*(write(log, f"{run}/{place}") for place in range(writers)))
        return len(took) / (time.perf_counter() - began), took


async def _nothing(_: object) -> None:
    pass


async def batches(url: str, seconds: float) -> float:
    """Rows a second when one connection inserts them by the batch, and nothing else."""
    payload, metadata = texts()
    connection = await asyncpg.connect(url)
    stream, rows, began = f"batch/{uuid4()}", 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        versions = list(range(rows + 1, rows + ROWS + 1))
        same: list[list[object]] = [[value] * ROWS for value in ("SpendLogged", 1, payload, metadata, b"l" * 32)]
        await connection.execute(_BATCH, [stream] * ROWS, versions, [uuid4() for _ in versions], *same)
        rows += ROWS
    rate = rows / (time.perf_counter() - began)
    await connection.close()
    return rate


async def pgbench(tools: Path, url: str, clients: int, seconds: float) -> float:
    """Rows a second by PostgreSQL's own load generator, one row a transaction."""
    payload, metadata = texts()
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_PGBENCH)
        script.flush()
        said = await said_by(
            *(tools / "pgbench", "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=2"),
            *(f"--time={max(1, round(seconds))}", f"--file={script.name}"),
            *(f"--define=payload={payload}", f"--define=metadata={metadata}", url),
        )
    found = re.search(r"tps = ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


async def eventsourcing(url: str, writers: int, seconds: float, mode: str) -> float:
    """Events a second by the library `eventsourcing`, in a process of its own."""
    return float(await said_by(sys.executable, "-m", "benchmarks.peer_eventsourcing", url, writers, seconds, mode))


async def emmett(url: str, writers: int, seconds: float) -> float:
    """Events a second by Emmett's event store, in a process of its own."""
    return float(await said_by("node", EMMETT / "peer.mjs", url, writers, seconds, *texts()))


Peer = Callable[[int], Awaitable[float]]


async def peers(server: Server) -> dict[str, Peer]:
    """The libraries that are here, each by what it appends in a second with so many writers."""
    found: dict[str, Peer] = {
        f"eventsourcing ({mode})": partial(eventsourcing, server.owner_url, seconds=SECONDS, mode=mode)
        for mode in ("safe", "functions")
    }
    if (EMMETT / "node_modules").is_dir():
        admin = await asyncpg.connect(server.admin_url)
        await admin.execute("CREATE DATABASE emmett OWNER greenlight_owner")
        await admin.close()
        found["emmett"] = partial(emmett, f"{server.owner_url.rsplit('/', 1)[0]}/emmett", seconds=SECONDS)
    return found


async def compare(server: Server) -> AsyncGenerator[Result, None]:
    """Every row about appends."""
    tools = binaries(Path()).tools  # a client does not mind whose cluster it is
    owner = await asyncpg.connect(server.owner_url)
    await owner.execute(_TABLE)
    await owner.close()
    libraries = await peers(server)
    for writers in (1, 32, 256):
        for row in await _compare(server, tools, writers, libraries):
            yield row


def _latencies(name: str, took: list[float]) -> Iterator[Result]:
    for share in (0.5, 0.99):
        yield result(f"{name}, p{share * 100:.0f}", "ms", [quantile(took, share) * 1000])


async def _compare(server: Server, tools: Path, writers: int, libraries: dict[str, Peer]) -> list[Result]:
    ours: list[float] = []
    took: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in libraries}
    inserts: list[float] = []
    await appends(server.service_url, writers, SECONDS / 4)
    for _ in range(ROUNDS):
        await at_rest(server.admin_url)
        rate, times = await appends(server.service_url, writers, SECONDS)
        ours.append(rate)
        took += times
        if writers == 1:
            continue
        for name, library in libraries.items():
            await at_rest(server.admin_url)
            theirs[name].append(await library(writers))
        await at_rest(server.admin_url)
        if writers == 32:
            inserts.append(await pgbench(tools, server.owner_url, 32, SECONDS))
        else:
            inserts.append(await batches(server.owner_url, SECONDS))
    name = f"durable appends, {writers} writers"
    rows = [*_latencies(name, took)]
    if writers == 1:
        return [result(name, "appends/s", ours), *rows]
    insert, aim = ("pgbench, 32 connections", ">= 0.8") if writers == 32 else (f"bare insert of {ROWS} rows", ">= 0.4")
    return [
        *(
            result(name, "appends/s", ours, rates, library, ">= 4" if writers == 32 else ">= 6")
            for library, rates in theirs.items()
        ),
        result(name, "appends/s", ours, inserts, insert, aim),
        *rows,
    ]
