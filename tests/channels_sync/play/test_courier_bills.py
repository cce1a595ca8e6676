"""Bills of couriers with planted lies: every one is found, none is invented, on thousands of parcels as on few."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from channels_sync.play.courier_bills import VERDICTS, bill_day
from channels_sync.sandbox.courier_bill import CourierBillPlan, ShippedParcel, write_courier_bill
from fulfillment.models import FreightBill, FreightLine
from tests.fulfillment.freight_stage import DAY, Stage


def price(weight_g: int) -> tuple[int, Decimal]:
    return weight_g, Decimal(5 + 2 * (max(0, -(-weight_g // 1000) - 1)))


def parcels(count: int) -> list[ShippedParcel]:
    return [ShippedParcel(f"ZT{n:06d}", date(2026, 10, 12), "浙江省", 800, price) for n in range(count)]


def test_the_same_seed_writes_the_same_bill_and_another_one_another() -> None:
    plan = CourierBillPlan(heavier=2, dearer=2, twice=1, missing=1, unknown=1, void=1)
    one, two, other = (
        write_courier_bill(parcels(30), plan, seed=seed, courier="ZTO", void_numbers=["V0001"]) for seed in (1, 1, 2)
    )

    assert one == two
    assert one != other
    assert sorted(lie.kind for lie in one[1]) == sorted(
        ["HEAVIER", "HEAVIER", "DEARER", "DEARER", "TWICE", "MISSING", "UNKNOWN", "VOID"]
    )


def test_more_lies_than_parcels_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="more than 1 parcels"):
        write_courier_bill(parcels(1), CourierBillPlan(heavier=2), seed=1, courier="ZTO")


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_planted_lie_is_found_and_none_is_invented(seed: int) -> None:
    stage = Stage()
    stage.ship([300 + 137 * n % 4000 for n in range(150)])
    stage.ship([500 + 91 * n % 9000 for n in range(60)], zone="65")
    stage.waybill("ZTVOID01", "recycled")

    billed = bill_day(days=[DAY], seed=seed)

    assert {verdict for verdict, _number in billed.planted} == set(VERDICTS.values())
    assert billed.found == billed.planted
    assert billed.lines == 210 + 1 - 1 + 2


@pytest.mark.django_db
def test_what_was_planted_is_off_by_as_many_fen_as_the_check_says() -> None:
    stage = Stage()
    stage.ship([300 + 137 * n % 4000 for n in range(200)])
    shown = parcels(0)
    plan = CourierBillPlan(heavier=20, dearer=20, twice=10, unknown=5)
    terms = price
    shown = [ShippedParcel(f"ZT{n + 1:08d}", DAY, "浙江省", 300 + 137 * n % 4000, terms) for n in range(200)]

    content, lies = write_courier_bill(shown, plan, seed=9, courier="ZTO")
    done = stage.take_file(content)

    lines = FreightLine.objects.filter(bill=done.bill_id).exclude(verdict="matched")
    assert sum(done.differences.values()) == len(lies) == 55
    assert {line.tracking_no: int(line.difference * 100) for line in lines} == {
        lie.tracking_no: lie.fen for lie in lies
    }


@pytest.mark.django_db
def test_a_second_bill_of_the_day_holds_only_what_was_not_billed() -> None:
    stage = Stage()
    stage.ship([800] * 20)
    bill_day(days=[DAY], seed=1)
    stage.ship([800] * 12)

    again = bill_day(days=[DAY], seed=1)

    assert FreightBill.objects.count() == 2
    assert again.found == again.planted
