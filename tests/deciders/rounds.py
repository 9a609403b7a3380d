"""Stories of rounds under policies, of delegation, and of changes to the locked budget; and how each refuses."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from events.budget import Held
from events.delegation import Power
from events.financing import FundingKind, FundingState
from events.ids import PersonId, RoundId
from events.money import Money
from events.policy import Approver, Mode, Policy, RequestKind, Rule, Step, When
from events.team import Role
from service.deciders import authority, decision
from service.deciders.approval import (
    Abstain,
    Approve,
    ApproverHadAHandInIt,
    ApproverIsSubmitter,
    ApproverSetTheBudget,
    BeyondDelegation,
    CannotBeReassigned,
    CannotTakeEffect,
    CloseCondition,
    ConditionIsMissing,
    ConditionIsNotYours,
    ContentHasChanged,
    CredentialsAreNotFresh,
    DealtWithIt,
    NoAnswerToWithdraw,
    NobodyApproved,
    NobodyOverrides,
    NoStepIsLeft,
    NotAsked,
    NotWhoAskedForIt,
    Nudge,
    OnRound,
    OverrideStep,
    PersonFillsAnotherPlace,
    PlaceIsNotYours,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    RoundIsClosed,
    RoundIsMissing,
    WithdrawVote,
)
from service.deciders.budget import AnotherRuleCounts, BudgetIsUnreconciled
from service.deciders.change import (
    AccountIsLocked,
    AccountIsMissing,
    AccountWouldBeOverspent,
    AmountDoesNotFit,
    BudgetIsNotLocked,
    ContingencyIsExhausted,
    ContingencyMovesByDraw,
    DrawContingency,
    NothingMoves,
    OverageIsNotCarried,
    RequestOverage,
    SourceCarriesNothing,
    TransferBudget,
)
from service.deciders.command import Command
from service.deciders.company import CompanyIsMissing, MemberIsMissing
from service.deciders.delegation import (
    AuthorityIsNotYours,
    DelegateAuthority,
    DelegationIsMissing,
    EndAbsence,
    NobodyActsForThemselves,
    NotOfOneCompany,
    RevokeDelegation,
    SetAbsence,
)
from service.deciders.financing import AmendFunding, AmendsTwoThings, SourceIsMissing
from service.deciders.green_light import GreenlightProduction, GreenlitAlready, NotReadyForGreenLight
from service.deciders.payment import PaymentIsNotTurnedDown, RequestPayment
from service.deciders.policy import AdoptApprovalPolicy, PolicyIsProposed, Template
from service.deciders.rounds import Round
from service.deciders.spend import SpendIsMissing, SpendIsReversed
from service.deciders.submission import SubmitBudget
from service.deciders.team import EndAppointment
from tests.deciders.rung import ASKED, NO_CONTENT, OTHER, WHY, Rung
from tests.deciders.stories import (
    ACCOUNTANT,
    APPROVED,
    ART,
    AUDITOR,
    BONDER,
    CONTINGENCY,
    DIRECTOR,
    DRAFTED,
    EDITING,
    FINANCIER,
    FOUNDED,
    GUARANTOR,
    GUESTS,
    HOLDER,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    OUTSIDER,
    PRIYA,
    PRODUCER,
    SPENT,
    STAFFED,
    STORY,
    STRANGER,
    SUBMITTED,
    TODAY,
    TWO_HATS,
    UNRECONCILED_BUDGET,
    approve,
    budget,
    equity,
    held,
    inr,
    locked,
    reverse,
    spend,
)
from tests.spec import Story, play

EP = Step((Approver(Role.EXECUTIVE_PRODUCER),))
EPS = replace(EP, mode=Mode.ALL)
GUARANTORS = Step((Approver(Role.COMPLETION_GUARANTOR),))
PRODUCERS = Step((Approver(Role.PRODUCER),))


def policy(*steps: Step, **terms: Any) -> Policy:
    """One rule for budgets and changes to the locked one; payments need no approval, nor does anything else."""
    kinds = (RequestKind.BUDGET, RequestKind.OVERAGE, RequestKind.TRANSFER, RequestKind.CONTINGENCY_DRAW)
    others = tuple(kind for kind in RequestKind if kind not in (*kinds, RequestKind.POLICY_CHANGE))
    rules = (Rule("Money", When(kinds), steps), Rule("The rest", When(others)))
    return Policy(**({"name": "Ours", "rules": rules, "otherwise": (EP,), "alerts_at": ()} | terms))


#: Budgets are for somebody who is not here, all executive producers and a guarantor; transfers
#: need two of whoever holds funding, is a guarantor or an accountant; payments from 60,000 on a producer, as
#: requisitions do.
RICH = Policy(
    name="Ours",
    rules=(
        Rule(
            "Budgets", When((RequestKind.BUDGET,)), (Step((Approver(person=STRANGER),), optional=True), EPS, GUARANTORS)
        ),
        Rule("Capped", When((RequestKind.TRANSFER, RequestKind.OVERAGE), capped=True), (EPS,)),
        Rule(
            "Transfers",
            When((RequestKind.TRANSFER,)),
            (
                Step((Approver(role=Role.ASSOCIATE_PRODUCER), Approver(role=Role.DIRECTOR)), optional=True),
                Step((Approver(every_holder=True), Approver(Role.COMPLETION_GUARANTOR)), Mode.QUORUM, quorum=2),
            ),
        ),
        Rule("Large payments", When((RequestKind.PAYMENT,), at_least=Decimal(60000)), (PRODUCERS,)),
        Rule("Payments", When((RequestKind.PAYMENT,))),
        Rule("Draws", When((RequestKind.CONTINGENCY_DRAW,), below=Decimal(20000))),
        Rule("Requisitions", When((RequestKind.REQUISITION,)), (PRODUCERS,)),
    ),
    otherwise=(EP,),
    capped_accounts=(EDITING,),
    override_by=Role.EXECUTIVE_PRODUCER,
)


def asked(story: Story, round_id: RoundId) -> Round:
    """A round, as the story leaves it."""
    production = play(story).production
    assert production is not None
    return production.approvals.rounds[round_id]


def says(story: Story, person: PersonId, round_id: RoundId, answer: type = Approve, **more: Any) -> Story:
    """The story with somebody's answer to what the round asks about by then."""
    return [*story, (person, answer(round=round_id, content_hash=asked(story, round_id).content_hash, **more))]


def adopted(story: Story, terms: Policy) -> Story:
    """The story with a policy that Maya proposed, and all executive producers approved."""
    number = len(play(story).production.approvals.rounds) + 1
    story = [*story, (MAYA, AdoptApprovalPolicy(terms=terms))]
    for person in (NOOR, TWO_HATS):
        story = says(story, person, f"A-{number}")
    return story


def submitted(*steps: Step, **terms: Any) -> Story:
    """A budget that waits under a policy of one's own, in round A-2."""
    return [*adopted(DRAFTED, policy(*steps, **terms)), (PRODUCER, SubmitBudget(budget="v1"))]


def transfer(amount: str = "60000", left: str = STORY, reached: str = ART) -> TransferBudget:
    return TransferBudget(from_account=left, to_account=reached, amount=Decimal(amount), reason=WHY)


def overage(amount: str = "1000", account: str = ART, funding: str = "F-4") -> RequestOverage:
    return RequestOverage(account=account, amount=Decimal(amount), funding=funding, reason=WHY)


def draw(amount: str = "5000", account: str = ART) -> DrawContingency:
    return DrawContingency(account=account, amount=Decimal(amount), reason=WHY)


def delegated(to: PersonId = STRANGER, *powers: Power, limit: Money | None = None, **more: Any) -> DelegateAuthority:
    days = {"from_on": TODAY, "until_on": TODAY} | more
    return DelegateAuthority(to=to, powers=powers or (Power.APPROVE,), limit=limit, **days)


def away(substitute: PersonId = STRANGER, **more: Any) -> SetAbsence:
    return SetAbsence(**({"substitute": substitute, "from_on": TODAY, "until_on": TODAY} | more))


#: A fourth source of 200,000, closed: 140,000 more than the locked budget needs.
COVERED: Story = [*LOCKED, (MAYA, equity(inr("200000"), party="Lotus Films", holder=FINANCIER))]
SPENT_AND_COVERED: Story = [*SPENT, (MAYA, equity(inr("200000"), party="Lotus Films", holder=FINANCIER))]
#: A transfer that waits in A-2 for any executive producer, and of which less is left than was asked for.
OVERTAKEN: Story = [*COVERED, (PRODUCER, transfer()), (LINE_PRODUCER, spend(STORY, "50000", "KS-9"))]
#: A transfer that asks somebody in whose place an executive producer put another.
_PUTS = ReassignStep(round="A-3", seat=GUARANTOR, to=DIRECTOR, reason=WHY)
_ASKS = adopted(COVERED, policy(GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER))
_PUT: Story = [*_ASKS, (PRODUCER, transfer()), (MAYA, _PUTS)]
_CONDITION_PUT = says(_PUT, DIRECTOR, "A-3", conditions=("The bond is signed.",))
_ASKED_TOO: Story = [
    *adopted(COVERED, policy(EPS, override_by=Role.EXECUTIVE_PRODUCER)),
    (PRODUCER, transfer()),
    (MAYA, ReassignStep(round="A-3", seat=NOOR, to=DIRECTOR, reason=WHY)),
]
_DEALT = DealtWithIt(MAYA, "A-3")
_ASKS_TWICE = adopted(COVERED, policy(EP, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER))
_ANSWERED = says([*_ASKS_TWICE, (PRODUCER, transfer())], MAYA, "A-3")
_PASSED_OVER = says([*_ASKS_TWICE, (PRODUCER, transfer())], MAYA, "A-3", OverrideStep, reason=WHY)
_NOBODY = NobodyApproved("A-3", f"{STORY} to {ART}")
GONE = CannotTakeEffect(
    f"{STORY} to {ART}",
    "INR 60,000.00 is INR 10,000.00 more than account 1100 can give: INR 100,000.00, less INR 50,000.00 spent, held or"
    " asked for",
)


def overtaken(*steps: Step, answers: tuple[tuple[PersonId, type, dict[str, Any]], ...], **terms: Any) -> Story:
    """A transfer under a policy, in A-3, answered; then most of what it would move is spent."""
    story = [*adopted(COVERED, policy(*steps, **terms)), (PRODUCER, transfer())]
    for person, answer, more in answers:
        story = says(story, person, "A-3", answer, **more)
    return [*story, (LINE_PRODUCER, spend(STORY, "50000", "KS-9"))]


def last(story: Story, round_id: RoundId, answer: type = Approve, **more: Any) -> Command:
    """An answer to what the round asks about, as the story leaves it."""
    return says(story, MAYA, round_id, answer, **more)[-1][1]


_ALL_BUT_ONE = overtaken(EPS, answers=((MAYA, Approve, {}), (NOOR, Approve, {})))
_LEFT = [
    *_ALL_BUT_ONE,
    (TWO_HATS, EndAppointment(person=TWO_HATS, role=Role.EXECUTIVE_PRODUCER, reason=WHY)),
]
_OVERRIDABLE = overtaken(EP, GUARANTORS, answers=((NOOR, Approve, {}),), override_by=Role.EXECUTIVE_PRODUCER)
_CONDITIONAL = overtaken(EP, answers=((MAYA, Approve, {"conditions": ("The permit comes.",)}),))
TWO_STEPS = submitted(EP, GUARANTORS)
BOTH_EPS = submitted(EP, EPS)
CONDITIONED = says(submitted(EP), MAYA, "A-2", conditions=("The bond is signed.",))
CLOSED_CONDITION = [*CONDITIONED, (MAYA, CloseCondition(round="A-2", condition=1, waived=True, words=WHY))]
OVERRIDABLE = submitted(EP, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
OVERRIDABLE_AND_CONDITIONED = says(
    submitted(EP, override_by=Role.EXECUTIVE_PRODUCER), MAYA, "A-2", conditions=("The bond is signed.",)
)
AT_GUARANTOR = says(OVERRIDABLE, NOOR, "A-2")
ONE_STEP = submitted(GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
#: Large budgets are for all executive producers, this one is for any.
BANDS = Policy(
    name="Bands",
    rules=(Rule("Large", When((RequestKind.BUDGET,), at_least=Decimal(500000)), (EPS,)),),
    otherwise=(EP,),
)
UNDER_BANDS = [*adopted(DRAFTED, BANDS), (PRODUCER, SubmitBudget(budget="v1"))]
FRESH = submitted(EP, fresh_from=Decimal("100000"), override_by=Role.EXECUTIVE_PRODUCER)
_OF_A_DAY = says(
    submitted(EP, fresh_from=Decimal("100000"), fresh_minutes=1440), MAYA, "A-2", conditions=("The bond is signed.",)
)
LET_SAM = [*SUBMITTED, (MAYA, delegated(limit=inr("1000")))]
_LET_ABSTAIN = [*submitted(EPS), (MAYA, delegated(STRANGER, Power.ABSTAIN, limit=inr("1000")))]
SET_BY_TWO_HATS = [
    *adopted(DRAFTED, policy(EP, override_by=Role.EXECUTIVE_PRODUCER)),
    (TWO_HATS, budget("210000")),
    (PRODUCER, SubmitBudget(budget="v2")),
]
SUBMITTED_BY_TWO_HATS = [
    *adopted(DRAFTED, policy(EP, override_by=Role.EXECUTIVE_PRODUCER)),
    (TWO_HATS, SubmitBudget(budget="v1")),
]
TRANSFER_OF_TWO_HATS = [
    *adopted(COVERED, policy(EP, override_by=Role.EXECUTIVE_PRODUCER)),
    (TWO_HATS, transfer()),
]

#: A transfer that waits in A-2, and whose requester has no role any more.
ASKER_LEFT = [
    *COVERED,
    (LINE_PRODUCER, transfer()),
    (MAYA, EndAppointment(person=LINE_PRODUCER, role=Role.LINE_PRODUCER, reason=WHY)),
]
MAY_NO_MORE = CannotTakeEffect(
    f"{STORY} to {ART}",
    "lena may not ask for it any more; producer and line producer may",
)
#: An approval of two that count, whose approver has gone.
SOMEBODY_LEFT = [
    *says(submitted(EPS, GUARANTORS), MAYA, "A-2"),
    (MAYA, EndAppointment(person=MAYA, role=Role.EXECUTIVE_PRODUCER, reason=WHY)),
]

_HALF = Step((Approver(every_holder=True),), Mode.SHARE, share=Decimal(50))
#: Half of the funding approved it in the first step, and is less than half of it by now.
DILUTED: Story = [
    *says(
        [
            *adopted([*DRAFTED, (MAYA, equity(inr("400000"), holder=FINANCIER))], policy(_HALF, GUARANTORS)),
            (PRODUCER, SubmitBudget(budget="v1")),
        ],
        HOLDER,
        "A-2",
    ),
    (MAYA, equity(inr("400000"), party="Nobody's")),
]

SOUND: tuple[Command, ...] = (
    AdoptApprovalPolicy(template=Template.STUDIO),
    Abstain(round="A-1", content_hash=ASKED),
    WithdrawVote(round="A-1"),
    RecallRequest(round="A-1"),
    Nudge(round="A-1"),
    ReassignStep(round="A-1", seat=MAYA, to=NOOR, reason=WHY),
    OverrideStep(round="A-1", content_hash=ASKED, reason=WHY),
    CloseCondition(round="A-1", condition=1, waived=False, words=WHY),
    overage(),
    transfer(),
    draw(),
    GreenlightProduction(),
)


def _found(command: Command, name: str | None = None) -> list[Rung]:
    """No such round, and one that has ended."""
    name = name or type(command).__name__
    missing = command.model_copy(update={"round": "A-9"})
    return [
        Rung(f"{name}: no such round", SUBMITTED, MAYA, missing, RoundIsMissing("A-9")),
        Rung(f"{name}: after its end", APPROVED, NOOR, command, RoundIsClosed("A-1", "v1", "approved")),
    ]


def _seen(answer: type, **more: Any) -> list[Rung]:
    command = answer(round="A-1", content_hash=OTHER, **more)
    changed = ContentHasChanged("A-1", asked=ASKED, seen=OTHER, compared=NO_CONTENT)
    return [Rung(f"{answer.__name__}: other content than asked about", SUBMITTED, MAYA, command, changed)]


def _not_asked(answer: type, **more: Any) -> list[Rung]:
    name, command = answer.__name__, last(TWO_STEPS, "A-2", answer, **more)
    refusal = NotAsked(GUARANTOR, "A-2", 1, 2, (MAYA, NOOR, TWO_HATS))
    left, late = NoStepIsLeft("A-2", "v1", (1,), (MAYA,)), last(CONDITIONED, "A-2", answer, **more)
    return [
        Rung(f"{name}: when all steps have passed", CONDITIONED, NOOR, late, left),
        Rung(f"{name}: before one's step", TWO_STEPS, GUARANTOR, command, refusal),
    ]


def _hands_in_it(answer: type, **more: Any) -> list[Rung]:
    name = answer.__name__
    transfers = f"{STORY} to {ART}"
    return [
        Rung(
            f"{name}: by somebody who set a draft, under a policy",
            SET_BY_TWO_HATS,
            TWO_HATS,
            last(SET_BY_TWO_HATS, "A-2", answer, **more),
            ApproverSetTheBudget(TWO_HATS, "v2"),
        ),
        Rung(
            f"{name}: by the submitter, under a policy",
            SUBMITTED_BY_TWO_HATS,
            TWO_HATS,
            last(SUBMITTED_BY_TWO_HATS, "A-2", answer, **more),
            ApproverIsSubmitter(TWO_HATS, "v1"),
        ),
        Rung(
            f"{name}: by who asked for the transfer",
            TRANSFER_OF_TWO_HATS,
            TWO_HATS,
            last(TRANSFER_OF_TWO_HATS, "A-3", answer, **more),
            ApproverHadAHandInIt(TWO_HATS, transfers),
        ),
    ]


def _not_by_who_asked(name: str, command: OnRound, *, left: bool = False) -> list[Rung]:
    """By somebody who might, had they no hand in it; of a condition, once whoever set it has left, for another."""
    rungs = []
    for about, by, story, refusal in (
        ("set a draft", TWO_HATS, SET_BY_TWO_HATS, ApproverSetTheBudget(TWO_HATS, "v2")),
        ("submitted it", TWO_HATS, SUBMITTED_BY_TWO_HATS, ApproverIsSubmitter(TWO_HATS, "v1")),
        ("asked for it", TWO_HATS, TRANSFER_OF_TWO_HATS, ApproverHadAHandInIt(TWO_HATS, f"{STORY} to {ART}")),
    ):
        round_id = "A-3" if story is TRANSFER_OF_TWO_HATS else "A-2"
        if left:
            story = says(story, MAYA, round_id, conditions=("The permit comes.",))
            story = [*story, (MAYA, EndAppointment(person=MAYA, role=Role.EXECUTIVE_PRODUCER, reason=WHY))]
            story, by = [*story, (NOOR, delegated(TWO_HATS, Power.CLOSE_CONDITION))], f"{by}/{NOOR}"
        sent = command.model_copy(update={"round": round_id})
        rungs.append(Rung(f"{name}: by somebody who {about}", story, by, sent, refusal))
    return rungs


_ONE_PLACE = says(BOTH_EPS, MAYA, "A-2")
_PLACE_TAKEN = PersonFillsAnotherPlace(MAYA, "A-2", MAYA, 1)
_NOT_FRESH = CredentialsAreNotFresh("v1, INR 460,000.00,", 15, "2026-11-02 05:00 UTC")

_ANSWERS = [
    *_not_asked(Approve),
    *_seen(Approve),
    Rung(
        "Approve: by somebody who set a draft",
        [*DRAFTED, (TWO_HATS, budget("210000")), (PRODUCER, SubmitBudget(budget="v2"))],
        TWO_HATS,
        Approve(round="A-1", content_hash=OTHER),
        ApproverSetTheBudget(TWO_HATS, "v2"),
    ),
    _hands_in_it(Approve)[0],
    Rung(
        "Approve: by the submitter",
        [*DRAFTED, (TWO_HATS, SubmitBudget(budget="v1"))],
        TWO_HATS,
        Approve(round="A-1", content_hash=ASKED),
        ApproverIsSubmitter(TWO_HATS, "v1"),
    ),
    *_hands_in_it(Approve)[1:],
    Rung("Approve: after giving a place away", _ASKED_TOO, MAYA, last(_ASKED_TOO, "A-3"), _DEALT),
    Rung("Approve: in two steps", _ONE_PLACE, MAYA, last(_ONE_PLACE, "A-2"), _PLACE_TAKEN),
    Rung(
        "Approve: beyond the delegation",
        LET_SAM,
        f"{STRANGER}/{MAYA}",
        approve(SUBMITTED),
        BeyondDelegation(STRANGER, MAYA, inr("1000"), inr("460000")),
    ),
    Rung("Approve: with an old token", FRESH, MAYA, last(FRESH, "A-2"), _NOT_FRESH),
    Rung("Approve: in a place that another gave away", _PUT, DIRECTOR, last(_PUT, "A-3"), _NOBODY),
    Rung("Approve: what is not possible any more", OVERTAKEN, MAYA, last(OVERTAKEN, "A-2"), GONE),
    Rung("Approve: what was asked for by somebody who left", ASKER_LEFT, MAYA, last(ASKER_LEFT, "A-2"), MAY_NO_MORE),
    *_found(Abstain(round="A-1", content_hash=ASKED)),
    *_not_asked(Abstain),
    *_seen(Abstain),
    *_hands_in_it(Abstain),
    Rung("Abstain: after giving a place away", _ASKED_TOO, MAYA, last(_ASKED_TOO, "A-3", Abstain), _DEALT),
    Rung("Abstain: in two steps", _ONE_PLACE, MAYA, last(_ONE_PLACE, "A-2", Abstain), _PLACE_TAKEN),
    Rung(
        "Abstain: beyond the delegation",
        _LET_ABSTAIN,
        f"{STRANGER}/{MAYA}",
        last(_LET_ABSTAIN, "A-2", Abstain),
        BeyondDelegation(STRANGER, MAYA, inr("1000"), inr("460000")),
    ),
    Rung("Abstain: the last one", _ALL_BUT_ONE, TWO_HATS, last(_ALL_BUT_ONE, "A-3", Abstain), GONE),
    *_not_asked(RequestChanges, words=WHY),
    *_seen(RequestChanges, words=WHY),
    *_not_asked(Reject, words=WHY),
    *_seen(Reject, words=WHY),
    *_found(WithdrawVote(round="A-1")),
    Rung(
        "WithdrawVote: without one",
        SUBMITTED,
        NOOR,
        WithdrawVote(round="A-1"),
        NoAnswerToWithdraw(NOOR, "A-1"),
    ),
    *_found(RecallRequest(round="A-1")),
    Rung(
        "RecallRequest: somebody else's",
        SUBMITTED,
        NOOR,
        RecallRequest(round="A-1"),
        NotWhoAskedForIt("v1", PRODUCER, "A-1"),
    ),
    *_found(Nudge(round="A-1")),
    Rung("Nudge: on to what is not possible any more", _LEFT, MAYA, Nudge(round="A-3"), GONE),
    *_found(ReassignStep(round="A-1", seat=MAYA, to=NOOR, reason=WHY)),
    Rung(
        "ReassignStep: somebody else's place",
        SUBMITTED,
        NOOR,
        ReassignStep(round="A-1", seat=MAYA, to=PRODUCER, reason=WHY),
        PlaceIsNotYours("A-1", MAYA, None),
    ),
    *_not_by_who_asked("ReassignStep", ReassignStep(round="A-2", seat=MAYA, to=DIRECTOR, reason=WHY)),
    Rung(
        "ReassignStep: of others, by who has answered",
        _ANSWERED,
        MAYA,
        ReassignStep(round="A-3", seat=GUARANTOR, to=DIRECTOR, reason=WHY),
        PersonFillsAnotherPlace(MAYA, "A-3", MAYA, 1),
    ),
    Rung(
        "ReassignStep: of others, by who has passed over a step",
        _PASSED_OVER,
        MAYA,
        ReassignStep(round="A-3", seat=GUARANTOR, to=DIRECTOR, reason=WHY),
        PersonFillsAnotherPlace(MAYA, "A-3", MAYA, 1, "passed over a step"),
    ),
    *(
        Rung(
            f"ReassignStep: to {to}, from {seat}",
            SUBMITTED,
            seat,
            ReassignStep(round="A-1", seat=seat, to=to, reason=WHY),
            CannotBeReassigned("A-1", seat, to, 1, because),
        )
        for seat, to, because in (
            (MAYA, NOOR, "noor is asked already"),
            (MAYA, AUDITOR, "uma holds no role that approves"),
            (MAYA, PRODUCER, "ravi had a hand in what is asked for"),
            (GUARANTOR, FINANCIER, "gita is not waited for"),
        )
    ),
    *_found(OverrideStep(round="A-1", content_hash=ASKED, reason=WHY)),
    Rung(
        "OverrideStep: where the policy lets nobody",
        SUBMITTED,
        MAYA,
        OverrideStep(round="A-1", content_hash=ASKED, reason=WHY),
        NobodyOverrides("A-1", None, (Role.EXECUTIVE_PRODUCER,)),
    ),
    Rung(
        "OverrideStep: other content than asked about",
        OVERRIDABLE,
        MAYA,
        OverrideStep(round="A-2", content_hash=OTHER, reason=WHY),
        ContentHasChanged("A-2", asked=ASKED, seen=OTHER, compared=NO_CONTENT),
    ),
    Rung(
        "OverrideStep: when all steps have passed",
        OVERRIDABLE_AND_CONDITIONED,
        NOOR,
        last(OVERRIDABLE_AND_CONDITIONED, "A-2", OverrideStep, reason=WHY),
        NoStepIsLeft("A-2", "v1", (1,), (MAYA,)),
    ),
    *_hands_in_it(OverrideStep, reason=WHY),
    Rung(
        "OverrideStep: after giving a place away",
        _ASKED_TOO,
        MAYA,
        last(_ASKED_TOO, "A-3", OverrideStep, reason=WHY),
        _DEALT,
    ),
    Rung(
        "OverrideStep: after one's own answer",
        AT_GUARANTOR,
        NOOR,
        last(AT_GUARANTOR, "A-2", OverrideStep, reason=WHY),
        PersonFillsAnotherPlace(NOOR, "A-2", NOOR, 1),
    ),
    Rung("OverrideStep: with an old token", FRESH, MAYA, last(FRESH, "A-2", OverrideStep, reason=WHY), _NOT_FRESH),
    Rung(
        "OverrideStep: what nobody approved",
        ONE_STEP,
        MAYA,
        last(ONE_STEP, "A-2", OverrideStep, reason=WHY),
        NobodyApproved("A-2", "v1"),
    ),
    Rung(
        "OverrideStep: on to what is not possible any more",
        _OVERRIDABLE,
        MAYA,
        last(_OVERRIDABLE, "A-3", OverrideStep, reason=WHY),
        GONE,
    ),
    *_found(CloseCondition(round="A-1", condition=1, waived=False, words=WHY)),
    Rung(
        "CloseCondition: one that there is not",
        CONDITIONED,
        MAYA,
        CloseCondition(round="A-2", condition=2, waived=True, words=WHY),
        ConditionIsMissing("A-2", 2),
    ),
    Rung(
        "CloseCondition: somebody else's",
        CONDITIONED,
        NOOR,
        CloseCondition(round="A-2", condition=1, waived=True, words=WHY),
        ConditionIsNotYours("A-2", 1, MAYA, (MAYA,)),
    ),
    *_not_by_who_asked("CloseCondition", CloseCondition(round="A-2", condition=1, waived=True, words=WHY), left=True),
    Rung(
        "CloseCondition: beyond the delegation",
        [*CONDITIONED, (MAYA, delegated(STRANGER, Power.CLOSE_CONDITION, limit=inr("459999.99")))],
        f"{STRANGER}/{MAYA}",
        CloseCondition(round="A-2", condition=1, waived=True, words=WHY),
        BeyondDelegation(STRANGER, MAYA, inr("459999.99"), inr("460000")),
    ),
    Rung(
        "CloseCondition: with an old token",
        _OF_A_DAY,
        MAYA,
        CloseCondition(round="A-2", condition=1, waived=True, words=WHY),
        replace(_NOT_FRESH, minutes=1440),
        later=1,
    ),
    Rung(
        "CloseCondition: of a place that another gave away",
        _CONDITION_PUT,
        DIRECTOR,
        CloseCondition(round="A-3", condition=1, waived=True, words=WHY),
        _NOBODY,
    ),
    Rung(
        "CloseCondition: on to what is not possible any more",
        _CONDITIONAL,
        MAYA,
        CloseCondition(round="A-3", condition=1, waived=False, words=WHY),
        GONE,
    ),
]

_IN_KIND = [*LOCKED, (MAYA, equity(inr("90000"), kind=FundingKind.IN_KIND, party="Lotus Films"))]


def beyond(command: Command, grantor: PersonId, story: Story) -> Rung:
    """An act after a story, for somebody who let one do less."""
    name, power = type(command).__name__, authority.power(type(command))
    assert power is not None
    let: Story = [*story, (grantor, delegated(STRANGER, power, limit=inr("0.01")))]
    production = play(story).production
    assert production is not None
    amount = decision.amount_of(command, production)
    refusal = BeyondDelegation(STRANGER, grantor, inr("0.01"), amount)
    return Rung(f"{name}: beyond the delegation", let, f"{STRANGER}/{grantor}", command, refusal)


_CHANGES = [
    Rung("RequestOverage: before the lock", APPROVED, PRODUCER, overage(), BudgetIsNotLocked()),
    Rung(
        "RequestOverage: a tenth of a paisa",
        COVERED,
        PRODUCER,
        overage("1.001"),
        AmountDoesNotFit(Decimal("1.001"), "INR"),
    ),
    Rung("RequestOverage: no such account", COVERED, PRODUCER, overage(account="9999"), AccountIsMissing("9999", "v1")),
    Rung(
        "RequestOverage: on contingency",
        COVERED,
        PRODUCER,
        overage(account=CONTINGENCY),
        AccountIsMissing(CONTINGENCY, "v1"),
    ),
    Rung(
        "RequestOverage: to a locked account",
        locked(held(art=Held.LOCKED)),
        PRODUCER,
        overage(),
        AccountIsLocked(ART, "v1", inr("200000")),
    ),
    Rung("RequestOverage: no such source", COVERED, PRODUCER, overage(funding="F-9"), SourceIsMissing("F-9")),
    Rung(
        "RequestOverage: carried by a letter",
        COVERED,
        PRODUCER,
        overage(funding="F-2"),
        SourceCarriesNothing("F-2", FundingState.SOFT_COMMITTED, "presale"),
    ),
    Rung(
        "RequestOverage: carried in kind",
        _IN_KIND,
        PRODUCER,
        overage(),
        SourceCarriesNothing("F-4", FundingState.COMMITTED, "in kind"),
    ),
    Rung(
        "RequestOverage: more than is free",
        COVERED,
        PRODUCER,
        overage("140000.01"),
        OverageIsNotCarried(inr("140000.01"), inr("0.01"), inr("140000"), "F-4"),
    ),
    Rung("TransferBudget: before the lock", APPROVED, PRODUCER, transfer(), BudgetIsNotLocked()),
    Rung(
        "TransferBudget: a tenth of a paisa",
        COVERED,
        PRODUCER,
        transfer("0.001"),
        AmountDoesNotFit(Decimal("0.001"), "INR"),
    ),
    Rung("TransferBudget: to itself", COVERED, PRODUCER, transfer(left=ART), NothingMoves(ART)),
    Rung(
        "TransferBudget: from contingency",
        COVERED,
        PRODUCER,
        transfer(left=CONTINGENCY),
        ContingencyMovesByDraw(CONTINGENCY),
    ),
    Rung("TransferBudget: to no account", COVERED, PRODUCER, transfer(reached="9999"), AccountIsMissing("9999", "v1")),
    Rung(
        "TransferBudget: from a locked account",
        locked(held(story=Held.LOCKED)),
        PRODUCER,
        transfer(),
        AccountIsLocked(STORY, "v1", inr("100000")),
    ),
    Rung(
        "TransferBudget: more than is left",
        SPENT,
        PRODUCER,
        transfer("120000.01", ART, EDITING),
        AccountWouldBeOverspent(ART, inr("200000"), inr("80000"), inr("120000.01"), inr("0.01")),
    ),
    Rung("DrawContingency: before the lock", APPROVED, PRODUCER, draw(), BudgetIsNotLocked()),
    Rung(
        "DrawContingency: a tenth of a paisa",
        COVERED,
        PRODUCER,
        draw("0.001"),
        AmountDoesNotFit(Decimal("0.001"), "INR"),
    ),
    Rung("DrawContingency: to no account", COVERED, PRODUCER, draw(account="9999"), AccountIsMissing("9999", "v1")),
    Rung(
        "DrawContingency: to a locked account",
        locked(held(art=Held.LOCKED)),
        PRODUCER,
        draw(),
        AccountIsLocked(ART, "v1", inr("200000")),
    ),
    Rung(
        "DrawContingency: more than is left",
        COVERED,
        PRODUCER,
        draw("38000.01"),
        ContingencyIsExhausted(inr("38000.01"), inr("0.01"), inr("38000")),
    ),
]

_GREENLIT = [*COVERED, (MAYA, GreenlightProduction())]
_GREEN_LIGHT = [
    Rung("GreenlightProduction: twice", _GREENLIT, NOOR, GreenlightProduction(), GreenlitAlready("v1")),
    Rung(
        "GreenlightProduction: too early",
        LOCKED,
        MAYA,
        GreenlightProduction(),
        NotReadyForGreenLight(("committed cash of INR 460,000.00, of which there is INR 400,000.00",)),
    ),
]

#: The last rung of its ladder.
_IN_FRONT_OF_A_ROUND = [
    Rung(
        "SetBudget: in front of a round, without adding up",
        SUBMITTED,
        LINE_PRODUCER,
        UNRECONCILED_BUDGET.model_copy(update={"round": "A-1"}),
        BudgetIsUnreconciled("v2", ("grand total INR 1.00",)),
    ),
    Rung(
        "SetBudget: in front of a round that another rule opened",
        UNDER_BANDS,
        LINE_PRODUCER,
        budget("300000").model_copy(update={"round": "A-2"}),
        AnotherRuleCounts("v2", inr("573000"), "A-2"),
    ),
]

_ASKING_HOLDERS = adopted(COVERED, policy(Step((Approver(every_holder=True),))))
_POLICY = [
    Rung(
        "AdoptApprovalPolicy: asking nobody here",
        STAFFED,
        MAYA,
        AdoptApprovalPolicy(terms=policy(Step((Approver(person=OUTSIDER),)))),
        MemberIsMissing(OUTSIDER),
    ),
    Rung(
        "AdoptApprovalPolicy: asking the holder of no source",
        STAFFED,
        MAYA,
        AdoptApprovalPolicy(terms=policy(Step((Approver(holder_of="F-9"),)))),
        SourceIsMissing("F-9"),
    ),
    Rung(
        "AmendFunding: another holder and less money at once",
        _ASKING_HOLDERS,
        MAYA,
        AmendFunding(funding="F-4", holder=STRANGER, amount=inr("150000"), reason=WHY),
        AmendsTwoThings("F-4", inr("50000"), STRANGER),
    ),
    Rung(
        "AdoptApprovalPolicy: while another one is proposed",
        [*STAFFED, (MAYA, AdoptApprovalPolicy(terms=policy(EP)))],
        NOOR,
        AdoptApprovalPolicy(template=Template.STUDIO),
        PolicyIsProposed("P-1", "A-1", MAYA),
    ),
]

#: Payments of 60,000 and more wait for a producer: of S-000001 in A-3; S-000002 is small.
PAYING: Story = [
    *adopted(COVERED, RICH),
    (LINE_PRODUCER, spend(ART, "60000", "KS-1")),
    (LINE_PRODUCER, spend(STORY, "50000", "KS-2", vendor="other")),
]
TURNED_DOWN = says(PAYING, PRODUCER, "A-3", Reject, words=WHY)


def pay(number: str = "S-000001") -> RequestPayment:
    return RequestPayment(spend=number, reason=WHY)


_PAYMENT = [
    Rung("RequestPayment: no such entry", PAYING, ACCOUNTANT, pay("S-000009"), SpendIsMissing("S-000009")),
    Rung(
        "RequestPayment: of what is reversed",
        [*TURNED_DOWN, (ACCOUNTANT, reverse("S-000001"))],
        ACCOUNTANT,
        pay(),
        SpendIsReversed("S-000001", ART, inr("60000")),
    ),
    Rung(
        "RequestPayment: while it is asked about",
        PAYING,
        ACCOUNTANT,
        pay(),
        PaymentIsNotTurnedDown("S-000001", inr("60000"), "is asked about in A-3"),
    ),
    Rung(
        "RequestPayment: once it is released",
        says(PAYING, PRODUCER, "A-3"),
        ACCOUNTANT,
        pay(),
        PaymentIsNotTurnedDown("S-000001", inr("60000"), "was released by A-3"),
    ),
    Rung(
        "RequestPayment: which nobody had to approve",
        PAYING,
        ACCOUNTANT,
        pay("S-000002"),
        PaymentIsNotTurnedDown("S-000002", inr("50000"), "was never asked about"),
    ),
]

OF_PRODUCTIONS: list[Rung] = [*_POLICY, *_PAYMENT, *_IN_FRONT_OF_A_ROUND, *_ANSWERS, *_CHANGES, *_GREEN_LIGHT]

_LET = [*FOUNDED, (MAYA, delegated())]
_GUESTS = [*FOUNDED, *GUESTS]
OF_COMPANIES: list[Rung] = [
    Rung("DelegateAuthority: no such company", [], MAYA, delegated(), CompanyIsMissing()),
    Rung("DelegateAuthority: to nobody here", FOUNDED, MAYA, delegated(OUTSIDER), MemberIsMissing(OUTSIDER)),
    Rung("DelegateAuthority: of a guest to a member", _GUESTS, PRIYA, delegated(NOOR), MemberIsMissing(NOOR)),
    Rung("DelegateAuthority: of a guest to another's", _GUESTS, PRIYA, delegated(BONDER), MemberIsMissing(BONDER)),
    Rung("DelegateAuthority: to a guest", _GUESTS, MAYA, delegated(PRIYA), NotOfOneCompany(PRIYA, MAYA)),
    Rung("DelegateAuthority: to oneself", FOUNDED, MAYA, delegated(MAYA), NobodyActsForThemselves(MAYA)),
    Rung(
        "RevokeDelegation: no such company",
        [],
        MAYA,
        RevokeDelegation(delegation="D-1"),
        CompanyIsMissing(),
    ),
    Rung("RevokeDelegation: none", FOUNDED, MAYA, RevokeDelegation(delegation="D-1"), DelegationIsMissing("D-1")),
    Rung(
        "RevokeDelegation: a member's, by a guest",
        [*_GUESTS, (MAYA, delegated())],
        PRIYA,
        RevokeDelegation(delegation="D-1"),
        DelegationIsMissing("D-1"),
    ),
    Rung("RevokeDelegation: somebody's", _LET, NOOR, RevokeDelegation(delegation="D-1"), AuthorityIsNotYours(MAYA)),
    Rung("SetAbsence: no such company", [], MAYA, away(), CompanyIsMissing()),
    Rung("SetAbsence: with nobody here", FOUNDED, MAYA, away(OUTSIDER), MemberIsMissing(OUTSIDER)),
    Rung("SetAbsence: with a guest", _GUESTS, MAYA, away(PRIYA), NotOfOneCompany(PRIYA, MAYA)),
    Rung("SetAbsence: with oneself", FOUNDED, MAYA, away(MAYA), NobodyActsForThemselves(MAYA)),
    Rung("EndAbsence: no such company", [], MAYA, EndAbsence(), CompanyIsMissing()),
    Rung("EndAbsence: somebody's", FOUNDED, NOOR, EndAbsence(person=MAYA), AuthorityIsNotYours(MAYA)),
]
