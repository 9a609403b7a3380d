"""The read models and their checkpoints: all of it can be rebuilt from the log."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE approval_status_appointments (
    stream_id TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    from_on TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (stream_id, person, role)
);

CREATE TABLE approval_status_drafting (
    stream_id TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    time_zone TEXT COLLATE "C" NOT NULL,
    drafters JSON NOT NULL,
    PRIMARY KEY (stream_id)
);

CREATE TABLE approval_status_rounds (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    budget TEXT COLLATE "C" NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    total NUMERIC NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    submitted_by TEXT COLLATE "C" NOT NULL,
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    submitted_because TEXT COLLATE "C",
    excluded JSON NOT NULL,
    decisions JSON NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE audit_trail (
    stream_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    position BIGINT NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    roles JSON NOT NULL,
    reason TEXT COLLATE "C",
    command TEXT COLLATE "C" NOT NULL,
    command_id TEXT COLLATE "C" NOT NULL,
    correlation_id TEXT COLLATE "C" NOT NULL,
    sentence TEXT COLLATE "C" NOT NULL,
    amount NUMERIC,
    currency TEXT COLLATE "C",
    account TEXT COLLATE "C",
    other_account TEXT COLLATE "C",
    before JSON,
    after JSON,
    PRIMARY KEY (stream_id, version)
);

CREATE TABLE checkpoints (
    projection TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    position BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (projection)
);

CREATE TABLE current_budget_flags (
    stream_id TEXT COLLATE "C" NOT NULL,
    flag TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    number BIGINT,
    account TEXT COLLATE "C",
    spend TEXT COLLATE "C",
    figures JSON NOT NULL,
    PRIMARY KEY (stream_id, flag)
);

CREATE TABLE current_budget_lines (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    place BIGINT NOT NULL,
    section TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    level TEXT COLLATE "C",
    charge TEXT COLLATE "C",
    percent NUMERIC,
    base JSON,
    amount NUMERIC NOT NULL,
    PRIMARY KEY (stream_id, number, place)
);

CREATE TABLE current_budget_spent (
    stream_id TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    spent NUMERIC NOT NULL,
    entries BIGINT NOT NULL,
    PRIMARY KEY (stream_id, account)
);

CREATE TABLE current_budget_versions (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    totals JSON NOT NULL,
    stated JSON NOT NULL,
    set_by TEXT COLLATE "C" NOT NULL,
    set_at TIMESTAMP WITH TIME ZONE NOT NULL,
    round TEXT COLLATE "C",
    submitted_by TEXT COLLATE "C",
    submitted_at TIMESTAMP WITH TIME ZONE,
    approved_by TEXT COLLATE "C",
    approved_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE flags (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    sentence TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C",
    budget TEXT COLLATE "C",
    funding TEXT COLLATE "C",
    receipt TEXT COLLATE "C",
    spend TEXT COLLATE "C",
    figures JSON NOT NULL,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE flags_cleared (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE funding_receipts (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    funding TEXT COLLATE "C" NOT NULL,
    amount JSON NOT NULL,
    credited NUMERIC NOT NULL,
    bank_charges NUMERIC NOT NULL,
    value_on DATE NOT NULL,
    posted_on DATE NOT NULL,
    bank_reference TEXT COLLATE "C" NOT NULL,
    reversed_on DATE,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE funding_sources (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    terms JSON NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    document TEXT COLLATE "C",
    received NUMERIC NOT NULL,
    credited NUMERIC NOT NULL,
    bank_charges NUMERIC NOT NULL,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE funding_to_cover (
    stream_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    budget TEXT COLLATE "C",
    in_force BOOLEAN NOT NULL,
    total NUMERIC,
    PRIMARY KEY (stream_id)
);

CREATE TABLE spend_register_entries (
    stream_id TEXT COLLATE "C" NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    net NUMERIC NOT NULL,
    tax NUMERIC NOT NULL,
    recoverable_tax NUMERIC NOT NULL,
    rate JSON,
    vendor TEXT COLLATE "C" NOT NULL,
    spent_on DATE NOT NULL,
    document TEXT COLLATE "C",
    receipt_sha256 TEXT COLLATE "C",
    memo TEXT COLLATE "C",
    PRIMARY KEY (stream_id, spend)
);

CREATE TABLE spend_register_lines (
    stream_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    part BIGINT NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    amount NUMERIC NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    posted_on DATE NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT COLLATE "C",
    PRIMARY KEY (stream_id, version, part)
);
"""

INDEXES = """
CREATE INDEX audit_trail_at ON audit_trail (stream_id, at);

CREATE INDEX spend_register_lines_spend ON spend_register_lines (stream_id, spend);

CREATE INDEX approval_status_appointments_person ON approval_status_appointments (person);
"""

GRANTS = """
-- The service refuses to start on a schema that is not its own.
GRANT SELECT ON alembic_version TO greenlight_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    approval_status_appointments,
    approval_status_drafting,
    approval_status_rounds,
    audit_trail,
    checkpoints,
    current_budget_flags,
    current_budget_lines,
    current_budget_spent,
    current_budget_versions,
    flags,
    flags_cleared,
    funding_receipts,
    funding_sources,
    funding_to_cover,
    spend_register_entries,
    spend_register_lines
TO greenlight_service;
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between those of a text.
    for statements in (TABLES, INDEXES, GRANTS):
        for statement in statements.split(";\n\n"):
            op.execute(statement)
