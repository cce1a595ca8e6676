"""Raw messages of many platforms, mixed in the inbox, become orders with their facts: translation and rows, no flow."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from channels_sync.adapters import douyin_mapping, jd_mapping, shopify_mapping, wechat_shop_mapping, woocommerce_mapping
from channels_sync.adapters.base import RawOrder
from channels_sync.adapters.tmall import TRADE_FIELDS
from channels_sync.adapters.tmall_mapping import buyer_of as tmall_buyer_of
from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.benchmark.measure import cpu_now, server_pid
from channels_sync.benchmark.pipeline import CHUNK, side_by_side, take_in
from channels_sync.demo import seed_company
from channels_sync.keeping import order_message
from channels_sync.kinds import order_kind
from channels_sync.models import ChannelAccount
from channels_sync.sandbox import credentials
from channels_sync.sandbox.documents import trade_document
from channels_sync.sandbox.platforms import douyin_documents, jd, shopify_documents, wechat_documents
from channels_sync.sandbox.platforms import woocommerce_documents as woo_documents
from channels_sync.sandbox.scenario import Script, Spec
from channels_sync.sandbox.trades import WAIT_SELLER_SEND_GOODS, Trade
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order

FIRST_TID = 4_200_000_000_000_000_000
WARM_UP = 21
Document = Mapping[str, Any]
# A platform's order whole, the answer around it, and whose it is.
_Made = tuple[Callable[[Trade], Document], Callable[[Document], object], Callable[[Any], str]]
MIX: Mapping[str, _Made] = {
    "tmall": (
        lambda trade: trade_document(trade, TRADE_FIELDS, with_oaid=True),
        lambda order: {"trade_fullinfo_get_response": {"trade": order}},
        tmall_buyer_of,
    ),
    "jd": (
        lambda trade: jd.order_document(trade, is_clear=False),
        lambda order: {"jingdong_pop_order_get_responce": {"orderDetailInfo": {"orderInfo": order}, "code": "0"}},
        jd_mapping.buyer_of,
    ),
    "douyin": (
        lambda trade: douyin_documents.order_document(trade, {}, shop_id=1000001, is_clear=False),
        lambda order: {"code": 10000, "msg": "success", "data": {"shop_order_detail": order}},
        douyin_mapping.buyer_of,
    ),
    "wechat_shop": (
        wechat_documents.order_document,
        lambda order: {"errcode": 0, "errmsg": "ok", "order": order},
        wechat_shop_mapping.buyer_of,
    ),
    "shopify": (
        lambda trade: shopify_documents.order_document(trade, []),
        lambda order: order,
        shopify_mapping.buyer_of,
    ),
    "woocommerce": (
        lambda trade: woo_documents.order_document(trade, []),
        lambda order: order,
        woocommerce_mapping.buyer_of,
    ),
}


def run_mixed_intake(*, orders: int, relays: int) -> dict[str, Any]:
    """Orders of six platforms at random, already in the inbox, taken in by relays side by side: orders/s, CPU ms."""
    before = load_now()
    seed_company(credentials=credentials.generate(), sandbox_url="http://127.0.0.1:9")
    accounts = {row.adapter: row for row in ChannelAccount.objects.select_related("shop")}
    for count, seed in ((600, WARM_UP), (orders, WARM_UP + 1)):
        messages = mixed_orders(accounts, orders=count, seed=seed)
        while chunk := list(itertools.islice(messages, CHUNK)):
            receive(chunk)
        # The first ones compile what is compiled once and warm the database; only the second lot counts.
        written, server = Order.objects.count(), server_pid()
        begun = cpu_now(server)
        if seed == WARM_UP:
            take_all_in(Relay())
        else:
            side_by_side(relays, take_all_in)
        used, written = cpu_now(server) - begun, Order.objects.count() - written
    rate = round(written / used.wall_s)
    return {
        "orders": written,
        "platforms": list(MIX),
        "relays": relays,
        "seconds": round(used.wall_s, 2),
        "orders_per_s": rate,
        "cpu_ms_per_order": {
            "python": round(1000 * used.client_s / written, 3),
            "database": round(1000 * used.database_s / written, 3),
        },
        "load_before_and_after": [before, load_now()],
        "goals": rows(
            Goal("mixed intake", "orders/s", rate, 1500, 3500, is_least=True),
            Goal("not taken in", "orders", orders - written, 0),
        ),
    }


def take_all_in(relay: Relay) -> None:
    queues = [relay.inbox_queue(order_kind(code)) for code in MIX]
    while sum(take_in(queue, relay) for queue in queues):
        pass


def mixed_orders(accounts: Mapping[str, ChannelAccount], *, orders: int, seed: int) -> Iterator[Incoming]:
    """Paid orders without planted problems, sold on the six platforms at random; the same seed gives the same."""
    spec = Spec(seed=seed, orders=orders, problem_shares={}, presale_share=0.0, platforms=dict.fromkeys(MIX, 1.0))
    # Apart by more than a run's orders, and within what each platform's numbers may be.
    script, rng = Script(spec, first_tid=FIRST_TID + seed * 10**7), random.Random(seed)
    paid = datetime.now(UTC) - timedelta(minutes=5)
    for index in range(orders):
        trade = script.order(index).trade
        at_ms = int((paid + timedelta(milliseconds=index)).timestamp() * 1000)
        trade.created_ms, trade.paid_ms, trade.modified_ms = at_ms - 60_000, at_ms, at_ms
        trade.status, trade.alipay_no = WAIT_SELLER_SEND_GOODS, f"{paid:%Y%m%d}2200{rng.randrange(10**16):016d}"
        for line in trade.lines:
            line.status = WAIT_SELLER_SEND_GOODS
        make, around, buyer_of = MIX[trade.platform]
        order = dict(make(trade))
        body = json.dumps(around(order), ensure_ascii=False).encode()
        yield order_message(accounts[trade.platform], RawOrder(trade.number, order, body, buyer_of(order)))
