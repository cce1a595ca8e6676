"""What channels say about money, entered in the books: each payment of an order, each refund against its payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog

from finance.models import PaymentEntry
from finance.services import PaymentFact, record_payments
from finance.states import EntryKind
from ordercenter.audit.work import Work
from ordercenter.common.actor import Actor
from ordercenter.common.money import ZERO
from ordercenter.orders.intake_types import IncomingRefund
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder

logger = structlog.get_logger(__name__)


@dataclass
class _Paid:
    """One payment entry of an order, and what of it has gone back."""

    provider: str
    external_no: str
    merchant_no: str
    amount: Decimal
    refunded: Decimal = ZERO

    @property
    def rest(self) -> Decimal:
        return self.amount - self.refunded


def book_payments(
    *,
    taken: Sequence[TakenOrder],
    orders: Mapping[tuple[int, str], Order],
    fees: Mapping[int, int],
    work: Work,
    actor: Actor,
) -> None:
    """Enter what these reports say was paid. orders: by shop id and channel number; fees: shop id -> basis points.

    The payments of a pre-sale are entries of their own: the deposit when it is paid, then what its balance adds to it,
    for a report of the paid order names the whole sum. A deposit that comes to light when the whole is booked already
    adds nothing. One statement more where there is a pre-sale.
    """
    presales = {
        order.pk
        for t in taken
        if t.order.presale_state is not None and (order := orders.get((t.shop_id, t.order.channel_order_no)))
    }
    known = _payments_of(presales)
    facts: dict[str, PaymentFact] = {}
    # Deposits first: the balance of the same list is what is left after them.
    for t in sorted(taken, key=lambda t: t.order.presale_state == "paid"):
        payment, order = t.order.payment, orders.get((t.shop_id, t.order.channel_order_no))
        if payment is None or order is None or payment.external_no in facts:
            continue
        amount = payment.amount
        if order.pk in presales:
            amount = _own_amount(order, t, amount, known[order.pk])
            if amount <= ZERO:
                continue
        facts[payment.external_no] = PaymentFact(
            order_id=order.pk,
            shop_id=t.shop_id,
            fee_bp=fees[t.shop_id],
            provider=payment.provider,
            external_no=payment.external_no,
            merchant_no=payment.merchant_no,
            amount=amount,
            currency=order.currency,
            occurred_at=payment.paid_at,
        )
    if facts:
        result = record_payments(payments=list(facts.values()), work=work, actor=actor)
        for refusal in result.refused:
            logger.warning("booking.refused", key=tuple(refusal.key), code=refusal.code)


def book_refunds(*, succeeded: Sequence[tuple[Order, IncomingRefund]], work: Work, actor: Actor) -> None:
    """Enter refunds against the payments that they give back, under the refund's own number.

    Where an order was paid in several payments the newest is given back first, each at most whole. An order without a
    payment in the books has nothing to run against.
    """
    if not succeeded:
        return
    payments = _payments_of({order.pk for order, _ in succeeded})
    fees = dict(Order.objects.filter(pk__in=list(payments)).values_list("pk", "shop__payment_fee_bp"))
    facts = [
        PaymentFact(
            order_id=order.pk,
            shop_id=order.shop_id,
            fee_bp=fees[order.pk],
            provider=paid.provider,
            external_no=paid.external_no,
            merchant_no=paid.merchant_no,
            amount=amount,
            currency=order.currency,
            occurred_at=refund.modified_at,
            kind=EntryKind.REFUND,
            request_no=refund.channel_refund_no,
        )
        for order, refund in succeeded
        for paid, amount in _given_back(payments[order.pk], refund.amount)
    ]
    record_payments(payments=facts, work=work, actor=actor)


def _own_amount(order: Order, t: TakenOrder, amount: Decimal, known: list[_Paid]) -> Decimal:
    """What this payment of a pre-sale is worth by itself; it is known from now on. Nothing: it is booked already."""
    assert t.order.payment is not None
    number = t.order.payment.external_no
    others = sum((paid.amount for paid in known if paid.external_no != number), ZERO)
    if t.order.presale_state == "paid":
        amount -= others
    elif others + amount > order.total_amount:
        return ZERO
    if amount > ZERO and all(paid.external_no != number for paid in known):
        known.append(_Paid(t.order.payment.provider, number, t.order.payment.merchant_no, amount))
    return amount


def _given_back(payments: Sequence[_Paid], amount: Decimal) -> list[tuple[_Paid, Decimal]]:
    parts = []
    for paid in reversed(payments):
        part = min(amount, paid.rest)
        if part > ZERO:
            paid.refunded += part
            amount -= part
            parts.append((paid, part))
    return parts


def _payments_of(order_ids: Collection[int]) -> dict[int, list[_Paid]]:
    """The payments of these orders in the books, oldest first. One statement, none for no order."""
    found: dict[int, list[_Paid]] = defaultdict(list)
    if not order_ids:
        return found
    refunded: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    entries = list(PaymentEntry.objects.filter(order_id__in=order_ids).order_by("occurred_at", "pk"))
    for entry in entries:
        if entry.kind == EntryKind.REFUND:
            refunded[entry.provider, entry.external_no] += entry.amount
    for entry in entries:
        if entry.kind == EntryKind.PAYMENT:
            gone = refunded[entry.provider, entry.external_no]
            found[entry.order_id].append(
                _Paid(entry.provider, entry.external_no, entry.merchant_no, entry.amount, gone)
            )
    return found
