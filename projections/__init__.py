"""What it adds up to: the read models. This package imports the facts and nothing else of ours."""

from typing import Any

from . import (
    advances,
    approval_status,
    audit_trail,
    commitment_register,
    cost_report,
    current_budget,
    flags,
    funding,
    periods,
    spend_register,
    withholding,
)
from .projection import Projection

PROJECTIONS: tuple[Projection[Any], ...] = (
    current_budget.PROJECTION,
    approval_status.PROJECTION,
    audit_trail.PROJECTION,
    funding.PROJECTION,
    commitment_register.PROJECTION,
    spend_register.PROJECTION,
    cost_report.PROJECTION,
    advances.PROJECTION,
    withholding.PROJECTION,
    periods.PROJECTION,
    flags.PROJECTION,
)
