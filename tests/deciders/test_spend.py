"""Spend: recorded and flagged, never denied."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from events.ids import AccountCode, BudgetId
from events.money import ExchangeRate
from events.spend import (
    AccountOverspent,
    DuplicateSuspected,
    OutsideBecause,
    SpendKind,
    SpendLogged,
    SpendOutsideBudget,
    SpendRecoded,
    SpendReversed,
)
from service.deciders.spend import PostedBeforeEntry
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    BOND,
    CLOSED,
    CONTINGENCY,
    DRAFTED,
    EDITING,
    FIRST_DAY,
    FUNDED,
    INSURANCE,
    LINE_PRODUCER,
    LOCKED,
    OVERHEAD,
    REBATE,
    STORY,
    TODAY,
    inr,
    rate,
    recode,
    reverse,
    spend,
)
from tests.spec import Story, given


def logged(number: str, account: AccountCode, net: str, document: str | None = None) -> SpendLogged:
    """An invoice in rupees without tax."""
    return SpendLogged(
        spend=number,
        account=account,
        currency="INR",
        net=Decimal(net),
        tax=Decimal(0),
        recoverable_tax=Decimal(0),
        rate=None,
        cost=inr(net),
        vendor="kala-sets",
        spent_on=TODAY,
        posted_on=TODAY,
        kind=SpendKind.INVOICE,
        document=document,
        receipt_sha256=None,
        memo=None,
        batch=None,
        withheld=Decimal(0),
        fringe=False,
        clears=(),
    )


def over(flag: str, number: str, account: AccountCode, budgeted: str, spent: str) -> AccountOverspent:
    past = inr(str(Decimal(spent) - Decimal(budgeted)))
    return AccountOverspent(flag, number, account, "v1", inr(budgeted), inr(spent), past)


def outside(
    flag: str, number: str, account: AccountCode, cost: str, because: OutsideBecause, version: BudgetId | None
) -> SpendOutsideBudget:
    return SpendOutsideBudget(flag, number, account, version, inr(cost), because)


def reversed_(number: str, account: AccountCode, cost: str, clears: Sequence[str] = ()) -> SpendReversed:
    return SpendReversed(number, account, inr(cost), TODAY, tuple(clears))


def recoded(number: str, left: AccountCode, to: AccountCode, cost: str, clears: Sequence[str] = ()) -> SpendRecoded:
    return SpendRecoded(number, left, to, inr(cost), TODAY, tuple(clears))


class TestLogSpend:
    def test_is_recorded_against_its_account(self) -> None:
        given(LOCKED).when(LINE_PRODUCER, spend(ART, "50000", "KS-1")).then(logged("S-000001", ART, "50000", "KS-1"))

    def test_keeps_every_detail(self) -> None:
        details = {
            "vendor": "arri-rental",
            "spent_on": FIRST_DAY,
            "kind": SpendKind.CARD,
            "receipt_sha256": "0" * 64,
            "memo": "Two lenses",
        }
        given(LOCKED).when(ACCOUNTANT, spend(ART, "700.25", "A-77", **details)).then(
            replace(logged("S-000001", ART, "700.25", "A-77"), **details)
        )

    def test_keeps_the_vendors_name_for_the_directory_out_of_the_facts(self) -> None:
        given(LOCKED).when(ACCOUNTANT, spend(ART, "1", vendor_name="Kala Sets")).then(logged("S-000001", ART, "1"))

    def test_costs_the_tax_that_does_not_come_back(self) -> None:
        taxed = spend(ART, "1000", tax=Decimal("180"), recoverable_tax=Decimal("100"))
        given(LOCKED).when(ACCOUNTANT, taxed).then(
            replace(
                logged("S-000001", ART, "1000"),
                tax=Decimal(180),
                recoverable_tax=Decimal(100),
                cost=inr("1080"),
            )
        )

    @pytest.mark.parametrize(
        ("at", "cost"),
        [(rate("USD", "INR", "83.215"), "8328.99"), (rate("INR", "USD", "0.012"), "8340.83")],
        ids=["dollars in rupees", "rupees in dollars"],
    )
    def test_in_another_currency_costs_what_the_actual_rate_makes_of_it(self, at: ExchangeRate, cost: str) -> None:
        taxed = spend(ART, "100.05", tax=Decimal("0.04"), currency="USD", rate=at)
        given(LOCKED).when(ACCOUNTANT, taxed).then(
            replace(
                logged("S-000001", ART, "100.05"),
                currency="USD",
                tax=Decimal("0.04"),
                rate=at,
                cost=inr(cost),
            )
        )

    def test_on_a_charges_account_is_within_the_budget(self) -> None:
        given(LOCKED).when(ACCOUNTANT, spend(BOND, "12000")).then(logged("S-000001", BOND, "12000"))
        given(LOCKED).when(ACCOUNTANT, spend(OVERHEAD, "10000")).then(logged("S-000001", OVERHEAD, "10000"))

    def test_is_closed_with_the_production(self) -> None:
        assert given(CLOSED).when(ACCOUNTANT, spend(ART, "1")).refusal is not None


class TestSpendOutsideTheBudget:
    @pytest.mark.parametrize("story", [FUNDED, DRAFTED], ids=["no budget", "a mere draft"])
    def test_before_any_budget_is_in_force_is_recorded_and_flagged(self, story: Story) -> None:
        given(story).when(LINE_PRODUCER, spend(ART, "50000")).then(
            logged("S-000001", ART, "50000"),
            outside("FLAG-1", "S-000001", ART, "50000", OutsideBecause.NO_BUDGET_IN_FORCE, None),
        )

    @pytest.mark.parametrize("account", ["9999", "22-01", "B 04", REBATE])
    def test_on_an_unknown_account_is_recorded_and_flagged(self, account: AccountCode) -> None:
        given(LOCKED).when(LINE_PRODUCER, spend(account, "500")).then(
            logged("S-000001", account, "500"),
            outside("FLAG-1", "S-000001", account, "500", OutsideBecause.UNKNOWN_ACCOUNT, "v1"),
        )

    def test_on_contingency_is_recorded_and_flagged_since_a_reserve_takes_none(self) -> None:
        given(LOCKED).when(LINE_PRODUCER, spend(CONTINGENCY, "500")).then(
            logged("S-000001", CONTINGENCY, "500"),
            outside("FLAG-1", "S-000001", CONTINGENCY, "500", OutsideBecause.CONTINGENCY_TAKES_NO_SPEND, "v1"),
        )

    def test_is_cleared_by_a_recoding(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, spend("9999", "500"))]
        given(story).when(ACCOUNTANT, recode("S-000001", ART)).then(
            recoded("S-000001", "9999", ART, "500", clears=("FLAG-1",))
        )

    def test_is_cleared_by_a_reversal_of_that_entry_alone(self) -> None:
        story: Story = [
            *LOCKED,
            (LINE_PRODUCER, spend("9999", "500")),
            (LINE_PRODUCER, spend("9999", "600")),
        ]
        given(story).when(ACCOUNTANT, reverse("S-000002")).then(
            reversed_("S-000002", "9999", "600", clears=("FLAG-2",))
        )


class TestOverspending:
    #: 150,000 and 60,000 on 200,000 (FLAG-1), then 5,000 more (FLAG-2).
    @pytest.fixture
    def story(self) -> Story:
        return [
            *LOCKED,
            (LINE_PRODUCER, spend(ART, "150000", "KS-1")),
            (LINE_PRODUCER, spend(ART, "60000", "KS-2")),
            (LINE_PRODUCER, spend(ART, "5000", "KS-3")),
        ]

    def test_to_the_last_rupee_is_not_flagged(self) -> None:
        given(LOCKED).when(LINE_PRODUCER, spend(ART, "200000")).then(logged("S-000001", ART, "200000"))

    def test_past_the_account_is_recorded_and_flagged(self) -> None:
        given(LOCKED).when(LINE_PRODUCER, spend(ART, "200000.01")).then(
            logged("S-000001", ART, "200000.01"),
            over("FLAG-1", "S-000001", ART, "200000", "200000.01"),
        )

    def test_further_past_the_account_is_flagged_again(self, story: Story) -> None:
        given(story).when(LINE_PRODUCER, spend(ART, "1", "KS-4")).then(
            logged("S-000004", ART, "1", "KS-4"),
            over("FLAG-3", "S-000004", ART, "200000", "215001"),
        )

    def test_by_the_smallest_coin_is_flagged(self) -> None:
        none: Story = [*LOCKED, (LINE_PRODUCER, spend(INSURANCE, "20000"))]
        given(none).when(LINE_PRODUCER, spend(INSURANCE, "0.01")).then(
            logged("S-000002", INSURANCE, "0.01"),
            over("FLAG-1", "S-000002", INSURANCE, "20000", "20000.01"),
        )

    def test_counts_no_entry_that_was_reversed(self) -> None:
        story: Story = [
            *LOCKED,
            (LINE_PRODUCER, spend(ART, "150000")),
            (ACCOUNTANT, reverse("S-000001")),
        ]
        given(story).when(LINE_PRODUCER, spend(ART, "200000")).then(logged("S-000002", ART, "200000"))

    def test_flags_are_all_cleared_once_the_account_is_within(self, story: Story) -> None:
        given(story).when(ACCOUNTANT, reverse("S-000001")).then(
            reversed_("S-000001", ART, "150000", clears=("FLAG-1", "FLAG-2"))
        )

    def test_flags_fall_with_their_own_entry_while_the_account_is_still_over(self, story: Story) -> None:
        given(story).when(ACCOUNTANT, reverse("S-000003")).then(reversed_("S-000003", ART, "5000", clears=("FLAG-2",)))

    def test_flags_are_cleared_by_a_recoding_too(self, story: Story) -> None:
        given(story).when(ACCOUNTANT, recode("S-000002", EDITING)).then(
            recoded("S-000002", ART, EDITING, "60000", clears=("FLAG-1", "FLAG-2"))
        )

    def test_flags_are_cleared_once(self, story: Story) -> None:
        within: Story = [*story, (ACCOUNTANT, reverse("S-000001"))]
        given(within).when(ACCOUNTANT, reverse("S-000002")).then(reversed_("S-000002", ART, "60000"))


class TestDuplicates:
    FIRST = spend(ART, "500", "KS-1")

    @pytest.fixture
    def story(self) -> Story:
        return [*LOCKED, (LINE_PRODUCER, self.FIRST)]

    def test_are_recorded_and_flagged(self, story: Story) -> None:
        given(story).when(ACCOUNTANT, self.FIRST).then(
            logged("S-000002", ART, "500", "KS-1"), DuplicateSuspected("FLAG-1", "S-000002", "S-000001")
        )

    def test_are_suspected_across_accounts_and_ways_to_pay(self, story: Story) -> None:
        other = spend(EDITING, "500", "KS-1", kind=SpendKind.CARD, memo="Paid already?", posted_on=FIRST_DAY)
        flags = given(story).when(ACCOUNTANT, other).facts[1:]
        assert flags == (DuplicateSuspected("FLAG-1", "S-000002", "S-000001"),)

    @pytest.mark.parametrize(
        "other",
        [
            spend(ART, "500.01", "KS-1"),
            spend(ART, "500", "KS-2"),
            spend(ART, "500"),
            spend(ART, "500", "KS-1", vendor="arri-rental"),
            spend(ART, "500", "KS-1", spent_on=FIRST_DAY),
            spend(ART, "500", "KS-1", tax=Decimal(5)),
            spend(ART, "500", "KS-1", currency="USD", rate=rate("USD", "INR", "1")),
        ],
        ids=["amount", "document", "no document", "vendor", "date", "tax", "currency"],
    )
    def test_are_not_suspected_of_another(self, story: Story, other: object) -> None:
        assert len(given(story).when(ACCOUNTANT, other).facts) == 1

    def test_are_not_suspected_of_what_was_reversed(self, story: Story) -> None:
        gone: Story = [*story, (ACCOUNTANT, reverse("S-000001"))]
        given(gone).when(ACCOUNTANT, self.FIRST).then(logged("S-000002", ART, "500", "KS-1"))

    def test_are_still_suspected_of_the_first_after_the_second_was_reversed(self, story: Story) -> None:
        gone: Story = [*story, (ACCOUNTANT, self.FIRST), (ACCOUNTANT, reverse("S-000002"))]
        given(gone).when(ACCOUNTANT, self.FIRST).then(
            logged("S-000003", ART, "500", "KS-1"), DuplicateSuspected("FLAG-2", "S-000003", "S-000001")
        )

    def test_are_suspected_of_the_one_before_once_the_one_between_is_reversed(self, story: Story) -> None:
        thrice: Story = [*story, (ACCOUNTANT, self.FIRST), (ACCOUNTANT, self.FIRST)]
        given(thrice).when(ACCOUNTANT, reverse("S-000002")).then(
            reversed_("S-000002", ART, "500", clears=("FLAG-1", "FLAG-2")),
            DuplicateSuspected("FLAG-3", "S-000003", "S-000001"),
        )
        given(thrice).when(ACCOUNTANT, reverse("S-000001")).then(
            reversed_("S-000001", ART, "500", clears=("FLAG-1",)),
        )

    def test_are_cleared_by_the_reversal_of_either(self, story: Story) -> None:
        twice: Story = [*story, (ACCOUNTANT, self.FIRST)]
        for number in ("S-000001", "S-000002"):
            given(twice).when(ACCOUNTANT, reverse(number)).then(reversed_(number, ART, "500", clears=("FLAG-1",)))

    def test_are_not_cleared_by_a_recoding(self, story: Story) -> None:
        twice: Story = [*story, (ACCOUNTANT, self.FIRST)]
        given(twice).when(ACCOUNTANT, recode("S-000002", EDITING)).then(recoded("S-000002", ART, EDITING, "500"))

    def test_come_last_of_an_entrys_flags(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, spend("9999", "500"))]
        given(story).when(LINE_PRODUCER, spend("9999", "500")).then(
            logged("S-000002", "9999", "500"),
            outside("FLAG-2", "S-000002", "9999", "500", OutsideBecause.UNKNOWN_ACCOUNT, "v1"),
            DuplicateSuspected("FLAG-3", "S-000002", "S-000001"),
        )


class TestReverseSpend:
    def test_takes_from_an_account_no_earlier_than_what_came_there(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, spend(EDITING, "70000"))]
        later = recode("S-000001", ART).model_copy(update={"posted_on": TODAY + timedelta(days=3)})
        back = reverse("S-000001").model_copy(update={"posted_on": TODAY + timedelta(days=2)})
        assert given(story).when(ACCOUNTANT, back).refusal is None
        given([*story, (LINE_PRODUCER, later)]).when(ACCOUNTANT, back).then_refused(
            PostedBeforeEntry("S-000001", inr("70000"), ART, later.posted_on, back.posted_on)
        )

    def test_takes_the_entry_back_whole(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "500", tax=Decimal(90)))]
        given(story).when(ACCOUNTANT, reverse("S-000001")).then(reversed_("S-000001", ART, "590"))

    def test_takes_it_from_the_account_it_was_recoded_to(self) -> None:
        story: Story = [
            *LOCKED,
            (LINE_PRODUCER, spend(ART, "500")),
            (ACCOUNTANT, recode("S-000001", EDITING)),
        ]
        given(story).when(ACCOUNTANT, reverse("S-000001")).then(reversed_("S-000001", EDITING, "500"))

    def test_is_taken_after_the_end_of_the_production(self) -> None:
        given(CLOSED).when(ACCOUNTANT, reverse("S-000001")).then(reversed_("S-000001", ART, "50000"))


class TestRecodeSpend:
    @pytest.fixture
    def story(self) -> Story:
        return [*LOCKED, (LINE_PRODUCER, spend(EDITING, "70000"))]

    def test_moves_the_entry_whole(self, story: Story) -> None:
        given(story).when(LINE_PRODUCER, recode("S-000001", ART)).then(recoded("S-000001", EDITING, ART, "70000"))

    def test_to_the_account_it_stands_on_does_nothing(self, story: Story) -> None:
        given(story).when(LINE_PRODUCER, recode("S-000001", EDITING)).then_nothing()

    def test_twice_to_the_same_account_does_nothing(self, story: Story) -> None:
        moved: Story = [*story, (LINE_PRODUCER, recode("S-000001", ART))]
        given(moved).when(LINE_PRODUCER, recode("S-000001", ART)).then_nothing()

    def test_past_the_other_account_is_recorded_and_flagged(self, story: Story) -> None:
        given(story).when(LINE_PRODUCER, recode("S-000001", INSURANCE)).then(
            recoded("S-000001", EDITING, INSURANCE, "70000"),
            over("FLAG-1", "S-000001", INSURANCE, "20000", "70000"),
        )

    def test_out_of_the_budget_is_recorded_and_flagged(self, story: Story) -> None:
        given(story).when(LINE_PRODUCER, recode("S-000001", "9999")).then(
            recoded("S-000001", EDITING, "9999", "70000"),
            outside("FLAG-1", "S-000001", "9999", "70000", OutsideBecause.UNKNOWN_ACCOUNT, "v1"),
        )

    def test_onto_a_charges_account_is_measured_there(self, story: Story) -> None:
        given(story).when(LINE_PRODUCER, recode("S-000001", BOND)).then(
            recoded("S-000001", EDITING, BOND, "70000"),
            over("FLAG-1", "S-000001", BOND, "12000", "70000"),
        )

    def test_to_contingency_while_no_budget_knows_it_is_flagged_only(self) -> None:
        early: Story = [*FUNDED, (LINE_PRODUCER, spend(STORY, "1"))]
        given(early).when(ACCOUNTANT, recode("S-000001", CONTINGENCY)).then(
            recoded("S-000001", STORY, CONTINGENCY, "1", clears=("FLAG-1",)),
            outside("FLAG-2", "S-000001", CONTINGENCY, "1", OutsideBecause.NO_BUDGET_IN_FORCE, None),
        )
