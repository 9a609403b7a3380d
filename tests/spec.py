"""Given a story, when someone sends a command, then these facts, or this refusal, or nothing.

A story is what people sent, in order; nothing else makes history here. `carlos/maya` is Carlos for Maya.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from events import AnyEvent, OfCompany
from events.envelope import Metadata
from events.ids import PersonId
from service.deciders import company as companies
from service.deciders import decision
from service.deciders import production as productions
from service.deciders.command import Command
from service.deciders.company import Company, CompanyCommand
from service.deciders.production import Production
from service.deciders.refusal import Refusal

Story = list[tuple[PersonId, Command]]

#: A story's first command is sent now, each next one a second later: half past eleven in Kolkata.
MORNING = datetime(2026, 11, 2, 6, tzinfo=UTC)
#: Everybody signed in before breakfast.
SIGNED_IN = MORNING - timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class World:
    """What a story leaves: a company with its one production, and every fact so far."""

    company: Company | None = None
    production: Production | None = None
    facts: tuple[tuple[AnyEvent, Metadata], ...] = ()
    sent: int = 0
    #: How much later it is than the commands alone make it.
    later: timedelta = timedelta(0)

    def metadata(self, person: PersonId, command: Command) -> Metadata:
        at, number = MORNING + timedelta(seconds=self.sent) + self.later, UUID(int=self.sent + 1)
        actor, _, behalf = person.partition("/")
        around = Metadata(actor, (), at, type(command).__name__, number, number, "api", behalf or None, command.reason)
        if isinstance(command, CompanyCommand):
            return replace(around, roles=companies.held(self.company, actor))
        on_it = productions.held(self.production, self.company, behalf or actor, around)
        return replace(around, roles=on_it or companies.held(self.company, actor))

    def decide(self, person: PersonId, command: Command) -> list[AnyEvent]:
        around = self.metadata(person, command)
        if isinstance(command, CompanyCommand):
            return [*companies.decide(command, self.company, around)]
        return [
            *decision.decide(command, self.production, self.company, around, name="the-long-take", signed_in=SIGNED_IN)
        ]

    def after(self, person: PersonId, command: Command, events: Iterable[AnyEvent]) -> "World":
        around, world = self.metadata(person, command), replace(self, sent=self.sent + 1)
        for event in events:
            world = replace(world, facts=(*world.facts, (event, around)))
            if isinstance(event, OfCompany):
                world = replace(world, company=companies.evolve(world.company, event, around))
            else:
                world = replace(world, production=productions.evolve(world.production, event, around))
        return world


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command."""

    facts: tuple[AnyEvent, ...] = ()
    refusal: Refusal | None = None

    def then(self, *facts: AnyEvent) -> None:
        assert self == Answer(facts)

    def then_nothing(self) -> None:
        assert self == Answer()

    def then_refused(self, refusal: Refusal) -> None:
        assert self == Answer(refusal=refusal)


@dataclass(frozen=True, slots=True)
class Given:
    """A world in which somebody may send something."""

    world: World

    def later(self, days: int) -> "Given":
        """The same, so many days later."""
        return Given(replace(self.world, later=self.world.later + timedelta(days=days)))

    def when(self, person: PersonId, command: Command) -> Answer:
        try:
            return Answer(tuple(self.world.decide(person, command)))
        except Refusal as refusal:
            return Answer(refusal=refusal)


def play(story: Story) -> World:
    """The world after every command of the story was accepted in turn."""
    world = World()
    for person, command in story:
        world = world.after(person, command, world.decide(person, command))
    return world


def given(story: Story) -> Given:
    """The world that the story leaves."""
    return Given(play(story))
