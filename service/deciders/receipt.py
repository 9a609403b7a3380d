"""Receipts: cash of a source in the production account.

Recorded, then reversed at most once. What they add up to on a source is kept with the source (financing.py).

R1  Whoever speaks for a source never records or reverses its receipts.
R2  A receipt is in the source's currency; what the bank credited and charged is in the base currency.
R3  In-kind and deferments are never cash: nothing of theirs is received.
R4  Cash that came in is never denied: before closing, or beyond the commitment, it is recorded and flagged.
R5  A receipt is reversed once, whole; that clears the flags it mends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from events.envelope import Metadata
from events.financing import (
    AT_LEAST_CLOSED,
    NOT_CASH,
    FinancingEvent,
    FundingKind,
    FundsReceiptReversed,
    FundsReceived,
    ReceiptBeforeClosing,
)
from events.ids import FlagId, FundingId, Memo, PersonId, ReceiptId, Text, by_number
from events.money import Currency, Money

from .command import Command, Day, PositiveMoney, WholeMoney
from .financing import Financing, FundingSource, SourceIsMissing, beyond_commitment, existing, with_receipts
from .refusal import Conflicting, Forbidden, Missing


@dataclass
class ReceiptIsMissing(Missing):
    """The production has no receipt {receipt}."""

    rule = "R5"
    otherwise = "Look up the receipts in the funding view."
    receipt: ReceiptId


@dataclass
class HolderKeepsAway(Forbidden):
    """{holder} speaks for {funding} and may not record or reverse its receipts."""

    rule = "R1"
    otherwise = "Another executive producer or an accountant may."
    holder: PersonId
    funding: FundingId


@dataclass
class CurrencyIsNotTheSources(Conflicting):
    """A receipt of {funding} is in {source_currency}, credited and charged in {base}; this one is {sent}."""

    rule = "R2"
    otherwise = "Send the amount in the source's currency and what the bank credited in the base currency."
    funding: FundingId
    source_currency: Currency
    base: Currency
    sent: tuple[Currency, ...]


@dataclass
class SourceIsNotCash(Conflicting):
    """The source {funding} ({kind}) is never cash."""

    rule = "R3"
    otherwise = "Cash in its place is a source of its own: an executive producer may secure it."
    funding: FundingId
    kind: FundingKind


@dataclass
class ReceiptIsReversed(Conflicting):
    """{receipt} is reversed already."""

    rule = "R5"
    otherwise = "Record the receipt anew if the money came in after all."
    receipt: ReceiptId


class RecordReceipt(Command):
    """An executive producer or an accountant records cash of a source in the production account."""

    refusals = (SourceIsMissing, HolderKeepsAway, SourceIsNotCash, CurrencyIsNotTheSources)
    example: ClassVar = {
        "funding": "F-1",
        "amount": {"amount": "20000000", "currency": "INR"},
        "credited": {"amount": "19999500", "currency": "INR"},
        "bank_charges": {"amount": "500", "currency": "INR"},
        "value_on": "2026-11-20",
        "posted_on": "2026-11-20",
        "bank_reference": "NEFT 20261120-0001",
    }

    funding: FundingId
    amount: PositiveMoney = Field(description="In the source's currency.")
    credited: PositiveMoney = Field(description="What the bank credited, in base currency.")
    bank_charges: WholeMoney | None = Field(None, description="In base currency; left out when there were none.")
    value_on: Day
    posted_on: Day
    bank_reference: Text


class ReverseReceipt(Command):
    """An executive producer or an accountant takes a receipt back, whole."""

    refusals = (ReceiptIsMissing, HolderKeepsAway, ReceiptIsReversed)
    example: ClassVar = {"receipt": "R-1", "posted_on": "2026-11-22", "reason": "The bank recalled it."}

    receipt: ReceiptId
    posted_on: Day
    reason: Memo


ReceiptCommand = RecordReceipt | ReverseReceipt


def record_receipt(
    command: RecordReceipt,
    financing: Financing,
    base: Currency,
    metadata: Metadata,
    flags: Iterator[FlagId],
) -> list[FinancingEvent]:
    """R1 to R4."""
    source = existing(financing, command.funding)
    _not_the_holder(source, command.funding, metadata)
    if source.terms.kind in NOT_CASH:
        raise SourceIsNotCash(command.funding, source.terms.kind)
    committed = source.terms.amount
    charges = command.bank_charges or Money(command.credited.amount * 0, base)
    sent = (command.amount.currency, command.credited.currency, charges.currency)
    if sent != (committed.currency, base, base):
        raise CurrencyIsNotTheSources(command.funding, committed.currency, base, sent)
    received = source.received + command.amount.amount
    receipt = f"R-{len(financing.receipts) + 1}"
    happened: list[FinancingEvent] = [
        FundsReceived(
            receipt=receipt,
            funding=command.funding,
            amount=command.amount,
            credited=command.credited,
            bank_charges=charges,
            value_on=command.value_on,
            posted_on=command.posted_on,
            bank_reference=command.bank_reference,
            state=with_receipts(source.state, received, committed.amount),
        )
    ]
    if source.state not in AT_LEAST_CLOSED:
        happened.append(ReceiptBeforeClosing(next(flags), receipt, command.funding, source.state))
    if received > committed.amount:
        happened.append(beyond_commitment(receipt, command.funding, committed, received, flags))
    return happened


def reverse_receipt(command: ReverseReceipt, financing: Financing, metadata: Metadata) -> list[FinancingEvent]:
    """R1, R5."""
    receipt = financing.receipts.get(command.receipt)
    if receipt is None:
        raise ReceiptIsMissing(command.receipt)
    fact = receipt.fact
    source = financing.sources[fact.funding]
    _not_the_holder(source, fact.funding, metadata)
    if receipt.reversed:
        raise ReceiptIsReversed(command.receipt)
    left = source.received - fact.amount.amount
    within = left <= source.terms.amount.amount
    beyond = [flag for flag, raised_on in source.beyond.items() if within or raised_on == command.receipt]
    early = [flag for flag, raised_on in source.early.items() if raised_on == command.receipt]
    return [
        FundsReceiptReversed(
            receipt=command.receipt,
            funding=fact.funding,
            amount=fact.amount,
            credited=fact.credited,
            bank_charges=fact.bank_charges,
            posted_on=command.posted_on,
            state=with_receipts(source.state, left, source.terms.amount.amount),
            clears=by_number([*beyond, *early]),
        )
    ]


def _not_the_holder(source: FundingSource, funding: FundingId, metadata: Metadata) -> None:
    if metadata.actor == source.terms.holder:
        raise HolderKeepsAway(metadata.actor, funding)
