"""After-sale requests of the channels, by line: the newest version wins, what is asked before shipping stops the order.

What concerns goods that have left (returns, exchanges) is told as facts and cases here; warehouses hear of it from
fulfillment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import (
    RefundRequested,
    RefundSucceeded,
    RefundWithdrawn,
    ReturnCalledOff,
    ReturnExpected,
)
from ordercenter.orders.errors import RefundExceedsPayment
from ordercenter.orders.intake_types import IncomingRefund
from ordercenter.orders.models import Order, OrderLine, RefundRequest
from ordercenter.orders.services.closing import cancel_orders
from ordercenter.orders.services.holding import Finding, hold_orders, release_holds
from ordercenter.orders.states import (
    BEFORE_FULFILLMENT,
    GOODS_COME_BACK,
    GOODS_FOR_GOODS,
    AfterSaleKind,
    OrderState,
    RefundStatus,
)

_OURS = {
    "requested": RefundStatus.REQUESTED,
    "agreed": RefundStatus.AGREED,
    "returning": RefundStatus.RETURNING,
    "refused": RefundStatus.REFUSED,
    "withdrawn": RefundStatus.CLOSED,
    "succeeded": RefundStatus.REFUNDED,
}
_RANK: Mapping[str, int] = {
    RefundStatus.NONE: 0,
    RefundStatus.REQUESTED: 1,
    RefundStatus.AGREED: 2,
    RefundStatus.RETURNING: 3,
    RefundStatus.REFUSED: 4,
    RefundStatus.CLOSED: 5,
    RefundStatus.REFUNDED: 6,
}
_ASKING = ("requested", "agreed", "returning")
# All that keeps goods back while it is open: a price protection does not.
STOPPING_KINDS = tuple(kind for kind in AfterSaleKind if kind != AfterSaleKind.PRICE_PROTECTION)
_STILL_HERE = (*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT)


@dataclass(frozen=True, slots=True)
class TakenRefund:
    """One report of a refund, for an order that we have."""

    order_id: int
    refund: IncomingRefund


def take_refunds(
    *, taken: Sequence[TakenRefund], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Keep after-sale requests and act on them; done holds (order, report) of those that paid back just now.

    Asked before shipping: the order is held with a case. Withdrawn or refused: that hold goes. Money went back: the
    refunded amount grows; an order refunded in full before shipping is cancelled, in part held. Price protection is
    money only: the goods go on. Of goods that have left: agreed to come back is told as ReturnExpected; wanting other
    goods is a case (AFTERSALE_GOODS) until the channel says that it is over. Older versions change nothing. Refused:
    RefundExceedsPayment. Emits RefundRequested, RefundWithdrawn, RefundSucceeded, ReturnExpected, ReturnCalledOff.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        orders = work.lock(Order, {t.order_id for t in taken})
        lines = work.lock_children(OrderLine, "order_id", list(orders))
        known = work.lock_children(RefundRequest, "order_id", list(orders))
        reaction = _Reaction(work)
        for t in sorted(taken, key=lambda t: t.refund.version):
            order = orders[t.order_id]
            with result.refusals(t, RefundExceedsPayment):
                if _apply(work, order, t.refund, lines[order.pk], known[order.pk]):
                    reaction.to(order, t.refund, is_here=_is_here(order, lines[order.pk]))
                    if t.refund.status == "succeeded" and t.refund.kind not in GOODS_FOR_GOODS:
                        result.done.append((order, t.refund))
        # Refunded in full by the end of the list, it is cancelled below: there is nothing to ask.
        asked = {pk: found for pk, found in reaction.asked.items() if not _is_all_back(orders[pk])}
        hold_orders(findings=asked, work=work)
        still = {pk for pk in reaction.calm if not _any_asking(known[pk])}
        if still:
            release_holds(order_ids=still, codes=["REFUND_BEFORE_SHIP"], reason="refund withdrawn", work=work)
        reaction.tell_people(known)
        _cancel_refunded(work, [order for order, _ in result.done])
    return result


def _apply(
    work: Work, order: Order, report: IncomingRefund, lines: Sequence[OrderLine], known: list[RefundRequest]
) -> bool:
    """Bring our row up to date; False when the report is no newer."""
    row = next((r for r in known if r.channel_refund_no == report.channel_refund_no), None)
    if row is not None and _newness(row) >= (report.version, report.modified_at, _RANK[_OURS[report.status]]):
        return False
    if row is not None and row.status == RefundStatus.REFUNDED:
        return False
    if report.status == "succeeded" and report.kind not in GOODS_FOR_GOODS:
        _book(work, order, report.amount)
    status = _OURS[report.status]
    if row is None:
        row = RefundRequest(order_id=order.pk, channel_refund_no=report.channel_refund_no)
        _fill(row, report, status)
        work.add([row])
        known.append(row)
    else:
        _fill(row, report, status)
        work.save(row, *_FILLED)
    if report.kind == AfterSaleKind.PRICE_PROTECTION:
        # The goods of the line are no part of it: nothing may stop them.
        return True
    for line in lines:
        if line.channel_line_no == report.channel_line_no and line.refund_status != status:
            line.refund_status = status
            work.save(line, "refund_status")
    return True


def _newness(row: RefundRequest) -> tuple[int, datetime, int]:
    """Platforms count in whole seconds: of two words of one second the further one is newer."""
    return row.version, row.channel_modified_at, _RANK[row.status]


_FILLED = (
    "channel_line_no",
    "status",
    "amount",
    "reason",
    "version",
    "channel_modified_at",
    "kind",
    "quantity",
    "return_carrier",
    "return_no",
)


def _fill(row: RefundRequest, report: IncomingRefund, status: str) -> None:
    row.kind, row.quantity = report.kind, report.quantity
    row.return_carrier, row.return_no = report.return_carrier[:64], report.return_no[:64]
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


class _Reaction:
    """What a list of reports brings about. asked: findings by order; calm: orders of which something was called off."""

    def __init__(self, work: Work):
        self._work = work
        self.asked: dict[int, list[Finding]] = defaultdict(list)
        self.calm: list[int] = []
        self._other_goods: dict[int, tuple[Order, IncomingRefund]] = {}
        self._settled: set[int] = set()

    def to(self, order: Order, report: IncomingRefund, *, is_here: bool) -> None:
        """One report that is news. is_here: something of the order can still be kept in the house."""
        if report.status in _ASKING:
            self._asked(order, report, is_here=is_here)
        elif report.status != "succeeded":
            self._called_off(order, report)
        elif report.kind in GOODS_FOR_GOODS:
            self._settled.add(order.pk)
            if order.is_on_hold:
                self.calm.append(order.pk)
        else:
            self._paid_back(order, report, is_here=is_here)

    def tell_people(self, known: Mapping[int, list[RefundRequest]]) -> None:
        """Cases for buyers who want other goods for those that have left, closed when the channel says it is over."""
        drafts = [
            CaseDraft(
                code="AFTERSALE_GOODS",
                subject=f"order:{pk}",
                shop_id=order.shop_id,
                reference=order.channel_order_no,
                evidence={
                    "refund_no": report.channel_refund_no,
                    "kind": report.kind,
                    "line": report.channel_line_no,
                    "pieces": report.quantity,
                    "reason": report.reason,
                },
            )
            for pk, (order, report) in self._other_goods.items()
        ]
        if drafts:
            cases.open_cases(drafts=drafts, work=self._work)
        over = {f"order:{pk}" for pk in self._settled if not _any_asking(known[pk], GOODS_FOR_GOODS)}
        if over:
            cases.close_cases_of(
                subjects=over, codes=["AFTERSALE_GOODS"], resolution="settled at the channel", work=self._work
            )

    def _asked(self, order: Order, report: IncomingRefund, *, is_here: bool) -> None:
        number = report.channel_refund_no
        self._work.record(
            RefundRequested(order_id=order.pk, channel_refund_no=number, amount=report.amount, kind=report.kind)
        )
        if report.kind == AfterSaleKind.PRICE_PROTECTION:
            return
        if is_here:
            evidence = {"refund_no": number, "amount": str(report.amount), "reason": report.reason}
            if report.kind != AfterSaleKind.REFUND:
                evidence["kind"] = report.kind
            self.asked[order.pk].append(Finding("REFUND_BEFORE_SHIP", evidence))
            return
        if report.kind in GOODS_COME_BACK and report.status in ("agreed", "returning"):
            self._work.record(
                ReturnExpected(
                    order_id=order.pk,
                    channel_refund_no=number,
                    channel_line_no=report.channel_line_no,
                    pieces=report.quantity,
                    carrier=report.return_carrier,
                    tracking_no=report.return_no,
                )
            )
        if report.kind in GOODS_FOR_GOODS:
            self._other_goods[order.pk] = (order, report)

    def _paid_back(self, order: Order, report: IncomingRefund, *, is_here: bool) -> None:
        number = report.channel_refund_no
        self._work.record(
            RefundSucceeded(order_id=order.pk, channel_refund_no=number, amount=report.amount, kind=report.kind)
        )
        if is_here and report.kind != AfterSaleKind.PRICE_PROTECTION:
            # A part of the goods is not wanted any more: which part ships is for a person, also when nobody was asked.
            evidence = {"refund_no": number, "amount": str(report.amount), "line": report.channel_line_no}
            self.asked[order.pk].append(Finding("REFUND_BEFORE_SHIP", evidence))

    def _called_off(self, order: Order, report: IncomingRefund) -> None:
        number = report.channel_refund_no
        self._work.record(RefundWithdrawn(order_id=order.pk, channel_refund_no=number))
        if report.kind in GOODS_COME_BACK:
            self._work.record(ReturnCalledOff(order_id=order.pk, channel_refund_no=number))
        if report.kind in GOODS_FOR_GOODS:
            self._settled.add(order.pk)
        if order.is_on_hold:
            self.calm.append(order.pk)


def _any_asking(rows: Sequence[RefundRequest], kinds: Collection[str] = STOPPING_KINDS) -> bool:
    asking = (RefundStatus.REQUESTED, RefundStatus.AGREED, RefundStatus.RETURNING)
    return any(row.status in asking and row.kind in kinds for row in rows)


def _is_all_back(order: Order) -> bool:
    return order.paid_amount > 0 and order.refunded_amount == order.paid_amount


def _cancel_refunded(work: Work, orders: Sequence[Order]) -> None:
    full = [o.pk for o in orders if _is_all_back(o) and o.state in _STILL_HERE]
    if full:
        cancel_orders(order_ids=full, reason="refunded in full before shipping", work=work)
