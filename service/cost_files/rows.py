"""The cost report row by row, as it is printed: sections, their accounts, their sums, and the whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from projections.cost_report import FIGURES, AccountCost, CostFigures, CostReport


@dataclass(frozen=True, slots=True)
class Section:
    """Accounts that are summed."""

    name: str
    accounts: Sequence[AccountCost]
    #: As the report has it.
    total: CostFigures


def sections(report: CostReport) -> Iterator[Section]:
    """The levels, the charges, and what is outside the budget; those that hold nothing are left out."""
    for level in report.levels:
        yield Section(level.level.value.replace("_", " ").capitalize(), level.accounts, level)
    for name, accounts in (("Charges", report.charges), ("Outside the budget", report.outside)):
        if accounts:
            yield Section(name, accounts, summed(accounts))


def summed(accounts: Sequence[AccountCost]) -> CostFigures:
    """Their sum, figure by figure; none of what none of them has."""
    first, *others = accounts
    found: dict[str, Any] = dict.fromkeys(FIGURES)
    for name in FIGURES:
        if (amount := getattr(first, name)) is not None:
            found[name] = sum((getattr(each, name) for each in others), amount)
    return CostFigures(**found)


def terms(report: CostReport) -> list[str]:
    """How the report was asked for, in words."""
    shown = f"Version {report.version} of {report.production}, position {report.position} of the log"
    period = "all that is posted"
    if report.posted_from or report.posted_to:
        period = f"posted from {report.posted_from or 'the beginning'} to {report.posted_to or 'now'}"
    budget = f"budget {report.budget}" if report.budget else "no budget in force"
    over = "over" if report.variance_sign.value == "over" else "under"
    orders = "orders outside it" if report.etc_basis.value == "orders_outside" else "orders inside it"
    of = ", ".join(report.without_rate)
    return [
        f"{shown}; {budget}; all amounts in {report.currency}.",
        f"Period: {period}. ETC: {orders}. Variance: {over} budget is positive.",
        *([f"The currency variance has nothing of {of}: the budget in force has no rate for it."] if of else []),
    ]
