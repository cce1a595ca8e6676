"""Reading channels: messages drive, a pull with overlap catches what they lost. Everything goes through the inbox.

The other verbs: `pulling` (changes of a span), `reading_back` (what pushed notices are about), `renewing` (access
tokens), `publishing` (stock), `reporting` (parcels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
        keep_unreadable(account, [n.raw for n in found.unreadable])
        confirmed = [*kept, *(n.message_id for n in found.unreadable if n.message_id)]
        if confirmed:
            adapter.confirm_messages(confirmed)
    except ChannelError as error:
        pause_after(account, error, at=now)
        raise
    all_is_well(account)
    report.seen = len(found.notices) + len(found.unreadable)
    return report


def _keep_notices(
    account: ChannelAccount, adapter: ChannelAdapter, notices: Sequence[ChannelNotice]
) -> tuple[MessagesTaken, list[str]]:
    report = MessagesTaken()
    read = read_orders(adapter, sorted({n.channel_order_no for n in notices if n.kind == "order"}))
    report.orders = keep_orders(account, read.orders.values())
    read_refunds(adapter, sorted({n.channel_refund_no for n in notices if n.kind == "refund"}), read)
    report.refunds = keep_refunds(account, read.refunds.values())
    kept = [
        n.message_id
        for n in notices
        if (n.kind == "order" and n.channel_order_no in read.orders)
        or (n.kind == "refund" and n.channel_refund_no in read.refunds)
        or n.kind == "other"
    ]
    return report, kept
