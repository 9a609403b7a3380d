"""What does the production owe to whom: spent with each vendor, in the last days as well, and still to come?

Put together at one moment from the register of spend and the register of commitments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from events.ids import StreamId, VendorId
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
