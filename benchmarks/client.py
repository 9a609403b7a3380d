"""A client that costs little: raw HTTP/1.1 on kept connections, as a process of its own.

`python -m benchmarks.client HOST PORT PATH TOKEN CONNECTIONS SECONDS` sends one body of spend after the other,
each under a key of its own, and prints the answers a second and the milliseconds of each as JSON.
"""

import asyncio
import json
import sys
import time
from typing import cast
from uuid import uuid4

import uvloop
from typing_extensions import override

BODY = json.dumps(
    {
        "account": "2200",
        "currency": "INR",
        "net": "1.00",
        "vendor": "kala-sets",
        "spent_on": "2026-11-16",
        "posted_on": "2026-11-18",
        "kind": "invoice",
        "document": "DOC",
    }
)


class Connection(asyncio.Protocol):
    """Sends a request as soon as the last one is answered."""

    def __init__(self, head: str, until: float, took: list[float]) -> None:
        self._head, self._until, self._took = head, until, took
        self._buffer = b""
        self._sent_at = 0.0
        self.over = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        key = uuid4().hex
        body = BODY.replace("DOC", key).encode()
        self._sent_at = time.perf_counter()
        self._transport.write(
            f"{self._head}Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(self._buffer) < end + 4 + length:
            return
        if not head.startswith((b"http/1.1 201", b"http/1.1 200")):
            self.over.set_exception(RuntimeError(self._buffer.decode()))
            self._transport.close()
            return
        self._buffer = b""
        now = time.perf_counter()
        self._took.append((now - self._sent_at) * 1000)
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


async def load(
    host: str, port: int, path: str, token: str, connections: int, seconds: float
) -> tuple[float, list[float]]:
    """Answers a second, and the milliseconds of each."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\n"
    )
    took: list[float] = []
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(head, began + seconds, took), host, port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.over for _, connection in made))
    return len(took) / (time.perf_counter() - began), took


if __name__ == "__main__":
    host, port, path, token, connections, seconds = sys.argv[1:]
    rate, took = uvloop.run(load(host, int(port), path, token, int(connections), float(seconds)))
    print(json.dumps({"rate": rate, "took": took}))
