"""Loops over several flows: an action causes an event that starts this flow again, directly or through other flows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from django.utils.translation import gettext as _

from ordercenter.workflow.components import Registry
from ordercenter.workflow.findings import Finding
from ordercenter.workflow.nodes import Action, FlowDocument


def check_loops(document: FlowDocument, components: Registry, active: Iterable[FlowDocument]) -> Iterator[Finding]:
    """EVENT_LOOP_RISK, unless a flow on the loop bounds itself with settings.reentry (once_per_chain or max:N).

    active: the other flows that run; one with the document's own key is the version it would replace.
    """
    flows = {flow.key: flow for flow in active} | {document.key: document}
    loop = _shortest_loop(document, flows, components)
    if loop and document.trigger is not None:
        text = _("The flow causes its own trigger: %(path)s.") % {"path": " → ".join(loop)}
        hint = _('Take the action out, filter the trigger, or allow it a number of times: "reentry": "max:2".')
        yield Finding("EVENT_LOOP_RISK", document.trigger.id, text, hint)


def emitted(document: FlowDocument, components: Registry) -> dict[str, str]:
    """The events that the actions of a flow may cause, each with the id of a node that does."""
    found: dict[str, str] = {}
    for node in document.nodes.values():
        spec = components.find_action(node.use, node.v) if isinstance(node, Action) else None
        for event in sorted(spec.emits) if spec else ():
            found.setdefault(event, node.id)
    return found


def _shortest_loop(document: FlowDocument, flows: Mapping[str, FlowDocument], components: Registry) -> list[str]:
    """Flow keys and events by turns, from the document back to it; empty when there is no loop."""
    unbounded = {key: flow for key, flow in flows.items() if flow.settings.reentry is None and flow.trigger}
    if document.key not in unbounded:
        return []
    seen = {document.key}
    paths = [[document.key]]
    for path in paths:  # grows while we walk it: the shortest paths come first
        for event in emitted(unbounded[path[-1]], components):
            for key, flow in unbounded.items():
                if flow.trigger is None or flow.trigger.event != event:
                    continue
                if key == document.key:
                    return [*path, event, key]
                if key not in seen:
                    seen.add(key)
                    paths.append([*path, event, key])
    return []
