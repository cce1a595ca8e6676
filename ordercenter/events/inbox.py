"""Taking in messages of the outside: one row each, exactly as received, once however often they come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from ordercenter.common.ids import sequence_of
from ordercenter.events.lanes import lane_of
from ordercenter.events.log import FROM_OUTSIDE, wake


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message to keep. (source, kind, message_id) is its identity; subject keeps together what has an order.

    beside: what it must not be worked on side by side with, where that is more than its subject: a buyer, whose orders
    have to see each other. All messages of a subject name the same.
    """

    source: str
    kind: str
    message_id: str
    subject: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    platform_at: datetime | None = None
    beside: str = ""


# Numbered as they came, written in the order of their identity: two senders of the same messages in another order would
# wait for each other in a ring otherwise.
_RECEIVE = """
WITH given AS MATERIALIZED (
    SELECT nextval(%s::regclass) AS id, v.*
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::bytea[], %s::jsonb[],
                %s::timestamptz[])
         AS v(source, kind, message_id, subject, lane, body, headers, platform_at)
), kept AS (
    INSERT INTO events_inbox
        (id, source, kind, message_id, subject, lane, body, headers, platform_at, received_at, status, due_at, tries,
         error)
    SELECT id, source, kind, message_id, subject, lane, body, headers, platform_at, now(), 'waiting', now(), 0, ''
    FROM given ORDER BY source, kind, message_id
    ON CONFLICT (source, kind, message_id) DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM kept
"""


def receive(messages: Sequence[Incoming]) -> int:
    """Keep these messages; returns how many were new. One statement; what is there already changes nothing.

    Whoever reads messages is woken when there are new ones and the open transaction is committed.
    """
    if not messages:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _RECEIVE,
            [
                sequence_of("events_inbox", "id"),
                [m.source for m in messages],
                [m.kind for m in messages],
                [m.message_id for m in messages],
                [m.subject for m in messages],
                [lane_of(m.beside or m.subject) for m in messages],
                [m.body for m in messages],
                [json.dumps(dict(m.headers), ensure_ascii=False) for m in messages],
                [m.platform_at for m in messages],
            ],
        )
        new = int(cursor.fetchone()[0])
    if new:
        wake(FROM_OUTSIDE)
    return new
