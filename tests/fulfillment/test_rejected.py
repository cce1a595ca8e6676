"""What a warehouse rejects finds another way by itself, so often as its flow says, and else stays with a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fulfillment.models import Shipment
from fulfillment.services import route_elsewhere
from fulfillment.services.dispatching import CREATE_KIND
from fulfillment.services.warehouse_words import reject_after_all
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.events import registry
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.inventory.models import StockLevel, StockMovement, Warehouse
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.models import Flow, FlowRun
from ordercenter.workflow.services import activate_version, save_version
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import broken, open_cases, order_of, parcels, siblings
from tests.flows.world import World
from tests.fulfillment.contracts import contract_of

pytestmark = pytest.mark.django_db
LIN = Actor("test", "lin")


class SaysNo(OrderCenterError):
    """The warehouse's no."""

    code = "tests.rejects"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World(stock=10)


@pytest.fixture
def refusing(world: World, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The warehouses, by id, that take no delivery order: in the beginning that in the east."""
    accepting = registry.senders()[CREATE_KIND].prepare
    no: set[int] = {world.east.pk}

    def prepare(target: str, commands: Sequence[OutgoingCommand]) -> Mapping[int, Attempt]:
        if int(target.partition(":")[2]) not in no:
            return accepting(target, commands)
        return {c.pk: Attempt(_refuse) for c in commands}

    monkeypatch.setitem(registry._senders, CREATE_KIND, replace(registry.senders()[CREATE_KIND], prepare=prepare))
    return no


def _refuse() -> dict[str, Any]:
    raise SaysNo("not here")


def placed(world: World) -> Order:
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    return Order.objects.order_by("-pk")[0]


def stock(warehouse: Warehouse, code: str = "SKU-1") -> tuple[int, int, int]:
    """On hand, promised, in quarantine."""
    level = StockLevel.objects.get(sku__code=code, warehouse=warehouse)
    return level.on_hand, level.promised, level.quarantine


def ways() -> list[tuple[str, str]]:
    return list(Shipment.objects.order_by("pk").values_list("warehouse__code", "state"))


def set_flow(**params: Any) -> None:
    """Another version of the standard flow, with these settings of its block."""
    document = next(d for d in standard_flows() if d["key"] == "standard-rejected")
    document["nodes"][0]["with"].update(params)
    version = save_version(document=document, actor=LIN)
    activate_version(flow_id=version.flow_id, version_id=version.pk, actor=LIN, reason="as the test wants")


@pytest.mark.usefixtures("refusing")
def test_a_rejected_order_leaves_from_another_warehouse_and_nobody_is_asked(world: World) -> None:
    order = placed(world)

    assert ways() == [("EAST", "cancelled"), ("SOUTH", "accepted")]
    assert (stock(world.east), stock(world.south)) == ((10, 0, 0), (10, 2, 0))
    order.refresh_from_db()
    assert (order.state, order.is_on_hold, open_cases()) == ("in_fulfillment", False, [])
    assert list(Case.objects.values_list("code", "state")) == [("WMS_REJECTED", "auto_resolved")]
    assert set(FlowRun.objects.values_list("status", flat=True)) == {"done"}
    (found,) = EventRow.objects.filter(name="fulfillment.order.other_warehouse_found")
    assert found.payload["shipments"] == [Shipment.objects.order_by("pk")[0].code]
    assert Shipment.objects.get(state="accepted").decision["why"] == "rejected"
    assert broken() == {}

    ship(Shipment.objects.get(state="accepted"), tracking_no="ZT1")
    assert Order.objects.get().state == "shipped"


def test_where_no_other_warehouse_has_it_the_case_stays_and_nothing_changes(world: World, refusing: set[int]) -> None:
    world.stock({"SKU-1": -10}, warehouse=world.south, key="away")
    order = placed(world)

    assert ways() == [("EAST", "rejected")]
    assert (order.state, order.is_on_hold, open_cases()) == ("in_fulfillment", True, ["WMS_REJECTED"])
    assert stock(world.east) == (10, 2, 0)
    (told,) = EventRow.objects.filter(name="fulfillment.order.no_other_warehouse")
    assert told.payload["code"] == "inventory.out_of_stock"
    assert broken() == {}


def test_a_warehouse_that_has_said_no_once_is_not_asked_again_and_the_flow_says_how_often(
    world: World, refusing: set[int]
) -> None:
    north = Warehouse.objects.create(code="NORTH", name="华北仓", province="北京市", customer_id="c3")
    contract_of(north, world.carrier, {"": "20"})
    world.stock({"SKU-1": 10}, warehouse=north, key="north")
    refusing.add(world.south.pk)
    first = placed(world)
    assert ways() == [("EAST", "cancelled"), ("SOUTH", "cancelled"), ("NORTH", "accepted")]
    first.refresh_from_db()
    assert (first.is_on_hold, open_cases()) == (False, [])

    set_flow(times=1)
    second = placed(world)

    assert ways()[3:] == [("EAST", "cancelled"), ("SOUTH", "rejected")]
    second.refresh_from_db()
    assert (second.is_on_hold, open_cases()) == (True, ["WMS_REJECTED"])
    told = EventRow.objects.get(name="fulfillment.order.no_other_warehouse", subject=f"order:{second.pk}")
    assert told.payload["code"] == "fulfillment.tried_often"
    assert broken() == {}


@pytest.mark.usefixtures("refusing")
def test_the_stock_left_behind_is_doubted_where_the_flow_says_so(world: World) -> None:
    set_flow(stock="quarantine")
    placed(world)

    assert ways() == [("EAST", "cancelled"), ("SOUTH", "accepted")]
    assert (stock(world.east), stock(world.south)) == ((8, 0, 2), (10, 2, 0))
    code = Shipment.objects.order_by("pk")[0].code
    moved = StockMovement.objects.filter(ref=code).order_by("delta")
    assert list(moved.values_list("bucket", "delta", "reason")) == [
        ("on_hand", -2, "adjustment"),
        ("quarantine", 2, "adjustment"),
    ]
    case = Case.objects.get(closed_at__isnull=True)
    assert (case.code, case.evidence["sku"], case.evidence["pieces"]) == ("STOCK_DOUBTFUL", "SKU-1", 2)
    assert broken() == {}


@pytest.mark.usefixtures("refusing")
def test_what_travels_together_goes_elsewhere_together(world: World) -> None:
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    assert parcels() == [("cancelled", ["1", "2"]), ("accepted", ["1", "2"])]
    assert [warehouse for warehouse, _state in ways()] == ["EAST", "SOUTH"]
    assert (open_cases(), broken()) == ([], {})
    assert {order_of(first).is_on_hold, order_of(second).is_on_hold} == {False}
    assert EventRow.objects.filter(name="fulfillment.order.other_warehouse_found").count() == 2

    ship(Shipment.objects.get(state="accepted"), tracking_no="ZT1")
    assert (order_of(first).state, order_of(second).state) == ("shipped", "shipped")


def test_one_that_cannot_go_elsewhere_does_not_keep_others_from_it(world: World, refusing: set[int]) -> None:
    world.stock({"SKU-2": -10}, warehouse=world.south, key="away")
    world.deliver(world.trade(("SKU-1", 2, "110.00")), world.trade(("SKU-2", 1, "60.00")))
    settle_down()

    assert sorted(ways()) == [("EAST", "cancelled"), ("EAST", "rejected"), ("SOUTH", "accepted")]
    stays = Order.objects.get(is_on_hold=True)
    assert (stays.lines.get().sku.code, open_cases()) == ("SKU-2", ["WMS_REJECTED"])
    assert broken() == {}


def in_two_parcels(world: World) -> tuple[Order, Shipment, Shipment]:
    """An order of which the south has shipped a part, and of which the east had the rest."""
    world.stock({"SKU-1": -10, "SKU-3": -10}, warehouse=world.south, key="away")
    world.stock({"SKU-2": -10}, warehouse=world.east, key="gone")
    world.deliver(world.trade(("SKU-1", 1, "50.00"), ("SKU-2", 1, "60.00")))
    settle_down()
    order = Order.objects.get()
    south = Shipment.objects.get(warehouse=world.south)
    return order, south, Shipment.objects.get(warehouse=world.east)


def test_what_a_warehouse_rejects_after_a_part_has_left_goes_elsewhere_too(world: World) -> None:
    order, south, east = in_two_parcels(world)
    ship(south, tracking_no="ZT1")
    world.stock({"SKU-1": 5}, warehouse=world.south, key="back")
    assert Order.objects.get().state == "partially_shipped"

    reject_after_all(reasons={east.code: "REJECT"})
    settle_down()

    assert sorted(ways()) == [("EAST", "cancelled"), ("SOUTH", "accepted"), ("SOUTH", "shipped")]
    order.refresh_from_db()
    assert (order.state, order.is_on_hold, open_cases()) == ("partially_shipped", False, [])
    assert broken() == {}

    ship(Shipment.objects.get(state="accepted"), tracking_no="ZT2")
    assert Order.objects.get().state == "shipped"
    assert sum(line.amount for s in Shipment.objects.filter(state="shipped") for line in s.lines.all()) == 110
    assert broken() == {}


def test_a_part_at_another_warehouse_stays_there_when_a_person_sends_the_rejected_one_elsewhere(world: World) -> None:
    world.leave_rejected_to_people()
    order, south, east = in_two_parcels(world)
    north = Warehouse.objects.create(code="NORTH", name="华北仓", province="北京市", customer_id="c3")
    contract_of(north, world.carrier, {"": "20"})
    world.stock({"SKU-1": 5}, warehouse=north, key="north")
    reject_after_all(reasons={east.code: "REJECT"})
    settle_down()
    assert open_cases() == ["WMS_REJECTED"]

    route_elsewhere(order_ids=[order.pk], reason="the east is full", actor=LIN).raise_first()

    south.refresh_from_db()
    assert south.state == "accepted"
    assert Shipment.objects.get(warehouse=north).lines.get().sku.code == "SKU-1"
    assert broken() == {}


def test_an_order_that_is_cancelled_meanwhile_goes_nowhere(world: World, refusing: set[int]) -> None:
    Flow.objects.filter(key="standard-rejected").update(is_paused=True)
    order = placed(world)
    cancel_orders(order_ids=[order.pk], reason="buyer changed her mind").raise_first()
    Flow.objects.filter(key="standard-rejected").update(is_paused=False)
    settle_down()

    assert ways() == [("EAST", "cancelled")]
    assert (stock(world.east), stock(world.south), open_cases()) == ((10, 0, 0), (10, 0, 0), [])
    assert broken() == {}
