"""The append anew: several streams as one, heads moved before a position is drawn, and what is said is checked.

The first one locked every head, then looked, then moved it, and joined the events it had just written to find
their positions. This one moves the heads by one conditional update, draws all positions at once, and joins
nothing; the looks at what went wrong are taken only when something did. Its plans are held to look-ups by index:
on a young table the planner would read whole tables, and keep that plan when they are no longer small.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
-- A head's position is that of its last event: one truth, and one column less to write in every append.
ALTER TABLE streams DROP COLUMN position;

ALTER TABLE events ADD CONSTRAINT events_link_is_sha256 CHECK (octet_length(link) = 32);
"""

# Arrays: a_ one entry an append (a stream), c_ one a command, e_ one an event; commands and events name their
# append by its place. Appends of one unit happen together or not at all.
APPEND = """
CREATE FUNCTION append(
    a_unit int[], a_stream text[], a_expected bigint[], a_previous bytea[], a_count int[], a_link bytea[],
    c_append int[], c_principal text[], c_key text[], c_fingerprint bytea[], c_id uuid[],
    c_first bigint[], c_last bigint[], c_event int[],
    e_append int[], e_version bigint[], e_id uuid[], e_type text[], e_schema_version smallint[],
    e_payload json[], e_metadata json[], e_link bytea[]
) RETURNS TABLE (
    status text, positions bigint[], append int, command int,
    command_id uuid, stream_id text, first_version bigint, last_version bigint, "position" bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    failed int[];
    lost int[] := '{}';
    moved int := 0;
    step int;
    drawn bigint[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED: each step must see what was committed before it';
    END IF;
    IF (SELECT count(DISTINCT s) FROM unnest(a_stream) s) <> cardinality(a_stream) THEN
        RAISE EXCEPTION 'append names a stream twice';
    END IF;
    IF cardinality(e_append) <> (SELECT coalesce(sum(n), 0) FROM unnest(a_count) n) OR EXISTS (
        SELECT FROM unnest(e_append, e_version) e (append, version)
        GROUP BY e.append
        HAVING min(e.version) <> a_expected[e.append] + 1
            OR max(e.version) <> a_expected[e.append] + a_count[e.append]
            OR count(*) <> a_count[e.append]
    ) THEN
        RAISE EXCEPTION 'append leaves a gap between versions';
    END IF;

    -- The floor: a lower bound of the positions drawn below, published before any is drawn. The lock is
    -- shared: no writer waits for another. Readers go no further than the smallest floor in sight.
    PERFORM pg_advisory_xact_lock_shared((18252::bigint << 48) | s.last_value) FROM events_position s;

    -- What the ledger knows already. A command that becomes known from here on either moved the head that this
    -- append expects, or collides in the ledger below: then the whole call is to be made again.
    failed := ARRAY(
        SELECT DISTINCT a_unit[c.append]
        FROM unnest(c_append, c_principal, c_key) AS c (append, principal, key),
        LATERAL (SELECT FROM commands k WHERE k.principal = c.principal AND k.key = c.key OFFSET 0) known
    );

    -- The heads, each moved on if it is the one expected: new ones first, then old ones, both in one order by
    -- every writer, so that none waits in a circle.
    IF 0 = ANY (a_expected) THEN
        INSERT INTO streams (stream_id, version, link)
        SELECT a.stream_id, a.count, a.link
        FROM unnest(a_unit, a_stream, a_expected, a_count, a_link) AS a (unit, stream_id, expected, count, link)
        WHERE a.expected = 0 AND NOT a.unit = ANY (failed)
        ORDER BY a.stream_id
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS moved = ROW_COUNT;
    END IF;
    UPDATE streams s
    SET version = a.expected + a.count, link = a.link
    FROM (
        SELECT a.*, head.ctid
        FROM unnest(a_unit, a_stream, a_expected, a_previous, a_count, a_link)
             AS a (unit, stream_id, expected, previous, count, link),
        LATERAL (SELECT h.ctid FROM streams h WHERE h.stream_id = a.stream_id OFFSET 0) head
        WHERE a.expected > 0 AND NOT a.unit = ANY (failed)
        ORDER BY a.stream_id
    ) a
    WHERE s.ctid = a.ctid AND s.version = a.expected AND s.link = a.previous;
    GET DIAGNOSTICS step = ROW_COUNT;
    moved := moved + step;

    IF moved < (SELECT count(*) FROM unnest(a_unit) AS unit WHERE NOT unit = ANY (failed)) THEN
        lost := ARRAY(
            SELECT DISTINCT a.unit
            FROM unnest(a_unit, a_stream, a_expected, a_count, a_link) AS a (unit, stream_id, expected, count, link)
            LEFT JOIN streams s ON s.stream_id = a.stream_id
            WHERE NOT a.unit = ANY (failed) AND (s.version, s.link) IS DISTINCT FROM (a.expected + a.count, a.link)
        );
        -- Heads that moved with one that did not go back.
        DELETE FROM streams s
        USING unnest(a_unit, a_stream, a_expected, a_link) AS a (unit, stream_id, expected, link)
        WHERE a.unit = ANY (lost) AND a.expected = 0 AND s.stream_id = a.stream_id AND s.link = a.link;
        UPDATE streams s
        SET version = a.expected, link = a.previous
        FROM unnest(a_unit, a_stream, a_expected, a_previous, a_link)
             AS a (unit, stream_id, expected, previous, link)
        WHERE a.unit = ANY (lost) AND a.expected > 0 AND s.stream_id = a.stream_id AND s.link = a.link;
        failed := failed || lost;
    END IF;

    IF cardinality(failed) > 0 THEN
        RETURN QUERY
        SELECT CASE WHEN known.fingerprint = c.fingerprint THEN 'replayed' ELSE 'mismatched' END, NULL::bigint[],
               c.append, c.command::int,
               known.command_id, known.stream_id, known.first_version, known.last_version, known.position
        FROM unnest(c_append, c_principal, c_key, c_fingerprint) WITH ORDINALITY
             AS c (append, principal, key, fingerprint, command)
        JOIN commands known ON known.principal = c.principal AND known.key = c.key
        WHERE a_unit[c.append] = ANY (failed);

        RETURN QUERY
        SELECT 'conflict', NULL::bigint[], a.append::int, NULL::int,
               NULL::uuid, a.stream_id, NULL::bigint, s.version, NULL::bigint
        FROM unnest(a_unit, a_stream, a_expected, a_previous) WITH ORDINALITY
             AS a (unit, stream_id, expected, previous, append)
        LEFT JOIN streams s ON s.stream_id = a.stream_id
        WHERE a.unit = ANY (lost)
          AND (coalesce(s.version, 0), coalesce(s.link, a.previous)) IS DISTINCT FROM (a.expected, a.previous);
    END IF;

    drawn := ARRAY(SELECT nextval('events_position') FROM generate_series(1, cardinality(e_append)));

    INSERT INTO events (position, stream_id, version, event_id, type, schema_version, payload, metadata, link)
    SELECT drawn[e.place], a_stream[e.append], e.version, e.event_id, e.type, e.schema_version,
           e.payload, e.metadata, e.link
    FROM unnest(e_append, e_version, e_id, e_type, e_schema_version, e_payload, e_metadata, e_link) WITH ORDINALITY
         AS e (append, version, event_id, type, schema_version, payload, metadata, link, place)
    WHERE NOT a_unit[e.append] = ANY (failed);

    INSERT INTO commands
        (principal, key, fingerprint, command_id, stream_id, first_version, last_version, position)
    SELECT c.principal, c.key, c.fingerprint, c.command_id, a_stream[c.append], c.first, c.last,
           -- A command that made nothing happen stands at the last event before it.
           coalesce(drawn[c.event],
                    (SELECT e.position FROM events e WHERE e.stream_id = a_stream[c.append] AND e.version = c.last))
    FROM unnest(c_append, c_principal, c_key, c_fingerprint, c_id, c_first, c_last, c_event)
         AS c (append, principal, key, fingerprint, command_id, first, last, event)
    WHERE NOT a_unit[c.append] = ANY (failed);

    RETURN QUERY
    SELECT 'appended', drawn, NULL::int, NULL::int,
           NULL::uuid, NULL, NULL::bigint, NULL::bigint, NULL::bigint;
END $$;
"""

GRANTS = """
REVOKE ALL ON FUNCTION append FROM PUBLIC;

GRANT EXECUTE ON FUNCTION append TO greenlight_service;
"""


def upgrade() -> None:
    for statements in (["DROP FUNCTION append"], TABLES.split(";\n\n"), [APPEND], GRANTS.split(";\n\n")):
        for statement in statements:
            op.execute(statement)
