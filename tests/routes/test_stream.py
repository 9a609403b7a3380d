"""The feed as it happens, over a real server: each event once and in order, whoever is slow, cut off or sent away."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from events import log
from events.ids import PersonId
from events.log import Log, Page, Part
from events.team import Role
from service.deciders.company import DismissMember
from service.deciders.team import EndAppointment
from service.routes import feed
from service.routes.access import Doors
from service.serving import served
from tests.clients import NO_TLS
from tests.conftest import Urls
from tests.deciders.stories import ADMINISTRATOR, ART, AUDITOR, LINE_PRODUCER, LOCKED, MAYA, spend
from tests.handling.office import STREAM, Office, opened

RECONNECTS = 100
PATIENCE = 60
RIVALS = {"company": "rival", "production": "second-take"}


@dataclass
class Studio:
    """A service at an address, its tokens, and an office beside it through which things happen."""

    address: str
    doors: Doors
    office: Office

    async def token(self, person: PersonId) -> tuple[str, str]:
        return await self.doors.tokens.create("acme", person, datetime.now(UTC), timedelta(hours=1))

    @asynccontextmanager
    async def stream(
        self, secret: str, last: str | None = None, **asked: Any
    ) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
        """The messages of a stream: `id` and event."""
        headers = {"Authorization": f"Bearer {secret}", "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        async with (
            httpx2.AsyncClient(base_url=self.address, timeout=PATIENCE, verify=NO_TLS) as client,
            client.stream("GET", "/v1/acme/events", headers=headers, params=asked) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield messages(answer.aiter_lines())

    async def spend(self, number: int) -> None:
        await self.office.send(LINE_PRODUCER, spend(ART, f"{number + 1}", f"DOC-{number}"))

    async def log(self) -> list[tuple[str, str]]:
        """Position and id of every event of the company."""
        rows = await self.office.pool.fetch(
            "SELECT position::text, event_id::text FROM events e"
            " WHERE stream_id = 'acme' OR stream_id LIKE 'acme/%' ORDER BY e.position"
        )
        return [tuple(row) for row in rows]


async def messages(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Server-sent events as they come: `id` and what `data` says."""
    said: dict[str, str] = {}
    async for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            said[name] = value
        elif said:
            yield said["id"], json.loads(said["data"])
            said = {}


async def taken(stream: AsyncIterator[tuple[str, dict[str, Any]]], count: int) -> list[tuple[str, str]]:
    """Position and id of the next so many events."""
    async with asyncio.timeout(PATIENCE):
        return [(place, event["id"]) for place, event in [await anext(stream) for _ in range(count)]]


@pytest.fixture
async def studio(urls: Urls) -> AsyncIterator[Studio]:
    """A production under way, and another company where things happen too."""
    async with opened(f"{urls.service}?application_name=office") as office:
        await office.play(LOCKED)
        await office.play(LOCKED, "/".join(RIVALS.values()))
        async with served(urls.service, "127.0.0.1", 0, project=False) as (_, address, doors):
            yield Studio(address, doors, office)


class TestAStream:
    async def test_tells_what_there_was_and_then_what_happens(self, studio: Studio) -> None:
        _, secret = await studio.token(ADMINISTRATOR)
        before = await studio.log()
        async with studio.stream(secret, limit=7) as stream:
            told = await taken(stream, len(before))
            await studio.spend(1)
            now = await studio.log()
            told += await taken(stream, len(now) - len(before))

        assert told == now
        assert len(now) > len(before)

    async def test_begins_after_a_position_and_leaves_out_what_was_not_asked_for(self, studio: Studio) -> None:
        _, secret = await studio.token(AUDITOR)
        history = await studio.office.log.read_stream(STREAM)
        async with studio.stream(secret, production="the-long-take", after=history[4].position) as stream:
            assert await taken(stream, 3) == [(str(each.position), str(each.event_id)) for each in history[5:8]]

        async with studio.stream(secret, production="the-long-take", kind="BudgetLocked") as stream:
            _, event = await anext(stream)
            assert event["type"] == "greenlight.BudgetLocked"

    async def test_that_was_cut_is_resumed_where_it_was_whatever_after_says(self, studio: Studio) -> None:
        _, secret = await studio.token(ADMINISTRATOR)
        all_of_it = await studio.log()
        async with studio.stream(secret, after=3) as stream:
            cut = await taken(stream, 5)
        async with studio.stream(secret, cut[-1][0], after=3) as stream:
            assert cut + await taken(stream, len(all_of_it) - 8) == all_of_it[3:]

    async def test_says_now_and_then_that_it_is_alive(self, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed, "PING_SECONDS", 0.05)
        _, secret = await studio.token(ADMINISTRATOR)
        headers = {"Authorization": f"Bearer {secret}", "Accept": "text/event-stream"}
        params = {"after": (await studio.log())[-1][0]}
        async with (
            httpx2.AsyncClient(base_url=studio.address, timeout=PATIENCE, verify=NO_TLS) as client,
            client.stream("GET", "/v1/acme/events", headers=headers, params=params) as answer,
        ):
            assert (await anext(answer.aiter_lines())).startswith(": ping")


class TestAHundredReconnects:
    async def test_at_random_places_while_things_happen_tell_every_event_once_and_in_order(
        self, studio: Studio
    ) -> None:
        seed = int(os.environ.get("CRASH_SEED") or random.randrange(2**32))
        try:
            await self.reconnect(studio, random.Random(seed))
        except BaseException as error:
            error.add_note(f"CRASH_SEED={seed}")
            raise

    async def reconnect(self, studio: Studio, chance: random.Random) -> None:
        over = asyncio.Event()

        async def write() -> None:
            number = 0
            while not over.is_set():
                number += 1
                theirs = studio.office.send(LINE_PRODUCER, spend(ART, "7", f"R-{number}"), **RIVALS)
                await asyncio.gather(studio.spend(number), theirs)

        writing = asyncio.create_task(write())
        _, secret = await studio.token(ADMINISTRATOR)
        told: list[tuple[str, str]] = []
        for _ in range(RECONNECTS):
            async with studio.stream(secret, told[-1][0] if told else None, limit=chance.randint(1, 10)) as stream:
                told += await taken(stream, chance.randint(0, 6))
        over.set()
        await writing
        async with studio.stream(secret, told[-1][0]) as stream:
            told += await taken(stream, len(await studio.log()) - len(told))

        assert told == await studio.log()
        assert len(told) > RECONNECTS


class TestASlowReader:
    async def test_is_waited_for_and_nothing_is_fetched_ahead_of_it(
        self, studio: Studio, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever does not read fills the pipe to them, a few megabytes of the kernel's, and that is all."""
        total = await grown(urls, 20_000)
        pages, read = [0], Log.page

        async def counted(self: Log, after: int, limit: int, part: Part | None = None) -> Page:
            pages[0] += part is not None  # the one reader for all looks at the whole log
            return await read(self, after, limit, part)

        monkeypatch.setattr(Log, "page", counted)
        _, secret = await studio.token(ADMINISTRATOR)
        where = urlsplit(studio.address)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            writer.write(
                f"GET /v1/acme/events?limit=10 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
                "Accept: text/event-stream\r\n\r\n".encode()
            )
            await self.stuck(pages)
            assert pages[0] * 10 < total * 0.7

            told: list[str] = []
            async with asyncio.timeout(PATIENCE):
                while len(told) < total:
                    line = (await reader.readline()).decode()
                    if line.startswith("id: "):
                        told.append(line.removeprefix("id: ").strip())
        finally:
            writer.transport.abort()
        assert told == [position for position, _ in await studio.log()]

    async def stuck(self, pages: list[int]) -> None:
        """Wait until pages have been read, and then none for a good while."""
        async with asyncio.timeout(PATIENCE):
            before = -1
            while before in (-1, 0) or pages[0] > before:
                before = pages[0]
                await asyncio.sleep(0.5)


async def grown(urls: Urls, count: int, kind: str | None = None) -> int:
    """So many events more in the company, like its last one; how many it has."""
    admin = await asyncpg.connect(urls.admin)
    await admin.execute(
        "INSERT INTO events (position, stream_id, version, event_id, type, schema_version, payload, metadata, link)"
        " SELECT nextval('events_position'), 'acme/long', n, gen_random_uuid(), coalesce($2, type), schema_version,"
        " payload, metadata, link FROM generate_series(1, $1::int) n,"
        " (SELECT * FROM events ORDER BY position DESC LIMIT 1) e",
        count,
        kind,
    )
    of_company = "stream_id = 'acme' OR stream_id LIKE 'acme/%'"
    total: int = await admin.fetchval(f"SELECT count(*) FROM events WHERE {of_company}")
    await admin.close()
    return total


async def ended(stream: AsyncIterator[Any]) -> None:
    """Wait for the end of a stream, which must come in order."""
    async with asyncio.timeout(PATIENCE):
        async for _ in stream:
            pass


Ends = Callable[[Studio, str], Awaitable[Any]]
ENDS: dict[str, Ends] = {
    "the token is revoked": lambda studio, token: studio.doors.tokens.revoke(token, datetime.now(UTC)),
    "the role ends": lambda studio, _: studio.office.send(MAYA, EndAppointment(person=AUDITOR, role=Role.AUDITOR)),
    "the member is dismissed": lambda studio, _: studio.office.send(ADMINISTRATOR, DismissMember(person=AUDITOR)),
}


class TestTheEnd:
    @pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
    async def test_comes_soon_after(self, studio: Studio, monkeypatch: pytest.MonkeyPatch, ends: Ends) -> None:
        checked, may_still_read = asyncio.Semaphore(0), feed._may_still_read

        async def checking(*asked: Any) -> bool:
            checked.release()
            return await may_still_read(*asked)

        monkeypatch.setattr(feed, "CHECK_SECONDS", 0.05)
        monkeypatch.setattr(feed, "_may_still_read", checking)
        token, secret = await studio.token(AUDITOR)
        last = (await studio.log())[-1][0]
        async with studio.stream(secret, after=last, production="the-long-take") as stream:
            async with asyncio.timeout(PATIENCE):
                for _ in range(3):
                    await checked.acquire()
            await studio.spend(1)
            await taken(stream, 1)
            await ends(studio, token)
            await ended(stream)

        with pytest.raises(AssertionError, match=r"token-is-needed|reading-needs-a-role"):
            async with studio.stream(secret, production="the-long-take"):
                pass

    async def test_comes_before_an_event_of_a_newer_version(self, studio: Studio, urls: Urls) -> None:
        _, secret = await studio.token(ADMINISTRATOR)
        last = (await studio.log())[-1][0]
        async with studio.stream(secret, after=last) as stream:
            await grown(urls, 1, "StudioSold")
            await ended(stream)

        with pytest.raises(AssertionError, match="event-cannot-be-taken"):
            async with studio.stream(secret, last):
                pass


class TestWhenTheDatabaseIsLost:
    async def test_in_the_middle_of_a_stream_it_goes_on_without_a_gap(
        self, studio: Studio, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed, "CHECK_SECONDS", 0.01)
        monkeypatch.setattr(log, "AGAIN_SECONDS", 0.01)
        admin = await asyncpg.connect(urls.admin)
        kill = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
            " AND usename = 'greenlight_service' AND application_name <> 'office'"
        )
        _, secret = await studio.token(ADMINISTRATOR)
        told: list[tuple[str, str]] = []
        killed = 0
        async with studio.stream(secret, limit=3) as stream:
            for number in range(20):
                told += await taken(stream, 3)
                killed += await admin.fetchval(kill)
                await asyncio.gather(*(studio.spend(10 * number + each) for each in range(3)))
            told += await taken(stream, len(await studio.log()) - len(told))
        await admin.close()

        assert killed >= 10
        assert told == await studio.log()

    @pytest.mark.parametrize("again", [0, 1], ids=["at the first look", "at a later check"])
    async def test_while_it_is_asked_what_may_be_read_it_is_waited_for(
        self, studio: Studio, monkeypatch: pytest.MonkeyPatch, again: int
    ) -> None:
        lost, reading = [0, 0], feed.reading

        async def losing(*asked: Any) -> Any:
            lost[0] += 1
            if again < lost[0] < again + 3:
                lost[1] += 1
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            return await reading(*asked)

        monkeypatch.setattr(feed, "CHECK_SECONDS", 0.0)
        monkeypatch.setattr(feed, "AGAIN_SECONDS", 0.01)
        monkeypatch.setattr(feed, "reading", losing)
        _, secret = await studio.token(ADMINISTRATOR)
        async with studio.stream(secret, limit=3) as stream:
            before = await studio.log()
            assert await taken(stream, len(before)) == before
            async with asyncio.timeout(PATIENCE):
                while lost[1] < 2:
                    await asyncio.sleep(0.05)
            await studio.spend(1)
            now = await studio.log()
            assert before + await taken(stream, len(now) - len(before)) == now
