"""A person says from which warehouse an order ships."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from fulfillment.errors import PinTooLate
from fulfillment.models import RoutingPin, Shipment
from fulfillment.routing.rule_document import POLICIES
from fulfillment.services.planning import create_shipments
from fulfillment.services.releasing import awaiting_release
from fulfillment.services.routing import reserve_and_route
from fulfillment.services.stopping import lock_goods, route_stopped_anew, shipments_of, stop_shipments
from fulfillment.states import ShipmentState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.events.types import OrderReleaseDue
from ordercenter.inventory.models import Warehouse
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.states import BEFORE_FULFILLMENT, OrderState

# What a pin can solve: the order looks for its way again.
_SOLVED = ("OUT_OF_STOCK", "ROUTING_NONE", "WAREHOUSE_CLOSED", "ROUTING_FORBIDDEN", "CAPACITY_FULL")


def pin_order(
    *, order_id: int, warehouse_id: int, policy: str, reason: str, actor: Actor, at: datetime | None = None
) -> RoutingPin:
    """Ship this order from this warehouse, whatever the rules would choose.

    policy: hold, and the order waits when the warehouse cannot ship it; fall_back, and the others may. An order that
    waits for a way looks for it anew; one that is planned and not handed over yet is planned anew. The reason is kept
    as a deed. Raises ReasonMissing, OrderUnknown, PinTooLate when a warehouse has it already, and what
    `reserve_and_route` refuses a planned order; nothing is changed then.
    """
    if not reason.strip():
        raise ReasonMissing
    if policy not in POLICIES or not Warehouse.objects.filter(pk=warehouse_id).exists():
        raise ValueError(f"no such policy or warehouse: {policy}, {warehouse_id}")
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        order = _locked(work, order_id)
        planned = _planned(work, order)
        _end(work, [order_id])
        pin = RoutingPin(
            order_id=order_id,
            warehouse_id=warehouse_id,
            policy=policy,
            reason=reason[:200],
            created_at=work.at,
            created_by_id=actor.user_id,
        )
        # Written at once: the routing below has to see it.
        pin._history_user_id, pin._change_reason = actor.user_id, reason  # type: ignore[attr-defined]
        pin.save()
        details = {"warehouse": warehouse_id, "policy": policy}
        record_deed(work, action="order.pin", subject=f"order:{order_id}", reason=reason, details=details)
        _look_again(work, order, planned, reason)
    return pin


def unpin_order(*, order_id: int, reason: str, actor: Actor, at: datetime | None = None) -> None:
    """Take a pin back; what was planned with it stays. Raises ReasonMissing, OrderUnknown."""
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        order = _locked(work, order_id)
        _end(work, [order_id])
        record_deed(work, action="order.unpin", subject=f"order:{order_id}", reason=reason)
        _look_again(work, order, [], reason)


def replan(*, order_ids: Collection[int], work: Work, why: str) -> None:
    """Plan orders anew that are planned and not handed over yet: all of these, or none.

    Their shipments are cancelled, their stock is free, and they are routed and planned as things stand now. Raises
    what `reserve_and_route` and `create_shipments` refuse.
    """
    lock_goods(order_ids=order_ids, work=work, routes_anew=True)
    stop_shipments(order_ids=order_ids, reason=why, work=work)
    route_stopped_anew(order_ids=order_ids, work=work)
    reserve_and_route(order_ids=order_ids, work=work, why=why).raise_first()
    create_shipments(order_ids=order_ids, work=work).raise_first()
    # Their flows wait for a wave that the new plan may not have.
    for order_id in sorted(set(order_ids) - awaiting_release(order_ids=order_ids, work=work)):
        work.record(OrderReleaseDue(order_id=order_id))


def _locked(work: Work, order_id: int) -> Order:
    order = work.lock(Order, [order_id]).get(order_id)
    if order is None:
        raise OrderUnknown(order_id=order_id)
    return order


def _planned(work: Work, order: Order) -> list[Shipment]:
    """The shipments that are still here. Raises PinTooLate when any is not."""
    shipments = [s for s in shipments_of(work, [order.pk])[order.pk] if s.state != ShipmentState.CANCELLED]
    here = all(shipment.state == ShipmentState.PLANNED for shipment in shipments)
    if not here or order.state not in (*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT):
        raise PinTooLate(order_id=order.pk)
    return shipments


def _end(work: Work, order_ids: Collection[int]) -> None:
    for pin in RoutingPin.objects.filter(order_id__in=order_ids, ended_at__isnull=True):
        pin.ended_at = work.at
        pin._history_user_id, pin._change_reason = work.actor.user_id, work.reason  # type: ignore[attr-defined]
        pin.save()


def _look_again(work: Work, order: Order, planned: list[Shipment], reason: str) -> None:
    if planned:
        replan(order_ids=[order.pk], work=work, why="pin")
        return
    open_holds = Hold.objects.filter(order=order, released_at__isnull=True, code__in=_SOLVED)
    codes = list(open_holds.values_list("code", flat=True))
    if codes:
        orders_services.release_holds(order_ids=[order.pk], codes=codes, reason=reason, accepted=False, work=work)
