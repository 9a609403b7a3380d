"""Rows in PostgreSQL: loaded for a batch, written after it, or copied in bulk.

The statements name tables without a schema: in a transaction whose search path begins with another one, they
reach the tables that are being rebuilt there.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.dialects import postgresql

from events import AnyEvent
from events.envelope import Recorded
from events.ids import StreamId

from .projection import Kind, Projection, Rows

#: Rows of a projection that are kept from one batch to the next.
RECENT_AT_MOST = 30_000

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


async def load(connection: Any, kinds: Iterable[Kind], streams: Sequence[StreamId]) -> Rows:
    """The stored rows of these productions."""
    rows = Rows().know(kinds)
    await _load(connection, rows, kinds, streams)
    return rows


async def _load(connection: Any, rows: Rows, kinds: Iterable[Kind], streams: Sequence[StreamId]) -> None:
    for each in kinds if streams else ():
        for row in await connection.fetch(f"SELECT * FROM {each.table.name} WHERE stream_id = ANY($1)", list(streams)):
            rows.load(each.read(row))


class Recent:
    """The rows of the productions that were touched lately, as they are stored: the next batch need not load them."""

    def __init__(self) -> None:
        self.streams: set[StreamId] = set()
        self.rows = Rows()

    def settle(self, touched: set[StreamId]) -> None:
        """Hold what a batch has written for stored; of too much, nothing."""
        self.streams |= touched
        self.rows.settle()
        if self.rows.count() + len(self.streams) > RECENT_AT_MOST:
            self.streams, self.rows = set(), Rows()


async def advance(
    connection: Any, projection: Projection[Any], events: Sequence[Recorded[AnyEvent]], recent: Recent
) -> None:
    """Take the stored rows past these events: load what they touch, fold, write what changed.

    Args:
        recent: what is known of the rows; to be thrown away unless the transaction commits.
    """
    touched = {recorded.stream_id for recorded in events if type(recorded.event) in projection.reads}
    rows = recent.rows.know(projection.kinds)
    small = [each for each in projection.kinds if not each.grows]
    await _load(connection, rows, small, sorted(touched - recent.streams))
    for recorded in events:
        projection.apply(rows, recorded)
    await write(connection, rows, projection.kinds)
    recent.settle(touched)


async def write(connection: Any, rows: Rows, kinds: Iterable[Kind]) -> None:
    """Write what changed, a statement for what is put and one for what is removed, a kind at a time."""
    for each in kinds:
        changed = rows.changed.get(each.row, {})
        if put := [each.written(row) for row in changed.values() if row is not None]:
            await connection.execute(_upsert(each), *(list(column) for column in zip(*put, strict=True)))
        if gone := [key for key, row in changed.items() if row is None]:
            await connection.execute(_delete(each), *(list(column) for column in zip(*gone, strict=True)))


async def copy(connection: Any, kind: Kind, rows: Iterable[Any], schema: str, seconds: float) -> None:
    """Add new rows to the kind's table in a schema."""
    if records := [kind.written(row) for row in rows]:
        await connection.copy_records_to_table(
            kind.table.name, schema_name=schema, columns=kind.columns, records=records, timeout=seconds
        )


def _arrays(kind: Kind, names: Iterable[str]) -> str:
    types = (kind.table.columns[name].type.compile(_DIALECT).split(" COLLATE")[0] for name in names)
    return ", ".join(f"${place}::{name}[]" for place, name in enumerate(types, 1))


def _upsert(kind: Kind) -> str:
    columns = ", ".join(f'"{name}"' for name in kind.columns)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in kind.columns if name not in kind.key)
    keys = ", ".join(kind.key)
    return (
        f"INSERT INTO {kind.table.name} ({columns}) SELECT * FROM unnest({_arrays(kind, kind.columns)})"
        f" ON CONFLICT ({keys}) DO UPDATE SET {changes}"
    )


def _delete(kind: Kind) -> str:
    keys = ", ".join(kind.key)
    return f"DELETE FROM {kind.table.name} WHERE ({keys}) IN (SELECT * FROM unnest({_arrays(kind, kind.key)}))"
