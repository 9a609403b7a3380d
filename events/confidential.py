"""Whose figures a fact tells: what somebody may read of it hangs on this, in the audit trail as in the feed.

Pay and the accounts above the line are for those who answer for them. A fact is judged by itself, without looking
anything up, so that it is judged alike wherever it is told, and on the safe side: of which account or of whose pay
a figure is that the fact does not say, nobody can say.
"""

import re

from . import AnyEvent
from .advance import AdvanceEvent
from .approval import (
    Abstained,
    ApprovalEvent,
    ApprovalGiven,
    ApprovalRequested,
    ApprovedByPolicy,
    ApproversNudged,
    BudgetApproved,
    BudgetRejected,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ChangesRequested,
    ConditionMet,
    ConditionWaived,
    ContentReplaced,
    RequestApproved,
    RequestRecalled,
    RequestRejected,
    StepOverridden,
    StepPassed,
    StepReassigned,
    StepReopened,
    StepSkipped,
    VoteLapsed,
    VoteWithdrawn,
)
from .budget import (
    TOTALS,
    BudgetDrafted,
    BudgetEvent,
    BudgetLocked,
    BudgetUnlocked,
    DifferenceWaived,
    LabelDisagrees,
    TotalDisagrees,
    VarianceAccepted,
)
from .change import BudgetTransferred, ChangeEvent, ContingencyDrawn, OverageApproved
from .commitment import (
    PREFIXES,
    AmendmentSubmitted,
    CommitmentAmended,
    CommitmentCancelled,
    CommitmentClosed,
    CommitmentDrafted,
    CommitmentEvent,
    CommitmentExceeded,
    CommitmentKind,
    CommitmentOpened,
    CommitmentRelieved,
    CommitmentReopened,
    CommitmentSubmitted,
    InvoicedByAnother,
    ReliefReversed,
    RequisitionRaised,
    RequisitionWithdrawn,
)
from .cost_report import CostReportIssued
from .estimate import EstimateEvent
from .ids import AccountCode
from .paying import PayingEvent
from .period import PeriodClosed
from .policy import RequestKind
from .remittance import RemittanceEvent
from .spend import (
    AccountOverspent,
    AlertScope,
    DuplicateSuspected,
    PaymentReleased,
    SpendAlert,
    SpendEvent,
    SpendKind,
    SpendLogged,
    SpendOutsideBudget,
    SpendRecoded,
    SpendReversed,
)

#: The accounts that somebody must be allowed to read. Without any: it tells sums of the budget at the most. None: it
#: tells of pay, or of what it does not say, and is for those alone who may read everything.
Accounts = tuple[AccountCode, ...] | None

_OF_ACCOUNTS = frozenset(
    {
        *(RequestKind.OVERAGE, RequestKind.TRANSFER, RequestKind.CONTINGENCY_DRAW),
        *(RequestKind.PAYMENT, RequestKind.COMMITMENT, RequestKind.REQUISITION),
    }
)

#: Pay; and what is of an entry that it does not name.
OF_WHAT_IS_NOT_SAID = (SpendKind.PAYROLL, SpendKind.EXCHANGE_DIFFERENCE)


def figures_of(event: AnyEvent) -> Accounts:
    """Whose figures the fact tells."""
    if isinstance(event, SpendEvent):
        return _of_spend(event)
    if isinstance(event, BudgetEvent):
        return _of_budget(event)
    if isinstance(event, ChangeEvent):
        return _of_change(event)
    if isinstance(event, CommitmentEvent):
        return _of_commitment(event)
    if isinstance(event, EstimateEvent):
        return (event.account,)
    if isinstance(event, AdvanceEvent | PayingEvent | RemittanceEvent):
        return None  # whoever was paid, it may be for pay; of accounts and entries' kinds that they do not say
    if isinstance(event, ApprovalEvent):
        return _of_approval(event)
    return _of_the_books(event)


def _of_the_books(event: AnyEvent) -> Accounts:
    if isinstance(event, CostReportIssued):
        return None  # every account
    if isinstance(event, PeriodClosed):
        return tuple(each.account for each in event.balances if each.account is not None)
    return ()  # funding, people, policies, periods and stages


def _of_spend(event: SpendEvent) -> Accounts:
    match event:
        case SpendLogged(account=account, kind=kind):
            return None if kind in OF_WHAT_IS_NOT_SAID else (account,)
        case SpendReversed() | SpendRecoded() | SpendOutsideBudget() | PaymentReleased():
            return None  # of an entry whose kind they do not say
        case AccountOverspent(spend=spend, account=account):
            return (account,) if spend is None else None
        case SpendAlert(scope=scope, of=account):
            return (account,) if scope is AlertScope.ACCOUNT and account is not None else ()
        case DuplicateSuspected():
            return ()


def _of_budget(event: BudgetEvent) -> Accounts:
    match event:
        case BudgetDrafted() | LabelDisagrees():
            return None  # every account; a base, which may be all but one of them
        case TotalDisagrees(total=of) | VarianceAccepted(total=of) | DifferenceWaived(total=of):
            return () if of in TOTALS else (of,)
        case BudgetLocked() | BudgetUnlocked():
            return ()


def _of_change(event: ChangeEvent) -> Accounts:
    match event:
        case OverageApproved(account=account):
            return (account,)
        case BudgetTransferred(from_account=left, to_account=reached):
            return (left, reached)
        case ContingencyDrawn(contingency=contingency, account=account):
            return (contingency, account)


def is_pay(commitment: str) -> bool:
    """Whether what was promised under that number is a fee: a deal or a deferment."""
    return not commitment.startswith(f"{PREFIXES[CommitmentKind.PURCHASE_ORDER]}-")


def _of_commitment(event: CommitmentEvent) -> Accounts:
    match event:
        case RequisitionRaised(lines=lines, beyond=()):
            return tuple(line.account for line in lines)
        case CommitmentDrafted(kind=CommitmentKind.PURCHASE_ORDER, lines=lines):
            return tuple(line.account for line in lines)
        case RequisitionWithdrawn(released=held) | CommitmentSubmitted(holds=held, beyond=()):
            closed = isinstance(event, CommitmentSubmitted) and (is_pay(event.commitment) or not held)
            return None if closed else tuple(each.account for each in held)
        case RequisitionRaised() | CommitmentDrafted() | CommitmentSubmitted():
            return None  # pay; or what is left of levels and of the whole
        case CommitmentOpened() | AmendmentSubmitted() | CommitmentAmended() | CommitmentReopened():
            return None  # of accounts that they do not say
        case CommitmentRelieved() | CommitmentExceeded() | InvoicedByAnother() | ReliefReversed():
            return None  # of an entry whose kind they do not say
        case CommitmentCancelled(released=held) | CommitmentClosed(released=held):
            return None if is_pay(event.commitment) else tuple(each.account for each in held)


Spoken = (
    ApprovalGiven
    | Abstained
    | ChangesRequested
    | RequestRejected
    | ConditionMet
    | ConditionWaived
    | StepOverridden
    | StepReassigned
)
_VERSION = re.compile(r"v[1-9][0-9]*").fullmatch


def _of_approval(event: ApprovalEvent) -> Accounts:
    if isinstance(event, Spoken):
        return _of_words(event)
    match event:
        case ApprovalRequested() | ApprovedByPolicy():
            # What counts together with it may be of other accounts, or pay.
            closed = event.kind is RequestKind.PAYMENT or event.counted != event.amount
            return (
                None if closed or (event.kind is RequestKind.COMMITMENT and is_pay(event.subject)) else event.accounts
            )
        case RequestApproved(kind=kind):
            return None if kind in _OF_ACCOUNTS else ()
        case ContentReplaced(changes=changes):
            return tuple(change.account for change in changes)
        case BudgetSubmitted() | BudgetWithdrawn() | BudgetRejected() | BudgetApproved() | BudgetSuperseded():
            return ()
        case VoteWithdrawn() | VoteLapsed() | StepPassed() | StepSkipped() | StepReopened():
            return ()
        case ApproversNudged() | RequestRecalled():
            return ()


def _of_words(event: Spoken) -> Accounts:
    """What people say of a budget version is of the whole; of a payment or a change it may name the figure.

    So may an answer without words: it names the hash of what was seen, by which an amount can be tried until it fits.
    """
    return () if _VERSION(event.subject) else None
