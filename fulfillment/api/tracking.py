"""The door of the one who follows parcels for us: one signed form a request, kept before it is answered."""

from __future__ import annotations

import hashlib
import json

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from fulfillment.carriers.errors import TrackingMessageUnreadable, TrackingSignatureInvalid
from fulfillment.carriers.kuaidi100 import ACK, verified_push
from fulfillment.carriers.scans import read_push
from fulfillment.models import TrackingAccount
from fulfillment.services.tracking import PUSH_KIND
from ordercenter.common.secretfield import unseal
from ordercenter.events.inbox import Incoming, receive

logger = structlog.get_logger(__name__)
MAX_BODY_BYTES = 512_000


@csrf_exempt
@require_POST
def receive_push(request: HttpRequest, account_id: int) -> HttpResponse:
    """Check the signature on the exact bytes, keep the message, answer in the protocol's form. One durable insert.

    The same push again is answered with success and changes nothing. What is not signed with our salt, is too large, or
    is no such document, is refused and not kept.
    """
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        return _answer("413", "too large", status=413)
    account = TrackingAccount.objects.filter(pk=account_id, is_active=True).first()
    if account is None:
        return _answer("404", "no such account", status=404)
    body = request.body
    try:
        document = verified_push(body, salt=str(unseal(account.secrets).get("salt") or ""))
        news = read_push(document)
    except TrackingSignatureInvalid as error:
        logger.warning("tracking.refused", account=account_id, problem=str(error))
        return _answer("503", "sign", status=403)
    except TrackingMessageUnreadable as error:
        logger.warning("tracking.unreadable", account=account_id, problem=str(error))
        return _answer("500", str(error)[:200], status=422)
    receive(
        [
            Incoming(
                source=f"tracking:{account.pk}",
                kind=PUSH_KIND,
                # A push has no id of its own: the same bytes are the same push.
                message_id=hashlib.sha256(body).hexdigest(),
                subject=f"parcel:{news.number}"[:96],
                body=body,
                headers={"status": news.status},
            )
        ]
    )
    return HttpResponse(json.dumps(ACK, ensure_ascii=False), "application/json; charset=utf-8")


def _answer(code: str, message: str, *, status: int) -> HttpResponse:
    document = {"result": False, "returnCode": code, "message": message}
    return HttpResponse(json.dumps(document, ensure_ascii=False), "application/json; charset=utf-8", status)
