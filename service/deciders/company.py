"""A company admits its members and says which of them may open productions.

Stream: `company`. The operator founds it from the command line; its administrators run it.

C1  A company is founded once, by the operator of the service.
C2  Only the operator and the company's administrators admit and dismiss members.
C3  An administrator neither dismisses, suspends nor demotes themselves: another one does, so that the company keeps
    one.
C5  Who is suspended acts in nothing until reinstated: no token lets them in. Rounds wait for them, or suspending would
    take a say away.
C6  A guest comes from another company and holds no right of this one; a member becomes no guest, and a guest no
    member, but by being dismissed and admitted anew.
C7  Whoever is invited belongs to the company once they accept it themselves, within 14 days. Who is a member, or was
    one, is not invited: whoever accepted would be them.

C8  What lets somebody in (tokens, keys, sign-ins) ends with their membership for good: who is admitted again gets anew.
C9  Nobody lets themselves read what is confidential: another administrator does, or the operator.

Who acts for whom (D1 to D6) is kept in the same stream.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, TypeVar
from uuid import UUID

from immutables import Map
from pydantic import AfterValidator, Field

from events import OfCompany
from events.company import (
    CompanyFounded,
    InvitationWithdrawn,
    MemberAdmitted,
    MemberDismissed,
    MemberInvited,
    MemberReinstated,
    MemberSuspended,
    Right,
)
from events.delegation import DelegationEvent
from events.envelope import Metadata
from events.ids import PersonId, Text
from events.team import Role

from . import delegation
from .command import Command, Email
from .delegation import (
    DelegateAuthority,
    DelegationIsMissing,
    Delegations,
    EndAbsence,
    NotOfOneCompany,
    RevokeDelegation,
    SetAbsence,
)
from .refusal import Conflicting, Forbidden, Missing

#: The actor of the command line, who stands outside every company.
OPERATOR = "operator"
#: How long an invitation stands.
INVITED_FOR = timedelta(days=14)
#: The roles that guests hold.
OF_GUESTS = frozenset({Role.FINANCIER, Role.COMPLETION_GUARANTOR, Role.AUDITOR})


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


@dataclass
class MemberIsNoGuest(Conflicting):
    """{person} is a member of the company, and does not become a guest by being admitted again."""

    rule = "C6"
    otherwise = "Dismiss them first; their roles on productions then count no more, but for those that guests hold."
    person: PersonId


@dataclass
class GuestHoldsNoRight(Conflicting):
    """{person} is a guest of {guest_of}, and a guest holds no right of the company."""

    rule = "C6"
    otherwise = "Leave the rights out; an executive producer appoints guests as financier, guarantor or auditor."
    person: PersonId
    guest_of: str


@dataclass
class NotForOneself(Forbidden):
    """{person} may not let themselves read what is confidential."""

    rule = "C9"
    otherwise = "Another administrator of the company, or the operator of the service, may."
    person: PersonId


@dataclass
class BelongedBefore(Conflicting):
    """{person} is a member of the company, or was one, and is not invited: whoever accepted would be them."""

    rule = "C7"
    otherwise = "An administrator may admit them again; how they sign in anew, only the operator of the service says."
    person: PersonId


@dataclass
class InvitationIsMissing(Missing):
    """There is no such invitation that is open."""

    rule = "C7"
    otherwise = "An administrator of the company may send one."


@dataclass
class InvitationIsExpired(Conflicting):
    """The invitation stood until {expires_at}."""

    rule = "C7"
    otherwise = "An administrator of the company may send it again."
    expires_at: datetime


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

    refusals = (
        CompanyIsMissing,
        AdministratorAlone,
        AdministratorStays,
        NotForOneself,
        MemberIsNoGuest,
        GuestHoldsNoRight,
    )
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
    guest_of: Text | None = Field(
        None, description="The company that a guest comes from. Left out: as it is; a new member is no guest."
    )


class InviteMember(Command):
    """An administrator invites a person, who belongs to the company once they accept; sent again, it stands anew."""

    refusals = (CompanyIsMissing, AdministratorAlone, BelongedBefore, GuestHoldsNoRight)
    example: ClassVar = {
        "person": "priya",
        "name": "Priya Nair",
        "email": "priya@firstbank.example",
        "guest_of": "First Bank",
    }

    person: Annotated[PersonId, AfterValidator(_not_the_operator)]
    name: Text = Field(description="For the directory of people; kept out of the log of facts.")
    email: Email = Field(
        description="Whoever accepts signs in with this address, upper and lower case alike; kept out of the log, too."
    )
    administrator: bool = False
    may_open_productions: bool = False
    reads_confidential: bool = False
    guest_of: Text | None = Field(None, description="The company that a guest comes from.")


class WithdrawInvitation(Command):
    """An administrator takes an invitation back that was not accepted."""

    refusals = (CompanyIsMissing, AdministratorAlone, InvitationIsMissing)
    example: ClassVar = {"person": "priya", "reason": "The bank sends somebody else."}

    person: PersonId


class AcceptInvitation(Command):
    """Whoever was invited belongs to the company; the doors have made sure that it is them."""

    refusals = (InvitationIsMissing, InvitationIsExpired)
    example: ClassVar = {"invitation": "0b1f6a4e-6d52-4a2c-9a27-3f1b6f0f5a11"}

    invitation: UUID = Field(description="The command that sent it.")


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
    FoundCompany
    | AdmitMember
    | InviteMember
    | WithdrawInvitation
    | AcceptInvitation
    | DismissMember
    | SuspendMember
    | ReinstateMember
    | delegation.DelegationCommand
)


Rights = tuple[Right, ...]
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who accepts it has these rights."""

    rights: Rights
    guest_of: str | None
    expires_at: datetime
    #: The command that sent it: the address that it was sent to stands beside the log under this id.
    sent: UUID
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Somebody was dismissed, once or more often."""

    #: The last time: what let them in before lets nobody in.
    at: datetime
    #: Whoever did it, each time, and the last one.
    by: frozenset[PersonId]
    last: PersonId


@dataclass(frozen=True, slots=True)
class Company:
    """What the company's decisions, and those of its productions, need to remember."""

    name: str
    members: Map[PersonId, Rights]
    suspended: frozenset[PersonId] = frozenset()
    delegations: Delegations = Delegations()
    #: Of those members who are guests, the company that they come from.
    guests: Map[PersonId, str] = Map()
    #: The last one of each person, until they leave.
    invitations: Map[PersonId, Invitation] = Map()
    #: Who was dismissed, and may have been admitted again.
    dismissed: Map[PersonId, Dismissal] = Map()
    #: Of who was ever invited, by whom.
    invited_by: Map[PersonId, frozenset[PersonId]] = Map()
    #: Of who was admitted without being invited, by whom first.
    admitted_by: Map[PersonId, PersonId] = Map()

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

    def belongs(self, person: PersonId) -> bool:
        """Whether the person is a member and no guest, suspended or not."""
        return person in self.members and person not in self.guests

    def counts_as(self, person: PersonId, role: Role) -> bool:
        """Whether an appointment of the person counts; of a guest, only to a role that guests hold."""
        return self.is_member(person) and self.sits_as(person, role)

    def sits_as(self, person: PersonId, role: Role) -> bool:
        """Whether rounds wait for the person by that role: for the suspended too, who are no departure."""
        return person in self.members and (person not in self.guests or role in OF_GUESTS)

    def put_out_by(self, person: PersonId, others: Collection[PersonId]) -> bool:
        """T7: whether one of the others dismissed the person, or somebody they brought; who was readmitted stands."""
        if person not in self.dismissed or (person in self.members and person not in self.guests):
            return False
        hands = self._brought(self.dismissed[person].last) - {person}
        return any(other in self.members for other in hands.intersection(others))

    def kept_from(self, person: PersonId) -> str | None:
        """Why somebody whom rounds wait for cannot come in, and what helps; None of who can."""
        if person in self.suspended:
            return "suspended until an administrator reinstates them"
        return None if person in self.members else "dismissed; an administrator may admit them again"

    def may_stand_in(self, person: PersonId, other: PersonId) -> bool:
        """D6: whether the person may act for the other, if the other lets them."""
        return self.is_member(person) and self.is_member(other) and self.of_one_company(person, other)

    def of_one_company(self, person: PersonId, other: PersonId) -> bool:
        """Whether both are guests of the same company, or neither is a guest."""
        return self.guests.get(person) == self.guests.get(other)

    def lets_in(self, person: PersonId, made_at: datetime) -> bool:
        """C8: whether what was made for the person then, to let them in, still does."""
        left = self.dismissed.get(person)
        return self.is_member(person) and (left is None or made_at > left.at)

    def hands(self, person: PersonId) -> frozenset[PersonId]:
        """The person, whoever invited them, and so on: somebody who was invited may be the one who invited them."""
        return _up_from(person, lambda one: self.invited_by.get(one, frozenset()))

    def _brought(self, person: PersonId) -> frozenset[PersonId]:
        """The person, and whoever brought them into the company by inviting or admitting them, and so on."""
        return _up_from(person, lambda one: self.invited_by.get(one, frozenset()) | {self.admitted_by.get(one, one)})

    def stands_apart(self, administrator: PersonId, leavers: Iterable[PersonId], successor: PersonId) -> bool:
        """T5: whether no hand of the administrator's made the leavers leave, or brought who follows them."""
        dismissed_by = {each for person in leavers if person in self.dismissed for each in self.dismissed[person].by}
        others = {hand for person in (*dismissed_by, successor) for hand in self.hands(person)}
        return administrator == OPERATOR or self.hands(administrator).isdisjoint(others)

    def open_invitation(self, person: PersonId) -> Invitation | None:
        """The invitation that the person has not accepted, be it too late or not."""
        found = self.invitations.get(person)
        return None if found is None or found.accepted else found


def held(company: Company | None, person: PersonId) -> tuple[str, ...]:
    """What the person is in the company, for the metadata of what they do there."""
    if person == OPERATOR:
        return (OPERATOR,)
    if company is None or not company.is_member(person):
        return ()
    if person in company.guests:
        return ("guest",)
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
        case InviteMember():
            return [*invite_member(command, administered(company, metadata), metadata)]
        case WithdrawInvitation():
            return [*withdraw_invitation(command, administered(company, metadata))]
        case AcceptInvitation():
            return [*accept_invitation(command, company, metadata)]
        case DismissMember():
            return [*dismiss_member(command, administered(company, metadata), metadata)]
        case SuspendMember():
            return [*suspend_member(command, administered(company, metadata), metadata)]
        case ReinstateMember():
            return [*reinstate_member(command, administered(company, metadata))]


def delegated(
    command: delegation.DelegationCommand, company: Company | None, metadata: Metadata
) -> list[DelegationEvent]:
    """D1 to D6, among the members of the company."""
    actor = metadata.actor
    if company is None or not (company.is_member(actor) or actor == OPERATOR):
        raise CompanyIsMissing()
    administrator, given = company.is_administrator(actor), company.delegations
    match command:
        case DelegateAuthority(to=to) | SetAbsence(substitute=to):
            _stands_in(to, actor, company)
        case RevokeDelegation(delegation=number):
            of = given.given.get(number)
            if of is not None and actor in company.guests and not company.of_one_company(of.grantor, actor):
                raise DelegationIsMissing(number)
        case EndAbsence():
            pass
    match command:
        case DelegateAuthority():
            return delegation.delegate_authority(command, given, actor)
        case RevokeDelegation():
            return delegation.revoke_delegation(command, given, actor, administrator=administrator)
        case SetAbsence():
            return delegation.set_absence(command, given, actor)
        case EndAbsence():
            return delegation.end_absence(command, given, actor, administrator=administrator)


def _stands_in(to: PersonId, actor: PersonId, company: Company) -> None:
    """D6; for a guest, who is not of their own company is not here."""
    together = company.of_one_company(to, actor)
    if not company.is_member(to) or (actor in company.guests and not together):
        raise MemberIsMissing(to)
    if not together:
        raise NotOfOneCompany(to, actor)


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
    """C2, C3, C6; admitting a member with the rights they have does nothing."""
    asked = {right: getattr(command, right.value) for right in Right}
    has = company.members.get(command.person, ())
    rights = tuple(right for right in Right if (right in has if asked[right] is None else asked[right]))
    of = company.guests.get(command.person)
    guest_of = of if command.guest_of is None else command.guest_of
    if company.members.get(command.person) == rights and of == guest_of:
        return []
    if command.person == metadata.actor and Right.ADMINISTRATOR not in rights:
        raise AdministratorStays(command.person)
    if command.person == metadata.actor and Right.READS_CONFIDENTIAL in rights and Right.READS_CONFIDENTIAL not in has:
        raise NotForOneself(command.person)
    if guest_of is not None and command.person in company.members and of is None:
        raise MemberIsNoGuest(command.person)
    _guest_without_rights(command.person, guest_of, rights)
    return [MemberAdmitted(command.person, rights, guest_of)]


def invite_member(command: InviteMember, company: Company, metadata: Metadata) -> list[OfCompany]:
    """C2, C6, C7; sent again, the invitation stands anew, with what it says now."""
    if command.person in company.members or command.person in company.dismissed:
        raise BelongedBefore(command.person)
    rights = tuple(right for right in Right if getattr(command, right.value))
    _guest_without_rights(command.person, command.guest_of, rights)
    return [MemberInvited(command.person, rights, command.guest_of, metadata.at + INVITED_FOR)]


def withdraw_invitation(command: WithdrawInvitation, company: Company) -> list[OfCompany]:
    """C2, C7."""
    if company.open_invitation(command.person) is None:
        raise InvitationIsMissing()
    return [InvitationWithdrawn(command.person)]


def accept_invitation(command: AcceptInvitation, company: Company | None, metadata: Metadata) -> list[OfCompany]:
    """C7; accepting again does nothing."""
    invited = None if company is None else company.invitations.get(metadata.actor)
    if invited is None or invited.sent != command.invitation:
        raise InvitationIsMissing()
    if invited.accepted:
        return []
    if metadata.at >= invited.expires_at:
        raise InvitationIsExpired(invited.expires_at)
    return [MemberAdmitted(metadata.actor, invited.rights, invited.guest_of)]


def dismiss_member(command: DismissMember, company: Company, metadata: Metadata) -> list[OfCompany]:
    """C2, C3, D1; T7: another one may dismiss again whom somebody dismissed for their own ends."""
    before = company.dismissed.get(command.person)
    if command.person in company.members or before is None or metadata.actor in before.by:
        _another_member(command.person, company, metadata)
    return [MemberDismissed(command.person), *delegation.ended_with(command.person, company.delegations)]


def suspend_member(command: SuspendMember, company: Company, metadata: Metadata) -> list[OfCompany]:
    """C2, C3, C5; suspending a suspended member does nothing."""
    _another_member(command.person, company, metadata)
    return [] if command.person in company.suspended else [MemberSuspended(command.person)]


def reinstate_member(command: ReinstateMember, company: Company) -> list[OfCompany]:
    """C2, C5; reinstating a member who is not suspended does nothing."""
    if command.person not in company.members:
        raise MemberIsMissing(command.person)
    return [MemberReinstated(command.person)] if command.person in company.suspended else []


def _guest_without_rights(person: PersonId, guest_of: str | None, rights: Rights) -> None:
    if guest_of is not None and rights:
        raise GuestHoldsNoRight(person, guest_of)


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
        case MemberAdmitted(person, rights, guest_of):
            guests = company.guests if guest_of is None else company.guests.set(person, guest_of)
            admitted = replace(company, members=company.members.set(person, rights), guests=guests)
            if person not in company.admitted_by and metadata.actor not in (person, OPERATOR):
                admitted = replace(admitted, admitted_by=company.admitted_by.set(person, metadata.actor))
            invited = company.open_invitation(person)
            if invited is None:
                return admitted
            if metadata.actor != person:
                return replace(admitted, invitations=_without(company.invitations, person))
            accepted = replace(invited, accepted=True)
            return replace(admitted, invitations=company.invitations.set(person, accepted))
        case MemberInvited(person, rights, guest_of, expires_at):
            invitation = Invitation(rights, guest_of, expires_at, metadata.command_id)
            invited_by = company.invited_by.get(person, frozenset()) | {metadata.actor}
            return replace(
                company,
                invitations=company.invitations.set(person, invitation),
                invited_by=company.invited_by.set(person, invited_by),
            )
        case InvitationWithdrawn(person):
            return replace(company, invitations=_without(company.invitations, person))
        case MemberDismissed(person):
            before = company.dismissed.get(person)
            by = frozenset({metadata.actor}) | (frozenset() if before is None else before.by)
            return replace(
                company,
                members=_without(company.members, person),
                suspended=company.suspended - {person},
                guests=_without(company.guests, person),
                invitations=_without(company.invitations, person),
                dismissed=company.dismissed.set(person, Dismissal(metadata.at, by, metadata.actor)),
            )
        case MemberSuspended(person):
            return replace(company, suspended=company.suspended | {person})
        case MemberReinstated(person):
            return replace(company, suspended=company.suspended - {person})


def _up_from(person: PersonId, by: Callable[[PersonId], frozenset[PersonId]]) -> frozenset[PersonId]:
    """The person, and those whom `by` names of them, of these, and so on."""
    found, ahead = {person}, [person]
    while ahead:
        further = by(ahead.pop()) - found
        found |= further
        ahead += further
    return frozenset(found)


def _without(kept: Map[PersonId, V], person: PersonId) -> Map[PersonId, V]:
    return kept.delete(person) if person in kept else kept
