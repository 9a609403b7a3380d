"""Views say more: what overages a source carries; for whom somebody acted; whether spend may be
paid; and whether there is a green light.

What they newly say is true only once they are folded from the log anew: until then they are being built. The views for
dashboards get columns at their end, so that what stands on them stays.
"""

from typing import NamedTuple

from sqlalchemy import text

from alembic import op

revision = "0021"
down_revision = "0020"

TABLES = """
TRUNCATE
    funding_sources, funding_receipts, funding_to_cover,
    spend_register_entries, spend_register_lines,
    flags, flags_cleared,
    current_budget_versions, current_budget_lines, current_budget_changes, current_budget_spent, current_budget_flags;

ALTER TABLE funding_sources ADD COLUMN carries NUMERIC NOT NULL;

ALTER TABLE funding_to_cover ADD COLUMN total_budget NUMERIC;

ALTER TABLE spend_register_lines ADD COLUMN on_behalf_of TEXT COLLATE "C";

CREATE TABLE spend_register_payments (
    stream_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    payment TEXT COLLATE "C" NOT NULL,
    round TEXT COLLATE "C",
    PRIMARY KEY (stream_id, version)
);

CREATE INDEX spend_register_payments_spend ON spend_register_payments (stream_id, spend);

CREATE TABLE spend_register_turned_down (
    stream_id TEXT COLLATE "C" NOT NULL,
    round TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (stream_id, round)
);

ALTER TABLE flags ADD COLUMN on_behalf_of TEXT COLLATE "C";

ALTER TABLE flags_cleared ADD COLUMN on_behalf_of TEXT COLLATE "C";

ALTER TABLE current_budget_versions
    ADD COLUMN set_on_behalf_of TEXT COLLATE "C",
    ADD COLUMN submitted_on_behalf_of TEXT COLLATE "C",
    ADD COLUMN approved_on_behalf_of TEXT COLLATE "C";

CREATE TABLE current_budget_green_lights (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    results JSON NOT NULL,
    conditions JSON NOT NULL,
    given_by TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    given_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (stream_id, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    spend_register_payments, spend_register_turned_down, current_budget_green_lights
TO greenlight_service, greenlight_projector;

GRANT SELECT ON spend_register_payments, spend_register_turned_down, current_budget_green_lights TO greenlight_auditor;

-- Being built, until the service has folded them from the log.
UPDATE checkpoints SET version = 0, position = 0, error = NULL
WHERE projection IN ('funding', 'spend_register', 'flags', 'current_budget');

DELETE FROM marks WHERE projection IN ('funding', 'current_budget');
"""


class More(NamedTuple):
    """A view for dashboards: its new columns, each with its type and what it means, and what it asks now."""

    name: str
    columns: tuple[tuple[str, str, str], ...]
    query: str


def mine(stream: str = "stream_id") -> str:
    """The reader's company's productions alone, by the primary keys: a slash comes right before a nought."""
    return f"{stream} >= (SELECT reading_company() || '/') AND {stream} < (SELECT reading_company() || '0')"


#: Codes that some version has, and none above the line; to whoever reads everything, every code is shown.
OPEN = f"""
    open AS MATERIALIZED (
        SELECT stream_id, code FROM current_budget_lines
        WHERE {mine()} GROUP BY 1, 2 HAVING every(level IS DISTINCT FROM 'above_the_line')
    ), everything AS MATERIALIZED (SELECT reading_everything() AS granted)
"""

VIEWS = (
    More(
        "productions",
        (
            ("total_budget", "numeric", "The grand total, and the overages approved beside it."),
            ("green_light", "text", "On the version in force: none, conditional or full."),
        ),
        f"""
        SELECT split_part(d.stream_id, '/', 2), d.title,
               coalesce((SELECT t.after->>'stage' FROM audit_trail t
                         WHERE t.stream_id = d.stream_id AND t.kind = 'StageEntered'
                         ORDER BY t.version DESC LIMIT 1), 'development'),
               d.time_zone, c.currency, c.budget, c.in_force, c.total, c.total_budget,
               CASE WHEN g.conditions IS NULL THEN 'none'
                    WHEN json_array_length(g.conditions) > 0 THEN 'conditional' ELSE 'full' END
        FROM approval_status_drafting d
        LEFT JOIN funding_to_cover c USING (stream_id)
        LEFT JOIN current_budget_green_lights g ON g.stream_id = d.stream_id
             AND g.number = CASE WHEN c.in_force THEN substr(c.budget, 2)::bigint ELSE 0 END
        WHERE {mine("d.stream_id")}
        """,
    ),
    More(
        "funding_sources",
        (("carries", "numeric", "Of the overages approved beside the budget in force, in base currency."),),
        f"""
        SELECT split_part(stream_id, '/', 2), 'F-' || number, terms->>'kind', state,
               state IN ('committed', 'closed', 'partly_funded', 'funded'), terms->>'party',
               terms->'amount'->>'currency', (terms->'amount'->>'amount')::numeric, received,
               terms->'base_amount'->>'currency', (terms->'base_amount'->>'amount')::numeric, credited, bank_charges,
               terms->>'lent_against', carries
        FROM funding_sources WHERE {mine()}
        """,
    ),
    More(
        "spend_lines",
        (
            ("on_behalf_of", "text", "For whom the actor acted, if for another."),
            ("payment", "text", "Whether the entry may be paid: released, waiting, refused, not_asked."),
            ("payment_round", "text", "The round in which it was asked about last, such as A-5."),
        ),
        f"""
        WITH {OPEN}
        SELECT split_part(l.stream_id, '/', 2), l.version, l.part, l.spend, l.line, l.account, l.amount, l.currency,
               l.posted_on, e.spent_on, e.kind, e.vendor, coalesce(v.name, e.vendor), e.document, e.currency, e.net,
               e.tax, e.recoverable_tax, l.actor, l.at, l.reason, l.on_behalf_of,
               CASE WHEN said.payment = 'waiting' AND EXISTS (
                        SELECT FROM spend_register_turned_down t
                        WHERE t.stream_id = l.stream_id AND t.round = said.round) THEN 'refused'
                    WHEN said.payment = 'by_rule' THEN 'released'
                    ELSE coalesce(said.payment, 'not_asked') END,
               CASE WHEN said.payment <> 'by_rule' THEN (
                   SELECT p.round FROM spend_register_payments p
                   WHERE p.stream_id = l.stream_id AND p.spend = l.spend AND p.round IS NOT NULL
                   ORDER BY p.version DESC LIMIT 1) END
        FROM everything, spend_register_lines l
        JOIN spend_register_entries e ON e.stream_id = l.stream_id AND e.spend = l.spend
        LEFT JOIN vendors v ON v.company = split_part(l.stream_id, '/', 1) AND v.vendor = e.vendor
        LEFT JOIN LATERAL (
            SELECT p.payment, p.round FROM spend_register_payments p
            WHERE p.stream_id = l.stream_id AND p.spend = l.spend ORDER BY p.version DESC LIMIT 1) said ON true
        WHERE {mine("l.stream_id")} AND (granted OR e.kind <> 'payroll' AND NOT EXISTS (
            SELECT FROM spend_register_lines stood
            WHERE stood.stream_id = l.stream_id AND stood.spend = l.spend AND NOT EXISTS (
                SELECT FROM open o WHERE o.stream_id = stood.stream_id AND o.code = stood.account)))
        """,
    ),
    More(
        "approval_rounds",
        (("on_behalf_of", "text", "For whom it was asked for, if for another."),),
        f"""
        WITH {OPEN}
        SELECT split_part(stream_id, '/', 2), 'A-' || number, kind, subject, content_hash,
               CASE WHEN told THEN amount END, currency, rule, state, step + 1, submitted_by, submitted_at, ended_at,
               CASE WHEN told THEN decisions ELSE (
                   SELECT coalesce(json_agg((d.made::jsonb || '{{"words": null}}')::json ORDER BY d.place), '[]')
                   FROM json_array_elements(decisions) WITH ORDINALITY AS d (made, place)) END,
               on_behalf_of
        FROM approval_status_rounds r, everything, LATERAL (
            SELECT granted OR kind <> 'payment' AND NOT EXISTS (
                SELECT FROM json_array_elements_text(accounts) AS a (code)
                WHERE NOT EXISTS (SELECT FROM open o WHERE o.stream_id = r.stream_id AND o.code = a.code)) AS told
        ) AS judged
        WHERE {mine()}
        """,
    ),
)


def widened(view: More, before: str) -> list[str]:
    """What puts a wider function behind the view, which keeps its name, its rights and whatever stands on it.

    Args:
        before: what the function returned so far, as PostgreSQL says it.
    """
    name = view.name
    columns = ", ".join(f"{column} {type_}" for column, type_, _ in view.columns)
    return [
        f"ALTER FUNCTION bi_{name}() RENAME TO bi_{name}_before",
        f"CREATE FUNCTION bi_{name}() RETURNS {before.removesuffix(')')}, {columns}) LANGUAGE sql VOLATILE"
        f" SECURITY DEFINER SET search_path = public, pg_temp AS $${view.query}$$",
        f"REVOKE ALL ON FUNCTION bi_{name} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION bi_{name} TO greenlight_reader",
        f"CREATE OR REPLACE VIEW bi.{name} AS SELECT * FROM bi_{name}()",
        f"DROP FUNCTION bi_{name}_before()",
        *(f"COMMENT ON COLUMN bi.{name}.{column} IS '{comment}'" for column, _, comment in view.columns),
    ]


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
    for view in VIEWS:
        asked = text("SELECT pg_get_function_result(to_regproc(:name))")
        before = op.get_bind().execute(asked, {"name": f"bi_{view.name}"}).scalar_one()
        for statement in widened(view, before):
            op.execute(statement)
