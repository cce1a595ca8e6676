"""Plans walk sets: every subject ends in exactly one place, in few calls, with fresh values after an action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordercenter.common.errors import OrderCenterError
from ordercenter.workflow.components import Registry, StepCall, StepOutcome
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.errors import DocumentInvalid, FlowNotRunnable, UnknownComponent
from ordercenter.workflow.nodes import FlowDocument
from ordercenter.workflow.plan import ActionStep, Answer, Parked, Plan, PlanResult, compile_plan, plan_for, run
from tests.ordercenter.workflow.building import (
    GRADED,
    NOON,
    act,
    both,
    branch,
    components,
    document,
    end,
    flow,
    rule,
)

COMPONENTS = components()
BIG = both(rule("order.paid_total", ">=", 300))
RUSH = both(rule("order.grade", "=", "rush"))


class OutOfStock(OrderCenterError):
    code = "inventory.out_of_stock"


class Locked(OrderCenterError):
    code = "orders.locked"


@dataclass
class Engine:
    """Plays the engine: scripted outcomes by node, a log of the calls made."""

    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    scripts: dict[str, Any] = field(default_factory=dict)
    stored: dict[int, dict[str, Any]] = field(default_factory=dict)
    performed: list[tuple[str, list[int]]] = field(default_factory=list)
    reloaded: list[tuple[list[int], frozenset[str]]] = field(default_factory=list)

    def perform(self, step: ActionStep, subjects: list[int]) -> StepOutcome:
        self.performed.append((step.node, list(subjects)))
        call = StepCall(spec=step.spec, subjects=subjects, params=step.params, values=self.values, at=NOON)
        self.scripts.get(step.node, step.spec.apply)(call)
        return call.outcome()

    def reload(self, subjects: Sequence[int], paths: frozenset[str]) -> dict[int, dict[str, Any]]:
        self.reloaded.append((list(subjects), paths))
        return {subject: {path: self.stored[subject].get(path) for path in paths} for subject in subjects}

    def run(self, plan: Plan, subjects: Sequence[int] = (), **more: Any) -> PlanResult:
        start = {plan.trigger_node: subjects} if subjects else {}
        return run(plan, start, values=self.values, perform=self.perform, reload=self.reload, at=NOON, **more)


def plan(*args: Any, registry: Registry = COMPONENTS, **more: Any) -> Plan:
    return compile_plan(document(*args, **more), registry)


def test_a_branch_splits_the_set_and_the_arms_meet_in_one_call():
    made = plan(
        [branch("b", {"big": BIG}), act("x", "wms.send"), act("y", "wms.send"), act("z", "stock.reserve"), end("e")],
        ["t>b", "b.big>x", "b.else>y", "x>z", "y>z", "z>e"],
    )
    engine = Engine({n: {"order.paid_total": n * 100} for n in range(1, 6)})

    result = engine.run(made, [1, 2, 3, 4, 5], trace=True)

    assert engine.performed == [("x", [3, 4, 5]), ("y", [1, 2]), ("z", [3, 4, 5, 1, 2])]
    assert result.finished == dict.fromkeys([1, 2, 3, 4, 5], "e")
    assert result.visited[4] == ["t", "b", "x", "z", "e"]
    assert (result.parked, result.failed) == ([], [])


def test_without_a_trace_no_path_is_kept():
    assert Engine().run(plan([end("e")], ["t>e"]), [1]).visited == {}


def test_the_first_case_that_holds_wins():
    made = plan(
        [branch("b", {"rush": RUSH, "big": BIG}), end("r"), end("g"), end("e")],
        ["t>b", "b.rush>r", "b.big>g", "b.else>e"],
    )
    engine = Engine(
        {1: {"order.grade": "rush", "order.paid_total": 900}, 2: {"order.grade": "vip", "order.paid_total": 900}}
    )

    assert engine.run(made, [1, 2]).finished == {1: "r", 2: "g"}


def test_an_unknown_case_stops_before_later_cases_and_goes_its_own_way():
    nodes = [end("g"), end("e"), end("u")]
    ways = ["t>b", "b.rush>g", "b.big>g", "b.else>e"]
    by_port = plan([branch("b", {"rush": RUSH, "big": BIG}, on_unknown="dunno"), *nodes], [*ways, "b.dunno>u"])
    by_case = plan([branch("b", {"rush": RUSH, "big": BIG}, on_unknown="exception:ASK"), *nodes[:2]], ways)
    values = {1: {"order.paid_total": 900}, 2: {"order.grade": "vip", "order.paid_total": 1}}

    assert Engine(dict(values)).run(by_port, [1, 2]).finished == {1: "u", 2: "e"}
    result = Engine(dict(values)).run(by_case, [1, 2])
    assert [(failed.subject, failed.node, failed.code, failed.error.code) for failed in result.failed] == [
        (1, "b", "ASK", "workflow.condition_unknown")
    ]


def test_a_subject_without_values_is_unknown():
    made = plan([branch("b", {"big": BIG}), end("e")], ["t>b", "b.big>e", "b.else>e"])

    assert [failed.code for failed in Engine().run(made, [1]).failed] == ["CONDITION_UNKNOWN"]


def test_a_switch_sends_each_value_to_its_port():
    switch = {
        "id": "s",
        "type": "switch",
        "field": "order.grade",
        "ports": {"rush": "fast", "vip": "fast"},
        "else": "slow",
        "on_unknown": "slow",
    }
    made = plan([switch, end("f"), end("n")], ["t>s", "s.fast>f", "s.slow>n"])
    grades = {1: "vip", 2: "normal", 3: None, 4: "rush"}
    engine = Engine({number: {"order.grade": grade} for number, grade in grades.items()})

    assert engine.run(made, [1, 2, 3, 4]).finished == {1: "f", 2: "n", 3: "n", 4: "f"}
    assert made.fields == {"order.grade"}


def test_an_action_sends_by_port_refuses_by_code_and_parks():
    made = plan(
        [
            act("c", "order.check", on_error={"OUT_OF_STOCK": "short", "*": "exception:STUCK"}),
            act("s", "wms.send"),
            end("held"),
            end("short"),
            end("e"),
        ],
        ["t>c", "c>s", "c.held>held", "s>e"],
        settings={"on_error": "exception:BROKEN"},
    )
    shortage, locked, refused = OutOfStock(), Locked(), Locked()

    def check(call: StepCall) -> None:
        call.go([1, 5])
        call.go([2], "held")
        call.refuse(3, shortage)
        call.refuse(4, locked)

    def send(call: StepCall) -> None:
        call.park([1], "command-1")
        call.refuse(5, refused)

    result = Engine(scripts={"c": check, "s": send}).run(made, [1, 2, 3, 4, 5])

    assert result.finished == {2: "held", 3: "short"}
    assert result.parked == [Parked(1, "s", "outside", wait_key="command-1")]
    assert result.failed == [(4, "c", "STUCK", locked), (5, "s", "BROKEN", refused)]


def test_an_answer_resumes_behind_the_parked_step():
    made = plan(
        [act("s", "wms.send", on_error={"OUT_OF_STOCK": "c"}), act("c", "order.check"), end("e"), end("h")],
        ["t>s", "s>e", "c>e", "c.held>h"],
    )
    engine = Engine()

    result = engine.run(
        made, answers=[Answer("s", [1, 2]), Answer("s", [3], error=OutOfStock()), Answer("s", [4], error=Locked())]
    )

    assert engine.performed == [("c", [3])]
    assert result.finished == {1: "e", 2: "e", 3: "e"}
    assert [(failed.subject, failed.node, failed.code) for failed in result.failed] == [(4, "s", "FLOW_STEP_FAILED")]


def test_an_answer_for_the_last_step_finishes_there():
    made = plan([act("s", "wms.send")], ["t>s"])

    assert Engine().run(made, answers=[Answer("s", [1])]).finished == {1: "s"}


def test_a_failed_step_can_be_entered_again():
    made = plan([act("s", "wms.send"), act("r", "stock.reserve"), end("e")], ["t>s", "s>r", "r>e"])
    engine = Engine()

    result = run(made, {"r": [7]}, values={}, perform=engine.perform, reload=engine.reload, at=NOON)

    assert engine.performed == [("r", [7])]
    assert result.finished == {7: "e"}


@pytest.mark.parametrize("answer", [Answer("nope", [1]), Answer("t", [1]), Answer("s", [1], "held")])
def test_an_answer_that_fits_no_step_is_refused(answer):
    with pytest.raises(FlowNotRunnable):
        Engine().run(plan([act("s", "wms.send")], ["t>s"]), answers=[answer])


def test_waits_park_until_an_instant_a_field_or_an_event():
    made = plan(
        [
            branch("b", {"big": BIG, "rush": RUSH}),
            {"id": "d", "type": "wait", "duration": "PT30M"},
            {"id": "f", "type": "wait", "until_field": "order.paid_at"},
            {"id": "v", "type": "wait", "event": GRADED, "timeout": "P1D"},
            end("e"),
            end("late"),
        ],
        ["t>b", "b.big>d", "b.rush>f", "b.else>v", "d>e", "f>e", "v>e", "v.timeout>late"],
    )
    engine = Engine(
        {
            1: {"order.paid_total": 300},
            2: {"order.paid_total": 1, "order.grade": "rush", "order.paid_at": NOON + timedelta(hours=1)},
            3: {"order.paid_total": 1, "order.grade": "rush", "order.paid_at": NOON},
            4: {"order.paid_total": 1, "order.grade": "rush"},
            5: {"order.paid_total": 1, "order.grade": "vip"},
        }
    )

    result = engine.run(made, [1, 2, 3, 4, 5])

    assert result.parked == [
        Parked(1, "d", "timer", NOON + timedelta(minutes=30)),
        Parked(2, "f", "timer", NOON + timedelta(hours=1)),
        Parked(5, "v", "event", NOON + timedelta(days=1), GRADED),
    ]
    assert result.finished == {3: "e"}
    assert [(failed.subject, failed.code) for failed in result.failed] == [(4, "CONDITION_UNKNOWN")]
    assert engine.run(made, answers=[Answer("v", [5], "timeout"), Answer("d", [1])]).finished == {1: "e", 5: "late"}


def test_a_condition_after_an_action_sees_what_the_action_wrote():
    made = plan(
        [act("g", "order.grade"), branch("b", {"rush": both(RUSH, BIG)}), end("r"), end("e")],
        ["t>g", "g>b", "b.rush>r", "b.else>e"],
    )
    engine = Engine(
        {1: {"order.grade": "normal", "order.paid_total": 300}, 2: {"order.grade": None, "order.paid_total": 300}},
        stored={1: {"order.grade": "rush"}, 2: {"order.grade": "vip"}},
    )

    result = engine.run(made, [1, 2])

    assert result.finished == {1: "r", 2: "e"}
    assert engine.reloaded == [([1, 2], frozenset({"order.grade"}))]


def test_values_are_loaded_again_only_once_and_only_where_they_are_asked():
    asks = [branch(name, {"rush": RUSH}) for name in ("b1", "b2")]
    made = plan(
        [act("g", "order.grade"), act("s", "wms.send"), *asks, end("e")],
        ["t>g", "g>s", "s>b1", "b1.rush>b2", "b1.else>b2", "b2.rush>e", "b2.else>e"],
    )
    engine = Engine({1: {"order.grade": None}}, stored={1: {"order.grade": "vip"}})

    assert engine.run(made, [1]).finished == {1: "e"}
    assert len(engine.reloaded) == 1


def test_an_action_may_tell_the_new_values_and_spare_the_loading():
    made = plan(
        [act("g", "order.grade"), branch("b", {"rush": RUSH}), end("r"), end("e")],
        ["t>g", "g>b", "b.rush>r", "b.else>e"],
    )

    def grade(call: StepCall) -> None:
        call.go(call.subjects)
        call.tell({subject: {"order.grade": "rush"} for subject in call.subjects})

    engine = Engine({1: {"order.grade": "normal"}}, scripts={"g": grade})

    assert engine.run(made, [1]).finished == {1: "r"}
    assert engine.reloaded == []


def test_the_plan_says_which_fields_to_load_in_all_and_behind_a_node():
    data = flow(
        [branch("a", {"big": BIG}), act("s", "wms.send"), branch("b", {"rush": RUSH}), end("e")],
        ["t>a", "a.big>s", "a.else>e", "s>b", "b.rush>e", "b.else>e"],
    )
    data["trigger"]["filter"] = both(rule("order.is_cod", "is_false"), rule("order.paid_at", "within_last", "P1D"))
    made = compile_plan(parse_document(data), COMPONENTS)

    assert made.fields == {"order.is_cod", "order.paid_at", "order.paid_total", "order.grade"}
    assert made.filter_fields == {"order.is_cod", "order.paid_at"}
    assert made.fields_after(["s"]) == {"order.grade"}
    assert made.fields_after([]) == frozenset()
    assert made.fields_from(["b"]) == {"order.grade"}
    assert made.fields_from(["a", "e"]) == {"order.paid_total", "order.grade"}
    assert made.reads_now


def test_the_trigger_filter_splits_before_a_run_begins():
    data = flow([end("e")], ["t>e"])
    data["trigger"]["filter"] = both(BIG, rule("order.paid_at", "within_last", "P1D"))
    made = compile_plan(parse_document(data), COMPONENTS)
    fresh = {"order.paid_at": NOON}
    values = {1: {"order.paid_total": 300, **fresh}, 2: {"order.paid_total": 1, **fresh}, 3: fresh}

    assert made.admit([1, 2, 3], values, at=NOON) == ([1], [2], [3])
    assert made.admit([1], values, at=NOON + timedelta(days=2)) == ([], [1], [])
    assert plan([end("e")], ["t>e"]).admit([1, 2], {}, at=NOON) == ([1, 2], [], [])


def test_conditions_in_the_flow_know_the_instant_of_the_run():
    made = plan(
        [branch("b", {"fresh": both(rule("order.paid_at", "within_last", "PT1H"))}), end("f"), end("e")],
        ["t>b", "b.fresh>f", "b.else>e"],
    )
    engine = Engine({1: {"order.paid_at": NOON}, 2: {"order.paid_at": NOON - timedelta(hours=2)}})

    assert engine.run(made, [1, 2]).finished == {1: "f", 2: "e"}
    assert made.fields == {"order.paid_at"}


def test_an_action_step_carries_what_the_engine_needs():
    made = plan([act("a", "order.tag", name={"zh": "打标签"}, **{"with": {"tag": "x"}})], ["t>a"])

    step = made.step("a")

    assert isinstance(step, ActionStep)
    assert (step.node, step.name.zh, dict(step.params), step.spec.use) == ("a", "打标签", {"tag": "x"}, "order.tag")


def test_a_plan_is_compiled_once_per_content_and_registry():
    first, other = document([end("e")], ["t>e"]), document([end("e")], ["t>e"], ui={"zoom": 2})
    loads = []

    def load() -> dict[str, Any]:
        loads.append(1)
        return dict(first.source)

    registry = components()
    made = plan_for(first.content_hash, load, registry)

    assert plan_for(first.content_hash, load, registry) is made
    assert compile_plan(other, registry) is made
    assert compile_plan(first, components()) is not made
    assert loads == [1]


def test_a_stored_version_that_was_changed_is_refused():
    tampered = flow([end("e")], ["t>e"], name={"en": "Other"})

    with pytest.raises(DocumentInvalid, match="has the hash"):
        plan_for("0" * 64, lambda: tampered, components())


@pytest.mark.parametrize(
    ("broken", "refusal"),
    [
        (document([end("e")], [], event=None), FlowNotRunnable),
        (document([end("e")], []), FlowNotRunnable),
        (document([act("a", "wms.send"), act("b", "wms.send")], ["t>a", "a>b", "b>a"]), FlowNotRunnable),
        (document([act("a", "order.check")], ["t>a"]), FlowNotRunnable),
        (document([act("a", "order.tag")], ["t>a"]), FlowNotRunnable),
        (document([act("a", "shipment.note")], ["t>a"]), FlowNotRunnable),
        (document([act("a", "order.nope")], ["t>a"]), UnknownComponent),
        (document([end("e")], ["t>e"], event="nope"), UnknownComponent),
        (document([end("e")], ["t>e"], subject="nope"), UnknownComponent),
    ],
)
def test_a_flow_that_cannot_run_is_refused_when_it_is_compiled(broken: FlowDocument, refusal: type[Exception]):
    with pytest.raises(refusal):
        compile_plan(broken, COMPONENTS)


def test_a_branch_without_else_fails_what_no_case_takes():
    data = flow([{"id": "b", "type": "branch", "cases": [{"port": "p", "when": BIG}]}, end("e")], ["t>b", "b.p>e"])
    engine = Engine({1: {"order.paid_total": 1}})

    result = engine.run(compile_plan(parse_document(data), COMPONENTS), [1])

    assert [(failed.code, failed.error.code) for failed in result.failed] == [("NO_ELSE", "workflow.no_else")]


@given(st.dictionaries(st.integers(1, 50), st.none() | st.integers(0, 600), max_size=30), st.integers(0, 3))
def test_every_subject_ends_in_exactly_one_place_and_each_action_is_called_at_most_once(totals, seed):
    made = plan(
        [
            branch("b", {"huge": both(rule("order.paid_total", ">=", 500)), "big": BIG}),
            act("c", "order.check"),
            act("r", "stock.reserve", on_error={"OUT_OF_STOCK": "w"}),
            act("s", "wms.send"),
            {"id": "w", "type": "wait", "duration": "P1D"},
            end("e"),
        ],
        ["t>b", "b.huge>c", "b.big>r", "b.else>s", "c>r", "c.held>e", "r>s", "s>e", "w>e"],
    )

    def mixed(call: StepCall) -> None:
        for subject in call.subjects:
            choice = (subject + seed) % 4
            if choice == 0:
                call.refuse(subject, OutOfStock())
            elif choice == 1:
                call.park([subject], f"k{subject}")
            else:
                call.go([subject], call.spec.all_ports[choice % len(call.spec.all_ports)])

    engine = Engine({n: {"order.paid_total": total} for n, total in totals.items()}, dict.fromkeys("crs", mixed))

    result = engine.run(made, list(totals))

    places = [
        *result.finished,
        *(parked.subject for parked in result.parked),
        *(lost.subject for lost in result.failed),
    ]
    assert sorted(places) == sorted(totals)
    assert len({node for node, _subjects in engine.performed}) == len(engine.performed)
