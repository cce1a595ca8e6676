"""What beat rings for: the pull that catches what messages lost, stock for the channels, files of orders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import structlog
from celery import shared_task
from django.db import connection
from django.utils import timezone

from channels_sync import live, services
from channels_sync.counters.looking import look_at_counters
from channels_sync.models import ChannelAccount
from channels_sync.order_files.apart import work_apart
from channels_sync.order_files.bringing import forget_old_files
from channels_sync.order_files.running import waiting_files
from channels_sync.publishing import publish_stock
from channels_sync.pulling import only_one
from channels_sync.settling import pull_all_settlements
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


@shared_task(name="channels.pull_settlements")
def settlements(**_: object) -> None:
    """Take in what platforms paid out."""
    pull_all_settlements()


@shared_task(name="channels.order_files")
def order_files(**_: object) -> None:
    """Go on with files of orders that wait to be read, checked or taken in."""
    waiting = waiting_files()
    if waiting:
        work_apart(waiting)


@shared_task(name="channels.forget_order_files")
def forget_files(**_: object) -> None:
    """Receivers in files are kept for a month."""
    forget_old_files(at=timezone.now())


@shared_task(name="channels.live_locks")
def live_locks(**_: object) -> None:
    """Tell which goods of live streams are nearly sold out."""
    live.tell_few_left(at=timezone.now())


@shared_task(name="channels.live_sales")
def live_sales(**_: object) -> None:
    """Find the session of sales that came while it was planned or changed."""
    live.attribute_late_sales(at=timezone.now())


@shared_task(name="channels.look_at_counters")
def counters(**_: object) -> None:
    """Book what counters sent and could not be booked until now; tell what waits for too long."""
    look_at_counters(at=timezone.now())
