"""Flow documents compiled to plans, once per content hash. The engine's door to flows: compile_plan, plan_for, run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from ordercenter.workflow.components import Registry, StepOutcome, registry
from ordercenter.workflow.conditions import compile_condition, fields_read
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.errors import DocumentInvalid, FlowNotRunnable
from ordercenter.workflow.fields import NOW, Catalogue
from ordercenter.workflow.graph import FlowGraph
from ordercenter.workflow.nodes import EXCEPTION, Action, Branch, FlowDocument, Node, Switch, Wait
from ordercenter.workflow.params import read_params
from ordercenter.workflow.steps import (
    FINISH,
    ActionStep,
    Answer,
    BranchStep,
    Failed,
    Parked,
    PassStep,
    Plan,
    PlanResult,
    Step,
    SwitchStep,
    Target,
    WaitStep,
)
from ordercenter.workflow.walk import run

__all__ = [
    "ActionStep",
    "Answer",
    "Failed",
    "Parked",
    "Plan",
    "PlanResult",
    "StepOutcome",
    "compile_plan",
    "plan_for",
    "run",
]

_MAX_PLANS = 500
_plans: WeakKeyDictionary[Registry, dict[str, Plan]] = WeakKeyDictionary()


def compile_plan(document: FlowDocument, components: Registry = registry) -> Plan:
    """The plan of a document; made once per content hash and process.

    Raises UnknownComponent, ConditionInvalid or FlowNotRunnable for a document that the validator would not pass.
    """
    cached = _cache(components).get(document.content_hash)
    return cached or _remember(_Compiler(document, components).plan(), components)


def plan_for(content_hash: str, load: Callable[[], Mapping[str, Any]], components: Registry = registry) -> Plan:
    """The plan of a stored version by its hash; `load` gives the stored JSON and is called only on the first use.

    Raises what parse_document and compile_plan raise, and DocumentInvalid when the stored JSON has another hash:
    somebody changed a version that must not change.
    """
    cached = _cache(components).get(content_hash)
    if cached is not None:
        return cached
    document = parse_document(load())
    if document.content_hash != content_hash:
        raise DocumentInvalid("", f"the stored document has the hash {document.content_hash}, not {content_hash}")
    return compile_plan(document, components)


def _cache(components: Registry) -> dict[str, Plan]:
    return _plans.setdefault(components, {})


def _remember(plan: Plan, components: Registry) -> Plan:
    plans = _cache(components)
    if len(plans) >= _MAX_PLANS:
        plans.pop(next(iter(plans)), None)
    plans[plan.content_hash] = plan
    return plan


class _Compiler:
    def __init__(self, document: FlowDocument, components: Registry):
        self.document, self.components = document, components
        self.graph = FlowGraph(document, components)
        self.catalogue: Catalogue = components.get_subject(document.subject).catalogue
        self.positions: dict[str, int] = {}

    def plan(self) -> Plan:
        document, trigger = self.document, self.document.trigger
        if trigger is None:
            raise self.refuse("it has no trigger")
        event = self.components.get_trigger(trigger.event)
        if event.subject != document.subject:
            raise self.refuse(f"{event.event} is about {event.subject}, the flow about {document.subject}")
        order, circular = self.graph.order()
        if circular:
            raise self.refuse(f"these nodes form a cycle: {', '.join(circular)}")
        # What the trigger does not reach never runs, and comes before the trigger in no order worth keeping.
        reached = self.graph.reachable()
        order = [node for node in order if node in reached]
        self.positions = {node: index for index, node in enumerate(order)}
        for node in order:
            self.check_ports(node)
        reads = {node: self.reads(node) for node in order}
        refresh = self.refresh(order, reads)
        filter_fields = fields_read(trigger.when) if trigger.when is not None else frozenset()
        asked = filter_fields.union(*reads.values())
        return Plan(
            key=document.key,
            content_hash=document.content_hash,
            subject=document.subject,
            trigger_event=trigger.event,
            trigger_node=trigger.id,
            settings=document.settings,
            steps=tuple(self.step(node, reads[node] - {NOW}, refresh[node]) for node in order),
            fields=asked - {NOW},
            reads_now=NOW in asked,
            trigger_filter=None if trigger.when is None else compile_condition(trigger.when, self.catalogue),
            filter_fields=filter_fields - {NOW},
            positions=MappingProxyType(self.positions),
            ahead=MappingProxyType(self.ahead(order, reads)),
        )

    def refuse(self, reason: str) -> FlowNotRunnable:
        return FlowNotRunnable(flow=self.document.key, reason=reason)

    def check_ports(self, node: str) -> None:
        if missing := self.graph.unwired(node):
            raise self.refuse(f"port {missing[0]} of {node} leads nowhere")
        if extra := self.graph.undeclared(node):
            raise self.refuse(f"{node} has no port {extra[0]}")

    def reads(self, node_id: str) -> frozenset[str]:
        node = self.graph.nodes.get(node_id)
        if isinstance(node, Branch):
            return frozenset().union(*(fields_read(case.when) for case in node.cases))
        path = node.field if isinstance(node, Switch) else node.until_field if isinstance(node, Wait) else None
        if path is None:
            return frozenset()
        if path not in self.catalogue:
            raise self.refuse(f"{node_id} asks the unknown field {path}")
        return frozenset({path})

    def refresh(self, order: list[str], reads: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """Per node, the fields it asks that may have been written on the way since they were last loaded."""
        stale: dict[str, set[str]] = {node: set() for node in order}
        refresh = {}
        for node in order:
            refresh[node] = frozenset(reads[node] & stale[node])
            behind = stale[node] - refresh[node]
            if spec := self.graph.specs.get(node):
                behind |= spec.writes
            for follower in self.graph.followers[node]:
                stale[follower] |= behind
        return refresh

    def ahead(self, order: list[str], reads: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        ahead: dict[str, frozenset[str]] = {}
        for node in reversed(order):
            behind = [reads[follower] | ahead[follower] for follower in self.graph.followers[node]]
            ahead[node] = frozenset().union(*behind) - {NOW}
        return ahead

    def target(self, node: str, port: str) -> Target:
        follower = self.graph.wired[node].get(port)
        return FINISH if follower is None else self.positions[follower]

    def exit(self, node: str, way: str) -> Target:
        """A port or exception:CODE, as on_unknown names them."""
        return way[len(EXCEPTION) :] if way.startswith(EXCEPTION) else self.target(node, way)

    def step(self, node_id: str, reads: frozenset[str], refresh: frozenset[str]) -> Step:
        node: Node | None = self.graph.nodes.get(node_id)
        index = self.positions[node_id]
        if isinstance(node, Branch | Switch):
            other: Target = "NO_ELSE" if node.else_port is None else self.target(node_id, node.else_port)
            unknown = self.exit(node_id, node.on_unknown)
            if isinstance(node, Branch):
                cases = tuple(
                    (compile_condition(case.when, self.catalogue), self.target(node_id, case.port))
                    for case in node.cases
                )
                return BranchStep(index, node_id, reads, refresh, cases, other, unknown)
            targets = {value: self.target(node_id, port) for value, port in node.ports.items()}
            return SwitchStep(index, node_id, reads, refresh, node.field, targets, other, unknown)
        if isinstance(node, Action):
            return self.action_step(node, index)
        if isinstance(node, Wait):
            routes = {port: self.target(node_id, port) for port in self.graph.ports(node_id)}
            return WaitStep(
                index, node_id, reads, refresh, node.duration, node.until_field, node.event, node.timeout, routes
            )
        return PassStep(index, node_id, reads, refresh, self.target(node_id, "out"))

    def action_step(self, node: Action, index: int) -> ActionStep:
        spec = self.components.get_action(node.use, node.v)
        if spec.subject != self.document.subject:
            raise self.refuse(f"{node.use} works on {spec.subject}, the flow on {self.document.subject}")
        try:
            params = read_params(spec.params, node.params)
        except ValueError as error:
            raise self.refuse(f"{node.id}: {error}") from None
        on_error: dict[str, Target] = {
            code: target[len(EXCEPTION) :] if target.startswith(EXCEPTION) else self.positions[target]
            for code, target in node.on_error.items()
        }
        return ActionStep(
            index=index,
            node=node.id,
            reads=frozenset(),
            refresh=frozenset(),
            name=node.name,
            spec=spec,
            params=MappingProxyType(params),
            retry=node.retry,
            routes={port: self.target(node.id, port) for port in spec.all_ports},
            on_error=on_error,
            failure=self.document.settings.on_error[len(EXCEPTION) :],
        )
