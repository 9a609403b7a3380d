"""What does a budget version say, what is each of its figures made of, and how does it differ from another?

Read off the one fact that set the version, so that it says the same whatever code or view comes after.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from decimal import Decimal

from pydantic import BaseModel, Field

from events.budget import (
    AccountLine,
    BudgetDrafted,
    BudgetTotals,
    ChargeBase,
    ChargeLine,
    CreditLine,
    DetailLine,
    Fringe,
    FringeAmount,
    Global,
    Level,
    StatedTotal,
    SubBudget,
    TotalName,
)
from events.ids import AccountCode, BudgetId, Digest, GlobalName, StreamId
from events.money import Amount, Currency, ExchangeRate, Quantity

#: Whether the figures of accounts may be read.
Shows = Callable[[Iterable[AccountCode]], bool]
Row = AccountLine | ChargeLine | CreditLine


class GlobalInUse(BaseModel):
    """A named number, and the lines that are reckoned with it."""

    name: GlobalName
    value: Quantity
    used_by: list[str] = Field(description="Such as `2200, line 1 (Art director)`.")


class BudgetDocument(BaseModel):
    """A version in full, as it was set: with the lines behind its accounts."""

    production: StreamId
    version: int = Field(description="Of the production's stream, at which it was set.")
    position: int = Field(description="Of the log, at which it was set.")
    budget: BudgetId
    content_hash: Digest = Field(description="Of all that it says: what approvals are bound to.")
    currency: Currency
    rates: list[ExchangeRate]
    globals: list[GlobalInUse]
    fringes: list[Fringe]
    sub_budgets: list[SubBudget]
    accounts: list[AccountLine]
    charges: list[ChargeLine]
    credits: list[CreditLine]
    stated: list[StatedTotal]
    totals: BudgetTotals
    withheld: str | None = Field(
        None, description="That something is not shown to the reader: accounts, and bases that tell of them."
    )


class Part(BaseModel):
    """A part of a figure."""

    what: str = Field(description="In words, with what it was reckoned from.")
    code: AccountCode | None = Field(description="Of the account, charge or credit, or of the fringe.")
    amount: Amount = Field(description="What it adds; negative where it is taken off.")


class Explanation(BaseModel):
    """A figure of a version, and the parts that add up to it."""

    production: StreamId
    version: int = Field(description="Of the production's stream, at which the version was set.")
    position: int = Field(description="Of the log, at which the version was set.")
    budget: BudgetId
    account: AccountCode | None
    total: TotalName | None
    currency: Currency
    amount: Amount
    parts: list[Part]


class Change(BaseModel):
    """A row that differs."""

    code: AccountCode
    name: str
    before: Amount | None = Field(description="None where the row is new.")
    after: Amount | None = Field(description="None where the row is gone.")
    difference: Amount
    beside_the_amount: bool = Field(description="Whether its lines, name, level, terms or hold differ, too.")


class TotalChange(BaseModel):
    """A total in both versions."""

    total: TotalName
    before: Amount
    after: Amount
    difference: Amount


class Comparison(BaseModel):
    """How a version differs from another, by code."""

    production: StreamId
    budget: BudgetId
    against: BudgetId
    currency: Currency
    added: list[Change]
    removed: list[Change]
    changed: list[Change]
    totals: list[TotalChange] = Field(description="None where something is not shown to the reader.")
    withheld: str | None = Field(None, description="That something is not shown to the reader.")


def document(stream: StreamId, version: int, position: int, drafted: BudgetDrafted) -> BudgetDocument:
    """The whole version."""
    names = {part.name for part in fields(drafted)} & BudgetDocument.model_fields.keys()
    said = {name: getattr(drafted, name) for name in names}
    said["globals"] = [
        GlobalInUse(name=each.name, value=each.value, used_by=list(_used_by(each, drafted))) for each in drafted.globals
    ]
    where = {"production": stream, "version": version, "position": position}
    return BudgetDocument.model_validate(where | said)


def _used_by(named: Global, drafted: BudgetDrafted) -> Iterator[str]:
    for account in drafted.accounts:
        for place, line in enumerate(account.lines, 1):
            if named.name in line.globals.values():
                yield f"{account.code}, line {place} ({line.description})"


def shown_to(drafted: BudgetDrafted, shows: Shows) -> BudgetDrafted:
    """The version without the accounts whose figures may not be read, nor bases that tell of them."""

    def told(base: ChargeBase | None) -> bool:
        return base is None or shows((*base.accounts, *base.less))

    return replace(
        drafted,
        accounts=tuple(each for each in drafted.accounts if shows((each.code,))),
        charges=tuple(each if told(each.base) else replace(each, base=None, percent=None) for each in drafted.charges),
        credits=tuple(each if told(each.base) else replace(each, base=None, percent=None) for each in drafted.credits),
    )


def explained(
    drafted: BudgetDrafted, account: AccountCode | None, total: TotalName | None
) -> tuple[Amount, list[Part]]:
    """The amount of an account, charge or credit that there is, or of a total, and what it is made of."""
    if total is not None:
        return getattr(drafted.totals, total.value), list(_of_total(drafted, total))
    row = next(each for each in rows(drafted) if each.code == account)
    match row:
        case AccountLine(lines=()):
            parts = [Part(what="As it was stated.", code=None, amount=row.amount)]
        case AccountLine():
            parts = [*_of_lines(drafted, row), *(_of_fringe(drafted, each) for each in row.fringes)]
        case _:
            parts = [Part(what=_of_percentage(row), code=None, amount=row.amount)]
    return row.amount, parts


def rows(drafted: BudgetDrafted) -> tuple[Row, ...]:
    """Accounts, charges and credits, in the order of the document."""
    return (*drafted.accounts, *drafted.charges, *drafted.credits)


def _of_lines(drafted: BudgetDrafted, account: AccountLine) -> Iterator[Part]:
    times = {each.name: each.times for each in drafted.sub_budgets}
    rates = {rate.source if rate.target == drafted.currency else rate.target: rate for rate in drafted.rates}
    for place, line in enumerate(account.lines, 1):
        said = f"Line {place}, {line.description}: {_factors(line)}"
        if line.currency != drafted.currency:
            said += f" at {rates[line.currency]}"
        makings = 1 if line.sub_budget is None else times[line.sub_budget]
        often = "" if line.sub_budget is None else f", {makings} times as {line.sub_budget}"
        yield Part(what=f"{said} = {line.total:,f}{often}", code=None, amount=line.total * makings)


def _factors(line: DetailLine) -> str:
    """The factors of a line as they are multiplied, with the globals that gave them; ones are left out."""

    def said(name: str, value: Decimal) -> str:
        number = f"{value.normalize():f}"
        return f"{line.globals[name]} ({number})" if name in line.globals else number

    counted = {"amount": line.amount, "units": line.units, "multiplier": line.multiplier}
    unit = "" if line.unit is None else f" {line.unit}"
    factors = [said(name, value) for name, value in counted.items() if value != 1 or name in line.globals] or ["1"]
    return f"{' x '.join(factors)}{unit} x {line.rate:,f} {line.currency}"


def _of_fringe(drafted: BudgetDrafted, of: FringeAmount) -> Part:
    fringe = next(each for each in drafted.fringes if each.code == of.fringe)
    if fringe.percent is None or of.base is None:
        said = f"{fringe.name}: {fringe.flat or 0:,f} for every unit"
    else:
        up_to = "" if fringe.cut_off is None else f", up to {fringe.cut_off:,f} of each person's pay"
        said = f"{fringe.name}: {fringe.percent:f} % of {of.base:,f}{up_to}"
    return Part(what=said, code=fringe.code, amount=of.amount)


def _of_percentage(row: ChargeLine | CreditLine) -> str:
    if row.percent is None or row.base is None:
        return f"{row.name}: flat"
    base = row.base
    of = ", ".join([*(level.value.replace("_", " ") for level in base.levels), *base.accounts])
    less = f" less {', '.join(base.less)}" if base.less else ""
    said = f"{row.name}: {row.percent:f} % of {base.amount:,f} ({of}{less})"
    if isinstance(row, CreditLine):
        said += "" if row.qualified is None else f", of which {row.qualified:f} % qualify"
        said += "" if row.cap is None else f", {row.cap:,f} at the most"
    return said


#: Of the totals that are sums of totals: which, and with which sign.
_SUMS: dict[TotalName, tuple[tuple[TotalName, int], ...]] = {
    TotalName.BELOW_THE_LINE: ((TotalName.PRODUCTION, 1), (TotalName.POST, 1), (TotalName.OTHER, 1)),
    TotalName.ABOVE_AND_BELOW: ((TotalName.ABOVE_THE_LINE, 1), (TotalName.BELOW_THE_LINE, 1)),
    TotalName.GRAND_TOTAL: ((TotalName.ABOVE_AND_BELOW, 1), (TotalName.CHARGES, 1)),
    TotalName.NET_TOTAL: ((TotalName.GRAND_TOTAL, 1), (TotalName.CREDITS, -1)),
}


def _of_total(drafted: BudgetDrafted, total: TotalName) -> Iterator[Part]:
    if total in _SUMS:
        for part, sign in _SUMS[total]:
            words = part.value.replace("_", " ")
            yield Part(what=words.capitalize(), code=None, amount=sign * getattr(drafted.totals, part.value))
        return
    of: Iterable[Row]
    if total is TotalName.CHARGES:
        of = drafted.charges
    elif total is TotalName.CREDITS:
        of = drafted.credits
    else:
        of = (each for each in drafted.accounts if each.level is Level(total.value))
    for row in of:
        yield Part(what=row.name, code=row.code, amount=row.amount)


def compared(stream: StreamId, drafted: BudgetDrafted, against: BudgetDrafted) -> Comparison:
    """How a version differs from another one, by code."""
    old, new = ({row.code: row for row in rows(each)} for each in (against, drafted))
    changes = [_change(old.get(code), new.get(code)) for code in {**old, **new} if old.get(code) != new.get(code)]
    return Comparison(
        production=stream,
        budget=drafted.budget,
        against=against.budget,
        currency=drafted.currency,
        added=[each for each in changes if each.before is None],
        removed=[each for each in changes if each.after is None],
        changed=[each for each in changes if None not in (each.before, each.after)],
        totals=[_total(name, against, drafted) for name in TotalName],
    )


def _change(old: Row | None, new: Row | None) -> Change:
    row = new or old
    assert row is not None
    before, after = (None if each is None else each.amount for each in (old, new))
    beside = old is None or new is None or replace(old, amount=new.amount) != new
    difference = (after or Decimal(0)) - (before or Decimal(0))
    return Change(
        code=row.code, name=row.name, before=before, after=after, difference=difference, beside_the_amount=beside
    )


def _total(name: TotalName, against: BudgetDrafted, drafted: BudgetDrafted) -> TotalChange:
    before, after = (getattr(each.totals, name.value) for each in (against, drafted))
    return TotalChange(total=name, before=before, after=after, difference=after - before)
