"""Live-stream sessions: what is set aside comes and goes by itself, and orders find their session."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_sync.live import (
    LiveGoods,
    LivePlan,
    attribute_late_sales,
    attribute_sales,
    cancel_sessions,
    change_session,
    end_sessions,
    keep_live_sales,
    plan_session,
    start_sessions,
)
from channels_sync.live.errors import LivePlanWrong, LiveSessionOverlaps
from channels_sync.live_models import LiveItem, LiveSale, LiveSession
from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.events import timers
from ordercenter.events.relay import Relay
from ordercenter.inventory import services as inventory
from ordercenter.inventory.errors import QuotaBelowTaken, QuotaTooLarge, StockShort
from ordercenter.inventory.models import ChannelQuota, Reservation, StockLevel, Warehouse
from ordercenter.inventory.services import Promise, Wanted, reserve_now, reserve_stock
from ordercenter.inventory.services.unpaid import UnpaidGoods, hold_for_unpaid
from ordercenter.orders.services import TakenOrder, take_orders
from tests.channels_sync.live.sales import sold_in
from tests.flows.world import World
from tests.ordercenter.orders.incoming import line, report

pytestmark = pytest.mark.django_db

ROOM, ANCHOR = "7301", "8801"


@pytest.fixture
def world() -> World:
    return World(stock=10, flows=False)


def plan(start: datetime, **changes: object) -> LivePlan:
    made = LivePlan("双十二专场", ROOM, ANCHOR, "小雨", start, start + timedelta(hours=2), 30)
    return replace(made, **changes)  # type: ignore[arg-type]


def goods(world: World, n: int = 0, pieces: int = 6) -> LiveGoods:
    return LiveGoods(world.skus[n].pk, world.east.pk, pieces, Decimal("49.00"), Decimal("12.5"))


def planned(world: World, start: datetime, *items: LiveGoods, at: datetime | None = None) -> LiveSession:
    return plan_session(
        shop_id=world.shop.pk, plan=plan(start), goods=items or [goods(world)], reason="plan", at=at or timezone.now()
    )


def set_aside(world: World, n: int = 0) -> int:
    return StockLevel.objects.get(sku=world.skus[n], warehouse=world.east).set_aside


def pass_time(at: datetime) -> None:
    timers.fire_due(at=at)
    Relay().drain()


def reread(session: LiveSession) -> LiveSession:
    return LiveSession.objects.get(pk=session.pk)


def take(world: World, number: str, placed_at: datetime, *, room: str = ROOM, anchor: str = ANCHOR) -> int:
    bought = line("SKU-1", 1, "60.00", live_room_id=room, live_author_id=anchor)
    order = report(number, bought, created_at=placed_at)
    taken = [TakenOrder(world.shop.pk, order)]
    made = take_orders(taken=taken).by_number
    keep_live_sales(taken=taken, orders=made)
    return made[world.shop.pk, number].pk


def session_of(order_id: int) -> int | None:
    return LiveSale.objects.get(order_id=order_id).session_id


def test_goods_are_set_aside_by_themselves_when_the_lead_begins(world: World) -> None:
    start = timezone.now() + timedelta(minutes=10)
    session = planned(world, start, at=start - timedelta(hours=3))
    quota = ChannelQuota.objects.get()
    assert (quota.starts_at, quota.ends_at) == (start - timedelta(minutes=30), start + timedelta(hours=2))
    assert set_aside(world) == 0

    pass_time(timezone.now())

    assert (set_aside(world), reread(session).state) == (6, "planned")


def test_a_session_begins_and_ends_by_itself_and_what_is_left_goes_back(world: World) -> None:
    now = timezone.now()
    session = planned(world, now - timedelta(minutes=1), at=now - timedelta(hours=3))
    pass_time(now)
    assert (set_aside(world), reread(session).state) == (6, "live")
    over = planned(world, now - timedelta(hours=4), goods(world, 1), at=now - timedelta(hours=5))

    pass_time(now)

    assert (set_aside(world, 1), reread(over).state) == (0, "ended")
    end_sessions(session_ids=[session.pk], reason="sold enough").raise_first()
    assert (set_aside(world), reread(session).state) == (0, "ended")
    assert set(ChannelQuota.objects.values_list("state", flat=True)) == {"ended"}


def test_only_orders_of_the_session_draw_on_its_lock_and_all_others_on_the_pool(world: World) -> None:
    session = planned(world, timezone.now() + timedelta(minutes=5))
    sold_in(session, 2)
    place = (world.skus[0].pk, world.east.pk)

    other_shop = reserve_stock(promises=[Promise(1, 1, *place, 5)])
    other_room = reserve_stock(promises=[Promise(3, 3, *place, 5, world.shop.pk)])
    theirs = reserve_stock(promises=[Promise(4, 4, *place, 4, world.shop.pk)])
    with CaptureQueriesContext(connection) as queries:
        ours = reserve_stock(promises=[Promise(2, 2, *place, 4, world.shop.pk)])

    assert [r.code for refused in (other_shop, other_room) for r in refused.refused] == ["inventory.out_of_stock"] * 2
    assert (theirs.done, ours.done) == ([4], [2])
    assert dict(Reservation.objects.values_list("order_id", "from_quota")) == {4: 0, 2: 4}
    assert (ChannelQuota.objects.get().left, set_aside(world)) == (2, 2)
    assert sum("channels_sync_livesale" in query["sql"] for query in queries) == 1


def test_of_a_batch_each_order_is_offered_what_is_its_own(world: World) -> None:
    session = planned(world, timezone.now() + timedelta(minutes=5))
    sold_in(session, 2)
    place = (world.skus[0].pk, world.east.pk)

    with unit_of_work() as work:
        levels = inventory.lock_levels(sku_ids=[place[0]], work=work)
        stock = inventory.free_of_levels(levels, order_ids=[2, 3], work=work)
        shown = [stock.of(shop_id=world.shop.pk, order_id=pk)[place] for pk in (2, 3)]
        stock.of(shop_id=world.shop.pk, order_id=2)[place] -= 7
        then = [stock.of(shop_id=world.shop.pk, order_id=pk)[place] for pk in (2, 3)]

    assert (shown, then) == ([10, 4], [3, 3])


def test_what_is_held_before_payment_comes_out_of_the_lock_for_the_orders_of_the_session_only(world: World) -> None:
    session = planned(world, timezone.now() + timedelta(minutes=5))
    sold_in(session, 2)
    sku_id, until = world.skus[0].pk, timezone.now() + timedelta(minutes=30)
    Warehouse.objects.filter(pk=world.south.pk).update(is_open=False)

    with unit_of_work() as work:
        wanted = [UnpaidGoods(pk, world.shop.pk, sku_id, 5, until) for pk in (2, 3)]
        held = hold_for_unpaid(goods=wanted, work=work)

    place = (sku_id, world.east.pk)
    assert held == {2: {place: 5}, 3: {place: 4}}
    assert sorted(Reservation.objects.values_list("holder", "from_quota")) == [("order:2", 5), ("order:3", 0)]


def test_a_promise_at_once_takes_from_the_lock_only_where_it_is_named_for_it(world: World) -> None:
    planned(world, timezone.now() + timedelta(minutes=5))
    quota = ChannelQuota.objects.get()
    asked = Wanted(world.skus[0].pk, world.east.pk, 4, holder="a", shop_id=world.shop.pk)

    reserve_now(wanted=asked)
    with pytest.raises(StockShort):
        reserve_now(wanted=replace(asked, holder="b"))
    reserve_now(wanted=replace(asked, holder="c", quota_id=quota.pk))

    assert sorted(Reservation.objects.values_list("holder", "from_quota")) == [("a", 0), ("c", 4)]


def test_more_than_is_free_is_refused_and_nothing_of_the_session_is_there(world: World) -> None:
    with pytest.raises(QuotaTooLarge):
        planned(world, timezone.now(), goods(world, 0, 6), goods(world, 1, 11))

    assert (LiveSession.objects.count(), LiveItem.objects.count(), ChannelQuota.objects.count()) == (0, 0, 0)
    assert set_aside(world) == 0


def test_a_change_moves_the_lock_with_the_times_and_keeps_what_orders_took(world: World) -> None:
    session = planned(world, timezone.now())
    sold_in(session, 2)
    reserve_stock(promises=[Promise(2, 2, world.skus[0].pk, world.east.pk, 4, world.shop.pk)])
    later = replace(plan(session.planned_start), planned_end=session.planned_end + timedelta(hours=1))

    change_session(
        session_id=session.pk, plan=later, goods=[goods(world, 0, 8), goods(world, 1, 3)], reason="goes on longer"
    )

    first, second = ChannelQuota.objects.order_by("pk")
    assert (first.quantity, first.left, first.ends_at) == (8, 4, later.planned_end)
    assert (second.quantity, second.left, set_aside(world), set_aside(world, 1)) == (3, 3, 4, 3)
    with pytest.raises(QuotaBelowTaken):
        change_session(session_id=session.pk, plan=later, goods=[goods(world, 0, 3)], reason="fewer")
    change_session(session_id=session.pk, plan=later, goods=[goods(world, 0, 8)], reason="one is off")
    assert (set_aside(world, 1), LiveItem.objects.get(sku=world.skus[1]).is_dropped) == (0, True)


def test_a_session_that_is_called_off_sets_nothing_aside_however_late_its_timers_are(world: World) -> None:
    session = planned(world, timezone.now() + timedelta(minutes=10))
    assert set_aside(world) == 6

    cancel_sessions(session_ids=[session.pk], reason="anchor is ill").raise_first()
    pass_time(timezone.now() + timedelta(hours=5))

    assert (reread(session).state, set_aside(world)) == ("cancelled", 0)
    again = start_sessions(session_ids=[session.pk])
    assert [refusal.code for refusal in again.refused] == ["common.transition_refused"]


def test_one_room_has_one_session_at_a_time(world: World) -> None:
    start = timezone.now() + timedelta(days=1)
    planned(world, start)

    with pytest.raises(LiveSessionOverlaps):
        planned(world, start + timedelta(hours=1), goods(world, 1))
    with pytest.raises(LivePlanWrong):
        plan_session(shop_id=world.shop.pk, plan=plan(start, planned_end=start), goods=[], reason="no span")
    assert LiveSession.objects.count() == 1


def test_an_order_is_of_the_session_of_its_room_and_time_else_of_its_anchor(world: World) -> None:
    now = timezone.now()
    session = planned(world, now)

    assert session_of(take(world, "T1", now)) == session.pk
    assert session_of(take(world, "T2", now, room="", anchor=ANCHOR)) == session.pk
    assert session_of(take(world, "T3", now, room="1", anchor=ANCHOR)) is None
    assert session_of(take(world, "T4", now - timedelta(hours=3))) is None
    assert session_of(take(world, "T5", now + timedelta(hours=2))) is None
    take(world, "T6", now, room="", anchor="")
    assert LiveSale.objects.count() == 5


def test_orders_that_came_first_find_a_session_that_is_entered_afterwards_and_leave_one_that_moved(
    world: World,
) -> None:
    now = timezone.now()
    order_id = take(world, "T1", now - timedelta(hours=5))
    assert session_of(order_id) is None

    session = planned(world, now - timedelta(hours=6))
    Relay().drain()
    assert (session_of(order_id), reread(session).state, ChannelQuota.objects.count()) == (session.pk, "ended", 0)

    change_session(
        session_id=session.pk, plan=plan(now - timedelta(hours=6), room_id="other", author_id=""), goods=[], reason="x"
    )
    attribute_sales([session.pk])
    assert session_of(order_id) is None


def test_an_order_that_came_at_the_moment_in_which_its_session_was_planned_is_found_afterwards(world: World) -> None:
    now = timezone.now()
    session = planned(world, now)
    order_id = take(world, "T1", now)
    strangers = take(world, "T2", now, room="1", anchor="2")
    # As its statement left it: the session was not committed yet, and its fact had found nothing.
    LiveSale.objects.update(session=None)

    with CaptureQueriesContext(connection) as queries:
        attribute_late_sales(at=now)

    assert (session_of(order_id), session_of(strangers), len(queries)) == (session.pk, None, 3)


def test_any_number_of_orders_costs_one_statement_and_a_repeat_changes_nothing(world: World) -> None:
    now = timezone.now()
    session = planned(world, now)
    taken = [
        TakenOrder(world.shop.pk, report(f"N{n}", line("SKU-1", 1, "60.00", live_room_id=ROOM), created_at=now))
        for n in range(40)
    ]
    made = take_orders(taken=taken).by_number

    with CaptureQueriesContext(connection) as queries:
        keep_live_sales(taken=taken, orders=made)
    keep_live_sales(taken=taken, orders=made)

    assert len(queries) == 1
    assert LiveSale.objects.filter(session=session).count() == 40


def test_what_a_person_does_is_a_deed_with_its_reason(world: World) -> None:
    somebody = Actor("person", "boss")
    session = planned(world, timezone.now())
    start_sessions(session_ids=[session.pk], reason="early", actor=somebody).raise_first()
    end_sessions(session_ids=[session.pk], reason="done", actor=somebody).raise_first()

    deeds = Deed.objects.filter(subject=f"live_session:{session.pk}").order_by("pk").values_list("action", "reason")
    assert list(deeds) == [("live.start", "early"), ("live.end", "done")]
    assert list(LiveSession.history.order_by("pk").values_list("state", flat=True)) == ["planned", "live", "ended"]
