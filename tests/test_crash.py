"""The service is killed in the middle of a storm: what was acknowledged is there, and everything is there once."""

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from events.spend import SpendLogged
from projections.runner import Runner
from service import verify
from service.identity import Tokens
from service.serving import GRACE_SECONDS
from tests.conftest import Urls
from tests.deciders.stories import ART, LINE_PRODUCER, LOCKED
from tests.events.locks import blocked
from tests.handling.office import STREAM, Office, opened
from tests.projections.desk import agree, caught_up, lapsed

ROOT = Path(__file__).parent.parent
CLIENTS, ENTRIES, KILLS = 8, 800, 3
#: No step of these tests takes as long.
PATIENCE = 60


@dataclass
class Service:
    """The service as a process of its own, at one address over all its lives."""

    database_url: str
    token: str
    port: int
    process: asyncio.subprocess.Process | None = None
    up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service.cli", "serve", "--port", str(self.port)),
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": self.database_url},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(PATIENCE), httpx2.AsyncClient() as client:
            while True:
                assert self.process.returncode is None, "the service could not start"
                with suppress(httpx2.TransportError):
                    if (await client.get(f"{self.address}/readyz")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        self.up.set()

    async def end(self, how: signal.Signals) -> int:
        """Send it a signal and wait for its end; how it ended."""
        assert self.process is not None
        self.up.clear()
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def struck(self, *, still: bool) -> None:
        """Kill it; held still first, every client is sure to wait for an answer that never comes."""
        assert self.process is not None
        if still:
            self.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.1)
        assert await self.end(signal.SIGKILL) == -signal.SIGKILL

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self.address, headers={"Authorization": f"Bearer {self.token}"}, timeout=PATIENCE
        )


def body(number: int) -> dict[str, Any]:
    return {
        "account": ART,
        "currency": "INR",
        "net": str(number + 1),
        "vendor": "kala-sets",
        "spent_on": "2026-11-16",
        "posted_on": "2026-11-18",
        "kind": "invoice",
        "document": f"DOC-{number}",
    }


async def logged(client: httpx2.AsyncClient, number: int) -> httpx2.Response:
    return await client.post(f"/v1/{STREAM}/log-spend", json=body(number), headers={"Idempotency-Key": f"key-{number}"})


@pytest.fixture
async def office(urls: Urls) -> AsyncIterator[Office]:
    """A production under way, looked at from outside the service."""
    async with opened(urls.service) as inside:
        await inside.play(LOCKED)
        yield inside


@asynccontextmanager
async def started(urls: Urls, office: Office) -> AsyncIterator[Service]:
    """A service that is ready; nothing of it is left when the block is."""
    now = datetime.now(UTC)
    _, token = await Tokens(office.pool).create("acme", LINE_PRODUCER, now, timedelta(hours=1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = Service(urls.service, token, port)
    try:
        await service.start()
        yield service
    finally:
        if service.process is not None and service.process.returncode is None:
            await service.end(signal.SIGKILL)


class Storm:
    """Clients that send entry after entry, each until it is acknowledged, and write down what they were told."""

    def __init__(self, service: Service, journal: Path) -> None:
        self.service = service
        self.journal = journal
        self.waiting = list(reversed(range(ENTRIES)))
        self.acknowledged = 0
        self.sent_again = 0
        self.progress = asyncio.Condition()

    async def run(self) -> None:
        await asyncio.gather(*(self.send() for _ in range(CLIENTS)))

    async def send(self) -> None:
        async with self.service.client() as client:
            while self.waiting:
                number = self.waiting.pop()
                while not await self.acknowledge(client, number):
                    self.sent_again += 1
                async with self.progress:
                    self.acknowledged += 1
                    self.progress.notify_all()

    async def acknowledge(self, client: httpx2.AsyncClient, number: int) -> bool:
        """Whether the service, once it is up, took the entry and lived to say so."""
        await asyncio.wait_for(self.service.up.wait(), PATIENCE)
        try:
            response = await logged(client, number)
        except httpx2.TransportError:
            await asyncio.sleep(0.01)
            return False
        assert response.status_code == 201, response.text
        replayed = "Idempotency-Replayed" in response.headers
        with self.journal.open("a") as lines:
            lines.write(json.dumps({"number": number, "replayed": replayed, "answer": response.json()}) + "\n")
        return True

    def told(self) -> list[str]:
        return self.journal.read_text().splitlines()

    async def reaches(self, count: int) -> None:
        async with self.progress:
            await asyncio.wait_for(self.progress.wait_for(lambda: self.acknowledged >= count), PATIENCE)


class TestKill:
    async def test_in_the_middle_of_a_storm_loses_nothing_acknowledged_and_doubles_nothing(
        self, urls: Urls, office: Office, tmp_path: Path
    ) -> None:
        seed = int(os.environ.get("CRASH_SEED") or random.randrange(2**32))
        try:
            await self.storm(urls, office, tmp_path / "journal", random.Random(seed))
        except BaseException as error:
            error.add_note(f"CRASH_SEED={seed}")
            raise

    async def storm(self, urls: Urls, office: Office, journal: Path, chance: random.Random) -> None:
        before = (await office.log.heads(STREAM))[STREAM].version
        async with started(urls, office) as service:
            storm = Storm(service, journal)
            storming = asyncio.create_task(storm.run())
            for kill in range(KILLS):
                share = ENTRIES // (KILLS + 1)
                await storm.reaches(kill * share + chance.randrange(share // 2, share))
                await asyncio.sleep(chance.uniform(0, 0.02))
                await service.struck(still=kill == 0)
                await service.start()
            await asyncio.wait_for(storming, PATIENCE)
            async with service.client() as client:
                again = [(await logged(client, number)).headers["Idempotency-Replayed"] for number in (0, ENTRIES - 1)]
            assert again == ["true", "true"]
            async with asyncio.timeout(10):
                assert await service.end(signal.SIGTERM) == 0

        assert storm.sent_again >= CLIENTS
        recorded = await office.log.read_stream(STREAM)
        by_version = {each.version: each for each in recorded}
        told = [json.loads(line) for line in storm.told()]
        assert sorted(line["number"] for line in told) == list(range(ENTRIES))
        for line in told:
            for said in line["answer"]["events"]:
                there = by_version[said["version"]]
                assert (str(there.event_id), type(there.event).__name__) == (said["event_id"], said["type"])
            first = by_version[line["answer"]["events"][0]["version"]].event
            assert isinstance(first, SpendLogged)
            assert first.document == f"DOC-{line['number']}"
        documents = Counter(each.event.document for each in recorded if isinstance(each.event, SpendLogged))
        assert documents == Counter({f"DOC-{number}": 1 for number in range(ENTRIES)})
        assert [each.version for each in recorded] == list(range(1, len(recorded) + 1))
        assert len(recorded) >= before + ENTRIES
        await self.nothing_is_amiss(office)

    async def nothing_is_amiss(self, office: Office) -> None:
        """The chain holds, and the views that the killed processes left are what a replay makes."""
        async with office.pool.acquire() as connection:
            assert [v.broken async for v in verify.verify(connection)] == [None, None]
        runner = Runner(office.pool)
        assert {point.error for point in (await runner.checkpoints()).values()} == {None}
        await lapsed(office)  # of a process that was killed
        await caught_up(runner)
        await agree(office, STREAM)


class TestStop:
    async def test_answers_what_was_taken_and_takes_no_more(self, urls: Urls, office: Office) -> None:
        admin = await asyncpg.connect(urls.admin)
        async with started(urls, office) as service, service.client() as client:
            async with admin.transaction():
                await admin.execute("SELECT FROM streams WHERE stream_id = $1 FOR UPDATE", STREAM)
                taken = [asyncio.create_task(logged(client, number)) for number in range(5)]
                await blocked(admin)
                ending = asyncio.create_task(service.end(signal.SIGTERM))
                await refused(service)
                assert not ending.done()
            async with asyncio.timeout(10):
                assert await ending == 0

            answers = await asyncio.gather(*taken, return_exceptions=True)
        await admin.close()
        assert all(isinstance(each, httpx2.Response | httpx2.TransportError) for each in answers), answers
        answered = [number for number, each in enumerate(answers) if isinstance(each, httpx2.Response)]
        assert {answers[number].status_code for number in answered} == {201}  # type: ignore[union-attr]
        documents = [e.event.document for e in await office.log.read_stream(STREAM) if isinstance(e.event, SpendLogged)]
        assert sorted(filter(None, documents)) == [f"DOC-{number}" for number in answered]

    async def test_ends_the_streams_that_are_open(self, urls: Urls, office: Office) -> None:
        asked = f"/v1/{STREAM.replace('/', '/events?production=')}"
        async with (
            started(urls, office) as service,
            service.client() as client,
            client.stream("GET", asked, headers={"Accept": "text/event-stream"}) as stream,
        ):
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith("id: ")
            async with asyncio.timeout(GRACE_SECONDS / 2):
                assert await service.end(signal.SIGTERM) == 0
                assert [line async for line in lines][-1] == ""


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
