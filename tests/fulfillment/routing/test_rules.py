"""What the rules of routing say about an order: pure, without a database."""

from __future__ import annotations

import time

import pytest

from fulfillment.routing.rules import Pinned
from tests.fulfillment.routing.rule_documents import (
    EAST,
    GUANGDONG,
    IN_ZHEJIANG,
    IS_BATTERY,
    SOUTH,
    WEST,
    ZHEJIANG,
    compiled,
    document,
    rule,
)

PRIORITY = [
    {"id": "geo", "rows": [{"region": "33", "warehouses": ["EAST", "SOUTH"]}, {"region": "", "warehouses": ["SOUTH"]}]}
]


def test_without_rules_everything_is_a_candidate() -> None:
    ruling = compiled().rule_on({})

    assert (ruling.fired, ruling.excluded, ruling.allowed, ruling.extra_fen) == ((), {}, None, None)
    assert (ruling.max_parcels, ruling.alone_fen, ruling.pin, ruling.unanswered) == (3, 0, None, "")


def test_a_rule_applies_where_its_condition_holds_and_only_there() -> None:
    rules = compiled(rule("only_warehouses", "near", warehouses=["EAST"], when=IN_ZHEJIANG))

    assert rules.rule_on(ZHEJIANG).excluded == {SOUTH: "near", WEST: "near"}
    assert rules.rule_on(GUANGDONG).excluded == {}


def test_a_restricting_rule_that_cannot_be_answered_stops_the_order_instead_of_passing_it() -> None:
    rules = compiled(
        rule("add_cost", "cheap", fen=-100, when=IN_ZHEJIANG),
        rule("never_warehouses", "far", warehouses=["WEST"], when=IN_ZHEJIANG),
    )

    ruling = rules.rule_on({})

    assert (ruling.unanswered, ruling.fired, ruling.excluded) == ("far", (), {})


def test_the_first_rule_that_takes_a_warehouse_out_is_named() -> None:
    rules = compiled(
        rule("never_warehouses", "a", warehouses=["WEST"]), rule("only_warehouses", "b", warehouses=["EAST"])
    )

    assert rules.rule_on({}).excluded == {WEST: "a", SOUTH: "b"}


def test_a_rule_that_is_switched_off_says_nothing() -> None:
    assert compiled(rule("never_warehouses", warehouses=["WEST"], on=False)).rule_on({}).excluded == {}


def test_couriers_are_allowed_by_warehouse() -> None:
    rules = compiled(
        rule("only_couriers", "a", couriers=["SF"], warehouses=["EAST"]),
        rule("never_couriers", "b", couriers=["SF"], warehouses=["WEST"]),
    )

    allowed = rules.rule_on({}).allowed

    assert allowed is not None
    assert allowed.tolist() == [[False, True], [True, True], [True, False]]


def test_prices_add_up_and_say_where() -> None:
    rules = compiled(
        rule("add_cost", "a", fen=-200, warehouses=["EAST"]),
        rule("add_cost", "b", fen=500, couriers=["SF"]),
    )

    extra = rules.rule_on({}).extra_fen

    assert extra is not None
    assert extra.tolist() == [[-200, 300], [0, 500], [0, 500]]


def test_forbidden_goods_lose_couriers_and_others_do_not() -> None:
    rules = compiled(rule("forbid_goods", "air", goods=IS_BATTERY, couriers=["SF"]))
    battery = rules.goods_bits({"sku.handling": ["battery"]})
    book = rules.goods_bits({"sku.handling": []})

    ruling = rules.rule_on({})

    allowed = ruling.line_allowed(battery)
    assert allowed is not None
    assert allowed.tolist() == [[True, False]] * 3
    assert ruling.line_allowed(book) is None


def test_goods_forbidden_in_a_region_have_no_way_there() -> None:
    rules = compiled(rule("forbid_goods", "island", goods=IS_BATTERY, when=IN_ZHEJIANG))
    battery = rules.goods_bits({"sku.handling": ["battery"]})

    there, elsewhere = rules.rule_on(ZHEJIANG), rules.rule_on(GUANGDONG)

    allowed = there.line_allowed(battery)
    assert allowed is not None
    assert not allowed.any()
    assert elsewhere.line_allowed(battery) is None


def test_a_regional_table_counts_each_place_further_down() -> None:
    rules = compiled(rule("priority", table="geo", step_fen=150), tables=PRIORITY)

    def steps(values: dict[str, tuple[str, ...]]) -> list[int]:
        extra = rules.rule_on(values).extra_fen
        assert extra is not None
        return [row[0] for row in extra.tolist()]

    assert steps(ZHEJIANG) == [0, 150, 300]
    assert steps(GUANGDONG) == [150, 0, 150], "everywhere else"


def test_a_strict_table_ranks_and_can_leave_the_others_out() -> None:
    rules = compiled(rule("priority", "geo", table="geo", strict=True, others="never"), tables=PRIORITY)

    ruling = rules.rule_on(ZHEJIANG)

    assert (ruling.ranking, ruling.ranking_rule, ruling.extra_fen) == ((EAST, SOUTH), "geo", None)
    assert ruling.excluded == {WEST: "geo"}


def test_the_longest_region_of_a_table_wins() -> None:
    table = [
        {"id": "geo", "rows": [{"region": "33", "warehouses": ["EAST"]}, {"region": "3301", "warehouses": ["WEST"]}]}
    ]
    rules = compiled(rule("priority", table="geo", strict=True), tables=table)

    assert rules.rule_on(ZHEJIANG).ranking == (WEST,)
    assert rules.rule_on({"address.regions": ("33", "3302")}).ranking == (EAST,)
    assert rules.rule_on(GUANGDONG).ranking == ()


def test_of_several_pins_and_closing_rules_the_first_counts_of_parcels_the_fewest() -> None:
    rules = compiled(
        rule("pin", "p1", warehouses=["WEST"], policy="hold", when=IN_ZHEJIANG),
        rule("pin", "p2", warehouses=["EAST"], policy="fall_back"),
        rule("when_closed", "c1", policy="hold", warehouses=["EAST"]),
        rule("when_closed", "c2", policy="fall_back"),
        rule("max_parcels", "m1", parcels=2),
        rule("max_parcels", "m2", parcels=5),
        rule("alone_threshold", "t", fen=3000),
    )

    here, there = rules.rule_on(ZHEJIANG), rules.rule_on(GUANGDONG)

    assert here.pin == Pinned(WEST, "hold", "p1")
    assert there.pin == Pinned(EAST, "fall_back", "p2")
    assert here.policies == {EAST: ("hold", "c1"), SOUTH: ("fall_back", "c2"), WEST: ("fall_back", "c2")}
    assert (here.max_parcels, here.alone_fen) == (2, 3000)


def test_shipments_are_held_where_the_rule_says() -> None:
    assert compiled(rule("hold_release", warehouses=["EAST"])).rule_on({}).held == {EAST}
    assert compiled(rule("hold_release")).rule_on({}).held == {EAST, SOUTH, WEST}


def test_only_what_the_rules_ask_has_to_be_known() -> None:
    assert compiled().order_paths == frozenset()
    rules = compiled(
        rule("max_parcels", "a", parcels=1, when={"field": "order.shop", "operator": "=", "value": "7"}),
        rule("priority", "b", table="geo"),
        tables=PRIORITY,
    )
    assert rules.order_paths == {"order.shop", "address.regions"}


def test_a_closed_down_warehouse_in_a_rule_leaves_nothing_rather_than_everything() -> None:
    rules = compiled(rule("only_warehouses", "gone", warehouses=["NORTH"]))

    assert rules.rule_on({}).excluded == {EAST: "gone", SOUTH: "gone", WEST: "gone"}


@pytest.mark.parametrize("count", [50])
def test_fifty_rules_cost_microseconds_an_order(count: int) -> None:
    rules = compiled(
        *(
            rule("add_cost", f"r{n}", fen=n + 1, when={"field": "order.shop", "operator": "=", "value": str(n)})
            for n in range(count)
        )
    )
    values = {"order.shop": "7"}
    rules.rule_on(values)

    started = time.perf_counter()
    for _ in range(2000):
        rules.rule_on(values)
    each_us = (time.perf_counter() - started) / 2000 * 1e6

    assert each_us < 200, "fifty closures and a look-up"


def test_the_same_content_has_the_same_hash_and_other_content_another() -> None:
    from fulfillment.routing.rule_document import parse_rules

    one, same = document(rule("max_parcels", parcels=2)), document(rule("max_parcels", parcels=2))
    other = document(rule("max_parcels", parcels=3))

    assert parse_rules(one).content_hash == parse_rules(same).content_hash
    assert parse_rules(one).content_hash != parse_rules(other).content_hash
