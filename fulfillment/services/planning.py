"""Shipments from reserved orders: parcels of routing become delivery orders, with what of the money is in each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from fulfillment.errors import NothingReserved
from fulfillment.models import Shipment, ShipmentLine, SplitWish
from fulfillment.packing.shares import freight_of_lines, share_of_pieces
from fulfillment.services.assignments import Assignment, PlannedParcel, assignments, held_until
from fulfillment.services.joining import join_planned
from fulfillment.services.merging import travelling_together
from fulfillment.services.routing import cheapest_parcel, content_of
from fulfillment.services.routing_world import count_loads
from fulfillment.services.splitting import cut, wishes_of
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
from ordercenter.orders.services.lookups import contacts_of, skus_of

# Pieces, amount and freight of a line of which no shipment lives.
NOTHING = (0, ZERO, ZERO)
# The price of a box that no courier takes.
NOBODY = (0, ZERO, 0)


@dataclass(frozen=True, slots=True)
class Consignment:
    """One parcel of one order, before it is known in which box it travels, and with whom."""

    order: Order
    parcel: PlannedParcel
    decision: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Box:
    """A shipment to be: what of which orders is in it.

    content: (order, line, pieces), in the order of the lines. price: (carrier, cost, weight) where it is not what
    routing priced; None where it is. apart: numbers of orders that would have travelled in it, could anybody take it.
    """

    consignments: Sequence[Consignment]
    content: Sequence[tuple[Order, OrderLine, int]]
    price: tuple[int, Decimal, int] | None = None
    apart: tuple[str, ...] = ()


def create_shipments(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """Shipments for what is reserved of each order; it is in fulfilment then.

    The parcels come from `assignments(work)`, made by routing in this unit of work; for orders routed before, from
    where their goods are reserved. Parcels of orders that may travel together (`merging.travelling_together`) and leave
    one warehouse share a shipment, be it with an earlier one that nobody has begun to pick (`joining`); rules of
    packing and wishes of people (`splitting`) make several of one. An order that is in fulfilment already gets
    shipments for what was reserved since.
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
    for order in ready:
        _check_whole(order, lines[order.id], routes[order.id])
    begun = {line.id for order in ready for line in lines[order.id] if line.reserved and line.reserved < line.ordered}
    started = orders_services.start_fulfillment(order_ids=[order.id for order in ready], work=work)
    result.refused.extend(started.refused)
    inventory.allocate_reservations(order_ids=[order.id for order in started.done], work=work)
    joined = join_planned(work, started.done, routes)
    lines = {**lines, **joined.lines}
    boxes = _boxes(work, [*joined.orders, *started.done], lines, {**routes, **joined.assignments})
    shares = _shares(boxes, lines, _held_elsewhere(work, begun | joined.begun))
    shipment_lines: list[ShipmentLine] = []
    for box, pk in zip(boxes, new_ids(Shipment, len(boxes)), strict=True):
        shipment = _new_shipment(work, pk, box)
        shipment_lines.extend(_new_line(pk, order, line, n, next(shares[line.id])) for order, line, n in box.content)
        _tell(work, shipment, [consignment.order for consignment in box.consignments])
        result.done.append(shipment)
    work.add(result.done)
    work.add(shipment_lines)
    count_loads(result.done)
    return result


def planned_shipments(work: Work) -> dict[int, list[Shipment]]:
    """The shipments planned in this unit of work, by order id."""
    kept: dict[int, list[Shipment]] = work.shared.setdefault("planned_shipments", {})
    return kept


def orders_in(work: Work) -> dict[int, tuple[int, ...]]:
    """The orders in each shipment planned in this unit of work, by shipment id."""
    kept: dict[int, tuple[int, ...]] = work.shared.setdefault("orders_in_shipment", {})
    return kept


def _tell(work: Work, shipment: Shipment, orders: Sequence[Order]) -> None:
    order_ids = tuple(order.id for order in orders)
    orders_in(work)[shipment.id] = order_ids
    for pk in order_ids:
        planned_shipments(work).setdefault(pk, []).append(shipment)
    work.share_cause(f"shipment:{shipment.id}", of=f"order:{order_ids[0]}")
    work.record(ShipmentCreated(shipment_id=shipment.id, order_ids=order_ids, warehouse_id=shipment.warehouse_id))


def _check_whole(order: Order, lines: Sequence[OrderLine], route: Assignment) -> None:
    planned: dict[int, int] = defaultdict(int)
    for parcel in route.parcels:
        for line_id, pieces in parcel.pieces.items():
            planned[line_id] += pieces
    if planned != {line.id: line.reserved for line in lines if line.reserved}:
        raise ValueError(f"order {order.id}: the parcels are not what is reserved")


def _boxes(
    work: Work, orders: Sequence[Order], lines: Mapping[int, Sequence[OrderLine]], routes: Mapping[int, Assignment]
) -> list[Box]:
    """The shipments to be: parcels that travel together, cut where a rule or a person wants it."""
    consignments = [
        Consignment(order, parcel, routes[order.id].decision) for order in orders for parcel in routes[order.id].parcels
    ]
    by_id = {line.id: (order, line) for order in orders for line in lines[order.id]}
    together = travelling_together(work, consignments)
    wishes = wishes_of(work, [order for order in orders if order.ships_alone])
    desk = _Desk(work, by_id, wishes)
    return [box for group in together for box in desk.boxes(group)]


def fits_together(
    work: Work,
    warehouse_id: int,
    orders: Sequence[tuple[Order, Mapping[int, int]]],
    lines: Mapping[int, tuple[Order, OrderLine]],
) -> bool:
    """Whether couriers take these pieces (line -> pieces of each order) from there, all in one company."""
    group = [Consignment(order, PlannedParcel(warehouse_id, 0, ZERO, 0, pieces), {}) for order, pieces in orders]
    return _Desk(work, lines, {}).goes(group)


def _shares(
    boxes: Sequence[Box],
    lines: Mapping[int, Sequence[OrderLine]],
    held: Mapping[int, tuple[int, Decimal, Decimal]],
) -> dict[int, Iterator[tuple[Decimal, Decimal]]]:
    """By line, what of its amount and of the order's freight falls on its pieces in each box, in the order of boxes."""
    groups: dict[int, list[int]] = {}
    of_line: dict[int, tuple[Order, OrderLine]] = {}
    for box in boxes:
        for order, line, pieces in box.content:
            groups.setdefault(line.id, []).append(pieces)
            of_line[line.id] = (order, line)
    freights: dict[int, Decimal] = {}
    for order in {order.id: order for order, _line in of_line.values()}.values():
        if order.freight_amount:
            bought = [line for line in lines[order.id] if not line.is_gift] or list(lines[order.id])
            parts = freight_of_lines(order.freight_amount, [n.paid_share for n in bought], [n.ordered for n in bought])
            freights.update((line.id, part) for line, part in zip(bought, parts, strict=True))
    shares: dict[int, Iterator[tuple[Decimal, Decimal]]] = {}
    for line_id, (_order, line) in of_line.items():
        pieces, amount, freight = held.get(line_id, NOTHING)
        left = line.ordered - pieces
        shares[line_id] = zip(
            share_of_pieces(line.paid_share - amount, groups[line_id], left),
            share_of_pieces(freights.get(line_id, ZERO) - freight, groups[line_id], left),
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
        pieces, amount, freight = held.get(row.order_line_id, NOTHING)
        there = row.shipped if shipment.shipped_at else row.quantity
        held[row.order_line_id] = (pieces + there, amount + row.amount, freight + row.freight)
    return held


def _new_shipment(work: Work, pk: int, box: Box) -> Shipment:
    first = box.consignments[0]
    order, parcel = first.order, first.parcel
    grade, priority, decision = order.grade, order.priority, first.decision
    carrier_id, cost, weight_g = box.price or (parcel.carrier_id, parcel.cost, parcel.weight_g)
    if box.price is not None:
        most_urgent = min((c.order for c in box.consignments), key=orders_services.urgency)
        grade, priority = most_urgent.grade, most_urgent.priority
        numbers = [c.order.channel_order_no for c in box.consignments]
        decision = {**decision, "merged": numbers} if len(numbers) > 1 else {**decision, "is_part": True}
    if box.apart:
        decision = {**decision, "apart": list(box.apart)}
    return new_row(
        Shipment,
        id=pk,
        code=f"DO{work.at:%y%m%d}{pk:09d}",
        shop_id=order.shop_id,
        warehouse_id=parcel.warehouse_id,
        carrier_id=carrier_id,
        contact_id=order.contact_id,
        grade=grade,
        priority=priority,
        weight_g=weight_g,
        freight_cost=cost,
        decision=decision,
        release_at=max((at for c in box.consignments if (at := c.parcel.release_at)), default=None),
        created_at=work.at,
    )


class _Desk:
    """Packs what travels together, and prices the boxes that routing did not price."""

    def __init__(
        self,
        work: Work,
        lines: Mapping[int, tuple[Order, OrderLine]],
        wishes: Mapping[int, Sequence[SplitWish]],
    ):
        self.work, self.lines, self.wishes = work, lines, wishes

    def boxes(self, group: Sequence[Consignment]) -> list[Box]:
        """What travels together in its boxes. Who cannot come along because no courier takes all of it goes in a box
        with those who came before, or of its own, and says so."""
        together = self.pack(group)
        if len(group) == 1 or all(box.price != NOBODY for box in together):
            return [self.taken(box) for box in together]
        companies: list[list[Consignment]] = []
        for consignment in group:
            company = next((c for c in companies if self.goes([*c, consignment])), None)
            if company is None:
                companies.append([consignment])
            else:
                company.append(consignment)
        boxes: list[Box] = []
        for company in companies:
            inside = {c.order.id for c in company}
            others = tuple(dict.fromkeys(c.order.channel_order_no for c in group if c.order.id not in inside))
            boxes.extend(replace(self.taken(box), apart=others) for box in self.pack(company))
        return boxes

    def goes(self, company: Sequence[Consignment]) -> bool:
        return all(box.price != NOBODY for box in self.pack(company))

    def pack(self, group: Sequence[Consignment]) -> list[Box]:
        """The boxes of this company, cut where a rule or a person wants it."""
        boxes = []
        for content in cut(self.work, group, self.lines, self.wishes):
            pieces = [(*self.lines[line_id], n) for line_id, n in content.items()]
            inside = {order.id for order, _line, _n in pieces}
            consignments = [c for c in group if c.order.id in inside]
            boxes.append(Box(consignments, pieces, self.price(consignments, pieces)))
        return boxes

    def price(
        self, consignments: Sequence[Consignment], pieces: Sequence[tuple[Order, OrderLine, int]]
    ) -> tuple[int, Decimal, int] | None:
        """The cheapest courier for all of a box that is not what routing priced; NOBODY where no courier takes it."""
        first = consignments[0]
        if len(consignments) == 1 and sum(n for _order, _line, n in pieces) == sum(first.parcel.pieces.values()):
            return None
        skus = skus_of(self.work, [line for _order, line, _n in pieces])
        content = content_of([(line, n) for _order, line, n in pieces], skus)
        contact = contacts_of(self.work, [first.order]).get(first.order.contact_id or 0)
        terms = [c.parcel.couriers for c in consignments]
        price = cheapest_parcel(first.parcel.warehouse_id, contact, content, work=self.work, terms=terms)
        return (price[1], price[0], content.weight_g) if price is not None else NOBODY

    def taken(self, box: Box) -> Box:
        """A box that a person wanted so, or of a way that an older decision chose, keeps its courier and its cost even
        where the contracts of now know nobody for it: people see to it at the bench."""
        if box.price != NOBODY:
            return box
        skus = skus_of(self.work, [line for _order, line, _n in box.content])
        weight_g = content_of([(line, n) for _order, line, n in box.content], skus).weight_g
        cost = sum((c.parcel.cost for c in box.consignments), ZERO)
        return replace(box, price=(box.consignments[0].parcel.carrier_id, cost, weight_g))


def _new_line(
    shipment_id: int, order: Order, line: OrderLine, pieces: int, share: tuple[Decimal, Decimal]
) -> ShipmentLine:
    return new_row(
        ShipmentLine,
        shipment_id=shipment_id,
        order_id=order.id,
        order_line_id=line.id,
        sku_id=line.sku_id,
        quantity=pieces,
        amount=share[0],
        freight=share[1],
    )


def _recall(work: Work, orders: Collection[Order], lines: Mapping[int, Sequence[OrderLine]]) -> None:
    """The way of orders that were routed in an earlier transaction, from where their goods are reserved and not yet
    released to a warehouse.
    """
    if not orders:
        return
    rows = Reservation.objects.filter(order_id__any_of=[o.id for o in orders], state=ReservationState.ACTIVE)
    reserved: dict[int, list[Reservation]] = defaultdict(list)
    # What no shipment was ever made for comes last, and is taken first; goods of a shipment that was given up are next.
    for row in rows.order_by("-is_allocated", "pk"):
        reserved[row.order_id or 0].append(row)
    skus = skus_of(work, [line for order in orders for line in lines[order.id]])
    contacts = contacts_of(work, orders)
    for order in orders:
        contact, by_id = contacts.get(order.contact_id or 0), {line.id: line for line in lines[order.id]}
        pieces = _not_released(reserved[order.id], by_id)
        parcels = []
        for warehouse_id, there in sorted(pieces.items()):
            # What is priced is what is sent: each box that rules of packing make of it.
            whole = Consignment(order, PlannedParcel(warehouse_id, 0, ZERO, 0, there), {})
            contents = [
                content_of([(by_id[pk], n) for pk, n in box.items()], skus)
                for box in cut(work, [whole], {pk: (order, line) for pk, line in by_id.items()}, {})
            ]
            priced = [cheapest_parcel(warehouse_id, contact, content, work=work) for content in contents]
            prices = [price for price in priced if price is not None]
            if len(prices) == len(contents):
                release_at = held_until(work).get((order.id, warehouse_id))
                cost, weight_g = sum((fee for fee, _carrier in prices), ZERO), sum(box.weight_g for box in contents)
                parcels.append(PlannedParcel(warehouse_id, prices[0][1], cost, weight_g, there, release_at))
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
