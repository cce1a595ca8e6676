"""What the warehouse says has left, and what it says has not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone

from fulfillment.models import Parcel, Shipment
from fulfillment.services import confirm_shipments
from fulfillment.wms.documents import ConfirmedLine, ConfirmedPackage, DeliveryConfirm, PackedItem
from ordercenter.cases.models import Case
from ordercenter.events.models import EventRow
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel, StockMovement
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import TakenRefund, cancel_orders, take_refunds
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.ordercenter.orders.incoming import refund

pytestmark = pytest.mark.django_db


def test_pieces_that_the_warehouse_does_not_find_are_to_be_planned_anew() -> None:
    world = World(stock=10)
    world.deliver(world.trade(("SKU-8", 2, "116.00"), ("SKU-9", 1, "59.00")))
    Relay().drain()

    ship(Shipment.objects.get(), tracking_no="ZT2", actual=[1, 1])

    order = Order.objects.get()
    assert order.state == "partially_shipped"
    assert list(order.lines.order_by("line_no").values_list("ordered", "unplanned", "released", "shipped")) == [
        (2, 1, 0, 1),
        (1, 0, 0, 1),
    ]
    assert list(Reservation.objects.order_by("pk").values_list("state", flat=True)) == ["consumed", "consumed"]
    level = StockLevel.objects.get(sku__code="SKU-8", warehouse=world.east)
    assert (level.on_hand, level.reserved) == (9, 0)
    assert Case.objects.get().code == "SHORT_PICK"


def test_a_shipment_that_has_not_left_is_not_short_because_another_of_the_same_message_has() -> None:
    world = World()
    world.deliver(world.trade(("SKU-1", 1, "51.00")), world.trade(("SKU-2", 1, "52.00")))
    Relay().drain()
    first, second = Shipment.objects.order_by("pk")

    confirm_shipments(confirms=[_confirm(first, "DELIVERED"), _confirm(second, "ACCEPT")]).raise_first()

    assert list(Order.objects.order_by("pk").values_list("state", "is_on_hold")) == [
        ("shipped", False),
        ("in_fulfillment", False),
    ]
    assert not Case.objects.exists()


def test_pieces_that_all_leave_are_out_of_stock_and_in_the_books(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"), ("SET-1", 1, "89.90"))

    ship(shipment, tracking_no="ZT1")

    shipment.refresh_from_db()
    order = Order.objects.get()
    assert (shipment.state, order.state, order.is_on_hold) == ("shipped", "shipped", False)
    assert list(order.lines.order_by("line_no").values_list("released", "shipped")) == [(0, 2), (0, 1), (0, 2)]
    assert set(Reservation.objects.values_list("state", flat=True)) == {"consumed"}
    assert StockLevel.objects.values_list("on_hand", "reserved").get(sku__code="SKU-1", warehouse=world.east) == (
        996,
        0,
    )
    out = StockMovement.objects.filter(reason="shipment").order_by("pk")
    assert list(out.values_list("sku__code", "delta", "ref")) == [
        ("SKU-1", -2, shipment.code),
        ("SKU-0", -1, shipment.code),
        ("SKU-1", -2, shipment.code),
    ]
    parcel = Parcel.objects.get()
    assert (parcel.tracking_no, parcel.carrier, parcel.weight_g) == ("ZT1", world.carrier, 800)
    assert facts("fulfillment.shipment.shipped", "orders.order.shipped") == 2


def test_the_same_confirm_again_changes_nothing(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))
    ship(shipment, tracking_no="ZT1")

    ship(shipment, tracking_no="ZT1")
    ship(shipment, tracking_no="ZT2", actual=[1])

    assert list(Parcel.objects.values_list("tracking_no", flat=True)) == ["ZT1"]
    assert StockMovement.objects.filter(reason="shipment").count() == 1
    assert facts("fulfillment.shipment.shipped") == 1
    assert not Case.objects.exists()


@pytest.mark.parametrize("later", ["ACCEPT", "DELIVERED", "SIGN"])
def test_a_later_word_about_the_same_parcel_does_not_hide_that_it_left(world: World, later: str) -> None:
    shipment = at_warehouse(world, ("SKU-1", 1, "55.00"))

    confirm_shipments(confirms=[_confirm(shipment, "DELIVERED"), _confirm(shipment, later)]).raise_first()

    assert Order.objects.get().state == "shipped"
    assert Parcel.objects.count() == 1


def test_a_delivery_order_that_we_never_gave_is_refused_and_the_others_are_taken(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 1, "55.00"))
    stranger = replace(_confirm(shipment, "DELIVERED"), delivery_order_code="DO-NOBODY", packages=())

    result = confirm_shipments(confirms=[stranger, _confirm(shipment, "DELIVERED")])

    assert [(r.key, r.code) for r in result.refused] == [(stranger, "fulfillment.shipment_unknown")]
    assert Order.objects.get().state == "shipped"


def test_what_is_confirmed_by_code_only_is_spread_over_the_lines(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"), ("SKU-1", 3, "160.00"))
    pieces = (ConfirmedLine("", "SKU-1", "ZP", None, 3), ConfirmedLine("", "SKU-1", "CC", None, 1))

    confirm_shipments(confirms=[replace(_confirm(shipment, "DELIVERED"), lines=pieces)]).raise_first()

    assert list(shipment.lines.order_by("pk").values_list("quantity", "shipped")) == [(2, 2), (3, 2)]
    assert Case.objects.get().evidence["lines"] == [{"sku_id": world.skus[1].pk, "planned": 3, "shipped": 2}]


def test_a_line_that_is_confirmed_in_two_batches_counts_both(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 5, "275.00"))
    number = str(shipment.lines.get().pk)
    batches = tuple(ConfirmedLine(number, "SKU-1", "ZP", 5, pieces) for pieces in (2, 3))

    confirm_shipments(confirms=[replace(_confirm(shipment, "DELIVERED"), lines=batches)]).raise_first()

    assert Order.objects.get().state == "shipped"


def test_a_box_that_is_told_item_by_item_is_one_parcel(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 1, "55.00"), ("SKU-2", 1, "56.00"))
    boxes = tuple(
        ConfirmedPackage("ZTO", "ZT1", "P1", Decimal("1.2"), (PackedItem(code, 1),)) for code in ("SKU-1", "SKU-2")
    )

    confirm_shipments(confirms=[replace(_confirm(shipment, "DELIVERED"), packages=boxes)]).raise_first()

    parcel = Parcel.objects.get()
    assert (parcel.weight_g, parcel.items) == (
        1200,
        [{"code": "SKU-1", "quantity": 1}, {"code": "SKU-2", "quantity": 1}],
    )


def test_parcels_of_an_intermediate_confirm_are_kept_and_the_final_one_ships_the_order(world: World) -> None:
    shipment = at_warehouse(world, ("SKU-1", 3, "165.00"))
    number = str(shipment.lines.get().pk)
    first = replace(
        _confirm(shipment, "DELIVERED"),
        confirm_type=1,
        lines=(ConfirmedLine(number, "SKU-1", "ZP", 3, 1),),
        packages=(ConfirmedPackage("ZTO", "ZT-A", "P1", None, ()),),
    )
    confirm_shipments(confirms=[first]).raise_first()
    assert Order.objects.get().state == "in_fulfillment"

    packages = tuple(ConfirmedPackage("ZTO", no, no, None, ()) for no in ("ZT-A", "ZT-B"))
    confirm_shipments(confirms=[replace(_confirm(shipment, "DELIVERED"), packages=packages)]).raise_first()

    assert Order.objects.get().state == "shipped"
    assert sorted(Parcel.objects.values_list("tracking_no", flat=True)) == ["ZT-A", "ZT-B"]
    assert not Case.objects.exists()


def test_a_parcel_that_leaves_before_the_order_to_stop_is_answered_leaves_although_the_order_is_cancelled(
    world: World,
) -> None:
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))
    cancel_orders(order_ids=[Order.objects.get().pk], reason="buyer changed her mind")
    Relay().drain()

    ship(shipment, tracking_no="ZT1")

    order = Order.objects.get()
    assert (order.state, Shipment.objects.get().state) == ("cancelled", "shipped")
    assert list(order.lines.values_list("cancelled", "shipped")) == [(2, 0)]
    assert Case.objects.get().code == "SHIPPED_AFTER_CANCEL"
    assert StockLevel.objects.values_list("on_hand", "reserved").get(sku__code="SKU-1", warehouse=world.east) == (
        998,
        0,
    )


def test_a_parcel_that_leaves_although_the_warehouse_agreed_to_stop_it_is_not_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_everything(monkeypatch)
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))
    cancel_orders(order_ids=[Order.objects.get().pk], reason="buyer changed her mind")
    settle_down()
    assert Shipment.objects.get().state == "cancelled"

    ship(shipment, tracking_no="ZT1")

    assert Case.objects.values_list("code", "evidence").get() == (
        "SHIPPED_AFTER_CANCEL",
        {"cancel_reason": "buyer changed her mind", "shipment": shipment.code, "tracking_numbers": ["ZT1"]},
    )
    assert not Parcel.objects.exists()


def test_an_order_that_lives_on_is_not_sent_a_second_time_when_its_stopped_parcel_leaves_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_everything(monkeypatch)
    shipment = at_warehouse(world, ("SKU-1", 2, "110.00"))
    order = Order.objects.get()
    take_refunds(taken=[TakenRefund(order.pk, refund(order.channel_order_no, "requested", "110.00"))])
    settle_down()
    assert (Order.objects.get().state, Shipment.objects.get().state) == ("approved", "cancelled")

    ship(shipment, tracking_no="ZT1")
    take_refunds(taken=[TakenRefund(order.pk, refund(order.channel_order_no, "withdrawn", "110.00", version=2))])
    settle_down()

    assert list(Hold.objects.filter(released_at__isnull=True).values_list("code", flat=True)) == [
        "SHIPPED_AFTER_CANCEL"
    ]
    assert Shipment.objects.count() == 1


@pytest.fixture
def world() -> World:
    return World()


def at_warehouse(world: World, *lines: tuple[str, int, str]) -> Shipment:
    """The shipment of a new order with these lines, sent to its warehouse."""
    world.deliver(world.trade(*lines))
    Relay().drain()
    return Shipment.objects.get()


def facts(*names: str) -> int:
    return EventRow.objects.filter(name__in=names).count()


def _confirm(shipment: Shipment, status: str) -> DeliveryConfirm:
    package = ConfirmedPackage("ZTO", f"ZT{shipment.pk}", "P1", Decimal("0.5"), ())
    return DeliveryConfirm(
        delivery_order_code=shipment.code,
        warehouse_ref="W-1",
        warehouse_code=shipment.warehouse.code,
        out_biz_code=f"{shipment.code}-{status}",
        confirm_type=0,
        status=status,
        operated_at=timezone.now(),
        packages=(package,) if status == "DELIVERED" else (),
        lines=(),
    )
