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


class QuotaBelowTaken(OrderCenterError):
    """A quota was to become smaller than what orders have taken from it."""

    code = "inventory.quota_below_taken"
    title = _("Orders have taken more than that from the quota.")
    hint = _("Set aside at least what is taken, or end the quota: what is left goes back to the pool.")

    def __init__(self, *, sku_id: int, wanted: int, taken: int):
        super().__init__(f"SKU {sku_id}: {wanted} wanted, {taken} taken already")
        self.sku_id, self.wanted, self.taken = sku_id, wanted, taken


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


class StockTableUnknown(OrderCenterError):
    """There is no such table, or not for this caller."""

    code = "inventory.table_unknown"
    title = _("There is no such table.")
    status = 404

    def __init__(self, *, table_id: int):
        super().__init__(f"stock table {table_id} is unknown")
        self.table_id = table_id


class StockTablePutAside(OrderCenterError):
    """The table was put aside; nobody takes it in any more."""

    code = "inventory.table_put_aside"
    title = _("This table was put aside.")
    hint = _("Bring the file again.")

    def __init__(self, *, table_id: int):
        super().__init__(f"stock table {table_id} was put aside")
        self.table_id = table_id


class StockTableRefused(OrderCenterError):
    """Some rows cannot be carried out, so none was."""

    code = "inventory.table_refused"
    title = _("Some rows cannot be carried out; nothing was written.")
    hint = _("The rows and the reasons are listed. Mend the file and bring it again.")

    def __init__(self, *, rows: Sequence[int]):
        super().__init__(f"{len(rows)} rows refused, the first in row {rows[0]}")
        self.rows = list(rows)[:100]


class StockMovedMeanwhile(OrderCenterError):
    """The numbers are not those that the person said yes to."""

    code = "inventory.moved_meanwhile"
    title = _("Goods moved since you looked; nothing was written.")
    hint = _("Look at the new numbers and say yes again.")

    def __init__(self, *, table_id: int):
        super().__init__(f"stock moved since table {table_id} was looked at")
        self.table_id = table_id


class PolicyOutOfRange(OrderCenterError):
    """A share, limit or buffer that is no such thing."""

    code = "inventory.policy_out_of_range"
    title = _("These numbers cannot be.")
    hint = _("A share is 0 to 100 per cent; pieces, minutes and factors are 0 or more.")
    status = 400

    def __init__(self, *, field: str):
        super().__init__(f"{field} is out of range")
        self.field = field


class PresaleWithoutDate(OrderCenterError):
    """A pre-sale says from which day on it ships."""

    code = "inventory.presale_without_date"
    title = _("A pre-sale needs the day from which on it ships.")
    status = 400

    def __init__(self, *, sku_id: int):
        super().__init__(f"SKU {sku_id}: a pre-sale without a date")
        self.sku_id = sku_id


class RouteMissing(OrderCenterError):
    """Nobody has said how this is made."""

    code = "inventory.route_missing"
    title = _("Nobody has said how this SKU is made.")
    hint = _("Enter its way of making first: the resource, the minutes and the parts.")

    def __init__(self, *, sku_id: int):
        super().__init__(f"SKU {sku_id} has no way of making")
        self.sku_id = sku_id


class RouteSenseless(OrderCenterError):
    """A way of making that could not be."""

    code = "inventory.route_senseless"
    title = _("It cannot be made like that.")
    hint = _(
        "A piece takes one minute or more, parts are single SKUs other than the piece itself, one or more of each."
    )
    status = 400

    def __init__(self, *, sku_id: int):
        super().__init__(f"SKU {sku_id} cannot be made like that")
        self.sku_id = sku_id


class CapacityShort(OrderCenterError):
    """The calendar has no room, or a part never comes."""

    code = "inventory.capacity_short"
    title = _("There is no day on which this could be made.")
    hint = _("Give the resource more minutes, or bring its parts in.")

    def __init__(self, *, sku_id: int, quantity: int):
        super().__init__(f"{quantity} of SKU {sku_id} find no capacity or no parts")
        self.sku_id, self.quantity = sku_id, quantity


class CalendarSenseless(OrderCenterError):
    """No days, or too many."""

    code = "inventory.calendar_senseless"
    title = _("These are no days that a calendar could have.")
    hint = _("Choose a first and a last day, at most a year apart, at least one weekday, and 0 minutes or more.")
    status = 400

    def __init__(self, *, first: date, last: date):
        super().__init__(f"{first} to {last} cannot be planned")
        self.first, self.last = first, last


class ProductionUnknown(OrderCenterError):
    """There is no such production order."""

    code = "inventory.production_unknown"
    title = _("There is no such production order.")
    status = 404

    def __init__(self, *, production_id: int):
        super().__init__(f"production order {production_id} is unknown")
        self.production_id = production_id


class ProductionForOrder(OrderCenterError):
    """An order waits for these pieces."""

    code = "inventory.production_for_order"
    title = _("An order waits for these pieces.")
    hint = _("Cancel the order, or let it be served from stock; its production ends with it.")

    def __init__(self, *, production_id: int, order_id: int):
        super().__init__(f"production order {production_id} is for order {order_id}")
        self.production_id, self.order_id = production_id, order_id


class HoldShort(OrderCenterError):
    """Not enough free stock for a hold; nothing was held. skus: the codes that were asked for."""

    code = "inventory.hold_short"
    title = _("There is not enough stock to hold.")
    hint = _("Nothing was held. Offer fewer pieces, or another warehouse.")

    def __init__(self, *, skus: Sequence[str]):
        super().__init__(f"not enough of {list(skus)}")
        self.skus = list(skus)


class HoldDiffers(OrderCenterError):
    """The name of a hold that stands was sent again with other pieces; the first one stands as it was."""

    code = "inventory.hold_differs"
    title = _("Another hold stands under this name.")
    hint = _("Release it first, or use another name.")

    def __init__(self, *, name: str):
        super().__init__("another hold stands under this name")
        self.name = name


class HoldUnknownCode(OrderCenterError):
    """A shop, a warehouse or a SKU that does not exist, is closed, is a bundle, or is none of this key's."""

    code = "inventory.hold_unknown_code"
    title = _("This code is not known to this key.")
    hint = _("Holds are for single SKUs in open warehouses; ask for the shop or the warehouse to be added to the key.")
    status = 404

    def __init__(self, *, field: str, value: str):
        super().__init__(f"unknown {field}")
        self.field, self.value = field, value
