"""The rows of refused orders, as they came, with the reason beside them: to be mended and sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from channels_sync.order_file_models import FileOrderRow, OrderFile
from channels_sync.order_files.bringing import rows_of_file
from channels_sync.order_files.rows import orders_in
from channels_sync.order_files.running import file_layout
from channels_sync.order_files.words import sentence_of
from channels_sync.states import FileVerdict
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor


def take_out_refused(*, file: OrderFile, actor: Actor, at: datetime) -> Iterator[list[str]]:
    """The refused rows for somebody who mends them; receivers are in clear there, so that it happened is kept."""
    with unit_of_work(at=at, actor=actor) as work:
        subject = f"orderfile:{file.pk}"
        record_deed(work, action="orders.file_refused_rows", subject=subject, details={"orders": file.refused})
    return refused_rows(file)


def refused_rows(file: OrderFile) -> Iterator[list[str]]:
    """The heading and the refused rows, in the file's own columns and order, the reason in one column more.

    Of an order of several rows each says what is wrong with it, or which row is. The cells are as they were read; who
    writes them to a file keeps them from being run (`csvsafe`, `xlsxsafe`).
    """
    refused = {
        row.first_row: row.problems
        for row in FileOrderRow.objects.filter(file=file, verdict=FileVerdict.REFUSED).order_by("first_row")
    }
    reasons = _reasons(file, refused)
    width = len(file.headings)
    yield [*file.headings, _("reason")]
    for number, cells in rows_of_file(file):
        if number in reasons:
            filled = [*cells[:width], *[""] * (width - len(cells))]
            yield [*filled, reasons[number]]


def _reasons(file: OrderFile, refused: dict[int, list[list[str]]]) -> dict[int, str]:
    reasons: dict[int, str] = {}
    if not refused:
        return reasons
    for order in orders_in(lambda: rows_of_file(file), file_layout(file), at=file.uploaded_at):
        problems = refused.get(order.first_row)
        if problems is None:
            continue
        for row in order.rows:
            own = [sentence_of(problem, file.columns) for problem in problems if problem[0] == row]
            others = sorted({int(problem[0]) for problem in problems} - {row})
            reasons[row] = "; ".join(own) or _("see row %(rows)s") % {"rows": ", ".join(map(str, others))}
    return reasons
