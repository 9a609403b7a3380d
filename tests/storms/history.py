"""Do the answers that senders got fit together, and fit the log? A checker of histories, pure.

A history is every call to one production, with the moments at which it was sent and answered. It holds when

* the log has every event of an accepted command, once, and nothing that nobody asked for;
* the commands stand in the log in an order that real time allows: one that was answered before another was
  sent stands before it;
* every answer is what the rules say of a state that was the newest at some moment while the call was on its
  way: the events of the accepted, the refusals, the versions of an If-Match that did not hold.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate, groupby
from math import inf
from typing import Any
from uuid import UUID

from events.envelope import Metadata, Recorded
from events.ids import PersonId
from service.deciders import decision
from service.deciders import production as productions
from service.deciders.company import Company
from service.deciders.decision import ProductionCommand
from service.deciders.production import Production
from service.deciders.refusal import Refusal
from service.problems import slug


@dataclass(frozen=True, slots=True)
class Accepted:
    """It happened: which command, up to which version, and the events by version and id."""

    command_id: UUID
    version: int
    events: tuple[tuple[int, UUID], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule is against it, in these words."""

    problem: str
    detail: str


@dataclass(frozen=True, slots=True)
class Mismatched:
    """The stream was at another version than the one that the sender saw."""

    actual: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or none that says what became of it."""

    #: What it advises to wait, in seconds.
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """One try of a command, as its sender saw it."""

    key: str
    actor: PersonId
    command: ProductionCommand
    if_match: int | None
    invoked: float
    returned: float
    told: Accepted | Refused | Mismatched | Unknown


class Kind(StrEnum):
    """What can be wrong with a history."""

    #: An accepted command, or a part of it, is not in the log.
    LOST = "lost"
    #: Something is in the log twice, or though nobody asked for it.
    DOUBLED = "doubled"
    #: The versions of the log have a hole.
    SKIPPED = "skipped"
    #: One command was answered before another was sent, and yet stands behind it.
    REORDERED = "reordered"
    #: An answer from a state that was not the newest at any moment of the call.
    STALE = "stale"
    #: An answer that the rules do not give on any state of the production.
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    words: str


@dataclass(slots=True)
class _Operation:
    """All calls under one key: what was accepted under it happened once, between its first sending and its answer."""

    calls: list[Call]
    invoked: float
    returned: float = inf
    accepted: Accepted | None = None

    @property
    def first(self) -> Call:
        return self.calls[0]


def faults(
    history: Sequence[Call], stream: Sequence[Recorded[Any]], company: Company | None, began: int = 0
) -> list[Fault]:
    """Everything that is wrong with a history.

    Args:
        stream: the production's log, from its first event.
        company: its company's state, which must not have changed meanwhile.
        began: the version before the first call.
    """
    return [*_Check(history, stream, company, began).run()]


class _Check:
    def __init__(
        self, history: Sequence[Call], stream: Sequence[Recorded[Any]], company: Company | None, began: int
    ) -> None:
        self.stream, self.company, self.began = stream, company, began
        self.states: list[Production | None] = [None]
        by_key = sorted(history, key=lambda call: (call.key, call.invoked))
        self.operations = [_operation([*calls]) for _, calls in groupby(by_key, lambda call: call.key)]
        self.found: list[Fault] = []

    def run(self) -> list[Fault]:
        if [each.version for each in self.stream] != list(range(1, len(self.stream) + 1)):
            return [Fault(Kind.SKIPPED, f"the versions are not 1 to {len(self.stream)}")]
        for each in self.stream:
            self.states.append(productions.evolve(self.states[-1], each.event, each.metadata))
        for operation in self.operations:
            self.kept(operation)
        self.nothing_else()
        if not self.found:  # else the log says nothing certain about time
            self.in_order()
            for operation in self.operations:
                self.explained(operation)
        return self.found

    def fault(self, kind: Kind, call: Call, words: str) -> None:
        self.found.append(Fault(kind, f"{call.key} ({type(call.command).__name__}) {words}"))

    def kept(self, operation: _Operation) -> None:
        """Every acceptance under a key is the same one, and the log has it."""
        for call in operation.calls:
            if not isinstance(call.told, Accepted):
                continue
            if call.told != operation.accepted:
                self.fault(Kind.DOUBLED, call, f"was accepted as {operation.accepted} and as {call.told}")
            elif _accepted(self.logged(call.told), call.told) != call.told:
                self.fault(Kind.LOST, call, f"was accepted as {call.told}, which the log does not hold")

    def logged(self, told: Accepted) -> Sequence[Recorded[Any]]:
        """What the log has in the place of an accepted command."""
        return self.stream[told.version - len(told.events) : told.version]

    def nothing_else(self) -> None:
        """Every command in the log is one that was accepted, or one of those that nobody knows about."""
        known = {each.accepted.command_id for each in self.operations if each.accepted}
        unknown = [each for each in self.operations if each.accepted is None]
        for command_id, group in groupby(self.stream[self.began :], lambda each: each.metadata.command_id):
            if command_id in known:
                continue
            logged = [*group]
            before, events = logged[0].version - 1, [each.event for each in logged]
            for operation in unknown:
                if self.decided(operation.first, before, logged[0].metadata) == events:
                    operation.accepted = _accepted(logged)
                    unknown.remove(operation)
                    break
            else:
                self.found.append(Fault(Kind.DOUBLED, f"version {before + 1}: nobody asked for it, or not again"))

    def in_order(self) -> None:
        """Real time and the log agree; from here on it is known when each version may have been the newest."""
        ends = sorted(
            (each.accepted.version, each.invoked, each.returned, each.first)
            for each in self.operations
            if each.accepted and each.accepted.events
        )
        self.versions = [self.began, *(version for version, *_ in ends)]
        # A version was not there before the first of these, and was not the newest any more after the second.
        self.since = [*accumulate((invoked for _, invoked, *_ in ends), max, initial=-inf)]
        self.until = [*accumulate((returned for _, _, returned, _ in reversed(ends)), min, initial=inf)][::-1]
        for (_, invoked, _, call), until in zip(ends, self.until[1:], strict=True):
            if until < invoked:
                self.fault(Kind.REORDERED, call, "stands before what was answered before it was sent")

    def newest(self, invoked: float, returned: float) -> list[int]:
        """The versions that may have been the newest at a moment between two."""
        return self.versions[bisect_left(self.until, invoked) : bisect_right(self.since, returned)]

    def explained(self, operation: _Operation) -> None:
        """The rules give these answers, on states that they may be given on."""
        if operation.accepted and operation.accepted.events:
            self.explained_change(operation.first, operation.accepted)
        elif operation.accepted:
            version = operation.accepted.version
            if version not in self.newest(operation.invoked, operation.returned):
                self.fault(Kind.STALE, operation.first, f"changed nothing at version {version}, not the newest")
            elif self.decided(operation.first, version) != []:
                self.fault(Kind.WRONG, operation.first, f"changes something at version {version}")
        for call in operation.calls:
            if isinstance(call.told, Refused | Mismatched):
                self.explained_refusal(call, operation, call.told)

    def explained_change(self, call: Call, told: Accepted) -> None:
        before, logged = told.version - len(told.events), self.logged(told)
        if call.if_match not in (None, before):
            self.fault(Kind.WRONG, call, f"was to follow version {call.if_match} and follows {before}")
        around = logged[0].metadata
        if around.actor != call.actor or self.decided(call, before, around) != [each.event for each in logged]:
            self.fault(Kind.WRONG, call, f"makes other events at version {before}, or is another's")

    def explained_refusal(self, call: Call, operation: _Operation, told: Refused | Mismatched) -> None:
        if operation.returned < call.invoked:
            self.fault(Kind.WRONG, call, "was accepted before, and refused when it was sent again")
        elif not any(self.refuses(call, version, told) for version in self.newest(call.invoked, call.returned)):
            elsewhere = any(self.refuses(call, version, told) for version in self.versions)
            self.fault(Kind.STALE if elsewhere else Kind.WRONG, call, f"was answered {told}")

    def refuses(self, call: Call, version: int, told: Refused | Mismatched) -> bool:
        """Whether the call is answered so at a version."""
        if call.if_match not in (None, version):
            return told == Mismatched(version)
        return self.decided(call, version) == told

    def decided(self, call: Call, version: int, metadata: Metadata | None = None) -> list[Any] | Refused:
        """What the rules say of a command on the state of a version."""
        state = self.states[version]
        if metadata is None:
            at = self.stream[version - 1].metadata.at
            name, nobody = type(call.command).__name__, UUID(int=0)
            metadata = Metadata(call.actor, (), at, name, nobody, nobody, "api", reason=call.command.reason)
            metadata = replace(metadata, roles=productions.held(state, self.company, call.actor, metadata))
        try:
            return [*decision.decide(call.command, state, self.company, metadata, name="the-long-take")]
        except Refusal as refusal:
            return Refused(slug(type(refusal).__name__), str(refusal))


def _accepted(logged: Sequence[Recorded[Any]], told: Accepted | None = None) -> Accepted | None:
    """What stands in the log, as an answer tells it; nothing stands there for a command that changed nothing."""
    if not logged:
        return told if told and not told.events else None
    events = tuple((each.version, each.event_id) for each in logged)
    return Accepted(logged[0].metadata.command_id, logged[-1].version, events)


def _operation(calls: list[Call]) -> _Operation:
    operation = _Operation(calls, min(call.invoked for call in calls))
    accepted = [call for call in calls if isinstance(call.told, Accepted)]
    if accepted:
        first = min(accepted, key=lambda call: call.returned)
        assert isinstance(first.told, Accepted)
        operation.accepted, operation.returned = first.told, first.returned
    return operation
