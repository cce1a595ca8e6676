"""Walks a plan once with sets of subjects: conditions split a set, an action takes all of it, joins put sets together.

Pure: the database is behind `perform` and `reload`. Because the steps are in topological order every step runs at most
once per walk, whatever the number of subjects, so the number of statements does not depend on it either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any

from ordercenter.common.errors import OrderCenterError
from ordercenter.workflow.components import StepOutcome
from ordercenter.workflow.errors import ConditionUnknown, FlowNotRunnable, NoElse, flow_code
from ordercenter.workflow.fields import NOW
from ordercenter.workflow.nodes import ANY_ERROR, OUT
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

Perform = Callable[[ActionStep, list[int]], StepOutcome]
Reload = Callable[[Sequence[int], frozenset[str]], Mapping[int, Mapping[str, Any]]]
_NOTHING_KNOWN: Mapping[str, Any] = {}


def run(
    plan: Plan,
    start: Mapping[str, Sequence[int]],
    *,
    values: MutableMapping[int, dict[str, Any]],
    perform: Perform,
    reload: Reload,
    at: datetime,
    answers: Iterable[Answer] = (),
    trace: bool = False,
) -> PlanResult:
    """Move subjects through the plan until each has finished, is parked or has failed.

    start: node id -> subjects that enter there; a new run enters at plan.trigger_node. answers: parked subjects that go
    on behind their node. values: subject -> path -> value of plan.fields (for answers: plan.fields_after), brought up
    to date in place; a subject without values is answered unknown. perform: calls the action and says what became of
    each subject. reload(ids, paths): fresh values, asked only where a condition reads what an action before it wrote.
    Raises what perform and reload raise, and FlowNotRunnable for a node or port that the plan does not have.
    """
    walk = _Walk(plan, values, perform, reload, at, trace)
    for node, subjects in start.items():
        walk.pending[plan.step(node).index].extend(subjects)
    for answer in answers:
        walk.take(answer)
    walk.go()
    return PlanResult(walk.finished, walk.parked, walk.failed, walk.visited)


class _Walk:
    def __init__(
        self,
        plan: Plan,
        values: MutableMapping[int, dict[str, Any]],
        perform: Perform,
        reload: Reload,
        at: datetime,
        trace: bool,
    ):
        self.plan, self.values, self.perform, self.reload, self.at, self.trace = (
            plan,
            values,
            perform,
            reload,
            at,
            trace,
        )
        self.pending: list[list[int]] = [[] for _step in plan.steps]
        # Fields that an action of this walk wrote without telling the new values.
        self.stale: set[str] = set()
        self.finished: dict[int, str] = {}
        self.parked: list[Parked] = []
        self.failed: list[Failed] = []
        self.visited: dict[int, list[str]] = {}

    def take(self, answer: Answer) -> None:
        step = self.plan.step(answer.node)
        if not isinstance(step, ActionStep | WaitStep):
            raise FlowNotRunnable(flow=self.plan.key, reason=f"nothing waits at {answer.node}")
        if answer.error is not None:
            for subject in answer.subjects:
                self.refuse(step, subject, answer.error)
            return
        target = step.routes.get(answer.port)
        if target is None:
            raise FlowNotRunnable(flow=self.plan.key, reason=f"{answer.node} has no port {answer.port}")
        self.send(step, target, answer.subjects)

    def go(self) -> None:
        if self.plan.reads_now:
            for known in self.values.values():
                known[NOW] = self.at
        for step in self.plan.steps:
            subjects = self.pending[step.index]
            if not subjects:
                continue
            if self.trace:
                for subject in subjects:
                    self.visited.setdefault(subject, []).append(step.node)
            if self.stale and (paths := step.refresh & self.stale):
                self.learn(self.reload(subjects, paths))
            if isinstance(step, ActionStep):
                self.act(step, subjects)
            elif isinstance(step, BranchStep):
                self.branch(step, subjects)
            elif isinstance(step, SwitchStep):
                self.switch(step, subjects)
            elif isinstance(step, WaitStep):
                self.wait(step, subjects)
            elif isinstance(step, PassStep):
                self.send(step, step.target, subjects)

    def learn(self, fresh: Mapping[int, Mapping[str, Any]]) -> None:
        for subject, known in fresh.items():
            self.values.setdefault(subject, {}).update(known)

    def send(self, step: Step, target: Target, subjects: Sequence[int], error: OrderCenterError | None = None) -> None:
        if not subjects:
            return
        if isinstance(target, str):
            reason = error or ConditionUnknown(node=step.node)
            self.failed.extend(Failed(subject, step.node, target, reason) for subject in subjects)
        elif target == FINISH:
            self.finished.update(dict.fromkeys(subjects, step.node))
        else:
            self.pending[target].extend(subjects)

    def branch(self, step: BranchStep, subjects: Sequence[int]) -> None:
        taken: list[list[int]] = [[] for _case in step.cases]
        tests = [(test, bucket.append) for (test, _target), bucket in zip(step.cases, taken, strict=True)]
        unknown: list[int] = []
        other: list[int] = []
        known = self.values.get
        for subject in subjects:
            values = known(subject, _NOTHING_KNOWN)
            for test, take in tests:
                truth = test(values)
                if truth:
                    take(subject)
                    break
                if truth is None:
                    unknown.append(subject)
                    break
            else:
                other.append(subject)
        for (_test, target), bucket in zip(step.cases, taken, strict=True):
            self.send(step, target, bucket)
        self.send(step, step.unknown, unknown, ConditionUnknown(node=step.node))
        self.send(step, step.other, other, NoElse(node=step.node))

    def switch(self, step: SwitchStep, subjects: Sequence[int]) -> None:
        buckets: dict[Any, list[int]] = {}
        known, field = self.values.get, step.field
        for subject in subjects:
            buckets.setdefault(known(subject, _NOTHING_KNOWN).get(field), []).append(subject)
        self.send(step, step.unknown, buckets.pop(None, ()), ConditionUnknown(node=step.node))
        for value, bucket in buckets.items():
            self.send(step, step.targets.get(value, step.other), bucket, NoElse(node=step.node))

    def wait(self, step: WaitStep, subjects: Sequence[int]) -> None:
        if step.until_field is not None:
            self.wait_for_field(step, step.until_field, subjects)
        elif step.event is not None:
            latest = self.at + step.timeout if step.timeout else None
            self.parked.extend(Parked(subject, step.node, "event", latest, step.event) for subject in subjects)
        elif step.duration is not None:
            until = self.at + step.duration
            self.parked.extend(Parked(subject, step.node, "timer", until) for subject in subjects)

    def wait_for_field(self, step: WaitStep, field: str, subjects: Sequence[int]) -> None:
        due: list[int] = []
        unknown: list[int] = []
        for subject in subjects:
            until = self.values.get(subject, _NOTHING_KNOWN).get(field)
            if until is None:
                unknown.append(subject)
            elif until <= self.at:
                due.append(subject)
            else:
                self.parked.append(Parked(subject, step.node, "timer", until))
        error = ConditionUnknown(node=step.node)
        self.send(step, flow_code(error), unknown, error)
        self.send(step, step.routes[OUT], due)

    def act(self, step: ActionStep, subjects: list[int]) -> None:
        outcome = self.perform(step, subjects)
        if outcome.values is None:
            self.stale |= step.spec.writes
        else:
            self.learn(outcome.values)
        for port, gone in outcome.go.items():
            self.send(step, step.routes[port], gone)
        for subject, error in outcome.refused.items():
            self.refuse(step, subject, error)
        for wait_key, waiting in outcome.parked:
            self.parked.extend(Parked(subject, step.node, "outside", None, "", wait_key) for subject in waiting)

    def refuse(self, step: ActionStep | WaitStep, subject: int, error: OrderCenterError) -> None:
        if isinstance(step, WaitStep):
            self.send(step, flow_code(error), (subject,), error)
            return
        target = step.on_error.get(flow_code(error), step.on_error.get(ANY_ERROR, step.failure))
        self.send(step, target, (subject,), error)
