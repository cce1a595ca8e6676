"""What the catalog says is kept in each process, and never longer than it is true."""

from __future__ import annotations

import pytest

from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import BundlePart, ListingMatch, Sku
from ordercenter.common.gathering import counted_statements
from ordercenter.orders.models import OrderLine
from ordercenter.orders.services import TakenOrder, match_skus, take_orders
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, line, report

pytestmark = pytest.mark.django_db


def matched(world: World, number: str, sku: str) -> list[str | None]:
    """The SKUs of a new order's lines; the order asks for this one by listing and code."""
    order = take_orders(taken=[TakenOrder(world.shop.pk, report(number, line(sku, 1, "60.00")))], at=NOON).created[0]
    with unit_of_work(at=NOON) as work:
        match_skus(order_ids=[order.pk], work=work)
    return list(OrderLine.objects.filter(order=order).order_by("line_no").values_list("sku__code", flat=True))


def test_goods_that_are_known_take_no_statement(world: World) -> None:
    matched(world, "A1", "SKU-1")
    orders = [take_orders(taken=[TakenOrder(world.shop.pk, report("A2"))], at=NOON).created[0]]

    with unit_of_work(at=NOON) as work:
        work.lock_children(OrderLine, "order_id", list(work.lock(type(orders[0]), [orders[0].pk])))
        with counted_statements() as count:
            match_skus(order_ids=[orders[0].pk], work=work)
            # The versions, and nothing else.
            assert count() == 1


def test_a_code_that_meant_nothing_means_something_once_it_is_there(world: World) -> None:
    assert matched(world, "A1", "NEW") == [None]

    Sku.objects.create(code="NEW", name="新品")
    assert matched(world, "A2", "NEW") == ["NEW"]

    Sku.objects.filter(code="NEW").update(is_active=False)
    assert matched(world, "A3", "NEW") == [None]


def test_a_match_made_changed_or_taken_away_counts_for_the_next_order(world: World) -> None:
    assert matched(world, "A1", "SKU-1") == ["SKU-1"]

    match = ListingMatch.objects.create(shop=world.shop, listing_id="listing-SKU-1", sku=world.skus[7])
    assert matched(world, "A2", "SKU-1") == ["SKU-7"]

    ListingMatch.objects.filter(pk=match.pk).update(sku=world.skus[8])
    assert matched(world, "A3", "SKU-1") == ["SKU-8"]

    match.delete()
    assert matched(world, "A4", "SKU-1") == ["SKU-1"]


def test_a_bundle_with_other_parts_is_taken_apart_anew(world: World) -> None:
    assert matched(world, "A1", "SET-1") == ["SKU-0", "SKU-1"]

    BundlePart.objects.filter(part=world.skus[1]).update(part=world.skus[2])

    assert matched(world, "A2", "SET-1") == ["SKU-0", "SKU-2"]
