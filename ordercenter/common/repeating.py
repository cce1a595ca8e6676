"""Requests that the database broke off for another one's sake: done once more instead of shown as an error.

Two transactions that wait for each other (a deadlock), that cannot be put in an order (a serialisation failure), or
of which one would have to wait out of turn (`inventory.services.levels`): the database undoes one of them whole, and
the same request mostly goes through a moment later. It is repeated only while nothing of it is kept by the database:
what a first part of it has changed for good would be done twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict

logger = structlog.get_logger(__name__)

# SQLSTATE: deadlock detected, serialisation failure, lock not available.
BROKEN_OFF = frozenset({"40P01", "40001", "55P03"})
# One that is broken off three times meets something that a fourth time would meet as well.
TRIES = 3
PAUSE_S = 0.05
_READS = frozenset({"SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SHOW", "SET", "EXPLAIN"})


class Watch:
    """What one attempt has changed for good so far."""

    def __init__(self) -> None:
        self.is_kept = False

    def keep(self) -> None:
        """Something of it is in the database now."""
        self.is_kept = True

    def look_at(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """A statement that changes something counts when its transaction is committed."""
        if str(sql).lstrip(" (\n").partition(" ")[0].upper() not in _READS:
            transaction.on_commit(self.keep)
        return execute(sql, params, many, context)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


def keeps_when_committed() -> None:
    """For writes that go past the statements of the framework (COPY): this transaction changes something."""
    watch = _watch.get()
    if watch is not None:
        transaction.on_commit(watch.keep)


def was_broken_off(error: BaseException) -> bool:
    """Whether the database undid this work for the sake of another one's."""
    return isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", None) in BROKEN_OFF


@contextmanager
def _watching() -> Iterator[Watch]:
    watch = Watch()
    token = _watch.set(watch)
    try:
        with connection.execute_wrapper(watch.look_at):
            yield watch
    finally:
        _watch.reset(token)


def repeated(attempt: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of this attempt, made again up to `TRIES` times where the database broke it off and kept nothing.

    Raises whatever else it raises, and the database's error when it was the last time.
    """
    for number in range(1, TRIES):
        with _watching() as watch:
            try:
                return attempt()
            except OperationalError as error:
                if not was_broken_off(error) or watch.is_kept or connection.in_atomic_block:
                    raise
                logger.warning("request.broken_off", attempt=number, error=str(error).partition("\n")[0])
        # Not both at the same moment again.
        time.sleep(PAUSE_S * number * (1 + random.random()))
    return attempt()


class RepeatBrokenOff:
    """Runs every page through `repeated`. The last middleware, so that all others have had their say."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse:
        """Answers in the view's stead."""

        def attempt() -> HttpResponse:
            # What is not read by now is left to the view: the API reads its bodies itself.
            for _name, uploads in request.__dict__.get("_files", MultiValueDict()).lists():
                for upload in uploads:
                    upload.seek(0)
            return view(request, *args, **kwargs)

        return repeated(attempt)
