"""Cutting waiting shipments into waves: by what they share, by urgency, in a constant number of statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fulfillment.floor.plans import Waiting, plan_waves
from fulfillment.floor.reading import Tolerance, basket_in, looks_like_tracking, tidy, weight_in
from fulfillment.floor_errors import NothingToWave, WarehouseNotYours
from fulfillment.models import Basket, PickLine, Shipment, Wave
from fulfillment.services import confirm_wave_picked, hand_over, make_due_waves, make_waves
from fulfillment.states import WaveKind
from ordercenter.audit.work import unit_of_work
from ordercenter.common.gathering import counted_statements
from tests.flows.outside import settle_down
from tests.fulfillment.floor.house import House, broken_invariants, state_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


def waiting(pk: int, *skus: tuple[int, int], carrier: int = 1, rank: int = 2, zones: str = "A") -> Waiting:
    return Waiting(pk, (rank, pk), carrier, skus, frozenset(zones))


def plans(among: list[Waiting], kind: WaveKind | None, **more: int) -> list[tuple[str, object, tuple[int, ...]]]:
    made = plan_waves(among, kind=kind, **{"most": 3, "hot_from": 3, **more})
    return [(plan.kind.value, plan.of, plan.shipment_ids) for plan in made]


def test_by_themselves_hot_goods_come_first_then_single_pieces_then_couriers() -> None:
    among = [
        *(waiting(n, (7, 1)) for n in range(1, 5)),
        waiting(5, (8, 1)),
        waiting(6, (8, 2)),
        waiting(7, (7, 1), (8, 1), carrier=2),
        waiting(8, (9, 3), carrier=2, rank=0),
    ]

    assert plans(among, None) == [
        ("hot", 7, (1, 2, 3)),
        ("hot", 7, (4,)),
        ("single", "", (5,)),
        ("carrier", 2, (8, 7)),
        ("carrier", 1, (6,)),
    ]


def test_a_wave_of_a_kind_takes_only_what_fits_it() -> None:
    among = [waiting(1, (7, 1), zones="A"), waiting(2, (8, 2), zones="B"), waiting(3, (7, 1), (8, 1), zones="AB")]

    assert plans(among, WaveKind.SINGLE) == [("single", "", (1,))]
    assert plans(among, WaveKind.HOT) == []
    assert plans(among, WaveKind.ZONE) == [("zone", "A", (1,)), ("zone", "B", (2,)), ("zone", "*", (3,))]
    assert plans(among, WaveKind.MIXED) == [("mixed", "", (1, 2, 3))]
    assert plans(among, WaveKind.MIXED, carrier_id=2) == []


@pytest.mark.parametrize(
    ("text", "grams"),
    [("4.2", 4200), ("0.28", 280), ("4200g", 4200), ("1.5 kg", 1500), ("１.５", 1500), ("", None), ("ZT1", None)],
)
def test_a_scale_may_speak_kilograms_or_grams(text: str, grams: int | None) -> None:
    assert weight_in(text) == grams


def test_what_a_scanner_reads_is_tidied_and_told_apart() -> None:
    assert tidy(" ｓｋｕ－1 ") == "SKU-1"
    assert basket_in("W26112400012-03") == ("W26112400012", 3)
    assert basket_in("DO1") is None
    assert [looks_like_tracking(text) for text in ("YT1234567890", "HELLOWORLD", "SHORT1", "中文12345678")] == [
        True,
        False,
        False,
        False,
    ]
    assert Tolerance(5, 50).allows(550, 500)
    assert not Tolerance(5, 50).allows(551, 500)
    assert Tolerance(5, 50).of(4000) == 200


def test_nothing_waits_and_a_foreign_warehouse_are_refused(house: House) -> None:
    with pytest.raises(NothingToWave):
        make_waves(warehouse_id=house.warehouse.pk)
    with pytest.raises(WarehouseNotYours):
        make_waves(warehouse_id=house.world.east.pk)
    assert not Wave.objects.exists()


def test_rush_orders_have_the_first_baskets_and_waves_are_made_at_their_time(house: House) -> None:
    first, second = house.order(("SKU-1", 1, "55.00")), house.order(("SKU-2", 2, "104.00"))
    Shipment.objects.filter(pk=second.pk).update(grade="rush")
    house.rules.waves_at = "11:00, 16:30"
    house.rules.last_wave_at = datetime(2026, 11, 24, 11, 5, tzinfo=SHANGHAI)
    house.rules.save()

    assert make_due_waves(at=datetime(2026, 11, 24, 16, 29, tzinfo=SHANGHAI)) == []
    made = make_due_waves(at=datetime(2026, 11, 24, 16, 31, tzinfo=SHANGHAI))
    assert make_due_waves(at=datetime(2026, 11, 24, 16, 32, tzinfo=SHANGHAI)) == []

    assert [wave.kind for wave in made] == ["single", "carrier"]
    assert (state_of(first), state_of(second)) == ("waved", "waved")
    third = house.order(("SKU-3", 2, "106.00"))
    house.order(("SKU-3", 2, "106.00"))
    Shipment.objects.filter(pk=third.pk).update(grade="normal")
    Shipment.objects.exclude(pk=third.pk).filter(state="accepted").update(grade="rush")
    wave = house.wave(kind=WaveKind.MIXED)
    assert Basket.objects.get(wave=wave, shipment=third).number == 2


def test_more_points_come_before_a_higher_grade_and_an_earlier_time(house: House) -> None:
    earlier, rush, costly = (house.order(("SKU-3", 2, "106.00")) for _n in range(3))
    Shipment.objects.filter(pk=rush.pk).update(grade="rush", priority=20)
    Shipment.objects.filter(pk=costly.pk).update(grade="vip", priority=35)

    wave = house.wave(kind=WaveKind.MIXED)

    baskets = Basket.objects.filter(wave=wave).order_by("number").values_list("shipment", flat=True)
    assert list(baskets) == [costly.pk, rush.pk, earlier.pk]


def test_the_number_of_statements_does_not_grow_with_the_wave(house: House) -> None:
    # The first of a process asks for the names of sequences, once.
    statements_of_a_wave(house, 2)
    few = statements_of_a_wave(house, 3)
    many = statements_of_a_wave(house, 30)

    assert many == few
    assert broken_invariants() == {}


def statements_of_a_wave(house: House, orders: int) -> list[int]:
    """How many statements making, picking from paper and handing over a wave of so many orders take."""
    for n in range(orders):
        house.world.deliver(house.world.trade((f"SKU-{n % 5}", 1, "55.00"), ("SKU-9", 1, "59.00")))
    settle_down()
    made: list[Wave] = []
    counts = [
        counted(lambda: made.extend(make_waves(warehouse_id=house.warehouse.pk, kind=WaveKind.MIXED, most=500))),
        counted(lambda: confirm_wave_picked(wave_id=made[0].pk, actor=house.actor)),
    ]
    ready = pack_all(made[0])
    return [*counts, counted(lambda: hand_over(shipment_ids=ready).raise_first())]


def counted(work: Callable[[], object]) -> int:
    with counted_statements() as total:
        work()
        return total()


def pack_all(wave: Wave) -> list[int]:
    """Everything of a wave checked, packed and weighed, by moves as the bench makes them."""
    with unit_of_work() as work:
        baskets = work.lock_children(Basket, "wave_id", [wave.pk])[wave.pk]
        shipments = work.lock(Shipment, [basket.shipment_id for basket in baskets])
        lines = work.lock_children(PickLine, "basket_id", [basket.pk for basket in baskets])
        for basket in baskets:
            for line in lines[basket.pk]:
                line.checked = line.picked
                work.save(line, "checked")
            shipment = shipments[basket.shipment_id]
            shipment.finish_checking()
            shipment.pack()
            shipment.weigh()
            work.save(shipment)
            basket.tracking_no, basket.carrier_id = f"ZT{basket.pk:010d}", shipment.carrier_id
            work.save(basket, "tracking_no", "carrier_id")
        return list(shipments)


def test_a_wave_left_overnight_is_not_made_from_yesterdays_time(house: House) -> None:
    house.order(("SKU-1", 1, "55.00"))
    house.rules.waves_at = "16:30"
    house.rules.save()

    at = datetime(2026, 11, 24, 16, 30, tzinfo=SHANGHAI)

    assert make_due_waves(at=at + timedelta(hours=13)) == []
    assert len(make_due_waves(at=at + timedelta(hours=24))) == 1
