"""WooCommerce over plain HTTP as its callers see it: one-legged OAuth on each call, counted pages, errors with a code.

Pages count from the oldest change on, so a row that changes meanwhile moves the rows after it up. Webhooks are not
repeated: what our door did not hear is found by looking.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TRAITS, Fact, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.platforms.limits import RateLimit
from channels_sync.sandbox.platforms.shopify_documents import LISTING_OF_SKU
from channels_sync.sandbox.platforms.woocommerce_documents import (
    FLAG,
    REMARK,
    TRACKING,
    Json,
    order_document,
    parcels,
    refund_document,
)
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.trades import Refund, Trade
from channels_sync.sandbox.waybills import Couriers
from ordercenter.common.signing import same_text
from ordercenter.common.signing_shops import hmac_sha256_base64, woo_oauth1_signature
from ordercenter.common.strictjson import UnreadableBody, loads_strict

CODE = "woocommerce"
MOST_PAGE = 100
STALE_S = 15 * 60
_NONCES = 10_000


class Problem(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message


class WooCommerceDoor:
    """One shop with one key."""

    traits = TRAITS[CODE]
    root = "/woocommerce"
    push_rule: PushRule | None = PushRule(pauses_s=())

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world, self.credentials = shop, shop.world, credentials
        self._limit = RateLimit(self.world, CODE)
        self._nonces: OrderedDict[str, None] = OrderedDict()
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Any]], ...] = (
            ("GET", re.compile(r"orders/(\d+)"), self._order),
            ("PUT", re.compile(r"orders/(\d+)"), self._change_order),
            ("POST", re.compile(r"orders/(\d+)/notes"), self._note),
            ("GET", re.compile(r"orders/(\d+)/refunds"), self._refunds),
            ("GET", re.compile(r"products/(\d+)"), self._product),
            ("PUT", re.compile(r"products/(\d+)"), self._set_product),
            ("GET", re.compile(r"products/(\d+)/variations/(\d+)"), self._variation),
            ("PUT", re.compile(r"products/(\d+)/variations/(\d+)"), self._set_variation),
        )

    # --- calls --------------------------------------------------------------------------------------------------------

    def serve(self, request: Request) -> Reply:
        try:
            with self.world.lock:
                return self._answer(request)
        except Problem as problem:
            status, code, message = problem.status, problem.code, problem.message
        except Refused as refusal:
            status, code, message = 404, "woocommerce_rest_shop_order_invalid_id", refusal.message
        return _reply({"code": code, "message": message, "data": {"status": status}}, status)

    def _answer(self, request: Request) -> Reply:
        self._check(request)
        if self._limit.is_exceeded():
            raise Problem(429, "too_many_requests", "Too many requests")
        path = request.path.removeprefix("/wp-json/wc/v3/")
        if request.method == "GET" and path == "orders":
            return self._orders(request)
        for method, pattern, handle in self._routes:
            match = pattern.fullmatch(path)
            if match and method == request.method:
                document = [_object(request)] if method != "GET" else []
                return _reply(handle(*match.groups(), *document), 201 if method == "POST" else 200)
        raise Problem(404, "rest_no_route", "No route was found matching the URL and request method.")

    def _check(self, request: Request) -> None:
        query = dict(request.query)
        wrong = Problem(
            401, "woocommerce_rest_authentication_error", "Invalid signature - provided signature does not match."
        )
        if self.world.switches.of(CODE).token_expired or query.get("oauth_consumer_key") != self.credentials.woo_key:
            raise Problem(401, "woocommerce_rest_authentication_error", "Consumer key is invalid.")
        expected = woo_oauth1_signature(
            query, method=request.method, url=request.url, consumer_secret=self.credentials.woo_secret
        )
        stamp, nonce = query.get("oauth_timestamp", ""), query.get("oauth_nonce", "")
        if not same_text(expected, query.get("oauth_signature", "")) or not stamp.isdigit() or not nonce:
            raise wrong
        if abs(self.world.clock_of(CODE) // 1000 - int(stamp)) > STALE_S:
            raise Problem(401, "woocommerce_rest_authentication_error", "Invalid timestamp.")
        if nonce in self._nonces:
            raise Problem(401, "woocommerce_rest_authentication_error", "Invalid nonce - nonce has already been used.")
        self._nonces[nonce] = None
        if len(self._nonces) > _NONCES:
            self._nonces.popitem(last=False)

    def _orders(self, request: Request) -> Reply:
        query = request.query
        size, page = _number(query.get("per_page", "10"), 1, MOST_PAGE), _number(query.get("page", "1"), 1, 10**6)
        if "include" in query:
            trades = [trade for number in query["include"].split(",") if (trade := self._known(number))]
        else:
            start, end = _ms(query, "modified_after", 0), _ms(query, "modified_before", 10**14)
            if page > 1:
                self.world.shift_page(CODE, self._rows(start, end)[:1], self.world.modified)
            trades = [self.world.trades[tid] for tid in self._rows(start, end)]
        rows = [self._document(trade) for trade in trades[(page - 1) * size : page * size]]
        headers = {"X-WP-Total": str(len(trades)), "X-WP-TotalPages": str(-(-len(trades) // size))}
        return _reply(rows, 200, headers)

    def _rows(self, start_ms: int, end_ms: int) -> list[int]:
        trades, buckets = self.world.trades, self.world.modified[CODE].window(start_ms, end_ms)
        found = [tid for bucket in buckets for tid in bucket]
        # Both ends are open, in whole seconds.
        inside = [tid for tid in found if start_ms // 1000 < trades[tid].modified_ms // 1000 < end_ms // 1000]
        return sorted(inside, key=lambda tid: (trades[tid].modified_ms // 1000, tid))

    def _known(self, number: str) -> Trade | None:
        try:
            return self.shop.sold_on(CODE, number)
        except Refused:
            return None

    def _document(self, trade: Trade) -> Json:
        if trade.paid_ms and not trade.first_read_ms:
            trade.first_read_ms = self.world.clock()
        return order_document(trade, self._refunds_of(trade))

    def _refunds_of(self, trade: Trade) -> list[Refund]:
        mine = [refund for refund in self.world.refunds.values() if refund.tid == trade.tid]
        return [refund for refund in mine if refund.status == "SUCCESS" and refund.kind != "exchange"]

    def _order(self, number: str) -> Json:
        return self._document(self.shop.sold_on(CODE, number))

    def _refunds(self, number: str) -> list[Json]:
        trade = self.shop.sold_on(CODE, number)
        return [refund_document(refund, trade) for refund in self._refunds_of(trade)]

    def _note(self, number: str, document: Json) -> Json:
        self.shop.sold_on(CODE, number)
        return {"id": 1, "note": str(document.get("note", ""))}

    # --- what is written to an order ----------------------------------------------------------------------------------

    def _change_order(self, number: str, document: Json) -> Json:
        """Meta first, then the status: a shop's plug-ins see the parcels of an order that is completed."""
        trade = self.shop.sold_on(CODE, number)
        meta = {row.get("key"): row.get("value") for row in document.get("meta_data", []) if isinstance(row, dict)}
        with self.world.change():
            if TRACKING in meta:
                self._track(trade, meta[TRACKING])
            if REMARK in meta:
                flag = str(meta.get(FLAG) or "0")
                self.shop.change_memo(trade.tid, memo=str(meta[REMARK] or ""), flag=int(flag) if flag.isdigit() else 0)
        return self._document(trade)

    def _track(self, trade: Trade, items: Any) -> None:
        if not isinstance(items, list):
            raise Problem(400, "rest_invalid_param", "Invalid parameter(s): meta_data")
        known = {parcel["tracking_number"] for parcel in parcels(trade)}
        wanted = {str(item.get("tracking_number")): item for item in items if isinstance(item, dict)}
        gone, new = sorted(known - set(wanted)), [number for number in wanted if number not in known]
        oids = {trade.line_number(line): line for line in trade.lines}
        for number in new:
            carrier = str(wanted[number].get("tracking_provider", ""))
            if gone:
                self.shop.change_number(trade.tid, old=gone.pop(), waybill=number, carrier=carrier)
                continue
            pieces = {
                oids[str(line)].oid: count or oids[str(line)].num - oids[str(line)].sent
                for line, count in wanted[number].get("order_center_pieces") or ()
                if str(line) in oids
            }
            try:
                self.shop.ship(trade.tid, waybill=number, carrier=carrier, pieces=pieces)
            except Refused as refusal:
                raise Problem(400, "woocommerce_rest_invalid_order_status", refusal.message) from refusal

    # --- stock --------------------------------------------------------------------------------------------------------

    def _product(self, product: str) -> Json:
        return self._stock(int(product), None)

    def _variation(self, product: str, variation: str) -> Json:
        return self._stock(int(product), int(variation))

    def _set_product(self, product: str, document: Json) -> Json:
        return self._set_stock(int(product), None, document)

    def _set_variation(self, product: str, variation: str, document: Json) -> Json:
        return self._set_stock(int(product), int(variation), document)

    def _set_stock(self, product: int, variation: int | None, document: Json) -> Json:
        self._stock(product, variation)
        quantity = document.get("stock_quantity")
        if type(quantity) is not int:
            raise Problem(400, "rest_invalid_param", "Invalid parameter(s): stock_quantity")
        self.world.list_stock(CODE, product, variation or 0, quantity)
        return self._stock(product, variation)

    def _stock(self, product: int, variation: int | None) -> Json:
        fits = LISTING_OF_SKU.get(variation) == product if variation else product in LISTING_OF_SKU.values()
        if not fits:
            raise Problem(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
        return {"id": variation or product, "stock_quantity": self.world.listed_stock(CODE, product, variation or 0)}

    # --- webhooks -----------------------------------------------------------------------------------------------------

    def tell(self, happened: Happened) -> Sequence[Told]:
        if happened.refund is not None and happened.fact is not Fact.REFUND_PAID:
            return []  # what a buyer asks for is no part of the shop system
        topic = "order.created" if happened.fact is Fact.PLACED else "order.updated"
        document = order_document(happened.trade, self._refunds_of(happened.trade))
        return [Told(topic, json.dumps(document, ensure_ascii=False, separators=(",", ":")))]

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        signature = hmac_sha256_base64(told.raw, secret=self.credentials.woo_webhook_secret)
        resource, _dot, event = told.topic.partition(".")
        headers = {
            "X-WC-Webhook-Topic": told.topic,
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": signature,
            "X-WC-Webhook-ID": "1",
            "X-WC-Webhook-Delivery-ID": signature[:32],
        }
        return Sealed(told.raw, headers)

    def is_heard(self, status: int, body: bytes) -> bool:
        return 200 <= status < 300


def _reply(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(), status, headers=headers or {})


def _object(request: Request) -> Json:
    try:
        document = loads_strict(request.body or b"{}")
    except UnreadableBody:
        raise Problem(400, "rest_invalid_json", "Invalid JSON body passed.") from None
    if not isinstance(document, dict):
        raise Problem(400, "rest_invalid_json", "Invalid JSON body passed.")
    return document


def _number(text: str, least: int, most: int) -> int:
    if not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise Problem(400, "rest_invalid_param", "Invalid parameter(s): per_page, page")
    return int(text)


def _ms(query: Any, name: str, default: int) -> int:
    if name not in query:
        return default
    try:
        return int(datetime.fromisoformat(query[name]).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise Problem(400, "rest_invalid_param", f"Invalid parameter(s): {name}") from None
