"""One transaction of the relay: reactions that need not wait, and rows that are written once, at its end.

An order that has just been taken in cannot be in anyone else's hands, and nothing about it waits anywhere. So the
relay lets the handlers that say `at_once` run on such facts right after the reader, in the reader's transaction, with
the rows still in memory: no second claim, no second reading, one commit. When that fails, everything is rolled back and
done in two steps as usual.

For the same reason a row that the transaction makes is not written before its end: what happens to it meanwhile happens
in memory, and it leaves once, as it is in the end. A statement that asks for one of the tables meanwhile finds
everything written: it is looked at before it is sent. `apart()` is for statements that ask for what others have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from django.db import connection

from ordercenter.common import bulk
from ordercenter.common.gathering import gathered
from ordercenter.events.registry import Handler, Recorded


class Birthplace(Protocol):
    """The unit of work that is at work at present."""

    def settle_births(self, model: type, rows: Sequence[Any]) -> None:
        """New rows are about to be written: keep the moves that they have made by now for the log."""


class Ahead:
    """What one transaction of the relay has made so far, and which reactions to it are due in the same transaction."""

    def __init__(self) -> None:
        self.is_collecting = True
        self.rows: dict[type, dict[Any, Any]] = {}
        self.work: Birthplace | None = None
        # What the units of work of this transaction may keep for each other, by a key of their own.
        self.shared: dict[Any, Any] = {}
        self._subjects: set[str] = set()
        self._last_words: list[Callable[[], None]] = []
        self._settling: list[Callable[[], None]] = []
        self._due: dict[str, tuple[Handler, list[Recorded]]] = {}
        self._unwritten: dict[type, list[Any]] = {}
        self._lines: dict[str, bulk.Lines] = {}
        self._updates: dict[str, list[bulk.Update]] = {}
        self._apart = 0

    def remember(self, new: Mapping[type, Sequence[Any]], changed: Mapping[type, Mapping[Any, Any]]) -> None:
        """Take note of the rows that a unit of work made, and forget rows that a later one has written over."""
        if any(self.rows.get(model, {}).keys() & rows.keys() for model, rows in changed.items()):
            self.rows.clear()
        for model, instances in new.items():
            self.rows.setdefault(model, {}).update((row.pk, row) for row in instances)
            name = model._meta.model_name  # type: ignore[attr-defined]
            self._subjects.update(f"{name}:{row.pk}" for row in instances)

    def made(self, subject: str) -> bool:
        """Whether this transaction made that subject."""
        return subject in self._subjects

    def takes(self, handler: Handler, subject: str) -> bool:
        """Whether this handler's reaction to a fact about this subject happens in this transaction."""
        return self.is_collecting and handler.at_once and self.made(subject)

    def add(self, handler: Handler, recorded: Recorded) -> None:
        self._due.setdefault(handler.name, (handler, []))[1].append(recorded)

    def keep(self, model: type, instances: Sequence[Any]) -> None:
        """New rows: written at the end, or when somebody asks for them."""
        self._unwritten.setdefault(model, []).extend(instances)

    def keep_lines(self, lines: bulk.Lines) -> None:
        """Rows that are lines already; always the same columns for a table."""
        if lines.table in self._lines:
            self._lines[lines.table].lines.extend(lines.lines)
        elif lines.lines:
            self._lines[lines.table] = bulk.Lines(lines.table, lines.columns, list(lines.lines))

    def keep_update(self, update: bulk.Update) -> None:
        """A change of rows that others can see, with its values as they are now."""
        self._updates.setdefault(update.table, []).append(update)

    def unwritten(self, model: type) -> set[int]:
        """The identities (`id()`) of the instances of this model that are kept and not yet written."""
        return {id(row) for row in self._unwritten.get(model, ())}

    def at_the_end(self, write: Callable[[], None]) -> None:
        """Let this be called when the reactions have run, in the same transaction; few writes leave with all others."""
        self._last_words.append(write)

    def settle_last(self, settle: Callable[[], None]) -> None:
        """Let this be called when everything else is written: what locks rows that everybody wants."""
        self._settling.append(settle)

    def run(self) -> None:
        """Run what is due, then write. What these handlers tell in turn goes the usual way."""
        self.is_collecting = not self._due
        for handler, events in self._due.values():
            handler.run(events)
        with gathered():
            for write in self._last_words:
                write()
            self.write()
        for settle in self._settling:
            settle()

    def write(self) -> None:
        """Write what is kept, as it is now."""
        for model, rows in self._unwritten.items():
            if self.work is not None:
                self.work.settle_births(model, rows)
        unwritten, self._unwritten = self._unwritten, {}
        kept, self._lines = self._lines, {}
        updates, self._updates = self._updates, {}
        for model, rows in unwritten.items():
            bulk.insert_instances(model, rows)
        for lines in kept.values():
            lines.send()
        for changes in updates.values():
            for update in changes:
                update.send()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Statements of the block do not ask for what this transaction keeps."""
        self._apart += 1
        try:
            yield
        finally:
            self._apart -= 1

    def look_at(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Before a statement is sent: has it a right to see what is kept? Then it is written now."""
        if not self._apart and (self._unwritten or self._lines or self._updates):
            text = str(sql)
            tables = [model._meta.db_table for model in self._unwritten]  # type: ignore[attr-defined]
            # What is written within a savepoint would go with it.
            if any(word in text for word in ("SAVEPOINT", *tables, *self._lines, *self._updates)):
                with gathered():
                    self.write()
        return execute(sql, params, many, context)


_ahead: ContextVar[Ahead | None] = ContextVar("ahead", default=None)


def current() -> Ahead | None:
    """That of the relay's transaction, if it looks ahead."""
    return _ahead.get()


def born_rows() -> Mapping[type, Mapping[Any, Any]]:
    """Rows that an earlier unit of work of this transaction made, by model and key: nobody else can have them."""
    ahead = _ahead.get()
    return {} if ahead is None or ahead.is_collecting else ahead.rows


@contextmanager
def apart() -> Iterator[None]:
    """The statements of the block ask for what others have: they need not find what this transaction makes."""
    ahead = _ahead.get()
    if ahead is None:
        yield
        return
    with ahead.apart():
        yield


def leave(what: bulk.Lines | bulk.Update) -> None:
    """Let this be written: at the end of the relay's transaction where there is one, else now."""
    ahead = _ahead.get()
    if ahead is None:
        what.send()
    elif isinstance(what, bulk.Update):
        ahead.keep_update(what)
    else:
        ahead.keep_lines(what)


@contextmanager
def looking(ahead: Ahead) -> Iterator[None]:
    """Use this one during the block."""
    token = _ahead.set(ahead)
    try:
        with connection.execute_wrapper(ahead.look_at):
            yield
    finally:
        _ahead.reset(token)
