"""The directory: names of people and vendors, which may be corrected and erased; facts hold their ids alone."""

from collections.abc import Callable, Iterable

import asyncpg
from sqlalchemy import Column, MetaData, Table, Text

from events.ids import PersonId, Slug, VendorId
from service.deciders.command import Command
from service.deciders.company import AdmitMember
from service.deciders.spend import LogSpend

metadata = MetaData()
_C = Text(collation="C")

people = Table(
    "people",
    metadata,
    Column("company", _C, primary_key=True),
    Column("person", _C, primary_key=True),
    Column("name", Text, nullable=False),
)
vendors = Table(
    "vendors",
    metadata,
    Column("company", _C, primary_key=True),
    Column("vendor", _C, primary_key=True),
    Column("name", Text, nullable=False),
)


class Directory:
    """The people and vendors of the companies."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def learn(self, company: Slug, command: Command) -> None:
        """Enter the name that an accepted command brings: a vendor's on first use, a person's as last told."""
        match command:
            case AdmitMember(name=str(name)):
                await self.name_person(company, command.person, name)
            case LogSpend(vendor_name=str(name)):
                await self._pool.execute(
                    "INSERT INTO vendors (company, vendor, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    company,
                    command.vendor,
                    name,
                )
            case _:
                pass  # brings no name

    async def name_person(self, company: Slug, person: PersonId, name: str) -> None:
        """Enter or correct a person's name."""
        await self._pool.execute(
            "INSERT INTO people (company, person, name) VALUES ($1, $2, $3)"
            " ON CONFLICT (company, person) DO UPDATE SET name = $3",
            company,
            person,
            name,
        )

    async def names(
        self, company: Slug, persons: Iterable[PersonId] = (), of_vendors: Iterable[VendorId] = ()
    ) -> Callable[[str, str], str]:
        """A look-up of `person` or `vendor` and id; who has no name is called by their id."""
        rows = await self._pool.fetch(
            "SELECT 'person' AS kind, person AS id, name FROM people WHERE company = $1 AND person = ANY($2)"
            " UNION ALL SELECT 'vendor', vendor, name FROM vendors WHERE company = $1 AND vendor = ANY($3)",
            company,
            list(set(persons)),
            list(set(of_vendors)),
        )
        known = {(row["kind"], row["id"]): row["name"] for row in rows}
        return lambda kind, who: known.get((kind, who), who)
