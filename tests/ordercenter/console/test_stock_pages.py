"""The stock pool pages: all about a SKU in both languages, and nothing of warehouses and shops of others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from ordercenter.catalog.models import ListingMatch
from ordercenter.inventory.models import ChannelPolicy, ChannelStock
from ordercenter.inventory.services import Expected, expect_supplies, plan_quota
from ordercenter.inventory.states import QuotaKind, SupplyKind
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = World(stock=10)
    now = timezone.now()
    sku = world.skus[1]
    expect_supplies(
        expected=[Expected(SupplyKind.PURCHASE, "PO-7", sku.pk, world.east.pk, 30, now.date() + timedelta(days=5))]
    )
    plan_quota(
        shop_id=world.shop.pk,
        sku_id=sku.pk,
        warehouse_id=world.east.pk,
        kind=QuotaKind.LIVE,
        quantity=4,
        starts_at=now,
        ends_at=now + timedelta(hours=2),
        reason="live",
        at=now,
    )
    ChannelPolicy.objects.create(shop=world.shop, share_percent=60)
    listing = ListingMatch.objects.create(shop=world.shop, listing_id="68", listing_sku_id="1", sku=sku)
    why = {"pool": 14, "share": 8, "own": 4, "offer": 12, "buffer": 2, "cap": None}
    ChannelStock.objects.create(listing=listing, published=10, why=why)
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    return world


def address(world: World) -> str:
    return reverse("console:stock-pool", args=[world.skus[1].pk])


@pytest.mark.parametrize(
    ("language", "why"),
    [
        ("en", "All shops share 14; 8 of them are this shop's part, and 4 are set aside for it. It may offer 12;"),
        ("zh-hans", "各店铺共享 14 件，其中 8 件为本店份额，另有 4 件为其预留。可售 12 件；"),
    ],
)
def test_a_sku_says_what_lies_where_who_holds_it_and_why_channels_are_told_their_number(
    world: World, language: str, why: str
) -> None:
    browser = client_of(person(superuser=True), language=language)

    page = browser.get(address(world)).content.decode()

    assert why in page
    for shown in ("华东仓", "华南仓", "PO-7", "木棉家居旗舰店", "2/4", "60 %", "<rect"):
        assert shown in page
    assert browser.get(reverse("console:stock")).status_code == 200


def test_the_list_finds_a_sku_by_its_code(world: World) -> None:
    browser = client_of(person(superuser=True), language="en")

    page = browser.get(reverse("console:stock"), {"q": "SKU-1"}).content.decode()

    assert "SKU-1" in page
    assert "SKU-2" not in page


def test_a_warehouse_sees_its_own_rows_only(world: World) -> None:
    stranger = client_of(person(role="warehouse"))

    assert stranger.get(address(world)).status_code == 404


def test_without_the_permission_there_is_no_page(world: World) -> None:
    assert client_of(person()).get(reverse("console:stock")).status_code == 403
