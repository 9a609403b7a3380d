"""Commitments: money that is promised before it is spent, and requisitions: money that is asked to be promised.

A requisition holds what it asks for until an order takes it over, or it is withdrawn or turned down. A commitment (a
purchase order, a deal, a deferment) is drafted, submitted, and open once it is approved; invoices relieve it, part by
part.

What a requisition, a commitment and an invoice hold of an account never counts twice: each takes over from the one
before it.

    total = relieved + released + balance

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import AccountCode, BudgetId, CommitmentId, Digest, FlagId, Memo, RequisitionId, SpendId, Text, VendorId
from .money import Amount, Currency, ExchangeRate, Money
from .policy import ControlScope


class CommitmentKind(StrEnum):
    """What was promised; the last two are pay."""

    PURCHASE_ORDER = "purchase_order"
    #: With a member of cast or crew, or their company.
    DEAL = "deal"
    #: A fee that is paid later, once something comes in.
    DEFERMENT = "deferment"


#: How the numbers of each kind begin.
PREFIXES = {
    CommitmentKind.PURCHASE_ORDER: "PO",
    CommitmentKind.DEAL: "DEAL",
    CommitmentKind.DEFERMENT: "DEF",
}


class CommitmentState(StrEnum):
    """How a commitment stands."""

    DRAFT = "draft"
    #: Submitted; it waits for its approvers.
    PENDING = "pending"
    OPEN = "open"
    PARTLY_RELIEVED = "partly_relieved"
    RELIEVED = "relieved"
    CANCELLED = "cancelled"
    #: What was left is not going to be spent.
    CLOSED_SHORT = "closed_short"


#: Which hold what is left of them.
LIVE = frozenset({CommitmentState.OPEN, CommitmentState.PARTLY_RELIEVED, CommitmentState.RELIEVED})


@dataclass(frozen=True, slots=True)
class Hold:
    """What something holds of an account, in base currency."""

    account: AccountCode
    amount: Amount


@dataclass(frozen=True, slots=True)
class RequisitionLine:
    """Something that is asked for, in base currency."""

    account: AccountCode
    amount: Amount
    what: Text


@dataclass(frozen=True, slots=True)
class CommitmentLine:
    """A part of what was promised."""

    account: AccountCode
    #: In the commitment's currency: what it will cost, without tax that comes back.
    amount: Amount
    #: The same in base currency.
    base_amount: Amount
    what: Text


@dataclass(frozen=True, slots=True)
class Beyond:
    """So far past what was available something goes; the policy lets it."""

    scope: ControlScope
    #: The account, or the level; None for the whole.
    of: str | None
    budget: BudgetId
    budgeted: Money
    #: Budgeted, less what was spent, committed and requisitioned before.
    available: Money
    requested: Money
    over: Money
    #: By somebody who may, where the policy would stop it.
    overridden: bool


@dataclass(frozen=True, slots=True)
class RequisitionRaised:
    """Something is asked for; what it will cost is held until it is ordered, or turned down where it is asked about."""

    requisition: RequisitionId
    lines: tuple[RequisitionLine, ...]
    total: Money
    needed_on: date | None
    beyond: tuple[Beyond, ...]


@dataclass(frozen=True, slots=True)
class RequisitionWithdrawn:
    """What is left of it is not going to be ordered."""

    requisition: RequisitionId
    released: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class CommitmentDrafted:
    """A commitment was written down, or written anew; it holds nothing yet."""

    commitment: CommitmentId
    kind: CommitmentKind
    #: With whom.
    vendor: VendorId
    #: What it takes over from.
    requisition: RequisitionId | None
    #: Of its lines.
    currency: Currency
    #: To the base currency; None when it is in it.
    rate: ExchangeRate | None
    lines: tuple[CommitmentLine, ...]
    total: Money
    base_total: Money
    #: What has to come in before it is paid; of a deferment.
    due_when: Memo | None


@dataclass(frozen=True, slots=True)
class CommitmentSubmitted:
    """It is going to be promised, if it is approved; what it comes to is held from now on."""

    commitment: CommitmentId
    content_hash: Digest
    base_total: Money
    #: Without what was invoiced for it already.
    holds: tuple[Hold, ...]
    #: Of its requisition, which holds so much less.
    takes_over: tuple[Hold, ...]
    beyond: tuple[Beyond, ...]


@dataclass(frozen=True, slots=True)
class CommitmentOpened:
    """It is promised."""

    commitment: CommitmentId
    base_total: Money


@dataclass(frozen=True, slots=True)
class AmendmentSubmitted:
    """It is going to come to more, or to other accounts, if that is approved; until then the old lines count."""

    commitment: CommitmentId
    content_hash: Digest
    lines: tuple[CommitmentLine, ...]
    total: Money
    base_total: Money
    #: More than before, account by account, and without what was invoiced beyond it already.
    holds: tuple[Hold, ...]
    beyond: tuple[Beyond, ...]
    #: Of its requisition, which holds so much less.
    takes_over: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class CommitmentAmended:
    """It comes to something else now."""

    commitment: CommitmentId
    lines: tuple[CommitmentLine, ...]
    total: Money
    base_total: Money
    #: What it came to before.
    former: Money
    state: CommitmentState


@dataclass(frozen=True, slots=True)
class CommitmentRelieved:
    """An entry is what was promised, or a part of it: so much less is to come; or it was beyond what was left then."""

    commitment: CommitmentId
    spend: SpendId
    #: None where the entry comes to nothing in the commitment's currency.
    relieved: tuple[Hold, ...]
    #: The same in the commitment's currency, account by account.
    amounts: tuple[Hold, ...]
    state: CommitmentState
    clears: tuple[FlagId, ...]


@dataclass(frozen=True, slots=True)
class CommitmentExceeded:
    """Flag: the entry is more than what was left of its commitment; the rest was never promised."""

    flag: FlagId
    commitment: CommitmentId
    spend: SpendId
    account: AccountCode
    state: CommitmentState
    #: In the commitment's currency.
    left: Money
    excess: Money


@dataclass(frozen=True, slots=True)
class InvoicedByAnother:
    """Flag: the entry is by another vendor than its commitment is with."""

    flag: FlagId
    commitment: CommitmentId
    spend: SpendId
    account: AccountCode
    promised_to: VendorId
    vendor: VendorId


@dataclass(frozen=True, slots=True)
class ReliefReversed:
    """The entry was taken back or recoded, and with that what it relieved."""

    commitment: CommitmentId
    spend: SpendId
    restored: tuple[Hold, ...]
    amounts: tuple[Hold, ...]
    state: CommitmentState


@dataclass(frozen=True, slots=True)
class CommitmentCancelled:
    """Nothing came of it."""

    commitment: CommitmentId
    released: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class CommitmentClosed:
    """No more is to come; what was left is released."""

    commitment: CommitmentId
    released: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class CommitmentReopened:
    """More is to come after all; what was released is held again."""

    commitment: CommitmentId
    holds: tuple[Hold, ...]
    beyond: tuple[Beyond, ...]
    state: CommitmentState


CommitmentEvent = (
    RequisitionRaised
    | RequisitionWithdrawn
    | CommitmentDrafted
    | CommitmentSubmitted
    | CommitmentOpened
    | AmendmentSubmitted
    | CommitmentAmended
    | CommitmentRelieved
    | CommitmentExceeded
    | InvoicedByAnother
    | ReliefReversed
    | CommitmentCancelled
    | CommitmentClosed
    | CommitmentReopened
)
