"""What was invoiced beyond a commitment stands with the entry: the register is folded again, as its version says."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.execute("ALTER TABLE commitment_register_reliefs ADD COLUMN excess JSON")
