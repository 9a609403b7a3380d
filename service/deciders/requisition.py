"""Requisitions: who asks for what, and what is held and ordered of what the policy asks about.

O7  A department head asks for what is on their own accounts alone, and withdraws what they raised themselves. By how
    much they are beyond what is available they are told where they may read every figure of the production.
O8  What the policy asks about is held while its round is open, as far as it is available when it is raised and once
    more when it is approved; it is ordered once it is approved. What is refused or taken back holds nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from events.ids import AccountCode, PersonId, RequisitionId, RoundId
from events.money import Money
from events.team import Role

from .control import Available, BeyondWhatIsAvailable, of_requisitions, once_more
from .holds import Commitments, Requisition
from .refusal import Conflicting, Forbidden, words

#: Who asks for what is on any account, and withdraws what anybody raised.
ON_ANY_ACCOUNT = (Role.LINE_PRODUCER, Role.PRODUCER, Role.ACCOUNTANT, Role.EXECUTIVE_PRODUCER)


@dataclass
class AccountsAreAnothers(Forbidden):
    """{person} heads the department of {own}, and asks for nothing on {others}: {whose}."""

    rule = "O7"
    otherwise = (
        "Who heads them may ask; on any account, a line producer, a producer, an accountant or an executive producer."
    )
    person: PersonId
    own: tuple[AccountCode, ...]
    others: tuple[AccountCode, ...]
    #: Account by account, who heads it.
    whose: tuple[str, ...]


@dataclass
class BeyondWhatIsShown(Conflicting):
    """{document} takes {requested} of {what}: more than is available, which you are not shown; may override: {may}."""

    rule = "O7"
    otherwise = (
        "A line producer or a producer reads what is available, and may raise it, or ask for more of the budget."
    )
    document: RequisitionId
    requested: Money
    what: str
    may: Role | None


@dataclass
class RequisitionIsAnothers(Forbidden):
    """{requisition} was raised by {raiser}; as a department head, {person} withdraws what they raised themselves."""

    rule = "O7"
    otherwise = "{raiser} may withdraw it, or a line producer, a producer, an accountant or an executive producer."
    requisition: RequisitionId
    raiser: tuple[PersonId, ...]
    person: PersonId


@dataclass
class RequisitionIsPending(Conflicting):
    """{requisition} is pending in {round}, which waits for {waits_for}; nothing is ordered of it yet."""

    rule = "O8"
    otherwise = "Have it approved, or draft the commitment without it."
    requisition: RequisitionId
    round: RoundId
    #: Who may approve it now, or close the conditions that are left.
    waits_for: tuple[PersonId, ...]


@dataclass
class RequisitionIsRefused(Conflicting):
    """{requisition} was refused in {round} and holds nothing."""

    rule = "O8"
    otherwise = "Raise another one, or draft the commitment without one."
    requisition: RequisitionId
    round: RoundId


@dataclass(frozen=True, slots=True)
class Asker:
    """Who raises a requisition, or withdraws one."""

    #: Whose act it is, and the natural persons behind it.
    seat: PersonId
    persons: frozenset[PersonId]
    roles: tuple[Role, ...]
    #: Of these, by which they may pass a control over.
    overriding: tuple[Role, ...]
    #: By department head, their accounts.
    departments: Mapping[PersonId, Collection[AccountCode]]
    #: Whether they may read every figure of the production.
    reads: bool

    @property
    def is_bound(self) -> bool:
        """Whether they act as a department head and as nothing more."""
        return set(ON_ANY_ACCOUNT).isdisjoint(self.roles)


@dataclass(frozen=True, slots=True)
class Pending:
    """The round that is open on a requisition."""

    round: RoundId
    waits_for: tuple[PersonId, ...]


def on_their_own(accounts: Iterable[AccountCode], asker: Asker) -> None:
    """O7: refuse a department head what is not of their department."""
    own = tuple(asker.departments.get(asker.seat, ()))
    others = tuple(sorted(set(accounts).difference(own)))
    if asker.is_bound and others:
        raise AccountsAreAnothers(asker.seat, own, others, tuple(_headed(code, asker) for code in others))


def _headed(account: AccountCode, asker: Asker) -> str:
    heads = sorted(head for head, accounts in asker.departments.items() if account in accounts)
    return f"{account} is headed by {words(heads) if heads else 'nobody'}"


def as_shown(refusal: BeyondWhatIsAvailable, asker: Asker) -> BeyondWhatIsAvailable | BeyondWhatIsShown:
    """O7: the refusal, as far as it may be told."""
    if asker.reads:
        return refusal
    return BeyondWhatIsShown(refusal.document, refusal.requested, refusal.what, refusal.may)


def theirs_to_withdraw(requisition: RequisitionId, found: Requisition, asker: Asker) -> None:
    """O7."""
    if asker.is_bound and not found.raised_by & asker.persons:
        raise RequisitionIsAnothers(requisition, tuple(sorted(found.raised_by)), asker.seat)


def to_be_ordered(requisition: RequisitionId, found: Requisition, pending: Pending | None) -> None:
    """O8: refuse an order of what is not approved."""
    if pending is not None:
        raise RequisitionIsPending(requisition, pending.round, pending.waits_for)
    if found.refused is not None:
        raise RequisitionIsRefused(requisition, found.refused)


def still_available(
    requisition: RequisitionId, commitments: Commitments, available: Available | None, roles: tuple[Role, ...]
) -> None:
    """O1, O8: what was approved goes on being held, as far as it is available now: what it holds is its own."""
    found = commitments.requisitions[requisition]
    if available is not None and not found.overridden:
        once_more(requisition, found.left, of_requisitions, available, roles)
