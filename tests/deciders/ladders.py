"""Every way to be refused: what was so, who sends what, and the refusal that it ends in.

One ladder per command, its rungs in the order in which they are tried. The same rungs are climbed over HTTP,
so a story here is only ever what people sent.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

from events.financing import FundingKind, FundingState
from events.ids import PersonId
from events.production import Stage
from events.team import Role
from service.deciders import company as companies
from service.deciders import decision
from service.deciders.approval import (
    Approve,
    CredentialsAreNotFresh,
    Reject,
    RequestChanges,
    RoundIsClosed,
    RoundIsMissing,
)
from service.deciders.authority import MAY_SEND, NothingDelegated, RoleMayNot
from service.deciders.budget import (
    BudgetIsMissing,
    BudgetIsNotInForce,
    BudgetIsSubmitted,
    BudgetIsUnreconciled,
    BudgetState,
    CurrencyIsNotBase,
    LockBudget,
    NothingToWaive,
    RoundAsksForNoBudget,
    ScenarioIsAnother,
    SubmitterMayNotLock,
    SuccessorIsSubmitted,
    UnlockBudget,
    WaiveDifference,
)
from service.deciders.budget_content import Base, BaseIsUnknown, BudgetCharge
from service.deciders.budget_detail import (
    BudgetPart,
    LineDoesNotConvert,
    LineIsTooLarge,
    NameIsUnknown,
    TimesIsNotWhole,
)
from service.deciders.change import TransferBudget
from service.deciders.command import Command
from service.deciders.commitment import AmendCommitment, SubmitCommitment
from service.deciders.company import (
    OPERATOR,
    AcceptInvitation,
    AdministratorAlone,
    AdministratorStays,
    AdmitMember,
    BelongedBefore,
    CompanyCommand,
    CompanyIsFounded,
    CompanyIsMissing,
    DismissMember,
    FoundCompany,
    GuestHoldsNoRight,
    InvitationIsExpired,
    InvitationIsMissing,
    MemberIsMissing,
    MemberIsNoGuest,
    NotForOneself,
    OperatorAlone,
    ReinstateMember,
    SuspendMember,
    WithdrawInvitation,
)
from service.deciders.decision import ProductionCommand
from service.deciders.financing import (
    AmendFunding,
    CloseFunding,
    CommitFunding,
    CurrencyIsReceived,
    LoanGoesInACircle,
    RateDoesNotConvert,
    SourceIsClosed,
    SourceIsMissing,
    SourceIsNotCommitted,
    SourceIsWithdrawn,
    WithdrawFunding,
)
from service.deciders.payment import RequestPayment
from service.deciders.policy import AdoptApprovalPolicy
from service.deciders.production import (
    OpeningNeedsRight,
    OpenProduction,
    ProductionExists,
    ProductionIsClosed,
    ProductionIsMissing,
)
from service.deciders.receipt import (
    CurrencyIsNotTheSources,
    HolderKeepsAway,
    ReceiptIsMissing,
    ReceiptIsReversed,
    ReverseReceipt,
    SourceIsNotCash,
)
from service.deciders.spend import (
    ActualRateDoesNotConvert,
    ContingencyTakesNoSpend,
    DifferenceStaysWithItsPayment,
    PostedBeforeEntry,
    RecodingBarsApprovers,
    SpendIsMissing,
    SpendIsRecoded,
    SpendIsReversed,
)
from service.deciders.stage import EnterStage, ReopeningNeedsReason
from service.deciders.submission import (
    AnotherIsSubmitted,
    BudgetIsLocked,
    BudgetIsNotADraft,
    BudgetIsNotSubmitted,
    SubmitBudget,
    WithdrawBudget,
)
from service.deciders.team import (
    AuditorHoldsNoOtherRole,
    EndAppointment,
    ExecutiveProducerLeavesByOwnAct,
    GuestHoldsNoSuchRole,
    LastExecutiveProducerStays,
    RoleIsAboveYours,
    RoleIsNotHeld,
)
from tests.deciders import advances, commitments, documents, paying, periods, remittances, rounds
from tests.deciders.rung import ASKED, WHY, Rung
from tests.deciders.stories import (
    ACCOUNTANT,
    ADMINISTRATOR,
    APPROVED,
    ART,
    AUDITOR,
    BANK,
    CLOSED,
    CONTINGENCY,
    DIRECTOR,
    DRAFTED,
    EDITING,
    FOUNDED,
    FUNDED,
    GUESTS,
    HOLDER,
    INVITATION,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    OPENED,
    OPENING,
    OUTSIDER,
    PRIYA,
    PRODUCER,
    SMALL,
    SPENT,
    STAFFED,
    STORY,
    STRANGER,
    SUBMITTED,
    TODAY,
    TWO_HATS,
    UNRECONCILED,
    WITHDRAWN,
    appoint,
    approve,
    budget,
    detailed,
    equity,
    inr,
    line,
    rate,
    receipt,
    recode,
    reverse,
    spend,
    usd,
)
from tests.spec import MORNING, Story


def end(person: PersonId, role: Role) -> EndAppointment:
    return EndAppointment(person=person, role=role, reason=WHY)


def amend(funding: str, **terms: Any) -> AmendFunding:
    return AmendFunding(funding=funding, reason=WHY, **terms)


def take_back(number: str) -> ReverseReceipt:
    return ReverseReceipt(receipt=number, posted_on=TODAY, reason=WHY)


def waive(version: str, total: str = "grand_total") -> WaiveDifference:
    return WaiveDifference.model_validate_json(f'{{"budget": "{version}", "total": "{total}", "reason": "{WHY}"}}')


#: A body of each command, sound by itself.
SOUND: dict[type[Command], Command] = {
    type(command): command
    for command in (
        OPENING,
        appoint(STRANGER, Role.ACCOUNTANT),
        end(DIRECTOR, Role.DIRECTOR),
        equity(inr("1000")),
        CommitFunding(funding="F-2", document="Presale agreement"),
        amend("F-1", amount=inr("500000")),
        CloseFunding(funding="F-1"),
        WithdrawFunding(funding="F-2", reason=WHY),
        receipt("F-1", inr("1000")),
        take_back("R-1"),
        SMALL,
        waive("v1"),
        SubmitBudget(budget="v1"),
        WithdrawBudget(budget="v1"),
        Approve(round="A-1", content_hash=ASKED),
        RequestChanges(round="A-1", content_hash=ASKED, words=WHY),
        Reject(round="A-1", content_hash=ASKED, words=WHY),
        LockBudget(budget="v1"),
        UnlockBudget(budget="v1", reason=WHY),
        spend(ART, "1000"),
        reverse("S-000001"),
        recode("S-000001", STORY),
        EnterStage(stage=Stage.PRODUCTION),
        RequestPayment(spend="S-000001", reason=WHY),
        *rounds.SOUND,
        *commitments.SOUND,
        *advances.SOUND,
        *documents.SOUND,
        *paying.SOUND,
        *remittances.SOUND,
        *periods.SOUND,
    )
}

LENT: Story = [*FUNDED, (MAYA, equity(inr("50000"), kind=FundingKind.DEBT, party="Bank", lent_against="F-1"))]
TAKEN_BACK: Story = [*FUNDED, (ACCOUNTANT, take_back("R-1"))]
#: Submitted by somebody who is an executive producer as well, and then approved by another.

SUBMITTED_BY_TWO_HATS: Story = [*DRAFTED, (TWO_HATS, SubmitBudget(budget="v1"))]
APPROVED_BY_MAYA: Story = [*SUBMITTED_BY_TWO_HATS, (MAYA, approve(SUBMITTED_BY_TWO_HATS))]
LOCKED_BY_MAYA: Story = [*APPROVED_BY_MAYA, (MAYA, LockBudget(budget="v1"))]
#: Set by somebody who is an executive producer as well, and submitted by another.
SET_BY_TWO_HATS: Story = [*FUNDED, (TWO_HATS, SMALL), (PRODUCER, SubmitBudget(budget="v1"))]
#: Spent on editing, and then asked for more for art.
MORE_ASKED_FOR: Story = [
    *LOCKED,
    (ACCOUNTANT, spend(EDITING, "100")),
    (PRODUCER, TransferBudget(from_account=STORY, to_account=ART, amount=Decimal(5000), reason=WHY)),
]
#: A second draft while the first version is locked.
LOCKED_WITH_DRAFT: Story = [*LOCKED, (LINE_PRODUCER, budget("210000"))]
CHARGE_ON_UNKNOWN = BudgetCharge.model_validate_json(
    '{"code": "8300", "name": "Fee", "kind": "fee", "percent": "2", "base": {"accounts": ["1100", "9999"]}}'
)

_OF_COMPANY = [
    Rung("FoundCompany: by an administrator", FOUNDED, MAYA, FoundCompany(name="Rival Films"), OperatorAlone()),
    Rung(
        "FoundCompany: under another name",
        FOUNDED,
        OPERATOR,
        FoundCompany(name="Rival Films"),
        CompanyIsFounded("Acme Pictures"),
    ),
    Rung("AdmitMember: no company", [], OPERATOR, AdmitMember(person=MAYA), CompanyIsMissing()),
    Rung(
        "AdmitMember: by a mere member",
        FOUNDED,
        MAYA,
        AdmitMember(person=OUTSIDER),
        AdministratorAlone(MAYA),
    ),
    Rung(
        "AdmitMember: oneself, without the right",
        FOUNDED,
        ADMINISTRATOR,
        AdmitMember(person=ADMINISTRATOR, administrator=False),
        AdministratorStays(ADMINISTRATOR),
    ),
    Rung(
        "AdmitMember: oneself, to read what is confidential",
        FOUNDED,
        ADMINISTRATOR,
        AdmitMember(person=ADMINISTRATOR, reads_confidential=True),
        NotForOneself(ADMINISTRATOR),
    ),
    Rung(
        "AdmitMember: a member, as a guest",
        FOUNDED,
        ADMINISTRATOR,
        AdmitMember(person=NOOR, guest_of=BANK),
        MemberIsNoGuest(NOOR),
    ),
    Rung(
        "AdmitMember: a new guest, with a right",
        FOUNDED,
        ADMINISTRATOR,
        AdmitMember(person=PRIYA, guest_of=BANK, may_open_productions=True),
        GuestHoldsNoRight(PRIYA, BANK),
    ),
    Rung(
        "AdmitMember: a guest, with a right from now on",
        [*FOUNDED, *GUESTS],
        ADMINISTRATOR,
        AdmitMember(person=PRIYA, administrator=True),
        GuestHoldsNoRight(PRIYA, BANK),
    ),
    Rung("InviteMember: no company", [], OPERATOR, INVITATION, CompanyIsMissing()),
    Rung("InviteMember: by a mere member", FOUNDED, MAYA, INVITATION, AdministratorAlone(MAYA)),
    Rung("InviteMember: by a guest", [*FOUNDED, *GUESTS], PRIYA, INVITATION, AdministratorAlone(PRIYA)),
    Rung("InviteMember: a member", [*FOUNDED, *GUESTS], ADMINISTRATOR, INVITATION, BelongedBefore(PRIYA)),
    Rung(
        "InviteMember: somebody who was a member",
        [*FOUNDED, *GUESTS, (ADMINISTRATOR, DismissMember(person=PRIYA))],
        ADMINISTRATOR,
        INVITATION,
        BelongedBefore(PRIYA),
    ),
    Rung(
        "InviteMember: a guest with a right",
        FOUNDED,
        ADMINISTRATOR,
        INVITATION.model_copy(update={"administrator": True}),
        GuestHoldsNoRight(PRIYA, BANK),
    ),
    Rung("WithdrawInvitation: no company", [], OPERATOR, WithdrawInvitation(person=PRIYA), CompanyIsMissing()),
    Rung(
        "WithdrawInvitation: by a mere member",
        [*FOUNDED, (ADMINISTRATOR, INVITATION)],
        MAYA,
        WithdrawInvitation(person=PRIYA),
        AdministratorAlone(MAYA),
    ),
    Rung(
        "WithdrawInvitation: nobody was invited",
        FOUNDED,
        ADMINISTRATOR,
        WithdrawInvitation(person=PRIYA),
        InvitationIsMissing(),
    ),
    Rung("AcceptInvitation: no company", [], PRIYA, AcceptInvitation(invitation=UUID(int=1)), InvitationIsMissing()),
    Rung(
        "AcceptInvitation: too late",
        [*FOUNDED, (ADMINISTRATOR, INVITATION)],
        PRIYA,
        AcceptInvitation(invitation=UUID(int=len(FOUNDED) + 1)),
        InvitationIsExpired(MORNING + timedelta(days=14, seconds=len(FOUNDED))),
        later=14,
    ),
    Rung("DismissMember: no company", [], OPERATOR, DismissMember(person=MAYA), CompanyIsMissing()),
    Rung(
        "DismissMember: by a mere member",
        FOUNDED,
        MAYA,
        DismissMember(person=NOOR),
        AdministratorAlone(MAYA),
    ),
    Rung(
        "DismissMember: nobody here",
        FOUNDED,
        ADMINISTRATOR,
        DismissMember(person=OUTSIDER),
        MemberIsMissing(OUTSIDER),
    ),
    Rung(
        "DismissMember: oneself",
        FOUNDED,
        ADMINISTRATOR,
        DismissMember(person=ADMINISTRATOR),
        AdministratorStays(ADMINISTRATOR),
    ),
    Rung("SuspendMember: no company", [], OPERATOR, SuspendMember(person=MAYA), CompanyIsMissing()),
    Rung("SuspendMember: by a mere member", FOUNDED, MAYA, SuspendMember(person=NOOR), AdministratorAlone(MAYA)),
    Rung(
        "SuspendMember: nobody here",
        FOUNDED,
        ADMINISTRATOR,
        SuspendMember(person=OUTSIDER),
        MemberIsMissing(OUTSIDER),
    ),
    Rung(
        "SuspendMember: oneself",
        FOUNDED,
        ADMINISTRATOR,
        SuspendMember(person=ADMINISTRATOR),
        AdministratorStays(ADMINISTRATOR),
    ),
    Rung("ReinstateMember: no company", [], OPERATOR, ReinstateMember(person=MAYA), CompanyIsMissing()),
    Rung("ReinstateMember: by a mere member", FOUNDED, MAYA, ReinstateMember(person=NOOR), AdministratorAlone(MAYA)),
    Rung(
        "ReinstateMember: nobody here",
        FOUNDED,
        ADMINISTRATOR,
        ReinstateMember(person=OUTSIDER),
        MemberIsMissing(OUTSIDER),
    ),
]

_OPENING = [
    Rung(
        "OpenProduction: without the right",
        FOUNDED,
        STRANGER,
        OPENING,
        OpeningNeedsRight(STRANGER),
    ),
    Rung("OpenProduction: open already", OPENED, MAYA, OPENING, ProductionExists("The Long Take")),
]

_TEAM = [
    Rung(
        "Appoint: above a producer",
        STAFFED,
        PRODUCER,
        appoint(STRANGER, Role.DIRECTOR),
        RoleIsAboveYours(Role.DIRECTOR, (Role.PRODUCER,)),
    ),
    Rung(
        "Appoint: nobody of the company",
        STAFFED,
        MAYA,
        appoint(OUTSIDER, Role.ACCOUNTANT),
        MemberIsMissing(OUTSIDER),
    ),
    Rung(
        "Appoint: a guest to a member's role",
        [*FOUNDED, *GUESTS, *STAFFED[len(FOUNDED) :]],
        MAYA,
        appoint(PRIYA, Role.ACCOUNTANT),
        GuestHoldsNoSuchRole(PRIYA, BANK, Role.ACCOUNTANT),
    ),
    Rung(
        "Appoint: an auditor to a second role",
        STAFFED,
        MAYA,
        appoint(AUDITOR, Role.ACCOUNTANT),
        AuditorHoldsNoOtherRole(AUDITOR, (Role.AUDITOR,), Role.ACCOUNTANT),
    ),
    Rung(
        "Appoint: somebody with roles as auditor",
        STAFFED,
        MAYA,
        appoint(TWO_HATS, Role.AUDITOR),
        AuditorHoldsNoOtherRole(TWO_HATS, (Role.EXECUTIVE_PRODUCER, Role.PRODUCER), Role.AUDITOR),
    ),
    Rung(
        "EndAppointment: above a producer",
        STAFFED,
        PRODUCER,
        end(DIRECTOR, Role.DIRECTOR),
        RoleIsAboveYours(Role.DIRECTOR, (Role.PRODUCER,)),
    ),
    Rung(
        "EndAppointment: a role not held",
        STAFFED,
        MAYA,
        end(DIRECTOR, Role.ACCOUNTANT),
        RoleIsNotHeld(DIRECTOR, Role.ACCOUNTANT),
    ),
    Rung(
        "EndAppointment: another executive producer",
        STAFFED,
        MAYA,
        end(NOOR, Role.EXECUTIVE_PRODUCER),
        ExecutiveProducerLeavesByOwnAct(NOOR),
    ),
    Rung(
        "EndAppointment: the last executive producer",
        OPENED,
        MAYA,
        end(MAYA, Role.EXECUTIVE_PRODUCER),
        LastExecutiveProducerStays(MAYA),
    ),
]

_FINANCING = [
    Rung(
        "SecureFunding: against no source",
        FUNDED,
        MAYA,
        equity(inr("1000"), lent_against="F-9"),
        SourceIsMissing("F-9"),
    ),
    Rung(
        "SecureFunding: foreign without a rate",
        FUNDED,
        MAYA,
        equity(usd("1000")),
        RateDoesNotConvert(usd("1000"), None, "INR"),
    ),
    Rung(
        "SecureFunding: a rate between other currencies",
        FUNDED,
        MAYA,
        equity(usd("1000"), budget_rate=rate("EUR", "INR", "90")),
        RateDoesNotConvert(usd("1000"), rate("EUR", "INR", "90"), "INR"),
    ),
    Rung(
        "SecureFunding: a rate where none is needed",
        FUNDED,
        MAYA,
        equity(inr("1000"), budget_rate=rate("USD", "INR", "80")),
        RateDoesNotConvert(inr("1000"), rate("USD", "INR", "80"), "INR"),
    ),
    Rung(
        "CommitFunding: no such source",
        FUNDED,
        MAYA,
        CommitFunding(funding="F-9", document="Agreement"),
        SourceIsMissing("F-9"),
    ),
    Rung(
        "CommitFunding: withdrawn",
        WITHDRAWN,
        MAYA,
        CommitFunding(funding="F-2", document="Agreement"),
        SourceIsWithdrawn("F-2"),
    ),
    Rung(
        "CommitFunding: closed",
        FUNDED,
        MAYA,
        CommitFunding(funding="F-1", document="Agreement"),
        SourceIsClosed("F-1", FundingState.PARTLY_FUNDED),
    ),
    Rung(
        "AmendFunding: no such source",
        FUNDED,
        MAYA,
        amend("F-9", party="Another Fund"),
        SourceIsMissing("F-9"),
    ),
    Rung(
        "AmendFunding: withdrawn",
        WITHDRAWN,
        MAYA,
        amend("F-2", party="Another Fund"),
        SourceIsWithdrawn("F-2"),
    ),
    Rung(
        "AmendFunding: against its own lender",
        LENT,
        MAYA,
        amend("F-1", lent_against="F-4"),
        LoanGoesInACircle("F-1", "F-4"),
    ),
    Rung(
        "AmendFunding: against itself",
        FUNDED,
        MAYA,
        amend("F-1", lent_against="F-1"),
        LoanGoesInACircle("F-1", "F-1"),
    ),
    Rung(
        "AmendFunding: another currency than received",
        FUNDED,
        MAYA,
        amend("F-1", amount=usd("5000"), budget_rate=rate("USD", "INR", "80")),
        CurrencyIsReceived("F-1", inr("300000"), "USD"),
    ),
    Rung(
        "AmendFunding: foreign without a rate",
        FUNDED,
        MAYA,
        amend("F-2", budget_rate=None),
        RateDoesNotConvert(usd("1000"), None, "INR"),
    ),
    Rung(
        "CloseFunding: no such source",
        FUNDED,
        MAYA,
        CloseFunding(funding="F-9"),
        SourceIsMissing("F-9"),
    ),
    Rung(
        "CloseFunding: withdrawn",
        WITHDRAWN,
        MAYA,
        CloseFunding(funding="F-2"),
        SourceIsWithdrawn("F-2"),
    ),
    Rung(
        "CloseFunding: with a letter only",
        FUNDED,
        MAYA,
        CloseFunding(funding="F-2"),
        SourceIsNotCommitted("F-2", FundingState.SOFT_COMMITTED),
    ),
    Rung(
        "WithdrawFunding: no such source",
        FUNDED,
        MAYA,
        WithdrawFunding(funding="F-9", reason=WHY),
        SourceIsMissing("F-9"),
    ),
    Rung(
        "WithdrawFunding: closed",
        FUNDED,
        MAYA,
        WithdrawFunding(funding="F-1", reason=WHY),
        SourceIsClosed("F-1", FundingState.PARTLY_FUNDED),
    ),
    Rung(
        "RecordReceipt: no such source",
        FUNDED,
        ACCOUNTANT,
        receipt("F-9", inr("1000")),
        SourceIsMissing("F-9"),
    ),
    Rung(
        "RecordReceipt: by the source's holder",
        FUNDED,
        HOLDER,
        receipt("F-1", inr("1000")),
        HolderKeepsAway(HOLDER, "F-1"),
    ),
    Rung(
        "RecordReceipt: of something in kind",
        FUNDED,
        ACCOUNTANT,
        receipt("F-3", inr("1000")),
        SourceIsNotCash("F-3", FundingKind.IN_KIND),
    ),
    Rung(
        "RecordReceipt: in another currency than the source's",
        FUNDED,
        ACCOUNTANT,
        receipt("F-2", inr("80000")),
        CurrencyIsNotTheSources("F-2", "USD", "INR", ("INR", "INR", "INR")),
    ),
    Rung(
        "RecordReceipt: credited in another currency than the base",
        FUNDED,
        ACCOUNTANT,
        receipt("F-2", usd("1000"), bank_charges=usd("5")),
        CurrencyIsNotTheSources("F-2", "USD", "INR", ("USD", "USD", "USD")),
    ),
    Rung(
        "ReverseReceipt: no such receipt",
        FUNDED,
        ACCOUNTANT,
        take_back("R-9"),
        ReceiptIsMissing("R-9"),
    ),
    Rung(
        "ReverseReceipt: by the source's holder",
        FUNDED,
        HOLDER,
        take_back("R-1"),
        HolderKeepsAway(HOLDER, "F-1"),
    ),
    Rung("ReverseReceipt: again", TAKEN_BACK, ACCOUNTANT, take_back("R-1"), ReceiptIsReversed("R-1")),
]

_BUDGET = [
    Rung(
        "SetBudget: in another currency",
        FUNDED,
        LINE_PRODUCER,
        budget(currency="USD"),
        CurrencyIsNotBase("USD", "INR"),
    ),
    Rung(
        "SetBudget: while one waits",
        SUBMITTED,
        LINE_PRODUCER,
        budget("210000"),
        BudgetIsSubmitted("v1", "A-1"),
    ),
    Rung(
        "SetBudget: in a round that is not open",
        SUBMITTED,
        LINE_PRODUCER,
        budget("210000", round="A-9", scenario="low"),
        BudgetIsSubmitted("v1", "A-1"),
    ),
    Rung(
        "SetBudget: in a round, when none is open",
        DRAFTED,
        LINE_PRODUCER,
        budget("210000", round="A-1"),
        RoundAsksForNoBudget("A-1"),
    ),
    Rung(
        "SetBudget: of another scenario than the round",
        SUBMITTED,
        LINE_PRODUCER,
        budget("210000", round="A-1", scenario="low"),
        ScenarioIsAnother("A-1", "v1", "main", "low"),
    ),
    Rung(
        "SetBudget: a line with an unknown global",
        FUNDED,
        LINE_PRODUCER,
        detailed(line("5", units="DAYS")),
        NameIsUnknown("2200, line 1 (Crew)", "global", "DAYS"),
    ),
    Rung(
        "SetBudget: a line with an unknown fringe",
        FUNDED,
        LINE_PRODUCER,
        detailed(line("5", fringes=("19",))),
        NameIsUnknown("2200, line 1 (Crew)", "fringe", "19"),
    ),
    Rung(
        "SetBudget: a line of an unknown sub-budget",
        FUNDED,
        LINE_PRODUCER,
        detailed(line("5", sub_budget="pattern")),
        NameIsUnknown("2200, line 1 (Crew)", "sub-budget", "pattern"),
    ),
    Rung(
        "SetBudget: a sub-budget made one and a half times",
        FUNDED,
        LINE_PRODUCER,
        budget(sub_budgets=(BudgetPart(name="pattern", times="1.5"),)),
        TimesIsNotWhole("pattern", Decimal("1.5")),
    ),
    Rung(
        "SetBudget: a line in a currency without a rate",
        FUNDED,
        LINE_PRODUCER,
        detailed(line("5", currency="USD")),
        LineDoesNotConvert("2200, line 1 (Crew)", "USD", "INR"),
    ),
    Rung(
        "SetBudget: a line of more than can be recorded",
        FUNDED,
        LINE_PRODUCER,
        detailed(line("900000000", amount="900000000")),
        LineIsTooLarge("2200, line 1 (Crew)", "900000000 x 1 x 1 x 900000000"),
    ),
    Rung(
        "SetBudget: a base of unknown accounts",
        FUNDED,
        LINE_PRODUCER,
        budget(charges=(CHARGE_ON_UNKNOWN,)),
        BaseIsUnknown("8300", ("9999",)),
    ),
    Rung(
        "SetBudget: a base less unknown accounts",
        FUNDED,
        LINE_PRODUCER,
        budget(
            charges=(
                CHARGE_ON_UNKNOWN.model_copy(update={"base": Base(accounts=(STORY,), less=("9998", CONTINGENCY))}),
            )
        ),
        BaseIsUnknown("8300", (CONTINGENCY, "9998")),
    ),
    Rung("WaiveDifference: no such version", UNRECONCILED, PRODUCER, waive("v9"), BudgetIsMissing("v9")),
    Rung(
        "WaiveDifference: a total that adds",
        UNRECONCILED,
        PRODUCER,
        waive("v1", "net_total"),
        NothingToWaive("v1", "net total"),
    ),
    Rung(
        "WaiveDifference: again",
        [*UNRECONCILED, (PRODUCER, waive("v1"))],
        PRODUCER,
        waive("v1"),
        NothingToWaive("v1", "grand total"),
    ),
    Rung(
        "LockBudget: no such version",
        APPROVED,
        MAYA,
        LockBudget(budget="v9"),
        BudgetIsMissing("v9"),
    ),
    Rung(
        "LockBudget: not in force",
        SUBMITTED,
        MAYA,
        LockBudget(budget="v1"),
        BudgetIsNotInForce("v1", "submitted"),
    ),
    Rung(
        "LockBudget: by its submitter",
        APPROVED_BY_MAYA,
        TWO_HATS,
        LockBudget(budget="v1"),
        SubmitterMayNotLock(TWO_HATS, "v1"),
    ),
    Rung(
        "LockBudget: while a successor is submitted",
        [*APPROVED, (LINE_PRODUCER, budget("210000")), (PRODUCER, SubmitBudget(budget="v2"))],
        MAYA,
        LockBudget(budget="v1"),
        SuccessorIsSubmitted("v1", "v2", inr("471300"), "A-2"),
    ),
    Rung(
        "UnlockBudget: no such version",
        LOCKED,
        MAYA,
        UnlockBudget(budget="v9", reason=WHY),
        BudgetIsMissing("v9"),
    ),
    Rung(
        "UnlockBudget: not in force",
        LOCKED_WITH_DRAFT,
        MAYA,
        UnlockBudget(budget="v2", reason=WHY),
        BudgetIsNotInForce("v2", "draft"),
    ),
    Rung(
        "UnlockBudget: by its submitter",
        LOCKED_BY_MAYA,
        TWO_HATS,
        UnlockBudget(budget="v1", reason=WHY),
        SubmitterMayNotLock(TWO_HATS, "v1"),
    ),
]

_APPROVAL = [
    Rung(
        "SubmitBudget: no such version",
        DRAFTED,
        PRODUCER,
        SubmitBudget(budget="v9"),
        BudgetIsMissing("v9"),
    ),
    Rung(
        "SubmitBudget: replaced by a later draft",
        [*DRAFTED, (LINE_PRODUCER, budget("210000"))],
        PRODUCER,
        SubmitBudget(budget="v1"),
        BudgetIsNotADraft("v1", BudgetState.REPLACED),
    ),
    Rung(
        "SubmitBudget: approved",
        APPROVED,
        PRODUCER,
        SubmitBudget(budget="v1"),
        BudgetIsNotADraft("v1", BudgetState.APPROVED),
    ),
    Rung(
        "SubmitBudget: while a version is locked",
        LOCKED_WITH_DRAFT,
        PRODUCER,
        SubmitBudget(budget="v2"),
        BudgetIsLocked("v1", inr("460000")),
    ),
    Rung(
        "SubmitBudget: while another scenario is submitted",
        [*SUBMITTED, (LINE_PRODUCER, budget("210000", scenario="low"))],
        PRODUCER,
        SubmitBudget(budget="v2"),
        AnotherIsSubmitted("v1", inr("460000"), "A-1"),
    ),
    Rung(
        "SubmitBudget: unreconciled",
        UNRECONCILED,
        PRODUCER,
        SubmitBudget(budget="v1"),
        BudgetIsUnreconciled("v1", ("grand total INR 1.00",)),
    ),
    Rung(
        "WithdrawBudget: no such version",
        SUBMITTED,
        PRODUCER,
        WithdrawBudget(budget="v9"),
        BudgetIsMissing("v9"),
    ),
    Rung(
        "WithdrawBudget: a draft",
        DRAFTED,
        PRODUCER,
        WithdrawBudget(budget="v1"),
        BudgetIsNotSubmitted("v1", BudgetState.DRAFT),
    ),
    Rung(
        "Approve: no such round",
        SUBMITTED,
        MAYA,
        Approve(round="A-9", content_hash=ASKED),
        RoundIsMissing("A-9"),
    ),
    Rung(
        "Approve: another has approved",
        APPROVED,
        NOOR,
        Approve(round="A-1", content_hash=ASKED),
        RoundIsClosed("A-1", "v1", "approved"),
    ),
    Rung(
        "RequestChanges: no such round",
        SUBMITTED,
        MAYA,
        RequestChanges(round="A-9", content_hash=ASKED, words=WHY),
        RoundIsMissing("A-9"),
    ),
    Rung(
        "RequestChanges: withdrawn meanwhile",
        [*SUBMITTED, (PRODUCER, WithdrawBudget(budget="v1"))],
        MAYA,
        RequestChanges(round="A-1", content_hash=ASKED, words=WHY),
        RoundIsClosed("A-1", "v1", "withdrawn"),
    ),
    Rung(
        "Reject: no such round",
        SUBMITTED,
        MAYA,
        Reject(round="A-9", content_hash=ASKED, words=WHY),
        RoundIsMissing("A-9"),
    ),
    Rung(
        "Reject: changes requested meanwhile",
        [*SUBMITTED, (NOOR, RequestChanges(round="A-1", content_hash=ASKED, words=WHY))],
        MAYA,
        Reject(round="A-1", content_hash=ASKED, words=WHY),
        RoundIsClosed("A-1", "v1", "changes requested"),
    ),
]

_CAREFUL = AdoptApprovalPolicy(terms=commitments.ruled(fresh_from=Decimal(1000)))
#: Maya is the only executive producer; an hour ago she signed in.
_FUNDED_ALONE: Story = [*OPENED, (MAYA, equity(inr("9000"))), (MAYA, _CAREFUL)]
_STAFF: Story = [(MAYA, appoint(PRODUCER, Role.PRODUCER)), (MAYA, appoint(LINE_PRODUCER, Role.LINE_PRODUCER))]
_IN_FORCE: Story = [*OPENED, *_STAFF, (LINE_PRODUCER, budget("200000")), (PRODUCER, SubmitBudget(budget="v1"))]
_LOCKED_ALONE: Story = [
    *[*_IN_FORCE, (MAYA, approve(_IN_FORCE)), (MAYA, LockBudget(budget="v1"))],
    (MAYA, _CAREFUL),
]


def _not_fresh(subject: str) -> CredentialsAreNotFresh:
    return CredentialsAreNotFresh(subject, 15, "2026-11-02 05:00 UTC")


_ALONE = [
    Rung(
        "UnlockBudget: alone, with an old token",
        _LOCKED_ALONE,
        MAYA,
        UnlockBudget(budget="v1", reason=WHY),
        _not_fresh("v1, INR 460,000.00,"),
    ),
    Rung(
        "AmendFunding: alone, with an old token",
        _FUNDED_ALONE,
        MAYA,
        amend("F-1", amount=inr("1000")),
        _not_fresh("F-1, INR 8,000.00,"),
    ),
    Rung(
        "WithdrawFunding: alone, with an old token",
        _FUNDED_ALONE,
        MAYA,
        WithdrawFunding(funding="F-1", reason=WHY),
        _not_fresh("F-1, INR 9,000.00,"),
    ),
]
_SPEND = [
    Rung(
        "LogSpend: foreign without a rate",
        LOCKED,
        LINE_PRODUCER,
        spend(ART, "100", currency="USD"),
        ActualRateDoesNotConvert("USD", None, "INR"),
    ),
    Rung(
        "LogSpend: a rate where none is needed",
        LOCKED,
        LINE_PRODUCER,
        spend(ART, "100", rate=rate("USD", "INR", "80")),
        ActualRateDoesNotConvert("INR", rate("USD", "INR", "80"), "INR"),
    ),
    Rung(
        "LogSpend: more than can be recorded",
        LOCKED,
        LINE_PRODUCER,
        spend(ART, "999999999999999", currency="USD", rate=rate("USD", "INR", "80")),
        ActualRateDoesNotConvert("USD", rate("USD", "INR", "80"), "INR"),
    ),
    Rung(
        "ReverseSpend: no such entry",
        SPENT,
        ACCOUNTANT,
        reverse("S-000009"),
        SpendIsMissing("S-000009"),
    ),
    Rung(
        "ReverseSpend: again",
        SPENT,
        ACCOUNTANT,
        reverse("S-000003"),
        SpendIsReversed("S-000003", "6700", inr("5000")),
    ),
    Rung(
        "RecodeSpend: no such entry",
        SPENT,
        ACCOUNTANT,
        recode("S-000009", STORY),
        SpendIsMissing("S-000009"),
    ),
    Rung(
        "RecodeSpend: reversed",
        SPENT,
        ACCOUNTANT,
        recode("S-000003", STORY),
        SpendIsReversed("S-000003", "6700", inr("5000")),
    ),
    Rung(
        "RecodeSpend: of an exchange difference",
        paying.DEARER,
        ACCOUNTANT,
        recode("S-000002", STORY),
        DifferenceStaysWithItsPayment("S-000002", inr("130.50")),
    ),
    Rung(
        "RecodeSpend: a second time",
        SPENT,
        ACCOUNTANT,
        recode("S-000002", STORY),
        SpendIsRecoded("S-000002", ART, inr("30000")),
    ),
    Rung(
        "RecodeSpend: on a day before it was there",
        SPENT,
        LINE_PRODUCER,
        recode("S-000001", EDITING).model_copy(update={"posted_on": TODAY - timedelta(days=1)}),
        PostedBeforeEntry("S-000001", inr("50000"), ART, TODAY, TODAY - timedelta(days=1)),
    ),
    Rung(
        "RecodeSpend: to contingency",
        SPENT,
        ACCOUNTANT,
        recode("S-000001", CONTINGENCY),
        ContingencyTakesNoSpend(CONTINGENCY, inr("50000")),
    ),
    Rung(
        "RecodeSpend: of somebody else's, to an account that more is asked for",
        MORE_ASKED_FOR,
        LINE_PRODUCER,
        recode("S-000001", ART),
        RecodingBarsApprovers("S-000001", ART, "A-2", (ACCOUNTANT,)),
    ),
]

_STAGE = [
    Rung(
        "EnterStage: reopening without a reason",
        CLOSED,
        PRODUCER,
        EnterStage(stage=Stage.POST_PRODUCTION),
        ReopeningNeedsReason(Stage.POST_PRODUCTION),
    )
]


def _of_every_command(command: type[Command]) -> list[Rung]:
    """What comes before a command's own rules."""
    name, body = command.__name__, SOUND[command]
    rungs = [
        Rung(f"{name}: no production", FOUNDED, MAYA, body, ProductionIsMissing()),
        Rung(
            f"{name}: for nobody who let them",
            SPENT,
            f"{STRANGER}/{MAYA}",
            body,
            NothingDelegated(STRANGER, name, MAYA),
        ),
        Rung(
            f"{name}: by an auditor",
            SPENT,
            AUDITOR,
            body,
            RoleMayNot(name, (Role.AUDITOR,), MAY_SEND[command]),
        ),
    ]
    person = next(p for p in (MAYA, PRODUCER, ACCOUNTANT) if _may(p, command))
    if ProductionIsClosed in decision.refusals(command):
        rungs.append(Rung(f"{name}: after the end", CLOSED, person, body, ProductionIsClosed(name)))
    if command in decision.POSTING:
        rungs += periods.of_posting(body)
    if isinstance(body, decision.Limited):
        story = (
            commitments.DRAFTED_ORDER
            if isinstance(body, SubmitCommitment | AmendCommitment)
            else rounds.SPENT_AND_COVERED
        )
        rungs.append(rounds.beyond(body, person, story))
    return rungs


def _may(person: PersonId, command: type[Command]) -> bool:
    theirs = {MAYA: Role.EXECUTIVE_PRODUCER, PRODUCER: Role.PRODUCER, ACCOUNTANT: Role.ACCOUNTANT}
    return theirs[person] in MAY_SEND[command]


def _ladders() -> list[Rung]:
    own = [*_OPENING, *_TEAM, *_FINANCING, *_BUDGET, *_APPROVAL, *commitments.RUNGS, *periods.RUNGS, *advances.RUNGS]
    own += [*documents.RUNGS, *_SPEND, *_STAGE, *rounds.OF_PRODUCTIONS, *_ALONE, *paying.RUNGS, *remittances.RUNGS]
    rungs = [*_OF_COMPANY, *rounds.OF_COMPANIES]
    for command in get_args(ProductionCommand):
        rungs += [] if command is OpenProduction else _of_every_command(command)
        rungs += [rung for rung in own if type(rung.command) is command]
    return rungs


COMMANDS: tuple[type[Command], ...] = (*get_args(CompanyCommand), *get_args(ProductionCommand))
RUNGS: list[Rung] = _ladders()


def declared(command: type[Command]) -> tuple[type[Exception], ...]:
    """Every refusal that sending the command can end in, in the order in which they are tried."""
    of = companies if command in get_args(CompanyCommand) else decision
    return of.refusals(command)
