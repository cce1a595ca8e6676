"""Orders that we meet late: held, closed, shipped, half paid or changed at the channel before we saw them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.events.models import Delivery, EventRow, InboxMessage, OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import release_holds
from tests.flows.world import SHANGHAI, World

pytestmark = pytest.mark.django_db
PERSON = Actor("person", "lin")


@pytest.fixture
def world() -> World:
    return World()


def take(world: World, trade: dict[str, Any], *, seconds_later: int = 0, **changes: Any) -> Order:
    """Deliver the trade as it is some seconds later, and let everything that follows happen."""
    modified = (timezone.now() + timedelta(seconds=seconds_later)).astimezone(SHANGHAI)
    world.deliver({**trade, "modified": f"{modified:%Y-%m-%d %H:%M:%S}", **changes})
    Relay().drain()
    return Order.objects.get(channel_order_no=trade["tid_str"])


def holds(order: Order) -> list[tuple[str, bool]]:
    return [(h.code, h.released_at is None) for h in Hold.objects.filter(order=order).order_by("pk")]


@pytest.mark.parametrize("status", ["TRADE_CLOSED", "TRADE_CLOSED_BY_TAOBAO"])
def test_a_trade_that_is_closed_when_we_first_see_it_is_kept_and_never_shipped(world: World, status: str) -> None:
    order = take(world, world.trade(("SKU-1", 2, "110.00"), ("SET-1", 1, "89.90")), status=status)

    assert (order.state, order.cancel_reason) == ("cancelled", f"closed by the channel ({status})")
    assert list(order.lines.order_by("line_no").values_list("ordered", "cancelled", "unplanned")) == [
        (2, 2, 0),
        (1, 1, 0),
    ]
    assert not OutgoingCommand.objects.exists()
    assert not Case.objects.exists()
    assert not Delivery.objects.exclude(status="done").exists()


@pytest.mark.parametrize("status", ["SELLER_CONSIGNED_PART", "WAIT_BUYER_CONFIRM_GOODS", "TRADE_FINISHED"])
def test_goods_that_somebody_else_has_sent_are_not_sent_again_before_a_person_says_so(
    world: World, status: str
) -> None:
    order = take(world, world.trade(("SKU-1", 1, "60.00")), status=status)

    assert (order.state, holds(order)) == ("preprocessing", [("SHIPPED_ELSEWHERE", True)])
    assert not OutgoingCommand.objects.exists()

    release_holds(order_ids=[order.pk], reason="the platform is wrong, checked by phone", actor=PERSON)
    Relay().drain()

    assert OutgoingCommand.objects.get().kind == "qimen.deliveryorder.create"


def test_an_order_that_is_shipped_at_the_channel_while_it_waits_here_is_held_once(world: World) -> None:
    trade = world.trade(("SKU-1", 1, "60.00"), buyer_message="送人的", has_buyer_message=True)
    take(world, trade)

    order = take(world, trade, seconds_later=5, status="WAIT_BUYER_CONFIRM_GOODS")
    assert holds(order) == [("REMARK_NEEDS_HUMAN", True), ("SHIPPED_ELSEWHERE", True)]

    release_holds(order_ids=[order.pk], reason="that was another parcel", actor=PERSON)
    order = take(world, trade, seconds_later=9, status="WAIT_BUYER_CONFIRM_GOODS", seller_memo="")
    assert holds(order) == [("REMARK_NEEDS_HUMAN", False), ("SHIPPED_ELSEWHERE", False)]
    assert order.state == "in_fulfillment"


def test_an_order_that_the_channel_holds_goes_on_by_itself_when_the_channel_lets_it_go(world: World) -> None:
    trade = world.trade(("SKU-1", 1, "60.00"), top_hold=1)
    held = take(world, trade)
    assert (held.state, holds(held)) == ("preprocessing", [("CHANNEL_HELD", True)])
    assert list(Case.objects.values_list("code", "state")) == [("CHANNEL_HELD", "open")]

    order = take(world, trade, seconds_later=5, top_hold=0)

    assert (order.state, holds(order)) == ("in_fulfillment", [("CHANNEL_HELD", False)])
    assert list(Case.objects.values_list("code", "state")) == [("CHANNEL_HELD", "auto_resolved")]


def test_a_corrected_address_lets_the_order_go_on_and_a_worse_one_holds_it_anew(world: World) -> None:
    trade = world.trade(("SKU-1", 1, "60.00"), receiver_state="")
    assert holds(take(world, trade)) == [("ADDRESS_INCOMPLETE", True)]

    still = take(world, trade, seconds_later=5, receiver_address="")
    assert holds(still) == [("ADDRESS_INCOMPLETE", False), ("ADDRESS_INCOMPLETE", True)]
    assert Case.objects.get(state="open").evidence == {"missing": ["province", "address"]}

    good = take(world, trade, seconds_later=9, receiver_state="广东省")
    assert good.state == "in_fulfillment"
    assert good.contact is not None
    assert good.contact.province == "广东省"


def test_the_balance_of_a_presale_may_be_announced_any_number_of_times_before_it_is_paid(world: World) -> None:
    trade = world.trade(("SKU-1", 1, "60.00"), type="step", step_paid_fee="10.00")
    due = {"status": "WAIT_BUYER_PAY", "step_trade_status": "FRONT_PAID_FINAL_NOPAID", "pay_time": ""}
    assert take(world, trade, **due).state == "awaiting_balance"
    assert take(world, trade, seconds_later=3, **due, seller_flag=1).state == "awaiting_balance"

    paid = take(world, trade, seconds_later=6, step_trade_status="FRONT_PAID_FINAL_PAID")

    assert paid.state == "in_fulfillment"
    assert list(EventRow.objects.filter(name="orders.order.paid").values_list("payload__amount", flat=True)) == [
        "60.00"
    ]
    assert not InboxMessage.objects.exclude(status="done").exists()
