"""Over-budget control: what a commitment finds available, and what becomes of one that goes beyond it.

Available is the total budget of an account, a level or the whole, less what is spent, committed and requisitioned. What
moves from one of these to the next takes nothing more. Spend is never stopped: it happened.

O1  A commitment or a requisition that goes beyond what is available is refused where the policy stops it, unless
    somebody who may overrides that; where the policy warns, the fact says by how much.
O2  A capped account, by the policy or by the budget, is measured by the control for those alone; without a budget in
    force nothing is measured.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from events.commitment import Beyond
from events.ids import AccountCode, BudgetId
from events.money import Money, exact, rounded
from events.policy import Control, ControlAction, ControlScope, Policy
from events.team import Role

from .budget import Budget
from .refusal import Conflicting, Forbidden

NOTHING = Decimal(0)


@dataclass
class BeyondWhatIsAvailable(Conflicting):
    """{document} takes {requested} of {what}, {over} beyond {available} available ({measured}); may override: {may}."""

    rule = "O1"
    otherwise = "Ask for an overage, a transfer or a draw; or have it submitted with `override`, by {may}."
    document: str
    requested: Money
    what: str
    over: Money
    available: Money
    #: How that comes about.
    measured: str
    may: Role | None


@dataclass
class ControlIsNotYours(Forbidden):
    """Your roles on this production today, {yours}, override none of its controls; may override: {may}."""

    rule = "O1"
    otherwise = "Leave `override` out, or have somebody send it who may."
    yours: tuple[Role, ...]
    may: Role | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What there is of an account, a level or the whole, and what has been taken of it."""

    budgeted: Decimal
    spent: Decimal
    committed: Decimal
    requisitioned: Decimal

    @property
    def available(self) -> Decimal:
        """What is left of it."""
        return self.budgeted - self.spent - self.committed - self.requisitioned

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(
            self.budgeted + other.budgeted,
            self.spent + other.spent,
            self.committed + other.committed,
            self.requisitioned + other.requisitioned,
        )


@dataclass(frozen=True, slots=True)
class Available:
    """All that commitments are measured against."""

    budget: BudgetId
    version: Budget
    #: Of every account that has a budget, spend or a hold.
    accounts: Mapping[AccountCode, Measured]
    policy: Policy

    @property
    def total(self) -> Measured:
        """Of the whole, with the contingency, which nothing is committed on."""
        taken = sum(self.accounts.values(), Measured(NOTHING, NOTHING, NOTHING, NOTHING))
        total = self.version.total_budget.amount
        return Measured(total, taken.spent, taken.committed, taken.requisitioned)

    def of(self, account: AccountCode) -> Measured:
        """Of one account."""
        return self.accounts.get(account, Measured(NOTHING, NOTHING, NOTHING, NOTHING))


def controlled(
    document: str,
    takes: Mapping[AccountCode, Decimal],
    available: Available | None,
    override: bool,
    roles: tuple[Role, ...],
) -> tuple[Beyond, ...]:
    """O1, O2: how far the document goes beyond what is available, where the policy lets it.

    Args:
        takes: account by account, what it takes beside what it takes over.
        override: whether the sender means it to pass where the policy would stop it.
        roles: the sender's.
    """
    if available is None:
        return ()  # there is nothing to override either
    if override and (may := available.policy.controls_overridden_by) not in roles:
        raise ControlIsNotYours(roles, may)
    return tuple(_beyond(document, takes, available, override))


def once_more(
    document: str,
    takes: Mapping[AccountCode, Decimal],
    among: Callable[[Decimal], Measured],
    available: Available,
    roles: tuple[Role, ...],
) -> None:
    """O1: what was held when it was asked for, measured again beside all that is taken by now.

    Args:
        among: how an amount of it stands in what is taken.
    """
    beside = {account: available.of(account) + among(-amount) for account, amount in takes.items()}
    available = replace(available, accounts={**available.accounts, **beside})
    controlled(document, takes, available, override=False, roles=roles)


def of_commitments(amount: Decimal) -> Measured:
    """An amount that is committed."""
    return Measured(NOTHING, NOTHING, amount, NOTHING)


def of_requisitions(amount: Decimal) -> Measured:
    """An amount that is requisitioned."""
    return Measured(NOTHING, NOTHING, NOTHING, amount)


def _beyond(
    document: str, takes: Mapping[AccountCode, Decimal], available: Available, override: bool
) -> Iterator[Beyond]:
    currency = available.version.total.currency
    for control, of, measured, requested in _scopes(takes, available):
        over = requested - measured.available
        if requested <= 0 or over <= 0:
            continue
        figures = [Money(exact(amount, currency), currency) for amount in (measured.available, requested, over)]
        tolerated = _tolerated(control, measured.budgeted, currency)
        stops = control.action is ControlAction.STOP and over > tolerated
        if stops and not override:
            raise BeyondWhatIsAvailable(
                document=document,
                requested=figures[1],
                what=_words(control.scope, of),
                over=figures[2],
                available=figures[0],
                measured=_in_words(available.budget, measured, tolerated, currency),
                may=available.policy.controls_overridden_by,
            )
        yield Beyond(
            scope=control.scope,
            of=of,
            budget=available.budget,
            budgeted=Money(exact(measured.budgeted, currency), currency),
            available=figures[0],
            requested=figures[1],
            over=figures[2],
            overridden=stops,
        )


def _scopes(
    takes: Mapping[AccountCode, Decimal], available: Available
) -> Iterator[tuple[Control, str | None, Measured, Decimal]]:
    """What each control measures of it, in the order of scopes: the closest first."""
    by_scope = {control.scope: control for control in available.policy.controls}
    asked = [scope for scope in ControlScope if _acts(by_scope.get(scope))]
    capped = {*available.policy.capped_accounts, *available.version.held}
    if ControlScope.CAPPED_ACCOUNT not in asked:
        capped = set()
    levels = available.version.levels
    for scope in asked:
        match scope:
            case ControlScope.CAPPED_ACCOUNT | ControlScope.ACCOUNT:
                for account in sorted(takes):
                    if (account in capped) == (scope is ControlScope.CAPPED_ACCOUNT):
                        yield by_scope[scope], account, available.of(account), takes[account]
            case ControlScope.LEVEL:
                for level in sorted({levels[account] for account in takes if account in levels}):
                    of_it = [account for account in levels if levels[account] is level]
                    measured = sum(map(available.of, of_it), Measured(NOTHING, NOTHING, NOTHING, NOTHING))
                    yield by_scope[scope], level.value, measured, sum((takes.get(a, NOTHING) for a in of_it), NOTHING)
            case ControlScope.TOTAL:
                yield by_scope[scope], None, available.total, sum(takes.values(), NOTHING)


def _acts(control: Control | None) -> bool:
    return control is not None and control.action is not ControlAction.IGNORE


def _tolerated(control: Control, budgeted: Decimal, currency: str) -> Decimal:
    percent = rounded(budgeted * (control.tolerance_percent or NOTHING) / 100, currency)
    return max(control.tolerance or NOTHING, percent)


def _words(scope: ControlScope, of: str | None) -> str:
    match scope:
        case ControlScope.CAPPED_ACCOUNT:
            return f"capped account {of}"
        case ControlScope.ACCOUNT:
            return f"account {of}"
        case ControlScope.LEVEL:
            return f"the level {(of or '').replace('_', ' ')}"
        case ControlScope.TOTAL:
            return "the total budget"


def _in_words(budget: BudgetId, measured: Measured, tolerated: Decimal, currency: str) -> str:
    names = (("spent", measured.spent), ("committed", measured.committed), ("requisitioned", measured.requisitioned))
    less = ", ".join(f"{exact(amount, currency):,f} {name}" for name, amount in names)
    beyond = f"; {rounded(tolerated, currency):,f} beyond it is tolerated" if tolerated else ""
    return f"{budget} has {exact(measured.budgeted, currency):,f} for it, less {less}{beyond}"
