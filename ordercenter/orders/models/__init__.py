"""Orders, what holds them, and the rules that business people keep about them."""

from ordercenter.orders.models.gifts import GiftCount, GiftGrant, GiftRule, GiftTier, GiftTrigger
from ordercenter.orders.models.orders import Hold, Order, OrderLine, RefundRequest, SplitPart
from ordercenter.orders.models.rules import GradeRule, ParcelPolicy, VipBuyer

__all__ = [
    "GiftCount",
    "GiftGrant",
    "GiftRule",
    "GiftTier",
    "GiftTrigger",
    "GradeRule",
    "Hold",
    "Order",
    "OrderLine",
    "ParcelPolicy",
    "RefundRequest",
    "SplitPart",
    "VipBuyer",
]
