"""Advances: money that is paid out and is no cost yet: a float to somebody here, or a deposit with a vendor.

paid, then accounted for by entries, part by part, given back, or short (a float) or kept (a deposit).

    advanced = accounted + returned + short + open, in its currency

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import AccountCode, AdvanceId, FlagId, Memo, PersonId, SpendId, Text, VendorId
from .money import Amount, ExchangeRate, Money


class AdvanceKind(StrEnum):
    """What was paid out."""

    #: Petty cash, in the hands of somebody of the production.
    FLOAT = "float"
    #: With a vendor, who gives it back or takes it for an invoice.
    DEPOSIT = "deposit"


#: How rounds name what is asked to be paid: it has no number before it is approved.
ASKED_AS = tuple(f"{kind.value} to " for kind in AdvanceKind)
#: How the numbers of each kind begin.
PREFIXES = {AdvanceKind.FLOAT: "FLOAT", AdvanceKind.DEPOSIT: "DEP"}


class AdvanceState(StrEnum):
    """How an advance stands."""

    OPEN = "open"
    PARTLY_ACCOUNTED = "partly_accounted"
    #: All of it by entries.
    ACCOUNTED = "accounted"
    #: What was left came back.
    RETURNED = "returned"
    #: What was left of a float did not come back.
    SHORT = "short"
    #: What was left of a deposit the vendor kept.
    KEPT = "kept"


#: Of which something is left.
UNSETTLED = frozenset({AdvanceState.OPEN, AdvanceState.PARTLY_ACCOUNTED})


@dataclass(frozen=True, slots=True)
class AdvancePaid:
    """Money was paid out that is no cost yet."""

    advance: AdvanceId
    kind: AdvanceKind
    #: Who holds a float; None of a deposit.
    person: PersonId | None
    #: With whom a deposit is; None of a float.
    vendor: VendorId | None
    amount: Money
    #: The actual rate to the base currency; None when it is in it.
    rate: ExchangeRate | None
    #: The same in base currency.
    base_amount: Money
    paid_on: date
    #: When it is to be accounted for, or back; None where nothing was agreed.
    due_on: date | None
    memo: Memo | None
    #: Who asked for it and pays it out, whoever approved it last; and for whom they acted.
    by: PersonId
    on_behalf_of: PersonId | None


@dataclass(frozen=True, slots=True)
class AdvanceAccounted:
    """An entry was paid out of the advance; so much less of it is open."""

    advance: AdvanceId
    spend: SpendId
    #: In the advance's currency, tax that comes back with it.
    amount: Money
    state: AdvanceState


@dataclass(frozen=True, slots=True)
class AdvanceExceeded:
    """Flag: the entry is more than what was left of its advance; so much is owed to whoever paid it."""

    flag: FlagId
    advance: AdvanceId
    spend: SpendId
    account: AccountCode
    #: In the advance's currency.
    left: Money
    owed: Money
    #: What is owed, in base currency, as the entry was booked.
    booked: Money


@dataclass(frozen=True, slots=True)
class AccountingReversed:
    """The entry was taken back, and with that what it accounted for, or what was short; so much is open again."""

    advance: AdvanceId
    spend: SpendId
    accounted: Amount
    short: Amount
    state: AdvanceState


@dataclass(frozen=True, slots=True)
class AdvanceReturned:
    """A part of the advance came back, or all that was left."""

    advance: AdvanceId
    amount: Money
    returned_on: date
    #: Of the bank or of the cash book.
    document: Text
    state: AdvanceState


@dataclass(frozen=True, slots=True)
class AdvanceReturnVoided:
    """What was recorded as come back did not, or not so; it is open again."""

    advance: AdvanceId
    #: Which of its returns, from 1 on.
    number: int
    amount: Money
    state: AdvanceState


@dataclass(frozen=True, slots=True)
class AdvanceClosed:
    """What was left does not come back; it is the cost that the entry says."""

    advance: AdvanceId
    spend: SpendId
    short: Money
    state: AdvanceState


@dataclass(frozen=True, slots=True)
class FloatShort:
    """Flag: what was left of a float did not come back, and became a cost."""

    flag: FlagId
    advance: AdvanceId
    spend: SpendId
    account: AccountCode
    person: PersonId
    short: Money


AdvanceEvent = (
    AdvancePaid
    | AdvanceAccounted
    | AdvanceExceeded
    | AccountingReversed
    | AdvanceReturned
    | AdvanceReturnVoided
    | AdvanceClosed
    | FloatShort
)
