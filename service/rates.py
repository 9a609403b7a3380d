"""How often: requests of one credential, and failures of one address to say who is there.

Each process counts for itself. Only who fails is counted by address, and only failures are refused for it: people
share addresses, and one of them must not keep the others out.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

#: Of one credential, open at a time.
STREAMS_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed; None: as much as comes."""

    requests_a_second: int | None = None
    failures_a_minute: int | None = None


@dataclass
class TooOften(Exception):
    """The limit is reached; in so many seconds it is open again."""

    limit: int
    seconds: int


class Rates:
    """Counts, and says when it is too often."""

    def __init__(self, limits: Limits) -> None:
        self._requests = _item(RateLimitItemPerSecond, limits.requests_a_second)
        self._failures = _item(RateLimitItemPerMinute, limits.failures_a_minute)
        self._streams = Counter[str]()
        # Apart, since each is swept as a whole: many addresses must not slow down those who are known.
        self._of_credentials = FixedWindowRateLimiter(MemoryStorage())
        self._of_addresses = FixedWindowRateLimiter(MemoryStorage())

    async def request(self, credential: str) -> None:
        """Count a request of a credential.

        Raises:
            TooOften: it is one too many.
        """
        if self._requests is not None:
            await _hit(self._of_credentials, self._requests, credential)

    @contextmanager
    def stream(self, credential: str) -> Iterator[None]:
        """Count a stream of a credential for as long as it is open.

        Raises:
            TooOften: it is one too many.
        """
        if self._streams[credential] >= STREAMS_AT_MOST:
            raise TooOften(STREAMS_AT_MOST, 1)
        self._streams[credential] += 1
        try:
            yield
        finally:
            self._streams[credential] -= 1
            if not self._streams[credential]:
                del self._streams[credential]

    async def failure(self, address: str) -> None:
        """Count a failure of an address.

        Raises:
            TooOften: it is one too many.
        """
        if self._failures is not None:
            await _hit(self._of_addresses, self._failures, _neighbourhood(address))


def _item(kind: type[RateLimitItem], amount: int | None) -> RateLimitItem | None:
    return None if amount is None else kind(amount)


async def _hit(counted: FixedWindowRateLimiter, item: RateLimitItem, who: str) -> None:
    if not await counted.hit(item, who):
        reset = (await counted.get_window_stats(item, who)).reset_time
        raise TooOften(item.amount, max(1, math.ceil(reset - time.time())))


def _neighbourhood(address: str) -> str:
    """The address; of IPv6 the network, in which one machine has as many addresses as it likes."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address
