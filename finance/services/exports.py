"""The business day as a file for finance people and their spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from django.utils.translation import gettext as _

from finance.errors import EncodingUnsupported, StatementUnknown
from finance.matching import BILL_ZONE
from finance.models import Statement, StatementLine
from finance.states import EntryKind, LineState
from ordercenter.common.csvsafe import Cell, csv_bytes

# What is asked for -> what is written: without the mark, spreadsheets take UTF-8 for something else.
ENCODINGS = {"utf-8": "utf-8-sig", "utf-8-sig": "utf-8-sig", "gb18030": "gb18030"}
_READ_ROWS = 5000


def export_statement_lines(*, statement_id: int, encoding: str = "utf-8") -> Iterator[bytes]:
    """All lines of a bill with their verdicts as CSV, in the order of the bill; entries that it lacks come first.

    encoding: utf-8 (with byte order mark) or gb18030. Amounts are numbers, text cannot act as a formula, times are
    Shanghai's. The file is made while it is read: nothing holds all of it. Raises StatementUnknown and
    EncodingUnsupported before the first byte. Who may have it is for the caller to check.
    """
    if encoding not in ENCODINGS:
        raise EncodingUnsupported(encoding=encoding)
    if not Statement.objects.filter(pk=statement_id).exists():
        raise StatementUnknown(statement_id=statement_id)
    return csv_bytes(chain([_header()], _rows(statement_id)), encoding=ENCODINGS[encoding])


def _header() -> list[Cell]:
    return [
        _("Row"),
        _("Kind"),
        _("Transaction number"),
        _("Refund request number"),
        _("Merchant order number"),
        _("Amount"),
        _("Fee"),
        _("Occurred at"),
        _("Verdict"),
        _("Expected amount"),
        _("Expected fee"),
        _("Verdict before sign-off"),
        _("Reason of sign-off"),
    ]


def _rows(statement_id: int) -> Iterator[list[Cell]]:
    # Words are looked up once: translating them again for each of 200,000 rows takes longer than all the rest.
    verdicts = {"": "", **{state.value: str(state.label) for state in LineState}}
    kinds = {kind.value: str(kind.label) for kind in EntryKind}
    lines = StatementLine.objects.filter(statement=statement_id).order_by("line_no", "pk")
    columns = lines.values_list(
        "line_no",
        "kind",
        "external_no",
        "request_no",
        "merchant_no",
        "amount",
        "fee",
        "occurred_at",
        "verdict",
        "expected_amount",
        "expected_fee",
        "found_verdict",
        "signed_off_reason",
    )
    for line_no, kind, *numbers, amount, fee, at, verdict, expected, expected_fee, found, reason in columns.iterator(
        chunk_size=_READ_ROWS
    ):
        yield [
            line_no or None,
            kinds.get(kind, kind),
            *numbers,
            amount,
            fee,
            _local(at),
            verdicts.get(verdict, verdict),
            expected,
            expected_fee,
            verdicts.get(found, found),
            reason,
        ]


def _local(at: datetime | None) -> str:
    return f"{at.astimezone(BILL_ZONE):%Y-%m-%d %H:%M:%S}" if at else ""
