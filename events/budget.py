"""A budget version: its accounts, charges, credits and totals, and whether it adds.

draft, submitted, approved, locked; rejected, replaced (by a later draft) or superseded (by a later approval).

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from .ids import AccountCode, BudgetId, Digest, FlagId, GlobalName, Slug, shape
from .money import Amount, Currency, ExchangeRate, Money, Percent, Quantity


class Level(StrEnum):
    """The part of the budget an account belongs to; the last three are below the line."""

    ABOVE_THE_LINE = "above_the_line"
    PRODUCTION = "production"
    POST = "post"
    OTHER = "other"


class ChargeKind(StrEnum):
    """What a charge at the foot of the budget is for; contingency is a reserve and takes no spend."""

    CONTINGENCY = "contingency"
    COMPLETION_BOND = "completion_bond"
    OVERHEAD = "overhead"
    FEE = "fee"
    OTHER = "other"


class Held(StrEnum):
    """How an account is held: a capped one grows by a higher rule alone; a locked one neither grows nor gives."""

    CAPPED = "capped"
    LOCKED = "locked"


class TotalName(StrEnum):
    """The totals of a budget, in the order of the top sheet."""

    ABOVE_THE_LINE = "above_the_line"
    PRODUCTION = "production"
    POST = "post"
    OTHER = "other"
    BELOW_THE_LINE = "below_the_line"
    ABOVE_AND_BELOW = "above_and_below"
    CHARGES = "charges"
    GRAND_TOTAL = "grand_total"
    CREDITS = "credits"
    NET_TOTAL = "net_total"


#: What a document states beside the parts: one of the totals by its name, or an account by its code.
Stated = Annotated[
    str,
    shape(
        r"^[A-Za-z0-9_]{1,20}([ .-][A-Za-z0-9]{1,6}){0,3}$",
        "name a total, such as grand_total, or the code of an account",
        max_length=27,
    ),
]


#: What the code of an account cannot be, so that what is stated can be told apart.
TOTALS: frozenset[str] = frozenset(TotalName)


@dataclass(frozen=True, slots=True)
class Global:
    """A named number that lines are reckoned with, such as SHOOT_DAYS."""

    name: GlobalName
    value: Quantity


@dataclass(frozen=True, slots=True)
class Fringe:
    """What comes on top of pay: a percentage of it, or an amount for every unit."""

    code: AccountCode
    name: str
    percent: Percent | None
    #: Of each person's pay over all accounts, in the budget's currency; beyond it the percentage stops.
    cut_off: Amount | None
    #: For every unit, in the budget's currency; in place of a percentage.
    flat: Amount | None


@dataclass(frozen=True, slots=True)
class SubBudget:
    """A part of a series: the pattern of an episode, made several times, or what is amortised over all of them."""

    name: Slug
    times: int


@dataclass(frozen=True, slots=True)
class DetailLine:
    """A line behind an account: amount x units x multiplier x rate, rounded once."""

    description: str
    amount: Quantity
    units: Quantity
    multiplier: Quantity
    #: What is counted, such as `weeks`.
    unit: str | None
    #: For one unit, in the line's currency.
    rate: Amount
    currency: Currency
    #: Of amount, units and multiplier, those that a global gave.
    globals: dict[str, GlobalName]
    #: Whose pay it is, so that a cut-off counts it with their other lines.
    person: str | None
    groups: tuple[str, ...]
    location: str | None
    sub_budget: Slug | None
    fringes: tuple[AccountCode, ...]
    #: For one making of its sub-budget, in the budget's currency.
    total: Amount


@dataclass(frozen=True, slots=True)
class FringeAmount:
    """What a fringe comes to on an account, with all makings of its sub-budgets, rounded once."""

    fringe: AccountCode
    #: The pay that it is taken of, up to the cut-offs; None of a flat one.
    base: Amount | None
    amount: Amount


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account of the top sheet; zero is a legal amount."""

    code: AccountCode
    name: str
    level: Level
    #: The sum of its lines, each as often as its sub-budget is made, and of its fringes; stated where it has no lines.
    amount: Amount
    held: Held | None
    lines: tuple[DetailLine, ...]
    fringes: tuple[FringeAmount, ...]


@dataclass(frozen=True, slots=True)
class ChargeBase:
    """What a percentage is taken of: whole levels, single accounts and earlier charges, less some accounts."""

    levels: tuple[Level, ...]
    accounts: tuple[AccountCode, ...]
    less: tuple[AccountCode, ...]
    #: The sum, in the budget's currency.
    amount: Amount


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One charge below the accounts: a percentage of its own base, or flat."""

    code: AccountCode
    name: str
    kind: ChargeKind
    #: As labelled; None when the charge is flat.
    percent: Percent | None
    base: ChargeBase | None
    #: The stated amount if there is one, else the percentage of the base, rounded once.
    amount: Amount


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A rebate or tax credit that comes off the grand total; the amount is positive."""

    code: AccountCode
    name: str
    #: As labelled, of the qualified share of the base; None when the credit is flat.
    percent: Percent | None
    base: ChargeBase | None
    #: The percentage of the base that earns the credit.
    qualified: Percent | None
    cap: Amount | None
    #: The stated amount if there is one, else the percentage, rounded once and capped.
    amount: Amount


@dataclass(frozen=True, slots=True)
class StatedTotal:
    """A total, or the amount of an account, as the budget's maker stated it."""

    total: Stated
    amount: Amount


@dataclass(frozen=True, slots=True)
class BudgetTotals:
    """Sums of the printed parts; net total = grand total - credits."""

    above_the_line: Amount
    production: Amount
    post: Amount
    other: Amount
    below_the_line: Amount
    above_and_below: Amount
    charges: Amount
    grand_total: Amount
    credits: Amount
    net_total: Amount


@dataclass(frozen=True, slots=True)
class BudgetDrafted:
    """A whole budget version was set, as a draft."""

    budget: BudgetId
    currency: Currency
    #: Of currencies that lines are in.
    rates: tuple[ExchangeRate, ...]
    globals: tuple[Global, ...]
    fringes: tuple[Fringe, ...]
    sub_budgets: tuple[SubBudget, ...]
    accounts: tuple[AccountLine, ...]
    charges: tuple[ChargeLine, ...]
    credits: tuple[CreditLine, ...]
    stated: tuple[StatedTotal, ...]
    #: How far a stated figure may be from its parts for every sum between them, in the budget's currency.
    tolerance: Amount
    totals: BudgetTotals
    #: SHA-256 of everything above but the version's number and the sums: what approvals are bound to.
    content_hash: Digest
    #: Drafts of one scenario take each other's place; those of another stand beside them.
    scenario: Slug
    #: The file that it was read from, by its name and the SHA-256 of its bytes.
    document: str | None
    document_sha256: Digest | None
    #: The draft that this one takes the place of, if there was one.
    replaces: BudgetId | None
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class LabelDisagrees:
    """Flag: a charge's stated amount is not the labelled percentage of its base; the amount was kept."""

    flag: FlagId
    budget: BudgetId
    account: AccountCode
    labelled_percent: Percent
    #: What the amount is of the base, to four decimals; None when the base is zero.
    implied_percent: Percent | None
    base: Money
    #: The labelled percentage of the base.
    expected: Money
    amount: Money


@dataclass(frozen=True, slots=True)
class TotalDisagrees:
    """Flag: a stated figure is not the sum of its parts; the version is unreconciled."""

    flag: FlagId
    budget: BudgetId
    total: Stated
    stated: Money
    computed: Money
    #: Stated less computed.
    difference: Money


@dataclass(frozen=True, slots=True)
class VarianceAccepted:
    """A stated figure is not the sum of its parts, but within the tolerance that was stated for it."""

    budget: BudgetId
    total: Stated
    stated: Money
    computed: Money
    #: Stated less computed.
    difference: Money
    #: For all the sums between the figure and its lowest parts.
    tolerance: Money


@dataclass(frozen=True, slots=True)
class DifferenceWaived:
    """The producer lets a stated figure stand beside the sum of its parts, for a reason."""

    budget: BudgetId
    total: Stated
    difference: Money
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class BudgetLocked:
    """The approved version is the baseline that later money is measured against."""

    budget: BudgetId
    content_hash: Digest
    total: Money


@dataclass(frozen=True, slots=True)
class BudgetUnlocked:
    """The version is approved and in force, but open to a successor again."""

    budget: BudgetId


BudgetEvent = (
    BudgetDrafted
    | LabelDisagrees
    | TotalDisagrees
    | VarianceAccepted
    | DifferenceWaived
    | BudgetLocked
    | BudgetUnlocked
)
