"""CSV files that a spreadsheet opens as data, never as formulas.

A text cell beginning with = + - @ (also in full width), a tab or a line break is run or misread by spreadsheets, and
much of what we export was typed by strangers (OWASP: CSV injection). Such a cell gets an apostrophe in front. Numbers
are numbers, whatever their sign: only text is treated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice

_DANGEROUS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_CHUNK_ROWS = 2000

Cell = str | int | Decimal | None


def safe_text(text: str) -> str:
    """The text as a spreadsheet will show it, not run it."""
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def csv_bytes(rows: Iterable[Sequence[Cell]], *, encoding: str) -> Iterator[bytes]:
    """A CSV file with CRLF line ends, piece by piece. Cells: int and Decimal are numbers, None is empty, else text.

    encoding: of Python's; `utf-8-sig` begins with the mark by which spreadsheets know UTF-8.
    """
    source = iter(rows)
    while chunk := list(islice(source, _CHUNK_ROWS)):
        buffer = io.StringIO(newline="")
        csv.writer(buffer).writerows([_cell(cell) for cell in row] for row in chunk)
        yield buffer.getvalue().encode(encoding)
        # The mark stands once, at the very beginning.
        encoding = encoding.removesuffix("-sig")


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return str(cell) if isinstance(cell, int) else safe_text(str(cell))
