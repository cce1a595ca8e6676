"""Seeded orders as raw messages: what the sandbox would answer to trade.fullinfo.get, without the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from channels_sync.adapters.base import RawOrder
from channels_sync.adapters.tmall import TRADE_FIELDS
from channels_sync.adapters.tmall_mapping import buyer_of
from channels_sync.keeping import order_message
from channels_sync.models import ChannelAccount
from channels_sync.sandbox.documents import trade_document
from channels_sync.sandbox.scenario import Script, Spec
from channels_sync.sandbox.trades import WAIT_SELLER_SEND_GOODS, Trade
from ordercenter.events.inbox import Incoming

FIRST_TID = 4_100_000_000_000_000_000


def paid_orders(
    account: ChannelAccount, *, orders: int, seed: int = 7, change: Callable[[Trade], None] | None = None
) -> Iterator[Incoming]:
    """Paid orders without planted problems, one inbox message each; the same seed gives the same orders.

    change: what is done to each trade before it is written down.
    """
    spec = Spec(seed=seed, orders=orders, problem_shares={}, presale_share=0.0)
    # Runs of other seeds in the same database must not meet.
    script = Script(spec, first_tid=FIRST_TID + seed * 10**9)
    paid = datetime.now(UTC) - timedelta(minutes=5)
    for index in range(orders):
        trade = script.order(index).trade
        at_ms = int((paid + timedelta(milliseconds=index)).timestamp() * 1000)
        trade.created_ms, trade.paid_ms, trade.modified_ms = at_ms - 60_000, at_ms, at_ms
        trade.status, trade.alipay_no = WAIT_SELLER_SEND_GOODS, f"{paid:%Y%m%d}2200{seed:04d}{index:012d}"
        for line in trade.lines:
            line.status = WAIT_SELLER_SEND_GOODS
        if change is not None:
            change(trade)
        document = trade_document(trade, TRADE_FIELDS, with_oaid=True)
        body = json.dumps({"trade_fullinfo_get_response": {"trade": document}}, ensure_ascii=False).encode()
        yield order_message(account, RawOrder(str(trade.tid), document, body, buyer_of(document)))
