"""The report of exceptions: facts of the trail by which a control was passed over, waived or lifted.

The trail is folded anew since the step before; until then the report is empty.
"""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("ALTER TABLE audit_trail ADD COLUMN is_exception BOOLEAN NOT NULL DEFAULT false")
    op.execute("ALTER TABLE audit_trail ALTER COLUMN is_exception DROP DEFAULT")
    op.execute("CREATE INDEX audit_trail_exceptions ON audit_trail (stream_id, version) WHERE is_exception")
