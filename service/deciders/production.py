"""A production: one stream, decided as a whole from the parts that the other deciders hold.

Stream: `company/production`. Every command of a production is decided against all its facts, so rules may
span funding, budget and spend without a race.

C4  A member who holds the right opens a production, and becomes its first executive producer.
P1  A production is opened once.
P2  A command is sent by someone whose role on the production may send it.
P3  A closed production takes receipts, reversals, recodes, the end of appointments, and reopening; nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import count
from typing import Annotated, ClassVar, cast
from zoneinfo import ZoneInfo, available_timezones

from immutables import Map
from pydantic import AfterValidator, Field

from events import FlagEvent, OfProduction
from events.approval import ApprovalEvent
from events.budget import BudgetEvent
from events.envelope import Metadata
from events.financing import FinancingEvent
from events.ids import FlagId, PersonId, Text
from events.money import Currency
from events.production import ProductionKind, ProductionOpened, Stage, StageEntered
from events.spend import SpendEvent
from events.team import Appointed, Role, TeamEvent

from . import approval, budget, financing, receipt, spend, stage, team
from .approval import Approvals, Approve, Reject, RequestChanges, SubmitBudget, WithdrawBudget
from .authority import RoleMayNot, authorize
from .budget import Budgets, LockBudget, SetBudget, UnlockBudget, WaiveDifference
from .command import Command, CurrencyInUse
from .company import Company
from .financing import AmendFunding, CloseFunding, CommitFunding, Financing, SecureFunding, ToCover, WithdrawFunding
from .receipt import RecordReceipt, ReverseReceipt
from .refusal import Conflicting, Forbidden, Missing
from .spend import LogSpend, Measure, RecodeSpend, ReverseSpend, Spending
from .stage import EnterStage
from .team import Appoint, EndAppointment, Team


@dataclass
class ProductionIsMissing(Missing):
    """There is no such production."""

    rule = "P1"
    otherwise = "A member of the company with the right to open productions may open it."


@dataclass
class ProductionExists(Conflicting):
    """The production {title} is open under this name already."""

    rule = "P1"
    otherwise = "Choose another name in the address."
    title: str


@dataclass
class OpeningNeedsRight(Forbidden):
    """{person} does not hold the right to open productions in this company."""

    rule = "C4"
    otherwise = "An administrator of the company may grant it."
    person: PersonId


@dataclass
class ProductionIsClosed(Conflicting):
    """The production is closed and takes no {command}."""

    rule = "P3"
    otherwise = "A producer or an executive producer may reopen it, with a reason."
    command: str


_known_time_zones = cache(available_timezones)


def _time_zone(name: str) -> str:
    if name not in _known_time_zones():
        raise ValueError(f"{name} is not an IANA time zone such as Asia/Kolkata")
    return name


class OpenProduction(Command):
    """A member with the right opens a production and becomes its first executive producer."""

    refusals = (OpeningNeedsRight, ProductionExists)
    example: ClassVar = {
        "title": "The Long Take",
        "kind": "feature",
        "currency": "INR",
        "time_zone": "Asia/Kolkata",
    }

    title: Text
    kind: ProductionKind
    currency: CurrencyInUse = Field(description="The base currency, in which budgets are set.")
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        description="IANA name; business dates are this zone's."
    )


ProductionCommand = (
    OpenProduction
    | team.TeamCommand
    | financing.FinancingCommand
    | receipt.ReceiptCommand
    | budget.BudgetCommand
    | approval.ApprovalCommand
    | spend.SpendCommand
    | EnterStage
)

#: P3
STILL_TAKEN = (RecordReceipt, ReverseReceipt, ReverseSpend, RecodeSpend, EndAppointment, EnterStage)


@dataclass(frozen=True, slots=True)
class Production:
    """What decisions need of a production, and nothing more."""

    title: str
    currency: Currency
    time_zone: str
    stage: Stage = Stage.DEVELOPMENT
    team: Team = Map()
    financing: Financing = Financing()
    budgets: Budgets = Budgets()
    approvals: Approvals = Approvals()
    spending: Spending = Spending()
    #: How many flags were ever raised; the next one's number.
    flags: int = 0

    def today(self, metadata: Metadata) -> date:
        """The business date."""
        return metadata.at.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def measure(self) -> Measure | None:
        """What spend is measured against."""
        return Measure.of(self.budgets.in_force, self.budgets.force)

    @property
    def to_cover(self) -> ToCover | None:
        """What funding has to cover."""
        force = self.budgets.force
        return None if force is None or self.budgets.in_force is None else ToCover(self.budgets.in_force, force.total)


def held(production: Production | None, person: PersonId, metadata: Metadata) -> tuple[Role, ...]:
    """The roles that count for the person at that time."""
    return () if production is None else team.held(production.team, person, production.today(metadata))


def refusals(command: type[Command]) -> tuple[type[Exception], ...]:
    """Every refusal that sending the command can end in: its own, and those of every command."""
    if command is OpenProduction:
        return command.refusals
    closed = () if command in STILL_TAKEN else (ProductionIsClosed,)
    return (ProductionIsMissing, RoleMayNot, *closed, *command.refusals)


def decide(
    command: ProductionCommand, production: Production | None, company: Company | None, metadata: Metadata
) -> list[OfProduction]:
    """What the command makes happen, or the refusal it ends in.

    Args:
        company: the company's state, newer or as new as the command.
        metadata: `roles` holds the roles that count for the actor.
    """
    if isinstance(command, OpenProduction):
        return open_production(command, production, company, metadata)
    if production is None:
        raise ProductionIsMissing()
    roles = held(production, metadata.actor, metadata)
    authorize(command, roles)
    if production.stage is Stage.CLOSED and not isinstance(command, STILL_TAKEN):
        raise ProductionIsClosed(type(command).__name__)
    flags = (f"FLAG-{number}" for number in count(production.flags + 1))
    return [*_decided(command, production, company, metadata, roles, flags)]


def _decided(
    command: ProductionCommand,
    production: Production,
    company: Company | None,
    metadata: Metadata,
    roles: tuple[Role, ...],
    flags: Iterator[FlagId],
) -> list[OfProduction]:
    base, funds, budgets = production.currency, production.financing, production.budgets
    rounds, spending, measure = production.approvals, production.spending, production.measure
    happened: list[OfProduction] = []
    match command:
        case Appoint():
            happened += team.appoint(command, production.team, company, roles)
        case EndAppointment():
            on = production.today(metadata)
            happened += team.end_appointment(command, production.team, roles, metadata, on)
        case SecureFunding():
            happened += financing.secure_funding(command, funds, base, production.to_cover)
        case CommitFunding():
            happened += financing.commit_funding(command, funds, production.to_cover)
        case AmendFunding():
            happened += financing.amend_funding(command, funds, base, production.to_cover, flags)
        case CloseFunding():
            happened += financing.close_funding(command, funds)
        case WithdrawFunding():
            happened += financing.withdraw_funding(command, funds, production.to_cover, flags)
        case RecordReceipt():
            happened += receipt.record_receipt(command, funds, base, metadata, flags)
        case ReverseReceipt():
            happened += receipt.reverse_receipt(command, funds, metadata)
        case SetBudget():
            happened += budget.set_budget(command, budgets, base, rounds.open, flags)
        case WaiveDifference():
            happened += budget.waive_difference(command, budgets)
        case LockBudget():
            happened += budget.lock_budget(command, budgets, metadata)
        case UnlockBudget():
            happened += budget.unlock_budget(command, budgets, metadata)
        case SubmitBudget():
            happened += approval.submit_budget(command, rounds, budgets)
        case WithdrawBudget():
            happened += approval.withdraw_budget(command, rounds, budgets)
        case Approve():
            happened += approval.approve(command, rounds, budgets, spending, funds.shortfalls, metadata, flags)
        case RequestChanges():
            happened += approval.request_changes(command, rounds)
        case Reject():
            happened += approval.reject(command, rounds)
        case LogSpend():
            happened += spend.log_spend(command, spending, measure, base, flags)
        case ReverseSpend():
            happened += spend.reverse_spend(command, spending, measure, flags)
        case RecodeSpend():
            happened += spend.recode_spend(command, spending, measure, flags)
        case EnterStage():
            happened += stage.enter_stage(command, production.stage)
        case OpenProduction():
            raise AssertionError("opening is decided before")
    return happened


def open_production(
    command: OpenProduction, production: Production | None, company: Company | None, metadata: Metadata
) -> list[OfProduction]:
    """C4, P1."""
    if company is None or not company.may_open_productions(metadata.actor):
        raise OpeningNeedsRight(metadata.actor)
    if production is not None:
        raise ProductionExists(production.title)
    opened = ProductionOpened(command.title, command.kind, command.currency, command.time_zone)
    on = metadata.at.astimezone(ZoneInfo(command.time_zone)).date()
    return [opened, Appointed(metadata.actor, Role.EXECUTIVE_PRODUCER, on)]


def evolve(production: Production | None, event: OfProduction, metadata: Metadata) -> Production:
    """The production after the event."""
    if isinstance(event, ProductionOpened):
        return Production(event.title, event.currency, event.time_zone)
    assert production is not None
    if isinstance(event, SpendEvent):
        production = replace(production, spending=spend.evolve(production.spending, event))
    elif isinstance(event, FinancingEvent):
        production = replace(production, financing=financing.evolve(production.financing, event))
    elif isinstance(event, BudgetEvent):
        production = replace(production, budgets=budget.evolve(production.budgets, event, metadata))
    elif isinstance(event, ApprovalEvent):
        budgets = budget.evolve(production.budgets, event, metadata)
        approvals = approval.evolve(production.approvals, event, metadata)
        production = replace(production, budgets=budgets, approvals=approvals)
    elif isinstance(event, TeamEvent):
        production = replace(production, team=team.evolve(production.team, event))
    else:
        entered: StageEntered = event
        production = replace(production, stage=entered.stage)
    if isinstance(event, FlagEvent):
        production = replace(production, flags=production.flags + 1)
    clears = cast("tuple[FlagId, ...]", getattr(event, "clears", ()))
    if clears:
        production = replace(
            production,
            financing=financing.cleared(production.financing, clears),
            spending=spend.cleared(production.spending, clears),
        )
    return production
