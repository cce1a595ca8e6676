"""Deciding anew, all together, what is planned and not handed over yet: before a wave or cut-off, and by beat.

Loaded set-wise, solved outside of every transaction and lock, applied in one short transaction to the orders that did
not change meanwhile. The prices that the solver learns steer the orders that come one by one afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from fulfillment.models import BacklogRun, RoutingPin, ShadowPrices, Shipment, ShipmentLine
from fulfillment.routing.decide import Decider, Decision, OrderFacts
from fulfillment.routing.rules import Ruling
from fulfillment.routing.solve import BacklogPlan, solve_backlog
from fulfillment.routing.terms import Choice, OrderNeed, Prices, StockView
from fulfillment.services.assignments import Assignment, PlannedParcel, assignments
from fulfillment.services.decided_batch import DecidedBatch
from fulfillment.services.order_facts import facts_of
from fulfillment.services.planning import create_shipments
from fulfillment.services.routing_world import RoutingWorld, add_loads, current_world, loads_of, lock_loads
from fulfillment.services.stopping import route_stopped_anew, stop_shipments
from fulfillment.states import ShipmentState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import StockLevel
from ordercenter.inventory.services import Promise
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import OrderState

MOST_ORDERS = 100_000
APPLIED_AT_ONCE = 500
# Prices of a handful of orders say nothing about the orders of tomorrow.
LEARNED_FROM = 200
# Moving an order that saves less than this is not worth the paper.
LEAST_SAVING_FEN = 1


@dataclass
class Waiting:
    """An order whose goods are planned and not handed over: where they would leave from, and what that costs."""

    order: Order
    facts: OrderFacts
    need: OrderNeed
    ruling: Ruling
    shipment_ids: frozenset[int]
    places: Mapping[tuple[int, int], int]
    release_at: datetime | None
    cost_fen: int
    plan: Choice | None = None


@dataclass
class Backlog:
    """What waits, the stock as if none of it were reserved, and what decisions are made with.

    apart: orders that are held back as well and stay as they are, by the reason: pinned (a person said where), shared
    (a parcel of several orders moves only whole), ranked (rules choose step by step, not by the cost of all together).
    Their goods count as taken.
    """

    world: RoutingWorld
    decider: Decider
    waiting: dict[int, Waiting]
    free: dict[tuple[int, int], int]
    apart: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def reoptimise_backlog(
    *,
    cause: str,
    at: datetime | None = None,
    seconds: float = 20.0,
    use_solver: bool = True,
    actor: Actor = SYSTEM,
    shipment_ids: Collection[int] | None = None,
) -> BacklogRun:
    """Decide all held shipments anew, together; move those orders that a cheaper whole puts elsewhere.

    cause: wave, beat or hand. seconds: for the solver, which gives its best so far when they are over. shipment_ids:
    only orders with one of these; None for all that wait. Orders that were cancelled, handed over or changed while it
    was solving stay as they are, and so do orders whose rules go step by step. Emits ShipmentCancelled and
    ShipmentCreated for what moves. Keeps the run, and the prices it learned where there were enough orders.
    """
    now = at or timezone.now()
    run = BacklogRun.objects.create(started_at=now, cause=cause)
    backlog = load_backlog(at=now, shipment_ids=shipment_ids)
    run.orders = len(backlog.waiting)
    run.notes = [f"apart: {len(ids)} {reason}" for reason, ids in sorted(backlog.apart.items())]
    if backlog.waiting:
        plan = solve(backlog, seconds=seconds, use_solver=use_solver)
        moves = _moves(backlog)
        run.cost_before_fen = sum(each.cost_fen for each in backlog.waiting.values())
        run.method = plan.report.way
        if plan.report.is_out_of_time:
            run.notes += [f"out of time: {part}" for part in plan.report.cut_short]
        moved, changed = _apply(backlog, moves, now, actor)
        run.moved, run.changed_meanwhile = len(moved), changed
        saved = sum(backlog.waiting[pk].cost_fen - _cost(backlog.waiting[pk]) for pk in moved)
        run.cost_after_fen = run.cost_before_fen - saved
        if len(backlog.waiting) >= LEARNED_FROM:
            keep_prices(plan.prices, backlog.world, source=f"backlog:{run.pk}", orders=run.orders)
    run.finished_at = timezone.now()
    run.save()
    return run


def load_backlog(*, at: datetime, shipment_ids: Collection[int] | None = None) -> Backlog:
    """What is planned and held back, with all that deciding it anew needs. A constant number of statements, no lock."""
    world = current_world()
    decider = world.decider(at=at, loads=loads_of(world, since=timezone.localdate(at)))
    held = Shipment.objects.filter(state=ShipmentState.PLANNED, release_at__isnull=False)
    if shipment_ids is not None:
        held = held.filter(pk__in=shipment_ids)
    order_ids = list(ShipmentLine.objects.filter(shipment__in=held).values_list("order_id", flat=True)[:MOST_ORDERS])
    pieces, shared = _pieces_of(set(order_ids))
    orders = Order.objects.filter(pk__any_of=sorted(pieces), state=OrderState.IN_FULFILLMENT, is_on_hold=False)
    rows = list(orders.order_by("pk"))
    line_ids = {line_id for pk in pieces for line_id in pieces[pk].by_line}
    lines = {line.pk: line for line in OrderLine.objects.filter(pk__any_of=sorted(line_ids))}
    skus = {sku.pk: sku for sku in Sku.objects.filter(pk__any_of=sorted({n.sku_id or 0 for n in lines.values()}))}
    contacts = {c.pk: c for c in Contact.objects.filter(pk__any_of=sorted({o.contact_id or 0 for o in rows}))}
    levels = StockLevel.objects.filter(sku_id__any_of=sorted(skus))
    free = {(level.sku_id, level.warehouse_id): max(level.free, 0) for level in levels}
    backlog = Backlog(world, decider, {}, free)
    backlog.apart.update({"shared": sorted(shared)} if shared else {})
    pinned = set(RoutingPin.objects.filter(ended_at__isnull=True).values_list("order_id", flat=True))
    for order in rows:
        own = pieces[order.pk]
        if order.pk in pinned:
            backlog.apart["pinned"].append(order.pk)
            continue
        facts = facts_of(
            order,
            [(lines[pk], quantity) for pk, quantity in own.by_line.items()],
            contact=contacts.get(order.contact_id or 0),
            skus=skus,
            world=world,
        )
        found = decider.need_for_batch(facts)
        if found is None:
            backlog.apart["ranked"].append(order.pk)
            continue
        places: dict[tuple[int, int], int] = defaultdict(int)
        for (line_id, warehouse_id), quantity in own.places.items():
            places[lines[line_id].sku_id or 0, warehouse_id] += quantity
        cost = _cost_of_record(own.record)
        backlog.waiting[order.pk] = Waiting(
            order, facts, found[0], found[1], frozenset(own.shipment_ids), places, own.release_at, cost
        )
        for place, quantity in places.items():
            free[place] = free.get(place, 0) + quantity
    return backlog


def solve(backlog: Backlog, *, seconds: float, use_solver: bool = True) -> BacklogPlan:
    """Plan all waiting orders together, and write each one's plan to it. No database."""
    decider = backlog.decider
    view = StockView.of(decider.tariff, backlog.free, parcels=decider.parcels_left())
    plan = solve_backlog(
        [each.need for each in backlog.waiting.values()],
        view,
        decider.tariff,
        decider.costs,
        seconds=seconds,
        use_solver=use_solver,
    )
    for each, choice in zip(backlog.waiting.values(), plan.choices, strict=True):
        each.plan = choice
    return plan


def keep_prices(prices: Prices, world: RoutingWorld, *, source: str, orders: int) -> ShadowPrices:
    """Keep learned prices as the ones in use; the single-order path takes them from its next batch on."""
    warehouses = world.tariff.warehouses

    def fen(row: Any) -> dict[str, float]:
        pairs = zip(warehouses, row.tolist(), strict=True)
        return {str(warehouse_id): round(value, 1) for warehouse_id, value in pairs if value >= 0.5}

    return ShadowPrices.objects.create(
        source=source,
        orders=orders,
        stock={str(sku_id): priced for sku_id, row in prices.stock.items() if (priced := fen(row))},
        parcels=fen(prices.parcel),
        units=fen(prices.unit),
    )


@dataclass
class _Pieces:
    """What is planned of one order."""

    by_line: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    places: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    shipment_ids: set[int] = field(default_factory=set)
    release_at: datetime | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = True


def _pieces_of(order_ids: Collection[int]) -> tuple[dict[int, _Pieces], set[int]]:
    """By order, what is planned of it: only orders whose every shipment is here still and carries nobody else's. And
    the orders that stay out because they share a parcel.
    """
    found: dict[int, _Pieces] = defaultdict(_Pieces)
    rows = ShipmentLine.objects.filter(order_id__any_of=sorted(order_ids)).exclude(
        shipment__state=ShipmentState.CANCELLED
    )
    names = ("order_id", "order_line_id", "quantity", "shipment_id", "shipment__state", "shipment__warehouse_id")
    for row in rows.values_list(*names, "shipment__release_at", "shipment__decision"):
        order_id, line_id, quantity, shipment_id, state, warehouse_id, release_at, record = row
        own = found[order_id]
        own.by_line[line_id] += quantity
        own.places[line_id, warehouse_id] += quantity
        own.shipment_ids.add(shipment_id)
        own.record = record
        own.is_whole &= state == ShipmentState.PLANNED
        if release_at is not None:
            own.release_at = release_at if own.release_at is None else min(own.release_at, release_at)
    shared = ShipmentLine.objects.filter(
        shipment_id__any_of=sorted({pk for own in found.values() for pk in own.shipment_ids})
    ).exclude(order_id__any_of=sorted(found))
    strangers = set(shared.values_list("shipment_id", flat=True))
    members: dict[int, set[int]] = defaultdict(set)
    for order_id, own in found.items():
        for pk in own.shipment_ids:
            members[pk].add(order_id)
    merged = strangers | {pk for pk, ids in members.items() if len(ids) > 1}
    sharing = {pk for pk, own in found.items() if own.is_whole and own.shipment_ids & merged}
    return {pk: own for pk, own in found.items() if own.is_whole and pk not in sharing}, sharing


def _moves(backlog: Backlog) -> list[int]:
    """The orders whose plan is another one than they have, where the plans together are cheaper."""
    moves = [
        pk
        for pk, each in backlog.waiting.items()
        if each.plan is not None and not each.plan.unfilled_line_ids and each.plan.parcels and _differs(each)
    ]
    saving = sum(backlog.waiting[pk].cost_fen - _cost(backlog.waiting[pk]) for pk in moves)
    return moves if saving >= LEAST_SAVING_FEN else []


def _differs(each: Waiting) -> bool:
    return dict(each.places) != _wanted(each)


def _wanted(each: Waiting) -> dict[tuple[int, int], int]:
    """(SKU, warehouse) -> pieces of the new plan."""
    lines = {line.line_id: line for line in each.need.lines}
    wanted: dict[tuple[int, int], int] = defaultdict(int)
    for parcel in each.plan.parcels if each.plan is not None else ():
        for line_id in parcel.line_ids:
            wanted[lines[line_id].sku_id, parcel.warehouse_id] += lines[line_id].quantity
    return dict(wanted)


def _cost(each: Waiting) -> int:
    return each.plan.cost_fen if each.plan is not None else each.cost_fen


def _cost_of_record(record: Mapping[str, Any]) -> int:
    cost = record.get("cost")
    return int(cost) if isinstance(cost, int) else 0


def _apply(backlog: Backlog, moves: Sequence[int], now: datetime, actor: Actor) -> tuple[list[int], int]:
    """Carry out the moves, a piece at a time; answers with those moved and how many had changed meanwhile.

    Orders that exchange stock have to move together, so they are not cut apart: a piece is what fits or everything.
    """
    moved: list[int] = []
    changed = 0
    for start in range(0, len(moves), APPLIED_AT_ONCE):
        part = moves[start : start + APPLIED_AT_ONCE]
        with unit_of_work(at=now, actor=actor, reason="backlog re-optimised") as work:
            ready = _unchanged(backlog, part, work)
            changed += len(part) - len(ready)
            fitting = _fitting(backlog, ready, work)
            if fitting:
                _move(backlog, fitting, work)
            moved.extend(fitting)
    return moved, changed


def _unchanged(backlog: Backlog, order_ids: Sequence[int], work: Work) -> list[int]:
    """Those that are as they were when they were read; locked, orders before shipments."""
    orders = work.lock(Order, order_ids)
    wanted = {pk for order_id in order_ids for pk in backlog.waiting[order_id].shipment_ids}
    shipments = work.lock(Shipment, wanted)
    pairs = ShipmentLine.objects.filter(order_id__any_of=list(order_ids))
    pairs = pairs.exclude(shipment__state=ShipmentState.CANCELLED)
    now: dict[int, set[int]] = defaultdict(set)
    sizes: dict[int, int] = defaultdict(int)
    for order_id, shipment_id, quantity in pairs.values_list("order_id", "shipment_id", "quantity"):
        now[order_id].add(shipment_id)
        sizes[order_id] += quantity
    return [
        pk
        for pk in order_ids
        if pk in orders
        and orders[pk].state == OrderState.IN_FULFILLMENT
        and not orders[pk].is_on_hold
        and now[pk] == backlog.waiting[pk].shipment_ids
        and sizes[pk] == sum(backlog.waiting[pk].places.values())
        and all(
            shipments[s].state == ShipmentState.PLANNED and shipments[s].release_at is not None
            for s in backlog.waiting[pk].shipment_ids
        )
    ]


def _fitting(backlog: Backlog, order_ids: Sequence[int], work: Work) -> list[int]:
    """Those whose new places have room on the locked stock, once what they leave is free; the others keep theirs."""
    sku_ids = {sku for pk in order_ids for sku, _w in backlog.waiting[pk].places}
    levels = inventory.lock_levels(sku_ids=sku_ids, work=work)
    going = list(order_ids)
    while going:
        free = {place: level.free for place, level in levels.items()}
        for pk in going:
            for place, quantity in backlog.waiting[pk].places.items():
                free[place] = free.get(place, 0) + quantity
        short = []
        for pk in going:
            wanted = _wanted(backlog.waiting[pk])
            if any(free.get(place, 0) < quantity for place, quantity in wanted.items()):
                short.append(pk)
                continue
            for place, quantity in wanted.items():
                free[place] -= quantity
        if not short:
            return going
        going = [pk for pk in going if pk not in short]
    return []


def _move(backlog: Backlog, order_ids: Sequence[int], work: Work) -> None:
    """Cancel their shipments, give their stock back, reserve and plan them where the whole puts them."""
    orders = work.lock(Order, order_ids)
    stop_shipments(order_ids=order_ids, reason="backlog re-optimised", work=work)
    route_stopped_anew(order_ids=order_ids, work=work)
    lines = work.lock_children(OrderLine, "order_id", order_ids)
    batch = DecidedBatch(backlog.world, backlog.decider, "backlog")
    lock_loads(backlog.world, work)
    promises: list[Promise] = []
    for pk in order_ids:
        each = backlog.waiting[pk]
        decision = Decision(
            each.need, each.ruling, each.plan, whole=backlog.decider.quick.whole_parcels(each.need, each.ruling)
        )
        planned = batch.assign(decision)
        # They were due with this wave, and still are: another warehouse must not mean another wait.
        parcels = tuple(_held_until(parcel, each.release_at) for parcel in planned.parcels)
        assignments(work)[pk] = Assignment(parcels, planned.decision)
        sku_ids = {line.line_id: line.sku_id for line in each.need.lines}
        promises.extend(
            Promise(pk, line_id, sku_ids[line_id], parcel.warehouse_id, pieces, orders[pk].shop_id)
            for parcel in parcels
            for line_id, pieces in parcel.pieces.items()
        )
    inventory.reserve_stock(promises=promises, work=work).raise_first()
    for pk in order_ids:
        for line in lines[pk]:
            line.reserved, line.unplanned = line.reserved + line.unplanned, 0
            work.save(line, "reserved", "unplanned")
    create_shipments(order_ids=order_ids, work=work).raise_first()
    add_loads(batch.planned)


def _held_until(parcel: PlannedParcel, release_at: datetime | None) -> PlannedParcel:
    return PlannedParcel(
        parcel.warehouse_id, parcel.carrier_id, parcel.cost, parcel.weight_g, parcel.pieces, release_at
    )
