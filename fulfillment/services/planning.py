"""Shipments from reserved orders: parcels of routing become delivery orders, with what of the money is in each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fulfillment.errors import NothingReserved
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.packing.shares import freight_of_lines, share_of_pieces
from fulfillment.services.assignments import Assignment, PlannedParcel, assignments
from fulfillment.services.routing import cheapest_parcel
from fulfillment.states import ShipmentState
from ordercenter.audit.work import Work
from ordercenter.common.batch import BatchResult
from ordercenter.common.ids import new_ids
from ordercenter.common.money import ZERO
from ordercenter.common.rows import new_row
from ordercenter.events.types import ShipmentCreated
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Reservation
from ordercenter.inventory.states import ReservationState
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.review import contacts_of, skus_of


@dataclass(frozen=True, slots=True)
class Piece:
    """So many pieces of an order line in a shipment, with what of the line's amount and of the freight is theirs."""

    line: OrderLine
    quantity: int
    amount: Decimal
    freight: Decimal


@dataclass(frozen=True, slots=True)
class Draft:
    """A shipment to be: one parcel of one order."""

    order: Order
    parcel: PlannedParcel
    assignment: Assignment
    pieces: Sequence[Piece]


def create_shipments(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """Shipments for what is reserved of each order, one for each parcel of its assignment; it is in fulfilment then.

    The parcels come from `assignments(work)`, made by routing in this unit of work; for orders routed before, from
    where their goods are reserved. An order that is in fulfilment already gets shipments for what was reserved since.
    done: the shipments; also kept for later steps in `planned_shipments(work)`. Refused: NothingReserved, and what
    `start_fulfillment` refuses. Raises ValueError when the parcels do not hold exactly the reserved pieces. Emits
    ShipmentCreated. Shipments and their lines go out in one COPY each.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    routes = assignments(work)
    reserved = [order for order in orders.values() if any(line.reserved for line in lines[order.id])]
    _recall(work, [order for order in reserved if order.id not in routes], lines)
    ready = [order for order in reserved if order.id in routes]
    for pk in orders.keys() - {order.id for order in ready}:
        result.refuse(pk, NothingReserved(order_id=pk))
    drafts = _drafts(work, ready, lines, routes)
    started = orders_services.start_fulfillment(order_ids=[order.id for order in ready], work=work)
    result.refused.extend(started.refused)
    inventory.allocate_reservations(order_ids=[order.id for order in started.done], work=work)
    going = [draft for order in started.done for draft in drafts[order.id]]
    shipment_lines: list[ShipmentLine] = []
    for draft, pk in zip(going, new_ids(Shipment, len(going)), strict=True):
        shipment = _new_shipment(work, pk, draft)
        shipment_lines.extend(_new_line(pk, draft.order, piece) for piece in draft.pieces)
        planned_shipments(work).setdefault(draft.order.id, []).append(shipment)
        work.share_cause(f"shipment:{pk}", of=f"order:{draft.order.id}")
        work.record(
            ShipmentCreated(shipment_id=pk, order_ids=(draft.order.id,), warehouse_id=shipment.warehouse_id),
        )
        result.done.append(shipment)
    work.add(result.done)
    work.add(shipment_lines)
    return result


def planned_shipments(work: Work) -> dict[int, list[Shipment]]:
    """The shipments planned in this unit of work, by order id."""
    kept: dict[int, list[Shipment]] = work.shared.setdefault("planned_shipments", {})
    return kept


def _drafts(
    work: Work, orders: Sequence[Order], lines: Mapping[int, Sequence[OrderLine]], routes: Mapping[int, Assignment]
) -> dict[int, list[Draft]]:
    """The shipments to be, by order, with the money in each. One statement, for orders of which a part has left."""
    begun = {line.id for order in orders for line in lines[order.id] if line.reserved and line.reserved < line.ordered}
    held = _held_elsewhere(work, begun)
    drafts: dict[int, list[Draft]] = {}
    for order in orders:
        parcels = routes[order.id].parcels
        planned: dict[int, list[int]] = defaultdict(list)
        for parcel in parcels:
            for line_id, quantity in parcel.pieces.items():
                planned[line_id].append(quantity)
        if {pk: sum(n) for pk, n in planned.items()} != {n.id: n.reserved for n in lines[order.id] if n.reserved}:
            raise ValueError(f"order {order.id}: the parcels are not what is reserved")
        shares = _shares(order, lines[order.id], planned, held)
        by_id = {line.id: line for line in lines[order.id]}
        drafts[order.id] = [
            Draft(
                order,
                parcel,
                routes[order.id],
                [Piece(by_id[pk], quantity, *next(shares[pk])) for pk, quantity in parcel.pieces.items()],
            )
            for parcel in parcels
        ]
    return drafts


def _shares(
    order: Order,
    lines: Sequence[OrderLine],
    planned: Mapping[int, Sequence[int]],
    held: Mapping[int, tuple[int, Decimal, Decimal]],
) -> dict[int, Iterator[tuple[Decimal, Decimal]]]:
    """By line, what of its amount and of the order's freight falls on each group of its pieces, in their order."""
    bought = [line for line in lines if not line.is_gift] or list(lines)
    freights: dict[int, Decimal] = {}
    if order.freight_amount:
        parts = freight_of_lines(order.freight_amount, [n.paid_share for n in bought], [n.ordered for n in bought])
        freights = {line.id: part for line, part in zip(bought, parts, strict=True)}
    shares: dict[int, Iterator[tuple[Decimal, Decimal]]] = {}
    for line in lines:
        groups = planned.get(line.id)
        if groups is None:
            continue
        pieces, amount, freight = held.get(line.id, (0, ZERO, ZERO))
        left = line.ordered - pieces
        shares[line.id] = zip(
            share_of_pieces(line.paid_share - amount, groups, left),
            share_of_pieces(freights.get(line.id, ZERO) - freight, groups, left),
            strict=True,
        )
    return shares


def _held_elsewhere(work: Work, line_ids: Collection[int]) -> dict[int, tuple[int, Decimal, Decimal]]:
    """By line, what of it is in other shipments that live: pieces (those that left where it has left), amount, freight.

    Two statements, or none for no line.
    """
    if not line_ids:
        return {}
    rows = list(ShipmentLine.objects.filter(order_line_id__any_of=sorted(line_ids)))
    # As they stand in this unit of work: one that was cancelled a moment ago holds nothing any more.
    shipments = work.lock(Shipment, {row.shipment_id for row in rows})
    held: dict[int, tuple[int, Decimal, Decimal]] = {}
    for row in rows:
        shipment = shipments[row.shipment_id]
        if shipment.state == ShipmentState.CANCELLED:
            continue
        pieces, amount, freight = held.get(row.order_line_id, (0, ZERO, ZERO))
        there = row.shipped if shipment.shipped_at else row.quantity
        held[row.order_line_id] = (pieces + there, amount + row.amount, freight + row.freight)
    return held


def _new_shipment(work: Work, pk: int, draft: Draft) -> Shipment:
    order, parcel = draft.order, draft.parcel
    return new_row(
        Shipment,
        id=pk,
        code=f"DO{work.at:%y%m%d}{pk:09d}",
        shop_id=order.shop_id,
        warehouse_id=parcel.warehouse_id,
        carrier_id=parcel.carrier_id,
        contact_id=order.contact_id,
        grade=order.grade,
        weight_g=parcel.weight_g,
        freight_cost=parcel.cost,
        decision=draft.assignment.decision,
        release_at=parcel.release_at,
        created_at=work.at,
    )


def _new_line(shipment_id: int, order: Order, piece: Piece) -> ShipmentLine:
    return new_row(
        ShipmentLine,
        shipment_id=shipment_id,
        order_id=order.id,
        order_line_id=piece.line.id,
        sku_id=piece.line.sku_id,
        quantity=piece.quantity,
        amount=piece.amount,
        freight=piece.freight,
    )


def _recall(work: Work, orders: Collection[Order], lines: Mapping[int, Sequence[OrderLine]]) -> None:
    """The way of orders that were routed in an earlier transaction, from where their goods are reserved and not yet
    released to a warehouse.
    """
    if not orders:
        return
    rows = Reservation.objects.filter(order_id__any_of=[o.id for o in orders], state=ReservationState.ACTIVE)
    rows = rows.filter(is_allocated=False)
    reserved: dict[int, list[Reservation]] = defaultdict(list)
    for row in rows.order_by("pk"):
        reserved[row.order_id or 0].append(row)
    skus = skus_of(work, [line for order in orders for line in lines[order.id]])
    contacts = contacts_of(work, orders)
    for order in orders:
        contact, by_id = contacts.get(order.contact_id or 0), {line.id: line for line in lines[order.id]}
        pieces = _not_released(reserved[order.id], by_id)
        parcels = []
        for warehouse_id, there in sorted(pieces.items()):
            weight_g = sum(skus[by_id[pk].sku_id or 0].weight_g * quantity for pk, quantity in there.items())
            price = cheapest_parcel(warehouse_id, contact, weight_g, work=work)
            if price is not None:
                parcels.append(PlannedParcel(warehouse_id, price[1], price[0], weight_g, there))
        if parcels and len(parcels) == len(pieces):
            decision = {"strategy": "where_reserved/1", "candidates": []}
            assignments(work)[order.id] = Assignment(tuple(parcels), decision)


def _not_released(rows: Sequence[Reservation], lines: Mapping[int, OrderLine]) -> dict[int, dict[int, int]]:
    """Reserved pieces by warehouse and line, without those that a warehouse has been told of already.

    A line counts how many pieces are reserved, not where: of one that lies in several warehouses, the latest promises
    are those that nobody has been told of.
    """
    left = {pk: line.reserved for pk, line in lines.items() if line.reserved}
    by_warehouse: dict[int, dict[int, int]] = defaultdict(dict)
    for row in reversed(rows):
        line_id = row.line_id or 0
        pieces = min(row.quantity, left.get(line_id, 0))
        if pieces:
            left[line_id] -= pieces
            by_warehouse[row.warehouse_id][line_id] = pieces
    return by_warehouse
