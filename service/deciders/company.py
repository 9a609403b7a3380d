"""A company admits its members and says which of them may open productions.

Stream: `company`. The operator founds it from the command line; its administrators run it.

C1  A company is founded once, by the operator of the service.
C2  Only the operator and the company's administrators admit and dismiss members.
C3  An administrator neither dismisses, suspends nor demotes themselves: another one does, so that the company keeps
    one.
C5  Who is suspended counts for nothing until reinstated: no token lets them in, and no round waits for them.

Who acts for whom (D1 to D5) is kept in the same stream.
"""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from immutables import Map
from pydantic import AfterValidator, Field

from events import OfCompany
from events.company import (
    CompanyFounded,
    MemberAdmitted,
    MemberDismissed,
    MemberReinstated,
    MemberSuspended,
    Right,
)
from events.delegation import DelegationEvent
from events.envelope import Metadata
from events.ids import PersonId, Text

from . import delegation
from .command import Command
from .delegation import DelegateAuthority, Delegations, EndAbsence, RevokeDelegation, SetAbsence
from .refusal import Conflicting, Forbidden, Missing

#: The actor of the command line, who stands outside every company.
OPERATOR = "operator"


@dataclass
class OperatorAlone(Forbidden):
    """Only the operator of the service may do this, from the command line."""

    rule = "C1"
    otherwise = "Ask the operator of the service."


@dataclass
class AdministratorAlone(Forbidden):
    """Only an administrator of the company may do this, and {person} is none."""

    rule = "C2"
    otherwise = "Ask an administrator of the company, or the operator of the service."
    person: PersonId


@dataclass
class CompanyIsMissing(Missing):
    """There is no such company."""

    rule = "C1"
    otherwise = "The operator of the service founds companies."


@dataclass
class CompanyIsFounded(Conflicting):
    """The company was founded before, as {name}."""

    rule = "C1"
    otherwise = "Choose another slug, or use the company that is there."
    name: str


@dataclass
class MemberIsMissing(Missing):
    """{person} is not a member of the company."""

    rule = "C2"
    otherwise = "An administrator of the company may admit them first."
    person: PersonId


@dataclass
class AdministratorStays(Conflicting):
    """{person} is an administrator and may neither dismiss, suspend nor demote themselves."""

    rule = "C3"
    otherwise = "Another administrator, or the operator of the service, may do it."
    person: PersonId


def _not_the_operator(person: PersonId) -> PersonId:
    if person == OPERATOR:
        raise ValueError(f"{OPERATOR} is the actor of the command line and no person")
    return person


class FoundCompany(Command):
    """The operator founds a company."""

    refusals = (OperatorAlone, CompanyIsFounded)
    example: ClassVar = {"name": "Acme Pictures"}

    name: Text


class AdmitMember(Command):
    """An administrator admits a person to the company, or changes a member's rights."""

    refusals = (CompanyIsMissing, AdministratorAlone, AdministratorStays)
    example: ClassVar = {"person": "maya", "name": "Maya Rao", "may_open_productions": True}

    person: Annotated[PersonId, AfterValidator(_not_the_operator)]
    name: Text | None = Field(None, description="For the directory of people; kept out of the log of facts.")
    administrator: bool | None = Field(None, description="Left out: as it is; a new member is none.")
    may_open_productions: bool | None = Field(None, description="Left out: as it is; a new member may not.")
    reads_confidential: bool | None = Field(
        None,
        description="Reads pay and the accounts above the line without a role that does. Left out: as it is; a new"
        " member does not.",
    )


class DismissMember(Command):
    """An administrator ends a person's membership; their tokens stop working."""

    refusals = (CompanyIsMissing, AdministratorAlone, MemberIsMissing, AdministratorStays)
    example: ClassVar = {"person": "maya", "reason": "Left the company."}

    person: PersonId


class SuspendMember(Command):
    """An administrator lets a member count for nothing for a while; their rights and roles wait for them."""

    refusals = (CompanyIsMissing, AdministratorAlone, MemberIsMissing, AdministratorStays)
    example: ClassVar = {"person": "maya", "reason": "Their laptop was stolen."}

    person: PersonId


class ReinstateMember(Command):
    """An administrator lets a suspended member count again."""

    refusals = (CompanyIsMissing, AdministratorAlone, MemberIsMissing)
    example: ClassVar = {"person": "maya", "reason": "New laptop, new password."}

    person: PersonId


CompanyCommand = (
    FoundCompany | AdmitMember | DismissMember | SuspendMember | ReinstateMember | delegation.DelegationCommand
)


Rights = tuple[Right, ...]


@dataclass(frozen=True, slots=True)
class Company:
    """What the company's decisions, and those of its productions, need to remember."""

    name: str
    members: Map[PersonId, Rights]
    suspended: frozenset[PersonId] = frozenset()
    delegations: Delegations = Delegations()

    def is_member(self, person: PersonId) -> bool:
        """Whether the person belongs to the company today, and is not suspended."""
        return person in self.members and person not in self.suspended

    def is_administrator(self, person: PersonId) -> bool:
        """Whether the person runs the company; the operator always may."""
        return person == OPERATOR or (self.is_member(person) and Right.ADMINISTRATOR in self.members[person])

    def may_open_productions(self, person: PersonId) -> bool:
        """Whether the person holds the right to open productions."""
        return self.is_member(person) and Right.MAY_OPEN_PRODUCTIONS in self.members[person]

    def reads_confidential(self, person: PersonId) -> bool:
        """Whether the person reads pay and the accounts above the line, whatever role they hold."""
        return self.is_member(person) and Right.READS_CONFIDENTIAL in self.members[person]


def held(company: Company | None, person: PersonId) -> tuple[str, ...]:
    """What the person is in the company, for the metadata of what they do there."""
    if person == OPERATOR:
        return (OPERATOR,)
    if company is None or not company.is_member(person):
        return ()
    return ("administrator", "member") if company.is_administrator(person) else ("member",)


def refusals(command: type[Command]) -> tuple[type[Exception], ...]:
    """Every refusal that sending the command can end in."""
    if not issubclass(command, delegation.DelegationCommand):
        return command.refusals
    named = (MemberIsMissing,) if command in (DelegateAuthority, SetAbsence) else ()
    return (CompanyIsMissing, *named, *command.refusals)


def decide(command: CompanyCommand, company: Company | None, metadata: Metadata) -> list[OfCompany]:
    """What the command makes happen, or the refusal it ends in."""
    if isinstance(command, delegation.DelegationCommand):
        return [*delegated(command, company, metadata)]
    match command:
        case FoundCompany():
            return [*found_company(command, company, metadata)]
        case AdmitMember():
            return [*admit_member(command, administered(company, metadata), metadata)]
        case DismissMember():
            return [*dismiss_member(command, administered(company, metadata), metadata)]
        case SuspendMember():
            return [*suspend_member(command, administered(company, metadata), metadata)]
        case ReinstateMember():
            return [*reinstate_member(command, administered(company, metadata))]


def delegated(
    command: delegation.DelegationCommand, company: Company | None, metadata: Metadata
) -> list[DelegationEvent]:
    """D1 to D5, among the members of the company."""
    actor = metadata.actor
    if company is None or not (company.is_member(actor) or actor == OPERATOR):
        raise CompanyIsMissing()
    administrator, given = company.is_administrator(actor), company.delegations
    named: PersonId | None = None
    match command:
        case DelegateAuthority(to=named) | SetAbsence(substitute=named):
            if not company.is_member(named):
                raise MemberIsMissing(named)
        case RevokeDelegation() | EndAbsence():
            pass
    match command:
        case DelegateAuthority():
            return delegation.delegate_authority(command, given, actor)
        case RevokeDelegation():
            return delegation.revoke_delegation(command, given, actor, administrator=administrator)
        case SetAbsence():
            return delegation.set_absence(command, given, actor, administrator=administrator)
        case EndAbsence():
            return delegation.end_absence(command, given, actor, administrator=administrator)


def administered(company: Company | None, metadata: Metadata) -> Company:
    """The company, if it exists and the actor runs it."""
    if company is None:
        raise CompanyIsMissing()
    if not company.is_administrator(metadata.actor):
        raise AdministratorAlone(metadata.actor)
    return company


def found_company(command: FoundCompany, company: Company | None, metadata: Metadata) -> list[OfCompany]:
    """C1; founding a company again under its name does nothing."""
    if metadata.actor != OPERATOR:
        raise OperatorAlone()
    if company is not None and company.name != command.name:
        raise CompanyIsFounded(company.name)
    if company is not None:
        return []
    return [CompanyFounded(command.name)]


def admit_member(command: AdmitMember, company: Company, metadata: Metadata) -> list[OfCompany]:
    """C2, C3; admitting a member with the rights they have does nothing."""
    asked = {right: getattr(command, right.value) for right in Right}
    has = company.members.get(command.person, ())
    rights = tuple(right for right in Right if (right in has if asked[right] is None else asked[right]))
    if company.members.get(command.person) == rights:
        return []
    if command.person == metadata.actor and Right.ADMINISTRATOR not in rights:
        raise AdministratorStays(command.person)
    return [MemberAdmitted(command.person, rights)]


def dismiss_member(command: DismissMember, company: Company, metadata: Metadata) -> list[OfCompany]:
    """C2, C3."""
    _another_member(command.person, company, metadata)
    return [MemberDismissed(command.person)]


def suspend_member(command: SuspendMember, company: Company, metadata: Metadata) -> list[OfCompany]:
    """C2, C3, C5; suspending a suspended member does nothing."""
    _another_member(command.person, company, metadata)
    return [] if command.person in company.suspended else [MemberSuspended(command.person)]


def reinstate_member(command: ReinstateMember, company: Company) -> list[OfCompany]:
    """C2, C5; reinstating a member who is not suspended does nothing."""
    if command.person not in company.members:
        raise MemberIsMissing(command.person)
    return [MemberReinstated(command.person)] if command.person in company.suspended else []


def _another_member(person: PersonId, company: Company, metadata: Metadata) -> None:
    if person not in company.members:
        raise MemberIsMissing(person)
    if person == metadata.actor:
        raise AdministratorStays(person)


def evolve(company: Company | None, event: OfCompany, metadata: Metadata) -> Company:
    """The company after the event."""
    if isinstance(event, CompanyFounded):
        return Company(event.name, members=Map())
    assert company is not None
    if isinstance(event, DelegationEvent):
        return replace(company, delegations=delegation.evolve(company.delegations, event))
    match event:
        case MemberAdmitted(person, rights):
            return replace(company, members=company.members.set(person, rights))
        case MemberDismissed(person):
            left = company.suspended - {person}
            return replace(company, members=company.members.delete(person), suspended=left)
        case MemberSuspended(person):
            return replace(company, suspended=company.suspended | {person})
        case MemberReinstated(person):
            return replace(company, suspended=company.suspended - {person})
