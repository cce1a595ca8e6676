"""A date for every line that waits, in the order of grade and of what was promised before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from django.db.models import Q

from fulfillment.services.supply_split import ON_ITS_WAY
from fulfillment.services.unpaid import has_lapsed, pieces_held
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
    is booked with it: see inventory.promise_lines. A pre-sale with its deposit waits too, until its balance lapses:
    what is not held for it already is promised to it out of what comes, and so to nobody else.
    """
    waiting = OrderLine.objects.filter(_waits(work))
    of_orders = set(waiting.filter(order_id__in=order_ids).values_list("order_id", flat=True))
    of_skus = waiting.filter(sku_id__in=sku_ids).values_list("order_id", flat=True)[:MOST_LINES] if sku_ids else ()
    orders = work.lock(Order, of_orders | set(of_skus))
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    gone = set(order_ids) - of_orders
    if gone:
        inventory.drop_promises(order_ids=gone, cancelled=False, work=work)
    wanted = _wanted(orders, lines, work)
    deposits = [pk for pk, order in orders.items() if order.state == OrderState.AWAITING_BALANCE]
    done = [line.pk for pk in deposits for line in lines[pk] if line.pk not in wanted]
    if done:
        inventory.drop_promises(line_ids=done, cancelled=False, work=work)
    turn = [line for group in lines.values() for line in group if line.pk in wanted]
    turn.sort(
        key=lambda line: (
            -orders[line.order_id].priority,
            line.promised_on or NO_DATE,
            orders[line.order_id].ship_by or orders[line.order_id].placed_at,
            line.pk,
        )
    )
    promised = inventory.promise_lines(
        lines=[WaitingLine(line.order_id, line.pk, line.sku_id or 0, wanted[line.pk]) for line in turn], work=work
    )
    for line in turn:
        if line.promised_on != promised[line.pk].on:
            line.promised_on = promised[line.pk].on
            work.save(line, "promised_on")
    return {pk: answer.on for pk, answer in promised.items()}


def _waits(work: Work) -> Q:
    waits = Q(backordered__gt=0, order__state__in=(OrderState.AWAITING_SUPPLY, *ON_ITS_WAY))
    presales = inventory.stock_policies(work).presales
    if presales:
        waits |= Q(order__state=OrderState.AWAITING_BALANCE, sku_id__in=presales)
    return waits


def _wanted(orders: Mapping[int, Order], lines: Mapping[int, Sequence[OrderLine]], work: Work) -> dict[int, int]:
    """Line -> pieces that it waits for: what is backordered; of a pre-sale what is neither routed nor held."""
    presales = inventory.stock_policies(work).presales
    deposits = [pk for pk, order in orders.items() if order.state == OrderState.AWAITING_BALANCE]
    held = pieces_held(order_ids=deposits, work=work) if deposits else {}
    wanted: dict[int, int] = {}
    for pk, order in orders.items():
        if order.state != OrderState.AWAITING_BALANCE:
            wanted.update((line.pk, line.backordered) for line in lines[pk] if line.backordered and line.sku_id)
        elif not has_lapsed(order, work.at):
            own = dict(held.get(pk, {}))
            for line in lines[pk]:
                if line.sku_id not in presales or line.sku_id is None:
                    continue
                there = min(line.unplanned, own.get(line.sku_id, 0))
                own[line.sku_id] = own.get(line.sku_id, 0) - there
                if line.unplanned > there:
                    wanted[line.pk] = line.unplanned - there
    return wanted
