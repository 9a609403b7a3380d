"""What things are called: constrained strings, so that no bare `str` stands for an id.

People choose slugs (companies, productions, persons, vendors) and account codes; a decision gives every
other number, per production and without gaps: `F-1`, `R-1`, `v1`, `A-1`, `S-000001`, `FLAG-1`.
"""

import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
PersonId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-.][a-z0-9]+)*$", max_length=64)]
VendorId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]

#: A chart of accounts belongs to its owner: `1100`, `11-00`, `101-00`, `B 04`, letters too.
AccountCode = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,6}([ .-][A-Za-z0-9]{1,6}){0,3}$", max_length=27)
]

FundingId = Annotated[str, StringConstraints(pattern=r"^F-[1-9][0-9]{0,8}$")]
ReceiptId = Annotated[str, StringConstraints(pattern=r"^R-[1-9][0-9]{0,8}$")]
BudgetId = Annotated[str, StringConstraints(pattern=r"^v[1-9][0-9]{0,8}$")]
RoundId = Annotated[str, StringConstraints(pattern=r"^A-[1-9][0-9]{0,8}$")]
SpendId = Annotated[str, StringConstraints(pattern=r"^S-[0-9]{6,9}$")]
FlagId = Annotated[str, StringConstraints(pattern=r"^FLAG-[1-9][0-9]{0,8}$")]

#: SHA-256 in lower-case hexadecimal.
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

#: `company` for a company's own stream, `company/production` for a production's.
StreamId = str

#: A line break, and the joiners that many scripts cannot be written without.
_LEGIBLE = "\n\u200c\u200d"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _plain(text: str) -> str:
    """Refuse what cannot be read: control, formatting, private and surrogate characters.

    The text is brought to Unicode's composed form, so that what looks equal is equal.
    """
    for place, character in enumerate(text):
        if character not in _LEGIBLE and unicodedata.category(character) in _HIDDEN:
            raise ValueError(f"character {place + 1} (U+{ord(character):04X}) is not plain text")
    if not "".join(c for c in text if c not in _LEGIBLE).strip():
        raise ValueError("the text is blank")
    return unicodedata.normalize("NFC", text.strip())


def _one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("the text must be one line")
    return text


#: A name, a title, a reference: one line.
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_plain), AfterValidator(_one_line)
]
#: A reason, a memo, an approver's words.
Memo = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_plain)]


def by_number(flags: Iterable[FlagId]) -> tuple[FlagId, ...]:
    """Flags in the order they were raised: facts never depend on the order of a map."""
    return tuple(sorted(flags, key=lambda flag: int(flag.removeprefix("FLAG-"))))
