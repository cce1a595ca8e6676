"""The Douyin shop open platform as its callers see it: `POST /<path>` with a signed query, JSON in and out, HTTP 200
also for refusals; and its pushes, lists of messages signed over their exact bytes.

Checks come in the platform's order: app, method, time, signature, token, limit, arguments. Source of names and codes:
the platform's official Go kit; where a sub code is not documented, a plain `isv.*` word stands in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.documents import clock_text
from channels_sync.sandbox.goods import LISTED
from channels_sync.sandbox.platforms import TRAITS, Fact, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.platforms.douyin_documents import (
    COMPANIES,
    after_sale_detail,
    after_sale_item,
    after_sale_type,
    order_document,
    order_status,
    pack_id,
    settlement_row,
)
from channels_sync.sandbox.platforms.limits import RateLimit
from channels_sync.sandbox.platforms.settling import movements
from channels_sync.sandbox.platforms.tokens import Grant, Tokens
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.trades import Trade
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import page_of
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.signing import same_text
from ordercenter.common.signing_douyin import douyin_event_sign, douyin_sign

CODE = "douyin"
TIME_TOLERANCE_S = 600
MOST_PAGE, MOST_ROWS = 100, 50_000
MOST_STOCK_ROWS = 50
DAY_S = 86_400
_LISTED = frozenset((ware.num_iid, ware.sku_id) for ware in LISTED)
_ASKING = ("WAIT_SELLER_AGREE", "WAIT_BUYER_RETURN_GOODS", "WAIT_SELLER_CONFIRM_GOODS")
TAGS: Mapping[Fact, str] = {
    Fact.PLACED: "100",
    Fact.DEPOSIT_PAID: "109",
    Fact.PAID: "101",
    Fact.CLOSED: "106",
    Fact.MEMO_CHANGED: "113",
    Fact.PARTLY_SHIPPED: "108",
    Fact.SHIPPED: "102",
    Fact.NUMBER_CHANGED: "104",
    Fact.FINISHED: "103",
    Fact.REFUND_OPENED: "200",
    Fact.RETURN_AGREED: "202",
    Fact.GOODS_SENT_BACK: "203",
    Fact.REFUND_PAID: "206",
    Fact.REFUND_REFUSED: "204",
    Fact.REFUND_CLOSED: "207",
}

Params = Mapping[str, Any]


class DouyinError(Exception):
    """An envelope that is not a success. sub_code isp.*: the platform's fault, isv.*: the caller's."""

    def __init__(self, code: int, msg: str, sub_code: str = "", sub_msg: str = ""):
        super().__init__(f"{code} {msg} {sub_code}")
        self.fields = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg or msg}


class DouyinDoor:
    """One application with one shop."""

    traits = TRAITS[CODE]
    root = "/douyin"
    # How stubborn the real one is, is not published.
    push_rule: PushRule | None = PushRule(pauses_s=(1.0, 5.0, 30.0, 120.0, 600.0))

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world, self.credentials = shop, shop.world, credentials
        self._limit = RateLimit(self.world, CODE)
        self.tokens = Tokens(
            self.world,
            CODE,
            life_s=7 * DAY_S,
            refresh_life_s=14 * DAY_S,
            first=credentials.douyin_access_token,
            first_refresh=credentials.douyin_refresh_token,
        )
        self._log_no = count(1)
        # A parcel is taken once for one request id.
        self._taken: dict[str, dict[str, Any]] = {}
        self._methods: dict[str, Callable[[Params], dict[str, Any]]] = {
            "token.create": self._token_create,
            "token.refresh": self._token_refresh,
            "order.searchList": self._order_search_list,
            "order.orderDetail": self._order_detail,
            "order.logisticsAdd": self._logistics_add,
            "order.logisticsAddSinglePack": self._logistics_add_single_pack,
            "order.logisticsEdit": self._logistics_edit,
            "order.logisticsEditByPack": self._logistics_edit,
            "order.logisticsCompanyList": self._logistics_company_list,
            "order.addOrderRemark": self._add_order_remark,
            "sku.syncStock": self._sync_stock,
            "sku.syncStockBatch": self._sync_stock_batch,
            "afterSale.List": self._after_sale_list,
            "afterSale.Detail": self._after_sale_detail,
            "order.getSettleBillDetailV3": self._settle_bill,
        }

    # --- calls --------------------------------------------------------------------------------------------------------

    def serve(self, request: Request) -> Reply:
        log_id = f"sbx{next(self._log_no):017d}"
        try:
            with self.world.lock:
                method = request.path.strip("/").replace("/", ".")
                params = self._checked(request, method)
                answer = {"code": 10000, "msg": "success", "sub_code": "", "sub_msg": ""}
                answer |= {"data": self._methods[method](params)}
        except DouyinError as error:
            answer = dict(error.fields)
        except Refused as error:
            fields = {"code": 50002, "msg": "业务处理失败", "sub_code": f"isv.business-failed:{error.code}"}
            answer = {**fields, "sub_msg": error.message}
        return Reply(json.dumps({**answer, "log_id": log_id}, ensure_ascii=False).encode())

    def _checked(self, request: Request, method: str) -> Params:
        keys, query = self.credentials, request.query
        if query.get("app_key") != keys.douyin_app_key:
            raise DouyinError(30003, "app_key不存在", "isv.app-not-exist")
        if method not in self._methods or query.get("method") != method:
            raise DouyinError(40003, "method不存在", "isv.method-not-exist")
        timestamp = query.get("timestamp", "")
        now_s = self.world.clock_of(CODE) // 1000
        if not timestamp.isdigit() or abs(int(timestamp) - now_s) > TIME_TOLERANCE_S:
            raise DouyinError(30006, "timestamp过期", "isv.timestamp-expired")
        try:
            text = request.body.decode()
            params = json.loads(text)
        except ValueError:
            raise DouyinError(40004, "参数不是JSON", "isv.parameter-invalid") from None
        sign = douyin_sign(
            app_key=keys.douyin_app_key,
            secret=keys.douyin_secret,
            method=method,
            params=text,
            timestamp=timestamp,
            version=query.get("v", ""),
        )
        if query.get("sign_method") != "hmac-sha256" or not same_text(sign, query.get("sign", "")):
            raise DouyinError(30005, "签名错误", "isv.signature-invalid")
        if not isinstance(params, dict):
            raise DouyinError(40004, "参数不是对象", "isv.parameter-invalid")
        if not method.startswith("token.") and not self.tokens.is_good(query.get("access_token", "")):
            raise DouyinError(30002, "access_token已过期", "isv.access-token-expired")
        if self._limit.is_exceeded():
            raise DouyinError(80000, "接口调用频率超限", "isv.app-call-limited")
        return params

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _token_create(self, params: Params) -> dict[str, Any]:
        if params.get("grant_type") != "authorization_self" or params.get("shop_id") != self.credentials.douyin_shop_id:
            raise DouyinError(50002, "授权失败", "isv.grant-invalid")
        if self.world.switches.of(CODE).token_expired:
            raise DouyinError(50002, "店铺已取消授权", "isv.shop-not-authorized")
        return self._token(self.tokens.grant())

    def _token_refresh(self, params: Params) -> dict[str, Any]:
        grant = self.tokens.renew(str(params.get("refresh_token", "")))
        if params.get("grant_type") != "refresh_token" or grant is None:
            raise DouyinError(50002, "refresh_token已失效", "isv.refresh-token-invalid")
        return self._token(grant)

    def _token(self, grant: Grant) -> dict[str, Any]:
        return {
            "access_token": grant.access,
            "refresh_token": grant.refresh,
            "expires_in": grant.life_s,
            "scope": "SCOPE",
            "shop_id": int(self.credentials.douyin_shop_id),
            "shop_name": self.traits.shop_name,
        }

    # --- orders -------------------------------------------------------------------------------------------------------

    def _order_search_list(self, params: Params) -> dict[str, Any]:
        by = params.get("order_by", "create_time")
        if by not in ("create_time", "update_time"):
            raise _bad("order_by")
        index = self.world.modified if by == "update_time" else self.world.created
        start, end = _whole(params, f"{by}_start"), _whole(params, f"{by}_end", most=10**10)
        buckets = index[CODE].window(start * 1000, end * 1000)
        if params.get("order_asc") is not True:
            buckets.reverse()
        page, size = _whole(params, "page"), _whole(params, "size", least=1, most=MOST_PAGE)
        if (page + 1) * size > MOST_ROWS:
            raise DouyinError(50002, "分页超过上限", "isv.parameter-invalid", "page*size不能超过50000")
        if page and index is self.world.modified:
            self.world.shift_page(CODE, page_of(buckets, 0, page * size), index)
            buckets = index[CODE].window(start * 1000, end * 1000)
        rows = [self._document(self.world.trades[tid]) for tid in page_of(buckets, page * size, size)]
        return {"page": page, "size": size, "total": sum(map(len, buckets)), "shop_order_list": rows}

    def _order_detail(self, params: Params) -> dict[str, Any]:
        trade = self._sold(params, "shop_order_id")
        if trade.paid_ms and not trade.first_read_ms:
            trade.first_read_ms = self.world.clock()
        return {"shop_order_detail": self._document(trade)}

    def _document(self, trade: Trade) -> dict[str, Any]:
        return order_document(
            trade,
            self.world.refunds,
            shop_id=int(self.credentials.douyin_shop_id),
            is_clear=self.world.switches.of(CODE).clear_receivers,
        )

    def _sold(self, params: Params, key: str) -> Trade:
        number = params.get(key)
        if not isinstance(number, str):
            raise _bad(key)
        return self.shop.sold_on(CODE, number)

    # --- shipping -----------------------------------------------------------------------------------------------------

    def _logistics_add(self, params: Params) -> dict[str, Any]:
        trade = self._sold(params, "order_id")
        self._refuse_while_refunding([trade], params)
        self.shop.ship(trade.tid, waybill=_text(params, "logistics_code"), carrier=_carrier(params))
        return {}

    def _logistics_add_single_pack(self, params: Params) -> dict[str, Any]:
        request_id = _text(params, "request_id")
        if request_id in self._taken:
            return self._taken[request_id]
        numbers, rows = params.get("order_id_list"), params.get("shipped_order_info")
        if not isinstance(numbers, list) or not numbers or not isinstance(rows, list) or not rows:
            raise _bad("shipped_order_info")
        trades = [self.shop.sold_on(CODE, str(number)) for number in numbers]
        self._refuse_while_refunding(trades, params)
        wanted = {str(row.get("shipped_order_id")): _whole(row, "shipped_num", least=1) for row in rows}
        waybill, carrier = _text(params, "logistics_code"), _carrier(params)
        for trade in trades:
            pieces = {line.oid: wanted.pop(trade.line_number(line), 0) for line in trade.lines}
            pieces = {oid: num for oid, num in pieces.items() if num}
            self.shop.ship(trade.tid, waybill=waybill, carrier=carrier, pieces=pieces)
        if wanted:
            raise _bad("shipped_order_id")
        self._taken[request_id] = {"pack_id": f"{trades[0].tid}{len(trades[0].parcels):02d}"}
        return self._taken[request_id]

    def _logistics_edit(self, params: Params) -> dict[str, Any]:
        trade = self._sold(params, "order_id")
        waybill, carrier = _text(params, "logistics_code"), _carrier(params)
        packs = {pack_id(trade, number): parcel for number, parcel in enumerate(trade.parcels)}
        # Without a pack it is the whole order that is corrected, so there must be one parcel.
        found = packs.get(_text(params, "pack_id")) if len(packs) > 1 else next(iter(packs.values()), None)
        if found is None:
            raise Refused("parcel_unknown", "包裹不存在")
        self.shop.change_number(trade.tid, old=found.waybill, waybill=waybill, carrier=carrier)
        return {}

    @staticmethod
    def _refuse_while_refunding(trades: Sequence[Trade], params: Params) -> None:
        asking = any(line.refund_status in _ASKING for trade in trades for line in trade.lines)
        if asking and params.get("is_reject_refund") is not True:
            raise DouyinError(50002, "业务处理失败", "isv.business-failed:refunding", "订单存在售后申请，请先处理")

    def _logistics_company_list(self, params: Params) -> dict[str, Any]:
        rows = [{"id": number, "name": name, "code": code} for number, (code, name) in enumerate(COMPANIES.values(), 1)]
        return {"data": rows}

    # --- remarks and stock --------------------------------------------------------------------------------------------

    def _add_order_remark(self, params: Params) -> dict[str, Any]:
        trade = self._sold(params, "order_id")
        flag = trade.seller_flag
        if params.get("is_add_star") == "true":
            star = str(params.get("star", ""))
            if star not in "012345" or len(star) != 1:
                raise _bad("star")
            flag = int(star)
        self.shop.change_memo(trade.tid, memo=_text(params, "remark", least=0), flag=flag)
        return {}

    def _sync_stock(self, params: Params) -> dict[str, Any]:
        sku_id = _whole(params, "sku_id", most=2**63)
        found = [listing for listing in _LISTED if listing[1] == sku_id]
        if not found:
            raise DouyinError(50002, "sku不存在", "isv.business-failed:sku-not-exist")
        self._list_stock(found[0], params, params)
        return {}

    def _sync_stock_batch(self, params: Params) -> dict[str, Any]:
        product, rows = _whole(params, "product_id", most=2**63), params.get("sku_sync_list")
        if not isinstance(rows, list) or not 0 < len(rows) <= MOST_STOCK_ROWS:
            raise _bad("sku_sync_list")
        if any((product, row.get("sku_id")) not in _LISTED for row in rows):
            raise DouyinError(50002, "sku不存在", "isv.business-failed:sku-not-exist")
        for row in rows:
            self._list_stock((product, row["sku_id"]), row, params)
        return {}

    def _list_stock(self, listing: tuple[int, int], row: Params, params: Params) -> None:
        quantity = row.get("stock_num")
        if type(quantity) is not int:
            raise _bad("stock_num")
        if params.get("incremental") is True:
            key = _text(params, "idempotent_id")
            if key in self._taken:
                return
            self._taken[key] = {}
            quantity += self.world.listed_stock(CODE, *listing)
        if quantity < 0:
            raise DouyinError(50002, "库存不能为负", "isv.business-failed:stock-negative")
        self.world.list_stock(CODE, *listing, quantity)

    # --- after-sales --------------------------------------------------------------------------------------------------

    def _after_sale_list(self, params: Params) -> dict[str, Any]:
        start, end = _whole(params, "update_start_time"), _whole(params, "update_end_time", most=10**10)
        page, size = _whole(params, "page"), _whole(params, "size", least=1, most=MOST_PAGE)
        index = self.world.refunds_modified
        buckets = index[CODE].window(start * 1000, end * 1000)
        if page:
            self.world.shift_page(CODE, page_of(buckets, 0, page * size), index)
            buckets = index[CODE].window(start * 1000, end * 1000)
        refunds = [self.world.refunds[key] for key in page_of(buckets, page * size, size)]
        items = [after_sale_item(refund, self.world.trades[refund.tid]) for refund in refunds]
        total = sum(map(len, buckets))
        return {"items": items, "total": total, "page": page, "size": len(items), "has_more": (page + 1) * size < total}

    def _after_sale_detail(self, params: Params) -> dict[str, Any]:
        refund = self.world.refunds.get(str(params.get("after_sale_id")))
        if refund is None or self.world.trades[refund.tid].platform != CODE:
            raise DouyinError(50002, "售后单不存在", "isv.business-failed:aftersale-not-exist")
        return after_sale_detail(refund, self.world.trades[refund.tid])

    # --- settlement ---------------------------------------------------------------------------------------------------

    def _settle_bill(self, params: Params) -> dict[str, Any]:
        start_ms, end_ms = _clock(params, "start_time"), _clock(params, "end_time")
        if end_ms - start_ms > 7 * DAY_S * 1000 or params.get("time_type") not in (0, 1):
            return {"code": "100001", "code_msg": "参数错误", "data": []}
        size = _whole(params, "size", least=1, most=MOST_PAGE)
        # The last second has begun, so all of it counts.
        found = movements(self.world, CODE, start_ms, end_ms + 999)
        if index := params.get("start_index"):
            found = [
                movement for movement in found if (movement.at_ms // 1000 * 1000, movement.key) >= (start_ms, index)
            ]
        page, rest = found[:size], found[size:]
        return {
            "code": "100000",
            "code_msg": "success",
            "size": size,
            "data_size": len(page),
            "is_end": int(not rest),
            "next_start_index": rest[0].key if rest else "",
            "next_start_time": clock_text(rest[0].at_ms) if rest else "",
            "data": [settlement_row(movement) for movement in page],
        }

    # --- pushes -------------------------------------------------------------------------------------------------------

    def tell(self, happened: Happened) -> Sequence[Told]:
        trade, refund, tag = happened.trade, happened.refund, TAGS[happened.fact]
        now_s = self.world.clock_of(CODE) // 1000
        data: dict[str, Any] = {
            "p_id": int(trade.number),
            "s_ids": [int(trade.line_number(line)) for line in trade.lines],
            "shop_id": int(self.credentials.douyin_shop_id),
            "order_status": order_status(trade),
            "order_type": 0,
            "biz": 2,
        }
        if happened.fact is Fact.PAID:
            data |= {"pay_time": trade.paid_ms // 1000, "pay_type": 2, "pay_amount": trade.payment_fen}
        if refund is not None:
            data |= {
                "aftersale_id": int(refund.refund_id),
                "aftersale_type": after_sale_type(refund, trade),
                "refund_amount": refund.fee_fen,
            }
        number = self.world.next_number("message")
        message = {"tag": tag, "msg_id": f"{trade.number}:{tag}:{now_s}:{number}", "data": json.dumps(data)}
        return [Told(tag, json.dumps([message], ensure_ascii=False))]

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        keys = self.credentials
        sign = douyin_event_sign(app_key=keys.douyin_app_key, secret=keys.douyin_secret, body=told.raw)
        return Sealed(told.raw, headers={"app-id": keys.douyin_app_key, "event-sign": sign})

    def is_heard(self, status: int, body: bytes) -> bool:
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return status == 200 and isinstance(answer, dict) and answer.get("code") == 0


def _bad(name: str) -> DouyinError:
    return DouyinError(40004, f"参数错误：{name}", "isv.parameter-invalid")


def _whole(params: Params, name: str, *, least: int = 0, most: int = 10**6) -> int:
    value = params.get(name)
    if name.endswith(("_start", "_start_time")):
        most = 10**10
    if type(value) is not int or not least <= value <= most:
        raise _bad(name)
    return value


def _clock(params: Params, name: str) -> int:
    try:
        return int(parse_gmt8(_text(params, name)).timestamp() * 1000)
    except ValueError:
        raise _bad(name) from None


def _text(params: Params, name: str, *, least: int = 1) -> str:
    value = params.get(name)
    if not isinstance(value, str) or len(value) < least:
        raise _bad(name)
    return value


def _carrier(params: Params) -> str:
    code = params.get("company_code")
    for ours, (theirs, _name) in COMPANIES.items():
        if theirs == code:
            return ours
    raise _bad("company_code")
