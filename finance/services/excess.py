"""What was paid of an order beyond its amount: given back, or kept as the buyer's credit; then the order goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from finance.errors import EntryConflict, EntryInvalid, NothingInExcess
from finance.models import PaymentEntry
from finance.services.payments import PaymentFact, record_refunds
from finance.services.statements import READERS
from finance.states import EntryKind
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.money import ZERO
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Order


@dataclass(frozen=True, slots=True)
class Excess:
    """An overpaid order. paid: by its payments; refunded: of that; amount: what is beyond its total now."""

    order: Order
    paid: Decimal
    refunded: Decimal

    @property
    def amount(self) -> Decimal:
        return max(self.paid - self.refunded - self.order.total_amount, ZERO)


def excess_of(order: Order) -> Excess:
    """What the books say of an order. One statement."""
    paid, refunded = _sums(list(PaymentEntry.objects.filter(order=order)))
    return Excess(order, paid, refunded)


def refund_excess(
    *, order_id: int, refund_no: str, reason: str, actor: Actor, at: datetime | None = None, work: Work | None = None
) -> Excess:
    """Enter that what was paid too much has gone back, under the provider's number of that refund; the order is paid.

    Entries run against the order's payments, the newest first, each at most whole. The same number again, for the same
    order, changes nothing. Raises OrderUnknown, NothingInExcess, EntryInvalid, EntryConflict, ReasonMissing; nothing is
    changed then. The reason is kept with the refund and as a deed. Emits PaymentRefunded, OrderPaid.
    """
    _need(reason)
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        order, entries = _locked(order_id, work)
        if not refund_no:
            raise EntryInvalid(order_id=order_id, external_no="", why="a refund needs its request number")
        if _is_booked(order, refund_no, entries):
            return Excess(order, *_sums(entries))
        excess = _checked(order, entries)
        record_refunds(
            refunds=_facts(order, entries, excess.amount, refund_no, work.at), work=work, actor=actor
        ).raise_first()
        orders_services.settle_overpaid(
            order=order,
            paid=excess.paid,
            refunded=excess.amount,
            at=_last(entries),
            refund_no=refund_no,
            reason=reason,
            work=work,
        )
        _tell(work, "order.refund_excess", excess, reason, refund_no=refund_no)
        return Excess(order, excess.paid, excess.refunded + excess.amount)


def keep_excess(*, order_id: int, reason: str, actor: Actor, at: datetime | None = None) -> Excess:
    """Keep what was paid too much as a credit of the buyer; the order is paid. It can be refunded later, as what was
    paid for the order.

    Again, for an order that was settled like this, changes nothing. Raises OrderUnknown, NothingInExcess,
    ReasonMissing. The reason is kept as a deed. Emits OrderPaid.
    """
    _need(reason)
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        order, entries = _locked(order_id, work)
        paid, refunded = _sums(entries)
        if order.paid_at is not None and order.paid_amount == paid and paid - refunded > order.total_amount:
            return Excess(order, paid, refunded)
        excess = _checked(order, entries)
        orders_services.settle_overpaid(
            order=order, paid=excess.paid, refunded=ZERO, at=_last(entries), reason=reason, work=work
        )
        _tell(work, "order.keep_excess", excess, reason)
        return excess


def _need(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing


def _locked(order_id: int, work: Work) -> tuple[Order, list[PaymentEntry]]:
    order = work.lock(Order, [order_id]).get(order_id)
    if order is None:
        raise OrderUnknown(order_id=order_id)
    return order, list(PaymentEntry.objects.filter(order=order).order_by("occurred_at", "pk"))


def _checked(order: Order, entries: Sequence[PaymentEntry]) -> Excess:
    excess = Excess(order, *_sums(entries))
    if not orders_services.waits_for_money(order) or not excess.amount:
        raise NothingInExcess(order_id=order.pk, state=str(order.state))
    return excess


def _last(entries: Sequence[PaymentEntry]) -> datetime:
    return max(entry.occurred_at for entry in entries if entry.kind == EntryKind.PAYMENT)


def _sums(entries: Collection[PaymentEntry]) -> tuple[Decimal, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[entry.kind] += entry.amount
    return sums[EntryKind.PAYMENT], sums[EntryKind.REFUND]


def _is_booked(order: Order, refund_no: str, entries: Sequence[PaymentEntry]) -> bool:
    """Whether this very refund is in the books. Raises EntryConflict for one of another kind of story."""
    mine = [e for e in entries if e.kind == EntryKind.REFUND and e.request_no == refund_no]
    if mine and order.paid_at is None:
        raise EntryConflict(
            external_no=mine[0].external_no,
            kind=EntryKind.REFUND,
            request_no=refund_no,
            order_id=order.pk,
            amount=mine[0].amount,
            booked_order_id=order.pk,
            booked_amount=mine[0].amount,
        )
    return bool(mine)


def _facts(
    order: Order, entries: Sequence[PaymentEntry], amount: Decimal, refund_no: str, at: datetime
) -> list[PaymentFact]:
    """The refund against the payments that it gives back, the newest first."""
    gone: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        if entry.kind == EntryKind.REFUND:
            gone[entry.provider, entry.external_no] += entry.amount
    fee_bp = Shop.objects.values_list("payment_fee_bp", flat=True).get(pk=order.shop_id)
    facts: dict[tuple[str, str], PaymentFact] = {}
    for entry in reversed([e for e in entries if e.kind == EntryKind.PAYMENT]):
        # One refund for each transaction number: both stages of a pre-sale may stand under one.
        key = (entry.provider, entry.external_no)
        back = min(entry.amount, gone[key])
        gone[key] -= back
        part = min(amount, entry.amount - back)
        if part > ZERO:
            amount -= part
            facts[key] = PaymentFact(
                order_id=order.pk,
                shop_id=order.shop_id,
                fee_bp=fee_bp if entry.provider in READERS else 0,
                provider=entry.provider,
                external_no=entry.external_no,
                merchant_no=entry.merchant_no,
                amount=part + (facts[key].amount if key in facts else ZERO),
                currency=entry.currency,
                occurred_at=at,
                kind=EntryKind.REFUND,
                request_no=refund_no,
            )
    return list(facts.values())


def _tell(work: Work, action: str, excess: Excess, reason: str, **more: str) -> None:
    details: Mapping[str, str] = {"amount": str(excess.amount), **more}
    record_deed(work, action=action, subject=f"order:{excess.order.pk}", reason=reason, details=dict(details))
