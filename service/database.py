"""Connections, and their limits on time: for who waits for an answer, and for work that takes as long as it takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import structlog
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from typing_extensions import override

from alembic import command
from events.envelope import reason
from events.group_commit import AWAY, ENDED
from service.embedded import SCRIPT

ALEMBIC = next(
    place for place in (Path(__file__).parent / "_alembic", Path(__file__).parent.parent / "alembic") if place.is_dir()
)

#: A statement of a request that takes longer hangs: on a lock, or on a network that was lost without a word.
STATEMENT_SECONDS = 4.0
#: One of the runner or of an operator, who read and write much at a time; what may take longer brings its own limit.
LONG_SECONDS = 30.0
#: A server that is there takes a connection within this, and lets go of a statement that was given up.
SILENCE_SECONDS = 1.5
#: For a request: PostgreSQL gives up before the driver does, so that what became of a statement is known.
ANSWERS = {
    "application_name": "greenlight answers",
    # Another process's commit on the same stream; whoever holds a head for longer is stuck.
    "lock_timeout": "3s",
    "statement_timeout": "3500ms",
    # A process that was stopped in its tracks, or that the network lost, gives its locks and its snapshot back.
    "idle_in_transaction_session_timeout": "10s",
    "transaction_timeout": "25s",
}
#: For what folds or walks the whole log: only who stands still is ended, or it would keep whoever takes over waiting.
#: The others are said, since those of the role (roles.sql) would hold.
WORK = {
    "application_name": "greenlight work",
    "lock_timeout": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "10s",
    "transaction_timeout": "0",
}

#: For views, whose filters differ from one request to the next: a plan for all of them would fit none.
VIEWS = ANSWERS | {"application_name": "greenlight views", "plan_cache_mode": "force_custom_plan"}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Database:
    """One database, as the service's restricted role."""

    #: For requests, which the others cannot keep from a connection.
    pool: "asyncpg.Pool[asyncpg.Record]"
    #: For what takes as long as it takes: keeping read models, building them anew, walking the chain.
    work: "asyncpg.Pool[asyncpg.Record]"
    engine: AsyncEngine
    #: A connection of one's own, for who listens.
    connect: Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


def _engine(url: str, **options: Any) -> AsyncEngine:
    return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), **options)


async def _nothing_to_reset(_: Any) -> None:
    """No session of ours keeps anything but a transaction, which ends with its block: a round trip less a query."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that takes leave of a server without waiting for one that is silent."""

    @override
    async def close(self, *, timeout: float | None = None) -> None:
        with suppress(TimeoutError):
            await super().close(timeout=timeout or SILENCE_SECONDS)


class _Pool(asyncpg.Pool):  # type: ignore[misc]
    """A pool that a lost network does not keep: where one connection is silent, all are made anew."""

    def __init__(self, url: str, size: int, statement_seconds: float, settings: Mapping[str, str]) -> None:
        super().__init__(
            url,
            min_size=1,
            init_size=1,
            max_size=size,
            max_queries=50_000,
            max_inactive_connection_lifetime=300.0,
            connection_class=_Connection,
            record_class=asyncpg.Record,
            connect=None,
            setup=None,
            init=None,
            reset=_nothing_to_reset,
            loop=None,
            timeout=SILENCE_SECONDS,
            command_timeout=statement_seconds,
            server_settings=dict(settings),
        )

    @override
    async def release(self, connection: Any, *, timeout: float | None = None) -> None:
        """Take a connection back; what was given up on it is waited for no longer than a server needs to let go."""
        try:
            await super().release(connection, timeout=timeout or SILENCE_SECONDS)
        except TimeoutError:
            await self.expire_connections()
            raise


class _Prompt(_Pool):
    """A pool whose own methods ask and change nothing: what was lost with its connection is asked once more."""

    @override
    async def fetch(self, *asked: Any, **how: Any) -> Any:
        return await _asked(super().fetch, *asked, **how)

    @override
    async def fetchrow(self, *asked: Any, **how: Any) -> Any:
        return await _asked(super().fetchrow, *asked, **how)

    @override
    async def fetchval(self, *asked: Any, **how: Any) -> Any:
        return await _asked(super().fetchval, *asked, **how)


async def _asked(ask: Callable[..., Awaitable[Any]], *asked: Any, **how: Any) -> Any:
    try:
        return await ask(*asked, **how)
    except ENDED:
        return await ask(*asked, **how)


def _silent_is_lost(context: Any) -> None:
    """To SQLAlchemy a time limit says nothing of the connection, and it would be used again; here it is lost."""
    if isinstance(context.original_exception, TimeoutError):
        context.is_disconnect = True


def _ended_is_lost(connection: Any, *_: Any) -> None:
    """One that the server ended while nobody used it is laid anew before anybody asks on it, as our pools do."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


class CannotConnect(Exception):
    """There is no database at the address, or it lets nobody in who comes so."""


#: What that looks like.
_NOBODY = (*AWAY, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


@asynccontextmanager
async def connected(url: str, pool_size: int) -> AsyncIterator[Database]:
    """The database behind a `postgresql://` address, until the block is left.

    Raises:
        CannotConnect: it does not answer, or refuses; in one line.
    """
    # JSON stays text: rows and facts are validated from text, so that no number passes through a float.
    engine = _engine(
        url,
        pool_size=pool_size,
        isolation_level="REPEATABLE READ",
        json_deserializer=str,
        connect_args={"timeout": SILENCE_SECONDS, "command_timeout": STATEMENT_SECONDS, "server_settings": VIEWS},
    )
    event.listen(engine.sync_engine, "handle_error", _silent_is_lost)
    event.listen(engine.sync_engine, "checkout", _ended_is_lost)
    async with AsyncExitStack() as opened:
        opened.push_async_callback(engine.dispose)
        try:
            pool = await opened.enter_async_context(_Prompt(url, pool_size, STATEMENT_SECONDS, ANSWERS))
            work = await opened.enter_async_context(_Pool(url, pool_size, LONG_SECONDS, WORK))
        except _NOBODY as error:
            raise CannotConnect(f"The database does not answer: {reason(error)}") from error
        yield Database(
            pool, work, engine, partial(asyncpg.connect, url, timeout=SILENCE_SECONDS, server_settings=ANSWERS)
        )


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


async def migrate(owner_url: str, admin_url: str | None = None) -> None:
    """Bring the schema to its newest revision, then let the planner look at the tables.

    Args:
        admin_url: the superuser's, where there is one at hand: it makes the roles that are missing.
    """
    if admin_url is not None:
        admin = await asyncpg.connect(admin_url, database=urlsplit(owner_url).path.removeprefix("/"))
        try:
            await admin.execute(SCRIPT.read_text())
        finally:
            await asyncio.wait_for(admin.close(), 10)
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
