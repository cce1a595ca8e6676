"""Parcels as a person wants them: an order out of a shared parcel, and one order in several."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from fulfillment.errors import NotInCompany, ShipmentAtWarehouse, SplitImpossible
from fulfillment.models import Shipment, ShipmentLine, SplitWish
from fulfillment.services.stopping import shipments_of, stop_shipments
from fulfillment.services.waiting import CODE
from fulfillment.states import AT_WAREHOUSE, HAS_LEFT, STOPPABLE, ShipmentState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.states import CLOSED_STATES


def unmerge_orders(
    *, order_ids: Collection[int], reason: str, actor: Actor, at: datetime | None = None, work: Work | None = None
) -> BatchResult:
    """Let each of these orders travel by itself from now on.

    A shipment that no warehouse has yet is planned anew at once; of one that a warehouse has, it is asked back, and its
    answer or the parcel, whichever comes first, decides: stopped, every order of it is planned anew; faster, they
    travel together. An order that waits for others waits no longer. done: the orders. Refused: OrderUnknown,
    NotInCompany for an order that shares no shipment and waits for nobody. Raises ReasonMissing. The reason is kept as
    a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        shared, waiting = _in_company(order_ids), _waiting(order_ids)
        # All who travel with one of these are locked before their shipments, as everywhere.
        orders = work.lock(Order, {*order_ids, *(pk for companions in shared.values() for pk in companions)})
        for pk in order_ids:
            if pk not in orders:
                result.refuse(pk, OrderUnknown(order_id=pk))
            elif pk not in shared and pk not in waiting:
                result.refuse(pk, NotInCompany(order_id=pk))
            else:
                orders[pk].ships_alone = True
                work.save(orders[pk], "ships_alone")
                result.done.append(orders[pk])
                record_deed(work, action="order.unmerge", subject=f"order:{pk}", reason=reason)
        apart = [order.pk for order in result.done if order.pk in shared]
        stop_shipments(order_ids=apart, reason=reason, only_apart=True, work=work)
        freed = [order.pk for order in result.done if order.pk in waiting]
        if freed:
            orders_services.release_holds(order_ids=freed, codes=[CODE], reason=reason, accepted=False, work=work)
    return result


def split_order(
    *,
    order_id: int,
    boxes: Sequence[Mapping[int, int]],
    reason: str,
    actor: Actor,
    at: datetime | None = None,
    work: Work | None = None,
) -> Order:
    """Send these pieces of an order in parcels of their own, and the rest in another one.

    boxes: order line id -> pieces, for each parcel besides the rest; replaces what was wished before, and no box at all
    undoes the split. Obeyed whenever the order is planned; a shipment that no warehouse has yet is planned anew at
    once. Raises OrderUnknown, ReasonMissing, ShipmentAtWarehouse once a warehouse has something of it (it can be asked
    back), SplitImpossible for pieces that the order does not have. The reason is kept as a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        work.lock(Order, {order_id, *_in_company([order_id]).get(order_id, ())})
        order = work.lock(Order, [order_id]).get(order_id)
        if order is None:
            raise OrderUnknown(order_id=order_id)
        lines = work.lock_children(OrderLine, "order_id", [order_id])[order_id]
        _refuse_split(order, lines, boxes, shipments_of(work, [order_id])[order_id])
        SplitWish.objects.filter(order_id=order_id).delete()
        wishes = [
            SplitWish(order_id=order_id, order_line_id=line_id, box=number, quantity=pieces)
            for number, box in enumerate(boxes, 1)
            for line_id, pieces in sorted(box.items())
            if pieces
        ]
        # At once, for it is read again when the order is planned anew below.
        SplitWish.objects.bulk_create(wishes)
        order.ships_alone = bool(wishes)
        work.save(order, "ships_alone")
        stop_shipments(order_ids=[order_id], reason=reason, only_apart=True, work=work)
        details = {"boxes": [{str(pk): n for pk, n in box.items()} for box in boxes]}
        action = "order.split" if wishes else "order.unsplit"
        record_deed(work, action=action, subject=f"order:{order_id}", reason=reason, details=details)
    return order


def _refuse_split(
    order: Order, lines: Sequence[OrderLine], boxes: Sequence[Mapping[int, int]], shipments: Sequence[Shipment]
) -> None:
    busy = next((s for s in shipments if s.state in AT_WAREHOUSE), None)
    if busy is not None:
        raise ShipmentAtWarehouse(order_id=order.pk, shipment=busy.code)
    if order.state in CLOSED_STATES or any(s.state in HAS_LEFT for s in shipments):
        raise SplitImpossible(order_id=order.pk, problem="gone")
    there = {line.pk: line.ordered - line.cancelled - line.shipped for line in lines}
    wanted: dict[int, int] = {}
    for box in boxes:
        for line_id, pieces in box.items():
            if line_id not in there or pieces < 0:
                raise SplitImpossible(order_id=order.pk, problem="unknown_line")
            wanted[line_id] = wanted.get(line_id, 0) + pieces
    if any(pieces > there[line_id] for line_id, pieces in wanted.items()):
        raise SplitImpossible(order_id=order.pk, problem="too_many")
    if wanted and sum(wanted.values()) >= sum(there.values()) and len(boxes) < 2:
        raise SplitImpossible(order_id=order.pk, problem="nothing_left")


def _in_company(order_ids: Collection[int]) -> dict[int, set[int]]:
    """Those of these orders that share a shipment which may still be stopped, with all who travel in it."""
    theirs = ShipmentLine.objects.filter(
        order_id__in=order_ids, shipment__state__in=[*STOPPABLE, ShipmentState.INTERCEPTING]
    )
    pairs = ShipmentLine.objects.filter(shipment_id__in=theirs.values("shipment_id")).values_list(
        "shipment_id", "order_id"
    )
    members: dict[int, set[int]] = {}
    for shipment_id, order_id in pairs:
        members.setdefault(shipment_id, set()).add(order_id)
    return {pk: group for group in members.values() if len(group) > 1 for pk in group if pk in order_ids}


def _waiting(order_ids: Collection[int]) -> set[int]:
    rows = Hold.objects.filter(order_id__in=order_ids, code=CODE, released_at__isnull=True)
    return set(rows.values_list("order_id", flat=True))
