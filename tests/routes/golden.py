"""A JSON file that a test writes when GOLDEN=write is set, and is held against otherwise."""

import json
import os
from pathlib import Path
from typing import Any

WRITING = os.environ.get("GOLDEN") == "write"


def held(file: Path, value: Any, *place: str) -> None:
    """The value is what stands at the place in the file; when writing, it is put there."""
    everything = json.loads(file.read_text()) if file.exists() else {}
    if WRITING:
        if not place:
            everything = value
        else:
            *most, last = place
            part = everything
            for name in most:
                part = part.setdefault(name, {})
            part[last] = value
        file.write_text(json.dumps(everything, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        return
    stands = everything
    for name in place:
        assert name in stands, f"{file.name} has no {' / '.join(place)}: run `make golden` and read the difference"
        stands = stands[name]
    assert value == stands
