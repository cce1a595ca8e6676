"""Payments that a person or another system enters: the rest of an amount, until nothing is outstanding."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from finance.models import PaymentEntry
from finance.services import HandPayment, book_payments
from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import EventRow
from ordercenter.events.relay import Relay
from ordercenter.orders.intake_types import IncomingPayment
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import TakenOrder, take_orders
from tests.finance.factories import NOON
from tests.flows.outside import answer_everything, settle_down
from tests.flows.world import World
from tests.ordercenter.orders.incoming import report

pytestmark = pytest.mark.django_db
LIN = Actor("test", "lin")
REST = HandPayment(0, "transfer", "BANK-7", Decimal("20.00"), NOON)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World()


@pytest.fixture
def short(world: World) -> Order:
    """60.00 are due, 40.00 have been paid."""
    paid = report("A1", payment=IncomingPayment("P-1", Decimal("40.00"), NOON, "alipay", ""))
    order = take_orders(taken=[TakenOrder(world.shop.pk, paid)]).created[0]
    PaymentEntry.objects.create(
        order=order,
        shop=world.shop,
        kind="payment",
        provider="alipay",
        external_no="P-1",
        amount=Decimal("40.00"),
        expected_fee=Decimal("0.24"),
        occurred_at=NOON,
    )
    return order


def enter(*payments: HandPayment, reason: str = "the buyer paid the rest") -> BatchResult:
    return book_payments(payments=payments, reason=reason, actor=LIN)


def open_cases() -> list[str]:
    return list(Case.objects.filter(closed_at=None).values_list("code", flat=True))


def broken() -> list[str]:
    money = [check for check in CHECKS if "paid" in check.name or "pay" in check.name or "refund" in check.name]
    return [f"{v.check.name} {v.sample}" for v in run_checks(money, stale_before=NOON) if v.broken]


def test_the_rest_makes_the_order_paid_and_it_goes_on_its_way(short: Order) -> None:
    before = (short.state, short.is_on_hold, open_cases())

    result = enter(replace(REST, order_id=short.pk))
    settle_down()

    assert before == ("pending_payment", True, ["PAYMENT_MISMATCH"])
    assert [(b.paid, b.outstanding) for b in result.done] == [(Decimal("60.00"), Decimal("0.00"))]
    order = Order.objects.get()
    assert (order.state, order.is_on_hold, order.paid_amount, order.paid_at) == (
        "in_fulfillment",
        False,
        Decimal("60.00"),
        NOON,
    )
    assert (open_cases(), broken()) == ([], [])
    assert list(PaymentEntry.objects.order_by("provider").values_list("provider", "amount", "expected_fee")) == [
        ("alipay", Decimal("40.00"), Decimal("0.24")),
        ("transfer", Decimal("20.00"), Decimal("0.00")),
    ]
    deed = Deed.objects.get(action="order.book_payment")
    assert (deed.reason, deed.details) == (
        "the buyer paid the rest",
        {"provider": "transfer", "external_no": "BANK-7", "amount": "20.00"},
    )


def test_a_part_of_the_rest_is_in_the_books_and_the_case_says_what_is_missing(short: Order) -> None:
    enter(replace(REST, order_id=short.pk, amount=Decimal("15.00"))).raise_first()

    assert Order.objects.get().state == "pending_payment"
    assert Case.objects.get().evidence == {"due": "60.00", "paid": "55.00"}

    enter(replace(REST, order_id=short.pk, amount=Decimal("5.00"), external_no="BANK-8")).raise_first()

    assert (Order.objects.get().state, open_cases()) == ("preprocessing", [])
    assert EventRow.objects.filter(name="orders.order.paid").count() == 1


def test_two_payments_of_one_order_may_come_together(short: Order) -> None:
    parts = [replace(REST, order_id=short.pk, amount=Decimal(n), external_no=f"BANK-{n}") for n in ("12.00", "8.00")]

    result = enter(*parts)

    assert [b.outstanding for b in result.done] == [Decimal("0.00"), Decimal("0.00")]
    assert Order.objects.get().state == "preprocessing"


def test_the_same_payment_again_changes_nothing_also_when_the_order_is_long_paid(short: Order) -> None:
    enter(replace(REST, order_id=short.pk)).raise_first()
    settle_down()

    result = enter(replace(REST, order_id=short.pk))

    assert [(b.paid, b.outstanding) for b in result.done] == [(Decimal("60.00"), Decimal("0.00"))]
    assert PaymentEntry.objects.count() == 2
    assert Deed.objects.filter(action="order.book_payment").count() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Decimal("20.01")}, "finance.payment_exceeds_due"),
        ({"amount": Decimal("0.00")}, "finance.entry_invalid"),
        ({"amount": Decimal("1.005")}, "finance.entry_invalid"),
        ({"provider": "alipay", "external_no": "P-1"}, "finance.entry_conflict"),
        ({"external_no": ""}, "finance.entry_invalid"),
        ({"order_id": 999999}, "orders.unknown"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(short: Order, changes: dict[str, Any], code: str) -> None:
    result = enter(replace(REST, **{"order_id": short.pk} | changes))

    assert [refusal.code for refusal in result.refused] == [code]
    assert result.done == []
    assert (Order.objects.get().state, PaymentEntry.objects.count(), open_cases()) == (
        "pending_payment",
        1,
        ["PAYMENT_MISMATCH"],
    )
    assert not Deed.objects.filter(action="order.book_payment").exists()


def test_an_order_that_is_paid_takes_no_further_payment(world: World) -> None:
    world.deliver(world.trade(("SKU-1", 1, "51.00")))
    Relay().drain()

    result = enter(replace(REST, order_id=Order.objects.get().pk))

    assert [refusal.code for refusal in result.refused] == ["orders.payment_not_due"]
    assert PaymentEntry.objects.count() == 1


def test_nothing_is_entered_without_a_reason(short: Order) -> None:
    with pytest.raises(ReasonMissing):
        enter(replace(REST, order_id=short.pk), reason=" ")

    assert PaymentEntry.objects.count() == 1


def test_another_hold_keeps_the_paid_order_where_it_is(short: Order) -> None:
    Hold.objects.create(order=short, code="CHANNEL_HELD", opened_at=NOON)

    enter(replace(REST, order_id=short.pk)).raise_first()
    settle_down()

    order = Order.objects.get()
    assert (order.state, order.is_on_hold) == ("preprocessing", True)
