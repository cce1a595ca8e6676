"""Gifts where orders and stock meet: what is there to give, and promises of gifts that are taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from fulfillment.services.merging import keys_of
from ordercenter.audit.work import Work
from ordercenter.inventory import services as inventory
from ordercenter.inventory.selectors import free_stock
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order
from ordercenter.orders.services.gifts import gift_rules
from ordercenter.orders.states import OrderState


def free_pieces(sku_ids: Collection[int]) -> Mapping[int, int]:
    """What can be promised of each SKU, in the warehouse that has most of it. One statement."""
    most: dict[int, int] = defaultdict(int)
    for (sku_id, _warehouse_id), pieces in free_stock(sku_ids).items():
        most[sku_id] = max(most[sku_id], pieces)
    return most


def settle_after_refund(*, order_ids: Collection[int], work: Work) -> None:
    """Money went back, or goods came back: gifts that are not earned any more are taken back, their promises end."""
    work.lock(Order, order_ids)
    settled = orders_services.settle_gifts(groups=[[pk] for pk in sorted(order_ids)], reason="refunded", work=work)
    ended = [inventory.Departure(line.pk, 0, "gift") for line in settled.unpromised]
    if ended:
        inventory.consume_departures(departures=ended, work=work)


def settle_after_parting(*, orders: Collection[Order], work: Work) -> set[int]:
    """Orders that travelled in one parcel do so no more: each company that is left earns its gifts anew, together or
    alone as it will travel. Promises of gifts taken back end. Returns the orders that were given one, whose new lines
    nothing is promised for yet. No statement when there never was a rule.
    """
    here = [order for order in orders if order.state in (OrderState.APPROVED, OrderState.IN_FULFILLMENT)]
    if not here or not gift_rules(work):
        return set()
    keys = keys_of(work, here)
    groups: dict[object, list[int]] = defaultdict(list)
    for order in here:
        groups[keys.get(order.pk, order.pk)].append(order.pk)
    settled = orders_services.settle_gifts(
        groups=[sorted(group) for group in groups.values()], reason="parted", work=work, free_of=free_pieces
    )
    ended = [inventory.Departure(line.pk, 0, "gift") for line in settled.unpromised]
    if ended:
        inventory.consume_departures(departures=ended, work=work)
    return {grant.order_id for grant in settled.given}
