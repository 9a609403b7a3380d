"""The library `eventsourcing` making two read models of the same entries anew, as a process of its own: url, events.

What a spend adds to its account and its line of the trail are written as its documentation shows: a projection of its
runner, whose view writes both with its tracking record in one transaction an event. That transaction does not wait for
the disk; a rebuild of ours does so once, at its end.
"""

import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL
from typing_extensions import override

from .facts import texts

#: Entries that are saved as one.
SAVED = 500
_SPENT = (
    "INSERT INTO es_spent AS s VALUES (%s, %s, 1)"
    " ON CONFLICT (account) DO UPDATE SET spent = s.spent + excluded.spent, entries = s.entries + 1"
)


class Production(Aggregate):
    """Logs entries of spend."""

    @event("SpendLogged")
    def log(self, entry: dict[str, Any]) -> None:
        """An entry, as ours is stored."""


class Book(Application[UUID]):
    """Where productions are kept."""


class View(PostgresTrackingRecorder):
    """The tables of both read models."""

    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        self.sql_create_statements += [
            SQL(
                "CREATE TABLE IF NOT EXISTS es_spent (account text PRIMARY KEY, spent numeric, entries bigint)"
            ).format(),
            SQL(
                "CREATE TABLE IF NOT EXISTS es_trail (position bigint PRIMARY KEY, account text, sentence text)"
            ).format(),
        ]

    def take(self, entry: dict[str, Any], tracking: Tracking) -> None:
        """Write what an entry adds."""
        sentence = f"{entry['spend']}: {entry['cost']['amount']} on account {entry['account']}"
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO off")
            cursor.execute(_SPENT, (entry["account"], entry["cost"]["amount"]), prepare=True)
            trail = (tracking.notification_id, entry["account"], sentence)
            cursor.execute("INSERT INTO es_trail VALUES (%s, %s, %s)", trail, prepare=True)
            self._insert_tracking(cursor, tracking)


class Entries(Projection[View]):
    """From entries to rows."""

    @singledispatchmethod
    @override
    def process_event(self, _: Any, tracking: Tracking) -> None:
        """Whatever else happened."""
        with self.view.datastore.transaction(commit=True) as cursor:
            self.view._insert_tracking(cursor, tracking)

    @process_event.register
    def _entry(self, logged: Production.SpendLogged, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self.view.take(logged.entry, tracking)


def main(url: str, events: str) -> None:
    """Print events a second."""
    at = urlsplit(url)
    settings = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": at.path[1:],
        "POSTGRES_HOST": str(at.hostname),
        "POSTGRES_PORT": str(at.port),
        "POSTGRES_USER": str(at.username),
        "POSTGRES_PASSWORD": str(at.password),
    }
    book, entry = Book(settings), json.loads(texts()[0])
    production = Production()
    for _ in range(int(events) // SAVED):
        for _ in range(SAVED):
            production.log(entry)
        recorded = book.save(production)
    began = time.perf_counter()
    with ProjectionRunner(application_class=Book, projection_class=Entries, view_class=View, env=settings) as runner:
        runner.wait(recorded[-1].notification.id, timeout=600)
        print(int(events) / (time.perf_counter() - began))
    book.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
