"""Dashboards see commitments and costs, and of which scenario a budget is."""

from typing import NamedTuple

from sqlalchemy import text

from alembic import op

revision = "0033"
down_revision = "0032"


class View(NamedTuple):
    """A view for dashboards: what it is, its columns, each with its type and what it means, and what it asks."""

    name: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]
    query: str


PRODUCTION = ("production", "text", "The production's slug.")


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

#: What each commitment promises of each account, what was invoiced of it, and what is still to come: nothing of what
#: was invoiced whole in its currency, whatever the rates were, nor of what is over.
PROMISED = f"""
    promised AS (
        SELECT c.stream_id, c.commitment, c.kind, c.state, c.vendor, c.requisition, c.due_when, c.currency,
               c.drafted_by, c.drafted_at, c.opened_at, l.account, l.amount, l.base AS total,
               coalesce((c.relieved->>l.account)::numeric, 0) AS relieved,
               CASE WHEN l.amount <> coalesce((c.amounts->>l.account)::numeric, 0)
                         AND c.state IN ('pending', 'open', 'partly_relieved', 'relieved')
                    THEN greatest(l.base - coalesce((c.relieved->>l.account)::numeric, 0), 0) ELSE 0 END AS balance
        FROM commitment_register_commitments c, LATERAL (
            SELECT e->>'account' AS account, sum((e->>'amount')::numeric) AS amount,
                   sum((e->>'base_amount')::numeric) AS base
            FROM json_array_elements(c.lines) AS e GROUP BY 1) l
        WHERE {mine("c.stream_id")}
    )
"""

VIEWS = (
    View(
        "commitments",
        "What is promised with whom: a row for each account of an order, a deal or a deferment. To a login that does"
        " not read what is confidential, deals and deferments, and what is on an account that it may not read, are not"
        " there.",
        (
            PRODUCTION,
            ("commitment", "text", "Its number, such as PO-0001."),
            ("kind", "text", "purchase_order, deal or deferment."),
            ("state", "text", "draft, pending, open, partly_relieved, relieved, closed_short, cancelled."),
            ("vendor", "text", "The vendor's id."),
            ("vendor_name", "text", "As the directory has it, else the id."),
            ("requisition", "text", "Which asked for it, such as REQ-1."),
            ("due_when", "text", "Of a deferment: what has to come in before it is paid."),
            ("account", "text", "The account's code."),
            ("entry_currency", "text", "Of amount."),
            ("amount", "numeric", "What is promised of the account, in the commitment's currency."),
            ("currency", "text", "The base currency, of the amounts below."),
            ("total", "numeric", "What is promised."),
            ("relieved", "numeric", "Invoiced."),
            ("balance", "numeric", "Still to come; nothing of a draft, or of what is over."),
            ("drafted_by", "text", "Who drafted it."),
            ("drafted_at", "timestamptz", "When."),
            ("opened_at", "timestamptz", "When it was promised; null before."),
        ),
        f"""
        WITH {OPEN}, {PROMISED}
        SELECT split_part(p.stream_id, '/', 2), p.commitment, p.kind, p.state, p.vendor, coalesce(v.name, p.vendor),
               p.requisition, p.due_when, p.account, p.currency, p.amount, c.currency, p.total, p.relieved, p.balance,
               p.drafted_by, p.drafted_at, p.opened_at
        FROM everything, promised p
        JOIN funding_to_cover c ON c.stream_id = p.stream_id
        LEFT JOIN vendors v ON v.company = split_part(p.stream_id, '/', 1) AND v.vendor = p.vendor
        WHERE granted OR p.kind = 'purchase_order' AND NOT EXISTS (
            SELECT FROM promised whole
            WHERE whole.stream_id = p.stream_id AND whole.commitment = p.commitment AND NOT EXISTS (
                SELECT FROM open o WHERE o.stream_id = whole.stream_id AND o.code = whole.account))
        """,
    ),
    View(
        "costs",
        "The cost report: each account and charge of the budget in force, and each code outside it, with what it cost,"
        " what is promised and what it is going to come to. To a login that does not read what is confidential there"
        " are no rows, as the service shows no cost report without that right.",
        (
            PRODUCTION,
            ("budget", "text", "The version in force, such as v1; null without one."),
            ("section", "text", "account, charge or outside."),
            ("level", "text", "Of an account: above_the_line, production, post, other."),
            ("code", "text", "The account's code."),
            ("name", "text", "The account's name; null outside."),
            ("currency", "text", "Of all amounts."),
            ("total_budget", "numeric", "As approved, with overages and what was moved."),
            ("actual_to_date", "numeric", "Posted, reversals and recodings taken in."),
            ("commitments", "numeric", "Still to come of what is promised."),
            ("total_cost", "numeric", "actual_to_date + commitments."),
            ("etc", "numeric", "Estimate to complete: efc - total_cost."),
            ("efc", "numeric", "Estimated final cost: as it was entered, else the larger of budget and cost."),
            ("variance", "numeric", "efc - total_budget: over is positive."),
            ("estimated", "boolean", "Whether efc was entered."),
        ),
        f"""
        WITH {PROMISED}, force AS (
            SELECT stream_id, number FROM current_budget_versions
            WHERE {mine()} AND state IN ('approved', 'locked')
        ), budgeted AS (
            SELECT f.stream_id, f.number, l.section, l.level, l.code, l.name, l.amount
            FROM force f JOIN current_budget_lines l USING (stream_id, number) WHERE l.section <> 'credit'
        ), figures AS (
            SELECT stream_id, code, amount AS budget, 0 AS spent, 0 AS promised FROM budgeted
            UNION ALL
            SELECT c.stream_id, c.account, c.amount, 0, 0
            FROM force f JOIN current_budget_changes c USING (stream_id, number)
            UNION ALL
            SELECT stream_id, account, 0, spent, 0 FROM current_budget_spent WHERE {mine()}
            UNION ALL
            SELECT stream_id, account, 0, 0, balance FROM promised WHERE state <> 'pending'
        ), entered AS (
            SELECT DISTINCT ON (stream_id, account) stream_id, account AS code, estimate
            FROM cost_report_estimates WHERE {mine()} ORDER BY stream_id, account, version DESC
        ), accounts AS (
            SELECT stream_id, code, coalesce(sum(budget), 0) AS budget, coalesce(sum(spent), 0) AS spent,
                   coalesce(sum(promised), 0) AS promised, max(e.estimate) AS estimate
            FROM figures FULL JOIN entered e USING (stream_id, code) GROUP BY 1, 2
        )
        SELECT split_part(a.stream_id, '/', 2), 'v' || f.number, coalesce(b.section, 'outside'), b.level, a.code,
               b.name, c.currency, a.budget, a.spent, a.promised, cost, efc - cost, efc, efc - a.budget,
               a.estimate IS NOT NULL
        FROM accounts a
        JOIN funding_to_cover c ON c.stream_id = a.stream_id
        LEFT JOIN force f ON f.stream_id = a.stream_id
        LEFT JOIN budgeted b ON b.stream_id = a.stream_id AND b.code = a.code,
        LATERAL (SELECT a.spent + a.promised AS cost) costed,
        LATERAL (SELECT coalesce(a.estimate, greatest(a.budget, cost)) AS efc) expected
        WHERE reading_everything() AND (b.code IS NOT NULL OR a.spent <> 0 OR a.promised <> 0 OR a.estimate IS NOT NULL)
        """,
    ),
)


def quoted(words: str) -> str:
    """The words as a literal of SQL."""
    return "'" + words.replace("'", "''") + "'"


def made(view: View) -> list[str]:
    """What makes the view and the function behind it, which takes a new snapshot once it holds its tables."""
    columns = ", ".join(f'"{name}" {type_}' for name, type_, _ in view.columns)
    return [
        f"CREATE FUNCTION bi_{view.name}() RETURNS TABLE ({columns}) LANGUAGE sql VOLATILE SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $${view.query}$$",
        f"REVOKE ALL ON FUNCTION bi_{view.name} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION bi_{view.name} TO greenlight_reader",
        f"CREATE VIEW bi.{view.name} AS SELECT * FROM bi_{view.name}()",
        f"GRANT SELECT ON bi.{view.name} TO greenlight_reader",
        f"COMMENT ON VIEW bi.{view.name} IS {quoted(view.comment)}",
        *(f'COMMENT ON COLUMN bi.{view.name}."{name}" IS {quoted(said)}' for name, _, said in view.columns),
    ]


def with_scenario(before: str, body: str) -> list[str]:
    """What gives the view of budgets the scenario of its version, at its end, where nothing else moves.

    Args:
        before: what its function returns so far, as PostgreSQL says it.
        body: what it asks.
    """
    scenario = (
        "(SELECT scenario FROM current_budget_versions s"
        " WHERE split_part(s.stream_id, '/', 1) = reading_company() AND split_part(s.stream_id, '/', 2) = b.production"
        " AND 'v' || s.number = b.budget)"
    )
    names = [column.split()[0] for column in before.removeprefix("TABLE(").split(", ")]
    asked = f"SELECT b.*, {scenario} FROM ({body}) AS b ({', '.join(names)})"
    return [
        "ALTER FUNCTION bi_budget_accounts() RENAME TO bi_budget_accounts_before",
        f"CREATE FUNCTION bi_budget_accounts() RETURNS {before.removesuffix(')')}, scenario text) LANGUAGE sql VOLATILE"
        f" SECURITY DEFINER SET search_path = public, pg_temp AS $${asked}$$",
        "REVOKE ALL ON FUNCTION bi_budget_accounts FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION bi_budget_accounts TO greenlight_reader",
        "CREATE OR REPLACE VIEW bi.budget_accounts AS SELECT * FROM bi_budget_accounts()",
        "DROP FUNCTION bi_budget_accounts_before()",
        "COMMENT ON COLUMN bi.budget_accounts.scenario IS 'Of the version, such as main.'",
    ]


def upgrade() -> None:
    for view in VIEWS:
        for statement in made(view):
            op.execute(statement)
    asked = "SELECT pg_get_function_result(oid), prosrc FROM pg_proc WHERE proname = 'bi_budget_accounts'"
    before, body = op.get_bind().execute(text(asked)).one()
    for statement in with_scenario(before, body):
        op.execute(statement)
