"""Cainiao's electronic waybill at the open platform: the methods that `top.py` offers beside the shop's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from channels_sync.sandbox.goods import CARRIERS
from channels_sync.sandbox.shop import Refused
from channels_sync.sandbox.waybills import Couriers, OutOfNumbers

Form = Mapping[str, str]
MOST = 10


class Cainiao:
    """Reads the JSON parameters and writes answers, both wrapped as the platform does it."""

    def __init__(self, couriers: Couriers):
        self.couriers, self.world = couriers, couriers.world
        self.methods: dict[str, Callable[[Form], dict[str, Any]]] = {
            "cainiao.waybill.ii.get": self._get,
            "cainiao.waybill.ii.cancel": self._cancel,
            "cainiao.waybill.ii.query.by.tradecode": self._query,
            "cainiao.waybill.ii.search": self._search,
        }

    def _get(self, form: Form) -> dict[str, Any]:
        wanted = _json(form, "param_waybill_cloud_print_apply_new_request", dict)
        carrier, packages = wanted.get("cp_code"), wanted.get("trade_order_info_dtos")
        if carrier not in CARRIERS:
            raise Refused("isv.CP_CODE_NOT_EXIST", "物流公司编码不存在")
        if not isinstance(packages, list) or not 0 < len(packages) <= MOST:
            raise Refused("isv.TRADE_ORDER_INFO_INVALID", f"每次请求1到{MOST}个包裹")
        sender = wanted.get("sender") or {}
        if not sender.get("name") or not (sender.get("address") or {}).get("province"):
            raise Refused("isv.SENDER_INVALID", "发件人信息不完整")
        for package in packages:
            self._check(package)
        if len({package["object_id"] for package in packages}) < len(packages):
            raise Refused("isv.OBJECT_ID_REPEATED", "object_id重复")
        fresh = [p for p in packages if self.couriers.by_key(p["package_info"]["id"]) is None]
        if fresh and (self.world.switches.waybill_no_numbers or self.couriers.left() < len(fresh)):
            raise Refused("isv.BRANCH_BALANCE_NOT_ENOUGH", "网点电子面单余额不足，请充值")
        try:
            answers = [self._answer(carrier, package) for package in packages]
        except OutOfNumbers:
            raise Refused("isv.BRANCH_BALANCE_NOT_ENOUGH", "网点电子面单余额不足，请充值") from None
        return {"modules": {"waybill_cloud_print_response": answers}}

    def _check(self, package: Any) -> None:
        if not isinstance(package, dict):
            raise Refused("isv.TRADE_ORDER_INFO_INVALID", "包裹信息不合法")
        orders = (package.get("order_info") or {}).get("trade_order_list")
        recipient, key = package.get("recipient") or {}, (package.get("package_info") or {}).get("id")
        if not package.get("object_id") or not key or not orders or len(orders) > 100:
            raise Refused("isv.TRADE_ORDER_INFO_INVALID", "包裹信息不合法")
        if not (package.get("package_info") or {}).get("items"):
            raise Refused("isv.PACKAGE_ITEMS_EMPTY", "包裹内商品不能为空")
        address = recipient.get("address") or {}
        if not address.get("province") or not address.get("detail"):
            raise Refused("isv.RECIPIENT_ADDRESS_INVALID", "收件地址不完整")
        is_masked = "*" in str(recipient.get("mobile", ""))
        if is_masked and not (recipient.get("oaid") and recipient.get("tid") in orders) and not recipient.get("caid"):
            raise Refused("isv.OAID_INVALID", "收件人信息已脱敏，请传入oaid和tid")
        if "退货专用" in str(address.get("detail")):
            raise Refused("isv.ADDRESS_UNREACHABLE", "收件地址不可达")

    def _answer(self, carrier: str, package: dict[str, Any]) -> dict[str, Any]:
        recipient = package["recipient"]
        record = self.couriers.number_for(
            package["package_info"]["id"],
            carrier=carrier,
            orders=package["order_info"]["trade_order_list"],
            clear="*" not in str(recipient.get("mobile", "")) and bool(recipient.get("oaid")),
        )
        return {"object_id": package["object_id"], **self._waybill(record, package.get("template_url", ""))}

    @staticmethod
    def _waybill(record: Mapping[str, Any], template_url: str = "") -> dict[str, Any]:
        print_data = {
            "encryptedData": f"AES:{record['number']}",
            "signature": "MD:sandbox",
            "templateURL": template_url,
            "ver": "waybill_print_secret_version_1",
        }
        return {
            "waybill_code": record["number"],
            "cp_code": record["carrier"],
            "real_cp_code": record["carrier"],
            "print_data": json.dumps(print_data),
        }

    def _query(self, form: Form) -> dict[str, Any]:
        rows = []
        for wanted in _json(form, "param_list", list):
            found = [r for r in self.couriers.by_order(str(wanted.get("biz_sub_code"))) if r["status"] == "open"]
            row: dict[str, Any] = {"object_id": wanted.get("object_id"), "success": bool(found)}
            if found:
                row["waybill_cloud_print_response"] = self._waybill(found[-1])
            else:
                row |= {"error_code": "isv.WAYBILL_NOT_EXIST", "error_message": "面单不存在"}
            rows.append(row)
        return {"modules": {"waybill_cloud_print_with_result_desc_response": rows}}

    def _cancel(self, form: Form) -> dict[str, Any]:
        match self.couriers.cancel(form.get("waybill_code", "")):
            case "before":
                raise Refused("isv.WAYBILL_ALREADY_CANCEL", "面单已取消")
            case "no":
                raise Refused("isv.WAYBILL_CAN_NOT_CANCEL", "面单不存在或已发出，无法取消")
        return {"cancel_result": True}

    def _search(self, form: Form) -> dict[str, Any]:
        carrier = form.get("cp_code", "")
        if carrier not in CARRIERS:
            raise Refused("isv.CP_CODE_NOT_EXIST", "物流公司编码不存在")
        left = 0 if self.world.switches.waybill_no_numbers else self.couriers.left()
        used = sum(1 for record in self.world.waybills.values() if record["carrier"] == carrier)
        branch = {"branch_code": "571001", "branch_name": "余杭网点", "quantity": left, "allocated_quantity": used}
        info = {
            "cp_code": carrier,
            "cp_type": 2,
            "branch_account_cols": {"waybill_branch_account": [branch]},
        }
        return {"waybill_apply_subscription_cols": {"waybill_apply_subscription_info": [info]}}


def _json(form: Form, name: str, kind: type) -> Any:
    try:
        value = json.loads(form.get(name, ""))
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise Refused("isv.invalid-parameter", f"{name}不合法")
    return value
