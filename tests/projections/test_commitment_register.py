"""The register of commitments: what it says agrees with what decisions are made on, whatever happened."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from events.commitment import CommitmentKind, CommitmentState, CommitmentSubmitted
from events.ids import AccountCode
from events.policy import Policy, RequestKind, Rule, When
from projections import audit_trail, commitment_register, flags
from projections.commitment_register import CommitmentRegister, RequisitionState, Wanted
from projections.flags import FlagRow
from service.deciders.approval import RecallRequest, Reject, RequestChanges
from service.deciders.commitment import SubmitCommitment
from tests.deciders.commitments import (
    ASKS,
    CLOSED_ORDER,
    EUROS,
    HEADED,
    ORDERS,
    bought,
    invoice,
    order,
    requisition,
    ruled,
    submit,
    withdraw,
)
from tests.deciders.documents import batch, line
from tests.deciders.made_up import History
from tests.deciders.paying import answer, ask
from tests.deciders.rounds import COVERED, EP, adopted, says
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    DEPARTMENT_HEAD,
    EDITING,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    recode,
    reverse,
)
from tests.handling.office import STREAM
from tests.projections.desk import folded, folded_of
from tests.spec import Story, World, play

PAYMENTS = Rule("Payments", When((RequestKind.PAYMENT,)), (EP,))
REQUESTED = RequestKind.REQUISITION


ALL = Wanted()


def shown(story: Story, wanted: Wanted = ALL) -> CommitmentRegister:
    return of(folded(commitment_register.PROJECTION, story), wanted)


def of(rows: commitment_register.Rows, wanted: Wanted = ALL) -> CommitmentRegister:
    names = {"kala-sets": "Kala Sets"}
    return commitment_register.view(rows, STREAM, 0, 0, "INR", wanted, names, lambda _: True, None)


class TestTheRegister:
    def test_shows_what_each_commitment_came_to(self) -> None:
        [row] = shown(CLOSED_ORDER).commitments
        figures = (row.total, row.in_progress, row.relieved, row.released, row.balance)
        assert figures == tuple(map(Decimal, ("1000", "0", "400", "600", "0")))
        assert (row.state, row.vendor_name, row.invoices) == (CommitmentState.CLOSED_SHORT, "Kala Sets", ["S-000001"])

    def test_keeps_what_was_said_of_the_payment_of_an_entry_that_is_recoded(self) -> None:
        story: Story = [*adopted(COVERED, ruled(Rule("Orders", ORDERS), PAYMENTS)), *bought((ART, "1000"))]
        story = says([*story, invoice("400")], MAYA, "A-3", Reject, words="Not ours.")
        before, after = shown(story), shown([*story, (ACCOUNTANT, recode("S-000001", EDITING))])
        assert [each.in_progress for view in (before, after) for each in view.commitments] == [Decimal(400)] * 2
        back = shown([*story, (ACCOUNTANT, reverse("S-000001"))]).commitments[0]
        assert (back.in_progress, back.invoices, back.balance) == (Decimal(0), [], Decimal(1000))

    def test_tells_invoices_apart_on_which_a_query_is_open_and_what_is_paid_with_them(self) -> None:
        split = batch(line(ART, "300"), line(ART, "100"), commitment="PO-0001", vendor="kala-sets")
        story: Story = [*LOCKED, *bought((ART, "1000")), (ACCOUNTANT, split), (MAYA, ask("S-000002"))]
        [row] = shown(story).commitments
        assert (row.in_progress, row.relieved, row.balance) == (Decimal(400), Decimal(0), Decimal(600))
        [row] = shown([*story, (ACCOUNTANT, answer())]).commitments
        assert (row.in_progress, row.relieved, row.balance) == (Decimal(0), Decimal(400), Decimal(600))

    def test_tells_invoices_that_may_not_be_paid_yet_apart(self) -> None:
        terms = Policy(name="Ours", rules=(PAYMENTS, Rule("Rest", When((RequestKind.COMMITMENT,)))), otherwise=(EP,))
        story: Story = [*adopted(COVERED, terms), *bought((ART, "1000")), invoice("400")]
        [row] = shown(story).commitments
        assert (row.in_progress, row.relieved, row.balance) == (Decimal(400), Decimal(0), Decimal(600))

    def test_holds_what_is_pending_and_what_is_left_of_requisitions(self) -> None:
        terms = Policy(name="Ours", rules=(), otherwise=(EP,))
        story: Story = [*adopted(COVERED, terms), (LINE_PRODUCER, requisition((ART, "300")))]
        story = [*story, *bought((ART, "200"), requisition="REQ-1")]
        found = shown(story)
        assert (found.requisitioned, found.pending, found.committed) == (Decimal(100), Decimal(200), Decimal(0))

    def test_says_how_a_requisition_stands_and_what_it_holds(self) -> None:
        waits: Story = [*adopted(HEADED, ASKS), (DEPARTMENT_HEAD, requisition((ART, "300")))]
        open_ = says(waits, LINE_PRODUCER, "A-3")
        for story, state, left in (
            (waits, RequisitionState.PENDING, "300"),
            (open_, RequisitionState.OPEN, "300"),
            ([*open_, *bought((ART, "400"), requisition="REQ-1")], RequisitionState.ORDERED, "0"),
            ([*open_, (DEPARTMENT_HEAD, withdraw())], RequisitionState.WITHDRAWN, "0"),
            ([*waits, (DEPARTMENT_HEAD, withdraw())], RequisitionState.WITHDRAWN, "0"),
            ([*waits, (DEPARTMENT_HEAD, RecallRequest(round="A-3"))], RequisitionState.WITHDRAWN, "0"),
            (says(waits, LINE_PRODUCER, "A-3", Reject, words=WHY), RequisitionState.REFUSED, "0"),
            (says(waits, LINE_PRODUCER, "A-3", RequestChanges, words=WHY), RequisitionState.REFUSED, "0"),
        ):
            found = shown(story)
            [row] = found.requisitions
            assert (row.state, row.left, row.round) == (state, Decimal(left), "A-3")
            assert found.requisitioned == Decimal(left)

    def test_is_asked_for_in_parts(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "10")), *bought((EDITING, "20"), number=2, vendor="cut-house")]
        story = [*story, (LINE_PRODUCER, requisition((ART, "5"))), (LINE_PRODUCER, order((ART, "1")))]
        for wanted, numbers in (
            (Wanted(account=EDITING), ["PO-0002"]),
            (Wanted(vendor="kala-sets"), ["PO-0001", "PO-0003"]),
            (Wanted(state=CommitmentState.DRAFT), ["PO-0003"]),
        ):
            found = shown(story, wanted)
            assert [each.commitment for each in found.commitments] == numbers
            assert found.requisitions == []
        assert len(shown(story, Wanted(account=ART)).requisitions) == 1

    def test_leaves_nothing_of_what_was_invoiced_whole_at_another_rate(self) -> None:
        story: Story = [
            *LOCKED,
            *bought((ART, "3"), currency="EUR", rate=EUROS),
            invoice("3", currency="EUR", rate=EUROS),
        ]
        [row] = shown(story).commitments
        assert (row.balance, row.released) == (Decimal(0), Decimal(0))


class TestOtherViews:
    @pytest.mark.parametrize(("kind", "pay"), [("purchase_order", False), ("deal", True), ("deferment", True)])
    def test_tell_an_invoice_beyond_a_fee_to_nobody_without_the_right(self, kind: str, *, pay: bool) -> None:
        number = {"purchase_order": "PO-0001", "deal": "DEAL-0001", "deferment": "DEF-0001"}[kind]
        drafted = order((ART, "100"), kind=CommitmentKind(kind))
        story: Story = [*LOCKED, (LINE_PRODUCER, drafted), (LINE_PRODUCER, SubmitCommitment(commitment=number))]
        [row] = folded(flags.PROJECTION, [*story, invoice("120", commitment=number)]).of(FlagRow, STREAM)[-1:]
        assert row.kind == "CommitmentExceeded"
        assert flags.figures_of(row) == (None if pay else (ART,))

    def test_report_a_control_that_was_overridden_as_an_exception(self) -> None:
        story: Story = [*LOCKED, *bought((ART, "10")), (LINE_PRODUCER, order((ART, "500000")))]
        story = [*story, (MAYA, submit(2, override=True))]
        submitted = [(e, m) for e, m in play(story).facts if isinstance(e, CommitmentSubmitted)]
        assert [audit_trail.is_exception(event, around) for event, around in submitted] == [False, True]


class TestWhateverHappened:
    @settings(max_examples=40, deadline=None)
    @for_all(st.sampled_from(["with orders", "with requisitions"]), st.integers(0, 2**32))
    def test_it_says_what_decisions_are_made_on_and_adds_up(self, beginning: str, seed: int) -> None:
        dice = Random(seed)
        history = History(beginning, [dice.getrandbits(32) for _ in range(50)])
        for world in [*history.worlds()][::7]:
            self.agree(world)

    @staticmethod
    def agree(world: World) -> None:
        assert world.production is not None
        kept, found = world.production.commitments, of(folded_of(commitment_register.PROJECTION, world))
        held: dict[AccountCode, Decimal] = {}
        for each in found.commitments:
            assert each.total == each.in_progress + each.relieved + each.released + each.balance
            assert each.state is kept.known[each.commitment].state
            for account in each.accounts:
                held[account.account] = held.get(account.account, Decimal(0)) + account.held
        assert {code: amount for code, amount in held.items() if amount} == {
            code: amount for code, amount in kept.committed.items() if amount
        }
        assert found.requisitioned == sum(kept.requisitioned.values(), Decimal(0))
        for row in found.requisitions:
            asked, waits = kept.requisitions[row.requisition], world.production.approvals.on(row.requisition, REQUESTED)
            assert (row.state is RequisitionState.PENDING) == (waits is not None)
            assert (row.state is RequisitionState.WITHDRAWN) == asked.withdrawn
            assert (row.state is RequisitionState.REFUSED) == (asked.refused is not None)
            assert row.left == sum(asked.left.values(), Decimal(0))
