"""Where does the money come from, how firm is it, and does it cover the budget?

Moved by: everything about sources and receipts; the budget that is set or comes into force, and the overages that
are approved beside it and carried by sources, since that is what has to be covered.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, Field

from events.approval import BudgetApproved
from events.budget import BudgetDrafted
from events.change import OverageApproved
from events.envelope import Recorded
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
    free_to_carry,
)
from events.ids import BudgetId, FundingId, PersonId, ReceiptId, StreamId
from events.money import Amount, ExchangeRate, Money
from events.production import ProductionOpened

from .projection import Projection, Rows, kind


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source."""

    stream_id: StreamId
    number: int
    terms: FundingTerms
    state: FundingState
    document: str | None
    #: In the source's currency.
    received: Decimal
    #: In base currency.
    credited: Decimal
    bank_charges: Decimal
    #: In base currency: of the overages beside the version in force.
    carries: Decimal


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt."""

    stream_id: StreamId
    number: int
    funding: str
    amount: Money
    credited: Decimal
    bank_charges: Decimal
    value_on: date
    posted_on: date
    bank_reference: str
    reversed_on: date | None


@dataclass(frozen=True, slots=True)
class ToCoverRow:
    """What has to be covered: the budget in force, else the latest version."""

    stream_id: StreamId
    currency: str
    budget: str | None
    in_force: bool
    #: The version's grand total.
    total: Decimal | None
    #: That, and the overages approved beside it.
    total_budget: Decimal | None


KINDS = (
    kind("funding_sources", SourceRow, "stream_id", "number"),
    kind("funding_receipts", ReceiptRow, "stream_id", "number"),
    kind("funding_to_cover", ToCoverRow, "stream_id"),
)

Reads = ProductionOpened | FinancingEvent | BudgetDrafted | BudgetApproved | OverageApproved


def fold(rows: Rows, recorded: Recorded[Reads]) -> None:
    """The rows after the event."""
    stream, event = recorded.stream_id, recorded.event
    match event:
        case ProductionOpened(currency=currency):
            rows.put(ToCoverRow(stream, currency, None, in_force=False, total=None, total_budget=None))
        case BudgetDrafted(budget=budget, totals=totals):
            to_cover = rows.one(ToCoverRow, stream)
            if not to_cover.in_force:
                total = totals.grand_total
                rows.put(replace(to_cover, budget=budget, total=total, total_budget=total))
        case BudgetApproved(budget=budget, total=Money(amount=total)):
            to_cover = rows.one(ToCoverRow, stream)
            rows.put(replace(to_cover, budget=budget, in_force=True, total=total, total_budget=total))
            for source in rows.of(SourceRow, stream):
                if source.carries:
                    rows.put(replace(source, carries=source.carries * 0))
        case OverageApproved(amount=amount, funding=funding, total_budget=total_budget):
            rows.put(replace(rows.one(ToCoverRow, stream), total_budget=total_budget.amount))
            _change(
                rows, stream, funding, carries=rows.one(SourceRow, stream, _number(funding)).carries + amount.amount
            )
        case FundingSourceIdentified(funding, terms):
            zero, base_zero = terms.amount.amount * 0, terms.base_amount.amount * 0
            number = _number(funding)
            nothing_yet = (zero, base_zero, base_zero, base_zero)
            rows.put(SourceRow(stream, number, terms, FundingState.IDENTIFIED, None, *nothing_yet))
        case LetterOfIntentRecorded(funding, document):
            _change(rows, stream, funding, state=FundingState.SOFT_COMMITTED, document=document)
        case FundingCommitted(funding, document):
            _change(rows, stream, funding, state=FundingState.COMMITTED, document=document)
        case FundingAmended(funding, after=after, state=state):
            _change(rows, stream, funding, terms=after, state=state)
        case FundingClosed(funding, state=state):
            _change(rows, stream, funding, state=state)
        case FundingWithdrawn(funding):
            _change(rows, stream, funding, state=FundingState.WITHDRAWN)
        case FundsReceived():
            rows.put(
                ReceiptRow(
                    stream_id=stream,
                    number=int(event.receipt.removeprefix("R-")),
                    funding=event.funding,
                    amount=event.amount,
                    credited=event.credited.amount,
                    bank_charges=event.bank_charges.amount,
                    value_on=event.value_on,
                    posted_on=event.posted_on,
                    bank_reference=event.bank_reference,
                    reversed_on=None,
                )
            )
            _receive(rows, stream, event, 1)
        case FundsReceiptReversed(receipt, posted_on=posted_on):
            row = rows.one(ReceiptRow, stream, int(receipt.removeprefix("R-")))
            rows.put(replace(row, reversed_on=posted_on))
            _receive(rows, stream, event, -1)
        case ReceiptBeforeClosing() | ReceiptBeyondCommitment() | CoverReduced():
            pass  # flags have a view of their own


def _number(funding: FundingId) -> int:
    return int(funding.removeprefix("F-"))


def _change(rows: Rows, stream: StreamId, funding: FundingId, **changes: Any) -> None:
    rows.put(replace(rows.one(SourceRow, stream, _number(funding)), **changes))


def _receive(rows: Rows, stream: StreamId, event: FundsReceived | FundsReceiptReversed, sign: int) -> None:
    row = rows.one(SourceRow, stream, _number(event.funding))
    rows.put(
        replace(
            row,
            state=event.state,
            received=row.received + sign * event.amount.amount,
            credited=row.credited + sign * event.credited.amount,
            bank_charges=row.bank_charges + sign * event.bank_charges.amount,
        )
    )


PROJECTION = Projection("funding", frozenset(get_args(Reads)), 2, KINDS, fold)


class SourceView(BaseModel):
    """A source; received is in its own currency, all else in base currency unless it says so."""

    funding: FundingId
    kind: FundingKind
    state: FundingState
    secured: bool = Field(description="Committed, closed or received: a binding promise stands.")
    party: str
    holder: PersonId | None
    document: str | None
    amount: Money
    budget_rate: ExchangeRate | None
    base_amount: Amount
    received: Money
    credited: Amount
    bank_charges: Amount
    carries: Amount = Field(description="Of the overages approved beside the budget in force.")
    free: Amount | None = Field(
        description="What it may carry of a further overage: of committed cash, what neither the total budget nor an"
        " earlier overage needs. None while no budget is in force."
    )
    lent_against: FundingId | None
    expected_on: list[date]


class ReceiptView(BaseModel):
    """A receipt."""

    receipt: ReceiptId
    funding: FundingId
    amount: Money
    credited: Amount
    bank_charges: Amount
    value_on: date
    posted_on: date
    bank_reference: str
    reversed_on: date | None


class Cover(BaseModel):
    """Cover of the budget on one basis; a source lent against another counts once."""

    basis: str = Field(description="`committed`, `closed` or `received`; each includes what is firmer.")
    cash: Amount
    deferments: Amount
    in_kind: Amount
    gap: Amount | None = Field(description="Total less cash; negative when there is more cash than the total budget.")


class Funding(BaseModel):
    """The finance plan against the budget."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    currency: str
    budget: BudgetId | None = Field(description="The version to cover: the one in force, else the latest.")
    in_force: bool
    total: Amount | None = Field(description="The total budget: of that version, and the overages approved beside it.")
    cover: list[Cover]
    sources: list[SourceView]
    receipts: list[ReceiptView]


def view(rows: Rows, stream: StreamId, version: int, position: int) -> Funding:
    """The answer from the rows."""
    to_cover = rows.one(ToCoverRow, stream)
    sources, total = rows.of(SourceRow, stream), to_cover.total_budget
    cover = covered(rows, stream, total)
    needed = total if to_cover.in_force else None
    return Funding(
        production=stream,
        version=version,
        position=position,
        currency=to_cover.currency,
        budget=to_cover.budget,
        in_force=to_cover.in_force,
        total=total,
        cover=cover,
        sources=[_source(row, None if needed is None else _free(row, cover[0].cash, needed)) for row in sources],
        receipts=[_receipt(row) for row in rows.of(ReceiptRow, stream)],
    )


def covered(rows: Rows, stream: StreamId, total: Decimal | None = None) -> list[Cover]:
    """What the sources bring on each basis, against what there is to cover."""
    return [_cover(basis, rows.of(SourceRow, stream), total) for basis in ("committed", "closed", "received")]


def _on_basis(basis: str, row: SourceRow) -> Decimal:
    """What the source brings on a basis, in base currency, before loans are counted once."""
    promised = row.terms.base_amount.amount
    match basis:
        case "committed":
            return promised if row.state in AT_LEAST_COMMITTED else promised * 0
        case "closed":
            return promised if row.state in AT_LEAST_CLOSED else promised * 0
        case _:
            return row.credited


def _cover(basis: str, sources: list[SourceRow], total: Decimal | None) -> Cover:
    brings = {f"F-{row.number}": _on_basis(basis, row) for row in sources}
    borrowed = {f"F-{row.number}": borrowed_from(row.terms.kind, row.terms.lent_against) for row in sources}
    counted = counted_once(brings, borrowed)
    zero = Decimal(0) if total is None else total * 0

    def of(*kinds: FundingKind) -> Decimal:
        return sum((counted[f"F-{row.number}"] for row in sources if row.terms.kind in kinds), zero)

    cash = of(*(set(FundingKind) - NOT_CASH))
    return Cover(
        basis=basis,
        cash=cash,
        deferments=of(FundingKind.DEFERMENT),
        in_kind=of(FundingKind.IN_KIND),
        gap=None if total is None else total - cash,
    )


def _free(row: SourceRow, committed: Decimal, total_budget: Decimal) -> Decimal:
    promised = row.terms.base_amount.amount
    if row.state not in AT_LEAST_COMMITTED or row.terms.kind in NOT_CASH:
        return promised * 0
    return free_to_carry(committed, total_budget, promised, row.carries)


def _source(row: SourceRow, free: Decimal | None) -> SourceView:
    terms = row.terms
    return SourceView(
        funding=f"F-{row.number}",
        kind=terms.kind,
        state=row.state,
        secured=row.state in AT_LEAST_COMMITTED,
        party=terms.party,
        holder=terms.holder,
        document=row.document,
        amount=terms.amount,
        budget_rate=terms.budget_rate,
        base_amount=terms.base_amount.amount,
        received=Money(row.received, terms.amount.currency),
        credited=row.credited,
        bank_charges=row.bank_charges,
        carries=row.carries,
        free=free,
        lent_against=terms.lent_against,
        expected_on=list(terms.expected_on),
    )


def _receipt(row: ReceiptRow) -> ReceiptView:
    return ReceiptView(
        receipt=f"R-{row.number}",
        funding=row.funding,
        amount=row.amount,
        credited=row.credited,
        bank_charges=row.bank_charges,
        value_on=row.value_on,
        posted_on=row.posted_on,
        bank_reference=row.bank_reference,
        reversed_on=row.reversed_on,
    )
