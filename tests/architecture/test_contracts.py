"""What is registered fits together, and what others rely on says what it promises."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import signals

from ordercenter.cases.codes import CODES
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.fsm import StateModel
from ordercenter.events import registry as post_office
from ordercenter.events.codec import event_classes
from ordercenter.events.types import Event
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.components import registry
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.nodes import Action
from ordercenter.workflow.validator import validate
from tests.architecture.source import PACKAGES, ROOT, modules

FLOWS = {document["key"]: document for document in standard_flows()}


def service_modules() -> list[str]:
    return [m.name for m in modules() if "services" in m.name.split(".") and not m.name.split(".")[-1].startswith("_")]


def all_errors(base: type[OrderCenterError] = OrderCenterError) -> list[type[OrderCenterError]]:
    return [cls for child in base.__subclasses__() for cls in (child, *all_errors(child))]


def test_the_installed_components_fit_each_other() -> None:
    assert registry.problems() == []


@pytest.mark.parametrize("key", sorted(FLOWS))
def test_a_standard_flow_is_ready_to_publish_with_the_components_that_are_installed(key: str) -> None:
    others = [parse_document(document) for other, document in FLOWS.items() if other != key]

    assert validate(parse_document(FLOWS[key]), active=others) == []


def test_every_step_of_the_standard_flows_is_installed_with_the_errors_that_the_flow_routes() -> None:
    for document in map(parse_document, FLOWS.values()):
        for node in document.nodes.values():
            if isinstance(node, Action):
                spec = registry.get_action(node.use, node.v)
                assert set(node.on_error) <= set(spec.errors), f"{document.key}: {node.id}"


def test_every_event_has_a_name_of_its_own_with_a_dot_and_a_subject() -> None:
    def subclasses(cls: type[Event]) -> list[type[Event]]:
        return [found for child in cls.__subclasses__() for found in (child, *subclasses(child))]

    named = [cls for cls in subclasses(Event) if cls.name and cls.__module__ == "ordercenter.events.types"]

    assert [name for name, count in Counter(cls.name for cls in named).items() if count > 1] == []
    assert [cls.name for cls in named if cls.name.count(".") != 2 or not cls.subject_kind] == []
    assert set(event_classes()) >= {cls.name for cls in named}


def test_every_trigger_that_flows_may_use_is_an_event_that_is_marked_as_one() -> None:
    assert [t.event for t in registry.triggers() if not event_classes()[t.event].is_trigger] == []


def test_handlers_readers_and_senders_are_kept_under_their_own_names() -> None:
    assert {name: handler.name for name, handler in post_office.handlers().items()} == {
        name: name for name in post_office.handlers()
    }
    assert [kind for kind, reader in post_office.readers().items() if reader.kind != kind] == []
    assert [kind for kind, sender in post_office.senders().items() if sender.kind != kind] == []
    assert {"workflow.flows", "fulfillment.stop", "fulfillment.supply", "cases.message_parked"} <= set(
        post_office.handlers()
    )


def test_a_second_handler_reader_or_sender_of_a_name_is_refused() -> None:
    name, kind = next(iter(post_office.handlers())), next(iter(post_office.readers()))
    sender = next(iter(post_office.senders().values()))

    with pytest.raises(ValueError, match="two handlers"):
        post_office.on(name=name)(lambda events: None)
    with pytest.raises(ValueError, match="two readers"):
        post_office.reads(kind)(lambda messages: {})
    with pytest.raises(ValueError, match="two senders"):
        post_office.register_sender(sender)


def test_every_public_verb_says_what_it_promises() -> None:
    silent = []
    for name in service_modules():
        module = importlib.import_module(name)
        for word, thing in vars(module).items():
            own = getattr(thing, "__module__", None) == name and (inspect.isfunction(thing) or inspect.isclass(thing))
            if own and not word.startswith("_") and not inspect.getdoc(thing):
                silent.append(f"{name}.{word}")

    assert silent == []


def test_what_a_services_package_lists_is_there_and_nothing_is_listed_twice() -> None:
    packages = [m.name for m in modules() if m.path.endswith("services/__init__.py")]

    assert {"fulfillment.services", "ordercenter.orders.services"} <= set(packages)
    for name in packages:
        module = importlib.import_module(name)
        assert [word for word in module.__all__ if not hasattr(module, word)] == []
        assert sorted(set(module.__all__)) == sorted(module.__all__)


def test_every_refusal_has_a_code_of_its_own_and_words_for_people() -> None:
    ours = [cls for cls in all_errors() if cls.__module__.split(".")[0] in PACKAGES]
    codes = Counter(vars(cls)["code"] for cls in ours if "code" in vars(cls))

    assert [code for code, count in codes.items() if count > 1] == []
    assert [cls.__name__ for cls in ours if "." not in cls.code or not str(cls.title)] == []


def test_no_model_signal_calls_code_of_ours() -> None:
    watched = (signals.pre_save, signals.post_save, signals.pre_delete, signals.post_delete, signals.m2m_changed)
    receivers = []
    for signal in watched:
        for model in apps.get_models():
            live = signal._live_receivers(model)
            for receiver in (*live[0], *live[1]) if isinstance(live, tuple) else live:
                receivers.append(getattr(receiver, "__module__", ""))

    assert receivers, "simple_history listens, so an empty list would mean that this test looks at nothing"
    assert [name for name in receivers if name.split(".")[0] in PACKAGES] == []


def test_every_state_is_a_protected_column_whose_moves_stay_among_its_choices() -> None:
    machines = [model for model in apps.get_models() if issubclass(model, StateModel)]

    assert {"Order", "Shipment", "Case", "Reservation"} <= {model.__name__ for model in machines}
    for model in machines:
        field = model._meta.get_field("state")
        legal = {value for value, _label in field.choices}
        assert field.protected, model.__name__
        for move in field.get_all_transitions(model):
            assert {str(move.source), str(move.target)} <= legal, f"{model.__name__}.{move.name}"


def test_every_code_that_a_stopped_step_or_a_service_raises_is_in_the_catalogue_of_cases() -> None:
    raised = set()
    # The validator of flows has findings of its own, which are no cases.
    for module in (m for m in modules() if not m.name.startswith("ordercenter.workflow")):
        for call in module.calls():
            name = getattr(call.func, "id", "")
            code = call.args[0] if name == "Finding" and call.args else None
            for keyword in call.keywords if name == "CaseDraft" else ():
                code = keyword.value if keyword.arg == "code" else code
            if isinstance(code, ast.Constant):
                raised.add(code.value)
    for document in map(parse_document, FLOWS.values()):
        for node in document.nodes.values():
            if isinstance(node, Action):
                routes = [str(route) for route in node.on_error.values()]
                raised |= {route.partition(":")[2] for route in routes if route.startswith("exception:")}

    assert len(raised) > 15
    # NEEDS_PERSON only routes: the findings themselves name the cases.
    assert raised - set(CODES) - {"NEEDS_PERSON"} == set()


def test_imports_point_down_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout[-2000:]
    assert "0 broken" in result.stdout
