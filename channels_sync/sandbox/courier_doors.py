"""The doors of SF Express (`/std/service`) and of Kuaidi100 (`/poll`, `/poll/query.do`): forms in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from typing import Any

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.documents import clock_text
from channels_sync.sandbox.waybills import BACK, WAY, Couriers, OutOfNumbers
from ordercenter.common.signing import kuaidi100_sign, same_text, sf_digest

Form = Mapping[str, str]
TIME_TOLERANCE_MS = 10 * 60 * 1000
QUERY_EVERY_MS = 30 * 60 * 1000
_OPCODES = {"1": "50", "0": "30", "5": "44", "3": "80", "14": "33", "6": "99", "4": "648"}


class SfRefused(Exception):
    """An answer with success false."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class SfDoor:
    """Reads requests to SF and writes its two envelopes."""

    def __init__(self, couriers: Couriers, credentials: Credentials):
        self.couriers, self.world, self.credentials = couriers, couriers.world, credentials
        self._window = (0, 0)
        self._response_no = count(1)
        self._services = {
            "EXP_RECE_CREATE_ORDER": self._create,
            "EXP_RECE_SEARCH_ORDER_RESP": self._search,
            "EXP_RECE_UPDATE_ORDER": self._update,
            "EXP_RECE_SEARCH_ROUTES": self._routes,
            "EXP_RECE_WANTED_INTERCEPT": self._recall,
        }

    def answer(self, form: Form) -> bytes:
        """The body for one call."""
        keys = self.credentials
        if not all(form.get(name) for name in ("partnerID", "requestID", "serviceCode", "timestamp", "msgData")):
            return self._outer("A1001", "必传参数不可为空")
        if form["partnerID"] != keys.sf_partner_id:
            return self._outer("A1004", "无对应服务权限")
        expected = sf_digest(msg_data=form["msgData"], timestamp=form["timestamp"], checkword=keys.sf_checkword)
        if not same_text(expected, form.get("msgDigest", "")):
            return self._outer("A1006", "数字签名无效")
        sent = form["timestamp"]
        if not sent.isdigit() or abs(int(sent[:10]) * 1000 - self.world.clock()) > TIME_TOLERANCE_MS:
            return self._outer("A1002", "请求时效已过期")
        if self._is_too_fast():
            return self._outer("A1005", "流量受控")
        service = self._services.get(form["serviceCode"])
        if service is None:
            return self._outer("A1004", "无对应服务权限")
        try:
            data = json.loads(form["msgData"])
            with self.world.change():
                content = service(data)
        except SfRefused as refusal:
            inner = {"success": False, "errorCode": refusal.code, "errorMsg": refusal.message, "msgData": None}
        except (ValueError, AttributeError, KeyError, TypeError):
            inner = {"success": False, "errorCode": "1010", "errorMsg": "报文格式错误", "msgData": None}
        else:
            inner = {"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": content}
        return self._outer("A1000", "", json.dumps(inner, ensure_ascii=False))

    def _outer(self, code: str, message: str, data: str = "") -> bytes:
        response_id = f"{next(self._response_no):032x}"
        envelope = {"apiErrorMsg": message, "apiResponseID": response_id, "apiResultCode": code, "apiResultData": data}
        return json.dumps(envelope, ensure_ascii=False).encode()

    def _is_too_fast(self) -> bool:
        limit, second = self.world.switches.courier_rate_limit, self.world.clock() // 1000
        calls = self._window[1] + 1 if self._window[0] == second else 1
        self._window = (second, calls)
        return bool(limit) and calls > limit

    def _create(self, data: dict[str, Any]) -> dict[str, Any]:
        key, contacts = data["orderId"], data["contactInfoList"]
        if not key or sorted(contact["contactType"] for contact in contacts) != [1, 2]:
            raise SfRefused("1014", "联系人信息不完整")
        for contact in contacts:
            needed = ("contact", "mobile", "province", "city", "address")
            if not all(contact.get(name) for name in needed) or "*" in contact["mobile"]:
                raise SfRefused("1016", "收件人电话不能为空")
        if not data.get("monthlyCard") or not data.get("cargoDetails"):
            raise SfRefused("8057", "月结卡号或托寄物为空")
        if self.couriers.by_key(key) is not None:
            raise SfRefused("8016", "重复下单")
        try:
            record = self.couriers.number_for(key, carrier="SF", orders=[key], clear=True)
        except OutOfNumbers:
            raise SfRefused("8067", "运单号不足") from None
        return self._order(record)

    def _search(self, data: dict[str, Any]) -> dict[str, Any]:
        record = self.couriers.by_key(data["orderId"])
        if record is None or record["status"] == "cancelled":
            raise SfRefused("8024", "未找到该订单")
        return self._order(record)

    def _order(self, record: dict[str, Any]) -> dict[str, Any]:
        number = record["number"]
        label = {"destRouteLabel": "571XF-A3-012", "twoDimensionCode": f"MMM={{'k1':'571','k5':'{number}'}}"}
        return {
            "orderId": record["key"],
            "originCode": "571",
            "destCode": "571",
            "filterResult": 2,
            "waybillNoInfoList": [{"waybillType": 1, "waybillNo": number}],
            "routeLabelInfo": [{"code": "1000", "routeLabelData": {"waybillNo": number, **label}}],
        }

    def _update(self, data: dict[str, Any]) -> dict[str, Any]:
        record = self.couriers.by_key(data["orderId"])
        if record is None or data.get("dealType") != 2:
            raise SfRefused("8018", "未获取到订单信息")
        answer = self.couriers.cancel(record["number"])
        if answer == "before":
            raise SfRefused("8037", "已消单")
        if answer == "no":
            raise SfRefused("8252", "订单已揽收，不能取消")
        return {"orderId": record["key"], "resStatus": 2}

    def _routes(self, data: dict[str, Any]) -> dict[str, Any]:
        resps = []
        for number in data["trackingNumber"][:10]:
            parcel = self.world.followed.get(number)
            told = parcel["told"] if parcel else 0
            way = (BACK if number in self.world.refusing else WAY)[:told]
            routes = [
                {
                    "acceptTime": clock_text(at),
                    "acceptAddress": place,
                    "remark": text.format(place=place),
                    "opCode": _OPCODES[state],
                }
                for (state, _code, _word, text, place), at in zip(way, parcel["times"] if parcel else [], strict=False)
            ]
            resps.append({"mailNo": number, "routes": routes})
        return {"routeResps": resps}

    def _recall(self, data: dict[str, Any]) -> dict[str, Any]:
        number = data["waybillNo"]
        parcel = self.world.followed.get(number)
        if parcel is not None and parcel["status"] == "shutdown":
            raise SfRefused("8201", "快件已签收，不能退回")
        self.world.refusing.add(number)
        return {"waybillNo": number}


class Kuaidi100Door:
    """Takes subscriptions and questions about parcels of all couriers."""

    def __init__(self, couriers: Couriers, credentials: Credentials):
        self.couriers, self.world, self.credentials = couriers, couriers.world, credentials
        self._asked: dict[str, int] = {}

    def subscribe(self, form: Form) -> bytes:
        """`/poll`: {schema, param}."""
        try:
            param = json.loads(form.get("param", ""))
            wanted = (param["company"], param["number"], param["parameters"]["callbackurl"])
            salt = str(param["parameters"].get("salt") or "")
            phone = str(param["parameters"].get("phone") or "")
        except (ValueError, KeyError, TypeError, AttributeError):
            return _plain(False, "700", "订阅参数不合法")
        if param.get("key") != self.credentials.kuaidi100_key:
            return _plain(False, "600", "您不是合法的订阅者（即授权Key出错）")
        com, number, callback = wanted
        if com == "shunfeng" and len(phone) < 4:
            return _plain(False, "408", "电话号码校验码不正确")
        if not self.couriers.follow(number, com=com, callback=callback, salt=salt):
            return _plain(False, "501", "POLL:重复订阅")
        return _plain(True, "200", "提交成功")

    def query(self, form: Form) -> bytes:
        """`/poll/query.do`: {customer, param, sign}."""
        keys, param_text = self.credentials, form.get("param", "")
        expected = kuaidi100_sign(param_text, keys.kuaidi100_key, keys.kuaidi100_customer)
        if form.get("customer") != keys.kuaidi100_customer or not same_text(expected, form.get("sign", "")):
            return _plain(False, "503", "验证签名失败")
        try:
            number = str(json.loads(param_text)["num"])
        except (ValueError, KeyError, TypeError):
            return _plain(False, "400", "提交的数据不完整，或者贵公司没授权")
        now = self.world.clock()
        if now - self._asked.get(number, 0) < QUERY_EVERY_MS:
            return _plain(False, "601", "同一单号30分钟内只能查询一次")
        self._asked[number] = now
        result = self.couriers.way_of(number)
        if result is None:
            return _plain(False, "500", "查询无结果，请隔段时间再查")
        return json.dumps(result, ensure_ascii=False).encode()


def _plain(result: bool, code: str, message: str) -> bytes:
    return json.dumps({"result": result, "returnCode": code, "message": message}, ensure_ascii=False).encode()
