"""How fresh the sign-in of who approves must be is read with the round.

What the views newly say is true only once it is folded from the log anew: until then they are being built.
"""

from alembic import op

revision = "0036"
down_revision = "0035"

STEPS = """
TRUNCATE
    approval_status_rounds, approval_status_appointments, approval_status_drafting, approval_status_sources,
    approval_status_substitutes, approval_status_policies;

ALTER TABLE approval_status_rounds ADD COLUMN fresh_minutes BIGINT;

UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'approval_status';

DELETE FROM marks WHERE projection = 'approval_status'
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
