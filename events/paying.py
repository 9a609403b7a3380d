"""Paying: what becomes of entries after they were logged: questions about them, payments, and lines of the bank's.

What is paid at once, an entry or a batch, is paid, voided and reconciled by one fact, which names every entry.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import PayableId, PersonId, QueryId, SpendId
from .money import Money


class PaymentMethod(StrEnum):
    """How somebody was paid."""

    TRANSFER = "transfer"
    CHEQUE = "cheque"
    CARD = "card"
    CASH = "cash"


@dataclass(frozen=True, slots=True)
class SpendQueried:
    """Somebody asks about an entry, which is not paid until there is an answer."""

    query: QueryId
    spend: SpendId
    #: What is not paid meanwhile: the entry, or its batch.
    payable: PayableId
    #: Any of them may answer.
    asked: tuple[PersonId, ...]
    question: str


@dataclass(frozen=True, slots=True)
class QueryAnswered:
    """A query is answered by whom it asks, or by whoever logged the entry."""

    query: QueryId
    spend: SpendId
    answer: str


@dataclass(frozen=True, slots=True)
class QueryClosed:
    """A query is open no more, though nobody answered whom it asks."""

    query: QueryId
    spend: SpendId
    because: str


@dataclass(frozen=True, slots=True)
class SpendPaid:
    """Money left the bank, or the till, for these entries."""

    payable: PayableId
    #: Those of it that are not reversed.
    entries: tuple[SpendId, ...]
    paid_on: date
    method: PaymentMethod
    #: The bank's, the number of the cheque, or that of the receipt.
    reference: str
    #: What was owed for them, at the rates they were logged at.
    booked: Money
    #: What left the bank.
    amount: Money
    #: The entry of the exchange difference; None when there is none.
    difference: SpendId | None
    #: The entry that the difference is of.
    difference_of: SpendId | None


@dataclass(frozen=True, slots=True)
class PaymentVoided:
    """The payment did not go through; its difference is reversed, and what it was reconciled with is not it."""

    payable: PayableId
    #: All that it had paid, with its exchange difference.
    entries: tuple[SpendId, ...]
    amount: Money
    difference: SpendId | None
    difference_of: SpendId | None


@dataclass(frozen=True, slots=True)
class SpendReconciled:
    """The payment was found on a statement of the bank's."""

    payable: PayableId
    entries: tuple[SpendId, ...]
    statement: str
    line: str
    found_on: date


@dataclass(frozen=True, slots=True)
class ReconciliationUndone:
    """The line of the statement was another payment's."""

    payable: PayableId
    entries: tuple[SpendId, ...]
    statement: str
    line: str


PayingEvent = (
    SpendQueried | QueryAnswered | QueryClosed | SpendPaid | PaymentVoided | SpendReconciled | ReconciliationUndone
)
