"""What a process remembers of streams: the state that decisions are made on, and the version it is of."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from events.append import GENESIS_HEAD, Head
from events.ids import StreamId
from events.log import Log
from service.deciders import company, production

#: Streams whose state is kept in memory.
CACHED = 1000

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """A stream's state at a version."""

    head: Head
    #: The time of its last event.
    at: datetime | None
    #: None for a stream that does not exist.
    state: S | None


NOTHING: Loaded[Any] = Loaded(GENESIS_HEAD, None, None)


def evolve(stream_id: StreamId) -> Any:
    """The function that takes a stream's state past an event: a production's, or a company's."""
    return production.evolve if "/" in stream_id else company.evolve


class Streams:
    """The states of the streams that were asked for last."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._kept: OrderedDict[StreamId, Loaded[Any]] = OrderedDict()

    def kept(self, stream_id: StreamId) -> Loaded[Any] | None:
        """The state in memory: true at its version, which need not be the newest."""
        return self._kept.get(stream_id)

    async def newest(self, stream_id: StreamId) -> Loaded[Any]:
        """The newest state: what is kept, and the tail since."""
        base = self._kept.get(stream_id, NOTHING)
        head = (await self._log.heads(stream_id)).get(stream_id)
        if head is None:
            return NOTHING
        if head.version == base.head.version:
            return base
        state, at, further = base.state, base.at, evolve(stream_id)
        for recorded in await self._log.read_stream(stream_id, base.head.version, head.version):
            state, at = further(state, recorded.event, recorded.metadata), recorded.metadata.at
        return self.keep(stream_id, Loaded(head, at, state))

    def keep(self, stream_id: StreamId, loaded: Loaded[S]) -> Loaded[S]:
        """Remember a state that the log holds; of two, the newer one stays."""
        known = self._kept.get(stream_id)
        if known is None or known.head.version <= loaded.head.version:
            self._kept[stream_id] = loaded
        self._kept.move_to_end(stream_id)
        while len(self._kept) > CACHED:
            self._kept.popitem(last=False)
        return loaded

    def forget(self, stream_id: StreamId) -> None:
        """Forget a state when it is not known what became of an append."""
        self._kept.pop(stream_id, None)
