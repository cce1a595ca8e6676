"""Promising stock, taking promises back, moving stock. All verbs take many and touch stock rows in one fixed order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.rows import new_row
from ordercenter.events.types import StockReleased, StockReplenished, StockReserved
from ordercenter.inventory.errors import StockShort, StockWouldBeNegative
from ordercenter.inventory.models import Reservation, StockLevel, StockMovement
from ordercenter.inventory.states import MovementReason, ReservationState


@dataclass(frozen=True, slots=True)
class Promise:
    """Pieces of a SKU in a warehouse, wanted for one order line."""

    order_id: int
    line_id: int
    sku_id: int
    warehouse_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of stock on hand. key: once only, whatever is delivered twice."""

    sku_id: int
    warehouse_id: int
    delta: int
    reason: MovementReason
    ref: str
    key: str


def reserve_stock(*, promises: Sequence[Promise], work: Work | None = None, at: datetime | None = None) -> BatchResult:
    """Promise stock to order lines: all lines of an order or none.

    done: order ids, each told as StockReserved. Refused with StockShort, by order id; nothing of such an order is
    reserved. Stock rows are locked in primary-key order, so that orders that share SKUs never wait for each other in a
    ring; the count that decides is read under that lock. Four statements for any number of promises.
    """
    result = BatchResult()
    if not promises:
        return result
    with unit_of_work(work, at=at) as work:
        levels = lock_levels(sku_ids={p.sku_id for p in promises}, work=work)
        wanted: dict[int, list[Promise]] = defaultdict(list)
        for promise in promises:
            wanted[promise.order_id].append(promise)
        kept: list[Promise] = []
        for order_id, group in wanted.items():
            short = _take(levels, group)
            if short:
                result.refuse(order_id, StockShort(order_id=order_id, sku_ids=short))
                continue
            kept.extend(group)
            result.done.append(order_id)
            work.record(StockReserved(order_id=order_id, warehouse_id=group[0].warehouse_id))
        for promise in kept:
            work.save(levels[promise.sku_id, promise.warehouse_id], "reserved")
        work.add(
            [
                new_row(
                    Reservation,
                    order_id=p.order_id,
                    line_id=p.line_id,
                    sku_id=p.sku_id,
                    warehouse_id=p.warehouse_id,
                    quantity=p.quantity,
                    created_at=work.at,
                )
                for p in kept
            ]
        )
    return result


def lock_levels(*, sku_ids: Collection[int], work: Work) -> Mapping[tuple[int, int], StockLevel]:
    """The stock rows of these SKUs in all warehouses, locked, by (SKU, warehouse). One statement for new SKUs."""
    known: dict[tuple[int, int], StockLevel] = work.shared.setdefault("levels", {})
    asked: set[int] = work.shared.setdefault("levels_asked", set())
    missing = sorted(set(sku_ids) - asked)
    if missing:
        asked.update(missing)
        rows = list(StockLevel.objects.filter(sku_id__any_of=missing).order_by("pk").select_for_update(of=("self",)))
        work.adopt(StockLevel, rows)
        known.update(((row.sku_id, row.warehouse_id), row) for row in rows)
    return known


def release_reservations(*, order_ids: Collection[int], work: Work | None = None) -> BatchResult:
    """Take back every open promise to these orders; the stock is free for others at once.

    done: the orders that had any. Emits StockReleased for them and StockReplenished for each SKU and warehouse.
    """
    result = BatchResult()
    with unit_of_work(work) as work:
        levels, reservations = _lock_promised(work, order_ids)
        freed: dict[tuple[int, int], StockLevel] = {}
        for reservation in reservations:
            level = levels[reservation.sku_id, reservation.warehouse_id]
            level.reserved -= reservation.quantity
            reservation.release()
            reservation.ended_at = work.at
            work.save(level, "reserved")
            work.save(reservation, "ended_at")
            freed[level.sku_id, level.warehouse_id] = level
        result.done.extend(sorted({r.order_id for r in reservations}))
        for order_id in result.done:
            work.record(StockReleased(order_id=order_id))
        for sku_id, warehouse_id in freed:
            work.record(StockReplenished(sku_id=sku_id, warehouse_id=warehouse_id))
    return result


@dataclass(frozen=True, slots=True)
class Departure:
    """What a shipment brought of an order line. shipped: pieces that left. covered: promised pieces that it settles.

    ref: the shipment's number, part of the movement's key. warehouse_id: of which warehouse; None where the line is
    promised in one only. covered None: all that is promised there.
    """

    line_id: int
    shipped: int
    ref: str
    warehouse_id: int | None = None
    covered: int | None = None


def consume_departures(*, departures: Sequence[Departure], work: Work) -> None:
    """Goods have left: the promises that they settle end, stock on hand goes down, movements say why.

    Pieces covered but not shipped are free again; what a shipment does not cover of a line stays promised.
    """
    levels, reservations = _lock_promised(work, None, [d.line_id for d in departures])
    promised: dict[int, list[Reservation]] = defaultdict(list)
    for reservation in reservations:
        promised[reservation.line_id].append(reservation)
    for departure in departures:
        for reservation in promised[departure.line_id]:
            if departure.warehouse_id in (None, reservation.warehouse_id) and reservation.ended_at is None:
                _settle(work, reservation, levels[reservation.sku_id, reservation.warehouse_id], departure)


def consume_reservations(*, shipped: Mapping[int, int], refs: Mapping[int, str], work: Work) -> None:
    """As consume_departures, for lines that one shipment settles whole. shipped: order line id -> pieces that left;
    refs: order line id -> the shipment's number.
    """
    departures = [Departure(line_id, pieces, refs[line_id]) for line_id, pieces in shipped.items()]
    consume_departures(departures=departures, work=work)


def _settle(work: Work, reservation: Reservation, level: StockLevel, departure: Departure) -> None:
    covered = min(departure.covered, reservation.quantity) if departure.covered is not None else reservation.quantity
    pieces = min(departure.shipped, covered)
    level.reserved -= covered
    level.on_hand -= pieces
    work.save(level, "reserved", "on_hand")
    if covered < reservation.quantity:
        reservation.quantity -= covered
        work.save(reservation, "quantity")
    else:
        reservation.ended_at = work.at
        if pieces:
            reservation.consume()
        else:
            reservation.release()
        work.save(reservation, "ended_at")
    if pieces:
        work.add([_movement(reservation, -pieces, departure.ref, work.at)])


def move_stock(
    *, movements: Sequence[Movement], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Bring stock in or take it away. done: the movements applied now; one whose key is known already changes nothing.

    Refused with StockWouldBeNegative. Emits StockReplenished where more can be promised than before. A SKU that a
    warehouse never had gets its stock row here.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        _make_levels(movements)
        levels = lock_levels(sku_ids={m.sku_id for m in movements}, work=work)
        # Under the lock: the same movement told twice at one instant is known to the second one by now.
        moved = StockMovement.objects.filter(idempotency_key__any_of=[m.key for m in movements])
        known = set(moved.values_list("idempotency_key", flat=True))
        for m in movements:
            if m.key in known:
                continue
            level = levels.get((m.sku_id, m.warehouse_id))
            if level is None or level.on_hand + m.delta < level.reserved:
                result.refuse(m, StockWouldBeNegative(sku_id=m.sku_id, warehouse_id=m.warehouse_id, delta=m.delta))
                continue
            known.add(m.key)
            level.on_hand += m.delta
            work.save(level, "on_hand")
            work.add(
                [
                    new_row(
                        StockMovement,
                        sku_id=m.sku_id,
                        warehouse_id=m.warehouse_id,
                        delta=m.delta,
                        reason=m.reason,
                        ref=m.ref,
                        idempotency_key=m.key,
                        at=work.at,
                    )
                ]
            )
            if m.delta > 0:
                work.record(StockReplenished(sku_id=m.sku_id, warehouse_id=m.warehouse_id))
            result.done.append(m)
    return result


def _take(levels: Mapping[tuple[int, int], StockLevel], promises: Sequence[Promise]) -> list[int]:
    """Count the promises in memory on locked rows; on a shortage nothing is counted and the short SKUs are named."""
    needed: dict[tuple[int, int], int] = defaultdict(int)
    for p in promises:
        needed[p.sku_id, p.warehouse_id] += p.quantity
    short = [key[0] for key, pieces in needed.items() if key not in levels or levels[key].free < pieces]
    if not short:
        for key, pieces in needed.items():
            levels[key].reserved += pieces
    return short


def _lock_promised(
    work: Work, order_ids: Collection[int] | None, line_ids: Collection[int] | None = None
) -> tuple[Mapping[tuple[int, int], StockLevel], list[Reservation]]:
    """Open reservations with their stock rows, stock first: the same order of locks as reserving."""
    query = Reservation.objects.filter(state=ReservationState.ACTIVE)
    query = (
        query.filter(order_id__any_of=order_ids)
        if order_ids is not None
        else query.filter(line_id__any_of=line_ids or ())
    )
    levels = lock_levels(sku_ids=set(query.values_list("sku_id", flat=True)), work=work)
    rows = list(query.order_by("pk").select_for_update(of=("self",)))
    work.adopt(Reservation, rows)
    return levels, rows


def _make_levels(movements: Sequence[Movement]) -> None:
    pairs = sorted({(m.sku_id, m.warehouse_id) for m in movements if m.delta > 0})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inventory_stocklevel (sku_id, warehouse_id, on_hand, reserved)"
            " SELECT s, w, 0, 0 FROM unnest(%s::bigint[], %s::bigint[]) AS v(s, w) ON CONFLICT DO NOTHING",
            [[sku for sku, _ in pairs], [warehouse for _, warehouse in pairs]],
        )


def _movement(reservation: Reservation, delta: int, ref: str, at: datetime) -> StockMovement:
    return new_row(
        StockMovement,
        sku_id=reservation.sku_id,
        warehouse_id=reservation.warehouse_id,
        delta=delta,
        reason=MovementReason.SHIPMENT,
        ref=ref,
        idempotency_key=f"ship:{ref}:{reservation.line_id}",
        at=at,
    )
