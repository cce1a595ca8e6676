"""What Celery does for the API: forgetting answers that need not be given again."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from ordercenter.catalog.idempotency import forget_expired


@shared_task(name="catalog.forget_answers")
def forget_answers(**_: object) -> None:
    """Drop the answers kept for Idempotency-Keys whose time is over, some thousands at each ring."""
    forget_expired(at=timezone.now())
