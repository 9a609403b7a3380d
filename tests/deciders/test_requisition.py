"""Requisitions: whose they are, who agrees to them, and what they hold until then."""

from dataclasses import replace
from decimal import Decimal

import pytest

from events.approval import ApprovalRequested, ApprovedByPolicy, RequestApproved, RequestRecalled
from events.commitment import CommitmentDrafted, Hold, RequisitionLine, RequisitionRaised, RequisitionWithdrawn
from events.delegation import Power
from events.ids import AccountCode, PersonId
from events.policy import Approver, Control, ControlAction, ControlScope, RequestKind, Rule, Step, When
from events.production import Stage
from events.team import Role
from service.deciders.approval import (
    Approve,
    ApproverHadAHandInIt,
    CannotTakeEffect,
    RecallRequest,
    Reject,
    RequestChanges,
)
from service.deciders.command import Command
from service.deciders.commitment import RequisitionIsWithdrawn
from service.deciders.company import AdmitMember
from service.deciders.control import BeyondWhatIsAvailable
from service.deciders.policy import TEMPLATES, Template
from service.deciders.production import Production
from service.deciders.refusal import Refusal
from service.deciders.requisition import (
    AccountsAreAnothers,
    BeyondWhatIsShown,
    RequisitionIsAnothers,
    RequisitionIsPending,
    RequisitionIsRefused,
)
from service.deciders.stage import EnterStage
from service.deciders.team import Appoint, EndAppointment
from tests.deciders.commitments import ASKS, HEADED, bought, invoice, order, requisition, withdraw
from tests.deciders.rounds import EP, adopted, asked, delegated, says
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ADMINISTRATOR,
    ART,
    DEPARTMENT_HEAD,
    EDITING,
    FIRST_DAY,
    LINE_PRODUCER,
    MAYA,
    NOOR,
    PRODUCER,
    STRANGER,
    inr,
    spend,
)
from tests.deciders.test_commitment import available
from tests.deciders.test_policy import ruled
from tests.spec import Story, given, play

#: Of what the budget has for art.
WHOLE = Decimal(200_000)


def raised(amount: str = "300", code: AccountCode = ART, person: PersonId = DEPARTMENT_HEAD) -> Story:
    return [(person, requisition((code, amount)))]


def waits() -> Story:
    """REQ-1 of the head for 300 waits in A-3 for a line producer."""
    return [*adopted(HEADED, ASKS), *raised()]


def left(story: Story) -> Production:
    production = play(story).production
    assert production is not None
    return production


def refused(story: Story, person: PersonId, command: Command) -> Refusal:
    refusal = given(story).when(person, command).refusal
    assert refusal is not None
    return refusal


class TestADepartmentHead:
    def test_asks_for_what_is_on_their_own_accounts(self) -> None:
        [fact] = given(HEADED).when(DEPARTMENT_HEAD, requisition((ART, "300"))).facts
        assert isinstance(fact, RequisitionRaised)
        assert available(play([*HEADED, *raised()])) == WHOLE - 300

    def test_asks_for_nothing_on_accounts_of_others_and_is_told_whose_they_are(self) -> None:
        sam = Appoint(person=STRANGER, role=Role.DEPARTMENT_HEAD, from_on=FIRST_DAY, accounts=(EDITING,))
        mixed = requisition((ART, "300"), (EDITING, "1"), ("6700", "1"))
        refusal = refused([*HEADED, (MAYA, sam)], DEPARTMENT_HEAD, mixed)
        whose = (f"{EDITING} is headed by {STRANGER}", "6700 is headed by nobody")
        assert refusal == AccountsAreAnothers(DEPARTMENT_HEAD, (ART,), (EDITING, "6700"), whose)
        assert str(refusal) == (
            "hana heads the department of 2200, and asks for nothing on 5000 and 6700: 5000 is headed by sam and 6700"
            " is headed by nobody."
        )

    def test_with_a_role_that_asks_on_any_account_asks_on_any(self) -> None:
        story: Story = [*HEADED, (MAYA, Appoint(person=DEPARTMENT_HEAD, role=Role.LINE_PRODUCER, from_on=FIRST_DAY))]
        assert given(story).when(DEPARTMENT_HEAD, requisition((EDITING, "300"))).facts

    def test_lets_somebody_ask_for_them_on_their_accounts_and_no_others(self) -> None:
        sam = Appoint(person=STRANGER, role=Role.DEPARTMENT_HEAD, from_on=FIRST_DAY, accounts=(EDITING,))
        story: Story = [*HEADED, (MAYA, sam), (DEPARTMENT_HEAD, delegated(STRANGER, Power.RAISE_REQUISITION))]
        for_her = f"{STRANGER}/{DEPARTMENT_HEAD}"
        assert given(story).when(for_her, requisition((ART, "300"))).facts
        assert isinstance(refused(story, for_her, requisition((EDITING, "300"))), AccountsAreAnothers)

    def test_asks_as_the_head_that_they_are_today(self) -> None:
        moved = Appoint(person=DEPARTMENT_HEAD, role=Role.DEPARTMENT_HEAD, from_on=FIRST_DAY, accounts=(EDITING,))
        story: Story = [*HEADED, (MAYA, moved)]
        assert isinstance(refused(story, DEPARTMENT_HEAD, requisition((ART, "300"))), AccountsAreAnothers)

    def test_is_told_no_figure_of_what_is_available(self) -> None:
        refusal = refused(HEADED, DEPARTMENT_HEAD, requisition((ART, "460000.01")))
        assert refusal == BeyondWhatIsShown("REQ-1", inr("460000.01"), "the total budget", Role.EXECUTIVE_PRODUCER)

    def test_whom_the_company_lets_read_everything_is_told_the_figures(self) -> None:
        reads = AdmitMember(person=DEPARTMENT_HEAD, reads_confidential=True)
        story: Story = [*HEADED, (ADMINISTRATOR, reads)]
        refusal = refused(story, DEPARTMENT_HEAD, requisition((ART, "460000.01")))
        assert isinstance(refusal, BeyondWhatIsAvailable)
        assert refusal.over == inr("0.01")

    def test_withdraws_what_they_raised_and_nothing_else(self) -> None:
        story: Story = [*HEADED, *raised(), *raised(person=LINE_PRODUCER)]
        given(story).when(DEPARTMENT_HEAD, withdraw()).then(
            RequisitionWithdrawn("REQ-1", (Hold(ART, Decimal("300.00")),))
        )
        refusal = refused(story, DEPARTMENT_HEAD, withdraw(2))
        assert refusal == RequisitionIsAnothers("REQ-2", (LINE_PRODUCER,), DEPARTMENT_HEAD)
        assert given(story).when(LINE_PRODUCER, withdraw()).facts


class TestAPolicy:
    def test_that_names_no_requisitions_asks_nobody_about_them_not_even_by_its_default(self) -> None:
        story = adopted(HEADED, ruled(Rule("Orders", When((RequestKind.COMMITMENT,)), (EP,))))
        [fact] = given(story).when(DEPARTMENT_HEAD, requisition((ART, "300"))).facts
        assert isinstance(fact, RequisitionRaised)

    def test_asks_by_its_rules_then_and_by_its_default_where_none_of_them_is_for_it(self) -> None:
        small = When((RequestKind.REQUISITION,), below=Decimal(1000))
        story = adopted(HEADED, ruled(Rule("Small", small)))
        free = given(story).when(DEPARTMENT_HEAD, requisition((ART, "999.99"))).facts
        assert [type(fact) for fact in free] == [ApprovedByPolicy, RequisitionRaised]
        [_, opened] = given(story).when(DEPARTMENT_HEAD, requisition((ART, "1000"))).facts
        assert isinstance(opened, ApprovalRequested)
        assert (opened.rule, opened.steps) == (None, (EP,))

    def test_counts_pieces_together_and_not_what_was_turned_down(self) -> None:
        small = When((RequestKind.REQUISITION,), below=Decimal(1000))
        story = [*adopted(HEADED, ruled(Rule("Small", small), ASKS.rules[0])), *raised("600"), *raised("600")]
        assert asked(story, "A-3").subject == "REQ-2"
        gone = says(story, LINE_PRODUCER, "A-3", Reject, words=WHY)
        assert "A-4" not in left([*gone, *raised("399.99")]).approvals.rounds
        assert asked([*gone, *raised("400")], "A-4").subject == "REQ-3"

    def test_asks_about_what_is_past_the_budget_with_all_that_is_taken_there(self) -> None:
        past = When((RequestKind.REQUISITION,), percent_over=Decimal(0))
        rest = When((RequestKind.PAYMENT, RequestKind.COMMITMENT, RequestKind.REQUISITION))
        story = adopted(HEADED, ruled(Rule("Past", past, (EP,)), Rule("Rest", rest)))
        story = [*story, (LINE_PRODUCER, spend(ART, "100000", "KS-1")), *bought((ART, "60000"))]
        story = [*story, *raised("40000")]
        assert "A-3" not in left(story).approvals.rounds
        assert left([*story, *raised("0.01")]).approvals.rounds["A-3"].kind is RequestKind.REQUISITION

    def test_may_ask_the_heads_of_the_accounts(self) -> None:
        heads = Step((Approver(department_head=True),))
        story = adopted(HEADED, ruled(Rule("Theirs", When((RequestKind.REQUISITION,)), (heads,))))
        story = [*story, *raised(person=LINE_PRODUCER)]
        assert given(story).when(DEPARTMENT_HEAD, says(story, DEPARTMENT_HEAD, "A-3")[-1][1]).facts

    def test_of_a_studio_asks_a_line_producer_or_a_producer_and_later_an_executive_producer(self) -> None:
        story = [*adopted(HEADED, TEMPLATES[Template.STUDIO]), *raised(person=LINE_PRODUCER)]
        yes = says(story, PRODUCER, "A-3")[-1][1]
        assert isinstance(refused(story, LINE_PRODUCER, yes), ApproverHadAHandInIt)
        assert given(story).when(PRODUCER, yes).facts
        assert given(story).when(NOOR, yes).refusal
        assert given(story).later(2).when(NOOR, yes).facts


class TestARound:
    def test_shows_what_is_asked_for_and_is_answered_by_nobody_who_raised_it(self) -> None:
        story = waits()
        opened = asked(story, "A-3")
        assert (opened.kind, opened.subject, opened.amount) == (RequestKind.REQUISITION, "REQ-1", inr("300"))
        assert (opened.accounts, opened.excluded) == ((ART,), {DEPARTMENT_HEAD})
        assert opened.body == '{"needed_on":null,"lines":[{"account":"2200","amount":"300.00","what":"Timber"}]}'

    def test_holds_it_once_until_it_is_approved_and_after_that(self) -> None:
        steps: list[tuple[Story, str]] = [
            ([], "300"),
            ([(LINE_PRODUCER, says(waits(), LINE_PRODUCER, "A-3")[-1][1])], "300"),
            (bought((ART, "200"), requisition="REQ-1"), "300"),
            ([invoice("200")], "300"),
            ([(DEPARTMENT_HEAD, withdraw())], "200"),
        ]
        story = waits()
        for further, taken in steps:
            story = [*story, *further]
            assert available(play(story)) == WHOLE - Decimal(taken)

    def test_that_passes_lets_an_order_be_drafted_and_none_before(self) -> None:
        story, drafted = waits(), order((ART, "200"), requisition="REQ-1")
        assert refused(story, LINE_PRODUCER, drafted) == RequisitionIsPending("REQ-1", "A-3", (LINE_PRODUCER,))
        yes = says(story, LINE_PRODUCER, "A-3")[-1][1]
        assert [type(fact) for fact in given(story).when(LINE_PRODUCER, yes).facts][-1:] == [RequestApproved]
        [fact] = given([*story, (LINE_PRODUCER, yes)]).when(LINE_PRODUCER, drafted).facts
        assert isinstance(fact, CommitmentDrafted)

    def test_that_waits_for_a_condition_says_who_closes_it(self) -> None:
        story = says(waits(), LINE_PRODUCER, "A-3", conditions=("The permit comes.",))
        refusal = refused(story, PRODUCER, order((ART, "200"), requisition="REQ-1"))
        assert refusal == RequisitionIsPending("REQ-1", "A-3", (LINE_PRODUCER,))

    @pytest.mark.parametrize("answer", [Reject, RequestChanges])
    def test_that_is_turned_down_leaves_nothing_held_and_nothing_to_order(self, answer: type) -> None:
        story = says(waits(), LINE_PRODUCER, "A-3", answer, words=WHY)
        assert available(play(story)) == WHOLE
        drafted = order((ART, "200"), requisition="REQ-1")
        assert refused(story, LINE_PRODUCER, drafted) == RequisitionIsRefused("REQ-1", "A-3")
        given(story).when(DEPARTMENT_HEAD, withdraw()).then_nothing()

    @pytest.mark.parametrize("command", [RecallRequest(round="A-3", reason=WHY), withdraw()])
    def test_ends_with_what_whoever_raised_it_takes_back(self, command: Command) -> None:
        story: Story = [*waits(), (DEPARTMENT_HEAD, command)]
        assert isinstance(given(waits()).when(DEPARTMENT_HEAD, command).facts[-1], RequestRecalled)
        assert available(play(story)) == WHOLE
        drafted = order((ART, "200"), requisition="REQ-1")
        assert refused(story, LINE_PRODUCER, drafted) == RequisitionIsWithdrawn("REQ-1")
        given(story).when(LINE_PRODUCER, withdraw()).then_nothing()

    def test_is_ended_by_a_line_producer_who_withdraws_what_a_head_raised(self) -> None:
        withdrawn, ended = given(waits()).when(LINE_PRODUCER, withdraw()).facts
        assert isinstance(withdrawn, RequisitionWithdrawn)
        assert ended == RequestRecalled("A-3", "REQ-1", "REQ-1 is withdrawn")

    def test_passes_as_far_as_it_is_available_by_then(self) -> None:
        stop = Control(ControlScope.ACCOUNT, ControlAction.STOP)
        story = [*adopted(HEADED, replace(ASKS, controls=(stop,))), *raised("150000")]
        spent: Story = [*story, (LINE_PRODUCER, spend(ART, "60000"))]
        yes = Approve(round="A-3", content_hash=asked(story, "A-3").content_hash)
        refusal = refused(spent, LINE_PRODUCER, yes)
        assert isinstance(refusal, CannotTakeEffect)
        assert "10,000.00 beyond INR 140,000.00 available" in str(refusal)
        assert "60,000.00 spent, 0.00 committed, 0.00 requisitioned" in str(refusal)
        assert given(story).when(LINE_PRODUCER, yes).facts

    def test_passes_what_was_let_pass(self) -> None:
        stop = Control(ControlScope.ACCOUNT, ControlAction.STOP)
        story = adopted(HEADED, replace(ASKS, controls=(stop,)))
        story = [*story, (MAYA, requisition((ART, "200001"), override=True))]
        assert given(story).when(LINE_PRODUCER, says(story, LINE_PRODUCER, "A-3")[-1][1]).facts

    def test_waits_on_where_the_head_is_none_any_more(self) -> None:
        ended = EndAppointment(person=DEPARTMENT_HEAD, role=Role.DEPARTMENT_HEAD, reason=WHY)
        story: Story = [*waits(), (MAYA, ended)]
        assert given(story).when(LINE_PRODUCER, says(story, LINE_PRODUCER, "A-3")[-1][1]).facts

    def test_of_a_closed_production_is_ended_by_withdrawing_it(self) -> None:
        story: Story = [*waits(), (MAYA, EnterStage(stage=Stage.CLOSED))]
        assert available(play([*story, (LINE_PRODUCER, withdraw())])) == WHOLE

    def test_is_about_lines_that_are_told_as_they_were_raised(self) -> None:
        [fact] = [fact for fact, _ in play(waits()).facts if isinstance(fact, RequisitionRaised)]
        assert fact.lines == (RequisitionLine(ART, Decimal("300.00"), "Timber"),)
