"""`manage.py listen_channels`: hears all channel accounts until it is asked to stop."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import psycopg
import structlog
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from channels_sync.kinds import notice_kind
from channels_sync.listening import Ear
from channels_sync.models import ChannelAccount
from channels_sync.platforms import PLATFORMS
from ordercenter.common.sessions import connect_beside
from ordercenter.events.claims import waiting_sources
from ordercenter.events.log import CHANNEL, FROM_OUTSIDE
from ordercenter.events.models import ProcessBeat
from ordercenter.runtime.ready import announce_ready

logger = structlog.get_logger(__name__)

LOOK_FOR_ACCOUNTS_S = 5.0
STOP_TIMEOUT_S = 10.0


class Command(BaseCommand):
    help = "Take the messages of all active channel accounts, until asked to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        ears: dict[int, Ear] = {}
        bells: psycopg.Connection[Any] | None = None
        next_look = 0.0
        announce_ready()
        while not stopping.is_set():
            try:
                bells = bells or _bells()
                if time.monotonic() >= next_look:
                    _look_for_accounts(ears, stopping)
                    next_look = time.monotonic() + LOOK_FOR_ACCOUNTS_S
                # In short waits: a signal is only heard between them.
                if _hears_something(bells):
                    _ring(ears)
            except (DatabaseError, psycopg.Error) as error:
                logger.warning("listener.database_away", error=str(error)[:200])
                connection.close()
                if bells is not None:
                    bells.close()
                    bells = None
                stopping.wait(1.0)
        for ear in ears.values():
            ear.join(STOP_TIMEOUT_S)
        if bells is not None:
            bells.close()


def _bells() -> psycopg.Connection[Any]:
    """A connection that hears when something came in from outside."""
    bells = connect_beside()
    bells.execute(f"LISTEN {CHANNEL}")
    return bells


def _hears_something(bells: psycopg.Connection[Any]) -> bool:
    """Whether something came in from outside within half a second; all that was told of one moment is one bell."""
    # One after the other: a generator of notifications holds its connection until it has ended.
    told = list(bells.notifies(timeout=0.5, stop_after=1))
    if told:
        told += bells.notifies(timeout=0)
    return any(note.payload == FROM_OUTSIDE for note in told)


def _ring(ears: dict[int, Ear]) -> None:
    """Ring for the accounts of which a notice waits, and no others: most of what comes in has a relay to read it."""
    waiting = waiting_sources([notice_kind(code) for code, p in PLATFORMS.items() if p.take_push is not None])
    for account_id, ear in ears.items():
        if f"account:{account_id}" in waiting:
            ear.ring()


def _look_for_accounts(ears: dict[int, Ear], stopping: threading.Event) -> None:
    heard = ChannelAccount.objects.filter(is_active=True, adapter__in=list(PLATFORMS))
    for account_id in heard.values_list("pk", flat=True):
        if account_id not in ears or not ears[account_id].is_alive:
            ears[account_id] = Ear(account_id, stopping)
    ProcessBeat.objects.update_or_create(
        name="listener", defaults={"at": timezone.now(), "details": {"accounts": len(ears)}}
    )
