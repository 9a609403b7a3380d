"""What did each day cost, account by account, against what a day of shooting may cost?

A hot cost sheet is read the morning after, so a day is the one on which the money was spent, whenever it was posted:
what takes an entry back, or moves it, belongs to the day of that entry. The accounts on the sheet are those that
shoot: the level production of the budget in force, unless others are asked for.

    budget of the day = total budget / shoot days, rounded once
    over              = spent - budget of the day
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from events.budget import BudgetDrafted, Level
from events.ids import AccountCode, BudgetId, SpendId, StreamId
from events.money import Amount, Currency, Quantity, rounded

from .current_budget import Budgeted

#: The global of a budget that says how many days are shot.
SHOOT_DAYS = "SHOOT_DAYS"


class HotFigures(BaseModel):
    """A day, in base currency."""

    spent: Amount = Field(description="On that day.")
    to_date: Amount = Field(description="Up to the end of that day.")
    budget_of_day: Amount | None = Field(description="total_budget over the shoot days; none where nobody says those.")
    over: Amount | None = Field(description="spent - budget_of_day: negative when it is under.")


class HotAccount(HotFigures):
    """What an account cost on a day."""

    code: AccountCode
    name: str
    total_budget: Amount = Field(description="Of the whole production, with its changes.")


class HotDay(HotFigures):
    """A day on which something was spent."""

    day: date
    accounts: list[HotAccount]
    elsewhere: Amount = Field(description="Spent that day on accounts that are not on the sheet.")


class HotCosts(BaseModel):
    """The sheets of some days."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    budget: BudgetId | None = Field(description="The version in force.")
    spent_from: date
    spent_to: date
    shoot_days: Quantity | None
    shoot_days_by: str | None = Field(description="`asked`, or `budget`: its global `SHOOT_DAYS`.")
    why: str | None = Field(description="Why no day has a budget, if none has.")
    days: list[HotDay] = Field(description="Those on which nothing was spent are left out: nobody says what was shot.")


@dataclass(frozen=True, slots=True)
class ShootDays:
    """How many days are shot, and who says so; or why nobody does."""

    days: Decimal | None
    by: str | None
    why: str | None


def shoot_days(asked: int | None, drafted: BudgetDrafted | None) -> ShootDays:
    """What is asked for counts first, then the budget in force."""
    if asked is not None:
        return ShootDays(Decimal(asked), "asked", None)
    advice = "name them with `days`"
    if drafted is None:
        return ShootDays(None, None, f"No budget is in force; {advice} once one is.")
    said = next((each.value for each in drafted.globals if each.name == SHOOT_DAYS), None)
    if said:
        return ShootDays(said, "budget", None)
    why = f"says that {SHOOT_DAYS} is 0" if said is not None else f"has no global {SHOOT_DAYS}"
    return ShootDays(None, None, f"{drafted.budget} {why}; {advice}.")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is asked for, and how its days are measured."""

    spent_from: date
    spent_to: date
    #: None: those of the level production.
    accounts: Collection[AccountCode] | None
    shoot: ShootDays

    def of(self, budgeted: Iterable[Budgeted]) -> list[Budgeted]:
        """The accounts on the sheet, in the order of the budget."""
        if self.accounts is None:
            return [each for each in budgeted if each.level is Level.PRODUCTION]
        return [each for each in budgeted if each.code in self.accounts]


def view(
    stream: StreamId,
    version: int,
    position: int,
    currency: Currency,
    budget: BudgetId | None,
    budgeted: Sequence[Budgeted],
    spent: Mapping[AccountCode, Mapping[date, Decimal]],
    sheet: Sheet,
) -> HotCosts:
    """The sheets.

    Args:
        budgeted: the accounts and charges of the budget in force.
        spent: by account and day, up to the last one asked for.
    """
    days = sorted({day for by_day in spent.values() for day in by_day if day >= sheet.spent_from})
    on_it = sheet.of(budgeted)
    return HotCosts(
        production=stream,
        version=version,
        position=position,
        currency=currency,
        budget=budget,
        spent_from=sheet.spent_from,
        spent_to=sheet.spent_to,
        shoot_days=sheet.shoot.days,
        shoot_days_by=sheet.shoot.by,
        why=sheet.shoot.why,
        days=[_day(day, on_it, spent, sheet.shoot, currency) for day in days],
    )


def _day(
    day: date,
    on_it: Sequence[Budgeted],
    spent: Mapping[AccountCode, Mapping[date, Decimal]],
    shoot: ShootDays,
    currency: Currency,
) -> HotDay:
    nothing = rounded(Decimal(0), currency)
    accounts = [on_day(day, line, spent.get(line.code, {}), shoot, currency) for line in on_it]
    whole = sum((by_day.get(day, nothing) for by_day in spent.values()), nothing)
    on_the_day = sum((each.spent for each in accounts), nothing)
    return HotDay(
        day=day,
        accounts=accounts,
        spent=on_the_day,
        to_date=sum((each.to_date for each in accounts), nothing),
        budget_of_day=None
        if shoot.days is None
        else sum((each.budget_of_day or nothing for each in accounts), nothing),
        over=None if shoot.days is None else sum((each.over or nothing for each in accounts), nothing),
        elsewhere=whole - on_the_day,
    )


def on_day(
    day: date, line: Budgeted, spent: Mapping[date, Decimal], shoot: ShootDays, currency: Currency
) -> HotAccount:
    """An account on a day.

    Args:
        spent: on the account, by day.
    """
    nothing, total = rounded(Decimal(0), currency), line.budget + line.overages + line.moved
    that_day = spent.get(day, nothing)
    of_day = None if shoot.days is None else rounded(total / shoot.days, currency)
    return HotAccount(
        code=line.code,
        name=line.name,
        spent=that_day,
        to_date=sum((amount for then, amount in spent.items() if then <= day), nothing),
        total_budget=total,
        budget_of_day=of_day,
        over=None if of_day is None else that_day - of_day,
    )


class HotLine(HotAccount):
    """A row of the sheets as a spreadsheet has it."""

    day: date


def lines(costs: HotCosts) -> list[HotLine]:
    """Day by day, account by account."""
    return [HotLine(day=day.day, **each.model_dump()) for day in costs.days for each in day.accounts]


class HotPart(BaseModel):
    """A line of the register behind a figure."""

    figure: str = Field(description="`spent`, of that day; or `before`.")
    amount: Amount
    spend: SpendId
    line: str = Field(description="Of the register: `spend`, `reversal`, `recoded_out`, `recoded_in`.")
    spent_on: date
    posted_on: date
    version: int = Field(description="Of the fact, in the production's stream.")


class HotExplanation(BaseModel):
    """An account on a day, and what its figures are made of."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: Currency
    day: date
    account: HotAccount
    shoot_days: Quantity | None
    shoot_days_by: str | None = Field(description="`asked`, or `budget`: its global `SHOOT_DAYS`.")
    why: str | None = Field(description="Why the day has no budget, if it has none.")
    parts: list[HotPart] = Field(description="Those of `spent` add up to it; with those of `before`, to `to_date`.")
