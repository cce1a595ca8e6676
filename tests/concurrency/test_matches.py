"""A listing is bound while an order is judged by the old matches: the order does not wait for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.utils import timezone

from ordercenter.catalog.binding import Binding, bind_listings
from ordercenter.common.actor import SYSTEM
from ordercenter.common.scope import EVERYTHING
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from ordercenter.orders.services import matching
from tests.concurrency.threads import at_once, errors
from tests.flows.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_judged_while_its_listing_is_bound_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.deliver(world.trade(("NOT-OURS", 1, "51.00")))
    judged, judge = threading.Event(), matching.unmapped

    def judge_and_linger(*given: Any) -> Any:
        # The other begins to bind now, while this transaction has found nothing and has not told so yet.
        judged.set()
        binder.wait(3)
        return judge(*given)

    def bind() -> None:
        assert judged.wait(20)
        match = Binding(world.shop.pk, "680000000001", "510", "SKU-1")
        bind_listings(bindings=[match], scope=EVERYTHING, reason="new", at=timezone.now(), actor=SYSTEM)
        Relay().drain()
        binder.set()

    binder = threading.Event()
    monkeypatch.setattr(matching, "unmapped", judge_and_linger)

    assert errors(at_once(Relay().drain, bind)) == []
    Relay().drain()

    order = Order.objects.get()
    assert (order.state, order.is_on_hold) == ("in_fulfillment", False)
