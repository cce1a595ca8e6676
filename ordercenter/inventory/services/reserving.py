"""Promising stock to order lines, binding promises to shipments, taking promises back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.rows import new_row
from ordercenter.events.types import StockReleased, StockReplenished, StockReserved
from ordercenter.events.waking import wake_after_commit
from ordercenter.inventory.errors import StockShort
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.inventory.services.entitling import OwnQuotas, own_quotas
from ordercenter.inventory.services.levels import Place, lock_levels, lock_quotas
from ordercenter.inventory.services.publishing import PUBLISHER
from ordercenter.inventory.states import ReservationState

EXPIRE_AT_ONCE = 500
# What is held for an order before it is paid stands under this name and the order's number.
UNPAID = "order:"
_OPEN = "open_reservations"


@dataclass(frozen=True, slots=True)
class Promise:
    """Pieces of a SKU in a warehouse, wanted for one order line. shop_id: whose quota may be used; 0 for none.

    A quota for named orders only is used where order_id is one of them.
    """

    order_id: int
    line_id: int
    sku_id: int
    warehouse_id: int
    quantity: int
    shop_id: int = 0


@dataclass(frozen=True, slots=True)
class Given:
    """How many of a promise's pieces a quota gave."""

    quota_id: int | None = None
    pieces: int = 0


NOTHING_GIVEN = Given()


def reserve_stock(
    *, promises: Sequence[Promise], work: Work | None = None, at: datetime | None = None, partial: bool = False
) -> BatchResult:
    """Promise stock to order lines: all lines of an order or none.

    done: order ids, each told as StockReserved. Refused with StockShort, by order id; nothing of such an order is
    reserved, or, with partial, its lines that are there are reserved and the refusal names the others. Stock rows are
    locked in primary-key order, so that orders that share SKUs never wait for each other in a ring; the count that
    decides is read under that lock. A shop's own quota is used before the pool. Four statements for any number of
    promises, five where something is set aside, six where that is for named orders only.
    """
    result = BatchResult()
    if not promises:
        return result
    with unit_of_work(work, at=at) as work:
        sku_ids = {p.sku_id for p in promises}
        levels = lock_levels(sku_ids=sku_ids, work=work)
        quotas = lock_quotas(sku_ids=sku_ids, work=work)
        own = own_quotas(quotas, order_ids={p.order_id for p in promises}, work=work)
        wanted: dict[int, list[Promise]] = defaultdict(list)
        for promise in promises:
            wanted[promise.order_id].append(promise)
        made: list[Reservation] = []
        mine = _made_here(work)
        for order_id, group in wanted.items():
            kept, short = _take_whole(levels, own, group)
            if short:
                result.refuse(order_id, StockShort(order_id=order_id, sku_ids=short))
                if not partial:
                    continue
                kept = _take_what_is_there(levels, own, group)
                if not kept:
                    continue
            fresh, grown = _rows(work, kept)
            made.extend(fresh)
            mine.setdefault(order_id, []).extend([*fresh, *grown])
            for promise, given in kept:
                work.save(levels[promise.sku_id, promise.warehouse_id], "reserved")
                if given.pieces:
                    work.save(levels[promise.sku_id, promise.warehouse_id], "set_aside")
                    work.save(quotas[promise.shop_id, promise.sku_id, promise.warehouse_id], "left")
            if not short:
                result.done.append(order_id)
            work.record(StockReserved(order_id=order_id, warehouse_id=group[0].warehouse_id))
        work.add(made)
        if made:
            # What is sold on one channel is no longer offered on the others; what else changes waits for the schedule.
            wake_after_commit(PUBLISHER)
    return result


def add_to_open(*, order_ids: Collection[int], work: Work) -> None:
    """What is reserved for these orders from here on adds to their open promises where a line has one there already.

    For lines of which a part is on its way: a line has one open promise in a warehouse.
    """
    _levels, rows = lock_promised(work, order_ids=order_ids)
    work.shared.setdefault(_OPEN, {}).update(((row.line_id, row.warehouse_id), row) for row in rows)


def allocate_reservations(*, order_ids: Collection[int], work: Work) -> None:
    """The promises to these orders are bound to released shipments: soft becomes hard.

    No statement for what was reserved in this unit of work.
    """
    mine = _made_here(work)
    older = [pk for pk in order_ids if pk not in mine]
    if older:
        _levels, rows = lock_promised(work, order_ids=older)
        for row in rows:
            mine.setdefault(row.order_id or 0, []).append(row)
    levels: Mapping[Place, StockLevel] = work.shared.get("levels", {})
    for order_id in order_ids:
        for reservation in mine.get(order_id, ()):
            if reservation.is_allocated or reservation.state != ReservationState.ACTIVE:
                continue
            level = levels[reservation.sku_id, reservation.warehouse_id]
            level.reserved -= reservation.quantity
            level.allocated += reservation.quantity
            reservation.is_allocated = True
            work.save(level, "reserved", "allocated")
            work.save(reservation, "is_allocated")


def release_reservations(
    *, order_ids: Collection[int] = (), line_ids: Collection[int] = (), work: Work | None = None
) -> BatchResult:
    """Take back every open promise to these orders, or to these lines; the stock is free for others at once.

    Pieces of a quota that is still running go back into it. done: the orders that had any. Emits StockReleased for them
    and StockReplenished for each SKU and warehouse.
    """
    result = BatchResult()
    with unit_of_work(work) as work:
        _levels, reservations = lock_promised(work, order_ids=order_ids, line_ids=line_ids)
        end_promises(work, reservations, expired=False)
        result.done.extend(sorted({r.order_id for r in reservations if r.order_id is not None}))
        for order_id in result.done:
            work.record(StockReleased(order_id=order_id))
    return result


def expire_reservations(*, at: datetime, work: Work | None = None) -> int:
    """Promises whose time is over are taken back; how many were. At most EXPIRE_AT_ONCE in one call.

    Not what is held for unpaid orders: see `unpaid`.
    """
    overdue = Reservation.objects.filter(state=ReservationState.ACTIVE, expires_at__lte=at).order_by("expires_at")
    # Whether an order was paid in time is not known here: who knows ends those.
    overdue = overdue.exclude(holder__startswith=UNPAID)
    ids = list(overdue.values_list("pk", flat=True)[:EXPIRE_AT_ONCE])
    if not ids:
        return 0
    with unit_of_work(work, at=at) as work:
        _levels, rows = _lock(work, Q(pk__any_of=ids, expires_at__lte=at))
        end_promises(work, rows, expired=True)
        return len(rows)


def release_holds_of(
    *, holders: Collection[str], reason: str = "", actor: Actor = SYSTEM, work: Work | None = None
) -> int:
    """Take back what these holders hold without an order; how many promises that were. Emits StockReplenished.

    A person's doing is kept as a deed "stock.release" with the reason for each holder that held something.
    """
    if not holders:
        return 0
    with unit_of_work(work, actor=actor) as work:
        _levels, rows = lock_held(work, holders=holders)
        end_promises(work, rows, expired=False)
        if actor.is_person:
            for holder in sorted({row.holder for row in rows}):
                pieces = {f"{r.sku_id}@{r.warehouse_id}": r.quantity for r in rows if r.holder == holder}
                record_deed(work, action="stock.release", subject=f"hold:{holder}", reason=reason, details=pieces)
        return len(rows)


def lock_promised(
    work: Work, *, order_ids: Collection[int] = (), line_ids: Collection[int] = ()
) -> tuple[Mapping[Place, StockLevel], list[Reservation]]:
    """Open reservations of these orders and lines with their stock rows, stock first: the order of locks of all."""
    return _lock(work, Q(order_id__any_of=list(order_ids)) if order_ids else Q(line_id__any_of=list(line_ids)))


def lock_held(work: Work, *, holders: Collection[str]) -> tuple[Mapping[Place, StockLevel], list[Reservation]]:
    """Open promises to these holders with their stock rows, stock first."""
    return _lock(work, Q(holder__any_of=sorted(set(holders))) & ~Q(holder=""))


def lock_stock_of(
    *, order_ids: Collection[int], sku_ids: Collection[int] = (), work: Work
) -> Mapping[Place, StockLevel]:
    """Lock in one step all stock rows that giving back what is promised to these orders may touch, and those of these
    SKUs. For a unit of work that calls several verbs of stock: locks taken step by step could meet in a ring.
    """
    theirs = Q(order_id__any_of=sorted(order_ids)) | Q(holder__any_of=[f"{UNPAID}{pk}" for pk in order_ids])
    promised = Reservation.objects.filter(theirs, state=ReservationState.ACTIVE)
    return lock_levels(sku_ids={*promised.values_list("sku_id", flat=True), *sku_ids}, work=work)


def end_promises(work: Work, reservations: Sequence[Reservation], *, expired: bool) -> None:
    """End these locked promises without goods leaving, and tell where stock is free again."""
    give_back(work, reservations)
    for reservation in reservations:
        if expired:
            reservation.expire()
        else:
            reservation.release()
        reservation.ended_at = work.at
        work.save(reservation, "ended_at")
    for sku_id, warehouse_id in {(r.sku_id, r.warehouse_id): None for r in reservations}:
        work.record(StockReplenished(sku_id=sku_id, warehouse_id=warehouse_id))


def give_back(work: Work, reservations: Sequence[Reservation]) -> None:
    """Take these promises off the counters of their levels; what a running quota gave goes back into it."""
    levels: Mapping[Place, StockLevel] = work.shared.get("levels", {})
    of_quotas = {r.sku_id for r in reservations if r.from_quota}
    quotas = lock_quotas(sku_ids=of_quotas, work=work, always=True) if of_quotas else {}
    by_id = {quota.pk: quota for quota in quotas.values()}
    for reservation in reservations:
        level = levels[reservation.sku_id, reservation.warehouse_id]
        take_off(level, reservation, reservation.quantity)
        work.save(level, "reserved", "allocated")
        quota = by_id.get(reservation.quota_id or 0)
        if reservation.from_quota and quota is not None and quota.is_running(work.at):
            quota.left += reservation.from_quota
            level.set_aside += reservation.from_quota
            work.save(quota, "left")
            work.save(level, "set_aside")


def take_off(level: StockLevel, reservation: Reservation, pieces: int) -> None:
    """Pieces of a promise leave the counter that they stand in."""
    if reservation.is_allocated:
        level.allocated -= pieces
    else:
        level.reserved -= pieces


def _lock(work: Work, condition: Q) -> tuple[Mapping[Place, StockLevel], list[Reservation]]:
    query: QuerySet[Reservation] = Reservation.objects.filter(condition, state=ReservationState.ACTIVE)
    levels = lock_levels(sku_ids=set(query.values_list("sku_id", flat=True)), work=work)
    rows = list(query.order_by("pk").select_for_update(of=("self",)))
    # A promise made while the levels were waited for would have no locked level: whoever made it is not us.
    rows = [row for row in rows if (row.sku_id, row.warehouse_id) in levels]
    work.adopt(Reservation, rows)
    return levels, rows


def _rows(work: Work, kept: Sequence[tuple[Promise, Given]]) -> tuple[list[Reservation], list[Reservation]]:
    """The promises as new rows, and the open ones that some of them were added to."""
    known: Mapping[tuple[int, int], Reservation] | None = work.shared.get(_OPEN)
    if known is None:
        return [_reservation(promise, given, work.at) for promise, given in kept], []
    fresh, grown = [], []
    levels: Mapping[Place, StockLevel] = work.shared["levels"]
    for promise, given in kept:
        row = known.get((promise.line_id, promise.warehouse_id))
        if row is None:
            fresh.append(_reservation(promise, given, work.at))
            continue
        row.quantity += promise.quantity
        row.from_quota += given.pieces
        row.quota_id = given.quota_id or row.quota_id
        work.save(row, "quantity", "from_quota", "quota_id")
        if row.is_allocated:
            level = levels[promise.sku_id, promise.warehouse_id]
            level.reserved -= promise.quantity
            level.allocated += promise.quantity
            work.save(level, "allocated")
        grown.append(row)
    return fresh, grown


def _made_here(work: Work) -> dict[int, list[Reservation]]:
    """The reservations that this unit of work has made or bound, by order."""
    made: dict[int, list[Reservation]] = work.shared.setdefault("reservations", {})
    return made


def _take_whole(
    levels: Mapping[Place, StockLevel], own: OwnQuotas, promises: Sequence[Promise]
) -> tuple[list[tuple[Promise, Given]], list[int]]:
    """Count the promises in memory on locked rows; on a shortage nothing is counted and the short SKUs are named."""
    needed: dict[tuple[int, int, Place], int] = defaultdict(int)
    for p in promises:
        needed[p.shop_id, p.order_id, (p.sku_id, p.warehouse_id)] += p.quantity
    short = [
        place[0]
        for (shop_id, order_id, place), pieces in needed.items()
        if _there(levels, own, shop_id, order_id, place) < pieces
    ]
    if short:
        return [], short
    return [(p, _take(levels, own, p)) for p in promises], []


def _take_what_is_there(
    levels: Mapping[Place, StockLevel], own: OwnQuotas, promises: Sequence[Promise]
) -> list[tuple[Promise, Given]]:
    return [
        (p, _take(levels, own, p))
        for p in promises
        if _there(levels, own, p.shop_id, p.order_id, (p.sku_id, p.warehouse_id)) >= p.quantity
    ]


def _there(levels: Mapping[Place, StockLevel], own: OwnQuotas, shop_id: int, order_id: int, place: Place) -> int:
    level = levels.get(place)
    if level is None:
        return 0
    quota = own.of(shop_id=shop_id, order_id=order_id, place=place)
    return level.free if quota is None else max(0, level.free) + quota.left


def _take(levels: Mapping[Place, StockLevel], own: OwnQuotas, p: Promise) -> Given:
    place = (p.sku_id, p.warehouse_id)
    level = levels[place]
    level.reserved += p.quantity
    quota = own.of(shop_id=p.shop_id, order_id=p.order_id, place=place)
    if quota is None or not quota.left:
        return NOTHING_GIVEN
    given = min(p.quantity, quota.left)
    quota.left -= given
    level.set_aside -= given
    return Given(quota.pk, given)


def _reservation(p: Promise, given: Given, at: datetime) -> Reservation:
    return new_row(
        Reservation,
        order_id=p.order_id,
        line_id=p.line_id,
        shop_id=p.shop_id or None,
        sku_id=p.sku_id,
        warehouse_id=p.warehouse_id,
        quantity=p.quantity,
        quota_id=given.quota_id,
        from_quota=given.pieces,
        created_at=at,
    )
