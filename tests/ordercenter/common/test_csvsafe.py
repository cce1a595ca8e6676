"""CSV for spreadsheets: text is text, numbers are numbers."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from ordercenter.common.csvsafe import csv_bytes, safe_text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"])
def test_text_that_would_be_run_gets_an_apostrophe(start):
    assert safe_text(f"{start}1") == f"'{start}1"


@pytest.mark.parametrize("text", ["", "abc", "1-2", "a=b", "木棉", " =1"])
def test_other_text_stays_as_it_is(text):
    assert safe_text(text) == text


def test_numbers_stay_numbers_and_nothing_is_empty():
    (content,) = csv_bytes([["-1", -1, Decimal("-0.50"), Decimal("1E+3"), None]], encoding="utf-8")

    assert content == b"'-1,-1,-0.50,1000,\r\n"


def test_quotes_commas_and_line_ends_come_back_as_they_went():
    row = ['say "hi"', "a,b", "two\r\nlines", "尾"]

    content = b"".join(csv_bytes([row], encoding="gb18030"))

    assert list(csv.reader(io.StringIO(content.decode("gb18030"), newline=""))) == [row]


def test_the_mark_of_utf8_stands_once_however_long_the_file():
    content = b"".join(csv_bytes(([n] for n in range(5000)), encoding="utf-8-sig"))

    assert content.startswith(b"\xef\xbb\xbf0\r\n")
    assert content.count(b"\xef\xbb\xbf") == 1
    assert content.endswith(b"4999\r\n")
