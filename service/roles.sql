-- The roles of Greenlight. A superuser runs this in Greenlight's database, as often as wanted: what is there stays.
-- It holds no password: whoever is to log in gets one by ALTER ROLE … LOGIN PASSWORD. docs/database.md says more.

DO $$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['owner', 'migrator', 'service', 'projector', 'reader', 'auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'greenlight_' || part) THEN
            EXECUTE format('CREATE ROLE greenlight_%s NOLOGIN', part);
        END IF;
    END LOOP;
END $$;

-- A session of the migrator is the owner's from its first statement: what it makes belongs to the owner, who need
-- not be able to log in.
GRANT greenlight_owner TO greenlight_migrator WITH INHERIT FALSE, SET TRUE;

ALTER ROLE greenlight_migrator SET role = 'greenlight_owner';

-- `greenlight reader create` makes logins; the owner may hand out this one role and no other.
ALTER ROLE greenlight_owner CREATEROLE;

GRANT greenlight_reader TO greenlight_owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

-- Limits, for whoever connects by hand: Greenlight's own connections bring theirs. They guard against mistakes and not
-- against malice, since a session may lift its own.
-- Whoever waits for a lock keeps all who come after it waiting: a migration gives up and is run again. What it does
-- once it has the lock, such as an index over a long log, takes the time it takes.
ALTER ROLE greenlight_owner SET lock_timeout = '5s';

ALTER ROLE greenlight_owner SET idle_in_transaction_session_timeout = '60s';

ALTER ROLE greenlight_migrator SET lock_timeout = '5s';

ALTER ROLE greenlight_migrator SET idle_in_transaction_session_timeout = '60s';

-- Writers: who stands still in a transaction keeps heads and checkpoints from everyone else.
ALTER ROLE greenlight_service SET statement_timeout = '60s';

ALTER ROLE greenlight_service SET lock_timeout = '10s';

ALTER ROLE greenlight_service SET idle_in_transaction_session_timeout = '10s';

ALTER ROLE greenlight_service SET transaction_timeout = '2min';

ALTER ROLE greenlight_projector SET statement_timeout = '60s';

ALTER ROLE greenlight_projector SET lock_timeout = '10s';

ALTER ROLE greenlight_projector SET idle_in_transaction_session_timeout = '10s';

ALTER ROLE greenlight_projector SET transaction_timeout = '2min';

-- A look at everything may be long, but an open one keeps a rebuild from taking its place, and old rows from vacuum.
ALTER ROLE greenlight_auditor SET default_transaction_read_only = on;

ALTER ROLE greenlight_auditor SET statement_timeout = '10min';

ALTER ROLE greenlight_auditor SET lock_timeout = '5s';

ALTER ROLE greenlight_auditor SET idle_in_transaction_session_timeout = '60s';

ALTER ROLE greenlight_auditor SET transaction_timeout = '30min';

-- Advisory locks tell readers of the log how far they may read, and let one rebuild run at a time: anyone who could
-- take one could stop both. Large objects would let whoever may only look fill the disk. Where the log belongs to an
-- owner of another name, the functions that append run as that one.
DO $$
DECLARE
    function record;
    owner name := coalesce((SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.events')),
                           'greenlight_owner');
BEGIN
    FOR function IN
        SELECT oid::regprocedure AS name, proname ~ 'advisory' AS locks FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND (proname ~ '^pg_(try_)?advisory_' OR proname IN ('lo_creat', 'lo_create', 'lo_from_bytea'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function.name);
        IF function.locks THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s'
                           ' TO %I, greenlight_owner, greenlight_service, greenlight_projector', function.name, owner);
        END IF;
    END LOOP;
END $$;
