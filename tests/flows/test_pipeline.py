"""From a raw trade in the inbox to the written warehouse command, and on to the completed order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from finance.models import PaymentEntry
from fulfillment.models import Shipment
from ordercenter.audit.models import StateChange
from ordercenter.cases.models import Case
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation
from ordercenter.orders.models import Order
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


def test_a_paid_trade_finds_its_way_to_the_warehouse_command(world: World) -> None:
    world.deliver(world.trade(("SKU-1", 2, "110.00"), ("SET-1", 1, "89.90")))

    Relay().drain()

    order = Order.objects.get()
    assert not Case.objects.exists()
    assert order.state == "in_fulfillment"
    assert order.paid_amount == Decimal("199.90")
    assert [(line.sku.code, line.ordered, line.released) for line in order.lines.order_by("line_no")] == [
        ("SKU-1", 2, 2),
        ("SKU-0", 1, 1),
        ("SKU-1", 2, 2),
    ]
    assert sum(line.paid_share for line in order.lines.all()) == Decimal("199.90")
    shipment = Shipment.objects.get()
    assert (shipment.warehouse, shipment.state, shipment.freight_cost) == (world.east, "dispatched", Decimal("7.00"))
    assert Reservation.objects.filter(state="active").count() == 3
    command = OutgoingCommand.objects.get()
    assert (command.kind, command.status) == ("qimen.deliveryorder.create", "waiting")
    assert PaymentEntry.objects.get().amount == Decimal("199.90")
    moves = list(StateChange.objects.filter(machine="order").order_by("id").values_list("src", "dst"))
    assert moves == [
        ("", "pending_payment"),
        ("pending_payment", "preprocessing"),
        ("preprocessing", "approved"),
        ("approved", "in_fulfillment"),
    ]
