"""Reads a CSV file or a workbook row by row, and says how it read it. A program of its own, for files of strangers.

Run by `table_process` in a process with limits on memory, time, rows and unpacked bytes: whatever a hostile workbook
does to a reader of XML, it does it to this process alone. It knows nothing of the project (standard library and
openpyxl only), reads the file from its standard input and writes JSON lines:

    {"form": "csv", "encoding": "gb18030", "delimiter": ";"}     how the file is read
    [2, ["A-1", "3"]]                                             a row that is not empty, numbered as spreadsheets do
    {"rows": 1}                                                   the end; or {"problem": "rows", "detail": "..."}
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import resource
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, BinaryIO

ENCODINGS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be", "big5", "cp1252")
DELIMITERS = (",", "\t", ";", "|")
# What of a file is looked at to guess how it is written.
_SAMPLE = 256 * 1024
_LONGEST_CELL = 131_072
_LONGEST_ROW = 1024 * 1024
_WORKBOOK = b"PK\x03\x04"
# Rows of cells pack ten to twenty times, and hardly ever a hundred; what packs better unpacks to blanks.
_MOST_PACKED, _PACKED_FROM = 200, 8 * 1024 * 1024
# A double holds fifteen digits: what is longer was a number of an order once and is none any more.
_EXACT = 10**15


class Unreadable(Exception):
    """The file is no table that we can read. problem: a word of this module; detail: where or what, in English."""

    def __init__(self, problem: str, detail: str = ""):
        super().__init__(f"{problem}: {detail}" if detail else problem)
        self.problem, self.detail = problem, detail


def encoding_of(stream: BinaryIO) -> str:
    """The encoding of a text: by its mark, by where its zero bytes are, or the first in which all of it can be read.

    Raises Unreadable("encoding") where neither UTF-8 nor GB18030 fits.
    """
    stream.seek(0)
    sample = stream.read(_SAMPLE)
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if sample.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if sample.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    # Without a mark: commas, digits and line ends leave a zero in every other byte.
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) > max(3, len(sample) // 16) and min(even, odd) * 8 < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    for name in ("utf-8", "gb18030"):
        if _is_written_in(stream, name):
            return name
    raise Unreadable("encoding", "neither UTF-8 nor GB18030 nor UTF-16")


def _is_written_in(stream: BinaryIO, name: str) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(name)()
    try:
        while block := stream.read(1 << 20):
            decoder.decode(block)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def delimiter_of(sample: str) -> str:
    """What parts the cells: the sign by which most rows get the same number of cells, more than one.

    A first line "sep=;", as spreadsheets write it, decides. A comma where nothing parts anything.
    """
    first = sample.lstrip("\ufeff").split("\n", 1)[0].strip().strip('"')
    if first.lower().startswith("sep=") and first[4:] in DELIMITERS:
        return first[4:]
    best, found = (0.0, 0), ","
    for sign in DELIMITERS:
        widths = [len(row) for row in _first_rows(sample, sign) if any(cell.strip() for cell in row)]
        counted = Counter(width for width in widths if width > 1)
        if not counted:
            continue
        width, rows = max(counted.items(), key=lambda pair: (pair[1] * pair[0], pair[0]))
        score = (rows / len(widths), width)
        if score > best:
            best, found = score, sign
    return found


def _first_rows(sample: str, sign: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=sign):
            rows.append(row)
            if len(rows) == 60:
                break
    except csv.Error:
        pass
    return rows


def read_csv(
    stream: BinaryIO, *, encoding: str = "", delimiter: str = ""
) -> tuple[dict[str, str], Iterator[list[str]]]:
    """How a text is read, and its rows. encoding, delimiter: of ENCODINGS and DELIMITERS; empty: found out."""
    encoding = encoding or encoding_of(stream)
    if encoding not in ENCODINGS or (delimiter and delimiter not in DELIMITERS):
        raise Unreadable("setting", f"{encoding} {delimiter!r}")
    stream.seek(0)
    sample = codecs.getincrementaldecoder(encoding)("replace").decode(stream.read(_SAMPLE))
    delimiter = delimiter or delimiter_of(sample)
    return {"form": "csv", "encoding": encoding, "delimiter": delimiter}, _csv_rows(stream, encoding, delimiter)


def _csv_rows(stream: BinaryIO, encoding: str, delimiter: str) -> Iterator[list[str]]:
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding=encoding, errors="strict", newline="")
    csv.field_size_limit(_LONGEST_CELL)
    number = 0
    try:
        for row in csv.reader(text, delimiter=delimiter):
            number += 1
            if number == 1 and row:
                row[0] = row[0].removeprefix("\ufeff").removeprefix('"').removesuffix('"')
                if len(row) <= 2 and row[0].lower().startswith("sep"):
                    row = []
            if any("\0" in cell for cell in row):
                raise Unreadable("no_text", f"row {number}")
            # Spreadsheets guard text by an apostrophe, and so do our own exports.
            yield [cell.removeprefix("'") for cell in row]
    except UnicodeDecodeError as error:
        raise Unreadable("encoding", f"not {encoding} after row {number}") from error
    except csv.Error as error:
        raise Unreadable("row", f"row {number + 1}: {error}") from error
    finally:
        text.detach()


def read_workbook(stream: BinaryIO, *, most_unpacked: int) -> tuple[dict[str, str], Iterator[list[str]]]:
    """How a workbook is read, and the rows of its first sheet that is shown. Raises Unreadable."""
    from openpyxl import load_workbook

    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as packed:
            parts = packed.infolist()
            if sum(part.file_size for part in parts) > most_unpacked or len(parts) > 10_000:
                raise Unreadable("unpacked", "the workbook unpacks to too much")
            for part in parts:
                if part.file_size > _PACKED_FROM and part.file_size > _MOST_PACKED * max(1, part.compress_size):
                    raise Unreadable("unpacked", f"{part.filename[:64]} unpacks to blanks")
        book = load_workbook(stream, read_only=True, data_only=True)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        if not sheets:
            raise Unreadable("workbook", "no sheet")
        return {"form": "xlsx", "sheet": sheets[0].title[:64]}, _sheet_rows(sheets[0])
    except Unreadable:
        raise
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the border: whatever a library makes of a broken workbook
        raise Unreadable("workbook", type(error).__name__) from error


def _sheet_rows(sheet: Any) -> Iterator[list[str]]:
    # What a sheet says of its size is often wrong, and rows are made up to it.
    sheet.reset_dimensions()
    try:
        for row in sheet.iter_rows(values_only=True):
            yield [cell_text(cell) for cell in row]
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the border, as above
        raise Unreadable("workbook", type(error).__name__) from error


def cell_text(cell: object) -> str:
    """A value of a workbook as people would type it. A number too long for a double keeps its exponent."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return repr(cell) if abs(cell) >= _EXACT else f"{cell:.6f}".rstrip("0").rstrip(".")
    if isinstance(cell, datetime):
        return str(cell.date()) if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, date | time):
        return str(cell)
    return str(cell).replace("\0", "")


def rows_in(stream: BinaryIO, settings: dict[str, Any]) -> Iterator[dict[str, Any] | tuple[int, Sequence[str]]]:
    """What the program writes: how the file is read, then its rows with their numbers. Raises Unreadable."""
    stream.seek(0)
    if stream.read(4) == _WORKBOOK:
        how, rows = read_workbook(stream, most_unpacked=settings["most_unpacked"])
    else:
        how, rows = read_csv(stream, encoding=settings["encoding"], delimiter=settings["delimiter"])
    yield how
    kept = 0
    for number, row in enumerate(rows, 1):
        while row and not row[-1].strip():
            row.pop()
        if not row:
            continue
        kept += 1
        if kept > settings["most_rows"] + 1:
            raise Unreadable("rows", f"more than {settings['most_rows']} rows")
        if len(row) > settings["most_columns"]:
            raise Unreadable("columns", f"row {number} has {len(row)} cells")
        yield number, row


def main(arguments: Sequence[str]) -> int:
    """The program: settings as one JSON object, the file on standard input."""
    settings = json.loads(arguments[0])
    # Before the file is touched: what the limits stop is this process, not the one that asked.
    import openpyxl  # noqa: F401

    resource.setrlimit(resource.RLIMIT_AS, (settings["memory"], settings["memory"]))
    resource.setrlimit(resource.RLIMIT_CPU, (settings["cpu_s"], settings["cpu_s"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    out = sys.stdout.buffer
    kept = 0
    try:
        for line in _lines(rows_in(sys.stdin.buffer, settings)):
            out.write(line)
            kept += 1
        out.write(_line({"rows": max(0, kept - 1)}))
    except Unreadable as error:
        out.write(_line({"problem": error.problem, "detail": error.detail}))
    except MemoryError:
        out.write(_line({"problem": "memory", "detail": ""}))
    out.flush()
    return 0


def _lines(things: Iterable[Any]) -> Iterator[bytes]:
    for thing in things:
        line = _line(thing)
        if len(line) > _LONGEST_ROW:
            raise Unreadable("row", "a row of more than a million bytes")
        yield line


def _line(thing: Any) -> bytes:
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
