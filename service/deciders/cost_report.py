"""Issuing cost reports: a report that was issued is never made again, it is kept.

I1  A report is issued for a period, or for days that end on one; it is numbered, and shows the production at a version
    that the fact names: no older than the newest one when it was asked for. What lands between its making and its
    issuing is not in it, and the fact does not say so.
I2  The fact names the bytes of each form by their SHA-256, and they are kept before it is written.
I3  A report that is issued for the same days again is a new one, and names the one that it replaces.
I4  Its period variance is EFC less the EFC that was issued last for days that ended earlier.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import ClassVar, Self

from immutables import Map
from pydantic import Field, model_validator

from events.cost_report import AccountEfc, CostReportIssued, EtcBasis, KeptForm, VarianceSign
from events.ids import Digest, PeriodId, ReportId

from .command import Command, Day
from .period import PeriodIsMissing, Periods


class IssueCostReport(Command):
    """An accountant or a producer fixes the cost report of a period: from then on it is read as it was, to the byte."""

    refusals = (PeriodIsMissing,)
    example: ClassVar = {"period": "PER-1", "variance_sign": "under"}

    period: PeriodId | None = Field(None, description="The period that it is for; or send the days.")
    posted_from: Day | None = Field(None, description="Without a period: the first day; none: from the beginning.")
    posted_to: Day | None = Field(None, description="Without a period: the last day.")
    etc_basis: EtcBasis = Field(
        EtcBasis.ORDERS_OUTSIDE, description="Whether open orders are outside the estimate to complete, or inside it."
    )
    variance_sign: VarianceSign = Field(
        VarianceSign.OVER, description="Whether over budget is positive, or under budget."
    )

    @model_validator(mode="after")
    def _for_a_period_or_days(self) -> Self:
        days = (self.posted_from, self.posted_to)
        if self.period is not None and days != (None, None):
            raise ValueError("send the period or the days, not both")
        if self.period is None and self.posted_to is None:
            raise ValueError("send a period, or the last day of the days")
        if self.posted_from is not None and self.posted_to is not None and self.posted_to < self.posted_from:
            raise ValueError("posted_to is posted_from or later")
        return self


@dataclass(frozen=True, slots=True)
class Form:
    """The report in one form."""

    media_type: str
    content: bytes

    @property
    def sha256(self) -> Digest:
        """By which it is kept."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Made:
    """A report as it was made, before it is issued."""

    of_version: int
    content_hash: Digest
    forms: tuple[Form, ...]
    efc: tuple[AccountEfc, ...]
    compared_with: ReportId | None


#: Of a command that is only tried, or that the ledger knows: it makes nothing that is appended.
UNMADE = Made(0, sha256().hexdigest(), (), (), None)


@dataclass(frozen=True, slots=True)
class Reports:
    """What decisions remember of the reports that were issued."""

    count: int = 0
    #: The last one for its days.
    issued: Map[tuple[date | None, date], ReportId] = Map()

    def of(self, posted_from: date | None, posted_to: date) -> ReportId | None:
        """The last one that was issued for these days."""
        return self.issued.get((posted_from, posted_to))


def issue_cost_report(
    command: IssueCostReport, reports: Reports, periods: Periods, made: Made
) -> list[CostReportIssued]:
    """I1 to I4; the same figures are issued again as often as somebody means it."""
    posted_from, posted_to = command.posted_from, command.posted_to
    if command.period is not None:
        period = periods.existing(command.period)
        posted_from, posted_to = period.first_on, period.last_on
    assert posted_to is not None
    return [
        CostReportIssued(
            report=f"CR-{reports.count + 1}",
            of_version=made.of_version,
            period=command.period,
            posted_from=posted_from,
            posted_to=posted_to,
            etc_basis=command.etc_basis,
            variance_sign=command.variance_sign,
            content_hash=made.content_hash,
            forms=tuple(KeptForm(form.media_type, form.sha256, len(form.content)) for form in made.forms),
            efc=made.efc,
            compared_with=made.compared_with,
            replaces=reports.of(posted_from, posted_to),
        )
    ]


def evolve(reports: Reports, event: CostReportIssued) -> Reports:
    """The reports after the event."""
    return Reports(reports.count + 1, reports.issued.set((event.posted_from, event.posted_to), event.report))
