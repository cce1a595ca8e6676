"""Orders that are paid in several payments, or by hand: what the books hold of them against what is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import OrderPaid
from ordercenter.orders.errors import PaymentNotDue
from ordercenter.orders.models import Order, RefundRequest
from ordercenter.orders.services.holding import Finding, hold_orders, release_holds
from ordercenter.orders.services.payment import SHIP_WITHIN
from ordercenter.orders.states import PAYABLE, OrderState, RefundStatus


def settle_payments(
    *, paid: Mapping[int, Decimal], paid_at: Mapping[int, datetime], work: Work | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Compare what was paid of these orders in all with what is due. paid: order id -> sum of its payments; paid_at:
    order id -> instant of the last one.

    Paid in full: the order is paid (OrderPaid) and goes on its way; a hold for the mismatch goes. Else it waits with
    PAYMENT_MISMATCH, whose evidence says what is missing. done: the orders that are paid now. Refused: PaymentNotDue
    for an order that does not wait for money.
    """
    result = BatchResult()
    with unit_of_work(work, actor=actor) as work:
        short: dict[int, list[Finding]] = {}
        for order in work.lock(Order, list(paid)).values():
            amount, at = paid[order.pk], paid_at[order.pk]
            if order.state not in PAYABLE:
                result.refuse(order.pk, PaymentNotDue(order_id=order.pk, state=order.state))
            elif amount != order.total_amount:
                evidence = {"due": str(order.total_amount), "paid": str(amount)}
                short[order.pk] = [Finding("PAYMENT_MISMATCH", evidence)]
                if order.state == OrderState.AWAITING_BALANCE:
                    order.paid_amount = amount
                    work.save(order, "paid_amount")
            else:
                order.mark_paid(amount=amount, at=at)
                order.ship_by = at + SHIP_WITHIN
                work.save(order, "paid_amount", "paid_at", "ship_by")
                work.record(OrderPaid(order_id=order.pk, amount=amount, currency=order.currency, occurred_at=at))
                result.done.append(order)
        hold_orders(findings=short, work=work)
        release_holds(
            order_ids=[order.pk for order in result.done if order.is_on_hold],
            codes=["PAYMENT_MISMATCH"],
            reason="paid as due",
            accepted=False,
            work=work,
        ).raise_first()
    return result


def waits_for_money(order: Order) -> bool:
    """Whether payments are still compared with what is due."""
    return order.state in PAYABLE


def settle_overpaid(
    *, order: Order, paid: Decimal, refunded: Decimal, at: datetime, reason: str, work: Work, refund_no: str = ""
) -> None:
    """More was paid than is due: the order is paid, and goes on its way. order: locked.

    paid: the sum of its payments; at: the instant of the last one; refunded: what of it goes back, under refund_no,
    kept as a refund of the order, 0 where the rest is kept. Raises TransitionRefused, AmountMismatch. Emits OrderPaid.
    """
    order.mark_overpaid(amount=paid, refunded=refunded, at=at)
    order.ship_by = at + SHIP_WITHIN
    work.save(order, "paid_amount", "refunded_amount", "paid_at", "ship_by")
    if refunded:
        row = RefundRequest(
            order_id=order.pk,
            channel_refund_no=refund_no,
            status=RefundStatus.REFUNDED,
            amount=refunded,
            reason=reason[:200],
            channel_modified_at=work.at,
        )
        work.add([row])
    work.record(OrderPaid(order_id=order.pk, amount=paid, currency=order.currency, occurred_at=at))
    if order.is_on_hold:
        release_holds(
            order_ids=[order.pk], codes=["PAYMENT_MISMATCH"], reason=reason, accepted=False, work=work
        ).raise_first()
