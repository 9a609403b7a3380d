"""The past of a read model: the same fold, up to a version, begun at the nearest mark.

A mark is what the fold had come to at a version of a long production. It is made of the log alone, is of one
version of the fold, and is only taken where the log still holds the link it was made at; all of them may be
deleted at any time, and nothing but time is lost.
"""

import asyncio
from functools import cache
from typing import Any

from msgspec.json import Decoder, encode
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from events.ids import StreamId
from events.log import COLUMNS, recorded

from .projection import Projection, Rows, metadata

#: Versions between two marks at the least.
EVERY = 1000
#: Events that are folded before others get a turn.
SLICE = 50
#: A mark of many rows must save more: so many rows of it stand for one version.
ROWS_A_VERSION = 4

marks = Table(
    "marks",
    metadata,
    Column("projection", Text(collation="C"), primary_key=True),
    Column("stream_id", Text(collation="C"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("fold", Integer, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("rows", Text, nullable=False),
)


async def rows_at(pool: Any, projection: Projection[Any], stream_id: StreamId, version: int, pause: float = 0) -> Rows:
    """The rows about a production as of a version of its stream; marks are laid on the way.

    Args:
        pause: seconds after every few events, for who is in no hurry.
    """
    rows, at = Rows().know(projection.kinds), 0
    mark = await pool.fetchrow(
        "SELECT m.version, m.rows FROM marks m JOIN events e USING (stream_id, version, link)"
        " WHERE m.projection = $1 AND m.stream_id = $2 AND m.version <= $3 AND m.fold = $4"
        " ORDER BY m.version DESC LIMIT 1",
        projection.name,
        stream_id,
        version,
        projection.version,
    )
    if mark is not None:
        at = mark["version"]
        for some in _decoder(tuple(kind.row for kind in projection.kinds)).decode(mark["rows"]):
            for row in some:
                rows.load(row)
    marked, types = at, [event.__name__ for event in projection.reads]
    while at < version:
        after, at = at, min(at + EVERY, version)
        history = await pool.fetch(
            f"SELECT {COLUMNS} FROM events WHERE stream_id = $1 AND version > $2 AND version <= $3"
            " AND type = ANY($4) ORDER BY version",
            stream_id,
            after,
            at,
            types,
        )
        for place, row in enumerate(history, 1):
            projection.apply(rows, recorded(row))
            if place % SLICE == 0:
                await asyncio.sleep(pause)
        if at - marked >= max(EVERY, rows.count() / ROWS_A_VERSION):
            await _lay(pool, projection, stream_id, at, rows)
            marked = at
        await asyncio.sleep(pause)
    return rows


async def _lay(pool: Any, projection: Projection[Any], stream_id: StreamId, version: int, rows: Rows) -> None:
    await pool.execute(
        "INSERT INTO marks (projection, stream_id, version, fold, link, rows)"
        " SELECT $1, stream_id, version, $4, link, $5 FROM events WHERE stream_id = $2 AND version = $3"
        " ON CONFLICT (projection, stream_id, version)"
        " DO UPDATE SET fold = excluded.fold, link = excluded.link, rows = excluded.rows",
        projection.name,
        stream_id,
        version,
        projection.version,
        encode([rows.of(kind.row, stream_id) for kind in projection.kinds]).decode(),
    )


@cache
def _decoder(kinds: tuple[type, ...]) -> Decoder[tuple[list[Any], ...]]:
    lists: Any = tuple(list[kind] for kind in kinds)  # type: ignore[valid-type]
    return Decoder(tuple[lists])
