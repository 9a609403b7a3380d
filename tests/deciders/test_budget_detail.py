"""What stands behind accounts: lines, globals, fringes, sub-budgets; charges that compound, and capped credits."""

import csv
import re
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as given_examples
from hypothesis import settings
from hypothesis import strategies as st

from events.budget import (
    AccountLine,
    BudgetDrafted,
    ChargeKind,
    DifferenceWaived,
    FringeAmount,
    Held,
    LabelDisagrees,
    Level,
    TotalDisagrees,
    VarianceAccepted,
)
from events.money import ExchangeRate
from events.policy import RequestKind, Rule, When
from service.deciders.budget import BudgetIsUnreconciled, SetBudget, UnlockBudget, WaiveDifference
from service.deciders.budget_content import Base, BudgetCharge, BudgetCredit
from service.deciders.budget_detail import BudgetAccount, BudgetFringe, BudgetGlobal, BudgetLine, BudgetPart
from service.deciders.budget_variant import reckoned, said_again, varied
from service.deciders.submission import SubmitBudget
from tests.deciders.rounds import EPS, transfer
from tests.deciders.stories import (
    ART,
    BOND,
    FUNDED,
    LINE_PRODUCER,
    NOOR,
    OVERHEAD,
    PRODUCER,
    account,
    budget,
    detailed,
    held,
    inr,
    line,
    locked,
)
from tests.deciders.test_policy import TRANSFERS, chosen, ruled
from tests.forms import either
from tests.spec import Story, given

DATA = Path(__file__).parent.parent / "data"

DOLLARS = ExchangeRate("USD", "INR", Decimal("83.25"))
FUND = BudgetFringe(code="19", name="Provident fund", percent=Decimal("12.5"))
CAPPED_FUND = BudgetFringe(code="19", name="Provident fund", percent=Decimal("12.5"), cut_off=Decimal(1000))


#: Played once: a world does not change.
BEFORE = given(FUNDED)


def drafted(version: SetBudget) -> BudgetDrafted:
    fact = BEFORE.when(LINE_PRODUCER, version).facts[0]
    assert isinstance(fact, BudgetDrafted)
    return fact


def art(*lines: BudgetLine, **parts: Any) -> AccountLine:
    """The account as it is kept with these lines."""
    return next(each for each in drafted(detailed(*lines, **parts)).accounts if each.code == ART)


class TestStatedFigures:
    """Art is 10.00 in two lines; the other accounts have none."""

    def of(self, tolerance: str, **stated: str) -> list[tuple[str, str, str]]:
        """What was stated and does not add: the fact, of what, and the difference."""
        figures = {name.replace("a_", ""): Decimal(amount) for name, amount in stated.items()}
        version = detailed(line("5"), line("5"), stated=figures, tolerance=Decimal(tolerance))
        facts = BEFORE.when(LINE_PRODUCER, version).facts[1:]
        found = [fact for fact in facts if isinstance(fact, TotalDisagrees | VarianceAccepted)]
        assert [*facts] == found
        return [(type(fact).__name__, fact.total, str(fact.difference.amount)) for fact in found]

    def test_are_accepted_within_the_tolerance_for_every_level_that_is_summed(self) -> None:
        accepted = self.of("1", a_2200="11", production="12", grand_total="234014.30")
        assert accepted == [
            ("VarianceAccepted", "2200", "1.00"),
            ("VarianceAccepted", "production", "2.00"),
            ("VarianceAccepted", "grand_total", "3.00"),
        ]

    def test_are_flagged_beyond_it(self) -> None:
        flagged = self.of("1", a_2200="8.99", production="12.01", grand_total="234014.31")
        assert flagged == [
            ("TotalDisagrees", "2200", "-1.01"),
            ("TotalDisagrees", "production", "2.01"),
            ("TotalDisagrees", "grand_total", "3.01"),
        ]

    def test_are_exact_where_nothing_is_summed_and_unless_a_tolerance_is_stated(self) -> None:
        assert self.of("1", a_1100="100000.01") == [("TotalDisagrees", "1100", "0.01")]
        assert self.of("0", a_2200="10.01") == [("TotalDisagrees", "2200", "0.01")]
        assert self.of("0", a_2200="10", a_1100="100000") == []

    def test_that_are_accepted_keep_nobody_from_submitting(self) -> None:
        for tolerance, refused in ((Decimal(1), False), (Decimal(0), True)):
            version = detailed(line("5"), stated={"2200": Decimal(6)}, tolerance=tolerance)
            answer = given([*FUNDED, (LINE_PRODUCER, version)]).when(PRODUCER, SubmitBudget(budget="v1"))
            assert isinstance(answer.refusal, BudgetIsUnreconciled) == refused

    def test_of_an_account_are_waived_by_its_code(self) -> None:
        story: Story = [*FUNDED, (LINE_PRODUCER, detailed(line("5"), stated={"2200": Decimal(6)}))]
        waive = WaiveDifference(budget="v1", total="2200", reason="A slip of the old tool.")
        given(story).when(PRODUCER, waive).then(DifferenceWaived("v1", "2200", inr("1"), ("FLAG-1",)))


class TestALine:
    def test_is_amount_by_units_by_multiplier_by_rate(self) -> None:
        kept = art(line("500", amount="4", units="2.5", multiplier="2", unit="days"))
        assert (kept.lines[0].total, kept.amount) == (Decimal("10000.00"), Decimal("10000.00"))

    def test_is_rounded_once_half_up(self) -> None:
        kept = art(line("0.01", amount="0.5"), line("0.0049"), line("33.335", multiplier="1"))
        assert [each.total for each in kept.lines] == [Decimal("0.01"), Decimal("0.00"), Decimal("33.34")]
        assert kept.amount == Decimal("33.35")

    def test_takes_a_global_by_its_name_and_says_so(self) -> None:
        days = BudgetGlobal(name="SHOOT_DAYS", value=Decimal(24))
        kept = art(line("100", units="SHOOT_DAYS", amount="2"), globals=(days,))
        assert (kept.lines[0].units, kept.lines[0].globals) == (Decimal(24), {"units": "SHOOT_DAYS"})
        assert kept.amount == Decimal("4800.00")

    def test_in_another_currency_is_converted_before_it_is_rounded(self) -> None:
        kept = art(line("0.333", currency="USD", amount="3"), rates=(DOLLARS,))
        assert kept.lines[0].total == Decimal("83.17")  # 0.999 at 83.25 is 83.16675

    def test_of_a_sub_budget_counts_as_often_as_that_is_made(self) -> None:
        episodes = BudgetGlobal(name="EPISODES", value=Decimal(8))
        parts = (BudgetPart(name="amortised"), BudgetPart(name="pattern", times="EPISODES"))
        lines = (line("1000", sub_budget="amortised"), line("50.55", sub_budget="pattern"), line("7"))
        kept = art(*lines, globals=(episodes,), sub_budgets=parts)
        assert [each.total for each in kept.lines] == [Decimal(1000), Decimal("50.55"), Decimal(7)]
        assert kept.amount == Decimal("1411.40")

    def test_changes_what_is_approved_though_the_sum_stays(self) -> None:
        one, other = detailed(line("5", amount="2")), detailed(line("10"))
        assert drafted(one).totals == drafted(other).totals
        assert drafted(one).content_hash != drafted(other).content_hash


class TestAFringe:
    def test_is_a_percentage_of_the_pay_of_its_lines(self) -> None:
        kept = art(line("4000", fringes=("19",)), line("3000"), fringes=(FUND,))
        assert kept.fringes == (FringeAmount("19", Decimal("4000.00"), Decimal("500.00")),)
        assert kept.amount == Decimal("7500.00")

    def test_is_rounded_once_for_an_account(self) -> None:
        kept = art(*(line("0.01", fringes=("19",)) for _ in range(4)), fringes=(FUND,))
        assert kept.fringes[0].amount == Decimal("0.01")  # of 0.04 at once, not four times of 0.01

    def test_stops_at_the_cut_off_of_each_person_over_all_accounts(self) -> None:
        def paid(code: str, *lines: BudgetLine) -> BudgetAccount:
            return BudgetAccount(code=code, name=code, level=Level.PRODUCTION, lines=lines)

        accounts = (
            paid("2000", line("800", person="gaffer", fringes=("19",)), line("700", fringes=("19",))),
            paid("3000", line("800", person="gaffer", fringes=("19",)), line("900", person="grip", fringes=("19",))),
            paid("4000", line("50", person="gaffer", fringes=("19",)), line("700", fringes=("19",))),
        )
        kept = drafted(budget(accounts=accounts, charges=(), credits=(), fringes=(CAPPED_FUND,))).accounts
        assert [each.fringes[0].base for each in kept] == [Decimal(1500), Decimal(1100), Decimal(700)]

    def test_counts_the_pay_of_all_makings_towards_a_cut_off(self) -> None:
        parts = (BudgetPart(name="pattern", times="8"),)
        kept = art(line("300", sub_budget="pattern", fringes=("19",)), sub_budgets=parts, fringes=(CAPPED_FUND,))
        assert (kept.fringes[0].base, kept.amount) == (Decimal(1000), Decimal("2525.00"))

    def test_may_be_an_amount_for_every_unit(self) -> None:
        dues = BudgetFringe(code="20", name="Dues", flat=Decimal("2.50"))
        kept = art(line("100", amount="2", units="5", fringes=("20",)), fringes=(dues,))
        assert kept.fringes == (FringeAmount("20", None, Decimal("25.00")),)


class TestACharge:
    def charge(self, code: str, percent: str, base: Base) -> BudgetCharge:
        return BudgetCharge(code=code, name=code, kind=ChargeKind.FEE, percent=Decimal(percent), base=base)

    def test_compounds_on_the_charges_above_that_it_names(self) -> None:
        levels = tuple(Level)
        charges = (
            self.charge("8100", "10", Base(levels=levels)),
            self.charge("8200", "10", Base(levels=levels)),
            self.charge("8300", "10", Base(levels=levels, accounts=("8100",))),
        )
        assert [each.amount for each in drafted(budget(charges=charges)).charges] == [40_000, 40_000, 44_000]


class TestACredit:
    def test_is_a_percentage_of_what_qualifies_up_to_its_cap(self) -> None:
        terms: dict[str, Any] = {"code": "9000", "name": "Rebate", "percent": Decimal(30)}
        terms |= {"base": Base(levels=(Level.PRODUCTION,)), "qualified": Decimal("62.5")}
        free, capped = (BudgetCredit(**terms, cap=cap) for cap in (None, Decimal(30_000)))
        assert drafted(budget(credits=(free,))).credits[0].amount == Decimal("37500.00")
        assert drafted(budget(credits=(capped,))).totals.credits == Decimal("30000.00")

    def test_is_kept_as_stated_and_flagged_when_its_label_comes_to_something_else(self) -> None:
        credit = BudgetCredit(
            code="9000", name="Rebate", percent=Decimal(10), base=Base(accounts=(ART,)), amount=Decimal(25_000)
        )
        fact, flag = given(FUNDED).when(LINE_PRODUCER, budget(credits=(credit,))).facts
        assert isinstance(fact, BudgetDrafted)
        assert isinstance(flag, LabelDisagrees)
        assert (fact.totals.credits, flag.expected, flag.implied_percent) == (25_000, inr("20000.00"), Decimal("12.5"))


class TestAHeldAccount:
    @pytest.mark.parametrize(("at", "rule"), [(Held.CAPPED, "Capped"), (None, None)])
    def test_that_is_capped_grows_by_the_rule_for_those(self, at: Held | None, rule: str | None) -> None:
        terms = ruled(Rule("Capped", When(TRANSFERS.kinds, capped=True), (EPS,)))
        story = locked(budget() if at is None else held(art=at))
        assert chosen(terms, PRODUCER, transfer("100", reached=ART), story) == rule

    def test_is_asked_about_under_that_rule_when_a_version_frees_it(self) -> None:
        terms = ruled(Rule("Capped", When((RequestKind.BUDGET,), capped=True), (EPS,)))
        story = [*locked(held(art=Held.CAPPED)), (NOOR, UnlockBudget(budget="v1", reason="It grows."))]
        story = [*story, (LINE_PRODUCER, budget("210000"))]
        assert chosen(terms, PRODUCER, SubmitBudget(budget="v2"), story) == "Capped"


_ALL = Base(levels=tuple(Level))
#: Of a base, of one without an account, compounding, labelled otherwise, flat.
CHARGES = (
    BudgetCharge(code="8000", name="Reserve", kind=ChargeKind.CONTINGENCY, percent=Decimal("7.50"), base=_ALL),
    BudgetCharge(
        code="8100",
        name="Bond",
        kind=ChargeKind.COMPLETION_BOND,
        percent=Decimal("3.0"),
        base=Base(levels=(Level.PRODUCTION,), accounts=("1100",)),
        amount=Decimal("17.10"),
    ),
    BudgetCharge(code="8200", name="Overhead", kind=ChargeKind.OVERHEAD, amount=Decimal("1000")),
    BudgetCharge(
        code="8300",
        name="Fee",
        kind=ChargeKind.FEE,
        percent=Decimal("0.0"),
        base=Base(levels=tuple(Level), less=("1100",)),
    ),
)
CREDITS = (
    BudgetCredit(
        code="9000",
        name="Rebate",
        percent=Decimal("30"),
        base=Base(levels=(Level.PRODUCTION,)),
        qualified=Decimal("70.50"),
        cap=Decimal("99.90"),
    ),
    BudgetCredit(code="9001", name="Grant", amount=Decimal("5.50")),
)


@st.composite
def budgets(draw: st.DrawFn) -> SetBudget:
    """Budgets with lines, fringes, cut-offs and sub-budgets behind some of their accounts."""
    number = st.integers(0, 10_000).map(lambda n: f"{Decimal(n) / 100:f}")
    lines = st.builds(
        line,
        st.integers(0, 10_000_000).map(lambda n: str(Decimal(n) / 1000)),
        amount=number,
        multiplier=st.sampled_from(["1", "2", "N"]),
        sub_budget=st.sampled_from([None, "pattern"]),
        person=st.sampled_from([None, "gaffer", "grip"]),
        fringes=st.lists(st.sampled_from(["19", "20"]), unique=True).map(tuple),
        currency=st.sampled_from([None, "USD"]),
        description=st.sampled_from(["Crew", "=1+1", "'-5", "Ünit; two", 'A "B"', "7.50"]),
        unit=st.sampled_from([None, "weeks", "2"]),
        groups=st.sampled_from([(), ("stunts",), ("stunts", "unit-2")]),
        location=st.sampled_from([None, "goa"]),
    )
    accounts = [
        account("1100", "Story", Level.ABOVE_THE_LINE, "1234.56"),
        *(
            BudgetAccount(
                code=str(code), name="Crew", level=Level.PRODUCTION, lines=tuple(draw(st.lists(lines, min_size=1)))
            )
            for code in range(2000, 2000 + draw(st.integers(0, 4)))
        ),
    ]
    return budget(
        accounts=tuple(accounts),
        charges=tuple(each for each in CHARGES if draw(st.booleans())),
        credits=CREDITS if draw(st.booleans()) else (),
        stated=draw(st.sampled_from([{}, {"1100": Decimal("1234.56"), "grand_total": Decimal("1.50")}])),
        tolerance=draw(st.sampled_from([Decimal(0), Decimal(1), Decimal("0.5")])),
        scenario=draw(st.sampled_from([None, "low"])),
        rates=(DOLLARS,),
        globals=(BudgetGlobal(name="N", value=Decimal("1.5")),),
        fringes=(CAPPED_FUND, BudgetFringe(code="20", name="Dues", flat=Decimal("0.33"))),
        sub_budgets=(BudgetPart(name="pattern", times="3"),),
    )


class TestEveryBudget:
    @settings(max_examples=either(short=60, long=600), deadline=None)
    @given_examples(budgets())
    def test_is_the_sum_of_its_printed_parts(self, version: SetBudget) -> None:
        fact, times = drafted(version), {None: 1, "pattern": 3}
        for each in fact.accounts:
            if each.lines:
                printed = sum(x.total * times[x.sub_budget] for x in each.lines)
                assert each.amount == printed + sum(fringe.amount for fringe in each.fringes)
        assert fact.totals.above_and_below == sum(each.amount for each in fact.accounts)

    @settings(max_examples=either(short=60, long=600), deadline=None)
    @given_examples(budgets())
    def test_rounds_each_line_and_each_fringe_once(self, version: SetBudget) -> None:
        cent = Decimal("0.01")
        for each in drafted(version).accounts:
            for x in each.lines:
                unrounded = x.amount * x.units * x.multiplier * x.rate * (DOLLARS.rate if x.currency == "USD" else 1)
                assert x.total == unrounded.quantize(cent, ROUND_HALF_UP)
            for fringe in each.fringes:
                if fringe.base is not None:
                    assert fringe.amount == (fringe.base / 8).quantize(cent, ROUND_HALF_UP)

    @settings(max_examples=either(short=60, long=600), deadline=None)
    @given_examples(budgets())
    def test_takes_a_fringe_of_nobody_beyond_the_cut_off(self, version: SetBudget) -> None:
        fact, pay = drafted(version), defaultdict[str, Decimal](Decimal)
        for each in fact.accounts:
            for place, x in enumerate(each.lines):
                if "19" in x.fringes:
                    pay[x.person or f"{each.code} {place}"] += x.total * (3 if x.sub_budget else 1)
        bases = [fringe.base for each in fact.accounts for fringe in each.fringes if fringe.base is not None]
        assert sum(bases) == sum(min(paid, Decimal(1000)) for paid in pay.values())


class TestAVariant:
    @settings(max_examples=either(short=60, long=1000), derandomize=True, database=None, deadline=None)
    @given_examples(budgets())
    def test_that_varies_nothing_is_the_version_again(self, version: SetBudget) -> None:
        fact = drafted(version)
        again = said_again(fact)
        sent = SetBudget.model_validate_json(again.model_dump_json(exclude_defaults=True), strict=True)
        assert varied(again, Decimal(0), (), ()).model_dump_json() == again.model_dump_json()
        assert drafted(sent).content_hash == fact.content_hash == reckoned(again, fact).content_hash

    def test_raises_rates_and_flat_amounts_and_rounds_each_once(self) -> None:
        version = detailed(line("33.35", amount="3", units="2"), line("0.05", currency="USD"), rates=(DOLLARS,))
        raised = varied(said_again(drafted(version)), Decimal("7.5"), (), ())
        (story, art_, *_), charges = raised.accounts, {each.code: each for each in raised.charges}
        assert [each.rate for each in art_.lines] == [Decimal("35.85"), Decimal("0.05")]
        assert (story.amount, art_.amount) == (Decimal("107500.00"), None)
        assert (charges[OVERHEAD].amount, charges[BOND].amount) == (Decimal("10750.00"), None)
        assert charges[BOND].percent == Decimal(3)
        assert raised.credits[0].amount == Decimal("64500.00")

    def test_lowers_to_nothing_at_the_least(self) -> None:
        fact = drafted(detailed(line("33.35")))
        assert reckoned(varied(said_again(fact), Decimal(-100), (), ()), fact).totals.grand_total == 0

    def test_leaves_lines_out_by_group_and_location_with_their_fringes_and_charges(self) -> None:
        lines = (
            line("1000", groups=("stunts", "unit-2"), fringes=("19",)),
            line("500", location="goa"),
            line("100", fringes=("19",)),
        )
        fact = drafted(detailed(*lines, fringes=(FUND,), stated={"2200": Decimal("1737.50")}))
        for groups, locations, left in (
            ((), (), "1737.50"),
            (("unit-2",), (), "612.50"),
            (("stunts",), ("goa",), "112.50"),
            ((), ("goa", "nowhere"), "1237.50"),
        ):
            without = varied(said_again(fact), Decimal(0), groups, locations)
            kept = reckoned(without, fact)
            assert next(each.amount for each in kept.accounts if each.code == ART) == Decimal(left)
            assert bool(without.stated) == (not groups and not locations)
            bond = next(each for each in kept.charges if each.code == BOND)
            assert bond.base is not None
            assert bond.base.amount == kept.totals.above_and_below

    def test_keeps_an_account_whose_lines_all_go(self) -> None:
        fact = drafted(detailed(line("500", location="goa")))
        kept = reckoned(varied(said_again(fact), Decimal(0), (), ("goa",)), fact)
        assert [each.amount for each in kept.accounts if each.code == ART] == [Decimal(0)]


def test_the_example_of_the_readme_comes_to_what_it_says() -> None:
    readme = (Path(__file__).parent.parent.parent / "README.md").read_text()
    said = re.findall(r"^```json\n(.*?)^```\nIt comes to ([0-9,.]+):", readme, re.MULTILINE | re.DOTALL)
    [(body, amount)] = said
    sent = SetBudget.model_validate_json(body, strict=True).model_copy(update={"currency": "INR"})
    assert f"{drafted(sent).totals.grand_total:,}" == amount


class TestTheDocumentary:
    """A one-hour documentary at line level, from a published sample budget."""

    def test_adds_up_to_its_sections(self) -> None:
        with (DATA / "documentary_lines.csv").open(newline="") as file:
            rows = [*csv.DictReader(file)]
        sections: dict[str, list[BudgetLine]] = {row["section"]: [] for row in rows}
        for row in rows:
            if row["unit"].startswith("of "):  # a fringe on the row that it names
                continue
            counted = row["rate"] != ""
            amount, _, multiplier = row["quantity"].partition(" x ") if counted else ("1", "", "")
            pay = {"fringes": ("19",)} if row["description"] == "Associate Producer" else {}
            sections[row["section"]].append(
                line(
                    row["rate"] or row["total"],
                    description=row["description"],
                    amount=amount,
                    multiplier=multiplier or "1",
                    unit=row["unit"] or None,
                    **pay,
                )
            )
        accounts = tuple(
            BudgetAccount(code=f"{place}000", name=name, level=Level.PRODUCTION, lines=tuple(lines))
            for place, (name, lines) in enumerate(sections.items(), 1)
        )
        benefits = BudgetFringe(code="19", name="Benefits package", percent=Decimal(15))
        fact = drafted(budget(accounts=accounts, charges=(), credits=(), fringes=(benefits,)))
        assert [each.amount for each in fact.accounts] == [219_200, 168_600, 15_500, 91_000]
        assert fact.accounts[0].fringes == (FringeAmount("19", Decimal("48000.00"), Decimal("7200.00")),)
        totals = [x.total for each in fact.accounts for x in each.lines]
        assert totals == [Decimal(row["total"]) for row in rows if not row["unit"].startswith("of ")]
