"""A service over HTTP on a database of its own, in which people send what a story says.

Time and identity come from the world: the same requests get the same answers, to the letter, every time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import asyncpg
import httpx2
from fastapi import FastAPI

from events.ids import PersonId, Slug
from projections import PROJECTIONS
from service.app import create
from service.deciders.command import Command
from service.deciders.company import OPERATOR, CompanyCommand
from service.embedded import Server
from service.handling import Handling, Wish
from service.problems import slug
from service.routes.access import Doors
from tests.conftest import TEMPLATE
from tests.spec import MORNING, SIGNED_IN, Story

COMPANY, PRODUCTION = "acme", "the-long-take"
AT = f"/v1/{COMPANY}/{PRODUCTION}"
FEED = f"/v1/{COMPANY}/events"
#: No start takes as long.
PATIENCE = 60
#: One chain of requests, as its caller would say.
CORRELATION = "0f8fad5b-d9cb-469f-a165-70867728950e"


@dataclass(slots=True)
class Time:
    """A clock that goes on by a second with every command, and identities in their order."""

    now: datetime = MORNING
    drawn: int = 0

    def clock(self) -> datetime:
        return self.now

    def new_id(self) -> UUID:
        self.drawn += 1
        return uuid5(NAMESPACE_URL, f"greenlight:{self.now.isoformat()}:{self.drawn}")

    def tick(self) -> None:
        self.now += timedelta(seconds=1)
        self.drawn = 0


def body(command: Command) -> bytes:
    """What is sent for it: the fields that were given, as JSON."""
    return command.model_dump_json(exclude_unset=True).encode()


def address(command: type[Command], company: Slug = COMPANY, production: Slug = PRODUCTION) -> str:
    whose = company if issubclass(command, CompanyCommand) else f"{company}/{production}"
    return f"/v1/{whose}/{slug(command.__name__)}"


@dataclass(slots=True)
class World:
    """A service, its clients' tokens, and its time."""

    app: FastAPI
    client: httpx2.AsyncClient
    time: Time
    url: str
    admin_url: str
    tokens: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    @property
    def doors(self) -> Doors:
        return self.app.state.doors

    async def headers(self, person: PersonId, company: Slug = COMPANY) -> dict[str, str]:
        """What a request of theirs carries: a token, and a key that no other request has."""
        whose = f"{company}/{person}"
        if whose not in self.tokens:
            _, self.tokens[whose] = await self.doors.tokens.create(company, person, SIGNED_IN, timedelta(days=30))
        self.sent += 1
        return {
            "Authorization": f"Bearer {self.tokens[whose]}",
            "Idempotency-Key": f"{person}-{self.sent}",
            "Correlation-Id": CORRELATION,
            "Content-Type": "application/json",
        }

    async def post(
        self, person: PersonId, path: str, content: bytes, company: Slug = COMPANY, **headers: str
    ) -> httpx2.Response:
        """Send bytes as somebody, `carlos/maya` as Carlos for Maya; headers by their names with underscores."""
        person, _, behalf = person.partition("/")
        headers |= {"On_Behalf_Of": behalf} if behalf else {}
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        carried = httpx2.Headers(await self.headers(person, company)) | said
        answer = await self.client.post(path, content=content, headers=carried)
        self.time.tick()
        return answer

    async def request(
        self, person: PersonId, method: str, path: str, content: bytes | None = None, company: Slug = COMPANY
    ) -> httpx2.Response:
        """Knock at a door that is no command's, as somebody."""
        headers = await self.headers(person, company)
        del headers["Idempotency-Key"]
        return await self.client.request(method, path, content=content, headers=headers)

    async def send(self, person: PersonId, command: Command, **headers: str) -> httpx2.Response:
        """Send a command as somebody."""
        return await self.post(person, address(type(command)), body(command), **headers)

    async def operate(self, command: Command, company: Slug = COMPANY) -> None:
        """Send a command to a company as the operator, who has no door over HTTP."""
        self.sent += 1
        wish = Wish(company, None, command, OPERATOR, f"operator-{self.sent}", UUID(CORRELATION), "cli")
        await self.doors.handling.handle(wish)
        self.time.tick()

    async def play(self, story: Story) -> None:
        """Everything that people sent in the story, each accepted in turn."""
        for person, command in story:
            if person == OPERATOR:
                await self.operate(command)
                continue
            answer = await self.send(person, command)
            assert answer.status_code == 201, answer.text

    async def get(
        self, person: PersonId, path: str, *, accept: str = "application/json", **asked: Any
    ) -> httpx2.Response:
        """Read a view of the production, or the address given, at least as new as the log is now."""
        params = {"at_least": await self.last_position()} | asked
        headers = await self.headers(person) | {"Accept": accept}
        where = path if path.startswith("/") else f"{AT}/{path}"
        params = {name: value for name, value in params.items() if value is not None}
        return await self.client.get(where, params=params, headers=headers)

    async def read(self, person: PersonId, path: str, **asked: Any) -> dict[str, Any]:
        """What a view says."""
        answer = await self.get(person, path, **asked)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def last_position(self) -> int:
        """Of the log."""
        position: int = await self.doors.database.pool.fetchval("SELECT coalesce(max(position), 0) FROM events")
        return position


@asynccontextmanager
async def opened_world(server: Server, **how: Any) -> AsyncIterator[World]:
    """A service on a fresh, migrated database, in a time of its own.

    Args:
        how: what else the application is created with.
    """
    name = f"test_{uuid4().hex}"
    service_url, admin_url = (f"{url.rsplit('/', 1)[0]}/{name}" for url in (server.service_url, server.admin_url))
    admin = await asyncpg.connect(server.admin_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER greenlight_owner")
        application, time = create(service_url, **how), Time()
        async with application.router.lifespan_context(application):
            doors: Doors = application.state.doors
            handling = Handling(doors.log, doors.directory, time.clock, time.new_id, doors.bells.tell_appended)
            application.state.doors = replace(doors, handling=handling, clock=time.clock)
            for projection in PROJECTIONS:  # a view that is being built is a 503, which nobody here asks for
                assert await doors.runner.wait_for(projection.name, 0, PATIENCE)
            transport = httpx2.ASGITransport(app=application, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://greenlight.test") as client:
                yield World(application, client, time, service_url, admin_url)
                await handling.drain()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()
