"""Who may send what: one table of command and role.

Beyond the table, a command's own rules say more: whom a producer may appoint (T1), that a holder keeps away
from their source's receipts (R1), that makers do not approve (A3). The companies' own commands are not here:
the operator and the administrators send those (C1, C2), and C4 says who opens a production.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from events.team import Role

from .approval import Approve, Reject, RequestChanges, SubmitBudget, WithdrawBudget
from .budget import LockBudget, SetBudget, UnlockBudget, WaiveDifference
from .command import Command
from .financing import AmendFunding, CloseFunding, CommitFunding, SecureFunding, WithdrawFunding
from .receipt import RecordReceipt, ReverseReceipt
from .refusal import Forbidden
from .spend import LogSpend, RecodeSpend, ReverseSpend
from .stage import EnterStage
from .team import Appoint, EndAppointment

EP = Role.EXECUTIVE_PRODUCER

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
    Approve: (EP,),
    RequestChanges: (EP,),
    Reject: (EP,),
    LockBudget: (EP,),
    UnlockBudget: (EP,),
    LogSpend: (Role.LINE_PRODUCER, Role.ACCOUNTANT),
    ReverseSpend: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
    RecodeSpend: (Role.ACCOUNTANT, Role.LINE_PRODUCER),
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


def authorize(command: Command, roles: tuple[Role, ...]) -> None:
    """Refuse a command that none of the sender's roles may send."""
    may = MAY_SEND[type(command)]
    if not set(may) & set(roles):
        raise RoleMayNot(type(command).__name__, roles, may)
