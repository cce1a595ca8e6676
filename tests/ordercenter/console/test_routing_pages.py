"""Pages about routing: why this warehouse, pinning by hand."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from fulfillment.models import RoutingPin
from ordercenter.catalog.models import ShopAccess
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, make_branch, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return client_of(person("li", superuser=True))


def routed(world: World) -> Order:
    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()
    return Order.objects.latest("pk")


def test_the_page_says_what_was_looked_at_and_draws_the_costs(browser: Client) -> None:
    order = routed(World())

    text = browser.get(reverse("console:order-routing", args=[order.pk])).content.decode()

    for expected in (
        "华东仓 by 中通快递, ¥6.50 in all",
        "The next best is 华南仓, ¥3.00 dearer",
        "it would have to be more than ¥3.00 cheaper",
        'class="term-freight" x="0" y="0" width="126"',
        "freight ¥5.00",
    ):
        assert expected in text


def test_the_page_of_the_order_leads_there(browser: Client) -> None:
    order = routed(World())

    text = browser.get(reverse("console:order", args=[order.pk])).content.decode()

    assert reverse("console:order-routing", args=[order.pk]) in text


def test_an_order_that_waits_is_pinned_by_hand_with_a_reason(browser: Client) -> None:
    world = World(stock=0)
    order = routed(world)
    address = reverse("console:order-pin", args=[order.pk])

    refused = browser.post(address, {"warehouse": world.south.pk, "policy": "hold", "reason": " "}, follow=True)
    assert "A reason is needed." in refused.content.decode()
    assert not RoutingPin.objects.exists()

    done = browser.post(address, {"warehouse": world.south.pk, "policy": "hold", "reason": "near"}, follow=True)
    assert "pinned to 华南仓" in done.content.decode()
    assert RoutingPin.objects.get().created_by is not None


def test_whoever_may_not_pin_is_refused() -> None:
    world = World(stock=0)
    order = routed(world)
    reader = client_of(person(role="auditor"))

    answer = reader.post(
        reverse("console:order-pin", args=[order.pk]), {"warehouse": world.south.pk, "policy": "hold", "reason": "x"}
    )

    assert answer.status_code == 403
    assert not RoutingPin.objects.exists()


def test_an_order_of_another_shop_has_no_such_page() -> None:
    mine, other = make_branch("A"), make_branch("B")
    user = person(permissions=("orders.view_order", "fulfillment.view_shipment"))
    ShopAccess.objects.create(user=user, shop=mine.shop)
    theirs = Order.objects.get(shop=other.shop)

    assert client_of(user).get(reverse("console:order-routing", args=[theirs.pk])).status_code == 404
