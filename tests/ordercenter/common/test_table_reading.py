"""Hostile files: whatever they do, they do it to a process of their own, and it ends."""

from __future__ import annotations

import io
import os
import time
import zipfile
from typing import Any

import psutil
import pytest

from ordercenter.common.table_process import ReadingLimits, TableBroken, opened_table
from ordercenter.common.table_reader import delimiter_of, encoding_of
from ordercenter.common.xlsxsafe import xlsx_bytes

SMALL = ReadingLimits(rows=1000, columns=50, memory=256 * 1024 * 1024, cpu_s=20, wall_s=30.0)


def read(content: bytes, limits: ReadingLimits = SMALL, **given: Any) -> list[tuple[int, list[str]]]:
    with opened_table([content], limits=limits, **given) as table:
        return list(table.rows)


def refused(content: bytes, limits: ReadingLimits = SMALL, **given: Any) -> str:
    with pytest.raises(TableBroken) as error:
        read(content, limits, **given)
    return str(error.value.problem)


def workbook(sheet: bytes) -> bytes:
    """A workbook whose first sheet is these bytes."""
    plain = io.BytesIO(xlsx_bytes([["a"]], title="t"))
    packed = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, True, 1) as target:
        for name in source.namelist():
            target.writestr(name, sheet if name.endswith("sheet1.xml") else source.read(name))
    return packed.getvalue()


NS = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = b"</sheetData></worksheet>"


def test_blanks_that_unpack_to_hundreds_of_megabytes_are_refused_unread() -> None:
    begun = time.monotonic()

    assert refused(workbook(NS + b" " * 100_000_000 + END)) == "unpacked"
    assert time.monotonic() - begun < 20


def test_a_million_tiny_cells_end_at_the_limit_of_rows() -> None:
    rows = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (n, n) for n in range(1, 100_001))

    assert refused(workbook(NS + rows + END)) == "rows"


def test_a_cell_in_the_last_row_of_the_world_is_one_row() -> None:
    far = NS + b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="A1048576"><v>2</v></c></row>' + END

    assert read(workbook(far)) == [(1, ["1"]), (1_048_576, ["2"])]


@pytest.mark.parametrize(
    "head",
    [
        b'<!DOCTYPE x [<!ENTITY a "1">]>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        b"<!DOCTYPE x [" + b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 9)) + b"]>",
    ],
    ids=["entity", "external", "laughs"],
)
def test_entities_are_neither_expanded_nor_fetched(head: bytes) -> None:
    sheet = b'<?xml version="1.0"?>' + head + NS + b'<row r="1"><c r="A1" t="str"><v>&a;</v></c></row>' + END

    assert refused(workbook(sheet)) == "workbook"


def test_sixty_thousand_levels_and_a_torn_workbook_are_refused() -> None:
    assert refused(workbook(NS + b"<x>" * 60_000)) in ("workbook", "memory")
    assert refused(xlsx_bytes([["a", "b"]], title="t")[:900]) == "workbook"
    assert refused(b"PK\x03\x04 nothing") == "workbook"


def test_a_reader_that_takes_too_long_is_ended_and_leaves_no_process() -> None:
    before = {child.pid for child in psutil.Process().children()}
    long = b"a,b\n" + b"1,2\n" * 2_000_000

    begun = time.monotonic()
    problem = refused(long, ReadingLimits(rows=10_000_000, wall_s=0.6))

    assert problem == "time"
    assert time.monotonic() - begun < 10
    assert {child.pid for child in psutil.Process().children()} <= before


def test_memory_beyond_the_limit_ends_the_reader_only() -> None:
    # One cell of eighty megabytes that pack badly: read whole before anybody sees how long it is.
    text = os.urandom(40_000_000).hex().encode()
    cell = b'<row r="1"><c r="A1" t="inlineStr"><is><t>' + text + b"</t></is></c></row>"

    assert refused(workbook(NS + cell + END), ReadingLimits(memory=220 * 1024 * 1024)) == "memory"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe\x00", "encoding"),
        (b"a,b\n1,\x00\n" + b"x,y\n" * 50, "no_text"),
        (b"\x81\xff,\xff\x81\n", "encoding"),
        (b'a,b\n"' + b"x" * 300_000, "row"),
        (b",".join([b"1"] * 60) + b"\n", "columns"),
    ],
)
def test_what_is_no_table_is_said_by_its_kind(content: bytes, problem: str) -> None:
    assert refused(content) == problem


def test_a_chosen_encoding_that_does_not_fit_is_a_problem_not_a_guess() -> None:
    assert refused("单号,数量\n1,2\n".encode("gb18030"), encoding="utf-8") == "encoding"


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("a;b;c\n1,5;2;3\n2,5;3;4\n", ";"),
        ("a,b\n1;2,3\n", ","),
        ("a\tb\n1\t2,5\n", "\t"),
        ("sep=|\na,b|c\n", "|"),
        ('"a, b";c\n"d, e";f\n', ";"),
        ("单列\n一\n", ","),
    ],
)
def test_what_parts_the_cells_is_what_gives_rows_of_one_width(text: str, sign: str) -> None:
    assert delimiter_of(text) == sign


@pytest.mark.parametrize("name", ["utf-8", "gb18030", "utf-16-le", "utf-16-be"])
def test_chinese_text_without_a_mark_is_recognised(name: str) -> None:
    text = "订单号,数量,收货人\n" + "".join(f"2026113000{n},1,王小明\n" for n in range(50))

    assert encoding_of(io.BytesIO(text.encode(name))) == name
