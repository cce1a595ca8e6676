"""Lines that wait get a day: from supply, from production; and what comes goes to the most urgent."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.inventory.models import (
    CapacityDay,
    Component,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
    StockLevel,
    StockPolicy,
    SupplyClaim,
)
from ordercenter.inventory.services import (
    Arrived,
    Counted,
    Expected,
    count_stock,
    expect_supplies,
    finish_production,
    plan_capacity,
    receive_supplies,
    send_transfer,
)
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.states import SupplyKind
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import cancel_orders
from tests.flows.outside import settle_down
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(stock=2)


def today() -> date:
    return timezone.now().astimezone(SHANGHAI).date()


def day(n: int) -> date:
    return today() + timedelta(days=n)


def expect(world: World, sku: int, pieces: int, due: date, ref: str = "PO-1") -> None:
    expect_supplies(expected=[Expected(SupplyKind.PURCHASE, ref, world.skus[sku].pk, world.east.pk, pieces, due)])
    settle_down()


def order(world: World, sku: int, pieces: int) -> Order:
    trade = world.trade((f"SKU-{sku}", pieces, f"{pieces * 60}.00"))
    world.deliver(trade)
    settle_down()
    return Order.objects.get(channel_order_no=str(trade["tid"]))


def promised(order: Order) -> date | None:
    return OrderLine.objects.get(order=order).promised_on


def broken() -> list[str]:
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    return [f"{v.check.name} {v.sample}" for v in verdicts if v.broken]


def test_orders_that_wait_get_the_day_on_which_their_goods_are_there(world: World) -> None:
    expect(world, 1, 6, day(3))

    first, second, third = order(world, 1, 5), order(world, 1, 5), order(world, 1, 6)

    # Four lie in two houses and six come: ten can be promised, and not one more.
    assert (promised(first), promised(second), promised(third)) == (day(3), day(3), None)
    assert sorted(SupplyClaim.objects.values_list("order_id", "quantity", "basis")) == [
        (first.pk, 5, "supply"),
        (second.pk, 5, "supply"),
        (third.pk, 6, "unknown"),
    ]
    assert broken() == []


def test_a_later_supply_gives_a_day_to_who_had_none(world: World) -> None:
    waiting = order(world, 1, 9)
    assert promised(waiting) is None

    expect(world, 1, 8, day(5))

    assert promised(waiting) == day(5)


def test_what_arrives_ends_the_waiting_and_the_promise(world: World) -> None:
    expect(world, 1, 8, day(2))
    waiting = order(world, 1, 6)

    arrived = Arrived(SupplyKind.PURCHASE, "PO-1", world.skus[1].pk, world.east.pk, 8, "truck-1")
    receive_supplies(arrived=[arrived, arrived])
    settle_down()

    waiting.refresh_from_db()
    assert (waiting.state, SupplyClaim.objects.count()) == ("in_fulfillment", 0)
    level = StockLevel.objects.get(sku=world.skus[1], warehouse=world.east)
    assert (level.on_hand, level.allocated) == (10, 6)
    assert broken() == []


class TestMadeToOrder:
    @pytest.fixture
    def workshop(self, world: World) -> ProductionResource:
        resource = ProductionResource.objects.create(code="loom", name="织机", warehouse=world.east)
        route = ProductionRoute.objects.create(
            sku=world.skus[5], resource=resource, minutes_per_unit=30, setup_days=1, lead_days=1
        )
        Component.objects.create(route=route, part=world.skus[6], quantity=1)
        StockPolicy.objects.create(sku=world.skus[5], source="made")
        plan_capacity(resource_id=resource.pk, days=[day(n) for n in range(1, 8)], minutes=60)
        StockLevel.objects.filter(sku=world.skus[6], warehouse=world.east)
        world.stock({"SKU-6": 20}, warehouse=world.east, key="parts")
        return resource

    def test_two_orders_never_use_the_same_minutes(self, world: World, workshop: ProductionResource) -> None:
        first, second = order(world, 5, 5), order(world, 5, 5)

        # Four pieces lie there already, but an order wants five: five are made, thirty minutes each, sixty a day.
        used = list(CapacityDay.objects.order_by("day").values_list("used", flat=True))
        assert used == [60, 60, 60, 60, 60, 0, 0]
        assert (promised(first), promised(second)) == (day(4), day(6))
        assert broken() == []

    def test_what_is_made_ships_the_order_that_it_was_made_for(
        self, world: World, workshop: ProductionResource
    ) -> None:
        waiting = order(world, 5, 5)
        made = ProductionOrder.objects.get()

        finish_production(production_ids=[made.pk]).raise_first()
        settle_down()

        waiting.refresh_from_db()
        parts = StockLevel.objects.get(sku=world.skus[6], warehouse=world.east)
        assert (waiting.state, parts.on_hand) == ("in_fulfillment", 17)
        assert not SupplyClaim.objects.exists()
        assert broken() == []

    def test_an_order_that_is_cancelled_gives_its_minutes_back(
        self, world: World, workshop: ProductionResource
    ) -> None:
        waiting = order(world, 5, 5)

        cancel_orders(order_ids=[waiting.pk], reason="buyer changed her mind")
        settle_down()

        assert set(CapacityDay.objects.values_list("used", flat=True)) == {0}
        assert ProductionOrder.objects.get().state == "cancelled"
        assert not SupplyClaim.objects.exists()
        assert broken() == []

    def test_a_recipe_that_changes_meanwhile_does_not_change_what_is_being_made(
        self, world: World, workshop: ProductionResource
    ) -> None:
        order(world, 5, 5)
        made = ProductionOrder.objects.get()
        Component.objects.update(part=world.skus[7], quantity=6)

        finish_production(production_ids=[made.pk]).raise_first()

        levels = dict(StockLevel.objects.filter(warehouse=world.east).values_list("sku__code", "on_hand"))
        assert (made.parts, levels["SKU-6"]) == ({str(world.skus[6].pk): 5}, 17)
        assert broken() == []

    def test_without_its_parts_nothing_is_made(self, world: World, workshop: ProductionResource) -> None:
        order(world, 5, 5)
        made = ProductionOrder.objects.get()
        count_stock(counted=[Counted(world.skus[6].pk, world.east.pk, 4)], ref="C1")

        result = finish_production(production_ids=[made.pk])

        assert [refusal.code for refusal in result.refused] == ["inventory.would_be_negative"]
        made.refresh_from_db()
        assert made.state == "planned"
        assert StockLevel.objects.get(sku=world.skus[6], warehouse=world.east).on_hand == 4


def test_a_transfer_is_out_here_on_its_way_and_in_there(world: World) -> None:
    sku = world.skus[1].pk

    for _twice in range(2):
        send_transfer(
            ref="T1", from_warehouse_id=world.east.pk, to_warehouse_id=world.south.pk, pieces={sku: 2}, due_on=day(1)
        ).raise_first()
    under_way = dict(StockLevel.objects.filter(sku=sku).values_list("warehouse__code", "on_hand"))
    receive_supplies(arrived=[Arrived(SupplyKind.TRANSFER, "T1", sku, world.south.pk, 2, "T1:in")])

    assert under_way == {"EAST": 0, "SOUTH": 2}
    assert dict(StockLevel.objects.filter(sku=sku).values_list("warehouse__code", "on_hand")) == {"EAST": 0, "SOUTH": 4}
    assert broken() == []


def test_a_count_below_what_is_promised_is_refused_and_becomes_a_case(world: World) -> None:
    order(world, 1, 2)
    east, south = world.east.pk, world.south.pk

    result = count_stock(counted=[Counted(world.skus[1].pk, east, 1), Counted(world.skus[1].pk, south, 7)], ref="C1")

    assert [(m.warehouse_id, m.delta) for m in result.done] == [(south, 5)]
    assert [refusal.code for refusal in result.refused] == ["inventory.would_be_negative"]
    assert StockLevel.objects.get(sku=world.skus[1], warehouse=east).on_hand == 2


def test_what_is_made_where_it_never_lay_before_lies_there_then() -> None:
    world = World(stock=0)
    resource = ProductionResource.objects.create(code="loom", name="织机", warehouse=world.east)
    ProductionRoute.objects.create(sku=world.skus[5], resource=resource, minutes_per_unit=30)
    StockPolicy.objects.create(sku=world.skus[5], source="made")
    plan_capacity(resource_id=resource.pk, days=[day(n) for n in range(3)], minutes=600).raise_first()
    waiting = order(world, 5, 2)

    finish_production(production_ids=list(ProductionOrder.objects.values_list("pk", flat=True))).raise_first()
    settle_down()

    waiting.refresh_from_db()
    assert waiting.state == "in_fulfillment"
    level = StockLevel.objects.get(sku=world.skus[5])
    assert (level.warehouse, level.on_hand, level.allocated) == (world.east, 2, 2)
    assert broken() == []
