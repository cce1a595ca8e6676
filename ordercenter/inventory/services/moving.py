"""The ledger: every change of what lies where, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.rows import new_row
from ordercenter.events.types import StockReplenished
from ordercenter.inventory.errors import StockWouldBeNegative
from ordercenter.inventory.models import StockLevel, StockMovement
from ordercenter.inventory.services.levels import lock_levels, lock_made_levels, make_levels
from ordercenter.inventory.states import Bucket, MovementReason

OVERSOLD_CASE = "COUNTER_OVERSOLD"


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of the pieces in a bucket. key: once only, whatever is delivered twice. note: a person's reason."""

    sku_id: int
    warehouse_id: int
    delta: int
    reason: MovementReason
    ref: str
    key: str
    bucket: Bucket = Bucket.ON_HAND
    note: str = ""


def move_stock(
    *, movements: Sequence[Movement], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Bring stock in or take it away. done: the movements applied now; one whose key is known already changes nothing.

    Refused with StockWouldBeNegative. Emits StockReplenished where more can be promised than before. A SKU that a
    warehouse never had gets its stock row here.
    """
    result = BatchResult()
    if not movements:
        return result
    with unit_of_work(work, at=at, actor=actor) as work:
        make_levels([(m.sku_id, m.warehouse_id) for m in movements if m.delta > 0])
        lock_levels(sku_ids={m.sku_id for m in movements}, work=work)
        levels = lock_made_levels(places={(m.sku_id, m.warehouse_id) for m in movements if m.delta > 0}, work=work)
        # Under the lock: the same movement told twice at one instant is known to the second one by now.
        moved = StockMovement.objects.filter(idempotency_key__any_of=[m.key for m in movements])
        known = set(moved.values_list("idempotency_key", flat=True))
        rows = []
        for m in movements:
            if m.key in known:
                continue
            level = levels.get((m.sku_id, m.warehouse_id))
            if level is None or not _can_move(level, m):
                result.refuse(m, StockWouldBeNegative(sku_id=m.sku_id, warehouse_id=m.warehouse_id, delta=m.delta))
                continue
            known.add(m.key)
            bucket = str(Bucket(m.bucket))
            setattr(level, bucket, getattr(level, bucket) + m.delta)
            work.save(level, bucket)
            if level.sold_short:
                settle_lacking(work, [level])
            rows.append(_row(m, work.at))
            if m.delta > 0 and m.bucket == Bucket.ON_HAND:
                work.record(StockReplenished(sku_id=m.sku_id, warehouse_id=m.warehouse_id))
            result.done.append(m)
        work.add(rows)
    return result


def settle_lacking(work: Work, levels: Iterable[StockLevel]) -> None:
    """Say of locked stock rows what counters have sold of them that was not free, as they are now; with its case.

    What lacks is a matter of what lies there and what is promised, whatever came first: sales of a counter that were
    told late leave the same as those told at once.
    """
    short: list[StockLevel] = []
    well: list[StockLevel] = []
    for level in levels:
        if level.lacking == level.sold_short:
            continue
        level.sold_short = level.lacking
        work.save(level, "sold_short")
        (short if level.sold_short else well).append(level)
    skus = Sku.objects.in_bulk([level.sku_id for level in short])
    cases.open_cases(drafts=[_case_of(level, skus[level.sku_id].code) for level in short], work=work)
    subjects = [f"stock:{level.sku_id}@{level.warehouse_id}" for level in well]
    cases.close_cases_of(subjects=subjects, codes=[OVERSOLD_CASE], resolution="the stock is there", work=work)


def _case_of(level: StockLevel, code: str) -> CaseDraft:
    return CaseDraft(
        code=OVERSOLD_CASE,
        subject=f"stock:{level.sku_id}@{level.warehouse_id}",
        warehouse_id=level.warehouse_id,
        reference=code,
        evidence={"on_hand": level.on_hand, "promised": level.promised, "lacking": level.sold_short},
    )


def _can_move(level: StockLevel, m: Movement) -> bool:
    if m.delta > 0:
        return True
    if m.bucket != Bucket.ON_HAND:
        return bool(getattr(level, str(m.bucket)) + m.delta >= 0)
    left = level.on_hand + m.delta
    # What is oversold already may not become more so by taking pieces away.
    return left >= level.promised + level.set_aside


def _row(m: Movement, at: datetime) -> StockMovement:
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
        at=at,
    )
