"""A wire between the service and its database that can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Wire:
    """Carries bytes both ways; when the service sends the marker, the answer is waited for and withheld."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.marker: bytes | None = None
        self.cuts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends or the wire is cut."""
        from_database, to_database = await asyncio.open_connection(self._host, self._port)
        cut = asyncio.Event()

        async def ask() -> None:
            while data := await reader.read(65536):
                if self.marker is not None and self.marker in data:
                    self.marker = None
                    cut.set()
                to_database.write(data)
                await to_database.drain()

        async def answer() -> None:
            while (data := await from_database.read(65536)) and not cut.is_set():
                writer.write(data)
                await writer.drain()

        both = [asyncio.create_task(ask()), asyncio.create_task(answer())]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        self.cuts += cut.is_set()
        for task in both:
            task.cancel()
        with suppress(OSError):
            await asyncio.gather(*both, return_exceptions=True)
        for end in (writer, to_database):
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
