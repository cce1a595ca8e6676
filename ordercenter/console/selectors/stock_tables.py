"""Tables of stock in and out: those that were brought, one page of what one does, and the stock itself as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import F, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from ordercenter.catalog.models import Sku
from ordercenter.common.csvsafe import Cell
from ordercenter.common.scope import Scope
from ordercenter.inventory.models import StockLevel, StockMovement, StockTable, Supply, Warehouse
from ordercenter.inventory.services import TablePreview
from ordercenter.inventory.states import Bucket, SupplyState, TableKind
from ordercenter.inventory.tables import COLUMNS, Planned, heading_of

PAGE_ROWS = 200
SHOWS = ("all", "changes", "refused", "same")


@dataclass(frozen=True)
class ShownRow:
    """A row of a preview with what its codes stand for."""

    planned: Planned
    sku: Sku | None
    warehouse: Warehouse | None
    bucket: str


def tables_in_scope(scope: Scope) -> QuerySet[StockTable]:
    """Tables of which all warehouses are the reader's, newest first, without their contents."""
    tables = StockTable.objects.defer("original", "parsed").select_related("uploaded_by").order_by("-pk")
    if scope.warehouse_ids is not None:
        tables = tables.filter(warehouse_ids__contained_by=sorted(scope.warehouse_ids))
    return tables


def rows_shown(preview: TablePreview, *, show: str, after: int) -> tuple[list[ShownRow], int]:
    """One page of the rows of this sort, those after row number `after`; and the last row shown if there are more."""
    wanted = {
        "changes": lambda p: p.change and not p.refused,
        "refused": lambda p: bool(p.refused),
        "same": lambda p: not p.change and not p.refused,
    }.get(show, lambda p: True)
    rows = [p for p in preview.rows if p.row.row > after and wanted(p)]
    page = rows[:PAGE_ROWS]
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in={p.row.sku for p in page})}
    houses = {w.code: w for w in Warehouse.objects.filter(code__in={p.row.warehouse for p in page})}
    shown = [ShownRow(p, skus.get(p.row.sku), houses.get(p.row.warehouse), Bucket(p.row.bucket).label) for p in page]
    return shown, page[-1].row.row if len(rows) > PAGE_ROWS else 0


def movements_of_table(table: StockTable) -> list[StockMovement]:
    """The first movements that a table made."""
    keys = [f"table:{table.digest[:32]}:{n}" for n in range(min(table.rows, PAGE_ROWS))]
    found = StockMovement.objects.filter(idempotency_key__any_of=keys).select_related("sku", "warehouse")
    return list(found.order_by("pk"))


def levels_in_scope(scope: Scope, *, text: str = "", warehouse: str = "") -> QuerySet[StockLevel]:
    """Stock rows by SKU and warehouse; text: part of a code or name, warehouse: a code."""
    levels = scope.narrow(StockLevel.objects.select_related("sku", "warehouse"), warehouse="warehouse_id")
    if warehouse:
        levels = levels.filter(warehouse__code=warehouse)
    if text:
        levels = levels.filter(sku__code__icontains=text) | levels.filter(sku__name__icontains=text)
    return levels.order_by("sku__code", "warehouse__code")


def stock_as_table(levels: QuerySet[StockLevel]) -> Iterator[Sequence[Cell]]:
    """A heading in the reader's language, then a row for each stock row; as a count it changes nothing."""
    coming = (
        Supply.objects.filter(sku=OuterRef("sku"), warehouse=OuterRef("warehouse"), state=SupplyState.COMING)
        .order_by()
        .values("sku")
        .annotate(pieces=Sum(F("quantity") - F("arrived")))
        .values("pieces")
    )
    yield (
        heading_of(TableKind.COUNT, "sku"),
        _("name"),
        _("warehouse code"),
        _("warehouse name"),
        _("on hand"),
        _("reserved"),
        _("allocated"),
        _("set aside for shops"),
        _("free"),
        _("safety stock"),
        _("can be offered"),
        _("damaged"),
        _("quarantine"),
        _("on its way"),
    )
    rows = levels.annotate(coming=Coalesce(Subquery(coming, output_field=IntegerField()), 0))
    for level in rows.iterator(chunk_size=2000):
        yield (
            level.sku.code,
            level.sku.name,
            level.warehouse.code,
            level.warehouse.name,
            level.on_hand,
            level.reserved,
            level.allocated,
            level.set_aside,
            level.free,
            level.safety,
            level.available_to_sell,
            level.damaged,
            level.quarantine,
            level.coming,
        )


def sample_of(kind: str, *, today: date) -> list[Sequence[Cell]]:
    """A table to fill in, with sample rows of goods that nobody has."""
    due = str(today + timedelta(days=7))
    cells: dict[str, Sequence[Cell]] = {
        "ref": ("PO-SAMPLE-1", "PO-SAMPLE-1"),
        "sku": ("SAMPLE-1", "SAMPLE-2"),
        "warehouse": ("WH-SAMPLE", "WH-SAMPLE"),
        "pieces": (-2, 5) if kind == TableKind.ADJUST else (12, 30),
        "bucket": (Bucket.ON_HAND.label, Bucket.DAMAGED.label),
        "reason": ("", "") if kind != TableKind.ADJUST else (_("broken in the warehouse"), _("found again")),
        "due_on": (due, due),
    }
    names = list(COLUMNS[kind])
    return [[heading_of(kind, name) for name in names], *([cells[name][n] for name in names] for n in (0, 1))]
