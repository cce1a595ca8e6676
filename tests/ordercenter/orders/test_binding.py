"""Binding listings to SKUs: who waited for it goes on, in batches; who waits for more waits on."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.catalog.binding import Binding, bind_listings
from ordercenter.catalog.models import ListingMatch
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.scope import EVERYTHING, NOTHING, Scope
from ordercenter.events.models import EventRow
from ordercenter.events.relay import Relay
from ordercenter.events.types import ListingMatched
from ordercenter.orders.models import Order
from ordercenter.orders.services import rematching, rerun_waiting
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON

pytestmark = pytest.mark.django_db
LISTING = "680000000001"


@pytest.fixture
def world() -> World:
    return World()


def binding(world: World, variant: str = "510", code: str = "SKU-1") -> Binding:
    return Binding(world.shop.pk, LISTING, variant, code)


def bind(*bindings: Binding, scope: Scope = EVERYTHING) -> BatchResult:
    user, _new = get_user_model().objects.get_or_create(username="lin")
    actor = Actor("person", "lin", user_id=user.pk)
    return bind_listings(bindings=bindings, scope=scope, reason="new goods", at=NOON, actor=actor)


def waiting_orders(world: World, count: int, *codes: str) -> None:
    lines = [(code, 1, "51.00") for code in codes or ("NOT-OURS",)]
    world.deliver(*(world.trade(*lines) for _ in range(count)))
    Relay().drain()


def open_groups() -> list[tuple[str, int]]:
    cases = Case.objects.filter(state="open")
    titles = sorted(set(cases.values_list("group__title", flat=True)))
    return [(title, cases.filter(group__title=title).count()) for title in titles]


def order_states() -> list[tuple[str, bool]]:
    return sorted(set(Order.objects.values_list("state", "is_on_hold")))


def test_all_orders_of_one_unmatched_listing_are_one_group_and_go_on_when_it_is_bound(world: World) -> None:
    waiting_orders(world, 3)
    before = (open_groups(), order_states())

    assert bind(binding(world)).refused == []
    Relay().drain()

    assert before == ([("NOT-OURS", 3)], [("preprocessing", True)])
    assert (open_groups(), order_states()) == ([], [("in_fulfillment", False)])
    assert set(Case.objects.values_list("state", "times_seen")) == {("auto_resolved", 1)}
    assert list(Deed.objects.filter(action="listing.bind").values_list("reason", "actor")) == [
        ("new goods", "person:lin")
    ]


def test_an_order_with_two_unmatched_goods_waits_for_both_and_has_one_case(world: World) -> None:
    waiting_orders(world, 1, "NOT-OURS", "NEITHER")
    first = open_groups()

    bind(binding(world))
    Relay().drain()
    between = (open_groups(), order_states(), Case.objects.get().evidence["code"])
    bind(binding(world, "511", "SKU-2"))
    Relay().drain()

    assert first == [("NOT-OURS", 1)]
    assert between == ([("NEITHER", 1)], [("preprocessing", True)], "NEITHER")
    assert (open_groups(), order_states()) == ([], [("in_fulfillment", False)])
    assert Case.objects.count() == 1


def test_the_second_goods_may_be_matched_first(world: World) -> None:
    waiting_orders(world, 1, "NOT-OURS", "NEITHER")

    bind(binding(world, "511", "SKU-2"))
    Relay().drain()
    between = (open_groups(), order_states())
    bind(binding(world))
    Relay().drain()

    assert between == ([("NOT-OURS", 1)], [("preprocessing", True)])
    assert order_states() == [("in_fulfillment", False)]


def test_more_orders_than_a_batch_go_on_in_several(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rematching, "BATCH", 2)
    waiting_orders(world, 5)

    bind(binding(world))
    Relay().drain()

    assert order_states() == [("in_fulfillment", False)]
    told = EventRow.objects.filter(name=ListingMatched.name).order_by("id").values_list("payload", flat=True)
    ids = list(Order.objects.order_by("pk").values_list("pk", flat=True))
    assert [payload.get("after_order", 0) for payload in told] == [0, ids[1], ids[3]]


def statements_for(world: World, orders: int) -> int:
    waiting_orders(world, orders)
    match = ListingMatch.objects.create(shop=world.shop, listing_id=LISTING, listing_sku_id="510", sku=world.skus[1])
    told = ListingMatched(
        match_id=match.pk, shop_id=world.shop.pk, listing_id=LISTING, listing_sku_id="510", sku_id=match.sku_id
    )
    with (
        CaptureQueriesContext(connection) as seen,
        unit_of_work() as work,
    ):
        assert len(rerun_waiting(matched=[told], work=work)) == orders
    Relay().drain()
    match.delete()
    return len(seen)


def test_letting_many_go_on_takes_as_many_statements_as_few(world: World) -> None:
    few = statements_for(world, 60)

    assert statements_for(world, 90) == few


def test_binding_the_same_again_changes_and_tells_nothing(world: World) -> None:
    bind(binding(world))

    assert bind(binding(world)).refused == []

    assert ListingMatch.history.count() == 1
    assert EventRow.objects.filter(name=ListingMatched.name).count() == 1


def test_a_listing_is_bound_to_other_goods_with_a_history_and_orders_on_their_way_keep_theirs(world: World) -> None:
    waiting_orders(world, 1)
    bind(binding(world))
    Relay().drain()

    bind(binding(world, code="SKU-2"))
    Relay().drain()

    history = ListingMatch.history.order_by("history_id")
    assert list(history.values_list("sku__code", "history_change_reason")) == [
        ("SKU-1", "new goods"),
        ("SKU-2", "new goods"),
    ]
    assert list(Order.objects.values_list("lines__sku__code", flat=True)) == ["SKU-1"]


def test_what_cannot_be_bound_is_refused_alone(world: World) -> None:
    result = bind(binding(world, code="NOWHERE"), Binding(world.shop.pk, "", "", "SKU-1"), binding(world))

    assert [(r.key, r.code) for r in result.refused] == [(0, "catalog.sku_not_sold"), (1, "catalog.listing_nameless")]
    assert list(ListingMatch.objects.values_list("listing_id", "sku__code")) == [(LISTING, "SKU-1")]


def test_a_shop_of_others_is_refused_as_unknown(world: World) -> None:
    result = bind(binding(world), scope=NOTHING)

    assert [r.code for r in result.refused] == ["catalog.listing_foreign"]
    assert not ListingMatch.objects.exists()
