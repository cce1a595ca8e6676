"""A shop with a JSON API of its own, as a connector meets it: a key in a header, pages with a total, a code in answers.

Its words are those of the connector's sample document (channels_sync/connector/samples.py).
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TRAITS, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.platforms.limits import RateLimit
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.trades import (
    TRADE_CLOSED,
    TRADE_CLOSED_BY_TAOBAO,
    TRADE_FINISHED,
    WAIT_BUYER_CONFIRM_GOODS,
    WAIT_BUYER_PAY,
    Line,
    Refund,
    Trade,
)
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import page_of
from ordercenter.common.gmt8 import GMT8, parse_gmt8
from ordercenter.common.signing import same_text
from ordercenter.common.strictjson import UnreadableBody, loads_strict

CODE = "http"
_STATUS = {
    WAIT_BUYER_PAY: "unpaid",
    WAIT_BUYER_CONFIRM_GOODS: "shipped",
    TRADE_FINISHED: "done",
    TRADE_CLOSED: "refunded",
    TRADE_CLOSED_BY_TAOBAO: "cancelled",
}
_REFUND_STATUS = {
    "WAIT_SELLER_AGREE": "asked",
    "WAIT_BUYER_RETURN_GOODS": "agreed",
    "WAIT_SELLER_CONFIRM_GOODS": "agreed",
    "SUCCESS": "paid",
    "CLOSED": "withdrawn",
}
Json = dict[str, Any]


class Problem(Exception):
    """An answer whose code is not 0."""

    def __init__(self, status: int, code: int, message: str):
        super().__init__(f"{code} {message}")
        self.status, self.code, self.message = status, code, message


class DirectDoor:
    """The company's own shop."""

    traits = TRAITS[CODE]
    root = "/direct"
    push_rule: PushRule | None = PushRule(pauses_s=(2.0, 20.0))

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world, self.credentials = shop, shop.world, credentials
        self._limit = RateLimit(self.world, CODE)
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Any]], ...] = (
            ("GET", re.compile(r"/orders"), self._orders),
            ("GET", re.compile(r"/orders/(\d+)"), self._order),
            ("POST", re.compile(r"/orders/(\d+)/parcels"), self._parcel),
            ("GET", re.compile(r"/refunds"), self._refunds),
            ("PUT", re.compile(r"/stock/(\d+)"), self._stock),
        )

    def serve(self, request: Request) -> Reply:
        try:
            with self.world.lock:
                return _reply(0, "ok", self._answer(request))
        except Problem as problem:
            return _reply(problem.code, problem.message, None, problem.status)
        except Refused as refusal:
            return _reply(40, refusal.message, None)

    def _answer(self, request: Request) -> Any:
        given = request.headers.get("x-api-key", "")
        if not same_text(self.credentials.direct_api_key, given) or self.world.switches.of(CODE).token_expired:
            raise Problem(401, 10, "wrong key")
        if self._limit.is_exceeded():
            raise Problem(429, 11, "too many calls")
        for method, pattern, handle in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return handle(request, *match.groups())
        raise Problem(404, 12, "no such address")

    def _orders(self, request: Request) -> Json:
        start, end = _span(request)
        page, size = int(request.query.get("page", "1")), int(request.query.get("size", "50"))
        index = self.world.modified
        if page > 1:
            self.world.shift_page(CODE, page_of(index[CODE].window(start, end), 0, 1), index)
        buckets = index[CODE].window(start, end)
        tids = page_of(buckets, (page - 1) * size, size)
        return {"total": sum(map(len, buckets)), "items": [self._document(self.world.trades[tid]) for tid in tids]}

    def _order(self, _request: Request, number: str) -> Json:
        return self._document(self.shop.sold_on(CODE, number))

    def _document(self, trade: Trade) -> Json:
        if trade.paid_ms and not trade.first_read_ms:
            trade.first_read_ms = self.world.clock()
        return order_document(trade)

    def _parcel(self, request: Request, number: str) -> Json:
        trade, document = self.shop.sold_on(CODE, number), _object(request)
        waybill = str(document.get("number", ""))
        if any(parcel.waybill == waybill for parcel in trade.parcels):
            return {}  # the same report again
        of_line = {trade.line_number(line): line for line in trade.lines}
        pieces = {}
        for row in document.get("lines") or []:
            line = of_line.get(str(row.get("line_no")))
            if line is None:
                raise Problem(200, 41, "no such line")
            pieces[line.oid] = row.get("quantity") or line.num - line.sent
        self.shop.ship(trade.tid, waybill=waybill, carrier=str(document.get("courier", "")), pieces=pieces)
        return {}

    def _refunds(self, request: Request) -> list[Json]:
        buckets = self.world.refunds_modified[CODE].window(*_span(request))
        found = [self.world.refunds[number] for bucket in buckets for number in bucket]
        return [refund_document(refund, self.world.trades[refund.tid]) for refund in found]

    def _stock(self, request: Request, listing: str) -> Json:
        document = _object(request)
        sku, quantity = str(document.get("sku_id", "")), document.get("quantity")
        if not sku.isdigit() or type(quantity) is not int or quantity < 0:
            raise Problem(200, 42, "no such goods, or no such number of them")
        self.world.list_stock(CODE, int(listing), int(sku), quantity)
        return {}

    def tell(self, happened: Happened) -> Sequence[Told]:
        if happened.refund is not None:
            return []
        return [Told("order", json.dumps(order_document(happened.trade), ensure_ascii=False))]

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        digest = hmac.digest(self.credentials.direct_webhook_secret.encode(), told.raw, "sha256").hex()
        return Sealed(told.raw, {"X-Signature": digest})

    def is_heard(self, status: int, body: bytes) -> bool:
        return status == 200


def order_document(trade: Trade) -> Json:
    """One order in the shop's own words: fen, wall-clock times of China."""
    buyer = trade.buyer
    return {
        "order_no": trade.number,
        "status": _STATUS.get(trade.status, "paid"),
        "created_at": _time(trade.created_ms),
        "updated_at": _time(trade.modified_ms),
        "paid_at": _time(trade.paid_ms) if trade.paid_ms else None,
        "total": trade.payment_fen,
        "freight": trade.post_fen,
        "buyer": {"id": buyer.open_uid},
        "remark": trade.buyer_message,
        "payment_no": f"D{trade.alipay_no}" if trade.alipay_no else "",
        "receiver": {
            "name": buyer.name,
            "phone": buyer.mobile,
            "province": buyer.state,
            "city": buyer.city,
            "district": buyer.district,
            "street": buyer.town,
            "detail": buyer.address,
        },
        "lines": [_line(trade, line) for line in trade.lines],
    }


def refund_document(refund: Refund, trade: Trade) -> Json:
    line = next(line for line in trade.lines if line.oid == refund.oid)
    return {
        "refund_no": refund.refund_id,
        "order_no": trade.number,
        "line_id": trade.line_number(line),
        "status": _REFUND_STATUS.get(refund.status, "refused"),
        "amount": refund.fee_fen,
        "quantity": refund.num,
        "reason": refund.reason,
        "updated_at": _time(refund.modified_ms),
    }


def _line(trade: Trade, line: Line) -> Json:
    return {
        "id": trade.line_number(line),
        "title": line.title,
        "quantity": line.num,
        "price": line.price_fen,
        "paid": line.divided_fen,
        "goods_id": str(line.num_iid),
        "sku_id": str(line.sku_id),
        "sku": line.outer_sku_id,
    }


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, tz=GMT8).strftime("%Y-%m-%d %H:%M:%S")


def _span(request: Request) -> tuple[int, int]:
    try:
        start, end = (parse_gmt8(request.query.get(name, "")) for name in ("updated_from", "updated_to"))
    except ValueError:
        raise Problem(400, 13, "updated_from and updated_to are needed") from None
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000)


def _object(request: Request) -> Json:
    try:
        document = loads_strict(request.body or b"{}")
    except UnreadableBody:
        document = None
    if not isinstance(document, dict):
        raise Problem(400, 14, "no JSON object")
    return document


def _reply(code: int, message: str, data: Any, status: int = 200) -> Reply:
    content = {"code": code, "message": message, "data": data}
    return Reply(json.dumps(content, ensure_ascii=False).encode(), status)
