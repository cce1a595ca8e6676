"""The door through which platforms speak to us: checked on the exact bytes, kept by one insert, then answered.

Nothing is done here with what was told: relays and the listener go on with it.
"""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from channels_sync.adapters.base import PushRequest
from channels_sync.errors import MessageUnreadable, PushRefused
from channels_sync.keeping import keep_pushed
from channels_sync.models import ChannelAccount
from channels_sync.platforms import PLATFORMS, connection_of

logger = structlog.get_logger(__name__)
MAX_BODY_BYTES = 1_000_000


@csrf_exempt
@require_http_methods(["GET", "POST"])
def receive_push(request: HttpRequest, platform: str, token: str) -> HttpResponse:
    """Take one request of a platform. 404: nobody lives here; 401: not signed as it must be; 413, 422: nothing kept.

    A platform whose answer has a form of its own gets that form; a repeat is answered like the first and changes
    nothing.
    """
    kind = PLATFORMS.get(platform)
    if kind is None or kind.take_push is None:
        return _refusal(404, "channels.no_such_door")
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        return _refusal(413, "channels.push_too_large")
    account = _account_behind(platform, token)
    if account is None:
        return _refusal(404, "channels.no_such_door")
    try:
        pushed = kind.take_push(connection_of(account), _plain(request))
    except PushRefused as error:
        logger.warning("push.refused", account=account.pk, platform=platform, problem=error.problem)
        return _refusal(error.status, error.code, error.problem)
    except MessageUnreadable as error:
        logger.warning("push.unreadable", account=account.pk, platform=platform, problem=str(error))
        return _refusal(error.status, error.code, str(error))
    keep_pushed(account, pushed)
    answer = pushed.answer
    return HttpResponse(answer.body, answer.content_type, answer.status)


def _account_behind(platform: str, token: str) -> ChannelAccount | None:
    # Written out: at a hundred pushes a second, making the statement anew each time costs more than running it.
    found = ChannelAccount.objects.raw(
        "SELECT * FROM channels_sync_channelaccount WHERE push_token = %s AND adapter = %s AND is_active",
        [token, platform],
    )
    return next(iter(found), None)


def _plain(request: HttpRequest) -> PushRequest:
    return PushRequest(
        method=request.method or "",
        path=request.path,
        query={key: request.GET[key] for key in request.GET},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
        at=timezone.now(),
    )


def _refusal(status: int, code: str, problem: str = "") -> HttpResponse:
    return JsonResponse({"code": code, "problem": problem}, status=status)
