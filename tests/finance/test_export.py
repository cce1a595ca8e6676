"""The day as a file: complete, exact, readable by spreadsheets, and never run by them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from django.utils import translation

from finance.errors import EncodingUnsupported, StatementUnknown
from finance.models import Statement, StatementLine
from finance.services import export_statement_lines, sign_off
from ordercenter.common.actor import Actor
from ordercenter.orders.models import Order
from tests.finance.bills import MORNING_AFTER, changed, line_of, pay, strange_line, take_in
from tests.finance.factories import make_order, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    return make_order(make_shop(), total=Decimal("236.80"))


def exported(encoding: str = "utf-8") -> bytes:
    with translation.override("en"):
        return b"".join(export_statement_lines(statement_id=Statement.objects.get().pk, encoding=encoding))


def rows(content: bytes, encoding: str = "utf-8-sig") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(encoding), newline="")))


def test_every_line_is_there_with_both_sides_of_a_difference(order):
    payment = pay(order, "A1", "236.80")
    refund = pay(order, "A1", "59.20", refund="RF1")
    take_in([line_of(payment), changed(line_of(refund), amount="-60.00")])

    header, first, second = rows(exported())

    assert header[:3] == ["Row", "Kind", "Transaction number"]
    merchant_no = f"T200P{order.channel_order_no}"
    assert first == [
        "6",
        "Payment",
        "A1",
        "",
        merchant_no,
        "236.80",
        "-1.42",
        "2026-11-11 12:00:00",
        "Matched",
        "",
        "",
        "",
        "",
    ]
    assert second == [
        "7",
        "Refund",
        "A1",
        "RF1",
        merchant_no,
        "-60.00",
        "0.36",
        "2026-11-11 12:00:00",
        "Amount differs",
        "-59.20",
        "0.36",
        "",
        "",
    ]


def test_a_file_in_utf8_begins_with_its_mark_once_and_gb18030_has_none(order):
    take_in([strange_line(f"X{n}") for n in range(4500)])

    utf8, gb18030 = exported(), exported("gb18030")

    assert utf8.startswith(b"\xef\xbb\xbf")
    assert utf8.count(b"\xef\xbb\xbf") == 1
    assert rows(utf8) == rows(gb18030, "gb18030")
    assert len(rows(utf8)) == 4501


def test_headings_and_verdicts_speak_the_language_of_the_reader(order):
    take_in([strange_line("X1")])

    with translation.override("zh-hans"):
        content = b"".join(export_statement_lines(statement_id=Statement.objects.get().pk, encoding="gb18030"))

    assert len(rows(content, "gb18030")[1]) == 13


def test_text_that_a_spreadsheet_would_run_is_shown_and_negative_amounts_stay_numbers(order):
    take_in([strange_line("=HYPERLINK(1)", "9.90"), line_of(pay(order, "A1", "5.00", refund="@SUM(A1)"))])
    line = StatementLine.objects.get(external_no="=HYPERLINK(1)")
    sign_off(line_ids=[line.pk], reason='-2+3"|cmd', at=MORNING_AFTER, actor=Actor("person", "wang"))

    _header, first, second = rows(exported())

    assert (first[2], first[12]) == ("'=HYPERLINK(1)", "'-2+3\"|cmd")
    assert (second[3], second[5]) == ("'@SUM(A1)", "-5.00")


def test_the_file_is_made_while_it_is_read(order):
    take_in([strange_line(f"X{n}") for n in range(4500)])

    pieces = list(export_statement_lines(statement_id=Statement.objects.get().pk))

    assert len(pieces) == 3


def test_what_cannot_be_exported_is_refused_before_the_first_byte(order):
    with pytest.raises(StatementUnknown):
        export_statement_lines(statement_id=10**9)
    take_in([])
    with pytest.raises(EncodingUnsupported):
        export_statement_lines(statement_id=Statement.objects.get().pk, encoding="latin-1")
