"""A server of one's own, from nothing or from an installation of before; each role then does its work."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import command
from projections import PROJECTIONS
from projections.runner import Runner
from service.database import alembic_config, migrate
from service.directory import Directory
from service.embedded import SCRIPT, running
from service.embedded_binaries import binaries
from tests.deciders.stories import SPENT
from tests.handling.office import STREAM, opened
from tests.projections.desk import agree, caught_up, eventually
from tests.roles.test_catalogue import DOCUMENT, told

ROOT = Path(__file__).parents[2]
PASSWORD = "tests"


@pytest.fixture(scope="module")
def superuser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server without anything of Greenlight's: the superuser's address, of its own database."""
    with running(tmp_path_factory.mktemp("own"), durable=False) as server:
        yield server.admin_url


@pytest.fixture
async def bare(superuser: str) -> AsyncIterator[asyncpg.Connection]:
    """The superuser; nothing of Greenlight is there, or stays."""
    admin = await asyncpg.connect(superuser)
    await swept(admin)
    yield admin
    await swept(admin)
    await admin.close()


async def swept(admin: asyncpg.Connection) -> None:
    await admin.execute("DROP DATABASE IF EXISTS greenlight WITH (FORCE)")
    for role in await admin.fetch("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname ~ '^greenlight_'"):
        await admin.execute(f"DROP ROLE {role[0]}")


def address(superuser: str, role: str) -> str:
    """The address of Greenlight's database as a role."""
    password = urlsplit(superuser).password if role == "postgres" else PASSWORD
    return f"postgresql://{role}:{password}@{superuser.rpartition('@')[2].split('/')[0]}/greenlight"


async def scripted(superuser: str) -> None:
    admin = await asyncpg.connect(address(superuser, "postgres"))
    await admin.execute(SCRIPT.read_text())
    await admin.close()


async def catalogue(superuser: str) -> str:
    admin = await asyncpg.connect(address(superuser, "postgres"))
    found = await told(admin, "greenlight")
    await admin.close()
    return found


async def installed(bare: asyncpg.Connection, superuser: str) -> None:
    """As docs/database.md says, by the script of the containers."""
    at = urlsplit(superuser)
    tools = binaries(Path("/nonexistent")).tools
    await asyncio.to_thread(
        subprocess.run,
        ["sh", str(ROOT / "docker" / "roles.sh")],
        check=True,
        env={
            **{"PATH": f"{tools}:{os.environ['PATH']}", "ROLES": str(SCRIPT), "POSTGRES_USER": "postgres"},
            **{"PGHOST": str(at.hostname), "PGPORT": str(at.port), "PGPASSWORD": str(at.password)},
            **{"MIGRATOR_PASSWORD": PASSWORD, "SERVICE_PASSWORD": PASSWORD},
        },
    )
    for part in ("projector", "auditor"):
        await bare.execute(f"ALTER ROLE greenlight_{part} LOGIN PASSWORD '{PASSWORD}'")
    await migrate(address(superuser, "greenlight_migrator"))


def greenlight(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=kept | environment,
    )


class TestAServerOfOnesOwn:
    async def test_belongs_to_an_owner_who_cannot_log_in(self, bare: asyncpg.Connection, superuser: str) -> None:
        await installed(bare, superuser)

        logins = await bare.fetch("SELECT rolname FROM pg_roles WHERE rolname ~ '^greenlight_' AND rolcanlogin")
        admin = await asyncpg.connect(address(superuser, "postgres"))
        owners = await admin.fetchval(
            "SELECT array_agg(DISTINCT relowner::regrole::text) FROM pg_class"
            " WHERE relnamespace::regnamespace::text IN ('public', 'bi', 'rebuilding')"
        )
        await admin.close()

        assert {row[0].removeprefix("greenlight_") for row in logins} == {"migrator", "service", "projector", "auditor"}
        assert owners == ["greenlight_owner"]
        assert await catalogue(superuser) in DOCUMENT.read_text()

    async def test_lets_each_role_do_its_work(self, bare: asyncpg.Connection, superuser: str) -> None:
        await installed(bare, superuser)
        async with opened(address(superuser, "greenlight_service")) as office:
            projecting = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service.cli", "project"),
                env=os.environ | {"DATABASE_URL": address(superuser, "greenlight_projector")},
            )
            try:
                position = (await office.play(SPENT))[-1].position
                await eventually(Runner(office.pool), position)
                await agree(office, STREAM)
            finally:
                projecting.terminate()
                assert await projecting.wait() == 0

        verified = await asyncio.to_thread(greenlight, "verify", DATABASE_URL=address(superuser, "greenlight_auditor"))
        appending = await asyncio.to_thread(
            greenlight,
            *("company", "found", "other", "--name", "Other"),
            DATABASE_URL=address(superuser, "greenlight_projector"),
        )

        assert (verified.returncode, "events hold, link" in verified.stdout) == (0, True)
        assert appending.returncode != 0

    async def test_makes_readers_as_the_migrator(self, bare: asyncpg.Connection, superuser: str) -> None:
        await installed(bare, superuser)
        async with opened(address(superuser, "greenlight_service")) as office:
            await office.play(SPENT)
        owner = {"MIGRATION_DATABASE_URL": address(superuser, "greenlight_migrator")}

        made = await asyncio.to_thread(greenlight, "reader", "create", "acme", **owner)
        reader = await asyncpg.connect(made.stdout.strip())
        await reader.fetch("SELECT * FROM bi.productions")
        dropped = await asyncio.to_thread(
            greenlight, "reader", "drop", urlsplit(made.stdout.strip()).username or "", **owner
        )
        with pytest.raises(asyncpg.PostgresError):
            await reader.fetch("SELECT * FROM bi.productions")
        await reader.close()

        assert (made.returncode, dropped.returncode) == (0, 0), made.stderr + dropped.stderr
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(made.stdout.strip())


async def _nothing(*_: object) -> None:
    pass


@pytest.fixture
async def before(bare: asyncpg.Connection, superuser: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installation with the owner and the service alone, and facts in it; the owner's address."""
    for part in ("owner", "service"):
        await bare.execute(f"CREATE ROLE greenlight_{part} LOGIN PASSWORD '{PASSWORD}'")
    await bare.execute("CREATE DATABASE greenlight OWNER greenlight_owner")
    engine = create_async_engine(address(superuser, "greenlight_owner").replace("://", "+asyncpg://", 1))

    def upgrade(connection: Connection) -> None:
        config = alembic_config(connection)
        script = ScriptDirectory.from_config(config).get_revision("0016")
        assert script is not None
        command.upgrade(config, str(script.down_revision))

    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()
    with monkeypatch.context() as patched:  # names are kept in tables that came since
        patched.setattr(Directory, "learn_person", _nothing)
        patched.setattr(Directory, "learn_vendors", _nothing)
        async with opened(address(superuser, "greenlight_service")) as office:
            await office.play(SPENT)
    return address(superuser, "greenlight_owner")


class TestAnInstallationOfBefore:
    async def test_says_who_has_to_make_the_roles_and_changes_nothing(self, before: str, superuser: str) -> None:
        ran = await asyncio.to_thread(greenlight, "migrate", MIGRATION_DATABASE_URL=before)

        assert ran.returncode == 2
        assert ran.stderr.splitlines() == [
            "The roles greenlight_auditor, greenlight_projector, greenlight_reader are missing, and greenlight_owner"
            " may not create roles. As a superuser, in this database, run what `greenlight roles` prints; then migrate"
            " again."
        ]
        admin = await asyncpg.connect(address(superuser, "postgres"))
        assert await admin.fetchval("SELECT version_num < '0016' FROM alembic_version")
        assert await admin.fetchval("SELECT to_regclass('readers')") is None
        await admin.close()

    @pytest.mark.parametrize("by", ["the superuser's script", "an owner who makes roles", "a start on the folder"])
    async def test_is_migrated_and_goes_on(
        self, before: str, bare: asyncpg.Connection, superuser: str, by: str
    ) -> None:
        if by == "the superuser's script":
            await scripted(superuser)
            await migrate(before)
        elif by == "an owner who makes roles":
            await bare.execute("ALTER ROLE greenlight_owner CREATEROLE")
            await migrate(before)
            logins = await bare.fetch("SELECT rolname FROM pg_roles WHERE rolname ~ '^greenlight_' AND rolcanlogin")
            assert {row[0] for row in logins} == {"greenlight_owner", "greenlight_service"}
        else:
            await migrate(before, superuser)
        await scripted(superuser)

        async with opened(address(superuser, "greenlight_service")) as office:
            live = Runner(office.pool, PROJECTIONS)
            await live.refresh()
            await caught_up(live)
            await agree(office, STREAM)
        rights = (await catalogue(superuser)).partition("| on |")[2]
        assert rights in DOCUMENT.read_text()
        made = await asyncio.to_thread(greenlight, "reader", "create", "acme", MIGRATION_DATABASE_URL=before)
        assert made.returncode == 0, made.stderr

    async def test_whose_owner_has_another_name_goes_on_appending(
        self, before: str, bare: asyncpg.Connection, superuser: str
    ) -> None:
        await bare.execute("ALTER ROLE greenlight_owner RENAME TO greenlight_of_old")
        owner = before.replace("greenlight_owner", "greenlight_of_old")
        await scripted(superuser)
        await migrate(owner)
        await bare.execute("ALTER ROLE greenlight_of_old CREATEROLE")
        await bare.execute("GRANT greenlight_reader TO greenlight_of_old WITH ADMIN TRUE")

        async with opened(address(superuser, "greenlight_service")) as office:
            await office.play(SPENT, "rival/the-heist")
        made = await asyncio.to_thread(greenlight, "reader", "create", "rival", MIGRATION_DATABASE_URL=owner)
        assert made.returncode == 0, made.stderr

    async def test_without_the_right_to_make_logins_says_so(
        self, before: str, bare: asyncpg.Connection, superuser: str
    ) -> None:
        await migrate(before, superuser)
        await bare.execute("ALTER ROLE greenlight_owner NOCREATEROLE")

        made = await asyncio.to_thread(greenlight, "reader", "create", "acme", MIGRATION_DATABASE_URL=before)

        assert (made.returncode, made.stdout) == (1, "")
        assert "run what `greenlight roles` prints" in made.stderr
        assert "Traceback" not in made.stderr
