"""Every refusal is a problem document after RFC 9457, in the language of the reader, whatever made it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import Client

from ordercenter.common.problems import problem_types
from ordercenter.orders.api import views
from tests.ordercenter.api.company import Caller, Company


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/api/v1/problems/{code}")
    assert problem["title"]
    return problem


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nowhere", "/api/v2/orders", "/api/v1/orders/", "/api/v1/orders/x", "/api/v1"]
)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_where_nothing_lives_no_page_and_no_redirect_is_sent(db: None, path: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)

    assert_problem(answer, 404, "api.not_found")


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("orders", "put", "GET, HEAD"),
        ("orders", "delete", "GET, HEAD"),
        ("orders", "post", "GET, HEAD"),
        ("orders/bulk", "get", "POST"),
        ("stock", "patch", "GET, HEAD"),
        ("cases", "options", "GET, HEAD"),
    ],
)
def test_a_method_that_does_not_fit_is_named_with_those_that_do(
    company: Company, path: str, method: str, allowed: str
) -> None:
    caller = company.caller({company.shop: ["orders:read", "orders:write", "cases:read"]}, warehouses=[company.east])

    answer = getattr(caller.client, method)(
        f"/api/v1/{path}", **({} if method == "get" else {"content_type": "application/json"}), headers=caller.headers
    )

    assert_problem(answer, 405, "api.method_not_allowed")
    assert answer["Allow"] == allowed


def test_whatever_form_is_asked_for_json_is_sent(company: Company, caller: Caller) -> None:
    for accept in ("text/html", "application/xml", "application/problem+json", "nonsense", "*/*"):
        caller.headers["Accept"] = accept
        assert caller.get("orders")["Content-Type"] == "application/json"


def test_a_fault_of_ours_tells_nothing_but_is_logged(
    company: Company, caller: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: Any, **_named: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(views, "orders_matching", fail)

    answer = caller.get("orders")

    problem = assert_problem(answer, 500, "api.internal")
    assert "secret detail" not in str(problem)
    assert "RuntimeError: secret detail" in caplog.text


def test_a_database_that_does_not_answer_is_a_503(
    company: Company, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_named: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(views, "orders_matching", fail)

    assert "server closed" not in str(assert_problem(caller.get("orders"), 503, "api.unavailable"))


def test_a_session_without_its_csrf_token_changes_nothing(company: Company) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(get_user_model().objects.create_superuser("root"))

    answer = browser.post("/api/v1/orders/bulk", "{}", content_type="application/json")

    assert_problem(answer, 403, "api.forbidden")


def test_titles_are_in_the_language_of_the_reader(company: Company, caller: Caller) -> None:
    caller.headers["Accept-Language"] = "en"
    english = caller.post("orders/1/cancel", {})
    caller.headers["Accept-Language"] = "zh-CN"
    chinese = caller.post("orders/1/cancel", {})
    del caller.headers["Accept-Language"]
    default = caller.post("orders/1/cancel", {})

    assert english.json()["title"] == "The request has mistakes."
    assert english.json()["errors"][0]["detail"] == "This field is required."
    assert chinese.json()["errors"][0]["detail"] == default.json()["errors"][0]["detail"] == "该字段是必填项。"
    assert (english["Content-Language"], chinese["Content-Language"], default["Content-Language"]) == (
        "en",
        "zh-hans",
        "zh-hans",
    )
    assert english.json()["code"] == chinese.json()["code"] == "api.invalid"


def test_every_code_is_explained_where_its_type_leads(db: None) -> None:
    client = Client(headers={"Accept-Language": "en"})
    listed = client.get("/api/v1/problems/").json()

    assert {row["code"] for row in listed} >= {
        "api.invalid",
        "api.twin_running",
        "orders.unknown",
        "orders.already_shipped",
        "channels.payment_taken",
        "inventory.out_of_stock",
        "common.unreadable_body",
    }
    for row in listed:
        assert row["title"], row["code"]
        assert client.get(f"/api/v1/problems/{row['code']}").json() == row


def test_a_code_belongs_to_one_kind_of_refusal(db: None) -> None:
    assert len({kind["code"] for kind in problem_types()}) == len(problem_types())
    assert {kind["status"] for kind in problem_types()} <= {
        400,
        401,
        403,
        404,
        405,
        406,
        409,
        413,
        415,
        422,
        429,
        500,
        502,
        503,
    }


def test_a_code_that_never_was_is_not_found(db: None) -> None:
    assert_problem(Client().get("/api/v1/problems/no.such"), 404, "api.not_found")
