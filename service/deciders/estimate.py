"""Estimates of final cost: whoever answers for an account says what it will come to, and why.

E1  An estimate is of an account that the budget in force has, or on which something is spent or committed. It stands
    until another is entered; without one, an account is expected to come to the larger of its total budget and its
    total cost.
E2  An estimate below what is spent and committed is recorded: it says that something will come back.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from immutables import Map
from pydantic import Field

from events.estimate import EstimateEvent, FinalCostEstimated
from events.ids import AccountCode, Memo
from events.money import Currency, Money, WholeAmount, exact

from .command import Command
from .refusal import Conflicting, Missing

Estimates = Map[AccountCode, Money]


@dataclass
class EstimateDoesNotFit(Conflicting):
    """{amount} has more decimals than {currency} allows."""

    rule = "E1"
    otherwise = "Send the amount in the base currency, with its decimals."
    amount: Decimal
    currency: Currency


@dataclass
class NothingToEstimate(Missing):
    """The budget in force has no account {account}, and nothing is spent or committed on it."""

    rule = "E1"
    otherwise = "Look up the accounts in the cost report; a new account comes with a new version of the budget."
    account: AccountCode


class EstimateFinalCost(Command):
    """A line producer, a producer or an accountant says what an account will come to in the end, and why."""

    refusals = (EstimateDoesNotFit, NothingToEstimate)
    example: ClassVar = {"account": "2200", "amount": "290000", "reason": "Two nights more for the temple set."}

    account: AccountCode
    amount: WholeAmount | None = Field(
        description="In base currency; null: again the larger of its total budget and its total cost."
    )
    reason: Memo


def estimate_final_cost(
    command: EstimateFinalCost, estimates: Estimates, known: frozenset[AccountCode], base: Currency
) -> list[EstimateEvent]:
    """E1, E2; entering what stands does nothing.

    Args:
        known: the accounts that there is something to expect of.
    """
    amount = None if command.amount is None else _fits(command.amount, base)
    if command.account not in known:
        raise NothingToEstimate(command.account)
    former = estimates.get(command.account)
    return [] if amount == former else [FinalCostEstimated(command.account, amount, former)]


def _fits(amount: Decimal, currency: Currency) -> Money:
    try:
        return Money(exact(amount, currency), currency)
    except ValueError:
        raise EstimateDoesNotFit(amount, currency) from None


def evolve(estimates: Estimates, event: EstimateEvent) -> Estimates:
    """The estimates after the event."""
    if event.estimate is not None:
        return estimates.set(event.account, event.estimate)
    return estimates.delete(event.account) if event.account in estimates else estimates
