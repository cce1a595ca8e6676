"""Small writes of one unit of work, gathered and sent to the database as one text of several statements.

A COPY of a single row costs a tenth of a millisecond and two round trips before the row is even looked at, and the work
of one order writes some fifteen tables. Sent together they take one round trip. Large sets leave by COPY as they come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from django.db import connection
from psycopg.pq import Escaping

from ordercenter.common.fsm import ConcurrentTransition

# Up to here an INSERT with its values in the text is cheaper than a COPY.
FEW_ROWS = 24

_ESCAPE = re.compile(r"\\(.)")
_MEANING = {"t": "\t", "n": "\n", "r": "\r"}


class StatementCounter:
    """Counts the statements of this process that the database wrapper does not see: COPY, and those sent together."""

    unseen = 0


@contextmanager
def counted_statements() -> Iterator[Callable[[], int]]:
    """Count the statements of this connection during the block, COPY and gathered ones included."""
    seen = -StatementCounter.unseen

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        seen += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield lambda: seen + StatementCounter.unseen


class Gathering:
    """Statements that wait to be sent, in the order in which they were written."""

    def __init__(self) -> None:
        self._statements: list[str] = []
        # Per statement: whose rows it changes and how many it must find; None for an INSERT, which fails by itself.
        self._expected: list[tuple[str, int] | None] = []

    def insert(self, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
        """Add rows given as lines in COPY's text form."""
        quote = Escaping(_driver().pgconn).escape_literal
        names = ", ".join(f'"{column}"' for column in columns)
        rows = ("(" + ", ".join(_literal(value, quote) for value in line.split("\t")) + ")" for line in lines)
        self._statements.append(f'INSERT INTO "{table}" ({names}) VALUES {", ".join(rows)}')
        self._expected.append(None)

    def update(self, sql: str, parameters: Sequence[Any], *, label: str, rows: int) -> None:
        """Add an UPDATE that has to find exactly this many rows."""
        self._statements.append(psycopg.ClientCursor(_driver()).mogrify(sql, parameters))
        self._expected.append((label, rows))

    def send(self) -> None:
        """Send what waits. Raises ConcurrentTransition where an UPDATE found fewer rows than it had to."""
        if not self._statements:
            return
        statements, expected = self._statements, self._expected
        self._statements, self._expected = [], []
        StatementCounter.unseen += len(statements) - 1
        with connection.cursor() as cursor:
            cursor.execute(";\n".join(statements))
            for wanted in expected:
                if wanted is not None:
                    require_rows(*wanted, found=cursor.rowcount)
                cursor.nextset()


def require_rows(label: str, rows: int, *, found: int) -> None:
    """Raises ConcurrentTransition when an UPDATE of `rows` rows of the model found fewer."""
    if found != rows:
        raise ConcurrentTransition(f"{label}: {rows - found} of {rows} rows moved on meanwhile")


_open: ContextVar[Gathering | None] = ContextVar("gathering", default=None)


def open_gathering() -> Gathering | None:
    """What the writes of this moment are gathered in, if they are."""
    return _open.get()


@contextmanager
def gathered() -> Iterator[None]:
    """Gather the small writes of the block and send them at its end; nothing is sent when it fails."""
    gathering = Gathering()
    token = _open.set(gathering)
    try:
        yield
        gathering.send()
    finally:
        _open.reset(token)


def _driver() -> psycopg.Connection[Any]:
    connection.ensure_connection()
    driver: psycopg.Connection[Any] = connection.connection
    return driver


def _literal(value: str, quote: Any) -> str:
    if value == "\\N":
        return "NULL"
    if "\\" in value:
        value = _ESCAPE.sub(lambda found: _MEANING.get(found[1], found[1]), value)
    return str(bytes(quote(value.encode())), "utf-8")
