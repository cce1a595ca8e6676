"""The wire of the Qimen warehouse standard: signed XML over HTTP, both ways.

Source of the rules: the official Qimen Java client as captured on the wire. The signature covers the query and the raw
body; methods go by a long name (`taobao.qimen.deliveryorder.create`) and are also seen by the short one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from fulfillment.errors import (
    WarehouseMessageUnreadable,
    WarehouseRefused,
    WarehouseSignatureInvalid,
    WarehouseUnavailable,
)
from fulfillment.wms.documents import (
    CancelDocument,
    DeliveryAccepted,
    DeliveryConfirm,
    DeliveryOrderDocument,
    WarehouseAnswer,
)
from fulfillment.wms.qimen_xml import (
    cancel_xml,
    delivery_order_xml,
    query_xml,
    read_answer,
    read_delivery_status,
)
from ordercenter.common.gmt8 import format_gmt8, parse_gmt8
from ordercenter.common.http import TIMEOUT_S, TransportFailed, exchange
from ordercenter.common.signing import TopSignMethod, top_sign, top_sign_is_valid

PREFIX = "taobao.qimen."
CREATE = "deliveryorder.create"
CANCEL = "order.cancel"
QUERY = "deliveryorder.query"
CONFIRM = "deliveryorder.confirm"
TOLERANCE = timedelta(minutes=10)
_MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class QimenCredentials:
    """How one warehouse is reached. customer_id: the relation between owner and warehouse at the router.

    prefix: what stands before the short method name on the wire; empty for warehouses that know the short form only.
    """

    app_key: str
    secret: str = field(repr=False)
    customer_id: str
    base_url: str
    sign_method: TopSignMethod = "md5"
    prefix: str = PREFIX


def signed_query(credentials: QimenCredentials, method: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The query of a call, `sign` included. method: the short name. at: the instant of the call, aware."""
    query = {
        "app_key": credentials.app_key,
        "customerId": credentials.customer_id,
        "format": "xml",
        "method": f"{credentials.prefix}{method}",
        "sign_method": credentials.sign_method,
        "timestamp": format_gmt8(at),
        "v": "2.0",
    }
    query["sign"] = top_sign(query, secret=credentials.secret, sign_method=credentials.sign_method, body=body)
    return query


def verify_request(query: Mapping[str, str], body: bytes, secret: str, *, now: datetime | None = None) -> None:
    """Check a request that a warehouse sends to us. now: aware; when given, an old or future timestamp is refused.

    Raises WarehouseSignatureInvalid.
    """
    sign = query.get("sign", "")
    if not sign or not secret:
        raise WarehouseSignatureInvalid(problem="missing")
    if not top_sign_is_valid(query, sign=sign, secret=secret, body=body):
        raise WarehouseSignatureInvalid(problem="mismatch")
    if now is not None:
        try:
            is_fresh = abs(now - parse_gmt8(query.get("timestamp", ""))) <= TOLERANCE
        except ValueError:
            is_fresh = False
        if not is_fresh:
            raise WarehouseSignatureInvalid(problem="stale")


def short_method(query: Mapping[str, str]) -> str:
    """The method of an incoming request by its short name, whichever form the sender uses."""
    return query.get("method", "").removeprefix(PREFIX)


class QimenClient:
    """Calls one warehouse. Holds no state, so one instance serves many threads. Repeating a call is safe: a warehouse
    knows documents by their number."""

    def __init__(
        self,
        credentials: QimenCredentials,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ):
        self._credentials = credentials
        self._timeout_s, self._clock = timeout_s, clock

    def create_delivery_order(self, document: DeliveryOrderDocument | str) -> DeliveryAccepted:
        """Hand over a delivery order: the document, or its XML written earlier.

        "I have this number already" counts as accepted. Raises WarehouseRefused or WarehouseUnavailable.
        """
        xml = document if isinstance(document, str) else delivery_order_xml(document)
        try:
            answer, _body = self.call(CREATE, xml)
        except WarehouseRefused as refusal:
            if refusal.is_duplicate:
                return DeliveryAccepted(warehouse_ref="", was_known=True)
            raise
        return DeliveryAccepted(warehouse_ref=answer.fields.get("deliveryOrderId", ""), was_known=False)

    def cancel_order(self, document: CancelDocument | str) -> None:
        """Ask to stop a document. WarehouseRefused means that the warehouse keeps it and will send it."""
        self.call(CANCEL, document if isinstance(document, str) else cancel_xml(document))

    def query_delivery_order(self, *, order_code: str, warehouse_code: str, owner_code: str) -> DeliveryConfirm:
        """How a delivery order stands, in the form of a confirm. WarehouseRefused when it is not known there."""
        xml = query_xml(order_code=order_code, warehouse_code=warehouse_code, owner_code=owner_code)
        _answer, body = self.call(QUERY, xml)
        try:
            return read_delivery_status(body)
        except WarehouseMessageUnreadable as error:
            raise WarehouseUnavailable(method=QUERY, detail=str(error), outcome_known=True) from error

    def call(self, method: str, xml: str) -> tuple[WarehouseAnswer, bytes]:
        """Send one document under the short method name; the answer, read, and its bytes."""
        body = xml.encode()
        query = signed_query(self._credentials, method, body, at=self._clock())
        glue = "&" if "?" in self._credentials.base_url else "?"
        try:
            answer = exchange(
                f"{self._credentials.base_url}{glue}{urlencode(query)}",
                content=body,
                content_type="text/xml;charset=utf-8",
                timeout_s=self._timeout_s,
                max_bytes=_MAX_ANSWER_BYTES,
            )
        except TransportFailed as error:
            raise WarehouseUnavailable(method=method, detail=str(error), outcome_known=not error.was_sent) from error
        if answer.status != 200:
            raise WarehouseUnavailable(method=method, detail=f"HTTP {answer.status}")
        try:
            read = read_answer(answer.body)
        except WarehouseMessageUnreadable as error:
            raise WarehouseUnavailable(method=method, detail=str(error)) from error
        if not read.success:
            raise WarehouseRefused(method=method, warehouse_code=read.code[:64], message=read.message[:200])
        return read, answer.body
