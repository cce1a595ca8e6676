"""What the warehouse says has left, and what it says has not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from fulfillment.models import Shipment
from fulfillment.services import confirm_shipments
from fulfillment.wms.documents import ConfirmedPackage, DeliveryConfirm
from ordercenter.cases.models import Case
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.orders.models import Order
from tests.flows.outside import ship
from tests.flows.world import World

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
