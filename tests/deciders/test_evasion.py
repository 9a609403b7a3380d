"""Ways around a policy, each of them closed; and ways out where it would hold everything up."""

from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

import pytest

from events.approval import ApprovalRequested, RequestRecalled, StepSkipped, VoteWithdrawn
from events.budget import Level, TotalName
from events.change import BudgetTransferred
from events.delegation import Power
from events.financing import FundingKind, FundingWithdrawn
from events.ids import AccountCode, PersonId
from events.money import Money
from events.policy import Approver, Mode, Policy, RequestKind, Rule, Step, When
from events.team import Role
from service.deciders.approval import (
    Abstain,
    ApproverHadAHandInIt,
    ApproverSetTheBudget,
    BeyondDelegation,
    CannotTakeEffect,
    CloseCondition,
    CredentialsAreNotFresh,
    DealtWithIt,
    NobodyApproved,
    NobodyOverrides,
    Nudge,
    OverrideStep,
    PersonFillsAnotherPlace,
    PlaceIsNotYours,
    ReassignStep,
    WithdrawVote,
)
from service.deciders.budget import UnlockBudget, WaiveDifference
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember, DismissMember, SuspendMember
from service.deciders.financing import AmendFunding, AmendsTwoThings, CommitFunding, SecureFunding, WithdrawFunding
from service.deciders.payment import PaymentIsNotTurnedDown, RequestPayment
from service.deciders.policy import TEMPLATES, AdoptApprovalPolicy, PolicyIsProposed, Template
from service.deciders.rounds import Outcome
from service.deciders.submission import SubmitBudget
from service.deciders.team import Appoint, EndAppointment
from tests.deciders.advances import pay_out
from tests.deciders.commitments import order, submit
from tests.deciders.documents import credit
from tests.deciders.rounds import (
    COVERED,
    EP,
    EPS,
    GUARANTORS,
    PRODUCERS,
    adopted,
    asked,
    away,
    delegated,
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
    ADMINISTRATOR,
    ART,
    DIRECTOR,
    DRAFTED,
    EDITING,
    FINANCIER,
    FIRST_DAY,
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
    UNRECONCILED_BUDGET,
    appoint,
    budget,
    equity,
    inr,
    rate,
    recode,
    reverse,
    spend,
)
from tests.deciders.test_policy import BUDGETS, PAYMENTS, TRANSFERS, chosen, ruled
from tests.spec import Story, given, play

WHO = Rule("Who", When((RequestKind.APPOINTMENT,)), (EPS,))
NOBODY = Rule("Nobody", When((RequestKind.APPOINTMENT,)))
MADE_UP = rate("EUR", "INR", "0.001")
CHANGES = When((RequestKind.TRANSFER, RequestKind.OVERAGE, RequestKind.CONTINGENCY_DRAW))


def waiting(story: Story, round_id: str) -> tuple[PersonId, ...]:
    """Whom a reminder reaches."""
    (nudged,) = given(story).when(MAYA, Nudge(round=round_id)).facts
    return nudged.persons


class TestNeverBypassed:
    """Who approves is not changed on the quiet, nor what is asked for split, carried over or slipped through."""

    FINANCED: ClassVar = ruled(
        WHO, Rule("Cuts", When((RequestKind.FUNDING_CUT,)), (Step((Approver(every_holder=True),)),))
    )

    def kind(self, person: PersonId, command: Command, terms: Policy, story: Story = COVERED) -> RequestKind | None:
        facts = given(adopted(story, terms)).when(person, command).facts
        return next((fact.kind for fact in facts if isinstance(fact, ApprovalRequested)), None)

    def test_kinds_that_one_rule_is_for_count_together(self) -> None:
        terms = ruled(Rule("Small", replace(CHANGES, below=Decimal(50000))))
        story: Story = [*adopted(COVERED, terms), (PRODUCER, transfer("30000")), (PRODUCER, draw("19999.99"))]
        (*_, opened) = given(story).when(PRODUCER, overage("0.01")).facts
        assert (opened.rule, opened.counted) == (None, inr("0.01")), "for what no rule is for, its own kind counts"
        assert given(story).when(PRODUCER, transfer("0.01")).facts[0].rule is None

    @pytest.mark.parametrize(
        ("terms", "command"),
        [
            (ruled(WHO, Rule("Heads", TRANSFERS, (Step((Approver(department_head=True),)),))), Role.DEPARTMENT_HEAD),
            (ruled(WHO, Rule("Named", TRANSFERS, (Step((Approver(person=STRANGER),)),))), Role.DIRECTOR),
            (ruled(WHO, override_by=Role.DIRECTOR), Role.DIRECTOR),
        ],
        ids=["a department head", "somebody named", "who may override"],
    )
    def test_giving_a_role_by_which_the_policy_asks_somebody_is_approved(self, terms: Policy, command: Role) -> None:
        accounts = (ART,) if command is Role.DEPARTMENT_HEAD else ()
        appointed = Appoint(person=STRANGER, role=command, from_on=FIRST_DAY, accounts=accounts)
        assert self.kind(MAYA, appointed, terms) is RequestKind.APPOINTMENT
        assert self.kind(MAYA, appointed, ruled(WHO)) is None

    @pytest.mark.parametrize(
        "command",
        [
            equity(inr("5000000"), party="Fake", holder=STRANGER),
            AmendFunding(funding="F-4", holder=None, reason=WHY),
            AmendFunding(funding="F-4", holder=STRANGER, reason=WHY),
            EndAppointment(person=FINANCIER, role=Role.FINANCIER, reason=WHY),
        ],
        ids=["a new holder", "none any more", "another one", "without a role"],
    )
    def test_who_speaks_for_funding_is_approved_where_the_policy_asks_them(self, command: Command) -> None:
        assert self.kind(MAYA, command, self.FINANCED) is RequestKind.APPOINTMENT
        assert self.kind(MAYA, command, ruled(WHO)) is None

    def test_a_source_that_is_committed_later_is_approved_then(self) -> None:
        letter = SecureFunding(kind=FundingKind.EQUITY, party="Fake", amount=inr("9000000"), holder=STRANGER)
        commit = CommitFunding(funding="F-5", document="Agreement")
        assert self.kind(MAYA, letter, self.FINANCED) is None
        assert self.kind(MAYA, commit, self.FINANCED, [*COVERED, (MAYA, letter)]) is RequestKind.APPOINTMENT

    def test_another_holder_and_a_cut_are_not_asked_for_as_one(self) -> None:
        both = AmendFunding(funding="F-4", holder=STRANGER, amount=inr("150000"), reason=WHY)
        given(adopted(COVERED, self.FINANCED)).when(MAYA, both).then_refused(
            AmendsTwoThings("F-4", inr("50000"), STRANGER)
        )
        assert isinstance(given(adopted(COVERED, ruled())).when(MAYA, both).facts[-1], ApprovalRequested)

    @pytest.mark.parametrize(("art", "rule"), [("200000", None), ("190000", "Capped"), ("210000", "Capped")])
    def test_a_new_version_does_not_move_a_capped_account_by_a_lower_rule(self, art: str, rule: str | None) -> None:
        capped = Rule("Capped", replace(BUDGETS, capped=True), (EPS,))
        unlocked: Story = [*COVERED, (NOOR, UnlockBudget(budget="v1", reason=WHY))]
        draft = budget(art, credits=())
        terms = ruled(capped, capped_accounts=(ART,))
        assert chosen(terms, PRODUCER, SubmitBudget(budget="v2"), [*unlocked, (LINE_PRODUCER, draft)]) == rule
        assert chosen(terms, PRODUCER, SubmitBudget(budget="v1"), DRAFTED) is None, "the first version says the cap"

    def test_a_new_version_does_not_take_a_capped_account_to_another_code_by_a_lower_rule(self) -> None:
        capped = Rule("Capped", replace(BUDGETS, capped=True), (EPS,))
        unlocked: Story = [*COVERED, (NOOR, UnlockBudget(budget="v1", reason=WHY))]
        kept = budget().accounts
        moved = tuple(each.model_copy(update={"code": "2201"}) if each.code == ART else each for each in kept)
        story: Story = [*unlocked, (LINE_PRODUCER, budget(accounts=moved))]
        assert chosen(ruled(capped, capped_accounts=(ART,)), PRODUCER, SubmitBudget(budget="v2"), story) == "Capped"

    @pytest.mark.parametrize(
        "command",
        [
            AmendFunding(funding="F-4", amount=inr("5000000"), reason=WHY),
            equity(inr("5000000"), party="Nobody's"),
        ],
        ids=["more of one's own", "of nobody"],
    )
    def test_how_much_somebody_speaks_for_is_approved_where_the_policy_asks_them(self, command: Command) -> None:
        assert self.kind(MAYA, command, self.FINANCED) is RequestKind.APPOINTMENT
        assert self.kind(MAYA, command, ruled(WHO)) is None

    def test_whoever_approved_a_step_does_not_pass_over_the_others_in_it(self) -> None:
        story: Story = [*adopted(COVERED, policy(EPS, override_by=Role.EXECUTIVE_PRODUCER)), (PRODUCER, transfer())]
        story = says(story, MAYA, "A-3")
        alone = last(story, "A-3", OverrideStep, reason=WHY)
        given(story).when(MAYA, alone).then_refused(PersonFillsAnotherPlace(MAYA, "A-3", MAYA, 1))
        assert isinstance(given(story).when(NOOR, alone).facts[-1], BudgetTransferred)

    def test_nobody_passes_over_a_step_on_their_own_word_alone(self) -> None:
        terms = policy(EP, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER, one_person_may_fill_two_steps=True)
        story: Story = [*adopted(COVERED, terms), (PRODUCER, transfer())]
        story = says(story, MAYA, "A-3")
        override = last(story, "A-3", OverrideStep, reason=WHY)
        given(story).when(MAYA, override).then_refused(NobodyApproved("A-3", f"{STORY} to {ART}"))
        assert isinstance(given(story).when(NOOR, override).facts[-1], BudgetTransferred)

    def test_who_approves_a_policy_is_neither_passed_over_nor_chosen(self) -> None:
        story: Story = [*adopted(COVERED, ruled(override_by=Role.EXECUTIVE_PRODUCER))]
        story = [*story, (MAYA, AdoptApprovalPolicy(terms=ruled()))]
        for person in (MAYA, TWO_HATS):
            refusal = given(story).when(person, last(story, "A-3", OverrideStep, reason=WHY)).refusal
            assert isinstance(refusal, NobodyOverrides)
            moves = ReassignStep(round="A-3", seat=NOOR, to=DIRECTOR, reason=WHY)
            given(story).when(person, moves).then_refused(PlaceIsNotYours("A-3", NOOR, None))
        own = ReassignStep(round="A-3", seat=MAYA, to=DIRECTOR, reason=WHY)
        given(story).when(MAYA, own).then_refused(ApproverHadAHandInIt(MAYA, "P-2"))

    def test_nobody_is_suspended_out_of_a_round(self) -> None:
        story: Story = [*adopted(COVERED, ruled()), *((OPERATOR, SuspendMember(person=p)) for p in (NOOR, TWO_HATS))]
        story = [*story, (MAYA, AdoptApprovalPolicy(template=Template.INDEPENDENT_FEATURE))]
        assert waiting(story, "A-3") == (NOOR, TWO_HATS)
        (opened,) = given(story).when(MAYA, UnlockBudget(budget="v1", reason=WHY)).facts
        assert isinstance(opened, ApprovalRequested)

    def test_requests_that_wait_count_towards_how_far_an_account_is_taken(self) -> None:
        tenth = Rule("A tenth", replace(CHANGES, percent_over=Decimal(10)), (EPS,))
        story: Story = [*adopted(COVERED, ruled(tenth)), (PRODUCER, transfer("19999"))]
        assert asked(story, "A-3").steps == (EP,)
        (*_, opened) = given(story).when(PRODUCER, transfer("1")).facts
        assert opened.rule == "A tenth"

    def test_rules_for_levels_and_accounts_are_for_versions_that_change_them(self) -> None:
        terms = ruled(Rule("Post", replace(BUDGETS, levels=(Level.POST,)), (EPS,)))
        story: Story = [*COVERED, (NOOR, UnlockBudget(budget="v1", reason=WHY)), (LINE_PRODUCER, budget("210000"))]
        assert chosen(terms, PRODUCER, SubmitBudget(budget="v2"), story) is None
        assert chosen(terms, PRODUCER, SubmitBudget(budget="v1"), DRAFTED) == "Post"

    def test_what_was_asked_beside_one_version_is_not_carried_over_to_the_next(self) -> None:
        story: Story = [*adopted(COVERED, ruled()), (PRODUCER, transfer())]
        story = [*story, (MAYA, UnlockBudget(budget="v1", reason=WHY))]
        story = says(story, NOOR, "A-4")
        story = [*story, (LINE_PRODUCER, budget("210000")), (PRODUCER, SubmitBudget(budget="v2"))]
        facts = given(story).when(MAYA, last(story, "A-5")).facts
        assert facts[-1] == RequestRecalled("A-3", f"{STORY} to {ART}", "v2 is in force")

    def test_a_payment_is_asked_about_under_the_rule_for_the_account_it_was_recoded_to(self) -> None:
        terms = ruled(Rule("Art", replace(PAYMENTS, accounts=(ART,)), (EPS,)), Rule("Others", PAYMENTS))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(EDITING, "1000"))]
        facts = given(story).when(ACCOUNTANT, recode("S-000001", ART)).facts
        assert [(fact.rule, fact.excluded) for fact in facts if isinstance(fact, ApprovalRequested)] == [
            ("Art", (ACCOUNTANT, LINE_PRODUCER))
        ]

    def test_a_payment_that_waits_under_another_rule_is_asked_about_anew(self) -> None:
        terms = ruled(Rule("Art", replace(PAYMENTS, accounts=(ART,)), (EPS,)), Rule("Others", PAYMENTS, (PRODUCERS,)))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(EDITING, "1000"))]
        facts = given(story).when(ACCOUNTANT, recode("S-000001", ART)).facts
        assert facts[1] == RequestRecalled("A-3", "S-000001", "it is recoded")
        assert (facts[2].round, facts[2].rule) == ("A-4", "Art")

    def test_a_payment_that_is_asked_about_anew_moves_on_in_its_own_round(self) -> None:
        nobody = Step((Approver(department_head=True),), optional=True)
        terms = ruled(Rule("Art", replace(PAYMENTS, accounts=(ART,)), (nobody, EPS)), Rule("Others", PAYMENTS, (EPS,)))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(EDITING, "7", "KS-1"))]
        facts = given([*story, (LINE_PRODUCER, spend(EDITING, "1000"))]).when(ACCOUNTANT, recode("S-000002", ART)).facts
        moved = [(type(fact), fact.round) for fact in facts if isinstance(fact, ApprovalRequested | StepSkipped)]
        assert moved == [(ApprovalRequested, "A-5"), (StepSkipped, "A-5")]

    @pytest.mark.parametrize("template", [*Template])
    def test_a_payment_past_a_cap_needs_what_raising_the_cap_would(self, template: Template) -> None:
        terms = replace(TEMPLATES[template], capped_accounts=(ART,))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(ART, "200000", "KS-8"))]
        [past] = [
            f for f in given(story).when(LINE_PRODUCER, spend(ART, "0.01")).facts if isinstance(f, ApprovalRequested)
        ]
        raising = next(rule for rule in terms.rules if rule.name == "Capped accounts")
        assert (past.rule, past.steps) == ("Payments past a cap", raising.steps)
        assert chosen(terms, LINE_PRODUCER, spend(ART, "200000")) != "Payments past a cap"

    @pytest.mark.parametrize(
        ("who", "command"),
        [
            (ACCOUNTANT, pay_out("500000", vendor="kala-sets", currency="EUR", rate=MADE_UP)),
            (LINE_PRODUCER, spend(EDITING, "50000", currency="EUR", rate=MADE_UP)),
        ],
    )
    def test_no_amount_is_small_by_a_rate_that_its_sender_made_up(self, who: PersonId, command: Command) -> None:
        terms = ruled(
            Rule("Small", replace(PAYMENTS, below=Decimal(10000))),
            Rule("Large", replace(PAYMENTS, at_least=Decimal(10000)), (EPS,)),
        )
        said = given(adopted(COVERED, terms)).when(who, command).facts
        asks = next(fact for fact in said if isinstance(fact, ApprovalRequested))
        assert (asks.rule, asks.steps) == ("Large, as no rate of EUR is known", (EPS,))

        letter = equity(Money(Decimal(1000), "EUR"), budget_rate=rate("EUR", "INR", "90"))
        known: Story = [*adopted([*COVERED, (MAYA, letter)], terms)]
        asks = next(fact for fact in given(known).when(who, command).facts if isinstance(fact, ApprovalRequested))
        assert (asks.rule, asks.amount) == ("Large", inr("45000000" if who == ACCOUNTANT else "4500000"))

    def test_the_limit_of_a_delegation_is_in_a_currency_of_its_own(self) -> None:
        story: Story = [*COVERED, (LINE_PRODUCER, order((ART, "5000"), currency="EUR", rate=MADE_UP))]
        story = [*story, (LINE_PRODUCER, delegated(DIRECTOR, Power.SUBMIT_COMMITMENT, limit=inr("3000")))]
        given(story).when(f"{DIRECTOR}/{LINE_PRODUCER}", submit()).then_refused(
            BeyondDelegation(DIRECTOR, LINE_PRODUCER, inr("3000"), Money(Decimal("5000.00"), "EUR"))
        )

    def test_who_approved_a_payment_is_asked_again_once_it_is_recoded(self) -> None:
        terms = ruled(Rule("All", PAYMENTS, (PRODUCERS, EPS)))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(EDITING, "1000"))]
        story = [*says(story, PRODUCER, "A-3"), (ACCOUNTANT, recode("S-000001", INSURANCE))]
        assert PRODUCER in waiting(story, "A-4")
        assert asked(story, "A-4").content_hash != asked(story, "A-3").content_hash

    @pytest.mark.parametrize("account", [ART, EDITING])
    def test_a_payment_counts_once_though_it_is_recoded(self, account: AccountCode) -> None:
        terms = ruled(
            Rule("From 1500", replace(PAYMENTS, at_least=Decimal(1500)), (EPS,)),
            Rule("Art", replace(PAYMENTS, accounts=(ART,)), (PRODUCERS,)),
            Rule("Others", PAYMENTS),
        )
        other = EDITING if account == ART else ART
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(account, "1000"))]
        story = [*story, (ACCOUNTANT, recode("S-000001", other))]
        asked = [fact for fact, _ in play(story).facts if isinstance(fact, ApprovalRequested) and fact.vendor]
        assert [(fact.rule, fact.counted) for fact in asked] == [("Art", inr("1000"))]
        _, by_policy = given(story).when(LINE_PRODUCER, spend(EDITING, "499.99", "KS-9")).facts
        assert by_policy.counted == inr("1499.99")

    @pytest.mark.parametrize("command", [overage("1000"), transfer("1000"), draw("1000")])
    def test_who_logged_spend_approves_nothing_for_its_account_though_another_recoded_it(
        self, command: Command
    ) -> None:
        of_accountants = policy(Step((Approver(Role.ACCOUNTANT),)))
        story: Story = [*adopted(COVERED, of_accountants), (ACCOUNTANT, spend(EDITING, "1000"))]
        story = [*story, (LINE_PRODUCER, recode("S-000001", ART)), (PRODUCER, command)]
        given(story).when(ACCOUNTANT, last(story, "A-3")).then_refused(
            ApproverHadAHandInIt(ACCOUNTANT, asked(story, "A-3").subject)
        )
        assert given(story).when(HOLDER, last(story, "A-3")).refusal is None

    def test_who_waived_a_difference_does_not_approve_the_budget(self) -> None:
        story: Story = [*DRAFTED, (MAYA, appoint(NOOR, Role.PRODUCER)), (LINE_PRODUCER, UNRECONCILED_BUDGET)]
        story = [*story, (NOOR, WaiveDifference(budget="v2", total=TotalName.GRAND_TOTAL, reason=WHY))]
        story = [*story, (PRODUCER, SubmitBudget(budget="v2"))]
        given(story).when(NOOR, last(story, "A-1")).then_refused(ApproverSetTheBudget(NOOR, "v2"))

    def test_who_asks_for_something_does_not_abstain_for_somebody_who_is_away(self) -> None:
        story: Story = [*adopted(COVERED, policy(EPS)), (NOOR, away(LINE_PRODUCER)), (LINE_PRODUCER, transfer())]
        given(story).when(f"{LINE_PRODUCER}/{NOOR}", last(story, "A-3", Abstain)).then_refused(
            ApproverHadAHandInIt(LINE_PRODUCER, f"{STORY} to {ART}")
        )

    def test_a_limit_of_amount_does_not_reach_to_what_has_no_amount(self) -> None:
        story: Story = [*adopted(COVERED, ruled(WHO)), (NOOR, delegated(ACCOUNTANT, limit=inr("1000000")))]
        story = [*story, (MAYA, appoint(STRANGER, Role.EXECUTIVE_PRODUCER))]
        given(story).when(f"{ACCOUNTANT}/{NOOR}", last(story, "A-3")).then_refused(
            BeyondDelegation(ACCOUNTANT, NOOR, inr("1000000"), None)
        )

    def test_amounts_that_count_together_need_fresh_credentials_together(self) -> None:
        story: Story = [*adopted(COVERED, ruled(fresh_from=Decimal(50000))), (PRODUCER, transfer("49999.99"))]
        assert given(story).when(MAYA, last(story, "A-3")).refusal is None
        story = [*story, (PRODUCER, transfer("0.01"))]
        refusal = given(story).when(MAYA, last(story, "A-4")).refusal
        assert isinstance(refusal, CredentialsAreNotFresh)

    def test_a_policy_that_asks_for_fresh_credentials_is_changed_with_such_alone(self) -> None:
        story = adopted(COVERED, ruled(fresh_from=Decimal(50000)))
        (opened,) = given(story).when(MAYA, AdoptApprovalPolicy(terms=ruled())).facts
        assert (opened.fresh_minutes, opened.excluded) == (15, ())


class TestWhatIsApproved:
    """It is what takes effect, and at least one whom the policy asks has approved it."""

    HALF = Step((Approver(every_holder=True),), Mode.SHARE, share=Decimal(50))

    def overridden(self, *steps: Step) -> Story:
        terms = policy(*steps, override_by=Role.EXECUTIVE_PRODUCER)
        return [*adopted(DRAFTED, terms), (PRODUCER, SubmitBudget(budget="v1"))]

    def passing_over(self, story: Story) -> OverrideStep:
        return OverrideStep(round="A-2", content_hash=asked(story, "A-2").content_hash, reason=WHY)

    def test_an_approval_that_was_taken_back_is_none(self) -> None:
        story = says(self.overridden(self.HALF, GUARANTORS), HOLDER, "A-2", conditions=("The bond is signed.",))
        story = [*story, (MAYA, self.passing_over(story)), (HOLDER, WithdrawVote(round="A-2"))]
        given(story).when(NOOR, self.passing_over(story)).then_refused(NobodyApproved("A-2", "v1"))
        met = (HOLDER, CloseCondition(round="A-2", condition=1, waived=False, words="It is."))
        story = [*says(story, HOLDER, "A-2"), met]
        assert play(story).production.budgets.in_force == "v1"

    def test_nothing_takes_effect_by_taking_a_yes_back(self) -> None:
        asks: Story = [*adopted(COVERED, policy(self.HALF)), (PRODUCER, transfer())]
        story = says(says(asks, FINANCIER, "A-3", conditions=("The permit is on file.",)), HOLDER, "A-3")
        given(story).when(FINANCIER, WithdrawVote(round="A-3")).then(
            VoteWithdrawn("A-3", f"{STORY} to {ART}", FINANCIER)
        )
        story = [*story, (FINANCIER, WithdrawVote(round="A-3")), (PRODUCER, Nudge(round="A-3"))]
        assert asked(story, "A-3").outcome is Outcome.OPEN

    def test_a_last_step_that_asks_nobody_does_not_help(self) -> None:
        story = self.overridden(GUARANTORS, Step((Approver(person=STRANGER),), optional=True))
        given(story).when(MAYA, self.passing_over(story)).then_refused(NobodyApproved("A-2", "v1"))

    def test_funding_that_was_raised_since_is_not_committed(self) -> None:
        letter = SecureFunding(kind=FundingKind.EQUITY, party="Fake", amount=inr("1"), holder=STRANGER)
        story: Story = [*adopted(COVERED, TestNeverBypassed.FINANCED), (MAYA, letter)]
        story = [*story, (MAYA, CommitFunding(funding="F-5", document="Agreement"))]
        story = [*says(story, NOOR, "A-3"), (MAYA, AmendFunding(funding="F-5", amount=inr("2000000"), reason=WHY))]
        grown = " as holder of F-5, INR 2,000,000.00"
        given(story).when(TWO_HATS, last(story, "A-3")).then_refused(
            CannotTakeEffect(
                f"{STRANGER} as holder of F-5, INR 1.00",
                f"it was asked for as {STRANGER} as holder of F-5, INR 1.00 and would be {STRANGER}{grown} by now",
            )
        )

    def test_a_cut_that_grew_since_is_not_made(self) -> None:
        letter = SecureFunding(kind=FundingKind.EQUITY, party="Fund", amount=inr("500"))
        cuts = Rule("Cuts", When((RequestKind.FUNDING_CUT,)), (PRODUCERS,))
        story: Story = [*adopted(COVERED, ruled(cuts)), (MAYA, letter)]
        story = [*story, (NOOR, AmendFunding(funding="F-5", amount=inr("1"), reason=WHY))]
        story = [*story, (MAYA, AmendFunding(funding="F-5", amount=inr("9000000"), reason=WHY))]
        refusal = given(story).when(PRODUCER, last(story, "A-3")).refusal
        assert refusal == CannotTakeEffect(
            "F-5", "it was asked for as F-5, INR 499.00, and would be F-5, INR 8,999,999.00, by now"
        )

    @pytest.mark.parametrize(("against", "kind"), [("F-1", RequestKind.FUNDING_CUT), (None, None)])
    def test_what_is_lent_against_another_source_is_a_cut_of_the_cover(
        self, against: str | None, kind: RequestKind | None
    ) -> None:
        lent = AmendFunding(funding="F-4", lent_against=against, reason=WHY)
        facts = given(adopted(COVERED, TestNeverBypassed.FINANCED)).when(MAYA, lent).facts
        asking = [(fact.kind, fact.amount) for fact in facts if isinstance(fact, ApprovalRequested)]
        assert asking == ([] if kind is None else [(kind, inr("200000"))])

    def test_what_is_lent_no_more_is_asked_about_where_the_policy_asks_holders(self) -> None:
        story: Story = [*COVERED, (MAYA, AmendFunding(funding="F-4", lent_against="F-1", reason=WHY))]
        free = AmendFunding(funding="F-4", lent_against=None, reason=WHY)
        facts = given(adopted(story, TestNeverBypassed.FINANCED)).when(MAYA, free).facts
        subjects = [fact.subject for fact in facts if isinstance(fact, ApprovalRequested)]
        assert subjects == [f"{FINANCIER} as holder of F-4, INR 200,000.00"]

    def test_an_amendment_is_asked_about_by_all_that_it_does(self) -> None:
        story = adopted(COVERED, TestNeverBypassed.FINANCED)
        both = AmendFunding(funding="F-4", lent_against="F-1", holder=STRANGER, reason=WHY)
        given(story).when(MAYA, both).then_refused(AmendsTwoThings("F-4", inr("200000"), STRANGER))
        lent: Story = [*COVERED, (MAYA, AmendFunding(funding="F-4", lent_against="F-1", reason=WHY))]
        for amount, kind in (("1", RequestKind.FUNDING_CUT), ("9000000", RequestKind.APPOINTMENT)):
            free = AmendFunding(funding="F-4", lent_against=None, amount=inr(amount), reason=WHY)
            facts = given(adopted(lent, TestNeverBypassed.FINANCED)).when(MAYA, free).facts
            assert [fact.kind for fact in facts if isinstance(fact, ApprovalRequested)] == [kind]

    def test_funding_that_was_lent_against_another_since_is_not_committed(self) -> None:
        letter = SecureFunding(kind=FundingKind.EQUITY, party="Fake", amount=inr("1000"), holder=STRANGER)
        story: Story = [*adopted(COVERED, TestNeverBypassed.FINANCED), (MAYA, letter)]
        story = [*story, (MAYA, CommitFunding(funding="F-5", document="Agreement"))]
        lent = AmendFunding(funding="F-5", lent_against="F-1", reason=WHY)
        story = [*says(story, NOOR, "A-3"), (MAYA, lent)]
        assert isinstance(given(story).when(TWO_HATS, last(story, "A-3")).refusal, CannotTakeEffect)

    def test_who_gave_places_away_answers_nothing_beside(self) -> None:
        terms = policy(EPS, override_by=Role.EXECUTIVE_PRODUCER, one_person_may_fill_two_steps=True)
        story: Story = [*adopted(COVERED, terms), (PRODUCER, transfer())]
        for seat, to in ((NOOR, DIRECTOR), (TWO_HATS, HOLDER)):
            story = [*story, (MAYA, ReassignStep(round="A-3", seat=seat, to=to, reason=WHY))]
        story = says(story, DIRECTOR, "A-3")
        given(story).when(MAYA, last(story, "A-3")).then_refused(DealtWithIt(MAYA, "A-3"))
        given(story).when(HOLDER, last(story, "A-3")).then_refused(NobodyApproved("A-3", f"{STORY} to {ART}"))

    def test_a_place_that_is_given_back_is_its_own_again(self) -> None:
        terms = policy(GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
        story: Story = [*adopted(COVERED, terms), (PRODUCER, transfer())]
        story = [*story, (MAYA, ReassignStep(round="A-3", seat=GUARANTOR, to=DIRECTOR, reason=WHY))]
        story = [*story, (DIRECTOR, ReassignStep(round="A-3", seat=DIRECTOR, to=GUARANTOR, reason=WHY))]
        assert isinstance(given(story).when(GUARANTOR, last(story, "A-3")).facts[-1], BudgetTransferred)

    def test_a_place_that_was_ones_own_to_give_counts_as_it_did(self) -> None:
        terms = policy(EPS, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
        story: Story = [*adopted(COVERED, terms), (PRODUCER, transfer())]
        story = says(story, MAYA, "A-3", OverrideStep, reason=WHY)
        story = [*story, (GUARANTOR, ReassignStep(round="A-3", seat=GUARANTOR, to=DIRECTOR, reason=WHY))]
        assert isinstance(given(story).when(DIRECTOR, last(story, "A-3")).facts[-1], BudgetTransferred)
        assert NobodyApproved("A-3", f"{STORY} to {ART}").advice() == (
            "One whom a step asks may approve it, or to whom they gave their place themselves; a place that others gave"
            " away may be given back (`reassign-step`); or it is recalled and asked anew."
        )

    def test_an_answer_may_be_taken_back_though_only_others_are_left(self) -> None:
        terms = policy(self.HALF, override_by=Role.EXECUTIVE_PRODUCER)
        story: Story = [*adopted(COVERED, terms), (PRODUCER, transfer())]
        story = [*story, (MAYA, ReassignStep(round="A-3", seat=HOLDER, to=DIRECTOR, reason=WHY))]
        story = says(story, FINANCIER, "A-3", conditions=("The bond is signed.",))
        story = [*says(story, DIRECTOR, "A-3"), (FINANCIER, WithdrawVote(round="A-3"))]
        assert asked(story, "A-3").outcome is Outcome.OPEN

    def test_what_nobody_approved_is_not_passed_over_once_all_steps_are(self) -> None:
        both = Step((Approver(Role.COMPLETION_GUARANTOR), Approver(person=FINANCIER)), Mode.ALL)
        nobody = Step((Approver(person=STRANGER),), optional=True)
        terms = policy(both, nobody, override_by=Role.EXECUTIVE_PRODUCER)
        story: Story = [*adopted(COVERED, terms), (PRODUCER, transfer())]
        story = [*story, (MAYA, ReassignStep(round="A-3", seat=GUARANTOR, to=DIRECTOR, reason=WHY))]
        story = says(says(story, DIRECTOR, "A-3"), FINANCIER, "A-3", Abstain)
        assert asked(story, "A-3").step == 2
        given(story).when(NOOR, last(story, "A-3", OverrideStep, reason=WHY)).then_refused(
            NobodyApproved("A-3", f"{STORY} to {ART}")
        )

    def test_payments_that_were_released_count_where_they_are_recoded_to(self) -> None:
        terms = ruled(
            Rule("Large", replace(PAYMENTS, at_least=Decimal(100_000)), (EPS,)), Rule("Others", PAYMENTS, (PRODUCERS,))
        )
        story = adopted(COVERED, terms)
        for number, account in enumerate((EDITING, INSURANCE), 1):
            story = [*story, (LINE_PRODUCER, spend(account, "40000", f"KS-{number}", vendor=f"vendor-{number}"))]
            story = says(story, PRODUCER, f"A-{number + 2}")
            story = [*story, (ACCOUNTANT, recode(f"S-{number:06}", ART))]
        _, opened = given(story).when(LINE_PRODUCER, spend(ART, "20000", vendor="vendor-3")).facts
        assert (opened.rule, opened.counted) == ("Large", inr("100000"))

    def test_payments_that_are_recoded_to_one_account_count_together_there(self) -> None:
        terms = ruled(Rule("Small", replace(PAYMENTS, below=Decimal(10_000))), Rule("Large", PAYMENTS, (EPS,)))
        story = adopted(COVERED, terms)
        for number, account in enumerate((EDITING, INSURANCE, STORY), 1):
            story = [*story, (LINE_PRODUCER, spend(account, "4000", f"KS-{number}", vendor=f"vendor-{number}"))]
        story = [*story, (ACCOUNTANT, recode("S-000001", ART)), (ACCOUNTANT, recode("S-000002", ART))]
        facts = given(story).when(ACCOUNTANT, recode("S-000003", ART)).facts
        assert [(fact.rule, fact.counted) for fact in facts if isinstance(fact, ApprovalRequested)] == [
            ("Large", inr("12000"))
        ]

    def test_a_credit_that_is_taken_back_lets_nothing_pass(self) -> None:
        past = Rule("Past the budget", When((RequestKind.PAYMENT,), percent_over=Decimal(0)), (EPS,))
        story: Story = [*adopted(COVERED, ruled(past, Rule("Others", PAYMENTS))), (LINE_PRODUCER, spend(ART, "200000"))]
        more = spend(ART, "60000", "KS-2")
        for beside in ([], [(LINE_PRODUCER, credit(ART, "60000"))]):
            opened = given([*story, *beside]).when(LINE_PRODUCER, more).facts[-1]
            assert (type(opened), getattr(opened, "rule", None)) == (ApprovalRequested, "Past the budget")
        back: Story = [*story, (LINE_PRODUCER, credit(ART, "60000")), (LINE_PRODUCER, reverse("S-000002"))]
        assert isinstance(given(back).when(LINE_PRODUCER, more).facts[-1], ApprovalRequested)

    def test_a_payment_that_was_released_is_asked_about_anew_where_another_rule_counts(self) -> None:
        terms = ruled(Rule("Art", replace(PAYMENTS, accounts=(ART,)), (EPS,)), Rule("Others", PAYMENTS, (PRODUCERS,)))
        story = says([*adopted(COVERED, terms), (LINE_PRODUCER, spend(EDITING, "1000"))], PRODUCER, "A-3")
        _, opened = given(story).when(ACCOUNTANT, recode("S-000001", ART)).facts
        assert (opened.rule, opened.round) == ("Art", "A-4")
        assert not given(story).when(ACCOUNTANT, recode("S-000001", INSURANCE)).facts[1:]

    def test_an_executive_producer_does_not_dismiss_who_decides_beside_them(self) -> None:
        story: Story = [*adopted(DRAFTED, ruled()), (OPERATOR, AdmitMember(person=MAYA, administrator=True))]
        story = [*story, (PRODUCER, SubmitBudget(budget="v1"))]
        for by, waits in ((MAYA, True), (ADMINISTRATOR, False)):
            gone: Story = [*story, (by, DismissMember(person=NOOR))]
            assert (NOOR in waiting(gone, "A-2")) is waits
        put_out: Story = [*story, (MAYA, DismissMember(person=NOOR))]
        assert NOOR not in waiting([*put_out, (ADMINISTRATOR, DismissMember(person=NOOR))], "A-2")
        as_guest = AdmitMember(person=NOOR, guest_of="Elsewhere")
        assert NOOR in waiting([*put_out, (MAYA, as_guest)], "A-2")
        puppet: Story = [*story, (MAYA, AdmitMember(person="puppet", administrator=True))]
        assert NOOR in waiting([*puppet, ("puppet", DismissMember(person=NOOR))], "A-2")

    def test_acting_for_another_does_not_make_an_only_one_of_two(self) -> None:
        left: Story = [*COVERED, (TWO_HATS, EndAppointment(person=TWO_HATS, role=Role.EXECUTIVE_PRODUCER))]
        letter = SecureFunding(kind=FundingKind.EQUITY, party="Fund", amount=inr("1"), holder=STRANGER)
        left = [*left, (MAYA, letter), (NOOR, delegated(MAYA, Power.COMMIT_FUNDING))]
        story = says([*left, (MAYA, AdoptApprovalPolicy(terms=TestNeverBypassed.FINANCED))], NOOR, "A-2")
        commit = CommitFunding(funding="F-5", document="Agreement")
        facts = given(story).when(f"{MAYA}/{NOOR}", commit).facts
        assert [type(fact) for fact in facts] == [ApprovalRequested]


class TestNeverFrozen:
    """A policy can always be changed, and so can whatever it holds up."""

    def changed_by(self, *steps: Step) -> Story:
        return [*adopted(COVERED, ruled(changes=steps)), (MAYA, AdoptApprovalPolicy(terms=ruled()))]

    def test_a_change_asks_all_executive_producers_in_the_place_of_nobody(self) -> None:
        story = self.changed_by(Step((Approver(person=STRANGER),)))
        assert asked(story, "A-3").steps == (EPS,)
        assert waiting(story, "A-3") == (NOOR, TWO_HATS)

    @pytest.mark.parametrize(
        "step",
        [
            Step((Approver(Role.DIRECTOR), Approver(Role.CO_PRODUCER)), Mode.QUORUM, quorum=3),
            Step((Approver(Role.DIRECTOR), Approver(Role.CO_PRODUCER)), Mode.SHARE, share=Decimal(50)),
        ],
    )
    def test_a_change_asks_all_where_they_are_too_few(self, step: Step) -> None:
        story = self.changed_by(step)
        assert asked(story, "A-3").steps == (Step(step.approvers, Mode.ALL),)

    def test_a_proposal_that_nobody_is_left_to_decide_on_gives_way_to_the_next(self) -> None:
        story = self.changed_by(Step((Approver(Role.DIRECTOR),)))
        other = AdoptApprovalPolicy(template=Template.STUDIO)
        given(story).when(NOOR, other).then_refused(PolicyIsProposed("P-2", "A-3", MAYA))
        story = [*story, (MAYA, EndAppointment(person=DIRECTOR, role=Role.DIRECTOR, reason=WHY))]
        story = says(story, NOOR, f"A-{len(play(story).production.approvals.rounds)}")
        recalled, opened, *_ = given(story).when(NOOR, other).facts
        assert (recalled.round, opened.steps) == ("A-3", (EPS,))

    def test_what_somebody_asked_for_who_may_no_more_is_asked_for_anew_by_another(self) -> None:
        story: Story = [*COVERED, (LINE_PRODUCER, transfer())]
        given(story).when(PRODUCER, transfer()).then_nothing()
        story = [*story, (MAYA, EndAppointment(person=LINE_PRODUCER, role=Role.LINE_PRODUCER, reason=WHY))]
        recalled, opened = given(story).when(PRODUCER, transfer()).facts
        assert recalled == RequestRecalled(
            "A-2", f"{STORY} to {ART}", "nobody can take it further; it is asked for anew"
        )
        assert opened.round == "A-3"

    def test_what_is_asked_for_anew_does_not_count_beside_what_it_takes_the_place_of(self) -> None:
        small = Rule("Small", When((RequestKind.TRANSFER,), below=Decimal(90000)), (PRODUCERS,))
        story: Story = [*adopted(COVERED, ruled(small)), (LINE_PRODUCER, transfer())]
        story = [*story, (MAYA, EndAppointment(person=LINE_PRODUCER, role=Role.LINE_PRODUCER, reason=WHY))]
        _, opened, *_ = given(story).when(PRODUCER, transfer()).facts
        assert (opened.rule, opened.counted) == ("Small", inr("60000"))

    def test_so_is_it_in_other_words(self) -> None:
        story: Story = [*COVERED, (LINE_PRODUCER, transfer())]
        story = [*story, (MAYA, EndAppointment(person=LINE_PRODUCER, role=Role.LINE_PRODUCER, reason=WHY))]
        recalled, _ = given(story).when(PRODUCER, transfer().model_copy(update={"reason": "Anew."})).facts
        assert isinstance(recalled, RequestRecalled)

    def test_what_an_only_executive_producer_may_do_does_not_wait_for_financiers_who_are_not_there(self) -> None:
        nobody: Story = [*OPENED, (MAYA, AdoptApprovalPolicy(template=Template.CO_FINANCED_FEATURE))]
        letter = SecureFunding(kind=FundingKind.EQUITY, party="Fund", amount=inr("9000"))
        facts = given([*nobody, (MAYA, letter)]).when(MAYA, WithdrawFunding(funding="F-1", reason=WHY)).facts
        assert isinstance(facts[-1], FundingWithdrawn)

    def test_an_optional_step_that_asks_nobody_but_who_asked_for_it_is_skipped(self) -> None:
        terms = policy(Step((Approver(person=PRODUCER),), optional=True), EP)
        facts = given(adopted(COVERED, terms)).when(PRODUCER, transfer()).facts
        assert facts[1].because == "nobody but who had a hand in it is what it asks for"

    def test_the_producer_of_a_small_studio_production_asks_its_executive_producer(self) -> None:
        one: Story = [*COVERED, (MAYA, EndAppointment(person=TWO_HATS, role=Role.PRODUCER, reason=WHY))]
        story: Story = [*adopted(one, TEMPLATES[Template.STUDIO]), (PRODUCER, transfer("30000"))]
        facts = given(story).when(MAYA, last(story, "A-3")).facts
        assert isinstance(facts[-1], BudgetTransferred)

    def test_a_payment_that_waits_for_nobody_is_asked_for_anew_by_another(self) -> None:
        terms = ruled(Rule("Payments", PAYMENTS, (Step((Approver(person=DIRECTOR),)),)))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(EDITING, "1000"))]
        anew = RequestPayment(spend="S-000001", reason=WHY)
        given(story).when(ACCOUNTANT, anew).then_refused(
            PaymentIsNotTurnedDown("S-000001", inr("1000.00"), "is asked about in A-3")
        )
        for person in (LINE_PRODUCER, DIRECTOR):
            story = [*story, (ADMINISTRATOR, DismissMember(person=person))]
        recalled, opened = given(story).when(ACCOUNTANT, anew).facts
        assert (recalled.round, opened.round) == ("A-3", "A-4")
