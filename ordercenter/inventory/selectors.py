"""Reading stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import F, Max, QuerySet

from ordercenter.common.scope import Scope
from ordercenter.inventory.models import StockLevel


def free_by_sku(sku_ids: Collection[int]) -> dict[int, int]:
    """The most pieces that any single open warehouse can promise of each SKU."""
    rows = (
        StockLevel.objects.filter(sku_id__in=sku_ids, warehouse__is_open=True)
        .values("sku_id")
        .annotate(most=Max(F("on_hand") - F("reserved")))
    )
    return {row["sku_id"]: row["most"] for row in rows}


def stock_matching(filters: Mapping[str, Any], *, scope: Scope) -> QuerySet[StockLevel]:
    """The stock in the warehouses of the scope, with SKU and warehouse; filters: "sku" and "warehouse", codes each."""
    lookups = {"sku": "sku__code__in", "warehouse": "warehouse__code__in"}
    wanted = {lookup: filters[name] for name, lookup in lookups.items() if name in filters}
    rows = StockLevel.objects.filter(**wanted).select_related("sku", "warehouse")
    return scope.narrow(rows, warehouse="warehouse_id")
