"""Cainiao's electronic waybill over the open platform: numbers, giving them back, what is left of them.

Source of the names: the platform's generated SDK (model/waybill). For orders of Taobao and Tmall the receiver's opaque
id goes with the order's number and nothing in clear; the same package id and orders give the same number again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fulfillment.carriers.documents import AssignedNumber, Place, WaybillRequest
from fulfillment.carriers.errors import (
    CourierAuthorisationLost,
    CourierError,
    CourierOutOfNumbers,
    CourierRefused,
    CourierThrottled,
    CourierUnavailable,
)
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelError,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.top_client import TopClient

GET = "cainiao.waybill.ii.get"
CANCEL = "cainiao.waybill.ii.cancel"
FIND = "cainiao.waybill.ii.query.by.tradecode"
SEARCH = "cainiao.waybill.ii.search"
MOST = 10
_CHANNELS = {"tmall": "TM", "taobao": "TB", "jd": "JD", "douyin": "DY", "pdd": "PIN_DUO_DUO"}
_OPAQUE = ("tmall", "taobao")
_OUT_OF_NUMBERS = re.compile("BALANCE|QUANTITY|余额不足|单号不足|号段不足|面单数量不足", re.IGNORECASE)
_GONE = re.compile("ALREADY_CANCEL|HAS_CANCEL|已取消|已经取消", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CainiaoContract:
    """What stands in every request of an account. carrier_code: the courier (cp_code)."""

    carrier_code: str
    sender: Place
    user_id: int = 0
    customer_code: str = ""
    product_code: str = ""
    template_url: str = ""


class Cainiao:
    """Numbers of one courier from one branch. Implements CourierClient."""

    most = MOST

    def __init__(self, top: TopClient, contract: CainiaoContract):
        self._top, self._contract = top, contract

    def request(self, requests: Sequence[WaybillRequest]) -> Mapping[str, AssignedNumber]:
        """At most ten packages; see CourierClient."""
        document = apply_document(self._contract, requests)
        answer = self._call(GET, {"param_waybill_cloud_print_apply_new_request": _json(document)})
        rows = _rows(answer, "modules", "waybill_cloud_print_response")
        numbers = self._numbers(GET, rows, requests)
        if len(numbers) < len(requests):
            raise CourierUnavailable(method=GET, message=f"{len(numbers)} numbers for {len(requests)} packages")
        return numbers

    def find(self, requests: Sequence[WaybillRequest]) -> Mapping[str, AssignedNumber]:
        """By the number of each package's first order; one whose order has several packages cannot be told apart."""
        by_order: dict[str, list[WaybillRequest]] = {}
        for request in requests:
            by_order.setdefault(request.order_nos[0], []).append(request)
        asked = [same[0] for same in by_order.values() if len(same) == 1]
        if not asked:
            return {}
        objects = {str(at): request for at, request in enumerate(asked, start=1)}
        wanted = [{"biz_sub_code": r.order_nos[0], "object_id": at} for at, r in objects.items()]
        answer = self._call(FIND, {"param_list": _json(wanted)})
        found = []
        for row in _rows(answer, "modules", "waybill_cloud_print_with_result_desc_response"):
            inner = row.get("waybill_cloud_print_response")
            if row.get("success") and isinstance(inner, dict):
                found.append({**inner, "object_id": row.get("object_id")})
        return self._numbers(FIND, found, asked)

    def cancel(self, *, key: str, number: str) -> None:
        """See CourierClient."""
        try:
            answer = self._call(CANCEL, {"cp_code": self._contract.carrier_code, "waybill_code": number})
        except CourierRefused as refusal:
            if _GONE.search(f"{refusal.courier_code} {refusal.message}"):
                return
            raise
        if answer.get("cancel_result") is not True:
            raise CourierRefused(method=CANCEL, message="not cancelled")

    def recall(self, *, number: str) -> bool:
        """Cainiao has no call for it: a person asks the branch."""
        return False

    def balance(self) -> int | None:
        """The numbers left at all branches of this courier; None where it does not sell them in advance."""
        answer = self._call(SEARCH, {"cp_code": self._contract.carrier_code})
        left, counted = 0, False
        for subscription in _rows(answer, "waybill_apply_subscription_cols", "waybill_apply_subscription_info"):
            # Couriers that own their branches (cp_type 1) bill by the month.
            if subscription.get("cp_code") != self._contract.carrier_code or subscription.get("cp_type") == 1:
                continue
            for branch in _rows(subscription, "branch_account_cols", "waybill_branch_account"):
                left, counted = left + _whole(SEARCH, branch.get("quantity")), True
        return left if counted else None

    def _numbers(
        self, method: str, rows: Sequence[Mapping[str, Any]], requests: Sequence[WaybillRequest]
    ) -> dict[str, AssignedNumber]:
        objects = {str(at): request for at, request in enumerate(requests, start=1)}
        numbers: dict[str, AssignedNumber] = {}
        for row in rows:
            request, number = objects.get(str(row.get("object_id"))), row.get("waybill_code")
            if request is None or not isinstance(number, str) or not 4 <= len(number) <= 64:
                raise CourierUnavailable(method=method, message="an answer without number or for no package of ours")
            print_data = _text(row.get("print_data"))
            numbers[request.key] = AssignedNumber(
                key=request.key,
                number=number,
                parent_number=_text(row.get("parent_waybill_code")),
                carrier_code=_text(row.get("real_cp_code")) or _text(row.get("cp_code")),
                sort_code=sort_code_of(print_data),
                print_data=print_data,
            )
        if len({number.number for number in numbers.values()}) < len(numbers):
            raise CourierUnavailable(method=method, message="one number for two packages")
        return numbers

    def _call(self, method: str, params: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            return self._top.call(method, params, repeat=False).content
        except ChannelError as error:
            raise _as_courier(error) from error


def apply_document(contract: CainiaoContract, requests: Sequence[WaybillRequest]) -> dict[str, Any]:
    """The one JSON parameter of cainiao.waybill.ii.get. Packages are told apart by object ids 1, 2, 3 ..."""
    document: dict[str, Any] = {
        "cp_code": contract.carrier_code,
        "need_encrypt": True,
        "multi_packages_shipment": False,
        "sender": _sender(contract.sender),
        "trade_order_info_dtos": [_package(contract, at, r) for at, r in enumerate(requests, start=1)],
    }
    if contract.customer_code:
        document["customer_code"] = contract.customer_code
    if contract.product_code:
        document["product_code"] = contract.product_code
    return document


def sort_code_of(print_data: str) -> str:
    """The route marks in the print data, where they are not encrypted; else nothing."""
    try:
        data = json.loads(print_data).get("data", {}) if print_data else {}
        routing = data.get("routingInfo", {})
        return str(routing.get("sortation", {}).get("name") or routing.get("routeCode") or "")[:64]
    except (ValueError, AttributeError, RecursionError):
        return ""


def _package(contract: CainiaoContract, at: int, request: WaybillRequest) -> dict[str, Any]:
    return {
        "object_id": str(at),
        "user_id": contract.user_id,
        "template_url": contract.template_url,
        "order_info": {
            "order_channels_type": _CHANNELS.get(request.platform, "OTHERS"),
            "trade_order_list": list(request.order_nos[:100]),
        },
        "package_info": {
            "id": request.key,
            "items": [{"name": name[:120], "count": pieces} for name, pieces in request.items[:100]],
            "weight": request.weight_g,
            "good_value": f"{request.value:.2f}",
        },
        "recipient": _recipient(request),
    }


def _recipient(request: WaybillRequest) -> dict[str, Any]:
    place = request.receiver
    recipient: dict[str, Any] = {
        "name": place.name,
        "mobile": place.phone,
        "address": {
            "province": place.province,
            "city": place.city,
            "district": place.district,
            "town": place.town,
            "detail": place.address,
        },
    }
    if place.oaid and request.platform in _OPAQUE:
        recipient |= {"oaid": place.oaid, "tid": place.tid}
    elif place.oaid:
        recipient["caid"] = place.oaid
    return recipient


def _sender(place: Place) -> dict[str, Any]:
    return {
        "name": place.name,
        "mobile": place.phone,
        "phone": "",
        "address": {
            "province": place.province,
            "city": place.city,
            "district": place.district,
            "town": place.town,
            "detail": place.address,
        },
    }


def _as_courier(error: ChannelError) -> CourierError:
    code, wait_s = error.sub_code or str(error.error_code or ""), 0
    kind: type[CourierError] = CourierRefused
    if isinstance(error, AuthorizationExpired):
        kind = CourierAuthorisationLost
    elif isinstance(error, ChannelThrottled):
        kind, wait_s = CourierThrottled, error.wait_s
    elif isinstance(error, ChannelUnavailable):
        kind = CourierUnavailable
    elif _OUT_OF_NUMBERS.search(f"{error.sub_code} {error.message}"):
        kind = CourierOutOfNumbers
    return kind(method=error.method, courier_code=code, message=error.message, wait_s=wait_s)


def _rows(answer: Mapping[str, Any], outer: str, inner: str) -> list[Mapping[str, Any]]:
    """A list of the protocol, wrapped twice; absent when empty."""
    wrapped = answer.get(outer)
    rows = wrapped.get(inner) if isinstance(wrapped, dict) else wrapped
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _whole(method: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    raise CourierUnavailable(method=method, message="a count that is no number")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
