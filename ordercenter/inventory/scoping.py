"""Which warehouses a person may see."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from ordercenter.inventory.models import Warehouse, WarehouseAccess


def warehouses_of(user: Any) -> QuerySet[Warehouse]:
    """The warehouses whose rows this user may see."""
    ids = warehouse_ids_of(user)
    return Warehouse.objects.all() if ids is None else Warehouse.objects.filter(pk__in=ids)


def warehouse_ids_of(user: Any) -> frozenset[int] | None:
    """The ids of these warehouses; None means all of them."""
    if not user.is_active:
        return frozenset()
    if user.has_perm("inventory.all_warehouses"):
        return None
    return frozenset(WarehouseAccess.objects.filter(user_id=user.pk).values_list("warehouse_id", flat=True))
