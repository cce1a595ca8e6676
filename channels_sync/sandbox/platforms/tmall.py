"""Tmall: the open platform's router (top.py), and messages that wait in its queue until we fetch and confirm them.

Topics: a public list of TMC topics; contents hold ids, never the order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.goods import SHOP_NAME
from channels_sync.sandbox.people import masked_name
from channels_sync.sandbox.platforms import TMALL, TRAITS, Fact, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.shop import Shop
from channels_sync.sandbox.top import Top
from channels_sync.sandbox.trades import Message, Refund, Trade
from channels_sync.sandbox.waybills import Couriers

TOPICS: Mapping[Fact, str] = {
    Fact.PLACED: "taobao_trade_TradeCreate",
    Fact.DEPOSIT_PAID: "taobao_trade_TradeBuyerStepPay",
    Fact.PAID: "taobao_trade_TradeBuyerPay",
    Fact.CLOSED: "taobao_trade_TradeClose",
    Fact.MEMO_CHANGED: "taobao_trade_TradeMemoModified",
    Fact.PARTLY_SHIPPED: "taobao_trade_TradePartlySellerShip",
    Fact.SHIPPED: "taobao_trade_TradeSellerShip",
    Fact.NUMBER_CHANGED: "taobao_trade_TradeLogisticsAddressChanged",
    Fact.FINISHED: "taobao_trade_TradeSuccess",
    Fact.REFUND_OPENED: "taobao_refund_RefundCreated",
    Fact.RETURN_AGREED: "taobao_refund_RefundSellerAgreeAgreement",
    Fact.GOODS_SENT_BACK: "taobao_refund_RefundBuyerReturnGoods",
    Fact.REFUND_PAID: "taobao_refund_RefundSuccess",
    Fact.REFUND_REFUSED: "taobao_refund_RefundSellerRefuseAgreement",
    Fact.REFUND_CLOSED: "taobao_refund_RefundClosed",
}


class TmallDoor:
    """The first platform: it is asked, it never calls."""

    traits = TRAITS[TMALL]
    root = "/router/rest"
    push_rule: PushRule | None = None

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.world = shop.world
        self._top = Top(shop, credentials, couriers)

    def serve(self, request: Request) -> Reply:
        form = {**request.query, **_form(request.body)}
        return Reply(self._top.answer(form))

    def tell(self, happened: Happened) -> Sequence[Told]:
        """Queue the message, as the switches will have it: lost, late, overtaken or twice."""
        world, switches = self.world, self.world.switches.of(TMALL)
        trade = happened.trade
        if world.rng.random() < switches.lost_messages:
            return ()
        now = world.clock()
        ready = now + int(switches.delay_s * 1000)
        if world.rng.random() < switches.disorder:
            ready += world.rng.randrange(100, 2000)
        topic, content = TOPICS[happened.fact], _content_of(trade, happened.refund)
        message = Message(world.next_number("message"), topic, content, now, trade.tid)
        if world.rng.random() < switches.duplicates:
            if world.rng.random() < 0.5:
                message.extra = 1
            else:
                twin = Message(world.next_number("message"), topic, content, now, trade.tid)
                world.messages.put(twin, ready_ms=ready + world.rng.randrange(1000))
                world.save("message", twin.id, twin)
        world.messages.put(message, ready_ms=ready)
        world.save("message", message.id, message)
        return ()

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        raise NotImplementedError("Tmall's messages are fetched")

    def is_heard(self, status: int, body: bytes) -> bool:
        return status == 200


def _content_of(trade: Trade, refund: Refund | None) -> str:
    content: dict[str, object] = {
        "tid": trade.tid,
        "oid": refund.oid if refund else trade.lines[0].oid,
        "buyer_nick": masked_name(trade.buyer.name),
        "buyer_open_uid": trade.buyer.open_uid,
        "seller_nick": SHOP_NAME,
    }
    if refund:
        fee = f"{refund.fee_fen // 100}.{refund.fee_fen % 100:02d}"
        content |= {"refund_id": int(refund.refund_id), "refund_fee": fee, "bill_type": "refund_bill"}
    else:
        payment = trade.payment_fen
        content |= {
            "payment": f"{payment // 100}.{payment % 100:02d}",
            "status": trade.status,
            "type": "step" if trade.step_status else "guarantee_trade",
        }
    return json.dumps(content, ensure_ascii=False)


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)) if body else {}
    except ValueError:
        return {}
