"""Reading orders: what is shown, which are listed, how many statements it takes."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from ordercenter.catalog.models import ShopAccess
from ordercenter.orders.models import Hold, Order, OrderLine
from tests.ordercenter.api.company import READ, Caller, Company


def numbers(answer: Any) -> list[str]:
    return [row["channel_order_no"] for row in answer.json()["results"]]


def test_an_order_is_shown_whole_with_its_receiver_masked(company: Company, caller: Caller) -> None:
    [order] = company.orders(1)
    line = OrderLine.objects.get(order=order, line_no=1)
    OrderLine.objects.filter(pk=line.pk).update(sku=company.sku)

    answer = caller.get(f"orders/{order.pk}")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    second = {
        "refund_status": "none",
        "cancelled": 0,
        "backordered": 0,
        "promised_on": None,
        "reserved": 0,
        "released": 0,
        "shipped": 0,
        "delivered": 0,
        "returned": 0,
        "is_gift": False,
        "bundle": None,
    }
    assert answer.json() == {
        "id": order.pk,
        "shop_id": company.shop.pk,
        "shop": "pos-1",
        "channel_order_no": "NO-00001",
        "state": "preprocessing",
        "channel_status": "paid",
        "grade": "normal",
        "on_hold": False,
        "holds": [],
        "currency": "CNY",
        "goods_amount": "50.00",
        "discount_amount": "0.00",
        "freight_amount": "5.00",
        "total_amount": "55.00",
        "paid_amount": "55.00",
        "refunded_amount": "0.00",
        "placed_at": "2026-11-11T05:00:00Z",
        "paid_at": "2026-11-11T05:01:00Z",
        "ship_by": "2026-11-13T05:01:00Z",
        "balance_due_at": None,
        "received_at": "2026-11-11T04:00:00Z",
        "changed_at": "2026-11-11T05:01:00Z",
        "cancel_reason": "",
        "receiver": {
            "name": "王**",
            "phone": "*******1234",
            "province": "浙江省",
            "city": "杭州市",
            "district": "西湖区",
            "town": "",
            "address": "文三***",
        },
        "lines": [
            second
            | {
                "line_no": 1,
                "channel_line_no": "1-1",
                "sku": "SKU-1",
                "outer_sku": "SKU-1",
                "title": "杯子",
                "unit_price": "30.00",
                "paid_share": "30.00",
                "ordered": 1,
                "unplanned": 1,
            },
            second
            | {
                "line_no": 2,
                "channel_line_no": "1-2",
                "sku": None,
                "outer_sku": "SKU-2",
                "title": "盘子",
                "unit_price": "10.00",
                "paid_share": "20.00",
                "ordered": 2,
                "unplanned": 2,
            },
        ],
    }


def test_nothing_of_a_receiver_in_clear_leaves_through_the_list(company: Company, caller: Caller) -> None:
    company.orders(2)

    text = caller.get("orders").content.decode()

    for clear in ("王小明", "13800001234", "文三路90号"):
        assert clear not in text


def test_pages_follow_each_other_newest_first_without_gaps(company: Company, caller: Caller) -> None:
    company.orders(7)

    first = caller.get("orders", limit="3")
    company.orders(1, first=8)
    second = caller.get("orders", limit="3", cursor=first.json()["next_cursor"])
    third = caller.client.get(second.json()["next"], headers=caller.headers)

    assert numbers(first) == ["NO-00007", "NO-00006", "NO-00005"]
    assert numbers(second) == ["NO-00004", "NO-00003", "NO-00002"]
    assert numbers(third) == ["NO-00001"]
    assert (third.json()["next"], third.json()["next_cursor"]) == (None, "")


def test_the_next_address_keeps_the_filters(company: Company, caller: Caller) -> None:
    company.orders(3)

    answer = caller.get("orders", limit="1", state=["preprocessing", "approved"], shop="pos-1")

    cursor = answer.json()["next_cursor"]
    assert answer.json()["next"] == (
        f"/api/v1/orders?limit=1&state=preprocessing&state=approved&shop=pos-1&cursor={cursor}"
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"state": "pending_payment"}, ["NO-00009"]),
        ({"state": ["pending_payment", "approved"]}, ["NO-00009"]),
        ({"state": "completed"}, []),
        ({"grade": "rush"}, ["NO-00002"]),
        ({"on_hold": "true"}, ["NO-00003"]),
        ({"on_hold": "false"}, ["NO-00009", "NO-00002", "NO-00001"]),
        ({"channel_order_no": "NO-00002"}, ["NO-00002"]),
        ({"channel_order_no": "NO-0000"}, []),
        ({"shop": "pos-1", "grade": ["rush", "vip"]}, ["NO-00002"]),
        ({"shop": "pos-2"}, []),
        ({"placed_from": "2026-11-11T06:00:00Z", "placed_before": "2026-11-11T07:00:00Z"}, ["NO-00002"]),
        ({"placed_before": "2026-11-11T14:00:00+08:00"}, ["NO-00001"]),
        ({"paid_from": "2026-11-11T06:01:00Z"}, ["NO-00003", "NO-00002"]),
        ({"paid_before": "2026-11-11T06:01:00Z"}, ["NO-00001"]),
        ({"changed_from": "2026-11-11T07:01:00Z"}, ["NO-00009", "NO-00003"]),
        ({"changed_before": "2026-11-11T05:01:00.000001Z"}, ["NO-00001"]),
    ],
)
def test_filters_let_through_exactly_what_they_say(
    company: Company, caller: Caller, query: dict[str, Any], expected: list[str]
) -> None:
    company.orders(3)
    company.orders(1, first=9, paid=False)
    company.orders(1, first=20, shop=company.other)
    Order.objects.filter(channel_order_no="NO-00002").update(grade="rush")
    held = Order.objects.get(channel_order_no="NO-00003")
    Order.objects.filter(pk=held.pk).update(is_on_hold=True)

    answer = caller.get("orders", **query)

    assert answer.status_code == 200
    assert numbers(answer) == expected


def test_open_holds_are_named_and_released_ones_are_not(company: Company, caller: Caller) -> None:
    [order] = company.orders(1)
    Hold.objects.create(order=order, code="BLACKLIST", opened_at=timezone.now())
    Hold.objects.create(order=order, code="OUT_OF_STOCK", opened_at=timezone.now(), released_at=timezone.now())

    assert caller.get(f"orders/{order.pk}").json()["holds"] == ["BLACKLIST"]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"stat": "approved"}, "stat", "unknown"),
        ({"state": "nowhere"}, "state.0", "invalid_choice"),
        ({"limit": "0"}, "limit", "min_value"),
        ({"limit": "201"}, "limit", "max_value"),
        ({"limit": "１２"}, "limit", "invalid"),
        ({"limit": "1e3"}, "limit", "invalid"),
        ({"limit": ["1", "2"]}, "limit", "repeated"),
        ({"on_hold": "1"}, "on_hold", "invalid"),
        ({"placed_from": "2026-11-11"}, "placed_from", "instant"),
        ({"placed_from": "2026-11-11T12:00:00"}, "placed_from", "instant"),
        ({"placed_from": "2026-02-30T12:00:00Z"}, "placed_from", "instant"),
        ({"placed_from": "0001-01-01T00:00:00+14:00"}, "placed_from", "instant"),
        ({"placed_from": "1999-12-31T23:59:59Z"}, "placed_from", "range"),
        ({"channel_order_no": "x" * 65}, "channel_order_no", "max_length"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(
    company: Company, caller: Caller, query: dict[str, Any], field: str, code: str
) -> None:
    answer = caller.get("orders", **query)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "api.invalid"
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]


@pytest.mark.parametrize("cursor", ["x", "1", "YWZ0ZXI6YWJj", "cD0lMDA", "YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OQ", "../.."])
def test_a_cursor_that_this_list_did_not_give_out_is_refused(company: Company, caller: Caller, cursor: str) -> None:
    answer = caller.get("orders", cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (400, "api.cursor_invalid")


def test_list_and_detail_take_the_same_statements_however_many_orders(
    company: Company, caller: Caller, django_assert_num_queries: Any
) -> None:
    orders = company.orders(3)
    caller.get("orders")  # notes the key's use

    # The key, its pace, the orders with shop and receiver, their lines, their holds.
    with django_assert_num_queries(5):
        caller.get("orders")
    company.orders(40, first=100)
    with django_assert_num_queries(5):
        assert len(caller.get("orders", limit="200").json()["results"]) == 43
    with django_assert_num_queries(5):
        caller.get(f"orders/{orders[0].pk}")


def test_a_logged_in_person_reads_the_orders_of_their_shops(company: Company) -> None:
    company.orders(1)
    company.orders(1, first=2, shop=company.other)
    person = get_user_model().objects.create_user("mei")
    person.user_permissions.add(Permission.objects.get(codename="view_order"))
    ShopAccess.objects.create(user=person, shop=company.other)
    browser = Client()
    browser.force_login(person)

    assert numbers(browser.get("/api/v1/orders")) == ["NO-00002"]


def test_a_logged_in_person_without_the_permission_reads_nothing(company: Company) -> None:
    person = get_user_model().objects.create_user("mei")
    ShopAccess.objects.create(user=person, shop=company.shop)
    browser = Client()
    browser.force_login(person)

    answer = browser.get("/api/v1/orders")

    assert (answer.status_code, answer.json()["code"]) == (403, "api.forbidden")


def test_a_logged_in_person_changes_nothing_through_the_api(company: Company) -> None:
    [order] = company.orders(1)
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("root"))

    answer = browser.post(f"/api/v1/orders/{order.pk}/cancel", {"reason": "x"}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (403, "api.key_needed")
    assert Order.objects.get().state == "preprocessing"


def test_a_key_that_may_only_write_does_not_read(company: Company) -> None:
    company.orders(1)

    answer = company.caller({company.shop: ["orders:write"]}).get("orders")

    assert (answer.status_code, answer.json()["code"]) == (403, "api.forbidden")


def test_a_key_reads_each_shop_by_the_scopes_it_has_there(company: Company) -> None:
    company.orders(1)
    company.orders(1, first=2, shop=company.other)

    answer = company.caller({company.shop: [READ], company.other: ["orders:write"]}).get("orders")

    assert numbers(answer) == ["NO-00001"]
