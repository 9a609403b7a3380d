"""Connections, and their limits on time: for who waits for an answer, and for work that takes as long as it takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from alembic import command

ALEMBIC = next(
    place for place in (Path(__file__).parent / "_alembic", Path(__file__).parent.parent / "alembic") if place.is_dir()
)

#: For a request: PostgreSQL gives up before the driver does, so that what became of a statement is known.
ANSWERS = {
    "application_name": "greenlight answers",
    # Another process's commit on the same stream; whoever holds a head for longer is stuck.
    "lock_timeout": "5s",
    "statement_timeout": "20s",
    # A process that stands still in the middle of a transaction gives its locks and its snapshot back.
    "idle_in_transaction_session_timeout": "20s",
    "transaction_timeout": "25s",
}
#: For what folds or walks the whole log: only who stands still is ended.
WORK = {
    "application_name": "greenlight work",
    "idle_in_transaction_session_timeout": "60s",
}
#: When the driver gives up on a server that says nothing at all, and on a commit that waits for its standby, which
#: none of the limits above ends. A statement that may take longer brings its own `timeout`.
SILENCE_SECONDS = 30

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Database:
    """One database, as the service's restricted role."""

    #: What a request waits for.
    pool: "asyncpg.Pool[asyncpg.Record]"
    #: What takes as long as it takes: keeping read models, building them anew, walking the chain.
    work: "asyncpg.Pool[asyncpg.Record]"
    engine: AsyncEngine
    #: A connection of one's own, for who listens.
    connect: Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


def _engine(url: str, **options: Any) -> AsyncEngine:
    return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), **options)


async def _nothing_to_reset(_: Any) -> None:
    """No session of ours keeps anything but a transaction, which ends with its block: a round trip less a query."""


def _pool(url: str, limits: Mapping[str, str], least: int, most: int) -> Any:
    return asyncpg.create_pool(
        url,
        min_size=least,
        max_size=most,
        command_timeout=SILENCE_SECONDS,
        reset=_nothing_to_reset,
        server_settings=dict(limits),
    )


@asynccontextmanager
async def connected(url: str, pool_size: int) -> AsyncIterator[Database]:
    """The database behind a `postgresql://` address, until the block is left."""
    # JSON stays text: rows and facts are validated from text, so that no number passes through a float.
    engine = _engine(
        url,
        pool_size=pool_size,
        isolation_level="REPEATABLE READ",
        json_deserializer=str,
        connect_args={"server_settings": ANSWERS},
    )
    try:
        async with _pool(url, ANSWERS, 1, pool_size) as pool, _pool(url, WORK, 0, pool_size) as work:
            yield Database(pool, work, engine, partial(asyncpg.connect, url, server_settings=ANSWERS))
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


#: What would break the service's promises, in words.
_DOUBTS = {
    "fsync": "fsync is off: a crash of the machine may lose or break everything",
    "full_page_writes": "full_page_writes is off: a crash of the machine may break everything",
    "synchronous_commit": "synchronous_commit is off: a crash may lose what was acknowledged last",
    "writes": "the role may write facts without the function that appends: it is to have EXECUTE and SELECT alone",
}


async def doubt(pool: "asyncpg.Pool[asyncpg.Record]") -> list[str]:
    """Why answers from this database may not last, warned of in the log; nothing when they will."""
    found = await pool.fetchrow(
        "SELECT current_setting('fsync') = 'off' AS fsync, current_setting('full_page_writes') = 'off'"
        " AS full_page_writes, current_setting('synchronous_commit') = 'off' AS synchronous_commit,"
        " has_table_privilege('events', 'INSERT, UPDATE, DELETE, TRUNCATE') AS writes"
    )
    doubts = [said for name, said in _DOUBTS.items() if found is not None and found[name]]
    for each in doubts:
        _log.warning("database_is_not_to_be_trusted", why=each)
    return doubts


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
