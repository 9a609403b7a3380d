"""Changes to the locked budget: approved overages beside it, transfers within it, draws on its contingency.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass

from .ids import AccountCode, BudgetId, DrawId, FlagId, FundingId, OverageId, TransferId
from .money import Money


@dataclass(frozen=True, slots=True)
class OverageApproved:
    """The total budget is raised beside the locked one, on an account, carried by funding that nothing needed yet."""

    overage: OverageId
    budget: BudgetId
    account: AccountCode
    amount: Money
    #: The source that carries it.
    funding: FundingId
    #: Locked and approved overages, after this one.
    total_budget: Money
    #: Flags on spend that the account now covers.
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class BudgetTransferred:
    """Budget moved from one account to another; the total stays."""

    transfer: TransferId
    budget: BudgetId
    from_account: AccountCode
    to_account: AccountCode
    amount: Money
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class ContingencyDrawn:
    """Budget moved from the contingency to an account; the total stays."""

    draw: DrawId
    budget: BudgetId
    contingency: AccountCode
    account: AccountCode
    amount: Money
    #: What is left of the contingency.
    left: Money
    clears: tuple[FlagId, ...]


ChangeEvent = OverageApproved | BudgetTransferred | ContingencyDrawn
