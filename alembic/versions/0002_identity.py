"""Tokens, and the directory of people and vendors: what may be corrected, revoked and erased."""

from alembic import op

revision = "0002"
down_revision = "0001"


TABLES = """
CREATE TABLE tokens (
    token_id    text COLLATE "C" PRIMARY KEY,
    secret_hash bytea NOT NULL UNIQUE,
    company     text COLLATE "C" NOT NULL,
    person      text COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);

CREATE TABLE people (
    company text COLLATE "C" NOT NULL,
    person  text COLLATE "C" NOT NULL,
    name    text NOT NULL,
    PRIMARY KEY (company, person)
);

CREATE TABLE vendors (
    company text COLLATE "C" NOT NULL,
    vendor  text COLLATE "C" NOT NULL,
    name    text NOT NULL,
    PRIMARY KEY (company, vendor)
);

GRANT SELECT, INSERT, UPDATE ON tokens, people, vendors TO greenlight_service;
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
