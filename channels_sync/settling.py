"""Reading what platforms paid out, with an overlap, and handing it to the books."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol, cast

import structlog
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_sync.accounts import adapter_of, all_is_well, pause_after, refuse_while_paused
from channels_sync.adapters.base import Settlements, Window
from channels_sync.errors import MessageUnreadable
from channels_sync.models import ChannelAccount, SyncCursor
from channels_sync.platforms import PLATFORMS
from finance.services import BookedSettlements, book_settlements
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.platform_errors import ChannelError
from ordercenter.common.sessions import alone_at

logger = structlog.get_logger(__name__)
KIND = "settlements"
UNREADABLE = "PAYOUT_UNREADABLE"
# Platforms add rows to the past when they settle late; what is read twice is kept once.
OVERLAP = timedelta(days=1)
FIRST_LOOK_BACK = timedelta(days=30)


class SettlesOrders(Protocol):
    """What an adapter of a platform with `settles` can do beside all else."""

    def pull_settlements(self, window: Window, cursor: str | None = None) -> Settlements:
        """One page of what was settled in the window; rows may come twice, none is missed."""
        ...


def pull_settlements(*, account: ChannelAccount, at: datetime | None = None) -> BookedSettlements:
    """Read what the platform settled since the cursor, with a day of overlap, page by page into the books.

    The cursor moves only when the whole window has been read; a row that cannot be read keeps it where it is, with a
    case that names the field. To be called by one process for an account at a time. Raises ChannelPaused, ChannelError,
    and MessageUnreadable after all else of the window was kept.
    """
    now = at or timezone.now()
    refuse_while_paused(account, at=now)
    cursor, _made = SyncCursor.objects.get_or_create(
        account=account, kind=KIND, defaults={"read_until": now - FIRST_LOOK_BACK}
    )
    window = Window(cursor.read_until - OVERLAP, now)
    total, broken = BookedSettlements(), None
    try:
        adapter, place = cast(SettlesOrders, adapter_of(account)), None
        while True:
            page = adapter.pull_settlements(window, place)
            broken = broken or next(iter(page.unreadable), None)
            booked = book_settlements(
                shop_id=account.shop_id, platform=account.adapter, rows=page.rows, at=timezone.now()
            )
            total.new, total.known = total.new + booked.new, total.known + booked.known
            total.told_anew.extend(booked.told_anew)
            place = page.next_cursor
            if place is None:
                break
    except ChannelError as error:
        pause_after(account, error, at=timezone.now())
        _remember(cursor, now, str(error))
        raise
    _tell(account, broken)
    if broken is not None:
        _remember(cursor, now, str(broken))
        raise broken
    _remember(cursor, now, "", read_until=now)
    all_is_well(account)
    return total


def pull_all_settlements() -> None:
    """Every active account whose platform tells settlements, side by side: one that hangs keeps no other waiting."""
    codes = [code for code, platform in PLATFORMS.items() if platform.settles]
    accounts = list(ChannelAccount.objects.filter(is_active=True, adapter__in=codes).order_by("pk"))
    with ThreadPoolExecutor(max(len(accounts), 1)) as pool:
        for _done in pool.map(_pull, accounts):
            pass


def _pull(account: ChannelAccount) -> None:
    """One account, unless somebody is at it already; its trouble is its own."""
    try:
        with alone_at("settlements", account.pk) as is_mine:
            if is_mine:
                pull_settlements(account=account)
    except OrderCenterError as error:
        logger.warning("settlements.failed", account=account.pk, code=error.code, error=str(error)[:200])
    finally:
        connection.close()


def _tell(account: ChannelAccount, broken: MessageUnreadable | None) -> None:
    subject = f"settlements:{account.pk}"
    if broken is None:
        close_cases_of(subjects=[subject], codes={UNREADABLE}, resolution=_("All of it was read."))
        return
    evidence = {"account_id": account.pk, "path": broken.path, "problem": broken.problem, "detail": broken.detail}
    draft = CaseDraft(UNREADABLE, subject, shop_id=account.shop_id, reference=account.app_key, evidence=evidence)
    open_cases(drafts=[draft])


def _remember(cursor: SyncCursor, now: datetime, error: str, *, read_until: datetime | None = None) -> None:
    cursor.last_run_at, cursor.last_error = now, error[:200]
    if read_until is not None:
        cursor.read_until = read_until
    cursor.save()
