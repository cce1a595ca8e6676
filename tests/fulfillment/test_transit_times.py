"""Transit times from our own parcels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fulfillment.models import Parcel, Shipment, TransitTime
from fulfillment.services.courier_prices import tariff_of
from fulfillment.services.transit_times import measure_transit_times
from ordercenter.catalog.models import Contact
from tests.flows.world import World
from tests.fulfillment.contracts import contract_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World(flows=False)


def parcels(world: World, code: str, hours: list[float], *, ended: datetime = NOW, state: str = "delivered") -> None:
    contact = Contact.objects.create(province="浙江省", division_code=code)
    shipment = Shipment.objects.create(
        code=f"S{Shipment.objects.count()}",
        shop=world.shop,
        warehouse=world.east,
        carrier=world.carrier,
        contact=contact,
    )
    first = Parcel.objects.count()
    Parcel.objects.bulk_create(
        Parcel(
            shipment=shipment,
            carrier=world.carrier,
            tracking_no=f"T{first + n}",
            state=state,
            shipped_at=ended - timedelta(hours=h),
            ended_at=ended,
        )
        for n, h in enumerate(hours)
    )


def measured() -> dict[str, tuple[int, int, int]]:
    rows = TransitTime.objects.values_list("zone", "samples", "days_p50", "days_p90")
    return {zone: (samples, half, most) for zone, samples, half, most in rows}


def test_half_and_nine_of_ten_are_measured_by_province_and_city(world: World) -> None:
    parcels(world, "330106", [20] * 5 + [30] * 4 + [80])
    parcels(world, "330702", [100] * 10)

    assert measure_transit_times(at=NOW) == 3

    assert measured() == {"33": (20, 4, 5), "3301": (10, 1, 2), "3307": (10, 5, 5)}


def test_what_is_old_under_way_or_of_no_known_place_is_not_measured(world: World) -> None:
    parcels(world, "330106", [20] * 3, ended=NOW - timedelta(days=91))
    parcels(world, "330106", [20] * 3, state="in_transit")
    parcels(world, "", [20] * 3)

    assert measure_transit_times(at=NOW) == 0


def test_lanes_that_nobody_uses_any_more_are_forgotten_and_the_router_sees_the_new_days(world: World) -> None:
    parcels(world, "330106", [20] * 30)
    measure_transit_times(at=NOW)
    before = tariff_of(NOW).tariff
    assert int(before.days[before.zone_of("330106"), 0, 0]) == 1

    measure_transit_times(at=NOW + timedelta(days=100))

    after = tariff_of(NOW).tariff
    assert measured() == {}
    assert int(after.days[after.zone_of("330106"), 0, 0]) == 0


def test_two_products_of_one_courier_share_what_was_measured(world: World) -> None:
    contract_of(world.east, world.carrier, {"": "20"}, product="air")
    parcels(world, "330106", [60] * 30)
    measure_transit_times(at=NOW)

    tariff = tariff_of(NOW).tariff

    zone, w = tariff.zone_of("330106"), tariff.warehouses.index(world.east.pk)
    assert tariff.days[zone, w].tolist() == [3, 3]
