"""Flow documents: shape, hash, export, limits."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from ordercenter.workflow.documents import content_hash, export_document, parse_document
from ordercenter.workflow.errors import DocumentInvalid, LimitExceeded, UnknownNode
from ordercenter.workflow.nodes import Action, Branch, LocalText, Retry, Switch, Wait
from tests.ordercenter.workflow.building import act, both, branch, end, flow, rule


def full() -> dict[str, Any]:
    """A document that uses every part of the schema."""
    return flow(
        [
            branch("big", {"yes": both(rule("order.paid_total", ">=", 300000))}, on_unknown="else"),
            {
                "id": "by-grade",
                "type": "switch",
                "field": "order.grade",
                "ports": {"rush": "fast", "vip": "fast"},
                "else": "rest",
            },
            act(
                "send",
                "wms.send",
                name={"zh": "下发"},
                retry={"max": 5, "first": "PT1S", "factor": 3, "cap": "PT5M", "jitter": 0.1},
                on_error={"WMS_REFUSED": "stop", "*": "exception:WMS_DOWN"},
                **{"with": {"mode": "all"}},
            ),
            {"id": "pause", "type": "wait", "event": "orders.order.graded", "timeout": "PT2H"},
            end("stop"),
        ],
        ["t>big", "big.yes>by-grade", "big.else>stop", "by-grade.fast>send", "by-grade.rest>pause", "send>stop"]
        + ["pause>stop", "pause.timeout>stop"],
        group={"key": "audit", "mode": "first_match", "priority": 20},
        settings={
            "reentry": "max:2",
            "timeout": "P7D",
            "on_error": "exception:STUCK",
            "concurrency": "per_subject",
            "timezone": "Asia/Shanghai",
            "calendar": "cn-workdays",
        },
        tests=[
            {
                "name": "small",
                "given": {"order.paid_total": 1},
                "outcomes": {"send": "out"},
                "expect": {"path": ["t", "big", "stop"]},
            }
        ],
        ui={"positions": {"big": [1.5, 2]}},
    )


def test_a_document_becomes_typed_parts():
    document = parse_document(full())

    big, switch, send, pause, _stop = document.nodes.values()
    assert isinstance(big, Branch)
    assert (big.cases[0].port, big.else_port, big.on_unknown) == ("yes", "else", "else")
    assert isinstance(switch, Switch)
    assert (dict(switch.ports), switch.on_unknown) == (
        {"rush": "fast", "vip": "fast"},
        "exception:CONDITION_UNKNOWN",
    )
    assert isinstance(send, Action)
    assert send.retry == Retry(5, timedelta(seconds=1), 3, timedelta(minutes=5), 0.1)
    assert (dict(send.params), send.on_error["*"], send.name.zh) == ({"mode": "all"}, "exception:WMS_DOWN", "下发")
    assert isinstance(pause, Wait)
    assert (pause.event, pause.timeout) == ("orders.order.graded", timedelta(hours=2))
    assert document.settings.reentry == 2
    assert document.settings.timeout == timedelta(days=7)
    assert document.settings.on_error == "exception:STUCK"
    assert document.group is not None
    assert document.group.priority == 20
    assert document.tests[0].path == ("t", "big", "stop")
    assert [edge.port for edge in document.edges if edge.source == "send"] == ["out"]


def test_the_hash_depends_on_the_content_and_not_on_key_order_or_layout():
    data = full()
    shuffled = json.loads(json.dumps(dict(reversed(list(data.items())))))
    shuffled["ui"] = {"positions": {"big": [9, 9]}}
    changed = full() | {"name": {"zh": "大额订单审批"}}

    assert parse_document(data).content_hash == parse_document(shuffled).content_hash
    assert parse_document(data) == parse_document(shuffled)
    assert parse_document(changed) != parse_document(data)


def test_the_hash_is_the_sha256_of_sorted_utf8_json():
    small = {"b": "流程", "a": [1], "ui": {"x": 1}}

    # sha256sum of {"a":[1],"b":"流程"}
    assert content_hash(small) == "5de3441e8bc9066c440737165dbc4a1de260dff25b553d5ac5fe2ec28a3d58d9"


def test_export_and_import_give_the_same_document():
    document = parse_document(full())

    exported = export_document(document)

    again = parse_document(json.loads(exported))
    assert again == document
    assert export_document(again) == exported
    assert json.loads(exported)["ui"] == {"positions": {"big": [1.5, 2]}}


def test_a_later_change_of_the_given_data_does_not_reach_the_document():
    data = full()
    document = parse_document(data)

    data["nodes"][0]["cases"][0]["when"]["rules"][0]["value"] = 1

    branch_node = document.nodes["big"]
    assert isinstance(branch_node, Branch)
    assert branch_node.cases[0].when["rules"][0]["value"] == 300000
    assert content_hash(document.source) == document.content_hash


def test_a_draft_may_lack_its_trigger():
    assert parse_document(flow([end("e")], [], event=None)).trigger is None


def _put(path: str, value: Any) -> dict[str, Any]:
    """The full document with the value at a path such as nodes.0.id replaced; None removes it."""
    data: Any = copy.deepcopy(full())
    place = data
    *way, last = path.split(".")
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place[key]
    if value is None:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "refused_at"),
    [
        ("schema", "ordercenter.flow/2", "schema"),
        ("key", "Not A Slug", "key"),
        ("name", {}, "name"),
        ("name", {"fr": "flux"}, "name"),
        ("subject", "", "subject"),
        ("colour", "red", ""),
        ("trigger.type", "cron", "trigger.type"),
        ("trigger.filter", [], "trigger.filter"),
        ("trigger.changed", ["order.grade"], "trigger.changed"),
        ("trigger.dedupe", {"key": ["order.id"]}, "trigger.dedupe"),
        ("settings.reentry", "always", "settings.reentry"),
        ("settings.on_error", "STUCK", "settings.on_error"),
        ("settings.timeout", "P1M", "settings.timeout"),
        ("settings.concurrency", "free", "settings.concurrency"),
        ("group.mode", "best", "group.mode"),
        ("group.priority", True, "group.priority"),
        ("nodes", {}, "nodes"),
        ("nodes.0.id", "t", "nodes[0].id"),
        ("nodes.0.id", "with space", "nodes[0].id"),
        ("nodes.1.id", "big", "nodes[1].id"),
        ("nodes.0.cases", [], "nodes[0].cases"),
        ("nodes.0.cases.0.when", 1, "nodes[0].cases[0].when"),
        ("nodes.0.on_unknown", "exception:bad code", "nodes[0].on_unknown"),
        ("nodes.1.ports", {}, "nodes[1].ports"),
        ("nodes.1.field", None, "nodes[1].field"),
        ("nodes.2.v", 0, "nodes[2].v"),
        ("nodes.2.with", [], "nodes[2].with"),
        ("nodes.2.on_error", {"oops": "stop"}, "nodes[2].on_error"),
        ("nodes.2.on_error", {"WMS_REFUSED": "nowhere"}, "nodes[send].on_error.WMS_REFUSED"),
        ("nodes.2.retry.jitter", 2, "nodes[2].retry.jitter"),
        ("nodes.2.retry.max", None, "nodes[2].retry.max"),
        ("nodes.3.duration", "PT1H", "nodes[3]"),
        ("nodes.3.event", None, "nodes[3]"),
        ("edges.0.to", "nowhere", "edges[0].to"),
        ("edges.0.to", "t", "edges[0].to"),
        ("edges.1", {"from": "t", "to": "stop"}, "edges[1]"),
        ("tests.0.expect.path", ["t", "nowhere"], "tests[0].expect.path[1]"),
        ("tests.0.outcomes", {"nowhere": "out"}, "tests[0].outcomes"),
        ("name", {"en": "a\x00b"}, ""),
        ("name", {"en": "a\ud800b"}, ""),
        ("ui", {"x": float("nan")}, ""),
        ("ui", {"x": {1, 2}}, ""),
    ],
)
def test_a_wrong_document_is_refused_at_the_place_that_is_wrong(path, value, refused_at):
    with pytest.raises(DocumentInvalid) as refusal:
        parse_document(_put(path, value))

    assert refusal.value.path == refused_at
    assert refusal.value.code == "workflow.document_invalid"


def test_a_timeout_belongs_to_a_wait_for_an_event_only():
    data = flow([{"id": "w", "type": "wait", "duration": "PT1H", "timeout": "PT2H"}], ["t>w"])

    with pytest.raises(DocumentInvalid, match="only a wait for an event"):
        parse_document(data)


@pytest.mark.parametrize("kind", ["approval", "parallel", "subflow", None, ["action"]])
def test_an_unknown_kind_of_node_is_refused_by_name(kind):
    with pytest.raises(UnknownNode) as refusal:
        parse_document(_put("nodes.0.type", kind or ""))

    assert refusal.value.path == "nodes[0].type"


def test_the_limits_of_a_document():
    many = [end(f"e{number}") for number in range(80)]
    waits = [{"id": f"w{number}", "type": "wait", "duration": "PT1H"} for number in range(21)]
    deep: list[Any] = []
    for _level in range(100_000):
        deep = [deep]

    assert len(parse_document(flow(many, [])).nodes) == 80
    for too_much in (
        flow([*many, end("one-more")], []),
        flow(waits, []),
        flow([], [], ui={"note": "x" * 200_000}),
        flow([], [], ui={"deep": deep}),
    ):
        with pytest.raises(LimitExceeded):
            parse_document(too_much)


def test_a_name_shows_in_the_active_language_or_the_other():
    with translation.override("en"):
        assert str(LocalText("审批", "Approval")) == "Approval"
        assert str(LocalText("审批")) == "审批"
    with translation.override("zh-hans"):
        assert str(LocalText("审批", "Approval")) == "审批"
