"""Group commit: whatever waits while a commit is on its way goes together in the next.

Every writer of a process comes through here. One call of the database carries many units, and one flush to disk
makes them all durable: the more wait, the less each costs. Units are taken in the order in which they came, a
stream once a batch, a batch of bounded size: a busy production takes its turn like any other.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from .append import CALL, Append, Appended, Conflict, Known, Outcome, Unit, Withheld, outcomes, written

#: Commits on their way at the same time: while the database is at one, the process prepares the next.
COMMITS = 2
#: Units of a batch, if so many wait, so that a call is worth its while.
LEAST = 16
#: Commands at which a batch is full, so that none waits long.
FULL = 500

#: What a lost connection looks like from here.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
#: What passes by itself for who only reads: the same, and a server that has no room.
AWAY = (*LOST, asyncpg.InsufficientResourcesError)


#: What one looks like that the server ended, or that broke: not one that is silent.
ENDED = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    ConnectionError,
)

#: What may become of an append, in the words of who counts.
TOLD = ("appended", "replayed", "mismatch", "conflict", "withheld", "unknown", "failed")


class OutcomeUnknown(Exception):
    """The connection was lost before the database answered: the append may or may not have happened."""


class ConnectionEnded(OutcomeUnknown):
    """The connection ended before the answer: the same append under the same keys finds the truth at once."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """A unit that waits for its outcomes."""

    unit: Unit
    told: asyncio.Future[list[Outcome]]


class GroupCommit:
    """The writers of a process, before one pool of connections."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._free = COMMITS
        self._waiting: deque[_Waiting] = deque()
        self._writing: set[str] = set()
        self._commits: set[asyncio.Task[None]] = set()
        #: What became of the appends so far.
        self.told = dict.fromkeys(TOLD, 0)
        self.events = 0
        #: Told of every answer of the database: the units and events of its call, and the seconds that it took.
        self.answered: Callable[[int, int, float], None] = lambda *_: None

    @property
    def waiting(self) -> int:
        """Units that wait for a commit."""
        return len(self._waiting)

    async def append(self, *unit: Append) -> list[Outcome]:
        """Append to streams, each at its expected head, all or none; one outcome for each, in their order.

        Raises:
            OutcomeUnknown: the connection was lost before the answer.
        """
        waiting = _Waiting(unit, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._free:
            self._free -= 1
            commit = asyncio.create_task(self._commit())
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)
        return await waiting.told

    async def within(self, connection: Any, append: Append) -> Outcome:
        """Append within the transaction of a connection.

        Raises:
            OutcomeUnknown: the transaction failed on a key that another stream has just taken.
        """
        units: list[Unit] = [(append,)]
        arguments = written(units)
        try:
            [[outcome]] = outcomes(units, arguments, await self._ask(connection, units, arguments))
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "commands_pkey":
                raise
            raise OutcomeUnknown("one key raced on several streams") from error
        self._count(units[0], [outcome])
        return outcome

    async def _commit(self) -> None:
        """Write batches until nothing waits that may be written."""
        try:
            while batch := self._batch():
                streams = [append.stream_id for each in batch for append in each.unit]
                self._writing.update(streams)
                try:
                    await self._write(batch)
                finally:
                    self._writing.difference_update(streams)
        finally:
            self._free += 1

    def _batch(self) -> list[_Waiting]:
        """The units that go together: first come first served, no stream twice at a time, half of what waits."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        taken = set(self._writing)
        share, commands = max(LEAST, -(-len(self._waiting) // COMMITS)), 0
        while self._waiting and len(batch) < share and commands < FULL:
            each = self._waiting.popleft()
            streams = [append.stream_id for append in each.unit]
            if taken.isdisjoint(streams):
                batch.append(each)
                commands += sum(len(append.commands) for append in each.unit)
            else:
                later.append(each)
            taken.update(streams)  # what waits for a stream is not overtaken on it
        self._waiting.extendleft(reversed(later))
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        told: Sequence[list[Outcome] | Exception]
        try:
            told = await self._call([each.unit for each in batch])
        except (*LOST, OutcomeUnknown) as error:
            unknown = ConnectionEnded if isinstance(error, ENDED) else OutcomeUnknown
            told = [unknown(str(error)) for _ in batch]
        except Exception as error:
            if len(batch) > 1:  # what one of them breaks is not the others' fault
                for each in batch:
                    await self._write([each])
                return
            told = [error]
        for each, outcome in zip(batch, told, strict=True):
            self._count(each.unit, outcome)
            _tell(each.told, outcome)

    def _count(self, unit: Unit, told: list[Outcome] | Exception) -> None:
        if isinstance(told, Exception):
            self.told["unknown" if isinstance(told, OutcomeUnknown) else "failed"] += len(unit)
            return
        for append, outcome in zip(unit, told, strict=True):
            match outcome:
                case Appended(_, _, head):
                    self.told["appended"] += 1
                    self.events += head.version - append.expected.version
                case Known(hits):
                    self.told["mismatch" if None in hits.values() else "replayed"] += 1
                case Conflict():
                    self.told["conflict"] += 1
                case Withheld():
                    self.told["withheld"] += 1

    async def _call(self, units: list[Unit]) -> list[list[Outcome]]:
        arguments = written(units)
        for _ in range(3):
            try:
                async with self._pool.acquire() as connection:
                    with heeded(connection):
                        rows = await self._ask(connection, units, arguments)
                return outcomes(units, arguments, rows)
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name != "commands_pkey" or len(units) > 1:
                    raise
                # one key raced on two streams: whoever lost now finds it in the ledger
        raise OutcomeUnknown("one key raced on several streams too often")

    async def _ask(self, connection: Any, units: list[Unit], arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        started = time.perf_counter()
        rows: list[asyncpg.Record] = await connection.fetch(CALL, *arguments)
        self.answered(len(units), len(arguments[-1]), time.perf_counter() - started)
        return rows


@contextmanager
def heeded(connection: Any) -> Iterator[None]:
    """Take a warning for what it is: a wait for a standby that was cancelled still says success.

    Raises:
        OutcomeUnknown: the database warned.
    """
    warnings: list[str] = []

    def heard(_: Any, message: Any) -> None:
        if message.severity == "WARNING":
            warnings.append(message.message)

    connection.add_log_listener(heard)
    try:
        yield
    finally:
        with suppress(asyncpg.InterfaceError):  # it was lost meanwhile, and says so itself
            connection.remove_log_listener(heard)
    if warnings:
        raise OutcomeUnknown(f"the database warned: {'; '.join(warnings)}")


def _tell(waiting: asyncio.Future[list[Outcome]], told: list[Outcome] | Exception) -> None:
    if waiting.done():
        return  # nobody waits any more
    if isinstance(told, Exception):
        waiting.set_exception(told)
    else:
        waiting.set_result(told)
