"""Files of orders for their pages: how far they are, what their orders do, their first rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from channels_sync.models import ChannelAccount
from channels_sync.order_file_models import FileOrderRow, OrderFile
from channels_sync.order_files.bringing import rows_of_file
from channels_sync.order_files.cells import masked_cell
from channels_sync.order_files.words import NOTES, sentence_of
from ordercenter.catalog.models import Shop
from ordercenter.common.scope import Scope

PAGE_ROWS = 100
SHOWN_ROWS = 6


@dataclass(frozen=True)
class OrderLineOfFile:
    """One order of a file with its mistakes and notes in words."""

    row: FileOrderRow
    problems: list[str]
    notes: list[str]


def files_in_scope(scope: Scope) -> QuerySet[OrderFile]:
    """Newest first."""
    files = OrderFile.objects.select_related("shop", "uploaded_by", "approved_by").order_by("-pk")
    return scope.narrow(files, shop="shop_id")


def shops_for_files(scope: Scope) -> list[Shop]:
    """Shops whose orders do not come from a platform."""
    driven = ChannelAccount.objects.filter(is_active=True).exclude(adapter__in=("file", "pos")).values("shop_id")
    shops = Shop.objects.filter(is_active=True).exclude(pk__in=driven).order_by("name")
    return list(scope.narrow(shops, shop="pk"))


def orders_of(file: OrderFile, *, verdict: str, after: int) -> tuple[list[OrderLineOfFile], bool]:
    """A page of the file's orders by their first row, and whether more follow."""
    rows = FileOrderRow.objects.filter(file=file, first_row__gt=after).order_by("first_row")
    if verdict:
        rows = rows.filter(verdict=verdict)
    found = list(rows[: PAGE_ROWS + 1])
    return [_line(row, file) for row in found[:PAGE_ROWS]], len(found) > PAGE_ROWS


def first_rows(file: OrderFile) -> list[tuple[int, list[str]]]:
    """The first rows below the heading, each as wide as the heading; what says who somebody is, masked."""
    ours = {heading: name for name, heading in file.columns.items()}
    names = [ours.get(heading) for heading in file.headings]
    below = ((n, cells) for n, cells in rows_of_file(file) if n > file.heading_row)
    return [
        (n, [masked_cell(cells[i] if i < len(cells) else "", name) for i, name in enumerate(names)])
        for n, cells in islice(below, SHOWN_ROWS)
    ]


def _line(row: FileOrderRow, file: OrderFile) -> OrderLineOfFile:
    said = [(p[2] in NOTES, _with_row(p, row.first_row, file)) for p in row.problems]
    return OrderLineOfFile(row, [s for is_note, s in said if not is_note], [s for is_note, s in said if is_note])


def _with_row(problem: list[str], first_row: int, file: OrderFile) -> str:
    sentence = sentence_of(problem, file.columns)
    if int(problem[0]) == first_row:
        return sentence
    return _("row %(row)s: %(what)s") % {"row": problem[0], "what": sentence}
