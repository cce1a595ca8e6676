"""Why this warehouse, through the API."""

from __future__ import annotations

import pytest

from fulfillment.models import RoutingDecision
from ordercenter.catalog.api_keys import create_key
from ordercenter.common.actor import SYSTEM
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.flows.world import World
from tests.ordercenter.api.company import READ, Caller, Company

pytestmark = pytest.mark.django_db


def test_the_kept_decisions_are_read_as_data_and_in_words() -> None:
    world = World()
    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()
    order = Order.objects.get()
    _key, secret = create_key(name="bi", grants={world.shop.pk: [READ]}, actor=SYSTEM)

    answer = Caller(secret).get(f"orders/{order.pk}/routing")

    assert answer.status_code == 200
    (decision,) = answer.json()["decisions"]
    assert (decision["outcome"], decision["headline"]) == ("routed", "华东仓 by 中通快递, ¥6.50 in all")
    assert [(c["warehouse"], c["verdict"], c["cost_fen"], c["terms"]) for c in decision["candidates"]] == [
        ("华东仓", "chosen", 650, {"freight": 500, "handling": 150}),
        ("华南仓", "dearer", 950, {"freight": 800, "handling": 150}),
    ]
    assert decision["record"]["parcels"][0]["warehouse"] == world.east.pk
    assert (
        Caller(secret, language="zh-hans").get(f"orders/{order.pk}/routing").json()["decisions"][0]["headline"]
        == "华东仓，中通快递，合计 ¥6.50"
    )


def test_a_refused_order_says_why(company: Company, caller: Caller) -> None:
    [order] = company.orders(1)
    record = {"v": 2, "rules": 0, "problem": "short", "short": [company.sku.pk], "missing": []}
    RoutingDecision.objects.create(order=order, outcome="refused", code="inventory.out_of_stock", record=record)

    (decision,) = caller.get(f"orders/{order.pk}/routing").json()["decisions"]

    assert decision["headline"] == "No warehouse that may ship it has enough of SKU-1"


def test_an_order_of_another_shop_does_not_exist(company: Company, caller: Caller) -> None:
    [order] = company.orders(1, shop=company.other)

    assert caller.get(f"orders/{order.pk}/routing").status_code == 404
