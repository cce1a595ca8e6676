"""JD's open platform (JOS) as its callers see it: `POST /routerjson`, one signed form, JSON out, HTTP 200 for refusals.

Nothing is pushed. Order calls are taken in both shapes, flat and wrapped; the answer's outer object is called as the
generation of the shape calls it. Source of names and codes: public kits and adapters of the platform.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.documents import clock_text, yuan
from channels_sync.sandbox.goods import LISTED
from channels_sync.sandbox.people import masked_address, masked_mobile, masked_name
from channels_sync.sandbox.platforms import TRAITS, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.platforms.limits import RateLimit
from channels_sync.sandbox.platforms.tokens import Codes, Grant, Tokens
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.trades import (
    SELLER_CONSIGNED_PART,
    TRADE_CLOSED,
    TRADE_CLOSED_BY_TAOBAO,
    TRADE_FINISHED,
    WAIT_BUYER_CONFIRM_GOODS,
    WAIT_BUYER_PAY,
    WAIT_SELLER_SEND_GOODS,
    Refund,
    Trade,
)
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import page_of
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.signing_jd import jd_sign_is_valid

CODE = "jd"
TIME_TOLERANCE_MS = 10 * 60 * 1000
MOST_WINDOW_MS = 31 * 24 * 3600 * 1000
MOST_PAGE, MOST_PAGES = 100, 100
DAY_S = 86_400
_LISTED = {ware.sku_id: ware.num_iid for ware in LISTED}
# Our carriers to the platform's numbers.
CARRIERS: Mapping[str, str] = {
    "SF": "467",
    "YTO": "463",
    "ZTO": "1499",
    "STO": "470",
    "YUNDA": "1327",
    "EMS": "465",
    "JD": "2087",
}
STATE: Mapping[str, tuple[str, str]] = {
    WAIT_BUYER_PAY: ("NOT_PAY", "等待付款"),
    WAIT_SELLER_SEND_GOODS: ("WAIT_SELLER_STOCK_OUT", "等待出库"),
    SELLER_CONSIGNED_PART: ("WAIT_SELLER_STOCK_OUT", "等待出库"),
    WAIT_BUYER_CONFIRM_GOODS: ("WAIT_GOODS_RECEIVE_CONFIRM", "等待确认收货"),
    TRADE_FINISHED: ("FINISHED_L", "完成"),
    TRADE_CLOSED: ("TRADE_CANCELED", "取消"),
    TRADE_CLOSED_BY_TAOBAO: ("TRADE_CANCELED", "取消"),
}
REFUND_STATUS: Mapping[str, str] = {
    "WAIT_SELLER_AGREE": "0",
    "WAIT_BUYER_RETURN_GOODS": "1",
    "WAIT_SELLER_CONFIRM_GOODS": "1",
    "SELLER_REFUSE_BUYER": "2",
    "SUCCESS": "3",
    "CLOSED": "4",
}
_ASKING = ("WAIT_SELLER_AGREE", "WAIT_BUYER_RETURN_GOODS", "WAIT_SELLER_CONFIRM_GOODS")

Params = Mapping[str, Any]


class JdError(Exception):
    """An `error_response` of the gateway."""

    def __init__(self, code: str, zh_desc: str, en_desc: str):
        super().__init__(f"{code} {en_desc}")
        self.fields = {"code": code, "zh_desc": zh_desc, "en_desc": en_desc}


class InnerError(Exception):
    """A call that was asked and not done: the object inside says so."""

    def __init__(self, code: str, chinese: str, english: str):
        super().__init__(f"{code} {english}")
        self.fields = {"success": False, "errorCode": code, "chineseErrCode": chinese, "englishErrCode": english}


class JdDoor:
    """One application with one shop."""

    traits = TRAITS[CODE]
    root = "/jd"
    push_rule: PushRule | None = None

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world, self.credentials = shop, shop.world, credentials
        self._limit = RateLimit(self.world, CODE)
        self._codes = Codes()
        # The first token lives long: a demo may rest for months, and only the seller could renew it then.
        self.tokens = Tokens(
            self.world,
            CODE,
            life_s=365 * DAY_S,
            refresh_life_s=365 * DAY_S,
            first=credentials.jd_access_token,
            first_refresh=credentials.jd_refresh_token,
        )
        # Method -> what answers, and the name of the object inside that says whether it was done.
        self._methods: dict[str, tuple[Callable[[Params], dict[str, Any]], str]] = {
            "jingdong.pop.order.search": (self._order_search, "searchorderinfo_result"),
            "jingdong.pop.order.enSearch": (self._order_search, "searchorderinfo_result"),
            "jingdong.pop.order.get": (self._order_get, "orderDetailInfo"),
            "jingdong.pop.order.enGet": (self._order_get, "orderDetailInfo"),
            "jingdong.pop.order.shipment": (self._shipment, "sopjosshipment_result"),
            "jingdong.pop.order.modifyVenderRemark": (self._remark, "modifyvenderremark_result"),
            "jingdong.stock.write.updateSkuStock": (self._stock, "updateSkuStock_result"),
            "jingdong.ware.stock.sku.set": (self._stock, "stockSkuSet_result"),
            "jingdong.pop.afs.refundapply.querylist": (self._refunds, "refundApplyResponse"),
            "jingdong.pop.afs.refundapply.querybyid": (self._refund, "refundApplyResponse"),
        }

    # --- calls --------------------------------------------------------------------------------------------------------

    def serve(self, request: Request) -> Reply:
        form = {**request.query, **_form(request.body)}
        with self.world.lock:
            if request.path == "/oauth2/refresh_token":
                return _json(self._renew(form))
            if request.path == "/oauth2/to_login":
                return self._login(form)
            if request.path == "/oauth2/access_token":
                return _json(self._granted(form))
            if request.path != "/routerjson":
                return Reply(b"no such path", status=404, content_type="text/plain")
            try:
                method, params = self._checked(form)
            except JdError as error:
                return _json({"error_response": error.fields})
            answer, inside = self._methods[method]
            try:
                content = answer(params)
            except JdError as error:
                return _json({"error_response": error.fields})
            except InnerError as error:
                content = {inside: dict(error.fields)}
            except Refused as error:
                content = {inside: dict(InnerError("10400010", error.message, error.code).fields)}
        return _json({f"{method.replace('.', '_')}_responce": {"code": "0", **content}})

    def _checked(self, form: Mapping[str, str]) -> tuple[str, Params]:
        keys, method = self.credentials, form.get("method", "")
        if method not in self._methods:
            raise JdError("15", "method不存在", "invalid method")
        if form.get("app_key") != keys.jd_app_key:
            raise JdError("13", "无效app_key", "invalid app_key")
        if not jd_sign_is_valid(form, sign=form.get("sign", ""), secret=keys.jd_secret):
            raise JdError("12", "无效签名", "invalid sign")
        try:
            at_ms = int(parse_gmt8(form.get("timestamp", "")[:19]).timestamp() * 1000)
        except ValueError:
            raise JdError("10", "缺少timestamp", "missing timestamp") from None
        if abs(at_ms - self.world.clock_of(CODE)) > TIME_TOLERANCE_MS:
            raise JdError("10", "timestamp超时", "timestamp expired")
        if not self.tokens.is_good(form.get("access_token", "")):
            raise JdError("19", "无效access_token", "Invalid access_token")
        if self._limit.is_exceeded():
            raise JdError("9", "超过接口调用频率限制", "too many calls")
        try:
            params = json.loads(form.get("360buy_param_json", "{}"))
        except ValueError:
            params = None
        if not isinstance(params, dict):
            raise JdError("10", "业务参数不是JSON", "invalid 360buy_param_json")
        return method, params

    def _login(self, form: Mapping[str, str]) -> Reply:
        """The seller always agrees, and is sent back with a code."""
        if form.get("app_key") != self.credentials.jd_app_key or form.get("response_type") != "code":
            return Reply(b"no such application", status=400, content_type="text/plain")
        return self._codes.sent_back(form, {})

    def _granted(self, form: Mapping[str, str]) -> dict[str, Any]:
        keys = self.credentials
        is_ours = form.get("app_key") == keys.jd_app_key and form.get("app_secret") == keys.jd_secret
        if not is_ours or form.get("grant_type") != "authorization_code" or not self._codes.take(form.get("code", "")):
            return {"code": 402, "msg": "code无效或已过期"}
        return self._told(self.tokens.grant())

    def _renew(self, form: Mapping[str, str]) -> dict[str, Any]:
        keys = self.credentials
        is_ours = form.get("app_key") == keys.jd_app_key and form.get("app_secret") == keys.jd_secret
        grant = self.tokens.renew(form.get("refresh_token", "")) if is_ours else None
        if grant is None:
            return {"code": 401, "msg": "refresh_token无效"}
        return self._told(grant)

    @staticmethod
    def _told(grant: Grant) -> dict[str, Any]:
        return {
            "access_token": grant.access,
            "refresh_token": grant.refresh,
            "expires_in": grant.life_s,
            "token_type": "bearer",
            "code": 0,
        }

    # --- orders -------------------------------------------------------------------------------------------------------

    def _order_search(self, params: Params) -> dict[str, Any]:
        wrapped = params.get("paramOrderJSFQuery")
        query = wrapped if isinstance(wrapped, dict) else params
        by_creation = query.get("dateType") == 1
        index = self.world.created if by_creation else self.world.modified
        start, end = _instant(query, "start_date"), _instant(query, "end_date")
        if not 0 <= end - start <= MOST_WINDOW_MS:
            raise JdError("10", "时间跨度不能超过一个月", "invalid window")
        if not query.get("optional_fields"):
            raise JdError("10", "缺少optional_fields", "missing optional_fields")
        states = set(str(query.get("order_state", "")).split(","))
        page, size = _digits(query, "page"), _digits(query, "page_size")
        if not 0 < size <= MOST_PAGE or page < 1:
            raise JdError("10", "分页参数错误", "invalid page")

        def found() -> list[dict[Any, None]]:
            buckets = index[CODE].window(start, end)
            if query.get("sortType") == 1:
                buckets.reverse()
            return [{tid: None for tid in bucket if self._state(tid) in states} for bucket in buckets]

        buckets = found()
        if page > 1 and not by_creation:
            self.world.shift_page(CODE, page_of(buckets, 0, (page - 1) * size), index)
            buckets = found()
        # Pages beyond the hundredth are empty.
        tids = page_of(buckets, (page - 1) * size, size) if page <= MOST_PAGES else []
        rows = [self._named(self.world.trades[tid], str(query["optional_fields"])) for tid in tids]
        result = {
            "apiResult": {"success": True, "englishErrCode": "", "chineseErrCode": ""},
            "orderTotal": sum(map(len, buckets)),
            "orderInfoList": rows,
        }
        return {"orderInfoResult" if wrapped else "searchorderinfo_result": result}

    def _order_get(self, params: Params) -> dict[str, Any]:
        wrapped = params.get("paramOrderJSFQuery")
        query = wrapped if isinstance(wrapped, dict) else params
        trade = self._sold(query, "order_id")
        if trade.paid_ms and not trade.first_read_ms:
            trade.first_read_ms = self.world.clock()
        order = self._named(trade, str(query.get("optional_fields") or ""))
        return {"orderDetailInfo": {"apiResult": {"success": True}, "orderInfo": order}}

    def _named(self, trade: Trade, fields: str) -> dict[str, Any]:
        named = set(fields.split(","))
        document = order_document(trade, is_clear=self.world.switches.of(CODE).clear_receivers)
        return {name: value for name, value in document.items() if name in named}

    def _state(self, tid: int) -> str:
        return STATE[self.world.trades[tid].status][0]

    def _sold(self, params: Params, key: str) -> Trade:
        return self.shop.sold_on(CODE, str(params.get(key, "")))

    # --- shipping, remarks, stock -------------------------------------------------------------------------------------

    def _shipment(self, params: Params) -> dict[str, Any]:
        trade, number = self._sold(params, "orderId"), str(params.get("logiNo") or "")
        carriers = {theirs: ours for ours, theirs in CARRIERS.items()}
        carrier = carriers.get(str(params.get("logiCoprId")))
        if carrier is None or not number:
            raise InnerError("10400003", "物流公司不存在", "carrier unknown")
        if any(line.refund_status in _ASKING for line in trade.lines):
            raise InnerError("10400002", "订单已锁定，存在取消申请", "order locked")
        if trade.status == WAIT_BUYER_CONFIRM_GOODS:
            raise InnerError("10400001", "运单号已存在", "waybill exists")
        self.shop.ship(trade.tid, waybill=number, carrier=carrier)
        return {"sopjosshipment_result": {"success": True}}

    def _remark(self, params: Params) -> dict[str, Any]:
        trade, flag = self._sold(params, "order_id"), params.get("flag")
        if type(flag) is not int or not 0 <= flag <= 5:
            raise InnerError("10400005", "flag错误", "invalid flag")
        self.shop.change_memo(trade.tid, memo=str(params.get("remark") or ""), flag=flag)
        return {"modifyvenderremark_result": {"success": True}}

    def _stock(self, params: Params) -> dict[str, Any]:
        sku, quantity = params.get("skuId"), params.get("stockNum")
        if type(sku) is not int or sku not in _LISTED:
            raise InnerError("10400006", "sku不存在", "sku unknown")
        if type(quantity) is not int or quantity < 0:
            raise InnerError("10400007", "库存错误", "invalid stock")
        self.world.list_stock(CODE, _LISTED[sku], sku, quantity)
        return {"result": {"success": True}}

    # --- refunds ------------------------------------------------------------------------------------------------------

    def _refunds(self, params: Params) -> dict[str, Any]:
        walk = "check" if params.get("check_time_start") else "apply"
        start, end = _instant(params, f"{walk}_time_start"), _instant(params, f"{walk}_time_end")
        page, size = _digits(params, "page_index"), _digits(params, "page_size")
        if not 0 < size <= 50 or page < 1:
            raise JdError("10", "分页参数错误", "invalid page")
        rows = []
        for refund in self._own_refunds():
            at_ms = refund.modified_ms if walk == "check" else refund.created_ms
            if start <= at_ms < end + 1000 and (walk == "apply" or refund.status != "WAIT_SELLER_AGREE"):
                rows.append((at_ms, refund))
        rows.sort(key=lambda row: (row[0], row[1].refund_id))
        shown = [refund_document(refund, self.world.trades[refund.tid]) for _at, refund in rows]
        return _refund_result(shown[(page - 1) * size : page * size], len(shown))

    def _refund(self, params: Params) -> dict[str, Any]:
        refund = self.world.refunds.get(str(params.get("ra_id")))
        if refund is None or self.world.trades[refund.tid].platform != CODE:
            return _refund_result([], 0)
        return _refund_result([refund_document(refund, self.world.trades[refund.tid])], 1)

    def _own_refunds(self) -> list[Refund]:
        trades = self.world.trades
        return [r for r in self.world.refunds.values() if r.tid in trades and trades[r.tid].platform == CODE]

    # --- pushes: none -------------------------------------------------------------------------------------------------

    def tell(self, happened: Happened) -> Sequence[Told]:
        return ()

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        raise NotImplementedError("JD pushes nothing")

    def is_heard(self, status: int, body: bytes) -> bool:
        return status == 200


def order_document(trade: Trade, *, is_clear: bool) -> dict[str, Any]:
    """One POP order: nearly everything is text. is_clear: receivers in the clear, as older apps get them."""
    state, remark = STATE[trade.status]
    if trade.is_split:
        # What an order shows after its split is our guess: closed, so that nobody ships it, and the reason in words.
        remark = "订单已拆分"
    discount = trade.total_fen - trade.payment_fen + trade.post_fen
    return {
        "orderId": trade.number,
        "venderId": "10000001",
        "orderType": "22",
        "payType": "4-在线支付",
        "orderTotalPrice": yuan(trade.total_fen),
        "orderSellerPrice": yuan(trade.payment_fen - trade.post_fen),
        "orderPayment": yuan(trade.payment_fen),
        "freightPrice": yuan(trade.post_fen),
        "sellerDiscount": yuan(discount),
        "balanceUsed": "0.00",
        "orderState": state,
        "orderStateRemark": remark,
        "deliveryType": "任意时间",
        "invoiceEasyInfo": {"invoiceType": "不开发票"},
        "orderRemark": trade.buyer_message,
        "venderRemark": trade.seller_memo,
        "orderStartTime": clock_text(trade.created_ms),
        "paymentConfirmTime": clock_text(trade.paid_ms) if trade.paid_ms else "",
        "orderEndTime": clock_text(trade.ended_ms) if trade.ended_ms else "",
        "modified": clock_text(trade.modified_ms),
        "consigneeInfo": _consignee(trade, is_clear=is_clear),
        "itemInfoList": [
            {
                "skuId": str(line.sku_id),
                "outerSkuId": line.outer_sku_id,
                "skuName": line.title,
                "jdPrice": yuan(line.price_fen),
                "itemTotal": str(line.num),
                "wareId": str(line.num_iid),
                "productNo": "",
                "giftPoint": "0",
            }
            for line in trade.lines
        ],
        "couponDetailList": [
            {
                "orderId": trade.number,
                "skuId": str(line.sku_id),
                "couponType": "20-套装优惠",
                "couponPrice": yuan(line.price_fen * line.num - line.divided_fen),
            }
            for line in trade.lines
            if line.price_fen * line.num != line.divided_fen
        ],
        "pin": "jd_***",
        "open_id_buyer": trade.buyer.open_uid,
        "parentOrderId": _number_at(trade, -1),
        "directParentOrderId": _number_at(trade, 0),
        "storeOrder": "",
        "storeId": "0",
        "idSopShipmenttype": 71,
        "logisticsId": "|".join(CARRIERS.get(parcel.carrier, "") for parcel in trade.parcels),
        "waybill": "|".join(parcel.waybill for parcel in trade.parcels),
    }


def _number_at(trade: Trade, place: int) -> str:
    """The number of the order that a part was split off (0) or of the one that was paid (-1); "0": it is no part."""
    return str(trade.split_from[place] - TRAITS[CODE].number_shift) if trade.split_from else "0"


def _consignee(trade: Trade, *, is_clear: bool) -> dict[str, str]:
    buyer = trade.buyer
    name = buyer.name if is_clear else masked_name(buyer.name)
    mobile = buyer.mobile if is_clear else masked_mobile(buyer.mobile)
    address = buyer.address if is_clear else masked_address(buyer.address)
    is_municipality = buyer.state in ("北京", "上海", "天津", "重庆")
    # There the district stands in the place of the city.
    city, county, town = (
        (buyer.district, buyer.town, "") if is_municipality else (buyer.city, buyer.district, buyer.town)
    )
    place = "".join((buyer.state, city, county, town))
    return {
        "fullname": name,
        "telephone": mobile,
        "mobile": mobile,
        "province": buyer.state,
        "city": city,
        "county": county,
        "town": town,
        "fullAddress": f"{place}{address}" if address else "",
        "provinceId": "0",
        "cityId": "0",
        "countyId": "0",
        "townId": "0",
        "oaid": "" if is_clear else buyer.oaid,
    }


def refund_document(refund: Refund, trade: Trade) -> dict[str, Any]:
    """One application for money: of the order, in fen."""
    decided = refund.status != "WAIT_SELLER_AGREE"
    return {
        "id": refund.refund_id,
        "order_id": trade.number,
        "buyer_id": "jd_***",
        "buyer_name": masked_name(trade.buyer.name),
        "status": REFUND_STATUS[refund.status],
        "apply_time": clock_text(refund.created_ms),
        "check_time": clock_text(refund.modified_ms) if decided else "",
        "apply_refund_sum": str(refund.fee_fen),
        "check_username": "system" if decided else "",
        "reason": refund.reason,
    }


def _refund_result(rows: list[dict[str, Any]], count: int) -> dict[str, Any]:
    return {"refundApplyResponse": {"count": count, "results": rows, "result_state": True, "result_info": ""}}


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)) if body else {}
    except ValueError:
        return {}


def _instant(params: Params, name: str) -> int:
    try:
        at: datetime = parse_gmt8(str(params.get(name, "")))
    except ValueError:
        raise JdError("10", f"参数错误：{name}", f"invalid {name}") from None
    return int(at.timestamp() * 1000)


def _digits(params: Params, name: str) -> int:
    text = str(params.get(name, ""))
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise JdError("10", f"参数错误：{name}", f"invalid {name}")
    return int(text)


def _json(document: object) -> Reply:
    return Reply(json.dumps(document, ensure_ascii=False).encode())
