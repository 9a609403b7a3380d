"""Policies: which rule is for what is asked for, and what counts together with it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from events.approval import (
    ApprovalGiven,
    ApprovalRequested,
    ApprovedByPolicy,
    RequestApproved,
    RequestRecalled,
    StepSkipped,
)
from events.budget import BudgetUnlocked, Level
from events.financing import FundingWithdrawn
from events.ids import PersonId
from events.money import Money
from events.policy import ApprovalPolicyAdopted, Approver, Mode, Policy, RequestKind, Rule, Step, When
from events.production import Stage, StageEntered
from events.spend import PaymentReleased, SpendLogged, SpendReversed
from events.team import Appointed, AppointmentEnded, Role
from service.deciders.approval import ApproverHadAHandInIt, RecallRequest, Reject, RequestChanges
from service.deciders.budget import UnlockBudget
from service.deciders.command import Command
from service.deciders.financing import WithdrawFunding
from service.deciders.payment import RequestPayment
from service.deciders.policy import TEMPLATES, AdoptApprovalPolicy, Template
from service.deciders.rounds import BY_ASKING
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget
from service.deciders.team import EndAppointment
from tests.deciders.rounds import (
    COVERED,
    EP,
    EPS,
    GUARANTORS,
    PRODUCERS,
    adopted,
    asked,
    draw,
    last,
    overage,
    policy,
    says,
    transfer,
)
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    DRAFTED,
    EDITING,
    GUARANTOR,
    HOLDER,
    INSURANCE,
    LINE_PRODUCER,
    MAYA,
    NOOR,
    OPENED,
    PRODUCER,
    STORY,
    STRANGER,
    TWO_HATS,
    appoint,
    budget,
    equity,
    inr,
    recode,
    reverse,
    spend,
)
from tests.spec import Story, given, play

BUDGETS = When((RequestKind.BUDGET,))
PAYMENTS = When((RequestKind.PAYMENT,))
TRANSFERS = When((RequestKind.TRANSFER,))
DRAWS = When((RequestKind.CONTINGENCY_DRAW,))


def ruled(*rules: Rule, **terms: Any) -> Policy:
    """Those rules; for the rest, any executive producer."""
    return Policy(**({"name": "Ours", "rules": rules, "otherwise": (EP,), "alerts_at": ()} | terms))


def chosen(terms: Policy, person: PersonId, command: Command, story: Story = COVERED, days: int = 0) -> str | None:
    """The name of the rule under which the command asks for something; None for the default."""
    facts = given(adopted(story, terms)).later(days).when(person, command).facts
    return next(fact.rule for fact in facts if isinstance(fact, ApprovalRequested | ApprovedByPolicy))


HEADS = Step((Approver(department_head=True),))


class TestTerms:
    @pytest.mark.parametrize(
        ("terms", "says"),
        [
            (ruled(Rule("Ours", When(()))), "Ours: a rule is for one kind of request or more"),
            (ruled(Rule("Ours", BUDGETS, (Step(()),))), "a step asks somebody"),
            (ruled(Rule("Ours", BUDGETS, (replace(EP, optional=True),))), "Ours: one step at least is not optional"),
            (ruled(Rule("Ours", replace(BUDGETS, at_least=Decimal(2), below=Decimal(2)))), "at_least 2 is not below 2"),
            (ruled(Rule("Ours", When((RequestKind.POLICY_CHANGE,)))), "changes of the policy have their own steps"),
            (ruled(Rule("Ours", BUDGETS), Rule("Ours", PAYMENTS)), "every rule has a name of its own"),
            (ruled(otherwise=()), "otherwise: say which steps it takes"),
            (ruled(changes=()), "changes: say which steps it takes"),
            (ruled(capped_accounts=(ART,)), "capped accounts need a rule of their own"),
            (ruled(alerts_at=(0,)), "alerts are at 1 to 200 percent"),
            (ruled(cumulative_days=0), "days that count together are 1 to 366"),
            (ruled(fresh_minutes=0), "fresh_minutes are 1 to 1440"),
            (ruled(override_by=Role.AUDITOR), "an auditor reads everything and overrides nothing"),
            (ruled(otherwise=(Step((Approver(Role.AUDITOR),)),)), "an auditor reads everything and approves nothing"),
            (ruled(otherwise=(Step((Approver(),)),)), "an approver is one of role, person"),
            (ruled(otherwise=(replace(EP, quorum=2),)), "a quorum says how many"),
            (ruled(otherwise=(replace(EP, share=Decimal(50)),)), "a share says its percentage"),
            (ruled(otherwise=(replace(EP, mode=Mode.SHARE, share=Decimal("0.0")),)), "a share .*, above 0 and up to"),
            (ruled(otherwise=(replace(EP, within_days=3),)), "a deadline of 1 to 366 days goes with"),
            (ruled(otherwise=(replace(EP, within_days=0, escalates_to=EP.approvers),)), "a deadline of 1 to 366 days"),
            (
                ruled(otherwise=(replace(EP, within_days=367, escalates_to=EP.approvers),)),
                "a deadline of 1 to 366 days",
            ),
            (ruled(Rule("Ours", BUDGETS, (HEADS,))), "Ours: department heads are .*asked about a budget?"),
            (ruled(otherwise=(HEADS,)), "otherwise: department heads are asked about their accounts"),
            (ruled(changes=(HEADS,)), "changes: department heads are asked about their accounts"),
        ],
    )
    def test_that_contradict_themselves_are_named(self, terms: Policy, says: str) -> None:
        with pytest.raises(ValidationError, match=says):
            AdoptApprovalPolicy(terms=terms, reason=WHY)

    def test_may_ask_department_heads_about_accounts_and_beside_others(self) -> None:
        beside = Step((Approver(department_head=True), Approver(Role.EXECUTIVE_PRODUCER)))
        sound = ruled(Rule("Moves", TRANSFERS, (HEADS,)), Rule("Versions", BUDGETS, (beside,)))
        assert AdoptApprovalPolicy(terms=sound, reason=WHY).proposed == sound


class TestAdoptApprovalPolicy:
    PROPOSES = AdoptApprovalPolicy(template=Template.STUDIO)

    def test_takes_every_executive_producer(self) -> None:
        facts = given(DRAFTED).when(MAYA, self.PROPOSES).facts
        assert [type(fact) for fact in facts] == [ApprovalRequested, ApprovalGiven]
        story: Story = says([*DRAFTED, (MAYA, self.PROPOSES)], NOOR, "A-1")
        facts = given(story).when(TWO_HATS, last(story, "A-1")).facts
        assert facts[-1] == ApprovalPolicyAdopted("P-1", self.PROPOSES.proposed)

    def test_is_for_all_that_is_asked_from_then_on_and_for_nothing_before(self) -> None:
        story: Story = [*DRAFTED, (PRODUCER, SubmitBudget(budget="v1"))]
        story = adopted(story, policy(GUARANTORS))
        assert asked(story, "A-1").steps == (EP,)
        assert given(story).when(NOOR, last(story, "A-1")).facts[-1].budget == "v1"

    def test_is_changed_under_the_rule_for_changes_in_force(self) -> None:
        story = adopted(DRAFTED, policy(EP, changes=(GUARANTORS,)))
        other = AdoptApprovalPolicy(template=Template.STUDIO)
        (requested,) = given(story).when(MAYA, other).facts
        assert requested.steps == (GUARANTORS,)
        story = [*story, (MAYA, other)]
        assert given(story).when(GUARANTOR, last(story, "A-2")).facts[-1].policy == "P-2"

    def test_again_with_the_same_terms_does_nothing(self) -> None:
        terms = policy(EP)
        given(adopted(DRAFTED, terms)).when(MAYA, AdoptApprovalPolicy(terms=terms)).then_nothing()


class TestWhoMayOverride:
    @pytest.mark.parametrize(
        ("kind", "command"),
        [
            (RequestKind.POLICY_CHANGE, AdoptApprovalPolicy(template=Template.STUDIO)),
            (RequestKind.APPOINTMENT, appoint(STRANGER, Role.EXECUTIVE_PRODUCER)),
            (RequestKind.FUNDING_CUT, WithdrawFunding(funding="F-4", reason=WHY)),
            (RequestKind.UNLOCKING, UnlockBudget(budget="v1", reason=WHY)),
        ],
    )
    def test_passes_over_no_step_about_who_decides_or_about_a_cut(self, kind: RequestKind, command: Command) -> None:
        story: Story = [*adopted(COVERED, ruled(override_by=Role.DIRECTOR)), (MAYA, command)]
        expected = Role.DIRECTOR if kind is RequestKind.UNLOCKING else None
        assert (asked(story, "A-3").kind, asked(story, "A-3").override_by) == (kind, expected)


class TestTemplates:
    def test_let_nobody_appoint_their_own_approver_alone(self) -> None:
        appoints = appoint(STRANGER, Role.EXECUTIVE_PRODUCER)
        for template in Template:
            (opened,) = given(adopted(COVERED, TEMPLATES[template])).when(MAYA, appoints).facts
            assert (opened.kind, opened.steps[0]) == (RequestKind.APPOINTMENT, EP)

    def test_let_an_only_executive_producer_appoint_another(self) -> None:
        alone: Story = [*OPENED, (MAYA, AdoptApprovalPolicy(template=Template.INDEPENDENT_FEATURE))]
        facts = given(alone).when(MAYA, appoint(STRANGER, Role.EXECUTIVE_PRODUCER)).facts
        assert isinstance(facts[-1], Appointed)

    def test_of_a_studio_asks_all_for_a_version_past_what_was_approved(self) -> None:
        studio = TEMPLATES[Template.STUDIO]
        story: Story = [*COVERED, (NOOR, UnlockBudget(budget="v1", reason=WHY))]
        for art, rule in (("208000", None), ("209000", "Budget past what was approved")):
            drafted: Story = [*story, (LINE_PRODUCER, budget(art))]
            assert chosen(studio, PRODUCER, SubmitBudget(budget="v2"), drafted) == rule

    def test_of_a_studio_asks_all_before_a_version_of_the_same_total_may_move_what_a_transfer_would(
        self,
    ) -> None:
        studio = TEMPLATES[Template.STUDIO]
        (asks,) = given(adopted(COVERED, studio)).when(MAYA, UnlockBudget(budget="v1", reason=WHY)).facts
        assert (asks.rule, asks.steps[-1]) == ("Unlocking", EPS)


class TestRules:
    def test_the_first_that_is_for_it_counts(self) -> None:
        terms = ruled(Rule("First", TRANSFERS, (EP,)), Rule("Second", TRANSFERS, (EPS,)))
        assert chosen(terms, PRODUCER, transfer()) == "First"

    def test_none_of_which_is_for_it_leave_it_to_the_default(self) -> None:
        terms = ruled(Rule("Budgets", BUDGETS, (EPS,)))
        facts = given(adopted(COVERED, terms)).when(PRODUCER, transfer()).facts
        assert (facts[0].rule, facts[0].steps) == (None, (EP,))

    @pytest.mark.parametrize(
        ("amount", "rule"),
        [("9999.99", "Small"), ("10000", "Middle"), ("49999.99", "Middle"), ("50000", "Large")],
    )
    def test_of_amounts_begin_at_their_bound_and_end_below_it(self, amount: str, rule: str) -> None:
        terms = ruled(
            Rule("Small", replace(TRANSFERS, below=Decimal(10000)), (EP,)),
            Rule("Middle", replace(TRANSFERS, at_least=Decimal(10000), below=Decimal(50000)), (EP,)),
            Rule("Large", replace(TRANSFERS, at_least=Decimal(50000)), (EPS,)),
        )
        assert chosen(terms, PRODUCER, transfer(amount)) == rule

    @pytest.mark.parametrize(("amount", "rule"), [("19999.99", None), ("20000", "A tenth")])
    def test_of_percent_look_at_what_was_approved_for_the_account_that_gets_it(
        self, amount: str, rule: str | None
    ) -> None:
        terms = ruled(Rule("A tenth", replace(TRANSFERS, percent_over=Decimal(10)), (EPS,)))
        assert chosen(terms, PRODUCER, transfer(amount)) == rule

    def test_of_percent_count_all_that_the_account_got_since(self) -> None:
        changes = When((RequestKind.TRANSFER, RequestKind.CONTINGENCY_DRAW, RequestKind.OVERAGE))
        terms = ruled(
            Rule("A tenth", replace(changes, percent_over=Decimal(10)), (EPS,)),
            Rule("Less", changes),
            cumulative_days=1,
        )
        story: Story = [*adopted(COVERED, terms), (PRODUCER, draw("10000")), (PRODUCER, overage("9000"))]
        assert play(story).production.budgets.force.amounts[ART] == Decimal("219000")
        later = given(story).later(days=9)
        rules = [later.when(PRODUCER, transfer(amount)).facts[0].rule for amount in ("999.99", "1000")]
        assert rules == ["Less", "A tenth"]

    @pytest.mark.parametrize(("net", "rule"), [("219999.99", None), ("220000", "Over")])
    def test_of_percent_look_at_how_far_a_payment_takes_its_account_past_its_budget(
        self, net: str, rule: str | None
    ) -> None:
        terms = ruled(Rule("Over", replace(PAYMENTS, percent_over=Decimal(10)), (EPS,)))
        assert chosen(terms, LINE_PRODUCER, spend(ART, net)) == rule

    @pytest.mark.parametrize(("art", "rule"), [("209000", None), ("250000", "Larger")])
    def test_of_percent_look_at_how_far_a_version_goes_past_the_one_in_force(self, art: str, rule: str | None) -> None:
        terms = ruled(Rule("Larger", replace(BUDGETS, percent_over=Decimal(10)), (EPS,)))
        story: Story = [*COVERED, (NOOR, UnlockBudget(budget="v1", reason=WHY)), (LINE_PRODUCER, budget(art))]
        assert chosen(terms, PRODUCER, SubmitBudget(budget="v2"), story) == rule

    @pytest.mark.parametrize(("reached", "rule"), [(EDITING, "Capped"), (ART, None)])
    def test_of_capped_accounts_are_for_those_alone(self, reached: str, rule: str | None) -> None:
        terms = ruled(Rule("Capped", replace(TRANSFERS, capped=True), (EPS,)), capped_accounts=(EDITING,))
        assert chosen(terms, PRODUCER, transfer("100", reached=reached)) == rule

    @pytest.mark.parametrize(("reached", "rule"), [(EDITING, "Either"), (INSURANCE, "Either"), (ART, None)])
    def test_of_levels_and_accounts_are_for_either(self, reached: str, rule: str | None) -> None:
        when = replace(DRAWS, levels=(Level.POST,), accounts=(INSURANCE,))
        assert chosen(ruled(Rule("Either", when, (EPS,))), PRODUCER, draw("100", reached)) == rule

    def test_without_a_step_let_it_take_effect_at_once_and_say_so(self) -> None:
        facts = given(adopted(COVERED, policy())).when(PRODUCER, transfer()).facts
        assert facts[0] == ApprovedByPolicy(
            RequestKind.TRANSFER, f"{STORY} to {ART}", inr("60000"), inr("60000"), (STORY, ART), None, "P-1", "Money"
        )
        assert facts[1].amount == inr("60000")

    def test_without_a_step_put_a_budget_in_force_at_once(self) -> None:
        facts = given(adopted(DRAFTED, policy())).when(PRODUCER, SubmitBudget(budget="v1")).facts
        assert facts[-1].budget == "v1"


class TestWhatCountsTogether:
    """Payments from 100,000 on are large; one vendor's or account's of 30 days count together."""

    TERMS = ruled(
        Rule("Large", replace(PAYMENTS, at_least=Decimal(100000)), (EP,)), Rule("Small", PAYMENTS, (PRODUCERS,))
    )

    def counted(self, story: Story, *more: Any, days: int = 0) -> tuple[Money | None, str | None]:
        facts = given(story).later(days).when(LINE_PRODUCER, spend(*more[:2], "KS-99", **dict(more[2:]))).facts
        return next((fact.counted, fact.rule) for fact in facts if isinstance(fact, ApprovalRequested))

    def paid(self, *spends: tuple[str, str, str]) -> Story:
        """Spend on accounts, so much, with vendors."""
        story = adopted(COVERED, self.TERMS)
        for number, (account, net, vendor) in enumerate(spends, 1):
            story = [*story, (LINE_PRODUCER, spend(account, net, f"KS-{number}", vendor=vendor))]
        return story

    def test_is_what_one_vendor_is_paid_on_any_account(self) -> None:
        story = self.paid((ART, "60000", "kala-sets"))
        assert self.counted(story, EDITING, "40000") == (inr("100000"), "Large")

    def test_is_what_one_account_pays_to_any_vendor(self) -> None:
        story = self.paid((ART, "60000", "somebody-else"))
        assert self.counted(story, ART, "40000") == (inr("100000"), "Large")

    def test_is_not_what_others_are_paid_on_other_accounts(self) -> None:
        story = self.paid((EDITING, "60000", "somebody-else"))
        assert self.counted(story, ART, "40000") == (inr("40000"), "Small")

    def test_is_not_what_was_asked_for_longer_ago(self) -> None:
        story = self.paid((ART, "60000", "kala-sets"))
        assert self.counted(story, ART, "40000", days=29) == (inr("100000"), "Large")
        assert self.counted(story, ART, "40000", days=30) == (inr("40000"), "Small")

    def test_is_not_what_was_rejected(self) -> None:
        story = self.paid((ART, "60000", "kala-sets"))
        story = says(story, PRODUCER, "A-3", Reject, words=WHY)
        assert self.counted(story, ART, "40000") == (inr("40000"), "Small")

    def test_is_not_what_was_recalled(self) -> None:
        story = [*self.paid((ART, "60000", "kala-sets")), (LINE_PRODUCER, RecallRequest(round="A-3"))]
        assert self.counted(story, ART, "40000") == (inr("40000"), "Small")

    def test_is_not_what_was_taken_back_before_it_was_paid(self) -> None:
        story = [*self.paid((ART, "60000", "kala-sets")), (ACCOUNTANT, reverse("S-000001"))]
        assert self.counted(story, ART, "40000") == (inr("40000"), "Small")

    def test_is_what_was_approved(self) -> None:
        story = self.paid((ART, "60000", "kala-sets"))
        story = says(story, PRODUCER, "A-3")
        assert self.counted(story, ART, "40000") == (inr("100000"), "Large")

    def test_is_what_the_policy_approved(self) -> None:
        terms = ruled(Rule("Large", replace(PAYMENTS, at_least=Decimal(100000)), (EP,)), Rule("Small", PAYMENTS))
        story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(ART, "60000", "KS-1"))]
        assert self.counted(story, ART, "40000") == (inr("100000"), "Large")


class TestPayments:
    TERMS = ruled(Rule("Payments", PAYMENTS, (PRODUCERS,)))
    LOGGED: ClassVar[Story] = [*adopted(COVERED, TERMS), (LINE_PRODUCER, spend(ART, "250000", "KS-1"))]

    def test_are_asked_for_by_spend_that_is_recorded_whatever_it_costs(self) -> None:
        facts = given(adopted(COVERED, self.TERMS)).when(LINE_PRODUCER, spend(ART, "250000", "KS-1")).facts
        assert isinstance(facts[0], SpendLogged)
        assert isinstance(facts[-1], ApprovalRequested)
        assert (facts[-1].subject, facts[-1].vendor, facts[-1].excluded) == ("S-000001", "kala-sets", (LINE_PRODUCER,))

    def test_are_released_by_the_last_approval(self) -> None:
        facts = given(self.LOGGED).when(PRODUCER, last(self.LOGGED, "A-3")).facts
        assert isinstance(facts[1], RequestApproved)
        assert facts[2] == PaymentReleased("S-000001", inr("250000"), inr("250000"))

    def test_are_not_approved_by_who_logged_them(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), (MAYA, appoint(LINE_PRODUCER, Role.PRODUCER))]
        story = [*says(story, NOOR, "A-3"), (LINE_PRODUCER, spend(ART, "100", "KS-1"))]
        given(story).when(LINE_PRODUCER, last(story, "A-4")).then_refused(
            ApproverHadAHandInIt(LINE_PRODUCER, "S-000001")
        )

    def test_are_not_approved_by_who_recoded_them_meanwhile(self) -> None:
        of_accountants = ruled(Rule("Payments", PAYMENTS, (Step((Approver(Role.ACCOUNTANT),)),)))
        story: Story = [*adopted(COVERED, of_accountants), (LINE_PRODUCER, spend(ART, "100", "KS-1"))]
        story = [*story, (ACCOUNTANT, recode("S-000001", EDITING))]
        given(story).when(ACCOUNTANT, last(story, "A-4")).then_refused(ApproverHadAHandInIt(ACCOUNTANT, "S-000001"))
        assert given(story).when(HOLDER, last(story, "A-4")).refusal is None

    def test_are_asked_no_more_when_the_spend_is_reversed(self) -> None:
        facts = given(self.LOGGED).when(ACCOUNTANT, reverse("S-000001")).facts
        assert isinstance(facts[0], SpendReversed)
        assert facts[-1] == RequestRecalled("A-3", "S-000001", "S-000001 is reversed")

    @pytest.mark.parametrize("answer", [Reject, RequestChanges])
    def test_are_asked_for_again_when_they_were_turned_down(self, answer: type[Command]) -> None:
        turned_down = says(self.LOGGED, PRODUCER, "A-3", answer, words=WHY)
        (asked,) = given(turned_down).when(ACCOUNTANT, RequestPayment(spend="S-000001", reason=WHY)).facts
        assert isinstance(asked, ApprovalRequested)
        assert (asked.round, asked.subject, asked.amount) == ("A-4", "S-000001", inr("250000"))
        assert asked.content_hash == last(self.LOGGED, "A-3").content_hash

    def test_are_asked_for_again_on_the_account_they_were_recoded_to(self) -> None:
        story: Story = [*self.LOGGED, (LINE_PRODUCER, RecallRequest(round="A-3"))]
        story = [*story, (ACCOUNTANT, recode("S-000001", STORY))]
        (asked,) = given(story).when(LINE_PRODUCER, RequestPayment(spend="S-000001", reason=WHY)).facts
        assert asked.accounts == (STORY,)

    def test_are_released_on_being_asked_for_again_but_by_nobody_who_had_a_hand_in_it(self) -> None:
        story: Story = [*self.LOGGED, (LINE_PRODUCER, RecallRequest(round="A-3"))]
        for person in (LINE_PRODUCER, ACCOUNTANT):
            story = [*story, (MAYA, appoint(person, Role.PRODUCER))]
            story = says(story, NOOR, f"A-{len(play(story).production.approvals.rounds)}")
        story = [*story, (ACCOUNTANT, RequestPayment(spend="S-000001", reason=WHY))]
        for person in (LINE_PRODUCER, ACCOUNTANT):
            given(story).when(person, last(story, "A-6")).then_refused(ApproverHadAHandInIt(person, "S-000001"))
        assert given(story).when(PRODUCER, last(story, "A-6")).facts[-1] == PaymentReleased(
            "S-000001", inr("250000"), inr("250000")
        )

    def test_asked_for_again_count_once(self) -> None:
        small = Rule("Small", PAYMENTS, (PRODUCERS,))
        terms = ruled(Rule("Large", replace(PAYMENTS, at_least=Decimal(100000)), (EP,)), small)
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(ART, "60000", "KS-1"))]
        story = [*says(story, PRODUCER, "A-3", Reject, words=WHY)]
        (asked,) = given(story).when(ACCOUNTANT, RequestPayment(spend="S-000001", reason=WHY)).facts
        assert (asked.counted, asked.rule) == (inr("60000"), "Small")

    def test_reversed_after_their_release_still_count(self) -> None:
        terms = ruled(Rule("Large", replace(PAYMENTS, at_least=Decimal(100000)), (EP,)), Rule("Small", PAYMENTS))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(ART, "60000", "KS-1"))]
        story = [*story, (ACCOUNTANT, reverse("S-000001"))]
        facts = given(story).when(LINE_PRODUCER, spend(ART, "60000", "KS-1")).facts
        assert [each.rule for each in facts if isinstance(each, ApprovalRequested)] == ["Large"]

    def test_skip_an_optional_step_as_soon_as_they_are_asked_for(self) -> None:
        terms = ruled(Rule("Payments", PAYMENTS, (Step((Approver(person=STRANGER),), optional=True), PRODUCERS)))
        facts = given(adopted(COVERED, terms)).when(LINE_PRODUCER, spend(ART, "100", "KS-1")).facts
        assert facts[-1] == StepSkipped("A-3", "S-000001", 0, "nobody is what it asks for")


class TestThroughARound:
    """What takes effect once its round passes, and only then."""

    def effect(self, person: PersonId, command: Command, story: Story = COVERED) -> object:
        story = [*adopted(story, ruled()), (person, command)]
        production = play(story).production
        number = f"A-{len(production.approvals.rounds)}"
        assert isinstance(play(story).facts[-1][0], ApprovalRequested)
        return given(story).when(NOOR, last(story, number)).facts[2]

    def test_a_source_is_withdrawn(self) -> None:
        assert isinstance(self.effect(MAYA, WithdrawFunding(funding="F-4", reason=WHY)), FundingWithdrawn)

    def test_the_lock_is_opened(self) -> None:
        assert self.effect(TWO_HATS, UnlockBudget(budget="v1", reason=WHY)) == BudgetUnlocked("v1")

    def test_an_executive_producer_is_appointed(self) -> None:
        command = appoint(STRANGER, Role.EXECUTIVE_PRODUCER)
        assert isinstance(self.effect(MAYA, command), Appointed)

    @pytest.mark.parametrize("template", [Template.CO_FINANCED_FEATURE, Template.STUDIO])
    def test_a_second_executive_producer_is_appointed_by_the_only_one(self, template: Template) -> None:
        alone: Story = [*OPENED, (MAYA, AdoptApprovalPolicy(template=template))]
        facts = given(alone).when(MAYA, appoint(NOOR, Role.EXECUTIVE_PRODUCER)).facts
        assert [type(fact) for fact in facts if not isinstance(fact, StepSkipped)] == [
            *(ApprovalRequested, RequestApproved, Appointed)
        ]
        assert facts[1].because == "nobody but who asked for it is what it asks for"
        third: Story = [*alone, (MAYA, appoint(NOOR, Role.EXECUTIVE_PRODUCER))]
        (asked,) = given(third).when(MAYA, appoint(TWO_HATS, Role.EXECUTIVE_PRODUCER)).facts
        assert asked.excluded == (MAYA,)

    @pytest.mark.parametrize("template", list(Template))
    def test_the_only_executive_producer_is_not_held_up_by_a_step_that_asks_nobody_else(
        self, template: Template
    ) -> None:
        alone: Story = [*OPENED, (MAYA, AdoptApprovalPolicy(template=template)), (MAYA, equity(inr("1000")))]
        cut: Command = WithdrawFunding(funding="F-1", reason=WHY)
        assert given(alone).when(MAYA, cut).facts[-2].kind in BY_ASKING
        closed: Story = [*alone, (MAYA, EnterStage(stage=Stage.CLOSED))]
        facts = given(closed).when(MAYA, EnterStage(stage=Stage.PRODUCTION, reason=WHY)).facts
        assert isinstance(facts[-1], StageEntered)

    def test_but_what_others_may_be_asked_waits_for_them(self) -> None:
        story: Story = [*OPENED, (MAYA, appoint(NOOR, Role.EXECUTIVE_PRODUCER))]
        story = says([*story, (MAYA, AdoptApprovalPolicy(template=Template.STUDIO))], NOOR, "A-1")
        (asked,) = (
            given([*story, (MAYA, equity(inr("1000")))]).when(MAYA, WithdrawFunding(funding="F-1", reason=WHY)).facts
        )
        assert isinstance(asked, ApprovalRequested)

    def test_an_appointment_of_a_role_that_approves_is_ended(self) -> None:
        terms = ruled(Rule("Budgets", BUDGETS, (GUARANTORS,)))
        story: Story = [*adopted(COVERED, terms)]
        story = [*story, (MAYA, EndAppointment(person=GUARANTOR, role=Role.COMPLETION_GUARANTOR, reason=WHY))]
        facts = given(story).when(NOOR, last(story, "A-3")).facts
        assert facts[-1] == AppointmentEnded(GUARANTOR, Role.COMPLETION_GUARANTOR)

    def test_but_a_role_that_approves_nothing_is_given_at_once(self) -> None:
        (appointed,) = given(adopted(COVERED, ruled())).when(MAYA, appoint(STRANGER, Role.DIRECTOR)).facts
        assert isinstance(appointed, Appointed)

    def test_a_closed_production_is_reopened(self) -> None:
        story: Story = [*adopted(COVERED, ruled()), (MAYA, EnterStage(stage=Stage.CLOSED))]
        story = [*story, (PRODUCER, EnterStage(stage=Stage.POST_PRODUCTION, reason=WHY))]
        facts = given(story).when(NOOR, last(story, "A-3")).facts
        assert isinstance(facts[-1], StageEntered)
        assert facts[-1].stage is Stage.POST_PRODUCTION
