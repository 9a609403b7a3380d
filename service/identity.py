"""Who is at the door: bearer tokens of the service's own, each standing for a person of a company.

A token is shown once; its secret has 256 bits and is stored hashed. It expires, and can be revoked.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import asyncpg
from sqlalchemy import Column, LargeBinary, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import TIMESTAMP

from events.ids import PersonId, Slug

metadata = MetaData()
_C = Text(collation="C")
_INSTANT = TIMESTAMP(timezone=True)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", _C, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("company", _C, nullable=False),
    Column("person", _C, nullable=False),
    Column("created_at", _INSTANT, nullable=False),
    Column("expires_at", _INSTANT, nullable=False),
    Column("revoked_at", _INSTANT),
    UniqueConstraint("secret_hash"),
)

PREFIX = "glt_"


class Unauthenticated(Exception):
    """The request carries no token that stands for anyone: missing, unknown, expired or revoked."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The person a token stands for."""

    company: Slug
    person: PersonId
    #: The newest version of the company's stream when the token was looked up.
    company_version: int


@dataclass(frozen=True, slots=True)
class TokenSummary:
    """A token as it may be listed: without its secret."""

    token_id: str
    person: PersonId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Tokens:
    """The tokens of an installation."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._asked: dict[bytes, list[asyncio.Future[asyncpg.Record | None]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def create(self, company: Slug, person: PersonId, now: datetime, lifetime: timedelta) -> tuple[str, str]:
        """A new token's id and secret; the secret cannot be shown again."""
        token_id, secret = f"T-{secrets.token_hex(4)}", PREFIX + secrets.token_urlsafe(32)
        await self._pool.execute(
            "INSERT INTO tokens (token_id, secret_hash, company, person, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            token_id,
            sha256(secret.encode()).digest(),
            company,
            person,
            now,
            now + lifetime,
        )
        return token_id, secret

    async def authenticate(self, secret: str, now: datetime) -> Bearer:
        """Whom the secret stands for.

        Raises:
            Unauthenticated: nobody, any more or at all.
        """
        row = await self._found(sha256(secret.encode(errors="replace")).digest())
        if row is None or row["expires_at"] <= now:
            raise Unauthenticated
        return Bearer(row["company"], row["person"], row["version"])

    async def _found(self, secret_hash: bytes) -> asyncpg.Record | None:
        """The token as it is now, together with whoever else asks while a look is on its way."""
        asked: asyncio.Future[asyncpg.Record | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(secret_hash, []).append(asked)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asked

    async def _look(self) -> None:
        """Look up what was asked for, all at once; nothing is remembered, so that an end is an end at once."""
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    rows = await self._pool.fetch(
                        "SELECT t.secret_hash, t.company, t.person, t.expires_at, coalesce(s.version, 0) AS version"
                        " FROM tokens t LEFT JOIN streams s ON s.stream_id = t.company"
                        " WHERE t.secret_hash = ANY($1) AND t.revoked_at IS NULL",
                        list(asked),
                    )
                except Exception as error:
                    for each in (each for waiting in asked.values() for each in waiting if not each.done()):
                        each.set_exception(error)
                else:
                    found = {row["secret_hash"]: row for row in rows}
                    for secret_hash, waiting in asked.items():
                        for each in (each for each in waiting if not each.done()):
                            each.set_result(found.get(secret_hash))
        finally:
            self._looking = None

    async def revoke(self, token_id: str, now: datetime) -> bool:
        """End a token at once; whether there was one to end."""
        done = await self._pool.execute(
            "UPDATE tokens SET revoked_at = $2 WHERE token_id = $1 AND revoked_at IS NULL", token_id, now
        )
        return bool(done == "UPDATE 1")

    async def of(self, company: Slug) -> list[TokenSummary]:
        """The company's tokens, the newest first."""
        rows = await self._pool.fetch(
            "SELECT token_id, person, created_at, expires_at, revoked_at FROM tokens WHERE company = $1"
            " ORDER BY created_at DESC",
            company,
        )
        return [TokenSummary(**row) for row in rows]
