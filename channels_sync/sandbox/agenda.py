"""What is due when: one heap, one thread. Buyers who pay later, parcels that leave, messages tried again."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from itertools import count

logger = logging.getLogger(__name__)


class Agenda:
    """Things to do at an instant, in Unix milliseconds. `run_due` does them; `start` lets a thread call it."""

    def __init__(self, clock: Callable[[], int]):
        self._clock = clock
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._wake = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def at(self, due_ms: int, deed: Callable[[], None]) -> None:
        """Do this at that instant, or right away when it is past."""
        with self._wake:
            heapq.heappush(self._heap, (due_ms, next(self._order), deed))
            if self._heap[0][0] == due_ms:
                self._wake.notify()

    def run_due(self, *, most: int = 200) -> int:
        """Do what is due, in order, at most so many. Returns how many were done; one that fails is logged."""
        done = 0
        while done < most:
            with self._wake:
                if not self._heap or self._heap[0][0] > self._clock():
                    break
                deed = heapq.heappop(self._heap)[2]
            try:
                deed()
            except Exception:
                # The border of the agenda's thread: one broken deed must not stop the played world.
                logger.exception("a deed of the sandbox failed")
            done += 1
        return done

    def clear(self) -> None:
        with self._wake:
            self._heap.clear()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="sandbox-agenda", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped:
            if self.run_due():
                # Let requests have the lock between two bursts of a play at full speed.
                time.sleep(0.0005)
                continue
            with self._wake:
                if self._stopped:
                    break
                wait_ms = self._heap[0][0] - self._clock() if self._heap else 60_000
                if wait_ms > 0:
                    self._wake.wait(wait_ms / 1000)
