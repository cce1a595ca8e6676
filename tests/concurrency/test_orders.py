"""Orders that several want to move at one instant: one effect, and whoever was late is told so."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from channels_sync.kinds import ORDER_KIND
from finance.models import PaymentEntry
from fulfillment.models import Parcel, Shipment
from ordercenter.audit.models import StateChange
from ordercenter.cases.models import Case
from ordercenter.cases.services import CaseDraft, claim_next, open_cases
from ordercenter.common.actor import Actor
from ordercenter.events.inbox import receive
from ordercenter.events.models import EventRow, InboxMessage
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import StockLevel
from ordercenter.orders.errors import OrderAlreadyShipped
from ordercenter.orders.models import Hold, Order, RefundRequest
from ordercenter.orders.services import TakenOrder, TakenRefund, cancel_orders, take_orders, take_refunds
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, refund, report

pytestmark = pytest.mark.django_db(transaction=True)


def test_cancel_and_ship_at_one_instant_have_one_winner_and_the_other_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_everything(monkeypatch)
    world = World()
    world.deliver(*(world.trade(("SKU-1", 1, "55.00"), ("SKU-2", 1, "56.00")) for _ in range(20)))
    settle_down()
    shipments = list(Shipment.objects.order_by("pk"))
    assert {shipment.state for shipment in shipments} == {"accepted"}
    before = deadlocks()

    for shipment in shipments:
        order_id = shipment.lines.values_list("order_id", flat=True)[0]
        cancelled, shipped = at_once(
            partial(cancel_orders, order_ids=[order_id], reason="buyer changed her mind"),
            partial(ship, shipment, tracking_no=f"ZT{shipment.pk}"),
        )
        assert not isinstance(cancelled, Exception)
        assert shipped is None
        order = Order.objects.get(pk=order_id)
        told = list(Case.objects.filter(subject=f"order:{order_id}").values_list("code", flat=True))
        refused = [type(refusal.error) for refusal in cancelled.refused]
        assert (order.state, told, refused) in [
            ("cancelled", ["SHIPPED_AFTER_CANCEL"], []),
            ("shipped", [], [OrderAlreadyShipped]),
        ]
    settle_down()

    assert deadlocks() == before
    assert Parcel.objects.count() == 20
    level = StockLevel.objects.get(warehouse=world.east, sku__code="SKU-1")
    assert (level.on_hand, level.reserved) == (980, 0)
    legal = {("in_fulfillment", "cancelled"), ("in_fulfillment", "shipped")}
    last = StateChange.objects.filter(machine="order", src="in_fulfillment")
    assert last.count() == 20
    assert set(last.values_list("src", "dst")) <= legal


def test_the_same_trade_five_times_at_one_instant_and_the_relays_side_by_side_make_one_order() -> None:
    world = World()
    trade = world.trade(("SKU-1", 2, "110.00"))
    # The same content under five names, as a message, its repeats and two pulls would bring it.
    messages = [replace(world.message(trade), message_id=f"m{n}") for n in range(5)]

    assert errors(at_once(*(partial(receive, [message]) for message in messages))) == []
    assert errors(at_once(*[Relay(side_by_side=2).drain] * 2)) == []
    while Relay().drain():
        pass

    order = Order.objects.get()
    assert (order.state, order.lines.get().reserved + order.lines.get().released) == ("in_fulfillment", 2)
    assert PaymentEntry.objects.count() == 1
    assert EventRow.objects.filter(name="orders.order.paid").count() == 1
    assert Shipment.objects.count() == 1
    assert set(InboxMessage.objects.filter(kind=ORDER_KIND).values_list("status", flat=True)) == {"done"}


def test_one_order_taken_in_from_five_sides_at_once_is_written_once() -> None:
    world = World(flows=False)

    def take() -> Any:
        return take_orders(taken=[TakenOrder(world.shop.pk, report("A1"))], at=NOON)

    answers = at_once(*[take] * 5)

    # Who loses the race for the unique key has changed nothing and finds the order the next time.
    assert set(errors(answers)) <= {"IntegrityError"}
    assert sum(len(a.created) for a in answers if not isinstance(a, Exception)) == 1
    assert take().created == []
    assert Order.objects.count() == 1
    assert EventRow.objects.filter(name="orders.order.paid").count() == 1


def test_a_refund_reported_twice_at_one_instant_gives_back_once() -> None:
    world = World(flows=False)
    (order,) = take_orders(taken=[TakenOrder(world.shop.pk, report("A1"))], at=NOON).created
    taken = [TakenRefund(order.pk, refund("A1", "succeeded", "60.00"))]

    answers = at_once(*[partial(take_refunds, taken=taken)] * 4)

    assert errors(answers) == []
    assert sum(len(answer.done) for answer in answers) == 1
    assert (Order.objects.get().state, Order.objects.get().refunded_amount) == ("cancelled", 60)
    assert RefundRequest.objects.count() == 1


def test_findings_of_two_sides_at_one_instant_are_one_hold_and_one_case() -> None:
    world = World(flows=False)
    (order,) = take_orders(taken=[TakenOrder(world.shop.pk, report("A1"))], at=NOON).created
    asked = [TakenRefund(order.pk, refund("A1", "requested", "30.00", channel_refund_no=f"R{n}")) for n in range(4)]

    assert errors(at_once(*(partial(take_refunds, taken=[each]) for each in asked))) == []

    assert Hold.objects.filter(released_at__isnull=True).count() == 1
    assert Case.objects.values_list("code", "times_seen").get() == ("REFUND_BEFORE_SHIP", 4)


def test_people_who_take_the_next_case_at_one_instant_never_get_the_same() -> None:
    users = get_user_model().objects.bulk_create(get_user_model()(username=f"u{n}") for n in range(4))
    open_cases(drafts=[CaseDraft("BLACKLIST", f"order:{n}") for n in range(3)])

    answers = at_once(
        *(
            partial(
                claim_next, among=Case.objects.all(), at=timezone.now(), actor=Actor("person", u.username, user_id=u.pk)
            )
            for u in users
        )
    )

    assert errors(answers) == []
    taken = [case.pk for case in answers if case is not None]
    assert len(taken) == len(set(taken)) == 3
