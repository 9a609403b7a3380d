"""People can be written to, and erased: an erased person keeps a row that says so, and nothing about them."""

from alembic import op

revision = "0015"
down_revision = "0014"

STATEMENTS = (
    "ALTER TABLE people ADD COLUMN email text, ADD COLUMN erased_at timestamptz, ALTER COLUMN name DROP NOT NULL",
    # Whoever is erased has neither name nor address, and whoever is not has a name.
    "ALTER TABLE people ADD CONSTRAINT people_erased"
    " CHECK (CASE WHEN erased_at IS NULL THEN name IS NOT NULL ELSE name IS NULL AND email IS NULL END)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
