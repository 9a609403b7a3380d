"""Readers of the feed that cost little: open streams whose bytes are thrown away, as a process of its own.

`python -m benchmarks.followers HOST PORT PATH TOKEN STREAMS` says `open` when all of them are, and ends with its input.
"""

import asyncio
import sys
from typing import cast

import uvloop
from typing_extensions import override


class Stream(asyncio.Protocol):
    """Asks for a stream, and takes whatever comes."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.open = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._head)

    @override
    def data_received(self, data: bytes) -> None:
        if self.open.done():
            return
        if data.startswith(b"HTTP/1.1 200"):
            self.open.set_result(None)
        else:
            self.open.set_exception(RuntimeError(data.decode()))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(exc or EOFError("closed before it was open"))


async def main(host: str, port: int, path: str, token: str, streams: int) -> None:
    """Follow until the input ends."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Stream(head), host, port) for _ in range(streams)]
    await asyncio.gather(*(stream.open for _, stream in made))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    host, port, path, token, streams = sys.argv[1:]
    uvloop.run(main(host, int(port), path, token, int(streams)))
