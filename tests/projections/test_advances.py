"""What the view of floats and deposits says, and that its parts always add up."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from events.advance import AdvancePaid, AdvanceReturned, AdvanceReturnVoided, AdvanceState
from events.ids import PersonId
from projections import advances, audit_trail, flags
from projections.advances import AdvancesView, Wanted
from projections.audit_trail import TrailRow
from projections.flags import FlagRow, figures_of
from projections.projection import Rows
from service.deciders.command import Command
from tests.deciders.advances import DEPOSIT, FLOAT, FLOATED, close_short, give_back, pay_out, receipt_of
from tests.deciders.made_up import advanced, amount, attempted, entry, float_or_deposit, logged
from tests.deciders.paying import IN_DOLLARS, pay, void
from tests.deciders.stories import ACCOUNTANT, DIRECTOR, LINE_PRODUCER, TODAY, rate, reverse
from tests.handling.office import STREAM
from tests.projections.desk import folded, folded_of
from tests.spec import Story, World, play

EVERY = Wanted()
#: A float that is partly accounted for, one in dollars, and a deposit that came back.
OUT: Story = [
    *FLOATED,
    (LINE_PRODUCER, receipt_of("12000")),
    (ACCOUNTANT, pay_out("100", currency="USD", rate=rate("USD", "INR", "84"), due_on=TODAY)),
    (ACCOUNTANT, pay_out("50000", vendor="kala-sets")),
    (ACCOUNTANT, give_back("50000", DEPOSIT)),
]


def shown(rows: Rows, wanted: Wanted = EVERY, today: date = TODAY, only: PersonId | None = None) -> AdvancesView:
    def shows(holder: PersonId | None) -> bool:
        return only in (None, holder)

    return advances.view(rows, STREAM, 0, 0, today, wanted, {"kala-sets": "Kala Sets"}, shows, None)


def numbers(view: AdvancesView) -> list[str]:
    return [each.advance for each in view.advances]


class TestTheView:
    def test_says_what_became_of_each(self) -> None:
        view = shown(folded(advances.PROJECTION, OUT))
        of = {each.advance: each for each in view.advances}
        assert numbers(view) == [DEPOSIT, FLOAT, "FLOAT-0002"]
        assert (of[FLOAT].accounted, of[FLOAT].open) == (Decimal("12000.00"), Decimal("8000.00"))
        assert (of[DEPOSIT].state, of[DEPOSIT].vendor_name) == (AdvanceState.RETURNED, "Kala Sets")
        assert [each.spend for each in of[FLOAT].entries] == ["S-000001"]

    def test_sums_up_by_holder_and_currency(self) -> None:
        held = shown(folded(advances.PROJECTION, OUT)).holders
        told = [(each.person or each.vendor, each.currency, each.open) for each in held]
        assert told == [
            ("kala-sets", "INR", Decimal("0.00")),
            (DIRECTOR, "INR", Decimal("8000.00")),
            (DIRECTOR, "USD", Decimal("100.00")),
        ]

    def test_is_asked_for_by_kind_state_holder_and_what_is_overdue(self) -> None:
        rows, tomorrow = folded(advances.PROJECTION, OUT), TODAY + timedelta(days=1)
        assert numbers(shown(rows, Wanted(vendor="kala-sets"))) == [DEPOSIT]
        assert numbers(shown(rows, Wanted(state=AdvanceState.PARTLY_ACCOUNTED, person=DIRECTOR))) == [FLOAT]
        assert numbers(shown(rows, Wanted(overdue=True))) == []
        assert numbers(shown(rows, Wanted(overdue=True), tomorrow)) == ["FLOAT-0002"]

    def test_shows_a_holder_their_own_alone(self) -> None:
        assert numbers(shown(folded(advances.PROJECTION, OUT), only=DIRECTOR)) == [FLOAT, "FLOAT-0002"]

    def test_says_what_is_owed_until_the_entry_is_taken_back(self) -> None:
        beyond: Story = [*FLOATED, (LINE_PRODUCER, receipt_of("21000"))]
        (owing,) = shown(folded(advances.PROJECTION, beyond)).advances
        assert (owing.accounted, owing.owed, owing.open) == (Decimal("20000.00"), Decimal("1000.00"), Decimal("0.00"))
        (settled,) = shown(folded(advances.PROJECTION, [*beyond, (ACCOUNTANT, pay())])).advances
        assert (settled.owed, settled.entries[0].beyond) == (Decimal("0.00"), Decimal("1000.00"))
        (again,) = shown(folded(advances.PROJECTION, [*beyond, (ACCOUNTANT, pay()), (ACCOUNTANT, void())])).advances
        assert again.owed == Decimal("1000.00")
        (open_,) = shown(folded(advances.PROJECTION, [*beyond, (ACCOUNTANT, reverse("S-000001"))])).advances
        assert (open_.accounted, open_.owed, open_.open) == (Decimal("0.00"), Decimal("0.00"), Decimal("20000.00"))


SHORT: Story = [*FLOATED, (ACCOUNTANT, close_short())]


class TestWhatLeftTheBank:
    def test_far_from_what_was_booked_is_an_exception(self) -> None:
        """8,000 were booked."""
        for left, exceptional in (("8130.50", False), ("8800", False), ("8800.01", True), ("7199.99", True)):
            story: Story = [*IN_DOLLARS, (ACCOUNTANT, pay(amount=left))]
            trail = folded(audit_trail.PROJECTION, story).of(TrailRow, STREAM)
            assert [row.is_exception for row in trail if row.kind == "SpendPaid"] == [exceptional]


class TestAShortFloat:
    def test_is_an_exception(self) -> None:
        trail = folded(audit_trail.PROJECTION, SHORT).of(TrailRow, STREAM)
        assert [row.kind for row in trail if row.is_exception][-1] == "FloatShort"

    def test_is_flagged_for_those_alone_who_read_everything(self) -> None:
        flagged = folded(flags.PROJECTION, SHORT).of(FlagRow, STREAM)[-1]
        assert (flagged.kind, figures_of(flagged)) == ("FloatShort", None)


def happened(seed: int) -> list[World]:
    """The worlds of a production that pays advances, and does everything that may be done about them."""
    dice, world = Random(seed), play(FLOATED)
    worlds = [world]
    for _ in range(60):
        command: Command = dice.choice(
            [
                advanced(dice),
                logged(dice).model_copy(update={"advance": float_or_deposit(dice)}),
                receipt_of(amount(dice), advance=float_or_deposit(dice)),
                give_back(amount(dice), float_or_deposit(dice)),
                close_short(float_or_deposit(dice)),
                reverse(entry(dice)),
            ]
        )
        step = attempted(world, dice.choice([ACCOUNTANT, LINE_PRODUCER]), command)
        world = world.after(step.person, command, step.facts)
        worlds.append(world)
    return worlds


class TestWhateverHappened:
    @settings(max_examples=40, deadline=None)
    @for_all(st.integers(0, 2**32))
    def test_the_parts_of_each_add_up_and_are_what_decisions_are_made_on(self, seed: int) -> None:
        for world in happened(seed)[::6]:
            assert world.production is not None
            known = world.production.advances.known
            view = shown(folded_of(advances.PROJECTION, world))
            assert numbers(view) == sorted(known)
            for each in (*view.advances, *view.holders):
                assert each.advanced == each.accounted + each.returned + each.short + each.open
                assert each.open >= 0
            for each in view.advances:
                assert (each.state, each.open) == (known[each.advance].state, known[each.advance].left.amount)

    @settings(max_examples=40, deadline=None)
    @for_all(st.integers(0, 2**32))
    def test_paying_and_returning_moves_no_cost_and_nothing_of_what_is_available(self, seed: int) -> None:
        worlds = happened(seed)
        for before, after in pairwise(worlds):
            new = [fact for fact, _ in after.facts[len(before.facts) :]]
            if new and all(isinstance(fact, AdvancePaid | AdvanceReturned | AdvanceReturnVoided) for fact in new):
                assert before.production is not None
                assert after.production is not None
                assert after.production.spending == before.production.spending
                assert after.production.available == before.production.available
