"""Blind counts: what lies in the bins against what the books say, and the differences into the books."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Sum

from fulfillment.floor.reading import tidy
from fulfillment.floor.scans import Answer, ScanInput, number_of
from fulfillment.floor_errors import CountNotOpen, NotCountedYet, NothingOpened, ScanTooOld, WarehouseNotYours
from fulfillment.models import Bin, CountLine, PickLine, StockCount
from fulfillment.services.floor_labels import sku_or_unknown
from fulfillment.services.own_house import own_warehouses
from fulfillment.states import IN_HAND, CountState, ShipmentState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.ids import new_ids
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import StockLevel
from ordercenter.inventory.services import Movement
from ordercenter.inventory.states import MovementReason


def make_count(
    *,
    warehouse_id: int,
    sku_ids: Collection[int] | None = None,
    zone: str = "",
    reason: str = "",
    actor: Actor = SYSTEM,
    at: datetime | None = None,
    work: Work | None = None,
) -> StockCount:
    """A list to be counted: these SKUs, or all with a bin in the zone, or all that the warehouse has.

    Raises WarehouseNotYours for a warehouse that is no own one.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        if warehouse_id not in own_warehouses(work):
            raise WarehouseNotYours(warehouse_id=warehouse_id)
        if sku_ids is None:
            sku_ids = _in_zone(warehouse_id, zone) if zone else _in_warehouse(warehouse_id)
        count = _new_count(work, warehouse_id, reason=reason)
        _add_lines(work, count, sku_ids)
        return count


def ask_for_count(*, warehouse_id: int, sku_ids: Collection[int], work: Work) -> None:
    """Goods were missing when picked: their SKUs go on the open list of such goods, once each."""
    with connection.cursor() as cursor:
        # Two pickers who miss something at one instant share one list.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('count of shorts'), %s)", [warehouse_id % 2**31])
    count = StockCount.objects.filter(warehouse_id=warehouse_id, is_of_shorts=True, state=CountState.OPEN).first()
    if count is None:
        count = _new_count(work, warehouse_id, reason="", is_of_shorts=True)
    known = set(CountLine.objects.filter(count_id=count.pk).values_list("sku_id", flat=True))
    _add_lines(work, count, [pk for pk in sku_ids if pk not in known])


def count_scanned(scan: ScanInput, place: str, work: Work) -> Answer:
    """A count's label opens it; a SKU adds `pieces` to what was counted of it, 0 says that nothing is there.

    What the bin should hold is noted at this instant, so that later picks do not matter; nobody is shown it. Raises
    NothingOpened, CountNotOpen, ScanUnknown.
    """
    text = tidy(scan.text)
    if text.startswith("C2"):
        opened = StockCount.objects.filter(code=text, warehouse_id=scan.warehouse_id).first()
        if opened is not None:
            _must_be_open(opened)
            return Answer("count_opened", place=f"count:{opened.pk}", params={"count": opened.code})
    count_id = number_of(place, "count")
    if count_id is None:
        raise NothingOpened(step=scan.step)
    sku = sku_or_unknown(scan.text)
    count = work.lock(StockCount, [count_id]).get(count_id)
    if count is None or count.warehouse_id != scan.warehouse_id:
        raise CountNotOpen(count=str(count_id))
    _must_be_open(count)
    lines = work.lock_children(CountLine, "count_id", [count_id])[count_id]
    line = next((line for line in lines if line.sku_id == sku.pk), None)
    is_new = line is None
    if line is None:
        line = CountLine(count_id=count_id, sku_id=sku.pk, bin_code=_bins(scan.warehouse_id, [sku.pk]).get(sku.pk, ""))
        work.add([line])
    before = line.counted
    line.counted = (before or 0) + max(scan.pieces, 0)
    line.books = _in_bins(scan.warehouse_id, [sku.pk])[sku.pk]
    if not is_new:
        work.save(line, "counted", "books")
    return Answer(
        "counted",
        place=f"count:{count_id}",
        params={"sku": sku.code, "name": sku.name, "counted": line.counted, "bin": line.bin_code},
        undo={"kind": "count", "line": line.pk, "counted": before},
    )


def undo_count(undo: Mapping[str, Any], work: Work) -> None:
    """What was counted before. Raises ScanTooOld when the count is posted."""
    owner = CountLine.objects.filter(pk=int(undo["line"])).values_list("count_id", flat=True).first() or 0
    count = work.lock(StockCount, [owner]).get(owner)
    line = work.lock(CountLine, [int(undo["line"])]).get(int(undo["line"]))
    if count is None or line is None or count.state != CountState.OPEN:
        raise ScanTooOld(scan=str(undo["line"]))
    line.counted = undo["counted"]
    work.save(line, "counted")


def post_count(*, count_id: int, reason: str, actor: Actor, at: datetime | None = None) -> StockCount:
    """Book the differences of a count as movements with this reason; a line that cannot be booked is a case.

    Raises CountNotOpen, NotCountedYet, ReasonMissing. Posted twice, a difference is booked once. The reason is kept as
    a deed.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        count = work.lock(StockCount, [count_id]).get(count_id)
        if count is None:
            raise CountNotOpen(count=str(count_id))
        _must_be_open(count)
        lines = work.lock_children(CountLine, "count_id", [count_id])[count_id]
        open_lines = [line for line in lines if line.counted is None]
        if open_lines:
            raise NotCountedYet(count=count.code, lines=len(open_lines))
        movements = {line.pk: _movement(count, line, reason) for line in lines if line.counted != line.books}
        result = inventory.move_stock(movements=list(movements.values()), work=work)
        refused = {refusal.key.key for refusal in result.refused}
        failed = [line for line in lines if line.pk in movements and movements[line.pk].key in refused]
        for line in failed:
            line.problem = "less than is promised"
            work.save(line, "problem")
        _tell(count, failed, work)
        count.post()
        count.posted_at, count.reason = work.at, count.reason or reason[:96]
        work.save(count, "posted_at", "reason")
        record_deed(work, action="count.post", subject=f"count:{count.pk}", reason=reason)
        return count


def _tell(count: StockCount, failed: Sequence[CountLine], work: Work) -> None:
    codes = dict(Sku.objects.filter(pk__in=[line.sku_id for line in failed]).values_list("pk", "code"))
    cases.open_cases(
        drafts=[
            CaseDraft(
                code="STOCK_DIFFERENCE",
                subject=f"stock:{line.sku_id}@{count.warehouse_id}",
                warehouse_id=count.warehouse_id,
                reference=codes[line.sku_id],
                evidence={"count": count.code, "counted": line.counted, "books": line.books},
            )
            for line in failed
        ],
        work=work,
    )


def _movement(count: StockCount, line: CountLine, reason: str) -> Movement:
    return Movement(
        line.sku_id,
        count.warehouse_id,
        (line.counted or 0) - (line.books or 0),
        MovementReason.COUNT,
        count.code,
        f"count:{count.code}:{line.sku_id}",
        note=reason[:200],
    )


def _new_count(work: Work, warehouse_id: int, *, reason: str, is_of_shorts: bool = False) -> StockCount:
    (pk,) = new_ids(StockCount, 1)
    count = StockCount(
        id=pk,
        code=f"C{work.at:%y%m%d}{pk:05d}",
        warehouse_id=warehouse_id,
        reason=reason[:96],
        is_of_shorts=is_of_shorts,
        created_by_id=work.actor.user_id,
        created_at=work.at,
    )
    work.add([count])
    return count


def _add_lines(work: Work, count: StockCount, sku_ids: Collection[int]) -> None:
    bins = _bins(count.warehouse_id, sku_ids)
    work.add([CountLine(count_id=count.pk, sku_id=pk, bin_code=bins.get(pk, "")) for pk in sorted(set(sku_ids))])


def _bins(warehouse_id: int, sku_ids: Collection[int]) -> dict[int, str]:
    return dict(Bin.objects.filter(warehouse_id=warehouse_id, sku_id__in=list(sku_ids)).values_list("sku_id", "code"))


def _in_zone(warehouse_id: int, zone: str) -> list[int]:
    rows = Bin.objects.filter(warehouse_id=warehouse_id, code__istartswith=zone.strip())
    return list(rows.values_list("sku_id", flat=True))


def _in_warehouse(warehouse_id: int) -> list[int]:
    return list(StockLevel.objects.filter(warehouse_id=warehouse_id).values_list("sku_id", flat=True))


def _in_bins(warehouse_id: int, sku_ids: Collection[int]) -> dict[int, int]:
    """What the bins should hold now: on hand without what lies in baskets and boxes."""
    on_hand = dict(
        StockLevel.objects.filter(warehouse_id=warehouse_id, sku_id__in=sku_ids).values_list("sku_id", "on_hand")
    )
    in_hand = dict(
        PickLine.objects.filter(
            sku_id__in=sku_ids,
            basket__shipment__warehouse_id=warehouse_id,
            basket__shipment__state__in=[*IN_HAND, ShipmentState.TO_PUT_BACK],
        )
        .values("sku_id")
        .annotate(pieces=Sum("picked"))
        .values_list("sku_id", "pieces")
    )
    return {pk: on_hand.get(pk, 0) - in_hand.get(pk, 0) for pk in sku_ids}


def _must_be_open(count: StockCount) -> None:
    if count.state != CountState.OPEN:
        raise CountNotOpen(count=count.code)
