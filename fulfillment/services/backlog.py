"""Deciding anew, all together, what nobody has begun with yet: before a wave or cut-off of any house, and by hand.

Loaded set-wise, solved outside of every transaction and lock, applied in one short transaction to the orders that did
not change meanwhile. The prices that the solver learns steer the orders that come one by one afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from fulfillment.models import BacklogRun, ShadowPrices, Shipment, ShipmentLine
from fulfillment.routing.facts import Decision
from fulfillment.routing.solve import BacklogPlan, solve_backlog
from fulfillment.routing.terms import Prices, StockView
from fulfillment.services.assignments import Assignment, assignments
from fulfillment.services.backlog_loading import Backlog, Waiting, is_here, load_backlog
from fulfillment.services.decided_batch import DecidedBatch
from fulfillment.services.dispatching import dispatch_shipments
from fulfillment.services.merging import keys_of
from fulfillment.services.own_house import own_warehouses
from fulfillment.services.planning import create_shipments
from fulfillment.services.routing_world import RoutingWorld, lock_loads
from fulfillment.services.stopping import route_stopped_anew, stop_shipments
from fulfillment.states import ShipmentState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import Promise
from ordercenter.inventory.states import WarehouseKind
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import OrderState

APPLIED_AT_ONCE = 500
# Prices of a handful of orders say nothing about the orders of tomorrow.
LEARNED_FROM = 200
# Moving an order that saves less than this is not worth the paper.
LEAST_SAVING_FEN = 1


def reoptimise_backlog(
    *,
    cause: str,
    at: datetime | None = None,
    seconds: float = 20.0,
    use_solver: bool = True,
    actor: Actor = SYSTEM,
    shipment_ids: Collection[int] | None = None,
) -> BacklogRun:
    """Decide all shipments that nobody has begun with anew, together: those held back, and those that wait for a wave
    in a house of our own. Moves those orders that a cheaper whole puts elsewhere.

    cause: wave, floor (before a wave of our own house) or hand. seconds: for the solver, which gives its best so far
    when they are over. shipment_ids: only orders with one of these; None for all that wait. Orders that were cancelled,
    handed over or changed while it was solving stay as they are. Orders that share a parcel move together into one, or
    not at all; pinned and ranked ones are decided first, as their rules say, and the rest is optimised on what they
    leave. Emits ShipmentCancelled and ShipmentCreated for what moves. Keeps the run, which names what was fixed and
    what stays out and why, and the prices it learned where there were enough orders.
    """
    now = at or timezone.now()
    run = BacklogRun.objects.create(started_at=now, cause=cause)
    backlog = load_backlog(at=now, shipment_ids=shipment_ids)
    run.orders = sum(len(each.orders) for each in backlog.waiting.values())
    run.notes = [f"fixed: {len(ids)} {reason}" for reason, ids in sorted(backlog.fixed.items())]
    run.notes += [f"apart: {len(ids)} {reason}" for reason, ids in sorted(backlog.apart.items())]
    if backlog.waiting:
        plan = solve(backlog, seconds=seconds, use_solver=use_solver)
        moves = _moves(backlog)
        run.cost_before_fen = sum(each.cost_fen for each in backlog.waiting.values())
        run.method = plan.report.way if plan is not None else "fixed"
        if plan is not None and plan.report.is_out_of_time:
            run.notes += [f"out of time: {part}" for part in plan.report.cut_short]
        moved, changed = _apply(backlog, moves, now, actor)
        run.moved, run.changed_meanwhile = sum(len(backlog.waiting[pk].orders) for pk in moved), changed
        saved = sum(backlog.waiting[pk].cost_fen - _cost(backlog.waiting[pk]) for pk in moved)
        run.cost_after_fen = run.cost_before_fen - saved
        if plan is not None and len(backlog.waiting) >= LEARNED_FROM:
            keep_prices(plan.prices, backlog.world, source=f"backlog:{run.pk}", orders=run.orders)
    run.finished_at = timezone.now()
    run.save()
    return run


def solve(backlog: Backlog, *, seconds: float, use_solver: bool = True) -> BacklogPlan | None:
    """Plan all waiting orders together, and write each one's plan to it; those decided first keep theirs. None where
    all of them were. No database."""
    decider = backlog.decider
    open_to_all = [each for each in backlog.waiting.values() if each.decision is None]
    if not open_to_all:
        return None
    view = StockView.of(decider.tariff, backlog.free, parcels=decider.parcels_left())
    plan = solve_backlog(
        [each.need for each in open_to_all],
        view,
        decider.tariff,
        decider.costs,
        seconds=seconds,
        use_solver=use_solver,
    )
    for each, choice in zip(open_to_all, plan.choices, strict=True):
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


def _moves(backlog: Backlog) -> list[int]:
    """What has another place in its plan than it has now: what was decided step by step in any case, the others where
    their plans together are cheaper."""
    moves = [
        pk
        for pk, each in backlog.waiting.items()
        if each.plan is not None and not each.plan.unfilled_line_ids and each.plan.parcels and _differs(each)
    ]
    first = [pk for pk in moves if backlog.waiting[pk].decision is not None]
    rest = [pk for pk in moves if backlog.waiting[pk].decision is None]
    saving = sum(backlog.waiting[pk].cost_fen - _cost(backlog.waiting[pk]) for pk in rest)
    return first + rest if saving >= LEAST_SAVING_FEN else first


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


def _unchanged(backlog: Backlog, keys: Sequence[int], work: Work) -> list[int]:
    """Those that are as they were when they were read; locked, orders before shipments. A company has to be one still:
    what a person put into one parcel would part when it is planned anew."""
    units = {key: backlog.waiting[key] for key in keys}
    order_ids = sorted({pk for each in units.values() for pk in each.order_ids})
    orders = work.lock(Order, order_ids)
    shipments = work.lock(Shipment, {pk for each in units.values() for pk in each.shipment_ids})
    beside = ShipmentLine.objects.filter(shipment_id__any_of=sorted(shipments)).values_list("order_id", flat=True)
    pairs = ShipmentLine.objects.filter(order_id__any_of=sorted({*order_ids, *beside}))
    pairs = pairs.exclude(shipment__state=ShipmentState.CANCELLED)
    now: dict[int, set[int]] = defaultdict(set)
    members: dict[int, set[int]] = defaultdict(set)
    sizes: dict[int, int] = defaultdict(int)
    for order_id, shipment_id, quantity in pairs.values_list("order_id", "shipment_id", "quantity"):
        now[order_id].add(shipment_id)
        members[shipment_id].add(order_id)
        sizes[order_id] += quantity
    companions = [
        orders[pk] for each in units.values() if len(each.orders) > 1 for pk in each.order_ids if pk in orders
    ]
    travels, own = keys_of(work, companions), own_warehouses(work)
    return [
        key
        for key, each in units.items()
        if all(
            pk in orders and orders[pk].state == OrderState.IN_FULFILLMENT and not orders[pk].is_on_hold
            for pk in each.order_ids
        )
        and set().union(*(now[pk] for pk in each.order_ids)) == each.shipment_ids
        and all(members[s] <= set(each.order_ids) for s in each.shipment_ids)
        and sum(sizes[pk] for pk in each.order_ids) == sum(each.places.values())
        and (len(each.orders) == 1 or len({travels.get(pk, pk) for pk in each.order_ids}) == 1)
        and all(
            is_here(shipments[s].state, WarehouseKind.OWN if shipments[s].warehouse_id in own else "")
            and (shipments[s].state != ShipmentState.PLANNED or shipments[s].release_at is not None)
            for s in each.shipment_ids
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


def _move(backlog: Backlog, keys: Sequence[int], work: Work) -> None:
    """Cancel their shipments, give their stock back, reserve and plan them where the whole puts them."""
    order_ids = [pk for key in keys for pk in backlog.waiting[key].order_ids]
    orders = work.lock(Order, order_ids)
    stop_shipments(order_ids=order_ids, reason="backlog re-optimised", work=work)
    route_stopped_anew(order_ids=order_ids, work=work)
    lines = work.lock_children(OrderLine, "order_id", order_ids)
    batch = DecidedBatch(backlog.world, backlog.decider, "backlog")
    lock_loads(backlog.world, work)
    promises: list[Promise] = []
    for key in keys:
        each = backlog.waiting[key]
        sku_ids = {line.line_id: line.sku_id for line in each.need.lines}
        for pk, assignment in _assignments(backlog, each, batch):
            assignments(work)[pk] = assignment
            promises.extend(
                Promise(pk, line_id, sku_ids[line_id], parcel.warehouse_id, pieces, orders[pk].shop_id)
                for parcel in assignment.parcels
                for line_id, pieces in parcel.pieces.items()
            )
    inventory.reserve_stock(promises=promises, work=work).raise_first()
    for pk in order_ids:
        for line in lines[pk]:
            line.reserved, line.unplanned = line.reserved + line.unplanned, 0
            work.save(line, "reserved", "unplanned")
    create_shipments(order_ids=order_ids, work=work).raise_first()
    # What waited for no wave but for our own people has left its flow: the new warehouse is told at once.
    told = [pk for key in keys if backlog.waiting[key].release_at is None for pk in backlog.waiting[key].order_ids]
    if told:
        dispatch_shipments(order_ids=told, flow_runs={}, work=work).raise_first()


def _assignments(backlog: Backlog, each: Waiting, batch: DecidedBatch) -> Iterator[tuple[int, Assignment]]:
    """The way of each order, out of the plan of all that move as one. Planning puts a company into one parcel again,
    and prices it as one."""
    whole = backlog.decider.quick.whole_parcels(each.need, each.ruling)
    decision = each.decision or Decision(each.need, each.ruling, each.plan, notes=each.notes, whole=whole)
    planned = batch.assign(decision)
    weights = {line.line_id: line.weight_g for line in each.need.lines}
    for pk in each.order_ids:
        # They were due with this wave, and still are: another warehouse must not mean another wait.
        parcels = []
        for parcel in planned.parcels:
            pieces = {line_id: n for line_id, n in parcel.pieces.items() if each.owner[line_id] == pk}
            if len(each.orders) == 1:
                parcels.append(replace(parcel, release_at=each.release_at))
            elif pieces:
                weight_g = sum(weights[line_id] for line_id in pieces)
                parcels.append(replace(parcel, pieces=pieces, weight_g=weight_g, release_at=each.release_at))
        yield pk, Assignment(tuple(parcels), planned.decision)
