"""Wiring: is everything reached, does every port lead on, does no way lead back, do the steps nest."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from ordercenter.workflow.findings import Finding
from ordercenter.workflow.graph import FlowGraph
from ordercenter.workflow.nodes import Branch, FlowDocument, Switch


def check_structure(document: FlowDocument, graph: FlowGraph) -> Iterator[Finding]:
    """NO_TRIGGER, UNREACHABLE, PORT_UNWIRED, UNKNOWN_PORT, NO_ELSE, CYCLE, UNSTRUCTURED."""
    if document.trigger is None:
        hint = _("Choose the event that starts the flow.")
        yield Finding("NO_TRIGGER", "", _("The flow has no trigger, so it never starts."), hint)
    else:
        reached = graph.reachable()
        hint = _("Wire a port to this step, or delete it.")
        for node in graph.ids:
            if node not in reached:
                yield Finding("UNREACHABLE", node, _("No way leads to this step."), hint)
    for node in graph.ids:
        yield from _check_ports(node, graph)
    circular = graph.order()[1]
    if circular:
        text = _("The way leads back: %(nodes)s.") % {"nodes": ", ".join(circular)}
        hint = _("A flow only goes forward; let it start again by an event instead.")
        yield Finding("CYCLE", circular[0], text, hint)
    elif document.trigger is not None:
        hint = _("Let the arms of a branch meet in one step, or end each arm on its own.")
        for node in unstructured_nodes(graph):
            text = _("An arm crosses from here into an arm of another branch.")
            yield Finding("UNSTRUCTURED", node, text, hint)


def _check_ports(node_id: str, graph: FlowGraph) -> Iterator[Finding]:
    for port in graph.unwired(node_id):
        text = _("Port %(port)s leads nowhere.") % {"port": port}
        hint = _("Wire the port to the next step or to an end.")
        yield Finding("PORT_UNWIRED", node_id, text, hint)
    for port in graph.undeclared(node_id):
        text = _("The step has no port %(port)s.") % {"port": port}
        known = ", ".join(graph.ports(node_id)) or "-"
        yield Finding("UNKNOWN_PORT", node_id, text, _("Its ports are: %(ports)s.") % {"ports": known})
    node = graph.nodes.get(node_id)
    if isinstance(node, Branch | Switch) and node.else_port is None:
        text = _("Orders that match no case have no way on.")
        yield Finding("NO_ELSE", node_id, text, _('Name the port for the rest in "else" and wire it.'))


def unstructured_nodes(graph: FlowGraph) -> list[str]:
    """Nodes where the graph cannot be read as nested steps; empty for a structured flow.

    The graph is folded as long as it goes: an arm between a split and a join (one way in, one way out) becomes an
    edge, an arm that ends is dropped, a step after which there is only one way is merged with what follows. A nested
    graph folds to its trigger; crossing arms do not. Endings (an end, or a plain run of steps to an end) may be shared
    by any arms, as in "every refusal goes to the queue".
    """
    reached = graph.reachable()
    ways: dict[str, set[str]] = {}
    endings = _endings(graph)
    for node in graph.ids:
        if node in reached and node not in endings:
            ways[node] = {follower for follower in graph.followers[node] if follower not in endings}
    while _fold_one(ways, graph.trigger):
        pass
    return [node for node in graph.ids if len(ways.get(node, ())) > 1]


def _endings(graph: FlowGraph) -> set[str]:
    endings: set[str] = set()
    for node in reversed(graph.order()[0]):
        followers = graph.followers[node]
        if node != graph.trigger and (not followers or (len(followers) == 1 and followers[0] in endings)):
            endings.add(node)
    return endings


def _fold_one(ways: dict[str, set[str]], trigger: str | None) -> bool:
    sources: dict[str, list[str]] = {node: [] for node in ways}
    for node, followers in ways.items():
        for follower in followers:
            sources[follower].append(node)
    for node, followers in ways.items():
        if node != trigger and len(followers) <= 1 and len(sources[node]) == 1:
            source = sources[node][0]
            ways[source].discard(node)
            ways[source] |= followers
            del ways[node]
            return True
        if len(followers) == 1:
            follower = next(iter(followers))
            if len(sources[follower]) == 1:
                ways[node] = ways.pop(follower)
                return True
    return False
