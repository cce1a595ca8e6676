"""The flow of an order that has just been taken in runs in the very transaction that took it in."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from ordercenter.events.models import Delivery, EventRow, InboxMessage, OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order, OrderLine
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


def one_round(world: World, trade: dict[str, Any]) -> None:
    """Exactly one claim of the relay on the inbox."""
    world.deliver(trade)
    relay = Relay()
    assert relay.take(relay.inbox_queue("tmall.trade")) == 1


def test_one_claim_brings_a_paid_order_to_the_warehouse_command(world: World) -> None:
    one_round(world, world.trade(("SKU-1", 2, "110.00"), ("SET-1", 1, "89.90")))

    assert Order.objects.get().state == "in_fulfillment"
    assert OutgoingCommand.objects.get().kind == "qimen.deliveryorder.create"
    assert sum(line.released for line in OrderLine.objects.all()) == 5


def test_its_done_marks_are_kept_and_its_history_has_one_row_as_it_is_in_the_end(world: World) -> None:
    one_round(world, world.trade(("SKU-1", 2, "110.00")))

    order = Order.objects.get()
    paid = EventRow.objects.get(name="orders.order.paid")
    assert Delivery.objects.filter(handler="workflow.flows", status="done", done_at__isnull=False).count() == 1
    assert Delivery.objects.get(handler="workflow.flows").event_id == paid.pk
    assert list(order.history.values_list("history_type", "state")) == [("+", "in_fulfillment")]
    assert not Delivery.objects.filter(status="waiting", handler="workflow.flows").exists()


def test_an_order_that_is_known_already_goes_on_in_two_steps(world: World) -> None:
    trade = world.trade(("SKU-1", 1, "60.00"))
    one_round(world, {**trade, "status": "WAIT_BUYER_PAY", "pay_time": None})
    assert Order.objects.get().state == "pending_payment"

    one_round(world, trade)
    assert Order.objects.get().state == "preprocessing"
    assert Delivery.objects.get(handler="workflow.flows").status == "waiting"

    Relay().drain()
    assert Order.objects.get().state == "in_fulfillment"


def test_when_the_flow_fails_the_order_is_taken_in_all_the_same_and_its_flow_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError("a mistake in a step")

    monkeypatch.setattr("ordercenter.orders.services.grade_orders", fail)
    world.deliver(world.trade(("SKU-1", 1, "60.00")))

    Relay().drain()

    assert InboxMessage.objects.get().status == "done"
    assert Order.objects.get().state == "preprocessing"
    delivery = Delivery.objects.get(handler="workflow.flows")
    assert (delivery.status, delivery.tries, delivery.error) == ("waiting", 1, "ZeroDivisionError: a mistake in a step")
    assert list(Order.objects.get().history.values_list("history_type", "state")) == [("+", "preprocessing")]

    monkeypatch.undo()
    Delivery.objects.update(due_at=delivery.due_at.replace(year=2020))
    Relay().drain()
    assert Order.objects.get().state == "in_fulfillment"


def test_intake_and_flow_are_one_transaction(transactional_db: None) -> None:
    world = World()
    one_round(world, world.trade(("SKU-1", 1, "60.00")))

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT xmin::text FROM orders_orderline), (SELECT xmin::text FROM events_outgoing),"
            " (SELECT xmin::text FROM finance_paymententry)"
        )
        line, command, entry = cursor.fetchone()
    assert line == command == entry
