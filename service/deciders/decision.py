"""A production's decisions: every command against all its facts, and through the policy where the policy asks.

A command that the policy wants approved opens a round in the place of what it would do. When the round passes, it is
decided again, against what is so then, as the act of whoever asked for it: an approval is a word, not a lock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, cast, get_args

from events import OfProduction
from events.approval import (
    ApprovalEvent,
    ApprovalGiven,
    BudgetApproved,
    RequestApproved,
    RequestRecalled,
    VoteLapsed,
)
from events.change import ChangeEvent
from events.commitment import AmendmentSubmitted, CommitmentSubmitted, RequisitionRaised
from events.envelope import Metadata
from events.ids import (
    BudgetId,
    FlagId,
    PersonId,
    RequisitionId,
    RoundId,
    Slug,
    SpendId,
    by_number,
)
from events.money import Money
from events.policy import RequestKind
from events.production import Stage
from events.spend import PaymentReleased, SpendEvent, SpendLogged, SpendReversed, batch_of
from events.team import Role

from . import (
    advance,
    alert,
    approval,
    budget,
    change,
    commitment,
    estimate,
    financing,
    green_light,
    paying,
    payment,
    period,
    policy,
    receipt,
    remittance,
    spend,
    stage,
    submission,
    team,
)
from .advance import AdvanceCommand, CloseAdvance, PayAdvance, ReturnAdvance
from .approval import (
    Abstain,
    ApprovalCommand,
    Approve,
    BeyondDelegation,
    CannotTakeEffect,
    CloseCondition,
    Decision,
    NobodyApproved,
    Nudge,
    OnRound,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from .authority import MAY_SEND, NothingDelegated, RoleMayNot, authorize, power
from .budget import AnotherRuleCounts, LockBudget, SetBudget, UnlockBudget, WaiveDifference
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
from .company import Company
from .confidential import sight
from .cost_report import UNMADE, IssueCostReport, Made, issue_cost_report
from .delegation import beyond
from .documents import LogBatch, LogCredit
from .estimate import EstimateFinalCost
from .financing import AmendFunding, CloseFunding, CommitFunding, SecureFunding, WithdrawFunding
from .green_light import GreenlightProduction
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
from .policy import AdoptApprovalPolicy, Chosen, PolicyIsProposed, Request
from .production import (
    OpenProduction,
    Production,
    ProductionIsClosed,
    ProductionIsMissing,
    evolve,
    held,
    open_production,
)
from .receipt import RecordReceipt, ReverseReceipt
from .refusal import Refusal, words
from .remittance import RemitWithheld, VoidRemittance
from .request import hands_in, loggers, of_version, requested
from .requisition import Asker, Pending, still_available
from .rounds import BY_ASKING, Circumstances, Outcome, Round, Vote, lapsed, onward
from .spend import LogSpend, Of, RecodeSpend, RecodingBarsApprovers, ReverseSpend
from .stage import EnterStage
from .submission import SubmitBudget, WithdrawBudget
from .team import Appoint, EndAppointment

#: Those that are decided on their own.
DirectCommand = (
    team.TeamCommand
    | financing.FinancingCommand
    | receipt.ReceiptCommand
    | budget.BudgetCommand
    | policy.PolicyCommand
    | submission.SubmissionCommand
    | change.ChangeCommand
    | commitment.CommitmentCommand
    | EstimateFinalCost
    | AdvanceCommand
    | spend.SpendCommand
    | LogBatch
    | LogCredit
    | RequestPayment
    | period.PeriodCommand
    | IssueCostReport
    | paying.PayingCommand
    | remittance.RemittanceCommand
    | EnterStage
    | GreenlightProduction
)
ProductionCommand = OpenProduction | DirectCommand | ApprovalCommand

#: What is held while its round is open.
HELD_MEANWHILE = (RequisitionRaised, CommitmentSubmitted, AmendmentSubmitted)
#: What is asked of executive producers while no policy is adopted; a budget's own facts say all there is to say of it.
ASKED_WITHOUT_A_POLICY = (RequestOverage, TransferBudget, DrawContingency, AdoptApprovalPolicy)
#: P3
STILL_TAKEN = (
    *(RecordReceipt, ReverseReceipt, ReverseSpend, RecodeSpend, RequestPayment, EndAppointment, EnterStage),
    *(LogCredit, QuerySpend, AnswerQuery, PaySpend, VoidPayment, ReconcileSpend, UndoReconciliation),
    *(RemitWithheld, VoidRemittance),
    *(WithdrawRequisition, CancelCommitment, CloseCommitment, ReturnAdvance),
    *(OpenPeriod, SoftClosePeriod, ClosePeriod, ReopenPeriod, WithdrawReopening, IssueCostReport),
)


def refusals(command: type[Command]) -> tuple[type[Exception], ...]:
    """Every refusal that sending the command can end in: its own, and those of every command."""
    if command is OpenProduction:
        return command.refusals
    closed = () if command in STILL_TAKEN else (ProductionIsClosed,)
    limited = (BeyondDelegation,) if command in _LIMITED else ()
    dated = (PeriodIsClosed, PeriodIsSoftClosed) if command in POSTING else ()
    return (ProductionIsMissing, NothingDelegated, RoleMayNot, *closed, *dated, *limited, *command.refusals)


_BY_ITSELF = Of()


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision is made on."""

    production: Production
    company: Company | None
    #: The production's name in the company.
    name: Slug
    #: Whose act it is, when, and why.
    metadata: Metadata
    #: The roles that count: the actor's, or of whom they act for.
    roles: tuple[Role, ...]
    flags: Iterator[FlagId]
    #: When the actor last signed in, where that is known.
    signed_in: datetime | None
    #: Up to which amounts the actor acts for somebody else; none means any.
    limits: tuple[Money, ...] = ()
    #: The report that was made to be issued.
    made: Made = UNMADE

    @property
    def around(self) -> Circumstances:
        """What answers to rounds are judged by."""
        production, metadata = self.production, self.metadata
        return Circumstances(
            standing=production.standing(self.company, production.today(metadata)),
            at=metadata.at,
            excluded=partial(_excluded, production),
            answers_for=self.answers_for,
            of_one_company=lambda one, other: self.company is None or self.company.of_one_company(one, other),
            compared=lambda asked, seen: submission.compared(asked, seen, production.budgets, production.approvals),
            limits=self.limits,
        )

    def answers_for(self, vote: Vote, amount: Money | None) -> bool:
        """Whether who gave an answer for somebody may still give it, on this production today."""
        if self.company is None or not self.company.may_stand_in(vote.by, vote.seat):
            return False
        answer, on = power(Approve if vote.approves else Abstain), self.production.today(self.metadata)
        limits = self.company.delegations.acting(vote.by, vote.seat, answer, self.name, on)
        return limits is not None and beyond(limits, amount) is None


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
    situation = Situation(production, company, name, metadata, roles, _flags(production), signed_in, limits, made)
    if isinstance(command, OnRound):
        happened = _answered(command, situation)
    else:
        if isinstance(command, POSTING):
            period.takes(command.posted_on, production.periods, roles)
        _within_limit(command, situation)
        happened = _decided(command, situation)
        happened = happened if replaces else _through_policy(command, happened, situation)
    return _with_alerts(happened, situation)


def _flags(production: Production) -> Iterator[FlagId]:
    """The numbers of the flags that come next."""
    return (f"FLAG-{number}" for number in count(production.flags + 1))


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
            asked.kind is RequestKind.REOPENING or _is_of_an_entry(asked) or asked.command == EndAppointment.__name__
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
            return commitment.existing(production.commitments, number).drafted.base_total
        case AmendCommitment(commitment=number, lines=amended):
            total = sum((line.amount for line in amended), Decimal(0))
            return Money(total, commitment.existing(production.commitments, number).drafted.currency)
        case SecureFunding() | RecordReceipt():
            return command.amount
        case CommitFunding():
            return financing.existing(production.financing, command.funding).terms.amount


def _decided(command: DirectCommand, situation: Situation) -> list[OfProduction]:
    """What the command makes happen by its own rules."""
    production, metadata, flags = situation.production, situation.metadata, situation.flags
    base, funds, budgets = production.currency, production.financing, production.budgets
    rounds, spending = production.approvals, production.spending
    happened: list[OfProduction] = []
    match command:
        case LogSpend():  # the first to be asked, since it comes most often
            happened += _finished(command, _logged(command, situation), situation)
        case LogBatch():
            happened += _finished(command, _batch(command, situation), situation)
        case LogCredit():
            back = (command.entry(), spending, production.measure, base, flags, Of(comes_back=True))
            happened += spend.log_spend(*back)
        case Appoint():
            happened += team.appoint(command, production.team, situation.company, situation.roles)
        case EndAppointment():
            on = production.today(metadata)
            happened += team.end_appointment(command, production.team, situation.company, situation.roles, metadata, on)
        case _ if isinstance(command, financing.FinancingCommand):
            happened += _financed(command, situation)
        case RecordReceipt():
            happened += receipt.record_receipt(command, funds, base, metadata, flags)
        case ReverseReceipt():
            happened += receipt.reverse_receipt(command, funds, metadata)
        case SetBudget():
            happened += _set(command, situation)
        case WaiveDifference():
            happened += budget.waive_difference(command, budgets)
        case LockBudget():
            happened += budget.lock_budget(command, budgets, rounds.open, metadata)
        case UnlockBudget():
            happened += budget.unlock_budget(command, budgets, metadata)
        case AdoptApprovalPolicy():
            happened += policy.adopt_approval_policy(command, production.policies, situation.company, funds)
        case SubmitBudget():
            excluded = metadata.persons | hands_in(budgets.existing(command.budget), production)
            happened += submission.submit_budget(command, rounds, budgets, tuple(sorted(excluded)))
        case WithdrawBudget():
            happened += submission.withdraw_budget(command, rounds, budgets)
        case RequestOverage():
            happened += change.request_overage(command, budgets, funds, spending)
        case TransferBudget():
            happened += change.transfer_budget(command, budgets, spending, production.commitments)
        case DrawContingency():
            happened += change.draw_contingency(command, budgets, spending)
        case _ if isinstance(command, commitment.CommitmentCommand):
            happened += _committed(command, situation)
        case PayAdvance() | ReturnAdvance() | CloseAdvance():
            happened += _advanced(command, situation)
        case _ if isinstance(command, period.PeriodCommand):
            happened += _of_periods(command, situation)
        case IssueCostReport():
            happened += issue_cost_report(command, production.reports, production.periods, situation.made)
        case EstimateFinalCost():
            happened += estimate.estimate_final_cost(command, production.estimates, production.costed, base)
        case ReverseSpend():
            happened += _reversed(command, situation)
        case RecodeSpend():
            happened += _recoded(command, situation)
        case RequestPayment():
            # What it asks for is all that happens; and what it asks for anew is asked no more.
            payment.turned_down(command, spending, rounds, waits=partial(_waits, situation.around))
            payable = spending.payable(command.spend)
            asked = rounds.on(payable, RequestKind.PAYMENT)
            happened += [] if asked is None else [RequestRecalled(asked, payable, _ANEW)]
        case _ if isinstance(command, paying.PayingCommand | remittance.RemittanceCommand):
            happened += _followed_up(command, situation)
        case EnterStage():
            happened += stage.enter_stage(command, production.stage)
        case GreenlightProduction():
            tests = production.policies.terms.green_light
            on_facts = (budgets, rounds, funds)
            happened += green_light.greenlight_production(command, tests, production.greenlit, *on_facts)
    return happened


def _financed(command: financing.FinancingCommand, situation: Situation) -> list[OfProduction]:
    production, flags = situation.production, situation.flags
    funds, base, to_cover = production.financing, production.currency, production.to_cover
    match command:
        case SecureFunding():
            return [*financing.secure_funding(command, funds, base, to_cover)]
        case CommitFunding():
            return [*financing.commit_funding(command, funds, to_cover)]
        case AmendFunding():
            return [*financing.amend_funding(command, funds, base, to_cover, flags)]
        case CloseFunding():
            return [*financing.close_funding(command, funds)]
        case WithdrawFunding():
            return [*financing.withdraw_funding(command, funds, to_cover, flags)]


def _logged(command: LogSpend, situation: Situation, of: Of = _BY_ITSELF) -> list[OfProduction]:
    """S1 to S4, S12, O5, V3."""
    production, flags, happened = situation.production, situation.flags, list[OfProduction]()
    if command.commitment is not None:
        commitment.existing(production.commitments, command.commitment)
    if command.advance is not None:
        command = advance.paid_out_of(command.advance, command, production.advances)
    if command.accrual is not None:
        happened += _replaced(command.accrual, command.posted_on, situation)
        production = _after(happened, situation)
    logged = spend.log_spend(command, production.spending, production.measure, production.currency, flags, of)
    entry = logged[0]
    assert isinstance(entry, SpendLogged)
    happened += logged
    if command.commitment is not None:
        happened += commitment.invoice(command.commitment, entry, production.commitments, flags)
    if command.advance is not None:
        happened += advance.account_for(command.advance, entry, production.advances, flags)
    return happened


def _replaced(accrual: SpendId, posted_on: date, situation: Situation) -> list[OfProduction]:
    """S12: the accrual is reversed, on the day on which what takes its place is posted, or on its own, if later."""
    since, because = spend.accrual(accrual, situation.production.spending).since, "its invoice takes its place"
    return _reversed(ReverseSpend(spend=accrual, posted_on=max(posted_on, since), reason=because), situation)


def _batch(command: LogBatch, situation: Situation) -> list[OfProduction]:
    """S13: line by line, each after those before it."""
    before, of_all = situation.production.spending, {"commitment": command.commitment, "advance": command.advance}
    first = len(before.entries) + 1
    batch = batch_of(spend.number_of(first), spend.number_of(first + len(command.lines) - 1))
    happened: list[OfProduction] = []
    for line in command.lines:
        entry = command.entry(line).model_copy(update=of_all)
        logged = _logged(entry, situation, Of(batch, line.fringe, before=before))
        situation = _situated(situation, logged)
        happened += logged
    return happened if command.advance is None else advance.owed_at_once(happened)


def _finished(command: LogSpend | LogBatch, happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """O6: the same; what is left of a commitment is released by its final invoice."""
    if command.commitment is None or not command.final:
        return happened
    return [*happened, *commitment.finish(command.commitment, _after(happened, situation).commitments)]


def _advanced(command: AdvanceCommand, situation: Situation) -> list[OfProduction]:
    """V1 to V5."""
    production, flags, persons = situation.production, situation.flags, situation.metadata.persons
    known, base = production.advances, production.currency
    match command:
        case PayAdvance():
            on = production.today(situation.metadata)
            belongs = [person for person in production.team if team.held(production.team, person, on)]
            return [*advance.pay_advance(command, known, base, belongs, persons)]
        case ReturnAdvance():
            return [*advance.return_advance(command, known, persons)]
        case CloseAdvance():
            spending, measure = production.spending, production.measure
            return [*advance.close_advance(command, known, spending, measure, base, flags, persons)]


def _committed(command: commitment.CommitmentCommand, situation: Situation) -> list[OfProduction]:
    """O1 to O6; what was asked for what is cancelled is asked no more."""
    production, roles, flags = situation.production, situation.roles, situation.flags
    known, available, base = production.commitments, production.available, production.currency
    match command:
        case RaiseRequisition():
            return [*commitment.raise_requisition(command, known, available, base, _asker(situation))]
        case WithdrawRequisition():
            withdrawn = commitment.withdraw_requisition(command, known, _asker(situation))
            waits = production.approvals.on(command.requisition, RequestKind.REQUISITION)
            because = f"{command.requisition} is withdrawn"
            return [*withdrawn, *([] if waits is None else [RequestRecalled(waits, command.requisition, because)])]
        case DraftCommitment():
            return [*commitment.draft_commitment(command, known, base, _pending(command.requisition, situation))]
        case SubmitCommitment():
            return [*commitment.submit_commitment(command, known, available, roles, flags)]
        case AmendCommitment():
            return [*commitment.amend_commitment(command, known, available, roles, flags)]
        case CancelCommitment():
            cancelled = commitment.cancel_commitment(command, known)
            asked = production.approvals.on(command.commitment, RequestKind.COMMITMENT)
            because = f"{command.commitment} is cancelled"
            return [*cancelled, *([] if asked is None else [RequestRecalled(asked, command.commitment, because)])]
        case CloseCommitment():
            return [*commitment.close_commitment(command, known)]
        case ReopenCommitment():
            return [*commitment.reopen_commitment(command, known, available, roles, flags)]


def _asker(situation: Situation) -> Asker:
    """Who asks for something, and what they may read of what is available."""
    production, company, metadata = situation.production, situation.company, situation.metadata
    on = production.today(metadata)
    reads = company is None or sight(production, company, metadata.persons, on).shows(None)
    heads = production.standing(company, on).departments
    return Asker(metadata.on_behalf_of or metadata.actor, metadata.persons, situation.roles, heads, reads)


def _pending(requisition: RequisitionId | None, situation: Situation) -> Pending | None:
    """The round that is open on a requisition, and who is waited for in it."""
    rounds, around = situation.production.approvals, situation.around
    number = None if requisition is None else rounds.on(requisition, RequestKind.REQUISITION)
    if number is None:
        return None
    asked = rounds.rounds[number]
    heirs = {heir for each in asked.conditions if each.open for heir in around.heirs(asked, each)}
    return Pending(number, around.waits_for(asked) or tuple(sorted(heirs)))


def _of_periods(command: period.PeriodCommand, situation: Situation) -> list[OfProduction]:
    """N1, N4 to N6."""
    production, periods = situation.production, situation.production.periods
    match command:
        case OpenPeriod():
            return [*period.open_period(command, periods)]
        case SoftClosePeriod():
            return [*period.soft_close_period(command, periods)]
        case ClosePeriod():
            cost = production.spending.to_date(periods.existing(command.period).last_on)
            return [*period.close_period(command, periods, cost, production.currency)]
        case ReopenPeriod():
            return [*period.reopen_period(command, periods, situation.metadata)]
        case WithdrawReopening():
            return [*period.withdraw_reopening(command, periods)]


def _set(command: SetBudget, situation: Situation) -> list[OfProduction]:
    """B1 to B5; A1 when it takes the place of what an open round asks about."""
    production, rounds = situation.production, situation.production.approvals
    drafted = budget.set_budget(command, production.budgets, production.currency, rounds.open, situation.flags)
    if rounds.open is None:
        return [*drafted]
    replaced = submission.replaced(drafted, rounds.open, rounds, production.budgets)
    on = situation.metadata.at.date()
    for place, event in enumerate(replaced):
        version = evolve(production, drafted[0], situation.metadata).budgets.versions[event.subject]
        request = of_version(event.subject, version, situation.metadata.persons, production, on)
        replaced[place] = replace(event, excluded=tuple(sorted(request.excluded)))
        rule = policy.chosen(request, production.policies, rounds.asked, on)
        asked = rounds.rounds[rounds.open]
        if (rule.steps, approval.fresh_minutes(request, rule)) != (asked.steps, asked.fresh_minutes):
            raise AnotherRuleCounts(event.subject, event.amount, rounds.open)
    happened = [*drafted, *replaced]
    return [*happened, *(_onward(rounds.open, happened, situation) if replaced else ())]


def _recoded(command: RecodeSpend, situation: Situation) -> list[OfProduction]:
    """S2, S3, S5 to S7, S11, O5."""
    production, flags = situation.production, situation.flags
    known, spending = production.commitments, production.spending
    beside = known.flags_of(command.spend)
    spend.stands_alone(command.spend, spending)
    recoded = spend.recode_spend(command, spending, production.measure, flags, beside)
    _bars_nobody(command, production, situation.metadata)
    if not recoded:
        return []
    vendor, *_ = spending.entries[command.spend].likeness
    return [*recoded, *commitment.relieve_anew(command.spend, vendor, command.account, known, flags)]


def _bars_nobody(command: RecodeSpend, production: Production, metadata: Metadata) -> None:
    """S11: whoever logged what is on an account does not decide on more for it, so that is nobody's to bring about."""
    logged_by = production.spending.entries[command.spend].logged_by
    barred = logged_by - loggers(command.account, production) - metadata.persons
    for number, asked in production.approvals.rounds.items():
        open_change = asked.outcome is Outcome.OPEN and asked.kind in policy.CHANGES
        if barred and open_change and asked.accounts[-1] == command.account:
            raise RecodingBarsApprovers(command.spend, command.account, number, tuple(sorted(barred)))


def _followed_up(
    command: paying.PayingCommand | remittance.RemittanceCommand, situation: Situation
) -> list[OfProduction]:
    """Y1 to Y7, W1 to W4."""
    production, metadata, around = situation.production, situation.metadata, situation.around
    known, spending = production.paying, production.spending
    match command:
        case QuerySpend():
            may = set(MAY_SEND[AnswerQuery])
            answering = {person for person, roles in around.standing.roles.items() if not may.isdisjoint(roles)}
            return [*paying.query_spend(command, spending, known, answering)]
        case AnswerQuery():
            return [*paying.answer_query(command, spending, known, situation.roles, metadata)]
        case PaySpend():
            on_facts = (spending, known, production.advances, production.approvals, around, production.measure)
            return _posted([*paying.pay_spend(command, *on_facts, metadata, situation.flags)], situation)
        case VoidPayment():
            voided, difference = paying.void_payment(command, spending, known)
            if difference is None:
                return [voided]
            back = ReverseSpend(spend=difference, posted_on=command.posted_on, reason=command.reason)
            return _posted([voided, *_taken_back(back, situation)], situation)
        case ReconcileSpend():
            return [*paying.reconcile_spend(command, spending, known)]
        case UndoReconciliation():
            return [*paying.undo_reconciliation(command, spending, known)]
        case RemitWithheld():
            held = remittance.may_not_be_paid(spending, known, production.advances)
            return [*remittance.remit_withheld(command, production.remittances, held, production.currency)]
        case VoidRemittance():
            return [*remittance.void_remittance(command, production.remittances)]


def _posted(happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """N2, N3: the same, if the days of what it posts are open."""
    for event in happened:
        if isinstance(event, SpendLogged | SpendReversed):
            period.takes(event.posted_on, situation.production.periods, situation.roles)
    return happened


def _reversed(command: ReverseSpend, situation: Situation) -> list[OfProduction]:
    """S4 to S7, Y5, Y6, O5."""
    spend.stands_alone(command.spend, situation.production.spending)
    paying.unpaid(command.spend, situation.production.paying)
    return _taken_back(command, situation)


def _taken_back(command: ReverseSpend, situation: Situation) -> list[OfProduction]:
    """S4 to S7, O5, V3; what was to be paid for it, or asked about it, is asked no more."""
    production, flags = situation.production, situation.flags
    known, advances = production.commitments, production.advances
    beside = (*known.flags_of(command.spend), *advances.flags_of(command.spend))
    happened = spend.reverse_spend(command, production.spending, production.measure, flags, beside)
    payable = production.spending.payable(command.spend)
    asked = production.approvals.on(payable, RequestKind.PAYMENT)
    overtaken = [] if asked is None else [RequestRecalled(asked, payable, f"{command.spend} is reversed")]
    queried = paying.ended_by_reversal(command.spend, production.paying)
    restored = (*commitment.take_back(command.spend, known, flags), *advance.take_back(command.spend, advances))
    return [*happened, *restored, *overtaken, *queried]


def _through_policy(command: DirectCommand, happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """G2, G3: what the command makes happen, or the round that it opens instead."""
    production, metadata = situation.production, situation.metadata
    policies, rounds = production.policies, production.approvals
    if policies.in_force is None and not isinstance(command, ASKED_WITHOUT_A_POLICY):
        return happened
    request = requested(command, happened, production, metadata)
    if request is None:
        return happened
    rule = policy.chosen(request, policies, rounds.beside(request.kind, request.subject), metadata.at.date())
    if not rule.steps and isinstance(command, RequestPayment | RecodeSpend):
        steps = payment.asked_as_before(production.spending.payable(command.spend), rounds)
        rule = replace(rule, rule="What was turned down", steps=steps) if steps else rule
    if request.kind in (RequestKind.POLICY_CHANGE, *BY_ASKING):
        rule = policy.reachable(rule, situation.around.standing)
    round_id = f"A-{len(rounds.rounds) + 1}"
    asked = approval.request_approval(request, rule, round_id)
    if isinstance(command, RecodeSpend):
        return [*happened, *_asked_anew(request, rule, asked, situation)]
    if request.kind is RequestKind.BUDGET or _is_of_an_entry(request):
        happened = [*happened, *asked]
        if rule.steps:
            return [*happened, *_onward(round_id, happened, situation)]
        at_once = request.kind is RequestKind.BUDGET
        return [*happened, *(_effects(round_id, _after(happened, situation), situation) if at_once else ())]
    if not rule.steps:
        return [*asked, *happened]
    situation = replace(situation, flags=_flags(production))  # what would have been raised was not
    if request.kind in (RequestKind.COMMITMENT, RequestKind.REQUISITION):
        opened = [*(each for each in happened if isinstance(each, HELD_MEANWHILE)), *asked]
        return [*opened, *_onward(round_id, opened, situation)]
    overtaken: list[OfProduction] = []
    for waits, each in rounds.rounds.items():
        alike = each.kind is request.kind and (
            each.kind is RequestKind.POLICY_CHANGE or each.subject == request.subject
        )
        if each.outcome is not Outcome.OPEN or not alike:
            continue
        if _is_orphaned(each, situation):
            overtaken.append(RequestRecalled(waits, each.subject, _ANEW))
        elif each.content_hash == request.content_hash:
            return []  # it is asked for already
        elif each.kind is RequestKind.POLICY_CHANGE:
            raise PolicyIsProposed(each.subject, waits, each.by)
    return [*overtaken, *_consenting(round_id, asked, _situated(situation, overtaken))]


def _is_of_an_entry(asked: Request | Round) -> bool:
    """Whether it is about paying what was spent already; else nothing is paid before it is approved, as an advance."""
    return asked.kind is RequestKind.PAYMENT and asked.command is None


_ANEW = "nobody can take it further; it is asked for anew"


def _waits(around: Circumstances, asked: Round) -> bool:
    """Whether a round waits for somebody, be it for a condition."""
    return bool(around.waits_for(asked)) or asked.step == len(asked.steps)


def _is_orphaned(asked: Round, situation: Situation) -> bool:
    """Whether who asked for it may do so no more, or it is a policy that nobody is left to decide on."""
    nobody_decides = not _waits(situation.around, asked)
    return not _may_still(asked, situation) or (asked.kind is RequestKind.POLICY_CHANGE and nobody_decides)


def _may_still(asked: Round, situation: Situation) -> bool:
    """Whether who asked for it is still somebody who may."""
    theirs = replace(situation.metadata, actor=asked.by, on_behalf_of=asked.on_behalf_of)
    roles = held(situation.production, situation.company, asked.on_behalf_of or asked.by, theirs)
    return asked.command is not None and bool(set(MAY_SEND[_COMMANDS[asked.command]]) & set(roles))


def _consenting(round_id: RoundId, asked: list[ApprovalEvent], situation: Situation) -> list[OfProduction]:
    """G1: who proposes a policy, and is asked about it, approves it by proposing it."""
    opened = _after(asked, situation)
    this, around = opened.approvals.rounds[round_id], _situated(situation, asked).around
    seat = situation.metadata.on_behalf_of or situation.metadata.actor
    fresh = approval.is_fresh(this, situation.signed_in, situation.metadata.at)
    if this.kind is not RequestKind.POLICY_CHANGE or seat not in around.seats(this, 0) or not fresh:
        return [*asked, *_onward(round_id, asked, situation)]
    consent = ApprovalGiven(round_id, this.subject, this.content_hash, None, 0, ())
    return [*asked, consent, *_onward(round_id, [*asked, consent], situation)]


def _asked_anew(request: Request, rule: Chosen, asked: list[ApprovalEvent], situation: Situation) -> list[OfProduction]:
    """S10: the payment of what is recoded is asked about anew, under the rule for the account that it moved to."""
    rounds = situation.production.approvals.rounds
    of_it = [r for r, each in rounds.items() if (each.kind, each.subject) == (request.kind, request.subject)]
    before = max(of_it, key=lambda number: int(number.removeprefix("A-")), default=None)
    outcome = None if before is None else rounds[before].outcome
    of_other_heads = any(approver.department_head for step in rule.steps for approver in step.approvers)
    again = before is None or outcome is Outcome.OPEN or of_other_heads or rounds[before].steps != rule.steps
    if not rule.steps and outcome is Outcome.OPEN and before is not None:
        return [RequestRecalled(before, request.subject, "it is recoded"), *asked]
    if not rule.steps or not again or outcome not in (None, Outcome.OPEN, Outcome.APPROVED):
        return []
    happened: list[OfProduction] = []
    if before is not None and outcome is Outcome.OPEN:
        happened.append(RequestRecalled(before, request.subject, "it is recoded"))
    happened += asked
    return [*happened, *_onward(f"A-{len(rounds) + 1}", happened, situation)]


def _answered(command: ApprovalCommand, situation: Situation) -> list[OfProduction]:
    """What is done about a round, and what follows from it; with the last approval it takes effect."""
    gone = _lapsed_before(command, situation)
    situation = _situated(situation, gone)
    rounds, metadata, roles = situation.production.approvals, situation.metadata, situation.roles
    around = situation.around
    match command:
        case Approve():
            answered = approval.approve(command, rounds, around, metadata, situation.signed_in)
        case Abstain():
            answered = approval.abstain(command, rounds, around, metadata)
        case RequestChanges():
            answered = approval.request_changes(command, rounds, around, metadata)
        case Reject():
            answered = approval.reject(command, rounds, around, metadata)
        case WithdrawVote():
            answered = approval.withdraw_vote(command, rounds, metadata)
        case RecallRequest():
            answered = approval.recall_request(command, rounds, metadata)
        case Nudge():
            answered = approval.nudge(command, rounds, around)
        case ReassignStep():
            answered = approval.reassign_step(command, rounds, around, roles, metadata)
        case OverrideStep():
            answered = approval.override_step(command, rounds, around, roles, metadata, situation.signed_in)
        case CloseCondition():
            answered = approval.close_condition(command, rounds, around, roles, metadata, situation.signed_in)
    if not answered and not isinstance(command, Nudge):
        return []
    insists = isinstance(command, Approve | OverrideStep | CloseCondition)
    return [*gone, *answered, *_onward(command.round, answered, situation, insists=insists)]


def _lapsed_before(command: ApprovalCommand, situation: Situation) -> list[VoteLapsed]:
    """A8: what counts no more, where the step that is asked without it is meant; else it lapses by what is said now."""
    asked, around = situation.production.approvals.rounds.get(command.round), situation.around
    if asked is None or asked.outcome is not Outcome.OPEN or not isinstance(command, Decision | ReassignStep):
        return []
    seat = situation.metadata.on_behalf_of or situation.metadata.actor
    if seat in around.seats(asked, asked.step) and not isinstance(command, OverrideStep | ReassignStep):
        return []
    return lapsed(command.round, asked, around)


def _onward(
    round_id: RoundId, happened: Sequence[OfProduction], situation: Situation, *, insists: bool = False
) -> list[OfProduction]:
    """A6, A8 to A10: what follows in a round, up to its effect.

    Args:
        insists: whether it was to take effect by this; else a round that nobody approved whom it asks stays open.
    """
    production = _after(happened, situation)
    asked = production.approvals.rounds[round_id]
    if asked.outcome is not Outcome.OPEN:
        return []
    around = _situated(situation, happened).around
    further, passes = onward(round_id, production.approvals, around, situation.metadata)
    if not passes:
        return [*further]
    if _after([*happened, *further], situation).approvals.rounds[round_id].lacks_approval:
        if insists:
            raise NobodyApproved(round_id, asked.subject)
        return [*further]
    return [*further, *_effects(round_id, production, situation)]


def _effects(round_id: RoundId, production: Production, situation: Situation) -> list[OfProduction]:
    """A5, A1: what was asked for takes effect, decided again on what is so now."""
    asked = production.approvals.rounds[round_id]
    if asked.kind is RequestKind.BUDGET:
        return [
            *submission.put_in_force(
                round_id,
                asked.subject,
                production.budgets,
                production.spending,
                production.financing.shortfalls,
                situation.flags,
            ),
            *_overtaken(asked.subject, production),
        ]
    approved = RequestApproved(round_id, asked.kind, asked.subject, asked.content_hash, asked.amount)
    if asked.kind in (RequestKind.COMMITMENT, RequestKind.REQUISITION):
        known, available, roles = production.commitments, production.available, situation.roles
        try:
            if asked.kind is RequestKind.REQUISITION:
                still_available(asked.subject, known, available, roles)
                return [approved]
            return [approved, *commitment.takes_effect(asked.subject, known, available, roles, situation.flags)]
        except Refusal as refusal:
            raise CannotTakeEffect(asked.subject, str(refusal).removesuffix(".")) from None
    if _is_of_an_entry(asked):
        entries = production.spending.paid_at_once(asked.subject)
        due = production.advances.due
        return [approved, *(PaymentReleased(each, entry.cost, due(each, entry)) for each, entry in entries.items())]
    assert asked.command is not None
    assert asked.body is not None
    command = _COMMANDS[asked.command].model_validate_json(asked.body)
    theirs = replace(situation.metadata, actor=asked.by, on_behalf_of=asked.on_behalf_of, reason=command.reason)
    roles = held(production, situation.company, asked.on_behalf_of or asked.by, theirs)
    if not _may_still(asked, situation):
        may = f"{words(MAY_SEND[type(command)])} may"
        raise CannotTakeEffect(asked.subject, f"{asked.on_behalf_of or asked.by} may not ask for it any more; {may}")
    try:
        effects = _decided(command, replace(situation, production=production, metadata=theirs, roles=roles))
        now = requested(command, effects, production, theirs)
    except Refusal as refusal:
        raise CannotTakeEffect(asked.subject, str(refusal).removesuffix(".")) from None
    if now is not None and (now.subject, now.amount) != (asked.subject, asked.amount):
        amount = "" if now.amount is None else f", {now.amount},"
        raise CannotTakeEffect(asked.subject, f"it would be {now.subject}{amount} by now")
    return [approved, *effects]


def _overtaken(budget: BudgetId, production: Production) -> list[OfProduction]:
    """M5: what was asked for beside the version that was in force."""
    rounds = production.approvals.rounds.items()
    open_ones = [(r, each) for r, each in rounds if each.outcome is Outcome.OPEN and each.kind in policy.CHANGES]
    return [RequestRecalled(r, each.subject, f"{budget} is in force") for r, each in sorted(open_ones)]


def _situated(situation: Situation, happened: Iterable[OfProduction]) -> Situation:
    """The situation after these facts."""
    return replace(situation, production=_after(happened, situation))


def _after(happened: Iterable[OfProduction], situation: Situation) -> Production:
    production = situation.production
    for event in happened:
        production = evolve(production, event, situation.metadata)
    return production


def barred_from(production: Production, round_id: RoundId) -> frozenset[PersonId] | None:
    """A3, A7: who may not approve in a round, whatever their place; None of one that is not open."""
    asked = production.approvals.rounds.get(round_id)
    if asked is None or asked.outcome is not Outcome.OPEN:
        return None
    return _excluded(production, asked) | asked.dealers


def _excluded(production: Production, asked: Round) -> frozenset[PersonId]:
    """A3: who may not approve what a round asks for."""
    match asked.kind:
        case RequestKind.POLICY_CHANGE:
            return frozenset()
        case RequestKind.BUDGET:
            version = production.budgets.versions[asked.subject]
            return asked.excluded | asked.requesters | hands_in(version, production)
        case RequestKind.PAYMENT:
            entries = production.spending.paid_at_once(asked.subject).values()
            payers = production.paying.payers(asked.subject)
            return asked.excluded.union(payers, *(entry.recoded_by for entry in entries))
        case RequestKind.OVERAGE | RequestKind.TRANSFER | RequestKind.CONTINGENCY_DRAW:
            return asked.excluded | loggers(asked.accounts[-1], production)
        case _:
            return asked.excluded


def _with_alerts(happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """S8: with the alerts that are reached, and without those that are not any more."""
    percents = situation.production.policies.terms.alerts_at
    if not percents or not any(isinstance(event, SpendEvent | ChangeEvent | BudgetApproved) for event in happened):
        return happened
    budgets = (production := _after(happened, situation)).budgets
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


#: Commands that may wait for approval are kept as they were sent.
_COMMANDS: dict[str, type[Any]] = {command.__name__: command for command in get_args(ProductionCommand)}
