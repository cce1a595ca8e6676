"""Payments that no channel reports: the rest of an amount, a transfer, cash. A person or another system enters them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from finance.errors import PaymentExceedsDue
from finance.models import PaymentEntry
from finance.services.payments import EntryKey, PaymentFact, record_payments
from finance.services.statements import READERS
from finance.states import EntryKind
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.money import ZERO
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderUnknown, PaymentNotDue
from ordercenter.orders.models import Order
from ordercenter.orders.states import PAYABLE


@dataclass(frozen=True, slots=True)
class HandPayment:
    """One payment for an order that we have. amount: in the order's currency, positive. occurred_at: aware."""

    order_id: int
    provider: str
    external_no: str
    amount: Decimal
    occurred_at: datetime
    merchant_no: str = ""


@dataclass(frozen=True, slots=True)
class Booked:
    """An order with what its books hold of it now. outstanding: what is still due, 0.00 when it is paid."""

    order: Order
    paid: Decimal
    outstanding: Decimal


def book_payments(
    *,
    payments: Sequence[HandPayment],
    reason: str,
    actor: Actor,
    at: datetime | None = None,
    work: Work | None = None,
) -> BatchResult:
    """Enter payments in the books; an order that is paid in full with them goes on its way.

    done: Booked for each payment, in order; one that is in the books already, with the same order and amount, changes
    nothing. Refused by HandPayment: OrderUnknown, PaymentNotDue, PaymentExceedsDue, EntryInvalid, EntryConflict. Raises
    ReasonMissing. A payment of a provider whose bills we read is expected on its bill, with the shop's fee. The reason
    is kept as a deed. Emits PaymentCaptured, OrderPaid.
    """
    if not reason.strip():
        raise ReasonMissing
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        orders = work.lock(Order, {p.order_id for p in payments})
        entries = list(PaymentEntry.objects.filter(order_id__in=list(orders), kind=EntryKind.PAYMENT).order_by("pk"))
        known = {(entry.provider, entry.external_no) for entry in entries}
        paid: dict[int, Decimal] = defaultdict(Decimal)
        for entry in entries:
            paid[entry.order_id] += entry.amount
        good = []
        for payment in payments:
            with result.refusals(payment):
                order = _order_of(payment, orders)
                if (payment.provider, payment.external_no) not in known:
                    _check_due(order, payment, paid[order.pk])
                    paid[order.pk] += payment.amount
                good.append(payment)
        booked = record_payments(payments=_facts(good, orders), work=work, actor=actor)
        errors = {refusal.key: refusal.error for refusal in booked.refused}
        fresh = []
        for payment in good:
            is_new = (payment.provider, payment.external_no) not in known
            error = errors.get(EntryKey(payment.provider, payment.external_no, EntryKind.PAYMENT, ""))
            if error is not None:
                result.refuse(payment, error)
                paid[payment.order_id] -= payment.amount if is_new else 0
            elif is_new:
                fresh.append(payment)
        _settle(work, fresh, paid, reason)
        accepted = [payment for payment in good if payment not in {refusal.key for refusal in result.refused}]
        result.done.extend(_booked(orders[p.order_id], paid[p.order_id]) for p in accepted)
    return result


def _order_of(payment: HandPayment, orders: Mapping[int, Order]) -> Order:
    order = orders.get(payment.order_id)
    if order is None:
        raise OrderUnknown(order_id=payment.order_id)
    return order


def _check_due(order: Order, payment: HandPayment, paid: Decimal) -> None:
    if order.state not in PAYABLE:
        raise PaymentNotDue(order_id=order.pk, state=order.state)
    if payment.amount > order.total_amount - paid:
        raise PaymentExceedsDue(order_id=order.pk, outstanding=order.total_amount - paid, amount=payment.amount)


def _facts(payments: Sequence[HandPayment], orders: Mapping[int, Order]) -> list[PaymentFact]:
    shops = {order.shop_id for order in orders.values()}
    fees = dict(Shop.objects.filter(pk__in=shops).values_list("pk", "payment_fee_bp"))
    return [
        PaymentFact(
            order_id=p.order_id,
            shop_id=orders[p.order_id].shop_id,
            # Cash and transfers cost nothing that a bill of theirs would tell.
            fee_bp=fees[orders[p.order_id].shop_id] if p.provider in READERS else 0,
            provider=p.provider,
            external_no=p.external_no,
            merchant_no=p.merchant_no,
            amount=p.amount,
            currency=orders[p.order_id].currency,
            occurred_at=p.occurred_at,
        )
        for p in payments
    ]


def _settle(work: Work, fresh: Sequence[HandPayment], paid: Mapping[int, Decimal], reason: str) -> None:
    latest: dict[int, datetime] = {}
    for payment in fresh:
        latest[payment.order_id] = max(payment.occurred_at, latest.get(payment.order_id, payment.occurred_at))
        details = {"provider": payment.provider, "external_no": payment.external_no, "amount": str(payment.amount)}
        subject = f"order:{payment.order_id}"
        record_deed(work, action="order.book_payment", subject=subject, reason=reason, details=details)
    orders_services.settle_payments(paid={pk: paid[pk] for pk in latest}, paid_at=latest, work=work).raise_first()


def _booked(order: Order, paid: Decimal) -> Booked:
    return Booked(order, paid, max(order.total_amount - paid, ZERO))
