"""The tail of the log in memory: read once for everybody in this process who follows it.

A window holds the newest events. Whoever is within it takes theirs from here; whoever is behind it reads pages from
the database until they are in it. So a hundred followers cost the database what one costs, and a follower who waits
costs it nothing. While nobody follows, nothing is read.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, TypeVar

import structlog

from events import AnyEvent
from events.bells import Bell
from events.envelope import CannotTake, Recorded
from events.log import AGAIN_SECONDS, Log, Part

from .streams import weight

#: The window: so many events at the most, and so many bytes as reckoned; what they are told as may take as much again.
EVENTS, BYTES = 4096, 16 * 2**20
#: A follower who waits looks up as often, whether they are still wanted.
WAIT_SECONDS = 0.25
#: On a busy log the reader rests as long for each follower, so that one wake tells them more.
FOLLOWER_SECONDS = 0.001

T = TypeVar("T")

_log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Kept:
    """An event of the window; also one that this code cannot take, which stops those alone whom it concerns."""

    event: Recorded[AnyEvent] | CannotTake
    position: int
    #: What it is told as, by what is left out of it: made once for all who read the same of it.
    told: dict[str | None, bytes] = field(default_factory=dict)

    def among(self, part: Part) -> bool:
        """Whether it belongs to a part of the log."""
        event = self.event
        kind = event.type if isinstance(event, CannotTake) else type(event.event).__name__
        return (
            event.stream_id.split("/", 1)[0] == part.company
            and part.stream in (None, event.stream_id)
            and (part.types is None or kind in part.types)
        )

    def once(self, withheld: str | None, tell: Callable[[], bytes]) -> bytes:
        """What it is told as: made by the first who tells it."""
        if (told := self.told.get(withheld)) is None:
            told = self.told[withheld] = tell()
        return told

    @property
    def weight(self) -> int:
        """The bytes that it takes, as reckoned."""
        return 0 if isinstance(self.event, CannotTake) else weight(self.event.event)


class Tail:
    """The newest events of the log, as long as somebody follows it."""

    def __init__(self, log: Log, appended: Bell) -> None:
        self._log = log
        self._appended = appended
        self._kept: list[Kept] = []
        self._weight = 0
        #: All that lies after the first position and up to the second is kept; None until the log was looked at.
        self._window: tuple[int, int] | None = None
        self._grown = Bell()
        #: How often the log was another one than it was: an older copy of the database was restored.
        self._restored = 0
        self._followers = 0
        self._reading: asyncio.Task[None] | None = None
        #: What followers ask alike, and until when an answer is good.
        self._asked: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    async def alike(self, what: Hashable, seconds: float, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What several followers ask: asked by the first of them, and good for all for so long."""
        now = asyncio.get_running_loop().time()
        if what not in self._asked or self._asked[what][0] <= now:
            self._asked = {each: asked for each, asked in self._asked.items() if asked[0] > now}
            self._asked[what] = now + seconds, asyncio.create_task(ask())
        answer: T = await asyncio.shield(self._asked[what][1])
        return answer

    async def follow(self, after: int, part: Part, limit: int) -> AsyncGenerator[Sequence[Kept], None]:
        """What happens in a part of the log after a position, without a gap and without an end.

        Each time so many events at the most, when they are asked for and never ahead; none when there is nothing new
        for a while. A database that is away is waited for. It ends when the log is another one than it was: whoever
        follows asks anew from where they are, and is told whether there is such a place.

        Raises:
            CannotTake: the very next event is none that this code can read.
        """
        with self._followed():
            restored = self._restored
            while restored == self._restored:
                if self._window is None or after < self._window[0]:
                    page = await self._log.page_in_time(after, limit, part)
                    found, reached = [Kept(each, each.position) for each in page.events], page.reached
                else:
                    found, reached = self._found(after, part, limit)
                moved, after = reached > after, reached
                if found or not moved:
                    yield found
                if not moved:
                    await self._grown.heard(WAIT_SECONDS)

    def _found(self, after: int, part: Part, limit: int) -> tuple[list[Kept], int]:
        """The next ones in the window, and how far they were looked for."""
        assert self._window is not None
        found: list[Kept] = []
        for place in range(bisect_right(self._kept, after, key=attrgetter("position")), len(self._kept)):
            kept = self._kept[place]
            if kept.among(part):
                if isinstance(kept.event, CannotTake):
                    if found:
                        return found, found[-1].position
                    raise replace(kept.event)
                found.append(kept)
                if len(found) == limit:
                    return found, kept.position
        return found, max(after, self._window[1])

    @contextmanager
    def _followed(self) -> Iterator[None]:
        """Somebody follows: from the first on the log is read, and after the last nothing is kept."""
        self._followers += 1
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._reading.cancel()
                self._reading, self._window, self._weight = None, None, 0
                self._kept.clear()

    async def _read(self) -> None:
        """Take in what comes, from where the log ends now."""
        after = (await self._log.page_in_time(2**62, 1)).complete  # nothing lies after it
        self._window = after, after
        while True:
            try:
                async for page in self._log.follow(after, self._appended):
                    if page.complete < after:
                        after = page.complete
                        self._begin_anew(after)
                        break
                    self._take([Kept(each, each.position) for each in page.events], page.reached)
                    after = page.reached
                    if page.events:  # telling all of them takes a part of the time, however many they are
                        await asyncio.sleep(self._followers * FOLLOWER_SECONDS)
            except CannotTake as error:
                after = error.position
                self._take([Kept(error, after)], after)
            except Exception as error:  # who follows waits here, and must not wait for nobody
                _log.error("tail_failed", after=after, exc_info=error)
                await asyncio.sleep(AGAIN_SECONDS)

    def _begin_anew(self, after: int) -> None:
        """Forget what a log held that is no more; whoever was told of it ends."""
        _log.warning("log_is_shorter_than_it_was", complete=after)
        self._restored += 1
        self._window, self._weight = (after, after), 0
        self._kept.clear()
        self._grown.ring()

    def _take(self, new: list[Kept], reached: int) -> None:
        assert self._window is not None
        if reached == self._window[1]:
            return
        self._kept += new
        self._weight += sum(each.weight for each in new)
        since = self._window[0]
        if len(self._kept) > EVENTS or self._weight > BYTES:
            left, start = self._weight, 0
            while start < len(self._kept) and (len(self._kept) - start > EVENTS * 3 // 4 or left > BYTES * 3 // 4):
                left -= self._kept[start].weight
                start += 1
            since, self._weight = self._kept[start - 1].position, left
            del self._kept[:start]
        self._window = since, reached
        self._grown.ring()
