"""Laws that every condition keeps, on random trees and values."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ordercenter.workflow.condition_tree import typed_condition
from ordercenter.workflow.conditions import Truth, compile_condition, fields_read, trace
from ordercenter.workflow.regions import covers, region_of
from tests.ordercenter.workflow.building import ORDER, both, either, neither, rule

small = st.integers(0, 4)
tags = st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True)
grades = st.lists(st.sampled_from(["rush", "vip", "normal"]), min_size=1, max_size=2, unique=True)
comparison = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
plain_leaves = st.one_of(
    st.builds(rule, st.sampled_from(["order.paid_total", "order.risk_score"]), comparison, small),
    st.builds(rule, st.just("order.grade"), st.sampled_from(["in", "not_in"]), grades),
    st.builds(rule, st.just("order.tags"), st.sampled_from(["has_any", "has_all", "has_none"]), tags),
    st.builds(rule, st.just("order.buyer_remark"), st.sampled_from(["contains", "starts_with"]), st.sampled_from("xy")),
    st.builds(rule, st.just("order.is_cod"), st.sampled_from(["is_true", "is_false"])),
)
known_leaves = st.builds(rule, st.sampled_from(["order.grade", "order.is_cod"]), st.just("is_known"))
item_conditions = st.builds(both, st.builds(rule, st.just("qty"), comparison, small))
list_leaves = st.one_of(
    st.fixed_dictionaries(
        {"field": st.just("lines"), "quantifier": st.sampled_from(["some", "every", "none"]), "where": item_conditions}
    ),
    st.fixed_dictionaries(
        {
            "field": st.just("lines"),
            "quantifier": st.just("count"),
            "where": item_conditions,
            "operator": comparison,
            "value": small,
        }
    ),
)


def trees(leaves: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    def groups(rules: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        several = st.lists(rules, min_size=1, max_size=3)
        return st.builds(
            lambda join, negated, members: {"combinator": join, "not": negated, "rules": members},
            st.sampled_from(["and", "or"]),
            st.booleans(),
            several,
        )

    return st.recursive(leaves, lambda inner: groups(inner), max_leaves=5).filter(lambda tree: _depth(tree) <= 5)


def _depth(tree: dict[str, Any]) -> int:
    return 1 + max((_depth(each) for each in tree.get("rules", ())), default=0)


items = st.lists(st.fixed_dictionaries({}, optional={"qty": st.none() | small}), max_size=3)
subjects = st.fixed_dictionaries(
    {},
    optional={
        "order.paid_total": st.none() | small,
        "order.risk_score": st.none() | small,
        "order.grade": st.none() | st.sampled_from(["rush", "vip", "normal"]),
        "order.tags": st.none() | st.lists(st.sampled_from("abc"), max_size=3),
        "order.buyer_remark": st.none() | st.sampled_from(["", "x", "yx"]),
        "order.is_cod": st.none() | st.booleans(),
        "lines": st.none() | items,
    },
)
any_tree = trees(st.one_of(plain_leaves, known_leaves, list_leaves))
# Without is_known, an answer can only become surer when more is known.
monotone_tree = trees(st.one_of(plain_leaves, list_leaves))


def answer(tree: dict[str, Any], values: dict[str, Any]) -> Truth:
    return compile_condition(tree, ORDER)(values)


def kleene(tree: dict[str, Any], truths: list[Truth]) -> Truth:
    """The tree over answers of its rules, spelled out the slow way: minimum for and, maximum for or."""
    if "rules" not in tree:
        return truths.pop(0)
    rank = {False: 0, None: 1, True: 2}
    parts = [kleene(each, truths) for each in tree["rules"]]
    found = (min if tree["combinator"] == "and" else max)(parts, key=rank.__getitem__)
    return found if found is None or not tree.get("not") else not found


@settings(max_examples=300)
@given(any_tree, subjects)
def test_the_closure_answers_what_the_trace_adds_up_to(tree, values):
    truths = [line.truth for line in trace(tree, ORDER, values)]

    assert answer(tree, values) is kleene(tree, truths)


@given(any_tree, any_tree, subjects)
def test_de_morgan_holds_with_unknown(first, second, values):
    denied = {"combinator": "and", "not": True, "rules": [first, second]}

    assert answer(denied, values) is answer(either(neither(first), neither(second)), values)


@given(any_tree, subjects)
def test_double_negation_changes_nothing(tree, values):
    assert answer(neither(neither(tree)), values) is answer(tree, values)


@given(any_tree, any_tree, any_tree, subjects)
def test_and_distributes_over_or(first, second, third, values):
    together = both(first, either(second, third))
    apart = either(both(first, second), both(first, third))

    assert answer(together, values) is answer(apart, values)


@given(any_tree, subjects)
def test_an_answer_depends_on_nothing_but_the_fields_it_says_it_reads(tree, values):
    only = {path: value for path, value in values.items() if path in fields_read(tree)}

    assert answer(tree, only) is answer(tree, values)


@given(monotone_tree, subjects, subjects)
def test_learning_more_never_turns_a_sure_answer_around(tree, values, more):
    before = answer(tree, values)
    learned = {**more, **{path: value for path, value in values.items() if value is not None}}
    if before is not None and values.get("lines") is not None:
        learned["lines"] = [{"qty": 0, **{k: v for k, v in item.items() if v is not None}} for item in values["lines"]]

    assert before is None or answer(tree, learned) is before


exact_tree = trees(
    st.one_of(
        st.builds(rule, st.just("order.paid_total"), comparison, small),
        st.builds(rule, st.just("order.paid_total"), st.just("between"), st.tuples(small, small).map(sorted)),
        st.builds(rule, st.just("order.grade"), st.sampled_from(["in", "not_in"]), grades),
        st.builds(rule, st.just("order.is_cod"), st.sampled_from(["is_true", "is_false"])),
    )
)
# Amounts just outside the values that rules name stand for all others.
EVERY_POINT = [
    {"order.paid_total": total, "order.grade": grade, "order.is_cod": is_cod}
    for total in range(-1, 6)
    for grade in ("rush", "vip", "normal")
    for is_cod in (True, False)
]


@settings(max_examples=300)
@given(st.lists(exact_tree, max_size=3), exact_tree)
def test_a_case_is_called_shadowed_exactly_when_no_value_reaches_it(earlier, tree):
    regions = [region_of(typed_condition(each, ORDER)) for each in earlier]
    region = region_of(typed_condition(tree, ORDER))
    assume(region is not None and None not in regions)
    before, own = [compile_condition(each, ORDER) for each in earlier], compile_condition(tree, ORDER)

    reached = any(own(point) and not any(test(point) for test in before) for point in EVERY_POINT)

    assert covers(regions, region) is not reached


@settings(max_examples=300)
@given(st.lists(monotone_tree, min_size=1, max_size=3), monotone_tree, subjects)
def test_a_case_called_shadowed_is_never_taken(earlier, tree, values):
    regions = [region_of(typed_condition(each, ORDER)) for each in earlier]
    region = region_of(typed_condition(tree, ORDER))
    known = [each for each in regions if each is not None]

    shadowed = region is not None and covers(known, region)

    taken = answer(tree, values) is True and all(answer(each, values) is False for each in earlier)
    assert not (shadowed and taken)
