"""SF Express' own interface: orders with their waybill numbers, cancelling, routes, bringing a parcel back.

Source: SF's sample code for the digest and the envelope (apiResultCode A1000 carries the answer as JSON text), public
adapters for the services. SF knows an order by our number: asked twice it says 8016, and the order is looked up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from fulfillment.carriers.documents import AssignedNumber, Place, WaybillRequest
from fulfillment.carriers.errors import (
    CourierAuthorisationLost,
    CourierError,
    CourierRefused,
    CourierThrottled,
    CourierUnavailable,
)
from ordercenter.common.http import TIMEOUT_S, TransportFailed, exchange
from ordercenter.common.signing import sf_digest
from ordercenter.common.strictjson import UnreadableBody, loads_strict

CREATE = "EXP_RECE_CREATE_ORDER"
FIND = "EXP_RECE_SEARCH_ORDER_RESP"
UPDATE = "EXP_RECE_UPDATE_ORDER"
ROUTES = "EXP_RECE_SEARCH_ROUTES"
RECALL = "EXP_RECE_WANTED_INTERCEPT"
MOST_ROUTES = 10
_MAX_BYTES = 1024 * 1024
_DUPLICATE = "8016"
_ALREADY_CANCELLED = ("8037",)
_THROTTLED = ("A1005",)
_PASSING = ("A1002", "A1009", "A1011")
_NO_ACCESS = ("A1003", "A1004", "A1006", "A1008")
_CANCEL, _SENDER_PAYS, _GIVE_BACK = 2, 1, "2"


@dataclass(frozen=True, slots=True)
class SfCredentials:
    """How one customer of SF is reached."""

    partner_id: str
    checkword: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class SfContract:
    """What stands in every order of an account. express_type: SF's product, "1" or "2"."""

    sender: Place
    monthly_card: str = ""
    express_type: str = "1"


class Sf:
    """One customer at SF. Implements CourierClient; one package a call."""

    most = 1

    def __init__(
        self,
        credentials: SfCredentials,
        contract: SfContract,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.time,
    ):
        self._credentials, self._contract = credentials, contract
        self._timeout_s, self._clock = timeout_s, clock

    def request(self, requests: Sequence[WaybillRequest]) -> Mapping[str, AssignedNumber]:
        """See CourierClient. An order that SF has already is looked up instead."""
        (request,) = requests
        try:
            answer = self.call(CREATE, order_document(self._contract, request))
        except CourierRefused as refusal:
            if refusal.courier_code != _DUPLICATE:
                raise
            answer = self.call(FIND, _search(request.key))
        return {request.key: _number(CREATE, request.key, answer)}

    def find(self, requests: Sequence[WaybillRequest]) -> Mapping[str, AssignedNumber]:
        """See CourierClient."""
        found: dict[str, AssignedNumber] = {}
        for request in requests:
            try:
                answer = self.call(FIND, _search(request.key))
            except CourierRefused:
                continue
            found[request.key] = _number(FIND, request.key, answer)
        return found

    def cancel(self, *, key: str, number: str) -> None:
        """See CourierClient. SF cancels orders, by our number."""
        wanted = {"orderId": key, "dealType": _CANCEL, "language": "zh-CN"}
        try:
            self.call(UPDATE, wanted)
        except CourierRefused as refusal:
            if refusal.courier_code not in _ALREADY_CANCELLED:
                raise

    def recall(self, *, number: str) -> bool:
        """Ask SF to bring a parcel back to where it came from, at the cost of the monthly account."""
        place = self._contract.sender
        self.call(
            RECALL,
            {
                "waybillNo": number,
                "serviceCode": _GIVE_BACK,
                "role": "1",
                "payMode": "4",
                "monthlyCardNo": self._contract.monthly_card,
                "newDestAddress": {
                    "contact": place.name,
                    "phone": place.phone,
                    "province": place.province,
                    "city": place.city,
                    "county": place.district,
                    "address": place.address,
                },
            },
        )
        return True

    def balance(self) -> int | None:
        """SF does not sell numbers in advance."""
        return None

    def routes(self, numbers: Sequence[str], *, phone_tail: str = "") -> bytes:
        """What SF knows of at most ten parcels, as the JSON text that it answered with; see scans.read_sf_routes."""
        wanted: dict[str, Any] = {
            "language": "0",
            "trackingType": "1",
            "trackingNumber": list(numbers),
            "methodType": "1",
        }
        if phone_tail:
            wanted["checkPhoneNo"] = phone_tail
        return json.dumps(self.call(ROUTES, wanted), ensure_ascii=False).encode()

    def call(self, service: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """One service: the answer's msgData. Raises a CourierError."""
        form = signed_form(self._credentials, service, data, at=self._clock(), request_id=str(uuid4()))
        try:
            answer = exchange(
                self._credentials.base_url,
                content=urlencode(form).encode(),
                content_type="application/x-www-form-urlencoded;charset=UTF-8",
                timeout_s=self._timeout_s,
                max_bytes=_MAX_BYTES,
            )
        except TransportFailed as error:
            raise CourierUnavailable(method=service, message=str(error)) from error
        if answer.status == 429:
            raise CourierThrottled(method=service, courier_code="429", wait_s=10)
        if answer.status != 200:
            raise CourierUnavailable(method=service, courier_code=str(answer.status))
        return open_envelope(service, answer.body)


def signed_form(
    credentials: SfCredentials, service: str, data: Mapping[str, Any], *, at: float, request_id: str
) -> dict[str, str]:
    """The form of a call. at: Unix seconds. What is signed is the text that is sent."""
    msg_data, timestamp = json.dumps(data, ensure_ascii=False, separators=(",", ":")), str(int(at))
    return {
        "partnerID": credentials.partner_id,
        "requestID": request_id,
        "serviceCode": service,
        "timestamp": timestamp,
        "msgDigest": sf_digest(msg_data=msg_data, timestamp=timestamp, checkword=credentials.checkword),
        "msgData": msg_data,
    }


def open_envelope(service: str, body: bytes) -> Mapping[str, Any]:
    """The msgData inside both envelopes, an empty object where there is none. Raises a CourierError."""
    try:
        outer = loads_strict(body, max_bytes=_MAX_BYTES)
        code = outer["apiResultCode"]
        if code != "A1000":
            raise _outer_error(service, str(code), str(outer.get("apiErrorMsg") or ""))
        inner = outer["apiResultData"]
        if isinstance(inner, str):
            inner = loads_strict(inner.encode(), max_bytes=_MAX_BYTES)
        if inner["success"] is not True:
            raise CourierRefused(
                method=service,
                courier_code=str(inner.get("errorCode") or ""),
                message=str(inner.get("errorMsg") or ""),
            )
        data = {} if inner.get("msgData") is None else inner["msgData"]
        if not isinstance(data, dict):
            raise TypeError("msgData is no object")
    except (UnreadableBody, KeyError, TypeError, AttributeError, UnicodeEncodeError) as error:
        raise CourierUnavailable(
            method=service, message=f"the answer cannot be read: {type(error).__name__}"
        ) from error
    return data


def order_document(contract: SfContract, request: WaybillRequest) -> dict[str, Any]:
    """The msgData of an order. Weights are kilograms."""
    return {
        "language": "zh-CN",
        "orderId": request.key,
        "cargoDetails": [{"name": name[:100], "count": pieces, "unit": "件"} for name, pieces in request.items[:50]],
        "contactInfoList": [_contact(1, contract.sender), _contact(2, request.receiver)],
        "monthlyCard": contract.monthly_card,
        "payMethod": _SENDER_PAYS,
        "expressTypeId": int(contract.express_type),
        "parcelQty": 1,
        "totalWeight": f"{request.weight_g // 1000}.{request.weight_g % 1000:03d}",
        "isReturnRoutelabel": 1,
    }


def _contact(kind: int, place: Place) -> dict[str, Any]:
    return {
        "contactType": kind,
        "contact": place.name,
        "mobile": place.phone,
        "country": "CN",
        "province": place.province,
        "city": place.city,
        "county": place.district,
        "address": place.town + place.address,
    }


def _search(key: str) -> dict[str, Any]:
    return {"searchType": "1", "orderId": key, "language": "zh-CN"}


def _number(service: str, key: str, answer: Mapping[str, Any]) -> AssignedNumber:
    numbers = answer.get("waybillNoInfoList")
    rows = [row for row in numbers if isinstance(row, dict)] if isinstance(numbers, list) else []
    main = next((row for row in rows if str(row.get("waybillType")) == "1"), rows[0] if rows else {})
    number = main.get("waybillNo")
    if not isinstance(number, str) or not 4 <= len(number) <= 64:
        # Its filter may still decide by hand: asked again, the order is looked up.
        raise CourierUnavailable(method=service, message="no waybill number yet")
    label = _route_label(answer)
    return AssignedNumber(
        key=key,
        number=number,
        carrier_code="SF",
        sort_code=str(label.get("destRouteLabel") or label.get("destTeamCode") or "")[:64],
        qr=str(label.get("twoDimensionCode") or "")[:400],
    )


def _route_label(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    labels = answer.get("routeLabelInfo")
    first = labels[0] if isinstance(labels, list) and labels else labels
    data = first.get("routeLabelData") if isinstance(first, dict) else None
    return data if isinstance(data, dict) else {}


def _outer_error(service: str, code: str, message: str) -> CourierError:
    if code in _THROTTLED:
        return CourierThrottled(method=service, courier_code=code, message=message, wait_s=10)
    if code in _PASSING:
        return CourierUnavailable(method=service, courier_code=code, message=message)
    if code in _NO_ACCESS:
        return CourierAuthorisationLost(method=service, courier_code=code, message=message)
    return CourierRefused(method=service, courier_code=code, message=message)
