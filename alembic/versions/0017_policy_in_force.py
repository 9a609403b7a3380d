"""The approval status shows the policy in force, and knows who may fill two steps: it is filled from the log anew."""

from alembic import op

revision = "0017"
down_revision = "0016"

TABLES = """
TRUNCATE approval_status_rounds;

ALTER TABLE approval_status_rounds ADD COLUMN one_person_may_fill_two_steps BOOLEAN NOT NULL;

ALTER TABLE approval_status_rounds ADD COLUMN ended_because TEXT COLLATE "C";

CREATE TABLE approval_status_policies (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    terms JSON NOT NULL,
    adopted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (stream_id, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON approval_status_policies TO greenlight_service, greenlight_projector;

GRANT SELECT ON approval_status_policies TO greenlight_auditor;

-- Being built, until the service has folded it from the log.
UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'approval_status';

DELETE FROM marks WHERE projection = 'approval_status';
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
