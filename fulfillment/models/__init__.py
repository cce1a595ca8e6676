"""What leaves the house: shipments, their lines, parcels, waybills, and what couriers charge."""

from fulfillment.models.couriers import Carrier, FreightRate
from fulfillment.models.parcels import Parcel, Waybill
from fulfillment.models.shipments import Shipment, ShipmentLine
from fulfillment.models.wms import WmsAccount

__all__ = [
    "Carrier",
    "FreightRate",
    "Parcel",
    "Shipment",
    "ShipmentLine",
    "Waybill",
    "WmsAccount",
]
