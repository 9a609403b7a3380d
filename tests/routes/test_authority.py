"""Every command, sent as every role over HTTP, in states from the opening to the end: who is let in, who is not."""

from collections.abc import AsyncIterator

import pytest

from events.ids import PersonId
from events.team import Role
from service.deciders.command import Command
from service.embedded import Server
from tests.deciders.ladders import SOUND
from tests.deciders.stories import CLOSED, LOCKED, STAFFED, SUBMITTED, TEAM, TWO_HATS
from tests.deciders.test_authority import ALLOWED, COMMANDS, LETTERS
from tests.routes.world import World, address, body, opened_world

STATES = {"just opened": STAFFED, "a budget submitted": SUBMITTED, "locked": LOCKED, "closed": CLOSED}
#: P3, in its own words.
AFTER_THE_END = {
    "RecordReceipt",
    "ReverseReceipt",
    "ReverseSpend",
    "RecodeSpend",
    "RequestPayment",
    "EndAppointment",
    "EnterStage",
}
#: One person a role, who holds no other.
PEOPLE: dict[Role, PersonId] = {roles[0]: person for person, roles in reversed(TEAM.items()) if person != TWO_HATS}
NOT_YOURS, IS_CLOSED = (
    (403, "urn:greenlight:problem:role-may-not"),
    (409, "urn:greenlight:problem:production-is-closed"),
)


@pytest.fixture(scope="module", params=STATES)
async def state(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[tuple[str, World]]:
    async with opened_world(server) as world:
        await world.play(STATES[request.param])
        yield request.param, world


def refused(state: str, command: type[Command], role: Role) -> tuple[int, str] | None:
    """What the table refuses it by, if it does."""
    if not ALLOWED[command.__name__][LETTERS[role]]:
        return NOT_YOURS
    return IS_CLOSED if state == "closed" and command.__name__ not in AFTER_THE_END else None


class TestEveryRole:
    def test_is_held_by_somebody_here(self) -> None:
        assert PEOPLE.keys() == set(Role)

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    async def test_is_answered_as_the_table_says(self, state: tuple[str, World], command: type[Command]) -> None:
        name, world = state
        before, expected, answered = await world.last_position(), {}, {}
        for role, person in PEOPLE.items():
            expected[role] = refused(name, command, role)
            # What may be sent is rehearsed, so that the state stays as it is for the others.
            how = "" if expected[role] else "?dry_run=true"
            answer = await world.post(person, address(command) + how, body(SOUND[command]))
            said = (answer.status_code, answer.json().get("type", ""))
            answered[role] = said if said in (NOT_YOURS, IS_CLOSED) else None
            assert answer.status_code < 500, answer.text

        assert answered == expected
        assert await world.last_position() == before
