"""Approval rounds under policies, with their steps, answers and conditions; changes to the locked budget.

What the approval status shows is of another shape: its tables are made anew, and filled from the log.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

TABLES = """
DROP TABLE approval_status_rounds, approval_status_appointments, approval_status_drafting;

CREATE TABLE approval_status_rounds (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    amount NUMERIC,
    currency TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    submitted_by TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    submitted_because TEXT COLLATE "C",
    policy TEXT COLLATE "C",
    rule TEXT COLLATE "C",
    steps JSON NOT NULL,
    accounts JSON NOT NULL,
    override_by TEXT COLLATE "C",
    command TEXT COLLATE "C",
    body TEXT COLLATE "C",
    step BIGINT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    passed_over JSON NOT NULL,
    excluded JSON NOT NULL,
    reassigned JSON NOT NULL,
    decisions JSON NOT NULL,
    conditions JSON NOT NULL,
    former TEXT COLLATE "C",
    changes JSON NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE approval_status_appointments (
    stream_id TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    from_on TEXT COLLATE "C" NOT NULL,
    accounts JSON NOT NULL,
    PRIMARY KEY (stream_id, person, role)
);

CREATE INDEX approval_status_appointments_person ON approval_status_appointments (person);

CREATE TABLE approval_status_drafting (
    stream_id TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    time_zone TEXT COLLATE "C" NOT NULL,
    drafters JSON NOT NULL,
    PRIMARY KEY (stream_id)
);

CREATE TABLE approval_status_sources (
    stream_id TEXT COLLATE "C" NOT NULL,
    funding TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL,
    amount NUMERIC NOT NULL,
    lent_against TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (stream_id, funding)
);

CREATE TABLE approval_status_substitutes (
    stream_id TEXT COLLATE "C" NOT NULL,
    by TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    substitute TEXT COLLATE "C" NOT NULL,
    powers JSON,
    productions JSON,
    from_on DATE NOT NULL,
    until_on DATE NOT NULL,
    PRIMARY KEY (stream_id, by)
);

CREATE INDEX approval_status_substitutes_substitute ON approval_status_substitutes (substitute);

CREATE TABLE current_budget_changes (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    change TEXT COLLATE "C" NOT NULL,
    amount NUMERIC NOT NULL,
    PRIMARY KEY (stream_id, number, account, change)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    approval_status_rounds,
    approval_status_appointments,
    approval_status_drafting,
    approval_status_sources,
    approval_status_substitutes,
    current_budget_changes
TO greenlight_service;

-- Being built, until the service has folded it from the log.
UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'approval_status';

DELETE FROM marks WHERE projection = 'approval_status';
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
