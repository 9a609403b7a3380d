"""A process of the service without its doors: commands go in, answers come out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from events.ids import PersonId
from events.log import Log
from service.deciders.command import Command
from service.deciders.company import CompanyCommand
from service.directory import Directory
from service.handling import Answer, Handling, Wish
from tests.spec import MORNING, Story

STREAM = "acme/the-long-take"
_KEYS = count(1)


@dataclass
class Clock:
    """A clock that shows what it is set to."""

    now: datetime = MORNING + timedelta(hours=1)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Office:
    """One process: its handling, its log, its clock."""

    handling: Handling
    log: Log
    pool: "asyncpg.Pool[asyncpg.Record]"
    clock: Clock
    #: How often whoever reads the log was woken.
    wakes: list[int] = field(default_factory=list)

    async def send(self, person: PersonId, command: Command, key: str | None = None, **terms: Any) -> Answer:
        return await self.handling.handle(wish(person, command, key, **terms))

    async def play(self, story: Story, stream: str = STREAM) -> list[Answer]:
        """Send a story in order, the company's part first, each part in one turn; the answers."""
        company, production = stream.split("/")
        of_company = [sent for sent in story if isinstance(sent[1], CompanyCommand)]
        of_production = [sent for sent in story if not isinstance(sent[1], CompanyCommand)]
        answers: list[Answer] = []
        for whose, part in ((company, of_company), (stream, of_production)):
            answers += await asyncio.gather(
                *(
                    self.send(person, command, f"{whose}-{place}", company=company, production=production)
                    for place, (person, command) in enumerate(part)
                )
            )
        return answers


def wish(person: PersonId, command: Command, key: str | None = None, **terms: Any) -> Wish:
    """A wish for the long take, unless the terms say otherwise."""
    said = {"company": "acme", "production": "the-long-take", "if_match": None} | terms
    if isinstance(command, CompanyCommand):
        said["production"] = None
    return Wish(
        command=command,
        actor=person,
        key=key or f"key-{next(_KEYS)}",
        correlation_id=UUID(int=77),
        source="api",
        **said,
    )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Office]:
    """An office on a database, until the block is left."""
    async with asyncpg.create_pool(url, min_size=1, max_size=4) as pool:
        log, clock, wakes = Log(pool), Clock(), list[int]()
        handling = Handling(log, Directory(pool), clock, uuid4, lambda: wakes.append(1))
        yield Office(handling, log, pool, clock, wakes)
        await handling.drain()
