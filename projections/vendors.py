"""What does the production owe to whom: spent with each vendor, in the last days as well, and still to come?

Put together at one moment from the register of spend and the register of commitments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from events.ids import AccountCode, CommitmentId, SpendId, StreamId, VendorId
from events.money import Amount, Currency, rounded


@dataclass(frozen=True, slots=True)
class VendorCost:
    """What the register of spend says of a vendor."""

    spent: Decimal
    recent: Decimal
    entries: int


class VendorLine(BaseModel):
    """A vendor, in base currency."""

    vendor: VendorId
    name: str
    total: Amount = Field(description="Spent, less what was reversed.")
    recent: Amount = Field(description="Of that, posted in the last days.")
    entries: int = Field(description="That were logged, reversed ones too.")
    open: Amount = Field(description="Still to come of what is promised to them.")


class VendorPart(BaseModel):
    """One of the facts behind a figure."""

    figure: str = Field(description="`total`, or `open`.")
    amount: Amount
    recent: bool = Field(False, description="Whether it was posted in the last days: such are in `recent`, too.")
    account: AccountCode
    spend: SpendId | None = None
    line: str | None = Field(None, description="Of the register: `spend`, `reversal`, `recoded_out`, `recoded_in`.")
    posted_on: date | None = None
    commitment: CommitmentId | None = Field(None, description="Of which something is still to come.")
    version: int | None = Field(None, description="Of the fact, in the production's stream, where the register has it.")


class VendorExplanation(BaseModel):
    """A vendor, and the facts that each figure is the sum of."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    recent_from: date = Field(description="The first of the last days.")
    vendor: VendorLine
    parts: list[VendorPart]


class Vendors(BaseModel):
    """The vendors of a production, those with the most money first."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    recent_from: date = Field(description="The first of the last days.")
    total: Amount
    recent: Amount
    open: Amount
    vendors: list[VendorLine]


def line(vendor: VendorId, name: str, parts: Sequence[VendorPart], currency: Currency) -> VendorLine:
    """A vendor by the facts."""
    nothing = rounded(Decimal(0), currency)
    spent = [part for part in parts if part.figure == "total"]
    return VendorLine(
        vendor=vendor,
        name=name,
        total=sum((part.amount for part in spent), nothing),
        recent=sum((part.amount for part in spent if part.recent), nothing),
        entries=sum(part.line == "spend" for part in spent),
        open=sum((part.amount for part in parts if part.figure == "open"), nothing),
    )


def view(
    stream: StreamId,
    version: int,
    position: int,
    currency: Currency,
    recent_from: date,
    costs: Mapping[VendorId, VendorCost],
    still_to_come: Mapping[VendorId, Decimal],
    names: Mapping[VendorId, str],
) -> Vendors:
    """The answer.

    Args:
        names: as the directory has them.
    """
    nothing = rounded(Decimal(0), currency)
    none = VendorCost(nothing, nothing, 0)
    lines = [
        VendorLine(
            vendor=vendor,
            name=names.get(vendor, vendor),
            total=costs.get(vendor, none).spent,
            recent=costs.get(vendor, none).recent,
            entries=costs.get(vendor, none).entries,
            open=still_to_come.get(vendor, nothing),
        )
        for vendor in {*costs, *still_to_come}
    ]
    return Vendors(
        production=stream,
        version=version,
        position=position,
        currency=currency,
        recent_from=recent_from,
        total=sum((each.total for each in lines), nothing),
        recent=sum((each.recent for each in lines), nothing),
        open=sum((each.open for each in lines), nothing),
        vendors=sorted(lines, key=lambda each: (-(each.total + each.open), each.vendor)),
    )
