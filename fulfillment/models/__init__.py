"""What leaves the house: shipments, their lines, parcels, waybills, and what couriers charge."""

from fulfillment.models.accounts import CourierAccount, CourierSla, TrackingAccount
from fulfillment.models.couriers import Carrier, FreightRate
from fulfillment.models.parcels import LabelJob, Parcel, ParcelWatch, TrackingScan, Waybill
from fulfillment.models.routing import (
    BacklogRun,
    RoutingDecision,
    RoutingPin,
    RoutingRuleSet,
    RoutingRuleVersion,
    ShadowDifference,
    ShadowPrices,
    ShadowRun,
    WarehouseCalendar,
    WarehouseClosing,
    WarehouseDay,
    WarehouseLoad,
)
from fulfillment.models.shipments import Shipment, ShipmentLine
from fulfillment.models.wms import WmsAccount

__all__ = [
    "BacklogRun",
    "Carrier",
    "CourierAccount",
    "CourierSla",
    "FreightRate",
    "LabelJob",
    "Parcel",
    "ParcelWatch",
    "RoutingDecision",
    "RoutingPin",
    "RoutingRuleSet",
    "RoutingRuleVersion",
    "ShadowDifference",
    "ShadowPrices",
    "ShadowRun",
    "Shipment",
    "ShipmentLine",
    "TrackingAccount",
    "TrackingScan",
    "WarehouseCalendar",
    "WarehouseClosing",
    "WarehouseDay",
    "WarehouseLoad",
    "Waybill",
    "WmsAccount",
]
