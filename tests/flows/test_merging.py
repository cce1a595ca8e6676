"""Orders of one buyer to one address: from the channel into one parcel, and each one back to the channel by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from channels_sync.kinds import TRACKING_KIND
from fulfillment.models import Parcel, Shipment
from fulfillment.selectors import delivery_documents
from ordercenter.cases.models import Case
from ordercenter.cases.services import resolve_cases
from ordercenter.common.actor import Actor
from ordercenter.events.models import OutgoingCommand, Timer
from ordercenter.inventory.models import StockLevel
from ordercenter.orders.models import Hold, Order, ParcelPolicy
from ordercenter.orders.services import cancel_orders, release_holds
from ordercenter.workflow.models import FlowRun
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import SAME, broken, open_cases, order_of, parcels, siblings, time_passes
from tests.flows.world import World

pytestmark = pytest.mark.django_db
SCRIPT = Actor("integration", "script")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World(stock=10)


def test_two_orders_of_one_buyer_leave_in_one_parcel_and_are_reported_one_by_one(world: World) -> None:
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    shipment = Shipment.objects.get()
    assert (shipment.state, shipment.weight_g, shipment.freight_cost) == ("accepted", 800, Decimal("5.00"))
    assert Order.objects.filter(state="in_fulfillment").count() == 2
    assert OutgoingCommand.objects.filter(kind="qimen.deliveryorder.create").count() == 1
    assert FlowRun.objects.filter(status="done").count() == 2, "the warehouse's yes brought both runs to their end"
    document = delivery_documents([shipment.pk])[shipment.pk]
    assert [(n.source_order_no, n.actual_price) for n in document.lines] == [
        (str(first["tid"]), Decimal("50.00")),
        (str(second["tid"]), Decimal("50.00")),
    ]
    assert document.total_amount == Decimal("100.00")

    ship(shipment, tracking_no="ZT1")
    settle_down()

    assert set(Order.objects.values_list("state", flat=True)) == {"shipped"}
    reports = OutgoingCommand.objects.filter(kind=TRACKING_KIND).order_by("pk")
    assert [(c.payload["order_no"], c.payload["tracking_no"], c.status) for c in reports] == [
        (str(first["tid"]), "ZT1", "done"),
        (str(second["tid"]), "ZT1", "done"),
    ]
    assert Shipment.objects.get().reported_at is not None
    assert broken() == {}


def test_strangers_and_other_addresses_of_one_buyer_stay_apart(world: World) -> None:
    world.deliver(
        *siblings(world, "SKU-1"),
        *siblings(world, "SKU-2", oaid="oaid-elsewhere"),
        world.trade(("SKU-3", 1, "50.00"), oaid=SAME["oaid"]),
    )
    settle_down()

    assert [orders for _state, orders in parcels()] == [["1"], ["2"], ["3"]]
    assert not Timer.objects.exists(), "nobody had to wait"


def test_an_order_waits_for_its_sibling_that_is_being_checked_and_both_go_when_it_is_let_go(world: World) -> None:
    (held,) = siblings(world, "SKU-1", buyer_message="请放门口", has_buyer_message=True)
    world.deliver(held)
    settle_down()
    (other,) = siblings(world, "SKU-2")
    world.deliver(other)
    settle_down()

    assert (order_of(other).state, order_of(other).is_on_hold) == ("approved", True)
    assert open_cases() == ["REMARK_NEEDS_HUMAN", "WAITING_MERGE"]
    case = Case.objects.get(code="WAITING_MERGE")
    assert (case.state, case.level, case.evidence["orders"]) == ("snoozed", "warning", [str(held["tid"])])
    assert not Shipment.objects.exists()
    time_passes(minutes=1)
    assert not Shipment.objects.exists(), "a look a little later finds nothing new"

    release_holds(order_ids=[order_of(held).pk], reason="read it", actor=SCRIPT, accepted=True)
    settle_down()
    time_passes(minutes=1)

    assert parcels() == [("accepted", ["1", "2"])]
    assert (open_cases(), Hold.objects.filter(released_at__isnull=True).count()) == ([], 0)
    assert broken() == {}


def test_when_the_time_is_up_an_order_goes_alone(world: World) -> None:
    (held,) = siblings(world, "SKU-1", buyer_message="请放门口", has_buyer_message=True)
    world.deliver(held)
    settle_down()
    world.deliver(*siblings(world, "SKU-2"))
    settle_down()

    time_passes(minutes=31)

    assert parcels() == [("accepted", ["2"])]
    assert open_cases() == ["REMARK_NEEDS_HUMAN"]
    assert broken() == {}


def test_a_person_lets_a_waiting_order_go_at_once_by_resolving_its_case(world: World) -> None:
    (held,) = siblings(world, "SKU-1", buyer_message="请放门口", has_buyer_message=True)
    world.deliver(held)
    settle_down()
    world.deliver(*siblings(world, "SKU-2"))
    settle_down()

    case = Case.objects.get(code="WAITING_MERGE")
    resolve_cases(case_ids=[case.pk], resolution="no need", at=case.opened_at, actor=SCRIPT)
    settle_down()

    assert parcels() == [("accepted", ["2"])]
    assert broken() == {}


def test_an_order_whose_sibling_is_cancelled_waits_no_longer(world: World) -> None:
    (held,) = siblings(world, "SKU-1", buyer_message="请放门口", has_buyer_message=True)
    world.deliver(held)
    settle_down()
    world.deliver(*siblings(world, "SKU-2"))
    settle_down()

    cancel_orders(order_ids=[order_of(held).pk], reason="buyer changed her mind")
    settle_down()

    assert parcels() == [("accepted", ["2"])]
    assert open_cases() == []


def test_nobody_waits_longer_than_the_promise_allows(world: World) -> None:
    (held,) = siblings(world, "SKU-1", buyer_message="请放门口", has_buyer_message=True)
    world.deliver(held)
    settle_down()
    ParcelPolicy.objects.create(shop=world.shop, margin_min=48 * 60)

    world.deliver(*siblings(world, "SKU-2"))
    settle_down()

    assert parcels() == [("accepted", ["2"])]


def test_a_shop_with_a_window_collects_what_comes_within_it(world: World) -> None:
    ParcelPolicy.objects.create(shop=world.shop, window_min=20)
    world.deliver(*siblings(world, "SKU-1"), world.trade(("SKU-3", 1, "50.00")))
    settle_down()
    assert open_cases() == ["WAITING_MERGE", "WAITING_MERGE"]

    world.deliver(*siblings(world, "SKU-2"))
    settle_down()
    time_passes(minutes=0.1)
    assert parcels() == [("accepted", ["1", "3"])], "the sibling is there: both go; the stranger still waits"

    time_passes(minutes=21)
    assert parcels() == [("accepted", ["1", "3"]), ("accepted", ["2"])]
    assert (open_cases(), broken()) == ([], {})


def test_a_shop_that_does_not_merge_sends_each_by_itself(world: World) -> None:
    ParcelPolicy.objects.create(shop=world.shop, merges=False)

    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    settle_down()

    assert parcels() == [("accepted", ["1"]), ("accepted", ["2"])]


def test_siblings_that_lie_in_different_warehouses_leave_in_two_parcels(world: World) -> None:
    world.stock({"SKU-2": -10}, warehouse=world.east, key="gone")

    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    settle_down()

    assert [(s.warehouse.code, s.state) for s in Shipment.objects.order_by("pk")] == [
        ("EAST", "accepted"),
        ("SOUTH", "accepted"),
    ]


def test_a_cancelled_member_is_taken_out_while_the_parcel_is_packed_and_the_other_goes_on(world: World) -> None:
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    cancel_orders(order_ids=[order_of(first).pk], reason="buyer changed her mind")
    settle_down()

    assert parcels() == [("cancelled", ["1", "2"]), ("accepted", ["2"])]
    assert (order_of(first).state, order_of(second).state) == ("cancelled", "in_fulfillment")
    stock = {
        sku: StockLevel.objects.values_list("on_hand", "reserved", "allocated").get(sku__code=sku, warehouse=world.east)
        for sku in ("SKU-1", "SKU-2")
    }
    assert stock == {"SKU-1": (10, 0, 0), "SKU-2": (10, 0, 1)}
    assert (open_cases(), broken()) == ([], {})

    ship(Shipment.objects.get(state="accepted"), tracking_no="ZT1")
    settle_down()
    assert order_of(second).state == "shipped"
    assert Parcel.objects.count() == 1
    assert broken() == {}


def test_of_three_in_a_parcel_the_two_that_stay_still_travel_together(world: World) -> None:
    trades = siblings(world, "SKU-1", "SKU-2", "SKU-3")
    world.deliver(*trades)
    settle_down()

    cancel_orders(order_ids=[order_of(trades[1]).pk], reason="buyer changed her mind")
    settle_down()

    assert parcels() == [("cancelled", ["1", "2", "3"]), ("accepted", ["1", "3"])]
    assert broken() == {}


def test_a_parcel_that_is_faster_than_the_stop_ships_all_and_says_what_was_cancelled(world: World) -> None:
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    cancel_orders(order_ids=[order_of(first).pk], reason="buyer changed her mind")
    ship(Shipment.objects.get(), tracking_no="ZT1")
    settle_down()

    assert parcels() == [("shipped", ["1", "2"])]
    assert (order_of(first).state, order_of(second).state) == ("cancelled", "shipped")
    assert open_cases() == ["SHIPPED_AFTER_CANCEL"]
    assert broken() == {}


def test_a_member_that_is_held_leaves_the_parcel_and_the_other_does_not_wait(world: World) -> None:
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    later = {**first, "receiver_address": "别处***", "oaid": "oaid-new", "modified": "2099-01-01 10:00:00"}
    world.deliver(later)
    settle_down()

    assert parcels() == [("cancelled", ["1", "2"]), ("accepted", ["2"])]
    assert (order_of(first).state, order_of(first).is_on_hold) == ("approved", True)
    assert open_cases() == ["CHANGED_AFTER_AUDIT"]
    assert broken() == {}

    release_holds(order_ids=[order_of(first).pk], reason="the new address is fine", actor=SCRIPT)
    settle_down()
    assert parcels()[2] == ("accepted", ["1"])
    assert broken() == {}
