"""Who changed the directory and who ended what lets somebody in is kept; vendors can be erased, like people.

The service may change of a token, a key, a sign-in and an invitation what it has to, and nothing else.
"""

from alembic import op

revision = "0023"
down_revision = "0022"

STEPS = """
CREATE TABLE directory_changes (
    change  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    company text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    by      text COLLATE "C" NOT NULL,
    what    text COLLATE "C" NOT NULL,
    about   text COLLATE "C" NOT NULL
);

CREATE INDEX directory_changes_company ON directory_changes (company, change);

GRANT SELECT, INSERT ON directory_changes TO greenlight_service;

GRANT SELECT ON directory_changes TO greenlight_auditor;

ALTER TABLE vendors ADD COLUMN erased_at timestamptz, ALTER COLUMN name DROP NOT NULL;

ALTER TABLE vendors ADD CONSTRAINT vendors_erased CHECK ((erased_at IS NULL) = (name IS NOT NULL));

-- Of who was erased, the subject is taken out of a link that ended.
ALTER TABLE identities ALTER COLUMN subject DROP NOT NULL;

ALTER TABLE identities ADD CONSTRAINT identities_erased CHECK (subject IS NOT NULL OR unlinked_at IS NOT NULL);

REVOKE UPDATE ON tokens, api_keys, identities, invitations FROM greenlight_service;

GRANT UPDATE (revoked_at) ON tokens TO greenlight_service;

GRANT UPDATE (revoked_at) ON api_keys TO greenlight_service;

GRANT UPDATE (unlinked_at, subject) ON identities TO greenlight_service;

GRANT UPDATE (address) ON invitations TO greenlight_service;
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
