"""Inbox messages whose reader has to ask outside first: taken in order, answered one by one, no transaction held.

The relay reads messages inside its transaction, where no outside call may be made. Kinds that are read back from a
platform have no reader there; their own process claims them here. Who claims for a source sees to it that nobody else
does at the same time, and keeps what it read before it says so: a repeat finds the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import connection

from ordercenter.events.queues import InboxQueue, plain_json
from ordercenter.events.registry import Message, Reader


def waiting_messages(*, source: str, kind: str, most: int) -> list[Message]:
    """The oldest due messages of one source and kind, in order of arrival."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, source, kind, subject, body, headers, received_at FROM events_inbox"
            " WHERE kind = %s AND status = 'waiting' AND source = %s AND due_at <= clock_timestamp()"
            " ORDER BY id LIMIT %s",
            [kind, source, most],
        )
        return [_message(row) for row in cursor.fetchall()]


def waiting_sources(kinds: Collection[str]) -> set[str]:
    """The sources of which due messages of these kinds wait. One short statement over what waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT source FROM events_inbox"
            " WHERE kind = ANY(%s) AND status = 'waiting' AND due_at <= clock_timestamp()",
            [list(kinds)],
        )
        return {source for (source,) in cursor.fetchall()}


def messages_are_read(ids: Collection[int]) -> None:
    """What these were about is ours now."""
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_inbox SET status = 'done', done_at = now(), error = '' WHERE id = ANY(%s)", [list(ids)]
        )


def messages_failed(failed: Sequence[tuple[Message, BaseException]]) -> None:
    """These are tried again later, or parked with a case when that is hopeless; as the relay does with its own."""
    for message, error in failed:
        InboxQueue(Reader(message.kind, _nobody)).fail(message, error)


def _nobody(messages: Sequence[Message]) -> Mapping[int, Any]:
    raise AssertionError("messages that are claimed have no reader")


def _message(row: Sequence[Any]) -> Message:
    return Message(row[0], row[1], row[2], row[3], bytes(row[4]), plain_json(row[5]), row[6])
