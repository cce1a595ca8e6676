"""What is wrong with a row, in words. The codes are kept with the row; the words are made for the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_sync.order_files.columns import LABELS

Text = str | Promise
WORDS: Mapping[str, Text] = {
    "empty": gettext_lazy("is empty"),
    "too_long": gettext_lazy("is longer than %(other)s characters"),
    "control": gettext_lazy("holds characters that nobody can see"),
    "spoilt": gettext_lazy(
        "“%(text)s” was shortened by a spreadsheet: format the column as text and fill the number in again"
    ),
    "not_whole": gettext_lazy("“%(text)s” is no whole number from 1 to 100,000"),
    "not_amount": gettext_lazy("“%(text)s” is no amount"),
    "fen": gettext_lazy("“%(text)s” has fractions of a fen"),
    "not_time": gettext_lazy("“%(text)s” is no time such as 2026-11-30 18:05:00"),
    "future": gettext_lazy("“%(text)s” lies in the future"),
    "unknown_status": gettext_lazy("“%(text)s” is no status that is known: created, paid or cancelled"),
    "differs": gettext_lazy("“%(text)s” is not what row %(other)s of the same order says"),
    "repeated": gettext_lazy("the number “%(text)s” stands in row %(other)s of the same order already"),
    "too_many_lines": gettext_lazy("the order has %(text)s lines; at most %(other)s are taken"),
    "sum": gettext_lazy("%(text)s is not what the rows add up to: %(other)s"),
    "above_price": gettext_lazy("%(text)s is more than the goods cost: %(other)s"),
    "sku_unknown": gettext_lazy("there is no SKU “%(text)s” yet; the order will wait until it is matched"),
    "lines_changed": gettext_lazy(
        "goods or amounts are not those of the order that is here; a file cannot change them"
    ),
    "newer_known": gettext_lazy("the order was changed after this file came: %(text)s"),
    "payment_taken": gettext_lazy("the payment %(text)s is booked for another order"),
    "payment_repeated": gettext_lazy("the payment %(text)s stands in row %(other)s already"),
    "refused": gettext_lazy("could not be taken in: %(text)s"),
}
# Said of an order that is taken in all the same.
NOTES = frozenset({"sku_unknown"})
# Why a file could not be read, by the word of the reader.
TROUBLE: Mapping[str, Text] = {
    "encoding": gettext_lazy("It is text in an encoding that was not recognised. Choose the right one below."),
    "no_text": gettext_lazy("It is neither text nor a workbook. Save it as CSV or XLSX."),
    "row": gettext_lazy("A row is far too long, or a quotation mark is never closed."),
    "rows": gettext_lazy("It has more rows than are taken at once. Divide it."),
    "columns": gettext_lazy("It has more columns than any table of orders. Check how its cells are parted."),
    "unpacked": gettext_lazy("The workbook unpacks to far more than it should. Save it as CSV."),
    "workbook": gettext_lazy("The workbook is damaged, or protected by a password. Save it once more, or as CSV."),
    "memory": gettext_lazy("Reading it takes more memory than is allowed. Save it as CSV."),
    "time": gettext_lazy("Reading it takes too long. Save it as CSV."),
    "empty": gettext_lazy("It has no rows."),
    "failed": gettext_lazy("Something went wrong that nobody foresaw; it was logged. Nothing more of it is taken in."),
}


def sentence_of(problem: Sequence[Any], headings: Mapping[str, str] | None = None) -> str:
    """One kept problem, (row, column, code, text, other), as a sentence. headings: how the file calls the columns."""
    _row, column, code, text, other = problem
    what = str(WORDS.get(code, code)) % {"text": text, "other": other}
    if not column:
        return what
    name = (headings or {}).get(column) or str(LABELS.get(column, column))
    return _("%(column)s: %(what)s") % {"column": name, "what": what}


def trouble_of(word: str) -> str:
    """Why the file could not be read."""
    return str(TROUBLE.get(word, TROUBLE["workbook"])) if word else ""
