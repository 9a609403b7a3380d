"""Approval rounds: who is asked about which content, and what they answered.

open, then approved, changes requested, rejected or withdrawn. A round is bound to a content hash.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass

from .ids import BudgetId, Digest, FlagId, RoundId
from .money import Money


@dataclass(frozen=True, slots=True)
class BudgetSubmitted:
    """A round is open: the version waits for its approvers."""

    round: RoundId
    budget: BudgetId
    content_hash: Digest
    #: The grand total asked for.
    total: Money


@dataclass(frozen=True, slots=True)
class BudgetWithdrawn:
    """The producer took the version back: a draft again, the round ended."""

    round: RoundId
    budget: BudgetId


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """An approver said yes to this very content."""

    round: RoundId
    budget: BudgetId
    content_hash: Digest
    words: str | None


@dataclass(frozen=True, slots=True)
class ChangesRequested:
    """An approver asked for changes: a draft again, the round ended."""

    round: RoundId
    budget: BudgetId
    content_hash: Digest
    words: str


@dataclass(frozen=True, slots=True)
class BudgetRejected:
    """An approver said no: the version and its round ended."""

    round: RoundId
    budget: BudgetId
    content_hash: Digest
    words: str


@dataclass(frozen=True, slots=True)
class BudgetApproved:
    """The round passed: the version is approved and in force."""

    round: RoundId
    budget: BudgetId
    content_hash: Digest
    total: Money
    #: The version that was in force until now.
    supersedes: BudgetId | None
    #: Flags on spend that this budget knows an account for, or covers.
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class BudgetSuperseded:
    """The version is no longer in force: another one is."""

    budget: BudgetId
    by: BudgetId


ApprovalEvent = (
    BudgetSubmitted
    | BudgetWithdrawn
    | ApprovalGiven
    | ChangesRequested
    | BudgetRejected
    | BudgetApproved
    | BudgetSuperseded
)
