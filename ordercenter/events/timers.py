"""Timers: facts that become true at an instant. Rows, so that no restart forgets them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from ordercenter.events import codec, log
from ordercenter.events.log import Cause
from ordercenter.events.models import Timer

FIRE_AT_ONCE = 500


def fire_due(*, at: datetime | None = None) -> int:
    """Record the events of all timers that are due; returns how many. Each fires once, whoever else is looking."""
    now = at or timezone.now()
    with transaction.atomic():
        due = list(
            Timer.objects.filter(due_at__lte=now, fired_at__isnull=True, cancelled_at__isnull=True)
            .order_by("due_at", "pk")
            .select_for_update(skip_locked=True)[:FIRE_AT_ONCE]
        )
        log.record(
            [codec.from_row(timer.event, timer.payload, now) for timer in due],
            causes=[Cause(timer.chain_id, timer.cause_id, timer.depth) for timer in due],
        )
        Timer.objects.filter(pk__in=[timer.pk for timer in due]).update(fired_at=now)
    return len(due)


def cancel(keys: Collection[str], *, at: datetime) -> int:
    """Call off these timers where they have not fired; returns how many."""
    return Timer.objects.filter(key__in=keys, fired_at__isnull=True, cancelled_at__isnull=True).update(cancelled_at=at)


def move(due: Mapping[str, datetime]) -> None:
    """Other times for timers that have not fired, by key. One statement."""
    if not due:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_timer t SET due_at = v.due_at FROM unnest(%s::text[], %s::timestamptz[]) AS v(key, due_at)"
            " WHERE t.key = v.key AND t.fired_at IS NULL AND t.cancelled_at IS NULL",
            [list(due), list(due.values())],
        )
