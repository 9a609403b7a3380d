"""What a process remembers of streams: the state that decisions are made on, and the version it is of.

As many are kept as fit into a bound of memory, those asked for last; the one asked for just now always is, however
large. A stream is read by one task, whoever asks for it meanwhile, and that reads on when they are gone. What a state
weighs is not measured but reckoned from the events it was folded from, rather too much than too little: what was
replaced or reversed is not taken off.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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
#: Events of a stream that are read at a time: between two pages the process does whatever else waits.
PAGE = 500
#: How long a stream that is being read is waited for: less than a request may take.
PATIENCE_SECONDS = 6.0

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


@dataclass
class HistoryIsBeingRead(Exception):
    """A long stream is being read, as after the start of a process; it will be there in a moment."""

    stream_id: StreamId


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
        self._reading: dict[StreamId, asyncio.Task[Loaded[Any]]] = {}
        #: Those that hold an event which this code cannot take, as far as it met them.
        self.not_taken: set[StreamId] = set()
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
            HistoryIsBeingRead: that takes longer; it goes on meanwhile.
        """
        before = self._kept.get(stream_id, NOTHING).head
        head = (await self._log.heads(stream_id)).get(stream_id, GENESIS_HEAD)
        if before.version and not await self._is_on_the_way_to(stream_id, before, head):
            self.forget(stream_id)  # it is another log than it was: an older copy was restored
        found = self._kept.get(stream_id, NOTHING)
        looked = "hit" if found.head.version >= head.version else "miss" if found is NOTHING else "tail"
        self.looks[looked] += 1
        until = time.monotonic() + PATIENCE_SECONDS
        while found.head.version < head.version:
            reading = self._reading.get(stream_id) or self._begin(stream_id, head)
            done, _ = await asyncio.wait([reading], timeout=until - time.monotonic())
            if not done:
                raise HistoryIsBeingRead(stream_id)
            found = reading.result()
        return found

    async def _is_on_the_way_to(self, stream_id: StreamId, known: Head, head: Head) -> bool:
        """Whether the stream was once where a state is, on its way to where it stands."""
        if known.version < head.version:
            return await self._log.link_at(stream_id, known.version) == known.link
        return (known.version, known.link) == (head.version, head.link)

    def _begin(self, stream_id: StreamId, head: Head) -> asyncio.Task[Loaded[Any]]:
        """Read a stream up to its head."""
        reading = asyncio.create_task(self._read(stream_id, head))
        self._reading[stream_id] = reading
        reading.add_done_callback(partial(self._ended, stream_id))
        return reading

    async def _read(self, stream_id: StreamId, head: Head) -> Loaded[Any]:
        base, further = self._kept.get(stream_id, NOTHING), evolve(stream_id)
        state, at, heavy = base.state, base.at, base.weight
        for after in range(base.head.version, head.version, PAGE):
            for recorded in await self._log.read_stream(stream_id, after, min(after + PAGE, head.version)):
                try:
                    state, at = further(state, recorded.event, recorded.metadata), recorded.metadata.at
                except Exception as error:
                    raise CannotTake.of(recorded, error) from error
                heavy += weight(recorded.event)
        return self.keep(stream_id, Loaded(head, at, state, heavy))

    def _ended(self, stream_id: StreamId, reading: asyncio.Task[Loaded[Any]]) -> None:
        del self._reading[stream_id]
        error = None if reading.cancelled() else reading.exception()
        if isinstance(error, CannotTake):
            self.not_taken.add(stream_id)
        elif error is None:
            self.not_taken.discard(stream_id)

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
        """Forget a state that the log does not hold any more."""
        self.weight -= self._kept.pop(stream_id, NOTHING).weight
