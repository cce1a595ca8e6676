"""Reading channels: messages drive, a pull with overlap catches what they lost. Everything goes through the inbox."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from channels_sync.accounts import adapter_of, all_is_well, pause_after, refuse_while_paused
from channels_sync.adapters.base import ChangedOrder, ChannelAdapter, ChannelNotice, RawOrder, RawRefund, Window
from channels_sync.kinds import NOTICE_KIND, ORDER_KIND, REFUND_KIND
from channels_sync.models import ChannelAccount, SyncCursor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelError, ChannelThrottled
from ordercenter.events.inbox import Incoming, receive
from ordercenter.orders.models import Order

logger = structlog.get_logger(__name__)

# Changes are read again this far back: a platform's list lags behind its clock.
OVERLAP = timedelta(minutes=5)
FIRST_LOOK_BACK = timedelta(hours=24)
READERS = 6


@dataclass
class SyncReport:
    """What one look at a channel brought: messages or rows seen, orders and refunds newly kept."""

    seen: int = 0
    orders: int = 0
    refunds: int = 0


def take_messages(*, account: ChannelAccount, quantity: int = 100, at: datetime | None = None) -> SyncReport:
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
        _keep_unreadable(account, [n.raw for n in found.unreadable])
        confirmed = [*kept, *(n.message_id for n in found.unreadable if n.message_id)]
        if confirmed:
            adapter.confirm_messages(confirmed)
    except ChannelError as error:
        pause_after(account, error, at=now)
        raise
    all_is_well(account)
    report.seen = len(found.notices) + len(found.unreadable)
    return report


def pull_orders(*, account: ChannelAccount, at: datetime | None = None) -> SyncReport:
    """Read every order that changed since the cursor, with an overlap; keep what is newer than what we have.

    The cursor moves only when the whole window has been read and kept. Raises ChannelPaused, ChannelError.
    """
    now = at or timezone.now()
    refuse_while_paused(account, at=now)
    cursor = _cursor(account, "orders", now)
    adapter, report = adapter_of(account), SyncReport()
    window = Window(cursor.read_until - OVERLAP, now)
    try:
        place: str | None = None
        while True:
            page = adapter.pull_changed_orders(window, place)
            report.seen += len(page.orders)
            newer = _unknown_or_newer(account, page.orders)
            report.orders += _keep_orders(account, adapter, newer)
            place = page.next_cursor
            if place is None:
                break
    except ChannelError as error:
        pause_after(account, error, at=now)
        _remember(cursor, now, error)
        raise
    _remember(cursor, now, None, read_until=now)
    all_is_well(account)
    return report


def pull_refunds(*, account: ChannelAccount, at: datetime | None = None) -> SyncReport:
    """The same for refunds: every refund that changed since the cursor. Raises ChannelPaused, ChannelError."""
    now = at or timezone.now()
    refuse_while_paused(account, at=now)
    cursor = _cursor(account, "refunds", now)
    adapter, report = adapter_of(account), SyncReport()
    window = Window(cursor.read_until - OVERLAP, now)
    try:
        place: str | None = None
        while True:
            page = adapter.pull_refunds(window, place)
            report.seen += len(page.refunds)
            report.refunds += receive([_refund_message(account, raw) for raw in page.refunds])
            place = page.next_cursor
            if place is None:
                break
    except ChannelError as error:
        pause_after(account, error, at=now)
        _remember(cursor, now, error)
        raise
    _remember(cursor, now, None, read_until=now)
    all_is_well(account)
    return report


def source_of(account: ChannelAccount) -> str:
    """The inbox source of an account, from which the reader finds the shop."""
    return f"account:{account.pk}"


def order_message(account: ChannelAccount, raw: RawOrder) -> Incoming:
    """An order's raw answer as an inbox message; the same content twice is the same message.

    Orders of one buyer share a lane: two that look the same, or may share a parcel, are never in the hands of two
    relays at one instant, where neither would see the other.
    """
    digest = hashlib.sha256(json.dumps(raw.payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:20]
    return Incoming(
        source=source_of(account),
        kind=ORDER_KIND,
        message_id=f"{raw.channel_order_no}:{digest}",
        subject=f"{source_of(account)}:{raw.channel_order_no}",
        body=raw.body,
        beside=f"{source_of(account)}:buyer:{raw.buyer_id}" if raw.buyer_id else "",
    )


def _keep_notices(
    account: ChannelAccount, adapter: ChannelAdapter, notices: Sequence[ChannelNotice]
) -> tuple[SyncReport, list[str]]:
    report = SyncReport()
    orders = {n.channel_order_no for n in notices if n.kind == "order"}
    read = _read_orders(adapter, sorted(orders))
    report.orders = receive([order_message(account, raw) for raw in read.values()])
    refunds = {n.channel_refund_no for n in notices if n.kind == "refund"}
    raws = _read_refunds(adapter, sorted(refunds))
    report.refunds = receive([_refund_message(account, raw) for raw in raws.values()])
    kept = [
        n.message_id
        for n in notices
        if (n.kind == "order" and n.channel_order_no in read)
        or (n.kind == "refund" and n.channel_refund_no in raws)
        or n.kind == "other"
    ]
    return report, kept


def _keep_unreadable(account: ChannelAccount, raws: Iterable[object]) -> None:
    bodies = [json.dumps(raw, ensure_ascii=False, default=str, sort_keys=True).encode() for raw in raws]
    receive(
        [
            Incoming(
                source=source_of(account),
                kind=NOTICE_KIND,
                message_id=hashlib.sha256(body).hexdigest(),
                subject=source_of(account),
                body=body,
            )
            for body in bodies
        ]
    )


def _keep_orders(account: ChannelAccount, adapter: ChannelAdapter, numbers: Sequence[str]) -> int:
    return receive([order_message(account, raw) for raw in _read_orders(adapter, numbers).values()])


def _read_orders(adapter: ChannelAdapter, numbers: Sequence[str]) -> dict[str, RawOrder]:
    """Orders by number, several calls at once; a ban or a lost authorisation stops all, other refusals are left out."""
    if not numbers:
        return {}
    shares = [list(numbers[i::READERS]) for i in range(min(READERS, len(numbers)))]
    read: dict[str, RawOrder] = {}
    with ThreadPoolExecutor(len(shares)) as pool:
        for result in pool.map(adapter.read_orders, shares):
            read.update((raw.channel_order_no, raw) for raw in result.done)
            for refusal in result.refused:
                _raise_if_general(refusal.error)
                logger.warning("channel.order_unread", number=refusal.key, error=str(refusal.error)[:200])
    return read


def _read_refunds(adapter: ChannelAdapter, numbers: Sequence[str]) -> dict[str, RawRefund]:
    read = {}
    for number in numbers:
        try:
            read[number] = adapter.read_refund(number)
        except OrderCenterError as error:
            _raise_if_general(error)
            logger.warning("channel.refund_unread", number=number, error=str(error)[:200])
    return read


def _raise_if_general(error: OrderCenterError) -> None:
    if isinstance(error, ChannelThrottled | AuthorizationExpired):
        raise error


def _refund_message(account: ChannelAccount, raw: RawRefund) -> Incoming:
    body = json.dumps(raw.payload, ensure_ascii=False, sort_keys=True).encode()
    return Incoming(
        source=source_of(account),
        kind=REFUND_KIND,
        body=body,
        message_id=f"{raw.channel_refund_no}:{hashlib.sha256(body).hexdigest()[:20]}",
        subject=f"{source_of(account)}:{raw.channel_order_no}",
    )


def _unknown_or_newer(account: ChannelAccount, changed: Sequence[ChangedOrder]) -> list[str]:
    ours = dict(
        Order.objects.filter(
            shop_id=account.shop_id, channel_order_no__in=[c.channel_order_no for c in changed]
        ).values_list("channel_order_no", "channel_modified_at")
    )
    numbers = {c.channel_order_no: c.modified_at for c in changed}
    return [number for number, at in numbers.items() if number not in ours or ours[number] < at]


def _cursor(account: ChannelAccount, kind: str, now: datetime) -> SyncCursor:
    cursor, _ = SyncCursor.objects.get_or_create(
        account=account, kind=kind, defaults={"read_until": now - FIRST_LOOK_BACK}
    )
    return cursor


def _remember(
    cursor: SyncCursor, now: datetime, error: ChannelError | None, *, read_until: datetime | None = None
) -> None:
    cursor.last_run_at, cursor.last_error = now, str(error)[:200] if error else ""
    if read_until is not None:
        cursor.read_until = read_until
    cursor.save()
