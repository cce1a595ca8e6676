"""The Taobao open platform as its callers see it: `POST /router/rest`, form in, JSON out, HTTP 200 also for refusals.

Checks come in the platform's order: method, key, signature, time, format, version, session, limits, arguments. Codes of
the envelope: the platform's published constants; where a sub code is not documented, a plain `isv.*` word stands in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from channels_sync.sandbox.cainiao import Cainiao
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.documents import clock_text, refund_document, trade_document
from channels_sync.sandbox.goods import CARRIERS, LISTED, SHOP_NAME
from channels_sync.sandbox.platforms import TMALL
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.trades import Message, Trade
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import TimeIndex, page_of
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.signing import top_sign_is_valid

TIME_TOLERANCE_MS = 10 * 60 * 1000
MOST_WINDOW_MS = 24 * 3600 * 1000
MOST_PAGE = 100
_SUB_CODES = {
    "trade_unknown": "isv.trade-not-exist",
    "not_shippable": "isv.logistics-offline-service-error:B04",
}
_BOOL = {"true": True, "false": False}


class TopError(Exception):
    """An `error_response`. sub_code isp.*: the platform's fault, may be repeated; isv.*: the caller's, final."""

    def __init__(self, code: int, msg: str, sub_code: str = "", sub_msg: str = ""):
        super().__init__(f"{code} {msg} {sub_code}")
        self.fields = {"code": code, "msg": msg}
        if sub_code:
            self.fields |= {"sub_code": sub_code, "sub_msg": sub_msg or msg}


class Top:
    """One router for the played shop's application."""

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world, self.credentials = shop, shop.world, credentials
        self._request_no = count(1)
        self._window = (0, 0)  # the running second and the calls in it
        self._methods: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "taobao.trades.sold.get": self._trades_sold_get,
            "taobao.trades.sold.increment.get": self._trades_sold_increment_get,
            "taobao.trade.fullinfo.get": self._trade_fullinfo_get,
            "taobao.tmc.messages.consume": self._messages_consume,
            "taobao.tmc.messages.confirm": self._messages_confirm,
            "taobao.trade.memo.update": self._trade_memo_update,
            "taobao.refunds.receive.get": self._refunds_receive_get,
            "taobao.refund.get": self._refund_get,
            "taobao.logistics.offline.send": self._logistics_offline_send,
            "taobao.logistics.consign.resend": self._logistics_consign_resend,
            "taobao.logistics.companies.get": self._logistics_companies_get,
            "taobao.skus.quantity.update": self._skus_quantity_update,
            "taobao.item.quantity.update": self._item_quantity_update,
            **Cainiao(couriers).methods,
        }

    @property
    def _switches(self) -> Switches:
        return self.world.switches.of(TMALL)

    def answer(self, form: Mapping[str, str]) -> bytes:
        """The JSON body for one call; form: all parameters of query and body."""
        request_id = f"sbx{next(self._request_no):013x}"
        method = form.get("method", "")
        try:
            with self.world.lock:
                self._check(form, method)
                content = self._methods[method](form)
        except TopError as error:
            return _json({"error_response": {**error.fields, "request_id": request_id}})
        except Refused as error:
            sub_code = _SUB_CODES.get(error.code, error.code)
            fields = {"code": 15, "msg": "Remote service error", "sub_code": sub_code, "sub_msg": error.message}
            return _json({"error_response": {**fields, "request_id": request_id}})
        root = method.removeprefix("taobao.").replace(".", "_") + "_response"
        return _json({root: {**content, "request_id": request_id}})

    def _check(self, form: Mapping[str, str], method: str) -> None:
        keys = self.credentials
        if not method:
            raise TopError(21, "Missing Method")
        if method not in self._methods:
            raise TopError(22, "Invalid Method")
        if not form.get("app_key"):
            raise TopError(28, "Missing App Key")
        if form["app_key"] != keys.top_app_key:
            raise TopError(29, "Invalid App Key")
        if not form.get("sign"):
            raise TopError(24, "Missing Signature")
        if not top_sign_is_valid(form, sign=form["sign"], secret=keys.top_secret):
            raise TopError(25, "Invalid Signature")
        if not form.get("timestamp"):
            raise TopError(30, "Missing Timestamp")
        if abs(_instant(form, "timestamp", code=31) - self.world.clock_of(TMALL)) > TIME_TOLERANCE_MS:
            raise TopError(31, "Invalid Timestamp")
        if form.get("format", "json") != "json":
            raise TopError(23, "Invalid Format")
        if not form.get("v"):
            raise TopError(32, "Missing Version")
        if form["v"] != "2.0":
            raise TopError(33, "Invalid Version")
        if not form.get("session"):
            raise TopError(26, "Missing Session")
        if form["session"] != keys.top_session or self._switches.token_expired:
            raise TopError(27, "Invalid session", "invalid-sessionkey", "SessionKey非法")
        self._check_rate()

    def _check_rate(self) -> None:
        limit = self._switches.rate_limit
        second = self.world.clock() // 1000
        calls = self._window[1] + 1 if self._window[0] == second else 1
        self._window = (second, calls)
        if limit and calls > limit:
            ban = "This ban will last for 1 more seconds"
            raise TopError(7, "App Call Limited", "accesscontrol.limited-by-api-access-count", ban)

    # Trades

    def _trades_sold_get(self, form: Mapping[str, str]) -> dict[str, Any]:
        now = self.world.clock()
        start = _instant(form, "start_created") if form.get("start_created") else now - 90 * MOST_WINDOW_MS
        end = _instant(form, "end_created") if form.get("end_created") else now
        return self._trade_page(form, self.world.created[TMALL], start, end, newest_first=True)

    def _trades_sold_increment_get(self, form: Mapping[str, str]) -> dict[str, Any]:
        start, end = _instant(form, "start_modified"), _instant(form, "end_modified")
        if end < start or end - start > MOST_WINDOW_MS:
            raise TopError(41, "Invalid Arguments:end_modified", "isv.invalid-parameter", "时间跨度不能超过一天")
        return self._trade_page(form, self.world.modified[TMALL], start, end, newest_first=False)

    def _trade_page(
        self, form: Mapping[str, str], index: TimeIndex, start: int, end: int, *, newest_first: bool
    ) -> dict[str, Any]:
        fields = _needed(form, "fields")
        buckets = index.window(start, end)
        if index is self.world.modified[TMALL] and _number(form, "page_no", 1, least=1) > 1:
            self.world.shift_page(TMALL, page_of(buckets, 0, 1), self.world.modified)
            buckets = index.window(start, end)
        if newest_first:
            buckets.reverse()
        if form.get("status"):
            wanted = form["status"]
            buckets = [{tid: None for tid in bucket if self.world.trades[tid].status == wanted} for bucket in buckets]
        tids, page = self._page(form, buckets)
        trades = [self._document(self.world.trades[tid], fields, full=False) for tid in tids]
        return {**({"trades": {"trade": trades}} if trades else {}), **page}

    @staticmethod
    def _page(form: Mapping[str, str], buckets: list[dict[Any, None]]) -> tuple[list[Any], dict[str, Any]]:
        page_no = _number(form, "page_no", 1, least=1)
        size = _number(form, "page_size", 40, least=1, most=MOST_PAGE)
        total = sum(map(len, buckets))
        keys = page_of(buckets, (page_no - 1) * size, size)
        if _BOOL.get(form.get("use_has_next", "false"), False):
            return keys, {"has_next": page_no * size < total}
        return keys, {"total_results": total}

    def _trade_fullinfo_get(self, form: Mapping[str, str]) -> dict[str, Any]:
        fields = _needed(form, "fields")
        trade = self._own(_number(form, "tid"))
        if trade.paid_ms and not trade.first_read_ms:
            trade.first_read_ms = self.world.clock()
        return {"trade": self._document(trade, fields, full=True, with_oaid=form.get("include_oaid") == "true")}

    def _own(self, tid: int) -> Trade:
        return self.shop.sold_on(TMALL, str(tid))

    def _document(self, trade: Trade, fields: str, *, full: bool, with_oaid: bool = False) -> dict[str, Any]:
        clear = self._switches.clear_receivers
        return trade_document(trade, fields, full=full, clear=clear, with_oaid=with_oaid)

    # Messages

    def _messages_consume(self, form: Mapping[str, str]) -> dict[str, Any]:
        now, again_s = self.world.clock(), self._switches.redeliver_after_s
        most = _number(form, "quantity", 100, least=10, most=200)
        taken = self.world.messages.take(most, now_ms=now, again_after_ms=int(again_s * 1000))
        for message in taken:
            trade = self.world.trades.get(message.tid)
            if trade is not None and trade.paid_ms and not trade.first_message_ms:
                trade.first_message_ms = now
        return {"messages": {"tmc_message": [self._message(message) for message in taken]}} if taken else {}

    def _message(self, message: Message) -> dict[str, Any]:
        return {
            "id": message.id,
            "topic": message.topic,
            "content": message.content,
            "pub_time": clock_text(message.published_ms),
            "pub_app_key": "12497914",
            "user_id": self.credentials.seller_id,
            "user_nick": SHOP_NAME,
        }

    def _messages_confirm(self, form: Mapping[str, str]) -> dict[str, Any]:
        try:
            ids = [int(part) for part in _needed(form, "s_message_ids").split(",")]
        except ValueError:
            raise TopError(41, "Invalid Arguments:s_message_ids") from None
        if len(ids) > 200:
            raise TopError(41, "Invalid Arguments:s_message_ids", "isv.invalid-parameter", "最多200条")
        with self.world.change():
            gone, again = self.world.messages.confirm(ids, now_ms=self.world.clock())
            for message_id in gone:
                self.world.save("message", message_id, None)
            for message in again:
                self.world.save("message", message.id, message)
        return {"is_success": True}

    # Refunds

    def _refunds_receive_get(self, form: Mapping[str, str]) -> dict[str, Any]:
        fields = _needed(form, "fields")
        now = self.world.clock()
        start = _instant(form, "start_modified") if form.get("start_modified") else now - 90 * MOST_WINDOW_MS
        end = _instant(form, "end_modified") if form.get("end_modified") else now
        refunds = self.world.refunds
        buckets = self.world.refunds_modified[TMALL].window(start, end)
        if form.get("status"):
            buckets = [{key: None for key in bucket if refunds[key].status == form["status"]} for bucket in buckets]
        ids, page = self._page(form, buckets)
        found = [refund_document(refunds[key], self.world.trades[refunds[key].tid], fields) for key in ids]
        return {**({"refunds": {"refund": found}} if found else {}), **page}

    def _refund_get(self, form: Mapping[str, str]) -> dict[str, Any]:
        fields = _needed(form, "fields")
        refund = self.world.refunds.get(_needed(form, "refund_id"))
        if refund is None or self.world.trades[refund.tid].platform != TMALL:
            raise Refused("isv.refund-not-exist", "退款不存在")
        return {"refund": refund_document(refund, self.world.trades[refund.tid], fields)}

    # Shipping and stock

    def _trade_memo_update(self, form: Mapping[str, str]) -> dict[str, Any]:
        trade = self._own(_number(form, "tid"))
        flag = _number(form, "flag", trade.seller_flag, least=0, most=5)
        self.shop.change_memo(trade.tid, memo=form.get("memo", ""), flag=flag)
        return {"trade": {"tid": trade.tid, "modified": clock_text(trade.modified_ms)}}

    def _logistics_offline_send(self, form: Mapping[str, str]) -> dict[str, Any]:
        tid, waybill, carrier = _number(form, "tid"), _needed(form, "out_sid"), _needed(form, "company_code")
        if carrier not in CARRIERS:
            raise TopError(41, "Invalid Arguments:company_code", "isv.invalid-parameter", "物流公司不存在")
        oids: set[int] = set()
        if form.get("is_split") == "1":
            oids = {int(oid) for oid in _needed(form, "sub_tid").split(",") if oid.isdigit()}
        self._own(tid)
        self.shop.ship(tid, waybill=waybill, carrier=carrier, oids=oids)
        return {"shipping": {"is_success": True}}

    def _logistics_consign_resend(self, form: Mapping[str, str]) -> dict[str, Any]:
        tid, waybill, carrier = _number(form, "tid"), _needed(form, "out_sid"), _needed(form, "company_code")
        if carrier not in CARRIERS:
            raise TopError(41, "Invalid Arguments:company_code", "isv.invalid-parameter", "物流公司不存在")
        trade = self._own(tid)
        oids = {line.oid for line in trade.lines}
        if form.get("is_split") == "1":
            oids &= {int(oid) for oid in _needed(form, "sub_tid").split(",") if oid.isdigit()}
        olds = {line.waybill for line in trade.lines if line.oid in oids}
        if len(olds) != 1 or not olds.isdisjoint({"", waybill}):
            raise Refused("not_shippable", "订单状态不正确")
        self.shop.change_number(tid, old=olds.pop(), waybill=waybill, carrier=carrier)
        return {"shipping": {"is_success": True}}

    def _logistics_companies_get(self, form: Mapping[str, str]) -> dict[str, Any]:
        named = {name.strip() for name in _needed(form, "fields").split(",")}
        companies = [
            {name: value for name, value in (("id", number), ("code", code), ("name", label)) if name in named}
            for code, (number, label, _form) in CARRIERS.items()
        ]
        return {"logistics_companies": {"logistics_company": companies}}

    def _skus_quantity_update(self, form: Mapping[str, str]) -> dict[str, Any]:
        num_iid, mode = _number(form, "num_iid"), _number(form, "type", 1, least=1, most=2)
        key = "skuid_quantities" if form.get("skuid_quantities") else "outerid_quantities"
        changes: list[tuple[str, int]] = []
        for pair in filter(None, _needed(form, key).split(";")):
            sku, _colon, quantity = pair.rpartition(":")
            if not sku or not quantity.lstrip("-").isdigit():
                raise TopError(41, f"Invalid Arguments:{key}")
            changes.append((sku, int(quantity)))
        if len(changes) > 20:
            raise TopError(41, f"Invalid Arguments:{key}", "isv.invalid-parameter", "最多20个SKU")
        found = [(self._listing(num_iid, sku, by_code=key.startswith("outer")), quantity) for sku, quantity in changes]
        if mode == 1 and any(quantity < 0 for _at, quantity in found):
            raise TopError(41, f"Invalid Arguments:{key}", "isv.invalid-parameter", "库存不能为负")
        skus = [self._set_listed(at, quantity, mode, floor=True) for at, quantity in found]
        modified = clock_text(self.world.clock())
        return {"item": {"num_iid": num_iid, "iid": str(num_iid), "modified": modified, "skus": {"sku": skus}}}

    def _item_quantity_update(self, form: Mapping[str, str]) -> dict[str, Any]:
        num_iid, mode = _number(form, "num_iid"), _number(form, "type", 1, least=1, most=2)
        sku, by_code = (form["outer_id"], True) if form.get("outer_id") else (form.get("sku_id", ""), False)
        quantity = _number(form, "quantity", least=-(10**9), most=10**9)
        at = self._listing(num_iid, sku, by_code=by_code)
        if (mode == 1 and quantity < 0) or (mode == 2 and self._listed(at) + quantity < 0):
            word = "isv.item-quantity-update-service-error:NEGATIVE_QUANTITY"
            raise TopError(15, "Remote service error", word, "库存不能为负")
        sku_row = self._set_listed(at, quantity, mode, floor=False)
        modified = clock_text(self.world.clock())
        return {"item": {"num_iid": num_iid, "num": sku_row["quantity"], "modified": modified}}

    def _listing(self, num_iid: int, sku: str, *, by_code: bool) -> tuple[int, int]:
        for ware in LISTED:
            fits = ware.code == sku if by_code else not sku or str(ware.sku_id) == sku
            if ware.num_iid == num_iid and fits:
                return ware.num_iid, ware.sku_id
        word = "isv.item-quantity-update-service-error:ITEM_NOT_FOUND"
        raise TopError(15, "Remote service error", word, "商品或SKU不存在")

    def _listed(self, at: tuple[int, int]) -> int:
        return self.world.listed_stock(TMALL, *at)

    def _set_listed(self, at: tuple[int, int], quantity: int, mode: int, *, floor: bool) -> dict[str, Any]:
        if mode == 2:
            quantity += self._listed(at)
        quantity = max(quantity, 0) if floor else quantity
        self.world.list_stock(TMALL, *at, quantity)
        return {"sku_id": at[1], "quantity": quantity, "modified": clock_text(self.world.clock())}


def _needed(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise TopError(40, f"Missing Required Arguments:{name}")
    return value


def _number(
    form: Mapping[str, str], name: str, default: int | None = None, *, least: int = 0, most: int = 2**63 - 1
) -> int:
    if default is not None and not form.get(name):
        return default
    text = _needed(form, name)
    if not text.isascii() or not text.removeprefix("-").isdigit() or not least <= int(text[:20]) <= most:
        raise TopError(41, f"Invalid Arguments:{name}")
    return int(text)


def _instant(form: Mapping[str, str], name: str, *, code: int = 41) -> int:
    try:
        return int(parse_gmt8(_needed(form, name)).timestamp()) * 1000
    except ValueError:
        raise TopError(code, "Invalid Timestamp" if code == 31 else f"Invalid Arguments:{name}") from None


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
