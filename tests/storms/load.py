"""Clients of one production, each of which sends a command until it is told what became of it.

Every call is written down here, outside of the service: it is the journal that the log is held against.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2

from events.ids import StreamId
from projections.runner import Runner
from service.deciders.company import Company
from service.deciders.decision import ProductionCommand
from service.identity import Tokens
from tests.deciders.stories import ART, EDITING, LINE_PRODUCER, LOCKED, recode, reverse, spend
from tests.handling.office import Office
from tests.projections.desk import agree
from tests.routes.world import address, body
from tests.storms.history import Accepted, Call, Mismatched, Refused, Unknown, faults
from tests.storms.processes import PATIENCE, Service


@dataclass(frozen=True, slots=True)
class Wish:
    """A command under a key; it is sent the same, however often."""

    key: str
    command: ProductionCommand
    if_match: int | None = None


@dataclass
class Load:
    """What a production's clients have sent so far, and what they were told."""

    stream: StreamId
    services: Sequence[Service]
    token: str
    company: Company
    chance: random.Random
    #: The version before the first call.
    began: int
    history: list[Call] = field(default_factory=list)
    accepted: list[Wish] = field(default_factory=list)
    #: How many calls each wish took until its end was known.
    tries: list[int] = field(default_factory=list)
    #: The newest version that a client was told of.
    seen: int = 0
    over: bool = False
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def client(self) -> None:
        """Send wish after wish until the load is over."""
        async with AsyncExitStack() as stack:
            doors = [await stack.enter_async_context(each.client(self.token)) for each in self.services]
            while not self.over:
                await self.fulfil(doors, self.wish())
                async with self.progress:
                    self.progress.notify_all()

    async def fulfil(self, doors: Sequence[httpx2.AsyncClient], wish: Wish) -> None:
        """Send a wish until the answer says what became of it."""
        tries = 1
        while isinstance(told := await self.call(self.chance.choice(doors), wish), Unknown):
            tries += 1
            await asyncio.sleep(told.retry_after + self.chance.uniform(0, 0.05))
        self.tries.append(tries)
        if isinstance(told, Accepted):
            self.accepted.append(wish)
            self.seen = max(self.seen, told.version)

    async def call(self, door: httpx2.AsyncClient, wish: Wish) -> Accepted | Refused | Mismatched | Unknown:
        headers = {"Idempotency-Key": wish.key, "Content-Type": "application/json"}
        if wish.if_match is not None:
            headers["If-Match"] = f'"{wish.if_match}"'
        where = address(type(wish.command), *self.stream.split("/"))
        clock = asyncio.get_running_loop().time
        invoked = clock()
        told: Accepted | Refused | Mismatched | Unknown
        try:
            told = said(await door.post(where, content=body(wish.command), headers=headers))
        except httpx2.TransportError:
            told = Unknown()
        self.history.append(Call(wish.key, LINE_PRODUCER, wish.command, wish.if_match, invoked, clock(), told))
        return told

    def wish(self) -> Wish:
        """Mostly spend; now and then its reversal or recoding, which may be refused, or a wish of before again."""
        place, chance = len(self.history), self.chance
        key = f"{self.stream}-{place}-{chance.randrange(10**9)}"
        entry = f"S-{chance.randint(1, len(self.accepted) + 3):06}"
        kind = chance.random()
        if kind < 0.08 and self.accepted:
            return chance.choice(self.accepted)
        if kind < 0.16:
            return Wish(key, reverse(entry))
        if kind < 0.24:
            return Wish(key, recode(entry, chance.choice((ART, EDITING))))
        command = spend(chance.choice((ART, EDITING)), str(chance.randint(1, 50)), key)
        return Wish(key, command, self.seen if kind < 0.3 and self.seen else None)

    async def reaches(self, count: int) -> None:
        """Wait until so many commands were accepted."""
        async with asyncio.timeout(PATIENCE), self.progress:
            await self.progress.wait_for(lambda: len(self.accepted) >= count)

    async def holds(self, office: Office) -> None:
        """Insist that the log explains every answer, and that it has nothing that was not asked for."""
        recorded = await office.log.read_stream(self.stream)
        found = faults(self.history, recorded, self.company, self.began)
        assert found == [], "\n".join(f"{fault.kind}: {fault.words}" for fault in found[:20])


def said(response: httpx2.Response) -> Accepted | Refused | Mismatched | Unknown:
    """What an answer says; any other than these is a fault of the service."""
    told = response.json()
    match response.status_code:
        case 201:
            events = tuple((each["version"], UUID(each["event_id"])) for each in told["events"])
            return Accepted(UUID(told["command_id"]), told["version"], events)
        case 403 | 404 | 409:
            return Refused(told["type"].rpartition(":")[2], told["detail"])
        case 412:
            return Mismatched(told["figures"]["actual"])
        case 503:
            return Unknown(float(response.headers["Retry-After"]))
    raise AssertionError(response.text)


@asynccontextmanager
async def loaded(*loads: Load, clients: int) -> AsyncIterator[None]:
    """So many clients at work for each load while the block lasts; then each is told the end of its last wish."""
    async with asyncio.TaskGroup() as group:
        for load in loads:
            for _ in range(clients):
                group.create_task(load.client())
        try:
            yield
        finally:
            for load in loads:
                load.over = True


@asynccontextmanager
async def followed(load: Load) -> AsyncIterator[list[tuple[int, UUID]]]:
    """Position and id of the load's events as the feed tells them meanwhile; all, once the block is left."""
    told: list[tuple[int, UUID]] = []
    over = asyncio.Event()
    following = asyncio.create_task(_follow(load, told, over))
    try:
        yield told
        over.set()
        async with asyncio.timeout(PATIENCE):
            await following
    finally:
        following.cancel()


async def _follow(load: Load, told: list[tuple[int, UUID]], over: asyncio.Event) -> None:
    company, production = load.stream.split("/")
    asked = {"production": production, "after": 0, "limit": 500}
    async with load.services[0].client(load.token) as client:
        while True:
            ending = over.is_set()
            with suppress(httpx2.TransportError):
                answer = await client.get(f"/v1/{company}/events", params=asked)
                if answer.status_code != 503:
                    assert answer.status_code == 200, answer.text
                    page = answer.json()
                    told.extend((int(event["position"]), UUID(event["id"])) for event in page["events"])
                    asked["after"] = page["next"]
                    if ending and page["next"] == page["position"]:
                        return
            await asyncio.sleep(0.01)


async def prepared(office: Office, stream: StreamId, services: Sequence[Service], chance: random.Random) -> Load:
    """A load for a production with a locked budget."""
    await office.play(LOCKED, stream)
    began = (await office.log.heads(stream))[stream].version
    slug = stream.split("/")[0]
    company = await office.handling.company(slug)
    assert company is not None
    _, token = await Tokens(office.pool).create(slug, LINE_PRODUCER, datetime.now(UTC), timedelta(hours=1))
    return Load(stream, services, token, company, chance, began)


async def views_agree(office: Office, *loads: Load) -> None:
    """Wait until the read models show the whole log; insist that they are what a replay of it makes."""
    newest = await office.pool.fetchval("SELECT max(position) FROM events")
    runner = Runner(office.pool)
    async with asyncio.timeout(PATIENCE):
        while True:
            points = (await runner.checkpoints()).values()
            assert {point.error for point in points} == {None}
            if min(point.position for point in points) >= newest:
                break
            await asyncio.sleep(0.05)
    await agree(office, *(load.stream for load in loads))
