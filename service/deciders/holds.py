"""What is held: what decisions remember of requisitions and commitments, and what becomes of it with each fact.

Their rules (O1 to O6) stand in `control` and `commitment`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from immutables import Map

from events.commitment import (
    LIVE,
    AmendmentSubmitted,
    CommitmentAmended,
    CommitmentCancelled,
    CommitmentClosed,
    CommitmentDrafted,
    CommitmentEvent,
    CommitmentExceeded,
    CommitmentLine,
    CommitmentOpened,
    CommitmentRelieved,
    CommitmentReopened,
    CommitmentState,
    CommitmentSubmitted,
    Hold,
    ReliefReversed,
    RequisitionRaised,
    RequisitionWithdrawn,
)
from events.envelope import Metadata
from events.ids import AccountCode, CommitmentId, FlagId, PersonId, RequisitionId, SpendId
from events.money import Money

K = TypeVar("K")

NOTHING = Decimal(0)

Amounts = Map[AccountCode, Decimal]


@dataclass(frozen=True, slots=True)
class Requisition:
    """What decisions remember of a requisition."""

    #: What it still holds.
    left: Amounts
    raised_by: frozenset[PersonId]
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Commitment:
    """What decisions remember of a commitment."""

    drafted: CommitmentDrafted
    state: CommitmentState
    #: What was promised, account by account: in its currency, and in base currency.
    amounts: Amounts
    base: Amounts
    #: What was invoiced of it.
    relieved: Amounts = Map()
    relieved_base: Amounts = Map()
    #: By entry, what it relieved.
    reliefs: Map[SpendId, CommitmentRelieved] = Map()
    #: What it took over from its requisition while it is pending.
    taken: tuple[Hold, ...] = ()
    #: The amendment that waits for its approval, and whether somebody let it pass.
    amendment: AmendmentSubmitted | None = None
    overridden: bool = False
    #: Who drafted, amended or submitted it.
    makers: frozenset[PersonId] = frozenset()

    @property
    def total(self) -> Money:
        """What was promised, in its currency."""
        return Money(sum(self.amounts.values(), NOTHING), self.drafted.currency)

    @property
    def balance(self) -> Mapping[AccountCode, Decimal]:
        """What is left of it, account by account, in its currency."""
        return {account: amount - self.relieved.get(account, NOTHING) for account, amount in self.amounts.items()}

    @property
    def base_balance(self) -> Mapping[AccountCode, Decimal]:
        """The same in base currency; nothing is left of what was invoiced whole, whatever it was rounded to."""
        left, relieved = self.balance, self.relieved_base.get
        rest = {account: max(amount - relieved(account, NOTHING), NOTHING) for account, amount in self.base.items()}
        return {account: amount if left[account] else NOTHING for account, amount in rest.items()}

    @property
    def holds(self) -> Mapping[AccountCode, Decimal]:
        """What is taken of what is available, in base currency: with what a pending amendment adds."""
        if self.state is CommitmentState.PENDING:
            return dict(self.base)
        if self.state not in LIVE:
            return {}
        held = dict(self.base_balance)
        for each in self.amendment.holds if self.amendment else ():
            held[each.account] = held.get(each.account, NOTHING) + each.amount
        return held


@dataclass(frozen=True, slots=True)
class Commitments:
    """The commitments and requisitions of a production, and what they hold."""

    requisitions: Map[RequisitionId, Requisition] = Map()
    known: Map[CommitmentId, Commitment] = Map()
    #: What is held of each account, in base currency.
    requisitioned: Amounts = Map()
    committed: Amounts = Map()
    #: Which commitment an entry relieved.
    of_spend: Map[SpendId, CommitmentId] = Map()
    #: The flags that stand, with their entries.
    exceeded: Map[FlagId, SpendId] = Map()

    def held_on(self, account: AccountCode) -> Decimal:
        """What is committed on an account, and not invoiced yet."""
        return self.committed.get(account, NOTHING)


def evolve(commitments: Commitments, event: CommitmentEvent, metadata: Metadata) -> Commitments:
    """The commitments after the event."""
    match event:
        case RequisitionRaised(requisition, lines):
            left = Map(sums((line.account, line.amount) for line in lines))
            return replace(
                commitments,
                requisitions=commitments.requisitions.set(requisition, Requisition(left, metadata.persons)),
                requisitioned=added(commitments.requisitioned, left),
            )
        case RequisitionWithdrawn(requisition, released):
            withdrawn = replace(commitments.requisitions[requisition], left=Map(), withdrawn=True)
            return replace(
                commitments,
                requisitions=commitments.requisitions.set(requisition, withdrawn),
                requisitioned=less(commitments.requisitioned, by_account(released)),
            )
        case CommitmentDrafted(commitment):
            before = commitments.known.get(commitment)
            makers = metadata.persons if before is None else before.makers | metadata.persons
            if event.requisition is not None:
                makers |= commitments.requisitions[event.requisition].raised_by
            return _with(commitments, commitment, _promised(_new(event, makers), event.lines))
        case CommitmentSubmitted(commitment):
            found = commitments.known[commitment]
            overridden = any(each.overridden for each in event.beyond)
            found = replace(
                found,
                state=CommitmentState.PENDING,
                taken=event.takes_over,
                overridden=overridden,
                makers=found.makers | metadata.persons,
            )
            return _with(_taken_over(commitments, found, -1), commitment, found)
        case AmendmentSubmitted(commitment):
            found = commitments.known[commitment]
            overridden = any(each.overridden for each in event.beyond)
            makers = found.makers | metadata.persons
            return _with(commitments, commitment, replace(found, amendment=event, overridden=overridden, makers=makers))
        case CommitmentOpened(commitment):
            found = commitments.known[commitment]
            return _with(commitments, commitment, replace(found, state=CommitmentState.OPEN, taken=()))
        case CommitmentAmended(commitment, lines, state=state):
            found = _promised(commitments.known[commitment], lines)
            return _with(commitments, commitment, replace(found, state=state, amendment=None))
        case CommitmentRelieved() | ReliefReversed():
            return _with_relief(commitments, event)
        case CommitmentExceeded(flag, spend=spend):
            return replace(commitments, exceeded=commitments.exceeded.set(flag, spend))
        case CommitmentCancelled(commitment):
            found = commitments.known[commitment]
            if found.state is CommitmentState.PENDING:  # it never took over for good
                commitments = _taken_over(commitments, found, 1)
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
    if found.amendment is not None:
        return _with(commitments, commitment, replace(found, amendment=None))
    if found.state is not CommitmentState.PENDING:
        return commitments
    draft = replace(found, state=CommitmentState.DRAFT, taken=())
    return _with(_taken_over(commitments, found, 1), commitment, draft)


def cleared(commitments: Commitments, flags: tuple[FlagId, ...]) -> Commitments:
    """The commitments once these flags no longer stand."""
    for flag in set(flags).intersection(commitments.exceeded):
        commitments = replace(commitments, exceeded=commitments.exceeded.delete(flag))
    return commitments


def _new(drafted: CommitmentDrafted, makers: frozenset[PersonId]) -> Commitment:
    return Commitment(drafted, CommitmentState.DRAFT, Map(), Map(), makers=makers)


def _promised(found: Commitment, lines: tuple[CommitmentLine, ...]) -> Commitment:
    """The commitment with other lines."""
    total = Money(sum((line.amount for line in lines), NOTHING), found.drafted.currency)
    base_total = Money(sum((line.base_amount for line in lines), NOTHING), found.drafted.base_total.currency)
    return replace(
        found,
        drafted=replace(found.drafted, lines=lines, total=total, base_total=base_total),
        amounts=Map(sums((line.account, line.amount) for line in lines)),
        base=Map(sums((line.account, line.base_amount) for line in lines)),
    )


def _with_relief(commitments: Commitments, event: CommitmentRelieved | ReliefReversed) -> Commitments:
    found = commitments.known[event.commitment]
    amounts = by_account(event.amounts)
    if isinstance(event, CommitmentRelieved):
        based = by_account(event.relieved)
        relieved, relieved_base = added(found.relieved, amounts), added(found.relieved_base, based)
        reliefs = found.reliefs.set(event.spend, event)
        of_spend = commitments.of_spend.set(event.spend, event.commitment)
    else:
        based = by_account(event.restored)
        relieved, relieved_base = less(found.relieved, amounts), less(found.relieved_base, based)
        reliefs = found.reliefs.delete(event.spend)
        of_spend = commitments.of_spend.delete(event.spend)
    found = replace(found, state=event.state, relieved=relieved, relieved_base=relieved_base, reliefs=reliefs)
    return _with(replace(commitments, of_spend=of_spend), event.commitment, found)


def _with(commitments: Commitments, commitment: CommitmentId, found: Commitment) -> Commitments:
    """The commitments with one that holds something else now."""
    before = commitments.known.get(commitment)
    committed = commitments.committed if before is None else less(commitments.committed, before.holds)
    return replace(commitments, known=commitments.known.set(commitment, found), committed=added(committed, found.holds))


def _taken_over(commitments: Commitments, found: Commitment, sign: int) -> Commitments:
    """The commitments with what one takes over from its requisition, or gives back to it."""
    requisition, taken = found.drafted.requisition, by_account(found.taken)
    if requisition is None or not taken:
        return commitments
    source = commitments.requisitions[requisition]
    if source.withdrawn and sign > 0:
        return commitments  # nothing is held for it any more
    move = added if sign > 0 else less
    return replace(
        commitments,
        requisitions=commitments.requisitions.set(requisition, replace(source, left=move(source.left, taken))),
        requisitioned=move(commitments.requisitioned, taken),
    )


def state_of(amounts: Mapping[AccountCode, Decimal], relieved: Mapping[AccountCode, Decimal]) -> CommitmentState:
    """How what was promised stands, by what was invoiced of it, both in its currency."""
    done = sum(relieved.values(), NOTHING)
    if not done:
        return CommitmentState.OPEN
    return CommitmentState.RELIEVED if done == sum(amounts.values(), NOTHING) else CommitmentState.PARTLY_RELIEVED


def sums(amounts: Iterable[tuple[K, Decimal]]) -> dict[K, Decimal]:
    """By account, or whatever they are of, in the order in which they come first."""
    sums: dict[K, Decimal] = {}
    for account, amount in amounts:
        sums[account] = sums.get(account, NOTHING) + amount
    return sums


def holding(amounts: Mapping[AccountCode, Decimal]) -> tuple[Hold, ...]:
    """The accounts of which something is held, in the order of their codes."""
    return tuple(Hold(account, amounts[account]) for account in sorted(amounts) if amounts[account])


def by_account(held: Iterable[Hold]) -> dict[AccountCode, Decimal]:
    """What a fact says is held."""
    return {each.account: each.amount for each in held}


def added(amounts: Amounts, more: Mapping[AccountCode, Decimal]) -> Amounts:
    """The amounts with more of each account."""
    for account, amount in more.items():
        amounts = amounts.set(account, amounts.get(account, NOTHING) + amount)
    return amounts


def less(amounts: Amounts, taken: Mapping[AccountCode, Decimal]) -> Amounts:
    """The amounts with so much less of each account."""
    return added(amounts, {account: -amount for account, amount in taken.items()})
