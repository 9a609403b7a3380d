"""A rebuild that was broken off in the middle of a production goes on there: it knows the version it had come to."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # What was begun before is begun anew: it counted whole productions alone.
    op.execute("DELETE FROM rebuilds")
    op.execute("ALTER TABLE rebuilds ADD COLUMN stream_version BIGINT NOT NULL")
