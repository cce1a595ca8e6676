"""`manage.py relay`: brings facts to their handlers until it is asked to stop. May run several times side by side."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from typing import Any

import psycopg
import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from ordercenter.common.partitions import ensure_partitions
from ordercenter.common.sessions import connect_beside
from ordercenter.events import outgoing
from ordercenter.events.bell import Bell
from ordercenter.events.log import CHANNEL, FROM_OUTSIDE
from ordercenter.events.models import ProcessBeat
from ordercenter.events.relay import Place, Relay, keep_collector_out
from ordercenter.runtime.ready import announce_ready

logger = structlog.get_logger(__name__)

# The notification wakes it; the sweep is for what came due by itself and for notifications that were lost.
SWEEP_S = 1.0
BUSY_SWEEP_S = 0.1
BEAT_EVERY_S = 5.0
TROUBLE_PAUSE_S = 0.5


class Command(BaseCommand):
    help = "Bring events to their handlers and messages to their readers, until asked to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--side-by-side", type=int, default=1, help="how many relays share the lanes")
        parser.add_argument(
            "--place",
            choices=list(Place),
            default=Place.ALL,
            help="front: there for new orders; back: for all that follows; each takes on what is late elsewhere",
        )
        parser.add_argument("--batch", type=int, default=None, help="how many items one transaction takes at most")
        parser.add_argument("--once", action="store_true", help="stop when nothing is due")
        parser.add_argument("--no-bell", action="store_true", help="do not ring Celery for outgoing commands")

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_partitions(today=timezone.now().date())
        relay = Relay(batch_size=options["batch"], side_by_side=options["side_by_side"], place=Place(options["place"]))
        loop = RelayLoop(relay, ring=not options["no_bell"])
        if options["once"]:
            handled = loop.relay.drain()
            self.stdout.write(f"{handled} items handled")
            return
        keep_collector_out()
        signal.signal(signal.SIGTERM, loop.ask_to_stop)
        signal.signal(signal.SIGINT, loop.ask_to_stop)
        loop.run()


class RelayLoop:
    """Works until nothing is due, waits for a notification, and starts again; survives a database that goes away."""

    def __init__(self, relay: Relay, *, ring: bool):
        self.relay = relay
        self._bell = Bell() if ring else None
        self._stopping = False
        self._listener: psycopg.Connection[Any] | None = None
        self._next_beat = 0.0
        self._name = f"relay:{os.getpid()}"

    def ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def run(self) -> None:
        while not self._stopping:
            try:
                self._listen()
                announce_ready()
                self._round()
            except (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError) as error:
                logger.warning("relay.database_away", error=str(error)[:200])
                self._forget_connections()
                time.sleep(TROUBLE_PAUSE_S)
        if self._bell is not None:
            self._bell.stop()
        self._forget_connections()

    def _round(self) -> None:
        while not self._stopping:
            handled = self.relay.drain(keep_going=lambda: not self._stopping)
            # A front relay rings for its own commands; for those that others write the others ring.
            waiting = self._ring() if handled or self.relay.place != Place.FRONT else False
            self._beat()
            self._wait(BUSY_SWEEP_S if waiting else SWEEP_S)

    def _ring(self) -> bool:
        if self._bell is None:
            return False
        targets = outgoing.waiting_targets(at=timezone.now())
        self._bell.ring(targets)
        return bool(targets)

    def _wait(self, seconds: float) -> None:
        assert self._listener is not None
        for note in self._listener.notifies(timeout=seconds):
            if self.relay.place != Place.FRONT or note.payload == FROM_OUTSIDE:
                break
        # One round takes everything that is there: further notifications of the same moment say nothing new.
        for _ in self._listener.notifies(timeout=0):
            pass

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = connect_beside()
            self._listener.execute(f"LISTEN {CHANNEL}")

    def _beat(self) -> None:
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_EVERY_S
            at = timezone.now()
            ProcessBeat.objects.update_or_create(name=self._name, defaults={"at": at, "details": {}})
            ProcessBeat.objects.filter(name__startswith="relay:", at__lt=at - timedelta(minutes=10)).delete()

    def _forget_connections(self) -> None:
        connection.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
