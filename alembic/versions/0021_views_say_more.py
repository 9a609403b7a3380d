"""Views say more: the funding knows what overages a source carries, and what the total budget is with them.

What they newly say is true only once they are folded from the log anew: until then they are being built.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

TABLES = """
TRUNCATE funding_sources, funding_receipts, funding_to_cover;

ALTER TABLE funding_sources ADD COLUMN carries NUMERIC NOT NULL;

ALTER TABLE funding_to_cover ADD COLUMN total_budget NUMERIC;

-- Being built, until the service has folded it from the log.
UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'funding';

DELETE FROM marks WHERE projection = 'funding';
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
