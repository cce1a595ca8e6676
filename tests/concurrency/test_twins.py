"""Two orders that look the same, come in at one instant and fall to two relays: one of them waits for a person."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from channels_sync.adapters import tmall_mapping
from channels_sync.adapters.base import RawOrder
from channels_sync.keeping import order_message, source_of
from fulfillment.services import routing
from ordercenter.cases.models import Case
from ordercenter.events.inbox import receive
from ordercenter.events.lanes import lane_of
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.concurrency.threads import at_once, errors
from tests.flows.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def keep(world: World, trade: dict[str, Any]) -> None:
    """Keep a trade as the listener does."""
    body = json.dumps({"trade_fullinfo_get_response": {"trade": trade}}, ensure_ascii=False).encode()
    number = tmall_mapping.trade_number(trade)
    assert receive([order_message(world.account, RawOrder(number, trade, body, tmall_mapping.buyer_of(trade)))]) == 1


def twins(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two trades of one buyer for the same goods, whose own numbers fall into different lanes."""
    same = {"buyer_open_uid": "AAHtwin", "oaid": "oaid-twin"}
    first = world.trade(("SKU-1", 1, "60.00"), **same)
    lane = lane_of(f"{source_of(world.account)}:{first['tid']}")
    for _ in count():
        second = world.trade(("SKU-1", 1, "60.00"), **same)
        if lane_of(f"{source_of(world.account)}:{second['tid']}") != lane:
            return first, second
    raise AssertionError


def keep_and_drain(world: World, trade: dict[str, Any]) -> int:
    keep(world, trade)
    return Relay().drain()


def test_while_one_relay_has_the_first_in_hand_no_other_takes_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    first, second = twins(world)
    keep(world, first)
    meanwhile: list[list[Any]] = []
    route = routing.reserve_and_route

    def reserve_and_route(**given: Any) -> Any:
        if not meanwhile:
            # Checked, nothing locked that others want, and not committed: nobody else can see it.
            meanwhile.append([])
            meanwhile[0] = at_once(lambda: keep_and_drain(world, second))
        return route(**given)

    monkeypatch.setattr("fulfillment.services.reserve_and_route", reserve_and_route)
    Relay().drain()

    assert errors(meanwhile[0]) == []
    assert Order.objects.filter(state="in_fulfillment").count() == 1
    assert Case.objects.filter(code="DUPLICATE_SUSPECT", closed_at=None).count() == 1
