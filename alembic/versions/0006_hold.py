"""A head can be held: who lost a race for a stream decides again while nobody else can append to it.

Without it the winner of a race tends to win the next one too, since it knows the newest state already. PostgreSQL
queues who waits for a row, so that processes take turns.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

HOLD = """
CREATE FUNCTION hold(stream text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'hold needs READ COMMITTED: what is read while holding must be the newest';
    END IF;
    -- A process that stands still while it holds lets go.
    PERFORM set_config('idle_in_transaction_session_timeout', '2s', true);
    PERFORM FROM streams WHERE stream_id = stream FOR NO KEY UPDATE;
END $$;
"""

GRANTS = """
REVOKE ALL ON FUNCTION hold FROM PUBLIC;

GRANT EXECUTE ON FUNCTION hold TO greenlight_service;
"""


def upgrade() -> None:
    for statement in (HOLD, *GRANTS.split(";\n\n")):
        op.execute(statement)
