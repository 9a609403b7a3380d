"""A page as PDF, from a template and what stands on it.

The typesetter comes with the extra `pdf`, and without it there is no PDF; the same content gives the same bytes.
"""

import json
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from typing import Any

#: Whether there is a typesetter.
INSTALLED = find_spec("typst") is not None


def typeset(template: Traversable, sheet: dict[str, Any]) -> bytes:
    """The page, such that it can be read aloud (PDF/UA-1), where the fonts have every character.

    Else it is a plain PDF with a box in the place of what no font here has: a figure that cannot be handed on because
    of a name beside it would be worse.
    """
    import typst

    source, said = template.read_bytes(), {"sheet": json.dumps(sheet)}
    try:
        compiled = typst.compile(source, sys_inputs=said, pdf_standards="ua-1")
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise
        compiled = typst.compile(source, sys_inputs=said)
    assert isinstance(compiled, bytes)
    return compiled
