"""What pushed notices are about, read back whole: a push only rings, the platform's own answer is what counts.

Runs in the listener, one thread per account, so that a platform that hangs holds up nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone

from channels_sync.accounts import adapter_of, all_is_well, pause_after, refuse_while_paused
from channels_sync.adapters.base import Pushed
from channels_sync.errors import MessageUnreadable
from channels_sync.keeping import keep_orders, keep_refunds, source_of
from channels_sync.kinds import notice_kind
from channels_sync.models import ChannelAccount
from channels_sync.platforms import connection_of, platform_of
from channels_sync.reading import Read, read_orders, read_refunds
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import ChannelError
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.events.claims import messages_are_read, messages_failed, waiting_messages
from ordercenter.events.registry import Message

# A platform's largest push, and its escapes when it was kept.
MAX_KEPT_BYTES = 8_000_000


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
    again = {m.id: _read_kept(account, m) for m in messages if m.headers.get("about") == "unreadable"}
    told = [pushed for pushed in again.values() if isinstance(pushed, Pushed)]
    notices = [notice for pushed in told for notice in pushed.notices]
    orders = {m.headers["order_no"]: None for m in messages if m.headers.get("about") == "order"}
    refunds = {m.headers["refund_no"]: None for m in messages if m.headers.get("about") == "refund"}
    orders |= {notice.channel_order_no: None for notice in notices if notice.kind == "order"}
    refunds |= {notice.channel_refund_no: None for notice in notices if notice.kind == "refund"}
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
    keep_orders(account, [*read.orders.values(), *(raw for pushed in told for raw in pushed.orders)])
    keep_refunds(account, [*read.refunds.values(), *(raw for pushed in told for raw in pushed.refunds)])
    outcomes = [(message, _outcome(message, read, again)) for message in messages]
    messages_are_read([message.id for message, problem in outcomes if problem is None])
    messages_failed([(message, problem) for message, problem in outcomes if problem is not None])
    return len(messages)


def _read_kept(account: ChannelAccount, message: Message) -> Pushed | MessageUnreadable:
    """What nobody could read when it came, read as it is read today: its reader may have learned its form."""
    read_kept = platform_of(account).read_kept
    if read_kept is None:
        return MessageUnreadable(path="message", problem="unknown_value")
    try:
        return read_kept(connection_of(account), loads_strict(message.body, max_bytes=MAX_KEPT_BYTES))
    except MessageUnreadable as error:
        return error
    except UnreadableBody as error:
        return MessageUnreadable(path="message", problem="not_json", detail=str(error)[:100])


def _outcome(message: Message, read: Read, again: Mapping[int, Pushed | MessageUnreadable]) -> OrderCenterError | None:
    """None: what it is about is ours; else why it is not."""
    about = message.headers.get("about")
    if about == "unreadable":
        pushed = again[message.id]
        if isinstance(pushed, MessageUnreadable):
            return pushed
        numbers = [notice.channel_order_no or notice.channel_refund_no for notice in pushed.notices]
        return next((read.refused[number] for number in numbers if number in read.refused), None)
    if about == "other":
        return None
    number = str(message.headers["order_no" if about == "order" else "refund_no"])
    return read.refused.get(number)
