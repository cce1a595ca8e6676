"""What Celery does for the post office: sending commands, sweeping for forgotten ones, keeping house."""

from __future__ import annotations

import time
from datetime import timedelta

from celery import shared_task
from django.db import connection
from django.utils import timezone

from ordercenter.common.partitions import ensure_partitions
from ordercenter.events import outgoing

LINGER_S = 0.8
LOOK_EVERY_S = 0.02
# Done rows of the post office are of no use after this time; facts stay.
KEEP_DONE = timedelta(days=14)


@shared_task(name="events.send_outgoing")
def send_outgoing(*, target: str, **_: object) -> None:
    """Send what waits for one receiver, one drain at a time: a second one finds the lock taken and leaves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('outgoing'), hashtext(%s))", [target])
        if not cursor.fetchone()[0]:
            return
        try:
            _drain_and_linger(target)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('outgoing'), hashtext(%s))", [target])


def _drain_and_linger(target: str) -> None:
    """Send what waits, then stay a moment: where one command came, the next is near, and a task costs more than a look."""
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < LINGER_S:
        if outgoing.drain_target(target):
            idle_since = time.monotonic()
        else:
            time.sleep(LOOK_EVERY_S)


@shared_task(name="events.sweep")
def sweep(**_: object) -> None:
    """The safety net: ring for every receiver that has commands due, whatever became of the first ring."""
    for target in outgoing.waiting_targets(at=timezone.now()):
        send_outgoing.apply_async(kwargs={"target": target}, retry=False, expires=60)


@shared_task(name="events.keep_house")
def keep_house(**_: object) -> None:
    """Prepare the coming months' partitions and drop done post-office rows that nobody needs any more."""
    now = timezone.now()
    ensure_partitions(today=now.date())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_delivery WHERE status = 'done' AND done_at < %s", [now - KEEP_DONE])
        cursor.execute("DELETE FROM events_timer WHERE fired_at < %s", [now - KEEP_DONE])
