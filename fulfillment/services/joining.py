"""An order that comes later joins the parcel of an earlier one that nobody has begun to pick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Model

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.assignments import Assignment, PlannedParcel
from fulfillment.services.merging import USUAL, Key, keys_of, policies
from fulfillment.services.own_house import own_warehouses
from fulfillment.services.waiting import siblings_under_way
from fulfillment.states import ShipmentState
from ordercenter.audit.work import Work
from ordercenter.events.types import ShipmentCancelled
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import OrderState

M = TypeVar("M", bound=Model)


@dataclass
class Joined:
    """What is planned anew together with the orders that are planned now. assignments: by order, in the order of their
    shipments. lines: of these orders. begun: lines of which other pieces may be in other shipments.
    """

    orders: list[Order] = field(default_factory=list)
    assignments: dict[int, Assignment] = field(default_factory=dict)
    lines: dict[int, list[OrderLine]] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)


def join_planned(work: Work, orders: Collection[Order], routes: Mapping[int, Assignment]) -> Joined:
    """Shipments that these orders may travel in are given up, for a new one with all of them in it.

    Such a shipment leaves the same warehouse, holds whole orders of the same buyer to the same address, and nobody has
    begun with it: it is planned and not handed over, or waits for a wave in a warehouse of our own. The shop's policy
    has to want it, and nobody waits past what the promise of each allows. Whoever somebody else is busy with is left
    alone: nobody waits for a lock here. Goods stay promised and released as they are. No statement where no sibling is
    under way. Emits ShipmentCancelled.
    """
    joined = Joined()
    keys = keys_of(work, orders)
    wanted = {pk: key for pk, key in keys.items() if policies(work).get(key[0], USUAL).joins}
    under_way = siblings_under_way(work, wanted, {order.id: order for order in orders})
    siblings = {pk for pks in under_way.values() for pk in pks} - keys.keys()
    if not siblings:
        return joined
    hosts = _free_to_join(work, siblings)
    for order in orders:
        if under_way.get(order.id):
            _join(work, joined, _Guest(order, wanted[order.id], routes[order.id]), hosts)
    return joined


@dataclass(frozen=True, slots=True)
class _Guest:
    order: Order
    key: Key
    route: Assignment


@dataclass(frozen=True, slots=True)
class _Hosts:
    """Shipments that may take guests, with their lines, and the orders in them with their keys."""

    orders: Mapping[int, Order]
    keys: Mapping[int, Key]
    shipments: Mapping[int, Shipment]
    lines: Mapping[int, Sequence[ShipmentLine]]

    def members(self, shipment_id: int) -> list[int]:
        return sorted({line.order_id for line in self.lines[shipment_id]})


def _join(work: Work, joined: Joined, guest: _Guest, hosts: _Hosts) -> None:
    for parcel in guest.route.parcels:
        for shipment in hosts.shipments.values():
            members = hosts.members(shipment.pk)
            is_theirs = all(hosts.keys.get(pk) == guest.key for pk in members)
            if shipment.warehouse_id != parcel.warehouse_id or not is_theirs:
                continue
            company = [guest.order, *(hosts.orders[pk] for pk in members)]
            # Another guest may have brought it here a moment ago.
            is_here = shipment.state == ShipmentState.CANCELLED
            if not is_here and _in_time(work, company, (parcel.release_at, shipment.release_at)):
                _give_up(work, shipment)
                work.record(ShipmentCancelled(shipment_id=shipment.pk, order_ids=tuple(members)))
                _take_over(work, joined, shipment, hosts)


def _in_time(work: Work, company: Sequence[Order], releases: Sequence[datetime | None]) -> bool:
    """Whether the parcel is handed over early enough for each of them, when it waits for the latest."""
    at = max((release for release in releases if release is not None), default=work.at)
    for order in company:
        margin = timedelta(minutes=policies(work).get(order.shop_id, USUAL).margin_min)
        if order.ship_by is not None and at > max(work.at, order.ship_by - margin):
            return False
    return True


def _give_up(work: Work, shipment: Shipment) -> None:
    if shipment.state == ShipmentState.ACCEPTED:
        shipment.intercept()
    shipment.cancel()
    work.save(shipment)


def _take_over(work: Work, joined: Joined, shipment: Shipment, hosts: _Hosts) -> None:
    pieces: dict[int, dict[int, int]] = defaultdict(dict)
    for line in hosts.lines[shipment.pk]:
        pieces[line.order_id][line.order_line_id] = line.quantity
    joined.lines.update(work.lock_children(OrderLine, "order_id", list(pieces)))
    for order_id, mine in pieces.items():
        parcel = PlannedParcel(
            shipment.warehouse_id,
            shipment.carrier_id,
            shipment.freight_cost,
            shipment.weight_g,
            mine,
            shipment.release_at,
        )
        joined.orders.append(hosts.orders[order_id])
        of_box = ("merged", "is_part", "apart")
        decision = {name: value for name, value in shipment.decision.items() if name not in of_box}
        joined.assignments[order_id] = Assignment((parcel,), decision)
        joined.begun.update(n.id for n in joined.lines[order_id] if mine.get(n.id, 0) < n.ordered)


def _free_to_join(work: Work, order_ids: Collection[int]) -> _Hosts:
    """Those of these orders that travel in exactly one shipment which nobody has begun with, and that shipment with all
    its lines; locked, but for what somebody else has locked. At most seven statements.
    """
    rows = ShipmentLine.objects.filter(order_id__any_of=sorted(order_ids))
    rows = rows.exclude(shipment__state=ShipmentState.CANCELLED)
    found: dict[int, set[int]] = defaultdict(set)
    for order_id, shipment_id in rows.values_list("order_id", "shipment_id"):
        found[order_id].add(shipment_id)
    alone = {order_id: next(iter(ids)) for order_id, ids in found.items() if len(ids) == 1}
    orders = _lock_free(work, Order, alone.keys())
    shipments = _lock_free(work, Shipment, {alone[pk] for pk in orders})
    own = own_warehouses(work)
    begun = {
        pk
        for pk, s in shipments.items()
        if s.state != ShipmentState.PLANNED and not (s.state == ShipmentState.ACCEPTED and s.warehouse_id in own)
    }
    lines = work.lock_children(ShipmentLine, "shipment_id", [pk for pk in shipments if pk not in begun])
    whole = {
        pk: group
        for pk, group in lines.items()
        if all(_may_join(orders.get(line.order_id)) and alone.get(line.order_id) == pk for line in group)
    }
    keys = keys_of(work, list(orders.values()))
    return _Hosts(orders, keys, {pk: shipments[pk] for pk in whole}, whole)


def _may_join(order: Order | None) -> bool:
    return (
        order is not None
        and order.state == OrderState.IN_FULFILLMENT
        and not order.is_on_hold
        and not order.ships_alone
    )


def _lock_free(work: Work, model: type[M], pks: Collection[int]) -> dict[int, M]:
    """Those of these rows that nobody else has locked, locked: the caller has locks already, and may not wait."""
    in_hand = work.in_hand(model)
    mine = {pk: in_hand[pk] for pk in pks if pk in in_hand}
    rest = model._default_manager.filter(pk__in=[pk for pk in pks if pk not in mine])
    rows = list(rest.order_by("pk").select_for_update(skip_locked=True, of=("self",)))
    work.adopt(model, rows)
    return {**mine, **{row.pk: row for row in rows}}
