"""What a person may do with goods that are planned or at a warehouse: another way, or back into the house."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse

from fulfillment.errors import NothingToStop, ShipmentAtWarehouse
from fulfillment.models import Shipment
from fulfillment.services import ask_back, route_elsewhere
from fulfillment.services.dispatching import CANCEL_KIND, CREATE_KIND
from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.catalog.models import ShopAccess
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.fsm import TransitionRefused
from ordercenter.console.roles import OPERATOR
from ordercenter.events import registry
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.inventory.errors import StockShort
from ordercenter.inventory.models import StockLevel
from ordercenter.orders.models import Order
from ordercenter.orders.services import release_holds
from ordercenter.workflow.models import FlowRun
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
LIN = Actor("test", "lin")


class SaysNo(OrderCenterError):
    """The warehouse's no."""

    code = "tests.says_no"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    world = World(stock=10)
    world.leave_rejected_to_people()
    return world


@pytest.fixture
def east_refuses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warehouse in the east takes no delivery order."""
    accepting = registry.senders()[CREATE_KIND].prepare

    def prepare(target: str, commands: Any) -> dict[int, Attempt]:
        if target != f"warehouse:{world.east.pk}":
            return dict(accepting(target, commands))
        return {c.pk: Attempt(_refuse) for c in commands}

    monkeypatch.setitem(registry._senders, CREATE_KIND, replace(registry.senders()[CREATE_KIND], prepare=prepare))


def _refuse() -> dict[str, Any]:
    raise SaysNo("not here")


def placed(world: World) -> Order:
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    return Order.objects.order_by("-pk")[0]


def stock(world: World) -> dict[str, tuple[int, int]]:
    levels = StockLevel.objects.filter(sku__code="SKU-1").select_related("warehouse")
    return {level.warehouse.code: (level.on_hand, level.promised) for level in levels}


def open_cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at__isnull=True).values_list("code", flat=True))


@pytest.mark.usefixtures("east_refuses")
def test_a_rejected_order_ships_from_another_warehouse(world: World) -> None:
    order = placed(world)
    before = (Shipment.objects.get().state, open_cases(), stock(world))

    route_elsewhere(order_ids=[order.pk], reason="the east has no room this week", actor=LIN).raise_first()
    settle_down()

    assert before == ("rejected", ["WMS_REJECTED"], {"EAST": (10, 2), "SOUTH": (10, 0)})
    assert list(Shipment.objects.order_by("pk").values_list("warehouse__code", "state")) == [
        ("EAST", "cancelled"),
        ("SOUTH", "accepted"),
    ]
    assert stock(world) == {"EAST": (10, 0), "SOUTH": (10, 2)}
    order.refresh_from_db()
    assert (order.state, order.is_on_hold, open_cases()) == ("in_fulfillment", False, [])
    assert list(order.lines.values_list("released", "reserved", "unplanned")) == [(2, 0, 0)]
    assert FlowRun.objects.get(subject=f"order:{order.pk}").status == "done"
    assert Deed.objects.values_list("action", "reason").get(action="order.route_elsewhere") == (
        "order.route_elsewhere",
        "the east has no room this week",
    )

    ship(Shipment.objects.get(state="accepted"), tracking_no="ZT1")
    assert Order.objects.get().state == "shipped"


@pytest.mark.usefixtures("east_refuses")
def test_without_another_warehouse_nothing_changes(world: World) -> None:
    world.stock({"SKU-1": -10}, warehouse=world.south, key="away")
    order = placed(world)

    with pytest.raises(StockShort):
        route_elsewhere(order_ids=[order.pk], reason="try", actor=LIN)

    order.refresh_from_db()
    assert (order.state, order.is_on_hold, open_cases()) == ("in_fulfillment", True, ["WMS_REJECTED"])
    assert (Shipment.objects.get().state, stock(world)["EAST"]) == ("rejected", (10, 2))
    assert not Deed.objects.filter(action="order.route_elsewhere").exists()


def test_what_a_warehouse_has_is_asked_back_before_it_may_leave_from_another(world: World) -> None:
    order = placed(world)

    with pytest.raises(ShipmentAtWarehouse):
        route_elsewhere(order_ids=[order.pk], reason="try", actor=LIN)

    assert (Shipment.objects.get().state, stock(world)["EAST"]) == ("accepted", (10, 2))


def test_an_order_that_nobody_rejected_has_no_other_way_to_take(world: World) -> None:
    order = placed(world)
    ship(Shipment.objects.get(), tracking_no="ZT1")

    with pytest.raises(TransitionRefused):
        route_elsewhere(order_ids=[order.pk], reason="try", actor=LIN)
    with pytest.raises(ReasonMissing):
        route_elsewhere(order_ids=[order.pk], reason=" ", actor=LIN)


def test_goods_asked_back_wait_for_a_decision_and_leave_anew_when_it_is_yes(world: World) -> None:
    order = placed(world)

    ask_back(order_ids=[order.pk], reason="wrong label", actor=LIN).raise_first()
    settle_down()

    order.refresh_from_db()
    assert (order.state, order.is_on_hold, open_cases()) == ("approved", True, ["GOODS_STOPPED"])
    assert (Shipment.objects.get().state, stock(world)["EAST"]) == ("cancelled", (10, 0))
    assert OutgoingCommand.objects.get(kind=CANCEL_KIND).payload["reason"] == "wrong label"

    release_holds(order_ids=[order.pk], reason="relabelled", actor=LIN).raise_first()
    settle_down()

    assert list(Shipment.objects.order_by("pk").values_list("state", flat=True)) == ["cancelled", "accepted"]
    assert (Order.objects.get().state, open_cases()) == ("in_fulfillment", [])


def test_what_has_left_cannot_be_asked_back(world: World) -> None:
    order = placed(world)
    ship(Shipment.objects.get(), tracking_no="ZT1")

    result = ask_back(order_ids=[order.pk], reason="too late", actor=LIN)

    assert [type(refusal.error) for refusal in result.refused] == [NothingToStop]
    assert not OutgoingCommand.objects.filter(kind=CANCEL_KIND).exists()
    assert not Deed.objects.filter(action="order.ask_back").exists()


@pytest.mark.usefixtures("east_refuses")
def test_the_case_offers_the_other_warehouse_and_the_page_asks_for_the_reason(world: World) -> None:
    order = placed(world)
    lin = person("lin", role=OPERATOR)
    ShopAccess.objects.create(user=lin, shop=world.shop)
    steps = reverse("admin:orders_order_steps", args=[order.pk])

    panel = client_of(lin).get(reverse("console:cases"), {"case": Case.objects.get().pk})
    answer = client_of(lin).post(steps, {"step": "route_elsewhere", "reason": "no room in the east"})
    settle_down()

    assert f"{steps}?step=route_elsewhere" in panel.content.decode()
    assert answer.status_code == 302
    assert Shipment.objects.get(state="accepted").warehouse == world.south
