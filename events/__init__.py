"""What happened: the facts and the log. This package imports nothing of ours.

`AnyEvent` is the registry: a new event joins its concept's union, and the type checker then names every fold
that must learn it. An event's stored name is its class's name and is never changed.
"""

from typing import get_args

from .approval import ApprovalEvent
from .budget import BudgetEvent, LabelDisagrees, TotalDisagrees
from .company import CompanyEvent
from .financing import CoverReduced, FinancingEvent, ReceiptBeforeClosing, ReceiptBeyondCommitment
from .production import ProductionEvent
from .spend import AccountOverspent, DuplicateSuspected, SpendEvent, SpendOutsideBudget
from .team import TeamEvent

#: What a production's stream holds.
OfProduction = ProductionEvent | TeamEvent | FinancingEvent | BudgetEvent | ApprovalEvent | SpendEvent
AnyEvent = CompanyEvent | OfProduction
#: What calls for attention; a later fact that `clears` a flag names it.
FlagEvent = (
    LabelDisagrees
    | TotalDisagrees
    | ReceiptBeforeClosing
    | ReceiptBeyondCommitment
    | CoverReduced
    | SpendOutsideBudget
    | AccountOverspent
    | DuplicateSuspected
)

EVENTS: dict[str, type[AnyEvent]] = {event.__name__: event for event in get_args(AnyEvent)}
