"""The page of listings: what waits, what it may be, one key to bind it; by role and shop."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ordercenter.cases.models import Case
from ordercenter.catalog.listings import Listing
from ordercenter.catalog.models import IgnoredListing, ListingMatch, ShopAccess, Sku
from ordercenter.console.selectors import listings as selectors
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
URL = reverse("console:listings")
NUMBER = "680000000001"


@pytest.fixture
def world() -> World:
    world = World()
    Sku.objects.filter(code="SKU-1").update(name="亚麻靠垫 雾蓝 45cm")
    Sku.objects.filter(code="SKU-2").update(name="亚麻靠垫 墨绿 50cm")
    return world


def wait(world: World, *titles: str, code: str = "NOT-OURS", choice: str = "") -> None:
    """An order with these goods, each of a listing of its own, that nobody has matched."""
    trade = world.trade(*[(f"{code}-{n}", 1, "51.00") for n in range(len(titles))])
    for line, title in zip(trade["orders"]["order"], titles, strict=True):
        line.update(title=title, sku_properties_name=choice)
    world.deliver(trade)
    Relay().drain()


def named(world: World, variant: str = "510") -> str:
    return Listing(world.shop.pk, NUMBER, variant).text


def staff(world: World, role: str = "operator") -> Client:
    user = person(role=role)
    ShopAccess.objects.create(user=user, shop=world.shop)
    return client_of(user)


def act(client: Client, verb: str, **data: Any) -> Any:
    return client.post(reverse("console:listing-act", args=[verb]), data, follow=True)


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_a_listing_is_shown_once_with_its_orders_money_and_suggestions(world: World) -> None:
    wait(world, "新品 亚麻靠垫 沙发", choice="颜色分类:雾蓝;尺寸:45cm")
    wait(world, "新品 亚麻靠垫 沙发", choice="颜色分类:雾蓝;尺寸:45cm")

    rows = staff(world).get(URL).context["rows"]

    [row] = rows
    shown = row.waiting
    assert (shown.shop, shown.title, shown.choice, shown.code) == (
        "木棉家居旗舰店",
        "新品 亚麻靠垫 沙发",
        "颜色分类:雾蓝;尺寸:45cm",
        "NOT-OURS-0",
    )
    assert (shown.orders, shown.pieces, str(shown.money)) == (2, 2, "102.00")
    assert shown.since == min(Case.objects.values_list("opened_at", flat=True))
    assert (row.suggestions[0].sku_code, row.suggestions[0].is_sure) == ("SKU-1", True)


def test_an_order_with_two_unmatched_goods_waits_for_each_of_them(world: World) -> None:
    wait(world, "靠垫", "地毯")

    rows = staff(world).get(URL).context["rows"]

    assert [(row.waiting.listing.listing_sku_id, row.waiting.orders, str(row.waiting.money)) for row in rows] == [
        ("510", 1, "102.00"),
        ("511", 1, "102.00"),
    ]


def test_one_choice_binds_and_the_orders_go_on(world: World) -> None:
    wait(world, "靠垫")
    client = staff(world)

    answer = act(client, "bind", listing=named(world), choice="SKU-1")
    rows_before_the_orders_moved = answer.context["rows"]
    Relay().drain()

    assert told(answer) == ["1 listing is matched. 1 order that waited goes on by itself."]
    assert rows_before_the_orders_moved == []
    assert list(Order.objects.values_list("state", "lines__sku__code")) == [("in_fulfillment", "SKU-1")]
    assert Case.objects.get().state == "auto_resolved"


@pytest.mark.parametrize(
    ("typed", "code"),
    [("SKU-2", "SKU-2"), (" SKU-1*2 + SKU-2", "SKU-1*2+SKU-2"), ("SKU-1×3", "SKU-1*3"), ("SET-1", "SET-1")],
)
def test_what_is_typed_goes_before_the_suggestion(world: World, typed: str, code: str) -> None:
    act(staff(world), "bind", listing=named(world), choice="SKU-9", sku=typed)

    assert ListingMatch.objects.get().sku.code == code


def test_what_cannot_be_bound_says_why_and_binds_nothing(world: World) -> None:
    client = staff(world)

    nothing = act(client, "bind", listing=named(world))
    unknown = act(client, "bind", listing=named(world), sku="NOBODY")

    assert told(nothing) == ["Choose a suggestion, or type the code of a SKU."]
    assert told(unknown)[0].startswith("NOBODY: There is no active SKU with this code.")
    assert not ListingMatch.objects.exists()


def test_sure_suggestions_are_shown_together_and_bound_together(world: World) -> None:
    wait(world, "亚麻靠垫 雾蓝 45cm", "亚麻靠垫 墨绿 50cm", "什么都不像")
    client = staff(world)

    rows = client.get(URL, {"show": "sure"}).context["rows"]
    pairs = [f"{row.waiting.listing.text}|{row.sure.sku_code}" for row in rows]
    act(client, "bind_many", pair=pairs)

    assert [row.sure.sku_code for row in rows] == ["SKU-1", "SKU-2"]
    assert sorted(ListingMatch.objects.values_list("listing_sku_id", "sku__code")) == [
        ("510", "SKU-1"),
        ("511", "SKU-2"),
    ]


def test_what_is_none_of_ours_leaves_the_list_and_comes_back(world: World) -> None:
    wait(world, "补差价")
    client = staff(world)

    act(client, "ignore", listing=named(world), reason="no goods")
    away = client.get(URL).context["rows"]
    [(row, waiting)] = client.get(URL, {"show": "ignored"}).context["ignored"]
    act(client, "take_back", listing=named(world))

    assert (away, row.reason, waiting.orders) == ([], "no goods", 1)
    assert len(client.get(URL).context["rows"]) == 1
    assert not IgnoredListing.objects.exists()


def test_a_match_is_taken_away_by_who_may_and_with_a_reason(world: World) -> None:
    boss = staff(world, "supervisor")
    act(boss, "bind", listing=named(world), sku="SKU-1")

    forbidden = staff(world).post(reverse("console:listing-act", args=["unbind"]), {"listing": named(world)})
    silent = act(boss, "unbind", listing=named(world), reason=" ")
    kept = ListingMatch.objects.count()
    done = act(boss, "unbind", listing=named(world), reason="wrong goods")

    assert (forbidden.status_code, kept) == (403, 1)
    assert told(silent) == ["Say why, in a few words. The reason is kept in the history and the audit."]
    assert told(done) == ["The match is taken away. Orders that have their goods keep them."]
    assert not ListingMatch.objects.exists()


@pytest.mark.parametrize(("role", "may_see", "may_bind"), [("auditor", True, False), ("warehouse", False, False)])
def test_who_may_not_bind_sees_it_at_most(world: World, role: str, may_see: bool, may_bind: bool) -> None:
    wait(world, "靠垫")
    client = staff(world, role)

    seen = client.get(URL)
    tried = client.post(reverse("console:listing-act", args=["bind"]), {"listing": named(world), "choice": "SKU-1"})

    assert (seen.status_code, tried.status_code) == (200 if may_see else 403, 403)
    assert may_see is False or reverse("console:listing-act", args=["bind"]) not in seen.content.decode()
    assert ListingMatch.objects.exists() is may_bind


@pytest.mark.parametrize("verb", ["bind", "ignore"])
def test_a_shop_of_others_is_neither_seen_nor_touched(world: World, verb: str) -> None:
    wait(world, "靠垫")
    stranger = client_of(person(role="operator"))

    rows = stranger.get(URL).context["rows"]
    answer = act(stranger, verb, listing=named(world), choice="SKU-1", reason="mine")

    assert rows == []
    assert told(answer) == ["There is no such shop, or it is not one of yours."]
    assert (ListingMatch.objects.count(), IgnoredListing.objects.count()) == (0, 0)


def test_the_field_for_a_sku_offers_what_was_typed_last(world: World) -> None:
    options = staff(world).get(reverse("console:listing-goods"), {"sku": "SKU-1*2 + 墨绿"}).content.decode()

    assert options.strip() == '<option value="SKU-2">亚麻靠垫 墨绿 50cm</option>'


@pytest.mark.parametrize(
    "query", ["page=x", "page=99999999999999999999", "shop=99", "listing=x", "show=?", "q=%25", "page=0"]
)
def test_nonsense_in_the_address_is_ignored(world: World, query: str) -> None:
    assert staff(world).get(f"{URL}?{query}").status_code == 200


def test_the_case_leads_to_its_listing_and_is_not_resolved_without_a_match(world: World) -> None:
    wait(world, "靠垫")
    case = Case.objects.get()
    client = staff(world)

    panel = client.get(reverse("console:cases"), {"case": case.pk}).content.decode()
    client.post(reverse("console:case-act", args=["resolve"]), {"case": case.pk, "reason": "let it go"})
    Relay().drain()

    assert f"{URL}?listing={world.shop.pk}/{NUMBER}/510" in panel
    assert list(Case.objects.values_list("pk", "state")) == [(case.pk, "open")]


def test_many_listings_take_as_many_statements_as_one(world: World) -> None:
    client = staff(world)
    wait(world, "靠垫 0")
    client.get(URL)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(URL)
        return len(queries)

    one = statements()
    wait(world, *[f"靠垫 {n}" for n in range(10)])

    assert statements() == one


def test_a_group_of_cases_leads_to_a_listing_that_has_no_code(world: World) -> None:
    for _n in range(2):
        trade = world.trade(("NOT-OURS", 1, "51.00"))
        trade["orders"]["order"][0].update(title="靠垫", outer_sku_id="", outer_iid="")
        world.deliver(trade)
    Relay().drain()
    client = staff(world)

    [root] = client.get(reverse("console:cases"), {"grouped": "1"}).context["roots"]
    found = client.get(URL, {"q": root.title}).context["rows"]

    assert (root.title, root.total) == (f"{NUMBER}/510", 2)
    assert [row.waiting.orders for row in found] == [2]


def test_sure_suggestions_beyond_the_first_page_are_shown_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "MOST_SURE", 1)
    wait(world, "什么都不像")
    wait(world, "什么都不像", "亚麻靠垫 墨绿 50cm")
    client = staff(world)

    first = client.get(URL, {"show": "sure"})
    second = client.get(URL, {"show": "sure", "page": "2"})

    assert (first.context["rows"], first.context["after"]) == ([], 2)
    assert [row.sure.sku_code for row in second.context["rows"]] == ["SKU-2"]
    assert second.context["after"] == 0


def test_a_match_of_the_admin_makes_the_listing_ours_again(world: World) -> None:
    wait(world, "补差价")
    act(staff(world), "ignore", listing=named(world), reason="no goods")
    boss = client_of(person("boss", superuser=True))
    sku = Sku.objects.get(code="SKU-1")

    form = {"shop": world.shop.pk, "listing_id": NUMBER, "listing_sku_id": "510", "sku": sku.pk}
    answer = boss.post(reverse("admin:catalog_listingmatch_add"), form)

    assert answer.status_code == 302
    assert (ListingMatch.objects.get().sku, IgnoredListing.objects.exists()) == (sku, False)
