"""A service that is asked to stop answers what it took, and takes no more."""

import asyncio
import json
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx2

from events.spend import SpendLogged
from service.identity import Tokens
from service.serving import GRACE_SECONDS
from tests.conftest import Urls
from tests.deciders.stories import ADMINISTRATOR, ART, LINE_PRODUCER, LOCKED, spend
from tests.events.locks import blocked
from tests.handling.office import STREAM, opened
from tests.routes.test_stream import grown
from tests.routes.world import address, body
from tests.storms.processes import PATIENCE, Service, serving, started


async def logged(client: httpx2.AsyncClient, number: int) -> httpx2.Response:
    command = spend(ART, "1", f"DOC-{number}")
    headers = {"Idempotency-Key": f"key-{number}", "Content-Type": "application/json"}
    return await client.post(address(type(command)), content=body(command), headers=headers)


class TestStop:
    async def test_answers_what_was_taken_and_takes_no_more(self, urls: Urls) -> None:
        async with opened(urls.service) as office:
            await office.play(LOCKED)
            _, token = await Tokens(office.pool).create("acme", LINE_PRODUCER, datetime.now(UTC), timedelta(hours=1))
        admin = await asyncpg.connect(urls.admin)
        service = serving(urls.service)
        async with started(service), service.client(token) as client:
            async with admin.transaction():
                await admin.execute("SELECT FROM streams WHERE stream_id = $1 FOR UPDATE", STREAM)
                taken = [asyncio.create_task(logged(client, number)) for number in range(5)]
                await blocked(admin)
                ending = asyncio.create_task(service.end(signal.SIGTERM))
                await refused(service)
                assert not ending.done()
            async with asyncio.timeout(PATIENCE):
                assert await ending == 0

            answers = await asyncio.gather(*taken, return_exceptions=True)
        await admin.close()
        assert all(isinstance(each, httpx2.Response | httpx2.TransportError) for each in answers), answers
        answered = [number for number, each in enumerate(answers) if isinstance(each, httpx2.Response)]
        assert {answers[number].status_code for number in answered} == {201}  # type: ignore[union-attr]
        async with opened(urls.service) as office:
            stored = await office.log.read_stream(STREAM)
        documents = [each.event.document for each in stored if isinstance(each.event, SpendLogged)]
        assert sorted(filter(None, documents)) == [f"DOC-{number}" for number in answered]

    async def test_ends_the_streams_that_are_open(self, urls: Urls) -> None:
        async with opened(urls.service) as office:
            await office.play(LOCKED)
            _, token = await Tokens(office.pool).create("acme", LINE_PRODUCER, datetime.now(UTC), timedelta(hours=1))
        service = serving(urls.service)
        asked = f"/v1/{STREAM.replace('/', '/events?production=')}"
        async with (
            started(service),
            service.client(token) as client,
            client.stream("GET", asked, headers={"Accept": "text/event-stream"}) as stream,
        ):
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith("id: ")
            async with asyncio.timeout(GRACE_SECONDS):
                assert await service.end(signal.SIGTERM) == 0
                assert [line async for line in lines][-1] == ""

    async def test_leaves_who_takes_nothing_and_says_nothing_of_it(self, urls: Urls, tmp_path: Path) -> None:
        async with opened(urls.service) as office:
            await office.play(LOCKED)
            _, token = await Tokens(office.pool).create("acme", ADMINISTRATOR, datetime.now(UTC), timedelta(hours=1))
        await grown(urls, 20_000)
        service = serving(urls.service)
        service.errors = tmp_path / "log"
        async with started(service):
            stuck = socket.socket()
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", service.port))
            asked = f"GET /v1/acme/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            stuck.sendall(f"{asked}Accept: text/event-stream\r\n\r\n".encode())
            assert stuck.recv(12) == b"HTTP/1.1 200"
            await asyncio.sleep(2)
            began = asyncio.get_running_loop().time()
            ended = await service.end(signal.SIGTERM)
            took = asyncio.get_running_loop().time() - began
            stuck.close()

        assert (ended, took < GRACE_SECONDS) == (0, True), took
        told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        assert [line for line in told if "logger" in line] == []  # nothing of a library's


async def refused(service: Service) -> None:
    """Wait until the service takes no new connection."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.02)
