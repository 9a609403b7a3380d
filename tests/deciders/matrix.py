"""Who may send what, and what comes of it, in every state of a production: each cell as the rules decide it."""

from functools import cache

from events.ids import PersonId
from events.team import Role
from service.deciders.authority import RoleMayNot
from service.deciders.command import Command
from service.deciders.company import (
    AdmitMember,
    DismissMember,
    InviteMember,
    ReinstateMember,
    SuspendMember,
    WithdrawInvitation,
)
from service.deciders.delegation import EndAbsence, RevokeDelegation
from service.deciders.production import ProductionIsClosed
from tests.deciders.ladders import SOUND
from tests.deciders.rounds import away, delegated
from tests.deciders.stories import (
    ADMINISTRATOR,
    CLOSED,
    DIRECTOR,
    DRAFTED,
    FOUNDED,
    GUESTS,
    MAYA,
    NOOR,
    OUTSIDER,
    PRIYA,
    SPENT,
    STAFFED,
    STRANGER,
    SUBMITTED,
    TEAM,
    TWO_HATS,
)
from tests.spec import Given, Story, given

#: By what a table calls them; guests are there and hold no role.
STATES: dict[str, Story] = {
    "just opened": [*STAFFED, *GUESTS],
    "a draft": [*DRAFTED, *GUESTS],
    "submitted": [*SUBMITTED, *GUESTS],
    "locked": [*SPENT, *GUESTS],
    "closed": [*CLOSED, *GUESTS],
}
#: One person a role, who holds no other.
PEOPLE: dict[Role, PersonId] = {roles[0]: person for person, roles in reversed(TEAM.items()) if person != TWO_HATS}
#: Who holds no role on the production, by what they are in the company.
WITHOUT: dict[str, PersonId] = {"administrator": ADMINISTRATOR, "member": STRANGER, "guest": PRIYA}
TAKEN, NOT_YOURS, IS_CLOSED = "x", "role", "closed"

#: A company in which everything is there that its commands speak of; each of them, as anybody may send it.
COMPANY: Story = [
    *FOUNDED,
    *GUESTS,
    (ADMINISTRATOR, InviteMember(person="ines", name="Ines Roth", email="ines@acme.example")),
    (ADMINISTRATOR, SuspendMember(person=NOOR)),
    (MAYA, delegated(DIRECTOR)),
    (MAYA, away(DIRECTOR)),
]
OF_COMPANY: tuple[Command, ...] = (
    AdmitMember(person=OUTSIDER),
    InviteMember(person=OUTSIDER, name="Zoe Kahn", email="zoe@acme.example"),
    WithdrawInvitation(person="ines"),
    DismissMember(person=DIRECTOR),
    SuspendMember(person=DIRECTOR),
    ReinstateMember(person=NOOR),
    delegated(DIRECTOR),
    RevokeDelegation(delegation="D-1"),
    away(DIRECTOR),
    EndAbsence(person=MAYA),
)


@cache
def _in(state: str) -> Given:
    return given(STATES[state])


@cache
def _in_company() -> Given:
    return given(COMPANY)


def outcome(state: str, person: PersonId, command: type[Command]) -> str:
    """What comes of it when the person sends the command in that state: taken, or the rule that refuses it."""
    return _told(_in(state), person, SOUND[command])


def in_company(person: PersonId, command: Command) -> str:
    """What comes of a company's own command."""
    return _told(_in_company(), person, command)


def _told(world: Given, person: PersonId, command: Command) -> str:
    refusal = world.when(person, command).refusal
    match refusal:
        case None:
            return TAKEN
        case RoleMayNot():
            return NOT_YOURS
        case ProductionIsClosed():
            return IS_CLOSED
        case _:
            return type(refusal).rule
