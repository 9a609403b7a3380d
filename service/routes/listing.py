"""Lists: pages behind opaque cursors, and the same rows whole as CSV or JSON Lines.

A cursor keeps the version that its first page showed, so that a list does not move while it is turned over.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Query, Response
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Select, select

from events.ids import StreamId
from projections.projection import Projection
from service import typesetting
from service.deciders.confidential import Sight
from service.problems import FieldError, Problem
from service.spreadsheets import CSV, XLSX, csv_of, quoted

from .access import Doors
from .views import AsOf, AtLeast, Shown, asked_for, shown_now, snapshot, stamp

V = TypeVar("V", bound=BaseModel)

JSON = "application/json"
JSON_LINES = "application/jsonl"
PDF = "application/pdf"
#: What a version of the budget and a cost report may be asked for as, beside JSON.
FILES = (CSV, XLSX, *((PDF,) if typesetting.INSTALLED else ()))


@dataclass(frozen=True, slots=True)
class Terms:
    """How a list is asked for."""

    as_of: AsOf = None
    at_least: AtLeast = None
    after: Annotated[str | None, Query(max_length=80, description="`next` of the page before.")] = None
    limit: Annotated[int, Query(ge=1, le=500, description="Entries a page.")] = 100
    accept: Annotated[
        str,
        Header(description="`application/json` (pages), `text/csv` or `application/jsonl` (all at once)."),
    ] = JSON

    @property
    def media_type(self) -> str:
        """The one of our media types that the caller prefers."""
        return preferred(self.accept, JSON, CSV, JSON_LINES)


def preferred(accept: str, *ours: str) -> str:
    """The one of our media types that the caller prefers; the first one when they take none of them."""
    return acceptable(accept, *ours) or ours[0]


def acceptable(accept: str, *ours: str) -> str | None:
    """The one of our media types that the caller prefers, the first of several alike; None when they take none."""
    asked = {part.split(";")[0].strip().lower(): _weight(part) for part in accept.split(",") if part.strip()}
    if not asked:
        return ours[0]

    def weight(each: str) -> float:
        """As the most exact range says that it is in."""
        ranges = (each, f"{each.split('/')[0]}/*", "*/*")
        return next((asked[found] for found in ranges if found in asked), 0.0)

    best = max(ours, key=weight)
    return best if weight(best) > 0 else None


def _weight(asked: str) -> float:
    """How much a part of an Accept header is preferred: its `q`, which is 1 when not said."""
    said = re.search(r";\s*q=([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", asked)
    return float(said[1]) if said else 1.0


Listing = Annotated[Terms, Depends()]


@dataclass(frozen=True, slots=True)
class Page:
    """What a list shows."""

    rows: Sequence[Any]
    next: str | None
    shown: Shown
    media_type: str


async def listed(
    at: Doors,
    projection: Projection[Any],
    stream: StreamId,
    terms: Terms,
    up_to: Callable[[int], Select[Any]],
) -> Page:
    """A page of rows, or all of them for CSV and JSON Lines.

    Args:
        up_to: the rows up to a version of the stream; their column `place` gives the order.
    """
    pinned, last = (None, -1) if terms.after is None else _places(terms.after)
    as_of = terms.as_of if pinned is None else str(pinned)
    then = await asked_for(at, projection, stream, as_of, terms.at_least)
    async with snapshot(at, projection) as (connection, position):
        shown = then or await shown_now(at, connection, projection, stream, position)
        found = up_to(shown.version).subquery()
        query = select(found).where(found.c.place > last).order_by(found.c.place)
        if terms.media_type == JSON:
            query = query.limit(terms.limit + 1)
        rows = (await connection.execute(query)).mappings().all()
    more = terms.media_type == JSON and len(rows) > terms.limit
    rows = rows[: terms.limit] if more else rows
    return Page(rows, _cursor(shown.version, rows[-1]["place"]) if more else None, shown, terms.media_type)


def answered(
    response: Response,
    page: Page,
    view: V,
    entries: Sequence[Any],
    model: type,
    name: str,
    sight: Sight,
) -> V | Response:
    """The page as JSON, or all entries for a spreadsheet or a program."""
    if page.media_type == JSON:
        stamp(response, page.shown, sight)
        return view
    everything = whole(entries, model, page.media_type, name)
    stamp(everything, page.shown, sight)
    return everything


def _cursor(version: int, place: int) -> str:
    return base64.urlsafe_b64encode(f"{version}.{place}".encode()).decode().rstrip("=")


def _places(cursor: str) -> tuple[int, int]:
    """The version and the place that a cursor says, or the problem that it is none of ours."""
    try:
        said = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True).decode("ascii")
        version, place = (int(part) for part in said.split("."))
        if not (0 < version < 2**60 and 0 <= place < 2**62):
            raise ValueError("out of range")
    except (ValueError, binascii.Error):
        error = FieldError(pointer="query after", rule="send what `next` of a page says")
        raise Problem(422, "CursorIsUnknown", "The cursor is none of ours.", "Start without one.", [error]) from None
    return version, place


def whole(entries: Iterable[Any], model: type, media_type: str, name: str) -> Response:
    """All entries at once, for a spreadsheet or a program."""
    if media_type == JSON_LINES:
        lines = b"".join(_written(model).dump_json(each) + b"\n" for each in entries)
        return Response(lines, media_type=JSON_LINES)
    return Response(as_csv(entries, model), media_type=CSV, headers=attached(f"{name}.csv"))


def as_csv(entries: Iterable[Any], model: type) -> str:
    """The entries, models or plain records, as a spreadsheet reads them, with their fields as a head."""
    columns = list(_written(model).json_schema(mode="serialization")["properties"])
    return csv_of([columns, *(_cells(each, columns, _written(model)) for each in entries)])


@cache
def _written(model: type) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def attached(name: str) -> dict[str, str]:
    """The headers of an answer that is a file."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _cells(entry: Any, columns: Sequence[str], written: TypeAdapter[Any]) -> list[str]:
    values, typed = written.dump_python(entry, mode="json"), written.dump_python(entry)
    return [_cell(values[column], is_text=isinstance(typed[column], str)) for column in columns]


def _cell(value: Any, *, is_text: bool) -> str:
    """A cell; text that looks like a formula is quoted for the spreadsheet, figures are left as they are."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return quoted(str(value)) if is_text else str(value)
