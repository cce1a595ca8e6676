"""What waits to be decided anew, with all that deciding it takes: single orders, whole companies of a parcel, and those
whose rules or people go step by step, which are decided first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from django.db.models import Q
from django.utils import timezone
from numpy.typing import NDArray

from fulfillment.models import RoutingPin, Shipment, ShipmentLine
from fulfillment.routing.decide import Decider
from fulfillment.routing.facts import Decision, Note, OrderFacts
from fulfillment.routing.rules import Pinned, Ruling
from fulfillment.routing.tariff import IMPOSSIBLE
from fulfillment.routing.terms import Choice, OrderNeed
from fulfillment.services.order_facts import facts_of
from fulfillment.services.routing_world import RoutingWorld, current_world, loads_of
from fulfillment.services.splitting import packing_rules
from fulfillment.states import ShipmentState
from ordercenter.catalog.models import Contact, Sku
from ordercenter.inventory.models import StockLevel
from ordercenter.inventory.states import WarehouseKind
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import OrderState

MOST_ORDERS = 100_000
Place = tuple[int, int]
# Parcels that are planned: warehouse, and the day on which it counts against the warehouse's parcels per day, if any.
Room = tuple[int, date | None]


_NOT_BEGUN = Q(state=ShipmentState.PLANNED, release_at__isnull=False) | Q(
    state=ShipmentState.ACCEPTED, warehouse__kind=WarehouseKind.OWN
)


def is_here(state: str, kind: str) -> bool:
    """Whether nobody has begun with a shipment: no other house was told of it, and our own has no wave with it yet."""
    return state == ShipmentState.PLANNED or (state == ShipmentState.ACCEPTED and kind == WarehouseKind.OWN)


@dataclass
class Waiting:
    """What is planned and not handed over, and moves as one: an order, or all orders that share a parcel.

    orders: the first is the one it is known by. places: (SKU, warehouse) -> pieces. owner: line -> its order. rooms:
    its parcels. decision: of one that was decided before all others, step by step as its rules or people say.
    """

    orders: tuple[Order, ...]
    need: OrderNeed
    ruling: Ruling
    owner: Mapping[int, int]
    shipment_ids: frozenset[int]
    places: Mapping[Place, int]
    rooms: Sequence[Room]
    release_at: datetime | None
    cost_fen: int
    plan: Choice | None = None
    decision: Decision | None = None

    @property
    def order_ids(self) -> list[int]:
        return [order.pk for order in self.orders]

    @property
    def notes(self) -> tuple[Note, ...]:
        return (Note("company", str(len(self.orders))),) if len(self.orders) > 1 else ()


@dataclass
class Backlog:
    """All that waits, by the number of its (first) order, over the stock with what it holds given back.

    fixed: orders that were decided first, and what they use is taken, by the reason: pinned (a person or a rule said
    where), ranked (their regional table has an answer), boxes (rules of packing cut it, which the solver cannot
    price). apart: orders that stay as they are, and whose goods and parcels count as taken, by the reason: company
    (somebody in their parcel is held, or not planned any more), parcels
    (they share several parcels), rules (those who share a parcel have different rules, or one of them is pinned or
    ranked), unanswered (a rule cannot be answered), no_way (pinned or ranked, and there is none now).
    """

    world: RoutingWorld
    decider: Decider
    waiting: dict[int, Waiting]
    free: dict[Place, int]
    apart: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    fixed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Company:
    """Orders that share parcels, directly or by way of others; mostly one. is_whole: all its parcels are here still."""

    order_ids: set[int] = field(default_factory=set)
    by_line: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    places: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    shipment_ids: set[int] = field(default_factory=set)
    release_at: datetime | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = True

    @property
    def rooms(self) -> list[Room]:
        parcels = self.record.get("parcels", ())
        if len(self.order_ids) > 1:
            # Each member was decided by itself; what travels is one parcel, counted where the first was.
            parcels = parcels[:1]
        return [(p["warehouse"], date.fromisoformat(p["on"]) if p.get("on") else None) for p in parcels]


def load_backlog(*, at: datetime, shipment_ids: Collection[int] | None = None) -> Backlog:
    """What nobody has begun with: planned and held back, or waiting for a wave in a house of our own, with all that
    deciding it anew needs. No lock; a number of statements that grows only with how far companies reach.
    """
    world = current_world()
    held = Shipment.objects.filter(_NOT_BEGUN)
    if shipment_ids is not None:
        held = held.filter(pk__in=shipment_ids)
    order_ids = set(ShipmentLine.objects.filter(shipment__in=held).values_list("order_id", flat=True)[:MOST_ORDERS])
    companies = [company for company in _companies(order_ids) if company.is_whole]
    everybody = sorted({pk for company in companies for pk in company.order_ids})
    orders = Order.objects.filter(pk__any_of=everybody, state=OrderState.IN_FULFILLMENT, is_on_hold=False)
    desk = _Desk(world, {order.pk: order for order in orders.order_by("pk")}, companies)
    apart: dict[str, list[int]] = defaultdict(list)
    here: list[Company] = []
    for company in companies:
        if company.order_ids <= desk.orders.keys():
            if len(company.order_ids) > 1 and len(company.shipment_ids) > 1:
                apart["parcels"].extend(sorted(company.order_ids))
            else:
                here.append(company)
        elif len(company.order_ids) > 1:
            apart["company"].extend(sorted(company.order_ids & desk.orders.keys()))
    loads = _without(loads_of(world, since=timezone.localdate(at)), here)
    backlog = Backlog(world, world.decider(at=at, loads=loads), {}, desk.free())
    backlog.apart.update(apart)
    steps: list[tuple[Waiting, OrderFacts]] = []
    for company in here:
        desk.take_in(company, backlog, steps)
    _decide_first(backlog, steps)
    return backlog


class _Desk:
    """The rows that facts are made of."""

    def __init__(self, world: RoutingWorld, orders: Mapping[int, Order], companies: Iterable[Company]):
        self.world, self.orders = world, orders
        line_ids = sorted({line_id for company in companies for line_id in company.by_line})
        self.lines = {line.pk: line for line in OrderLine.objects.filter(pk__any_of=line_ids)}
        sku_ids = sorted({line.sku_id or 0 for line in self.lines.values()})
        self.skus = {sku.pk: sku for sku in Sku.objects.filter(pk__any_of=sku_ids)}
        contact_ids = sorted({order.contact_id or 0 for order in orders.values()})
        self.contacts = {c.pk: c for c in Contact.objects.filter(pk__any_of=contact_ids)}
        self.packing = packing_rules(world.tariff.warehouses)
        pins = RoutingPin.objects.filter(ended_at__isnull=True)
        self.pins = {pin.order_id: Pinned(pin.warehouse_id, pin.policy) for pin in pins}

    def free(self) -> dict[Place, int]:
        levels = StockLevel.objects.filter(sku_id__any_of=sorted(self.skus))
        return {(level.sku_id, level.warehouse_id): max(level.free, 0) for level in levels}

    def take_in(self, company: Company, backlog: Backlog, steps: list[tuple[Waiting, OrderFacts]]) -> None:
        """Into what is optimised together, or to be decided first (steps), or named with why it stays."""
        ids = sorted(company.order_ids)
        facts = [self._facts(pk, company) for pk in ids]
        found = [backlog.decider.need_for_plan(each) for each in facts]
        is_alone = len(ids) == 1
        need, ruling = _as_one([each for each in found if each is not None]) or (None, None)
        goes_by_steps = any(
            each.pin or ruled is None or ruled[1].pin or ruled[1].ranking or ruled[0].boxing is not None
            for each, ruled in zip(facts, found, strict=True)
        )
        if None in found:
            return _keep(backlog, "unanswered", ids, company.rooms)
        if need is None or ruling is None or (goes_by_steps and not is_alone):
            return _keep(backlog, "rules", ids, company.rooms)
        places: dict[Place, int] = defaultdict(int)
        for (line_id, warehouse_id), quantity in company.places.items():
            places[self.lines[line_id].sku_id or 0, warehouse_id] += quantity
        unit = Waiting(
            tuple(self.orders[pk] for pk in ids),
            need,
            ruling,
            {line.line_id: each.order_id for each in facts for line in each.lines},
            frozenset(company.shipment_ids),
            places,
            company.rooms,
            company.release_at,
            self._cost(company, need, ruling, backlog.decider),
        )
        backlog.waiting[ids[0]] = unit
        for place, quantity in places.items():
            backlog.free[place] = backlog.free.get(place, 0) + quantity
        if goes_by_steps:
            steps.append((unit, facts[0]))
        return None

    def _facts(self, order_id: int, company: Company) -> OrderFacts:
        order = self.orders[order_id]
        wanted = [(self.lines[pk], n) for pk, n in company.by_line.items() if self.lines[pk].order_id == order_id]
        return facts_of(
            order,
            wanted,
            contact=self.contacts.get(order.contact_id or 0),
            skus=self.skus,
            world=self.world,
            pin=self.pins.get(order_id),
            packing=self.packing,
        )

    def _cost(self, company: Company, need: OrderNeed, ruling: Ruling, decider: Decider) -> int:
        """As it was decided; of a company what its one parcel costs, for no decision was about all of it."""
        if len(company.order_ids) > 1:
            (warehouse_id,) = {w for _line, w in company.places}
            whole = decider.quick.whole_parcels(need, ruling)
            if whole is not None and warehouse_id in decider.tariff.warehouses:
                together = int(whole.cost[decider.tariff.warehouses.index(warehouse_id)])
                if together < IMPOSSIBLE:
                    return together
        decided = company.record.get("cost")
        return decided if isinstance(decided, int) else 0


def _as_one(found: Sequence[tuple[OrderNeed, Ruling]]) -> tuple[OrderNeed, Ruling] | None:
    """Orders that share a parcel as one order of all their lines, in one parcel or not at all; None where their rules
    would cost or forbid different things."""
    if len(found) < 2:
        return found[0] if found else None
    needs, rulings = [need for need, _ruling in found], [ruling for _need, ruling in found]
    first = rulings[0]
    if len({need.zone for need in needs}) > 1 or any(not _same_price(first, other) for other in rulings[1:]):
        return None
    excluded: dict[int, str] = {}
    for need in needs:
        excluded.update(need.excluded)
    promises = [need.promise_days for need in needs if need.promise_days is not None]
    one = replace(
        needs[0],
        lines=tuple(line for need in needs for line in need.lines),
        priority=min(need.priority for need in needs),
        promise_days=min(promises, default=None),
        excluded=excluded,
        max_parcels=min(1, *(1 if need.max_parcels is None else need.max_parcels for need in needs)),
    )
    return one, first


def _same_price(one: Ruling, other: Ruling) -> bool:
    """Whether two sets of rules cost and allow the same couriers, and hold back the same warehouses."""
    if one.serial == other.serial:
        return True
    same = _equal(one.allowed, other.allowed) and _equal(one.extra_fen, other.extra_fen)
    return same and one.held == other.held and not (one.goods_masks or other.goods_masks)


def _equal(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))


def _decide_first(backlog: Backlog, steps: Sequence[tuple[Waiting, OrderFacts]]) -> None:
    """Orders whose rules or people go step by step, most urgent first, on all that waits has given back: what they take
    is taken before the rest is optimised. Where the steps have no answer, the order is optimised like all others.
    """
    for unit, facts in sorted(steps, key=lambda step: orders_services.urgency(step[0].orders[0])):
        (pk,) = unit.order_ids
        decision = backlog.decider.decide(facts, backlog.free)
        by = {note.what for note in decision.notes if note.what == "ranking" or note.then == "taken"}
        if decision.problem or decision.choice is None:
            del backlog.waiting[pk]
            for place, quantity in unit.places.items():
                backlog.free[place] -= quantity
            _keep(backlog, "no_way", [pk], unit.rooms)
        elif by or unit.need.boxing is not None:
            unit.decision, unit.plan = decision, decision.choice
            backlog.decider.take(decision, backlog.free)
            backlog.fixed["pinned" if "pin" in by else "ranked" if by else "boxes"].append(pk)


def _keep(backlog: Backlog, reason: str, order_ids: Sequence[int], rooms: Sequence[Room]) -> None:
    """These orders stay as they are, and keep their room on their day."""
    backlog.apart[reason].extend(order_ids)
    for warehouse_id, on in rooms:
        if on is not None:
            backlog.decider.keep_room(warehouse_id, on)


def _without(loads: dict[int, dict[date, int]], companies: Iterable[Company]) -> dict[int, dict[date, int]]:
    """Parcels planned by warehouse and day without those of these orders, which are planned anew."""
    for company in companies:
        for warehouse_id, on in company.rooms:
            if on is not None and on in loads.get(warehouse_id, {}):
                loads[warehouse_id][on] = max(loads[warehouse_id][on] - 1, 0)
    return loads


def _companies(order_ids: Collection[int]) -> list[Company]:
    """These orders and everybody who shares a live parcel with them, directly or by way of others."""
    found: dict[int, Company] = {}
    by_shipment: dict[int, Company] = {}
    names = ("order_id", "order_line_id", "quantity", "shipment_id", "shipment__state", "shipment__warehouse_id")
    more = ("shipment__warehouse__kind", "shipment__release_at", "shipment__decision")
    edge = set(order_ids)
    seen: set[int] = set()
    while edge:
        rows = ShipmentLine.objects.filter(order_id__any_of=sorted(edge)).exclude(
            shipment__state=ShipmentState.CANCELLED
        )
        seen |= edge
        touched: set[int] = set()
        for row in rows.values_list(*names, *more).order_by("shipment_id", "pk"):
            order_id, line_id, quantity, shipment_id, state, warehouse_id, kind, release_at, record = row
            own = found.setdefault(order_id, Company({order_id}))
            own = _joined(own, by_shipment.get(shipment_id, own), found, by_shipment)
            by_shipment[shipment_id] = own
            own.by_line[line_id] += quantity
            own.places[line_id, warehouse_id] += quantity
            own.shipment_ids.add(shipment_id)
            own.record = own.record or record
            own.is_whole &= is_here(state, kind)
            touched.add(shipment_id)
            if release_at is not None:
                own.release_at = release_at if own.release_at is None else min(own.release_at, release_at)
        others = ShipmentLine.objects.filter(shipment_id__any_of=sorted(touched)).values_list("order_id", flat=True)
        edge = set(others) - seen
    unique = {id(company): company for company in found.values()}
    return sorted(unique.values(), key=lambda company: min(company.order_ids))


def _joined(one: Company, other: Company, by_order: dict[int, Company], by_shipment: dict[int, Company]) -> Company:
    if one is other:
        return one
    other.order_ids |= one.order_ids
    for mine, theirs in ((one.by_line, other.by_line), (one.places, other.places)):
        for key, quantity in mine.items():
            theirs[key] += quantity  # type: ignore[index]
    other.shipment_ids |= one.shipment_ids
    other.is_whole &= one.is_whole
    times = [at for at in (one.release_at, other.release_at) if at is not None]
    other.release_at = min(times, default=None)
    by_order.update(dict.fromkeys(one.order_ids, other))
    by_shipment.update(dict.fromkeys(one.shipment_ids, other))
    return other
