"""Bells: whoever waits for the log to grow or for a view to move is woken, and then looks for himself.

A ring says nothing but "look": it may be lost, late or for nothing, so everyone who waits also looks by himself
every little while. Between processes a ring travels as a NOTIFY: one for all appends of a moment, from a
connection of its own, since a NOTIFY inside an append would make all appends commit one after the other.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

#: A lost ring costs no more than this.
POLL_SECONDS = 0.15
#: Appends within this are told to the other processes at once.
TOGETHER_SECONDS = 0.005
#: A wire that is silent for so long is felt, and one that does not answer is cut.
PULSE_SECONDS = 5.0
#: How long to wait before the wire is laid again.
AGAIN_SECONDS = 1.0

APPENDED, PROGRESSED = "greenlight_appended", "greenlight_progressed"

_log = structlog.get_logger()


class Bell:
    """Wakes everyone who waits for it."""

    def __init__(self) -> None:
        self._ring = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now."""
        self._ring.set()
        self._ring = asyncio.Event()

    async def heard(self, seconds: float = POLL_SECONDS) -> None:
        """Wait for the next ring, for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # unlike wait_for, it never swallows a cancellation
                await self._ring.wait()


class Bells:
    """The bells of a process, and the wire to the bells of the others."""

    def __init__(self) -> None:
        #: The log has grown.
        self.appended = Bell()
        #: A read model has moved.
        self.progressed = Bell()
        self._untold = asyncio.Event()

    def tell_appended(self) -> None:
        """Ring here, and in the other processes."""
        self.appended.ring()
        self._untold.set()

    async def wire(self, connect: Callable[[], Awaitable[Any]]) -> None:
        """Carry rings from and to the other processes until cancelled; a wire that breaks is laid again."""
        while True:
            try:
                connection = await connect()
                try:
                    await self._carry(connection)
                finally:
                    connection.terminate()
            except Exception as error:  # whatever it is, everyone still looks by himself until it is mended
                _log.warning("bells_are_cut_off", error=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def _carry(self, connection: Any) -> None:
        await connection.add_listener(APPENDED, lambda *_: self.appended.ring())
        await connection.add_listener(PROGRESSED, lambda *_: self.progressed.ring())
        connection.add_termination_listener(lambda _: self._untold.set())
        self.appended.ring()  # whatever was rung while the wire was cut
        self.progressed.ring()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PULSE_SECONDS):
                    await self._untold.wait()
            word = f"NOTIFY {APPENDED}" if self._untold.is_set() else "SELECT"
            self._untold.clear()
            await connection.execute(word, timeout=PULSE_SECONDS)
            await asyncio.sleep(TOGETHER_SECONDS)
