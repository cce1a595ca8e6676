"""What a channel told, kept in the inbox exactly as received: orders, refunds, notices, and what nobody can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from channels_sync.adapters.base import ChannelNotice, Pushed, RawOrder, RawRefund
from channels_sync.kinds import notice_kind, order_kind, refund_kind
from channels_sync.models import ChannelAccount
from ordercenter.common.strictjson import dumps_exact
from ordercenter.events.inbox import Incoming, receive

LONGEST_SUBJECT = 96
LONGEST_MESSAGE_ID = 160


def source_of(account: ChannelAccount) -> str:
    """The inbox source of an account, from which the reader finds the shop."""
    return f"account:{account.pk}"


def order_message(account: ChannelAccount, raw: RawOrder) -> Incoming:
    """An order's raw answer as an inbox message; the same content twice is the same message.

    Orders of one buyer share a lane: two that look the same, or may share a parcel, are never in the hands of two
    relays at one instant, where neither would see the other.
    """
    return Incoming(
        source=source_of(account),
        kind=order_kind(account.adapter),
        message_id=f"{raw.channel_order_no}:{_digest(raw.payload)}",
        subject=_subject(account, raw.channel_order_no),
        body=raw.body,
        platform_at=raw.changed_at,
        beside=f"{source_of(account)}:buyer:{raw.buyer_id}" if raw.buyer_id else "",
    )


def refund_message(account: ChannelAccount, raw: RawRefund) -> Incoming:
    """A refund as an inbox message; the same content twice is the same message."""
    body = dumps_exact(raw.payload, is_sorted=True)
    return Incoming(
        source=source_of(account),
        kind=refund_kind(account.adapter),
        body=body,
        message_id=f"{raw.channel_refund_no}:{hashlib.sha256(body).hexdigest()[:20]}",
        subject=_subject(account, raw.channel_order_no),
        platform_at=raw.changed_at,
    )


def notice_message(account: ChannelAccount, notice: ChannelNotice) -> Incoming:
    """A pushed notice as an inbox message: the listener reads back what it is about (reading_back.py)."""
    return Incoming(
        source=source_of(account),
        kind=notice_kind(account.adapter),
        message_id=notice.message_id[:LONGEST_MESSAGE_ID],
        subject=_subject(account, notice.channel_order_no or notice.channel_refund_no or notice.message_id),
        body=json.dumps(notice.raw, ensure_ascii=False, sort_keys=True).encode(),
        headers={
            "topic": notice.topic,
            "about": notice.kind,
            "order_no": notice.channel_order_no,
            "refund_no": notice.channel_refund_no,
        },
        platform_at=notice.published_at,
    )


def unreadable_message(account: ChannelAccount, raw: object) -> Incoming:
    """A notice that nobody can read: kept for a person. The same twice is kept once."""
    body = json.dumps(raw, ensure_ascii=False, default=str, sort_keys=True).encode()
    return Incoming(
        source=source_of(account),
        kind=notice_kind(account.adapter),
        message_id=hashlib.sha256(body).hexdigest(),
        subject=source_of(account),
        body=body,
        headers={"about": "unreadable"},
    )


def messages_of(account: ChannelAccount, pushed: Pushed) -> list[Incoming]:
    """All that one request told, as messages."""
    return [
        *(order_message(account, raw) for raw in pushed.orders),
        *(refund_message(account, raw) for raw in pushed.refunds),
        *(notice_message(account, notice) for notice in pushed.notices),
        *(unreadable_message(account, notice.raw) for notice in pushed.unreadable),
    ]


def keep_pushed(account: ChannelAccount, pushed: Pushed) -> int:
    """Keep all that one request told; returns how much of it was new. One statement."""
    return receive(messages_of(account, pushed))


def keep_orders(account: ChannelAccount, raws: Iterable[RawOrder]) -> int:
    """Keep orders; how many were new."""
    return receive([order_message(account, raw) for raw in raws])


def keep_refunds(account: ChannelAccount, raws: Iterable[RawRefund]) -> int:
    """Keep refunds; how many were new."""
    return receive([refund_message(account, raw) for raw in raws])


def keep_unreadable(account: ChannelAccount, raws: Sequence[object]) -> int:
    """Keep what nobody can read; how much was new."""
    return receive([unreadable_message(account, raw) for raw in raws])


def _subject(account: ChannelAccount, number: str) -> str:
    return f"{source_of(account)}:{number}"[:LONGEST_SUBJECT]


def _digest(payload: object) -> str:
    # Platforms write rates and the like with fractions, which have been read as decimals.
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
