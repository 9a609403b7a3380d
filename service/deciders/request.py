"""Requests: what a command asks for, as far as the policy may want it approved.

It is read off what the command makes happen, not off its name (G3): a version asks about the accounts in which it
differs from the one in force, an entry about the account that it lands on, an appointment about whom the policy would
ask by it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from operator import attrgetter

from immutables import Map
from pydantic import TypeAdapter

from events import OfProduction
from events.advance import AdvancePaid
from events.approval import BudgetSubmitted
from events.budget import BudgetUnlocked, Level
from events.change import BudgetTransferred, ContingencyDrawn, OverageApproved
from events.commitment import (
    AmendmentSubmitted,
    CommitmentLine,
    CommitmentSubmitted,
    RequisitionLine,
    RequisitionRaised,
)
from events.envelope import Metadata
from events.financing import (
    AT_LEAST_COMMITTED,
    FundingAmended,
    FundingCommitted,
    FundingSourceIdentified,
    FundingTerms,
    FundingWithdrawn,
)
from events.ids import (
    AccountCode,
    BudgetId,
    Digest,
    FundingId,
    Memo,
    PayableId,
    PersonId,
    RequisitionId,
    SpendId,
    VendorId,
)
from events.money import Currency, ExchangeRate, Money, at_rate
from events.policy import ApprovalPolicyAdopted, Approver, RequestKind
from events.production import Stage, StageEntered
from events.relief import sums
from events.spend import SpendLogged, SpendRecoded, SpendReversed, entries_of
from events.team import Appointed, AppointmentEnded, Role

from . import advance, payment, policy
from .budget import Budget
from .command import Command
from .financing import AmendsTwoThings
from .holds import by_account
from .payment import RequestPayment
from .policy import AdoptApprovalPolicy, Request
from .production import Production, evolve
from .refusal import words
from .spend import NOT_PAID, Entry, billed


@dataclass(frozen=True, slots=True)
class ToPromise:
    """What is asked to be promised, as whoever is asked reads it."""

    vendor: VendorId
    requisition: RequisitionId | None
    total: Money
    rate: ExchangeRate | None
    due_when: Memo | None
    lines: tuple[CommitmentLine, ...]
    #: Of an amendment: the lines that count until it is approved.
    former: tuple[CommitmentLine, ...]


@dataclass(frozen=True, slots=True)
class ToOrder:
    """What is asked to be ordered, as whoever is asked reads it; in base currency."""

    needed_on: date | None
    lines: tuple[RequisitionLine, ...]


_TO_PROMISE = TypeAdapter(ToPromise)
_TO_ORDER = TypeAdapter(ToOrder)
#: An entry as it is stored, for the hash of what is paid.
_ENTRY = TypeAdapter(SpendLogged)
_RECODED = TypeAdapter(SpendRecoded)


def requested(
    command: Command, happened: list[OfProduction], production: Production, metadata: Metadata
) -> Request | None:
    """What the policy may want approved, if the command does such a thing.

    Args:
        happened: what it makes happen by its own rules.
    """
    persons = metadata.persons
    if isinstance(command, RequestPayment):
        return _asked_again(command, production, persons)
    asks = partial(_asked_for, command, production, persons, metadata.at.date())
    for event in happened:
        match event:
            case BudgetSubmitted(_, subject):
                version = production.budgets.versions[subject]
                return of_version(subject, version, persons, production, metadata.at.date())
            case BudgetUnlocked(subject):
                locked = production.budgets.versions[subject]
                return asks(RequestKind.UNLOCKING, subject, locked.total, excluded=locked.submitters)
            case OverageApproved(account=account, amount=amount):
                return asks(RequestKind.OVERAGE, account, amount, (account,), loggers(account, production))
            case BudgetTransferred(_, _, left, reached, amount):
                excluded = loggers(reached, production)
                return asks(RequestKind.TRANSFER, f"{left} to {reached}", amount, (left, reached), excluded)
            case ContingencyDrawn(contingency=left, account=account, amount=amount):
                excluded = loggers(account, production)
                return asks(RequestKind.CONTINGENCY_DRAW, account, amount, (left, account), excluded)
            case AdvancePaid(kind=kind, amount=amount):
                to = advance.payee(event)
                paid = _dearer(event.base_amount, amount, production)
                holder = frozenset() if event.person is None else frozenset({event.person})
                subject = f"{kind.value} to {event.person or to}"
                unmeasured = _unknown([amount.currency], production)
                request = asks(RequestKind.PAYMENT, subject, paid, excluded=holder)
                return replace(request, vendor=to, unmeasured=unmeasured)
            case SpendLogged(kind=kind) if kind in NOT_PAID:
                return None
            case SpendLogged():
                return _of_what_is_logged(happened, production, persons)
            case SpendRecoded():
                return _of_what_is_recoded(event, production, persons)
            case CommitmentSubmitted() | AmendmentSubmitted():
                return _of_commitment(event, production, metadata)
            case RequisitionRaised():
                return _of_requisition(event, production, persons)
            case FundingWithdrawn(funding):
                cut = production.financing.sources[funding].terms.base_amount
                return asks(RequestKind.FUNDING_CUT, funding, cut)
            case FundingAmended():
                return _of_an_amendment(event, asks, production, metadata)
            case FundingCommitted(funding) if policy.asks_holders(_asked_in(production)):
                if not _is_committed(funding, production):
                    new = funding not in production.financing.sources
                    named = "a new source" if new else funding  # others may come before it is approved
                    subject = _as_holder(named, _terms(funding, happened, production))
                    return asks(RequestKind.APPOINTMENT, subject, None)
            case Appointed(person, role) | AppointmentEnded(person, role):
                if policy.approves(_asked_in(production), person, role, production.financing):
                    return asks(RequestKind.APPOINTMENT, f"{person} as {words(role)}", None)
            case StageEntered(stage, Stage.CLOSED):
                return asks(RequestKind.REOPENING, words(stage), None)
            case ApprovalPolicyAdopted(number, proposed):
                # Approved are these very terms, whatever the template says one day.
                written_out = AdoptApprovalPolicy(terms=proposed, reason=command.reason)
                return _asked_for(
                    written_out, production, persons, metadata.at.date(), RequestKind.POLICY_CHANGE, number, None
                )
            case _:
                pass  # asks for nothing
    return None


def _asked_in(production: Production) -> list[Approver]:
    """Whom the policy asks, or lets override, and whom open rounds do that keep the steps of an earlier one."""
    terms, found = production.policies.terms, [Approver(Role.EXECUTIVE_PRODUCER)]
    waits = [each for _, each in production.approvals.open_ones()]
    found += [Approver(role) for role in (terms.override_by, *(each.override_by for each in waits))]
    found += policy.approvers_in(policy.steps_of(terms))
    return [*found, *policy.approvers_in(step for each in waits for step in each.steps)]


def _of_an_amendment(
    event: FundingAmended, asks: Callable[..., Request], production: Production, metadata: Metadata
) -> Request | None:
    """A request to cut a source, or what it covers; or to have somebody speak for it, or for more of the funding."""
    before, after, currency = event.before, event.after, production.currency
    committed = _is_committed(event.funding, production)
    covered = production.financing.committed_cover() - evolve(production, event, metadata).financing.committed_cover()
    cut = Money(max(before.base_amount.amount - after.base_amount.amount, covered), currency)
    holders = policy.asks_holders(_asked_in(production))
    names_another = holders and after.holder != before.holder
    if names_another and cut.amount > 0:
        raise AmendsTwoThings(event.funding, cut, after.holder)
    if cut.amount > 0:
        return asks(RequestKind.FUNDING_CUT, event.funding, cut)
    says_more = after.base_amount != before.base_amount or after.lent_against != before.lent_against
    if names_another or (holders and committed and says_more):
        return asks(RequestKind.APPOINTMENT, _as_holder(event.funding, after), None)
    return None


def _as_holder(funding: str, terms: FundingTerms) -> str:
    """Who speaks for a source, and for how much of the funding."""
    against = "" if terms.lent_against is None else f", lent against {terms.lent_against}"
    return f"{words(terms.holder)} as holder of {funding}, {terms.base_amount}{against}"


def _asked_for(
    command: Command,
    production: Production,
    persons: frozenset[PersonId],
    on: date,
    kind: RequestKind,
    subject: str,
    amount: Money | None,
    accounts: tuple[AccountCode, ...] = (),
    excluded: frozenset[PersonId] = frozenset(),
) -> Request:
    """A request to do what a command does; the last of the accounts is the one that gets the money."""
    force, over = production.budgets.force, Decimal(0)
    if force is not None and amount is not None and accounts:
        gets, nothing = accounts[-1], Decimal(0)
        reached = force.amounts.get(gets, nothing) + _waiting(gets, production) + amount.amount
        over = _percent_over(reached, _least_approved(gets, force, on, production))
    return Request(
        kind=kind,
        subject=subject,
        content_hash=policy.hash_of(kind, subject, command.model_dump_json(exclude_unset=True)),
        amount=amount,
        accounts=accounts,
        touches=frozenset(accounts),
        capped=frozenset(accounts),
        held=_held(force),
        levels=_levels(accounts, force),
        percent_over=over,
        excluded=frozenset() if kind is RequestKind.POLICY_CHANGE else persons | excluded,
        command=command,
    )


def _of_what_is_logged(happened: list[OfProduction], production: Production, persons: frozenset[PersonId]) -> Request:
    """A request to pay an entry, or the entries of a batch; less what an accrual was that it takes the place of.

    Of what was paid out of an advance, what goes beyond it; else it is about what was paid already.
    """
    everything = [event for event in happened if isinstance(event, SpendLogged)]
    owing = advance.owing(happened)
    logged = owing or everything
    first, last = logged[0], logged[-1]
    content = policy.hash_of(RequestKind.PAYMENT, first.batch or first.spend, "\n".join(map(_as_logged, logged)))
    added = [(event.account, event.cost.amount) for event in everything]
    added += [(event.account, -event.cost.amount) for event in happened if isinstance(event, SpendReversed)]
    bills = [_dearer(billed(each), Money(each.net + each.tax, each.currency), production) for each in logged]
    accounts = [each.account for each in logged]
    payable, excluded = first.batch or last.spend, persons | advance.holders(happened, production.advances)
    request = _of_payment(payable, content, bills, accounts, first.vendor, excluded, production, sums(added))
    request = replace(request, unmeasured=_unknown((each.currency for each in logged), production))
    return request if owing else replace(request, paid_out=True)


def _as_logged(event: SpendLogged) -> str:
    return _ENTRY.dump_json(event).decode()


def _of_what_is_recoded(event: SpendRecoded, production: Production, persons: frozenset[PersonId]) -> Request:
    payable, moved = production.spending.payable(event.spend), {event.spend: event.to_account}
    entries = production.spending.paid_at_once(payable)
    content = policy.hash_of(RequestKind.PAYMENT, payable, _RECODED.dump_json(event).decode())
    bills, accounts = _of_entries(entries, production, moved)
    excluded = persons.union(*(entry.logged_by for entry in entries.values()))
    excluded |= production.advances.holders(entries)
    vendor, added = entries[event.spend].likeness[0], {event.to_account: event.cost.amount}
    request = _of_payment(payable, content, bills, accounts, vendor, excluded, production, added)
    unmeasured = _unknown(_currencies(entries.values()), production)
    return replace(request, unmeasured=unmeasured, paid_out=production.advances.paid_for(event.spend))


def _asked_again(command: RequestPayment, production: Production, persons: frozenset[PersonId]) -> Request:
    """S9; what is left of it may be on other accounts than what was asked about before."""
    spending = production.spending
    former = payment.turned_down(command, spending, production.approvals, waits=lambda _: False)
    payable = spending.payable(command.spend)
    entries = spending.paid_at_once(payable)
    bills, accounts = _of_entries(entries, production)
    content, now = former.content_hash, {each.account for each in entries.values()}
    if not now <= set(former.accounts) or len(entries) < len(entries_of(payable)):
        of = f"{', '.join(entries)} on {', '.join(sorted(now))}" if len(entries) > 1 else f"on {accounts[0]}"
        content = policy.hash_of(RequestKind.PAYMENT, payable, f"{content} {of}")
    excluded, unmeasured = former.excluded | persons, _unknown(_currencies(entries.values()), production)
    request = _of_payment(payable, content, bills, accounts, former.vendor, excluded, production)
    return replace(request, unmeasured=unmeasured)


def _currencies(entries: Iterable[Entry]) -> Iterator[Currency]:
    """In which these entries are paid."""
    for entry in entries:
        _, _, _, currency, *_ = entry.likeness
        yield currency


def _of_entries(
    entries: Mapping[SpendId, Entry], production: Production, moved: Mapping[SpendId, AccountCode] | None = None
) -> tuple[list[Money], list[AccountCode]]:
    """What is paid for each of them, as it is measured; and their accounts."""
    accounts = [(moved or {}).get(spend, entry.account) for spend, entry in entries.items()]
    return [_of_entry(entry, production) for entry in entries.values()], accounts


def _of_payment(
    payable: PayableId,
    content_hash: Digest,
    bills: Iterable[Money],
    accounts: Iterable[AccountCode],
    vendor: VendorId | None,
    excluded: frozenset[PersonId],
    production: Production,
    added: Mapping[AccountCode, Decimal] | None = None,
) -> Request:
    """A request to pay an entry or a batch; it is past the budget of its accounts by all that was spent there.

    Args:
        bills: what is paid, entry by entry, as it is measured.
        added: what comes onto the accounts with it, beside what is spent there.
    """
    force, nothing, more = production.budgets.force, Decimal(0), added or {}
    amounts, touches = Map() if force is None else force.amounts, frozenset(accounts)
    spent = {code: production.spending.laid_out_on(code) + more.get(code, nothing) for code in touches}
    return Request(
        kind=RequestKind.PAYMENT,
        subject=payable,
        content_hash=content_hash,
        amount=Money(sum((bill.amount for bill in bills), nothing), production.currency),
        accounts=tuple(sorted(touches)),
        touches=touches,
        capped=touches,
        held=_held(force),
        levels=_levels(touches, force),
        vendor=vendor,
        percent_over=max(_percent_over(amount, amounts.get(code, nothing)) for code, amount in spent.items()),
        excluded=excluded,
    )


def _of_commitment(
    event: CommitmentSubmitted | AmendmentSubmitted, production: Production, metadata: Metadata
) -> Request:
    """A request to promise something; it is past the budget of its accounts by all that is spent and held there.

    An amendment is about the accounts that it leaves, too.
    """
    found, force = production.commitments.known[event.commitment], production.budgets.force
    drafted = found.drafted
    said, former = (event, drafted.lines) if isinstance(event, AmendmentSubmitted) else (drafted, ())
    total, lines = said.total, said.lines
    accounts, more = tuple(sorted({line.account for line in (*lines, *former)})), by_account(event.holds)
    what = ToPromise(drafted.vendor, drafted.requisition, total, drafted.rate, drafted.due_when, lines, former)
    held, nothing = production.commitments.held_on, Decimal(0)
    return Request(
        kind=RequestKind.COMMITMENT,
        subject=event.commitment,
        content_hash=event.content_hash,
        amount=_dearer(event.base_total, total, production),
        accounts=accounts,
        touches=frozenset(accounts),
        capped=frozenset(accounts),
        held=_held(force),
        levels=_levels(accounts, force),
        vendor=drafted.vendor,
        percent_over=_past_budget({code: held(code) + more.get(code, nothing) for code in accounts}, production),
        unmeasured=_unknown([total.currency], production),
        excluded=found.makers | metadata.persons,
        content=_TO_PROMISE.dump_json(what).decode(),
    )


def _of_requisition(event: RequisitionRaised, production: Production, persons: frozenset[PersonId]) -> Request:
    """A request to hold something for an order; it is past the budget of its accounts by all that is taken there."""
    more, force = sums((line.account, line.amount) for line in event.lines), production.budgets.force
    accounts, taken = tuple(sorted(more)), production.commitments.taken_of
    content = _TO_ORDER.dump_json(ToOrder(event.needed_on, event.lines)).decode()
    return Request(
        kind=RequestKind.REQUISITION,
        subject=event.requisition,
        content_hash=policy.hash_of(RequestKind.REQUISITION, event.requisition, content),
        amount=event.total,
        accounts=accounts,
        touches=frozenset(accounts),
        capped=frozenset(accounts),
        held=_held(force),
        levels=_levels(accounts, force),
        percent_over=_past_budget({code: taken(code) + amount for code, amount in more.items()}, production),
        excluded=persons,
        content=content,
    )


def _past_budget(taken: Mapping[AccountCode, Decimal], production: Production) -> Decimal:
    """How far past its budget the account goes that goes furthest, with what is spent there.

    Args:
        taken: account by account, what is held there and what comes onto it.
    """
    force, nothing = production.budgets.force, Decimal(0)
    amounts, spent = Map() if force is None else force.amounts, production.spending.spent_on
    return max(_percent_over(spent(code) + amount, amounts.get(code, nothing)) for code, amount in taken.items())


def _of_entry(entry: Entry, production: Production) -> Money:
    """What is paid for an entry, as it is measured."""
    _, net, tax, currency, *_ = entry.likeness
    return _dearer(entry.billed, Money(net + tax, currency), production)


def _dearer(paid: Money, as_billed: Money, production: Production) -> Money:
    """What is paid, at the rate that was sent, or at one that is known, if that is dearer: whoever pays says its rate.

    Args:
        as_billed: the same in the currency that it is spent in.
    """
    rates = () if as_billed.currency == paid.currency else production.rates_of(as_billed.currency)
    known = (at_rate(as_billed, rate, paid.currency) for rate in rates)
    return max((paid, *known), key=attrgetter("amount"))


def _unknown(currencies: Iterable[Currency], production: Production) -> Currency | None:
    """A currency of these for which the production knows no rate, so that whoever pays in it says what it is worth."""
    others = sorted({*currencies} - {production.currency})
    return next((each for each in others if not production.rates_of(each)), None)


def of_version(
    budget: BudgetId, version: Budget, excluded: frozenset[PersonId], production: Production, on: date
) -> Request:
    """A request to put a version in force: about all its lines, or those that differ from the version in force.

    A line differs by its amount, and by what it is beside: at which level, how it is held, what is behind it.
    """
    budgets, force = production.budgets, production.budgets.force
    new, named = {**version.amounts, **version.contingency}, version.named
    old, was = ({}, {}) if force is None else ({**force.amounts, **force.contingency}, force.named)
    differ = frozenset(c for c in {*old, *new, *named, *was} if old.get(c) != new.get(c) or was.get(c) != named.get(c))
    since = on - timedelta(days=production.policies.terms.cumulative_days - 1)
    least = min([each.total.amount for each in budgets.in_force_since(since)], default=None)
    if force is not None:
        least = min(force.total_budget.amount, least or force.total_budget.amount)
    return Request(
        kind=RequestKind.BUDGET,
        subject=budget,
        content_hash=version.content_hash,
        amount=version.total,
        touches=differ,
        # What the first version says is what is capped later; a capped account could also grow under another code.
        capped=frozenset() if force is None else differ,
        held=_held(force) | _held(version),
        levels=_levels(differ, version) | _levels(differ, force),
        percent_over=Decimal(0) if least is None else _percent_over(version.total.amount, least),
        excluded=excluded | hands_in(version, production),
    )


def hands_in(version: Budget, production: Production) -> frozenset[PersonId]:
    """A3: who may not approve a version: its makers, and who logged the spend that it would cover."""
    force, spent, nothing = production.budgets.force, production.spending.spent_on, Decimal(0)
    hands = production.budgets.had_a_hand_in(version)
    if force is None:
        return hands  # what was spent before there was a budget is past none
    grows = ((code, amount) for code, amount in version.amounts.items() if amount > force.amounts.get(code, nothing))
    covered = (code for code, _ in grows if spent(code) > force.amounts.get(code, nothing))
    return hands.union(*(loggers(code, production) for code in covered))


def _least_approved(account: AccountCode, force: Budget, on: date, production: Production) -> Decimal:
    """The least that was approved for an account by a version of the policy's days: new versions start no new count."""
    since = on - timedelta(days=production.policies.terms.cumulative_days - 1)
    versions = [force, *production.budgets.in_force_since(since)]
    return min((each.approved[account] for each in versions if account in each.approved), default=Decimal(0))


def _waiting(account: AccountCode, production: Production) -> Decimal:
    """What open rounds would bring to an account."""
    waits = (each for _, each in production.approvals.open_ones() if each.kind in policy.CHANGES)
    return sum((each.amount.amount for each in waits if each.amount and each.accounts[-1] == account), Decimal(0))


def _percent_over(reached: Decimal, approved: Decimal) -> Decimal:
    """How far past what was approved it is, in percent; never negative, and beyond all bounds of nothing."""
    if reached <= approved:
        return Decimal(0)
    return (reached - approved) * 100 / approved if approved else Decimal("Infinity")


def _levels(accounts: Iterable[AccountCode], version: Budget | None) -> frozenset[Level]:
    return frozenset() if version is None else frozenset(version.levels[c] for c in accounts if c in version.levels)


def _held(version: Budget | None) -> frozenset[AccountCode]:
    return frozenset() if version is None else frozenset(version.held)


def _terms(funding: FundingId, happened: list[OfProduction], production: Production) -> FundingTerms:
    """The terms of a source that may be new."""
    for event in happened:
        if isinstance(event, FundingSourceIdentified) and event.funding == funding:
            return event.terms
    return production.financing.sources[funding].terms


def _is_committed(funding: FundingId, production: Production) -> bool:
    source = production.financing.sources.get(funding)
    return source is not None and source.state in AT_LEAST_COMMITTED


def loggers(account: AccountCode, production: Production) -> frozenset[PersonId]:
    """Who logged the spend on the account that gets the money, or recoded it there."""
    found = production.spending.accounts.get(account)
    return frozenset() if found is None else found.loggers
