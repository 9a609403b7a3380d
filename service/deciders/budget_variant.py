"""A version said again, as it was or otherwise: the start of another draft, and the answer to "what if?".

A variant is a `SetBudget` like any other: it is reckoned by the same rules, and nothing knows where it came from.
"""

from collections.abc import Collection
from dataclasses import fields, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from events.budget import AccountLine, BudgetDrafted, ChargeBase, ChargeLine, CreditLine, DetailLine
from events.ids import Slug
from events.money import Currency, digits

from .budget import SetBudget, content_of
from .budget_content import Base, BudgetCharge, BudgetCredit, expected, totals
from .budget_detail import BudgetAccount, BudgetFringe, BudgetGlobal, BudgetLine, BudgetPart


def said_again(drafted: BudgetDrafted) -> SetBudget:
    """The command that would set the version: it comes to the same content, line by line."""
    currency = drafted.currency
    # Not checked again: a rule of today is for what is sent today, and it is when the copy is.
    return SetBudget.model_construct(
        currency=currency,
        rates=drafted.rates,
        globals=tuple(BudgetGlobal(name=each.name, value=each.value) for each in drafted.globals),
        fringes=tuple(
            BudgetFringe(code=f.code, name=f.name, percent=f.percent, cut_off=f.cut_off, flat=f.flat)
            for f in drafted.fringes
        ),
        sub_budgets=tuple(BudgetPart(name=p.name, times=str(p.times)) for p in drafted.sub_budgets),
        accounts=tuple(_account(account, currency) for account in drafted.accounts),
        charges=tuple(_charge(charge, currency) for charge in drafted.charges),
        credits=tuple(_credit(credit, currency) for credit in drafted.credits),
        stated={stated.total: stated.amount for stated in drafted.stated},
        tolerance=drafted.tolerance,
        scenario=drafted.scenario,
    )


def varied(
    version: SetBudget, percent: Decimal, without_groups: Collection[Slug], without_locations: Collection[Slug]
) -> SetBudget:
    """The version with its own figures raised by a percentage, and without the lines of some groups and locations.

    Rates of lines and flat amounts are raised, each rounded once; quantities, percentages, cut-offs and caps stay.
    What the document stated is left out where anything differs: it was stated of the former figures.

    Args:
        percent: negative lowers; -100 or more.
    """
    currency = version.currency

    def raised(amount: Decimal) -> Decimal:
        if not percent:
            return amount  # with the digits that it was sent with: the content stays the same
        unit = Decimal(1).scaleb(min(-digits(currency), int(amount.as_tuple().exponent)))
        return (amount * (100 + percent) / 100).quantize(unit, ROUND_HALF_UP)

    def stays(line: BudgetLine) -> bool:
        return line.location not in without_locations and not set(line.groups) & set(without_groups)

    def account(of: BudgetAccount) -> BudgetAccount:
        lines = tuple(line.model_copy(update={"rate": raised(line.rate)}) for line in of.lines if stays(line))
        amount = Decimal(0) if of.amount is None else raised(of.amount)
        return of.model_copy(update={"lines": lines, "amount": None if lines else amount})

    def flat(line: Any) -> Any:
        return line if line.amount is None else line.model_copy(update={"amount": raised(line.amount)})

    return version.model_copy(
        update={
            "accounts": tuple(account(each) for each in version.accounts),
            "charges": tuple(flat(each) for each in version.charges),
            "credits": tuple(flat(each) for each in version.credits),
            **({"stated": {}, "tolerance": Decimal(0)} if percent or without_groups or without_locations else {}),
        }
    )


def reckoned(version: SetBudget, drafted: BudgetDrafted) -> BudgetDrafted:
    """What the version would be, had it been set in the place of another one."""
    content = content_of(version)
    said = {part.name: getattr(content, part.name) for part in fields(content)}
    sums = totals(content.accounts, content.charges, content.credits)
    return replace(drafted, **said, totals=sums, content_hash=content.digest)


def _account(account: AccountLine, currency: Currency) -> BudgetAccount:
    return BudgetAccount(
        code=account.code,
        name=account.name,
        level=account.level,
        amount=None if account.lines else account.amount,
        held=account.held,
        lines=tuple(_line(line, currency) for line in account.lines),
    )


def _line(line: DetailLine, currency: Currency) -> BudgetLine:
    factors = {"amount": line.amount, "units": line.units, "multiplier": line.multiplier}
    said = {name: line.globals.get(name) or f"{value.normalize():f}" for name, value in factors.items()}
    return BudgetLine(
        description=line.description,
        unit=line.unit,
        rate=line.rate,
        currency=None if line.currency == currency else line.currency,
        person=line.person,
        groups=line.groups,
        location=line.location,
        sub_budget=line.sub_budget,
        fringes=line.fringes,
        **said,
    )


def _charge(charge: ChargeLine, currency: Currency) -> BudgetCharge:
    return BudgetCharge(
        code=charge.code,
        name=charge.name,
        kind=charge.kind,
        percent=charge.percent,
        base=_base(charge.base),
        amount=None if charge.amount == expected(charge, currency) else charge.amount,
    )


def _credit(credit: CreditLine, currency: Currency) -> BudgetCredit:
    return BudgetCredit(
        code=credit.code,
        name=credit.name,
        percent=credit.percent,
        base=_base(credit.base),
        qualified=credit.qualified,
        cap=credit.cap,
        amount=None if credit.amount == expected(credit, currency) else credit.amount,
    )


def _base(base: ChargeBase | None) -> Base | None:
    if base is None:
        return None
    return Base(levels=base.levels, accounts=base.accounts, less=base.less)
