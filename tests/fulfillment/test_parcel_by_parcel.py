"""Confirms in the standard's own form, through the warehouse's door: parcel by parcel, and of nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.models import Parcel, Shipment
from fulfillment.services import route_elsewhere
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import InboxMessage
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import cancel_orders, release_holds
from tests.flows.outside import answer_everything, settle_down
from tests.flows.world import World
from tests.fulfillment.test_callback import send

pytestmark = pytest.mark.django_db
LIN = Actor("test", "lin")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World(stock=10)


def at_warehouse(world: World, *lines: tuple[str, int, str]) -> Shipment:
    world.deliver(world.trade(*lines))
    settle_down()
    return Shipment.objects.get()


def confirm(
    shipment: Shipment,
    key: str,
    pieces: Mapping[str, int],
    *,
    parcel: str = "",
    final: bool = True,
    ours: bool = False,
    items_only: bool = False,
) -> None:
    """A deliveryorder.confirm as the standard's client writes it: fields alphabetically, lists in their wrappers.

    pieces: SKU code -> pieces of this confirm. ours: the warehouse repeats our line numbers. items_only: no orderLines.
    """
    numbers = {line.sku.code: line.pk for line in shipment.lines.select_related("sku")}
    lines = "".join(
        f"<orderLine><actualQty>{n}</actualQty><inventoryType>ZP</inventoryType><itemCode>{code}</itemCode>"
        f"<orderLineNo>{numbers[code] if ours else at}</orderLineNo><planQty>9</planQty></orderLine>"
        for at, (code, n) in enumerate(pieces.items(), 1)
    )
    items = "".join(
        f"<item><itemCode>{code}</itemCode><quantity>{n}</quantity></item>" for code, n in pieces.items() if n
    )
    package = (
        f"<package><expressCode>{parcel}</expressCode><items>{items}</items><logisticsCode>ZTO</logisticsCode>"
        f"<logisticsName>中通</logisticsName><packageCode>P-{parcel}</packageCode><weight>0.8</weight></package>"
    )
    body = (
        f"<request><deliveryOrder><confirmType>{0 if final else 1}</confirmType>"
        f"<deliveryOrderCode>{shipment.code}</deliveryOrderCode><deliveryOrderId>W-1</deliveryOrderId>"
        f"<operateTime>2026-11-24 10:00:00</operateTime><orderConfirmTime>2026-11-24 10:00:00</orderConfirmTime>"
        f"<orderType>JYCK</orderType><outBizCode>{key}</outBizCode>"
        f"<status>{'DELIVERED' if final else 'PARTDELIVERED'}</status><warehouseCode>EAST</warehouseCode>"
        f"</deliveryOrder>{'' if items_only else f'<orderLines>{lines}</orderLines>'}"
        f"<packages>{package if parcel else ''}</packages></request>"
    )
    assert send(body.encode()).status_code == 200
    Relay().drain()


def released_and_shipped() -> list[tuple[int, int, int]]:
    rows = OrderLine.objects.order_by("line_no")
    return [(line.unplanned, line.released, line.shipped) for line in rows]


def stock(world: World, sku: str = "SKU-1") -> tuple[int, int]:
    level = StockLevel.objects.get(sku__code=sku, warehouse=world.east)
    return level.on_hand, level.promised


def open_cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at__isnull=True).values_list("code", flat=True))


@pytest.mark.parametrize("ours", [True, False], ids=["by our line number", "by item code"])
def test_pieces_of_each_confirm_add_up_and_the_last_one_ships_the_order(world: World, ours: bool) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"), ("SKU-2", 1, "56.00"))

    confirm(shipment, "OB-1", {"SKU-1": 2}, parcel="ZT-A", final=False, ours=ours)
    between = (Order.objects.get().state, Shipment.objects.get().state, stock(world))
    confirm(shipment, "OB-2", {"SKU-1": 1, "SKU-2": 1}, parcel="ZT-B", ours=ours)

    assert between == ("in_fulfillment", "accepted", (10, 3))
    assert (Order.objects.get().state, open_cases()) == ("shipped", [])
    assert released_and_shipped() == [(0, 0, 3), (0, 0, 1)]
    assert sorted(Parcel.objects.values_list("tracking_no", flat=True)) == ["ZT-A", "ZT-B"]
    assert (stock(world), stock(world, "SKU-2")) == ((7, 0), (9, 0))


def test_an_intermediate_confirm_that_comes_twice_counts_once(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"))

    confirm(shipment, "OB-1", {"SKU-1": 1}, parcel="ZT-A", final=False)
    confirm(shipment, "OB-1", {"SKU-1": 1}, parcel="ZT-A", final=False)
    confirm(shipment, "OB-2", {"SKU-1": 1}, parcel="ZT-B")

    assert InboxMessage.objects.filter(kind="qimen.deliveryorder.confirm").count() == 2
    assert (Order.objects.get().state, open_cases()) == ("partially_shipped", ["SHORT_PICK"])
    assert (released_and_shipped(), stock(world)) == ([(1, 0, 2)], (8, 0))


def test_a_warehouse_that_counts_on_instead_is_understood(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"))

    confirm(shipment, "OB-1", {"SKU-1": 1}, parcel="ZT-A", final=False)
    confirm(shipment, "OB-2", {"SKU-1": 3}, parcel="ZT-B")

    assert (Order.objects.get().state, released_and_shipped(), stock(world)) == ("shipped", [(0, 0, 3)], (7, 0))


def test_items_of_the_parcels_count_where_the_warehouse_sends_no_lines(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"))

    confirm(shipment, "OB-1", {"SKU-1": 1}, parcel="ZT-A", final=False, items_only=True)
    confirm(shipment, "OB-2", {"SKU-1": 1}, parcel="ZT-B")

    assert released_and_shipped() == [(1, 0, 2)]


def test_a_parcel_of_which_nobody_says_what_is_in_it_is_set_aside_with_a_case(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"))

    confirm(shipment, "OB-1", {}, parcel="ZT-A", final=False, items_only=True)

    assert Case.objects.get().code == "MESSAGE_PARKED"
    assert Case.objects.get().evidence["code"] == "fulfillment.confirm_without_pieces"
    assert not Parcel.objects.exists()


def test_what_is_stopped_after_its_first_parcel_has_left_in_part(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"))
    confirm(shipment, "OB-1", {"SKU-1": 1}, parcel="ZT-A", final=False)

    cancel_orders(order_ids=[Order.objects.get().pk], reason="buyer changed her mind")
    settle_down()

    assert (Order.objects.get().state, Shipment.objects.get().state) == ("cancelled", "shipped")
    assert open_cases() == ["SHIPPED_AFTER_CANCEL"]
    assert (stock(world), list(Parcel.objects.values_list("tracking_no", flat=True))) == ((9, 0), ["ZT-A"])
    assert broken_checks() == []


def test_between_two_parcels_every_invariant_holds(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"))

    confirm(shipment, "OB-1", {"SKU-1": 1}, parcel="ZT-A", final=False)

    assert broken_checks() == []


def test_a_confirm_of_nothing_ships_nothing_and_is_a_case(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))

    confirm(shipment, "OB-1", {"SKU-1": 0})

    order = Order.objects.get()
    assert (order.state, order.is_on_hold, open_cases()) == ("in_fulfillment", True, ["NOTHING_SHIPPED"])
    assert (Shipment.objects.get().state, released_and_shipped()) == ("rejected", [(0, 2, 0)])
    assert (stock(world), list(Reservation.objects.values_list("state", flat=True))) == ((10, 2), ["active"])
    assert broken_checks() == []


def test_an_order_of_which_nothing_left_is_planned_anew_when_the_case_is_solved(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))
    confirm(shipment, "OB-1", {"SKU-1": 0})

    release_holds(order_ids=[Order.objects.get().pk], reason="found them", actor=LIN).raise_first()
    settle_down()

    assert list(Shipment.objects.order_by("pk").values_list("state", flat=True)) == ["cancelled", "accepted"]
    assert len(set(Shipment.objects.values_list("code", flat=True))) == 2, "the old number is closed there"
    assert (Order.objects.get().state, released_and_shipped(), stock(world)) == (
        "in_fulfillment",
        [(0, 2, 0)],
        (10, 2),
    )
    assert (open_cases(), broken_checks()) == ([], [])


def test_an_order_of_which_nothing_left_may_leave_from_another_warehouse(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))
    confirm(shipment, "OB-1", {"SKU-1": 0})

    route_elsewhere(order_ids=[Order.objects.get().pk], reason="not there", actor=LIN).raise_first()
    settle_down()

    assert list(Shipment.objects.order_by("pk").values_list("warehouse__code", "state")) == [
        ("EAST", "cancelled"),
        ("SOUTH", "accepted"),
    ]
    assert (stock(world), open_cases(), broken_checks()) == ((10, 0), [], [])


def test_pieces_that_turn_up_after_a_confirm_of_nothing_still_count(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))
    confirm(shipment, "OB-1", {"SKU-1": 0})

    confirm(shipment, "OB-2", {"SKU-1": 2}, parcel="ZT-A")

    order = Order.objects.get()
    assert (order.state, order.is_on_hold, open_cases()) == ("shipped", False, [])
    assert released_and_shipped() == [(0, 0, 2)]


def test_in_a_shared_shipment_the_order_that_was_passed_over_looks_for_its_way_anew(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 1, "55.00"))
    world.deliver(world.trade(("SKU-2", 1, "56.00")))
    settle_down()
    # One parcel for both, as merging makes them.
    second = Shipment.objects.exclude(pk=shipment.pk).get()
    second.lines.update(shipment=shipment)
    second.delete()

    confirm(shipment, "OB-1", {"SKU-1": 1, "SKU-2": 0}, parcel="ZT-A")

    first, passed_over = Order.objects.order_by("pk")
    assert (first.state, first.is_on_hold) == ("shipped", False)
    assert (passed_over.state, passed_over.is_on_hold, open_cases()) == ("approved", True, ["NOTHING_SHIPPED"])

    release_holds(order_ids=[passed_over.pk], reason="found it", actor=LIN).raise_first()
    settle_down()

    assert list(Shipment.objects.order_by("pk").values_list("state", flat=True)) == ["shipped", "accepted"]
    assert (Order.objects.get(pk=passed_over.pk).state, stock(world, "SKU-2")) == ("in_fulfillment", (10, 1))


def broken_checks() -> list[str]:
    """What the invariants find, times of waiting left aside."""
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(days=1))
    return [f"{verdict.check.name}: {verdict.sample}" for verdict in verdicts if verdict.broken]
