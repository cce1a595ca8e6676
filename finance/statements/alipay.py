"""Alipay's gateway, as far as bills need it: ask for a day's bill, check the answer's signature, fetch the file.

Source of the rules: two official SDKs (Python, Node). The signature of an answer covers the raw text of the object
under the method's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal
from urllib.parse import urlencode

from finance.statements.alipay_bill import MAX_ARCHIVE_BYTES
from finance.statements.errors import (
    BillNotReady,
    ProviderAnswerInvalid,
    ProviderRefused,
    ProviderUnavailable,
    StatementUnreadable,
)
from ordercenter.common.gmt8 import format_gmt8
from ordercenter.common.http import TIMEOUT_S, HttpAnswer, TransportFailed, exchange
from ordercenter.common.signing import alipay_response_is_valid, alipay_response_parts, alipay_sign
from ordercenter.common.strictjson import UnreadableBody, loads_strict

BILL_QUERY = "alipay.data.dataservice.bill.downloadurl.query"
BillType = Literal["trade", "signcustomer"]

_DOWNLOAD_TIMEOUT_S = 120.0
_MAX_ANSWER_BYTES = 256 * 1024
_DONE = "10000"
_UNAVAILABLE = "20000"
_NO_BILL_YET = "bill_not_exist"


@dataclass(frozen=True, slots=True)
class AlipayCredentials:
    """How one merchant account is reached. Keys: PEM or base64 DER. alipay_public_key: Alipay's, to check answers."""

    app_id: str
    private_key: str = field(repr=False)
    alipay_public_key: str
    gateway_url: str


class AlipayClient:
    """Asks one merchant account. Holds no state, so one instance serves many threads."""

    def __init__(
        self,
        credentials: AlipayCredentials,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ):
        self._credentials = credentials
        self._timeout_s, self._clock = timeout_s, clock

    def fetch_bill(self, day: date, *, bill_type: BillType = "trade") -> bytes:
        """The ZIP of a business day (GMT+8), as it came; read it with alipay_bill.read_trade_bill.

        Raises BillNotReady, ProviderUnavailable, ProviderRefused, ProviderAnswerInvalid, or StatementUnreadable when
        the file is larger than any honest bill.
        """
        address = self.bill_address(day, bill_type=bill_type)
        answer = self._exchange(address, None, "bill download", timeout_s=_DOWNLOAD_TIMEOUT_S, most=MAX_ARCHIVE_BYTES)
        return answer.body

    def bill_address(self, day: date, *, bill_type: BillType = "trade") -> str:
        """Where the bill of a day can be fetched; the address is good for a short time only."""
        try:
            content = self.call(BILL_QUERY, {"bill_type": bill_type, "bill_date": day.isoformat()})
        except ProviderRefused as refusal:
            if _NO_BILL_YET in refusal.sub_code.lower():
                raise BillNotReady(day=day.isoformat(), sub_code=refusal.sub_code) from refusal
            raise
        address = content.get("bill_download_url")
        if not isinstance(address, str) or not address.startswith(("http://", "https://")):
            raise ProviderAnswerInvalid(method=BILL_QUERY, detail="no bill_download_url in the answer")
        return address

    def call(self, method: str, biz_content: dict[str, Any]) -> dict[str, Any]:
        """Call a gateway method; the object under its name, signature checked. Raises the Provider* errors."""
        params = {
            "app_id": self._credentials.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": format_gmt8(self._clock()),
            "version": "1.0",
            "biz_content": json.dumps(biz_content, ensure_ascii=False, separators=(",", ":")),
        }
        params["sign"] = alipay_sign(params, private_key=self._credentials.private_key)
        body = urlencode(params).encode()
        answer = self._exchange(
            self._credentials.gateway_url, body, method, timeout_s=self._timeout_s, most=_MAX_ANSWER_BYTES
        )
        content = self._checked_content(method, answer.body)
        code = str(content.get("code", ""))
        if code == _DONE:
            return content
        message = str(content.get("sub_msg") or content.get("msg") or "")[:200]
        sub_code = str(content.get("sub_code", ""))
        if code == _UNAVAILABLE:
            raise ProviderUnavailable(method=method, detail=f"{code} {sub_code} {message}")
        raise ProviderRefused(method=method, provider_code=code, sub_code=sub_code, message=message)

    def _checked_content(self, method: str, body: bytes) -> dict[str, Any]:
        try:
            loads_strict(body, max_bytes=_MAX_ANSWER_BYTES)
            parts = alipay_response_parts(body.decode())
        except (UnreadableBody, ValueError) as error:
            raise ProviderAnswerInvalid(method=method, detail=f"not an envelope: {error}") from error
        root = f"{method.replace('.', '_')}_response"
        content, raw = parts.get(root) or parts.get("error_response") or (None, "")
        if not isinstance(content, dict):
            raise ProviderAnswerInvalid(method=method, detail=f"no {root} in the answer")
        sign, _raw_sign = parts.get("sign", ("", ""))
        if not sign and content.get("code") != _DONE:
            return content  # a refusal before the gateway knew whose key to sign with
        if not isinstance(sign, str) or not alipay_response_is_valid(
            raw, sign=sign, public_key=self._credentials.alipay_public_key
        ):
            raise ProviderAnswerInvalid(method=method, detail="the signature of the answer does not fit")
        return content

    def _exchange(self, url: str, body: bytes | None, what: str, *, timeout_s: float, most: int) -> HttpAnswer:
        try:
            answer = exchange(
                url,
                method="GET" if body is None else "POST",
                content=body,
                content_type="" if body is None else "application/x-www-form-urlencoded;charset=utf-8",
                timeout_s=timeout_s,
                max_bytes=most,
            )
        except TransportFailed as error:
            if error.problem == "too_large":
                raise StatementUnreadable(row=0, column="", reason="too_large", detail=error.detail) from error
            raise ProviderUnavailable(method=what, detail=str(error)) from error
        if answer.status != 200:
            raise ProviderUnavailable(method=what, detail=f"HTTP {answer.status}")
        return answer
