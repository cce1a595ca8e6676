"""Which warehouses' stock an API key may read."""

from __future__ import annotations

from collections.abc import Collection

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.inventory.models import ApiKeyWarehouse


def warehouse_ids_of_key(key_id: int) -> frozenset[int]:
    """The warehouses whose stock this key may read."""
    return frozenset(ApiKeyWarehouse.objects.filter(api_key_id=key_id).values_list("warehouse_id", flat=True))


def grant_warehouses(*, key_id: int, warehouse_ids: Collection[int], actor: Actor) -> None:
    """Let a key read the stock of these warehouses, beside those that it may read already.

    Writes the deed "api_key.grant_stock".
    """
    with unit_of_work(actor=actor) as work:
        new = sorted(set(warehouse_ids) - warehouse_ids_of_key(key_id))
        if new:
            work.add([ApiKeyWarehouse(api_key_id=key_id, warehouse_id=pk) for pk in new])
            record_deed(work, action="api_key.grant_stock", subject=f"api_key:{key_id}", details={"warehouses": new})
