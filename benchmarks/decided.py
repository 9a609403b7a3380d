"""`python -m benchmarks.decided PRODUCTION...`: decide a command for each, and print the process's memory in MiB."""

import asyncio
import os
import re
import sys
from pathlib import Path

from service.app import opened

from .production import entry, send


async def main(names: list[str]) -> None:
    """Decide, then look at what the process holds."""
    async with opened(os.environ["DATABASE_URL"], project=False) as doors:
        for each in names:
            await send(doors, "ravi", entry(), each)
        print(held())


def held() -> float:
    """The process's resident memory in MiB."""
    found = re.search(r"VmRSS:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
