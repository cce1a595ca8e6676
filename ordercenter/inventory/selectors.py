"""Reading stock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F, QuerySet

from ordercenter.common.scope import Scope
from ordercenter.inventory.models import StockLevel


def free_stock(sku_ids: Iterable[int]) -> dict[tuple[int, int], int]:
    """What open warehouses can promise of these SKUs: (SKU, warehouse) -> pieces."""
    rows = StockLevel.objects.filter(sku_id__in=list(sku_ids), warehouse__is_open=True)
    free = rows.values_list("sku_id", "warehouse_id", F("on_hand") - F("reserved") - F("allocated") - F("set_aside"))
    return {(sku_id, warehouse_id): pieces for sku_id, warehouse_id, pieces in free}


def stock_matching(filters: Mapping[str, Any], *, scope: Scope) -> QuerySet[StockLevel]:
    """The stock in the warehouses of the scope, with SKU and warehouse; filters: "sku" and "warehouse", codes each."""
    lookups = {"sku": "sku__code__in", "warehouse": "warehouse__code__in"}
    wanted = {lookup: filters[name] for name, lookup in lookups.items() if name in filters}
    rows = StockLevel.objects.filter(**wanted).select_related("sku", "warehouse")
    return scope.narrow(rows, warehouse="warehouse_id")
