"""Numbers that have to change although no stock moved: sales slow down, a house closes, goods are matched anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_sync.publishing import publish_stock
from ordercenter.catalog.models import BundlePart, ListingMatch
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.inventory.models import ChannelPolicy, ChannelStock, StockChange
from ordercenter.inventory.services import note_changes_of_shop
from ordercenter.inventory.services.reserving import Promise, reserve_stock
from tests.flows.world import World

pytestmark = pytest.mark.django_db
NOW = timezone.now() - timedelta(minutes=30)


@pytest.fixture
def world() -> World:
    world = World(stock=100, flows=False)
    ListingMatch.objects.create(shop=world.shop, listing_id="68", listing_sku_id="s0", sku=world.skus[0])
    ChannelPolicy.objects.create(shop=world.shop)
    note_changes_of_shop(shop_id=world.shop.pk)
    publish_stock(at=NOW - timedelta(minutes=1))
    return world


def sell(world: World, pieces: int, after: timedelta = timedelta(0)) -> None:
    promise = Promise(1, 1, world.skus[0].pk, world.east.pk, pieces, world.shop.pk)
    reserve_stock(promises=[promise], at=NOW + after).raise_first()


def told() -> tuple[int, int]:
    row = ChannelStock.objects.get()
    return row.published, row.why["buffer"]


def stale() -> list[str]:
    checks = [check for check in CHECKS if check.name == "published_number_has_reasons"]
    (verdict,) = run_checks(checks, stale_before=timezone.now() - timedelta(minutes=10))
    return [found for _subject, found in verdict.sample]


def test_what_was_kept_back_while_goods_sold_fast_is_offered_when_they_do_not_any_more(world: World) -> None:
    sell(world, 60)
    publish_stock(at=NOW)

    # Sixty in ten minutes, ten seconds on the way, twice and a half: three pieces stay back.
    assert told() == (137, 3)
    assert publish_stock(at=NOW + timedelta(minutes=9)) == 0
    assert publish_stock(at=NOW + timedelta(minutes=10, seconds=1)) == 1
    assert told() == (140, 0)
    assert ChannelStock.objects.get().again_at is None
    assert publish_stock(at=NOW + timedelta(hours=1)) == 0


def test_a_buffer_falls_step_by_step_as_sales_grow_old(world: World) -> None:
    sell(world, 60)
    sell_more = Promise(2, 2, world.skus[0].pk, world.east.pk, 40, world.shop.pk)
    reserve_stock(promises=[sell_more], at=NOW + timedelta(minutes=5)).raise_first()
    publish_stock(at=NOW + timedelta(minutes=5))
    fast = told()

    publish_stock(at=NOW + timedelta(minutes=11))
    slower = told()
    publish_stock(at=NOW + timedelta(minutes=16))

    assert [fast, slower, told()] == [(95, 5), (98, 2), (100, 0)]


@pytest.mark.parametrize("change", [{"is_open": False}, {"kind": "store"}])
def test_a_house_that_ships_no_more_takes_its_pieces_off_the_numbers(world: World, change: dict[str, object]) -> None:
    type(world.east).objects.filter(pk=world.east.pk).update(**change)

    assert publish_stock(at=NOW) == 1
    assert told() == (100, 0)


def test_a_house_whose_name_changes_changes_no_number(world: World) -> None:
    type(world.east).objects.filter(pk=world.east.pk).update(name="东仓")

    assert not StockChange.objects.exists()


def test_a_listing_of_other_goods_and_a_bundle_of_other_parts_are_told_anew(world: World) -> None:
    match = ListingMatch.objects.get()
    ListingMatch.objects.filter(pk=match.pk).update(sku=world.bundle)
    assert publish_stock(at=NOW) == 1
    assert told()[0] == 100

    BundlePart.objects.filter(bundle=world.bundle, part=world.skus[1]).update(quantity=5)
    assert publish_stock(at=NOW + timedelta(minutes=1)) == 1
    assert told()[0] == 40

    BundlePart.objects.filter(bundle=world.bundle, part=world.skus[1]).delete()
    assert publish_stock(at=NOW + timedelta(minutes=2)) == 1
    assert told()[0] == 200


def test_goods_that_are_listed_anew_are_told_at_once(world: World) -> None:
    ListingMatch.objects.create(shop=world.shop, listing_id="69", listing_sku_id="s1", sku=world.skus[1])

    assert publish_stock(at=NOW) == 1
    assert ChannelStock.objects.get(listing__listing_sku_id="s1").published == 200


def test_a_number_above_what_may_be_offered_is_found_and_one_that_is_about_to_change_is_not(world: World) -> None:
    assert stale() == []

    ChannelStock.objects.update(published=207)
    assert stale() == ["207 published, 200 may be offered", "207 published, 200 might be offered"]
    ChannelStock.objects.update(why={"offer": 207})
    assert stale() == ["207 published, 200 may be offered"]

    sell(world, 10)
    assert stale() == []


def test_a_number_that_nobody_will_raise_is_found(world: World) -> None:
    ChannelStock.objects.update(published=150)
    assert stale() == ["150 published, 200 may be offered"]


def test_finding_nothing_to_publish_costs_three_statements(world: World) -> None:
    with CaptureQueriesContext(connection) as queries:
        publish_stock(at=NOW)

    # The lock, what was noted, what is due; and the transaction's own.
    assert len([q for q in queries if "SAVEPOINT" not in q["sql"]]) == 3
