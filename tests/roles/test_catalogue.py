"""Every right of every role, as PostgreSQL has it, is what docs/database.md says: no migration widens one unseen."""

from pathlib import Path

import asyncpg
import pytest

from projections import PROJECTIONS
from service.embedded import SCRIPT
from tests.conftest import TEMPLATE, Urls
from tests.routes.golden import WRITING

DOCUMENT = Path(__file__).parents[2] / "docs" / "database.md"
BEGIN, END = "<!-- catalogue -->\n", "<!-- end of catalogue -->"

ROLES = ("service", "projector", "reader", "auditor")

ATTRIBUTES = """
SELECT replace(rolname, 'greenlight_', '') AS role,
       concat_ws(', ', CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreaterole THEN 'makes roles' END,
                 CASE WHEN rolcreatedb THEN 'makes databases' END, CASE WHEN rolreplication THEN 'replicates' END,
                 CASE WHEN rolbypassrls THEN 'bypasses policies' END) AS attributes,
       (SELECT string_agg(concat_ws(', ', g.rolname, CASE WHEN m.inherit_option THEN 'has its rights' END,
               CASE WHEN m.set_option THEN 'may become it' END, CASE WHEN m.admin_option THEN 'hands it out' END), '; ')
        FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = r.oid AND g.rolname !~ '^greenlight_reader_') AS member_of,
       (SELECT string_agg(setting, ', ' ORDER BY setting)
        FROM pg_db_role_setting s, unnest(setconfig) AS setting WHERE setrole = r.oid) AS settings
FROM pg_roles r WHERE rolname = ANY(ARRAY['greenlight_owner', 'greenlight_migrator', 'greenlight_service',
                                          'greenlight_projector', 'greenlight_reader', 'greenlight_auditor'])
ORDER BY array_position(ARRAY['owner', 'migrator', 'service', 'projector', 'reader', 'auditor'],
                        replace(rolname, 'greenlight_', ''))
"""

# What nobody granted anything on has the rights of its kind's beginning (acldefault); what PostgreSQL itself lets
# everyone do is not ours to list.
GRANTS = """
WITH objects AS (
    SELECT 1 AS kind, 0::oid AS schema, 'database' AS what, datdba AS owner,
           coalesce(datacl, acldefault('d', datdba)) AS acl
    FROM pg_database WHERE datname = $1
    UNION ALL
    SELECT 2, oid, 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
    UNION ALL
    SELECT 3, relnamespace, oid::regclass::text, relowner,
           coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
    UNION ALL
    SELECT 4, relnamespace, attrelid::regclass || '.' || attname, relowner, attacl
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attacl IS NOT NULL
    UNION ALL
    SELECT 5, pronamespace,
           CASE WHEN proname ~ '^pg_(try_)?advisory_' THEN 'pg_[try_]advisory_…()' ELSE oid::regproc || '()' END,
           proowner, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
    UNION ALL
    SELECT 6, 0, 'by default on ' || defaclobjtype::text, defaclrole, defaclacl FROM pg_default_acl
    UNION ALL
    SELECT 7, 0, 'setting ' || parname, 10, paracl FROM pg_parameter_acl
), rights AS (
    SELECT DISTINCT kind, what,
           CASE WHEN grantee = 0 THEN 'everyone' ELSE replace(grantee::regrole::text, 'greenlight_', '') END AS role,
           lower(privilege_type) || CASE WHEN is_grantable THEN ' and hand it out' ELSE '' END AS may
    FROM objects, aclexplode(acl)
    WHERE grantee <> owner AND (
        grantee::regrole::text ~ '^greenlight_'
        OR grantee = 0 AND schema NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))
)
SELECT kind, what, role,
       string_agg(may, ', ' ORDER BY array_position(ARRAY['select', 'insert', 'update', 'delete'], may), may) AS may
FROM rights GROUP BY 1, 2, 3 ORDER BY 1, 2
"""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(each or ' ' for each in line)} |\n" for line in lines)


async def told(admin: asyncpg.Connection, database: str = TEMPLATE) -> str:
    """What the document says of the catalogue."""
    roles = await admin.fetch(ATTRIBUTES)
    found: dict[tuple[int, str], dict[str, str]] = {}
    for row in await admin.fetch(GRANTS, database):
        found.setdefault((row["kind"], row["what"]), {})[row["role"]] = row["may"]
    columns = ["everyone", *ROLES]
    columns += sorted({role for may in found.values() for role in may} - {*columns, "owner"})  # none, as things are
    rights = [[f"`{what}`", *(may.get(role, "") for role in columns)] for (_, what), may in found.items()]
    return (
        table(["role", "is", "member of", "settings"], [[value or "" for value in row] for row in map(list, roles)])
        + "\n"
        + table(["on", *columns], [row for row in rights if any(row[1:])])
    )


@pytest.mark.gate
@pytest.mark.golden
class TestTheCatalogue:
    async def test_is_what_the_document_says(self, urls: Urls) -> None:
        admin = await asyncpg.connect(urls.admin)
        catalogue = await told(admin)
        await admin.close()

        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        written, _, after = rest.partition(END)
        if WRITING:
            DOCUMENT.write_text(f"{before}{BEGIN}\n{catalogue}\n{END}{after}")
        else:
            assert written.strip() == catalogue.strip(), "run `make golden` and read the difference"

    @pytest.mark.parametrize(
        "wider",
        [
            "GRANT UPDATE ON events TO greenlight_service",
            "GRANT SELECT (secret_hash) ON tokens TO greenlight_auditor",
            "GRANT EXECUTE ON FUNCTION append TO PUBLIC",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "GRANT SELECT ON pg_authid TO greenlight_auditor",
            "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO greenlight_reader",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO greenlight_reader",
            "GRANT CREATE ON SCHEMA bi TO greenlight_reader",
            "GRANT SET ON PARAMETER session_replication_role TO greenlight_service",
            "GRANT greenlight_owner TO greenlight_service",
            "ALTER ROLE greenlight_projector BYPASSRLS",
            "ALTER ROLE greenlight_auditor RESET default_transaction_read_only",
        ],
    )
    async def test_that_is_wider_is_found(self, urls: Urls, wider: str) -> None:
        admin = await asyncpg.connect(urls.admin)
        before = await told(admin)
        transaction = admin.transaction()
        await transaction.start()
        await admin.execute(wider)
        after = await told(admin)
        await transaction.rollback()
        await admin.close()

        assert after != before

    async def test_gives_every_read_model_to_the_projector_and_shows_it_to_the_auditor(self, urls: Urls) -> None:
        admin = await asyncpg.connect(urls.admin)
        asked = "SELECT has_table_privilege($1, $2, right_to) FROM unnest($3::text[]) AS right_to"
        for table_of in (kind.table.name for each in PROJECTIONS for kind in each.kinds):
            for role, rights in (("projector", ["SELECT", "INSERT", "UPDATE", "DELETE"]), ("auditor", ["SELECT"])):
                found = await admin.fetch(asked, f"greenlight_{role}", table_of, rights)
                assert all(row[0] for row in found), (role, table_of)
        await admin.close()

    async def test_has_everything_owned_by_the_owner(self, urls: Urls) -> None:
        admin = await asyncpg.connect(urls.admin)
        owners = await admin.fetch(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname IN ('public', 'bi', 'rebuilding')"
        )
        await admin.close()

        assert [row[0] for row in owners] == ["greenlight_owner"]


async def test_the_script_runs_again_and_changes_nothing(urls: Urls) -> None:
    admin = await asyncpg.connect(urls.admin)
    before = await told(admin)
    transaction = admin.transaction()  # the roles are those of other tests, too
    await transaction.start()
    await admin.execute(SCRIPT.read_text())
    after = await told(admin)
    await transaction.rollback()
    await admin.close()

    assert after == before
