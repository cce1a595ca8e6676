"""The relay: brings facts to their handlers and messages to their readers, in order within a subject, in lists.

Any number of relays run side by side. Each takes some free lanes of a queue, hands the waiting items to the handler in
one transaction together with the done-marks, and goes on until nothing waits; then it sleeps until the database
notifies it. A list that fails is tried again by halves until the item that cannot be done stands alone.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from ordercenter.common.errors import words_of_error
from ordercenter.common.outage import database_is_away
from ordercenter.events import registry, timers
from ordercenter.events.ahead import Ahead, looking
from ordercenter.events.queues import EventQueue, InboxQueue, Queue
from ordercenter.events.scope import whole

logger = structlog.get_logger(__name__)

# What comes from outside goes first: a new order is on its way to its warehouse with it.
_MESSAGES_WAIT = """
SELECT 'inbox', k FROM unnest(%s::text[]) AS k WHERE EXISTS
    (SELECT 1 FROM events_inbox i WHERE i.kind = k AND i.status = 'waiting' AND i.due_at <= clock_timestamp() - %s)
"""
_FACTS_WAIT = """
SELECT 'event', h FROM unnest(%s::text[]) AS h WHERE EXISTS
    (SELECT 1 FROM events_delivery d
     WHERE d.handler = h AND d.status = 'waiting' AND d.due_at <= clock_timestamp() - %s)
UNION ALL
SELECT 'timer', '' WHERE EXISTS
    (SELECT 1 FROM events_timer t WHERE t.fired_at IS NULL AND t.cancelled_at IS NULL AND t.due_at <= clock_timestamp())
"""
# So long a relay leaves alone what is another one's business; it looks so often whether any of it is older.
LATE = timedelta(seconds=0.4)
AT_ONCE = timedelta(0)


class Place(StrEnum):
    """What a relay is there for. Whatever it is, it takes on everything that is late."""

    ALL = "all"
    # The messages by which new orders come: none of them waits for what is done about others.
    FRONT = "front"
    BACK = "back"


def keep_collector_out() -> None:
    """What is loaded by now stays for ever: the garbage collector need not look at it in the middle of every batch."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


class Relay:
    """Works on all queues of this process's registry. side_by_side: how many relays share the lanes."""

    def __init__(self, *, batch_size: int | None = None, side_by_side: int = 1, place: Place = Place.ALL):
        self.place = place
        self.batch_size = batch_size or int(settings.RELAY_BATCH_SIZE)
        self.lanes = math.ceil(int(settings.EVENT_LANES) / max(1, side_by_side))
        self._events = {name: EventQueue(handler) for name, handler in registry.handlers().items()}
        self._inbox = {kind: InboxQueue(reader) for kind, reader in registry.readers().items()}
        first = [kind for kind, reader in registry.readers().items() if reader.is_first]
        others = [kind for kind in self._inbox if kind not in first]
        self._mine, self._theirs = {
            Place.ALL: (self._inbox.keys(), ()),
            Place.FRONT: (first, others),
            Place.BACK: (others, first),
        }[place]
        self._next_look = 0.0

    def drain(self, *, keep_going: Callable[[], bool] = lambda: True) -> int:
        """Work until nothing is due; returns how many items were handled."""
        handled = 0
        while keep_going():
            done = self.round()
            if not done:
                return handled
            handled += done
        return handled

    def round(self) -> int:
        """One claim on each queue that has due work; returns how many items were handled."""
        handled = 0
        for what, name in self._waiting():
            if what == "timer":
                handled += timers.fire_due()
            else:
                handled += self.take(self._events[name] if what == "event" else self._inbox[name])
        return handled

    def _waiting(self) -> list[tuple[str, str]]:
        """What has due work: ("inbox", kind), ("event", handler) and ("timer", ""), in the order of their turn."""
        is_front, is_time = self.place == Place.FRONT, time.monotonic() >= self._next_look
        parts: list[str] = [_MESSAGES_WAIT]
        parameters: list[list[str] | timedelta] = [list(self._mine), AT_ONCE]
        if self.place != Place.ALL and is_time:
            self._next_look = time.monotonic() + LATE.total_seconds()
            parts.append(_MESSAGES_WAIT)
            parameters += [list(self._theirs), LATE]
        if not is_front or is_time:
            parts.append(_FACTS_WAIT)
            parameters += [list(self._events), LATE if is_front else AT_ONCE]
        with connection.cursor() as cursor:
            cursor.execute("UNION ALL".join(parts), parameters)  # type: ignore[arg-type]
            waiting: list[tuple[str, str]] = cursor.fetchall()
        return waiting

    def inbox_queue(self, kind: str) -> Queue:
        """The queue of one kind of message, to be worked on alone."""
        return self._inbox[kind]

    def take(self, queue: Queue) -> int:
        """One claim on one queue; returns how many items were handled."""
        items: Sequence[Any] = []
        ahead = Ahead()
        try:
            with transaction.atomic():
                items = queue.claim(lanes=self.lanes, limit=self.batch_size)
                if items:
                    _run_ahead(queue, items, ahead)
            return len(items)
        except Exception as error:  # the border: whatever a handler raises must not stop the others
            if not items or database_is_away(error):
                # Nothing is wrong with the items.
                raise
            self._report(queue, items, error)
            if not ahead.is_collecting:
                # It may be the reaction that failed: the items alone, and the reaction after them as usual.
                return self._try_again(queue, items)
            return self._by_halves(queue, items, error)

    def _by_halves(self, queue: Queue, items: Sequence[Any], error: BaseException) -> int:
        if len(items) == 1:
            queue.fail(items[0], error)
            return 1
        middle = len(items) // 2
        return sum(self._try_again(queue, half) for half in (items[:middle], items[middle:]))

    def _try_again(self, queue: Queue, items: Sequence[Any]) -> int:
        ids = [item.id if hasattr(item, "id") else item[0] for item in items]
        again: Sequence[Any] = []
        try:
            with transaction.atomic():
                again = queue.claim_again(ids, len(ids))
                if again:
                    _run_whole(queue, again)
            return len(items)
        except Exception as error:  # see take
            if not again or database_is_away(error):
                raise
            self._report(queue, again, error)
            return self._by_halves(queue, again, error)

    @staticmethod
    def _report(queue: Queue, items: Sequence[Any], error: BaseException) -> None:
        logger.warning("relay.failed", queue=queue.name, items=len(items), error=words_of_error(error)[:500])


def _run_ahead(queue: Queue, items: Sequence[Any], ahead: Ahead) -> None:
    """What the items bring about is handled in the same transaction where it may be; see events/ahead.py."""
    with looking(ahead), whole():
        queue.run(items)
        ahead.run()


def _run_whole(queue: Queue, items: Sequence[Any]) -> None:
    with whole():
        queue.run(items)
