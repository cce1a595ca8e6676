"""Pages about routing: why this warehouse, pinning by hand."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import CourierRate, RoutingPin, Shipment
from fulfillment.routing.rule_document import standard_document
from fulfillment.services.routing_rules import install_rules
from ordercenter.catalog.models import ShopAccess
from ordercenter.common.actor import SYSTEM
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
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


@pytest.mark.parametrize("number", ["0", "2147483648", "9" * 40, "1e3", "²"])
def test_a_warehouse_that_there_is_not_is_no_page_and_no_crash(browser: Client, number: str) -> None:
    order = routed(World(stock=0))

    answer = browser.post(
        reverse("console:order-pin", args=[order.pk]), {"warehouse": number, "policy": "hold", "reason": "near"}
    )

    assert answer.status_code == 404
    assert not RoutingPin.objects.exists()


def test_an_order_that_has_ended_is_not_pinned_any_more(browser: Client) -> None:
    order = routed(World())
    address = reverse("console:order-routing", args=[order.pk])
    assert "Say it by hand" in browser.get(address).content.decode()

    cancel_orders(order_ids=[order.pk], reason="buyer", actor=SYSTEM).raise_first()

    assert "Say it by hand" not in browser.get(address).content.decode()


def test_a_warehouse_that_costs_the_same_is_equal_and_not_dearer(browser: Client) -> None:
    world = World()
    CourierRate.objects.update(first_fee=5)

    text = browser.get(reverse("console:order-routing", args=[routed(world).pk])).content.decode()

    assert "华南仓 would cost just as much" in text
    assert "has everything and costs the same; of equals the first of the list ships" in text
    assert "¥0.00" not in text


def test_prices_are_told_by_their_day_and_cells_by_their_name_on_a_phone(browser: Client) -> None:
    order = routed(World())

    text = browser.get(reverse("console:order-routing", args=[order.pk])).content.decode()

    when = timezone.localtime(Shipment.objects.get().created_at).strftime("%Y-%m-%d %H:%M")
    assert f"standard rules · prices of couriers as of {when}" in text
    assert Shipment.objects.get().decision["rates"] not in text
    assert '<td data-label="carrier">中通快递</td>' in text


def test_what_rules_add_to_prefer_is_no_money_in_the_headline(browser: Client) -> None:
    world = World()
    prefer = {"id": "near", "kind": "add_cost", "fen": -230, "warehouses": ["EAST"]}
    install_rules({**standard_document(), "rules": [prefer]})

    text = browser.get(reverse("console:order-routing", args=[routed(world).pk])).content.decode()

    assert "华东仓 by 中通快递, ¥6.50 in all" in text
    assert "To compare, rules count ¥2.30 less, which nobody saves" in text


def test_an_order_of_another_shop_has_no_such_page() -> None:
    mine, other = make_branch("A"), make_branch("B")
    user = person(permissions=("orders.view_order", "fulfillment.view_shipment"))
    ShopAccess.objects.create(user=user, shop=mine.shop)
    theirs = Order.objects.get(shop=other.shop)

    assert client_of(user).get(reverse("console:order-routing", args=[theirs.pk])).status_code == 404
