"""Flows in the admin: a new version from a document, choosing the one that runs, pausing."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from ordercenter.audit.models import Deed
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.models import Flow, FlowVersion
from ordercenter.workflow.services import install_flows
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
UPLOAD = "/admin/workflow/flow/upload/"


@pytest.fixture
def browser() -> Client:
    return client_of(person("boss", superuser=True))


@pytest.fixture
def flow() -> Flow:
    install_flows(documents=standard_flows())
    return Flow.objects.get(key="standard-order")


def changed(flow: Flow) -> dict[str, Any]:
    document = deepcopy(flow.active_version.document)
    document["name"] = {"zh": "改过的流程", "en": "Changed flow"}
    return document


def activate(browser: Client, flow: Flow, version: FlowVersion, reason: str) -> Any:
    url = reverse("admin:workflow_flow_activate", args=[flow.pk])
    return browser.post(url, {"version": version.pk, "reason": reason})


def test_a_pasted_document_becomes_a_version_that_does_not_run_yet(browser: Client, flow: Flow) -> None:
    answer = browser.post(UPLOAD, {"document": json.dumps(changed(flow))})

    version = flow.versions.get(number=2)
    assert answer["Location"] == reverse("admin:workflow_flow_activate", args=[flow.pk])
    assert (version.document["name"]["en"], version.created_by.username) == ("Changed flow", "boss")
    assert Flow.objects.get(pk=flow.pk).active_version == flow.active_version


def test_a_file_is_taken_as_well(browser: Client, flow: Flow) -> None:
    file = SimpleUploadedFile("flow.json", json.dumps(changed(flow)).encode())

    browser.post(UPLOAD, {"file": file})

    assert flow.versions.count() == 2


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"schema": "ordercenter.flow/1"}', '{"a": 1, "a": 2}'])
def test_what_is_no_flow_document_is_refused_in_words(browser: Client, flow: Flow, text: str) -> None:
    answer = browser.post(UPLOAD, {"document": text})

    assert answer.status_code == 200
    assert answer.context["form"].non_field_errors()
    assert FlowVersion.objects.count() == len(standard_flows())


def test_a_document_with_mistakes_names_each(browser: Client, flow: Flow) -> None:
    broken = changed(flow)
    broken["edges"] = broken["edges"][1:]

    answer = browser.post(UPLOAD, {"document": json.dumps(broken)})

    errors = answer.context["form"].non_field_errors()
    assert len(errors) >= 2
    assert flow.versions.count() == 1


def test_activating_takes_a_reason_and_is_on_record(browser: Client, flow: Flow) -> None:
    browser.post(UPLOAD, {"document": json.dumps(changed(flow))})
    second = flow.versions.get(number=2)

    activate(browser, flow, second, "")
    before = Flow.objects.get(pk=flow.pk).active_version
    activate(browser, flow, second, "new season")

    assert before == flow.active_version
    after = Flow.objects.get(pk=flow.pk)
    assert (after.active_version, after.name_en) == (second, "Changed flow")
    assert after.history.first().history_change_reason == "new season"
    assert Deed.objects.filter(action="flow.activate", reason="new season", user__username="boss").count() == 1


def test_a_version_of_another_flow_cannot_be_chosen(browser: Client, flow: Flow) -> None:
    other = FlowVersion.objects.exclude(flow=flow).first()

    answer = activate(browser, flow, other, "because")

    assert answer.status_code == 200
    assert Flow.objects.get(pk=flow.pk).active_version == flow.active_version


def test_pausing_and_resuming_are_steps(browser: Client, flow: Flow) -> None:
    url = reverse("admin:workflow_flow_steps", args=[flow.pk])

    browser.post(url, {"step": "pause", "reason": "wrong rule"})
    paused = Flow.objects.get(pk=flow.pk).is_paused
    browser.post(url, {"step": "resume", "reason": "mended"})

    assert (paused, Flow.objects.get(pk=flow.pk).is_paused) == (True, False)
    deeds = Deed.objects.filter(subject=f"flow:{flow.pk}", action__in=["flow.pause", "flow.resume"])
    assert list(deeds.order_by("pk").values_list("reason", flat=True)) == ["wrong rule", "mended"]


def test_operators_change_no_flows(flow: Flow) -> None:
    operator = client_of(person(role="operator"))

    assert operator.get(UPLOAD).status_code == 403
    assert activate(operator, flow, flow.active_version, "x").status_code == 403
