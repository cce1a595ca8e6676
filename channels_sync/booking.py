"""What channels say about money, entered in the books: each payment of an order, each refund against its payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog

from finance.models import PaymentEntry
from finance.services import BALANCE, PaymentFact, record_payments
from finance.states import EntryKind
from ordercenter.audit.work import Work
from ordercenter.cases.services import CaseDraft, open_cases
from ordercenter.common.actor import Actor
from ordercenter.common.batch import Refusal
from ordercenter.common.money import ZERO
from ordercenter.orders.intake_types import IncomingRefund
from ordercenter.orders.models import Order, RefundRequest
from ordercenter.orders.services import TakenOrder
from ordercenter.orders.states import RefundStatus

# The request number under which the payment of an order that was split goes back out of the books.
SPLIT = "split"

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
    adds nothing. Where both came under one transaction number, the stage of the report tells them apart (BALANCE). What
    the books hold already, but not like this, becomes the case PAYMENT_CONFLICT. One statement more where there is a
    pre-sale.
    """
    presales = {
        order.pk
        for t in taken
        if t.order.presale_state is not None and (order := orders.get((t.shop_id, t.order.channel_order_no)))
    }
    known = _payments_of(presales)
    facts: dict[tuple[str, str], PaymentFact] = {}
    # Deposits first: the balance of the same list is what is left after them.
    for t in sorted(taken, key=lambda t: t.order.presale_state == "paid"):
        payment, order = t.order.payment, orders.get((t.shop_id, t.order.channel_order_no))
        if payment is None or order is None:
            continue
        amount, stage = payment.amount, ""
        if order.pk in presales:
            amount, stage = _own_amount(order, t, amount, known[order.pk])
        if amount <= ZERO or (payment.external_no, stage) in facts:
            continue
        facts[payment.external_no, stage] = PaymentFact(
            order_id=order.pk,
            shop_id=t.shop_id,
            fee_bp=fees[t.shop_id],
            provider=payment.provider,
            external_no=payment.external_no,
            merchant_no=payment.merchant_no,
            amount=amount,
            currency=order.currency,
            occurred_at=payment.paid_at,
            request_no=stage,
        )
    if facts:
        result = record_payments(payments=list(facts.values()), work=work, actor=actor)
        if result.refused:
            _open_cases(result.refused, {order.pk: order for order in orders.values()}, work)


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


def book_split(*, parents: Sequence[Order], work: Work) -> None:
    """What was booked as paid for orders that their channel split goes back out of the books, for their parts bring
    payments of their own: a refund entry of what is left of each payment, under the request number SPLIT. Orders of
    which nothing is left in the books are not touched.
    """
    payments = _payments_of({order.pk for order in parents})
    fees = dict(Order.objects.filter(pk__in=list(payments)).values_list("pk", "shop__payment_fee_bp"))
    facts = []
    for order in parents:
        for paid in payments.get(order.pk, ()):
            if paid.rest > ZERO:
                facts.append(
                    PaymentFact(
                        order_id=order.pk,
                        shop_id=order.shop_id,
                        fee_bp=fees[order.pk],
                        provider=paid.provider,
                        external_no=paid.external_no,
                        merchant_no=paid.merchant_no,
                        amount=paid.rest,
                        currency=order.currency,
                        occurred_at=work.at,
                        kind=EntryKind.REFUND,
                        request_no=SPLIT,
                    )
                )
    returned: dict[int, Decimal] = defaultdict(Decimal)
    for fact in facts:
        returned[fact.order_id] += fact.amount
    for order in parents:
        if order.pk in returned:
            order.refunded_amount += returned[order.pk]
            work.save(order, "refunded_amount")
    work.add([_gone_back(order_id, amount, work) for order_id, amount in returned.items()])
    if facts:
        record_payments(payments=facts, work=work, actor=work.actor).raise_first()


def _gone_back(order_id: int, amount: Decimal, work: Work) -> RefundRequest:
    """Every refund of the books belongs to a request; this one is ours, made by the split."""
    return RefundRequest(
        order_id=order_id,
        channel_refund_no=SPLIT,
        status=RefundStatus.REFUNDED,
        amount=amount,
        reason="the parts of the split order have payments of their own",
        channel_modified_at=work.at,
    )


def _own_amount(order: Order, t: TakenOrder, amount: Decimal, known: list[_Paid]) -> tuple[Decimal, str]:
    """What this payment of a pre-sale is worth by itself, and its stage where the number alone does not say it; it is
    known from now on. Nothing: it is booked already.
    """
    assert t.order.payment is not None
    number, provider = t.order.payment.external_no, t.order.payment.provider
    same = [paid for paid in known if (paid.external_no, paid.provider) == (number, provider)]
    others = sum((paid.amount for paid in known if paid.external_no != number), ZERO)
    booked, stage = sum((paid.amount for paid in same), ZERO), ""
    if t.order.presale_state == "paid":
        amount -= others
        if same and booked < amount:
            # The deposit came under this number: what it lacks is the balance.
            amount, stage = amount - booked, BALANCE
        elif len(same) > 1 and booked == amount:
            return ZERO, ""
    elif others + amount > order.total_amount or (same and booked == order.total_amount > amount):
        return ZERO, ""
    if amount > ZERO and (stage or not same):
        known.append(_Paid(provider, number, t.order.payment.merchant_no, amount))
    return amount, stage


def _open_cases(refused: Sequence[Refusal], orders: Mapping[int, Order], work: Work) -> None:
    """A payment that the books hold with another amount or order: nobody has lost it, and a person compares."""
    drafts = []
    for refusal in refused:
        error = refusal.error
        logger.warning("booking.refused", key=tuple(refusal.key), code=refusal.code)
        order = orders.get(getattr(error, "order_id", 0))
        if order is None:
            continue
        evidence = {name: value for name, value in error.evidence().items() if name not in ("request_no", "kind")}
        drafts.append(
            CaseDraft(
                code="PAYMENT_CONFLICT",
                subject=f"order:{order.pk}",
                shop_id=order.shop_id,
                reference=order.channel_order_no,
                money_at_risk=getattr(error, "amount", ZERO),
                evidence=evidence,
            )
        )
    open_cases(drafts=drafts, work=work)


def _given_back(payments: Sequence[_Paid], amount: Decimal) -> list[tuple[_Paid, Decimal]]:
    parts: dict[tuple[str, str], tuple[_Paid, Decimal]] = {}
    for paid in reversed(payments):
        part = min(amount, paid.rest)
        if part > ZERO:
            paid.refunded += part
            amount -= part
            # One entry for each transaction number: both stages of a pre-sale may stand under one.
            key = (paid.provider, paid.external_no)
            parts[key] = (paid, part + (parts[key][1] if key in parts else ZERO))
    return list(parts.values())


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
            # Two payments may have one number: what went back of it went back of the first of them first.
            gone = min(refunded[entry.provider, entry.external_no], entry.amount)
            refunded[entry.provider, entry.external_no] -= gone
            found[entry.order_id].append(
                _Paid(entry.provider, entry.external_no, entry.merchant_no, entry.amount, gone)
            )
    return found
