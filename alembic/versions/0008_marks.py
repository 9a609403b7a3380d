"""Marks: what a read model said at versions of a long production, so that its past need not be folded from nothing."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """
    CREATE TABLE marks (
        projection TEXT COLLATE "C" NOT NULL,
        stream_id TEXT COLLATE "C" NOT NULL,
        version BIGINT NOT NULL,
        fold INTEGER NOT NULL,
        link BYTEA NOT NULL,
        rows TEXT NOT NULL,
        PRIMARY KEY (projection, stream_id, version)
    )
    """,
    "GRANT SELECT, INSERT, UPDATE, DELETE ON marks TO greenlight_service",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
