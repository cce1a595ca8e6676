"""Reading stock."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F, Max

from ordercenter.inventory.models import StockLevel


def free_by_sku(sku_ids: Collection[int]) -> dict[int, int]:
    """The most pieces that any single open warehouse can promise of each SKU."""
    rows = (
        StockLevel.objects.filter(sku_id__in=sku_ids, warehouse__is_open=True)
        .values("sku_id")
        .annotate(most=Max(F("on_hand") - F("reserved")))
    )
    return {row["sku_id"]: row["most"] for row in rows}
