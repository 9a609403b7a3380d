"""Who reads the views for dashboards: logins of the database, each made for one company by the database's owner.

A login's name says nothing: every login of a server can list the names of all others.
"""

import base64
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import pbkdf2_hmac, sha256
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import Boolean, Column, MetaData, Table, Text, false

from events.ids import Slug
from service.database import SILENCE_SECONDS, check_schema

metadata = MetaData()
_C = Text(collation="C")

readers = Table(
    "readers",
    metadata,
    Column("login", _C, primary_key=True),
    Column("company", _C, nullable=False),
    # Whether it reads pay and the accounts above the line.
    Column("confidential", Boolean, nullable=False, server_default=false()),
)

PREFIX = "greenlight_reader_"
#: Of its sessions, which may lift them: they guard against a dashboard's mistakes.
SETTINGS = {
    "search_path": "bi",
    "default_transaction_read_only": "on",
    # Whoever looks at a dashboard has gone by then.
    "statement_timeout": "30s",
    # A rebuild waits for readers and lets them go first; whoever waits for longer waits for something that is stuck.
    "lock_timeout": "5s",
    # An open look keeps a rebuild from taking its place, and old rows from vacuum.
    "idle_in_transaction_session_timeout": "30s",
    "transaction_timeout": "2min",
}
#: Connections of one login; this one it cannot lift.
CONNECTIONS = 10


class CannotMakeReaders(Exception):
    """This database, or this role of it, makes no readers; the message says why and what to do."""


class Readers:
    """The readers of a database, as its owner sees them."""

    def __init__(self, connection: Any, url: str) -> None:
        self._connection = connection
        self._url = urlsplit(url)

    async def create(self, company: Slug, *, confidential: bool = False) -> str:
        """A new login that reads a company; the address with its password, which cannot be shown again.

        Args:
            confidential: whether it reads pay and the accounts above the line.
        """
        if not await self._connection.fetchval("SELECT count(*) FROM streams WHERE stream_id = $1", company):
            raise CannotMakeReaders(f"There is no company {company}.")
        login, password = PREFIX + secrets.token_hex(4), secrets.token_hex(24)
        async with self._connection.transaction():
            await self._connection.execute(
                f"CREATE ROLE {login} LOGIN CONNECTION LIMIT {CONNECTIONS} PASSWORD '{_verifier(password)}'"
            )
            for name, value in SETTINGS.items():
                await self._connection.execute(f"ALTER ROLE {login} SET {name} = '{value}'")
            await self._connection.execute(f"GRANT greenlight_reader TO {login} WITH INHERIT TRUE, SET FALSE")
            await self._connection.execute("INSERT INTO readers VALUES ($1, $2, $3)", login, company, confidential)
        place = self._url.netloc.rpartition("@")[2]
        return self._url._replace(netloc=f"{login}:{password}@{place}").geturl()

    async def of(self, company: Slug | None) -> list[tuple[str, Slug, bool]]:
        """Logins, their company, and whether they read what is confidential; of one company or all."""
        rows = await self._connection.fetch(
            "SELECT login, company, confidential FROM readers WHERE $1::text IS NULL OR company = $1"
            " ORDER BY company, login",
            company,
        )
        return [(row["login"], row["company"], row["confidential"]) for row in rows]

    async def drop(self, login: str) -> bool:
        """Drop a login; whether it was a reader."""
        async with self._connection.transaction():
            known = await self._connection.fetchval("DELETE FROM readers WHERE login = $1 RETURNING login", login)
            if known is not None:
                quoted = await self._connection.fetchval("SELECT quote_ident($1)", login)
                await self._connection.execute(f"DROP ROLE IF EXISTS {quoted}")
        return known is not None


@asynccontextmanager
async def owning(owner_url: str) -> AsyncIterator[Readers]:
    """The readers of the database behind its owner's address, until the block is left."""
    connection = await asyncpg.connect(owner_url, timeout=SILENCE_SECONDS)
    try:
        await check_schema(connection)
        yield Readers(connection, owner_url)
    except asyncpg.InsufficientPrivilegeError as error:
        raise CannotMakeReaders(
            f"Who makes readers owns the database and may create roles: {error}. As a superuser, in this database, run"
            " what `greenlight roles` prints, and name the owner or the migrator in MIGRATION_DATABASE_URL."
        ) from error
    finally:
        await connection.close(timeout=SILENCE_SECONDS)


def _verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that the password itself is in no statement and no log."""
    salt, iterations = secrets.token_bytes(16), 4096
    salted = pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"
