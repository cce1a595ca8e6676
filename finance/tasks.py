"""What beat rings for: bills that should be there, and bills that another look may settle."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from finance import selectors, services
from finance.models import ProviderAccount
from ordercenter.common.errors import OrderCenterError

logger = structlog.get_logger(__name__)


@shared_task(name="finance.reconcile")
def reconcile(**_: object) -> None:
    """Fetch the bills that are missing, then match again what is not closed. Ringing too often does no harm.

    One account's or day's trouble is its own: it has its case, and is tried again at the next ring.
    """
    for account in ProviderAccount.objects.filter(is_active=True).order_by("pk"):
        for day in selectors.days_without_bill(account, at=timezone.now()):
            try:
                services.fetch_statement(account=account, business_day=day, at=timezone.now())
            except OrderCenterError as error:
                logger.warning("bill.failed", account=account.pk, day=str(day), code=error.code, error=str(error)[:200])
    for statement in selectors.statements_worth_another_look(at=timezone.now()):
        try:
            services.match_statement(statement_id=statement.pk, at=timezone.now())
        except OrderCenterError as error:
            logger.warning("match.failed", statement=statement.pk, code=error.code, error=str(error)[:200])


@shared_task(name="finance.look_at_settlements")
def look_at_settlements(**_: object) -> None:
    """Judge again what platforms have not settled in full, and name what they have not settled at all."""
    services.look_at_settlements(at=timezone.now())
