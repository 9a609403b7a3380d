"""Who may send what: one table of command and role.

Beyond the table, a command's own rules say more: whom a producer may appoint (T1), that a holder keeps away
from their source's receipts (R1), that makers do not approve (A3). The companies' own commands are not here:
the operator and the administrators send those (C1, C2), and C4 says who opens a production.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from events.delegation import Power
from events.ids import PersonId
from events.team import Role

from .advance import CloseAdvance, PayAdvance, ReturnAdvance, VoidReturn
from .approval import (
    Abstain,
    Approve,
    CloseCondition,
    Nudge,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from .budget import LockBudget, SetBudget, UnlockBudget, WaiveDifference
from .change import DrawContingency, RequestOverage, TransferBudget
from .command import Command
from .commitment import (
    AmendCommitment,
    CancelCommitment,
    CloseCommitment,
    DraftCommitment,
    RaiseRequisition,
    ReopenCommitment,
    SubmitCommitment,
    WithdrawRequisition,
)
from .cost_report import IssueCostReport
from .documents import LogBatch, LogCredit
from .estimate import EstimateFinalCost
from .financing import AmendFunding, CloseFunding, CommitFunding, SecureFunding, WithdrawFunding
from .green_light import GreenlightProduction
from .paying import AnswerQuery, PaySpend, QuerySpend, ReconcileSpend, UndoReconciliation, VoidPayment
from .payment import RequestPayment
from .period import CLOSERS, ClosePeriod, OpenPeriod, ReopenPeriod, SoftClosePeriod, WithdrawReopening
from .policy import AdoptApprovalPolicy
from .receipt import RecordReceipt, ReverseReceipt
from .refusal import Forbidden
from .remittance import RemitWithheld, VoidRemittance
from .requisition import ON_ANY_ACCOUNT
from .spend import LogSpend, RecodeSpend, ReverseSpend
from .stage import EnterStage
from .submission import SubmitBudget, WithdrawBudget
from .team import Appoint, EndAppointment

EP = Role.EXECUTIVE_PRODUCER
#: Whom a round or a query may ask; which of them it asks is its own to say (A6, Y1).
WHOEVER_IS_ASKED = tuple(role for role in Role if role is not Role.AUDITOR)

MAY_SEND: Mapping[type[Command], tuple[Role, ...]] = {
    Appoint: (EP, Role.PRODUCER),
    EndAppointment: (EP, Role.PRODUCER),
    SecureFunding: (EP, Role.CO_PRODUCER),
    CommitFunding: (EP,),
    AmendFunding: (EP,),
    CloseFunding: (EP,),
    WithdrawFunding: (EP,),
    RecordReceipt: (EP, Role.ACCOUNTANT),
    ReverseReceipt: (EP, Role.ACCOUNTANT),
    SetBudget: (Role.PRODUCER, Role.LINE_PRODUCER),
    WaiveDifference: (Role.PRODUCER,),
    SubmitBudget: (Role.PRODUCER,),
    WithdrawBudget: (Role.PRODUCER,),
    AdoptApprovalPolicy: (EP,),
    Approve: WHOEVER_IS_ASKED,
    Abstain: WHOEVER_IS_ASKED,
    RequestChanges: WHOEVER_IS_ASKED,
    Reject: WHOEVER_IS_ASKED,
    WithdrawVote: WHOEVER_IS_ASKED,
    RecallRequest: WHOEVER_IS_ASKED,
    Nudge: WHOEVER_IS_ASKED,
    ReassignStep: WHOEVER_IS_ASKED,
    OverrideStep: WHOEVER_IS_ASKED,
    CloseCondition: WHOEVER_IS_ASKED,
    LockBudget: (EP,),
    UnlockBudget: (EP,),
    RequestOverage: (Role.PRODUCER, Role.LINE_PRODUCER),
    TransferBudget: (Role.PRODUCER, Role.LINE_PRODUCER),
    DrawContingency: (Role.PRODUCER, Role.LINE_PRODUCER),
    GreenlightProduction: (EP,),
    RaiseRequisition: (*ON_ANY_ACCOUNT, Role.DEPARTMENT_HEAD),
    WithdrawRequisition: (*ON_ANY_ACCOUNT, Role.DEPARTMENT_HEAD),
    DraftCommitment: (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT, EP),
    SubmitCommitment: (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT, EP),
    AmendCommitment: (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT, EP),
    CancelCommitment: (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT, EP),
    CloseCommitment: (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT, EP),
    ReopenCommitment: (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT, EP),
    EstimateFinalCost: (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT),
    PayAdvance: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    ReturnAdvance: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    VoidReturn: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    CloseAdvance: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    LogSpend: (Role.LINE_PRODUCER, Role.ACCOUNTANT),
    LogBatch: (Role.LINE_PRODUCER, Role.ACCOUNTANT),
    LogCredit: (Role.LINE_PRODUCER, Role.ACCOUNTANT),
    ReverseSpend: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    RecodeSpend: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    RequestPayment: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    IssueCostReport: (Role.ACCOUNTANT, Role.LINE_PRODUCER, Role.PRODUCER, EP),
    OpenPeriod: CLOSERS,
    SoftClosePeriod: CLOSERS,
    ClosePeriod: CLOSERS,
    ReopenPeriod: (Role.ACCOUNTANT, Role.PRODUCER, EP),
    WithdrawReopening: (Role.ACCOUNTANT, Role.PRODUCER, EP),
    QuerySpend: (Role.ACCOUNTANT, Role.LINE_PRODUCER, Role.PRODUCER, EP),
    AnswerQuery: WHOEVER_IS_ASKED,
    PaySpend: (Role.ACCOUNTANT,),
    VoidPayment: (Role.ACCOUNTANT,),
    ReconcileSpend: (Role.ACCOUNTANT,),
    UndoReconciliation: (Role.ACCOUNTANT,),
    RemitWithheld: (Role.ACCOUNTANT,),
    VoidRemittance: (Role.ACCOUNTANT,),
    EnterStage: (Role.PRODUCER, EP),
}


@dataclass
class RoleMayNot(Forbidden):
    """Your roles on this production today, {yours}, may not send {command}; {may} may."""

    rule = "P2"
    otherwise = "Someone who holds one of these roles may send it; an executive producer appoints."
    command: str
    yours: tuple[Role, ...]
    may: tuple[Role, ...]


@dataclass
class NothingDelegated(Forbidden):
    """{person} may not send {command} for {grantor} on this production today."""

    rule = "D2"
    otherwise = "{grantor} may send it, or delegate it to {person}; answers to rounds a substitute gives, too."
    person: PersonId
    command: str
    grantor: PersonId


def power(command: type[Command]) -> Power | None:
    """What must be delegated for somebody else to send the command; None when it never is."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", command.__name__).lower()
    return next((each for each in Power if each.value == name), None)


def authorize(command: Command, roles: tuple[Role, ...]) -> None:
    """Refuse a command that none of the sender's roles may send."""
    may = MAY_SEND[type(command)]
    if not set(may) & set(roles):
        raise RoleMayNot(type(command).__name__, roles, may)
