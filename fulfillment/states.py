"""The life of a shipment, a parcel and a waybill. Codes and legal moves follow the warehouse's own steps."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ShipmentState(models.TextChoices):
    PLANNED = "planned", _("Planned")
    DISPATCHED = "dispatched", _("Sent to warehouse")
    REJECTED = "rejected", _("Rejected by warehouse")
    ACCEPTED = "accepted", _("Accepted by warehouse")
    INTERCEPTING = "intercepting", _("Intercepting")
    SHIPPED = "shipped", _("Shipped out")
    DELIVERED = "delivered", _("Shipment delivered")
    CANCELLED = "cancelled", _("Cancelled")


class ParcelState(models.TextChoices):
    SHIPPED = "shipped", _("Shipped out")
    IN_TRANSIT = "in_transit", _("In transit")
    DELIVERED = "delivered", _("Parcel delivered")
    RETURNED = "returned", _("Returned")
    LOST = "lost", _("Lost or damaged")


class WaybillState(models.TextChoices):
    REQUESTED = "requested", _("Requested")
    ASSIGNED = "assigned", _("Number assigned")
    PRINTED = "printed", _("Printed")
    USED = "used", _("Used")
    FAILED = "failed", _("Failed")
    RECYCLED = "recycled", _("Recycled")
    VOID = "void", _("Void")


HAS_LEFT = (ShipmentState.SHIPPED, ShipmentState.DELIVERED)
# States in which the goods are still in the warehouse.
IN_WAREHOUSE = (
    ShipmentState.PLANNED,
    ShipmentState.DISPATCHED,
    ShipmentState.ACCEPTED,
    ShipmentState.REJECTED,
    ShipmentState.INTERCEPTING,
)
# What can still be kept in the house, or asked back.
STOPPABLE = (ShipmentState.PLANNED, ShipmentState.REJECTED, ShipmentState.DISPATCHED, ShipmentState.ACCEPTED)
# Cases about a warehouse that would not take the goods, or of which nobody knows whether it has: another try, another
# warehouse or the parcel itself proves them wrong.
WAREHOUSE_DOUBTS = ("WMS_REJECTED", "WMS_SILENT", "RESULT_UNKNOWN", "NOTHING_SHIPPED")
