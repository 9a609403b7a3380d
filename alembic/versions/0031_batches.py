"""Entries of a batch are paid at once, and each of them says so; the register is folded again.

Its rows are taken out first: what they would say of batches, no default could.
"""

from alembic import op

revision = "0031"
down_revision = "0030"

STEPS = """
TRUNCATE spend_register_entries, spend_register_lines, spend_register_payments, spend_register_turned_down;

ALTER TABLE spend_register_entries
    ADD COLUMN batch TEXT COLLATE "C",
    ADD COLUMN withheld NUMERIC NOT NULL,
    ADD COLUMN fringe BOOLEAN NOT NULL;

CREATE INDEX spend_register_entries_currency ON spend_register_entries (stream_id, currency);

ALTER TABLE spend_register_payments
    DROP CONSTRAINT spend_register_payments_pkey,
    ADD PRIMARY KEY (stream_id, version, spend);

UPDATE checkpoints SET version = 0, position = 0, error = NULL WHERE projection = 'spend_register';

DELETE FROM marks WHERE projection = 'spend_register'
"""


def upgrade() -> None:
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
