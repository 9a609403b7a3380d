"""The views over HTTP: what each projection answers, now or as of then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Query, Response
from pydantic import TypeAdapter
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    all_,
    and_,
    any_,
    case,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import distinct_on

from events.commitment import CommitmentKind, CommitmentState
from events.ids import AccountCode, BudgetId, FundingId, PersonId, Slug, SpendId, StreamId, Text, VendorId, shape
from events.money import Amount, ExchangeRate, rounded
from events.spend import SpendAlert, SpendKind
from projections import (
    approval_status,
    approval_view,
    audit_trail,
    commitment_register,
    current_budget,
    flags,
    funding,
    inbox,
    sentences,
    spend_register,
)
from projections.approval_status import RoundRow
from projections.approval_view import ApprovalStatus, NotForAll
from projections.audit_trail import AuditTrail, TrailEntry, TrailRow
from projections.commitment_register import CommitmentRegister, CommitmentView, Wanted
from projections.current_budget import CurrentBudget
from projections.flags import Flag, FlagRow, Flags
from projections.funding import Funding
from projections.house import EVERYBODY, Barred
from projections.inbox import Inbox
from projections.projection import Kind, Rows
from projections.spend_register import QueryRow, RegisterLine, SpendRegister
from projections.stored import load
from service.deciders.command import AnyDay
from service.deciders.company import CompanyIsMissing
from service.deciders.confidential import Sight
from service.deciders.situation import barred_from
from service.directory import people, vendors
from service.problems import Problem
from service.spreadsheets import CSV

from .access import At, Doors, Readable, Reading, Sender, operation_id
from .advances import unsettled
from .listing import JSON, JSON_LINES, Listing, Page, Terms, answered, listed, preferred
from .views import PRODUCTION, AsOf, AtLeast, caught_up, company_of, rows_of, snapshot, stamp

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)

From = Annotated[AnyDay | None, Query(description="From this day on, in the production's time zone.")]
To = Annotated[AnyDay | None, Query(description="Up to the end of this day, in the production's time zone.")]
Least = Annotated[Amount | None, Query(description="Figures of at least this.")]
Most = Annotated[Amount | None, Query(description="Figures of at most this.")]
OfAccount = Annotated[AccountCode | None, Query(description="The account it is about.")]
OfSpend = Annotated[SpendId | None, Query(description="The entry it is about.")]
Search = Annotated[Text | None, Query(description="A piece of text, any case.")]

_RATE = TypeAdapter(ExchangeRate)

#: The name of a class of events.
Name = Annotated[str, shape(r"^[A-Za-z]{1,64}$", "send the name of a kind of event, such as SpendLogged")]


@router.get(PRODUCTION + "/current-budget", name="current_budget")
async def get_current_budget(
    production: Readable,
    at: At,
    response: Response,
    budget: Annotated[BudgetId | None, Query(description="A version; the one in force without it.")] = None,
    as_of: AsOf = None,
    at_least: AtLeast = None,
) -> CurrentBudget:
    """What is the budget, and how much of it is spent?"""
    rows, shown = await rows_of(at, current_budget.PROJECTION, production.stream_id, as_of, at_least)
    view = current_budget.view(rows, production.stream_id, shown.version, shown.position, production.currency, budget)
    if view is None:
        raise Problem(404, "BudgetIsMissing", f"The production has no budget {budget}.", "Leave `budget` out.")
    stamp(response, shown, production.sight)
    if production.sight.withheld is not None:
        view = current_budget.without(view, production.sight.shows, production.sight.withheld)
    return view


@router.get(PRODUCTION + "/approval-status", name="approval_status")
async def get_approval_status(
    production: Readable, sender: Sender, at: At, response: Response, as_of: AsOf = None, at_least: AtLeast = None
) -> ApprovalStatus:
    """Which rounds are there, what does each wait for, and who decided what?"""
    members = sender.of_company if as_of is None else EVERYBODY
    stream = production.stream_id
    rows, shown = await rows_of(at, approval_status.PROJECTION, stream, as_of, at_least, company_of(stream))
    sight, but = production.sight, None
    if sight.withheld is not None:
        but = NotForAll(production.readers, sight.shows, sight.withheld, asks=as_of is None)
    stamp(response, shown, sight)
    # Who is barred by what was spent is known of the newest version alone; of an older one the rows say what they know.
    is_newest = as_of is None or shown.version == (await at.handling.production(stream)).head.version
    barred = await _barred(at, rows, [stream]) if is_newest else {}
    return approval_view.view(rows, stream, shown.version, shown.position, shown.at, members, barred, but)


async def _barred(at: Doors, rows: Rows, streams: Sequence[StreamId]) -> Barred:
    """Who may not answer the open rounds, by all the facts of their productions."""
    barred: dict[tuple[StreamId, int], frozenset[PersonId]] = {}
    for stream in streams:
        waiting = [row.number for row in rows.of(RoundRow, stream) if row.state == "open"]
        state = (await at.handling.production(stream)).state if waiting else None
        if state is not None:
            found = {(stream, each): barred_from(state, f"A-{each}") for each in waiting}
            barred |= {which: persons for which, persons in found.items() if persons is not None}
    return barred


@router.get(PRODUCTION + "/funding", name="funding")
async def get_funding(
    production: Readable, at: At, response: Response, as_of: AsOf = None, at_least: AtLeast = None
) -> Funding:
    """Where does the money come from, how firm is it, and does it cover the budget?"""
    rows, shown = await rows_of(at, funding.PROJECTION, production.stream_id, as_of, at_least)
    stamp(response, shown)
    return funding.view(rows, production.stream_id, shown.version, shown.position)


@router.get(PRODUCTION + "/commitment-register", name="commitment_register", response_model=CommitmentRegister)
async def get_commitment_register(
    production: Readable,
    at: At,
    response: Response,
    state: Annotated[CommitmentState | None, Query(description="Of the commitment.")] = None,
    kind: Annotated[CommitmentKind | None, Query(description="Of commitment.")] = None,
    vendor: Annotated[VendorId | None, Query(description="With whom.")] = None,
    account: OfAccount = None,
    as_of: AsOf = None,
    at_least: AtLeast = None,
    accept: Annotated[str, Header(description="`application/json`, `text/csv` or `application/jsonl`.")] = JSON,
) -> CommitmentRegister | Response:
    """What is promised or asked to be, with whom, and what is still to come of it?"""
    rows, shown = await rows_of(at, commitment_register.PROJECTION, production.stream_id, as_of, at_least)
    named = await at.directory.vendors_of(company_of(production.stream_id))
    view = commitment_register.view(
        rows,
        production.stream_id,
        shown.version,
        shown.position,
        production.currency,
        Wanted(state, kind, vendor, account),
        {vendor: name for vendor, name in named if name is not None},
        production.sight.shows,
        production.sight.withheld,
    )
    page = Page([], None, shown, preferred(accept, JSON, CSV, JSON_LINES))
    return answered(response, page, view, view.commitments, CommitmentView, "commitment-register", production.sight)


@router.get("/v1/inbox", name="inbox")
async def get_inbox(
    sender: Sender,
    at: At,
    response: Response,
    company: Annotated[
        Slug | None, Query(description="Needed by whoever signs in alike for several.", examples=["acme"])
    ] = None,
    at_least: AtLeast = None,
) -> Inbox:
    """What waits for me, on all my productions?"""
    if company not in (None, sender.company):
        raise CompanyIsMissing()
    projection = approval_status.PROJECTION
    await caught_up(at, projection, sender.company, at_least)
    mine, others = approval_status.APPOINTMENTS, approval_status.SUBSTITUTES
    async with snapshot(at, projection) as (connection, position):
        acts_for = select(others.c.person).where(
            others.c.stream_id == sender.company, others.c.substitute == sender.person
        )
        where = and_(
            or_(mine.c.person == sender.person, mine.c.person.in_(acts_for)),
            mine.c.stream_id.startswith(f"{sender.company}/", autoescape=True),
        )
        streams = list((await connection.execute(select(mine.c.stream_id).where(where).distinct())).scalars())
        driver = (await connection.get_raw_connection()).driver_connection
        rows = await load(driver, projection.kinds, [sender.company, *streams])
    alerts, queries = await _open_alerts(at, streams), await _open_queries(at, streams)
    out = await unsettled(at, streams)
    response.headers["Position"] = str(position)
    barred = await _barred(at, rows, streams)
    told = (rows, alerts, queries, out, sorted(streams))
    return inbox.inbox(*told, sender.person, position, at.clock(), sender.of_company, barred)


async def _open_alerts(at: Doors, streams: Sequence[StreamId]) -> list[FlagRow]:
    raised, cleared = flags.FLAGS.table, flags.CLEARINGS.table
    joined = and_(cleared.c.stream_id == raised.c.stream_id, cleared.c.number == raised.c.number)
    where = and_(raised.c.stream_id.in_(streams), raised.c.kind == SpendAlert.__name__, cleared.c.version.is_(None))
    async with snapshot(at, flags.PROJECTION) as (connection, _):
        rows = (await connection.execute(select(raised).outerjoin(cleared, joined).where(where))).mappings()
        return [flags.FLAGS.read(dict(row)) for row in rows]


async def _open_queries(at: Doors, streams: Sequence[StreamId]) -> list[QueryRow]:
    queries, ends = spend_register.QUERIES.table, spend_register.QUERY_ENDS.table
    joined = and_(ends.c.stream_id == queries.c.stream_id, ends.c.number == queries.c.number)
    where = and_(queries.c.stream_id.in_(streams), ends.c.version.is_(None))
    async with snapshot(at, spend_register.PROJECTION) as (connection, _):
        rows = (await connection.execute(select(queries).outerjoin(ends, joined).where(where))).mappings()
        return [spend_register.QUERIES.read(dict(row)) for row in rows]


@router.get(PRODUCTION + "/audit-trail", name="audit_trail", response_model=AuditTrail)
async def get_audit_trail(
    production: Readable,
    at: At,
    response: Response,
    terms: Listing,
    actor: Annotated[PersonId | None, Query(description="Who did it, or for whom it was done.")] = None,
    kind: Annotated[Name | None, Query(description="Of event, such as `SpendLogged`.")] = None,
    account: OfAccount = None,
    amount_min: Least = None,
    amount_max: Most = None,
    from_on: From = None,
    to_on: To = None,
    text: Search = None,
    correlation_id: Annotated[UUID | None, Query(description="As its caller sent it.")] = None,
) -> AuditTrail | Response:
    """What happened, in order: who did what, when, why, and what changed?"""
    table, company = audit_trail.TRAIL.table, company_of(production.stream_id)
    where = [
        table.c.stream_id == production.stream_id,
        *_equal(
            (table.c.kind, kind),
            (table.c.correlation_id, correlation_id),
        ),
        *_between(func.abs(table.c.amount), amount_min, amount_max),
        *_on_days(table.c.at, production.time_zone, from_on, to_on),
    ]
    if actor is not None:
        where.append(or_(table.c.actor == actor, table.c.on_behalf_of == actor))
    if account is not None:
        where.append(or_(table.c.account == account, table.c.other_account == account))
    if text is not None:
        where.append(or_(_has(text, table.c.sentence, table.c.reason), _names(company, table.c.sentence, text)))
    if (account, amount_min, amount_max, text) != (None, None, None, None):
        where.append(_told(table, production.sight))  # or a filter would say what is not shown
    return await _trail(at, production, response, terms, where, "audit-trail")


@router.get(PRODUCTION + "/exceptions", name="exceptions", response_model=AuditTrail)
async def get_exceptions(
    production: Readable, at: At, response: Response, terms: Listing, from_on: From = None, to_on: To = None
) -> AuditTrail | Response:
    """Where was a control passed over, waived or lifted: by whom, when, and why?

    Steps overridden or skipped, conditions and differences waived, budgets unlocked, conditional green lights, a closed
    production reopened, an executive producer appointed by an administrator.
    """
    table = audit_trail.TRAIL.table
    where = [
        table.c.stream_id == production.stream_id,
        table.c.is_exception,
        *_on_days(table.c.at, production.time_zone, from_on, to_on),
    ]
    return await _trail(at, production, response, terms, where, "exceptions")


async def _trail(
    at: Doors, production: Reading, response: Response, terms: Terms, where: Sequence[ColumnElement[bool]], name: str
) -> AuditTrail | Response:
    """The facts that are asked for, as they are told."""
    table, company = audit_trail.TRAIL.table, company_of(production.stream_id)

    def up_to(version: int) -> Select[Any]:
        return select(table, table.c.version.label("place")).where(*where, table.c.version <= version)

    page = await listed(at, audit_trail.PROJECTION, production.stream_id, terms, up_to)
    sight = production.sight
    found: list[TrailRow] = [audit_trail.TRAIL.read(row) for row in page.rows]
    told = [(row, None if sight.shows(row.of_accounts) else sight.withheld) for row in found]
    marked = {mark for row, withheld in told if withheld is None for mark in _marks(row)}
    name_of = await at.directory.names(
        company,
        {who for row in found for who in (row.actor, row.on_behalf_of) if who}
        | {who for what, who in marked if what == "person"},
        {who for what, who in marked if what == "vendor"},
    )
    entries = [audit_trail.entry(row, name_of, withheld) for row, withheld in told]
    view = AuditTrail(
        production=production.stream_id,
        version=page.shown.version,
        position=page.shown.position,
        entries=entries,
        next=page.next,
        withheld=sight.withheld,
    )
    return answered(response, page, view, entries, TrailEntry, name, sight)


@router.get(PRODUCTION + "/spend-register", name="spend_register", response_model=SpendRegister)
async def get_spend_register(
    production: Readable,
    at: At,
    response: Response,
    terms: Listing,
    account: OfAccount = None,
    spend: OfSpend = None,
    vendor: Annotated[VendorId | None, Query(description="Who was paid.")] = None,
    kind: Annotated[SpendKind | None, Query(description="Of spend.")] = None,
    state: Annotated[Literal["logged", "recoded", "reversed"] | None, Query(description="Of the entry.")] = None,
    payment: Annotated[
        Literal["released", "waiting", "refused", "by_advance", "not_asked", "paid", "reconciled"] | None,
        Query(description="Whether it may be paid, or was."),
    ] = None,
    queried: Annotated[bool | None, Query(description="Whether a query on it is open.")] = None,
    amount_min: Least = None,
    amount_max: Most = None,
    posted_from: Annotated[AnyDay | None, Query(description="Posted on this day or later.")] = None,
    posted_to: Annotated[AnyDay | None, Query(description="Posted on this day or earlier.")] = None,
    text: Search = None,
) -> SpendRegister | Response:
    """What was spent, entry by entry, and what became of each?"""
    lines, entries = spend_register.LINES.table, spend_register.ENTRIES.table
    company = company_of(production.stream_id)
    where = [
        lines.c.stream_id == production.stream_id,
        *_equal((lines.c.account, account), (lines.c.spend, spend)),
        *_equal((entries.c.vendor, vendor), (entries.c.kind, kind)),
        *_between(func.abs(lines.c.amount), amount_min, amount_max),
        *_between(lines.c.posted_on, posted_from, posted_to),
        _of_shown_entries(lines.c.spend, production),
    ]
    if text is not None:
        where.append(_has(text, entries.c.document, entries.c.memo, entries.c.vendor, vendors.c.name, lines.c.reason))

    def up_to(version: int) -> Select[Any]:
        place = (lines.c.version * 2 + lines.c.part).label("place")
        of_entry, became = _state(lines, version), _became(lines, production.stream_id, version)
        register = (
            select(
                lines,
                *(column for column in entries.c if column.name not in ("stream_id", "spend", "currency")),
                entries.c.currency.label("spent_currency"),
                func.coalesce(vendors.c.name, entries.c.vendor).label("vendor_name"),
                of_entry.label("state"),
                became.payment.label("payment"),
                *became.columns,
                func.sum(lines.c.amount).over(order_by=place).label("running_total"),
                func.sum(lines.c.amount).over().label("total"),
                place,
            )
            .join(entries, and_(entries.c.stream_id == lines.c.stream_id, entries.c.spend == lines.c.spend))
            .outerjoin(vendors, and_(vendors.c.company == company, vendors.c.vendor == entries.c.vendor))
        )
        for said in became.said:
            register = register.outerjoin(said, said.c.spend == lines.c.spend)
        asked_for = _equal((of_entry, state), (became.payment, payment), (became.is_queried, queried))
        return register.where(*where, *asked_for, lines.c.version <= version)

    page = await listed(at, spend_register.PROJECTION, production.stream_id, terms, up_to)
    shown = [_register_line(row) for row in page.rows]
    view = SpendRegister(
        production=production.stream_id,
        version=page.shown.version,
        position=page.shown.position,
        currency=production.currency,
        total=page.rows[0]["total"] if page.rows else rounded(Decimal(0), production.currency),
        lines=shown,
        next=page.next,
        withheld=production.sight.withheld,
    )
    return answered(response, page, view, shown, RegisterLine, "spend-register", production.sight)


@router.get(PRODUCTION + "/flags", name="flags", response_model=Flags)
async def get_flags(
    production: Readable,
    at: At,
    response: Response,
    terms: Listing,
    kind: Annotated[Name | None, Query(description="Such as `AccountOverspent`.")] = None,
    state: Annotated[Literal["open", "cleared"] | None, Query(description="Whether it stands.")] = None,
    account: OfAccount = None,
    spend: OfSpend = None,
    funding: Annotated[FundingId | None, Query(description="The source it is about.")] = None,
    budget: Annotated[BudgetId | None, Query(description="The version it is about.")] = None,
) -> Flags | Response:
    """What calls for attention, why, with which figures, and which fact cleared it?"""
    raised, cleared = flags.FLAGS.table, flags.CLEARINGS.table

    def up_to(version: int) -> Select[Any]:
        ended = cleared.c.version.is_not(None)
        by_state = {None: [], "open": [not_(ended)], "cleared": [ended]}[state]
        joined = and_(
            cleared.c.stream_id == raised.c.stream_id,
            cleared.c.number == raised.c.number,
            cleared.c.version <= version,
        )
        return (
            select(
                raised,
                *(column.label(f"cleared_{column.name}") for column in cleared.c),
                raised.c.number.label("place"),
                or_(raised.c.spend.is_(None), _of_shown_entries(raised.c.spend, production)).label("of_shown_entries"),
            )
            .outerjoin(cleared, joined)
            .where(
                raised.c.stream_id == production.stream_id,
                raised.c.version <= version,
                *_equal((raised.c.kind, kind), (raised.c.account, account), (raised.c.spend, spend)),
                *_equal((raised.c.funding, funding), (raised.c.budget, budget)),
                *by_state,
            )
        )

    page = await listed(at, flags.PROJECTION, production.stream_id, terms, up_to)
    found = [_flag(row, production.sight) for row in page.rows]
    view = Flags(
        production=production.stream_id,
        version=page.shown.version,
        position=page.shown.position,
        flags=found,
        next=page.next,
        withheld=production.sight.withheld,
    )
    return answered(response, page, view, found, Flag, "flags", production.sight)


def _equal(*pairs: tuple[ColumnElement[Any], Any]) -> list[ColumnElement[bool]]:
    return [column == value for column, value in pairs if value is not None]


def _between(column: ColumnElement[Any], least: Any, most: Any) -> list[ColumnElement[bool]]:
    return [
        *([] if least is None else [column >= least]),
        *([] if most is None else [column <= most]),
    ]


def _on_days(instant: ColumnElement[Any], time_zone: str, first: date | None, last: date | None) -> list[Any]:
    """Between two days of a time zone, as instants, so that an index can be asked."""

    def begins(day: date) -> datetime:
        return datetime.combine(day, time.min, ZoneInfo(time_zone))

    # Beyond these days a zone's instants leave the calendar.
    return [
        *([] if first is None else [instant >= begins(max(first, date(1, 1, 2)))]),
        *([] if last is None else [instant < begins(min(last, date(9999, 12, 29)) + timedelta(days=1))]),
    ]


def _has(text: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _names(company: Slug, sentence: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether the sentence has the mark of someone whose name has the text: names are not in sentences."""

    def marks(kind: str, table: Table, who: ColumnElement[str]) -> ColumnElement[Any]:
        found = select(func.concat(f"%‹{kind}:", who, "›%")).where(table.c.company == company, _has(text, table.c.name))
        return func.array(found.scalar_subquery())  # looked up once, not for every sentence

    return or_(
        sentence.like(any_(marks("person", people, people.c.person))),
        sentence.like(any_(marks("vendor", vendors, vendors.c.vendor))),
    )


def _beyond(sight: Sight, code: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether somebody may not read the account's figures."""
    return code != all_(literal(sorted(sight.open or ()), ARRAY(SqlText)))


def _told(trail: Table, sight: Sight) -> ColumnElement[bool]:
    """Whether what a row of the trail tells is shown to somebody."""
    if sight.open is None:
        return true()
    code = func.json_array_elements_text(trail.c.of_accounts).column_valued("code")
    closed = select(code).where(_beyond(sight, code)).correlate(trail).exists()
    return and_(trail.c.of_accounts.is_not(None), not_(closed))


def _of_shown_entries(spend: ColumnElement[str], production: Reading) -> ColumnElement[bool]:
    """Whether an entry of spend is shown: it is no pay, and never stood on an account that is not open.

    An exchange difference is shown where the entry that it is of is shown as well. Lines of all versions count: the
    rights are today's, whatever moment is looked at.
    """
    if production.sight.open is None:
        return true()
    paid = spend_register.PAID.table.alias("paid")
    of_closed = exists().where(
        paid.c.stream_id == production.stream_id,
        paid.c.spend == spend,
        paid.c.difference_of.is_not(None),
        not_(_is_open(paid.c.difference_of, production)),
    )
    return and_(_is_open(spend, production), not_(of_closed))


def _is_open(spend: ColumnElement[Any], production: Reading) -> ColumnElement[bool]:
    entry, line = spend_register.ENTRIES.table.alias("entry"), spend_register.LINES.table.alias("line")
    stood = exists().where(
        line.c.stream_id == production.stream_id, line.c.spend == spend, _beyond(production.sight, line.c.account)
    )
    no_pay = exists().where(
        entry.c.stream_id == production.stream_id, entry.c.spend == spend, entry.c.kind != SpendKind.PAYROLL.value
    )
    return and_(no_pay, not_(stood))


def _marks(row: TrailRow) -> set[tuple[str, str]]:
    changes = [*(row.before or {}).values(), *(row.after or {}).values()]
    return {mark for sentence in (row.sentence, *changes) for mark in sentences.marks(sentence)}


def _state(lines: Table, version: int) -> ColumnElement[str]:
    """What had become of a line's entry at a version."""
    later = lines.alias("later")

    def has(kind: str) -> ColumnElement[bool]:
        same = and_(later.c.stream_id == lines.c.stream_id, later.c.spend == lines.c.spend)
        return exists().where(same, later.c.line == kind, later.c.version <= version).correlate(lines)

    return case((has("reversal"), "reversed"), (has("recoded_in"), "recoded"), else_="logged")


def _payment(lines: Table, version: int) -> tuple[ColumnElement[str], ColumnElement[str | None]]:
    """Whether a line's entry might be paid at a version; and the round in which it was asked about last."""
    payments, turned_down = spend_register.PAYMENTS.table, spend_register.TURNED_DOWN.table
    of_entry = and_(payments.c.stream_id == lines.c.stream_id, payments.c.spend == lines.c.spend)

    def last(column: ColumnElement[Any]) -> ScalarSelect[Any]:
        said = select(column).where(of_entry, payments.c.version <= version, column.is_not(None))
        return said.order_by(payments.c.version.desc()).limit(1).correlate(lines).scalar_subquery()

    said, asked_in = last(payments.c.payment), last(payments.c.round)
    ended = exists().where(
        turned_down.c.stream_id == lines.c.stream_id,
        turned_down.c.round == asked_in,
        turned_down.c.version <= version,
    )
    refused = and_(said == "waiting", ended.correlate(lines))
    payment = case((refused, "refused"), (said == "by_rule", "released"), else_=func.coalesce(said, "not_asked"))
    return payment, case((said.not_in(("by_rule", "by_advance")), asked_in))


@dataclass(frozen=True, slots=True)
class Became:
    """What had become of a line's entry."""

    payment: ColumnElement[str]
    is_queried: ColumnElement[bool]
    columns: Sequence[ColumnElement[Any]]
    #: From where, by entry.
    said: Sequence[Subquery]


def _became(lines: Table, stream: StreamId, version: int) -> Became:
    """What had become of a line's entry at a version: whether it might be paid, or was, and what is asked about it."""
    of_payment, asked_in = _payment(lines, version)
    paid, found = _last(spend_register.PAID, stream, version), _last(spend_register.FOUND, stream, version)
    asked = _queried(stream, version)
    columns = [asked_in.label("payment_round"), asked.c.query]
    columns += [paid.c[name] for name in ("difference_of", "paid_on", "method", "reference", "paid")]
    columns += [found.c[name] for name in ("statement", "statement_line", "found_on")]
    payment = case((paid.c.paid_on.is_(None), of_payment), (found.c.statement.is_(None), "paid"), else_="reconciled")
    return Became(payment, asked.c.query.is_not(None), columns, (paid, found, asked))


def _last(of: Kind, stream: StreamId, version: int) -> Subquery:
    """What was said last of each entry, up to a version."""
    table = of.table
    said = select(table).where(table.c.stream_id == stream, table.c.version <= version)
    said = said.ext(distinct_on(table.c.spend))
    return said.order_by(table.c.spend, table.c.version.desc()).subquery()


def _queried(stream: StreamId, version: int) -> Subquery:
    """The queries that were open at a version; at most one on an entry."""
    queries, ends = spend_register.QUERIES.table, spend_register.QUERY_ENDS.table
    ended = exists().where(ends.c.stream_id == stream, ends.c.number == queries.c.number, ends.c.version <= version)
    number = func.concat("Q-", queries.c.number).label("query")
    asked = select(queries.c.spend, number).where(queries.c.stream_id == stream, queries.c.version <= version)
    return asked.where(not_(ended)).subquery()


def _register_line(row: Any) -> RegisterLine:
    rate = row["rate"]
    values = {name: row[name] for name in RegisterLine.model_fields if name not in ("currency", "rate")}
    return RegisterLine(
        **values,
        currency=row["spent_currency"],
        rate=None if rate is None else _RATE.validate_json(rate),
    )


def _flag(row: Any, sight: Sight) -> Flag:
    raised = flags.FLAGS.read(row)
    shown = row["of_shown_entries"] and sight.shows(flags.figures_of(raised))
    withheld = None if shown else sight.withheld
    if row["cleared_version"] is None:
        return flags.flag(raised, None, withheld)
    cleared = {name: row[f"cleared_{name}"] for name in flags.CLEARINGS.columns}
    return flags.flag(raised, flags.CLEARINGS.read(cleared), withheld)
