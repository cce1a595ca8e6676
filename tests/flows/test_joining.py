"""An order that comes later joins the parcel of an earlier one, as long as nobody has begun to pick it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from fulfillment.models import Shipment, WarehouseCalendar
from fulfillment.services import release_due
from fulfillment.services.routing_rules import install_rules
from ordercenter.events.models import OutgoingCommand
from ordercenter.inventory.models import StockLevel
from ordercenter.orders.models import Order, ParcelPolicy
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import SAME, broken, open_cases, order_of, parcels, siblings
from tests.flows.world import SHANGHAI, World
from tests.fulfillment.floor.house import House
from tests.fulfillment.routing.rule_documents import document, rule

pytestmark = pytest.mark.django_db

TEN = (datetime.now(SHANGHAI) - timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(TEN, tick=False) as clock:
        yield clock


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, clock: Any) -> World:
    """What is planned waits for the wave at two o'clock."""
    answer_everything(monkeypatch)
    world = World(stock=10)
    for warehouse in (world.east, world.south):
        WarehouseCalendar.objects.create(warehouse=warehouse, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    return world


def one_by_one(world: World, *skus: str) -> list[dict[str, Any]]:
    """Siblings, each of which comes when the one before it is planned."""
    trades = []
    for sku in skus:
        (trade,) = siblings(world, sku)
        world.deliver(trade)
        settle_down()
        trades.append(trade)
    return trades


def test_a_later_sibling_joins_the_parcel_that_waits_for_its_wave_and_leaves_with_it(world: World, clock: Any) -> None:
    first, second, third = one_by_one(world, "SKU-1", "SKU-2", "SKU-3")

    assert parcels() == [("cancelled", ["1"]), ("cancelled", ["1", "2"]), ("planned", ["1", "2", "3"])]
    shipment = Shipment.objects.get(state="planned")
    assert (shipment.weight_g, shipment.freight_cost, shipment.release_at) == (
        1200,
        Decimal("7.00"),
        TEN.replace(hour=14),
    )
    assert [n.amount for n in shipment.lines.order_by("order_id")] == [Decimal("50.00")] * 3
    assert Order.objects.filter(state="in_fulfillment").count() == 3
    assert not OutgoingCommand.objects.exists()
    levels = StockLevel.objects.filter(sku__code__in=["SKU-1", "SKU-2", "SKU-3"], warehouse=world.east)
    assert list(levels.values_list("on_hand", "reserved", "allocated")) == [(10, 0, 1)] * 3
    assert broken() == {}

    clock.move_to(TEN.replace(hour=14, minute=1))
    release_due()
    settle_down()
    assert OutgoingCommand.objects.filter(kind="qimen.deliveryorder.create").count() == 1
    ship(Shipment.objects.get(state="accepted"), tracking_no="ZT1")
    settle_down()
    assert {order_of(t).state for t in (first, second, third)} == {"shipped"}
    assert (open_cases(), broken()) == ([], {})


def test_what_a_warehouse_has_been_told_of_is_not_joined(world: World) -> None:
    install_rules(document())
    one_by_one(world, "SKU-1", "SKU-2")

    assert parcels() == [("accepted", ["1"]), ("accepted", ["2"])]


def test_a_shop_that_does_not_want_it_keeps_its_planned_parcels(world: World) -> None:
    ParcelPolicy.objects.create(shop=world.shop, joins=False)
    one_by_one(world, "SKU-1", "SKU-2")

    assert parcels() == [("planned", ["1"]), ("planned", ["2"])]


def test_nobody_joins_what_leaves_too_late_for_the_promise(world: World) -> None:
    (first,) = one_by_one(world, "SKU-1")
    install_rules(document())
    Order.objects.update(ship_by=TEN + timedelta(hours=5))
    ParcelPolicy.objects.create(shop=world.shop, margin_min=90)

    one_by_one(world, "SKU-2")

    assert parcels() == [("planned", ["1"]), ("accepted", ["2"])], "two hours before half past one would be too late"


def test_strangers_other_warehouses_and_orders_on_hold_are_not_joined(world: World) -> None:
    world.stock({"SKU-2": -10}, warehouse=world.east, key="gone")
    one_by_one(world, "SKU-1")
    world.deliver(world.trade(("SKU-3", 1, "50.00"), oaid=SAME["oaid"]))
    settle_down()
    one_by_one(world, "SKU-2")
    Order.objects.filter(lines__sku__code="SKU-1").update(is_on_hold=True)
    one_by_one(world, "SKU-4")

    assert [orders for _state, orders in parcels()] == [["1"], ["2"], ["3"], ["4"]]


def test_in_a_house_of_our_own_a_sibling_joins_until_the_wave_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_everything(monkeypatch)
    house = House()
    one_by_one(house.world, "SKU-1", "SKU-2")

    assert parcels() == [("cancelled", ["1"]), ("accepted", ["1", "2"])]
    assert (house.stock("SKU-1"), house.stock("SKU-2")) == ((100, 1), (100, 1))
    wave = house.wave()
    one_by_one(house.world, "SKU-3")
    assert parcels() == [("cancelled", ["1"]), ("waved", ["1", "2"]), ("accepted", ["3"])]

    house.pick(wave, "SKU-1", "SKU-2")
    shipment = Shipment.objects.get(state="picked")
    house.scan("hand_over", house.pack(shipment, "SKU-1", "SKU-2"))
    settle_down()
    assert sorted(Order.objects.values_list("state", flat=True)) == ["in_fulfillment", "shipped", "shipped"]
    assert broken() == {}
