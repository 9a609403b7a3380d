"""The team: who holds which role on the production, by whose authority, from when.

T1  An executive producer appoints anyone; a producer appoints those who report to them.
T2  Whoever is appointed is a member of the company.
T3  An auditor holds no other role on the production.
T4  An executive producer leaves by their own act alone, and the last one not at all.
T5  A production whose executive producers have all left the company gets a new one from an administrator of the
    company, who is somebody else, did not dismiss any of them, and did not invite the new one; nor did anybody who
    invited them, or whom they invited. The operator of the service always may.
T6  A guest is appointed as financier, completion guarantor or auditor; an appointment to another role does not count.
T7  Whom somebody of the production, or whoever they brought into the company, dismissed from it is still waited for,
    until another administrator, or the operator, dismisses them as well: nobody removes who decides beside them.
"""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from immutables import Map
from pydantic import Field, ValidationInfo, field_validator

from events.envelope import Metadata
from events.ids import AccountCode, PersonId
from events.team import Appointed, AppointmentEnded, Role, TeamEvent

from .command import Command, Day
from .company import OF_GUESTS, Company, MemberIsMissing
from .refusal import Conflicting, Forbidden, Missing

#: T1: those who report to the producer.
REPORT_TO_PRODUCER = frozenset(
    {Role.CO_PRODUCER, Role.LINE_PRODUCER, Role.ASSOCIATE_PRODUCER, Role.ACCOUNTANT, Role.DEPARTMENT_HEAD}
)


@dataclass
class RoleIsAboveYours(Forbidden):
    """As {yours} you may not give or end the role of {role}."""

    rule = "T1"
    otherwise = "An executive producer may."
    role: Role
    yours: tuple[Role, ...]


@dataclass
class GuestHoldsNoSuchRole(Conflicting):
    """{person} is a guest of {guest_of} and cannot be made {role}: a guest is financier, guarantor or auditor."""

    rule = "T6"
    otherwise = "Appoint a member of the company."
    person: PersonId
    guest_of: str
    role: Role


@dataclass
class AuditorHoldsNoOtherRole(Conflicting):
    """{person} holds {held} and cannot be made {role}: an auditor holds no other role on the production."""

    rule = "T3"
    otherwise = "Appoint someone else, or end the other appointments first."
    person: PersonId
    held: tuple[Role, ...]
    role: Role


@dataclass
class RoleIsNotHeld(Missing):
    """{person} is not {role} on this production."""

    rule = "T1"
    otherwise = "Look up who holds which role in the audit trail."
    person: PersonId
    role: Role


@dataclass
class ExecutiveProducerLeavesByOwnAct(Forbidden):
    """{person} is an executive producer and leaves by their own act alone."""

    rule = "T4"
    otherwise = "{person} may end the appointment."
    person: PersonId


@dataclass
class LastExecutiveProducerStays(Conflicting):
    """{person} is the last executive producer; without one nobody could approve the budget."""

    rule = "T4"
    otherwise = "Appoint another executive producer first."
    person: PersonId


class Appoint(Command):
    """An executive producer appoints anyone; a producer appoints those who report to them."""

    refusals = (RoleIsAboveYours, MemberIsMissing, GuestHoldsNoSuchRole, AuditorHoldsNoOtherRole)
    example: ClassVar = {"person": "ravi", "role": "line_producer", "from_on": "2026-11-02"}

    person: PersonId
    role: Role
    from_on: Day
    accounts: tuple[AccountCode, ...] = Field(
        (), max_length=500, description="A department head's own: they are asked about what is asked for on these."
    )

    @field_validator("accounts", mode="after")
    @classmethod
    def _of_a_department(cls, accounts: tuple[AccountCode, ...], info: ValidationInfo) -> tuple[AccountCode, ...]:
        if accounts and info.data.get("role", Role.DEPARTMENT_HEAD) is not Role.DEPARTMENT_HEAD:
            raise ValueError("only a department head has accounts")
        return accounts


class EndAppointment(Command):
    """Whoever may appoint to a role may end it; an executive producer ends their own alone."""

    refusals = (RoleIsAboveYours, RoleIsNotHeld, ExecutiveProducerLeavesByOwnAct, LastExecutiveProducerStays)
    example: ClassVar = {"person": "ravi", "role": "line_producer", "reason": "Left for another show."}

    person: PersonId
    role: Role


TeamCommand = Appoint | EndAppointment

#: By person and role, the appointment that stands.
Team = Map[PersonId, Map[Role, Appointed]]


def held(team: Team, person: PersonId, on: date) -> tuple[Role, ...]:
    """The roles that count for the person on that business date, in the order of `Role`."""
    roles = team.get(person)
    return tuple(role for role in Role if role in roles and roles[role].from_on <= on) if roles else ()


def appoint(command: Appoint, team: Team, company: Company | None, roles: tuple[Role, ...]) -> list[TeamEvent]:
    """T1 to T3, T6; appointing someone to a role they hold, with the accounts they have, does nothing."""
    _outranks(roles, command.role)
    if company is None or not company.is_member(command.person):
        raise MemberIsMissing(command.person)
    guest_of = company.guests.get(command.person)
    if guest_of is not None and command.role not in OF_GUESTS:
        raise GuestHoldsNoSuchRole(command.person, guest_of, command.role)
    theirs = team.get(command.person, Map())
    if command.role in theirs and theirs[command.role].accounts == command.accounts:
        return []
    if command.role not in theirs and theirs and (command.role is Role.AUDITOR or Role.AUDITOR in theirs):
        raise AuditorHoldsNoOtherRole(command.person, tuple(r for r in Role if r in theirs), command.role)
    return [Appointed(command.person, command.role, command.from_on, command.accounts)]


def end_appointment(
    command: EndAppointment,
    team: Team,
    company: Company | None,
    roles: tuple[Role, ...],
    metadata: Metadata,
    on: date,
) -> list[TeamEvent]:
    """T1, T4."""
    _outranks(roles, command.role)
    if command.role not in team.get(command.person, Map()):
        raise RoleIsNotHeld(command.person, command.role)
    if command.role is Role.EXECUTIVE_PRODUCER:
        if command.person not in metadata.persons:
            raise ExecutiveProducerLeavesByOwnAct(command.person)
        others = [
            other
            for other in team
            if other != command.person and company is not None and company.counts_as(other, command.role)
        ]
        if not any(Role.EXECUTIVE_PRODUCER in held(team, other, on) for other in others):
            raise LastExecutiveProducerStays(command.person)
    return [AppointmentEnded(command.person, command.role)]


def _outranks(roles: tuple[Role, ...], role: Role) -> None:
    if Role.EXECUTIVE_PRODUCER not in roles and role not in REPORT_TO_PRODUCER:
        raise RoleIsAboveYours(role, roles)


def evolve(team: Team, event: TeamEvent) -> Team:
    """The team after the event."""
    match event:
        case Appointed(person, role):
            return team.set(person, team.get(person, Map()).set(role, event))
        case AppointmentEnded(person, role):
            left = team[person].delete(role)
            return team.set(person, left) if left else team.delete(person)
