"""Storms: the service and its log under fire. Short in every run; `make storm` runs the long form and tells figures."""

import os
import random

import pytest

from tests.forms import LONG


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Of the storm's chances; a failure names it, and STORM_SEED sets it."""
    drawn = int(os.environ.get("STORM_SEED") or random.randrange(2**32))
    request.node.add_report_section("setup", "seed", f"STORM_SEED={drawn}")
    return drawn


@pytest.fixture
def chance(seed: int) -> random.Random:
    return random.Random(seed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what each storm of the long form recorded of itself."""
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.getreports(outcome)]
    for report in reports:
        if LONG and report.user_properties:
            figures = ", ".join(f"{value:,} {name}" for name, value in report.user_properties)
            terminalreporter.write_line(f"{report.nodeid.split('/')[-1]}: {figures}, {report.duration:,.0f} seconds")
