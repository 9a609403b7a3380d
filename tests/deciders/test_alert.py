"""Alerts: raised with the entry that reaches a percentage, cleared with the fact that takes it below."""

from dataclasses import replace

from events import AnyEvent
from events.spend import AlertScope, SpendAlert
from service.deciders.policy import AdoptApprovalPolicy
from tests.deciders.rounds import COVERED, adopted, draw, overage, policy, says
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    EDITING,
    LINE_PRODUCER,
    MAYA,
    NOOR,
    PRODUCER,
    TWO_HATS,
    inr,
    reverse,
    spend,
)
from tests.spec import Story, given, play

WATCHED = adopted(COVERED, replace(policy(), alerts_at=(80, 90, 100)))


def spent(*amounts: str, on: str = ART) -> Story:
    story = WATCHED
    for number, amount in enumerate(amounts, 1):
        story = [*story, (LINE_PRODUCER, spend(on, amount, f"KS-{number}"))]
    return story


def alerts(facts: tuple[AnyEvent, ...], scope: AlertScope = AlertScope.ACCOUNT) -> list[int]:
    return [fact.percent for fact in facts if isinstance(fact, SpendAlert) and fact.scope is scope]


def cleared(facts: tuple[AnyEvent, ...]) -> tuple[str, ...]:
    return next(fact.clears for fact in facts if hasattr(fact, "clears"))


class TestAlerts:
    def test_are_raised_by_the_entry_that_reaches_the_percentage(self) -> None:
        assert alerts(given(WATCHED).when(LINE_PRODUCER, spend(ART, "159999.99")).facts) == []
        facts = given(spent("159999.99")).when(LINE_PRODUCER, spend(ART, "0.01", "KS-9")).facts
        assert facts[-2:] == (
            SpendAlert("FLAG-1", AlertScope.ACCOUNT, ART, 80, "v1", inr("200000"), inr("160000")),
            SpendAlert("FLAG-2", AlertScope.LEVEL, "production", 80, "v1", inr("200000"), inr("160000")),
        )

    def test_are_raised_once(self) -> None:
        assert alerts(given(spent("160000")).when(LINE_PRODUCER, spend(ART, "1", "KS-9")).facts) == []

    def test_come_all_at_once_when_one_entry_reaches_them_all(self) -> None:
        assert alerts(given(WATCHED).when(LINE_PRODUCER, spend(ART, "200000")).facts) == [80, 90, 100]

    def test_are_of_the_whole_budget_too(self) -> None:
        facts = given(spent("320000")).when(LINE_PRODUCER, spend(EDITING, "48000", "KS-9")).facts
        assert alerts(facts, AlertScope.TOTAL) == [80]

    def test_are_cleared_by_a_reversal_and_may_be_raised_again(self) -> None:
        story = spent("160000")
        facts = given(story).when(ACCOUNTANT, reverse("S-000001")).facts
        assert cleared(facts) == ("FLAG-1", "FLAG-2")
        again: Story = [*story, (ACCOUNTANT, reverse("S-000001"))]
        assert alerts(given(again).when(LINE_PRODUCER, spend(ART, "160000", "KS-9")).facts) == [80]

    def test_are_cleared_by_a_draw_and_an_overage(self) -> None:
        story = spent("160000")
        assert cleared(given(story).when(PRODUCER, draw("1")).facts) == ("FLAG-1", "FLAG-2")
        assert cleared(given(story).when(PRODUCER, overage("1")).facts) == ("FLAG-1", "FLAG-2")

    def test_at_a_percentage_that_a_new_policy_does_not_name_are_no_hindrance(self) -> None:
        story: Story = [*spent("160000"), (MAYA, AdoptApprovalPolicy(terms=replace(policy(), alerts_at=(90,))))]
        story = says(says(story, NOOR, "A-3"), TWO_HATS, "A-3")
        assert alerts(given(story).when(LINE_PRODUCER, spend(ART, "20000", "KS-9")).facts) == [90]
        facts = given(story).when(ACCOUNTANT, reverse("S-000001")).facts
        assert cleared(facts) == ("FLAG-1", "FLAG-2")

    def test_come_after_a_new_policy_names_them(self) -> None:
        story: Story = [*spent("170000"), (MAYA, AdoptApprovalPolicy(terms=replace(policy(), alerts_at=(85,))))]
        story = says(says(story, NOOR, "A-3"), TWO_HATS, "A-3")
        assert alerts(given(story).when(LINE_PRODUCER, spend(EDITING, "1", "KS-9")).facts) == [85]
        assert play(story).production is not None
