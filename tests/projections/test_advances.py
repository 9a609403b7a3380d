"""What the view of floats and deposits says, and that its parts always add up."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given

from events.advance import AdvanceEvent, AdvancePaid, AdvanceReturned, AdvanceState
from events.ids import PersonId
from projections import advances, audit_trail, flags
from projections.advances import AdvancesView, Wanted
from projections.audit_trail import TrailRow
from projections.flags import FlagRow, figures_of
from projections.projection import Rows
from tests.deciders.advances import DEPOSIT, FLOAT, FLOATED, close_short, give_back, pay, receipt_of
from tests.deciders.stories import ACCOUNTANT, DIRECTOR, LINE_PRODUCER, TODAY, rate, reverse
from tests.projections.desk import STREAM, bounded, folded, folded_of
from tests.projections.test_replay import histories, played
from tests.spec import Story

EVERY = Wanted()
#: A float that is partly accounted for, one in dollars, and a deposit that came back.
OUT: Story = [
    *FLOATED,
    (LINE_PRODUCER, receipt_of("12000")),
    (ACCOUNTANT, pay("100", currency="USD", rate=rate("USD", "INR", "84"), due_on=TODAY)),
    (ACCOUNTANT, pay("50000", vendor="kala-sets")),
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
        (open_,) = shown(folded(advances.PROJECTION, [*beyond, (ACCOUNTANT, reverse("S-000001"))])).advances
        assert (open_.accounted, open_.owed, open_.open) == (Decimal("0.00"), Decimal("0.00"), Decimal("20000.00"))


class TestAShortFloat:
    SHORT: Story = [*FLOATED, (ACCOUNTANT, close_short())]

    def test_is_an_exception(self) -> None:
        trail = folded(audit_trail.PROJECTION, self.SHORT).of(TrailRow, STREAM)
        assert [row.kind for row in trail if row.is_exception][-1] == "FloatShort"

    def test_is_flagged_for_those_alone_who_read_everything(self) -> None:
        flagged = folded(flags.PROJECTION, self.SHORT).of(FlagRow, STREAM)[-1]
        assert (flagged.kind, figures_of(flagged)) == ("FloatShort", None)
