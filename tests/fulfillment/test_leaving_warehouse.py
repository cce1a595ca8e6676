"""Away from a silent warehouse: it stops first, then another one ships; whoever is faster, the goods leave once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.errors import NothingToStop
from fulfillment.models import Shipment
from fulfillment.services import leave_warehouse, tell_silence
from fulfillment.services.dispatching import CANCEL_KIND
from fulfillment.services.silence import tell_silent
from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.events import registry
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import StockLevel
from ordercenter.orders.models import Hold, Order
from ordercenter.workflow.components import registry as blocks
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.services import activate_version, save_version
from ordercenter.workflow.validator import validate
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import broken, open_cases, siblings
from tests.flows.world import World

pytestmark = pytest.mark.django_db
LIN = Actor("test", "lin")


class SaysNo(OrderCenterError):
    """The warehouse's no."""

    code = "tests.cannot_stop"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World(stock=10)


@pytest.fixture
def refusing_to_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(_target: str, commands: Sequence[OutgoingCommand]) -> Mapping[int, Attempt]:
        return {c.pk: Attempt(_refuse) for c in commands}

    monkeypatch.setitem(registry._senders, CANCEL_KIND, replace(registry.senders()[CANCEL_KIND], prepare=prepare))


def _refuse() -> dict[str, Any]:
    raise SaysNo("already on the truck")


def placed(world: World) -> Order:
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    return Order.objects.order_by("-pk")[0]


def ways() -> list[tuple[str, str]]:
    return list(Shipment.objects.order_by("pk").values_list("warehouse__code", "state"))


def promised() -> dict[str, int]:
    levels = StockLevel.objects.filter(sku__code="SKU-1").select_related("warehouse")
    return {level.warehouse.code: level.promised for level in levels}


def holds(order: Order) -> list[str]:
    return sorted(Hold.objects.filter(order=order, released_at__isnull=True).values_list("code", flat=True))


def test_nothing_leaves_from_elsewhere_before_the_warehouse_has_said_that_it_stopped(world: World) -> None:
    order = placed(world)

    leave_warehouse(order_ids=[order.pk], reason="no word for a day", actor=LIN).raise_first()
    Relay().drain()

    assert (ways(), holds(order)) == ([("EAST", "intercepting")], ["LEAVES_WAREHOUSE"])
    assert promised() == {"EAST": 2, "SOUTH": 0}

    settle_down()

    assert ways() == [("EAST", "cancelled"), ("SOUTH", "accepted")]
    assert promised() == {"EAST": 0, "SOUTH": 2}
    order.refresh_from_db()
    assert (order.state, order.is_on_hold, open_cases()) == ("in_fulfillment", False, [])
    assert Deed.objects.get(action="order.leave_warehouse").reason == "no word for a day"
    assert broken() == {}


def test_a_parcel_that_is_faster_than_the_answer_is_the_only_one(world: World) -> None:
    order = placed(world)
    leave_warehouse(order_ids=[order.pk], reason="no word for a day", actor=LIN).raise_first()
    Relay().drain()

    ship(Shipment.objects.get(), tracking_no="ZT1")
    # Its yes comes all the same, after the parcel.
    settle_down()

    order.refresh_from_db()
    assert (ways(), order.state, holds(order)) == ([("EAST", "shipped")], "shipped", [])
    assert promised() == {"EAST": 0, "SOUTH": 0}
    assert broken() == {}


@pytest.mark.usefixtures("refusing_to_stop")
def test_where_it_was_too_late_the_order_stays_where_it_is(world: World) -> None:
    order = placed(world)

    leave_warehouse(order_ids=[order.pk], reason="no word for a day", actor=LIN).raise_first()
    settle_down()

    assert (ways(), holds(order)) == ([("EAST", "accepted")], [])
    assert (open_cases(), promised()) == (["INTERCEPT_FAILED"], {"EAST": 2, "SOUTH": 0})

    ship(Shipment.objects.get(), tracking_no="ZT1")
    assert Order.objects.get().state == "shipped"
    assert broken() == {}


def test_asked_twice_it_is_done_once(world: World) -> None:
    order = placed(world)

    for _ in range(2):
        leave_warehouse(order_ids=[order.pk], reason="no word for a day", actor=LIN).raise_first()
        Relay().drain()
    settle_down()

    assert OutgoingCommand.objects.filter(kind=CANCEL_KIND).count() == 1
    assert ways() == [("EAST", "cancelled"), ("SOUTH", "accepted")]
    assert Deed.objects.filter(action="order.leave_warehouse").count() == 1


def test_without_another_warehouse_the_first_gets_it_anew_under_another_number(world: World) -> None:
    world.stock({"SKU-1": -10}, warehouse=world.south, key="away")
    order = placed(world)

    leave_warehouse(order_ids=[order.pk], reason="no word for a day", actor=LIN).raise_first()
    settle_down()

    assert ways() == [("EAST", "cancelled"), ("EAST", "accepted")]
    assert len(set(Shipment.objects.values_list("code", flat=True))) == 2
    assert promised() == {"EAST": 2, "SOUTH": 0}
    assert broken() == {}


def test_who_shares_the_parcel_goes_along(world: World) -> None:
    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    settle_down()
    (shipment,) = Shipment.objects.all()
    first, second = Order.objects.order_by("pk")
    assert set(shipment.lines.values_list("order_id", flat=True)) == {first.pk, second.pk}

    leave_warehouse(order_ids=[second.pk], reason="no word for a day", actor=LIN).raise_first()
    assert (holds(first), holds(second)) == (["LEAVES_WAREHOUSE"], ["LEAVES_WAREHOUSE"])
    settle_down()

    assert ways() == [("EAST", "cancelled"), ("SOUTH", "accepted")]
    assert set(Shipment.objects.latest("pk").lines.values_list("order_id", flat=True)) == {first.pk, second.pk}
    assert promised() == {"EAST": 0, "SOUTH": 1}
    assert broken() == {}


def test_what_has_left_and_what_nobody_gives_a_reason_for_is_refused(world: World) -> None:
    order = placed(world)
    with pytest.raises(ReasonMissing):
        leave_warehouse(order_ids=[order.pk], reason=" ", actor=LIN)
    ship(Shipment.objects.get(), tracking_no="ZT1")

    result = leave_warehouse(order_ids=[order.pk], reason="late", actor=LIN)

    assert [type(refusal.error) for refusal in result.refused] == [NothingToStop]
    assert (ways(), holds(order)) == ([("EAST", "shipped")], [])


def flow_of(event: str, use: str) -> dict[str, Any]:
    name = {"zh": "测试", "en": "Test"}
    return {
        "schema": "ordercenter.flow/1",
        "key": "away",
        "name": name,
        "subject": "order",
        "trigger": {"id": "told", "type": "event", "event": event, "filter": None},
        "settings": {"reentry": "max:20", "on_error": "exception:FLOW_STEP_FAILED"},
        "nodes": [
            {"id": "go", "type": "action", "use": use, "v": 1, "with": {}, "name": name},
            {"id": "done", "type": "end", "name": name},
        ],
        "edges": [{"from": "told", "to": "go"}, {"from": "go", "to": "done"}],
        "tests": [],
        "ui": {},
    }


def activate(document: dict[str, Any]) -> None:
    assert [f for f in validate(parse_document(document), blocks) if f.severity == "error"] == []
    version = save_version(document=document, actor=SYSTEM)
    activate_version(flow_id=version.flow_id, version_id=version.pk, actor=SYSTEM, reason="as the test wants")


def test_a_flow_may_choose_it_for_a_warehouse_that_keeps_silent(world: World) -> None:
    activate(flow_of("fulfillment.order.warehouse_silent", "fulfillment.leave_warehouse"))
    order = placed(world)

    assert tell_silent(at=timezone.now() + timedelta(days=9)) == 1
    settle_down()

    assert ways() == [("EAST", "cancelled"), ("SOUTH", "accepted")]
    assert (holds(order), open_cases()) == ([], [])
    assert list(Case.objects.filter(code="WMS_SILENT").values_list("state", flat=True)) == ["auto_resolved"]
    assert broken() == {}


def test_without_such_a_flow_a_silent_warehouse_stays_a_matter_of_people(world: World) -> None:
    order = placed(world)

    assert tell_silent(at=timezone.now() + timedelta(days=9)) == 1
    with unit_of_work() as work:
        tell_silence(order_ids=[order.pk], work=work)
    settle_down()

    assert (ways(), open_cases()) == ([("EAST", "accepted")], ["WMS_SILENT"])
    assert EventRow.objects.filter(name="fulfillment.order.warehouse_silent").count() == 1


def test_a_flow_may_choose_it_for_one_that_shipped_nothing(world: World) -> None:
    activate(flow_of("fulfillment.order.nothing_left", "fulfillment.route_elsewhere"))
    placed(world)

    ship(Shipment.objects.get(), tracking_no="ZT1", actual=[0])
    settle_down()

    assert ways() == [("EAST", "cancelled"), ("SOUTH", "accepted")]
    assert (open_cases(), promised()) == ([], {"EAST": 0, "SOUTH": 2})
    assert broken() == {}
