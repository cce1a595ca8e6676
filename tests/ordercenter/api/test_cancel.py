"""Cancelling through the API: possible until the goods have left, once or twice, always with a reason on record."""

from __future__ import annotations

from typing import Any

import pytest

from ordercenter.audit.models import Deed
from ordercenter.events.models import EventRow
from ordercenter.orders.models import Order, OrderLine
from tests.ordercenter.api.company import READ, Caller, Company


def cancel(caller: Caller, order: Order, reason: Any = "buyer called") -> Any:
    return caller.post(f"orders/{order.pk}/cancel", {"reason": reason})


def test_an_order_is_cancelled_with_its_lines_and_the_reason_is_on_record(company: Company) -> None:
    key, secret = company.key(name="till 7")
    [order] = company.orders(1)

    answer = cancel(Caller(secret), order)

    assert answer.status_code == 200
    assert answer.json() == {
        "id": order.pk,
        "shop_id": company.shop.pk,
        "shop": "pos-1",
        "channel_order_no": "NO-00001",
        "state": "cancelled",
        "cancel_reason": "buyer called",
    }
    assert list(OrderLine.objects.order_by("line_no").values_list("ordered", "cancelled", "unplanned")) == [
        (1, 1, 0),
        (2, 2, 0),
    ]
    deed = Deed.objects.get(action="order.cancel")
    assert (deed.actor, deed.subject, deed.reason) == (
        f"integration:till 7 ({key.prefix})",
        f"order:{order.pk}",
        "buyer called",
    )


def test_cancelling_once_more_changes_nothing(company: Company, caller: Caller) -> None:
    [order] = company.orders(1)
    cancel(caller, order)
    told = EventRow.objects.filter(name="orders.order.cancelled").count()

    answer = cancel(caller, order, "again")

    assert (answer.status_code, answer.json()["cancel_reason"]) == (200, "buyer called")
    assert EventRow.objects.filter(name="orders.order.cancelled").count() == told == 1


def test_goods_that_have_left_are_not_cancelled(company: Company, caller: Caller) -> None:
    [order] = company.orders(1)
    Order.objects.filter(pk=order.pk).update(state="shipped")

    answer = cancel(caller, order)

    assert answer.status_code == 409
    assert answer.json() == {
        "type": "/api/v1/problems/orders.already_shipped",
        "title": "The order has already been shipped.",
        "status": 409,
        "detail": f"order {order.pk} is shipped: too late to cancel",
        "code": "orders.already_shipped",
        "hint": "Open an after-sale case instead of cancelling.",
        "data": {"order_id": order.pk, "state": "shipped"},
    }
    assert not Deed.objects.filter(action="order.cancel").exists()


def test_a_step_that_the_machine_does_not_know_is_refused(company: Company, caller: Caller) -> None:
    [order] = company.orders(1)
    Order.objects.filter(pk=order.pk).update(state="archived")

    answer = cancel(caller, order)

    assert (answer.status_code, answer.json()["code"]) == (409, "common.transition_refused")
    assert Order.objects.get().state == "archived"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "reason", "required"),
        ({"reason": ""}, "reason", "blank"),
        ({"reason": "   "}, "reason", "blank"),
        ({"reason": "x" * 201}, "reason", "max_length"),
        ({"reason": 1}, "reason", "invalid"),
        ({"reason": "x", "state": "shipped"}, "state", "unknown"),
        ([], "", "invalid"),
    ],
)
def test_without_a_reason_nothing_is_cancelled(
    company: Company, caller: Caller, body: Any, field: str, code: str
) -> None:
    [order] = company.orders(1)

    answer = caller.post(f"orders/{order.pk}/cancel", body)

    assert answer.status_code == 400
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]
    assert Order.objects.get().state == "preprocessing"


def test_a_key_that_may_only_read_cancels_nothing(company: Company) -> None:
    [order] = company.orders(1)

    answer = cancel(company.caller({company.shop: [READ]}), order)

    assert (answer.status_code, answer.json()["code"]) == (403, "api.forbidden")
    assert Order.objects.get().state == "preprocessing"


@pytest.mark.parametrize("order_id", ["0", "999999999", "9" * 40])
def test_an_order_that_does_not_exist_cannot_be_cancelled(company: Company, caller: Caller, order_id: str) -> None:
    answer = caller.post(f"orders/{order_id}/cancel", {"reason": "x"})

    assert (answer.status_code, answer.json()["code"]) == (404, "orders.unknown")
