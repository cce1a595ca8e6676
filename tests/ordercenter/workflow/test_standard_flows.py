"""The flows that a new installation starts with are sound documents with names in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ordercenter.orders
from ordercenter.workflow.components import Registry
from ordercenter.workflow.documents import export_document, parse_document
from ordercenter.workflow.fields import Catalogue
from ordercenter.workflow.nodes import ANY_ERROR, OUT, Action, FlowDocument, Wait
from ordercenter.workflow.params import ParamSpec, ParamType
from ordercenter.workflow.validator import validate
from tests.ordercenter.workflow.building import go_on, load_nothing

_TYPES = {int: ParamType.NUMBER, str: ParamType.TEXT, bool: ParamType.BOOL}
FLOWS = Path(ordercenter.orders.__file__).parent / "flows"
NAMES = ["standard-finished", "standard-order", "standard-rejected", "standard-shipped", "standard-takeover"]


def read(name: str) -> FlowDocument:
    return parse_document(json.loads((FLOWS / f"{name}.json").read_text(encoding="utf-8")))


def stand_ins(document: FlowDocument) -> Registry:
    """Components that have just the contract which the document takes for granted."""
    made = Registry()
    made.register_subject(document.subject, Catalogue([]), load_nothing)
    assert document.trigger is not None
    made.register_trigger(document.trigger.event, subject=document.subject, label="trigger")
    for node in document.nodes.values():
        if isinstance(node, Wait) and node.event is not None:
            made.register_trigger(node.event, subject=document.subject, label="waited for")
        if isinstance(node, Action):
            ports = {edge.port for edge in document.edges if edge.source == node.id} - {OUT}
            made.action(
                use=node.use,
                v=node.v,
                subject=document.subject,
                label=node.use,
                ports=sorted(ports),
                errors=sorted(set(node.on_error) - {ANY_ERROR}),
                params={name: ParamSpec(_TYPES[type(value)], name) for name, value in node.params.items()},
            )(go_on)
    return made


def test_the_folder_holds_the_standard_flows():
    assert sorted(path.stem for path in FLOWS.glob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_standard_flow_is_well_formed_and_passes_its_own_tests(name):
    document = read(name)

    assert document.key == name
    assert document.tests
    assert validate(document, stand_ins(document)) == []
    assert parse_document(json.loads(export_document(document))) == document


@pytest.mark.parametrize("name", NAMES)
def test_a_standard_flow_has_names_in_chinese_and_english(name):
    document = read(name)

    for text in (document.name, *(node.name for node in document.nodes.values())):
        assert text.zh
        assert text.en
