"""Estimates of final cost: what somebody who answers for an account expects it to come to.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass

from .ids import AccountCode
from .money import Money


@dataclass(frozen=True, slots=True)
class FinalCostEstimated:
    """The account is expected to come to this, until somebody says otherwise."""

    account: AccountCode
    #: None: what the rule says, the larger of its total budget and its total cost.
    estimate: Money | None
    #: What was expected before; None when the rule said it.
    former: Money | None


EstimateEvent = FinalCostEstimated
