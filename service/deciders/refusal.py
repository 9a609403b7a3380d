"""Refusals: broken rules of the business, each with its sentence, its figures and who may decide otherwise.

    Refusal
    ├── Missing       404  what the command names is not there
    ├── Forbidden     403  this person may not
    └── Conflicting   409  the state of things is against it

A refusal's docstring is the message that its reader gets, filled in with the refusal's own fields.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from typing_extensions import override


def words(value: Any) -> str:
    """A field of a refusal or a fact, as a sentence says it."""
    match value:
        case None | ():
            return "none"
        case StrEnum():
            return value.value.replace("_", " ")
        case Decimal():
            return f"{value:,f}"
        case str():
            return value
        case Iterable():
            *most, last = [words(item) for item in value]
            return f"{', '.join(most)} and {last}" if most else last
        case _:
            return str(value)


@dataclass
class Refusal(Exception):
    """The base of every refusal."""

    status: ClassVar[int]
    #: The invariant it guards, as its decider's docstring numbers them.
    rule: ClassVar[str]
    #: Who may decide otherwise, or what to do instead.
    otherwise: ClassVar[str]

    @override
    def __str__(self) -> str:
        return self._filled(" ".join((type(self).__doc__ or "").split()))

    def advice(self) -> str:
        """Who may decide otherwise, filled in."""
        return self._filled(self.otherwise)

    def _filled(self, sentence: str) -> str:
        return sentence.format_map({field.name: words(getattr(self, field.name)) for field in fields(self)})


class Missing(Refusal):
    """What the command names is not there."""

    status = 404


class Forbidden(Refusal):
    """The person may not do this."""

    status = 403


class Conflicting(Refusal):
    """The state of things is against it."""

    status = 409
