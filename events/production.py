"""A production and its stages. Stream: `company/production`.

These names and fields are stored: add, never edit.
"""

from dataclasses import dataclass
from enum import StrEnum

from .money import Currency


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


ProductionEvent = ProductionOpened | StageEntered
