"""Pay and detail above the line: which facts of the trail tell of which accounts, and logins that read without them.

A row of the trail that was written before says nothing of its accounts, and is for those alone who may read
everything until the trail has been folded anew. Readers' logins of before lose the right, too: make new ones.
"""

from sqlalchemy import text

from alembic import op

revision = "0018"
down_revision = "0017"

STATEMENTS = (
    "ALTER TABLE audit_trail ADD COLUMN of_accounts json",
    "ALTER TABLE readers ADD COLUMN confidential boolean NOT NULL DEFAULT false",
    """
    CREATE FUNCTION reading_everything() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp
    AS $$SELECT coalesce((SELECT confidential FROM readers WHERE login = session_user), false)$$
    """,
    "REVOKE ALL ON FUNCTION reading_everything FROM PUBLIC",
)


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

#: By view, what it says of itself and what it asks; the columns stay.
VIEWS = {
    "budget_accounts": (
        "The accounts and charges of the budget in force, else of the latest version, against what was spent; credits"
        " are not here. Spend on a code that takes none stands in the section outside, with a budget of nought. To a"
        " login that does not read what is confidential, the accounts of a level that it may not read are one row"
        " without a code, and spend outside is null.",
        f"""
        WITH {OPEN}, shown AS (
            SELECT DISTINCT ON (stream_id) stream_id, number, state, currency
            FROM current_budget_versions WHERE {mine()}
            ORDER BY stream_id, state IN ('approved', 'locked') DESC, number DESC
        ), lines AS (
            SELECT v.*, l.section, l.level, l.code, l.name, l.amount,
                   l.section = 'account' OR l.charge IS DISTINCT FROM 'contingency' AS takes
            FROM shown v JOIN current_budget_lines l USING (stream_id, number)
            WHERE l.section IN ('account', 'charge')
        ), changes AS (
            SELECT stream_id, number, account,
                   coalesce(sum(amount) FILTER (WHERE change LIKE 'O-%'), 0) AS overages,
                   coalesce(sum(amount) FILTER (WHERE change NOT LIKE 'O-%'), 0) AS moved
            FROM current_budget_changes WHERE {mine()} GROUP BY 1, 2, 3
        ), figures AS (
            SELECT l.stream_id, l.number, l.state, l.currency, l.section, l.level, l.code, l.name, l.amount,
                   coalesce(c.overages, 0) AS overages, coalesce(c.moved, 0) AS moved,
                   CASE WHEN l.takes THEN coalesce(s.spent, 0) ELSE 0 END AS spent
            FROM lines l
            LEFT JOIN changes c ON c.stream_id = l.stream_id AND c.number = l.number AND c.account = l.code
            LEFT JOIN current_budget_spent s ON s.stream_id = l.stream_id AND s.account = l.code
            UNION ALL
            SELECT v.stream_id, v.number, v.state, v.currency, 'outside', NULL, s.account, NULL, 0, 0, 0, s.spent
            FROM shown v JOIN current_budget_spent s USING (stream_id)
            WHERE s.spent <> 0 AND NOT EXISTS (
                SELECT FROM lines l WHERE l.stream_id = s.stream_id AND l.code = s.account AND l.takes)
        ), judged AS (
            SELECT f.*, granted OR section = 'charge' OR EXISTS (
                       SELECT FROM open o WHERE o.stream_id = f.stream_id AND o.code = f.code) AS told
            FROM figures f, everything
        ), told AS (
            SELECT stream_id, number, state, currency, section, level, code, name, amount, overages, moved, spent
            FROM judged WHERE told
            UNION ALL
            SELECT stream_id, number, state, currency, section, level, NULL, 'Withheld',
                   sum(amount), sum(overages), sum(moved), sum(spent)
            FROM judged WHERE NOT told AND section = 'account' GROUP BY 1, 2, 3, 4, 5, 6
            UNION ALL
            SELECT stream_id, number, state, currency, section, level, code, name, amount, overages, moved, NULL
            FROM judged WHERE NOT told AND section = 'outside'
        )
        SELECT split_part(stream_id, '/', 2), 'v' || number, state, currency, section, level, code, name,
               amount, overages, moved, total, spent, total - spent,
               CASE WHEN spent IS NOT NULL THEN greatest(spent - total, 0) END
        FROM told, LATERAL (SELECT amount + overages + moved AS total) AS summed
        """,
    ),
    "spend_lines": (
        "The spend register: an entry is a line, its reversal another, a recoding two; amounts add up. To a login that"
        " does not read what is confidential, pay, and entries that ever stood on an account that it may not read, are"
        " not there.",
        f"""
        WITH {OPEN}
        SELECT split_part(l.stream_id, '/', 2), l.version, l.part, l.spend, l.line, l.account, l.amount, l.currency,
               l.posted_on, e.spent_on, e.kind, e.vendor, coalesce(v.name, e.vendor), e.document, e.currency, e.net,
               e.tax, e.recoverable_tax, l.actor, l.at, l.reason
        FROM everything, spend_register_lines l
        JOIN spend_register_entries e ON e.stream_id = l.stream_id AND e.spend = l.spend
        LEFT JOIN vendors v ON v.company = split_part(l.stream_id, '/', 1) AND v.vendor = e.vendor
        WHERE {mine("l.stream_id")} AND (granted OR e.kind <> 'payroll' AND NOT EXISTS (
            SELECT FROM spend_register_lines stood
            WHERE stood.stream_id = l.stream_id AND stood.spend = l.spend AND NOT EXISTS (
                SELECT FROM open o WHERE o.stream_id = stood.stream_id AND o.code = stood.account)))
        """,
    ),
    "approval_rounds": (
        "Each round of approval: what was asked for, and what became of it. To a login that does not read what is"
        " confidential, rounds about payments or accounts that it may not read have neither an amount nor words.",
        f"""
        WITH {OPEN}
        SELECT split_part(stream_id, '/', 2), 'A-' || number, kind, subject, content_hash,
               CASE WHEN told THEN amount END, currency, rule, state, step + 1, submitted_by, submitted_at, ended_at,
               CASE WHEN told THEN decisions ELSE (
                   SELECT coalesce(json_agg((d.made::jsonb || '{{"words": null}}')::json ORDER BY d.place), '[]')
                   FROM json_array_elements(decisions) WITH ORDINALITY AS d (made, place)) END
        FROM approval_status_rounds r, everything, LATERAL (
            SELECT granted OR kind <> 'payment' AND NOT EXISTS (
                SELECT FROM json_array_elements_text(accounts) AS a (code)
                WHERE NOT EXISTS (SELECT FROM open o WHERE o.stream_id = r.stream_id AND o.code = a.code)) AS told
        ) AS judged
        WHERE {mine()}
        """,
    ),
}


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    for name, (comment, query) in VIEWS.items():
        columns = (
            op.get_bind()
            .execute(text("SELECT pg_get_function_result(to_regproc(:name))"), {"name": f"bi_{name}"})
            .scalar_one()
        )
        op.execute(
            f"CREATE OR REPLACE FUNCTION bi_{name}() RETURNS {columns} LANGUAGE sql VOLATILE SECURITY DEFINER"
            f" SET search_path = public, pg_temp AS $${query}$$"
        )
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON VIEW bi.{name} IS '{quoted}'")
