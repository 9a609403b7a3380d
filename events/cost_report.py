"""Cost reports that were issued: what was said of a period, as it was said then.

The bytes of a report are kept beside the log, by their SHA-256; the fact says which they are, and in which forms.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .ids import AccountCode, Digest, PeriodId, ReportId
from .money import Money


class EtcBasis(StrEnum):
    """What is still to come: with or without what is promised already."""

    #: EFC less actual to date and open orders.
    ORDERS_OUTSIDE = "orders_outside"
    #: EFC less actual to date: the orders are a part of what is to come.
    ORDERS_INSIDE = "orders_inside"


class VarianceSign(StrEnum):
    """Which variance is positive."""

    #: EFC less total budget: over budget is positive.
    OVER = "over"
    #: Total budget less EFC: under budget is positive.
    UNDER = "under"


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form in which the report is kept, byte for byte."""

    media_type: str
    sha256: Digest
    #: How many bytes it has.
    size: int


@dataclass(frozen=True, slots=True)
class AccountEfc:
    """What an account was expected to come to."""

    account: AccountCode
    efc: Money


@dataclass(frozen=True, slots=True)
class CostReportIssued:
    """The report was issued; it stays as it is, whatever happens later."""

    report: ReportId
    #: Of the production's stream: the report shows all up to it, and nothing later.
    of_version: int
    #: None when it was issued for days that are no period.
    period: PeriodId | None
    #: None: from the beginning.
    posted_from: date | None
    posted_to: date
    etc_basis: EtcBasis
    variance_sign: VarianceSign
    #: Of the figures alone, whatever form they are written in.
    content_hash: Digest
    forms: tuple[KeptForm, ...]
    efc: tuple[AccountEfc, ...]
    #: The report that its period variance is reckoned from.
    compared_with: ReportId | None
    #: The one that was issued for the same days before.
    replaces: ReportId | None


CostReportEvent = CostReportIssued
