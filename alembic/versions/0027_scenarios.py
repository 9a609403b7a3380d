"""Drafts of several scenarios stand beside each other: who drafted, and what version is of which.

What the views newly say is true only once it is folded from the log anew: until then they are being built.
"""

from alembic import op

revision = "0027"
down_revision = "0026"

STEPS = """
TRUNCATE
    current_budget_versions, current_budget_lines, current_budget_changes, current_budget_spent, current_budget_flags,
    current_budget_green_lights;

TRUNCATE
    approval_status_rounds, approval_status_appointments, approval_status_drafting, approval_status_sources,
    approval_status_substitutes, approval_status_policies;

ALTER TABLE current_budget_versions ADD COLUMN scenario TEXT COLLATE "C" NOT NULL;

ALTER TABLE approval_status_drafting ADD COLUMN scenarios JSON NOT NULL;

UPDATE checkpoints SET version = 0, position = 0, error = NULL
WHERE projection IN ('current_budget', 'approval_status');

DELETE FROM marks WHERE projection IN ('current_budget', 'approval_status')
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
