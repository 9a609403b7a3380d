"""What has to be covered, what carries what, and what is free: as those who decide on the next overage see it."""

from decimal import Decimal

import pytest

from events.financing import FundingKind
from projections import funding
from projections.funding import Funding
from service.deciders.budget import UnlockBudget
from service.deciders.financing import AmendFunding
from service.deciders.submission import SubmitBudget
from tests.deciders.rounds import COVERED, adopted, overage, policy
from tests.deciders.stories import (
    APPROVED,
    FINANCIER,
    FUNDED,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    budget,
    equity,
    inr,
)
from tests.handling.office import STREAM
from tests.projections.desk import folded
from tests.spec import Story, given

#: Changes take effect at once.
FREE = adopted(COVERED, policy())
GROWN: Story = [*FREE, (PRODUCER, overage("100000"))]
#: The second version is in force instead of the first.
BEGUN_ANEW: Story = [
    *GROWN,
    (NOOR, UnlockBudget(budget="v1", reason="It grows.")),
    (LINE_PRODUCER, budget("250000")),
    (PRODUCER, SubmitBudget(budget="v2")),
]


def shown(story: Story) -> Funding:
    return funding.view(folded(funding.PROJECTION, story), STREAM, 0, 0)


def gaps(story: Story) -> list[str]:
    """Of the committed, the closed and the received cash."""
    return [str(cover.gap) for cover in shown(story).cover]


def carried(story: Story) -> dict[str, tuple[str, str | None]]:
    """By source: what it carries, and what is free of it."""
    return {s.funding: (str(s.carries), None if s.free is None else str(s.free)) for s in shown(story).sources}


class TestTheTotalToCover:
    def test_is_the_locked_budget_and_the_overages_approved_beside_it(self) -> None:
        assert (shown(FREE).total, gaps(FREE)) == (Decimal(460000), ["-140000.00", "60000.00", "160000.00"])
        assert (shown(GROWN).total, gaps(GROWN)) == (Decimal(560000), ["-40000.00", "160000.00", "260000.00"])

    def test_begins_anew_with_a_new_version_in_force(self) -> None:
        anew = shown(BEGUN_ANEW)

        assert (anew.budget, anew.in_force) == ("v2", True)
        assert anew.total == given(BEGUN_ANEW).world.production.budgets.force.total_budget.amount  # type: ignore[union-attr]
        assert carried(BEGUN_ANEW)["F-4"][0] == "0.00"

    def test_is_of_the_latest_version_while_none_is_in_force(self) -> None:
        drafted: Story = [*FUNDED, (LINE_PRODUCER, budget())]

        assert (shown(drafted).total, shown(drafted).in_force) == (Decimal(460000), False)

    def test_stays_with_a_draft_beside_what_is_in_force(self) -> None:
        beside: Story = [*GROWN, (LINE_PRODUCER, budget("250000"))]

        assert (shown(beside).total, shown(beside).budget) == (Decimal(560000), "v1")


class TestASource:
    def test_says_what_it_carries_and_what_is_still_free(self) -> None:
        assert carried(FREE) == {
            "F-1": ("0.00", "140000.00"),
            "F-2": ("0.00", "0.00"),
            "F-3": ("0.00", "0.00"),
            "F-4": ("0.00", "140000.00"),
        }
        assert carried(GROWN)["F-1"] == ("0.00", "40000.00")
        assert carried(GROWN)["F-4"] == ("100000.00", "40000.00")

    def test_carries_together_with_the_others_what_the_total_has_beside_the_budget(self) -> None:
        story: Story = [*GROWN, (PRODUCER, overage("30000", funding="F-1"))]

        assert sum(source.carries for source in shown(story).sources) == Decimal(130000)
        assert shown(story).total == Decimal(460000 + 130000)

    def test_has_nothing_free_before_a_budget_is_in_force(self) -> None:
        assert {free for _, free in carried(FUNDED).values()} == {None}
        assert None not in {free for _, free in carried(APPROVED).values()}

    @pytest.mark.parametrize(
        "story",
        [
            FREE,
            GROWN,
            adopted(LOCKED, policy()),
            [*GROWN, (MAYA, equity(inr("300000"), party="Lotus Two", holder=FINANCIER))],
            [*GROWN, (MAYA, AmendFunding(funding="F-4", amount=inr("90000"), reason="Less."))],
            [*FREE, (MAYA, equity(inr("50000"), party="Bank", kind=FundingKind.DEBT, lent_against="F-4"))],
            [*FREE, (MAYA, equity(inr("50000"), party="Crew", kind=FundingKind.DEFERMENT, lent_against="F-4"))],
        ],
        ids=["covered", "grown", "short", "with more", "with less", "lent against", "deferred against"],
    )
    def test_has_free_what_the_next_overage_may_be(self, story: Story) -> None:
        for source in shown(story).sources:
            assert source.free is not None
            if source.free:
                assert given(story).when(PRODUCER, overage(str(source.free), funding=source.funding)).refusal is None
            refused = given(story).when(PRODUCER, overage(str(source.free + 1), funding=source.funding)).refusal
            assert refused is not None
            assert getattr(refused, "free", inr("0")).amount == source.free
