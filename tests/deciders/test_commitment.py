"""Commitments: what is promised, what it holds of the budget, and what stops it."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from events.approval import ApprovalRequested, ApprovedByPolicy, RequestApproved, RequestRecalled
from events.budget import Held
from events.commitment import (
    LIVE,
    AmendmentSubmitted,
    CommitmentAmended,
    CommitmentCancelled,
    CommitmentClosed,
    CommitmentExceeded,
    CommitmentKind,
    CommitmentOpened,
    CommitmentRelieved,
    CommitmentReopened,
    CommitmentState,
    CommitmentSubmitted,
    Hold,
    InvoicedByAnother,
    ReliefReversed,
    RequisitionWithdrawn,
)
from events.ids import AccountCode, PersonId
from events.policy import Control, ControlAction, ControlScope, Policy, RequestKind, Rule, When
from events.relief import NOTHING
from service.deciders import decision
from service.deciders.approval import Approve, CannotTakeEffect, RecallRequest, Reject
from service.deciders.change import AccountWouldBeOverspent
from service.deciders.command import Command
from service.deciders.commitment import (
    AmendedBelowInvoices,
    CancelCommitment,
    CloseCommitment,
    CommitmentIsNot,
    ReopenCommitment,
    WithdrawRequisition,
)
from service.deciders.control import BeyondWhatIsAvailable, ControlIsNotYours
from service.deciders.refusal import Refusal
from service.deciders.submission import SubmitBudget
from tests.deciders.commitments import (
    ASKS,
    CLOSED_ORDER,
    EUROS,
    ORDERS,
    amend,
    bought,
    invoice,
    order,
    reopen,
    requisition,
    submit,
)
from tests.deciders.documents import batch, line
from tests.deciders.rounds import COVERED, EP, adopted, asked, says, transfer
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    CONTINGENCY,
    EDITING,
    FUNDED,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    STORY,
    approve,
    budget,
    held,
    inr,
    recode,
    reverse,
    spend,
)
from tests.deciders.test_policy import ruled
from tests.spec import Story, World, given, play


def available(world: World, account: AccountCode = ART) -> Decimal:
    assert world.production is not None
    found = world.production.available
    assert found is not None
    return found.of(account).available


def state(story: Story, commitment: str = "PO-0001") -> CommitmentState:
    production = play(story).production
    assert production is not None
    return production.commitments.known[commitment].state


#: 1,000 for art in a locked budget, of which nothing is spent.
SMALL: Story = [*FUNDED, (LINE_PRODUCER, budget("1000")), (PRODUCER, SubmitBudget(budget="v1"))]
SMALL = [*SMALL, (MAYA, approve(SMALL))]
#: The total is stopped at what is left of it: 225,480.
FREE = Decimal("225480")


class TestEncumbrance:
    def test_moves_what_is_available_by_what_is_new_alone(self) -> None:
        steps: list[tuple[Story, str]] = [
            ([(LINE_PRODUCER, requisition((ART, "300")))], "700"),
            ([(LINE_PRODUCER, order((ART, "200"), requisition="REQ-1"))], "700"),
            ([(LINE_PRODUCER, submit())], "700"),
            ([invoice("200")], "700"),
            ([(LINE_PRODUCER, requisition((ART, "50")))], "650"),
            ([(LINE_PRODUCER, WithdrawRequisition(requisition="REQ-1", reason=WHY))], "750"),
        ]
        story = SMALL
        for further, left in steps:
            story = [*story, *further]
            assert available(play(story)) == Decimal(left)

    def test_an_order_beyond_its_requisition_takes_the_rest(self) -> None:
        story: Story = [*SMALL, (LINE_PRODUCER, requisition((ART, "300")))]
        story = [*story, *bought((ART, "400"), (EDITING, "10"), requisition="REQ-1")]
        assert available(play(story)) == Decimal(600)
        [submitted] = [fact for fact, _ in play(story).facts if isinstance(fact, CommitmentSubmitted)]
        assert submitted.takes_over == (Hold(ART, Decimal("300.00")),)


class TestTheControl:
    """What is available of the whole is 460,000 in the locked budget."""

    @staticmethod
    def two(terms: Policy | None = None, account: AccountCode = ART) -> tuple[list[str], Refusal | None]:
        """Two orders of 60 against 100: which warnings the second has, or how it is refused."""
        story = [*FUNDED, (LINE_PRODUCER, held(art=Held.CAPPED) if account == "capped" else budget("100"))]
        story = [*story, (PRODUCER, SubmitBudget(budget="v1"))]
        story = [*story, (MAYA, approve(story))]
        story = story if terms is None else adopted(story, terms)
        story = [*story, *bought((ART, "60")), (LINE_PRODUCER, order((ART, "60")))]
        answer = given(story).when(LINE_PRODUCER, submit(2))
        found = [fact for fact in answer.facts if isinstance(fact, CommitmentSubmitted)]
        return [f"{each.of} {each.over}" for fact in found for each in fact.beyond], answer.refusal

    def test_warns_on_accounts_unless_the_policy_says_otherwise(self) -> None:
        assert self.two() == ([f"{ART} INR 20.00"], None)

    def test_stops_what_the_policy_stops_and_says_what_is_available(self) -> None:
        stop = Control(ControlScope.ACCOUNT, ControlAction.STOP)
        _, refusal = self.two(ruled(Rule("Orders", ORDERS), controls=(stop,)))
        assert isinstance(refusal, BeyondWhatIsAvailable)
        assert (refusal.available, refusal.requested, refusal.over) == (inr("40"), inr("60"), inr("20"))
        assert "beyond INR 40.00 available (v1 has 100.00 for it, less 0.00 spent, 60.00 committed" in str(refusal)
        assert "submitted with `override`, by executive producer" in refusal.advice()

    @pytest.mark.parametrize(
        ("tolerance", "stops"),
        [({"tolerance": "20"}, False), ({"tolerance": "19.99"}, True), ({"percent": "20"}, False)],
    )
    def test_lets_pass_what_is_within_its_tolerance(self, tolerance: dict[str, str], stops: bool) -> None:
        absolute, percent = tolerance.get("tolerance"), tolerance.get("percent")
        stop = Control(
            ControlScope.ACCOUNT,
            ControlAction.STOP,
            None if absolute is None else Decimal(absolute),
            None if percent is None else Decimal(percent),
        )
        found, refusal = self.two(ruled(Rule("Orders", ORDERS), controls=(stop,)))
        assert (found == [f"{ART} INR 20.00"], refusal is not None) == (not stops, stops)
        assert refusal is None or "; 19.99 beyond it is tolerated)" in str(refusal)

    def test_ignores_what_the_policy_does_not_name(self) -> None:
        assert self.two(ruled(Rule("Orders", ORDERS), controls=())) == ([], None)

    def test_of_a_level_measures_all_of_its_accounts(self) -> None:
        stop = Control(ControlScope.LEVEL, ControlAction.STOP)
        _, refusal = self.two(ruled(Rule("Orders", ORDERS), controls=(stop,)))
        assert isinstance(refusal, BeyondWhatIsAvailable)
        assert refusal.what == "the level production"

    def test_stops_at_a_capped_account_and_at_the_whole(self) -> None:
        capped = [*FUNDED, (LINE_PRODUCER, held(art=Held.CAPPED)), (PRODUCER, SubmitBudget(budget="v1"))]
        story: Story = [*capped, (MAYA, approve(capped)), (LINE_PRODUCER, order((ART, "200000.01")))]
        refusal = given(story).when(LINE_PRODUCER, submit()).refusal
        assert isinstance(refusal, BeyondWhatIsAvailable)
        assert (refusal.what, refusal.over) == (f"capped account {ART}", inr("0.01"))
        story = [*LOCKED, (LINE_PRODUCER, order((ART, "300000"), (EDITING, "160000.01")))]
        refusal = given(story).when(LINE_PRODUCER, submit()).refusal
        assert isinstance(refusal, BeyondWhatIsAvailable)
        assert (refusal.what, refusal.available) == ("the total budget", inr("460000"))

    def test_is_overridden_by_whom_the_policy_names_and_the_fact_says_so(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, order((ART, "500000")))]
        given(story).when(LINE_PRODUCER, submit(override=True)).then_refused(
            ControlIsNotYours(_roles(story, LINE_PRODUCER), _roles(story, MAYA)[0])
        )
        [submitted, _] = given(story).when(MAYA, submit(override=True)).facts
        assert isinstance(submitted, CommitmentSubmitted)
        assert [(each.of, each.overridden) for each in submitted.beyond] == [(ART, False), (None, True)]

    def test_measures_nothing_without_a_budget_in_force(self) -> None:
        assert state([*FUNDED, *bought((ART, "99999999"))]) is CommitmentState.OPEN

    def test_takes_nothing_from_the_contingency(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, order((CONTINGENCY, "1")))]
        assert "contingency" in str(given(story).when(LINE_PRODUCER, submit()).refusal)

    def test_keeps_a_transfer_from_what_is_committed(self) -> None:
        story: Story = [*LOCKED, *bought((STORY, "50000"))]
        refusal = given(story).when(PRODUCER, transfer("60000")).refusal
        assert isinstance(refusal, AccountWouldBeOverspent)
        assert (refusal.taken, refusal.over) == (inr("50000"), inr("10000"))


def _roles(story: Story, person: PersonId) -> tuple[Any, ...]:
    return play(story).metadata(person, submit()).roles


class TestInvoices:
    def test_relieve_an_order_part_by_part_and_the_excess_is_flagged(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "1000"))]
        first = given(story).when(*invoice("400")).facts
        assert (
            CommitmentRelieved(
                "PO-0001",
                "S-000001",
                (Hold(ART, Decimal("400.00")),),
                (Hold(ART, Decimal("400.00")),),
                CommitmentState.PARTLY_RELIEVED,
                (),
            )
            in first
        )
        story = [*story, invoice("400")]
        facts = given(story).when(*invoice("700", "KS-2")).facts
        relieved = next(fact for fact in facts if isinstance(fact, CommitmentRelieved))
        flag = next(fact for fact in facts if isinstance(fact, CommitmentExceeded))
        assert (relieved.relieved, relieved.state) == ((Hold(ART, Decimal("600.00")),), CommitmentState.RELIEVED)
        assert (flag.left, flag.excess) == (inr("600"), inr("100"))

    def test_of_another_account_relieve_the_rest_after_their_own(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "100"), (EDITING, "50"))]
        facts = given(story).when(*invoice("120", code=EDITING)).facts
        relieved = next(fact for fact in facts if isinstance(fact, CommitmentRelieved))
        assert relieved.relieved == (Hold(ART, Decimal("70.00")), Hold(EDITING, Decimal("50.00")))

    def test_relieve_without_the_tax_that_comes_back(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "100"))]
        facts = given(story).when(*invoice("100", tax=Decimal(18), recoverable_tax=Decimal(18))).facts
        assert [type(fact) for fact in facts if isinstance(fact, CommitmentExceeded)] == []
        assert state([*story, invoice("100", tax=Decimal(18), recoverable_tax=Decimal(18))]) is CommitmentState.RELIEVED

    def test_in_its_currency_relieve_it_whole_whatever_the_rate_is_by_then(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "100"), currency="EUR", rate=EUROS)]
        assert available(play(story)) == Decimal(191000)
        paid = invoice("100", currency="EUR", rate=replace(EUROS, rate=Decimal(95)))
        assert state([*story, paid]) is CommitmentState.RELIEVED
        assert available(play([*story, paid])) == Decimal(190500)

    def test_in_another_currency_relieve_it_by_their_cost(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "100"), currency="EUR", rate=EUROS), invoice("4500")]
        found = play(story).production.commitments.known["PO-0001"]  # type: ignore[union-attr]
        assert (found.promise.left[ART], found.promise.base_left[ART]) == (Decimal(50), Decimal(4500))

    def test_that_are_reversed_restore_what_they_relieved_and_clear_the_flag(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "1000")), invoice("1100")]
        facts = given(story).when(ACCOUNTANT, reverse("S-000001")).facts
        restored = next(fact for fact in facts if isinstance(fact, ReliefReversed))
        assert (restored.restored, restored.state) == ((Hold(ART, Decimal("1000.00")),), CommitmentState.OPEN)
        raised = next(fact for fact in given(story[:-1]).when(*story[-1]).facts if isinstance(fact, CommitmentExceeded))
        assert raised.flag in facts[0].clears  # type: ignore[union-attr]
        assert available(play([*story, (ACCOUNTANT, reverse("S-000001"))])) == Decimal(199000)

    def test_beyond_an_order_relieve_what_it_is_amended_to_and_are_not_held_again(self) -> None:
        """1,000 for art; an order of 100 and an invoice of 120; the amendment asks for nothing that is not spent."""
        story: Story = [*SMALL, *bought((ART, "100")), invoice("120")]
        assert available(play(story)) == Decimal(880)
        facts = given(story).when(LINE_PRODUCER, amend((ART, "120"))).facts
        relieved = next(fact for fact in facts if isinstance(fact, CommitmentRelieved))
        assert next(fact for fact in facts if isinstance(fact, AmendmentSubmitted)).holds == ()
        assert (relieved.relieved, relieved.clears) == ((Hold(ART, Decimal("20.00")),), ("FLAG-1",))
        assert relieved.state is CommitmentState.RELIEVED
        story = [*story, (LINE_PRODUCER, amend((ART, "150")))]
        assert available(play(story)) == Decimal(850)
        assert not play(story).production.commitments.flagged  # type: ignore[union-attr]

    def test_beyond_what_is_left_of_an_amendment_are_flagged_anew(self) -> None:
        story: Story = [*SMALL, *bought((ART, "100")), invoice("130"), (LINE_PRODUCER, amend((ART, "110")))]
        flag = play(story).facts[-1][0]
        assert isinstance(flag, CommitmentExceeded)
        assert (flag.flag, flag.left, flag.excess) == ("FLAG-2", inr("10"), inr("20"))
        assert available(play(story)) == Decimal(870)

    def test_that_came_while_it_was_a_draft_or_waited_relieve_it_once_it_is_open(self) -> None:
        terms = ruled(Rule("Orders", ORDERS, (EP,)))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, order((ART, "1000"))), invoice("300")]
        story = [*story, (LINE_PRODUCER, submit())]
        assert available(play(story)) == Decimal(199000)
        story = [*story, invoice("200", "KS-2")]
        assert available(play(story)) == Decimal(199000)
        story = says(story, MAYA, "A-4")
        assert state(story) is CommitmentState.PARTLY_RELIEVED
        assert available(play(story)) == Decimal(199000)

    def test_that_came_after_it_was_closed_short_relieve_it_once_it_is_reopened(self) -> None:
        story: Story = [*SMALL, *bought((ART, "100")), invoice("40")]
        story = [*story, (LINE_PRODUCER, CloseCommitment(commitment="PO-0001", reason=WHY)), invoice("30", "KS-2")]
        story = [*story, (LINE_PRODUCER, ReopenCommitment(commitment="PO-0001", reason=WHY))]
        assert available(play(story)) == Decimal(900)

    def test_that_are_reversed_leave_it_to_those_that_were_beyond_it(self) -> None:
        story: Story = [*SMALL, *bought((ART, "100")), invoice("60"), invoice("70", "KS-2")]
        story = [*story, (ACCOUNTANT, reverse("S-000001"))]
        assert available(play(story)) == Decimal(900)
        assert play(story).production.commitments.known["PO-0001"].excess == {}  # type: ignore[union-attr]

    def test_that_are_recoded_relieve_anew(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "100"), (EDITING, "100")), invoice("80")]
        world = play([*story, (ACCOUNTANT, recode("S-000001", EDITING))])
        assert world.production.commitments.known["PO-0001"].promise.left == {  # type: ignore[union-attr]
            ART: Decimal(100),
            EDITING: Decimal(20),
        }
        assert available(world) == Decimal(199900)

    def test_of_less_than_the_smallest_unit_of_its_currency_are_for_it_all_the_same(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "100"), currency="EUR", rate=EUROS), invoice("0.10")]
        assert play(story).production.commitments.of_spend["S-000001"] == "PO-0001"  # type: ignore[union-attr]

    def test_by_another_vendor_relieve_it_and_are_flagged_as_long_as_they_stand(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "1000"), vendor="sona-timber"), invoice("400")]
        flag = play(story).facts[-1][0]
        assert flag == InvoicedByAnother("FLAG-1", "PO-0001", "S-000001", ART, "sona-timber", "kala-sets")
        [back, *_] = given(story).when(ACCOUNTANT, reverse("S-000001")).facts
        assert back.clears == ("FLAG-1",)  # type: ignore[union-attr]
        [moved, *_, again] = given(story).when(ACCOUNTANT, recode("S-000001", EDITING)).facts
        assert moved.clears == ("FLAG-1",)  # type: ignore[union-attr]
        assert again == replace(flag, flag="FLAG-2", account=EDITING)  # type: ignore[type-var]

    def test_for_what_is_not_open_are_recorded_and_flagged(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, order((ART, "10")))]
        [_, flag] = given(story).when(*invoice("10")).facts
        assert isinstance(flag, CommitmentExceeded)
        assert (flag.state, flag.left, flag.excess) == (CommitmentState.DRAFT, inr("0"), inr("10"))


class TestARequisition:
    def test_gives_what_an_amendment_takes_over_and_has_it_back_where_that_is_not_approved(self) -> None:
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)))), (NOOR, requisition((ART, "1000")))]
        story = says([*story, *bought((ART, "600"), requisition="REQ-1")], MAYA, "A-3")
        story = [*story, (LINE_PRODUCER, amend((ART, "1100")))]
        assert available(play(story)) == Decimal(198900)
        submitted = next(fact for fact, _ in reversed(play(story).facts) if isinstance(fact, AmendmentSubmitted))
        assert (submitted.holds, submitted.takes_over) == ((Hold(ART, Decimal(500)),), (Hold(ART, Decimal(400)),))
        assert available(play(says(story, MAYA, "A-4"))) == Decimal(198900)
        assert available(play(says(story, MAYA, "A-4", Reject, words=WHY))) == Decimal(199000)

    def test_gives_an_amendment_as_much_whether_the_invoice_came_before_or_after_it(self) -> None:
        story: Story = [*SMALL, (LINE_PRODUCER, requisition((ART, "300"))), *bought((ART, "200"), requisition="REQ-1")]
        amended = (LINE_PRODUCER, amend((ART, "260")))
        for further in ([amended, invoice("230.55")], [invoice("230.55"), amended]):
            world = play([*story, *further])
            assert world.production.commitments.requisitioned[ART] == Decimal(40)  # type: ignore[union-attr]
            assert available(world) == Decimal(700)

    def test_that_is_withdrawn_while_an_order_waits_with_it_stays_so(self) -> None:
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)))), (NOOR, requisition((ART, "600")))]
        story = [*story, *bought((ART, "600"), requisition="REQ-1")]
        story = [*story, (NOOR, WithdrawRequisition(requisition="REQ-1", reason=WHY))]
        assert available(play(says(story, MAYA, "A-3", Reject, words=WHY))) == Decimal(200000)

    def test_keeps_what_it_holds_from_a_transfer(self) -> None:
        refusal = given([*LOCKED, (LINE_PRODUCER, requisition((STORY, "50000")))]).when(PRODUCER, transfer("60000"))
        assert isinstance(refusal.refusal, AccountWouldBeOverspent)
        assert refusal.refusal.taken == inr("50000")


class TestACommitment:
    def test_is_numbered_by_its_kind(self) -> None:
        kinds = (CommitmentKind.DEAL, CommitmentKind.PURCHASE_ORDER, CommitmentKind.DEFERMENT, CommitmentKind.DEAL)
        story: Story = [*LOCKED, *((LINE_PRODUCER, order((ART, "10"), kind=kind)) for kind in kinds)]
        assert sorted(play(story).production.commitments.known) == [  # type: ignore[union-attr]
            "DEAL-0001",
            "DEAL-0002",
            "DEF-0001",
            "PO-0001",
        ]

    def test_that_has_its_final_invoice_releases_what_is_left(self) -> None:
        story: Story = [*SMALL, *bought((ART, "100"))]
        last = invoice("40")[1].model_copy(update={"final": True})
        *_, closed = given(story).when(ACCOUNTANT, last).facts
        assert closed == CommitmentClosed("PO-0001", (Hold(ART, Decimal("60.00")),))
        assert available(play([*story, (ACCOUNTANT, last)])) == Decimal(960)

    def test_that_its_final_invoice_takes_whole_is_relieved_and_not_closed(self) -> None:
        story: Story = [*SMALL, *bought((ART, "100"))]
        last = invoice("100")[1].model_copy(update={"final": True})
        facts = given(story).when(ACCOUNTANT, last).facts
        assert not [fact for fact in facts if isinstance(fact, CommitmentClosed)]

    def test_that_a_batch_ends_is_closed_after_its_last_line(self) -> None:
        story: Story = [*SMALL, *bought((ART, "100"))]
        last = batch(line(ART, "30"), line(ART, "20"), commitment="PO-0001", final=True)
        *_, closed = given(story).when(ACCOUNTANT, last).facts
        assert closed == CommitmentClosed("PO-0001", (Hold(ART, Decimal("50.00")),))

    def test_is_passed_over_by_a_person_and_by_no_key(self) -> None:
        world, again = play(CLOSED_ORDER), reopen(override=True)
        around = world.metadata(MAYA, again)
        decided = partial(decision.decide, again, world.production, world.company, name="the-long-take")
        assert decided(around)
        with pytest.raises(ControlIsNotYours):
            decided(replace(around, credential="key-1"))

    def test_is_raised_by_a_key_as_by_its_owner(self) -> None:
        """What a key may not is to pass a control over."""
        world, asks = play(LOCKED), requisition((ART, "300"))
        around = replace(world.metadata(LINE_PRODUCER, asks), credential="key-1")
        assert decision.decide(asks, world.production, world.company, around, name="the-long-take")

    def test_that_is_not_open_is_left_as_it_is_by_its_final_invoice(self) -> None:
        """What was spent is recorded, whatever becomes of the order."""
        drafted: Story = [*SMALL, (LINE_PRODUCER, order((ART, "100")))]
        last = invoice("40")[1].model_copy(update={"final": True})
        answer = given(drafted).when(ACCOUNTANT, last)
        assert answer.refusal is None
        assert not [fact for fact in answer.facts if isinstance(fact, CommitmentClosed)]

    def test_that_is_not_named_has_no_final_invoice(self) -> None:
        with pytest.raises(ValueError, match="a final invoice is that of a commitment"):
            spend(ART, "1", final=True)
        with pytest.raises(ValueError, match="a final invoice is that of a commitment"):
            batch(line(ART, "1"), final=True)

    def test_that_is_cancelled_or_closed_short_releases_what_is_left(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "1000"))]
        cancelled = CancelCommitment(commitment="PO-0001", reason=WHY)
        given(story).when(LINE_PRODUCER, cancelled).then(
            CommitmentCancelled("PO-0001", (Hold(ART, Decimal("1000.00")),))
        )
        assert available(play([*story, (LINE_PRODUCER, cancelled)])) == Decimal(200000)
        story = [*story, invoice("400")]
        assert isinstance(given(story).when(LINE_PRODUCER, cancelled).refusal, CommitmentIsNot)
        close = CloseCommitment(commitment="PO-0001", reason=WHY)
        given(story).when(LINE_PRODUCER, close).then(CommitmentClosed("PO-0001", (Hold(ART, Decimal("600.00")),)))
        story = [*story, (LINE_PRODUCER, close)]
        assert available(play(story)) == Decimal(199600)
        given(story).when(LINE_PRODUCER, ReopenCommitment(commitment="PO-0001", reason=WHY)).then(
            CommitmentReopened("PO-0001", (Hold(ART, Decimal("600.00")),), (), CommitmentState.PARTLY_RELIEVED)
        )

    def test_amended_down_needs_no_approval_and_never_goes_below_its_invoices(self) -> None:
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)))), *bought((ART, "1000"))]
        story = [*says(story, MAYA, "A-3"), invoice("400")]
        amended = given(story).when(LINE_PRODUCER, amend((ART, "500"))).facts
        assert [type(fact) for fact in amended] == [CommitmentAmended]
        given(story).when(LINE_PRODUCER, amend((ART, "399.99"))).then_refused(
            AmendedBelowInvoices("PO-0001", ART, inr("400"), inr("399.99"))
        )

    @pytest.mark.parametrize("lines", [((ART, "1100"),), ((ART, "900"), (EDITING, "100"))])
    def test_amended_up_or_to_other_accounts_is_approved_again_and_the_old_lines_count_until_then(
        self, lines: tuple[tuple[AccountCode, str], ...]
    ) -> None:
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)))), *bought((ART, "1000"))]
        story = [*says(story, MAYA, "A-3"), (LINE_PRODUCER, amend(*lines))]
        submitted, requested = [fact for fact, _ in play(story).facts][-2:]
        assert (type(submitted), type(requested)) == (AmendmentSubmitted, ApprovalRequested)
        found = play(story).production.commitments.known["PO-0001"]  # type: ignore[union-attr]
        assert found.total == inr("1000")
        approved = says(story, NOOR, "A-4")
        assert play(approved).production.commitments.known["PO-0001"].total == inr(  # type: ignore[union-attr]
            "1100" if len(lines) == 1 else "1000"
        )
        rejected = says(story, NOOR, "A-4", Reject, words=WHY)
        left = play(rejected).production.commitments.known["PO-0001"]  # type: ignore[union-attr]
        assert (left.total, left.amendment, left.state) == (inr("1000"), None, CommitmentState.OPEN)
        assert available(play(rejected)) == Decimal(199000)

    def test_amended_to_something_else_at_the_same_price_is_approved_again(self) -> None:
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)))), *bought((ART, "1000"))]
        other = amend((ART, "1000")).lines[0].model_copy(update={"what": "A villa"})
        command = amend((ART, "1000")).model_copy(update={"lines": (other,)})
        facts = given(says(story, MAYA, "A-3")).when(LINE_PRODUCER, command).facts
        assert [type(fact) for fact in facts] == [AmendmentSubmitted, ApprovalRequested]

    def test_amended_into_many_small_lines_that_round_up_to_more_is_approved_again(self) -> None:
        yen = replace(EUROS, source="USD", rate=Decimal("0.5"))
        terms = ruled(Rule("Orders", ORDERS, (EP,)))
        story: Story = [*adopted(COVERED, terms), *bought((ART, "1.99"), currency="USD", rate=yen)]
        pieces = amend(*[(ART, "0.01")] * 199)
        facts = given(says(story, MAYA, "A-3")).when(LINE_PRODUCER, pieces).facts
        assert [type(fact) for fact in facts] == [AmendmentSubmitted, ApprovalRequested]

    def test_is_not_amended_below_an_invoice_that_came_while_the_amendment_waited(self) -> None:
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)))), *bought((ART, "1000"))]
        story = [*says(story, MAYA, "A-3"), (LINE_PRODUCER, amend((ART, "900"), (EDITING, "100"))), invoice("950")]
        yes = Approve(round="A-4", content_hash=asked(story, "A-4").content_hash)
        refusal = given(story).when(NOOR, yes).refusal
        assert isinstance(refusal, CannotTakeEffect)
        assert "950.00 invoiced on account 2200" in str(refusal)


class TestAnApproval:
    TERMS = ruled(Rule("Small", replace(ORDERS, below=Decimal(1000))), Rule("Orders", ORDERS, (EP,)))

    def test_is_asked_for_before_it_is_promised_and_holds_it_meanwhile(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), *bought((ART, "1000"))]
        assert state(story) is CommitmentState.PENDING
        assert available(play(story)) == Decimal(199000)
        facts = given(story).when(NOOR, says(story, NOOR, "A-3")[-1][1]).facts
        assert [type(fact) for fact in facts[-2:]] == [RequestApproved, CommitmentOpened]

    def test_is_not_asked_for_where_the_policy_asks_nobody_but_pieces_count_together(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), *bought((ART, "600"))]
        assert ApprovedByPolicy in [type(fact) for fact, _ in play(story).facts]
        assert state(story) is CommitmentState.OPEN
        assert state([*story, *bought((ART, "600"), number=2)], "PO-0002") is CommitmentState.PENDING

    def test_is_by_nobody_who_asked_for_it_drafted_or_submitted_it(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), (NOOR, requisition((ART, "500")))]
        story = [*story, (MAYA, order((ART, "1000"), requisition="REQ-1")), (LINE_PRODUCER, submit())]
        assert {MAYA, NOOR, LINE_PRODUCER} <= asked(story, "A-3").excluded

    def test_of_an_amendment_counts_the_commitment_once(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), *bought((ART, "600"))]
        story = [*story, (LINE_PRODUCER, amend((ART, "700")))]
        [*_, free] = [fact for fact, _ in play(story).facts if isinstance(fact, ApprovedByPolicy)]
        assert (free.rule, free.counted) == ("Small", inr("700"))
        assert state([*story, *bought((ART, "300"), number=2)], "PO-0002") is CommitmentState.PENDING

    def test_of_an_amendment_that_is_recalled_leaves_what_was_granted_before_to_count(self) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), *bought((ART, "600"))]
        story = [*story, (LINE_PRODUCER, amend((ART, "1200"))), (LINE_PRODUCER, RecallRequest(round="A-3", reason=WHY))]
        assert state([*story, *bought((ART, "399"), number=2)], "PO-0002") is CommitmentState.OPEN
        assert state([*story, *bought((ART, "400"), number=2)], "PO-0002") is CommitmentState.PENDING

    def test_of_an_order_in_another_currency_is_asked_at_the_dearer_of_its_rate_and_the_budgets(self) -> None:
        first = budget(rates=(EUROS,))
        story: Story = [*FUNDED, (LINE_PRODUCER, first), (PRODUCER, SubmitBudget(budget="v1"))]
        story = adopted([*story, (MAYA, approve(story))], self.TERMS)
        cheap = replace(EUROS, rate=Decimal(85))
        story = [*story, *bought((ART, "11.50"), currency="EUR", rate=cheap)]
        assert state(story) is CommitmentState.PENDING

    @pytest.mark.parametrize("ends", ["rejected", "recalled", "cancelled"])
    def test_that_is_not_given_leaves_a_draft_that_holds_nothing(self, ends: str) -> None:
        story: Story = [*adopted(COVERED, self.TERMS), (LINE_PRODUCER, requisition((ART, "700")))]
        story = [*story, *bought((ART, "1000"), requisition="REQ-1")]
        if ends == "rejected":
            story = says(story, MAYA, "A-3", Reject, words=WHY)
        elif ends == "recalled":
            story = [*story, (LINE_PRODUCER, RecallRequest(round="A-3", reason=WHY))]
        else:
            story = [*story, (LINE_PRODUCER, CancelCommitment(commitment="PO-0001", reason=WHY))]
            assert RequestRecalled in [type(fact) for fact, _ in play(story).facts]
        assert state(story) is (CommitmentState.CANCELLED if ends == "cancelled" else CommitmentState.DRAFT)
        assert available(play(story)) == Decimal(199300), "the requisition holds again"
        given(story).when(LINE_PRODUCER, WithdrawRequisition(requisition="REQ-1", reason=WHY)).then(
            RequisitionWithdrawn("REQ-1", (Hold(ART, Decimal("700.00")),))
        )

    def test_does_not_take_effect_where_others_have_taken_what_was_available(self) -> None:
        stop = Control(ControlScope.ACCOUNT, ControlAction.STOP)
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS, (EP,)), controls=(stop,)))]
        story = [*story, *bought((ART, "150000")), (LINE_PRODUCER, spend(ART, "60000"))]
        yes = Approve(round="A-3", content_hash=asked(story, "A-3").content_hash)
        refusal = given(story).when(NOOR, yes).refusal
        assert isinstance(refusal, CannotTakeEffect)
        assert "10,000.00 beyond INR 140,000.00 available" in str(refusal)


class TestWhatIsHeld:
    """Whatever is sent, in whatever order."""

    CODES = (ART, EDITING)
    KINDS = (
        "raise",
        "withdraw",
        "draft",
        "submit",
        "amend",
        "cancel",
        "close",
        "reopen",
        "invoice",
        "recode",
        "reverse",
    )
    STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 4), st.integers(1, 40)), max_size=30)
    #: Line producers answer requisitions; nobody is asked about anything else.
    TERMS = replace(ASKS, rules=(*ASKS.rules, Rule("Rest", When((RequestKind.PAYMENT, RequestKind.COMMITMENT)))))

    @settings(max_examples=60, deadline=None)
    @for_all(STEPS)
    def test_is_what_was_promised_and_is_not_invoiced_yet_of_each_document_and_counts_nothing_twice(
        self, steps: list[tuple[str, int, int]]
    ) -> None:
        world = play(LOCKED)
        for place, (kind, number, amount) in enumerate(steps):
            command = self.command(kind, number, amount, place)
            world = self.sent(world, ACCOUNTANT, command)

    @settings(max_examples=60, deadline=None)
    @for_all(
        STEPS, st.lists(st.tuples(st.integers(3, 6), st.sampled_from([Approve, Reject, RecallRequest])), max_size=9)
    )
    def test_is_so_where_requisitions_wait_and_is_nothing_of_what_was_not_granted(
        self, steps: list[tuple[str, int, int]], answers: list[tuple[int, type]]
    ) -> None:
        world = play(adopted(LOCKED, self.TERMS))
        for place, (kind, number, amount) in enumerate(steps):
            world = self.sent(world, ACCOUNTANT, self.command(kind, number, amount, place))
            if place % 2 and answers:
                world = self.answered(world, *answers.pop())
            assert world.production is not None
            for requisition_, each in world.production.commitments.requisitions.items():
                assert not (each.withdrawn or each.refused) or not any(each.left.values())
                waits = world.production.approvals.on(requisition_, RequestKind.REQUISITION)
                drafted = [of.drafted.requisition for of in world.production.commitments.known.values()]
                assert waits is None or (any(each.left.values()) and requisition_ not in drafted)

    def answered(self, world: World, number: int, answer: type) -> World:
        assert world.production is not None
        asked = world.production.approvals.rounds.get(f"A-{number}")
        if asked is None or answer is RecallRequest:
            return self.sent(world, ACCOUNTANT, RecallRequest(round=f"A-{number}", reason=WHY))
        words = {"words": WHY} if answer is Reject else {}
        return self.sent(world, LINE_PRODUCER, answer(round=f"A-{number}", content_hash=asked.content_hash, **words))

    def sent(self, world: World, person: PersonId, command: Command) -> World:
        """The world after the command, if it is accepted."""
        try:
            facts = world.decide(person, command)
        except Refusal:
            return world
        world = world.after(person, command, facts)
        self.adds_up(world)
        return world

    def command(self, kind: str, number: int, amount: int, place: int) -> Command:
        code, commitment = self.CODES[amount % 2], f"PO-{number:04}"
        lines = ((code, str(amount)), (ART, "5"))
        match kind:
            case "raise":
                return requisition((code, str(amount)))
            case "withdraw":
                return WithdrawRequisition(requisition=f"REQ-{number}", reason=WHY)
            case "draft":
                return order(*lines, requisition=f"REQ-{number}" if amount % 3 else None)
            case "submit":
                return submit(number)
            case "amend":
                return amend(*lines, commitment=commitment)
            case "cancel":
                return CancelCommitment(commitment=commitment, reason=WHY)
            case "close":
                return CloseCommitment(commitment=commitment, reason=WHY)
            case "reopen":
                return ReopenCommitment(commitment=commitment, reason=WHY)
            case "invoice":
                return spend(code, str(amount), f"KS-{place}", commitment=commitment)
            case "recode":
                return recode(f"S-{number:06}", code)
            case _:
                return reverse(f"S-{number:06}")

    @staticmethod
    def adds_up(world: World) -> None:
        assert world.production is not None
        kept, spending = world.production.commitments, world.production.spending
        for code in TestWhatIsHeld.CODES:
            holds = [each.holds.get(code, NOTHING) for each in kept.known.values()]
            assert kept.committed.get(code, NOTHING) == sum(holds)
            assert kept.requisitioned.get(code, NOTHING) == sum(
                each.left.get(code, NOTHING) for each in kept.requisitions.values()
            )
            assert all(amount >= 0 for amount in (*holds, kept.requisitioned.get(code, NOTHING)))
        for number, each in kept.known.items():
            of_it = [spend for spend, commitment in kept.of_spend.items() if commitment == number]
            assert all(not spending.entries[spend].reversed for spend in of_it)
            invoiced = sum((spending.entries[spend].cost.amount for spend in of_it), NOTHING)
            beyond = sum((excess.amount.amount for excess in each.excess.values()), NOTHING)
            assert sum(each.promise.relieved.values(), NOTHING) + beyond == invoiced
            stands = each.state in LIVE or each.state is CommitmentState.PENDING
            assert sum(each.holds.values(), NOTHING) == (max(each.total.amount - invoiced, NOTHING) if stands else 0)
            assert (each.state is CommitmentState.RELIEVED) == (each.state in LIVE and invoiced >= each.total.amount)
