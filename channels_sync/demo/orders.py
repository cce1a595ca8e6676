"""Orders of the demo company's live-stream shop: as its till hands them over, in one list each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from channels_sync.bulk_orders import BulkRow, take_bulk
from channels_sync.demo.people import FAR, NEAR, SOUTH, Buyer
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.common.scope import EVERYTHING
from ordercenter.events.relay import Relay
from ordercenter.orders.intake_types import IncomingLine, IncomingOrder, IncomingPayment, IncomingReceiver
from ordercenter.orders.models import Order

LIVE_SHOP = "mumian-live"
INTEGRATION = Actor("integration", "demo till")


@dataclass(frozen=True)
class Basket:
    """What a buyer took. lines: (SKU code, pieces); ago: before now it was paid. same_buyer: travels with its like."""

    buyer: Buyer
    lines: tuple[tuple[str, int], ...]
    ago: timedelta
    same_buyer: str = ""
    buyer_remark: str = ""
    seller_remark: str = ""
    receiver: IncomingReceiver | None = None


def _hours(hours: float) -> timedelta:
    return timedelta(hours=hours)


# Yesterday's: they leave in the first waves.
SHIPPED = tuple(
    Basket(NEAR[n % len(NEAR)], lines, _hours(22 - n / 2))
    for n, lines in enumerate(
        (
            (("SKU-1201", 1),),
            (("SKU-1202", 1),),
            (("SKU-1203", 1),),
            (("SKU-1204", 2),),
            (("SKU-1201", 1), ("SKU-1204", 1)),
            (("SKU-1202", 2), ("SKU-1203", 1)),
            (("SKU-1203", 1), ("SKU-1204", 1)),
            (("SKU-1201", 2),),
            (("SKU-1201", 1), ("SKU-1202", 1)),
            (("SKU-1202", 3),),
            (("SKU-1203", 2),),
            (("SKU-1201", 1), ("SKU-1203", 1)),
        )
    )
)
# This morning's: a wave is under way with them. The two of one buyer share a parcel, and reach the gift together.
PICKING = (
    Basket(NEAR[0], (("SKU-1201", 2), ("SKU-1203", 1)), _hours(7), seller_remark="加急"),
    Basket(NEAR[1], (("SKU-1202", 1),), _hours(6.5), same_buyer="joint"),
    Basket(NEAR[1], (("SKU-1201", 1), ("SKU-1204", 1)), _hours(6), same_buyer="joint"),
    Basket(NEAR[2], (("SKU-1202", 2), ("SKU-1204", 1)), _hours(5)),
    Basket(NEAR[3], (("SKU-1203", 1), ("SKU-1204", 2)), _hours(4.5)),
    Basket(NEAR[4], (("SKU-1201", 1), ("SKU-1202", 1), ("SKU-1203", 1)), _hours(4)),
    Basket(NEAR[5], (("SKU-1204", 3), ("SKU-1201", 1)), _hours(3.5)),
)
# Just now: they wait for a wave.
WAITING = (
    Basket(NEAR[4], (("SKU-1202", 1), ("SKU-1204", 1)), _hours(2)),
    Basket(NEAR[5], (("SKU-1203", 1),), _hours(1.5)),
    Basket(NEAR[0], (("SKU-1201", 1),), _hours(1)),
)
# Kept back in Guangzhou until its next wave; the first is split by hand.
KEPT_BACK = (
    Basket(SOUTH[0], (("SKU-1008", 1), ("SKU-1022", 2)), _hours(3)),
    Basket(SOUTH[1], (("SKU-1001", 2),), _hours(2.5)),
    Basket(SOUTH[2], (("SKU-1013", 1), ("SKU-1010", 2)), _hours(2)),
    Basket(SOUTH[3], (("SKU-1049", 1),), _hours(1.5)),
    Basket(SOUTH[0], (("SKU-1031", 2),), _hours(1)),
)
# What needs somebody, or time: made to order, sold out, a remark, an address without its city.
STOPPED = (
    Basket(NEAR[2], (("SKU-1301", 2),), _hours(9)),
    Basket(FAR[0], (("SKU-1302", 4),), _hours(8)),
    Basket(NEAR[5], (("SKU-1015", 1),), _hours(3), buyer_remark="送朋友的，请放一张贺卡，不要放价签"),
    Basket(
        FAR[1],
        (("SKU-1034", 2),),
        _hours(2),
        receiver=IncomingReceiver("马惊蛰", "13800000022", "", "", "", "", "解放路示例巷22号", "", "", False),
    ),
    Basket(FAR[0], (("SKU-1052", 1),), _hours(1)),
)


def take(baskets: Sequence[Basket], *, prefix: str, at: datetime, room_id: str = "") -> list[Order]:
    """Take these orders in and let their flows run; the orders in the order of the baskets.

    room_id: the live room in which they were bought.
    """
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in={code for b in baskets for code, _n in b.lines})}
    rows = [
        BulkRow(n, LIVE_SHOP, _incoming(basket, f"LIVE{at:%y%m%d}{prefix}{n:03d}", skus, at, room_id))
        for n, basket in enumerate(baskets)
    ]
    result = take_bulk(rows=rows, reach=EVERYTHING, actor=INTEGRATION, subject="demo:till", at=at)
    for refused in result.refused.values():
        raise refused
    Relay().drain()
    orders = Order.objects.in_bulk(list(result.created.values()))
    return [orders[result.created[n]] for n in range(len(rows))]


def _incoming(basket: Basket, number: str, skus: Mapping[str, Sku], at: datetime, room_id: str) -> IncomingOrder:
    paid_at = at - basket.ago
    prices = [(skus[code], pieces, skus[code].list_price or Decimal(0)) for code, pieces in basket.lines]
    total = sum((price * pieces for _sku, pieces, price in prices), Decimal(0))
    lines = tuple(
        IncomingLine(
            channel_line_no=f"{number}-{n}",
            listing_id=sku.code,
            listing_sku_id="",
            outer_sku=sku.code,
            title=sku.name,
            sku_text="",
            quantity=pieces,
            unit_price=price,
            discount=Decimal(0),
            paid_share=price * pieces,
            status="paid",
            refund_status="none",
            is_gift=False,
            live_room_id=room_id,
        )
        for n, (sku, pieces, price) in enumerate(prices, start=1)
    )
    return IncomingOrder(
        channel_order_no=number,
        status="paid",
        held=False,
        created_at=paid_at - timedelta(minutes=2),
        paid_at=paid_at,
        modified_at=paid_at,
        goods_total=total,
        discount_total=Decimal(0),
        freight=Decimal(0),
        total_amount=total,
        currency="CNY",
        buyer_id=f"demo-{basket.same_buyer or number}",
        buyer_nick=f"{basket.buyer.name[0]}**",
        buyer_remark=basket.buyer_remark,
        seller_remark=basket.seller_remark,
        seller_flag=0,
        presale_state=None,
        receiver=basket.receiver or basket.buyer.receiver,
        lines=lines,
        payment=IncomingPayment(f"WX{number}", total, paid_at, "wechat", number),
        raw_status="paid",
    )
