"""Each operator by example, unknown answers, and what a condition refuses to be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ordercenter.workflow.condition_tree import count_leaves, read_condition
from ordercenter.workflow.conditions import compile_condition, fields_read, sentence, trace
from ordercenter.workflow.errors import ConditionInvalid
from ordercenter.workflow.fields import NOW
from tests.ordercenter.workflow.building import NOON, ORDER, both, either, neither, rule

LINES = [{"qty": 2, "price": 1000, "is_gift": False}, {"qty": 5, "price": 0, "is_gift": True}]


def answer(tree, values):
    return compile_condition(tree, ORDER)(values)


def lines(quantifier, **more):
    return {"field": "lines", "quantifier": quantifier, **more}


@pytest.mark.parametrize(
    ("field", "operator", "value", "found", "expected"),
    [
        ("order.paid_total", "=", 300000, 300000, True),
        ("order.paid_total", "!=", 300000, 300000, False),
        ("order.paid_total", "<", 300000, 299999, True),
        ("order.paid_total", "<=", 300000, 300001, False),
        ("order.paid_total", ">", 300000, 300000, False),
        ("order.paid_total", ">=", 300000, 300000, True),
        ("order.paid_total", "between", [100, 200], 200, True),
        ("order.paid_total", "between", [100, 200], 201, False),
        ("order.grade", "=", "rush", "rush", True),
        ("order.grade", "in", ["rush", "vip"], "normal", False),
        ("order.grade", "not_in", ["rush", "vip"], "normal", True),
        ("order.shop", "in", [7, 8], 8, True),
        ("order.tags", "has_any", ["a", "b"], ["b", "c"], True),
        ("order.tags", "has_all", ["a", "b"], {"b", "c"}, False),
        ("order.tags", "has_all", ["a", "b"], ("a", "b", "c"), True),
        ("order.tags", "has_none", ["a"], [], True),
        ("order.buyer_remark", "contains", "尽快", "请尽快发货", True),
        ("order.buyer_remark", "not_contains", "尽快", "请尽快发货", False),
        ("order.buyer_remark", "starts_with", "请", "请尽快发货", True),
        ("order.buyer_remark", "equals", "", "", True),
        ("order.is_cod", "is_true", None, True, True),
        ("order.is_cod", "is_false", None, True, False),
        ("order.paid_at", ">=", "2026-11-22T12:00:00+08:00", datetime(2026, 11, 22, 4, tzinfo=UTC), True),
        ("order.promised_on", "<", "2026-11-23", date(2026, 11, 22), True),
        ("order.paid_at", "is_known", None, NOON, True),
        ("order.paid_at", "is_unknown", None, NOON, False),
    ],
)
def test_each_operator_answers_for_a_known_value(field, operator, value, found, expected):
    assert answer(rule(field, operator, value), {field: found}) is expected


@pytest.mark.parametrize(
    "tree",
    [
        rule("order.paid_total", "<", 300000),
        rule("order.paid_total", "!=", 300000),
        rule("order.grade", "not_in", ["rush"]),
        rule("order.tags", "has_none", ["a"]),
        rule("order.buyer_remark", "not_contains", "x"),
        rule("order.is_cod", "is_false"),
        rule("order.paid_at", "within_last", "P1D"),
        lines("none", where=both(rule("is_gift", "is_true"))),
        lines("count", operator=">=", value=0),
        lines("sum", of="qty", operator=">=", value=0),
    ],
)
@pytest.mark.parametrize("given", ["missing", "none"])
def test_a_missing_value_makes_the_answer_unknown_and_never_false(tree, given):
    values = {NOW: NOON} if given == "missing" else {NOW: NOON, tree["field"]: None}

    assert answer(tree, values) is None
    assert answer(neither(tree), values) is None


def test_is_unknown_answers_for_a_missing_value():
    assert answer(rule("order.risk_score", "is_unknown"), {}) is True
    assert answer(rule("order.risk_score", "is_known"), {}) is False


def test_and_is_false_as_soon_as_one_part_is_false_even_beside_unknown():
    tree = both(rule("order.risk_score", ">=", 60), rule("order.paid_total", ">=", 100))

    assert answer(tree, {"order.paid_total": 99}) is False
    assert answer(tree, {"order.paid_total": 100}) is None


def test_or_is_true_as_soon_as_one_part_is_true_even_beside_unknown():
    tree = either(rule("order.risk_score", ">=", 60), rule("order.paid_total", ">=", 100))

    assert answer(tree, {"order.paid_total": 100}) is True
    assert answer(tree, {"order.paid_total": 99}) is None


def test_relative_times_count_from_the_instant_of_the_run_and_include_both_ends():
    tree = rule("order.paid_at", "within_last", "PT30M")

    assert answer(tree, {NOW: NOON, "order.paid_at": NOON - timedelta(minutes=30)}) is True
    assert answer(tree, {NOW: NOON, "order.paid_at": NOON - timedelta(minutes=31)}) is False
    assert answer(tree, {NOW: NOON, "order.paid_at": NOON + timedelta(seconds=1)}) is False
    assert answer(rule("order.paid_at", "within_next", "PT1H"), {NOW: NOON, "order.paid_at": NOON}) is True


def test_without_an_instant_of_the_run_relative_times_are_unknown():
    assert answer(rule("order.paid_at", "within_last", "PT30M"), {"order.paid_at": NOON}) is None


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (lines("some", where=both(rule("is_gift", "is_true"))), True),
        (lines("every", where=both(rule("qty", ">", 1))), True),
        (lines("every", where=both(rule("qty", ">", 2))), False),
        (lines("none", where=both(rule("price", ">", 1000))), True),
        (lines("count", where=both(rule("qty", ">", 2)), operator="=", value=1), True),
        (lines("count", operator="between", value=[3, 9]), False),
        (lines("sum", of="qty", operator=">=", value=7), True),
        (lines("sum", of="qty", where=both(rule("is_gift", "is_false")), operator="=", value=2), True),
    ],
)
def test_questions_about_lists(tree, expected):
    assert answer(tree, {"lines": LINES}) is expected


def test_an_empty_list_has_nothing_and_all_of_nothing():
    where = both(rule("qty", ">", 0))

    assert answer(lines("some", where=where), {"lines": []}) is False
    assert answer(lines("every", where=where), {"lines": []}) is True
    assert answer(lines("none", where=where), {"lines": []}) is True
    assert answer(lines("sum", of="qty", operator="=", value=0), {"lines": []}) is True


def test_one_unknown_item_matters_only_when_it_could_decide():
    items = [{"qty": 9}, {"qty": None}]

    assert answer(lines("some", where=both(rule("qty", ">", 5))), {"lines": items}) is True
    assert answer(lines("every", where=both(rule("qty", ">", 5))), {"lines": items}) is None
    assert answer(lines("every", where=both(rule("qty", "<", 5))), {"lines": items}) is False
    count = both(rule("qty", ">", 5))
    assert answer(lines("count", where=count, operator=">=", value=1), {"lines": items}) is True
    assert answer(lines("count", where=count, operator=">=", value=2), {"lines": items}) is None
    assert answer(lines("count", where=count, operator=">=", value=3), {"lines": items}) is False
    assert answer(lines("sum", of="qty", operator=">=", value=1), {"lines": items}) is None


@pytest.mark.parametrize(
    ("tree", "code", "where"),
    [
        (rule("order.nope", "=", 1), "UNKNOWN_FIELD", ""),
        (rule(["order.paid_total"], "=", 1), "UNKNOWN_FIELD", ""),
        (rule("order.paid_total", "contains", "1"), "TYPE_MISMATCH", ""),
        (rule("order.paid_total", ">=", "300000"), "TYPE_MISMATCH", ""),
        (rule("order.paid_total", ">=", 3000.0), "TYPE_MISMATCH", ""),
        (rule("order.paid_total", ">=", True), "TYPE_MISMATCH", ""),
        (rule("order.paid_total", "between", [2, 1]), "TYPE_MISMATCH", ""),
        (rule("order.paid_total", "between", 5), "TYPE_MISMATCH", ""),
        (rule("order.grade", "in", ["gold"]), "TYPE_MISMATCH", ""),
        (rule("order.grade", "in", []), "TYPE_MISMATCH", ""),
        (rule("order.grade", "in", [["rush"]]), "TYPE_MISMATCH", ""),
        (rule("order.tags", "has_any", "a"), "TYPE_MISMATCH", ""),
        (rule("order.buyer_remark", "contains", ""), "TYPE_MISMATCH", ""),
        (rule("order.is_cod", "is_true", True), "TYPE_MISMATCH", ""),
        (rule("order.paid_at", ">", "2026-11-22T12:00:00"), "TYPE_MISMATCH", ""),
        (rule("order.paid_at", ">", "yesterday"), "TYPE_MISMATCH", ""),
        (rule("order.paid_at", "within_last", "P1M"), "TYPE_MISMATCH", ""),
        (rule("order.promised_on", "=", "22.11.2026"), "TYPE_MISMATCH", ""),
        (lines("some", where=both(rule("order.grade", "=", "rush"))), "UNKNOWN_FIELD", "where.rules[0]"),
        (lines("sum", of="is_gift", operator="=", value=1), "TYPE_MISMATCH", ""),
        (lines("sum", of=["qty"], operator="=", value=1), "TYPE_MISMATCH", ""),
        (lines("count", operator="in", value=[1]), "TYPE_MISMATCH", ""),
        (lines("most", where=both(rule("qty", "=", 1))), "TYPE_MISMATCH", ""),
        (lines("some"), "CONDITION_INVALID", "where"),
        ({"field": "order.tags", "quantifier": "some", "where": both(rule("qty", "=", 1))}, "TYPE_MISMATCH", ""),
        ({"combinator": "xor", "rules": [rule("order.is_cod", "is_true")]}, "CONDITION_INVALID", ""),
        ({"combinator": "and", "rules": []}, "CONDITION_INVALID", ""),
        ({"combinator": "and", "rules": [7]}, "CONDITION_INVALID", "rules[0]"),
        (rule("order.is_cod", "is_true") | {"valeu": 1}, "CONDITION_INVALID", ""),
        ([], "CONDITION_INVALID", ""),
        (both(both(rule("order.risk_score", ">", "a"))), "TYPE_MISMATCH", "rules[0].rules[0]"),
    ],
)
def test_a_wrong_condition_names_code_and_place(tree, code, where):
    node, problems = read_condition(tree, ORDER)

    assert node is None
    assert [(problem.code, problem.where) for problem in problems] == [(code, where)]
    with pytest.raises(ConditionInvalid):
        compile_condition(tree, ORDER)


def test_all_problems_of_a_condition_are_reported_at_once():
    tree = both(rule("order.nope", "=", 1), rule("order.is_cod", "is_true"), rule("order.risk_score", ">", "a"))

    assert [problem.where for problem in read_condition(tree, ORDER)[1]] == ["rules[0]", "rules[2]"]


def test_a_condition_has_at_most_100_rules():
    leaf = rule("order.is_cod", "is_true")

    assert read_condition(both(*[leaf] * 100), ORDER)[1] == []
    assert [problem.code for problem in read_condition(both(*[leaf] * 101), ORDER)[1]] == ["LIMIT_EXCEEDED"]
    assert count_leaves(both(leaf, lines("some", where=either(leaf, leaf)))) == 4


def test_groups_nest_at_most_6_deep():
    def nested(depth):
        tree = rule("order.is_cod", "is_true")
        for _level in range(depth):
            tree = both(tree)
        return tree

    assert answer(nested(6), {"order.is_cod": True}) is True
    assert [problem.code for problem in read_condition(nested(7), ORDER)[1]] == ["LIMIT_EXCEEDED"]
    assert count_leaves(nested(5000)) == 1


def test_the_fields_read_are_the_paths_to_load_with_lists_as_a_whole():
    tree = both(
        rule("order.risk_score", ">", 1),
        either(lines("some", where=both(rule("qty", ">", 1))), rule("order.paid_at", "within_last", "P1D")),
    )

    assert fields_read(tree) == {"order.risk_score", "lines", "order.paid_at", NOW}
    assert fields_read(None) == frozenset()


def test_a_condition_reads_as_a_sentence():
    tree = both(
        rule("order.paid_total", ">=", 300000),
        either(rule("order.grade", "in", ["vip", "rush"]), rule("order.buyer_remark", "contains", "尽快")),
        neither(rule("order.is_cod", "is_true")),
        lines("count", where=both(rule("qty", ">", 1)), operator="between", value=[2, 9]),
        rule("order.paid_at", "within_last", "P1DT30M"),
        lines("sum", of="price", operator="<", value=-5),
    )

    assert sentence(tree, ORDER, "en") == (
        "paid amount ≥ ¥3,000.00 and (grade is one of Rush, VIP or buyer remark contains “尽快”) and "
        "not (cash on delivery: yes) and number of lines with (quantity > 1) from 2 to 9 and "
        "paid at within the last 1 day 30 minutes and sum of price in lines < -¥0.05"
    )


def test_instants_in_sentences_stand_in_the_sellers_time():
    tree = rule("order.paid_at", "<", "2026-11-22T04:00:00+00:00")

    assert sentence(tree, ORDER, "en") == "paid at < 2026-11-22 12:00"


def test_a_trace_gives_every_rule_with_the_value_found():
    tree = both(
        rule("order.paid_total", ">=", 300000),
        rule("order.risk_score", ">=", 60),
        lines("some", where=both(rule("is_gift", "is_true"))),
        lines("sum", of="qty", operator="=", value=8),
    )

    found = trace(tree, ORDER, {"order.paid_total": 299999, "lines": LINES})

    assert [(line.actual, line.truth) for line in found] == [(299999, False), (None, None), (1, True), (7, False)]
    assert found[0].sentence == "paid amount ≥ ¥3,000.00"


def test_a_catalogue_names_values_that_a_loader_gives_in_the_wrong_form():
    from decimal import Decimal

    good = {"order.paid_total": 100, "order.paid_at": NOON, "lines": LINES, "order.tags": None}
    bad = {
        "order.paid_total": Decimal("1.00"),
        "order.risk_score": True,
        "order.paid_at": datetime(2026, 1, 1),  # noqa: DTZ001 a naive one, on purpose
        "order.promised_on": NOON,
        "nope": 1,
        "lines": [{"qty": "2"}],
    }

    assert ORDER.misfits(good) == []
    assert ORDER.misfits(bad) == [*list(bad)[:5], "lines[0].qty"]
