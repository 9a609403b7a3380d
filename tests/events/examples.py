"""One example of every event, with every field set: the stored shapes, as the goldens keep them."""

from datetime import date
from decimal import Decimal

from events import AnyEvent
from events.approval import (
    ApprovalGiven,
    BudgetApproved,
    BudgetRejected,
    BudgetSubmitted,
    BudgetSuperseded,
    BudgetWithdrawn,
    ChangesRequested,
)
from events.budget import (
    AccountLine,
    BudgetDrafted,
    BudgetLocked,
    BudgetTotals,
    BudgetUnlocked,
    ChargeBase,
    ChargeKind,
    ChargeLine,
    CreditLine,
    DifferenceWaived,
    LabelDisagrees,
    Level,
    StatedTotal,
    TotalDisagrees,
    TotalName,
)
from events.company import CompanyFounded, MemberAdmitted, MemberDismissed, Right
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
)
from events.money import ExchangeRate, Money
from events.production import ProductionKind, ProductionOpened, Stage, StageEntered
from events.spend import (
    AccountOverspent,
    DuplicateSuspected,
    OutsideBecause,
    SpendKind,
    SpendLogged,
    SpendOutsideBudget,
    SpendRecoded,
    SpendReversed,
)
from events.team import Appointed, AppointmentEnded, Role


def inr(amount: str) -> Money:
    return Money(Decimal(amount), "INR")


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DOLLARS = ExchangeRate("USD", "INR", Decimal("84.50"))
#: The longest figures that facts must hold, a text beyond the basic plane, quotes and a line break.
MEMO = 'Drawings, first part – “set B” 🎬 \\ "as agreed"\nकाला'

TERMS = FundingTerms(
    kind=FundingKind.PRESALE,
    party="Nordlicht & Söhne Distribution",
    holder="hugo",
    amount=usd("300000.00"),
    budget_rate=DOLLARS,
    base_amount=inr("25350000.00"),
    lent_against="F-1",
    expected_on=(date(2026, 11, 2), date(2027, 1, 15)),
)
AMENDED = FundingTerms(
    kind=FundingKind.PRESALE,
    party="Nordlicht & Söhne Distribution",
    holder=None,
    amount=usd("250000.00"),
    budget_rate=ExchangeRate("USD", "INR", Decimal("85")),
    base_amount=inr("21250000.00"),
    lent_against=None,
    expected_on=(),
)

EXAMPLES: tuple[AnyEvent, ...] = (
    CompanyFounded("Acme Pictures"),
    MemberAdmitted("maya", (Right.ADMINISTRATOR, Right.MAY_OPEN_PRODUCTIONS)),
    MemberDismissed("maya"),
    ProductionOpened("The Long Take", ProductionKind.FEATURE, "INR", "Asia/Kolkata"),
    StageEntered(Stage.POST_PRODUCTION, Stage.PRODUCTION),
    Appointed("lena", Role.LINE_PRODUCER, date(2026, 10, 1)),
    AppointmentEnded("lena", Role.LINE_PRODUCER),
    FundingSourceIdentified("F-2", TERMS),
    LetterOfIntentRecorded("F-2", "Letter of 15 October 2026"),
    FundingCommitted("F-2", "Presale agreement", ("FLAG-2", "FLAG-11")),
    FundingAmended("F-2", TERMS, AMENDED, FundingState.COMMITTED, ("FLAG-2",)),
    FundingClosed("F-2", FundingState.PARTLY_FUNDED, ("FLAG-3",)),
    FundingWithdrawn("F-2", FundingState.SOFT_COMMITTED),
    FundsReceived(
        receipt="R-1",
        funding="F-1",
        amount=inr("20000000.00"),
        credited=inr("19999500.00"),
        bank_charges=inr("500.00"),
        value_on=date(2026, 11, 2),
        posted_on=date(2026, 11, 3),
        bank_reference="NEFT-20261102-0001",
        state=FundingState.PARTLY_FUNDED,
    ),
    FundsReceiptReversed(
        receipt="R-1",
        funding="F-1",
        amount=inr("20000000.00"),
        credited=inr("19999500.00"),
        bank_charges=inr("500.00"),
        posted_on=date(2026, 11, 9),
        state=FundingState.CLOSED,
        clears=("FLAG-4",),
    ),
    ReceiptBeforeClosing("FLAG-4", "R-1", "F-1", FundingState.COMMITTED),
    ReceiptBeyondCommitment("FLAG-5", "R-2", "F-1", inr("36000000.00"), inr("36000000.01"), inr("0.01")),
    CoverReduced("FLAG-6", "F-2", "v1", inr("61240772.00"), inr("61350000.00"), inr("57250000.00")),
    BudgetDrafted(
        budget="v2",
        currency="INR",
        accounts=(
            AccountLine("1100", "Story and Rights", Level.ABOVE_THE_LINE, Decimal("931000.00")),
            AccountLine("B 04", "Art Direction", Level.PRODUCTION, Decimal("0.00")),
        ),
        charges=(
            ChargeLine(
                "8000",
                "Contingency",
                ChargeKind.CONTINGENCY,
                Decimal("7.5"),
                ChargeBase((Level.PRODUCTION,), ("1100",), ("B 04",), Decimal("931000.00")),
                Decimal("69825.00"),
            ),
            ChargeLine("8200", "Overhead", ChargeKind.OVERHEAD, None, None, Decimal("10000.00")),
        ),
        credits=(CreditLine("9000", "State rebate", Decimal("60000.00")),),
        stated=(StatedTotal(TotalName.GRAND_TOTAL, Decimal("1010826.00")),),
        totals=BudgetTotals(
            above_the_line=Decimal("931000.00"),
            production=Decimal("0.00"),
            post=Decimal("0.00"),
            other=Decimal("0.00"),
            below_the_line=Decimal("0.00"),
            above_and_below=Decimal("931000.00"),
            charges=Decimal("79825.00"),
            grand_total=Decimal("1010825.00"),
            credits=Decimal("60000.00"),
            net_total=Decimal("950825.00"),
        ),
        content_hash=HASH,
        replaces="v1",
        clears=("FLAG-7",),
    ),
    LabelDisagrees(
        "FLAG-7",
        "v2",
        "8100",
        Decimal("3"),
        Decimal("10.0000"),
        inr("52383280.00"),
        inr("1571498.40"),
        inr("5238328.00"),
    ),
    TotalDisagrees("FLAG-8", "v2", TotalName.GRAND_TOTAL, inr("1010826.00"), inr("1010825.00"), inr("-1.00")),
    DifferenceWaived("v2", TotalName.GRAND_TOTAL, inr("1.00"), ("FLAG-8",)),
    BudgetLocked("v2", HASH, inr("1010825.00")),
    BudgetUnlocked("v2"),
    BudgetSubmitted("A-2", "v2", HASH, inr("1010825.00")),
    BudgetWithdrawn("A-2", "v2"),
    ApprovalGiven("A-2", "v2", HASH, "Good to go."),
    ChangesRequested("A-2", "v2", HASH, "Cut the second unit."),
    BudgetRejected("A-2", "v2", HASH, "Too dear."),
    BudgetApproved("A-2", "v2", HASH, inr("1010825.00"), "v1", ("FLAG-9",)),
    BudgetSuperseded("v1", "v2"),
    SpendLogged(
        spend="S-000001",
        account="B 04",
        currency="USD",
        net=Decimal("99999999999999.99"),
        tax=Decimal("90.00"),
        recoverable_tax=Decimal("45.00"),
        rate=DOLLARS,
        cost=inr("99999999999999999999999999.99"),
        vendor="kala-sets",
        spent_on=date(2026, 11, 16),
        posted_on=date(2026, 11, 18),
        kind=SpendKind.PETTY_CASH,
        document="KS-0417",
        receipt_sha256=HASH,
        memo=MEMO,
    ),
    SpendReversed("S-000001", "B 04", inr("50000.00"), date(2026, 11, 20), ("FLAG-9",)),
    SpendRecoded("S-000001", "9999", "B 04", inr("50000.00"), date(2026, 11, 20), ("FLAG-9",)),
    SpendOutsideBudget("FLAG-9", "S-000001", "9999", "v2", inr("50000.00"), OutsideBecause.UNKNOWN_ACCOUNT),
    AccountOverspent("FLAG-10", "S-000002", "B 04", "v2", inr("262000.00"), inr("280000.00"), inr("18000.00")),
    DuplicateSuspected("FLAG-11", "S-000002", "S-000001"),
)
BY_NAME: dict[str, AnyEvent] = {type(event).__name__: event for event in EXAMPLES}
