"""Periods: who posts where, what closing proves, and who reopens."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from events.ids import PersonId
from events.period import (
    Balance,
    PeriodClosed,
    PeriodOpened,
    PeriodReopened,
    PeriodSoftClosed,
    PeriodState,
    ReopeningProposed,
    ReopeningWithdrawn,
)
from events.production import Stage
from events.spend import SpendLogged, SpendRecoded, SpendReversed
from events.team import Role
from service.deciders.authority import NothingDelegated
from service.deciders.command import Command
from service.deciders.period import (
    AnotherPersonConfirms,
    BalancesDiffer,
    Difference,
    PeriodIsClosed,
    PeriodsCloseInOrder,
)
from service.deciders.refusal import Refusal
from service.deciders.stage import EnterStage
from service.deciders.team import EndAppointment
from tests.deciders.made_up import bounded
from tests.deciders.periods import (
    BOTH_CLOSED,
    DAY,
    IN_A_PERIOD,
    PERIOD_CLOSED,
    PROPOSED,
    REOPENED,
    SECOND,
    SOFT_CLOSED,
    WEEK,
    closes,
    opens,
    posted,
    reopens,
    soft_closes,
    takes_back,
)
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    EDITING,
    HOLDER,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    PRODUCER,
    SPENT,
    TODAY,
    inr,
    recode,
    reverse,
    spend,
)
from tests.spec import Story, World, given, play

FIRST = TODAY - WEEK + DAY


class TestOpenPeriod:
    def test_names_the_first_days_and_follows_on(self) -> None:
        given(LOCKED).when(ACCOUNTANT, opens(TODAY, FIRST)).then(PeriodOpened("PER-1", FIRST, TODAY))
        second = PeriodOpened("PER-2", TODAY + DAY, TODAY + DAY)
        given(IN_A_PERIOD).when(ACCOUNTANT, opens(TODAY + DAY)).then(second)
        given(IN_A_PERIOD).when(ACCOUNTANT, opens(TODAY + DAY, TODAY + DAY)).then(second)


class TestSoftClosePeriod:
    def test_leaves_it_to_those_who_close(self) -> None:
        given(IN_A_PERIOD).when(ACCOUNTANT, soft_closes()).then(PeriodSoftClosed("PER-1"))
        given(SOFT_CLOSED).when(ACCOUNTANT, soft_closes()).then_nothing()

        assert given(SOFT_CLOSED).when(*posted(TODAY, who=ACCOUNTANT)).facts
        assert given(SOFT_CLOSED).when(*posted(TODAY + DAY)).facts
        assert given(SOFT_CLOSED).when(*posted(FIRST - DAY)).facts

    def test_is_gone_with_a_reopening(self) -> None:
        story: Story = [*SOFT_CLOSED, (ACCOUNTANT, closes()), (ACCOUNTANT, reopens()), (MAYA, reopens())]

        assert given(story).when(*posted(TODAY)).facts


class TestClosePeriod:
    def test_keeps_what_was_stated(self) -> None:
        story: Story = [*IN_A_PERIOD, posted(TODAY), posted(FIRST - WEEK, EDITING, "50"), posted(TODAY + DAY)]
        balances = (Balance(None, inr("150")), Balance(ART, inr("100")), Balance("9999", inr("0")))

        closing = closes(1, "150", at_2200="100", at_9999="0")
        given(story).when(ACCOUNTANT, closing).then(PeriodClosed("PER-1", TODAY, balances, None))

    def test_counts_reversals_and_recodings_on_their_own_days(self) -> None:
        moved = recode("S-000001", EDITING).model_copy(update={"posted_on": TODAY + DAY})
        back = reverse("S-000001").model_copy(update={"posted_on": TODAY + 8 * DAY})
        story: Story = [*IN_A_PERIOD, posted(TODAY), (ACCOUNTANT, moved), (ACCOUNTANT, back)]
        story = [*story, (ACCOUNTANT, closes(1, "100", at_2200="100", at_5000="0")), (ACCOUNTANT, opens(TODAY + WEEK))]
        story = [*story, (ACCOUNTANT, closes(2, "100", at_2200="0", at_5000="100"))]
        story = [*story, (ACCOUNTANT, opens(TODAY + 2 * WEEK))]

        assert given(story).when(ACCOUNTANT, closes(3, "0", at_5000="0")).facts
        wrong = Difference(EDITING, inr("100"), inr("0"), inr("-100"))
        refused = BalancesDiffer("PER-3", TODAY + 2 * WEEK, (wrong,))
        given(story).when(ACCOUNTANT, closes(3, "0", at_5000="100")).then_refused(refused)

    def test_closes_the_days_before_the_first_period_with_it(self) -> None:
        early = FIRST - WEEK

        assert given(IN_A_PERIOD).when(*posted(early)).facts
        given(PERIOD_CLOSED).when(*posted(early)).then_refused(PeriodIsClosed(early, "PER-1", TODAY + DAY))

    def test_lets_nobody_post_and_sends_them_to_the_first_open_day(self) -> None:
        story: Story = [*BOTH_CLOSED, (ACCOUNTANT, opens(TODAY + 2 * WEEK)), (ACCOUNTANT, soft_closes(3))]
        for person, open_from in ((ACCOUNTANT, TODAY + 8 * DAY), (LINE_PRODUCER, TODAY + 15 * DAY)):
            refused = PeriodIsClosed(TODAY + DAY, "PER-2", open_from)
            given(story).when(*posted(TODAY + DAY, who=person)).then_refused(refused)

    def test_lets_a_late_reversal_go_into_the_open_period(self) -> None:
        story: Story = [*IN_A_PERIOD, posted(TODAY), (ACCOUNTANT, closes(1, "100"))]
        late = reverse("S-000001").model_copy(update={"posted_on": TODAY + DAY})

        given(story).when(ACCOUNTANT, reverse("S-000001")).then_refused(PeriodIsClosed(TODAY, "PER-1", TODAY + DAY))
        [reversal] = given(story).when(ACCOUNTANT, late).facts
        assert isinstance(reversal, SpendReversed)

    def test_goes_on_once_the_production_is_closed(self) -> None:
        story: Story = [*IN_A_PERIOD, (MAYA, EnterStage(stage=Stage.CLOSED))]

        assert given(story).when(ACCOUNTANT, closes()).facts
        assert given(story).when(ACCOUNTANT, opens(TODAY + WEEK)).facts


class TestReopenPeriod:
    def test_takes_two_persons(self) -> None:
        given(PERIOD_CLOSED).when(ACCOUNTANT, reopens()).then(ReopeningProposed("PER-1"))
        given(PROPOSED).when(PRODUCER, reopens()).then(PeriodReopened("PER-1", FIRST, (ACCOUNTANT,)))
        assert given(PROPOSED).when(HOLDER, reopens()).facts

        assert given(PROPOSED).when(*posted(TODAY)).refusal is not None
        assert given(REOPENED).when(*posted(TODAY)).facts
        assert given(REOPENED).when(*posted(FIRST - WEEK)).facts

    def test_is_proposed_anew_when_who_proposed_it_may_no_more(self) -> None:
        gone: Story = [*PROPOSED, (MAYA, EndAppointment(person=ACCOUNTANT, role=Role.ACCOUNTANT))]
        given(gone).when(PRODUCER, reopens()).then(ReopeningProposed("PER-1"))
        given([*gone, (PRODUCER, reopens())]).when(HOLDER, reopens()).then(PeriodReopened("PER-1", FIRST, (PRODUCER,)))

    def test_is_nothing_that_is_done_for_somebody_else(self) -> None:
        given(PROPOSED).when(f"{PRODUCER}/{MAYA}", reopens()).then_refused(
            NothingDelegated(PRODUCER, "ReopenPeriod", MAYA)
        )

    def test_waits_for_a_reopening_of_its_own_when_it_was_withdrawn(self) -> None:
        given(PROPOSED).when(PRODUCER, takes_back()).then(ReopeningWithdrawn("PER-1"))
        story: Story = [*PROPOSED, (ACCOUNTANT, takes_back())]
        given(story).when(PRODUCER, reopens()).then(ReopeningProposed("PER-1"))

    def test_lapses_when_a_later_period_is_closed(self) -> None:
        story: Story = [*SECOND, (ACCOUNTANT, reopens())]
        nothing = (Balance(None, inr("0")),)
        given(story).when(ACCOUNTANT, closes(2)).then(PeriodClosed("PER-2", TODAY + WEEK, nothing, "PER-1"))

        story = [*story, (ACCOUNTANT, closes(2)), (ACCOUNTANT, reopens(2)), (MAYA, reopens(2))]
        given(story).when(PRODUCER, reopens()).then(ReopeningProposed("PER-1"))

    def test_is_followed_by_a_closing_in_order_again(self) -> None:
        story: Story = [*BOTH_CLOSED, (ACCOUNTANT, reopens(2)), (MAYA, reopens(2))]
        story = [*story, (ACCOUNTANT, reopens(1)), (MAYA, reopens(1)), posted(TODAY)]

        given(story).when(ACCOUNTANT, closes(2)).then_refused(PeriodsCloseInOrder("PER-2", "PER-1"))
        assert given([*story, (ACCOUNTANT, closes(1, "100"))]).when(ACCOUNTANT, closes(2, "100")).facts

    @pytest.mark.parametrize("person", [ACCOUNTANT, PRODUCER, MAYA])
    def test_is_refused_to_whoever_proposed_it(self, person: PersonId) -> None:
        story: Story = [*PERIOD_CLOSED, (person, reopens())]
        given(story).when(person, reopens()).then_refused(AnotherPersonConfirms("PER-1", (person,)))


class TestAProductionWithoutPeriods:
    def test_takes_every_day(self) -> None:
        for on in (date(1999, 1, 1), date(2199, 1, 1)):
            assert given(SPENT).when(*posted(on)).facts


#: What happens, and two numbers that say to what and when.
acts = st.lists(st.tuples(st.sampled_from("llllrcoosCCCpp"), st.integers(0, 29), st.integers(0, 5)), max_size=40)


def _made_up(act: str, day: int, which: int, world: World) -> tuple[PersonId, Command]:
    on, spent = TODAY + timedelta(days=day), f"S-{which + 1:06}"
    assert world.production is not None
    periods, spending = world.production.periods, world.production.spending
    match act:
        case "l":
            return (LINE_PRODUCER, ACCOUNTANT)[which % 2], spend((ART, EDITING)[day % 2], str(day + 1), posted_on=on)
        case "r":
            return ACCOUNTANT, reverse(spent).model_copy(update={"posted_on": on})
        case "c":
            moved = recode(spent, (ART, EDITING)[which % 2])
            return LINE_PRODUCER, moved.model_copy(update={"posted_on": on})
        case "o":
            return ACCOUNTANT, opens(on, None if periods.known else TODAY)
        case "s":
            return ACCOUNTANT, soft_closes(which + 1)
        case "C":
            number = which + 1 if which % 2 else periods.closed + 1
            to = periods.known[number - 1].last_on if number <= len(periods.known) else TODAY
            return ACCOUNTANT, closes(number, str(sum(spending.to_date(to).values(), Decimal(0))))
        case _:
            return (ACCOUNTANT, PRODUCER, MAYA)[which % 3], reopens(max(periods.closed - which % 2, 1))


class TestWhateverPeopleSend:
    @bounded
    @generated(acts)
    def test_nothing_is_posted_to_what_is_closed_and_what_is_closed_comes_in_order(
        self, sent: list[tuple[str, int, int]]
    ) -> None:
        world = play(LOCKED)
        closed: list[str] = []
        last: dict[str, date] = {}
        for act, day, which in sent:
            person, command = _made_up(act, day, which, world)
            try:
                facts = world.decide(person, command)
            except Refusal:
                continue
            world = world.after(person, command, facts)
            for fact in facts:
                match fact:
                    case PeriodOpened(period, first_on, last_on):
                        assert first_on == max(last.values(), default=first_on - DAY) + DAY
                        last[period] = last_on
                    case PeriodClosed(period):
                        closed.append(period)
                        assert closed == [f"PER-{number}" for number in range(1, len(closed) + 1)]
                    case PeriodReopened(period):
                        assert closed.pop() == period
                    case SpendLogged(posted_on=on) | SpendReversed(posted_on=on) | SpendRecoded(posted_on=on):
                        assert not closed or on > last[closed[-1]]
                    case _:
                        pass
        assert world.production is not None
        periods = world.production.periods
        assert [each.state is PeriodState.CLOSED for each in periods.known[: len(closed)]] == [True] * len(closed)
        total = sum(world.production.spending.to_date(date.max).values(), Decimal(0))
        assert total == sum((each.spent for each in world.production.spending.accounts.values()), Decimal(0))
