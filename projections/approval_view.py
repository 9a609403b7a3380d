"""The approval status as it is answered: the policy in force, and each round in words."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from msgspec.json import Decoder
from pydantic import BaseModel, Field

from events.approval import AccountChange
from events.confidential import is_pay
from events.delegation import Power
from events.ids import AccountCode, Digest, PersonId, PolicyId, RoundId, StreamId
from events.money import Money
from events.policy import Mode, Policy, RequestKind, Step

from . import english
from .approval_status import VOTES, PolicyRow, RoundRow, amount_of, in_currency
from .house import Barred, House, Members, may_go
from .projection import Rows
from .sentences import with_names

_TERMS = Decoder(Policy)
#: What is always left.
_ANEW = "or recall it, change the policy and ask anew"


class Asked(BaseModel):
    """Somebody whose answer a round waits for."""

    person: PersonId
    through: list[PersonId] = Field(description="Who may answer for them today, by absence or delegation.")
    away_until: date | None = Field(description="The last day of their absence, if they are away today.")


class WaitsFor(BaseModel):
    """What an open round waits for."""

    words: str
    step: int = Field(description="From 1 on; one more than there are when only conditions are open.")
    steps: int
    asked: list[Asked] = Field(description="Who may approve and has yet to answer.")
    excluded: list[PersonId] = Field(description="Who had a hand in it or dealt with it for others.")
    since: datetime
    escalates_at: datetime | None = Field(description="When others are asked, too.")
    conditions: list[int] = Field(description="The open ones, by their numbers.")


class MayDo(BaseModel):
    """What somebody may do about a round now."""

    person: PersonId
    commands: list[str]


class DecisionView(BaseModel):
    """One answer to a round."""

    person: PersonId = Field(description="Whose place it was.")
    by: PersonId = Field(description="Who acted: the person, or another for them.")
    decision: str
    step: int = Field(description="From 1 on.")
    words: str | None
    at: datetime
    roles: list[str]
    counts: bool = Field(description="False once it was withdrawn, has lapsed, or is void since the content changed.")


class ConditionView(BaseModel):
    """What an approval waits for."""

    condition: int
    by: PersonId
    words: str
    state: str


class ApprovalRound(BaseModel):
    """A round."""

    round: RoundId
    kind: RequestKind
    subject: str
    content_hash: Digest | None = Field(
        description="Of all that it asks about: an answer names it. None where its figures, which one could try by it,"
        " are `withheld`."
    )
    amount: Money | None
    counted: Money | None = Field(description="The amount with what counts together with it, which chose the rule.")
    state: str
    submitted_by: PersonId
    on_behalf_of: PersonId | None
    submitted_at: datetime
    submitted_because: str | None
    command: str | None = Field(
        description="What takes effect when it passes; none for budgets, payments, commitments and requisitions."
    )
    body: dict[str, Any] | None = Field(
        description="Of that command, as it was sent; of a commitment, with whom and for what, and of an amendment the"
        " `former` lines; of a requisition, what is asked for and when it is needed."
    )
    in_english: str | None = Field(description="What takes effect when it passes, read out.")
    differences: list[str] = Field(description="Of a policy: the sentences that go and come with it.")
    policy: str | None
    rule: str | None
    steps: list[str] = Field(description="In words, in their order.")
    fresh_minutes: int | None = Field(
        description="Within how many minutes whoever approves must have signed in; none where it does not matter."
    )
    waits_for: WaitsFor | None
    may: list[MayDo] = Field(description="What each may do next; besides, whoever holds a role may nudge.")
    decisions: list[DecisionView]
    conditions: list[ConditionView]
    former: str | None = Field(description="What the round asked about before its content was changed.")
    changes: list[AccountChange] = Field(description="The lines in which the content differs from the former one.")
    ended_at: datetime | None
    ended_because: str | None = Field(description="What overtook it; none when somebody decided.")
    withheld: str | None = Field(
        None, description="That its amount, what was said of it, and what it asks for or changed are not shown."
    )


class PolicyView(BaseModel):
    """A policy, as it is and in words."""

    policy: PolicyId
    in_english: str
    terms: Policy
    adopted_at: datetime


class ApprovalStatus(BaseModel):
    """The policy in force, and the rounds of a production, the latest first."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    policy: PolicyView | None = Field(description="In force; none while one executive producer decides.")
    rounds: list[ApprovalRound]
    withheld: str | None = Field(None, description="That something is not shown to the reader.")


@dataclass(frozen=True, slots=True)
class NotForAll:
    """Who looks at rounds of which they may not read everything."""

    #: Themselves, and those for whom they may act.
    readers: Collection[PersonId]
    #: Whether they may read the figures of accounts.
    shows: Callable[[Iterable[AccountCode]], bool]
    said: str
    #: Whether it counts that a round asks them: it does today, and no more when the past is looked at.
    asks: bool


def view(
    rows: Rows,
    stream: StreamId,
    version: int,
    position: int,
    at: datetime,
    members: Members,
    barred: Barred,
    but: NotForAll | None = None,
) -> ApprovalStatus:
    """The answer from the rows, as of the moment that it is for.

    Args:
        members: who counts in the company at that moment.
        barred: who may not answer open rounds, as far as that is known.
        but: what its reader may not read; None when they may read everything.
    """
    rounds = sorted(rows.of(RoundRow, stream), key=lambda row: -row.number)
    house = House.of(rows, stream, at, members, barred) if rounds else None
    policies = {f"P-{row.number}": row.terms for row in rows.of(PolicyRow, stream)}
    return ApprovalStatus(
        production=stream,
        version=version,
        position=position,
        policy=_in_force(rows.of(PolicyRow, stream)),
        rounds=[_for(but, row, _round(row, house, policies)) for row in rounds if house is not None],
        withheld=None if but is None else but.said,
    )


def _for(but: NotForAll | None, row: RoundRow, shown: ApprovalRound) -> ApprovalRound:
    """The round as its reader may see it: whole for whoever has to do with it, else without closed figures."""
    if but is None:
        return shown
    if theirs := _concerned(shown, asked=but.asks) & set(but.readers):
        alone = theirs <= {shown.submitted_by, shown.on_behalf_of}
        raised = row.kind is RequestKind.REQUISITION and alone and shown.counted != shown.amount
        # What counts together with it may be of other accounts.
        return shown.model_copy(update={"counted": None, "withheld": but.said}) if raised else shown
    pay = row.kind is RequestKind.PAYMENT or (row.kind is RequestKind.COMMITMENT and is_pay(row.subject))
    if pay or not but.shows(row.accounts):
        return _without(shown, but.said)
    changes = [change for change in shown.changes if but.shows((change.account,))]
    hidden = None if len(changes) == len(shown.changes) else but.said
    return shown.model_copy(update={"changes": changes, "withheld": hidden})


def _concerned(shown: ApprovalRound, *, asked: bool) -> set[PersonId]:
    """Who asked for it and who answered it; and whoever may do something about it now."""
    answered = {person for made in shown.decisions for person in (made.person, made.by)}
    may = {each.person for each in shown.may} if asked else set()
    return answered | may | {shown.submitted_by, shown.on_behalf_of or shown.submitted_by}


def _without(shown: ApprovalRound, said: str) -> ApprovalRound:
    """The round without its figures, the hash that tells whether one is guessed, and what people said of it."""
    waits = shown.waits_for
    if waits is not None and waits.conditions:
        waits = waits.model_copy(update={"words": said})
    return shown.model_copy(
        update={
            "content_hash": None,
            "amount": None,
            "counted": None,
            "submitted_because": None,
            "body": None,
            "in_english": None,
            "waits_for": waits,
            "decisions": [made.model_copy(update={"words": None}) for made in shown.decisions],
            "conditions": [each.model_copy(update={"words": said}) for each in shown.conditions],
            "changes": [],
            "withheld": said,
        }
    )


def _in_force(adopted: list[PolicyRow]) -> PolicyView | None:
    if not adopted:
        return None
    row = max(adopted, key=lambda each: each.number)
    return PolicyView(
        policy=f"P-{row.number}",
        in_english=_policy_in_words(row.terms),
        terms=row.terms,
        adopted_at=row.adopted_at,
    )


def _round(row: RoundRow, house: House, policies: Mapping[PolicyId, Policy]) -> ApprovalRound:
    row = house.counted(row) if row.state == "open" else row
    proposed = _proposed(row)
    return ApprovalRound(
        round=f"A-{row.number}",
        kind=row.kind,
        subject=row.subject,
        content_hash=row.content_hash,
        amount=amount_of(row),
        counted=in_currency(row, row.counted),
        state=row.state,
        submitted_by=row.submitted_by,
        on_behalf_of=row.on_behalf_of,
        submitted_at=row.submitted_at,
        submitted_because=row.submitted_because,
        command=row.command,
        body=None if row.body is None else json.loads(row.body),
        in_english=_in_english(row) if proposed is None else _policy_in_words(proposed),
        differences=[] if proposed is None or row.policy is None else _differences(policies[row.policy], proposed),
        policy=row.policy,
        rule=row.rule,
        steps=[_step_in_words(step) for step in row.steps],
        fresh_minutes=row.fresh_minutes,
        waits_for=_waits_for(row, house) if row.state == "open" else None,
        may=_may(row, house) if row.state == "open" else [],
        decisions=[
            DecisionView(
                person=made.person,
                by=made.by,
                decision=made.decision,
                step=made.step + 1,
                words=made.words,
                at=made.at,
                roles=list(made.roles),
                counts=made.counts,
            )
            for made in row.decisions
        ],
        conditions=[
            ConditionView(condition=number, by=c.by, words=c.words, state=c.state)
            for number, c in enumerate(row.conditions, 1)
        ],
        former=row.former,
        changes=list(row.changes),
        ended_at=row.ended_at,
        ended_because=row.ended_because,
    )


def _proposed(row: RoundRow) -> Policy | None:
    """The policy that a round asks about."""
    if row.kind is not RequestKind.POLICY_CHANGE or row.body is None:
        return None
    return _TERMS.decode(json.dumps(json.loads(row.body)["terms"]))


def _in_english(row: RoundRow) -> str:
    body = {} if row.body is None else json.loads(row.body)
    return english.request(row.kind, row.subject, amount_of(row), body)


def _policy_in_words(terms: Policy) -> str:
    return with_names(english.policy(terms), _id)


def _differences(before: Policy, after: Policy) -> list[str]:
    return [with_names(sentence, _id) for sentence in english.differences(before, after)]


def _step_in_words(asked: Step) -> str:
    return with_names(english.step(asked), _id)


def _id(_: str, who: str) -> str:
    """People are called by their ids here, in words as in the fields beside them."""
    return who


def _waits_for(row: RoundRow, house: House) -> WaitsFor:
    amount = amount_of(row)

    def may(person: PersonId, by: PersonId) -> bool:
        return house.may_approve(row, person, by) and not house.approves_in_vain(row, person, by)

    asked = [
        Asked(
            person=person,
            through=sorted(by for by in house.through(person, Power.APPROVE, amount) if may(person, by)),
            away_until=house.away_until(person),
        )
        for person in (house.asked(row) if house.takes_answers(row) else ())
        if may(person, person)
    ]
    conditions = [number for number, c in enumerate(row.conditions, 1) if c.state == "open"]
    return WaitsFor(
        words=_in_words(row, house, asked, conditions),
        step=row.step + 1,
        steps=len(row.steps),
        asked=asked,
        excluded=sorted(house.barred(row)),
        since=row.since,
        escalates_at=house.escalates_at(row),
        conditions=conditions,
    )


def _in_words(row: RoundRow, house: House, asked: list[Asked], conditions: list[int]) -> str:
    since = f"since {row.since:%-d %B %Y %H:%M} UTC"
    if not house.takes_answers(row):
        reopened = "for the production to be reopened (`enter-stage`); a closed one takes no answer to it"
        return f"Waits {since} {reopened}."
    if row.step >= len(row.steps):
        if all(house.closes_in_vain(row, row.conditions[number - 1]) for number in conditions):
            return f"Nobody whom it asks has approved it, {since}: take an answer back, {_ANEW}."
        closing = [row.conditions[number - 1] for number in conditions]
        words = [f"{each.words} ({' or '.join(house.heirs(row, each))})" for each in closing]
        return f"Approved; waits {since} until these are met or waived: {'; '.join(words)}."
    of = row.steps[row.step]
    step = f"Step {row.step + 1} of {len(row.steps)}, {_step_in_words(of)}"
    if house.is_due(row):
        return f"{step}: has all it takes; the next act in the round moves it on, such as a nudge."
    said = [
        each.person
        + (f" (away until {each.away_until:%-d %B %Y})" if each.away_until else "")
        + (f" ({kept})" if (kept := house.members.kept_from(each.person)) else "")
        + (f", or {english.listed(each.through)} for them" if each.through else "")
        for each in asked
    ]
    whom = f"waits for {'; '.join(said) if any(' ' in each for each in said) else english.listed(said)}"
    if not said:
        whom = _nobody(row, house)
    if later := house.escalates_to(row):
        since += f"; from {house.escalates_at(row):%-d %B %Y %H:%M} UTC on it asks {english.listed(later)}, too"
    if said and not house.are_enough(row):
        funding = " commit funding that somebody speaks for," if of.mode is Mode.SHARE else ""
        since += f"; even all of them are not enough for it: appoint somebody,{funding} {_ANEW}"
    return f"{step}: {whom}, {since}."


def _nobody(row: RoundRow, house: House) -> str:
    """Why a round waits for nobody, and what helps."""
    put_there = [seat for seat in house.asked(row) if house.may_approve(row, seat, seat)]
    abstained = [seat for seat in house.seats(row) if house.answer_of(row, seat) == "abstain"]
    still = [seat for seat in abstained if house.may_approve(row, seat, seat)]
    passes_over = [person for person in house.standing.roles if house.may_override(row, person)]
    if put_there:
        whom = f"waits for nobody whom the policy asks: others put {english.listed(put_there)} there, who may give the"
        return f"{whom} place back (`reassign-step`), {_ANEW}"
    if still:
        return f"waits for nobody who has yet to answer; {english.listed(still)} abstained, and may approve after all"
    if passes_over:
        return f"waits for nobody who may approve it; {english.listed(sorted(passes_over))} may pass over the step"
    return f"waits for nobody who may approve it: appoint somebody, {_ANEW}"


def _may(row: RoundRow, house: House) -> list[MayDo]:
    """What each may do next; whoever acts for another names them."""
    may: dict[PersonId, list[str]] = {}
    if not house.takes_answers(row):
        return []
    for person in house.seats(row):
        answers = ["approve", "abstain"] if house.may_approve(row, person, person) else []
        vain, given = house.approves_in_vain(row, person, person), house.answer_of(row, person)
        answers = [each for each in answers if each != given and not (vain and each == "approve")]
        gives = ("reassign_step",) if house.may_reassign(row, person) else ()
        may[person] = [*answers, *gives, "request_changes", "reject"]
    for person in {row.submitted_by, row.on_behalf_of or row.submitted_by}:
        if house.standing.roles.get(person):
            may.setdefault(person, []).extend(("recall_request", "nudge"))
    votes = (made for made in row.decisions if made.counts and made.decision in VOTES)
    for person in sorted({made.person for made in votes if may_go(made, row)}):
        may.setdefault(person, []).append("withdraw_vote")
    for condition in row.conditions:
        for person in () if house.closes_in_vain(row, condition) else house.heirs(row, condition):
            if "close_condition" not in may.setdefault(person, []):
                may[person].append("close_condition")
    for person in house.standing.roles:
        if house.may_reassign(row, person):
            may.setdefault(person, []).append("reassign_step")
        if house.may_override(row, person):
            may.setdefault(person, []).append("override_step")
    return [
        MayDo(person=person, commands=list(dict.fromkeys(each)))
        for person, each in sorted(may.items())
        if house.members.kept_from(person) is None
    ]
