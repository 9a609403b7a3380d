"""Every cell of the tables of authority over HTTP: every command, in every state, as every role and as who has none."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from events.team import Role
from service.deciders.command import Command
from service.embedded import Server
from tests.deciders.ladders import SOUND
from tests.deciders.matrix import (
    COMPANY,
    IS_CLOSED,
    NOT_YOURS,
    OF_COMPANY,
    PEOPLE,
    STATES,
    TAKEN,
    WITHOUT,
    in_company,
    outcome,
)
from tests.deciders.test_authority import ALLOWED, COMMANDS, LETTERS
from tests.routes.world import World, address, body, opened_world

SENDERS = {**PEOPLE, **WITHOUT}


@pytest.fixture(scope="module", params=STATES)
async def state(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[tuple[str, World]]:
    async with opened_world(server) as world:
        await world.play(STATES[request.param])
        yield request.param, world


@pytest.fixture(scope="module")
async def company(server: Server) -> AsyncIterator[World]:
    async with opened_world(server) as world:
        await world.play(COMPANY)
        yield world


def told(answer: httpx2.Response) -> str:
    """What came of it, in the words of the table."""
    if answer.is_success:
        return TAKEN
    return {"P2": NOT_YOURS, "P3": IS_CLOSED}.get(answer.json()["rule"], answer.json()["rule"])


async def sent(world: World, person: str, command: Command, expected: str) -> str:
    """What is to be taken is rehearsed, so that the state stays as it is for the others."""
    how = "?dry_run=true" if expected == TAKEN else ""
    return told(await world.post(person, address(type(command)) + how, body(command)))


class TestEveryRole:
    def test_is_held_by_somebody_here(self) -> None:
        assert PEOPLE.keys() == set(Role)

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    async def test_is_answered_as_the_tables_say(self, state: tuple[str, World], command: type[Command]) -> None:
        name, world = state
        before = await world.last_position()
        expected = {who: outcome(name, person, command) for who, person in SENDERS.items()}
        answered = {who: await sent(world, person, SOUND[command], expected[who]) for who, person in SENDERS.items()}

        assert answered == expected
        assert {who for who, what in answered.items() if what != NOT_YOURS} == {
            role for role in Role if ALLOWED[command.__name__][LETTERS[role]]
        }
        assert await world.last_position() == before


class TestACompany:
    @pytest.mark.parametrize("command", OF_COMPANY, ids=lambda command: type(command).__name__)
    async def test_answers_its_own_commands_as_the_table_says(self, company: World, command: Command) -> None:
        before = await company.last_position()
        expected = {who: in_company(person, command) for who, person in WITHOUT.items()}
        answered = {who: await sent(company, person, command, expected[who]) for who, person in WITHOUT.items()}

        assert answered == expected
        assert await company.last_position() == before
