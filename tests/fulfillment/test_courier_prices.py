"""The contracts of today in the database: which hold, that they are compiled once, and that no two hold at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Carrier, CourierArea, CourierContract, CourierRate, PeakFee, TransitTime
from fulfillment.services.courier_prices import ENOUGH_SAMPLES, PriceBook, tariff_of
from ordercenter.inventory.models import Warehouse
from tests.fulfillment.contracts import contract_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
HANGZHOU, URUMQI = "330106", "650102"


@pytest.fixture
def east(db: None) -> Warehouse:
    return Warehouse.objects.create(code="EAST", name="华东仓")


@pytest.fixture
def zto(db: None) -> Carrier:
    return Carrier.objects.create(code="ZTO", name="中通快递")


def cheapest(east: Warehouse, code: str | None = HANGZHOU, weight_g: int = 800, at: datetime = AT) -> Any:
    return tariff_of(at).cheapest(east.pk, code, weight_g)


def test_the_cheapest_courier_that_goes_there_is_found(east: Warehouse, zto: Carrier) -> None:
    sf = Carrier.objects.create(code="SF", name="顺丰")
    contract_of(east, zto, {"": "9", "33": "5"})
    contract_of(east, sf, {"": "8", "33": "6"})

    assert cheapest(east) == (Decimal("5.00"), zto.pk)
    assert cheapest(east, weight_g=1001) == (Decimal("7.00"), zto.pk)
    assert cheapest(east, URUMQI) == (Decimal("8.00"), sf.pk)
    assert cheapest(east, None) is None
    assert tariff_of(AT).cheapest(east.pk + 1, HANGZHOU, 800) is None


def test_a_contract_holds_from_its_first_day_to_before_its_last(east: Warehouse, zto: Carrier) -> None:
    contract_of(east, zto, {"": "5"}, valid_from=date(2026, 1, 1), ends_on=date(2026, 11, 11))
    contract_of(east, zto, {"": "6"}, valid_from=date(2026, 11, 11), ends_on=date(2026, 11, 12))

    # Days are those of Shanghai: 16:00 UTC is the next one there.
    assert cheapest(east, at=datetime(2026, 11, 10, 15, 59, tzinfo=UTC)) == (Decimal("5.00"), zto.pk)
    assert cheapest(east, at=datetime(2026, 11, 10, 16, 0, tzinfo=UTC)) == (Decimal("6.00"), zto.pk)
    assert cheapest(east, at=datetime(2026, 11, 11, 16, 0, tzinfo=UTC)) is None


@pytest.mark.parametrize("off", ["contract", "product", "carrier", "warehouse"])
def test_what_is_switched_off_carries_nothing(east: Warehouse, zto: Carrier, off: str) -> None:
    contract = contract_of(east, zto, {"": "5"})
    row, field = {
        "contract": (contract, "is_active"),
        "product": (contract.product, "is_active"),
        "carrier": (zto, "is_active"),
        "warehouse": (east, "is_open"),
    }[off]
    assert cheapest(east) is not None

    setattr(row, field, False)
    row.save()

    assert cheapest(east) is None


def test_the_book_is_compiled_once_and_anew_after_any_change(east: Warehouse, zto: Carrier) -> None:
    contract = contract_of(east, zto, {"": "5"})
    book = tariff_of(AT)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert tariff_of(AT) is book
    assert len(queries) == 1

    changes = [
        lambda: CourierRate.objects.update(first_fee=Decimal(4)),
        lambda: PeakFee.objects.create(
            contract=contract, starts_on=AT.date(), ends_on=AT.date() + timedelta(days=1), fee=Decimal("0.50")
        ),
        lambda: CourierArea.objects.create(carrier=zto, zone="65"),
        lambda: CourierContract.objects.update(minimum_fee=Decimal(7)),
        lambda: CourierRate.objects.filter(zone="").delete(),
    ]
    seen: list[PriceBook] = [book]
    for change in changes:
        change()
        seen.append(tariff_of(AT))

    assert len({each.version for each in seen}) == len(seen)
    assert [each.cheapest(east.pk, HANGZHOU, 800) for each in seen] == [
        (Decimal("5.00"), zto.pk),
        (Decimal("4.00"), zto.pk),
        (Decimal("4.50"), zto.pk),
        (Decimal("4.50"), zto.pk),
        (Decimal("7.50"), zto.pk),
        None,
    ]


def test_a_change_that_is_rolled_back_leaves_the_old_prices(east: Warehouse, zto: Carrier) -> None:
    contract_of(east, zto, {"": "5"})
    before = tariff_of(AT)

    with transaction.atomic():
        CourierRate.objects.update(first_fee=Decimal(1))
        assert cheapest(east) == (Decimal("1.00"), zto.pk)
        transaction.set_rollback(True)

    assert tariff_of(AT) is before


def test_no_two_contracts_of_one_lane_hold_at_once(east: Warehouse, zto: Carrier) -> None:
    contract_of(east, zto, {}, valid_from=date(2026, 1, 1), ends_on=date(2026, 7, 1))
    contract_of(east, zto, {}, valid_from=date(2026, 7, 1))
    contract_of(east, zto, {}, product="air", valid_from=date(2026, 1, 1))
    contract_of(east, zto, {}, valid_from=date(2026, 3, 1), is_active=False)

    with pytest.raises(IntegrityError, match="one_contract_at_a_time"), transaction.atomic():
        contract_of(east, zto, {}, valid_from=date(2026, 6, 30), ends_on=date(2026, 7, 1))

    assert CourierContract.objects.count() == 4


def test_days_that_were_measured_often_enough_replace_the_promise(east: Warehouse, zto: Carrier) -> None:
    contract_of(east, zto, {"": "9", "33": "5"})
    CourierRate.objects.filter(zone="").update(days_p90=4)
    CourierRate.objects.filter(zone="33").update(days_p90=3)
    TransitTime.objects.create(warehouse=east, carrier=zto, zone="33", samples=29, days_p50=1, days_p90=1)
    TransitTime.objects.create(warehouse=east, carrier=zto, zone="6501", samples=ENOUGH_SAMPLES, days_p50=5, days_p90=8)

    tariff = tariff_of(AT).tariff

    days = {code: int(tariff.days[tariff.zone_of(code), 0, 0]) for code in (HANGZHOU, URUMQI, "650201")}
    assert days == {HANGZHOU: 3, URUMQI: 8, "650201": 4}
    assert cheapest(east, URUMQI) == (Decimal("9.00"), zto.pk)


def test_a_closed_area_is_reopened_on_its_day(east: Warehouse, zto: Carrier) -> None:
    contract_of(east, zto, {"": "9"})
    CourierArea.objects.create(carrier=zto, zone="6501", starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 12))

    assert cheapest(east, URUMQI) is None
    assert cheapest(east, "650201") == (Decimal("9.00"), zto.pk)
    assert cheapest(east, URUMQI, at=AT + timedelta(days=1)) == (Decimal("9.00"), zto.pk)
