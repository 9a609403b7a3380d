"""Exchange differences are found among the entries without reading them all."""

from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.execute("CREATE INDEX spend_register_entries_kind ON spend_register_entries (stream_id, kind)")
