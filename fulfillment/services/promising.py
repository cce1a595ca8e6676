"""A date for every line that waits, in the order of grade and of what was promised before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from fulfillment.services.supply_split import ON_ITS_WAY
from ordercenter.audit.work import Work
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import WaitingLine
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import OrderState

# So many lines get their dates anew when the supply of a SKU changes: the most urgent ones.
MOST_LINES = 2000
NO_DATE = date.max


def promise_waiting_orders(
    *, order_ids: Collection[int] = (), sku_ids: Collection[int] = (), work: Work
) -> dict[int, date | None]:
    """Give the waiting lines of these orders, and those that wait for these SKUs, the day on which their goods are
    there.

    By line id; None where no day is known. Lines of these orders that wait no more lose theirs. What is made to order
    is booked with it: see inventory.promise_lines.
    """
    states = (OrderState.AWAITING_SUPPLY, *ON_ITS_WAY)
    waiting = OrderLine.objects.filter(backordered__gt=0, order__state__in=states)
    of_orders = set(waiting.filter(order_id__in=order_ids).values_list("order_id", flat=True))
    of_skus = waiting.filter(sku_id__in=sku_ids).values_list("order_id", flat=True)[:MOST_LINES] if sku_ids else ()
    orders = work.lock(Order, of_orders | set(of_skus))
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    gone = set(order_ids) - of_orders
    if gone:
        inventory.drop_promises(order_ids=gone, cancelled=False, work=work)
    wanted = [line for group in lines.values() for line in group if line.backordered and line.sku_id]
    wanted.sort(
        key=lambda line: (
            -orders[line.order_id].priority,
            line.promised_on or NO_DATE,
            orders[line.order_id].ship_by or orders[line.order_id].placed_at,
            line.pk,
        )
    )
    promised = inventory.promise_lines(
        lines=[WaitingLine(line.order_id, line.pk, line.sku_id or 0, line.backordered) for line in wanted], work=work
    )
    for line in wanted:
        if line.promised_on != promised[line.pk].on:
            line.promised_on = promised[line.pk].on
            work.save(line, "promised_on")
    return {pk: answer.on for pk, answer in promised.items()}
