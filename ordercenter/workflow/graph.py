"""A flow document as a graph: ports, ways, order. Shared by the plan and the validator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ordercenter.workflow.components import ActionSpec, Registry
from ordercenter.workflow.nodes import (
    EXCEPTION,
    OUT,
    TIMEOUT,
    Action,
    Branch,
    End,
    FlowDocument,
    Node,
    Switch,
    Wait,
)


class FlowGraph:
    """Nodes by id (the trigger included), edges by port, error routes, and what follows from them."""

    def __init__(self, document: FlowDocument, registry: Registry):
        self.trigger = document.trigger.id if document.trigger else None
        self.nodes: Mapping[str, Node] = document.nodes
        self.ids = [*([self.trigger] if self.trigger else []), *document.nodes]
        self.wired: dict[str, dict[str, str]] = {node: {} for node in self.ids}
        for edge in document.edges:
            self.wired[edge.source][edge.port] = edge.target
        self.specs: dict[str, ActionSpec | None] = {
            node.id: registry.find_action(node.use, node.v)
            for node in document.nodes.values()
            if isinstance(node, Action)
        }
        self.followers = {node: self._followers(node) for node in self.ids}

    def _followers(self, node_id: str) -> tuple[str, ...]:
        node = self.nodes.get(node_id)
        targets = [*self.wired[node_id].values()]
        if isinstance(node, Action):
            targets += [target for target in node.on_error.values() if not target.startswith(EXCEPTION)]
        return tuple(dict.fromkeys(targets))

    def ports(self, node_id: str) -> tuple[str, ...]:
        """The ports by which subjects may leave a node. An action that is not installed: those that are wired."""
        node = self.nodes.get(node_id)
        ports: Iterable[str | None]
        if node is None:
            ports = (OUT,)
        elif isinstance(node, End):
            ports = ()
        elif isinstance(node, Wait):
            ports = (OUT, TIMEOUT) if node.timeout else (OUT,)
        elif isinstance(node, Action):
            spec = self.specs[node_id]
            ports = spec.all_ports if spec else self.wired[node_id]
        else:
            ports = (*_case_ports(node), node.else_port, _port(node.on_unknown))
        return tuple(dict.fromkeys(port for port in ports if port is not None))

    def unwired(self, node_id: str) -> list[str]:
        """Ports that lead nowhere though they must. An action without any edge ends the flow for those it lets go."""
        wired = self.wired[node_id]
        missing = [port for port in self.ports(node_id) if port not in wired]
        if isinstance(self.nodes.get(node_id), Action) and not wired:
            missing = [port for port in missing if port != OUT]
        return missing

    def undeclared(self, node_id: str) -> list[str]:
        """Ports that an edge uses and the node does not have."""
        ports = self.ports(node_id)
        return [port for port in self.wired[node_id] if port not in ports]

    def reachable(self) -> set[str]:
        """Everything that the trigger can lead to, itself included."""
        seen: set[str] = set()
        pending = [self.trigger] if self.trigger else []
        while pending:
            node = pending.pop()
            if node not in seen:
                seen.add(node)
                pending.extend(self.followers[node])
        return seen

    def order(self) -> tuple[list[str], list[str]]:
        """(topological order, nodes that lie on or behind a cycle); among equals the document's order decides."""
        waiting = dict.fromkeys(self.ids, 0)
        for node in self.ids:
            for follower in self.followers[node]:
                waiting[follower] += 1
        ready = [node for node in self.ids if not waiting[node]]
        order: list[str] = []
        for node in ready:  # grows while we walk it
            order.append(node)
            for follower in self.followers[node]:
                waiting[follower] -= 1
                if not waiting[follower]:
                    ready.append(follower)
        done = set(order)
        return order, [node for node in self.ids if node not in done]


def _case_ports(node: Branch | Switch) -> Iterable[str]:
    return (case.port for case in node.cases) if isinstance(node, Branch) else node.ports.values()


def _port(on_unknown: str) -> str | None:
    return None if on_unknown.startswith(EXCEPTION) else on_unknown
