"""A company admits its members and says which of them may open productions.

Stream: `company`. The operator founds it from the command line; its administrators run it.

C1  A company is founded once, by the operator of the service.
C2  Only the operator and the company's administrators admit and dismiss members.
C3  An administrator neither dismisses nor demotes themselves: another one does, so that the company keeps one.
"""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from immutables import Map
from pydantic import AfterValidator, Field

from events.company import CompanyEvent, CompanyFounded, MemberAdmitted, MemberDismissed, Right
from events.envelope import Metadata
from events.ids import PersonId, Text

from .command import Command
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
    """{person} is an administrator and may neither dismiss nor demote themselves."""

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


class DismissMember(Command):
    """An administrator ends a person's membership; their tokens stop working."""

    refusals = (CompanyIsMissing, AdministratorAlone, MemberIsMissing, AdministratorStays)
    example: ClassVar = {"person": "maya", "reason": "Left the company."}

    person: PersonId


CompanyCommand = FoundCompany | AdmitMember | DismissMember


Rights = tuple[Right, ...]


@dataclass(frozen=True, slots=True)
class Company:
    """What the company's decisions, and those of its productions, need to remember."""

    name: str
    members: Map[PersonId, Rights]

    def is_member(self, person: PersonId) -> bool:
        """Whether the person belongs to the company today."""
        return person in self.members

    def is_administrator(self, person: PersonId) -> bool:
        """Whether the person runs the company; the operator always may."""
        return person == OPERATOR or Right.ADMINISTRATOR in self.members.get(person, ())

    def may_open_productions(self, person: PersonId) -> bool:
        """Whether the person holds the right to open productions."""
        return Right.MAY_OPEN_PRODUCTIONS in self.members.get(person, ())


def held(company: Company | None, person: PersonId) -> tuple[str, ...]:
    """What the person is in the company, for the metadata of what they do there."""
    if person == OPERATOR:
        return (OPERATOR,)
    if company is None or not company.is_member(person):
        return ()
    return ("administrator", "member") if company.is_administrator(person) else ("member",)


def decide(command: CompanyCommand, company: Company | None, metadata: Metadata) -> list[CompanyEvent]:
    """What the command makes happen, or the refusal it ends in."""
    match command:
        case FoundCompany():
            return found_company(command, company, metadata)
        case AdmitMember():
            return admit_member(command, administered(company, metadata), metadata)
        case DismissMember():
            return dismiss_member(command, administered(company, metadata), metadata)


def administered(company: Company | None, metadata: Metadata) -> Company:
    """The company, if it exists and the actor runs it."""
    if company is None:
        raise CompanyIsMissing()
    if not company.is_administrator(metadata.actor):
        raise AdministratorAlone(metadata.actor)
    return company


def found_company(command: FoundCompany, company: Company | None, metadata: Metadata) -> list[CompanyEvent]:
    """C1; founding a company again under its name does nothing."""
    if metadata.actor != OPERATOR:
        raise OperatorAlone()
    if company is not None and company.name != command.name:
        raise CompanyIsFounded(company.name)
    if company is not None:
        return []
    return [CompanyFounded(command.name)]


def admit_member(command: AdmitMember, company: Company, metadata: Metadata) -> list[CompanyEvent]:
    """C2, C3; admitting a member with the rights they have does nothing."""
    asked = {Right.ADMINISTRATOR: command.administrator, Right.MAY_OPEN_PRODUCTIONS: command.may_open_productions}
    has = company.members.get(command.person, ())
    rights = tuple(right for right in Right if (right in has if asked[right] is None else asked[right]))
    if company.members.get(command.person) == rights:
        return []
    if command.person == metadata.actor and Right.ADMINISTRATOR not in rights:
        raise AdministratorStays(command.person)
    return [MemberAdmitted(command.person, rights)]


def dismiss_member(command: DismissMember, company: Company, metadata: Metadata) -> list[CompanyEvent]:
    """C2, C3."""
    if not company.is_member(command.person):
        raise MemberIsMissing(command.person)
    if command.person == metadata.actor:
        raise AdministratorStays(command.person)
    return [MemberDismissed(command.person)]


def evolve(company: Company | None, event: CompanyEvent, metadata: Metadata) -> Company:
    """The company after the event."""
    if isinstance(event, CompanyFounded):
        return Company(event.name, members=Map())
    assert company is not None
    match event:
        case MemberAdmitted(person, rights):
            return replace(company, members=company.members.set(person, rights))
        case MemberDismissed(person):
            return replace(company, members=company.members.delete(person))
