"""Listings that match themselves by the code that comes with them, and those that never do."""

from __future__ import annotations

from typing import Any

import pytest

from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.catalog.binding import Binding, bind_listings
from ordercenter.catalog.listings import Listing, listing_from, only_sku, skus_with_codes
from ordercenter.catalog.models import BundlePart, ListingMatch, Sku
from ordercenter.catalog.unbinding import ignore_listings, take_back_ignored, unbind_listings
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.scope import EVERYTHING, NOTHING
from ordercenter.console.rerunning import Rerun, run_again
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order, OrderLine
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON

pytestmark = pytest.mark.django_db
LISTING = "680000000001"
LIN = Actor("person", "lin")


@pytest.fixture
def world() -> World:
    return World()


def come(world: World, *codes: str, **changes: Any) -> None:
    world.deliver(world.trade(*[(code, 1, "51.00") for code in codes], **changes))
    Relay().drain()


def bind(world: World, code: str = "", *, variant: str = "510", parts: tuple[tuple[str, int], ...] = ()) -> BatchResult:
    binding = Binding(world.shop.pk, LISTING, variant, code, parts)
    return bind_listings(bindings=[binding], scope=EVERYTHING, reason="new", at=NOON, actor=LIN)


def lines() -> list[tuple[str | None, int]]:
    return list(OrderLine.objects.order_by("order_id", "line_no").values_list("sku__code", "ordered"))


def states() -> list[tuple[str, bool]]:
    return list(Order.objects.order_by("pk").values_list("state", "is_on_hold"))


@pytest.mark.parametrize(
    ("code", "ours", "is_same"),
    [
        ("sku_0007", "SKU-7", True),
        ("ＳＫＵ－７", "sku 7", True),
        ("A.11", "a11", True),
        ("0071", "71", True),
        ("A1-1", "A-11", False),
        ("A-10", "A-1", False),
        ("1-01", "101", False),
        ("1-01", "1_1", True),
        ("--", "-", False),
    ],
)
def test_a_code_is_the_same_however_it_is_written(code: str, ours: str, is_same: bool) -> None:
    sku = Sku.objects.create(code=ours, name="杯子")

    assert [found.sku_id for found in skus_with_codes([code, "nothing"]).get(code, [])] == [sku.pk] * is_same


def test_two_skus_of_one_code_and_one_that_is_not_sold_are_doubtful() -> None:
    Sku.objects.bulk_create(
        [Sku(code="A-1", name="杯"), Sku(code="A01", name="碗"), Sku(code="B1", name="盘", is_active=False)]
    )

    found = skus_with_codes(["a1", "b-1"])

    assert [len(found["a1"]), len(found["b-1"])] == [2, 1]
    assert (only_sku(found["a1"]), only_sku(found["b-1"]), only_sku([])) == (None, None, None)


def test_a_listing_whose_code_is_written_otherwise_is_matched_when_it_comes_with_a_deed(world: World) -> None:
    come(world, "sku 01")

    match = ListingMatch.objects.get()
    assert (match.listing_id, match.listing_sku_id, match.sku.code, match.by_code) == (
        LISTING,
        "510",
        "SKU-1",
        "sku 01",
    )
    assert (lines(), states()) == ([("SKU-1", 1)], [("in_fulfillment", False)])
    assert list(Deed.objects.filter(action="listing.bind").values_list("actor", "details")) == [
        ("system:order-center", {"listing": LISTING, "listing_sku": "510", "code": "SKU-1"})
    ]


def test_a_match_by_code_counts_for_that_code_alone_and_follows_the_seller_to_another_one(world: World) -> None:
    come(world, "sku 01")
    come(world, "NOT-OURS")
    come(world, "sku_2")

    assert lines() == [("SKU-1", 1), (None, 1), ("SKU-2", 1)]
    assert list(ListingMatch.objects.values_list("sku__code", "by_code")) == [("SKU-2", "sku_2")]


def test_what_a_person_matched_is_not_changed_by_a_code(world: World) -> None:
    bind(world, "SKU-7")
    come(world, "sku_2")

    assert lines() == [("SKU-7", 1)]
    assert list(ListingMatch.objects.values_list("sku__code", "by_code")) == [("SKU-7", "")]


def test_a_doubtful_code_matches_nothing_by_itself(world: World) -> None:
    Sku.objects.create(code="SKU-01", name="老款")

    come(world, "sku1")

    assert (lines(), states()) == ([(None, 1)], [("preprocessing", True)])
    assert not ListingMatch.objects.exists()


def test_goods_without_a_listing_are_bound_by_their_code(world: World) -> None:
    come(world, "X-9")
    OrderLine.objects.update(listing_id="", listing_sku_id="")

    bind_listings(
        bindings=[Binding(world.shop.pk, "", "X-9", "SKU-3")], scope=EVERYTHING, reason="new", at=NOON, actor=LIN
    )
    Relay().drain()

    assert (lines(), states()) == ([("SKU-3", 1)], [("in_fulfillment", False)])


def test_one_listing_is_one_group_whatever_code_the_seller_writes(world: World) -> None:
    come(world, "NOT-OURS")
    come(world, "NEITHER")

    assert len(set(Case.objects.values_list("group_id", flat=True))) == 1


def test_running_again_an_order_that_is_still_unmatched_keeps_its_case(world: World) -> None:
    come(world, "NOT-OURS")
    case = Case.objects.get()

    again = run_again(case_ids=[case.pk], reason="try", at=NOON, actor=LIN)
    Relay().drain()

    assert again == Rerun(ran=0, unmatched=1)
    assert list(Case.objects.values_list("pk", "state", "times_seen")) == [(case.pk, "open", 1)]
    assert states() == [("preprocessing", True)]


def test_running_again_lets_go_what_a_new_sku_explains(world: World) -> None:
    come(world, "NOT-OURS")
    Sku.objects.filter(code="SKU-4").update(code="NOT-OURS")

    again = run_again(case_ids=[Case.objects.get().pk], reason="", at=NOON, actor=LIN)
    Relay().drain()

    assert again == Rerun(ran=1, unmatched=0)
    assert (Case.objects.get().state, states()) == ("auto_resolved", [("in_fulfillment", False)])


def test_a_listing_of_several_pieces_is_bound_to_a_set_that_is_made_once(world: World) -> None:
    come(world, "NOT-OURS")
    parts = (("SKU-2", 1), ("SKU-1", 2))

    assert bind(world, parts=parts).refused == []
    assert bind(world, variant="511", parts=parts[::-1]).refused == []
    Relay().drain()

    made = Sku.objects.get(code="SKU-1*2+SKU-2")
    assert (made.is_bundle, made.name, made.list_price) == (True, "商品1 ×2 + 商品2", 154)
    assert sorted(BundlePart.objects.filter(bundle=made).values_list("part__code", "quantity")) == [
        ("SKU-1", 2),
        ("SKU-2", 1),
    ]
    assert set(ListingMatch.objects.values_list("sku_id", flat=True)) == {made.pk}
    assert (lines(), states()) == ([("SKU-1", 2), ("SKU-2", 1)], [("in_fulfillment", False)])


def test_a_set_whose_parts_were_changed_is_not_taken_for_the_same(world: World) -> None:
    bind(world, parts=(("SKU-1", 2),))
    BundlePart.objects.filter(bundle__code="SKU-1*2").update(quantity=3)

    bind(world, variant="511", parts=(("SKU-1", 2),))

    assert ListingMatch.objects.get(listing_sku_id="511").sku.code == "SKU-1*2~"


def test_sets_that_cannot_be_are_refused_with_the_reason(world: World) -> None:
    Sku.objects.create(code="EMPTY", name="空", is_bundle=True)
    made = Sku.objects.count()

    refused = [
        *bind(world, parts=(("SET-1", 2),)).refused,
        *bind(world, parts=(("SKU-1", 1000),)).refused,
        *bind(world, parts=(("NOBODY", 2),)).refused,
        *bind(world, "EMPTY").refused,
    ]

    assert [refusal.code for refusal in refused] == [
        "catalog.set_of_sets",
        "catalog.pieces_unlikely",
        "catalog.sku_not_sold",
        "catalog.bundle_empty",
    ]
    assert (Sku.objects.count(), ListingMatch.objects.count()) == (made, 0)


def listing(world: World, variant: str = "510") -> Listing:
    return Listing(world.shop.pk, LISTING, variant)


def test_a_match_that_is_taken_away_leaves_what_was_planned_and_the_next_order_waits(world: World) -> None:
    bind(world, "SKU-1")
    come(world, "NOT-OURS")

    done = unbind_listings(listings=[listing(world)], scope=EVERYTHING, reason="wrong", at=NOON, actor=LIN)
    come(world, "NOT-OURS")

    assert (done.done, done.refused) == ([listing(world)], [])
    assert (lines(), states()) == ([("SKU-1", 1), (None, 1)], [("in_fulfillment", False), ("preprocessing", True)])
    assert list(ListingMatch.history.values_list("history_type", "history_change_reason")) == [
        ("-", "wrong"),
        ("+", "new"),
    ]
    assert Deed.objects.get(action="listing.unbind").details == {
        "listing": LISTING,
        "listing_sku": "510",
        "code": "SKU-1",
    }


def test_goods_that_are_none_of_ours_wait_although_their_code_is_known_until_they_are_ours_again(world: World) -> None:
    ignored = ignore_listings(listings=[listing(world)], scope=EVERYTHING, reason="a friend's", at=NOON, actor=LIN)
    come(world, "SKU-1")
    before = states()

    take_back_ignored(listings=[listing(world)], scope=EVERYTHING, at=NOON, actor=LIN)
    run_again(case_ids=[Case.objects.get().pk], reason="", at=NOON, actor=LIN)
    Relay().drain()

    assert (ignored.done, before) == ([listing(world)], [("preprocessing", True)])
    assert (lines(), states()) == ([("SKU-1", 1)], [("in_fulfillment", False)])


def test_what_cannot_be_taken_away_or_ignored_is_refused_alone(world: World) -> None:
    bind(world, "SKU-1")
    wanted = [listing(world), listing(world, "511"), Listing(world.shop.pk, "", "")]

    def codes(result: BatchResult) -> list[str]:
        return [refusal.code for refusal in result.refused]

    ignored = ignore_listings(listings=wanted, scope=EVERYTHING, reason="no", at=NOON, actor=LIN)
    unbound = unbind_listings(listings=wanted[1:2], scope=EVERYTHING, reason="no", at=NOON, actor=LIN)
    foreign = unbind_listings(listings=wanted[:1], scope=NOTHING, reason="no", at=NOON, actor=LIN)

    assert (ignored.done, codes(ignored)) == ([wanted[1]], ["catalog.listing_bound", "catalog.listing_nameless"])
    assert (codes(unbound), codes(foreign)) == (["catalog.listing_unbound"], ["catalog.listing_foreign"])
    assert ListingMatch.objects.count() == 1


@pytest.mark.parametrize("text", ["", "1", "1/2", "x/2/3", "1/2/3/4", f"1/{'9' * 65}/", "1/%00/", "-1/a/b"])
def test_what_names_no_listing_is_none(text: str) -> None:
    assert listing_from(text) is None


def test_a_listing_is_read_from_its_text_whatever_is_in_its_numbers() -> None:
    odd = Listing(7, "a/b c", "红色")

    assert listing_from(odd.text) == odd
