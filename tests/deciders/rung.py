"""One way to be refused."""

from dataclasses import dataclass

from events.ids import PersonId
from service.deciders.command import Command
from service.deciders.refusal import Refusal
from tests.deciders.stories import FUNDED, LINE_PRODUCER, SUBMITTED, budget, content
from tests.spec import Story

WHY = "It came out that way."
NO_CONTENT = "which is no content of this production"
ASKED = content(SUBMITTED)
#: The content of another budget than the one that waits.
OTHER = content([*FUNDED, (LINE_PRODUCER, budget("210000"))])


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to be refused."""

    name: str
    given: Story
    person: PersonId
    command: Command
    refusal: Refusal
    #: How many days after the story it is sent.
    later: int = 0
