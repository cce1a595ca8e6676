"""Tables of matches: what each row does, every mistake by row, the same table out and in again."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation

from channels_sync.listings import tables
from channels_sync.listings.tables import matches_as_table, plan_table, waiting_as_table
from channels_sync.listings.waiting import waiting_listings
from ordercenter.catalog.models import ListingMatch, Shop, ShopAccess
from ordercenter.common.csvsafe import csv_bytes
from ordercenter.common.scope import EVERYTHING, NOTHING
from ordercenter.common.xlsxsafe import xlsx_bytes
from ordercenter.events.relay import Relay
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
HEAD = "店铺,商品编号,规格编号,SKU编码\n"


@pytest.fixture
def world() -> World:
    return World()


def staff(world: World) -> Client:
    user = person(role="operator")
    ShopAccess.objects.create(user=user, shop=world.shop)
    return client_of(user)


def bring(client: Client, text: str) -> Any:
    return client.post(reverse("console:listing-table"), {"table": SimpleUploadedFile("t.csv", text.encode())})


def test_each_row_says_what_it_would_do(world: World) -> None:
    ListingMatch.objects.create(shop=world.shop, listing_id="A", sku=world.skus[1])
    text = HEAD + "tm1,A,,SKU-1\ntm1,A,x,SKU-2\n木棉家居旗舰店,B,,SKU-1*2 + SKU-2\ntm1,C,,\n"

    plan = plan_table(text.encode(), scope=EVERYTHING)

    assert [(row.row, row.change, row.binding.meaning) for row in plan.rows] == [
        (2, "same", "SKU-1"),
        (3, "new", "SKU-2"),
        (4, "new", (("SKU-1", 2), ("SKU-2", 1))),
    ]
    assert (plan.errors, plan.left_out) == ([], 1)


def test_every_mistake_is_named_by_row_and_column(world: World) -> None:
    text = HEAD + "tm1,A,,NOBODY\nelse,B,,SKU-1\ntm1,,,SKU-1\ntm1,D,,SKU-1\ntm1,D,,SKU-2\ntm1,E,,SET-1*2\n"
    text += "tm1,6.8E+11,,SKU-1\ntm1,F,5.10E+11,SKU-1\n"

    with translation.override("en"):
        errors = plan_table(text.encode(), scope=EVERYTHING).errors

    shortened = "was shortened by a spreadsheet: format the column as text and save it again"
    assert [(error.row, error.column, error.problem.split(". ")[0].rstrip(".")) for error in errors] == [
        (2, "goods", "NOBODY: There is no active SKU with this code"),
        (3, "shop", "there is no shop “else” for you"),
        (4, "listing_id", "the listing's number is missing"),
        (6, "", "says the same thing again as row 5"),
        (7, "goods", "SET-1: A bundle cannot be part of another one"),
        (8, "listing_id", f"“6.8E+11” {shortened}"),
        (9, "listing_id", f"“5.10E+11” {shortened}"),
    ]


def test_a_shop_is_known_by_its_name_where_no_other_has_it(world: World) -> None:
    Shop.objects.create(channel=world.shop.channel, code="tm2", name=world.shop.name)
    Shop.objects.create(channel=world.shop.channel, code="tm3", name="tm1")

    plan = plan_table((HEAD + "木棉家居旗舰店,A,,SKU-1\ntm1,B,,SKU-1\n").encode(), scope=EVERYTHING)

    assert [(row.row, row.binding.shop_id) for row in plan.rows] == [(3, world.shop.pk)]
    assert [(error.row, error.column) for error in plan.errors] == [(2, "shop")]


def test_too_many_rows_are_said_to_be_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 1)

    with translation.override("en"):
        plan = plan_table((HEAD + "tm1,A,,SKU-1\ntm1,B,,SKU-1\n").encode(), scope=EVERYTHING)

    assert plan.rows == []
    assert [(e.row, e.problem) for e in plan.errors] == [(3, "at most 1 rows are taken at once: divide the table")]


def test_shops_of_others_do_not_exist_for_a_table(world: World) -> None:
    plan = plan_table((HEAD + "tm1,A,,SKU-1\n").encode(), scope=NOTHING)

    assert (plan.rows, [error.column for error in plan.errors]) == ([], ["shop"])


def test_a_table_is_looked_at_first_and_then_taken_in(world: World) -> None:
    client = staff(world)

    seen = bring(client, HEAD + "tm1,A,,SKU-1\ntm1,B,9,SKU-2\n")
    before = ListingMatch.objects.count()
    client.post(reverse("console:listing-table-apply"), {"kept": seen.context["kept"], "reason": "by table"})

    assert (seen.status_code, before) == (200, 0)
    assert sorted(ListingMatch.objects.values_list("listing_id", "listing_sku_id", "sku__code")) == [
        ("A", "", "SKU-1"),
        ("B", "9", "SKU-2"),
    ]
    assert set(ListingMatch.history.values_list("history_change_reason", flat=True)) == {"by table"}


def test_a_table_with_a_mistake_cannot_be_taken_in(world: World) -> None:
    seen = bring(staff(world), HEAD + "tm1,A,,SKU-1\ntm1,B,,NOBODY\n")

    assert (seen.status_code, "kept" in seen.context) == (400, False)
    assert not ListingMatch.objects.exists()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01"])
def test_what_is_no_table_of_matches_says_so(world: World, text: str) -> None:
    assert bring(staff(world), text).status_code == 400


def test_what_another_person_looked_at_cannot_be_taken_in(world: World) -> None:
    kept = bring(staff(world), HEAD + "tm1,A,,SKU-1\n").context["kept"]

    staff(world).post(reverse("console:listing-table-apply"), {"kept": kept})
    staff(world).post(reverse("console:listing-table-apply"), {"kept": "1:x:y"})

    assert not ListingMatch.objects.exists()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_what_goes_out_is_read_again(world: World, language: str) -> None:
    ListingMatch.objects.create(shop=world.shop, listing_id="A", listing_sku_id="7", sku=world.skus[1])
    world.deliver(world.trade(("NOT-OURS", 1, "51.00")))
    Relay().drain()

    with translation.override(language):
        out = csv_bytes(matches_as_table(ListingMatch.objects.select_related("shop", "sku")), encoding="utf-8-sig")
        matched = plan_table(b"".join(out), scope=EVERYTHING)
        waiting = waiting_listings(scope=EVERYTHING, most=10).listings
        empty = plan_table(xlsx_bytes(waiting_as_table(waiting), title="w"), scope=EVERYTHING)

    assert [(row.change, row.goods) for row in matched.rows] == [("same", "SKU-1")]
    assert (empty.rows, empty.left_out) == ([], 1)


@pytest.mark.parametrize(
    ("what", "form", "status"), [("waiting", "csv", 200), ("matched", "xlsx", 200), ("else", "csv", 404)]
)
def test_tables_are_given_out(world: World, what: str, form: str, status: int) -> None:
    answer = staff(world).get(reverse("console:listing-export", args=[what]), {"format": form})

    assert answer.status_code == status
