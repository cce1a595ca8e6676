"""The demo company's days of work: something on every page, nothing broken, written once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from channels_sync.demo import seed_company, seed_life, stream
from channels_sync.live_models import LiveSale, LiveSession
from channels_sync.sandbox import credentials
from fulfillment.models import (
    BacklogRun,
    CountLine,
    FreightBill,
    InboundOrder,
    RoutingRuleVersion,
    ShadowRun,
    Shipment,
    Wave,
)
from fulfillment.services.routing_rules import rule_set
from fulfillment.services.shadow import run_waiting_shadows
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events import timers
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import ChannelQuota, ProductionOrder, StockTable
from ordercenter.orders.models import GiftGrant, Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> tuple[Actor, Actor]:
    seed_company(credentials=credentials.generate(), sandbox_url="http://127.0.0.1:9", site_url="http://127.0.0.1:9")
    users = [get_user_model().objects.create(username=name) for name in ("boss", "picker")]
    boss, picker = (Actor("person", user.username, user_id=user.pk) for user in users)
    return boss, picker


def pass_time(at: datetime) -> None:
    timers.fire_due(at=at)
    Relay().drain()


def test_every_page_has_something_on_it_and_nothing_is_broken(people: tuple[Actor, Actor]) -> None:
    boss, picker = people

    assert seed_life(boss=boss, picker=picker, at=timezone.now()) is True

    assert Order.objects.count() == 32
    states = set(Shipment.objects.values_list("state", flat=True))
    assert {"shipped", "weighed", "packed", "checked", "waved", "short_picked", "accepted", "planned"} <= states
    assert set(Wave.objects.values_list("state", flat=True)) >= {"done", "picking"}
    assert set(ChannelQuota.objects.values_list("kind", "state")) == {
        ("dedicated", "open"),
        ("live", "open"),
        ("live", "planned"),
    }
    assert set(InboundOrder.objects.values_list("kind", flat=True)) == {"purchase", "transfer", "return"}
    assert set(StockTable.objects.values_list("state", flat=True)) == {"applied", "draft"}
    assert ProductionOrder.objects.filter(order_id__isnull=False).exists()
    assert GiftGrant.objects.filter(ended_at__isnull=True).exists()
    assert CountLine.objects.filter(counted__isnull=True).exists()
    assert CountLine.objects.filter(counted=39).exists()
    bill = FreightBill.objects.get()
    assert set(bill.lines.exclude(verdict="matched").values_list("verdict", flat=True)) >= {
        "weight_differs",
        "price_differs",
        "billed_twice",
        "unknown_parcel",
    }
    assert {"SHORT_PICK", "OUT_OF_STOCK", "REMARK_NEEDS_HUMAN", "ADDRESS_INCOMPLETE"} <= set(
        Case.objects.values_list("code", flat=True)
    )
    assert RoutingRuleVersion.objects.count() == 1
    assert rule_set().draft is not None
    assert BacklogRun.objects.get().orders > 0
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(hours=1))
    assert {verdict.check.name: verdict.sample for verdict in verdicts if verdict.broken} == {}


def test_orders_of_one_buyer_share_a_parcel_and_one_is_split_by_hand(people: tuple[Actor, Actor]) -> None:
    boss, picker = people
    seed_life(boss=boss, picker=picker, at=timezone.now())

    joint = Order.objects.filter(buyer_key="demo-joint").values_list("pk", flat=True)
    assert len(set(Shipment.objects.filter(lines__order__in=joint).values_list("pk", flat=True))) == 1
    split = Order.objects.get(channel_order_no__endswith="D000")
    live = Shipment.objects.filter(lines__order=split).exclude(state="cancelled").distinct()
    assert set(live.values_list("state", flat=True)) == {"planned"}
    assert live.count() == 2


def test_the_trial_that_was_asked_for_can_be_carried_out(people: tuple[Actor, Actor]) -> None:
    boss, picker = people
    seed_life(boss=boss, picker=picker, at=timezone.now())

    assert run_waiting_shadows() == 1

    run = ShadowRun.objects.get()
    assert (run.status, run.error) == ("done", "")


def test_one_live_stream_is_over_with_its_orders_one_is_on_air_and_one_planned_at_each_start(
    people: tuple[Actor, Actor],
) -> None:
    boss, picker = people
    now = timezone.now()
    seed_life(boss=boss, picker=picker, at=now)

    stream(at=now, actor=boss)
    again = stream(at=now, actor=boss)
    pass_time(now)

    assert again == []
    assert sorted(LiveSession.objects.values_list("shop__code", "state")) == [
        ("mumian-douyin", "live"),
        ("mumian-live", "ended"),
        ("mumian-wechat", "planned"),
    ]
    assert LiveSale.objects.filter(session__state="ended").values("order_id").distinct().count() == 12
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(hours=1))
    assert {verdict.check.name: verdict.sample for verdict in verdicts if verdict.broken} == {}


def test_a_company_that_has_its_days_of_work_gets_no_more(people: tuple[Actor, Actor]) -> None:
    boss, picker = people
    seed_life(boss=boss, picker=picker, at=timezone.now())
    before = Order.objects.count()

    assert seed_life(boss=boss, picker=picker, at=timezone.now()) is False
    assert Order.objects.count() == before
