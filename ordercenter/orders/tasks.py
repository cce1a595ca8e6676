"""What the clock does to orders."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from ordercenter.orders import services


@shared_task(name="orders.regrade", ignore_result=True)
def regrade(**_: object) -> None:
    """Open orders whose promise comes near move up, as many batches as there are."""
    after = -1
    while after:
        _changed, after = services.regrade_orders(at=timezone.now(), after=max(0, after))
