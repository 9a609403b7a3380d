"""The directory: names of people and vendors, which may be corrected and erased; facts hold their ids alone.

The address that an invitation was sent to stands here as well, apart from the person's own and never corrected: it
says who may accept.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import TIMESTAMP

from events.ids import PersonId, Slug, VendorId
from service.deciders.command import Command
from service.deciders.commitment import DraftCommitment
from service.deciders.company import AdmitMember, InviteMember
from service.deciders.documents import LogBatch, LogCredit
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
    Column("name", Text),
    Column("erased_at", TIMESTAMP(timezone=True)),
    CheckConstraint("(erased_at IS NULL) = (name IS NOT NULL)", "vendors_erased"),
)
#: Added to and never changed: who changed what about whom, without the names themselves.
directory_changes = Table(
    "directory_changes",
    metadata,
    Column("change", BigInteger, Identity(always=True), primary_key=True),
    Column("company", _C, nullable=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("by", _C, nullable=False),
    #: Such as `person named` or `key revoked`.
    Column("what", _C, nullable=False),
    #: The id of the person, the vendor, the key, the token or the sign-in.
    Column("about", _C, nullable=False),
)
Index("directory_changes_company", directory_changes.c.company, directory_changes.c.change)

#: How long a process remembers which vendors it entered: an older copy of the database may be restored under it.
ENTERED_SECONDS = 60.0
#: Of the changes, those that are told.
CHANGES_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class By:
    """Who changes the directory, and when."""

    person: PersonId
    at: datetime


#: What somebody is called whose name was erased.
ERASED, ERASED_VENDOR = "an erased person", "an erased vendor"


#: The last part of a statement, whose parameters are the company, the id, two of its own, who and when.
_KEPT = "kept AS (INSERT INTO directory_changes (company, at, by, what, about) SELECT $1, $6::timestamptz, $5, what, $2"


class Directory:
    """The people and vendors of the companies."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        #: Vendors that are in the database, where they remain, erased or not; and until when that is taken for true.
        self._entered: set[tuple[Slug, VendorId]] = set()
        self._entered_until = 0.0

    async def learn_vendors(self, company: Slug, commands: Iterable[Command]) -> None:
        """Enter the vendors' names that accepted commands bring, each on first use: what is there remains."""
        names: dict[VendorId, str] = {}
        if (now := time.monotonic()) >= self._entered_until:
            self._entered, self._entered_until = set(), now + ENTERED_SECONDS
        for command in commands:
            match command:
                case (
                    LogSpend(vendor_name=str(name))
                    | LogBatch(vendor_name=str(name))
                    | LogCredit(vendor_name=str(name))
                    | DraftCommitment(vendor_name=str(name))
                ) if (company, command.vendor) not in self._entered:
                    names.setdefault(command.vendor, name)
                case _:
                    pass  # brings none that is new
        if names:
            # In one order, so that two that enter the same wait for each other and in no circle.
            await self._pool.execute(
                "INSERT INTO vendors (company, vendor, name)"
                " SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING",
                *(company, *zip(*sorted(names.items()), strict=True)),
            )
            self._entered |= {(company, vendor) for vendor in names}

    async def learn_person(self, company: Slug, command: Command, command_id: UUID, by: By) -> None:
        """Enter the name and address of a person that an accepted command brings, as last told."""
        match command:
            case AdmitMember(name=str(name)):
                await self.name_person(company, command.person, name, by=by)
            case InviteMember(person=person, email=email):
                await self.name_person(company, person, command.name, email, by=by)
                await self._pool.execute(
                    "INSERT INTO invitations (invitation, company, person, address) VALUES ($1, $2, $3, $4)",
                    *(command_id, company, person, email.lower()),
                )
            case _:
                pass  # brings none

    async def name_person(
        self, company: Slug, person: PersonId, name: str, email: str | None = None, *, by: By
    ) -> bool:
        """Enter or correct a person's name, and their address if one is given; not of who was erased: that is told."""
        erased: bool = await self._pool.fetchval(
            "WITH named AS (INSERT INTO people AS p (company, person, name, email) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (company, person) DO UPDATE SET name = $3, email = coalesce($4, p.email)"
            " WHERE p.erased_at IS NULL"
            " AND (p.name, p.email) IS DISTINCT FROM ($3::text, coalesce($4::text, p.email))"
            " RETURNING 'person named' AS what),"
            f" {_KEPT} FROM named)"
            " SELECT EXISTS (SELECT FROM people WHERE company = $1 AND person = $2 AND erased_at IS NOT NULL)",
            *(company, person, name, email, by.person, by.at),
        )
        return not erased

    async def erase(self, company: Slug, person: PersonId, by: By) -> None:
        """Forget a person's name, addresses and subject; facts, figures and links hold their id alone, and stay."""
        await self._pool.execute(
            "WITH unaddressed AS (UPDATE invitations SET address = NULL WHERE company = $1 AND person = $2),"
            " unnamed AS (UPDATE identities SET subject = NULL, unlinked_at = coalesce(unlinked_at, $6)"
            " WHERE company = $1 AND person = $2),"
            " erased AS (INSERT INTO people AS p (company, person, erased_at) VALUES ($1, $2, $6)"
            " ON CONFLICT (company, person) DO UPDATE SET name = NULL, email = NULL, erased_at = $6"
            " WHERE p.erased_at IS NULL RETURNING 'person erased' AS what),"
            f" {_KEPT} FROM erased) SELECT $3::text, $4::text",
            *(company, person, None, None, by.person, by.at),
        )

    async def name_vendor(self, company: Slug, vendor: VendorId, name: str, by: By) -> bool:
        """Correct a vendor's name; not of one that was erased, or that nobody knows: that is told."""
        known: bool = await self._pool.fetchval(
            "WITH named AS (UPDATE vendors SET name = $3 WHERE company = $1 AND vendor = $2 AND erased_at IS NULL"
            " RETURNING 'vendor named' AS what),"
            f" {_KEPT} FROM named) SELECT EXISTS (SELECT FROM named) AND $4::text IS NULL",
            *(company, vendor, name, None, by.person, by.at),
        )
        return known

    async def erase_vendor(self, company: Slug, vendor: VendorId, by: By) -> bool:
        """Forget a vendor's name, which a later entry does not bring back; whether there is such a vendor."""
        known: bool = await self._pool.fetchval(
            "WITH erased AS (UPDATE vendors SET name = NULL, erased_at = $6"
            " WHERE company = $1 AND vendor = $2 AND erased_at IS NULL RETURNING 'vendor erased' AS what),"
            f" {_KEPT} FROM erased) SELECT EXISTS (SELECT FROM vendors WHERE company = $1 AND vendor = $2)"
            " AND $3::text IS NULL AND $4::text IS NULL",
            *(company, vendor, None, None, by.person, by.at),
        )
        return known

    async def vendors_of(self, company: Slug) -> list[tuple[VendorId, str | None]]:
        """The vendors of a company, by their ids; without a name who was erased."""
        rows = await self._pool.fetch("SELECT vendor, name FROM vendors WHERE company = $1 ORDER BY vendor", company)
        return [(row["vendor"], row["name"]) for row in rows]

    async def changed(self, company: Slug, what: str, about: str, by: By) -> None:
        """Keep who ended what lets somebody in."""
        await self._pool.execute(
            "INSERT INTO directory_changes (company, at, by, what, about) VALUES ($1, $2, $3, $4, $5)",
            *(company, by.at, by.person, what, about),
        )

    async def changes(self, company: Slug) -> list[tuple[datetime, PersonId, str, str]]:
        """Who changed what about whom, the newest first: when, who, what, and its id."""
        rows = await self._pool.fetch(
            "SELECT at, by, what, about FROM directory_changes WHERE company = $1 ORDER BY change DESC LIMIT $2",
            *(company, CHANGES_AT_MOST),
        )
        return [(row["at"], row["by"], row["what"], row["about"]) for row in rows]

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
            f" UNION ALL SELECT 'vendor', vendor, coalesce(name, '{ERASED_VENDOR}') FROM vendors"
            " WHERE company = $1 AND vendor = ANY($3)",
            company,
            list(set(persons)),
            list(set(of_vendors)),
        )
        known = {(row["kind"], row["id"]): row["name"] for row in rows}
        return lambda kind, who: known.get((kind, who), who)
