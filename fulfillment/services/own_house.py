"""Which warehouses are worked by our own people, and by which rules."""

from __future__ import annotations

from fulfillment.models import FloorRules
from ordercenter.audit.work import Work
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.states import WarehouseKind


def own_warehouses(work: Work) -> frozenset[int]:
    """The ids of the own warehouses. One statement per unit of work."""
    known = work.shared.get("own_warehouses")
    if not isinstance(known, frozenset):
        rows = Warehouse.objects.filter(kind=WarehouseKind.OWN).values_list("pk", flat=True)
        known = work.shared["own_warehouses"] = frozenset(rows)
    return known


def rules_of(warehouse_id: int) -> FloorRules:
    """The rules of this floor; unsaved defaults where nobody has made any."""
    found = FloorRules.objects.filter(warehouse_id=warehouse_id).first()
    return found or FloorRules(warehouse_id=warehouse_id)
