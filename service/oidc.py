"""Signed tokens of a company's own identity provider (OpenID Connect), and the persons they stand for.

A token is believed when a key of the provider signed it, by the algorithm that belongs to that key, for this
service, and for now. Nothing in a token chooses how it is checked: its `kid` is a name to look up, no more. Whom its
subject stands for is not the provider's to say either: the operator links them, or the person does who accepts an
invitation to an address that the provider says is theirs.

The provider's keys are fetched when a token comes that needs it. A key that is not known makes the service look,
once a minute at the most; meanwhile, and while the provider is down, the keys that are known serve on. A key that
left the provider's document is refused from the next look on: within 5 minutes while tokens come, within 10 else.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx2
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWS, PyJWTError
from jwt.utils import base64url_decode
from msgspec import Meta
from sqlalchemy import CheckConstraint, Column, Index, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import TIMESTAMP

from events.ids import PersonId, Slug

metadata = MetaData()
_C = Text(collation="C")
_INSTANT = TIMESTAMP(timezone=True)

identities = Table(
    "identities",
    metadata,
    Column("identity_id", _C, primary_key=True),
    Column("issuer", _C, nullable=False),
    #: None once the person was erased.
    Column("subject", _C),
    Column("company", _C, nullable=False),
    Column("person", _C, nullable=False),
    Column("linked_at", _INSTANT, nullable=False),
    Column("unlinked_at", _INSTANT),
    #: The invitation that it came of; None when the operator linked it.
    Column("invitation", Uuid, unique=True),
    CheckConstraint("subject IS NOT NULL OR unlinked_at IS NOT NULL", "identities_erased"),
)
#: A subject stands for one person of each company at a time.
Index(
    "identities_subject",
    identities.c.issuer,
    identities.c.subject,
    identities.c.company,
    unique=True,
    postgresql_where=identities.c.unlinked_at.is_(None),
)

#: Clocks differ by so much, and no more.
LEEWAY_SECONDS = 30
#: How long keys serve before the provider is asked again.
REFRESH_SECONDS = 300.0
#: Between the end of one look and the next, whatever is asked for.
PAUSE_SECONDS = 60.0
#: Keys that nobody asked about for so long are looked at again before one of them is believed.
STALE_SECONDS = 600.0
#: A look takes no longer, and reads no more than this.
LOOK_SECONDS = 3.0
DOCUMENT_BYTES = 256 * 1024
KEYS_AT_MOST = 64

#: By type and curve of a key, the algorithms that may go with it; the first when the key names none.
_ALGORITHMS = {("OKP", "Ed25519"): ("EdDSA",), ("EC", "P-256"): ("ES256",), ("RSA", None): ("RS256", "PS256")}
#: Of an RSA key's modulus: shorter is weak, longer takes too long.
_RSA_BITS = range(2048, 8193)
#: Headers by which a token would bring its own key, or ask for rules that are not known here.
_FORBIDDEN = ("jku", "jwk", "x5u", "x5c", "crit", "b64")
_TYPES = ("jwt", "at+jwt", "application/at+jwt", None)

_PARTS = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII).fullmatch
_JWS = PyJWS(algorithms=[each for may in _ALGORITHMS.values() for each in may])

_log = structlog.get_logger()


class NotBelieved(Exception):
    """A token that stands for nobody, and why: for the log, not for its sender."""


#: Printable ASCII, as OpenID Connect has it.
Subject = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+\Z")]
Seconds = Annotated[float, Meta(ge=0, lt=253_402_300_800)]  # until the year 9999


class Claims(msgspec.Struct):
    """What a token must say, and of what type."""

    iss: str
    sub: Subject
    aud: str | list[str]
    exp: Seconds
    iat: Seconds
    nbf: Seconds = 0
    auth_time: Seconds | None = None
    #: Of any type, since who signs in does not depend on them.
    email: Any = None
    email_verified: Any = None


class _Jwk(msgspec.Struct, omit_defaults=True):
    """The public part of a key, as the provider tells it."""

    kid: str
    kty: str
    crv: str | None = None
    alg: str | None = None
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    n: str | None = None
    e: str | None = None
    x: str | None = None
    y: str | None = None


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _Jwks(msgspec.Struct):
    keys: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Oidc:
    """A provider, as the operator names it."""

    issuer: str
    #: What its tokens must be made out to: this service.
    audience: str
    #: Where its keys are; None: its discovery document says so.
    jwks_url: str | None = None
    #: A token that lasts longer is not believed.
    lasts_at_most: timedelta = timedelta(hours=24)

    def __post_init__(self) -> None:
        for url in (self.issuer, self.jwks_url):
            if url is not None:
                guarded(url)


@dataclass(frozen=True, slots=True)
class Believed:
    """Of whom a token speaks."""

    subject: str
    #: When the person last showed who they are, if the provider says so.
    authenticated_at: datetime | None
    #: Their address, in ASCII, if the provider says that it is theirs.
    address: str | None


def guarded(url: str) -> str:
    """The address, if nobody on the way can change what it answers.

    Raises:
        ValueError: it is neither https nor of this machine.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise ValueError(f"{url} must be an https address; http is for this machine alone.")
    return url


def _object(part: str) -> dict[str, Any]:
    """The JSON object in a part of a token, with every name in it said once."""
    found = json.loads(base64url_decode(part).decode(), object_pairs_hook=_each_once, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("a part is no object")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is said twice")
    return found


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _usable(raw: msgspec.Raw) -> tuple[str, PyJWK] | None:
    """A key that may verify, under its name, with the one algorithm that it is for; None for any other."""
    try:
        jwk = msgspec.json.decode(raw, type=_Jwk)
        may = _ALGORITHMS.get((jwk.kty, jwk.crv), ())
        algorithm = jwk.alg or next(iter(may), "")
        if algorithm not in may or jwk.use != "sig" or "verify" not in jwk.key_ops:
            return None
        key = PyJWK({name: value for name, value in msgspec.to_builtins(jwk).items() if value}, algorithm)
    except (msgspec.DecodeError, PyJWTError, ValueError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size not in _RSA_BITS:
        return None
    return jwk.kid, key


class Keys:
    """The provider's public keys, as they were told last."""

    def __init__(
        self, provider: Oidc, client: httpx2.AsyncClient, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider = provider
        self._client = client
        self._monotonic = monotonic
        self._known: Mapping[str, PyJWK] = {}
        #: When the last look ended, well or badly.
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def named(self, kid: str) -> PyJWK | None:
        """The key of that name; who asks for one that is known does not wait for a look."""
        age, known = self._monotonic() - self._looked_at, kid in self._known
        if self._looking is None and age >= (REFRESH_SECONDS if known else PAUSE_SECONDS):
            self._looking = asyncio.create_task(self._look())
        if self._looking is not None and (not known or age >= STALE_SECONDS):
            await asyncio.shield(self._looking)
        return self._known.get(kid)

    async def close(self) -> None:
        """Give up a look that is on its way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                self._known = await self._told()
        except Exception as error:  # whatever is wrong over there, the keys that are known serve on
            _log.warning("provider_is_away", issuer=self._provider.issuer, error=f"{type(error).__name__}: {error}")
        finally:
            self._looked_at, self._looking = self._monotonic(), None

    async def _told(self) -> dict[str, PyJWK]:
        url = self._provider.jwks_url or await self._discovered()
        told = msgspec.json.decode(await self._read(url), type=_Jwks).keys
        if len(told) > KEYS_AT_MOST:
            raise ValueError(f"{len(told)} keys are more than {KEYS_AT_MOST}")
        return dict(key for each in reversed(told) if (key := _usable(each)) is not None)

    async def _discovered(self) -> str:
        issuer = self._provider.issuer
        document = await self._read(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        found = msgspec.json.decode(document, type=_Discovery)
        if found.issuer != issuer:
            raise ValueError(f"the document found there is of {found.issuer}")
        return guarded(found.jwks_uri)

    async def _read(self, url: str) -> bytes:
        """What is at an address; as it comes, since a small answer may unpack to a large one."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._client.stream("GET", url, headers=headers) as answer:
            if answer.status_code != 200:
                raise ValueError(f"{url} answered {answer.status_code}")
            read = bytearray()
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > DOCUMENT_BYTES:
                    raise ValueError(f"{url} has more than {DOCUMENT_BYTES} bytes")
            return bytes(read)


class Provider:
    """Who believes a provider's tokens."""

    def __init__(self, oidc: Oidc, keys: Keys) -> None:
        self._oidc = oidc
        self._keys = keys

    @property
    def issuer(self) -> str:
        """Its name in every token."""
        return self._oidc.issuer

    async def believed(self, token: str, now: datetime) -> Believed:
        """Of whom the token speaks, if it is to be believed.

        Args:
            token: of a bounded size.

        Raises:
            NotBelieved: it is not, and why.
        """
        if not _PARTS(token):
            raise NotBelieved("it has not three parts of base64url")
        head, body, _ = token.split(".")
        try:
            kid = _kid(_object(head))
            key = await self._keys.named(kid)
            if key is None:
                raise NotBelieved("its key is none of the provider's")
            _JWS.decode_complete(token, key, [key.algorithm_name])
            claims = msgspec.convert(_object(body), Claims)
        except (PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as error:
            raise NotBelieved(f"{type(error).__name__}: {error}") from None
        self._check(claims, now.timestamp())
        at = None if claims.auth_time is None else datetime.fromtimestamp(claims.auth_time, UTC)
        return Believed(
            claims.sub, at, claims.email if claims.email_verified is True and _written(claims.email) else None
        )

    def _check(self, claims: Claims, now: float) -> None:
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        for said, holds in (
            ("it is of another issuer", claims.iss == self._oidc.issuer),
            ("it is for another audience", self._oidc.audience in audience),
            ("it is expired", now < claims.exp + LEEWAY_SECONDS),
            ("it lasts too long", claims.exp - claims.iat <= self._oidc.lasts_at_most.total_seconds()),
            ("it is not valid yet", claims.nbf <= now + LEEWAY_SECONDS),
            ("it is of the future", max(claims.iat, claims.auth_time or 0) <= now + LEEWAY_SECONDS),
        ):
            if not holds:
                raise NotBelieved(said)


def _written(address: Any) -> bool:
    """Whether it is in ASCII, as one is invited: letters of other scripts become ASCII in lower case."""
    return isinstance(address, str) and address.isascii()


def _kid(header: Mapping[str, Any]) -> str:
    """The name of the key that a token says it was signed with."""
    kid, kind = header.get("kid"), header.get("typ")
    if any(name in header for name in _FORBIDDEN):
        raise NotBelieved("its header brings what it must not")
    if (kind.lower() if isinstance(kind, str) else kind) not in _TYPES:
        raise NotBelieved("it is of another type")
    if not isinstance(kid, str):
        raise NotBelieved("it names no key")
    return kid


@asynccontextmanager
async def provided(oidc: Oidc | None) -> AsyncIterator[Provider | None]:
    """The provider of the installation, if it has one, until the block is left."""
    if oidc is None:
        yield None
        return
    async with httpx2.AsyncClient(timeout=LOOK_SECONDS, follow_redirects=False) as client:
        keys = Keys(oidc, client)
        try:
            yield Provider(oidc, keys)
        finally:
            await keys.close()


class AlreadyLinked(Exception):
    """The subject stands for somebody of the company, or stood for somebody where that matters."""


@dataclass(frozen=True, slots=True)
class Link:
    """A subject of a provider, and the person it stands for."""

    identity_id: str
    issuer: str
    #: None when the person was erased.
    subject: str | None
    person: PersonId
    linked_at: datetime
    unlinked_at: datetime | None


class Identities:
    """Which subjects stand for whom."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def link(self, company: Slug, person: PersonId, issuer: str, subject: str, now: datetime) -> str:
        """Let a subject stand for a person; the link's id.

        Raises:
            ValueError: no provider can have such an address, or such a subject.
            AlreadyLinked: it stands for somebody of the company.
        """
        guarded(issuer)
        try:
            msgspec.convert(subject, Subject)
        except msgspec.ValidationError:
            raise ValueError("A subject has 1 to 255 signs of ASCII, without spaces.") from None
        identity_id = f"I-{secrets.token_hex(4)}"
        try:
            await self._pool.execute(
                "INSERT INTO identities (identity_id, issuer, subject, company, person, linked_at)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                *(identity_id, issuer, subject, company, person, now),
            )
        except asyncpg.UniqueViolationError:
            raise AlreadyLinked from None
        return identity_id

    async def link_invited(
        self, company: Slug, person: PersonId, issuer: str, subject: str, invitation: UUID, now: datetime
    ) -> None:
        """Let a subject stand for the person who accepted an invitation with it; again, it does so already.

        Raises:
            AlreadyLinked: the subject stood for somebody of the company before, or somebody else for the person.
        """
        with suppress(asyncpg.UniqueViolationError):  # somebody was faster; who, is looked up now
            await self._pool.execute(
                "INSERT INTO identities (identity_id, issuer, subject, company, person, linked_at, invitation)"
                " SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT FROM identities"
                " WHERE company = $4 AND (person = $5 OR (issuer = $2 AND subject = $3)))",
                *(f"I-{secrets.token_hex(4)}", issuer, subject, company, person, now, invitation),
            )
        if await self.stands_for(company, issuer, subject) != {(person, invitation, True)}:
            raise AlreadyLinked

    async def stands_for(self, company: Slug, issuer: str, subject: str) -> set[tuple[PersonId, UUID | None, bool]]:
        """Whom of the company a subject stands or stood for: the person, by which invitation, and whether still."""
        rows = await self._pool.fetch(
            "SELECT person, invitation, unlinked_at IS NULL AS still FROM identities"
            " WHERE company = $1 AND issuer = $2 AND subject = $3",
            *(company, issuer, subject),
        )
        return {(row["person"], row["invitation"], row["still"]) for row in rows}

    async def unlink_in(self, company: Slug, identity_id: str, now: datetime) -> bool:
        """Let a subject stand for nobody of the company; whether there is such a link, ended now or before."""
        done = await self._pool.execute(
            "UPDATE identities SET unlinked_at = coalesce(unlinked_at, $3) WHERE company = $1 AND identity_id = $2",
            *(company, identity_id, now),
        )
        return bool(done == "UPDATE 1")

    async def unlink(self, identity_id: str, now: datetime) -> Slug | None:
        """Let a subject stand for nobody, at once; of which company, or none if there was none to unlink."""
        company: Slug | None = await self._pool.fetchval(
            "UPDATE identities SET unlinked_at = $2 WHERE identity_id = $1 AND unlinked_at IS NULL RETURNING company",
            *(identity_id, now),
        )
        return company

    async def of(self, company: Slug) -> list[Link]:
        """The company's links, the newest first."""
        rows = await self._pool.fetch(
            "SELECT identity_id, issuer, subject, person, linked_at, unlinked_at FROM identities WHERE company = $1"
            " ORDER BY linked_at DESC",
            company,
        )
        return [Link(**row) for row in rows]
