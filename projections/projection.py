"""What a projection is: a question, the rows that answer it, and the fold from events to rows.

A fold works on `Rows` in memory, always those of whole productions. Where the rows come from and go to is not
its business: the runner keeps them in PostgreSQL for the present; a view *as of* folds them from nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from types import UnionType
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSON, TIMESTAMP
from sqlalchemy.types import TypeEngine

from events import EVENTS, AnyEvent
from events.envelope import CannotTake, Recorded
from events.ids import StreamId

metadata = MetaData()

R = TypeVar("R")
E = TypeVar("E", bound=AnyEvent)
Key = tuple[Any, ...]

_TYPES: Mapping[type, TypeEngine[Any]] = {
    str: Text(collation="C"),
    int: BigInteger(),
    bool: Boolean(),
    Decimal: Numeric(),
    date: Date(),
    datetime: TIMESTAMP(timezone=True),
    UUID: postgresql.UUID(),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row: its class, its table and how its fields are written and read."""

    row: type
    table: Table
    key: tuple[str, ...]
    #: The key of a row; its first part is the stream.
    key_of: Callable[[Any], Key]
    #: The fold never asks for such rows: it only adds and removes them, so they are never loaded.
    grows: bool
    #: Nor does it ever change or remove one.
    final: bool
    #: The table's columns, which are the row's fields.
    columns: tuple[str, ...]
    #: All values of a row, in the order of the columns.
    values_of: Callable[[Any], tuple[Any, ...]]
    #: By place, for what PostgreSQL keeps as JSON.
    adapters: Mapping[int, TypeAdapter[Any]]
    #: By place, for what it keeps as the text of an enumeration.
    enums: Mapping[int, type[StrEnum]]

    def written(self, row: Any) -> Sequence[Any]:
        """The row's values as PostgreSQL takes them."""
        if not self.adapters:
            return self.values_of(row)
        values = list(self.values_of(row))
        for place, adapter in self.adapters.items():
            if values[place] is not None:
                values[place] = adapter.dump_json(values[place]).decode()
        return values

    def read(self, values: Mapping[str, Any]) -> Any:
        """A row from the table; JSON arrives as text."""
        read = [values[name] for name in self.columns]
        for place, adapter in self.adapters.items():
            if read[place] is not None:
                read[place] = adapter.validate_json(read[place])
        for place, enum in self.enums.items():
            if read[place] is not None:
                read[place] = enum(read[place])
        return self.row(*read)


def kind(
    name: str,
    row: type,
    *key: str,
    grows: bool = False,
    final: bool = False,
    indexed: Iterable[tuple[str, ...]] = (),
) -> Kind:
    """A kind of row from its dataclass: text, numbers, dates as they are, anything else as JSON.

    Args:
        indexed: the columns of further indexes, each named for its last column.
    """
    columns: list[Any] = []
    adapters: dict[int, TypeAdapter[Any]] = {}
    enums: dict[int, type[StrEnum]] = {}
    hints = get_type_hints(row)
    for place, field in enumerate(fields(row)):
        hint = hints[field.name]
        optional = get_origin(hint) in (Union, UnionType) and type(None) in get_args(hint)
        plain = next(arg for arg in get_args(hint) if arg is not type(None)) if optional else hint
        if isinstance(plain, type) and issubclass(plain, StrEnum):
            enums[place] = plain
            plain = str
        stored = _TYPES.get(plain)
        if stored is None:
            adapters[place] = TypeAdapter(hint)
        columns.append(Column(field.name, JSON() if stored is None else stored, nullable=optional))
    table = Table(name, metadata, *columns, PrimaryKeyConstraint(*key))
    for of in indexed:
        Index(f"{name}_{of[-1]}", *(table.c[column] for column in of))
    names = tuple(field.name for field in fields(row))
    return Kind(row, table, key, _values_of(key), grows or final, final, names, _values_of(names), adapters, enums)


def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    values = attrgetter(*names)
    return values if len(names) > 1 else lambda row: (values(row),)


class Rows:
    """Rows in memory, with a note of what changed."""

    def __init__(self) -> None:
        self._kept: dict[tuple[type, StreamId], dict[Key, Any]] = {}
        #: What a fold put and removed (None), by kind of row and key.
        self.changed: dict[type, dict[Key, Any]] = {}
        self._keys: dict[type, Kind] = {}

    def know(self, kinds: Iterable[Kind]) -> "Rows":
        """Learn the kinds of rows that will come."""
        self._keys |= {each.row: each for each in kinds}
        return self

    def load(self, row: Any) -> None:
        """Take a row as it is stored."""
        key = self._keys[type(row)].key_of(row)
        self._kept.setdefault((type(row), key[0]), {})[key] = row

    def get(self, row: type[R], *key: Any) -> R | None:
        """The row of that key, if there is one."""
        found: R | None = self._kept.get((row, key[0]), {}).get(key)
        return found

    def one(self, row: type[R], *key: Any) -> R:
        """The row of that key, which an earlier event put there."""
        found = self.get(row, *key)
        assert found is not None, f"no {row.__name__} {key}"
        return found

    def of(self, row: type[R], stream_id: StreamId) -> list[R]:
        """All rows of a production, in the order of their keys."""
        kept = self._kept.get((row, stream_id), {})
        return [kept[key] for key in sorted(kept)]

    def count(self) -> int:
        """How many rows there are."""
        return sum(map(len, self._kept.values()))

    def put(self, row: Any) -> None:
        """Add the row, or replace the one of its key."""
        key = self._keys[type(row)].key_of(row)
        self._kept.setdefault((type(row), key[0]), {})[key] = row
        self.changed.setdefault(type(row), {})[key] = row

    def remove(self, row: type, *key: Any) -> None:
        """Take the row of that key away."""
        self._kept.get((row, key[0]), {}).pop(key, None)
        self.changed.setdefault(row, {})[key] = None

    def settle(self) -> None:
        """Hold what was changed for stored; what the fold never asks for is not kept."""
        self.changed.clear()
        for place in [place for place in self._kept if self._keys[place[0]].grows]:
            del self._kept[place]

    def taken(self, row: type, but: StreamId | None) -> list[Any]:
        """Take out the rows of a kind that were put and stayed, of all productions but one."""
        changed = self.changed.pop(row, {})
        self.changed[row] = {key: value for key, value in changed.items() if key[0] == but}
        for of, stream_id in [place for place in self._kept if place[0] is row and place[1] != but]:
            del self._kept[of, stream_id]
        return [value for key, value in changed.items() if value is not None and key[0] != but]


@dataclass(frozen=True, slots=True)
class Projection(Generic[E]):
    """A question and its fold."""

    name: str
    #: The events it reads; the others never reach its fold.
    reads: frozenset[type]
    #: Raised whenever the fold or its rows change: the stored rows are then rebuilt.
    version: int
    kinds: tuple[Kind, ...]
    fold: Callable[[Rows, Recorded[E]], None]

    @property
    def changes(self) -> bool:
        """Whether its rows change: then its past is folded; else it is those rows that were there."""
        return not all(kind.final for kind in self.kinds)

    def apply(self, rows: Rows, recorded: Recorded[AnyEvent]) -> None:
        """Fold one event of the log, if it is one that the projection reads.

        Raises:
            CannotTake: the fold cannot add it to these rows.
        """
        if type(recorded.event) in self.reads:
            try:
                self.fold(rows, cast("Recorded[E]", recorded))
            except Exception as error:
                raise CannotTake.of(recorded, error) from error

    def concerns(self, event_type: str) -> bool:
        """Whether it reads events of this name; of a name that is not known here nobody can say that it does not."""
        return event_type not in EVENTS or EVENTS[event_type] in self.reads

    def replay(self, history: Iterable[Recorded[AnyEvent]]) -> Rows:
        """The rows that a history adds up to, from nothing, in memory."""
        rows = Rows().know(self.kinds)
        for recorded in history:
            self.apply(rows, recorded)
        return rows
