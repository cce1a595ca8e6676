"""Taking orders in: new ones are written, known ones brought up to date, late news is left aside."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.contacts import make_contact
from ordercenter.catalog.models import Contact
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import FOR_UPDATE, new_row, rows_where
from ordercenter.events.types import OrderReceived, OrderUnpaid
from ordercenter.orders.intake_types import STATUS_RANK, IncomingLine, IncomingOrder
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.closing import cancel_orders
from ordercenter.orders.services.ending import closed_by_channel, has_left, is_over, shipped_elsewhere
from ordercenter.orders.services.holding import Finding, hold_orders
from ordercenter.orders.services.payment import apply_payment, receiver_of, ship_by_of
from ordercenter.orders.services.updates import update_orders
from ordercenter.orders.states import Grade, OrderState


@dataclass(frozen=True, slots=True)
class TakenOrder:
    """One report of an order: the shop, what the channel says, and the inbox message that said so."""

    shop_id: int
    order: IncomingOrder
    inbox_id: int | None = None


@dataclass
class IntakeResult:
    """created and updated: the orders as they are now. stale: reports that were no newer than what we have."""

    created: list[Order] = field(default_factory=list)
    updated: list[Order] = field(default_factory=list)
    stale: list[TakenOrder] = field(default_factory=list)
    # (shop id, channel order number) -> our order, for all that were named.
    by_number: dict[tuple[int, str], Order] = field(default_factory=dict)


def take_orders(
    *, taken: Sequence[TakenOrder], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> IntakeResult:
    """Write new orders with lines and receiver; apply newer reports to known ones; leave older reports aside.

    The unique key (shop, channel order number) decides what is new; of several reports of one order in the list the
    newest counts. Emits OrderReceived and, for what is paid, OrderPaid. An order whose payment is not what is due is
    held with a case, and so is one whose goods, says the channel, have left before we ever sent them. One that has
    ended already is kept as cancelled. Constant number of statements.
    """
    result = IntakeResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        newest = _newest(taken, result)
        known = _lock_known(work, newest)
        fresh = [t for key, t in newest.items() if key not in known]
        created = _create(work, fresh)
        result.created.extend(created)
        result.by_number.update(known)
        result.by_number.update(((t.shop_id, t.order.channel_order_no), o) for t, o in zip(fresh, created, strict=True))
        reports = [(known[key], t) for key, t in newest.items() if key in known]
        newer = [(order, t) for order, t in reports if _is_newer(t.order, order)]
        result.stale.extend(t for order, t in reports if not _is_newer(t.order, order))
        update_orders(work, [(order, t.order) for order, t in newer])
        result.updated.extend(order for order, _ in newer)
    return result


def _newest(taken: Sequence[TakenOrder], result: IntakeResult) -> dict[tuple[int, str], TakenOrder]:
    newest: dict[tuple[int, str], TakenOrder] = {}
    for t in taken:
        key = (t.shop_id, t.order.channel_order_no)
        held = newest.get(key)
        if held is None or _age(t.order) >= _age(held.order):
            newest[key] = t
            if held is not None:
                result.stale.append(held)
        else:
            result.stale.append(t)
    return newest


def _age(report: IncomingOrder) -> tuple[datetime, int]:
    return report.modified_at, STATUS_RANK[report.status]


def _is_newer(report: IncomingOrder, order: Order) -> bool:
    """Newer, or of the same second and at least as far: what such a report repeats changes nothing anyway."""
    return _age(report) >= (order.channel_modified_at, order.channel_rank)


def _lock_known(work: Work, newest: dict[tuple[int, str], TakenOrder]) -> dict[tuple[int, str], Order]:
    numbers = {t.order.channel_order_no for t in newest.values()}
    shops = {t.shop_id for t in newest.values()}
    found = rows_where(Order, {"shop_id": shops, "channel_order_no": numbers}, lock=FOR_UPDATE)
    work.adopt(Order, found)
    return {(o.shop_id, o.channel_order_no): o for o in found if (o.shop_id, o.channel_order_no) in newest}


def _create(work: Work, fresh: Sequence[TakenOrder]) -> list[Order]:
    if not fresh:
        return []
    contacts = [make_contact(receiver_of(t.order.receiver)) for t in fresh]
    work.add(contacts)
    orders = [_new_order(t, contact, work.at) for t, contact in zip(fresh, contacts, strict=True)]
    for order, pk in zip(orders, new_ids(Order, len(orders)), strict=True):
        order.id = pk
    work.add(orders)
    work.add([line for t, order in zip(fresh, orders, strict=True) for line in _new_lines(t.order, order)])
    findings: dict[int, list[Finding]] = {}
    ended: dict[str, list[int]] = defaultdict(list)
    for t, order in zip(fresh, orders, strict=True):
        work.record(OrderReceived(order_id=order.id, channel_order_no=order.channel_order_no))
        apply_payment(work, order, t.order, findings)
        if order.state == OrderState.PENDING_PAYMENT:
            work.record(OrderUnpaid(order_id=order.id))
        if t.order.held:
            findings.setdefault(order.id, []).append(Finding("CHANNEL_HELD", {"channel_status": t.order.raw_status}))
        if has_left(t.order):
            findings.setdefault(order.id, []).append(shipped_elsewhere(order, t.order))
        elif is_over(t.order):
            ended[closed_by_channel(t.order)].append(order.id)
    hold_orders(findings=findings, work=work)
    for reason, order_ids in ended.items():
        cancel_orders(order_ids=order_ids, reason=reason, work=work)
    return orders


def _new_order(t: TakenOrder, contact: Contact, at: datetime) -> Order:
    o = t.order
    return new_row(
        Order,
        shop_id=t.shop_id,
        channel_order_no=o.channel_order_no,
        grade=Grade.NORMAL,
        currency=o.currency,
        goods_amount=o.goods_total,
        discount_amount=o.discount_total,
        freight_amount=o.freight,
        total_amount=o.total_amount,
        placed_at=o.created_at,
        received_at=at,
        contact_id=contact.id,
        ship_by=ship_by_of(o) if o.paid_at else None,
        buyer_key=o.buyer_id[:64],
        buyer_nick=o.buyer_nick[:64],
        buyer_remark=o.buyer_remark,
        seller_remark=o.seller_remark,
        content_key=content_key(o.lines),
        channel_status=o.raw_status[:40],
        channel_held=o.held,
        channel_rank=STATUS_RANK[o.status],
        channel_modified_at=o.modified_at,
        inbox_id=t.inbox_id,
    )


def _new_lines(incoming: IncomingOrder, order: Order) -> list[OrderLine]:
    return [
        new_row(
            OrderLine,
            order_id=order.id,
            line_no=number,
            channel_line_no=line.channel_line_no,
            listing_id=line.listing_id,
            listing_sku_id=line.listing_sku_id,
            outer_sku=line.outer_sku[:64],
            title=line.title[:255],
            spec=line.sku_text[:255],
            unit_price=line.unit_price,
            paid_share=line.paid_share,
            is_gift=line.is_gift,
            refund_status=line.refund_status,
            ordered=line.quantity,
            unplanned=line.quantity,
        )
        for number, line in enumerate(incoming.lines, 1)
    ]


def content_key(lines: Sequence[IncomingLine]) -> str:
    """A digest that is equal for the same listings in the same quantities, whatever their order."""
    text = "|".join(sorted(f"{line.listing_id}/{line.listing_sku_id}x{line.quantity}" for line in lines))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
