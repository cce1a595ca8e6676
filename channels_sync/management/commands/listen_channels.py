"""`manage.py listen_channels`: takes the messages of all channel accounts as they come, until it is asked to stop."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from channels_sync.accounts import ChannelPaused
from channels_sync.models import ChannelAccount
from channels_sync.services import take_messages
from ordercenter.common.errors import OrderCenterError
from ordercenter.events.models import ProcessBeat
from ordercenter.runtime.ready import announce_ready

logger = structlog.get_logger(__name__)

# Between looks that find nothing: short after something came, longer as nothing follows.
SHORTEST_S, LONGEST_S = 0.02, 0.15
NOTHING = -1.0
TROUBLE_S = 2.0
LOOK_FOR_ACCOUNTS_S = 5.0


class Command(BaseCommand):
    help = "Take the messages of all active channel accounts, until asked to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        listeners: dict[int, threading.Thread] = {}
        announce_ready()
        while not stopping.is_set():
            try:
                self._look_for_accounts(listeners, stopping)
            except DatabaseError as error:
                logger.warning("listener.database_away", error=str(error)[:200])
                connection.close()
            stopping.wait(LOOK_FOR_ACCOUNTS_S)
        for thread in listeners.values():
            thread.join(timeout=10)

    def _look_for_accounts(self, listeners: dict[int, threading.Thread], stopping: threading.Event) -> None:
        for account_id in ChannelAccount.objects.filter(is_active=True).values_list("pk", flat=True):
            if account_id not in listeners or not listeners[account_id].is_alive():
                thread = threading.Thread(target=listen, args=(account_id, stopping), name=f"listen:{account_id}")
                thread.start()
                listeners[account_id] = thread
        ProcessBeat.objects.update_or_create(
            name="listener", defaults={"at": timezone.now(), "details": {"accounts": len(listeners)}}
        )


def listen(account_id: int, stopping: threading.Event) -> None:
    """Take one account's messages until stopped or switched off; a platform in trouble does not hold up the others."""
    idle_s = LONGEST_S
    try:
        while not stopping.is_set():
            pause = _take(account_id)
            if pause is None:
                return
            if pause == NOTHING:
                pause = idle_s
                idle_s = min(LONGEST_S, 1.5 * idle_s)
            elif not pause:
                idle_s = SHORTEST_S
            stopping.wait(pause)
    finally:
        connection.close()


def _take(account_id: int) -> float | None:
    """One look. Seconds until the next, NOTHING when none came, or None when the account is no longer active."""
    try:
        account = ChannelAccount.objects.select_related("shop").filter(pk=account_id, is_active=True).first()
        if account is None:
            return None
        report = take_messages(account=account)
        return 0.0 if report.seen else NOTHING
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
