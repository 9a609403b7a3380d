"""Golden files: compared with, or with GOLDEN=write in the environment, written."""

import os
from pathlib import Path


def golden(place: Path, text: str) -> str:
    """What the file says; with GOLDEN=write, after the text was written to it."""
    if os.environ.get("GOLDEN") == "write":
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    return place.read_text()
