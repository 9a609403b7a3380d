"""The slate over HTTP: all productions of a company whose cost the sender may read, a line each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Response

from events.commitment import LIVE
from events.ids import PersonId, Slug, StreamId
from events.money import rounded
from events.team import Role
from projections import approval_status, audit_trail, commitment_register, cost_report, current_budget, funding, slate
from projections.projection import Projection, Rows
from projections.slate import Slate, SlateLine
from projections.stored import load
from service.deciders.company import CompanyIsMissing
from service.deciders.confidential import READ_CONFIDENTIAL
from service.spreadsheets import CSV

from .access import At, CompanySlug, Person, Sender, operation_id
from .listing import JSON, JSON_LINES, preferred, whole
from .views import AtLeast, caught_up, one_moment

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)

SOURCES: tuple[Projection[Any], ...] = (
    approval_status.PROJECTION,
    audit_trail.PROJECTION,
    commitment_register.PROJECTION,
    cost_report.PROJECTION,
    current_budget.PROJECTION,
    funding.PROJECTION,
)


@router.get("/v1/{company}/slate", name="slate", response_model=Slate)
async def get_slate(
    company: CompanySlug,
    sender: Sender,
    at: At,
    response: Response,
    at_least: AtLeast = None,
    accept: Annotated[str, Header(description="`application/json`, `text/csv` or `application/jsonl`.")] = JSON,
) -> Slate | Response:
    """How do all productions of the company stand: budget, money, cost, and what each is going to come to?

    Those are shown whose cost the sender may read; of the others that the sender reads it is told how many there are.
    """
    if company != sender.company:
        raise CompanyIsMissing()
    # Rights are those of the log, not those of a view that may be late: all that is there now is waited for.
    newest = await at.database.pool.fetchval("SELECT coalesce(max(position), 0) FROM events")
    await caught_up(at, approval_status.PROJECTION, company, max(newest, at_least or 0))
    async with one_moment(at, SOURCES, company) as (connection, position):
        driver = (await connection.get_raw_connection()).driver_connection
        told, withheld = await _read_by(driver, sender, at.clock())
        lines = await _lines(driver, told, position)
    view = slate.view(company, position, lines, withheld)
    media_type = preferred(accept, JSON, CSV, JSON_LINES)
    if media_type != JSON:
        file = whole(view.productions, SlateLine, media_type, "slate")
        file.headers["Position"] = str(position)
        return file
    response.headers["Position"] = str(position)
    return view


async def _read_by(driver: Any, sender: Person, now: datetime) -> tuple[list[StreamId], int]:
    """The productions whose cost somebody may read today, and how many others they read."""
    productions = await driver.fetch(_PRODUCTIONS, f"{sender.company}/", f"{sender.company}0")
    roles: dict[StreamId, dict[PersonId, list[tuple[Role, str]]]] = {}
    for row in await driver.fetch(_APPOINTED, f"{sender.company}/", f"{sender.company}0"):
        of_production = roles.setdefault(row["stream_id"], {})
        of_production.setdefault(row["person"], []).append((Role(row["role"]), row["from_on"]))
    told, withheld = [], 0
    for stream, time_zone in productions:
        on = now.astimezone(ZoneInfo(time_zone)).date()
        reads, everything = _rights(sender, stream.split("/")[1], on, roles.get(stream, {}))
        if reads and everything:
            told.append(stream)
        withheld += reads and not everything
    return told, withheld


def _rights(
    sender: Person, production: Slug, on: date, appointed: Mapping[PersonId, Collection[tuple[Role, str]]]
) -> tuple[bool, bool]:
    """Whether somebody reads a production, and whether all its figures: as `reading` and `sight` say it of one."""
    company = sender.of_company
    grantors = company.delegations.grantors(sender.person, production, on)
    readers = {sender.person, *(each for each in grantors if company.may_stand_in(sender.person, each))}
    held = {
        role
        for each in readers
        for role, from_on in appointed.get(each, ())
        if date.fromisoformat(from_on) <= on and company.counts_as(each, role)
    }
    everything = not held.isdisjoint(READ_CONFIDENTIAL) or any(map(company.reads_confidential, readers))
    return bool(held) or company.is_administrator(sender.person), everything


async def _lines(driver: Any, streams: Sequence[StreamId], position: int) -> list[SlateLine]:
    at_last = await driver.fetch(_STATE, streams, position)
    figures = {row["stream_id"]: row for row in await driver.fetch(_COST, streams, sorted(LIVE))}
    sources = await load(driver, funding.KINDS[:1], streams)
    return [_line(state, figures.get(state["stream_id"]), sources) for state in at_last]


def _line(state: Any, figures: Any, sources: Rows) -> SlateLine:
    stream, currency = state["stream_id"], state["currency"]
    company, production = stream.split("/")
    where = f"/v1/{company}/{production}"
    of_funding = {f"funding_{each.basis}": each.cash for each in funding.covered(sources, stream)}
    of_cost = {name: Decimal(0) if figures is None else figures[name] for name in _FIGURES}
    amounts = {name: rounded(amount, currency) for name, amount in {**of_funding, **of_cost}.items()}
    return SlateLine(
        production=production,
        title=state["title"],
        kind=state["kind"],
        stage=state["stage"],
        currency=currency,
        version=state["version"],
        budget=None if state["number"] is None else f"v{state['number']}",
        locked=state["budget_state"] == "locked",
        open_rounds=state["open_rounds"],
        cost_report=f"{where}/cost-report?as_of={state['version']}",
        funding=f"{where}/funding?as_of={state['version']}",
        **amounts,
        variance=amounts["efc"] - amounts["total_budget"],
    )


#: Of the company, by the primary key: a nought comes right after a slash.
_PRODUCTIONS = (
    "SELECT stream_id, time_zone FROM approval_status_drafting WHERE stream_id >= $1 AND stream_id < $2 ORDER BY 1"
)
_APPOINTED = (
    "SELECT stream_id, person, role, from_on FROM approval_status_appointments WHERE stream_id >= $1 AND stream_id < $2"
)
#: What each is, and at which version it is shown.
_STATE = """
    SELECT d.stream_id, d.title, c.currency, opened.kind, latest.version, v.number, v.state AS budget_state,
           coalesce((SELECT t.after->>'stage' FROM audit_trail t
                     WHERE t.stream_id = d.stream_id AND t.kind = 'StageEntered'
                     ORDER BY t.version DESC LIMIT 1), 'development') AS stage,
           (SELECT count(*) FROM approval_status_rounds r
            WHERE r.stream_id = d.stream_id AND r.state = 'open') AS open_rounds
    FROM approval_status_drafting d
    JOIN funding_to_cover c USING (stream_id)
    LEFT JOIN current_budget_versions v ON v.stream_id = d.stream_id AND v.state IN ('approved', 'locked')
    JOIN LATERAL (SELECT e.payload->>'kind' AS kind FROM events e
                  WHERE e.stream_id = d.stream_id AND e.version = 1) opened ON true
    JOIN LATERAL (SELECT e.version FROM events e WHERE e.stream_id = d.stream_id AND e.position <= $2
                  ORDER BY e.version DESC LIMIT 1) latest ON true
    WHERE d.stream_id = ANY($1) ORDER BY d.stream_id
"""
#: As the cost report says of each in all: account by account, since EFC is what was entered, or the larger of two; what
#: is still to come of an order as `Promise.base_left` has it.
_COST = """
    WITH force AS (
        SELECT stream_id, number FROM current_budget_versions
        WHERE stream_id = ANY($1) AND state IN ('approved', 'locked')
    ), promised AS (
        SELECT c.stream_id, l.account, greatest(l.base - coalesce((c.relieved->>l.account)::numeric, 0), 0) AS amount
        FROM commitment_register_commitments c, LATERAL (
            SELECT e->>'account' AS account, sum((e->>'amount')::numeric) AS amount,
                   sum((e->>'base_amount')::numeric) AS base
            FROM json_array_elements(c.lines) AS e GROUP BY 1
        ) l
        WHERE c.stream_id = ANY($1) AND c.state = ANY($2)
          AND l.amount <> coalesce((c.amounts->>l.account)::numeric, 0)
    ), figures AS (
        SELECT l.stream_id, l.code, l.amount AS budget, 0 AS spent, 0 AS promised
        FROM force f JOIN current_budget_lines l USING (stream_id, number) WHERE l.section <> 'credit'
        UNION ALL
        SELECT c.stream_id, c.account, c.amount, 0, 0
        FROM force f JOIN current_budget_changes c USING (stream_id, number)
        UNION ALL
        SELECT stream_id, account, 0, spent, 0 FROM current_budget_spent WHERE stream_id = ANY($1)
        UNION ALL
        SELECT p.stream_id, p.account, 0, 0, p.amount
        FROM promised p
    ), accounts AS (
        SELECT stream_id, code, sum(budget) AS budget, sum(spent) AS spent, sum(promised) AS promised
        FROM figures GROUP BY 1, 2
    ), entered AS (
        SELECT DISTINCT ON (stream_id, account) stream_id, account AS code, estimate
        FROM cost_report_estimates WHERE stream_id = ANY($1) ORDER BY stream_id, account, version DESC
    )
    SELECT stream_id, coalesce(sum(budget), 0) AS total_budget, coalesce(sum(spent), 0) AS actual_to_date,
           coalesce(sum(promised), 0) AS commitments,
           coalesce(sum(coalesce(estimate, greatest(budget, spent + promised))), 0) AS efc
    FROM accounts FULL JOIN entered USING (stream_id, code) GROUP BY 1
"""
_FIGURES = ("total_budget", "actual_to_date", "commitments", "efc")
