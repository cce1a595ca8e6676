"""Goods whose day has passed: a case for each supply, later dates for those who wait, and an end when they come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.services.late_supply import look_at_late_supply
from ordercenter.cases.models import Case
from ordercenter.inventory.models import Supply
from ordercenter.inventory.services import Arrived, receive_supplies
from ordercenter.inventory.states import SupplyKind
from tests.flows.outside import settle_down
from tests.flows.siblings import broken
from tests.flows.world import World
from tests.fulfillment.test_promises import day, expect, order, promised

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World(stock=2)


def test_a_late_supply_is_told_once_and_those_who_wait_get_a_later_day(world: World) -> None:
    expect(world, 1, 8, day(1))
    waiting = order(world, 1, 9)
    assert promised(waiting) == day(1)
    assert look_at_late_supply().opened == 0
    later = timezone.now() + timedelta(days=3)

    found = look_at_late_supply(at=later)
    again = look_at_late_supply(at=later)

    assert (found.opened, again.opened) == (1, 0)
    assert promised(waiting) == day(4), "what is overdue may come tomorrow at the earliest"
    case = Case.objects.get(code="SUPPLY_LATE")
    assert (case.reference, case.warehouse_id, case.times_seen) == ("PO-1", world.east.pk, 1)
    assert {
        name: case.evidence[name] for name in ("sku", "pieces", "days_late", "orders_waiting", "pieces_waiting")
    } == {
        "sku": "SKU-1",
        "pieces": 8,
        "days_late": 2,
        "orders_waiting": 1,
        "pieces_waiting": 9,
    }
    assert broken() == {}


def test_the_case_ends_when_the_goods_come(world: World) -> None:
    expect(world, 1, 8, day(1))
    later = timezone.now() + timedelta(days=3)
    look_at_late_supply(at=later)

    came = Arrived(SupplyKind.PURCHASE, "PO-1", world.skus[1].pk, world.east.pk, 8, "PO-1:all")
    receive_supplies(arrived=[came]).raise_first()
    settle_down()
    found = look_at_late_supply(at=later)

    assert (found.opened, found.closed) == (0, 1)
    assert Case.objects.get(code="SUPPLY_LATE").state == "auto_resolved"


def test_the_case_ends_with_a_new_day(world: World) -> None:
    expect(world, 1, 8, day(1))
    later = timezone.now() + timedelta(days=3)
    look_at_late_supply(at=later)

    Supply.objects.update(due_on=day(9))

    assert look_at_late_supply(at=later).closed == 1
