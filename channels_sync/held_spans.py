"""Spans of a channel's changes in which something could not be read: nothing of them is passed over.

The cursor goes on, so that what is new does not wait. The span stays with it and is read again with growing pauses; one
case for the account and kind names the field, and closes by itself when all of the span is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from channels_sync.adapters.base import Window
from channels_sync.errors import MessageUnreadable
from channels_sync.models import SyncCursor
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.services import CaseDraft
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError

CASE = "CHANNEL_UNREADABLE"
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
# What the platform may answer properly the next time makes a case only when it did not for so many times.
TRIES_BEFORE_CASE = 3


def hold(cursor: SyncCursor, window: Window, unread: Sequence[OrderCenterError], *, at: datetime) -> None:
    """Keep this span to be read again; it grows by what is held already. Opens the case where a person is needed."""
    is_again = cursor.held_from is not None and cursor.held_from <= window.start
    is_again = is_again and cursor.held_until is not None and window.end <= cursor.held_until
    cursor.held_tries = cursor.held_tries + 1 if is_again else max(cursor.held_tries, 1)
    cursor.held_from = min(cursor.held_from or window.start, window.start)
    cursor.held_until = max(cursor.held_until or window.end, window.end)
    if is_again or cursor.held_due_at is None:
        pause = min(FIRST_PAUSE * 2 ** (min(cursor.held_tries, 10) - 1), LONGEST_PAUSE)
        cursor.held_due_at = at + pause
    cursor.save()
    if cursor.held_tries >= TRIES_BEFORE_CASE or not all(error.retryable for error in unread):
        cases.open_cases(drafts=[_case(cursor, unread)])


def release(cursor: SyncCursor) -> None:
    """All of the span is ours."""
    cursor.held_from = cursor.held_until = cursor.held_due_at = None
    cursor.held_tries = 0
    cursor.save()
    resolution = "all of the span could be read"
    cases.close_cases_of(subjects=[_subject(cursor)], codes=[CASE], resolution=resolution)


@transaction.atomic
def give_up(*, cursor: SyncCursor, reason: str, actor: Actor, at: datetime | None = None) -> None:
    """A person decides that what is left of the span is never to be read. Raises ReasonMissing.

    Writes the deed "channel.span_given_up" with the span.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        span = {"kind": cursor.kind, "from": str(cursor.held_from), "until": str(cursor.held_until)}
        subject = f"account:{cursor.account_id}"
        record_deed(work, action="channel.span_given_up", subject=subject, reason=reason, details=span)
    release(cursor)


def words_of_unread(unread: Sequence[OrderCenterError]) -> str:
    """The first reason and how many there are; "" for none. At most 200 characters."""
    if not unread:
        return ""
    more = f" (+{len(unread) - 1})" if len(unread) > 1 else ""
    return f"{str(unread[0])[:180]}{more}"


def _case(cursor: SyncCursor, unread: Sequence[OrderCenterError]) -> CaseDraft:
    paths = sorted({error.path for error in unread if isinstance(error, MessageUnreadable)})
    return CaseDraft(
        code=CASE,
        subject=_subject(cursor),
        shop_id=cursor.account.shop_id,
        reference=cursor.account.app_key,
        evidence={
            "kind": cursor.kind,
            "paths": paths[:10],
            "error": words_of_unread(unread),
            "rows": len(unread),
            "from": cursor.held_from.isoformat() if cursor.held_from else "",
            "until": cursor.held_until.isoformat() if cursor.held_until else "",
        },
    )


def _subject(cursor: SyncCursor) -> str:
    return f"account:{cursor.account_id}:{cursor.kind}"
