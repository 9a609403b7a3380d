"""The green light, in the current budget: whether there is one, on which conditions, by whom, and when."""

from datetime import datetime

from projections import current_budget
from projections.current_budget import GreenLight
from service.deciders.budget import UnlockBudget
from service.deciders.green_light import GreenlightProduction
from service.deciders.submission import SubmitBudget
from tests.deciders.rounds import WHY, adopted, policy
from tests.deciders.stories import LINE_PRODUCER, LOCKED, MAYA, NOOR, PRODUCER, STAFFED, budget, equity, inr
from tests.handling.office import STREAM
from tests.projections.desk import folded
from tests.spec import Story, play

LATER = GreenlightProduction(conditions=("The bond is signed.", "The presale closes."))
GO = GreenlightProduction()
CONDITIONAL: Story = [*LOCKED, (MAYA, LATER)]
FULL: Story = [*CONDITIONAL, (MAYA, equity(inr("60000"), party="Lotus Films")), (NOOR, GO)]
#: The second version is in force instead of the first.
BEGUN_ANEW: Story = [
    *adopted(FULL, policy()),
    (NOOR, UnlockBudget(budget="v1", reason=WHY)),
    (LINE_PRODUCER, budget("210000")),
    (PRODUCER, SubmitBudget(budget="v2")),
]


def shown(story: Story, asked: str | None = None) -> GreenLight:
    rows = folded(current_budget.PROJECTION, story)
    view = current_budget.view(rows, STREAM, 0, 0, "INR", asked)
    assert view is not None
    return view.green_light


def last_at(story: Story) -> datetime:
    return play(story).facts[-1][1].at


class TestTheGreenLight:
    def test_is_none_before_it_is_given(self) -> None:
        assert shown(LOCKED) == GreenLight(
            state="none", conditions=[], not_passed=[], given_by=None, on_behalf_of=None, given_at=None
        )

    def test_is_conditional_with_its_conditions_and_who_gave_it_when(self) -> None:
        given = shown(CONDITIONAL)

        assert (given.state, given.conditions) == ("conditional", ["The bond is signed.", "The presale closes."])
        assert given.not_passed == ["funding_committed"]
        assert (given.given_by, given.given_at) == (MAYA, last_at(CONDITIONAL))

    def test_is_full_once_it_is_given_without_conditions(self) -> None:
        given = shown(FULL)

        assert (given.state, given.conditions, given.not_passed) == ("full", [], [])
        assert (given.given_by, given.given_at) == (NOOR, last_at(FULL))

    def test_of_the_budget_before_is_not_of_the_new_one_in_force(self) -> None:
        assert (shown(BEGUN_ANEW).state, shown(BEGUN_ANEW, "v1").state) == ("none", "full")

    def test_stays_while_another_version_is_drafted(self) -> None:
        assert shown([*FULL, (LINE_PRODUCER, budget("210000"))]).state == "full"

    def test_may_be_given_before_there_is_a_budget(self) -> None:
        given = shown([*STAFFED, (MAYA, LATER)])

        assert (given.state, given.given_by) == ("conditional", MAYA)
        assert given.not_passed == ["budget_locked", "funding_committed"]
