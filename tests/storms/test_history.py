"""The checker of histories: it lets a true one pass, and catches each fault that is planted in it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest

from events.envelope import Metadata, Recorded
from service.deciders.command import Command
from service.deciders.company import CompanyCommand
from service.deciders.refusal import Refusal
from service.problems import slug
from tests.deciders.stories import ART, AUDITOR, EDITING, LINE_PRODUCER, LOCKED, MAYA, recode, reverse, spend
from tests.spec import MORNING, World
from tests.storms.history import Accepted, Call, Kind, Mismatched, Refused, Unknown, faults


@dataclass
class Service:
    """A service without faults: it decides at the moment it is asked, and keeps the history of its callers."""

    world: World = field(default_factory=World)
    stream: list[Recorded] = field(default_factory=list)
    history: list[Call] = field(default_factory=list)
    ids: count = field(default_factory=lambda: count(1))

    @property
    def version(self) -> int:
        return len(self.stream)

    def take(self, person: str, command: Command) -> Accepted | Refused:
        command_id = UUID(int=next(self.ids))
        at = MORNING + timedelta(seconds=self.world.sent)
        around = replace(self.world.metadata(person, command), command_id=command_id, at=at)
        try:
            events = self.world.decide(person, command)
        except Refusal as refusal:
            return Refused(slug(type(refusal).__name__), str(refusal))
        self.world = self.world.after(person, command, events)
        if isinstance(command, CompanyCommand):
            return Accepted(command_id, 0, ())
        return self.append(around, events)

    def append(self, around: Metadata, events: list) -> Accepted:
        first = self.version + 1
        for version, event in enumerate(events, first):
            self.stream.append(
                Recorded(version, "acme/the-long-take", version, UUID(int=1000 + version), event, around)
            )
        told = tuple((each.version, each.event_id) for each in self.stream[first - 1 :])
        return Accepted(around.command_id, self.version, told)

    def call(
        self, key: str, command: Command, invoked: float, returned: float, person=LINE_PRODUCER, if_match=None
    ) -> Call:
        known = [call.told for call in self.history if call.key == key and isinstance(call.told, Accepted)]
        if known:
            told = known[0]
        elif if_match not in (None, self.version):
            told = Mismatched(self.version)
        else:
            told = self.take(person, command)
        self.history.append(Call(key, person, command, if_match, invoked, returned, told))
        return self.history[-1]

    def lost_its_answer(self) -> None:
        self.history[-1] = replace(self.history[-1], told=Unknown())


def told() -> tuple[Service, int]:
    """A history with everything in it that may happen, and the version at which it began."""
    service = Service()
    for person, command in LOCKED:
        service.take(person, command)
    began = service.version
    service.call("a", spend(ART, "10", "A"), 0, 3)
    service.call("b", spend(ART, "20", "B"), 1, 2)
    service.call("early", reverse("S-000003"), 2.5, 4)
    service.call("c", spend(EDITING, "30", "C"), 2.5, 4)
    service.call("reverse", reverse("S-000001"), 4, 6)
    service.lost_its_answer()
    service.call("too-late", recode("S-000001", EDITING), 5, 7)
    service.call("a", spend(ART, "10", "A"), 7, 8)
    service.call("auditor", spend(ART, "1", "X"), 8, 9, AUDITOR)
    service.call("seen", spend(ART, "40", "D"), 9, 10, if_match=service.version)
    service.call("not-seen", spend(ART, "50", "E"), 10, 11, if_match=began)
    service.call("nothing", LOCKED[-1][1], 11, 12, MAYA)
    service.call("never", spend(ART, "60", "F"), 12, 13)
    service.lost_its_answer()
    service.call("last", spend(ART, "70", "G"), 20, 21)
    return service, began


def kinds(service: Service, began: int) -> set[Kind]:
    return {fault.kind for fault in faults(service.history, service.stream, service.world.company, began)}


class TestATrueHistory:
    def test_passes(self) -> None:
        service, began = told()

        assert faults(service.history, service.stream, service.world.company, began) == []
        assert {type(call.told) for call in service.history} == {Accepted, Refused, Mismatched, Unknown}
        assert sum(call.told.events == () for call in service.history if isinstance(call.told, Accepted)) == 1

    def test_passes_with_a_lost_answer_found_by_the_retry(self) -> None:
        service, began = told()
        [reversal] = [call for call in service.history if call.key == "reverse"]
        logged = [each for each in service.stream if type(each.event).__name__ == "SpendReversed"]
        events = tuple((each.version, each.event_id) for each in logged)
        found = Accepted(logged[0].metadata.command_id, logged[-1].version, events)
        service.history.append(replace(reversal, invoked=13, returned=14, told=found))

        assert faults(service.history, service.stream, service.world.company, began) == []


def change(service: Service, key: str, **parts) -> None:
    """Let the first call under a key be another one."""
    place = next(place for place, call in enumerate(service.history) if call.key == key)
    service.history[place] = replace(service.history[place], **parts)


def lose_the_last(service: Service) -> None:
    del service.stream[-len(service.history[-1].told.events) :]


def rewrite_an_event(service: Service) -> None:
    service.stream[-1] = replace(service.stream[-1], event_id=UUID(int=7))


def append_again(service: Service) -> None:
    around = replace(service.stream[-1].metadata, command_id=UUID(int=7))
    service.append(around, service.world.decide(LINE_PRODUCER, service.history[-1].command))


def answer_anew(service: Service) -> None:
    accepted = service.history[-1]
    other = replace(accepted.told, command_id=UUID(int=7))
    service.history.append(replace(accepted, invoked=30, returned=31, told=other))


def drop_in_the_middle(service: Service) -> None:
    del service.stream[-3]


def be_late(service: Service) -> None:
    change(service, "b", invoked=30, returned=31)


def refuse_from_old_state(service: Service) -> None:
    change(service, "early", invoked=15, returned=16)


def refuse_from_a_state_to_come(service: Service) -> None:
    change(service, "too-late", invoked=0, returned=0.5)


def mismatch_of_an_old_version(service: Service) -> None:
    change(service, "not-seen", invoked=25, returned=26)


def nothing_on_an_old_state(service: Service) -> None:
    change(service, "nothing", invoked=25, returned=26)


def refuse_what_may_be(service: Service) -> None:
    service.history.append(replace(service.history[-1], key="new", invoked=30, returned=31, told=REFUSED))


def refuse_with_other_words(service: Service) -> None:
    change(service, "too-late", told=Refused("spend-is-reversed", "S-000002 is reversed already."))


def refuse_what_was_accepted(service: Service) -> None:
    [reversal] = [call for call in service.history if call.key == "too-late"]
    accepted = next(call for call in service.history if call.key == "seen")
    service.history.append(replace(accepted, invoked=30, returned=31, if_match=None, told=reversal.told))


def accept_what_is_forbidden(service: Service) -> None:
    change(service, "last", actor=AUDITOR)


def accept_another_command(service: Service) -> None:
    change(service, "last", command=spend(ART, "71", "G"))


def accept_in_spite_of_the_version(service: Service) -> None:
    change(service, "seen", if_match=1)


REFUSED = Refused("role-may-not", "No.")
SEEDED: dict[Callable[[Service], None], Kind] = {
    lose_the_last: Kind.LOST,
    rewrite_an_event: Kind.LOST,
    append_again: Kind.DOUBLED,
    answer_anew: Kind.DOUBLED,
    drop_in_the_middle: Kind.SKIPPED,
    be_late: Kind.REORDERED,
    refuse_from_old_state: Kind.STALE,
    refuse_from_a_state_to_come: Kind.STALE,
    mismatch_of_an_old_version: Kind.STALE,
    nothing_on_an_old_state: Kind.STALE,
    refuse_what_may_be: Kind.WRONG,
    refuse_with_other_words: Kind.WRONG,
    refuse_what_was_accepted: Kind.WRONG,
    accept_what_is_forbidden: Kind.WRONG,
    accept_another_command: Kind.WRONG,
    accept_in_spite_of_the_version: Kind.WRONG,
}


class TestEveryFault:
    @pytest.mark.parametrize(("seed", "kind"), SEEDED.items(), ids=lambda each: getattr(each, "__name__", each))
    def test_is_caught_and_called_by_its_name(self, seed: Callable[[Service], None], kind: Kind) -> None:
        service, began = told()
        seed(service)

        assert kind in kinds(service, began)
