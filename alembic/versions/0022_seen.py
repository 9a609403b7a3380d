"""Readers go no further than an event that they can see.

The sequence runs ahead of what is durable: what a rollback drew is flushed by nobody, and after a crash of the server
these positions are drawn again. Whoever had been told that the log was complete up to there skipped the events that
then got them. A commit that is visible is flushed, and with it the sequence's record before it: up to an event that can
be seen, no position is ever drawn again.
"""

from alembic import op

revision = "0022"
down_revision = "0021"

SAFE_POSITION = """
CREATE OR REPLACE FUNCTION safe_position() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    drawn bigint;
    fence bigint;
BEGIN
    -- In this order: whoever drew a position up to `drawn` published a floor before, and either still holds
    -- it below, or has ended and is seen by the statements that come next, on newer snapshots.
    SELECT last_value INTO drawn FROM events_position;
    SELECT min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) INTO fence
    FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint >> 16) = 18252
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
    fence := least(drawn, coalesce(fence, drawn));
    -- The newest event up to there, or nothing: beyond it, positions may have been drawn that a crash takes back.
    RETURN coalesce((SELECT e.position FROM events e WHERE e.position <= fence ORDER BY e.position DESC LIMIT 1), 0);
END $$
"""

#: Who went past it before goes back to it, and skips nothing.
BEHIND = """
UPDATE checkpoints SET position = newest.position
FROM (SELECT coalesce(max(position), 0) AS position FROM events) newest
WHERE checkpoints.position > newest.position;

DELETE FROM rebuilds
WHERE greatest(up_to, position) > (SELECT coalesce(max(position), 0) FROM events)
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in (SAFE_POSITION, *BEHIND.split(";\n\n")):
        op.execute(statement)
