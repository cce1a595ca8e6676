"""What a test of the sandbox works with: the application, the shop's signed calls, the warehouse's, and the control."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree.ElementTree import Element

import httpx
from defusedxml.ElementTree import fromstring

from channels_sync.sandbox.control import SandboxControl
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import Sealed
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.wsgi import SandboxApp
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.gmt8 import format_gmt8
from ordercenter.common.signing import alipay_sign, top_sign

SUCCESS = b"<response><flag>success</flag></response>"
FULL = (
    "tid,tid_str,type,status,created,pay_time,modified,consign_time,end_time,payment,total_fee,discount_fee,adjust_fee,"
    "post_fee,received_payment,alipay_no,buyer_open_uid,buyer_nick,buyer_message,has_buyer_message,seller_memo,"
    "seller_flag,receiver_name,receiver_state,receiver_city,receiver_district,receiver_address,receiver_mobile,"
    "step_trade_status,orders,promotion_details"
)


class FakeClock:
    """Unix milliseconds that stand still until told otherwise."""

    def __init__(self, now_ms: int):
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def text(self, offset_s: float = 0) -> str:
        return format_gmt8(datetime.fromtimestamp(self.now_ms / 1000 + offset_s, tz=UTC))


class Heard(OrderCenterError):
    """What the fake receiver raises instead of answering."""

    code = "tests.not_reachable"


class Stage:
    """A sandbox on a stage. heard: the confirms that the warehouse sent, as (query, root); reply: what it got back.

    pushed: what platforms brought to our door; push_reply: what they got back, None for nobody there.
    """

    def __init__(
        self, credentials: Credentials, clock: FakeClock, *, resting: Switches | None = None, path: Path | None = None
    ):
        self.credentials, self.clock = credentials, clock
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.reply: bytes | None = SUCCESS
        self.pushed: list[tuple[str, Sealed]] = []
        self.push_reply: tuple[int, bytes] | None = None
        self.app = SandboxApp(
            credentials, clock=clock, resting=resting, state_path=path, send=self._hear, bring=self._take_push
        )
        transport = httpx.WSGITransport(app=self.app, raise_app_exceptions=True)
        self.http = httpx.Client(transport=transport, base_url="http://localhost")
        self.control = SandboxControl("http://localhost", transport=httpx.WSGITransport(app=self.app))

    def close(self) -> None:
        self.http.close()
        self.control.close()
        self.app.stop()

    def _hear(self, url: str, body: bytes) -> bytes:
        parts = urlsplit(url)
        self.heard.append((f"{parts.scheme}://{parts.netloc}{parts.path}", dict(parse_qsl(parts.query)), body))
        if self.reply is None:
            raise Heard("nobody there")
        return self.reply

    def _take_push(self, url: str, sealed: Sealed, _timeout_s: float) -> tuple[int, bytes]:
        self.pushed.append((url, sealed))
        if self.push_reply is None:
            raise Heard("nobody there")
        return self.push_reply

    def pass_time(self, seconds: float = 0) -> None:
        """Move the clock in small steps and do what falls due, confirms included."""
        target = self.clock.now_ms + int(seconds * 1000)
        while True:
            app = self.app
            while (
                app.world.agenda.run_due()
                or app.warehouse.send_waiting()
                or app.couriers.send_waiting()
                or app.pusher.send_waiting()
            ):
                pass
            if self.clock.now_ms >= target:
                return
            self.clock.now_ms = min(target, self.clock.now_ms + 100)

    def signed(self, name: str, /, *, sign_method: str = "hmac-sha256", **params: str) -> dict[str, str]:
        """The form of a signed call. A parameter given as empty text is left out."""
        form = {
            "method": f"taobao.{name}",
            "app_key": self.credentials.top_app_key,
            "session": self.credentials.top_session,
            "timestamp": self.clock.text(),
            "format": "json",
            "v": "2.0",
            "sign_method": sign_method,
            **params,
        }
        form = {key: value for key, value in form.items() if value}
        form.setdefault("sign", top_sign(form, secret=self.credentials.top_secret, sign_method=sign_method))
        return form

    def top(self, name: str, /, **params: str) -> dict[str, Any]:
        """A signed call; the whole answer."""
        response = self.http.post("/router/rest", data=self.signed(name, **params))
        assert response.status_code == 200, response.text
        return dict(response.json())

    def ask(self, name: str, /, **params: str) -> dict[str, Any]:
        """A signed call that is expected to work; what stands under its root."""
        answer = self.top(name, **params)
        return dict(answer[name.replace(".", "_") + "_response"])

    def problem(self, name: str, /, **params: str) -> dict[str, Any]:
        """A signed call that is expected to be refused; its error without the request's id."""
        error = dict(self.top(name, **params)["error_response"])
        assert error.pop("request_id")
        return error

    def trade(self, tid: str, fields: str = FULL) -> dict[str, Any]:
        return dict(self.ask("trade.fullinfo.get", tid=tid, fields=fields)["trade"])

    def consume(self, quantity: int = 200) -> list[dict[str, Any]]:
        answer = self.ask("tmc.messages.consume", quantity=str(quantity), group_name="default")
        return list(answer.get("messages", {}).get("tmc_message", []))

    def confirm(self, messages: list[dict[str, Any]]) -> None:
        ids = ",".join(str(message["id"]) for message in messages)
        assert self.ask("tmc.messages.confirm", s_message_ids=ids, group_name="default")["is_success"] is True

    def qimen(self, name: str, body: str, /, **query: str) -> Element:
        """A signed call to the warehouse; its answer's root."""
        signed = {
            "method": f"taobao.qimen.{name}",
            "app_key": self.credentials.qimen_app_key,
            "customerId": self.credentials.qimen_customer_id,
            "timestamp": self.clock.text(),
            "format": "xml",
            "v": "2.0",
            "sign_method": "md5",
            **query,
        }
        response = self.post_xml(signed, body)
        assert response.status_code == 200, response.text
        return fromstring(response.content)

    def post_xml(self, query: dict[str, str], body: str) -> httpx.Response:
        """A call to the warehouse, signed unless the query holds a sign already; whatever comes back."""
        sign = query.get("sign") or top_sign(query, secret=self.credentials.qimen_secret, body=body)
        return self.http.post("/router/qimen/service", params={**query, "sign": sign}, content=body.encode())

    def post_delivery(self, body: str) -> httpx.Response:
        """An order to the warehouse; whatever comes back."""
        query = {
            "method": "taobao.qimen.deliveryorder.create",
            "app_key": self.credentials.qimen_app_key,
            "customerId": self.credentials.qimen_customer_id,
            "timestamp": self.clock.text(),
            "sign_method": "md5",
        }
        return self.post_xml(query, body)

    def order_delivery(self, code: str, *, tid: str = "1", item: str = "SKU-1001", quantity: int = 1) -> Element:
        return self.qimen("deliveryorder.create", delivery_xml(code, tid=tid, item=item, quantity=quantity))

    def bill_address(self, day: str, **changes: str) -> dict[str, Any]:
        """The signed question for a bill's address; the whole answer."""
        form = {
            "app_id": self.credentials.alipay_app_id,
            "method": "alipay.data.dataservice.bill.downloadurl.query",
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": self.clock.text(),
            "version": "1.0",
            "biz_content": json.dumps({"bill_type": "trade", "bill_date": day}),
            **changes,
        }
        form.setdefault("sign", alipay_sign(form, private_key=self.credentials.alipay_app_private_key))
        response = self.http.post("/gateway.do", data=form)
        assert response.status_code == 200
        return dict(response.json()) | {"raw": response.text}

    def bill(self, day: str) -> bytes:
        answer = self.bill_address(day)["alipay_data_dataservice_bill_downloadurl_query_response"]
        response = self.http.get(answer["bill_download_url"])
        assert response.status_code == 200
        return response.content


def delivery_xml(code: str, *, tid: str = "1", item: str = "SKU-1001", quantity: int = 1) -> str:
    return (
        f"<request><deliveryOrder><deliveryOrderCode>{code}</deliveryOrderCode>"
        "<warehouseCode>WH-HZ-01</warehouseCode><orderType>JYCK</orderType><logisticsCode>SF</logisticsCode>"
        "<receiverInfo><name>王**</name><oaid>1abc</oaid></receiverInfo></deliveryOrder><orderLines><orderLine>"
        f"<orderLineNo>1</orderLineNo><sourceOrderCode>{tid}</sourceOrderCode><itemCode>{item}</itemCode>"
        f"<planQty>{quantity}</planQty></orderLine></orderLines></request>"
    )


def text_of(root: Element, path: str) -> str:
    return root.findtext(path) or ""
