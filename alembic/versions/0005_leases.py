"""Leases: one process keeps a read model current, any number stand by, and one that lost its lease cannot write."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    # Who keeps the read model current, and until when nobody else may. The epoch moves with every new holder.
    'ALTER TABLE checkpoints ADD COLUMN holder text COLLATE "C", ADD COLUMN held_until timestamptz',
    # Moved with every batch: room on the page keeps that a heap-only update.
    "ALTER TABLE checkpoints SET (fillfactor = 50)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
