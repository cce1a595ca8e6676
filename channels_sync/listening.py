"""The threads that hear an account: one takes its messages and reads back what was pushed, one pulls and renews.

Each account has its own, so a platform in trouble holds up nobody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from channels_sync.accounts import ChannelPaused
from channels_sync.models import ChannelAccount
from channels_sync.platforms import PLATFORMS
from channels_sync.pulling import only_one
from channels_sync.services import (
    pull_orders,
    pull_refunds,
    read_back,
    renew_authorisation,
    run_asked,
    take_messages,
)
from ordercenter.common.errors import OrderCenterError

logger = structlog.get_logger(__name__)

# Between looks that find nothing: short after something came, longer as nothing follows.
SHORTEST_S, LONGEST_S = 0.02, 0.15
# Where pushes ring, a look now and then finds only what is due again.
SWEEP_S = 1.0
TROUBLE_S = 2.0
CARE_EVERY_S = 5.0
# Beat's pull comes about so often by itself.
BEAT_PULLS_S = 60.0

# Seconds until the next look; NOTHING: none came; None: the account is no longer active.
Look = Callable[[ChannelAccount], float]
NOTHING = -1.0


class Ear:
    """One account's threads. ring: something was pushed; it looks at once."""

    def __init__(self, account_id: int, stopping: threading.Event):
        self.account_id, self._stopping, self._rung = account_id, stopping, threading.Event()
        self._threads = [
            threading.Thread(target=self._hear, name=f"hear:{account_id}"),
            threading.Thread(target=self._care, name=f"care:{account_id}"),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def ring(self) -> None:
        self._rung.set()

    def join(self, timeout_s: float) -> None:
        self._rung.set()
        for thread in self._threads:
            thread.join(timeout=timeout_s)

    def _hear(self) -> None:
        idle_s = LONGEST_S
        try:
            while not self._stopping.is_set():
                self._rung.clear()
                pause = _safely(self.account_id, _take)
                if pause is None:
                    return
                if pause == NOTHING:
                    pause = idle_s
                    idle_s = min(LONGEST_S, 1.5 * idle_s)
                elif not pause:
                    idle_s = SHORTEST_S
                self._rung.wait(pause)
        finally:
            connection.close()

    def _care(self) -> None:
        next_pull = 0.0
        try:
            while not self._stopping.is_set():
                due = time.monotonic() >= next_pull
                pause = _safely(self.account_id, _look_after if due else _renew)
                if pause is None:
                    return
                if due:
                    next_pull = time.monotonic() + max(pause, 0.0)
                self._stopping.wait(min(CARE_EVERY_S, max(0.05, next_pull - time.monotonic())))
        finally:
            connection.close()


def _take(account: ChannelAccount) -> float:
    platform = PLATFORMS[account.adapter]
    seen = take_messages(account=account).seen if platform.has_messages else 0
    if platform.take_push is not None:
        seen += read_back(account=account)
    if seen:
        return 0.0
    return NOTHING if platform.has_messages else SWEEP_S


def _look_after(account: ChannelAccount) -> float:
    """Renew what ends, then pull where changes have to be looked for more often than beat does."""
    _renew(account)
    every_s = PLATFORMS[account.adapter].poll_every_s
    if every_s >= BEAT_PULLS_S:
        return BEAT_PULLS_S
    with only_one(account) as is_mine:
        if is_mine:
            pull_orders(account=account)
            pull_refunds(account=account)
    return every_s


def _renew(account: ChannelAccount) -> float:
    """Renew what ends; do a backfill that somebody asked for; read what was kept of messages without a push."""
    renew_authorisation(account=account)
    if PLATFORMS[account.adapter].has_messages:
        read_back(account=account)
    with only_one(account) as is_mine:
        if is_mine:
            run_asked(account=account)
    return 0.0


def _safely(account_id: int, look: Look) -> float | None:
    """One look, with what may go wrong in one account kept from the others."""
    try:
        account = ChannelAccount.objects.select_related("shop").filter(pk=account_id, is_active=True).first()
        if account is None or account.adapter not in PLATFORMS:
            return None
        return look(account)
    except ChannelPaused as error:
        return min(error.wait_s, 10.0)
    except OrderCenterError as error:
        logger.warning("listener.channel_trouble", account=account_id, error=str(error)[:200])
        return TROUBLE_S
    except DatabaseError as error:
        logger.warning("listener.database_away", account=account_id, error=str(error)[:200])
        connection.close()
        time.sleep(0.5)
        return TROUBLE_S
    except Exception:
        # The border of the thread: what nobody foresaw in one shop's answers is logged, and looked at again.
        logger.exception("listener.failed", account=account_id)
        return TROUBLE_S
