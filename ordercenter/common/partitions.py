"""Tables partitioned by month: turned so while empty by a migration, given new months by a daily job.

PostgreSQL wants the partition column in every unique key, so the primary key becomes (id, column); ids still come from
one sequence. A default partition catches rows outside the prepared months: nothing is ever refused for want of a
partition.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import connection, transaction
from django.db.migrations.operations.base import Operation

# Every partitioned table with its column; the daily job prepares months for these.
PARTITIONED: tuple[tuple[str, str], ...] = (
    ("events_event", "recorded_at"),
    ("audit_state_change", "at"),
    ("fulfillment_trackingscan", "at"),
)
MONTHS_AHEAD = 2


class PartitionByMonth(Operation):
    """Rebuild an empty table as partitioned by month of a timestamp column, with the same columns and indexes."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, table: str, column: str):
        self.table, self.column = table, column

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__qualname__, [], {"table": self.table, "column": self.column}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The model does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        # Fresh tables have their indexes still waiting in the editor: they have to exist before they can be copied.
        for statement in [s for s in schema_editor.deferred_sql if s.references_table(self.table)]:
            schema_editor.execute(statement)
            schema_editor.deferred_sql.remove(statement)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT LIKE %s",
                [self.table, "%\\_pkey"],
            )
            indexes = [row[0] for row in cursor.fetchall()]
            cursor.execute(f'ALTER TABLE "{self.table}" RENAME TO "{self.table}_whole"')
            cursor.execute(
                f'CREATE TABLE "{self.table}" (LIKE "{self.table}_whole" INCLUDING DEFAULTS INCLUDING IDENTITY '
                f'INCLUDING CONSTRAINTS) PARTITION BY RANGE ("{self.column}")'
            )
            cursor.execute(f'DROP TABLE "{self.table}_whole"')
            cursor.execute(f'ALTER TABLE "{self.table}" ADD PRIMARY KEY (id, "{self.column}")')
            for statement in indexes:
                cursor.execute(statement)
            cursor.execute(f'CREATE TABLE "{self.table}_other" PARTITION OF "{self.table}" DEFAULT')

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Nothing to undo: the operation that made the table drops it, partitions and all."""

    def describe(self) -> str:
        return f"Partition {self.table} by month of {self.column}"


def ensure_partitions(*, today: date, months_ahead: int = MONTHS_AHEAD) -> list[str]:
    """Create the missing month partitions from this month on; returns the names of the new ones.

    Several processes may ask at once, as relays do when they start: one makes a partition, the others wait and find it.
    """
    created = []
    for table, column in PARTITIONED:
        for ahead in range(months_ahead + 1):
            first, following = _month(today, ahead), _month(today, ahead + 1)
            name = f"{table}_{first:%Y%m}"
            if not _is_there(name) and _create_alone(table, column, name, first, following):
                created.append(name)
    return created


def _is_there(name: str) -> bool:
    # Asked of the table, not by to_regclass(): that may still answer from what it knew before a lock was waited for.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = %s)", [name]
        )
        return bool(cursor.fetchone()[0])


def _create_alone(table: str, column: str, name: str, first: date, following: date) -> bool:
    """Whole or not at all: a process that dies halfway must not leave moved rows in a table that nothing reads."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('partitions'), 0)")
        if _is_there(name):
            return False
        _create(cursor, table, column, name, first, following)
        return True


def _create(cursor: Any, table: str, column: str, name: str, first: date, following: date) -> None:
    bounds = [f"{first:%Y-%m-%d} 00:00:00+00", f"{following:%Y-%m-%d} 00:00:00+00"]
    cursor.execute(f'CREATE TABLE "{name}" (LIKE "{table}" INCLUDING DEFAULTS INCLUDING CONSTRAINTS)')
    # Rows of that month that the default partition caught meanwhile have to move before it may be attached.
    cursor.execute(
        f'WITH moved AS (DELETE FROM "{table}_other" WHERE "{column}" >= %s AND "{column}" < %s RETURNING *) '
        f'INSERT INTO "{name}" SELECT * FROM moved',
        bounds,
    )
    cursor.execute(f'ALTER TABLE "{table}" ATTACH PARTITION "{name}" FOR VALUES FROM (%s) TO (%s)', bounds)


def _month(today: date, ahead: int) -> date:
    months = today.year * 12 + today.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)
