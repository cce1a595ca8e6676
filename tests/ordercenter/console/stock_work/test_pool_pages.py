"""What people do about stock on the pages: every form, who may, what is refused, and what a number is made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import InboundOrder
from ordercenter.audit.models import Deed
from ordercenter.inventory.models import (
    ChannelPolicy,
    ChannelQuota,
    Reservation,
    ReservePolicy,
    StockChange,
    StockLevel,
    StockMovement,
    StockPolicy,
    Supply,
    WarehouseAccess,
)
from ordercenter.inventory.services import Movement, Wanted, move_stock, reserve_now
from ordercenter.inventory.states import MovementReason
from tests.flows.world import World
from tests.fulfillment.floor.house import broken_invariants
from tests.ordercenter.console.people import client_of, person
from tests.ordercenter.console.stock_work.steps import VERBS, do, level, step, texts

pytestmark = pytest.mark.django_db


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


def test_the_pool_says_how_fast_a_sku_sells_and_how_long_it_lasts(world: World, boss: Client) -> None:
    now, east, south = timezone.now(), world.east.pk, world.south.pk
    sold = [Movement(world.skus[5].pk, east, -8, MovementReason.SHIPMENT, "s", "s:1")]
    move_stock(movements=sold, at=now).raise_first()

    pool = boss.get(reverse("console:stock-pool", args=[world.skus[5].pk])).context["pool"]

    covers = {level.warehouse_id: cover for level, cover in pool.levels}
    assert (covers[east].free, str(covers[east].a_day), str(covers[east].days)) == (2, "8.0", "0.2")
    assert (covers[east].level, covers[south].level, covers[south].days) == ("low", "enough", None)
    assert (pool.cover.free, str(pool.cover.days)) == (12, "1.5")


def test_what_a_cart_holds_is_shown_and_released_with_a_reason_and_a_deed(world: World, boss: Client) -> None:
    ends = timezone.now() + timedelta(hours=1)
    sku = world.skus[5]
    reserve_now(wanted=Wanted(sku.pk, world.east.pk, 3, holder="cart:7", expires_at=ends))
    held = Reservation.objects.get(holder="cart:7")
    address = reverse("console:stock-release", args=[held.pk])
    assert address in boss.get(reverse("console:stock-pool", args=[sku.pk])).content.decode()

    assert boss.post(address, {"reason": ""}).status_code == 400
    assert Reservation.objects.get(pk=held.pk).state == "active"
    assert boss.post(address, {"reason": "the cart is gone"}).status_code == 302

    assert Reservation.objects.get(pk=held.pk).state == "released"
    assert StockLevel.objects.get(sku=sku, warehouse=world.east).reserved == 0
    deed = Deed.objects.get(action="stock.release")
    assert (deed.subject, deed.reason) == ("hold:cart:7", "the cart is gone")
    assert deed.details == {f"{sku.pk}@{world.east.pk}": 3}
    assert boss.post(address, {"reason": "again"}).status_code == 404


def test_the_pieces_of_an_order_are_not_released_past_the_order(world: World, boss: Client, operator: Client) -> None:
    theirs = Reservation.objects.filter(state="active").first()
    assert theirs is not None

    for browser in (boss, operator):
        assert browser.post(reverse("console:stock-release", args=[theirs.pk]), {"reason": "x"}).status_code in (
            403,
            404,
        )

    assert Reservation.objects.get(pk=theirs.pk).state == "active"
