"""What beat rings for: promises before payment end at their time."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from ordercenter.inventory import services


@shared_task(name="inventory.expire")
def expire(**_: object) -> None:
    """End the promises whose time is over."""
    now = timezone.now()
    while services.expire_reservations(at=now):
        pass
