"""What runs in a short form with every test, and in a long one by `make storm`."""

import os
from typing import TypeVar

#: The one setting: `STORM=long` for the long form.
LONG = os.environ.get("STORM") == "long"

T = TypeVar("T")


def either(short: T, long: T) -> T:
    """What is fit for the form that runs."""
    return long if LONG else short
