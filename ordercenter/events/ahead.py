"""Reactions that need not wait: facts about what this very transaction made are handled in it.

An order that has just been taken in cannot be in anyone else's hands, and nothing about it waits anywhere. So the
relay lets the handlers that say `at_once` run on such facts right after the reader, in the reader's transaction, with
the rows still in memory: no second claim, no second reading, one commit. When that fails, everything is rolled back and
done in two steps as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ordercenter.common.gathering import gathered
from ordercenter.events.registry import Handler, Recorded


class Ahead:
    """What one transaction of the relay has made so far, and which reactions to it are due in the same transaction."""

    def __init__(self) -> None:
        self.is_collecting = True
        self.rows: dict[type, dict[Any, Any]] = {}
        self._subjects: set[str] = set()
        self._last_words: list[Callable[[], None]] = []
        self._due: dict[str, tuple[Handler, list[Recorded]]] = {}

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

    def at_the_end(self, write: Callable[[], None]) -> None:
        """Let this be called when the reactions have run, in the same transaction."""
        self._last_words.append(write)

    def run(self) -> None:
        """Run what is due. What these handlers tell in turn goes the usual way."""
        self.is_collecting = not self._due
        for handler, events in self._due.values():
            handler.run(events)
        with gathered():
            for write in self._last_words:
                write()


_ahead: ContextVar[Ahead | None] = ContextVar("ahead", default=None)


def current() -> Ahead | None:
    """That of the relay's transaction, if it looks ahead."""
    return _ahead.get()


def born_rows() -> Mapping[type, Mapping[Any, Any]]:
    """Rows that an earlier unit of work of this transaction made, by model and key: nobody else can have them."""
    ahead = _ahead.get()
    return {} if ahead is None or ahead.is_collecting else ahead.rows


@contextmanager
def looking(ahead: Ahead) -> Iterator[None]:
    """Use this one during the block."""
    token = _ahead.set(ahead)
    try:
        yield
    finally:
        _ahead.reset(token)
