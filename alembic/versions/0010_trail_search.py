"""The audit trail is searched by what is rare in it: a kind of fact, a person, an account, an amount,
a caller's correlation.
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    for column in ("kind", "actor", "account", "other_account", "correlation_id"):
        op.execute(f"CREATE INDEX audit_trail_{column} ON audit_trail (stream_id, {column})")
    op.execute("CREATE INDEX audit_trail_amount ON audit_trail (stream_id, abs(amount))")
