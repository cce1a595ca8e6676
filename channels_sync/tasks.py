"""What beat rings for: the pull that catches what messages lost."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from channels_sync import services
from channels_sync.models import ChannelAccount
from channels_sync.publishing import publish_stock
from channels_sync.pulling import only_one
from ordercenter.common.errors import OrderCenterError

logger = structlog.get_logger(__name__)


@shared_task(name="channels.publish_stock")
def publish(**_: object) -> None:
    """Tell the channels what they may offer now; rings often, and finds nothing to do most of the time."""
    publish_stock(at=timezone.now())


@shared_task(name="channels.pull_all")
def pull_all(**_: object) -> None:
    """Ring for every active account by itself: one platform that hangs keeps no other one waiting."""
    for account_id in ChannelAccount.objects.filter(is_active=True).order_by("pk").values_list("pk", flat=True):
        pull_one.apply_async(kwargs={"account_id": account_id}, retry=False, expires=50)


@shared_task(name="channels.pull")
def pull_one(account_id: int, **_: object) -> None:
    """Pull changed orders and refunds of one account, unless somebody is doing so."""
    account = ChannelAccount.objects.filter(pk=account_id, is_active=True).select_related("shop").first()
    if account is None:
        return
    with only_one(account) as is_mine:
        if is_mine:
            for pull in (services.pull_orders, services.pull_refunds):
                try:
                    pull(account=account, at=timezone.now())
                except OrderCenterError as error:
                    logger.warning("pull.failed", account=account.pk, pull=pull.__name__, error=str(error)[:200])
