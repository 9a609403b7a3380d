"""What was invoiced beyond a commitment, and whether an entry stands, is with the entry.

The register is taken out, and folded again from the log anew: until then it is being built.
"""

from alembic import op

revision = "0030"
down_revision = "0029"

STEPS = """
TRUNCATE commitment_register_requisitions, commitment_register_commitments, commitment_register_reliefs;

ALTER TABLE commitment_register_reliefs
    ADD COLUMN excess JSON,
    ADD COLUMN stands BOOLEAN NOT NULL;

UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'commitment_register';

DELETE FROM marks WHERE projection = 'commitment_register'
"""


def upgrade() -> None:
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
