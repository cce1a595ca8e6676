"""The documentation: a valid OpenAPI document of all calls, in two languages, on a page that loads nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema

from ordercenter.common.problems import CONTENT_TYPE

CALLS = {
    "/api/v1/cases": {"get"},
    "/api/v1/cases/{case_id}": {"get"},
    "/api/v1/courier-bills": {"get"},
    "/api/v1/courier-bills/files": {"post"},
    "/api/v1/courier-bills/files/{upload_id}": {"get"},
    "/api/v1/courier-bills/{bill_id}": {"get"},
    "/api/v1/courier-bills/{bill_id}/lines": {"get"},
    "/api/v1/courier-bills/{bill_id}/sign-off": {"post"},
    "/api/v1/courier-bills/{bill_id}/take-back": {"post"},
    "/api/v1/counters/batches": {"post"},
    "/api/v1/listings/bind": {"post"},
    "/api/v1/listings/suggestions": {"get"},
    "/api/v1/listings/unbind": {"post"},
    "/api/v1/listings/unmatched": {"get"},
    "/api/v1/order-files": {"post"},
    "/api/v1/order-files/{file_id}": {"get"},
    "/api/v1/order-files/{file_id}/import": {"post"},
    "/api/v1/order-files/{file_id}/orders": {"get"},
    "/api/v1/orders": {"get"},
    "/api/v1/orders/bulk": {"post"},
    "/api/v1/orders/merge": {"post"},
    "/api/v1/orders/{order_id}": {"get"},
    "/api/v1/orders/{order_id}/routing": {"get"},
    "/api/v1/orders/{order_id}/takeover": {"post"},
    "/api/v1/orders/{order_id}/takeover/preview": {"get"},
    "/api/v1/orders/{order_id}/cancel": {"post"},
    "/api/v1/orders/{order_id}/excess": {"post"},
    "/api/v1/orders/{order_id}/payments": {"post"},
    "/api/v1/orders/{order_id}/shipments": {"get"},
    "/api/v1/orders/{order_id}/split": {"post"},
    "/api/v1/orders/{order_id}/unmerge": {"post"},
    "/api/v1/problems/": {"get"},
    "/api/v1/problems/{code}": {"get"},
    "/api/v1/stock": {"get"},
    "/api/v1/stock/holds": {"post"},
    "/api/v1/stock/holds/release": {"post"},
}


@pytest.fixture
def document(db: None) -> Any:
    return Client().get("/api/v1/schema/", {"lang": "en"}).json()


def test_the_document_is_valid_and_names_every_call(document: Any) -> None:
    validate_schema(document)

    assert {path: set(calls) for path, calls in document["paths"].items()} == CALLS
    assert document["openapi"] == "3.1.0"


def test_the_document_is_made_without_a_warning(db: None, tmp_path: Any) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yml"))

    assert (tmp_path / "schema.yml").stat().st_size > 10_000


def test_every_call_says_how_it_refuses(document: Any) -> None:
    for path, calls in document["paths"].items():
        for call in calls.values():
            for status, answer in call["responses"].items():
                if int(status) >= 400:
                    reference = answer["content"][CONTENT_TYPE]["schema"]["$ref"]
                    assert reference == "#/components/schemas/ProblemOut", (path, status)
            assert {"400", "500"} <= call["responses"].keys()


def test_writing_calls_need_a_key_and_bulk_its_idempotency_key(document: Any) -> None:
    bulk = document["paths"]["/api/v1/orders/bulk"]["post"]

    assert {"apiKey": []} in bulk["security"]
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    assert [(p["name"], p["in"], p["required"]) for p in bulk["parameters"]] == [("Idempotency-Key", "header", True)]
    orders = document["components"]["schemas"]["BulkInRequest"]["properties"]["orders"]
    assert (orders["minItems"], orders["maxItems"]) == (1, 500)


def test_amounts_are_described_as_they_are_taken(document: Any) -> None:
    amount = document["components"]["schemas"]["OrderInRequest"]["properties"]["total_amount"]

    assert (amount["type"], amount["pattern"]) == ("string", r"^(0|[1-9][0-9]{0,11})\.[0-9]{2}$")


def test_the_document_comes_in_the_language_asked_for(db: None) -> None:
    client = Client(headers={"Accept-Language": "en"})

    assert client.get("/api/v1/schema/").json()["info"]["title"] == "Order Center API"
    assert client.get("/api/v1/schema/")["Content-Language"] == "en"
    for language in ("zh-hans", "xx", "", "../../etc"):
        assert client.get("/api/v1/schema/", {"lang": language}).status_code == 200


def test_the_page_loads_only_files_of_this_site(db: None) -> None:
    client = Client(headers={"Accept-Language": "en"})
    page = client.get("/api/v1/docs/")
    script = client.get("/api/v1/docs/?script=")

    assert page.status_code == script.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert len(links) == 7
    assert all(link.startswith("/") and not link.startswith("//") for link in links)
    for link in links:
        if link.startswith("/static/"):
            assert finders.find(link.removeprefix("/static/")), link
    assert "<style" not in page.content.decode()
    assert re.findall(r"https?://[^\s\"']+", script.content.decode()) == []
    assert 'validatorUrl": null' in script.content.decode()


def test_the_page_keeps_the_strict_policy(db: None) -> None:
    policy = Client().get("/api/v1/docs/")["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
