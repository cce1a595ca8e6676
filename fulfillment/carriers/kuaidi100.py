"""Kuaidi100, who follows parcels of all couriers: subscribing, being told, and asking.

Source of fields and signatures: the vendor's own demo programs. A push is signed over the text of its `param` and our
salt; it is answered with {"result": true, "returnCode": "200"}, anything else is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fulfillment.carriers.errors import (
    CourierAuthorisationLost,
    CourierError,
    CourierRefused,
    CourierThrottled,
    CourierUnavailable,
    TrackingMessageUnreadable,
    TrackingSignatureInvalid,
)
from ordercenter.common.http import TIMEOUT_S, HttpAnswer, TransportFailed, exchange
from ordercenter.common.signing import kuaidi100_sign, same_text
from ordercenter.common.strictjson import UnreadableBody, loads_strict

SUBSCRIBE, QUERY = "poll", "query"
ACK = {"result": True, "returnCode": "200", "message": "成功"}
_MAX_BYTES = 1024 * 1024
_FORM = "application/x-www-form-urlencoded;charset=utf-8"
# What the provider calls couriers: our code -> its own.
COMPANIES: Mapping[str, str] = {
    "SF": "shunfeng",
    "ZTO": "zhongtong",
    "YTO": "yuantong",
    "YUNDA": "yunda",
    "STO": "shentong",
    "EMS": "ems",
    "POSTB": "youzhengguonei",
    "DBKD": "debangkuaidi",
    "DBL": "debangwuliu",
    "JD": "jd",
    "JTSD": "jtexpress",
    "HTKY": "huitongkuaidi",
}
# Couriers that answer only to who knows the receiver's phone.
NEED_PHONE = ("shunfeng",)
_SUBSCRIBED_BEFORE = ("501",)
_NO_ACCESS = ("600", "601", "503")
_BUSY = ("502",)
_NOTHING_YET = ("500", "400")
_TOO_SOON = "同一单号"


@dataclass(frozen=True, slots=True)
class Kuaidi100Credentials:
    """How the provider knows us. salt: what its pushes are signed with."""

    customer: str
    key: str = field(repr=False)
    salt: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class Follow:
    """A parcel to be followed. company: the provider's word for the courier; origin, destination: province and city."""

    company: str
    number: str
    phone: str = field(repr=False)
    origin: str = ""
    destination: str = ""


class Kuaidi100:
    """Calls the provider for one customer. Holds no state, so one instance serves many threads."""

    def __init__(self, credentials: Kuaidi100Credentials, *, timeout_s: float = TIMEOUT_S):
        self._credentials, self._timeout_s = credentials, timeout_s

    def subscribe(self, parcel: Follow, *, callback_url: str) -> bool:
        """Ask to be told of a parcel; False when that was done before. Raises a CourierError."""
        keys = self._credentials
        parameters = {"callbackurl": callback_url, "salt": keys.salt, "resultv2": "4", "phone": parcel.phone}
        param = {
            "company": parcel.company,
            "number": parcel.number,
            "from": parcel.origin,
            "to": parcel.destination,
            "key": keys.key,
            "parameters": {name: value for name, value in parameters.items() if value},
        }
        answer = self._post("/poll", {"schema": "json", "param": _json(param)}, SUBSCRIBE)
        document = _object(SUBSCRIBE, answer)
        code = str(document.get("returnCode"))
        if document.get("result") is True and code == "200":
            return True
        if code in _SUBSCRIBED_BEFORE:
            return False
        raise _error(SUBSCRIBE, code, str(document.get("message") or ""))

    def query(self, parcel: Follow) -> bytes | None:
        """What is known of a parcel, as the bytes of the answer; None when nothing is yet. Raises a CourierError.

        A number may be asked about once in thirty minutes; the caller keeps to that.
        """
        keys = self._credentials
        param = _json(
            {
                "com": parcel.company,
                "num": parcel.number,
                "phone": parcel.phone,
                "from": parcel.origin,
                "to": parcel.destination,
                "resultv2": "4",
                "show": "0",
                "order": "desc",
            }
        )
        sign = kuaidi100_sign(param, keys.key, keys.customer)
        answer = self._post("/poll/query.do", {"customer": keys.customer, "param": param, "sign": sign}, QUERY)
        document = _object(QUERY, answer)
        if str(document.get("status")) == "200":
            return answer.body
        code, message = str(document.get("returnCode") or ""), str(document.get("message") or "")
        if code in _NOTHING_YET:
            return None
        raise _error(QUERY, code, message)

    def _post(self, path: str, form: Mapping[str, str], method: str) -> HttpAnswer:
        try:
            answer = exchange(
                self._credentials.base_url.rstrip("/") + path,
                content=urlencode(form).encode(),
                content_type=_FORM,
                timeout_s=self._timeout_s,
                max_bytes=_MAX_BYTES,
            )
        except TransportFailed as error:
            raise CourierUnavailable(method=method, message=str(error)) from error
        if answer.status != 200:
            raise CourierUnavailable(method=method, courier_code=str(answer.status))
        return answer


def verified_push(body: bytes, *, salt: str) -> dict[str, Any]:
    """The document of a push, whose signature fits the bytes that came. body: the form as received.

    Raises TrackingSignatureInvalid, or TrackingMessageUnreadable for what is signed but no such document.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except (UnicodeDecodeError, ValueError):
        raise TrackingSignatureInvalid("the form cannot be read") from None
    form = dict(pairs)
    if len(form) < len(pairs) or "param" not in form:
        raise TrackingSignatureInvalid("param is missing or there twice")
    if not salt or not same_text(kuaidi100_sign(form["param"], salt), form.get("sign", "")):
        raise TrackingSignatureInvalid("mismatch")
    return _document(form["param"].encode(), "param")


def read_document(body: bytes) -> dict[str, Any]:
    """The document of an answer to a question. Raises TrackingMessageUnreadable."""
    return _document(body, "answer")


def _document(text: bytes, path: str) -> dict[str, Any]:
    try:
        document = loads_strict(text, max_bytes=_MAX_BYTES)
    except UnreadableBody as error:
        raise TrackingMessageUnreadable(path=path, problem=str(error)) from error
    if not isinstance(document, dict):
        raise TrackingMessageUnreadable(path=path, problem="no object")
    return document


def _object(method: str, answer: HttpAnswer) -> dict[str, Any]:
    try:
        return read_document(answer.body)
    except TrackingMessageUnreadable as error:
        raise CourierUnavailable(method=method, message=str(error)) from error


def _error(method: str, code: str, message: str) -> CourierError:
    if _TOO_SOON in message:
        return CourierThrottled(method=method, courier_code=code, message=message, wait_s=60)
    if code in _NO_ACCESS:
        return CourierAuthorisationLost(method=method, courier_code=code, message=message)
    if code in _BUSY or (method == SUBSCRIBE and code == "500"):
        return CourierUnavailable(method=method, courier_code=code, message=message)
    return CourierRefused(method=method, courier_code=code, message=message)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
