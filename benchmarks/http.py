"""Over HTTP: a complete log-spend beside an endpoint of the same application that does nothing with the same body."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from rich.console import Console

from service import demo
from service.app import opened
from service.embedded import Server

from .measure import ROUNDS, SECONDS, Result, quantile, result, said_by

CLIENTS = 32
#: Readers that follow the production, and clients that send to it meanwhile.
STREAMS, FEW = 100, 4


async def staged(url: str, address: str) -> str:
    """The demonstration's production, up to its locked budget; the line producer's token."""
    async with opened(url, pool_size=2, project=False) as doors, httpx2.AsyncClient(base_url=address) as client:
        play = demo.Play(client, await demo.found(doors), Console(quiet=True))
        await demo.opening(play)
        await demo.approving(play, await demo.budgeting(play))
        return play.tokens["line producer"]


async def load(port: int, path: str, token: str, clients: int = CLIENTS, seconds: float = SECONDS) -> dict[str, Any]:
    """What a client of its own process saw."""
    words = ("-m", "benchmarks.client", "127.0.0.1", port, path, token, clients, seconds)
    said: dict[str, Any] = json.loads(await said_by(sys.executable, *words))
    return said


async def newest(url: str) -> str:
    """The address of the production's feed from here on."""
    async with opened(url, pool_size=2, project=False) as doors:
        position = await doors.log.complete()
    return f"/v1/{demo.COMPANY}/events?production={demo.PRODUCTION}&after={position}"


@asynccontextmanager
async def followed(port: int, path: str, token: str) -> AsyncIterator[None]:
    """Streams of the feed are open while the block lasts, each told whatever happens."""
    words = [sys.executable, "-m", "benchmarks.followers", "127.0.0.1", str(port), path, token, str(STREAMS)]
    pipe = asyncio.subprocess.PIPE
    following = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    assert following.stdin is not None
    assert following.stdout is not None
    try:
        assert await following.stdout.readline() == b"open\n", "not every stream was opened"
        yield
    finally:
        following.stdin.close()
        await following.wait()


@asynccontextmanager
async def served(url: str) -> AsyncIterator[int]:
    """The port of a process that serves; the read models are kept elsewhere, as `serve --no-projections` does."""
    serving = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.served"),
        env=os.environ | {"DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert serving.stdout is not None
        yield int(await serving.stdout.readline())
    finally:
        serving.terminate()
        await serving.wait()


def budget_file(lines: int) -> str:
    """A budget as other tools export it: accounts of a hundred lines."""
    rows = ["Acct,Description,Amt,Units,X,Rate,Total"]
    for number in range(lines):
        code = 1000 + 100 * (number // 100)
        if number % 100 == 0:
            rows.append(f"{code},Account {code},,,,,")
        rows.append(f'{code + number % 100},"Line, {number}",2,5,1,{number + 1}.50,"{10 * number + 15:,}.00"')
    return "\n".join(rows)


async def imported(client: httpx2.AsyncClient, at: str, token: str, text: str) -> float:
    """Seconds until a file is read and the budget that it says is set."""
    started = time.perf_counter()
    bearing = {"Authorization": f"Bearer {token}"}
    address = f"{at}/read-budget-file?document=export.csv"
    read = await client.post(address, content=text, headers=bearing | {"Content-Type": "text/csv"})
    told = read.raise_for_status().json()
    assert told["reconciled"], "the file adds"
    key = {"Idempotency-Key": f"import-{started}"}
    (await client.post(f"{at}/set-budget", json=told["command"], headers=bearing | key)).raise_for_status()
    return time.perf_counter() - started


async def compare(server: Server) -> AsyncGenerator[Result, None]:
    """Every row about HTTP."""
    started = time.perf_counter()
    async with served(server.service_url) as port:
        yield result("start of a process until it answers", "s", [time.perf_counter() - started], aim="<= 5")
        token = await staged(server.service_url, f"http://127.0.0.1:{port}")
        at = f"/v1/{demo.COMPANY}/{demo.PRODUCTION}"
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            # Each with a line more than the one before: the same content again would set nothing.
            seconds = [await imported(client, at, token, budget_file(5000 + each)) for each in range(ROUNDS)]
        yield result("import of a budget of 5,000 lines, read and set", "s", seconds, aim="<= 2")
        for path in (f"{at}/log-spend", f"{at}/no-op"):
            await load(port, path, token, seconds=SECONDS / 2)
        ours: list[float] = []
        nothing: list[float] = []
        took: list[float] = []
        for _ in range(ROUNDS):
            nothing.append((await load(port, f"{at}/no-op", token))["rate"])
            said = await load(port, f"{at}/log-spend", token)
            ours.append(said["rate"])
            took += said["took"]
        name = f"log-spend over HTTP, {CLIENTS} clients, one production"
        yield result(name, "requests/s", ours, nothing, "no-op endpoint, same body, same app", ">= 0.6")
        for share in (0.5, 0.99):
            yield result(f"{name}, p{share * 100:.0f}", "ms", [quantile(took, share)])
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(ROUNDS):
            alone.append((await load(port, f"{at}/log-spend", token, FEW))["rate"])
            async with followed(port, await newest(server.service_url), token):
                beside.append((await load(port, f"{at}/log-spend", token, FEW))["rate"])
        name = f"log-spend over HTTP, {FEW} clients, beside {STREAMS} open streams of the production"
        yield result(name, "requests/s", beside, alone, "without streams", ">= 0.8")
