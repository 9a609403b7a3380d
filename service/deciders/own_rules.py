"""What a command makes happen by its own rules, whatever the policy says: each is decided in the file of its concept.

What one concept does to another (an invoice to its commitment, a reversal to what was asked about its payment) is put
together here.
"""

from dataclasses import replace
from datetime import date
from functools import partial

from events import OfProduction
from events.approval import RequestRecalled
from events.envelope import Metadata
from events.ids import RequisitionId, SpendId
from events.policy import RequestKind
from events.spend import SpendLogged, SpendReversed, batch_of

from . import (
    advance,
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
from .advance import AdvanceCommand, CloseAdvance, PayAdvance, ReturnAdvance, VoidReturn
from .authority import MAY_SEND
from .budget import AnotherRuleCounts, LockBudget, SetBudget, UnlockBudget, WaiveDifference
from .change import DrawContingency, RequestOverage, TransferBudget
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
from .confidential import sight
from .cost_report import IssueCostReport, issue_cost_report
from .documents import LogBatch, LogCredit
from .estimate import EstimateFinalCost
from .financing import AmendFunding, CloseFunding, CommitFunding, SecureFunding, WithdrawFunding
from .green_light import GreenlightProduction
from .paying import AnswerQuery, PaySpend, QuerySpend, ReconcileSpend, UndoReconciliation, VoidPayment
from .payment import RequestPayment
from .period import ClosePeriod, OpenPeriod, ReopenPeriod, SoftClosePeriod, WithdrawReopening
from .policy import AdoptApprovalPolicy
from .production import Production, evolve
from .receipt import RecordReceipt, ReverseReceipt
from .remittance import RemitWithheld, VoidRemittance
from .request import hands_in, loggers, of_version
from .requisition import Asker, Pending
from .rounds import Circumstances, Round
from .situation import Situation, after, situated
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


_BY_ITSELF = Of()


def by_own_rules(command: DirectCommand, situation: Situation) -> list[OfProduction]:
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
        case PayAdvance() | ReturnAdvance() | VoidReturn() | CloseAdvance():
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
            payment.turned_down(command, spending, rounds, waits=partial(is_waiting, situation.around))
            payable = spending.payable(command.spend)
            asked = rounds.on(payable, RequestKind.PAYMENT)
            happened += [] if asked is None else [RequestRecalled(asked, payable, ANEW)]
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
        production = after(happened, situation)
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
        situation = situated(situation, logged)
        happened += logged
    return happened if command.advance is None else advance.owed_at_once(happened)


def _finished(command: LogSpend | LogBatch, happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """O6: the same; what is left of a commitment is released by its final invoice."""
    if command.commitment is None or not command.final:
        return happened
    return [*happened, *commitment.finish(command.commitment, after(happened, situation).commitments)]


def _advanced(command: AdvanceCommand, situation: Situation) -> list[OfProduction]:
    """V1 to V5."""
    production, flags, persons = situation.production, situation.flags, situation.metadata.persons
    known, base = production.advances, production.currency
    match command:
        case PayAdvance():
            on = production.today(situation.metadata)
            belongs = [person for person in production.team if team.held(production.team, person, on)]
            return [*advance.pay_advance(command, known, base, belongs, situation.metadata)]
        case ReturnAdvance():
            return [*advance.return_advance(command, known, persons)]
        case VoidReturn():
            return [*advance.void_return(command, known, persons)]
        case CloseAdvance():
            spending, measure = production.spending, production.measure
            return [*advance.close_advance(command, known, spending, measure, base, flags, persons)]


def _committed(command: commitment.CommitmentCommand, situation: Situation) -> list[OfProduction]:
    """O1 to O6; what was asked for what is cancelled is asked no more."""
    production, roles, flags = situation.production, situation.overriding, situation.flags
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
            return [*commitment.submit_commitment(command, known, available, production.rates_of, roles, flags)]
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
    seat, roles = metadata.on_behalf_of or metadata.actor, (situation.roles, situation.overriding)
    return Asker(seat, metadata.persons, *roles, heads, reads)


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
            roles = situation.around.standing.roles.items()
            may = {person for person, held in roles if not set(held).isdisjoint(MAY_SEND[ReopenPeriod])}
            return [*period.reopen_period(command, periods, situation.metadata, may)]
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
    return [*drafted, *replaced]


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
    for number, asked in production.approvals.open_ones() if barred else ():
        if asked.kind in policy.CHANGES and asked.accounts[-1] == command.account:
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


ANEW = "nobody can take it further; it is asked for anew"


def is_waiting(around: Circumstances, asked: Round) -> bool:
    """Whether a round waits for somebody, be it for a condition."""
    return bool(around.waits_for(asked)) or asked.step == len(asked.steps)
