"""A company and its members. Stream: `company`.

These names and fields are stored: add, never edit; a shape that must change takes a step in `upcasting`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .ids import PersonId


class Right(StrEnum):
    """What a member may do beyond belonging to the company."""

    #: Admit and dismiss members, and read every production of the company.
    ADMINISTRATOR = "administrator"
    MAY_OPEN_PRODUCTIONS = "may_open_productions"
    #: Read pay and the accounts above the line, on every production that they may read.
    READS_CONFIDENTIAL = "reads_confidential"


@dataclass(frozen=True, slots=True)
class CompanyFounded:
    """The company exists and can admit members."""

    name: str


@dataclass(frozen=True, slots=True)
class MemberAdmitted:
    """The person belongs to the company, with these rights (again, when the rights changed)."""

    person: PersonId
    #: All that the person has from now on, in the order above.
    rights: tuple[Right, ...]
    #: The company that they come from, of a guest; None for a member who is none.
    guest_of: str | None


@dataclass(frozen=True, slots=True)
class MemberInvited:
    """The person will belong to the company once they accept; an invitation of before counts no more."""

    person: PersonId
    #: What they will have, in the order above.
    rights: tuple[Right, ...]
    guest_of: str | None
    #: From then on it is too late.
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class InvitationWithdrawn:
    """The person cannot accept any more."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class MemberDismissed:
    """The person no longer belongs to the company."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class MemberSuspended:
    """The person counts for nothing in the company until they are reinstated; rights and roles wait for them."""

    person: PersonId


@dataclass(frozen=True, slots=True)
class MemberReinstated:
    """The person counts again, with the rights and roles they have."""

    person: PersonId


CompanyEvent = (
    CompanyFounded
    | MemberInvited
    | InvitationWithdrawn
    | MemberAdmitted
    | MemberDismissed
    | MemberSuspended
    | MemberReinstated
)
