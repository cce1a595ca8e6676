"""Shipments from reserved orders."""

from __future__ import annotations

from collections.abc import Collection

from fulfillment.errors import NothingReserved
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.routing import Assignment, assignments, rate_table
from ordercenter.audit.work import Work
from ordercenter.common.batch import BatchResult
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import new_row
from ordercenter.events.types import ShipmentCreated
from ordercenter.inventory.models import Reservation
from ordercenter.inventory.states import ReservationState
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.review import contacts_of, skus_of


def create_shipments(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """One shipment for each order, from the warehouse where its lines are reserved; the order is in fulfilment then.

    done: the shipments, in the order of the ids; also kept for later steps in `planned_shipments(work)`. Refused:
    NothingReserved, and what `start_fulfillment` refuses. Emits ShipmentCreated. Shipments and their lines go out in
    one COPY each.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    reserved = {pk: [(line, line.reserved) for line in lines[pk] if line.reserved] for pk in orders}
    routes = assignments(work)
    _recall(work, [orders[pk] for pk in orders if pk not in routes])
    ready = [order for order in orders.values() if order.id in routes and reserved[order.id]]
    for pk in orders.keys() - {order.id for order in ready}:
        result.refuse(pk, NothingReserved(order_id=pk))
    started = orders_services.start_fulfillment(order_ids=[order.id for order in ready], work=work)
    result.refused.extend(started.refused)
    shipment_lines: list[ShipmentLine] = []
    for order, pk in zip(started.done, new_ids(Shipment, len(started.done)), strict=True):
        shipment = _new_shipment(work, pk, order, routes[order.id])
        shipment_lines.extend(
            new_row(
                ShipmentLine,
                shipment_id=pk,
                order_id=order.id,
                order_line_id=line.id,
                sku_id=line.sku_id,
                quantity=pieces,
            )
            for line, pieces in reserved[order.id]
        )
        planned_shipments(work).setdefault(order.id, []).append(shipment)
        work.share_cause(f"shipment:{pk}", of=f"order:{order.id}")
        work.record(
            ShipmentCreated(shipment_id=pk, order_ids=(order.id,), warehouse_id=shipment.warehouse_id),
        )
        result.done.append(shipment)
    work.add(result.done)
    work.add(shipment_lines)
    return result


def planned_shipments(work: Work) -> dict[int, list[Shipment]]:
    """The shipments planned in this unit of work, by order id."""
    kept: dict[int, list[Shipment]] = work.shared.setdefault("planned_shipments", {})
    return kept


def _new_shipment(work: Work, pk: int, order: Order, route: Assignment) -> Shipment:
    return new_row(
        Shipment,
        id=pk,
        code=f"DO{work.at:%y%m%d}{pk:09d}",
        shop_id=order.shop_id,
        warehouse_id=route.warehouse_id,
        carrier_id=route.carrier_id,
        contact_id=order.contact_id,
        grade=order.grade,
        weight_g=route.weight_g,
        freight_cost=route.cost,
        decision=route.decision,
        created_at=work.at,
    )


def _recall(work: Work, orders: Collection[Order]) -> None:
    """The way of orders that were routed in an earlier transaction, from where their goods are reserved."""
    if not orders:
        return
    rows = Reservation.objects.filter(order_id__in=[o.id for o in orders], state=ReservationState.ACTIVE)
    warehouses = dict(rows.values_list("order_id", "warehouse_id"))
    lines = work.lock_children(OrderLine, "order_id", [o.id for o in orders])
    skus = skus_of(work, [line for group in lines.values() for line in group])
    contacts, table = contacts_of(work, orders), rate_table(work)
    for order in orders:
        warehouse_id, contact = warehouses.get(order.id), contacts.get(order.contact_id or 0)
        if warehouse_id is None or contact is None:
            continue
        weight_g = sum(skus[line.sku_id].weight_g * line.reserved for line in lines[order.id] if line.sku_id)
        price = table.cheapest(warehouse_id, contact.province, weight_g)
        if price is not None:
            assignments(work)[order.id] = Assignment(
                warehouse_id, price[1], price[0], weight_g, {"strategy": "where_reserved/1", "candidates": []}
            )
