"""What things are called: constrained strings, so that no bare `str` stands for an id.

People choose slugs (companies, productions, persons, vendors) and account codes; a decision gives every
other number, per production and without gaps: `F-1`, `R-1`, `v1`, `A-1`, `S-000001`, `Q-1`, `FLAG-1`.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

#: By pattern, what is asked of a text in words: a pattern is for machines.
SHAPES: dict[str, str] = {}


def shape(pattern: str, words: str, max_length: int | None = None) -> StringConstraints:
    """A pattern that a text must match, and what a person who missed it is told."""
    SHAPES[pattern] = words
    return StringConstraints(pattern=pattern, max_length=max_length)


@dataclass(frozen=True, slots=True, eq=False)
class Says:
    """What the JSON Schema of a type says of it that a validator holds, and pydantic cannot see."""

    said: Mapping[str, Any]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | dict(self.said)


Slug = Annotated[
    str,
    shape(
        r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        "use a-z, 0-9 and single hyphens between them, beginning with a letter",
        max_length=64,
    ),
]
PersonId = Annotated[
    str,
    shape(
        r"^[a-z0-9]+([-.][a-z0-9]+)*$",
        "use a-z, 0-9 and single hyphens or points between them, such as maya",
        max_length=64,
    ),
]
VendorId = Annotated[
    str,
    shape(
        r"^[a-z0-9]+(-[a-z0-9]+)*$",
        "use a-z, 0-9 and single hyphens between them, such as prop-house",
        max_length=64,
    ),
]

#: A chart of accounts belongs to its owner: `1100`, `11-00`, `101-00`, `B 04`, letters too.
AccountCode = Annotated[
    str,
    shape(
        r"^[A-Za-z0-9]{1,6}([ .-][A-Za-z0-9]{1,6}){0,3}$",
        "use up to four groups of one to six letters or digits, with a space, point or hyphen between: 1100, 11-00",
        max_length=27,
    ),
]

#: A number that lines of a budget are reckoned with.
GlobalName = Annotated[
    str,
    shape(r"^[A-Z][A-Z0-9_]*$", "use capitals, digits and underscores, beginning with a letter: SHOOT_DAYS", 40),
]

FundingId = Annotated[str, shape(r"^F-[1-9][0-9]{0,8}$", "send the number of a source, such as F-1")]
ReceiptId = Annotated[str, shape(r"^R-[1-9][0-9]{0,8}$", "send the number of a receipt, such as R-1")]
BudgetId = Annotated[str, shape(r"^v[1-9][0-9]{0,8}$", "send the number of a budget version, such as v1")]
RoundId = Annotated[str, shape(r"^A-[1-9][0-9]{0,8}$", "send the number of an approval round, such as A-1")]
PolicyId = Annotated[str, shape(r"^P-[1-9][0-9]{0,8}$", "send the number of a policy, such as P-1")]
DelegationId = Annotated[str, shape(r"^D-[1-9][0-9]{0,8}$", "send the number of a delegation, such as D-1")]
OverageId = Annotated[str, shape(r"^O-[1-9][0-9]{0,8}$", "send the number of an overage, such as O-1")]
TransferId = Annotated[str, shape(r"^T-[1-9][0-9]{0,8}$", "send the number of a transfer, such as T-1")]
DrawId = Annotated[str, shape(r"^C-[1-9][0-9]{0,8}$", "send the number of a contingency draw, such as C-1")]
RequisitionId = Annotated[str, shape(r"^REQ-[1-9][0-9]{0,8}$", "send the number of a requisition, such as REQ-1")]
CommitmentId = Annotated[
    str, shape(r"^(PO|DEAL|DEF)-[0-9]{4,9}$", "send the number of a commitment, such as PO-0001, DEAL-0001 or DEF-0001")
]
AdvanceId = Annotated[
    str, shape(r"^(FLOAT|DEP)-[0-9]{4,9}$", "send the number of an advance, such as FLOAT-0001 or DEP-0001")
]
SpendId = Annotated[str, shape(r"^S-[0-9]{6,9}$", "send the number of an entry, such as S-000001")]
#: What is paid at once: an entry, or the entries of a batch, which were logged one after the other.
PayableId = Annotated[
    str,
    shape(
        r"^S-[0-9]{6,9}(\.\.S-[0-9]{6,9})?$", "send the number of an entry or of a batch, such as S-000001..S-000003"
    ),
]
PeriodId = Annotated[str, shape(r"^PER-[1-9][0-9]{0,8}$", "send the number of a period, such as PER-1")]
ReportId = Annotated[str, shape(r"^CR-[1-9][0-9]{0,8}$", "send the number of an issued report, such as CR-1")]
RemittanceId = Annotated[str, shape(r"^RM-[1-9][0-9]{0,8}$", "send the number of a remittance, such as RM-1")]
QueryId = Annotated[str, shape(r"^Q-[1-9][0-9]{0,8}$", "send the number of a query, such as Q-1")]
FlagId = Annotated[str, shape(r"^FLAG-[1-9][0-9]{0,8}$", "send the number of a flag, such as FLAG-1")]

#: SHA-256 in lower-case hexadecimal.
Digest = Annotated[str, shape(r"^[0-9a-f]{64}$", "send a SHA-256 as 64 hexadecimal digits in lower case")]

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
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_plain),
    AfterValidator(_one_line),
    Says({"format": "plain-line"}),
]
#: A reason, a memo, an approver's words.
Memo = Annotated[
    str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_plain), Says({"format": "plain-text"})
]


def by_number(numbered: Iterable[str]) -> tuple[str, ...]:
    """Flags, or whatever is numbered, in the order in which they came: facts never depend on the order of a map."""
    return tuple(sorted(numbered, key=lambda each: int(each.rpartition("-")[2])))
