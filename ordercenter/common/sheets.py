"""Rows of a CSV or XLSX file by the names of their columns, as text. What cannot be read is said, never guessed."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook

from ordercenter.common.errors import OrderCenterError

MOST_ROWS = 200_000
# A workbook is a packed file: a few kilobytes can unpack to more than the machine has.
MOST_UNPACKED = 512 * 1024 * 1024


class SheetUnreadable(OrderCenterError):
    """The file is no table that we can read. why: in English, for logs; missing: our names of absent columns."""

    code = "common.table_unreadable"
    title = _("The file is no table that can be read.")
    hint = _("Take the sample table as a start, and save it as CSV (UTF-8 or GB18030) or XLSX.")
    status = 400

    def __init__(self, why: str, *, missing: Sequence[str] = ()):
        super().__init__(why)
        self.why, self.missing = why, list(missing)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row. number: as a spreadsheet counts, the heading is 1. cells: by our names of the columns."""

    number: int
    cells: Mapping[str, str]


def read_sheet(content: bytes, columns: Mapping[str, Sequence[str]], needed: Sequence[str]) -> list[SheetRow]:
    """The rows of a file. columns: our name -> the headings it may have. needed: columns that must be there.

    CSV in UTF-8 or GB18030, or XLSX (its first sheet). Empty rows are left out; columns of other names are ignored.
    Raises SheetUnreadable.
    """
    rows = rows_of(content)
    heading = next(rows, None)
    if heading is None:
        raise SheetUnreadable("the file is empty")
    known = {plain_heading(name): ours for ours, names in columns.items() for name in (ours, *names)}
    places: dict[str, int] = {}
    for i, cell in enumerate(heading):
        ours = known.get(plain_heading(cell))
        if ours in places:
            raise SheetUnreadable(f"two columns for {ours}")
        if ours is not None:
            places[ours] = i
    if missing := [name for name in needed if name not in places]:
        raise SheetUnreadable(f"columns missing: {', '.join(missing)}", missing=missing)
    found = []
    for number, row in enumerate(rows, 2):
        cells = {ours: row[i].strip() if i < len(row) else "" for ours, i in places.items()}
        if any(cells.values()):
            found.append(SheetRow(number, cells))
        if len(found) > MOST_ROWS:
            raise SheetUnreadable(f"more than {MOST_ROWS} rows")
    return found


def rows_of(content: bytes) -> Iterator[list[str]]:
    """All rows of a file as texts, its headings among them. Raises SheetUnreadable."""
    return _xlsx(content) if content[:4] == b"PK\x03\x04" else _csv(content)


def plain_heading(heading: str) -> str:
    """A heading without what people write one way or another: case, spaces, the width of brackets."""
    return heading.strip().lower().replace(" ", "").replace("（", "(").replace("）", ")")


def _csv(content: bytes) -> Iterator[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise SheetUnreadable("neither UTF-8 nor GB18030 text")
    if "\x00" in text:
        raise SheetUnreadable("no text")
    try:
        # Spreadsheets guard text by an apostrophe, and so do our own exports.
        yield from ([cell.removeprefix("'") for cell in row] for row in csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise SheetUnreadable(str(error)) from error


def _xlsx(content: bytes) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED:
                raise SheetUnreadable("the workbook is too large")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield [_text(cell) for cell in row]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise SheetUnreadable("no XLSX workbook") from error


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6f}".rstrip("0").rstrip(".")
    return str(cell.date()) if hasattr(cell, "date") else str(cell)
