"""The two queues that a relay works on, one per handler of events and one per kind of inbox message.

A claim takes free lanes by advisory locks of the transaction and then the oldest waiting rows of these lanes: two
relays never hold the same lane, a killed relay frees its lanes with its connection, and rows that commit late are never
skipped because nothing is remembered but the rows themselves.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from random import randrange
from typing import Any
from zlib import crc32

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from ordercenter.common.bulk import Update
from ordercenter.common.errors import OrderCenterError, words_of_error
from ordercenter.events import codec, log
from ordercenter.events.ahead import leave
from ordercenter.events.registry import Handler, Message, Reader, Recorded
from ordercenter.events.types import DeliveryParked, MessageParked

MAX_TRIES = 5

# The lock function must see only lanes that have work, and the rows must be read by a later snapshot than the locks.
_LOCK_LANES = """
WITH busy AS MATERIALIZED (
    SELECT lane FROM generate_series(0, %(lanes)s - 1) AS lane
    WHERE EXISTS (SELECT 1 FROM {table} q WHERE q.{key} = %(name)s AND q.lane = lane.lane AND q.status = 'waiting')
    ORDER BY (lane + %(offset)s) %% %(lanes)s
)
SELECT lane FROM busy WHERE pg_try_advisory_xact_lock(%(lock)s, lane::int) LIMIT %(most)s
"""

# Items wait behind one of their subject that is being retried: there are few of these, their subjects are listed once.
_NOT_BEHIND = """
q.subject NOT IN (SELECT b.subject FROM {table} b WHERE b.{key} = %s AND b.status = 'waiting' AND b.tries > 0
                  AND b.due_at > clock_timestamp())
"""


class Queue(ABC):
    """One stream of work. Items have an `id` of the row that stands for them."""

    table: str
    key: str

    def __init__(self, name: str):
        self.name = name
        self._lock = crc32(f"{self.table}:{name}".encode()) - 2**31

    def lock_lanes(self, most: int) -> list[int]:
        """Lock up to `most` free lanes that have waiting rows, until the end of the transaction."""
        lanes = int(settings.EVENT_LANES)
        with connection.cursor() as cursor:
            cursor.execute(
                _LOCK_LANES.format(table=self.table, key=self.key),
                {"lanes": lanes, "name": self.name, "lock": self._lock, "most": most, "offset": randrange(lanes)},
            )
            return [row[0] for row in cursor.fetchall()]

    def claim(self, *, lanes: int, limit: int) -> Sequence[Any]:
        """Lock free lanes and read the oldest due items of them, in order."""
        mine = self.lock_lanes(lanes)
        return self.read("q.lane = ANY(%s)", mine, limit) if mine else []

    def claim_again(self, ids: Sequence[int], limit: int) -> Sequence[Any]:
        """Those of the items that still wait, their lanes locked: another relay may have had them meanwhile."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT pg_advisory_xact_lock(%s, lane) FROM (SELECT DISTINCT lane::int FROM {self.table}"
                " WHERE id = ANY(%s) ORDER BY 1) AS needed(lane)",
                [self._lock, list(ids)],
            )
        return self.read("q.id = ANY(%s)", list(ids), limit)

    def mark_done(self, ids: Sequence[int]) -> None:
        """The done-marks, in the transaction of what was done."""
        sql = f"UPDATE {self.table} SET status = 'done', done_at = now(), error = '' WHERE id = ANY(%s)"
        if ids:
            leave(Update(self.table, sql, [list(ids)], self.table, len(ids)))

    def fail(self, item: Any, error: BaseException) -> None:
        """One item failed alone: try again later, or park it for a person when that is hopeless."""
        hopeless = isinstance(error, OrderCenterError) and not error.retryable
        text = words_of_error(error)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {self.table} SET tries = tries + 1, error = %s WHERE id = %s AND status = 'waiting'"
                " RETURNING tries",
                [text, item.id if isinstance(item, Message) else item[0]],
            )
            row = cursor.fetchone()
            if row is None:
                return
            if hopeless or row[0] >= MAX_TRIES:
                self.park(item, error, text)
            else:
                pause = timedelta(seconds=settings.RELAY_FIRST_PAUSE_S * 4 ** (row[0] - 1))
                cursor.execute(
                    f"UPDATE {self.table} SET due_at = %s WHERE id = %s",
                    [timezone.now() + pause, item.id if isinstance(item, Message) else item[0]],
                )

    @abstractmethod
    def read(self, where: str, value: Any, limit: int) -> Sequence[Any]:
        """Due items in order."""

    @abstractmethod
    def run(self, items: Sequence[Any]) -> None:
        """Do the work of these items and mark them done, in the open transaction."""

    @abstractmethod
    def park(self, item: Any, error: BaseException, text: str) -> None:
        """Set the item aside and tell it as an event, in the open transaction."""


class EventQueue(Queue):
    """Deliveries of one handler. Items are (delivery id, Recorded, subject)."""

    table, key = "events_delivery", "handler"

    def __init__(self, handler: Handler):
        super().__init__(handler.name)
        self._handler = handler

    def read(self, where: str, value: Any, limit: int) -> Sequence[Any]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT q.id, q.subject, e.id, e.name, e.payload, e.occurred_at, e.chain_id, e.depth, e.actor"
                " FROM events_delivery q"
                " JOIN events_event e ON e.id = q.event_id AND e.recorded_at = q.event_recorded_at"
                f" WHERE q.handler = %s AND q.status = 'waiting' AND q.due_at <= clock_timestamp() AND {where}"
                f" AND {_NOT_BEHIND.format(table=self.table, key=self.key)}"
                " ORDER BY q.event_id LIMIT %s",
                [self.name, value, self.name, limit],
            )
            rows = cursor.fetchall()
        items = []
        for pk, subject, event_id, name, payload, occurred_at, *rest in rows:
            try:
                event = codec.from_row(name, plain_json(payload), occurred_at)
            except (LookupError, TypeError, ValueError, ArithmeticError) as error:
                # Written by another version of this program: nobody here can handle it, and it must not stop the queue.
                self.park((pk, None, subject), error, f"{name}: {words_of_error(error)}")
            else:
                items.append((pk, Recorded(event_id, event, *rest), subject))
        return items

    def run(self, items: Sequence[Any]) -> None:
        self._handler.run([recorded for _, recorded, _ in items])
        self.mark_done([item[0] for item in items])

    def park(self, item: Any, error: BaseException, text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events_delivery SET status = 'parked' WHERE id = %s", [item[0]])
        log.record([DeliveryParked(delivery_id=item[0], handler=self.name, about=item[2], error=text)])


class InboxQueue(Queue):
    """Inbox messages of one kind. Items are Message."""

    table, key = "events_inbox", "kind"

    def __init__(self, reader: Reader):
        super().__init__(reader.kind)
        self._reader = reader

    def read(self, where: str, value: Any, limit: int) -> Sequence[Any]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT q.id, q.source, q.kind, q.subject, q.body, q.headers, q.received_at FROM events_inbox q"
                f" WHERE q.kind = %s AND q.status = 'waiting' AND q.due_at <= clock_timestamp() AND {where}"
                f" AND {_NOT_BEHIND.format(table=self.table, key=self.key)} ORDER BY q.id LIMIT %s",
                [self.name, value, self.name, limit],
            )
            return [Message(r[0], r[1], r[2], r[3], bytes(r[4]), plain_json(r[5]), r[6]) for r in cursor.fetchall()]

    def run(self, items: Sequence[Any]) -> None:
        refused = self._reader.run(items)
        self.mark_done([item.id for item in items if item.id not in refused])
        by_id = {item.id: item for item in items}
        for message_id, error in refused.items():
            self.fail(by_id[message_id], error)

    def park(self, item: Any, error: BaseException, text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events_inbox SET status = 'parked', error = %s WHERE id = %s", [text, item.id])
        details: dict[str, str] = {}
        code = "common.unexpected"
        if isinstance(error, OrderCenterError):
            details = {name: str(value) for name, value in error.evidence().items()}
            code = error.code
        log.record(
            [
                MessageParked(
                    message_id=item.id,
                    source=item.source,
                    kind=item.kind,
                    error=text,
                    details=details,
                    error_code=code,
                )
            ]
        )


def plain_json(value: Any) -> Any:
    """A jsonb column, which cursors hand over as text."""
    return json.loads(value) if isinstance(value, str) else value
