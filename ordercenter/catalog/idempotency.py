"""The same request twice has one effect: its answer is kept in the transaction of the effect, and given again.

After the IETF draft "The Idempotency-Key HTTP Header Field" and the practice of Stripe: what a run answered is given
again, refusals too; nothing is kept when the request was not fit to run, when a twin is still running, or when the
refusal is one that passes by itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from ordercenter.catalog.models import IdempotencyRecord
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.problems import InternalError, problem_of

logger = structlog.get_logger(__name__)
KEPT_FOR = timedelta(hours=48)
_KEY = re.compile(r"[!-~]{1,255}")


class IdempotencyKeyMissing(OrderCenterError):
    """The request changes something and carries no key, or one that is none."""

    code = "api.idempotency_key_missing"
    title = _("An Idempotency-Key is needed.")
    hint = _(
        "Send a new random key of 1 to 255 visible ASCII characters with each new request, the same at each retry."
    )
    status = 400


class IdempotencyKeyReused(OrderCenterError):
    """The key belongs to another request."""

    code = "api.idempotency_key_reused"
    title = _("This Idempotency-Key was used with another request.")
    hint = _("Use a new key for a new request.")
    status = 422


class TwinRunning(OrderCenterError):
    """A request with the same key is being worked on."""

    code = "api.twin_running"
    title = _("The same request is being worked on.")
    hint = _("Send it again in a moment: its answer will be given then.")
    retryable = True
    status = 409


@dataclass(frozen=True)
class KeptAnswer:
    """What is answered. is_replay: it was kept from an earlier run."""

    status: int
    body: Any
    is_replay: bool


def checked_key(value: str | None) -> str:
    """The key of a request's header. Raises IdempotencyKeyMissing."""
    if value is None or not _KEY.fullmatch(value):
        raise IdempotencyKeyMissing
    return value


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """What makes a request the same one: its method, path and exact bytes."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).hexdigest()


def run_once(
    *, client: str, key: str, fingerprint: str, at: datetime, perform: Callable[[], tuple[int, Any]]
) -> KeptAnswer:
    """Perform and keep the answer, or give the one that was kept, all in one transaction.

    perform: answers (status, body as JSON values); its refusals become problem documents and are kept, retryable ones
    are raised and not kept. Raises TwinRunning at once when the key is being worked on, IdempotencyKeyReused when it
    belongs to another request. Three statements beside those of perform.
    """
    with transaction.atomic():
        if not _lock(client, key):
            raise TwinRunning
        record = IdempotencyRecord.objects.filter(client=client, key=key).first()
        if record is not None and record.expires_at > at:
            if record.fingerprint != fingerprint:
                raise IdempotencyKeyReused
            return KeptAnswer(record.status, record.body, is_replay=True)
        if record is not None:
            record.delete()
        status, body = _answer(perform, client)
        IdempotencyRecord.objects.create(
            client=client,
            key=key,
            fingerprint=fingerprint,
            status=status,
            body=body,
            created_at=at,
            expires_at=at + KEPT_FOR,
        )
        return KeptAnswer(status, body, is_replay=False)


def forget_expired(*, at: datetime, most: int = 10_000) -> int:
    """Delete records that need not be kept any longer, at most so many at once; returns how many."""
    expired = IdempotencyRecord.objects.filter(expires_at__lte=at).order_by("expires_at").values("pk")[:most]
    return IdempotencyRecord.objects.filter(pk__in=list(expired.values_list("pk", flat=True))).delete()[0]


def _answer(perform: Callable[[], tuple[int, Any]], client: str) -> tuple[int, Any]:
    try:
        with transaction.atomic():
            return perform()
    except (OperationalError, InterfaceError):
        raise
    except OrderCenterError as error:
        if error.retryable:
            raise
        return error.status, problem_of(error)
    except Exception:
        # The border: what nobody foresaw is undone, logged and answered the same way each time it is asked.
        logger.exception("api.failed", client=client)
        return InternalError.status, problem_of(InternalError())


def _lock(client: str, key: str) -> bool:
    """A lock that ends with the transaction, whoever dies: no row is left saying that something runs."""
    digest = hashlib.blake2b(f"idempotency\0{client}\0{key}".encode(), digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(digest, signed=True)])
        return bool(cursor.fetchone()[0])
