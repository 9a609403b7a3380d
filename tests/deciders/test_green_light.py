"""The green light: the tests that the policy names, with their figures, and with conditions where one has failed."""

from dataclasses import replace

from events.production import GreenLightResult, GreenLightTest, ProductionGreenlit
from events.team import Role
from service.deciders.budget import UnlockBudget
from service.deciders.financing import CloseFunding
from service.deciders.green_light import GreenlightProduction, NotReadyForGreenLight
from service.deciders.submission import SubmitBudget
from service.deciders.team import EndAppointment
from tests.deciders.rounds import COVERED, EP, GUARANTORS, adopted, overage, policy, says
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    APPROVED,
    DRAFTED,
    FINANCIER,
    GUARANTOR,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    appoint,
    equity,
    inr,
)
from tests.spec import Story, given

GO = GreenlightProduction()
LATER = GreenlightProduction(conditions=("The cover comes by the first day of the shoot.",))
NEEDED = inr("460000")
COMMITTED = "committed cash of INR 460,000.00, of which there is INR 400,000.00"


def result(test: GreenLightTest, *, passed: bool = True, found: str | None = None) -> GreenLightResult:
    return GreenLightResult(test, passed, None if found is None else NEEDED, None if found is None else inr(found))


class TestGreenlightProduction:
    def test_records_every_test_with_its_figures(self) -> None:
        given(COVERED).when(MAYA, GO).then(
            ProductionGreenlit(
                "v1",
                (
                    result(GreenLightTest.BUDGET_LOCKED),
                    result(GreenLightTest.FUNDING_COMMITTED, found="600000"),
                    result(GreenLightTest.CONDITIONS_MET),
                ),
                (),
            )
        )

    def test_waits_for_all_that_is_missing(self) -> None:
        given(APPROVED).when(MAYA, GO).then_refused(
            NotReadyForGreenLight(("a budget that is approved and locked", COMMITTED))
        )

    def test_waits_for_a_budget_at_first(self) -> None:
        given(DRAFTED).when(MAYA, GO).then_refused(
            NotReadyForGreenLight(
                ("a budget that is approved and locked", "a budget in force, which funding could cover")
            )
        )

    def test_looks_at_the_total_with_its_overages(self) -> None:
        story = [*adopted(COVERED, policy()), (PRODUCER, overage("140000"))]
        facts = given(story).when(MAYA, GO).facts
        assert facts[0].results[1].needed == inr("600000")

    def test_looks_at_what_the_policy_names(self) -> None:
        story = adopted(LOCKED, policy(green_light=(GreenLightTest.BUDGET_LOCKED,)))
        given(story).when(MAYA, GO).then(ProductionGreenlit("v1", (result(GreenLightTest.BUDGET_LOCKED),), ()))

    def test_may_take_closed_funding(self) -> None:
        story = adopted(COVERED, policy(green_light=(GreenLightTest.FUNDING_CLOSED,)))
        given(story).when(MAYA, GO).then_refused(NotReadyForGreenLight((COMMITTED.replace("committed", "closed"),)))
        closed: Story = [*story, (MAYA, CloseFunding(funding="F-4"))]
        assert given(closed).when(MAYA, GO).facts[0].results[0].found == inr("600000")

    def test_may_wait_for_open_conditions(self) -> None:
        terms = replace(policy(EP), green_light=(GreenLightTest.CONDITIONS_MET,))
        story: Story = [*adopted(COVERED, terms), (PRODUCER, overage("1000"))]
        story = says(story, NOOR, "A-3", conditions=("The vendor signs.",))
        given(story).when(MAYA, GO).then_refused(NotReadyForGreenLight(("the open conditions of approvals",)))

    def test_may_wait_for_the_guarantors_approval(self) -> None:
        by_guarantor, without = (
            [
                *adopted(DRAFTED, policy(step, green_light=(GreenLightTest.GUARANTOR_APPROVED,))),
                (PRODUCER, SubmitBudget(budget="v1")),
            ]
            for step in (GUARANTORS, EP)
        )
        approved = says(by_guarantor, GUARANTOR, "A-2")
        assert given(approved).when(MAYA, GO).facts[0].results[0].passed
        gone: Story = [*approved, (MAYA, EndAppointment(person=GUARANTOR, role=Role.COMPLETION_GUARANTOR))]
        assert given(gone).when(MAYA, GO).facts[0].results[0].passed
        late: Story = [*says(without, NOOR, "A-2"), (MAYA, appoint(NOOR, Role.COMPLETION_GUARANTOR))]
        given(late).when(MAYA, GO).then_refused(
            NotReadyForGreenLight(("the completion guarantor's approval of the budget in force",))
        )


class TestWithConditions:
    def test_is_given_though_a_test_has_not_passed_and_says_so(self) -> None:
        (given_now,) = given(LOCKED).when(MAYA, LATER).facts
        assert (given_now.conditions, [r.passed for r in given_now.results]) == (LATER.conditions, [True, False, True])

    def test_is_followed_by_the_one_without(self) -> None:
        story: Story = [*LOCKED, (MAYA, LATER)]
        given(story).when(MAYA, LATER).then_nothing()
        story = [*story, (MAYA, equity(inr("60000"), party="Lotus Films", holder=FINANCIER))]
        assert given(story).when(NOOR, GO).facts[0].conditions == ()

    def test_stays_where_the_lock_was_opened_since(self) -> None:
        story: Story = [*LOCKED, (MAYA, LATER), (NOOR, UnlockBudget(budget="v1", reason=WHY))]
        assert "a budget that is approved and locked" in given(story).when(MAYA, GO).refusal.missing
