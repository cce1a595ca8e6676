"""Deposit and balance of a pre-sale: an entry each, matched with the bill each, given back each."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from channels_sync.booking import book_refunds
from channels_sync.handlers import CHANNEL
from finance.models import PaymentEntry, StatementLine
from ordercenter.audit.work import unit_of_work
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenRefund, take_refunds
from tests.flows.outside import import_bill
from tests.flows.world import SHANGHAI, World
from tests.ordercenter.orders.incoming import refund

pytestmark = pytest.mark.django_db
DEPOSIT, BALANCE = "DEP-1", "BAL-1"


@pytest.fixture
def world() -> World:
    return World()


def stages(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """A trade of 100.00 with its deposit of 20.00 paid, and the same with its balance paid ten minutes later."""
    whole = world.trade(("SKU-1", 1, "100.00"), type="step")
    later = (timezone.now() + timedelta(minutes=10)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    deposit = {
        **whole,
        "status": "WAIT_BUYER_PAY",
        "pay_time": "",
        "step_trade_status": "FRONT_PAID_FINAL_NOPAID",
        "step_paid_fee": "20.00",
        "alipay_no": DEPOSIT,
    }
    paid = {
        **whole,
        "modified": later,
        "step_trade_status": "FRONT_PAID_FINAL_PAID",
        "step_paid_fee": "100.00",
        "alipay_no": BALANCE,
    }
    return deposit, paid


def entries() -> list[tuple[str, str, Decimal]]:
    rows = PaymentEntry.objects.order_by("kind", "external_no", "request_no")
    return [(entry.kind, entry.external_no, entry.amount) for entry in rows]


def broken() -> list[str]:
    money = [c for c in CHECKS if any(word in c.name for word in ("paid", "pay", "refund", "total"))]
    verdicts = run_checks(money, stale_before=timezone.now() - timedelta(days=1))
    return [f"{v.check.name} {v.sample}" for v in verdicts if v.broken]


def give_back(order: Order, number: str, amount: str) -> None:
    line = order.lines.get()
    report = refund(
        order.channel_order_no, "succeeded", amount, channel_refund_no=number, channel_line_no=line.channel_line_no
    )
    with unit_of_work(actor=CHANNEL) as work:
        result = take_refunds(taken=[TakenRefund(order.pk, report)], work=work)
        result.raise_first()
        book_refunds(succeeded=result.done, work=work, actor=CHANNEL)


def test_the_deposit_is_an_entry_and_the_balance_is_another(world: World) -> None:
    deposit, paid = stages(world)

    world.deliver(deposit)
    Relay().drain()
    first = (Order.objects.get().state, Order.objects.get().paid_amount, entries(), broken())
    world.deliver(paid)
    Relay().drain()

    assert first == ("awaiting_balance", Decimal("20.00"), [("payment", DEPOSIT, Decimal("20.00"))], [])
    order = Order.objects.get()
    assert (order.state, order.paid_amount) == ("in_fulfillment", Decimal("100.00"))
    assert entries() == [("payment", BALANCE, Decimal("80.00")), ("payment", DEPOSIT, Decimal("20.00"))]
    assert list(PaymentEntry.objects.order_by("external_no").values_list("expected_fee", flat=True)) == [
        Decimal("0.48"),
        Decimal("0.12"),
    ]
    assert broken() == []


def test_both_stages_in_one_list_are_two_entries_and_repeats_change_nothing(world: World) -> None:
    deposit, paid = stages(world)

    world.deliver(paid, deposit)
    Relay().drain()
    again = {**paid, "modified": paid["modified"][:-2] + "59"}
    world.deliver(again)
    Relay().drain()

    assert entries() == [("payment", BALANCE, Decimal("80.00")), ("payment", DEPOSIT, Decimal("20.00"))]
    assert broken() == []


def test_a_deposit_that_comes_to_light_after_the_whole_was_booked_adds_nothing(world: World) -> None:
    deposit, paid = stages(world)

    world.deliver(paid)
    Relay().drain()
    world.deliver(deposit)
    Relay().drain()

    assert entries() == [("payment", BALANCE, Decimal("100.00"))]
    assert (Order.objects.get().state, broken()) == ("in_fulfillment", [])


def test_a_deposit_without_a_number_of_its_own_is_booked_with_the_balance(world: World) -> None:
    deposit, paid = stages(world)

    world.deliver({**deposit, "alipay_no": ""})
    Relay().drain()
    before = (Order.objects.get().state, Order.objects.get().paid_amount, entries())
    world.deliver(paid)
    Relay().drain()

    assert before == ("awaiting_balance", Decimal("0.00"), [])
    assert entries() == [("payment", BALANCE, Decimal("100.00"))]


def test_the_bill_is_matched_with_both(world: World) -> None:
    for stage in stages(world):
        world.deliver(stage)
        Relay().drain()

    import_bill()

    assert sorted(StatementLine.objects.values_list("external_no", "verdict")) == [
        (BALANCE, "matched"),
        (DEPOSIT, "matched"),
    ]


def test_a_refund_gives_the_balance_back_first_and_then_the_deposit(world: World) -> None:
    for stage in stages(world):
        world.deliver(stage)
        Relay().drain()
    order = Order.objects.get()

    give_back(order, "R-1", "30.00")
    give_back(order, "R-2", "60.00")
    give_back(order, "R-3", "10.00")

    assert entries()[2:] == [
        ("refund", BALANCE, Decimal("30.00")),
        ("refund", BALANCE, Decimal("50.00")),
        ("refund", DEPOSIT, Decimal("10.00")),
        ("refund", DEPOSIT, Decimal("10.00")),
    ]
    assert (Order.objects.get().refunded_amount, broken()) == (Decimal("100.00"), [])


def test_a_deposit_that_goes_back_ends_the_order(world: World) -> None:
    world.deliver(stages(world)[0])
    Relay().drain()
    order = Order.objects.get()

    give_back(order, "R-1", "20.00")
    Relay().drain()

    assert entries() == [("payment", DEPOSIT, Decimal("20.00")), ("refund", DEPOSIT, Decimal("20.00"))]
    assert (Order.objects.get().state, broken()) == ("cancelled", [])
