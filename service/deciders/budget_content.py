"""What a budget version is made of: its lines as sent, its lines as kept, its totals, its hash, its flags.

The arithmetic of B2 to B4 is here, that of the lines behind accounts in `budget_detail`; nothing of a version's life.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from hashlib import sha256
from typing import Any, Self

from pydantic import Field, TypeAdapter, model_validator

from events.budget import (
    TOTALS,
    AccountLine,
    BudgetDrafted,
    BudgetTotals,
    ChargeBase,
    ChargeKind,
    ChargeLine,
    CreditLine,
    Fringe,
    Global,
    LabelDisagrees,
    Level,
    Stated,
    StatedTotal,
    SubBudget,
    TotalDisagrees,
    TotalName,
    VarianceAccepted,
)
from events.ids import AccountCode, Digest, FlagId, Text
from events.money import TOO_MUCH, Currency, ExchangeRate, Money, Percent, WholeAmount, exact, plain

from .budget_detail import LineIsTooLarge, percentage
from .command import Part
from .refusal import Conflicting, words


@dataclass
class BaseIsUnknown(Conflicting):
    """The base of {charge} names {accounts}, which are neither accounts of the budget nor charges above it."""

    rule = "B3"
    otherwise = "Name accounts of this budget, or charges that stand above."
    charge: AccountCode
    accounts: tuple[AccountCode, ...]


class Base(Part):
    """What a percentage is taken of: levels, single accounts and charges above, less some of them."""

    levels: tuple[Level, ...] = ()
    accounts: tuple[AccountCode, ...] = Field((), description="Charges that stand above, too: so they compound.")
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
    """A rebate or tax credit that comes off the grand total: a percentage of what qualifies of a base, or flat.

    With both a percentage and an amount the amount is kept, and flagged when it is not what the percentage comes to.
    """

    code: AccountCode
    name: Text
    percent: Percent | None = None
    base: Base | None = None
    qualified: Percent | None = Field(None, description="The percentage of the base that qualifies; all, left out.")
    cap: WholeAmount | None = Field(None, description="What the percentage comes to at the most.")
    amount: WholeAmount | None = None

    @model_validator(mode="after")
    def _percent_or_flat(self) -> Self:
        if (self.percent is None) != (self.base is None):
            raise ValueError("a percentage needs its base, and a base its percentage")
        if self.percent is None and self.amount is None:
            raise ValueError("a credit has a percentage of a base, or a flat amount")
        if self.percent is None and (self.qualified, self.cap) != (None, None):
            raise ValueError("a share that qualifies and a cap go with a percentage")
        if self.qualified is not None and self.qualified > 100:
            raise ValueError("what qualifies is 100 % at the most")
        return self


def fits(amount: Decimal, currency: Any, whose: str) -> None:
    """Refuse an amount with more decimals than the currency, and say whose it is."""
    try:
        exact(amount, currency)
    except ValueError as error:
        raise ValueError(f"{whose}{error}") from None


def charge_lines(
    charges: tuple[BudgetCharge, ...], accounts: tuple[AccountLine, ...], currency: Currency
) -> tuple[ChargeLine, ...]:
    """The charges as they are kept: B2, B3, and the stated amount of B4; each may be of those above it."""
    kept: list[ChargeLine] = []
    for charge in charges:
        stated = None if charge.amount is None else exact(charge.amount, currency)
        if charge.percent is None or charge.base is None:
            assert stated is not None
            kept.append(ChargeLine(charge.code, charge.name, charge.kind, None, None, stated))
            continue
        base = _base(charge.code, charge.base, (*accounts, *kept), currency)
        amount = percentage(charge.percent, base.amount, currency) if stated is None else stated
        _fits_a_budget(charge, amount)
        kept.append(ChargeLine(charge.code, charge.name, charge.kind, plain(charge.percent), base, amount))
    return tuple(kept)


def credit_line(
    credit: BudgetCredit, accounts: tuple[AccountLine, ...], charges: tuple[ChargeLine, ...], currency: Currency
) -> CreditLine:
    """The credit as it is kept: B2, B3, and the stated amount of B4."""
    stated = None if credit.amount is None else exact(credit.amount, currency)
    if credit.percent is None or credit.base is None:
        assert stated is not None
        return CreditLine(credit.code, credit.name, None, None, None, None, stated)
    base = _base(credit.code, credit.base, (*accounts, *charges), currency)
    cap = None if credit.cap is None else exact(credit.cap, currency)
    qualified = None if credit.qualified is None else plain(credit.qualified)
    amount = _earned(credit.percent, base, credit.qualified, cap, currency) if stated is None else stated
    _fits_a_budget(credit, amount)
    return CreditLine(credit.code, credit.name, plain(credit.percent), base, qualified, cap, amount)


def _fits_a_budget(line: BudgetCharge | BudgetCredit, amount: Decimal) -> None:
    """B2: what a percentage comes to is an amount that somebody could have stated."""
    if amount >= TOO_MUCH:
        raise LineIsTooLarge(f"{line.code} ({line.name})", f"{amount:,f}")


def _base(
    code: AccountCode, named: Base, lines: tuple[AccountLine | ChargeLine, ...], currency: Currency
) -> ChargeBase:
    unknown = {*named.accounts, *named.less} - {line.code for line in lines}
    if unknown:
        raise BaseIsUnknown(code, tuple(sorted(unknown)))

    def within(line: AccountLine | ChargeLine) -> bool:
        of_level = isinstance(line, AccountLine) and line.level in named.levels
        return (of_level or line.code in named.accounts) and line.code not in named.less

    amount = sum((line.amount for line in lines if within(line)), exact(Decimal(0), currency))
    return ChargeBase(named.levels, named.accounts, named.less, amount)


def _earned(
    percent: Decimal, base: ChargeBase, qualified: Decimal | None, cap: Decimal | None, currency: Currency
) -> Decimal:
    """What a credit comes to, rounded once."""
    with localcontext() as context:
        context.prec = 50
        share = Decimal(100) if qualified is None else qualified
        earned = percentage(percent, base.amount * share / 100, currency)
    return earned if cap is None else min(earned, cap)


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


@dataclass(frozen=True, slots=True)
class Content:
    """All that a version says."""

    currency: Currency
    rates: tuple[ExchangeRate, ...]
    globals: tuple[Global, ...]
    fringes: tuple[Fringe, ...]
    sub_budgets: tuple[SubBudget, ...]
    accounts: tuple[AccountLine, ...]
    charges: tuple[ChargeLine, ...]
    credits: tuple[CreditLine, ...]
    stated: tuple[StatedTotal, ...]
    tolerance: Decimal

    @property
    def digest(self) -> Digest:
        """SHA-256 over it as compact JSON, under the name of the format: what approvals are bound to."""
        return sha256(b"greenlight/budget/3 " + _CONTENT.dump_json(self)).hexdigest()


_CONTENT, _ACCOUNT = TypeAdapter(Content), TypeAdapter(AccountLine)


def in_words(line: AccountLine | ChargeLine | CreditLine) -> str:
    """What a line is beside its amount, so that a change of it can be told."""
    match line:
        case AccountLine(name=name, level=level, held=held, lines=lines):
            said = f"{name}, {words(level)}" if held is None else f"{name}, {words(level)}, {words(held)}"
            return f"{said}, {len(lines)} lines, content {_detail(line)}" if lines else said
        case CreditLine(name=name, amount=amount, percent=percent, base=base, qualified=qualified, cap=cap):
            said = f"{name}, a credit of {words(amount)}"
            if percent is not None and base is not None:
                share = "" if qualified is None else f"{words(qualified)} % of "
                said += f", {words(percent)} % of {share}{_of(base)}"
            return said if cap is None else f"{said}, capped at {words(cap)}"
        case ChargeLine(name=name, kind=kind, percent=None):
            return f"{name}, {words(kind)}"
        case ChargeLine(name=name, kind=kind, percent=percent, base=base):
            assert base is not None
            return f"{name}, {words(kind)}, {words(percent)} % of {_of(base)}"


def _detail(account: AccountLine) -> str:
    return sha256(_ACCOUNT.dump_json(account)).hexdigest()[:12]


def _of(base: ChargeBase) -> str:
    less = f" less {words(base.less)}" if base.less else ""
    return f"{words((*base.levels, *base.accounts))}{less}"


def labels(drafted: BudgetDrafted, flags: Iterator[FlagId]) -> Iterator[LabelDisagrees]:
    """B4: charges and credits whose stated amount is not what their label comes to."""
    currency = drafted.currency
    lines: tuple[ChargeLine | CreditLine, ...] = (*drafted.charges, *drafted.credits)
    for line in lines:
        comes_to = expected(line, currency)
        if line.percent is not None and line.base is not None and comes_to not in (None, line.amount):
            base = line.base.amount
            yield LabelDisagrees(
                flag=next(flags),
                budget=drafted.budget,
                account=line.code,
                labelled_percent=line.percent,
                implied_percent=_implied(line.amount, base),
                base=Money(base, currency),
                expected=Money(comes_to, currency),
                amount=Money(line.amount, currency),
            )


def expected(line: ChargeLine | CreditLine, currency: Currency) -> Decimal | None:
    """What a charge or a credit comes to by its percentage; None of a flat one."""
    if line.percent is None or line.base is None:
        return None
    if isinstance(line, ChargeLine):
        return percentage(line.percent, line.base.amount, currency)
    return _earned(line.percent, line.base, line.qualified, line.cap, currency)


def _implied(amount: Decimal, base: Decimal) -> Decimal | None:
    """What the amount is of the base, in percent to four decimals; None when that cannot be said."""
    if not base:
        return None
    with localcontext() as context:
        context.prec = 50
        percent = (amount * 100 / base).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return percent if percent < 1_000_000 else None


def differences(drafted: BudgetDrafted, flags: Iterator[FlagId]) -> Iterator[TotalDisagrees | VarianceAccepted]:
    """B4: stated figures that are not the sum of their parts, and whether they are near enough."""
    for stated in drafted.stated:
        computed, sums = _computed(stated.total, drafted)
        difference, tolerance = stated.amount - computed, drafted.tolerance * sums
        said, comes_to, apart = (Money(amount, drafted.currency) for amount in (stated.amount, computed, difference))
        if abs(difference) > tolerance:
            yield TotalDisagrees(next(flags), drafted.budget, stated.total, said, comes_to, apart)
        elif difference:
            near = Money(tolerance, drafted.currency)
            yield VarianceAccepted(drafted.budget, stated.total, said, comes_to, apart, near)


def figure(stated: Stated) -> str:
    """In words: a total by its name, or an account by its code."""
    return stated.replace("_", " ")


#: Sums of accounts, or of charges or credits; the other totals are sums of these.
_OF_ROWS = frozenset({*(TotalName(level.value) for level in Level), TotalName.CHARGES, TotalName.CREDITS})


def _computed(stated: Stated, drafted: BudgetDrafted) -> tuple[Decimal, int]:
    """What a stated figure comes to, and how many sums lie between it and its lowest parts: one for every level."""
    if stated not in TOTALS:
        account = next(each for each in drafted.accounts if each.code == stated)
        return account.amount, int(bool(account.lines))
    lowest = int(any(account.lines for account in drafted.accounts))
    return getattr(drafted.totals, stated), lowest + (1 if stated in _OF_ROWS else 2)
