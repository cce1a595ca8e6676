"""What channels report, as short as a test can say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ordercenter.orders.intake_types import (
    IncomingLine,
    IncomingOrder,
    IncomingPayment,
    IncomingReceiver,
    IncomingRefund,
)

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
RECEIVER = IncomingReceiver(
    name="王小雨",
    phone="13800000000",
    province="浙江省",
    city="杭州市",
    district="西湖区",
    town="",
    address="文三路 90 号 1 幢 301 室",
    zip_code="310012",
    oaid="",
    is_masked=False,
)


def line(sku: str, pieces: int, paid: str, **changes: Any) -> IncomingLine:
    """A line of the listing of the same name; paid: what the buyer pays for all of it."""
    share = Decimal(paid)
    facts: dict[str, Any] = {
        "channel_line_no": f"L-{sku}",
        "listing_id": f"listing-{sku}",
        "listing_sku_id": "",
        "outer_sku": sku,
        "title": sku,
        "sku_text": "",
        "quantity": pieces,
        "unit_price": share / pieces,
        "discount": Decimal(0),
        "paid_share": share,
        "status": "paid",
        "refund_status": "none",
        "is_gift": False,
    }
    return IncomingLine(**(facts | changes))


def report(number: str, *lines: IncomingLine, after_s: int = 0, **changes: Any) -> IncomingOrder:
    """A paid order as its channel sees it `after_s` seconds after noon."""
    lines = lines or (line("SKU-1", 1, "60.00"),)
    total = sum((each.paid_share for each in lines), Decimal(0))
    facts: dict[str, Any] = {
        "channel_order_no": number,
        "status": "paid",
        "held": False,
        "created_at": NOON - timedelta(seconds=30),
        "paid_at": NOON,
        "modified_at": NOON + timedelta(seconds=after_s),
        "goods_total": total,
        "discount_total": Decimal(0),
        "freight": Decimal(0),
        "total_amount": total,
        "currency": "CNY",
        "buyer_id": f"buyer-{number}",
        "buyer_nick": "王**",
        "buyer_remark": "",
        "seller_remark": "",
        "seller_flag": 0,
        "presale_state": None,
        "receiver": RECEIVER,
        "lines": lines,
        "payment": IncomingPayment(f"P-{number}", total, NOON, "alipay", f"M-{number}"),
        "raw_status": "PAID",
    }
    if changes.get("status") == "created":
        facts |= {"paid_at": None, "payment": None, "raw_status": "CREATED"}
    return IncomingOrder(**(facts | changes))


def refund(order_no: str, status: str, amount: str, *, version: int = 1, **changes: Any) -> IncomingRefund:
    """A refund before shipping; newer versions change later."""
    facts: dict[str, Any] = {
        "channel_refund_no": f"R-{order_no}",
        "channel_order_no": order_no,
        "channel_line_no": "L-SKU-1",
        "status": status,
        "phase": "onsale",
        "amount": Decimal(amount),
        "has_goods_return": False,
        "quantity": 1,
        "reason": "不想要了",
        "version": version,
        "created_at": NOON,
        "modified_at": NOON + timedelta(seconds=version),
    }
    return IncomingRefund(**(facts | changes))
