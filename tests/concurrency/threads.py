"""Several at one instant, on connections of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


def at_once(*works: Callable[[], Any], timeout_s: float = 60) -> list[Any]:
    """Run these in a thread each, all let go at the same moment. Answers in order; an exception is an answer, too."""
    barrier = threading.Barrier(len(works))
    answers: list[Any] = [None] * len(works)

    def run(number: int, work: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout_s)
            answers[number] = work()
        except Exception as error:  # noqa: BLE001 - the caller judges it
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout_s)
        assert not thread.is_alive(), "somebody waits for ever"
    return answers


def errors(answers: Sequence[Any]) -> list[str]:
    """The kinds of the exceptions among the answers."""
    return sorted(type(answer).__name__ for answer in answers if isinstance(answer, Exception))


def deadlocks() -> int:
    """How many deadlocks the database has had to break since it started."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
