"""Payments, what they were reconciled with, and queries have rows in the spend register, which is folded again.

The view for dashboards says that an entry was paid, and shows an exchange difference to whom it shows the entry.
"""

from sqlalchemy import text

from alembic import op

revision = "0032"
down_revision = "0031"

TABLES = """
CREATE TABLE spend_register_paid (
    stream_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    difference_of TEXT COLLATE "C",
    paid_on DATE,
    method TEXT COLLATE "C",
    reference TEXT COLLATE "C",
    paid NUMERIC,
    PRIMARY KEY (stream_id, version, spend)
);

CREATE INDEX spend_register_paid_spend ON spend_register_paid (stream_id, spend);

CREATE TABLE spend_register_found (
    stream_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    statement TEXT COLLATE "C",
    statement_line TEXT COLLATE "C",
    found_on DATE,
    PRIMARY KEY (stream_id, version, spend)
);

CREATE INDEX spend_register_found_spend ON spend_register_found (stream_id, spend);

CREATE TABLE spend_register_queries (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    asked JSON NOT NULL,
    question TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (stream_id, number)
);

CREATE INDEX spend_register_queries_spend ON spend_register_queries (stream_id, spend);

CREATE TABLE spend_register_query_ends (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE commitment_register_queried (
    stream_id TEXT COLLATE "C" NOT NULL,
    query TEXT COLLATE "C" NOT NULL,
    payable TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (stream_id, query)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    spend_register_paid, spend_register_found, spend_register_queries, spend_register_query_ends,
    commitment_register_queried
TO greenlight_service, greenlight_projector;

GRANT SELECT ON
    spend_register_paid, spend_register_found, spend_register_queries, spend_register_query_ends,
    commitment_register_queried
TO greenlight_auditor
"""


def mine(stream: str = "stream_id") -> str:
    """The reader's company's productions alone, by the primary keys: a slash comes right before a nought."""
    return f"{stream} >= (SELECT reading_company() || '/') AND {stream} < (SELECT reading_company() || '0')"


SPEND_LINES = f"""
    WITH open AS MATERIALIZED (
        SELECT stream_id, code FROM current_budget_lines
        WHERE {mine()} GROUP BY 1, 2 HAVING every(level IS DISTINCT FROM 'above_the_line')
    ), everything AS MATERIALIZED (SELECT reading_everything() AS granted)
    SELECT split_part(l.stream_id, '/', 2), l.version, l.part, l.spend, l.line, l.account, l.amount, l.currency,
           l.posted_on, e.spent_on, e.kind, e.vendor, coalesce(v.name, e.vendor), e.document, e.currency, e.net,
           e.tax, e.recoverable_tax, l.actor, l.at, l.reason, l.on_behalf_of,
           CASE WHEN paid.paid_on IS NOT NULL AND found.statement IS NOT NULL THEN 'reconciled'
                WHEN paid.paid_on IS NOT NULL THEN 'paid'
                WHEN said.payment = 'waiting' AND EXISTS (
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
    LEFT JOIN LATERAL (
        SELECT p.paid_on FROM spend_register_paid p
        WHERE p.stream_id = l.stream_id AND p.spend = l.spend ORDER BY p.version DESC LIMIT 1) paid ON true
    LEFT JOIN LATERAL (
        SELECT f.statement FROM spend_register_found f
        WHERE f.stream_id = l.stream_id AND f.spend = l.spend ORDER BY f.version DESC LIMIT 1) found ON true
    WHERE {mine("l.stream_id")} AND (granted OR e.kind <> 'payroll' AND NOT EXISTS (
        SELECT FROM spend_register_lines stood
        WHERE stood.stream_id = l.stream_id AND stood.spend = l.spend AND NOT EXISTS (
            SELECT FROM open o WHERE o.stream_id = stood.stream_id AND o.code = stood.account)) AND NOT EXISTS (
        SELECT FROM spend_register_paid p
        JOIN spend_register_entries of ON of.stream_id = p.stream_id AND of.spend = p.difference_of
        JOIN spend_register_lines stood ON stood.stream_id = p.stream_id AND stood.spend = p.difference_of
        WHERE p.stream_id = l.stream_id AND p.spend = l.spend AND (of.kind = 'payroll' OR NOT EXISTS (
            SELECT FROM open o WHERE o.stream_id = stood.stream_id AND o.code = stood.account))))
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
    asked = text("SELECT pg_get_function_result(to_regproc('bi_spend_lines'))")
    columns = op.get_bind().execute(asked).scalar_one()
    op.execute(
        f"CREATE OR REPLACE FUNCTION bi_spend_lines() RETURNS {columns} LANGUAGE sql VOLATILE SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $${SPEND_LINES}$$"
    )
    op.execute(
        "COMMENT ON COLUMN bi.spend_lines.payment IS"
        " 'Whether the entry may be paid, or was: released, waiting, refused, not_asked, paid, reconciled.'"
    )
