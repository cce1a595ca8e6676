"""What people do about stock on the pages: every form, who may, what is refused, and what a number is made of."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from openpyxl import load_workbook

from fulfillment.models import InboundOrder
from ordercenter.audit.models import Deed
from ordercenter.catalog.models import ShopAccess
from ordercenter.inventory.models import (
    CapacityDay,
    ChannelPolicy,
    ChannelQuota,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
    Reservation,
    ReservePolicy,
    StockChange,
    StockLevel,
    StockMovement,
    StockPolicy,
    StockTable,
    Supply,
    Warehouse,
    WarehouseAccess,
)
from ordercenter.inventory.services import Movement, move_stock
from ordercenter.inventory.states import MovementReason
from ordercenter.orders.models import Order, OrderLine
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.fulfillment.floor.house import broken_invariants
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
VERBS = ("adjust", "count", "regrade", "safety", "transfer", "quota", "share", "policy", "reserving")


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def world() -> World:
    world = World(stock=10)
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()
    return world


@pytest.fixture
def boss(world: World) -> Client:
    user = person(role="supervisor")
    ShopAccess.objects.create(user=user, shop=world.shop)
    return client_of(user)


@pytest.fixture
def operator(world: World) -> Client:
    user = person(role="operator")
    ShopAccess.objects.create(user=user, shop=world.shop)
    return client_of(user)


def texts(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def step(world: World, verb: str) -> str:
    return reverse("console:stock-step", args=[world.skus[1].pk, verb])


def level(world: World) -> StockLevel:
    return StockLevel.objects.get(sku=world.skus[1], warehouse=world.east)


def do(browser: Client, world: World, verb: str, **data: Any) -> Any:
    given = {"warehouse": world.east.pk, "reason": "because", "key": uuid4().hex} | data
    return browser.post(step(world, verb), {k: v for k, v in given.items() if v is not None})


def test_a_person_with_the_right_sees_the_verbs_and_one_without_sees_none_and_gets_a_plain_page(
    world: World, boss: Client, operator: Client
) -> None:
    address = reverse("console:stock-pool", args=[world.skus[1].pk])

    assert all(step(world, verb) in boss.get(address).content.decode() for verb in VERBS)
    shown = operator.get(address)
    assert shown.status_code == 200
    assert not any(step(world, verb) in shown.content.decode() for verb in VERBS)
    for verb in VERBS:
        refused = operator.post(step(world, verb), {"reason": "x"})
        assert (refused.status_code, "Your role does not include this page." in texts(refused)) == (403, True)
    assert not Deed.objects.filter(action__startswith="stock.").exists()


def test_every_form_opens_filled_with_what_is_known(world: World, boss: Client) -> None:
    for verb in VERBS:
        page = boss.get(step(world, verb), {"warehouse": world.east.pk, "shop": world.shop.pk})
        assert page.status_code == 200
        assert "华东仓" in page.content.decode()


def test_an_adjustment_is_booked_once_with_its_reason(world: World, boss: Client) -> None:
    key = uuid4().hex
    for _again in range(2):
        answer = do(boss, world, "adjust", change=-3, bucket="on_hand", reason="破损", key=key)
        assert answer.status_code == 302

    assert level(world).on_hand == 7
    moved = StockMovement.objects.get(reason="adjustment")
    assert (moved.delta, moved.note) == (-3, "破损")
    assert Deed.objects.get(action="stock.adjust").reason == "破损"
    assert broken_invariants() == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"change": 0}, "A change of nothing is no change."),
        ({"change": -9}, "There is not that much free stock to take away."),
        ({"change": "many"}, "Enter a whole number."),
        ({"change": 1, "reason": None}, "This field is required."),
        ({"change": 1, "warehouse": 999999}, "Select a valid choice."),
    ],
)
def test_a_wrong_adjustment_says_why_and_keeps_the_form(
    world: World, boss: Client, data: dict[str, Any], said: str
) -> None:
    page = do(boss, world, "adjust", **({"bucket": "on_hand"} | data))

    assert page.status_code == 400
    assert said in texts(page)
    assert level(world).on_hand == 10


def test_a_count_books_the_difference_and_says_it(world: World, boss: Client) -> None:
    assert do(boss, world, "count", pieces=12, bucket="on_hand").status_code == 302
    page = boss.get(reverse("console:stock-pool", args=[world.skus[1].pk]))

    assert level(world).on_hand == 12
    assert "The difference of +2 is in the books." in texts(page)


def test_pieces_are_regraded_and_safety_stock_is_set(world: World, boss: Client) -> None:
    assert do(boss, world, "regrade", pieces=2, source="on_hand", target="damaged").status_code == 302
    assert do(boss, world, "safety", pieces=4).status_code == 302
    same = do(boss, world, "regrade", pieces=2, source="on_hand", target="on_hand")

    assert (level(world).on_hand, level(world).damaged, level(world).safety) == (8, 2, 4)
    assert "Choose two different buckets." in texts(same)
    assert Deed.objects.get(action="stock.safety").details == {"warehouse": world.east.pk, "was": 0, "now": 4}


def test_a_live_lock_is_set_refused_when_it_is_too_large_and_ended(world: World, boss: Client) -> None:
    ends = (timezone.localtime() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    quota = {"shop": world.shop.pk, "kind": "live", "ends_at": ends}
    assert "There is not that much free stock" in texts(do(boss, world, "quota", quantity=11, **quota))
    assert "a live-stream lock needs an end" in texts(do(boss, world, "quota", quantity=1, **quota | {"ends_at": ""}))
    assert not ChannelQuota.objects.exists()

    assert do(boss, world, "quota", quantity=5, **quota).status_code == 302
    made = ChannelQuota.objects.get()
    assert (made.state, made.left, level(world).set_aside) == ("open", 5, 5)
    assert "5 of 5 pieces are left" in texts(boss.get(reverse("console:quota-end", args=[made.pk])))

    answer = boss.post(reverse("console:quota-end", args=[made.pk]), {"reason": "直播结束"})

    assert answer.status_code == 302
    assert (ChannelQuota.objects.get().state, level(world).set_aside) == ("ended", 0)
    assert Deed.objects.get(action="stock.quota_end").reason == "直播结束"


def test_a_share_for_one_sku_and_one_for_all_are_kept_with_history_and_told(world: World, boss: Client) -> None:
    share = {"shop": world.shop.pk, "share_percent": 60, "cap": 8, "buffer_pieces": 1, "buffer_z": "2.5"}
    assert do(boss, world, "share", **share, is_active="on").status_code == 302
    assert do(boss, world, "share", **share | {"share_percent": 40, "cap": ""}, is_active="on").status_code == 302
    every = {key: value for key, value in share.items() if key != "shop"} | {"is_active": "on", "reason": "x"}
    assert boss.post(reverse("console:stock-share-all", args=[world.shop.pk]), every).status_code == 302

    own, all_skus = ChannelPolicy.objects.order_by("pk")
    assert (own.sku_id, own.share_percent, own.cap) == (world.skus[1].pk, 40, None)
    assert (all_skus.sku_id, all_skus.share_percent, all_skus.cap) == (None, 60, 8)
    assert list(own.history.values_list("share_percent", flat=True)) == [40, 60]
    assert Deed.objects.filter(action="stock.share").order_by("pk")[1].details["was"]["percent"] == 60
    page = texts(boss.get(reverse("console:stock-shares")))
    assert "40 %" in page
    assert "60 %" in page


def test_the_platform_is_told_anew_when_a_share_changes(world: World, boss: Client) -> None:
    from ordercenter.catalog.models import ListingMatch

    ListingMatch.objects.create(shop=world.shop, listing_id="68", listing_sku_id="1", sku=world.skus[1])
    StockChange.objects.all().delete()

    share = {"shop": world.shop.pk, "share_percent": 60, "buffer_pieces": 0, "buffer_z": "2.5", "is_active": "on"}
    do(boss, world, "share", **share)

    assert list(StockChange.objects.values_list("sku_id", flat=True)) == [world.skus[1].pk]


def test_a_presale_needs_its_day(world: World, boss: Client) -> None:
    policy = {"source": "presale", "reserve_on": "deposit", "hold_minutes": 30, "rush_cap_percent": 20}
    policy |= {"balance_days": 5, "rush_cap_pieces": 12}
    assert "A pre-sale needs the day" in texts(do(boss, world, "policy", **policy))
    assert not StockPolicy.objects.exists()

    assert do(boss, world, "policy", **policy, ships_on="2026-12-24").status_code == 302

    made = StockPolicy.objects.get()
    assert (made.source, str(made.ships_on), made.rush_cap_percent) == ("presale", "2026-12-24", 20)
    assert (made.balance_days, made.rush_cap_pieces) == (5, 12)
    now = Deed.objects.get(action="stock.policy").details["now"]
    assert (now["balance_days"], now["rush_cap_pieces"], now["source"]) == (5, 12, "presale")
    form = boss.get(step(world, "policy")).content.decode()
    assert 'name="balance_days" value="5"' in form
    assert 'name="rush_cap_pieces" value="12"' in form
    assert "ships from" in texts(boss.get(reverse("console:stock-pool", args=[world.skus[1].pk])))


@pytest.mark.parametrize("change", [{"balance_days": 0}, {"hold_minutes": 0}, {"rush_cap_pieces": -1}])
def test_a_policy_out_of_range_is_refused_and_changes_nothing(
    world: World, boss: Client, change: dict[str, int]
) -> None:
    policy = {"source": "stock", "reserve_on": "paid", "hold_minutes": 30, "rush_cap_percent": 20, "balance_days": 7}

    assert do(boss, world, "policy", **(policy | change)).status_code == 400

    assert not StockPolicy.objects.exists()


def test_a_shop_reserves_by_a_rule_of_its_own_until_it_has_none(world: World, boss: Client) -> None:
    rule = {"shop": world.shop.pk, "is_own": "on", "reserve_on": "placed", "hold_minutes": 20, "balance_days": 3}
    assert do(boss, world, "reserving", **rule).status_code == 302
    assert do(boss, world, "reserving", **(rule | {"hold_minutes": 0})).status_code == 400
    assert do(boss, world, "reserving", **rule, for_all="on").status_code == 302
    rows = ReservePolicy.objects.order_by("sku_id").values_list("sku_id", "reserve_on", "hold_minutes", "balance_days")
    assert list(rows) == [(world.skus[1].pk, "placed", 20, 3), (None, "placed", 20, 3)]
    page = texts(boss.get(reverse("console:stock-shares")))
    assert "When shops reserve" in page

    whole_shop = reverse("console:stock-reserving-all", args=[world.shop.pk])
    assert 'name="hold_minutes" value="20"' in boss.get(whole_shop).content.decode()
    changed = {"is_own": "on", "reserve_on": "paid", "hold_minutes": 45, "balance_days": 7, "reason": "x"}
    assert boss.post(whole_shop, changed).status_code == 302
    del rule["is_own"]
    assert do(boss, world, "reserving", **rule).status_code == 302

    assert list(ReservePolicy.objects.values_list("sku_id", "reserve_on", "hold_minutes")) == [(None, "paid", 45)]
    deeds = Deed.objects.filter(action="stock.reserving").order_by("pk")
    assert [(d.subject, d.details["now"] is None) for d in deeds] == [
        (f"sku:{world.skus[1].pk}", False),
        (f"shop:{world.shop.pk}", False),
        (f"shop:{world.shop.pk}", False),
        (f"sku:{world.skus[1].pk}", True),
    ]
    assert deeds[2].details["was"] == {"reserve_on": "placed", "hold_minutes": 20, "balance_days": 3}


def test_nobody_decides_when_a_shop_of_others_reserves(world: World) -> None:
    stranger = client_of(person(role="supervisor"))

    assert stranger.get(reverse("console:stock-reserving-all", args=[world.shop.pk])).status_code == 404
    rule = {"shop": world.shop.pk, "is_own": "on", "reserve_on": "placed", "hold_minutes": 20, "balance_days": 3}
    assert do(stranger, world, "reserving", **rule).status_code == 400
    assert not ReservePolicy.objects.exists()


def test_a_transfer_from_the_page_is_on_its_way(world: World, boss: Client) -> None:
    data = {"source": world.east.pk, "target": world.south.pk, "pieces": 4, "due_on": "2026-12-01", "key": uuid4().hex}
    for _again in range(2):
        assert do(boss, world, "transfer", **data).status_code == 302

    inbound = InboundOrder.objects.get()
    assert (inbound.kind, inbound.from_warehouse, level(world).on_hand) == ("transfer", world.east, 6)
    page = texts(boss.get(reverse("console:inbound-order", args=[inbound.pk])))
    assert "The sending warehouse has been asked for the goods" in page
    assert "What leaves the other warehouse" in page


def test_who_works_for_the_sending_warehouse_sees_a_transfer_and_does_not_receive_it(
    world: World, boss: Client
) -> None:
    data = {"source": world.east.pk, "target": world.south.pk, "pieces": 4, "due_on": "2026-12-01"}
    assert do(boss, world, "transfer", **data).status_code == 302
    inbound = InboundOrder.objects.get()
    user = person(role="supervisor")
    WarehouseAccess.objects.create(user=user, warehouse=world.east)
    user.groups.first().permissions.remove(*user.groups.first().permissions.filter(codename="all_warehouses"))
    sender = client_of(user)

    shown = sender.get(reverse("console:inbound-order", args=[inbound.pk]))
    came = {f"good-{inbound.lines.get().pk}": 4, "is_final": "on", "reason": "x"}
    answer = sender.post(reverse("console:inbound-receive", args=[inbound.pk]), came)

    assert (shown.status_code, "Book what came" in texts(shown), answer.status_code) == (200, False, 404)
    assert StockLevel.objects.get(sku=world.skus[1], warehouse=world.south).on_hand == 10


def test_the_rest_of_a_purchase_order_is_closed_on_the_page(world: World, boss: Client) -> None:
    data = {"warehouse": world.east.pk, "due_on": "2026-12-01", "goods": "SKU-1 20", "reference": "PO-7", "reason": "x"}
    assert boss.post(reverse("console:inbound-new", args=["purchase"]), data).status_code == 303
    inbound = InboundOrder.objects.get()
    page, rest = (reverse("console:inbound-order", args=[inbound.pk]), [inbound.pk, "rest"])
    assert "Close the rest" not in texts(boss.get(page))
    came = {f"good-{inbound.lines.get().pk}": 17, "is_final": "on", "reason": "到货"}
    assert boss.post(reverse("console:inbound-receive", args=[inbound.pk]), came).status_code == 302
    assert "3 pieces of PO-7 are still expected" in texts(boss.get(page))

    boss.post(reverse("console:inbound-verb", args=rest), {"reason": ""})
    assert Supply.objects.get().state == "coming"
    boss.post(reverse("console:inbound-verb", args=rest), {"reason": "停产"})

    assert Supply.objects.get().state == "arrived"
    assert "Close the rest" not in texts(boss.get(page))


def test_whoever_works_for_one_warehouse_neither_sees_nor_changes_another(world: World) -> None:
    user = person(role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=world.south)
    browser = client_of(user)

    assert "Select a valid choice." in texts(do(browser, world, "adjust", change=1, bucket="on_hand"))
    assert level(world).on_hand == 10
    page = browser.get(step(world, "adjust")).content.decode()
    assert "华南仓" in page
    assert "华东仓" not in page


def test_a_number_leads_to_its_movements_with_what_was_there_after_each(world: World, boss: Client) -> None:
    sku, east = world.skus[1].pk, world.east.pk
    do(boss, world, "adjust", change=5, bucket="on_hand")
    do(boss, world, "adjust", change=-1, bucket="on_hand")
    address = reverse("console:stock-ledger", args=[sku])
    pool = boss.get(reverse("console:stock-pool", args=[sku])).content.decode()
    assert f"{address}?warehouse={east}&amp;bucket=on_hand" in pool

    rows = boss.get(address, {"warehouse": east, "bucket": "on_hand"}).context["rows"]
    only = boss.get(address, {"warehouse": east, "reason": "count"}).context["rows"]

    assert [(row.movement.delta, row.after) for row in rows] == [(-1, 14), (5, 15), (10, 10)]
    assert [(row.movement.delta, row.after) for row in only] == [(10, 10)]


def test_a_long_ledger_keeps_its_balances_from_page_to_page(world: World, boss: Client) -> None:
    sku, east = world.skus[2], world.east
    move_stock(movements=[Movement(sku.pk, east.pk, 1, MovementReason.ARRIVAL, f"A{n}", f"a:{n}") for n in range(70)])
    address = reverse("console:stock-ledger", args=[sku.pk])

    first = boss.get(address, {"warehouse": east.pk})
    second = boss.get(address, {"warehouse": east.pk, "before": first.context["before"]})

    assert [row.after for row in first.context["rows"]] == list(range(80, 20, -1))
    assert [row.after for row in second.context["rows"]] == list(range(20, 9, -1))
    assert second.context["before"] == ""


def test_who_holds_pieces_can_be_asked_of_one_warehouse(world: World, boss: Client) -> None:
    held = Reservation.objects.get(state="active")
    address = reverse("console:stock-pool", args=[world.skus[1].pk])

    here = boss.get(address, {"holders": held.warehouse_id}).context["pool"].holders
    there = boss.get(address, {"holders": world.south.pk}).context["pool"].holders

    assert [holder.reservation.pk for holder in here] == [held.pk]
    assert there == []


# --- tables -----------------------------------------------------------------------------------------------------------


def bring(browser: Client, kind: str, content: bytes, **more: Any) -> Any:
    file = SimpleUploadedFile("盘点.csv", content)
    return browser.post(reverse("console:stock-tables"), {"kind": kind, "table": file, "note": "盘点"} | more)


def test_a_table_is_looked_at_and_taken_in(world: World, boss: Client) -> None:
    text = "商品编码,仓库,盘点数量\nSKU-1,EAST,12\nSKU-2,EAST,10\n"
    answer = bring(boss, "count", text.encode("gb18030"))
    table = StockTable.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, reverse("console:stock-table", args=[table.pk]))

    page = boss.get(answer["Location"])
    assert page.context["counts"] == {"all": 2, "changes": 1, "refused": 0, "same": 1}
    assert level(world).on_hand == 10
    seen = page.context["preview"].seen
    boss.post(reverse("console:stock-table-apply", args=[table.pk]), {"seen": seen})

    assert level(world).on_hand == 12
    done = boss.get(answer["Location"])
    assert [m.delta for m in done.context["movements"]] == [2]
    assert boss.get(reverse("console:stock-table-file", args=[table.pk])).content == text.encode("gb18030")
    again = bring(boss, "count", text.encode())
    assert "The very same rows were taken in" in texts(boss.get(again["Location"]))


def test_mistakes_of_a_table_are_listed_with_the_headings_that_people_know(world: World, boss: Client) -> None:
    page = bring(boss, "count", b"sku,warehouse,pieces\nSKU-1,MOON,1\nSKU-1,EAST,few\n")
    chinese = boss.post(
        reverse("console:stock-tables"),
        {"kind": "count", "table": SimpleUploadedFile("t.csv", b"sku,warehouse,pieces\nSKU-1,EAST,few\n")},
        headers={"accept-language": "zh-hans"},
    )

    assert page.status_code == 400
    assert "2 warehouse there is no warehouse “MOON” for you" in texts(page)
    assert "3 pieces “few” is no whole number" in texts(page)
    assert "2 盘点数量" in texts(chinese)
    assert not StockTable.objects.exists()


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("count", b"a,b\n1,2\n", "The table lacks the columns “sku”, “warehouse”, “pieces”."),
        ("nonsense", b"a", "Say what the table is."),
        ("count", b"", "Choose a CSV or XLSX file of at most 10 MB."),
    ],
)
def test_a_file_of_no_use_is_refused_in_plain_words(
    world: World, boss: Client, kind: str, content: bytes, said: str
) -> None:
    page = bring(boss, kind, content)

    assert (page.status_code, said in texts(page)) == (400, True)


def test_a_row_that_cannot_be_carried_out_stops_the_whole_table(world: World, boss: Client) -> None:
    answer = bring(boss, "adjust", b"sku,warehouse,change,reason\nSKU-2,EAST,5,a\nSKU-1,EAST,-9,b\n")
    page = boss.get(answer["Location"])
    assert [row.planned.row.row for row in page.context["rows"]] == [3]
    assert 'class="main" disabled' in page.content.decode()

    table = StockTable.objects.get()
    boss.post(reverse("console:stock-table-apply", args=[table.pk]), {"seen": page.context["preview"].seen})
    assert not StockMovement.objects.filter(reason="adjustment").exists()

    boss.post(reverse("console:stock-table-discard", args=[table.pk]))
    assert StockTable.objects.get().state == "discarded"


def test_tables_of_other_warehouses_are_not_there(world: World, boss: Client) -> None:
    bring(boss, "count", b"sku,warehouse,pieces\nSKU-1,EAST,12\n")
    table = StockTable.objects.get()
    user = person(role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=world.south)
    browser = client_of(user)

    for name in ("stock-table", "stock-table-file"):
        assert browser.get(reverse(f"console:{name}", args=[table.pk])).status_code == 404
    assert browser.post(reverse("console:stock-table-apply", args=[table.pk])).status_code == 404
    assert browser.get(reverse("console:stock-tables")).context["tables"] == []


@pytest.mark.parametrize("kind", ["count", "adjust", "arrival", "expected", "safety"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_sample_is_read_again_by_its_headings(world: World, boss: Client, kind: str, language: str) -> None:
    page = boss.get(reverse("console:stock-table-sample", args=[kind]), headers={"accept-language": language})
    content = b"".join(page.streaming_content).replace(b"SAMPLE-1", b"SKU-1").replace(b"SAMPLE-2", b"SKU-2")

    answer = bring(boss, kind, content.replace(b"WH-SAMPLE", b"EAST").replace(b"PO-SKU-1", b"PO-1"))

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("form", "language"), [("csv", "en"), ("csv", "zh-hans"), ("gb18030", "zh-hans"), ("xlsx", "en")]
)
def test_the_stock_goes_out_and_comes_back_as_a_count_that_changes_nothing(
    world: World, boss: Client, form: str, language: str
) -> None:
    world.skus[2].name = "=cmd()"
    world.skus[2].save()
    address = reverse("console:stock-export")
    page = boss.get(address, {"format": form, "warehouse": "EAST"}, headers={"accept-language": language})
    content = page.content if form == "xlsx" else b"".join(page.streaming_content)

    answer = bring(boss, "count", content)

    shown = boss.get(answer["Location"]).context
    assert shown["counts"] == {"all": 10, "changes": 0, "refused": 0, "same": 10}
    if form == "xlsx":
        sheet = load_workbook(io.BytesIO(content)).worksheets[0]
        assert {cell.data_type for row in sheet for cell in row} == {"s", "n"}
    else:
        assert b"'=cmd()" in content


def test_the_export_holds_only_the_warehouses_of_the_reader(world: World) -> None:
    user = person(role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=world.south)

    content = b"".join(client_of(user).get(reverse("console:stock-export")).streaming_content).decode()

    assert "华南仓" in content
    assert "华东仓" not in content


# --- deliveries -------------------------------------------------------------------------------------------------------


def test_a_purchase_is_made_from_pasted_lines_sent_and_received(world: World, boss: Client) -> None:
    data = {
        "warehouse": world.east.pk,
        "due_on": "2026-12-01",
        "goods": "SKU-1\t20\nSKU-2, 5\n\nSKU-1 1",
        "supplier": "陶坊",
        "reason": "补货",
        "key": uuid4().hex,
    }
    answer = boss.post(reverse("console:inbound-new", args=["purchase"]), data)
    inbound = InboundOrder.objects.get()
    assert (answer.status_code, inbound.state) == (303, "sent")
    assert list(inbound.lines.order_by("sku__code").values_list("sku__code", "planned")) == [
        ("SKU-1", 21),
        ("SKU-2", 5),
    ]
    assert Supply.objects.count() == 2

    first, second = inbound.lines.order_by("sku__code")
    came = {
        f"good-{first.pk}": 20,
        f"defective-{first.pk}": 1,
        f"good-{second.pk}": 4,
        "is_final": "on",
        "reason": "到货",
        "key": uuid4().hex,
    }
    answer = boss.post(reverse("console:inbound-receive", args=[inbound.pk]), came)

    assert answer.status_code == 302
    assert (level(world).on_hand, level(world).damaged) == (30, 1)
    page = texts(boss.get(reverse("console:inbound-order", args=[inbound.pk])))
    # Booked ahead of the warehouse's own confirm, which will be matched with it.
    assert "SKU-2 商品2 5 4 (4 by hand) 0 0 -1" in page
    assert broken_invariants() == {}


def test_a_purchase_comes_from_a_file_as_well(world: World, boss: Client) -> None:
    file = SimpleUploadedFile("po.csv", "货号,数量\nSKU-1,20\n".encode("gb18030"))
    data = {"warehouse": world.east.pk, "due_on": "2026-12-01", "table": file, "reason": "x", "key": uuid4().hex}

    assert boss.post(reverse("console:inbound-new", args=["purchase"]), data).status_code == 303
    assert InboundOrder.objects.get().lines.get().planned == 20


@pytest.mark.parametrize(
    ("goods", "said"),
    [
        ("", "Name at least one SKU with its pieces."),
        ("SKU-1", "Line 1: “SKU-1” is no SKU code with pieces"),
        ("SKU-1 3\nSKU-1 -3", "Line 2: “-3” is no number of pieces from 1 up"),
        ("NO-1 3", "there is no SKU “NO-1”"),
        ("SET-1 3", "there is no SKU “SET-1”"),
    ],
)
def test_goods_that_cannot_be_read_are_named(world: World, boss: Client, goods: str, said: str) -> None:
    data = {"warehouse": world.east.pk, "due_on": "2026-12-01", "goods": goods, "reason": "x"}

    page = boss.post(reverse("console:inbound-new", args=["purchase"]), data)

    assert (page.status_code, said in texts(page)) == (400, True)
    assert not InboundOrder.objects.exists()


def test_a_return_is_made_of_the_lines_of_an_order(world: World, boss: Client) -> None:
    order = Order.objects.get()
    OrderLine.objects.filter(order=order).update(reserved=0, released=0, shipped=2)
    address = reverse("console:inbound-new", args=["return"])
    line = order.lines.get()
    assert f'name="line-{line.pk}"' in boss.get(address, {"order": order.channel_order_no}).content.decode()
    data = {"order": order.channel_order_no, "warehouse": world.south.pk, f"line-{line.pk}": 2, "reason": "七天无理由"}

    assert boss.post(address, data | {"key": uuid4().hex}).status_code == 303

    made = InboundOrder.objects.get()
    assert (made.kind, made.order_id, made.lines.get().planned) == ("return", order.pk, 2)
    assert "announced already" in texts(boss.get(address, {"order": order.channel_order_no}))
    assert "There is no such order for you." in texts(boss.get(address, {"order": "nonsense"}))


def test_a_delivery_is_called_off_with_a_reason_only(world: World, boss: Client) -> None:
    world.east.kind = "own"
    world.east.save()
    data = {"warehouse": world.east.pk, "due_on": "2026-12-01", "goods": "SKU-1 3", "reason": "x", "key": uuid4().hex}
    boss.post(reverse("console:inbound-new", args=["purchase"]), data)
    inbound = InboundOrder.objects.get()
    address = reverse("console:inbound-verb", args=[inbound.pk, "cancel"])

    boss.post(address, {"reason": " "})
    assert InboundOrder.objects.get().state == "planned"
    boss.post(address, {"reason": "不要了"})
    assert InboundOrder.objects.get().state == "cancelled"


def test_deliveries_are_for_those_who_may(world: World, operator: Client) -> None:
    assert operator.get(reverse("console:inbound")).status_code == 200
    for kind in ("purchase", "transfer", "return"):
        assert operator.get(reverse("console:inbound-new", args=[kind])).status_code == 403
    assert operator.post(reverse("console:inbound-items")).status_code == 403
    assert client_of(person()).get(reverse("console:inbound")).status_code == 403


def test_all_items_are_told_from_the_page(world: World, boss: Client) -> None:
    assert boss.post(reverse("console:inbound-items"), {"warehouse": world.east.pk}).status_code == 302
    assert "1 call with items is on its way." in texts(boss.get(reverse("console:inbound")))
    assert boss.post(reverse("console:inbound-items"), {"warehouse": 999999}).status_code == 404


# --- production -------------------------------------------------------------------------------------------------------


def produce(browser: Client, verb: str, **data: Any) -> Any:
    return browser.post(reverse("console:production-step", args=[verb]), {"reason": "排产"} | data)


def test_things_are_made_for_stock_from_the_calendar_to_the_shelf(world: World, boss: Client) -> None:
    today = timezone.localdate()
    made = produce(boss, "resource", code="kiln", name="窑", warehouse=world.east.pk, is_active="on")
    assert made.status_code == 302
    resource = ProductionResource.objects.get()
    days = {"first": today, "last": today + timedelta(days=6), "weekdays": list(range(7)), "minutes": 60}
    assert produce(boss, "calendar", resource=resource.pk, **days).status_code == 302
    assert CapacityDay.objects.count() == 7
    way = {"sku": "SKU-1", "resource": resource.pk, "minutes_per_unit": 20, "setup_days": 1, "lead_days": 1}
    assert produce(boss, "way", **way, parts="SKU-2 2", is_active="on").status_code == 302
    assert ProductionRoute.objects.get().components.get().quantity == 2

    once = uuid4().hex
    for _again in range(2):
        assert produce(boss, "make", sku="SKU-1", quantity=4, key=once).status_code == 302
    order = ProductionOrder.objects.get()
    assert order.ready_on == today + timedelta(days=3)
    assert sorted(CapacityDay.objects.filter(used__gt=0).values_list("used", flat=True)) == [20, 60]
    assert "SKU-1" in texts(boss.get(reverse("console:production")))

    finish = reverse("console:production-order", args=[order.pk, "finish"])
    assert "8 × SKU-2" in texts(boss.get(finish))
    assert boss.post(finish, {"reason": "完工"}).status_code == 302

    assert level(world).on_hand == 14
    assert StockLevel.objects.get(sku=world.skus[2], warehouse=world.east).on_hand == 2
    assert (ProductionOrder.objects.get().state, Supply.objects.get().state) == ("done", "arrived")
    assert Deed.objects.filter(action__startswith="production.").count() == 5
    assert broken_invariants() == {}


def test_production_that_is_stopped_gives_back_its_minutes_and_parts(world: World, boss: Client) -> None:
    resource = ProductionResource.objects.create(code="kiln", name="窑", warehouse=world.east)
    CapacityDay.objects.create(resource=resource, day=timezone.localdate() + timedelta(days=1), minutes=60)
    ProductionRoute.objects.create(sku=world.skus[1], resource=resource, minutes_per_unit=20)
    assert produce(boss, "make", sku="SKU-1", quantity=3).status_code == 302
    order = ProductionOrder.objects.get()

    assert boss.post(reverse("console:production-order", args=[order.pk, "stop"]), {"reason": "x"}).status_code == 302

    assert ProductionOrder.objects.get().state == "cancelled"
    assert CapacityDay.objects.get().used == 0
    assert Supply.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    ("verb", "data", "said"),
    [
        ("make", {"sku": "SKU-1", "quantity": 1}, "Nobody has said how this SKU is made."),
        ("make", {"sku": "NO", "quantity": 1}, "there is no SKU “NO”"),
        ("make", {"sku": "SKU-3", "quantity": 99}, "There is no day on which this could be made."),
        (
            "way",
            {"sku": "SKU-3", "minutes_per_unit": 5, "setup_days": 0, "lead_days": 0, "parts": "SKU-3 1"},
            "cannot be made",
        ),
        (
            "calendar",
            {"first": "2026-12-05", "last": "2026-12-01", "weekdays": [1], "minutes": 5},
            "no days that a calendar",
        ),
    ],
)
def test_what_cannot_be_made_is_said(world: World, boss: Client, verb: str, data: dict[str, Any], said: str) -> None:
    resource = ProductionResource.objects.create(code="kiln", name="窑", warehouse=world.east)
    ProductionRoute.objects.create(sku=world.skus[3], resource=resource, minutes_per_unit=20)

    page = produce(boss, verb, **data, resource=resource.pk)

    assert (page.status_code, said in texts(page)) == (400, True)
    assert not ProductionOrder.objects.exists()


def test_production_is_read_by_operators_and_planned_by_those_who_may(world: World, operator: Client) -> None:
    assert operator.get(reverse("console:production")).status_code == 200
    for verb in ("make", "calendar", "way", "resource"):
        assert produce(operator, verb).status_code == 403
    assert client_of(person()).get(reverse("console:production")).status_code == 403


def test_another_warehouse_s_resource_is_not_offered_or_changed(world: World) -> None:
    north = Warehouse.objects.create(code="NORTH", name="华北仓")
    ProductionResource.objects.create(code="kiln", name="窑", warehouse=world.east)
    names = ("view_productionorder", "plan_production")
    user = person(permissions=tuple(f"inventory.{name}" for name in names))
    WarehouseAccess.objects.create(user=user, warehouse=north)
    browser = client_of(user)

    assert "窑" not in browser.get(reverse("console:production")).content.decode()
    stolen = produce(browser, "resource", code="kiln", name="x", warehouse=north.pk)
    assert stolen.status_code == 404
    assert ProductionResource.objects.get().name == "窑"
