"""Who else is at the door: subjects of an OIDC provider that stand for persons, and API keys of systems.

What ended stays as a row, so that it can be said who could act as whom, and until when. A key lasts a year at the
most, whoever writes it. The audit trail says by which key something was done.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

TABLES = """
CREATE TABLE identities (
    identity_id text COLLATE "C" PRIMARY KEY,
    issuer      text COLLATE "C" NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    company     text COLLATE "C" NOT NULL,
    person      text COLLATE "C" NOT NULL,
    linked_at   timestamptz NOT NULL,
    unlinked_at timestamptz
);

-- A subject stands for one person at a time.
CREATE UNIQUE INDEX identities_subject ON identities (issuer, subject) WHERE unlinked_at IS NULL;

CREATE TABLE api_keys (
    key_id      text COLLATE "C" PRIMARY KEY,
    secret_hash bytea NOT NULL UNIQUE,
    company     text COLLATE "C" NOT NULL,
    owner       text COLLATE "C" NOT NULL,
    scopes      text[] COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL CHECK (expires_at <= created_at + interval '366 days'),
    revoked_at  timestamptz
);

-- The service enters them and ends them; it has no business in deleting one.
GRANT SELECT, INSERT, UPDATE ON identities, api_keys TO greenlight_service;

ALTER TABLE audit_trail ADD COLUMN credential text COLLATE "C";
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
