"""A wire between the service and its database that can be slow, silent or cut."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import urlsplit


class Wire:
    """Carries bytes both ways."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._ends: set[asyncio.StreamWriter] = set()
        self._silences: set[asyncio.Event] = set()
        self._dark = False
        #: When the service sends this, the answer is waited for and withheld; once.
        self.marker: bytes | None = None
        self.cuts = 0
        #: How long each piece takes on its way, in seconds.
        self.delay: Callable[[], float] = float

    @property
    def busy(self) -> bool:
        return bool(self._ends)

    def cut(self) -> None:
        """Break every connection."""
        for end in self._ends:
            end.transport.abort()

    @contextmanager
    def dark(self) -> Iterator[None]:
        """Nothing arrives; the connections that were there stay silent for ever, as after a router's restart."""
        for silent in self._silences:
            silent.set()
        self._dark = True
        yield
        self._dark = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends or the wire is cut."""
        self._ends.add(writer)
        if self._dark:
            await reader.read(-1)
            writer.transport.abort()
        else:
            await self._carry(reader, writer)
        self._ends.discard(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_database, to_database = await asyncio.open_connection(self._host, self._port)
        ends, cut, silent = (writer, to_database), asyncio.Event(), asyncio.Event()
        self._ends.add(to_database)
        self._silences.add(silent)

        async def carried(data: bytes, to: asyncio.StreamWriter) -> None:
            await asyncio.sleep(self.delay())
            if not silent.is_set():
                to.write(data)
                await to.drain()

        async def ask() -> None:
            while data := await reader.read(65536):
                if self.marker is not None and self.marker in data:
                    self.marker = None
                    cut.set()
                await carried(data, to_database)

        async def answer() -> None:
            while (data := await from_database.read(65536)) and not cut.is_set():
                await carried(data, writer)

        both = [asyncio.create_task(ask()), asyncio.create_task(answer())]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        self.cuts += cut.is_set()
        for task in both:
            task.cancel()
        with suppress(OSError):
            await asyncio.gather(*both, return_exceptions=True)
        self._ends.discard(to_database)
        self._silences.discard(silent)
        for end in ends:
            end.transport.abort()


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to the database of an address, and the address at this end of it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    wire = Wire(parts.hostname, parts.port)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield wire, url.replace(f":{parts.port}/", f":{port}/")
    finally:
        server.close()
        wire.cut()
        while wire.busy:
            await asyncio.sleep(0.01)
