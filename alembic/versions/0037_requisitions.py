"""A requisition knows the round in which it was asked about."""

from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.execute('ALTER TABLE commitment_register_requisitions ADD COLUMN round TEXT COLLATE "C"')
