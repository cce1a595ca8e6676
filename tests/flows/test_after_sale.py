"""Returns, exchanges and price protection, from the channel's word to the warehouse that gets the goods back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fulfillment.models import InboundLine, InboundOrder, Shipment
from fulfillment.services.bringing import CANCEL_INBOUND_KIND
from fulfillment.services.inbound import RETURN_KIND
from ordercenter.cases.models import Case
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order, RefundRequest
from ordercenter.orders.services import TakenRefund, take_refunds
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.ordercenter.orders.incoming import refund

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World()


def order_of(world: World, *lines: tuple[str, int, str], has_left: bool) -> Order:
    trade = world.trade(*lines)
    world.deliver(trade)
    settle_down()
    if has_left:
        ship(Shipment.objects.get(), tracking_no="ZT1")
        settle_down()
    return Order.objects.get()


def tell(order: Order, status: str, amount: str, kind: str, *, version: int = 1, line: int = 1, **changes: Any) -> None:
    """One word of the channel about the order's nth line, and all that follows of it in the house."""
    no = order.lines.order_by("line_no")[line - 1].channel_line_no
    word = refund(order.channel_order_no, status, amount, version=version, kind=kind, channel_line_no=no, **changes)
    take_refunds(taken=[TakenRefund(order.pk, word)]).raise_first()
    Relay().drain()


def announced() -> list[tuple[str, dict[str, int]]]:
    lines = InboundLine.objects.order_by("inbound_id", "sku__code").values_list("inbound_id", "sku__code", "planned")
    found: dict[int, dict[str, int]] = {pk: {} for pk in InboundOrder.objects.values_list("pk", flat=True)}
    for inbound_id, sku, planned in lines:
        found[inbound_id][sku] = planned
    return [(InboundOrder.objects.get(pk=pk).state, pieces) for pk, pieces in found.items()]


def test_a_return_that_was_agreed_to_is_announced_once_to_the_warehouse_the_goods_left_from(world: World) -> None:
    order = order_of(world, ("SKU-1", 3, "150.00"), has_left=True)
    tell(order, "requested", "100.00", "return", quantity=2)
    assert announced() == []

    tell(order, "agreed", "100.00", "return", version=2, quantity=2)
    tell(order, "returning", "100.00", "return", version=3, quantity=2, return_no="sf123", return_carrier="SF")

    inbound = InboundOrder.objects.get()
    assert announced() == [("sent", {"SKU-1": 2})]
    assert (inbound.kind, inbound.order_id, inbound.warehouse_id) == ("return", order.pk, world.east.pk)
    assert (inbound.tracking_no, inbound.carrier_code) == ("SF123", "SF")
    assert inbound.shipment_code == Shipment.objects.get().code
    assert OutgoingCommand.objects.filter(kind=RETURN_KIND).count() == 1


def test_of_a_bundle_every_part_comes_back_and_never_more_than_is_out(world: World) -> None:
    order = order_of(world, ("SET-1", 2, "180.00"), has_left=True)

    tell(order, "agreed", "180.00", "return", quantity=5)

    assert announced() == [("sent", {"SKU-0": 2, "SKU-1": 4})]


def test_a_return_that_is_withdrawn_is_called_off_at_the_warehouse(world: World) -> None:
    order = order_of(world, ("SKU-1", 1, "50.00"), has_left=True)
    tell(order, "agreed", "50.00", "return")

    tell(order, "withdrawn", "50.00", "return", version=2)
    tell(order, "withdrawn", "50.00", "return", version=3)

    commands = OutgoingCommand.objects.filter(kind=CANCEL_INBOUND_KIND)
    assert [c.payload["inbound_id"] for c in commands] == [InboundOrder.objects.get().pk]


def test_agreed_and_withdrawn_in_one_list_leaves_nothing_announced(world: World) -> None:
    order = order_of(world, ("SKU-1", 1, "50.00"), has_left=True)
    no = order.lines.get().channel_line_no
    agreed = refund(order.channel_order_no, "agreed", "50.00", kind="return", channel_line_no=no)
    gone = replace(agreed, status="withdrawn", version=2)

    take_refunds(taken=[TakenRefund(order.pk, gone), TakenRefund(order.pk, agreed)]).raise_first()
    Relay().drain()

    assert announced() == []
    assert RefundRequest.objects.get().status == "closed"


def test_what_is_asked_before_shipping_is_kept_in_the_house_and_nothing_is_announced(world: World) -> None:
    order = order_of(world, ("SKU-1", 1, "50.00"), has_left=False)

    tell(order, "agreed", "0.00", "exchange")

    assert announced() == []
    order.refresh_from_db()
    assert order.is_on_hold
    assert Shipment.objects.get().state == "intercepting"
    (case,) = Case.objects.filter(code="REFUND_BEFORE_SHIP")
    assert case.evidence["kind"] == "exchange"


def test_an_exchange_of_goods_that_left_is_a_case_until_the_channel_says_that_it_is_over(world: World) -> None:
    order = order_of(world, ("SKU-1", 1, "50.00"), has_left=True)
    tell(order, "requested", "0.00", "exchange")
    (case,) = Case.objects.filter(code="AFTERSALE_GOODS")
    assert (case.state, case.evidence["pieces"]) == ("open", 1)

    tell(order, "agreed", "0.00", "exchange", version=2)
    tell(order, "succeeded", "0.00", "exchange", version=3)

    assert announced() == [("sent", {"SKU-1": 1})]
    case.refresh_from_db()
    assert case.state == "auto_resolved"
    order.refresh_from_db()
    assert order.refunded_amount == Decimal(0)
    assert not EventRow.objects.filter(name="orders.refund.succeeded").exists()


def test_price_protection_pays_back_and_lets_the_goods_go_on(world: World) -> None:
    order = order_of(world, ("SKU-1", 1, "50.00"), has_left=False)

    tell(order, "requested", "5.00", "price_protection")
    tell(order, "succeeded", "5.00", "price_protection", version=2)

    order.refresh_from_db()
    assert (order.is_on_hold, order.state, order.refunded_amount) == (False, "in_fulfillment", Decimal("5.00"))
    assert Shipment.objects.get().state == "accepted"
    assert order.lines.get().refund_status == "none"
    assert not Case.objects.exists()


def test_a_price_protection_that_is_open_does_not_keep_a_withdrawn_refund_held(world: World) -> None:
    order = order_of(world, ("SKU-1", 1, "50.00"), has_left=False)
    tell(order, "requested", "5.00", "price_protection", channel_refund_no="P1")
    tell(order, "requested", "50.00", "refund", channel_refund_no="R1")
    order.refresh_from_db()
    assert order.is_on_hold

    tell(order, "withdrawn", "50.00", "refund", version=2, channel_refund_no="R1")

    order.refresh_from_db()
    assert not order.is_on_hold
