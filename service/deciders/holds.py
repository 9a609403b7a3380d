"""What is held: what decisions remember of requisitions and commitments, and what becomes of it with each fact.

Their rules (O1 to O6) stand in `control` and `commitment`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from immutables import Map

from events.commitment import (
    AmendmentSubmitted,
    CommitmentAmended,
    CommitmentCancelled,
    CommitmentClosed,
    CommitmentDrafted,
    CommitmentEvent,
    CommitmentExceeded,
    CommitmentOpened,
    CommitmentRelieved,
    CommitmentReopened,
    CommitmentState,
    CommitmentSubmitted,
    Hold,
    InvoicedByAnother,
    ReliefReversed,
    RequisitionRaised,
    RequisitionWithdrawn,
)
from events.envelope import Metadata
from events.ids import AccountCode, CommitmentId, FlagId, PersonId, RequisitionId, RoundId, SpendId, by_number
from events.money import Money
from events.relief import NOTHING, Excess, Promise, Relief, added, held, sums

Amounts = Map[AccountCode, Decimal]


@dataclass(frozen=True, slots=True)
class Requisition:
    """What decisions remember of a requisition."""

    #: What it still holds.
    left: Amounts
    raised_by: frozenset[PersonId]
    #: Whether somebody let it pass.
    overridden: bool = False
    withdrawn: bool = False
    #: The round in which it was refused.
    refused: RoundId | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """What decisions remember of an entry that is for a commitment."""

    relief: Relief = Relief({}, {})
    #: What it is beyond what was left.
    excess: Excess | None = None
    #: The flags that stand because of it.
    flags: frozenset[FlagId] = frozenset()


@dataclass(frozen=True, slots=True)
class Commitment:
    """What decisions remember of a commitment."""

    drafted: CommitmentDrafted
    state: CommitmentState
    promise: Promise
    #: The entries that are for it.
    invoices: Map[SpendId, Invoice] = Map()
    #: What it took over from its requisition, as long as that may have to be given back.
    taken: tuple[Hold, ...] = ()
    #: The amendment that waits for its approval, and whether somebody let it pass.
    amendment: AmendmentSubmitted | None = None
    overridden: bool = False
    #: Who drafted, amended or submitted it.
    makers: frozenset[PersonId] = frozenset()

    @property
    def total(self) -> Money:
        """What was promised, in its currency."""
        return Money(sum(self.promise.amounts.values(), NOTHING), self.drafted.currency)

    @property
    def excess(self) -> dict[SpendId, Excess]:
        """By entry, in their order, what was invoiced beyond it."""
        beyond = {spend: invoice.excess for spend, invoice in self.invoices.items() if invoice.excess is not None}
        return {spend: beyond[spend] for spend in by_number(beyond)}

    @property
    def holds(self) -> Mapping[AccountCode, Decimal]:
        """What is taken of what is available, in base currency: with what a pending amendment adds."""
        amended = None if self.amendment is None else self.promise.amended(self.amendment.lines)
        return held(self.state, self.promise, amended, self.excess.values())

    @property
    def asks_for(self) -> Mapping[AccountCode, Decimal]:
        """What it would take, once it is approved, beside what it holds for good and what it takes over."""
        stands = {} if self.state is CommitmentState.PENDING else self.promise.base_left
        taken = by_account(self.taken)
        return {
            code: amount - stands.get(code, NOTHING) - taken.get(code, NOTHING) for code, amount in self.holds.items()
        }


@dataclass(frozen=True, slots=True)
class Commitments:
    """The commitments and requisitions of a production, and what they hold."""

    requisitions: Map[RequisitionId, Requisition] = Map()
    known: Map[CommitmentId, Commitment] = Map()
    #: What is held of each account, in base currency.
    requisitioned: Amounts = Map()
    committed: Amounts = Map()
    #: Which commitment an entry is for.
    of_spend: Map[SpendId, CommitmentId] = Map()
    #: The flags that stand, with their entries.
    flagged: Map[FlagId, SpendId] = Map()

    def held_on(self, account: AccountCode) -> Decimal:
        """What is committed on an account, and not invoiced yet."""
        return self.committed.get(account, NOTHING)

    def taken_of(self, account: AccountCode) -> Decimal:
        """What is committed and requisitioned of an account."""
        return self.held_on(account) + self.requisitioned.get(account, NOTHING)

    def of(self, spend: SpendId) -> Commitment | None:
        """What an entry is for."""
        commitment = self.of_spend.get(spend)
        return None if commitment is None else self.known[commitment]

    def flags_of(self, spend: SpendId) -> frozenset[FlagId]:
        """The flags that fall with an entry that is taken back."""
        found = self.of(spend)
        return frozenset() if found is None else found.invoices[spend].flags


def evolve(commitments: Commitments, event: CommitmentEvent, metadata: Metadata) -> Commitments:
    """The commitments after the event."""
    match event:
        case RequisitionRaised(requisition, lines, beyond=beyond):
            left = Map(sums((line.account, line.amount) for line in lines))
            raised = Requisition(left, metadata.persons, any(each.overridden for each in beyond))
            return replace(
                commitments,
                requisitions=commitments.requisitions.set(requisition, raised),
                requisitioned=_more(commitments.requisitioned, left),
            )
        case RequisitionWithdrawn(requisition, released):
            withdrawn = replace(commitments.requisitions[requisition], left=Map(), withdrawn=True)
            return replace(
                commitments,
                requisitions=commitments.requisitions.set(requisition, withdrawn),
                requisitioned=_less(commitments.requisitioned, by_account(released)),
            )
        case CommitmentDrafted(commitment):
            before = commitments.known.get(commitment)
            makers = metadata.persons if before is None else before.makers | metadata.persons
            if event.requisition is not None:
                makers |= commitments.requisitions[event.requisition].raised_by
            promise = Promise.of(event.currency, event.lines, {}, {})
            invoices = Map() if before is None else before.invoices
            drafted = Commitment(event, CommitmentState.DRAFT, promise, invoices, makers=makers)
            return _with(commitments, commitment, drafted)
        case CommitmentSubmitted(commitment) | AmendmentSubmitted(commitment):
            found = commitments.known[commitment]
            found = replace(
                found,
                taken=event.takes_over,
                overridden=any(each.overridden for each in event.beyond),
                makers=found.makers | metadata.persons,
            )
            if isinstance(event, CommitmentSubmitted):
                found = replace(found, state=CommitmentState.PENDING)
            else:
                found = replace(found, amendment=event)
            return _with(_taken_over(commitments, found, -1), commitment, found)
        case CommitmentOpened(commitment):
            found = commitments.known[commitment]
            return _with(commitments, commitment, replace(found, state=CommitmentState.OPEN, taken=()))
        case CommitmentAmended(commitment, lines, total, base_total, state=state):
            found = commitments.known[commitment]
            now = replace(found.drafted, lines=lines, total=total, base_total=base_total)
            promise = found.promise.amended(lines)
            found = replace(found, drafted=now, promise=promise, state=state, amendment=None, taken=())
            return _with(commitments, commitment, found)
        case CommitmentRelieved() | CommitmentExceeded() | InvoicedByAnother() | ReliefReversed():
            return _invoiced(commitments, event)
        case CommitmentCancelled(commitment):
            found = commitments.known[commitment]
            commitments = _taken_over(commitments, found, 1)  # what waited never took over for good
            cancelled = replace(found, state=CommitmentState.CANCELLED, amendment=None, taken=())
            return _with(commitments, commitment, cancelled)
        case CommitmentClosed(commitment):
            closed = replace(commitments.known[commitment], state=CommitmentState.CLOSED_SHORT)
            return _with(commitments, commitment, closed)
        case CommitmentReopened(commitment, state=state):
            return _with(commitments, commitment, replace(commitments.known[commitment], state=state))


def turned_down(commitments: Commitments, commitment: CommitmentId) -> Commitments:
    """O4: what was asked for is not granted: a draft again, or without its amendment; its requisition holds again."""
    found = commitments.known[commitment]
    if found.amendment is None and found.state is not CommitmentState.PENDING:
        return commitments
    state = CommitmentState.DRAFT if found.state is CommitmentState.PENDING else found.state
    before = replace(found, state=state, amendment=None, taken=())
    return _with(_taken_over(commitments, found, 1), commitment, before)


def not_granted(commitments: Commitments, requisition: RequisitionId, refused: RoundId | None) -> Commitments:
    """O8: what was asked for is not granted, and holds nothing any more.

    Args:
        refused: in which round; None where it was taken back.
    """
    found = commitments.requisitions[requisition]
    ended = replace(found, left=Map(), withdrawn=refused is None, refused=refused)
    if found.withdrawn:
        return commitments
    return replace(
        commitments,
        requisitions=commitments.requisitions.set(requisition, ended),
        requisitioned=_less(commitments.requisitioned, found.left),
    )


def cleared(commitments: Commitments, flags: tuple[FlagId, ...]) -> Commitments:
    """The commitments once these flags no longer stand: what is beyond what was left is so as long as its flag."""
    for flag in set(flags).intersection(commitments.flagged):
        spend = commitments.flagged[flag]
        commitment = commitments.of_spend[spend]
        invoice = (found := commitments.known[commitment]).invoices[spend]
        stands = None if invoice.excess is None or invoice.excess.flag == flag else invoice.excess
        invoice = replace(invoice, excess=stands, flags=invoice.flags - {flag})
        found = replace(found, invoices=found.invoices.set(spend, invoice))
        commitments = _with(replace(commitments, flagged=commitments.flagged.delete(flag)), commitment, found)
    return commitments


def relieved_by(found: Commitment, spend: SpendId, relief: Relief) -> Commitment:
    """The commitment with what an entry relieves of it, beside what it relieved before."""
    invoice = found.invoices.get(spend, Invoice())
    before = invoice.relief
    both = Relief(added(before.amounts, relief.amounts), added(before.base, relief.base))
    invoices = found.invoices.set(spend, replace(invoice, relief=both))
    return replace(found, promise=found.promise.relieved_by(relief), invoices=invoices)


def without(found: Commitment, spend: SpendId) -> Commitment:
    """The commitment without what an entry relieves of it."""
    relief = found.invoices[spend].relief
    promise = found.promise.relieved_by(Relief(negative(relief.amounts), negative(relief.base)))
    return replace(found, promise=promise, invoices=found.invoices.delete(spend))


def _invoiced(
    commitments: Commitments, event: CommitmentRelieved | CommitmentExceeded | InvoicedByAnother | ReliefReversed
) -> Commitments:
    commitment, spend = event.commitment, event.spend
    found, of_spend, flagged = commitments.known[commitment], commitments.of_spend, commitments.flagged
    match event:
        case CommitmentRelieved(relieved=relieved, amounts=amounts, state=state):
            relief = Relief(by_account(amounts), by_account(relieved))
            found = replace(relieved_by(found, spend, relief), state=state)
        case ReliefReversed(state=state):
            found = replace(without(found, spend), state=state)
            gone = replace(commitments, of_spend=of_spend.delete(spend))
            return _with(gone, commitment, found)
        case CommitmentExceeded() | InvoicedByAnother():
            invoice = found.invoices.get(spend, Invoice())
            invoice = replace(invoice, flags=invoice.flags | {event.flag})
            if isinstance(event, CommitmentExceeded):
                invoice = replace(invoice, excess=Excess(event.flag, event.account, event.excess))
            found = replace(found, invoices=found.invoices.set(spend, invoice))
            flagged = flagged.set(event.flag, spend)
    known = replace(commitments, of_spend=of_spend.set(spend, commitment), flagged=flagged)
    return _with(known, commitment, found)


def _with(commitments: Commitments, commitment: CommitmentId, found: Commitment) -> Commitments:
    """The commitments with one that holds something else now."""
    before = commitments.known.get(commitment)
    committed = commitments.committed if before is None else _less(commitments.committed, before.holds)
    return replace(commitments, known=commitments.known.set(commitment, found), committed=_more(committed, found.holds))


def _taken_over(commitments: Commitments, found: Commitment, sign: int) -> Commitments:
    """The commitments with what one takes over from its requisition, or gives back to it."""
    requisition, taken = found.drafted.requisition, by_account(found.taken)
    if requisition is None or not taken:
        return commitments
    source = commitments.requisitions[requisition]
    if source.withdrawn and sign > 0:
        return commitments  # nothing is held for it any more
    move = _more if sign > 0 else _less
    return replace(
        commitments,
        requisitions=commitments.requisitions.set(requisition, replace(source, left=move(source.left, taken))),
        requisitioned=move(commitments.requisitioned, taken),
    )


def holding(amounts: Mapping[AccountCode, Decimal]) -> tuple[Hold, ...]:
    """The accounts of which something is held, in the order of their codes."""
    return tuple(Hold(account, amounts[account]) for account in sorted(amounts) if amounts[account])


def by_account(held: Iterable[Hold]) -> dict[AccountCode, Decimal]:
    """What a fact says is held."""
    return {each.account: each.amount for each in held}


def negative(amounts: Mapping[AccountCode, Decimal]) -> dict[AccountCode, Decimal]:
    """The same amounts taken away."""
    return {account: -amount for account, amount in amounts.items()}


def _more(amounts: Amounts, more: Mapping[AccountCode, Decimal]) -> Amounts:
    for account, amount in more.items():
        amounts = amounts.set(account, amounts.get(account, NOTHING) + amount)
    return amounts


def _less(amounts: Amounts, taken: Mapping[AccountCode, Decimal]) -> Amounts:
    return _more(amounts, negative(taken))
