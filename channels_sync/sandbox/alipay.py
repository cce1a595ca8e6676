"""The payment provider's door: `/gateway.do` with RSA2 both ways, and the download of a day's bill.

The real provider makes a bill the next morning; the sandbox makes it at once unless the switch bill_same_day is off.
A download address lives 30 seconds, as the provider's documentation says.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from channels_sync.sandbox.bill import bill_rows, bill_zip, extra_rows
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.trades import BillDifference, Payment
from channels_sync.sandbox.world import World, day_of
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.signing import alipay_request_is_valid, rsa2_sign

BILL_METHOD = "alipay.data.dataservice.bill.downloadurl.query"
TIME_TOLERANCE_MS = 10 * 60 * 1000
ADDRESS_LIFE_S = 30
_TOKEN = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d{10,12})-([0-9a-f]{32})")


class AlipayError(Exception):
    """code: the gateway's class of failure, e.g. 40004 business failure; sub_code: what exactly."""

    def __init__(self, code: str, msg: str, sub_code: str, sub_msg: str):
        super().__init__(f"{code} {sub_code}")
        self.fields = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


class Alipay:
    """The gateway for the played merchant."""

    def __init__(self, world: World, credentials: Credentials):
        self.world, self.credentials = world, credentials

    def answer(self, form: Mapping[str, str], *, base_url: str) -> bytes:
        """The signed JSON body for one call; base_url: where the caller reached us, for the download address."""
        root = form.get("method", "").replace(".", "_") + "_response"
        try:
            self._check(form)
            content: dict[str, Any] = {"code": "10000", "msg": "Success", **self._bill_address(form, base_url)}
        except AlipayError as error:
            content = error.fields
            if error.fields["code"] == "40002":
                root = "error_response"
        inner = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        sign = rsa2_sign(inner.encode(), private_key=self.credentials.alipay_private_key)
        return f'{{"{root}":{inner},"sign":"{sign}"}}'.encode()

    def bill(self, token: str) -> bytes | None:
        """The ZIP behind a download address, None when the address is wrong or too old."""
        found = _TOKEN.fullmatch(token)
        if found is None or not hmac.compare_digest(found[3], self._seal(found[1], found[2])):
            return None
        if int(found[2]) * 1000 < self.world.clock():
            return None
        with self.world.lock:
            payments, differences = self._of_day(found[1])
            payments, switches, now = list(payments), self.world.switches, self.world.clock()
        rows = bill_rows(payments, differences)
        newest = max((row.done_ms for row in rows if row.kind == "pay"), default=now)
        rows = [*extra_rows(differences, at_ms=newest), *rows]
        return bill_zip(rows, day=found[1], seller_id=self.credentials.alipay_seller_id, made_ms=now, switches=switches)

    def _check(self, form: Mapping[str, str]) -> None:
        if form.get("app_id") != self.credentials.alipay_app_id:
            raise AlipayError("40002", "Invalid Arguments", "isv.invalid-app-id", "无效的AppID参数")
        if form.get("sign_type") != "RSA2":
            raise AlipayError("40002", "Invalid Arguments", "isv.invalid-signature-type", "无效的签名类型")
        if not alipay_request_is_valid(form, public_key=self.credentials.alipay_app_public_key):
            raise AlipayError("40002", "Invalid Arguments", "isv.invalid-signature", "验签出错")
        try:
            sent_ms = int(parse_gmt8(form.get("timestamp", "")).timestamp()) * 1000
        except ValueError:
            sent_ms = 0
        if abs(sent_ms - self.world.clock()) > TIME_TOLERANCE_MS:
            raise AlipayError("40002", "Invalid Arguments", "isv.invalid-timestamp", "非法的时间戳参数")
        if form.get("method") != BILL_METHOD:
            raise AlipayError("40002", "Invalid Arguments", "isv.invalid-method", "不存在的方法名")

    def _bill_address(self, form: Mapping[str, str], base_url: str) -> dict[str, str]:
        try:
            wanted = json.loads(form.get("biz_content", ""))
            day, kind = date.fromisoformat(wanted["bill_date"]).isoformat(), wanted["bill_type"]
        except (ValueError, KeyError, TypeError):
            raise AlipayError("40004", "Business Failed", "INVAILID_ARGUMENTS", "入参不合法") from None
        if kind != "trade":
            raise AlipayError("40004", "Business Failed", "INVAILID_ARGUMENTS", "不支持的账单类型")
        with self.world.lock:
            switches, now = self.world.switches, self.world.clock()
            payments, differences = self._of_day(day)
            made = bool(payments or differences) and not switches.bill_not_ready
        if not made or (day >= day_of(now) and not switches.bill_same_day):
            raise AlipayError("40004", "Business Failed", "BILL_NOT_EXIST", "账单不存在")
        expires = str(now // 1000 + ADDRESS_LIFE_S)
        return {"bill_download_url": f"{base_url}/bill/{day}-{expires}-{self._seal(day, expires)}.zip"}

    def _of_day(self, day: str) -> tuple[list[Payment], list[BillDifference]]:
        return self.world.payments.get(day, []), [lie for lie in self.world.differences if lie.day == day]

    def _seal(self, day: str, expires: str) -> str:
        return hmac.digest(self.credentials.top_secret.encode(), f"{day}/{expires}".encode(), "sha256").hex()[:32]
