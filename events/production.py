"""A production and its stages. Stream: `company/production`.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from enum import StrEnum

from .ids import BudgetId
from .money import Currency, Money


class ProductionKind(StrEnum):
    """What is being made."""

    FEATURE = "feature"
    SERIES = "series"
    DOCUMENTARY = "documentary"
    SHORT = "short"
    COMMERCIAL = "commercial"


class Stage(StrEnum):
    """Where the production stands, in the order of its life."""

    DEVELOPMENT = "development"
    PRE_PRODUCTION = "pre_production"
    PRODUCTION = "production"
    POST_PRODUCTION = "post_production"
    DISTRIBUTION = "distribution"
    CLOSED = "closed"


class GreenLightTest(StrEnum):
    """What may have to be so before a production gets its green light."""

    BUDGET_LOCKED = "budget_locked"
    FUNDING_COMMITTED = "funding_committed"
    FUNDING_CLOSED = "funding_closed"
    CONDITIONS_MET = "conditions_met"
    GUARANTOR_APPROVED = "guarantor_approved"


@dataclass(frozen=True, slots=True)
class ProductionOpened:
    """The production exists, in development."""

    title: str
    kind: ProductionKind
    #: The base currency: budgets are set, and spend is measured, in it.
    currency: Currency
    #: IANA name; business dates are this zone's.
    time_zone: str


@dataclass(frozen=True, slots=True)
class StageEntered:
    """The production moved from one stage to another."""

    stage: Stage
    left: Stage


@dataclass(frozen=True, slots=True)
class GreenLightResult:
    """How a test for the green light came out, with its figures in base currency where it has some."""

    test: GreenLightTest
    passed: bool
    needed: Money | None
    found: Money | None


@dataclass(frozen=True, slots=True)
class ProductionGreenlit:
    """The go decision, on this budget; with conditions when not every test had passed."""

    budget: BudgetId | None
    results: tuple[GreenLightResult, ...]
    conditions: tuple[str, ...]


ProductionEvent = ProductionOpened | StageEntered | ProductionGreenlit
