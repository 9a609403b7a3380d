"""Documents that are kept as they were, beside the log: under their SHA-256, for ever.

A fact names what it needs by its digest, and what it names is there before it is written. Nobody changes or removes a
row, as nobody does a fact; the database itself holds that a row is what its digest says.
"""

import base64
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import CheckConstraint, Column, LargeBinary, MetaData, Table

from events import codec
from events.cost_report import CostReportIssued, KeptForm
from events.envelope import reason
from events.ids import Digest, StreamId

metadata = MetaData()

kept_documents = Table(
    "kept_documents",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    CheckConstraint("sha256 = sha256(content)", "kept_documents_are_what_they_say"),
)


async def keep(pool: Any, contents: Iterable[bytes]) -> None:
    """Keep them; what is kept already stays."""
    rows = [(sha256(content).digest(), content) for content in contents]
    async with pool.acquire() as connection:
        await connection.executemany(
            "INSERT INTO kept_documents (sha256, content) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING", rows
        )


async def kept(pool: Any, digest: Digest) -> bytes | None:
    """What is kept under the digest."""
    content: bytes | None = await pool.fetchval(
        "SELECT content FROM kept_documents WHERE sha256 = $1", bytes.fromhex(digest)
    )
    return content


def repr_digest(digest: Digest) -> str:
    """The digest as the header `Repr-Digest` says it (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"


@dataclass(frozen=True, slots=True)
class Checked:
    """A report that was issued, and what became of its bytes."""

    stream_id: StreamId
    report: str
    #: The first thing that does not hold, in words; None when all does.
    broken: str | None


async def check(connection: Any, only: StreamId | None = None) -> AsyncIterator[Checked]:
    """Whether the bytes of every report that was issued are what its fact says, of every stream or of one."""
    facts = await connection.fetch(
        "SELECT stream_id, version, schema_version, payload FROM events"
        " WHERE type = $1 AND ($2::text IS NULL OR stream_id = $2) ORDER BY stream_id, version",
        CostReportIssued.__name__,
        only,
    )
    for fact in facts:
        place = f"version {fact['version']}"
        try:
            event = codec.decode(CostReportIssued.__name__, fact["schema_version"], fact["payload"])
        except Exception as error:
            yield Checked(fact["stream_id"], place, f"{place} cannot be read: {reason(error)}")
            continue
        assert isinstance(event, CostReportIssued)
        found = [await _broken(connection, form) for form in event.forms]
        broken = next((f"{event.report}, {place}: {each}" for each in found if each is not None), None)
        yield Checked(fact["stream_id"], event.report, broken)


async def _broken(connection: Any, form: KeptForm) -> str | None:
    name = f"its {form.media_type} with SHA-256 {form.sha256}"
    content = await connection.fetchval(
        "SELECT content FROM kept_documents WHERE sha256 = $1", bytes.fromhex(form.sha256)
    )
    if content is None:
        return f"{name} is missing"
    found = sha256(content).hexdigest()
    return None if found == form.sha256 else f"{name} was changed: it has {found}"
