"""How urgent an order is: points by rules, the reasons with them, and who comes first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from ordercenter.audit.work import unit_of_work
from ordercenter.common.secretfield import search_hash
from ordercenter.events.models import EventRow
from ordercenter.orders.models import GradeRule, Order, VipBuyer
from ordercenter.orders.priority_words import priority_words
from ordercenter.orders.services import TakenOrder, grade_orders, regrade_orders, take_orders, urgency
from ordercenter.orders.services.grading import write_usual_rules
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, line, report

pytestmark = pytest.mark.django_db


def graded(
    world: World, number: str = "A1", *, after: timedelta = timedelta(0), paid: str = "60.00", **given: Any
) -> Order:
    taken = TakenOrder(world.shop.pk, report(number, line("SKU-1", 1, paid), **given))
    (order,) = take_orders(taken=[taken], at=NOON).created
    with unit_of_work(at=NOON + after) as work:
        grade_orders(order_ids=[order.pk], work=work)
    return Order.objects.get(pk=order.pk)


def test_points_of_all_rules_that_hold_add_up_and_say_why() -> None:
    world = World(flows=False)
    plain = graded(world)
    order = graded(world, "A2", after=timedelta(hours=40), paid="1200.00", buyer_remark="麻烦加急")

    assert (plain.priority, plain.grade, plain.priority_why) == (0, "normal", "")
    assert (order.priority, order.grade) == (550, "rush")
    with translation.override("en"):
        assert priority_words(order) == [
            ("A remark asks for speed", 400),
            ("Worth 1,000 yuan or more", 30),
            ("Less than 12 hours left to ship", 120),
        ]
    with translation.override("zh-hans"):
        assert priority_words(order)[0] == ("备注要求加急", 400)
    assert sorted([plain, order], key=urgency) == [order, plain]


def test_a_buyer_on_the_list_is_vip_and_a_rush_remark_makes_it_more() -> None:
    world = World(flows=False)
    VipBuyer.objects.create(shop=world.shop, buyer_hash=search_hash("buyer", "buyer-A1"))

    assert (graded(world).grade, Order.objects.get().priority) == ("vip", 300)
    assert graded(world, "A3").grade == "normal"


def test_a_changed_rule_holds_for_the_next_order_and_is_compiled_once() -> None:
    world = World(flows=False)
    write_usual_rules()
    assert graded(world, "A1", paid="1200.00").priority == 30

    GradeRule.objects.filter(code="worth-1000").update(points=77)
    assert graded(world, "A2", paid="1200.00").priority == 77

    order = graded(world, "A3")
    with CaptureQueriesContext(connection) as queries, unit_of_work(at=NOON) as work:
        grade_orders(order_ids=[order.pk], work=work)
    assert [q["sql"] for q in queries if "graderule" in q["sql"] or "vipbuyer" in q["sql"]] == []


def test_the_clock_alone_moves_an_order_up_and_says_so() -> None:
    order = graded(World(flows=False))

    assert regrade_orders(at=NOON + timedelta(hours=45)) == (1, 0)
    assert regrade_orders(at=NOON + timedelta(hours=45)) == (0, 0)

    assert (Order.objects.get().priority, Order.objects.get().priority_why) == (200, "late-4h:200")
    told = EventRow.objects.get(name="orders.order.regraded")
    assert (told.subject, told.payload["priority"]) == (f"order:{order.pk}", 200)


def test_a_rule_without_what_it_asks_is_refused_by_the_database() -> None:
    with pytest.raises(IntegrityError, match="grade_rule_says_what_it_asks"), transaction.atomic():
        GradeRule.objects.create(code="x", name="x", kind="hours", points=1)
