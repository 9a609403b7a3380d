"""The service as processes of their own, to be killed, stopped in their tracks and started again."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.clients import NO_TLS

ROOT = Path(__file__).parent.parent.parent
#: No step of these tests takes as long.
PATIENCE = 60
#: All clients of a storm are one person.
UNLIMITED = {"GREENLIGHT_REQUESTS_A_SECOND": "0"}


@dataclass
class Process:
    """`greenlight` with some arguments, before one database, over all its lives."""

    database_url: str
    arguments: tuple[str, ...]
    process: asyncio.subprocess.Process | None = None
    #: Where its log goes.
    errors: Path = Path(os.devnull)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        with self.errors.open("a") as errors:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service.cli", *self.arguments),
                cwd=ROOT,
                env=os.environ | {"DATABASE_URL": self.database_url} | UNLIMITED,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
            )

    def send(self, word: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(word)

    async def end(self, how: signal.Signals) -> int:
        """Send it a signal and wait for its end; how it ended."""
        assert self.process is not None
        self.send(how)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@dataclass
class Service(Process):
    """One that serves, at one address over all its lives."""

    port: int = field(default_factory=lambda: free_port())

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        await super().start()
        await self.ready()

    async def ready(self) -> None:
        assert self.process is not None
        async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(verify=NO_TLS) as client:
            while True:
                assert self.process.returncode is None, "the service could not start"
                with suppress(httpx2.TransportError):
                    if (await client.get(f"{self.address}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    def client(self, token: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self.address, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE, verify=NO_TLS
        )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def serving(database_url: str, *options: str) -> Service:
    service = Service(database_url, ())
    service.arguments = ("serve", "--port", str(service.port), *options)
    return service


def projecting(database_url: str) -> Process:
    return Process(database_url, ("project",))


@asynccontextmanager
async def started(*processes: Process) -> AsyncIterator[None]:
    """The processes run while the block does, and nothing of them is left after it."""
    try:
        await asyncio.gather(*(each.start() for each in processes))
        yield
    finally:
        for each in processes:
            if each.process is not None and each.process.returncode is None:
                await each.end(signal.SIGKILL)
