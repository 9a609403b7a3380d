"""A role for each part: the service decides and writes, a projector keeps read models, readers and auditors look.

Dashboards read the views of the schema `bi`. Each stands on a function that runs as the owner and gives the rows of one
company: the one that the login was made for, which the login cannot change. The functions name their tables as text,
found anew at each call: a rebuild that puts new tables in place of the old ones leaves views, rights and comments as
they are. They give no way into a plan either: what a reader asks is applied to the function's rows, never below.
"""

from typing import NamedTuple

from sqlalchemy import text

from alembic import op

revision = "0016"
down_revision = "0015"

ROLES = ("greenlight_auditor", "greenlight_projector", "greenlight_reader")

READ_MODELS = """
    approval_status_appointments, approval_status_drafting, approval_status_rounds, approval_status_sources,
    approval_status_substitutes, audit_trail, current_budget_changes, current_budget_flags, current_budget_lines,
    current_budget_spent, current_budget_versions, flags, flags_cleared, funding_receipts, funding_sources,
    funding_to_cover, spend_register_entries, spend_register_lines
"""

GRANTS = f"""
-- Nobody is here by default, neither to look at names nor to fill the disk with tables of the session.
REVOKE ALL ON SCHEMA public FROM PUBLIC;

REVOKE ALL ON FUNCTION refuse_change FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO greenlight_service, greenlight_projector, greenlight_auditor;

-- The projector reads facts and keeps what they add up to: it cannot append, and knows no token and no name.
GRANT SELECT ON alembic_version, events TO greenlight_projector;

GRANT SELECT, INSERT, UPDATE, DELETE ON {READ_MODELS}, checkpoints, rebuilds, marks TO greenlight_projector;

GRANT USAGE ON SCHEMA rebuilding TO greenlight_projector;

GRANT EXECUTE ON FUNCTION safe_position, begin_rebuild, index_rebuild, swap_rebuild TO greenlight_projector;

-- The auditor sees everything, but no secret: of a token all but its hash.
GRANT SELECT ON alembic_version, events, streams, commands, people, vendors, {READ_MODELS}, checkpoints, rebuilds, marks
TO greenlight_auditor;

GRANT SELECT (token_id, company, person, created_at, expires_at, revoked_at) ON tokens TO greenlight_auditor;

GRANT SELECT (key_id, company, owner, scopes, created_at, expires_at, revoked_at) ON api_keys TO greenlight_auditor;

GRANT SELECT ON identities TO greenlight_auditor;

CREATE TABLE readers (
    login TEXT COLLATE "C" NOT NULL,
    company TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (login)
);

GRANT SELECT ON readers TO greenlight_auditor;

CREATE SCHEMA bi;

COMMENT ON SCHEMA bi IS 'For dashboards: the rows of the company that a login was made for, and of no other.';

GRANT USAGE ON SCHEMA bi TO greenlight_reader;
"""

# By the session's user, who was let in by a password: neither SET ROLE nor any setting changes it.
COMPANY = """
CREATE FUNCTION reading_company() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the views of bi need READ COMMITTED: an older snapshot may see a read model half made anew';
    END IF;
    RETURN (SELECT company FROM readers WHERE login = session_user);
END $$
"""


class Column(NamedTuple):
    """A column of a view."""

    name: str
    type: str
    comment: str


class View(NamedTuple):
    """A view for dashboards."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    query: str


PRODUCTION = Column("production", "text", "The production's slug.")


def mine(stream: str = "stream_id") -> str:
    """The reader's company's productions alone, by the primary keys: a slash comes right before a nought."""
    return f"{stream} >= (SELECT reading_company() || '/') AND {stream} < (SELECT reading_company() || '0')"


VIEWS = (
    View(
        "productions",
        "Each production: its title, its stage, and the budget that is to be covered.",
        (
            PRODUCTION,
            Column("title", "text", "Its title."),
            Column("stage", "text", "development, pre_production, production, post_production, distribution, closed."),
            Column("time_zone", "text", "Business dates are of this zone."),
            Column("currency", "text", "The base currency."),
            Column("budget", "text", "The version in force, such as v1, else the latest; null before there is one."),
            Column("in_force", "boolean", "Whether that version is approved."),
            Column("grand_total", "numeric", "Of that version, in base currency."),
        ),
        f"""
        SELECT split_part(d.stream_id, '/', 2), d.title,
               coalesce((SELECT t.after->>'stage' FROM audit_trail t
                         WHERE t.stream_id = d.stream_id AND t.kind = 'StageEntered'
                         ORDER BY t.version DESC LIMIT 1), 'development'),
               d.time_zone, c.currency, c.budget, c.in_force, c.total
        FROM approval_status_drafting d LEFT JOIN funding_to_cover c USING (stream_id)
        WHERE {mine("d.stream_id")}
        """,
    ),
    View(
        "budget_accounts",
        "The accounts and charges of the budget in force, else of the latest version, against what was spent; credits"
        " are not here. Spend on a code that takes none stands in the section outside, with a budget of nought.",
        (
            PRODUCTION,
            Column("budget", "text", "The version shown, such as v1."),
            Column("state", "text", "Of that version: draft, submitted, approved, locked, rejected."),
            Column("currency", "text", "Of all amounts."),
            Column("section", "text", "account, charge or outside."),
            Column("level", "text", "Of an account: above_the_line, production, post, other."),
            Column("code", "text", "The account's code."),
            Column("name", "text", "The account's name; null outside."),
            Column("budgeted", "numeric", "What the version provides."),
            Column("overages", "numeric", "What was approved beside it since it was locked."),
            Column("moved", "numeric", "What transfers and draws on the contingency brought, less what they took."),
            Column("total_budget", "numeric", "Budgeted, overages and what was moved."),
            Column("spent", "numeric", "What was spent, reversals and recodings taken in."),
            Column("remaining", "numeric", "Total budget less spent; negative when over."),
            Column("over", "numeric", "What was spent beyond the total budget, never negative."),
        ),
        f"""
        WITH shown AS (
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
        )
        SELECT split_part(stream_id, '/', 2), 'v' || number, state, currency, section, level, code, name,
               amount, overages, moved, total, spent, total - spent, greatest(spent - total, 0)
        FROM figures, LATERAL (SELECT amount + overages + moved AS total) AS summed
        """,
    ),
    View(
        "funding_sources",
        "Each source of funds: what it promises, how firm that is, and what was received.",
        (
            PRODUCTION,
            Column("funding", "text", "The source's number, such as F-1."),
            Column("kind", "text", "equity, debt, presale, tax_incentive, grant, gap, deferment, in_kind."),
            Column("state", "text", "identified, soft_committed, committed, closed, partly_funded, funded, withdrawn."),
            Column("secured", "boolean", "Committed or firmer: a binding promise stands."),
            Column("party", "text", "Who gives it."),
            Column("currency", "text", "Of amount and received."),
            Column("amount", "numeric", "What is promised."),
            Column("received", "numeric", "What was received of it, in the same currency."),
            Column("base_currency", "text", "Of the amounts below."),
            Column("base_amount", "numeric", "What is promised, at the rate of the budget."),
            Column("credited", "numeric", "What was credited, at the rates of the day."),
            Column("bank_charges", "numeric", "What banks kept of it."),
            Column("lent_against", "text", "The source that this one is borrowed against: the two count once."),
        ),
        f"""
        SELECT split_part(stream_id, '/', 2), 'F-' || number, terms->>'kind', state,
               state IN ('committed', 'closed', 'partly_funded', 'funded'), terms->>'party',
               terms->'amount'->>'currency', (terms->'amount'->>'amount')::numeric, received,
               terms->'base_amount'->>'currency', (terms->'base_amount'->>'amount')::numeric, credited, bank_charges,
               terms->>'lent_against'
        FROM funding_sources WHERE {mine()}
        """,
    ),
    View(
        "spend_lines",
        "The spend register: an entry is a line, its reversal another, a recoding two; amounts add up.",
        (
            PRODUCTION,
            Column("version", "bigint", "The place of the fact in the production's history."),
            Column("part", "bigint", "1, or 2 for the line that a recoding puts into the other account."),
            Column("spend", "text", "The entry's number, such as S-000001."),
            Column("line", "text", "spend, reversal, recoded_out or recoded_in."),
            Column("account", "text", "The account's code."),
            Column("amount", "numeric", "In base currency, signed."),
            Column("currency", "text", "The base currency."),
            Column("posted_on", "date", "When it was posted."),
            Column("spent_on", "date", "The date of the document."),
            Column("kind", "text", "What kind of entry it is, such as invoice or petty_cash."),
            Column("vendor", "text", "The vendor's id."),
            Column("vendor_name", "text", "As the directory has it, else the id."),
            Column("document", "text", "The number of the document."),
            Column("entry_currency", "text", "Of net, tax and recoverable_tax, which are the entry's on each line."),
            Column("net", "numeric", "Before tax."),
            Column("tax", "numeric", "Tax on it."),
            Column("recoverable_tax", "numeric", "What of the tax comes back."),
            Column("actor", "text", "Who did it."),
            Column("at", "timestamptz", "When it was done."),
            Column("reason", "text", "Why, in their words."),
        ),
        f"""
        SELECT split_part(l.stream_id, '/', 2), l.version, l.part, l.spend, l.line, l.account, l.amount, l.currency,
               l.posted_on, e.spent_on, e.kind, e.vendor, coalesce(v.name, e.vendor), e.document, e.currency, e.net,
               e.tax, e.recoverable_tax, l.actor, l.at, l.reason
        FROM spend_register_lines l
        JOIN spend_register_entries e ON e.stream_id = l.stream_id AND e.spend = l.spend
        LEFT JOIN vendors v ON v.company = split_part(l.stream_id, '/', 1) AND v.vendor = e.vendor
        WHERE {mine("l.stream_id")}
        """,
    ),
    View(
        "approval_rounds",
        "Each round of approval: what was asked for, and what became of it.",
        (
            PRODUCTION,
            Column("round", "text", "The round's number, such as A-1."),
            Column(
                "kind", "text", "What was asked for: budget, overage, transfer, contingency_draw, payment, and others."
            ),
            Column("subject", "text", "What it is about, such as v1, S-000017 or an account."),
            Column("content_hash", "text", "Of the content that was seen."),
            Column("amount", "numeric", "How much was asked for; null when it is not about money."),
            Column("currency", "text", "Of the amount."),
            Column("rule", "text", "The rule of the policy under which it was opened; null without one."),
            Column("state", "text", "open, approved, changes_requested, rejected, withdrawn."),
            Column("step", "bigint", "The step that is asked, from 1 on."),
            Column("submitted_by", "text", "Who asked for it."),
            Column("submitted_at", "timestamptz", "When."),
            Column("ended_at", "timestamptz", "When it was decided or withdrawn; null while open."),
            Column("decisions", "json", "Each answer: person, by, decision, step, words, at, roles, counts."),
        ),
        f"""
        SELECT split_part(stream_id, '/', 2), 'A-' || number, kind, subject, content_hash, amount, currency, rule,
               state, step + 1, submitted_by, submitted_at, ended_at, decisions
        FROM approval_status_rounds WHERE {mine()}
        """,
    ),
)


def quoted(words: str) -> str:
    """The words as a literal of SQL."""
    return "'" + words.replace("'", "''") + "'"


def made(view: View) -> list[str]:
    """What makes the view and the function behind it, which takes a new snapshot once it holds its tables."""
    columns = ", ".join(f'"{each.name}" {each.type}' for each in view.columns)
    return [
        f"CREATE FUNCTION bi_{view.name}() RETURNS TABLE ({columns}) LANGUAGE sql VOLATILE SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $${view.query}$$",
        f"REVOKE ALL ON FUNCTION bi_{view.name} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION bi_{view.name} TO greenlight_reader",
        f"CREATE VIEW bi.{view.name} AS SELECT * FROM bi_{view.name}()",
        f"GRANT SELECT ON bi.{view.name} TO greenlight_reader",
        f"COMMENT ON VIEW bi.{view.name} IS {quoted(view.comment)}",
        *(f'COMMENT ON COLUMN bi.{view.name}."{each.name}" IS {quoted(each.comment)}' for each in view.columns),
    ]


def make_roles() -> None:
    """The roles that are missing, without a login, if this role may; else say who has to."""
    missing = (
        op.get_bind()
        .execute(
            text("SELECT name FROM unnest(CAST(:roles AS text[])) AS name WHERE to_regrole(name) IS NULL ORDER BY 1"),
            {"roles": list(ROLES)},
        )
        .scalars()
        .all()
    )
    may = op.get_bind().execute(
        text("SELECT rolname, rolcreaterole OR rolsuper AS may FROM pg_roles WHERE rolname = current_user")
    )
    me = may.one()
    if missing and not me.may:
        raise PermissionError(
            f"The roles {', '.join(missing)} are missing, and {me.rolname} may not create roles."
            " As a superuser, in this database, run what `greenlight roles` prints; then migrate again."
        )
    for role in missing:
        op.execute(f"CREATE ROLE {role} NOLOGIN")


def upgrade() -> None:
    make_roles()
    for statement in GRANTS.split(";\n\n"):
        op.execute(statement)
    op.execute(COMPANY)
    op.execute("REVOKE ALL ON FUNCTION reading_company FROM PUBLIC")
    for view in VIEWS:
        for statement in made(view):
            op.execute(statement)
    database = op.get_bind().execute(text("SELECT quote_ident(current_database())")).scalar_one()
    op.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")
