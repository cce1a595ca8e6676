"""An order of which more was paid than is due: the excess goes back or is kept, by a page or the API, once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from finance.errors import NothingInExcess
from finance.models import PaymentEntry
from finance.services import keep_excess, refund_excess
from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.console.roles import FINANCE, OPERATOR
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order, RefundRequest
from tests.ordercenter.api.company import Company, new_order
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
WU = Actor("person", "wu")


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def order(company: Company) -> Order:
    """40.80 are due, 50.00 have been paid."""
    payment = {**new_order()["payment"], "amount": "50.00"}
    company.caller().post("orders/bulk", {"orders": [new_order(payment=payment)]}, key="k-1")
    Relay().drain()
    order = Order.objects.get()
    assert (order.state, order.is_on_hold) == ("pending_payment", True)
    return order


def entries() -> list[tuple[str, Decimal, str]]:
    return list(PaymentEntry.objects.order_by("pk").values_list("kind", "amount", "request_no"))


def sums(order: Order) -> tuple[str, bool, str, str]:
    order.refresh_from_db()
    return order.state, order.is_on_hold, str(order.paid_amount), str(order.refunded_amount)


def broken() -> list[str]:
    # The company's stock is there, and partly reserved, without movements and reservations.
    planted = ("stock_is_sum_of_movements", "reserved_is_sum_of_reservations")
    checks = [check for check in CHECKS if check.name not in planted]
    verdicts = run_checks(checks, stale_before=timezone.now() - timedelta(minutes=10))
    return [f"{v.check.name} {v.sample}" for v in verdicts if v.broken]


def test_the_excess_goes_back_against_the_payment_and_the_order_goes_on(order: Order) -> None:
    excess = refund_excess(order_id=order.pk, refund_no="R-1", reason="paid twice for the freight", actor=WU)

    assert (excess.paid, excess.refunded, excess.amount) == (Decimal("50.00"), Decimal("9.20"), Decimal(0))
    assert entries() == [("payment", Decimal("50.00"), ""), ("refund", Decimal("9.20"), "R-1")]
    assert sums(order) == ("preprocessing", False, "50.00", "9.20")
    assert (RefundRequest.objects.get().channel_refund_no, RefundRequest.objects.get().status) == ("R-1", "refunded")
    assert Deed.objects.get(action="order.refund_excess").details == {"amount": "9.20", "refund_no": "R-1"}
    assert set(Case.objects.filter(code="PAYMENT_MISMATCH").values_list("state", flat=True)) <= {
        "resolved",
        "auto_resolved",
    }
    assert broken() == []


def test_the_same_refund_again_changes_nothing(order: Order) -> None:
    first = refund_excess(order_id=order.pk, refund_no="R-1", reason="paid twice", actor=WU)

    again = refund_excess(order_id=order.pk, refund_no="R-1", reason="paid twice", actor=WU)

    assert (again.paid, again.refunded) == (first.paid, first.refunded)
    assert len(entries()) == 2
    assert Deed.objects.filter(action="order.refund_excess").count() == 1


def test_kept_as_credit_it_stays_in_the_books_as_paid(order: Order) -> None:
    kept = keep_excess(order_id=order.pk, reason="for her next order", actor=WU)
    again = keep_excess(order_id=order.pk, reason="for her next order", actor=WU)

    assert (kept.amount, again.amount) == (Decimal("9.20"), Decimal("9.20"))
    assert entries() == [("payment", Decimal("50.00"), "")]
    assert sums(order) == ("preprocessing", False, "50.00", "0.00")
    assert [(d.reason, d.details) for d in Deed.objects.filter(action="order.keep_excess")] == [
        ("for her next order", {"amount": "9.20"})
    ]
    assert broken() == []


def test_an_order_that_is_short_or_settled_has_no_excess(order: Order) -> None:
    refund_excess(order_id=order.pk, refund_no="R-1", reason="paid twice", actor=WU)

    with pytest.raises(NothingInExcess):
        refund_excess(order_id=order.pk, refund_no="R-2", reason="paid twice", actor=WU)
    with pytest.raises(NothingInExcess):
        keep_excess(order_id=order.pk, reason="paid twice", actor=WU)

    assert len(entries()) == 2


def test_without_a_reason_nothing_is_done(order: Order) -> None:
    for settle in (
        lambda: refund_excess(order_id=order.pk, refund_no="R-1", reason=" ", actor=WU),
        lambda: keep_excess(order_id=order.pk, reason="", actor=WU),
    ):
        with pytest.raises(ReasonMissing):
            settle()

    assert len(entries()) == 1
    assert sums(order)[0] == "pending_payment"


def test_the_order_leads_to_the_page_and_the_page_settles_it(order: Order) -> None:
    finance, url = client_of(person("fei", role=FINANCE)), reverse("console:order-excess", args=[order.pk])

    page = finance.get(reverse("console:order", args=[order.pk])).content.decode()
    assert url in page
    assert "in the books, not accepted yet" in page
    assert "Stage placed" not in page
    assert url in finance.get(reverse("console:cases"), {"case": Case.objects.get().pk}).content.decode()
    assert "9.20" in finance.get(url).content.decode()
    unnamed = finance.post(url, {"way": "refund", "refund_no": "", "reason": "paid twice"})
    assert "known by its number" in unnamed.content.decode()
    assert len(entries()) == 1
    answer = finance.post(url, {"way": "refund", "refund_no": "R-1", "reason": "paid twice"})

    assert answer.headers["Location"] == reverse("console:order", args=[order.pk])
    assert sums(order) == ("preprocessing", False, "50.00", "9.20")
    assert "nothing to settle" in finance.get(url).content.decode()
    assert url not in finance.get(reverse("console:order", args=[order.pk])).content.decode()


def test_who_may_not_enter_payments_settles_nothing(order: Order) -> None:
    answer = client_of(person("li", role=OPERATOR)).post(
        reverse("console:order-excess", args=[order.pk]), {"way": "credit", "reason": "hers"}
    )

    assert answer.status_code in (403, 404)
    assert sums(order)[0] == "pending_payment"


@pytest.mark.parametrize(
    ("body", "paid"),
    [
        ({"way": "refund", "refund_no": "R-1", "reason": "paid twice"}, "40.80"),
        ({"way": "credit", "reason": "for her next order"}, "50.00"),
    ],
)
def test_the_api_settles_it_and_says_the_same_again(
    company: Company, order: Order, body: dict[str, Any], paid: str
) -> None:
    caller, address = company.caller(), f"orders/{order.pk}/excess"

    first, again = caller.post(address, body), caller.post(address, body)

    expected = {"id": order.pk, "state": "preprocessing", "paid_amount": paid, "outstanding_amount": "0.00"}
    assert (first.status_code, first.json()) == (200, expected)
    assert (again.status_code, again.json()["paid_amount"]) == (200, paid)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"way": "refund", "reason": "paid twice"}, "refund_no"),
        ({"way": "credit", "refund_no": "R-1", "reason": "x"}, "refund_no"),
        ({"way": "gift", "reason": "x"}, "way"),
        ({"way": "credit"}, "reason"),
    ],
)
def test_the_api_refuses_half_a_decision(company: Company, order: Order, body: dict[str, Any], field: str) -> None:
    answer = company.caller().post(f"orders/{order.pk}/excess", body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert sums(order)[0] == "pending_payment"
