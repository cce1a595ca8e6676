"""Another warehouse for what one would not ship, and goods asked back: the two things a person may want of an order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from fulfillment.errors import NothingToStop, ShipmentAtWarehouse
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.anew import hold_stopped, set_back
from fulfillment.services.assignments import ROUTING
from fulfillment.services.planning import create_shipments
from fulfillment.services.routing import avoid_warehouses, reserve_and_route
from fulfillment.services.stopping import (
    give_up_rejected,
    lock_goods,
    route_stopped_anew,
    shipments_of,
    stop_shipments,
)
from fulfillment.states import AT_WAREHOUSE, IN_WAREHOUSE, STOPPABLE, WAREHOUSE_DOUBTS, ShipmentState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Order
from ordercenter.orders.states import OrderState
from ordercenter.workflow import services as workflow

_GOES_ON_AT = "fulfillment.send_to_wms"
_HAS_SHIPMENTS = (OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED)


def route_elsewhere(
    *, order_ids: Collection[int], reason: str, actor: Actor, at: datetime | None = None, work: Work | None = None
) -> BatchResult:
    """Ship orders that their warehouse rejected from another one: all of these orders, or none of them.

    Orders that share a rejected shipment with one of these go with it. What has left of an order, or is at another
    warehouse, stays as it is: only the rejected shipments are cancelled, their stock is free, the cheapest of the other
    warehouses gets new shipments, and the orders' flows go on with sending them. done: the orders. Raises OrderUnknown,
    ReasonMissing, ShipmentAtWarehouse where nothing is rejected and a warehouse has it, TransitionRefused for an order
    without a rejected shipment, StockShort or NoCourierThere when no other warehouse can ship it, OrderOnHold when
    something else holds it. Emits ShipmentCancelled, ShipmentCreated, OrderReleased; the reason is kept as a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        orders = _locked(work, {*order_ids, *sharing_rejected(order_ids)})
        lock_goods(order_ids=list(orders), work=work, routes_anew=True)
        shipments = shipments_of(work, list(orders))
        rejected = {pk: _rejected(order, shipments[pk]) for pk, order in orders.items()}
        take_elsewhere(rejected=rejected, shipments=shipments, reason=reason, work=work).raise_first()
        for pk in orders:
            record_deed(work, action="order.route_elsewhere", subject=f"order:{pk}", reason=reason)
    return BatchResult(done=list(orders.values()))


def take_elsewhere(
    *,
    rejected: Mapping[int, Sequence[Shipment]],
    shipments: Mapping[int, Sequence[Shipment]],
    reason: str,
    work: Work,
    never: Mapping[int, Collection[int]] = MappingProxyType({}),
    why: str = "",
) -> BatchResult:
    """Give up what warehouses rejected of these orders, and plan just that from others; the flows go on with sending.

    rejected: by order, its rejected shipments; everybody who has a part in one of them is among the orders. shipments:
    by order, all its shipments, locked. never: warehouses that are no candidates besides those. why: kept with the
    decisions. done: the orders. With anything refused (what `reserve_and_route` and `create_shipments` refuse) the
    work must not be written.
    """
    order_ids = list(rejected)
    given_up = {s.pk: s for group in rejected.values() for s in group}
    for pk, group in rejected.items():
        avoided = {s.warehouse_id for s in group} | set(never.get(pk, ()))
        avoid_warehouses(work).setdefault(pk, set()).update(avoided | _holding(shipments[pk], given_up))
    give_up_rejected(shipments=given_up.values(), work=work)
    result = reserve_and_route(order_ids=order_ids, work=work, why=why)
    if result.refused:
        return result
    orders_services.release_holds(
        order_ids=order_ids, codes=WAREHOUSE_DOUBTS, reason=reason, accepted=False, work=work
    ).raise_first()
    planned = create_shipments(order_ids=order_ids, work=work)
    if planned.refused:
        return planned
    subjects = [f"order:{pk}" for pk in order_ids]
    workflow.rewind(subjects=subjects, use=_GOES_ON_AT, code="ROUTED_ELSEWHERE", work=work)
    return result


def ask_back(
    *, order_ids: Collection[int], reason: str, actor: Actor, at: datetime | None = None, work: Work | None = None
) -> BatchResult:
    """Keep the goods of these orders in the house: their warehouses are asked to stop what they have in hand.

    The warehouse's answer or the parcel decides, whichever comes first. Stopped goods are free again, and the order
    waits, on hold, for a person who cancels it or lets it go anew. done: the orders. Refused: OrderUnknown,
    NothingToStop when no warehouse has anything of it. Raises ReasonMissing. The reason is kept as a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        orders = work.lock(Order, order_ids)
        shipments = shipments_of(work, list(orders))
        for pk in order_ids:
            if pk not in orders:
                result.refuse(pk, OrderUnknown(order_id=pk))
            elif not any(shipment.state in STOPPABLE for shipment in shipments[pk]):
                result.refuse(pk, NothingToStop(order_id=pk))
            else:
                result.done.append(orders[pk])
        ids = [order.pk for order in result.done]
        hold_stopped(orders=result.done, work=work)
        stop_shipments(order_ids=ids, reason=reason, work=work)
        set_back(order_ids=route_stopped_anew(order_ids=ids, work=work), work=work)
        for pk in ids:
            record_deed(work, action="order.ask_back", subject=f"order:{pk}", reason=reason)
    return result


def plan_anew(*, order_ids: Collection[int], work: Work) -> list[int]:
    """Orders whose warehouse is through with their shipment without having shipped anything: the shipment is cancelled,
    and their flow stands at routing, for a way under a new number. Returns them; others are left alone.
    """
    lines = ShipmentLine.objects.filter(order_id__in=order_ids, shipment__state=ShipmentState.REJECTED)
    rejected = dict(lines.values_list("shipment__code", "order_id"))
    if not rejected:
        return []
    closed = Case.objects.filter(code="NOTHING_SHIPPED", subject__in=[f"order:{pk}" for pk in order_ids])
    codes = set(closed.filter(evidence__shipment__in=list(rejected)).values_list("evidence__shipment", flat=True))
    orders = work.lock(Order, {order_id for code, order_id in rejected.items() if code in codes})
    ids = [pk for pk, order in orders.items() if order.state == OrderState.IN_FULFILLMENT and not order.is_on_hold]
    stop_shipments(order_ids=ids, reason="planned anew", work=work)
    again = route_stopped_anew(order_ids=ids, work=work)
    subjects = [f"order:{pk}" for pk in again]
    workflow.rewind(subjects=subjects, use=ROUTING, code="PLANNED_ANEW", work=work)
    return again


def _locked(work: Work, order_ids: Collection[int]) -> dict[int, Order]:
    orders = work.lock(Order, order_ids)
    for pk in order_ids:
        if pk not in orders:
            raise OrderUnknown(order_id=pk)
    return orders


def sharing_rejected(order_ids: Collection[int]) -> set[int]:
    """Everybody who has a part in a rejected shipment of one of these orders. One statement."""
    rejected = Shipment.objects.filter(state=ShipmentState.REJECTED, lines__order_id__in=order_ids)
    return set(ShipmentLine.objects.filter(shipment__in=rejected.values("pk")).values_list("order_id", flat=True))


def _holding(shipments: Sequence[Shipment], given_up: Collection[int]) -> set[int]:
    """Warehouses that have another part of the order: a line has one open promise in a warehouse."""
    return {s.warehouse_id for s in shipments if s.state in IN_WAREHOUSE and s.pk not in given_up}


def _rejected(order: Order, shipments: Sequence[Shipment]) -> list[Shipment]:
    """The shipments that a warehouse rejected; raises when there is none."""
    rejected = [s for s in shipments if s.state == ShipmentState.REJECTED]
    if rejected and order.state in _HAS_SHIPMENTS:
        return rejected
    waiting = [s for s in shipments if s.state in AT_WAREHOUSE]
    if waiting:
        raise ShipmentAtWarehouse(order_id=order.pk, shipment=waiting[0].code)
    raise TransitionRefused(machine="order", pk=order.pk, state=order.state, move="route_elsewhere")
