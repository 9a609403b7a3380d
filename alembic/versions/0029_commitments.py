"""Commitments, requisitions and estimates have read models: folded once from a log that holds none of them yet."""

from alembic import op

revision = "0029"
down_revision = "0028"

STEPS = """
CREATE TABLE commitment_register_requisitions (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    lines JSON NOT NULL,
    total NUMERIC NOT NULL,
    needed_on DATE,
    "left" JSON NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    raised_by TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    raised_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT COLLATE "C",
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE commitment_register_commitments (
    stream_id TEXT COLLATE "C" NOT NULL,
    commitment TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    vendor TEXT COLLATE "C" NOT NULL,
    requisition TEXT COLLATE "C",
    currency TEXT COLLATE "C" NOT NULL,
    rate JSON,
    due_when TEXT COLLATE "C",
    lines JSON NOT NULL,
    base_total NUMERIC NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    amounts JSON NOT NULL,
    relieved JSON NOT NULL,
    taken JSON NOT NULL,
    amendment JSON,
    round TEXT COLLATE "C",
    beyond JSON NOT NULL,
    drafted_by TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    drafted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (stream_id, commitment)
);

CREATE TABLE commitment_register_reliefs (
    stream_id TEXT COLLATE "C" NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    commitment TEXT COLLATE "C" NOT NULL,
    relieved JSON NOT NULL,
    payment TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (stream_id, spend)
);

CREATE TABLE cost_report_estimates (
    stream_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    estimate NUMERIC,
    actor TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT COLLATE "C",
    PRIMARY KEY (stream_id, version)
);

CREATE INDEX cost_report_estimates_account ON cost_report_estimates (stream_id, account);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    commitment_register_requisitions, commitment_register_commitments, commitment_register_reliefs,
    cost_report_estimates
TO greenlight_service, greenlight_projector;

GRANT SELECT ON
    commitment_register_requisitions, commitment_register_commitments, commitment_register_reliefs,
    cost_report_estimates
TO greenlight_auditor
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
