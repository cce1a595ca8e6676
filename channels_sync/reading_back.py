"""What pushed notices are about, read back whole: a push only rings, the platform's own answer is what counts.

Runs in the listener, one thread per account, so that a platform that hangs holds up nobody else.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from channels_sync.accounts import adapter_of, all_is_well, pause_after, refuse_while_paused
from channels_sync.errors import MessageUnreadable
from channels_sync.keeping import keep_orders, keep_refunds, source_of
from channels_sync.kinds import notice_kind
from channels_sync.models import ChannelAccount
from channels_sync.reading import Read, read_orders, read_refunds
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import ChannelError
from ordercenter.events.claims import messages_are_read, messages_failed, waiting_messages
from ordercenter.events.registry import Message


def read_back(*, account: ChannelAccount, most: int = 200, at: datetime | None = None) -> int:
    """Read back what up to `most` waiting notices are about, keep it, settle them; how many there were.

    Several notices about one order cost one call. One that cannot be read for good is parked with a case; what may pass
    is tried again later. Raises ChannelPaused, and what the platform refuses as a whole: then all of them still wait.
    """
    now = at or timezone.now()
    refuse_while_paused(account, at=now)
    messages = waiting_messages(source=source_of(account), kind=notice_kind(account.adapter), most=most)
    if not messages:
        return 0
    orders = {m.headers["order_no"]: None for m in messages if m.headers.get("about") == "order"}
    refunds = {m.headers["refund_no"]: None for m in messages if m.headers.get("about") == "refund"}
    read = Read()
    if orders or refunds:
        adapter = adapter_of(account)
        try:
            read_orders(adapter, list(orders), read)
            read_refunds(adapter, list(refunds), read)
        except ChannelError as error:
            pause_after(account, error, at=now)
            raise
        all_is_well(account)
    keep_orders(account, read.orders.values())
    keep_refunds(account, read.refunds.values())
    outcomes = [(message, _outcome(message, read)) for message in messages]
    messages_are_read([message.id for message, problem in outcomes if problem is None])
    messages_failed([(message, problem) for message, problem in outcomes if problem is not None])
    return len(messages)


def _outcome(message: Message, read: Read) -> OrderCenterError | None:
    """None: what it is about is ours; else why it is not."""
    about = message.headers.get("about")
    if about == "unreadable":
        return MessageUnreadable(path="message", problem="unknown_value")
    if about == "other":
        return None
    number = str(message.headers["order_no" if about == "order" else "refund_no"])
    return read.refused.get(number)
