"""The demo company's own warehouse at work: parcels that left, a wave under way, returns, a count, a courier's bill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import uuid4

from django.utils import timezone

from channels_sync.play.courier_bills import bill_day
from fulfillment.floor.scans import ScanInput
from fulfillment.models import Basket, FloorRules, PickLine, Shipment, Wave
from fulfillment.services import make_count, make_waves, take_scans
from fulfillment.services.bringing import bring_back
from fulfillment.states import ScanStep
from ordercenter.common.actor import Actor
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order, OrderLine

_DEVICE = "demo-pda"


class Floor:
    """One person with one device in one warehouse. Every scan has to be right, else ValueError."""

    def __init__(self, warehouse_id: int, *, at: datetime, actor: Actor) -> None:
        self.warehouse_id, self.at, self.actor = warehouse_id, at, actor
        self.rules = FloorRules.objects.get(warehouse_id=warehouse_id)

    def scan(self, step: ScanStep, *texts: str | tuple[str, int], place: str = "", grade: str = "") -> str:
        """Scan these texts one after the other; a pair is a text with its number of pieces. Where the device is then.

        All of it is of one instant, so each scan says where the one before has led.
        """
        for text, pieces in (each if isinstance(each, tuple) else (each, 1) for each in texts):
            scan = ScanInput(
                id=uuid4(),
                warehouse_id=self.warehouse_id,
                step=step,
                text=text,
                pieces=pieces,
                device=_DEVICE,
                scanned_at=self.at,
                place=place,
                grade=grade,
            )
            (answer,) = take_scans(scans=[scan], warehouse_ids=[self.warehouse_id], actor=self.actor, at=self.at)
            if not answer.is_ok:
                raise ValueError(f"{step} {text}: {answer.say} {answer.params}")
            place = answer.place
        return place

    def waves(self) -> list[Wave]:
        """All that waits, cut into waves."""
        return make_waves(warehouse_id=self.warehouse_id, actor=self.actor, at=self.at)

    def pick(self, wave: Wave) -> None:
        """The whole wave, SKU by SKU."""
        lines = PickLine.objects.filter(basket__wave=wave).order_by("bin_code").values_list("sku__code", "wanted")
        self.scan(ScanStep.PICK, wave.code, *_together(lines))

    def check(self, basket: Basket) -> None:
        """Every piece of a basket under the scanner, line by line: a gift may be of a SKU that was bought, too."""
        lines = PickLine.objects.filter(basket=basket).order_by("pk").values_list("sku__code", "picked")
        self.scan(ScanStep.CHECK, basket.shipment.code, *lines)

    def pack(self, basket: Basket, number: str, *, weigh: bool = True) -> None:
        """Label and scale, after the check."""
        weight = f"{basket.expected_g / 1000:.3f}"
        self.scan(ScanStep.CHECK, number, *([weight] if weigh else []), place=f"shipment:{basket.shipment_id}")


def _together(lines: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    pieces: Counter[str] = Counter()
    for code, number in lines:
        pieces[code] += number
    return list(pieces.items())


def ship_all(floor: Floor) -> list[str]:
    """Everything that waits is picked, packed, weighed and handed over; the tracking numbers."""
    numbers = []
    for wave in floor.waves():
        floor.pick(wave)
        for basket in _baskets(wave):
            number = f"YT88{floor.at:%y%m%d}{basket.pk:05d}"
            floor.check(basket)
            floor.pack(basket, number)
            numbers.append(number)
    floor.scan(ScanStep.HAND_OVER, *numbers)
    Relay().drain()
    return numbers


def take_courier_bill(floor: Floor) -> None:
    """The couriers ask for what left today, with a mistake of each kind."""
    bill_day(days=[timezone.localdate(floor.at)], seed=1)


def begin_wave(floor: Floor) -> None:
    """A wave half way: one parcel is ready to leave, one has its label, one is checked, another lacks a piece."""
    waves = floor.waves()
    for wave in waves:
        floor.scan(ScanStep.PICK, wave.code)
    wave = max(waves, key=lambda each: each.shipments_total)
    # The baskets in their order: whole ones first, so that the rest is still to be picked.
    baskets = _baskets(wave)
    for basket in baskets[:3]:
        lines = PickLine.objects.filter(basket=basket).order_by("bin_code").values_list("sku__code", "wanted")
        floor.scan(ScanStep.PICK, *_together(lines), place=f"wave:{wave.pk}")
    ready = [basket for basket in baskets[:3] if not _open_lines(basket)]
    for n, basket in enumerate(ready):
        floor.check(basket)
        if n < 2:
            floor.pack(basket, f"YT77{floor.at:%y%m%d}{basket.pk:05d}", weigh=n == 0)
    # Of a SKU that only one basket still wants: the others stay to be picked.
    still = Counter(line.sku.code for basket in baskets[3:] for line in _open_lines(basket))
    missing = next((code for code, wanted in still.items() if wanted == 1), None)
    if missing is not None:
        floor.scan(ScanStep.SHORT, missing, place=f"wave:{wave.pk}")
    Relay().drain()


def take_returns(floor: Floor, orders: Sequence[Order], numbers: Sequence[str]) -> None:
    """One parcel is open at the dock with a good and a broken piece; another one is announced."""
    for n, order in enumerate(orders):
        lines = OrderLine.objects.filter(order=order, shipped__gt=0, is_gift=False)
        bring_back(
            order_id=order.pk,
            warehouse_id=floor.warehouse_id,
            pieces={line.pk: line.shipped for line in lines},
            key=f"demo:return:{n}",
            tracking_no=numbers[n],
            carrier_code="SF",
            note=("釉面有裂纹", "尺寸不合适")[n % 2],
            at=floor.at,
            actor=floor.actor,
        )
    bought = OrderLine.objects.filter(order=orders[0], shipped__gt=0, is_gift=False).order_by("line_no")
    codes = [str(code) for code in bought.values_list("sku__code", flat=True)]
    place = floor.scan(ScanStep.RECEIVE, numbers[0], codes[0])
    floor.scan(ScanStep.RECEIVE, codes[-1], place=place, grade="defective")


def begin_count(floor: Floor) -> None:
    """Half of a count."""
    count = make_count(warehouse_id=floor.warehouse_id, zone="B", reason="月末抽盘", actor=floor.actor, at=floor.at)
    floor.scan(ScanStep.COUNT, count.code, ("SKU-1015", 39))


def shipment_ids_of(order: Order) -> list[int]:
    """Where an order travels."""
    return list(Shipment.objects.filter(lines__order=order).values_list("pk", flat=True).distinct())


def _baskets(wave: Wave) -> list[Basket]:
    return list(Basket.objects.filter(wave=wave).select_related("shipment").order_by("number"))


def _open_lines(basket: Basket) -> list[PickLine]:
    lines = PickLine.objects.filter(basket=basket).select_related("sku").order_by("bin_code")
    return [line for line in lines if line.open]
