"""Freight rates that were kept before there were contracts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("fulfillment", "0008_courier_contracts")]
AFTER = [("fulfillment", "0009_contracts_of_freight_rates")]


def migrate(target: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps


@pytest.fixture
def old_apps(transactional_db: None) -> Any:
    latest = [key for key in MigrationExecutor(connection).loader.graph.leaf_nodes() if key[0] == "fulfillment"]
    yield migrate(BEFORE)
    migrate(latest)


def rate(apps: Any, province: str, fee: str, *, carrier: str = "ZTO") -> None:
    warehouse, _ = apps.get_model("inventory", "Warehouse").objects.get_or_create(code="EAST", name="华东仓")
    made, _ = apps.get_model("fulfillment", "Carrier").objects.get_or_create(code=carrier, name=carrier)
    apps.get_model("fulfillment", "FreightRate").objects.create(
        warehouse=warehouse, carrier=made, province=province, first_fee=Decimal(fee), step_fee=Decimal(2)
    )


def test_a_rate_of_no_province_is_named_and_without_it_each_warehouse_and_courier_gets_a_contract(
    old_apps: Any,
) -> None:
    # Both in one test: going back and forth through the migrations takes most of a minute.
    rates_before = old_apps.get_model("fulfillment", "FreightRate").objects
    rate(old_apps, "远东省", "9")

    with pytest.raises(ValueError, match="远东省"):
        migrate(AFTER)

    assert rates_before.count() == 1
    rates_before.all().delete()
    for province, fee in (("", "9"), ("浙江省", "6"), ("浙江", "5"), ("新疆维吾尔自治区", "18")):
        rate(old_apps, province, fee)
    rate(old_apps, "", "12", carrier="SF")

    apps = migrate(AFTER)

    rates = apps.get_model("fulfillment", "CourierRate").objects.order_by("contract__product__carrier__code", "zone")
    assert list(rates.values_list("contract__product__carrier__code", "zone", "first_fee")) == [
        ("SF", "", Decimal("12.00")),
        ("ZTO", "", Decimal("9.00")),
        ("ZTO", "33", Decimal("5.00")),
        ("ZTO", "65", Decimal("18.00")),
    ]
    assert apps.get_model("fulfillment", "CourierContract").objects.count() == 2
