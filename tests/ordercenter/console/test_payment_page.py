"""The page on which somebody enters the payment that is missing."""

from __future__ import annotations

import pytest
from django.urls import reverse

from finance.models import PaymentEntry
from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.console.roles import FINANCE, OPERATOR, SUPERVISOR
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.ordercenter.api.company import Company, new_order
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
FORM = {
    "provider": "transfer",
    "external_no": "BANK-1",
    "amount": "10.00",
    "occurred_at": "2026-11-12T09:30",
    "reason": "transferred the rest",
}


@pytest.fixture
def short() -> Order:
    """40.80 are due, 30.80 have been paid."""
    company = Company()
    part = {**new_order()["payment"], "amount": "30.80"}
    company.caller().post("orders/bulk", {"orders": [new_order(payment=part)]}, key="k-1")
    Relay().drain()
    return Order.objects.get()


def url(order: Order) -> str:
    return reverse("console:order-payment", args=[order.pk])


def test_the_case_and_the_order_lead_to_the_page_and_the_payment_brings_the_order_on(short: Order) -> None:
    finance = client_of(person("fei", role=FINANCE))

    panel = finance.get(reverse("console:cases"), {"case": Case.objects.get().pk}).content.decode()
    order_page = finance.get(reverse("console:order", args=[short.pk])).content.decode()
    form = finance.get(url(short)).content.decode()
    answer = finance.post(url(short), FORM)

    assert url(short) in panel
    assert url(short) in order_page
    assert 'value="10.00"' in form
    assert answer.headers["Location"] == reverse("console:order", args=[short.pk])
    short.refresh_from_db()
    assert (short.state, short.is_on_hold) == ("preprocessing", False)
    assert Deed.objects.get(action="order.book_payment").reason == "transferred the rest"
    assert url(short) not in finance.get(reverse("console:order", args=[short.pk])).content.decode()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"amount": "10.01"}, "larger than what is still due"),
        ({"external_no": "B 1"}, "without spaces"),
        ({"occurred_at": "2999-01-01T00:00"}, "lies in the past"),
        ({"reason": ""}, "required"),
        ({"amount": "ten"}, "Enter a number"),
    ],
)
def test_what_is_wrong_is_said_beside_the_form_and_nothing_is_entered(
    short: Order, changes: dict[str, str], says: str
) -> None:
    finance = client_of(person("fei", role=FINANCE))

    answer = finance.post(url(short), FORM | changes)

    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert PaymentEntry.objects.count() == 1
    assert Order.objects.get().state == "pending_payment"


def test_it_takes_the_permission_and_the_shop(short: Order) -> None:
    assert client_of(person("op", role=OPERATOR)).get(url(short)).status_code == 403
    assert client_of(person("sup", role=SUPERVISOR)).get(url(short)).status_code == 404, "not her shop"
    assert PaymentEntry.objects.count() == 1
