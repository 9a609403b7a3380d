"""What was withheld is owed to others: how much is due, and what is paid over of it."""

from decimal import Decimal
from typing import Any

from events.paying import PaymentMethod
from events.remittance import RemittanceVoided, Share, WithheldRemitted
from events.spend import SpendReversed
from service.deciders.approval import Reject
from service.deciders.remittance import AmountIsNotDue, NothingIsDue
from tests.deciders.advances import FLOATED, receipt_of
from tests.deciders.documents import DOLLARS
from tests.deciders.paying import TO_ACCOUNTANTS, ask, pay, void
from tests.deciders.periods import DAY
from tests.deciders.remittances import (
    OVERPAID,
    OWED,
    REMITTED,
    VOIDED,
    payable,
    remit,
    void_remittance,
    withheld,
)
from tests.deciders.rounds import COVERED, adopted, asked, says
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    CLOSED,
    LINE_PRODUCER,
    LOCKED,
    PRODUCER,
    STORY,
    TODAY,
    inr,
    rate,
    recode,
    reverse,
)
from tests.spec import Story, given, play


def remitted(number: str, amount: str, *shares: tuple[str, str], left_out: tuple[str, ...] = (), **more: Any) -> Any:
    details: dict[str, Any] = {"up_to": TODAY, "paid_on": TODAY, "reference": "Challan 1"}
    return WithheldRemitted(
        remittance=number,
        shares=tuple(Share(spend, inr(part).amount) for spend, part in shares),
        left_out=left_out,
        amount=inr(amount),
        method=PaymentMethod.TRANSFER,
        **(details | more),
    )


class TestRemitWithheld:
    def test_names_every_entry_with_its_share(self) -> None:
        story: Story = [*OWED, withheld("5000")]
        given(story).when(ACCOUNTANT, remit("9000")).then(
            remitted("RM-1", "9000", ("S-000001", "4000"), ("S-000004", "5000"))
        )

    def test_is_of_what_was_posted_up_to_the_day(self) -> None:
        story: Story = [*OWED, withheld("5000", posted_on=TODAY - DAY)]
        given(story).when(ACCOUNTANT, remit("5000", TODAY - DAY)).then(
            remitted("RM-1", "5000", ("S-000004", "5000"), up_to=TODAY - DAY)
        )

    def test_is_of_what_was_not_remitted_before(self) -> None:
        story: Story = [*REMITTED, withheld("5000")]
        given(story).when(ACCOUNTANT, remit("5000")).then(remitted("RM-2", "5000", ("S-000004", "5000")))

    def test_counts_another_currency_at_the_rate_of_the_entry(self) -> None:
        story: Story = [*LOCKED, withheld("10.01", "100", currency="USD", rate=DOLLARS)]
        given(story).when(ACCOUNTANT, remit("800.80")).then(remitted("RM-1", "800.80", ("S-000001", "800.80")))

    def test_is_what_is_billed_less_what_is_paid_each_rounded_once(self) -> None:
        story: Story = [*LOCKED, withheld("0.33", "1", currency="USD", rate=rate("USD", "INR", "80.05"))]
        production = play(story).production
        assert production is not None
        entry = production.spending.entries["S-000001"]
        assert (entry.billed, entry.paid) == (inr("80.05"), inr("53.63"))
        assert payable(production) == Decimal("26.42")

    def test_is_smaller_by_what_was_remitted_for_an_entry_that_is_reversed(self) -> None:
        story: Story = [*OVERPAID, withheld("5000")]
        given(story).when(ACCOUNTANT, remit("1000")).then(
            remitted("RM-2", "1000", ("S-000001", "-4000"), ("S-000004", "5000"))
        )

    def test_never_keeps_an_entry_from_being_reversed(self) -> None:
        (reversed_, *_) = given(REMITTED).when(ACCOUNTANT, reverse("S-000001")).facts
        assert isinstance(reversed_, SpendReversed)

    def test_is_not_of_an_entry_that_was_reversed_before(self) -> None:
        given([*OWED, (ACCOUNTANT, reverse("S-000001"))]).when(ACCOUNTANT, remit()).then_refused(
            NothingIsDue(TODAY, inr("0"), inr("0"), ())
        )

    def test_names_five_entries_where_the_sum_is_another(self) -> None:
        story: Story = [*LOCKED, *(withheld(str(tax), document=f"KS-{tax}") for tax in range(1, 8))]
        refusal = given(story).when(ACCOUNTANT, remit("1")).refusal
        assert isinstance(refusal, AmountIsNotDue)
        assert [each.spend for each in refusal.largest] == [f"S-00000{number}" for number in (7, 6, 5, 4, 3)]
        assert str(refusal).startswith("INR 28.00 is due up to 2026-11-02, not 1 (27.00 off): INR 7.00 of S-000007, ")

    def test_moves_no_cost_and_nothing_of_what_is_available(self) -> None:
        before, after = play(OWED).production, play(REMITTED).production
        assert before is not None
        assert after is not None
        assert (after.spending, after.available) == (before.spending, before.available)

    def test_is_taken_by_a_closed_production(self) -> None:
        story: Story = [*OWED, *CLOSED[-1:]]
        given(story).when(ACCOUNTANT, remit()).then(remitted("RM-1", "4000", ("S-000001", "4000")))
        given([*story, (ACCOUNTANT, remit())]).when(ACCOUNTANT, void_remittance()).then(
            RemittanceVoided("RM-1", (Share("S-000001", Decimal("4000.00")),), inr("4000"))
        )


#: A-3 asks an accountant about S-000001, of which 6,000 are withheld.
WAITING: Story = [*adopted(COVERED, TO_ACCOUNTANTS), withheld("6000", "60000")]


class TestWhatMayNotBePaid:
    def test_is_left_out_and_named_while_it_waits_for_an_approval(self) -> None:
        story: Story = says([*WAITING, withheld("5000")], ACCOUNTANT, "A-4")
        given(story).when(ACCOUNTANT, remit("5000")).then(
            remitted("RM-1", "5000", ("S-000002", "5000"), left_out=("S-000001",))
        )

    def test_is_left_out_once_it_was_turned_down(self) -> None:
        story = says(WAITING, ACCOUNTANT, "A-3", Reject, words=WHY)
        (due,) = _left_out(story)
        assert due == "S-000001"

    def test_is_remitted_once_it_was_approved_or_asked_about_no_more(self) -> None:
        given(says(WAITING, ACCOUNTANT, "A-3")).when(ACCOUNTANT, remit("6000")).then(
            remitted("RM-1", "6000", ("S-000001", "6000"))
        )

    def test_is_left_out_while_anything_of_its_batch_is_queried(self) -> None:
        assert _left_out([*OWED, (PRODUCER, ask("S-000003"))]) == ["S-000001"]

    def test_is_remitted_if_it_was_paid_before_it_was_queried(self) -> None:
        story: Story = [*OWED, (ACCOUNTANT, pay()), (PRODUCER, ask())]
        given(story).when(ACCOUNTANT, remit()).then(remitted("RM-1", "4000", ("S-000001", "4000")))
        assert _left_out([*story, (ACCOUNTANT, void())]) == ["S-000001"]

    def test_is_remitted_if_it_was_paid_out_of_an_advance(self) -> None:
        story: Story = [*FLOATED, (LINE_PRODUCER, receipt_of("5000", withheld=Decimal(500))), (PRODUCER, ask())]
        given(story).when(ACCOUNTANT, remit("500")).then(remitted("RM-1", "500", ("S-000001", "500")))

    def test_takes_back_what_was_remitted_once_it_is_reversed(self) -> None:
        story = says(WAITING, ACCOUNTANT, "A-3")
        story = [
            *story,
            (ACCOUNTANT, remit("6000")),
            (ACCOUNTANT, recode("S-000001", STORY)),
            (ACCOUNTANT, reverse("S-000001")),
        ]
        given(story).when(ACCOUNTANT, remit("6000")).then_refused(NothingIsDue(TODAY, inr("-6000"), inr("0"), ()))


def _left_out(story: Story) -> list[str]:
    refusal = given(story).when(ACCOUNTANT, remit("1")).refusal
    assert isinstance(refusal, NothingIsDue)
    return [each.spend for each in refusal.left_out]


class TestVoidRemittance:
    def test_makes_due_again_what_it_had_settled(self) -> None:
        given(REMITTED).when(ACCOUNTANT, void_remittance()).then(
            RemittanceVoided("RM-1", (Share("S-000001", Decimal("4000.00")),), inr("4000"))
        )
        given(VOIDED).when(ACCOUNTANT, remit()).then(remitted("RM-2", "4000", ("S-000001", "4000")))

    def test_makes_due_again_what_a_later_one_took_back(self) -> None:
        """The authority got the second one less what never reached it with the first."""
        story: Story = [*OVERPAID, withheld("5000"), (ACCOUNTANT, remit("1000")), (ACCOUNTANT, void_remittance())]
        given(story).when(ACCOUNTANT, remit()).then(remitted("RM-3", "4000", ("S-000001", "4000")))


class TestNobodyIsAsked:
    def test_by_a_policy_since_the_whole_was_approved_with_the_entry(self) -> None:
        story = says(WAITING, ACCOUNTANT, "A-3")
        assert asked(story, "A-3").amount == inr("60000")
        given(story).when(ACCOUNTANT, remit("6000")).then(remitted("RM-1", "6000", ("S-000001", "6000")))
