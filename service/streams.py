"""What a process remembers of streams: the state that decisions are made on, and the version it is of.

As many are kept as fit into a bound of memory, those asked for last; the one asked for just now always is, however
large. What a state weighs is not measured but reckoned from the events it was folded from, rather too much than too
little: what was replaced or reversed is not taken off.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, get_origin, get_type_hints

from events import EVENTS, AnyEvent
from events.append import GENESIS_HEAD, Head
from events.envelope import CannotTake
from events.ids import StreamId
from events.log import Log
from service.deciders import company, production

#: What the states kept in memory may weigh together.
KEPT_BYTES = 256 * 2**20
#: What an event leaves in a state, and what every line of a list does that it carries, such as a budget's accounts.
EVENT_BYTES, LINE_BYTES = 1300, 600
#: Events of a stream that are in memory at a time, beside its state, while it is read.
PAGE = 2000

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """A stream's state at a version."""

    head: Head
    #: The time of its last event.
    at: datetime | None
    #: None for a stream that does not exist.
    state: S | None
    #: In memory, as reckoned.
    weight: int


NOTHING: Loaded[Any] = Loaded(GENESIS_HEAD, None, None, 0)


_LISTS = {
    event: tuple(name for name, hint in get_type_hints(event).items() if get_origin(hint) is tuple)
    for event in EVENTS.values()
}


def weight(event: AnyEvent) -> int:
    """The bytes that an event leaves in a state, at the most."""
    return EVENT_BYTES + LINE_BYTES * sum(len(getattr(event, name)) for name in _LISTS[type(event)])


def evolve(stream_id: StreamId) -> Any:
    """The function that takes a stream's state past an event: a production's, or a company's."""
    return production.evolve if "/" in stream_id else company.evolve


class Streams:
    """The states of the streams that were asked for last."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kept: OrderedDict[StreamId, Loaded[Any]] = OrderedDict()
        #: Of all that is kept.
        self.weight = 0
        #: How often a state was there (`hit`), was there but behind (`tail`), was not there (`miss`).
        self.looks = {"hit": 0, "tail": 0, "miss": 0}

    def __len__(self) -> int:
        return len(self._kept)

    def kept(self, stream_id: StreamId) -> Loaded[Any] | None:
        """The state in memory: true at its version, which need not be the newest."""
        found = self._kept.get(stream_id)
        if found is not None:
            self.looks["hit"] += 1
        return found

    async def newest(self, stream_id: StreamId) -> Loaded[Any]:
        """The newest state: what is kept, and the tail since.

        Raises:
            CannotTake: the stream holds an event that this code cannot read, or that makes no sense after the others.
        """
        base = self._kept.get(stream_id, NOTHING)
        head = (await self._log.heads(stream_id)).get(stream_id)
        if head is None:
            return NOTHING
        if head.version == base.head.version:
            self.looks["hit"] += 1
            return base
        self.looks["miss" if base is NOTHING else "tail"] += 1
        state, at, heavy, further = base.state, base.at, base.weight, evolve(stream_id)
        for after in range(base.head.version, head.version, PAGE):
            for recorded in await self._log.read_stream(stream_id, after, min(after + PAGE, head.version)):
                try:
                    state, at = further(state, recorded.event, recorded.metadata), recorded.metadata.at
                except Exception as error:
                    raise CannotTake.of(recorded, error) from error
                heavy += weight(recorded.event)
        return self.keep(stream_id, Loaded(head, at, state, heavy))

    def keep(self, stream_id: StreamId, loaded: Loaded[S]) -> Loaded[S]:
        """Remember a state that the log holds; of two, the newer one stays."""
        known = self._kept.get(stream_id, NOTHING)
        if known.head.version <= loaded.head.version:
            self._kept[stream_id] = loaded
            self.weight += loaded.weight - known.weight
        self._kept.move_to_end(stream_id)
        while self.weight > KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self.weight -= oldest.weight
        return loaded

    def forget(self, stream_id: StreamId) -> None:
        """Forget a state when it is not known what became of an append."""
        self.weight -= self._kept.pop(stream_id, NOTHING).weight
