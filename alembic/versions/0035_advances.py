"""Advances have a read model: folded once from a log that holds none of them yet."""

from alembic import op

revision = "0035"
down_revision = "0034"

STEPS = """
CREATE TABLE advances (
    stream_id TEXT COLLATE "C" NOT NULL,
    advance TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C",
    vendor TEXT COLLATE "C",
    currency TEXT COLLATE "C" NOT NULL,
    amount NUMERIC NOT NULL,
    rate JSON,
    base_amount NUMERIC NOT NULL,
    paid_on DATE NOT NULL,
    due_on DATE,
    memo TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    entries JSON NOT NULL,
    returns JSON NOT NULL,
    paid_by TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    PRIMARY KEY (stream_id, advance)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON advances TO greenlight_service, greenlight_projector;

GRANT SELECT ON advances TO greenlight_auditor
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
