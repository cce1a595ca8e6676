"""What beat rings for: waves, and orders that waited for a warehouse."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.db import connection
from django.utils import timezone

from fulfillment import services
from fulfillment.models import Shipment
from fulfillment.services.backlog import reoptimise_backlog
from fulfillment.states import ShipmentState

logger = structlog.get_logger(__name__)


@shared_task(name="fulfillment.waves")
def waves(**_: object) -> None:
    """Decide what is due anew and hand it over; let orders go whose warehouse is open again. It may ring often.

    One at a time: a second one finds the lock taken and leaves.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('fulfillment'), hashtext('waves'))")
        if not cursor.fetchone()[0]:
            return
    try:
        services.release_reopened()
        due = Shipment.objects.filter(state=ShipmentState.PLANNED, release_at__lte=timezone.now())
        if due.exists():
            # All that waits is looked at, not only what is due: what leaves now takes stock from what leaves later.
            run = reoptimise_backlog(cause="wave")
            logger.info("backlog.decided", run=run.pk, orders=run.orders, moved=run.moved)
        while services.release_due():
            pass
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('fulfillment'), hashtext('waves'))")
