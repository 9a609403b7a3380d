"""Commitments: money that is promised, and requisitions: money that is asked to be promised.

requisition  pending -> open -> ordered; pending -> refused; all but what is ordered or refused -> withdrawn
commitment   draft -> pending -> open -> partly relieved -> relieved
             any of them -> cancelled; open, partly relieved -> closed short -> reopened

O1  (`control`) Whatever holds more goes through the over-budget control: raising a requisition, submitting, amending
    up, reopening; and once more when it is approved.
O3  A commitment takes over what its requisition holds of the same accounts, an invoice what its commitment holds: what
    is available moves by what is beyond that alone.
O4  A draft may be written anew, holds nothing, and is promised once it was submitted and approved. What comes to more,
    to other accounts or to something else is approved again, and the old lines count until then; what comes to less is
    not. Whoever raised its requisition, drafted, amended or submitted it does not approve it.
O5  An entry relieves what was promised on its own account first, then the others by their codes; what it is beyond them
    is flagged, and relieves what there is more of later. Taken back, it restores what it relieved; recoded, it relieves
    anew. No commitment comes to less than what was invoiced for it.
O6  What is cancelled or closed short releases what is left; what was closed short may be reopened.
O9  What is promised in another currency is measured at the rate that it was drafted with, and that is no more than a
    tenth below the one that the production knows: that of the budget in force, or else of committed funding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import ClassVar

from pydantic import Field, TypeAdapter

from events.commitment import (
    LIVE,
    PREFIXES,
    AmendmentSubmitted,
    CommitmentAmended,
    CommitmentCancelled,
    CommitmentClosed,
    CommitmentDrafted,
    CommitmentEvent,
    CommitmentExceeded,
    CommitmentKind,
    CommitmentLine,
    CommitmentOpened,
    CommitmentRelieved,
    CommitmentReopened,
    CommitmentState,
    CommitmentSubmitted,
    InvoicedByAnother,
    ReliefReversed,
    RequisitionLine,
    RequisitionRaised,
    RequisitionWithdrawn,
)
from events.ids import (
    AccountCode,
    CommitmentId,
    Digest,
    FlagId,
    Memo,
    RequisitionId,
    SpendId,
    Text,
    VendorId,
)
from events.money import Currency, ExchangeRate, Money, PositiveAmount, at_rate, converted, exact, rounded
from events.relief import NOTHING, Amounts, Promise, Relief, sums
from events.spend import SpendLogged
from events.team import Role

from .command import Command, CurrencyInUse, Day, Part, RateInUse
from .control import (
    Available,
    BeyondWhatIsAvailable,
    ControlIsNotYours,
    controlled,
    of_commitments,
    once_more,
)
from .holds import Commitment, Commitments, holding, relieved_by, without
from .refusal import Conflicting, Missing
from .requisition import (
    AccountsAreAnothers,
    Asker,
    BeyondWhatIsShown,
    Pending,
    RequisitionIsAnothers,
    RequisitionIsPending,
    RequisitionIsRefused,
    as_shown,
    on_their_own,
    theirs_to_withdraw,
    to_be_ordered,
)

_LINES = TypeAdapter(tuple[CommitmentLine, ...])
#: Of what a promise comes to at a known rate: less than this it is not measured at.
NINE_TENTHS = Decimal("0.9")


@dataclass
class RequisitionIsMissing(Missing):
    """The production has no requisition {requisition}."""

    rule = "O3"
    otherwise = "Look up the requisitions in the commitment register."
    requisition: RequisitionId


@dataclass
class RequisitionIsWithdrawn(Conflicting):
    """{requisition} is withdrawn and holds nothing."""

    rule = "O3"
    otherwise = "Raise another one, or draft the commitment without one."
    requisition: RequisitionId


@dataclass
class CommitmentIsMissing(Missing):
    """The production has no commitment {commitment}."""

    rule = "O4"
    otherwise = "Look up the commitments in the commitment register."
    commitment: CommitmentId


@dataclass
class CommitmentIsNot(Conflicting):
    """{commitment} of {total} is {state}; this is for one in another state: {needed}."""

    rule = "O4"
    otherwise = "Write a draft anew or submit it; amend, cancel or close what is open; reopen what was closed short."
    commitment: CommitmentId
    total: Money
    state: CommitmentState
    needed: tuple[CommitmentState, ...]


@dataclass
class AmendmentIsPending(Conflicting):
    """{commitment} waits for the approval of an amendment to {total}."""

    rule = "O4"
    otherwise = "Wait for the decision, or whoever submitted it may recall the request."
    commitment: CommitmentId
    total: Money


@dataclass
class CommitmentRateDoesNotConvert(Conflicting):
    """A commitment in {currency} cannot be measured in {base} by the rate sent: {rate}."""

    rule = "O4"
    otherwise = "Send the rate that is expected between the two currencies, and none when they are the same."
    currency: Currency
    rate: ExchangeRate | None
    base: Currency


@dataclass
class CommitmentLineDoesNotFit(Conflicting):
    """{amount} for {what} has more decimals than {currency} allows, or comes to nothing in the base currency."""

    rule = "O4"
    otherwise = "Send the amount with the decimals of its currency."
    amount: Decimal
    what: str
    currency: Currency


@dataclass
class ContingencyTakesNoCommitment(Conflicting):
    """Account {account} is contingency, a reserve; nothing is committed on it."""

    rule = "O2"
    otherwise = "Commit on the account that it is for; a draw moves contingency there."
    account: AccountCode


@dataclass
class RateIsTooLow(Conflicting):
    """{commitment}, {total}, is {held} at {rate}: more than a tenth below {expected}, at the known {known}."""

    rule = "O9"
    otherwise = "Write the draft anew with the rate of today, or have a budget approved that has another one."
    commitment: CommitmentId
    total: Money
    held: Money
    rate: ExchangeRate
    expected: Money
    known: ExchangeRate


@dataclass
class KindIsAnother(Conflicting):
    """{commitment} is numbered as {kind}, and cannot become {sent}."""

    rule = "O4"
    otherwise = "Cancel it, and draft another one."
    commitment: CommitmentId
    kind: CommitmentKind
    sent: CommitmentKind


@dataclass
class AmendedBelowInvoices(Conflicting):
    """{commitment} has {relieved} invoiced on account {account}, more than the {amount} that it would come to there."""

    rule = "O5"
    otherwise = "Send at least what was invoiced; an accountant may reverse an invoice."
    commitment: CommitmentId
    account: AccountCode
    relieved: Money
    amount: Money


class LineOfRequisition(Part):
    """Something that is asked for."""

    account: AccountCode
    amount: PositiveAmount = Field(description="What it will cost, in the production's base currency.")
    what: Text


class LineOfCommitment(Part):
    """A part of what is promised."""

    account: AccountCode
    amount: PositiveAmount = Field(description="What it will cost, without tax that comes back.")
    what: Text


_OVERRIDE = Field(False, description="Let it pass a control that stops it; for whoever the policy lets do so.")
_LINES_OF = Field(min_length=1, max_length=200)


class RaiseRequisition(Command):
    """Something is asked for, by a department head on their own accounts alone; it is held until it is ordered."""

    refusals = (
        *(AccountsAreAnothers, CommitmentLineDoesNotFit, ContingencyTakesNoCommitment, ControlIsNotYours),
        *(BeyondWhatIsAvailable, BeyondWhatIsShown),
    )
    example: ClassVar = {
        "lines": [{"account": "2200", "amount": "30000", "what": "Timber and canvas for the temple set"}],
        "needed_on": "2026-12-07",
    }

    lines: tuple[LineOfRequisition, ...] = Field(
        min_length=1,
        max_length=200,
        description="Approved before an order is drafted of them, where a rule of the policy names requisitions.",
    )
    needed_on: Day | None = None
    override: bool = _OVERRIDE


class WithdrawRequisition(Command):
    """What is left of a requisition is not needed; it is held no more, and asked about no more."""

    refusals = (RequisitionIsMissing, RequisitionIsAnothers)
    example: ClassVar = {"requisition": "REQ-1", "reason": "Found in the store."}

    requisition: RequisitionId


class DraftCommitment(Command):
    """An order, a deal or a deferment is written down, or written anew; it holds nothing until it is submitted."""

    refusals = (
        *(CommitmentIsMissing, CommitmentIsNot, KindIsAnother, RequisitionIsMissing, RequisitionIsWithdrawn),
        *(RequisitionIsPending, RequisitionIsRefused, CommitmentLineDoesNotFit, CommitmentRateDoesNotConvert),
    )
    example: ClassVar = {
        "kind": "purchase_order",
        "vendor": "kala-sets",
        "vendor_name": "Kala Sets",
        "requisition": "REQ-1",
        "currency": "INR",
        "lines": [{"account": "2200", "amount": "30000", "what": "Temple set, timber and canvas"}],
    }

    commitment: CommitmentId | None = Field(None, description="The draft that is written anew; none for another one.")
    kind: CommitmentKind = CommitmentKind.PURCHASE_ORDER
    vendor: VendorId = Field(description="With whom; entered in the company's directory on first use.")
    vendor_name: Text | None = Field(None, description="For the directory, when the vendor is new there.")
    requisition: RequisitionId | None = Field(None, description="Which asked for it; it takes over what that holds.")
    currency: CurrencyInUse = Field(description="Of the lines.")
    rate: RateInUse | None = Field(None, description="The rate that is expected, when not in base currency.")
    lines: tuple[LineOfCommitment, ...] = _LINES_OF
    due_when: Memo | None = Field(None, description="Of a deferment: what has to come in before it is paid.")


class SubmitCommitment(Command):
    """A draft is submitted; it is promised once those approve it whom the policy asks, at once where it asks nobody."""

    refusals = (
        *(CommitmentIsMissing, CommitmentIsNot, RateIsTooLow, ContingencyTakesNoCommitment, ControlIsNotYours),
        *(BeyondWhatIsAvailable,),
    )
    example: ClassVar = {"commitment": "PO-0001"}

    commitment: CommitmentId
    override: bool = _OVERRIDE


class AmendCommitment(Command):
    """What was promised comes to something else; more, or other accounts, is approved again."""

    refusals = (
        *(CommitmentIsMissing, CommitmentIsNot, AmendmentIsPending, CommitmentLineDoesNotFit),
        *(CommitmentRateDoesNotConvert, AmendedBelowInvoices, ContingencyTakesNoCommitment),
        *(ControlIsNotYours, BeyondWhatIsAvailable),
    )
    example: ClassVar = {
        "commitment": "PO-0001",
        "lines": [{"account": "2200", "amount": "36000", "what": "Temple set, with the second gate"}],
        "reason": "A second gate.",
    }

    commitment: CommitmentId
    lines: tuple[LineOfCommitment, ...] = Field(
        min_length=1, max_length=200, description="All of them, with what was invoiced already; in its currency."
    )
    override: bool = _OVERRIDE


class CancelCommitment(Command):
    """Nothing comes of a commitment that nothing was invoiced for; what it holds is released."""

    refusals = (CommitmentIsMissing, CommitmentIsNot)
    example: ClassVar = {"commitment": "PO-0001", "reason": "The scene was cut."}

    commitment: CommitmentId


class CloseCommitment(Command):
    """No more is to come of a commitment; what is left of it is released."""

    refusals = (CommitmentIsMissing, CommitmentIsNot, AmendmentIsPending)
    example: ClassVar = {"commitment": "PO-0001", "reason": "The rest was not delivered."}

    commitment: CommitmentId


class ReopenCommitment(Command):
    """More is to come of a commitment that was closed short; what was released is held again."""

    refusals = (CommitmentIsMissing, CommitmentIsNot, ControlIsNotYours, BeyondWhatIsAvailable)
    example: ClassVar = {"commitment": "PO-0001", "reason": "The vendor delivers after all."}

    commitment: CommitmentId
    override: bool = _OVERRIDE
    reason: Memo


CommitmentCommand = (
    RaiseRequisition
    | WithdrawRequisition
    | DraftCommitment
    | SubmitCommitment
    | AmendCommitment
    | CancelCommitment
    | CloseCommitment
    | ReopenCommitment
)


def existing(commitments: Commitments, commitment: CommitmentId) -> Commitment:
    """The commitment of that number."""
    found = commitments.known.get(commitment)
    if found is None:
        raise CommitmentIsMissing(commitment)
    return found


def raise_requisition(
    command: RaiseRequisition,
    commitments: Commitments,
    available: Available | None,
    base: Currency,
    asker: Asker,
) -> list[CommitmentEvent]:
    """O1 to O3, O7."""
    on_their_own([line.account for line in command.lines], asker)
    requisition = f"REQ-{len(commitments.requisitions) + 1}"
    lines = tuple(RequisitionLine(each.account, _fits(each, base), each.what) for each in command.lines)
    takes = sums((line.account, line.amount) for line in lines)
    _no_contingency(takes, available)
    try:
        beyond = controlled(requisition, takes, available, command.override, asker.overriding)
    except BeyondWhatIsAvailable as refusal:
        raise as_shown(refusal, asker) from None
    total = Money(sum(takes.values(), NOTHING), base)
    return [RequisitionRaised(requisition, lines, total, command.needed_on, beyond)]


def withdraw_requisition(command: WithdrawRequisition, commitments: Commitments, asker: Asker) -> list[CommitmentEvent]:
    """O3, O7; withdrawing one that holds nothing, and will not hold again what an order waits with, does nothing."""
    found = commitments.requisitions.get(command.requisition)
    if found is None:
        raise RequisitionIsMissing(command.requisition)
    theirs_to_withdraw(command.requisition, found, asker)
    released = holding(found.left)
    waits = any(each.taken and each.drafted.requisition == command.requisition for each in commitments.known.values())
    return [RequisitionWithdrawn(command.requisition, released)] if released or waits else []


def draft_commitment(
    command: DraftCommitment, commitments: Commitments, base: Currency, pending: Pending | None
) -> list[CommitmentEvent]:
    """O3, O4, O8.

    Args:
        pending: the round that is open on its requisition.
    """
    number = command.commitment
    if number is None:
        alike = sum(each.drafted.kind is command.kind for each in commitments.known.values())
        number = f"{PREFIXES[command.kind]}-{alike + 1:04}"
    else:
        before = existing(commitments, number)
        _is(before, (CommitmentState.DRAFT,))
        if before.drafted.kind is not command.kind:
            raise KindIsAnother(number, before.drafted.kind, command.kind)
    if command.requisition is not None:
        if (found := commitments.requisitions.get(command.requisition)) is None:
            raise RequisitionIsMissing(command.requisition)
        if found.withdrawn:
            raise RequisitionIsWithdrawn(command.requisition)
        to_be_ordered(command.requisition, found, pending)
    lines = _lines(command.lines, command.currency, command.rate, base)
    drafted = CommitmentDrafted(
        commitment=number,
        kind=command.kind,
        vendor=command.vendor,
        requisition=command.requisition,
        currency=command.currency,
        rate=command.rate,
        lines=lines,
        total=Money(sum((line.amount for line in lines), NOTHING), command.currency),
        base_total=Money(sum((line.base_amount for line in lines), NOTHING), base),
        due_when=command.due_when,
    )
    known = commitments.known.get(number)
    return [] if known is not None and known.drafted == drafted else [drafted]


def submit_commitment(
    command: SubmitCommitment,
    commitments: Commitments,
    available: Available | None,
    rates_of: Callable[[Currency], tuple[ExchangeRate, ...]],
    roles: tuple[Role, ...],
    flags: Iterator[FlagId],
) -> list[CommitmentEvent]:
    """O1 to O5, O9; what is approved at once is promised at once.

    Args:
        rates_of: at what the production knows a currency.
    """
    found = existing(commitments, command.commitment)
    _is(found, (CommitmentState.DRAFT,))
    drafted, promise = found.drafted, found.promise
    _measured_as_known(drafted, rates_of)
    _no_contingency(promise.base, available)
    holds, taken = promise.after(found.excess.values()).base_left, _takes_over(promise.base, found, commitments)
    beyond = controlled(command.commitment, _less(holds, taken), available, command.override, roles)
    content = content_hash(drafted, drafted.lines)
    return [
        CommitmentSubmitted(command.commitment, content, drafted.base_total, holding(holds), holding(taken), beyond),
        CommitmentOpened(command.commitment, drafted.base_total),
        *_settled(replace(found, state=CommitmentState.OPEN), flags),
    ]


def _measured_as_known(drafted: CommitmentDrafted, rates_of: Callable[[Currency], tuple[ExchangeRate, ...]]) -> None:
    """O9."""
    if drafted.rate is None:
        return
    held, total = drafted.base_total, drafted.total
    for known in rates_of(total.currency):
        expected = at_rate(total, known, held.currency)
        if held.amount < expected.amount * NINE_TENTHS:
            raise RateIsTooLow(drafted.commitment, total, held, drafted.rate, expected, known)


def amend_commitment(
    command: AmendCommitment,
    commitments: Commitments,
    available: Available | None,
    roles: tuple[Role, ...],
    flags: Iterator[FlagId],
) -> list[CommitmentEvent]:
    """O1 to O5; what is approved at once counts at once."""
    found = existing(commitments, command.commitment)
    _is(found, tuple(sorted(LIVE)))
    if found.amendment is not None:
        raise AmendmentIsPending(command.commitment, found.amendment.total)
    drafted = found.drafted
    base = drafted.base_total.currency
    lines = _lines(command.lines, drafted.currency, drafted.rate, base)
    if lines == drafted.lines:
        return []
    promise = found.promise.amended(lines)
    _above_invoices(found, promise)
    total = Money(sum(promise.amounts.values(), NOTHING), drafted.currency)
    base_total = Money(sum(promise.base.values(), NOTHING), base)
    takes_effect = _amended(found, lines, total, base_total, flags)
    if _is_less(lines, drafted.lines):
        return takes_effect
    differs = _less(promise.after(found.excess.values()).base_left, found.promise.base_left)
    more = _more(differs)  # the old lines count until then
    _no_contingency(more, available)
    # What is promised was asked for, whether its invoice came before or comes after.
    taken = _takes_over(_more(_less(promise.base, found.promise.base)), found, commitments)
    beyond = controlled(command.commitment, _less(more, taken), available, command.override, roles)
    content, holds = content_hash(drafted, lines), holding(more)
    submitted = AmendmentSubmitted(command.commitment, content, lines, total, base_total, holds, beyond, holding(taken))
    return [submitted, *takes_effect]


def _takes_over(amounts: Amounts, found: Commitment, commitments: Commitments) -> dict[AccountCode, Decimal]:
    """O3: what of it the requisition holds."""
    if found.drafted.requisition is None:
        return {}
    left = commitments.requisitions[found.drafted.requisition].left
    return {code: min(amount, left.get(code, NOTHING)) for code, amount in amounts.items()}


def _more(amounts: Amounts) -> dict[AccountCode, Decimal]:
    """Those of the amounts that are above zero."""
    return {code: amount for code, amount in amounts.items() if amount > 0}


def _less(amounts: Amounts, others: Amounts) -> dict[AccountCode, Decimal]:
    """The amounts, less the others of their accounts."""
    return {code: amount - others.get(code, NOTHING) for code, amount in amounts.items()}


def _amended(
    found: Commitment, lines: tuple[CommitmentLine, ...], total: Money, base_total: Money, flags: Iterator[FlagId]
) -> list[CommitmentEvent]:
    """The commitment with other lines, and what they settle."""
    after = replace(found, promise=found.promise.amended(lines))
    state = after.promise.state
    amended = CommitmentAmended(found.drafted.commitment, lines, total, base_total, found.total, state)
    return [amended, *_settled(replace(after, state=state), flags)]


def _is_less(lines: Iterable[CommitmentLine], before: Iterable[CommitmentLine]) -> bool:
    """Whether nothing is promised that was not: no more of anything, nothing else, on no other account."""
    was = _by_what(before)
    return all(now <= was.get(what, NOTHING) for what, now in _by_what(lines).items())


def _by_what(lines: Iterable[CommitmentLine]) -> dict[tuple[str, ...], Decimal]:
    """Each thing on each account, and each account in base currency, where every line is rounded."""
    found: dict[tuple[str, ...], Decimal] = {}
    for line in lines:
        for what, amount in (((line.account, line.what), line.amount), ((line.account,), line.base_amount)):
            found[what] = found.get(what, NOTHING) + amount
    return found


def _above_invoices(found: Commitment, amended: Promise) -> None:
    currency = found.drafted.currency
    for account, relieved in sorted(found.promise.relieved.items()):
        if (least := amended.amounts.get(account, NOTHING)) < relieved:
            invoiced = Money(relieved, currency)
            raise AmendedBelowInvoices(
                found.drafted.commitment, account, invoiced, Money(exact(least, currency), currency)
            )


def takes_effect(
    commitment: CommitmentId,
    commitments: Commitments,
    available: Available | None,
    roles: tuple[Role, ...],
    flags: Iterator[FlagId],
) -> list[CommitmentEvent]:
    """O1, O4, O5: what was approved is promised, as far as it is available now: what it holds is its own."""
    found = existing(commitments, commitment)
    amendment, asks_for = found.amendment, found.asks_for
    if available is not None and not found.overridden:
        once_more(commitment, asks_for, of_commitments, available, roles)
    if amendment is None:
        opened = CommitmentOpened(commitment, found.drafted.base_total)
        return [opened, *_settled(replace(found, state=CommitmentState.OPEN), flags)]
    _above_invoices(found, found.promise.amended(amendment.lines))  # which may have come while it waited
    return _amended(found, amendment.lines, amendment.total, amendment.base_total, flags)


def cancel_commitment(command: CancelCommitment, commitments: Commitments) -> list[CommitmentEvent]:
    """O6; what was asked for it is asked no more."""
    found = existing(commitments, command.commitment)
    of_these = (CommitmentState.DRAFT, CommitmentState.PENDING, CommitmentState.OPEN)
    _is(found, of_these)
    return [CommitmentCancelled(command.commitment, holding(found.holds))]


def close_commitment(command: CloseCommitment, commitments: Commitments) -> list[CommitmentEvent]:
    """O6."""
    return [_closed(existing(commitments, command.commitment))]


def reopen_commitment(
    command: ReopenCommitment,
    commitments: Commitments,
    available: Available | None,
    roles: tuple[Role, ...],
    flags: Iterator[FlagId],
) -> list[CommitmentEvent]:
    """O1, O5, O6."""
    found = existing(commitments, command.commitment)
    _is(found, (CommitmentState.CLOSED_SHORT,))
    promise = found.promise
    takes = promise.after(found.excess.values()).base_left
    beyond = controlled(command.commitment, takes, available, command.override, roles)
    reopened = CommitmentReopened(command.commitment, holding(promise.base_left), beyond, promise.state)
    return [reopened, *_settled(replace(found, state=promise.state), flags)]


def invoice(
    commitment: CommitmentId, entry: SpendLogged, commitments: Commitments, flags: Iterator[FlagId]
) -> list[CommitmentEvent]:
    """O5: what an entry relieves of a commitment, by how much it is beyond what was left, and whether it is theirs."""
    found = existing(commitments, commitment)
    drafted = found.drafted
    gross = Money(entry.net + entry.tax - entry.recoverable_tax, entry.currency)
    same = gross.currency == drafted.currency
    amount = gross if same else at_rate(entry.cost, drafted.rate, drafted.currency)
    happened, _ = _relieve(found, entry.spend, entry.account, amount.amount, flags)
    return [*happened, *_by_another(entry.vendor, entry.spend, entry.account, drafted, flags)]


def finish(commitment: CommitmentId, commitments: Commitments) -> list[CommitmentEvent]:
    """O6: what is left of it after its final invoice is released, where it is open and no amendment of it waits."""
    found = existing(commitments, commitment)
    return [_closed(found)] if found.state in _MAY_CLOSE and found.amendment is None else []


def take_back(spend: SpendId, commitments: Commitments, flags: Iterator[FlagId]) -> list[CommitmentEvent]:
    """O5: what an entry that is taken back had relieved, and what that leaves for others to relieve."""
    found = commitments.of(spend)
    if found is None:
        return []
    reversed_, after = _restored(found, spend)
    return [reversed_, *_settled(after, flags)]


def relieve_anew(
    spend: SpendId, vendor: VendorId, account: AccountCode, commitments: Commitments, flags: Iterator[FlagId]
) -> list[CommitmentEvent]:
    """O5: what an entry that moves to another account relieves from there."""
    found = commitments.of(spend)
    if found is None:
        return []
    invoiced = found.invoices[spend]
    beyond = NOTHING if invoiced.excess is None else invoiced.excess.amount.amount
    reversed_, after = _restored(found, spend)
    happened, after = _relieve(after, spend, account, sum(invoiced.relief.amounts.values(), beyond), flags)
    by_another = _by_another(vendor, spend, account, found.drafted, flags)
    return [reversed_, *happened, *_settled(after, flags), *by_another]


def _by_another(
    vendor: VendorId, spend: SpendId, account: AccountCode, drafted: CommitmentDrafted, flags: Iterator[FlagId]
) -> list[CommitmentEvent]:
    if vendor == drafted.vendor:
        return []
    return [InvoicedByAnother(next(flags), drafted.commitment, spend, account, drafted.vendor, vendor)]


def _restored(found: Commitment, spend: SpendId) -> tuple[ReliefReversed, Commitment]:
    relief, after = found.invoices[spend].relief, without(found, spend)
    state = after.promise.state if found.state in LIVE else found.state
    restored = (holding(relief.base), holding(relief.amounts))
    return ReliefReversed(found.drafted.commitment, spend, *restored, state), replace(after, state=state)


def _relieve(
    found: Commitment,
    spend: SpendId,
    account: AccountCode,
    amount: Decimal,
    flags: Iterator[FlagId],
    clears: tuple[FlagId, ...] = (),
) -> tuple[list[CommitmentEvent], Commitment]:
    """What an amount on an account relieves, by how much it is beyond what was left, and the commitment then."""
    commitment, currency = found.drafted.commitment, found.drafted.currency
    left = found.promise.left if found.state in LIVE else {}
    relief = found.promise.relief(account, amount) if left else Relief({}, {})
    relieved = sum(relief.amounts.values(), NOTHING)
    happened: list[CommitmentEvent] = []
    if relieved or not amount:  # what comes to nothing in its currency is for it all the same
        found = relieved_by(found, spend, relief)
        found = replace(found, state=found.promise.state if left else found.state)
        holds = (holding(relief.base), holding(relief.amounts))
        happened.append(CommitmentRelieved(commitment, spend, *holds, found.state, clears))
    if amount > relieved:
        was = Money(rounded(sum(left.values(), NOTHING), currency), currency)
        excess = Money(rounded(amount - relieved, currency), currency)
        happened.append(CommitmentExceeded(next(flags), commitment, spend, account, found.state, was, excess))
    return happened, found


def _settled(found: Commitment, flags: Iterator[FlagId]) -> list[CommitmentEvent]:
    """O5: what was invoiced beyond a commitment relieves what there is more of now, entry by entry."""
    happened: list[CommitmentEvent] = []
    for spend, excess in found.excess.items() if found.state in LIVE else ():
        amount = excess.amount.amount
        if any(found.promise.left.values()) and excess.amount.currency == found.drafted.currency:
            more, found = _relieve(found, spend, excess.account, amount, flags, (excess.flag,))
            happened += more
    return happened


def content_hash(drafted: CommitmentDrafted, lines: Sequence[CommitmentLine]) -> Digest:
    """Of every byte that is approved: with whom, for what, and what it comes to."""
    said = [drafted.commitment, drafted.kind.value, drafted.vendor, str(drafted.rate), drafted.due_when or ""]
    parts = [part.encode() for part in said] + [_LINES.dump_json(tuple(lines))]
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


_MAY_CLOSE = (CommitmentState.OPEN, CommitmentState.PARTLY_RELIEVED)


def _closed(found: Commitment) -> CommitmentClosed:
    _is(found, _MAY_CLOSE)
    if found.amendment is not None:
        raise AmendmentIsPending(found.drafted.commitment, found.amendment.total)
    return CommitmentClosed(found.drafted.commitment, holding(found.holds))


def _is(found: Commitment, needed: tuple[CommitmentState, ...]) -> None:
    if found.state not in needed:
        raise CommitmentIsNot(found.drafted.commitment, found.total, found.state, needed)


def _lines(
    lines: Sequence[LineOfCommitment], currency: Currency, rate: ExchangeRate | None, base: Currency
) -> tuple[CommitmentLine, ...]:
    converted_ = []
    for line in lines:
        amount = _fits(line, currency)
        try:
            based = converted(Money(amount, currency), rate, base)
        except ValueError:
            raise CommitmentRateDoesNotConvert(currency, rate, base) from None
        if not based.amount:
            raise CommitmentLineDoesNotFit(line.amount, line.what, currency)
        converted_.append(CommitmentLine(line.account, amount, based.amount, line.what))
    return tuple(converted_)


def _fits(line: LineOfRequisition | LineOfCommitment, currency: Currency) -> Decimal:
    try:
        return exact(line.amount, currency)
    except ValueError:
        raise CommitmentLineDoesNotFit(line.amount, line.what, currency) from None


def _no_contingency(takes: Iterable[AccountCode], available: Available | None) -> None:
    for account in takes:
        if available is not None and account in available.version.contingency:
            raise ContingencyTakesNoCommitment(account)
