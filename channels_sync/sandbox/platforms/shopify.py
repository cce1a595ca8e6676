"""Shopify as its callers see it: a token in a header, JSON both ways, HTTP statuses, a Link header for the next page.

Pages go by a cursor that names the last row by time and number. Webhooks are signed over the raw body and come again
with the same id; the real ones for four hours, these for six minutes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TRAITS, Fact, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.platforms.limits import RateLimit
from channels_sync.sandbox.platforms.shopify_documents import (
    FLAG_TAG,
    ITEM_SHIFT,
    LISTING_OF_SKU,
    Json,
    fulfillment_order,
    fulfillments,
    order_document,
    refund_document,
)
from channels_sync.sandbox.platforms.tokens import Codes
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.trades import Refund, Trade
from channels_sync.sandbox.waybills import Couriers
from ordercenter.common.signing_shops import hmac_sha256_base64, shopify_query_hmac
from ordercenter.common.strictjson import UnreadableBody, loads_strict

CODE = "shopify"
MOST_PAGE = 250
LOCATION = 77
_COMPANIES = {"SF Express": "SF", "YTO Express": "YTO", "ZTO Express": "ZTO", "STO Express": "STO"}
_TOPICS = {
    Fact.PLACED: "orders/create",
    Fact.PAID: "orders/paid",
    Fact.CLOSED: "orders/cancelled",
    Fact.SHIPPED: "orders/fulfilled",
    Fact.REFUND_PAID: "refunds/create",
}


class Problem(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, errors: Any, **headers: str):
        super().__init__(f"{status} {errors}")
        self.status, self.errors, self.headers = status, errors, headers


class ShopifyDoor:
    """One shop with one app."""

    traits = TRAITS[CODE]
    root = "/shopify"
    push_rule: PushRule | None = PushRule(pauses_s=(2.0, 10.0, 60.0, 300.0))

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world, self.credentials = shop, shop.world, credentials
        self._limit = RateLimit(self.world, CODE)
        self._codes = Codes()
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Json]], ...] = (
            ("GET", re.compile(r"orders/(\d+)"), self._order),
            ("PUT", re.compile(r"orders/(\d+)"), self._change_order),
            ("GET", re.compile(r"orders/(\d+)/fulfillments"), self._fulfillments),
            ("GET", re.compile(r"orders/(\d+)/fulfillment_orders"), self._fulfillment_orders),
            ("POST", re.compile(r"fulfillments"), self._fulfill),
            ("POST", re.compile(r"fulfillments/(\d+)/update_tracking"), self._update_tracking),
            ("GET", re.compile(r"variants/(\d+)"), self._variant),
            ("POST", re.compile(r"inventory_levels/(set|adjust)"), self._set_stock),
        )

    # --- calls --------------------------------------------------------------------------------------------------------

    def serve(self, request: Request) -> Reply:
        try:
            with self.world.lock:
                return self._answer(request)
        except Problem as problem:
            content, headers = {"errors": problem.errors}, problem.headers
            status = problem.status
        except Refused as refusal:
            content, headers, status = {"errors": [refusal.message]}, {}, 404 if "unknown" in refusal.code else 422
        return _reply(content, status, headers)

    def _answer(self, request: Request) -> Reply:
        if request.path == "/admin/oauth/authorize":
            return self._install(request)
        if request.path == "/admin/oauth/access_token":
            return self._installed(request)
        given = request.headers.get("x-shopify-access-token", "")
        if given != self.credentials.shopify_access_token or self.world.switches.of(CODE).token_expired:
            raise Problem(401, "[API] Invalid API key or access token (unrecognized login or wrong password)")
        if self._limit.is_exceeded():
            raise Problem(429, "Exceeded 2 calls per second for api client.", **{"Retry-After": "1.0"})
        found = re.fullmatch(r"/admin/api/\d{4}-\d{2}/(.+)\.json", request.path)
        if found is None:
            raise Problem(404, "Not Found")
        if request.method == "GET" and found[1] == "orders":
            return self._orders(request)
        for method, pattern, handle in self._routes:
            match = pattern.fullmatch(found[1])
            if match and method == request.method:
                document = _object(request) if method != "GET" else {}
                status = 201 if method == "POST" else 200
                return _reply(handle(*match.groups(), *([document] if method != "GET" else [])), status)
        raise Problem(404, "Not Found")

    def _install(self, request: Request) -> Reply:
        """The owner always installs the app, and is sent back with a signed query."""
        query = request.query
        if not query.get("client_id") or not query.get("redirect_uri"):
            raise Problem(400, "Oauth error invalid_request: The api_key provided does not match any application")
        signed = {
            "code": self._codes.new(),
            "shop": self.credentials.shopify_domain,
            "state": query.get("state", ""),
            "timestamp": str(self.world.clock_of(CODE) // 1000),
            "host": base64.b64encode(self.credentials.shopify_domain.encode()).decode(),
        }
        signed["hmac"] = shopify_query_hmac(signed, secret=self.credentials.shopify_api_secret)
        return Reply(b"", 302, "text/plain", {"Location": f"{query['redirect_uri']}?{urlencode(signed)}"})

    def _installed(self, request: Request) -> Reply:
        told = _object(request)
        is_ours = told.get("client_secret") == self.credentials.shopify_api_secret
        if not is_ours or not self._codes.take(str(told.get("code", ""))):
            content = {"error": "invalid_request", "error_description": "The authorization code was not found"}
            return _reply(content, 400)
        return _reply({"access_token": self.credentials.shopify_access_token, "scope": "read_orders"})

    def _orders(self, request: Request) -> Reply:
        query = request.query
        limit = int(query.get("limit", "50"))
        if not 1 <= limit <= MOST_PAGE:
            raise Problem(400, {"limit": "must be between 1 and 250"})
        if "ids" in query:
            tids = [self._known(number) for number in query["ids"].split(",")]
            return _reply({"orders": [self._document(trade) for trade in tids if trade is not None][:limit]})
        if "page_info" in query:
            if set(query) - {"limit", "page_info", "fields"}:
                raise Problem(400, {"page_info": "no other parameters are allowed beside it"})
            start, end, last = json.loads(base64.urlsafe_b64decode(query["page_info"]))
            index = self.world.modified
            self.world.shift_page(CODE, self._rows(start, end)[:1], index)
        else:
            start, end = _ms(query, "updated_at_min", 0), _ms(query, "updated_at_max", 10**14)
            last = None
        rows = [
            tid
            for tid in self._rows(start, end)
            if last is None or (self.world.trades[tid].modified_ms // 1000, tid) > tuple(last)
        ]
        page, headers = rows[:limit], {}
        if len(rows) > limit:
            newest = self.world.trades[page[-1]]
            cursor = json.dumps([start, end, [newest.modified_ms // 1000, newest.tid]]).encode()
            info = quote(base64.urlsafe_b64encode(cursor).decode())
            headers["Link"] = f'<{request.url}?limit={limit}&page_info={info}>; rel="next"'
        return _reply({"orders": [self._document(self.world.trades[tid]) for tid in page]}, 200, headers)

    def _rows(self, start_ms: int, end_ms: int) -> list[int]:
        found = [tid for bucket in self.world.modified[CODE].window(start_ms, end_ms) for tid in bucket]
        return sorted(found, key=lambda tid: (self.world.trades[tid].modified_ms // 1000, tid))

    def _known(self, number: str) -> Trade | None:
        try:
            return self.shop.sold_on(CODE, number)
        except Refused:
            return None

    def _document(self, trade: Trade) -> Json:
        if trade.paid_ms and not trade.first_read_ms:
            trade.first_read_ms = self.world.clock()
        return order_document(trade, self._refunds(trade))

    def _refunds(self, trade: Trade) -> list[Refund]:
        """Those whose money went back; of an exchange none does."""
        mine = [refund for refund in self.world.refunds.values() if refund.tid == trade.tid]
        return [refund for refund in mine if refund.status == "SUCCESS" and refund.kind != "exchange"]

    def _order(self, number: str) -> Json:
        return {"order": self._document(self.shop.sold_on(CODE, number))}

    def _change_order(self, number: str, document: Json) -> Json:
        trade, change = self.shop.sold_on(CODE, number), document.get("order")
        if not isinstance(change, dict):
            raise Problem(400, {"order": "Required parameter missing or invalid"})
        memo, flag = trade.seller_memo, trade.seller_flag
        if "note" in change:
            memo = str(change["note"] or "").removeprefix(trade.buyer_message).strip()
        if "tags" in change:
            tags = [tag.strip() for tag in str(change["tags"]).split(",")]
            flag = next((int(tag[-1]) for tag in tags if tag.startswith(FLAG_TAG)), 0)
        self.shop.change_memo(trade.tid, memo=memo, flag=flag)
        return self._order(number)

    # --- parcels ------------------------------------------------------------------------------------------------------

    def _fulfillments(self, number: str) -> Json:
        return {"fulfillments": fulfillments(self.shop.sold_on(CODE, number))}

    def _fulfillment_orders(self, number: str) -> Json:
        return {"fulfillment_orders": [fulfillment_order(self.shop.sold_on(CODE, number))]}

    def _fulfill(self, document: Json) -> Json:
        change = document.get("fulfillment")
        parts = change.get("line_items_by_fulfillment_order") if isinstance(change, dict) else None
        if not isinstance(change, dict) or not isinstance(parts, list) or len(parts) != 1:
            raise Problem(422, ["line_items_by_fulfillment_order is invalid"])
        trade = self.shop.sold_on(CODE, str(parts[0].get("fulfillment_order_id", 1) - 1))
        of_line = {int(trade.line_number(line)) + 1: line.oid for line in trade.lines}
        rows = parts[0].get("fulfillment_order_line_items") or fulfillment_order(trade)["line_items"]
        pieces = {of_line.get(row["id"], 0): row.get("quantity", row.get("fulfillable_quantity")) for row in rows}
        info = change.get("tracking_info") or {}
        carrier = _COMPANIES.get(info.get("company", ""), info.get("company", ""))
        trade = self.shop.ship(trade.tid, waybill=str(info.get("number", "")), carrier=carrier, pieces=pieces)
        return {"fulfillment": fulfillments(trade)[-1]}

    def _update_tracking(self, number: str, document: Json) -> Json:
        trade = self.shop.sold_on(CODE, str(int(number) // 100))
        found = [row for row in fulfillments(trade) if row["id"] == int(number)]
        if not found:
            raise Problem(404, "Not Found")
        info = document["fulfillment"]["tracking_info"]
        carrier = _COMPANIES.get(info.get("company", ""), info.get("company", ""))
        self.shop.change_number(trade.tid, old=found[0]["tracking_number"], waybill=info["number"], carrier=carrier)
        return {"fulfillment": {**found[0], "tracking_number": info["number"]}}

    # --- stock --------------------------------------------------------------------------------------------------------

    def _variant(self, number: str) -> Json:
        if int(number) not in LISTING_OF_SKU:
            raise Problem(404, "Not Found")
        return {"variant": {"id": int(number), "inventory_item_id": int(number) + ITEM_SHIFT}}

    def _set_stock(self, verb: str, document: Json) -> Json:
        sku = document.get("inventory_item_id", 0) - ITEM_SHIFT
        if sku not in LISTING_OF_SKU or document.get("location_id") != LOCATION:
            raise Problem(404, "Not Found")
        listing = LISTING_OF_SKU[sku]
        quantity = document.get("available" if verb == "set" else "available_adjustment")
        if type(quantity) is not int:
            raise Problem(422, {"available": ["is not a number"]})
        if verb == "adjust":
            quantity += self.world.listed_stock(CODE, listing, sku)
        self.world.list_stock(CODE, listing, sku, quantity)
        return {"inventory_level": {**document, "available": quantity}}

    # --- webhooks -----------------------------------------------------------------------------------------------------

    def tell(self, happened: Happened) -> Sequence[Told]:
        topic, refund = _TOPICS.get(happened.fact, "orders/updated"), happened.refund
        if topic == "refunds/create" and refund is not None:
            if refund.kind == "exchange":
                return []
            return [Told(topic, _text(refund_document(refund, happened.trade)))]
        if refund is not None:
            return []  # what a buyer asks for is not told before money goes back
        return [Told(topic, _text(order_document(happened.trade, self._refunds(happened.trade))))]

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        headers = {
            "X-Shopify-Topic": told.topic,
            "X-Shopify-Hmac-Sha256": hmac_sha256_base64(told.raw, secret=self.credentials.shopify_api_secret),
            "X-Shopify-Shop-Domain": self.credentials.shopify_domain,
            "X-Shopify-Webhook-Id": hashlib.sha256(told.topic.encode() + told.raw).hexdigest()[:32],
            "X-Shopify-Api-Version": "2026-01",
        }
        return Sealed(told.raw, headers)

    def is_heard(self, status: int, body: bytes) -> bool:
        return 200 <= status < 300


def _reply(content: Json, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(_text(content).encode(), status, headers={"X-Shopify-Shop-Api-Call-Limit": "1/40", **(headers or {})})


def _text(content: Json) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _object(request: Request) -> Json:
    try:
        document = loads_strict(request.body or b"{}")
    except UnreadableBody:
        raise Problem(400, "Bad Request") from None
    if not isinstance(document, dict):
        raise Problem(400, "Bad Request")
    return document


def _ms(query: Any, name: str, default: int) -> int:
    if name not in query:
        return default
    try:
        return int(datetime.fromisoformat(query[name]).timestamp() * 1000)
    except ValueError:
        raise Problem(400, {name: "is not a time"}) from None
