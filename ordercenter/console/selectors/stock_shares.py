"""What shops may offer, over all SKUs: their policies, and the quotas that run or will."""

from __future__ import annotations

from django.db.models import F, QuerySet

from ordercenter.catalog.models import Shop
from ordercenter.common.scope import Scope
from ordercenter.inventory.models import ChannelPolicy, ChannelQuota, ReservePolicy

MOST = 200


def policies(scope: Scope, *, shop_id: int = 0) -> list[ChannelPolicy]:
    """The policies of the reader's shops; those for all SKUs first."""
    rows = scope.narrow(ChannelPolicy.objects.select_related("shop", "sku"), shop="shop_id")
    if shop_id:
        rows = rows.filter(shop_id=shop_id)
    return list(rows.order_by("shop__code", F("sku__code").asc(nulls_first=True))[:MOST])


def reserving(scope: Scope, *, shop_id: int = 0) -> list[ReservePolicy]:
    """When the reader's shops reserve, where they have rules of their own; those for all SKUs first."""
    rows = scope.narrow(ReservePolicy.objects.select_related("shop", "sku"), shop="shop_id")
    if shop_id:
        rows = rows.filter(shop_id=shop_id)
    return list(rows.order_by("shop__code", F("sku__code").asc(nulls_first=True))[:MOST])


def quotas(scope: Scope, *, shop_id: int = 0) -> list[ChannelQuota]:
    """Quotas of the reader's shops and warehouses that are not over, those that run first."""
    rows = ChannelQuota.objects.exclude(state="ended").select_related("shop", "sku", "warehouse")
    rows = scope.narrow(rows, shop="shop_id", warehouse="warehouse_id")
    if shop_id:
        rows = rows.filter(shop_id=shop_id)
    return list(rows.order_by("state", "starts_at", "pk")[:MOST])


def shops(scope: Scope) -> QuerySet[Shop]:
    """The reader's shops."""
    return scope.narrow(Shop.objects.filter(is_active=True), shop="pk").order_by("code")
