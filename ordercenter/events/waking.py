"""Waking a background task from the relay, after the commit, without ever waiting for the broker.

The task finds its work in the tables, and beat rings for it as well: a lost ring costs some seconds, never work.
"""

from __future__ import annotations

import queue
import threading
import time
from functools import cache, partial

import structlog
from celery import current_app
from django.db import transaction

logger = structlog.get_logger(__name__)
# What is wanted again meanwhile is rung for once, after this.
REST_S = 0.2


def wake_after_commit(task: str) -> None:
    """Let a worker run this task (its registered name) once the open transaction is committed. Returns at once."""
    transaction.on_commit(partial(_wanted().put, task))


@cache
def _wanted() -> queue.SimpleQueue[str]:
    wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_ring_on, args=(wanted,), name="waking", daemon=True).start()
    return wanted


def _ring_on(wanted: queue.SimpleQueue[str]) -> None:
    while True:
        tasks = {wanted.get()}
        while not wanted.empty():
            tasks.add(wanted.get())
        for task in sorted(tasks):
            _ring(task)
        time.sleep(REST_S)


def _ring(task: str) -> None:
    try:
        current_app.send_task(task, retry=False, expires=60)
    except Exception as error:  # noqa: BLE001 - the border of the thread: one that died would never ring again
        logger.warning("waking.broker_away", task=task, error=f"{type(error).__name__}: {error}"[:200])
