"""A pre-sale's deposit: until when its balance may be paid, and what comes is promised to it before anybody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.services import end_unpaid_holds
from ordercenter.audit.work import unit_of_work
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import EventRow
from ordercenter.inventory.models import Reservation, StockPolicy, SupplyClaim
from ordercenter.inventory.services import Arrived, Expected, expect_supplies, receive_supplies
from ordercenter.inventory.states import SupplyKind
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder, cancel_orders, take_orders
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.fulfillment.test_promises import day
from tests.ordercenter.orders.incoming import line, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """SKU-1 is sold ahead, ships from the second day on, its balance may take three days; five come on the fourth."""
    world = World(stock=0)
    StockPolicy.objects.create(
        sku=world.skus[1], source="presale", ships_on=day(2), reserve_on="deposit", balance_days=3
    )
    coming = Expected(SupplyKind.PURCHASE, "PO-1", world.skus[1].pk, world.east.pk, 5, day(4))
    expect_supplies(expected=[coming])
    settle_down()
    return world


def deposit(world: World, number: str, pieces: int, *, after_s: int = 0, **changes: Any) -> Order:
    facts = {"status": "created", "presale_state": "balance_due"} | changes
    told = report(number, line("SKU-1", pieces, f"{pieces * 100}.00"), after_s=after_s, **facts)
    take_orders(taken=[TakenOrder(world.shop.pk, told)])
    settle_down()
    return Order.objects.get(channel_order_no=number)


def pay(world: World, number: str, pieces: int, **changes: Any) -> Order:
    told = report(number, line("SKU-1", pieces, f"{pieces * 100}.00"), after_s=600, **changes)
    take_orders(taken=[TakenOrder(world.shop.pk, told)])
    settle_down()
    return Order.objects.get(channel_order_no=number)


def claims() -> list[tuple[str, int, Any]]:
    rows = SupplyClaim.objects.order_by("pk").values_list("order_id", "quantity", "promised_on")
    numbers = dict(Order.objects.values_list("pk", "channel_order_no"))
    return sorted((numbers[pk or 0], pieces, on) for pk, pieces, on in rows)


def broken() -> list[str]:
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    return [f"{v.check.name} {v.sample}" for v in verdicts if v.broken]


def test_where_the_platform_says_until_when_the_balance_may_be_paid_its_word_holds(world: World) -> None:
    world.stock({"SKU-1": 1}, warehouse=world.east, key="one")
    until = (timezone.now() + timedelta(days=9)).replace(microsecond=0)

    order = deposit(world, "A", 1, balance_due_at=until)

    assert (order.state, order.balance_due_at) == ("awaiting_balance", until)
    assert Reservation.objects.get().expires_at == until
    assert end_unpaid_holds(at=until - timedelta(minutes=1)) == 0
    assert end_unpaid_holds(at=until) == 1
    assert Reservation.objects.get().state == "expired"


def test_where_it_does_not_ours_holds_and_a_later_word_of_the_platform_goes_before_it(world: World) -> None:
    world.stock({"SKU-1": 1}, warehouse=world.east, key="one")
    order = deposit(world, "A", 1)
    ours = order.balance_due_at
    assert ours is not None
    assert timedelta(days=2) < ours - timezone.now() <= timedelta(days=3)
    assert Reservation.objects.get().expires_at == ours

    theirs = (timezone.now() + timedelta(days=6)).replace(microsecond=0)
    order = deposit(world, "A", 1, after_s=60, balance_due_at=theirs)

    assert (order.balance_due_at, Reservation.objects.get().expires_at) == (theirs, theirs)
    # Said again, nothing happens.
    told = EventRow.objects.filter(name="orders.order.unpaid").count()
    deposit(world, "A", 1, after_s=120, balance_due_at=theirs)
    assert EventRow.objects.filter(name="orders.order.unpaid").count() == told


def test_a_deposit_is_promised_what_comes_and_a_later_order_what_is_left_of_it(world: World) -> None:
    first = deposit(world, "A", 3)
    second, third = pay(world, "B", 2), pay(world, "C", 2)

    assert first.lines.get().promised_on == day(4)
    assert (second.state, second.lines.get().promised_on) == ("awaiting_supply", day(4))
    # Three and two are five: for the third nothing is known to come; it ships when it is said to, at the earliest.
    assert claims() == [("A", 3, day(4)), ("B", 2, day(4)), ("C", 2, day(2))]
    assert third.lines.get().promised_on == day(2)
    assert broken() == []


def test_what_is_held_for_it_already_needs_no_promise(world: World) -> None:
    world.stock({"SKU-1": 2}, warehouse=world.east, key="two")

    deposit(world, "A", 3)

    assert Reservation.objects.get().quantity == 2
    assert [(number, pieces) for number, pieces, _on in claims()] == [("A", 1)]


@pytest.mark.parametrize("how", ["lapse", "cancel"])
def test_when_its_balance_lapses_others_get_what_was_promised_to_it(world: World, how: str) -> None:
    StockPolicy.objects.filter(sku=world.skus[1]).update(ships_on=day(1))
    order = deposit(world, "A", 5)
    later = pay(world, "B", 5)
    before = later.lines.get().promised_on
    assert order.balance_due_at is not None

    if how == "lapse":
        now = timezone.now()
        with unit_of_work() as work:
            locked = work.lock(Order, [order.pk])[order.pk]
            locked.balance_due_at = now - timedelta(minutes=1)
            work.save(locked, "balance_due_at")
        assert end_unpaid_holds(at=now) == 1
        assert end_unpaid_holds(at=now) == 0
    else:
        cancel_orders(order_ids=[order.pk], reason="balance not paid").raise_first()
    settle_down()

    assert (before, later.lines.get().promised_on) == (day(1), day(4))
    assert claims() == [("B", 5, day(4))]
    assert broken() == []


def test_paid_in_time_its_goods_are_its_own_when_they_come(world: World) -> None:
    deposit(world, "A", 3)
    order = pay(world, "A", 3)
    assert (order.state, claims()) == ("awaiting_supply", [("A", 3, day(4))])

    arrived = Arrived(SupplyKind.PURCHASE, "PO-1", world.skus[1].pk, world.east.pk, 5, "truck-1")
    receive_supplies(arrived=[arrived])
    settle_down()

    order.refresh_from_db()
    assert (order.state, claims()) == ("in_fulfillment", [])
    assert end_unpaid_holds(at=timezone.now() + timedelta(days=30)) == 0
    assert broken() == []


def test_goods_that_came_before_the_balance_end_the_promise_when_it_is_routed(world: World) -> None:
    deposit(world, "A", 3)
    arrived = Arrived(SupplyKind.PURCHASE, "PO-1", world.skus[1].pk, world.east.pk, 5, "truck-1")
    receive_supplies(arrived=[arrived])
    settle_down()
    assert [number for number, _pieces, _on in claims()] == ["A"]

    order = pay(world, "A", 3)

    assert (order.state, claims()) == ("in_fulfillment", [])
    assert broken() == []


def test_a_supply_that_is_moved_moves_the_promise_of_a_deposit_too(world: World) -> None:
    order = deposit(world, "A", 3)

    expect_supplies(expected=[Expected(SupplyKind.PURCHASE, "PO-1", world.skus[1].pk, world.east.pk, 5, day(7))])
    settle_down()

    assert order.lines.get().promised_on == day(7)
    assert claims() == [("A", 3, day(7))]
