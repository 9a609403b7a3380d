"""A production: one stream, decided as a whole from the parts that the other deciders hold.

Stream: `company/production`. Every command of a production is decided against all its facts, so rules may
span funding, budget and spend without a race.

C4  A member who holds the right opens a production, and becomes its first executive producer.
P1  A production is opened once.
P2  A command is sent by someone whose role on the production may send it, or for such a person (D1 to D5).
P3  A closed production takes receipts, credits, reversals, recodes, requests for payment, payments with what becomes
    of them, queries, remittances, the end of appointments, what releases a commitment or a requisition, advances that
    come back, what keeps its periods and reports, and reopening; nothing else.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, ClassVar, cast
from zoneinfo import ZoneInfo, available_timezones

from immutables import Map
from pydantic import AfterValidator, Field

from events import FlagEvent, OfProduction
from events.advance import AdvanceEvent
from events.approval import ApprovalEvent, ChangesRequested, RequestRecalled, RequestRejected
from events.commitment import CommitmentEvent
from events.cost_report import CostReportEvent
from events.envelope import Metadata
from events.estimate import EstimateEvent
from events.financing import AT_LEAST_COMMITTED, FinancingEvent
from events.ids import AccountCode, BudgetId, FlagId, PersonId, Says, Text
from events.money import Currency, ExchangeRate
from events.paying import PayingEvent
from events.period import PeriodEvent
from events.policy import PolicyEvent, RequestKind, Standing
from events.production import ProductionGreenlit, ProductionKind, ProductionOpened, Stage, StageEntered
from events.remittance import RemittanceEvent
from events.spend import PaymentReleased, SpendEvent, SpendLogged, SpendRecoded, SpendReversed
from events.team import Appointed, Role, TeamEvent

from . import (
    advance,
    budget,
    cost_report,
    estimate,
    financing,
    holds,
    paying,
    period,
    policy,
    remittance,
    rounds,
    spend,
    team,
)
from .advance import Advances
from .budget import Budgets
from .command import Command, CurrencyInUse
from .company import OF_GUESTS, Company
from .control import Available, Measured
from .cost_report import Reports
from .estimate import Estimates
from .financing import Financing, ToCover
from .holds import Commitments
from .paying import Paying
from .period import Periods
from .policy import Policies
from .refusal import Conflicting, Forbidden, Missing
from .remittance import Remittances
from .rounds import Approvals
from .spend import Measure, Spending
from .team import Team


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
    time_zone: Annotated[str, AfterValidator(_time_zone), Says({"format": "iana-time-zone"})] = Field(
        description="IANA name; business dates are this zone's."
    )


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
    policies: Policies = Policies()
    approvals: Approvals = Approvals()
    spending: Spending = Spending()
    paying: Paying = Paying()
    remittances: Remittances = Remittances()
    commitments: Commitments = Commitments()
    estimates: Estimates = Map()
    advances: Advances = Advances()
    periods: Periods = Periods()
    reports: Reports = Reports()
    #: The last green light on each budget.
    greenlit: Map[BudgetId | None, ProductionGreenlit] = Map()
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
    def costed(self) -> frozenset[AccountCode]:
        """The accounts that there is something to expect of."""
        force, of = self.budgets.force, self.commitments
        budgeted = () if force is None else (*force.amounts, *force.contingency)
        return frozenset({*budgeted, *self.spending.accounts, *of.committed, *of.requisitioned})

    @property
    def available(self) -> Available | None:
        """What commitments are measured against."""
        in_force, force = self.budgets.in_force, self.budgets.force
        if in_force is None or force is None:
            return None
        of, nothing = self.commitments, Decimal(0)
        codes = {*force.amounts, *self.spending.accounts, *of.committed, *of.requisitioned}
        accounts = {
            code: Measured(
                force.amounts.get(code, nothing),
                self.spending.spent_on(code),
                of.committed.get(code, nothing),
                of.requisitioned.get(code, nothing),
            )
            for code in codes
        }
        return Available(in_force, force, accounts, self.policies.terms)

    def rates_of(self, currency: Currency) -> tuple[ExchangeRate, ...]:
        """At what the production knows a currency: at the rate of the budget in force, or else of committed funding."""
        force, sources = self.budgets.force, self.financing.sources.values()
        budgeted = () if force is None else force.rates
        funded = (source.terms.budget_rate for source in sources if source.state in AT_LEAST_COMMITTED)
        of_it = tuple(rate for rate in budgeted if currency in (rate.source, rate.target))
        return of_it or tuple(rate for rate in funded if rate and currency in (rate.source, rate.target))

    @property
    def to_cover(self) -> ToCover | None:
        """What funding has to cover."""
        force = self.budgets.force
        in_force = self.budgets.in_force
        return None if force is None or in_force is None else ToCover(in_force, force.total_budget)

    def standing(self, company: Company | None, on: date) -> Standing:
        """T7: who is what that day, among the members of the company, suspended or not."""
        roles = {}
        for person in self.team:
            those = team.held(self.team, person, on)
            if company is not None and company.put_out_by(person, self.team):
                roles[person] = those
            elif company is None or person in company.members:
                roles[person] = counting(company, person, those)
        heads = {
            person: self.team[person][Role.DEPARTMENT_HEAD].accounts
            for person in roles
            if Role.DEPARTMENT_HEAD in roles[person]
        }
        sources = self.financing.sources
        holders = {f: (sources[f].terms.holder, amount) for f, amount in self.financing.cover().items()}
        return Standing(roles, heads, holders)


#: What ends a round without what it asked for.
TurnedDown = ChangesRequested | RequestRejected | RequestRecalled


def held(
    production: Production | None, company: Company | None, person: PersonId, metadata: Metadata
) -> tuple[Role, ...]:
    """The roles that count for the person at that time."""
    if production is None:
        return ()
    return counting(company, person, team.held(production.team, person, production.today(metadata)))


def counting(company: Company | None, person: PersonId, roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """T6: those of somebody's roles that count."""
    if company is None or person not in company.guests:
        return roles
    return tuple(role for role in roles if role in OF_GUESTS)


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
    return [opened, Appointed(metadata.actor, Role.EXECUTIVE_PRODUCER, on, ())]


def evolve(production: Production | None, event: OfProduction, metadata: Metadata) -> Production:
    """The production after the event."""
    if isinstance(event, ProductionOpened):
        return Production(event.title, event.currency, event.time_zone)
    assert production is not None
    if isinstance(event, SpendEvent):
        approvals, held, remitted = production.approvals, production.paying, production.remittances
        if isinstance(event, SpendLogged | SpendReversed):
            remitted = remittance.evolve(remitted, event)
        elif isinstance(event, SpendRecoded):
            approvals = rounds.recoded(approvals, event)
        elif isinstance(event, PaymentReleased):
            held = paying.asked(held, event)
        spending = spend.evolve(production.spending, event, metadata)
        production = replace(production, spending=spending, approvals=approvals, paying=held, remittances=remitted)
    elif isinstance(event, PayingEvent):
        production = replace(production, paying=paying.evolve(production.paying, event, metadata))
    elif isinstance(event, RemittanceEvent):
        production = replace(production, remittances=remittance.evolve(production.remittances, event))
    elif isinstance(event, FinancingEvent):
        production = replace(production, financing=financing.evolve(production.financing, event))
    elif isinstance(event, ApprovalEvent):
        budgets = production.budgets
        if isinstance(event, budget.Moves):
            budgets = budget.evolve(budgets, event, metadata)
        approvals, commitments = rounds.evolve(production.approvals, event, metadata), production.commitments
        kind = approvals.rounds[event.round].kind if isinstance(event, TurnedDown) else None
        if isinstance(event, TurnedDown) and kind is RequestKind.COMMITMENT:
            commitments = holds.turned_down(commitments, event.subject)
        elif isinstance(event, TurnedDown) and kind is RequestKind.REQUISITION:
            refused = None if isinstance(event, RequestRecalled) else event.round
            commitments = holds.not_granted(commitments, event.subject, refused)
        held = paying.asked(production.paying, event)
        production = replace(production, budgets=budgets, approvals=approvals, commitments=commitments, paying=held)
    elif isinstance(event, CommitmentEvent):
        commitments = holds.evolve(production.commitments, event, metadata)
        production = replace(production, commitments=commitments)
    elif isinstance(event, EstimateEvent):
        production = replace(production, estimates=estimate.evolve(production.estimates, event))
    elif isinstance(event, AdvanceEvent):
        production = replace(production, advances=advance.evolve(production.advances, event))
    elif isinstance(event, PeriodEvent):
        production = replace(production, periods=period.evolve(production.periods, event, metadata))
    elif isinstance(event, CostReportEvent):
        production = replace(production, reports=cost_report.evolve(production.reports, event))
    elif isinstance(event, TeamEvent):
        production = replace(production, team=team.evolve(production.team, event))
    elif isinstance(event, PolicyEvent):
        production = replace(production, policies=policy.evolve(production.policies, event))
    elif isinstance(event, StageEntered):
        production = replace(production, stage=event.stage)
    elif isinstance(event, ProductionGreenlit):
        production = replace(production, greenlit=production.greenlit.set(event.budget, event))
    else:
        production = replace(production, budgets=budget.evolve(production.budgets, event, metadata))
    if isinstance(event, FlagEvent):
        production = replace(production, flags=production.flags + 1)
    clears = cast("tuple[FlagId, ...]", getattr(event, "clears", ()))
    if clears:
        production = replace(
            production,
            financing=financing.cleared(production.financing, clears),
            spending=spend.cleared(production.spending, clears),
            commitments=holds.cleared(production.commitments, clears),
            advances=advance.cleared(production.advances, clears),
        )
    return production
