"""The names of the messages that channels send us and of the calls that we make to them.

They are stored in inbox and outgoing rows: a name never changes its meaning.
"""

from __future__ import annotations

ORDER_KIND = "tmall.trade"
REFUND_KIND = "tmall.refund"
NOTICE_KIND = "tmall.message"
TRACKING_KIND = "tmall.logistics.offline.send"
STOCK_KIND = "tmall.stock"
