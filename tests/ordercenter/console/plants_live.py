"""Planted violations: live-stream sessions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from channels_sync.live import LiveGoods, LivePlan, plan_session
from channels_sync.live_models import LiveSession
from ordercenter.catalog.models import Shop
from ordercenter.events.relay import Relay
from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import plants, sql


def _session(lived: LivedIn) -> LiveSession:
    now = timezone.now()
    world = lived.world
    session = plan_session(
        shop_id=world.shop.pk,
        plan=LivePlan("晚场", "7301", "", "小雨", now, now + timedelta(hours=2)),
        goods=[LiveGoods(world.skus[5].pk, world.east.pk, 2, Decimal("49.00"))],
        reason="plan",
    )
    Relay().drain()
    return session


def _change(session: LiveSession, changes: str) -> None:
    """With its newest history row: whoever cheats may cheat twice."""
    sql(f"UPDATE channels_sync_livesession SET {changes} WHERE id = %s", session.pk)
    sql(f"UPDATE channels_sync_historicallivesession SET {changes} WHERE id = %s", session.pk)


@plants("live_locks_have_running_sessions")
def a_lock_of_a_session_whose_time_is_over(lived: LivedIn) -> None:
    times = "planned_start = now() - interval '9 hours', planned_end = now() - interval '7 hours'"
    _change(_session(lived), times)


@plants("live_locks_have_running_sessions")
def a_lock_of_another_shop(lived: LivedIn) -> None:
    session = _session(lived)
    other = Shop.objects.create(channel=lived.world.shop.channel, code="tm9", name="别家")
    _change(session, f"shop_id = {other.pk}")


@plants("live_sales_are_of_the_shop")
def a_sale_of_another_shop(lived: LivedIn) -> None:
    other = Shop.objects.create(channel=lived.world.shop.channel, code="tm9", name="别家")
    past = timezone.now() - timedelta(days=1)
    plan = LivePlan("早场", "7302", "", "小雨", past, past + timedelta(hours=2))
    session = plan_session(shop_id=other.pk, plan=plan, goods=[], reason="plan")
    Relay().drain()
    sql(
        "INSERT INTO channels_sync_livesale (order_id, channel_line_no, shop_id, session_id, room_id, author_id,"
        " listing_id, listing_sku_id, pieces, amount, placed_at)"
        " VALUES (%s, '1', %s, %s, '7302', '', '', '', 1, 1, %s)",
        lived.order("completed"),
        other.pk,
        session.pk,
        past,
    )
