"""Runs the migrations as the owner: on a connection that is handed in, or on MIGRATION_DATABASE_URL."""

import asyncio
import os

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from alembic import context
from events import log
from projections import runner
from service import api_keys, directory, documents, identity, oidc, readers

#: `runner` brings the checkpoints, and with it every projection.
METADATA = [
    log.metadata,
    runner.metadata,
    identity.metadata,
    api_keys.metadata,
    oidc.metadata,
    directory.metadata,
    readers.metadata,
    documents.metadata,
]

# The library knows no xid8; with this, `alembic check` reads the column of that type as what it is.
ischema_names["xid8"] = log.Xid8


def migrate(connection: Connection) -> None:
    """Run what was asked for in one transaction."""
    context.configure(connection=connection, target_metadata=METADATA, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


async def online(engine: AsyncEngine) -> None:
    """Open the connection that the caller did not hand in."""
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=METADATA, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif (handed := context.config.attributes.get("connection")) is not None:
    migrate(handed)
else:
    url = os.environ["MIGRATION_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1)
    asyncio.run(online(create_async_engine(url)))
