"""Floats and deposits: paid out, accounted for, given back, or short."""

from decimal import Decimal

import pytest

from events.advance import (
    AccountingReversed,
    AdvanceAccounted,
    AdvanceClosed,
    AdvanceExceeded,
    AdvanceKind,
    AdvancePaid,
    AdvanceReturned,
    AdvanceReturnVoided,
    AdvanceState,
    FloatShort,
)
from events.approval import ApprovalRequested, ApprovedByPolicy
from events.ids import PersonId
from events.paying import SpendPaid
from events.policy import Approver, RequestKind, Rule, Step, When
from events.spend import PaymentReleased, SpendKind, SpendLogged, SpendReversed
from service.deciders.approval import Approve, ApproverHadAHandInIt
from service.deciders.documents import BatchLine, LogBatch
from service.deciders.paying import PaidOutOfAdvance, PaymentIsNotReleased
from service.deciders.period import PeriodIsClosed
from service.deciders.spend import SpendIsPaid
from tests.deciders.advances import (
    DEPOSIT,
    DEPOSITED,
    FLOAT,
    FLOATED,
    RETURNED,
    VOIDED,
    close_short,
    give_back,
    pay_out,
    receipt_of,
    void_return,
)
from tests.deciders.commitments import ruled
from tests.deciders.documents import batch, line
from tests.deciders.paying import TO_ACCOUNTANTS, closed, pay
from tests.deciders.rounds import COVERED, EP, adopted, says
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    DIRECTOR,
    EDITING,
    HOLDER,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    TODAY,
    inr,
    rate,
    recode,
    reverse,
    spend,
    usd,
)
from tests.spec import Answer, Story, given, play

DOLLARS = {"currency": "USD", "rate": rate("USD", "INR", "84")}
#: Whatever is paid from 10,000 on, an executive producer is asked about.
ASKED = adopted(COVERED, ruled(Rule("Small", When((RequestKind.PAYMENT,), below=Decimal(10_000)))))


def beside(answer: Answer, *kinds: type) -> list[object]:
    """The facts of these kinds."""
    assert answer.refusal is None
    return [fact for fact in answer.facts if isinstance(fact, kinds)]


def approval(story: Story) -> tuple[PersonId, Approve]:
    """Maya approves what the float to the director asks for."""
    production = play(story).production
    assert production is not None
    rounds = production.approvals.rounds.items()
    number, asked = next((n, each) for n, each in rounds if each.subject == f"float to {DIRECTOR}")
    return MAYA, Approve(round=number, content_hash=asked.content_hash)


class TestPayAdvance:
    def test_is_no_spend(self) -> None:
        given(LOCKED).when(ACCOUNTANT, pay_out(due_on=TODAY)).then(
            AdvancePaid(
                *(FLOAT, AdvanceKind.FLOAT, DIRECTOR, None, inr("20000.00"), None, inr("20000.00")),
                *(TODAY, TODAY, None, ACCOUNTANT, None),
            )
        )

    def test_is_numbered_by_its_kind(self) -> None:
        paid = beside(given(FLOATED).when(ACCOUNTANT, pay_out("5", vendor="kala-sets")), AdvancePaid)
        assert [each.advance for each in paid if isinstance(each, AdvancePaid)] == [DEPOSIT]

    def test_moves_neither_cost_nor_what_is_available(self) -> None:
        before, paid = play(LOCKED).production, play(FLOATED).production
        back = play([*FLOATED, (ACCOUNTANT, give_back("8000"))]).production
        assert before is not None
        assert paid is not None
        assert back is not None
        assert before.available == paid.available == back.available
        assert before.spending == paid.spending == back.spending

    @pytest.mark.parametrize("held", [{}, {"person": DIRECTOR, "vendor": "kala-sets"}])
    def test_is_held_by_one(self, held: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="send the one"):
            pay_out(**({"person": None} | held | {"kind": AdvanceKind.FLOAT}))


class TestPayingUnderAPolicy:
    def test_is_asked_about_before_it_is_paid(self) -> None:
        answer = given(ASKED).when(ACCOUNTANT, pay_out("10000"))
        (asked,) = answer.facts
        assert isinstance(asked, ApprovalRequested)
        assert (asked.kind, asked.subject, asked.amount) == (
            RequestKind.PAYMENT,
            f"float to {DIRECTOR}",
            inr("10000.00"),
        )

    def test_is_paid_once_it_is_approved(self) -> None:
        waiting: Story = [*ASKED, (ACCOUNTANT, pay_out("10000"))]
        approved = given(waiting).when(*approval(waiting))
        assert [type(fact) for fact in approved.facts][-1] is AdvancePaid
        assert not beside(approved, PaymentReleased)

    def test_is_paid_by_who_asked_for_it_whoever_approves_it(self) -> None:
        waiting: Story = [*ASKED, (ACCOUNTANT, pay_out("10000"))]
        (paid,) = beside(given(waiting).when(*approval(waiting)), AdvancePaid)
        assert isinstance(paid, AdvancePaid)
        assert (paid.by, paid.on_behalf_of) == (ACCOUNTANT, None)

    def test_is_approved_by_nobody_who_holds_it(self) -> None:
        story: Story = [*ASKED, (ACCOUNTANT, pay_out("10000", person=NOOR))]
        refused = ApproverHadAHandInIt(NOOR, f"float to {NOOR}")
        given(story).when(*says(story, NOOR, "A-3")[-1]).then_refused(refused)
        paid = says(story, MAYA, "A-3")
        beyond: Story = [*paid, (LINE_PRODUCER, receipt_of("30000"))]
        owed = ApproverHadAHandInIt(NOOR, "S-000001")
        given(beyond).when(*says(beyond, NOOR, "A-4")[-1]).then_refused(owed)
        assert given(beyond).when(*says(beyond, MAYA, "A-4")[-1]).refusal is None

    def test_is_asked_about_by_no_rule_that_is_for_departments_alone(self) -> None:
        heads = Rule("Heads", When((RequestKind.PAYMENT,)), (Step((Approver(department_head=True),)),))
        (asked,) = beside(given(adopted(COVERED, ruled(heads))).when(ACCOUNTANT, pay_out()), ApprovalRequested)
        assert isinstance(asked, ApprovalRequested)
        assert asked.rule is None

    def test_of_what_is_paid_out_of_it_rules_for_its_account_ask_all_the_same(self) -> None:
        """Whoever approved a float did not approve that the producer's fee is paid out of it."""
        fees = Rule("Fees", When((RequestKind.PAYMENT,), accounts=(ART,)), (EP,))
        paid: Story = [
            *adopted(COVERED, ruled(fees, Rule("Others", When((RequestKind.PAYMENT,))))),
            (ACCOUNTANT, pay_out()),
        ]
        assert not beside(given(paid).when(LINE_PRODUCER, spend(EDITING, "100", advance=FLOAT)), ApprovalRequested)
        assert beside(given(paid).when(LINE_PRODUCER, receipt_of("100")), ApprovalRequested)
        assert beside(given(paid).when(ACCOUNTANT, close_short()), ApprovalRequested)
        elsewhere: Story = [*paid, (LINE_PRODUCER, spend(EDITING, "100", advance=FLOAT))]
        assert beside(given(elsewhere).when(ACCOUNTANT, recode("S-000001", ART)), ApprovalRequested)

    def test_is_paid_at_once_where_the_policy_asks_nobody(self) -> None:
        facts = given(ASKED).when(ACCOUNTANT, pay_out("9999.99")).facts
        assert [type(fact) for fact in facts] == [ApprovedByPolicy, AdvancePaid]

    def test_counts_together_with_what_went_to_the_same_holder(self) -> None:
        one: Story = [*ASKED, (ACCOUNTANT, pay_out("6000"))]
        assert beside(given(one).when(ACCOUNTANT, pay_out("4000")), ApprovalRequested)
        other = pay_out("4000", person=LINE_PRODUCER)
        assert not beside(given(one).when(ACCOUNTANT, other), ApprovalRequested)

    def test_counts_together_with_the_invoices_of_its_vendor(self) -> None:
        one: Story = [*ASKED, (ACCOUNTANT, pay_out("6000", vendor="kala-sets"))]
        assert beside(given(one).when(ACCOUNTANT, receipt_of("4000", advance=None)), ApprovalRequested)  # type: ignore[arg-type]

    def test_what_is_paid_out_of_it_is_not_asked_about_again(self) -> None:
        paid: Story = [*ASKED, (ACCOUNTANT, pay_out("9000"))]
        within = given(paid).when(LINE_PRODUCER, receipt_of("9000"))
        assert not beside(within, ApprovalRequested, ApprovedByPolicy)
        large: Story = [*ASKED, (ACCOUNTANT, pay_out("15000"))]
        large = [*large, approval(large), (LINE_PRODUCER, receipt_of("15000"))]
        recoded = given(large).when(ACCOUNTANT, recode("S-000001", EDITING))
        assert not beside(recoded, ApprovalRequested, ApprovedByPolicy)

    def test_what_goes_beyond_it_is_asked_about_like_any_payment(self) -> None:
        paid: Story = [*ASKED, (ACCOUNTANT, pay_out("9000"))]
        (asked,) = beside(given(paid).when(LINE_PRODUCER, receipt_of("50000")), ApprovalRequested)
        assert isinstance(asked, ApprovalRequested)
        assert asked.subject.startswith("S-")


def envelope(*lines: BatchLine) -> LogBatch:
    """Receipts that were paid out of the float."""
    return batch(*lines, kind=SpendKind.PETTY_CASH, advance=FLOAT)


class TestAReceipt:
    def test_is_cost_and_accounts_for_so_much(self) -> None:
        facts = given(FLOATED).when(LINE_PRODUCER, receipt_of("12000")).facts
        assert isinstance(facts[0], SpendLogged)
        assert facts[0].cost == inr("12000.00")
        assert facts[1:] == (AdvanceAccounted(FLOAT, "S-000001", inr("12000.00"), AdvanceState.PARTLY_ACCOUNTED),)

    def test_of_all_of_it_leaves_it_accounted(self) -> None:
        (accounted,) = beside(given(FLOATED).when(LINE_PRODUCER, receipt_of("20000")), AdvanceAccounted)
        assert accounted == AdvanceAccounted(FLOAT, "S-000001", inr("20000.00"), AdvanceState.ACCOUNTED)

    def test_accounts_for_tax_that_comes_back(self) -> None:
        taxed = receipt_of("10000", tax=Decimal(1800), recoverable_tax=Decimal(1800))
        (accounted,) = beside(given(FLOATED).when(LINE_PRODUCER, taxed), AdvanceAccounted)
        assert accounted == AdvanceAccounted(FLOAT, "S-000001", inr("11800.00"), AdvanceState.PARTLY_ACCOUNTED)

    def test_beyond_it_is_recorded_and_flagged_as_owed(self) -> None:
        some: Story = [*FLOATED, (LINE_PRODUCER, receipt_of("15000"))]
        facts = beside(given(some).when(LINE_PRODUCER, receipt_of("6000", "R-2")), AdvanceAccounted, AdvanceExceeded)
        assert facts == [
            AdvanceAccounted(FLOAT, "S-000002", inr("5000.00"), AdvanceState.ACCOUNTED),
            AdvanceExceeded("FLAG-1", FLOAT, "S-000002", ART, inr("5000.00"), inr("1000.00"), inr("1000.00")),
        ]

    def test_taken_back_opens_it_again_and_clears_the_flag(self) -> None:
        beyond: Story = [*FLOATED, (LINE_PRODUCER, receipt_of("21000"))]
        reversed_, restored = given(beyond).when(ACCOUNTANT, reverse("S-000001")).facts
        assert isinstance(reversed_, SpendReversed)
        assert reversed_.clears == ("FLAG-1",)
        assert restored == AccountingReversed(FLOAT, "S-000001", Decimal("20000.00"), Decimal(0), AdvanceState.OPEN)

    def test_in_another_currency_counts_at_the_rate_of_the_advance(self) -> None:
        held: Story = [*LOCKED, (ACCOUNTANT, pay_out("200", **DOLLARS))]
        (accounted,) = beside(given(held).when(LINE_PRODUCER, receipt_of("8400")), AdvanceAccounted)
        assert accounted == AdvanceAccounted(FLOAT, "S-000001", usd("100.00"), AdvanceState.PARTLY_ACCOUNTED)

    def test_in_its_currency_costs_what_the_advance_did(self) -> None:
        held: Story = [*LOCKED, (ACCOUNTANT, pay_out("200", **DOLLARS))]
        for sent in ({}, {"rate": DOLLARS["rate"]}):
            facts = given(held).when(LINE_PRODUCER, receipt_of("200", currency="USD", **sent)).facts
            assert isinstance(facts[0], SpendLogged)
            assert (facts[0].cost, facts[0].rate) == (inr("16800.00"), DOLLARS["rate"])
            assert facts[1] == AdvanceAccounted(FLOAT, "S-000001", usd("200.00"), AdvanceState.ACCOUNTED)

    def test_in_an_envelope_goes_line_by_line(self) -> None:
        """The second line is more than what is left, the third owed as a whole."""
        facts = beside(given(FLOATED).when(*BEYOND[-1]), AdvanceAccounted, AdvanceExceeded)
        assert facts == [
            AdvanceAccounted(FLOAT, "S-000001", inr("15000.00"), AdvanceState.PARTLY_ACCOUNTED),
            AdvanceAccounted(FLOAT, "S-000002", inr("5000.00"), AdvanceState.ACCOUNTED),
            AdvanceExceeded("FLAG-1", FLOAT, "S-000002", EDITING, inr("5000.00"), inr("1000.00"), inr("1000.00")),
            AdvanceExceeded("FLAG-2", FLOAT, "S-000003", ART, inr("0.00"), inr("500.00"), inr("500.00")),
        ]

    def test_accounts_for_what_is_paid_and_not_for_what_is_withheld(self) -> None:
        short = receipt_of("1000", withheld=Decimal(100))
        (accounted,) = beside(given(FLOATED).when(LINE_PRODUCER, short), AdvanceAccounted)
        assert accounted == AdvanceAccounted(FLOAT, "S-000001", inr("900.00"), AdvanceState.PARTLY_ACCOUNTED)

    def test_in_an_envelope_is_paid_at_once_where_it_goes_beyond_it(self) -> None:
        logged = beside(given(FLOATED).when(*BEYOND[-1]), SpendLogged)
        batches = [each.batch for each in logged if isinstance(each, SpendLogged)]
        assert batches == [None, *(2 * ["S-000002..S-000003"])]

    def test_is_of_what_somebody_is_paid_for(self) -> None:
        with pytest.raises(ValueError, match="nobody is paid for an accrual"):
            spend(ART, "100", kind=SpendKind.ACCRUAL, advance=FLOAT)
        with pytest.raises(ValueError, match="nobody is paid for an accrual"):
            batch(line(ART, "100"), kind=SpendKind.ACCRUAL, advance=FLOAT)

    def test_is_an_invoice_that_uses_up_a_deposit(self) -> None:
        invoice = receipt_of("50000", advance=DEPOSIT)
        (accounted,) = beside(given(DEPOSITED).when(LINE_PRODUCER, invoice), AdvanceAccounted)
        assert accounted == AdvanceAccounted(DEPOSIT, "S-000001", inr("50000.00"), AdvanceState.ACCOUNTED)


#: An envelope that is 1,500 more than the float.
BEYOND: Story = [
    *FLOATED,
    (LINE_PRODUCER, envelope(line(ART, "15000"), line(EDITING, "6000"), line(ART, "500"))),
]


class TestPayingWhatIsOwed:
    """To whoever paid more than was left."""

    def test_is_of_what_was_not_paid_out_of_the_advance(self) -> None:
        [paid] = given(BEYOND).when(ACCOUNTANT, pay("S-000003")).facts
        assert isinstance(paid, SpendPaid)
        assert (paid.entries, paid.booked, paid.amount) == (("S-000002", "S-000003"), inr("1500"), inr("1500"))

    def test_is_done_once(self) -> None:
        again = given([*BEYOND, (ACCOUNTANT, pay("S-000002"))]).when(ACCOUNTANT, pay("S-000003"))
        assert isinstance(again.refusal, SpendIsPaid)
        assert isinstance(given(BEYOND).when(ACCOUNTANT, pay("S-000001")).refusal, PaidOutOfAdvance)

    def test_is_released_as_that(self) -> None:
        story = adopted(COVERED, TO_ACCOUNTANTS)
        story = says([*story, (ACCOUNTANT, pay_out())], HOLDER, "A-3")
        story = [*story, *BEYOND[len(FLOATED) :]]
        released = beside(given(story).when(*says(story, HOLDER, "A-4")[-1]), PaymentReleased)
        assert [each.paid for each in released if isinstance(each, PaymentReleased)] == [
            *(inr("1000"), inr("500")),
        ]

    def test_in_another_currency_is_its_part_of_what_was_booked(self) -> None:
        """A receipt of 150 dollars out of a float of 100: a third is owed, as it was booked."""
        held: Story = [*LOCKED, (ACCOUNTANT, pay_out("100", **DOLLARS))]
        (exceeded,) = beside(given(held).when(LINE_PRODUCER, receipt_of("150", currency="USD")), AdvanceExceeded)
        assert isinstance(exceeded, AdvanceExceeded)
        assert (exceeded.owed, exceeded.booked) == (usd("50.00"), inr("4200.00"))

    def test_before_it_is_released_is_refused_by_that_much(self) -> None:
        story = says([*adopted(COVERED, TO_ACCOUNTANTS), (ACCOUNTANT, pay_out())], HOLDER, "A-3")
        refusal = given([*story, BEYOND[-1]]).when(ACCOUNTANT, pay("S-000002")).refusal
        assert isinstance(refusal, PaymentIsNotReleased)
        assert refusal.owed == inr("1000")


class TestReturnAdvance:
    def test_of_a_part_leaves_the_rest_open(self) -> None:
        given(FLOATED).when(ACCOUNTANT, give_back("5000")).then(
            AdvanceReturned(FLOAT, inr("5000.00"), TODAY, "Cash book 17", AdvanceState.PARTLY_ACCOUNTED)
        )

    def test_of_the_rest_settles_it(self) -> None:
        some: Story = [*FLOATED, (LINE_PRODUCER, receipt_of("15000"))]
        given(some).when(ACCOUNTANT, give_back("5000")).then(
            AdvanceReturned(FLOAT, inr("5000.00"), TODAY, "Cash book 17", AdvanceState.RETURNED)
        )


class TestVoidReturn:
    def test_opens_again_what_had_not_come_back(self) -> None:
        given(RETURNED).when(ACCOUNTANT, void_return()).then(
            AdvanceReturnVoided(FLOAT, 1, inr("20000.00"), AdvanceState.OPEN)
        )
        given(VOIDED).when(ACCOUNTANT, give_back("12000")).then(
            AdvanceReturned(FLOAT, inr("12000.00"), TODAY, "Cash book 17", AdvanceState.PARTLY_ACCOUNTED)
        )

    def test_leaves_the_other_returns(self) -> None:
        some: Story = [*FLOATED, (ACCOUNTANT, give_back("4000")), (ACCOUNTANT, give_back("16000"))]
        given(some).when(ACCOUNTANT, void_return()).then(
            AdvanceReturnVoided(FLOAT, 1, inr("4000.00"), AdvanceState.PARTLY_ACCOUNTED)
        )
        again: Story = [*some, (ACCOUNTANT, void_return()), (ACCOUNTANT, give_back("4000"))]
        given(again).when(ACCOUNTANT, void_return(3)).then(
            AdvanceReturnVoided(FLOAT, 3, inr("4000.00"), AdvanceState.PARTLY_ACCOUNTED)
        )


class TestCloseAdvance:
    def test_is_posted_in_an_open_period(self) -> None:
        closed_week = closed(FLOATED, "0")
        assert isinstance(given(closed_week).when(ACCOUNTANT, close_short()).refusal, PeriodIsClosed)

    def test_of_a_float_is_a_cost_and_flagged_as_short(self) -> None:
        some: Story = [*FLOATED, (LINE_PRODUCER, receipt_of("15000"))]
        logged, *others = given(some).when(ACCOUNTANT, close_short()).facts
        assert isinstance(logged, SpendLogged)
        assert (logged.cost, logged.kind, logged.vendor) == (inr("5000.00"), SpendKind.PETTY_CASH, "float-0001")
        assert others == [
            AdvanceClosed(FLOAT, "S-000002", inr("5000.00"), AdvanceState.SHORT),
            FloatShort("FLAG-1", FLOAT, "S-000002", ART, DIRECTOR, inr("5000.00")),
        ]

    def test_of_a_deposit_is_what_its_vendor_keeps(self) -> None:
        logged, closed = given(DEPOSITED).when(ACCOUNTANT, close_short(DEPOSIT)).facts
        assert isinstance(logged, SpendLogged)
        assert (logged.cost, logged.vendor) == (inr("50000.00"), "kala-sets")
        assert closed == AdvanceClosed(DEPOSIT, "S-000001", inr("50000.00"), AdvanceState.KEPT)

    def test_is_taken_back_by_the_reversal_of_its_entry(self) -> None:
        closed: Story = [*FLOATED, (ACCOUNTANT, close_short())]
        reversed_, restored = given(closed).when(ACCOUNTANT, reverse("S-000001")).facts
        assert isinstance(reversed_, SpendReversed)
        assert reversed_.clears == ("FLAG-1",)
        assert restored == AccountingReversed(FLOAT, "S-000001", Decimal(0), Decimal("20000.00"), AdvanceState.OPEN)
