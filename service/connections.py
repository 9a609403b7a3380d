"""A connection as it is served: the head of a request is bounded before anybody knows who sends it.

uvicorn's parser bounds neither how long a head is nor how long it takes, and keeps all of it in memory. Here a head
has so many bytes, so many headers and so many seconds, and only so many connections may stand without one.
"""

import asyncio
from typing import Any, ClassVar

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.problems import head_too_large

#: Of the request line and all headers together; the same bounds what comes after a body.
HEAD_BYTES = 64 * 1024
HEADERS_AT_MOST = 100
#: From the first byte, or from the connection, until the head is whole.
HEAD_SECONDS = 10.0
#: How long somebody is listened to who was told that it is too much.
PARTING_SECONDS = 1.0
#: Connections without a head; one more, and the one that stood longest is closed.
HALF_OPEN_AT_MOST = 512


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounds on what comes before a body."""

    #: Of the process, in the order in which they came.
    half_open: ClassVar[dict["BoundedProtocol", None]] = {}

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        #: A head is waited for, or on its way.
        self._awaits_head = True
        #: Bytes that came since a request began, or since its body last went on.
        self._beside = 0
        #: Of the request line and the headers alone.
        self._head = 0
        self._too_large = False
        self._late: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._has_head()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._too_large:
            return
        if self._awaits_head and self._late is None:
            self._wait()
        self._beside += len(data)
        super().data_received(data)
        if self._too_large or self._beside > HEAD_BYTES:
            self._refuse()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        if self.cycle is not None:
            self._beside = 0  # what came at once with it may be the body before, and is never more than one read

    @override
    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name, value)
        if not self._too_large:
            super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        self._awaits_head = False
        self._has_head()
        if not self._too_large:
            super().on_headers_complete()

    @override
    def on_body(self, body: bytes) -> None:
        self._beside = 0
        if not self._too_large:
            super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._awaits_head = True
        if not self._too_large:
            super().on_message_complete()

    def _count(self, *parts: bytes) -> None:
        self._head += sum(map(len, parts))
        if self._head > HEAD_BYTES or len(self.headers) >= HEADERS_AT_MOST:
            self._too_large = True

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)
        self.half_open[self] = None
        if len(self.half_open) > HALF_OPEN_AT_MOST:
            next(iter(self.half_open))._give_up()

    def _has_head(self) -> None:
        self.half_open.pop(self, None)
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        """Nobody reads what could be said to them."""
        self._has_head()
        self.transport.abort()

    def _refuse(self) -> None:
        """Say that it is too much; into an answer that is on its way nothing else can be said."""
        self._too_large = True
        self._has_head()
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        answer = head_too_large(HEAD_BYTES, HEADERS_AT_MOST)
        answer.headers["connection"] = "close"
        head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self.transport.write(STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body))
        # What still comes is thrown away for a moment: closed on bytes not read, the answer would be lost with them.
        self.transport.write_eof()
        self.loop.call_later(PARTING_SECONDS, self.transport.abort)
