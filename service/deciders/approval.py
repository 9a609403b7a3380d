"""Approval: a round asks the executive producers about one content, and one of them decides.

open → approved, changes requested, rejected or withdrawn.

A1  A round is bound to the content hash of what was submitted; a decision names the hash it saw.
A2  A version is submitted once it is reconciled, and while no version is locked.
A3  Nobody who set a draft since the last approved version, and not the submitter, may approve.
A4  A round is decided once.
A5  A passed round puts the version in force; the former one is superseded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from immutables import Map

from events.approval import (
    ApprovalEvent,
    ApprovalGiven,
    BudgetApproved,
    BudgetRejected,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ChangesRequested,
)
from events.budget import TotalName
from events.envelope import Metadata
from events.ids import BudgetId, Digest, FlagId, Memo, PersonId, RoundId, by_number
from events.money import Money
from events.spend import SpendEvent

from .budget import BudgetIsMissing, Budgets, BudgetState, open_flags
from .command import Command
from .refusal import Conflicting, Forbidden, Missing
from .spend import Measure, Spending, measured_anew


@dataclass
class RoundIsMissing(Missing):
    """The production has no approval round {round}."""

    rule = "A4"
    otherwise = "Look up the rounds in the approval status."
    round: RoundId


@dataclass
class BudgetIsNotADraft(Conflicting):
    """{budget} is {state}; only a draft is submitted."""

    rule = "A2"
    otherwise = "The producer or the line producer may set a new version."
    budget: BudgetId
    state: BudgetState


@dataclass
class BudgetIsUnreconciled(Conflicting):
    """{budget} does not add: stated less computed, {differences}."""

    rule = "A2"
    otherwise = "Set a version that adds, or the producer may waive each difference with a reason."
    budget: BudgetId
    differences: tuple[str, ...]


@dataclass
class BudgetIsLocked(Conflicting):
    """{locked}, {total}, is locked; no other version is submitted while it is."""

    rule = "A2"
    otherwise = "An executive producer who did not submit it may unlock it."
    locked: BudgetId
    total: Money


@dataclass
class BudgetIsNotSubmitted(Conflicting):
    """{budget} is {state}; no round waits for it."""

    rule = "A4"
    otherwise = "The producer may submit a draft."
    budget: BudgetId
    state: BudgetState


@dataclass
class RoundIsClosed(Conflicting):
    """Round {round} on {budget} ended: {outcome}."""

    rule = "A4"
    otherwise = "The producer may open a new round with the version that should be decided."
    round: RoundId
    budget: BudgetId
    outcome: str


@dataclass
class ContentHasChanged(Conflicting):
    """Round {round} asks about content {asked}; you saw {seen}."""

    rule = "A1"
    otherwise = "Read the version that the round asks about and decide on that content."
    round: RoundId
    asked: Digest
    seen: Digest


@dataclass
class ApproverSetTheBudget(Forbidden):
    """{approver} set a draft since the last approved version and may not approve {budget}."""

    rule = "A3"
    otherwise = "An executive producer who set no draft may."
    approver: PersonId
    budget: BudgetId


@dataclass
class ApproverIsSubmitter(Forbidden):
    """{approver} submitted {budget} and may not approve it."""

    rule = "A3"
    otherwise = "Another executive producer may."
    approver: PersonId
    budget: BudgetId


#: For examples: a content as somebody saw it.
SEEN = "1ece4088d3db221f795a90f5623ca426f27543b7a42c1abb0be4c5edb0645597"


class SubmitBudget(Command):
    """The producer asks for a decision on a draft: a round opens, bound to its content."""

    refusals = (BudgetIsMissing, BudgetIsNotADraft, BudgetIsLocked, BudgetIsUnreconciled)
    example: ClassVar = {"budget": "v1"}

    budget: BudgetId


class WithdrawBudget(Command):
    """The producer takes a submitted version back: it is a draft again."""

    refusals = (BudgetIsMissing, BudgetIsNotSubmitted)
    example: ClassVar = {"budget": "v1", "reason": "The location changed."}

    budget: BudgetId


class Decision(Command):
    """An executive producer's answer to a round, on the content they saw."""

    round: RoundId
    content_hash: Digest


class Approve(Decision):
    """An executive producer approves the content they saw; the version is then in force."""

    refusals = (RoundIsMissing, RoundIsClosed, ContentHasChanged, ApproverSetTheBudget, ApproverIsSubmitter)
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "Good to go."}

    words: Memo | None = None


class RequestChanges(Decision):
    """An executive producer sends the version back as a draft and says what to change."""

    refusals = (RoundIsMissing, RoundIsClosed, ContentHasChanged)
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "Bring transport under 1.5 million."}

    words: Memo


class Reject(Decision):
    """An executive producer turns the version down and says why."""

    refusals = (RoundIsMissing, RoundIsClosed, ContentHasChanged)
    example: ClassVar = {"round": "A-1", "content_hash": SEEN, "words": "Not at this price."}

    words: Memo


ApprovalCommand = SubmitBudget | WithdrawBudget | Approve | RequestChanges | Reject


class Outcome(StrEnum):
    """How a round stands."""

    OPEN = "open"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Round:
    """What decisions remember of a round."""

    budget: BudgetId
    content_hash: Digest
    submitter: PersonId
    outcome: Outcome
    approver: PersonId | None


@dataclass(frozen=True, slots=True)
class Approvals:
    """The rounds of a production; at most one is open."""

    rounds: Map[RoundId, Round] = Map()
    open: RoundId | None = None


def submit_budget(command: SubmitBudget, approvals: Approvals, budgets: Budgets) -> list[ApprovalEvent]:
    """A1, A2; submitting the submitted version does nothing."""
    version = budgets.existing(command.budget)
    if version.state is BudgetState.SUBMITTED:
        return []
    if version.state is not BudgetState.DRAFT:
        raise BudgetIsNotADraft(command.budget, version.state)
    locked = budgets.locked
    if locked is not None:
        raise BudgetIsLocked(locked, budgets.versions[locked].total)
    if version.differences:
        open_ones = [
            f"{total.value.replace('_', ' ')} {version.differences[total][0]}"
            for total in TotalName
            if total in version.differences
        ]
        raise BudgetIsUnreconciled(command.budget, tuple(open_ones))
    round_id = f"A-{len(approvals.rounds) + 1}"
    return [BudgetSubmitted(round_id, command.budget, version.content_hash, version.total)]


def withdraw_budget(command: WithdrawBudget, approvals: Approvals, budgets: Budgets) -> list[ApprovalEvent]:
    """A4."""
    version = budgets.existing(command.budget)
    if version.state is not BudgetState.SUBMITTED or approvals.open is None:
        raise BudgetIsNotSubmitted(command.budget, version.state)
    return [BudgetWithdrawn(approvals.open, command.budget)]


def approve(
    command: Approve,
    approvals: Approvals,
    budgets: Budgets,
    spending: Spending,
    shortfalls: frozenset[FlagId],
    metadata: Metadata,
    flags: Iterator[FlagId],
) -> list[ApprovalEvent | SpendEvent]:
    """A1, A3 to A5, F6, S7; approving once more what one has approved does nothing."""
    decided = approvals.rounds.get(command.round)
    if decided is not None and (decided.outcome, decided.approver, decided.content_hash) == (
        Outcome.APPROVED,
        metadata.actor,
        command.content_hash,
    ):
        return []
    asked = _open(command, approvals)
    if metadata.actor in budgets.drafters:
        raise ApproverSetTheBudget(metadata.actor, asked.budget)
    if metadata.actor == asked.submitter:
        raise ApproverIsSubmitter(metadata.actor, asked.budget)
    version = budgets.versions[asked.budget]
    measure = Measure(asked.budget, version.amounts, version.contingency)
    mended, raised = measured_anew(spending, measure, version.total.currency, flags)
    former = budgets.force
    passed: list[ApprovalEvent | SpendEvent] = [
        ApprovalGiven(command.round, asked.budget, asked.content_hash, command.words),
        BudgetApproved(
            round=command.round,
            budget=asked.budget,
            content_hash=asked.content_hash,
            total=version.total,
            supersedes=budgets.in_force,
            clears=by_number([*mended, *shortfalls, *(open_flags(former) if former else ())]),
        ),
    ]
    if budgets.in_force is not None:
        passed.append(BudgetSuperseded(budgets.in_force, by=asked.budget))
    return [*passed, *raised]


def request_changes(command: RequestChanges, approvals: Approvals) -> list[ApprovalEvent]:
    """A1, A4."""
    asked = _open(command, approvals)
    return [ChangesRequested(command.round, asked.budget, asked.content_hash, command.words)]


def reject(command: Reject, approvals: Approvals) -> list[ApprovalEvent]:
    """A1, A4."""
    asked = _open(command, approvals)
    return [BudgetRejected(command.round, asked.budget, asked.content_hash, command.words)]


def evolve(approvals: Approvals, event: ApprovalEvent, metadata: Metadata) -> Approvals:
    """The rounds after the event."""
    match event:
        case BudgetSubmitted(round_id, budget, content_hash):
            asked = Round(budget, content_hash, metadata.actor, Outcome.OPEN, None)
            return Approvals(approvals.rounds.set(round_id, asked), open=round_id)
        case BudgetWithdrawn(round_id):
            return _ended(approvals, round_id, Outcome.WITHDRAWN, None)
        case ChangesRequested(round_id):
            return _ended(approvals, round_id, Outcome.CHANGES_REQUESTED, None)
        case BudgetRejected(round_id):
            return _ended(approvals, round_id, Outcome.REJECTED, None)
        case BudgetApproved(round_id):
            return _ended(approvals, round_id, Outcome.APPROVED, metadata.actor)
        case ApprovalGiven() | BudgetSuperseded():
            return approvals


def _open(command: Decision, approvals: Approvals) -> Round:
    asked = approvals.rounds.get(command.round)
    if asked is None:
        raise RoundIsMissing(command.round)
    if asked.outcome is not Outcome.OPEN:
        raise RoundIsClosed(command.round, asked.budget, asked.outcome.value.replace("_", " "))
    if command.content_hash != asked.content_hash:
        raise ContentHasChanged(command.round, asked.content_hash, command.content_hash)
    return asked


def _ended(approvals: Approvals, round_id: RoundId, outcome: Outcome, approver: PersonId | None) -> Approvals:
    ended = replace(approvals.rounds[round_id], outcome=outcome, approver=approver)
    return Approvals(approvals.rounds.set(round_id, ended), open=None)
