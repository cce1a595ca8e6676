"""What the flow machinery refuses, and the code by which a flow document speaks of a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError

if TYPE_CHECKING:
    from ordercenter.workflow.condition_tree import Problem


def flow_code(error: OrderCenterError) -> str:
    """The name of a refusal inside flow documents and cases: "inventory.out_of_stock" is OUT_OF_STOCK there."""
    return error.code.rpartition(".")[2].upper()


class ConditionInvalid(OrderCenterError):
    """A condition tree that cannot be compiled; `problems` names each place."""

    code = "workflow.condition_invalid"
    title = _("The condition is not valid.")
    hint = _("Open the condition in the designer and correct the marked rules.")
    status = 400

    def __init__(self, problems: Sequence[Problem]):
        super().__init__("; ".join(f"{problem.where}: {problem.text}" for problem in problems))
        self.problems = [f"{problem.code} {problem.where}: {problem.text}" for problem in problems]


class ConditionUnknown(OrderCenterError):
    """A decisive condition could not be answered because a value is missing; unknown is never taken for false."""

    code = "workflow.condition_unknown"
    title = _("A condition cannot be answered because a value is missing.")
    hint = _("Fill in the missing value and run the step again.")

    def __init__(self, *, node: str):
        super().__init__(f"condition of node {node} is unknown")
        self.node = node


class NoElse(OrderCenterError):
    """No case of a branch or switch matched and it names no way for the rest."""

    code = "workflow.no_else"
    title = _("No case of the branch matched.")
    hint = _("Give the branch an else port and publish the flow again.")

    def __init__(self, *, node: str):
        super().__init__(f"no case of node {node} matched and it has no else")
        self.node = node


class DocumentInvalid(OrderCenterError):
    """The JSON is not a flow document. path: where in the document, e.g. nodes[2].cases[0].when."""

    code = "workflow.document_invalid"
    title = _("The flow document is not valid.")
    status = 400

    def __init__(self, path: str, reason: str):
        super().__init__(f"{path or 'document'}: {reason}")
        self.path, self.reason = path, reason


class UnknownNode(DocumentInvalid):
    """A node kind that this version of the engine does not know."""

    code = "workflow.unknown_node"
    title = _("The flow document holds a kind of node that is not known here.")


class LimitExceeded(DocumentInvalid):
    """The document is larger than a flow may be."""

    code = "workflow.limit_exceeded"
    title = _("The flow document is too large.")


class UnknownComponent(OrderCenterError):
    """A document names an action, subject or event that no app has registered."""

    code = "workflow.unknown_component"
    title = _("The flow uses a component that is not installed.")

    def __init__(self, *, kind: str, name: str):
        super().__init__(f"unknown {kind} {name}")
        self.kind, self.name = kind, name


class ComponentClash(OrderCenterError):
    """Two apps registered a component under one name; found at start-up, never at run time."""

    code = "workflow.component_clash"
    title = _("Two flow components have the same name.")
    status = 500

    def __init__(self, *, kind: str, name: str):
        super().__init__(f"{kind} {name} is registered twice")
        self.kind, self.name = kind, name


class FlowNotRunnable(OrderCenterError):
    """The document parses but no plan can be made of it (a cycle, no trigger); the validator says more."""

    code = "workflow.not_runnable"
    title = _("The flow cannot run.")
    hint = _("Validate the flow in the designer; it lists what to correct.")

    def __init__(self, *, flow: str, reason: str):
        super().__init__(f"flow {flow}: {reason}")
        self.flow, self.reason = flow, reason


class StepIncomplete(OrderCenterError):
    """An action did not say exactly once what became of each of its subjects: a defect in the code."""

    code = "workflow.step_incomplete"
    title = _("An action lost track of its subjects.")
    status = 500

    def __init__(self, *, use: str, reason: str, subject_ids: Sequence[int] = ()):
        super().__init__(f"action {use}: {reason} {list(subject_ids)[:20]}")
        self.use, self.reason, self.subject_ids = use, reason, list(subject_ids)


class FlowLoop(OrderCenterError):
    """A chain of events went deeper than any honest flow does: it was stopped before it went round again."""

    code = "workflow.flow_loop"
    title = _("The flows went round in circles.")
    hint = _("Look at which flow causes the event that starts it, and break the circle.")

    def __init__(self, *, flow: str, depth: int):
        super().__init__(f"{flow} was not started at depth {depth}")
        self.flow, self.depth = flow, depth


class CommandFailed(OrderCenterError):
    """The outside call that a step waited for was refused or given up. flow code: COMMAND_REFUSED or COMMAND_DEAD."""

    title = _("The outside call failed.")
    hint = _("Read the receiver's reason, mend the cause, and run the step again.")

    def __init__(self, *, outcome: str, kind: str, reason: str):
        super().__init__(f"{kind}: {outcome} ({reason})")
        self.outcome, self.kind, self.reason = outcome, kind, reason


class CommandRefused(CommandFailed):
    code = "workflow.command_refused"


class CommandDead(CommandFailed):
    code = "workflow.command_dead"


class FlowUnknown(OrderCenterError):
    """There is no such flow or version."""

    code = "workflow.flow_unknown"
    title = _("There is no such flow version.")
    status = 404

    def __init__(self, *, flow_id: int, version_id: int | None = None):
        super().__init__(f"flow {flow_id} version {version_id} is unknown")
        self.flow_id, self.version_id = flow_id, version_id


class FlowInvalid(OrderCenterError):
    """The document has mistakes and cannot become active; `mistakes` names each."""

    code = "workflow.flow_invalid"
    title = _("The flow has mistakes and cannot be activated.")
    hint = _("Correct the marked places and save a new version.")
    status = 400

    def __init__(self, mistakes: Sequence[str]):
        super().__init__("; ".join(mistakes))
        self.mistakes = list(mistakes)
