"""What is measured and how it is told: medians of rounds, ours and the peer's in turn."""

import asyncio
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg

#: A look instead of a measurement: fewer rounds, shorter ones, smaller logs.
QUICK = bool(os.environ.get("QUICK"))
ROUNDS = 2 if QUICK else 5
SECONDS = 0.6 if QUICK else 2.25


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table."""

    name: str
    ours: float
    unit: str
    peer: float | None = None
    peer_name: str | None = None
    #: Of `ours / peer`, or of `ours` where there is no peer; as a comparison, such as `>= 0.8`.
    aim: str | None = None
    #: Lowest and highest of the rounds.
    spread: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return None if not self.peer else self.ours / self.peer

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        sign, bound = self.aim.split()
        value = self.ours if self.ratio is None else self.ratio
        return value >= float(bound) if sign == ">=" else value <= float(bound)

    def told(self) -> dict[str, Any]:
        """For the file of results."""
        return asdict(self) | {"ratio": self.ratio, "met": self.met}


def result(
    name: str,
    unit: str,
    ours: Sequence[float],
    peer: Sequence[float] = (),
    peer_name: str | None = None,
    aim: str | None = None,
) -> Result:
    """The rounds of a measurement as a row: their medians."""
    return Result(
        name,
        statistics.median(ours),
        unit,
        statistics.median(peer) if peer else None,
        peer_name,
        aim,
        (min(ours), max(ours)),
    )


async def at_rest(url: str) -> None:
    """Let the server write back what was left to it, so that nobody pays for what was measured before.

    Args:
        url: of a connection that may order a checkpoint.
    """
    admin = await asyncpg.connect(url)
    await admin.execute("CHECKPOINT")
    await admin.close()


async def said_by(*words: object, **environment: str) -> str:
    """What a process prints that measures something; killed when the measuring is ended early."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words), env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{words[:3]} ended with {process.returncode}")
    return said.decode()


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
