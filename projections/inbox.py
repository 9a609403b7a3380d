"""What waits for a person, on all their productions?

Read from the rows of the approval status, from open flags, and from the open queries of the spend register.
"""

from collections.abc import Iterable
from datetime import date, datetime

from pydantic import BaseModel, Field

from events.delegation import Power
from events.ids import AdvanceId, Digest, FlagId, PersonId, QueryId, RoundId, SpendId, StreamId, VendorId
from events.money import Amount, Currency, Money
from events.policy import RequestKind
from events.production import Stage
from events.spend import AlertScope
from events.team import Role

from .advances import AdvanceRow
from .approval_status import DraftingRow, RoundRow, amount_of
from .flags import FlagRow
from .house import Barred, House, Members
from .projection import Rows
from .spend_register import QueryRow


class InboxItem(BaseModel):
    """Something that waits for a person."""

    production: StreamId
    title: str
    waits_for: str = Field(description="What the person may do: `approve`, `revise` or `close_condition`.")
    on_behalf_of: PersonId | None = Field(description="Whom they would do it for: send it as `On-Behalf-Of`.")
    round: RoundId
    kind: RequestKind
    subject: str
    content_hash: Digest
    amount: Money | None
    since: datetime
    from_person: PersonId
    from_on_behalf_of: PersonId | None = Field(description="For whom that person acted, if for another.")
    words: str | None


class InboxAlert(BaseModel):
    """So much is spent that somebody who answers for it should look."""

    production: StreamId
    title: str
    flag: FlagId
    scope: AlertScope
    of: str | None = Field(description="The account, or the level; none for the whole budget.")
    percent: int = Field(description="The highest that is reached.")
    reason: str = Field(description="In one sentence, with the figures.")
    since: datetime


class InboxAdvance(BaseModel):
    """A float to account for, or one that is overdue."""

    production: StreamId
    title: str
    advance: AdvanceId
    person: PersonId | None = Field(description="Who holds the float; none of a deposit.")
    vendor: VendorId | None = Field(description="With whom the deposit is; none of a float.")
    currency: Currency
    open: Amount = Field(description="What is left to account for or to come back.")
    due_on: date | None
    overdue: bool


class InboxQuery(BaseModel):
    """Somebody asks the person about an entry, which is not paid meanwhile."""

    production: StreamId
    title: str
    query: QueryId = Field(description="Send it to `answer-query`.")
    spend: SpendId
    question: str
    since: datetime
    from_person: PersonId
    from_on_behalf_of: PersonId | None = Field(description="For whom that person acted, if for another.")


class Inbox(BaseModel):
    """What waits for a person on all their productions, the oldest first."""

    person: PersonId
    position: int
    items: list[InboxItem]
    queries: list[InboxQuery] = Field(description="Open ones that ask this person.")
    alerts: list[InboxAlert] = Field(
        description="Open ones, for executive producers, producers, line producers and accountants."
    )
    advances: list[InboxAdvance] = Field(
        description="Open floats that the person holds; and for accountants and line producers, whatever is overdue."
    )


#: Who is told of alerts: whoever answers for what is spent.
ALERTED = frozenset({Role.EXECUTIVE_PRODUCER, Role.PRODUCER, Role.LINE_PRODUCER, Role.ACCOUNTANT})

#: Who sees that advances come back.
LOOKS_AFTER_ADVANCES = frozenset({Role.ACCOUNTANT, Role.LINE_PRODUCER})


def inbox(
    rows: Rows,
    alerts: Iterable[FlagRow],
    queries: Iterable[QueryRow],
    advances: Iterable[AdvanceRow],
    streams: list[StreamId],
    person: PersonId,
    position: int,
    at: datetime,
    members: Members,
    barred: Barred,
) -> Inbox:
    """What waits for the person: rounds to answer (for others, too), versions to revise, conditions to close; alerts.

    Args:
        alerts: those that are open, of all these streams.
        queries: likewise.
        advances: those of which something is left, of all these streams.
        barred: who may not answer open rounds, as far as that is known.
    """
    items: list[InboxItem] = []
    told: list[InboxAlert] = []
    asking_them = [row for row in queries if person in row.asked]
    asked: list[InboxQuery] = []
    out: list[InboxAdvance] = []
    for stream in streams:
        rounds, drafting = rows.of(RoundRow, stream), rows.one(DraftingRow, stream)
        house = House.of(rows, stream, at, members, barred)
        for row in (house.counted(row) for row in rounds if row.state == "open" and house.takes_answers(row)):
            for seat in house.asked(row):
                mine = person == seat or person in house.through(seat, Power.APPROVE, amount_of(row))
                if mine and house.may_approve(row, seat, person) and not house.approves_in_vain(row, seat, person):
                    behalf = None if seat == person else seat
                    asking = (row.submitted_by, row.on_behalf_of, row.submitted_because, row.since)
                    items.append(_item(row, drafting.title, "approve", behalf, *asking))
            for seat in _closers(row, house):
                through = house.through(seat, Power.CLOSE_CONDITION, amount_of(row)) - house.barred(row)
                if person == seat or person in through:
                    behalf = None if seat == person else seat
                    asking = (row.submitted_by, row.on_behalf_of, None, row.since)
                    items.append(_item(row, drafting.title, "close_condition", behalf, *asking))
        on_budgets = [row for row in rounds if row.kind is RequestKind.BUDGET]
        if on_budgets and Role.PRODUCER in house.standing.roles.get(person, ()):
            last = on_budgets[-1]
            if last.state == "changes_requested" and house.stage is not Stage.CLOSED:
                made = last.decisions[-1]
                answered = (made.by, None if made.by == made.person else made.person, made.words, made.at)
                items.append(_item(last, drafting.title, "revise", None, *answered))
        asked += [_query(row, drafting.title) for row in asking_them if row.stream_id == stream]
        if ALERTED.intersection(house.standing.roles.get(person, ())):
            told += _alerts(drafting.title, [row for row in alerts if row.stream_id == stream])
        roles = house.standing.roles.get(person, ())
        out += _advances(drafting.title, [row for row in advances if row.stream_id == stream], person, roles, house.on)
    return Inbox(
        person=person,
        position=position,
        items=sorted(items, key=lambda item: item.since),
        queries=sorted(asked, key=lambda each: each.since),
        alerts=sorted(told, key=lambda each: each.since),
        advances=out,
    )


def _closers(row: RoundRow, house: House) -> list[PersonId]:
    """Who may say what becomes of a condition."""
    left = (condition for condition in row.conditions if not house.closes_in_vain(row, condition))
    return sorted({seat for condition in left for seat in house.heirs(row, condition)})


def _advances(
    title: str, open_ones: list[AdvanceRow], person: PersonId, roles: Iterable[Role], today: date
) -> list[InboxAdvance]:
    """What the person holds, and what is overdue where they look after that."""
    looks_after = not LOOKS_AFTER_ADVANCES.isdisjoint(roles)
    return [
        InboxAdvance(
            production=row.stream_id,
            title=title,
            advance=row.advance,
            person=row.person,
            vendor=row.vendor,
            currency=row.currency,
            open=row.open,
            due_on=row.due_on,
            overdue=row.is_overdue(today),
        )
        for row in open_ones
        if row.person == person or (looks_after and row.is_overdue(today))
    ]


def _query(row: QueryRow, title: str) -> InboxQuery:
    return InboxQuery(
        production=row.stream_id,
        title=title,
        query=f"Q-{row.number}",
        spend=row.spend,
        question=row.question,
        since=row.at,
        from_person=row.actor,
        from_on_behalf_of=row.on_behalf_of,
    )


def _alerts(title: str, open_ones: list[FlagRow]) -> list[InboxAlert]:
    """The highest of each account, each level, and the whole."""
    highest: dict[tuple[str | None, str | None], FlagRow] = {}
    for row in sorted(open_ones, key=lambda row: int(row.figures["percent"] or 0)):
        highest[row.figures["scope"], row.figures["of"]] = row
    return [
        InboxAlert(
            production=row.stream_id,
            title=title,
            flag=f"FLAG-{row.number}",
            scope=AlertScope(str(scope)),
            of=of,
            percent=int(row.figures["percent"] or 0),
            reason=row.sentence,
            since=row.at,
        )
        for (scope, of), row in highest.items()
    ]


def _item(
    row: RoundRow,
    title: str,
    waits_for: str,
    on_behalf_of: PersonId | None,
    from_person: PersonId,
    from_on_behalf_of: PersonId | None,
    words: str | None,
    since: datetime,
) -> InboxItem:
    return InboxItem(
        production=row.stream_id,
        title=title,
        waits_for=waits_for,
        on_behalf_of=on_behalf_of,
        round=f"A-{row.number}",
        kind=row.kind,
        subject=row.subject,
        content_hash=row.content_hash,
        amount=amount_of(row),
        since=since,
        from_person=from_person,
        from_on_behalf_of=from_on_behalf_of,
        words=words,
    )
