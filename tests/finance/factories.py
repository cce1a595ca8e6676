"""Small makers of what finance needs around it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from ordercenter.catalog.models import Channel, Shop
from ordercenter.orders.models import Order

_numbers = count(1)
NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


def make_shop(*, fee_bp: int = 60) -> Shop:
    n = next(_numbers)
    channel, _ = Channel.objects.get_or_create(code="tmall", defaults={"name": "Tmall"})
    return Shop.objects.create(channel=channel, code=f"shop-{n}", name=f"Shop {n}", payment_fee_bp=fee_bp)


def make_order(shop: Shop, *, total: Decimal = Decimal("100.00")) -> Order:
    return Order.objects.create(
        shop=shop, channel_order_no=f"TM{next(_numbers)}", total_amount=total, placed_at=NOON, channel_modified_at=NOON
    )
