"""Requests that break a lenient reader: each is answered with a problem document, none with a 500 or an effect."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordercenter.orders.models import Order
from tests.ordercenter.api.company import Caller, Company, new_order

GOOD = json.dumps({"orders": [new_order()]})
REMARK = '"buyer_remark": '


def with_remark(value: str) -> bytes:
    """A bulk request whose first order has this raw JSON as its remark."""
    return GOOD.replace('"shop": ', f'{REMARK}{value}, "shop": ', 1).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(with_remark('"a\\u0000b"'), "nul", id="NUL"),
        pytest.param(with_remark('"a\\ud800b"'), "surrogate", id="lone surrogate"),
        pytest.param(with_remark("[" * 20_000 + "]" * 20_000), "too_deep", id="20,000 deep"),
        pytest.param(b"[" * 100_000, "too_deep", id="100,000 deep, never closed"),
        pytest.param(with_remark('{"a":' * 5_000 + "1" + "}" * 5_000), "too_deep", id="objects 5,000 deep"),
        pytest.param(
            GOOD.replace('"quantity": 2', '"quantity": 1, "quantity": 99').encode(), "duplicate_key", id="twice"
        ),
        pytest.param(GOOD.replace('"quantity": 2', '"quantity": NaN').encode(), "not_finite", id="NaN"),
        pytest.param(GOOD.replace('"quantity": 2', '"quantity": Infinity').encode(), "not_finite", id="Infinity"),
        pytest.param(GOOD.replace('"quantity": 2', '"quantity": 1e309').encode(), "not_finite", id="1e309"),
        pytest.param(
            GOOD.replace('"quantity": 2', f'"quantity": {"9" * 5000}').encode(), "number_too_long", id="digits"
        ),
        pytest.param(GOOD.replace('"quantity": 2', '"quantity": ２').encode(), "not_json", id="full-width digit"),
        pytest.param(GOOD.replace('"quantity": 2', '"quantity": 02').encode(), "not_json", id="leading zero"),
        pytest.param(GOOD.encode()[:-1], "not_json", id="cut off"),
        pytest.param(GOOD.encode() + b"{}", "not_json", id="two documents"),
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), "not_json", id="byte order mark"),
        pytest.param(GOOD.encode("utf-16"), "not_utf8", id="UTF-16"),
        pytest.param(with_remark('"王"').replace("王".encode(), b"\xcd\xf5"), "not_utf8", id="GBK"),
        pytest.param(b"\x00", "not_json", id="a zero byte"),
        pytest.param(b" ", "not_json", id="nothing"),
    ],
)
def test_a_body_that_is_not_plain_json_is_refused(company: Company, caller: Caller, body: bytes, reason: str) -> None:
    answer = caller.send("orders/bulk", body, key="k")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["data"]["reason"]) == ("common.unreadable_body", reason)
    assert not Order.objects.exists()


def test_a_body_that_is_too_large_is_refused_unread(company: Company, caller: Caller) -> None:
    answer = caller.send("orders/bulk", b" " * (2 * 1024 * 1024 + 1), key="k")

    assert (answer.status_code, answer.json()["code"]) == (413, "api.body_too_large")
    assert answer.json()["data"] == {"most_bytes": 2 * 1024 * 1024}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=gbk",
        "application/jsonp",
        "",
        "nonsense",
    ],
)
def test_a_body_that_does_not_say_that_it_is_json_is_refused(
    company: Company, caller: Caller, content_type: str
) -> None:
    answer = caller.send("orders/bulk", GOOD.encode(), key="k", content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "api.media_type")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=utf8"]
)
def test_json_in_utf_8_is_taken_however_it_is_spelt(company: Company, caller: Caller, content_type: str) -> None:
    assert caller.send("orders/bulk", GOOD.encode(), key="k", content_type=content_type).json()["created"] == 1


def test_no_body_at_all_lacks_its_orders(company: Company, caller: Caller) -> None:
    answer = caller.send("orders/bulk", b"", key="k")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "orders")


@pytest.mark.parametrize(
    "query", ["channel_order_no=%00", "channel_order_no=a%00b", "%00=1", "cursor=%00", "limit=%00", "a\x00"]
)
def test_nul_in_the_query_of_the_api_is_refused(company: Company, caller: Caller, query: str) -> None:
    answer = caller.client.get("/api/v1/orders", QUERY_STRING=query, headers=caller.headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "api.nul_character")
    assert (answer["Content-Type"], answer.json()["data"]) == ("application/problem+json", {"part": "query"})


@pytest.mark.parametrize(
    "query",
    [
        "channel_order_no=%FF%FE",
        "channel_order_no=%ED%A0%80",
        "limit=1&limit=2",
        "state=%2500",
        "placed_from=%00%",
        "shop_id=1",
        "limit=-1",
        "limit=99999999999999999999",
        "=",
        "&&&",
        "cursor=" + "A" * 5000,
    ],
)
def test_a_strange_query_is_answered_properly(company: Company, caller: Caller, query: str) -> None:
    answer = caller.client.get("/api/v1/orders", QUERY_STRING=query, headers=caller.headers)

    assert answer.status_code in (200, 400)
    assert "results" in answer.json() or "code" in answer.json()


def test_ids_beyond_every_column_find_nothing(company: Company, caller: Caller) -> None:
    for number in (0, 2**31, 2**63, 10**30):
        assert caller.get(f"orders/{number}").status_code == 404
        assert caller.get(f"cases/{number}").status_code == 404
    assert caller.get("orders/１２").json()["code"] == "api.not_found"
    assert caller.get("cases", shop_id=str(10**18 - 1)).json()["results"] == []


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/admin/orders/order/", "/login/", "/console/", "/livez", "/nowhere"]
)
def test_nul_in_the_query_of_any_page_is_refused_in_plain_words(db: None, path: str) -> None:
    answer = Client().get(path, QUERY_STRING="q=%00", headers={"Accept-Language": "en"})

    assert answer.status_code == 400
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content == b"The address holds a character that cannot be stored.\n"


@pytest.mark.parametrize("path", ["/admin/%00/", "/api/v1/problems/a%00b", "/console/%00"])
def test_nul_in_the_path_is_refused(db: None, path: str) -> None:
    assert Client().get(path).status_code == 400


def test_nul_in_a_cookie_is_refused(db: None) -> None:
    # In a quoted cookie \000 stands for NUL, and the session table is asked for what the cookie says.
    for cookie in ('sessionid="\\000\\000\\000\\000\\000\\000\\000\\000"', 'sessionid="abcdefgh\\000"'):
        assert Client().get("/admin/", HTTP_COOKIE=cookie).status_code == 400


def test_a_cookie_with_a_plain_backslash_zero_is_none_of_our_business(db: None) -> None:
    assert Client().get("/livez", HTTP_COOKIE="theme=a\\0b").status_code == 200


def test_an_unknown_host_is_refused_with_a_problem(db: None) -> None:
    answer = Client().get("/api/v1/orders", HTTP_HOST="evil.example")

    assert (answer.status_code, answer.json()["code"]) == (400, "api.bad_request")


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(sorted(new_order())),
    value=values,
    inner=st.sampled_from(["", "receiver", "lines", "payment"]),
)
def test_whatever_stands_in_a_field_the_row_is_answered(
    company: Company, caller: Caller, field: str, value: Any, inner: str
) -> None:
    row: Any = new_order()
    place = {"": row, "receiver": row["receiver"], "lines": row["lines"][0], "payment": row["payment"]}[inner]
    name = field if not inner else sorted(place)[len(field) % len(place)]
    place[name] = value

    body = json.dumps({"orders": [row]}).encode("utf-8", "surrogatepass")
    answer = caller.send("orders/bulk", body, key=str(uuid4()))

    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert [result["status"] for result in answer.json()["results"]] in (["created"], ["exists"], ["refused"])
