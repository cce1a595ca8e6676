"""What leaves the house: shipments, their lines, parcels, waybills, and what couriers charge."""

from fulfillment.models.accounts import CourierAccount, CourierSla, TrackingAccount
from fulfillment.models.counts import CountLine, StockCount
from fulfillment.models.couriers import (
    Carrier,
    CourierArea,
    CourierContract,
    CourierProduct,
    CourierRate,
    PeakFee,
    PriceVersion,
    TransitTime,
)
from fulfillment.models.floor import Barcode, Bin, FloorRules, Scan
from fulfillment.models.freight import FreightBill, FreightLayout, FreightLine, FreightUpload
from fulfillment.models.inbound import InboundLine, InboundOrder, ItemChange
from fulfillment.models.packing import PackingRule, SplitWish
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
from fulfillment.models.stock_out import StockOut, StockOutLine
from fulfillment.models.waves import Basket, PickLine, Wave
from fulfillment.models.wms import WmsAccount

__all__ = [
    "BacklogRun",
    "Barcode",
    "Basket",
    "Bin",
    "Carrier",
    "CountLine",
    "CourierAccount",
    "CourierArea",
    "CourierContract",
    "CourierProduct",
    "CourierRate",
    "CourierSla",
    "FloorRules",
    "FreightBill",
    "FreightLayout",
    "FreightLine",
    "FreightUpload",
    "InboundLine",
    "InboundOrder",
    "ItemChange",
    "LabelJob",
    "PackingRule",
    "Parcel",
    "ParcelWatch",
    "PeakFee",
    "PickLine",
    "PriceVersion",
    "RoutingDecision",
    "RoutingPin",
    "RoutingRuleSet",
    "RoutingRuleVersion",
    "Scan",
    "ShadowDifference",
    "ShadowPrices",
    "ShadowRun",
    "Shipment",
    "ShipmentLine",
    "SplitWish",
    "StockCount",
    "StockOut",
    "StockOutLine",
    "TrackingAccount",
    "TrackingScan",
    "TransitTime",
    "WarehouseCalendar",
    "WarehouseClosing",
    "WarehouseDay",
    "WarehouseLoad",
    "Wave",
    "Waybill",
    "WmsAccount",
]
