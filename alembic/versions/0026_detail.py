"""The current budget says how accounts are held, what credits rest on, and which fact set each version.

What it newly says is true only once it is folded from the log anew: until then it is being built.
"""

from alembic import op

revision = "0026"
down_revision = "0025"

STEPS = """
TRUNCATE
    current_budget_versions, current_budget_lines, current_budget_changes, current_budget_spent, current_budget_flags,
    current_budget_green_lights;

ALTER TABLE current_budget_versions ADD COLUMN set_in BIGINT NOT NULL;

ALTER TABLE current_budget_lines
    ADD COLUMN held TEXT COLLATE "C",
    ADD COLUMN qualified NUMERIC,
    ADD COLUMN cap NUMERIC;

UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'current_budget';

DELETE FROM marks WHERE projection = 'current_budget';
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
