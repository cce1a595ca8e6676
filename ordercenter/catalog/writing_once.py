"""The base of API views whose deed is done once for each Idempotency-Key, however often the request comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from ordercenter.catalog.idempotency import checked_key, fingerprint_of, run_once
from ordercenter.common.api_client import ApiClient
from ordercenter.common.problems import CONTENT_TYPE
from ordercenter.common.rest import ApiView

T = TypeVar("T")

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description=_(
        "A random text of 1 to 255 visible ASCII characters, new for each new request and the same at each retry. The "
        "answer is kept for 48 hours and given again; the header Idempotency-Replayed says so."
    ),
)


class WritesOnce(ApiView):
    """For callers with an API key: the key's owner and the Idempotency-Key name the request."""

    def once(
        self, request: Request, *, read: Callable[[], T], perform: Callable[[T, datetime], dict[str, Any]]
    ) -> Response:
        """Answer what `perform` makes of the body, or what it made of it the first time.

        read: gives the body, or raises what is wrong with it; a body that cannot be read uses no key up. perform: gets
        the body and the time, runs in a transaction with the record of its answer. Raises IdempotencyKeyMissing first
        of all, and what `run_once` raises.
        """
        key = checked_key(request.headers.get("Idempotency-Key"))
        body, at = read(), timezone.now()
        answer = run_once(
            # Only a key may write: `MayCall`.
            client=cast(ApiClient, request.auth).ident,
            key=key,
            at=at,
            fingerprint=fingerprint_of("POST", request.path, request._request.body),
            perform=lambda: (200, perform(body, at)),
        )
        content_type = CONTENT_TYPE if answer.status >= 400 else None
        headers = {"Idempotency-Replayed": "true"} if answer.is_replay else None
        return Response(answer.body, status=answer.status, headers=headers, content_type=content_type)
