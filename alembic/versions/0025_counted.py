"""A round's view says what counted together with what it asks for; the trail is searched by whom somebody acted for."""

from alembic import op

revision = "0025"
down_revision = "0024"

STEPS = """
ALTER TABLE approval_status_rounds ADD COLUMN counted NUMERIC;

CREATE INDEX audit_trail_on_behalf_of ON audit_trail (stream_id, on_behalf_of) WHERE on_behalf_of IS NOT NULL;
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
