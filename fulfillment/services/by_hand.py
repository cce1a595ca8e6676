"""Parcels as a person wants them: an order out of a shared parcel, and one order in several."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from fulfillment.errors import MergeImpossible, NotInCompany, ShipmentAtWarehouse, SplitImpossible
from fulfillment.models import Shipment, ShipmentLine, SplitWish
from fulfillment.services.merging import keys_of
from fulfillment.services.own_house import own_warehouses
from fulfillment.services.planning import fits_together
from fulfillment.services.stopping import shipments_of, stop_shipments
from fulfillment.services.waiting import CODE, close_merge_windows
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
    travel together. Out of a basket in our own house only its pieces are put back, the others go on with theirs. An
    order that waits for others waits no longer. done: the orders. Refused: OrderUnknown, NotInCompany for an order that
    shares no shipment and waits for nobody. Raises ReasonMissing. The reason is kept as a deed.
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
        stop_shipments(order_ids=[order_id], reason=reason, only_apart=True, leave_baskets=False, work=work)
        details = {"boxes": [{str(pk): n for pk, n in box.items()} for box in boxes]}
        action = "order.split" if wishes else "order.unsplit"
        record_deed(work, action=action, subject=f"order:{order_id}", reason=reason, details=details)
    return order


def merge_orders(
    *, order_ids: Collection[int], reason: str, actor: Actor, at: datetime | None = None, work: Work | None = None
) -> list[Order]:
    """Let these orders travel together now: all of them, or none.

    What is planned and not handed over, or waits for picking in a warehouse of our own, is given up for one new
    shipment; orders that wait for others wait no longer. That they were to ship alone, or were split by hand, ends.
    Raises OrderUnknown, ReasonMissing, and MergeImpossible: fewer than two orders (one), unequal shop, buyer or
    address, or a shop or channel that does not merge (receiver), planned in different warehouses (warehouse), at a
    warehouse that was told or in somebody's hands (begun), shipped or ended (gone), more in one parcel than any courier
    takes there (too_heavy). The reason is kept as a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        company = {pk for group in _in_company(order_ids).values() for pk in group}
        orders = work.lock(Order, {*order_ids, *company})
        for pk in order_ids:
            if pk not in orders:
                raise OrderUnknown(order_id=pk)
        mine = {pk: orders[pk] for pk in order_ids}
        waiting = _waiting(order_ids)
        planned = _mergeable(work, mine, waiting)
        for order in mine.values():
            if order.ships_alone:
                order.ships_alone = False
                work.save(order, "ships_alone")
        SplitWish.objects.filter(order_id__in=order_ids).delete()
        keys = keys_of(work, list(mine.values()))
        if len(keys) < len(mine) or len(set(keys.values())) > 1:
            raise MergeImpossible(order_id=next(iter(mine), 0), problem="receiver")
        _refuse_weight(work, planned, mine)
        stop_shipments(order_ids=planned, reason=reason, only_apart=True, leave_baskets=False, work=work)
        for pk in mine:
            details = {"orders": [other.channel_order_no for other in mine.values() if other.pk != pk]}
            record_deed(work, action="order.merge", subject=f"order:{pk}", reason=reason, details=details)
        close_merge_windows(order_ids=waiting, over=waiting, work=work)
    return list(mine.values())


def _mergeable(work: Work, orders: Mapping[int, Order], waiting: Collection[int]) -> list[int]:
    """Those of these orders that are planned; raises MergeImpossible when not all can be merged."""
    shipments = shipments_of(work, list(orders))
    own = own_warehouses(work)
    warehouses: set[int] = set()
    planned: list[int] = []
    for pk, order in orders.items():
        live = [s for s in shipments[pk] if s.state != ShipmentState.CANCELLED]
        if order.state in CLOSED_STATES or any(s.state in HAS_LEFT for s in live):
            raise MergeImpossible(order_id=pk, problem="gone")
        in_bins = (ShipmentState.ACCEPTED, ShipmentState.WAVED)
        if any(
            s.state != ShipmentState.PLANNED and not (s.warehouse_id in own and s.state in in_bins) for s in live
        ) or (not live and pk not in waiting):
            raise MergeImpossible(order_id=pk, problem="begun")
        warehouses.update(s.warehouse_id for s in live)
        planned.extend([pk] if live else [])
    if len(orders) < 2:
        raise MergeImpossible(order_id=next(iter(orders), 0), problem="one")
    if len(warehouses) > 1:
        raise MergeImpossible(order_id=planned[-1], problem="warehouse")
    return planned


def _refuse_weight(work: Work, planned: Sequence[int], orders: Mapping[int, Order]) -> None:
    """Raises MergeImpossible where no courier takes what is planned of these orders in as few boxes as rules allow."""
    if len(planned) < 2:
        return
    shipments = {s.pk: s for group in shipments_of(work, planned).values() for s in group}
    live = [pk for pk, s in shipments.items() if s.state != ShipmentState.CANCELLED]
    lines = work.lock_children(OrderLine, "order_id", list(planned))
    by_id = {line.pk: (orders[line.order_id], line) for group in lines.values() for line in group}
    pieces: dict[int, dict[int, int]] = {}
    for row in ShipmentLine.objects.filter(shipment_id__in=live, order_id__in=planned):
        of_order = pieces.setdefault(row.order_id, {})
        of_order[row.order_line_id] = of_order.get(row.order_line_id, 0) + row.quantity
    warehouse_id = shipments[live[0]].warehouse_id
    if not fits_together(work, warehouse_id, [(orders[pk], mine) for pk, mine in pieces.items()], by_id):
        raise MergeImpossible(order_id=planned[-1], problem="too_heavy")


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
