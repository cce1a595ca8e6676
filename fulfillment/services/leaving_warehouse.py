"""Away from a warehouse that keeps silent (停止后改仓): it is asked to stop what it has, and only its yes lets
the goods leave from another one. Until then nothing is planned anew, so the same goods never leave twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from fulfillment.errors import NothingToStop
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.anew import set_back
from fulfillment.services.assignments import ROUTING
from fulfillment.services.routing import avoid_warehouses, reserve_and_route
from fulfillment.services.stopping import (
    lock_for_stopping,
    lock_goods,
    plan_again,
    route_stopped_anew,
    shipments_of,
    stop_shipments,
    take_stop_answers,
)
from fulfillment.states import STOPPABLE, WAREHOUSE_DOUBTS, ShipmentState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.models import StateChange
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.states import OrderState
from ordercenter.workflow import services as workflow

# The hold of an order that shall leave its warehouse: the wish, and what keeps everything else from happening.
CODE = "LEAVES_WAREHOUSE"
# Kept with the decisions that were made for it.
WHY = "silent"
_HAS_SHIPMENTS = (OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED)
_ASKED = (ShipmentState.INTERCEPTING, ShipmentState.TO_PUT_BACK)
_STOPS = (*STOPPABLE, *_ASKED)
# No warehouse has these: that they are given up says nothing of the warehouse.
_UNTOUCHED = (ShipmentState.PLANNED,)


def leave_warehouse(
    *, order_ids: Collection[int], reason: str, actor: Actor = SYSTEM, at: datetime | None = None
) -> BatchResult:
    """Have the warehouses of these orders stop what they have of them, and ship it from others once they said yes.

    Everybody who shares a shipment with one of these goes along. Each waits with the hold LEAVES_WAREHOUSE for the
    answer (`after_stop`); what no warehouse has yet, or our own people have not touched, goes at once. Asked again,
    nothing happens. done: the orders. Refused: OrderUnknown; NothingToStop where no warehouse has anything of it.
    Raises ReasonMissing. The reason is kept as a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    result = BatchResult()
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        everybody = sorted({*order_ids, *_companions(order_ids)})
        lock_goods(order_ids=everybody, work=work, routes_anew=True)
        orders, shipments = work.lock(Order, everybody), shipments_of(work, everybody)
        for pk in everybody:
            if pk not in orders:
                result.refuse(pk, OrderUnknown(order_id=pk))
            elif orders[pk].state not in _HAS_SHIPMENTS or not any(s.state in _STOPS for s in shipments[pk]):
                result.refuse(pk, NothingToStop(order_id=pk))
            else:
                result.done.append(orders[pk])
        known = set(_leaving([order.pk for order in result.done]))
        fresh = [order.pk for order in result.done if order.pk not in known]
        left = {pk: [s for s in shipments[pk] if s.state in _STOPS and s.state not in _UNTOUCHED] for pk in fresh}
        findings = {pk: [Finding(CODE, {"shipments": [s.code for s in left[pk]]})] for pk in fresh}
        orders_services.hold_orders(findings=findings, work=work)
        never = {pk: {s.warehouse_id for s in left[pk]} for pk in fresh}
        stop_shipments(order_ids=fresh, reason=reason, work=work)
        _go_on(fresh, route_stopped_anew(order_ids=fresh, work=work), never, work)
        for pk in fresh:
            record_deed(work, action="order.leave_warehouse", subject=f"order:{pk}", reason=reason)
    return result


def after_stop(*, answers: Mapping[int, bool], work: Work) -> list[int]:
    """Warehouses have said whether they stopped shipments: `take_stop_answers`, and what follows of it.

    An order that was to leave its warehouse looks for another one now, without any that ever gave it up; where it was
    too late, it stays and its wish is over. All others wait for a decision. Returns the orders whose goods came back.
    """
    orders = lock_for_stopping(shipment_ids=list(answers), work=work)
    again = take_stop_answers(answers=answers, work=work)
    _go_on(list(orders), again, {}, work)
    return again


def stop_second_parcel(*, order_ids: Collection[int], work: Work) -> None:
    """A warehouse has shipped what it had agreed to stop: what others have of these orders is asked back, or not sent.

    The orders stay on hold for a person, who finds out what is out there.
    """
    lock_goods(order_ids=order_ids, work=work)
    stop_shipments(order_ids=order_ids, reason="it has left from another warehouse all the same", work=work)
    set_back(order_ids=route_stopped_anew(order_ids=order_ids, work=work), work=work)


def _go_on(asked: Collection[int], again: Collection[int], never: Mapping[int, Collection[int]], work: Work) -> None:
    """asked: orders that have an answer; again: those with goods to be planned anew; never: no candidates for them."""
    leaving = sorted(set(_leaving(asked)) | never.keys())
    set_back(order_ids=[pk for pk in again if pk not in leaving], work=work)
    if not leaving:
        return
    shipments, lines = shipments_of(work, leaving), work.lock_children(OrderLine, "order_id", leaving)
    answered = [pk for pk in leaving if not any(s.state in _ASKED for s in shipments[pk])]
    away = [pk for pk in answered if any(line.unplanned for line in lines[pk])]
    stays = [pk for pk in answered if pk not in away]
    gave_up = _gave_up(shipments)
    for pk in away:
        avoid_warehouses(work).setdefault(pk, set()).update({*gave_up[pk], *never.get(pk, ())})
    _release(stays, [CODE], "it was too late to stop it", work)
    _release(away, [CODE, *WAREHOUSE_DOUBTS], "the warehouse has stopped it", work)
    orders = work.lock(Order, away)
    free = [pk for pk in away if not orders[pk].is_on_hold]
    found = {order.pk for order in reserve_and_route(order_ids=free, work=work, why=WHY).done} if free else set()
    # Held for something else besides, it looks for its way when that is decided; without another warehouse, as soon as
    # this is written, and then the one that has stopped it is a candidate again: it gets it under another number.
    set_back(order_ids=[pk for pk in away if pk not in free], work=work)
    rest = [f"order:{pk}" for pk in free if pk not in found]
    workflow.rewind(subjects=rest, use=ROUTING, code="STOPPED", work=work)
    plan_again(order_ids=sorted(found), work=work)


def _release(order_ids: Collection[int], codes: Collection[str], why: str, work: Work) -> None:
    if order_ids:
        orders_services.release_holds(
            order_ids=order_ids, codes=codes, reason=why, accepted=False, work=work
        ).raise_first()


def _gave_up(shipments: Mapping[int, Sequence[Shipment]]) -> dict[int, set[int]]:
    """By order, the warehouses that were ever asked to stop something of it, or would not ship it. One statement."""
    by_id = {s.pk: s for group in shipments.values() for s in group}
    moves = StateChange.objects.filter(machine="shipment", move__in=("intercept", "reject"), subject_id__in=list(by_id))
    ever = set(moves.values_list("subject_id", flat=True))
    return {pk: {s.warehouse_id for s in group if s.pk in ever} for pk, group in shipments.items()}


def _leaving(order_ids: Collection[int]) -> list[int]:
    """Those of these orders that are to leave their warehouse. One statement, none for no order."""
    if not order_ids:
        return []
    rows = Hold.objects.filter(order_id__in=order_ids, code=CODE, released_at__isnull=True)
    return sorted(rows.values_list("order_id", flat=True))


def _companions(order_ids: Collection[int]) -> set[int]:
    """Everybody who shares a shipment that a warehouse has with one of these orders, directly or by way of others."""
    found, edge = set(order_ids), set(order_ids)
    while edge:
        theirs = Shipment.objects.filter(lines__order_id__in=edge, state__in=_STOPS).values("pk")
        rows = ShipmentLine.objects.filter(shipment__in=theirs).values_list("order_id", flat=True)
        edge = set(rows) - found
        found |= edge
    return found
