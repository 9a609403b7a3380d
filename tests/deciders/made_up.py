"""Histories that people could make: what they send, after beginnings of every kind, by the throw of dice."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from events import AnyEvent, codec
from events.budget import Level, TotalName
from events.financing import (
    FundingKind,
)
from events.ids import PersonId
from events.production import Stage
from events.spend import SpendKind
from events.team import Role
from service.deciders.advance import CloseAdvance, PayAdvance, ReturnAdvance, VoidReturn
from service.deciders.approval import (
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
from service.deciders.authority import MAY_SEND
from service.deciders.budget import LockBudget, SetBudget, UnlockBudget, WaiveDifference
from service.deciders.budget_content import BudgetCharge
from service.deciders.change import DrawContingency, RequestOverage, TransferBudget
from service.deciders.command import Command
from service.deciders.commitment import (
    AmendCommitment,
    CancelCommitment,
    CloseCommitment,
    DraftCommitment,
    RaiseRequisition,
    ReopenCommitment,
    SubmitCommitment,
    WithdrawRequisition,
)
from service.deciders.cost_report import IssueCostReport
from service.deciders.documents import LogBatch, LogCredit
from service.deciders.estimate import EstimateFinalCost
from service.deciders.financing import (
    AmendFunding,
    CloseFunding,
    CommitFunding,
    RestsOn,
    SecureFunding,
    WithdrawFunding,
)
from service.deciders.green_light import GreenlightProduction
from service.deciders.paying import (
    AnswerQuery,
    PaySpend,
    QuerySpend,
    ReconcileSpend,
    UndoReconciliation,
    VoidPayment,
)
from service.deciders.payment import RequestPayment
from service.deciders.period import ClosePeriod, OpenPeriod, ReopenPeriod, SoftClosePeriod, WithdrawReopening
from service.deciders.policy import TEMPLATES, AdoptApprovalPolicy, Template
from service.deciders.production import OpenProduction, Production
from service.deciders.receipt import RecordReceipt, ReverseReceipt
from service.deciders.refusal import Refusal
from service.deciders.remittance import RemitWithheld, VoidRemittance
from service.deciders.spend import LogSpend, RecodeSpend, ReverseSpend
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget, WithdrawBudget
from service.deciders.team import Appoint, EndAppointment
from tests.deciders.advances import close_short, give_back, pay_out, void_return
from tests.deciders.commitments import (
    ASKS,
    CLOSED_ORDER,
    HEADED,
    amend,
    bought,
    cancel,
    close,
    estimate,
    order,
    reopen,
    requisition,
    submit,
    withdraw,
)
from tests.deciders.documents import batch, credit, line
from tests.deciders.paying import answer, ask, pay, reconcile, undo, void
from tests.deciders.periods import WEEK, closes, issues, opens, posted, reopens, soft_closes, takes_back
from tests.deciders.remittances import payable, remit, void_remittance
from tests.deciders.rounds import (
    CONDITIONED,
    DILUTED,
    RICH,
    SOMEBODY_LEFT,
    SPENT_AND_COVERED,
    TURNED_DOWN,
    adopted,
    policy,
    says,
)
from tests.deciders.stories import (
    ACCOUNTANT,
    APPROVED,
    ART,
    BOND,
    CONTINGENCY,
    DEPARTMENT_HEAD,
    DRAFTED,
    EDITING,
    EVERY_LEVEL,
    FUNDED,
    HOLDER,
    INSURANCE,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    OPENING,
    OUTSIDER,
    PRODUCER,
    SMALL,
    SPENT,
    STAFFED,
    STRANGER,
    SUBMITTED,
    TEAM,
    TODAY,
    UNRECONCILED,
    UNRECONCILED_BUDGET,
    account,
    appoint,
    budget,
    content,
    inr,
    rate,
    receipt,
    recode,
    reverse,
    spend,
    usd,
)
from tests.forms import either
from tests.spec import World, play

#: The same examples on every machine; enough of them, and quick.
bounded = settings(
    max_examples=either(short=40, long=600),
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

WHY = "As things went."
ROLES: dict[PersonId, tuple[Role, ...]] = {MAYA: (Role.EXECUTIVE_PRODUCER,)} | TEAM
#: A budget that differs in everything: less for art, nothing for editing, another bond, a wrong label.
OTHER_BUDGET = budget(
    accounts=(
        account(ART, "Art Direction", Level.PRODUCTION, "100000"),
        account(CONTINGENCY, "Not a reserve here", Level.OTHER, "70000"),
    ),
    charges=(
        BudgetCharge.model_validate(
            {"code": BOND, "name": "Bond", "kind": "completion_bond", "percent": "3", "amount": "9000"}
            | {"base": EVERY_LEVEL},
            strict=False,
        ),
    ),
)
#: Its difference is within the tolerance.
TOLERANT = UNRECONCILED_BUDGET.model_copy(update={"tolerance": Decimal(1), "scenario": "low"})
BUDGETS = [SMALL, OTHER_BUDGET, budget("210000.55"), UNRECONCILED_BUDGET, TOLERANT]
HASHES = [content([*FUNDED, (LINE_PRODUCER, version)]) for version in BUDGETS]

PEOPLE = [*ROLES, STRANGER, OUTSIDER]
CODES = [ART, ART, ART, EDITING, INSURANCE, BOND, CONTINGENCY, "9999"]
RATES = [rate("USD", "INR", "83.2175"), rate("INR", "USD", "0.0121"), None, None]
AMOUNTS = ["0.01", "20000", "60000", "100000.55", "200000", "400000"]


def amount(dice: Random) -> str:
    return dice.choice([*AMOUNTS, str(Decimal(dice.randint(1, 50_000_000)).scaleb(-2))])


def terms(dice: Random) -> dict[str, Any]:
    """An amount and a rate to go with it, mostly right."""
    at = dice.choice(RATES)
    foreign = at is not None and dice.random() < 0.9
    return {"amount": usd(amount(dice)) if foreign else inr(amount(dice)), "budget_rate": at if foreign else None}


def source(dice: Random) -> str:
    return f"F-{dice.randint(1, 5)}"


def entry(dice: Random) -> str:
    return f"S-{dice.randint(1, 9):06}"


def version(dice: Random) -> str:
    return f"v{dice.randint(1, 4)}"


def number(dice: Random) -> str:
    return f"A-{dice.randint(1, 4)}"


def decision(dice: Random) -> dict[str, str]:
    return {"round": number(dice), "content_hash": dice.choice(HASHES)}


#: Steps of every kind: some that nobody can pass, some that are skipped, some that wait for all.
POLICIES: list[dict[str, Any]] = [
    *({"template": template} for template in Template),
    {"terms": RICH},
    {"terms": replace(RICH, name="Ours, with two steps a person", one_person_may_fill_two_steps=True)},
]


def amended(dice: Random) -> AmendFunding:
    change = dice.choice([terms(dice), terms(dice), {"lent_against": dice.choice([None, source(dice)])}])
    return AmendFunding(funding=source(dice), reason=WHY, **change)


def received(dice: Random) -> RecordReceipt:
    figure = dice.choice([inr, inr, usd])(amount(dice))
    return receipt(source(dice), figure, credited=inr(amount(dice)))


PAPERS = [{"rests_on": paper, "document": "Paper"} for paper in (*RestsOn, RestsOn.SIGNED_AGREEMENT)]


def secured(dice: Random) -> SecureFunding:
    return SecureFunding(
        kind=dice.choice([FundingKind.EQUITY, *FundingKind]),
        party="Fund",
        holder=dice.choice([None, None, HOLDER]),
        **dice.choice([{}, *PAPERS]),
        lent_against=dice.choice([None, source(dice)]),
        **terms(dice),
    )


def logged(dice: Random) -> LogSpend:
    at = dice.choice(RATES)
    details: dict[str, Any] = {} if at is None else {"currency": "USD", "rate": at}
    net, tax = dice.choice(["20000", "100000", "150000", amount(dice)]), dice.choice(["0", "18.50"])
    if dice.random() < 0.3:
        details["commitment"] = f"PO-{dice.randint(1, 4):04}"
    if dice.random() < 0.2:
        details["kind"] = SpendKind.ACCRUAL
    elif dice.random() < 0.2:
        details["accrual"] = entry(dice)
    if dice.random() < 0.4:
        details["withheld"] = tenth(net)
    if dice.random() < 0.2 and details.get("kind") is not SpendKind.ACCRUAL:
        details["advance"] = float_or_deposit(dice)
    return spend(dice.choice(CODES), net, tax=Decimal(tax), **details)


def float_or_deposit(dice: Random) -> str:
    return f"{dice.choice(['FLOAT', 'FLOAT', 'DEP'])}-{dice.randint(1, 3):04}"


def advanced(dice: Random) -> PayAdvance:
    at = dice.choice(RATES)
    details: dict[str, Any] = {} if at is None else {"currency": "USD", "rate": at}
    if dice.random() < 0.3:
        return pay_out(amount(dice), vendor=dice.choice(["kala-sets", "sona-timber"]), **details)
    return pay_out(amount(dice), person=dice.choice(PEOPLE), **details)


def paid(dice: Random) -> PaySpend:
    amount_paid = dice.choice([None, None, *AMOUNTS[:3]])
    return pay(entry(dice), amount_paid, account=dice.choice([None, None, *CODES]))


def batched(dice: Random) -> LogBatch:
    details: dict[str, Any] = {"commitment": f"PO-{dice.randint(1, 4):04}"} if dice.random() < 0.3 else {}
    if dice.random() < 0.3:
        details["advance"] = float_or_deposit(dice)
    nets = [amount(dice) for _ in range(dice.randint(1, 3))]
    lines = [line(dice.choice(CODES), net, fringe=dice.random() < 0.3, withheld=tenth(net)) for net in nets]
    return batch(*lines, **details)


def tenth(net: str) -> Decimal:
    return (Decimal(net) / 10).quantize(Decimal("0.01"))


def drafted(dice: Random) -> DraftCommitment:
    details: dict[str, Any] = {"requisition": dice.choice([None, None, "REQ-1", "REQ-2"])}
    if (at := dice.choice(RATES)) is not None:
        details |= {"currency": "USD", "rate": at}
    if dice.random() < 0.2:
        details["commitment"] = f"PO-{dice.randint(1, 3):04}"
    if dice.random() < 0.3:
        details["vendor"] = "sona-timber"
    return order((dice.choice(CODES), amount(dice)), (ART, dice.choice(["1", "7000"])), **details)


#: How each command is made up.
MADE_UP: dict[type[Command], Callable[[Random], Command]] = {
    Appoint: lambda dice: appoint(dice.choice(PEOPLE), dice.choice([*Role])),
    EndAppointment: lambda dice: EndAppointment(person=dice.choice(PEOPLE), role=dice.choice([*Role])),
    SecureFunding: secured,
    CommitFunding: lambda dice: CommitFunding(funding=source(dice), rests_on=dice.choice([*RestsOn]), document="Paper"),
    AmendFunding: amended,
    CloseFunding: lambda dice: CloseFunding(funding=source(dice)),
    WithdrawFunding: lambda dice: WithdrawFunding(funding=source(dice), reason=WHY),
    RecordReceipt: received,
    ReverseReceipt: lambda dice: ReverseReceipt(receipt=f"R-{dice.randint(1, 5)}", posted_on=TODAY, reason=WHY),
    SetBudget: lambda dice: dice.choice([*BUDGETS[:-1], *BUDGETS]).model_copy(
        update={"round": dice.choice([None, number(dice)])}
    ),
    WaiveDifference: lambda dice: WaiveDifference(budget=version(dice), total=TotalName.GRAND_TOTAL, reason=WHY),
    SubmitBudget: lambda dice: SubmitBudget(budget=version(dice)),
    WithdrawBudget: lambda dice: WithdrawBudget(budget=version(dice)),
    Approve: lambda dice: Approve(conditions=dice.choice([(), (), (), (), ("The permit comes.",)]), **decision(dice)),
    RequestChanges: lambda dice: RequestChanges(words=WHY, **decision(dice)),
    Reject: lambda dice: Reject(words=WHY, **decision(dice)),
    AdoptApprovalPolicy: lambda dice: AdoptApprovalPolicy(**dice.choice(POLICIES)),
    Abstain: lambda dice: Abstain(**decision(dice)),
    WithdrawVote: lambda dice: WithdrawVote(round=number(dice)),
    RecallRequest: lambda dice: RecallRequest(round=number(dice)),
    Nudge: lambda dice: Nudge(round=number(dice)),
    ReassignStep: lambda dice: ReassignStep(
        round=number(dice), seat=dice.choice([MAYA, NOOR]), to=dice.choice(PEOPLE), reason=WHY
    ),
    OverrideStep: lambda dice: OverrideStep(reason=WHY, **decision(dice)),
    CloseCondition: lambda dice: CloseCondition(
        round=number(dice), condition=1, waived=dice.choice([True, False, False]), words=WHY
    ),
    RequestOverage: lambda dice: RequestOverage(
        account=dice.choice(CODES), amount=Decimal(dice.choice(AMOUNTS[:3])), funding=source(dice), reason=WHY
    ),
    TransferBudget: lambda dice: TransferBudget(
        from_account=dice.choice(CODES),
        to_account=dice.choice(CODES),
        amount=Decimal(dice.choice(AMOUNTS[:3])),
        reason=WHY,
    ),
    DrawContingency: lambda dice: DrawContingency(account=dice.choice(CODES), amount=Decimal(amount(dice)), reason=WHY),
    GreenlightProduction: lambda dice: GreenlightProduction(conditions=dice.choice([(), ("The bond is signed.",)])),
    LockBudget: lambda dice: LockBudget(budget=version(dice)),
    UnlockBudget: lambda dice: UnlockBudget(budget=version(dice), reason=WHY),
    RaiseRequisition: lambda dice: requisition((dice.choice(CODES), amount(dice))),
    WithdrawRequisition: lambda dice: withdraw(dice.randint(1, 3)),
    DraftCommitment: drafted,
    SubmitCommitment: lambda dice: submit(dice.randint(1, 4), override=dice.random() < 0.1),
    AmendCommitment: lambda dice: amend(
        (dice.choice(CODES), amount(dice)), (ART, "500"), commitment=f"PO-{dice.randint(1, 4):04}"
    ),
    CancelCommitment: lambda dice: cancel(dice.randint(1, 4)),
    CloseCommitment: lambda dice: close(dice.randint(1, 4)),
    ReopenCommitment: lambda dice: reopen(dice.randint(1, 4)),
    EstimateFinalCost: lambda dice: estimate(dice.choice([None, amount(dice)]), dice.choice(CODES)),
    PayAdvance: advanced,
    ReturnAdvance: lambda dice: give_back(amount(dice), float_or_deposit(dice)),
    VoidReturn: lambda dice: void_return(1, float_or_deposit(dice)),
    CloseAdvance: lambda dice: close_short(float_or_deposit(dice)),
    LogSpend: logged,
    LogBatch: batched,
    LogCredit: lambda dice: credit(dice.choice(CODES), amount(dice), dice.choice([None, "C-1"])),
    ReverseSpend: lambda dice: reverse(entry(dice)),
    RecodeSpend: lambda dice: recode(entry(dice), dice.choice(CODES)),
    RequestPayment: lambda dice: RequestPayment(spend=entry(dice), reason=WHY),
    IssueCostReport: lambda dice: dice.choice([issues(1), issues(2), IssueCostReport(posted_to=TODAY)]),
    OpenPeriod: lambda dice: opens(TODAY - dice.randint(-2, 6) * WEEK, dice.choice([None, TODAY - 7 * WEEK])),
    SoftClosePeriod: lambda dice: soft_closes(dice.randint(1, 3)),
    ClosePeriod: lambda dice: closes(dice.randint(1, 3)),
    ReopenPeriod: lambda dice: reopens(dice.randint(1, 3)),
    WithdrawReopening: lambda dice: takes_back(dice.randint(1, 3)),
    QuerySpend: lambda dice: ask(entry(dice), dice.choice([None, None, *PEOPLE])),
    AnswerQuery: lambda dice: answer(f"Q-{dice.randint(1, 4)}"),
    PaySpend: paid,
    VoidPayment: lambda dice: void(entry(dice)),
    ReconcileSpend: lambda dice: reconcile(entry(dice), f"{dice.randint(1, 9)}"),
    UndoReconciliation: lambda dice: undo(entry(dice)),
    RemitWithheld: lambda dice: remit(amount(dice)),
    VoidRemittance: lambda dice: void_remittance(f"RM-{dice.randint(1, 3)}"),
    EnterStage: lambda dice: EnterStage(
        stage=dice.choice([*Stage, *Stage, *Stage, *Stage][:-3]), reason=dice.choice([WHY, None])
    ),
    OpenProduction: lambda _: OPENING,
}
#: What people send again and again.
OFTEN = [
    *(4 * [LogSpend, SubmitBudget, Approve]),
    *(2 * [SetBudget, LockBudget]),
    *(2 * [QuerySpend, AnswerQuery, PaySpend, VoidPayment, ReconcileSpend]),
    *(2 * [LogBatch, LogCredit, ReverseSpend, RecodeSpend, AmendFunding, RecordReceipt, ReverseReceipt]),
    *[WaiveDifference, WithdrawBudget, RequestChanges, SecureFunding, EndAppointment],
    *(3 * [Approve, TransferBudget, DrawContingency, RequestOverage, OverrideStep, CloseCondition, ReassignStep]),
    *[Nudge, AdoptApprovalPolicy, RequestPayment],
    *(2 * [DraftCommitment, SubmitCommitment, AmendCommitment, PayAdvance]),
    *(3 * [RemitWithheld, VoidRemittance, ReturnAdvance, VoidReturn]),
    *(2 * [OpenPeriod, ClosePeriod, ReopenPeriod]),
]
#: What may be sent again to the same effect: a reminder; and what took effect at once, or was asked for and granted.
AGAIN = (
    Nudge,
    TransferBudget,
    DrawContingency,
    RequestOverage,
    RaiseRequisition,
    PayAdvance,
    ReturnAdvance,
    IssueCostReport,
)
#: What is another one each time.
ADDS = (LogSpend, LogBatch, LogCredit, RecordReceipt, SecureFunding, DraftCommitment)
WITH_PERIODS = [
    *SPENT,
    *[(ACCOUNTANT, opens(TODAY - weeks * WEEK, None if weeks < 3 else TODAY - 4 * WEEK)) for weeks in (3, 2, 1)],
    *[(ACCOUNTANT, closes(1)), posted(TODAY - WEEK)],
]
BEGINNINGS = {
    "staffed": STAFFED,
    "funded": FUNDED,
    "unreconciled": UNRECONCILED,
    "submitted": SUBMITTED,
    "locked": LOCKED,
    "spent": SPENT,
    "under a policy": adopted(SPENT_AND_COVERED, RICH),
    "free to change": adopted(SPENT_AND_COVERED, policy()),
    "on conditions": CONDITIONED,
    "with a payment turned down": TURNED_DOWN,
    "somebody left": SOMEBODY_LEFT,
    "holding too little": DILUTED,
    "submitted again": [*APPROVED, (LINE_PRODUCER, budget("210000")), (PRODUCER, SubmitBudget(budget="v2"))],
    "drafted under a policy": adopted(DRAFTED, RICH),
    "with orders": [*CLOSED_ORDER, *bought((ART, "7000"), number=2), (LINE_PRODUCER, requisition((ART, "300")))],
    "with requisitions": [
        *says([*adopted(HEADED, ASKS), (DEPARTMENT_HEAD, requisition((ART, "300")))], LINE_PRODUCER, "A-3"),
        (DEPARTMENT_HEAD, requisition((ART, "500"))),
        (ACCOUNTANT, requisition((ART, "7000"))),
        (LINE_PRODUCER, order((ART, "200"), requisition="REQ-1")),
    ],
    "with periods": WITH_PERIODS,
    "with a reopening proposed": [*WITH_PERIODS, (ACCOUNTANT, reopens(1))],
    "of the studio": adopted(DRAFTED, TEMPLATES[Template.STUDIO]),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One command, the world that it was sent into, and what came of it."""

    before: World
    person: PersonId
    command: Command
    facts: list[AnyEvent]
    refusal: Refusal | None


def attempted(world: World, person: PersonId, command: Command) -> Step:
    try:
        return Step(world, person, command, world.decide(person, command), None)
    except Refusal as refusal:
        return Step(world, person, command, [], refusal)


def senders(command: type[Command]) -> list[PersonId]:
    """Those who may send it, and one who may nothing."""
    if command is CloseCondition:
        return [MAYA, NOOR]  # who is likely to have set one
    may = MAY_SEND.get(command, (Role.EXECUTIVE_PRODUCER,))
    those = [person for person, roles in ROLES.items() if set(roles) & set(may)]
    return [*those, *those, *those, *those, STRANGER]


def aimed(command: Command, production: Production) -> Command:
    """The command at what is there for one of its kind, if anything is."""
    budgets, approvals = production.budgets, production.approvals
    there = {
        "funding": sorted(production.financing.sources),
        "receipt": sorted(production.financing.receipts),
        "spend": sorted(production.spending.entries),
        "query": sorted(production.paying.open.values()),
        "remittance": sorted(production.remittances.known),
        "budget": sorted(budgets.working.values()) or [budgets.in_force],
        "round": [*approvals.waiting] or [None],
    }
    if isinstance(command, LockBudget | UnlockBudget):
        there["budget"] = [budgets.in_force]
    if isinstance(command, VoidPayment | ReconcileSpend | UndoReconciliation):
        there["spend"] = sorted(production.paying.paid)
    if isinstance(command, ReopenPeriod | WithdrawReopening) and (proposal := production.periods.proposal):
        there["period"] = [proposal.period]
    changes: dict[str, Any] = {}
    for name in there.keys() & type(command).model_fields.keys():
        number = int(re.sub("[^0-9]", "", getattr(command, name) or "0"))
        if there[name] and None not in there[name]:
            changes[name] = there[name][number % len(there[name])]
    if isinstance(command, RemitWithheld):
        changes["amount"] = payable(production)
    if "round" in changes and "content_hash" in type(command).model_fields:
        changes["content_hash"] = approvals.rounds[changes["round"]].content_hash
    return command.model_copy(update=changes)


def step(world: World, dice: Random) -> Step:
    """What somebody sends next."""
    assert world.production is not None
    kind = dice.choice([*MADE_UP, *OFTEN])
    command = MADE_UP[kind](dice)
    if dice.random() < 0.8:
        command = aimed(command, world.production)
    return attempted(world, dice.choice(senders(kind)), command)


@cache
def begun(beginning: str) -> World:
    """The world that a beginning leaves: a value, so one is enough for all histories that go on from it."""
    return play(BEGINNINGS[beginning])


@dataclass
class History:
    """What people sent after the beginning: one step for each throw of the dice, the fewer the shorter."""

    beginning: str
    dice: list[int]
    steps: list[Step] = field(init=False, repr=False, default_factory=list)
    #: In the end.
    world: World = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.world = begun(self.beginning)
        for thrown in self.dice:
            taken = step(self.world, Random(thrown))
            self.steps.append(taken)
            if taken.refusal is None:
                self.world = self.world.after(taken.person, taken.command, taken.facts)

    @property
    def production(self) -> Production:
        assert self.world.production is not None
        return self.world.production

    def worlds(self) -> Iterator[World]:
        yield from (step.before for step in self.steps)
        yield self.world


throws = st.lists(st.integers(0, 2**32), min_size=30, max_size=90, unique=True)
histories = st.builds(History, st.sampled_from([*BEGINNINGS]), throws)


def told(many: int) -> Iterator[str]:
    """All that is decided in so many histories, refusals as they read."""
    dice = Random(7)
    for _ in range(many):
        beginning = dice.choice([*BEGINNINGS])
        history = History(beginning, [dice.randrange(2**32) for _ in range(dice.randint(30, 90))])
        for step in history.steps:
            yield "\n".join(map(codec.encode, step.facts)) if step.refusal is None else str(step.refusal)
