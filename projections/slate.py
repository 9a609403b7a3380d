"""How do all productions of a company stand, a line each: budget, money, cost, and what it is going to come to?

Put together for all of them at one moment from what other projections hold; each figure is one of the production's own
cost report or finance plan. Sums are by currency, never across.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import BaseModel, Field

from events.ids import BudgetId, Slug
from events.money import Amount, Currency, rounded
from events.production import ProductionKind, Stage


class SlateFigures(BaseModel):
    """What is budgeted, paid for and expected, in base currency."""

    total_budget: Amount = Field(description="Of the version in force, with its changes; nothing without one.")
    funding_committed: Amount = Field(
        description="Cash that is promised bindingly; a loan and its security count once."
    )
    funding_closed: Amount = Field(description="Of that, what is signed.")
    funding_received: Amount = Field(description="What was credited.")
    actual_to_date: Amount
    commitments: Amount = Field(description="Still to come of what is promised.")
    efc: Amount = Field(description="Estimated final cost.")
    variance: Amount = Field(description="efc - total_budget: over is positive.")


class SlateLine(SlateFigures):
    """A production."""

    production: Slug
    title: str
    kind: ProductionKind
    stage: Stage
    currency: Currency
    version: int = Field(description="Of the production's stream, as shown.")
    budget: BudgetId | None = Field(description="The version in force.")
    locked: bool = Field(description="Whether that is locked.")
    open_rounds: int = Field(description="Of approval, that wait.")
    cost_report: str = Field(description="Where the total budget and the cost are taken apart, at this version.")
    funding: str = Field(description="Where the money is.")


class SlateSum(SlateFigures):
    """The productions of one currency."""

    currency: Currency
    productions: int


class Slate(BaseModel):
    """The productions of a company whose cost the reader may read."""

    company: Slug
    position: int = Field(description="Of the log, as shown: one for all of them.")
    productions: list[SlateLine]
    sums: list[SlateSum] = Field(description="By currency.")
    withheld: int = Field(description="How many productions the reader reads, but not their cost: they are left out.")


def view(company: Slug, position: int, lines: Sequence[SlateLine], withheld: int) -> Slate:
    """The answer."""
    currencies = sorted({line.currency for line in lines})
    sums = [_sum(currency, [line for line in lines if line.currency == currency]) for currency in currencies]
    return Slate(company=company, position=position, productions=list(lines), sums=sums, withheld=withheld)


def _sum(currency: Currency, lines: Sequence[SlateLine]) -> SlateSum:
    def added(amounts: Iterable[Decimal]) -> Decimal:
        return sum(amounts, rounded(Decimal(0), currency))

    figures = {name: added(getattr(line, name) for line in lines) for name in SlateFigures.model_fields}
    return SlateSum(currency=currency, productions=len(lines), **figures)
