"""Rows of a CSV or XLSX file by the names of their columns, as text. What cannot be read is said, never guessed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError
from ordercenter.common.table_process import ReadingLimits, TableBroken, opened_table
from ordercenter.common.table_reader import Unreadable, read_csv

MOST_ROWS = 200_000
_SHORTENED = re.compile(r"^\d(?:\.\d+)?E\+?\d+$", re.IGNORECASE)


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

    CSV in UTF-8, GB18030 or UTF-16, parted by commas, tabs, semicolons or bars, or XLSX (its first sheet). Empty rows
    are left out; columns of other names are ignored. Raises SheetUnreadable.
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


def is_shortened(text: str) -> bool:
    """Whether a spreadsheet made a long number of it, as 6.8E+11: its last digits are gone for good."""
    return _SHORTENED.match(text) is not None


def rows_of(content: bytes) -> Iterator[list[str]]:
    """All rows of a file as texts, its headings among them, empty ones too. Raises SheetUnreadable.

    A workbook is read by a process of its own with limits, see `table_process`.
    """
    try:
        if content[:4] == b"PK\x03\x04":
            with opened_table([content], limits=ReadingLimits(rows=MOST_ROWS)) as table:
                yield from _with_empty_rows(table.rows)
        else:
            _how, rows = read_csv(io.BytesIO(content))
            yield from rows
    except (TableBroken, Unreadable) as error:
        raise SheetUnreadable(str(error)) from error


def _with_empty_rows(rows: Iterator[tuple[int, list[str]]]) -> Iterator[list[str]]:
    at = 0
    for number, row in rows:
        for _empty in range(number - at - 1):
            yield []
        yield row
        at = number


def plain_heading(heading: str) -> str:
    """A heading without what people write one way or another: case, spaces, the width of brackets."""
    return heading.strip().lower().replace(" ", "").replace("（", "(").replace("）", ")")
