"""A production's decisions: every command against all its facts, and through the policy where the policy asks.

A command that the policy wants approved opens a round in the place of what it would do. When the round passes, it is
decided again, against what is so then, as the act of whoever asked for it: an approval is a word, not a lock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, cast, get_args

from pydantic import TypeAdapter

from events import OfProduction
from events.approval import (
    ApprovalEvent,
    ApprovalGiven,
    ApprovalRequested,
    BudgetApproved,
    BudgetSubmitted,
    RequestApproved,
    RequestRecalled,
)
from events.budget import BudgetUnlocked, Level
from events.change import BudgetTransferred, ChangeEvent, ContingencyDrawn, OverageApproved
from events.delegation import AuthorityDelegated
from events.envelope import Metadata
from events.financing import FundingAmended, FundingWithdrawn
from events.ids import AccountCode, FlagId, PersonId, RoundId, Slug, by_number
from events.money import Currency, Money
from events.policy import ApprovalPolicyAdopted, RequestKind
from events.production import Stage, StageEntered
from events.spend import PaymentReleased, SpendEvent, SpendLogged
from events.team import Appointed, AppointmentEnded, Role

from . import (
    alert,
    approval,
    budget,
    change,
    financing,
    green_light,
    payment,
    policy,
    receipt,
    spend,
    stage,
    submission,
    team,
)
from .approval import (
    Abstain,
    ApprovalCommand,
    Approve,
    BeyondDelegation,
    CannotTakeEffect,
    CloseCondition,
    Nudge,
    OnRound,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from .authority import NothingDelegated, RoleMayNot, authorize, power
from .budget import AnotherRuleCounts, LockBudget, SetBudget, UnlockBudget, WaiveDifference
from .change import DrawContingency, RequestOverage, TransferBudget
from .command import Command
from .company import Company
from .financing import AmendFunding, CloseFunding, CommitFunding, SecureFunding, WithdrawFunding
from .green_light import GreenlightProduction
from .payment import RequestPayment
from .policy import AdoptApprovalPolicy, PolicyIsProposed, Request
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
from .refusal import Refusal
from .rounds import Circumstances, Outcome, Round, Vote, covers, onward
from .spend import LogSpend, RecodeSpend, ReverseSpend
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
    | spend.SpendCommand
    | RequestPayment
    | EnterStage
    | GreenlightProduction
)
ProductionCommand = OpenProduction | DirectCommand | ApprovalCommand

#: What is asked of executive producers while no policy is adopted; a budget's own facts say all there is to say of it.
ASKED_WITHOUT_A_POLICY = (RequestOverage, TransferBudget, DrawContingency, AdoptApprovalPolicy)
#: P3
STILL_TAKEN = (RecordReceipt, ReverseReceipt, ReverseSpend, RecodeSpend, RequestPayment, EndAppointment, EnterStage)


def refusals(command: type[Command]) -> tuple[type[Exception], ...]:
    """Every refusal that sending the command can end in: its own, and those of every command."""
    if command is OpenProduction:
        return command.refusals
    closed = () if command in STILL_TAKEN else (ProductionIsClosed,)
    limited = (BeyondDelegation,) if command in _LIMITED else ()
    return (ProductionIsMissing, NothingDelegated, RoleMayNot, *closed, *limited, *command.refusals)


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
    #: What the actor acts under, for somebody else.
    delegation: AuthorityDelegated | None = None

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
            compared=lambda asked, seen: submission.compared(asked, seen, production.budgets),
            limit=None if self.delegation is None else self.delegation.limit,
        )

    def answers_for(self, vote: Vote, amount: Money | None) -> bool:
        """Whether who gave an answer for somebody may still give it, on this production today."""
        if self.company is None or not self.company.may_stand_in(vote.by, vote.seat):
            return False
        answer, on = power(Approve if vote.approves else Abstain), self.production.today(self.metadata)
        under = self.company.delegations.acting(vote.by, vote.seat, answer, self.name, on)
        limit = under.limit if isinstance(under, AuthorityDelegated) and vote.approves else None
        return under is not None and (limit is None or amount is None or covers(limit, amount))


def decide(
    command: ProductionCommand,
    production: Production | None,
    company: Company | None,
    metadata: Metadata,
    *,
    name: Slug,
    signed_in: datetime | None = None,
) -> list[OfProduction]:
    """What the command makes happen, or the refusal it ends in.

    Args:
        company: the company's state, newer or as new as the command.
        metadata: `on_behalf_of` names whom the actor acts for, if they may.
        name: the production's, in the company.
        signed_in: when the actor did, where that is known.
    """
    if isinstance(command, OpenProduction):
        return open_production(command, production, company, metadata)
    if production is None:
        raise ProductionIsMissing()
    delegation = _acting(command, production, company, metadata, name)
    roles = held(production, company, metadata.on_behalf_of or metadata.actor, metadata)
    replaces = _gives_a_new_executive_producer(command, production, company, metadata)
    if replaces:
        roles = (Role.EXECUTIVE_PRODUCER,)
    authorize(command, roles)
    if production.stage is Stage.CLOSED and not _still_taken(command, production):
        raise ProductionIsClosed(type(command).__name__)
    situation = Situation(production, company, name, metadata, roles, _flags(production), signed_in, delegation)
    if isinstance(command, OnRound):
        happened = _answered(command, situation)
    else:
        _within_limit(command, situation)
        happened = _decided(command, situation)
        happened = happened if replaces else _through_policy(command, happened, situation)
    return _with_alerts(happened, situation)


def _flags(production: Production) -> Iterator[FlagId]:
    """The numbers of the flags that come next."""
    return (f"FLAG-{number}" for number in count(production.flags + 1))


def _acting(
    command: Command, production: Production, company: Company | None, metadata: Metadata, name: Slug
) -> AuthorityDelegated | None:
    """D1 to D5: what the actor acts under, for somebody else."""
    grantor = metadata.on_behalf_of
    if grantor is None or grantor == metadata.actor:
        return None
    on = production.today(metadata)
    found = None
    if company is not None and company.may_stand_in(metadata.actor, grantor):
        found = company.delegations.acting(metadata.actor, grantor, power(type(command)), name, on)
    if found is None:
        raise NothingDelegated(metadata.actor, type(command).__name__, grantor)
    return found if isinstance(found, AuthorityDelegated) else None


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
        and not any(
            Role.EXECUTIVE_PRODUCER in production.team[each] for each in production.team if company.belongs(each)
        )
    )


def _still_taken(command: Command, production: Production) -> bool:
    """P3; so are answers to what a closed production still asks: to reopen it, to pay, to end an appointment."""
    if isinstance(command, OnRound):
        asked = production.approvals.rounds.get(command.round)
        return asked is not None and (
            asked.kind in (RequestKind.REOPENING, RequestKind.PAYMENT) or asked.command == EndAppointment.__name__
        )
    return isinstance(command, STILL_TAKEN)


def _within_limit(command: DirectCommand, situation: Situation) -> None:
    """D4."""
    limit = None if situation.delegation is None else situation.delegation.limit
    grantor = situation.metadata
    if limit is None or grantor.on_behalf_of is None or not isinstance(command, _LIMITED):
        return
    amount = amount_of(command, situation.production.currency)
    if not covers(limit, amount):
        raise BeyondDelegation(grantor.actor, grantor.on_behalf_of, limit, amount)


#: What a limit is for, besides answers to rounds.
Limited = LogSpend | RequestOverage | TransferBudget | DrawContingency | SecureFunding | RecordReceipt
_LIMITED = get_args(Limited)


def amount_of(command: Limited, base: Currency) -> Money:
    """What the command is about, as it was sent."""
    match command:
        case LogSpend():
            return Money(command.net + command.tax - command.recoverable_tax, command.currency)
        case RequestOverage() | TransferBudget() | DrawContingency():
            return Money(command.amount, base)
        case SecureFunding() | RecordReceipt():
            return command.amount


def _decided(command: DirectCommand, situation: Situation) -> list[OfProduction]:
    """What the command makes happen by its own rules."""
    production, metadata, flags = situation.production, situation.metadata, situation.flags
    base, funds, budgets = production.currency, production.financing, production.budgets
    rounds, spending, measure = production.approvals, production.spending, production.measure
    happened: list[OfProduction] = []
    match command:
        case LogSpend():  # the first to be asked, since it comes most often
            happened += spend.log_spend(command, spending, measure, base, flags)
        case Appoint():
            happened += team.appoint(command, production.team, situation.company, situation.roles)
        case EndAppointment():
            on = production.today(metadata)
            happened += team.end_appointment(command, production.team, situation.company, situation.roles, metadata, on)
        case SecureFunding():
            happened += financing.secure_funding(command, funds, base, production.to_cover)
        case CommitFunding():
            happened += financing.commit_funding(command, funds, production.to_cover)
        case AmendFunding():
            happened += financing.amend_funding(command, funds, base, production.to_cover, flags)
        case CloseFunding():
            happened += financing.close_funding(command, funds)
        case WithdrawFunding():
            happened += financing.withdraw_funding(command, funds, production.to_cover, flags)
        case RecordReceipt():
            happened += receipt.record_receipt(command, funds, base, metadata, flags)
        case ReverseReceipt():
            happened += receipt.reverse_receipt(command, funds, metadata)
        case SetBudget():
            happened += _set(command, situation)
        case WaiveDifference():
            happened += budget.waive_difference(command, budgets)
        case LockBudget():
            happened += budget.lock_budget(command, budgets, metadata)
        case UnlockBudget():
            happened += budget.unlock_budget(command, budgets, metadata)
        case AdoptApprovalPolicy():
            happened += policy.adopt_approval_policy(command, production.policies, situation.company, funds)
        case SubmitBudget():
            happened += submission.submit_budget(command, rounds, budgets)
        case WithdrawBudget():
            happened += submission.withdraw_budget(command, rounds, budgets)
        case RequestOverage():
            happened += change.request_overage(command, budgets, funds, spending)
        case TransferBudget():
            happened += change.transfer_budget(command, budgets, spending)
        case DrawContingency():
            happened += change.draw_contingency(command, budgets, spending)
        case ReverseSpend():
            happened += _reversed(command, situation)
        case RecodeSpend():
            happened += spend.recode_spend(command, spending, measure, flags)
        case RequestPayment():
            payment.turned_down(command, spending, rounds)  # what it asks for is all that happens
        case EnterStage():
            happened += stage.enter_stage(command, production.stage)
        case GreenlightProduction():
            tests = production.policies.terms.green_light
            on_facts = (budgets, rounds, funds)
            happened += green_light.greenlight_production(command, tests, production.greenlit, *on_facts)
    return happened


def _set(command: SetBudget, situation: Situation) -> list[OfProduction]:
    """B1 to B5; A1 when it takes the place of what an open round asks about."""
    production, rounds = situation.production, situation.production.approvals
    drafted = budget.set_budget(command, production.budgets, production.currency, rounds.open, situation.flags)
    if rounds.open is None:
        return [*drafted]
    replaced = submission.replaced(drafted, rounds.open, rounds, production.budgets)
    happened = [*drafted, *replaced]
    for event in replaced:
        request = Request(RequestKind.BUDGET, event.subject, event.content_hash, event.amount)
        rule = policy.chosen(request, production.policies, rounds.asked, situation.metadata.at.date())
        asked = rounds.rounds[rounds.open]
        if (rule.steps, approval.fresh_minutes(request, rule)) != (asked.steps, asked.fresh_minutes):
            raise AnotherRuleCounts(event.subject, event.amount, rounds.open)
    return [*happened, *(_onward(rounds.open, happened, situation) if replaced else ())]


def _reversed(command: ReverseSpend, situation: Situation) -> list[OfProduction]:
    """S4 to S7; what was to be paid for it is asked no more."""
    production = situation.production
    happened = spend.reverse_spend(command, production.spending, production.measure, situation.flags)
    asked = production.approvals.on(command.spend, RequestKind.PAYMENT)
    return [*happened, *([] if asked is None else [RequestRecalled(asked, command.spend)])]


def _through_policy(command: DirectCommand, happened: list[OfProduction], situation: Situation) -> list[OfProduction]:
    """G2, G3: what the command makes happen, or the round that it opens instead."""
    production, metadata = situation.production, situation.metadata
    policies, rounds = production.policies, production.approvals
    if policies.in_force is None and not isinstance(command, ASKED_WITHOUT_A_POLICY):
        return happened
    request = _request(command, happened, situation)
    if request is None:
        return happened
    rule = policy.chosen(request, policies, rounds.asked, metadata.at.date())
    round_id = f"A-{len(rounds.rounds) + 1}"
    asked = approval.request_approval(request, rule, round_id)
    if request.kind in (RequestKind.PAYMENT, RequestKind.BUDGET):
        happened = [*happened, *asked]
        if rule.steps:
            return [*happened, *_onward(round_id, happened, situation)]
        at_once = request.kind is RequestKind.BUDGET
        return [*happened, *(_effects(round_id, _after(happened, situation), situation) if at_once else ())]
    if not rule.steps:
        return [*asked, *happened]
    situation = replace(situation, flags=_flags(production))  # what would have been raised was not
    if any(
        each.outcome is Outcome.OPEN and each.content_hash == request.content_hash for each in rounds.rounds.values()
    ):
        return []  # it is asked for already
    if request.kind is RequestKind.POLICY_CHANGE:
        waits = rounds.on(request.subject, RequestKind.POLICY_CHANGE)
        if waits is not None:
            raise PolicyIsProposed(request.subject, waits, rounds.rounds[waits].by)
    return _consenting(round_id, asked, situation)


def _consenting(round_id: RoundId, asked: list[ApprovalEvent], situation: Situation) -> list[OfProduction]:
    """G1, G5: who asks for it approves it by asking, where the policy lets them."""
    opened = _after(asked, situation)
    this, around = opened.approvals.rounds[round_id], replace(situation, production=opened).around
    seat = situation.metadata.on_behalf_of or situation.metadata.actor
    seats = around.seats(this, 0)
    alone = this.kind is RequestKind.APPOINTMENT and seats == (seat,)
    if not alone and not (this.kind is RequestKind.POLICY_CHANGE and seat in seats):
        return [*asked, *_onward(round_id, asked, situation)]
    opening = [replace(each, excluded=()) if isinstance(each, ApprovalRequested) else each for each in asked]
    consent = ApprovalGiven(round_id, this.subject, this.content_hash, None, 0, ())
    return [*opening, consent, *_onward(round_id, [*opening, consent], situation)]


def _request(command: DirectCommand, happened: list[OfProduction], situation: Situation) -> Request | None:
    """What the policy may want approved, if the command does such a thing."""
    production, persons = situation.production, situation.metadata.persons
    if isinstance(command, RequestPayment):
        former = payment.turned_down(command, production.spending, production.approvals)
        account = production.spending.entries[command.spend].account
        return Request(
            kind=RequestKind.PAYMENT,
            subject=command.spend,
            content_hash=former.content_hash,
            amount=former.amount,
            accounts=(account,),
            levels=_levels((account,), production),
            vendor=former.vendor,
            excluded=former.excluded | persons,
        )
    asks = partial(_asked_for, command, situation)
    for event in happened:
        match event:
            case BudgetSubmitted(_, subject, content_hash, total):
                excluded = production.budgets.drafters | persons
                return Request(RequestKind.BUDGET, subject, content_hash, total, excluded=excluded)
            case BudgetUnlocked(subject):
                version = production.budgets.versions[subject]
                return asks(RequestKind.UNLOCKING, subject, version.total, excluded=version.submitters)
            case OverageApproved(account=account, amount=amount):
                return asks(RequestKind.OVERAGE, account, amount, (account,), _loggers((account,), production))
            case BudgetTransferred(_, _, left, reached, amount):
                return asks(RequestKind.TRANSFER, f"{left} to {reached}", amount, (left, reached))
            case ContingencyDrawn(account=account, amount=amount):
                return asks(RequestKind.CONTINGENCY_DRAW, account, amount, (account,))
            case SpendLogged():
                return Request(
                    kind=RequestKind.PAYMENT,
                    subject=event.spend,
                    content_hash=policy.hash_of(RequestKind.PAYMENT, event.spend, _ENTRY.dump_json(event).decode()),
                    amount=event.cost,
                    accounts=(event.account,),
                    levels=_levels((event.account,), production),
                    vendor=event.vendor,
                    excluded=persons,
                )
            case FundingWithdrawn(funding):
                cut = production.financing.sources[funding].terms.base_amount
                return asks(RequestKind.FUNDING_CUT, funding, cut)
            case FundingAmended(funding, before, after) if policy.asks_holders(production.policies.terms) and (
                after.holder not in (None, before.holder)
            ):
                return asks(RequestKind.APPOINTMENT, f"{after.holder} as holder of {funding}", None)
            case FundingAmended(funding, before, after) if after.base_amount.amount < before.base_amount.amount:
                cut = Money(before.base_amount.amount - after.base_amount.amount, production.currency)
                return asks(RequestKind.FUNDING_CUT, funding, cut)
            case Appointed(person, role) | AppointmentEnded(person, role) if role in policy.approving_roles(
                production.policies.terms
            ):
                return asks(RequestKind.APPOINTMENT, f"{person} as {role.value.replace('_', ' ')}", None)
            case StageEntered(stage, Stage.CLOSED):
                return asks(RequestKind.REOPENING, stage.value.replace("_", " "), None)
            case ApprovalPolicyAdopted(number, terms):
                # Approved are these very terms, whatever the template says one day.
                written_out = AdoptApprovalPolicy(terms=terms, reason=command.reason)
                return _asked_for(written_out, situation, RequestKind.POLICY_CHANGE, number, None)
            case _:
                continue  # asks for nothing
    return None


def _asked_for(
    command: Command,
    situation: Situation,
    kind: RequestKind,
    subject: str,
    amount: Money | None,
    accounts: tuple[AccountCode, ...] = (),
    excluded: frozenset[PersonId] = frozenset(),
) -> Request:
    """A request to do what a command does."""
    production = situation.production
    body = command.model_dump_json(exclude_unset=True)
    return Request(
        kind=kind,
        subject=subject,
        content_hash=policy.hash_of(kind, subject, body),
        amount=amount,
        accounts=accounts,
        levels=_levels(accounts, production),
        percent=_percent(amount, accounts, production),
        excluded=frozenset() if kind is RequestKind.POLICY_CHANGE else situation.metadata.persons | excluded,
        command=command,
    )


def _levels(accounts: tuple[AccountCode, ...], production: Production) -> frozenset[Level]:
    force = production.budgets.force
    return frozenset() if force is None else frozenset(force.levels[c] for c in accounts if c in force.levels)


def _percent(amount: Money | None, accounts: tuple[AccountCode, ...], production: Production) -> Decimal | None:
    """What is asked for, as a percentage of the budget of the account that it is for."""
    force = production.budgets.force
    if force is None or amount is None or not accounts:
        return None
    budgeted = force.amounts.get(accounts[-1], Decimal(0))
    return amount.amount * 100 / budgeted if budgeted else Decimal(100)


def _answered(command: ApprovalCommand, situation: Situation) -> list[OfProduction]:
    """What is done about a round, and what follows from it; with the last approval it takes effect."""
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
            answered = approval.close_condition(command, rounds, metadata)
    if not answered and not isinstance(command, Nudge):
        return []
    return [*answered, *_onward(command.round, answered, situation)]


def _onward(round_id: RoundId, happened: Sequence[OfProduction], situation: Situation) -> list[OfProduction]:
    """A6, A8, A9: what follows in a round, up to its effect."""
    production = _after(happened, situation)
    asked = production.approvals.rounds[round_id]
    if asked.outcome is not Outcome.OPEN:
        return []
    around = replace(situation, production=production).around
    further, passes = onward(round_id, production.approvals, around, situation.metadata)
    return [*further, *(_effects(round_id, production, situation) if passes else ())]


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
            )
        ]
    approved = RequestApproved(round_id, asked.kind, asked.subject, asked.content_hash, asked.amount)
    if asked.kind is RequestKind.PAYMENT:
        return [approved, PaymentReleased(asked.subject, production.spending.entries[asked.subject].cost)]
    assert asked.command is not None
    assert asked.body is not None
    command = _COMMANDS[asked.command].model_validate_json(asked.body)
    theirs = replace(situation.metadata, actor=asked.by, on_behalf_of=asked.on_behalf_of, reason=command.reason)
    roles = held(production, situation.company, asked.on_behalf_of or asked.by, theirs)
    try:
        authorize(command, roles)  # whoever asked for it must still be somebody who may
        effects = _decided(command, replace(situation, production=production, metadata=theirs, roles=roles))
    except Refusal as refusal:
        raise CannotTakeEffect(asked.subject, str(refusal).removesuffix(".")) from None
    return [approved, *effects]


def _after(happened: Iterable[OfProduction], situation: Situation) -> Production:
    production = situation.production
    for event in happened:
        production = evolve(production, event, situation.metadata)
    return production


def _excluded(production: Production, asked: Round) -> frozenset[PersonId]:
    """A3: who may not approve what a round asks for."""
    match asked.kind:
        case RequestKind.POLICY_CHANGE:
            return frozenset()
        case RequestKind.BUDGET:
            return asked.excluded | asked.requesters | production.budgets.drafters
        case RequestKind.PAYMENT:
            return asked.excluded | production.spending.entries[asked.subject].recoded_by
        case RequestKind.OVERAGE:
            return asked.excluded | _loggers(asked.accounts, production)
        case _:
            return asked.excluded


def _loggers(codes: tuple[AccountCode, ...], production: Production) -> frozenset[PersonId]:
    """Who logged spend onto these accounts, or recoded it there."""
    accounts = production.spending.accounts
    return frozenset[PersonId]().union(*(accounts[code].loggers for code in codes if code in accounts))


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


#: An entry as it is stored, for the hash of what is paid.
_ENTRY = TypeAdapter(SpendLogged)
#: Commands that may wait for approval are kept as they were sent.
_COMMANDS: dict[str, type[Any]] = {command.__name__: command for command in get_args(ProductionCommand)}
