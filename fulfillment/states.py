"""The life of a shipment, a parcel and a waybill. Codes and legal moves follow the warehouse's own steps."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ShipmentState(models.TextChoices):
    PLANNED = "planned", _("Planned")
    DISPATCHED = "dispatched", _("Sent to warehouse")
    REJECTED = "rejected", _("Rejected by warehouse")
    ACCEPTED = "accepted", _("Accepted by warehouse")
    WAVED = "waved", _("In a wave")
    PICKING = "picking", _("Being picked")
    SHORT_PICKED = "short_picked", _("Goods missing when picked")
    PICKED = "picked", _("Picked")
    CHECKED = "checked", _("Checked")
    PACKED = "packed", _("Packed")
    WEIGHED = "weighed", _("Weighed")
    INTERCEPTING = "intercepting", _("Intercepting")
    TO_PUT_BACK = "to_put_back", _("To be put back")
    SHIPPED = "shipped", _("Shipped out")
    DELIVERED = "delivered", _("Shipment delivered")
    CANCELLED = "cancelled", _("Cancelled")


class PackingKind(models.TextChoices):
    """What a packing rule limits, or sends apart."""

    WEIGHT = "weight", _("Weight of a box (g)")
    VOLUME = "volume", _("Volume of a box (cm³)")
    PIECES = "pieces", _("Pieces in a box")
    CATEGORY = "category", _("A category travels apart")
    TAG = "tag", _("Goods with a handling word travel apart")


class ParcelState(models.TextChoices):
    SHIPPED = "shipped", _("Shipped out")
    IN_TRANSIT = "in_transit", _("In transit")
    RECALLING = "recalling", _("Being recalled")
    RETURNING = "returning", _("Coming back")
    DELIVERED = "delivered", _("Parcel delivered")
    RETURNED = "returned", _("Returned")
    LOST = "lost", _("Lost or damaged")


class WaybillState(models.TextChoices):
    REQUESTED = "requested", _("Requested")
    ASSIGNED = "assigned", _("Number assigned")
    PRINTED = "printed", _("Printed")
    USED = "used", _("Used")
    FAILED = "failed", _("Failed")
    TO_RECYCLE = "to_recycle", _("To be given back")
    RECYCLED = "recycled", _("Recycled")
    RECYCLE_FAILED = "recycle_failed", _("Not taken back")
    VOID = "void", _("Void")


# Waybills that stand for their package: at most one for each.
OPEN_WAYBILLS = (WaybillState.REQUESTED, WaybillState.ASSIGNED, WaybillState.PRINTED, WaybillState.USED)
# Parcels of which no more news is expected.
ENDED_PARCELS = (ParcelState.DELIVERED, ParcelState.RETURNED)


class CourierAdapter(models.TextChoices):
    """How a courier account speaks."""

    CAINIAO = "cainiao", _("Cainiao electronic waybill")
    SF = "sf", _("SF Express")


class Watch(models.TextChoices):
    """How we hear of a parcel."""

    WAITING = "waiting", _("not asked for yet")
    SUBSCRIBED = "subscribed", _("the provider tells us")
    FAILED = "failed", _("asked for from time to time")
    ABORTED = "aborted", _("the provider gave up")
    ENDED = "ended", _("ended")


class ScanKind(models.TextChoices):
    """What a scan of the courier means, whoever reported it."""

    ANNOUNCED = "announced", _("Announced, not collected yet")
    COLLECTED = "collected", _("Collected")
    IN_TRANSIT = "in_transit", _("In transit")
    OUT_FOR_DELIVERY = "out_for_delivery", _("Out for delivery")
    DELIVERED = "delivered", _("Signed for")
    PROBLEM = "problem", _("Problem")
    REFUSED = "refused", _("Refused by the receiver")
    RETURNING = "returning", _("Coming back")
    RETURNED = "returned", _("Returned to the sender")
    FORWARDED = "forwarded", _("Forwarded")
    CUSTOMS = "customs", _("At customs")


HAS_LEFT = (ShipmentState.SHIPPED, ShipmentState.DELIVERED)
# States in which the goods are still in the warehouse.
IN_WAREHOUSE = (
    ShipmentState.PLANNED,
    ShipmentState.DISPATCHED,
    ShipmentState.ACCEPTED,
    ShipmentState.REJECTED,
    ShipmentState.WAVED,
    ShipmentState.PICKING,
    ShipmentState.SHORT_PICKED,
    ShipmentState.PICKED,
    ShipmentState.CHECKED,
    ShipmentState.PACKED,
    ShipmentState.WEIGHED,
    ShipmentState.INTERCEPTING,
    ShipmentState.TO_PUT_BACK,
)
# In an own warehouse: pieces of it have left their bins, so that they have to be put back when it is stopped.
IN_HAND = (
    ShipmentState.PICKING,
    ShipmentState.SHORT_PICKED,
    ShipmentState.PICKED,
    ShipmentState.CHECKED,
    ShipmentState.PACKED,
    ShipmentState.WEIGHED,
)
# What can still be kept in the house, or asked back.
STOPPABLE = (
    ShipmentState.PLANNED,
    ShipmentState.REJECTED,
    ShipmentState.DISPATCHED,
    ShipmentState.ACCEPTED,
    ShipmentState.WAVED,
    *IN_HAND,
)
# A warehouse has it, or may have it: sent from another one as well, the goods would leave twice.
AT_WAREHOUSE = tuple(s for s in IN_WAREHOUSE if s not in (ShipmentState.PLANNED, ShipmentState.REJECTED))
# Cases about a warehouse that would not take the goods, or of which nobody knows whether it has: another try, another
# warehouse or the parcel itself proves them wrong.
WAREHOUSE_DOUBTS = ("WMS_REJECTED", "WMS_SILENT", "RESULT_UNKNOWN", "NOTHING_SHIPPED")


class WaveKind(models.TextChoices):
    """What the shipments of a wave have in common."""

    MIXED = "mixed", _("Mixed")
    CARRIER = "carrier", _("By courier")
    ZONE = "zone", _("By zone")
    SINGLE = "single", _("One item each")
    HOT = "hot", _("One hot SKU")


class WaveState(models.TextChoices):
    OPEN = "open", _("Wave open")
    PICKING = "picking", _("Being picked")
    PICKED = "picked", _("Picked")
    DONE = "done", _("Wave done")


class ScanStep(models.TextChoices):
    """What somebody does when scanning."""

    PICK = "pick", _("Pick")
    SHORT = "short", _("Report missing")
    CHECK = "check", _("Check")
    PACK = "pack", _("Pack")
    WEIGH = "weigh", _("Weigh")
    HAND_OVER = "hand_over", _("Hand over")
    PUT_BACK = "put_back", _("Put back")
    COUNT = "count", _("Count")
    RECEIVE = "receive", _("Receive returns")
    UNDO = "undo", _("Take back the last scan")


class CountState(models.TextChoices):
    OPEN = "open", _("Being counted")
    POSTED = "posted", _("Posted")
    CANCELLED = "cancelled", _("Cancelled")


class InboundKind(models.TextChoices):
    PURCHASE = "purchase", _("Purchase")
    RETURN = "return", _("Return of a buyer")
    TRANSFER = "transfer", _("Transfer from another warehouse")


class InboundState(models.TextChoices):
    PLANNED = "planned", pgettext_lazy("inbound", "Planned")
    SENT = "sent", _("Sent to warehouse")
    ACCEPTED = "accepted", _("Accepted by warehouse")
    REJECTED = "rejected", _("Rejected by warehouse")
    ARRIVING = "arriving", _("Partly received")
    RECEIVED = "received", _("Received")
    CANCELLED = "cancelled", _("Cancelled")


class StockOutState(models.TextChoices):
    """Of goods that a warehouse is to send to another warehouse."""

    PLANNED = "planned", _("Planned")
    SENT = "sent", _("Sent to warehouse")
    ACCEPTED = "accepted", _("Accepted by warehouse")
    REJECTED = "rejected", _("Rejected by warehouse")
    LEAVING = "leaving", _("Partly on its way")
    LEFT = "left", _("On its way")
    CANCELLED = "cancelled", _("Cancelled")


class GoodsGrade(models.TextChoices):
    """In what condition goods came back."""

    GOOD = "good", _("Good")
    DEFECTIVE = "defective", _("Defective")
    QUARANTINE = "quarantine", _("Quarantine")


class FreightBillState(models.TextChoices):
    JUDGING = "judging", _("Being held against contracts")
    OPEN = "open", pgettext_lazy("courier bill", "Being checked")
    CLOSED = "closed", _("Closed")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class FreightVerdict(models.TextChoices):
    """What became of one line of a courier's bill, or of a parcel of ours that the bill lacks."""

    PENDING = "pending", _("Not looked at yet")
    MATCHED = "matched", _("Matched")
    WEIGHT_DIFFERS = "weight_differs", _("Weight differs")
    PRICE_DIFFERS = "price_differs", _("Price differs")
    UNKNOWN_PARCEL = "unknown_parcel", _("Unknown parcel")
    BILLED_TWICE = "billed_twice", _("Billed twice")
    VOID_BILLED = "void_billed", _("Unused number billed")
    NO_CONTRACT = "no_contract", _("No price agreed")
    NOT_BILLED = "not_billed", _("Shipped, not billed")
    SIGNED_OFF = "signed_off", _("Signed off")


# The task that reads and judges couriers' bills.
COURIER_BILLS = "fulfillment.courier_bills"

# Differences that a person has to decide before a bill can be closed.
FREIGHT_DIFFERENCES = (
    FreightVerdict.WEIGHT_DIFFERS,
    FreightVerdict.PRICE_DIFFERS,
    FreightVerdict.UNKNOWN_PARCEL,
    FreightVerdict.BILLED_TWICE,
    FreightVerdict.VOID_BILLED,
    FreightVerdict.NO_CONTRACT,
    FreightVerdict.NOT_BILLED,
)
FREIGHT_KINDS = [(str(verdict.value), verdict.label) for verdict in FREIGHT_DIFFERENCES]
