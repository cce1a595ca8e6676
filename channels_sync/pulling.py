"""Pulling what changed: with an overlap after messages, for a span of the past on request, every few seconds where
nothing else tells. All of it goes through the inbox, so whatever is read twice is kept once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from channels_sync.accounts import adapter_of, all_is_well, pause_after, refuse_while_paused
from channels_sync.adapters.base import ChangedOrder, ChannelAdapter, Window
from channels_sync.errors import BackfillSpanWrong
from channels_sync.held_spans import hold, release, words_of_unread
from channels_sync.keeping import keep_orders, keep_refunds
from channels_sync.models import ChannelAccount, PullRun, SyncCursor
from channels_sync.platforms import platform_of
from channels_sync.reading import read_orders
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import ChannelError
from ordercenter.common.sessions import alone_at
from ordercenter.orders.models import Order

# Changes are read again this far back: a platform's list lags behind its clock.
OVERLAP = timedelta(minutes=5)
FIRST_LOOK_BACK = timedelta(hours=24)
# A change so old should have been told by a message: found by the pull alone, it was lost.
MESSAGES_TAKE = timedelta(seconds=60)
LONGEST_BACKFILL = timedelta(days=31)
# Platforms count in whole seconds: what we read within the second of its change may have changed once more in it. So
# rows of the last seconds before the cursor are read again, although they look no newer.
SAME_SECOND = timedelta(seconds=2)


def pull_orders(*, account: ChannelAccount, at: datetime | None = None) -> PullRun:
    """Read every order that changed since the cursor, with an overlap; keep what is newer than what we have.

    The cursor moves only when the whole window has been read and kept. What could not be read in it, a row or a whole
    order, holds its span back: that is read again with growing pauses (held_spans.py) until all of it is ours. Raises
    ChannelPaused, ChannelError.
    """
    return _since_cursor(account, "orders", at or timezone.now())


def pull_refunds(*, account: ChannelAccount, at: datetime | None = None) -> PullRun:
    """The same for refunds: every refund that changed since the cursor. Raises ChannelPaused, ChannelError."""
    return _since_cursor(account, "refunds", at or timezone.now())


def ask_backfill(
    *, account: ChannelAccount, window: Window, reason: str, actor: Actor, at: datetime | None = None
) -> list[PullRun]:
    """Ask for all that changed in a span of the past, orders and then refunds; the listener does it (run_asked).

    Every order is read whole again, also one that we have as new: a backfill is asked for where something is missing.
    Raises BackfillSpanWrong for a span that has not passed or is longer than 31 days, ReasonMissing without a reason.
    Writes the deed "channel.backfill".
    """
    now = at or timezone.now()
    if window.end > now or window.end - window.start > LONGEST_BACKFILL:
        raise BackfillSpanWrong(most_days=LONGEST_BACKFILL.days)
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=now, actor=actor, reason=reason) as work:
        span = {"window_start": window.start, "window_end": window.end, "created_at": now}
        runs = [
            PullRun.objects.create(account=account, kind=kind, asked_by_id=actor.user_id, **span)
            for kind in ("orders", "refunds")
        ]
        details = {"from": window.start.isoformat(), "until": window.end.isoformat()}
        record_deed(work, action="channel.backfill", subject=f"account:{account.pk}", reason=reason, details=details)
    return runs


def run_asked(*, account: ChannelAccount, at: datetime | None = None) -> PullRun | None:
    """Do the oldest backfill that was asked for and waits, or one that a killed process left; None when there is none.

    To be called by one process for an account at a time (only_one). Raises ChannelPaused, ChannelError: what was kept
    until then stays kept, the run says why it ended, and asking again does no harm.
    """
    now = at or timezone.now()
    refuse_while_paused(account, at=now)
    run = PullRun.objects.filter(account=account, asked_by__isnull=False, ended_at=None).order_by("pk").first()
    if run is None:
        return None
    run.started_at, run.seen, run.kept = now, 0, 0
    run.save()
    try:
        window = Window(run.window_start, run.window_end)
        _look_through(Look(account, run, window, whole_from=window.start - OVERLAP))
    finally:
        run.save()
    return run


def only_one(account: ChannelAccount) -> AbstractContextManager[bool]:
    """Whether nobody else is pulling this account; held until the end of the block."""
    return alone_at("pull", account.pk)


@dataclass
class Look:
    """One look through a window. whole_from: orders that changed since then are read whole although we know them.

    counts_missed: whether what is found was lost by messages. unread: why rows or orders of it could not be read.
    """

    account: ChannelAccount
    run: PullRun
    window: Window
    whole_from: datetime
    counts_missed: bool = False
    unread: list[OrderCenterError] = field(default_factory=list)


def _since_cursor(account: ChannelAccount, kind: str, now: datetime) -> PullRun:
    refuse_while_paused(account, at=now)
    cursor, _ = SyncCursor.objects.get_or_create(
        account=account, kind=kind, defaults={"read_until": now - FIRST_LOOK_BACK}
    )
    window = Window(cursor.read_until - OVERLAP, now)
    look = _look(account, kind, window, now, whole_from=window.start + OVERLAP - SAME_SECOND)
    look.counts_missed = _is_told(account)
    try:
        _look_through(look)
    except ChannelError as error:
        _remember(cursor, now, error)
        raise
    finally:
        if look.run.kept or look.run.error:
            look.run.save()
    if look.unread:
        hold(cursor, window, look.unread, at=now)
    _remember(cursor, now, None, read_until=now)
    _read_held(account, cursor, now)
    all_is_well(account)
    return look.run


def _read_held(account: ChannelAccount, cursor: SyncCursor, now: datetime) -> None:
    """Read a span again in which something could not be read, when its pause is over: what we know needs no call."""
    if cursor.held_from is None or cursor.held_until is None or (cursor.held_due_at or now) > now:
        return
    window = Window(cursor.held_from, cursor.held_until)
    look = _look(account, cursor.kind, window, now, whole_from=window.end)
    try:
        _look_through(look)
    finally:
        if look.run.kept or look.run.error:
            look.run.save()
    if look.unread:
        hold(cursor, window, look.unread, at=now)
    else:
        release(cursor)


def _look(account: ChannelAccount, kind: str, window: Window, now: datetime, *, whole_from: datetime) -> Look:
    span = {"window_start": window.start, "window_end": window.end}
    run = PullRun(account=account, kind=kind, created_at=now, started_at=now, **span)
    return Look(account, run, window, whole_from)


def _look_through(look: Look) -> None:
    """Page by page, each kept before the next is asked for; an error is written into the run and raised."""
    step = _refunds_page if look.run.kind == "refunds" else _orders_page
    adapter, place = adapter_of(look.account), None
    try:
        while True:
            place = step(look, adapter, place)
            if place is None:
                break
        look.run.error = words_of_unread(look.unread)
    except ChannelError as error:
        look.run.error = str(error)[:200]
        pause_after(look.account, error, at=timezone.now())
        raise
    finally:
        look.run.ended_at = timezone.now()


def _orders_page(look: Look, adapter: ChannelAdapter, place: str | None) -> str | None:
    page, account, run = adapter.pull_changed_orders(look.window, place), look.account, look.run
    run.seen += len(page.orders) + len(page.unreadable)
    ours = _known_changes(account, page.orders)
    wanted = [c for c in page.orders if _is_news(c, ours) or c.modified_at >= look.whole_from]
    read = read_orders(adapter, list(dict.fromkeys(row.channel_order_no for row in wanted)))
    run.kept += keep_orders(account, read.orders.values())
    look.unread += [*page.unreadable, *read.refused.values()]
    if look.counts_missed:
        old_enough = run.created_at - MESSAGES_TAKE
        changes = {row.channel_order_no: row.modified_at for row in wanted}
        # Lists of numbers alone date every row with the end of their span: only the order says when it changed.
        exact = {no: raw.changed_at or changes[no] for no, raw in read.orders.items()}
        run.missed += sum(1 for no, at in exact.items() if at < old_enough and (no not in ours or ours[no] < at))
    return page.next_cursor


def _refunds_page(look: Look, adapter: ChannelAdapter, place: str | None) -> str | None:
    page = adapter.pull_refunds(look.window, place)
    look.run.seen += len(page.refunds) + len(page.unreadable)
    look.unread += page.unreadable
    look.run.kept += keep_refunds(look.account, page.refunds)
    return page.next_cursor


def _is_told(account: ChannelAccount) -> bool:
    platform = platform_of(account)
    return platform.has_messages or platform.take_push is not None


def _known_changes(account: ChannelAccount, changed: Sequence[ChangedOrder]) -> dict[str, datetime]:
    """By number: the change up to which we know these orders; without those that we do not know."""
    return dict(
        Order.objects.filter(
            shop_id=account.shop_id, channel_order_no__in=[c.channel_order_no for c in changed]
        ).values_list("channel_order_no", "channel_modified_at")
    )


def _is_news(changed: ChangedOrder, ours: Mapping[str, datetime]) -> bool:
    return changed.channel_order_no not in ours or ours[changed.channel_order_no] < changed.modified_at


def _remember(
    cursor: SyncCursor, now: datetime, error: ChannelError | None, *, read_until: datetime | None = None
) -> None:
    cursor.last_run_at, cursor.last_error = now, str(error)[:200] if error else ""
    if read_until is not None:
        cursor.read_until = read_until
    cursor.save()
