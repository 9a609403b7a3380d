"""Who acts for whom: authority that is delegated, and absences with their substitutes. Stream: `company`.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import DelegationId, PersonId, Slug
from .money import Money


class Power(StrEnum):
    """What can be delegated: commands by their names."""

    APPROVE = "approve"
    ABSTAIN = "abstain"
    REQUEST_CHANGES = "request_changes"
    REJECT = "reject"
    WITHDRAW_VOTE = "withdraw_vote"
    CLOSE_CONDITION = "close_condition"
    SECURE_FUNDING = "secure_funding"
    COMMIT_FUNDING = "commit_funding"
    RECORD_RECEIPT = "record_receipt"
    SET_BUDGET = "set_budget"
    SUBMIT_BUDGET = "submit_budget"
    REQUEST_OVERAGE = "request_overage"
    TRANSFER_BUDGET = "transfer_budget"
    DRAW_CONTINGENCY = "draw_contingency"
    LOG_SPEND = "log_spend"
    LOG_BATCH = "log_batch"
    LOG_CREDIT = "log_credit"
    REVERSE_SPEND = "reverse_spend"
    RECODE_SPEND = "recode_spend"
    RAISE_REQUISITION = "raise_requisition"
    DRAFT_COMMITMENT = "draft_commitment"
    SUBMIT_COMMITMENT = "submit_commitment"
    AMEND_COMMITMENT = "amend_commitment"


#: What a substitute does for whoever is absent: answers.
OF_A_SUBSTITUTE = frozenset(
    {Power.APPROVE, Power.ABSTAIN, Power.REQUEST_CHANGES, Power.REJECT, Power.WITHDRAW_VOTE, Power.CLOSE_CONDITION}
)


@dataclass(frozen=True, slots=True)
class AuthorityDelegated:
    """From one day to another, somebody may do for a person what that person may do."""

    delegation: DelegationId
    #: Whose authority it is.
    grantor: PersonId
    to: PersonId
    powers: tuple[Power, ...]
    #: The productions it is for; None for all of them.
    productions: tuple[Slug, ...] | None
    #: No single act is for more than this.
    limit: Money | None
    #: Business dates of each production, both included.
    from_on: date
    until_on: date


@dataclass(frozen=True, slots=True)
class AuthorityRevoked:
    """The delegation ended."""

    delegation: DelegationId


@dataclass(frozen=True, slots=True)
class AbsenceSet:
    """From one day to another the person is away, and the substitute is asked in their place."""

    person: PersonId
    substitute: PersonId
    #: Business dates of each production, both included.
    from_on: date
    until_on: date


@dataclass(frozen=True, slots=True)
class AbsenceEnded:
    """The person is back, or never left."""

    person: PersonId


def is_within(limit: Money, amount: Money | None) -> bool:
    """Whether an act for an amount is within a limit; one that is not about an amount never is."""
    return amount is not None and amount.currency == limit.currency and amount.amount <= limit.amount


DelegationEvent = AuthorityDelegated | AuthorityRevoked | AbsenceSet | AbsenceEnded
