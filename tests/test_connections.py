"""What is sent before anybody knows who sends it: over a real socket, with nobody's leave."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from service import app, connections
from service.connections import HALF_OPEN_AT_MOST, HEAD_BYTES, HEADERS_AT_MOST, BoundedProtocol
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember, FoundCompany
from service.handling import Wish
from service.routes.commands import BODY_BYTES
from service.serving import served
from tests.conftest import Urls

PATIENCE = 20
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: greenlight.test\r\n"
SEND = (
    b"POST /v1/acme/accept-invitation HTTP/1.1\r\nHost: greenlight.test\r\n"
    b"Authorization: Bearer %b\r\nContent-Type: application/json\r\n"
)


@pytest.fixture
async def port(urls: Urls) -> AsyncIterator[int]:
    async with served(urls.service, "127.0.0.1", 0) as (_, address, _):
        yield int(address.rpartition(":")[2])


def _wish(command: Command, key: str) -> Wish:
    return Wish("acme", None, command, OPERATOR, key, uuid4(), "cli")


class Caller:
    """Somebody at the other end of a connection."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> "Caller":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def says(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def hears(self) -> tuple[int, bytes]:
        """A status and a body; 0 when the connection ends without."""
        async with asyncio.timeout(PATIENCE):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return 0, b""
            length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
            return int(head.split()[1]), await self.reader.readexactly(length)

    async def is_left(self) -> bool:
        """Whether the other end closed, whatever it said before."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionResetError):
                await self.reader.read()
            return True


class TestAHead:
    async def test_within_its_bounds_is_read_again_and_again_on_one_connection(self, port: int) -> None:
        large = LIVEZ + b"X: " + b"x" * (HEAD_BYTES - 200) + b"\r\n\r\n"
        many = LIVEZ + b"X: x\r\n" * (HEADERS_AT_MOST - 1) + b"\r\n"
        async with Caller(port) as caller:
            for head in (LIVEZ + b"\r\n", large, many, LIVEZ + b"\r\n"):
                await caller.says(head)
                assert (await caller.hears())[0] == 200

    @pytest.mark.parametrize(
        "sent",
        [
            LIVEZ + b"X: " + b"x" * HEAD_BYTES + b"\r\n\r\n",
            LIVEZ + b"X: " + b"x" * HEAD_BYTES * 2,
            b"GET /" + b"x" * HEAD_BYTES * 2,
            LIVEZ + b"X: x\r\n" * (HEADERS_AT_MOST + 1) + b"\r\n",
            b"\r\n" * HEAD_BYTES,
        ],
        ids=["a header", "a header without end", "an address without end", "headers", "nothing but ends of lines"],
    )
    async def test_beyond_them_is_refused_before_it_comes_to_its_end(self, port: int, sent: bytes) -> None:
        async with Caller(port) as caller:
            await caller.says(sent)
            status, body = await caller.hears()
            assert (status, json.loads(body)["type"]) == (431, "urn:greenlight:problem:head-is-too-large")
            assert await caller.is_left()

    async def test_that_goes_on_after_a_body_ends_the_connection(self, port: int) -> None:
        chunked = SEND % b"x" + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: "
        async with Caller(port) as caller:
            await caller.says(chunked)
            await caller.says(b"x" * HEAD_BYTES * 8)
            assert (await caller.hears())[0] in (0, 401, 431)
            assert await caller.is_left()

    async def test_that_does_not_come_is_not_waited_for(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
        async with Caller(port) as silent, Caller(port) as slow, Caller(port) as second:
            await slow.says(LIVEZ)
            await second.says(LIVEZ + b"\r\n")
            assert (await second.hears())[0] == 200
            await second.says(LIVEZ)
            assert [await each.is_left() for each in (silent, slow, second)] == [True, True, True]
        assert BoundedProtocol.half_open == {}


async def test_connections_without_a_head_give_way_to_others(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HALF_OPEN_AT_MOST >= 100
    monkeypatch.setattr(connections, "HALF_OPEN_AT_MOST", 3)
    waiting = [Caller(port) for _ in range(5)]
    for each in waiting:
        await each.__aenter__()
        await asyncio.sleep(0.05)
    assert [await each.is_left() for each in waiting[:2]] == [True, True]
    await waiting[-1].says(LIVEZ + b"\r\n")
    assert (await waiting[-1].hears())[0] == 200
    for each in waiting:
        await each.__aexit__()


class TestABody:
    async def test_that_stalls_is_told_so_and_not_that_the_database_is_away(
        self, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(app, "ANSWER_SECONDS", 0.3)
        async with served(urls.service, "127.0.0.1", 0) as (_, address, doors):
            await doors.handling.handle(_wish(FoundCompany(name="Acme Pictures"), "found"))
            await doors.handling.handle(_wish(AdmitMember(person="maya"), "admit"))
            _, token = await doors.tokens.create("acme", "maya", datetime.now(UTC), timedelta(hours=1))
            post = b"POST /v1/acme/keys HTTP/1.1\r\nHost: greenlight.test\r\nContent-Type: application/json\r\n"
            post += b"Authorization: Bearer %b\r\n" % token.encode()
            async with Caller(int(address.rpartition(":")[2])) as slow:
                await slow.says(post + b"Content-Length: 20\r\n\r\n{")
                status, body = await slow.hears()
                assert (status, json.loads(body)["type"]) == (408, "urn:greenlight:problem:body-is-late")
                assert await slow.is_left()
            async with Caller(int(address.rpartition(":")[2])) as large:
                await large.says(post + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES + 1))
                status, body = await large.hears()
                assert (status, json.loads(body)["type"]) == (413, "urn:greenlight:problem:body-is-too-large")
                assert await large.is_left()
