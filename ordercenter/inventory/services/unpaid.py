"""Stock for orders that are not paid yet: held with an end, and turned into the order's own promise by its payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ordercenter.audit.work import Work
from ordercenter.common.rows import new_row
from ordercenter.events.types import StockReplenished
from ordercenter.inventory.models import ChannelQuota, Reservation, StockLevel, Warehouse
from ordercenter.inventory.services.entitling import own_quotas
from ordercenter.inventory.services.levels import Place, lock_levels, lock_quotas
from ordercenter.inventory.services.reserving import UNPAID, give_back, lock_held
from ordercenter.inventory.states import ReservationState, WarehouseKind

ENDED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class UnpaidGoods:
    """What an unpaid order may hold of one SKU, and until when."""

    order_id: int
    shop_id: int
    sku_id: int
    pieces: int
    until: datetime


def holder_of(order_id: int) -> str:
    """Under which name pieces are held for an order that is not paid."""
    return f"{UNPAID}{order_id}"


def hold_for_unpaid(*, goods: Sequence[UnpaidGoods], work: Work) -> dict[int, dict[Place, int]]:
    """Hold what is there of these goods, in one warehouse where one has all of an order, else where most lies.

    Out of the quota that is its own first, then out of the pool, never the safety stock. What an order holds already
    counts, and lives until the later end. What is not there is not held: the order gets it, or not, when it is paid.
    Returns what each order holds now, by place. Five statements. Call it with the orders locked.
    """
    if not goods:
        return {}
    # Held under these names before: in the warehouses where it lies, whatever would be better now.
    levels = lock_levels(sku_ids={g.sku_id for g in goods}, work=work)
    quotas = lock_quotas(sku_ids={g.sku_id for g in goods}, work=work)
    own = own_quotas(quotas, order_ids={g.order_id for g in goods}, work=work)
    _levels, rows = lock_held(work, holders=[holder_of(g.order_id) for g in goods])
    houses = Warehouse.objects.filter(is_open=True).exclude(kind=WarehouseKind.STORE)
    open_houses = set(houses.values_list("pk", flat=True))
    held: dict[int, list[Reservation]] = defaultdict(list)
    for row in rows:
        held[_order_of(row)].append(row)
    by_order: dict[int, list[UnpaidGoods]] = defaultdict(list)
    for g in goods:
        by_order[g.order_id].append(g)
    answer: dict[int, dict[Place, int]] = {}
    made: list[Reservation] = []
    for order_id, wanted in by_order.items():
        places: dict[Place, int] = {}
        lacking: list[tuple[UnpaidGoods, int]] = []
        for g in wanted:
            mine = [row for row in held[order_id] if row.sku_id == g.sku_id]
            for row in mine:
                places[row.sku_id, row.warehouse_id] = row.quantity
                if row.expires_at is None or row.expires_at < g.until:
                    row.expires_at = g.until
                    work.save(row, "expires_at")
            lacking.append((g, g.pieces - sum(row.quantity for row in mine)))
        there = _Free(levels, own.places(shop_id=wanted[0].shop_id, order_id=order_id), open_houses)
        for g, warehouse_id, pieces in _where(lacking, there, taken=set(places)):
            places[g.sku_id, warehouse_id] = pieces
            made.append(_hold(g, warehouse_id, pieces, there, work))
        answer[order_id] = places
    work.add(made)
    return answer


def holds_of_orders(*, order_ids: Collection[int], work: Work) -> dict[int, list[Reservation]]:
    """What is held for these orders since before they were paid, locked with its stock rows; by order."""
    held: dict[int, list[Reservation]] = defaultdict(list)
    if order_ids:
        _levels, rows = lock_held(work, holders=[holder_of(pk) for pk in order_ids])
        for row in rows:
            held[_order_of(row)].append(row)
    return dict(held)


def pieces_held(*, order_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """SKU -> pieces held for these orders since before they were paid, by order. Not locked. One statement."""
    names = [holder_of(pk) for pk in order_ids]
    held: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in Reservation.objects.filter(state=ReservationState.ACTIVE, holder__any_of=names):
        held[_order_of(row)][row.sku_id] += row.quantity
    return held


def use_up_holds(*, holds: Collection[Reservation], used: Mapping[Place, int], work: Work) -> None:
    """The order reserves for itself, in this unit of work and on these locked rows: its holds end.

    used: what it reserves, by place. Nobody else can have the pieces in between; only where it leaves some they are
    free again (StockReplenished).
    """
    give_back(work, list(holds))
    left: dict[Place, int] = defaultdict(int)
    for row in holds:
        row.release()
        row.ended_at = work.at
        work.save(row, "ended_at")
        left[row.sku_id, row.warehouse_id] += row.quantity
    for place, pieces in left.items():
        if pieces > used.get(place, 0):
            work.record(StockReplenished(sku_id=place[0], warehouse_id=place[1]))


def overdue_orders(*, at: datetime) -> list[int]:
    """Orders whose holds should have ended; at most ENDED_AT_ONCE rows are looked at. Not locked."""
    rows = Reservation.objects.filter(
        state=ReservationState.ACTIVE, expires_at__lte=at, holder__startswith=UNPAID
    ).order_by("expires_at")
    return sorted({_order_of(row) for row in rows[:ENDED_AT_ONCE]})


def keep_for_good(*, holds: Collection[Reservation], work: Work) -> None:
    """The money is there: these holds wait for the order's routing, however long that takes."""
    for row in holds:
        row.expires_at = None
        work.save(row, "expires_at")


def _order_of(row: Reservation) -> int:
    return int(row.holder.removeprefix(UNPAID))


class _Free:
    """What an unpaid order may still hold, by place, on the locked rows. quotas: those that it may take from."""

    def __init__(
        self, levels: Mapping[Place, StockLevel], quotas: Mapping[Place, ChannelQuota], houses: Collection[int]
    ):
        self.levels, self.quotas, self.houses = levels, quotas, houses

    def quota(self, place: Place) -> ChannelQuota | None:
        return self.quotas.get(place)

    def __getitem__(self, place: Place) -> int:
        if place[1] not in self.houses or place not in self.levels:
            return 0
        level, quota = self.levels[place], self.quota(place)
        pool = max(0, level.available_to_sell + level.oversell_limit)
        return pool + (quota.left if quota is not None else 0)

    def places(self, sku_id: int) -> list[Place]:
        """Where the SKU lies, most first."""
        found = [place for place in self.levels if place[0] == sku_id and self[place] > 0]
        return sorted(found, key=lambda place: (-self[place], place))


def _where(
    lacking: Sequence[tuple[UnpaidGoods, int]], there: _Free, *, taken: Collection[Place]
) -> list[tuple[UnpaidGoods, int, int]]:
    """(goods, warehouse, pieces): all in one warehouse if one has all, else most first. taken: places held already."""
    wanted = [(g, n) for g, n in lacking if n > 0]
    for warehouse_id in sorted({w for _sku, w in there.levels}):
        here = [(g.sku_id, warehouse_id) for g, _n in wanted]
        if not set(here) & set(taken) and all(there[place] >= n for place, (_g, n) in zip(here, wanted, strict=True)):
            return [(g, warehouse_id, n) for g, n in wanted]
    found = []
    for g, pieces in wanted:
        for place in there.places(g.sku_id):
            here_too = min(pieces, there[place]) if place not in taken else 0
            if here_too > 0:
                found.append((g, place[1], here_too))
                pieces -= here_too
    return found


def _hold(g: UnpaidGoods, warehouse_id: int, pieces: int, there: _Free, work: Work) -> Reservation:
    place = (g.sku_id, warehouse_id)
    level, quota = there.levels[place], there.quota(place)
    level.reserved += pieces
    work.save(level, "reserved")
    given = min(pieces, quota.left) if quota is not None else 0
    if quota is not None and given:
        quota.left -= given
        level.set_aside -= given
        work.save(quota, "left")
        work.save(level, "set_aside")
    return new_row(
        Reservation,
        shop_id=g.shop_id or None,
        holder=holder_of(g.order_id),
        sku_id=g.sku_id,
        warehouse_id=warehouse_id,
        quantity=pieces,
        quota_id=quota.pk if quota is not None and given else None,
        from_quota=given,
        created_at=work.at,
        expires_at=g.until,
    )
