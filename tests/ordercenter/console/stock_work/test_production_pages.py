"""Making to order and for stock on the pages: the calendar, the plan, and what it takes and gives back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ordercenter.audit.models import Deed
from ordercenter.inventory.models import (
    CapacityDay,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
    StockLevel,
    Supply,
    Warehouse,
    WarehouseAccess,
)
from tests.flows.world import World
from tests.fulfillment.floor.house import broken_invariants
from tests.ordercenter.console.people import client_of, person
from tests.ordercenter.console.stock_work.steps import level, texts

pytestmark = pytest.mark.django_db


def produce(browser: Client, verb: str, **data: Any) -> Any:
    return browser.post(reverse("console:production-step", args=[verb]), {"reason": "排产"} | data)


def test_things_are_made_for_stock_from_the_calendar_to_the_shelf(world: World, boss: Client) -> None:
    today = timezone.localdate()
    made = produce(boss, "resource", code="kiln", name="窑", warehouse=world.east.pk, is_active="on")
    assert made.status_code == 302
    resource = ProductionResource.objects.get()
    days = {"first": today, "last": today + timedelta(days=6), "weekdays": list(range(7)), "minutes": 60}
    assert produce(boss, "calendar", resource=resource.pk, **days).status_code == 302
    assert CapacityDay.objects.count() == 7
    way = {"sku": "SKU-1", "resource": resource.pk, "minutes_per_unit": 20, "setup_days": 1, "lead_days": 1}
    assert produce(boss, "way", **way, parts="SKU-2 2", is_active="on").status_code == 302
    assert ProductionRoute.objects.get().components.get().quantity == 2

    once = uuid4().hex
    for _again in range(2):
        assert produce(boss, "make", sku="SKU-1", quantity=4, key=once).status_code == 302
    order = ProductionOrder.objects.get()
    assert order.ready_on == today + timedelta(days=3)
    assert sorted(CapacityDay.objects.filter(used__gt=0).values_list("used", flat=True)) == [20, 60]
    assert "SKU-1" in texts(boss.get(reverse("console:production")))

    finish = reverse("console:production-order", args=[order.pk, "finish"])
    assert "8 × SKU-2" in texts(boss.get(finish))
    assert boss.post(finish, {"reason": "完工"}).status_code == 302

    assert level(world).on_hand == 14
    assert StockLevel.objects.get(sku=world.skus[2], warehouse=world.east).on_hand == 2
    assert (ProductionOrder.objects.get().state, Supply.objects.get().state) == ("done", "arrived")
    assert Deed.objects.filter(action__startswith="production.").count() == 5
    assert broken_invariants() == {}


def test_production_that_is_stopped_gives_back_its_minutes_and_parts(world: World, boss: Client) -> None:
    resource = ProductionResource.objects.create(code="kiln", name="窑", warehouse=world.east)
    CapacityDay.objects.create(resource=resource, day=timezone.localdate() + timedelta(days=1), minutes=60)
    ProductionRoute.objects.create(sku=world.skus[1], resource=resource, minutes_per_unit=20)
    assert produce(boss, "make", sku="SKU-1", quantity=3).status_code == 302
    order = ProductionOrder.objects.get()

    assert boss.post(reverse("console:production-order", args=[order.pk, "stop"]), {"reason": "x"}).status_code == 302

    assert ProductionOrder.objects.get().state == "cancelled"
    assert CapacityDay.objects.get().used == 0
    assert Supply.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    ("verb", "data", "said"),
    [
        ("make", {"sku": "SKU-1", "quantity": 1}, "Nobody has said how this SKU is made."),
        ("make", {"sku": "NO", "quantity": 1}, "there is no SKU “NO”"),
        ("make", {"sku": "SKU-3", "quantity": 99}, "There is no day on which this could be made."),
        (
            "way",
            {"sku": "SKU-3", "minutes_per_unit": 5, "setup_days": 0, "lead_days": 0, "parts": "SKU-3 1"},
            "cannot be made",
        ),
        (
            "calendar",
            {"first": "2026-12-05", "last": "2026-12-01", "weekdays": [1], "minutes": 5},
            "no days that a calendar",
        ),
    ],
)
def test_what_cannot_be_made_is_said(world: World, boss: Client, verb: str, data: dict[str, Any], said: str) -> None:
    resource = ProductionResource.objects.create(code="kiln", name="窑", warehouse=world.east)
    ProductionRoute.objects.create(sku=world.skus[3], resource=resource, minutes_per_unit=20)

    page = produce(boss, verb, **data, resource=resource.pk)

    assert (page.status_code, said in texts(page)) == (400, True)
    assert not ProductionOrder.objects.exists()


def test_production_is_read_by_operators_and_planned_by_those_who_may(world: World, operator: Client) -> None:
    assert operator.get(reverse("console:production")).status_code == 200
    for verb in ("make", "calendar", "way", "resource"):
        assert produce(operator, verb).status_code == 403
    assert client_of(person()).get(reverse("console:production")).status_code == 403


def test_another_warehouse_s_resource_is_not_offered_or_changed(world: World) -> None:
    north = Warehouse.objects.create(code="NORTH", name="华北仓")
    ProductionResource.objects.create(code="kiln", name="窑", warehouse=world.east)
    names = ("view_productionorder", "plan_production")
    user = person(permissions=tuple(f"inventory.{name}" for name in names))
    WarehouseAccess.objects.create(user=user, warehouse=north)
    browser = client_of(user)

    assert "窑" not in browser.get(reverse("console:production")).content.decode()
    stolen = produce(browser, "resource", code="kiln", name="x", warehouse=north.pk)
    assert stolen.status_code == 404
    assert ProductionResource.objects.get().name == "窑"
