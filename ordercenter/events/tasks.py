"""What Celery does for the post office: sending commands, sweeping for forgotten ones, keeping house."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from ordercenter.common.outage import database_is_away
from ordercenter.common.partitions import ensure_partitions
from ordercenter.common.sessions import alone_at
from ordercenter.events import outgoing
from ordercenter.events.models import ProcessBeat

logger = structlog.get_logger(__name__)

LINGER_S = 0.8
# Then another receiver may have the thread, and a worker that was asked to stop can.
LONGEST_DRAIN_S = 10.0
LOOK_EVERY_S = 0.02
# Done rows of the post office are of no use after this time; facts stay.
KEEP_DONE = timedelta(days=14)


@shared_task(name="events.send_outgoing")
def send_outgoing(*, target: str, **_: object) -> None:
    """Send what waits for one receiver, one drain at a time: a second one finds the lock taken and leaves."""
    try:
        with alone_at("outgoing", target) as alone:
            if alone:
                _drain_and_linger(target)
    except (OperationalError, InterfaceError) as error:
        if not database_is_away(error):
            raise
        # What was in hand comes back when its lease has run out; the rest never left the table.
        logger.warning("outgoing.database_away", target=target, error=str(error)[:200])
        connection.close()


def _drain_and_linger(target: str) -> None:
    """Send what waits, then stay a moment: after one command the next is near, and a task costs more than a look."""
    until = time.monotonic() + LONGEST_DRAIN_S
    idle_since = time.monotonic()
    while time.monotonic() < min(idle_since + LINGER_S, until):
        drain = outgoing.drain_target(target)
        if drain.in_trouble:
            return
        if drain.tried:
            idle_since = time.monotonic()
        else:
            # What is due may be behind another command about the same thing.
            time.sleep(LOOK_EVERY_S)
        while not outgoing.has_due(target) and time.monotonic() < min(idle_since + LINGER_S, until):
            time.sleep(LOOK_EVERY_S)


@shared_task(name="events.sweep")
def sweep(**_: object) -> None:
    """The safety net: ring for every receiver that has commands due, whatever became of the first ring.

    Leaves a sign of life: beat, broker and a worker have done this together.
    """
    ProcessBeat.objects.update_or_create(name="worker", defaults={"at": timezone.now(), "details": {}})
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
