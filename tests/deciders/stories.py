"""People, and the stories they make: each story goes on where an earlier one ends."""

from datetime import date
from decimal import Decimal
from typing import Any

from events.budget import ChargeKind, Held, Level, TotalName
from events.financing import FundingKind
from events.ids import AccountCode, Digest, PersonId, RoundId
from events.money import ExchangeRate, Money, exact
from events.production import ProductionKind, Stage
from events.spend import SpendKind
from events.team import Role
from service.deciders.approval import Approve
from service.deciders.budget import LockBudget, SetBudget
from service.deciders.budget_content import Base, BudgetCharge, BudgetCredit
from service.deciders.budget_detail import BudgetAccount, BudgetLine
from service.deciders.company import OPERATOR, AdmitMember, FoundCompany, InviteMember
from service.deciders.financing import CloseFunding, CommitFunding, RestsOn, SecureFunding, WithdrawFunding
from service.deciders.production import OpenProduction
from service.deciders.receipt import RecordReceipt
from service.deciders.spend import LogSpend, RecodeSpend, ReverseSpend
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget
from service.deciders.team import Appoint
from tests.deciders.top_sheet import TOP_SHEET, TOP_SHEET_TOTALS
from tests.spec import Story, play

#: Runs the company; holds no role on the production.
ADMINISTRATOR = "adele"
#: Opens the production and is its first executive producer.
MAYA = "maya"
#: The second executive producer.
NOOR = "noor"
#: Executive producer and producer at once.
TWO_HATS = "tara"
PRODUCER = "ravi"
CO_PRODUCER = "carlos"
LINE_PRODUCER = "lena"
ASSOCIATE_PRODUCER = "asha"
DIRECTOR = "dev"
DEPARTMENT_HEAD = "hana"
ACCOUNTANT = "anil"
FINANCIER = "farah"
GUARANTOR = "gita"
AUDITOR = "uma"
#: An accountant who speaks for the first source, too.
HOLDER = "hugo"
#: A member of the company without a role on the production.
STRANGER = "sam"
#: A member whose role begins in a time to come.
NEWCOMER = "nils"
#: Nobody here.
OUTSIDER = "zoe"
#: Guests: two of a bank, and one of a bond company.
PRIYA, BANKER, BONDER = "priya", "basil", "bo"
BANK, BOND_COMPANY = "First Bank", "Lotus Bonds"

TEAM: dict[PersonId, tuple[Role, ...]] = {
    NOOR: (Role.EXECUTIVE_PRODUCER,),
    TWO_HATS: (Role.EXECUTIVE_PRODUCER, Role.PRODUCER),
    PRODUCER: (Role.PRODUCER,),
    CO_PRODUCER: (Role.CO_PRODUCER,),
    LINE_PRODUCER: (Role.LINE_PRODUCER,),
    ASSOCIATE_PRODUCER: (Role.ASSOCIATE_PRODUCER,),
    DIRECTOR: (Role.DIRECTOR,),
    DEPARTMENT_HEAD: (Role.DEPARTMENT_HEAD,),
    ACCOUNTANT: (Role.ACCOUNTANT,),
    FINANCIER: (Role.FINANCIER,),
    GUARANTOR: (Role.COMPLETION_GUARANTOR,),
    AUDITOR: (Role.AUDITOR,),
    HOLDER: (Role.ACCOUNTANT,),
}

FIRST_DAY = date(2026, 1, 5)
#: Further away than any run of these stories.
ONE_DAY = date(2099, 1, 1)
TODAY = date(2026, 11, 2)


def inr(amount: str) -> Money:
    return Money(exact(Decimal(amount), "INR"), "INR")


def usd(amount: str) -> Money:
    return Money(exact(Decimal(amount), "USD"), "USD")


def rate(source: str, target: str, figure: str) -> ExchangeRate:
    return ExchangeRate(source, target, Decimal(figure))


def account(code: AccountCode, name: str, level: Level, amount: str) -> BudgetAccount:
    return BudgetAccount(code=code, name=name, level=level, amount=Decimal(amount))


def appoint(person: PersonId, role: Role, from_on: date = FIRST_DAY) -> Appoint:
    return Appoint(person=person, role=role, from_on=from_on)


def equity(amount: Money, **terms: Any) -> SecureFunding:
    """Equity under a signed agreement, unless the terms say otherwise."""
    terms = {"kind": FundingKind.EQUITY, "party": "Prasad Film Fund", "amount": amount} | terms
    signed = {"rests_on": RestsOn.SIGNED_AGREEMENT, "document": "Investment agreement"}
    return SecureFunding(**(terms if terms.get("rests_on", signed) is None else signed | terms))


def receipt(funding: str, amount: Money, **figures: Any) -> RecordReceipt:
    """Cash that was credited as it came, unless the figures say otherwise."""
    figures = {
        "amount": amount,
        "credited": amount,
        "value_on": TODAY,
        "posted_on": TODAY,
        "bank_reference": "NEFT 0001",
    } | figures
    return RecordReceipt(funding=funding, **figures)


def spend(code: AccountCode, net: str, document: str | None = None, **details: Any) -> LogSpend:
    """An invoice in rupees without tax, unless the details say otherwise."""
    details = {
        "currency": "INR",
        "vendor": "kala-sets",
        "spent_on": TODAY,
        "posted_on": TODAY,
        "kind": SpendKind.INVOICE,
    } | details
    return LogSpend(account=code, net=Decimal(net), document=document, **details)


def reverse(number: str) -> ReverseSpend:
    return ReverseSpend(spend=number, posted_on=TODAY, reason="Invoice withdrawn.")


def recode(number: str, code: AccountCode) -> RecodeSpend:
    return RecodeSpend(spend=number, account=code, posted_on=TODAY, reason="Another department's.")


STORY, ART, EDITING, INSURANCE = "1100", "2200", "5000", "6700"
CONTINGENCY, BOND, OVERHEAD, REBATE = "8000", "8100", "8200", "9000"
EVERY_LEVEL = Base(levels=tuple(Level))


def budget(art: str = "200000", **changes: Any) -> SetBudget:
    """A small budget: 460,000 rupees in all with the usual art department."""
    parts = {
        "currency": "INR",
        "accounts": (
            account(STORY, "Story and Rights", Level.ABOVE_THE_LINE, "100000"),
            account(ART, "Art Direction", Level.PRODUCTION, art),
            account(EDITING, "Editing", Level.POST, "80000"),
            account(INSURANCE, "Insurance", Level.OTHER, "20000"),
        ),
        "charges": (
            BudgetCharge(
                code=CONTINGENCY,
                name="Contingency",
                kind=ChargeKind.CONTINGENCY,
                percent=Decimal("10"),
                base=Base(levels=tuple(Level), less=(INSURANCE,)),
            ),
            BudgetCharge(
                code=BOND,
                name="Completion bond",
                kind=ChargeKind.COMPLETION_BOND,
                percent=Decimal("3"),
                base=EVERY_LEVEL,
            ),
            BudgetCharge(code=OVERHEAD, name="Overhead", kind=ChargeKind.OVERHEAD, amount=Decimal("10000")),
        ),
        "credits": (BudgetCredit(code=REBATE, name="State rebate", amount=Decimal("60000")),),
    }
    return SetBudget(**(parts | changes))


def line(rate: str, **details: Any) -> BudgetLine:
    """A line of one at a rate, unless the details say otherwise."""
    return BudgetLine(**{"description": "Crew", "rate": Decimal(rate)} | details)


def detailed(*lines: BudgetLine, code: AccountCode = ART, **parts: Any) -> SetBudget:
    """The small budget with lines behind one account."""
    accounts = [
        each.model_copy(update={"amount": None, "lines": lines}) if each.code == code else each
        for each in budget().accounts
    ]
    return budget(accounts=tuple(accounts), **parts)


def held(**accounts: Held) -> SetBudget:
    """The small budget with accounts held, by their names in small letters."""
    return budget(
        accounts=tuple(
            each.model_copy(update={"held": accounts.get(each.name.split()[0].lower())}) for each in budget().accounts
        )
    )


#: 460,000, all of it reconciled.
SMALL = budget()
#: A draft whose maker stated a total that is not the sum of its parts.
UNRECONCILED_BUDGET = budget(stated={TotalName.GRAND_TOTAL: Decimal("460001")})
#: The feature's real top sheet, its bond labelled 3 % but stated at another amount.
FEATURE = SetBudget(
    currency="INR",
    accounts=tuple(account(*line) for line in TOP_SHEET),
    charges=(
        BudgetCharge(
            code=CONTINGENCY,
            name="Contingency",
            kind=ChargeKind.CONTINGENCY,
            percent=Decimal("5"),
            base=EVERY_LEVEL,
        ),
        BudgetCharge(
            code=BOND,
            name="Completion bond",
            kind=ChargeKind.COMPLETION_BOND,
            percent=Decimal("3"),
            base=EVERY_LEVEL,
            amount=Decimal("5238328"),
        ),
        BudgetCharge(code=OVERHEAD, name="Overhead", kind=ChargeKind.OVERHEAD, amount=Decimal("1000000")),
    ),
    stated={total: Decimal(amount) for total, amount in TOP_SHEET_TOTALS.items()},
)


def content(story: Story, version: str = "v1") -> Digest:
    """The content hash of a version, as the story leaves it."""
    production = play(story).production
    assert production is not None
    return production.budgets.versions[version].content_hash


def approve(story: Story, round_id: RoundId = "A-1", version: str = "v1") -> Approve:
    """A yes to a version's content, as the story leaves it."""
    return Approve(round=round_id, content_hash=content(story, version))


FOUNDED: Story = [
    (OPERATOR, FoundCompany(name="Acme Pictures")),
    (OPERATOR, AdmitMember(person=ADMINISTRATOR, name="Adele Fernandes", administrator=True)),
    (ADMINISTRATOR, AdmitMember(person=MAYA, name="Maya Rao", may_open_productions=True)),
    *((ADMINISTRATOR, AdmitMember(person=person)) for person in (*TEAM, STRANGER, NEWCOMER)),
]
GUESTS: Story = [
    *((ADMINISTRATOR, AdmitMember(person=person, guest_of=BANK)) for person in (PRIYA, BANKER)),
    (ADMINISTRATOR, AdmitMember(person=BONDER, guest_of=BOND_COMPANY)),
]
INVITATION = InviteMember(person=PRIYA, name="Priya Nair", email="Priya@FirstBank.example", guest_of=BANK)
OPENING = OpenProduction(title="The Long Take", kind=ProductionKind.FEATURE, currency="INR", time_zone="Asia/Kolkata")
OPENED: Story = [*FOUNDED, (MAYA, OPENING)]
STAFFED: Story = [
    *OPENED,
    *((MAYA, appoint(person, role)) for person, roles in TEAM.items() for role in roles),
]
#: F-1 equity of 400,000, closed, 300,000 in; F-2 a presale with a letter; F-3 facilities in kind.
FUNDED: Story = [
    *STAFFED,
    (MAYA, equity(inr("400000"), holder=HOLDER)),
    (MAYA, CloseFunding(funding="F-1")),
    (
        CO_PRODUCER,
        SecureFunding(
            kind=FundingKind.PRESALE,
            party="Northern Distribution",
            amount=usd("1000"),
            budget_rate=rate("USD", "INR", "80"),
        ),
    ),
    (MAYA, CommitFunding(funding="F-2", rests_on=RestsOn.LETTER_OF_INTENT, document="Letter of October")),
    (MAYA, equity(inr("20000"), kind=FundingKind.IN_KIND, party="Sunset Studios")),
    (ACCOUNTANT, receipt("F-1", inr("300000"))),
]
#: The presale steps back.
WITHDRAWN: Story = [*FUNDED, (MAYA, WithdrawFunding(funding="F-2", reason="The distributor stepped back."))]
DRAFTED: Story = [*FUNDED, (LINE_PRODUCER, SMALL)]
#: A draft that does not add.
UNRECONCILED: Story = [*FUNDED, (LINE_PRODUCER, UNRECONCILED_BUDGET)]
SUBMITTED: Story = [*DRAFTED, (PRODUCER, SubmitBudget(budget="v1"))]
APPROVED: Story = [*SUBMITTED, (MAYA, approve(SUBMITTED))]
LOCKED: Story = [*APPROVED, (MAYA, LockBudget(budget="v1"))]


def locked(version: SetBudget) -> Story:
    """The story with another version that is locked."""
    story: Story = [*FUNDED, (LINE_PRODUCER, version), (PRODUCER, SubmitBudget(budget="v1"))]
    return [*story, (MAYA, approve(story)), (MAYA, LockBudget(budget="v1"))]


#: S-000001 on the art department's account, S-000002 moved there from editing, S-000003 taken back.
SPENT: Story = [
    *LOCKED,
    (LINE_PRODUCER, spend(ART, "50000", "KS-1")),
    (ACCOUNTANT, spend(EDITING, "30000", "KS-2")),
    (ACCOUNTANT, recode("S-000002", ART)),
    (LINE_PRODUCER, spend(INSURANCE, "5000", "KS-3")),
    (ACCOUNTANT, reverse("S-000003")),
]
CLOSED: Story = [*SPENT, (MAYA, EnterStage(stage=Stage.CLOSED))]
