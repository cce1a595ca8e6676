"""How an answer goes wrong on demand: not made, cut short, made unreadable, made huge, or never given."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from channels_sync.sandbox import hostile
from channels_sync.sandbox.platforms import Reply
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.world import World

logger = logging.getLogger(__name__)

MOST_HELD = 4
BROKEN = Reply(b"<html><body>500 Internal Server Error</body></html>", status=500, content_type="text/html")
GARBAGE = Reply("<html><body>系统繁忙，请稍后再试</body>".encode("gbk"), content_type="text/html")
_bomb = cache(hostile.gzip_bomb)


@dataclass(frozen=True, kw_only=True)
class Mood:
    """How one answer may go wrong: shares between 0 and 1, drawn one after another. slow_ms: before the answer."""

    broken: float = 0.0
    silent: float = 0.0
    garbage: float = 0.0
    hostile: float = 0.0
    huge: float = 0.0
    slow_ms: int = 0

    @property
    def is_good(self) -> bool:
        return not (self.broken or self.silent or self.garbage or self.hostile or self.huge)


def mood_of(switches: Switches) -> Mood:
    """How a selling platform answers."""
    return Mood(
        broken=switches.http_500,
        silent=switches.no_answer,
        garbage=switches.garbage,
        hostile=switches.hostile,
        huge=switches.huge_answer,
        slow_ms=switches.slow_ms,
    )


class Misbehaviour:
    """Lets answers go wrong, with the world's own dice."""

    def __init__(self, world: World):
        self.world = world
        self._held = threading.BoundedSemaphore(MOST_HELD)

    def answer(self, connection: Any, process: Callable[[], Reply], mood: Mood, *, hold_s: float = 0.0) -> Reply:
        """The answer that `process` makes, or what the mood makes of it.

        connection: the caller's socket, to be cut; None where there is none. Raises ConnectionAbortedError when nobody
        gets an answer.
        """
        if mood.slow_ms:
            time.sleep(mood.slow_ms / 1000)
        if mood.is_good:
            return process()
        draw = self.world.rng.random
        if draw() < mood.broken:
            return BROKEN
        reply = process()
        if draw() < mood.silent:
            self._cut(connection, hold_s)
        if not isinstance(reply.body, bytes):
            return reply
        if draw() < mood.garbage:
            return GARBAGE if draw() < 0.5 else replace(reply, body=reply.body[: len(reply.body) // 2])
        if draw() < mood.hostile:
            return self._hostile(reply)
        if draw() < mood.huge:
            return replace(reply, body=hostile.huge_after(reply.body))
        return reply

    def _hostile(self, reply: Reply) -> Reply:
        choice = self.world.rng.randrange(len(hostile.BODIES) + 1)
        if choice == len(hostile.BODIES):
            return replace(reply, body=_bomb(), headers={**reply.headers, "Content-Encoding": "gzip"})
        return replace(reply, body=hostile.BODIES[choice])

    def _cut(self, connection: Any, hold_s: float) -> None:
        """Keep the caller waiting for a while, if a thread can be spared, and hang up."""
        hold_s = min(hold_s, 60)
        if hold_s and self._held.acquire(blocking=False):
            try:
                time.sleep(hold_s)
            finally:
                self._held.release()
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("the caller hung up first")
        raise ConnectionAbortedError
