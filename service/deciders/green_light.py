"""The green light: the go decision, once the tests that the policy names have passed.

L1  Every test that the policy names is run against all facts and recorded with its figures.
L2  A test that has not passed refuses the green light, unless it is given with conditions that say what must follow.
L3  A budget gets its green light once without conditions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from immutables import Map
from pydantic import Field

from events.financing import AT_LEAST_CLOSED, AT_LEAST_COMMITTED
from events.ids import BudgetId, Memo
from events.money import Money, exact
from events.policy import RequestKind
from events.production import GreenLightResult, GreenLightTest, ProductionGreenlit
from events.team import Role

from .budget import Budgets
from .command import Command
from .financing import Financing
from .refusal import Conflicting, words
from .rounds import Approvals, Outcome


@dataclass
class NotReadyForGreenLight(Conflicting):
    """The green light waits for {missing}."""

    rule = "L2"
    otherwise = "Mend what is missing, or an executive producer may give it with conditions."
    missing: tuple[str, ...]


@dataclass
class GreenlitAlready(Conflicting):
    """The production has had its green light for {budget}."""

    rule = "L3"
    otherwise = "A new budget in force may get its own."
    budget: BudgetId


class GreenlightProduction(Command):
    """An executive producer gives the green light; the tests that the policy names are run and recorded."""

    refusals = (GreenlitAlready, NotReadyForGreenLight)
    example: ClassVar = {"conditions": ["The bond is signed by the first day of the shoot."]}

    conditions: tuple[Memo, ...] = Field(
        (), max_length=50, description="What must follow; with conditions it is given though a test has not passed."
    )


def greenlight_production(
    command: GreenlightProduction,
    tests: Iterable[GreenLightTest],
    greenlit: Map[BudgetId | None, ProductionGreenlit],
    budgets: Budgets,
    approvals: Approvals,
    financing: Financing,
) -> list[ProductionGreenlit]:
    """L1 to L3; giving the same one again does nothing.

    Args:
        tests: those that the policy names.
        greenlit: those that were given, by their budgets.
    """
    given = greenlit.get(budgets.in_force)
    if given is not None and budgets.in_force is not None and not given.conditions:
        raise GreenlitAlready(budgets.in_force)
    results = tuple(_result(test, budgets, approvals, financing) for test in tests)
    missing = tuple(_said(result) for result in results if not result.passed)
    if missing and not command.conditions:
        raise NotReadyForGreenLight(missing)
    green_light = ProductionGreenlit(budgets.in_force, results, command.conditions)
    return [] if green_light == given else [green_light]


def _result(test: GreenLightTest, budgets: Budgets, approvals: Approvals, financing: Financing) -> GreenLightResult:
    """L1."""
    match test:
        case GreenLightTest.BUDGET_LOCKED:
            return GreenLightResult(test, budgets.locked is not None, None, None)
        case GreenLightTest.FUNDING_COMMITTED | GreenLightTest.FUNDING_CLOSED:
            if budgets.force is None:
                return GreenLightResult(test, False, None, None)
            needed = budgets.force.total_budget
            states = AT_LEAST_COMMITTED if test is GreenLightTest.FUNDING_COMMITTED else AT_LEAST_CLOSED
            cover = sum(financing.cover(states).values(), Decimal(0))
            found = Money(exact(cover, needed.currency), needed.currency)
            return GreenLightResult(test, cover >= needed.amount, needed, found)
        case GreenLightTest.CONDITIONS_MET:
            rounds = approvals.open_ones()
            return GreenLightResult(test, not any(c.open for _, asked in rounds for c in asked.conditions), None, None)
        case GreenLightTest.GUARANTOR_APPROVED:
            return GreenLightResult(test, _guarantor_approved(budgets, approvals), None, None)


def _guarantor_approved(budgets: Budgets, approvals: Approvals) -> bool:
    """Whether somebody who was completion guarantor then is among those who approved the budget in force."""
    rounds = [] if budgets.in_force is None else approvals.about(RequestKind.BUDGET, budgets.in_force)
    return any(
        vote.approves and Role.COMPLETION_GUARANTOR.value in vote.roles
        for _, asked in rounds
        if asked.outcome is Outcome.APPROVED
        for vote in asked.votes
    )


_SAID = {
    GreenLightTest.BUDGET_LOCKED: "a budget that is approved and locked",
    GreenLightTest.FUNDING_COMMITTED: "committed cash of {needed}, of which there is {found}",
    GreenLightTest.FUNDING_CLOSED: "closed cash of {needed}, of which there is {found}",
    GreenLightTest.CONDITIONS_MET: "the open conditions of approvals",
    GreenLightTest.GUARANTOR_APPROVED: "the completion guarantor's approval of the budget in force",
}


def _said(result: GreenLightResult) -> str:
    if result.test in (GreenLightTest.FUNDING_COMMITTED, GreenLightTest.FUNDING_CLOSED) and result.needed is None:
        return "a budget in force, which funding could cover"
    return _SAID[result.test].format(needed=words(result.needed), found=words(result.found))
