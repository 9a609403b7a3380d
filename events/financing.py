"""The sources of funds, from first name to cash received.

identified, soft committed (letter of intent), committed (signed agreement), closed, partly funded, funded;
withdrawn from any of the first three. *Funded* is judged in the source's own currency.

These names and fields are stored: add, never edit.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from .ids import BudgetId, FlagId, FundingId, PersonId, ReceiptId
from .money import ExchangeRate, Money


class FundingKind(StrEnum):
    """What kind of money the source is."""

    EQUITY = "equity"
    DEBT = "debt"
    PRESALE = "presale"
    TAX_INCENTIVE = "tax_incentive"
    GRANT = "grant"
    GAP = "gap"
    DEFERMENT = "deferment"
    IN_KIND = "in_kind"


#: Value, but never cash: shown beside the cover, not in it.
NOT_CASH = frozenset({FundingKind.DEFERMENT, FundingKind.IN_KIND})


class FundingState(StrEnum):
    """How firm the source is."""

    IDENTIFIED = "identified"
    SOFT_COMMITTED = "soft_committed"
    COMMITTED = "committed"
    CLOSED = "closed"
    PARTLY_FUNDED = "partly_funded"
    FUNDED = "funded"
    WITHDRAWN = "withdrawn"


#: Secured in the sense of a binding promise.
AT_LEAST_COMMITTED = frozenset(
    {FundingState.COMMITTED, FundingState.CLOSED, FundingState.PARTLY_FUNDED, FundingState.FUNDED}
)
#: Conditions are met: the money may flow.
AT_LEAST_CLOSED = frozenset({FundingState.CLOSED, FundingState.PARTLY_FUNDED, FundingState.FUNDED})


def borrowed_from(kind: FundingKind, lent_against: FundingId | None) -> FundingId | None:
    """The source whose money this one brings, if any; what is no cash brings none of it."""
    return None if kind in NOT_CASH else lent_against


def counted_once(
    amounts: Mapping[FundingId, Decimal], borrowed_from: Mapping[FundingId, FundingId | None]
) -> dict[FundingId, Decimal]:
    """What each source adds to the cover when a source lent against another counts once.

    A loan counts in full; what it was borrowed against counts with the rest, never below zero.

    Args:
        amounts: base currency, by source, on one basis (committed, closed or received).
        borrowed_from: the source whose money each one brings, if any.
    """
    borrowed: defaultdict[FundingId, Decimal] = defaultdict(Decimal)
    for source, against in borrowed_from.items():
        if against is not None:
            borrowed[against] += amounts.get(source, Decimal(0))
    return {source: max(amount - borrowed[source], Decimal(0)) for source, amount in amounts.items()}


def free_to_carry(cover: Decimal, total_budget: Decimal, promised: Decimal, carried: Decimal) -> Decimal:
    """What a committed source of cash may carry of a further overage: what nothing else needs. Base currency.

    Args:
        cover: the committed cash of all sources, each counted once.
        total_budget: locked, and approved beside it.
        promised: by the source.
        carried: of the overages so far, by the source.
    """
    return max(min(cover - total_budget, promised - carried), promised * 0)


@dataclass(frozen=True, slots=True)
class FundingTerms:
    """What a source promises."""

    kind: FundingKind
    #: Who gives it: a company or fund as it signs.
    party: str
    #: The person who speaks for the source on this production; None when nobody does.
    holder: PersonId | None
    amount: Money
    #: To the base currency; None when the amount is in it.
    budget_rate: ExchangeRate | None
    #: The amount in base currency at the budget rate.
    base_amount: Money
    #: The source this one is borrowed against; the two count once.
    lent_against: FundingId | None
    expected_on: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class FundingSourceIdentified:
    """A source has a name, an amount and terms; nothing binds it yet."""

    funding: FundingId
    terms: FundingTerms


@dataclass(frozen=True, slots=True)
class LetterOfIntentRecorded:
    """A letter says that the source means to pay: soft committed."""

    funding: FundingId
    document: str


@dataclass(frozen=True, slots=True)
class FundingCommitted:
    """A signed agreement binds the source: committed."""

    funding: FundingId
    document: str
    #: Flags on the cover, once the budget in force is covered again.
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class FundingAmended:
    """The source's terms changed."""

    funding: FundingId
    before: FundingTerms
    after: FundingTerms
    #: Where the source stands under the new terms: a changed amount may fill it, or open it again.
    state: FundingState
    #: Flags on receipts beyond the commitment and on the cover that the new terms mend.
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class FundingClosed:
    """The conditions are met or waived: the money may flow."""

    funding: FundingId
    #: Where the source stands with what had come in before: closed, partly funded or funded.
    state: FundingState
    #: Flags on receipts before closing.
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class FundingWithdrawn:
    """The source is out; nothing can be expected of it."""

    funding: FundingId
    left: FundingState


@dataclass(frozen=True, slots=True)
class FundsReceived:
    """Cash of a source is in the production account."""

    receipt: ReceiptId
    funding: FundingId
    #: In the source's currency.
    amount: Money
    #: What the bank credited, in base currency.
    credited: Money
    #: In base currency; kept apart from what was credited.
    bank_charges: Money
    value_on: date
    posted_on: date
    bank_reference: str
    state: FundingState


@dataclass(frozen=True, slots=True)
class FundsReceiptReversed:
    """A receipt is taken back, whole."""

    receipt: ReceiptId
    funding: FundingId
    amount: Money
    credited: Money
    bank_charges: Money
    posted_on: date
    state: FundingState
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class ReceiptBeforeClosing:
    """Flag: cash came in before the source was closed."""

    flag: FlagId
    receipt: ReceiptId
    funding: FundingId
    state: FundingState


@dataclass(frozen=True, slots=True)
class ReceiptBeyondCommitment:
    """Flag: more came in than the source promises; figures in the source's currency."""

    flag: FlagId
    #: None when an amendment cut the promise below what had come in.
    receipt: ReceiptId | None
    funding: FundingId
    committed: Money
    received: Money
    over: Money


@dataclass(frozen=True, slots=True)
class CoverReduced:
    """Flag: committed cash cover of the budget in force fell; figures in base currency."""

    flag: FlagId
    funding: FundingId
    budget: BudgetId
    total: Money
    cover_before: Money
    cover_after: Money


FinancingEvent = (
    FundingSourceIdentified
    | LetterOfIntentRecorded
    | FundingCommitted
    | FundingAmended
    | FundingClosed
    | FundingWithdrawn
    | FundsReceived
    | FundsReceiptReversed
    | ReceiptBeforeClosing
    | ReceiptBeyondCommitment
    | CoverReduced
)
