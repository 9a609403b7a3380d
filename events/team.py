"""Who holds which role on a production.

These names and fields are stored: add, never edit; a shape that must change takes a step in `upcasting`.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import AccountCode, PersonId


class Role(StrEnum):
    """What a person does on a production; several roles a person, but an auditor holds no other."""

    EXECUTIVE_PRODUCER = "executive_producer"
    PRODUCER = "producer"
    CO_PRODUCER = "co_producer"
    LINE_PRODUCER = "line_producer"
    ASSOCIATE_PRODUCER = "associate_producer"
    DIRECTOR = "director"
    DEPARTMENT_HEAD = "department_head"
    ACCOUNTANT = "accountant"
    FINANCIER = "financier"
    COMPLETION_GUARANTOR = "completion_guarantor"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Appointed:
    """The person holds the role from that day on."""

    person: PersonId
    role: Role
    #: Business date; the role counts from its first moment.
    from_on: date
    #: A department head's own; what is asked for on them may be asked of their head.
    accounts: tuple[AccountCode, ...]


@dataclass(frozen=True, slots=True)
class AppointmentEnded:
    """The person no longer holds the role."""

    person: PersonId
    role: Role


TeamEvent = Appointed | AppointmentEnded
