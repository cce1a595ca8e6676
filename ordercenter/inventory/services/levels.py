"""Stock rows and quotas, locked: levels before quotas before reservations, each by primary key.

A large batch of new orders wants nearly every row that sells, and would hold it while hundreds of orders are decided
and written. Where plenty lies it only looks at the rows, counts in memory, and locks them when all else is written:
what it took is then counted on top of what others took meanwhile, if it is still there.

Who comes to stock rows in a second step, with some locked, does not wait for a row that comes before one of those: two
that did so could wait for each other in a ring. The work is undone at once and done again, by the relay in halves, by a
page as a whole (`common/repeating.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from django.db import connection

from ordercenter.audit.work import Work
from ordercenter.common import bulk
from ordercenter.common.rows import locked_rows, rows_where
from ordercenter.events.ahead import current
from ordercenter.inventory.errors import StockMovedOn
from ordercenter.inventory.models import ChannelQuota, StockLevel
from ordercenter.inventory.states import QuotaState

Place = tuple[int, int]
QuotaKey = tuple[int, int, int]

# Up to so many pieces the rows are held for a few milliseconds only: they are locked at once.
FEW_PIECES = 50
# Plenty: so many times what the batch wants. Others who take at the same time find enough as well.
PLENTY = 4
_COUNTERS = ("on_hand", "reserved", "allocated", "set_aside", "damaged", "quarantine")


def lock_levels(*, sku_ids: Collection[int], work: Work) -> Mapping[Place, StockLevel]:
    """The stock rows of these SKUs in all warehouses, locked, by (SKU, warehouse). One statement for new SKUs."""
    known: dict[Place, StockLevel] = work.shared.setdefault("levels", {})
    asked: set[int] = work.shared.setdefault("levels_asked", set())
    missing = sorted(set(sku_ids) - asked)
    if missing:
        asked.update(missing)
        held = _held(work)
        waits = not held or _come_after(held, missing)
        rows = locked_rows(StockLevel, "sku_id", missing, waits=waits)
        work.adopt(StockLevel, rows)
        known.update(((row.sku_id, row.warehouse_id), row) for row in rows)
    return known


def lock_made_levels(*, places: Collection[Place], work: Work) -> Mapping[Place, StockLevel]:
    """All locked stock rows of this unit of work, among them those of places that were made after their SKU was asked
    for. No statement where there are none.
    """
    known: dict[Place, StockLevel] = work.shared["levels"]
    late = {place for place in places if place not in known}
    if late:
        rows = StockLevel.objects.filter(sku_id__in={sku for sku, _w in late}).order_by("pk")
        made = [row for row in rows.select_for_update(of=("self",)) if (row.sku_id, row.warehouse_id) not in known]
        work.adopt(StockLevel, made)
        known.update(((row.sku_id, row.warehouse_id), row) for row in made)
    return known


def levels_to_take_from(*, wanted: Mapping[int, int], work: Work) -> Mapping[Place, StockLevel]:
    """The stock rows of these SKUs, by (SKU, warehouse), to be taken from in this unit of work.

    wanted: SKU -> pieces that all its orders want together. Locked at once where anything is scarce or set aside, where
    it is little, and outside of the relay; else at the end, when the transaction fails with StockMovedOn if others
    have taken too much meanwhile: the relay then repeats it, and locks at once. One statement, two where it locks late
    or finds something scarce.
    """
    asked: set[int] = work.shared.setdefault("levels_asked", set())
    missing = {sku_id: pieces for sku_id, pieces in wanted.items() if sku_id not in asked}
    if current() is None or sum(missing.values()) <= FEW_PIECES:
        return lock_levels(sku_ids=wanted, work=work)
    rows = rows_where(StockLevel, {"sku_id": sorted(missing)})
    if any(row.set_aside or 0 < row.free < PLENTY * missing[row.sku_id] for row in rows):
        return lock_levels(sku_ids=wanted, work=work)
    asked.update(missing)
    known: dict[Place, StockLevel] = work.shared.setdefault("levels", {})
    known.update(((row.sku_id, row.warehouse_id), row) for row in rows)
    work.adopt(StockLevel, rows)
    seen: dict[int, tuple[int, ...]] = work.shared.setdefault("levels_seen", {})
    seen.update((row.pk, tuple(getattr(row, name) for name in _COUNTERS)) for row in rows)
    work.write_last(StockLevel, partial(_count_on_top, work, seen))
    return known


def _held(work: Work) -> set[int]:
    """The stock rows that this work has locked; those that it has only seen are not among them."""
    seen = work.shared.get("levels_seen", {})
    return {row.pk for row in work.shared.get("levels", {}).values() if row.pk not in seen}


def _come_after(held: Collection[int], sku_ids: Collection[int]) -> bool:
    """Whether all rows of these SKUs come after those that are locked. One statement."""
    first = StockLevel.objects.filter(sku_id__any_of=sku_ids).order_by("pk").values_list("pk", flat=True).first()
    return first is None or first > max(held)


def _count_on_top(
    work: Work, seen: Mapping[int, Sequence[int]], rows: Sequence[StockLevel], attnames: Collection[str]
) -> None:
    """Lock these rows, and write what was counted since they were seen on top of what they say now."""
    held = _held(work)
    late = [row.pk for row in rows if row.pk not in held]
    waits = not held or min(late, default=0) > max(held)
    fresh = {row.pk: row for row in locked_rows(StockLevel, "id", late, waits=waits)}
    for row in (row for row in rows if row.pk in fresh):
        now = fresh[row.pk]
        for name, before in zip(_COUNTERS, seen.get(row.pk, ()), strict=False):
            setattr(row, name, getattr(now, name) + getattr(row, name) - before)
        if row.free < min(0, now.free):
            raise StockMovedOn(sku_id=row.sku_id, warehouse_id=row.warehouse_id)
    bulk.update_instances(StockLevel, rows, attnames)


def lock_quotas(*, sku_ids: Collection[int], work: Work, always: bool = False) -> Mapping[QuotaKey, ChannelQuota]:
    """The open quotas of these SKUs, locked, by (shop, SKU, warehouse); the levels must be locked before.

    No statement where the levels say that nothing is set aside, unless always: a quota that is sold out sets nothing
    aside, but takes back what is released.
    """
    known: dict[QuotaKey, ChannelQuota] = work.shared.setdefault("quotas", {})
    asked: set[int] = work.shared.setdefault("quotas_asked", set())
    missing = set(sku_ids) - asked
    if missing and not always:
        levels: Mapping[Place, StockLevel] = work.shared.get("levels", {})
        missing &= {level.sku_id for level in levels.values() if level.set_aside}
    if missing:
        asked.update(missing)
        open_ones = ChannelQuota.objects.filter(sku_id__any_of=sorted(missing), state=QuotaState.OPEN)
        rows = list(open_ones.order_by("pk").select_for_update(of=("self",)))
        work.adopt(ChannelQuota, rows)
        known.update(((q.shop_id, q.sku_id, q.warehouse_id), q) for q in rows)
    return known


def make_levels(places: Collection[Place]) -> None:
    """Stock rows for SKUs that a warehouse never had."""
    pairs = sorted(set(places))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inventory_stocklevel (sku_id, warehouse_id, on_hand, reserved)"
            " SELECT s, w, 0, 0 FROM unnest(%s::bigint[], %s::bigint[]) AS v(s, w) ON CONFLICT DO NOTHING",
            [[sku for sku, _ in pairs], [warehouse for _, warehouse in pairs]],
        )
