"""All that a decision about a production is made on, and the same after what has happened so far."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import count

from events import OfProduction
from events.envelope import Metadata
from events.ids import FlagId, PersonId, RoundId, Slug
from events.money import Money
from events.policy import RequestKind
from events.team import Role

from . import submission
from .approval import Abstain, Approve
from .authority import power
from .company import Company
from .cost_report import UNMADE, Made
from .delegation import beyond
from .production import Production, evolve
from .request import hands_in, loggers
from .rounds import Circumstances, Outcome, Round, Vote


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision is made on."""

    production: Production
    company: Company | None
    #: The production's name in the company.
    name: Slug
    #: Whose act it is, when, and why.
    metadata: Metadata
    #: The roles that count: the actor's, or of whom they act for.
    roles: tuple[Role, ...]
    flags: Iterator[FlagId]
    #: When the actor last signed in, where that is known.
    signed_in: datetime | None
    #: Up to which amounts the actor acts for somebody else; none means any.
    limits: tuple[Money, ...] = ()
    #: The report that was made to be issued.
    made: Made = UNMADE

    @property
    def overriding(self) -> tuple[Role, ...]:
        """The roles that may pass a control over: none of them by a key, which decides nothing."""
        return () if self.metadata.credential is not None else self.roles

    @property
    def around(self) -> Circumstances:
        """What answers to rounds are judged by."""
        production, metadata = self.production, self.metadata
        return Circumstances(
            standing=production.standing(self.company, production.today(metadata)),
            at=metadata.at,
            excluded=partial(excluded, production),
            answers_for=self.answers_for,
            of_one_company=lambda one, other: self.company is None or self.company.of_one_company(one, other),
            compared=lambda asked, seen: submission.compared(asked, seen, production.budgets, production.approvals),
            limits=self.limits,
        )

    def answers_for(self, vote: Vote, amount: Money | None) -> bool:
        """Whether who gave an answer for somebody may still give it, on this production today."""
        if self.company is None or not self.company.may_stand_in(vote.by, vote.seat):
            return False
        answer, on = power(Approve if vote.approves else Abstain), self.production.today(self.metadata)
        limits = self.company.delegations.acting(vote.by, vote.seat, answer, self.name, on)
        return limits is not None and beyond(limits, amount) is None


def after(happened: Iterable[OfProduction], situation: Situation) -> Production:
    """The production after these facts."""
    production = situation.production
    for event in happened:
        production = evolve(production, event, situation.metadata)
    return production


def situated(situation: Situation, happened: Iterable[OfProduction]) -> Situation:
    """The situation after these facts."""
    return replace(situation, production=after(happened, situation))


def flags_of(production: Production) -> Iterator[FlagId]:
    """The numbers of the flags that come next."""
    return (f"FLAG-{number}" for number in count(production.flags + 1))


def barred_from(production: Production, round_id: RoundId) -> frozenset[PersonId] | None:
    """A3, A7: who may not approve in a round, whatever their place; None of one that is not open."""
    asked = production.approvals.rounds.get(round_id)
    if asked is None or asked.outcome is not Outcome.OPEN:
        return None
    return excluded(production, asked) | asked.dealers


def excluded(production: Production, asked: Round) -> frozenset[PersonId]:
    """A3: who may not approve what a round asks for."""
    match asked.kind:
        case RequestKind.POLICY_CHANGE:
            return frozenset()
        case RequestKind.BUDGET:
            version = production.budgets.versions[asked.subject]
            return asked.excluded | asked.requesters | hands_in(version, production)
        case RequestKind.PAYMENT:
            entries = production.spending.paid_at_once(asked.subject).values()
            payers = production.paying.payers(asked.subject)
            return asked.excluded.union(payers, *(entry.recoded_by for entry in entries))
        case RequestKind.OVERAGE | RequestKind.TRANSFER | RequestKind.CONTINGENCY_DRAW:
            return asked.excluded | loggers(asked.accounts[-1], production)
        case _:
            return asked.excluded
