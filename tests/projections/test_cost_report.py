"""The period variance of cost reports: a movement between two of them, whatever accounts come and go."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from events.budget import Level
from events.cost_report import AccountEfc, CostReportIssued, EtcBasis, VarianceSign
from events.ids import AccountCode
from events.money import Money
from projections.commitment_register import Taken
from projections.cost_report import (
    Before,
    CostReport,
    Costs,
    EstimateRow,
    IssuedRow,
    Posted,
    Terms,
    before,
    lines,
    view,
)
from projections.current_budget import Budgeted
from tests.deciders.made_up import bounded
from tests.events.examples import BY_NAME

STREAM, MONDAY = "acme/the-long-take", date(2026, 11, 2)
AT = datetime(2026, 11, 2, tzinfo=UTC)

amounts = st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents).scaleb(-2))
codes = st.sampled_from(["1100", "2200", "2300", "5000", "8000", "9999", "B 04"])
sums = st.dictionaries(codes, amounts)


def report(
    budget: dict[AccountCode, Decimal],
    spent: dict[AccountCode, Decimal],
    held: dict[AccountCode, Decimal],
    entered: dict[AccountCode, Decimal],
    compared: Before | None = None,
) -> CostReport:
    nothing = Decimal("0.00")
    levels = [*Level, None]
    budgeted = [
        Budgeted(code, code, levels[place % len(levels)], amount, nothing, nothing)
        for place, (code, amount) in enumerate(sorted(budget.items()))
    ]
    actual = {code: Posted(amount, amount, nothing) for code, amount in spent.items()}
    taken = {code: Taken(amount, nothing, nothing) for code, amount in held.items()}
    estimates = {code: EstimateRow(STREAM, 1, code, amount, "lena", None, AT, None) for code, amount in entered.items()}
    costs = Costs(actual, taken, estimates, {}, compared)
    return view(STREAM, 1, 1, "INR", "v1" if budget else None, budgeted, costs, Terms())


def issued(version: int, posted_to: date, efc: dict[AccountCode, Decimal]) -> IssuedRow:
    fact = BY_NAME["CostReportIssued"]
    assert isinstance(fact, CostReportIssued)
    then = tuple(AccountEfc(code, Money(amount, "INR")) for code, amount in efc.items())
    how = (EtcBasis.ORDERS_OUTSIDE, VarianceSign.OVER, fact.content_hash, fact.forms, then)
    of = (f"CR-{version}", version - 1, None, None, posted_to)
    return IssuedRow(STREAM, version, *of, *how, None, None, "lena", None, AT, None)


class TestPeriodVariance:
    @bounded
    @given(st.tuples(sums, sums, sums, sums), st.tuples(sums, sums, sums, sums))
    def test_is_the_movement_of_every_account_every_level_and_the_whole(
        self, then: tuple[dict[str, Decimal], ...], now: tuple[dict[str, Decimal], ...]
    ) -> None:
        first = report(*then)  # type: ignore[arg-type]
        efc = {each.code: each.efc for each in lines(first)}

        second = report(*now, Before("CR-1", efc))  # type: ignore[arg-type]

        shown = {each.code: each for each in lines(second)}
        assert efc.keys() <= shown.keys()
        for code, each in shown.items():
            assert each.period_variance == each.efc - efc.get(code, Decimal(0))
        for level in second.levels:
            assert level.period_variance == sum(each.period_variance or Decimal(0) for each in level.accounts)
        assert second.total.period_variance == second.total.efc - first.total.efc

    def test_is_none_where_nothing_was_issued_before(self) -> None:
        first = report({"2200": Decimal("5.00")}, {}, {}, {})

        assert [each.period_variance for each in (*lines(first), *first.levels, first.total)] == [None] * 6


class TestWhatIsComparedWith:
    @bounded
    @given(st.lists(st.integers(0, 9), max_size=8), st.integers(0, 10))
    def test_is_what_was_issued_last_for_the_last_days_that_ended_earlier(self, weeks: list[int], week: int) -> None:
        rows = [issued(place, MONDAY + timedelta(weeks=each), {}) for place, each in enumerate(weeks, 1)]

        found = before(rows, MONDAY + timedelta(weeks=week))

        earlier = [each for each in weeks if each < week]
        if not earlier:
            assert found is None
            return
        [last] = [place for place, each in enumerate(weeks, 1) if each == max(earlier)][-1:]
        assert found is not None
        assert found.report == f"CR-{last}"
