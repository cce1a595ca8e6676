"""What the stock refuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class StockShort(OrderCenterError):
    """Not enough free stock for what an order needs; nothing of it was reserved."""

    code = "inventory.out_of_stock"
    title = _("There is not enough stock.")
    hint = _("It goes on by itself when stock arrives.")

    def __init__(self, *, order_id: int, sku_ids: Sequence[int], missing: dict[str, int] | None = None):
        super().__init__(f"order {order_id}: not enough of SKU {list(sku_ids)}")
        self.order_id, self.sku_ids, self.missing = order_id, list(sku_ids), missing or {}


class StockMovedOn(OrderCenterError):
    """Others took stock while a batch was decided that had not locked it; nothing of the batch was written."""

    code = "inventory.stock_moved_on"
    title = _("Others took this stock at the same moment.")
    hint = _("It is tried again by itself.")
    retryable = True

    def __init__(self, *, sku_id: int, warehouse_id: int):
        super().__init__(f"SKU {sku_id} in warehouse {warehouse_id}: others took what was seen there")
        self.sku_id, self.warehouse_id = sku_id, warehouse_id


class StockWouldBeNegative(OrderCenterError):
    """A movement would take away more than lies there, or what is promised to somebody."""

    code = "inventory.would_be_negative"
    title = _("There is not that much free stock to take away.")
    hint = _("Count again, or release reservations first.")

    def __init__(self, *, sku_id: int, warehouse_id: int, delta: int):
        super().__init__(f"SKU {sku_id} in warehouse {warehouse_id}: {delta:+d} is not possible")
        self.sku_id, self.warehouse_id, self.delta = sku_id, warehouse_id, delta


class QuotaWithoutTime(OrderCenterError):
    """A quota needs pieces and a span of time; a live-stream lock needs an end."""

    code = "inventory.quota_without_time"
    title = _("This is no amount or no span of time.")
    hint = _("Give one piece or more, and an end after the start; a live-stream lock needs an end.")
    status = 400

    def __init__(self, *, quantity: int):
        super().__init__(f"a quota of {quantity} pieces without a span of time")
        self.quantity = quantity


class QuotaOverlaps(OrderCenterError):
    """The shop has another quota of these goods in this warehouse at that time."""

    code = "inventory.quota_overlaps"
    title = _("The shop has a quota for these goods at that time already.")
    hint = _("End the other one first, or choose another time.")

    def __init__(self, *, shop_id: int, sku_id: int):
        super().__init__(f"shop {shop_id} has a quota of SKU {sku_id} at that time")
        self.shop_id, self.sku_id = shop_id, sku_id


class QuotaTooLarge(OrderCenterError):
    """More was to be set aside than is free beside the safety stock."""

    code = "inventory.quota_too_large"
    title = _("There is not that much free stock to set aside.")
    hint = _("Set aside less, or bring stock in first.")

    def __init__(self, *, wanted: int, free: int):
        super().__init__(f"{wanted} wanted, {free} free")
        self.wanted, self.free = wanted, free


class QuotaUnknown(OrderCenterError):
    """There is no such quota."""

    code = "inventory.quota_unknown"
    title = _("There is no such quota.")
    status = 404

    def __init__(self, *, quota_id: int):
        super().__init__(f"quota {quota_id} is unknown")
        self.quota_id = quota_id


class CapacityBooked(OrderCenterError):
    """A day has more minutes booked than it was to have."""

    code = "inventory.capacity_booked"
    title = _("More minutes of that day are booked already.")
    hint = _("Leave the day as it is, or cancel production orders first.")

    def __init__(self, *, day: date):
        super().__init__(f"{day} has more minutes booked")
        self.day = day


class TakeoverFromEqual(OrderCenterError):
    """Stock goes from a lower grade to a higher one, never the other way nor between equals."""

    code = "inventory.takeover_from_equal"
    title = _("An order of the same or a higher grade gives nothing.")
    hint = _("Raise the grade of the order that needs the goods, or bring stock in.")

    def __init__(self, *, order_id: int, givers: Sequence[int]):
        super().__init__(f"order {order_id} cannot take from orders {list(givers)}")
        self.order_id, self.givers = order_id, list(givers)


class TakeoverBeyondCap(OrderCenterError):
    """More would change hands in a day than the policy of the SKU allows."""

    code = "inventory.takeover_beyond_cap"
    title = _("So much of these goods may not change hands in a day.")
    hint = _("Raise the cap in the stock policy of the SKU, or wait until tomorrow.")

    def __init__(self, *, order_id: int, sku_ids: Sequence[int], left: int):
        super().__init__(f"order {order_id}: of SKU {list(sku_ids)} only {left} may be taken over today")
        self.order_id, self.sku_ids, self.left = order_id, list(sku_ids), left
