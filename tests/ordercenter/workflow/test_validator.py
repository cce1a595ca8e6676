"""Each code of the validator by a flow that has just that mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.nodes import FlowDocument
from ordercenter.workflow.plan import compile_plan
from ordercenter.workflow.validator import has_errors, validate, validate_json
from tests.ordercenter.workflow.building import (
    GRADED,
    RECEIVED,
    SHIPPED,
    act,
    both,
    branch,
    components,
    document,
    either,
    end,
    flow,
    neither,
    rule,
)

BIG = both(rule("order.paid_total", ">=", 300000))
HELD = act("c")
ENDS = [end("e"), end("h")]


def codes(flow_document: FlowDocument, **more: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.node) for finding in validate(flow_document, components(), **more)]


def cases(*conditions: Any, **more: Any) -> FlowDocument:
    """A branch with these cases, each leading to its own end."""
    ports = {f"p{number}": condition for number, condition in enumerate(conditions)}
    ends = [end(f"e-{port}") for port in ports]
    ways = [f"b.{port}>e-{port}" for port in ports]
    return document([branch("b", ports), end("rest"), *ends], ["t>b", "b.else>rest", *ways], **more)


def test_a_sound_flow_has_no_findings_and_compiles():
    sound = document(
        [
            branch("b", {"big": BIG}, on_unknown="else"),
            HELD,
            act("r", "stock.reserve", on_error={"OUT_OF_STOCK": "h", "*": "exception:STUCK"}),
            act("s", "wms.send"),
            {"id": "w", "type": "wait", "event": GRADED, "timeout": "PT1H"},
            *ENDS,
        ],
        ["t>b", "b.big>c", "b.else>r", "c>r", "c.held>h", "r>s", "s>w", "w>e", "w.timeout>h"],
    )

    assert codes(sound) == []
    assert len(compile_plan(sound, components()).steps) == 8


def test_an_action_without_any_edge_may_end_the_flow():
    assert codes(document([act("s", "wms.send")], ["t>s"])) == []


@pytest.mark.parametrize(
    ("flow_document", "expected"),
    [
        (document([end("e")], [], event=None), [("NO_TRIGGER", "")]),
        (document([end("e"), end("lost")], ["t>e"]), [("UNREACHABLE", "lost")]),
        (document([end("e")], []), [("UNREACHABLE", "e"), ("PORT_UNWIRED", "t")]),
        (document([HELD, end("e")], ["t>c", "c>e"]), [("PORT_UNWIRED", "c")]),
        (document([HELD, end("e")], ["t>c", "c.held>e"]), [("PORT_UNWIRED", "c")]),
        (document([HELD], ["t>c"]), [("PORT_UNWIRED", "c")]),
        (document([branch("b", {"big": BIG}), end("e")], ["t>b", "b.big>e"]), [("PORT_UNWIRED", "b")]),
        (
            document([branch("b", {"big": BIG}, on_unknown="dunno"), end("e")], ["t>b", "b.big>e", "b.else>e"]),
            [("PORT_UNWIRED", "b")],
        ),
        (document([{"id": "w", "type": "wait", "duration": "PT1H"}], ["t>w"]), [("PORT_UNWIRED", "w")]),
        (document([act("r", "stock.reserve"), *ENDS], ["t>r", "r>e", "r.held>h"]), [("UNKNOWN_PORT", "r")]),
        (document([end("e"), end("h")], ["t>e", "e>h"]), [("UNKNOWN_PORT", "e")]),
        (
            document(
                [{"id": "b", "type": "branch", "cases": [{"port": "p", "when": BIG}]}, end("e")], ["t>b", "b.p>e"]
            ),
            [("NO_ELSE", "b")],
        ),
        (
            document([act("s", "wms.send")], ["t>s"], subject="parcel"),
            [("UNKNOWN_SUBJECT", ""), ("TYPE_MISMATCH", "t"), ("TYPE_MISMATCH", "s")],
        ),
        (document([end("e")], ["t>e"], event="orders.order.vanished"), [("UNKNOWN_EVENT", "t")]),
        (document([end("e")], ["t>e"], event=SHIPPED), [("TYPE_MISMATCH", "t")]),
        (
            document([{"id": "w", "type": "wait", "event": "nope"}, end("e")], ["t>w", "w>e"]),
            [("UNKNOWN_EVENT", "w")],
        ),
        (document([act("a", "order.nope")], ["t>a"]), [("UNKNOWN_ACTION", "a")]),
        (document([act("a", "order.check") | {"v": 9}, *ENDS], ["t>a", "a>e", "a.x>h"]), [("UNKNOWN_ACTION", "a")]),
        (document([act("a", "shipment.note")], ["t>a"]), [("TYPE_MISMATCH", "a")]),
        (document([act("a", "order.old")], ["t>a"]), [("ACTION_DEPRECATED", "a")]),
        (document([act("a", "order.tag")], ["t>a"]), [("MISSING_PARAM", "a")]),
        (document([act("a", "order.tag", **{"with": {"tag": 5}})], ["t>a"]), [("TYPE_MISMATCH", "a")]),
        (document([act("a", "order.tag", **{"with": {"tag": "x", "hue": 1}})], ["t>a"]), [("UNKNOWN_PARAM", "a")]),
        (document([act("a", "http.call", **{"with": {"key": "hunter2"}})], ["t>a"]), [("SECRET_IN_PLAIN", "a")]),
        (
            document([act("a", "http.call", **{"with": {"note": "token=abcdef123"}})], ["t>a"]),
            [("SECRET_IN_PLAIN", "a")],
        ),
        (document([act("a", "http.call", **{"with": {"key": {"secret": "wms"}}})], ["t>a"]), []),
        (
            document([act("a", "wms.send", on_error={"NO_SUCH": "e"}), end("e")], ["t>a", "a>e"]),
            [("UNKNOWN_ERROR", "a")],
        ),
        (cases(both(rule("order.nope", "=", 1))), [("UNKNOWN_FIELD", "b")]),
        (cases(both(rule("order.paid_total", ">=", "3000"))), [("TYPE_MISMATCH", "b")]),
        (cases({"combinator": "and", "rules": []}), [("CONDITION_INVALID", "b")]),
        (cases(both(*[rule("order.is_cod", "is_true")] * 101)), [("LIMIT_EXCEEDED", ""), ("LIMIT_EXCEEDED", "b")]),
    ],
)
def test_a_mistake_is_found_at_its_node(flow_document, expected):
    assert codes(flow_document) == expected


def test_the_trigger_filter_is_checked_like_any_condition():
    data = flow([end("e")], ["t>e"])
    data["trigger"]["filter"] = both(rule("order.nope", "=", 1))

    assert codes(parse_document(data)) == [("UNKNOWN_FIELD", "t")]


def test_the_rules_of_all_branches_count_together():
    fifty_one = both(*[rule("order.is_cod", "is_true")] * 51)
    nodes = [branch("a", {"p": fifty_one}), branch("b", {"p": fifty_one}), end("e")]
    ways = ["t>a", "a.p>b", "a.else>b", "b.p>e", "b.else>e"]

    assert codes(document(nodes, ways)) == [("LIMIT_EXCEEDED", "")]


def test_a_way_back_is_a_cycle():
    nodes = [act("a", "wms.send"), act("b", "wms.send")]

    assert codes(document(nodes, ["t>a", "a>b", "b>a"])) == [("CYCLE", "a")]


def test_a_way_back_by_an_error_route_is_a_cycle_too():
    nodes = [act("a", "wms.send"), act("b", "wms.send", on_error={"WMS_REFUSED": "a"})]

    assert codes(document(nodes, ["t>a", "a>b"])) == [("CYCLE", "a")]


def split(identity: str) -> dict[str, Any]:
    return branch(identity, {"yes": both(rule("order.is_cod", "is_true"))})


@pytest.mark.parametrize(
    ("nodes", "ways"),
    [
        # both arms meet
        ([split("b"), act("x"), act("y"), act("z", "wms.send")], "t>b b.yes>x b.else>y x>z y>z x.held>z y.held>z"),
        # one arm is empty, and a branch inside a branch
        ([split("b"), split("i"), act("x", "wms.send"), end("e")], "t>b b.yes>i b.else>x i.yes>x i.else>x x>e"),
        # an arm that branches and ends while the other goes on
        ([split("b"), split("i"), *ENDS, act("x", "wms.send")], "t>b b.yes>i b.else>x i.yes>e i.else>h"),
        # endings are shared by arms of several levels
        (
            [split("b"), split("i"), act("q", "wms.send"), act("l", "wms.send", on_error={"*": "q"}), end("e")],
            "t>b b.yes>i i.yes>q i.else>l b.else>l l>e",
        ),
    ],
)
def test_nested_arms_and_shared_endings_are_structured(nodes, ways):
    assert [code for code, _node in codes(document(nodes, ways.split())) if code == "UNSTRUCTURED"] == []


def test_arms_that_cross_are_unstructured():
    nodes = [split("b"), split("l"), split("r"), split("x"), split("y"), act("z", "wms.send"), *ENDS]
    ways = "t>b b.yes>l b.else>r l.yes>x l.else>y r.yes>x r.else>y x.yes>z x.else>h y.yes>z y.else>e z>e"

    assert [code for code, _node in codes(document(nodes, ways.split()))] == ["UNSTRUCTURED"] * 3


def test_a_field_that_the_trigger_does_not_know_yet_may_be_asked_only_behind_the_step_that_sets_it():
    asks = branch("b", {"rush": both(rule("order.grade", "=", "rush"))})
    early = document([asks, end("e")], ["t>b", "b.rush>e", "b.else>e"], event=RECEIVED)
    late = document([act("g", "order.grade"), asks, end("e")], ["t>g", "g>b", "b.rush>e", "b.else>e"], event=RECEIVED)
    one_way = document(
        [split("s"), act("g", "order.grade"), asks, end("e")],
        ["t>s", "s.yes>g", "s.else>b", "g>b", "b.rush>e", "b.else>e"],
        event=RECEIVED,
    )

    assert codes(early) == [("FIELD_NOT_AVAILABLE", "b")]
    assert codes(late) == []
    assert codes(one_way) == [("FIELD_NOT_AVAILABLE", "b")]


@pytest.mark.parametrize(
    "flow_document",
    [
        cases(both(rule("order.paid_total", ">=", 100)), both(rule("order.paid_total", ">=", 200))),
        cases(
            both(rule("order.paid_total", "<", 100)),
            both(rule("order.paid_total", ">", 99)),
            both(rule("order.risk_score", ">", 5)),
        ),
        cases(both(rule("order.grade", "in", ["rush", "vip"])), both(rule("order.grade", "=", "vip"))),
        cases(
            both(rule("order.grade", "not_in", ["rush"])),
            both(rule("order.grade", "=", "rush")),
            both(rule("order.tags", "has_any", ["a"])),
        ),
        cases(both(rule("order.paid_total", ">", 5), rule("order.paid_total", "<", 6))),
        cases(either(rule("order.is_cod", "is_true"), rule("order.is_cod", "is_false")), BIG),
        cases(
            both(rule("order.buyer_remark", "contains", "急")), both(rule("order.buyer_remark", "contains", "急"), BIG)
        ),
        cases(neither(BIG), neither(rule("order.paid_total", ">=", 200000))),
        # the third is covered by the first two together, not by either alone
        cases(
            both(rule("order.paid_total", "between", [1, 9]), rule("order.risk_score", "<", 5)),
            both(rule("order.paid_total", "<=", 2), rule("order.risk_score", ">=", 5)),
            both(rule("order.paid_total", "between", [1, 2])),
        ),
    ],
)
def test_a_case_that_can_never_be_reached_is_shadowed(flow_document):
    found = [finding for finding in validate(flow_document, components()) if finding.severity == "error"]

    assert [finding.code for finding in found] == ["CASE_SHADOWED"]


@pytest.mark.parametrize(
    "flow_document",
    [
        cases(both(rule("order.paid_total", ">=", 200)), both(rule("order.paid_total", ">=", 100))),
        cases(both(rule("order.paid_total", "between", [1, 10])), both(rule("order.paid_total", "between", [10, 20]))),
        cases(both(rule("order.grade", "in", ["rush", "vip"])), both(rule("order.grade", "in", ["vip", "normal"]))),
    ],
)
def test_cases_that_share_values_are_a_warning(flow_document):
    findings = validate(flow_document, components())

    assert [(finding.code, finding.severity) for finding in findings] == [("CASE_OVERLAP", "warning")]
    assert not has_errors(findings)


@pytest.mark.parametrize(
    "flow_document",
    [
        cases(both(rule("order.paid_total", "<", 100)), both(rule("order.paid_total", ">=", 100))),
        cases(both(rule("order.promised_on", "<", "2026-01-01")), both(rule("order.promised_on", ">=", "2026-01-01"))),
        cases(BIG, both(rule("order.grade", "=", "rush"))),
        cases(both(rule("order.risk_score", "is_unknown")), both(rule("order.risk_score", ">=", 60))),
        cases(both(rule("order.shop", "in", [1, 2])), both(rule("order.shop", "not_in", [1, 2]))),
    ],
)
def test_cases_that_exclude_each_other_or_ask_different_fields_are_fine(flow_document):
    assert codes(flow_document) == []


def listens_and_grades(**more: Any) -> FlowDocument:
    return document([act("g", "order.grade")], ["t>g"], event=GRADED, **more)


def test_a_flow_that_causes_its_own_trigger_needs_a_bound():
    assert codes(listens_and_grades()) == [("EVENT_LOOP_RISK", "t")]
    assert codes(listens_and_grades(settings={"reentry": "never"})) == [("EVENT_LOOP_RISK", "t")]
    assert codes(listens_and_grades(settings={"reentry": "max:2"})) == []
    assert codes(listens_and_grades(settings={"reentry": "once_per_chain"})) == []


def test_a_loop_over_other_active_flows_is_found_and_named():
    tag = document([act("a", "order.grade")], ["t>a"], key="first")
    back = document([act("a", "shipment.close")], ["t>a"], key="second", event=SHIPPED, subject="shipment")
    registry = components()
    registry.action(use="order.ship", subject="order", label="Ship", emits=[SHIPPED])(lambda call: None)
    middle = document([act("a", "order.ship")], ["t>a"], key="middle", event=GRADED)
    bounded = document([act("a", "order.ship")], ["t>a"], key="middle", event=GRADED, settings={"reentry": "max:3"})

    findings = validate(tag, registry, active=[middle, back])

    assert [finding.code for finding in findings] == ["EVENT_LOOP_RISK"]
    path = "first → orders.order.graded → middle → fulfillment.shipment.shipped → second → orders.order.paid → first"
    assert path in findings[0].text
    assert validate(tag, registry, active=[middle]) == []
    assert validate(tag, registry, active=[bounded, back]) == []


def test_the_version_that_runs_now_is_replaced_in_the_loop_check():
    harmless = document([act("a", "wms.send")], ["t>a"], event=GRADED)

    assert codes(harmless, active=[listens_and_grades()]) == []


def with_test(**test: Any) -> FlowDocument:
    nodes = [branch("b", {"big": BIG}), act("r", "stock.reserve", on_error={"OUT_OF_STOCK": "h"}), *ENDS]
    ways = ["t>b", "b.big>e", "b.else>r", "r>e"]
    return document(nodes, ways, tests=[{"name": "case", **test}])


@pytest.mark.parametrize(
    "test",
    [
        {"given": {"order.paid_total": 300000}, "expect": {"path": ["t", "b", "e"]}},
        {"given": {"order.paid_total": 1}, "expect": {"path": ["t", "b", "r", "e"]}},
        {
            "given": {"order.paid_total": 1},
            "outcomes": {"r": "error:OUT_OF_STOCK"},
            "expect": {"path": ["t", "b", "r", "h"]},
        },
        {
            "given": {"order.paid_total": 1},
            "outcomes": {"r": {"error": "LOCKED"}},
            "expect": {"path": ["t", "b", "r"], "failed": "FLOW_STEP_FAILED"},
        },
        {"given": {}, "expect": {"path": ["t", "b"], "failed": "CONDITION_UNKNOWN"}},
    ],
)
def test_a_flow_passes_its_own_tests(test):
    assert codes(with_test(**test)) == []


@pytest.mark.parametrize(
    ("test", "node"),
    [
        ({"given": {"order.paid_total": 1}, "expect": {"path": ["t", "b", "e"]}}, "b"),
        ({"given": {}, "expect": {"path": ["t", "b"]}}, "b"),
        ({"given": {"order.nope": 1}, "expect": {"path": ["t", "b"]}}, ""),
        ({"given": {"order.paid_total": "1"}, "expect": {"path": ["t", "b"]}}, ""),
        ({"given": {}, "outcomes": {"r": "held"}, "expect": {"path": ["t", "b"]}}, ""),
        ({"given": {}, "outcomes": {"b": "big"}, "expect": {"path": ["t", "b"]}}, ""),
    ],
)
def test_a_flow_that_fails_its_own_tests_is_not_published(test, node):
    assert codes(with_test(**test)) == [("TEST_FAILED", node)]


def test_tests_can_answer_waits_and_change_values():
    asks = branch("b", {"rush": both(rule("order.grade", "=", "rush"))})
    wait = {"id": "w", "type": "wait", "event": GRADED, "timeout": "PT1H"}
    nodes = [act("g", "order.grade"), wait, asks, *ENDS]
    ways = ["t>g", "g>w", "w>b", "w.timeout>h", "b.rush>e", "b.else>h"]

    def told(outcomes: Any, *path: str) -> FlowDocument:
        test = {"name": "x", "given": {"order.grade": "normal"}, "outcomes": outcomes, "expect": {"path": [*path]}}
        return document(nodes, ways, tests=[test])

    assert codes(told({}, "t", "g", "w", "b", "h")) == []
    assert codes(told({"w": "timeout"}, "t", "g", "w", "h")) == []
    assert codes(told({"g": {"values": {"order.grade": "rush"}}}, "t", "g", "w", "b", "e")) == []
    assert codes(told({"w": {"port": "out", "values": {"order.grade": "rush"}}}, "t", "g", "w", "b", "e")) == []


def test_tests_see_the_trigger_filter():
    data = flow([end("e")], ["t>e"])
    data["trigger"]["filter"] = BIG
    data["tests"] = [
        {"name": "small", "given": {"order.paid_total": 1}, "expect": {"path": []}},
        {"name": "big", "given": {"order.paid_total": 300000}, "expect": {"path": ["t", "e"]}},
        {"name": "unknown", "given": {}, "expect": {"path": [], "failed": "CONDITION_UNKNOWN"}},
    ]

    assert codes(parse_document(data)) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "DOCUMENT_INVALID"),
        (flow([{"id": "x", "type": "approval"}], ["t>x"]), "UNKNOWN_NODE"),
        (flow([end(f"e{number}") for number in range(81)], []), "LIMIT_EXCEEDED"),
        (flow([HELD], ["t>c"]), "PORT_UNWIRED"),
    ],
)
def test_json_that_is_no_document_becomes_a_finding(data, code):
    assert [finding.code for finding in validate_json(json.loads(json.dumps(data)), components())] == [code]


def test_every_finding_says_what_to_do():
    broken = document(
        [branch("b", {"p": both(rule("order.nope", "=", 1))}), act("a", "order.nope"), end("lost")], ["t>b", "b.p>a"]
    )

    for finding in validate(broken, components()):
        assert finding.text.endswith((".", "。"))
        assert finding.hint.endswith((".", "。"))
