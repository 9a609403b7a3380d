"""The log: streams, events, the ledger of commands, and the two functions that write and fence it.

Nothing but `append` writes here, for any role but the owner; and even the owner's UPDATE, DELETE and TRUNCATE
of facts fail on triggers. A migration of the log only goes forward: facts are not dropped.
"""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE SEQUENCE events_position AS bigint MINVALUE 0 START 0 CACHE 1;

-- A fresh sequence shows its first value as if drawn; drawing 0 makes last_value the truth from the start.
SELECT nextval('events_position');

-- Room on the page, so that moving a head stays a heap-only update.
CREATE TABLE streams (
    stream_id text COLLATE "C" PRIMARY KEY,
    version   bigint NOT NULL,
    position  bigint NOT NULL,
    link      bytea  NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE events (
    position       bigint      NOT NULL,
    tx             xid8        NOT NULL DEFAULT pg_current_xact_id(),
    stream_id      text COLLATE "C" NOT NULL,
    version        bigint      NOT NULL,
    event_id       uuid        NOT NULL,
    type           text        NOT NULL,
    schema_version smallint    NOT NULL,
    payload        json        NOT NULL,
    metadata       json        NOT NULL,
    link           bytea       NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream_id, version),
    CONSTRAINT events_position_key UNIQUE (position),
    CONSTRAINT events_event_id_key UNIQUE (event_id)
);

CREATE TABLE commands (
    principal     text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL,
    fingerprint   bytea  NOT NULL,
    command_id    uuid   NOT NULL,
    stream_id     text COLLATE "C" NOT NULL,
    first_version bigint NOT NULL,
    last_version  bigint NOT NULL,
    position      bigint NOT NULL,
    PRIMARY KEY (principal, key)
);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: facts are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER events_remain BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER commands_stay BEFORE UPDATE OR DELETE ON commands FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER commands_remain BEFORE TRUNCATE ON commands FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ALWAYS: they also fire for a session that claims to be a replica.
ALTER TABLE events ENABLE ALWAYS TRIGGER events_stay;

ALTER TABLE events ENABLE ALWAYS TRIGGER events_remain;

ALTER TABLE commands ENABLE ALWAYS TRIGGER commands_stay;

ALTER TABLE commands ENABLE ALWAYS TRIGGER commands_remain;
"""

# One call, one transaction, many appends; a conflict or a known command fails its append alone, as a status.
# The plan is held to the indexes: on a young table the planner would scan whole tables.
APPEND = """
CREATE FUNCTION append(
    a_stream text[], a_expected bigint[], a_link bytea[],
    c_append int[], c_principal text[], c_key text[], c_fingerprint bytea[], c_id uuid[],
    c_first bigint[], c_last bigint[],
    e_append int[], e_version bigint[], e_id uuid[], e_type text[], e_schema_version smallint[],
    e_payload json[], e_metadata json[], e_link bytea[]
) RETURNS TABLE (
    append int, command int, status text,
    command_id uuid, stream_id text, first_version bigint, last_version bigint, "position" bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    failed int[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED: each step must see what was committed before it';
    END IF;

    -- The floor: a lower bound of the positions drawn below, published before any is drawn. The lock is
    -- shared: no writer waits for another. Readers go no further than the smallest floor in sight.
    PERFORM pg_advisory_xact_lock_shared((18252::bigint << 48) | s.last_value) FROM events_position s;

    -- Heads, locked in one order by every writer, so that none waits in a circle.
    INSERT INTO streams (stream_id, version, position, link)
    SELECT a.stream_id, 0, 0, decode(repeat('00', 32), 'hex')
    FROM unnest(a_stream, a_expected) AS a (stream_id, expected)
    WHERE a.expected = 0
    ORDER BY a.stream_id
    ON CONFLICT DO NOTHING;

    PERFORM FROM streams s WHERE s.stream_id = ANY (a_stream) ORDER BY s.stream_id FOR UPDATE;

    -- Now nobody else can append to these streams, and what they appended can be seen: the ledger first,
    -- since a retry of what succeeded must be told its answer, not a conflict with itself. What fails is
    -- settled here, once: a key that another stream's append commits from now on collides below.
    SELECT coalesce(array_agg(DISTINCT hit.append), '{}') INTO failed
    FROM (
        SELECT c.append
        FROM unnest(c_append, c_principal, c_key) AS c (append, principal, key)
        JOIN commands known ON known.principal = c.principal AND known.key = c.key
        UNION ALL
        SELECT a.append::int
        FROM unnest(a_stream, a_expected) WITH ORDINALITY AS a (stream_id, expected, append)
        LEFT JOIN streams s ON s.stream_id = a.stream_id
        WHERE s.version IS DISTINCT FROM a.expected
    ) hit;

    RETURN QUERY
    SELECT c.append, c.command::int,
           CASE WHEN known.fingerprint = c.fingerprint THEN 'replayed' ELSE 'mismatched' END,
           known.command_id, known.stream_id, known.first_version, known.last_version, known.position
    FROM unnest(c_append, c_principal, c_key, c_fingerprint) WITH ORDINALITY
         AS c (append, principal, key, fingerprint, command)
    JOIN commands known ON known.principal = c.principal AND known.key = c.key
    WHERE c.append = ANY (failed);

    RETURN QUERY
    SELECT a.append::int, NULL::int, 'conflict', NULL::uuid, a.stream_id, NULL::bigint, s.version, s.position
    FROM unnest(a_stream, a_expected) WITH ORDINALITY AS a (stream_id, expected, append)
    LEFT JOIN streams s ON s.stream_id = a.stream_id
    WHERE s.version IS DISTINCT FROM a.expected;

    INSERT INTO events (position, stream_id, version, event_id, type, schema_version, payload, metadata, link)
    SELECT nextval('events_position'), a_stream[e.append], e.version, e.event_id, e.type, e.schema_version,
           e.payload, e.metadata, e.link
    FROM (
        SELECT *
        FROM unnest(e_append, e_version, e_id, e_type, e_schema_version, e_payload, e_metadata, e_link)
             AS e (append, version, event_id, type, schema_version, payload, metadata, link)
        WHERE NOT e.append = ANY (failed)
        ORDER BY e.append, e.version
    ) e;

    UPDATE streams s
    SET version = head.version, position = ev.position, link = a_link[head.append]
    FROM (
        SELECT e.append, max(e.version) AS version
        FROM unnest(e_append, e_version) AS e (append, version)
        WHERE NOT e.append = ANY (failed)
        GROUP BY e.append
    ) head
    JOIN events ev ON ev.stream_id = a_stream[head.append] AND ev.version = head.version
    WHERE s.stream_id = a_stream[head.append];

    RETURN QUERY
    WITH written AS (
        INSERT INTO commands
            (principal, key, fingerprint, command_id, stream_id, first_version, last_version, position)
        SELECT c.principal, c.key, c.fingerprint, c.command_id, ev.stream_id, c.first, c.last, ev.position
        FROM unnest(c_append, c_principal, c_key, c_fingerprint, c_id, c_first, c_last)
             AS c (append, principal, key, fingerprint, command_id, first, last)
        JOIN events ev ON ev.stream_id = a_stream[c.append] AND ev.version = c.last
        WHERE NOT c.append = ANY (failed)
        RETURNING *
    )
    SELECT c.append, c.command::int, 'appended',
           w.command_id, w.stream_id, w.first_version, w.last_version, w.position
    FROM unnest(c_append, c_id) WITH ORDINALITY AS c (append, command_id, command)
    JOIN written w ON w.command_id = c.command_id;
END $$;
"""

SAFE_POSITION = """
CREATE FUNCTION safe_position() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
    drawn bigint;
    floor bigint;
BEGIN
    -- In this order: whoever drew a position up to `drawn` published a floor before, and either still holds
    -- it below, or has ended and is seen by the statement that reads next, on a newer snapshot.
    SELECT last_value INTO drawn FROM events_position;
    SELECT min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) INTO floor
    FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint >> 16) = 18252
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
    RETURN least(drawn, coalesce(floor, drawn));
END $$;
"""

GRANTS = """
REVOKE ALL ON FUNCTION append, safe_position FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO greenlight_service;

GRANT SELECT ON streams, events, commands TO greenlight_service;

GRANT EXECUTE ON FUNCTION append, safe_position TO greenlight_service;
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between those of a text.
    for statements in (
        TABLES.split(";\n\n"),
        APPEND_ONLY.split(";\n\n"),
        [APPEND],
        [SAFE_POSITION],
        GRANTS.split(";\n\n"),
    ):
        for statement in statements:
            op.execute(statement)
