"""Workbooks for spreadsheets: text stays text and is never run as a formula, numbers stay numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from ordercenter.common.csvsafe import Cell

# What a workbook cannot hold: control characters but tab and line ends.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LONGEST = 32_767


def xlsx_bytes(rows: Iterable[Sequence[Cell]], *, title: str) -> bytes:
    """A workbook of one sheet; the first row is its heading and stays in view. Cells as for `csvsafe.csv_bytes`."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_UNWRITABLE.sub("", title)[:31])
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append([_cell(sheet, cell) for cell in row])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _cell(sheet: WriteOnlyWorksheet, cell: Cell) -> object:
    if not isinstance(cell, str):
        return cell
    text = _UNWRITABLE.sub("", cell)[:_LONGEST]
    if not text.startswith("="):
        return text
    # The library takes such a text for a formula, unless it is told otherwise after the value.
    written = WriteOnlyCell(sheet, value=text)
    written.data_type = "s"
    return written
