"""Primary keys ahead of the rows: children can name their parents before anything is written.

A pool fetches a block of values from the table's own sequence in one statement and hands them out. Values lost with a
process leave gaps, which nobody minds; order of ids between processes means nothing, so the event log does not use it.
"""

from __future__ import annotations

import os
from collections import deque
from functools import cache
from threading import Lock

from django.db import connection, models

BLOCK = 4000
_pools: dict[tuple[str, str], deque[int]] = {}
# The threads of a web process draw from the same pools.
_lock = Lock()


def new_ids(model: type[models.Model], count: int) -> list[int]:
    """`count` unused primary keys of this model, ascending. One statement when the pool has too few, else none."""
    with _lock:
        pool = _pools.setdefault((str(connection.settings_dict["NAME"]), model._meta.db_table), deque())
        if len(pool) < count:
            _refill(pool, model._meta.db_table, str(model._meta.pk.column), max(BLOCK, count))
        return [pool.popleft() for _ in range(count)]


def forget_pools() -> None:
    """Drop what is pooled: in a forked child, and where a test resets its sequences."""
    global _lock
    # Somebody else of the parent may have held it while this child was made.
    _lock = Lock()
    _pools.clear()


def _refill(pool: deque[int], table: str, column: str, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [sequence_of(table, column), count])
        pool.extend(row[0] for row in cursor.fetchall())


@cache
def sequence_of(table: str, column: str) -> str:
    """The sequence behind an identity column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
        return str(cursor.fetchone()[0])


# Two processes must never hand out the same pooled value.
os.register_at_fork(after_in_child=forget_pools)
