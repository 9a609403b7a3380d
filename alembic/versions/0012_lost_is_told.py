"""An append that lost a race always says so, even when its stream stands where it was expected.

A command that changes nothing moves its stream's head from a version to the same version. Whoever waited for that
head found its row gone elsewhere, wrote nothing, and then saw the head where it was expected: no conflict was told,
and what was never written was taken for appended. Now a lost unit is a conflict in any case; it is decided again.
"""

from sqlalchemy import text

from alembic import op

revision = "0012"
down_revision = "0011"

BEFORE = """
          AND (coalesce(s.version, 0), coalesce(s.link, a.previous)) IS DISTINCT FROM (a.expected, a.previous);"""

AFTER = """
          AND ((coalesce(s.version, 0), coalesce(s.link, a.previous)) IS DISTINCT FROM (a.expected, a.previous)
               OR NOT EXISTS (
                   SELECT FROM unnest(a_unit, a_stream, a_expected, a_previous)
                               AS other (unit, stream_id, expected, previous)
                   LEFT JOIN streams head ON head.stream_id = other.stream_id
                   WHERE other.unit = a.unit
                     AND (coalesce(head.version, 0), coalesce(head.link, other.previous))
                         IS DISTINCT FROM (other.expected, other.previous)));"""


def upgrade() -> None:
    definition = op.get_bind().execute(text("SELECT pg_get_functiondef('append'::regproc)")).scalar_one()
    assert definition.count(BEFORE) == 1
    op.execute(definition.replace(BEFORE, AFTER))
