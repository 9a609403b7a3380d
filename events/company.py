"""A company and its members. Stream: `company`.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass

from .ids import PersonId


@dataclass(frozen=True, slots=True)
class CompanyFounded:
    """The company exists and can admit members."""

    name: str


@dataclass(frozen=True, slots=True)
class MemberAdmitted:
    """The person belongs to the company, with these rights (again, when the rights changed)."""

    person: PersonId
    #: May admit and dismiss members, and read every production of the company.
    administrator: bool
    may_open_productions: bool


@dataclass(frozen=True, slots=True)
class MemberDismissed:
    """The person no longer belongs to the company."""

    person: PersonId


CompanyEvent = CompanyFounded | MemberAdmitted | MemberDismissed
