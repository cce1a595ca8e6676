"""Goods that are sold before they are there: pre-sales and what is made to order, and goods nobody is to be told of."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from channels_sync.publishing import publish_stock
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import ListingMatch
from ordercenter.common.actor import SYSTEM
from ordercenter.inventory.models import (
    ChannelPolicy,
    ChannelStock,
    Component,
    ProductionResource,
    ProductionRoute,
    StockPolicy,
)
from ordercenter.inventory.services import (
    Expected,
    Share,
    WaitingLine,
    expect_supplies,
    note_changes_of_shop,
    plan_capacity,
    promise_lines,
    set_share,
)
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.states import StockSource, SupplyKind
from tests.flows.world import World

pytestmark = pytest.mark.django_db
NOW = timezone.now() - timedelta(minutes=5)
TODAY = NOW.astimezone(SHANGHAI).date()


@pytest.fixture
def world() -> World:
    world = World(stock=0, flows=False)
    for n in (0, 1):
        ListingMatch.objects.create(shop=world.shop, listing_id="68", listing_sku_id=f"s{n}", sku=world.skus[n])
    ListingMatch.objects.create(shop=world.shop, listing_id="68", listing_sku_id="s9", sku=world.bundle)
    ChannelPolicy.objects.create(shop=world.shop)
    note_changes_of_shop(shop_id=world.shop.pk)
    publish_stock(at=NOW)
    return world


def told(listing: str = "s0") -> int:
    return ChannelStock.objects.values_list("published", flat=True).get(listing__listing_sku_id=listing)


def made(world: World, *, minutes: int, days: int = 3, parts: dict[int, int] | None = None) -> ProductionResource:
    """SKU-0 is made to order, ten minutes a piece, from tomorrow on."""
    resource = ProductionResource.objects.create(code="M1", name="M", warehouse=world.east)
    plan_capacity(resource_id=resource.pk, days=[TODAY + timedelta(days=n) for n in range(days)], minutes=minutes)
    route = ProductionRoute.objects.create(sku=world.skus[0], resource=resource, minutes_per_unit=10, setup_days=1)
    for n, pieces in (parts or {}).items():
        Component.objects.create(route=route, part=world.skus[n], quantity=pieces)
    StockPolicy.objects.create(sku=world.skus[0], source=StockSource.MADE_TO_ORDER)
    return resource


def comes(world: World, n: int, pieces: int, due_on: date = TODAY + timedelta(days=9)) -> None:
    expected = Expected(SupplyKind.PURCHASE, f"P{n}", world.skus[n].pk, world.east.pk, pieces, due_on)
    expect_supplies(expected=[expected], at=NOW)


def wanted(world: World, n: int, pieces: int) -> None:
    with unit_of_work(at=NOW, actor=SYSTEM) as work:
        promise_lines(lines=[WaitingLine(1, 1, world.skus[n].pk, pieces)], work=work)


def test_a_presale_offers_what_is_coming_less_what_is_promised_of_it(world: World) -> None:
    StockPolicy.objects.create(sku=world.skus[0], source=StockSource.PRESALE, ships_on=TODAY + timedelta(days=20))
    comes(world, 0, 50)
    comes(world, 1, 50)
    publish_stock(at=NOW + timedelta(seconds=10))
    before = told()
    wanted(world, 0, 8)
    publish_stock(at=NOW + timedelta(seconds=20))

    # What only comes from stock is not offered before it lies there.
    assert (before, told(), told("s1"), told("s9")) == (50, 42, 0, 0)
    assert ChannelStock.objects.get(listing__listing_sku_id="s0").why["coming"] == 42


def test_what_is_made_to_order_is_offered_from_the_free_minutes_of_its_workshop(world: World) -> None:
    made(world, minutes=65)
    publish_stock(at=NOW + timedelta(seconds=10))
    before = told()
    wanted(world, 0, 4)
    publish_stock(at=NOW + timedelta(seconds=20))

    # Two days of 65 minutes make thirteen; today there is no time any more to begin.
    assert (before, told()) == (13, 9)
    assert publish_stock(at=NOW + timedelta(seconds=30)) == 0


def test_no_more_can_be_made_than_there_are_parts_for(world: World) -> None:
    made(world, minutes=600, parts={2: 3})
    publish_stock(at=NOW + timedelta(seconds=10))
    without = told()
    world.stock({"SKU-2": 16}, warehouse=world.east, key="parts")
    publish_stock(at=NOW + timedelta(seconds=20))

    assert (without, told()) == (0, 5)


def test_what_could_be_made_today_is_offered_no_more_tomorrow(world: World) -> None:
    made(world, minutes=100)
    publish_stock(at=NOW + timedelta(seconds=10))
    before = told()

    publish_stock(at=NOW + timedelta(days=1))

    assert (before, told()) == (20, 10)


def test_a_workshop_that_stops_takes_its_pieces_off_the_number(world: World) -> None:
    resource = made(world, minutes=100)
    publish_stock(at=NOW + timedelta(seconds=10))
    ProductionResource.objects.filter(pk=resource.pk).update(is_active=False)

    assert publish_stock(at=NOW + timedelta(seconds=20)) == 1
    assert told() == 0


def test_a_sku_whose_own_policy_is_not_active_is_told_nowhere_in_its_shop(world: World) -> None:
    share = Share(share_percent=100, is_active=False)
    set_share(shop_id=world.shop.pk, sku_id=world.skus[0].pk, share=share, reason="typed there", at=NOW, actor=SYSTEM)
    world.stock({"SKU-0": 7, "SKU-1": 5})
    publish_stock(at=NOW + timedelta(seconds=10))

    assert (told("s0"), told("s1")) == (0, 10)
    ChannelPolicy.objects.filter(sku=world.skus[0]).update(is_active=True)
    note_changes_of_shop(shop_id=world.shop.pk, sku_id=world.skus[0].pk)
    publish_stock(at=NOW + timedelta(seconds=20))
    assert told("s0") == 14
