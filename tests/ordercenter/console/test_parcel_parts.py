"""Merge, split and gifts on the page of an order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from fulfillment.models import Shipment, SplitWish
from ordercenter.audit.models import Deed
from ordercenter.catalog.models import Channel, Shop, ShopAccess
from ordercenter.inventory.models import WarehouseAccess
from ordercenter.orders.models import GiftGrant, GiftRule, GiftTier, Order
from ordercenter.orders.states import GiftRuleKind
from tests.flows.outside import answer_everything, settle_down
from tests.flows.siblings import SAME, order_of, parcels, siblings
from tests.flows.world import World
from tests.fulfillment.floor.house import House
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    answer_everything(monkeypatch)
    return House()


def reader(world: World, *, role: str = "supervisor", language: str = "en") -> Client:
    user = person(role=role)
    ShopAccess.objects.create(user=user, shop=world.shop)
    for warehouse_id in Shipment.objects.values_list("warehouse_id", flat=True).distinct():
        WarehouseAccess.objects.create(user=user, warehouse_id=warehouse_id)
    return client_of(user, language=language)


def two_alone(house: House) -> tuple[Order, Order]:
    """Two orders of one buyer to one address that wait for a wave in parcels of their own."""
    first, second = siblings(house.world, "SKU-1", "SKU-2")
    house.world.deliver(first)
    settle_down()
    order_of(first)
    Order.objects.update(ships_alone=True)
    house.world.deliver(second)
    settle_down()
    Order.objects.update(ships_alone=False)
    assert parcels() == [("accepted", [str(first["tid"])[-1]]), ("accepted", [str(second["tid"])[-1]])]
    return order_of(first), order_of(second)


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def page(browser: Client, order: Order) -> str:
    return browser.get(f"/console/orders/{order.pk}/").content.decode()


def live() -> list[tuple[str, list[str]]]:
    return [(state, orders) for state, orders in parcels() if state != "cancelled"]


@pytest.mark.parametrize(("language", "words"), [("en", "Send them in one parcel"), ("zh-hans", "合并到一个包裹发出")])
def test_orders_of_one_buyer_are_offered_for_one_parcel_and_go_in_it(house: House, language: str, words: str) -> None:
    first, second = two_alone(house)
    browser = reader(house.world, language=language)

    shown = page(browser, first)
    assert words in shown
    assert f'name="with" value="{second.pk}" checked' in shown
    browser.post(f"/console/orders/{first.pk}/merge/", {"with": [second.pk], "reason": "one box"})
    settle_down()

    assert live() == [("accepted", [first.channel_order_no[-1], second.channel_order_no[-1]])]
    assert {d.reason for d in Deed.objects.filter(action="order.merge")} == {"one box"}
    shown = page(browser, first)
    assert 'name="with"' not in shown
    assert f"/console/orders/{second.pk}/" in shown


def test_what_is_being_picked_is_not_offered_and_is_refused_in_words(house: House) -> None:
    first, second = two_alone(house)
    wave = house.wave()
    house.pick(wave, "SKU-2")
    browser = reader(house.world)

    assert 'name="with"' not in page(browser, first)
    response = browser.post(f"/console/orders/{first.pk}/merge/", {"with": [second.pk]})

    assert len(said(response)) == 1
    assert said(response)[0].startswith("These orders cannot travel together.")
    assert len(live()) == 2
    assert not Deed.objects.filter(action="order.merge").exists()


@pytest.mark.parametrize("chosen", [[], ["x"], ["0"], ["99999999999999999999"], ["-1"]])
def test_a_merge_without_an_order_that_exists_changes_nothing(house: House, chosen: list[str]) -> None:
    first, _second = two_alone(house)

    response = reader(house.world).post(f"/console/orders/{first.pk}/merge/", {"with": chosen})

    assert said(response) == ["Choose the orders that shall travel with this one."]
    assert len(live()) == 2


def test_only_who_arranges_parcels_sees_the_forms_and_only_in_own_shops(house: House) -> None:
    first, second = two_alone(house)
    auditor = reader(house.world, role="auditor")

    for part in ("merge", "split", "unmerge"):
        address = f"/console/orders/{first.pk}/{part}/"
        assert f'action="{address}"' not in page(auditor, first)
        assert auditor.post(address, {"with": [second.pk]}).status_code == 403
    stranger = person(role="supervisor")
    other = Shop.objects.create(channel=Channel.objects.get(code="tmall"), code="other", name="别家")
    ShopAccess.objects.create(user=stranger, shop=other)
    for part in ("merge", "split", "unmerge"):
        assert client_of(stranger).post(f"/console/orders/{first.pk}/{part}/").status_code == 404
    assert len(live()) == 2


def test_an_order_leaves_the_shared_parcel_by_one_click(house: House) -> None:
    first, second = siblings(house.world, "SKU-1", "SKU-2")
    house.world.deliver(first, second)
    settle_down()
    assert len(live()) == 1
    browser = reader(house.world)

    assert "Let it travel by itself" in page(browser, order_of(first))
    browser.post(f"/console/orders/{order_of(first).pk}/unmerge/")
    settle_down()

    assert len(live()) == 2
    assert "Let it travel by itself" not in page(browser, order_of(first))
    twice = browser.post(f"/console/orders/{order_of(first).pk}/unmerge/")
    assert len(said(twice)) == 1
    assert len(live()) == 2


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> tuple[World, Order]:
    """An order of three pieces that waits for a person, so that it can be split."""
    answer_everything(monkeypatch)
    world = World(stock=20)
    world.deliver(world.trade(("SKU-1", 3, "100.00"), buyer_message="分两箱", has_buyer_message=True))
    settle_down()
    return world, Order.objects.get()


@pytest.mark.parametrize(
    ("language", "form", "done"),
    [("en", "Split into two parcels", "Leaves in two parcels"), ("zh-hans", "拆成两个包裹", "分两个包裹发出")],
)
def test_pieces_go_into_a_second_parcel_and_back(
    held: tuple[World, Order], language: str, form: str, done: str
) -> None:
    world, order = held
    line = order.lines.get()
    browser = reader(world, language=language)

    assert form in page(browser, order)
    browser.post(f"/console/orders/{order.pk}/split/", {f"line-{line.pk}": "1"})
    assert SplitWish.objects.get().quantity == 1
    shown = page(browser, order)
    assert done in shown
    assert 'value="1"' in shown
    browser.post(f"/console/orders/{order.pk}/split/")
    assert not SplitWish.objects.exists()


@pytest.mark.parametrize("pieces", ["-1", "1.5", "many", "１", "99999999999", "3", "4"])
def test_a_split_that_makes_no_sense_is_refused_and_changes_nothing(held: tuple[World, Order], pieces: str) -> None:
    world, order = held

    response = reader(world).post(f"/console/orders/{order.pk}/split/", {f"line-{order.lines.get().pk}": pieces})

    assert len(said(response)) == 1
    assert "leaves in two parcels" not in said(response)[0]
    assert not SplitWish.objects.exists()


def test_a_piece_of_somebody_elses_order_cannot_be_split_off(held: tuple[World, Order]) -> None:
    world, order = held
    world.deliver(world.trade(("SKU-2", 3, "100.00"), buyer_message="x", has_buyer_message=True, **SAME))
    settle_down()
    strange = Order.objects.exclude(pk=order.pk).get().lines.get()

    reader(world).post(f"/console/orders/{order.pk}/split/", {f"line-{strange.pk}": "1"})

    assert not SplitWish.objects.exists()


def test_the_page_says_which_gift_came_why_and_that_it_was_taken_back(house: House) -> None:
    since = timezone.now() - timedelta(days=1)
    rule = GiftRule.objects.create(name="满百送杯垫", shop=house.world.shop, kind=GiftRuleKind.AMOUNT, valid_from=since)
    GiftTier.objects.create(rule=rule, from_value=Decimal(100), sku=house.world.skus[9])
    house.order(("SKU-1", 2, "110.00"))
    order = Order.objects.get()
    browser = reader(house.world)

    shown = page(browser, order)
    assert "满百送杯垫" in shown
    assert "商品9" in shown
    assert "taken back" not in shown

    grant = GiftGrant.objects.get()
    GiftGrant.objects.filter(pk=grant.pk).update(ended_at=grant.granted_at)
    assert "taken back" in page(browser, order)
