"""Delegation and absence: who may do what for whom, for how much, where, and until when."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from events.approval import ApprovalGiven, BudgetApproved
from events.company import MemberDismissed
from events.delegation import AbsenceEnded, AbsenceSet, AuthorityDelegated, AuthorityRevoked, Power
from events.ids import PersonId
from events.money import Money
from events.spend import SpendLogged
from events.team import Role
from service.deciders.approval import (
    Abstain,
    Approve,
    ApproverIsSubmitter,
    BeyondDelegation,
    PersonFillsAnotherPlace,
    Reject,
)
from service.deciders.authority import NothingDelegated, RoleMayNot
from service.deciders.budget import LockBudget
from service.deciders.company import AdmitMember, DismissMember
from service.deciders.delegation import EndAbsence, RevokeDelegation, SetAbsence
from service.deciders.submission import SubmitBudget
from service.deciders.team import EndAppointment
from tests.deciders.rounds import EPS, away, delegated, says, submitted
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ADMINISTRATOR,
    APPROVED,
    ART,
    DIRECTOR,
    DRAFTED,
    FOUNDED,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    STRANGER,
    SUBMITTED,
    TODAY,
    approve,
    content,
    inr,
    spend,
)
from tests.spec import Story, given, play

FOR_MAYA = f"{STRANGER}/{MAYA}"
YES = approve(SUBMITTED)
TOMORROW = TODAY + timedelta(days=1)
NOT_HIS = NothingDelegated(STRANGER, "Approve", MAYA)


def let(*sent: tuple[str, object], story: Story = SUBMITTED) -> Story:
    return [*story, *sent]


class TestDelegateAuthority:
    def test_records_whose_authority_it_is_and_its_bounds(self) -> None:
        command = delegated(STRANGER, Power.REJECT, Power.APPROVE, limit=inr("5"), productions=("the-long-take",))
        given(FOUNDED).when(MAYA, command).then(
            AuthorityDelegated(
                delegation="D-1",
                grantor=MAYA,
                to=STRANGER,
                powers=(Power.APPROVE, Power.REJECT),
                productions=("the-long-take",),
                limit=inr("5"),
                from_on=TODAY,
                until_on=TODAY,
            )
        )

    def test_lets_another_answer_in_ones_place(self) -> None:
        story = let((MAYA, delegated()))
        given(story).when(FOR_MAYA, YES).then(
            ApprovalGiven("A-1", "v1", content(SUBMITTED), None, 0, ()),
            BudgetApproved("A-1", "v1", content(SUBMITTED), inr("460000"), None, ()),
        )

    def test_is_for_its_powers_alone(self) -> None:
        story = let((MAYA, delegated(STRANGER, Power.APPROVE)))
        no = Reject(round="A-1", content_hash=content(SUBMITTED), words=WHY)
        given(story).when(FOR_MAYA, no).then_refused(NothingDelegated(STRANGER, "Reject", MAYA))

    def test_is_never_for_what_cannot_be_delegated(self) -> None:
        story: Story = [*APPROVED, (MAYA, delegated(STRANGER, *Power))]
        given(story).when(FOR_MAYA, LockBudget(budget="v1")).then_refused(
            NothingDelegated(STRANGER, "LockBudget", MAYA)
        )

    def test_is_for_amounts_up_to_its_limit(self) -> None:
        exactly, less = let((MAYA, delegated(limit=inr("460000")))), let((MAYA, delegated(limit=inr("459999.99"))))
        assert given(exactly).when(FOR_MAYA, YES).refusal is None
        given(less).when(FOR_MAYA, YES).then_refused(BeyondDelegation(STRANGER, MAYA, inr("459999.99"), inr("460000")))

    def test_is_as_wide_as_the_widest_of_several(self) -> None:
        story = let(
            (MAYA, delegated(limit=inr("1"))), (MAYA, delegated(limit=inr("460000"))), (MAYA, delegated(limit=inr("2")))
        )
        assert given(story).when(FOR_MAYA, YES).refusal is None

    def test_has_a_limit_in_each_currency(self) -> None:
        euros, rupees = Money(Decimal(460001), "EUR"), inr("460000")
        for limits in ((euros, rupees), (rupees, euros)):
            assert given(let(*((MAYA, delegated(limit=each)) for each in limits))).when(FOR_MAYA, YES).refusal is None
        story = let((MAYA, delegated(limit=euros)), (MAYA, delegated(limit=inr("1"))))
        given(story).when(FOR_MAYA, YES).then_refused(BeyondDelegation(STRANGER, MAYA, inr("1"), inr("460000")))
        story = let((MAYA, delegated(limit=euros)))
        given(story).when(FOR_MAYA, YES).then_refused(BeyondDelegation(STRANGER, MAYA, euros, inr("460000")))

    def test_is_from_its_first_day_to_its_last_one(self) -> None:
        story = let((MAYA, delegated(from_on=TOMORROW, until_on=TOMORROW)))
        given(story).when(FOR_MAYA, YES).then_refused(NOT_HIS)
        assert given(story).later(days=1).when(FOR_MAYA, YES).refusal is None
        given(story).later(days=2).when(FOR_MAYA, YES).then_refused(NOT_HIS)

    def test_is_for_its_productions(self) -> None:
        here, elsewhere = (let((MAYA, delegated(productions=(name,)))) for name in ("the-long-take", "another"))
        assert given(here).when(FOR_MAYA, YES).refusal is None
        given(elsewhere).when(FOR_MAYA, YES).then_refused(NOT_HIS)

    def test_makes_no_chains(self) -> None:
        story = let((MAYA, delegated(DIRECTOR)), (DIRECTOR, delegated(STRANGER)))
        given(story).when(FOR_MAYA, YES).then_refused(NOT_HIS)

    def test_is_never_wider_than_ones_own(self) -> None:
        story = let((DIRECTOR, delegated(STRANGER, *Power)))
        given(story).when(f"{STRANGER}/{DIRECTOR}", SubmitBudget(budget="v1")).then_refused(
            RoleMayNot("SubmitBudget", (Role.DIRECTOR,), (Role.PRODUCER,))
        )

    def test_is_gone_with_the_role_it_came_from(self) -> None:
        story = let((MAYA, delegated()), (MAYA, EndAppointment(person=MAYA, role=Role.EXECUTIVE_PRODUCER, reason=WHY)))
        assert isinstance(given(story).when(FOR_MAYA, YES).refusal, RoleMayNot)

    def test_is_gone_with_its_grantor(self) -> None:
        story = let((NOOR, delegated()), (ADMINISTRATOR, DismissMember(person=NOOR, reason=WHY)))
        given(story).when(f"{STRANGER}/{NOOR}", YES).then_refused(NothingDelegated(STRANGER, "Approve", NOOR))

    @pytest.mark.parametrize("leaver", [MAYA, STRANGER])
    def test_ends_for_good_with_the_membership_of_either(self, leaver: PersonId) -> None:
        story = let((MAYA, delegated()), (NOOR, delegated()), (MAYA, away(STRANGER)))
        ends = (AuthorityRevoked("D-1"), AbsenceEnded(MAYA))
        also = (AuthorityRevoked("D-1"), AuthorityRevoked("D-2"), AbsenceEnded(MAYA))
        leaves = DismissMember(person=leaver, reason=WHY)
        given(story).when(ADMINISTRATOR, leaves).then(MemberDismissed(leaver), *(ends if leaver == MAYA else also))
        story = [*story, (ADMINISTRATOR, leaves), (ADMINISTRATOR, AdmitMember(person=leaver))]
        given(story).when(FOR_MAYA, YES).then_refused(NOT_HIS)

    def test_does_not_wash_the_hands_of_either(self) -> None:
        story: Story = [*DRAFTED, (MAYA, delegated(PRODUCER)), (PRODUCER, SubmitBudget(budget="v1"))]
        given(story).when(f"{PRODUCER}/{MAYA}", YES).then_refused(ApproverIsSubmitter(PRODUCER, "v1"))
        story = [*DRAFTED, (PRODUCER, delegated(MAYA, Power.SUBMIT_BUDGET))]
        story = [*story, (f"{MAYA}/{PRODUCER}", SubmitBudget(budget="v1"))]
        given(story).when(MAYA, YES).then_refused(ApproverIsSubmitter(MAYA, "v1"))

    def test_does_not_make_two_of_one(self) -> None:
        story = says([*submitted(EPS), (MAYA, delegated(NOOR))], f"{NOOR}/{MAYA}", "A-2")
        given(story).when(NOOR, Approve(round="A-2", content_hash=content(story))).then_refused(
            PersonFillsAnotherPlace(NOOR, "A-2", MAYA, 1)
        )

    def test_limits_other_acts_too(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, delegated(STRANGER, Power.LOG_SPEND, limit=inr("100")))]
        who = f"{STRANGER}/{LINE_PRODUCER}"
        assert isinstance(given(story).when(who, spend(ART, "100")).facts[0], SpendLogged)
        given(story).when(who, spend(ART, "100.01")).then_refused(
            BeyondDelegation(STRANGER, LINE_PRODUCER, inr("100"), inr("100.01"))
        )


class TestRevokeDelegation:
    ENDS = RevokeDelegation(delegation="D-1", reason=WHY)

    def test_ends_it(self) -> None:
        story = let((MAYA, delegated()))
        given(story).when(MAYA, self.ENDS).then(AuthorityRevoked("D-1"))
        given([*story, (MAYA, self.ENDS)]).when(FOR_MAYA, YES).then_refused(NOT_HIS)

    def test_is_open_to_an_administrator(self) -> None:
        given(let((MAYA, delegated()))).when(ADMINISTRATOR, self.ENDS).then(AuthorityRevoked("D-1"))

    def test_leaves_what_was_done_under_it(self) -> None:
        story = let((MAYA, delegated()), (FOR_MAYA, YES), (MAYA, self.ENDS))
        production = play(story).production
        assert production is not None
        assert production.budgets.in_force == "v1"


class TestAbsence:
    def test_names_who_answers_meanwhile(self) -> None:
        given(SUBMITTED).when(MAYA, away()).then(AbsenceSet(MAYA, STRANGER, TODAY, TODAY))
        story = let((MAYA, away()))
        assert given(story).when(FOR_MAYA, YES).refusal is None
        given(story).later(days=1).when(FOR_MAYA, YES).then_refused(NOT_HIS)

    def test_is_ones_own_to_say_and_an_administrators_to_end(self) -> None:
        given(SUBMITTED).when(ADMINISTRATOR, away()).then(AbsenceSet(ADMINISTRATOR, STRANGER, TODAY, TODAY))
        assert "person" not in SetAbsence.model_fields
        given(let((MAYA, away()))).when(ADMINISTRATOR, EndAbsence(person=MAYA)).then(AbsenceEnded(MAYA))

    def test_lets_the_substitute_answer_and_nothing_else(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, away())]
        given(story).when(f"{STRANGER}/{LINE_PRODUCER}", spend(ART, "1")).then_refused(
            NothingDelegated(STRANGER, "LogSpend", LINE_PRODUCER)
        )

    def test_is_replaced_by_the_next_one(self) -> None:
        story = let((MAYA, away()), (MAYA, away(DIRECTOR)))
        given(story).when(FOR_MAYA, YES).then_refused(NOT_HIS)
        assert given(story).when(f"{DIRECTOR}/{MAYA}", YES).refusal is None

    def test_ends_when_they_are_back(self) -> None:
        story = let((MAYA, away(until_on=date(2026, 11, 30))))
        given(story).when(MAYA, EndAbsence(reason=WHY)).then(AbsenceEnded(MAYA))
        given([*story, (MAYA, EndAbsence(reason=WHY))]).when(FOR_MAYA, YES).then_refused(NOT_HIS)

    def test_does_not_keep_who_is_away_from_answering(self) -> None:
        assert given(let((MAYA, away()))).when(MAYA, YES).refusal is None

    def test_lets_both_answer_only_once(self) -> None:
        story = says([*submitted(EPS), (MAYA, away())], FOR_MAYA, "A-2", Abstain)
        given(story).when(MAYA, Approve(round="A-2", content_hash=content(story))).then(
            ApprovalGiven("A-2", "v1", content(story), None, 0, ())
        )
        story = says(story, MAYA, "A-2")
        given(story).when(FOR_MAYA, Approve(round="A-2", content_hash=content(story))).then_nothing()
