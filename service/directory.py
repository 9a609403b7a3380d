"""The directory: names of people and vendors, which may be corrected and erased; facts hold their ids alone.

The address that an invitation was sent to stands here as well, apart from the person's own and never corrected: it
says who may accept.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import CheckConstraint, Column, Index, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import TIMESTAMP

from events.ids import PersonId, Slug, VendorId
from service.deciders.command import Command
from service.deciders.company import AdmitMember, InviteMember
from service.deciders.spend import LogSpend

metadata = MetaData()
_C = Text(collation="C")

people = Table(
    "people",
    metadata,
    Column("company", _C, primary_key=True),
    Column("person", _C, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("erased_at", TIMESTAMP(timezone=True)),
    CheckConstraint(
        "CASE WHEN erased_at IS NULL THEN name IS NOT NULL ELSE name IS NULL AND email IS NULL END", "people_erased"
    ),
)
#: By the command that sent it; one that came to nothing leaves a row that no fact names.
invitations = Table(
    "invitations",
    metadata,
    Column("invitation", Uuid, primary_key=True),
    Column("company", _C, nullable=False),
    Column("person", _C, nullable=False),
    #: In lower case; null once the person was erased.
    Column("address", _C),
)
Index("invitations_address", invitations.c.company, invitations.c.address)
vendors = Table(
    "vendors",
    metadata,
    Column("company", _C, primary_key=True),
    Column("vendor", _C, primary_key=True),
    Column("name", Text, nullable=False),
)


#: What somebody is called whose name was erased.
ERASED = "an erased person"


class Directory:
    """The people and vendors of the companies."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def learn(self, company: Slug, command: Command, command_id: UUID) -> None:
        """Enter the name that an accepted command brings: a vendor's on first use, a person's as last told."""
        match command:
            case AdmitMember(name=str(name)):
                await self.name_person(company, command.person, name)
            case InviteMember(person=person, email=email):
                await self.name_person(company, person, command.name, email)
                await self._pool.execute(
                    "INSERT INTO invitations (invitation, company, person, address) VALUES ($1, $2, $3, $4)",
                    *(command_id, company, person, email.lower()),
                )
            case LogSpend(vendor_name=str(name)):
                await self._pool.execute(
                    "INSERT INTO vendors (company, vendor, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    company,
                    command.vendor,
                    name,
                )
            case _:
                pass  # brings no name

    async def name_person(self, company: Slug, person: PersonId, name: str, email: str | None = None) -> None:
        """Enter or correct a person's name, and their address if one is given."""
        await self._pool.execute(
            "INSERT INTO people AS p (company, person, name, email) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (company, person) DO UPDATE"
            " SET name = $3, email = coalesce($4, p.email), erased_at = NULL",
            company,
            person,
            name,
            email,
        )

    async def erase(self, company: Slug, person: PersonId, now: datetime) -> None:
        """Forget a person's name and address; facts, figures and links hold their id alone, and stay as they are."""
        await self._pool.execute(
            "WITH unaddressed AS (UPDATE invitations SET address = NULL WHERE company = $1 AND person = $2)"
            " INSERT INTO people AS p (company, person, erased_at) VALUES ($1, $2, $3)"
            " ON CONFLICT (company, person) DO UPDATE"
            " SET name = NULL, email = NULL, erased_at = coalesce(p.erased_at, $3)",
            company,
            person,
            now,
        )

    async def invited(self, company: Slug, address: str) -> dict[UUID, PersonId]:
        """Whom invitations to the address, in ASCII, were for; whether one is open, the company says."""
        if not address.isascii():
            return {}  # lower case would make letters of ASCII of others
        rows = await self._pool.fetch(
            "SELECT invitation, person FROM invitations WHERE company = $1 AND address = $2", company, address.lower()
        )
        return {row["invitation"]: row["person"] for row in rows}

    async def of(self, company: Slug) -> list[tuple[PersonId, str | None, str | None, datetime | None]]:
        """The people of a company: id, name, address, and when they were erased."""
        rows = await self._pool.fetch(
            "SELECT person, name, email, erased_at FROM people WHERE company = $1 ORDER BY person", company
        )
        return [(row["person"], row["name"], row["email"], row["erased_at"]) for row in rows]

    async def names(
        self, company: Slug, persons: Iterable[PersonId] = (), of_vendors: Iterable[VendorId] = ()
    ) -> Callable[[str, str], str]:
        """A look-up of `person` or `vendor` and id; who has no name is called by their id, and who was erased, so."""
        rows = await self._pool.fetch(
            f"SELECT 'person' AS kind, person AS id, coalesce(name, '{ERASED}') AS name FROM people"
            " WHERE company = $1 AND person = ANY($2)"
            " UNION ALL SELECT 'vendor', vendor, name FROM vendors WHERE company = $1 AND vendor = ANY($3)",
            company,
            list(set(persons)),
            list(set(of_vendors)),
        )
        known = {(row["kind"], row["id"]): row["name"] for row in rows}
        return lambda kind, who: known.get((kind, who), who)
