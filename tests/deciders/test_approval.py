"""Rounds: one content, asked about once, decided by somebody who did not make it."""

from decimal import Decimal

from events.approval import (
    ApprovalGiven,
    BudgetApproved,
    BudgetRejected,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ChangesRequested,
)
from events.budget import Level
from events.spend import AccountOverspent, OutsideBecause, SpendOutsideBudget
from events.team import Role
from service.deciders.approval import (
    Approve,
    ApproverIsSubmitter,
    ApproverSetTheBudget,
    ContentHasChanged,
    Reject,
    RequestChanges,
    RoundIsClosed,
)
from service.deciders.budget import BudgetState, LockBudget, UnlockBudget
from service.deciders.submission import BudgetIsNotADraft, BudgetIsNotSubmitted, SubmitBudget, WithdrawBudget
from service.deciders.team import EndAppointment
from tests.deciders.stories import (
    ACCOUNTANT,
    APPROVED,
    ART,
    CONTINGENCY,
    DRAFTED,
    EDITING,
    FUNDED,
    INSURANCE,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    SMALL,
    STORY,
    STRANGER,
    SUBMITTED,
    TWO_HATS,
    account,
    appoint,
    approve,
    budget,
    content,
    inr,
    reverse,
    spend,
)
from tests.spec import Story, given, play

ASKED = content(SUBMITTED)
WHY = "Bring transport down."
SUBMIT = SubmitBudget(budget="v1")
#: Spent before any budget: 250,000 on art, 10,000 on contingency, 500 on an account nobody knows.
EARLY: Story = [
    (LINE_PRODUCER, spend(ART, "150000", "KS-1")),
    (LINE_PRODUCER, spend(ART, "100000", "KS-2")),
    (LINE_PRODUCER, spend(CONTINGENCY, "10000", "KS-3")),
    (LINE_PRODUCER, spend("9999", "500", "KS-4")),
    (LINE_PRODUCER, spend(STORY, "100000", "KS-5")),
]


def submitted_again(story: Story, art: str = "210000") -> Story:
    """A second version waits in a second round."""
    return [*story, (LINE_PRODUCER, budget(art)), (PRODUCER, SubmitBudget(budget="v2"))]


def state_of(story: Story, version: str = "v1") -> BudgetState:
    production = play(story).production
    assert production is not None
    return production.budgets.versions[version].state


class TestSubmitBudget:
    def test_opens_a_round_bound_to_the_content(self) -> None:
        given(DRAFTED).when(PRODUCER, SUBMIT).then(
            BudgetSubmitted("A-1", "v1", ASKED, inr("460000"), (LINE_PRODUCER, PRODUCER))
        )

    def test_twice_does_nothing(self) -> None:
        given(SUBMITTED).when(TWO_HATS, SUBMIT).then_nothing()

    def test_after_a_withdrawal_opens_another_round(self) -> None:
        withdrawn: Story = [*SUBMITTED, (PRODUCER, WithdrawBudget(budget="v1"))]
        given(withdrawn).when(PRODUCER, SUBMIT).then(
            BudgetSubmitted("A-2", "v1", ASKED, inr("460000"), (LINE_PRODUCER, PRODUCER))
        )

    def test_after_a_rejection_is_refused(self) -> None:
        rejected: Story = [*SUBMITTED, (MAYA, Reject(round="A-1", content_hash=ASKED, words=WHY))]
        given(rejected).when(PRODUCER, SUBMIT).then_refused(BudgetIsNotADraft("v1", BudgetState.REJECTED))


class TestWithdrawBudget:
    def test_makes_it_a_draft_again(self) -> None:
        given(SUBMITTED).when(PRODUCER, WithdrawBudget(budget="v1")).then(BudgetWithdrawn("A-1", "v1"))
        assert state_of([*SUBMITTED, (PRODUCER, WithdrawBudget(budget="v1"))]) is BudgetState.DRAFT

    def test_after_the_decision_is_too_late(self) -> None:
        given(APPROVED).when(PRODUCER, WithdrawBudget(budget="v1")).then_refused(
            BudgetIsNotSubmitted("v1", BudgetState.APPROVED)
        )


class TestApprove:
    def test_puts_the_version_in_force(self) -> None:
        command = Approve(round="A-1", content_hash=ASKED, words="Good to go.")
        given(SUBMITTED).when(MAYA, command).then(
            ApprovalGiven("A-1", "v1", ASKED, "Good to go.", 0, ()),
            BudgetApproved("A-1", "v1", ASKED, inr("460000"), supersedes=None, clears=()),
        )

    def test_twice_does_nothing(self) -> None:
        given(APPROVED).when(MAYA, Approve(round="A-1", content_hash=ASKED)).then_nothing()

    def test_twice_after_another_version_came_into_force_does_nothing(self) -> None:
        second = submitted_again(APPROVED)
        superseded: Story = [*second, (NOOR, approve(second, "A-2", "v2"))]
        given(superseded).when(MAYA, Approve(round="A-1", content_hash=ASKED)).then_nothing()

    def test_of_what_was_approved_with_other_content_is_refused(self) -> None:
        other = content([*FUNDED, (PRODUCER, budget("1"))])
        given(APPROVED).when(MAYA, Approve(round="A-1", content_hash=other)).then_refused(
            RoundIsClosed("A-1", "v1", "approved")
        )

    def test_of_what_changed_while_one_looked_is_refused_with_both_contents(self) -> None:
        changed: Story = [
            *SUBMITTED,
            (PRODUCER, WithdrawBudget(budget="v1")),
            (LINE_PRODUCER, budget("210000")),
            (PRODUCER, SubmitBudget(budget="v2")),
        ]
        given(changed).when(MAYA, Approve(round="A-1", content_hash=ASKED)).then_refused(
            RoundIsClosed("A-1", "v1", "withdrawn")
        )
        given(changed).when(MAYA, Approve(round="A-2", content_hash=ASKED)).then_refused(
            ContentHasChanged(
                "A-2",
                asked=content(changed, "v2"),
                seen=ASKED,
                compared="which was v1, INR 460,000.00; it is v2, INR 471,300.00, now: "
                "2200 200,000.00 → 210,000.00, 8000 38,000.00 → 39,000.00, 8100 12,000.00 → 12,300.00",
            )
        )

    def test_supersedes_the_former_version(self) -> None:
        second = submitted_again(APPROVED)
        asked = content(second, "v2")
        given(second).when(NOOR, approve(second, "A-2", "v2")).then(
            ApprovalGiven("A-2", "v2", asked, None, 0, ()),
            BudgetApproved("A-2", "v2", asked, inr("471300"), supersedes="v1", clears=()),
            BudgetSuperseded("v1", by="v2"),
        )

    def test_after_locking_and_unlocking_supersedes_as_well(self) -> None:
        story: Story = [*LOCKED, (NOOR, UnlockBudget(budget="v1", reason="It grows."))]
        second = submitted_again(story)
        passed: Story = [*second, (MAYA, approve(second, "A-2", "v2")), (MAYA, LockBudget(budget="v2"))]
        assert (state_of(passed), state_of(passed, "v2")) == (BudgetState.SUPERSEDED, BudgetState.LOCKED)


class TestWhoMayApprove:
    def test_is_nobody_who_set_an_earlier_draft_of_the_same_effort(self) -> None:
        story: Story = [
            *FUNDED,
            (TWO_HATS, budget("100")),
            (LINE_PRODUCER, SMALL),
            (PRODUCER, SubmitBudget(budget="v2")),
        ]
        given(story).when(TWO_HATS, approve(story, "A-1", "v2")).then_refused(ApproverSetTheBudget(TWO_HATS, "v2"))

    def test_is_nobody_who_set_a_draft_before_a_rejection(self) -> None:
        first: Story = [*FUNDED, (TWO_HATS, SMALL), (PRODUCER, SUBMIT)]
        rejected: Story = [*first, (MAYA, Reject(round="A-1", content_hash=ASKED, words=WHY))]
        story = submitted_again(rejected)
        given(story).when(TWO_HATS, approve(story, "A-2", "v2")).then_refused(ApproverSetTheBudget(TWO_HATS, "v2"))

    def test_is_open_again_to_a_drafter_after_an_approval(self) -> None:
        first: Story = [*FUNDED, (TWO_HATS, SMALL), (PRODUCER, SUBMIT)]
        story = submitted_again([*first, (MAYA, approve(first))])
        assert given(story).when(TWO_HATS, approve(story, "A-2", "v2")).refusal is None

    def test_is_open_to_somebody_whose_setting_changed_nothing(self) -> None:
        story: Story = [*DRAFTED, (TWO_HATS, SMALL), (PRODUCER, SUBMIT)]
        assert given(story).when(TWO_HATS, approve(story)).refusal is None

    def test_is_nobody_who_submitted_it_before(self) -> None:
        first: Story = [*DRAFTED, (TWO_HATS, SUBMIT)]
        story: Story = [*first, (PRODUCER, WithdrawBudget(budget="v1")), (PRODUCER, SUBMIT)]
        given(story).when(TWO_HATS, approve(story, "A-2")).then_refused(ApproverSetTheBudget(TWO_HATS, "v1"))

    def test_is_not_the_submitter_even_of_others_drafts(self) -> None:
        story: Story = [*DRAFTED, (TWO_HATS, SUBMIT)]
        given(story).when(TWO_HATS, approve(story)).then_refused(ApproverIsSubmitter(TWO_HATS, "v1"))

    def test_is_whom_they_appoint_where_the_submitter_is_the_only_one_who_is_asked(self) -> None:
        gone: Story = [(each, EndAppointment(person=each, role=Role.EXECUTIVE_PRODUCER)) for each in (MAYA, NOOR)]
        story: Story = [*DRAFTED, *gone, (TWO_HATS, SUBMIT)]
        refusal = given(story).when(TWO_HATS, approve(story)).refusal
        assert isinstance(refusal, ApproverIsSubmitter)
        assert refusal.advice() == (
            "Somebody else whom the round asks may; where it asks nobody else, an executive producer may appoint"
            " somebody."
        )
        story = [*story, (TWO_HATS, appoint(STRANGER, Role.EXECUTIVE_PRODUCER))]
        assert given(story).when(STRANGER, approve(story)).refusal is None

    def test_may_still_ask_for_changes_or_reject_as_its_drafter(self) -> None:
        story: Story = [*FUNDED, (TWO_HATS, SMALL), (PRODUCER, SUBMIT)]
        given(story).when(TWO_HATS, Reject(round="A-1", content_hash=ASKED, words=WHY)).then(
            BudgetRejected("A-1", "v1", ASKED, WHY)
        )


class TestRequestChanges:
    def test_makes_it_a_draft_again_with_the_words(self) -> None:
        command = RequestChanges(round="A-1", content_hash=ASKED, words=WHY)
        given(SUBMITTED).when(MAYA, command).then(ChangesRequested("A-1", "v1", ASKED, WHY))
        assert state_of([*SUBMITTED, (MAYA, command)]) is BudgetState.DRAFT

    def test_twice_is_refused(self) -> None:
        command = RequestChanges(round="A-1", content_hash=ASKED, words=WHY)
        given([*SUBMITTED, (MAYA, command)]).when(MAYA, command).then_refused(
            RoundIsClosed("A-1", "v1", "changes requested")
        )


class TestReject:
    def test_ends_the_version(self) -> None:
        command = Reject(round="A-1", content_hash=ASKED, words=WHY)
        given(SUBMITTED).when(MAYA, command).then(BudgetRejected("A-1", "v1", ASKED, WHY))
        assert state_of([*SUBMITTED, (MAYA, command)]) is BudgetState.REJECTED

    def test_of_a_second_version_leaves_the_first_in_force(self) -> None:
        second = submitted_again(APPROVED)
        story: Story = [*second, (MAYA, Reject(round="A-2", content_hash=content(second, "v2"), words=WHY))]
        assert state_of(story) is BudgetState.APPROVED
        assert not given(story).when(LINE_PRODUCER, spend(ART, "200000")).facts[1:]


class TestSpendMeasuredAnew:
    """What a version that comes into force clears and raises."""

    def over(self, flag: str, budgeted: str, spent: str, version: str = "v1") -> AccountOverspent:
        over = inr(str(Decimal(spent) - Decimal(budgeted)))
        return AccountOverspent(flag, None, ART, version, inr(budgeted), inr(spent), over)

    def test_clears_what_it_knows_and_raises_what_it_does_not_cover(self) -> None:
        story: Story = [*FUNDED, *EARLY, (LINE_PRODUCER, SMALL), (PRODUCER, SUBMIT)]
        facts = given(story).when(MAYA, approve(story)).facts
        assert facts[1].clears == ("FLAG-1", "FLAG-2", "FLAG-5")
        assert facts[2:] == (self.over("FLAG-6", "200000", "250000"),)

    def test_clears_an_overspent_account_once_it_is_covered(self) -> None:
        over: Story = [*APPROVED, (LINE_PRODUCER, spend(ART, "205000"))]
        story = submitted_again(over)
        facts = given(story).when(MAYA, approve(story, "A-2", "v2")).facts
        assert (facts[1].clears, facts[3:]) == (("FLAG-1",), ())

    def test_states_the_figures_anew_for_an_account_that_stays_over(self) -> None:
        over: Story = [*APPROVED, (LINE_PRODUCER, spend(ART, "215000"))]
        story = submitted_again(over)
        facts = given(story).when(MAYA, approve(story, "A-2", "v2")).facts
        assert (facts[1].clears, facts[3:]) == (
            ("FLAG-1",),
            (self.over("FLAG-2", "210000", "215000", "v2"),),
        )

    def test_keeps_an_account_flagged_whose_budget_was_cut_when_one_entry_goes(self) -> None:
        over: Story = [*APPROVED, (LINE_PRODUCER, spend(ART, "150000")), (LINE_PRODUCER, spend(ART, "60000"))]
        story = submitted_again(over, art="100000")
        cut: Story = [*story, (MAYA, approve(story, "A-2", "v2"))]
        (reversal,) = given(cut).when(ACCOUNTANT, reverse("S-000002")).facts
        assert reversal.clears == ()
        (reversal,) = given(cut).when(ACCOUNTANT, reverse("S-000001")).facts
        assert reversal.clears == ("FLAG-2",)

    def test_flags_each_entry_on_an_account_that_is_gone(self) -> None:
        spent: Story = [
            *APPROVED,
            (LINE_PRODUCER, spend(EDITING, "50000", "KS-1")),
            (LINE_PRODUCER, spend(EDITING, "40000", "KS-2")),
            (LINE_PRODUCER, spend(EDITING, "7", "KS-3")),
            (ACCOUNTANT, reverse("S-000003")),
        ]
        without = budget(
            accounts=(
                account(ART, "Art Direction", Level.PRODUCTION, "200000"),
                account(INSURANCE, "Insurance", Level.OTHER, "20000"),
            )
        )
        story: Story = [*spent, (LINE_PRODUCER, without), (PRODUCER, SubmitBudget(budget="v2"))]
        facts = given(story).when(MAYA, approve(story, "A-2", "v2")).facts
        unknown = OutsideBecause.UNKNOWN_ACCOUNT
        assert facts[1].clears == ("FLAG-1",)
        assert facts[3:] == (
            SpendOutsideBudget("FLAG-3", "S-000001", EDITING, "v2", inr("50000"), unknown),
            SpendOutsideBudget("FLAG-4", "S-000002", EDITING, "v2", inr("40000"), unknown),
        )
