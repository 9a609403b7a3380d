"""Upkeep of tables that only grow.

PostgreSQL looks after a table that is only added to when a fifth of it is new: at fifty million events that is ten
million in one go, to be frozen while the service is busy, and plans made for the table as it was. Here a fiftieth
is enough: often, and a little at a time.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

OFTEN = "SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)"


def upgrade() -> None:
    for table in ("events", "commands"):
        op.execute(f"ALTER TABLE {table} {OFTEN}")
