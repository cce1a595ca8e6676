"""Gifts: earned by rules, in the order as lines that cost nothing, and taken back when they are not earned any more."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.models import Shipment, WarehouseCalendar
from fulfillment.services import free_pieces, merge_orders, unmerge_orders
from fulfillment.services.routing_rules import install_rules
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import RuleStamp
from ordercenter.common.actor import Actor
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import GiftGrant, GiftRule, Order, ParcelPolicy
from ordercenter.orders.services import TakenOrder, TakenRefund, give_gifts, match_skus, take_orders, take_refunds
from ordercenter.orders.services.gift_rules import Award, Bought, Rule, Tier, earned, of_cycle
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import broken, open_cases, order_of, parcels, siblings
from tests.flows.world import World
from tests.fulfillment.routing.rule_documents import document, rule
from tests.ordercenter.orders.incoming import NOON, line, refund, report

LIN = Actor("test", "lin")


def tiers(*rows: tuple[str, int, int]) -> tuple[Tier, ...]:
    return tuple(Tier(Decimal(value), sku, pieces) for value, sku, pieces in rows)


class TestWhatIsEarned:
    def rule(self, kind: str, *rows: tuple[str, int, int], **more: Any) -> Rule:
        return Rule(id=1, name="r", kind=kind, shop_id=None, tiers=tiers(*rows), **more)

    def test_the_highest_tier_reached_once_and_for_each_full_step_where_it_repeats(self) -> None:
        bought = [Bought(1, 2, Decimal("150.00")), Bought(2, 1, Decimal("170.00"))]

        assert earned(self.rule("amount", ("100", 8, 1), ("300", 9, 2)), bought) == [
            Award(9, 2, Decimal("320.00"), Decimal(300))
        ]
        assert earned(self.rule("amount", ("100", 8, 1), repeats=True), bought)[0].quantity == 3
        assert earned(self.rule("pieces", ("4", 8, 1)), bought) == []
        assert earned(self.rule("goods", ("2", 8, 1), triggers=frozenset({1})), bought)[0].value == 2

    def test_every_third_order_of_the_count(self) -> None:
        rule = self.rule("cycle", ("0", 8, 1), cycle=3)

        assert [bool(of_cycle(rule, place)) for place in range(1, 7)] == [False, False, True, False, False, True]

    @given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 50_000)), max_size=6), st.integers(1, 30_000))
    def test_more_bought_never_earns_less_of_a_single_tier(self, goods: list[tuple[int, int]], limit: int) -> None:
        rule = self.rule("amount", (str(Decimal(limit) / 100), 8, 1), repeats=True)
        bought = [Bought(1, n, Decimal(fen) / 100) for n, fen in goods]
        more = [*bought, Bought(1, 1, Decimal("5.00"))]

        def pieces(basket: list[Bought]) -> int:
            return sum(award.quantity for award in earned(rule, basket))

        assert pieces(more) >= pieces(bought)
        assert pieces(bought) == int(sum((b.amount for b in bought), Decimal(0)) // (Decimal(limit) / 100))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, db: None) -> World:
    answer_everything(monkeypatch)
    return World(stock=10)


def rule_of(world: World, value: str = "90", sku: int = 9, pieces: int = 1, **given: Any) -> GiftRule:
    given = {"name": "满 90 赠杯子", "kind": "amount", "valid_from": NOON - timedelta(days=400), **given}
    rule = GiftRule.objects.create(**given)
    rule.tiers.create(from_value=Decimal(value), sku=world.skus[sku], quantity=pieces)
    return rule


def gifts_in(order: Order) -> list[tuple[str, int, int, Decimal]]:
    lines = order.lines.filter(is_gift=True).order_by("line_no")
    return [(n.sku.code, n.ordered, n.cancelled, n.paid_share) for n in lines]


def test_a_gift_is_a_line_that_costs_nothing_and_leaves_with_the_order(world: World) -> None:
    rule = rule_of(world)
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    settle_down()

    order = Order.objects.get()
    assert gifts_in(order) == [("SKU-9", 1, 0, Decimal("0.00"))]
    shipment = Shipment.objects.get()
    assert [(n.sku.code, n.quantity, n.amount) for n in shipment.lines.order_by("order_line__line_no")] == [
        ("SKU-1", 2, Decimal("110.00")),
        ("SKU-9", 1, Decimal("0.00")),
    ]
    grant = GiftGrant.objects.get()
    assert (grant.rule, grant.line.sku.code, grant.why) == (
        rule,
        "SKU-9",
        {"kind": "amount", "value": "110.00", "from": "90.00"},
    )
    ship(shipment, tracking_no="ZT1")
    settle_down()
    assert Order.objects.get().state == "shipped"
    assert broken() == {}


def test_limits_validity_and_stock_decide_who_gets_nothing(world: World) -> None:
    world.stock({"SKU-8": -10}, key="gone")
    rule_of(world, stock_limit=1, name="limited")
    rule_of(world, sku=8, name="out of stock")
    rule_of(world, sku=7, name="over", valid_until=NOON - timedelta(days=300))
    rule_of(world, sku=6, name="once for a buyer", buyer_limit=1)

    world.deliver(world.trade(("SKU-1", 1, "100.00"), buyer_open_uid="AAHone", oaid="o1"))
    settle_down()
    world.deliver(world.trade(("SKU-2", 1, "100.00"), buyer_open_uid="AAHone", oaid="o2"))
    settle_down()

    first, second = Order.objects.order_by("pk")
    assert [code for code, *_rest in gifts_in(first)] == ["SKU-9", "SKU-6"]
    assert gifts_in(second) == []
    assert open_cases() == []


def test_orders_that_travel_together_reach_a_tier_together_and_get_its_gift_once(world: World) -> None:
    rule_of(world, value="90")
    rule_of(world, value="40", sku=8, name="each alone would get it")

    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    assert sorted(code for code, _n, cancelled, _p in gifts_in(order_of(first)) if not cancelled) == ["SKU-8", "SKU-9"]
    assert [(code, cancelled) for code, _n, cancelled, _p in gifts_in(order_of(second))] == [("SKU-8", 1)]
    assert Shipment.objects.count() == 1
    assert broken() == {}


@pytest.mark.parametrize("is_planned_only", [True, False])
def test_who_is_taken_out_of_the_parcel_gets_the_gift_back_that_the_merge_took(
    world: World, is_planned_only: bool
) -> None:
    if is_planned_only:
        WarehouseCalendar.objects.create(warehouse=world.east, waves=[time(0), time(8), time(16)])
        install_rules(document(rule("hold_release", "wave")))
    rule_of(world, value="90")
    rule_of(world, value="40", sku=8, name="each alone would get it")
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    unmerge_orders(order_ids=[order_of(second).pk], reason="a present", actor=LIN).raise_first()
    settle_down()

    def has(trade: dict[str, Any]) -> list[str]:
        return sorted(code for code, ordered, cancelled, _p in gifts_in(order_of(trade)) if ordered > cancelled)

    assert (has(first), has(second)) == (["SKU-8"], ["SKU-8"])
    state = "planned" if is_planned_only else "accepted"
    assert sorted(parcels()) == sorted([("cancelled", ["1", "2"]), (state, ["1"]), (state, ["2"])])
    assert Shipment.objects.get(state=state, lines__order=order_of(second), lines__sku__code="SKU-8").lines.count() == 2
    assert (open_cases(), broken()) == ([], {})


@pytest.fixture
def house(world: World) -> World:
    """A warehouse of our own, where an order may join a parcel that waits for its wave."""
    Warehouse.objects.update(kind="own")
    ParcelPolicy.objects.create(shop=world.shop, sibling_wait_min=0)
    return world


def test_who_joins_a_parcel_later_settles_its_gifts_with_those_who_are_in_it(house: World) -> None:
    rule_of(house, value="40")
    rule_of(house, value="90", sku=8, name="满 90 赠碗")
    first, second = siblings(house, "SKU-1", "SKU-2")
    house.deliver(first)
    settle_down()
    assert gifts_in(order_of(first)) == [("SKU-9", 1, 0, Decimal("0.00"))]
    house.deliver(second)
    settle_down()

    # Together they have reached both tiers once.
    assert gifts_in(order_of(first)) == [("SKU-9", 1, 0, Decimal("0.00")), ("SKU-8", 1, 0, Decimal("0.00"))]
    assert gifts_in(order_of(second)) == [("SKU-9", 1, 1, Decimal("0.00"))]
    live = Shipment.objects.exclude(state="cancelled").get()
    assert sorted(live.lines.values_list("sku__code", flat=True)) == ["SKU-1", "SKU-2", "SKU-8", "SKU-9"]
    assert (live.state, broken()) == ("accepted", {})


def test_who_is_merged_by_hand_settles_its_gifts_with_the_others(house: World) -> None:
    rule_of(house, value="40")
    first, second = siblings(house, "SKU-1", "SKU-2")
    house.deliver(first, second)
    settle_down()
    unmerge_orders(order_ids=[order_of(second).pk], reason="a present", actor=LIN).raise_first()
    settle_down()
    given = [gifts_in(order_of(trade))[-1][1:3] for trade in (first, second)]
    assert given == [(1, 0), (1, 0)]

    merge_orders(order_ids=[order_of(first).pk, order_of(second).pk], reason="one box", actor=LIN)
    settle_down()

    live = Shipment.objects.exclude(state="cancelled").get()
    assert sorted(live.lines.values_list("sku__code", flat=True)) == ["SKU-1", "SKU-2", "SKU-9"]
    assert GiftGrant.objects.filter(ended_at=None).count() == 1
    assert broken() == {}


def test_a_refund_below_the_tier_takes_the_gift_back_and_after_it_left_makes_a_case(world: World) -> None:
    rule_of(world, value="90")
    world.deliver(world.trade(("SKU-1", 1, "60.00"), ("SKU-2", 1, "50.00")))
    settle_down()
    order = Order.objects.get()
    part = order.lines.get(sku__code="SKU-2")

    def give_back(status: str, version: int) -> None:
        report_ = refund(order.channel_order_no, status, "50.00", version=version, channel_line_no=part.channel_line_no)
        take_refunds(taken=[TakenRefund(order.pk, report_)], at=NOON).raise_first()
        settle_down()

    give_back("requested", 1)
    give_back("succeeded", 2)

    assert gifts_in(order) == [("SKU-9", 1, 1, Decimal("0.00"))]
    assert (GiftGrant.objects.get().end_reason, open_cases()) == ("refunded", ["REFUND_BEFORE_SHIP"])
    # The refund was not booked in this test's books; everything else adds up.
    assert set(broken()) == {"refunded_is_sum_of_refunds"}


def test_a_gift_that_has_left_is_due_back_by_a_case(world: World) -> None:
    rule_of(world, value="90")
    world.deliver(world.trade(("SKU-1", 1, "60.00"), ("SKU-2", 1, "50.00")))
    settle_down()
    order = Order.objects.get()
    ship(Shipment.objects.get(), tracking_no="ZT1")
    part = order.lines.get(sku__code="SKU-2")
    done = refund(order.channel_order_no, "succeeded", "50.00", channel_line_no=part.channel_line_no)
    take_refunds(taken=[TakenRefund(order.pk, done)], at=NOON).raise_first()
    settle_down()

    assert (GiftGrant.objects.get().is_due_back, open_cases()) == (True, ["GIFT_RECALC"])
    assert gifts_in(order) == [("SKU-9", 1, 0, Decimal("0.00"))]


def test_without_an_active_rule_gifts_cost_no_statement_and_with_one_a_constant_number(db: None) -> None:
    world = World(flows=False)

    def statements(numbers: list[str]) -> int:
        taken = [TakenOrder(world.shop.pk, report(n, line("SKU-1", 1, "100.00"))) for n in numbers]
        orders = take_orders(taken=taken, at=NOON).created
        with unit_of_work(at=NOON) as work:
            match_skus(order_ids=[o.pk for o in orders], work=work)
            give_gifts(order_ids=[], work=work)
            work.shared["rule_stamps"] = work.shared.get("rule_stamps") or _stamps()
            with CaptureQueriesContext(connection) as queries:
                give_gifts(order_ids=[o.pk for o in orders], work=work, free_of=free_pieces)
                return len(queries)

    statements(["A0"])
    assert statements(["A1", "A2", "A3"]) == 0
    rule_of(world, buyer_limit=2, stock_limit=100)
    statements(["B0"])
    assert statements(["B1"]) == statements(["B2", "B3", "B4", "B5"])


def _stamps() -> dict[str, int]:
    return dict(RuleStamp.objects.values_list("kind", "version"))
