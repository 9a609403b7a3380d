"""Approval rounds: who is asked about which content, and what they answered.

open, then approved, changes requested, rejected or withdrawn. A round is bound to a content hash.

These names and fields are stored: add, never edit; a shape that must change takes a step in `upcasting`.
"""

from dataclasses import dataclass

from .ids import AccountCode, BudgetId, Digest, FlagId, PersonId, PolicyId, RoundId, VendorId
from .money import Amount, Money
from .policy import RequestKind, Step
from .team import Role


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """A round is open under a policy, and its steps are asked in order; on a budget, after `BudgetSubmitted`."""

    round: RoundId
    kind: RequestKind
    #: What is asked about, such as `v2`, `S-000017` or `F-3`.
    subject: str
    content_hash: Digest
    #: Base currency; None when it is not about money.
    amount: Money | None
    #: The amount with what counts together with it; the rule was chosen by this.
    counted: Money | None
    accounts: tuple[AccountCode, ...]
    vendor: VendorId | None
    #: None when the production has adopted none.
    policy: PolicyId | None
    #: None when no rule was for it.
    rule: str | None
    steps: tuple[Step, ...]
    one_person_may_fill_two_steps: bool
    override_by: Role | None
    #: Approvers' credentials must be as fresh as this; None when it does not matter.
    fresh_minutes: int | None
    #: Who proposed, edited or submitted it, and may not approve it.
    excluded: tuple[PersonId, ...]
    #: The command that takes effect when the round passes, and its body as JSON; None for budgets and payments. Of a
    #: commitment and of a requisition there is a body alone: with whom and for what it is.
    command: str | None
    body: str | None


@dataclass(frozen=True, slots=True)
class ApprovedByPolicy:
    """A rule without a step let it take effect at once."""

    kind: RequestKind
    subject: str
    amount: Money | None
    counted: Money | None
    accounts: tuple[AccountCode, ...]
    vendor: VendorId | None
    policy: PolicyId
    rule: str


@dataclass(frozen=True, slots=True)
class BudgetSubmitted:
    """A round is open: the version waits for its approvers."""

    round: RoundId
    budget: BudgetId
    content_hash: Digest
    #: The grand total asked for.
    total: Money
    #: Who may not approve it, since they had a hand in it.
    excluded: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class BudgetWithdrawn:
    """The producer took the version back: a draft again, the round ended."""

    round: RoundId
    budget: BudgetId


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """An approver said yes to this very content."""

    round: RoundId
    subject: str
    content_hash: Digest
    words: str | None
    #: Which of the round's steps, from 0 on.
    step: int
    #: What must be met, or waived by who set it, before the approval takes effect; numbered on from the round's last.
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Abstained:
    """An approver leaves the answer to the others; the open conditions of an approval before go with it."""

    round: RoundId
    subject: str
    content_hash: Digest
    words: str | None
    step: int


@dataclass(frozen=True, slots=True)
class VoteWithdrawn:
    """Who had answered takes it back while the round is open; its open conditions stay."""

    round: RoundId
    subject: str
    #: For whom the answer was given: the actor, or whom they acted for.
    seat: PersonId


@dataclass(frozen=True, slots=True)
class VoteLapsed:
    """An answer counts no more: who gave it may not give it any longer; its open conditions stay."""

    round: RoundId
    subject: str
    seat: PersonId
    step: int
    because: str


@dataclass(frozen=True, slots=True)
class StepPassed:
    """The step has as many approvals as it takes; the next one is asked, or the conditions are waited for."""

    round: RoundId
    subject: str
    step: int


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """The step was passed over, since nobody is what it asks for."""

    round: RoundId
    subject: str
    step: int
    because: str


@dataclass(frozen=True, slots=True)
class StepReopened:
    """The step is asked once more: what its approvals came to does not suffice any more."""

    round: RoundId
    subject: str
    step: int
    because: str


@dataclass(frozen=True, slots=True)
class StepOverridden:
    """The step was passed over by who may, for the reason given."""

    round: RoundId
    subject: str
    content_hash: Digest
    step: int


@dataclass(frozen=True, slots=True)
class StepReassigned:
    """Somebody else is asked in the place of a person."""

    round: RoundId
    subject: str
    step: int
    seat: PersonId
    to: PersonId


@dataclass(frozen=True, slots=True)
class ApproversNudged:
    """Those whom the round waits for were reminded."""

    round: RoundId
    subject: str
    persons: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class ConditionMet:
    """What an approval waited for has come."""

    round: RoundId
    subject: str
    #: From 1 on, in the order they were set.
    condition: int
    words: str


@dataclass(frozen=True, slots=True)
class ConditionWaived:
    """Who set the condition lets it go."""

    round: RoundId
    subject: str
    condition: int
    words: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What became of one line of a budget; None where it did not or does not stand."""

    account: AccountCode
    before: Amount | None
    after: Amount | None
    #: What the line was and is, where that is not the same: its name, its level, what it is a percentage of.
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class ContentReplaced:
    """What the round asks about was changed: the answers so far are void, and the same people are asked again."""

    round: RoundId
    subject: str
    content_hash: Digest
    amount: Money
    former: str
    former_hash: Digest
    changes: tuple[AccountChange, ...]
    #: Whose approvals are void.
    voided: tuple[PersonId, ...]
    #: Who may not approve the content as it is now, since they had a hand in it.
    excluded: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class RequestRecalled:
    """Who had asked takes it back, or it was overtaken by what happened; the round ended."""

    round: RoundId
    subject: str
    #: What overtook it; None when it was taken back.
    because: str | None


@dataclass(frozen=True, slots=True)
class RequestRejected:
    """An approver said no, and the round ended."""

    round: RoundId
    subject: str
    content_hash: Digest
    words: str


@dataclass(frozen=True, slots=True)
class RequestApproved:
    """The round passed; what was asked for takes effect with it."""

    round: RoundId
    kind: RequestKind
    subject: str
    content_hash: Digest
    amount: Money | None


@dataclass(frozen=True, slots=True)
class ChangesRequested:
    """An approver asked for changes, and the round ended; a budget is a draft again."""

    round: RoundId
    subject: str
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
    ApprovalRequested
    | ApprovedByPolicy
    | BudgetSubmitted
    | BudgetWithdrawn
    | ApprovalGiven
    | Abstained
    | VoteWithdrawn
    | VoteLapsed
    | StepPassed
    | StepSkipped
    | StepReopened
    | StepOverridden
    | StepReassigned
    | ApproversNudged
    | ConditionMet
    | ConditionWaived
    | ContentReplaced
    | RequestRecalled
    | ChangesRequested
    | RequestRejected
    | BudgetRejected
    | RequestApproved
    | BudgetApproved
    | BudgetSuperseded
)
