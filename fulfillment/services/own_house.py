"""Which warehouses are worked by our own people, and by which rules."""

from __future__ import annotations

from fulfillment.models import FloorRules
from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.states import WarehouseKind


def own_warehouses(work: Work) -> frozenset[int]:
    """The ids of the own warehouses; kept per version."""
    return compiled(work, "warehouses", _own_warehouses, name="own_warehouses")


def _own_warehouses() -> frozenset[int]:
    return frozenset(Warehouse.objects.filter(kind=WarehouseKind.OWN).values_list("pk", flat=True))


def rules_of(warehouse_id: int) -> FloorRules:
    """The rules of this floor; unsaved defaults where nobody has made any."""
    found = FloorRules.objects.filter(warehouse_id=warehouse_id).first()
    return found or FloorRules(warehouse_id=warehouse_id)
