"""Periods and issued cost reports have read models, and the bytes of what was issued are kept beside the log.

A row of those is what its digest says, and stays; so does a fact.
"""

from alembic import op

revision = "0034"
down_revision = "0033"

STEPS = """
CREATE TABLE periods (
    stream_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    first_on DATE NOT NULL,
    last_on DATE NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    balances JSON NOT NULL,
    closed_by TEXT COLLATE "C",
    closed_at TIMESTAMP WITH TIME ZONE,
    reopened BIGINT NOT NULL,
    proposed_by TEXT COLLATE "C",
    proposed_for TEXT COLLATE "C",
    proposed_at TIMESTAMP WITH TIME ZONE,
    proposed_because TEXT COLLATE "C",
    PRIMARY KEY (stream_id, number)
);

CREATE TABLE cost_report_issued (
    stream_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    report TEXT COLLATE "C" NOT NULL,
    of_version BIGINT NOT NULL,
    period TEXT COLLATE "C",
    posted_from DATE,
    posted_to DATE NOT NULL,
    etc_basis TEXT COLLATE "C" NOT NULL,
    variance_sign TEXT COLLATE "C" NOT NULL,
    content_hash TEXT COLLATE "C" NOT NULL,
    forms JSON NOT NULL,
    efc JSON NOT NULL,
    compared_with TEXT COLLATE "C",
    replaces TEXT COLLATE "C",
    actor TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT COLLATE "C",
    PRIMARY KEY (stream_id, version)
);

CREATE INDEX cost_report_issued_report ON cost_report_issued (stream_id, report);

CREATE TABLE kept_documents (
    sha256 BYTEA NOT NULL PRIMARY KEY,
    content BYTEA NOT NULL,
    CONSTRAINT kept_documents_are_what_they_say CHECK (sha256 = sha256(content))
);

CREATE TRIGGER kept_documents_stay BEFORE UPDATE OR DELETE ON kept_documents
FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER kept_documents_remain BEFORE TRUNCATE ON kept_documents
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE kept_documents ENABLE ALWAYS TRIGGER kept_documents_stay;

ALTER TABLE kept_documents ENABLE ALWAYS TRIGGER kept_documents_remain;

GRANT SELECT, INSERT, UPDATE, DELETE ON periods, cost_report_issued TO greenlight_service, greenlight_projector;

GRANT SELECT ON periods, cost_report_issued TO greenlight_auditor;

GRANT SELECT, INSERT ON kept_documents TO greenlight_service;

GRANT SELECT ON kept_documents TO greenlight_auditor
"""


def upgrade() -> None:
    # The driver takes one statement at a time; blank lines stand between them.
    for statement in STEPS.split(";\n\n"):
        op.execute(statement)
