"""Orders on their way: approved, in fulfilment, waiting for supply, shipped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.events.types import OrderApproved, OrderAwaitingSupply, OrderDelivered, OrderShipped
from ordercenter.orders.errors import OrderOnHold
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import OrderState


def approve_orders(
    *, order_ids: Collection[int], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Orders that passed all checks are approved; emits OrderApproved.

    done: the orders, also those that were approved already. Refused: OrderOnHold, TransitionRefused.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        for order in work.lock(Order, order_ids).values():
            with result.refusals(order.id, OrderOnHold, TransitionRefused):
                if order.state != OrderState.APPROVED:
                    order.approve()
                    work.save(order)
                    work.record(OrderApproved(order_id=order.id))
                result.done.append(order)
    return result


def start_fulfillment(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """The reserved pieces of these orders are released to a warehouse. done: the orders.

    One that is in fulfilment with a part of its goods already only releases more. Refused: OrderOnHold,
    TransitionRefused.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    for order in orders.values():
        with result.refusals(order.id, OrderOnHold, TransitionRefused):
            if order.state in (OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED):
                order.refuse_on_hold("start_fulfillment")
            else:
                order.start_fulfillment()
                work.save(order)
            for line in lines[order.id]:
                line.released, line.reserved = line.released + line.reserved, 0
                work.save(line, "released", "reserved")
            result.done.append(order)
    return result


def wait_for_supply(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """No warehouse has what these orders need: what is not reserved is backordered. done: the orders.

    Refused: TransitionRefused. Emits OrderAwaitingSupply with the SKUs of all lines.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    for order in orders.values():
        with result.refusals(order.id, TransitionRefused):
            if order.state != OrderState.AWAITING_SUPPLY:
                order.await_supply()
                work.save(order)
            short = tuple(sorted({line.sku_id for line in lines[order.id] if line.sku_id is not None}))
            for line in lines[order.id]:
                line.backordered, line.unplanned = line.backordered + line.unplanned, 0
                work.save(line, "backordered", "unplanned")
            work.record(OrderAwaitingSupply(order_id=order.id, sku_ids=short))
            result.done.append(order)
    return result


def ship_orders(*, shipped: Mapping[int, int], missing: Mapping[int, int], work: Work) -> BatchResult:
    """Pieces have left the warehouse. shipped: order line id -> pieces, at most what is released of the line.

    missing: order line id -> released pieces that the warehouse did not ship; they are to be planned anew. An order
    whose every piece has left or was cancelled is shipped, else partially shipped; done: these orders. One of which no
    piece has left keeps its place and is not among them. Emits OrderShipped for those that are shipped whole. Raises
    ValueError when more left than was released: the caller has checked against the shipment.
    """
    result = BatchResult()
    changed = work.lock(OrderLine, list(shipped))
    orders = work.lock(Order, {line.order_id for line in changed.values()})
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    for line_id, pieces in shipped.items():
        line = changed[line_id]
        if pieces > line.released:
            raise ValueError(f"order line {line_id}: {pieces} shipped, {line.released} released")
        short = min(missing.get(line_id, 0), line.released - pieces)
        line.released, line.shipped = line.released - pieces - short, line.shipped + pieces
        line.unplanned += short
        work.save(line, "released", "shipped", "unplanned")
    for order in orders.values():
        if not any(line.shipped for line in lines[order.id]):
            continue
        rest = sum(line.ordered - line.cancelled - line.shipped for line in lines[order.id])
        if rest:
            order.mark_partially_shipped()
        else:
            order.mark_shipped()
            work.record(OrderShipped(order_id=order.id))
        work.save(order)
        result.done.append(order)
    return result


def deliver_orders(*, delivered: Mapping[int, int], whole: Collection[int], work: Work) -> BatchResult:
    """Pieces were signed for. delivered: order line id -> pieces signed for in all, at most what was shipped of it.

    whole: orders all of whose parcels were signed for; those that are shipped whole are delivered then, emits
    OrderDelivered. done: these. An order that is not shipped whole, or has ended, keeps its state. Quantities never go
    down.
    """
    result = BatchResult()
    lines = work.lock(OrderLine, list(delivered))
    orders = work.lock(Order, {*(line.order_id for line in lines.values()), *whole})
    for line_id, pieces in delivered.items():
        line = lines[line_id]
        if line.delivered < min(pieces, line.shipped):
            line.delivered = min(pieces, line.shipped)
            work.save(line, "delivered")
    for order_id in whole:
        order = orders[order_id]
        if order.state == OrderState.SHIPPED:
            order.mark_delivered()
            work.save(order)
            work.record(OrderDelivered(order_id=order.pk))
            result.done.append(order)
    return result
