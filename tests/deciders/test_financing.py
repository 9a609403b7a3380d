"""Sources of funds: how firm they are, what has come in, and what they cover."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from events.financing import (
    CoverReduced,
    FundingAmended,
    FundingClosed,
    FundingCommitted,
    FundingKind,
    FundingSourceIdentified,
    FundingState,
    FundingTerms,
    FundingWithdrawn,
    FundsReceiptReversed,
    FundsReceived,
    LetterOfIntentRecorded,
    ReceiptBeforeClosing,
    ReceiptBeyondCommitment,
    counted_once,
)
from events.money import ExchangeRate, Money
from service.deciders.financing import (
    AmendFunding,
    CloseFunding,
    CommitFunding,
    RestsOn,
    SecureFunding,
    SourceIsClosed,
    WithdrawFunding,
)
from service.deciders.receipt import ReverseReceipt
from service.deciders.submission import SubmitBudget
from tests.deciders import rounds
from tests.deciders.stories import (
    ACCOUNTANT,
    APPROVED,
    CLOSED,
    CO_PRODUCER,
    FUNDED,
    HOLDER,
    LINE_PRODUCER,
    MAYA,
    PRODUCER,
    STAFFED,
    TODAY,
    WITHDRAWN,
    approve,
    budget,
    equity,
    inr,
    rate,
    receipt,
    usd,
)
from tests.spec import Story, given, play

WHY = "The parties agreed."
EQUITY_TERMS = FundingTerms(
    kind=FundingKind.EQUITY,
    party="Prasad Film Fund",
    holder=None,
    amount=inr("400000"),
    budget_rate=None,
    base_amount=inr("400000"),
    lent_against=None,
    expected_on=(),
)


def amend(funding: str, **terms: Any) -> AmendFunding:
    return AmendFunding(funding=funding, reason=WHY, **terms)


def letter(funding: str, document: str = "Letter") -> CommitFunding:
    return CommitFunding(funding=funding, rests_on=RestsOn.LETTER_OF_INTENT, document=document)


def agreement(funding: str, document: str = "Agreement") -> CommitFunding:
    return CommitFunding(funding=funding, document=document)


def withdraw(funding: str) -> WithdrawFunding:
    return WithdrawFunding(funding=funding, reason=WHY)


def take_back(number: str) -> ReverseReceipt:
    return ReverseReceipt(receipt=number, posted_on=TODAY, reason=WHY)


def received(number: str, funding: str, amount: Money, state: FundingState) -> FundsReceived:
    """The fact of a receipt that was credited as it came."""
    return FundsReceived(
        receipt=number,
        funding=funding,
        amount=amount,
        credited=amount,
        bank_charges=inr("0"),
        value_on=TODAY,
        posted_on=TODAY,
        bank_reference="NEFT 0001",
        state=state,
    )


def taken_back(number: str, amount: Money, state: FundingState, clears: Sequence[str] = ()) -> FundsReceiptReversed:
    return FundsReceiptReversed(
        receipt=number,
        funding="F-1",
        amount=amount,
        credited=amount,
        bank_charges=inr("0"),
        posted_on=TODAY,
        state=state,
        clears=tuple(clears),
    )


def state_of(story: Story, funding: str) -> FundingState:
    production = play(story).production
    assert production is not None
    return production.financing.sources[funding].state


def cover_of(story: Story) -> Decimal:
    production = play(story).production
    assert production is not None
    return production.financing.committed_cover()


#: F-1, 400,000 under a signed agreement, not closed yet.
COMMITTED: Story = [*STAFFED, (MAYA, equity(inr("400000")))]
CLOSED_SOURCE: Story = [*COMMITTED, (MAYA, CloseFunding(funding="F-1"))]
#: R-2 goes 50,000 beyond (FLAG-1), R-3 further (FLAG-2).
BEYOND: Story = [
    *FUNDED,
    (ACCOUNTANT, receipt("F-1", inr("150000"))),
    (ACCOUNTANT, receipt("F-1", inr("10000"))),
]
#: 500,000 committed for a budget of 460,000.
COVERED: Story = [*APPROVED, (MAYA, equity(inr("100000")))]
#: The second source steps back: 400,000 left (FLAG-1).
SHORT: Story = [*COVERED, (MAYA, withdraw("F-4"))]


class TestSecureFunding:
    def test_without_a_paper_is_merely_identified(self) -> None:
        command = equity(inr("400000"), rests_on=None, document=None)
        given(STAFFED).when(CO_PRODUCER, command).then(FundingSourceIdentified("F-1", EQUITY_TERMS))

    def test_with_a_letter_is_soft_committed(self) -> None:
        command = equity(inr("400000"), rests_on=RestsOn.LETTER_OF_INTENT, document="Letter")
        given(STAFFED).when(MAYA, command).then(
            FundingSourceIdentified("F-1", EQUITY_TERMS), LetterOfIntentRecorded("F-1", "Letter")
        )

    def test_with_an_agreement_is_committed(self) -> None:
        given(STAFFED).when(MAYA, equity(inr("400000"))).then(
            FundingSourceIdentified("F-1", EQUITY_TERMS),
            FundingCommitted("F-1", "Investment agreement", clears=()),
        )

    def test_names_the_paper_it_rests_on(self) -> None:
        with pytest.raises(ValidationError, match="name the letter or agreement"):
            equity(inr("400000"), document=None)

    def test_keeps_every_term(self) -> None:
        terms = {
            "party": "Bank",
            "holder": HOLDER,
            "lent_against": "F-1",
            "expected_on": (date(2026, 12, 1), date(2027, 1, 1)),
        }
        command = equity(inr("50000"), kind=FundingKind.DEBT, rests_on=None, **terms)
        loan = replace(EQUITY_TERMS, kind=FundingKind.DEBT, amount=inr("50000"), base_amount=inr("50000"))
        given(FUNDED).when(MAYA, command).then(FundingSourceIdentified("F-4", replace(loan, **terms)))

    def test_takes_no_document_that_is_neither_letter_nor_agreement(self) -> None:
        with pytest.raises(ValidationError, match="say in rests_on what the document is"):
            SecureFunding(kind=FundingKind.EQUITY, party="Fund", amount=inr("1"), document="A paper")

    def test_twice_is_two_sources(self) -> None:
        given(COMMITTED).when(MAYA, equity(inr("400000"))).then(
            FundingSourceIdentified("F-2", EQUITY_TERMS),
            FundingCommitted("F-2", "Investment agreement", clears=()),
        )

    @pytest.mark.parametrize(
        ("at", "in_base"),
        [
            (rate("USD", "INR", "83.125"), "83208.13"),
            (rate("INR", "USD", "0.012"), "83416.67"),
            (rate("INR", "USD", "0.0120301"), "83207.95"),
        ],
        ids=["dollars in rupees", "rupees in dollars", "rupees in dollars, all digits"],
    )
    def test_in_another_currency_is_measured_at_the_budget_rate_in_either_direction(
        self, at: ExchangeRate, in_base: str
    ) -> None:
        command = equity(usd("1001"), budget_rate=at, rests_on=None, document=None)
        terms = replace(EQUITY_TERMS, amount=usd("1001"), budget_rate=at, base_amount=inr(in_base))
        given(STAFFED).when(MAYA, command).then(FundingSourceIdentified("F-1", terms))


class TestTheStatesOfASource:
    def test_lead_from_first_name_to_cash(self) -> None:
        story: Story = [*STAFFED, (MAYA, equity(inr("100000"), rests_on=None, document=None))]
        walk = [state_of(story, "F-1")]
        for step in (
            letter("F-1"),
            agreement("F-1"),
            CloseFunding(funding="F-1"),
            receipt("F-1", inr("99999.99")),
            receipt("F-1", inr("0.01")),
            take_back("R-2"),
            take_back("R-1"),
        ):
            story = [*story, (MAYA, step)]
            walk.append(state_of(story, "F-1"))
        assert [state.value for state in walk] == [
            "identified",
            "soft_committed",
            "committed",
            "closed",
            "partly_funded",
            "funded",
            "partly_funded",
            "closed",
        ]

    def test_are_judged_in_the_sources_own_currency(self) -> None:
        presale = equity(usd("1000"), budget_rate=rate("USD", "INR", "80"))
        story: Story = [*STAFFED, (MAYA, presale), (MAYA, CloseFunding(funding="F-1"))]
        strong_rupee = receipt("F-1", usd("1000"), credited=inr("70000"), bank_charges=inr("500"))
        assert state_of([*story, (ACCOUNTANT, strong_rupee)], "F-1") is FundingState.FUNDED

    @pytest.mark.parametrize("paper", [None, RestsOn.LETTER_OF_INTENT, RestsOn.SIGNED_AGREEMENT])
    def test_end_in_withdrawal_from_any_of_the_first_three(self, paper: RestsOn | None) -> None:
        story: Story = [*STAFFED, (MAYA, equity(inr("1000"), rests_on=paper))]
        given(story).when(MAYA, withdraw("F-1")).then(FundingWithdrawn("F-1", left=state_of(story, "F-1")))


class TestCommitFunding:
    def test_from_the_first_name_at_once(self) -> None:
        identified: Story = [*STAFFED, (MAYA, equity(inr("1000"), rests_on=None))]
        given(identified).when(MAYA, agreement("F-1")).then(FundingCommitted("F-1", "Agreement", clears=()))

    def test_with_the_same_paper_twice_does_nothing(self) -> None:
        given([*FUNDED, (MAYA, agreement("F-2"))]).when(MAYA, agreement("F-2")).then_nothing()
        given([*FUNDED, (MAYA, letter("F-2"))]).when(MAYA, letter("F-2")).then_nothing()

    def test_with_a_letter_after_the_agreement_does_nothing(self) -> None:
        given([*FUNDED, (MAYA, agreement("F-2"))]).when(MAYA, letter("F-2", "Late letter")).then_nothing()

    def test_with_another_paper_records_that_one(self) -> None:
        given([*FUNDED, (MAYA, agreement("F-2"))]).when(MAYA, agreement("F-2", "Second agreement")).then(
            FundingCommitted("F-2", "Second agreement", clears=())
        )


class TestAmendFunding:
    def test_changes_what_is_sent_and_keeps_the_rest(self) -> None:
        given(COMMITTED).when(MAYA, amend("F-1", party="Prasad Fund II")).then(
            FundingAmended(
                funding="F-1",
                before=EQUITY_TERMS,
                after=replace(EQUITY_TERMS, party="Prasad Fund II"),
                state=FundingState.COMMITTED,
                clears=(),
            )
        )

    def test_takes_away_what_is_sent_as_nothing(self) -> None:
        expected = equity(inr("400000"), holder=HOLDER, expected_on=(TODAY,))
        answer = given([*STAFFED, (MAYA, expected)]).when(MAYA, amend("F-1", holder=None, expected_on=()))
        answer.then(
            FundingAmended(
                funding="F-1",
                before=replace(EQUITY_TERMS, holder=HOLDER, expected_on=(TODAY,)),
                after=EQUITY_TERMS,
                state=FundingState.COMMITTED,
                clears=(),
            )
        )

    def test_with_the_terms_that_are_there_does_nothing(self) -> None:
        command = amend("F-1", party="Prasad Film Fund", amount=inr("400000"), lent_against=None)
        given(COMMITTED).when(MAYA, command).then_nothing()

    def test_into_the_base_currency_drops_the_rate(self) -> None:
        answer = given(FUNDED).when(MAYA, amend("F-2", amount=inr("80000")))
        (amended,) = answer.facts
        assert (amended.after.budget_rate, amended.after.base_amount) == (None, inr("80000"))

    def test_into_another_currency_needs_its_rate(self) -> None:
        answer = given(FUNDED).when(
            MAYA, amend("F-2", amount=Money(Decimal("900.00"), "EUR"), budget_rate=rate("EUR", "INR", "90"))
        )
        (amended,) = answer.facts
        assert amended.after.base_amount == inr("81000")

    def test_to_what_has_come_in_makes_the_source_funded(self) -> None:
        answer = given(FUNDED).when(MAYA, amend("F-1", amount=inr("300000")))
        (amended,) = answer.facts
        assert amended.state is FundingState.FUNDED

    def test_past_what_has_come_in_opens_a_funded_source_again(self) -> None:
        full: Story = [*FUNDED, (ACCOUNTANT, receipt("F-1", inr("100000")))]
        (amended,) = given(full).when(MAYA, amend("F-1", amount=inr("400001"))).facts
        assert amended.state is FundingState.PARTLY_FUNDED


class TestCloseFunding:
    def test_lets_the_money_flow(self) -> None:
        given(COMMITTED).when(MAYA, CloseFunding(funding="F-1")).then(
            FundingClosed("F-1", FundingState.CLOSED, clears=())
        )

    def test_twice_does_nothing(self) -> None:
        given(FUNDED).when(MAYA, CloseFunding(funding="F-1")).then_nothing()

    @pytest.mark.parametrize(
        ("early", "state"), [("1000", FundingState.PARTLY_FUNDED), ("400000", FundingState.FUNDED)]
    )
    def test_counts_what_had_come_in_and_clears_its_flags(self, early: str, state: FundingState) -> None:
        story: Story = [*COMMITTED, (ACCOUNTANT, receipt("F-1", inr(early)))]
        given(story).when(MAYA, CloseFunding(funding="F-1")).then(FundingClosed("F-1", state, clears=("FLAG-1",)))


class TestWithdrawFunding:
    def test_twice_does_nothing(self) -> None:
        given(WITHDRAWN).when(MAYA, withdraw("F-2")).then_nothing()

    def test_after_closing_is_too_late(self) -> None:
        given(CLOSED_SOURCE).when(MAYA, withdraw("F-1")).then_refused(SourceIsClosed("F-1", FundingState.CLOSED))


class TestRecordReceipt:
    def test_of_a_part_is_recorded(self) -> None:
        given(CLOSED_SOURCE).when(ACCOUNTANT, receipt("F-1", inr("100000"))).then(
            received("R-1", "F-1", inr("100000"), FundingState.PARTLY_FUNDED)
        )

    def test_twice_is_two_receipts(self) -> None:
        story: Story = [*CLOSED_SOURCE, (ACCOUNTANT, receipt("F-1", inr("100000")))]
        given(story).when(ACCOUNTANT, receipt("F-1", inr("100000"))).then(
            received("R-2", "F-1", inr("100000"), FundingState.PARTLY_FUNDED)
        )

    def test_keeps_what_was_credited_and_what_the_bank_took_apart(self) -> None:
        presale: Story = [*FUNDED, (MAYA, agreement("F-2")), (MAYA, CloseFunding(funding="F-2"))]
        command = receipt("F-2", usd("500"), credited=inr("41200"), bank_charges=inr("300"))
        given(presale).when(ACCOUNTANT, command).then(
            replace(
                received("R-2", "F-2", usd("500"), FundingState.PARTLY_FUNDED),
                credited=inr("41200"),
                bank_charges=inr("300"),
            )
        )

    def test_before_closing_is_recorded_and_flagged(self) -> None:
        given(COMMITTED).when(ACCOUNTANT, receipt("F-1", inr("1000"))).then(
            received("R-1", "F-1", inr("1000"), FundingState.COMMITTED),
            ReceiptBeforeClosing("FLAG-1", "R-1", "F-1", FundingState.COMMITTED),
        )

    def test_of_a_withdrawn_source_is_recorded_and_flagged(self) -> None:
        story: Story = [*COMMITTED, (MAYA, withdraw("F-1"))]
        given(story).when(ACCOUNTANT, receipt("F-1", inr("1000"))).then(
            received("R-1", "F-1", inr("1000"), FundingState.WITHDRAWN),
            ReceiptBeforeClosing("FLAG-1", "R-1", "F-1", FundingState.WITHDRAWN),
        )

    def test_to_the_last_rupee_is_not_flagged(self) -> None:
        given(CLOSED_SOURCE).when(ACCOUNTANT, receipt("F-1", inr("400000"))).then(
            received("R-1", "F-1", inr("400000"), FundingState.FUNDED)
        )

    def test_beyond_the_commitment_is_recorded_and_flagged(self) -> None:
        given(FUNDED).when(ACCOUNTANT, receipt("F-1", inr("150000"))).then(
            received("R-2", "F-1", inr("150000"), FundingState.FUNDED),
            ReceiptBeyondCommitment(
                "FLAG-1", "R-2", "F-1", committed=inr("400000"), received=inr("450000"), over=inr("50000")
            ),
        )

    def test_early_and_beyond_is_flagged_for_both(self) -> None:
        given(COMMITTED).when(ACCOUNTANT, receipt("F-1", inr("400001"))).then(
            received("R-1", "F-1", inr("400001"), FundingState.COMMITTED),
            ReceiptBeforeClosing("FLAG-1", "R-1", "F-1", FundingState.COMMITTED),
            ReceiptBeyondCommitment(
                "FLAG-2", "R-1", "F-1", committed=inr("400000"), received=inr("400001"), over=inr("1")
            ),
        )

    def test_of_somebody_elses_source_is_open_to_a_holder(self) -> None:
        other: Story = [*FUNDED, (MAYA, equity(inr("1000"))), (MAYA, CloseFunding(funding="F-4"))]
        given(other).when(HOLDER, receipt("F-4", inr("1000"))).then(
            received("R-2", "F-4", inr("1000"), FundingState.FUNDED)
        )

    def test_is_taken_after_the_end_of_the_production(self) -> None:
        given(CLOSED).when(ACCOUNTANT, receipt("F-1", inr("100000"))).then(
            received("R-2", "F-1", inr("100000"), FundingState.FUNDED)
        )


class TestFlagsOnReceipts:
    def test_are_all_cleared_by_a_reversal_that_brings_the_source_within(self) -> None:
        given(BEYOND).when(MAYA, take_back("R-1")).then(
            taken_back("R-1", inr("300000"), FundingState.PARTLY_FUNDED, clears=("FLAG-1", "FLAG-2"))
        )

    def test_are_cleared_one_by_one_while_the_source_is_still_beyond(self) -> None:
        given(BEYOND).when(MAYA, take_back("R-3")).then(
            taken_back("R-3", inr("10000"), FundingState.FUNDED, clears=("FLAG-2",))
        )

    def test_are_cleared_by_new_terms_that_are_enough(self) -> None:
        (amended,) = given(BEYOND).when(MAYA, amend("F-1", amount=inr("460000"))).facts
        assert amended.clears == ("FLAG-1", "FLAG-2")

    def test_stand_while_new_terms_are_not_enough(self) -> None:
        (amended,) = given(BEYOND).when(MAYA, amend("F-1", amount=inr("459999"))).facts
        assert amended.clears == ()

    def test_are_raised_by_new_terms_below_what_came_in_and_cleared_by_better_ones(self) -> None:
        _, flag = given(FUNDED).when(MAYA, amend("F-1", amount=inr("299999"))).facts
        assert flag == ReceiptBeyondCommitment(
            "FLAG-1", None, "F-1", committed=inr("299999"), received=inr("300000"), over=inr("1")
        )
        cut: Story = [*FUNDED, (MAYA, amend("F-1", amount=inr("299999")))]
        assert len(given(cut).when(MAYA, amend("F-1", amount=inr("299999.5"))).facts) == 1
        (amended,) = given(cut).when(MAYA, amend("F-1", amount=inr("300000"))).facts
        assert amended.clears == ("FLAG-1",)

    def test_are_cleared_once(self) -> None:
        mended: Story = [*BEYOND, (MAYA, amend("F-1", amount=inr("460000")))]
        given(mended).when(MAYA, take_back("R-3")).then(taken_back("R-3", inr("10000"), FundingState.PARTLY_FUNDED))

    def test_for_coming_early_fall_with_the_receipt_itself(self) -> None:
        early: Story = [*COMMITTED, (ACCOUNTANT, receipt("F-1", inr("1000")))]
        given(early).when(ACCOUNTANT, take_back("R-1")).then(
            taken_back("R-1", inr("1000"), FundingState.COMMITTED, clears=("FLAG-1",))
        )


class TestCover:
    def reduced(self, flag: str, funding: str, before: str, after: str) -> CoverReduced:
        return CoverReduced(flag, funding, "v1", inr("460000"), inr(before), inr(after))

    def test_is_committed_cash_in_base_currency(self) -> None:
        assert cover_of(FUNDED) == Decimal("400000")
        assert cover_of([*FUNDED, (MAYA, agreement("F-2"))]) == Decimal("480000")

    def test_counts_a_loan_and_what_it_is_lent_against_once(self) -> None:
        def loan(amount: str) -> SecureFunding:
            return equity(inr(amount), kind=FundingKind.DEBT, lent_against="F-1")

        assert cover_of([*FUNDED, (MAYA, loan("150000"))]) == Decimal("400000")
        assert cover_of([*FUNDED, (MAYA, loan("450000"))]) == Decimal("450000")

    def test_counts_in_full_what_a_loan_that_is_not_committed_is_lent_against(self) -> None:
        idea = equity(inr("450000"), kind=FundingKind.DEBT, lent_against="F-1", rests_on=None)
        assert cover_of([*FUNDED, (MAYA, idea)]) == Decimal("400000")

    def test_is_not_cut_by_what_is_no_cash_and_lent_against_it(self) -> None:
        gear = equity(inr("150000"), kind=FundingKind.IN_KIND, lent_against="F-1")
        assert cover_of([*FUNDED, (MAYA, gear)]) == Decimal("400000")

    def test_counts_a_chain_of_loans_once(self) -> None:
        amounts = {"F-1": Decimal(100), "F-2": Decimal(80), "F-3": Decimal(60)}
        once = counted_once(amounts, {"F-1": None, "F-2": "F-1", "F-3": "F-2"})
        assert once == {"F-1": Decimal(20), "F-2": Decimal(20), "F-3": Decimal(60)}

    def test_cut_by_an_amendment_is_flagged(self) -> None:
        answer = given(APPROVED).when(MAYA, amend("F-1", amount=inr("350000")))
        assert answer.facts[1:] == (self.reduced("FLAG-1", "F-1", "400000", "350000"),)

    def test_cut_by_a_withdrawal_is_flagged(self) -> None:
        given(COVERED).when(MAYA, withdraw("F-4")).then(
            FundingWithdrawn("F-4", left=FundingState.COMMITTED),
            self.reduced("FLAG-1", "F-4", "500000", "400000"),
        )

    def test_cut_to_nothing_is_written_with_the_currencys_digits(self) -> None:
        alone: Story = [*STAFFED, (MAYA, equity(inr("1000"))), *APPROVED[len(FUNDED) :]]
        (_, reduced) = given(alone).when(MAYA, withdraw("F-1")).facts
        assert str(reduced.cover_after.amount) == "0.00"

    def test_cut_by_a_lower_budget_rate_is_flagged(self) -> None:
        story: Story = [*APPROVED, (MAYA, agreement("F-2"))]
        answer = given(story).when(MAYA, amend("F-2", budget_rate=rate("USD", "INR", "50")))
        assert answer.facts[1:] == (self.reduced("FLAG-1", "F-2", "480000", "450000"),)

    def test_is_measured_against_the_total_budget_with_the_overages_beside_it(self) -> None:
        grown: Story = [*rounds.adopted(rounds.COVERED, rounds.policy()), (PRODUCER, rounds.overage("100000"))]
        reduced = given(grown).when(MAYA, amend("F-4", amount=inr("150000"))).facts[-1]
        assert reduced == CoverReduced("FLAG-1", "F-4", "v1", inr("560000"), inr("600000"), inr("550000"))
        cut: Story = [*grown, (MAYA, amend("F-4", amount=inr("150000")))]
        assert given(cut).when(MAYA, amend("F-4", amount=inr("160000"))).facts[0].clears == ("FLAG-1",)
        assert given(cut).when(MAYA, amend("F-4", amount=inr("159999"))).facts[0].clears == ()

    def test_is_not_cut_while_it_stays_enough(self) -> None:
        story: Story = [*APPROVED, (MAYA, agreement("F-2"))]
        assert len(given(story).when(MAYA, amend("F-2", budget_rate=rate("USD", "INR", "70"))).facts) == 1

    def test_is_not_cut_by_the_withdrawal_of_what_nothing_binds(self) -> None:
        given(APPROVED).when(MAYA, withdraw("F-2")).then(FundingWithdrawn("F-2", left=FundingState.SOFT_COMMITTED))

    def test_is_not_cut_while_no_budget_is_in_force(self) -> None:
        assert len(given(FUNDED).when(MAYA, amend("F-1", amount=inr("350000"))).facts) == 1

    def test_of_things_in_kind_is_none(self) -> None:
        assert len(given(APPROVED).when(MAYA, amend("F-3", amount=inr("1"))).facts) == 1

    def test_flags_are_cleared_by_a_new_source_that_is_enough(self) -> None:
        enough = given(SHORT).when(MAYA, equity(inr("60000"))).facts
        assert enough[1] == FundingCommitted("F-5", "Investment agreement", clears=("FLAG-1",))

    def test_flags_stand_while_a_new_source_is_not_enough(self) -> None:
        short = given(SHORT).when(MAYA, equity(inr("59999.99"))).facts
        assert short[1] == FundingCommitted("F-5", "Investment agreement", clears=())

    def test_flags_are_cleared_by_a_signature_that_is_enough(self) -> None:
        given(SHORT).when(MAYA, agreement("F-2")).then(FundingCommitted("F-2", "Agreement", clears=("FLAG-1",)))

    def test_flags_are_cleared_by_an_amendment_that_is_enough(self) -> None:
        (amended,) = given(SHORT).when(MAYA, amend("F-1", amount=inr("460000"))).facts
        assert amended.clears == ("FLAG-1",)

    def test_flags_fall_when_another_budget_comes_into_force(self) -> None:
        asked: Story = [
            *SHORT,
            (LINE_PRODUCER, budget("100000")),
            (PRODUCER, SubmitBudget(budget="v2")),
        ]
        approved = given(asked).when(MAYA, approve(asked, "A-2", "v2")).facts[1]
        assert approved.clears == ("FLAG-1",)


class TestReverseReceipt:
    def test_takes_it_back_whole(self) -> None:
        given(FUNDED).when(ACCOUNTANT, take_back("R-1")).then(taken_back("R-1", inr("300000"), FundingState.CLOSED))
