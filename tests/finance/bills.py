"""Makers of bills and of the entries they should meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from finance.benchmark import BillLine, write_alipay_bill
from finance.matching import BILL_ZONE, ours_as_sums
from finance.models import PaymentEntry, StatementLine
from finance.services import import_bill_file
from finance.services.payments import PaymentFact, record_payments
from finance.services.statements import ImportOutcome
from finance.states import EntryKind, LineState
from ordercenter.common.actor import SYSTEM
from ordercenter.orders.models import Order

DAY = date(2026, 11, 11)
ACCOUNT = "20880000000000000156"
MORNING_AFTER = datetime(2026, 11, 12, 10, 30, tzinfo=BILL_ZONE)


def at(clock: str, day: date = DAY) -> datetime:
    """A time of day in Shanghai, e.g. "23:59:59.999"."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=BILL_ZONE)


def pay(order: Order, number: str, amount: str, *, when: datetime | None = None, refund: str = "") -> PaymentEntry:
    """Book a payment of this order, or a refund of it under its own number."""
    fact = PaymentFact(
        order_id=order.pk,
        shop_id=order.shop_id,
        fee_bp=60,
        provider="alipay",
        external_no=number,
        merchant_no=f"T200P{order.channel_order_no}",
        amount=Decimal(amount),
        currency="CNY",
        occurred_at=when or at("12:00:00"),
        kind=EntryKind.REFUND if refund else EntryKind.PAYMENT,
        request_no=refund,
    )
    record_payments(payments=[fact], actor=SYSTEM, at=fact.occurred_at).raise_first()
    return PaymentEntry.objects.get(external_no=number, request_no=refund)


def line_of(entry: PaymentEntry) -> BillLine:
    """The bill's line that is the same money as the entry."""
    sums = ours_as_sums(entry.kind, entry.amount, entry.expected_fee)
    return BillLine(
        entry.external_no, entry.merchant_no, entry.kind, entry.occurred_at, sums.amount, sums.fee, entry.request_no
    )


def strange_line(number: str, amount: str = "9.90") -> BillLine:
    """A payment that nobody told us of."""
    return BillLine(number, "PAY1", EntryKind.PAYMENT, at("13:00:00"), Decimal(amount), Decimal("-0.06"))


def changed(line: BillLine, **fields: str) -> BillLine:
    return replace(line, **{name: Decimal(value) for name, value in fields.items()})


def bill(lines: Sequence[BillLine], day: date = DAY, account: str = ACCOUNT) -> bytes:
    return write_alipay_bill(account=account, day=day, lines=lines)


def take_in(lines: Sequence[BillLine], day: date = DAY, now: datetime = MORNING_AFTER) -> ImportOutcome:
    """Import the bill of the day with these lines."""
    return import_bill_file(
        provider="alipay", account=ACCOUNT, business_day=day, content=bill(lines, day), at=now, actor=SYSTEM
    )


def verdicts(day: date = DAY) -> dict[str, str]:
    """Transaction number (with the refund's own) -> verdict, of the lines that differ; matched ones left out."""
    lines = StatementLine.objects.filter(statement__business_day=day).exclude(verdict=LineState.MATCHED)
    return {f"{line.external_no}{line.request_no}": line.verdict for line in lines}
