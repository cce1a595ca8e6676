"""The door through which warehouses speak to us: one signed XML document a request, kept before it is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from fulfillment.errors import WarehouseMessageUnreadable, WarehouseSignatureInvalid
from fulfillment.handlers import CONFIRM_KIND
from fulfillment.models import WmsAccount
from fulfillment.wms.qimen import short_method, verify_request
from fulfillment.wms.qimen_xml import answer_xml, read_delivery_confirm
from ordercenter.common.secretfield import unseal
from ordercenter.events.inbox import Incoming, receive

logger = structlog.get_logger(__name__)
MAX_BODY_BYTES = 1_000_000
LONGEST_KEY = 160


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
    if short_method(query) != "deliveryorder.confirm":
        return _answer(False, "unknown_method", f"{short_method(query)} is not taken here")
    try:
        confirm = read_delivery_confirm(request.body)
    except WarehouseMessageUnreadable as error:
        return _answer(False, error.code, str(error))
    receive(
        [
            Incoming(
                source=f"warehouse:{account.warehouse_id}",
                kind=CONFIRM_KIND,
                body=request.body,
                message_id=_short(confirm.out_biz_code),
                subject=f"delivery:{confirm.delivery_order_code}"[:96],
                platform_at=confirm.operated_at,
                headers={"method": query.get("method", "")},
            )
        ]
    )
    return _answer(True, "0", "ok")


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
