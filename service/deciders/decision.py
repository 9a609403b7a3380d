"""A production's decisions: every command against all its facts.

Whether the sender may, by role, by delegation and by the stage of the production; then what its own rules make of it,
and what the policy makes of that; then the alerts that are reached.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast, get_args

from events import OfProduction
from events.approval import BudgetApproved
from events.change import ChangeEvent
from events.envelope import Metadata
from events.ids import PersonId, Slug, by_number
from events.money import Money
from events.policy import RequestKind
from events.production import Stage
from events.spend import SpendEvent
from events.team import Role

from . import alert, commitment, financing, period, spend
from .advance import CloseAdvance, ReturnAdvance, VoidReturn
from .approval import ApprovalCommand, BeyondDelegation, CredentialsAreNotFresh, OnRound
from .authority import NothingDelegated, RoleMayNot, authorize, power
from .budget import UnlockBudget
from .change import DrawContingency, RequestOverage, TransferBudget
from .command import Command
from .commitment import (
    AmendCommitment,
    CancelCommitment,
    CloseCommitment,
    RaiseRequisition,
    SubmitCommitment,
    WithdrawRequisition,
)
from .company import Company
from .cost_report import UNMADE, IssueCostReport, Made
from .delegation import beyond
from .documents import LogBatch, LogCredit
from .financing import AmendFunding, CommitFunding, SecureFunding, WithdrawFunding
from .own_rules import DirectCommand, by_own_rules
from .paying import AnswerQuery, PaySpend, QuerySpend, ReconcileSpend, UndoReconciliation, VoidPayment
from .payment import RequestPayment
from .period import (
    ClosePeriod,
    OpenPeriod,
    PeriodIsClosed,
    PeriodIsSoftClosed,
    ReopenPeriod,
    SoftClosePeriod,
    WithdrawReopening,
)
from .production import OpenProduction, Production, ProductionIsClosed, ProductionIsMissing, held, open_production
from .receipt import RecordReceipt, ReverseReceipt
from .remittance import RemitWithheld, VoidRemittance
from .situation import Situation, after, flags_of
from .spend import LogSpend, RecodeSpend, ReverseSpend
from .stage import EnterStage
from .submission import SubmitBudget
from .team import Appoint, EndAppointment
from .through_policy import answered, is_of_an_entry, through_policy

ProductionCommand = OpenProduction | DirectCommand | ApprovalCommand


#: P3
STILL_TAKEN = (
    *(RecordReceipt, ReverseReceipt, ReverseSpend, RecodeSpend, RequestPayment, EndAppointment, EnterStage),
    *(LogCredit, QuerySpend, AnswerQuery, PaySpend, VoidPayment, ReconcileSpend, UndoReconciliation),
    *(RemitWithheld, VoidRemittance),
    *(WithdrawRequisition, CancelCommitment, CloseCommitment, ReturnAdvance, VoidReturn),
    *(OpenPeriod, SoftClosePeriod, ClosePeriod, ReopenPeriod, WithdrawReopening, IssueCostReport),
)


def refusals(command: type[Command]) -> tuple[type[Exception], ...]:
    """Every refusal that sending the command can end in: its own, and those of every command."""
    if command is OpenProduction:
        return command.refusals
    closed = () if command in STILL_TAKEN else (ProductionIsClosed,)
    limited = (BeyondDelegation,) if command in _LIMITED else ()
    dated = (PeriodIsClosed, PeriodIsSoftClosed) if command in POSTING else ()
    alone = (CredentialsAreNotFresh,) if command in MAY_PASS_ALONE else ()
    return (ProductionIsMissing, NothingDelegated, RoleMayNot, *closed, *dated, *limited, *command.refusals, *alone)


def decide(
    command: ProductionCommand,
    production: Production | None,
    company: Company | None,
    metadata: Metadata,
    *,
    name: Slug,
    signed_in: datetime | None = None,
    made: Made = UNMADE,
) -> list[OfProduction]:
    """What the command makes happen, or the refusal it ends in.

    Args:
        company: the company's state, newer or as new as the command.
        metadata: `on_behalf_of` names whom the actor acts for, if they may.
        name: the production's, in the company.
        signed_in: when the actor did, where that is known.
        made: the report, where one is to be issued.
    """
    if isinstance(command, OpenProduction):
        return open_production(command, production, company, metadata)
    if production is None:
        raise ProductionIsMissing()
    limits = _limits(command, production, company, metadata, name)
    roles = held(production, company, metadata.on_behalf_of or metadata.actor, metadata)
    replaces = _gives_a_new_executive_producer(command, production, company, metadata)
    if replaces:
        roles = (Role.EXECUTIVE_PRODUCER,)
    authorize(command, roles)
    if production.stage is Stage.CLOSED and not _still_taken(command, production):
        raise ProductionIsClosed(type(command).__name__)
    situation = Situation(production, company, name, metadata, roles, flags_of(production), signed_in, limits, made)
    if isinstance(command, OnRound):
        happened = answered(command, situation)
    else:
        if isinstance(command, POSTING):
            period.takes(command.posted_on, production.periods, roles)
        _within_limit(command, situation)
        happened = by_own_rules(command, situation)
        happened = happened if replaces else through_policy(command, happened, situation)
    return _with_alerts(happened, situation)


def _limits(
    command: Command, production: Production, company: Company | None, metadata: Metadata, name: Slug
) -> tuple[Money, ...]:
    """D1 to D5: up to which amounts the actor may do so for somebody else."""
    grantor = metadata.on_behalf_of
    if grantor is None or grantor == metadata.actor:
        return ()
    on = production.today(metadata)
    found = None
    if company is not None and company.may_stand_in(metadata.actor, grantor):
        found = company.delegations.acting(metadata.actor, grantor, power(type(command)), name, on)
    if found is None:
        raise NothingDelegated(metadata.actor, type(command).__name__, grantor)
    return found


def _gives_a_new_executive_producer(
    command: Command, production: Production, company: Company | None, metadata: Metadata
) -> bool:
    """T5; nobody is left whom a policy could ask."""
    return (
        isinstance(command, Appoint)
        and command.role is Role.EXECUTIVE_PRODUCER
        and company is not None
        and company.is_administrator(metadata.actor)
        and metadata.persons == {metadata.actor} != {command.person}
        and not any(company.belongs(each) for each in _executive_producers(production))
        and company.stands_apart(metadata.actor, _executive_producers(production), command.person)
    )


def _executive_producers(production: Production) -> list[PersonId]:
    return [each for each, roles in production.team.items() if Role.EXECUTIVE_PRODUCER in roles]


def _still_taken(command: Command, production: Production) -> bool:
    """P3; so are answers to what a closed production still asks: to reopen it, to pay, to end an appointment."""
    if isinstance(command, OnRound):
        asked = production.approvals.rounds.get(command.round)
        return asked is not None and (
            asked.kind is RequestKind.REOPENING or is_of_an_entry(asked) or asked.command == EndAppointment.__name__
        )
    return isinstance(command, STILL_TAKEN)


def _within_limit(command: DirectCommand, situation: Situation) -> None:
    """D4."""
    grantor = situation.metadata.on_behalf_of
    if grantor is None or not situation.limits or not isinstance(command, _LIMITED):
        return
    amount = amount_of(command, situation.production)
    if (limit := beyond(situation.limits, amount)) is not None:
        raise BeyondDelegation(situation.metadata.actor, grantor, limit, amount)


#: What a limit is for, besides answers to rounds.
Limited = (
    LogSpend
    | LogBatch
    | LogCredit
    | ReverseSpend
    | RecodeSpend
    | SubmitBudget
    | RequestOverage
    | TransferBudget
    | DrawContingency
    | RaiseRequisition
    | SubmitCommitment
    | AmendCommitment
    | SecureFunding
    | CommitFunding
    | RecordReceipt
)


_LIMITED = get_args(Limited)


#: What an only executive producer is asked about, and of which amount: it passes by asking for it.
MAY_PASS_ALONE = (UnlockBudget, AmendFunding, WithdrawFunding)
#: What is posted on a day, which its period must take.
POSTING = (LogSpend, LogBatch, LogCredit, ReverseSpend, RecodeSpend, CloseAdvance)


def amount_of(command: Limited, production: Production) -> Money:
    """What the command is about, as it was sent."""
    match command:
        case LogSpend() | LogCredit():
            return Money(command.net + command.tax, command.currency)
        case LogBatch(lines=billed):
            return Money(sum((line.net + line.tax for line in billed), Decimal(0)), command.currency)
        case ReverseSpend() | RecodeSpend():
            return spend.live(command.spend, production.spending).cost
        case SubmitBudget():
            return production.budgets.existing(command.budget).total
        case RequestOverage() | TransferBudget() | DrawContingency():
            return Money(command.amount, production.currency)
        case RaiseRequisition(lines=lines):
            return Money(sum((line.amount for line in lines), Decimal(0)), production.currency)
        case SubmitCommitment(commitment=number):
            return commitment.existing(production.commitments, number).drafted.total
        case AmendCommitment(commitment=number, lines=amended):
            total = sum((line.amount for line in amended), Decimal(0))
            return Money(total, commitment.existing(production.commitments, number).drafted.currency)
        case SecureFunding() | RecordReceipt():
            return command.amount
        case CommitFunding():
            return financing.existing(production.financing, command.funding).terms.amount


def _with_alerts(happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """S8: with the alerts that are reached, and without those that are not any more."""
    percents = situation.production.policies.terms.alerts_at
    if not percents or not any(isinstance(event, SpendEvent | ChangeEvent | BudgetApproved) for event in happened):
        return happened
    budgets = (production := after(happened, situation)).budgets
    if budgets.in_force is None or budgets.force is None:
        return happened
    raised, fallen = alert.alerts(budgets.in_force, budgets.force, production.spending, percents, situation.flags)
    # Where nothing clears, as after a change of the policy, they stand until something does.
    place = next((i for i, event in enumerate(happened) if hasattr(event, "clears")), None)
    if fallen and place is not None:
        clearing = cast("Any", happened[place])
        cleared = replace(clearing, clears=by_number({*clearing.clears, *fallen}))
        happened = [*happened[:place], cleared, *happened[place + 1 :]]
    return [*happened, *raised]
