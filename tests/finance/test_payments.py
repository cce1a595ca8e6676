"""Payment entries: appended once, however often they are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from finance.models import PaymentEntry
from finance.services import PaymentFact, record_payments, record_refunds
from finance.states import EntryKind
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.gathering import counted_statements
from ordercenter.common.ids import forget_pools
from ordercenter.events.models import EventRow
from ordercenter.orders.models import Order
from tests.finance.factories import make_order, make_shop

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
CHANNEL = Actor("channel", "tmall")

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return make_shop(fee_bp=60)


@pytest.fixture
def order(shop: Shop) -> Order:
    return make_order(shop, total=Decimal("236.80"))


@pytest.fixture
def payment(order: Order) -> PaymentFact:
    return PaymentFact(
        order_id=order.pk,
        shop_id=order.shop_id,
        fee_bp=60,
        provider="alipay",
        external_no="2026111122001",
        merchant_no="T200P1",
        amount=Decimal("236.80"),
        currency="CNY",
        occurred_at=NOON,
    )


def names_of_events() -> list[str]:
    return list(EventRow.objects.order_by("id").values_list("name", flat=True))


def test_a_payment_is_recorded_with_the_fee_that_the_contract_says(payment):
    result = record_payments(payments=[payment], at=NOON, actor=CHANNEL)

    assert result.refused == []
    entry = PaymentEntry.objects.get()
    assert (entry.kind, entry.amount, entry.expected_fee) == ("payment", Decimal("236.80"), Decimal("1.42"))
    assert (entry.order_id, entry.occurred_at) == (payment.order_id, NOON)
    assert names_of_events() == ["finance.payment.captured"]


@pytest.mark.parametrize(
    ("amount", "fee"), [("0.83", "0.00"), ("0.84", "0.01"), ("12.50", "0.08"), ("999999999.99", "6000000.00")]
)
def test_half_a_fen_of_fee_is_rounded_up(payment, amount, fee):
    record_payments(payments=[replace(payment, amount=Decimal(amount))], at=NOON, actor=CHANNEL)

    assert PaymentEntry.objects.get().expected_fee == Decimal(fee)


def test_the_same_payment_told_again_counts_as_done_and_adds_nothing(payment):
    record_payments(payments=[payment], at=NOON, actor=CHANNEL)

    again = record_payments(payments=[payment, payment], at=NOON, actor=CHANNEL)

    assert (len(again.done), again.refused) == (2, [])
    assert PaymentEntry.objects.count() == 1
    assert names_of_events() == ["finance.payment.captured"]


def test_told_twice_in_one_unit_of_work_before_anything_is_written_it_is_one_entry(payment):
    with unit_of_work(at=NOON, actor=CHANNEL) as work:
        record_payments(payments=[payment], work=work, actor=CHANNEL)
        record_payments(payments=[payment], work=work, actor=CHANNEL)

    assert PaymentEntry.objects.count() == 1


def test_another_amount_under_the_same_number_is_refused_and_the_books_stay(payment):
    record_payments(payments=[payment], at=NOON, actor=CHANNEL)

    result = record_payments(payments=[replace(payment, amount=Decimal("236.79"))], at=NOON, actor=CHANNEL)

    assert [refusal.code for refusal in result.refused] == ["finance.entry_conflict"]
    assert result.refused[0].error.evidence()["booked_amount"] == "236.80"
    assert PaymentEntry.objects.get().amount == Decimal("236.80")
    assert names_of_events() == ["finance.payment.captured"]


def test_a_number_booked_for_another_order_is_refused(payment, shop):
    record_payments(payments=[payment], at=NOON, actor=CHANNEL)
    other = make_order(shop, total=Decimal("236.80"))

    result = record_payments(payments=[replace(payment, order_id=other.pk)], at=NOON, actor=CHANNEL)

    assert [refusal.code for refusal in result.refused] == ["finance.entry_conflict"]


def test_two_refunds_of_one_payment_stay_apart_by_their_own_numbers(payment):
    first = replace(payment, kind=EntryKind.REFUND, request_no="RF1", amount=Decimal("59.20"))
    second = replace(first, request_no="RF2", amount=Decimal("10.00"))

    result = record_refunds(refunds=[first, second, first], at=NOON, actor=CHANNEL)

    assert result.refused == []
    refunds = PaymentEntry.objects.order_by("request_no").values_list("request_no", "amount", "expected_fee")
    assert list(refunds) == [("RF1", Decimal("59.20"), Decimal("0.36")), ("RF2", Decimal("10.00"), Decimal("0.06"))]
    assert names_of_events() == ["finance.payment.refunded"] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": Decimal(0)},
        {"amount": Decimal("-1.00")},
        {"amount": Decimal("1.005")},
        {"amount": Decimal("1e12")},
        {"amount": Decimal("NaN")},
        {"external_no": ""},
        {"request_no": "RF1"},
        {"kind": EntryKind.REFUND},
    ],
)
def test_what_cannot_be_in_the_books_is_refused_alone(payment, wrong):
    good = replace(payment, external_no="other")

    result = record_payments(payments=[replace(payment, **wrong), good], at=NOON, actor=CHANNEL)

    assert [refusal.code for refusal in result.refused] == ["finance.entry_invalid"]
    assert [entry.external_no for entry in PaymentEntry.objects.all()] == ["other"]


def test_the_number_of_statements_does_not_grow_with_the_payments(payment):
    def statements(count: int, start: int) -> int:
        forget_pools()
        facts = [replace(payment, external_no=f"N{start + i}") for i in range(count)]
        with counted_statements() as queries, unit_of_work(at=NOON, actor=CHANNEL) as work:
            record_payments(payments=facts, work=work, actor=CHANNEL)
        return queries()

    assert statements(5, 100) == statements(300, 1000)
