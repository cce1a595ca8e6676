"""Stopping what a warehouse has in hand: its answer or the parcel decides, whichever comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fulfillment.models import Shipment
from fulfillment.services.dispatching import CANCEL_KIND, CREATE_KIND
from ordercenter.cases.models import Case
from ordercenter.cases.services import resolve_cases
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.events import registry
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import TakenRefund, cancel_orders, release_holds, take_refunds
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, refund

pytestmark = pytest.mark.django_db
SCRIPT = Actor("integration", "script")


class SaysNo(OrderCenterError):
    """The warehouse's no."""

    code = "tests.says_no"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World(stock=10)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Kinds of commands that the warehouse refuses from now on."""
    kinds: set[str] = set()
    for kind in (CREATE_KIND, CANCEL_KIND):
        accepting = registry.senders()[kind].prepare

        def prepare(target: str, commands: Any, kind: str = kind, accepting: Any = accepting) -> dict[int, Attempt]:
            if kind not in kinds:
                return dict(accepting(target, commands))
            return {c.pk: Attempt(refuse) for c in commands}

        monkeypatch.setitem(registry._senders, kind, replace(registry.senders()[kind], prepare=prepare))
    return kinds


def refuse() -> dict[str, Any]:
    raise SaysNo("not here")


def at_warehouse(world: World) -> Order:
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    return Order.objects.get()


def ask_refund(order: Order, status: str, version: int) -> None:
    report = refund(order.channel_order_no, status, "110.00", version=version)
    take_refunds(taken=[TakenRefund(order.pk, report)], at=NOON).raise_first()
    settle_down()


def stock(world: World) -> tuple[int, int]:
    level = StockLevel.objects.get(sku__code="SKU-1", warehouse=world.east)
    return level.on_hand, level.promised


def open_cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at__isnull=True).values_list("code", flat=True))


def test_a_cancelled_order_that_the_warehouse_stops_gives_its_goods_back(world: World) -> None:
    order = at_warehouse(world)
    assert stock(world) == (10, 2)

    cancel_orders(order_ids=[order.pk], reason="buyer changed her mind")
    settle_down()

    assert (Order.objects.get().state, Shipment.objects.get().state) == ("cancelled", "cancelled")
    assert stock(world) == (10, 0)
    assert list(Reservation.objects.values_list("state", flat=True)) == ["released"]
    assert open_cases() == []


def test_a_warehouse_that_cannot_stop_it_makes_a_case_and_the_parcel_still_counts(
    world: World, refusing: set[str]
) -> None:
    order = at_warehouse(world)
    refusing.add(CANCEL_KIND)

    cancel_orders(order_ids=[order.pk], reason="buyer changed her mind")
    settle_down()
    assert (Shipment.objects.get().state, open_cases(), stock(world)) == ("accepted", ["INTERCEPT_FAILED"], (10, 2))

    ship(Shipment.objects.get(), tracking_no="ZT1")
    assert (Shipment.objects.get().state, stock(world)) == ("shipped", (8, 0))
    assert open_cases() == ["INTERCEPT_FAILED", "SHIPPED_AFTER_CANCEL"]


def test_an_answer_that_comes_after_the_parcel_changes_nothing(world: World) -> None:
    order = at_warehouse(world)
    cancel_orders(order_ids=[order.pk], reason="buyer changed her mind")
    ship(Shipment.objects.get(), tracking_no="ZT1")
    before = (Shipment.objects.get().state, stock(world))

    settle_down()

    assert (Shipment.objects.get().state, stock(world)) == before == ("shipped", (8, 0))
    assert open_cases() == ["SHIPPED_AFTER_CANCEL"]


def test_a_refund_that_is_withdrawn_after_the_stop_sends_the_goods_anew(world: World) -> None:
    order = at_warehouse(world)

    ask_refund(order, "requested", 1)
    assert (Order.objects.get().state, Shipment.objects.get().state) == ("approved", "cancelled")
    assert (stock(world), open_cases()) == ((10, 0), ["REFUND_BEFORE_SHIP"])

    ask_refund(order, "withdrawn", 2)
    assert Order.objects.get().state == "in_fulfillment"
    assert list(Shipment.objects.order_by("pk").values_list("state", flat=True)) == ["cancelled", "accepted"]
    assert (stock(world), open_cases()) == ((10, 2), [])


def test_a_refund_for_a_shipment_that_the_warehouse_rejected_leaves_no_order_in_limbo(
    world: World, refusing: set[str]
) -> None:
    world.leave_rejected_to_people()
    refusing.add(CREATE_KIND)
    order = at_warehouse(world)
    assert (Shipment.objects.get().state, open_cases()) == ("rejected", ["WMS_REJECTED"])
    refusing.clear()

    ask_refund(order, "requested", 1)
    assert (Shipment.objects.get().state, stock(world)) == ("cancelled", (10, 0))

    ask_refund(order, "withdrawn", 2)
    release_holds(order_ids=[order.pk], reason="the warehouse knows the goods now", actor=SCRIPT)
    settle_down()

    assert Order.objects.get().state == "in_fulfillment"
    assert list(Shipment.objects.order_by("pk").values_list("state", flat=True)) == ["cancelled", "accepted"]
    assert (stock(world), open_cases()) == ((10, 2), [])


def test_a_rejected_delivery_order_waits_for_a_person_and_goes_again_when_the_case_is_solved(
    world: World, refusing: set[str]
) -> None:
    world.leave_rejected_to_people()
    refusing.add(CREATE_KIND)
    order = at_warehouse(world)
    case = Case.objects.get()
    assert (case.code, Hold.objects.get().code) == ("WMS_REJECTED", "WMS_REJECTED")
    assert stock(world) == (10, 2), "it keeps its goods while somebody looks"

    refusing.clear()
    resolve_cases(case_ids=[case.pk], resolution="goods are known there now", at=NOON, actor=SCRIPT)
    settle_down()

    assert (Order.objects.get().state, Shipment.objects.get().state) == ("in_fulfillment", "accepted")
    assert OutgoingCommand.objects.get().status == "done", "the same number, not a second delivery order"
    assert open_cases() == []
    assert order.pk == Order.objects.get().pk
