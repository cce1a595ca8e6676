"""An order that lacks something: which way it goes once that has come or is made, from where it then lies, how late."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from fulfillment.models import CourierRate, RoutingDecision
from fulfillment.services.explaining import explained_decisions
from fulfillment.services.routing import reserve_and_route
from ordercenter.audit.work import unit_of_work
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import ProductionResource, ProductionRoute, StockPolicy
from ordercenter.inventory.services import Expected, expect_supplies, plan_capacity
from ordercenter.inventory.states import SupplyKind
from ordercenter.orders.models import Order
from ordercenter.orders.services import match_skus
from tests.flows.outside import settle_down
from tests.flows.world import SHANGHAI, World
from tests.fulfillment.test_promises import day, today

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """Nothing lies anywhere; what leaves is a day on its way."""
    world = World(stock=0)
    CourierRate.objects.update(days_p90=1)
    return world


def expect(world: World, sku: int, pieces: int, warehouse: Any, days: int, ref: str) -> None:
    coming = Expected(SupplyKind.PURCHASE, ref, world.skus[sku].pk, warehouse.pk, pieces, day(days))
    expect_supplies(expected=[coming])
    settle_down()


def later(order: Order) -> dict[str, Any]:
    kept: dict[str, Any] = RoutingDecision.objects.filter(order=order).latest("pk").record["later"]
    return kept


def order_of(world: World, *lines: tuple[str, int, str]) -> Order:
    trade = world.trade(*lines)
    world.deliver(trade)
    settle_down()
    return Order.objects.get(channel_order_no=str(trade["tid"]))


def test_it_leaves_from_where_its_goods_come_to_lie_and_lateness_is_a_part_of_the_cost(world: World) -> None:
    expect(world, 1, 5, world.south, 6, "S")

    order = order_of(world, ("SKU-1", 2, "110.00"))

    found = later(order)
    assert found["on"] == today().isoformat()
    (parcel,) = found["parcels"]
    assert order.ship_by is not None
    ship_in = (order.ship_by.astimezone(SHANGHAI).date() - today()).days
    assert (parcel["warehouse"], parcel["ready"], parcel["days"]) == (world.south.pk, 6, 7)
    assert parcel["late"] == (6 - ship_in) * 300
    assert found["cost"] == parcel["freight"] + parcel["handling"] + parcel["late"]
    # Nothing will lie in the east: it is no candidate for it.
    assert [(c["warehouse"], c["verdict"]) for c in found["candidates"]] == [
        (world.east.pk, "short"),
        (world.south.pk, "chosen"),
    ]


def test_a_nearer_house_is_chosen_only_where_its_later_day_costs_less_than_the_way_it_saves(world: World) -> None:
    expect(world, 1, 5, world.south, 3, "S")
    expect(world, 1, 5, world.east, 4, "E")
    near = later(order_of(world, ("SKU-1", 1, "55.00")))

    expect(world, 2, 5, world.south, 3, "S2")
    expect(world, 2, 5, world.east, 9, "E2")
    far = later(order_of(world, ("SKU-2", 1, "56.00")))

    # A day late costs 3.00, and the freight from the east is 3.00 less: the lower number wins the tie.
    assert [p["warehouse"] for p in near["parcels"]] == [world.east.pk]
    assert [p["warehouse"] for p in far["parcels"]] == [world.south.pk]
    (dearer,) = [c for c in far["candidates"] if c["verdict"] == "dearer"]
    assert (dearer["warehouse"], dearer["ready"]) == (world.east.pk, 9)
    assert dearer["fen"] - far["cost"] == 6 * 300 - 300


def test_what_is_made_leaves_from_the_workshop_on_the_day_on_which_it_is_made(world: World) -> None:
    resource = ProductionResource.objects.create(code="loom", name="织机", warehouse=world.south)
    ProductionRoute.objects.create(sku=world.skus[5], resource=resource, minutes_per_unit=30, setup_days=1, lead_days=1)
    StockPolicy.objects.create(sku=world.skus[5], source="made")
    plan_capacity(resource_id=resource.pk, days=[day(n) for n in range(1, 8)], minutes=60)

    order = order_of(world, ("SKU-5", 3, "165.00"))

    (parcel,) = later(order)["parcels"]
    assert (parcel["warehouse"], parcel["ready"]) == (world.south.pk, 3)
    assert order.lines.get().promised_on == day(3)


def test_an_order_that_leaves_whole_waits_with_all_it_has_for_the_last_of_it(world: World) -> None:
    world.stock({"SKU-1": 5}, warehouse=world.south, key="there")
    expect(world, 2, 5, world.east, 4, "E")

    order = order_of(world, ("SKU-1", 1, "55.00"), ("SKU-2", 1, "56.00"))

    assert sorted((p["warehouse"], p["ready"]) for p in later(order)["parcels"]) == [
        (world.east.pk, 4),
        (world.south.pk, 4),
    ]


def test_where_no_day_is_known_there_is_no_way_to_speak_of(world: World) -> None:
    order = order_of(world, ("SKU-1", 1, "55.00"))

    assert "later" not in RoutingDecision.objects.get(order=order).record


def test_the_explanation_says_it_in_both_languages(world: World) -> None:
    expect(world, 1, 5, world.south, 3, "S")
    expect(world, 1, 5, world.east, 9, "E")
    order = order_of(world, ("SKU-1", 1, "55.00"))

    told = {}
    for language in ("en", "zh-hans"):
        with override(language):
            told[language] = explained_decisions(order)[0].explanation.sentences[1:]

    late = later(order)["parcels"][0].get("late", 0) // 100
    extra = f" + lateness ¥{late}.00" if late else ""
    assert told["en"][0].startswith(f"It would then leave from {day(3)} on: 华南仓 · 中通快递: freight ¥8.00")
    assert told["en"][0].endswith(extra)
    assert told["en"][1].startswith(f"From 华东仓 it could leave from {day(9)} on, for ")
    assert told["zh-hans"][0].startswith(f"届时从 {day(3)} 起可发：华南仓 · 中通快递: 运费 ¥8.00")
    assert told["zh-hans"][1].startswith(f"华东仓从 {day(9)} 起可发，费用 ")


def test_the_number_of_statements_does_not_grow_with_the_orders_that_lack_something() -> None:
    world = World(stock=0, flows=False)
    expect(world, 1, 500, world.south, 3, "S")
    world.deliver(*(world.trade(("SKU-1", 1, "55.00")) for _ in range(34)))
    Relay().drain()
    ids = list(Order.objects.order_by("pk").values_list("pk", flat=True))

    def statements(order_ids: list[int]) -> int:
        with unit_of_work() as work:
            match_skus(order_ids=order_ids, work=work)
            with CaptureQueriesContext(connection) as queries:
                reserve_and_route(order_ids=order_ids, work=work)
        return len(queries)

    statements(ids[:2])  # what every process asks once
    few, many = statements(ids[2:6]), statements(ids[6:])

    assert many == few
    assert RoutingDecision.objects.filter(record__has_key="later").count() == 34
