"""From listings to goods: which SKU a line means, and what a bundle becomes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import BundlePart, ListingMatch, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.orders.intake_types import IncomingLine
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import TakenOrder, match_skus, take_orders
from ordercenter.orders.services.matching import bundle_shares
from ordercenter.orders.services.review import NeedsPerson
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, line, report

pytestmark = pytest.mark.django_db


def order_of(world: World, *lines: IncomingLine, number: str = "A1") -> Order:
    taken = [TakenOrder(world.shop.pk, report(number, *lines))]
    return take_orders(taken=taken, at=NOON).created[0]


def match(*orders: Order) -> BatchResult:
    with unit_of_work(at=NOON) as work:
        return match_skus(order_ids=[order.pk for order in orders], work=work)


def goods() -> list[tuple[int, str, str | None, int, Decimal]]:
    return [
        (
            each.line_no,
            each.sku.code if each.sku else "",
            each.bundle and each.bundle.code,
            each.ordered,
            each.paid_share,
        )
        for each in OrderLine.objects.select_related("sku", "bundle").order_by("order_id", "line_no")
    ]


def unmatched(result: BatchResult) -> list[dict[str, str]]:
    error = result.refused[0].error
    assert isinstance(error, NeedsPerson)
    return [finding.evidence for finding in error.findings]


def test_a_match_of_the_listing_goes_before_the_sellers_own_code(world: World) -> None:
    ListingMatch.objects.create(shop=world.shop, listing_id="listing-SKU-1", listing_sku_id="", sku=world.skus[7])
    order = order_of(world, line("SKU-1", 1, "60.00"), line("SKU-2", 1, "60.00"))

    assert match(order).refused == []

    assert goods() == [(1, "SKU-7", None, 1, Decimal("60.00")), (2, "SKU-2", None, 1, Decimal("60.00"))]


def test_a_match_of_another_shop_or_another_variant_does_not_count(world: World) -> None:
    ListingMatch.objects.create(shop=world.shop, listing_id="listing-SKU-1", listing_sku_id="blue", sku=world.skus[7])
    order = order_of(world, line("SKU-1", 1, "60.00", listing_sku_id="red"))

    match(order)

    assert goods() == [(1, "SKU-1", None, 1, Decimal("60.00"))]


def test_a_bundle_becomes_its_parts_and_its_price_is_shared_to_the_fen(world: World) -> None:
    order = order_of(world, line("SET-1", 2, "89.91"), line("SKU-3", 1, "53.00"))

    match(order)

    # SKU-0 at 50 once, SKU-1 at 51 twice: 50 to 102 parts of 89.91.
    assert goods() == [
        (1, "SKU-0", "SET-1", 2, Decimal("29.58")),
        (2, "SKU-3", None, 1, Decimal("53.00")),
        (3, "SKU-1", "SET-1", 4, Decimal("60.33")),
    ]
    parts = OrderLine.objects.filter(bundle__isnull=False).order_by("line_no")
    assert list(parts.values_list("channel_line_no", "unplanned")) == [
        ("L-SET-1", 2),
        ("L-SET-1", 4),
    ]


def test_matching_again_changes_nothing(world: World) -> None:
    order = order_of(world, line("SET-1", 1, "89.90"))
    match(order)
    before = goods()

    assert match(order).refused == []

    assert goods() == before


def test_goods_that_nobody_knows_are_named_and_the_rest_of_the_order_is_matched(world: World) -> None:
    Sku.objects.filter(code="SKU-2").update(is_active=False)
    order = order_of(world, line("NOBODY", 1, "10.00"), line("SKU-2", 1, "52.00"), line("SKU-3", 1, "53.00"))
    fine = order_of(world, line("SKU-4", 1, "54.00"), number="A2")

    result = match(order, fine)

    assert (result.done, [refusal.key for refusal in result.refused]) == ([fine], [order.pk])
    assert [(e["code"], e["other_goods"]) for e in unmatched(result)] == [("NOBODY", "SKU-2")]
    assert [sku for _no, sku, *_rest in goods()] == ["", "", "SKU-3", "SKU-4"]


def test_a_match_made_later_lets_only_the_missing_line_be_matched(world: World) -> None:
    order = order_of(world, line("NOBODY", 1, "10.00"), line("SET-1", 1, "89.90"))
    match(order)
    ListingMatch.objects.create(shop=world.shop, listing_id="listing-NOBODY", listing_sku_id="", sku=world.skus[5])

    assert match(order).refused == []

    assert [(no, sku) for no, sku, *_rest in goods()] == [(1, "SKU-5"), (2, "SKU-0"), (3, "SKU-1")]


def test_a_bundle_without_parts_waits_for_a_person_and_holds_up_nobody_else(world: World) -> None:
    BundlePart.objects.all().delete()
    order = order_of(world, line("SET-1", 1, "89.90"))
    fine = order_of(world, line("SKU-4", 1, "54.00"), number="A2")

    result = match(order, fine)

    assert result.done == [fine]
    assert [evidence["code"] for evidence in unmatched(result)] == ["SET-1"]


@settings(max_examples=100, deadline=None)
@given(
    fen=st.integers(0, 10_000_000),
    prices=st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(1, 99)), min_size=1, max_size=8),
)
def test_what_the_parts_of_a_bundle_are_paid_adds_up_to_what_was_paid(fen: int, prices: list[tuple[int, int]]) -> None:
    paid = Decimal(fen) / 100
    parts = [BundlePart(part=Sku(list_price=Decimal(price) / 100), quantity=pieces) for price, pieces in prices]

    shares = bundle_shares(paid, parts)

    assert sum(shares) == paid
    assert min(shares) >= 0
    assert all(share == share.quantize(Decimal("0.01")) for share in shares)
