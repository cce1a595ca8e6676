"""Tables in and out: headings in two languages, two encodings, workbooks; nothing is run, nothing is guessed."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import Workbook, load_workbook

from ordercenter.common.sheets import SheetUnreadable, read_sheet
from ordercenter.common.xlsxsafe import xlsx_bytes

COLUMNS = {"sku": ("商品编码",), "pieces": ("数量",)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("heading", ["商品编码,数量", "SKU, Pieces", "数量,商品编码"])
def test_headings_of_both_languages_in_any_order_and_encoding_are_understood(encoding: str, heading: str) -> None:
    cells = "木棉-1,5" if not heading.startswith("数量") else "5,木棉-1"

    (row,) = read_sheet(f"{heading}\r\n{cells}\r\n,\r\n".encode(encoding), COLUMNS, ("sku", "pieces"))

    assert (row.number, dict(row.cells)) == (2, {"sku": "木棉-1", "pieces": "5"})


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SheetUnreadable) as refused:
        read_sheet(b"sku,what\r\nA,1\r\n", COLUMNS, ("sku", "pieces"))

    assert refused.value.missing == ["pieces"]
    assert refused.value.code == "common.table_unreadable"


def test_two_columns_of_one_meaning_are_refused_rather_than_one_taken() -> None:
    with pytest.raises(SheetUnreadable, match="two columns for pieces"):
        read_sheet("sku,pieces,数量\r\nA,1,2\r\n".encode(), COLUMNS, ("sku",))


def test_a_workbook_goes_out_and_comes_back_as_it_was_and_runs_nothing() -> None:
    rows = [["sku", "pieces"], ["=1+1", 5], ["+木棉\x07", -3], ["-2", Decimal("1.50")]]

    content = xlsx_bytes(rows, title="库存")

    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    assert (sheet.title, sheet["A2"].data_type, sheet["A2"].value) == ("库存", "s", "=1+1")
    read = [tuple(row.cells.values()) for row in read_sheet(content, COLUMNS, ("sku",))]
    assert read == [("=1+1", "5"), ("+木棉", "-3"), ("-2", "1.5")]


def test_days_and_whole_numbers_of_a_workbook_are_read_as_they_are_shown() -> None:
    book = Workbook()
    assert book.active is not None
    for row in (["sku", "pieces"], [1001, date(2026, 12, 1)], [1002.0, 7.0]):
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)

    read = [tuple(row.cells.values()) for row in read_sheet(content.getvalue(), COLUMNS, ("sku",))]

    assert read == [("1001", "2026-12-01"), ("1002", "7")]


def test_a_workbook_that_would_unpack_to_more_than_we_have_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 20_000_000)

    with pytest.raises(SheetUnreadable, match="unpacks to blanks"):
        read_sheet(packed.getvalue(), COLUMNS, ("sku",))
