"""The names of the messages that channels send us and of the calls that we make to them.

They are stored in inbox and outgoing rows: a name never changes its meaning.
"""

from __future__ import annotations

TRACKING_KIND = "channel.tracking"
RENUMBER_KIND = "channel.tracking_change"
STOCK_KIND = "channel.stock"
REMARK_KIND = "channel.remark"

# Tmall was there before there were others.
ORDER_KIND, REFUND_KIND, NOTICE_KIND = "tmall.trade", "tmall.refund", "tmall.message"
_TMALL = {"order": ORDER_KIND, "refund": REFUND_KIND, "message": NOTICE_KIND}


def order_kind(platform: str) -> str:
    """The kind of a platform's orders in the inbox."""
    return _kind(platform, "order")


def refund_kind(platform: str) -> str:
    """The kind of a platform's refunds in the inbox."""
    return _kind(platform, "refund")


def notice_kind(platform: str) -> str:
    """The kind of messages that something changed, and of those that nobody can read."""
    return _kind(platform, "message")


def _kind(platform: str, what: str) -> str:
    return _TMALL[what] if platform == "tmall" else f"{platform}.{what}"
