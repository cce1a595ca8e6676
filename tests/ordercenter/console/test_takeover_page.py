"""The page on which an urgent order gets the goods of less urgent ones, and the same through the API."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from ordercenter.audit.models import Deed
from ordercenter.catalog.api_keys import create_key
from ordercenter.catalog.models import Shop, ShopAccess
from ordercenter.common.actor import SYSTEM
from ordercenter.console.roles import OPERATOR, SUPERVISOR
from ordercenter.inventory.models import StockPolicy, StockTakeover
from ordercenter.orders.models import Order
from tests.fulfillment.test_taking_over import allow, buy, soft_world
from tests.ordercenter.api.company import READ, WRITE, Caller
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> tuple[Order, Order]:
    """A normal order that has the goods, and a VIP order that wants them; the cap came after it."""
    world = soft_world()
    world.stock({"SKU-1": 2}, warehouse=world.east)
    normal, vip = buy(world, 60, ("SKU-1", 2)), buy(world, 600, ("SKU-1", 1))
    allow(world, 1, 100)
    return normal, vip


def supervisor(shop: Shop) -> Client:
    user = person("wang", role=SUPERVISOR)
    ShopAccess.objects.create(user=user, shop=shop)
    return client_of(user)


def test_a_supervisor_sees_who_would_give_and_does_it_for_a_reason(pair: tuple[Order, Order]) -> None:
    normal, vip = pair
    browser, address = supervisor(vip.shop), reverse("console:order-takeover", args=[vip.pk])
    assert address in browser.get(reverse("console:order", args=[vip.pk])).content.decode()

    text = browser.get(address).content.decode()
    assert normal.channel_order_no in text
    assert "2 × SKU-1 (华东仓)" in text
    assert not StockTakeover.objects.exists()

    refused = browser.post(address, {"reason": " "}, follow=True)
    assert "reason" in refused.content.decode()
    assert not StockTakeover.objects.exists()
    done = browser.post(address, {"reason": "promised by phone"}, follow=True)

    assert "2 pieces of others" in done.content.decode()
    assert StockTakeover.objects.get().by is not None
    assert Deed.objects.filter(action="order.take_over", reason="promised by phone").count() == 1
    assert "promised by phone" in browser.get(address).content.decode()


def test_what_keeps_it_from_being_done_is_said(pair: tuple[Order, Order]) -> None:
    _normal, vip = pair
    StockPolicy.objects.update(rush_cap_percent=0)

    text = supervisor(vip.shop).get(reverse("console:order-takeover", args=[vip.pk])).content.decode()

    assert "None of its goods may change hands" in text
    assert '<form method="post" class="filters">' not in text


def test_an_operator_may_not(pair: tuple[Order, Order]) -> None:
    user = person("li", role=OPERATOR)
    ShopAccess.objects.create(user=user, shop=pair[1].shop)
    browser = client_of(user)
    address = reverse("console:order-takeover", args=[pair[1].pk])

    assert browser.get(address).status_code == 403
    assert browser.post(address, {"reason": "x"}).status_code == 403
    assert not StockTakeover.objects.exists()


def test_orders_of_shops_that_one_does_not_see_give_nothing(pair: tuple[Order, Order]) -> None:
    normal, vip = pair
    other = Shop.objects.create(channel=vip.shop.channel, code="tm2", name="二店")
    Order.objects.filter(pk=normal.pk).update(shop=other)
    browser = supervisor(vip.shop)
    address = reverse("console:order-takeover", args=[vip.pk])

    text = browser.get(address).content.decode()
    browser.post(address, {"reason": "x"})

    assert normal.channel_order_no not in text
    assert "No less urgent order has these goods" in text
    assert not StockTakeover.objects.exists()


def test_another_system_looks_and_does_it_with_its_key(pair: tuple[Order, Order]) -> None:
    normal, vip = pair
    reader = Caller(create_key(name="r", grants={vip.shop_id: [READ]}, actor=SYSTEM, expires_at=None)[1])
    writer = Caller(create_key(name="w", grants={vip.shop_id: [READ, WRITE]}, actor=SYSTEM, expires_at=None)[1])
    gives = [{"sku": "SKU-1", "warehouse": "EAST", "pieces": 2}]
    giver = {"order_id": normal.pk, "channel_order_no": normal.channel_order_no, "grade": "normal", "gives": gives}

    assert reader.get(f"orders/{vip.pk}/takeover/preview").json() == {"problem": "", "why": "", "givers": [giver]}
    assert reader.post(f"orders/{vip.pk}/takeover", {"reason": "phone"}).status_code == 403
    assert not StockTakeover.objects.exists()

    done = writer.post(f"orders/{vip.pk}/takeover", {"reason": "phone"})
    assert (done.status_code, done.json()["givers"]) == (200, [giver])
    assert StockTakeover.objects.get().reason == "phone"

    again = writer.post(f"orders/{vip.pk}/takeover", {"reason": "phone"})
    assert (again.status_code, again.json()["code"]) == (409, "fulfillment.takeover_impossible")
    assert StockTakeover.objects.count() == 1
