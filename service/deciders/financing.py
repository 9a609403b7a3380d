"""Financing: the sources of funds, from first name to cash in the account.

identified → soft committed (letter of intent) → committed (signed agreement) → closed → partly funded → funded;
withdrawn from any of the first three.

F1  A source is known by its number and its terms; its amount has a budget rate when it is in another currency.
F2  A source lent against another one names a source of this production, and loans never run in a circle.
F3  Only a committed source closes; a closed one is not withdrawn.
F4  A source that has received money keeps its currency.
F5  An amendment or a withdrawal that cuts the cover of the budget in force is flagged, and an amendment that
    cuts the promise to less than what came in.
F7  Where the policy asks those who speak for funding, who they are is approved like an appointment.
F6  A flag is cleared by the fact that mends it: a closing, new terms, or cover that is enough again.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from immutables import Map
from pydantic import Field, ValidationInfo, field_validator

from events.financing import (
    AT_LEAST_CLOSED,
    AT_LEAST_COMMITTED,
    NOT_CASH,
    CoverReduced,
    FinancingEvent,
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
    borrowed_from,
    counted_once,
)
from events.ids import BudgetId, FlagId, FundingId, Memo, PersonId, ReceiptId, Text, by_number
from events.money import Currency, ExchangeRate, Money, converted, exact

from .command import Command, Day, PositiveMoney, RateInUse
from .refusal import Conflicting, Missing


@dataclass
class SourceIsMissing(Missing):
    """The production has no funding source {funding}."""

    rule = "F1"
    otherwise = "Look up the sources in the funding view."
    funding: FundingId


@dataclass
class RateDoesNotConvert(Conflicting):
    """{amount} cannot be measured in {base} by the rate sent: {rate}."""

    rule = "F1"
    otherwise = "Send one rate between the two currencies, and none when they are the same."
    amount: Money
    rate: ExchangeRate | None
    base: Currency


@dataclass
class LoanGoesInACircle(Conflicting):
    """{funding} cannot be lent against {lent_against}, which rests on {funding} itself."""

    rule = "F2"
    otherwise = "Name the source that the loan is paid back from."
    funding: FundingId
    lent_against: FundingId


@dataclass
class SourceIsNotCommitted(Conflicting):
    """{funding} is {state}; only a committed source closes."""

    rule = "F3"
    otherwise = "An executive producer may commit it first, with the signed agreement."
    funding: FundingId
    state: FundingState


@dataclass
class SourceIsClosed(Conflicting):
    """{funding} is {state}: its conditions are met, so it can neither be withdrawn nor committed anew."""

    rule = "F3"
    otherwise = "An executive producer may amend its terms, with a reason."
    funding: FundingId
    state: FundingState


@dataclass
class SourceIsWithdrawn(Conflicting):
    """{funding} is withdrawn."""

    rule = "F3"
    otherwise = "An executive producer or a co-producer may secure the money anew, as a source of its own."
    funding: FundingId


@dataclass
class CurrencyIsReceived(Conflicting):
    """{funding} has received {received} and cannot change its currency to {currency}."""

    rule = "F4"
    otherwise = "Reverse its receipts first, or secure the rest as a source of its own."
    funding: FundingId
    received: Money
    currency: Currency


@dataclass
class AmendsTwoThings(Conflicting):
    """{funding} would be cut by {cut} and get {holder} as holder at once, and the policy asks about each by itself."""

    rule = "F7"
    otherwise = "Send one amendment after the other."
    funding: FundingId
    cut: Money
    holder: PersonId | None


class RestsOn(StrEnum):
    """What a source's promise rests on."""

    LETTER_OF_INTENT = "letter_of_intent"
    SIGNED_AGREEMENT = "signed_agreement"


class SecureFunding(Command):
    """An executive producer or a co-producer names a source, with the paper it rests on if there is one."""

    refusals = (SourceIsMissing, RateDoesNotConvert)
    example: ClassVar = {
        "kind": "equity",
        "party": "Prasad Film Fund",
        "amount": {"amount": "36000000", "currency": "INR"},
        "rests_on": "signed_agreement",
        "document": "Investment agreement of 2026-10-12",
        "expected_on": ["2026-11-30"],
    }

    kind: FundingKind
    party: Text
    holder: PersonId | None = Field(None, description="The person who speaks for the source, if any.")
    amount: PositiveMoney
    budget_rate: RateInUse | None = Field(None, description="Needed when the amount is not in base currency.")
    rests_on: RestsOn | None = Field(None, description="Without it the source is merely identified.")
    document: Text | None = Field(None, description="The letter or agreement.", validate_default=True)
    lent_against: FundingId | None = Field(None, description="The source it is borrowed against.")
    expected_on: tuple[Day, ...] = Field((), max_length=100)

    @field_validator("document", mode="after")
    @classmethod
    def _is_a_paper(cls, document: str | None, info: ValidationInfo) -> str | None:
        if "rests_on" in info.data and (document is None) != (info.data["rests_on"] is None):
            raise ValueError(
                "name the letter or agreement that the source rests on"
                if document is None
                else "say in rests_on what the document is: a letter of intent or a signed agreement"
            )
        return document


class CommitFunding(Command):
    """An executive producer records the letter of intent, or the signed agreement that binds the source."""

    refusals = (SourceIsMissing, SourceIsWithdrawn, SourceIsClosed)
    example: ClassVar = {
        "funding": "F-2",
        "rests_on": "signed_agreement",
        "document": "Presale agreement of 2026-10-20",
    }

    funding: FundingId
    rests_on: RestsOn = RestsOn.SIGNED_AGREEMENT
    document: Text


class AmendFunding(Command):
    """An executive producer changes a source's terms: what is sent changes, what is left out stays."""

    refusals = (
        *(SourceIsMissing, SourceIsWithdrawn, LoanGoesInACircle, CurrencyIsReceived, RateDoesNotConvert),
        AmendsTwoThings,
    )
    example: ClassVar = {
        "funding": "F-1",
        "amount": {"amount": "35000000", "currency": "INR"},
        "reason": "The fund cut its share.",
    }

    funding: FundingId
    party: Text | None = None
    holder: PersonId | None = None
    amount: PositiveMoney | None = None
    budget_rate: RateInUse | None = None
    lent_against: FundingId | None = None
    expected_on: tuple[Day, ...] | None = Field(None, max_length=100)
    reason: Memo


class CloseFunding(Command):
    """An executive producer records that the source's conditions are met or waived."""

    refusals = (SourceIsMissing, SourceIsWithdrawn, SourceIsNotCommitted)
    example: ClassVar = {"funding": "F-1"}

    funding: FundingId


class WithdrawFunding(Command):
    """An executive producer takes a source out before it closes."""

    refusals = (SourceIsMissing, SourceIsClosed)
    example: ClassVar = {"funding": "F-2", "reason": "The distributor stepped back."}

    funding: FundingId
    reason: Memo


FinancingCommand = SecureFunding | CommitFunding | AmendFunding | CloseFunding | WithdrawFunding


@dataclass(frozen=True, slots=True)
class FundingSource:
    """What decisions remember of a source."""

    terms: FundingTerms
    state: FundingState
    document: str | None
    #: In the source's currency.
    received: Decimal
    #: The flags that stand on receipts before closing, and beyond the commitment.
    early: Map[FlagId, ReceiptId] = Map()
    beyond: Map[FlagId, ReceiptId | None] = Map()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What decisions remember of a receipt."""

    fact: FundsReceived
    reversed: bool


@dataclass(frozen=True, slots=True)
class Financing:
    """The sources and receipts of a production."""

    sources: Map[FundingId, FundingSource] = Map()
    receipts: Map[ReceiptId, Receipt] = Map()
    #: The flags that stand on the cover of the budget in force.
    shortfalls: frozenset[FlagId] = frozenset()

    def cover(self, states: Collection[FundingState] = AT_LEAST_COMMITTED) -> dict[FundingId, Decimal]:
        """The cash of the sources in these states, in base currency, each counted once."""
        amounts = {
            funding: source.terms.base_amount.amount
            for funding, source in self.sources.items()
            if source.state in states
        }
        of = {funding: self.sources[funding].terms for funding in amounts}
        counted = counted_once(amounts, {f: borrowed_from(terms.kind, terms.lent_against) for f, terms in of.items()})
        return {funding: amount for funding, amount in counted.items() if of[funding].kind not in NOT_CASH}

    def committed_cover(self) -> Decimal:
        """Committed cash, in base currency, each source counted once."""
        return sum(self.cover().values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class ToCover:
    """The budget in force, as far as its cover goes."""

    budget: BudgetId
    total: Money


def secure_funding(
    command: SecureFunding, financing: Financing, base: Currency, to_cover: ToCover | None
) -> list[FinancingEvent]:
    """F1, F2, F6."""
    if command.lent_against is not None:
        existing(financing, command.lent_against)
    funding = f"F-{len(financing.sources) + 1}"
    terms = FundingTerms(
        kind=command.kind,
        party=command.party,
        holder=command.holder,
        amount=command.amount,
        budget_rate=command.budget_rate,
        base_amount=_in_base(command.amount, command.budget_rate, base),
        lent_against=command.lent_against,
        expected_on=command.expected_on,
    )
    identified = FundingSourceIdentified(funding, terms)
    if command.rests_on is None or command.document is None:
        return [identified]
    paper = CommitFunding(funding=funding, rests_on=command.rests_on, document=command.document)
    return [identified, *commit_funding(paper, evolve(financing, identified), to_cover)]


def commit_funding(command: CommitFunding, financing: Financing, to_cover: ToCover | None) -> list[FinancingEvent]:
    """F3, F6; recording the same paper again does nothing, nor does a letter after the agreement."""
    source = _live(financing, command.funding)
    if source.state in AT_LEAST_CLOSED:
        raise SourceIsClosed(command.funding, source.state)
    reached = FundingState.COMMITTED if command.rests_on is RestsOn.SIGNED_AGREEMENT else FundingState.SOFT_COMMITTED
    if source.state is FundingState.COMMITTED and reached is FundingState.SOFT_COMMITTED:
        return []
    if (source.state, source.document) == (reached, command.document):
        return []
    if command.rests_on is RestsOn.LETTER_OF_INTENT:
        return [LetterOfIntentRecorded(command.funding, command.document)]
    committed = FundingCommitted(command.funding, command.document, clears=())
    return [replace(committed, clears=_covered(financing, committed, to_cover))]


def amend_funding(
    command: AmendFunding,
    financing: Financing,
    base: Currency,
    to_cover: ToCover | None,
    flags: Iterator[FlagId],
) -> list[FinancingEvent]:
    """F1, F2, F4 to F6; terms that stay as they are do nothing."""
    source = _live(financing, command.funding)
    before = source.terms
    sent = command.model_fields_set - {"funding", "reason"}
    sent -= {name for name in ("party", "amount", "expected_on") if getattr(command, name) is None}
    after = replace(before, **{name: getattr(command, name) for name in sent})
    if after.lent_against is not None and after.lent_against != before.lent_against:
        existing(financing, after.lent_against)
        _no_circle(financing, command.funding, after.lent_against)
    if source.received and after.amount.currency != before.amount.currency:
        raise CurrencyIsReceived(command.funding, Money(source.received, before.amount.currency), after.amount.currency)
    if after.amount.currency == base and "budget_rate" not in sent:
        after = replace(after, budget_rate=None)
    after = replace(after, base_amount=_in_base(after.amount, after.budget_rate, base))
    if after == before:
        return []
    amended = FundingAmended(
        funding=command.funding,
        before=before,
        after=after,
        state=with_receipts(source.state, source.received, after.amount.amount),
        clears=(),
    )
    mended = source.beyond if source.received <= after.amount.amount else ()
    amended = replace(amended, clears=by_number({*mended, *_covered(financing, amended, to_cover)}))
    happened: list[FinancingEvent] = [amended]
    if after.amount.amount < min(before.amount.amount, source.received):
        happened.append(beyond_commitment(None, command.funding, after.amount, source.received, flags))
    return [*happened, *_cover_reduced(financing, amended, to_cover, flags)]


def close_funding(command: CloseFunding, financing: Financing) -> list[FinancingEvent]:
    """F3, F6; closing a closed source does nothing."""
    source = _live(financing, command.funding)
    if source.state in AT_LEAST_CLOSED:
        return []
    if source.state is not FundingState.COMMITTED:
        raise SourceIsNotCommitted(command.funding, source.state)
    state = with_receipts(FundingState.CLOSED, source.received, source.terms.amount.amount)
    return [FundingClosed(command.funding, state, clears=by_number(source.early))]


def withdraw_funding(
    command: WithdrawFunding, financing: Financing, to_cover: ToCover | None, flags: Iterator[FlagId]
) -> list[FinancingEvent]:
    """F3, F5; withdrawing a withdrawn source does nothing."""
    source = existing(financing, command.funding)
    if source.state is FundingState.WITHDRAWN:
        return []
    if source.state in AT_LEAST_CLOSED:
        raise SourceIsClosed(command.funding, source.state)
    withdrawn = FundingWithdrawn(command.funding, source.state)
    return [withdrawn, *_cover_reduced(financing, withdrawn, to_cover, flags)]


def evolve(financing: Financing, event: FinancingEvent) -> Financing:
    """The financing after the event."""
    sources, receipts = financing.sources, financing.receipts
    match event:
        case FundingSourceIdentified(funding, terms):
            source = FundingSource(terms, FundingState.IDENTIFIED, None, Decimal(0))
        case LetterOfIntentRecorded(funding, document):
            source = replace(sources[funding], state=FundingState.SOFT_COMMITTED, document=document)
        case FundingCommitted(funding, document):
            source = replace(sources[funding], state=FundingState.COMMITTED, document=document)
        case FundingAmended(funding, after=after, state=state):
            source = replace(sources[funding], terms=after, state=state)
        case FundingClosed(funding, state=state):
            source = replace(sources[funding], state=state)
        case FundingWithdrawn(funding):
            source = replace(sources[funding], state=FundingState.WITHDRAWN)
        case FundsReceived(receipt, funding, amount, state=state):
            receipts = receipts.set(receipt, Receipt(event, reversed=False))
            received = sources[funding].received + amount.amount
            source = replace(sources[funding], received=received, state=state)
        case FundsReceiptReversed(receipt, funding, amount, state=state):
            receipts = receipts.set(receipt, replace(receipts[receipt], reversed=True))
            received = sources[funding].received - amount.amount
            source = replace(sources[funding], received=received, state=state)
        case ReceiptBeforeClosing(flag, receipt, funding):
            source = replace(sources[funding], early=sources[funding].early.set(flag, receipt))
        case ReceiptBeyondCommitment(flag, receipt, funding):
            source = replace(sources[funding], beyond=sources[funding].beyond.set(flag, receipt))
        case CoverReduced(flag):
            return replace(financing, shortfalls=financing.shortfalls | {flag})
    return replace(financing, sources=sources.set(funding, source), receipts=receipts)


def cleared(financing: Financing, flags: tuple[FlagId, ...]) -> Financing:
    """The financing once these flags no longer stand."""
    gone = set(flags)
    sources = financing.sources
    for funding, source in financing.sources.items():
        if gone.isdisjoint(source.early) and gone.isdisjoint(source.beyond):
            continue
        early = Map({flag: receipt for flag, receipt in source.early.items() if flag not in gone})
        beyond = Map({flag: receipt for flag, receipt in source.beyond.items() if flag not in gone})
        sources = sources.set(funding, replace(source, early=early, beyond=beyond))
    return replace(financing, sources=sources, shortfalls=financing.shortfalls - gone)


def existing(financing: Financing, funding: FundingId) -> FundingSource:
    """The source of that number, or the refusal that there is none."""
    source = financing.sources.get(funding)
    if source is None:
        raise SourceIsMissing(funding)
    return source


def _live(financing: Financing, funding: FundingId) -> FundingSource:
    source = existing(financing, funding)
    if source.state is FundingState.WITHDRAWN:
        raise SourceIsWithdrawn(funding)
    return source


def _in_base(amount: Money, rate: ExchangeRate | None, base: Currency) -> Money:
    try:
        return converted(amount, rate, base)
    except ValueError:
        raise RateDoesNotConvert(amount, rate, base) from None


def _no_circle(financing: Financing, funding: FundingId, against: FundingId) -> None:
    rests_on: FundingId | None = against
    while rests_on is not None:
        if rests_on == funding:
            raise LoanGoesInACircle(funding, against)
        rests_on = financing.sources[rests_on].terms.lent_against


def with_receipts(state: FundingState, received: Decimal, committed: Decimal) -> FundingState:
    """Closed, partly funded or funded, by what has come in; other states stay."""
    if state not in AT_LEAST_CLOSED:
        return state
    if received >= committed:
        return FundingState.FUNDED
    return FundingState.PARTLY_FUNDED if received else FundingState.CLOSED


def beyond_commitment(
    receipt: ReceiptId | None, funding: FundingId, committed: Money, received: Decimal, flags: Iterator[FlagId]
) -> ReceiptBeyondCommitment:
    """The flag that more came in than is promised."""
    over = Money(received - committed.amount, committed.currency)
    came_in = Money(received, committed.currency)
    return ReceiptBeyondCommitment(next(flags), receipt, funding, committed, came_in, over)


def _covered(
    financing: Financing, change: FundingCommitted | FundingAmended, to_cover: ToCover | None
) -> tuple[FlagId, ...]:
    """The flags on the cover, if after the change it is enough for the budget in force."""
    if to_cover is None or not financing.shortfalls:
        return ()
    enough = evolve(financing, change).committed_cover() >= to_cover.total.amount
    return by_number(financing.shortfalls) if enough else ()


def _cover_reduced(
    financing: Financing,
    change: FundingAmended | FundingWithdrawn,
    to_cover: ToCover | None,
    flags: Iterator[FlagId],
) -> list[CoverReduced]:
    before, after = financing.committed_cover(), evolve(financing, change).committed_cover()
    if to_cover is None or min(after, to_cover.total.amount) >= min(before, to_cover.total.amount):
        return []  # what there was beyond the budget covered nothing of it
    currency = to_cover.total.currency
    return [
        CoverReduced(
            flag=next(flags),
            funding=change.funding,
            budget=to_cover.budget,
            total=to_cover.total,
            cover_before=Money(exact(before, currency), currency),
            cover_after=Money(exact(after, currency), currency),
        )
    ]
