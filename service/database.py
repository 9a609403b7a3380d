"""Connections: the pool that the log and the runner speak through, and the engine that queries are built on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from alembic import command

ALEMBIC = next(
    place for place in (Path(__file__).parent / "_alembic", Path(__file__).parent.parent / "alembic") if place.is_dir()
)


@dataclass(frozen=True, slots=True)
class Database:
    """One database, as the service's restricted role."""

    pool: "asyncpg.Pool[asyncpg.Record]"
    engine: AsyncEngine
    #: A connection of one's own, for who listens.
    connect: Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


def _engine(url: str, **options: Any) -> AsyncEngine:
    return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), **options)


async def _nothing_to_reset(_: Any) -> None:
    """No session of ours keeps anything but a transaction, which ends with its block: a round trip less a query."""


@asynccontextmanager
async def connected(url: str, pool_size: int) -> AsyncIterator[Database]:
    """The database behind a `postgresql://` address, until the block is left."""
    # JSON stays text: rows and facts are validated from text, so that no number passes through a float.
    engine = _engine(url, pool_size=pool_size, isolation_level="REPEATABLE READ", json_deserializer=str)
    try:
        async with asyncpg.create_pool(
            url, min_size=1, max_size=pool_size, command_timeout=30, reset=_nothing_to_reset
        ) as pool:
            yield Database(pool, engine, partial(asyncpg.connect, url))
    finally:
        await engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, wherever the migrations are installed."""
    config = Config()
    config.set_main_option("script_location", str(ALEMBIC))
    config.attributes["connection"] = connection
    return config


class SchemaIsBehind(Exception):
    """The database is not at the revision that this code needs: run `greenlight migrate`."""


async def check_schema(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Refuse a database that is not at the newest revision.

    Raises:
        SchemaIsBehind: with both revisions.
    """
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    try:
        found = await pool.fetchval("SELECT version_num FROM alembic_version")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        found = None
    if found != head:
        raise SchemaIsBehind(
            f"The database is at revision {found}, but this version of Greenlight needs {head}: "
            "run `greenlight migrate` first, as the database's owner."
        )


async def migrate(owner_url: str) -> None:
    """Bring the schema to its newest revision, then let the planner look at the tables."""
    engine = _engine(owner_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda handed: command.upgrade(alembic_config(handed), "head"))
    finally:
        await engine.dispose()
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute("ANALYZE")
    finally:
        await asyncio.wait_for(owner.close(), 10)
