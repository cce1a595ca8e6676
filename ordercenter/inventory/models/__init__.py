"""Stock: what lies where, what is promised to whom, what is to come, and every movement."""

from ordercenter.inventory.models.channels import ChannelPolicy, ChannelQuota, ChannelStock
from ordercenter.inventory.models.policies import ReservePolicy, StockTakeover
from ordercenter.inventory.models.production import (
    CapacityDay,
    CapacityUse,
    Component,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
    StockPolicy,
)
from ordercenter.inventory.models.stock import Reservation, StockChange, StockLevel, StockMovement
from ordercenter.inventory.models.supply import Supply, SupplyClaim
from ordercenter.inventory.models.tables import StockTable
from ordercenter.inventory.models.warehouses import ApiKeyWarehouse, Warehouse, WarehouseAccess

__all__ = [
    "ApiKeyWarehouse",
    "CapacityDay",
    "CapacityUse",
    "ChannelPolicy",
    "ChannelQuota",
    "ChannelStock",
    "Component",
    "ProductionOrder",
    "ProductionResource",
    "ProductionRoute",
    "Reservation",
    "ReservePolicy",
    "StockChange",
    "StockLevel",
    "StockMovement",
    "StockPolicy",
    "StockTakeover",
    "StockTable",
    "Supply",
    "SupplyClaim",
    "Warehouse",
    "WarehouseAccess",
]
