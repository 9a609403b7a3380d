"""Rounds know whether their production is closed, and who gave whose place away; none tells a hash of what it hides.

What the views newly say is true only once it is folded from the log anew: until then they are being built. An answer
without words named the hash of what was seen, and is for those alone who may read everything, as one with words is.
"""

from sqlalchemy import text

from alembic import op

revision = "0039"
down_revision = "0038"

STEPS = """
TRUNCATE
    approval_status_rounds, approval_status_appointments, approval_status_drafting, approval_status_sources,
    approval_status_substitutes, approval_status_policies;

ALTER TABLE approval_status_rounds ADD COLUMN overriders JSON NOT NULL;

ALTER TABLE approval_status_drafting ADD COLUMN stage TEXT COLLATE "C" NOT NULL;

UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'approval_status';

DELETE FROM marks WHERE projection = 'approval_status';

UPDATE audit_trail SET of_accounts = NULL
WHERE kind IN ('ApprovalGiven', 'Abstained') AND sentence !~ '^(Approved|Abstained on) v[1-9][0-9]*[, ]'
"""


def mine(stream: str = "stream_id") -> str:
    """The reader's company's productions alone, by the primary keys: a slash comes right before a nought."""
    return f"{stream} >= (SELECT reading_company() || '/') AND {stream} < (SELECT reading_company() || '0')"


#: As it was, but for the hash of what is not told, by which a figure could be tried; and a deal is pay.
ROUNDS = f"""
    WITH open AS MATERIALIZED (
        SELECT stream_id, code FROM current_budget_lines
        WHERE {mine()} GROUP BY 1, 2 HAVING every(level IS DISTINCT FROM 'above_the_line')
    ), everything AS MATERIALIZED (SELECT reading_everything() AS granted)
    SELECT split_part(stream_id, '/', 2), 'A-' || number, kind, subject, CASE WHEN told THEN content_hash END,
           CASE WHEN told THEN amount END, currency, rule, state, step + 1, submitted_by, submitted_at, ended_at,
           CASE WHEN told THEN decisions ELSE (
               SELECT coalesce(json_agg((d.made::jsonb || '{{"words": null}}')::json ORDER BY d.place), '[]')
               FROM json_array_elements(decisions) WITH ORDINALITY AS d (made, place)) END,
           on_behalf_of
    FROM approval_status_rounds r, everything, LATERAL (
        SELECT granted OR kind <> 'payment' AND NOT (kind = 'commitment' AND subject NOT LIKE 'PO-%') AND NOT EXISTS (
            SELECT FROM json_array_elements_text(accounts) AS a (code)
            WHERE NOT EXISTS (SELECT FROM open o WHERE o.stream_id = r.stream_id AND o.code = a.code)) AS told
    ) AS judged
    WHERE {mine()}
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
    asked = text("SELECT pg_get_function_result(to_regproc('bi_approval_rounds'))")
    columns = op.get_bind().execute(asked).scalar_one()
    op.execute(
        f"CREATE OR REPLACE FUNCTION bi_approval_rounds() RETURNS {columns} LANGUAGE sql VOLATILE SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $${ROUNDS}$$"
    )
    op.execute(
        "COMMENT ON COLUMN bi.approval_rounds.content_hash IS"
        " 'Of the content that was seen; null where the amount is not shown to the login, which could be tried by it.'"
    )
