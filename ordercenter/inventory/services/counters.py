"""What counters of stores sell and take back: facts, booked whatever the books say and held against them later."""

from __future__ import annotations

from collections.abc import Sequence

from ordercenter.audit.work import Work
from ordercenter.common.rows import new_row
from ordercenter.events.types import StockReplenished
from ordercenter.inventory.models import StockLevel, StockMovement
from ordercenter.inventory.services.levels import lock_levels, lock_made_levels, make_levels
from ordercenter.inventory.services.moving import Movement, settle_lacking
from ordercenter.inventory.states import Bucket


def book_counter_moves(*, movements: Sequence[Movement], work: Work) -> list[Movement]:
    """Book what left over a counter (delta below zero) and what came back over it. Returns those booked now.

    Nothing is refused: the goods are gone. Stock may go below nothing and below what is promised; how many pieces lack
    is written to the stock row, with one case (COUNTER_OVERSOLD) for each SKU and store, which goes when the stock is
    there again. A movement whose key is known changes nothing. Emits StockReplenished for what can be sold again. Six
    statements.
    """
    if not movements:
        return []
    places = {(m.sku_id, m.warehouse_id) for m in movements}
    make_levels(places)
    lock_levels(sku_ids={sku for sku, _store in places}, work=work)
    levels = lock_made_levels(places=places, work=work)
    moved = StockMovement.objects.filter(idempotency_key__any_of=[m.key for m in movements])
    known = set(moved.values_list("idempotency_key", flat=True))
    fresh = [m for m in movements if m.key not in known]
    touched: dict[int, StockLevel] = {}
    for m in fresh:
        level = levels[m.sku_id, m.warehouse_id]
        bucket = str(Bucket(m.bucket))
        setattr(level, bucket, getattr(level, bucket) + m.delta)
        work.save(level, bucket)
        touched[level.pk] = level
        if m.delta > 0 and m.bucket == Bucket.ON_HAND:
            work.record(StockReplenished(sku_id=m.sku_id, warehouse_id=m.warehouse_id))
    work.add([_row(m, work) for m in fresh])
    settle_lacking(work, touched.values())
    return fresh


def settle_stores(*, work: Work) -> int:
    """Look again at stock that counters sold short: promises may have been taken back meanwhile. Returns how many."""
    short = list(StockLevel.objects.filter(sold_short__gt=0).values_list("sku_id", flat=True))
    if not short:
        return 0
    levels = lock_levels(sku_ids=short, work=work)
    lacking = [level for level in levels.values() if level.sold_short]
    settle_lacking(work, lacking)
    return len(lacking)


def _row(m: Movement, work: Work) -> StockMovement:
    return new_row(
        StockMovement,
        sku_id=m.sku_id,
        warehouse_id=m.warehouse_id,
        bucket=m.bucket,
        delta=m.delta,
        reason=m.reason,
        ref=m.ref[:96],
        note=m.note[:200],
        idempotency_key=m.key,
        at=work.at,
    )
