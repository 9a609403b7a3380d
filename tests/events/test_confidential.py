"""Whose figures each fact tells: a kind that is new finds its place here."""

from dataclasses import replace
from decimal import Decimal

import pytest

from events import EVENTS, AnyEvent
from events.approval import (
    Abstained,
    ApprovalGiven,
    ApprovalRequested,
    ApprovedByPolicy,
    ContentReplaced,
    RequestApproved,
)
from events.commitment import CommitmentKind, CommitmentLine
from events.confidential import Accounts, figures_of
from events.policy import RequestKind
from events.spend import AccountOverspent, AlertScope, SpendAlert, SpendKind, SpendLogged
from tests.events.examples import BY_NAME, inr

LINE = CommitmentLine("2200", Decimal("30000.00"), Decimal("30000.00"), "Timber and canvas")

#: Of pay, of an entry or an account that the fact does not name, or of every account.
FOR_THE_FEW = {
    *("SpendReversed", "SpendRecoded", "SpendOutsideBudget", "PaymentReleased", "BudgetDrafted", "LabelDisagrees"),
    *("RequestRejected", "ConditionMet", "ConditionWaived", "StepReassigned"),
    *("CommitmentOpened", "AmendmentSubmitted", "CommitmentAmended", "CommitmentReopened"),
    *("CommitmentRelieved", "CommitmentExceeded", "InvoicedByAnother", "ReliefReversed", "CostReportIssued"),
    *("SpendQueried", "QueryAnswered", "QueryClosed"),
    *("SpendPaid", "PaymentVoided", "SpendReconciled", "ReconciliationUndone"),
    *("WithheldRemitted", "RemittanceVoided"),
    *("AdvancePaid", "AdvanceAccounted", "AdvanceExceeded", "AccountingReversed", "AdvanceReturned", "AdvanceClosed"),
    *("AdvanceReturnVoided", "FloatShort"),
}
#: Of the accounts that they name.
OF_ACCOUNTS = {
    *("SpendLogged", "AccountOverspent", "SpendAlert", "OverageApproved", "BudgetTransferred", "ContingencyDrawn"),
    *("ApprovalRequested", "ApprovedByPolicy", "ContentReplaced"),
    *("RequisitionRaised", "RequisitionWithdrawn", "CommitmentDrafted", "CommitmentSubmitted"),
    *("CommitmentCancelled", "CommitmentClosed", "FinalCostEstimated", "PeriodClosed"),
}
#: By what they are about, or whether something was said.
THAT_DEPEND = {
    *("RequestApproved", "ApprovalGiven", "Abstained", "ChangesRequested", "StepOverridden"),
    *("TotalDisagrees", "VarianceAccepted", "DifferenceWaived"),
}
#: Of sums, funding, people, policies, periods and stages.
FOR_ALL = {
    *("CompanyFounded", "MemberAdmitted", "MemberDismissed", "MemberSuspended", "MemberReinstated"),
    *("MemberInvited", "InvitationWithdrawn"),
    *("AuthorityDelegated", "AuthorityRevoked", "AbsenceSet", "AbsenceEnded"),
    *("ProductionOpened", "StageEntered", "ProductionGreenlit", "Appointed", "AppointmentEnded"),
    *("FundingSourceIdentified", "LetterOfIntentRecorded", "FundingCommitted", "FundingAmended", "FundingClosed"),
    *("FundingWithdrawn", "FundsReceived", "FundsReceiptReversed", "ReceiptBeforeClosing", "ReceiptBeyondCommitment"),
    *("CoverReduced", "ApprovalPolicyAdopted", "BudgetLocked", "BudgetUnlocked"),
    *("BudgetSubmitted", "BudgetWithdrawn", "BudgetRejected", "BudgetApproved", "BudgetSuperseded"),
    *("VoteWithdrawn", "VoteLapsed", "StepPassed", "StepSkipped", "StepReopened", "ApproversNudged", "RequestRecalled"),
    *("PeriodOpened", "PeriodSoftClosed", "ReopeningProposed", "ReopeningWithdrawn", "PeriodReopened"),
    "DuplicateSuspected",
}


def about(event: AnyEvent, **changes: object) -> Accounts:
    return figures_of(replace(event, **changes))  # type: ignore[arg-type]


class TestEveryFact:
    def test_has_its_place(self) -> None:
        places = (FOR_THE_FEW, OF_ACCOUNTS, THAT_DEPEND, FOR_ALL)

        assert set().union(*places) == EVENTS.keys()
        assert sum(map(len, places)) == len(EVENTS)

    @pytest.mark.parametrize("name", sorted(FOR_THE_FEW | FOR_ALL))
    def test_is_for_the_few_or_for_all(self, name: str) -> None:
        assert figures_of(BY_NAME[name]) == (None if name in FOR_THE_FEW else ())


class TestAStatedFigure:
    @pytest.mark.parametrize("name", ["TotalDisagrees", "VarianceAccepted", "DifferenceWaived"])
    def test_is_of_an_account_or_of_all(self, name: str) -> None:
        assert about(BY_NAME[name], total="1100") == ("1100",)
        assert about(BY_NAME[name], total="above_the_line") == ()


class TestAFactOfAccounts:
    @pytest.mark.parametrize("name", ["OverageApproved", "BudgetTransferred", "ContingencyDrawn"])
    def test_names_them_all(self, name: str) -> None:
        event = BY_NAME[name]
        named = {
            getattr(event, f) for f in ("account", "from_account", "to_account", "contingency") if hasattr(event, f)
        }

        assert set(figures_of(event) or ()) == named

    def test_of_pay_is_for_the_few_whatever_its_account(self) -> None:
        entry = BY_NAME[SpendLogged.__name__]

        assert about(entry, kind=SpendKind.INVOICE, account="2200") == ("2200",)
        assert about(entry, kind=SpendKind.PAYROLL, account="2200") is None

    def test_of_an_exchange_difference_is_for_the_few_since_it_may_be_of_pay(self) -> None:
        assert about(BY_NAME[SpendLogged.__name__], kind=SpendKind.EXCHANGE_DIFFERENCE, account="2200") is None

    def test_of_an_account_that_a_budget_put_over_is_of_that_account(self) -> None:
        over = BY_NAME[AccountOverspent.__name__]

        assert about(over, spend=None, account="2200") == ("2200",)
        assert about(over, spend="S-000001", account="2200") is None

    def test_alerts_of_levels_and_the_whole_are_sums(self) -> None:
        alert = BY_NAME[SpendAlert.__name__]

        assert about(alert, scope=AlertScope.ACCOUNT, of="2200") == ("2200",)
        assert about(alert, scope=AlertScope.LEVEL, of="production") == ()
        assert about(alert, scope=AlertScope.TOTAL, of=None) == ()

    def test_lists_what_changed_under_approval(self) -> None:
        replaced = BY_NAME[ContentReplaced.__name__]
        assert isinstance(replaced, ContentReplaced)

        assert figures_of(replaced) == tuple(change.account for change in replaced.changes)


class TestACommitment:
    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("RequisitionRaised", {"beyond": ()}),
            ("RequisitionWithdrawn", {}),
            ("CommitmentDrafted", {"kind": CommitmentKind.PURCHASE_ORDER, "lines": (LINE,)}),
            ("CommitmentSubmitted", {"beyond": ()}),
            ("CommitmentCancelled", {}),
            ("CommitmentClosed", {}),
        ],
    )
    def test_is_of_the_accounts_that_it_holds(self, name: str, changes: dict[str, object]) -> None:
        assert about(BY_NAME[name], **changes) == ("2200",)

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("RequisitionRaised", {}),
            ("CommitmentDrafted", {}),
            ("CommitmentSubmitted", {}),
            ("CommitmentSubmitted", {"beyond": (), "commitment": "DEAL-0001"}),
            ("CommitmentCancelled", {"commitment": "DEF-0001"}),
            ("CommitmentClosed", {"commitment": "DEAL-0001"}),
            ("ApprovalRequested", {"kind": RequestKind.COMMITMENT, "subject": "DEAL-0001"}),
        ],
    )
    def test_that_is_pay_or_tells_what_is_available_is_for_the_few(self, name: str, changes: dict[str, object]) -> None:
        assert about(BY_NAME[name], **changes) is None


class TestARequest:
    @pytest.mark.parametrize("name", [ApprovalRequested.__name__, ApprovedByPolicy.__name__])
    def test_is_of_its_accounts_and_of_a_payment_for_the_few(self, name: str) -> None:
        asked = BY_NAME[name]

        alone = {"amount": inr("5000.00"), "counted": inr("5000.00"), "accounts": ("1100", "2200")}
        assert about(asked, kind=RequestKind.TRANSFER, **alone) == ("1100", "2200")
        assert about(asked, kind=RequestKind.PAYMENT, **alone) is None

    @pytest.mark.parametrize("name", [ApprovalRequested.__name__, ApprovedByPolicy.__name__])
    def test_that_counts_together_with_others_is_for_the_few_since_these_may_be_of_any_account(self, name: str) -> None:
        together = {"amount": inr("5000.00"), "counted": inr("5000.01"), "accounts": ("2200",)}
        assert about(BY_NAME[name], kind=RequestKind.TRANSFER, **together) is None

    @pytest.mark.parametrize("kind", RequestKind)
    def test_that_passed_names_no_account(self, kind: RequestKind) -> None:
        of_accounts = kind in ("payment", "commitment", "requisition", "overage", "transfer", "contingency_draw")

        assert about(BY_NAME[RequestApproved.__name__], kind=kind) == (None if of_accounts else ())


class TestWords:
    """Of a budget version they are of the whole; of a payment or a change they may name its figure."""

    @pytest.mark.parametrize("name", [ApprovalGiven.__name__, Abstained.__name__])
    def test_and_a_hash_of_the_figure_are_what_makes_an_answer_to_be_for_the_few(self, name: str) -> None:
        answer = BY_NAME[name]

        assert about(answer, subject="2200", words="Not 5,000.") is None
        assert about(answer, subject="v1", words="Go.") == ()
        bare = {"conditions": ()} if name == ApprovalGiven.__name__ else {}
        assert about(answer, subject="2200", words=None, **bare) is None

    def test_of_conditions_are_words(self) -> None:
        answer = BY_NAME[ApprovalGiven.__name__]

        assert about(answer, subject="2200", words=None, conditions=("Not 5,000.",)) is None

    @pytest.mark.parametrize("name", ["ChangesRequested", "StepOverridden"])
    def test_are_always_said_of_what_is_turned_down_or_passed_over(self, name: str) -> None:
        assert about(BY_NAME[name], subject="S-000001") is None
        assert about(BY_NAME[name], subject="v12") == ()
