"""One subject through a plan without touching anything: the flow's own test cases and the designer's "try it"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from ordercenter.common.errors import OrderCenterError
from ordercenter.workflow.components import StepOutcome
from ordercenter.workflow.condition_tree import read_given
from ordercenter.workflow.errors import ConditionUnknown, flow_code
from ordercenter.workflow.fields import NOW, Catalogue
from ordercenter.workflow.nodes import OUT
from ordercenter.workflow.steps import ActionStep, Answer, Plan
from ordercenter.workflow.walk import run

_SUBJECT = 0
_ERROR = "error:"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """path: node ids from the trigger on, empty when the trigger filter says no. failed: code of the case, "" none."""

    path: tuple[str, ...]
    failed: str = ""


class RehearsedRefusal(OrderCenterError):
    """Stands for the refusal that a test case names."""

    code = "workflow.rehearsed_refusal"

    def __init__(self, code: str):
        super().__init__(code)
        self.code = f"rehearsal.{code.lower()}"  # type: ignore[misc]


def rehearse(
    plan: Plan, catalogue: Catalogue, *, given: Mapping[str, Any], outcomes: Mapping[str, Any], at: datetime
) -> Rehearsal:
    """Which way a subject with these values takes.

    given: field path -> JSON value; what is missing is unknown. outcomes: node id -> what the action or wait answers
    there, "out" when not named (see nodes.FlowTest). at: the instant of the run unless given names context.now.
    Raises ValueError with a sentence for a value, node, port or outcome that does not fit.
    """
    values = {_SUBJECT: _typed(given, catalogue)}
    answers = {node: _Outcome.read(node, plan, outcome, catalogue) for node, outcome in outcomes.items()}
    now = values[_SUBJECT].get(NOW, at)
    admission = plan.admit([_SUBJECT], values, at=now)
    if not admission.admitted:
        return Rehearsal((), flow_code(ConditionUnknown(node=plan.trigger_node)) if admission.unknown else "")

    def perform(step: ActionStep, subjects: list[int]) -> StepOutcome:
        outcome = answers.get(step.node, _GO_ON)
        fresh = {_SUBJECT: outcome.values}
        if outcome.error:
            return StepOutcome({}, {_SUBJECT: RehearsedRefusal(outcome.error)}, (), fresh)
        return StepOutcome({outcome.port: subjects}, values=fresh)

    path: list[str] = []
    start: Mapping[str, list[int]] = {plan.trigger_node: [_SUBJECT]}
    resumed: list[Answer] = []
    while True:
        result = run(
            plan,
            start,
            values=values,
            perform=perform,
            reload=lambda _ids, _paths: {},
            at=now,
            answers=resumed,
            trace=True,
        )
        path += result.visited.get(_SUBJECT, [])
        if not result.parked:
            return Rehearsal(tuple(path), result.failed[0].code if result.failed else "")
        node = result.parked[0].node
        outcome = answers.get(node, _GO_ON)
        values[_SUBJECT].update(outcome.values)
        start, resumed = {}, [Answer(node, [_SUBJECT], outcome.port)]


@dataclass(frozen=True, slots=True)
class _Outcome:
    port: str
    error: str
    values: Mapping[str, Any]

    @classmethod
    def read(cls, node: str, plan: Plan, outcome: Any, catalogue: Catalogue) -> _Outcome:
        fresh: Any = {}
        if isinstance(outcome, Mapping):
            fresh = outcome.get("values", {})
            outcome = outcome.get("port", OUT) if "error" not in outcome else f"{_ERROR}{outcome['error']}"
        step = plan.step(node)
        routes = getattr(step, "routes", None)
        if routes is None or not isinstance(outcome, str) or not isinstance(fresh, Mapping):
            raise ValueError(_("Node %(node)s takes no outcome of this form.") % {"node": node})
        values = _typed(fresh, catalogue)
        if outcome.startswith(_ERROR) and isinstance(step, ActionStep):
            return cls(OUT, outcome[len(_ERROR) :], values)
        if outcome not in routes:
            raise ValueError(_("Node %(node)s has no port %(port)s.") % {"node": node, "port": outcome})
        return cls(outcome, "", values)


_GO_ON = _Outcome(OUT, "", {})


def _typed(given: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    typed = {}
    for path, value in given.items():
        field = catalogue.get(path)
        if field is None:
            raise ValueError(_("There is no field %(path)s here.") % {"path": path})
        try:
            typed[path] = read_given(field, value)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return typed
