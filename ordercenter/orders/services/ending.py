"""What a channel says about the end of an order: closed there, or shipped by somebody else than us."""

from __future__ import annotations

from ordercenter.orders.intake_types import IncomingOrder
from ordercenter.orders.models import Order
from ordercenter.orders.services.holding import Finding


def is_over(report: IncomingOrder) -> bool:
    """Closed at the channel, paid or not: nothing may be shipped any more."""
    return report.status in ("cancelled", "closed")


def closed_by_channel(report: IncomingOrder) -> str:
    """The reason with which such an order is cancelled here."""
    return f"closed by the channel ({report.raw_status})"


def has_left(report: IncomingOrder) -> bool:
    """The channel has a tracking number of all or a part of it; where we have sent nothing, somebody else has."""
    return report.status in ("part_shipped", "shipped", "completed")


def shipped_elsewhere(order: Order, report: IncomingOrder) -> Finding:
    """Shipping it from here would send the goods twice. One root cause for a shop: it comes with a first connection."""
    return Finding(
        "SHIPPED_ELSEWHERE",
        {"channel_status": report.raw_status},
        root_cause=f"SHIPPED_ELSEWHERE:{order.shop_id}",
    )
