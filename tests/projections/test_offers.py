"""What a round says that each may do, each may: nobody is sent into a refusal, and nobody is left out."""

from collections.abc import Iterator
from itertools import product
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from events import OfCompany
from events.delegation import Power
from events.envelope import Recorded
from events.ids import PersonId
from projections import approval_status
from projections.approval_view import ApprovalRound, ApprovalStatus, view
from service.deciders.approval import (
    Abstain,
    Approve,
    CannotTakeEffect,
    CloseCondition,
    Nudge,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from service.deciders.command import Command
from service.deciders.company import OPERATOR, DismissMember, SuspendMember
from service.deciders.refusal import Refusal
from service.deciders.situation import barred_from
from tests.deciders.made_up import PEOPLE, WHY, History, attempted, bounded, histories
from tests.deciders.rounds import away, delegated
from tests.deciders.stories import LINE_PRODUCER, MAYA, NOOR, STRANGER, inr
from tests.handling.office import STREAM
from tests.spec import Story, World

COMPANY, _, _ = STREAM.partition("/")


def status(world: World) -> ApprovalStatus:
    """The approval status of a world, as it is answered now."""
    assert world.company is not None
    assert world.production is not None
    rows = approval_status.PROJECTION.replay(
        Recorded(place, COMPANY if isinstance(event, OfCompany) else STREAM, place, UUID(int=place), event, around)
        for place, (event, around) in enumerate(world.facts, 1)
    )
    barred = {
        (STREAM, int(number.removeprefix("A-"))): persons
        for number in world.production.approvals.rounds
        if (persons := barred_from(world.production, number)) is not None
    }
    now = world.metadata(PEOPLE[0], Nudge(round="A-1")).at
    return view(rows, STREAM, 0, 0, now, world.company, barred)


def ways(command: str, asked: ApprovalRound) -> Iterator[Command]:
    """Every way to send a command about a round."""
    number, content = asked.round, asked.content_hash
    assert content is not None
    match command:
        case "approve":
            yield Approve(round=number, content_hash=content)
        case "abstain":
            yield Abstain(round=number, content_hash=content)
        case "request_changes":
            yield RequestChanges(round=number, content_hash=content, words=WHY)
        case "reject":
            yield Reject(round=number, content_hash=content, words=WHY)
        case "recall_request":
            yield RecallRequest(round=number)
        case "nudge":
            yield Nudge(round=number)
        case "withdraw_vote":
            yield WithdrawVote(round=number)
        case "override_step":
            yield OverrideStep(round=number, content_hash=content, reason=WHY)
        case "close_condition":
            for each in asked.conditions:
                yield CloseCondition(round=number, condition=each.condition, waived=True, words=WHY)
        case "reassign_step":
            for seat, to in product((each.person for each in asked.may), PEOPLE):
                yield ReassignStep(round=number, seat=seat, to=to, reason=WHY)
        case _:
            raise AssertionError(command)


def refused(world: World, person: PersonId, command: str, asked: ApprovalRound) -> Refusal | str | None:
    """Why nothing comes of a command in any of its ways; None when something does in one."""
    why: Refusal | str = "there is no way to"
    for way in ways(command, asked):
        try:
            if world.decide(person, way) or command == "nudge":  # where nobody is there, nobody is reminded
                return None
        except CannotTakeEffect:
            return None  # what stands in the way of the thing itself is said once the answer would let it happen
        except Refusal as refusal:
            why = refusal
    return why


COMMANDS = (
    *("approve", "abstain", "request_changes", "reject", "recall_request", "withdraw_vote"),
    *("close_condition", "reassign_step", "override_step"),
)


def wrong(world: World) -> list[str]:
    """What rounds offer that is refused, and what they leave out that is not, of who can come in."""
    assert world.company is not None
    come_in = [person for person in PEOPLE if world.company.kept_from(person) is None]
    found = []
    for asked in status(world).rounds:
        offered = {each.person: each.commands for each in asked.may}
        for person, commands in offered.items():
            for command in commands:
                if (why := refused(world, person, command, asked)) is not None:
                    found.append(f"{asked.round} offers {person} {command}: {why}")
        for person, command in product(come_in, COMMANDS) if asked.state == "open" else ():
            if command not in offered.get(person, ()) and refused(world, person, command, asked) is None:
                found.append(f"{asked.round} does not offer {person} {command}")
        for waits in () if asked.waits_for is None else asked.waits_for.asked:
            for by in waits.through:
                if (why := refused(world, f"{by}/{waits.person}", "approve", asked)) is not None:
                    found.append(f"{asked.round} waits for {by} for {waits.person}: {why}")
    return found


#: What happens in the house: absences, delegations, people who leave.
IN_THE_HOUSE: Story = [
    (MAYA, away()),
    (NOOR, away(LINE_PRODUCER)),
    (NOOR, delegated(limit=inr("30000"))),
    (MAYA, delegated(STRANGER, Power.APPROVE, Power.ABSTAIN, Power.CLOSE_CONDITION)),
    (OPERATOR, SuspendMember(person=MAYA, reason=WHY)),
    (OPERATOR, DismissMember(person=NOOR, reason=WHY)),
    (OPERATOR, DismissMember(person=MAYA, reason=WHY)),
]


@bounded
@given(histories, st.lists(st.sampled_from(IN_THE_HOUSE), max_size=2))
def test_are_what_is_not_refused(history: History, then: Story) -> None:
    world = history.world
    for person, command in then:
        step = attempted(world, person, command)
        world = world.after(person, command, step.facts)
    assert wrong(world) == []
