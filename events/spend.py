"""Spend: money that is gone. It is recorded and flagged, never denied.

logged, then recoded at most once, reversed at most once. Cost = net + tax - recoverable tax, in base currency.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import AccountCode, BudgetId, Digest, FlagId, PayableId, SpendId, VendorId
from .money import Amount, Currency, ExchangeRate, Money


class SpendKind(StrEnum):
    """How the money was spent."""

    INVOICE = "invoice"
    PAYROLL = "payroll"
    PETTY_CASH = "petty_cash"
    CARD = "card"
    OTHER = "other"
    PER_DIEM = "per_diem"
    MILEAGE = "mileage"
    #: Used and not invoiced yet; nobody is paid for it, and its invoice takes its place.
    ACCRUAL = "accrual"
    #: What comes back lowers what was spent.
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"
    INSURANCE_CLAIM = "insurance_claim"
    #: What left the bank for an entry in another currency beyond what was booked; below zero where it was less.
    EXCHANGE_DIFFERENCE = "exchange_difference"


#: What comes back.
CREDITS = frozenset({SpendKind.CREDIT_NOTE, SpendKind.REFUND, SpendKind.INSURANCE_CLAIM})


class OutsideBecause(StrEnum):
    """Why an entry's account is not one of the budget's."""

    NO_BUDGET_IN_FORCE = "no_budget_in_force"
    UNKNOWN_ACCOUNT = "unknown_account"
    CONTINGENCY_TAKES_NO_SPEND = "contingency_takes_no_spend"


@dataclass(frozen=True, slots=True)
class SpendLogged:
    """Money was spent on an account; or it came back, and every amount is negative."""

    spend: SpendId
    account: AccountCode
    #: Net, tax and recoverable tax are in this currency.
    currency: Currency
    net: Amount
    tax: Amount
    #: The part of the tax that comes back and is no cost.
    recoverable_tax: Amount
    #: The actual rate to the base currency; None when spent in it.
    rate: ExchangeRate | None
    #: What counts against the account, in base currency.
    cost: Money
    vendor: VendorId
    spent_on: date
    posted_on: date
    kind: SpendKind
    #: The vendor's number for it: invoice, receipt, payroll batch.
    document: str | None
    #: Of the receipt's file, which is kept elsewhere.
    receipt_sha256: Digest | None
    memo: str | None
    #: What it is paid together with.
    batch: PayableId | None
    #: In its currency, the part that is not paid to the vendor but owed to others, such as withholding tax.
    withheld: Amount
    #: Whether it is fringes on pay.
    fringe: bool
    clears: tuple[FlagId, ...]


def batch_of(first: SpendId, last: SpendId) -> PayableId:
    """What entries are called that are paid at once."""
    return f"{first}..{last}"


def entries_of(payable: PayableId) -> tuple[SpendId, ...]:
    """The entries that are paid at once; none of what is no entry, such as an advance that is asked for."""
    if not payable.startswith("S-"):
        return ()
    first, _, last = payable.partition("..")
    return tuple(f"S-{number:06}" for number in range(int(first[2:]), int((last or first)[2:]) + 1))


@dataclass(frozen=True, slots=True)
class SpendReversed:
    """The entry is taken back, whole."""

    spend: SpendId
    account: AccountCode
    cost: Money
    posted_on: date
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class SpendRecoded:
    """The entry moved to another account, whole."""

    spend: SpendId
    from_account: AccountCode
    to_account: AccountCode
    cost: Money
    posted_on: date
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class SpendOutsideBudget:
    """Flag: the entry stands on an account that no budget in force has for spend."""

    flag: FlagId
    spend: SpendId
    account: AccountCode
    #: None when no budget is in force.
    budget: BudgetId | None
    cost: Money
    because: OutsideBecause


@dataclass(frozen=True, slots=True)
class AccountOverspent:
    """Flag: the entry takes the account past its budget, or further past it."""

    flag: FlagId
    #: None when a budget that came into force, not an entry, put the account over.
    spend: SpendId | None
    account: AccountCode
    budget: BudgetId
    budgeted: Money
    #: On the account to date, the entry included.
    spent: Money
    #: Spent less budgeted.
    over: Money


@dataclass(frozen=True, slots=True)
class DuplicateSuspected:
    """Flag: the entry agrees with an earlier one in vendor, amount, date and document."""

    flag: FlagId
    spend: SpendId
    #: The earlier entry.
    earlier: SpendId


class AlertScope(StrEnum):
    """What an alert is about."""

    ACCOUNT = "account"
    LEVEL = "level"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class SpendAlert:
    """Flag: this much of the budget of an account, a level or the whole is spent."""

    flag: FlagId
    scope: AlertScope
    #: The account, or the level; None for the whole.
    of: str | None
    percent: int
    budget: BudgetId
    budgeted: Money
    spent: Money


@dataclass(frozen=True, slots=True)
class PaymentReleased:
    """The spend may be paid."""

    spend: SpendId
    cost: Money
    #: With recoverable tax, which is no cost.
    paid: Money


SpendEvent = (
    SpendLogged
    | SpendReversed
    | SpendRecoded
    | SpendOutsideBudget
    | AccountOverspent
    | SpendAlert
    | DuplicateSuspected
    | PaymentReleased
)
