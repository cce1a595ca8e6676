"""Stock changes hands: from lower grades to higher ones, within a cap, for a reason, and nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import override

from fulfillment.errors import TakeoverImpossible
from fulfillment.models import Shipment, WarehouseCalendar
from fulfillment.services import (
    TakeoverWish,
    preview_takeover,
    release_due,
    take_over_by_rule,
    take_over_stock,
    tell_urgent,
)
from fulfillment.services.routing_rules import install_rules
from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import EventRow
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel, StockPolicy, StockTakeover
from ordercenter.inventory.services import Expected, expect_supplies
from ordercenter.inventory.states import SupplyKind
from ordercenter.orders.models import GradeRule, Hold, Order
from ordercenter.orders.services import regrade_orders, release_holds
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.components import registry
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.models import Flow
from ordercenter.workflow.services import activate_version, install_flows, save_version
from ordercenter.workflow.validator import validate
from tests.flows.world import SHANGHAI, World
from tests.fulfillment.routing.rule_documents import document, rule

pytestmark = pytest.mark.django_db
TEN = (datetime.now(SHANGHAI) - timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(TEN, tick=False) as clock:
        yield clock


@pytest.fixture
def boss() -> Actor:
    user = get_user_model().objects.create_user("boss", password="x")
    return Actor("user", user.username, user.pk)


@pytest.fixture
def world(clock: Any) -> World:
    """One piece in the east, kept back for the wave of two o'clock; what is worth 500 yuan is VIP, 900 rush."""
    world = World(stock=0)
    WarehouseCalendar.objects.create(warehouse=world.east, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    grades()
    return world


def grades() -> None:
    for code, amount, grade in (("vip", 500, "vip"), ("rush", 900, "rush")):
        GradeRule.objects.create(code=code, name=code, kind="amount", amount=amount, points=amount, grade=grade)


def soft_world() -> World:
    """Orders are reserved, and wait for something before they get a shipment."""
    flows = standard_flows()
    for flow in flows:
        if flow["key"] == "standard-order":
            pause = {"id": "pause", "type": "wait", "event": "fulfillment.order.release_due", "timeout": "P3D"}
            flow["nodes"].append({**pause, "name": {"zh": "等", "en": "Pause"}})
            flow["edges"] = [e for e in flow["edges"] if (e["from"], e["to"]) != ("assign", "ship")]
            flow["edges"] += [
                {"from": "assign", "to": "pause"},
                {"from": "pause", "to": "ship"},
                {"from": "pause", "port": "timeout", "to": "ship"},
            ]
            flow["tests"] = []
    world = World(stock=0, flows=False)
    install_flows(documents=json.loads(json.dumps(flows)))
    grades()
    return world


def buy(world: World, worth: int, *lines: tuple[str, int]) -> Order:
    share = f"{worth / len(lines):.2f}"
    trade = world.trade(*((sku, pieces, share) for sku, pieces in lines))
    world.deliver(trade)
    Relay().drain()
    return Order.objects.get(channel_order_no=str(trade["tid"]))


def allow(world: World, sku: int, percent: int, pieces: int | None = None) -> None:
    StockPolicy.objects.create(sku=world.skus[sku], rush_cap_percent=percent, rush_cap_pieces=pieces)


def stands(order: Order) -> tuple[str, bool, list[str]]:
    order.refresh_from_db()
    holds = Hold.objects.filter(order=order, released_at__isnull=True)
    return order.state, order.is_on_hold, list(holds.values_list("code", flat=True))


def broken() -> list[str]:
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    return [f"{v.check.name} {v.sample}" for v in verdicts if v.broken]


def live() -> dict[int, str]:
    return dict(Shipment.objects.exclude(state="cancelled").values_list("lines__order_id", "state"))


WAITS = ("awaiting_supply", True, ["OUT_OF_STOCK"])
GOES = ("in_fulfillment", False, [])


class TestByRule:
    def test_a_rush_order_gets_the_kept_back_piece_of_a_normal_one_which_waits_with_a_date(self, world: World) -> None:
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal = buy(world, 60, ("SKU-1", 1))
        coming = (TEN + timedelta(days=2)).date()
        expect_supplies(expected=[Expected(SupplyKind.PURCHASE, "PO1", world.skus[1].pk, world.east.pk, 5, coming)])

        rush = buy(world, 950, ("SKU-1", 1))

        assert (rush.grade, stands(rush), stands(normal)) == ("rush", GOES, WAITS)
        assert live() == {rush.pk: "planned"}
        assert normal.lines.get().promised_on == coming
        (row,) = StockTakeover.objects.all()
        assert (row.giver_order_id, row.taker_order_id, row.sku, row.warehouse) == (
            normal.pk,
            rush.pk,
            world.skus[1],
            world.east,
        )
        assert (row.pieces, row.taker_rank, row.giver_rank, row.allowed, row.by, row.reason) == (
            1,
            2,
            0,
            1,
            None,
            "the rule of the goods",
        )
        assert list(Reservation.objects.filter(state="active").values_list("order_id", "quantity")) == [(rush.pk, 1)]
        names = set(EventRow.objects.values_list("name", flat=True))
        assert {"inventory.stock.taken_over", "inventory.stock.given_up"} <= names
        assert Case.objects.get(closed_at__isnull=True).evidence["given_to"] == rush.channel_order_no
        assert broken() == []

        world.stock({"SKU-1": 1}, warehouse=world.east, key="later")
        Relay().drain()

        assert stands(normal) == GOES
        assert live() == {rush.pk: "planned", normal.pk: "planned"}
        assert broken() == []

    def test_without_a_cap_nothing_changes_hands(self, world: World) -> None:
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal = buy(world, 60, ("SKU-1", 1))

        rush = buy(world, 950, ("SKU-1", 1))

        assert (stands(rush), stands(normal)) == (WAITS, GOES)
        assert not StockTakeover.objects.exists()

    def test_an_equal_or_higher_grade_gives_nothing(self, world: World) -> None:
        allow(world, 1, 100)
        world.stock({"SKU-1": 2}, warehouse=world.east)
        rush, vip = buy(world, 950, ("SKU-1", 1)), buy(world, 600, ("SKU-1", 1))

        later_vip = buy(world, 600, ("SKU-1", 1))
        assert (stands(rush), stands(vip), stands(later_vip)) == (GOES, GOES, WAITS)

        second = buy(world, 950, ("SKU-1", 1))
        assert (stands(second), stands(rush), stands(vip)) == (GOES, GOES, WAITS)
        assert [(row.giver_rank, row.taker_rank) for row in StockTakeover.objects.all()] == [(1, 2)]

    def test_the_least_urgent_gives_first_and_nobody_gives_for_nothing(self, world: World) -> None:
        allow(world, 1, 100)
        world.stock({"SKU-1": 4}, warehouse=world.east)
        vip = buy(world, 600, ("SKU-1", 1))
        early, late = buy(world, 60, ("SKU-1", 1)), buy(world, 60, ("SKU-1", 1))
        Order.objects.filter(pk=late.pk).update(ship_by=early.ship_by + timedelta(hours=1))

        rush = buy(world, 950, ("SKU-1", 2))

        assert [stands(o) for o in (rush, vip, early, late)] == [GOES, GOES, GOES, WAITS]
        assert [row.giver_order_id for row in StockTakeover.objects.all()] == [late.pk]

    def test_the_caps_of_a_day_hold_in_percent_and_in_pieces(self, world: World, clock: Any) -> None:
        allow(world, 1, 50, 2)
        world.stock({"SKU-1": 6}, warehouse=world.east)
        for _n in range(6):
            buy(world, 60, ("SKU-1", 1))

        rush = [buy(world, 950, ("SKU-1", 1)) for _n in range(3)]

        assert [stands(order) for order in rush] == [GOES, GOES, WAITS]
        assert [row.allowed for row in StockTakeover.objects.order_by("pk")] == [2, 2]
        assert broken() == []

        clock.move_to(TEN + timedelta(days=1))
        world.deliver(world.trade(("SKU-2", 1, "20.00")))
        StockPolicy.objects.update(rush_cap_percent=10)
        with pytest.raises(TakeoverImpossible, match="cap"):
            take_over_stock(order_id=rush[2].pk, reason="now", actor=Actor("integration", "x"))

    def test_what_a_warehouse_was_told_of_stays(self, world: World, clock: Any) -> None:
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal = buy(world, 60, ("SKU-1", 1))
        clock.move_to(TEN.replace(hour=14, minute=1))
        release_due()
        Relay().drain()
        assert live() == {normal.pk: "dispatched"}

        rush = buy(world, 950, ("SKU-1", 1))

        assert (stands(rush), stands(normal)) == (WAITS, GOES)
        assert preview_takeover(order_id=rush.pk).problem == "nobody"

    def test_an_order_of_two_goods_takes_only_where_it_can_ship_then(self, world: World) -> None:
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal = buy(world, 60, ("SKU-1", 1))

        rush = buy(world, 950, ("SKU-1", 1), ("SKU-2", 1))

        assert (stands(rush), stands(normal)) == (WAITS, GOES)
        assert preview_takeover(order_id=rush.pk).problem == "no_way"


class TestByHand:
    def test_reserved_goods_of_an_order_on_its_way_to_a_shipment(self, boss: Actor) -> None:
        world = soft_world()
        allow(world, 1, 0)
        world.stock({"SKU-1": 2, "SKU-2": 1}, warehouse=world.east)
        normal = buy(world, 60, ("SKU-1", 2), ("SKU-2", 1))
        vip = buy(world, 600, ("SKU-1", 1))
        assert (normal.state, stands(vip)) == ("approved", WAITS)
        with pytest.raises(TakeoverImpossible, match="no_cap"):
            take_over_stock(order_id=vip.pk, reason="promised by phone", actor=boss)
        StockPolicy.objects.update(rush_cap_percent=100)

        preview = preview_takeover(order_id=vip.pk)
        assert [(giver.order, giver.by_sku) for giver in preview.givers] == [(normal, {world.skus[1].pk: 2})]
        assert stands(vip) == WAITS
        with pytest.raises(ReasonMissing):
            take_over_stock(order_id=vip.pk, reason=" ", actor=boss)
        take_over_stock(order_id=vip.pk, reason="promised by phone", actor=boss)
        Relay().drain()

        assert (stands(vip), stands(normal)) == (("approved", False, []), WAITS)
        assert [(line.reserved, line.backordered) for line in normal.lines.order_by("pk")] == [(0, 2), (0, 1)]
        assert list(StockTakeover.objects.values_list("pieces", "by__username", "reason")) == [
            (2, "boss", "promised by phone")
        ]
        assert set(Deed.objects.values_list("action", "subject", "reason")) >= {
            ("order.take_over", f"order:{vip.pk}", "promised by phone"),
            ("order.give_up", f"order:{normal.pk}", "promised by phone"),
        }
        levels = dict(StockLevel.objects.filter(warehouse=world.east).values_list("sku__code", "reserved"))
        assert (levels["SKU-1"], levels["SKU-2"]) == (1, 0)
        assert broken() == []

        world.stock({"SKU-1": 1}, warehouse=world.east, key="later")
        Relay().drain()

        assert stands(normal) == ("approved", False, [])
        assert [line.reserved for line in normal.lines.order_by("pk")] == [2, 1]
        assert broken() == []

    def test_a_normal_order_and_one_that_does_not_wait_get_nothing_and_nothing_changes(self, boss: Actor) -> None:
        world = soft_world()
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        vip, normal = buy(world, 600, ("SKU-1", 1)), buy(world, 60, ("SKU-1", 1))

        for order, problem in ((vip, "not_waiting"), (normal, "low_grade")):
            with pytest.raises(TakeoverImpossible, match=problem):
                take_over_stock(order_id=order.pk, reason="please", actor=boss)

        assert (stands(vip), stands(normal)) == (("approved", False, []), WAITS)
        assert not Deed.objects.filter(action="order.take_over").exists()


def set_flow(**params: Any) -> None:
    """Another version of the standard flow, with these settings of its block."""
    document = next(d for d in standard_flows() if d["key"] == "standard-takeover")
    document["nodes"][0]["with"].update(params)
    version = save_version(document=document, actor=SYSTEM)
    activate_version(flow_id=version.flow_id, version_id=version.pk, actor=SYSTEM, reason="as the test wants")


class TestAsAFlow:
    def test_a_paused_flow_leaves_everybody_what_they_have(self, world: World) -> None:
        Flow.objects.filter(key="standard-takeover").update(is_paused=True)
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal, rush = buy(world, 60, ("SKU-1", 1)), buy(world, 950, ("SKU-1", 1))

        assert (stands(normal), stands(rush)) == (GOES, WAITS)
        assert not StockTakeover.objects.exists()

    def test_where_only_rush_orders_may_take_a_vip_waits(self, world: World) -> None:
        set_flow(who="rush")
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal, vip = buy(world, 60, ("SKU-1", 1)), buy(world, 600, ("SKU-1", 1))
        assert (vip.grade, stands(normal), stands(vip)) == ("vip", GOES, WAITS)

        rush = buy(world, 950, ("SKU-1", 1))

        assert (stands(normal), stands(vip), stands(rush)) == (WAITS, WAITS, GOES)
        assert broken() == []

    def test_an_order_that_would_take_more_than_the_flow_allows_takes_nothing(self, world: World) -> None:
        set_flow(pieces=1)
        allow(world, 1, 100)
        world.stock({"SKU-1": 3}, warehouse=world.east)
        normals = [buy(world, 60, ("SKU-1", 1)) for _ in range(3)]

        two, one = buy(world, 950, ("SKU-1", 2)), buy(world, 960, ("SKU-1", 1))

        assert (stands(two), stands(one)) == (WAITS, GOES)
        assert sorted(stands(order) == WAITS for order in normals) == [False, False, True]
        assert list(StockTakeover.objects.values_list("taker_order_id", "pieces", "allowed")) == [(one.pk, 1, 3)]

    def test_what_is_told_twice_is_done_once(self, world: World) -> None:
        allow(world, 1, 100)
        world.stock({"SKU-1": 2}, warehouse=world.east)
        buy(world, 60, ("SKU-1", 1))
        buy(world, 70, ("SKU-1", 1))
        rush = buy(world, 950, ("SKU-1", 1))
        assert StockTakeover.objects.count() == 1

        wish = TakeoverWish(("rush", "vip"))
        with unit_of_work() as work:
            assert take_over_by_rule(wishes={rush.pk: wish}, work=work) == []
            tell_urgent(order_ids=[rush.pk], work=work)
        Relay().drain()

        assert StockTakeover.objects.count() == 1
        assert EventRow.objects.filter(name="fulfillment.order.urgent_waits").count() == 1
        assert broken() == []

    def test_an_order_that_waits_and_becomes_rush_by_the_clock_takes_then(self, world: World) -> None:
        GradeRule.objects.create(code="late", name="late", kind="hours", hours=6, points=400, grade="rush")
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal, waits = buy(world, 60, ("SKU-1", 1)), buy(world, 61, ("SKU-1", 1))
        assert (stands(normal), stands(waits)) == (GOES, WAITS)
        Order.objects.filter(pk=waits.pk).update(ship_by=TEN + timedelta(hours=5))

        assert regrade_orders(at=timezone.now()) == (1, 0)
        Relay().drain()

        assert (stands(normal), stands(waits)) == (WAITS, GOES)
        row = StockTakeover.objects.get()
        assert (row.taker_order_id, row.taker_rank, row.pieces, row.allowed, row.reason) == (
            waits.pk,
            2,
            1,
            1,
            "the rule of the goods",
        )
        assert regrade_orders(at=timezone.now()) == (0, 0)
        assert broken() == []

    def test_a_remark_that_asks_for_speed_takes_once_a_person_has_seen_the_change(
        self, world: World, boss: Actor
    ) -> None:
        GradeRule.objects.create(code="words", name="words", kind="words", words="加急", points=400, grade="rush")
        allow(world, 1, 100)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        normal = buy(world, 60, ("SKU-1", 1))
        trade = world.trade(("SKU-1", 1, "60.00"))
        world.deliver(trade)
        Relay().drain()
        waits = Order.objects.get(channel_order_no=str(trade["tid"]))
        assert stands(waits) == WAITS

        later = (timezone.now() + timedelta(minutes=1)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        world.deliver({**trade, "seller_memo": "客户加急", "modified": later})
        Relay().drain()

        assert set(stands(waits)[2]) == {"OUT_OF_STOCK", "CHANGED_AFTER_AUDIT"}
        assert (waits.grade, stands(normal)) == ("rush", GOES)
        told = EventRow.objects.filter(name="orders.order.regraded")
        assert [row.payload["priority"] for row in told] == [400]

        release_holds(
            order_ids=[waits.pk], codes=["CHANGED_AFTER_AUDIT"], reason="seen", accepted=True, actor=boss
        ).raise_first()
        Relay().drain()

        assert (stands(normal), stands(waits)) == (WAITS, GOES)
        assert StockTakeover.objects.get().taker_order_id == waits.pk
        assert broken() == []

    def test_the_block_is_checked_by_the_editor_and_has_words_in_both_languages(self) -> None:
        document = next(d for d in standard_flows() if d["key"] == "standard-takeover")
        assert validate(parse_document(document)) == []

        document["nodes"][0]["with"] = {"who": "everybody", "pieces": "many"}
        found = validate(parse_document(document))

        assert [(finding.node, finding.severity) for finding in found] == [("take", "error")] * 2
        spec = registry.get_action("fulfillment.take_over", 1)
        words = {}
        for language in ("en", "zh-hans"):
            with override(language):
                words[language] = str(spec.label)
        assert words == {"en": "Take reserved goods over from less urgent orders", "zh-hans": "从普通订单改配库存"}
