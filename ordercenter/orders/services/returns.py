"""Goods that came back: the lines count them, whatever condition they are in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ordercenter.audit.work import Work
from ordercenter.events.types import GoodsReturned
from ordercenter.orders.models import Order, OrderLine


def return_goods(*, returned: Mapping[int, int], work: Work) -> dict[int, int]:
    """Pieces of these order lines lie at a warehouse again. returned: order line id -> pieces.

    No more of a line comes back than has left: answers with what was counted of each line; the rest is somebody else's.
    Emits GoodsReturned for each order. Locks the orders first.
    """
    wanted = {pk: pieces for pk, pieces in returned.items() if pieces > 0}
    if not wanted:
        return {}
    owners = dict(OrderLine.objects.filter(pk__in=wanted).values_list("pk", "order_id"))
    work.lock(Order, sorted(set(owners.values())))
    lines = work.lock(OrderLine, sorted(owners))
    counted: dict[int, int] = {}
    by_order: dict[int, int] = defaultdict(int)
    for pk, line in lines.items():
        pieces = min(wanted[pk], line.shipped - line.returned)
        if pieces > 0:
            line.returned += pieces
            work.save(line, "returned")
            counted[pk] = pieces
            by_order[owners[pk]] += pieces
    for order_id, pieces in by_order.items():
        work.record(GoodsReturned(order_id=order_id, pieces=pieces))
    return counted
