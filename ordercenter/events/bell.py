"""Ringing Celery for commands that wait, from a thread of its own: a broker in trouble never keeps the relay waiting.

What waits is found in the table, so a lost ring costs a moment, never a command.
"""

from __future__ import annotations

import queue
import threading
import time

import structlog

from ordercenter.events.tasks import send_outgoing

logger = structlog.get_logger(__name__)

# A receiver is not rung again sooner: the drain that the last ring started lingers and takes what comes in between.
REST_S = 0.5
TROUBLE_REST_S = 5.0


class Bell:
    """Rings for receivers, at most once in REST_S each."""

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._last: dict[str, float] = {}
        self._silent_until = 0.0
        self._thread = threading.Thread(target=self._ring_on, name="bell", daemon=True)
        self._thread.start()

    def ring(self, targets: list[str]) -> None:
        """Ask the workers to send what waits for these receivers. Returns at once."""
        now = time.monotonic()
        if now < self._silent_until:
            return
        for target in targets:
            if now - self._last.get(target, 0.0) >= REST_S:
                self._last[target] = now
                self._wanted.put(target)

    def stop(self) -> None:
        self._wanted.put(None)

    def _ring_on(self) -> None:
        while (target := self._wanted.get()) is not None:
            try:
                send_outgoing.apply_async(kwargs={"target": target}, retry=False, expires=60)
            except Exception as error:  # noqa: BLE001 - the border of the thread: a bell that died would never ring again
                # Refused, silent, loading its data, out of memory: everything still waits in the table.
                logger.warning("bell.broker_away", error=f"{type(error).__name__}: {error}"[:200])
                self._silent_until = time.monotonic() + TROUBLE_REST_S
