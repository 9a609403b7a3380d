"""What a budget version is made of: its lines as sent, its lines as kept, its totals, its hash, its flags.

The arithmetic of B2 to B4 is here, and nothing of a version's life.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from hashlib import sha256
from typing import Any, Self

from pydantic import Field, TypeAdapter, model_validator

from events.budget import (
    AccountLine,
    BudgetDrafted,
    BudgetTotals,
    ChargeBase,
    ChargeKind,
    ChargeLine,
    CreditLine,
    LabelDisagrees,
    Level,
    StatedTotal,
    TotalDisagrees,
)
from events.ids import AccountCode, Digest, FlagId, Text
from events.money import Currency, Money, Percent, WholeAmount, exact, rounded

from .command import Part
from .refusal import Conflicting, words


@dataclass
class BaseIsUnknown(Conflicting):
    """The base of charge {charge} names {accounts}, which the budget has no account for."""

    rule = "B3"
    otherwise = "Name accounts of this budget."
    charge: AccountCode
    accounts: tuple[AccountCode, ...]


class BudgetAccount(Part):
    """One account of the top sheet."""

    code: AccountCode
    name: Text
    level: Level
    amount: WholeAmount = Field(description="Zero is a legal amount.")


class Base(Part):
    """What a percentage is taken of: levels and single accounts, less some accounts."""

    levels: tuple[Level, ...] = ()
    accounts: tuple[AccountCode, ...] = ()
    less: tuple[AccountCode, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.levels and not self.accounts:
            raise ValueError("a base names at least one level or account")
        return self


class BudgetCharge(Part):
    """A charge at the foot: a percentage of a stated base, or a flat amount.

    With both a percentage and an amount the amount is kept, and flagged when it is not that percentage.
    """

    code: AccountCode
    name: Text
    kind: ChargeKind
    percent: Percent | None = None
    base: Base | None = None
    amount: WholeAmount | None = None

    @model_validator(mode="after")
    def _percent_or_flat(self) -> Self:
        if (self.percent is None) != (self.base is None):
            raise ValueError("a percentage needs its base, and a base its percentage")
        if self.percent is None and self.amount is None:
            raise ValueError("a charge has a percentage of a base, or a flat amount")
        return self


class BudgetCredit(Part):
    """A rebate or tax credit that comes off the grand total."""

    code: AccountCode
    name: Text
    amount: WholeAmount


def fits(amount: Decimal, currency: Any, whose: str) -> None:
    """Refuse an amount with more decimals than the currency, and say whose it is."""
    try:
        exact(amount, currency)
    except ValueError as error:
        raise ValueError(f"{whose}{error}") from None


def charge_line(charge: BudgetCharge, accounts: tuple[AccountLine, ...], currency: Currency) -> ChargeLine:
    """The charge as it is kept: B2, B3, and the stated amount of B4."""
    stated = None if charge.amount is None else exact(charge.amount, currency)
    if charge.percent is None or charge.base is None:
        assert stated is not None
        return ChargeLine(charge.code, charge.name, charge.kind, None, None, stated)
    named = charge.base
    unknown = {*named.accounts, *named.less} - {account.code for account in accounts}
    if unknown:
        raise BaseIsUnknown(charge.code, tuple(sorted(unknown)))
    within = [
        account.amount
        for account in accounts
        if (account.level in named.levels or account.code in named.accounts) and account.code not in named.less
    ]
    base = ChargeBase(named.levels, named.accounts, named.less, sum(within, exact(Decimal(0), currency)))
    amount = _percentage(charge.percent, base.amount, currency) if stated is None else stated
    return ChargeLine(charge.code, charge.name, charge.kind, charge.percent, base, amount)


def _percentage(percent: Decimal, base: Decimal, currency: Currency) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return rounded(base * percent / 100, currency)


def totals(
    accounts: tuple[AccountLine, ...], charges: tuple[ChargeLine, ...], credits: tuple[CreditLine, ...]
) -> BudgetTotals:
    """B2: sums of the printed parts."""
    zero = accounts[0].amount * 0
    level = {name: sum((a.amount for a in accounts if a.level is name), zero) for name in Level}
    below = level[Level.PRODUCTION] + level[Level.POST] + level[Level.OTHER]
    both = level[Level.ABOVE_THE_LINE] + below
    charged = sum((charge.amount for charge in charges), zero)
    credited = sum((credit.amount for credit in credits), zero)
    return BudgetTotals(
        above_the_line=level[Level.ABOVE_THE_LINE],
        production=level[Level.PRODUCTION],
        post=level[Level.POST],
        other=level[Level.OTHER],
        below_the_line=below,
        above_and_below=both,
        charges=charged,
        grand_total=both + charged,
        credits=credited,
        net_total=both + charged - credited,
    )


_CONTENT = TypeAdapter(
    tuple[
        str,
        tuple[AccountLine, ...],
        tuple[ChargeLine, ...],
        tuple[CreditLine, ...],
        tuple[StatedTotal, ...],
    ]
)


def hash_of(
    currency: Currency,
    accounts: tuple[AccountLine, ...],
    charges: tuple[ChargeLine, ...],
    credits: tuple[CreditLine, ...],
    stated: tuple[StatedTotal, ...],
) -> Digest:
    """SHA-256 over the content as compact JSON: what approvals are bound to."""
    content = (f"greenlight/budget/1 {currency}", accounts, charges, credits, stated)
    return sha256(_CONTENT.dump_json(content)).hexdigest()


def in_words(line: AccountLine | ChargeLine | CreditLine) -> str:
    """What a line is beside its amount, so that a change of it can be told."""
    match line:
        case AccountLine(name=name, level=level):
            return f"{name}, {words(level)}"
        case CreditLine(name=name, amount=amount):
            return f"{name}, a credit of {words(amount)}"
        case ChargeLine(name=name, kind=kind, percent=None):
            return f"{name}, {words(kind)}"
        case ChargeLine(name=name, kind=kind, percent=percent, base=base):
            assert base is not None
            of = words((*base.levels, *base.accounts))
            less = f" less {words(base.less)}" if base.less else ""
            return f"{name}, {words(kind)}, {words(percent)} % of {of}{less}"


def labels(drafted: BudgetDrafted, flags: Iterator[FlagId]) -> Iterator[LabelDisagrees]:
    """B4: charges whose stated amount is not the labelled percentage of their base."""
    currency = drafted.currency
    for charge in drafted.charges:
        if charge.percent is None or charge.base is None:
            continue
        base = charge.base.amount
        expected = _percentage(charge.percent, base, currency)
        if charge.amount != expected:
            yield LabelDisagrees(
                flag=next(flags),
                budget=drafted.budget,
                account=charge.code,
                labelled_percent=charge.percent,
                implied_percent=_implied(charge.amount, base),
                base=Money(base, currency),
                expected=Money(expected, currency),
                amount=Money(charge.amount, currency),
            )


def _implied(amount: Decimal, base: Decimal) -> Decimal | None:
    """What the amount is of the base, in percent to four decimals; None when that cannot be said."""
    if not base:
        return None
    with localcontext() as context:
        context.prec = 50
        percent = (amount * 100 / base).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return percent if percent < 1_000_000 else None


def differences(drafted: BudgetDrafted, flags: Iterator[FlagId]) -> Iterator[TotalDisagrees]:
    """B4: stated totals that are not the sum of their parts."""
    for stated in drafted.stated:
        computed = getattr(drafted.totals, stated.total.value)
        if stated.amount != computed:
            yield TotalDisagrees(
                flag=next(flags),
                budget=drafted.budget,
                total=stated.total,
                stated=Money(stated.amount, drafted.currency),
                computed=Money(computed, drafted.currency),
                difference=Money(stated.amount - computed, drafted.currency),
            )
