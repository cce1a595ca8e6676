"""Says everything that is wrong with a flow before it is published, each thing with its place and what to do.

Errors:   NO_TRIGGER UNREACHABLE PORT_UNWIRED UNKNOWN_PORT NO_ELSE CYCLE UNSTRUCTURED · UNKNOWN_SUBJECT UNKNOWN_EVENT
          UNKNOWN_NODE UNKNOWN_ACTION UNKNOWN_PARAM MISSING_PARAM SECRET_IN_PLAIN · UNKNOWN_FIELD TYPE_MISMATCH
          CONDITION_INVALID FIELD_NOT_AVAILABLE CASE_SHADOWED · LIMIT_EXCEEDED EVENT_LOOP_RISK TEST_FAILED
          DOCUMENT_INVALID
Warnings: CASE_OVERLAP ACTION_DEPRECATED UNKNOWN_ERROR
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from ordercenter.workflow.checks.actions import check_components
from ordercenter.workflow.checks.loops import check_loops
from ordercenter.workflow.checks.rules import check_rules
from ordercenter.workflow.checks.structure import check_structure
from ordercenter.workflow.components import Registry, registry
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.errors import DocumentInvalid, flow_code
from ordercenter.workflow.findings import Finding
from ordercenter.workflow.graph import FlowGraph
from ordercenter.workflow.nodes import FlowDocument, FlowTest
from ordercenter.workflow.plan import compile_plan
from ordercenter.workflow.rehearsal import rehearse

__all__ = ["Finding", "has_errors", "validate", "validate_json"]

# Test cases that ask relative times without naming context.now get the same answer on every day.
_TEST_INSTANT = datetime(2026, 1, 1, 4, tzinfo=UTC)


def validate(
    document: FlowDocument, components: Registry = registry, *, active: Iterable[FlowDocument] = ()
) -> list[Finding]:
    """All findings, in the active language; empty means ready to publish.

    active: the flows that run now, for the check against loops; one with the same key counts as replaced.
    The document's own test cases run only when nothing else is an error: a broken flow fails them anyway.
    """
    graph = FlowGraph(document, components)
    findings = [
        *check_structure(document, graph),
        *check_components(document, components),
        *check_rules(document, graph, components),
        *check_loops(document, components, active),
    ]
    if not has_errors(findings):
        findings.extend(_run_tests(document, components))
    return findings


def validate_json(
    data: Mapping[str, Any], components: Registry = registry, *, active: Iterable[FlowDocument] = ()
) -> list[Finding]:
    """Like validate, for JSON that may not even be a flow document: that becomes one finding, too."""
    try:
        document = parse_document(data)
    except DocumentInvalid as error:
        text = f"{error.path}: {error.reason}" if error.path else error.reason
        return [Finding(flow_code(error), "", text, _("Correct the document at this place."))]
    return validate(document, components, active=active)


def has_errors(findings: Sequence[Finding]) -> bool:
    """Whether any finding keeps the flow from being published."""
    return any(finding.severity == "error" for finding in findings)


def _run_tests(document: FlowDocument, components: Registry) -> Iterator[Finding]:
    plan = compile_plan(document, components) if document.tests else None
    catalogue = components.get_subject(document.subject).catalogue
    hint = _("Correct the flow, or the test case when the flow is meant to do this.")
    for test in document.tests:
        if plan is None:
            return
        try:
            result = rehearse(plan, catalogue, given=test.given, outcomes=test.outcomes, at=_TEST_INSTANT)
        except ValueError as error:
            text = _("Test “%(name)s” cannot run: %(error)s") % {"name": test.name, "error": error}
            yield Finding("TEST_FAILED", "", text, _("Correct the test case."))
            continue
        if (result.path, result.failed) != (test.path, test.failed):
            text = _("Test “%(name)s”: expected %(expected)s, found %(found)s.")
            values = {
                "name": test.name,
                "expected": _way(test.path, test.failed),
                "found": _way(result.path, result.failed),
            }
            yield Finding("TEST_FAILED", _first_difference(test, result.path), text % values, hint)


def _way(path: Sequence[str], failed: str) -> str:
    return " → ".join([*path, *([failed] if failed else [])]) or "-"


def _first_difference(test: FlowTest, found: Sequence[str]) -> str:
    """The last node that both ways share: where they part."""
    shared = ""
    for expected, actual in zip(test.path, found, strict=False):
        if expected != actual:
            break
        shared = actual
    return shared
