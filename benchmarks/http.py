"""Over HTTP: a complete log-spend beside an endpoint of the same application that does nothing with the same body."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from rich.console import Console

from service import demo
from service.app import opened
from service.embedded import Server

from .measure import ROUNDS, SECONDS, Result, quantile, result

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
    words = [sys.executable, "-m", "benchmarks.client", "127.0.0.1", str(port), path, token, str(clients), str(seconds)]
    ran = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(ran.stdout)
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
    try:
        assert following.stdout is not None
        assert await following.stdout.readline() == b"open\n"
        yield
    finally:
        following.terminate()
        await following.wait()


async def compare(server: Server) -> list[Result]:
    """Every row about HTTP; the read models are kept elsewhere, as `serve --no-projections` does."""
    started = time.perf_counter()
    words = [sys.executable, "-m", "benchmarks.served"]
    serving = await asyncio.create_subprocess_exec(
        *words,
        env=os.environ | {"DATABASE_URL": server.service_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert serving.stdout is not None
        port = int(await serving.stdout.readline())
        start = time.perf_counter() - started
        token = await staged(server.service_url, f"http://127.0.0.1:{port}")
        at = f"/v1/{demo.COMPANY}/{demo.PRODUCTION}"
        ours: list[float] = []
        nothing: list[float] = []
        took: list[float] = []
        for path in (f"{at}/log-spend", f"{at}/no-op"):
            await load(port, path, token, seconds=SECONDS / 2)
        for _ in range(ROUNDS):
            nothing.append((await load(port, f"{at}/no-op", token))["rate"])
            said = await load(port, f"{at}/log-spend", token)
            ours.append(said["rate"])
            took += said["took"]
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(ROUNDS):
            alone.append((await load(port, f"{at}/log-spend", token, FEW))["rate"])
            async with followed(port, await newest(server.service_url), token):
                beside.append((await load(port, f"{at}/log-spend", token, FEW))["rate"])
    finally:
        serving.terminate()
        await serving.wait()
    name = f"log-spend over HTTP, {CLIENTS} clients, one production"
    return [
        result(name, "requests/s", ours, nothing, "no-op endpoint, same body, same app", ">= 0.6"),
        *(result(f"{name}, p{share * 100:.0f}", "ms", [quantile(took, share)]) for share in (0.5, 0.99)),
        result(
            f"log-spend over HTTP, {FEW} clients, beside {STREAMS} open streams of the production",
            "requests/s",
            beside,
            alone,
            "without streams",
            ">= 0.8",
        ),
        result("start of a process until it answers", "s", [start], aim="<= 5"),
    ]
