"""Duties are kept apart: every round of a small world, answered in every order, passes only by the rules in words.

Four people who could each do everything, up to three delegations among them, and one thing that goes differently on
the way: a role or a delegation ends, the content changes, a place is moved, a step is passed over. Whatever passes is
held against the facts and the commands sent by `faults`, which knows the rules and nothing of the engine. Mutants show
that it can fail. `make storm` looks at every world of three delegations, and at five steps with delegations, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from typing import Any
from uuid import UUID

import pytest

from events.approval import (
    Abstained,
    ApprovalGiven,
    ApprovalRequested,
    BudgetApproved,
    BudgetSubmitted,
    ContentReplaced,
    RequestApproved,
    StepOverridden,
    StepReassigned,
    VoteLapsed,
    VoteWithdrawn,
)
from events.budget import BudgetDrafted
from events.delegation import AbsenceSet, AuthorityDelegated, AuthorityRevoked, Power
from events.ids import Digest, PersonId
from events.policy import Mode, Step
from events.spend import SpendLogged
from events.team import Appointed, AppointmentEnded, Role
from service.deciders import approval, situation
from service.deciders.approval import Abstain, Approve, OverrideStep, ReassignStep
from service.deciders.budget import LockBudget
from service.deciders.command import Command
from service.deciders.delegation import RevokeDelegation
from service.deciders.policy import AdoptApprovalPolicy
from service.deciders.refusal import Refusal
from service.deciders.rounds import Circumstances, Outcome
from service.deciders.submission import SubmitBudget
from service.deciders.team import EndAppointment
from tests.deciders.rounds import EP, EPS, delegated, overage, policy, transfer
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ART,
    CO_PRODUCER,
    DIRECTOR,
    LINE_PRODUCER,
    MAYA,
    NOOR,
    OPENED,
    PRODUCER,
    SMALL,
    appoint,
    approve,
    budget,
    equity,
    inr,
    spend,
)
from tests.forms import either
from tests.spec import Story, World, play

PEOPLE = (MAYA, NOOR, CO_PRODUCER, DIRECTOR)
HATS = (Role.EXECUTIVE_PRODUCER, Role.PRODUCER, Role.LINE_PRODUCER)
TWO_OF_THEM = replace(EP, mode=Mode.QUORUM, quorum=2)

Edges = tuple[tuple[PersonId, PersonId], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A round that waits: by the first two people, or by the first alone."""

    kind: str
    steps: tuple[Step, ...]
    #: Who lets whom act for them.
    edges: Edges
    hands: tuple[PersonId, PersonId]
    two_steps: bool = False
    #: Whether executive producers may pass over a step, and move places.
    overrides: bool = False

    @property
    def story(self) -> Story:
        one, two = self.hands
        override_by = Role.EXECUTIVE_PRODUCER if self.overrides else None
        terms = policy(*self.steps, one_person_may_fill_two_steps=self.two_steps, override_by=override_by)
        hats = [(MAYA, appoint(person, hat)) for person in PEOPLE for hat in HATS if (person, hat) != (MAYA, HATS[0])]
        setting_up: Story = [*OPENED, (MAYA, appoint(LINE_PRODUCER, HATS[2])), (MAYA, appoint(PRODUCER, HATS[1]))]
        setting_up += [(MAYA, equity(inr("600000")))]
        adopting: Story = [(MAYA, AdoptApprovalPolicy(terms=terms)), *hats]
        letting: Story = [(grantor, delegated(to, Power.APPROVE, Power.ABSTAIN)) for grantor, to in self.edges]
        if self.kind == "budget":
            return [*setting_up, *adopting, *letting, (one, SMALL), (two, SubmitBudget(budget="v1"))]
        setting_up += [(LINE_PRODUCER, SMALL), (PRODUCER, SubmitBudget(budget="v1"))]
        setting_up += [(MAYA, approve(setting_up))]
        setting_up += [(MAYA, LockBudget(budget="v1")), *adopting, *letting]
        if self.kind == "overage":
            return [*setting_up, (two, spend(ART, "1000", "KS-1")), (one, overage(funding="F-1"))]
        return [*setting_up, (one, transfer())]


@dataclass(frozen=True, slots=True)
class Place:
    """An answer as it was sent."""

    seat: PersonId
    by: PersonId
    step: int
    approves: bool
    seen: Digest

    @property
    def persons(self) -> set[PersonId]:
        return {self.seat, self.by}


@dataclass
class Known:
    """What the facts say, read without the engine."""

    hands: set[PersonId] = field(default_factory=set)
    loggers: set[PersonId] = field(default_factory=set)
    eps: set[PersonId] = field(default_factory=set)
    acting: dict[str, tuple[PersonId, PersonId]] = field(default_factory=dict)
    places: dict[tuple[PersonId, int], Place] = field(default_factory=dict)
    #: Steps that were passed over, and who moved whose place in which step to whom.
    passed_over: set[int] = field(default_factory=set)
    moved: list[tuple[PersonId, int, PersonId, PersonId]] = field(default_factory=list)
    passed: str | None = None


def known(scene: Scene, world: World, seen: dict[UUID, Digest]) -> Known:  # noqa: PLR0915 - one fact, one line
    """What the facts and the commands sent say of the last round."""
    so = Known()
    for event, around in world.facts:
        persons = {around.actor, around.on_behalf_of or around.actor}
        seat = around.on_behalf_of or around.actor
        match event:
            case Appointed(person, Role.EXECUTIVE_PRODUCER):
                so.eps.add(person)
            case AppointmentEnded(person, Role.EXECUTIVE_PRODUCER):
                so.eps.discard(person)
            case AuthorityDelegated(delegation, grantor, to):
                so.acting[delegation] = (grantor, to)
            case AbsenceSet(person, substitute):
                so.acting[f"absence of {person}"] = (person, substitute)
            case AuthorityRevoked(delegation):
                del so.acting[delegation]
            case SpendLogged():
                so.loggers |= persons
            case BudgetDrafted() | BudgetSubmitted():
                so.hands |= persons
            case ApprovalRequested():
                so.hands |= persons
                so.places, so.passed, so.passed_over, so.moved = {}, None, set(), []
            case ContentReplaced():
                so.hands |= persons
                so.places, so.passed_over = {}, set()
            case StepOverridden(step=step):
                so.places[seat, step] = Place(seat, around.actor, step, approves=False, seen=event.content_hash)
                so.passed_over.add(step)
            case StepReassigned(step=step, seat=whose, to=to):
                so.moved.append((around.actor, step, whose, to))
            case ApprovalGiven(step=step) | Abstained(step=step):
                approves = isinstance(event, ApprovalGiven)
                saw = seen.get(around.command_id, event.content_hash)
                so.places[seat, step] = Place(seat, around.actor, step, approves, saw)
            case VoteWithdrawn(seat=whose):
                so.places = {key: place for key, place in so.places.items() if place.seat != whose}
            case VoteLapsed(seat=whose, step=step):
                so.places.pop((whose, step), None)
            case BudgetApproved(content_hash=passed) | RequestApproved(content_hash=passed):
                so.passed = passed
                # Whoever made an approved budget had no hand in what is asked for next.
                so.hands = so.hands if scene.kind == "budget" else set()
    return so


def in_places(scene: Scene, so: Known, hands: set[PersonId]) -> Iterator[str]:
    """What is wrong with an answer, or with two of them."""
    for place in so.places.values():
        asked = {to for _, step, _, to in so.moved if step == place.step} | so.eps
        if place.persons & hands:
            yield f"{place} has a hand in it: {hands}"
        if place.approves and place.seen != so.passed:
            yield f"{place} saw other content than {so.passed}"
        if place.seat not in asked:
            yield f"{place} is nobody who is asked"
        if place.by != place.seat and (place.seat, place.by) not in so.acting.values():
            yield f"{place} is by nobody who acts for them"
    for one, other in combinations(so.places.values(), 2):
        if one.persons & other.persons and not (scene.two_steps and one.step != other.step):
            yield f"one person is behind {one} and {other}"


def faults(scene: Scene, world: World, seen: dict[UUID, Digest]) -> list[str]:
    """Which rules the round broke by passing."""
    so = known(scene, world, seen)
    requested = [{m.actor} for e, m in world.facts if isinstance(e, ApprovalRequested) and e.kind != "policy_change"]
    hands = so.hands | requested[-1] | (so.loggers if scene.kind == "overage" else set())
    found = [*in_places(scene, so, hands)]
    approvals = [place for place in so.places.values() if place.approves]
    if not approvals:
        found.append("nobody approved it")
    for mover, step, whose, to in so.moved:
        if {mover, whose, to} & hands:
            found.append(f"{mover} moved the place of {whose} in step {step} to {to}, with a hand in it: {hands}")
    for number, step in enumerate(scene.steps):
        if number in so.passed_over:
            continue
        mine = {place.seat for place in approvals if place.step == number}
        if len(mine) < (step.quorum or 1):
            found.append(f"step {number} has {mine}")
        if step.mode is Mode.ALL and not scene.two_steps:
            elsewhere = {p for place in so.places.values() for p in place.persons if p not in mine}
            away = {whose for _, step, whose, _ in so.moved if step == number}
            waited = so.eps - hands - elsewhere - away
            if not waited <= mine:
                found.append(f"step {number} did not wait for {waited - mine}")
    return found


def acts(scene: Scene, world: World, number: str, disturbed: str) -> Iterator[tuple[str, Command, bool]]:
    """What anybody may try next, and whether it is the one thing that goes differently."""
    assert world.production is not None
    versions = world.production.budgets.versions.values()
    asked = world.production.approvals.rounds[number]
    hashes = sorted(
        {asked.content_hash} | ({each.content_hash for each in versions} if scene.kind == "budget" else set())
    )
    moved = [LINE_PRODUCER] if disturbed == ReassignStep.__name__ else []
    places = [*PEOPLE, *moved, *(f"{to}/{grantor}" for grantor, to in scene.edges)]
    for who in places:
        for each in hashes:
            yield who, Approve(round=number, content_hash=each), False
    for who in (DIRECTOR, *(f"{to}/{grantor}" for grantor, to in scene.edges)):
        yield who, Abstain(round=number, content_hash=asked.content_hash), False
    if disturbed:
        return
    if scene.overrides:
        for who in (scene.hands[0], CO_PRODUCER):
            yield who, ReassignStep(round=number, seat=NOOR, to=LINE_PRODUCER, reason=WHY), True
            yield who, OverrideStep(round=number, content_hash=asked.content_hash, reason=WHY), True
    yield NOOR, EndAppointment(person=NOOR, role=Role.EXECUTIVE_PRODUCER, reason=WHY), True
    if scene.edges:
        yield scene.edges[0][0], RevokeDelegation(delegation="D-1"), True
    if scene.kind == "budget":
        yield CO_PRODUCER, budget("210000").model_copy(update={"round": number}), True


@dataclass
class Tally:
    """How much was looked at."""

    tried: int = 0
    passed: int = 0
    broken: list[str] = field(default_factory=list)


def explore(scene: Scene, tally: Tally) -> None:  # noqa: PLR0915 - one walk
    """Try everything, in every order that makes a difference."""
    world = play(scene.story)
    assert world.production is not None
    number = f"A-{len(world.production.approvals.rounds)}"
    waiting: list[tuple[World, dict[UUID, Digest], str]] = [(world, {}, "")]
    reached: set[Any] = set()
    while waiting:
        world, seen, disturbed = waiting.pop()
        for who, command, disturbs in acts(scene, world, number, disturbed):
            tally.tried += 1
            try:
                happened = world.decide(who, command)
            except Refusal:
                continue
            if not happened:
                continue
            said = seen
            if isinstance(command, Approve):
                said = seen | {world.metadata(who, command).command_id: command.content_hash}
            after = world.after(who, command, happened)
            assert after.production is not None
            asked = after.production.approvals.rounds[number]
            if asked.outcome is Outcome.APPROVED:
                tally.passed += 1
                tally.broken += faults(scene, after, said)
                continue
            votes = frozenset((vote.seat, vote.by, vote.step, vote.approves) for vote in asked.votes)
            reason = type(command).__name__ if disturbs else disturbed
            key = (votes, asked.step, asked.content_hash, reason)
            if key not in reached:
                reached.add(key)
                waiting.append((after, said, reason))


def worlds_of_edges(most: int, hands: tuple[PersonId, PersonId]) -> list[Edges]:
    """Delegations among the people, one of each that differ by more than names that mean nothing here."""
    alike = [dict(zip(PEOPLE, order, strict=True)) for order in permutations(PEOPLE)]
    fixed = {*hands, NOOR, CO_PRODUCER, DIRECTOR}  # these do something of their own
    alike = [names for names in alike if all(names[person] == person for person in fixed)]
    pairs = list(permutations(PEOPLE, 2))
    kept: dict[frozenset[tuple[PersonId, PersonId]], Edges] = {}
    for count in range(most + 1):
        for edges in combinations(pairs, count):
            same = min(sorted((names[a], names[b]) for a, b in edges) for names in alike)
            kept.setdefault(frozenset(map(tuple, same)), edges)
    return list(kept.values())


ALONE, BOTH = (MAYA, MAYA), (MAYA, NOOR)


def scenes() -> Iterator[Scene]:
    for hands in (ALONE, BOTH):
        for edges in worlds_of_edges(1, hands):
            for kind in ("budget", "transfer", "overage"):
                yield Scene(kind, (EP, EP), edges, hands)
            yield Scene("budget", (EPS,), edges, hands)
            yield Scene("overage", (TWO_OF_THEM, EP), edges, hands)
            yield Scene("transfer", (EP, EPS), edges, hands)
            yield Scene("transfer", (EPS, EP), edges, hands, overrides=True)
    for edges in worlds_of_edges(3, ALONE)[13 :: either(short=18, long=1)]:
        yield Scene("transfer", (EP, EP), edges, ALONE)
        if either(short=False, long=True):
            yield Scene("overage", (EP,) * 5, edges[:1], BOTH, two_steps=True)
    yield Scene("transfer", (EP, EP, EP), ((NOOR, DIRECTOR),), ALONE, two_steps=True)
    yield Scene("overage", (EP, EP, EP, EP, EP), (), BOTH, two_steps=True)


SCENES = list(scenes())


def test_whatever_passes_keeps_every_rule() -> None:
    tally = Tally()
    for scene in SCENES:
        explore(scene, tally)
    assert tally.broken == []
    assert tally.passed > 500, "rounds pass at all"


#: The engine without one of its checks.
MUTANTS = {
    "places": (approval, "_fills_one_place", lambda *_: None),
    "hands": (situation, "excluded", lambda *_: frozenset()),
    "lapses": (Circumstances, "lapsed", lambda *_: None),
    "content": (approval, "_seen", lambda *_: None),
    "who acts": (situation.Situation, "answers_for", lambda *_: True),
    "who chooses": (approval, "_had_no_hand_in_it", lambda *_: None),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_check_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MUTANTS[name])
    tally = Tally()
    for scene in SCENES:
        explore(scene, tally)
        if tally.broken:
            return
    pytest.fail(f"nothing noticed that there is no check of {name}")
