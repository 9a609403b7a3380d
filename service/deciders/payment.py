"""Payments: what a spend's round decides is whether it may be paid, never whether it is recorded.

S9  A payment that was recalled or turned down, or that nobody is left to answer, may be asked for again, and is then
    asked under the policy of that day; nobody who had a hand in it before may approve it. What was turned down is
    released by nobody's silence: where the policy would ask nobody, as on another account, it asks as it did then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from events.ids import Memo, PayableId, SpendId
from events.money import Money
from events.policy import RequestKind, Step

from .command import Command
from .refusal import Conflicting
from .rounds import Approvals, Outcome, Round
from .spend import Spending, SpendIsMissing, SpendIsReversed, live


@dataclass
class PaymentIsNotTurnedDown(Conflicting):
    """The payment of {spend}, {paid}, {standing}."""

    rule = "S9"
    otherwise = "Asked for again is what was recalled, turned down, or waits for nobody; see the approval status."
    spend: SpendId
    paid: Money
    standing: str


class RequestPayment(Command):
    """A line producer or an accountant asks again for a payment that was recalled or turned down, of a whole batch."""

    refusals = (SpendIsMissing, SpendIsReversed, PaymentIsNotTurnedDown)
    example: ClassVar = {"spend": "S-000001", "reason": "The vendor sent the missing timesheets."}

    spend: SpendId
    reason: Memo = Field(description="What has changed since; those who are asked read it.")


def turned_down(
    command: RequestPayment, spending: Spending, approvals: Approvals, *, waits: Callable[[Round], bool]
) -> Round:
    """S6, S9: the round in which the payment was recalled or turned down, or that waits for nobody.

    Args:
        waits: whether an open round waits for somebody.
    """
    entry = live(command.spend, spending)
    rounds = approvals.about(RequestKind.PAYMENT, spending.payable(command.spend))
    if not rounds:
        raise PaymentIsNotTurnedDown(command.spend, entry.paid, "was never asked about")
    number, last = rounds[-1]
    if last.outcome is Outcome.OPEN and waits(last):
        raise PaymentIsNotTurnedDown(command.spend, entry.paid, f"is asked about in {number}")
    if last.outcome is Outcome.APPROVED:
        raise PaymentIsNotTurnedDown(command.spend, entry.paid, f"was released by {number}")
    return last


def asked_as_before(payable: PayableId, approvals: Approvals) -> tuple[Step, ...]:
    """S9: the steps in which a payment was turned down last, if it ever was."""
    against = (Outcome.REJECTED, Outcome.CHANGES_REQUESTED)
    rounds = reversed(approvals.about(RequestKind.PAYMENT, payable))
    return next((each.steps for _, each in rounds if each.outcome in against), ())
