"""What a channel says about paying, applied to one locked order; shared by new and known orders."""

from __future__ import annotations

from datetime import datetime, timedelta

from ordercenter.audit.work import Work
from ordercenter.catalog.contacts import Receiver
from ordercenter.common.money import ZERO
from ordercenter.events.types import OrderPaid, OrderUnpaid
from ordercenter.orders.errors import AmountMismatch
from ordercenter.orders.intake_types import IncomingOrder, IncomingReceiver
from ordercenter.orders.models import Order
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.states import OrderState

# What the platforms ask of a seller unless the listing promises otherwise.
SHIP_WITHIN = timedelta(hours=48)


def apply_payment(work: Work, order: Order, incoming: IncomingOrder, findings: dict[int, list[Finding]]) -> None:
    """Move an order to paid (or deposit paid) as its channel says; what does not add up becomes a finding."""
    if incoming.presale_state == "balance_due":
        # Every report until the balance is in says so again.
        deposit = incoming.payment.amount if incoming.payment is not None else ZERO
        told = incoming.balance_due_at
        is_news = told is not None and told != order.balance_due_at
        if is_news:
            order.balance_due_at = told
        if order.state == OrderState.PENDING_PAYMENT:
            order.mark_deposit_paid(amount=min(deposit, order.total_amount))
            is_news = True
        if is_news:
            work.record(OrderUnpaid(order_id=order.id, stage="deposit"))
        return
    if incoming.paid_at is None or incoming.status == "created" or incoming.presale_state == "deposit_due":
        return
    paid = incoming.payment.amount if incoming.payment is not None else incoming.total_amount
    try:
        order.mark_paid(amount=paid, at=incoming.paid_at)
    except AmountMismatch as error:
        evidence = {"due": str(error.due), "paid": str(error.paid)}
        findings.setdefault(order.id, []).append(Finding("PAYMENT_MISMATCH", evidence))
        return
    order.ship_by = ship_by_of(incoming)
    work.record(OrderPaid(order_id=order.id, amount=paid, currency=order.currency, occurred_at=incoming.paid_at))


def ship_by_of(incoming: IncomingOrder) -> datetime | None:
    """Until when a paid order has to leave: what the platform says, else what platforms usually ask."""
    return incoming.ship_by or (incoming.paid_at + SHIP_WITHIN if incoming.paid_at else None)


def receiver_of(receiver: IncomingReceiver) -> Receiver:
    """What the catalogue needs to know of a channel's receiver."""
    return Receiver(
        name=receiver.name,
        phone=receiver.phone,
        province=receiver.province,
        city=receiver.city,
        district=receiver.district,
        town=receiver.town,
        address=receiver.address,
        zip_code=receiver.zip_code,
        opaque_id=receiver.oaid,
        is_masked=receiver.is_masked,
    )
