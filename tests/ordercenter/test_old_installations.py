"""Databases from before the tables were made at once come to the same tables, with what was in them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from ordercenter.common.sessions import connect_beside

# A minute of migrations: too long for every run.
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]

NAME = "old_installation"
BEFORE_CONTRACTS = ("fulfillment", "0008_courier_contracts")
CONTRACTS = ("fulfillment", "0009_contracts_of_freight_rates")
SHAPE = {
    "columns": "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default,"
    " character_maximum_length, numeric_precision, numeric_scale FROM information_schema.columns"
    " WHERE table_schema IN ('public', 'report')",
    # One unique key was made with its column, or after it, and is named accordingly.
    "indexes": "SELECT tablename, regexp_replace(indexdef, 'push_token_(key|[0-9a-f]+_uniq)', 'push_token')"
    " FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND contype <> 'n'",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
    " WHERE l.lanname = 'plpgsql' AND p.pronamespace = 'public'::regnamespace",
    "tables": "SELECT relname, relkind, relpersistence, reloptions FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')",
}


def shape() -> dict[str, list[str]]:
    """All that the database has besides rows, in an order that does not depend on how it came about."""
    found = {}
    with connection.cursor() as cursor:
        for what, query in SHAPE.items():
            cursor.execute(query)
            found[what] = sorted(map(repr, cursor.fetchall()))
    return found


def migrate_as_before(*targets: tuple[str, str]) -> Any:
    """Step by step, as it was done before; returns the models as they are then."""
    executor = MigrationExecutor(connection)
    executor.loader = MigrationLoader(connection, replace_migrations=False)
    executor.migrate(list(targets))
    return executor.loader.project_state(list(targets)).apps


def replaced() -> list[tuple[str, str]]:
    """The last one of each row of migrations that a squashed one stands for."""
    loader = MigrationLoader(connection, replace_migrations=False)
    return [migration.replaces[-1] for migration in loader.disk_migrations.values() if migration.replaces]


@pytest.fixture(scope="module")
def made_at_once(django_db_setup: None, django_db_blocker: Any) -> dict[str, list[str]]:
    with django_db_blocker.unblock():
        return shape()


@pytest.fixture(scope="module")
def old_installation(made_at_once: Any, django_db_blocker: Any) -> Iterator[None]:
    """The connection of this module leads to a database with the tables from before there were contracts."""
    named_before = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        with connect_beside() as db:
            db.execute(f"CREATE DATABASE {NAME}")
        connection.close()
        connection.settings_dict["NAME"] = NAME
        migrate_as_before(BEFORE_CONTRACTS)
        yield
        connection.close()
        connection.settings_dict["NAME"] = named_before
        with connect_beside() as db:
            db.execute(f"DROP DATABASE {NAME}")


def rate(apps: Any, province: str, fee: str, *, carrier: str = "ZTO") -> None:
    warehouse, _ = apps.get_model("inventory", "Warehouse").objects.get_or_create(code="EAST", name="华东仓")
    made, _ = apps.get_model("fulfillment", "Carrier").objects.get_or_create(code=carrier, name=carrier)
    apps.get_model("fulfillment", "FreightRate").objects.create(
        warehouse=warehouse, carrier=made, province=province, first_fee=Decimal(fee), step_fee=Decimal(2)
    )


def test_an_old_installation_comes_to_contracts_for_its_freight_rates_and_to_the_tables_of_a_new_one(
    old_installation: None, made_at_once: dict[str, list[str]]
) -> None:
    old_apps = migrate_as_before(BEFORE_CONTRACTS)
    rates_before = old_apps.get_model("fulfillment", "FreightRate").objects
    rate(old_apps, "远东省", "9")

    with pytest.raises(ValueError, match="远东省"):
        migrate_as_before(CONTRACTS)

    assert rates_before.count() == 1
    rates_before.all().delete()
    for province, fee in (("", "9"), ("浙江省", "6"), ("浙江", "5"), ("新疆维吾尔自治区", "18")):
        rate(old_apps, province, fee)
    rate(old_apps, "", "12", carrier="SF")

    apps = migrate_as_before(CONTRACTS)

    rates = apps.get_model("fulfillment", "CourierRate").objects.order_by("contract__product__carrier__code", "zone")
    assert list(rates.values_list("contract__product__carrier__code", "zone", "first_fee")) == [
        ("SF", "", Decimal("12.00")),
        ("ZTO", "", Decimal("9.00")),
        ("ZTO", "33", Decimal("5.00")),
        ("ZTO", "65", Decimal("18.00")),
    ]
    assert apps.get_model("fulfillment", "CourierContract").objects.count() == 2

    migrate_as_before(*replaced())
    today = MigrationExecutor(connection)
    today.migrate(today.loader.graph.leaf_nodes())

    now = shape()
    for what in SHAPE:
        assert now[what] == made_at_once[what], what
