"""Run everything side by side, print the table, write `benchmarks/results.json`."""

import asyncio
import json
import platform
import signal
import tempfile
from contextlib import aclosing
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from service.database import migrate
from service.embedded import running

from . import appends, http, million, production
from .measure import Result

RESULTS = Path(__file__).parent / "results.json"


async def measured(rows: list[Result]) -> None:
    """Every row, added as it comes; a signal leaves through every block that is open, and stops the databases."""
    working = asyncio.current_task()
    assert working is not None
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, working.cancel)
    for room in (appends.compare, http.compare, production.measured, million.measured):
        with tempfile.TemporaryDirectory() as place, running(Path(place, "postgres")) as server:
            await migrate(server.owner_url)
            async with aclosing(room(server)) as measuring:
                async for row in measuring:
                    rows.append(row)


def table(rows: list[Result]) -> Table:
    """The rows as a terminal shows them."""
    shown = Table("what", "ours", "spread", "peer", "", "ratio", "aim", "", box=None)
    for row in rows:
        shown.add_row(
            row.name,
            f"{row.ours:,.1f} {row.unit}",
            "" if row.spread is None else f"{row.spread[0]:,.0f}–{row.spread[1]:,.0f}",
            "" if row.peer is None else f"{row.peer:,.1f}",
            row.peer_name or "",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.aim or "",
            {True: "met", False: "MISSED", None: ""}[row.met],
        )
    return shown


def main() -> None:
    """The table and the file; ended early, the table of what there is."""
    rows: list[Result] = []
    broken_off = False
    try:
        uvloop.run(measured(rows))
    except asyncio.CancelledError:
        broken_off = True
    Console(width=200).print(table(rows))
    print(f"{platform.platform()}, Python {platform.python_version()}")
    if broken_off:
        print("Ended early: the rest was not measured, and nothing was written.")
        raise SystemExit(130)
    RESULTS.write_text(json.dumps([row.told() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
