"""Cells and bytes of spreadsheets: what a file holds, as rows of text, and text that is no formula."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

#: What a spreadsheet would take for a formula at the start of a cell.
_FORMULA = "=+\\-@\t\r＝＋－＠"
#: Text that begins like one is quoted; so is text that looks quoted, so that each reads back as it was.
_QUOTES = re.compile(f"'*[{_FORMULA}]").match
_QUOTED = re.compile(f"'+[{_FORMULA}]").match

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


#: What a workbook may unpack to: a small file can hold a very large one.
_UNPACKED_AT_MOST = 200 * 1024 * 1024


class NotASpreadsheet(ValueError):
    """The bytes are no file of the kind that they were sent as."""


def quoted(text: str) -> str:
    """The text, so that a spreadsheet shows it and never runs it."""
    return f"'{text}" if _QUOTES(text) else text


def unquoted(text: str) -> str:
    """The text that was quoted."""
    return text[1:] if _QUOTED(text) else text


def csv_of(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV (RFC 4180)."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def rows_of_csv(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file that are not empty, with their numbers; separated by commas, semicolons or tabs.

    Raises:
        NotASpreadsheet: it is no text, or holds no separated values.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")  # older tools write what Windows did
    if "\0" in text:
        raise NotASpreadsheet("the file is no text; an XLSX file is sent as one")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first.count)
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator), 1):
            if any(cell.strip() for cell in cells):
                yield number, [unquoted(cell.strip()) for cell in cells]
    except csv.Error as error:
        raise NotASpreadsheet(f"the file is no CSV: {error}") from None


def rows_of_xlsx(data: bytes, sheet: str | None) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet that are not empty, with their numbers; of the first sheet unless one is named.

    Raises:
        NotASpreadsheet: it is no workbook, or has no such sheet.
    """
    workbook = _workbook(data)
    names = workbook.sheet_names
    if sheet is not None and sheet not in names:
        raise NotASpreadsheet(f"the workbook has no sheet {sheet}; its sheets are {', '.join(names)}")
    try:
        rows = workbook.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise NotASpreadsheet(f"the sheet cannot be read: {error}") from None
    for number, cells in enumerate(rows, 1):
        said = [_text(cell).strip() for cell in cells]
        if any(said):
            yield number, said


def sheets_of(data: bytes) -> list[str]:
    """The names of a workbook's sheets.

    Raises:
        NotASpreadsheet: it is no workbook.
    """
    return list(_workbook(data).sheet_names)


def _workbook(data: bytes) -> CalamineWorkbook:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(each.file_size for each in packed.infolist()) > _UNPACKED_AT_MOST:
                raise NotASpreadsheet("the workbook unpacks to more than 200 MiB")
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except (CalamineError, zipfile.BadZipFile) as error:
        raise NotASpreadsheet(f"the file is no workbook: {error}") from None


def _text(cell: Any) -> str:
    """A cell as somebody would type it: a spreadsheet's numbers are doubles, whose shortest text is what was typed."""
    match cell:
        case bool():
            return str(cell).upper()
        case int() | float():
            shortest = Decimal(repr(cell))
            return f"{shortest.normalize() if shortest == shortest.to_integral_value() else shortest:f}"
        case date():
            return cell.isoformat()
        case _:
            return str(cell)
