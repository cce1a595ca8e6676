"""Stock: what lies where, what is promised to whom, and every movement."""

from ordercenter.inventory.models.stock import Reservation, StockLevel, StockMovement
from ordercenter.inventory.models.warehouses import ApiKeyWarehouse, Warehouse, WarehouseAccess

__all__ = [
    "ApiKeyWarehouse",
    "Reservation",
    "StockLevel",
    "StockMovement",
    "Warehouse",
    "WarehouseAccess",
]
