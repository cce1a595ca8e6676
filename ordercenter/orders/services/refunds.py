"""Refund requests of the channels: newest version wins; what is asked before shipping stops the order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import RefundRequested, RefundSucceeded, RefundWithdrawn
from ordercenter.orders.errors import RefundExceedsPayment
from ordercenter.orders.intake_types import IncomingRefund
from ordercenter.orders.models import Order, OrderLine, RefundRequest
from ordercenter.orders.services.closing import cancel_orders
from ordercenter.orders.services.holding import Finding, hold_orders, release_holds
from ordercenter.orders.states import BEFORE_FULFILLMENT, OrderState, RefundStatus

_OURS = {
    "requested": RefundStatus.REQUESTED,
    "agreed": RefundStatus.AGREED,
    "returning": RefundStatus.RETURNING,
    "refused": RefundStatus.REFUSED,
    "withdrawn": RefundStatus.CLOSED,
    "succeeded": RefundStatus.REFUNDED,
}
_ASKING = ("requested", "agreed", "returning")
_STILL_HERE = (*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT)


@dataclass(frozen=True, slots=True)
class TakenRefund:
    """One report of a refund, for an order that we have."""

    order_id: int
    refund: IncomingRefund


def take_refunds(
    *, taken: Sequence[TakenRefund], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Keep refund requests and act on them; done holds (order, report) of those that succeeded just now.

    Asked before shipping: the order is held with a case. Withdrawn or refused: that hold goes. Succeeded: the refunded
    amount grows; an order refunded in full before shipping is cancelled, in part held. Older versions change nothing.
    Refused: RefundExceedsPayment. Emits RefundRequested, RefundWithdrawn, RefundSucceeded.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        orders = work.lock(Order, {t.order_id for t in taken})
        lines = work.lock_children(OrderLine, "order_id", list(orders))
        known = work.lock_children(RefundRequest, "order_id", list(orders))
        asked: dict[int, list[Finding]] = defaultdict(list)
        calm: list[int] = []
        for t in sorted(taken, key=lambda t: t.refund.version):
            order = orders[t.order_id]
            with result.refusals(t, RefundExceedsPayment):
                if _apply(work, order, t.refund, lines[order.pk], known[order.pk]):
                    _react(work, order, t.refund, asked, calm, is_here=_is_here(order, lines[order.pk]))
                    if t.refund.status == "succeeded":
                        result.done.append((order, t.refund))
        # Refunded in full by the end of the list, it is cancelled below: there is nothing to ask.
        hold_orders(findings={pk: found for pk, found in asked.items() if not _is_all_back(orders[pk])}, work=work)
        still = {pk for pk in calm if not _any_asking(known[pk])}
        if still:
            release_holds(order_ids=still, codes=["REFUND_BEFORE_SHIP"], reason="refund withdrawn", work=work)
        _cancel_refunded(work, [order for order, _ in result.done])
    return result


def _apply(
    work: Work, order: Order, report: IncomingRefund, lines: Sequence[OrderLine], known: list[RefundRequest]
) -> bool:
    """Bring our row up to date; False when the report is no newer."""
    row = next((r for r in known if r.channel_refund_no == report.channel_refund_no), None)
    if row is not None and (row.version, row.channel_modified_at) >= (report.version, report.modified_at):
        return False
    if row is not None and row.status == RefundStatus.REFUNDED:
        return False
    if report.status == "succeeded":
        _book(work, order, report.amount)
    status = _OURS[report.status]
    if row is None:
        row = RefundRequest(order_id=order.pk, channel_refund_no=report.channel_refund_no)
        _fill(row, report, status)
        work.add([row])
        known.append(row)
    else:
        _fill(row, report, status)
        work.save(row, "channel_line_no", "status", "amount", "reason", "version", "channel_modified_at")
    for line in lines:
        if line.channel_line_no == report.channel_line_no and line.refund_status != status:
            line.refund_status = status
            work.save(line, "refund_status")
    return True


def _fill(row: RefundRequest, report: IncomingRefund, status: str) -> None:
    row.channel_line_no, row.status, row.amount = report.channel_line_no, status, report.amount
    row.reason, row.version, row.channel_modified_at = report.reason[:200], report.version, report.modified_at


def _book(work: Work, order: Order, amount: Decimal) -> None:
    refundable = order.paid_amount - order.refunded_amount
    if amount > refundable:
        raise RefundExceedsPayment(order_id=order.pk, refundable=refundable, asked=amount)
    order.refunded_amount += amount
    work.save(order, "refunded_amount")


def _is_here(order: Order, lines: Sequence[OrderLine]) -> bool:
    """Whether a refund can still keep something in the house: nothing has left, or a part waits for supply."""
    has_rest = order.state == OrderState.PARTIALLY_SHIPPED and any(line.backordered for line in lines)
    return order.state in _STILL_HERE or has_rest


def _react(
    work: Work,
    order: Order,
    report: IncomingRefund,
    asked: dict[int, list[Finding]],
    calm: list[int],
    *,
    is_here: bool,
) -> None:
    number = report.channel_refund_no
    if report.status in _ASKING:
        work.record(RefundRequested(order_id=order.pk, channel_refund_no=number, amount=report.amount))
        if is_here:
            evidence = {"refund_no": number, "amount": str(report.amount), "reason": report.reason}
            asked[order.pk].append(Finding("REFUND_BEFORE_SHIP", evidence))
    elif report.status == "succeeded":
        work.record(RefundSucceeded(order_id=order.pk, channel_refund_no=number, amount=report.amount))
        if is_here:
            # A part of the goods is not wanted any more: which part ships is for a person, also when nobody was asked.
            evidence = {"refund_no": number, "amount": str(report.amount), "line": report.channel_line_no}
            asked[order.pk].append(Finding("REFUND_BEFORE_SHIP", evidence))
    else:
        work.record(RefundWithdrawn(order_id=order.pk, channel_refund_no=number))
        if order.is_on_hold:
            calm.append(order.pk)


def _any_asking(rows: Sequence[RefundRequest]) -> bool:
    return any(r.status in (RefundStatus.REQUESTED, RefundStatus.AGREED, RefundStatus.RETURNING) for r in rows)


def _is_all_back(order: Order) -> bool:
    return order.paid_amount > 0 and order.refunded_amount == order.paid_amount


def _cancel_refunded(work: Work, orders: Sequence[Order]) -> None:
    full = [o.pk for o in orders if _is_all_back(o) and o.state in _STILL_HERE]
    if full:
        cancel_orders(order_ids=full, reason="refunded in full before shipping", work=work)
