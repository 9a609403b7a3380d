"""Alerts: how much of an account, a level or the whole budget is spent, at the percentages the policy names.

S8  The entry with which a percentage is reached raises an alert; the fact that takes it below again clears it.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from events.budget import Level
from events.ids import BudgetId, FlagId
from events.money import Money
from events.spend import AlertScope, SpendAlert

from .budget import Budget
from .spend import Spending


def alerts(
    budget: BudgetId, version: Budget, spending: Spending, percents: Iterable[int], flags: Iterator[FlagId]
) -> tuple[list[SpendAlert], set[FlagId]]:
    """S8: the alerts that must be raised, and those that stand no more."""
    raised: list[SpendAlert] = []
    standing: set[FlagId] = set()
    currency = version.total.currency
    for scope, of, budgeted, spent in _scopes(version, spending):
        for percent in sorted(percents):
            if not spent or spent * 100 < budgeted * percent:
                continue
            flag = spending.alerts.get((scope, of, percent))
            if flag is None:
                money = (Money(budgeted, currency), Money(spent, currency))
                raised.append(SpendAlert(next(flags), scope, of, percent, budget, *money))
            else:
                standing.add(flag)
    return raised, set(spending.alerts.values()) - standing


def _scopes(version: Budget, spending: Spending) -> Iterator[tuple[AlertScope, str | None, Decimal, Decimal]]:
    """What is watched, with its budget and its spend: only what has spend at all."""
    budgets: dict[Level, Decimal] = dict.fromkeys(Level, Decimal(0))
    spent: dict[Level, Decimal] = dict.fromkeys(Level, Decimal(0))
    whole = Decimal(0)
    for code, amount in sorted(version.amounts.items()):
        on_account = spending.spent_on(code)
        whole += on_account
        level = version.levels.get(code)
        if level is not None:
            budgets[level] += amount
            spent[level] += on_account
        if on_account:
            yield AlertScope.ACCOUNT, code, amount, on_account
    for level in Level:
        if spent[level]:
            yield AlertScope.LEVEL, level.value, budgets[level], spent[level]
    yield AlertScope.TOTAL, None, version.total_budget.amount, whole
