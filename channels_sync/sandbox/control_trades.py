"""The remote control of single trades: make one, let its buyer or seller do something, look at it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from channels_sync.sandbox import goods
from channels_sync.sandbox.documents import TRADE_FIELDS, trade_document, yuan
from channels_sync.sandbox.doors import DOORS
from channels_sync.sandbox.people import Buyer, invent_buyer
from channels_sync.sandbox.platforms import TMALL, TRAITS, Fact
from channels_sync.sandbox.scenario import TIDS_PER_ORDER
from channels_sync.sandbox.shop import Shop
from channels_sync.sandbox.trades import FRONT_NOPAID_FINAL_NOPAID, Delivery, Line, Trade
from channels_sync.sandbox.world import iso
from ordercenter.common.money import parse_amount, to_fen

Json = dict[str, Any]


class NotFound(Exception):
    """No such thing in this world."""


class TradeControl:
    """What ControlApi answers about single trades; see the table there."""

    def __init__(self, shop: Shop):
        self.shop, self.world = shop, shop.world

    def make(self, body: Json) -> Json:
        count = int(body.pop("count", 1))
        paid = body.pop("paid", True)
        known = {"lines", "buyer", "buyer_message", "seller_memo", "seller_flag", "post_fee", "presale", "platform"}
        if unknown := set(body) - known:
            raise ValueError(
                f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known | {'count', 'paid'}))}"
            )
        with self.world.change():
            trades = [self._make_trade(body) for _no in range(count)]
            for trade in trades:
                self.shop.place(trade)
                if paid:
                    self.shop.pay(trade.tid)
        return {"tids": [trade.number for trade in trades]}

    def _make_trade(self, body: Json) -> Trade:
        """One trade as asked for.

        lines: [{"sku", "num", "price", "discount", "adjust"}], amounts as yuan text, one SKU-1001 unless said; a code
        that is in no catalogue makes an unknown listing. buyer: any of Buyer's fields, the rest is invented. platform:
        where it is sold, Tmall unless said.
        """
        platform = body.get("platform", TMALL)
        if platform not in DOORS:
            raise ValueError(f"not played: {platform}; there are: {', '.join(DOORS)}")
        now, tid = self.world.clock_of(platform), self.world.next_number("tid", TIDS_PER_ORDER)
        invented = asdict(invent_buyer(random.Random(f"trade/{tid}"), identity=f"trade/{tid}"))
        if unknown := set(body.get("buyer") or {}) - set(invented):
            raise ValueError(f"a buyer has no {', '.join(sorted(unknown))}")
        wanted = body.get("lines") or [{"sku": "SKU-1001"}]
        if len(wanted) >= TIDS_PER_ORDER:
            raise ValueError(f"at most {TIDS_PER_ORDER - 1} lines")
        lines = [_make_line(line, tid if len(wanted) == 1 else tid + at) for at, line in enumerate(wanted, start=1)]
        return Trade(
            tid=tid,
            buyer=Buyer(**{**invented, **(body.get("buyer") or {})}),
            lines=lines,
            created_ms=now,
            modified_ms=now,
            post_fen=to_fen(parse_amount(body.get("post_fee", "0"))),
            buyer_message=body.get("buyer_message", ""),
            seller_memo=body.get("seller_memo", ""),
            seller_flag=int(body.get("seller_flag", 0)),
            step_status=FRONT_NOPAID_FINAL_NOPAID if body.get("presale") else "",
            platform=platform,
        )

    def get(self, rest: list[str], _query: Mapping[str, str]) -> Json:
        trade = self.shop.trade(self.tid(rest))
        number = trade.number
        deliveries = [delivery for delivery in self.world.deliveries.values() if number in delivery.trades]
        document = trade_document(trade, ",".join(TRADE_FIELDS), clear=True)
        listed = {
            line.outer_sku_id: self.world.listed_stock(trade.platform, line.num_iid, line.sku_id)
            for line in trade.lines
        }
        return {
            "trade": document,
            "platform": trade.platform,
            "number": number,
            "problem": trade.problem,
            "way": way_of(trade, deliveries),
            "parcels": [asdict(parcel) for parcel in trade.parcels],
            "listed": listed,
        }

    def short(self, trade: Trade) -> Json:
        return {"tid": trade.number, "status": trade.status, "step_status": trade.step_status}

    def change_memo(self, rest: list[str], body: Json) -> Json:
        memo, flag = str(body.get("memo", "")), int(body.get("flag", 0))
        return self.short(self.shop.change_memo(self.tid(rest), memo=memo, flag=flag))

    def tell_again(self, rest: list[str], body: Json) -> Json:
        times, fact = int(body.get("times", 1)), Fact(body.get("fact", Fact.PAID))
        with self.world.change():
            trade = self.shop.trade(self.tid(rest))
            for _no in range(times):
                self.shop.emit(fact, trade)
        return {"times": times}

    def change_number(self, rest: list[str], body: Json) -> Json:
        trade = self.shop.change_number(
            self.tid(rest), old=str(body["old"]), waybill=str(body["waybill"]), carrier=str(body["carrier"])
        )
        return self.short(trade)

    def split(self, rest: list[str], _body: Json) -> Json:
        with self.world.change():
            parts = self.shop.split(self.tid(rest))
        return {"tids": [part.number for part in parts]}

    def refund(self, rest: list[str], body: Json) -> Json:
        if len(rest) == 2 and rest[1] == "back":
            refund = self.shop.send_back(rest[0], waybill=str(body["waybill"]), carrier=str(body["carrier"]))
        elif len(rest) == 2:
            if rest[1] not in ("agree", "refuse", "close"):
                raise NotFound(f"no decision {rest[1]}")
            refund = self.shop.decide_refund(rest[0], rest[1])
        else:
            with self.world.change():
                trade = self.shop.trade(self.tid(rest))
                refund = self.shop.open_refund(
                    trade.tid,
                    oid=_oid(trade, body.get("oid")),
                    reason=body.get("reason", "不想要了"),
                    kind=body.get("kind", "refund"),
                    num=int(body.get("num", 0)),
                    fee_fen=to_fen(parse_amount(body["fee"])) if "fee" in body else None,
                )
        return {"refund_id": refund.refund_id, "status": refund.status, "fee": yuan(refund.fee_fen)}

    def tid(self, rest: list[str]) -> int:
        """The trade with this number, its platform's or its own: all ranges are apart."""
        if len(rest) != 1 or not rest[0].isdigit():
            raise NotFound("name a trade by its number")
        number = int(rest[0])
        for code in DOORS:
            trade = self.world.trades.get(number + TRAITS[code].number_shift)
            if trade is not None and trade.platform == code:
                return trade.tid
        return number


def way_of(trade: Trade, deliveries: list[Delivery]) -> Json:
    """The instants of an order's way, ISO 8601; None for what has not come."""
    first = min(deliveries, key=lambda delivery: delivery.received_ms) if deliveries else None
    return {
        "platform": trade.platform,
        "status": trade.status,
        "problem": trade.problem,
        "paid_at": iso(trade.announced_ms),
        "message_at": iso(trade.first_message_ms),
        "read_at": iso(trade.first_read_ms),
        "warehouse_at": iso(first.received_ms) if first else None,
        "shipped_at": iso(first.shipped_ms) if first else None,
        "confirmed_at": iso(first.confirmed_ms) if first else None,
        "tracking_at": iso(trade.consigned_ms),
        "finished_at": iso(trade.ended_ms) if trade.status == "TRADE_FINISHED" else None,
        "deliveries": {delivery.code: delivery.receipts for delivery in deliveries},
        "tracking_receipts": trade.send_receipts,
    }


def _oid(trade: Trade, wanted: Any) -> int:
    """The line with this number, its platform's or its own; the first unless said."""
    if not wanted:
        return trade.lines[0].oid
    fits = [line.oid for line in trade.lines if str(wanted) in (str(line.oid), trade.line_number(line))]
    return fits[0] if fits else int(wanted)


def _make_line(wanted: Json, oid: int) -> Line:
    if unknown := set(wanted) - {"sku", "num", "price", "discount", "adjust"}:
        raise ValueError(f"a line has no {', '.join(sorted(unknown))}")
    code = wanted.get("sku", "SKU-1001")
    ware = goods.SKU_BY_CODE.get(code) or goods.BUNDLE_BY_CODE.get(code)
    price = to_fen(parse_amount(wanted["price"])) if "price" in wanted else ware.price_fen if ware else 9_900
    return Line(
        oid=oid,
        num_iid=ware.num_iid if ware else 690_000_000_000 + oid % 10**9,
        sku_id=ware.sku_id if ware else 5_900_000_000 + oid % 10**8,
        outer_sku_id=code,
        outer_iid=ware.spu if ware else "",
        title=ware.title if ware else f"新品 {code}",
        properties=ware.properties if ware else "",
        cid=ware.cid if ware else 50008779,
        price_fen=price,
        num=int(wanted.get("num", 1)),
        discount_fen=to_fen(parse_amount(wanted.get("discount", "0"))),
        adjust_fen=to_fen(parse_amount(wanted.get("adjust", "0"))),
    )
