"""Protocol test vectors: files of cases made with the platforms' own kits, run against our code.

A file is `{"format": "ordercenter-protocol-vectors/1", "platform": ..., "keys": {...}, "cases": [{id, kind, input,
expected}]}`. A case with `expected.valid` false must be refused. One checker per kind; nothing looks at the id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from channels_sync.adapters import douyin_push, wechat_shop_push
from channels_sync.adapters.base import Connection, PushRequest
from channels_sync.errors import PushRefused
from fulfillment.carriers.errors import TrackingSignatureInvalid
from fulfillment.carriers.kuaidi100 import ACK, verified_push
from fulfillment.carriers.scans import read_push
from fulfillment.errors import WarehouseMessageUnreadable, WarehouseSignatureInvalid
from fulfillment.wms.qimen import CONFIRM, short_method, verify_request
from fulfillment.wms.qimen_xml import read_answer, read_delivery_confirm
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.signing import (
    alipay_notify_is_valid,
    alipay_notify_message,
    alipay_request_is_valid,
    alipay_request_message,
    alipay_sign,
    kuaidi100_sign,
    same_text,
    sf_digest,
    tmc_connect_sign,
    top_sign,
)
from ordercenter.common.signing_douyin import douyin_sign, douyin_spi_is_valid, param_json, sorted_json
from ordercenter.common.signing_jd import jd_sign_is_valid
from ordercenter.common.signing_shops import hmac_sha256_base64, shopify_query_hmac, woo_oauth1_signature
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.common.wechat_messages import open_wechat_message, wechat_signature

FORMAT = "ordercenter-protocol-vectors/1"
NOTIFY_ACK = "success"
_MAX_FILE_BYTES = 16 * 1024 * 1024

Case = Mapping[str, Any]
Keys = Mapping[str, str]


class Mismatch(Exception):  # noqa: N818 - a finding of a check, not an error of the program
    """What our code did differently from the case; the text says what."""


@dataclass(frozen=True)
class Failure:
    """One case that did not come out as expected."""

    file: str
    case_id: str
    kind: str
    problem: str


@dataclass
class Report:
    """passed: kind -> number. not_supported: kinds that we have no checker for. unreadable: file -> why."""

    files: int = 0
    passed: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    not_supported: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        return not self.failures and not self.unreadable

    def failed(self, kind: str) -> int:
        """How many cases of a kind failed."""
        return sum(failure.kind == kind for failure in self.failures)

    def kinds(self) -> list[str]:
        """The kinds that were checked, in order."""
        return sorted({*self.passed, *(failure.kind for failure in self.failures)})

    def as_dict(self) -> dict[str, Any]:
        """Plain values for machines."""
        return {
            "files": self.files,
            "passed": sum(self.passed.values()),
            "failed": len(self.failures),
            "kinds": {kind: {"passed": self.passed.get(kind, 0), "failed": self.failed(kind)} for kind in self.kinds()},
            "not_supported": dict(sorted(self.not_supported.items())),
            "unreadable": self.unreadable,
            "failures": [vars(failure) for failure in self.failures],
        }


def check_directory(directory: Path) -> Report:
    """Run every case of every vector file below a directory."""
    report = Report()
    for path in sorted(directory.rglob("*.json")):
        name = path.relative_to(directory).as_posix()
        report.files += 1
        try:
            document = loads_strict(path.read_bytes(), max_bytes=_MAX_FILE_BYTES)
        except (UnreadableBody, OSError) as error:
            report.unreadable[name] = str(error)
            continue
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            report.unreadable[name] = f"not of the format {FORMAT}"
        elif not isinstance(document.get("cases"), list):
            report.unreadable[name] = "no list of cases"
        else:
            _check_cases(report, name, document["cases"], document.get("keys") or {})
    return report


def _check_cases(report: Report, file: str, cases: list[Any], keys: Keys) -> None:
    for at, case in enumerate(cases):
        if not isinstance(case, dict):
            report.failures.append(Failure(file, f"#{at}", "", "the case is not an object"))
            continue
        kind = str(case.get("kind", ""))
        check = CHECKERS.get(kind)
        if check is None:
            report.not_supported[kind] = report.not_supported.get(kind, 0) + 1
            continue
        problem = check_case(case, keys)
        if problem:
            report.failures.append(Failure(file, str(case.get("id", f"#{at}")), kind, problem))
        else:
            report.passed[kind] = report.passed.get(kind, 0) + 1


def check_case(case: Case, keys: Keys) -> str:
    """Run one case of a supported kind; what is wrong, or nothing."""
    try:
        CHECKERS[case["kind"]](case, keys)
    except Mismatch as mismatch:
        return str(mismatch)
    except OrderCenterError as error:
        return f"{type(error).__name__}: {error}"
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return f"the case is not complete: {type(error).__name__}: {error}"
    return ""


# --- the kinds --------------------------------------------------------------------------------------------------------


def _check_top_sign(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    sign = top_sign(
        given["params"], secret=given["secret"], sign_method=given["sign_method"], body=given.get("body", "")
    )
    _must_fit(expected, "sign", same_text(sign, expected["sign"]))


def _check_tmc_sign(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    sign = tmc_connect_sign(
        app_key=given["app_key"],
        group_name=given["group_name"],
        timestamp_ms=int(given["timestamp"]),
        secret=given["secret"],
    )
    _must_fit(expected, "sign", same_text(sign, expected["sign"]))


def _check_qimen_request(case: Case, keys: Keys) -> None:
    """A request as a receiver meets it: the query of the wire when the case has it, the signature, the document."""
    given, expected = case["input"], case["expected"]
    body = given["body"].encode()
    wire = dict(parse_qsl(urlsplit(given.get("raw_path", "")).query, keep_blank_values=True))
    query = {**given["query"], "sign": expected.get("sign") or wire["sign"]}
    if wire and wire != query:
        raise Mismatch("the query of raw_path reads differently")
    try:
        verify_request(query, body, given["secret"])
        is_accepted = True
    except WarehouseSignatureInvalid:
        is_accepted = False
    _must_fit(expected, "signature", is_accepted)
    if is_accepted and short_method(query) == CONFIRM:
        read_delivery_confirm(body)


def _check_qimen_response(case: Case, keys: Keys) -> None:
    expected = dict(case["expected"])
    try:
        answer = read_answer(case["input"]["body"].encode())
    except WarehouseMessageUnreadable:
        _must_fit(expected, "answer", False)
        return
    _must_fit(expected, "answer", True)
    found: dict[str, Any] = {**answer.fields, "success": answer.success, "message": answer.message}
    expected.pop("valid", None)
    for name, value in expected.items():
        if found.get(name) != value:
            raise Mismatch(f"{name}: {found.get(name)!r}, expected {value!r}")


def _check_alipay_sign(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    params, key_name = given["params"], given.get("private_key_ref", "app_private_key_pem")
    _same(expected, "message", alipay_request_message(params))
    _must_fit(expected, "sign", same_text(alipay_sign(params, private_key=keys[key_name]), expected["sign"]))
    public_name = key_name.replace("private", "public")
    if public_name in keys:
        signed = {**params, "sign": expected["sign"]}
        _must_fit(expected, "check of the sign", alipay_request_is_valid(signed, public_key=keys[public_name]))


def _check_alipay_notify(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    public_key = keys[given.get("public_key_ref", "alipay_public_key_pem")]
    _must_fit(expected, "signature", alipay_notify_is_valid(given["form"], public_key=public_key))
    _same(expected, "message", alipay_notify_message(given["form"]))
    _same(expected, "ack", NOTIFY_ACK)


def _check_kuaidi100_query(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    sign = kuaidi100_sign(given["param"], given["key"], given["customer"])
    _must_fit(expected, "sign", same_text(sign, expected["sign"]))


def _check_kuaidi100_label(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    sign = kuaidi100_sign(given["param"], given["t"], given["key"], given["secret"])
    _must_fit(expected, "sign", same_text(sign, expected["sign"]))


def _check_kuaidi100_push(case: Case, keys: Keys) -> None:
    """A push as the door meets it: the form of the wire, its signature, what it says, and our answer."""
    given, expected = case["input"], case["expected"]
    try:
        document = verified_push(urlencode(given["form"]).encode(), salt=given["salt"])
    except TrackingSignatureInvalid:
        _must_fit(expected, "signature", False)
        return
    _must_fit(expected, "signature", True)
    read_push(document)
    _same(expected, "state", document["lastResult"]["state"])
    if "ack" in expected and expected["ack"] != ACK:
        raise Mismatch(f"ack: {ACK!r}, expected {expected['ack']!r}")


def _check_sf_digest(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    digest = sf_digest(msg_data=given["msg_data"], timestamp=given["timestamp"], checkword=given["checkword"])
    _must_fit(expected, "msg_digest", same_text(digest, expected["msg_digest"]))


def _check_douyin_sign(case: Case, keys: Keys) -> None:
    """A call of Douyin: the parameters as written and signed, or a text of another writer as it was sent."""
    given, expected = case["input"], case["expected"]
    text = given["param_json"] if "param_json" in given else param_json(given["param"])
    _same(expected, "param_json", text)
    sign = douyin_sign(
        app_key=given["app_key"],
        secret=given["app_secret"],
        method=given["method"],
        params=text,
        timestamp=given["timestamp"],
        version=given["v"],
    )
    _must_fit(expected, "sign", same_text(sign, expected["sign"]))


def _check_douyin_spi(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    _same(expected, "sorted_param_json", sorted_json(given["param_json"]))
    is_valid = douyin_spi_is_valid(
        app_key=given["app_key"],
        secret=given["app_secret"],
        timestamp=given["timestamp"],
        param_json=given["param_json"],
        sign=expected["sign"],
        sign_method=given["sign_method"],
    )
    _must_fit(expected, "sign", is_valid)


def _check_douyin_push(case: Case, keys: Keys) -> None:
    """A push as the door meets it: its headers, the signature over its bytes, each message, and our answer."""
    given, expected = case["input"], case["expected"]
    connection = Connection(0, "", given["app_key"], {"secret": given["app_secret"]})
    request = PushRequest("POST", "/", {}, given["headers"], given["body"].encode(), datetime.now(UTC))
    try:
        told = douyin_push.take_push(connection, request)
    except PushRefused:
        _must_fit(expected, "signature", False)
        return
    _must_fit(expected, "signature", True)
    if len(told.notices) != expected.get("messages", len(told.notices)) or told.unreadable:
        raise Mismatch(f"messages: {len(told.notices)}, expected {expected['messages']}")
    if "ack" in expected and expected["ack"] != loads_strict(told.answer.body):
        raise Mismatch(f"ack: {told.answer.body!r}, expected {expected['ack']!r}")


def _check_jd_sign(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    _must_fit(expected, "sign", jd_sign_is_valid(given["params"], sign=expected["sign"], secret=given["secret"]))


def _check_wechat_address(case: Case, keys: Keys) -> None:
    """The check of an address as the door meets it: the signature, and the word that is given back."""
    given, expected = case["input"], case["expected"]
    signature = wechat_signature(given["token"], given["timestamp"], given["nonce"])
    _must_fit(expected, "signature", same_text(signature, expected["signature"]))
    query = {"signature": signature, **{name: given[name] for name in ("timestamp", "nonce", "echostr")}}
    pushed = wechat_shop_push.take_push(_wechat_account(given), _wechat_request("GET", query))
    _same(expected, "reply", pushed.answer.body.decode())


def _check_wechat_message(case: Case, keys: Keys) -> None:
    """A message in safe mode as the door meets it: the signature, the envelope, the app it is for."""
    given, expected = case["input"], case["expected"]
    query = {name: given[name] for name in ("timestamp", "nonce", "msg_signature")}
    body = json.dumps({"ToUserName": "", "Encrypt": given["encrypt"]}).encode()
    try:
        wechat_shop_push.take_push(_wechat_account(given), _wechat_request("POST", query, body))
    except PushRefused:
        _must_fit(expected, "message", False)
        return
    _must_fit(expected, "message", True)
    plain = open_wechat_message(given["encrypt"], aes_key=given["encoding_aes_key"], app_id=given["appid"])
    _same(expected, "plaintext", plain.decode())


def _wechat_account(given: Mapping[str, Any]) -> Connection:
    secrets = {"token": given["token"], "aes_key": given.get("encoding_aes_key", "")}
    return Connection(account_id=0, base_url="", app_key=given.get("appid", ""), secrets=secrets)


def _wechat_request(method: str, query: Mapping[str, str], body: bytes = b"") -> PushRequest:
    return PushRequest(method=method, path="/", query=query, headers={}, body=body, at=datetime.now(UTC))


def _check_webhook_hmac(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    signature = hmac_sha256_base64(given["body"].encode(), secret=given["secret"])
    _must_fit(expected, "signature", same_text(signature, expected["signature"]))


def _check_shopify_query(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    _must_fit(
        expected, "hmac", same_text(shopify_query_hmac(given["params"], secret=given["secret"]), expected["hmac"])
    )


def _check_woo_oauth(case: Case, keys: Keys) -> None:
    given, expected = case["input"], case["expected"]
    signature = woo_oauth1_signature(
        given["params"], method=given["method"], url=given["url"], consumer_secret=given["consumer_secret"]
    )
    _must_fit(expected, "oauth_signature", same_text(signature, expected["oauth_signature"]))


def _must_fit(expected: Mapping[str, Any], what: str, fits: bool) -> None:
    should_fit = expected.get("valid", True)
    if fits and not should_fit:
        raise Mismatch(f"{what}: accepted, but must be refused")
    if should_fit and not fits:
        raise Mismatch(f"{what}: does not fit")


def _same(expected: Mapping[str, Any], name: str, found: str) -> None:
    if name in expected and expected[name] != found:
        raise Mismatch(f"{name}: {found!r}, expected {expected[name]!r}")


CHECKERS: dict[str, Callable[[Case, Keys], None]] = {
    "top-sign": _check_top_sign,
    "top-tmc-sign": _check_tmc_sign,
    "qimen-http-request": _check_qimen_request,
    "qimen-response": _check_qimen_response,
    "alipay-rsa2-sign": _check_alipay_sign,
    "alipay-notify": _check_alipay_notify,
    "kuaidi100-query-sign": _check_kuaidi100_query,
    "kuaidi100-print-sign": _check_kuaidi100_label,
    "kuaidi100-push-sign": _check_kuaidi100_push,
    "sf-msg-digest": _check_sf_digest,
    "douyin-sign-v2": _check_douyin_sign,
    "douyin-sign-v2-raw": _check_douyin_sign,
    "douyin-spi-sign": _check_douyin_spi,
    "douyin-event-sign": _check_douyin_push,
    "jd-sign": _check_jd_sign,
    "wechat-msg-crypt": _check_wechat_message,
    "wechat-url-signature": _check_wechat_address,
    "hmac-sha256-base64": _check_webhook_hmac,
    "shopify-query-hmac": _check_shopify_query,
    "woo-oauth1-hmac-sha256": _check_woo_oauth,
}
