"""A budget is submitted for approval, and comes into force when its round passes.

A2  A version is submitted once it is reconciled, while no version is locked and no other one is submitted.
A5  A passed round puts the version in force; the former one is superseded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from events.approval import (
    AccountChange,
    ApprovalEvent,
    BudgetApproved,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ContentReplaced,
)
from events.budget import BudgetDrafted, BudgetEvent, TotalDisagrees
from events.ids import BudgetId, Digest, FlagId, PersonId, RoundId, by_number
from events.money import Money
from events.spend import SpendEvent

from .budget import Budget, BudgetIsMissing, BudgetIsUnreconciled, Budgets, BudgetState, open_flags, remembered
from .budget_content import figure
from .command import Command
from .refusal import Conflicting, words
from .rounds import Approvals, Round
from .spend import Measure, Spending, measured_anew


@dataclass
class BudgetIsNotADraft(Conflicting):
    """{budget} is {state}; only a draft is submitted."""

    rule = "A2"
    otherwise = "The producer or the line producer may set a new version."
    budget: BudgetId
    state: BudgetState


@dataclass
class BudgetIsLocked(Conflicting):
    """{locked}, {total}, is locked; no other version is submitted while it is."""

    rule = "A2"
    otherwise = "An executive producer who did not submit it may unlock it."
    locked: BudgetId
    total: Money


@dataclass
class AnotherIsSubmitted(Conflicting):
    """{submitted}, {total}, is submitted and waits for a decision in {round}; one version is submitted at a time."""

    rule = "A2"
    otherwise = "Wait for the decision, or the producer may withdraw it first."
    submitted: BudgetId
    total: Money
    round: RoundId


@dataclass
class BudgetIsNotSubmitted(Conflicting):
    """{budget} is {state}; no round waits for it."""

    rule = "A4"
    otherwise = "The producer may submit a draft."
    budget: BudgetId
    state: BudgetState


class SubmitBudget(Command):
    """The producer asks for a decision on a draft: a round opens, bound to its content."""

    refusals = (BudgetIsMissing, BudgetIsNotADraft, BudgetIsLocked, AnotherIsSubmitted, BudgetIsUnreconciled)
    example: ClassVar = {"budget": "v1"}

    budget: BudgetId


class WithdrawBudget(Command):
    """The producer takes a submitted version back: it is a draft again."""

    refusals = (BudgetIsMissing, BudgetIsNotSubmitted)
    example: ClassVar = {"budget": "v1", "reason": "The location changed."}

    budget: BudgetId


SubmissionCommand = SubmitBudget | WithdrawBudget


def submit_budget(
    command: SubmitBudget, approvals: Approvals, budgets: Budgets, excluded: tuple[PersonId, ...]
) -> list[ApprovalEvent]:
    """A2; submitting the submitted version does nothing.

    Args:
        excluded: who may not approve it.
    """
    version = budgets.existing(command.budget)
    if version.state is BudgetState.SUBMITTED:
        return []
    if version.state is not BudgetState.DRAFT:
        raise BudgetIsNotADraft(command.budget, version.state)
    locked = budgets.locked
    if locked is not None:
        raise BudgetIsLocked(locked, budgets.versions[locked].total)
    submitted = budgets.submitted
    if submitted is not None and approvals.open is not None:
        raise AnotherIsSubmitted(submitted, budgets.versions[submitted].total, approvals.open)
    if version.differences:
        names = sorted(version.differences, key=lambda name: int(version.differences[name][1].removeprefix("FLAG-")))
        open_ones = (f"{figure(name)} {version.differences[name][0]}" for name in names)
        raise BudgetIsUnreconciled(command.budget, tuple(open_ones))
    round_id = f"A-{len(approvals.rounds) + 1}"
    return [BudgetSubmitted(round_id, command.budget, version.content_hash, version.total, excluded)]


def withdraw_budget(command: WithdrawBudget, approvals: Approvals, budgets: Budgets) -> list[ApprovalEvent]:
    """A4."""
    version = budgets.existing(command.budget)
    if version.state is not BudgetState.SUBMITTED or approvals.open is None:
        raise BudgetIsNotSubmitted(command.budget, version.state)
    return [BudgetWithdrawn(approvals.open, command.budget)]


def put_in_force(
    round_id: RoundId,
    budget: BudgetId,
    budgets: Budgets,
    spending: Spending,
    shortfalls: frozenset[FlagId],
    flags: Iterator[FlagId],
) -> list[ApprovalEvent | SpendEvent]:
    """A5, F6, S7."""
    version = budgets.versions[budget]
    measure = Measure(budget, version.amounts, version.contingency)
    mended, raised = measured_anew(spending, measure, version.total.currency, flags)
    former = budgets.force
    passed: list[ApprovalEvent | SpendEvent] = [
        BudgetApproved(
            round=round_id,
            budget=budget,
            content_hash=version.content_hash,
            total=version.total,
            supersedes=budgets.in_force,
            clears=by_number([*mended, *shortfalls, *(open_flags(former) if former else ())]),
        )
    ]
    if budgets.in_force is not None:
        passed.append(BudgetSuperseded(budgets.in_force, by=budget))
    return [*passed, *raised]


def replaced(
    happened: list[BudgetEvent], round_id: RoundId, approvals: Approvals, budgets: Budgets
) -> list[ContentReplaced]:
    """A1: a new version takes the place of the one that the round asks about, and the approvals given are void."""
    drafted = next((event for event in happened if isinstance(event, BudgetDrafted)), None)
    asked = approvals.rounds[round_id]
    if drafted is None or drafted.replaces != asked.subject:
        return []
    wrong = [e for e in happened if isinstance(e, TotalDisagrees)]
    if wrong:
        raise BudgetIsUnreconciled(drafted.budget, tuple(f"{figure(e.total)} {e.difference}" for e in wrong))
    after = remembered(drafted)
    return [
        ContentReplaced(
            round=round_id,
            subject=drafted.budget,
            content_hash=drafted.content_hash,
            amount=after.total,
            former=asked.subject,
            former_hash=asked.content_hash,
            changes=changes(budgets.versions[asked.subject], after),
            voided=tuple(sorted({vote.seat for vote in asked.votes if vote.approves})),
            excluded=(),
        )
    ]


def changes(before: Budget, after: Budget) -> tuple[AccountChange, ...]:
    """The lines in which two versions differ, by their codes."""
    old, new = ({**version.approved, **version.contingency} for version in (before, after))
    changed: list[AccountChange] = []
    for code in sorted({*before.named, *after.named}):
        was, now = before.named.get(code), after.named.get(code)
        was, now = (None, None) if was == now else (was, now)
        if old.get(code) != new.get(code) or was != now:
            changed.append(AccountChange(code, old.get(code), new.get(code), was, now))
    return tuple(changed)


#: How many lines a refusal names.
_NAMED = 10


def compared(asked: Round, seen: Digest, budgets: Budgets, approvals: Approvals) -> str:
    """How the content that somebody saw differs from the one that is asked about, in words."""
    found = next((b for b, version in budgets.versions.items() if version.content_hash == seen), None)
    if found is None or asked.subject not in budgets.versions:
        others = [number for number, each in approvals.rounds.items() if each.content_hash == seen]
        if not others:
            return "which is no content of this production"
        other = min(others, key=lambda number: int(number.removeprefix("A-")))
        return f"which is what {other} asks about, {_asked_for(approvals.rounds[other])}; this is {_asked_for(asked)}"
    before, after = budgets.versions[found], budgets.versions[asked.subject]
    lines = [_in_words(change) for change in changes(before, after)]
    more = f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
    said = f": {', '.join(lines[:_NAMED])}{more}" if lines else ""
    return f"which was {found}, {before.total}; it is {asked.subject}, {after.total}, now{said}"


def _in_words(change: AccountChange) -> str:
    amounts = [] if change.before == change.after else [f"{words(change.before)} → {words(change.after)}"]
    names = [] if change.was == change.now else [f"{words(change.was)} → {words(change.now)}"]
    return f"{change.account} {', '.join([*amounts, *names])}"


def _asked_for(asked: Round) -> str:
    of = "" if asked.amount is None else f", {asked.amount}"
    return f"{words(asked.kind)} of {asked.subject}{of}"
