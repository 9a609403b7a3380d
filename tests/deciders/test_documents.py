"""Batches, credits and accruals: several entries at once, what comes back, and what is not invoiced yet."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from events.approval import ApprovalRequested, ApprovedByPolicy, RequestApproved, RequestRecalled
from events.commitment import CommitmentRelieved, ReliefReversed
from events.spend import (
    AccountOverspent,
    DuplicateSuspected,
    PaymentReleased,
    SpendLogged,
    SpendRecoded,
    SpendReversed,
    batch_of,
    entries_of,
)
from service.deciders.approval import Reject
from service.deciders.payment import RequestPayment
from tests.deciders.commitments import bought, invoice
from tests.deciders.documents import DOLLARS, PAYROLL, accrued, batch, credit, line
from tests.deciders.rounds import COVERED, EP, adopted, asked, says
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    EDITING,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    STORY,
    TODAY,
    inr,
    recode,
    reverse,
    spend,
)
from tests.deciders.test_commitment import available, ruled
from tests.spec import Story, given, play


def spent(story: Story, code: str = ART) -> Decimal:
    production = play(story).production
    assert production is not None
    return production.spending.spent_on(code)


class TestABatch:
    def test_is_an_entry_a_line_and_all_of_them_say_so(self) -> None:
        facts = given(LOCKED).when(ACCOUNTANT, PAYROLL).facts
        logged = [fact for fact in facts if isinstance(fact, SpendLogged)]
        assert [(each.spend, each.account, each.cost, each.fringe, each.withheld) for each in logged] == [
            ("S-000001", ART, inr("40000"), False, Decimal("4000.00")),
            ("S-000002", EDITING, inr("25000"), False, Decimal("0.00")),
            ("S-000003", ART, inr("5200"), True, Decimal("0.00")),
        ]
        assert {each.batch for each in logged} == {"S-000001..S-000003"}

    def test_takes_its_accounts_past_their_budget_line_by_line(self) -> None:
        lines = [line(ART, "150000"), line(ART, "60000"), line(ART, "1000")]
        over = [
            fact for fact in given(LOCKED).when(ACCOUNTANT, batch(*lines)).facts if isinstance(fact, AccountOverspent)
        ]
        assert [(each.spend, each.over) for each in over] == [("S-000002", inr("10000")), ("S-000003", inr("11000"))]

    def test_has_no_duplicates_in_itself_and_is_one_of_a_batch_before_it(self) -> None:
        twice = batch(line(ART, "500"), line(ART, "500"))
        story: Story = [*LOCKED, (ACCOUNTANT, twice)]
        assert not [fact for fact, _ in play(story).facts if isinstance(fact, DuplicateSuspected)]
        again = given(story).when(ACCOUNTANT, twice).facts
        suspected = [fact.spend for fact in again if isinstance(fact, DuplicateSuspected)]
        assert suspected == ["S-000003", "S-000004"]

    def test_relieves_its_order_line_by_line(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "100"), (EDITING, "50"))]
        split = batch(line(ART, "60"), line(EDITING, "50"), commitment="PO-0001", vendor="kala-sets")
        facts = given(story).when(ACCOUNTANT, split).facts
        assert [fact.spend for fact in facts if isinstance(fact, CommitmentRelieved)] == ["S-000001", "S-000002"]
        assert available(play([*story, (ACCOUNTANT, split)])) == Decimal(199900)

    @for_all(st.integers(1, 999_000), st.integers(1, 200))
    def test_is_named_by_its_first_and_last(self, first: int, count: int) -> None:
        entries = [f"S-{number:06}" for number in range(first, first + count)]
        assert [*entries_of(batch_of(entries[0], entries[-1]))] == entries


ASKED_FOR: Story = [*adopted(COVERED, ruled(otherwise=(EP,))), (ACCOUNTANT, PAYROLL)]
ACCRUED: Story = [*adopted(COVERED, ruled(otherwise=(EP,))), (ACCOUNTANT, accrued(ART, "1000"))]


class TestThePaymentOfABatch:
    def test_is_asked_about_at_once_by_all_that_is_billed(self) -> None:
        found = [fact for fact, _ in play(ASKED_FOR).facts if isinstance(fact, ApprovalRequested)][-1]
        assert (found.subject, found.amount) == ("S-000001..S-000003", inr("70200"))
        assert (found.accounts, found.vendor) == ((ART, EDITING), "crew-payroll")

    def test_is_released_entry_by_entry_without_what_is_withheld(self) -> None:
        story = says(ASKED_FOR, MAYA, "A-3")
        released = [fact for fact, _ in play(story).facts if isinstance(fact, PaymentReleased)]
        assert [(each.spend, each.paid) for each in released] == [
            ("S-000001", inr("36000")),
            ("S-000002", inr("25000")),
            ("S-000003", inr("5200")),
        ]

    def test_is_recalled_when_one_of_it_is_reversed_and_asked_for_again_without_it(self) -> None:
        story: Story = [*ASKED_FOR, (ACCOUNTANT, reverse("S-000002"))]
        recalled = play(story).facts[-1][0]
        assert isinstance(recalled, RequestRecalled)
        assert recalled.because == "S-000002 is reversed"
        story = [*story, (ACCOUNTANT, RequestPayment(spend="S-000001", reason=WHY))]
        again = asked(story, "A-4")
        assert (again.amount, again.content_hash != asked(story, "A-3").content_hash) == (inr("45200"), True)
        released = [fact for fact, _ in play(says(story, MAYA, "A-4")).facts if isinstance(fact, PaymentReleased)]
        assert [each.spend for each in released] == ["S-000001", "S-000003"]

    def test_is_asked_anew_when_one_of_it_is_recoded(self) -> None:
        facts = given(ASKED_FOR).when(LINE_PRODUCER, recode("S-000002", STORY)).facts
        opened = next(fact for fact in facts if isinstance(fact, ApprovalRequested))
        assert (opened.subject, opened.accounts) == ("S-000001..S-000003", (STORY, ART))
        story: Story = [*ASKED_FOR, (LINE_PRODUCER, recode("S-000002", STORY))]
        assert LINE_PRODUCER in asked(story, "A-4").excluded

    def test_that_was_turned_down_is_asked_as_then(self) -> None:
        story = says(ASKED_FOR, MAYA, "A-3", Reject, words=WHY)
        facts = given(story).when(ACCOUNTANT, RequestPayment(spend="S-000003", reason=WHY)).facts
        assert next(fact for fact in facts if isinstance(fact, ApprovalRequested)).subject == "S-000001..S-000003"

    def test_in_another_currency_is_the_sum_of_its_bills(self) -> None:
        paid = batch(line(ART, "10.01", tax=Decimal("1.99"), recoverable_tax=Decimal("1.99")), line(EDITING, "5"))
        paid = paid.model_copy(update={"currency": "USD", "rate": DOLLARS})
        story: Story = [*adopted(COVERED, ruled(otherwise=(EP,))), (ACCOUNTANT, paid)]
        assert asked(story, "A-3").amount == inr("1360")


class TestACredit:
    def test_lowers_what_was_spent_and_asks_for_no_payment(self) -> None:
        story: Story = [*adopted(COVERED, ruled(otherwise=(EP,))), (LINE_PRODUCER, spend(ART, "1000"))]
        facts = given(story).when(ACCOUNTANT, credit(ART, "300", tax=Decimal(54), recoverable_tax=Decimal(54))).facts
        [logged] = facts
        assert isinstance(logged, SpendLogged)
        assert (logged.cost, logged.net, logged.tax) == (inr("-300"), Decimal("-300"), Decimal("-54.00"))
        assert spent([*story, (ACCOUNTANT, credit(ART, "300"))]) == Decimal("700.00")

    def test_clears_the_flags_of_an_account_that_is_within_its_budget_again(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "200100"))]
        [little] = given(story).when(ACCOUNTANT, credit(ART, "99")).facts
        assert isinstance(little, SpendLogged)
        [enough] = given(story).when(ACCOUNTANT, credit(ART, "100")).facts
        assert isinstance(enough, SpendLogged)
        assert (little.clears, enough.clears) == ((), ("FLAG-1",))

    def test_is_reversed_like_any_entry(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "1000")), (ACCOUNTANT, credit(ART, "300"))]
        assert spent([*story, (ACCOUNTANT, reverse("S-000002"))]) == Decimal(1000)
        over: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "200100")), (ACCOUNTANT, credit(ART, "100"))]
        for command in (reverse("S-000002"), recode("S-000002", EDITING)):
            _, *flags = given(over).when(ACCOUNTANT, command).facts
            assert [flag.over for flag in flags if isinstance(flag, AccountOverspent)] == [inr("100")]

    def test_that_is_recoded_clears_the_flags_of_where_it_goes(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, spend(ART, "200100")), (ACCOUNTANT, credit(EDITING, "100"))]
        [moved] = given(story).when(ACCOUNTANT, recode("S-000002", ART)).facts
        assert isinstance(moved, SpendRecoded)
        assert moved.clears == ("FLAG-1",)


class TestAnAccrual:
    def test_is_a_cost_that_nobody_is_paid_for(self) -> None:
        assert spent(ACCRUED) == Decimal(1000)
        assert not [fact for fact, _ in play(ACCRUED).facts if isinstance(fact, ApprovedByPolicy)]
        assert "A-3" not in play(ACCRUED).production.approvals.rounds  # type: ignore[union-attr]

    def test_gives_its_place_on_its_own_day_to_an_invoice_that_is_posted_before(self) -> None:
        earlier = spend(ART, "1100", "KS-1", accrual="S-000001", posted_on=TODAY - timedelta(days=3))
        reversed_, *_ = given(ACCRUED).when(LINE_PRODUCER, earlier).facts
        assert isinstance(reversed_, SpendReversed)
        assert reversed_.posted_on == TODAY

    def test_gives_its_place_to_its_invoice(self) -> None:
        facts = given(ACCRUED).when(LINE_PRODUCER, spend(ART, "1100", "KS-1", accrual="S-000001")).facts
        assert [type(fact) for fact in facts] == [SpendReversed, SpendLogged, ApprovalRequested]
        story: Story = [*ACCRUED, (LINE_PRODUCER, spend(ART, "1100", "KS-1", accrual="S-000001"))]
        assert spent(story) == Decimal(1100)

    def test_that_is_invoiced_takes_no_account_past_its_budget_twice(self) -> None:
        story: Story = [*LOCKED, (ACCOUNTANT, accrued(ART, "150000"))]
        facts = given(story).when(LINE_PRODUCER, spend(ART, "150000", "KS-1", accrual="S-000001")).facts
        assert [type(fact) for fact in facts] == [SpendReversed, SpendLogged]

    def test_of_an_order_leaves_it_to_the_invoice(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "1000")), (ACCOUNTANT, accrued(ART, "600", commitment="PO-0001"))]
        billed = spend(ART, "700", "KS-1", accrual="S-000001", commitment="PO-0001")
        facts = given(story).when(LINE_PRODUCER, billed).facts
        assert [type(fact) for fact in facts] == [SpendReversed, ReliefReversed, SpendLogged, CommitmentRelieved]
        assert available(play([*story, (LINE_PRODUCER, billed)])) == Decimal(199000)


def test_what_is_withheld_is_measured_and_not_paid() -> None:
    terms = ruled(otherwise=(EP,))
    story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, spend(ART, "1000", "KS-1", withheld=Decimal(100)))]
    assert asked(story, "A-3").amount == inr("1000")
    *_, approved, released = [fact for fact, _ in play(says(story, MAYA, "A-3")).facts]
    assert isinstance(approved, RequestApproved)
    assert released == PaymentReleased("S-000001", inr("1000"), inr("900"))


@pytest.mark.parametrize("more", [{"withheld": "101"}, {"withheld": "0.001"}])
def test_no_more_is_withheld_than_is_billed(more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"withheld|decimals"):
        invoice("100", **{name: Decimal(value) for name, value in more.items()})
