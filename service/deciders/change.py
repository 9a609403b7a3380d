"""Changes to the locked budget: overages beside it, transfers within it, draws on its contingency.

Each is asked for first, and takes effect when its round passes.

M1  The budget is changed while it is locked; before that a new version is set.
M2  An overage raises the total budget and names the committed source that carries it: with money that neither the
    total budget nor an earlier overage needs.
M3  Money from contingency moves by a draw alone, and never more than is left of it.
M4  A transfer never leaves an account below what is spent, committed and requisitioned on it.
M5  What was asked for beside a version ends with it.
M6  A locked account neither grows nor gives; a capped one grows by the policy's rule for those alone.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from events.budget import Held
from events.change import BudgetTransferred, ChangeEvent, ContingencyDrawn, OverageApproved
from events.financing import AT_LEAST_COMMITTED, NOT_CASH, FundingState, free_to_carry
from events.ids import AccountCode, BudgetId, FundingId, Memo
from events.money import Currency, Money, PositiveAmount, exact

from .budget import Budget, Budgets
from .command import Command
from .financing import Financing, SourceIsMissing, existing
from .holds import Commitments
from .refusal import Conflicting, Missing
from .spend import Spending, within


@dataclass
class BudgetIsNotLocked(Conflicting):
    """No budget is locked, so there is nothing to change beside a version."""

    rule = "M1"
    otherwise = "An executive producer may lock the version in force; until then, set a new version."


@dataclass
class AccountIsMissing(Missing):
    """{budget} has no account {account} that takes spend."""

    rule = "M1"
    otherwise = "Look up the accounts in the current budget; a new account comes with a new version."
    account: AccountCode
    budget: BudgetId


@dataclass
class AccountIsLocked(Conflicting):
    """{budget} holds account {account} locked, at {budgeted}: it neither grows nor gives."""

    rule = "M6"
    otherwise = "Name another account; a new version of the budget may say otherwise."
    account: AccountCode
    budget: BudgetId
    budgeted: Money


@dataclass
class AmountDoesNotFit(Conflicting):
    """{amount} has more decimals than {currency} allows."""

    rule = "M1"
    otherwise = "Send the amount in the base currency, with its decimals."
    amount: Decimal
    currency: Currency


@dataclass
class SourceCarriesNothing(Conflicting):
    """{funding} is {state}, {kind}; an overage is carried by committed cash."""

    rule = "M2"
    otherwise = "An executive producer may commit the source, or name another one."
    funding: FundingId
    state: FundingState
    kind: str


@dataclass
class OverageIsNotCarried(Conflicting):
    """An overage of {requested} is {over} beyond what is free: {free} of {funding}."""

    rule = "M2"
    otherwise = "An executive producer may secure more funding, or the producer may draw contingency or transfer."
    requested: Money
    over: Money
    free: Money
    funding: FundingId


@dataclass
class ContingencyMovesByDraw(Conflicting):
    """Account {account} is contingency; money from it moves by a draw, and none moves to it."""

    rule = "M3"
    otherwise = "Send draw-contingency."
    account: AccountCode


@dataclass
class ContingencyIsExhausted(Conflicting):
    """A draw of {requested} is {over} beyond what the fullest contingency account has left: {left}."""

    rule = "M3"
    otherwise = "Request an overage, or transfer from an account that has room."
    requested: Money
    over: Money
    left: Money


@dataclass
class AccountWouldBeOverspent(Conflicting):
    """{requested} is {over} more than account {account} can give: {budgeted}, less {taken} spent, held or asked for."""

    rule = "M4"
    otherwise = "Transfer less, or from another account."
    account: AccountCode
    budgeted: Money
    #: Spent, committed and requisitioned.
    taken: Money
    requested: Money
    over: Money


@dataclass
class NothingMoves(Conflicting):
    """A transfer from {account} to itself moves nothing."""

    rule = "M4"
    otherwise = "Name two accounts."
    account: AccountCode


_IN_BASE_CURRENCY = "In the production's base currency."


class RequestOverage(Command):
    """A producer or a line producer asks for money beside the locked budget, which a named source carries."""

    refusals = (
        *(BudgetIsNotLocked, AmountDoesNotFit, AccountIsMissing, AccountIsLocked, SourceIsMissing),
        *(SourceCarriesNothing, OverageIsNotCarried),
    )
    example: ClassVar = {"account": "2200", "amount": "40000", "funding": "F-1", "reason": "The set turned union."}

    account: AccountCode = Field(description="An account of the locked budget that takes spend.")
    amount: PositiveAmount = Field(description=_IN_BASE_CURRENCY)
    funding: FundingId = Field(description="A committed source with money that nothing else needs.")
    reason: Memo


class TransferBudget(Command):
    """A producer or a line producer asks to move budget from one account to another."""

    refusals = (
        *(BudgetIsNotLocked, AmountDoesNotFit, NothingMoves, ContingencyMovesByDraw, AccountIsMissing),
        *(AccountIsLocked, AccountWouldBeOverspent),
    )
    example: ClassVar = {"from_account": "1100", "to_account": "2200", "amount": "20000", "reason": "Rights came low."}

    from_account: AccountCode = Field(description="It keeps what is spent, committed and requisitioned on it.")
    to_account: AccountCode
    amount: PositiveAmount = Field(description=_IN_BASE_CURRENCY)
    reason: Memo


class DrawContingency(Command):
    """A producer or a line producer asks to move money from the contingency to an account; the total stays."""

    refusals = (BudgetIsNotLocked, AmountDoesNotFit, AccountIsMissing, AccountIsLocked, ContingencyIsExhausted)
    example: ClassVar = {"account": "2200", "amount": "15000", "reason": "Two nights of rain."}

    account: AccountCode = Field(description="Which gets the money.")
    amount: PositiveAmount = Field(description=_IN_BASE_CURRENCY)
    reason: Memo


ChangeCommand = RequestOverage | TransferBudget | DrawContingency


def request_overage(
    command: RequestOverage, budgets: Budgets, financing: Financing, spending: Spending
) -> list[ChangeEvent]:
    """M1, M2."""
    budget, version = _locked(budgets)
    amount = _fits(command.amount, version)
    budgeted = _moves(command.account, budget, version)
    source = existing(financing, command.funding)
    if source.state not in AT_LEAST_COMMITTED or source.terms.kind in NOT_CASH:
        raise SourceCarriesNothing(command.funding, source.state, source.terms.kind.value.replace("_", " "))
    free = free_to_carry(
        cover=financing.committed_cover(),
        total_budget=version.total_budget.amount,
        promised=source.terms.base_amount.amount,
        carried=budgets.carried.get(command.funding, Decimal(0)),
    )
    currency = amount.currency
    if amount.amount > free:
        over = Money(amount.amount - free, currency)
        raise OverageIsNotCarried(amount, over, Money(exact(free, currency), currency), command.funding)
    return [
        OverageApproved(
            overage=f"O-{budgets.overages + 1}",
            budget=budget,
            account=command.account,
            amount=amount,
            funding=command.funding,
            total_budget=Money(version.total_budget.amount + amount.amount, currency),
            clears=within(spending, command.account, budgeted + amount.amount),
        )
    ]


def transfer_budget(
    command: TransferBudget, budgets: Budgets, spending: Spending, commitments: Commitments
) -> list[ChangeEvent]:
    """M1, M3, M4."""
    budget, version = _locked(budgets)
    amount = _fits(command.amount, version)
    if command.from_account == command.to_account:
        raise NothingMoves(command.from_account)
    for account in (command.from_account, command.to_account):
        if account in version.contingency:
            raise ContingencyMovesByDraw(account)
    gives = _moves(command.from_account, budget, version)
    takes = _moves(command.to_account, budget, version)
    taken = spending.spent_on(command.from_account) + commitments.taken_of(command.from_account)
    room = gives - taken
    if amount.amount > room:
        budgeted, so_far = Money(gives, amount.currency), Money(taken, amount.currency)
        over = Money(amount.amount - max(room, Decimal(0)), amount.currency)
        raise AccountWouldBeOverspent(command.from_account, budgeted, so_far, amount, over)
    clears = within(spending, command.to_account, takes + amount.amount)
    number = f"T-{budgets.transfers + 1}"
    return [BudgetTransferred(number, budget, command.from_account, command.to_account, amount, clears)]


def draw_contingency(command: DrawContingency, budgets: Budgets, spending: Spending) -> list[ChangeEvent]:
    """M1, M3."""
    budget, version = _locked(budgets)
    amount = _fits(command.amount, version)
    budgeted = _moves(command.account, budget, version)
    currency = amount.currency
    fullest = max(version.contingency, key=lambda code: (version.contingency[code], code), default=None)
    left = Decimal(0) if fullest is None else version.contingency[fullest]
    if fullest is None or amount.amount > left:
        raise ContingencyIsExhausted(amount, Money(amount.amount - left, currency), Money(left, currency))
    return [
        ContingencyDrawn(
            draw=f"C-{budgets.draws + 1}",
            budget=budget,
            contingency=fullest,
            account=command.account,
            amount=amount,
            left=Money(left - amount.amount, currency),
            clears=within(spending, command.account, budgeted + amount.amount),
        )
    ]


def _locked(budgets: Budgets) -> tuple[BudgetId, Budget]:
    if budgets.locked is None:
        raise BudgetIsNotLocked()
    return budgets.locked, budgets.versions[budgets.locked]


def _fits(amount: Decimal, version: Budget) -> Money:
    currency = version.total.currency
    try:
        return Money(exact(amount, currency), currency)
    except ValueError:
        raise AmountDoesNotFit(amount, currency) from None


def _moves(account: AccountCode, budget: BudgetId, version: Budget) -> Decimal:
    """What is budgeted on an account that takes spend and is not locked."""
    if account not in version.amounts:
        raise AccountIsMissing(account, budget)
    budgeted = version.amounts[account]
    if version.held.get(account) is Held.LOCKED:
        raise AccountIsLocked(account, budget, Money(budgeted, version.total.currency))
    return budgeted
