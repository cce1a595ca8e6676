"""WeChat shop as its callers see it: a token in the query, JSON both ways, HTTP 200 with an errcode; events sealed.

The key of a next page names the last row by time and number, so rows that change meanwhile are met again at the end;
how the real one walks is not published. Every other order's events come as XML: a real app has one form, set on its
page, and ours must take both. Codes: the platform's published ones.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.goods import CARRIERS, LISTED
from channels_sync.sandbox.platforms import TRAITS, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.platforms.limits import RateLimit
from channels_sync.sandbox.platforms.settling import movements
from channels_sync.sandbox.platforms.tokens import Tokens
from channels_sync.sandbox.platforms.wechat_documents import (
    STATUS,
    after_sale_document,
    as_json,
    as_xml,
    events_of,
    funds_flows,
    order_document,
    seconds,
)
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.trades import WAIT_BUYER_CONFIRM_GOODS, Trade
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import TimeIndex
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.common.wechat_messages import seal_wechat_message, wechat_signature

CODE = "wechat_shop"
TOKEN_LIFE_S = 7200
RENEW_WITHIN_S = 300
DAY_S = 24 * 3600
MOST_PAGE = 100
AFTER_SALES_PAGE = 50
_LISTED = {(ware.num_iid, ware.sku_id) for ware in LISTED}
_ERRCODES = {"trade_unknown": 100002, "not_shippable": 100009, "parcel_unknown": 40097}

Json = dict[str, Any]


class Errcode(Exception):
    """An answer whose errcode is not 0."""

    def __init__(self, errcode: int, errmsg: str):
        super().__init__(f"{errcode} {errmsg}")
        self.errcode, self.errmsg = errcode, errmsg


class WechatShopDoor:
    """One app with one shop."""

    traits = TRAITS[CODE]
    root = "/wechat_shop"
    push_rule: PushRule | None = PushRule(pauses_s=(5.0, 10.0))

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world, self.credentials = shop, shop.world, credentials
        self._limit = RateLimit(self.world, CODE)
        self._tokens = Tokens(self.world, CODE, life_s=TOKEN_LIFE_S, overlap_s=RENEW_WITHIN_S)
        self._interfaces: dict[str, Callable[[Json], Json]] = {
            "/channels/ec/order/list/get": self._order_list,
            "/channels/ec/order/get": self._order_get,
            "/channels/ec/order/delivery/send": self._delivery_send,
            "/channels/ec/order/deliveryinfo/update": self._delivery_change,
            "/channels/ec/order/deliverycompanylist/get": self._companies,
            "/channels/ec/order/merchantnotes/update": self._merchant_notes,
            "/channels/ec/product/stock/update": self._stock_update,
            "/channels/ec/product/stock/get": self._stock_get,
            "/channels/ec/funds/getfundsflowlist": self._flows,
            "/channels/ec/funds/getfundsflowdetail": self._flow,
            "/channels/ec/aftersale/getaftersalelist": self._after_sale_list,
            "/channels/ec/aftersale/getaftersaleorder": self._after_sale_get,
            "/channels/ec/aftersale/acceptapply": lambda params: self._decide(params, "agree"),
            "/channels/ec/aftersale/rejectapply": lambda params: self._decide(params, "refuse"),
        }

    # --- calls --------------------------------------------------------------------------------------------------------

    def serve(self, request: Request) -> Reply:
        try:
            with self.world.lock:
                content = self._answer(request)
        except Errcode as error:
            content = {"errcode": error.errcode, "errmsg": f"{error.errmsg} rid: {secrets.token_hex(4)}"}
        except Refused as refusal:
            content = {"errcode": _ERRCODES.get(refusal.code, 40097), "errmsg": refusal.message}
        return Reply(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())

    def _answer(self, request: Request) -> Json:
        if request.path == "/cgi-bin/stable_token":
            return self._stable_token(_object(request))
        interface = self._interfaces.get(request.path)
        if interface is None:
            raise Errcode(40066, "invalid url")
        token = request.query.get("access_token", "")
        if not token:
            raise Errcode(41001, "access_token missing")
        if not self._tokens.is_good(token):
            raise Errcode(40001, "invalid credential, access_token is invalid or not latest")
        if self._limit.is_exceeded():
            raise Errcode(45011, "api minute-quota reach limit, try again later")
        return {"errcode": 0, "errmsg": "ok", **interface(_object(request))}

    def _stable_token(self, params: Json) -> Json:
        if params.get("grant_type") != "client_credential":
            raise Errcode(40002, "invalid grant_type")
        if params.get("appid") != self.credentials.wechat_app_id:
            raise Errcode(40013, "invalid appid")
        if params.get("secret") != self.credentials.wechat_secret or self._switches.token_expired:
            raise Errcode(40125, "invalid appsecret")
        grant = self._tokens.grant() if params.get("force_refresh") else self._present()
        return {"access_token": grant.access, "expires_in": grant.life_s}

    def _present(self) -> Any:
        return self._tokens.present(renew_within_s=RENEW_WITHIN_S)

    @property
    def _switches(self) -> Any:
        return self.world.switches.of(CODE)

    # --- orders -------------------------------------------------------------------------------------------------------

    def _order_list(self, params: Json) -> Json:
        name = "update_time_range" if params.get("update_time_range") else "create_time_range"
        span = params.get(name)
        if not isinstance(span, dict):
            raise Errcode(40097, "update_time_range or create_time_range is needed")
        start, end = _second(span, "start_time"), _second(span, "end_time")
        if end < start or end - start > 7 * DAY_S:
            raise Errcode(31042, "the time range is too large")
        index = self.world.modified if name == "update_time_range" else self.world.created
        size = _whole(params, "page_size", least=1, most=MOST_PAGE)
        time_of = (lambda t: t.modified_ms) if index is self.world.modified else (lambda t: t.created_ms)
        wanted = params.get("status")
        page = self._page(
            params,
            size,
            lambda first: [
                (seconds(time_of(trade)), trade.tid)
                for trade in map(self.world.trades.__getitem__, _keys(index[CODE], first or start, end))
                if wanted is None or STATUS[trade.status] == wanted
            ],
            shift=lambda: self.world.shift_page(CODE, _keys(index[CODE], start, end), self.world.modified),
        )
        tids, more = page
        return {"order_id_list": [self.world.trades[tid].number for tid in tids], **more}

    def _page(
        self,
        params: Json,
        size: int,
        rows_from: Callable[[int], list[tuple[int, Any]]],
        *,
        shift: Callable[[], None],
    ) -> tuple[list[Any], Json]:
        """The keys of one page, and has_more with next_key. rows_from: (second, key) from a second on, in any order."""
        frame = hashlib.sha256(
            json.dumps({k: v for k, v in params.items() if k != "next_key"}, sort_keys=True).encode()
        ).hexdigest()[:12]
        last: tuple[int, str] | None = None
        if key := params.get("next_key"):
            own, _dash, place = str(key).partition("-")
            second, _dash, name = place.partition("-")
            if own != frame or not second.isdigit():
                raise Errcode(606006, "next_key does not match the parameters")
            shift()
            last = int(second), name
        rows = sorted((second, str(key), key) for second, key in rows_from(last[0] if last else 0))
        rows = [row for row in rows if last is None or row[:2] > last]
        page = rows[:size]
        has_more = len(rows) > size
        more = {"has_more": has_more, "next_key": f"{frame}-{page[-1][0]}-{page[-1][1]}" if has_more else ""}
        return [key for _second_of, _name, key in page], more

    def _order_get(self, params: Json) -> Json:
        trade = self._trade(params)
        if trade.paid_ms and not trade.first_read_ms:
            trade.first_read_ms = self.world.clock()
        return {"order": order_document(trade)}

    def _trade(self, params: Json) -> Trade:
        return self.shop.sold_on(CODE, str(params.get("order_id", "")))

    def _merchant_notes(self, params: Json) -> Json:
        notes = params.get("merchant_notes")
        if not isinstance(notes, str):
            raise Errcode(40097, "merchant_notes is needed")
        self.shop.change_memo(self._trade(params).tid, memo=notes)
        return {}

    # --- parcels ------------------------------------------------------------------------------------------------------

    def _delivery_send(self, params: Json) -> Json:
        trade = self._trade(params)
        with self.world.change():
            for parcel in _parcels(params):
                pieces = _pieces(trade, parcel)
                self.shop.ship(trade.tid, waybill=parcel["waybill_id"], carrier=parcel["delivery_id"], pieces=pieces)
        return {}

    def _delivery_change(self, params: Json) -> Json:
        trade, (parcel, *rest) = self._trade(params), _parcels(params)
        if trade.status != WAIT_BUYER_CONFIRM_GOODS or len(trade.parcels) != 1 or rest:
            raise Errcode(100010, "only an order sent whole in one parcel can be changed")
        if self.world.corrected.get(trade.number):
            raise Errcode(100010, "the number was changed before")
        old = trade.parcels[0].waybill
        self.shop.change_number(trade.tid, old=old, waybill=parcel["waybill_id"], carrier=parcel["delivery_id"])
        self.world.corrected[trade.number] = True
        return {}

    @staticmethod
    def _companies(_params: Json) -> Json:
        known = [{"delivery_id": code, "delivery_name": name} for code, (_id, name, _form) in CARRIERS.items()]
        return {"company_list": [*known, {"delivery_id": "OTHER", "delivery_name": "其他"}]}

    # --- stock --------------------------------------------------------------------------------------------------------

    def _stock_update(self, params: Json) -> Json:
        at = self._listing(params)
        kind = _whole(params, "diff_type", least=1, most=3)
        number = _whole(params, "num", least=0, most=10**9)
        before = self.world.listed_stock(CODE, *at)
        after = {1: before + number, 2: before - number, 3: number}[kind]
        if after < 0:
            raise Errcode(40097, "the stock would be less than nothing")
        self.world.list_stock(CODE, *at, after)
        return {}

    def _stock_get(self, params: Json) -> Json:
        return {"data": {"normal_stock_num": self.world.listed_stock(CODE, *self._listing(params))}}

    @staticmethod
    def _listing(params: Json) -> tuple[int, int]:
        product, sku = str(params.get("product_id", "")), str(params.get("sku_id", ""))
        if not product.isdigit() or not sku.isdigit() or (int(product), int(sku)) not in _LISTED:
            raise Errcode(100003, "no such product")
        return int(product), int(sku)

    # --- funds --------------------------------------------------------------------------------------------------------

    def _flows(self, params: Json) -> Json:
        start, end = _second(params, "start_time"), _second(params, "end_time")
        page = _whole(params, "page", least=1, most=10_000)
        size = _whole(params, "page_size", least=1, most=MOST_PAGE)
        flows = funds_flows(movements(self.world, CODE, start * 1000, end * 1000 + 999))
        numbers = [flow["flow_id"] for flow in flows]
        rest = numbers[page * size :]
        return {"flow_ids": numbers[(page - 1) * size : page * size], "has_more": bool(rest), "next_key": ""}

    def _flow(self, params: Json) -> Json:
        found = [
            flow
            for flow in funds_flows(movements(self.world, CODE, 0, self.world.clock()))
            if flow["flow_id"] == params.get("flow_id")
        ]
        if not found:
            raise Errcode(40097, "invalid flow_id")
        return {"funds_flow": found[0]}

    # --- after-sales --------------------------------------------------------------------------------------------------

    def _after_sale_list(self, params: Json) -> Json:
        start, end = _second(params, "begin_update_time"), _second(params, "end_update_time")
        if end < start or end - start > DAY_S:
            raise Errcode(31042, "the time range is too large")
        index, refunds = self.world.refunds_modified, self.world.refunds
        ids, more = self._page(
            params,
            AFTER_SALES_PAGE,
            lambda first: [(seconds(refunds[key].modified_ms), key) for key in _keys(index[CODE], first or start, end)],
            shift=lambda: self.world.shift_page(CODE, _keys(index[CODE], start, end), index),
        )
        return {"after_sale_order_id_list": ids, **more}

    def _after_sale_get(self, params: Json) -> Json:
        refund = self.world.refunds.get(str(params.get("after_sale_order_id", "")))
        trade = self.world.trades.get(refund.tid) if refund else None
        if refund is None or trade is None or trade.platform != CODE:
            raise Errcode(100002, "no such after-sale")
        return {"after_sale_order": after_sale_document(refund, trade)}

    def _decide(self, params: Json, decision: str) -> Json:
        number = self._after_sale_get(params)["after_sale_order"]["after_sale_order_id"]
        self.shop.decide_refund(number, decision)
        return {}

    # --- events -------------------------------------------------------------------------------------------------------

    def tell(self, happened: Happened) -> Sequence[Told]:
        now = self.world.clock_of(CODE)
        form = as_xml if happened.trade.tid // 10 % 2 else as_json
        shop_id = f"gh_{self.credentials.wechat_app_id[-12:]}"
        return [Told(event, form(message)) for event, message in events_of(happened, shop_id=shop_id, at_ms=now)]

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        keys = self.credentials
        encrypted = seal_wechat_message(told.raw, aes_key=keys.wechat_aes_key, app_id=keys.wechat_app_id)
        stamp, nonce = str(seconds(at_ms)), secrets.token_hex(5)
        signature = wechat_signature(keys.wechat_token, stamp, nonce, encrypted)
        query = {"timestamp": stamp, "nonce": nonce, "msg_signature": signature, "encrypt_type": "aes"}
        envelope = {"ToUserName": f"gh_{keys.wechat_app_id[-12:]}", "Encrypt": encrypted}
        if told.body.startswith("<xml>"):
            return Sealed(as_xml(envelope).encode(), {}, query, content_type="text/xml")
        return Sealed(as_json(envelope).encode(), {}, query)

    def is_heard(self, status: int, body: bytes) -> bool:
        return status == 200 and body.strip() in (b"success", b"")


def _object(request: Request) -> Json:
    if request.method != "POST":
        raise Errcode(43002, "require POST method")
    try:
        params = loads_strict(request.body or b"{}")
    except UnreadableBody:
        raise Errcode(47001, "data format error") from None
    if not isinstance(params, dict):
        raise Errcode(47001, "data format error")
    return params


def _second(raw: Mapping[str, Any], name: str) -> int:
    return _whole(raw, name, least=0, most=10**11)


def _whole(raw: Mapping[str, Any], name: str, *, least: int, most: int) -> int:
    value = raw.get(name)
    if type(value) is not int or not least <= value <= most:
        raise Errcode(40097, f"{name} is out of range")
    return value


def _keys(index: TimeIndex, start: int, end: int) -> Iterable[Any]:
    return [key for bucket in index.window(start * 1000, end * 1000) for key in bucket]


def _parcels(params: Json) -> list[Json]:
    parcels = params.get("delivery_list")
    if not isinstance(parcels, list) or not parcels or not all(isinstance(parcel, dict) for parcel in parcels):
        raise Errcode(40097, "delivery_list is needed")
    for parcel in parcels:
        for name in ("delivery_id", "waybill_id"):
            if not isinstance(parcel.get(name), str) or not parcel[name]:
                raise Errcode(40097, f"{name} is needed")
        if parcel["delivery_id"] not in CARRIERS and parcel["delivery_id"] != "OTHER":
            raise Errcode(40097, "no such delivery_id")
    return parcels


def _pieces(trade: Trade, parcel: Json) -> dict[int, int]:
    """By line, what a parcel holds: the product's lines in their order."""
    pieces: dict[int, int] = {}
    items = parcel.get("product_infos")
    if not isinstance(items, list) or not items:
        raise Errcode(40097, "product_infos is needed")
    for item in items:
        left = _whole(item, "product_cnt", least=1, most=10**6)
        for line in trade.lines:
            if (str(line.num_iid), str(line.sku_id)) == (item.get("product_id"), item.get("sku_id")):
                taken = min(left, line.num - line.sent)
                if taken:
                    pieces[line.oid] = pieces.get(line.oid, 0) + taken
                left -= taken
        if left:
            raise Errcode(100009, "more than there is to send")
    return pieces
