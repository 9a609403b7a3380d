"""Changes to the locked budget: what they move, what carries them, and what they clear."""

from decimal import Decimal

from events.change import BudgetTransferred, ContingencyDrawn, OverageApproved
from events.money import Money
from service.deciders.approval import CannotTakeEffect
from service.deciders.budget import Budget
from service.deciders.change import ContingencyIsExhausted, OverageIsNotCarried
from tests.deciders.rounds import COVERED, SPENT_AND_COVERED, adopted, draw, last, overage, policy, says, transfer
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    CONTINGENCY,
    EDITING,
    FINANCIER,
    LINE_PRODUCER,
    MAYA,
    NOOR,
    PRODUCER,
    STORY,
    equity,
    inr,
    spend,
)
from tests.spec import Story, given, play

#: Changes take effect at once.
FREE = adopted(COVERED, policy())


def force(story: Story) -> Budget:
    production = play(story).production
    assert production is not None
    assert production.budgets.force is not None
    return production.budgets.force


def whole(story: Story) -> Decimal:
    """All that is budgeted on accounts and contingency."""
    budget = force(story)
    return sum((*budget.amounts.values(), *budget.contingency.values()), Decimal(0))


class TestOverage:
    def test_raises_the_total_budget_beside_the_locked_one(self) -> None:
        _, approved = given(FREE).when(PRODUCER, overage("40000")).facts
        assert approved == OverageApproved("O-1", "v1", ART, inr("40000"), "F-4", inr("500000"), ())
        grown: Story = [*FREE, (PRODUCER, overage("40000"))]
        assert (force(grown).total, force(grown).total_budget) == (inr("460000"), inr("500000"))
        assert force(grown).amounts[ART] == Decimal("240000")

    def test_is_carried_by_what_an_earlier_one_left(self) -> None:
        grown: Story = [*FREE, (PRODUCER, overage("100000"))]
        given(grown).when(PRODUCER, overage("40000.01")).then_refused(
            OverageIsNotCarried(inr("40000.01"), inr("0.01"), inr("40000"), "F-4")
        )
        assert given(grown).when(PRODUCER, overage("40000")).facts[-1].total_budget == inr("600000")

    def test_is_carried_by_no_more_than_its_source_is(self) -> None:
        more: Story = [*FREE, (MAYA, equity(inr("300000"), party="Lotus Two", holder=FINANCIER))]
        given(more).when(PRODUCER, overage("200000.01")).then_refused(
            OverageIsNotCarried(inr("200000.01"), inr("0.01"), inr("200000"), "F-4")
        )

    def test_waits_for_its_round_and_is_decided_on_what_is_free_then(self) -> None:
        story: Story = [*COVERED, (PRODUCER, overage("100000")), (PRODUCER, overage("50000", EDITING))]
        story = says(story, NOOR, "A-2")
        given(story).when(NOOR, last(story, "A-3")).then_refused(
            CannotTakeEffect(
                EDITING,
                "An overage of INR 50,000.00 is INR 10,000.00 beyond what is free: INR 40,000.00 of F-4",
            )
        )

    def test_clears_the_flag_of_an_account_that_it_covers(self) -> None:
        over: Story = [*FREE, (LINE_PRODUCER, spend(ART, "230000", "KS-1"))]
        assert given(over).when(PRODUCER, overage("29999.99")).facts[-1].clears == ()
        assert given(over).when(PRODUCER, overage("30000")).facts[-1].clears == ("FLAG-1",)


class TestTransfer:
    def test_moves_budget_and_keeps_the_total(self) -> None:
        _, moved = given(FREE).when(LINE_PRODUCER, transfer("60000")).facts
        assert moved == BudgetTransferred("T-1", "v1", STORY, ART, inr("60000"), ())
        after: Story = [*FREE, (LINE_PRODUCER, transfer("60000"))]
        assert (force(after).amounts[STORY], force(after).amounts[ART]) == (Decimal("40000"), Decimal("260000"))
        assert (whole(after), force(after).total_budget) == (whole(FREE), force(FREE).total_budget)

    def test_leaves_as_much_as_is_spent_and_no_more(self) -> None:
        story = adopted(SPENT_AND_COVERED, policy())
        assert given(story).when(PRODUCER, transfer("120000", ART, EDITING)).refusal is None
        assert given(story).when(PRODUCER, transfer("120000.01", ART, EDITING)).refusal is not None

    def test_clears_the_flag_of_an_account_that_it_covers(self) -> None:
        over: Story = [*FREE, (LINE_PRODUCER, spend(ART, "230000", "KS-1"))]
        assert given(over).when(PRODUCER, transfer("30000")).facts[-1].clears == ("FLAG-1",)

    def test_of_what_an_overspent_account_has_not_is_refused(self) -> None:
        over: Story = [*FREE, (LINE_PRODUCER, spend(ART, "230000", "KS-1"))]
        assert given(over).when(PRODUCER, transfer("0.01", ART, EDITING)).refusal is not None


class TestDraw:
    def test_moves_contingency_and_keeps_the_total(self) -> None:
        _, drawn = given(FREE).when(PRODUCER, draw("15000")).facts
        assert drawn == ContingencyDrawn("C-1", "v1", CONTINGENCY, ART, inr("15000"), inr("23000"), ())
        after: Story = [*FREE, (PRODUCER, draw("15000"))]
        assert force(after).contingency[CONTINGENCY] == Decimal("23000")
        assert (whole(after), force(after).total_budget) == (whole(FREE), force(FREE).total_budget)

    def test_takes_the_last_of_it_and_no_more(self) -> None:
        drawn: Story = [*FREE, (PRODUCER, draw("38000"))]
        given(drawn).when(PRODUCER, draw("0.01")).then_refused(
            ContingencyIsExhausted(inr("0.01"), inr("0.01"), Money(Decimal("0.00"), "INR"))
        )

    def test_clears_the_flag_of_an_account_that_it_covers(self) -> None:
        over: Story = [*FREE, (ACCOUNTANT, spend(ART, "215000", "KS-1"))]
        assert given(over).when(PRODUCER, draw("15000")).facts[-1].clears == ("FLAG-1",)
