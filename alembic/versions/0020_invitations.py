"""People are invited by their address, and one subject may stand for one person in each of several companies.

A link that came of an invitation names it, and there is one such link at the most. What ended stays as a row.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = """
CREATE TABLE invitations (
    invitation uuid PRIMARY KEY,
    company    text COLLATE "C" NOT NULL,
    person     text COLLATE "C" NOT NULL,
    address    text COLLATE "C"
);

CREATE INDEX invitations_address ON invitations (company, address);

-- The service enters them, and takes the address out when the person is erased.
GRANT SELECT, INSERT, UPDATE ON invitations TO greenlight_service;

GRANT SELECT ON invitations TO greenlight_auditor;

ALTER TABLE identities ADD COLUMN invitation uuid UNIQUE;

DROP INDEX identities_subject;

-- A subject stands for one person of each company at a time.
CREATE UNIQUE INDEX identities_subject ON identities (issuer, subject, company) WHERE unlinked_at IS NULL;

-- Who makes a key has so many at the most, and whoever lists them looks at their company's alone.
CREATE INDEX api_keys_owner ON api_keys (company, owner);
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in TABLES.split(";\n\n"):
        op.execute(statement)
