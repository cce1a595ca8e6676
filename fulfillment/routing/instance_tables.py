"""Tables of an instance folder, read strictly: whatever is wrong is named with file and row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

MOST = 10**9


class BadInstance(ValueError):
    """A file of the folder that cannot be used; row is the line of the file, the header being 1."""

    def __init__(self, file: str, row: int | None, problem: str):
        super().__init__(f"{file}, row {row}: {problem}" if row else f"{file}: {problem}")
        self.file, self.row, self.problem = file, row, problem


class Row:
    """One row of a table, that knows where it stands."""

    __slots__ = ("cells", "columns", "file", "number")

    def __init__(self, file: str, number: int, columns: dict[str, int], cells: list[str]):
        self.file, self.number, self.columns, self.cells = file, number, columns, cells

    def bad(self, problem: str) -> BadInstance:
        return BadInstance(self.file, self.number, problem)

    def text(self, column: str) -> str:
        return self.cells[self.columns[column]]

    def integer(self, column: str, *, least: int = 0, most: int = MOST) -> int:
        text = self.cells[self.columns[column]]
        # int() would take "１", "1_0" and " 1" too.
        if text.isascii() and text.isdigit() and len(text) < 12 and least <= (number := int(text)) <= most:
            return number
        raise self.bad(f"{column} is not a whole number from {least} to {most}: {text!r}")

    def parts(self, column: str, unit: int) -> int:
        """A decimal of the file counted in parts of a unit: yuan in fen (100), kilogram in gram (1000)."""
        try:
            return whole_parts(self.cells[self.columns[column]], unit)
        except ValueError as error:
            raise self.bad(f"{column} {error}") from None


def whole_parts(text: str, unit: int) -> int:
    """ "2.50" with unit 100 is 250. Raises ValueError for what is no plain number of whole parts, or below zero."""
    try:
        number = Decimal(text) if text.isascii() and "_" not in text and text == text.strip() else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or not 0 <= number <= MOST:
        raise ValueError(f"is not a number from 0 to {MOST}: {text!r}")
    parts = number * unit
    if parts != parts.to_integral_value():
        raise ValueError(f"is finer than 1/{unit}: {text!r}")
    return int(parts)


def read_rows(folder: Path, file: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file with a header line that names at least these columns."""
    try:
        with (folder / file).open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            header = next(reader, [])
            index = {name: place for place, name in enumerate(header)}
            if len(index) != len(header):
                raise BadInstance(file, 1, "a column stands twice in the header")
            if missing := [name for name in columns if name not in index]:
                raise BadInstance(file, 1, f"columns missing: {', '.join(missing)}")
            for cells in reader:
                if len(cells) != len(header):
                    if not cells:
                        continue
                    raise BadInstance(file, reader.line_num, f"{len(cells)} cells under {len(header)} columns")
                yield Row(file, reader.line_num, index, cells)
    except FileNotFoundError:
        raise BadInstance(file, None, "this file is missing") from None
    except UnicodeDecodeError:
        raise BadInstance(file, None, "is not UTF-8") from None
    except csv.Error as error:
        raise BadInstance(file, reader.line_num, f"is not CSV: {error}") from None


def read_json(folder: Path, file: str) -> dict[str, Any]:
    """A JSON object, numbers with a point as Decimal."""
    try:
        value = json.loads((folder / file).read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except FileNotFoundError:
        raise BadInstance(file, None, "this file is missing") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInstance(file, getattr(error, "lineno", None), "is not JSON") from None
    if not isinstance(value, dict):
        raise BadInstance(file, None, "is not a JSON object")
    return value
