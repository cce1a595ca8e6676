"""The end of an order: cancelled before the goods leave, or completed after they arrived."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.codes import CODES
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.events.types import OrderCancelled, OrderCompleted, OrderShipped, TradeFinished
from ordercenter.orders.errors import NothingWaits, OrderAlreadyShipped, OrderUnknown
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.holding import release_holds
from ordercenter.orders.states import CLOSED_STATES, OrderState

_TOO_LATE = (OrderState.PARTIALLY_SHIPPED, OrderState.SHIPPED, OrderState.DELIVERED, OrderState.COMPLETED)


def cancel_orders(
    *,
    order_ids: Collection[int],
    reason: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> BatchResult:
    """Cancel orders whose goods are still in the house; emits OrderCancelled, on which stock is given back.

    done: the orders, also those that were cancelled already. Refused: OrderUnknown, OrderAlreadyShipped. Their holds
    and cases are closed; a person's or an integration's reason is kept as a deed. What a warehouse has in hand is
    stopped by fulfilment, which reacts to the fact; should the parcel be faster, a case says so.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        orders = work.lock(Order, order_ids)
        lines = work.lock_children(OrderLine, "order_id", list(orders))
        for order_id in order_ids:
            order = orders.get(order_id)
            if order is None:
                result.refuse(order_id, OrderUnknown(order_id=order_id))
            elif order.state in _TOO_LATE:
                result.refuse(order_id, OrderAlreadyShipped(order_id=order_id, state=order.state))
            elif order.state == OrderState.CANCELLED:
                result.done.append(order)
            else:
                _cancel(work, order, lines[order_id], reason)
                result.done.append(order)
        held = [order.pk for order in result.done if order.is_on_hold]
        if held:
            release_holds(order_ids=held, reason="cancelled", accepted=False, work=work)
        _close_cases(work, result.done)
        if work.actor.kind in ("person", "integration"):
            work.add([_deed(work, order, reason) for order in result.done])
    return result


def cancel_rest(*, order_ids: Collection[int], reason: str, work: Work) -> BatchResult:
    """Of these orders a part is on its way, or has left: what still waits for goods is not sent any more.

    done: the orders. One whose every other piece has left is shipped now (OrderShipped). Refused: OrderUnknown,
    NothingWaits. Their holds for a refund are gone with what was to be refunded.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    for order_id in order_ids:
        order = orders.get(order_id)
        if order is None:
            result.refuse(order_id, OrderUnknown(order_id=order_id))
            continue
        waiting = [line for line in lines[order_id] if line.backordered]
        if not waiting or order.state not in (OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED):
            result.refuse(order_id, NothingWaits(order_id=order_id))
            continue
        for line in waiting:
            line.cancelled, line.backordered = line.cancelled + line.backordered, 0
            work.save(line, "cancelled", "backordered")
        if all(line.ordered == line.cancelled + line.shipped for line in lines[order_id]):
            order.mark_shipped()
            work.save(order)
            work.record(OrderShipped(order_id=order_id))
        result.done.append(order)
    held = [order.pk for order in result.done if order.is_on_hold]
    if held:
        release_holds(order_ids=held, codes=["REFUND_BEFORE_SHIP"], reason=reason, accepted=False, work=work)
    return result


def finish_trades(*, order_ids: Collection[int], at: datetime, actor: Actor, work: Work | None = None) -> BatchResult:
    """The channel says that the buyer confirmed receipt; emits TradeFinished, on which the flow completes the order.

    at: the channel's time of it. done: the orders; those that have ended already are told no second time.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        for order in work.lock(Order, order_ids).values():
            if order.state not in CLOSED_STATES:
                work.record(TradeFinished(order_id=order.pk, occurred_at=at))
            result.done.append(order)
    return result


def complete_orders(*, order_ids: Collection[int], work: Work | None = None, at: datetime | None = None) -> BatchResult:
    """The buyer has the goods and confirmed: shipped orders become delivered and completed. Emits OrderCompleted.

    done: the orders, also those that had ended. Refused: TransitionRefused for an order that has not shipped in our
    books; the caller retries or opens a case.
    """
    result = BatchResult()
    with unit_of_work(work, at=at) as work:
        orders = work.lock(Order, order_ids)
        lines = work.lock_children(OrderLine, "order_id", list(orders))
        for order in orders.values():
            if order.state in CLOSED_STATES:
                result.done.append(order)
                continue
            with result.refusals(order.pk, TransitionRefused):
                if order.state != OrderState.DELIVERED:
                    order.mark_delivered()
                order.complete()
                work.save(order)
                for line in lines[order.pk]:
                    line.delivered = line.shipped
                    work.save(line, "delivered")
                work.record(OrderCompleted(order_id=order.pk))
                result.done.append(order)
    return result


def _cancel(work: Work, order: Order, lines: Collection[OrderLine], reason: str) -> None:
    order.cancel(reason=reason[:200])
    work.save(order, "cancel_reason")
    for line in lines:
        line.cancelled = line.ordered - line.shipped
        line.unplanned = line.backordered = line.reserved = line.released = 0
        work.save(line, "cancelled", "unplanned", "backordered", "reserved", "released")
    work.record(OrderCancelled(order_id=order.pk, reason=reason[:200]))


def _close_cases(work: Work, orders: Collection[Order]) -> None:
    subjects = {f"order:{order.pk}" for order in orders}
    cases.close_cases_of(subjects=subjects, codes=list(CODES), resolution="order cancelled", work=work)


def _deed(work: Work, order: Order, reason: str) -> Deed:
    return Deed(
        at=work.at,
        actor=str(work.actor),
        user_id=work.actor.user_id,
        action="order.cancel",
        subject=f"order:{order.pk}",
        reason=reason,
        chain_id=work.cause_of(f"order:{order.pk}").chain_id,
    )
