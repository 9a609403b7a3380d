"""What happened: the facts and the log. This package imports nothing of ours.

`AnyEvent` is the registry: a new event joins its concept's union, and the type checker then names every fold
that must learn it. An event's stored name is its class's name and is never changed.
"""

from typing import get_args

from .advance import AdvanceEvent, AdvanceExceeded, FloatShort
from .approval import ApprovalEvent
from .budget import BudgetEvent, LabelDisagrees, TotalDisagrees
from .change import ChangeEvent
from .commitment import CommitmentEvent, CommitmentExceeded, InvoicedByAnother
from .company import CompanyEvent
from .cost_report import CostReportEvent
from .delegation import DelegationEvent
from .estimate import EstimateEvent
from .financing import CoverReduced, FinancingEvent, ReceiptBeforeClosing, ReceiptBeyondCommitment
from .paying import PayingEvent
from .period import PeriodEvent
from .policy import PolicyEvent
from .production import ProductionEvent
from .remittance import RemittanceEvent
from .spend import AccountOverspent, DuplicateSuspected, SpendAlert, SpendEvent, SpendOutsideBudget
from .team import TeamEvent

#: What a production's stream holds.
OfProduction = (
    ProductionEvent
    | TeamEvent
    | FinancingEvent
    | BudgetEvent
    | PolicyEvent
    | ApprovalEvent
    | ChangeEvent
    | CommitmentEvent
    | SpendEvent
    | PayingEvent
    | RemittanceEvent
    | EstimateEvent
    | AdvanceEvent
    | PeriodEvent
    | CostReportEvent
)
#: What a company's stream holds.
OfCompany = CompanyEvent | DelegationEvent
AnyEvent = OfCompany | OfProduction
#: What calls for attention; a later fact that `clears` a flag names it.
FlagEvent = (
    LabelDisagrees
    | TotalDisagrees
    | ReceiptBeforeClosing
    | ReceiptBeyondCommitment
    | CoverReduced
    | SpendOutsideBudget
    | AccountOverspent
    | SpendAlert
    | DuplicateSuspected
    | CommitmentExceeded
    | InvoicedByAnother
    | AdvanceExceeded
    | FloatShort
)

EVENTS: dict[str, type[AnyEvent]] = {event.__name__: event for event in get_args(AnyEvent)}
