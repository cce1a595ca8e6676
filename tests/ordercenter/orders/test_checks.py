"""What the check finds, each finding with its edge: the last case that passes beside the first that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.blacklist import blacklist_hash
from ordercenter.catalog.models import BlacklistEntry, Sku
from ordercenter.common.actor import Actor
from ordercenter.orders.intake_types import IncomingLine, IncomingOrder
from ordercenter.orders.models import Order
from ordercenter.orders.services import (
    TakenOrder,
    approve_orders,
    cancel_orders,
    check_orders,
    grade_orders,
    hold_orders,
    match_skus,
    release_holds,
    take_orders,
)
from ordercenter.orders.services.review import NeedsPerson
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, RECEIVER, line, report

pytestmark = pytest.mark.django_db
PERSON = Actor("person", "lin")


def take(world: World, *reports: IncomingOrder) -> list[Order]:
    orders = take_orders(taken=[TakenOrder(world.shop.pk, each) for each in reports], at=NOON).created
    with unit_of_work(at=NOON) as work:
        match_skus(order_ids=[order.pk for order in orders], work=work)
    return orders


def findings(*orders: Order) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """By order number: what a check finds now."""
    numbers = {order.pk: order.channel_order_no for order in orders}
    with unit_of_work(at=NOON) as work:
        result = check_orders(order_ids=list(numbers), work=work)
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {numbers[order.pk]: [] for order in result.done}
    for refusal in result.refused:
        assert isinstance(refusal.error, NeedsPerson)
        found[numbers[refusal.key]] = [(f.code, f.evidence) for f in refusal.error.findings]
    return found


def codes(*orders: Order) -> dict[str, list[str]]:
    return {number: [code for code, _evidence in found] for number, found in findings(*orders).items()}


def test_an_order_with_nothing_odd_passes(world: World) -> None:
    assert findings(*take(world, report("A1"))) == {"A1": []}


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"buyer_remark": "送人的"}, {"buyer_remark": "送人的"}),
        ({"seller_remark": "加赠品"}, {"seller_remark": "加赠品"}),
        ({"buyer_remark": " a ", "seller_remark": "b"}, {"buyer_remark": "a", "seller_remark": "b"}),
    ],
)
def test_a_remark_of_either_side_is_for_a_person(world: World, changes: Any, evidence: dict[str, str]) -> None:
    quiet = report("A2", buyer_remark="   ")

    assert findings(*take(world, report("A1", **changes), quiet)) == {
        "A1": [("REMARK_NEEDS_HUMAN", evidence)],
        "A2": [],
    }


@pytest.mark.parametrize(
    ("sold", "low"),
    [
        (line("SKU-1", 3, "30.00"), None),
        (line("SKU-1", 3, "29.99"), {"sku": "SKU-1", "paid": "29.99", "floor": "30.00"}),
        (line("SKU-1", 1, "0.00", is_gift=True), None),
        (line("SET-1", 1, "1.00"), None),
    ],
    ids=["at the floor", "a fen below", "a gift", "parts of a bundle"],
)
def test_a_price_below_the_floor_is_found_by_the_fen(
    world: World, sold: IncomingLine, low: dict[str, str] | None
) -> None:
    found = findings(*take(world, report("A1", sold)))

    assert found == {"A1": [] if low is None else [("PRICE_BELOW_FLOOR", {"lines": [low]})]}


def test_a_sku_without_a_floor_may_be_sold_at_any_price(world: World) -> None:
    Sku.objects.update(floor_price=Decimal(0))

    assert findings(*take(world, report("A1", line("SKU-1", 1, "0.01")))) == {"A1": []}


@pytest.mark.parametrize(
    ("kind", "value"),
    [("buyer", "buyer-A1"), ("phone", "+86 138-0000-0000"), ("address", "oaid-77")],
)
def test_a_blacklisted_buyer_phone_or_address_is_found_whatever_its_form(world: World, kind: str, value: str) -> None:
    BlacklistEntry.objects.create(kind=kind, value_hash=blacklist_hash(kind, value))
    receiver = replace(RECEIVER, oaid="oaid-77", is_masked=True) if kind == "address" else RECEIVER
    other = replace(RECEIVER, phone="13900000000", address="别处 1 号")

    orders = take(world, report("A1", receiver=receiver), report("A2", receiver=other))

    assert findings(*orders) == {"A1": [("BLACKLIST", {"matched": kind})], "A2": []}


@pytest.mark.parametrize("word", ["requested", "agreed", "returning"])
def test_a_refund_that_is_asked_for_is_found(world: World, word: Any) -> None:
    orders = take(world, report("A1", line("SKU-1", 1, "60.00", refund_status=word)), report("A2"))

    assert findings(*orders) == {"A1": [("REFUND_BEFORE_SHIP", {"lines": ["L-SKU-1"]})], "A2": []}


@pytest.mark.parametrize("word", ["none", "refused", "closed"])
def test_a_refund_that_is_over_is_not(world: World, word: Any) -> None:
    assert codes(*take(world, report("A1", line("SKU-1", 1, "60.00", refund_status=word)))) == {"A1": []}


class TestDoubles:
    """The same buyer, goods and address, shortly before: the later one is asked about."""

    def suspects(self, world: World, **second: Any) -> dict[str, list[str]]:
        same = {"buyer_id": "twin"}
        return codes(*take(world, report("A1", **same), report("A2", **(same | second))))

    def test_the_later_of_two_alike_is_the_suspect(self, world: World) -> None:
        orders = take(world, *(report(number, buyer_id="twin") for number in ("A1", "A2")))

        assert findings(*orders) == {
            "A1": [],
            "A2": [("DUPLICATE_SUSPECT", {"other_order": "A1", "other_state": "preprocessing"})],
        }

    @pytest.mark.parametrize(
        ("minutes", "found"), [(timedelta(minutes=10), ["DUPLICATE_SUSPECT"]), (timedelta(minutes=10, seconds=1), [])]
    )
    def test_ten_minutes_count(self, world: World, minutes: timedelta, found: list[str]) -> None:
        first = NOON - timedelta(seconds=30)

        assert self.suspects(world, created_at=first + minutes) == {"A1": [], "A2": found}

    @pytest.mark.parametrize(
        "second",
        [
            {"buyer_id": "another"},
            {"receiver": replace(RECEIVER, address="别处 1 号")},
            {"lines": (line("SKU-1", 2, "60.00"),)},
        ],
        ids=["buyer", "address", "quantity"],
    )
    def test_anything_different_makes_it_another_order(self, world: World, second: dict[str, Any]) -> None:
        assert self.suspects(world, **second) == {"A1": [], "A2": []}

    def test_a_first_order_that_was_cancelled_does_not_count(self, world: World) -> None:
        first, second = take(world, *(report(number, buyer_id="twin") for number in ("A1", "A2")))
        cancel_orders(order_ids=[first.pk], reason="paid twice", at=NOON)

        assert codes(second) == {"A2": []}


def everything_wrong() -> IncomingOrder:
    return report(
        "A1",
        line("SKU-1", 1, "1.00", refund_status="requested"),
        buyer_remark="加急",
        receiver=replace(RECEIVER, address="", name=""),
    )


def test_all_that_is_wrong_is_said_at_once(world: World) -> None:
    assert findings(*take(world, everything_wrong()))["A1"] == [
        ("ADDRESS_INCOMPLETE", {"missing": ["name", "address"]}),
        ("REMARK_NEEDS_HUMAN", {"buyer_remark": "加急"}),
        ("PRICE_BELOW_FLOOR", {"lines": [{"sku": "SKU-1", "paid": "1.00", "floor": "10.00"}]}),
        ("REFUND_BEFORE_SHIP", {"lines": ["L-SKU-1"]}),
    ]


def test_what_a_person_let_pass_is_not_asked_again_and_the_rest_is(world: World) -> None:
    (order,) = take(world, everything_wrong())
    with unit_of_work(at=NOON) as work:
        refused = check_orders(order_ids=[order.pk], work=work).refused[0].error
        assert isinstance(refused, NeedsPerson)
        hold_orders(findings={order.pk: refused.findings}, work=work)

    release_holds(order_ids=[order.pk], codes=["REMARK_NEEDS_HUMAN", "PRICE_BELOW_FLOOR"], reason="read", actor=PERSON)
    assert codes(order) == {"A1": ["ADDRESS_INCOMPLETE", "REFUND_BEFORE_SHIP"]}

    release_holds(order_ids=[order.pk], reason="a script says so", actor=Actor("integration", "script"))
    assert codes(order) == {"A1": ["ADDRESS_INCOMPLETE", "REFUND_BEFORE_SHIP"]}


@pytest.mark.parametrize(
    ("remark", "grade"),
    [("请加急处理", "rush"), ("URGENT please", "rush"), ("不急", "normal"), ("", "normal")],
)
def test_a_remark_makes_an_order_urgent(world: World, remark: str, grade: str) -> None:
    (order,) = take(world, report("A1", buyer_remark=remark))

    with unit_of_work(at=NOON) as work:
        grade_orders(order_ids=[order.pk], work=work)

    assert Order.objects.get().grade == grade


def test_an_order_on_hold_is_not_approved_and_stays_where_it_is(world: World) -> None:
    held, fine = take(world, report("A1", held=True), report("A2"))

    result = approve_orders(order_ids=[held.pk, fine.pk], at=NOON)

    assert [order.pk for order in result.done] == [fine.pk]
    assert [(refusal.key, refusal.code) for refusal in result.refused] == [(held.pk, "orders.on_hold")]
    assert dict(Order.objects.values_list("channel_order_no", "state")) == {"A1": "preprocessing", "A2": "approved"}
    assert Order.objects.get(pk=held.pk).history.count() == 1
