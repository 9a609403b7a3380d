"""What a projection is: a question, the rows that answer it, and the fold from events to rows.

A fold works on `Rows` in memory, always those of whole productions. Where the rows come from and go to is not
its business: the runner keeps them in PostgreSQL for the present; a view *as of* folds them from nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from types import UnionType
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints

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
from sqlalchemy.dialects.postgresql import JSON, TIMESTAMP
from sqlalchemy.types import TypeEngine

from events import AnyEvent
from events.envelope import Recorded
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
    #: By field, for what PostgreSQL keeps as JSON.
    adapters: Mapping[str, TypeAdapter[Any]]
    #: By field, for what it keeps as the text of an enumeration.
    enums: Mapping[str, type[StrEnum]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the table's columns, which are those of the row's fields."""
        return tuple(column.name for column in self.table.columns)

    def written(self, row: Any) -> list[Any]:
        """The row's values in the order of the table's columns."""
        return [
            getattr(row, name) if name not in self.adapters else _text(self.adapters[name], getattr(row, name))
            for name in self.columns
        ]

    def read(self, values: Mapping[str, Any]) -> Any:
        """A row from the table; JSON arrives as text."""
        return self.row(**{name: self._read(name, values[name]) for name in self.columns})

    def _read(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name in self.adapters:
            return self.adapters[name].validate_json(value)
        return self.enums[name](value) if name in self.enums else value


def _text(adapter: TypeAdapter[Any], value: Any) -> str | None:
    return None if value is None else adapter.dump_json(value).decode()


def kind(name: str, row: type, *key: str, grows: bool = False, indexed: Iterable[tuple[str, ...]] = ()) -> Kind:
    """A kind of row from its dataclass: text, numbers, dates as they are, anything else as JSON.

    Args:
        indexed: the columns of further indexes, each named for its last column.
    """
    columns: list[Any] = []
    adapters: dict[str, TypeAdapter[Any]] = {}
    enums: dict[str, type[StrEnum]] = {}
    hints = get_type_hints(row)
    for field in fields(row):
        hint = hints[field.name]
        optional = get_origin(hint) in (Union, UnionType) and type(None) in get_args(hint)
        plain = next(arg for arg in get_args(hint) if arg is not type(None)) if optional else hint
        if isinstance(plain, type) and issubclass(plain, StrEnum):
            enums[field.name] = plain
            plain = str
        stored = _TYPES.get(plain)
        if stored is None:
            adapters[field.name] = TypeAdapter(hint)
        columns.append(Column(field.name, JSON() if stored is None else stored, nullable=optional))
    table = Table(name, metadata, *columns, PrimaryKeyConstraint(*key))
    for of in indexed:
        Index(f"{name}_{of[-1]}", *(table.c[column] for column in of))
    return Kind(row, table, key, _key_of(key), grows, adapters, enums)


def _key_of(key: tuple[str, ...]) -> Callable[[Any], Key]:
    parts = attrgetter(*key)
    return parts if len(key) > 1 else lambda row: (parts(row),)


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

    def put(self, row: Any) -> None:
        """Add the row, or replace the one of its key."""
        key = self._keys[type(row)].key_of(row)
        self._kept.setdefault((type(row), key[0]), {})[key] = row
        self.changed.setdefault(type(row), {})[key] = row

    def remove(self, row: type, *key: Any) -> None:
        """Take the row of that key away."""
        self._kept.get((row, key[0]), {}).pop(key, None)
        self.changed.setdefault(row, {})[key] = None


@dataclass(frozen=True, slots=True)
class Projection(Generic[E]):
    """A question and its fold."""

    name: str
    #: The events it reads; the others never reach its fold.
    reads: tuple[type, ...]
    #: Raised whenever the fold or its rows change: the stored rows are then rebuilt.
    version: int
    kinds: tuple[Kind, ...]
    fold: Callable[[Rows, Recorded[E]], None]

    def apply(self, rows: Rows, recorded: Recorded[AnyEvent]) -> None:
        """Fold one event of the log, if it is one that the projection reads."""
        if isinstance(recorded.event, self.reads):
            self.fold(rows, cast("Recorded[E]", recorded))

    def replay(self, history: Iterable[Recorded[AnyEvent]]) -> Rows:
        """The rows that a history adds up to, from nothing, in memory."""
        rows = Rows().know(self.kinds)
        for recorded in history:
            self.apply(rows, recorded)
        return rows
