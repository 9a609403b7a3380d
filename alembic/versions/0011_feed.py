"""The feed: a company's events by their positions, without a look at those of others.

The index costs an append no more than the noise of a measurement; without it, a page of a small company would read
the log of all. Its expression is the first part of a stream's id: the company, of its own stream too.
Appends wait while it is built.
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("CREATE INDEX events_of_company ON events (split_part(stream_id, '/', 1), position)")
