"""What belongs to a session of the database: work that only one may do at a time, and connections beside Django's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


@contextmanager
def alone_at(work: str, which: str | int = "") -> Iterator[bool]:
    """Whether nobody else is at this piece of work; it is ours until the end of the block, if so.

    The lock is the session's: it ends with us, however we end. Not to be used inside a transaction that may fail.
    """
    key = [work, str(which)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), hashtext(%s))", key)
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        # With its connection gone, so is the lock.
        if is_ours and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), hashtext(%s))", key)


def connect_beside(*, autocommit: bool = True) -> psycopg.Connection[Any]:
    """A connection of psycopg's own to the database that Django uses: for notifications and bare measurements."""
    parameters = {**connection.get_connection_params(), "autocommit": autocommit}
    for own in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(own, None)
    return psycopg.connect(**parameters)
