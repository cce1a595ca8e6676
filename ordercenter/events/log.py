"""Writing facts: event rows and their deliveries, in bulk, in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial

from django.db import connection, transaction
from django.utils import timezone

from ordercenter.common import bulk
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.ids import sequence_of
from ordercenter.events import codec, registry
from ordercenter.events.ahead import current, leave
from ordercenter.events.lanes import lane_of
from ordercenter.events.types import Event

CHANNEL = "oc_work"
# What the notification says when messages came in; of anything else it says nothing.
FROM_OUTSIDE = "inbox"


@dataclass(frozen=True, slots=True)
class Cause:
    """Where a new fact comes from: the chain it belongs to, the event that led to it, how deep in the chain it is."""

    chain_id: uuid.UUID
    event_id: int | None
    depth: int


def new_chain() -> Cause:
    """A chain that begins here: an outside message, a person's deed, a schedule."""
    return Cause(uuid.uuid4(), None, 0)


# Ids come straight from the sequence, not from a pool: their order is the order of the facts of a subject, because
# whoever writes facts of a subject holds its row.
_TAKE_IDS = "SELECT nextval(%s::regclass) FROM generate_series(1, %s)"
_EVENT_COLUMNS = (
    "id",
    "recorded_at",
    "occurred_at",
    "name",
    "subject",
    "payload",
    "chain_id",
    "cause_id",
    "depth",
    "actor",
)
_DELIVERY_COLUMNS = (
    "event_id",
    "event_recorded_at",
    "handler",
    "lane",
    "subject",
    "status",
    "due_at",
    "tries",
    "error",
    "done_at",
)


def record(
    events: Sequence[Event], *, causes: Sequence[Cause] | None = None, actor: Actor = SYSTEM, at: datetime | None = None
) -> None:
    """Write facts and one delivery per handler that wants them; wakes the relays when the transaction commits.

    causes: one for each event, or None when a new chain begins with them. Must run in the transaction that made the
    facts true. Three statements for any number of events.
    """
    if not events:
        return
    if not connection.in_atomic_block:
        raise RuntimeError("facts are recorded in the transaction that makes them true")
    if causes is None:
        causes = [new_chain()] * len(events)
    now = str(timezone.now())
    instant, who = str(at) if at else now, str(actor)[:128]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_IDS, [sequence_of("events_event", "id"), len(events)])
        ids = [row[0] for row in cursor.fetchall()]
    wake()
    rows, deliveries = [], []
    ahead = current()
    who = bulk.copy_text(who)
    for pk, event, cause in zip(ids, events, causes, strict=True):
        subject, because = event.subject, "\\N" if cause.event_id is None else cause.event_id
        payload = bulk.copy_text(codec.to_json(event))
        rows.append(
            f"{pk}\t{now}\t{event.occurred_at or instant}\t{event.name}\t{subject}\t{payload}\t{cause.chain_id}"
            f"\t{because}\t{cause.depth}\t{who}"
        )
        for handler in registry.handlers_of(event):
            status, done_at = "waiting", "\\N"
            if ahead is not None and ahead.takes(handler, subject):
                ahead.add(handler, _as_read(pk, event, cause, who, at or timezone.now()))
                status, done_at = "done", now
            deliveries.append(
                f"{pk}\t{now}\t{handler.name}\t{lane_of(subject)}\t{subject}\t{status}\t{now}\t0\t\t{done_at}"
            )
    leave(bulk.Lines("events_event", _EVENT_COLUMNS, rows))
    leave(bulk.Lines("events_delivery", _DELIVERY_COLUMNS, deliveries))


def _as_read(pk: int, event: Event, cause: Cause, who: str, at: datetime) -> registry.Recorded:
    """The event as a handler gets it from the log."""
    if event.occurred_at is None:
        event = replace(event, occurred_at=at)
    return registry.Recorded(pk, event, cause.chain_id, cause.depth, who)


def wake(said: str = "") -> None:
    """Wake whoever listens once the open transaction is committed, or at once where none is open. said: see above.

    The bell is rung in a transaction of its own: the database lets only one that rings commit at a time, and one that
    has something to keep holds that place until the disk has it. A bell that is lost with its process costs a moment:
    whoever listens also looks by itself.
    """
    ring = _bell(said)
    if not any(entry[1] is ring for entry in connection.run_on_commit):
        transaction.on_commit(ring, robust=True)


@cache
def _bell(said: str) -> Callable[[], None]:
    """The same deed for the same word: one transaction rings once however often it is asked to."""
    return partial(_ring, said)


def _ring(said: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, said])
