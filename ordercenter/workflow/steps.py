"""A compiled flow: steps in topological order that work on sets, made by `plan.compile_plan`, walked by `walk.run`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from ordercenter.common.errors import OrderCenterError
from ordercenter.workflow.components import ActionSpec
from ordercenter.workflow.conditions import Test
from ordercenter.workflow.errors import FlowNotRunnable
from ordercenter.workflow.fields import NOW
from ordercenter.workflow.nodes import LocalText, Retry, Settings

# Where a port leads: the index of a step, FINISH, or the code of a case (a text) when no way of the flow takes it.
Target = int | str
FINISH = -1


@dataclass(frozen=True, slots=True)
class Step:
    """reads: fields asked here. refresh: those of them that an action before may have changed."""

    index: int
    node: str
    reads: frozenset[str]
    refresh: frozenset[str]


@dataclass(frozen=True, slots=True)
class PassStep(Step):
    """The trigger and end nodes: everything goes the one way."""

    target: Target


@dataclass(frozen=True, slots=True)
class BranchStep(Step):
    cases: tuple[tuple[Test, Target], ...]
    other: Target
    unknown: Target


@dataclass(frozen=True, slots=True)
class SwitchStep(Step):
    field: str
    targets: Mapping[Any, Target]
    other: Target
    unknown: Target


@dataclass(frozen=True, slots=True)
class ActionStep(Step):
    """What the engine's `perform` gets: the spec to apply, typed parameters, and the retry rule for outside calls."""

    name: LocalText
    spec: ActionSpec
    params: Mapping[str, Any]
    retry: Retry | None
    routes: Mapping[str, Target]
    on_error: Mapping[str, Target]
    failure: str


@dataclass(frozen=True, slots=True)
class WaitStep(Step):
    duration: timedelta | None
    until_field: str | None
    event: str | None
    timeout: timedelta | None
    routes: Mapping[str, Target]


class Parked(NamedTuple):
    """A subject that stays at a node.

    kind: "timer" until the instant `until`; "event" until the event happens, at most until `until` when that is set
    (then the port is "timeout"); "outside" until an answer with this wait_key.
    """

    subject: int
    node: str
    kind: Literal["timer", "event", "outside"]
    until: datetime | None = None
    event: str = ""
    wait_key: str = ""


class Failed(NamedTuple):
    """A subject that no way of the flow takes: code is the case to open, error the reason with its evidence."""

    subject: int
    node: str
    code: str
    error: OrderCenterError


class Answer(NamedTuple):
    """Parked subjects that may go on: by a port, or with an error that the node's on_error routes."""

    node: str
    subjects: Sequence[int]
    port: str = "out"
    error: OrderCenterError | None = None


class Admission(NamedTuple):
    """The trigger filter's verdict on a set of subjects."""

    admitted: list[int]
    not_admitted: list[int]
    unknown: list[int]


@dataclass(frozen=True)
class PlanResult:
    """What became of every subject: each is in exactly one of finished (with its last node), parked, failed.

    visited: node ids in order per subject, only when a trace was asked for.
    """

    finished: dict[int, str]
    parked: list[Parked]
    failed: list[Failed]
    visited: dict[int, list[str]]


@dataclass(frozen=True)
class Plan:
    """A flow version ready to run on sets.

    steps: in topological order, the trigger first. fields: every path its filter and conditions ask, to be loaded
    before; without NOW, which the run sets itself when reads_now. trigger_filter: None means every event starts it.
    """

    key: str
    content_hash: str
    subject: str
    trigger_event: str
    trigger_node: str
    settings: Settings
    steps: tuple[Step, ...]
    fields: frozenset[str]
    reads_now: bool
    trigger_filter: Test | None
    filter_fields: frozenset[str]
    positions: Mapping[str, int]
    ahead: Mapping[str, frozenset[str]]

    def step(self, node: str) -> Step:
        """Raises FlowNotRunnable for a node the plan does not have."""
        position = self.positions.get(node)
        if position is None:
            raise FlowNotRunnable(flow=self.key, reason=f"there is no node {node}")
        return self.steps[position]

    def fields_after(self, nodes: Iterable[str]) -> frozenset[str]:
        """The paths asked behind these nodes: what to load for answers."""
        return frozenset().union(*(self.ahead[self.step(node).node] for node in nodes))

    def fields_from(self, nodes: Iterable[str]) -> frozenset[str]:
        """The paths asked at these nodes and behind them: what to load for subjects that enter there again."""
        entered = [self.step(node) for node in nodes]
        return frozenset().union(*(step.reads | self.ahead[step.node] for step in entered))

    def admit(self, subject_ids: Sequence[int], values: Mapping[int, dict[str, Any]], *, at: datetime) -> Admission:
        """Split by the trigger filter; unknown is its own list, because a missing value is no "no"."""
        if self.trigger_filter is None:
            return Admission(list(subject_ids), [], [])
        verdict = Admission([], [], [])
        for subject in subject_ids:
            known = values.get(subject, {})
            if self.reads_now:
                known = {**known, NOW: at}
            truth = self.trigger_filter(known)
            (verdict.unknown if truth is None else verdict.admitted if truth else verdict.not_admitted).append(subject)
        return verdict
