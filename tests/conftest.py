"""A real PostgreSQL for every test: one embedded server a run, one database a test, cloned from a template."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx2
import pytest
import structlog
from fastapi import FastAPI

from service.app import create, opened
from service.database import migrate
from service.embedded import Server, running
from service.routes.access import Doors

TEMPLATE = "greenlight_template"

#: The roles that log in here with a password of the tests'; owner and service have theirs from the server.
LOGINS = ("migrator", "projector", "auditor")
PASSWORD = "tests"


@dataclass(frozen=True, slots=True)
class Urls:
    """A test's own database, as each role."""

    service: str
    owner: str
    admin: str

    def of(self, login: str) -> str:
        """As one of the logins."""
        return f"postgresql://greenlight_{login}:{PASSWORD}@{self.service.rpartition('@')[2]}"


def _at(url: str, name: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{name}"


def plain_logs() -> None:
    """Log as at first, but a fault without its every local variable: to draw those takes many seconds."""
    structlog.reset_defaults()
    *processors, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, plain])


plain_logs()


#: Files that take a minute and more, beside the storms.
LONG = frozenset(
    {
        *("test_examples.py", "test_cli.py", "test_installation.py", "test_confidential.py", "test_replay.py"),
        *("test_approvals.py", "test_laws.py", "test_duties.py"),
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The storms first, then what else is long, so that workers end together."""
    items.sort(key=lambda item: ("storms" not in item.path.parts, item.path.name not in LONG))


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    with place.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Server]:
    """The run's PostgreSQL, with a migrated template; the workers share it and the last one stops it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    with running(shared / "postgres", durable=False) as started:
        with _alone(shared / "template.lock"):
            asyncio.run(_template(started))
        yield started


async def _template(server: Server) -> None:
    admin = await asyncpg.connect(server.admin_url)
    try:
        if await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", TEMPLATE):
            return
        await admin.execute(f"CREATE DATABASE {TEMPLATE} OWNER greenlight_owner")
        for login in LOGINS:
            await admin.execute(f"ALTER ROLE greenlight_{login} LOGIN PASSWORD '{PASSWORD}'")
    finally:
        await admin.close()
    await migrate(_at(server.owner_url, TEMPLATE), server.admin_url)


@asynccontextmanager
async def fresh(server: Server) -> AsyncIterator[Urls]:
    """A fresh, migrated database, dropped when the block is left."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(server.admin_url)
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER greenlight_owner")
        yield Urls(_at(server.service_url, name), _at(server.owner_url, name), _at(server.admin_url, name))
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
async def urls(server: Server) -> AsyncIterator[Urls]:
    """A fresh, migrated database."""
    async with fresh(server) as made:
        yield made


@pytest.fixture
async def doors(urls: Urls) -> AsyncIterator[Doors]:
    """The service behind its doors, without HTTP; the read models are kept current."""
    async with opened(urls.service) as inside:
        yield inside


@pytest.fixture
async def app(urls: Urls) -> AsyncIterator[FastAPI]:
    """The application, started."""
    application = create(urls.service)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application; every test brings its own tokens."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://greenlight.test") as opened_client:
        yield opened_client
