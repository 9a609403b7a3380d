"""What is withheld has a read model: folded once from the log, whose entries say it already."""

from alembic import op

revision = "0038"
down_revision = "0037"

STEPS = """
CREATE TABLE withholding_entries (
    stream_id TEXT COLLATE "C" NOT NULL,
    spend TEXT COLLATE "C" NOT NULL,
    vendor TEXT COLLATE "C" NOT NULL,
    posted_on DATE NOT NULL,
    is_reversed BOOLEAN NOT NULL,
    withheld NUMERIC NOT NULL,
    remitted NUMERIC NOT NULL,
    is_settled BOOLEAN NOT NULL,
    is_asked_about BOOLEAN NOT NULL,
    queries JSON NOT NULL,
    PRIMARY KEY (stream_id, spend)
);

CREATE TABLE withholding_remittances (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    up_to DATE NOT NULL,
    amount NUMERIC NOT NULL,
    shares JSON NOT NULL,
    left_out JSON NOT NULL,
    paid_on DATE NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    at TIMESTAMPTZ NOT NULL,
    voided_by TEXT COLLATE "C",
    voided_for TEXT COLLATE "C",
    voided_at TIMESTAMPTZ,
    voided_because TEXT COLLATE "C",
    PRIMARY KEY (stream_id, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON withholding_entries, withholding_remittances
TO greenlight_service, greenlight_projector;

GRANT SELECT ON withholding_entries, withholding_remittances TO greenlight_auditor
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
