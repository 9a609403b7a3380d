"""Votes that race: the quorum is exact, nothing is lost or counted twice, and what passes has one effect.

Over HTTP and a real database: everybody at once, each more than once under the same key.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from events.approval import (
    ApprovalGiven,
    BudgetApproved,
    RequestApproved,
    VoteLapsed,
)
from events.change import BudgetTransferred
from events.envelope import Recorded
from events.ids import PersonId, RoundId
from events.policy import Approver, Mode, Step
from events.team import AppointmentEnded, Role
from service.deciders.approval import Approve
from service.deciders.command import Command
from service.deciders.company import AdmitMember
from service.deciders.policy import AdoptApprovalPolicy
from service.deciders.production import Production
from service.deciders.submission import SubmitBudget
from service.deciders.team import EndAppointment
from service.embedded import Server
from tests.deciders.rounds import policy, transfer
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ADMINISTRATOR,
    ART,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    STORY,
    SUBMITTED,
    TWO_HATS,
    appoint,
    budget,
)
from tests.forms import either
from tests.routes.world import World, address, body, opened_world
from tests.spec import Story

#: Who vote; each sends theirs twice, so that 50 requests are under way at once.
VOTERS = [f"voter-{number}" for number in range(25)]
ROUNDS = either(short=8, long=1000)
QUORUM = 10
STREAM = "acme/the-long-take"
DIRECTORS = Step((Approver(Role.DIRECTOR),), Mode.QUORUM, quorum=QUORUM)

#: The voters are members, and directors of the production.
WITH_VOTERS: Story = [
    *((ADMINISTRATOR, AdmitMember(person=voter)) for voter in VOTERS),
    *((MAYA, appoint(voter, Role.DIRECTOR)) for voter in VOTERS),
]


@pytest.fixture
async def world(server: Server) -> AsyncIterator[World]:
    async with opened_world(server) as opened:
        yield opened


async def state(world: World) -> Production:
    """What decisions are made on now."""
    found = (await world.doors.handling.production(STREAM)).state
    assert found is not None
    return found


async def asks(world: World) -> Approve:
    """A yes to what the latest round asks about."""
    rounds = (await state(world)).approvals.rounds
    number = f"A-{len(rounds)}"
    return Approve(round=number, content_hash=rounds[number].content_hash)


async def adopted(world: World, terms: Any) -> None:
    """The policy that Maya proposed, and all executive producers approved."""
    await world.play([(MAYA, AdoptApprovalPolicy(terms=terms))])
    yes = await asks(world)
    await world.play([(NOOR, yes), (TWO_HATS, yes)])


async def facts(world: World, *kinds: type) -> list[Recorded]:
    """What is recorded of these kinds, in order."""
    return [each for each in await world.doors.log.read_stream(STREAM) if isinstance(each.event, kinds)]


async def racing(
    world: World, *sent: tuple[PersonId, Command, str], apart: Callable[[], float] = lambda: 0.0
) -> list[httpx2.Response]:
    """All of it at once, each under its key.

    Args:
        apart: after how many seconds each is sent, so that who comes first is nobody's choice.
    """

    async def one(person: PersonId, command: Command, key: str) -> httpx2.Response:
        await asyncio.sleep(apart())
        carried = await world.headers(person) | {"Idempotency-Key": key}
        return await world.client.post(address(type(command)), content=body(command), headers=carried)

    answers = await asyncio.gather(*(one(*each) for each in sent))
    world.time.now += timedelta(seconds=1)
    return answers


async def test_a_quorum_is_exact_however_many_vote_at_once(
    world: World, chance: random.Random, record_property: Callable[[str, Any], None]
) -> None:
    await world.play([*LOCKED, *WITH_VOTERS])
    await adopted(world, policy(DIRECTORS))
    accepted, raced = 0, set[RoundId]()
    for number in range(ROUNDS):
        left, reached = (STORY, ART) if number % 2 == 0 else (ART, STORY)
        await world.play([(PRODUCER, transfer("1", left, reached))])
        vote = await asks(world)
        votes = [(voter, vote, f"{voter}-in-{vote.round}") for voter in VOTERS] * 2
        chance.shuffle(votes)
        answers = await racing(world, *votes)

        told: dict[str, set[tuple[int, Any]]] = {}
        for (_, _, key), answer in zip(votes, answers, strict=True):
            assert answer.status_code in (201, 409), answer.text
            told.setdefault(key, set()).add((answer.status_code, answer.json().get("command_id")))
        yes = {key for key, said in told.items() if {status for status, _ in said} == {201}}
        assert all(len(said) == 1 for key, said in told.items() if key in yes), "a retry is told the same"
        assert len(yes) == QUORUM
        assert len(told) == len(VOTERS)
        accepted += len(yes)
        raced.add(vote.round)

    record_property("rounds", ROUNDS)
    record_property("requests that raced", ROUNDS * len(VOTERS) * 2)
    record_property("votes counted", accepted)
    given = [each for each in await facts(world, ApprovalGiven) if each.event.round in raced]
    passed = Counter(each.event.round for each in await facts(world, RequestApproved) if each.event.round in raced)
    by_round = Counter(each.event.round for each in given)
    assert len(given) == accepted == QUORUM * ROUNDS
    assert len({(each.event.round, each.metadata.actor) for each in given}) == len(given)
    assert set(by_round.values()) == {QUORUM}
    assert list(passed.values()) == [1] * ROUNDS
    assert len(await facts(world, BudgetTransferred)) == ROUNDS


async def test_an_edit_that_races_with_the_last_vote_is_never_approved_unseen(
    world: World, chance: random.Random, record_property: Callable[[str, Any], None]
) -> None:
    await world.play(SUBMITTED)
    approved = replaced = 0
    for number in range(either(short=12, long=300)):
        yes = await asks(world)
        edit = budget(str(200001 + number)).model_copy(update={"round": yes.round})
        sent: list[tuple[PersonId, Command, str]] = [(LINE_PRODUCER, edit, f"edit-{number}")]
        sent += [(MAYA, yes, f"yes-{number}")] * 2
        # Each first once, and then as it comes.
        apart = (lambda: 0.0) if number < 2 else (lambda: chance.random() * 0.005)
        await racing(world, *(sent if number % 2 else reversed(sent)), apart=apart)
        production = await state(world)
        after = production.approvals.rounds[yes.round]
        if after.outcome.value == "approved":
            approved += 1
            assert after.content_hash == yes.content_hash, "what was approved is what was seen"
            working = production.budgets.working.get("main")
            if working is None:
                await world.play([(LINE_PRODUCER, budget(str(300000 + number)))])
                working = (await state(world)).budgets.working["main"]
            await world.play([(PRODUCER, SubmitBudget(budget=working))])
        else:
            replaced += 1
            assert after.votes == (), "no answer is carried over"
            assert after.content_hash != yes.content_hash
    for each in await facts(world, BudgetApproved):
        gave = [f.event for f in await facts(world, ApprovalGiven) if f.event.round == each.event.round]
        assert [vote.content_hash for vote in gave] == [each.event.content_hash]
    record_property("votes that came before the edit", approved)
    record_property("edits that came before the vote", replaced)
    assert approved, "the vote came first now and then"
    assert replaced, "so did the edit"


async def test_a_role_that_ends_while_the_last_vote_is_on_its_way_does_not_count(
    world: World, chance: random.Random
) -> None:
    await world.play([*LOCKED, *WITH_VOTERS])
    await adopted(world, policy(Step((Approver(Role.DIRECTOR),), Mode.QUORUM, quorum=2)))
    ended_first = 0
    for number in range(either(short=10, long=len(VOTERS) - 2)):
        leaving, first, second = VOTERS[number], VOTERS[-1], VOTERS[-2]
        await world.play([(PRODUCER, transfer(str(number + 1)))])
        vote = await asks(world)
        await world.play([(leaving, vote)])
        end = EndAppointment(person=leaving, role=Role.DIRECTOR, reason=WHY)
        sent = [(MAYA, end, f"end-{number}"), (first, vote, f"yes-{number}")]
        apart = (lambda: 0.0) if number < 2 else (lambda: chance.random() * 0.005)
        await racing(world, *(sent if number % 2 else reversed(sent)), apart=apart)
        await racing(world, (second, vote, f"second-{number}"))
        recorded = await world.doors.log.read_stream(STREAM)
        passed = next(e for e in recorded if isinstance(e.event, RequestApproved) and e.event.round == vote.round)
        ended = next(e for e in recorded if e.event == AppointmentEnded(leaving, Role.DIRECTOR))
        lapsed = [e for e in recorded if isinstance(e.event, VoteLapsed) and e.event.round == vote.round]
        gone = ended.version < passed.version
        assert bool(lapsed) == gone, "an answer lapses if, and only if, the role ended first"
        ended_first += gone
    assert ended_first > 0, "the end came first now and then"
