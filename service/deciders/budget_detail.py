"""What stands behind an account: its lines, the numbers they are reckoned with, and the fringes on top.

The arithmetic of B7 to B9 is here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Annotated, Self

from pydantic import Field, model_validator

from events.budget import AccountLine, DetailLine, Fringe, FringeAmount, Global, Held, Level
from events.ids import AccountCode, GlobalName, Slug, Text, shape
from events.money import (
    TOO_MUCH,
    Currency,
    ExchangeRate,
    Money,
    Percent,
    Quantity,
    WholeAmount,
    converted,
    exact,
    plain,
    rounded,
)

from .command import CurrencyInUse, Part
from .refusal import Conflicting


@dataclass
class NameIsUnknown(Conflicting):
    """{where} names {what} {name}, which the budget does not say."""

    rule = "B7"
    otherwise = "Say it in the budget, or leave it out of the line."
    where: str
    what: str
    name: str


@dataclass
class LineDoesNotConvert(Conflicting):
    """{where} is in {currency}, and the budget says no rate between {currency} and {base}."""

    rule = "B7"
    otherwise = "Send the rate among the budget's rates."
    where: str
    currency: Currency
    base: Currency


@dataclass
class LineIsTooLarge(Conflicting):
    """{where} comes to more than can be recorded: {figures}."""

    rule = "B7"
    otherwise = "Look at its quantities and its rate, or at its percentage and what that is of."
    where: str
    figures: str


@dataclass
class TimesIsNotWhole(Conflicting):
    """Sub-budget {sub_budget} would be made {times} times; a part is made a whole number of times, up to 9999."""

    rule = "B9"
    otherwise = "Send a whole number, or mend the global that it names."
    sub_budget: Slug
    times: Decimal


#: A quantity, or the global that gives it.
Factor = Annotated[
    str,
    shape(
        r"^((0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?|[A-Z][A-Z0-9_]*)$",
        'send a quantity as a string such as "12", or the name of a global such as "SHOOT_DAYS"',
        max_length=40,
    ),
]


class BudgetGlobal(Part):
    """A named number that lines are reckoned with."""

    name: GlobalName
    value: Quantity


class BudgetFringe(Part):
    """What comes on top of pay: a percentage of it, up to a cut-off a person, or a flat amount a unit."""

    code: AccountCode
    name: Text
    percent: Percent | None = None
    cut_off: WholeAmount | None = Field(
        None, description="Of each person's pay over all accounts; beyond it the percentage stops."
    )
    flat: WholeAmount | None = Field(None, description="For every unit of a line, in place of a percentage.")

    @model_validator(mode="after")
    def _percent_or_flat(self) -> Self:
        if (self.percent is None) == (self.flat is None):
            raise ValueError("a fringe is a percentage or a flat amount")
        if self.cut_off is not None and self.percent is None:
            raise ValueError("a cut-off goes with a percentage")
        return self


class BudgetPart(Part):
    """A part of a series: the pattern of an episode, made several times, or what is amortised over all of them."""

    name: Slug
    times: Factor = Field("1", description="How often it is made.")


class BudgetLine(Part):
    """A line behind an account: amount x units x multiplier x rate, and the fringes on top."""

    description: Text
    amount: Factor = "1"
    units: Factor = "1"
    unit: Text | None = Field(None, description="What is counted, such as `weeks`.")
    multiplier: Factor = "1"
    rate: WholeAmount = Field(description="For one unit, in the line's currency.")
    currency: CurrencyInUse | None = Field(None, description="Of the rate; the budget's, unless it says another.")
    person: Slug | None = Field(
        None,
        description="A name of your own for whose pay it is, such as `gaffer`: a cut-off counts their lines together.",
    )
    groups: tuple[Slug, ...] = Field((), max_length=20, description="Tags by which lines are left out for a what-if.")
    location: Slug | None = None
    sub_budget: Slug | None = None
    fringes: tuple[AccountCode, ...] = Field((), max_length=20)


class BudgetAccount(Part):
    """One account of the top sheet: its amount, or the lines that come to it."""

    code: AccountCode
    name: Text
    level: Level
    amount: WholeAmount | None = Field(None, description="Zero is a legal amount. Left out where there are lines.")
    held: Held | None = Field(
        None, description="A capped account grows by a higher rule alone; a locked one neither grows nor gives."
    )
    lines: Annotated[tuple[BudgetLine, ...], Field(max_length=5000)] = ()

    @model_validator(mode="after")
    def _amount_or_lines(self) -> Self:
        if (self.amount is None) != bool(self.lines):
            raise ValueError("an account has an amount, or the lines that come to it")
        return self


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What lines are reckoned with."""

    currency: Currency
    rates: Mapping[Currency, ExchangeRate]
    globals: Mapping[GlobalName, Decimal]
    fringes: Mapping[AccountCode, Fringe]
    times: Mapping[Slug | None, int]


def reckoning(
    currency: Currency,
    rates: Iterable[ExchangeRate],
    names: Iterable[Global],
    fringes: Iterable[Fringe],
    parts: Iterable[BudgetPart],
) -> Reckoning:
    """What the lines of a budget are reckoned with: B7, B9."""
    values = {each.name: each.value for each in names}
    times: dict[Slug | None, int] = {None: 1}
    for part in parts:
        how_often = valued(part.times, values, f"sub-budget {part.name}")
        if how_often != int(how_often) or how_often >= 10_000:
            raise TimesIsNotWhole(part.name, how_often)
        times[part.name] = int(how_often)
    to_base = {({rate.source, rate.target} - {currency}).pop(): rate for rate in rates}
    return Reckoning(currency, to_base, values, {each.code: each for each in fringes}, times)


def whole(amount: Decimal | None, currency: Currency) -> Decimal | None:
    """An amount with the currency's digits, if there is one."""
    return None if amount is None else exact(amount, currency)


@dataclass(slots=True)
class Pay:
    """What each person was paid so far, by fringe, as far as its cut-off; a line without a person is a person's own."""

    reached: defaultdict[tuple[AccountCode, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def taken(self, fringe: Fringe, person: str, pay: Decimal) -> Decimal:
        """How much of some pay the fringe is taken of."""
        if fringe.cut_off is None:
            return pay
        before = self.reached[fringe.code, person]
        self.reached[fringe.code, person] = before + pay
        return max(Decimal(0), min(before + pay, fringe.cut_off) - min(before, fringe.cut_off))


def account_lines(accounts: tuple[BudgetAccount, ...], reckoning: Reckoning) -> tuple[AccountLine, ...]:
    """The accounts as they are kept: B2, B7 to B9."""
    pay = Pay()
    return tuple(_account(account, reckoning, pay) for account in accounts)


def _account(account: BudgetAccount, reckoning: Reckoning, pay: Pay) -> AccountLine:
    base, zero = reckoning.currency, exact(Decimal(0), reckoning.currency)
    lines = tuple(_line(account.code, place, line, reckoning) for place, line in enumerate(account.lines, 1))
    fringes = tuple(_fringes(account.code, lines, reckoning, pay))
    parts = [line.total * reckoning.times[line.sub_budget] for line in lines] + [each.amount for each in fringes]
    amount = sum(parts, zero) if account.amount is None else exact(account.amount, base)
    return AccountLine(account.code, account.name, account.level, amount, account.held, lines, fringes)


def _line(code: AccountCode, place: int, line: BudgetLine, reckoning: Reckoning) -> DetailLine:
    where = f"{code}, line {place} ({line.description})"
    factors = {"amount": line.amount, "units": line.units, "multiplier": line.multiplier}
    given = {name: factor for name, factor in factors.items() if factor[0].isalpha()}
    values = {name: plain(valued(factor, reckoning.globals, where)) for name, factor in factors.items()}
    if line.sub_budget not in reckoning.times:
        raise NameIsUnknown(where, "sub-budget", str(line.sub_budget))
    for fringe in line.fringes:
        if fringe not in reckoning.fringes:
            raise NameIsUnknown(where, "fringe", fringe)
    currency = line.currency or reckoning.currency
    with localcontext() as context:
        context.prec = 60
        product = values["amount"] * values["units"] * values["multiplier"] * line.rate
    if currency != reckoning.currency and currency not in reckoning.rates:
        raise LineDoesNotConvert(where, currency, reckoning.currency)
    try:
        rate = None if currency == reckoning.currency else reckoning.rates[currency]
        total = rounded(converted(Money(product, currency), rate, reckoning.currency).amount, reckoning.currency)
        too_large = total * reckoning.times[line.sub_budget] >= TOO_MUCH
    except ValueError:
        too_large = True
    if too_large:
        raise LineIsTooLarge(where, " x ".join(f"{value:f}" for value in (*values.values(), line.rate)))
    return DetailLine(
        description=line.description,
        **values,
        unit=line.unit,
        rate=plain(line.rate),
        currency=currency,
        globals=given,
        person=line.person,
        groups=line.groups,
        location=line.location,
        sub_budget=line.sub_budget,
        fringes=line.fringes,
        total=total,
    )


def valued(factor: str, globals: Mapping[GlobalName, Decimal], where: str) -> Decimal:
    """The quantity that a factor is, or that its global gives."""
    if not factor[0].isalpha():
        return Decimal(factor)
    if factor not in globals:
        raise NameIsUnknown(where, "global", factor)
    return globals[factor]


def _fringes(
    code: AccountCode, lines: tuple[DetailLine, ...], reckoning: Reckoning, pay: Pay
) -> Iterator[FringeAmount]:
    """B8: what each fringe comes to on the account, rounded once."""
    for fringe in reckoning.fringes.values():
        of = [(place, line) for place, line in enumerate(lines, 1) if fringe.code in line.fringes]
        if not of:
            continue
        if fringe.flat is not None:
            with localcontext() as context:
                context.prec = 60
                units = sum(
                    (x.amount * x.units * x.multiplier * reckoning.times[x.sub_budget] for _, x in of), Decimal(0)
                )
                amount = rounded(units * fringe.flat, reckoning.currency)
            base = None
        else:
            assert fringe.percent is not None
            paid = ((x.person or f"{code} {place}", x.total * reckoning.times[x.sub_budget]) for place, x in of)
            base = sum(
                (pay.taken(fringe, person, total) for person, total in paid), exact(Decimal(0), reckoning.currency)
            )
            amount = percentage(fringe.percent, base, reckoning.currency)
        if amount >= TOO_MUCH:
            raise LineIsTooLarge(f"{code}, fringe {fringe.code} ({fringe.name})", f"{amount:,f}")
        yield FringeAmount(fringe.code, base, amount)


def percentage(percent: Decimal, base: Decimal, currency: Currency) -> Decimal:
    """A percentage, rounded once."""
    with localcontext() as context:
        context.prec = 50
        return rounded(base * percent / 100, currency)
