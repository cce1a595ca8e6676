"""An order that is cancelled wherever it stands: nothing of it goes on, nobody is asked, its goods are free."""

from __future__ import annotations

import pytest

from channels_sync.kinds import ORDER_KIND
from fulfillment.models import Shipment
from ordercenter.cases.models import Case
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import TakenRefund, cancel_orders, take_refunds
from ordercenter.workflow.models import FlowRun
from tests.flows.outside import answer_everything, settle_down
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, refund

pytestmark = pytest.mark.django_db


def cancel(order: Order) -> None:
    cancel_orders(order_ids=[order.pk], reason="buyer changed her mind").raise_first()
    Relay().drain()


def left_over() -> tuple[int, int, list[str]]:
    """Open cases, open holds, how the runs stand."""
    return (
        Case.objects.filter(closed_at__isnull=True).count(),
        Hold.objects.filter(released_at__isnull=True).count(),
        list(FlowRun.objects.values_list("status", flat=True)),
    )


def test_an_order_that_waits_for_supply_asks_nobody_after_it_is_cancelled() -> None:
    world = World(stock=1)
    world.deliver(world.trade(("SKU-1", 5, "300.00")))
    Relay().drain()
    assert Order.objects.get().state == "awaiting_supply"

    cancel(Order.objects.get())

    order = Order.objects.get()
    assert (order.state, order.is_on_hold) == ("cancelled", False)
    assert left_over() == (0, 0, ["voided"])
    assert list(order.lines.values_list("ordered", "cancelled", "backordered")) == [(5, 5, 0)]


def test_an_order_cancelled_before_its_flow_began_is_checked_by_nobody() -> None:
    world = World()
    world.deliver(world.trade(("SKU-1", 1, "60.00"), buyer_message="送人的", has_buyer_message=True))
    relay = Relay()
    relay.take(relay.inbox_queue(ORDER_KIND))

    cancel(Order.objects.get())

    assert Order.objects.get().state == "cancelled"
    assert left_over() == (0, 0, ["voided"])
    assert not OutgoingCommand.objects.exists()
    assert not Reservation.objects.exists()


def test_a_cancelled_order_at_the_warehouse_keeps_its_goods_until_the_warehouse_has_answered() -> None:
    world = World(stock=5)
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    Relay().drain()

    cancel(Order.objects.get())

    level = StockLevel.objects.get(sku__code="SKU-1", warehouse=world.east)
    assert (level.on_hand, level.reserved, level.allocated) == (5, 0, 2)
    assert [(c.kind, c.status) for c in OutgoingCommand.objects.order_by("created_at")] == [
        ("qimen.deliveryorder.create", "waiting"),
        ("qimen.order.cancel", "waiting"),
    ]
    assert left_over() == (0, 0, ["voided"])


def test_an_order_refunded_in_full_before_hand_over_is_stopped_at_the_warehouse_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_everything(monkeypatch)
    world = World(stock=5)
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    order = Order.objects.get()
    assert Shipment.objects.get().state == "accepted"
    done = refund(order.channel_order_no, "succeeded", "110.00")

    take_refunds(taken=[TakenRefund(order.pk, done)], at=NOON).raise_first()
    Relay().drain()
    command = OutgoingCommand.objects.get(kind="qimen.order.cancel")
    assert (command.status, command.target) == ("waiting", f"warehouse:{world.east.pk}")
    assert (Order.objects.get().state, Shipment.objects.get().state) == ("cancelled", "intercepting")

    settle_down()
    assert Shipment.objects.get().state == "cancelled"
    level = StockLevel.objects.get(sku__code="SKU-1", warehouse=world.east)
    assert (level.on_hand, level.promised) == (5, 0)
    assert left_over() == (0, 0, ["done"])
