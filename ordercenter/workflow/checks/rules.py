"""Conditions: fields that exist and are known at that place, values of the right type, cases that can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from ordercenter.workflow.components import Registry
from ordercenter.workflow.condition_tree import MAX_LEAVES, Node, count_leaves, read_condition
from ordercenter.workflow.conditions import fields_read
from ordercenter.workflow.fields import Catalogue, FieldType
from ordercenter.workflow.findings import Finding
from ordercenter.workflow.graph import FlowGraph
from ordercenter.workflow.nodes import Branch, Condition, FlowDocument, Switch, Wait
from ordercenter.workflow.regions import Region, covers, overlap, region_of


def check_rules(document: FlowDocument, graph: FlowGraph, components: Registry) -> Iterator[Finding]:
    """Unknown or unfit fields and values, too many rules, fields asked too early, cases shadowed or overlapping.

    Nothing when the subject is not installed: there is no catalogue to check against then.
    """
    subject = components.find_subject(document.subject)
    if subject is None:
        return
    catalogue = subject.catalogue
    yield from _check_size(document)
    if document.trigger is not None and document.trigger.when is not None:
        yield from _condition(document.trigger.id, document.trigger.when, catalogue)[1]
    for node in document.nodes.values():
        if isinstance(node, Branch):
            yield from _check_branch(node, catalogue)
        elif isinstance(node, Switch):
            yield from _check_switch(node, catalogue)
        elif isinstance(node, Wait) and node.until_field is not None:
            yield from _check_field(node.id, node.until_field, FieldType.DATETIME, catalogue)
    yield from _check_availability(document, graph, components)


def _check_size(document: FlowDocument) -> Iterator[Finding]:
    conditions = [case.when for node in document.nodes.values() if isinstance(node, Branch) for case in node.cases]
    if document.trigger is not None and document.trigger.when is not None:
        conditions.append(document.trigger.when)
    leaves = sum(count_leaves(condition) for condition in conditions)
    if leaves > MAX_LEAVES:
        text = _("The flow has %(count)d rules; %(limit)d are allowed.") % {"count": leaves, "limit": MAX_LEAVES}
        yield Finding("LIMIT_EXCEEDED", "", text, _("Split the flow in two."))


def _condition(node: str, when: Condition, catalogue: Catalogue) -> tuple[Node | None, list[Finding]]:
    tree, problems = read_condition(when, catalogue)
    hint = _("Open the condition and correct the marked rule.")
    findings = [
        Finding(problem.code, node, f"{problem.where}: {problem.text}" if problem.where else problem.text, hint)
        for problem in problems
    ]
    return tree, findings


def _check_branch(node: Branch, catalogue: Catalogue) -> Iterator[Finding]:
    earlier: list[tuple[str, Region]] = []
    for case in node.cases:
        tree, findings = _condition(node.id, case.when, catalogue)
        yield from findings
        region = region_of(tree) if tree is not None else None
        if region is None:
            continue
        name = str(case.label) or case.port
        if covers([known for _name, known in earlier], region):
            text = _("The case %(case)s can never be reached.") % {"case": name}
            hint = _("An earlier case takes all of it, or its rules exclude each other; move, change or delete it.")
            yield Finding("CASE_SHADOWED", node.id, text, hint)
        else:
            for other, known in earlier:
                if overlap(known, region):
                    text = _("The cases %(first)s and %(second)s overlap; the first wins.")
                    hint = _("Make the ranges exclude each other if that is not meant.")
                    names = {"first": other, "second": name}
                    yield Finding("CASE_OVERLAP", node.id, text % names, hint, "warning")
        earlier.append((name, region))


def _check_switch(node: Switch, catalogue: Catalogue) -> Iterator[Finding]:
    yield from _check_field(node.id, node.field, FieldType.ENUM, catalogue)
    field = catalogue.get(node.field)
    if field is not None and field.choices:
        for value in node.ports:
            if value not in field.choices:
                text = _("%(value)s is not one of %(known)s.") % {"value": value, "known": ", ".join(field.choices)}
                yield Finding("TYPE_MISMATCH", node.id, text, _("Remove the value or choose another."))


def _check_field(node: str, path: str, wanted: FieldType, catalogue: Catalogue) -> Iterator[Finding]:
    field = catalogue.get(path)
    hint = _("Choose a field from the list.")
    if field is None:
        yield Finding("UNKNOWN_FIELD", node, _("There is no field %(path)s here.") % {"path": path}, hint)
    elif field.type is not wanted:
        text = _("%(field)s is of type %(found)s; a field of type %(wanted)s belongs here.")
        values = {"field": field.label, "found": field.type.value, "wanted": wanted.value}
        yield Finding("TYPE_MISMATCH", node, text % values, hint)


def _check_availability(document: FlowDocument, graph: FlowGraph, components: Registry) -> Iterator[Finding]:
    """A field that the trigger does not know yet may be asked only behind actions that write it on every way."""
    trigger = document.trigger
    spec = components.find_trigger(trigger.event) if trigger is not None else None
    order, circular = graph.order()
    if trigger is None or spec is None or not spec.lacks or circular:
        return
    asked: Mapping[str, frozenset[str]] = {node: _asked(document, node) for node in order}
    written: dict[str, frozenset[str]] = {}
    for node in order:
        before = written.get(node, frozenset())
        for path in sorted((asked[node] & spec.lacks) - before):
            text = _("%(path)s is not known yet when %(event)s happens.") % {"path": path, "event": spec.label}
            hint = _("Ask it behind a step that sets it, or choose a later trigger.")
            yield Finding("FIELD_NOT_AVAILABLE", node, text, hint)
        action = graph.specs.get(node)
        after = before | action.writes if action else before
        for follower in graph.followers[node]:
            written[follower] = written[follower] & after if follower in written else after


def _asked(document: FlowDocument, node_id: str) -> frozenset[str]:
    node = document.nodes.get(node_id)
    if document.trigger is not None and document.trigger.id == node_id:
        return fields_read(document.trigger.when)
    if isinstance(node, Branch):
        return frozenset().union(*(fields_read(case.when) for case in node.cases))
    path = node.field if isinstance(node, Switch) else node.until_field if isinstance(node, Wait) else None
    return frozenset({path}) if path is not None else frozenset()
