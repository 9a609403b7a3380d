"""Makers and approvers: whoever set a figure approves it nowhere, and nobody chooses who may not approve.

Each of these passed once: by another draft, by what was recoded, by versions in a row, by tax that comes back.
"""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from events.approval import ApprovalRequested, ApprovedByPolicy, BudgetApproved, RequestRecalled
from events.budget import Held, Level
from events.change import BudgetTransferred
from events.policy import Approver, Mode, Policy, RequestKind, Rule, Step, When
from events.spend import PaymentReleased
from events.team import Role
from service.deciders.approval import (
    Approve,
    ApproverSetTheBudget,
    CloseCondition,
    ConditionIsNotYours,
    RecallRequest,
    Reject,
)
from service.deciders.budget import LockBudget, SetBudget, SubmitterMayNotLock, UnlockBudget
from service.deciders.budget_content import BudgetCharge
from service.deciders.budget_detail import LineIsTooLarge
from service.deciders.command import Command
from service.deciders.financing import AmendFunding
from service.deciders.payment import PaymentIsNotTurnedDown, RequestPayment
from service.deciders.policy import AdoptApprovalPolicy
from service.deciders.submission import SubmitBudget
from tests.deciders.rounds import COVERED, EP, EPS, PRODUCERS, adopted, asked, draw, last, policy, says, transfer
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    CONTINGENCY,
    DIRECTOR,
    DRAFTED,
    EDITING,
    FINANCIER,
    FUNDED,
    GUARANTOR,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    STAFFED,
    STORY,
    STRANGER,
    SUBMITTED,
    TWO_HATS,
    account,
    appoint,
    approve,
    budget,
    equity,
    held,
    inr,
    rate,
    recode,
    spend,
)
from tests.deciders.test_policy import PAYMENTS, ruled
from tests.deciders.test_rounds import waits_for
from tests.spec import Story, given, play

LOW = "low"


def submits(story: Story, version: str) -> Story:
    return [*story, (PRODUCER, SubmitBudget(budget=version))]


def passes(story: Story, version: str, number: int, by: str = NOOR) -> Story:
    """The version is submitted, and somebody approves it."""
    story = submits(story, version)
    return [*story, (by, approve(story, f"A-{number}", version))]


class TestWhoSetAFigure:
    """Tara is a producer and an executive producer; her figures are 290,000 for art."""

    def tara(self, story: Story, number: int, version: str) -> object:
        return given(submits(story, version)).when(TWO_HATS, approve(submits(story, version), f"A-{number}", version))

    def refused(self, story: Story, number: int, version: str) -> bool:
        return isinstance(self.tara(story, number, version).refusal, ApproverSetTheBudget)  # type: ignore[attr-defined]

    @pytest.mark.parametrize("art", ["290000", "290000.00"])
    def test_approves_no_copy_of_it_when_its_scenario_was_approved_with_others(self, art: str) -> None:
        story: Story = [*FUNDED, (TWO_HATS, budget("290000", scenario=LOW)), (LINE_PRODUCER, budget(art))]
        story = passes([*story, (LINE_PRODUCER, budget("150000", scenario=LOW))], "v3", 1)
        assert self.refused(story, 2, "v2")

    def test_approves_no_copy_of_it_with_an_edit(self) -> None:
        story: Story = [*FUNDED, (TWO_HATS, budget("290000", scenario=LOW))]
        edited = budget("290000", credits=())
        story = passes([*story, (LINE_PRODUCER, edited), (LINE_PRODUCER, budget("150000", scenario=LOW))], "v3", 1)
        assert self.refused(story, 2, "v2")

    def test_does_not_approve_it_when_somebody_says_it_again(self) -> None:
        story: Story = [*FUNDED, (TWO_HATS, budget("290000")), (LINE_PRODUCER, budget("150000"))]
        story = [*passes(story, "v2", 1), (LINE_PRODUCER, budget("290000"))]
        assert self.refused(story, 2, "v3")

    def test_does_not_approve_it_when_it_comes_into_an_open_round(self) -> None:
        story: Story = [*FUNDED, (TWO_HATS, budget("290000", scenario=LOW)), (LINE_PRODUCER, budget("150000"))]
        story = [*submits(story, "v2"), (LINE_PRODUCER, budget("290000", round="A-1"))]
        assert isinstance(given(story).when(TWO_HATS, approve(story, "A-1", "v3")).refusal, ApproverSetTheBudget)
        assert given(story).when(NOOR, approve(story, "A-1", "v3")).refusal is None

    def test_approves_others_beside_a_draft_of_their_own(self) -> None:
        other = SetBudget(
            currency="INR", scenario=LOW, accounts=(account(ART, "Art Direction", Level.PRODUCTION, "1"),)
        )
        story: Story = [*FUNDED, (TWO_HATS, other), (LINE_PRODUCER, budget("290000"))]
        answer = self.tara(story, 1, "v2")
        assert any(isinstance(fact, BudgetApproved) for fact in answer.facts)  # type: ignore[attr-defined]

    @pytest.mark.parametrize("capped_first", [False, True])
    def test_though_only_of_how_an_account_is_held_does_not_approve_it_when_somebody_says_it_again(
        self, *, capped_first: bool
    ) -> None:
        before, after = (held(story=Held.CAPPED), budget())[:: 1 if capped_first else -1]
        more = (*before.accounts, account("7777", "New", Level.PRODUCTION, "60000"))
        between = before.model_copy(update={"accounts": more})
        story = passes([*FUNDED, (LINE_PRODUCER, before)], "v1", 1)
        story = passes([*story, (TWO_HATS, after), (LINE_PRODUCER, between)], "v3", 2)
        assert self.refused([*story, (LINE_PRODUCER, after)], 3, "v4")
        assert not self.refused([*story, (LINE_PRODUCER, before)], 3, "v4")

    def test_approves_what_others_approved_once_and_stands(self) -> None:
        story = passes([*FUNDED, (TWO_HATS, budget("290000"))], "v1", 1)
        story = [*story, (LINE_PRODUCER, budget("290000", credits=()))]
        assert not self.refused(story, 2, "v2")

    def test_or_submitted_it_before_an_edit_does_not_lock_it(self) -> None:
        story: Story = [*DRAFTED, (TWO_HATS, SubmitBudget(budget="v1")), (LINE_PRODUCER, budget("210000", round="A-1"))]
        story = [*story, (MAYA, approve(story, "A-1", "v2"))]
        given(story).when(TWO_HATS, LockBudget(budget="v2")).then_refused(SubmitterMayNotLock(TWO_HATS, "v2"))

    def test_or_logged_what_a_version_covers_does_not_approve_it(self) -> None:
        story: Story = [*LOCKED, (MAYA, appoint(NOOR, Role.ACCOUNTANT)), (NOOR, spend(ART, "230000"))]
        story = [*story, (MAYA, UnlockBudget(budget="v1", reason=WHY)), (LINE_PRODUCER, budget("240000"))]
        story = submits(story, "v2")
        assert isinstance(given(story).when(NOOR, approve(story, "A-2", "v2")).refusal, ApproverSetTheBudget)
        assert given(story).when(MAYA, approve(story, "A-2", "v2")).refusal is None

    def test_or_logs_it_after_it_was_submitted_does_not_approve_it_either(self) -> None:
        story: Story = [*LOCKED, (MAYA, appoint(NOOR, Role.ACCOUNTANT)), (MAYA, UnlockBudget(budget="v1", reason=WHY))]
        story = [*submits([*story, (LINE_PRODUCER, budget("240000"))], "v2"), (NOOR, spend(ART, "230000"))]
        assert isinstance(given(story).when(NOOR, approve(story, "A-2", "v2")).refusal, ApproverSetTheBudget)

    def test_or_logged_what_a_new_account_covers_does_not_approve_it(self) -> None:
        story: Story = [*LOCKED, (MAYA, appoint(NOOR, Role.ACCOUNTANT)), (NOOR, spend("7777", "50000"))]
        more = budget(accounts=(*budget().accounts, account("7777", "New", Level.PRODUCTION, "60000")))
        story = submits([*story, (MAYA, UnlockBudget(budget="v1", reason=WHY)), (LINE_PRODUCER, more)], "v2")
        assert isinstance(given(story).when(NOOR, approve(story, "A-2", "v2")).refusal, ApproverSetTheBudget)
        assert given(story).when(MAYA, approve(story, "A-2", "v2")).refusal is None

    def test_or_logged_spend_before_there_was_a_budget_approves_the_first_one(self) -> None:
        story: Story = [*FUNDED, (MAYA, appoint(NOOR, Role.ACCOUNTANT)), (NOOR, spend(ART, "150000"))]
        story = submits([*story, (LINE_PRODUCER, budget())], "v1")
        assert given(story).when(NOOR, approve(story, "A-1", "v1")).refusal is None


class TestACap:
    """STORY is held as capped by the version in force, under a policy whose capped accounts take all."""

    TERMS = ruled(Rule("Capped", When((RequestKind.BUDGET, RequestKind.TRANSFER), capped=True), (EPS,)))

    def rule(self, after: SetBudget, terms: Policy, before: SetBudget | None = None) -> str | None:
        """The rule that counts for a version after another one that is in force."""
        first = budget() if before is None else before
        story = passes([*FUNDED, (LINE_PRODUCER, first)], "v1", 1, MAYA)
        story = [*adopted(story, terms), (LINE_PRODUCER, after)]
        facts = given(story).when(PRODUCER, SubmitBudget(budget="v2")).facts
        return next(fact.rule for fact in facts if isinstance(fact, ApprovalRequested))

    def test_is_not_lifted_by_a_lower_rule(self) -> None:
        assert self.rule(budget(), self.TERMS, held(story=Held.CAPPED)) == "Capped"
        assert self.rule(budget("210000"), self.TERMS) is None

    def test_of_a_level_is_not_left_by_moving_an_account_away_at_the_same_amount(self) -> None:
        terms = ruled(Rule("Above", When((RequestKind.BUDGET,), levels=(Level.ABOVE_THE_LINE,)), (EPS,)))
        (first, *others), moved = budget().accounts, Level.PRODUCTION
        assert first.level is Level.ABOVE_THE_LINE
        away = budget(accounts=(first.model_copy(update={"level": moved}), *others))
        assert self.rule(away, terms) == "Above"
        assert self.rule(budget("210000"), terms) is None


class TestVersionsInARow:
    TERMS = ruled(Rule("Ten percent", When((RequestKind.BUDGET,), percent_over=Decimal(10)), (EPS,)))

    def rules(self, *days: int) -> list[str | None]:
        """The rules for versions of which each is a good seven percent past the one before, so many days apart."""
        world = play(adopted(passes(DRAFTED, "v1", 1, MAYA), self.TERMS))
        found: list[str | None] = []
        for number, (art, later) in enumerate(zip(("230000", "265000", "300000"), days, strict=True), 2):
            world = replace(world, later=world.later + timedelta(days=later))
            sent: Story = [(LINE_PRODUCER, budget(art)), (PRODUCER, SubmitBudget(budget=f"v{number}"))]
            for person, command in sent:
                world = world.after(person, command, world.decide(person, command))
            opened = next(fact for fact, _ in reversed(world.facts) if isinstance(fact, ApprovalRequested))
            found.append(opened.rule)
            for person in (MAYA, NOOR, TWO_HATS)[: 3 if opened.rule else 1]:
                yes = Approve(round=opened.round, content_hash=opened.content_hash)
                world = world.after(person, yes, world.decide(person, yes))
        return found

    def test_count_together_within_the_days_of_the_policy(self) -> None:
        assert self.rules(0, 0, 0) == [None, "Ten percent", "Ten percent"]

    def test_do_not_after_them(self) -> None:
        assert self.rules(0, 31, 31) == [None, None, None]


class TestARecoding:
    def test_to_where_the_policy_asks_nobody_ends_the_round_and_is_approved_by_policy(self) -> None:
        terms = ruled(
            Rule("Of art", replace(PAYMENTS, accounts=(ART,)), (PRODUCERS,)),
            Rule("Of others", PAYMENTS),
        )
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(ART, "60000"))]
        facts = given(story).when(ACCOUNTANT, recode("S-000001", EDITING)).facts
        kinds = [type(fact) for fact in facts]
        assert (RequestRecalled in kinds, ApprovedByPolicy in kinds) == (True, True)
        after: Story = [*story, (ACCOUNTANT, recode("S-000001", EDITING))]
        assert given(after).when(PRODUCER, last(story, "A-3")).refusal is not None

    def test_of_a_payment_that_was_turned_down_is_asked_about_under_another_content(self) -> None:
        story: Story = [
            *adopted(COVERED, ruled(Rule("All", PAYMENTS, (PRODUCERS,)))),
            (LINE_PRODUCER, spend(ART, "60")),
        ]
        story = says(story, PRODUCER, "A-3", Reject, words=WHY)
        moved: Story = [*story, (ACCOUNTANT, recode("S-000001", EDITING))]
        again: Story = [*moved, (LINE_PRODUCER, RequestPayment(spend="S-000001", reason=WHY))]
        assert asked(again, "A-4").accounts == (EDITING,)
        assert asked(again, "A-4").content_hash != asked(again, "A-3").content_hash

    @pytest.mark.parametrize("recalled", [False, True])
    def test_of_a_payment_that_was_turned_down_to_where_nobody_is_asked_releases_nothing(
        self, *, recalled: bool
    ) -> None:
        story: Story = adopted(
            COVERED, ruled(Rule("Art", replace(PAYMENTS, accounts=(ART,)), (PRODUCERS,)), Rule("Of others", PAYMENTS))
        )
        story = says([*story, (LINE_PRODUCER, spend(ART, "60"))], PRODUCER, "A-3", Reject, words=WHY)
        story = [*story, (ACCOUNTANT, recode("S-000001", EDITING))]
        again = (LINE_PRODUCER, RequestPayment(spend="S-000001", reason=WHY))
        if recalled:
            story = [*story, again, (LINE_PRODUCER, RecallRequest(round="A-4", reason=WHY))]
        facts = given(story).when(*again).facts
        [opened] = [fact for fact in facts if isinstance(fact, ApprovalRequested)]
        assert (opened.rule, opened.steps) == ("What was turned down", (PRODUCERS,))
        assert ApprovedByPolicy not in map(type, facts)

    def test_and_a_recall_take_nothing_from_what_counts_together(self) -> None:
        small = replace(PAYMENTS, accounts=(ART,), below=Decimal(10_000))
        story = adopted(COVERED, ruled(Rule("Small", small), Rule("Large", PAYMENTS, (EPS,))))
        for number in (1, 2):
            story = [*story, (ACCOUNTANT, spend(ART, "4500", document=f"D{number}"))]
            story = [*story, (ACCOUNTANT, recode(f"S-00000{number}", EDITING))]
            recalled = RecallRequest(round=f"A-{2 + number}", reason=WHY)
            story = [*story, (ACCOUNTANT, recalled)]
        facts = given(story).when(ACCOUNTANT, spend(ART, "4500", document="D3")).facts
        [opened] = [fact for fact in facts if isinstance(fact, ApprovalRequested)]
        assert (opened.rule, opened.counted) == ("Large", inr("13500"))


class TestACondition:
    """Noor is an accountant, too, sets a condition, and then logs spend on the account that gets the money."""

    CLOSES = CloseCondition(round="A-3", condition=1, waived=True, words=WHY)

    def barred(self, *steps: Step, **terms: object) -> Story:
        story: Story = [*COVERED, (MAYA, appoint(NOOR, Role.ACCOUNTANT))]
        story = [*adopted(story, policy(*steps, **terms)), (PRODUCER, transfer())]
        story = says(story, NOOR, "A-3", conditions=("The permit comes.",))
        return [*story, (NOOR, spend(ART, "10"))]

    def test_is_closed_by_others_whom_the_step_asks_once_who_set_it_may_not_approve(self) -> None:
        story = self.barred(EP)
        refusal = ConditionIsNotYours("A-3", 1, NOOR, (MAYA, TWO_HATS))
        given(story).when(NOOR, self.CLOSES).then_refused(refusal)
        story = [*story, (MAYA, self.CLOSES)]
        assert isinstance(given(story).when(TWO_HATS, last(story, "A-3")).facts[-1], BudgetTransferred)

    @pytest.mark.parametrize("override_by", [Role.DIRECTOR, None])
    def test_is_closed_by_who_may_override_or_an_executive_producer_where_nobody_else_is_left(
        self, override_by: Role | None
    ) -> None:
        story = self.barred(Step((Approver(person=NOOR),)), override_by=override_by)
        heirs = (MAYA, TWO_HATS) if override_by is None else (DIRECTOR,)
        given(story).when(GUARANTOR, self.CLOSES).then_refused(ConditionIsNotYours("A-3", 1, NOOR, heirs))
        for heir in heirs:
            assert given(story).when(heir, self.CLOSES).refusal is None


class TestADraw:
    def test_counts_on_the_contingency_that_it_comes_from(self) -> None:
        draws = When((RequestKind.CONTINGENCY_DRAW,), below=Decimal(20_000))
        story = adopted(COVERED, ruled(Rule("Small", draws)))
        story = [*story, (PRODUCER, draw("12000", ART))]
        (opened, *_) = given(story).when(PRODUCER, draw("12000", STORY)).facts
        assert isinstance(opened, ApprovalRequested)
        assert (opened.rule, opened.counted, opened.accounts) == (None, inr("24000"), (CONTINGENCY, STORY))


class TestFunding:
    def test_that_is_new_is_what_was_asked_for_though_other_sources_came_before_it_was_approved(self) -> None:
        terms = ruled(Rule("Who", When((RequestKind.APPOINTMENT,)), (Step((Approver(every_holder=True),)),)))
        story: Story = [*adopted(COVERED, terms), (MAYA, equity(inr("50000"), holder=FINANCIER))]
        assert asked(story, "A-3").subject == f"{FINANCIER} as holder of a new source, INR 50,000.00"
        story = [*story, (MAYA, equity(inr("1"), party="Another", rests_on=None, document=None))]
        seat = next(iter(waits_for(given(story), "A-3")))
        assert given(story).when(seat, last(story, "A-3")).refusal is None

    def test_is_not_cut_in_pieces_by_a_lower_rule(self) -> None:
        small = Rule("Small", When((RequestKind.FUNDING_CUT,), below=Decimal(50_000)))
        story: Story = adopted(COVERED, ruled(small, Rule("Cuts", When((RequestKind.FUNDING_CUT,)), (EPS,))))
        less = [(MAYA, AmendFunding(funding="F-4", amount=inr(left), reason=WHY)) for left in ("170000", "140000")]
        [free] = [fact for fact in given(story).when(*less[0]).facts if isinstance(fact, ApprovedByPolicy)]
        [opened] = [e for e in given([*story, less[0]]).when(*less[1]).facts if isinstance(e, ApprovalRequested)]
        assert (free.rule, opened.rule, opened.counted) == ("Small", "Cuts", inr("60000"))


class TestAPercentage:
    def test_comes_to_an_amount_that_somebody_could_state(self) -> None:
        fee = {"kind": "fee", "percent": "999999", "base": {"levels": ["production"]}}
        first = BudgetCharge.model_validate_json(json.dumps(fee | {"code": "8501", "name": "Fee"}))
        again = {"code": "8502", "name": "Again", "base": {"accounts": ["8501"]}}
        second = BudgetCharge.model_validate_json(json.dumps(fee | again))
        third = BudgetCharge.model_validate_json(
            json.dumps(fee | {"code": "8503", "name": "More", "base": {"accounts": ["8502"]}})
        )
        refusal = given(FUNDED).when(LINE_PRODUCER, budget(charges=(first, second, third))).refusal
        assert isinstance(refusal, LineIsTooLarge)
        assert refusal.where == "8503 (More)"


class TestAPayment:
    def test_is_what_is_paid_with_tax_that_comes_back(self) -> None:
        terms = ruled(Rule("Small", replace(PAYMENTS, below=Decimal(10_000))))
        tax = {"tax": Decimal(99_999), "recoverable_tax": Decimal(99_999)}
        facts = given(adopted(COVERED, terms)).when(LINE_PRODUCER, spend(ART, "1", **tax)).facts
        [opened] = [fact for fact in facts if isinstance(fact, ApprovalRequested)]
        assert (opened.rule, opened.amount) == (None, inr("100000"))
        assert facts[0].cost == inr("1")
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(ART, "1", **tax))]
        again = RequestPayment(spend="S-000001", reason=WHY)
        given(story).when(LINE_PRODUCER, again).then_refused(
            PaymentIsNotTurnedDown("S-000001", inr("100000"), "is asked about in A-3")
        )
        assert given(story).when(MAYA, last(story, "A-3")).facts[-1] == PaymentReleased(
            "S-000001", cost=inr("1"), paid=inr("100000")
        )

    @pytest.mark.parametrize(
        ("rates", "sent", "measured"),
        [
            (("USD", "INR", "80"), ("USD", "INR", "1"), "16000"),
            (("INR", "USD", "0.0125"), ("INR", "USD", "1"), "16000"),
            (("USD", "INR", "80"), ("USD", "INR", "90"), "18000"),
            (("EUR", "INR", "90"), ("USD", "INR", "1"), "200"),
        ],
        ids=["the budget's", "the other way round", "the one sent", "of another currency"],
    )
    def test_is_measured_at_the_dearer_of_the_rate_sent_and_the_budgets(
        self, rates: tuple[str, str, str], sent: tuple[str, str, str], measured: str
    ) -> None:
        story = passes([*FUNDED, (LINE_PRODUCER, budget(rates=(rate(*rates),)))], "v1", 1)
        terms = ruled(Rule("Small", replace(PAYMENTS, below=Decimal(10_000))), Rule("Large", PAYMENTS, (PRODUCERS,)))
        story = adopted(story, terms)
        dollars = spend(ART, "150", tax=Decimal(50), recoverable_tax=Decimal(50), currency="USD", rate=rate(*sent))
        facts = given(story).when(LINE_PRODUCER, dollars).facts
        [asks] = [fact for fact in facts if isinstance(fact, ApprovalRequested | ApprovedByPolicy)]
        assert (asks.amount, asks.rule) == (inr(measured), "Large")  # what no rate is known for is small by none
        again: Story = says([*story, (LINE_PRODUCER, dollars)], PRODUCER, "A-3", Reject, words=WHY)
        again = [*again, (LINE_PRODUCER, RequestPayment(spend="S-000001", reason=WHY))]
        assert asked(again, "A-4").amount == inr(measured)
        moved: Story = [*story, (LINE_PRODUCER, dollars), (ACCOUNTANT, recode("S-000001", EDITING))]
        assert asked(moved, "A-4").amount == inr(measured)

    def test_may_be_of_more_than_anyone_could_send_and_is_folded(self) -> None:
        tax = {"tax": Decimal("999999999999999"), "recoverable_tax": Decimal("999999999999999")}
        dollars = {"currency": "USD", "rate": rate("USD", "INR", "84.50")}
        story: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "1", **tax, **dollars))]
        production = play(story).production
        assert production is not None
        assert production.spending.entries["S-000001"].paid == inr("84500000000000000.00")


class TestAnOpenRound:
    """A transfer waits for accountants, or whoever holds funding, whom the policy that came since asks no more."""

    WHO = Rule("Who", When((RequestKind.APPOINTMENT,)), (EPS,))

    def waiting(self, step: Step) -> Story:
        story: Story = [*adopted(COVERED, ruled(Rule("Moves", When((RequestKind.TRANSFER,)), (step,))))]
        return adopted([*story, (PRODUCER, transfer())], ruled(self.WHO))

    @pytest.mark.parametrize(
        ("step", "command"),
        [
            (Step((Approver(Role.ACCOUNTANT),)), appoint(STRANGER, Role.ACCOUNTANT)),
            (Step((Approver(person=STRANGER),)), appoint(STRANGER, Role.DIRECTOR)),
            (
                replace(EP, within_days=3, escalates_to=(Approver(Role.ACCOUNTANT),)),
                appoint(STRANGER, Role.ACCOUNTANT),
            ),
            (Step((Approver(every_holder=True),)), equity(inr("1"), party="Fake", holder=STRANGER)),
        ],
        ids=["a role", "a person", "after its deadline", "a holder"],
    )
    def test_still_has_its_approvers_approved(self, step: Step, command: Command) -> None:
        [opened] = [e for e in given(self.waiting(step)).when(MAYA, command).facts if isinstance(e, ApprovalRequested)]
        assert (opened.kind, opened.rule) == (RequestKind.APPOINTMENT, "Who")
        ended: Story = [*self.waiting(step), (PRODUCER, RecallRequest(round="A-3"))]
        assert ApprovalRequested not in map(type, given(ended).when(MAYA, command).facts)


class TestAPolicy:
    def fills_two(self, *changes: Step) -> bool:
        """Whether one person may fill two steps of a change of a policy that changes so."""
        terms = Policy(name="Ours", rules=(), otherwise=(EP,), changes=changes)
        story = adopted(STAFFED, terms)
        proposal = AdoptApprovalPolicy(terms=replace(terms, name="Theirs"), reason=WHY)
        opened = given(story).when(MAYA, proposal).facts[0]
        assert isinstance(opened, ApprovalRequested)
        return opened.one_person_may_fill_two_steps

    def test_is_changed_though_there_are_too_few_for_each_of_two_steps(self) -> None:
        maya, tara = (Step((Approver(person=person),)) for person in (MAYA, TWO_HATS))
        assert self.fills_two(maya, maya)
        assert self.fills_two(EPS, maya)
        assert self.fills_two(Step((Approver(Role.EXECUTIVE_PRODUCER),), Mode.QUORUM, quorum=3), tara)
        assert not self.fills_two(maya, tara)
        assert not self.fills_two(EP, maya, tara), "the first step has another for its place"


class TestALockedBudget:
    def test_is_not_replaced_by_what_was_submitted_before(self) -> None:
        """It is not locked while a successor waits, so no successor waits while it is locked."""
        story: Story = [*SUBMITTED, (LINE_PRODUCER, budget("150000", scenario=LOW))]
        story = [*story, (MAYA, approve(story))]
        story = submits(story, "v2")
        assert given(story).when(NOOR, LockBudget(budget="v1")).refusal is not None
        story = [*story, (MAYA, approve(story, "A-2", "v2"))]
        assert given(story).when(NOOR, LockBudget(budget="v2")).refusal is None
