"""Who may answer for another is bound by a limit, which the views have to know.

What the views newly say is true only once it is folded from the log anew: until then they are being built.
"""

from alembic import op

revision = "0028"
down_revision = "0027"

STEPS = """
TRUNCATE
    approval_status_rounds, approval_status_appointments, approval_status_drafting, approval_status_sources,
    approval_status_substitutes, approval_status_policies;

ALTER TABLE approval_status_substitutes ADD COLUMN up_to JSON;

UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'approval_status';

DELETE FROM marks WHERE projection = 'approval_status'
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
