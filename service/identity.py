"""Who is at the door: whoever bears a token of the service's own, an API key, or a token of the company's provider.

A token of the service's own is shown once; its secret has 256 bits and is stored hashed. It expires, and can be
revoked. Whatever is borne stands for one person of a company (a provider's subject for one in each of several), and is
looked up each time it comes, together with all others that come in that moment: nothing is remembered, so that an end
is an end at once.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import asyncpg
import structlog
from sqlalchemy import Column, LargeBinary, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import TIMESTAMP

from events.ids import PersonId, Slug
from service import api_keys
from service.oidc import Believed, NotBelieved, Provider

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
#: What is longer is nobody's, and not looked into.
SIZE_AT_MOST = 8 * 1024

#: By the hash of a secret, or by the subject of a provider's token; the company's version comes along.
_LOOK_UP = """
SELECT found.*, coalesce((SELECT s.version FROM streams s WHERE s.stream_id = found.company), 0) AS version
FROM (
    SELECT secret_hash, NULL AS subject, token_id AS credential, company, person,
           created_at AS authenticated_at, created_at AS made_at, expires_at, NULL::text[] AS scopes
    FROM tokens WHERE secret_hash = ANY($1) AND revoked_at IS NULL
    UNION ALL
    SELECT secret_hash, NULL, key_id, company, owner, NULL, created_at, expires_at, scopes
    FROM api_keys WHERE secret_hash = ANY($1) AND revoked_at IS NULL
    UNION ALL
    SELECT NULL, subject, identity_id, company, person, NULL, linked_at, NULL, NULL
    FROM identities WHERE issuer = $2 AND subject = ANY($3) AND unlinked_at IS NULL
) found
ORDER BY company
"""

_log = structlog.get_logger()


class Unauthenticated(Exception):
    """The request bears nothing that stands for anyone: missing, unknown, expired or revoked."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The person that what is borne stands for."""

    company: Slug
    person: PersonId
    #: The newest version of the company's stream at the look-up.
    company_version: int
    #: When it was made, or linked to the person.
    made_at: datetime
    #: The id of the token, of the key, or of the link between a provider's subject and the person.
    credential: str
    #: When the person last showed who they are; None when nobody says.
    authenticated_at: datetime | None
    #: What a key may be used for; None for a person, who may do what they may.
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class TokenSummary:
    """A token as it may be listed: without its secret."""

    token_id: str
    person: PersonId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Identity:
    """Tells who is at the door.

    Args:
        provider: of signed tokens, if the installation has one.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", provider: Provider | None = None) -> None:
        self._pool = pool
        self._provider = provider
        #: The provider's name; empty without one.
        self.issuer = provider.issuer if provider is not None else ""
        self._asked: dict[bytes | str, list[asyncio.Future[list[asyncpg.Record]]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def authenticate(self, borne: str, now: datetime) -> list[Bearer]:
        """Whom it stands for, by company: of a token or a key one person, of a subject one in each of its companies.

        Raises:
            Unauthenticated: nobody, any more or at all.
        """
        if borne.startswith(PREFIX) or (borne.startswith(api_keys.PREFIX) and api_keys.whole(borne)):
            if len(borne) > SIZE_AT_MOST:
                raise Unauthenticated
            rows, believed = await self._found(sha256(borne.encode(errors="replace")).digest()), None
        else:
            believed = await self.believed(borne, now)
            rows = await self._found(believed.subject)
        bearers = []
        for row in rows:
            if row["expires_at"] is None or row["expires_at"] > now:
                at = row["authenticated_at"] if believed is None else believed.authenticated_at
                scopes = None if row["scopes"] is None else api_keys.SCOPES.intersection(row["scopes"])
                bearers.append(
                    Bearer(row["company"], row["person"], row["version"], row["made_at"], row["credential"], at, scopes)
                )
        if not bearers:
            raise Unauthenticated
        return bearers

    async def believed(self, borne: str, now: datetime) -> Believed:
        """Of whom a provider's token speaks, whether they stand for somebody or not.

        Raises:
            Unauthenticated: it is not to be believed.
        """
        if self._provider is None or len(borne) > SIZE_AT_MOST or borne.startswith((PREFIX, api_keys.PREFIX)):
            raise Unauthenticated
        try:
            return await self._provider.believed(borne, now)
        except NotBelieved as why:
            _log.info("token_not_believed", why=str(why))
            raise Unauthenticated from None

    async def _found(self, proof: bytes | str) -> list[asyncpg.Record]:
        """What is known of it now, together with whoever else asks while a look is on its way."""
        asked: asyncio.Future[list[asyncpg.Record]] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(proof, []).append(asked)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asked

    async def _look(self) -> None:
        """Look up what was asked for, all at once."""
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    rows = await self._pool.fetch(
                        _LOOK_UP,
                        [proof for proof in asked if isinstance(proof, bytes)],
                        self.issuer,
                        [proof for proof in asked if isinstance(proof, str)],
                    )
                except Exception as error:
                    for each in (each for waiting in asked.values() for each in waiting if not each.done()):
                        each.set_exception(error)
                else:
                    found: dict[bytes | str, list[asyncpg.Record]] = {proof: [] for proof in asked}
                    for row in rows:
                        found[row["secret_hash"] or row["subject"]].append(row)
                    for proof, waiting in asked.items():
                        for each in (each for each in waiting if not each.done()):
                            each.set_result(found[proof])
        finally:
            self._looking = None


#: What lets somebody in, and how it ends.
_ENDS = (
    "UPDATE tokens SET revoked_at = $3 WHERE company = $1 AND person = $2 AND created_at <= $3 AND revoked_at IS NULL",
    "UPDATE api_keys SET revoked_at = $3 WHERE company = $1 AND owner = $2 AND created_at <= $3 AND revoked_at IS NULL",
    "UPDATE identities SET unlinked_at = $3"
    " WHERE company = $1 AND person = $2 AND linked_at <= $3 AND unlinked_at IS NULL",
)


async def end_all(pool: "asyncpg.Pool[asyncpg.Record]", company: Slug, person: PersonId, at: datetime) -> None:
    """C8: end the tokens, keys and sign-ins of somebody dismissed then, who is let in no more anyway, or erased."""
    for each in _ENDS:
        await pool.execute(each, company, person, at)


class Tokens:
    """The tokens of an installation."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

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

    async def revoke_in(self, company: Slug, token_id: str, person: PersonId | None, now: datetime) -> bool:
        """End a token of the company, of the person if one is named; whether there is one, ended now or before."""
        done = await self._pool.execute(
            "UPDATE tokens SET revoked_at = coalesce(revoked_at, $4)"
            " WHERE company = $1 AND token_id = $2 AND ($3::text IS NULL OR person = $3)",
            *(company, token_id, person, now),
        )
        return bool(done == "UPDATE 1")

    async def revoke(self, token_id: str, now: datetime) -> Slug | None:
        """End a token at once; of which company, or none if there was none to end."""
        company: Slug | None = await self._pool.fetchval(
            "UPDATE tokens SET revoked_at = $2 WHERE token_id = $1 AND revoked_at IS NULL RETURNING company",
            *(token_id, now),
        )
        return company

    async def of(self, company: Slug) -> list[TokenSummary]:
        """The company's tokens, the newest first."""
        rows = await self._pool.fetch(
            "SELECT token_id, person, created_at, expires_at, revoked_at FROM tokens WHERE company = $1"
            " ORDER BY created_at DESC",
            company,
        )
        return [TokenSummary(**row) for row in rows]
