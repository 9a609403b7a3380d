"""One production's story in which every command's example is sent in its turn, and every view is looked at."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from events.budget import Level, TotalName
from events.financing import FundingKind
from events.ids import PersonId
from events.team import Role
from service.deciders.advance import CloseAdvance, PayAdvance, ReturnAdvance, VoidReturn
from service.deciders.approval import (
    Abstain,
    Approve,
    CloseCondition,
    Nudge,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from service.deciders.budget import LockBudget, SetBudget, UnlockBudget, WaiveDifference
from service.deciders.change import DrawContingency, RequestOverage, TransferBudget
from service.deciders.command import Command
from service.deciders.commitment import (
    AmendCommitment,
    CancelCommitment,
    CloseCommitment,
    DraftCommitment,
    RaiseRequisition,
    ReopenCommitment,
    SubmitCommitment,
    WithdrawRequisition,
)
from service.deciders.company import (
    OPERATOR,
    AdmitMember,
    DismissMember,
    FoundCompany,
    InviteMember,
    ReinstateMember,
    SuspendMember,
    WithdrawInvitation,
)
from service.deciders.cost_report import IssueCostReport
from service.deciders.delegation import DelegateAuthority, EndAbsence, RevokeDelegation, SetAbsence
from service.deciders.documents import LogBatch, LogCredit
from service.deciders.estimate import EstimateFinalCost
from service.deciders.financing import (
    AmendFunding,
    CloseFunding,
    CommitFunding,
    RestsOn,
    SecureFunding,
    WithdrawFunding,
)
from service.deciders.green_light import GreenlightProduction
from service.deciders.paying import (
    AnswerQuery,
    PaySpend,
    QuerySpend,
    ReconcileSpend,
    UndoReconciliation,
    VoidPayment,
)
from service.deciders.payment import RequestPayment
from service.deciders.period import ClosePeriod, OpenPeriod, ReopenPeriod, SoftClosePeriod, WithdrawReopening
from service.deciders.policy import AdoptApprovalPolicy, Template
from service.deciders.production import OpenProduction
from service.deciders.receipt import RecordReceipt, ReverseReceipt
from service.deciders.remittance import RemitWithheld, VoidRemittance
from service.deciders.spend import LogSpend, RecodeSpend, ReverseSpend
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget, WithdrawBudget
from service.deciders.team import Appoint, EndAppointment
from tests.deciders.stories import FEATURE, account, appoint, equity, inr, rate, usd
from tests.spec import Story, play

ADMINISTRATOR, MAYA, PRODUCER, RAVI, ACCOUNTANT, AUDITOR = "adele", "maya", "paula", "ravi", "anil", "uma"
CARL = "carl"


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody reads a view."""

    person: PersonId
    view: str
    limit: int | None = None
    #: Where it is below the production, when not at its name; and what is asked.
    path: str | None = None
    asked: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """The command whose example is sent, as it stands at its class but for what the story decides."""

    person: PersonId
    kind: type[Command]
    request: dict[str, Any]

    @property
    def raw(self) -> bytes:
        return json.dumps(self.request).encode()


Step = tuple[PersonId, Command] | Example | Look


def shown(person: PersonId, command: type[Command], **decided: Any) -> Example:
    return Example(person, command, command.example | decided)


def story(steps: Sequence[Step]) -> Story:
    """What people sent in these steps."""
    sent: Story = []
    for step in steps:
        match step:
            case Look():
                pass
            case Example(person, kind):
                sent.append((person, kind.model_validate_json(step.raw, strict=True)))
            case (person, command):
                sent.append((person, command))
    return sent


def _seen(steps: Sequence[Step], approval_round: str) -> dict[str, str]:
    """What whoever decides in a round names: the round and the content that they saw."""
    production = play(story(steps)).production
    assert production is not None
    return {"round": approval_round, "content_hash": production.approvals.rounds[approval_round].content_hash}


STAFFED: list[Step] = [
    (OPERATOR, FoundCompany(name="Acme Pictures")),
    (OPERATOR, AdmitMember(person=ADMINISTRATOR, name="Adele Fernandes", administrator=True)),
    shown(ADMINISTRATOR, AdmitMember),
    shown(ADMINISTRATOR, InviteMember),
    shown(ADMINISTRATOR, WithdrawInvitation),
    (ADMINISTRATOR, AdmitMember(person=PRODUCER, name="Paula Varga")),
    (ADMINISTRATOR, AdmitMember(person=RAVI, name="Ravi Ortiz")),
    (ADMINISTRATOR, AdmitMember(person=ACCOUNTANT, name="Anil Dahl")),
    (ADMINISTRATOR, AdmitMember(person=AUDITOR, name="Uma Moreau")),
    shown(MAYA, OpenProduction),
    shown(MAYA, Appoint),
    (MAYA, appoint(PRODUCER, Role.PRODUCER)),
    (MAYA, appoint(ACCOUNTANT, Role.ACCOUNTANT)),
    (MAYA, appoint(AUDITOR, Role.AUDITOR)),
]
FUNDED: list[Step] = [
    *STAFFED,
    shown(MAYA, SecureFunding),
    (
        MAYA,
        SecureFunding(
            kind=FundingKind.PRESALE,
            party="Nordlicht Distribution",
            amount=usd("300000"),
            budget_rate=rate("USD", "INR", "84.50"),
            rests_on=RestsOn.LETTER_OF_INTENT,
            document="Letter of 2026-10-15",
        ),
    ),
    shown(MAYA, CommitFunding),
    shown(MAYA, AmendFunding),
    shown(MAYA, CloseFunding),
    shown(ACCOUNTANT, RecordReceipt),
    Look(AUDITOR, "funding"),
    shown(ACCOUNTANT, ReverseReceipt),
    shown(MAYA, WithdrawFunding),
]
SET: list[Step] = [*FUNDED, shown(RAVI, SetBudget), shown(PRODUCER, SubmitBudget), Look(MAYA, "inbox")]
#: The second version does not add, and is turned down; the third is the real top sheet.
WAIVED: list[Step] = [
    *SET,
    shown(MAYA, RequestChanges, **_seen(SET, "A-1")),
    (PRODUCER, SubmitBudget(budget="v1")),
    shown(PRODUCER, WithdrawBudget),
    (
        RAVI,
        SetBudget(
            currency="INR",
            accounts=(account("2200", "Art Direction", Level.PRODUCTION, "262000"),),
            stated={TotalName.GRAND_TOTAL: account("1", "x", Level.OTHER, "262001").amount},
        ),
    ),
    shown(PRODUCER, WaiveDifference, budget="v2"),
    (PRODUCER, SubmitBudget(budget="v2")),
]
THIRD: list[Step] = [
    *WAIVED,
    shown(MAYA, Reject, **_seen(WAIVED, "A-3")),
    Look(AUDITOR, "budget", path="budgets/v1"),
    Look(AUDITOR, "budget_account", path="budgets/v1/accounts/8000"),
    Look(AUDITOR, "budget_total", path="budgets/v1/totals/grand_total"),
    Look(AUDITOR, "budget_comparison", path="budgets/v2/compare", asked={"against": "v1"}),
    Look(AUDITOR, "budget_copy", path="budgets/v2/copy", asked={"percent": "-5"}),
    Look(AUDITOR, "budget_what_if", path="budgets/v2/what-if", asked={"percent": "-5"}),
    (RAVI, FEATURE),
    (PRODUCER, SubmitBudget(budget="v3")),
]
SPENT: list[Step] = [
    *THIRD,
    shown(MAYA, Approve, **_seen(THIRD, "A-4")),
    shown(MAYA, LockBudget, budget="v3"),
    shown(RAVI, LogSpend),
    (
        ACCOUNTANT,
        LogSpend.model_validate_json(
            '{"account": "9999", "currency": "USD", "net": "100", "vendor": "chai-point", "spent_on": "2026-11-02",'
            ' "posted_on": "2026-11-02", "kind": "petty_cash",'
            ' "rate": {"source": "USD", "target": "INR", "rate": "84"}}'
        ),
    ),
    Look(AUDITOR, "current_budget"),
    Look(AUDITOR, "flags"),
    shown(ACCOUNTANT, RecodeSpend),
    shown(PRODUCER, QuerySpend),
    shown(RAVI, AnswerQuery),
    shown(ACCOUNTANT, PaySpend),
    shown(ACCOUNTANT, ReconcileSpend),
    Look(AUDITOR, "spend_register", limit=3),
    Look(AUDITOR, "audit_trail", limit=3),
    Look(ADMINISTRATOR, "events", limit=2),
    shown(ACCOUNTANT, UndoReconciliation),
    shown(ACCOUNTANT, VoidPayment),
    shown(ACCOUNTANT, ReverseSpend),
    shown(RAVI, LogBatch),
    shown(RAVI, LogCredit),
    shown(MAYA, UnlockBudget, budget="v3"),
    (MAYA, LockBudget(budget="v3")),
    shown(RAVI, RaiseRequisition),
    shown(RAVI, DraftCommitment),
    shown(RAVI, SubmitCommitment),
    shown(RAVI, AmendCommitment),
    Look(AUDITOR, "commitment_register"),
    shown(ACCOUNTANT, PayAdvance),
    (
        ACCOUNTANT,
        LogSpend.model_validate_json(
            '{"account": "2500", "currency": "INR", "net": "12000", "vendor": "chai-point", "spent_on": "2026-11-25",'
            ' "posted_on": "2026-11-25", "kind": "petty_cash", "advance": "FLOAT-0001"}'
        ),
    ),
    shown(ACCOUNTANT, ReturnAdvance),
    shown(ACCOUNTANT, VoidReturn),
    shown(ACCOUNTANT, CloseAdvance),
    Look(AUDITOR, "advances"),
    shown(ACCOUNTANT, RemitWithheld),
    shown(ACCOUNTANT, VoidRemittance),
    Look(AUDITOR, "withholding"),
    shown(RAVI, EstimateFinalCost),
    Look(AUDITOR, "cost_report", asked={"posted_from": "2026-11-01", "posted_to": "2026-11-30"}),
    Look(AUDITOR, "vendors"),
    Look(AUDITOR, "vendor", path="vendors/kala-sets"),
    Look(AUDITOR, "commitment", path="commitment-register/PO-0001"),
    Look(AUDITOR, "cost_report_account", path="cost-report/accounts/2200"),
    Look(AUDITOR, "hot_costs", asked={"from": "2026-11-01", "to": "2026-11-30", "days": "48", "account": "2200"}),
    Look(AUDITOR, "hot_costs_account", path="hot-costs/2026-11-18/accounts/2200", asked={"days": "48"}),
    Look(MAYA, "slate", path="/v1/acme/slate"),
    shown(RAVI, CloseCommitment),
    shown(RAVI, ReopenCommitment),
    shown(RAVI, CancelCommitment),
    shown(ACCOUNTANT, OpenPeriod),
    shown(ACCOUNTANT, SoftClosePeriod),
    shown(ACCOUNTANT, ClosePeriod, expected=[{"cost": "8400.00"}, {"account": "2200", "cost": "0.00"}]),
    shown(ACCOUNTANT, ReopenPeriod),
    shown(MAYA, WithdrawReopening),
    (ACCOUNTANT, ReopenPeriod.model_validate_json(json.dumps(ReopenPeriod.example))),
    (MAYA, ReopenPeriod.model_validate_json(json.dumps(ReopenPeriod.example))),
    Look(AUDITOR, "periods"),
    shown(ACCOUNTANT, IssueCostReport),
    Look(AUDITOR, "cost_reports"),
    Look(AUDITOR, "issued_cost_report", path="cost-reports/CR-1"),
    (RAVI, RaiseRequisition.model_validate_json(json.dumps(RaiseRequisition.example))),
    shown(RAVI, WithdrawRequisition, requisition="REQ-2"),
]
#: Money beside the locked budget, within it, and from its contingency: rounds A-5, A-6 and A-7.
ASKED: list[Step] = [
    *SPENT,
    (ADMINISTRATOR, AdmitMember(person=CARL, name="Carl Nyberg")),
    (MAYA, appoint(CARL, Role.EXECUTIVE_PRODUCER)),
    (MAYA, equity(inr("90000000"), party="Lotus Films")),
    shown(PRODUCER, RequestOverage, funding="F-3"),
    shown(PRODUCER, TransferBudget),
    shown(PRODUCER, DrawContingency),
    shown(PRODUCER, Nudge, round="A-5"),
]
ANSWERED: list[Step] = [
    *ASKED,
    shown(MAYA, Abstain, **_seen(ASKED, "A-5")),
    shown(MAYA, WithdrawVote, round="A-5"),
    shown(MAYA, ReassignStep, round="A-5", seat=MAYA, to=ACCOUNTANT),
    shown(PRODUCER, RecallRequest, round="A-6"),
    (CARL, Approve(**_seen(ASKED, "A-7"), conditions=("The permit comes.",))),
    Look(AUDITOR, "approval_status"),
    shown(CARL, CloseCondition, round="A-7"),
    shown(MAYA, GreenlightProduction),
    shown(MAYA, AdoptApprovalPolicy),
]
ADOPTED: list[Step] = [
    *ANSWERED,
    (CARL, Approve(**_seen(ANSWERED, "A-8"))),
    shown(MAYA, EndAppointment),
    (MAYA, AdoptApprovalPolicy(template=Template.STUDIO)),
]
AT_THE_STUDIO: list[Step] = [
    *ADOPTED,
    (CARL, Approve(**_seen(ADOPTED, "A-9"))),
    (ACCOUNTANT, LogSpend.model_validate_json(json.dumps(LogSpend.example | {"net": "120000", "document": "KS-0532"}))),
]
OVERRIDDEN: list[Step] = [*AT_THE_STUDIO, shown(MAYA, OverrideStep, **_seen(AT_THE_STUDIO, "A-10"))]
#: A payment that waits for the producer, in A-11.
UNPAID: list[Step] = [
    *OVERRIDDEN,
    (CARL, Approve(**_seen(OVERRIDDEN, "A-10"))),
    shown(ACCOUNTANT, LogSpend, document="KS-0533"),
]
WALK: list[Step] = [
    *UNPAID,
    (PRODUCER, RequestChanges(**_seen(UNPAID, "A-11"), words="Where are the timesheets?")),
    shown(ACCOUNTANT, RequestPayment, spend="S-000010"),
    shown(MAYA, DelegateAuthority),
    shown(MAYA, RevokeDelegation),
    shown(MAYA, SetAbsence),
    shown(MAYA, EndAbsence),
    shown(MAYA, EnterStage),
    Look(AUDITOR, "exceptions", limit=3),
    shown(ADMINISTRATOR, SuspendMember),
    shown(ADMINISTRATOR, ReinstateMember),
    shown(ADMINISTRATOR, DismissMember),
]
