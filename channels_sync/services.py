"""Reading channels: messages drive, a pull with overlap catches what they lost. Everything goes through the inbox.

The other verbs: `pulling` (changes of a span), `reading_back` (what pushed notices are about), `renewing` (access
tokens), `publishing` (stock), `reporting` (parcels).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from channels_sync.accounts import adapter_of, all_is_well, pause_after, refuse_while_paused
from channels_sync.adapters.base import ChannelAdapter, ChannelNotice
from channels_sync.keeping import keep_orders, keep_refunds, keep_unreadable
from channels_sync.models import ChannelAccount
from channels_sync.pulling import ask_backfill, pull_orders, pull_refunds, run_asked
from channels_sync.reading import read_orders, read_refunds
from channels_sync.reading_back import read_back
from channels_sync.renewing import renew_authorisation
from ordercenter.common.platform_errors import ChannelError

__all__ = [
    "MessagesTaken",
    "ask_backfill",
    "pull_orders",
    "pull_refunds",
    "read_back",
    "renew_authorisation",
    "run_asked",
    "take_messages",
]

logger = structlog.get_logger(__name__)
# A database that was killed is back within seconds; what takes longer is looked at again from the start.
PATIENCE_S = (0.1, 0.4, 1.0, 2.0, 4.0)


@dataclass
class MessagesTaken:
    """What one look at a channel's messages brought: messages seen, orders and refunds newly kept."""

    seen: int = 0
    orders: int = 0
    refunds: int = 0


def take_messages(*, account: ChannelAccount, quantity: int = 100, at: datetime | None = None) -> MessagesTaken:
    """Consume waiting messages, read back what they are about, keep it in the inbox, then confirm.

    A message is confirmed only when what it is about is safely ours; everything else comes again. Raises ChannelPaused
    and what the platform refuses as a whole.
    """
    now = at or timezone.now()
    refuse_while_paused(account, at=now)
    adapter = adapter_of(account)
    try:
        found = adapter.consume_messages(quantity=quantity)
        report, kept = _keep_notices(account, adapter, found.notices)
        _surely(lambda: keep_unreadable(account, [n.raw for n in found.unreadable]))
        confirmed = [*kept, *(n.message_id for n in found.unreadable if n.message_id)]
        if confirmed:
            adapter.confirm_messages(confirmed)
    except ChannelError as error:
        pause_after(account, error, at=now)
        raise
    all_is_well(account)
    report.seen = len(found.notices) + len(found.unreadable)
    return report


def _surely(keep: Callable[[], int]) -> int:
    """Keep what is in hand, also when the database went away while the platform was asked: what is not kept would be
    told again only much later. Keeping twice changes nothing. Raises the database's error when it stays away.
    """
    for pause_s in PATIENCE_S:
        try:
            return keep()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block:
                raise
            logger.warning("messages.database_away", error=str(error)[:200])
            connection.close()
            time.sleep(pause_s)
    return keep()


def _keep_notices(
    account: ChannelAccount, adapter: ChannelAdapter, notices: Sequence[ChannelNotice]
) -> tuple[MessagesTaken, list[str]]:
    report = MessagesTaken()
    read = read_orders(adapter, sorted({n.channel_order_no for n in notices if n.kind == "order"}))
    report.orders = _surely(lambda: keep_orders(account, read.orders.values()))
    read_refunds(adapter, sorted({n.channel_refund_no for n in notices if n.kind == "refund"}), read)
    report.refunds = _surely(lambda: keep_refunds(account, read.refunds.values()))
    kept = [
        n.message_id
        for n in notices
        if (n.kind == "order" and n.channel_order_no in read.orders)
        or (n.kind == "refund" and n.channel_refund_no in read.refunds)
        or n.kind == "other"
    ]
    return report, kept
