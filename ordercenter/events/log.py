"""Writing facts: event rows and their deliveries, in the caller's transaction, in one statement."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events import codec, registry
from ordercenter.events.lanes import lane_of
from ordercenter.events.types import Event

CHANNEL = "oc_work"


@dataclass(frozen=True, slots=True)
class Cause:
    """Where a new fact comes from: the chain it belongs to, the event that led to it, how deep in the chain it is."""

    chain_id: uuid.UUID
    event_id: int | None
    depth: int


def new_chain() -> Cause:
    """A chain that begins here: an outside message, a person's deed, a schedule."""
    return Cause(uuid.uuid4(), None, 0)


# One statement: ids come from the sequence in the order of the list, deliveries know them, the relays are woken on commit.
_WRITE = f"""
WITH facts AS (
    INSERT INTO events_event (recorded_at, occurred_at, name, subject, payload, chain_id, cause_id, depth, actor)
    SELECT clock_timestamp(), v.occurred_at, v.name, v.subject, v.payload, v.chain_id, v.cause_id, v.depth, %s
    FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::jsonb[], %s::uuid[], %s::bigint[], %s::smallint[])
         WITH ORDINALITY AS v(occurred_at, name, subject, payload, chain_id, cause_id, depth, n)
    ORDER BY v.n
    RETURNING id, recorded_at, name, subject
), sent AS (
    INSERT INTO events_delivery (event_id, event_recorded_at, handler, lane, subject, status, due_at, tries, error)
    SELECT f.id, f.recorded_at, h.handler, l.lane, f.subject, 'waiting', f.recorded_at, 0, ''
    FROM facts f
    JOIN unnest(%s::text[], %s::text[]) AS h(name, handler) ON h.name = f.name
    JOIN unnest(%s::text[], %s::smallint[]) AS l(subject, lane) ON l.subject = f.subject
    RETURNING 1
)
SELECT pg_notify('{CHANNEL}', ''), (SELECT count(*) FROM sent)
"""


def record(
    events: Sequence[Event], *, causes: Sequence[Cause] | None = None, actor: Actor = SYSTEM, at: datetime | None = None
) -> None:
    """Write facts and one delivery per handler that wants them; wakes the relays when the transaction commits.

    causes: one for each event, or None when a new chain begins with them. Must run in the transaction that made the
    facts true. One statement for any number of events.
    """
    if not events:
        return
    if not connection.in_atomic_block:
        raise RuntimeError("facts are recorded in the transaction that makes them true")
    if causes is None:
        causes = [new_chain()] * len(events)
    instant = at or timezone.now()
    names = sorted({event.name for event in events})
    pairs = [(name, handler) for name in names for handler in registry.handler_names_for(name)]
    subjects = [event.subject for event in events]
    lanes = {subject: lane_of(subject) for subject in subjects}
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                str(actor)[:128],
                [event.occurred_at or instant for event in events],
                [event.name for event in events],
                subjects,
                [codec.to_json(event) for event in events],
                [cause.chain_id for cause in causes],
                [cause.event_id for cause in causes],
                [cause.depth for cause in causes],
                [name for name, _ in pairs],
                [handler for _, handler in pairs],
                list(lanes),
                list(lanes.values()),
            ],
        )


def wake() -> None:
    """Wake the relays when the transaction commits, for work that is no event (inbox, timers, outgoing commands)."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
