"""Who is what on a production at a moment, and so who may do what about a round?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from events.delegation import Power, is_within
from events.financing import AT_LEAST_COMMITTED, NOT_CASH, borrowed_from, counted_once
from events.ids import AccountCode, PersonId, StreamId
from events.money import Money
from events.policy import BY_ASKING, Mode, RequestKind, Standing, handed_on, takes
from events.production import Stage
from events.team import Role

from .approval_status import (
    ANSWERS,
    VOTES,
    AppointmentRow,
    ConditionSet,
    DecisionMade,
    DraftingRow,
    RoundRow,
    SourceRow,
    SubstituteRow,
    amount_of,
)
from .projection import Rows


class Members(Protocol):
    """Who counts in the company at a moment."""

    def sits_as(self, person: PersonId, role: Role, /) -> bool:
        """Whether rounds wait for the person by that role."""

    def put_out_by(self, person: PersonId, others: Collection[PersonId], /) -> bool:
        """Whether one of the others dismissed the person."""

    def may_stand_in(self, person: PersonId, other: PersonId, /) -> bool:
        """Whether the person may act for the other, if the other lets them."""

    def of_one_company(self, person: PersonId, other: PersonId, /) -> bool:
        """Whether both are guests of one company, or neither is a guest."""

    def kept_from(self, person: PersonId, /) -> str | None:
        """Why somebody whom rounds wait for cannot come in, and what helps; None of who can."""


class _Everybody:
    def sits_as(self, _person: PersonId, _role: Role, /) -> bool:
        return True

    def put_out_by(self, _person: PersonId, _others: Collection[PersonId], /) -> bool:
        return False

    def may_stand_in(self, _person: PersonId, _other: PersonId, /) -> bool:
        return True

    def of_one_company(self, _person: PersonId, _other: PersonId, /) -> bool:
        return True

    def kept_from(self, _person: PersonId, /) -> str | None:
        return None


#: Of a company whose members then nobody asks about.
EVERYBODY = _Everybody()

#: What a round asks about though the production is closed, by its command.
_ENDS_AN_APPOINTMENT = "EndAppointment"

#: By production and number of a round, who may not answer it by all the facts: these rows know nothing of spend.
Barred = Mapping[tuple[StreamId, int], frozenset[PersonId]]


def may_go(made: DecisionMade, row: RoundRow) -> bool:
    """Whether an answer can be taken back or lapse: no abstention from a step that was passed over."""
    return made.decision == "approve" or made.step not in row.passed_over


@dataclass(frozen=True, slots=True)
class House:
    """Who is what on a production at a moment."""

    stream: StreamId
    at: datetime
    on: date
    stage: Stage
    standing: Standing
    substitutes: list[SubstituteRow]
    members: Members
    known: Barred

    @classmethod
    def of(cls, rows: Rows, stream: StreamId, at: datetime, members: Members, known: Barred) -> "House":
        """What the rows say of it.

        Args:
            known: who is barred from rounds, as far as that is known; of others the rows say it.
        """
        company, _, name = stream.partition("/")
        production = rows.one(DraftingRow, stream)
        on = at.astimezone(ZoneInfo(production.time_zone)).date()
        roles: dict[PersonId, set[Role]] = {}
        heads: dict[PersonId, tuple[AccountCode, ...]] = {}
        appointed = rows.of(AppointmentRow, stream)
        team = {held.person for held in appointed}
        for held in appointed:
            sits = members.sits_as(held.person, Role(held.role)) or members.put_out_by(held.person, team)
            if held.from_on <= on.isoformat() and sits:
                roles.setdefault(held.person, set()).add(Role(held.role))
                if held.role == Role.DEPARTMENT_HEAD.value:
                    heads[held.person] = held.accounts
        sources = {row.funding: row for row in rows.of(SourceRow, stream) if row.state in AT_LEAST_COMMITTED}
        counted = counted_once(
            {f: row.amount for f, row in sources.items()},
            {f: borrowed_from(row.kind, row.lent_against) for f, row in sources.items()},
        )
        holders = {f: (sources[f].holder, counted[f]) for f in sources if sources[f].kind not in NOT_CASH}
        substitutes = [
            row
            for row in rows.of(SubstituteRow, company)
            if row.from_on <= on <= row.until_on
            and (row.productions is None or name in row.productions)
            and members.may_stand_in(row.substitute, row.person)
        ]
        standing = Standing(roles, heads, holders)
        return cls(stream, at, on, production.stage, standing, substitutes, members, known)

    def takes_answers(self, row: RoundRow) -> bool:
        """P3: whether anything may be done about a round: of a closed production, about a few kinds alone."""
        return (
            self.stage is not Stage.CLOSED
            or row.kind is RequestKind.REOPENING
            or (row.kind is RequestKind.PAYMENT and row.command is None)
            or row.command == _ENDS_AN_APPOINTMENT
        )

    def asked(self, row: RoundRow) -> list[PersonId]:
        """Who is asked in the step that the round is at, and has yet to answer."""
        return [seat for seat in self.seats(row) if self.answer_of(row, seat) is None]

    def seats(self, row: RoundRow) -> list[PersonId]:
        """Who is asked in the step that the round is at."""
        return sorted(set(self._seats(row)))

    def answer_of(self, row: RoundRow, seat: PersonId) -> str | None:
        """What somebody answered in the step that the round is at, as long as it counts: they may change it."""
        theirs = (made for made in row.decisions if made.counts and (made.person, made.step) == (seat, row.step))
        return next((made.decision for made in theirs if made.decision in ANSWERS), None)

    def _seats(self, row: RoundRow) -> tuple[PersonId, ...]:
        if row.step >= len(row.steps):
            return ()
        step = row.steps[row.step]
        approvers = (*step.approvers, *step.escalates_to) if self.is_late(row) else step.approvers
        return self.standing.asked(approvers, row.accounts, self._instead(row, row.step))

    def may_approve(self, row: RoundRow, seat: PersonId, by: PersonId) -> bool:
        """Whether that person may approve in that place: nobody who had a hand in it, or filled another place."""
        persons = {seat, by, *_gave(row, row.step, seat)}
        return not persons & self.barred(row) and not self.filled_another(row, seat, by)

    def approves_in_vain(self, row: RoundRow, seat: PersonId, by: PersonId) -> bool:
        """A10: whether it would pass by that person's approval in that place, though nobody else's is whom it asks."""
        made = DecisionMade(seat, by, "approve", row.step, None, self.at, ())
        others = (each for each in row.decisions if (each.person, each.step) != (seat, row.step))
        return self._passes_in_vain(replace(row, decisions=(*others, made)))

    def closes_in_vain(self, row: RoundRow, condition: ConditionSet) -> bool:
        """A10: whether it would pass once that condition is closed, though nobody approved it whom it asks."""
        return self._passes_in_vain(replace(row, conditions=tuple(c for c in row.conditions if c != condition)))

    def _passes_in_vain(self, row: RoundRow) -> bool:
        if not _lacks_approval(row) or any(condition.state == "open" for condition in row.conditions):
            return False
        left = (step for step in range(row.step, len(row.steps)) if step not in row.passed_over)
        at = (replace(row, step=step, since=row.since if step == row.step else self.at) for step in left)
        return all(map(self._moves_on, at))

    def counted(self, row: RoundRow) -> RoundRow:
        """An open round without the answers that count no more, though no fact has said so yet, where it is then."""
        answers = [made for made in row.decisions if made.counts and made.decision in ANSWERS]
        gone = [made for made in answers if self._has_lapsed(row, made)]
        again = {made.step for made in gone if made.decision == "override"}
        left = replace(
            row,
            decisions=tuple(replace(made, counts=False) if made in gone else made for made in row.decisions),
            passed_over=tuple(step for step in row.passed_over if step not in again),
        )
        first = min((made.step for made in gone if made.step not in left.passed_over), default=row.step)
        over = (step for step in range(first, row.step) if step not in left.passed_over)
        return replace(left, step=next((step for step in over if not self._passes(left, step)), row.step))

    def _has_lapsed(self, row: RoundRow, made: DecisionMade) -> bool:
        """Whether an answer counts no more: it is not theirs any more, or they had a hand in what is asked for.

        A step is passed over as long as who did so is who may.
        """
        if made.decision == "override":
            return row.override_by not in self.standing.roles.get(made.person, ())
        if not may_go(made, row):
            return False
        step = row.steps[made.step]
        seats = self.standing.asked((*step.approvers, *step.escalates_to), row.accounts, self._instead(row, made.step))
        power = Power.APPROVE if made.decision == "approve" else Power.ABSTAIN
        stands_in = made.by == made.person or made.by in self.through(made.person, power, amount_of(row))
        had_a_hand = made.decision == "approve" and bool(_hands(row, made) & self.excluded(row))
        return made.person not in seats or not stands_in or had_a_hand

    def _passes(self, row: RoundRow, at: int) -> bool:
        """Whether a step has as many approvals as it takes; once it is late, one of those to whom it escalates."""
        step, instead = row.steps[at], self._instead(row, at)
        votes = [made for made in row.decisions if made.counts and made.step == at]
        approved = {made.person for made in votes if made.decision == "approve"}
        late = self.is_late(row) if at == row.step else step.within_days is not None
        if late and approved & {*self.standing.asked(step.escalates_to, row.accounts, instead)}:
            return True
        seats = {*self._asked_in(row, at)} - {made.person for made in votes if made.decision == "abstain"}
        if step.mode is Mode.ALL:
            seats -= self.barred(row)
        return takes(step, seats | approved, approved, self.standing, instead)

    def excluded(self, row: RoundRow) -> frozenset[PersonId]:
        """Who had a hand in what a round asks for."""
        return self.barred(row) - _dealt(row)

    def barred(self, row: RoundRow) -> frozenset[PersonId]:
        """Who had a hand in what a round asks for, or dealt with it for others."""
        if (known := self.known.get((row.stream_id, row.number))) is not None:
            return known
        return frozenset(row.excluded) | _dealt(row)

    def filled_another(self, row: RoundRow, seat: PersonId, by: PersonId) -> bool:
        """Whether who would fill that place filled another one, as far as that bars them."""
        persons = {seat, by, *_gave(row, row.step, seat)}
        return any(
            made.counts
            and made.decision in ANSWERS
            and persons & _hands(row, made)
            and (made.step, made.person) != (row.step, seat)
            and not (made.step != row.step and row.one_person_may_fill_two_steps)
            for made in row.decisions
        )

    def may_override(self, row: RoundRow, person: PersonId) -> bool:
        """Whether that person may pass over the step that the round is at."""
        votes = [made for made in row.decisions if made.counts and made.decision in VOTES]
        return (
            row.override_by in self.standing.roles.get(person, ())
            and row.step < len(row.steps)
            and person not in (row.submitted_by, row.on_behalf_of)
            and self.may_approve(row, person, person)
            and not any(person in (d.person, d.by) for d in votes if d.step == row.step)
            and (not self._is_last(row) or _approved_by_others(row, person))
        )

    def _is_last(self, row: RoundRow) -> bool:
        """Whether no step after the one that is asked asks anybody."""
        left = (n for n in range(row.step + 1, len(row.steps)) if n not in row.passed_over)
        return all(row.steps[n].optional and not self._asked_in(row, n) for n in left)

    def is_due(self, row: RoundRow) -> bool:
        """Whether the step that is asked has all it takes, or is one to skip, and no act in the round has said so."""
        if row.step == len(row.steps):
            return False
        return not (self._is_last(row) and _lacks_approval(row)) and self._moves_on(row)

    def _moves_on(self, row: RoundRow) -> bool:
        seats, step = self._seats(row), row.steps[row.step]
        by_asking = row.kind in BY_ASKING and set(seats) == {row.on_behalf_of or row.submitted_by}
        skipped = by_asking or (step.optional and self.excluded(row).issuperset(seats))
        return skipped or self._passes(row, row.step)

    def are_enough(self, row: RoundRow) -> bool:
        """Whether the step that is asked would pass if all who may approved, or one of those it escalates to."""
        step, instead = row.steps[row.step], self._instead(row, row.step)
        later = self.standing.asked(step.escalates_to, row.accounts, instead)
        votes = (made for made in row.decisions if made.counts and made.decision == "approve")
        may = {seat for seat in (*self._seats(row), *later) if self.may_approve(row, seat, seat)}
        may |= {made.person for made in votes if made.step == row.step}
        return not may.isdisjoint(later) or takes(step, may, may, self.standing, instead)

    def may_reassign(self, row: RoundRow, person: PersonId) -> bool:
        """Whether that person may give a place to somebody else: their own, or another's by overriding."""
        if person in {*self.excluded(row), row.submitted_by, row.on_behalf_of}:
            return False
        overrides = row.override_by in self.standing.roles.get(person, ()) and not _answered(row, person)
        return any(
            (seat == person or overrides) and self.may_approve(row, seat, seat) and self._may_be_given(row, seat)
            for seat in self.asked(row)
        )

    def _may_be_given(self, row: RoundRow, seat: PersonId) -> bool:
        """Whether there is somebody whom a place may be given to."""
        not_these = self.excluded(row).union(self._seats(row))
        return any(
            person not in not_these
            and set(roles) - {Role.AUDITOR}
            and self.members.of_one_company(seat, person)
            and not self.filled_another(row, person, person)
            for person, roles in self.standing.roles.items()
        )

    def _instead(self, row: RoundRow, step: int) -> dict[PersonId, PersonId]:
        """Who is asked in whose place: nobody who may not approve what was changed since they have it."""
        instead = _given(row, step)
        excluded = self.excluded(row) if instead else frozenset()
        return {seat: to for seat, to in instead.items() if to not in excluded}

    def _asked_in(self, row: RoundRow, step: int) -> tuple[PersonId, ...]:
        return self.standing.asked(row.steps[step].approvers, row.accounts, self._instead(row, step))

    def heirs(self, row: RoundRow, condition: ConditionSet) -> list[PersonId]:
        """Who says what becomes of an open condition.

        Who set it; whom the step asks and who may approve, where it asks them no more or they may not; where nobody of
        them may, whoever may override, or else an executive producer: of them first who gave no answer in the round.
        """
        if condition.state != "open":
            return []
        step, barred = row.steps[condition.step], self.barred(row)
        approvers = (*step.approvers, *step.escalates_to)
        seats = self.standing.asked(approvers, row.accounts, self._instead(row, condition.step))
        may = [seat for seat in seats if seat not in barred]
        if condition.by in may:
            return [condition.by]
        excluded, answers = self.excluded(row), (made for made in row.decisions if made.counts)
        answered = {each for made in answers if made.decision in ANSWERS for each in _hands(row, made)}
        for beside in (excluded | answered, excluded):
            for role in (row.override_by, Role.EXECUTIVE_PRODUCER):
                held = (person for person, roles in self.standing.roles.items() if role in roles)
                may = may or sorted(person for person in held if person not in beside)
        return may

    def escalates_at(self, row: RoundRow) -> datetime | None:
        """When a step asks others, too."""
        days = row.steps[row.step].within_days if row.step < len(row.steps) else None
        return None if days is None else row.since + timedelta(days=days)

    def is_late(self, row: RoundRow) -> bool:
        """Whether the step that is asked asks others by now, too."""
        late = self.escalates_at(row)
        return late is not None and late <= self.at

    def escalates_to(self, row: RoundRow) -> list[PersonId]:
        """Whom the step that is asked will ask, too, once it is late."""
        if self.is_late(row) or row.step == len(row.steps):
            return []
        later = self.standing.asked(row.steps[row.step].escalates_to, row.accounts, self._instead(row, row.step))
        return [seat for seat in later if seat not in self._seats(row) and self.may_approve(row, seat, seat)]

    def through(self, person: PersonId, power: Power, amount: Money | None) -> set[PersonId]:
        """Who may use one of the powers of a substitute for the person, on an amount; None is within no limit."""
        of_theirs = [s for s in self.substitutes if s.person == person and (s.powers is None or power in s.powers)]
        return {s.substitute for s in of_theirs if s.up_to is None or is_within(s.up_to, amount)}

    def away_until(self, person: PersonId) -> date | None:
        """The last day of the person's absence."""
        return next((s.until_on for s in self.substitutes if s.person == person and s.powers is None), None)


def _dealt(row: RoundRow) -> frozenset[PersonId]:
    """Who dealt with a round for others: passed over a step, or gave a place away that is not given back."""
    return frozenset(row.overriders).union(*_imposed(row).values())


def _imposed(row: RoundRow) -> dict[tuple[int, PersonId], frozenset[PersonId]]:
    """The places that somebody has whom others put there, by step and who has them; and who did so."""
    imposed: dict[tuple[int, PersonId], frozenset[PersonId]] = {}
    instead: dict[int, dict[PersonId, PersonId]] = {}
    for given in row.reassigned:
        by = imposed.pop((given.step, given.seat), frozenset()).union(given.by)
        instead[given.step] = handed_on(instead.get(given.step, {}), given.seat, given.to)
        is_back = instead[given.step].get(given.to) == given.to
        if by and not is_back:
            imposed[given.step, given.to] = by
    return imposed


def _lacks_approval(row: RoundRow) -> bool:
    """A10: whether it went past those whom it asks, and none of them approved but who asked for it."""
    return bool(_dealt(row)) and not _approved_by_others(row)


def _approved_by_others(row: RoundRow, *persons: PersonId) -> bool:
    """Whether somebody approved it whom it asks: none of these, nor who asked for it or dealt with it for others."""
    votes = (made for made in row.decisions if made.counts and made.decision == "approve")
    imposed, not_theirs = _imposed(row), {*persons, row.submitted_by, row.on_behalf_of, *_dealt(row)}
    return any(not _hands(row, made) & not_theirs and (made.step, made.person) not in imposed for made in votes)


def _hands(row: RoundRow, made: DecisionMade) -> set[PersonId]:
    """Who is behind an answer: whose place it is, who gave it, and who gave that place up."""
    return {made.person, made.by, *_gave(row, made.step, made.person)}


def _answered(row: RoundRow, person: PersonId) -> bool:
    """Whether that person is behind an answer that counts."""
    counts = (made for made in row.decisions if made.counts and made.decision in ANSWERS)
    return any(person in _hands(row, made) for made in counts)


def _gave(row: RoundRow, step: int, seat: PersonId) -> set[PersonId]:
    """Who gave their place in a step to whoever sits there."""
    return {place for place, to in _given(row, step).items() if to == seat}


def _given(row: RoundRow, step: int) -> dict[PersonId, PersonId]:
    """To whom places of a step were given."""
    instead: dict[PersonId, PersonId] = {}
    for given in row.reassigned:
        instead = handed_on(instead, given.seat, given.to) if given.step == step else instead
    return instead
