"""One transaction number for several payments: the stages of a pre-sale are told apart, anything else is a case."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from finance.models import PaymentEntry
from ordercenter.cases.models import Case
from ordercenter.console.case_words import words_of
from ordercenter.orders.models import Order
from tests.finance.test_excess import broken
from tests.flows.test_late_beginnings import take
from tests.flows.world import World

pytestmark = pytest.mark.django_db
DUE = {"status": "WAIT_BUYER_PAY", "step_trade_status": "FRONT_PAID_FINAL_NOPAID", "pay_time": ""}
PAID = {"step_trade_status": "FRONT_PAID_FINAL_PAID"}


@pytest.fixture
def world() -> World:
    return World()


def presale(world: World) -> dict[str, Any]:
    """60.00 in all, 10.00 of it as deposit; both under one number."""
    return world.trade(("SKU-1", 1, "60.00"), type="step", step_paid_fee="10.00")


def entries(order: Order) -> list[tuple[str, Decimal]]:
    rows = PaymentEntry.objects.filter(order=order).order_by("pk")
    assert len({entry.external_no for entry in rows}) <= 1
    return [(entry.request_no, entry.amount) for entry in rows]


def test_deposit_and_balance_under_one_number_are_two_entries(world: World) -> None:
    trade = presale(world)
    take(world, trade, **DUE)

    order = take(world, trade, seconds_later=6, **PAID)

    assert (order.state, order.paid_amount) == ("in_fulfillment", Decimal("60.00"))
    assert entries(order) == [("", Decimal("10.00")), ("balance", Decimal("50.00"))]
    assert not Case.objects.exists()
    assert broken() == []


def test_reports_of_either_stage_may_come_again(world: World) -> None:
    trade = presale(world)
    take(world, trade, **DUE)
    take(world, trade, seconds_later=3, **DUE, seller_flag=1)
    take(world, trade, seconds_later=6, **PAID)

    order = take(world, trade, seconds_later=9, **PAID, seller_flag=2)

    assert entries(order) == [("", Decimal("10.00")), ("balance", Decimal("50.00"))]
    assert not Case.objects.exists()


def test_a_presale_that_is_paid_when_we_first_see_it_is_one_entry(world: World) -> None:
    order = take(world, presale(world), **PAID)

    assert entries(order) == [("", Decimal("60.00"))]
    assert broken() == []


def test_the_number_of_another_order_is_a_case_in_plain_words(world: World) -> None:
    first = take(world, world.trade(("SKU-1", 1, "60.00"), alipay_no="2026112222001400000001"))

    second = take(world, world.trade(("SKU-2", 1, "70.00"), alipay_no="2026112222001400000001"))

    assert entries(first) == [("", Decimal("60.00"))]
    assert entries(second) == []
    case = Case.objects.get(code="PAYMENT_CONFLICT")
    assert (case.subject, case.reference, case.money_at_risk) == (
        f"order:{second.pk}",
        second.channel_order_no,
        Decimal("70.00"),
    )
    assert case.evidence["booked_order_id"] == first.pk
    with translation.override("en"):
        assert "Compare with the provider" in str(words_of(case.code).to_do)
