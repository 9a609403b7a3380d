"""Rounds under a policy: whom each step asks, how many it takes, and what becomes of the answers."""

from dataclasses import replace
from decimal import Decimal

import pytest

from events.approval import (
    Abstained,
    AccountChange,
    ApprovalGiven,
    ApprovalRequested,
    ApproversNudged,
    BudgetApproved,
    BudgetRejected,
    BudgetWithdrawn,
    ChangesRequested,
    ConditionMet,
    ConditionWaived,
    ContentReplaced,
    RequestApproved,
    RequestRecalled,
    StepOverridden,
    StepPassed,
    StepReassigned,
    StepReopened,
    StepSkipped,
    VoteLapsed,
    VoteWithdrawn,
)
from events.change import BudgetTransferred
from events.delegation import Power
from events.ids import PersonId
from events.policy import Approver, Mode, RequestKind, Rule, Step, When
from events.team import Role
from service.deciders.approval import (
    Abstain,
    Approve,
    ApproverIsSubmitter,
    CannotBeReassigned,
    CloseCondition,
    ConditionIsNotYours,
    ContentHasChanged,
    CredentialsAreNotFresh,
    DealtWithIt,
    NobodyApproved,
    NoStepIsLeft,
    NotAsked,
    Nudge,
    OverrideStep,
    PersonFillsAnotherPlace,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from service.deciders.budget import BudgetState
from service.deciders.company import DismissMember
from service.deciders.delegation import RevokeDelegation
from service.deciders.submission import SubmitBudget
from service.deciders.team import Appoint, EndAppointment
from tests.deciders.rounds import (
    COVERED,
    DILUTED,
    EP,
    EPS,
    GUARANTORS,
    PRODUCERS,
    adopted,
    asked,
    delegated,
    last,
    policy,
    says,
    submitted,
    transfer,
)
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    ADMINISTRATOR,
    ART,
    ASSOCIATE_PRODUCER,
    CO_PRODUCER,
    DIRECTOR,
    DRAFTED,
    EDITING,
    FINANCIER,
    FIRST_DAY,
    GUARANTOR,
    HOLDER,
    LINE_PRODUCER,
    MAYA,
    NEWCOMER,
    NOOR,
    PRODUCER,
    STORY,
    STRANGER,
    SUBMITTED,
    TWO_HATS,
    appoint,
    budget,
    content,
    equity,
    inr,
)
from tests.spec import Given, Story, given, play

THE_CONTENT = content(SUBMITTED)
IN_FORCE = BudgetApproved("A-2", "v1", THE_CONTENT, inr("460000"), supersedes=None, clears=())
BOND_IS_SIGNED = "The bond is signed."
SOMEBODY = Step((Approver(Role.DIRECTOR), Approver(Role.CO_PRODUCER), Approver(Role.ASSOCIATE_PRODUCER)))


def yes(step: int = 0, *conditions: str) -> ApprovalGiven:
    return ApprovalGiven("A-2", "v1", THE_CONTENT, None, step, conditions)


def passed(step: int) -> StepPassed:
    return StepPassed("A-2", "v1", step)


def waits_for(given_: Given, round_id: str = "A-2") -> tuple[PersonId, ...]:
    """Whom a reminder reaches."""
    (nudged,) = given_.when(MAYA, Nudge(round=round_id)).facts
    return nudged.persons


def ends(person: PersonId, role: Role, by: PersonId = MAYA) -> tuple[PersonId, EndAppointment]:
    return by, EndAppointment(person=person, role=role, reason=WHY)


def gives(seat: PersonId, to: PersonId, round_id: str = "A-2") -> tuple[PersonId, ReassignStep]:
    return seat, ReassignStep(round=round_id, seat=seat, to=to, reason=WHY)


def approves(story: Story, *persons: PersonId, round_id: str = "A-2") -> Story:
    for person in persons:
        story = says(story, person, round_id)
    return story


class TestAny:
    @pytest.mark.parametrize("person", [DIRECTOR, CO_PRODUCER, ASSOCIATE_PRODUCER])
    def test_takes_one_whoever_it_is(self, person: PersonId) -> None:
        story = submitted(SOMEBODY)
        given(story).when(person, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_asks_nobody_else(self) -> None:
        story = submitted(SOMEBODY)
        given(story).when(MAYA, last(story, "A-2")).then_refused(
            NotAsked(MAYA, "A-2", 1, 1, tuple(sorted((DIRECTOR, CO_PRODUCER, ASSOCIATE_PRODUCER))))
        )


class TestAll:
    def test_waits_for_the_last_of_them(self) -> None:
        story = approves(submitted(EPS), MAYA)
        given(story).when(NOOR, last(story, "A-2")).then(yes())
        story = approves(story, NOOR)
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_does_not_wait_for_who_may_not_approve_this(self) -> None:
        story: Story = [*adopted(DRAFTED, policy(EPS)), (TWO_HATS, SubmitBudget(budget="v1"))]
        story = approves(story, MAYA)
        given(story).when(NOOR, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_does_not_wait_for_who_abstains(self) -> None:
        story = says(approves(submitted(EPS), MAYA), TWO_HATS, "A-2", Abstain)
        given(story).when(NOOR, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_passes_with_the_abstention_of_the_last_one(self) -> None:
        story = approves(submitted(EPS), MAYA, NOOR)
        given(story).when(TWO_HATS, last(story, "A-2", Abstain)).then(
            Abstained("A-2", "v1", THE_CONTENT, None, 0), IN_FORCE
        )

    def test_never_passes_with_abstentions_alone(self) -> None:
        story = submitted(EPS)
        for person in (MAYA, NOOR, TWO_HATS):
            story = says(story, person, "A-2", Abstain)
        given(story).when(PRODUCER, Nudge(round="A-2")).then_nothing()

    def test_does_not_wait_for_who_has_filled_an_earlier_place(self) -> None:
        story = approves(submitted(EP, EPS), MAYA, NOOR)
        assert waits_for(given(story)) == (TWO_HATS,)
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes(1), IN_FORCE)

    def test_waits_for_them_where_one_person_may_fill_two_steps(self) -> None:
        story = approves(submitted(EP, EPS, one_person_may_fill_two_steps=True), MAYA, NOOR)
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes(1))

    def test_waits_for_whoever_joins_before_it_passes(self) -> None:
        story = approves(submitted(EPS), MAYA, NOOR)
        story = [*story, (MAYA, appoint(STRANGER, Role.EXECUTIVE_PRODUCER))]
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes())


class TestQuorum:
    TWO = replace(SOMEBODY, mode=Mode.QUORUM, quorum=2)

    def test_takes_as_many_as_it_says(self) -> None:
        story = submitted(self.TWO)
        given(story).when(DIRECTOR, last(story, "A-2")).then(yes())
        story = approves(story, DIRECTOR)
        given(story).when(CO_PRODUCER, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_counts_nobody_twice(self) -> None:
        story = approves(submitted(self.TWO), DIRECTOR)
        given(story).when(DIRECTOR, last(story, "A-2")).then_nothing()

    def test_counts_an_abstention_for_nothing(self) -> None:
        story = says(approves(submitted(self.TWO), DIRECTOR), CO_PRODUCER, "A-2", Abstain)
        assert waits_for(given(story)) == (ASSOCIATE_PRODUCER,)

    def test_counts_one_who_abstained_and_came_round(self) -> None:
        story = says(approves(submitted(self.TWO), DIRECTOR), CO_PRODUCER, "A-2", Abstain)
        given(story).when(CO_PRODUCER, last(story, "A-2")).then(yes(), IN_FORCE)


class TestShare:
    """F-1 is 400,000 and Hugo's; F-4 is Farah's and as much as a test says."""

    def waiting(self, of_farah: str, share: str) -> Story:
        step = Step((Approver(every_holder=True),), Mode.SHARE, share=Decimal(share))
        story: Story = [*DRAFTED, (MAYA, equity(inr(of_farah), holder=FINANCIER))]
        return [*adopted(story, policy(step)), (PRODUCER, SubmitBudget(budget="v1"))]

    def test_takes_the_share_and_not_a_hair_less(self) -> None:
        exactly, less = self.waiting("400000", "50"), self.waiting("399999.99", "50")
        given(exactly).when(FINANCIER, last(exactly, "A-2")).then(yes(), IN_FORCE)
        given(less).when(FINANCIER, last(less, "A-2")).then(yes())

    def test_adds_up_what_they_hold(self) -> None:
        story = approves(self.waiting("200000", "100"), HOLDER)
        given(story).when(FINANCIER, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_counts_what_nobody_speaks_for_in_the_whole(self) -> None:
        story = self.waiting("200000", "60")
        story = [*story, (MAYA, equity(inr("200000"), party="Nobody's"))]
        given(story).when(HOLDER, last(story, "A-2")).then(yes())

    def test_is_looked_at_again_when_the_round_would_pass(self) -> None:
        reopened = StepReopened("A-2", "v1", 0, "its approvals hold too little of the funding by now")
        given(DILUTED).when(GUARANTOR, last(DILUTED, "A-2")).then(yes(1), passed(1), reopened)
        story = approves(DILUTED, GUARANTOR)
        assert waits_for(given(story)) == (FINANCIER,)
        given(story).when(FINANCIER, last(story, "A-2")).then(yes(0), passed(0), IN_FORCE)

    def test_is_of_the_funding_on_the_day_it_passes(self) -> None:
        story = approves(self.waiting("400000", "60"), HOLDER)
        given(story).when(MAYA, Nudge(round="A-2")).then(ApproversNudged("A-2", "v1", (FINANCIER,)))
        more: Story = [*story, (MAYA, equity(inr("600000"), party="More", holder=HOLDER))]
        given(more).when(MAYA, Nudge(round="A-2")).then(ApproversNudged("A-2", "v1", (FINANCIER,)), IN_FORCE)


class TestDepartmentHeads:
    STEP = Step((Approver(department_head=True),))
    TERMS = replace(policy(EP), rules=(Rule("Moves", When((RequestKind.TRANSFER,)), (STEP,)), *policy(EP).rules))

    def led(self, person: PersonId, *accounts: str) -> tuple[PersonId, Appoint]:
        role = Role.DEPARTMENT_HEAD
        return MAYA, Appoint(person=person, role=role, from_on=FIRST_DAY, accounts=accounts)

    def test_are_asked_about_their_own_accounts_alone(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), self.led(STRANGER, ART), self.led(NEWCOMER, EDITING)]
        story = [*story, (PRODUCER, transfer())]
        assert waits_for(given(story), "A-3") == (STRANGER,)
        given(story).when(NEWCOMER, last(story, "A-3")).then_refused(NotAsked(NEWCOMER, "A-3", 1, 1, (STRANGER,)))
        assert given(story).when(STRANGER, last(story, "A-3")).facts[-1].amount == inr("60000")

    def test_are_those_of_the_moment(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), self.led(STRANGER, ART), (PRODUCER, transfer())]
        story = [*story, self.led(STRANGER, EDITING), self.led(NEWCOMER, STORY)]
        assert waits_for(given(story), "A-3") == (NEWCOMER,)


class TestFreshCredentials:
    """Everybody here signed in an hour and less than a minute ago."""

    @pytest.mark.parametrize(("minutes", "fresh"), [(60, False), (61, True)])
    def test_are_as_old_as_the_policy_lets_them_be(self, minutes: int, *, fresh: bool) -> None:
        story = submitted(EP, fresh_from=Decimal("460000"), fresh_minutes=minutes)
        answer = given(story).when(NOOR, last(story, "A-2"))
        assert (answer.refusal is None) == fresh
        assert isinstance(answer.refusal, CredentialsAreNotFresh) != fresh

    def test_are_not_asked_for_below_the_amount(self) -> None:
        story = submitted(EP, fresh_from=Decimal("460000.01"), fresh_minutes=1)
        given(story).when(NOOR, last(story, "A-2")).then(yes(), IN_FORCE)


class TestSteps:
    def test_are_asked_in_their_order(self) -> None:
        story = submitted(EP, GUARANTORS, PRODUCERS)
        given(story).when(MAYA, last(story, "A-2")).then(yes(0), passed(0))
        story = approves(story, MAYA)
        given(story).when(GUARANTOR, last(story, "A-2")).then(yes(1), passed(1))
        story = approves(story, GUARANTOR)
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes(2), IN_FORCE)

    def test_that_are_optional_are_skipped_and_recorded_while_nobody_is_what_they_ask_for(self) -> None:
        story = [*adopted(DRAFTED, policy(Step((Approver(person=STRANGER),), optional=True), EP))]
        facts = given(story).when(PRODUCER, SubmitBudget(budget="v1")).facts
        assert facts[-1] == StepSkipped("A-2", "v1", 0, "nobody is what it asks for")

    def test_that_are_optional_are_asked_once_there_is_somebody(self) -> None:
        story = submitted(Step((Approver(Role.DIRECTOR),), optional=True), EP)
        given(story).when(MAYA, last(story, "A-2")).then_refused(NotAsked(MAYA, "A-2", 1, 2, (DIRECTOR,)))

    def test_that_are_not_optional_wait_for_somebody_to_come(self) -> None:
        story = submitted(Step((Approver(person=STRANGER),)), EP)
        given(story).when(MAYA, Nudge(round="A-2")).then_nothing()
        story = [*story, (MAYA, appoint(STRANGER, Role.DIRECTOR))]
        given(story).when(STRANGER, last(story, "A-2")).then(yes(0), passed(0))

    def test_take_one_person_each(self) -> None:
        story = approves(submitted(EP, PRODUCERS), TWO_HATS)
        given(story).when(TWO_HATS, last(story, "A-2", Approve)).then_refused(
            PersonFillsAnotherPlace(TWO_HATS, "A-2", TWO_HATS, 1)
        )

    def test_take_one_person_twice_where_the_policy_says_so(self) -> None:
        story: Story = [
            *adopted(DRAFTED, policy(EP, EPS, one_person_may_fill_two_steps=True)),
            (PRODUCER, SubmitBudget(budget="v1")),
        ]
        story = approves(story, MAYA, NOOR, TWO_HATS)
        given(story).when(MAYA, last(story, "A-2")).then(yes(1), IN_FORCE)


class TestDeadlines:
    LATE = replace(GUARANTORS, within_days=3, escalates_to=(Approver(Role.DIRECTOR),))

    def test_ask_others_too_once_they_are_over(self) -> None:
        story = submitted(self.LATE)
        given(story).later(days=2).when(DIRECTOR, last(story, "A-2")).then_refused(
            NotAsked(DIRECTOR, "A-2", 1, 1, (GUARANTOR,))
        )
        given(story).later(days=3).when(DIRECTOR, last(story, "A-2")).then(yes(), IN_FORCE)
        given(story).later(days=3).when(GUARANTOR, last(story, "A-2")).then(yes(), IN_FORCE)

    @pytest.mark.parametrize(
        "step",
        [EPS, replace(EP, mode=Mode.QUORUM, quorum=3), replace(EP, mode=Mode.SHARE, share=Decimal(50))],
        ids=["all", "a quorum", "a share"],
    )
    def test_let_one_of_those_give_the_step_however_many_it_takes(self, step: Step) -> None:
        story = submitted(replace(step, within_days=3, escalates_to=(Approver(Role.DIRECTOR),)), PRODUCERS)
        given(story).when(MAYA, last(story, "A-2")).then(yes())
        given(story).later(days=3).when(MAYA, last(story, "A-2")).then(yes())
        given(story).later(days=3).when(DIRECTOR, last(story, "A-2")).then(yes(), passed(0))

    def test_run_from_when_the_step_is_asked(self) -> None:
        story = submitted(EP, self.LATE)
        late = given(story).later(days=3)
        facts = late.when(MAYA, last(story, "A-2")).facts
        world = late.world.after(MAYA, last(story, "A-2"), facts)
        assert waits_for(Given(world)) == (GUARANTOR,)
        assert waits_for(Given(world).later(days=3)) == (DIRECTOR, GUARANTOR)


class TestConditions:
    def test_are_waited_for_before_it_takes_effect(self) -> None:
        story = submitted(EP)
        command = last(story, "A-2", conditions=(BOND_IS_SIGNED, "The permit comes."))
        given(story).when(MAYA, command).then(yes(0, BOND_IS_SIGNED, "The permit comes."), passed(0))
        story = [*story, (MAYA, command)]
        first = CloseCondition(round="A-2", condition=1, waived=False, words="Signed today.")
        given(story).when(MAYA, first).then(ConditionMet("A-2", "v1", 1, "Signed today."))
        second = CloseCondition(round="A-2", condition=2, waived=True, words="We build it.")
        given([*story, (MAYA, first)]).when(MAYA, second).then(
            ConditionWaived("A-2", "v1", 2, "We build it."), IN_FORCE
        )

    def test_do_not_hold_up_the_next_step_but_its_effect(self) -> None:
        story = says(submitted(EP, GUARANTORS), MAYA, "A-2", conditions=(BOND_IS_SIGNED,))
        given(story).when(GUARANTOR, last(story, "A-2")).then(yes(1), passed(1))

    def test_stay_when_who_set_them_takes_the_answer_back(self) -> None:
        story = says(submitted(EPS), MAYA, "A-2", conditions=(BOND_IS_SIGNED,))
        story = [*approves(story, NOOR), (MAYA, WithdrawVote(round="A-2"))]
        story = approves(story, TWO_HATS, MAYA)
        waived = CloseCondition(round="A-2", condition=1, waived=True, words="Needless.")
        given(story).when(MAYA, waived).then(ConditionWaived("A-2", "v1", 1, "Needless."), IN_FORCE)

    def test_are_waited_for_when_the_others_are_enough_without_who_set_them(self) -> None:
        two = replace(EPS, mode=Mode.QUORUM, quorum=2)
        story = says(submitted(two), MAYA, "A-2", conditions=(BOND_IS_SIGNED,))
        story = [*approves(story, NOOR), (MAYA, WithdrawVote(round="A-2"))]
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes(), passed(0))

    def test_go_with_the_answer_that_becomes_an_abstention(self) -> None:
        story = says(submitted(EPS), MAYA, "A-2", conditions=(BOND_IS_SIGNED,))
        story = approves(says(story, MAYA, "A-2", Abstain), NOOR)
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_stay_when_who_set_them_is_gone_and_are_closed_by_whom_the_step_asks(self) -> None:
        story = says(submitted(EP), MAYA, "A-2", conditions=("Mine.",))
        story = [*story, ends(MAYA, Role.EXECUTIVE_PRODUCER)]
        given(story).when(PRODUCER, Nudge(round="A-2")).then(VoteLapsed("A-2", "v1", MAYA, 0, TestLapsing.GONE))
        story = [*story, (PRODUCER, Nudge(round="A-2"))]
        given(story).when(NOOR, last(story, "A-2")).then(yes(), passed(0))
        story = approves(story, NOOR)
        waive = CloseCondition(round="A-2", condition=1, waived=True, words=WHY)
        given(story).when(PRODUCER, waive).then_refused(ConditionIsNotYours("A-2", 1, MAYA, (NOOR, TWO_HATS)))
        given(story).when(TWO_HATS, waive).then(ConditionWaived("A-2", "v1", 1, WHY), IN_FORCE)

    def test_of_who_is_gone_are_closed_by_nobody_who_overrides_while_the_step_asks_somebody(self) -> None:
        terms = policy(PRODUCERS, EP, override_by=Role.EXECUTIVE_PRODUCER)
        story: Story = [*adopted(COVERED, terms), (MAYA, appoint(STRANGER, Role.PRODUCER)), (LINE_PRODUCER, transfer())]
        story = approves(says(story, PRODUCER, "A-3", conditions=("The guild signs.",)), MAYA, round_id="A-3")
        story = [*story, ends(PRODUCER, Role.PRODUCER)]
        met = CloseCondition(round="A-3", condition=1, waived=False, words=WHY)
        for person in (MAYA, NOOR):
            refusal = given(story).when(person, met).refusal
            assert isinstance(refusal, ConditionIsNotYours)
            assert {*refusal.may} == {STRANGER, TWO_HATS}  # producers, both of them

    def test_of_who_is_gone_are_closed_by_an_executive_producer_who_did_not_answer(self) -> None:
        story: Story = [*adopted(COVERED, policy(PRODUCERS, EP)), (LINE_PRODUCER, transfer())]
        story = approves(says(story, PRODUCER, "A-3", conditions=("The guild signs.",)), MAYA, round_id="A-3")
        story = [*story, ends(PRODUCER, Role.PRODUCER), ends(TWO_HATS, Role.PRODUCER)]
        met = CloseCondition(round="A-3", condition=1, waived=False, words=WHY)
        given(story).when(MAYA, met).then_refused(ConditionIsNotYours("A-3", 1, PRODUCER, (NOOR, TWO_HATS)))

    def test_are_not_closed_by_who_asked_for_it(self) -> None:
        story: Story = [*adopted(DRAFTED, policy(EP)), (TWO_HATS, SubmitBudget(budget="v1"))]
        story = [*says(story, MAYA, "A-2", conditions=("Mine.",)), ends(MAYA, Role.EXECUTIVE_PRODUCER)]
        waive = CloseCondition(round="A-2", condition=1, waived=True, words=WHY)
        given(story).when(TWO_HATS, waive).then_refused(ConditionIsNotYours("A-2", 1, MAYA, (NOOR,)))

    def test_are_added_by_who_has_approved_already(self) -> None:
        story = approves(submitted(EPS), MAYA)
        more = last(story, "A-2", conditions=(BOND_IS_SIGNED,))
        given(story).when(MAYA, more).then(yes(0, BOND_IS_SIGNED))
        given([*story, (MAYA, more)]).when(MAYA, more).then_nothing()
        story = approves([*story, (MAYA, more)], NOOR)
        given(story).when(TWO_HATS, last(story, "A-2")).then(yes(), passed(0))

    def test_are_refused_once_the_step_is_over(self) -> None:
        story = approves(submitted(EP, GUARANTORS), MAYA)
        more = last(story, "A-2", conditions=(BOND_IS_SIGNED,))
        given(story).when(MAYA, more).then_refused(NotAsked(MAYA, "A-2", 2, 2, (GUARANTOR,)))

    def test_are_closed_for_who_set_them_by_their_substitute(self) -> None:
        story = says(submitted(EP), MAYA, "A-2", conditions=(BOND_IS_SIGNED,))
        story = [*story, (MAYA, delegated(STRANGER, Power.CLOSE_CONDITION))]
        command = CloseCondition(round="A-2", condition=1, waived=False, words=WHY)
        given(story).when(f"{STRANGER}/{MAYA}", command).then(ConditionMet("A-2", "v1", 1, WHY), IN_FORCE)


class TestWhatARefusalSays:
    def test_names_nobody_who_may_not_answer_either(self) -> None:
        story: Story = [*adopted(COVERED, policy(EP, GUARANTORS)), (TWO_HATS, transfer())]
        given(story).when(GUARANTOR, last(story, "A-3")).then_refused(NotAsked(GUARANTOR, "A-3", 1, 2, (MAYA, NOOR)))

    def test_of_who_passed_over_a_step_is_not_that_it_may_be_taken_back(self) -> None:
        did = PersonFillsAnotherPlace(MAYA, "A-2", MAYA, 1, "passed over a step")
        assert str(did) == "maya passed over a step in A-2 already, for maya in step 1; one person fills one place."
        assert did.advice() == "Somebody else may do this; that a step was passed over is never taken back."
        answered = PersonFillsAnotherPlace(MAYA, "A-2", MAYA, 1)
        assert (
            answered.advice() == "Somebody else whom the round asks may answer, or the first answer may be withdrawn."
        )

    def test_of_who_is_not_asked_is_who_may_answer_or_be_appointed(self) -> None:
        assert NotAsked(MAYA, "A-2", 1, 1, (NOOR,)).advice().startswith("They may answer")
        assert NotAsked(MAYA, "A-2", 1, 1, ()).advice().startswith("Nobody is what the step asks for")

    def test_of_what_waits_for_conditions_alone_is_whose_they_are(self) -> None:
        left = NoStepIsLeft("A-2", "v1", (1, 2), (MAYA, NOOR))
        assert str(left).endswith("v1 waits for its conditions alone: 1 and 2, of maya and noor.")
        assert left.advice() == "maya and noor may say that they are met, or waive them (`close-condition`)."


class TestWithdrawVote:
    def test_takes_the_answer_back_while_the_round_is_open(self) -> None:
        story: Story = [*approves(submitted(EPS), MAYA), (MAYA, WithdrawVote(round="A-2"))]
        assert play(story).facts[-1][0] == VoteWithdrawn("A-2", "v1", MAYA)
        assert waits_for(given(story)) == (MAYA, NOOR, TWO_HATS)

    def test_goes_back_to_the_step_that_it_was_given_in(self) -> None:
        story = approves(submitted(EP, GUARANTORS, PRODUCERS), MAYA, GUARANTOR)
        story = [*story, (MAYA, WithdrawVote(round="A-2"))]
        assert asked(story, "A-2").step == 0

    def test_keeps_the_answers_of_later_steps(self) -> None:
        story = approves(submitted(EP, GUARANTORS, PRODUCERS), MAYA, GUARANTOR)
        story = [*story, (MAYA, WithdrawVote(round="A-2"))]
        given(story).when(NOOR, last(story, "A-2")).then(yes(0), passed(0), passed(1))

    def test_may_be_followed_by_another_answer(self) -> None:
        story: Story = [*approves(submitted(EPS), MAYA), (MAYA, WithdrawVote(round="A-2"))]
        given(story).when(MAYA, last(story, "A-2", Reject, words=WHY)).then(
            BudgetRejected("A-2", "v1", THE_CONTENT, WHY)
        )

    def test_takes_back_what_somebody_else_said_for_one(self) -> None:
        story: Story = [*submitted(EPS), (MAYA, delegated(STRANGER))]
        story = [*says(story, f"{STRANGER}/{MAYA}", "A-2"), (MAYA, WithdrawVote(round="A-2"))]
        assert asked(story, "A-2").votes == ()

    def test_does_not_free_the_place_of_who_passed_over_a_step(self) -> None:
        story = submitted(GUARANTORS, EP, override_by=Role.EXECUTIVE_PRODUCER)
        story = says(story, MAYA, "A-2", OverrideStep, reason=WHY)
        assert given(story).when(MAYA, WithdrawVote(round="A-2")).refusal is not None

    def test_goes_back_to_an_answer_behind_a_step_that_was_passed_over(self) -> None:
        terms = {"one_person_may_fill_two_steps": True, "override_by": Role.EXECUTIVE_PRODUCER}
        story = submitted(GUARANTORS, EP, PRODUCERS, **terms)
        story = says(story, MAYA, "A-2", OverrideStep, reason=WHY)
        story = [*approves(story, NOOR), (NOOR, WithdrawVote(round="A-2"))]
        assert asked(story, "A-2").step == 1

    def test_takes_an_answer_back_from_a_step_that_was_passed_over(self) -> None:
        story = says(submitted(EPS, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER), NOOR, "A-2")
        story = says(story, MAYA, "A-2", OverrideStep, reason=WHY)
        story = [*story, (NOOR, WithdrawVote(round="A-2"))]
        assert (asked(story, "A-2").step, [vote.approves for vote in asked(story, "A-2").votes]) == (1, [False])
        given(story).when(TWO_HATS, last(story, "A-2", OverrideStep, reason=WHY)).then_refused(
            NobodyApproved("A-2", "v1")
        )


class TestRecallRequest:
    def test_makes_a_budget_a_draft_again(self) -> None:
        story = submitted(EP)
        given(story).when(PRODUCER, RecallRequest(round="A-2")).then(BudgetWithdrawn("A-2", "v1"))
        production = play([*story, (PRODUCER, RecallRequest(round="A-2"))]).production
        assert production.budgets.versions["v1"].state is BudgetState.DRAFT

    def test_ends_any_other_request(self) -> None:
        story: Story = [*COVERED, (PRODUCER, transfer())]
        given(story).when(PRODUCER, RecallRequest(round="A-2")).then(RequestRecalled("A-2", "1100 to 2200", None))

    def test_is_open_to_whom_it_was_asked_for(self) -> None:
        story: Story = [*COVERED, (PRODUCER, delegated(STRANGER, Power.TRANSFER_BUDGET))]
        story = [*story, (f"{STRANGER}/{PRODUCER}", transfer())]
        given(story).when(PRODUCER, RecallRequest(round="A-2")).then(RequestRecalled("A-2", "1100 to 2200", None))


class TestRequestChanges:
    def test_ends_any_request(self) -> None:
        story: Story = [*COVERED, (PRODUCER, transfer())]
        command = last(story, "A-2", RequestChanges, words=WHY)
        asked_about = asked(story, "A-2").content_hash
        given(story).when(NOOR, command).then(ChangesRequested("A-2", "1100 to 2200", asked_about, WHY))


class TestNudge:
    def test_reminds_those_who_have_yet_to_answer(self) -> None:
        assert waits_for(given(approves(submitted(EPS), MAYA))) == (NOOR, TWO_HATS)

    def test_moves_a_round_on_that_waited_for_somebody_who_is_gone(self) -> None:
        story: Story = [*approves(submitted(EPS), MAYA, NOOR), ends(TWO_HATS, Role.EXECUTIVE_PRODUCER, TWO_HATS)]
        given(story).when(PRODUCER, Nudge(round="A-2")).then(IN_FORCE)


class TestReassignStep:
    GIVES = ReassignStep(round="A-2", seat=GUARANTOR, to=DIRECTOR, reason=WHY)

    def test_asks_another_in_ones_place(self) -> None:
        story = submitted(GUARANTORS)
        given(story).when(GUARANTOR, self.GIVES).then(StepReassigned("A-2", "v1", 0, GUARANTOR, DIRECTOR))
        story = [*story, (GUARANTOR, self.GIVES)]
        given(story).when(GUARANTOR, last(story, "A-2")).then_refused(NotAsked(GUARANTOR, "A-2", 1, 1, (DIRECTOR,)))
        given(story).when(DIRECTOR, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_may_be_passed_on(self) -> None:
        story = [*submitted(GUARANTORS), (GUARANTOR, self.GIVES)]
        story = [*story, (DIRECTOR, ReassignStep(round="A-2", seat=DIRECTOR, to=CO_PRODUCER, reason=WHY))]
        assert waits_for(given(story)) == (CO_PRODUCER,)

    def test_may_be_given_back(self) -> None:
        story = [*submitted(GUARANTORS), (GUARANTOR, self.GIVES)]
        story = [*story, (DIRECTOR, ReassignStep(round="A-2", seat=DIRECTOR, to=GUARANTOR, reason=WHY))]
        given(story).when(GUARANTOR, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_lets_who_is_asked_now_abstain_and_come_round(self) -> None:
        story = [*submitted(GUARANTORS), (GUARANTOR, self.GIVES)]
        story = says(story, DIRECTOR, "A-2", Abstain)
        given(story).when(DIRECTOR, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_is_done_for_another_by_who_may_override(self) -> None:
        story = submitted(GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
        given(story).when(NOOR, self.GIVES).then(StepReassigned("A-2", "v1", 0, GUARANTOR, DIRECTOR))

    def test_is_not_done_by_who_asked_for_it(self) -> None:
        story: Story = [*adopted(DRAFTED, policy(GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER))]
        story = [*story, (TWO_HATS, SubmitBudget(budget="v1"))]
        given(story).when(TWO_HATS, self.GIVES).then_refused(ApproverIsSubmitter(TWO_HATS, "v1"))

    def test_is_not_to_somebody_who_fills_another_place(self) -> None:
        story = approves(submitted(EP, GUARANTORS), MAYA)
        to_maya = ReassignStep(round="A-2", seat=GUARANTOR, to=MAYA, reason=WHY)
        given(story).when(GUARANTOR, to_maya).then_refused(
            CannotBeReassigned("A-2", GUARANTOR, MAYA, 2, "maya fills another place of the round")
        )

    def test_is_undone_when_who_has_the_place_answers_no_more(self) -> None:
        """Nobody's place is lost by the departure of who was put there: the asker could bring that about."""
        story: Story = [*submitted(EPS), gives(MAYA, DIRECTOR)]
        story = [*approves(story, NOOR), ends(DIRECTOR, Role.DIRECTOR)]
        assert waits_for(given(story)) == (MAYA, TWO_HATS)
        story = approves(story, TWO_HATS)
        given(story).when(MAYA, last(story, "A-2")).then(yes(), IN_FORCE)

    def test_is_undone_when_who_has_the_place_changes_what_is_asked_about(self) -> None:
        story: Story = [*submitted(GUARANTORS), gives(GUARANTOR, TWO_HATS)]
        story = [*story, (TWO_HATS, TestNewContent.GROWN)]
        assert waits_for(given(story)) == (GUARANTOR,)
        assert given(story).when(GUARANTOR, last(story, "A-2")).refusal is None

    def test_that_is_undone_speaks_for_the_share_again(self) -> None:
        half = Step((Approver(every_holder=True),), Mode.SHARE, share=Decimal(50))
        story = [*adopted(COVERED, policy(half)), (PRODUCER, transfer())]
        story = [*story, gives(HOLDER, DIRECTOR, "A-3"), ends(DIRECTOR, Role.DIRECTOR)]
        facts = given(story).when(HOLDER, last(story, "A-3")).facts
        assert isinstance(facts[-1], BudgetTransferred)

    def test_takes_along_the_share_of_the_funding_that_goes_with_the_place(self) -> None:
        half = Step((Approver(every_holder=True),), Mode.SHARE, share=Decimal(50))
        story = [*adopted(COVERED, policy(half)), (PRODUCER, transfer())]
        assert waits_for(given(story), "A-3") == (FINANCIER, HOLDER)
        story = [*story, (HOLDER, ReassignStep(round="A-3", seat=HOLDER, to=DIRECTOR, reason=WHY))]
        facts = given(story).when(DIRECTOR, last(story, "A-3")).facts
        assert isinstance(facts[-1], BudgetTransferred)

    def test_does_not_make_two_places_of_one_person_earlier_or_later(self) -> None:
        story = submitted(EP, EPS)
        to_director = ReassignStep(round="A-2", seat=MAYA, to=DIRECTOR, reason=WHY)
        first_given: Story = approves([*story, (MAYA, to_director)], DIRECTOR)
        given(first_given).when(MAYA, last(first_given, "A-2")).then_refused(
            PersonFillsAnotherPlace(MAYA, "A-2", DIRECTOR, 1)
        )


class TestOverrideStep:
    def test_passes_over_the_step_and_asks_the_next_one(self) -> None:
        story = submitted(GUARANTORS, EP, override_by=Role.EXECUTIVE_PRODUCER)
        given(story).when(MAYA, last(story, "A-2", OverrideStep, reason=WHY)).then(
            StepOverridden("A-2", "v1", THE_CONTENT, 0)
        )
        story = says(story, MAYA, "A-2", OverrideStep, reason=WHY)
        given(story).when(NOOR, last(story, "A-2")).then(yes(1), IN_FORCE)

    def test_fills_a_place(self) -> None:
        story = submitted(GUARANTORS, EP, override_by=Role.EXECUTIVE_PRODUCER)
        story = says(story, MAYA, "A-2", OverrideStep, reason=WHY)
        given(story).when(MAYA, last(story, "A-2")).then_refused(DealtWithIt(MAYA, "A-2"))


class TestLapsing:
    """A8: who may not answer any more has not answered."""

    GONE = "they are not asked any more"
    NOT_FOR_THEM = "who gave it does not act for them any more"

    def test_is_what_happens_when_a_voter_loses_the_role(self) -> None:
        story: Story = [
            *approves(submitted(EPS, GUARANTORS), MAYA, NOOR, TWO_HATS),
            ends(MAYA, Role.EXECUTIVE_PRODUCER),
        ]
        given(story).when(GUARANTOR, last(story, "A-2")).then(
            yes(1), VoteLapsed("A-2", "v1", MAYA, 0, self.GONE), passed(0), IN_FORCE
        )

    def test_goes_back_to_the_step_that_has_too_few_now(self) -> None:
        story: Story = [*approves(submitted(EP, GUARANTORS), MAYA), ends(MAYA, Role.EXECUTIVE_PRODUCER)]
        given(story).when(GUARANTOR, last(story, "A-2")).then(yes(1), VoteLapsed("A-2", "v1", MAYA, 0, self.GONE))
        story = approves(story, GUARANTOR)
        given(story).when(NOOR, last(story, "A-2")).then(yes(0), passed(0), IN_FORCE)

    def test_asks_the_step_that_has_too_few_now_at_once(self) -> None:
        terms = {"override_by": Role.EXECUTIVE_PRODUCER}
        story: Story = [
            *approves(submitted(EP, GUARANTORS, **terms), MAYA),
            ends(MAYA, Role.EXECUTIVE_PRODUCER),
        ]
        lapsed = VoteLapsed("A-2", "v1", MAYA, 0, self.GONE)
        given(story).when(NOOR, last(story, "A-2")).then(lapsed, yes(0), passed(0))
        moves = ReassignStep(round="A-2", seat=TWO_HATS, to=DIRECTOR, reason=WHY)
        given(story).when(TWO_HATS, moves).then(lapsed, StepReassigned("A-2", "v1", 0, TWO_HATS, DIRECTOR))
        given(story).when(NOOR, last(story, "A-2", OverrideStep, reason=WHY)).then(
            lapsed, StepOverridden("A-2", "v1", THE_CONTENT, 0)
        )
        given(story).when(DIRECTOR, last(story, "A-2")).then_refused(NotAsked(DIRECTOR, "A-2", 1, 2, (NOOR, TWO_HATS)))

    def test_does_not_go_back_to_a_step_that_passes_all_the_same(self) -> None:
        story: Story = [
            *approves(submitted(EPS, GUARANTORS), MAYA, NOOR, TWO_HATS),
            ends(MAYA, Role.EXECUTIVE_PRODUCER),
        ]
        lapsed = VoteLapsed("A-2", "v1", MAYA, 0, self.GONE)
        moves = ReassignStep(round="A-2", seat=GUARANTOR, to=DIRECTOR, reason=WHY)
        moved = StepReassigned("A-2", "v1", 1, GUARANTOR, DIRECTOR)
        given(story).when(GUARANTOR, moves).then(lapsed, passed(0), moved)
        given(story).when(NOOR, last(story, "A-2", Abstain)).then_refused(NotAsked(NOOR, "A-2", 2, 2, (GUARANTOR,)))

    def test_does_not_go_back_to_a_step_that_was_late_and_passed_by_who_was_asked_then(self) -> None:
        late = replace(EPS, within_days=3, escalates_to=(Approver(Role.DIRECTOR),))
        story = says(submitted(late, GUARANTORS), MAYA, "A-2")
        world = given(story).later(days=3).world
        answer = last(story, "A-2")
        world = world.after(DIRECTOR, answer, world.decide(DIRECTOR, answer))
        leaves = ends(MAYA, Role.EXECUTIVE_PRODUCER)[1]
        world = world.after(MAYA, leaves, world.decide(MAYA, leaves))
        lapsed = VoteLapsed("A-2", "v1", MAYA, 0, self.GONE)
        Given(world).when(GUARANTOR, answer).then(yes(1), lapsed, passed(0), IN_FORCE)

    def test_is_what_happens_when_a_voter_leaves_the_company(self) -> None:
        story: Story = [
            *approves(submitted(EP, GUARANTORS), NOOR),
            (ADMINISTRATOR, DismissMember(person=NOOR, reason=WHY)),
        ]
        assert VoteLapsed("A-2", "v1", NOOR, 0, self.GONE) in given(story).when(GUARANTOR, last(story, "A-2")).facts

    def test_is_what_happens_when_who_answered_for_another_leaves_the_company(self) -> None:
        story: Story = [*submitted(EP, GUARANTORS), (MAYA, delegated(STRANGER))]
        story = says(story, f"{STRANGER}/{MAYA}", "A-2")
        story = [*story, (ADMINISTRATOR, DismissMember(person=STRANGER, reason=WHY))]
        lapsed = VoteLapsed("A-2", "v1", MAYA, 0, self.NOT_FOR_THEM)
        assert lapsed in given(story).when(GUARANTOR, last(story, "A-2")).facts

    def test_is_what_happens_when_a_delegation_ends(self) -> None:
        story = says([*submitted(EP, GUARANTORS), (MAYA, delegated(STRANGER))], f"{STRANGER}/{MAYA}", "A-2")
        lapsed = VoteLapsed("A-2", "v1", MAYA, 0, self.NOT_FOR_THEM)
        given(story).when(GUARANTOR, last(story, "A-2")).then(yes(1), IN_FORCE)
        given(story).later(days=1).when(GUARANTOR, last(story, "A-2")).then(yes(1), lapsed)
        revoked: Story = [*story, (MAYA, RevokeDelegation(delegation="D-1"))]
        given(revoked).when(GUARANTOR, last(story, "A-2")).then(yes(1), lapsed)

    def test_is_what_happens_when_only_a_narrower_delegation_is_left(self) -> None:
        story: Story = [*submitted(EP, GUARANTORS), (MAYA, delegated(STRANGER))]
        story = says(story, f"{STRANGER}/{MAYA}", "A-2")
        story = [*story, (MAYA, delegated(STRANGER, limit=inr("1000"))), (MAYA, RevokeDelegation(delegation="D-1"))]
        given(story).when(GUARANTOR, last(story, "A-2")).then(
            yes(1), VoteLapsed("A-2", "v1", MAYA, 0, self.NOT_FOR_THEM)
        )

    def test_is_what_happens_to_an_abstention_as_well(self) -> None:
        story: Story = [*submitted(EPS), (MAYA, delegated(STRANGER, Power.ABSTAIN))]
        story = says(story, f"{STRANGER}/{MAYA}", "A-2", Abstain)
        narrower = delegated(STRANGER, Power.ABSTAIN, limit=inr("1000"))
        story = [*story, (MAYA, narrower), (MAYA, RevokeDelegation(delegation="D-1"))]
        lapsed = VoteLapsed("A-2", "v1", MAYA, 0, self.NOT_FOR_THEM)
        assert lapsed in given(story).when(NOOR, last(story, "A-2")).facts

    def test_leaves_an_abstention_that_was_delegated_alone(self) -> None:
        story: Story = [*submitted(EPS), (MAYA, delegated(STRANGER, Power.ABSTAIN))]
        given(story).when(f"{STRANGER}/{MAYA}", last(story, "A-2", Abstain)).then(
            Abstained("A-2", "v1", THE_CONTENT, None, 0)
        )

    def test_is_what_happens_when_the_one_in_anothers_place_has_no_role_any_more(self) -> None:
        story: Story = [*submitted(GUARANTORS, EP), (GUARANTOR, TestReassignStep.GIVES)]
        story = [*approves(story, DIRECTOR), ends(DIRECTOR, Role.DIRECTOR)]
        given(story).when(MAYA, last(story, "A-2")).then(yes(1), VoteLapsed("A-2", "v1", DIRECTOR, 0, self.GONE))

    def test_is_what_happens_to_passing_over_a_step_when_who_did_so_is_no_more_who_may(self) -> None:
        story = says(
            submitted(GUARANTORS, EP, override_by=Role.EXECUTIVE_PRODUCER), MAYA, "A-2", OverrideStep, reason=WHY
        )
        story = [*story, (ADMINISTRATOR, DismissMember(person=MAYA, reason=WHY))]
        lapsed = VoteLapsed("A-2", "v1", MAYA, 0, "they are not who may pass over it any more")
        given(story).when(NOOR, last(story, "A-2")).then(yes(1), lapsed)
        story = approves(story, NOOR)
        assert waits_for(given(story)) == (GUARANTOR,)
        given(story).when(GUARANTOR, last(story, "A-2")).then(yes(0), passed(0), IN_FORCE)

    def test_is_what_happens_when_a_source_is_another_ones(self) -> None:
        step = Step((Approver(holder_of="F-4"),))
        story: Story = [*DRAFTED, (MAYA, equity(inr("1000"), holder=FINANCIER))]
        story = [*adopted(story, policy(step, GUARANTORS)), (PRODUCER, SubmitBudget(budget="v1"))]
        story = [*approves(story, FINANCIER), ends(FINANCIER, Role.FINANCIER)]
        given(story).when(GUARANTOR, last(story, "A-2")).then(yes(1), VoteLapsed("A-2", "v1", FINANCIER, 0, self.GONE))


class TestNewContent:
    """A1: a budget that is set in front of its round takes the place of what the round asks about."""

    GROWN = budget("210000").model_copy(update={"round": "A-2"})

    def test_voids_the_answers_and_lists_the_changes(self) -> None:
        story = approves(submitted(EPS, GUARANTORS), MAYA, NOOR)
        drafted, replaced = given(story).when(LINE_PRODUCER, self.GROWN).facts
        assert replaced == ContentReplaced(
            round="A-2",
            subject="v2",
            content_hash=drafted.content_hash,
            amount=inr("471300"),
            former="v1",
            former_hash=THE_CONTENT,
            changes=(
                AccountChange("2200", Decimal("200000.00"), Decimal("210000.00"), None, None),
                AccountChange("8000", Decimal("38000.00"), Decimal("39000.00"), None, None),
                AccountChange("8100", Decimal("12000.00"), Decimal("12300.00"), None, None),
            ),
            voided=(MAYA, NOOR),
            excluded=(LINE_PRODUCER,),
        )
        assert waits_for(given([*story, (LINE_PRODUCER, self.GROWN)])) == (MAYA, NOOR, TWO_HATS)

    def test_goes_back_to_the_first_step_and_to_those_that_were_passed_over(self) -> None:
        story = submitted(GUARANTORS, EP, override_by=Role.EXECUTIVE_PRODUCER)
        story = says(story, MAYA, "A-2", OverrideStep, reason=WHY)
        assert waits_for(given([*story, (LINE_PRODUCER, self.GROWN)])) == (GUARANTOR,)

    def test_refuses_who_saw_the_former_one_with_both_compared(self) -> None:
        story: Story = [*submitted(EP), (LINE_PRODUCER, self.GROWN)]
        given(story).when(MAYA, Approve(round="A-2", content_hash=THE_CONTENT)).then_refused(
            ContentHasChanged(
                "A-2",
                asked=content(story, "v2"),
                seen=THE_CONTENT,
                compared="which was v1, INR 460,000.00; it is v2, INR 471,300.00, now: "
                "2200 200,000.00 → 210,000.00, 8000 38,000.00 → 39,000.00, 8100 12,000.00 → 12,300.00",
            )
        )

    def test_is_not_approved_by_who_set_it(self) -> None:
        story: Story = [*submitted(EPS), (TWO_HATS, self.GROWN)]
        assert waits_for(given(story)) == (MAYA, NOOR)

    def test_is_what_comes_into_force(self) -> None:
        story: Story = [*submitted(EP), (LINE_PRODUCER, self.GROWN)]
        facts = given(story).when(MAYA, last(story, "A-2")).facts
        assert facts[-1] == BudgetApproved("A-2", "v2", content(story, "v2"), inr("471300"), None, ())

    def test_goes_without_a_policy_as_well(self) -> None:
        story = [*SUBMITTED, (LINE_PRODUCER, budget("210000").model_copy(update={"round": "A-1"}))]
        assert given(story).when(NOOR, last(story, "A-1")).facts[-1].budget == "v2"

    def test_may_be_what_it_was_before(self) -> None:
        back = budget().model_copy(update={"round": "A-2"})
        story: Story = [*approves(submitted(EPS), MAYA), (LINE_PRODUCER, self.GROWN), (LINE_PRODUCER, back)]
        assert waits_for(given(story)) == (MAYA, NOOR, TWO_HATS)


class TestOfEachKind:
    def test_a_change_of_the_locked_budget_is_kept_as_it_was_sent(self) -> None:
        story: Story = [*adopted(COVERED, policy(EP))]
        (requested,) = given(story).when(PRODUCER, transfer()).facts
        assert isinstance(requested, ApprovalRequested)
        assert (requested.kind, requested.command) == (RequestKind.TRANSFER, "TransferBudget")
        assert requested.excluded == (PRODUCER,)

    def test_asking_for_the_same_twice_does_nothing(self) -> None:
        story: Story = [*adopted(COVERED, policy(EP)), (PRODUCER, transfer())]
        given(story).when(LINE_PRODUCER, transfer()).then_nothing()

    def test_an_accountant_asks_for_nothing(self) -> None:
        assert given(adopted(COVERED, policy(EP))).when(ACCOUNTANT, transfer()).refusal is not None

    def test_the_effect_comes_with_the_last_approval(self) -> None:
        story: Story = [*adopted(COVERED, policy(EP, GUARANTORS)), (PRODUCER, transfer())]
        story = approves(story, NOOR, round_id="A-3")
        facts = given(story).when(GUARANTOR, last(story, "A-3")).facts
        assert isinstance(facts[1], RequestApproved)
        assert facts[2].amount == inr("60000")
