"""Goods of a session that are nearly sold out: one case, whatever follows, that closes when there is enough again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels_sync.live import change_session, end_sessions, start_sessions, tell_few_left
from channels_sync.live_models import LiveItem, LiveSession
from ordercenter.cases.models import Case
from ordercenter.cases.services import resolve_cases
from ordercenter.common.actor import Actor
from ordercenter.events.relay import Relay
from ordercenter.inventory.services import Promise, release_reservations, reserve_stock
from tests.channels_sync.live.sales import sold_in
from tests.channels_sync.live.test_live_sessions import goods, plan, planned
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World(stock=100, flows=False)


@pytest.fixture
def session(world: World) -> LiveSession:
    made = planned(world, timezone.now() - timedelta(minutes=1), goods(world, 0, 20), goods(world, 1, 20))
    start_sessions(session_ids=[made.pk]).raise_first()
    sold_in(made, 1, 2, 3)
    return made


def sell(world: World, order_id: int, pieces: int) -> None:
    place = (world.skus[0].pk, world.east.pk)
    reserve_stock(promises=[Promise(order_id, order_id, *place, pieces, world.shop.pk)]).raise_first()


def look() -> list[tuple[str, str, int]]:
    tell_few_left(at=timezone.now())
    return [(c.subject, c.state, c.evidence["left"]) for c in Case.objects.filter(code="LIVE_FEW_LEFT").order_by("pk")]


def test_nearly_sold_out_is_one_case_however_many_orders_follow(world: World, session: LiveSession) -> None:
    item = LiveItem.objects.get(sku=world.skus[0])
    sell(world, 1, 17)
    assert look() == []

    sell(world, 2, 1)

    assert look() == [(f"live_item:{item.pk}", "open", 2)]
    sell(world, 3, 1)
    assert look() == [(f"live_item:{item.pk}", "open", 2)]
    with CaptureQueriesContext(connection) as queries:
        look()
    assert len(queries) == 3
    case = Case.objects.get()
    assert (case.shop_id, case.reference, case.times_seen) == (world.shop.pk, "双十二专场 · SKU-0", 1)


def test_it_closes_by_itself_when_more_is_set_aside_or_given_back(world: World, session: LiveSession) -> None:
    sell(world, 1, 19)
    look()

    change_session(
        session_id=session.pk,
        plan=plan(session.planned_start),
        goods=[goods(world, 0, 40), goods(world, 1, 20)],
        reason="more",
    )
    Relay().drain()

    assert Case.objects.get().state == "auto_resolved"
    sell(world, 2, 20)
    assert [case[1:] for case in look()] == [("auto_resolved", 1), ("open", 1)]
    release_reservations(order_ids=[2])
    assert [case[1:] for case in look()] == [("auto_resolved", 1), ("auto_resolved", 1)]


def test_the_line_of_the_session_says_what_few_is_and_a_closed_case_stays_closed(
    world: World, session: LiveSession
) -> None:
    change_session(
        session_id=session.pk,
        plan=plan(session.planned_start),
        goods=[replace(goods(world, 0, 20), few_pieces=8), goods(world, 1, 20)],
        reason="warn early",
    )
    sell(world, 1, 12)
    assert [case[1:] for case in look()] == [("open", 8)]

    boss = Actor("person", "boss")
    resolve_cases(case_ids=[Case.objects.get().pk], resolution="enough", at=timezone.now(), actor=boss).raise_first()
    sell(world, 2, 8)

    assert [case[1:] for case in look()] == [("resolved", 8)]


def test_it_closes_with_the_session(world: World, session: LiveSession) -> None:
    sell(world, 1, 20)
    look()

    end_sessions(session_ids=[session.pk], reason="over").raise_first()
    Relay().drain()

    assert Case.objects.get().state == "auto_resolved"
    assert LiveItem.objects.filter(few_told_at__isnull=False).count() == 0
    assert look() == [(f"live_item:{LiveItem.objects.get(sku=world.skus[0]).pk}", "auto_resolved", 0)]
