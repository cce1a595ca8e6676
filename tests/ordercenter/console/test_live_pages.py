"""The pages of live-stream sessions: planning, the board that refreshes itself, commissions, who may."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from channels_sync.live import LiveGoods, LivePlan, keep_live_sales, plan_session
from channels_sync.live_models import LiveItem, LiveSession
from ordercenter.catalog.models import ListingMatch, ShopAccess
from ordercenter.console.selectors.live import commission_of
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import TakenOrder, take_orders
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person
from tests.ordercenter.orders.incoming import line, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World(stock=10, flows=False)


@pytest.fixture
def session(world: World) -> LiveSession:
    now = timezone.now()
    made = plan_session(
        shop_id=world.shop.pk,
        plan=LivePlan("晚场", "7301", "", "小雨", now, now + timedelta(hours=2)),
        goods=[LiveGoods(world.skus[1].pk, world.east.pk, 6, Decimal("60.00"), Decimal("12.5"))],
        reason="plan",
    )
    ListingMatch.objects.create(shop=world.shop, listing_id="listing-SKU-1", sku=world.skus[1])
    bought = line("SKU-1", 2, "99.99", live_room_id="7301")
    taken = [TakenOrder(world.shop.pk, report("T1", bought, created_at=now))]
    orders = take_orders(taken=taken).by_number
    keep_live_sales(taken=taken, orders=orders)
    OrderLine.objects.filter(order=orders[world.shop.pk, "T1"]).update(sku=world.skus[1])
    return made


@pytest.fixture
def boss(db: None) -> Client:
    return client_of(person("boss", superuser=True))


def test_the_board_shows_what_was_sold_and_what_is_left_and_asks_again_by_itself(
    boss: Client, session: LiveSession
) -> None:
    page = boss.get(f"/console/live/{session.pk}/", headers={"hx-request": "true"}).content.decode()

    assert 'hx-trigger="every 1s"' in page
    assert "<html" not in page
    assert "figures of" in page
    assert "99.99" in page
    assert '<td class="num">6</td><td class="num">6</td>' in page


def test_a_session_is_planned_and_changed_by_its_form(boss: Client, world: World) -> None:
    start = timezone.localtime() + timedelta(days=1)
    typed = {
        "shop": world.shop.pk,
        "title": "早场",
        "room_id": "99",
        "planned_start": start.strftime("%Y-%m-%dT%H:%M"),
        "planned_end": (start + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
        "lead_minutes": "15",
        "goods": "SKU-1 EAST 5 49.00 10\nSKU-2 SOUTH 3 20",
        "reason": "new",
    }

    done = boss.post("/console/live/new/", typed)
    session = LiveSession.objects.get()
    again = boss.post(f"/console/live/{session.pk}/change/", {**typed, "goods": "SKU-1 EAST many 49.00"})

    assert (done.status_code, again.status_code) == (302, 200)
    assert "This line cannot be read: SKU-1 EAST many 49.00" in again.content.decode()
    assert sorted(LiveItem.objects.values_list("sku__code", "quantity", "quota__state")) == [
        ("SKU-1", 5, "planned"),
        ("SKU-2", 3, "planned"),
    ]


def test_commission_is_worked_out_to_the_fen_on_what_was_kept(boss: Client, session: LiveSession) -> None:
    file = b"".join(boss.get(f"/console/live/{session.pk}/commissions.csv")).decode("utf-8-sig")  # type: ignore[arg-type]

    assert file.splitlines()[1] == "T1,L-SKU-1,SKU-1,2,0,99.99,12.50,12.50"
    half = commission_of(paid=Decimal("99.99"), ordered=2, gone=1, percent=Decimal("12.5"))
    assert half == (Decimal("50.00"), Decimal("6.25"))


def test_only_those_of_the_shop_see_a_session_and_only_who_may_run_it_moves_it(
    session: LiveSession, world: World
) -> None:
    stranger, operator = person("a", role="operator"), person("b", role="operator")
    ShopAccess.objects.create(user=operator, shop=world.shop)

    assert client_of(stranger).get(f"/console/live/{session.pk}/").status_code == 404
    assert client_of(operator).get(f"/console/live/{session.pk}/").status_code == 200
    assert client_of(operator).post(f"/console/live/{session.pk}/start/").status_code == 403
    assert LiveSession.objects.get().state == "planned"
    supervisor = person("c", role="supervisor")
    ShopAccess.objects.create(user=supervisor, shop=world.shop)
    client_of(supervisor).post(f"/console/live/{session.pk}/start/")
    assert LiveSession.objects.get().state == "live"


def test_orders_are_found_by_their_session_and_say_whose_they_are(session: LiveSession, world: World) -> None:
    take_orders(taken=[TakenOrder(world.shop.pk, report("T2", line("SKU-1", 1, "60.00")))])
    sold = Order.objects.get(channel_order_no="T1")
    operator, stranger, clerk = person("a", role="operator"), person("b", role="operator"), person("c")
    clerk.user_permissions.add(Permission.objects.get(codename="view_order"))
    for user in (operator, clerk):
        ShopAccess.objects.create(user=user, shop=world.shop)
    url = f"/console/live/{session.pk}/"

    narrowed, whole = client_of(operator).get(f"/console/orders/?live={session.pk}"), client_of(clerk)
    hidden = client_of(stranger).get(f"/console/orders/?live={session.pk}")

    assert [order.channel_order_no for order in narrowed.context["orders"]] == ["T1"]
    assert f'<option value="{session.pk}" selected>' in narrowed.content.decode()
    assert list(hidden.context["orders"]) == []
    assert "晚场" not in hidden.content.decode()
    assert url in client_of(operator).get(f"/console/orders/{sold.pk}/").content.decode()
    assert "晚场" not in whole.get(f"/console/orders/{sold.pk}/").content.decode()
    assert "晚场" not in whole.get("/console/orders/").content.decode()
    assert list(whole.get(f"/console/orders/?live={session.pk}").context["orders"]) == []


def test_goods_are_looked_for_by_code_and_name_and_bundles_are_not_among_them(boss: Client, world: World) -> None:
    by_name = boss.get("/console/live/goods/?find=商品3")
    by_code = boss.get("/console/live/goods/?find=sku-1")

    assert [sku.code for sku in by_name.context["skus"]] == ["SKU-3"]
    assert [sku.code for sku in by_code.context["skus"]] == ["SKU-1"]
    assert '<option value="SKU-1" data-price="51.00">商品1</option>' in by_code.content.decode()
    assert list(boss.get("/console/live/goods/?find=SET").context["skus"]) == []
    assert list(boss.get("/console/live/goods/").context["skus"]) == []
    assert client_of(person("o", role="operator")).get("/console/live/goods/?find=sku").status_code == 403


def test_the_screen_for_the_wall_shows_figures_alone_and_marks_what_is_nearly_gone(
    boss: Client, session: LiveSession
) -> None:
    LiveItem.objects.update(few_pieces=6)

    page = boss.get(f"/console/live/{session.pk}/wall/").content.decode()
    again = boss.get(f"/console/live/{session.pk}/wall/", headers={"hx-request": "true"}).content.decode()

    assert "<nav" not in page
    assert "nearly sold out" in again
    assert 'hx-trigger="every 1s"' in again
    assert "<html" not in again
    assert client_of(person("o", role="operator")).get(f"/console/live/{session.pk}/wall/").status_code == 404
