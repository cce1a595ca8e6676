"""What beat rings for: the pull that catches what messages lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import structlog
from celery import shared_task
from django.db import connection
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
    """Pull changed orders and refunds of every active account, side by side: one that hangs keeps no other waiting."""
    accounts = list(ChannelAccount.objects.filter(is_active=True).select_related("shop").order_by("pk"))
    with ThreadPoolExecutor(max(len(accounts), 1)) as pool:
        for _done in pool.map(_pull, accounts):
            pass


def _pull(account: ChannelAccount) -> None:
    """One account, unless somebody is pulling it already; its trouble is its own."""
    try:
        with only_one(account) as is_mine:
            if is_mine:
                for pull in (services.pull_orders, services.pull_refunds):
                    try:
                        pull(account=account, at=timezone.now())
                    except OrderCenterError as error:
                        logger.warning("pull.failed", account=account.pk, pull=pull.__name__, error=str(error)[:200])
    finally:
        connection.close()
