"""Payments through the API: an order handed over unpaid or paid in part goes on when nothing is outstanding."""

from __future__ import annotations

from typing import Any

import pytest

from finance.models import PaymentEntry
from ordercenter.orders.models import Order
from tests.ordercenter.api.company import READ, Company, new_order

pytestmark = pytest.mark.django_db
PAYMENT = {
    "provider": "transfer",
    "external_no": "BANK-1",
    "amount": "40.80",
    "paid_at": "2026-11-11T12:10:00+08:00",
}


@pytest.fixture
def company() -> Company:
    return Company()


def unpaid(company: Company, **changes: Any) -> Order:
    row = new_order(status="created", paid_at=None, payment=None) | changes
    company.caller().post("orders/bulk", {"orders": [row]}, key="k-1")
    return Order.objects.get()


def test_an_unpaid_order_is_paid_and_the_same_call_again_changes_nothing(company: Company) -> None:
    order = unpaid(company)

    answers = [company.caller().post(f"orders/{order.pk}/payments", PAYMENT) for _ in range(2)]

    assert [(a.status_code, a.json()) for a in answers] == [
        (200, {"id": order.pk, "state": "preprocessing", "paid_amount": "40.80", "outstanding_amount": "0.00"})
    ] * 2
    assert PaymentEntry.objects.values_list("provider", "external_no").get() == ("transfer", "BANK-1")


def test_an_order_that_was_paid_in_part_gets_its_rest(company: Company) -> None:
    part = {**new_order()["payment"], "amount": "30.80"}
    company.caller().post("orders/bulk", {"orders": [new_order(payment=part)]}, key="k-1")
    order = Order.objects.get()
    assert (order.state, order.is_on_hold) == ("pending_payment", True)

    answer = company.caller().post(f"orders/{order.pk}/payments", PAYMENT | {"amount": "10.00"})

    assert (answer.status_code, answer.json()["outstanding_amount"]) == (200, "0.00")
    order.refresh_from_db()
    assert (order.state, order.is_on_hold) == ("preprocessing", False)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (PAYMENT | {"amount": "41.00"}, 409, "finance.payment_exceeds_due"),
        (PAYMENT | {"amount": "0.00"}, 400, "api.invalid"),
        (PAYMENT | {"amount": 40.8}, 400, "api.invalid"),
        (PAYMENT | {"note": "x"}, 400, "api.invalid"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    company: Company, body: dict[str, Any], status: int, code: str
) -> None:
    order = unpaid(company)

    answer = company.caller().post(f"orders/{order.pk}/payments", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not PaymentEntry.objects.exists()


def test_orders_of_others_of_platforms_and_without_the_scope_are_closed(company: Company) -> None:
    order = unpaid(company)
    theirs = company.orders(1, shop=company.other, paid=False)[0]
    platform = company.orders(1, shop=company.platform_shop, paid=False)[0]
    reader = company.caller({company.shop: [READ]})
    of_platform = company.caller({company.platform_shop: ["orders:write", READ]})

    assert reader.post(f"orders/{order.pk}/payments", PAYMENT).status_code == 403
    assert company.caller().post(f"orders/{theirs.pk}/payments", PAYMENT).status_code == 404
    answer = of_platform.post(f"orders/{platform.pk}/payments", PAYMENT)
    assert answer.json()["code"] == "channels.shop_driven_by_platform"
    assert not PaymentEntry.objects.exists()
