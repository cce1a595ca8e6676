"""The door through which warehouses speak to us: one signed XML document a request, kept before it is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from fulfillment.errors import WarehouseMessageUnreadable, WarehouseSignatureInvalid
from fulfillment.handlers import CONFIRM_KIND
from fulfillment.models import WmsAccount
from fulfillment.wms.goods_xml import (
    read_inbound_confirm,
    read_inventory_report,
    read_item_lack,
    read_order_process,
    read_stock_changes,
)
from fulfillment.wms.qimen import short_method, verify_request
from fulfillment.wms.qimen_xml import answer_xml, read_delivery_confirm
from fulfillment.wms.stock_out_xml import read_stock_out_confirm
from ordercenter.common.secretfield import unseal
from ordercenter.events.inbox import Incoming, receive

logger = structlog.get_logger(__name__)
MAX_BODY_BYTES = 1_000_000
LONGEST_KEY = 160


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the post office has to know of a document before anybody understands it. subject: empty: of the stock."""

    kind: str
    key: str
    subject: str
    at: datetime | None


@csrf_exempt
@require_POST
def receive_document(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Check the signature on the exact bytes, keep the message, answer. One durable insert, no business here.

    The same outBizCode again is answered with success and changes nothing.
    """
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        return _answer(False, "too_large", "the document is too large", status=413)
    query = {key: request.GET[key] for key in request.GET}
    accounts = list(WmsAccount.objects.filter(warehouse__customer_id=customer_id, is_active=True).order_by("pk"))
    if not accounts or query.get("customerId") != customer_id:
        return _answer(False, "unknown_customer", "customerId is not known here", status=403)
    try:
        account = _signer(accounts, query, request.body)
    except WarehouseSignatureInvalid as error:
        logger.warning("qimen.refused", customer_id=query.get("customerId"), problem=error.problem)
        return _answer(False, "sign", str(error), status=403)
    look = DOCUMENTS.get(short_method(query))
    if look is None:
        return _answer(False, "unknown_method", f"{short_method(query)} is not taken here")
    try:
        envelope = look(request.body)
    except WarehouseMessageUnreadable as error:
        return _answer(False, error.code, str(error))
    receive(
        [
            Incoming(
                source=f"warehouse:{account.warehouse_id}",
                kind=envelope.kind,
                body=request.body,
                message_id=_short(envelope.key),
                subject=(envelope.subject or f"stock:{account.warehouse_id}")[:96],
                platform_at=envelope.at,
                headers={"method": query.get("method", "")},
            )
        ]
    )
    return _answer(True, "0", "ok")


def _delivery(body: bytes) -> Envelope:
    confirm = read_delivery_confirm(body)
    subject = f"delivery:{confirm.delivery_order_code}"
    return Envelope(CONFIRM_KIND, confirm.out_biz_code, subject, confirm.operated_at)


def _inbound(method: str, kind: str) -> Callable[[bytes], Envelope]:
    def look(body: bytes) -> Envelope:
        confirm = read_inbound_confirm(body, kind=kind)
        return Envelope(f"qimen.{method}", confirm.out_biz_code, f"inbound:{confirm.code}", confirm.operated_at)

    return look


def _report(body: bytes) -> Envelope:
    # The pages of one report share their number: each is a message of its own.
    report = read_inventory_report(body)
    return Envelope("qimen.inventory.report", f"{report.out_biz_code}:{report.page}", "", report.checked_at)


def _changes(body: bytes) -> Envelope:
    keys = sorted({change.key for change in read_stock_changes(body)} - {""})
    key = keys[0] if len(keys) == 1 else f"body-{hashlib.sha256(body).hexdigest()[:32]}"
    return Envelope("qimen.stockchange.report", key, "", None)


def _lack(body: bytes) -> Envelope:
    lack = read_item_lack(body)
    subject = f"delivery:{lack.delivery_order_code}"
    return Envelope("qimen.itemlack.report", lack.out_biz_code, subject, lack.reported_at)


def _process(body: bytes) -> Envelope:
    report = read_order_process(body)
    at = f"{report.operated_at:%Y%m%d%H%M%S}" if report.operated_at else hashlib.sha256(body).hexdigest()[:16]
    key = f"{report.order_code}:{report.status}:{at}"
    return Envelope("qimen.orderprocess.report", key, f"delivery:{report.order_code}", report.operated_at)


def _stock_out(body: bytes) -> Envelope:
    confirm = read_stock_out_confirm(body)
    return Envelope("qimen.stockout.confirm", confirm.out_biz_code, f"stockout:{confirm.code}", confirm.operated_at)


# Every document that warehouses may send, by its short method.
DOCUMENTS: Mapping[str, Callable[[bytes], Envelope]] = {
    "deliveryorder.confirm": _delivery,
    "stockout.confirm": _stock_out,
    "entryorder.confirm": _inbound("entryorder.confirm", "entryOrder"),
    "returnorder.confirm": _inbound("returnorder.confirm", "returnOrder"),
    "inventory.report": _report,
    "stockchange.report": _changes,
    "itemlack.report": _lack,
    "orderprocess.report": _process,
}


def _signer(accounts: Sequence[WmsAccount], query: Mapping[str, str], body: bytes) -> WmsAccount:
    """Which of the warehouses of one customer signed this. Raises WarehouseSignatureInvalid when none did."""
    for account in accounts[:-1]:
        with suppress(WarehouseSignatureInvalid):
            verify_request(query, body, str(unseal(account.secret)))
            return account
    verify_request(query, body, str(unseal(accounts[-1].secret)))
    return accounts[-1]


def _short(key: str) -> str:
    """The key as it is, or its digest where it does not fit into the column."""
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


def _answer(success: bool, code: str, message: str, status: int = 200) -> HttpResponse:
    return HttpResponse(answer_xml(success=success, code=code, message=message), "text/xml; charset=utf-8", status)
