"""Orders that look for their way once more: back to routing, their flow set back to that step."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fulfillment.services.assignments import ROUTING
from fulfillment.services.gifts import settle_after_refund
from ordercenter.audit.work import Work
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.states import OrderState
from ordercenter.workflow import services as workflow


def return_to_routing(*, orders: Collection[Order], work: Work) -> list[int]:
    """What was released of these orders is to be planned anew. orders: locked; those not in fulfilment are left alone.

    Returns the others. Their reservations must have been given back.
    """
    lines = work.lock_children(OrderLine, "order_id", [order.pk for order in orders])
    again = []
    for order in orders:
        if order.state != OrderState.IN_FULFILLMENT:
            continue
        order.return_to_routing()
        work.save(order)
        for line in lines[order.pk]:
            line.unplanned, line.released = line.unplanned + line.released + line.reserved, 0
            line.reserved = 0
            work.save(line, "unplanned", "released", "reserved")
        again.append(order.pk)
    return again


def set_back(*, order_ids: Collection[int], work: Work) -> None:
    """Orders whose goods stayed in the house go on from routing, once a person has decided what stopped them."""
    subjects = [f"order:{pk}" for pk in order_ids]
    workflow.rewind(subjects=subjects, use=ROUTING, code="STOPPED", work=work)
    settle_after_refund(order_ids=order_ids, work=work)
    hold_stopped(orders=list(work.lock(Order, order_ids).values()), work=work)


def hold_stopped(*, orders: Sequence[Order], work: Work) -> None:
    """What stopped an order (a refund, a twin) has its hold mostly; one without any gets one: no hold, no limbo."""
    findings = {order.pk: [Finding("GOODS_STOPPED", {})] for order in orders if not order.is_on_hold}
    orders_services.hold_orders(findings=findings, work=work)
