"""Delegation and absence: who may do for another person what that person may do.

D1  Authority is delegated by the person who has it, to another member, for named powers and from one day to another.
    With the membership of either it ends for good, and so does an absence.
D2  It is never wider than one's own: what the delegate does, the grantor must be able to do at that moment.
D3  There are no chains: what one does for another is never done for a third.
D4  An act beyond the limit of the delegation is not covered by it; of several, by the widest in its currency.
D5  While a person is away, the substitute whom they named answers for them; nothing has to be moved for that. An
    administrator ends what lets somebody act for a person, and never begins it.
D6  Guests of one company act for each other; nobody of another one acts for a guest, nor a guest for them.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from operator import attrgetter
from typing import Annotated, ClassVar

from immutables import Map
from pydantic import Field, ValidationInfo, field_validator

from events.delegation import (
    OF_A_SUBSTITUTE,
    AbsenceEnded,
    AbsenceSet,
    AuthorityDelegated,
    AuthorityRevoked,
    DelegationEvent,
    Power,
    is_within,
)
from events.ids import DelegationId, PersonId, Slug, by_number
from events.money import Currency, Money

from .command import Command, Day, PositiveMoney
from .refusal import Conflicting, Forbidden, Missing

#: The longest that authority is delegated, or a person is away.
LONGEST = timedelta(days=366)


@dataclass
class DelegationIsMissing(Missing):
    """The company has no delegation {delegation} that could be revoked."""

    rule = "D1"
    otherwise = "Look up the delegations among the members of the company."
    delegation: DelegationId


@dataclass
class NobodyActsForThemselves(Conflicting):
    """{person} cannot be their own delegate or substitute."""

    rule = "D1"
    otherwise = "Name another member of the company."
    person: PersonId


@dataclass
class AuthorityIsNotYours(Forbidden):
    """The authority is {grantor}'s."""

    rule = "D1"
    otherwise = "{grantor} may do this, or an administrator of the company."
    grantor: PersonId


@dataclass
class NotOfOneCompany(Conflicting):
    """{to} cannot act for {person}: a guest acts for guests of their own company, and for nobody else."""

    rule = "D6"
    otherwise = "Name somebody of the same company."
    to: PersonId
    person: PersonId


def _ends_after_it_begins(until_on: date, info: ValidationInfo) -> date:
    from_on = info.data.get("from_on", until_on)
    if not from_on <= until_on < from_on + LONGEST:
        raise ValueError(f"until_on is from_on or later, and within {LONGEST.days} days")
    return until_on


class DelegateAuthority(Command):
    """A member lets another one act for them, with some of their powers, for a while."""

    refusals = (NotOfOneCompany, NobodyActsForThemselves)
    example: ClassVar = {
        "to": "carl",
        "powers": ["approve", "request_changes"],
        "productions": ["the-long-take"],
        "limit": {"amount": "250000", "currency": "INR"},
        "from_on": "2026-11-16",
        "until_on": "2026-11-30",
    }

    to: PersonId = Field(description="Another member of the company, who then sends `On-Behalf-Of` with your id.")
    powers: Annotated[
        tuple[Power, ...],
        Field(min_length=1, max_length=len(Power), description="The commands that they may send for you."),
    ]
    productions: tuple[Slug, ...] | None = Field(None, max_length=500, description="Left out: all of them.")
    limit: PositiveMoney | None = Field(None, description="No single act is for more than this.")
    from_on: Day = Field(description="The first day, by the clock of each production.")
    until_on: Day = Field(description="The last day.")

    @field_validator("until_on", mode="after")
    @classmethod
    def _ends(cls, until_on: date, info: ValidationInfo) -> date:
        return _ends_after_it_begins(until_on, info)


class RevokeDelegation(Command):
    """The grantor, or an administrator, ends a delegation; what was done under it stands."""

    refusals = (DelegationIsMissing, AuthorityIsNotYours)
    example: ClassVar = {"delegation": "D-1", "reason": "Back from leave."}

    delegation: DelegationId


class SetAbsence(Command):
    """A member will be away, and names who answers rounds in their place; it replaces the absence set before."""

    refusals = (NotOfOneCompany, NobodyActsForThemselves)
    example: ClassVar = {"substitute": "carl", "from_on": "2026-11-16", "until_on": "2026-11-30"}

    substitute: PersonId = Field(description="Who answers for them, with `On-Behalf-Of`.")
    from_on: Day = Field(description="The first day, by the clock of each production.")
    until_on: Day = Field(description="The last day.")

    @field_validator("until_on", mode="after")
    @classmethod
    def _ends(cls, until_on: date, info: ValidationInfo) -> date:
        return _ends_after_it_begins(until_on, info)


class EndAbsence(Command):
    """A member is back early, or does not go: nobody answers in their place any more."""

    refusals = (AuthorityIsNotYours,)
    example: ClassVar = {"reason": "Back early."}

    person: PersonId | None = Field(None, description="Left out: yourself. An administrator may say whose.")


DelegationCommand = DelegateAuthority | RevokeDelegation | SetAbsence | EndAbsence


@dataclass(frozen=True, slots=True)
class Delegations:
    """Who acts for whom in a company."""

    count: int = 0
    given: Map[DelegationId, AuthorityDelegated] = Map()
    absences: Map[PersonId, AbsenceSet] = Map()

    def acting(
        self, actor: PersonId, behalf: PersonId, power: Power | None, production: Slug, on: date
    ) -> tuple[Money, ...] | None:
        """Up to which amounts the actor may use the person's power on a production that day.

        Returns:
            The widest limit in each currency; none means any amount. None where they may not at all.
        """
        absence = self.absences.get(behalf)
        if absence and _covers(absence, on) and absence.substitute == actor and power in OF_A_SUBSTITUTE:
            return ()
        limits = [
            given.limit
            for given in self.given.values()
            if (given.grantor, given.to) == (behalf, actor) and _covers(given, on, production) and power in given.powers
        ]
        if None in limits or not limits:
            return () if limits else None
        widest: dict[Currency, Money] = {}
        for limit in sorted((each for each in limits if each is not None), key=attrgetter("amount")):
            widest[limit.currency] = limit
        return tuple(widest[currency] for currency in sorted(widest))

    def grantors(self, actor: PersonId, production: Slug, on: date) -> set[PersonId]:
        """Whom the actor may do something for on a production that day."""
        away = {each.person for each in self.absences.values() if each.substitute == actor and _covers(each, on)}
        return away | {
            given.grantor for given in self.given.values() if given.to == actor and _covers(given, on, production)
        }


def beyond(limits: tuple[Money, ...], amount: Money | None) -> Money | None:
    """The limit that an act for an amount goes beyond; one that is not about an amount is within none."""
    if not limits or any(is_within(limit, amount) for limit in limits):
        return None
    fits = (limit for limit in limits if amount is not None and limit.currency == amount.currency)
    return next(fits, limits[0])


def _covers(lasting: AuthorityDelegated | AbsenceSet, on: date, production: Slug | None = None) -> bool:
    if not lasting.from_on <= on <= lasting.until_on:
        return False
    named = lasting.productions if isinstance(lasting, AuthorityDelegated) else None
    return named is None or production in named


def delegate_authority(command: DelegateAuthority, delegations: Delegations, actor: PersonId) -> list[DelegationEvent]:
    """D1."""
    if command.to == actor:
        raise NobodyActsForThemselves(actor)
    return [
        AuthorityDelegated(
            delegation=f"D-{delegations.count + 1}",
            grantor=actor,
            to=command.to,
            powers=tuple(power for power in Power if power in command.powers),
            productions=command.productions,
            limit=command.limit,
            from_on=command.from_on,
            until_on=command.until_on,
        )
    ]


def revoke_delegation(
    command: RevokeDelegation, delegations: Delegations, actor: PersonId, *, administrator: bool
) -> list[DelegationEvent]:
    """D1."""
    given = delegations.given.get(command.delegation)
    if given is None:
        raise DelegationIsMissing(command.delegation)
    if given.grantor != actor and not administrator:
        raise AuthorityIsNotYours(given.grantor)
    return [AuthorityRevoked(command.delegation)]


def set_absence(command: SetAbsence, delegations: Delegations, actor: PersonId) -> list[DelegationEvent]:
    """D5; setting the absence that is set does nothing."""
    if command.substitute == actor:
        raise NobodyActsForThemselves(actor)
    absence = AbsenceSet(actor, command.substitute, command.from_on, command.until_on)
    return [] if delegations.absences.get(actor) == absence else [absence]


def end_absence(
    command: EndAbsence, delegations: Delegations, actor: PersonId, *, administrator: bool
) -> list[DelegationEvent]:
    """D5; ending an absence that is not set does nothing."""
    person = command.person or actor
    if person != actor and not administrator:
        raise AuthorityIsNotYours(person)
    return [AbsenceEnded(person)] if person in delegations.absences else []


def ended_with(person: PersonId, delegations: Delegations) -> list[DelegationEvent]:
    """D1: what ends with the membership of the person, be it theirs or for them to act under."""
    given = [number for number, each in delegations.given.items() if person in (each.grantor, each.to)]
    away = [each.person for each in delegations.absences.values() if person in (each.person, each.substitute)]
    return [*map(AuthorityRevoked, by_number(given)), *map(AbsenceEnded, sorted(away))]


def evolve(delegations: Delegations, event: DelegationEvent) -> Delegations:
    """Who acts for whom after the event."""
    match event:
        case AuthorityDelegated(delegation):
            given = delegations.given.set(delegation, event)
            return replace(delegations, count=delegations.count + 1, given=given)
        case AuthorityRevoked(delegation):
            return replace(delegations, given=delegations.given.delete(delegation))
        case AbsenceSet(person):
            return replace(delegations, absences=delegations.absences.set(person, event))
        case AbsenceEnded(person):
            return replace(delegations, absences=delegations.absences.delete(person))
