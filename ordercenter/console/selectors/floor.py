"""What the pages of an own warehouse show: waves and their progress, what is due at a place, what needs a decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from fulfillment.floor.scans import number_of
from fulfillment.models import (
    Basket,
    Bin,
    CountLine,
    FloorRules,
    InboundLine,
    InboundOrder,
    PickLine,
    Shipment,
    StockCount,
    Wave,
    Waybill,
)
from fulfillment.states import (
    HAS_LEFT,
    IN_HAND,
    CountState,
    InboundKind,
    ScanStep,
    ShipmentState,
    WaveKind,
    WaveState,
    WaybillState,
)
from ordercenter.common.scope import Scope
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.states import WarehouseKind

MOST_WAVES = 40
MOST_LINES = 200
_TO_PICK = (ShipmentState.WAVED, ShipmentState.PICKING)
_TO_CHECK = (ShipmentState.PICKED, ShipmentState.CHECKED)
# Steps at which the card of a wave shows what the bench has to do.
_AT_BENCH = (ScanStep.CHECK, ScanStep.PACK, ScanStep.WEIGH)


@dataclass(frozen=True)
class Situation:
    """Shipments of a floor by where they are."""

    waiting: int
    to_pick: int
    missing: int
    on_bench: int
    packed: int
    to_put_back: int


@dataclass(frozen=True)
class WaveRow:
    """A wave with how far it is: pieces picked of those wanted, shipments that have left."""

    wave: Wave
    picked: int
    wanted: int
    left: int

    @property
    def percent(self) -> int:
        return 100 * self.picked // self.wanted if self.wanted else 0


@dataclass(frozen=True)
class PickTask:
    """The next thing to fetch. baskets: (number, pieces) of each basket that wants it."""

    wave: Wave
    picked: int
    wanted: int
    short: int
    bin_code: str = ""
    sku: str = ""
    name: str = ""
    pieces: int = 0
    baskets: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class CheckTask:
    """What of a wave waits at the bench. baskets: with their picked pieces in `pieces`; the others are counted."""

    wave: Wave
    baskets: list[Basket]
    to_pick: int
    passed: int
    total: int


def own_warehouses(scope: Scope) -> QuerySet[Warehouse]:
    """The own warehouses that this reader works in."""
    rows = Warehouse.objects.filter(kind=WarehouseKind.OWN, is_open=True).order_by("code")
    return scope.narrow(rows, warehouse="pk")


def situation_of(warehouse_id: int) -> Situation:
    """Where the shipments of a floor are. One statement."""
    rows = Shipment.objects.filter(warehouse_id=warehouse_id, state__in=[*IN_HAND, *_OPEN]).order_by()
    n = dict(rows.values_list("state").annotate(n=Count("pk")))
    return Situation(
        waiting=n.get(ShipmentState.ACCEPTED, 0),
        to_pick=n.get(ShipmentState.WAVED, 0) + n.get(ShipmentState.PICKING, 0),
        missing=n.get(ShipmentState.SHORT_PICKED, 0),
        on_bench=n.get(ShipmentState.PICKED, 0) + n.get(ShipmentState.CHECKED, 0),
        packed=n.get(ShipmentState.PACKED, 0) + n.get(ShipmentState.WEIGHED, 0),
        to_put_back=n.get(ShipmentState.TO_PUT_BACK, 0),
    )


_OPEN = (ShipmentState.ACCEPTED, ShipmentState.WAVED, ShipmentState.TO_PUT_BACK)


def waves_of(warehouse_id: int) -> list[WaveRow]:
    """The open waves, then the latest done ones. Three statements."""
    rows = Wave.objects.filter(warehouse_id=warehouse_id).order_by(F("finished_at").desc(nulls_first=True), "-pk")
    return _progress(list(rows[:MOST_WAVES]))


def wave_row(wave: Wave) -> WaveRow:
    """One wave with its progress."""
    return _progress([wave])[0]


def _progress(waves: Sequence[Wave]) -> list[WaveRow]:
    ids = [wave.pk for wave in waves]
    lines = PickLine.objects.filter(basket__wave_id__in=ids).order_by().values("basket__wave_id")
    sums = {row["basket__wave_id"]: row for row in lines.annotate(p=Sum("picked"), w=Sum("wanted"), s=Sum("short"))}
    left = dict(
        Basket.objects.filter(wave_id__in=ids, shipment__state__in=HAS_LEFT)
        .order_by()
        .values_list("wave_id")
        .annotate(n=Count("pk"))
    )
    none = {"p": 0, "w": 0}
    return [
        WaveRow(wave, sums.get(wave.pk, none)["p"], sums.get(wave.pk, none)["w"], left.get(wave.pk, 0))
        for wave in waves
    ]


def missing_of(warehouse_id: int) -> list[tuple[Shipment, list[PickLine]]]:
    """Shipments with missing pieces that wait for a decision, with the lines that miss something. Two statements."""
    shipments = list(
        Shipment.objects.filter(warehouse_id=warehouse_id, state=ShipmentState.SHORT_PICKED).order_by("pk")[:MOST_LINES]
    )
    lines = PickLine.objects.filter(basket__shipment__in=shipments, short__gt=0).select_related("sku", "basket")
    by: dict[int, list[PickLine]] = {}
    for line in lines:
        by.setdefault(line.basket.shipment_id, []).append(line)
    return [(shipment, by.get(shipment.pk, [])) for shipment in shipments]


def stopped_of(warehouse_id: int) -> QuerySet[Basket]:
    """Baskets of stopped shipments that are to be put back."""
    rows = Basket.objects.filter(shipment__warehouse_id=warehouse_id, shipment__state=ShipmentState.TO_PUT_BACK)
    return rows.select_related("shipment", "wave").order_by("pk")[:MOST_LINES]


def ready_of(warehouse_id: int, *, must_weigh: bool) -> list[tuple[int, str, int]]:
    """What may be handed over: (courier id, courier, shipments). One statement."""
    states = [ShipmentState.WEIGHED] if must_weigh else [ShipmentState.WEIGHED, ShipmentState.PACKED]
    rows = Shipment.objects.filter(warehouse_id=warehouse_id, state__in=states).order_by()
    return list(rows.values_list("carrier_id", "carrier__name").annotate(n=Count("pk")).order_by("carrier__name"))


def ready_ids(warehouse_id: int, carrier_id: int, *, must_weigh: bool) -> list[int]:
    """The shipments of a courier that may be handed over, at most 500."""
    states = [ShipmentState.WEIGHED] if must_weigh else [ShipmentState.WEIGHED, ShipmentState.PACKED]
    rows = Shipment.objects.filter(warehouse_id=warehouse_id, carrier_id=carrier_id, state__in=states)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:500])


def must_weigh(warehouse_id: int) -> bool:
    """Whether every parcel of this floor is weighed."""
    found = FloorRules.objects.filter(warehouse_id=warehouse_id).values_list("must_weigh", flat=True).first()
    return True if found is None else found


def baskets_of(wave: Wave) -> list[Basket]:
    """The baskets of a wave with their shipments and lines. Two statements."""
    rows = wave.baskets.select_related("shipment", "shipment__carrier").prefetch_related("lines__sku")
    return list(rows.order_by("number"))


def pick_list(wave: Wave) -> list[dict[str, Any]]:
    """What is to be fetched, bin by bin, with the pieces for each basket. One statement."""
    rows = PickLine.objects.filter(basket__wave=wave, basket__shipment__state__in=_TO_PICK)
    stops: dict[tuple[str, int], dict[str, Any]] = {}
    for line in rows.select_related("sku", "basket").order_by("bin_code", "sku__code", "basket__number"):
        if line.open:
            stop = stops.setdefault(
                (line.bin_code, line.sku_id),
                {"bin": line.bin_code, "sku": line.sku.code, "name": line.sku.name, "pieces": 0, "baskets": Counter()},
            )
            stop["pieces"] += line.open
            # An order may want a SKU in several lines, one of them a gift: it is one reach into the bin all the same.
            stop["baskets"][line.basket.number] += line.open
    return [{**stop, "baskets": [[n, pieces] for n, pieces in stop["baskets"].items()]} for stop in stops.values()]


def task_at(place: str, warehouse_id: int, step: str) -> dict[str, Any]:
    """What the scan page of a step shows for a place: the context of its template; empty for no place."""
    if (pk := number_of(place, "wave")) is not None:
        wave = Wave.objects.filter(pk=pk, warehouse_id=warehouse_id).first()
        if wave is None:
            return {}
        return {"to_check": check_task(wave)} if step in _AT_BENCH else {"pick": pick_task(wave)}
    if (pk := number_of(place, "shipment")) is not None:
        basket = Basket.objects.filter(shipment_id=pk, shipment__warehouse_id=warehouse_id)
        found = basket.select_related("shipment", "shipment__carrier", "wave").first()
        return _bench(found) if found else {}
    if (pk := number_of(place, "count")) is not None:
        count = StockCount.objects.filter(pk=pk, warehouse_id=warehouse_id).first()
        return {"count": count, "count_lines": count_lines(count)} if count else {}
    if (pk := number_of(place, "inbound")) is not None:
        inbound = InboundOrder.objects.filter(pk=pk, warehouse_id=warehouse_id).first()
        return {"inbound": inbound, "inbound_lines": inbound_lines(inbound)} if inbound else {}
    return {}


def pick_task(wave: Wave) -> PickTask:
    """The next stop of a wave. Two statements."""
    row = PickLine.objects.filter(basket__wave=wave).aggregate(p=Sum("picked"), w=Sum("wanted"), s=Sum("short"))
    stops = pick_list(wave)
    task = {"wave": wave, "picked": row["p"] or 0, "wanted": row["w"] or 0, "short": row["s"] or 0}
    if not stops:
        return PickTask(**task)
    stop = stops[0]
    return PickTask(
        **task,
        bin_code=stop["bin"],
        sku=stop["sku"],
        name=stop["name"],
        pieces=stop["pieces"],
        baskets=[(number, pieces) for number, pieces in stop["baskets"]],
    )


def check_task(wave: Wave) -> CheckTask:
    """The baskets of a wave that somebody at the bench may take next, and how many are behind. Two statements."""
    states = Counter(wave.baskets.order_by().values_list("shipment__state", flat=True))
    rows = wave.baskets.filter(shipment__state__in=_TO_CHECK).select_related("shipment", "shipment__carrier")
    return CheckTask(
        wave=wave,
        baskets=list(rows.annotate(pieces=Sum("lines__picked")).order_by("number")[:MOST_LINES]),
        to_pick=sum(states[state] for state in _TO_PICK),
        passed=sum(states[state] for state in (ShipmentState.PACKED, ShipmentState.WEIGHED, *HAS_LEFT)),
        total=sum(states.values()),
    )


def _bench(basket: Basket) -> dict[str, Any]:
    lines = list(basket.lines.select_related("sku").order_by("bin_code", "pk"))
    expected_g = basket.expected_g
    return {
        "bench": basket,
        "lines": lines,
        "state": basket.shipment.state,
        "expected_kg": f"{expected_g // 1000}.{expected_g % 1000:03d}",
        "is_single": basket.wave.kind in (WaveKind.SINGLE, WaveKind.HOT),
    }


def count_lines(count: StockCount) -> list[CountLine]:
    """The lines of a count in walking order, those to be counted first; the books are not shown to who counts."""
    rows = count.lines.select_related("sku").order_by(F("counted").asc(nulls_first=True), "bin_code", "pk")
    return list(rows[:MOST_LINES])


def inbound_lines(inbound: InboundOrder) -> list[InboundLine]:
    """The lines of an inbound order with the bin of each SKU in `bin_code`. Two statements."""
    lines = list(inbound.lines.select_related("sku").order_by("pk"))
    bins = dict(
        Bin.objects.filter(warehouse_id=inbound.warehouse_id, sku_id__in=[line.sku_id for line in lines]).values_list(
            "sku_id", "code"
        )
    )
    for line in lines:
        line.bin_code = bins.get(line.sku_id, "")  # type: ignore[attr-defined]
    return lines


def counts_of(warehouse_id: int) -> QuerySet[StockCount]:
    """The counts of a floor, open ones first, with how many lines each has and how many are counted."""
    rows = StockCount.objects.filter(warehouse_id=warehouse_id).annotate(
        total=Count("lines"), done=Count("lines", filter=Q(lines__counted__isnull=False))
    )
    return rows.order_by(F("posted_at").desc(nulls_first=True), "-pk")[:MOST_WAVES]


def returns_of(warehouse_id: int) -> QuerySet[InboundOrder]:
    """The returns at a dock, those under way first."""
    rows = InboundOrder.objects.filter(warehouse_id=warehouse_id, kind=InboundKind.RETURN).select_related("order")
    return rows.order_by(F("received_at").desc(nulls_first=True), "-pk")[:MOST_WAVES]


def open_count_of_shorts(warehouse_id: int) -> StockCount | None:
    """The list of goods that were missing when picked."""
    return StockCount.objects.filter(warehouse_id=warehouse_id, is_of_shorts=True, state=CountState.OPEN).first()


def waybills_of(shipment_id: int, warehouse_id: int) -> list[int]:
    """The waybills of a shipment that have a number to be printed."""
    rows = Waybill.objects.filter(shipment_id=shipment_id, shipment__warehouse_id=warehouse_id)
    return list(rows.filter(state__in=[WaybillState.ASSIGNED, WaybillState.PRINTED]).values_list("pk", flat=True))


def is_open(wave: Wave) -> bool:
    """Whether something of the wave is still to be done."""
    return wave.state != WaveState.DONE
