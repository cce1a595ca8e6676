"""Sales over a counter: orders that are paid, handed over and completed before anybody here hears of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ordercenter.audit.work import Work
from ordercenter.common.ids import new_ids
from ordercenter.common.money import ZERO
from ordercenter.common.rows import new_row
from ordercenter.events.types import OrderCompleted, OrderReceived
from ordercenter.orders.intake_types import STATUS_RANK
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import Grade


@dataclass(frozen=True, slots=True)
class CounterLine:
    """Pieces of one SKU that were handed over. paid_share: what was paid for them; bundle_id: of which they are parts.

    channel_line_no: the counter's own; the parts of a bundle share it.
    """

    channel_line_no: str
    sku_id: int
    outer_sku: str
    title: str
    quantity: int
    unit_price: Decimal
    paid_share: Decimal
    bundle_id: int | None = None


@dataclass(frozen=True, slots=True)
class CounterSale:
    """One sale. channel_order_no: unique in the shop. at: when it happened, by the counter's clock."""

    shop_id: int
    channel_order_no: str
    currency: str
    at: datetime
    lines: tuple[CounterLine, ...]
    buyer: str = ""

    @property
    def total(self) -> Decimal:
        return sum((line.paid_share for line in self.lines), ZERO)


def sell_over_counter(*, sales: Sequence[CounterSale], work: Work) -> list[Order]:
    """Write each sale as a completed order whose pieces are with the buyer; no flow starts, nothing is shipped.

    The caller has made sure that the numbers are new, and books stock and payments. Emits OrderReceived and
    OrderCompleted for each. Constant number of statements.
    """
    orders = [_order(sale, work.at) for sale in sales]
    for order, pk in zip(orders, new_ids(Order, len(orders)), strict=True):
        order.id = pk
    work.add(orders)
    lines: list[OrderLine] = []
    for sale, order in zip(sales, orders, strict=True):
        lines.extend(_line(line, number, order) for number, line in enumerate(sale.lines, 1))
        work.record(OrderReceived(order_id=order.id, channel_order_no=order.channel_order_no))
        order.mark_paid(amount=order.total_amount, at=sale.at)
        order.hand_over()
        work.record(OrderCompleted(order_id=order.id, occurred_at=sale.at))
    work.add(lines)
    return orders


def _order(sale: CounterSale, at: datetime) -> Order:
    goods = sum((line.unit_price * line.quantity for line in sale.lines), ZERO)
    return new_row(
        Order,
        shop_id=sale.shop_id,
        channel_order_no=sale.channel_order_no,
        grade=Grade.NORMAL,
        currency=sale.currency,
        goods_amount=max(goods, sale.total),
        discount_amount=max(goods, sale.total) - sale.total,
        freight_amount=ZERO,
        total_amount=sale.total,
        placed_at=sale.at,
        received_at=at,
        buyer_key=sale.buyer[:64],
        channel_status="completed",
        channel_rank=STATUS_RANK["completed"],
        channel_modified_at=sale.at,
    )


def _line(line: CounterLine, number: int, order: Order) -> OrderLine:
    return new_row(
        OrderLine,
        order_id=order.id,
        line_no=number,
        channel_line_no=line.channel_line_no,
        outer_sku=line.outer_sku,
        title=line.title[:255],
        sku_id=line.sku_id,
        bundle_id=line.bundle_id,
        unit_price=line.unit_price,
        paid_share=line.paid_share,
        ordered=line.quantity,
        shipped=line.quantity,
        delivered=line.quantity,
    )
